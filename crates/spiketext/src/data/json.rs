//! JSON: an object a line, or one array of objects, with fields for the text and the label.

use std::io::Read;

use serde::de::{DeserializeSeed, Error as _, SeqAccess, Visitor};
use serde_json::{Value, value::RawValue};

use super::{
    columns::{ColumnIndices, Columns},
    input::{HEAD as HEAD_OF_INPUT, Input},
    labels::{self, kind},
    lines::{LIMIT, Lines, listed, shown},
    members::Members,
    rows::{Rows, joined},
};
use crate::{Error, Result};

/// The fields are chosen from so many first objects.
const HEAD: usize = 100;

/// The longest array in bytes: unlike lines, it is read as a whole.
const MOST_BYTES_OF_AN_ARRAY: u64 = 1 << 30;

pub(super) type Object = Members<Value>;

/// Reads all objects of `input` into `rows`.
pub(crate) fn read(input: &Input, rows: &mut Rows<'_>) -> Result<()> {
    if is_array(&input.head()?) { read_array(input, rows) } else { read_lines(input.lines()?, rows) }
}

/// Whether content that begins so is one array.
pub(super) fn is_array(head: &[u8]) -> bool {
    head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start().first() == Some(&b'[')
}

/// Whether content that begins so is an object a line, or an array of objects: nobody writes a text like that.
pub(super) fn is_certain(head: &[u8]) -> bool {
    let start = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    if let Some(inner) = start.strip_prefix(b"[") {
        return inner.trim_ascii_start().starts_with(b"{");
    }
    let end = start.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
    match end {
        _ if !start.starts_with(b"{") => false,
        // A line that is longer than what is looked at cannot be parsed.
        None if head.len() >= HEAD_OF_INPUT => start[1..].trim_ascii_start().starts_with(b"\""),
        end => {
            std::str::from_utf8(&start[..end.unwrap_or(start.len())]).is_ok_and(|first| parse(first, &mut 0).is_ok())
        }
    }
}

/// Reads an object from each line.
fn read_lines<R: Read>(mut lines: Lines<R>, rows: &mut Rows<'_>) -> Result<()> {
    let mut objects = Objects::default();
    while let Some((line, content)) = lines.next()? {
        if content.trim().is_empty() {
            continue;
        }
        match parse(content, &mut objects.replaced) {
            Ok(object) => objects.take(line, object, rows)?,
            Err((expected, got)) => rows.broken(Some(line), expected, got),
        }
    }
    objects.finish(rows)
}

/// Reads an array of objects, numbered from 1.
fn read_array(input: &Input, rows: &mut Rows<'_>) -> Result<()> {
    let mut bytes = Vec::new();
    input.open()?.take(MOST_BYTES_OF_AN_ARRAY + 1).read_to_end(&mut bytes).map_err(Error::read(&input.name))?;
    if bytes.len() as u64 > MOST_BYTES_OF_AN_ARRAY {
        let expected = format!("an array of at most {MOST_BYTES_OF_AN_ARRAY} bytes, or an object a line");
        return rows.refuse(None, expected, "a longer one");
    }
    let content = super::lines::decode(&input.name, 1, &bytes)?;
    let mut objects = Objects::default();
    let mended = mend(content, &mut objects.replaced);
    let content = mended.as_deref().unwrap_or(content);
    let mut failure = None;
    let elements = Elements {
        take: |number, value: &RawValue| {
            let taken = match parse(value.get(), &mut objects.replaced) {
                Ok(object) => objects.take(number, object, rows),
                Err((_, got)) => {
                    rows.broken(Some(number), "a JSON object as each element of the array", got);
                    Ok(())
                }
            };
            taken.map_err(|error| failure = Some(error)).is_ok()
        },
    };
    let mut reader = serde_json::Deserializer::from_str(content);
    let read = elements.deserialize(&mut reader).and_then(|()| reader.end());
    if let Some(error) = failure {
        return Err(error);
    }
    if let Err(error) = read {
        let told = error.to_string();
        let what = told.split(" at line ").next().unwrap_or(&told).to_owned();
        return rows.refuse(Some(error.line() as u64), "one whole JSON array of objects", what);
    }
    objects.finish(rows)
}

/// Gives the elements of an array away one by one, with their numbers from 1, until `take` says no.
struct Elements<F> {
    take: F,
}

impl<'de, F: FnMut(u64, &RawValue) -> bool> DeserializeSeed<'de> for Elements<F> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> std::result::Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, F: FnMut(u64, &RawValue) -> bool> Visitor<'de> for Elements<F> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an array of objects")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut elements: A) -> std::result::Result<(), A::Error> {
        let mut number = 0;
        while let Some(value) = elements.next_element::<&RawValue>()? {
            number += 1;
            if !(self.take)(number, value) {
                return Err(A::Error::custom("stopped"));
            }
        }
        Ok(())
    }
}

