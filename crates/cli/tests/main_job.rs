//! The main job as a user does it: train in an empty folder, then predict, evaluate and inspect what came out.

mod common;

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::Stdio,
};

use common::{events, names, result, run, spiketext, succeeds, text};
use serde_json::Value;

/// Few epochs: the program is tested here, not how well it learns.
const SHORT: [&str; 8] =
    ["--set", "dnn.epochs=4", "--set", "fine-tuning.epochs=1", "--set", "fine-tuning.least-loss=0", "--seed", "1"];

/// Trains on `dataset` into the default folder; the closing table.
fn train(folder: &Path, dataset: &str) -> String {
    let output = run(folder, &[&["train", "--dataset", dataset][..], &SHORT].concat());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let progress = text(&output.stderr);
    assert!(progress.contains("480 training") && progress.contains("fine-tuning epoch   1: loss"), "{progress}");
    text(&output.stdout).to_owned()
}

#[test]
fn english_from_an_empty_folder_to_answers() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let table = train(folder, "reviews-en");
    let model = "runs/reviews-en-lean-1";
    for part in ["test accuracy", "MACs a text", "ACs a text", "uJ", "firing rates: input", "144 test texts", model] {
        assert!(table.contains(part), "{part}: {table}");
    }
    let files = ["README.md", "config.json", "model.safetensors", "texts.safetensors", "vocab.txt"]
        .map(|name| format!("{model}/{name}"));
    let mut all = vec!["runs/".to_owned(), format!("{model}/")];
    all.extend(files);
    assert_eq!(names(folder), all, "a model directory and no checkpoint");

    // The same run for a program: the same model in the same folder, the same figures.
    let weights = std::fs::read(folder.join(model).join("model.safetensors")).unwrap();
    let lines = events(&succeeds(folder, &[&["train", "--json"][..], &SHORT].concat()));
    let kinds: Vec<&str> = lines.iter().map(|line| line["event"].as_str().unwrap()).collect();
    assert_eq!((kinds[0], kinds[1], kinds[2], kinds[6]), ("note", "prepared", "epoch", "converted"), "{kinds:?}");
    assert!(lines[0]["message"].as_str().is_some_and(|message| message.contains("will be replaced")), "{}", lines[0]);
    let trained = lines.last().unwrap();
    assert_eq!((&trained["event"], &trained["model"]), (&"result".into(), &model.into()));
    let numbers = [
        "dnn_accuracy",
        "converted_accuracy",
        "snn_accuracy",
        "steps",
        "input_rate",
        "convolution_rate",
        "feature_rate",
        "output_rate",
        "dnn_macs_per_text",
        "snn_acs_per_text",
        "pooling_additions_per_text",
        "dnn_microjoules_per_text",
        "snn_microjoules_per_text",
        "energy_ratio",
        "unknown_share",
        "seconds",
    ];
    for key in numbers {
        assert!(trained[key].is_number(), "{key}: {trained}");
    }
    assert!(trained["snn_accuracy"].as_f64().unwrap() > 60.0, "{trained}");
    assert!(table.contains(&format!("{:.2} %", trained["snn_accuracy"].as_f64().unwrap())), "{table}");
    assert_eq!(std::fs::read(folder.join(model).join("model.safetensors")).unwrap(), weights, "one seed, one model");

    evaluate_agrees(folder, model, trained);
    predict_in_every_way(folder, model);
    inspect_tells(folder, model, trained);
}

#[test]
fn what_lost_nothing_is_not_fine_tuned() {
    let folder = tempfile::tempdir().unwrap();
    let train = |loss: &str| {
        let arguments =
            ["train", "--out", "m", "--set", "dnn.epochs=3", "--set", "fine-tuning.epochs=2", "--set", loss];
        let output = run(folder.path(), &arguments);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        (text(&output.stderr).to_owned(), text(&output.stdout).to_owned())
    };
    let (told, table) = train("fine-tuning.least-loss=100");
    assert!(told.contains("conversion lost ") && !told.contains("lost -"), "{told}");
    assert!(told.contains("less than fine-tuning.least-loss = 100") && !told.contains("fine-tuning epoch"), "{told}");
    assert!(table.contains("no fine-tuning: the SNN is the converted network"), "{table}");
    let (told, _) = train("fine-tuning.least-loss=0");
    assert!(told.contains("fine-tuning epoch   2"), "{told}");
}

