//! JSON lines: an object a line, with a field for the text and one for the label.

use std::io::Read;

use serde_json::{Map, Value};

use super::{
    lines::{Lines, listed, shown},
    table::{Columns, Rows, find_columns, number_label},
};
use crate::Result;

/// Reads all of `lines` into `rows`. The fields are chosen from the first object.
pub(crate) fn read<R: Read>(mut lines: Lines<R>, columns: &Columns, rows: &mut Rows) -> Result<()> {
    let mut fields: Option<[Option<String>; 3]> = None;
    while let Some((line, content)) = lines.next()? {
        if content.trim().is_empty() {
            continue;
        }
        let object = parse(content).or_else(|(expected, got)| rows.refuse(Some(line), expected, got))?;
        let names = || listed(object.keys().map(String::as_str));
        let [text_field, label_field, split_field] = match &fields {
            Some(fields) => fields,
            None => {
                let keys: Vec<String> = object.keys().cloned().collect();
                let Some(chosen) = find_columns(rows, Some(line), &keys, columns)? else {
                    return rows.refuse(
                        Some(line),
                        "fields for a text and a label",
                        format!("the fields {}", names()),
                    );
                };
                let key = |index: usize| keys[index].clone();
                fields.insert([Some(key(chosen.text)), chosen.label.map(key), chosen.split.map(key)])
            }
        };
        let get = |field: &Option<String>| field.as_ref().and_then(|name| object.get(name));
        let text = match get(text_field) {
            Some(Value::String(text)) => text.as_str(),
            Some(Value::Null) => "",
            other => {
                let name = text_field.as_deref().unwrap_or_default();
                let got = other.map_or_else(|| format!("the fields {}", names()), kind);
                return rows.refuse(Some(line), format!("a string as '{}'", shown(name)), got);
            }
        };
        let label = match get(label_field).map(scalar) {
            Some(Err(got)) => return rows.refuse(Some(line), "one label: a string, a number or a boolean", got),
            Some(Ok(label)) => label,
            None => None,
        };
        let split = get(split_field).map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
        rows.push(Some(line), text, label.as_deref(), split.as_deref())?;
    }
    Ok(())
}

/// The object in `content`, or what was expected and what came.
fn parse(content: &str) -> std::result::Result<Map<String, Value>, (&'static str, String)> {
    match serde_json::from_str(content) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(other) => Err(("one JSON object on each line", kind(&other))),
        // The usual other form of JSON data: one list over many lines.
        Err(_) if content.trim_start().starts_with('[') => {
            Err(("one JSON object on each line", "the beginning of a list: write its objects one a line".to_owned()))
        }
        Err(error) => {
            // The line is ours to tell; serde_json counts within what it was given.
            let told = error.to_string();
            let what = told.split(" at line ").next().unwrap_or(&told).to_owned();
            Err(("one JSON object on each line", format!("{what} at position {}", error.column())))
        }
    }
}

/// A label as text; `None` for null, and what it is for lists and objects.
fn scalar(value: &Value) -> std::result::Result<Option<String>, String> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text.clone())),
        Value::Bool(truth) => Ok(Some(truth.to_string())),
        Value::Number(number) => Ok(Some(match number.as_f64() {
            Some(float) if number.is_f64() => number_label(float),
            _ => number.to_string(),
        })),
        other => Err(kind(other)),
    }
}

fn kind(value: &Value) -> String {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;
    use crate::data::{
        split::Split,
        table::{Format, Table},
    };

    fn read_all(content: &str) -> Result<Table> {
        let path = Path::new("f.jsonl");
        let mut rows = Rows::new(path, Format::JsonLines, true);
        read(Lines::new(path, content.as_bytes()), &Columns::default(), &mut rows)?;
        rows.finish()
    }

    #[test]
    fn labels_may_be_strings_numbers_or_booleans() {
        let content = r#"{"id": 1, "Text": "a", "label": 1, "split": "dev"}
            {"label": 1.0, "Text": "b", "split": "train"}
            {"label": true, "Text": "c", "split": "test"}

            {"label": " yes ", "Text": "d\n\u00e9", "split": "train"}
            {"label": 0.5, "Text": "e", "split": "train"}
            {"label": null, "Text": null, "split": "train"}"#;
        let table = read_all(content).unwrap();
        let labels: Vec<&str> = table.rows.iter().map(|row| row.label.as_str()).collect();
        assert_eq!(labels, ["1", "1", "true", "yes", "0.5"]);
        assert_eq!((table.rows[0].part, table.rows[3].text.as_str()), (Some(Split::Development), "d\né"));
        assert_eq!((table.rows[3].line, table.empty), (Some(5), 1));
    }

    #[test]
    fn errors_name_the_line_and_the_fields() {
        let good = "{\"text\": \"a\", \"label\": 1}\n";
        for (bad, words) in [
            ("{\"text\": \"a\"", "f.jsonl:2: expected one JSON object"),
            ("[1]", "got a list"),
            ("[\n  {\"text\": 1}", "f.jsonl:2: expected one JSON object on each line, got the beginning of a list"),
            ("{\"text\": \"a\"}", "f.jsonl:2: expected a label"),
            ("{\"text\": \"a\", \"label\": null}", "expected a label"),
            ("{\"text\": \"a\", \"label\": [1, 2]}", "expected one label"),
            ("{\"text\": 3, \"label\": 1}", "expected a string as 'text', got a number"),
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
        fn no_line_panics(content in "[{}\\[\\]\":,a1\\\\\n ]{0,60}") {
            let _ = read_all(&content);
        }
    }
}
