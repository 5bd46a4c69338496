//! Tables as text: records between delimiters, and JSON.
//!
//! Fields are quoted by hand: records are mostly copied as they stand, which the `csv` crate cannot do, and a
//! delimiter may be any character. A property test holds what is written to that crate.

use super::{Cell, NewColumn, TableForm, Writer, destination::Output, value::Value, values::Values};
use crate::{
    Error, Result,
    data::stream::{Record, Source, TextStream, Whole},
};

/// What stands in a text, and what does not.
const TEXT: &str = "UTF-8 text (a copy in Parquet keeps bytes)";
const BYTES: &str = "other bytes";

/// Writes rows as text.
pub(super) struct TextWriter {
    output: Output,
    rows: RowForm,
    values: Values,
    /// The names of the columns that are added, in JSON.
    keys: Vec<String>,
    /// Whether a row was written.
    begun: bool,
}

/// How a row becomes text.
enum RowForm {
    /// A record as it stands, and fields behind it.
    CopiedRecord { delimiter: char, end: &'static str },
    /// Fields.
    Record { delimiter: char },
    /// An object as it stands, with members added.
    CopiedObject { array: bool },
    /// An object made of the values.
    Object { array: bool, keys: Vec<String> },
}

impl TextWriter {
    /// Begins a table with the rows of `stream`.
    pub(super) fn new(
        stream: &TextStream<'_>,
        form: TableForm,
        columns: &[NewColumn],
        output: Output,
    ) -> Result<Self> {
        let values = Values::of(stream)?;
        let array = form == TableForm::JsonArray;
        let is_json = matches!(form, TableForm::JsonLines | TableForm::JsonArray);
        let mut head = String::new();
        let added = |delimiter: char| {
            columns.iter().fold(String::new(), |mut added, column| {
                added.push(delimiter);
                added + &quoted(&column.name, delimiter)
            })
        };
        let rows = match &stream.source {
            Source::Json(_) if is_json => RowForm::CopiedObject { array },
            _ if is_json => {
                RowForm::Object { array, keys: values.names().iter().map(|name| in_json(name)).collect() }
            }
            Source::Delimited(delimited) if keeps_delimiter(stream, form) => {
                let layout = delimited.layout();
                if stream.marked {
                    head.push('\u{feff}');
                }
                head.push_str(layout.separator_line.as_deref().unwrap_or(""));
                if let Some(header) = &layout.header {
                    head.push_str(header);
                    head.push_str(&added(layout.delimiter));
                    head.push_str(layout.end);
                }
                RowForm::CopiedRecord { delimiter: layout.delimiter, end: layout.end }
            }
            source => {
                let delimiter = if form == TableForm::Tsv { '\t' } else { ',' };
                if stream.marked && matches!(source, Source::Delimited(_)) {
                    head.push('\u{feff}');
                }
                let has_names = match source {
                    Source::Delimited(delimited) => delimited.layout().header.is_some(),
                    _ => true,
                };
                if has_names {
                    let names: Vec<String> = values.names().iter().map(|name| quoted(name, delimiter)).collect();
                    let added = added(delimiter);
                    head.push_str(&names.join(&delimiter.to_string()));
                    // JSON without any object has no columns of its own.
                    head.push_str(if names.is_empty() { added.trim_start_matches(delimiter) } else { &added });
                    head.push('\n');
                }
                RowForm::Record { delimiter }
            }
        };
        let mut writer = Self {
            output,
            rows,
            values,
            keys: columns.iter().map(|column| in_json(&column.name)).collect(),
            begun: false,
        };
        if array {
            head.push('[');
        }
        writer.output.put(head.as_bytes())?;
        Ok(writer)
    }

