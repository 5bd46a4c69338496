//! Parquet: the text and label columns of a file, row by row; class names of the Hugging Face hub where they are
//! given.

use std::{
    cell::Cell,
    collections::HashSet,
    fs::File,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::Arc,
};

use parquet::{
    basic::Compression,
    errors::ParquetError,
    file::{
        metadata::{FileMetaData, ParquetMetaData},
        reader::{FileReader, SerializedFileReader},
    },
    record::{Field, reader::RowIter},
    schema::types::Type,
};

use super::{
    columns::{ColumnIndices, Columns},
    labels,
    lines::{listed, shown},
    rows::{Rows, joined},
};
use crate::{Error, Result};

/// Reads the file at `path`, which errors call what `rows` does, into `rows`, counting rows from 1 as lines.
pub(crate) fn read(path: &Path, rows: &mut Rows<'_>) -> Result<()> {
    let name = rows.path.clone();
    sound(&name, || read_rows(path, rows))
}

/// The outcome of `work` on the file called `name`. The parquet crate reports most damage as errors, but panics on
/// some (negative lengths, for example).
pub(super) fn sound<T>(name: &Path, work: impl FnOnce() -> Result<T>) -> Result<T> {
    caught(work)
        .unwrap_or_else(|| Err(Error::malformed(name, None, "a sound Parquet file", "damage: impossible sizes")))
}

thread_local! {
    static CATCHING: Cell<bool> = const { Cell::new(false) };
}

/// Whether a panic on this thread would be caught here and become an [`Error`], so that the panic hook of a program
/// may pass over it. The library itself leaves the hook alone.
#[must_use]
pub fn catches_panics() -> bool {
    CATCHING.get()
}

/// The outcome of `work`, or `None` if it panicked.
fn caught<T>(work: impl FnOnce() -> T) -> Option<T> {
    let before = CATCHING.replace(true);
    let outcome = catch_unwind(AssertUnwindSafe(work));
    CATCHING.set(before);
    outcome.ok()
}

fn read_rows(place: &Path, rows: &mut Rows<'_>) -> Result<()> {
    let mut file = RowsOfFile::open(place, rows, false)?;
    while let Some(values) = file.next()? {
        file.push(&values, rows)?;
    }
    Ok(())
}

/// A row, with the names of its columns.
pub(super) type Values = Vec<(String, Field)>;

/// The rows of a file, one after the other.
pub(super) struct RowsOfFile {
    name: PathBuf,
    /// What stands at the end of the file.
    pub(super) metadata: ParquetMetaData,
    /// All columns.
    pub(super) names: Vec<String>,
    chosen: ColumnIndices,
    /// The columns that are decoded, in the order of the file.
    used: Vec<usize>,
    /// The class names of the label column.
    classes: Option<Vec<String>>,
    rows: RowIter<'static>,
    /// Rows given.
    number: u64,
}

