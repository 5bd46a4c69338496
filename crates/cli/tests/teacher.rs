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

/// Rows of texts of two classes, named as asked, that a network tells apart at once.
fn simple(labels: [&str; 2], rows: std::ops::Range<usize>) -> String {
    let row = |i: usize| match i % 2 {
        0 => format!("\"a warm, funny and moving film, number {i}\",{}\n", labels[0]),
        _ => format!("\"a dull, tedious and lifeless film, number {i}\",{}\n", labels[1]),
    };
    "text,label\n".to_owned() + &rows.map(row).collect::<String>()
}

const ONE_EPOCH: [&str; 3] = ["--members", "2", "--set=dnn.epochs=1"];

#[test]
fn a_teacher_of_untested_texts_is_made_and_says_what_it_was_trained_on() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("films.csv"), simple(["good", "bad"], 0..200)).unwrap();
    let about = |name: &str| -> Value {
        let content = fs::read_to_string(folder.join(name)).unwrap();
        serde_json::from_str::<Value>(content.lines().next().unwrap()).unwrap()["teacher"].clone()
    };
    let teach = |more: &[&str], out: &str| {
        succeeds(folder, &[&["teach", "films.csv", "--out", out], &ONE_EPOCH[..], more].concat());
        about(out)
    };
    let untested = teach(&["--untested"], "untested.jsonl");
    assert_eq!(
        (&untested["untested"], &untested["splits"], &untested["number"]),
        (&true.into(), &5.into(), &Value::Null)
    );
    assert_eq!(untested["fitted_on"]["texts"], untested["training_texts"]);
    assert_eq!(untested["fitted_on"]["sha256"].as_str().map(str::len), Some(64));
    let first = teach(&["--number", "1"], "one.jsonl");
    assert_eq!((&first["number"], &first["fold"]), (&1.into(), &Value::Null));
    assert_ne!(first["fitted_on"]["sha256"], untested["fitted_on"]["sha256"]);
    let fold = teach(&["--fold", "1/2", "--splits", "2"], "fold.jsonl");
    assert_eq!((&fold["fold"], &fold["splits"]), (&"1/2".into(), &2.into()));
    // What was trained on test texts of this run is refused; on the same texts, taken.
    let error = fails_late(folder, &["train", "films.csv", "--teacher", "one.jsonl", "--out", "m"]);
    assert!(error.contains("trained on no test text") && error.contains("one.jsonl"), "{error}");
    assert_eq!(teach(&[], "own.jsonl")["number"], Value::Null);
    let train = ["train", "films.csv", "--teacher", "own.jsonl", "--out", "m"];
    let taught = &result(&succeeds(folder, &[&train[..], &QUICK[..]].concat()))["teacher"];
    assert!(
        taught["about"][0]["fitted_on"]["sha256"].is_string() && taught["about"][0]["fitted_on"]["least"].is_null()
    );
}

#[test]
fn few_labels_leave_a_folder_that_trains_and_teaches() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    // Every text twice, of which one would do.
    let once = simple(["good", "bad"], 0..300);
    fs::write(folder.join("films.csv"), format!("{once}{}", once.split_once('\n').unwrap().1)).unwrap();
    let told = succeeds(folder, &["data", "split", "films.csv", "--labelled", "50", "--with-test", "--out", "few"]);
    assert!(told.contains("few/train.csv: 50 texts") && told.contains("come again, left out: 50"), "{told}");
    let rows = |name: &str| fs::read_to_string(folder.join(name)).unwrap().lines().count() - 1;
    assert!(rows("few/test.csv") > 20 && rows("few/unlabelled.csv") > 300);
    let teach = ["teach", "few", "--label", "few/unlabelled.csv", "--out", "few.jsonl"];
    succeeds(folder, &[&teach[..], &ONE_EPOCH[..]].concat());
    let train = ["train", "few", "--teacher", "few.jsonl", "--unlabelled", "few/unlabelled.csv", "--out", "m"];
    let trained = events(&succeeds(folder, &[&train[..], &QUICK[..]].concat()));
    let prepared = trained.iter().find(|event| event["event"] == "prepared").unwrap();
    assert_eq!(prepared["train"], json!(50));
    assert_eq!(prepared["test"], json!(rows("few/test.csv")));
    let read: String = trained.iter().filter(|event| event["event"] == "read").map(ToString::to_string).collect();
    assert!(read.contains("unlabelled.csv (`train` takes --unlabelled"), "{read}");
    // Without test texts of its own the student would test on some that the teacher was trained on.
    let told = succeeds(folder, &["data", "split", "films.csv", "--labelled", "50", "--out", "few2"]);
    assert!(told.contains("--with-test writes them"), "{told}");
    let error = fails_late(folder, &["train", "few2", "--teacher", "few.jsonl", "--out", "m2"]);
    assert!(error.contains("trained on no test text"), "{error}");
    let many = ["data", "split", "films.csv", "--labelled", "280", "--out", "few3"];
    assert!(fails_late(folder, &many).contains("(all different training texts), got 280"));
}

