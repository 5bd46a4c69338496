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

/// What `data show` says, on both streams.
fn shows(folder: &Path, arguments: &[&str]) -> String {
    let output = run(folder, &[&["data", "show"], arguments].concat());
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    text(&output.stdout).to_owned() + text(&output.stderr)
}

fn rows(count: usize, row: impl Fn(usize) -> String) -> String {
    (0..count).map(row).collect()
}

/// Files of a folder are parts by any word of their names, as data sets are passed around; named one by one that is told.
#[test]
fn parts_are_told_by_words_of_names() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::create_dir(folder.join("hub")).unwrap();
    for (name, count) in [("train-00000-of-00001", 40), ("validation-00000-of-00001", 8), ("test-00000-of-00001", 12)]
    {
        let table = rows(count, |i| format!("{name} film {i},{}\n", ["good", "bad"][i % 2]));
        fs::write(folder.join("hub").join(format!("{name}.csv")), "text,label\n".to_owned() + &table).unwrap();
    }
    let shown: Value = serde_json::from_str(&succeeds(folder, &["data", "show", "hub", "--json"])).unwrap();
    let texts: Vec<u64> =
        shown["summary"]["parts"].as_array().unwrap().iter().map(|part| part["texts"].as_u64().unwrap()).collect();
    assert_eq!(texts, [40, 8, 12], "{shown}");
    let told = shows(folder, &["hub/train-00000-of-00001.csv", "hub/test-00000-of-00001.csv"]);
    assert!(told.contains("called like a part") && told.contains("--test FILE"), "{told}");
    // Tables in sub-folders are no texts of classes.
    fs::create_dir_all(folder.join("years/2023")).unwrap();
    fs::create_dir_all(folder.join("years/2024")).unwrap();
    for year in ["2023", "2024"] {
        fs::copy(folder.join("hub/test-00000-of-00001.csv"), folder.join("years").join(year).join("a.csv")).unwrap();
    }
    let error = fails(folder, &["data", "show", "years"]);
    assert!(error.contains("2023") && error.contains("got the table a.csv"), "{error}");
}

/// Files put together out of several keep nothing of their heads, and no column changes its place unseen.
#[test]
fn heads_of_files_that_were_put_together_are_no_texts() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let half = rows(30, |i| format!("a fine film {i},{}\n", ["good", "bad"][i % 2]));
    for (name, second) in [("mark", "\u{feff}text,label\n"), ("case", "Text, LABEL \n"), ("none", "\u{feff}")] {
        fs::write(folder.join("t.csv"), format!("\u{feff}text,label\n{half}{second}{half}")).unwrap();
        let told = shows(folder, &["t.csv"]);
        assert!(told.contains("60 texts, 2 classes") && !told.contains('\u{feff}'), "{name}: {told}");
        assert_eq!(told.contains("the header comes again"), name != "none", "{told}");
    }
    fs::write(folder.join("t.csv"), format!("text,label\n{half}label,text\n{half}")).unwrap();
    for flags in [&[][..], &["--skip-bad"]] {
        let error = fails(folder, &[&["data", "show", "t.csv"], flags].concat());
        assert!(error.contains("t.csv:32") && error.contains("in the order of line 1"), "{error}");
    }
}

/// Carriage returns end lines where line feeds stand between quotes alone, or at the very end.
#[test]
fn carriage_returns_end_lines_beside_line_feeds_in_cells() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let labels = ["good", "bad"];
    for (name, cell, last) in
        [("cells", "\"fine\nfilm {}\"", ""), ("crlf", "\"fine\r\nfilm {}\"", ""), ("end", "fine film {}", "\n")]
    {
        let table = rows(30, |i| format!("{},{}\r", cell.replace("{}", &i.to_string()), labels[i % 2]));
        let table = format!("text,label\r{}{last}", table.trim_end_matches('\r'));
        fs::write(folder.join("t.csv"), &table).unwrap();
        let told = shows(folder, &["t.csv"]);
        assert!(told.contains("30 texts, 2 classes"), "{name}: {told}");
        succeeds(folder, &["predict", MODEL, "--file", "t.csv", "--prefix", "p_", "--out", "o.csv", "--force"]);
        let written = fs::read_to_string(folder.join("o.csv")).unwrap();
        assert!(written.starts_with("text,label,p_label"), "{name}: {written}");
        assert!(written.matches(",good").count() + written.matches(",bad").count() >= 30, "{name}: {written}");
    }
}

/// What looks like one thing and is another is asked or told.
#[test]
fn arrays_objects_and_other_columns_are_not_taken_for_what_they_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    // NumPy writes sets of classes and marks of classes alike.
    fs::write(
        folder.join("n.csv"),
        "text,labels\n".to_owned() + &rows(20, |i| format!("film {i},{}\n", ["[0 1]", "[0]"][i % 2])),
    )
    .unwrap();
    let error = fails(folder, &["data", "show", "n.csv", "--multi-label"]);
    assert!(error.contains("n.csv:2") && error.contains("list"), "{error}");
    // JSON under the name of a table.
    let object = |i: usize| format!("{{\"text\": \"film, {i}\", \"label\": \"{}\"}}\n", ["good", "bad"][i % 2]);
    fs::write(folder.join("j.csv"), rows(30, object)).unwrap();
    let told = shows(folder, &["j.csv"]);
    assert!(told.contains("30 texts, 2 classes") && told.contains("JSON"), "{told}");
    // A model whose columns are not all there says so.
    let table = rows(40, |i| format!("{i},fine film,number {i},{}\n", ["good", "bad"][i % 2]));
    fs::write(folder.join("tb.csv"), "text,title,body,label\n".to_owned() + &table).unwrap();
    let columns = ["--text-column", "title", "--text-column", "body"];
    succeeds(
        folder,
        &[&["train", "tb.csv", "--set=dnn.epochs=1", "--set=fine-tuning.epochs=0", "-o", "m"], &columns[..]].concat(),
    );
    fs::write(folder.join("other.csv"), "text,title,summary\n1,fine,film\n").unwrap();
    let output = run(folder, &["predict", "m", "--file", "other.csv"]);
    let told = text(&output.stderr);
    assert!(told.contains("trained on the text of title, body, of which body is not there"), "{told}");
}

/// A title above the header is no record of the table, and the line to be taken out is named.
#[test]
fn titles_above_a_header_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let table = rows(20, |i| format!("{i},a fine film {i},{}\n", ["good", "bad"][i % 2]));
    fs::write(folder.path().join("t.csv"), format!("# our reviews, 2024\n\nid,text,label\n{table}")).unwrap();
    let error = fails(folder.path(), &["data", "show", "t.csv"]);
    assert!(error.contains("line 3 names columns") && error.contains("our reviews"), "{error}");
}
