//! A teacher beside the labels, through the program: answers are found, held-out texts refused, and a run with a teacher is
//! one that can be stopped and taken up like any other.

mod common;

use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::Stdio,
};

use common::{events, everything, fails, result, run, spiketext, succeeds, text};
use serde_json::{Value, json};

const QUICK: [&str; 4] =
    ["--set=dnn.epochs=2", "--set=fine-tuning.epochs=1", "--set=fine-tuning.least-loss=0", "--json"];

/// The reviews that come with the program as `reviews.csv`, and a teacher's answers as `teacher.jsonl`: to the training
/// texts, to as many made of them, and to the test texts in another tokenisation.
fn reviews(folder: &Path) {
    let repository = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let reviews = fs::read_to_string(repository.join("crates/spiketext/assets/reviews-en.csv")).unwrap();
    fs::write(folder.join("reviews.csv"), reviews).unwrap();
    succeeds(folder, &["data", "split", "reviews.csv", "--out", "parts", "--with-test"]);
    let texts = |part: &str| -> Vec<String> {
        let shown = fs::read_to_string(folder.join(format!("parts/{part}.csv"))).unwrap();
        let row = |line: &str| line.trim_matches('"').rsplit_once("\",\"").unwrap().0.replace("\"\"", "\"");
        shown.lines().skip(1).map(row).collect()
    };
    let mut lines = format!("{}\n", json!({"text": null, "teacher": {"encoder": "made up"}}));
    let mut line = |text: String, positive: f64| {
        lines += &format!("{}\n", json!({"text": text, "positive": positive, "negative": 1.0 - positive}));
    };
    for (i, own) in texts("train").into_iter().enumerate() {
        line(format!("{own} So much for part {i} of it."), 0.25 + 0.5 * (i % 2) as f64);
        line(own, 0.75);
    }
    for own in texts("test") {
        line(own.to_lowercase().replace('.', " ."), 0.5);
    }
    fs::write(folder.join("teacher.jsonl"), lines).unwrap();
}

fn notes(events: &[Value]) -> String {
    let notes = events.iter().filter(|event| event["event"] == "note");
    notes.filter_map(|event| event["message"].as_str()).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_teacher_is_told_of_and_test_texts_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    reviews(folder);
    let teacher = ["--teacher", "teacher.jsonl", "--unlabelled", "teacher.jsonl"];
    let arguments = [&["train", "reviews.csv", "--out", "m"], &teacher[..], &QUICK[..]].concat();
    let told = events(&succeeds(folder, &arguments));
    let noted = notes(&told);
    for part in [
        "answered 480 of the 480 different training texts, and 479 texts that only it has labelled",
        "the teacher agrees with 50.0 % of the labels",
        "test texts, or nearly so, refused: 144",
        "training texts or come again, left out: 480",
        "refused: '",
    ] {
        assert!(noted.contains(part), "{part}: {noted}");
    }
    let prepared = told.iter().find(|event| event["event"] == "prepared").unwrap();
    assert_eq!((&prepared["train"], &prepared["unlabelled"]), (&480.into(), &479.into()));
    let taught = &result(&succeeds(folder, &arguments))["teacher"];
    assert_eq!((&taught["unlabelled"], &taught["held_out"]), (&479.into(), &json!([144, 1])));
    assert_eq!(taught["about"], json!([{"encoder": "made up"}]));
    let card = fs::read_to_string(folder.join("m/README.md")).unwrap();
    assert!(card.contains("taught by teacher.jsonl: 480 of 480") && card.contains("made up"), "{card}");
    let shown: Value = serde_json::from_str(&succeeds(folder, &["inspect", "m", "--json"])).unwrap();
    assert_eq!(&shown["training"]["teacher"], taught);
    // Texts that only the teacher labelled have been seen, as all training texts have.
    let one = json!({"text": "And the heating was broken. So much for part 7 of it.", "label": "negative"});
    fs::write(folder.join("one.jsonl"), format!("{one}\n{one}\n")).unwrap();
    assert!(run(folder, &["evaluate", "m", "one.jsonl"]).status.success());
}

#[test]
fn a_teacher_changes_every_phase_and_threads_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    reviews(folder);
    let model = |name: &str, recipe: &str, threads: &str, more: &[&str]| {
        let short = ["--set=dnn.epochs=2", "--set=sparse.epochs=2", "--set=fine-tuning.epochs=1"];
        let arguments = ["train", "reviews.csv", "--recipe", recipe, "--set=fine-tuning.least-loss=0", "--out", name];
        let arguments = [&arguments[..], &short, more].concat();
        let output = spiketext(folder, &arguments).env("RAYON_NUM_THREADS", threads).output().unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
        everything(&folder.join(name))["model.safetensors"].clone()
    };
    let teacher = ["--teacher", "teacher.jsonl"];
    let both = [&teacher[..], &["--unlabelled", "teacher.jsonl"]].concat();
    for recipe in ["lean", "sparse"] {
        let alone = model("a", recipe, "1", &[]);
        let taught = model("b", recipe, "1", &teacher);
        let more = model("c", recipe, "1", &both);
        assert!(alone != taught && taught != more, "{recipe}");
        assert!(model("d", recipe, "3", &both) == more, "{recipe}: other threads, other weights");
        let heard = model("e", recipe, "1", &[&teacher[..], &["--set=teacher.weight=0"]].concat());
        assert!(heard != taught, "{recipe}: the weight counts");
        assert!(model("f", recipe, "1", &[&teacher[..], &["--set=teacher.temperature=5"]].concat()) != taught);
        if recipe == "lean" {
            assert!(heard == alone, "a teacher that nobody listens to teaches nothing");
        }
    }
}

