//! Reads a file of labelled texts: tells its format and hands it to that format's reader.

use std::{fs::File, io::Read, path::Path};

#[cfg(feature = "parquet")]
use super::parquet_file;
use super::{
    delimited, fasttext, folder, json_lines,
    lines::{self, Lines, shown},
    table::{Columns, Format, Rows, Table},
};
use crate::{Error, Result};

/// Reads the labelled texts of a file or a folder of class folders.
///
/// The format follows from the extension, or from the content where the extension says nothing.
///
/// # Errors
/// An unreadable file, an unknown format, a missing column (the message lists those there are), a ragged row, a
/// missing label, another encoding than UTF-8 and a line longer than 64 MiB: each with the file, and the line where
/// there is one.
pub fn read_file(path: impl AsRef<Path>, columns: &Columns) -> Result<Table> {
    read(path.as_ref(), columns, true)
}

/// Reads texts for prediction: one a line from a plain text file, or the text column of a CSV, TSV, JSON-lines or
/// Parquet file. Empty lines of a plain file stay as empty texts, so that results can be put beside the lines.
///
/// # Errors
/// As for [`read_file`]; labels are not needed.
pub fn read_texts(path: impl AsRef<Path>, columns: &Columns) -> Result<Vec<String>> {
    let path = path.as_ref();
    match format_by_extension(path) {
        Some(Format::Csv | Format::Tsv | Format::JsonLines | Format::Parquet) => {
            Ok(read(path, columns, false)?.rows.into_iter().map(|row| row.text).collect())
        }
        _ => read_texts_from(File::open(path).map_err(Error::read(path))?, path),
    }
}

/// Reads one text a line; `name` (for example `standard input`) is what errors call the source.
///
/// # Errors
/// A failing read, another encoding than UTF-8, a line longer than 64 MiB.
pub fn read_texts_from(reader: impl Read, name: impl AsRef<Path>) -> Result<Vec<String>> {
    text_lines(reader, name).collect()
}

/// The texts of `reader`, one a line, as they come: for sources that are long or never end. Errors are those of
/// [`read_texts_from`]; nothing more is read after one.
pub fn text_lines(reader: impl Read, name: impl AsRef<Path>) -> impl Iterator<Item = Result<String>> {
    let mut lines = Some(Lines::new(name.as_ref(), reader));
    std::iter::from_fn(move || {
        let next = lines.as_mut()?.next().map(|line| line.map(|(_, text)| text.trim().to_owned())).transpose();
        if !matches!(next, Some(Ok(_))) {
            lines = None;
        }
        next
    })
}

fn read(path: &Path, columns: &Columns, labelled: bool) -> Result<Table> {
    let format = format_of(path)?;
    let mut rows = Rows::new(path, format, labelled);
    match format {
        Format::Csv => delimited::read(Lines::open(path)?, None, columns, &mut rows)?,
        Format::Tsv => delimited::read(Lines::open(path)?, Some('\t'), columns, &mut rows)?,
        Format::JsonLines => json_lines::read(Lines::open(path)?, columns, &mut rows)?,
        #[cfg(feature = "parquet")]
        Format::Parquet => parquet_file::read(path, columns, &mut rows)?,
        #[cfg(not(feature = "parquet"))]
        Format::Parquet => {
            return Err(Error::malformed(
                path,
                None,
                "a format that this build reads",
                "Parquet, whose feature is off",
            ));
        }
        Format::FastText => fasttext::read(Lines::open(path)?, &mut rows)?,
        Format::Folder => folder::read(path, &mut rows)?,
    }
    rows.finish()
}

fn format_by_extension(path: &Path) -> Option<Format> {
    match path.extension()?.to_str()?.to_lowercase().as_str() {
        "csv" => Some(Format::Csv),
        "tsv" | "tab" => Some(Format::Tsv),
        "jsonl" | "ndjson" | "json" => Some(Format::JsonLines),
        "parquet" | "pq" => Some(Format::Parquet),
        "ft" | "fasttext" => Some(Format::FastText),
        _ => None,
    }
}

