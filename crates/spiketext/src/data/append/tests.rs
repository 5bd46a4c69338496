//! Copies of tables, from the first byte to the last.

use std::path::PathBuf;

use proptest::prelude::*;

use super::*;
use crate::data::read_texts;

fn columns() -> Vec<NewColumn> {
    let column = |name: &str, kind| NewColumn { name: name.to_owned(), kind };
    vec![column("label", CellKind::Text), column("probability", CellKind::Number), column("unknown", CellKind::Truth)]
}

/// The answer to a text is its first word, and how long it is.
fn answers(texts: &[&str]) -> Result<Vec<Vec<Cell>>> {
    let of = |text: &&str| {
        let word = text.split_whitespace().next().unwrap_or("none").to_owned();
        vec![Cell::Text(word), Cell::Number(0.5 + text.len() as f32), Cell::Truth(text.is_empty())]
    };
    Ok(texts.iter().map(of).collect())
}

/// The copy of a file called `from` with `content`, as a file called `to`, and what was noticed.
fn copied(from: &str, content: &[u8], to: &str, options: &ReadOptions) -> Result<(Vec<u8>, Vec<String>)> {
    let folder = tempfile::tempdir().unwrap();
    let (source, target) = (folder.path().join(from), folder.path().join(to));
    std::fs::write(&source, content).unwrap();
    let appending = Appending::open(&source, options, Destination::of(&target, None, false)?, columns());
    let copied = appending.and_then(|appending| {
        let mut notes = appending.notes().to_vec();
        notes.extend(appending.run(answers)?.notes);
        Ok((std::fs::read(&target).unwrap(), notes))
    });
    let left = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(left, 1 + usize::from(copied.is_ok()), "nothing else is left");
    copied
}

fn text_of(from: &str, content: &str, to: &str) -> String {
    let (bytes, _) = copied(from, content.as_bytes(), to, &ReadOptions::default()).unwrap();
    String::from_utf8(bytes).unwrap()
}

fn refusal(from: &str, content: &str, to: &str) -> String {
    copied(from, content.as_bytes(), to, &ReadOptions::default()).unwrap_err().to_string()
}

#[test]
fn records_are_copied_to_the_letter() {
    for (content, expected) in [
        (
            "id;text;note\r\n007;\"a; \"\"b\"\"\r\nc\";NaN\r\n\r\n08;;\" x \"",
            "id;text;note;label;probability;unknown\r\n007;\"a; \"\"b\"\"\r\nc\";NaN;\"a;\";8.5;false\r\n08;;\" x \
             \";none;0.5;true\r\n",
        ),
        ("\u{feff}sep=|\ntext|n\na|1\n", "\u{feff}sep=|\ntext|n|label|probability|unknown\na|1|a|1.5|false\n"),
        ("text\rtwo words\r", "text,label,probability,unknown\rtwo words,two,9.5,false\r"),
        // Its only column has no delimiter that could be kept.
        (
            "text\none, two\nthree\n",
            "text,label,probability,unknown\n\"one, two\",\"one,\",8.5,false\nthree,three,5.5,false\n",
        ),
        // A record that is the same as the header is a row like all others.
        ("text,n\ntext,n\n", "text,n,label,probability,unknown\ntext,n,text,4.5,false\n"),
        ("text,n\n", "text,n,label,probability,unknown\n"),
    ] {
        assert_eq!(text_of("f.csv", content, "g.csv"), expected);
    }
    let tsv = "text\tn\n\"open\t1\n\"a\r\nb\"\t2\n";
    let expected =
        "text\tn\tlabel\tprobability\tunknown\n\"open\t1\t\"\"\"open\"\t5.5\tfalse\n\"a\r\nb\"\t2\ta\t3.5\tfalse\n";
    assert_eq!(text_of("f.tsv", tsv, "g.tsv"), expected);
}

#[test]
fn a_table_without_names_stays_one() {
    let options = ReadOptions { header: Some(false), text: vec!["2".into()], ..ReadOptions::default() };
    let (copy, notes) = copied("f.csv", b"1,a\n2,\"b\"\n", "g.csv", &options).unwrap();
    assert_eq!(String::from_utf8(copy).unwrap(), "1,a,a,1.5,false\n2,\"b\",b,1.5,false\n");
    assert!(notes[0].contains("label is column 3"), "{notes:?}");
    let (copy, notes) = copied("f.csv", b"1,a\n", "g.jsonl", &options).unwrap();
    assert!(String::from_utf8(copy).unwrap().starts_with("{\"column_1\":\"1\",\"column_2\":\"a\",\"label\":"));
    assert!(notes[0].contains("column_1 to column_2"), "{notes:?}");
}

