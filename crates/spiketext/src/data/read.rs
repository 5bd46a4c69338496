//! Reads files of texts: tells their form and hands each to that form's reader.

use std::{
    io::Read,
    path::{Path, PathBuf},
};

#[cfg(feature = "parquet")]
use super::parquet_file;
use super::{
    columns, delimited, fasttext, folder,
    gathered::Gathered,
    input::{Input, PACKED},
    json,
    lines::{self, Lines, listed, shown},
    options::{Format, ReadOptions},
    rows::Rows,
    table::Table,
};
use crate::{Error, Result};

/// Reads the labelled texts of a file, of a folder of class folders, or of a folder of files (of those whose extension
/// says what they are); `-` is standard input.
///
/// The form follows from the options, the extension, or the content where the extension says nothing. Files may be
/// packed with gzip, zstd, bzip2 or xz, and in UTF-16 if they begin with its mark.
///
/// # Errors
/// An unreadable file, an unknown form, columns that are missing or could be several (the message lists those there
/// are), another encoding, a line longer than 64 MiB; and, unless they are to be left out, records that break the form
/// and texts without a label: each with the file, and the line where there is one.
pub fn read_file(path: impl AsRef<Path>, options: &ReadOptions) -> Result<Table> {
    read(path.as_ref(), options, true)?.into_table()
}

/// Reads the labelled texts of several files as of one, each as [`read_file`] does.
///
/// # Errors
/// Those of [`read_file`]; no files.
pub fn read_files(paths: &[impl AsRef<Path>], options: &ReadOptions) -> Result<Table> {
    gather(paths, options)?.into_table()
}

/// The rows of [`read_files`], wherever their texts are.
pub(super) fn gather(paths: &[impl AsRef<Path>], options: &ReadOptions) -> Result<Gathered> {
    if paths.is_empty() {
        return Err(Error::invalid("read labelled texts", "one file or more", "none"));
    }
    let mut rows = Gathered::default();
    for path in paths {
        rows.append(read(path.as_ref(), options, true)?)?;
    }
    let names: Vec<&str> = paths.iter().filter_map(|path| path.as_ref().file_name()?.to_str()).collect();
    let called: Vec<&str> = names.iter().copied().filter(|name| folder::part_of(name).is_some()).collect();
    if let ([_, _, ..], true, Some(first)) = (paths, called.len() > 1, rows.readings.first_mut()) {
        first.notes.push(format!(
            "called like a part: {}; files that are named one by one are taken alike (a folder of them is divided so, and \
             --test FILE says which are to test on)",
            listed(called)
        ));
    }
    Ok(rows)
}

