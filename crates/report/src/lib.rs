//! A study's report: reads the result cells that [`spiketext_study::cell`] describes and writes a Markdown page with
//! SVG figures beside it.
//!
//! The same cells make the same bytes. What is missing is said, never filled in.

mod cells;
mod figure;
mod goals;
mod history;
mod markdown;
mod numbers;
mod paired;
mod panels;
mod published;
mod sections;

use std::path::{Path, PathBuf};

use spiketext::{Error, Result, files::write_atomically, model::Model};
use spiketext_study::archive;

pub use crate::history::{Git, History};
use crate::{cells::Study, goals::Goals, markdown::Page};

/// What a report is made from and where it goes.
#[derive(Clone, Debug)]
pub struct Request {
    /// The folder `NAME` of result cells. A file `NAME.grid.json` beside it lists the cells that the study was to have,
    /// and a file `NAME.goals.json` what its rows were to reach: a list of `name`, `table`, `row`, `axis`, `dataset` (or
    /// `mean`), `at-least` (percent) and `selection`, the file of the cross-validation that chose the row.
    pub cells: PathBuf,
    /// The Markdown file, ending in `.md`; figures and long tables go to `figures` and `tables` in the folder of its
    /// name (`results/figures` for `results.md`).
    pub out: PathBuf,
}

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The Markdown file.
    pub report: PathBuf,
    /// The figures (SVG).
    pub figures: Vec<PathBuf>,
    /// The tables that are too long for the page (CSV).
    pub tables: Vec<PathBuf>,
    /// Cells that were read.
    pub cells: usize,
    /// Cells of the declared grid that are not there; none if no grid is declared.
    pub missing: Option<usize>,
    /// What could not be read, which the page says in its place.
    pub notes: Vec<String>,
}

/// Writes the report; with a model and a text also the spikes of that text. `history` says which cross-validations were
/// committed.
///
/// # Errors
/// If a file cannot be read or written, a cell is broken or there is none; the file is named.
pub fn write(request: &Request, history: &dyn History, spikes_of: Option<(&Model, &str)>) -> Result<Written> {
    let out = &request.out;
    if out.extension().is_none_or(|ending| ending != "md") {
        return Err(Error::invalid("report", "a file that ends in .md", out.display().to_string()));
    }
    let study = Study::read(&request.cells, &archive::with(&request.cells, "grid.json"))?;
    let goals = Goals::read(&archive::with(&request.cells, "goals.json"))?;
    let beside = out.with_extension("");
    let stem = out.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let mut page = Page { link: format!("{}/", encoded(&stem)), ..Page::default() };
    let missing = sections::all(&study, goals.as_ref().map(|goals| (goals, history)), &beside, spikes_of, &mut page)?;
    let figures = write_all(&beside.join("figures"), &page.figures)?;
    let tables = write_all(&beside.join("tables"), &page.tables)?;
    let text = format!("{}\n", page.text.trim_end());
    write_atomically(out, text.as_bytes())?;
    Ok(Written { report: out.clone(), figures, tables, cells: study.cells.len(), missing, notes: page.notes })
}

/// Writes files (name and content) into `folder`, which is made where there is none.
fn write_all(folder: &Path, files: &[(String, String)]) -> Result<Vec<PathBuf>> {
    std::fs::create_dir_all(folder).map_err(Error::write(folder))?;
    let mut paths = Vec::new();
    for (name, content) in files {
        let path = folder.join(name);
        write_atomically(&path, content.as_bytes())?;
        paths.push(path);
    }
    Ok(paths)
}

/// A file name as part of a link.
fn encoded(name: &str) -> String {
    let mut out = String::new();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}