#[test]
fn objects_are_copied_to_the_letter() {
    let object = r#"{"text" : "a \ud83d", "n": 1.10, "big": 123456789012345678901234567890, "x": [NaN, {"a": 1}]"#;
    let added = r#""label":"a","probability":5.5,"unknown":false}"#;
    let lines = format!("{object} }}\n\n{{ \"text\":null}}\n");
    let expected =
        format!("{object},{added}\n{{ \"text\":null,\"label\":\"none\",\"probability\":0.5,\"unknown\":true}}\n");
    assert_eq!(text_of("f.jsonl", &lines, "g.ndjson"), expected);
    let array = "[\n {\n  \"text\": \"b\",\n  \"n\": 2.0\n }\n]";
    let added = "\"label\":\"b\",\"probability\":1.5,\"unknown\":false}";
    assert_eq!(text_of("f.json", array, "g.jsonl"), format!("{{ \"text\": \"b\", \"n\": 2.0,{added}\n"));
    assert_eq!(text_of("f.json", array, "g.json"), format!("[\n{{\n  \"text\": \"b\",\n  \"n\": 2.0,{added}\n]\n"));
}

#[test]
fn values_keep_what_the_other_form_has() {
    let csv = "id,text\n007,\"a\n\"\"b\"\"\"\n";
    let added = "\"label\":\"a\",\"probability\":5.5,\"unknown\":false}";
    assert_eq!(text_of("f.csv", csv, "g.jsonl"), format!("{{\"id\":\"007\",\"text\":\"a\\n\\\"b\\\"\",{added}\n"));
    assert_eq!(
        text_of("f.csv", csv, "g.tsv"),
        "id\ttext\tlabel\tprobability\tunknown\n007\t\"a\n\"\"b\"\"\"\ta\t5.5\tfalse\n"
    );
    let json = "{\"z\": 1.10, \"text\": \"a\"}\n{\"text\": \"b\", \"z\": null}\n{\"z\": true, \"text\": \"c,\"}\n";
    assert_eq!(
        text_of("f.jsonl", json, "g.csv"),
        "z,text,label,probability,unknown\n1.10,a,a,1.5,false\n,b,b,1.5,false\ntrue,\"c,\",\"c,\",2.5,false\n"
    );
    assert_eq!(
        text_of("f.txt", " {a\n\n", "g.csv"),
        "text,label,probability,unknown\n {a,{a,2.5,false\n,none,0.5,true\n"
    );
    let fasttext = text_of("f.ft", "__label__x a\n", "g.csv");
    assert_eq!(fasttext, "line,label,probability,unknown\n__label__x a,a,1.5,false\n");
}

#[test]
fn what_cannot_be_kept_is_refused_with_its_place() {
    let many: String = (0..120).map(|_| "{\"text\": \"a\"}\n").collect();
    for (from, content, to, words) in [
        ("f.csv", "text,Label\na,1\n", "g.csv", &["--prefix", "Label"][..]),
        ("f.csv", "text,n\na,1\nb\n", "g.csv", &["f.csv:3: expected 2 fields"]),
        ("f.csv", "text,n,n\na,1,2\n", "g.jsonl", &["'n'", "different names"]),
        (
            "f.jsonl",
            "{\"text\": \"a\"}\n{\"text\": \"a\", \"unknown\": 1}\n",
            "g.jsonl",
            &["f.jsonl:2", "'unknown'", "--prefix"],
        ),
        ("f.jsonl", "{\"text\": \"a\"}\n{\"text\": 1\n", "g.jsonl", &["f.jsonl:2: expected one JSON object"]),
        ("f.jsonl", "{\"text\": \"a\", \"x\": [1]}\n", "g.csv", &["f.jsonl:1", "'x'", "a list or an object"]),
        ("f.jsonl", "{\"text\": \"a\", \"x\": NaN}\n", "g.csv", &["f.jsonl:1", "NaN"]),
        ("f.jsonl", &format!("{many}{{\"text\": \"a\", \"y\": 1}}\n"), "g.csv", &["f.jsonl:121", "'y'"]),
        ("f.jsonl", "{\"text\": \"a\"}\n", "g.parquet", &["JSON", "no types"]),
        ("f.json", "[{\"text\": \"a\"}", "g.json", &["closing bracket"]),
    ] {
        let refusal = refusal(from, content, to);
        words.iter().for_each(|word| assert!(refusal.contains(word), "{word}: {refusal}"));
    }
}

