//! A file of labelled texts as it stands, whatever its format: which columns matter, and its rows in their order.

use std::path::{Path, PathBuf};

use super::{
    lines::{self, listed, shown},
    split::Split,
};
use crate::{Error, Result};

/// Names of text columns, the likeliest first; compared without regard to case.
pub(crate) const TEXT_NAMES: [&str; 17] = [
    "text",
    "sentence",
    "review",
    "content",
    "comment",
    "body",
    "document",
    "review_text",
    "reviewtext",
    "utterance",
    "tweet",
    "message",
    "query",
    "question",
    "description",
    "headline",
    "title",
];

/// Names of label columns, the likeliest first; compared without regard to case.
pub(crate) const LABEL_NAMES: [&str; 14] = [
    "label",
    "class",
    "category",
    "sentiment",
    "target",
    "rating",
    "labels",
    "label_text",
    "polarity",
    "emotion",
    "intent",
    "topic",
    "stars",
    "score",
];

/// Columns that never hold a label: where a file has two columns and this is one of them, nothing is guessed.
const NUMBERINGS: [&str; 7] = ["", "id", "idx", "index", "no", "no.", "unnamed: 0"];

/// Which columns (or JSON fields) hold the text and the label; `None` looks for a usual name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Columns {
    /// The column of the text.
    pub text: Option<String>,
    /// The column of the label.
    pub label: Option<String>,
}

/// The form of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Fields between commas, semicolons or tabs, quoted where needed.
    Csv,
    /// Fields between tabs; quotes mean themselves.
    Tsv,
    /// A JSON object a line.
    JsonLines,
    /// Apache Parquet.
    Parquet,
    /// fastText: `__label__name text`.
    FastText,
    /// A folder of class folders of text files.
    Folder,
}

/// One labelled text as the file has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The text, without white space around it.
    pub text: String,
    /// The label, without white space around it; empty only where labels were not asked for.
    pub label: String,
    /// The part that the file puts the text into, where it says so.
    pub part: Option<Split>,
    /// The line (or row) of the file, counted from 1, where the format has lines.
    pub line: Option<u64>,
}

/// A file of labelled texts.
#[derive(Clone, Debug)]
pub struct Table {
    /// Where it was read.
    pub path: PathBuf,
    /// The form it had.
    pub format: Format,
    /// Its texts in the order of the file; empty ones are left out.
    pub rows: Vec<Row>,
    /// How many empty texts were left out.
    pub empty: usize,
}

/// Where the text, the label and the part stand among the columns of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ColumnIndices {
    pub(crate) text: usize,
    pub(crate) label: Option<usize>,
    pub(crate) split: Option<usize>,
}

/// Finds the columns that `columns` asks for, or usual ones, among `names`; `None` where no name is known and none
/// was asked for, so that `names` may be a first row of data.
pub(crate) fn find_columns(
    rows: &Rows,
    line: Option<u64>,
    names: &[String],
    columns: &Columns,
) -> Result<Option<ColumnIndices>> {
    let same = |name: &String, wanted: &str| name.trim().to_lowercase() == wanted.to_lowercase();
    let missing = |expected: String| {
        let got = format!("the columns {}", listed(names.iter().map(String::as_str)));
        Err(Error::malformed(&rows.path, line, expected, got))
    };
    let find = |asked: &Option<String>, usual: &[&str], taken: Option<usize>| match asked {
        Some(asked) => match names.iter().position(|name| name.trim() == asked.trim()) {
            None => names.iter().position(|name| same(name, asked.trim())),
            exact => exact,
        },
        None => usual
            .iter()
            .find_map(|usual| (0..names.len()).find(|&column| Some(column) != taken && same(&names[column], usual))),
    };
    for asked in [&columns.text, &columns.label].into_iter().flatten() {
        if find(&Some(asked.clone()), &[], None).is_none() {
            return missing(format!("a column '{}'", shown(asked)));
        }
    }
    let asked_label = columns.label.as_ref().filter(|_| rows.labelled);
    let mut label = asked_label.and_then(|_| find(&columns.label, &[], None));
    let mut text = find(&columns.text, &TEXT_NAMES, label);
    if rows.labelled && label.is_none() {
        label = find(&None, &LABEL_NAMES, text);
    }
    // With one of two columns known, the other one is what is left.
    let other = |known: usize| {
        let other = 1 - known;
        let usable = !NUMBERINGS.iter().chain(&["split"]).any(|name| same(&names[other], name));
        usable.then_some(other)
    };
    if names.len() == 2 {
        match (text, label) {
            (Some(text), None) if rows.labelled => label = other(text),
            (None, Some(label)) => text = other(label),
            _ => {}
        }
    }
    if text.is_none() && label.is_none() {
        return Ok(None);
    }
    let Some(text) = text else {
        return missing(format!("a text column ({}), or one named as such", listed(TEXT_NAMES)));
    };
    if rows.labelled && label.is_none() {
        return missing(format!("a label column ({}), or one named as such", listed(LABEL_NAMES)));
    }
    if label == Some(text) {
        return Err(Error::invalid(
            "read labelled texts",
            "two different columns for text and label",
            format!("'{}' for both", shown(&names[text])),
        ));
    }
    let split = (0..names.len()).find(|&c| same(&names[c], "split") && c != text && Some(c) != label);
    Ok(Some(ColumnIndices { text, label, split }))
}

