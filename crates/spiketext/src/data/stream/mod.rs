//! The texts of one file, one after the other, each with all that stands beside it: for files of any size.
//!
//! What a text is, and which column holds it, is what [`read_texts`](super::read_texts) says; here no more of the file
//! is in memory than a batch. Where a file is found to be broken, the texts before have been given.

mod again;
pub(super) mod delimited;
mod elements;
pub(super) mod json;

use std::path::{Path, PathBuf};

pub use again::TextFile;

#[cfg(feature = "parquet")]
use super::parquet_file::{RowsOfFile, Values, sound};
use super::{
    fasttext,
    input::{Content, Extent, Input, TextLines, is_standard_input},
    lines::Lines,
    options::{Format, ReadOptions},
    read::format_of,
    reading::Reading,
    rows::Rows,
};
use crate::{Result, data::table::Row};

/// A batch is closed when its texts and what stands beside them have so many bytes.
const BATCH_BYTES: usize = 1 << 20;

/// The texts of one file, in its order.
pub struct TextStream<'a> {
    rows: Rows<'a>,
    pub(super) source: Source,
    /// Whether the content began with a byte order mark, or was in UTF-16.
    pub(super) marked: bool,
    /// The error that comes after the texts that were read before it.
    failure: Option<crate::Error>,
    ended: bool,
    extent: Extent,
    /// What was read, kept as long as it is.
    #[cfg_attr(not(feature = "parquet"), allow(dead_code))]
    pub(super) input: Option<Input>,
}

/// The rows of a file in one of its forms.
pub(super) enum Source {
    Delimited(delimited::Stream),
    Json(json::Stream),
    Lines(TextLines),
    FastText(TextLines),
    #[cfg(feature = "parquet")]
    Parquet(Box<RowsOfFile>),
}

/// A row of a file.
#[derive(Debug)]
#[non_exhaustive]
pub struct Record {
    /// Its text, without white space around it; it may be empty.
    pub text: String,
    /// The line (or row, or element of an array) of the file, counted from 1.
    pub line: Option<u64>,
    /// All of it as it stands there.
    pub(super) content: Whole,
}

/// All of a row.
#[derive(Debug)]
pub(super) enum Whole {
    /// A record, an object or a line as it stands in the file, with its end.
    Text(String, &'static str),
    /// The columns of Parquet that were decoded.
    #[cfg(feature = "parquet")]
    Values(Values),
}

impl Whole {
    fn bytes(&self) -> usize {
        match self {
            Self::Text(text, _) => text.len(),
            #[cfg(feature = "parquet")]
            Self::Values(values) => size_of::<Values>() * values.len(),
        }
    }
}

impl<'a> TextStream<'a> {
    /// Opens the file at `path`; `-` is standard input, which is read as it comes (Parquet, whose table of contents
    /// stands at its end, in a temporary copy). Its form and columns are known afterwards, see
    /// [`TextStream::reading`].
    ///
    /// # Errors
    /// As for [`read_texts`](super::read_texts), as far as the first rows show it.
    pub fn open(path: impl AsRef<Path>, options: &'a ReadOptions) -> Result<Self> {
        Self::open_for(path.as_ref(), options, &[], false)
    }

    /// [`TextStream::open`] for a copy of the file with columns called `reserved` that no object may have yet; with
    /// `whole` rows of Parquet.
    pub(super) fn open_for(path: &Path, options: &'a ReadOptions, reserved: &[String], whole: bool) -> Result<Self> {
        let (name, input, content) = if is_standard_input(path) {
            let (name, content) = Content::of_standard_input()?;
            (name, None, content)
        } else {
            let input = Input::of(path)?;
            let content = input.content()?;
            (path.to_owned(), Some(input), content)
        };
        Self::of(path, name, input, content, options, reserved, whole)
    }

