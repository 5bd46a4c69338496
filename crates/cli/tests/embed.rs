//! A model as an image: the program writes it, and the crate for machines without an operating system answers as the program
//! does.

mod common;

use std::fs;

use common::{events, fails, result, run, succeeds, text};
use serde_json::Value;
use spiketext::text::Language;
use spiketext_embedded::{Image, Reader};

/// A small network, trained quickly.
const SMALL: [&str; 17] = [
    "train",
    "--recipe",
    "sparse",
    "--out",
    "model",
    "--set",
    "network.filters=10",
    "--set",
    "sparse.dimension=256",
    "--set",
    "sparse.active=8",
    "--set",
    "network.synapse-bits=4",
    "--set",
    "sparse.epochs=2",
    "--set",
    "dnn.epochs=2",
];

#[test]
fn an_image_answers_as_predict_does_and_fits_where_it_has_to() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let folder = folder.path();
    succeeds(folder, &SMALL);
    let told = succeeds(folder, &["embed", "model", "--out", "all.image", "--json"]);
    let told: Value = serde_json::from_str(&told).expect("one object");
    let bytes = fs::read(folder.join("all.image")).expect("an image");
    assert_eq!(told["bytes"], bytes.len());
    let image = Image::read(&bytes).expect("an image");
    assert_eq!((told["words"].as_u64(), image.classes()), (Some(image.words() as u64), 2));
    let mut memory = vec![0; told["memory_bytes"].as_u64().expect("bytes") as usize / 4];
    let mut reader = Reader::new(&image, &mut memory).expect("as much as was told");
    let reviews = spiketext::data::load("reviews-en", None).expect("the built-in reviews");
    let texts: Vec<&str> = reviews.test.iter().map(|example| example.text.as_str()).collect();
    fs::write(folder.join("texts.txt"), texts.join("\n") + "\n").expect("written");
    let answers = succeeds(folder, &["predict", "model", "--file", "texts.txt", "--json"]);
    let answers: Vec<Value> = answers.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(answers.len(), texts.len());
    let tokenizer = Language::English.tokenizer();
    for (text, answer) in texts.iter().zip(&answers) {
        reader.clear();
        tokenizer.tokenize(text).iter().for_each(|token| reader.piece(token));
        let class = reader.answer().class;
        assert_eq!(image.label(class), answer["label"].as_str(), "{text}: {answer}");
    }
    // Two thousand words, within 64 kB.
    succeeds(folder, &["embed", "model", "--words", "2000", "--out", "small.image"]);
    let small = fs::read(folder.join("small.image")).expect("an image");
    assert!(small.len() < 64 * 1024 && Image::read(&small).expect("an image").words() <= 2000, "{}", small.len());
    // The whole model, as files.
    let files: u64 = ["config.json", "model.safetensors", "vocab.txt"]
        .map(|name| fs::metadata(folder.join("model").join(name)).expect("a file").len())
        .iter()
        .sum();
    assert!(files < 4_000_000, "{files}");
    let refused = fails(folder, &["embed", "model", "--out", "small.image"]);
    assert!(refused.contains("--force"), "{refused}");
    assert_eq!(fs::read(folder.join("small.image")).expect("as it was"), small);
    succeeds(folder, &["embed", "model", "--words", "5", "--out", "small.image", "--force"]);
    // Nothing but an image is ever written over.
    for (out, told) in
        [("model", "folder"), ("model/config.json", "outside"), ("nowhere/a.image", "a folder that is there")]
    {
        let refused = fails(folder, &["embed", "model", "--out", out, "--force"]);
        assert!(refused.contains(told), "{refused}");
    }
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("elsewhere", folder.join("link")).expect("a link");
        assert!(fails(folder, &["embed", "model", "--out", "link", "--force"]).contains("link or device"));
    }
    succeeds(folder, &["predict", "model", "a warm film"]);
}

/// One step, as many inputs of a word as are active, none of an unknown one, and all that neurons said.
fn traced(answer: &str) {
    let answer = &events(answer)[0];
    let trace = &answer["trace"];
    assert_eq!((&trace["steps"], &trace["outputs"]), (&1.into(), &Value::Null));
    let active = |token: &Value| token["spikes"][0].as_array().map(Vec::len);
    let tokens = trace["tokens"].as_array().expect("tokens");
    let spikes: Vec<_> = tokens.iter().map(active).collect();
    assert_eq!(spikes, [8, 8, 0, 8, 8, 8].map(Some), "{trace}");
    assert_eq!(trace["features"].as_array().map(Vec::len), Some(0));
    let convolution = trace["convolution"].as_array().expect("kernel widths");
    let fired: Vec<usize> = convolution
        .iter()
        .flat_map(|width| width["spikes"].as_array().expect("positions"))
        .map(|at_a_step| at_a_step.as_array().expect("spikes").len())
        .collect();
    assert_eq!(fired.len(), 3);
    assert!(
        fired.iter().sum::<usize>() > 0 && !trace["contributions"].as_array().expect("a list").is_empty(),
        "{trace}"
    );
}

#[test]
fn a_sparse_model_is_shown_without_networks_that_never_were() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let folder = folder.path();
    // The teacher is kept beside it, reads vectors where the network reads codes, and can be asked.
    let mut with_teacher = SMALL.to_vec();
    (with_teacher[4], with_teacher[16]) = ("taught", "dnn.epochs=1");
    with_teacher.push("--keep-dnn");
    succeeds(folder, &with_teacher);
    fs::write(folder.join("few.csv"), "label,text\npositive,a warm film\nnegative,a dull film\n").expect("written");
    succeeds(folder, &["attack", "taught", "few.csv", "--attack", "deepwordbug", "--network", "dnn"]);
    let mut alone = SMALL.to_vec();
    alone.extend(["--set", "sparse.teacher.weight=0"]);
    let trained = run(folder, &alone);
    let shown = text(&trained.stdout).to_owned() + text(&trained.stderr);
    assert!(trained.status.success(), "{shown}");
    let inspected = succeeds(folder, &["inspect", "model"]);
    let card = fs::read_to_string(folder.join("model/README.md")).expect("a card");
    for shown in [&shown, &inspected, &card] {
        assert!(!shown.contains("0.00 %") && !shown.contains("converted SNN"), "{shown}");
    }
    assert!(
        inspected.contains("8 active inputs out of 256") && card.contains("surrogate gradients"),
        "{inspected}{card}"
    );
    // What works on other models works on this one.
    succeeds(folder, &["predict", "model", "a warm and funny film", "--trace"]);
    traced(&succeeds(folder, &["predict", "model", "a warm qqqx and funny film", "--trace", "--json"]));
    let evaluated = succeeds(folder, &["evaluate", "model", "few.csv"]);
    for shown in [&shown, &inspected, &evaluated] {
        // There are no such neurons.
        assert!(shown.contains("convolution 0.") && !shown.contains("features 0.0"), "{shown}");
    }
    let attack = ["attack", "model", "--dataset", "reviews-en", "--attack", "deepwordbug", "--count", "20", "--json"];
    let got = result(&succeeds(folder, &attack));
    assert!(got["succeeded"].as_u64() > Some(0), "{got}");
    succeeds(folder, &["train", "--set", "dnn.epochs=1", "--out", "lean"]);
    let refused = fails(folder, &["embed", "lean", "--out", "lean.image"]);
    assert!(refused.contains("--recipe sparse"), "{refused}");
    assert!(!folder.join("lean.image").exists());
}