impl RowsOfFile {
    /// Opens the file at `place`, which errors call what `rows` does, and chooses its columns. Those that are neither
    /// text nor label are left out unless `whole`.
    pub(super) fn open(place: &Path, rows: &mut Rows<'_>, whole: bool) -> Result<Self> {
        let path = rows.path.clone();
        let damaged = |error: ParquetError| damaged(&path, &error);
        let file = File::open(place).map_err(Error::read(&path))?;
        let reader = SerializedFileReader::new(file).map_err(damaged)?;
        let packed = reader.metadata().row_groups().iter().flat_map(|group| group.columns());
        if let Some(codec) = packed.map(|column| column.compression()).find(|codec| !is_supported(*codec)) {
            let expected = "a codec that this program reads (none, snappy, gzip, zstd, lz4)";
            return rows.refuse(None, expected, format!("a codec that is not supported: {codec}"));
        }
        let metadata = reader.metadata().clone();
        let schema = metadata.file_metadata().schema();
        let fields = schema.get_fields();
        let names: Vec<String> = fields.iter().map(|field| field.name().to_owned()).collect();
        let columns = Columns {
            path: &path,
            line: None,
            names: &names,
            named: true,
            options: rows.options,
            labelled: rows.labelled,
        };
        let Some(chosen) = columns.find()? else {
            let got = format!("the columns {}", listed(names.iter().map(String::as_str)));
            let expected = match rows.labelled {
                true => "a text and a label column (--text-column, --label-column)",
                false => "a text column (--text-column)",
            };
            return rows.refuse(None, expected, got);
        };
        columns.tell(&chosen, &mut rows.reading);
        // Only the columns that are used are decoded, in the order of the file. A projection goes by names, so it
        // cannot tell columns of one name apart.
        let distinct: HashSet<&String> = names.iter().collect();
        let mut used: Vec<usize> = (0..names.len()).collect();
        if distinct.len() == names.len() && !whole {
            used.retain(|column| {
                chosen.text.contains(column) || [chosen.label, chosen.split].contains(&Some(*column))
            });
        }
        let projection = Type::group_type_builder(schema.name())
            .with_fields(used.iter().map(|&column| Arc::clone(&fields[column])).collect())
            .build()
            .map_err(damaged)?;
        let projection = Some(projection).filter(|_| used.len() < names.len());
        let classes = chosen.label.and_then(|column| class_names(metadata.file_metadata(), &names[column]));
        let rows = RowIter::from_file_into(Box::new(reader)).project(projection).map_err(damaged)?;
        Ok(Self { name: path, metadata, names, chosen, used, classes, rows, number: 0 })
    }

    /// The next row; none after the last.
    pub(super) fn next(&mut self) -> Result<Option<Values>> {
        let Some(row) = self.rows.next() else { return Ok(None) };
        self.number += 1;
        row.map(|row| Some(row.into_columns())).map_err(|error| damaged(&self.name, &error))
    }

    /// Pushes what `rows` want of the row that was given last.
    pub(super) fn push(&self, values: &Values, rows: &mut Rows<'_>) -> Result<()> {
        let line = Some(self.number);
        let place = |column: usize| self.used.iter().position(|&other| other == column).unwrap_or(0);
        let get = |column: usize| values.get(place(column)).map_or(&Field::Null, |value| &value.1);
        let mut texts = Vec::with_capacity(self.chosen.text.len());
        for &column in &self.chosen.text {
            match (get(column), text_of(get(column))) {
                (Field::Null, _) => {}
                (_, Some(text)) => texts.push(text),
                (field, None) => {
                    let expected = format!("UTF-8 text in the column '{}'", shown(&self.names[column]));
                    rows.broken(line, expected, kind(field));
                    return Ok(());
                }
            }
        }
        let text = joined(&texts);
        let split = self.chosen.split.map(get).and_then(string);
        if let Some(field @ Field::ListInternal(list)) = self.chosen.label.map(get) {
            let found: Option<Vec<String>> = list.elements().iter().map(label_of).collect();
            match found {
                Some(found) if rows.several() || found.len() == 1 => {
                    let labels: Vec<String> =
                        found.into_iter().filter_map(|label| named(self.classes.as_deref(), label)).collect();
                    rows.push_list(line, &text, &labels, split)?;
                }
                Some(found) if found.is_empty() => rows.push(line, &text, None, split)?,
                Some(found) => rows.too_many(line, format!("a list of {}", found.len())),
                None => rows.broken(line, "a list of strings, numbers or dates as labels", kind(field)),
            }
            return Ok(());
        }
        let label = match self.chosen.label.map(get) {
            None | Some(Field::Null) => None,
            Some(field) => match label_of(field) {
                Some(label) => named(self.classes.as_deref(), label),
                None => {
                    rows.broken(line, "a string, a number, a boolean or a date as label", kind(field));
                    return Ok(());
                }
            },
        };
        rows.push(line, &text, label.as_deref(), split)
    }
}

/// An error of the Parquet reader.
pub(super) fn damaged(path: &Path, error: &ParquetError) -> Error {
    let told = error.to_string();
    let told = told.strip_prefix("Parquet error: ").unwrap_or(&told);
    Error::malformed(path, None, "a sound Parquet file", format!("damage: {}", told.replace('\n', " ")))
}

