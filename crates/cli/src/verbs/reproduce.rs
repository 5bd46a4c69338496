//! `spiketext reproduce`: runs the study's cells that are not there yet, and says what there is.

use std::{io::Write, path::PathBuf, process::ExitCode};

use anyhow::ensure;
use serde_json::json;
use spiketext_study::{Grid, Sources, State};

use crate::support::{
    cells::{self, Conditions},
    tables::plain,
    terminal::one_line,
};

/// Run the study: every table of the report, one result file a cell.
///
/// A finished cell is never run again, so a study that was cut short goes on where it stopped. Cells come in an order
/// that fills all tables evenly. `spiketext report` makes a page of what there is.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  spiketext reproduce --list                              the cells, and which are done
  spiketext reproduce --quick --data-dir DIR --vectors-en FILE --vectors-zh FILE
  spiketext reproduce --only table=main,dataset=sst2 --data-dir DIR --vectors-en FILE

The built-in grid is crates/study/assets/study.toml; docs/guide/study.md shows how to write one, choose by
`spiketext select` and judge by `spiketext report`.

--json prints one object a line: a finished cell each, and last the outcome. Exit status 1: cells failed, or are there with
other choices than the grid's.")]
pub struct Arguments {
    #[command(flatten)]
    cells: cells::Arguments,
    /// The folder of WordNet's database files, for attacks that exchange synonyms [default: $SPIKETEXT_WORDNET, then
    /// /usr/share/wordnet].
    #[arg(long, value_name = "DIR")]
    wordnet: Option<PathBuf>,
    /// A grid in TOML in the place of the built-in one.
    #[arg(long, value_name = "FILE")]
    grid: Option<PathBuf>,
    /// The folder of the result files. What the grid declares is written beside it: the list of all cells, DIR.grid.json,
    /// and goals, DIR.goals.json, which goes where the grid has none.
    #[arg(long, value_name = "DIR", default_value = "docs/results/study")]
    out: PathBuf,
    /// The small study: one seed, some cells of every data set.
    #[arg(long)]
    quick: bool,
    /// List the cells and which are done, and stop.
    #[arg(long)]
    list: bool,
}

pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let declared = match &arguments.grid {
        Some(path) => Grid::read(path)?,
        None => Grid::built_in()?,
    };
    let grid = selected(declared.clone(), arguments)?;
    let conditions = arguments.cells.conditions(&grid)?;
    let sources = arguments.cells.sources(&grid, arguments.wordnet.as_deref());
    if arguments.list {
        return list(&grid, &sources, arguments, &conditions);
    }
    arguments.cells.limits()?;
    cells::Arguments::check_out("reproduce", &grid, &arguments.out)?;
    if let Some(folder) = arguments.out.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(spiketext::Error::write(folder))?;
    }
    // All that was declared, whatever part of it runs now: a report says what is missing.
    spiketext_study::write_expected(&declared, &arguments.out)?;
    let outcome = arguments.cells.run(&grid, &conditions, &sources, &arguments.out, "test")?;
    let mut out = std::io::stdout();
    if arguments.cells.json {
        writeln!(out, "{}", json!({ "event": "outcome", "outcome": outcome }))?;
    } else {
        writeln!(out, "{}", cells::told(&outcome))?;
        writeln!(out, "results in {}", arguments.out.display())?;
    }
    if outcome.otherwise > 0 {
        writeln!(
            std::io::stderr(),
            "cells that are there with other choices stay as they are: --again runs them again"
        )?;
    }
    Ok(if outcome.failed + outcome.otherwise > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// The part of a grid that was asked for.
fn selected(mut grid: Grid, arguments: &Arguments) -> anyhow::Result<Grid> {
    if let Some(seeds) = arguments.cells.seeds {
        grid = grid.with_seeds(seeds);
    }
    grid.check_splits()?;
    if arguments.quick {
        grid = grid.quick();
        ensure!(
            !grid.cells.is_empty(),
            "--quick: no row of the grid has cells for it: expected `quick = true`, or values"
        );
    }
    Ok(grid)
}

/// Prints the cells and their states.
fn list(grid: &Grid, sources: &Sources, arguments: &Arguments, asked: &Conditions) -> anyhow::Result<ExitCode> {
    let mut out = std::io::stdout().lock();
    let missing = cells::missing(grid, asked, sources);
    let states =
        spiketext_study::list(grid, sources, &arguments.out).map_err(|error| cells::hinted(error, &missing))?;
    let listed: Vec<_> = grid.cells.iter().zip(&states).filter(|(cell, _)| asked.take(cell)).collect();
    let done = listed.iter().filter(|(_, state)| **state == State::Done).count();
    let mut rows = plain(&["cell", "state"], &[]);
    for (cell, state) in &listed {
        let word = match state {
            State::Missing => "missing".to_owned(),
            State::Done => "done".to_owned(),
            State::Otherwise(how) => one_line(how, None),
        };
        if arguments.cells.json {
            writeln!(out, "{}", json!({ "event": "cell", "id": cell.id(), "state": word }))?;
        } else {
            rows.add_row([one_line(&cell.id(), None), word]);
        }
    }
    if !arguments.cells.json {
        writeln!(out, "{rows}\n{done} of {} cells done", listed.len())?;
    }
    Ok(ExitCode::SUCCESS)
}
