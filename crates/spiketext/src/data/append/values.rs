//! The values of a row that leaves the form it stood in, and the names of its columns.

use std::path::PathBuf;

#[cfg(feature = "parquet")]
use parquet::record::Field;
use serde_json::value::RawValue;

use super::value::Value;
use crate::{
    Error, Result,
    data::{
        lines::shown,
        members::Members,
        stream::{Record, Source, TextStream, Whole, delimited::Layout},
    },
};

/// The names of the columns: of JSON, those of the first objects in the order in which they come.
pub(in crate::data) fn names_of(stream: &TextStream<'_>) -> Vec<String> {
    match &stream.source {
        Source::Delimited(delimited) => delimited.layout().names,
        Source::Json(json) => {
            let mut names: Vec<String> = Vec::new();
            for raw in json.waiting() {
                // What is no JSON at all is said with its line when its turn comes.
                let members =
                    serde_json::from_str::<Members<Box<RawValue>>>(raw).map_or_else(|_| Vec::new(), |found| found.0);
                for (name, _) in members {
                    if !names.contains(&name) {
                        names.push(name);
                    }
                }
            }
            names
        }
        Source::Lines(_) => vec!["text".to_owned()],
        // With its labels in it, a line is no text.
        Source::FastText(_) => vec!["line".to_owned()],
        #[cfg(feature = "parquet")]
        Source::Parquet(file) => file.names.clone(),
    }
}

/// Takes the values out of rows.
pub(in crate::data) struct Values {
    names: Vec<String>,
    form: RowForm,
    /// What errors call the file.
    path: PathBuf,
}

/// What a row is.
enum RowForm {
    Record(Layout),
    Object,
    Line,
    /// A row of Parquet, with the columns whose times are of no zone.
    #[cfg(feature = "parquet")]
    Row {
        local: Vec<bool>,
    },
}

impl Values {
    /// For rows of `stream`, each with a value for each of [`names_of`].
    pub(in crate::data) fn of(stream: &TextStream<'_>) -> Result<Self> {
        let form = match &stream.source {
            Source::Delimited(delimited) => RowForm::Record(delimited.layout()),
            Source::Json(_) => RowForm::Object,
            Source::Lines(_) | Source::FastText(_) => RowForm::Line,
            #[cfg(feature = "parquet")]
            Source::Parquet(file) => RowForm::Row { local: super::parquet_values::local_times(&file.metadata) },
        };
        Ok(Self { names: names_of(stream), form, path: stream.reading().path.clone() })
    }

    /// The names of the columns.
    pub(in crate::data) fn names(&self) -> &[String] {
        &self.names
    }

    /// A value that has no counterpart in the form that is written.
    pub(super) fn refuse<T>(&self, line: Option<u64>, column: usize, expected: &str, got: &str) -> Result<T> {
        let name = self.names.get(column).map_or("", String::as_str);
        Err(Error::malformed(&self.path, line, expected, format!("{got} in '{}'", shown(name))))
    }

    /// The values of a row.
    pub(in crate::data) fn of_record(&self, record: &Record) -> Result<Vec<Value>> {
        match (&record.content, &self.form) {
            (Whole::Text(raw, _), RowForm::Record(layout)) => {
                Ok(layout.fields(raw).into_iter().map(Value::Text).collect())
            }
            (Whole::Text(raw, _), RowForm::Object) => self.members(record.line, raw),
            (Whole::Text(raw, _), _) => Ok(vec![Value::Text(raw.clone())]),
            #[cfg(feature = "parquet")]
            (Whole::Values(values), form) => {
                let is_local = |column: usize| match form {
                    RowForm::Row { local } => local.get(column) == Some(&true),
                    _ => false,
                };
                let value = |(column, (_, field)): (usize, &(String, Field))| {
                    super::parquet_values::value(field, is_local(column))
                };
                Ok(values.iter().enumerate().map(value).collect())
            }
        }
    }

    /// The values of an object.
    fn members(&self, line: Option<u64>, raw: &str) -> Result<Vec<Value>> {
        let keeps = "a copy in JSON keeps it as it is";
        let members = serde_json::from_str::<Members<Box<RawValue>>>(raw).map_err(|_| {
            let expected = format!("only what JSON knows ({keeps})");
            Error::malformed(&self.path, line, expected, "NaN, an infinity or half of a character")
        })?;
        let mut values = vec![None; self.names.len()];
        for (name, value) in members.0 {
            let column = self.names.iter().position(|known| *known == name).ok_or_else(|| {
                let expected = format!("no other fields than the first objects have ({keeps})");
                Error::malformed(&self.path, line, expected, format!("'{}'", shown(&name)))
            })?;
            if values[column].is_some() {
                return self.refuse(line, column, &format!("each field once ({keeps})"), "a second value");
            }
            let value = value.get();
            values[column] = Some(match value.as_bytes().first() {
                Some(b'"') => Value::Text(
                    serde_json::from_str(value)
                        .map_err(|error| Error::malformed(&self.path, line, "a string", error.to_string()))?,
                ),
                Some(b'n') => Value::Null,
                Some(b'{' | b'[') => Value::Nested(value.to_owned()),
                _ => Value::Plain(value.to_owned()),
            });
        }
        Ok(values.into_iter().map(|value| value.unwrap_or(Value::Null)).collect())
    }
}
