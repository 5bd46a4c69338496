//! Teachers of a study's rows: files of answers that were made elsewhere.
//!
//! ```text
//! TEACHERS/NAME/STEM.jsonl           answers to the texts that a cell trains on, and to texts that nobody else has labelled
//! TEACHERS/NAME/tested/STEM.jsonl    answers to its test texts: for the teacher's own row alone
//! STEM = DATASET[-split-S | -fold-I-of-K][-labelled-N]
//! ```
//!
//! A teacher belongs to the texts that it was trained on, so each split and each fold has one of its own.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use spiketext::{
    Error, Result,
    data::{Dataset, Example, ReadOptions, teacher, text_hash},
    loss::softmax,
    slices::argmax,
};
use spiketext_train::{
    prepare::LikelyLabels,
    teaching::{TeacherFiles, Teaching},
};

use crate::{cell::Taught, grid::PlannedCell};

/// The endings of files that are looked for.
const ENDINGS: [&str; 5] = ["jsonl", "jsonl.zst", "jsonl.gz", "parquet", "csv"];

/// The file of the teacher called `name` for a cell: of answers to test texts where it is `tested`.
///
/// # Errors
/// If it is not there, or the folder is not known.
pub(crate) fn file(
    folder: Option<&Path>,
    name: &str,
    cell: &PlannedCell,
    split: Option<u64>,
    tested: bool,
) -> Result<PathBuf> {
    let refuse = |expected: String, got: String| Err(Error::invalid("teacher of a study", expected, got));
    let Some(folder) = folder else {
        return refuse(format!("the folder of the teacher '{name}' (--teachers)"), "none".to_owned());
    };
    let mut stem = cell.dataset.clone();
    if let Some(fold) = cell.fold {
        stem += &format!("-fold-{}-of-{}", fold.number, fold.of);
    } else if let Some(split) = split {
        stem += &format!("-split-{split}");
    }
    if let Some(labelled) = cell.labelled {
        stem += &format!("-labelled-{labelled}");
    }
    let folder = if tested { folder.join(name).join("tested") } else { folder.join(name) };
    let candidates = ENDINGS.map(|ending| folder.join(format!("{stem}.{ending}")));
    match candidates.iter().find(|path| path.is_file()) {
        Some(path) => Ok(path.clone()),
        None => refuse(
            format!("{} (or .jsonl.zst, .jsonl.gz, .parquet, .csv)", candidates[0].display()),
            "none".to_owned(),
        ),
    }
}

/// What the teacher of `file` says to whoever trains on `dataset`.
pub(crate) fn teaching(file: &Path, dataset: &Dataset) -> Result<Teaching> {
    let files =
        TeacherFiles { answers: vec![file.to_owned()], unlabelled: vec![file.to_owned()], ..TeacherFiles::default() };
    Teaching::read(&files, dataset, &ReadOptions::default())
}

/// SHA-256 over the bytes of a file, in hexadecimal.
pub(crate) fn sha256(file: &Path) -> Result<String> {
    let bytes = std::fs::read(file).map_err(Error::read(file))?;
    Ok(Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect())
}

/// What a cell keeps of it.
pub(crate) fn taught(file: &Path, teaching: &Teaching) -> Result<Taught> {
    let report = &teaching.report;
    Ok(Taught {
        sha256: sha256(file)?,
        about: report.about.first().cloned().unwrap_or_default(),
        taught: report.taught,
        unlabelled: report.unlabelled,
        refused: report.held_out,
    })
}

/// The labels that the teacher of `file` gives to `texts`, and what percent of its development texts it has right, if it says.
///
/// # Errors
/// If it says nothing of one.
pub(crate) fn answers(file: &Path, labels: &[String], texts: &[Example]) -> Result<(LikelyLabels, Option<f64>)> {
    let answers = teacher::read(file, labels, None, &ReadOptions::default())?;
    let mut found = LikelyLabels::default();
    for example in texts {
        let Some(logits) = answers.logits.get(&text_hash(&example.text)) else {
            let got = format!("none to '{}'", example.text.chars().take(60).collect::<String>());
            return Err(Error::malformed(file, None, "answers to all test texts", got));
        };
        let label = argmax(logits);
        found.labels.push(label);
        found.probabilities.push(softmax(logits, 1.0)[label]);
    }
    let said = answers.about.as_ref().and_then(|about| about.get("development_accuracy")?.as_f64());
    Ok((found, said.filter(|percent| (0.0..=100.0).contains(percent))))
}
