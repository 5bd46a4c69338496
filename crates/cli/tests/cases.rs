//! Forms of files that people have trouble with elsewhere, each through the real binary: what is read, what is told,
//! and what is asked. The files lie in `testdata/cases`.

mod common;

use std::{io::Write, path::PathBuf, process::Stdio};

use common::{fails, run, spiketext, succeeds, text};
use serde_json::Value;

fn case(name: &str) -> String {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../testdata/cases").join(name).display().to_string()
}

/// What `data show --json` says of a file.
fn shown(name: &str, flags: &[&str]) -> Value {
    let folder = tempfile::tempdir().expect("a folder");
    let file = case(name);
    let arguments = [&["data", "show", &file, "--json", "--count", "0"], flags].concat();
    serde_json::from_str(&succeeds(folder.path(), &arguments)).expect("JSON")
}

/// The question or refusal.
fn asked(name: &str, flags: &[&str]) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let file = case(name);
    fails(folder.path(), &[&["data", "show", &file], flags].concat())
}

fn texts(shown: &Value) -> u64 {
    shown["summary"]["texts"].as_u64().expect("a count")
}

fn labels(shown: &Value) -> Vec<&str> {
    shown["labels"].as_array().expect("labels").iter().map(|label| label.as_str().expect("a label")).collect()
}

fn notes(shown: &Value) -> String {
    shown["readings"][0]["notes"].to_string()
}

/// File, flags, texts, and words that must be among what is told.
#[test]
fn sixty_texts_are_read_in_every_form() {
    for (name, flags, words) in [
        ("ref.csv", &[][..], "\"header\":true"),
        ("02_utf16.txt", &[], "\"TSV\""),
        ("03_cr_only.csv", &[], "\"CSV\""),
        ("05_pipe.csv", &[], "\"delimiter\":\"|\""),
        ("05_sep_line.csv", &[], "\"delimiter\":\";\""),
        ("05_semicolon_comma_header.csv", &[], "text, raw"),
        ("10_title_body.csv", &["--text-column", "title", "--text-column", "body"], "[\"title\",\"body\"]"),
        ("10_split_other.csv", &[], "are not train, development or test"),
        ("11_array.json", &[], "\"JSON\""),
        ("11_array_pretty.json", &[], "\"JSON\""),
        ("11_nan.jsonl", &[], "could also be in score"),
        ("11_list1_label.jsonl", &[], "\"label\":\"label\""),
        ("16_ok.ft", &[], "fastText"),
        ("33_nl.tsv", &[], "\"TSV\""),
    ] {
        let shown = shown(name, flags);
        assert_eq!((texts(&shown), labels(&shown)), (60, vec!["neg", "pos"]), "{name}");
        let told = shown["readings"].to_string();
        assert!(told.contains(words), "{name}: {told}");
    }
}

#[test]
fn labels_are_one_thing_in_every_format() {
    for name in ["07_float_labels.csv", "07_float_labels.jsonl"] {
        let shown = shown(name, &[]);
        assert_eq!((texts(&shown), labels(&shown)), (60, vec!["0", "1"]), "{name}");
    }
}

#[test]
fn a_header_is_neither_a_text_nor_a_class() {
    let read = shown("06_two_unknown_header_singleton.csv", &[]);
    assert_eq!(texts(&read), 61);
    assert!(!labels(&read).contains(&"queue"));
    let question = asked("06_agnews.csv", &[]);
    for flag in ["--no-header", "--label-column", "--text-column"] {
        assert!(question.contains(flag), "{question}");
    }
    let flags = ["--no-header", "--label-column", "1", "--text-column", "2", "--text-column", "3"];
    assert_eq!(texts(&shown("06_agnews.csv", &flags)), 60);
}

#[test]
fn missing_labels_are_counted_and_left_out_only_if_asked_for() {
    for name in ["08_empty_labels.csv", "08_null_labels.jsonl", "12_hf_some_minus1.parquet"] {
        let refusal = asked(name, &[]);
        assert!(refusal.contains("--skip-bad") && refusal.contains("without a label in the file: "), "{refusal}");
        let count: u64 = refusal
            .split("without a label in the file: ")
            .nth(1)
            .and_then(|rest| rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok())
            .expect("a count");
        let read = shown(name, &["--skip-bad"]);
        assert_eq!(read["readings"][0]["left_out"]["unlabelled"], count, "{name}");
        assert_eq!(texts(&read) + count, 60, "{name}");
    }
}

