//! Parquet with columns added: those of a Parquet file are copied byte by byte, packed and encoded as they are; of
//! other tables every field becomes a string.
//!
//! The answers to a row group are known only when its texts were read, and stand behind all its columns: until then
//! they wait in temporary files, a column each, which stay in memory as long as they are small.

use std::{
    fs::File,
    io::{self, BufReader, Read, Seek, Write},
    path::Path,
    sync::Arc,
};

use parquet::{
    basic::{Compression, LogicalType, Repetition, Type as PhysicalType},
    column::writer::ColumnCloseResult,
    data_type::{BoolType, ByteArray, ByteArrayType, FloatType},
    errors::ParquetError,
    file::{
        metadata::{KeyValue, ParquetMetaData},
        properties::WriterProperties,
        writer::{SerializedFileWriter, SerializedRowGroupWriter},
    },
    schema::types::{Type, TypePtr},
};
use tempfile::SpooledTempFile;

use super::{BATCH, Cell, CellKind, NewColumn, Writer, destination::Output, value::Value, values::Values};
use crate::{
    Error, Result,
    data::{
        parquet_file::{damaged, sound},
        stream::{Record, Source, TextStream},
    },
};

/// Notes in a file that describe all of its columns, so that a reader would not see the new ones, or refuse the file.
const SCHEMA_NOTES: [&str; 2] = ["ARROW:schema", "org.apache.spark.sql.parquet.row.metadata"];

/// So many bytes of a column that is added to a row group wait in memory.
const SPOOLED: usize = 4 << 20;

/// A row group of strings is closed when it has so many bytes, of which a value costs some beside its own.
const GROUP_BYTES: usize = 64 << 20;
const VALUE_BYTES: usize = 64;

/// What is left out of a copy.
pub(super) fn notes(metadata: &ParquetMetaData) -> Option<String> {
    let left_out: Vec<&str> =
        entries(metadata).map(|entry| entry.key.as_str()).filter(|key| SCHEMA_NOTES.contains(key)).collect();
    (!left_out.is_empty()).then(|| {
        let what = "descriptions that know nothing of the new columns are left out of the copy; columns keep the types \
                    of Parquet";
        format!("{what}: {}", left_out.join(", "))
    })
}

fn entries(metadata: &ParquetMetaData) -> impl Iterator<Item = &KeyValue> {
    metadata.file_metadata().key_value_metadata().into_iter().flatten()
}

/// The schema with columns added.
fn schema_with(name: &str, mut fields: Vec<TypePtr>, columns: &[NewColumn]) -> parquet::errors::Result<TypePtr> {
    for column in columns {
        let (physical, logical) = match column.kind {
            CellKind::Text => (PhysicalType::BYTE_ARRAY, Some(LogicalType::String)),
            CellKind::Number => (PhysicalType::FLOAT, None),
            CellKind::Truth => (PhysicalType::BOOLEAN, None),
        };
        let field = Type::primitive_type_builder(&column.name, physical)
            .with_repetition(Repetition::REQUIRED)
            .with_logical_type(logical)
            .build()?;
        fields.push(Arc::new(field));
    }
    Type::group_type_builder(name).with_fields(fields).build().map(Arc::new)
}

fn properties(notes: Option<Vec<KeyValue>>) -> Arc<WriterProperties> {
    Arc::new(WriterProperties::builder().set_compression(Compression::SNAPPY).set_key_value_metadata(notes).build())
}

/// What could not be written.
fn unwritten(path: &Path) -> impl Fn(ParquetError) -> Error {
    move |error| match error {
        ParquetError::External(cause) => match cause.downcast::<io::Error>() {
            Ok(cause) => Error::write(path)(*cause),
            Err(cause) => Error::write(path)(io::Error::other(cause.to_string())),
        },
        other => Error::write(path)(io::Error::other(other.to_string())),
    }
}

