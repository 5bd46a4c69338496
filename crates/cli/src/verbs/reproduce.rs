//! `spiketext reproduce`: runs the study's cells that are not there yet, and says what there is.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use anyhow::{bail, ensure};
use serde_json::json;
use spiketext_attack::resources::wordnet_folder;
use spiketext_study::{Grid, Limits, PlannedCell, Sources, State};

use crate::support::{dataset, progress::Progress, tables::plain, terminal::one_line};

/// Run the study: every table of the report, one result file a cell.
///
/// A finished cell is never run again, so a study that was cut short goes on where it stopped. Cells come in an order
/// that fills all tables evenly. `spiketext report` makes a page of what there is.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  spiketext reproduce --list                              the cells, and which are done
  spiketext reproduce --quick --data-dir DIR --vectors-en FILE --vectors-zh FILE
  spiketext reproduce --only table=main,dataset=sst2 --data-dir DIR --vectors-en FILE

--json prints one object a line: a finished cell each, and last the outcome.")]
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
    /// The folder of WordNet's database files, for attacks that exchange synonyms [default: $SPIKETEXT_WORDNET, then
    /// /usr/share/wordnet].
    #[arg(long, value_name = "DIR")]
    wordnet: Option<PathBuf>,
    /// A grid in TOML in the place of the built-in one.
    #[arg(long, value_name = "FILE")]
    grid: Option<PathBuf>,
    /// The folder of the result files. The list of all cells, `grid.json`, is written beside it.
    #[arg(long, value_name = "DIR", default_value = "docs/results/study")]
    out: PathBuf,
    /// The folder of trained networks that cells share. May be deleted at any time, and is to be after a change of
    /// the code that trains them.
    #[arg(long, value_name = "DIR", default_value = "target/study")]
    work: PathBuf,
    /// The small study: one seed, some cells of every data set.
    #[arg(long)]
    quick: bool,
    /// Only cells with this table, row, dataset or seed; several with commas between.
    #[arg(long, value_name = "KEY=VALUE,...", value_delimiter = ',')]
    only: Vec<String>,
    /// Seeds of every row, from 0 [default: the grid's].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    seeds: Option<u64>,
    /// Begin no cell after this many hours.
    #[arg(long, value_name = "H")]
    hours: Option<f64>,
    /// Run cells again whose result was made with other choices.
    #[arg(long)]
    again: bool,
    /// List the cells and which are done, and stop.
    #[arg(long)]
    list: bool,
    /// Print JSON, one object a line.
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let only = conditions(&arguments.only)?;
    let declared = match &arguments.grid {
        Some(path) => Grid::read(path)?,
        None => Grid::built_in()?,
    };
    let grid = selected(declared.clone(), arguments);
    let vectors = [("en", &arguments.vectors_en), ("zh", &arguments.vectors_zh)];
    let sources = Sources {
        data_dirs: folders(&grid, arguments.data_dir.as_deref()),
        vectors: vectors.into_iter().filter_map(|(name, file)| Some((name, file.clone()?))).collect(),
        work: Some(arguments.work.clone()),
        wordnet: wordnet_folder(arguments.wordnet.as_deref()),
        program: crate::PROGRAM.to_owned(),
    };
    let asked = |cell: &PlannedCell| only.iter().all(|(key, values)| values.contains(&field(cell, key)));
    ensure!(grid.cells.iter().any(asked), "--only: no cell of the grid is '{}'", arguments.only.join(","));
    if arguments.list {
        return list(&grid, &sources, arguments, &asked);
    }
    let time = match arguments.hours {
        Some(hours) if !(0.0..1e6).contains(&hours) => bail!("--hours: expected hours of at least 0, got {hours}"),
        hours => hours.map(|hours| Duration::from_secs_f64(3600.0 * hours)),
    };
    if let Some(folder) = arguments.out.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(spiketext::Error::write(folder))?;
    }
    // All that was declared, whatever part of it runs now: a report says what is missing.
    spiketext_study::write_expected(&declared, &arguments.out)?;
    let limits = Limits { again: arguments.again, time, cells: None };
    let mut out = std::io::stdout();
    let mut progress = Progress::new(arguments.json);
    let mut written = Ok(());
    let missing = missing(&grid, &asked, &sources);
    let outcome = spiketext_study::run(&grid, asked, &sources, &arguments.out, &limits, &mut |told| match told {
        spiketext_study::Progress::Begun { cell, done, of } => {
            progress.line(&format!("{}/{of} {}", done + 1, one_line(&cell.id(), None)))
        }
        spiketext_study::Progress::Training(event) => progress.step(event),
        spiketext_study::Progress::Finished { cell, done, of, mean_seconds, seconds_left } => {
            progress.finish();
            let measured = &cell.measured;
            if arguments.json {
                let line = json!({
                    "event": "cell", "id": cell.id(), "done": done, "of": of, "seconds": cell.seconds.total,
                    "development_accuracy": measured.development_accuracy, "test_accuracy": measured.test_accuracy,
                });
                written = writeln!(out, "{line}");
            } else {
                progress.line(&format!(
                    "    development {:.2} %, test {:.2} % ({:.0} s; {mean_seconds:.0} s a cell, about {} left)",
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
    if arguments.json {
        writeln!(out, "{}", json!({ "event": "outcome", "outcome": outcome }))?;
    } else {
        writeln!(
            out,
            "{} cells run, {} were there, {} there with other choices, {} failed, {} missing",
            outcome.run, outcome.there, outcome.otherwise, outcome.failed, outcome.missing
        )?;
        writeln!(out, "results in {}", arguments.out.display())?;
    }
    Ok(if outcome.failed > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
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
fn missing<'a>(grid: &'a Grid, asked: &dyn Fn(&PlannedCell) -> bool, sources: &Sources) -> Vec<&'a str> {
    let cells = grid.cells.iter().filter(|cell| asked(cell));
    let names: BTreeSet<&str> = cells.map(|cell| cell.dataset.as_str()).collect();
    let is_missing = |name: &&str| {
        let own = grid.datasets.get(*name).is_some_and(|source| source.file.is_some());
        let set = dataset::find(name).filter(|set| !own && !set.is_built_in());
        set.is_some_and(|set| sources.data_dirs.get(*name).is_none_or(|folder| !set.is_in(folder)))
    };
    names.into_iter().filter(is_missing).collect()
}

/// An error that says too what to do about missing data sets: without them no study is laid out.
fn hinted(error: spiketext::Error, missing: &[&str]) -> anyhow::Error {
    match missing {
        [] => error.into(),
        _ => anyhow::anyhow!(
            "{error}; there are no files of {}: `spiketext data fetch {}` gets them",
            missing.join(", "),
            missing.join(" ")
        ),
    }
}

/// The part of a grid that was asked for.
fn selected(mut grid: Grid, arguments: &Arguments) -> Grid {
    if let Some(seeds) = arguments.seeds {
        grid = grid.with_seeds(seeds);
    }
    if arguments.quick { grid.quick() } else { grid }
}

/// What `--only` asks for: values by key.
fn conditions(only: &[String]) -> anyhow::Result<BTreeMap<String, Vec<String>>> {
    let mut conditions: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for condition in only {
        match condition.split_once('=') {
            Some((key @ ("table" | "row" | "dataset" | "seed"), value)) => {
                conditions.entry(key.to_owned()).or_default().push(value.to_owned());
            }
            _ => bail!("--only: expected table=, row=, dataset= or seed=, got '{condition}'"),
        }
    }
    Ok(conditions)
}

/// A cell's table, row, data set or seed.
fn field(cell: &PlannedCell, key: &str) -> String {
    match key {
        "table" => cell.table.clone(),
        "row" => cell.row.clone(),
        "dataset" => cell.dataset.clone(),
        _ => cell.seed.to_string(),
    }
}

/// Prints the cells and their states.
fn list(
    grid: &Grid,
    sources: &Sources,
    arguments: &Arguments,
    asked: &dyn Fn(&PlannedCell) -> bool,
) -> anyhow::Result<ExitCode> {
    let mut out = std::io::stdout().lock();
    let missing = missing(grid, asked, sources);
    let states = spiketext_study::list(grid, sources, &arguments.out).map_err(|error| hinted(error, &missing))?;
    let cells: Vec<_> = grid.cells.iter().zip(&states).filter(|(cell, _)| asked(cell)).collect();
    let done = cells.iter().filter(|(_, state)| **state == State::Done).count();
    let mut rows = plain(&["cell", "state"], &[]);
    for (cell, state) in &cells {
        let word = match state {
            State::Missing => "missing".to_owned(),
            State::Done => "done".to_owned(),
            State::Otherwise(how) => one_line(how, None),
        };
        if arguments.json {
            writeln!(out, "{}", json!({ "event": "cell", "id": cell.id(), "state": word }))?;
        } else {
            rows.add_row([one_line(&cell.id(), None), word]);
        }
    }
    if !arguments.json {
        writeln!(out, "{rows}\n{done} of {} cells done", cells.len())?;
    }
    Ok(ExitCode::SUCCESS)
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
        let ask = |text: &str| conditions(&[text.to_owned()]);
        assert_eq!(ask("dataset=mr").expect("known")["dataset"], ["mr"]);
        assert!(ask("colour=red").expect_err("unknown").to_string().contains("'colour=red'"));
    }
}