/// Reads texts for prediction: one a line from a plain text file, or the text column of a CSV, TSV, JSON or Parquet
/// file; labels of fastText lines are left out. Empty texts stay, so that results can be put beside the lines.
///
/// # Errors
/// As for [`read_file`]; labels are not needed.
pub fn read_texts(path: impl AsRef<Path>, options: &ReadOptions) -> Result<Table> {
    read(path.as_ref(), options, false)?.into_table()
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

/// Reads a file or folder, with labels or without.
fn read(path: &Path, options: &ReadOptions, labelled: bool) -> Result<Gathered> {
    if !path.is_dir() {
        return read_input(&Input::of(path)?, path, options, labelled);
    }
    let found =
        folder::files(path, labelled, |file| options.format.is_some() || format_by_extension(file).is_some())?;
    if found.files.is_empty() {
        let mut rows = Rows::new(path, Format::Folder, options, labelled);
        let is_table = |file: &Path| format_by_extension(file).is_some();
        folder::read(path, &mut rows, is_table)?;
        return rows.gathered();
    }
    let mut rows = Gathered::default();
    for (file, part) in found.files {
        let mut of_file = read_input(&Input::of(&file)?, &file, options, labelled)?;
        if let Some(part) = part {
            of_file.parts.fill(Some(part));
            of_file.readings.iter_mut().for_each(|reading| {
                reading.notes.push(format!("all texts belong to the part '{}', as the file is called", part.name()));
            });
        }
        rows.append(of_file)?;
    }
    if let Some(first) = rows.readings.first_mut() {
        first.notes.extend(found.notes);
    }
    Ok(rows)
}

/// Reads one file; `path` is what it was called.
fn read_input(input: &Input, path: &Path, options: &ReadOptions, labelled: bool) -> Result<Gathered> {
    let format = match options.format {
        Some(format) => format,
        None => format_of(&input.head()?, &input.name, path, labelled, options)?,
    };
    let mut rows = Rows::new(&input.name, format, options, labelled);
    match format {
        Format::Csv | Format::Tsv => delimited::read(input.lines()?, &mut rows)?,
        Format::Json => json::read(input, &mut rows)?,
        #[cfg(feature = "parquet")]
        Format::Parquet => {
            let unpacked = input.unpacked()?;
            parquet_file::read(unpacked.as_ref().unwrap_or(input).place(), &mut rows)?;
        }
        #[cfg(not(feature = "parquet"))]
        Format::Parquet => {
            return rows.refuse(None, "a format that this build reads", "Parquet, whose feature is off");
        }
        Format::FastText => fasttext::read(input.lines()?, &mut rows)?,
        Format::Lines if labelled => {
            return rows.refuse(None, "labelled texts", "lines of text, which have no labels");
        }
        Format::Lines => {
            let mut lines = input.lines()?;
            while let Some((line, text)) = lines.next()? {
                rows.push(Some(line), text, None, None)?;
            }
        }
        Format::Folder => return rows.refuse(None, "a folder", "a file"),
    }
    rows.gathered()
}

/// The form that an extension promises, that of packing left aside.
fn format_by_extension(path: &Path) -> Option<Format> {
    let mut path = PathBuf::from(path.file_name()?);
    let extension = |path: &Path| Some(path.extension()?.to_str()?.to_lowercase());
    if extension(&path).is_some_and(|extension| PACKED.contains(&extension.as_str())) {
        path.set_extension("");
    }
    match extension(&path)?.as_str() {
        "csv" => Some(Format::Csv),
        "tsv" | "tab" => Some(Format::Tsv),
        "jsonl" | "ndjson" | "json" => Some(Format::Json),
        "parquet" | "pq" => Some(Format::Parquet),
        "ft" | "fasttext" => Some(Format::FastText),
        _ => None,
    }
}

/// The form of a file, from its extension or from its head; errors call it `name`.
pub(super) fn format_of(
    head: &[u8],
    name: &Path,
    path: &Path,
    labelled: bool,
    options: &ReadOptions,
) -> Result<Format> {
    if head.starts_with(b"PAR1") {
        return Ok(Format::Parquet);
    }
    match format_by_extension(path) {
        // Nobody writes a table of such texts.
        Some(Format::Csv | Format::Tsv) if json::is_certain(head) => return Ok(Format::Json),
        Some(format) => return Ok(format),
        None => {}
    }
    let first = head.split(|&byte| matches!(byte, b'\n' | b'\r')).find(|line| !line.trim_ascii().is_empty());
    let first = first.unwrap_or(&[]);
    let holds = |part: &[u8]| first.windows(part.len()).any(|window| window == part);
    let start = first.strip_prefix(b"\xef\xbb\xbf").unwrap_or(first).trim_ascii_start();
    let mut lines = head.split(|&byte| matches!(byte, b'\n' | b'\r'));
    let is_labelled = lines.any(|line| line.trim_ascii_start().starts_with(fasttext::PREFIX.as_bytes()));
    if holds(fasttext::PREFIX.as_bytes()) || is_labelled {
        Ok(Format::FastText)
    } else if !labelled && json::is_certain(head) {
        Ok(Format::Json)
    } else if !labelled {
        match looks_like_table(start, options) {
            None => Ok(Format::Lines),
            Some(names) => Err(Error::malformed(
                name,
                1,
                "--format lines if every line is a text, or --format csv or tsv if the first names columns",
                format!("'{names}'"),
            )),
        }
    } else if start.starts_with(b"{") || start == b"[" || start.starts_with(b"[{") {
        Ok(Format::Json)
    } else if holds(b"\t") {
        Ok(Format::Tsv)
    } else if [",", ";", "|"].iter().any(|delimiter| holds(delimiter.as_bytes())) {
        Ok(Format::Csv)
    } else {
        // A wrong encoding explains more than an unknown format.
        lines::decode(name, 1, first)?;
        let names = Format::NAMES[..5].join(", ");
        Err(Error::malformed(
            name,
            1,
            format!("a form that can be told ({names}, or a folder); --format says which it is"),
            format!("'{}'", shown(&String::from_utf8_lossy(first))),
        ))
    }
}

/// The first line of a file, if it names the columns that a model was trained on, or a usual text and label column.
fn looks_like_table(first: &[u8], options: &ReadOptions) -> Option<String> {
    let first = String::from_utf8_lossy(first);
    let named = |delimiter: char| {
        let fields: Vec<String> =
            first.split(delimiter).map(|field| field.trim().trim_matches('"').to_owned()).collect();
        fields.len() > 1 && columns::known_names(&fields, options) > 1
    };
    ['\t', ',', ';', '|'].into_iter().any(named).then(|| shown(&first))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(folder: &Path, name: &str, content: &[u8]) -> PathBuf {
        let path = folder.join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    #[test]
    fn formats_follow_from_content_where_the_extension_is_silent() {
        let folder = tempfile::tempdir().unwrap();
        let form = |name: &str, content: &[u8]| {
            let path = write(folder.path(), name, content);
            Input::of(&path)
                .and_then(|input| format_of(&input.head()?, &input.name, &path, true, &ReadOptions::default()))
        };
        assert_eq!(form("a.txt", b"__label__x, hello\n").unwrap(), Format::FastText);
        assert_eq!(form("b", b"\n {\"text\": 1}").unwrap(), Format::Json);
        assert_eq!(form("b2", b"[\n {\"text\": 1}]").unwrap(), Format::Json);
        assert_eq!(form("c.data", b"x, y\tlabel\n").unwrap(), Format::Tsv);
        assert_eq!(form("d.data", b"text,label\n").unwrap(), Format::Csv);
        assert_eq!(form("d2.data", b"text;label\r").unwrap(), Format::Csv);
        assert_eq!(form("e.csv", b"PAR1....").unwrap(), Format::Parquet);
        assert_eq!(form("e2.csv", b"{\"text\": \"a, b\", \"label\": 1}\n{}\n").unwrap(), Format::Json);
        assert_eq!(form("e3.txt", b"no label\n__label__a x\n").unwrap(), Format::FastText);
        assert!(form("f.csv", b"PK\x03\x04").unwrap_err().to_string().contains("spreadsheet"));
        assert!(form("g.csv", b"").unwrap_err().to_string().contains("empty file"));
        assert!(form("h.txt", b"just words\n").unwrap_err().to_string().contains("just words"));
        assert_eq!(format_by_extension(Path::new("a/b.JSONL.gz")), Some(Format::Json));
        assert_eq!(format_by_extension(Path::new("a.gz")), None);
    }

    #[test]
    fn texts_for_prediction_keep_their_lines() {
        let texts = read_texts_from(&b"one\n\n two \n"[..], "standard input").unwrap();
        assert_eq!(texts, ["one", "", "two"]);
        let message = read_texts_from(&b"ok\n\xff\n"[..], "standard input").unwrap_err().to_string();
        assert!(message.starts_with("standard input:2: "), "{message}");
        let folder = tempfile::tempdir().unwrap();
        let read = |name: &str, content: &[u8]| -> Vec<String> {
            let path = write(folder.path(), name, content);
            let table = read_texts(&path, &ReadOptions::default()).unwrap();
            table.rows.into_iter().map(|row| row.text).collect()
        };
        assert_eq!(read("t.csv", b"id,text\n1,good\n2,\n"), ["good", ""]);
        assert_eq!(read("odd.txt", b"a, b\n\n{c\td\n"), ["a, b", "", "{c\td"]);
        assert_eq!(read("f.txt", b"__label__x a film\n"), ["a film"]);
        assert_eq!(
            read("objects.txt", b"{\"text\": \"a fine film\", \"id\": 1}\n{\"text\": \"b\"}\n"),
            ["a fine film", "b"]
        );
        assert_eq!(read("array", b"\xef\xbb\xbf[\n  {\"text\": \"a\"}\n]"), ["a"]);
        let long = format!("{{\"text\": \"{}\"}}\n", "很".repeat(40_000));
        assert_eq!(read("long", long.as_bytes())[0].chars().count(), 40_000);
        for line in ["{a} film", "[laughter] fine", "[1]", "{"] {
            assert_eq!(read("lines.txt", format!("{line}\nb\n").as_bytes()), [line, "b"]);
        }
        let path = write(folder.path(), "mixed.txt", b"{\"text\": \"a\"}\na film\n");
        let message = read_texts(&path, &ReadOptions::default()).unwrap_err().to_string();
        assert!(message.contains("mixed.txt:2: expected one JSON object on each line"), "{message}");
        let lines = ReadOptions { format: Some(Format::Lines), ..ReadOptions::default() };
        assert_eq!(read_texts(&path, &lines).unwrap().rows.len(), 2);
        let path = write(folder.path(), "table.txt", b"id,text,label\n1,a film,pos\n");
        let message = read_texts(&path, &ReadOptions::default()).unwrap_err().to_string();
        assert!(message.contains("--format lines") && message.contains("id,text,label"), "{message}");
    }

    #[test]
    fn files_of_a_folder_are_one_table_and_parts_by_their_names() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "b.csv", b"text,label\nb,1\n");
        write(folder.path(), "a.jsonl", b"{\"text\": \"a\", \"label\": 0}\n");
        let table = read_file(folder.path(), &ReadOptions::default()).unwrap();
        let texts: Vec<&str> = table.rows.iter().map(|row| row.text.as_str()).collect();
        assert_eq!((texts, table.readings.len()), (vec!["a", "b"], 2));
        assert!(table.path(&table.rows[1]).ends_with("b.csv"));
        write(folder.path(), "c.txt", b"notes");
        write(folder.path(), "README", b"more");
        let table = read_file(folder.path(), &ReadOptions::default()).unwrap();
        assert!(table.readings[0].notes[0].contains("passed over: README, c.txt"), "{:?}", table.readings[0].notes);
        assert!(table.readings[0].notes[0].contains("--format"));
        let parts = tempfile::tempdir().unwrap();
        for name in ["train.csv", "test.csv"] {
            write(parts.path(), name, b"text,label\na,1\nb,0\n");
        }
        let table = read_file(parts.path(), &ReadOptions::default()).unwrap();
        let names: Vec<&str> = table.rows.iter().filter_map(|row| row.part).map(|part| part.name()).collect();
        assert_eq!(names, ["test", "test", "train", "train"]);
        // A part among files that are none would be trained on.
        write(parts.path(), "train2.csv", b"text,label\nc,1\nd,0\n");
        let message = read_file(parts.path(), &ReadOptions::default()).unwrap_err().to_string();
        assert!(message.contains("train2.csv") && message.contains("--test FILE"), "{message}");
        assert_eq!(read_texts(parts.path(), &ReadOptions::default()).unwrap().rows.len(), 6);
        for name in ["train.csv", "train2.csv"] {
            std::fs::remove_file(parts.path().join(name)).unwrap();
        }
        let table = read_file(parts.path(), &ReadOptions::default()).unwrap();
        assert!(table.readings[0].notes[0].contains("test.csv, none train"), "{:?}", table.readings[0].notes);
    }

    #[test]
    fn lines_of_a_folder_are_read_where_the_format_is_said() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "a.txt", b"one\ntwo\n");
        let message = read_texts(folder.path(), &ReadOptions::default()).unwrap_err().to_string();
        assert!(message.contains("--format lines") && message.contains("a.txt"), "{message}");
        let labelled = read_file(folder.path(), &ReadOptions::default()).unwrap_err().to_string();
        assert!(labelled.contains("a sub-folder for each class") && !labelled.contains("lines"), "{labelled}");
        let options = ReadOptions { format: Some(Format::Lines), ..ReadOptions::default() };
        assert_eq!(read_texts(folder.path(), &options).unwrap().rows.len(), 2);
    }
}
