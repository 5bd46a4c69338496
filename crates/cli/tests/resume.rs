//! A killed run that is taken up again ends as if it had never been killed.

mod common;

use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::Stdio,
    time::Duration,
};

use common::{events, everything, fails, interrupt, names, result, run, spiketext, succeeds, text};
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
    assert!(fs::read(folder.join("model/model.safetensors")).unwrap() == weights, "the same bytes");
    assert!(!folder.join("model.checkpoint").exists(), "nothing is left for a resumption");
}

#[test]
fn a_killed_run_goes_on_to_the_same_model() {
    let folder = tempfile::tempdir().unwrap();
    let whole = result(&succeeds(folder.path(), &ARGUMENTS));
    let weights = fs::read(folder.path().join("model/model.safetensors")).unwrap();
    resumed_is_whole("dnn", &whole, &weights);
    resumed_is_whole("fine-tuning", &whole, &weights);
}

#[test]
fn a_checkpoint_of_another_run_is_refused_and_people_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    kill_after(folder, "dnn", 1);
    let checkpoint = fs::read(folder.join("model.checkpoint/checkpoint.safetensors")).unwrap();
    let others = ["train", "--out", "model", "--seed", "4", "--resume"];
    let output = run(folder, &others);
    let error = text(&output.stderr).lines().last().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(error.starts_with("spiketext: model.checkpoint/") && error.contains("another run"), "{error}");
    assert_eq!(fs::read(folder.join("model.checkpoint/checkpoint.safetensors")).unwrap(), checkpoint, "kept");

    // A damaged one is named too, and what is there is told before it is replaced.
    fs::write(folder.join("model.checkpoint/checkpoint.safetensors"), &checkpoint[..checkpoint.len() / 2]).unwrap();
    let output = run(folder, &[&ARGUMENTS[..], &["--resume"]].concat());
    let error = text(&output.stderr);
    assert!(output.status.code() == Some(2) && error.contains("a spiketext checkpoint"), "{error}");
    let short = ["train", "--out", "model", "--set=dnn.epochs=1", "--set=fine-tuning.epochs=0"];
    let output = run(folder, &short);
    assert!(output.status.success() && text(&output.stderr).contains("--resume would go on"));
    let output = run(folder, &[&short[..], &["--resume", "--seed", "5"]].concat());
    assert!(output.status.success() && text(&output.stderr).contains("starting anew"));
}

#[test]
fn a_run_that_has_ended_is_known_by_its_model() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (checkpoints, checkpoint) = (folder.join("model.checkpoint"), "model.checkpoint/checkpoint.safetensors");
    kill_after(folder, "dnn", 1);
    let kept = fs::read(folder.join(checkpoint)).unwrap();
    // Half a checkpoint of a process that was killed in writing it.
    fs::write(checkpoints.join(".spiketext-Ab3dEf"), &kept[..99]).unwrap();
    let again = [&ARGUMENTS[..], &["--resume"]].concat();
    let first = result(&succeeds(folder, &again));
    let model = everything(folder);
    assert!(!checkpoints.exists() && model.contains_key("model/"), "{:?}", model.keys());
    // Killed after the model was saved, before the checkpoint was removed; or after that, before its folder was.
    for holds_one in [true, false] {
        fs::create_dir(&checkpoints).unwrap();
        if holds_one {
            fs::write(folder.join(checkpoint), &kept).unwrap();
        }
        let lines = events(&succeeds(folder, &again));
        assert!(lines.iter().any(|line| line["message"].to_string().contains("has ended already")), "{lines:?}");
        assert!(lines.iter().all(|line| line["event"] != "epoch"));
        assert_eq!(lines.last().unwrap(), &first);
        assert!(everything(folder) == model, "the model stays and nothing else: {:?}", names(folder));
    }
    // What the model does not have is made, from the checkpoint.
    fs::create_dir(&checkpoints).unwrap();
    fs::write(folder.join(checkpoint), &kept).unwrap();
    let lines = events(&succeeds(folder, &[&again[..], &["--keep-dnn"]].concat()));
    assert!(lines.iter().any(|line| line["event"] == "resumed") && folder.join("model/dnn.safetensors").exists());
    // A new run says whose checkpoint it removes.
    fs::create_dir(&checkpoints).unwrap();
    fs::write(folder.join(checkpoint), &kept).unwrap();
    let arguments: Vec<&str> = ARGUMENTS.into_iter().filter(|argument| *argument != "--json").collect();
    let output = run(folder, &arguments);
    let told = text(&output.stderr);
    assert!(told.contains("left its checkpoint behind") && !told.contains("--resume"), "{told}");
    assert!(output.status.success() && !checkpoints.exists());
}