    /// [`Self::open_for`] for what was opened; `path` is what it was called, and errors call it `name`.
    fn of(
        path: &Path,
        name: PathBuf,
        mut input: Option<Input>,
        content: Content,
        options: &'a ReadOptions,
        reserved: &[String],
        whole: bool,
    ) -> Result<Self> {
        let (head, content) = content.with_head(&name)?;
        if head.is_empty() {
            return Err(crate::Error::malformed(&name, None, "texts", "nothing"));
        }
        let format = match options.format {
            Some(format) => format,
            None => format_of(&head, &name, path, false, options)?,
        };
        let mut rows = Rows::new(&name, format, options, false);
        let mut extent = content.extent.clone();
        let marked = content.was_utf_16 || head.starts_with(b"\xef\xbb\xbf");
        let source = match format {
            Format::Csv | Format::Tsv => {
                let lines = Lines::new(&name, content.reader);
                Source::Delimited(delimited::Stream::of(lines, input.as_ref(), &mut rows)?)
            }
            Format::Json => Source::Json(json::Stream::of(content, &head, reserved, &mut rows)?),
            Format::Lines => Source::Lines(Lines::new(&name, content.reader)),
            Format::FastText => Source::FastText(Lines::new(&name, content.reader)),
            #[cfg(feature = "parquet")]
            Format::Parquet => {
                if let Some(unpacked) = input.as_ref().map(Input::unpacked).transpose()?.flatten() {
                    input = Some(unpacked);
                }
                let place = match &mut input {
                    Some(input) => input.place(),
                    none => none.insert(Input::copied(content.reader, &name)?).place(),
                };
                let open = || RowsOfFile::open(place, &mut rows, whole);
                let file = sound(&name, open)?;
                extent = Extent::Rows(file.metadata.file_metadata().num_rows().max(0) as u64);
                Source::Parquet(Box::new(file))
            }
            #[cfg(not(feature = "parquet"))]
            Format::Parquet => {
                let _ = (&mut input, whole);
                return rows.refuse(None, "a format that this build reads", "Parquet, whose feature is off");
            }
            Format::Folder => return rows.refuse(None, "a folder", "a file"),
        };
        // Which part a text belongs to is for those who train.
        rows.reading.split = None;
        Ok(Self { rows, source, marked, failure: None, ended: false, extent, input })
    }

    /// How the file is read: its form and columns from the beginning; the number of texts, and what else was noticed,
    /// as far as it was read.
    #[must_use]
    pub fn reading(&self) -> &Reading {
        &self.rows.reading
    }

    /// How much of it there is, and how far it was read.
    #[must_use]
    pub fn extent(&self) -> &Extent {
        &self.extent
    }

    /// How the file was to be read.
    pub(super) fn options(&self) -> &ReadOptions {
        self.rows.options
    }

    /// The next rows, at most so many and not many more than a megabyte of them; none after the last.
    ///
    /// # Errors
    /// Those of [`read_texts`](super::read_texts), after the rows before them were given. Nothing more comes
    /// after one.
    pub fn next_batch(&mut self, most: usize) -> Result<Vec<Record>> {
        let (mut batch, mut bytes) = (Vec::new(), 0);
        if let Some(error) = self.failure.take() {
            return Err(error);
        }
        while batch.len() < most && bytes < BATCH_BYTES && !self.ended {
            match self.next() {
                Ok(Some(record)) => {
                    bytes += record.text.len() + record.content.bytes() + size_of::<Record>();
                    batch.push(record);
                }
                Ok(None) => self.ended = true,
                Err(error) => {
                    self.ended = true;
                    if batch.is_empty() {
                        return Err(error);
                    }
                    self.failure = Some(error);
                }
            }
        }
        Ok(batch)
    }

    fn next(&mut self) -> Result<Option<Record>> {
        let rows = &mut self.rows;
        let content = match &mut self.source {
            Source::Delimited(stream) => stream.next(rows)?.map(|(raw, end)| Whole::Text(raw, end)),
            Source::Json(stream) => stream.next(rows)?.map(|raw| Whole::Text(raw, "\n")),
            Source::Lines(lines) => match lines.next_line()? {
                None => None,
                Some(line) => {
                    rows.push(Some(line.number), &line.text, None, None)?;
                    Some(Whole::Text(line.text, line.end))
                }
            },
            Source::FastText(lines) => match lines.next_line()? {
                None => None,
                Some(line) => {
                    rows.push(Some(line.number), &fasttext::without_labels(&line.text), None, None)?;
                    Some(Whole::Text(line.text, line.end))
                }
            },
            #[cfg(feature = "parquet")]
            Source::Parquet(file) => {
                let name = rows.path.clone();
                let next = || {
                    let values = file.next()?;
                    values.as_ref().map_or(Ok(()), |values| file.push(values, rows)).map(|()| values)
                };
                sound(&name, next)?.map(Whole::Values)
            }
        };
        let Some(content) = content else { return Ok(None) };
        let row = self.rows.take()?;
        Ok(row.map(|Row { text, line, .. }| Record { text, line, content }))
    }
}
