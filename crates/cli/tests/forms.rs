//! What is read, told and asked of files that are made here, and what becomes of models and tables, through the real
//! binary; where a model is needed that answers, the kept one of format 1 does.

mod common;

use std::{
    fs,
    io::{BufRead, BufReader, BufWriter, Write},
    path::Path,
    process::Stdio,
};

use common::{events, everything, fails, result, run, spiketext, succeeds, text};
use serde_json::{Value, json};

/// Knows `film`, `lovely`, `dull`, `story`, `end`; answers good or bad.
const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../spiketext/tests/fixtures/format-1/lean");
const CASES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/cases");

/// The quickest training.
const QUICK: [&str; 4] = ["--epochs", "1", "--set", "fine-tuning.epochs=0"];

fn write(folder: &Path, name: &str, content: &str) {
    fs::write(folder.join(name), content).expect("written");
}

/// Forty lines.
fn lines(line: impl Fn(usize) -> String) -> String {
    (0..40).map(|row| line(row) + "\n").collect()
}

/// One of `values`, by turns.
fn turn<'a>(row: usize, values: &[&'a str]) -> &'a str {
    values[row % values.len()]
}

fn case(name: &str) -> String {
    format!("{CASES}/{name}")
}

/// What `data show --json` says.
fn shown(folder: &Path, file: &str, flags: &[&str]) -> Value {
    let arguments = [&["data", "show", file, "--json"], flags].concat();
    serde_json::from_str(&succeeds(folder, &arguments)).expect("JSON")
}

/// The refusal of `data show`.
fn asked(folder: &Path, file: &str, flags: &[&str]) -> String {
    fails(folder, &[&["data", "show", file], flags].concat())
}

/// What is said on standard error of a run that must succeed.
fn told(folder: &Path, arguments: &[&str]) -> String {
    let output = run(folder, arguments);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", text(&output.stderr));
    text(&output.stderr).to_owned()
}

fn says(told: &str, parts: &[&str]) {
    parts.iter().for_each(|part| assert!(told.contains(part), "'{part}' is not in: {told}"));
}

#[test]
fn a_delimiter_is_found_asked_for_or_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    // No name is known: the one under which all records have one number of fields.
    let even = lines(|row| format!("the film, number {row}, is here;{}", turn(row, &["a", "b"])));
    write(folder, "even.csv", &format!("message_body;queue\n{even}"));
    let read = shown(folder, "even.csv", &[]);
    let reading = &read["readings"][0];
    assert_eq!(
        (&reading["delimiter"], &reading["rows"], &read["labels"]),
        (&json!(";"), &json!(40), &json!(["a", "b"]))
    );
    // Two that fit, or none, are a question.
    write(folder, "both.csv", &lines(|row| format!("film {row};{},x", turn(row, &["a", "b"]))));
    says(&asked(folder, "both.csv", &[]), &["both.csv:1", "',' and ';' fit equally", "--delimiter"]);
    let said = shown(folder, "both.csv", &["--delimiter", ";", "--no-header"]);
    assert_eq!((&said["labels"], &said["summary"]["texts"]), (&json!(["a,x", "b,x"]), &json!(40)));
    write(folder, "none.csv", "one thing, and\nanother\nthird, with, more\n");
    says(&asked(folder, "none.csv", &[]), &["none.csv:2", "--delimiter"]);
    // Tabs in a CSV, found and said, and a character that is never looked for.
    for (name, delimiter, flag) in [("tabs.csv", "\t", "tab"), ("colons.csv", ":", ":")] {
        let rows = lines(|row| format!("a film, number {row}{delimiter}{}", turn(row, &["a", "b"])));
        write(folder, name, &format!("text{delimiter}label\n{rows}"));
        let read = shown(folder, name, &["--delimiter", flag]);
        assert_eq!((&read["readings"][0]["delimiter"], &read["summary"]["texts"]), (&json!(delimiter), &json!(40)));
    }
    assert_eq!(shown(folder, "tabs.csv", &[])["readings"][0]["delimiter"], "\t");
}

