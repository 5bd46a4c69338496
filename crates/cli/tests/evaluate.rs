//! What `spiketext evaluate` says of texts that the model was trained on, wherever they lie.

mod common;

use std::{fs, path::Path};

use common::{result, run, succeeds, text};
use serde_json::{Value, json};

/// Trains on sixty texts, of which `train.csv` is a copy, and gives the sizes of the parts.
fn trained(folder: &Path) -> [u64; 3] {
    let case = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/cases/ref.csv");
    fs::copy(case, folder.join("train.csv")).expect("a copy");
    succeeds(folder, &["train", "train.csv", "--epochs", "2", "--set", "fine-tuning.epochs=0", "-o", "model"]);
    let config = fs::read(folder.join("model/config.json")).expect("a description");
    let config: Value = serde_json::from_slice(&config).expect("JSON");
    [0, 1, 2].map(|part| config["training"]["texts"][part].as_u64().expect("a count"))
}

#[test]
fn training_texts_are_known_by_their_content() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let [train, development, test] = trained(folder);
    assert!(train > 0 && development > 0 && test > 0 && train + development + test == 60);
    // Another file of another form: the texts in other case and width, with other blanks, and four new ones.
    let texts = fs::read_to_string(folder.join("train.csv")).expect("text");
    let rows = texts.lines().skip(1).map(|line| line.rsplit_once(',').expect("two fields"));
    let mut other: String =
        rows.map(|(text, label)| format!("{label}\t  {}\n", text.to_uppercase().replace(' ', "  "))).collect();
    for (label, text) in [("neg", "a dull meal"), ("pos", "a great book"), ("neg", "poor"), ("pos", "so great")] {
        other += &format!("{label}\t{text}\n");
    }
    fs::write(folder.join("other.tsv"), format!("label\ttext\n{other}")).expect("written");
    let arguments = ["evaluate", "model", "other.tsv"];
    let found = result(&succeeds(folder, &[&arguments[..], &["--json"]].concat()));
    assert_eq!(
        (&found["texts"], &found["trained_on"], &found["development_texts"], &found["new_texts"]),
        (&json!(64), &json!(train), &json!(development), &json!(test + 4))
    );
    let new = found["new_accuracy"].as_f64().expect("an accuracy");
    let right = new / 100.0 * (test + 4) as f64;
    assert!((right - right.round()).abs() < 1e-9 && found["new_accuracy_interval"][1].is_number(), "{found}");
    let told = succeeds(folder, &arguments);
    for part in [
        format!("{train} of 64 texts were trained on, {development} of 64 are development texts"),
        "says little about new texts".to_owned(),
        format!("accuracy on the other {}: {new:.2} %", test + 4),
    ] {
        assert!(told.contains(&part), "{part}: {told}");
    }

    // Of the very file, all of it and the part that was held out.
    let held_out = result(&succeeds(folder, &["evaluate", "model", "train.csv", "--split", "test", "--json"]));
    assert_eq!((&held_out["trained_on"], &held_out["new_texts"]), (&json!(0), &json!(test)));
    assert_eq!(held_out["new_accuracy"], held_out["accuracy"]);
    assert!(
        succeeds(folder, &["evaluate", "model", "train.csv", "--split", "test"]).contains("none of the texts was")
    );
    let only = result(&succeeds(folder, &["evaluate", "model", "train.csv", "--split", "train", "--json"]));
    assert_eq!(
        (&only["trained_on"], &only["new_texts"], &only["new_accuracy"]),
        (&json!(train), &json!(0), &Value::Null)
    );
}

#[test]
fn a_model_that_keeps_no_hashes_says_that_it_cannot_know() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    trained(folder);
    fs::remove_file(folder.join("model/texts.safetensors")).expect("removed");
    let found = result(&succeeds(folder, &["evaluate", "model", "train.csv", "--json"]));
    for key in ["trained_on", "development_texts", "new_texts", "new_accuracy", "new_accuracy_interval"] {
        assert_eq!(found.get(key), Some(&Value::Null), "{key}");
    }
    let told = succeeds(folder, &["evaluate", "model", "train.csv"]);
    assert!(told.contains("whether texts were trained on is not known"), "{told}");
    // Answers need nothing of it, so damage is told, by the file's name, and the figures come all the same.
    fs::write(folder.join("model/texts.safetensors"), "rubbish").expect("written");
    let output = run(folder, &["evaluate", "model", "train.csv"]);
    let error = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{error}");
    assert!(error.contains("note: nothing tells") && error.contains("model/texts.safetensors"), "{error}");
    assert!(text(&output.stdout).contains("whether texts were trained on is not known"), "{}", text(&output.stdout));
}