#[test]
fn a_killed_run_with_a_teacher_goes_on_to_the_same_model_and_not_with_another_teacher() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    reviews(folder);
    let arguments = [
        "train",
        "reviews.csv",
        "--recipe",
        "sparse",
        "--set=sparse.epochs=4",
        "--json",
        "--teacher",
        "teacher.jsonl",
        "--unlabelled",
        "teacher.jsonl",
        "--out",
    ];
    succeeds(folder, &[&arguments[..], &["whole"]].concat());
    let killed = [&arguments[..], &["killed"]].concat();
    let mut child = spiketext(folder, &killed).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    lines.find(|line| line.contains("\"epoch\"")).expect("an epoch");
    child.kill().unwrap();
    child.wait().unwrap();
    let resumed = [&killed[..], &["--resume"]].concat();
    let other = fs::read_to_string(folder.join("teacher.jsonl")).unwrap();
    fs::write(folder.join("teacher.jsonl"), other.replacen("0.75", "0.5", 1).replacen("0.25", "0.5", 1)).unwrap();
    assert!(fails_late(folder, &resumed).contains("one of another run"));
    fs::write(folder.join("teacher.jsonl"), other).unwrap();
    let told = events(&succeeds(folder, &resumed));
    assert!(told.iter().any(|event| event["event"] == "resumed"), "{told:?}");
    let weights = |name: &str| fs::read(folder.join(name).join("model.safetensors")).unwrap();
    assert!(weights("whole") == weights("killed"));
}

/// The line of a run that fails after it has said something.
fn fails_late(folder: &Path, arguments: &[&str]) -> String {
    let output = run(folder, arguments);
    assert_eq!(output.status.code(), Some(2));
    text(&output.stderr).lines().last().unwrap().to_owned()
}

#[test]
fn what_cannot_teach_is_refused_in_a_line() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    reviews(folder);
    fs::write(folder.join("short.csv"), "text,positive\nx,0.5\n").unwrap();
    fs::write(folder.join("other.csv"), "text,positive,negative\nwhat nobody wrote,0.5,0.5\n").unwrap();
    fs::write(folder.join("either.csv"), "text,positive,negative\nx,0.5,0.1\n").unwrap();
    for (file, told) in [
        ("short.csv", &["short.csv: expected a column for each class", "without negative"][..]),
        ("other.csv", &["train --teacher", "480 different training texts", "1 answers, all to other texts"]),
        ("either.csv", &["either.csv:2", "--teacher-numbers"]),
        ("parts", &["a file of answers", "the folder parts"]),
        ("none.csv", &["none.csv"]),
    ] {
        let error = fails_late(folder, &["train", "reviews.csv", "--teacher", file, "--out", "m"]);
        assert!(told.iter().all(|told| error.contains(told)), "{file}: {error}");
    }
    let error = run(folder, &["train", "reviews.csv", "--unlabelled", "teacher.jsonl", "--out", "m"]);
    assert!(text(&error.stderr).contains("--teacher"), "{}", text(&error.stderr));
    let weight = ["train", "reviews.csv", "--set", "teacher.weight=1.5", "--out", "m"];
    assert!(fails(folder, &weight).contains("teacher of a weight from 0 to 1"));
    assert!(!folder.join("m").exists());
}