/// Whatever form a file has, its texts are those that are read at once.
#[test]
fn texts_are_the_same_one_by_one() {
    let cases = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../testdata/cases");
    let mut read = 0;
    for entry in std::fs::read_dir(cases).unwrap() {
        let path = entry.unwrap().path();
        for header in [None, Some(false)] {
            let mut options = ReadOptions { header, ..ReadOptions::default() };
            options.text = header.map(|_| "1".to_owned()).into_iter().collect();
            let whole = read_texts(&path, &options);
            let streamed = TextStream::open(&path, &options).and_then(|mut stream| {
                let mut texts = Vec::new();
                loop {
                    let batch = stream.next_batch(7)?;
                    if batch.is_empty() {
                        break Ok((texts, stream.reading().clone()));
                    }
                    texts.extend(batch.into_iter().map(|record| (record.text, record.line)));
                }
            });
            match (whole, streamed) {
                (Ok(table), Ok((texts, reading))) => {
                    let rows: Vec<_> = table.rows.into_iter().map(|row| (row.text, row.line)).collect();
                    assert!(rows == texts, "{}", path.display());
                    let told = |reading: &Reading| {
                        let Reading { format, delimiter, header, text, rows, .. } = reading.clone();
                        (format, delimiter, header, text, rows)
                    };
                    assert_eq!(told(&reading), told(&table.readings[0]));
                    read += 1;
                }
                (Err(whole), Err(streamed)) => {
                    let places =
                        [whole, streamed].map(|error| error.to_string().chars().take(40).collect::<String>());
                    assert_eq!(places[0], places[1]);
                }
                (whole, streamed) => panic!("{}: {whole:?}, {streamed:?}", path.display()),
            }
        }
    }
    assert!(read > 30, "{read}");
}

proptest! {
    /// The csv crate reads the fields of the table, and the answers, in every copy between delimiters.
    #[test]
    fn copies_are_read_back(
        fields in prop::collection::vec(("[ab\"\n,;\t é]{0,8}", "[x\"\r\n0,.]{0,5}"), 1..6),
        tabs in any::<bool>(),
    ) {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(["text", "n"]).unwrap();
        fields.iter().for_each(|(text, n)| writer.write_record([text, n]).unwrap());
        let content = writer.into_inner().unwrap();
        let options = ReadOptions { delimiter: Some(','), header: Some(true), ..ReadOptions::default() };
        let (copy, _) = copied("f.csv", &content, if tabs { "g.tsv" } else { "g.csv" }, &options).unwrap();
        let delimiter = if tabs { b'\t' } else { b',' };
        let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).from_reader(copy.as_slice());
        prop_assert_eq!(reader.headers().unwrap().len(), 5);
        let records: Vec<csv::StringRecord> = reader.records().collect::<std::result::Result<_, _>>().unwrap();
        prop_assert_eq!(records.len(), fields.len());
        for (record, (text, n)) in records.iter().zip(&fields) {
            prop_assert_eq!((&record[0], &record[1]), (text.as_str(), n.as_str()));
            prop_assert_eq!(&record[2], text.split_whitespace().next().unwrap_or("none"));
            prop_assert_eq!(&record[4], text.trim().is_empty().to_string());
        }
    }
}

#[cfg(feature = "parquet")]
mod in_parquet {
    use std::{fs::File, sync::Arc};

    use parquet::{
        data_type::{ByteArray, ByteArrayType, Int32Type},
        file::{
            metadata::KeyValue,
            properties::WriterProperties,
            reader::{FileReader, SerializedFileReader},
            writer::SerializedFileWriter,
        },
        record::Row,
        schema::parser::parse_message_type,
    };

    use super::*;

    /// Two row groups of texts that may be missing, lists of numbers, and points of time in nanoseconds.
    fn file() -> Vec<u8> {
        let schema = "message m { optional binary text (UTF8); optional group l (LIST) { repeated group list { optional \
                      int32 element; } } }";
        let notes = ["ARROW:schema", "pandas"].map(|key| KeyValue::new(key.to_owned(), "x".to_owned()));
        let properties = WriterProperties::builder().set_key_value_metadata(Some(notes.to_vec())).build();
        let mut bytes = Vec::new();
        let schema = Arc::new(parse_message_type(schema).unwrap());
        let mut writer = SerializedFileWriter::new(&mut bytes, schema, Arc::new(properties)).unwrap();
        for _ in 0..2 {
            let mut group = writer.next_row_group().unwrap();
            let mut column = group.next_column().unwrap().unwrap();
            let texts = [ByteArray::from("good film"), ByteArray::from("")];
            column.typed::<ByteArrayType>().write_batch(&texts, Some(&[1, 0, 1]), None).unwrap();
            column.close().unwrap();
            let mut column = group.next_column().unwrap().unwrap();
            // [1, null], nothing, and an empty list.
            column.typed::<Int32Type>().write_batch(&[1], Some(&[3, 2, 0, 1]), Some(&[0, 1, 0, 0])).unwrap();
            column.close().unwrap();
            group.close().unwrap();
        }
        writer.close().unwrap();
        bytes
    }

