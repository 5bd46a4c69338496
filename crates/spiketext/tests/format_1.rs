//! Model directories of format 1 load for ever and answer as they did on the day that they were written.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use spiketext::{
    dnn::Dnn,
    model::Model,
    score::{DnnScorer, Scorer},
};

/// What the program that wrote the models said of a text.
#[derive(Deserialize)]
struct Answer {
    text: String,
    label: String,
    probabilities: BTreeMap<String, f32>,
    unknown: bool,
    tokens: usize,
    known_tokens: usize,
    acs: u64,
    /// Probabilities of the kept DNN, where there is one.
    dnn: Option<Vec<f32>>,
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/format-1")
}

fn answers(name: &str) -> Vec<Answer> {
    let lines = fs::read_to_string(fixtures().join(name).with_extension("jsonl")).expect("the answers");
    lines.lines().map(|line| serde_json::from_str(line).expect("an answer")).collect()
}

/// Loads the model and holds its answers, in one batch and one by one, to those that are kept.
fn holds(name: &str) {
    let model = Model::load(&fixtures().join(name)).expect("a model of format 1");
    let answers = answers(name);
    assert!(answers.len() > 5, "{name}");
    let texts: Vec<&str> = answers.iter().map(|answer| answer.text.as_str()).collect();
    let (together, _) = model.predict(&texts);
    for (i, (want, got)) in answers.iter().zip(&together).enumerate() {
        let text = &want.text;
        let labels = model.labels();
        assert_eq!(labels[got.label], want.label, "{name}: {text:?}");
        let probabilities: BTreeMap<String, u32> =
            labels.iter().cloned().zip(got.probabilities.iter().map(|p| p.to_bits())).collect();
        let wanted: BTreeMap<String, u32> =
            want.probabilities.iter().map(|(label, p)| (label.clone(), p.to_bits())).collect();
        assert_eq!(probabilities, wanted, "{name}: {text:?}");
        assert_eq!(
            (got.unknown, got.tokens, got.known_tokens, got.operations.acs()),
            (want.unknown, want.tokens, want.known_tokens, want.acs),
            "{name}: {text:?}"
        );
        assert_eq!(model.predict(&texts[i..=i]).0[0], *got, "{name}: {text:?} alone");
    }
}

#[test]
fn lean() {
    holds("lean");
}

#[test]
fn paper() {
    holds("paper");
}

#[test]
fn leaky_neurons_with_a_hard_reset() {
    holds("leaky");
}

#[test]
fn real_currents_in_chinese() {
    holds("direct");
}

#[test]
fn weighted_phases() {
    holds("phase");
}

/// A saved model that was loaded from format 1 answers the same: reading loses nothing that writing needs.
#[test]
fn written_again_it_answers_the_same() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for name in ["lean", "paper", "leaky", "direct", "phase"] {
        let model = Model::load(&fixtures().join(name)).expect("a model of format 1");
        let path = folder.path().join(name);
        model.save(&path).expect("saved");
        let again = Model::load(&path).expect("a model of today's format");
        let texts: Vec<String> = answers(name).into_iter().map(|answer| answer.text).collect();
        assert_eq!(again.predict(&texts), model.predict(&texts), "{name}");
        assert_eq!(again.training(), model.training(), "{name}");
    }
}

/// Real-valued sums may differ in their last bits between processors, so the DNN is held to a tolerance.
#[test]
fn the_kept_dnn() {
    let folder = fixtures().join("lean");
    let model = Model::load(&folder).expect("a model of format 1");
    let network = model.network();
    let dnn = Dnn::load(&folder, network.config().clone(), network.words()).expect("its DNN");
    let answers = answers("lean");
    let texts: Vec<String> = answers.iter().map(|answer| answer.text.clone()).collect();
    for (want, got) in answers.iter().zip(DnnScorer::new(&model, &dnn).score(&texts)) {
        let want = want.dnn.as_ref().expect("the DNN's answer");
        assert_eq!(want.len(), got.len());
        for (want, got) in want.iter().zip(&got) {
            assert!((want - got).abs() < 1e-5, "{want} and {got}");
        }
    }
}
