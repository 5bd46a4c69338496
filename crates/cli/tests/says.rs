//! What training says, to people and to programs: nothing that was chosen, left out or replaced goes unsaid, and what it
//! was said of is on the card and in `config.json`.

mod common;

use std::{fs, path::Path};

use common::{events, everything, fails, run, spiketext, succeeds, text};
use serde_json::Value;

const QUICK: [&str; 3] = ["train", "--set=dnn.epochs=1", "--set=fine-tuning.epochs=0"];

/// A table of so many texts whose parts are named, and whose classes differ in case.
fn table(folder: &Path, name: &str, rows: usize) {
    let row = |i: usize| {
        let (label, word) = [("good", "lovely"), ("bad", "awful"), ("Good", "superb")][i % 3];
        let part = ["train", "train", "train", "dev", "test"][i / 3 % 5];
        format!("\"a {word} film, number {}\",{label},{part}\n", i % 189)
    };
    fs::write(folder.join(name), "review,label,split\n".to_owned() + &(0..rows).map(row).collect::<String>())
        .unwrap();
}

fn notes(events: &[Value]) -> String {
    let notes = events.iter().filter(|event| event["event"] == "note");
    notes.filter_map(|event| event["message"].as_str()).collect::<Vec<_>>().join("\n")
}

#[test]
fn programs_are_told_what_people_are() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    table(folder, "a.csv", 240);
    let arguments = [&QUICK[..], &["a.csv", "--out", "m"]].concat();
    let told = run(folder, &arguments);
    let told = text(&told.stderr);
    let program = events(&succeeds(folder, &[&arguments[..], &["--json"]].concat()));
    let noted = notes(&program);
    for part in ["differ in case or blanks alone", "stand in an earlier part too, as the parts were given: "] {
        assert!(told.contains(part) && noted.contains(part), "{part}: {told}\n{noted}");
    }
    assert!(!told.contains("will be replaced"), "{told}");
    assert!(noted.contains("the model in m will be replaced when training has ended"), "{noted}");
    let read = program.iter().find(|event| event["event"] == "read").expect("how the file was read");
    assert_eq!((&read["label"], &read["rows"]), (&"label".into(), &240.into()), "{read}");

    // Both are on the card and in the description.
    let result = program.last().unwrap();
    let shown: Value = serde_json::from_str(&succeeds(folder, &["inspect", "m", "--json"])).unwrap();
    let training = &shown["training"];
    assert!(result["straddling"].as_u64() > Some(0), "{result}");
    assert_eq!((&training["straddling"], &training["macro_f1"]), (&result["straddling"], &result["macro_f1"]));
    assert_eq!(training["test_interval"], result["snn_accuracy_interval"]);
    let card = fs::read_to_string(folder.join("m/README.md")).unwrap();
    let read = training["readings"][0].as_str().expect("a line");
    assert!(read.contains("delimiter ','") && read.contains("texts read: 240"), "{read}");
    for part in
        ["- read: a.csv: CSV", "texts read: 240", "stand in an earlier part, too", "holds hashes of the texts"]
    {
        assert!(card.contains(part), "{part}: {card}");
    }
}

#[test]
fn texts_that_are_not_used_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    table(folder, "a.csv", 150);
    fs::write(folder.join("b.csv"), "review,label\na good one,good\nno good one,bad\nanother,Good\n").unwrap();
    let output = run(folder, &[&QUICK[..], &["a.csv", "--test", "b.csv", "--out", "m"]].concat());
    let told = text(&output.stderr);
    assert!(told.contains("texts of parts that are not used, as --test gives the test texts: 30"), "{told}");
}

/// A program that has gone does not keep a model from being made, and nothing else is left.
#[test]
fn a_reader_that_has_gone_loses_no_model() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let arguments = [&QUICK[..], &["--out", "models/m", "--json"]].concat();
    let mut child = spiketext(folder, &arguments).stdout(std::process::Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    child.wait().unwrap();
    assert!(folder.join("models/m/config.json").is_file(), "{:?}", everything(folder).keys());
    assert!(!folder.join("models/m.checkpoint").exists());
    // Neither are folders left by a run that does not begin.
    fs::write(folder.join("words.txt"), "no vectors").unwrap();
    fails(folder, &["train", "--out", "new/n", "--vectors", "words.txt", "--json"]);
    assert!(!folder.join("new").exists(), "{:?}", everything(folder).keys());
}

#[test]
fn two_ways_to_say_one_thing_are_refused_together() {
    let folder = tempfile::tempdir().unwrap();
    for (flag, value, setting) in [
        ("--epochs", "2", "dnn.epochs=3"),
        ("--epochs", "2", "dnn.epochs.least=3"),
        ("--steps", "4", "network.steps=8"),
        ("--class-weights", "balanced", "class-weights=none"),
    ] {
        let error = fails(folder.path(), &["train", flag, value, "--set", setting]);
        assert!(error.contains(flag) && error.contains(setting) && error.contains("got both"), "{error}");
    }
}

