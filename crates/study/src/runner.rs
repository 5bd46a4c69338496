//! Runs the cells of a grid that are not there yet, one by one, and says what there is.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use serde::Serialize;
use spiketext::{Error, Result, files::write_atomically};
use spiketext_train::events::Event;

use crate::{
    archive,
    cell::{Cell, FORMAT, Settings},
    cells::CellMaker,
    context::{CellContext, Sources},
    grid::{Grid, PlannedCell},
    identity::{deciding, difference},
    machine,
};

/// What is known of a cell's result file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// There is none.
    Missing,
    /// It is there, made with these choices.
    Done,
    /// It is there but made otherwise; how, in words.
    Otherwise(String),
}

/// What bounds a run of the study.
#[derive(Clone, Debug, Default)]
pub struct Limits {
    /// Whether cells that were made with other choices are run again.
    pub again: bool,
    /// No cell is begun after this time.
    pub time: Option<Duration>,
    /// No more cells than this are run.
    pub cells: Option<usize>,
}

/// What the runner tells while it works.
#[derive(Debug)]
pub enum Progress<'a> {
    /// A cell begins.
    Begun {
        /// The cell as it was planned.
        cell: &'a PlannedCell,
        /// Cells done so far, those of earlier runs included.
        done: usize,
        /// All cells that were asked for.
        of: usize,
    },
    /// Training of the cell tells something.
    Training(&'a Event),
    /// A cell is finished and its file written.
    Finished {
        /// The cell as its file holds it.
        cell: &'a Cell,
        /// Cells done so far, those of earlier runs included.
        done: usize,
        /// All cells that were asked for.
        of: usize,
        /// Mean seconds of the cells of this run.
        mean_seconds: f64,
        /// Seconds for the rest, if they take as long on average.
        seconds_left: f64,
    },
    /// A cell could not be made; the study goes on.
    Failed {
        /// The cell as it was planned.
        cell: &'a PlannedCell,
        /// The error in words.
        message: String,
    },
    /// A cell's file was made with other choices and stays.
    Otherwise {
        /// The cell as it was planned.
        cell: &'a PlannedCell,
        /// The first choice that differs, in words.
        message: String,
    },
}

/// What a run of the study came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Outcome {
    /// Cells run now.
    pub run: usize,
    /// Cells that were there.
    pub there: usize,
    /// Cells that were there with other choices, and stay.
    pub otherwise: usize,
    /// Cells that could not be made.
    pub failed: usize,
    /// Cells still missing, the failed ones included.
    pub missing: usize,
}

/// The finished cells of a study: files in a folder, and the archive beside it.
struct Results<'a> {
    folder: &'a Path,
    packed: BTreeMap<String, Cell>,
}

impl<'a> Results<'a> {
    fn open(folder: &'a Path) -> Result<Self> {
        let archive = archive::beside(folder);
        let cells = if archive.exists() { archive::read(&archive)? } else { Vec::new() };
        Ok(Self { folder, packed: cells.into_iter().map(|cell| (cell.id(), cell)).collect() })
    }

    /// The state of a cell that is to be made with `settings`. Where `any_vectors`, those of the result do not
    /// matter.
    fn state_of(&self, cell: &PlannedCell, settings: &Settings, any_vectors: bool) -> State {
        let path = self.folder.join(format!("{}.json", cell.id()));
        let single = match path.exists().then(|| Cell::read(&path)).transpose() {
            Ok(found) => found,
            Err(error) => return State::Otherwise(format!("not to be read: {error}")),
        };
        let Some(found) = single.as_ref().or_else(|| self.packed.get(&cell.id())) else { return State::Missing };
        if found.method != cell.method {
            return State::Otherwise(format!("made by the method {}", found.method.name()));
        }
        // Cells that were made before answers were digested are good for any, and where the teacher is not at hand nobody
        // can tell.
        let any_answers = found.settings.answers.is_none() || settings.answers.is_none();
        let of = |settings: &Settings| {
            let deciding = deciding(settings, cell.method, any_vectors);
            Settings { answers: deciding.answers.filter(|_| !any_answers), ..deciding }
        };
        match difference(&of(&found.settings), &of(settings)) {
            Some(difference) => State::Otherwise(format!("made with other choices: {difference}")),
            // A choice is made among cells of one digest.
            None if cell.fold.is_some() && found.settings.digest() != settings.digest() => {
                let told = difference(&found.settings, settings).unwrap_or_default();
                State::Otherwise(format!("made with other choices that do not matter here: {told}"))
            }
            None => State::Done,
        }
    }
}

/// The state of every cell of a grid. Word vectors count only for languages whose file `sources` names.
///
/// # Errors
/// If the language of a data set in a file cannot be found.
pub fn list(grid: &Grid, sources: &Sources, out: &Path) -> Result<Vec<State>> {
    let results = Results::open(out)?;
    let mut context = CellContext::new(sources, &grid.datasets);
    let mut states = Vec::with_capacity(grid.cells.len());
    for cell in &grid.cells {
        let settings = context.settings(cell)?;
        let any = !sources.vectors.contains_key(context.language(&cell.dataset)?.name());
        states.push(results.state_of(cell, &settings, any));
    }
    Ok(states)
}