/// Collects the rows of one file and holds each to the same rules.
pub(crate) struct Rows {
    pub(crate) path: PathBuf,
    /// Whether every text needs a label.
    pub(crate) labelled: bool,
    format: Format,
    rows: Vec<Row>,
    empty: usize,
}

impl Rows {
    pub(crate) fn new(path: &Path, format: Format, labelled: bool) -> Self {
        Self { path: path.to_owned(), labelled, format, rows: Vec::new(), empty: 0 }
    }

    /// An error of this file.
    pub(crate) fn refuse<T>(
        &self,
        line: Option<u64>,
        expected: impl Into<String>,
        got: impl Into<String>,
    ) -> Result<T> {
        Err(Error::malformed(&self.path, line, expected, got))
    }

    /// Takes one row; `part` is the content of a `split` column.
    pub(crate) fn push(
        &mut self,
        line: Option<u64>,
        text: &str,
        label: Option<&str>,
        part: Option<&str>,
    ) -> Result<()> {
        if text.len() > lines::LIMIT {
            return Err(lines::too_long(&self.path, line.unwrap_or(0), lines::LIMIT));
        }
        let part = match part.map(|name| (name, Split::parse(name))) {
            Some((name, None)) => {
                return self.refuse(
                    line,
                    "train, development or test in the column 'split'",
                    format!("'{}'", shown(name)),
                );
            }
            Some((_, part)) => part,
            None => None,
        };
        let (text, label) = (text.trim(), label.unwrap_or("").trim());
        if text.is_empty() {
            self.empty += 1;
            if self.labelled {
                return Ok(());
            }
        } else if self.labelled && label.is_empty() {
            return self.refuse(line, "a label", format!("none, beside the text '{}'", shown(text)));
        }
        self.rows.push(Row { text: text.to_owned(), label: label.to_owned(), part, line });
        Ok(())
    }

    /// The table; one without any text is an error.
    pub(crate) fn finish(self) -> Result<Table> {
        if self.rows.is_empty() {
            return self.refuse(
                None,
                "labelled texts",
                match self.empty {
                    0 => "none".to_owned(),
                    empty => format!("{empty} empty ones only"),
                },
            );
        }
        Ok(Table { path: self.path, format: self.format, rows: self.rows, empty: self.empty })
    }
}

/// A number as a label: whole ones without a fraction, so that 1.0 and 1 are one class.
pub(crate) fn number_label(number: f64) -> String {
    number.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(names: &[&str], text: Option<&str>, label: Option<&str>) -> Result<Option<ColumnIndices>> {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let columns = Columns { text: text.map(str::to_owned), label: label.map(str::to_owned) };
        find_columns(&Rows::new(Path::new("f.csv"), Format::Csv, true), Some(1), &names, &columns)
    }

    fn at(text: usize, label: usize, split: Option<usize>) -> Option<ColumnIndices> {
        Some(ColumnIndices { text, label: Some(label), split })
    }

    #[test]
    fn usual_names_are_found_in_any_case_and_by_rank() {
        assert_eq!(chosen(&["idx", "Sentence", "LABEL"], None, None).unwrap(), at(1, 2, None));
        assert_eq!(chosen(&["title", "text", "rating", "Class", "Split"], None, None).unwrap(), at(1, 3, Some(4)));
        assert_eq!(chosen(&["review", "stars out of five"], None, None).unwrap(), at(0, 1, None));
        assert_eq!(chosen(&["mood", "review"], None, None).unwrap(), at(1, 0, None));
    }

    #[test]
    fn asked_columns_come_first_and_leave_the_other_to_the_usual_names() {
        assert_eq!(chosen(&["text", "label", "title"], Some("TITLE"), None).unwrap(), at(2, 1, None));
        assert_eq!(chosen(&["text", "review", "x"], None, Some("text")).unwrap(), at(1, 0, None));
    }

    #[test]
    fn missing_columns_list_those_there_are() {
        let message = chosen(&["id", "text", "when"], None, None).unwrap_err().to_string();
        assert!(message.contains("label column") && message.contains("id, text, when"), "{message}");
        let message = chosen(&["text", "label"], Some("body"), None).unwrap_err().to_string();
        assert!(message.contains("'body'") && message.contains("text, label"), "{message}");
        assert!(chosen(&["id", "text"], None, None).is_err(), "a numbering is no label");
        assert!(chosen(&["text", "label"], Some("label"), Some("label")).is_err());
    }

    #[test]
    fn names_that_say_nothing_may_be_data() {
        assert_eq!(chosen(&["1", "a fine film"], None, None).unwrap(), None);
    }
}