#[test]
fn classes_called_like_the_text_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("films.csv"), simple(["text", "other"], 0..100)).unwrap();
    let teach = [&["teach", "films.csv", "--out", "t.jsonl"], &ONE_EPOCH[..]].concat();
    assert!(fails_late(folder, &teach).contains("got the class 'text'"));
    assert!(!folder.join("t.jsonl").exists());
    fs::write(folder.join("t.csv"), "text,other\n0.5,0.5\n").unwrap();
    let error = fails_late(folder, &["train", "films.csv", "--teacher", "t.csv", "--out", "m"]);
    assert!(error.contains("called like no class") && error.contains("'text' is a class"), "{error}");
    // A class of another usual name is no text, in the answers and among the unlabelled.
    fs::write(folder.join("body.csv"), simple(["body", "other"], 0..100)).unwrap();
    let row = |line: &str| format!("0.75,0.25,{}\n", line.rsplit_once(',').unwrap().0);
    let answers: String = simple(["a", "b"], 0..140).lines().skip(1).map(row).collect();
    fs::write(folder.join("body.t.csv"), format!("body,other,text\n{answers}")).unwrap();
    let train = ["train", "body.csv", "--teacher", "body.t.csv", "--unlabelled", "body.t.csv", "--out", "m"];
    let taught = &result(&succeeds(folder, &[&train[..], &QUICK[..]].concat()))["teacher"];
    // All texts are found in their column, those of training again among the unlabelled.
    assert_eq!((&taught["untaught"], &taught["repeated"]), (&0.into(), &taught["taught"]), "{taught}");
}

#[test]
fn texts_without_letters_and_entities_hide_no_test_text() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    reviews(folder);
    let signs = ["😀😀!", "... ?!", "💔"];
    let tested: String = signs.iter().map(|text| format!("{text},negative\n")).collect();
    let hidden = "the soup was cold and nobody ever came back to our table";
    fs::write(folder.join("test.csv"), format!("text,label\n{tested}{hidden},negative\nfine,positive\n")).unwrap();
    let entities: String = hidden.chars().map(|c| format!("&#{};", u32::from(c))).collect();
    let offered =
        [signs[0], ". . . ?!", "💔", &entities, &hidden.replace("soup", "s&#111;up &amp;"), "😀 but not the same"];
    let line = |text: &&str| format!("{}\n", json!({"text": text, "positive": 0.5, "negative": 0.5}));
    fs::write(folder.join("more.jsonl"), offered.iter().map(line).collect::<String>()).unwrap();
    let train =
        ["train", "reviews.csv", "--test", "test.csv", "--teacher", "teacher.jsonl", "--teacher", "more.jsonl"];
    let train = [&train[..], &["--unlabelled", "more.jsonl", "--out", "m"], &QUICK[..]].concat();
    let taught = &result(&succeeds(folder, &train))["teacher"];
    assert_eq!((&taught["held_out"], &taught["unlabelled"]), (&json!([5, 0]), &1.into()), "{taught}");
}

