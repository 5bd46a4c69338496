//! How a file was read: what was chosen where nobody had said, and what was left out.

use std::{fmt, path::PathBuf};

use serde::Serialize;

use super::{lines::shown, options::Format};

/// How one file was read.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Reading {
    /// The file.
    pub path: PathBuf,
    /// Its form.
    pub format: Format,
    /// What stands between the fields of a CSV or TSV with more than one column.
    pub delimiter: Option<char>,
    /// Whether the first record was taken for the names of the columns, where the format has such a thing.
    pub header: Option<bool>,
    /// The columns of the text: names, or numbers from 1 where there are none.
    pub text: Vec<String>,
    /// The column of the label.
    pub label: Option<String>,
    /// The column of the parts.
    pub split: Option<String>,
    /// How many texts were kept.
    pub rows: usize,
    /// How many were not.
    pub left_out: LeftOut,
    /// What else was chosen or noticed, a sentence each, with the flag that changes it.
    pub notes: Vec<String>,
}

/// Rows of a file that were left out, by why.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// Without a text.
    pub empty: usize,
    /// Without a label, where labels were asked for.
    pub unlabelled: usize,
    /// Records that break their format.
    pub broken: usize,
}

impl LeftOut {
    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            empty: self.empty + other.empty,
            unlabelled: self.unlabelled + other.unlabelled,
            broken: self.broken + other.broken,
        }
    }
}

impl Reading {
    /// What is known before the first row.
    pub(crate) fn new(path: PathBuf, format: Format) -> Self {
        Self {
            path,
            format,
            delimiter: None,
            header: None,
            text: Vec::new(),
            label: None,
            split: None,
            rows: 0,
            left_out: LeftOut::default(),
            notes: Vec::new(),
        }
    }
}

impl Reading {
    /// What was chosen and noticed, for an error: what is wrong with a file may be how it was read.
    pub(crate) fn explained(&self) -> String {
        let mut told = self.to_string();
        if let Some(how) = told.strip_prefix(&format!("{}: ", self.path.display())) {
            told = how.to_owned();
        }
        std::iter::once(told).chain(self.notes.iter().cloned()).collect::<Vec<_>>().join("; ")
    }
}

impl Reading {
    /// The file, its form and its columns: what is known before it was read to its end.
    #[must_use]
    pub fn form(&self) -> impl fmt::Display {
        Form(self)
    }
}

/// See [`Reading::form`].
struct Form<'a>(&'a Reading);

impl fmt::Display for Form<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt_form(f)
    }
}

/// One line: the file, its form, its columns, its rows.
impl fmt::Display for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fmt_form(f)?;
        write!(f, "; texts read: {}", self.rows)?;
        let LeftOut { empty, unlabelled, broken } = self.left_out;
        let told = [(empty, "empty"), (unlabelled, "without a label"), (broken, "broken")];
        let told: Vec<String> =
            told.iter().filter(|told| told.0 > 0).map(|(count, why)| format!("{count} {why}")).collect();
        if !told.is_empty() {
            write!(f, ", left out: {}", told.join(", "))?;
        }
        Ok(())
    }
}

impl Reading {
    fn fmt_form(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.format)?;
        match self.delimiter {
            Some('\t') if self.format == Format::Tsv => {}
            Some('\t') => f.write_str(", delimiter tab")?,
            Some(delimiter) => write!(f, ", delimiter '{delimiter}'")?,
            None => {}
        }
        match self.header {
            Some(true) => f.write_str(", with a header")?,
            Some(false) => f.write_str(", no header")?,
            None => {}
        }
        // Columns without names are told by number.
        let name = |column: &String| match self.header {
            Some(false) => column.clone(),
            _ => format!("'{}'", shown(column)),
        };
        if !self.text.is_empty() {
            let names: Vec<String> = self.text.iter().map(name).collect();
            write!(f, ", text: column {}", names.join(" and "))?;
        }
        if let Some(label) = &self.label {
            write!(f, ", label: column {}", name(label))?;
        }
        if let Some(split) = &self.split {
            write!(f, ", parts: column {}", name(split))?;
        }
        Ok(())
    }
}