/// Flags that would be passed over are refused.
#[test]
fn how_files_are_read_is_not_said_where_there_are_none() {
    let folder = tempfile::tempdir().unwrap();
    for flags in [&["--multi-label"][..], &["--text-column", "nope"], &["--skip-bad"], &["--no-header"]] {
        let error = fails(folder.path(), &[&["train"], flags].concat());
        assert!(error.contains(flags[0]) && error.contains("expected FILE, got the data set reviews-en"), "{error}");
    }
}

/// What somebody wrote on a card is somebody's work.
#[test]
fn a_card_that_was_written_on_is_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let arguments = [&QUICK[..], &["--out", "m"]].concat();
    succeeds(folder, &arguments);
    succeeds(folder, &arguments);
    let card = folder.join("m/README.md");
    let written = fs::read_to_string(&card).unwrap() + "\nMeasured by Ada on the old desk.\n";
    fs::write(&card, &written).unwrap();
    let error = fails(folder, &arguments);
    assert!(error.contains("README.md was changed since the model was saved"), "{error}");
    assert_eq!(fs::read_to_string(&card).unwrap(), written);
}

/// Files of two models in one folder are no model; what nothing needs to run one does not keep it from running.
#[test]
fn files_of_two_models_are_told_from_one() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for (name, seed) in [("a", "1"), ("b", "2")] {
        succeeds(folder, &[&QUICK[..], &["--out", name, "--seed", seed]].concat());
    }
    let mixed = |file: &str| {
        let own = fs::read(folder.join("a").join(file)).unwrap();
        fs::copy(folder.join("b").join(file), folder.join("a").join(file)).unwrap();
        own
    };
    let weights = mixed("model.safetensors");
    for verb in [&["predict", "a", "a film"][..], &["evaluate", "a"], &["inspect", "a"]] {
        let error = fails(folder, verb);
        assert!(error.contains("a/model.safetensors") && error.contains("another model's"), "{error}");
    }
    fs::write(folder.join("a/model.safetensors"), weights).unwrap();
    fs::write(folder.join("a/texts.safetensors"), "rubbish").unwrap();
    succeeds(folder, &["predict", "a", "a film"]);
    let output = run(folder, &["evaluate", "a"]);
    assert!(output.status.success());
    let told = text(&output.stderr);
    assert!(told.contains("nothing tells which of the texts the model was trained on"), "{told}");
}

/// A link and the folder that it leads to are one place.
#[cfg(unix)]
#[test]
fn two_names_of_one_folder_are_one_run() {
    use std::{
        io::{BufRead, BufReader},
        process::Stdio,
    };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::create_dir(folder.join("m")).unwrap();
    std::os::unix::fs::symlink("m", folder.join("link")).unwrap();
    let long = ["train", "--json", "--set=dnn.epochs=500", "--set=dnn.patience=0", "--out", "m"];
    let mut child = spiketext(folder, &long).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    lines.find(|line| line.as_ref().is_ok_and(|line| line.contains("\"epoch\""))).expect("an epoch").unwrap();
    let error = fails(folder, &[&QUICK[..], &["--out", "link"]].concat());
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(error.contains("another run of `spiketext train` is under way"), "{error}");
    std::os::unix::fs::symlink("nowhere", folder.join("dangling")).unwrap();
    let error = fails(folder, &[&QUICK[..], &["--out", "dangling"]].concat());
    assert!(error.contains("a link to nothing"), "{error}");
}

/// A share that is 58 of 100 reaches 58 percent, however it is rounded in between.
#[test]
fn what_is_reached_to_the_letter_is_reached() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    succeeds(folder, &[&QUICK[..], &["--out", "m"]].concat());
    let answer = |text: &str| {
        let answer = common::result(&succeeds(folder, &["predict", "m", text, "--json"]));
        answer["label"].as_str().expect("a label").to_owned()
    };
    let text = "a lovely film";
    let label = answer(text);
    let other = if label == "positive" { "negative" } else { "positive" };
    let row = |i: usize| format!("{text},{}\n", if i < 29 { &label } else { other });
    fs::write(folder.join("t.csv"), "text,label\n".to_owned() + &(0..50).map(row).collect::<String>()).unwrap();
    let output = run(folder, &["evaluate", "m", "t.csv", "--at-least", "58"]);
    assert_eq!(output.status.code(), Some(0), "{}", common::text(&output.stderr));
    let output = run(folder, &["evaluate", "m", "t.csv", "--at-least", "58.1"]);
    assert_eq!(output.status.code(), Some(1));
}