#[test]
fn a_committee_teaches_without_a_transformer() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    reviews(folder);
    fs::write(folder.join("more.txt"), "the room was cold and loud\na lovely warm film\na lovely warm film\n")
        .unwrap();
    let arguments =
        ["teach", "reviews.csv", "--label", "more.txt", "--members", "2", "--set=dnn.epochs=2", "--json", "--out"];
    let told = result(&succeeds(folder, &[&arguments[..], &["c.jsonl"]].concat()));
    assert_eq!(told["texts"], json!([480, 2]));
    assert!(told["development_accuracy"].as_f64() > Some(60.0), "{told}");
    succeeds(folder, &[&arguments[..], &["again.jsonl"]].concat());
    let content = fs::read_to_string(folder.join("c.jsonl")).unwrap();
    assert_eq!(fs::read_to_string(folder.join("again.jsonl")).unwrap(), content, "one seed, one teacher");
    let rows: Vec<Value> = content.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((rows.len(), &rows[0]["teacher"]["committee"]), (483, &2.into()));
    for row in &rows[1..] {
        let sum = row["positive"].as_f64().unwrap() + row["negative"].as_f64().unwrap();
        assert!((sum - 1.0).abs() < 1e-4, "{row}");
    }
    let train = ["train", "reviews.csv", "--teacher", "c.jsonl", "--unlabelled", "more.txt", "--out", "m"];
    let taught = result(&succeeds(folder, &[&train[..], &QUICK[..]].concat()));
    assert_eq!((&taught["teacher"]["taught"], &taught["teacher"]["unlabelled"]), (&480.into(), &2.into()));
    assert!(fails(folder, &[&arguments[..], &["c.jsonl"]].concat()).contains("--force"));
    // What is read is never written over.
    let own = ["teach", "rows.jsonl", "--force", "--out", "rows.jsonl"];
    fs::copy(folder.join("c.jsonl"), folder.join("rows.jsonl")).unwrap();
    assert!(fails(folder, &own).contains("no file that is read"));
    assert!(fails(folder, &["teach", "reviews.csv", "--out", "t.csv"]).contains(".jsonl"));
    let many = ["teach", "reviews.csv", "--members", "1", "--out", "d.jsonl"];
    assert!(fails(folder, &many).contains("--members: expected 2 to 20, got 1"));
    // Of a fold it answers what `data split` writes of it, and no text that is held back.
    let fold =
        ["teach", "reviews.csv", "--members", "2", "--set=dnn.epochs=1", "--fold", "1/2", "--out", "fold.jsonl"];
    succeeds(folder, &fold);
    succeeds(folder, &["data", "split", "reviews.csv", "--fold", "1/2", "--out", "fold"]);
    let answered = fs::read_to_string(folder.join("fold.jsonl")).unwrap();
    let train = fs::read_to_string(folder.join("fold/train.csv")).unwrap();
    assert_eq!(answered.lines().count(), train.lines().count(), "a first line each");
    let number = ["teach", "reviews.csv", "--number", "1", "--out", "d.jsonl"];
    assert!(fails(folder, &number).contains("--number: expected a data set that is split by hash"));
}

#[test]
fn parts_are_written_as_training_has_them() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    reviews(folder);
    let lines = |path: &str| fs::read_to_string(folder.join(path)).unwrap().lines().count() - 1;
    assert_eq!(["train", "development", "test"].map(|part| lines(&format!("parts/{part}.csv"))), [480, 96, 144]);
    let few = ["data", "split", "reviews.csv", "--out", "few", "--labelled", "50", "--json"];
    let told = result(&succeeds(folder, &few));
    let texts: Vec<&Value> = told["files"].as_array().unwrap().iter().map(|file| &file["texts"]).collect();
    assert_eq!(texts, [&json!(50), &json!(96), &json!(430)]);
    assert!(!folder.join("few/test.csv").exists(), "test texts are nobody's");
    assert!(!fs::read_to_string(folder.join("few/unlabelled.csv")).unwrap().contains("label"));
    assert!(fails_late(folder, &few).contains("--force"));
    // Parts of an earlier split do not stay beside those of the next, and what is read stays.
    let told = run(folder, &["data", "split", "reviews.csv", "--out", "few", "--force"]);
    assert!(told.status.success() && text(&told.stderr).contains("unlabelled.csv, of another split"));
    assert!(!folder.join("few/unlabelled.csv").exists() && lines("few/train.csv") == 480);
    assert!(
        fails_late(folder, &["data", "split", "few/train.csv", "--out", "few", "--force"]).contains("that is read")
    );
    let many = ["data", "split", "reviews.csv", "--out", "n", "--labelled", "481"];
    assert!(fails_late(folder, &many).contains("expected 2 (one a class) to 480"));
    let official = ["data", "split", "reviews.csv", "--out", "n", "--number", "1"];
    assert!(fails_late(folder, &official).contains("--number: expected a data set that is split by hash"));
    succeeds(folder, &["data", "split", "reviews.csv", "--out", "fold", "--fold", "1/3"]);
    assert!(lines("fold/train.csv") < 400);
    let labels = [["x", "y"], ["x", "z"]];
    let row = |i: usize| json!({"text": format!("a text of number {i}"), "label": labels[i % 2]});
    let rows: String = (0..60).map(|i| format!("{}\n", row(i))).collect();
    fs::write(folder.join("posts.jsonl"), rows).unwrap();
    succeeds(folder, &["data", "split", "posts.jsonl", "--multi-label", "--out", "tags"]);
    let tags = fs::read_to_string(folder.join("tags/train.jsonl")).unwrap();
    let first: Value = serde_json::from_str(tags.lines().next().unwrap()).unwrap();
    assert!(first["labels"].as_array().is_some_and(|labels| labels.len() == 2), "{first}");
}
