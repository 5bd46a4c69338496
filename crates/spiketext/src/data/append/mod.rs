//! A table with columns added to it: every row once, in its order, and what it held as it was.
//!
//! Rows stream through: a table of any size takes the memory of a batch. Where source and copy have one form, a CSV
//! record or a JSON object is copied letter by letter and a column of Parquet byte by byte, so that there is nothing
//! to lose; where the forms differ, `value` says what a value becomes, and what has no counterpart is refused.

mod destination;
mod kept;
mod new_table;
#[cfg(feature = "parquet")]
mod parquet_table;
#[cfg(feature = "parquet")]
mod parquet_values;
#[cfg(test)]
mod tests;
mod text;
pub(super) mod value;
pub(super) mod values;

use std::path::Path;

pub use destination::{Destination, TableForm};
pub use kept::{EarlierRun, KeptAnswers};
pub use new_table::NewTable;

use super::{
    columns::same,
    input::Extent,
    lines::{listed, shown},
    options::{Format, ReadOptions},
    reading::Reading,
    stream::{Source, TextStream},
};
use crate::{Error, Result};
use values::names_of;

/// Rows that are answered at once.
const BATCH: usize = 512;

/// A column that is added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewColumn {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub kind: CellKind,
}

/// What a column that is added holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CellKind {
    /// Text.
    Text,
    /// Numbers, in single precision.
    Number,
    /// True or false.
    Truth,
}

/// What stands in a column that is added.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// Text.
    Text(String),
    /// Several texts in a column of [`CellKind::Text`]: a list in JSON, elsewhere with the separator between.
    Texts(Vec<String>, &'static str),
    /// A finite number.
    Number(f32),
    /// True or false.
    Truth(bool),
}

/// Writes rows with what is added to them.
trait Writer {
    /// Takes the next rows; `cells` holds what is added to each.
    fn write(&mut self, batch: &[super::stream::Record], cells: &[Vec<Cell>]) -> Result<()>;

    /// Puts everything in its place.
    fn finish(self: Box<Self>) -> Result<()>;
}

/// A table that is being copied with columns added.
///
/// [`Appending::open`] finds out all that can be refused before any work; [`Appending::run`] does it.
pub struct Appending<'a> {
    stream: TextStream<'a>,
    columns: Vec<NewColumn>,
    destination: Destination,
    form: TableForm,
    notes: Vec<String>,
}

impl<'a> Appending<'a> {
    /// Opens the table at `source`, to be copied to `destination` with `columns` added behind its own.
    ///
    /// # Errors
    /// Those of [`TextStream::open`] and [`Destination::check`]; a column of the table that is called as one that is
    /// added; columns that have no counterpart in the form of the copy.
    pub fn open(
        source: &Path,
        options: &'a ReadOptions,
        destination: Destination,
        columns: Vec<NewColumn>,
    ) -> Result<Self> {
        destination.check(source)?;
        let reserved: Vec<String> = columns.iter().map(|column| column.name.clone()).collect();
        let converts = destination.form().is_none_or(|form| form != TableForm::Parquet);
        let stream = TextStream::open_for(source, options, &reserved, converts)?;
        let form = destination.form().unwrap_or(match stream.reading().format {
            Format::Csv => TableForm::Csv,
            Format::Tsv => TableForm::Tsv,
            _ => TableForm::JsonLines,
        });
        let mut appending = Self { stream, columns, destination, form, notes: Vec::new() };
        appending.check_names(&reserved)?;
        appending.tell_what_changes()?;
        Ok(appending)
    }

    /// How the table is read, see [`TextStream::reading`].
    #[must_use]
    pub fn reading(&self) -> &Reading {
        self.stream.reading()
    }

    /// How much of the table there is, and how far it was read, see [`TextStream::extent`].
    #[must_use]
    pub fn extent(&self) -> Extent {
        self.stream.extent().clone()
    }