/// Objects on their way into rows: the first ones wait until their fields are known.
#[derive(Default)]
pub(super) struct Objects {
    pub(super) fields: Option<(Vec<String>, ColumnIndices)>,
    waiting: Vec<(u64, Object)>,
    /// Halves of characters that were replaced.
    pub(super) replaced: usize,
}

impl Objects {
    pub(super) fn take(&mut self, line: u64, object: Object, rows: &mut Rows<'_>) -> Result<()> {
        if let Some((names, chosen)) = &self.fields {
            return push(line, &object, names, chosen, rows);
        }
        self.waiting.push((line, object));
        if self.waiting.len() == HEAD { self.choose(rows) } else { Ok(()) }
    }

    /// Chooses the fields from all that the waiting objects have, numbered as they come, and takes these.
    pub(super) fn choose(&mut self, rows: &mut Rows<'_>) -> Result<()> {
        let waiting = std::mem::take(&mut self.waiting);
        let Some((line, _)) = waiting.first() else { return Ok(()) };
        let mut names: Vec<String> = Vec::new();
        for name in waiting.iter().flat_map(|object| object.1.names()) {
            if !names.iter().any(|known| known == name) {
                names.push(name.to_owned());
            }
        }
        let path = rows.path.clone();
        let columns = Columns {
            path: &path,
            line: Some(*line),
            names: &names,
            named: true,
            options: rows.options,
            labelled: rows.labelled,
        };
        let Some(chosen) = columns.find()? else {
            let got = format!("the fields {}", listed(names.iter().map(String::as_str)));
            let expected = match rows.labelled {
                true => "fields for a text and a label (--text-column, --label-column)",
                false => "a field for the text (--text-column)",
            };
            return rows.refuse(Some(*line), expected, got);
        };
        columns.tell(&chosen, &mut rows.reading);
        waiting.iter().try_for_each(|(line, object)| push(*line, object, &names, &chosen, rows))?;
        self.fields = Some((names, chosen));
        Ok(())
    }

    /// Takes the objects that still wait and says what was noticed.
    pub(super) fn finish(&mut self, rows: &mut Rows<'_>) -> Result<()> {
        self.choose(rows)?;
        if self.replaced > 0 {
            rows.reading.notes.push(format!(
                "halves of characters (lone surrogates) that were replaced by U+FFFD: {}",
                self.replaced
            ));
        }
        Ok(())
    }
}

/// Takes one object.
fn push(line: u64, object: &Object, names: &[String], chosen: &ColumnIndices, rows: &mut Rows<'_>) -> Result<()> {
    let get = |column: usize| object.get(&names[column]);
    let mut texts = Vec::with_capacity(chosen.text.len());
    for &column in &chosen.text {
        match get(column) {
            Some(Value::String(text)) => texts.push(text.clone()),
            Some(Value::Number(number)) => texts.push(number.to_string()),
            Some(Value::Null) => {}
            // One of several may be missing.
            None if chosen.text.len() > 1 => {}
            other => {
                let got = other.map_or_else(|| format!("the fields {}", listed(object.names())), kind);
                rows.broken(Some(line), format!("a string as '{}'", shown(&names[column])), got);
                return Ok(());
            }
        }
    }
    let text = joined(&texts);
    let split = chosen.split.and_then(get).filter(|value| !value.is_null());
    let split = split.map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
    let label = chosen.label.and_then(get);
    if let (true, Some(Value::Array(values))) = (rows.several(), label) {
        return match values.iter().map(labels::of_json).collect::<std::result::Result<Vec<String>, String>>() {
            Ok(list) => rows.push_list(Some(line), &text, &list, split.as_deref()),
            Err(got) => {
                rows.broken(Some(line), "a list of labels: strings, numbers or booleans", format!("{got} in it"));
                Ok(())
            }
        };
    }
    let only = match label.map(labels::only_of_json) {
        None => None,
        Some(Ok(label)) => label,
        Some(Err(got)) => {
            match label {
                Some(Value::Array(_)) => rows.too_many(Some(line), got),
                _ if rows.several() => {
                    rows.broken(Some(line), "labels: a list, a string, a number or a boolean", got)
                }
                _ => rows.broken(Some(line), "one label: a string, a number or a boolean", got),
            }
            return Ok(());
        }
    };
    rows.push(Some(line), &text, only.as_deref(), split.as_deref())
}