fn is_supported(codec: Compression) -> bool {
    !matches!(codec, Compression::BROTLI(_) | Compression::LZO)
}

/// The class names that `datasets` of Hugging Face keeps beside the schema, in the order of their numbers.
fn class_names(metadata: &FileMetaData, column: &str) -> Option<Vec<String>> {
    let entry = metadata.key_value_metadata()?.iter().find(|entry| entry.key == "huggingface")?;
    let info: serde_json::Value = serde_json::from_str(entry.value.as_deref()?).ok()?;
    let mut feature = info.get("info")?.get("features")?.get(column)?;
    // A list of classes: `Sequence` and `List` name what is in them, older files are lists of it.
    while let Some(inner) = feature.get("feature").or_else(|| feature.get(0)) {
        feature = inner;
    }
    let names = feature.get("names")?.as_array()?;
    names.iter().map(|name| name.as_str().map(str::to_owned)).collect()
}

/// The name of the class that `label` numbers, or the label itself; none for -1, which `datasets` writes where a
/// label is not known.
fn named(classes: Option<&[String]>, label: String) -> Option<String> {
    let Some(classes) = classes else { return Some(label) };
    match label.parse::<i64>() {
        Ok(-1) => None,
        Ok(number) => Some(usize::try_from(number).ok().and_then(|n| classes.get(n).cloned()).unwrap_or(label)),
        Err(_) => Some(label),
    }
}

fn string(field: &Field) -> Option<&str> {
    match field {
        Field::Str(text) => Some(text),
        Field::Bytes(bytes) => std::str::from_utf8(bytes.data()).ok(),
        _ => None,
    }
}

/// A text, or a number as one.
fn text_of(field: &Field) -> Option<String> {
    match field {
        Field::Bool(_) => None,
        other => label_of(other),
    }
}

fn label_of(field: &Field) -> Option<String> {
    Some(match field {
        Field::Bool(truth) => truth.to_string(),
        Field::Byte(number) => number.to_string(),
        Field::Short(number) => number.to_string(),
        Field::Int(number) => number.to_string(),
        Field::Long(number) => number.to_string(),
        Field::UByte(number) => number.to_string(),
        Field::UShort(number) => number.to_string(),
        Field::UInt(number) => number.to_string(),
        Field::ULong(number) => number.to_string(),
        Field::Float16(number) => labels::number_label(f64::from(*number)),
        // With the digits of single precision: 0.1 is no 0.10000000149011612.
        Field::Float(number) => number.to_string().parse().map_or_else(|_| number.to_string(), labels::number_label),
        Field::Double(number) => labels::number_label(*number),
        Field::Decimal(_) => {
            let digits = field.to_string();
            digits.strip_suffix('.').unwrap_or(&digits).to_owned()
        }
        Field::Date(_)
        | Field::TimeMillis(_)
        | Field::TimeMicros(_)
        | Field::TimestampMillis(_)
        | Field::TimestampMicros(_) => field.to_string(),
        other => string(other)?.to_owned(),
    })
}

fn kind(field: &Field) -> &'static str {
    match field {
        Field::Null => "nothing",
        Field::Bool(_) => "a boolean",
        Field::Str(_) => "a string",
        Field::Bytes(_) => "bytes that are not UTF-8",
        Field::Group(_) => "a group of fields",
        Field::ListInternal(_) => "a list",
        Field::MapInternal(_) => "a map",
        _ => "a number or a date",
    }
}

#[cfg(test)]
mod tests {
    use parquet::{
        data_type::{BoolType, ByteArray, ByteArrayType, DoubleType, Int64Type},
        file::{metadata::KeyValue, properties::WriterProperties, writer::SerializedFileWriter},
        schema::parser::parse_message_type,
    };

    use super::*;
    use crate::data::{
        options::{Format, ReadOptions},
        read_file,
        split::Split,
        table::Table,
    };

    /// The labels of a test file.
    enum Labels {
        Numbers(Vec<i64>),
        Reals(Vec<f64>),
        Truths(Vec<bool>),
        Strings(Vec<&'static str>),
    }