/// Copies a Parquet file and adds columns to it, row group by row group.
pub(super) fn copy(
    stream: &mut TextStream<'_>,
    columns: &[NewColumn],
    output: Output,
    mut ask: impl FnMut(&[Record]) -> Result<Vec<Vec<Cell>>>,
) -> Result<()> {
    let name = stream.reading().path.clone();
    let (Source::Parquet(file), Some(input)) = (&stream.source, &stream.input) else {
        return Err(Error::invalid("copy Parquet", "a Parquet file", "something else"));
    };
    let metadata = file.metadata.clone();
    let source = File::open(input.place()).map_err(Error::read(&name))?;
    let path = output.path().to_owned();
    let unwritten = unwritten(&path);
    let schema = metadata.file_metadata().schema();
    let schema = schema_with(schema.name(), schema.get_fields().to_vec(), columns).map_err(&unwritten)?;
    let kept: Vec<KeyValue> =
        entries(&metadata).filter(|entry| !SCHEMA_NOTES.contains(&entry.key.as_str())).cloned().collect();
    let mut writer =
        SerializedFileWriter::new(output, schema, properties(Some(kept).filter(|kept| !kept.is_empty())))
            .map_err(&unwritten)?;
    for group in metadata.row_groups() {
        let mut left = usize::try_from(group.num_rows()).unwrap_or(0);
        let mut spools: Vec<Spool> = columns.iter().map(|column| Spool::new(column.kind)).collect();
        while left > 0 {
            let batch = stream.next_batch(left.min(BATCH))?;
            if batch.is_empty() {
                let got = format!("damage: {left} rows fewer in a row group than it says");
                return Err(Error::malformed(&name, None, "a sound Parquet file", got));
            }
            left -= batch.len();
            for cells in ask(&batch)? {
                let put = |(spool, cell): (&mut Spool, &Cell)| spool.put(cell);
                spools.iter_mut().zip(&cells).try_for_each(put).map_err(Error::write(std::env::temp_dir()))?;
            }
        }
        let rows = u64::try_from(group.num_rows()).unwrap_or(0);
        let mut target = writer.next_row_group().map_err(&unwritten)?;
        for column in group.columns() {
            let close = ColumnCloseResult {
                bytes_written: u64::try_from(column.compressed_size()).unwrap_or(0),
                rows_written: rows,
                metadata: column.clone(),
                bloom_filter: None,
                column_index: None,
                offset_index: None,
            };
            let appended = sound(&name, || Ok(target.append_column(&source, close)))?;
            appended.map_err(|error| match error {
                error @ ParquetError::External(_) => unwritten(error),
                error => damaged(&name, &error),
            })?;
        }
        for spool in spools {
            spool.write_to(&mut target, rows as usize).map_err(&unwritten)?;
        }
        target.close().map_err(&unwritten)?;
    }
    if !stream.next_batch(1)?.is_empty() {
        let got = "damage: more rows than its row groups say";
        return Err(Error::malformed(&name, None, "a sound Parquet file", got));
    }
    writer.into_inner().map_err(&unwritten)?.finish()
}

/// The cells of a column until they can be written.
struct Spool {
    kind: CellKind,
    file: io::BufWriter<SpooledTempFile>,
}

impl Spool {
    fn new(kind: CellKind) -> Self {
        Self { kind, file: io::BufWriter::new(SpooledTempFile::new(SPOOLED)) }
    }

    fn put(&mut self, cell: &Cell) -> io::Result<()> {
        match (self.kind, cell) {
            (CellKind::Text, Cell::Text(text)) => {
                self.file.write_all(&(text.len() as u64).to_le_bytes())?;
                self.file.write_all(text.as_bytes())
            }
            (CellKind::Text, Cell::Texts(texts, separator)) => {
                let text = texts.join(separator);
                self.file.write_all(&(text.len() as u64).to_le_bytes())?;
                self.file.write_all(text.as_bytes())
            }
            (CellKind::Number, Cell::Number(number)) => self.file.write_all(&number.to_le_bytes()),
            (CellKind::Truth, Cell::Truth(truth)) => self.file.write_all(&[u8::from(*truth)]),
            _ => Err(io::Error::other("a cell of another kind than its column")),
        }
    }

    /// Writes all of its `rows` cells as the next column.
    fn write_to<W: Write + Send>(
        self,
        group: &mut SerializedRowGroupWriter<'_, W>,
        rows: usize,
    ) -> parquet::errors::Result<()> {
        let mut file = self.file.into_inner().map_err(|error| ParquetError::from(error.into_error()))?;
        file.rewind()?;
        let mut file = BufReader::new(file);
        let mut column = group.next_column()?.ok_or_else(|| ParquetError::General("a column too many".to_owned()))?;
        let mut left = rows;
        while left > 0 {
            let batch = left.min(BATCH);
            left -= batch;
            match self.kind {
                CellKind::Text => {
                    let texts = (0..batch).map(|_| text(&mut file)).collect::<io::Result<Vec<_>>>()?;
                    column.typed::<ByteArrayType>().write_batch(&texts, None, None)?;
                }
                CellKind::Number => {
                    let numbers = (0..batch).map(|_| Ok(f32::from_le_bytes(bytes(&mut file)?)));
                    let numbers = numbers.collect::<io::Result<Vec<_>>>()?;
                    column.typed::<FloatType>().write_batch(&numbers, None, None)?;
                }
                CellKind::Truth => {
                    let truths = (0..batch).map(|_| Ok(bytes::<1>(&mut file)? == [1]));
                    let truths = truths.collect::<io::Result<Vec<_>>>()?;
                    column.typed::<BoolType>().write_batch(&truths, None, None)?;
                }
            }
        }
        column.close()
    }
}