/// Runs the cells that are missing, in the grid's order. `asked` picks the cells that count.
///
/// # Errors
/// If a data set or the vectors of a language cannot be read (before the first cell), or a file cannot be written.
pub fn run(
    grid: &Grid,
    asked: impl Fn(&PlannedCell) -> bool,
    sources: &Sources,
    out: &Path,
    limits: &Limits,
    observer: &mut (dyn FnMut(Progress<'_>) + Send),
) -> Result<Outcome> {
    let started = Instant::now();
    std::fs::create_dir_all(out).map_err(Error::write(out))?;
    let cells: Vec<&PlannedCell> = grid.cells.iter().filter(|cell| asked(cell)).collect();
    let mut maker = CellMaker::new(CellContext::new(sources, &grid.datasets));
    for cell in &cells {
        maker.context.dataset_of(cell)?;
    }
    if let Some(path) = sources.vectors.values().find(|path| !path.is_file()) {
        std::fs::File::open(path).map_err(Error::read(path))?;
        return Err(Error::invalid("study", "word vectors in a file", path.display().to_string()));
    }
    let results = Results::open(out)?;
    let mut outcome = Outcome::default();
    let mut open = Vec::new();
    for cell in &cells {
        let settings = maker.context.settings(cell)?;
        match results.state_of(cell, &settings, false) {
            State::Done => outcome.there += 1,
            State::Otherwise(message) if !limits.again => {
                outcome.otherwise += 1;
                observer(Progress::Otherwise { cell, message });
            }
            State::Missing | State::Otherwise(_) => open.push((*cell, settings)),
        }
    }
    maker.expect(open.iter().map(|(cell, _)| *cell));
    let machine = machine::in_words(rayon::current_num_threads());
    let (of, before) = (cells.len(), outcome.there + outcome.otherwise);
    let all = open.len();
    for (cell, settings) in open {
        let late = limits.time.is_some_and(|time| started.elapsed() >= time);
        if late || limits.cells.is_some_and(|most| outcome.run >= most) {
            break;
        }
        observer(Progress::Begun { cell, done: before + outcome.run, of });
        let result = match maker.make(cell, &mut |event| observer(Progress::Training(event))) {
            Ok(result) => result,
            Err(error) => {
                outcome.failed += 1;
                observer(Progress::Failed { cell, message: error.to_string() });
                continue;
            }
        };
        let finished = Cell {
            format: FORMAT,
            table: cell.table.clone(),
            row: cell.row.clone(),
            axis: cell.axis.clone(),
            dataset: cell.dataset.clone(),
            seed: cell.seed,
            fold: cell.fold,
            selected: cell.selected.clone(),
            method: cell.method,
            family: cell.family(),
            settings,
            measured: result.measured,
            seconds: result.seconds,
            machine: machine.clone(),
            commit: sources.program.clone(),
        };
        finished.write(out)?;
        outcome.run += 1;
        let mean_seconds = started.elapsed().as_secs_f64() / (outcome.run + outcome.failed) as f64;
        observer(Progress::Finished {
            cell: &finished,
            done: before + outcome.run,
            of,
            mean_seconds,
            seconds_left: mean_seconds * (all - outcome.run - outcome.failed) as f64,
        });
    }
    outcome.missing = all - outcome.run;
    Ok(outcome)
}

/// Writes the list of a grid's cells to `NAME.grid.json` beside the folder `out` of that name, for a report that says what
/// is missing, and its goals to `NAME.goals.json`, which goes where there are none.
///
/// # Errors
/// If the system refuses.
pub fn write_expected(grid: &Grid, out: &Path) -> Result<PathBuf> {
    #[derive(Serialize)]
    struct Expected<'a> {
        table: &'a str,
        row: &'a str,
        axis: &'a BTreeMap<String, String>,
        dataset: &'a str,
        seed: u64,
    }
    let expected: Vec<Expected<'_>> = grid
        .cells
        .iter()
        .map(|cell| Expected {
            table: &cell.table,
            row: &cell.row,
            axis: &cell.axis,
            dataset: &cell.dataset,
            seed: cell.seed,
        })
        .collect();
    let broken =
        |error: serde_json::Error| Error::invalid("study grid", "names that JSON can hold", error.to_string());
    // A line each, so that a change of the grid shows as the lines it is.
    let lines =
        expected.iter().map(|cell| serde_json::to_string(cell).map_err(broken)).collect::<Result<Vec<_>>>()?;
    let text = format!("[\n{}\n]\n", lines.join(",\n"));
    let path = archive::with(out, "grid.json");
    write_atomically(&path, text.as_bytes())?;
    let goals = archive::with(out, "goals.json");
    if grid.goals.is_empty() {
        // Those of an earlier grid would be taken for this one's.
        return match std::fs::remove_file(&goals) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::write(&goals)(error)),
            _ => Ok(path),
        };
    }
    let mut text = serde_json::to_string_pretty(&grid.goals).map_err(broken)?;
    text.push('\n');
    write_atomically(&goals, text.as_bytes())?;
    Ok(path)
}
