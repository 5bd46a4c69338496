//! A file of labelled texts as it stands, whatever its format: its rows in their order, and how it was read.

use std::path::Path;

use super::{
    reading::{LeftOut, Reading},
    split::Split,
};

/// One labelled text as the file has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The text, without white space around it.
    pub text: String,
    /// The labels, without white space around them: one, unless several were allowed or none was asked for.
    pub labels: Vec<String>,
    /// The part that the file puts the text into, where it says so.
    pub part: Option<Split>,
    /// The line (or row) of the file, counted from 1, where the format has lines.
    pub line: Option<u64>,
    /// Which of the table's files it is in.
    pub file: usize,
}

impl Row {
    /// The first label; empty where there is none.
    #[must_use]
    pub fn label(&self) -> &str {
        self.labels.first().map_or("", String::as_str)
    }
}

/// One or more files of labelled texts.
#[derive(Clone, Debug)]
pub struct Table {
    /// Their texts in the order of the files; empty ones are left out where labels were asked for.
    pub rows: Vec<Row>,
    /// How each file was read.
    pub readings: Vec<Reading>,
}

impl Table {
    /// The file of a row.
    #[must_use]
    pub fn path(&self, row: &Row) -> &Path {
        self.readings.get(row.file).map_or(Path::new(""), |reading| reading.path.as_path())
    }

    /// What was left out of all files.
    #[must_use]
    pub fn left_out(&self) -> LeftOut {
        self.readings.iter().fold(LeftOut::default(), |sum, reading| sum.plus(reading.left_out))
    }
}