    /// What is not quite as it was in the copy, a sentence each.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Asks `answers` for the cells of each batch of texts, a row of as many cells as there are columns for each, and
    /// writes the copy. It stands in its place when this returns, or there is none. Returns what was noticed on the
    /// way.
    ///
    /// # Errors
    /// A record that breaks its form; a value without a counterpart; a copy that cannot be written; those of
    /// `answers`.
    pub fn run(mut self, mut answers: impl FnMut(&[&str]) -> Result<Vec<Vec<Cell>>>) -> Result<Reading> {
        let mut ask = |batch: &[super::stream::Record]| {
            let texts: Vec<&str> = batch.iter().map(|record| record.text.as_str()).collect();
            let cells = answers(&texts)?;
            let fit = cells.len() == texts.len() && cells.iter().all(|row| row.len() == self.columns.len());
            match fit {
                true => Ok(cells),
                false => {
                    let expected = format!("{} rows of {} cells", texts.len(), self.columns.len());
                    Err(Error::invalid("add columns", expected, format!("{} rows", cells.len())))
                }
            }
        };
        let output = self.destination.create()?;
        #[cfg(feature = "parquet")]
        if let (TableForm::Parquet, Source::Parquet(_)) = (self.form, &self.stream.source) {
            parquet_table::copy(&mut self.stream, &self.columns, output, ask)?;
            return Ok(self.stream.reading().clone());
        }
        let mut writer: Box<dyn Writer> = match self.form {
            #[cfg(feature = "parquet")]
            TableForm::Parquet => Box::new(parquet_table::Strings::new(&self.stream, &self.columns, output)?),
            #[cfg(not(feature = "parquet"))]
            TableForm::Parquet => return Err(destination::no_parquet(self.destination.path())),
            form => Box::new(text::TextWriter::new(&self.stream, form, &self.columns, output)?),
        };
        loop {
            let batch = self.stream.next_batch(BATCH)?;
            if batch.is_empty() {
                break;
            }
            writer.write(&batch, &ask(&batch)?)?;
        }
        writer.finish()?;
        Ok(self.stream.reading().clone())
    }

    /// A column that is there is never written over, nor made hard to tell from a new one.
    fn check_names(&self, reserved: &[String]) -> Result<()> {
        // Where a table has no names, there are none to be taken.
        let names = match &self.stream.source {
            Source::Delimited(stream) if stream.layout().header.is_none() => Vec::new(),
            _ => names_of(&self.stream),
        };
        let taken: Vec<&str> =
            names.iter().filter(|name| reserved.iter().any(|new| same(name, new))).map(String::as_str).collect();
        if taken.is_empty() {
            return Ok(());
        }
        Err(Error::malformed(
            &self.stream.reading().path,
            None,
            format!(
                "a table without the columns that are added: {} (--prefix predicted_ calls them otherwise)",
                listed(reserved.iter().map(String::as_str))
            ),
            format!("one with {}", listed(taken)),
        ))
    }

    /// Refuses what cannot be kept in another form, and says what is kept otherwise.
    fn tell_what_changes(&mut self) -> Result<()> {
        let form = self.form;
        let refuse = |expected: &str, got: String| {
            Err(Error::malformed(&self.stream.reading().path, None, expected.to_owned(), got))
        };
        let mut notes = Vec::new();
        let is_delimited = matches!(form, TableForm::Csv | TableForm::Tsv);
        match &self.stream.source {
            Source::Delimited(stream) => {
                let layout = stream.layout();
                if self.stream.marked && !is_delimited {
                    notes.push("the copy is in UTF-8 without a mark".to_owned());
                }
                if layout.header.is_none() {
                    notes.push(match is_delimited {
                        true => {
                            let first = layout.names.len() + 1;
                            let added = self.columns.iter().enumerate();
                            let added: Vec<String> = added
                                .map(|(index, column)| format!("{} is column {}", column.name, first + index))
                                .collect();
                            format!("the copy has no header either: {}", added.join(", "))
                        }
                        false => format!("columns without names are called {}", listed_some(&layout.names)),
                    });
                }
            }
            Source::Json(_) if form == TableForm::Parquet => {
                return refuse("another form than Parquet for JSON, which has no types of columns", "Parquet".into());
            }
            Source::Json(_) if is_delimited => {
                notes.push("null, an empty string and a missing field are all empty in the copy".to_owned());
            }
            Source::Json(_) => {}
            #[cfg(feature = "parquet")]
            Source::Parquet(file) => match form {
                TableForm::Parquet => notes.extend(parquet_table::notes(&file.metadata)),
                _ => {
                    parquet_values::check_types(&self.stream.reading().path, &file.metadata, form)?;
                    if is_delimited {
                        notes.push("null and an empty string are both empty in the copy".to_owned());
                    }
                }
            },
            Source::Lines(_) | Source::FastText(_) => {}
        }
        if !is_delimited {
            let names = names_of(&self.stream);
            let twin = names.iter().enumerate().find(|(index, name)| names[..*index].contains(name));
            // Byte by byte, columns of one name are no trouble.
            let is_copied = form == TableForm::Parquet && self.stream.reading().format == Format::Parquet;
            if let (Some((_, twin)), false) = (twin, is_copied) {
                return refuse(
                    &format!("columns of different names for {form} (CSV can have several of one name)"),
                    format!("two called '{}'", shown(twin)),
                );
            }
        }
        self.notes = notes;
        Ok(())
    }
}

/// The first and the last of several names.
fn listed_some(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [only] => only.clone(),
        [first, .., last] => format!("{first} to {last}"),
    }
}