#[test]
fn of_several_columns_the_choice_is_told_with_the_way_to_another() {
    let read = shown("10_label_and_target.csv", &[]);
    assert_eq!(read["readings"][0]["label"], "category");
    assert!(notes(&read).contains("target; --label-column"), "{}", notes(&read));
    // All texts of one column are the same, which is told together with the other column.
    let refusal = asked("10_title_body.csv", &[]);
    assert!(
        refusal.contains("column 'body'") && refusal.contains("could also be in title; --text-column"),
        "{refusal}"
    );
    let other = shown("10_label_and_target.csv", &["--label-column", "target"]);
    assert_eq!(labels(&other), ["neg", "pos"]);
    // Two columns of one name: the same choice in both formats.
    for name in ["10_dup_cols.csv", "13_dupe_cols.parquet"] {
        let read = shown(name, &[]);
        assert!(notes(&read).contains("columns are called 'text'"), "{name}: {}", notes(&read));
        assert_eq!((read["readings"][0]["text"][0].as_str(), texts(&read)), (Some("text"), 60), "{name}");
    }
    assert_eq!(shown("05_semicolon_comma_header.csv", &[])["readings"][0]["delimiter"], ";");
    let (folder, file) = (tempfile::tempdir().expect("a folder"), case("10_title_body.csv"));
    let joined = ["data", "show", &file, "--text-column", "title", "--text-column", "body", "--json", "--count", "1"];
    let joined: Value = serde_json::from_str(&succeeds(folder.path(), &joined)).expect("JSON");
    let text = &joined["examples"][0]["texts"][0];
    assert!(text.as_str().is_some_and(|text| text.ends_with("\nsee title")), "{joined}");
}

#[test]
fn vectors_with_a_bad_line_name_it_and_are_read_without_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let (texts, vectors) = (case("ref.csv"), case("14_glove_nan.txt"));
    let train = ["train", &texts, "--epochs", "1", "--set", "fine-tuning.epochs=0", "-o", "model"];
    let output = run(folder, &[&train[..], &["--vectors", &vectors]].concat());
    let refusal = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2));
    assert!(refusal.contains("14_glove_nan.txt:31: expected a word and 50 finite numbers"), "{refusal}");
    assert!(refusal.contains("'nan' as number 1; --lenient") && !folder.join("model").exists(), "{refusal}");
    let output = run(folder, &[&train[..], &["--vectors", &vectors, "--lenient"]].concat());
    let told = text(&output.stderr);
    assert!(output.status.success(), "{told}");
    assert!(told.contains("1 line that cannot be read was left out, the first of them line 31"), "{told}");
    assert!(!std::fs::read_to_string(folder.join("model/vocab.txt")).expect("words").contains("weird"));
    let lines = [&train[..], &["--vectors", &vectors, "--lenient", "--json"]].concat();
    let notes = common::events(&succeeds(folder, &lines));
    assert!(notes.iter().any(|line| line["event"] == "note" && line["message"].to_string().contains("line 31")));

    // A head that counts one too many is told, one that counts many too many or other dimensions is refused.
    let good: Vec<String> =
        std::fs::read_to_string(&vectors).expect("text").lines().take(30).map(str::to_owned).collect();
    for (head, code, words) in [
        ("31 50", 0, "the first line says 31 words, and there are 30: 30 are read"),
        ("29 50", 0, "the first line says 29 words, and there are 30: 30 are read"),
        ("30 50", 0, ""),
        ("99 50", 2, "expected 99 words, as the first line says, got 30; --lenient"),
        ("30 49", 2, ":2: expected a word and 49 finite numbers"),
    ] {
        std::fs::write(folder.join("own.vec"), format!("{head}\n{}\n", good.join("\n"))).expect("written");
        let output = run(folder, &[&train[..], &["--vectors", "own.vec"]].concat());
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{head}: {told}");
        assert!(told.contains(words) && (!words.is_empty() || !told.contains("first line")), "{head}: {told}");
    }
}