    fn file(texts: &[&str], labels: &Labels, note: Option<&str>) -> Vec<u8> {
        let form = match labels {
            Labels::Numbers(_) => "int64 label",
            Labels::Reals(_) => "double label",
            Labels::Truths(_) => "boolean label",
            Labels::Strings(_) => "binary label (UTF8)",
        };
        let schema = format!("message m {{ required int64 id; required binary text (UTF8); required {form}; }}");
        let note = note.map(|value| vec![KeyValue::new("huggingface".to_owned(), value.to_owned())]);
        let properties = WriterProperties::builder().set_key_value_metadata(note).build();
        let mut bytes = Vec::new();
        let schema = Arc::new(parse_message_type(&schema).unwrap());
        let mut writer = SerializedFileWriter::new(&mut bytes, schema, Arc::new(properties)).unwrap();
        let mut group = writer.next_row_group().unwrap();
        let strings = |strings: &[&str]| strings.iter().map(|&s| ByteArray::from(s)).collect::<Vec<_>>();
        for column in 0..3 {
            let mut writer = group.next_column().unwrap().unwrap();
            match (column, labels) {
                (0, _) => {
                    let ids: Vec<i64> = (0..texts.len() as i64).collect();
                    writer.typed::<Int64Type>().write_batch(&ids, None, None).unwrap()
                }
                (1, _) => writer.typed::<ByteArrayType>().write_batch(&strings(texts), None, None).unwrap(),
                (_, Labels::Numbers(v)) => writer.typed::<Int64Type>().write_batch(v, None, None).unwrap(),
                (_, Labels::Reals(v)) => writer.typed::<DoubleType>().write_batch(v, None, None).unwrap(),
                (_, Labels::Truths(v)) => writer.typed::<BoolType>().write_batch(v, None, None).unwrap(),
                (_, Labels::Strings(v)) => {
                    writer.typed::<ByteArrayType>().write_batch(&strings(v), None, None).unwrap()
                }
            };
            writer.close().unwrap();
        }
        group.close().unwrap();
        writer.close().unwrap();
        bytes
    }

    fn read_bytes(bytes: &[u8], options: &ReadOptions) -> Result<Table> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f.parquet");
        std::fs::write(&path, bytes).unwrap();
        read_file(&path, options)
    }

