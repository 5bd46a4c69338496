//! Runs the cells of a grid that are not there yet, one by one, and says what there is.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use serde::Serialize;
use spiketext::{Error, Result, files::write_atomically};
use spiketext_train::{events::Event, recipe::Recipe};

use crate::{
    cell::{Cell, FORMAT, Method},
    cells::{Sources, VECTORS, Workshop},
    grid::{Grid, PlannedCell},
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
pub enum Told<'a> {
    /// A cell begins.
    Begun {
        /// Which.
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
        /// It.
        cell: &'a Cell,
        /// Cells done so far.
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
        /// Which.
        cell: &'a PlannedCell,
        /// Why.
        message: String,
    },
    /// A cell's file was made with other choices and stays.
    Otherwise {
        /// Which.
        cell: &'a PlannedCell,
        /// What differs.
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

/// The file of a cell.
fn path_of(cell: &PlannedCell, out: &Path) -> PathBuf {
    out.join(format!("{}.json", cell.id()))
}

/// The state of a cell whose choices are `choices`. Where `any_vectors`, those of the file do not matter.
fn state_of(cell: &PlannedCell, choices: &str, any_vectors: bool, out: &Path) -> State {
    let path = path_of(cell, out);
    if !path.exists() {
        return State::Missing;
    }
    let found = match Cell::read(&path) {
        Ok(found) => found,
        Err(error) => return State::Otherwise(error.to_string()),
    };
    if found.method != cell.method {
        return State::Otherwise(format!("made by the method {:?}", found.method));
    }
    let of = |text: &str| deciding(text, cell.method, any_vectors);
    let (own, wanted) = (of(&found.choices), of(choices));
    match own.iter().find(|line| !wanted.contains(line)).or_else(|| wanted.iter().find(|line| !own.contains(line))) {
        Some((_, line)) => State::Otherwise(format!("made with other choices: '{line}'")),
        None => State::Done,
    }
}

/// The lines of a cell's choices, each with the part of the recipe it stands in, that decide what `method` measures. A
/// converted network, say, is the same however fine-tuning would go on.
pub(crate) fn deciding(choices: &str, method: Method, any_vectors: bool) -> Vec<(String, String)> {
    let parts: Option<&[&str]> = match method {
        Method::BagOfWords => None,
        Method::Original | Method::Dnn => Some(&["network", "words", "dnn"]),
        Method::Converted => Some(&["network", "words", "dnn", "conversion"]),
        Method::FineTuned => Some(&["network", "words", "dnn", "conversion", "fine-tuning"]),
        Method::Direct => Some(&["network", "words", "fine-tuning", "direct"]),
    };
    // Choices that were written down before there was a field have the value that was the only one then.
    let now = toml::from_str::<Recipe>(choices).map(|recipe| recipe.to_toml());
    let comments = choices.lines().filter(|line| now.is_ok() && line.starts_with('#'));
    let mut part = String::new();
    let mut lines = Vec::new();
    for line in comments.chain(now.as_deref().unwrap_or(choices).lines()) {
        if let Some(header) = line.strip_prefix('[') {
            part = header.trim_end_matches(']').to_owned();
        }
        let first = part.split('.').next().unwrap_or_default();
        let asked = first.is_empty() || parts.is_none_or(|parts| parts.contains(&first));
        if asked && !(any_vectors && line.starts_with(VECTORS)) && !line.trim().is_empty() {
            lines.push((part.clone(), line.to_owned()));
        }
    }
    lines
}

/// The state of every cell of a grid. Word vectors count only for languages whose file `sources` names.
///
/// # Errors
/// If the language of a data set in a file cannot be found.
pub fn list(grid: &Grid, sources: &Sources, out: &Path) -> Result<Vec<State>> {
    let mut workshop = Workshop::new(sources, &grid.datasets);
    let mut states = Vec::with_capacity(grid.cells.len());
    for cell in &grid.cells {
        let choices = workshop.choices(cell)?;
        let any = !sources.vectors.contains_key(workshop.language(&cell.dataset)?.name());
        states.push(state_of(cell, &choices, any, out));
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
    observer: &mut (dyn FnMut(Told<'_>) + Send),
) -> Result<Outcome> {
    let started = Instant::now();
    std::fs::create_dir_all(out).map_err(Error::write(out))?;
    let cells: Vec<&PlannedCell> = grid.cells.iter().filter(|cell| asked(cell)).collect();
    let mut workshop = Workshop::new(sources, &grid.datasets);
    for cell in &cells {
        workshop.dataset(&cell.dataset)?;
    }
    if let Some(path) = sources.vectors.values().find(|path| !path.is_file()) {
        std::fs::File::open(path).map_err(Error::read(path))?;
        return Err(Error::invalid("study", "word vectors in a file", path.display().to_string()));
    }
    let mut outcome = Outcome::default();
    let mut open = Vec::new();
    for cell in &cells {
        let choices = workshop.choices(cell)?;
        match state_of(cell, &choices, false, out) {
            State::Done => outcome.there += 1,
            State::Otherwise(message) if !limits.again => {
                outcome.otherwise += 1;
                observer(Told::Otherwise { cell, message });
            }
            State::Missing | State::Otherwise(_) => open.push((*cell, choices)),
        }
    }
    workshop.expect(open.iter().map(|(cell, _)| *cell));
    let machine = machine::in_words(rayon::current_num_threads());
    let (of, before) = (cells.len(), outcome.there + outcome.otherwise);
    let all = open.len();
    for (cell, choices) in open {
        let late = limits.time.is_some_and(|time| started.elapsed() >= time);
        if late || limits.cells.is_some_and(|most| outcome.run >= most) {
            break;
        }
        observer(Told::Begun { cell, done: before + outcome.run, of });
        let done = match workshop.run(cell, &mut |event| observer(Told::Training(event))) {
            Ok(done) => done,
            Err(error) => {
                outcome.failed += 1;
                observer(Told::Failed { cell, message: error.to_string() });
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
            method: cell.method,
            choices,
            measured: done.measured,
            seconds: done.seconds,
            machine: machine.clone(),
            commit: sources.program.clone(),
        };
        finished.write(out)?;
        outcome.run += 1;
        let mean_seconds = started.elapsed().as_secs_f64() / (outcome.run + outcome.failed) as f64;
        observer(Told::Finished {
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

/// Writes the list of a grid's cells to `grid.json` beside the folder `out`, for a report that says what is missing.
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
    let path = out.with_file_name("grid.json");
    write_atomically(&path, text.as_bytes())?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_is_decided_by_what_it_uses() {
        let lean = Recipe::lean();
        let of = |recipe: &Recipe, method| deciding(&recipe.to_toml(), method, false);
        let set = |setting: &str| lean.clone().with_setting(setting).expect(setting);
        for (setting, decided) in [
            ("network.surrogate={kind=\"triangle\",slope=1.0}", [true; 5]),
            ("dnn.epochs=3", [true, true, true, true, false]),
            ("conversion.normalisation.q=0.5", [false, false, true, true, false]),
            ("fine-tuning.batch=7", [false, false, false, true, true]),
            ("direct.gain=2.0", [false, false, false, false, true]),
        ] {
            let methods = [Method::Original, Method::Dnn, Method::Converted, Method::FineTuned, Method::Direct];
            let differs = methods.map(|method| of(&set(setting), method) != of(&lean, method));
            assert_eq!(differs, decided, "{setting}");
        }
        let older = lean.to_toml().replace("range = 2.0\n", "");
        assert_eq!(deciding(&older, Method::Dnn, false), of(&set("words.range=3.0"), Method::Dnn));
        let named = format!("{VECTORS}en\nname = \"lean\"\n");
        assert_eq!(deciding(&named, Method::Dnn, true).len() + 1, deciding(&named, Method::Dnn, false).len());
    }
}
