//! `spiketext attack` as users meet it: the real binary, a model trained on the spot.

mod common;

use std::{fs, path::Path};

use common::{events, fails, result, spiketext, succeeds, text};
use serde_json::Value;

/// A small model in `folder/m`.
fn model(folder: &Path, encoder: &str) {
    let encoder = format!("network.encoder={encoder}");
    succeeds(
        folder,
        &["train", "--out", "m", "--set", "dnn.epochs=4", "--set", "fine-tuning.epochs=0", "--set", &encoder],
    );
}

#[test]
fn texts_are_attacked_marked_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    model(folder, "regular");
    let shown = succeeds(folder, &["attack", "m", "--dataset", "reviews-en", "--count", "30"]);
    assert!(shown.contains(" -> ") && shown.contains("[") && !shown.contains('\u{1b}'), "{shown}");
    for line in [
        "attack ",
        "accuracy before ",
        "accuracy under attack ",
        "success rate ",
        "words changed ",
        "queries a text ",
    ] {
        assert!(shown.lines().any(|shown| shown.starts_with(line)), "{line}: {shown}");
    }
    // One judge where there is no noise: nothing to say of judges.
    assert!(!shown.contains("judges"), "{shown}");
    let got = result(&succeeds(folder, &["attack", "m", "--dataset", "reviews-en", "--count", "30", "--json"]));
    let count = |key: &str| got[key].as_u64().unwrap();
    assert_eq!(count("skipped") + count("failed") + count("succeeded"), 30);
    assert!(count("succeeded") > 0, "{got}");
    assert!(got["accuracy_under_attack"].as_f64() < got["accuracy"].as_f64());
    assert_eq!(got["accuracy"], got["judged_accuracy"]);
    // The model's own data set without a name, and attacks that need vectors, take what is built in.
    for attack in ["textfooler", "textbugger", "bae-ngram", "hotflip", "random"] {
        let got = result(&succeeds(folder, &["attack", "m", "--attack", attack, "--count", "10", "--json"]));
        assert_eq!((got["texts"].as_u64(), got["attack"].as_str()), (Some(10), Some(attack)));
    }
    let paper = [
        "attack",
        "m",
        "--attack",
        "pwws",
        "--protocol",
        "spiking-paper",
        "--share",
        "0.3",
        "--count",
        "10",
        "--json",
    ];
    assert_eq!(result(&succeeds(folder, &paper))["protocol"]["spiking-paper"]["share"], 0.3);
}

#[test]
fn records_go_on_where_they_stopped_whatever_the_threads() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    model(folder, "regular");
    let run = |out: &str, threads: &str, more: &[&str]| {
        let arguments =
            ["attack", "m", "--dataset", "reviews-en", "--count", "20", "--quiet", "--json", "--out", out];
        let mut command = spiketext(folder, &[&arguments[..], more].concat());
        let output = command.env("RAYON_NUM_THREADS", threads).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        result(text(&output.stdout))
    };
    let all = run("one/records.jsonl", "1", &[]);
    assert_eq!(all["attacked_now"], 20);
    let whole = fs::read(folder.join("one/records.jsonl")).unwrap();
    let lines = events(text(&whole));
    assert_eq!(lines.len(), 21);
    assert_eq!((lines[0]["format"].as_u64(), lines[0]["attack"].as_str()), (Some(2), Some("deepwordbug")));
    for record in &lines[1..] {
        let changes = record["changes"].as_array().unwrap().len();
        assert_eq!(changes == 0, record["text"] == record["original"], "{record}");
        assert!(record["queries"].as_u64() >= Some(1) && record["votes"]["before"].as_array().unwrap().len() == 2);
    }
    // Cut off in the middle of a line, and of the very first one.
    for kept in [whole.len() / 2, 40, 0] {
        fs::write(folder.join("cut.jsonl"), &whole[..kept]).unwrap();
        let rest = run("cut.jsonl", "3", &[]);
        assert!(fs::read(folder.join("cut.jsonl")).unwrap() == whole, "{kept}");
        assert_eq!((&rest["succeeded"], &rest["queries"]), (&all["succeeded"], &all["queries"]));
    }
    assert_eq!(run("cut.jsonl", "2", &[])["attacked_now"], 0);

    // Records of other choices are left alone, and named.
    let other = ["attack", "m", "--dataset", "reviews-en", "--count", "20", "--seed", "1", "--out", "cut.jsonl"];
    let error = fails(folder, &other);
    assert!(error.contains("another seed") && error.contains("--again"), "{error}");
    assert!(fs::read(folder.join("cut.jsonl")).unwrap() == whole);
    assert_eq!(run("cut.jsonl", "2", &["--seed", "1", "--again"])["attacked_now"], 20);
    fs::write(folder.join("mine.txt"), "my notes\n").unwrap();
    let error = fails(folder, &["attack", "m", "--dataset", "reviews-en", "--out", "mine.txt"]);
    assert!(error.contains("another file"), "{error}");
    assert_eq!(fs::read(folder.join("mine.txt")).unwrap(), b"my notes\n");
}

#[test]
fn what_is_missing_is_named_and_nothing_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    model(folder, "regular");
    let base = ["attack", "m", "--dataset", "reviews-en", "--out", "records.jsonl"];
    let error = fails(folder, &[&base[..], &["--attack", "pwws", "--wordnet", "nowhere"]].concat());
    assert!(error.contains("nowhere") && error.contains("--wordnet"), "{error}");
    assert!(!folder.join("records.jsonl").exists());
    let output = common::run(folder, &[&base[..], &["--attack", "magic"]].concat());
    let error = text(&output.stderr);
    assert!(output.status.code() == Some(2) && error.contains("deepwordbug, textbugger"), "{error}");
    let error = fails(folder, &["attack", "nowhere"]);
    assert!(error.contains("nowhere"), "{error}");
}