#[test]
fn a_first_record_that_could_be_either_is_neither_dropped_nor_labelled() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let rows = lines(|row| format!("film {row},{}", turn(row, &["pos", "neg"])));
    write(folder, "rare.csv", &format!("odd,rare\n{rows}"));
    says(&asked(folder, "rare.csv", &[]), &["rare.csv:1", "--header or --no-header", "odd, rare"]);
    let data = shown(folder, "rare.csv", &["--no-header"]);
    assert_eq!((&data["summary"]["texts"], &data["labels"]), (&json!(41), &json!(["neg", "pos", "rare"])));
    let named = shown(folder, "rare.csv", &["--header"]);
    assert_eq!((&named["summary"]["texts"], &named["labels"]), (&json!(40), &json!(["neg", "pos"])));
    // The same for texts to be labelled: a question, or as many answers as rows.
    write(folder, "ab.csv", "note,author\na film,me\nb film,you\n");
    says(&fails(folder, &["predict", MODEL, "--file", "ab.csv"]), &["ab.csv:1", "--no-header", "--text-column"]);
    for (flags, answers) in [(&["--text-column", "note"][..], 2), (&["--no-header", "--text-column", "1"], 3)] {
        let output = succeeds(folder, &[&["predict", MODEL, "--file", "ab.csv"], flags].concat());
        assert_eq!(output.lines().count(), answers, "{output}");
    }
}

/// Sentiment140: six quoted columns without a header, the label first and the text last.
#[test]
fn columns_of_a_file_without_a_header_go_by_number() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let row = |row: usize| {
        let (label, second, user) = (turn(row, &["0", "4"]), row % 60, row % 7);
        format!(
            "\"{label}\",\"14678{row}\",\"Mon Apr 06 22:19:{second:02} PDT 2009\",\"NO_QUERY\",\"user{user}\",\"@friend, a \
             text, number {row}\""
        )
    };
    write(folder, "tweets.csv", &lines(row));
    says(&asked(folder, "tweets.csv", &[]), &["--label-column", "--text-column", "6 columns"]);
    let read =
        shown(folder, "tweets.csv", &["--no-header", "--label-column", "1", "--text-column", "6", "--count", "40"]);
    assert_eq!((&read["labels"], &read["summary"]["texts"]), (&json!(["0", "4"]), &json!(40)));
    says(&read["examples"][0]["texts"].to_string(), &["@friend, a text, number "]);
}

#[test]
fn what_was_chosen_and_left_out_is_said_everywhere() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    fs::copy(case("08_empty_labels.csv"), folder.join("gaps.csv")).expect("a copy");
    let line = "read gaps.csv: CSV, delimiter ',', with a header, text: column 'text', label: column 'label'; texts read: 54, \
                left out: 6 without a label\n";
    let train = [&["train", "gaps.csv", "--skip-bad", "-o", "model"], &QUICK[..]].concat();
    assert!(told(folder, &train).starts_with(line));
    let lines = events(&succeeds(folder, &[&train[..], &["--json"]].concat()));
    let read = &lines[0];
    for (key, value) in [
        ("event", json!("read")),
        ("format", json!("CSV")),
        ("delimiter", json!(",")),
        ("header", json!(true)),
        ("text", json!(["text"])),
        ("label", json!("label")),
        ("rows", json!(54)),
        ("left_out", json!({"empty": 0, "unlabelled": 6, "broken": 0})),
    ] {
        assert_eq!(read[key], value, "{key}: {read}");
    }
    let card = fs::read_to_string(folder.join("model/README.md")).expect("a card");
    says(&card, &["columns: texts from \"text\"; labels from \"label\""]);
    says(&succeeds(folder, &["data", "show", "gaps.csv", "--skip-bad"]), &[line]);
    assert_eq!(told(folder, &["evaluate", "model", "gaps.csv", "--skip-bad"]), line);
    says(&fails(folder, &["evaluate", "model", "gaps.csv"]), &["without a label in the file: 6", "--skip-bad"]);
    assert!(
        told(folder, &["predict", "model", "--file", "gaps.csv"]).starts_with("read gaps.csv: CSV, delimiter ','")
    );
}

