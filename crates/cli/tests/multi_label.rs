//! Texts of several labels, or none, through every verb: the same model whatever the format, thresholds, figures, and
//! refusals by name where sets of labels make no sense.

mod common;

use std::{fs, path::Path};

use common::{events, fails, result, run, succeeds, text};
use serde_json::Value;

const CASES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/cases");

fn case(name: &str) -> String {
    format!("{CASES}/multi_label{name}")
}

/// Trains a small model of several labels.
fn train(folder: &Path, file: &str, out: &str, more: &[&str]) -> Value {
    let arguments = ["train", file, "--multi-label", "--json", "--out", out];
    result(&succeeds(folder, &[&arguments[..], more].concat()))
}

#[test]
fn every_format_makes_the_same_model_and_every_verb_knows_it() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let folder = folder.path();
    let trained = train(folder, &case(".jsonl"), "model", &["--keep-dnn", "--epochs=40"]);
    assert_eq!(trained["multi_label"], true);
    let micro_f1 = &trained["micro_f1"];
    for network in ["dnn", "converted", "snn"] {
        let f1 = micro_f1[network].as_f64().expect("a micro F1");
        assert!(f1 > 85.0, "{network}: {trained}");
    }
    assert_eq!(trained["never_answered"], serde_json::json!([]), "{trained}");
    let weights = fs::read(folder.join("model/model.safetensors")).expect("weights");
    for name in ["_pipes.csv", "_python.csv", ".parquet"] {
        let again = train(folder, &case(name), "again", &["--epochs=40"]);
        assert_eq!((&again["micro_f1"], &again["thresholds"]), (micro_f1, &trained["thresholds"]), "{name}");
        assert!(fs::read(folder.join("again/model.safetensors")).expect("weights") == weights, "{name}");
    }

    let config: Value =
        serde_json::from_slice(&fs::read(folder.join("model/config.json")).expect("config")).expect("JSON");
    assert_eq!(config["thresholds"].as_array().map(Vec::len), Some(4), "a threshold a class");
    assert!(config["training"]["micro_f1"]["snn"].is_number());
    let card = fs::read_to_string(folder.join("model/README.md")).expect("card");
    assert!(card.contains("any number of these labels, or none: food, place, price, service"), "{card}");

    // The test part, as training measured it.
    let evaluated: Value = serde_json::from_str(&succeeds(
        folder,
        &["evaluate", "model", &case("_pipes.csv"), "--split", "test", "--json"],
    ))
    .expect("JSON");
    for (of_evaluate, of_training) in [
        ("micro_f1", &micro_f1["snn"]),
        ("macro_f1", &trained["macro_f1"]["snn"]),
        ("accuracy", &trained["snn_accuracy"]),
    ] {
        assert_eq!(&evaluated[of_evaluate], of_training, "{of_evaluate}");
    }
    assert_eq!((&evaluated["confusion"], evaluated["classes"].as_array().map(Vec::len)), (&Value::Null, Some(4)));
    let told = succeeds(folder, &["evaluate", "model", &case(".jsonl")]);
    assert!(told.contains("micro F1 ") && told.contains("all labels of a text right"), "{told}");
    let below = run(folder, &["evaluate", "model", &case(".jsonl"), "--at-least", "100"]);
    assert_eq!(below.status.code(), Some(1));
    assert!(text(&below.stderr).contains("a micro F1 of"), "{}", text(&below.stderr));

    let texts = [
        "we talked about the waiter, then there was the soup, my friend noticed the staff and the bread",
        "we talked about the weather and the journey",
    ];
    let answers = events(&succeeds(folder, &["predict", "model", texts[0], texts[1], "--json"]));
    let mut labels: Vec<&str> =
        answers[0]["labels"].as_array().expect("labels").iter().filter_map(Value::as_str).collect();
    labels.sort_unstable();
    assert_eq!(labels, ["food", "service"], "{answers:?}");
    assert_eq!(answers[1]["labels"], serde_json::json!([]), "{answers:?}");
    let told = succeeds(folder, &["predict", "model", texts[0], texts[1]]);
    assert!(told.lines().next().is_some_and(|line| line.contains("food ") && line.contains("service ")), "{told}");
    assert!(told.lines().nth(1).is_some_and(|line| line.starts_with("no label")), "{told}");

    let table = succeeds(folder, &["predict", "model", "--file", &case("_pipes.csv"), "--out", "-"]);
    assert!(table.starts_with("text,label,labels,probability,unknown\n"), "{}", &table[..200]);
    assert!(table.lines().any(|line| line.contains(",food|") || line.contains("|food,")), "{table}");

    for found in [&trained, &evaluated] {
        assert!(
            found["energy_ratio"].as_f64() > Some(0.0) && found["snn_microjoules_per_text"].is_number(),
            "{found}"
        );
    }
    assert!(card.contains("| energy of arithmetic |") && card.contains("SNN accumulations"), "{card}");
    let jsonl = case(".jsonl");
    let copy = succeeds(folder, &["predict", "model", "--file", &jsonl, "--prefix", "p_", "--out", "-"]);
    assert!(events(&copy).iter().all(|row| row["p_labels"].is_array() && row["label"].is_array()));
    succeeds(folder, &["predict", "model", "--file", &case(".parquet"), "--prefix", "p_", "--out", "o.parquet"]);
    let read = succeeds(folder, &["data", "show", "o.parquet", "--multi-label", "--label-column", "p_labels"]);
    assert!(read.contains("240 texts, 4 classes") && read.contains("divided at '|'"), "{read}");

    // Labels that the model does not know may come of another separator, or another column.
    fs::write(folder.join("cut.csv"), "text,label\nthe soup,\"food, place\"\nthe bread,food|drinks\n")
        .expect("written");
    let refusal = fails(folder, &["evaluate", "model", "cut.csv", "--label-separator", "|"]);
    assert!(
        refusal.contains("got 'food, place'; --label-column") && refusal.contains("--label-separator"),
        "{refusal}"
    );

    let inspected = succeeds(folder, &["inspect", "model"]);
    assert!(inspected.contains("test micro F1") && inspected.contains("all labels right"), "{inspected}");
}