/// The object in `content`, or what was expected and what came.
pub(super) fn parse(content: &str, replaced: &mut usize) -> std::result::Result<Object, (&'static str, String)> {
    let expected = "one JSON object on each line";
    let parsed = serde_json::from_str(content)
        .or_else(|error| mend(content, replaced).map_or(Err(error), |mended| serde_json::from_str(&mended)));
    match parsed {
        Ok(object) => Ok(object),
        Err(error) => {
            if let Ok(other) = serde_json::from_str::<Value>(content) {
                return Err((expected, kind(&other)));
            }
            // The line is ours to tell; serde_json counts within what it was given.
            let told = error.to_string();
            let what = told.split(" at line ").next().unwrap_or(&told).to_owned();
            Err((expected, format!("{what} at position {}", error.column())))
        }
    }
}

/// `content` with what Python writes and JSON does not know: NaN and infinities become null, and halves of characters
/// that stand alone U+FFFD, which are counted. None if there is nothing of it.
fn mend(content: &str, replaced: &mut usize) -> Option<String> {
    if content.len() > LIMIT.max(MOST_BYTES_OF_AN_ARRAY as usize) {
        return None;
    }
    const NO_NUMBERS: [&str; 3] = ["NaN", "-Infinity", "Infinity"];
    let mut mended = String::with_capacity(content.len());
    let (mut rest, mut in_string, mut changed) = (content, false, false);
    while let Some(c) = rest.chars().next() {
        if !in_string && let Some(word) = NO_NUMBERS.iter().find(|word| rest.starts_with(**word)) {
            mended.push_str("null");
            rest = &rest[word.len()..];
            changed = true;
            continue;
        }
        let mut length = c.len_utf8();
        if in_string && c == '\\' {
            length = match surrogate(rest) {
                // A pair is one character.
                Some(0xd800..=0xdbff) if matches!(surrogate(&rest[6..]), Some(0xdc00..=0xdfff)) => 12,
                Some(_) => {
                    mended.push_str("\\ufffd");
                    rest = &rest[6..];
                    (changed, *replaced) = (true, *replaced + 1);
                    continue;
                }
                // The next character is no quote, whatever it is.
                None => 1 + rest[1..].chars().next().map_or(0, char::len_utf8),
            };
        } else if c == '"' {
            in_string = !in_string;
        }
        mended.push_str(&rest[..length]);
        rest = &rest[length..];
    }
    changed.then_some(mended)
}