#[test]
fn broken_records_and_texts_without_words_are_counted_and_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let rows =
        lines(|row| format!("{} {row},{}", turn(row, &["lovely film", "dull film"]), turn(row, &["good", "bad"])));
    write(folder, "bad.csv", &format!("text,label\n{rows}film,a,b\n\"film\" x,good\nfilm,\n,good\n"));
    let counts = ["bad.csv:42", "broken records in the file: 2", "without a label in the file: 1", "--skip-bad"];
    says(&asked(folder, "bad.csv", &[]), &counts);
    says(&fails(folder, &["evaluate", MODEL, "bad.csv"]), &counts);
    let left_out = "texts read: 40, left out: 1 empty, 1 without a label, 2 broken";
    says(&succeeds(folder, &["data", "show", "bad.csv", "--skip-bad"]), &[left_out]);
    let output = run(folder, &["evaluate", MODEL, "bad.csv", "--skip-bad"]);
    says(text(&output.stderr), &[left_out]);
    says(text(&output.stdout), &["empty texts left out: 1", "bad.csv: 40 texts"]);
    says(&told(folder, &[&["train", "bad.csv", "--skip-bad", "-o", "m"], &QUICK[..]].concat()), &[left_out]);
    // A text without a known word is no mistake, and told.
    write(folder, "odd.csv", "text,label\na lovely film,good\nzzqq,bad\n");
    let found = result(&succeeds(folder, &["evaluate", MODEL, "odd.csv", "--json"]));
    assert_eq!(found["unknown_texts"], 1);
    says(&succeeds(folder, &["evaluate", MODEL, "odd.csv"]), &["1 texts without a known word"]);
}

#[test]
fn a_label_is_one_thing_whatever_holds_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    write(
        folder,
        "zeros.csv",
        &format!("text,label\n{}", lines(|row| format!("film {row},{}", turn(row, &["01", "1", "1.0", "001"])))),
    );
    assert_eq!(shown(folder, "zeros.csv", &[])["labels"], json!(["001", "01", "1"]), "leading zeros stay apart");
    // Of every type that Parquet has; reference/make_label_types.py writes the file.
    for (column, labels, unlabelled) in [
        ("half", ["0", "1"], 0),
        ("single", ["0.1", "0.5"], 0),
        ("double", ["0", "1"], 20),
        ("whole", ["0", "1"], 0),
        ("string", ["0", "1"], 0),
        ("decimal", ["1.50", "2"], 0),
        ("day", ["2024-01-01", "2024-01-02"], 0),
        ("truth", ["false", "true"], 0),
        ("one", ["neg", "pos"], 0),
    ] {
        let read = shown(folder, &case("13_label_types.parquet"), &["--label-column", column, "--skip-bad"]);
        let left_out = &read["readings"][0]["left_out"]["unlabelled"];
        assert_eq!((&read["labels"], left_out), (&json!(labels), &json!(unlabelled)), "{column}");
    }
    let texts =
        succeeds(folder, &["predict", MODEL, "--file", &case("13_label_types.parquet"), "--text-column", "day"]);
    assert!(texts.lines().count() == 40 && texts.contains("2024-01-02"), "{texts}");
    // NaN and null are no labels, and none is a class.
    write(
        folder,
        "nan.csv",
        &format!("text,label\n{}", lines(|row| format!("film {row},{}", turn(row, &["a", "b", "NaN", "nan"])))),
    );
    let row =
        |row| format!("{{\"text\": \"film {row}\", \"label\": {}}}", turn(row, &["\"a\"", "\"b\"", "NaN", "null"]));
    write(folder, "nan.jsonl", &lines(row));
    for name in ["nan.csv", "nan.jsonl"] {
        says(&asked(folder, name, &[]), &["without a label in the file: 20", "--skip-bad"]);
        let read = shown(folder, name, &["--skip-bad"]);
        assert_eq!(
            (&read["labels"], &read["readings"][0]["left_out"]["unlabelled"]),
            (&json!(["a", "b"]), &json!(20))
        );
    }
}