#[test]
fn noise_is_met_as_asked_and_judged_apart() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    model(folder, "bernoulli");
    let run = |noise: &str| -> Value {
        let arguments =
            ["attack", "m", "--dataset", "reviews-en", "--count", "12", "--draws", "4", "--judges", "5", "--json"];
        result(&succeeds(folder, &[&arguments[..], &["--noise", noise]].concat()))
    };
    let of = |result: &Value| ["succeeded", "queries", "judged_accuracy"].map(|key| result[key].clone());
    let all = ["fixed", "fresh", "mean"].map(run);
    for (noise, result) in ["fixed", "fresh", "mean"].into_iter().zip(&all) {
        assert_eq!(of(result), of(&run(noise)), "{noise}: the same again");
        assert_eq!(result["judges"], 5);
        // The judges see the texts before the attack whatever it meets.
        assert_eq!(result["judged_accuracy"], all[0]["judged_accuracy"]);
    }
    assert_ne!(of(&all[0]), of(&all[1]));
    let shown = succeeds(folder, &["attack", "m", "--dataset", "reviews-en", "--count", "4", "--quiet"]);
    assert!(shown.contains("judges"), "{shown}");
}

#[test]
fn the_dnn_is_attacked_beside_its_network() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let train = ["train", "--set", "dnn.epochs=4", "--set", "fine-tuning.epochs=0"];
    succeeds(folder, &[&train[..], &["--out", "alone"]].concat());
    succeeds(folder, &[&train[..], &["--out", "both", "--keep-dnn"]].concat());
    // Whoever does not ask for it reads the same model.
    assert_eq!(
        fs::read(folder.join("alone/model.safetensors")).unwrap(),
        fs::read(folder.join("both/model.safetensors")).unwrap()
    );
    let run = |model: &str, network: &str, attack: &str| {
        let arguments = ["attack", model, "--count", "20", "--json", "--network", network, "--attack", attack];
        result(&succeeds(folder, &arguments))
    };
    for attack in ["deepwordbug", "hotflip", "textfooler"] {
        let (snn, dnn) = (run("both", "snn", attack), run("both", "dnn", attack));
        assert_eq!((&snn["network"], &dnn["network"], &dnn["noise"]), (&"snn".into(), &"dnn".into(), &"none".into()));
        assert!(dnn["accuracy"].as_f64() > Some(50.0) && dnn["queries"].as_f64() > Some(1.0), "{dnn}");
        assert_eq!(run("alone", "snn", attack)["queries"], snn["queries"]);
    }
    let error = fails(folder, &["attack", "alone", "--network", "dnn"]);
    assert!(error.contains("dnn.safetensors") && error.contains("--keep-dnn"), "{error}");
    fs::write(folder.join("both/dnn.safetensors"), "rubbish").unwrap();
    let error = fails(folder, &["attack", "both", "--network", "dnn"]);
    assert!(error.contains("dnn.safetensors") && !error.contains("--keep-dnn"), "{error}");
}

#[test]
fn chinese_texts_are_attacked_by_sound_and_shape_and_english_ones_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let small = ["--set", "dnn.epochs=4", "--set", "fine-tuning.epochs=0"];
    succeeds(folder, &[&["train", "--dataset", "reviews-zh", "--out", "zh"][..], &small].concat());
    for attack in ["homophones", "look-alikes", "chinese", "deepwordbug", "bae-ngram"] {
        let shown = succeeds(folder, &["attack", "zh", "--attack", attack, "--count", "20"]);
        assert!(shown.contains(&format!("{attack}, 20 texts")), "{shown}");
        // A typo of one letter cannot always be made; of sounds and shapes there are plenty.
        assert!(shown.contains("fooled ") || attack == "deepwordbug", "{attack}: {shown}");
    }
    model(folder, "regular");
    let error = fails(folder, &["attack", "m", "--attack", "homophones"]);
    assert!(error.contains("texts of the language zh"), "{error}");
}

#[test]
fn what_fools_a_network_can_join_its_training() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let small = ["--set", "dnn.epochs=3", "--set", "fine-tuning.epochs=0", "--json"];
    let train = |out: &str, more: &[&str]| {
        let shown = succeeds(folder, &[&["train", "--out", out][..], &small, more].concat());
        result(&shown)
    };
    let plain = train("plain", &[]);
    assert!(plain["adversarial"].is_null());
    let hard = ["--adversarial", "deepwordbug", "--adversarial-texts", "60"];
    let hardened = train("hard", &hard);
    let adversarial = &hardened["adversarial"];
    assert_eq!((adversarial["attack"].as_str(), adversarial["attacked"].as_u64()), (Some("deepwordbug"), Some(60)));
    assert!((1..=60).contains(&adversarial["found"].as_u64().unwrap()), "{hardened}");
    let card = fs::read_to_string(folder.join("hard/README.md")).unwrap();
    assert!(card.contains("adversarial examples") && card.contains("60 attacked with deepwordbug"), "{card}");
    // The same again, and its network is another one than without.
    train("again", &hard);
    let weights = |model: &str| fs::read(folder.join(model).join("model.safetensors")).unwrap();
    assert!(weights("hard") == weights("again") && weights("hard") != weights("plain"));
    assert!(common::run(folder, &["train", "--adversarial-texts", "5"]).status.code() == Some(2));
    let error = fails(folder, &["train", "--out", "no", "--adversarial", "homophones"]);
    assert!(error.contains("texts of the language zh") && !folder.join("no").exists(), "{error}");
}
