//! `spiketext select`: chooses among the rows of a grid by cross-validation, without the test texts.

use std::{io::Write, path::PathBuf, process::ExitCode};

use spiketext_study::{
    Cell, Grid, archive,
    selection::{Candidate, Selection},
};

use crate::support::{cells, tables::plain, terminal::one_line};

/// Choose among the rows of a grid by cross-validation.
///
/// Training and development texts are divided into folds; each fold is held back once, the rest trains, and every row is
/// measured on what was held back. Test texts take no part in it. Rows of one table compete with one another; the best
/// in the mean over the data sets is chosen, and said which others cannot be told from it. A finished cell is never run
/// again, so a run that was cut short goes on where it stopped.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  spiketext select widths.toml --data-dir DIR --vectors-en FILE --out selection/widths
  spiketext select widths.toml --folds 10 --seeds 3

GRID is in TOML, as `spiketext reproduce --grid` reads it:
  datasets = [\"mr\", \"sst2\"]
  [[row]]
  table = \"widths\"
  name = \"lean DNN\"
  method = \"dnn\"            # dnn-int8, dnn-int4, dnn-levels, converted, fine-tuned, direct, original, bag-of-words,
                            # fast-text
  recipe = \"lean\"
  axis = { \"network.filters\" = [10, 25, 100] }
Where a study tests several splits (splits = 5), give its number here: texts that any of them tests are left out.
A file of yours is a data set, too: datasets = [\"mine\"], and
  [datasets-of.mine]
  file = \"mine.csv\"         # beside the grid

OUT/selection.json holds, by table, the candidates, the best first, with a digest of their vectors and choices by data set:
accuracy (percent of the held-back texts, the mean over data sets and seeds), datasets (accuracy and interval over the seeds),
and difference (points ahead of the chosen one, the interval at 95 %, and whether it is worse, as good or open, as
`spiketext report` says it). OUT/cells has a file for each
row, data set, seed and fold.

--json prints one object a line: a finished cell each, and last the selection. A part of the cells (--only) is run, and nothing
chosen from it; the run of all makes the choice.")]
pub struct Arguments {
    /// The rows to choose among.
    grid: PathBuf,
    /// How many folds.
    #[arg(long, value_name = "K", default_value_t = 5)]
    folds: usize,
    /// The folder of the results.
    #[arg(long, short, value_name = "OUT", default_value = "selection")]
    out: PathBuf,
    #[command(flatten)]
    cells: cells::Arguments,
}

pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let mut grid = Grid::read(&arguments.grid)?;
    if let Some(seeds) = arguments.cells.seeds {
        grid = grid.with_seeds(seeds);
    }
    let grid = grid.in_folds(arguments.folds)?;
    let conditions = arguments.cells.conditions(&grid)?;
    let sources = arguments.cells.sources(&grid, None);
    arguments.cells.limits()?;
    cells::Arguments::check_out("select", &grid, &arguments.out)?;
    let folder = arguments.out.join("cells");
    std::fs::create_dir_all(&folder).map_err(spiketext::Error::write(&folder))?;
    let outcome = arguments.cells.run(&grid, &conditions, &sources, &folder, "held_back")?;
    let mut out = std::io::stdout();
    if outcome.missing + outcome.otherwise > 0 {
        let again = if outcome.otherwise > 0 { " with the grid's choices (--again)" } else { "" };
        writeln!(std::io::stderr(), "{}: nothing is chosen before all are there{again}", cells::told(&outcome))?;
        return Ok(ExitCode::FAILURE);
    }
    if conditions.is_part() {
        writeln!(std::io::stderr(), "{}: nothing is chosen from a part of the grid (--only)", cells::told(&outcome))?;
        return Ok(ExitCode::SUCCESS);
    }
    // Those of this grid: the folder may hold others, of an earlier one.
    let wanted: std::collections::BTreeSet<String> =
        grid.cells.iter().map(spiketext_study::PlannedCell::id).collect();
    let cells: Vec<Cell> =
        archive::all(&folder)?.into_iter().map(|(_, cell)| cell).filter(|cell| wanted.contains(&cell.id())).collect();
    let selection = Selection::of(&cells, arguments.folds)?;
    let path = arguments.out.join("selection.json");
    selection.write(&path)?;
    if arguments.cells.json {
        writeln!(out, "{}", serde_json::to_string(&selection)?)?;
        return Ok(ExitCode::SUCCESS);
    }
    for table in &selection.tables {
        let names: Vec<&String> = selection.datasets.keys().collect();
        let mut head = vec![one_line(&table.table, Some(40))];
        head.extend(names.iter().map(|name| one_line(name, Some(20))));
        head.extend(["mean", "beside the first"].map(str::to_owned));
        let head: Vec<&str> = head.iter().map(String::as_str).collect();
        let mut rows = plain(&head, &(1..=names.len() + 1).collect::<Vec<_>>());
        for candidate in &table.candidates {
            let mut row = vec![one_line(&name(candidate), Some(60))];
            row.extend(names.iter().map(|name| {
                candidate.datasets.get(*name).map_or_else(|| "-".to_owned(), |set| format!("{:.2} %", set.accuracy))
            }));
            row.push(format!("{:.2} %", candidate.accuracy));
            row.push(candidate.difference.as_ref().map_or_else(
                || "chosen".to_owned(),
                |beside| {
                    let [low, high] = beside.interval;
                    format!("{:+.2} ({low:+.2} to {high:+.2}), {}", beside.points, beside.verdict)
                },
            ));
            rows.add_row(row);
        }
        writeln!(out, "{rows}\n")?;
    }
    let texts: Vec<String> = selection.datasets.iter().map(|(name, texts)| format!("{name} {texts}")).collect();
    let spared = match selection.spared_splits.values().max() {
        Some(splits) => format!("no text that any of {splits} splits tests took part"),
        None => {
            "no text of the test parts took part (a grid with `splits` keeps away from those of all splits)".into()
        }
    };
    writeln!(
        out,
        "percent of held-back texts ({} folds; {}); {spared}\nsaved to {}",
        selection.folds,
        one_line(&texts.join(", "), None),
        path.display()
    )?;
    Ok(ExitCode::SUCCESS)
}

/// A candidate in words.
fn name(candidate: &Candidate) -> String {
    let axis: Vec<String> = candidate.axis.iter().map(|(key, value)| format!("{key}={value}")).collect();
    match axis.as_slice() {
        [] => candidate.row.clone(),
        axis => format!("{} ({})", candidate.row, axis.join(", ")),
    }
}