#[test]
fn labels_that_differ_in_case_or_blanks_are_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let rows = lines(|row| format!("film {row},{}", turn(row, &["Spam", "spam", "news desk", "news  desk"])));
    write(folder, "alike.csv", &format!("text,label\n{rows}"));
    let read = shown(folder, "alike.csv", &[]);
    assert_eq!(read["report"]["alike"], json!([["news  desk", "news desk"], ["Spam", "spam"]]));
    let line = "classes that differ in case or blanks alone, kept apart: 'Spam', 'spam'";
    says(&succeeds(folder, &["data", "show", "alike.csv"]), &[line]);
    says(&told(folder, &[&["train", "alike.csv", "-o", "m"], &QUICK[..]].concat()), &[&format!("note: {line}")]);
}

#[test]
fn a_header_that_comes_again_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let rows = lines(|row| format!("film {row},{}", turn(row, &["a", "b"])));
    write(folder, "again.csv", &format!("text,label\n{rows}text,label\n{rows}"));
    let read = shown(folder, "again.csv", &[]);
    assert_eq!((&read["summary"]["texts"], &read["labels"]), (&json!(80), &json!(["a", "b"])));
    says(&read["readings"][0]["notes"].to_string(), &["the header comes again among the records, left out: 1"]);
    // Beside rows that are to be labelled, it is one.
    let output = run(folder, &["predict", MODEL, "--file", "again.csv"]);
    assert_eq!(text(&output.stdout).lines().count(), 81);
    says(
        text(&output.stderr),
        &["the header comes again among the records, which were read as texts like all others: 1"],
    );
}

#[test]
fn usual_names_in_chinese_are_known() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    for text in ["文本", "内容", "评论", "标题"] {
        for label in ["标签", "类别", "情感"] {
            let rows = lines(|row| format!("{row},{},房间很干净 {row}", turn(row, &["好", "坏"])));
            write(folder, "zh.csv", &format!("编号,{label},{text}\n{rows}"));
            let read = shown(folder, "zh.csv", &[]);
            let reading = &read["readings"][0];
            assert_eq!(
                (&reading["text"], &reading["label"], &reading["rows"]),
                (&json!([text]), &json!(label), &json!(40))
            );
        }
    }
}

#[test]
fn what_json_of_python_has_is_read_and_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let row = |row| format!("{{\"text\": \"film {row} \\ud83d\", \"label\": \"{}\"}}", turn(row, &["a", "b"]));
    write(folder, "halves.jsonl", &lines(row));
    let read = shown(folder, "halves.jsonl", &[]);
    says(&read["readings"][0]["notes"].to_string(), &["lone surrogates", "U+FFFD: 40"]);
    says(&read["examples"][0]["texts"][0].to_string(), &["\u{fffd}"]);
    write(folder, "numbers.jsonl", &lines(|row| format!("{{\"text\": {row}.5, \"label\": {}}}", row % 2)));
    let read = shown(folder, "numbers.jsonl", &["--count", "40"]);
    assert_eq!((&read["labels"], &read["summary"]["texts"]), (&json!(["0", "1"]), &json!(40)));
    assert!(
        read["examples"][0]["texts"].as_array().expect("texts").iter().all(|text| text.to_string().ends_with(".5\""))
    );
}

#[test]
fn labels_of_fasttext_are_no_text_wherever_they_stand() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    write(folder, "texts.txt", "__label__good __label__x a lovely film\nthe story is dull __label__bad\n");
    let answers = events(&succeeds(folder, &["predict", MODEL, "--file", "texts.txt", "--json"]));
    let texts: Vec<&Value> = answers.iter().map(|answer| &answer["text"]).collect();
    assert_eq!(texts, ["a lovely film", "the story is dull"]);
}

