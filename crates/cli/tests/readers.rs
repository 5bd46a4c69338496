//! What the flags of reading ask for and where nobody reads, tables without rows, and names that several columns
//! have, through the real binary; the kept model of format 1 answers.

mod common;

use std::{fs, path::Path};

use common::{fails, result, run, spiketext, succeeds, text};
use serde_json::{Value, json};

/// Answers good or bad.
const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../spiketext/tests/fixtures/format-1/lean");

fn write(folder: &Path, name: &str, content: &str) {
    fs::write(folder.join(name), content).expect("written");
}

/// Forty lines, of two classes by turns.
fn table(header: &str, row: impl Fn(usize, &str) -> String) -> String {
    let rows = (0..40).map(|n| row(n, ["good", "bad"][n % 2]) + "\n").collect::<String>();
    format!("{header}\n{rows}")
}

/// Quotes of a kind that is not read as such are letters, and that is said.
#[test]
fn single_quotes_are_letters_and_told() {
    let folder = tempfile::tempdir().unwrap();
    let rows: String = (0..30).map(|i| format!("'a fine film {i}','{}'\n", ["good", "bad"][i % 2])).collect();
    fs::write(folder.path().join("t.csv"), format!("'text','label'\n{rows}")).unwrap();
    let output =
        run(folder.path(), &["data", "show", "t.csv", "--header", "--text-column", "1", "--label-column", "2"]);
    let told = text(&output.stdout).to_owned() + text(&output.stderr);
    assert!(told.contains("stands between ', which are read as letters") && told.contains("30 texts"), "{told}");
}

#[test]
fn flags_of_reading_are_refused_where_no_file_is_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    for (arguments, words) in [
        (
            &["evaluate", MODEL, "--dataset", "reviews-en", "--label-column", "nix"][..],
            "--label-column says how files",
        ),
        (
            &["evaluate", MODEL, "--dataset", "reviews-en", "--skip-bad", "--format", "csv"],
            "--format, --skip-bad says",
        ),
        (&["predict", MODEL, "a film", "--text-column", "x"], "expected --file FILE"),
        (&["predict", MODEL, "-", "--format", "csv"], "`-` is standard input"),
    ] {
        let refusal = fails(folder, arguments);
        assert!(refusal.contains(words), "{arguments:?}: {refusal}");
    }
}

#[test]
fn a_table_without_rows_is_told_and_stays_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    write(folder, "none.csv", "id,text\n");
    write(folder, "none.json", "[]");
    for name in ["none.csv", "none.json"] {
        let output = run(folder, &["predict", MODEL, "--file", name]);
        assert_eq!((output.status.code(), text(&output.stdout)), (Some(0), ""), "{name}");
        assert!(text(&output.stderr).contains(&format!("note: {name} has no texts")), "{}", text(&output.stderr));
        let output = run(folder, &["predict", MODEL, "--file", name, "--out", &format!("out-{name}")]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        assert!(text(&output.stderr).contains("has no texts\nlabelled 0 texts"), "{}", text(&output.stderr));
    }
    let copy = fs::read_to_string(folder.join("out-none.csv")).expect("a copy");
    assert_eq!(copy, "id,text,label,probability,unknown\n");
    // Nothing to train on or to measure is an error all the same.
    assert!(fails(folder, &["evaluate", MODEL, "none.csv", "--label-column", "id"]).contains("labelled texts"));
}

#[test]
fn a_model_of_twin_columns_asks_which_is_meant() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let film = |n: usize, label: &str| format!("nothing {n},{label},the film is {label} {n}");
    write(folder, "twins.csv", &table("text,label,text", film));
    let train = ["train", "twins.csv", "--text-column", "3", "-o", "m", "--epochs=1", "--set=fine-tuning.epochs=0"];
    succeeds(folder, &train);
    for verb in [&["predict", "m", "--file", "twins.csv"][..], &["evaluate", "m", "twins.csv"]] {
        let refusal = fails(folder, verb);
        assert!(refusal.contains("number 1, number 3") && refusal.contains("--text-column NUMBER"), "{refusal}");
        succeeds(folder, &[verb, &["--text-column", "3"]].concat());
    }
}

#[test]
fn json_is_told_by_its_content_for_prediction_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    write(folder, "objects", "{\"text\": \"a lovely film\", \"id\": 1}\n");
    let read = ["predict", MODEL, "--json", "--file"];
    assert_eq!(result(&succeeds(folder, &[&read[..], &["objects"]].concat()))["text"], "a lovely film");
    let input = fs::File::open(folder.join("objects")).expect("a file");
    let output = spiketext(folder, &[&read[..], &["-"]].concat()).stdin(input).output().expect("it runs");
    assert_eq!(result(text(&output.stdout))["text"], "a lovely film", "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("standard input: JSON, text: column 'text'"), "{}", text(&output.stderr));
    let lines = result(&succeeds(folder, &[&read[..], &["objects", "--format", "lines"]].concat()));
    assert!(lines["text"].as_str().is_some_and(|text| text.starts_with('{')), "{lines}");
}

#[test]
fn a_folder_of_lines_is_read_where_the_form_is_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    fs::create_dir(folder.join("texts")).expect("a folder");
    write(folder, "texts/a.txt", "a lovely film\na dull story\n");
    assert!(fails(folder, &["predict", MODEL, "--file", "texts"]).contains("--format lines"));
    let answers = succeeds(folder, &["predict", MODEL, "--file", "texts", "--format", "lines"]);
    assert_eq!(answers.lines().count(), 2);
}

#[test]
fn standard_input_and_several_files_are_shown_as_they_are_trained_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    write(folder, "a.csv", &table("text,label", |n, label| format!("film {n},{label}")));
    write(folder, "b.csv", &table("text,label", |n, label| format!("story {n},{label}")));
    let show = ["data", "show", "--json", "--count", "0"];
    let several = succeeds(folder, &[&show[..], &["a.csv", "b.csv"]].concat());
    let several: Value = serde_json::from_str(&several).expect("JSON");
    assert_eq!((&several["summary"]["texts"], several["readings"].as_array().map(Vec::len)), (&json!(80), Some(2)));
    for flags in [&[][..], &["--format", "csv"]] {
        let input = fs::File::open(folder.join("a.csv")).expect("a file");
        let output = spiketext(folder, &[&show[..], &["-"], flags].concat()).stdin(input).output().expect("it runs");
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        let read: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!((&read["summary"]["texts"], &read["name"]), (&json!(40), &json!("standard-input")));
    }
}

#[test]
fn contradictions_of_several_labels_are_called_what_they_are() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let twice = table("text,label", |n, label| format!("film {n},{label}|all")) + "film 0,bad\n";
    write(folder, "twice.csv", &twice);
    let told = succeeds(folder, &["data", "show", "twice.csv", "--multi-label"]);
    assert!(told.contains("texts with other labels in another place, kept: 1"), "{told}");
}
