//! Running cells of a grid, for a study and for cross-validation: which ones, from what, and what is said meanwhile.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{bail, ensure};
use serde_json::json;
use spiketext_attack::resources::wordnet_folder;
use spiketext_study::{Grid, Limits, Outcome, PlannedCell, Sources};

use super::{dataset, progress::Progress, target, terminal::one_line};

/// Which cells are run, and from what.
#[derive(Debug, clap::Args)]
// The verb has a group of this name.
#[group(skip)]
pub struct Arguments {
    /// The folder with the original files of known data sets [default: $SPIKETEXT_DATA_DIR, then the cache of
    /// `spiketext data fetch`].
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Word vectors of English data sets [default: the built-in ones].
    #[arg(long, value_name = "FILE")]
    vectors_en: Option<PathBuf>,
    /// Word vectors of Chinese data sets [default: the built-in ones].
    #[arg(long, value_name = "FILE")]
    vectors_zh: Option<PathBuf>,
    /// The folder of the teachers' folders of answers, for rows that have a teacher (docs/guide/teacher.md).
    #[arg(long, value_name = "DIR")]
    teachers: Option<PathBuf>,
    /// The folder of trained networks that cells share. May be deleted at any time, and is to be after a change of
    /// the code that trains them.
    #[arg(long, value_name = "DIR", default_value = "target/study")]
    work: PathBuf,
    /// Only cells with this table, row, dataset, seed or fold, or the one that --list names so (cell=NAME); several with
    /// commas between.
    #[arg(long, value_name = "KEY=VALUE,...", value_delimiter = ',')]
    only: Vec<String>,
    /// Seeds of every row, from 0 [default: the grid's].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub seeds: Option<u64>,
    /// Begin no cell after this many hours.
    #[arg(long, value_name = "H")]
    hours: Option<f64>,
    /// Run cells again whose result was made with other choices.
    #[arg(long)]
    again: bool,
    /// Print JSON, one object a line.
    #[arg(long)]
    pub json: bool,
}

/// What `--only` asks for: values by key.
pub struct Conditions(BTreeMap<String, Vec<String>>);

impl Conditions {
    fn of(only: &[String]) -> anyhow::Result<Self> {
        let mut conditions: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut whole: Vec<String> = Vec::new();
        for part in only {
            // A row's name may have a comma in it.
            match whole.last_mut() {
                Some(before) if !part.contains('=') => *before += &format!(",{part}"),
                _ => whole.push(part.clone()),
            }
        }
        for condition in &whole {
            match condition.split_once('=') {
                Some((key @ ("table" | "row" | "dataset" | "seed" | "fold" | "cell"), value)) => {
                    conditions.entry(key.to_owned()).or_default().push(value.to_owned());
                }
                _ => bail!("--only: expected table=, row=, dataset=, seed=, fold= or cell=, got '{condition}'"),
            }
        }
        Ok(Self(conditions))
    }

    /// Whether only some cells are asked for.
    pub fn is_part(&self) -> bool {
        !self.0.is_empty()
    }

    /// Whether the cell is asked for.
    pub fn take(&self, cell: &PlannedCell) -> bool {
        self.0.iter().all(|(key, values)| {
            values.contains(&match key.as_str() {
                "table" => cell.table.clone(),
                "row" => cell.row.clone(),
                "dataset" => cell.dataset.clone(),
                "cell" => cell.id(),
                "fold" => cell.fold.map_or_else(String::new, |fold| fold.number.to_string()),
                _ => cell.seed.to_string(),
            })
        })
    }
}

impl Arguments {
    /// Where data sets and vectors come from.
    pub fn sources(&self, grid: &Grid, wordnet: Option<&Path>) -> Sources {
        let vectors = [("en", &self.vectors_en), ("zh", &self.vectors_zh)];
        Sources {
            data_dirs: folders(grid, self.data_dir.as_deref()),
            vectors: vectors.into_iter().filter_map(|(name, file)| Some((name, file.clone()?))).collect(),
            work: Some(self.work.clone()),
            teachers: self.teachers.clone(),
            wordnet: wordnet_folder(wordnet),
            program: crate::PROGRAM.to_owned(),
        }
    }

    /// Which cells of the grid are asked for.
    ///
    /// # Errors
    /// If `--only` cannot be understood, or leaves none.
    pub fn conditions(&self, grid: &Grid) -> anyhow::Result<Conditions> {
        let conditions = Conditions::of(&self.only)?;
        ensure!(
            !grid.cells.is_empty(),
            "the grid has no cells: expected rows ([[row]]), data sets and values on each axis"
        );
        let any = grid.cells.iter().any(|cell| conditions.take(cell));
        ensure!(any, "--only: no cell of the grid is '{}'", self.only.join(","));
        Ok(conditions)
    }

    /// Refuses a folder of results that has to do with the files of the grid's data sets, which may be folders.
    ///
    /// # Errors
    /// Names the data set's file.
    pub fn check_out(verb: &str, grid: &Grid, out: &Path) -> anyhow::Result<()> {
        target::check_apart(verb, out, grid.datasets.values().filter_map(|set| set.file.as_ref()))
    }

    /// What bounds the run.
    ///
    /// # Errors
    /// If the hours are no time.
    pub fn limits(&self) -> anyhow::Result<Limits> {
        let time = match self.hours {
            Some(hours) if !(0.0..1e6).contains(&hours) => {
                bail!("--hours: expected hours of at least 0, got {hours}")
            }
            hours => hours.map(|hours| Duration::from_secs_f64(3600.0 * hours)),
        };
        Ok(Limits { again: self.again, time, cells: None })
    }

