//! `spiketext report`: tables and figures from the result files of a study.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::ensure;
use spiketext::model::Model;
use spiketext_report::{Git, Request, write};
use spiketext_study::{Cell, archive};

use crate::support::target;

/// Write a report of a study's results: a Markdown page with tables, and figures beside it.
///
/// An unfinished study makes a report too, which says what is missing. The same results make the same bytes.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  spiketext report
  spiketext report --cells my-study --out my-report.md
  spiketext report --cells my-study --pack my-study.jsonl.zst
  spiketext report --model runs/sst2-lean-1 --text \"a warm and funny film\"

Figures and long tables (CSV) go to the folders `figures` and `tables` in a folder of the page's name:
docs/results/figures for docs/results.md. A file learning-curve.csv there becomes a section.
Beside the folder of cells, `reproduce` writes what the grid declares: FOLDER.grid.json, a list of {table, row, axis, dataset,
seed}, and FOLDER.goals.json. A goal is judged only if `git` finds the cross-validation that chose its row, as it is here, in
the commit that the cells name.
Tables of the names main, front, robustness, taught and few-labels have sections of their own; all others are a table and a
figure each.
--json prints one object: report, figures, tables, cells,
missing (null without a grid); with --pack archive, cells.")]
pub struct Arguments {
    /// The folder of result files, one JSON file a cell; cells in the archive FOLDER.jsonl.zst beside it count too.
    /// An archive can be named itself.
    #[arg(long, value_name = "FOLDER", default_value = "docs/results/study")]
    cells: PathBuf,
    /// Write all these cells into one file, whose name ends in .jsonl.zst, and no report. The single files stay.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["out", "model", "text"])]
    pack: Option<PathBuf>,
    /// The page to write; its name ends in .md.
    #[arg(long, value_name = "FILE", default_value = "docs/results.md")]
    out: PathBuf,
    /// A model directory whose spikes for TEXT the report draws.
    #[arg(long, value_name = "MODEL", requires = "text")]
    model: Option<PathBuf>,
    /// The text for MODEL.
    #[arg(long, value_name = "TEXT", requires = "model")]
    text: Option<String>,
    /// Print JSON, one object.
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    if let Some(file) = &arguments.pack {
        return pack(&arguments.cells, file, arguments.json);
    }
    target::check_apart("report", &arguments.out, [&arguments.cells].into_iter().chain(&arguments.model))?;
    let model = arguments.model.as_ref().map(|folder| Model::load(folder)).transpose()?;
    let request = Request { cells: arguments.cells.clone(), out: arguments.out.clone() };
    let written = write(&request, &Git::around(&arguments.cells), model.as_ref().zip(arguments.text.as_deref()))?;
    for note in &written.notes {
        writeln!(io::stderr(), "{note}")?;
    }
    let mut out = io::stdout().lock();
    if arguments.json {
        let names = |paths: &[PathBuf]| paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>();
        let answer = serde_json::json!({"report": written.report.display().to_string(),
            "figures": names(&written.figures), "tables": names(&written.tables),
            "cells": written.cells, "missing": written.missing, "notes": written.notes});
        writeln!(out, "{answer}")?;
    } else {
        let missing = match written.missing {
            Some(0) => ", none missing".into(),
            Some(missing) => format!(", {missing} missing"),
            None => String::new(),
        };
        let (cells, figures) = (written.cells, written.figures.len());
        writeln!(out, "{}: {cells} cells{missing}; {figures} figures", written.report.display())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Puts the cells of a study into one file.
fn pack(cells: &Path, file: &Path, json: bool) -> anyhow::Result<ExitCode> {
    let name = file.to_string_lossy();
    ensure!(name.ends_with(archive::ENDING), "--pack: expected a name that ends in {}, got {name}", archive::ENDING);
    let cells: Vec<Cell> = archive::all(cells)?.into_iter().map(|(_, cell)| cell).collect();
    ensure!(!cells.is_empty(), "--pack: there are no cells to write");
    archive::write(file, &cells)?;
    let mut out = io::stdout().lock();
    if json {
        writeln!(out, "{}", serde_json::json!({"archive": name, "cells": cells.len()}))?;
    } else {
        writeln!(out, "{name}: {} cells", cells.len())?;
    }
    Ok(ExitCode::SUCCESS)
}
