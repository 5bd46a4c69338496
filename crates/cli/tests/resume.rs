//! A killed run that is taken up again ends as if it had never been killed.

mod common;

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::Stdio,
};

use common::{events, names, result, run, spiketext, succeeds, text};
use serde_json::Value;

const ARGUMENTS: [&str; 10] = [
    "train",
    "--json",
    "--out",
    "model",
    "--seed",
    "3",
    "--set",
    "dnn.epochs=3",
    "--set=fine-tuning.epochs=3",
    "--set=fine-tuning.least-loss=0",
];

/// Starts a run and kills it once `wanted` epochs of `phase` were reported.
fn kill_after(folder: &Path, phase: &str, wanted: usize) {
    let mut child = spiketext(folder, &ARGUMENTS).stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut epochs = 0;
    for line in lines {
        let event: Value = serde_json::from_str(&line.unwrap()).unwrap();
        assert_ne!(event["event"], "result", "the run ended before it could be killed");
        if event["event"] == "epoch" && event["phase"] == phase {
            epochs += 1;
        }
        if epochs == wanted {
            break;
        }
    }
    assert_eq!(epochs, wanted);
    // SIGKILL: nothing can be put in order.
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Kills a run in `phase`, goes on with it, and compares with `whole`.
fn resumed_is_whole(phase: &str, whole: &Value, weights: &[u8]) {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    kill_after(folder, phase, 1);
    assert_eq!(names(folder), ["model.checkpoint/", "model.checkpoint/checkpoint.safetensors"], "no model yet");
    let lines = events(&succeeds(folder, &[&ARGUMENTS[..], &["--resume"]].concat()));
    // Conversion is done again before fine-tuning goes on, and told again.
    let taken_up = lines.iter().find(|line| line["event"] == "resumed").expect("the run is taken up");
    assert_eq!(taken_up["phase"], phase, "{lines:?}");
    assert!(taken_up["epochs_done"].as_u64() >= Some(1));
    let resumed = lines.last().unwrap();
    for key in
        ["dnn_accuracy", "converted_accuracy", "snn_accuracy", "development", "dnn_epochs", "fine_tuning_epochs"]
    {
        assert_eq!(resumed[key], whole[key], "{key}");
    }
    assert!(std::fs::read(folder.join("model/model.safetensors")).unwrap() == weights, "the same bytes");
    assert!(!folder.join("model.checkpoint").exists(), "nothing is left for a resumption");
}

#[test]
fn a_killed_run_goes_on_to_the_same_model() {
    let folder = tempfile::tempdir().unwrap();
    let whole = result(&succeeds(folder.path(), &ARGUMENTS));
    let weights = std::fs::read(folder.path().join("model/model.safetensors")).unwrap();
    resumed_is_whole("dnn", &whole, &weights);
    resumed_is_whole("fine-tuning", &whole, &weights);
}

#[test]
fn a_checkpoint_of_another_run_is_refused_and_people_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    kill_after(folder, "dnn", 1);
    let checkpoint = std::fs::read(folder.join("model.checkpoint/checkpoint.safetensors")).unwrap();
    let others = ["train", "--out", "model", "--seed", "4", "--resume"];
    let output = run(folder, &others);
    let error = text(&output.stderr).lines().last().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(error.starts_with("spiketext: model.checkpoint/") && error.contains("another run"), "{error}");
    assert_eq!(std::fs::read(folder.join("model.checkpoint/checkpoint.safetensors")).unwrap(), checkpoint, "kept");

    // A damaged one is named too, and what is there is told before it is replaced.
    std::fs::write(folder.join("model.checkpoint/checkpoint.safetensors"), &checkpoint[..checkpoint.len() / 2])
        .unwrap();
    let output = run(folder, &[&ARGUMENTS[..], &["--resume"]].concat());
    let error = text(&output.stderr);
    assert!(output.status.code() == Some(2) && error.contains("a spiketext checkpoint"), "{error}");
    let short = ["train", "--out", "model", "--set=dnn.epochs=1", "--set=fine-tuning.epochs=0"];
    let output = run(folder, &short);
    assert!(output.status.success() && text(&output.stderr).contains("--resume would go on"));
    let output = run(folder, &[&short[..], &["--resume"]].concat());
    assert!(output.status.success() && text(&output.stderr).contains("starting anew"));
}