    /// Runs the cells that are not in the folder `out` yet. `measured_on` are the texts that cells are measured on, in a
    /// word.
    ///
    /// # Errors
    /// If a data set or vectors cannot be read, or a result not be written.
    pub fn run(
        &self,
        grid: &Grid,
        conditions: &Conditions,
        sources: &Sources,
        out: &Path,
        measured_on: &str,
    ) -> anyhow::Result<Outcome> {
        let limits = self.limits()?;
        let mut stdout = std::io::stdout();
        let mut progress = Progress::new(self.json);
        let mut written = Ok(());
        let asked = |cell: &PlannedCell| conditions.take(cell);
        let missing = missing(grid, conditions, sources);
        let outcome = spiketext_study::run(grid, asked, sources, out, &limits, &mut |told| match told {
            spiketext_study::Progress::Begun { cell, done, of } => {
                progress.line(&format!("{}/{of} {}", done + 1, one_line(&cell.id(), None)));
            }
            spiketext_study::Progress::Training(event) => progress.step(event),
            spiketext_study::Progress::Finished { cell, done, of, mean_seconds, seconds_left } => {
                progress.finish();
                let measured = &cell.measured;
                if self.json {
                    let line = json!({
                        "event": "cell", "id": cell.id(), "done": done, "of": of, "seconds": cell.seconds.total,
                        "development_accuracy": measured.development_accuracy,
                        format!("{measured_on}_accuracy"): measured.test_accuracy,
                    });
                    written = writeln!(stdout, "{line}");
                } else {
                    let measured_on = measured_on.replace('_', " ");
                    progress.line(&format!(
                        "    development {:.2} %, {measured_on} {:.2} % ({:.0} s; {mean_seconds:.0} s a cell, about {} \
                         left)",
                        measured.development_accuracy,
                        measured.test_accuracy,
                        cell.seconds.total,
                        duration(seconds_left)
                    ));
                }
            }
            spiketext_study::Progress::Failed { cell, message } => {
                progress.finish();
                progress.line(&format!("failed: {}: {}", one_line(&cell.id(), None), one_line(&message, None)));
            }
            spiketext_study::Progress::Otherwise { cell, message } => progress.line(&format!(
                "kept as it is: {}: {} (--again runs it again)",
                one_line(&cell.id(), None),
                one_line(&message, None)
            )),
        });
        progress.finish();
        let outcome = outcome.map_err(|error| hinted(error, &missing))?;
        written?;
        Ok(outcome)
    }
}

/// What came of the cells, in a sentence.
pub fn told(outcome: &Outcome) -> String {
    format!(
        "{} cells run, {} were there, {} there with other choices, {} failed, {} missing",
        outcome.run, outcome.there, outcome.otherwise, outcome.failed, outcome.missing
    )
}

/// The folder of each known data set of the grid.
fn folders(grid: &Grid, asked: Option<&Path>) -> BTreeMap<String, PathBuf> {
    let names: BTreeSet<&str> = grid.cells.iter().map(|cell| cell.dataset.as_str()).collect();
    names
        .into_iter()
        .filter_map(|name| Some((name.to_owned(), dataset::folder(dataset::find(name)?, asked)?)))
        .collect()
}

/// The known data sets of the cells to run whose files are not where they are looked for.
pub fn missing<'a>(grid: &'a Grid, asked: &Conditions, sources: &Sources) -> Vec<&'a str> {
    let cells = grid.cells.iter().filter(|cell| asked.take(cell));
    let names: BTreeSet<&str> = cells.map(|cell| cell.dataset.as_str()).collect();
    let is_missing = |name: &&str| {
        let own = grid.datasets.get(*name).is_some_and(|source| source.file.is_some());
        let set = dataset::find(name).filter(|set| !own && !set.is_built_in());
        set.is_some_and(|set| sources.data_dirs.get(*name).is_none_or(|folder| !set.is_in(folder)))
    };
    names.into_iter().filter(is_missing).collect()
}

/// An error that says too what to do about missing data sets: without them no study is laid out.
pub fn hinted(error: spiketext::Error, missing: &[&str]) -> anyhow::Error {
    match missing {
        [] => error.into(),
        _ => anyhow::anyhow!(
            "{error}; there are no files of {}: `spiketext data fetch {}` gets them",
            missing.join(", "),
            missing.join(" ")
        ),
    }
}

/// Seconds as people say them.
fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 90.0 => format!("{s:.0} s"),
        s if s < 5400.0 => format!("{:.0} min", s / 60.0),
        s => format!("{:.1} h", s / 3600.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_said_in_units_that_fit() {
        assert_eq!([5.0, 600.0, 9000.0].map(duration), ["5 s", "10 min", "2.5 h"]);
    }

    #[test]
    fn conditions_are_known_keys() {
        let ask = |text: &str| Conditions::of(&[text.to_owned()]);
        assert_eq!(ask("dataset=mr").expect("known").0["dataset"], ["mr"]);
        assert!(ask("colour=red").map(|_| ()).expect_err("unknown").to_string().contains("'colour=red'"));
    }

    #[test]
    fn a_comma_in_a_rows_name_parts_no_conditions() {
        let parts = |text: &str| text.split(',').map(str::to_owned).collect::<Vec<_>>();
        let Conditions(found) =
            Conditions::of(&parts("row=sparse SNN, taught,dataset=sst2,seed=0,seed=1")).expect("known");
        assert_eq!(found["row"], ["sparse SNN, taught"]);
        assert_eq!((found["dataset"].len(), found["seed"].len()), (1, 2));
        for wrong in ["taught", "row=a,sed=0"] {
            assert!(Conditions::of(&parts(wrong)).map(|_| ()).expect_err(wrong).to_string().contains("--only"));
        }
    }
}
