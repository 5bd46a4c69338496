//! `spiketext report`: tables and figures from the result files of a study.

use std::{
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
};

use spiketext::model::Model;
use spiketext_report::{Request, write};

/// Write a report of a study's results: a Markdown page with tables, and figures beside it.
///
/// An unfinished study makes a report too, which says what is missing. The same results make the same bytes.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  spiketext report
  spiketext report --cells my-study --out my-report.md
  spiketext report --model runs/sst2-lean-1 --text \"a warm and funny film\"

Figures and long tables (CSV) go to the folders `figures` and `tables` in a folder of the page's name:
docs/results/figures for docs/results.md. A file grid.json beside the folder of cells, a list of {table, row, axis,
dataset, seed}, names the cells that the study is to have. --json prints one object: report, figures, tables, cells,
missing (null without a grid).")]
pub struct Arguments {
    /// The folder of result files, one JSON file a cell.
    #[arg(long, value_name = "FOLDER", default_value = "docs/results/study")]
    cells: PathBuf,
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
    let model = arguments.model.as_ref().map(|folder| Model::load(folder)).transpose()?;
    let request = Request { cells: arguments.cells.clone(), out: arguments.out.clone() };
    let written = write(&request, model.as_ref().zip(arguments.text.as_deref()))?;
    let mut out = io::stdout().lock();
    if arguments.json {
        let names = |paths: &[PathBuf]| paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>();
        let answer = serde_json::json!({"report": written.report.display().to_string(),
            "figures": names(&written.figures), "tables": names(&written.tables),
            "cells": written.cells, "missing": written.missing});
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