#[test]
fn chinese_from_an_empty_folder_to_answers() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    train(folder, "reviews-zh");
    let model = "runs/reviews-zh-lean-1";
    let shown: Value = serde_json::from_str(&succeeds(folder, &["inspect", model, "--json"])).unwrap();
    let evaluated = result(&succeeds(folder, &["evaluate", model, "--json"]));
    assert_eq!(evaluated["accuracy"], shown["training"]["test"]["snn"]);
    assert_eq!(shown["language"], "zh");
    let answer = result(&succeeds(folder, &["predict", model, "房间很干净，服务很好！", "--json"]));
    assert_eq!((&answer["unknown"], answer["tokens"].as_u64() > Some(5)), (&false.into(), true), "{answer}");
}

/// What a text costs: the same numbers for people and for programs, the exact ones only when asked for.
fn costs_are_told(folder: &Path, model: &str, evaluated: &Value, plain: &str) {
    for part in ["footprint", "activation sparsity", "dense operations", "Loihi", "costs more", "even at T x rate"] {
        assert!(plain.contains(part), "{part}: {plain}");
    }
    let number = |value: &Value, key: &str| value[key].as_f64().unwrap_or_else(|| panic!("{key}: {value}"));
    let energies = evaluated["energies"].as_array().unwrap();
    assert_eq!(energies.len(), 12);
    assert_eq!(energies[0]["table"], evaluated["energy_table"]);
    assert!((number(&energies[0], "snn_microjoules") - number(evaluated, "snn_microjoules_per_text")).abs() < 1e-6);
    for energy in energies {
        let ratio = number(energy, "snn_microjoules") / number(energy, "dnn_microjoules");
        assert!((number(energy, "ratio") - ratio).abs() < 1e-9, "{energy}");
        assert!(plain.contains(energy["table"].as_str().unwrap()) && energy["source"].is_string(), "{energy}");
    }
    assert_eq!(
        (&evaluated["membrane_updates_per_text"], &evaluated["effective_acs_are_exact"]),
        (&Value::Null, &false.into())
    );
    std::fs::write(folder.join("few.csv"), "label,text\npositive,a warm and lovely film\nnegative,zzzz\n").unwrap();
    let of = |more: &[&str]| result(&succeeds(folder, &[&["evaluate", model, "few.csv", "--json"], more].concat()));
    let (fast, exact) = (of(&[]), of(&["--exact"]));
    assert_eq!(exact["effective_acs_are_exact"], true);
    let acs = number(&exact, "effective_acs_per_text");
    assert!(0.0 < acs && acs <= number(&fast, "effective_acs_per_text"), "{exact}");
    let updates = number(&exact, "membrane_updates_per_text");
    assert!(0.0 < updates && updates <= number(&exact, "neuron_updates_per_text"), "{exact}");
    assert_eq!(number(&exact, "neuron_operations_per_text"), 4.0 * updates);
    assert_eq!(fast["energies"], exact["energies"]);
    let shown = succeeds(folder, &["evaluate", model, "few.csv", "--exact"]);
    assert!(shown.contains("membrane updates") && !shown.contains("at most"), "{shown}");
}

