//! The cells of a study, wherever they lie: single files in the folder of a running study, or many in one archive.
//!
//! An archive holds one cell a line as JSON, in the order of their ids, compressed by Zstandard: the same cells make
//! the same bytes. The archive of the folder `study` is `study.jsonl.zst` beside it; a cell that lies in both is that
//! of the folder, which is the newer one.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read, Write},
    path::{Path, PathBuf},
};

use spiketext::{Error, Result, files::write_atomically};

use crate::cell::Cell;

/// How the name of an archive ends.
pub const ENDING: &str = ".jsonl.zst";

/// The most bytes that are unpacked of an archive: some hundred thousand cells.
const MOST_UNPACKED: u64 = 1 << 30;

/// How hard an archive is compressed; written once, read often.
const LEVEL: i32 = 19;

/// The archive of a folder of cells.
#[must_use]
pub fn beside(folder: &Path) -> PathBuf {
    with(folder, &ENDING[1..])
}

/// A file that goes with a folder of cells, or with their archive: `study.grid.json` beside `study` for `grid.json`.
#[must_use]
pub fn with(cells: &Path, ending: &str) -> PathBuf {
    // `.` and `..` have no name to begin with; the folder has.
    let whole = if cells.file_name().is_none() { cells.canonicalize().ok() } else { None };
    let cells = whole.as_deref().unwrap_or(cells);
    let name = cells.file_name().unwrap_or_default().to_string_lossy();
    cells.with_file_name(format!("{}.{ending}", name.strip_suffix(ENDING).unwrap_or(&name)))
}

/// Writes cells into one file; one of several cells with the same id is refused.
///
/// # Errors
/// If the system refuses, or two cells have one id.
pub fn write(path: &Path, cells: &[Cell]) -> Result<()> {
    let mut lines = BTreeMap::new();
    for cell in cells {
        let line = serde_json::to_string(cell)
            .map_err(|error| Error::invalid("archive of cells", "numbers that JSON can hold", error.to_string()))?;
        if lines.insert(cell.id(), line).is_some() {
            return Err(Error::invalid(
                "archive of cells",
                "cells with ids of their own",
                format!("'{}' twice", cell.id()),
            ));
        }
    }
    let packed = || {
        let mut encoder = zstd::Encoder::new(Vec::new(), LEVEL)?;
        for line in lines.values() {
            writeln!(encoder, "{line}")?;
        }
        encoder.finish()
    };
    write_atomically(path, &packed().map_err(Error::write(path))?)
}

/// Reads an archive.
///
/// # Errors
/// If the file cannot be read or unpacked, or a line is no cell of this format; the line is named.
pub fn read(path: &Path) -> Result<Vec<Cell>> {
    let file = std::fs::File::open(path).map_err(Error::read(path))?;
    let unpacked = zstd::Decoder::new(file).map_err(Error::read(path))?;
    let mut lines = BufReader::new(unpacked.take(MOST_UNPACKED));
    let mut cells = Vec::new();
    let mut line = String::new();
    loop {
        line.clear();
        let read = lines.read_line(&mut line).map_err(|error| {
            Error::malformed(path, cells.len() as u64 + 1, "a line of JSON in a Zstandard file", error.to_string())
        })?;
        if read == 0 {
            break;
        }
        cells.push(Cell::parse(path, Some(cells.len() as u64 + 1), line.trim_end())?);
    }
    if lines.into_inner().limit() == 0 {
        let expected = format!("at most {MOST_UNPACKED} bytes unpacked");
        return Err(Error::malformed(path, None, expected, "more"));
    }
    Ok(cells)
}

