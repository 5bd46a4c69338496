//! A table that is copied from none: columns of texts, a row after the other.

use std::path::Path;

use super::{
    TableForm,
    destination::{Destination, Output},
    text::{in_json, quoted},
};
use crate::{Error, Result, data::lines::shown};

/// A table of texts on its way to its place; one that is dropped before it is finished leaves nothing.
pub struct NewTable {
    output: Output,
    form: TableForm,
    columns: Vec<String>,
}

/// The endings of its names.
const ENDINGS: &str = "a name that ends in .csv, .tsv or .jsonl (.gz or .zst behind it packs it)";

impl NewTable {
    /// [`Destination::of`] for a table of texts, which has fewer forms.
    ///
    /// # Errors
    /// If neither the ending nor `form` says one of these.
    pub fn destination(path: &Path, form: Option<TableForm>, replace: bool) -> Result<Destination> {
        let destination = Destination::of(path, form, replace).map_err(|_| {
            let expected = format!("{ENDINGS}, or the form beside it (--out-format csv, tsv or jsonl)");
            Error::invalid("write texts", expected, format!("'{}'", path.display()))
        })?;
        Self::form(&destination).map(|_| destination)
    }

    /// The form of a table at `destination`, to find out before any work.
    ///
    /// # Errors
    /// If it is standard output, whose form nobody said, a JSON array or Parquet.
    pub fn form(destination: &Destination) -> Result<TableForm> {
        match destination.form() {
            Some(form @ (TableForm::Csv | TableForm::Tsv | TableForm::JsonLines)) => Ok(form),
            other => {
                let got = match other {
                    Some(form) => format!("'{}', {form}", destination.path().display()),
                    None => "standard output".to_owned(),
                };
                Err(Error::invalid("write texts", ENDINGS, got))
            }
        }
    }

    /// Begins a table with so many columns.
    ///
    /// # Errors
    /// Those of [`Self::form`]; a folder that takes no files.
    pub fn create(destination: &Destination, columns: &[&str]) -> Result<Self> {
        let form = Self::form(destination)?;
        let columns = columns.iter().map(|&column| column.to_owned()).collect();
        let mut table = Self { output: destination.create()?, form, columns };
        if form != TableForm::JsonLines {
            let names = table.columns.clone();
            table.row(&names)?;
        }
        Ok(table)
    }

    /// Writes a row: a cell for each column.
    ///
    /// # Errors
    /// Another number of cells; a NUL byte in a text between delimiters, where readers take it for no text; a system
    /// that refuses.
    pub fn row<S: AsRef<str>>(&mut self, cells: &[S]) -> Result<()> {
        if cells.len() != self.columns.len() {
            let expected = format!("{} cells a row", self.columns.len());
            return Err(Error::invalid("write texts", expected, cells.len().to_string()));
        }
        let cells = cells.iter().map(AsRef::as_ref);
        let row = match self.form {
            TableForm::JsonLines => {
                let members = self.columns.iter().zip(cells);
                let members: Vec<String> =
                    members.map(|(name, cell)| format!("{}:{}", in_json(name), in_json(cell))).collect();
                format!("{{{}}}\n", members.join(","))
            }
            form => {
                if let Some(text) = cells.clone().find(|text| text.contains('\0')) {
                    let expected = "texts without a NUL byte in a CSV or TSV (.jsonl keeps it)";
                    return Err(Error::invalid("write texts", expected, format!("'{}'", shown(text))));
                }
                let delimiter = if form == TableForm::Tsv { '\t' } else { ',' };
                let fields: Vec<String> = cells.map(|cell| quoted(cell, delimiter)).collect();
                fields.join(&delimiter.to_string()) + "\n"
            }
        };
        self.output.put(row.as_bytes())
    }

    /// Puts it in its place.
    ///
    /// # Errors
    /// If the system refuses, or a file came there meanwhile.
    pub fn finish(self) -> Result<()> {
        self.output.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{ReadOptions, read_texts};

    #[test]
    fn what_is_written_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let texts =
            ["a, b \"c\"", "well\tdone", "two\nlines", "bell\u{7} and \u{1b}[31m", "很好，不错", "plain", "'s"];
        for name in ["a.csv", "a.tsv", "a.jsonl", "a.csv.gz"] {
            for columns in [&["text"][..], &["text", "from"]] {
                let path = folder.path().join(name);
                let mut table = NewTable::create(&Destination::of(&path, None, true).unwrap(), columns).unwrap();
                for text in texts {
                    table.row(&[text, "x"][..columns.len()]).unwrap();
                }
                assert!(table.row::<&str>(&[]).is_err());
                let nul = table.row(&["nul\0", "x"][..columns.len()]);
                assert_eq!(nul.is_ok(), name == "a.jsonl", "{nul:?}");
                table.finish().unwrap();
                let read = read_texts(&path, &ReadOptions::default()).unwrap();
                let read: Vec<String> = read.rows.into_iter().map(|row| row.text).collect();
                assert_eq!(read[..texts.len()], texts, "{name} {columns:?}");
            }
        }
        let form = |name: &str| NewTable::form(&Destination::of(Path::new(name), None, false).unwrap());
        assert!(form("a.parquet").unwrap_err().to_string().contains(".jsonl"));
        assert!(form("-").unwrap_err().to_string().contains("standard output"));
        for name in ["a.parquet", "a.json", "a.txt", "a", "a.parquet.gz"] {
            let error = NewTable::destination(Path::new(name), None, false).unwrap_err().to_string();
            let forms = error.split(", got").next().unwrap();
            assert!(forms.contains(".jsonl") && !forms.contains("parquet") && !forms.contains(".json,"), "{error}");
        }
        assert!(NewTable::destination(Path::new("a.txt"), Some(TableForm::Csv), false).is_ok());
    }
}
