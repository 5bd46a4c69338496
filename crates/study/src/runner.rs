//! Runs the cells of a grid that are not there yet, one by one, and says what there is.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use serde::Serialize;
use serde_json::{Map, Value, json};
use spiketext::{Error, Result, files::write_atomically};
use spiketext_train::{events::Event, recipe::Recipe};

use crate::{
    archive,
    cell::{Cell, FORMAT, Method, Settings},
    cells::{Sources, Workshop},
    grid::{Grid, PlannedCell, fields},
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

    /// The state of a cell that is to be made with `settings`. Where `any_vectors`, those of the result do not matter.
    fn state_of(&self, cell: &PlannedCell, settings: &Settings, any_vectors: bool) -> State {
        let path = self.folder.join(format!("{}.json", cell.id()));
        let single = match path.exists().then(|| Cell::read(&path)).transpose() {
            Ok(found) => found,
            Err(error) => return State::Otherwise(error.to_string()),
        };
        let Some(found) = single.as_ref().or_else(|| self.packed.get(&cell.id())) else { return State::Missing };
        if found.method != cell.method {
            return State::Otherwise(format!("made by the method {:?}", found.method));
        }
        let of = |settings: &Settings| decisive(settings, cell.method, any_vectors);
        let (own, wanted) = (of(&found.settings), of(settings));
        match own
            .iter()
            .find(|choice| !wanted.contains(choice))
            .or_else(|| wanted.iter().find(|choice| !own.contains(choice)))
        {
            Some((name, value)) => State::Otherwise(format!("made with other choices: '{name} = {value}'")),
            None => State::Done,
        }
    }
}

/// The settings that decide what `method` measures, each by name.
fn decisive(settings: &Settings, method: Method, any_vectors: bool) -> Vec<(String, Value)> {
    let Settings { vectors, adversarial, attack, choices } = settings;
    let mut named = Vec::new();
    flatten("", &Value::from(deciding(choices.clone(), method)), &mut named);
    for (name, attack) in [("adversarial", adversarial), ("attack", attack)] {
        flatten(name, &json!(attack), &mut named);
    }
    named.extend(vectors.iter().filter(|_| !any_vectors).map(|name| ("vectors".to_owned(), json!(name))));
    named
}

/// Every value inside of `value`, under the names that lead to it.
fn flatten(name: &str, value: &Value, into: &mut Vec<(String, Value)>) {
    match value {
        Value::Object(fields) => {
            for (field, value) in fields {
                let name = if name.is_empty() { field.clone() } else { format!("{name}.{field}") };
                flatten(&name, value, into);
            }
        }
        value => into.push((name.to_owned(), value.clone())),
    }
}

/// The parts of a cell's choices that decide what `method` measures. A converted network, say, is the same however
/// fine-tuning would go on.
pub(crate) fn deciding(choices: Map<String, Value>, method: Method) -> Map<String, Value> {
    let parts: Option<&[&str]> = match method {
        Method::BagOfWords => None,
        Method::Original | Method::Dnn => Some(&["network", "words", "dnn"]),
        Method::Converted => Some(&["network", "words", "dnn", "conversion"]),
        Method::FineTuned => Some(&["network", "words", "dnn", "conversion", "fine-tuning"]),
        Method::Direct => Some(&["network", "words", "fine-tuning", "direct"]),
    };
    // Choices that were written down before there was a field have the value that was the only one then.
    let now = serde_json::from_value::<Recipe>(Value::from(choices.clone())).map(|recipe| fields(&recipe));
    let mut chosen = now.unwrap_or(choices);
    chosen.retain(|part, value| !value.is_object() || parts.is_none_or(|parts| parts.contains(&part.as_str())));
    chosen
}

/// The state of every cell of a grid. Word vectors count only for languages whose file `sources` names.
///
/// # Errors
/// If the language of a data set in a file cannot be found.
pub fn list(grid: &Grid, sources: &Sources, out: &Path) -> Result<Vec<State>> {
    let results = Results::open(out)?;
    let mut workshop = Workshop::new(sources, &grid.datasets);
    let mut states = Vec::with_capacity(grid.cells.len());
    for cell in &grid.cells {
        let settings = workshop.settings(cell)?;
        let any = !sources.vectors.contains_key(workshop.language(&cell.dataset)?.name());
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
    let results = Results::open(out)?;
    let mut outcome = Outcome::default();
    let mut open = Vec::new();
    for cell in &cells {
        let settings = workshop.settings(cell)?;
        match results.state_of(cell, &settings, false) {
            State::Done => outcome.there += 1,
            State::Otherwise(message) if !limits.again => {
                outcome.otherwise += 1;
                observer(Told::Otherwise { cell, message });
            }
            State::Missing | State::Otherwise(_) => open.push((*cell, settings)),
        }
    }
    workshop.expect(open.iter().map(|(cell, _)| *cell));
    let machine = machine::in_words(rayon::current_num_threads());
    let (of, before) = (cells.len(), outcome.there + outcome.otherwise);
    let all = open.len();
    for (cell, settings) in open {
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
            family: cell.family(),
            settings,
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
        let of = |recipe: &Recipe, method| deciding(fields(recipe), method);
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
        let mut older = fields(&lean);
        older["words"].as_object_mut().expect("a part").remove("range");
        assert_eq!(deciding(older, Method::Dnn), of(&set("words.range=3.0"), Method::Dnn));
        let settings = Settings { vectors: Some("en".into()), choices: fields(&lean), ..Settings::default() };
        let of = |any_vectors| decisive(&settings, Method::Dnn, any_vectors);
        assert_eq!(of(true).len() + 1, of(false).len());
        assert!(of(true).contains(&("dnn.epochs".to_owned(), json!(lean.dnn.epochs))));
    }
}