#[test]
fn what_would_be_passed_over_is_refused_and_advice_fits() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    reviews(folder);
    fs::write(folder.join("odd.csv"), "what,why\nx,y\n").unwrap();
    let teacher = ["--teacher", "teacher.jsonl"];
    let train = |more: &[&str]| fails_late(folder, &[&["train", "reviews.csv", "--out", "m"], more].concat());
    let error = train(&["--set", "teacher.weight=0.5"]);
    assert!(error.contains("--set teacher.weight=0.5: expected --teacher FILE"), "{error}");
    for setting in ["network.widths=[3]", "teacher.weight=0.5", "sparse.epochs=3", "conversion.normalisation=none"] {
        let error = fails(folder, &["teach", "reviews.csv", "--set", setting, "--out", "t.jsonl"]);
        assert!(error.contains("expected a setting that `teach` heeds"), "{error}");
    }
    let error = train(&[&teacher[..], &["--unlabelled", "odd.csv"]].concat());
    assert!(error.contains("odd.csv") && error.contains("would be for FILE alone"), "{error}");
    for twice in [&["--teacher", "-", "--unlabelled", "-"][..], &["--test", "-", "--teacher", "-"]] {
        assert!(train(twice).contains("standard input (-) comes once"), "{twice:?}");
    }
    let error = fails(folder, &["teach", "-", "--label", "-", "--out", "t.jsonl"]);
    assert!(error.contains("one place of FILE and --label, got it in 2"), "{error}");
    // The text of other files is looked for where FILE has it, and no model is spoken of.
    let row = |line: &str| format!("{},ignored\n", line.rsplit_once(',').unwrap().0);
    let films = simple(["good", "bad"], 0..100).replace("text,label", "opinion,label");
    fs::write(folder.join("films.csv"), films).unwrap();
    let more: String = simple(["x", "y"], 100..110).lines().skip(1).map(row).collect();
    fs::write(folder.join("same.csv"), format!("opinion,text\n{more}")).unwrap();
    fs::write(folder.join("other.csv"), format!("text,note\n{more}")).unwrap();
    let teach =
        ["teach", "films.csv", "--text-column", "opinion", "--out", "t.jsonl", "--force", "--json", "--label"];
    for file in ["same.csv", "other.csv"] {
        let output = run(folder, &[&teach[..], &[file], &ONE_EPOCH[..]].concat());
        let (out, told) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "{told}");
        assert_eq!(result(out)["texts"][1], json!(10), "{file}: the column of FILE, where it is there");
        assert!(!format!("{out}{told}").contains("model was trained on"), "{out}{told}");
    }
    // Too many members are known before the first.
    fs::write(folder.join("small.csv"), simple(["good", "bad"], 0..24)).unwrap();
    let error = fails_late(folder, &["teach", "small.csv", "--members", "20", "--out", "s.jsonl"]);
    assert!(error.contains("--members") && error.contains("20 members"), "{error}");
    let told = text(&run(folder, &["teach", "small.csv", "--members", "20", "--out", "s.jsonl"]).stderr).to_owned();
    assert!(!told.contains("member 1 of 20 of the committee"), "{told}");
}

#[cfg(unix)]
#[test]
fn an_interruption_leaves_no_half_file() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("films.csv"), simple(["good", "bad"], 0..4000)).unwrap();
    let augment = ["augment", "films.csv", "--times", "2000", "--out", "more.csv"];
    let mut child = spiketext(folder, &augment).stderr(Stdio::piped()).spawn().unwrap();
    let hidden = || {
        fs::read_dir(folder)
            .unwrap()
            .flatten()
            .filter(|entry| entry.file_name().to_string_lossy().starts_with('.'))
            .count()
    };
    let began = std::time::Instant::now();
    while hidden() == 0 {
        assert!(began.elapsed().as_secs() < 120 && child.try_wait().unwrap().is_none(), "it begins a file");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let killed = std::process::Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("interrupted: nothing is written"));
    assert!(hidden() == 0 && !folder.join("more.csv").exists());
}