#[test]
fn several_files_a_folder_and_standard_input_are_for_every_verb() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    fs::create_dir(folder.join("parts")).expect("a folder");
    let files = [
        ("parts/a.csv", "text,label\na lovely film,good\n"),
        ("parts/b.jsonl", "{\"text\": \"dull\", \"label\": \"bad\"}\n"),
    ];
    files.iter().for_each(|(name, content)| write(folder, name, content));
    assert_eq!(succeeds(folder, &["predict", MODEL, "--file", "parts"]).lines().count(), 2);
    for files in [&["parts"][..], &["parts/a.csv", "parts/b.jsonl"]] {
        let found = result(&succeeds(folder, &[&["evaluate", MODEL, "--json"], files].concat()));
        assert_eq!(found["texts"], 2, "{files:?}");
    }
    let input = fs::File::open(folder.join("parts/b.jsonl")).expect("a file");
    let arguments = ["evaluate", MODEL, "-", "--format", "jsonl", "--json"];
    let output = spiketext(folder, &arguments).stdin(input).output().expect("it runs");
    assert_eq!(result(text(&output.stdout))["texts"], 1, "{}", text(&output.stderr));
    // Packed with zstd, labels and all.
    succeeds(folder, &["predict", MODEL, "--file", &case("ref.csv"), "--prefix", "p_", "--out", "ref.csv.zst"]);
    assert_eq!(shown(folder, "ref.csv.zst", &["--label-column", "label"])["summary"]["texts"], 60);
}

#[test]
fn what_is_missing_is_asked_for_by_the_flag() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    write(folder, "columns.csv", &format!("id,text,when,where\n{}", lines(|row| format!("{row},film {row},x,y"))));
    write(folder, "fields.jsonl", "{\"a\": 1, \"b\": 2}\n");
    write(folder, "words.txt", "just words\nand more\n");
    for (file, parts) in [
        ("columns.csv", &["columns.csv:1", "--label-column", "id, text, when, where"][..]),
        ("fields.jsonl", &["fields.jsonl:1", "--text-column", "--label-column", "a, b"]),
        ("words.txt", &["words.txt:1", "--format"]),
    ] {
        says(&asked(folder, file, &[]), parts);
    }
    says(&fails(folder, &["predict", MODEL, "--file", "fields.jsonl"]), &["--text-column"]);
}

#[test]
fn a_model_is_replaced_only_where_nothing_else_lies_and_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    fs::create_dir(folder.join("model")).expect("a folder");
    for (name, content) in everything(Path::new(MODEL)) {
        fs::write(folder.join("model").join(name), content).expect("a copy");
    }
    fs::create_dir(folder.join("model/src")).expect("a folder");
    for (note, beside) in
        [(None, "\"src\" lies beside the model"), (Some("a.txt"), "\"a.txt\" and 1 more lie beside")]
    {
        note.into_iter().for_each(|note| write(&folder.join("model"), note, "mine"));
        let before = everything(folder);
        says(&fails(folder, &["train", "--out", "model"]), &["model", beside]);
        assert!(everything(folder) == before, "{beside}");
    }
    fs::remove_file(folder.join("model/a.txt")).expect("removed");
    fs::remove_dir(folder.join("model/src")).expect("removed");
    let file = case("ref.csv");
    let train = [&["train", &file, "-o", "model"], &QUICK[..]].concat();
    says(&told(folder, &train), &["note: the model in model will be replaced when training has ended"]);
    assert!(!folder.join("model/dnn.safetensors").exists(), "what belonged to the old model went with it");
}