#[test]
fn what_makes_no_sense_of_several_labels_is_refused_by_name() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let folder = folder.path();
    train(folder, &case(".jsonl"), "several", &["--set=fine-tuning.epochs=0", "--epochs=2"]);
    succeeds(folder, &["train", "--out", "one", "--set=dnn.epochs=1", "--set=fine-tuning.epochs=0"]);
    let jsonl = case(".jsonl");
    for (arguments, told) in [
        (&["attack", "several", &jsonl][..], "a multi-label model"),
        (&["train", &jsonl, "--multi-label", "--adversarial", "textfooler"], "--adversarial"),
        (&["predict", "several", "a text", "--threshold", "0.9", "--none-label", "x"], "a multi-label model"),
        (&["train", &jsonl, "--multi-label", "--recipe", "paper"], "network.readout=membrane"),
        (&["evaluate", "one", &jsonl, "--multi-label"], "answers one label a text"),
        (&["train", &jsonl], "--multi-label"),
        (&["evaluate", "one", &jsonl], "the model answers one label a text, --skip-bad"),
    ] {
        let output = run(folder, arguments);
        let error = text(&output.stderr).lines().last().unwrap_or_default();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(error.starts_with("spiketext: ") && error.contains(told), "{arguments:?}: {error}");
    }
}

#[test]
fn separators_are_found_or_asked_for() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let folder = folder.path();
    let file = |name: &str, cells: &[&str]| {
        let rows: String = (0..40).map(|row| format!("text number {row}\t{}\n", cells[row % cells.len()])).collect();
        fs::write(folder.join(name), format!("text\tlabel\n{rows}")).expect("written");
    };
    let shown = |name: &str, more: &[&str]| -> Value {
        let arguments = ["data", "show", name, "--multi-label", "--json"];
        serde_json::from_str(&succeeds(folder, &[&arguments[..], more].concat())).expect("JSON")
    };
    file("semicolons.tsv", &["a;b", "c", "", "b; a"]);
    let semicolons = shown("semicolons.tsv", &[]);
    assert_eq!(semicolons["labels"], serde_json::json!(["a", "b", "c"]));
    let notes = semicolons["readings"][0]["notes"].to_string();
    assert!(notes.contains("divided at ';'; --label-separator") && notes.contains("no label"), "{notes}");
    file("both.tsv", &["a;b", "c,d", "b"]);
    let error = fails(folder, &["data", "show", "both.tsv", "--multi-label"]);
    assert!(error.contains("--label-separator") && error.contains("'c,d'"), "{error}");
    let asked = shown("both.tsv", &["--label-separator", ";"]);
    assert_eq!(asked["labels"], serde_json::json!(["a", "b", "c,d"]));
    file("broken.tsv", &["['a' 'b']", "['c']"]);
    let error = fails(folder, &["data", "show", "broken.tsv", "--multi-label"]);
    assert!(error.contains("broken.tsv:2") && error.contains("a list of labels"), "{error}");

    let lines: String =
        (0..40).map(|row| format!("__label__{} __label__z text number {row}\n", ["x", "y"][row % 2])).collect();
    fs::write(folder.join("several.ft"), lines).expect("written");
    assert_eq!(shown("several.ft", &[])["labels"], serde_json::json!(["x", "y", "z"]));
    let error = fails(folder, &["data", "show", "several.ft"]);
    assert!(error.contains("--multi-label"), "{error}");
    // As annotation tools write it.
    let lines: String = (0..40)
        .map(|row| {
            format!(r#"{{"id": {row}, "text": "text number {row}", "labels": ["{}", "z"]}}"#, ["x", "y"][row % 2])
                + "\n"
        })
        .collect();
    fs::write(folder.join("doccano.jsonl"), lines).expect("written");
    assert_eq!(shown("doccano.jsonl", &[])["labels"], serde_json::json!(["x", "y", "z"]));
}