#[test]
fn a_card_bears_any_labels_and_any_number_of_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let quick = ["--epochs", "1", "--set", "fine-tuning.epochs=0", "--set", "network.filters=4", "-o"];
    let card = |file: &str, out: &str| {
        succeeds(folder, &[&["train", file], &quick[..], &[out]].concat());
        std::fs::read_to_string(folder.join(out).join("README.md")).expect("a card")
    };
    let odd = card(&case("28_labels.jsonl"), "my models/odd");
    assert!(
        odd.contains("multi…, ") && !odd.contains(&"x".repeat(61)) && odd.contains(&format!("{}…", "x".repeat(60)))
    );
    let ask = ["predict", "my models/odd", "the hotel", "--json"];
    for (flags, classes) in [(&[][..], 10), (&["--all"], 12)] {
        let answer = common::result(&succeeds(folder, &[&ask[..], flags].concat()));
        let found = answer["probabilities"].as_object().expect("probabilities");
        assert_eq!(found.len(), classes);
        assert!(found.values().all(|p| p.as_f64() <= answer["probability"].as_f64()), "the most probable ones");
    }
    let widest = odd.lines().filter(|line| !line.starts_with("- data")).map(|line| line.chars().count()).max();
    assert!(widest < Some(500), "{widest:?}: {odd}");
    for part in [
        "spiketext predict 'my models/odd' \"some text\"",
        "## Limits",
        "words of English",
        "columns: texts from \"text\"; labels from \"label\"",
        "built-in en: made of the vectors of spaCy's en_core_web_md 3.7.1, MIT licence",
        "the longest ",
    ] {
        assert!(odd.contains(part), "{part}: {odd}");
    }
    let rows: String =
        (0..1800).map(|row| format!("word{0} thing{0} number {1},label-{0}\n", row % 300, row / 300)).collect();
    std::fs::write(folder.join("many.csv"), format!("text,label\n{rows}")).expect("written");
    let many = card("many.csv", "many");
    assert!(many.contains("answers with one of 300 labels (in the table below)."), "{many}");
    assert_eq!(many.lines().filter(|line| line.starts_with("| label-")).count(), 300);
}

#[test]
fn a_codec_that_is_not_read_is_no_damage() {
    let refusal = asked("13_c_brotli.parquet", &[]);
    assert!(refusal.contains("not supported: BROTLI") && !refusal.contains("damage"), "{refusal}");
}

#[test]
fn answers_stand_beside_the_rows_they_are_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    succeeds(folder, &["train", &case("ref.csv"), "--epochs", "2", "--set", "fine-tuning.epochs=0", "-o", "model"]);
    let lines = |file: &str| {
        let output = run(folder, &["predict", "model", "--file", &case(file)]);
        assert_eq!(output.status.code(), Some(0), "{file}: {}", text(&output.stderr));
        (text(&output.stdout).to_owned(), text(&output.stderr).to_owned())
    };
    let (answers, told) = lines("32_twocol3.csv");
    assert_eq!(answers.lines().count(), 3, "{answers}");
    assert!(told.contains("column 'comment_body'"), "{told}");
    let (answers, _) = lines("16_ok.ft");
    assert!(answers.lines().count() == 60 && !answers.contains("__label__"), "{answers}");
    assert_eq!(lines("03_cr_only.csv").0.lines().count(), 60);

    let refusal = fails(folder, &["predict", "model", &case("31_odds.txt")]);
    assert!(refusal.contains("--file"), "{refusal}");
    let odd = lines("31_odds.txt").0;
    assert_eq!(odd.lines().count(), std::fs::read_to_string(case("31_odds.txt")).expect("text").lines().count());

    // Lines that end with a carriage return alone, as text.
    std::fs::write(folder.join("cr.txt"), "good film\rbad film\rfine\r").expect("a file");
    assert_eq!(succeeds(folder, &["predict", "model", "--file", "cr.txt"]).lines().count(), 3);

    // The columns that the model was trained on come first.
    std::fs::write(folder.join("own.csv"), "complaint,queue\nthe phone was poor,a\nthe room was great,b\n")
        .expect("a file");
    let body: String = (0..40).map(|n| format!("the {n} text is {},{}\n", ["poor", "fine"][n % 2], n % 2)).collect();
    std::fs::write(folder.join("train.csv"), format!("complaint,queue\n{body}")).expect("a file");
    let quick = ["--epochs", "1", "--set", "fine-tuning.epochs=0"];
    succeeds(
        folder,
        &[&["train", "train.csv", "-o", "own", "--text-column", "complaint", "--label-column", "queue"], &quick[..]]
            .concat(),
    );
    std::fs::write(folder.join("more.csv"), "text,complaint\nx,the phone was poor\n").expect("a file");
    assert!(succeeds(folder, &["predict", "own", "--file", "more.csv"]).contains("the phone was poor"));
    assert!(succeeds(folder, &["evaluate", "own", "train.csv"]).contains("40"));
}