#[test]
fn two_runs_to_one_folder_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let mut child = spiketext(folder, &ARGUMENTS).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let error = fails(folder, &["train", "--json", "--out", "model"]);
    assert!(error.contains("another run") && error.contains("--out"), "{error}");
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Starts a run, waits for a line of an event, asks the run to end by `signal`, and gives what it said.
#[cfg(unix)]
fn interrupted(folder: &Path, arguments: &[&str], event: &str, signal: &str) -> String {
    use std::{io::Read, process::Command};
    let mut child = spiketext(folder, arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains(event)), "{event}");
    assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(130), "{signal}");
    let mut told = String::new();
    child.stderr.take().unwrap().read_to_string(&mut told).unwrap();
    assert!(told.starts_with("spiketext: interrupted") && told.lines().count() == 1, "{told}");
    told
}

#[cfg(unix)]
#[test]
fn an_interrupted_run_says_the_command_that_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let whole = result(&succeeds(folder.path(), &ARGUMENTS));
    for (signal, event) in [(interrupt(), "\"epoch\""), ("-TERM", "\"phase\":\"fine-tuning\"")] {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let told = interrupted(folder, &ARGUMENTS, event, signal);
        assert!(told.contains("the checkpoint of epoch ") && told.contains("kept in model.checkpoint"), "{told}");
        assert_eq!(names(folder), ["model.checkpoint/", "model.checkpoint/checkpoint.safetensors"]);
        let (_, command) = told.trim_end().split_once("; to go on: ").unwrap();
        let mut shell = std::process::Command::new("sh");
        let output = shell.args(["-c", command]).current_dir(folder).output().unwrap();
        assert!(output.status.success(), "{command}: {}", text(&output.stderr));
        let lines = events(text(&output.stdout));
        assert!(lines.iter().any(|line| line["event"] == "resumed"));
        for key in ["dnn_accuracy", "snn_accuracy", "dnn_epochs", "fine_tuning_epochs"] {
            assert_eq!(lines.last().unwrap()[key], whole[key], "{key}");
        }
    }
}

#[cfg(unix)]
#[test]
fn a_run_that_is_interrupted_early_says_that_nothing_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let told = interrupted(folder, &ARGUMENTS, "\"prepared\"", interrupt());
    assert!(told.contains("nothing is kept of this run") && !told.contains("--resume"), "{told}");
    assert!(names(folder).is_empty(), "{:?}", names(folder));
    // The checkpoint of an earlier run stays and is told from one's own.
    kill_after(folder, "dnn", 1);
    let other: Vec<&str> =
        ARGUMENTS.into_iter().map(|argument| if argument == "3" { "4" } else { argument }).collect();
    let told = interrupted(folder, &other, "\"prepared\"", interrupt());
    assert!(told.contains("is of an earlier one"), "{told}");
    assert!(folder.join("model.checkpoint/checkpoint.safetensors").exists());
}

/// Trainings that are killed near their end.
const KILLS: u64 = 8;

/// Kills come at many moments of the end of a run that replaces a model.
#[test]
fn a_model_is_replaced_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let case = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/cases/ref.csv");
    let case = case.to_str().unwrap();
    let quick = |out, seed| {
        ["train", case, "--json", "--epochs=1", "--set=fine-tuning.epochs=0", "--out", out, "--seed", seed]
    };
    for (out, seed) in [("old", "1"), ("new", "2")] {
        succeeds(folder, &quick(out, seed));
    }
    let weights = |out: &str| fs::read(folder.join(out).join("model.safetensors")).unwrap();
    let (old, new) = (weights("old"), weights("new"));
    let before: Vec<String> = names(folder);
    let mut found = [0, 0];
    for kill in 0..KILLS {
        fs::create_dir(folder.join("model")).unwrap();
        for (name, content) in everything(&folder.join("old")) {
            fs::write(folder.join("model").join(name), content).unwrap();
        }
        let arguments = quick("model", "2");
        let mut child = spiketext(folder, &arguments).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap().contains("converted")), "it was converted");
        if kill + 1 < KILLS {
            std::thread::sleep(Duration::from_millis(8 * kill));
        } else {
            assert!(lines.any(|line| line.unwrap().contains("\"result\"")), "the last one comes late enough");
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let there = weights("model");
        assert!(there == old || there == new, "kill {kill}");
        found[usize::from(there == new)] += 1;
        succeeds(folder, &["predict", "model", "a fine room"]);
        succeeds(folder, &[&arguments[..], &["--resume"]].concat());
        assert!(weights("model") == new);
        fs::remove_dir_all(folder.join("model")).unwrap();
        assert_eq!(names(folder), before, "nothing is left");
    }
    assert!(found.iter().all(|&times| times > 0), "kills came before and after: {found:?}");
}