/// `evaluate` measures what `train` reported, on the data set that the model remembers.
fn evaluate_agrees(folder: &Path, model: &str, trained: &Value) {
    let evaluated = result(&succeeds(folder, &["evaluate", model, "--json"]));
    assert_eq!(evaluated["accuracy"], trained["snn_accuracy"]);
    for key in ["input_rate", "convolution_rate", "feature_rate", "snn_acs_per_text", "dnn_macs_per_text"] {
        assert_eq!(evaluated[key], trained[key], "{key}");
    }
    assert_eq!((&evaluated["data"], &evaluated["texts"]), (&"reviews-en".into(), &144.into()));
    assert!(evaluated["texts_per_second"].as_f64().unwrap() > 10.0);
    let counts: u64 = evaluated["confusion"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|row| row.as_array().unwrap())
        .map(|count| count.as_u64().unwrap())
        .sum();
    assert_eq!(counts, 144);

    let plain = succeeds(folder, &["evaluate", model]);
    for part in ["accuracy", "precision", "answers:", "firing rates", "texts a second", "the test texts (official)"] {
        assert!(plain.contains(part), "{part}: {plain}");
    }
    costs_are_told(folder, model, &evaluated, &plain);
    let passed = run(folder, &["evaluate", model, "--at-least", "1"]);
    assert_eq!(passed.status.code(), Some(0));
    let missed = run(folder, &["evaluate", model, "--at-least", "100", "--json"]);
    assert_eq!((missed.status.code(), &result(text(&missed.stdout))["passed"]), (Some(1), &false.into()));
    assert!(text(&missed.stderr).contains("below 100 %"), "{}", text(&missed.stderr));

    // A user's file: labels go by name whatever their order, the column `split` is respected.
    let rows = "label,text,split\npositive,a warm and lovely film,test\nnegative,dull and boring,train\n";
    std::fs::write(folder.join("mine.csv"), rows).unwrap();
    let mine = result(&succeeds(folder, &["evaluate", model, "mine.csv", "--json"]));
    assert_eq!((&mine["texts"], &mine["texts_used"]), (&1.into(), &"the texts that the file marks test".into()));
    let all = result(&succeeds(folder, &["evaluate", model, "mine.csv", "--split", "all", "--json"]));
    assert_eq!((&all["texts"], &all["classes"][0]["texts"]), (&2.into(), &1.into()));
    std::fs::write(folder.join("other.csv"), "label,text\npositive,fine\nneutral,so so\n").unwrap();
    let error = common::fails(folder, &["evaluate", model, "other.csv"]);
    assert!(error.contains("other.csv:3") && error.contains("'negative', 'positive'") && error.contains("'neutral'"));
}

fn predict_in_every_way(folder: &Path, model: &str) {
    let texts = ["a warm and lovely film", "dull,\tboring \u{1b}[31m", "", "qqqx zzzw"];
    let plain = succeeds(folder, &[&["predict", model][..], &texts].concat());
    let lines: Vec<&str> = plain.lines().collect();
    assert_eq!(lines.len(), 4, "{plain}");
    assert!(lines[0].starts_with("positive ") && lines[0].ends_with(" %  a warm and lovely film"), "{plain}");
    assert!(lines[1].ends_with("dull,\\tboring \\u{1b}[31m"), "{plain}");
    assert!(lines[2].contains(" 50.0 %  (unknown)") && lines[3].contains("(unknown) qqqx"), "{plain}");

    let answers = events(&succeeds(folder, &[&["predict", "--json", model][..], &texts].concat()));
    assert_eq!((&answers[0]["label"], &answers[0]["tokens"]), (&"positive".into(), &5.into()));
    assert_eq!(answers[0]["probability"], answers[0]["probabilities"]["positive"]);
    assert!(answers[0]["acs"].as_u64() > Some(1000));
    for unknown in &answers[2..] {
        assert_eq!(
            (&unknown["unknown"], &unknown["known_tokens"], &unknown["acs"]),
            (&true.into(), &0.into(), &0.into())
        );
        assert_eq!(unknown["probabilities"], serde_json::json!({"negative": 0.5, "positive": 0.5}));
    }

    // Files of both kinds give the same answers.
    std::fs::write(folder.join("texts.txt"), "a warm and lovely film\n\n").unwrap();
    std::fs::write(folder.join("texts.csv"), "id,body\n1,a warm and lovely film\n2,\n").unwrap();
    let lines = events(&succeeds(folder, &["predict", model, "--file", "texts.txt", "--json"]));
    assert_eq!(lines, [answers[0].clone(), answers[2].clone()]);
    let rows = succeeds(folder, &["predict", model, "--file", "texts.csv", "--text-column", "body", "--json"]);
    assert_eq!(events(&rows), lines);

    traces(folder, model);
    pipes(folder, model, &answers[0]);
}

