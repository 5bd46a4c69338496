//! How a file is to be read, as far as its reader was told.

use std::{
    fmt,
    str::FromStr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use serde::{Serialize, Serializer};

use crate::Error;

/// How to read a file of texts. What is left open is found out, and said in the file's
/// [`Reading`](super::Reading).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReadOptions {
    /// The form of the file; otherwise its extension tells, or its content.
    pub format: Option<Format>,
    /// What stands between the fields of a CSV; otherwise what fits all of its records.
    pub delimiter: Option<char>,
    /// What makes a letter of a quote or delimiter in a CSV or TSV.
    pub escape: Escape,
    /// Whether the first record of a CSV or TSV names the columns.
    pub header: Option<bool>,
    /// The columns (or JSON fields) of the text, each by its name or its number from 1; several are joined by a line
    /// end. Otherwise a usual name is looked for.
    pub text: Vec<String>,
    /// The column (or JSON field) of the label, by name or number.
    pub label: Option<String>,
    /// Names that are looked for before the usual ones: those of the file that a model was trained on.
    pub familiar: Familiar,
    /// Whether a text may have several labels, or none: lists, cells of labels between separators, several
    /// `__label__`.
    pub multi_label: bool,
    /// Whether who asks can do with one label a text only, as a model can that was trained so: nobody is then told to
    /// read several.
    pub one_label: bool,
    /// What stands between the labels of a cell; otherwise what is found, `,`, `;` or `|`.
    pub label_separator: Option<String>,
    /// Whether broken records and texts without a label are left out; otherwise the first is an error.
    pub skip_bad: bool,
    /// Classes whose columns, where they have one, hold numbers: none of them is taken for the text.
    pub classes: Vec<String>,
    /// Bytes of texts that stay in memory, where they are kept for training; more wait in a temporary file. 64 MiB if
    /// nothing is said.
    pub in_memory: Option<usize>,
    /// Counts the rows that are read.
    pub count: RowCount,
}

/// How many rows were read, for whoever shows it while they are. As it chooses nothing, all are equal.
#[derive(Clone, Debug, Default)]
pub struct RowCount(Arc<AtomicU64>);

impl RowCount {
    /// Those that were read so far.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn add_row(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl PartialEq for RowCount {
    fn eq(&self, _other: &Self) -> bool {
        true
    }
}

impl Eq for RowCount {}

impl ReadOptions {
    /// Whether a column was asked for by a name, not by a number alone.
    pub(crate) fn asks_by_name(&self) -> bool {
        self.text.iter().chain(&self.label).any(|asked| asked.trim().parse::<usize>().is_err())
    }
}

/// What stands before a quote, a delimiter or a line end that is part of a field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Escape {
    /// It is not said: a file in which there seems to be one is a question.
    #[default]
    Open,
    /// Nothing: a quote within quotes is written twice.
    Never,
    /// This character, and before itself; before others it is a letter.
    By(char),
}

/// Column names that are looked for before the usual ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Familiar {
    /// Of the text: taken if the file has all of them.
    pub text: Vec<String>,
    /// Of the label.
    pub label: Option<String>,
    /// Whose names they are, for messages.
    pub of: FamiliarOf,
}

/// Who knows the familiar names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FamiliarOf {
    /// A model, which was trained on a file that has them.
    #[default]
    Model,
    /// Another file of the same run, that of the labelled texts.
    LabelledTexts,
}

/// The form of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Fields between delimiters, quoted where needed.
    Csv,
    /// Fields between tabs; a quote is one where it closes at the end of its field.
    Tsv,
    /// A JSON object a line, or an array of objects.
    Json,
    /// Apache Parquet.
    Parquet,
    /// fastText: `__label__name text`.
    FastText,
    /// A text a line, for prediction.
    Lines,
    /// A folder of class folders of text files, or of files.
    Folder,
}

impl Format {
    /// The names that [`Format::from_str`] takes.
    pub const NAMES: [&str; 6] = ["csv", "tsv", "jsonl", "parquet", "fasttext", "lines"];
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Csv => "CSV",
            Self::Tsv => "TSV",
            Self::Json => "JSON",
            Self::Parquet => "Parquet",
            Self::FastText => "fastText lines",
            Self::Lines => "a text a line",
            Self::Folder => "a folder",
        })
    }
}

impl FromStr for Format {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        Ok(match name.to_lowercase().as_str() {
            "csv" => Self::Csv,
            "tsv" => Self::Tsv,
            "json" | "jsonl" | "ndjson" => Self::Json,
            "parquet" => Self::Parquet,
            "fasttext" | "ft" => Self::FastText,
            "lines" | "txt" => Self::Lines,
            _ => {
                let known = Self::NAMES.iter().map(|&name| name.to_owned()).collect();
                return Err(Error::UnknownName { what: "format", name: name.to_owned(), known });
            }
        })
    }
}

impl Serialize for Format {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