/// The half of a character that `text` begins with, if it is an escape of one.
fn surrogate(text: &str) -> Option<u16> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    u16::from_str_radix(digits, 16).ok().filter(|code| (0xd800..=0xdfff).contains(code))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;
    use crate::data::{
        options::{Format, ReadOptions},
        split::Split,
        table::Table,
    };

    fn read_all(content: &str) -> Result<Table> {
        read_with(content, &ReadOptions::default())
    }

    fn read_with(content: &str, options: &ReadOptions) -> Result<Table> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f.jsonl");
        std::fs::write(&path, content).unwrap();
        let mut rows = Rows::new(Path::new("f.jsonl"), Format::Json, options, true);
        let mut input = Input::of(&path)?;
        input.name = "f.jsonl".into();
        read(&input, &mut rows)?;
        rows.finish()
    }

    fn pairs(table: &Table) -> Vec<(&str, &str)> {
        table.rows.iter().map(|row| (row.text.as_str(), row.label())).collect()
    }

    #[test]
    fn fields_are_numbered_as_they_come() {
        let content = "{\"z\": \"a film\", \"a\": \"x\"}\n{\"m\": 1, \"z\": \"b film\", \"a\": \"y\"}\n";
        for content in [content.to_owned(), format!("[{}]", content.trim().replace('\n', ","))] {
            let options = ReadOptions { text: vec!["1".into()], label: Some("2".into()), ..ReadOptions::default() };
            let table = read_with(&content, &options).unwrap();
            assert_eq!(pairs(&table), [("a film", "x"), ("b film", "y")]);
            assert_eq!(table.readings[0].text, ["z"]);
        }
        let nobody = ReadOptions { text: vec!["4".into()], ..ReadOptions::default() };
        let message = read_with(content, &nobody).unwrap_err().to_string();
        assert!(message.contains("the columns z, a, m"), "{message}");
    }

    #[test]
    fn a_large_number_is_no_label_in_a_list_either() {
        let options = ReadOptions { multi_label: true, ..ReadOptions::default() };
        let message = read_with("{\"text\": \"a\", \"label\": [9007199254740993.0]}", &options).unwrap_err();
        assert!(message.to_string().contains("a string keeps its digits"), "{message}");
    }

    #[test]
    fn labels_may_be_strings_numbers_booleans_or_lists_of_one() {
        let content = r#"{"id": 1, "Text": "a", "label": 1, "split": "dev"}
            {"label": 1.0, "Text": "b", "split": "train"}
            {"label": true, "Text": "c", "split": "test"}

            {"label": " yes ", "Text": "d\n\u00e9", "split": "train"}
            {"label": 0.5, "Text": "e", "split": "train"}
            {"label": ["one"], "Text": 7, "split": "train"}
            {"label": null, "Text": null, "split": "train"}"#;
        let table = read_all(content).unwrap();
        let labels: Vec<&str> = table.rows.iter().map(|row| row.label()).collect();
        assert_eq!(labels, ["1", "1", "true", "yes", "0.5", "one"]);
        assert_eq!((table.rows[0].part, table.rows[3].text.as_str()), (Some(Split::Development), "d\né"));
        assert_eq!((table.rows[3].line, table.left_out().empty), (Some(5), 1));
        assert_eq!(table.rows[5].text, "7");
    }

    #[test]
    fn an_array_is_read_on_one_line_or_many() {
        let array = r#"[{"text": "a", "label": 1}, {"text": "b", "label": 0, "more": [1, {"x": 2}]}]"#;
        for content in [array.to_owned(), array.replace(", ", ",\n  "), format!("\u{feff} {array}\n")] {
            assert_eq!(pairs(&read_all(&content).unwrap()), [("a", "1"), ("b", "0")]);
        }
        let message = read_all(&array[..array.len() - 1]).unwrap_err().to_string();
        assert!(message.contains("one whole JSON array"), "{message}");
        let message = read_all(r#"[{"text": "a", "label": 1}, 3]"#).unwrap_err().to_string();
        assert!(message.starts_with("f.jsonl:2: ") && message.contains("a number"), "{message}");
    }

    #[test]
    fn what_python_writes_is_understood() {
        let content = "{\"text\": \"NaN \\\" NaN\", \"label\": 1, \"score\": NaN}\n\
            {\"text\": \"a \\ud83d b \\ud83d\\ude00\", \"label\": 2, \"score\": -Infinity}\n\
            {\"text\": \"c\", \"label\": NaN}\n";
        let options = ReadOptions { skip_bad: true, ..ReadOptions::default() };
        let table = read_with(content, &options).unwrap();
        assert_eq!(pairs(&table), [("NaN \" NaN", "1"), ("a \u{fffd} b 😀", "2")]);
        assert_eq!(table.left_out().unlabelled, 1);
        let notes = &table.readings[0].notes;
        assert!(notes.iter().any(|note| note.contains("U+FFFD: 1")), "{notes:?}");
    }

    #[test]
    fn fields_are_those_of_the_first_objects_together() {
        let table =
            read_all("{\"text\": \"a\", \"id\": 3}\n{\"text\": \"b\", \"label\": 1}\n").unwrap_err().to_string();
        assert!(table.starts_with("f.jsonl:1: expected a label"), "{table}");
        let table = read_with(
            "{\"text\": \"a\", \"id\": 3}\n{\"text\": \"b\", \"label\": 1}\n",
            &ReadOptions { skip_bad: true, ..ReadOptions::default() },
        );
        assert_eq!(table.unwrap().readings[0].label.as_deref(), Some("label"));
    }

    #[test]
    fn errors_name_the_line_and_the_fields() {
        let good = "{\"text\": \"a\", \"label\": 1}\n";
        for (bad, words) in [
            ("{\"text\": \"a\"", "f.jsonl:2: expected one JSON object"),
            ("[1]", "got a list"),
            ("{\"text\": \"a\"}", "f.jsonl:2: expected a label"),
            ("{\"text\": \"a\", \"label\": null}", "expected a label"),
            ("{\"text\": \"a\", \"label\": [1, 2]}", "expected one label"),
            ("{\"text\": true, \"label\": 1}", "expected a string as 'text', got a boolean"),
            ("{\"body\": \"x\", \"label\": 1}", "the fields body, label"),
        ] {
            let message = read_all(&format!("{good}{bad}\n")).unwrap_err().to_string();
            assert!(message.contains(words) && !message.contains("line 1 column"), "{message}");
        }
        let message = read_all("{\"a\": 1, \"b\": 2}\n").unwrap_err().to_string();
        assert!(message.contains("a, b"), "{message}");
    }

    proptest! {
        #[test]
        fn no_content_panics(content in "[{}\\[\\]\":,a1u\\\\\n ]{1,60}") {
            let _ = read_all(&content);
            let _ = mend(&content, &mut 0);
        }

        /// What JSON knows stays as it is.
        #[test]
        fn sound_strings_stay(text in "\\PC{0,30}") {
            let content = serde_json::to_string(&serde_json::json!({ "text": text, "label": "x" })).unwrap();
            prop_assert_eq!(mend(&content, &mut 0), None);
        }
    }
}