    /// One row, with its end.
    fn row(&self, record: &Record, cells: &[Cell]) -> Result<String> {
        let mut row = String::new();
        match (&self.rows, &record.content) {
            (RowForm::CopiedRecord { delimiter, end }, Whole::Text(raw, own_end)) => {
                row.push_str(raw);
                add_fields(&mut row, cells, *delimiter)?;
                row.push_str(if own_end.is_empty() { end } else { own_end });
            }
            (RowForm::CopiedObject { array }, Whole::Text(raw, _)) => {
                let Some(inner) = raw.strip_suffix('}') else {
                    return Err(Error::invalid("write a table", "a JSON object", "something else"));
                };
                self.begin_element(&mut row, *array);
                match array {
                    true => row.push_str(inner.trim_end()),
                    false => row.push_str(&on_one_line(inner.trim_end())),
                }
                self.add_members(&mut row, cells)?;
                row.push_str(if *array { "" } else { "\n" });
            }
            (RowForm::Object { array, keys }, _) => {
                self.begin_element(&mut row, *array);
                row.push('{');
                for (column, (key, value)) in keys.iter().zip(self.values.of_record(record)?).enumerate() {
                    row.push_str(if column > 0 { "," } else { "" });
                    row.push_str(key);
                    row.push(':');
                    match value {
                        Value::Null => row.push_str("null"),
                        Value::Text(text) => row.push_str(&in_json(&text)),
                        Value::Plain(plain) | Value::Nested(plain) => row.push_str(&plain),
                        Value::NoNumber(word) => {
                            let expected = "numbers that JSON has (a copy in CSV or Parquet keeps it)";
                            return self.values.refuse(record.line, column, expected, &word);
                        }
                        Value::NoText => return self.values.refuse(record.line, column, TEXT, BYTES),
                    }
                }
                self.add_members(&mut row, cells)?;
                row.push_str(if *array { "" } else { "\n" });
            }
            (RowForm::Record { delimiter }, _) => {
                for (column, value) in self.values.of_record(record)?.into_iter().enumerate() {
                    if column > 0 {
                        row.push(*delimiter);
                    }
                    match value {
                        Value::Null => {}
                        Value::Text(text) => row.push_str(&quoted(&text, *delimiter)),
                        Value::Plain(plain) | Value::NoNumber(plain) => row.push_str(&quoted(&plain, *delimiter)),
                        Value::NoText => return self.values.refuse(record.line, column, TEXT, BYTES),
                        Value::Nested(_) => {
                            let expected = "values that fit a field (a copy in JSON keeps it)";
                            return self.values.refuse(record.line, column, expected, "a list or an object");
                        }
                    }
                }
                add_fields(&mut row, cells, *delimiter)?;
                row.push('\n');
            }
            #[cfg(feature = "parquet")]
            (_, Whole::Values(_)) => {
                return Err(Error::invalid("write a table", "a record as it stands", "values"));
            }
        }
        Ok(row)
    }

    fn begin_element(&self, row: &mut String, array: bool) {
        if array {
            row.push_str(if self.begun { ",\n" } else { "\n" });
        }
    }

    /// Adds members to an object that lacks its last brace, and the brace.
    fn add_members(&self, row: &mut String, cells: &[Cell]) -> Result<()> {
        for (key, cell) in self.keys.iter().zip(cells) {
            row.push_str(if row.ends_with('{') { "" } else { "," });
            row.push_str(key);
            row.push(':');
            match cell {
                Cell::Text(text) => row.push_str(&in_json(text)),
                Cell::Texts(texts, _) => {
                    let texts: Vec<String> = texts.iter().map(|text| in_json(text).to_string()).collect();
                    row.push_str(&format!("[{}]", texts.join(",")));
                }
                other => row.push_str(&plain(other)?),
            }
        }
        row.push('}');
        Ok(())
    }
}

impl Writer for TextWriter {
    fn write(&mut self, batch: &[Record], cells: &[Vec<Cell>]) -> Result<()> {
        for (record, cells) in batch.iter().zip(cells) {
            let row = self.row(record, cells)?;
            self.begun = true;
            self.output.put(row.as_bytes())?;
        }
        self.output.pass_on()
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        if let RowForm::CopiedObject { array: true } | RowForm::Object { array: true, .. } = self.rows {
            self.output.put(b"\n]\n")?;
        }
        self.output.finish()
    }
}

/// Whether the records of `stream` can be copied as they stand: into the same form, if there is a delimiter at all.
fn keeps_delimiter(stream: &TextStream<'_>, form: TableForm) -> bool {
    let Source::Delimited(delimited) = &stream.source else { return false };
    let layout = delimited.layout();
    // Of a single column it may be one that was chosen because it cuts nothing.
    let is_told = layout.names.len() > 1 || layout.delimiter == ',' || layout.separator_line.is_some();
    let is_told = is_told || stream.options().delimiter.is_some();
    match form {
        TableForm::Csv => stream.reading().format == crate::data::Format::Csv && is_told,
        _ => layout.delimiter == '\t',
    }
}

/// A cell that is no text.
fn plain(cell: &Cell) -> Result<String> {
    Ok(match cell {
        Cell::Text(text) => text.clone(),
        Cell::Texts(texts, separator) => texts.join(separator),
        Cell::Truth(truth) => truth.to_string(),
        Cell::Number(number) if number.is_finite() => {
            serde_json::to_string(number).unwrap_or_else(|_| number.to_string())
        }
        Cell::Number(number) => return Err(Error::invalid("write a table", "finite numbers", number.to_string())),
    })
}

fn add_fields(row: &mut String, cells: &[Cell], delimiter: char) -> Result<()> {
    for cell in cells {
        row.push(delimiter);
        row.push_str(&quoted(&plain(cell)?, delimiter));
    }
    Ok(())
}

/// A field between delimiters: in quotes if something in it would not be read back without.
pub(super) fn quoted(field: &str, delimiter: char) -> String {
    match field.contains([delimiter, '"', '\n', '\r']) {
        true => format!("\"{}\"", field.replace('"', "\"\"")),
        false => field.to_owned(),
    }
}

/// A string in JSON.
pub(super) fn in_json(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A sound object on one line: the ends of its lines, and what stands before the next, are no part of a string.
fn on_one_line(object: &str) -> String {
    if !object.contains(['\n', '\r']) {
        return object.to_owned();
    }
    object.split(['\n', '\r']).map(str::trim).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}