fn traces(folder: &Path, model: &str) {
    let drawn = succeeds(folder, &["predict", model, "a lovely qqqx", "--trace"]);
    let parts = ["qqqx (unknown)", "spikes of the tokens", "width 3, 1 x 100", "pooled features", "current into"];
    for part in parts.into_iter().chain(["said most for and against the answer: filter"]) {
        assert!(drawn.contains(part), "{part}: {drawn}");
    }
    let none = succeeds(folder, &["predict", model, "", "--trace"]);
    assert!(none.contains("(unknown)") && none.contains("nothing was run"), "{none}");
    let answers = events(&succeeds(folder, &["predict", model, "a lovely qqqx", "zzzw", "--trace", "--json"]));
    let trace = &answers[0]["trace"];
    assert_eq!((&trace["steps"], &trace["tokens"][2]["known"]), (&8.into(), &false.into()));
    assert_eq!(trace["tokens"][2]["spikes"], serde_json::json!([[], [], [], [], [], [], [], []]));
    assert_eq!((trace["features"].as_array().unwrap().len(), &trace["outputs"]), (8, &Value::Null));
    assert_eq!(trace["output_currents"][0].as_array().unwrap().len(), 2);
    let shares: Vec<f64> =
        trace["contributions"].as_array().unwrap().iter().map(|said| said[1].as_f64().unwrap()).collect();
    assert!(!shares.is_empty() && shares.len() <= 6, "{shares:?}");
    let turn = shares.iter().position(|&share| share < 0.0).unwrap_or(shares.len());
    assert!(shares[..turn].is_sorted_by(|a, b| a >= b) && shares[turn..].is_sorted() && turn <= 3, "{shares:?}");
    assert_eq!((answers[1].get("trace"), &answers[1]["unknown"]), (Some(&Value::Null), &true.into()));
}

/// Answers come while input is still read; a reader that goes away is no error.
fn pipes(folder: &Path, model: &str, first: &Value) {
    let mut child = spiketext(folder, &["predict", model, "--json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    for _ in 0..3 {
        writeln!(input, "a warm and lovely film").unwrap();
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        assert_eq!(serde_json::from_str::<Value>(&line).unwrap(), *first);
    }
    // More than one batch, in order.
    let writer = std::thread::spawn(move || {
        for n in 0..3000 {
            writeln!(input, "film {n}").unwrap();
        }
    });
    for (n, line) in output.lines().enumerate() {
        assert_eq!(serde_json::from_str::<Value>(&line.unwrap()).unwrap()["text"], format!("film {n}"));
    }
    writer.join().unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));

    let mut child =
        spiketext(folder, &["predict", model, "-"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    drop(child.stdout.take());
    // Until the program has noticed and gone.
    while writeln!(input, "a fine film").is_ok() {}
    assert_eq!(child.wait().unwrap().code(), Some(0), "a broken pipe is success");
}

fn inspect_tells(folder: &Path, model: &str, trained: &Value) {
    let plain = succeeds(folder, &["inspect", model]);
    for part in [
        "negative (50.0 %)",
        "128 dimensions",
        "8 time steps",
        "3, 4, 5",
        "128 a token",
        "300 a position",
        "dnn.epochs = 4",
        "vocab.txt",
    ] {
        assert!(plain.contains(part), "{part}: {plain}");
    }
    let shown: Value = serde_json::from_str(&succeeds(folder, &["inspect", model, "--json"])).unwrap();
    assert_eq!(shown["training"]["test"]["snn"], trained["snn_accuracy"]);
    assert_eq!((&shown["recipe"]["dnn"]["epochs"], &shown["network"]["steps"]), (&4.into(), &8.into()));
    assert_eq!(shown["energy_ratio"], trained["energy_ratio"]);
    let size = std::fs::metadata(folder.join(model).join("model.safetensors")).unwrap().len();
    assert_eq!(shown["files"]["model.safetensors"], size);
}