    fn rows(bytes: &[u8]) -> (Vec<Row>, Vec<String>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f.parquet");
        std::fs::write(&path, bytes).unwrap();
        let reader = SerializedFileReader::new(File::open(&path).unwrap()).unwrap();
        let notes = reader.metadata().file_metadata().key_value_metadata().cloned().unwrap_or_default();
        let rows = reader.get_row_iter(None).unwrap().collect::<std::result::Result<Vec<_>, _>>().unwrap();
        (rows, notes.into_iter().map(|entry| entry.key).collect())
    }

    #[test]
    fn columns_are_copied_and_answers_added() {
        let source = file();
        let (copy, notes) = copied("f.parquet", &source, "g.parquet", &ReadOptions::default()).unwrap();
        assert!(notes[0].contains("ARROW:schema") && !notes[0].contains("pandas"), "{notes:?}");
        let ((before, _), (after, kept)) = (rows(&source), rows(&copy));
        assert_eq!((before.len(), after.len(), kept), (6, 6, vec!["pandas".to_owned()]));
        for (before, after) in before.iter().zip(&after) {
            let before: Vec<String> = before.get_column_iter().map(|column| column.1.to_string()).collect();
            let after: Vec<String> = after.get_column_iter().map(|column| column.1.to_string()).collect();
            assert_eq!(after[..2], before[..]);
            let answer =
                if before[0] == "\"good film\"" { ["\"good\"", "9.5", "false"] } else { ["\"none\"", "0.5", "true"] };
            assert_eq!(after[2..], answer);
        }
    }

    #[test]
    fn rows_leave_parquet_with_their_values_or_not_at_all() {
        let copy = copied("f.parquet", &file(), "g.jsonl", &ReadOptions::default()).unwrap().0;
        let copy = String::from_utf8(copy).unwrap();
        let lines: Vec<&str> = copy.lines().collect();
        assert!(lines[0].starts_with("{\"text\":\"good film\",\"l\":[1,null],\"label\":\"good\","), "{copy}");
        assert!(
            lines[1].starts_with("{\"text\":null,\"l\":null,") && lines[2].starts_with("{\"text\":\"\",\"l\":[],")
        );
        let refusal = copied("f.parquet", &file(), "g.csv", &ReadOptions::default()).unwrap_err().to_string();
        assert!(refusal.contains("'l', nested"), "{refusal}");
    }

    #[test]
    fn fields_become_strings() {
        let (copy, _) = copied("f.csv", b"id,text\n007,a\n,\n", "g.parquet", &ReadOptions::default()).unwrap();
        let written: Vec<String> = rows(&copy).0.iter().map(ToString::to_string).collect();
        assert_eq!(written[0], "{id: \"007\", text: \"a\", label: \"a\", probability: 1.5, unknown: false}");
        assert_eq!(written[1], "{id: \"\", text: \"\", label: \"none\", probability: 0.5, unknown: true}");
    }

    #[test]
    fn damage_leaves_no_copy() {
        let bytes = file();
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 0x55;
            for to in ["g.parquet", "g.jsonl"] {
                let _ = copied("f.parquet", &changed, to, &ReadOptions::default());
            }
        }
        for length in 0..bytes.len() {
            assert!(copied("f.parquet", &bytes[..length], "g.parquet", &ReadOptions::default()).is_err(), "{length}");
        }
    }
}

/// What a text of several columns is does not depend on what they are written in.
#[test]
fn columns_are_joined_alike_in_every_format() {
    let csv = "title,body,note\n\" a \",b,x\n,b,\n\"  \",\" b\nc \",y\n,,\na,,\n";
    let folder = tempfile::tempdir().unwrap();
    let plain = ReadOptions { text: vec!["title".into(), "note".into(), "body".into()], ..ReadOptions::default() };
    let source = folder.path().join("f.csv");
    std::fs::write(&source, csv).unwrap();
    let texts = |path: &Path| -> Vec<String> {
        read_texts(path, &plain).unwrap().rows.into_iter().map(|row| row.text).collect()
    };
    let expected = ["a\nx\nb", "b", "y\nb\nc", "", "a"];
    assert_eq!(texts(&source), expected);
    let names: &[&str] = if cfg!(feature = "parquet") { &["g.jsonl", "g.json", "g.parquet"] } else { &["g.jsonl"] };
    for name in names {
        let target = folder.path().join(name);
        let destination = Destination::of(&target, None, false).unwrap();
        Appending::open(&source, &plain, destination, columns()).unwrap().run(answers).unwrap();
        assert_eq!(texts(&target), expected, "{name}");
    }
}

/// A table with names and no rows is one, whoever asks.
#[test]
fn a_table_without_rows_stays_one() {
    assert_eq!(text_of("f.csv", "id,text\n", "g.csv"), "id,text,label,probability,unknown\n");
    assert_eq!(text_of("f.json", "[]", "g.json"), "[\n]\n");
    assert_eq!(text_of("f.json", "[]", "g.csv"), "label,probability,unknown\n");
}