fn bytes<const N: usize>(file: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    file.read_exact(&mut bytes).map(|()| bytes)
}

fn text(file: &mut impl Read) -> io::Result<ByteArray> {
    let length = u64::from_le_bytes(bytes(file)?);
    let mut text = vec![0; length as usize];
    file.read_exact(&mut text).map(|()| ByteArray::from(text))
}

/// Writes rows of strings, with columns added.
pub(super) struct Strings {
    writer: SerializedFileWriter<Output>,
    path: std::path::PathBuf,
    values: Values,
    /// The strings of each column of the row group that is being filled.
    strings: Vec<Vec<ByteArray>>,
    /// What is added to them.
    added: Vec<Spool>,
    kinds: Vec<CellKind>,
    bytes: usize,
}

impl Strings {
    pub(super) fn new(stream: &TextStream<'_>, columns: &[NewColumn], output: Output) -> Result<Self> {
        let path = output.path().to_owned();
        let values = Values::of(stream)?;
        let texts: Vec<NewColumn> =
            values.names().iter().map(|name| NewColumn { name: name.clone(), kind: CellKind::Text }).collect();
        let all: Vec<NewColumn> = texts.iter().chain(columns).cloned().collect();
        let schema = schema_with("table", Vec::new(), &all).map_err(unwritten(&path))?;
        let writer = SerializedFileWriter::new(output, schema, properties(None)).map_err(unwritten(&path))?;
        let kinds: Vec<CellKind> = columns.iter().map(|column| column.kind).collect();
        let added = kinds.iter().map(|&kind| Spool::new(kind)).collect();
        Ok(Self { writer, path, strings: vec![Vec::new(); values.names().len()], values, added, kinds, bytes: 0 })
    }

    /// Writes the row group that was filled.
    fn close_group(&mut self) -> Result<()> {
        let rows = self.strings.first().map_or(0, Vec::len);
        let added = std::mem::replace(&mut self.added, self.kinds.iter().map(|&kind| Spool::new(kind)).collect());
        let write = || {
            let mut group = self.writer.next_row_group()?;
            for strings in &mut self.strings {
                let none = || ParquetError::General("a column too many".to_owned());
                let mut column = group.next_column()?.ok_or_else(none)?;
                for strings in strings.chunks(BATCH) {
                    column.typed::<ByteArrayType>().write_batch(strings, None, None)?;
                }
                strings.clear();
                column.close()?;
            }
            added.into_iter().try_for_each(|spool| spool.write_to(&mut group, rows))?;
            group.close().map(drop)
        };
        self.bytes = 0;
        write().map_err(unwritten(&self.path))
    }
}

impl Writer for Strings {
    fn write(&mut self, batch: &[Record], cells: &[Vec<Cell>]) -> Result<()> {
        for (record, cells) in batch.iter().zip(cells) {
            for (strings, value) in self.strings.iter_mut().zip(self.values.of_record(record)?) {
                let text = match value {
                    // Tables that are no Parquet have text only.
                    Value::Null | Value::NoText => String::new(),
                    Value::Text(text) | Value::Plain(text) | Value::NoNumber(text) | Value::Nested(text) => text,
                };
                self.bytes += text.len() + VALUE_BYTES;
                strings.push(ByteArray::from(text.into_bytes()));
            }
            let put = |(spool, cell): (&mut Spool, &Cell)| spool.put(cell);
            self.added.iter_mut().zip(cells).try_for_each(put).map_err(Error::write(std::env::temp_dir()))?;
            if self.bytes > GROUP_BYTES {
                self.close_group()?;
            }
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        if self.bytes > 0 {
            self.close_group()?;
        }
        let path = self.path.clone();
        self.writer.into_inner().map_err(unwritten(&path))?.finish()
    }
}