/// The format of the file at `path`, from its extension or from its head.
fn format_of(path: &Path) -> Result<Format> {
    let metadata = std::fs::metadata(path).map_err(Error::read(path))?;
    if metadata.is_dir() {
        return Ok(Format::Folder);
    }
    if !metadata.is_file() {
        return Err(Error::malformed(path, None, "a file or a folder", "something else (a device or a pipe)"));
    }
    let mut head = Vec::new();
    File::open(path).and_then(|file| file.take(1 << 16).read_to_end(&mut head)).map_err(Error::read(path))?;
    if head.is_empty() {
        return Err(Error::malformed(path, None, "labelled texts", "an empty file"));
    }
    if head.starts_with(b"PAR1") {
        return Ok(Format::Parquet);
    }
    if let Some(form) = compressed(&head) {
        return Err(Error::malformed(
            path,
            None,
            "a file that is not compressed",
            format!("{form}: unpack it first"),
        ));
    }
    if let Some(format) = format_by_extension(path) {
        return Ok(format);
    }
    let first = head.split(|&byte| byte == b'\n').find(|line| !line.trim_ascii().is_empty()).unwrap_or(&[]);
    let holds = |part: &[u8]| first.windows(part.len()).any(|window| window == part);
    if holds(fasttext::PREFIX.as_bytes()) {
        Ok(Format::FastText)
    } else if first.trim_ascii_start().starts_with(b"{") {
        Ok(Format::JsonLines)
    } else if holds(b"\t") {
        Ok(Format::Tsv)
    } else if holds(b",") {
        Ok(Format::Csv)
    } else {
        // A wrong encoding explains more than an unknown format.
        lines::decode(path, 1, first)?;
        Err(Error::malformed(
            path,
            1,
            "CSV, TSV, JSON lines, Parquet, fastText lines or a folder of class folders",
            format!("'{}'", shown(&String::from_utf8_lossy(first))),
        ))
    }
}

fn compressed(head: &[u8]) -> Option<&'static str> {
    [
        (&b"\x1f\x8b"[..], "gzip data"),
        (b"PK\x03\x04", "a zip archive or a spreadsheet"),
        (b"\x28\xb5\x2f\xfd", "zstd data"),
    ]
    .into_iter()
    .find_map(|(magic, name)| head.starts_with(magic).then_some(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_follow_from_content_where_the_extension_is_silent() {
        let folder = tempfile::tempdir().unwrap();
        let form = |name: &str, content: &[u8]| {
            let path = folder.path().join(name);
            std::fs::write(&path, content).unwrap();
            format_of(&path)
        };
        assert_eq!(form("a.txt", b"__label__x, hello\n").unwrap(), Format::FastText);
        assert_eq!(form("b", b"\n {\"text\": 1}").unwrap(), Format::JsonLines);
        assert_eq!(form("c.data", b"x, y\tlabel\n").unwrap(), Format::Tsv);
        assert_eq!(form("d.data", b"text,label\n").unwrap(), Format::Csv);
        assert_eq!(form("e.csv", b"PAR1....").unwrap(), Format::Parquet);
        assert_eq!(format_of(folder.path()).unwrap(), Format::Folder);
        assert!(form("f.csv", b"\x1f\x8b\x08").unwrap_err().to_string().contains("gzip"));
        assert!(form("g.csv", b"").unwrap_err().to_string().contains("empty file"));
        assert!(form("h.txt", b"just words\n").unwrap_err().to_string().contains("just words"));
    }

    #[test]
    fn texts_for_prediction_keep_their_lines() {
        let texts = read_texts_from(&b"one\n\n two \n"[..], "standard input").unwrap();
        assert_eq!(texts, ["one", "", "two"]);
        let message = read_texts_from(&b"ok\n\xff\n"[..], "standard input").unwrap_err().to_string();
        assert!(message.starts_with("standard input:2: "), "{message}");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.csv");
        std::fs::write(&path, "id,text\n1,good\n2,\n").unwrap();
        assert_eq!(read_texts(&path, &Columns::default()).unwrap(), ["good", ""]);
    }
}