/// Every cell of a study with the file that it lies in. `path` is a folder, whose archive beside it counts too, or an
/// archive.
///
/// # Errors
/// If neither is there, a file cannot be read, or a cell is broken.
pub fn all(path: &Path) -> Result<Vec<(PathBuf, Cell)>> {
    let is_archive = path.to_string_lossy().ends_with(ENDING);
    let archive = if is_archive { path.to_owned() } else { beside(path) };
    let mut found: Vec<(PathBuf, Cell)> = Vec::new();
    if !is_archive && (path.exists() || !archive.exists()) {
        for file in Cell::files(path)? {
            let cell = Cell::read(&file)?;
            found.push((file, cell));
        }
    }
    if is_archive || archive.exists() {
        let newer: std::collections::BTreeSet<String> = found.iter().map(|(_, cell)| cell.id()).collect();
        let packed = read(&archive)?.into_iter().filter(|cell| !newer.contains(&cell.id()));
        found.extend(packed.map(|cell| (archive.clone(), cell)));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cell::{FORMAT, Family, Measurements, Method, Seconds, Settings};

    fn cell(seed: u64, accuracy: f64) -> Cell {
        Cell {
            format: FORMAT,
            table: "main".into(),
            row: "lean DNN".into(),
            axis: BTreeMap::new(),
            dataset: "mr".into(),
            seed,
            fold: None,
            selected: None,
            method: Method::Dnn,
            family: Family { recipe: "lean".into(), ..Family::default() },
            settings: Settings::default(),
            measured: Measurements { test_accuracy: accuracy, ..Measurements::default() },
            seconds: Seconds::default(),
            machine: "one".into(),
            commit: "abc".into(),
        }
    }

    #[test]
    fn the_same_cells_make_the_same_bytes_and_come_back() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let cells = [cell(1, 80.1), cell(0, 1.0 / 3.0), cell(2, 79.0)];
        let [first, second] = ["a.jsonl.zst", "b.jsonl.zst"].map(|name| folder.path().join(name));
        write(&first, &cells).expect("written");
        write(&second, &[cells[2].clone(), cells[0].clone(), cells[1].clone()]).expect("written");
        assert_eq!(std::fs::read(&first).expect("bytes"), std::fs::read(&second).expect("bytes"));
        assert_eq!(read(&first).expect("read"), [cells[1].clone(), cells[0].clone(), cells[2].clone()]);
        let error = write(&first, &[cell(1, 1.0), cell(1, 2.0)]).expect_err("refused").to_string();
        assert!(error.contains("main--lean-dnn--mr--seed1' twice"), "{error}");
    }

    #[test]
    fn single_files_come_before_the_archive_beside_them() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let study = folder.path().join("study");
        assert!(all(&study).expect_err("nothing there").to_string().contains("study"));
        write(&beside(&study), &[cell(0, 50.0), cell(1, 51.0)]).expect("written");
        assert_eq!(all(&study).expect("the archive alone").len(), 2);
        std::fs::create_dir(&study).expect("a folder");
        cell(1, 99.0).write(&study).expect("written");
        cell(2, 98.0).write(&study).expect("written");
        let mut seen: Vec<(u64, f64)> =
            all(&study).expect("both").iter().map(|(_, cell)| (cell.seed, cell.measured.test_accuracy)).collect();
        seen.sort_by_key(|(seed, _)| *seed);
        assert_eq!(seen, [(0, 50.0), (1, 99.0), (2, 98.0)]);
        assert_eq!(all(&beside(&study)).expect("the archive").len(), 2);
    }

    #[test]
    fn damage_is_named_by_line() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("a.jsonl.zst");
        write(&path, &[cell(0, 50.0), cell(1, 51.0)]).expect("written");
        let text = zstd::decode_all(std::fs::File::open(&path).expect("open")).expect("unpacked");
        let broken = String::from_utf8(text).expect("text").replacen("\"seed\":1", "\"seed\":-1", 1);
        std::fs::write(&path, zstd::encode_all(broken.as_bytes(), 1).expect("packed")).expect("written");
        let error = read(&path).expect_err("refused").to_string();
        assert!(
            error.contains("a.jsonl.zst") && error.contains('2') && error.contains("a cell of a study"),
            "{error}"
        );
        for bytes in [&b"no archive"[..], &zstd::encode_all(&b"{}"[..], 1).expect("packed")[..9]] {
            std::fs::write(&path, bytes).expect("written");
            assert!(read(&path).expect_err("refused").to_string().contains("a.jsonl.zst"));
        }
    }
}