#[test]
fn other_columns_and_other_input_are_other_data() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    fs::copy(case("10_label_and_target.csv"), folder.join("d.csv")).expect("a copy");
    succeeds(folder, &[&["train", "d.csv"], &QUICK[..]].concat());
    let refusal = fails(folder, &[&["train", "d.csv", "--label-column", "target"], &QUICK[..]].concat());
    says(&refusal, &["runs/d-lean-0", "other columns of d.csv", "--out DIR"]);
    let piped = || {
        let input = fs::File::open(case("ref.csv")).expect("a file");
        spiketext(folder, &[&["train", "-"], &QUICK[..]].concat()).stdin(input).output().expect("it runs")
    };
    assert!(piped().status.success());
    let again = piped();
    assert_eq!(again.status.code(), Some(2));
    says(text(&again.stderr), &["runs/standard-input-lean-0", "--out DIR"]);
}

#[test]
fn the_length_of_training_follows_the_data_or_the_flag() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    says(
        &succeeds(folder, &["train", "--print-recipe"]),
        &["steps-per-class = 250", "most-steps = 4000", "least = 14"],
    );
    let epochs = |flags: &[&str]| {
        let file = case("ref.csv");
        let arguments = ["train", &file, "--json", "--set", "fine-tuning.epochs=0", "-o", "m"];
        result(&succeeds(folder, &[&arguments[..], flags].concat()))["dnn_epochs"][0].as_u64().expect("a number")
    };
    assert_eq!(epochs(&["--epochs", "3"]), 3);
    // Forty-nine training texts are two batches; two classes of ten steps.
    assert_eq!(epochs(&["--set", "dnn.epochs={least = 2, steps-per-class = 10, most-steps = 4000}"]), 10);
    assert_eq!(epochs(&["--set", "dnn.epochs={least = 2, steps-per-class = 10, most-steps = 8}"]), 4);
}

/// The DNN learns nothing here, so that what differs is the loss of fine-tuning.
#[test]
fn weights_of_classes_reach_fine_tuning() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let loss = |weights: &str| {
        let file = case("06_two_unknown_header_singleton.csv");
        let arguments = [
            "train",
            &file,
            "--json",
            "--epochs=1",
            "--set=dnn.learning-rate=0",
            "--set=dnn.code-learning-rate=0",
            "--set=dnn.weight-decay=0",
            "--set=fine-tuning.epochs=1",
            "--set=fine-tuning.least-loss=0",
            "--out=m",
            "--class-weights",
            weights,
        ];
        let lines = events(&succeeds(folder, &arguments));
        let epoch = lines.iter().find(|line| line["event"] == "epoch" && line["phase"] == "fine-tuning");
        epoch.expect("an epoch of fine-tuning")["train_loss"].as_f64().expect("a loss")
    };
    assert!((loss("balanced") - loss("none")).abs() > 1e-3);
}

#[test]
fn training_reads_so_much_of_a_text_and_prediction_all() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let file = case("ref.csv");
    let train = [&["train", &file, "-o", "m", "--set", "words.longest=5"], &QUICK[..]].concat();
    says(
        &told(folder, &train),
        &["training reads the first 5 tokens of a text (words.longest); longer ones: 49 of 49"],
    );
    says(&succeeds(folder, &["train", "--print-recipe"]), &["longest = 4096"]);
    // Twenty-five thousand tokens, of which the last decide.
    write(folder, "long.txt", &("dull ".repeat(5000) + &"lovely ".repeat(20_000) + "\n"));
    let answer = result(&succeeds(folder, &["predict", MODEL, "--file", "long.txt", "--json"]));
    assert_eq!((&answer["tokens"], &answer["label"]), (&json!(25_000), &json!("good")));
}

