//! Models as NIR files: written with the spikes of texts, run again from the file, and taken back.

mod common;

use std::fs;

use common::{fails, names, run, succeeds, text};
use serde_json::Value;

/// A small network, trained quickly.
fn train(folder: &std::path::Path, out: &str, more: &[&str]) {
    let small = ["--set", "network.filters=10", "--set", "network.widths=[2,3]", "--epochs", "1", "--out", out];
    succeeds(folder, &[&["train"], &small[..], more].concat());
}

fn object(output: &str) -> Value {
    serde_json::from_str(output).expect("one object")
}

#[test]
fn a_model_goes_to_a_file_and_comes_back() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let folder = folder.path();
    train(folder, "model", &["--reset", "hard", "--set", "network.averaging={kind=\"padded\", length=20}"]);
    fs::write(folder.join("texts.txt"), "a warm and funny film\nthe worst hotel of the year\nqqq zzz\n")
        .expect("written");
    let export = ["export", "model", "model.nir", "--inputs", "texts.txt", "--inputs-out", "texts.npz", "--json"];
    let told = object(&succeeds(folder, &export));
    // Texts of a padded network are exact, whatever their length is.
    assert_eq!((&told["texts"], &told["known"], &told["agree"]), (&3.into(), &2.into(), &2.into()), "{told}");
    assert_eq!((&told["length"], &told["nodes"]), (&20.into(), &8.into()), "{told}");
    assert_eq!(told["channels"]["further"], serde_json::json!(["presence", "onset"]));
    assert!(told["not_carried"].as_array().is_some_and(|told| told.len() >= 3), "{told}");
    let (network, arrays) = (fs::read(folder.join("model.nir")), fs::read(folder.join("texts.npz")));
    assert!(fails(folder, &export).contains("--force"));
    succeeds(folder, &[&export[..], &["--force"]].concat());
    assert_eq!(fs::read(folder.join("model.nir")).expect("again"), network.expect("a network"), "the same bytes");
    assert_eq!(fs::read(folder.join("texts.npz")).expect("again"), arrays.expect("arrays"), "the same bytes");
    // The file alone gives the same again.
    let shown = succeeds(folder, &["import", "model.nir"]);
    assert!(shown.contains("weights_0 (Conv2d)") && shown.contains("neurons_2 (IF)"), "{shown}");
    let again = ["import", "model.nir", "--inputs", "texts.npz", "--out", "answers.npz", "--json"];
    assert_eq!(object(&succeeds(folder, &again))["texts"], 3);
    let array = |file: &str, name: &str| {
        spiketext_nir::npz::read(&folder.join(file), name).unwrap_or_else(|error| panic!("{file}: {error}"))
    };
    for name in ["outputs", "spikes_neurons_0", "spikes_neurons_2"] {
        assert_eq!(array("answers.npz", name), array("texts.npz", name), "{name}");
    }
    // The weights come back as they are: the same answers.
    let back = object(&succeeds(folder, &["import", "model.nir", "--like", "model", "--out", "back", "--json"]));
    assert_eq!(back["changed"], 0);
    let answer = |model: &str| succeeds(folder, &["predict", model, "--file", "texts.txt", "--json"]);
    assert_eq!(answer("back"), answer("model"));
    let again = fails(folder, &["import", "model.nir", "--like", "model", "--out", "back"]);
    assert!(again.contains("--force"), "{again}");
    // Nothing that is read is written over, nor a model's own file, whatever --force says and links hide.
    let before: Vec<_> = ["model.nir", "texts.npz", "texts.txt", "model/config.json"]
        .map(|name| fs::read(folder.join(name)).ok())
        .to_vec();
    for arguments in [
        &["export", "model", "texts.txt", "--inputs", "texts.txt", "--inputs-out", "b.npz"][..],
        &["export", "model", "b.nir", "--inputs", "texts.txt", "--inputs-out", "texts.txt"],
        &["export", "model", "./b.nir", "--inputs", "texts.txt", "--inputs-out", "model/../b.nir"],
        &["export", "model", "model/config.json"],
        &["export", "model", "back/b.nir"],
        &["import", "model.nir", "--inputs", "texts.npz", "--out", "texts.npz"],
        &["import", "model.nir", "--inputs", "texts.npz", "--out", "./model.nir"],
        &["import", "model.nir", "--inputs", "texts.npz", "--out", "model/config.json"],
        &["import", "model.nir", "--inputs", "texts.npz", "--out", "model/new.npz"],
    ] {
        let told = fails(folder, &[arguments, &["--force"]].concat());
        assert!(told.contains("expected a"), "{arguments:?}: {told}");
    }
    let after: Vec<_> = ["model.nir", "texts.npz", "texts.txt", "model/config.json"]
        .map(|name| fs::read(folder.join(name)).ok())
        .to_vec();
    assert!(before == after && !folder.join("b.nir").exists() && !folder.join("b.npz").exists());
    // A file of other things, one that is cut off, one for another reader.
    fs::write(folder.join("texts.nir"), "not HDF5").expect("written");
    let bytes = fs::read(folder.join("model.nir")).expect("a network");
    fs::write(folder.join("half.nir"), &bytes[..bytes.len() / 2]).expect("written");
    for file in ["texts.nir", "half.nir"] {
        let told = fails(folder, &["import", file]);
        assert!(told.contains(file) && told.contains("expected"), "{told}");
    }
    let told = fails(folder, &["export", "model", "other.nir", "--target", "sinabs"]);
    assert!(told.contains("--reset soft"), "{told}");
    let told = run(folder, &["export", "model", "other.nir", "--target", "loihi"]);
    assert!(told.status.code() == Some(2) && text(&told.stderr).contains("snntorch"), "{told:?}");
    let told = fails(folder, &["export", "model", "other.nir", "--length", "7"]);
    assert!(told.contains("20"), "{told}");
    assert!(!names(folder).iter().any(|name| name.starts_with("other") || name.starts_with(".spiketext")));
}

#[test]
fn soft_resets_go_to_the_reader_that_subtracts_and_one_step_to_all() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let folder = folder.path();
    train(folder, "soft", &[]);
    let told = fails(folder, &["export", "soft", "soft.nir"]);
    assert!(told.contains("--reset hard") && told.contains("--target sinabs"), "{told}");
    let told = succeeds(folder, &["export", "soft", "soft.nir", "--target", "sinabs"]);
    assert!(told.contains("several times"), "{told}");
    train(folder, "sparse", &["--recipe", "sparse", "--set", "sparse.epochs=1", "--set", "sparse.dimension=64"]);
    fs::write(folder.join("texts.csv"), "text\na warm film\nthe worst of all\ngood\n").expect("written");
    for target in ["generic", "snntorch", "spikingjelly", "norse", "sinabs"] {
        let out = format!("{target}.nir");
        let arguments =
            ["export", "sparse", &out, "--target", target, "--inputs", "texts.csv", "--inputs-out", "a.npz"];
        let told = object(&succeeds(folder, &[&arguments[..], &["--force", "--json"]].concat()));
        // Shorter texts are exact, down to a word.
        assert_eq!((&told["agree"], &told["texts"]), (&3.into(), &3.into()), "{target}: {told}");
    }
    let both = fails(folder, &["train", "--reset", "hard", "--set", "network.reset=soft"]);
    assert!(both.contains("--reset"), "{both}");
}