    fn labels_of(labels: Labels, note: Option<&str>) -> Vec<String> {
        let table = read_bytes(&file(&["a", "b", " "], &labels, note), &ReadOptions::default()).unwrap();
        assert_eq!((table.readings[0].format, table.left_out().empty), (Format::Parquet, 1));
        assert_eq!(table.rows.iter().map(|row| row.text.as_str()).collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!((table.rows[1].line, table.rows[1].part), (Some(2), None::<Split>));
        table.rows.into_iter().map(|row| row.labels.concat()).collect()
    }

    #[test]
    fn labels_may_be_of_every_simple_type() {
        assert_eq!(labels_of(Labels::Numbers(vec![0, 1, 1]), None), ["0", "1"]);
        assert_eq!(labels_of(Labels::Reals(vec![2.0, 0.5, 1.0]), None), ["2", "0.5"]);
        assert_eq!(labels_of(Labels::Truths(vec![true, false, true]), None), ["true", "false"]);
        assert_eq!(labels_of(Labels::Strings(vec!["x", "y", "y"]), None), ["x", "y"]);
        let note = r#"{"info": {"features": {"label": {"names": ["neg", "pos"], "_type": "ClassLabel"}}}}"#;
        assert_eq!(labels_of(Labels::Numbers(vec![1, 0, 1]), Some(note)), ["pos", "neg"]);
        assert_eq!(labels_of(Labels::Numbers(vec![1, 7, 1]), Some(note)), ["pos", "7"]);
        assert_eq!(labels_of(Labels::Numbers(vec![1, -1, 1]), None), ["1", "-1"]);
        let message =
            read_bytes(&file(&["a", "b"], &Labels::Numbers(vec![1, -1]), Some(note)), &ReadOptions::default());
        let message = message.unwrap_err().to_string();
        assert!(message.contains("f.parquet:2: expected a label"), "{message}");
    }

    #[test]
    fn a_text_that_is_none_is_a_broken_row_among_others() {
        let bytes = file(&["a", "b", "c"], &Labels::Truths(vec![true, false, true]), None);
        let ask = |skip_bad| ReadOptions {
            text: vec!["label".to_owned()],
            label: Some("id".to_owned()),
            skip_bad,
            ..ReadOptions::default()
        };
        let message = read_bytes(&bytes, &ask(false)).unwrap_err().to_string();
        assert!(message.contains("f.parquet:1: ") && message.contains("broken records in the file: 3"), "{message}");
        assert!(message.contains("--skip-bad"), "{message}");
        assert!(read_bytes(&bytes, &ask(true)).unwrap_err().to_string().contains("3 broken only"));
    }

    #[test]
    fn for_prediction_nobody_is_asked_for_a_label() {
        let bytes = file(&["a"], &Labels::Numbers(vec![0]), None);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f.parquet");
        // The name of the text, wherever it stands, made one that nobody knows.
        let bytes: Vec<u8> = bytes.windows(4).enumerate().filter(|(_, w)| *w == b"text").map(|(at, _)| at).fold(
            bytes.clone(),
            |mut bytes, at| {
                bytes[at..at + 4].copy_from_slice(b"tttt");
                bytes
            },
        );
        let bytes: Vec<u8> = bytes.windows(5).enumerate().filter(|(_, w)| *w == b"label").map(|(at, _)| at).fold(
            bytes.clone(),
            |mut bytes, at| {
                bytes[at..at + 5].copy_from_slice(b"lllll");
                bytes
            },
        );
        std::fs::write(&path, bytes).unwrap();
        let message = crate::data::read_texts(&path, &ReadOptions::default()).unwrap_err().to_string();
        assert!(
            message.contains("a text column (--text-column)") && !message.contains("--label-column"),
            "{message}"
        );
    }

    #[cfg(feature = "compressed")]
    #[test]
    fn a_packed_file_is_unpacked_first() {
        let bytes = file(&["a", "b"], &Labels::Numbers(vec![0, 1]), None);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f.parquet.zst");
        std::fs::write(&path, zstd::encode_all(&bytes[..], 3).unwrap()).unwrap();
        assert_eq!(read_file(&path, &ReadOptions::default()).unwrap().rows.len(), 2);
        let options = ReadOptions::default();
        let mut stream = crate::data::TextStream::open(&path, &options).unwrap();
        assert_eq!(stream.next_batch(9).unwrap().len(), 2);
    }

    #[test]
    fn wrong_columns_are_told() {
        let bytes = file(&["a"], &Labels::Numbers(vec![0]), None);
        let ask = |text: &str| ReadOptions { text: vec![text.to_owned()], ..ReadOptions::default() };
        let message = read_bytes(&bytes, &ask("body")).unwrap_err().to_string();
        assert!(message.contains("'body'") && message.contains("id, text, label"), "{message}");
        assert_eq!(read_bytes(&bytes, &ask("id")).unwrap().rows[0].text, "0", "a number is a text, as in JSON");
    }

    /// The hook of the process is left alone: it must be a program's own matter what is printed.
    #[test]
    fn a_panic_is_caught_and_announced_as_long_as_it_would_be() {
        assert!(!catches_panics());
        assert_eq!(caught(catches_panics), Some(true));
        assert_eq!(caught(|| -> u8 { std::panic::resume_unwind(Box::new(())) }), None);
        assert!(!catches_panics());
    }

    #[test]
    fn damage_is_an_error_wherever_it_is() {
        let bytes = file(&["good film", "bad film"], &Labels::Numbers(vec![0, 1]), None);
        for length in 0..bytes.len() {
            assert!(read_bytes(&bytes[..length], &ReadOptions::default()).is_err(), "{length} bytes");
        }
        assert!(read_bytes(b"PAR1rubbish that ends wellPAR1", &ReadOptions::default()).is_err());
        // A changed byte may go unnoticed (there is no checksum), but it must come back.
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 0x55;
            let _ = read_bytes(&changed, &ReadOptions::default());
        }
    }
}