/// The most memory that a process has had so far, in kilobytes; none of one that has ended.
#[cfg(target_os = "linux")]
fn peak(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Eight texts of nearly a megabyte each took 6.1 GB once.
#[cfg(target_os = "linux")]
#[test]
fn long_texts_take_bounded_memory_to_train_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let row = |row: usize| {
        let words = turn(row, &["a lovely film and a ", "a dull story and a "]);
        format!("{}{row},{}", words.repeat(if row < 8 { 45_000 } else { 2 }), turn(row, &["good", "bad"]))
    };
    write(folder, "long.csv", &format!("text,label\n{}", lines(row)));
    let arguments = [&["train", "long.csv", "--json", "-o", "m"], &QUICK[..]].concat();
    let mut child = spiketext(folder, &arguments).stdout(Stdio::piped()).spawn().expect("it starts");
    let output = BufReader::new(child.stdout.take().expect("a pipe"));
    let mut most = 0;
    for line in output.lines() {
        line.expect("a line");
        most = most.max(peak(child.id()).unwrap_or(0));
    }
    assert!(child.wait().expect("it ends").success());
    assert!(most > 0 && most < 800 << 10, "{most} kB");
}

/// Sixty megabytes go through; what is held of them is a batch.
#[cfg(target_os = "linux")]
#[test]
fn memory_does_not_grow_with_a_table() {
    let folder = tempfile::tempdir().expect("a folder");
    let arguments = ["predict", MODEL, "--file", "-", "--format", "csv", "--out", "big.jsonl"];
    let mut command = spiketext(folder.path(), &arguments);
    let mut child = command.stdin(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it starts");
    let mut pipe = BufWriter::new(child.stdin.take().expect("a pipe"));
    let (payload, mut early) = ("x".repeat(2000), 0);
    writeln!(pipe, "id,payload,text").expect("written");
    for row in 0..30_000 {
        if row == 5000 {
            early = peak(child.id()).expect("it runs");
        }
        writeln!(pipe, "{row},{payload},the film is lovely").expect("written");
    }
    pipe.flush().expect("written");
    let late = peak(child.id()).expect("it runs");
    drop(pipe);
    assert!(child.wait().expect("it ends").success());
    let copy = BufReader::new(fs::File::open(folder.path().join("big.jsonl")).expect("a copy"));
    assert_eq!(copy.lines().count(), 30_000);
    assert!(late < early + (20 << 10), "{early} kB, then {late} kB");
}

#[test]
fn evaluate_lists_the_worst_class_first_and_says_how_sure_it_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    write(
        folder,
        "few.csv",
        "text,label\na lovely film,good\na dull story,good\na very dull story,bad\na dull end,bad\n",
    );
    let plain = succeeds(folder, &["evaluate", MODEL, "few.csv"]);
    let place = |row: &str| plain.lines().position(|line| line.starts_with(row) && line.ends_with('%'));
    assert!(place("good ") < place("bad ") && place("good ").is_some(), "{plain}");
    says(&plain, &["75.00 %; on all texts of the kind it lies from 30.06 to 95.44 % (95 %)", "macro F1 73.33 %"]);
    let found = result(&succeeds(folder, &["evaluate", MODEL, "few.csv", "--json"]));
    let of = |class: usize, key: &str| found["classes"][class][key].clone();
    assert_eq!(
        [of(1, "label"), of(1, "texts"), of(1, "recall"), of(1, "precision")],
        [json!("good"), json!(2), json!(50.0), json!(100.0)]
    );
}

/// The same set as in `testdata/cases`: its DNN tells both classes, and conversion forgets one.
#[test]
fn what_conversion_forgets_is_mended_and_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let output = run(folder, &["train", &case("30_imbalance.csv"), "-o", "m"]);
    says(text(&output.stderr), &["the converted network never answers 'fraud', as the DNN does: it is fine-tuned"]);
    says(text(&output.stdout), &["macro F1", "95 % interval"]);
    let found = result(&succeeds(folder, &["evaluate", "m", &case("30_imbalance.csv"), "--split", "test", "--json"]));
    let fraud = found["classes"].as_array().expect("classes").iter().find(|class| class["label"] == "fraud");
    assert!(fraud.expect("fraud")["recall"].as_f64() > Some(90.0), "{found}");
    let card = fs::read_to_string(folder.join("m/README.md")).expect("a card");
    assert!(card.find("| fraud |") < card.find("| ok |") && card.contains("| fraud | 4 |"), "{card}");
}