#[test]
fn several_files_a_folder_packed_files_and_standard_input_are_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let whole = std::fs::read_to_string(case("ref.csv")).expect("text");
    let (header, rows) = whole.split_once('\n').expect("a header");
    let rows: Vec<&str> = rows.lines().collect();
    std::fs::create_dir(folder.join("parts")).expect("a folder");
    for (index, part) in rows.chunks(20).enumerate() {
        let content = format!("{header}\n{}\n", part.join("\n"));
        std::fs::write(folder.join(format!("parts/{index}.csv")), content).expect("a file");
    }
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packer.write_all(whole.as_bytes()).expect("packed");
    std::fs::write(folder.join("whole.csv.gz"), packer.finish().expect("packed")).expect("a file");
    for end in ["bz2", "xz"] {
        std::fs::copy(case(&format!("ref.csv.{end}")), folder.join(format!("whole.csv.{end}"))).expect("a copy");
    }
    let quick = ["--epochs", "1", "--set", "fine-tuning.epochs=0", "--json"];
    let read = |files: &[&str], out: &str, input: Option<&str>| {
        let arguments = [&["train"], files, &["-o", out], &quick[..]].concat();
        let mut command = spiketext(folder, &arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        let mut pipe = child.stdin.take().expect("a pipe");
        pipe.write_all(input.unwrap_or("").as_bytes()).expect("written");
        drop(pipe);
        let output = child.wait_with_output().expect("it ends");
        assert_eq!(output.status.code(), Some(0), "{files:?}: {}", text(&output.stderr));
        let model = std::fs::read(folder.join(out).join("model.safetensors")).expect("a model");
        (common::events(text(&output.stdout)), model)
    };
    let (events, model) = read(&["parts/0.csv", "parts/1.csv", "parts/2.csv"], "a", None);
    assert_eq!(events.iter().filter(|event| event["event"] == "read").count(), 3);
    for (files, out, input) in [
        (vec!["parts"], "b", None),
        (vec!["whole.csv.gz"], "c", None),
        (vec!["whole.csv.bz2"], "c2", None),
        (vec!["whole.csv.xz"], "c3", None),
        (vec!["-"], "d", Some(whole.as_str())),
        (vec!["-", "--format", "csv"], "e", Some(whole.as_str())),
    ] {
        assert!(read(&files, out, input).1 == model, "{files:?} give another model");
    }
}

#[test]
fn a_model_of_other_data_is_not_replaced_unasked() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let quick = ["--epochs", "1", "--set", "fine-tuning.epochs=0"];
    for place in ["a", "b"] {
        std::fs::create_dir(folder.join(place)).expect("a folder");
        std::fs::copy(case("ref.csv"), folder.join(place).join("data.csv")).expect("a copy");
    }
    succeeds(folder, &[&["train", "a/data.csv"], &quick[..]].concat());
    let before = common::everything(&folder.join("runs"));
    let refusal = fails(folder, &[&["train", "b/data.csv"], &quick[..]].concat());
    assert!(refusal.contains("a/data.csv") && refusal.contains("--out"), "{refusal}");
    assert!(common::everything(&folder.join("runs")) == before);
    // The same data again is no other data, and a folder that is named is meant.
    succeeds(folder, &[&["train", "a/data.csv"], &quick[..]].concat());
    succeeds(folder, &[&["train", "b/data.csv", "-o", "runs/data-lean-0"], &quick[..]].concat());
}

#[test]
fn quotes_behind_backslashes_are_read_if_asked_and_else_a_question() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let row = |row: usize| format!("\"film {row} is \\\"fine\\\", they say\",{}\n", ["pos", "neg"][row % 2]);
    let rows: String = (0..40).map(row).collect();
    std::fs::write(folder.join("escaped.csv"), format!("text,label\n{rows}")).expect("written");
    let output = run(folder, &["data", "show", "escaped.csv"]);
    let error = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2));
    assert!(error.contains("escaped.csv:") && error.contains("--escape"), "{error}");
    let shown = succeeds(folder, &["data", "show", "escaped.csv", "--escape", "\\", "--json", "--count", "40"]);
    let shown: Value = serde_json::from_str(&shown).expect("JSON");
    assert_eq!(texts(&shown), 40);
    assert!(
        shown["examples"][0]["texts"][0].as_str().is_some_and(|text| text.contains("is \"fine\", they say")),
        "{shown}"
    );
    let plain = "text,label\n".to_owned()
        + &(0..40).map(|row| format!("a \\\"b\\\" c {row},{}\n", ["pos", "neg"][row % 2])).collect::<String>();
    std::fs::write(folder.join("plain.csv"), plain).expect("written");
    assert!(text(&run(folder, &["data", "show", "plain.csv"]).stderr).contains("--escape none"));
    let shown = succeeds(folder, &["data", "show", "plain.csv", "--escape", "none", "--json"]);
    let shown: Value = serde_json::from_str(&shown).expect("JSON");
    assert!(
        shown["examples"][0]["texts"][0].as_str().is_some_and(|text| text.starts_with("a \\\"b\\\" c")),
        "{shown}"
    );
}
