//! Model directories of every format load for ever and answer as they did on the day that they were written.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use spiketext::{
    encode::Noise,
    engine::run,
    model::{CONFIG, Model, VOCABULARY, WEIGHTS},
    score::{DnnScorer, Scorer},
};

/// What the program that wrote a model said of a text.
#[derive(Deserialize)]
struct Answer {
    text: String,
    label: String,
    probabilities: BTreeMap<String, f32>,
    unknown: bool,
    tokens: usize,
    known_tokens: usize,
    acs: u64,
    /// Probabilities of the kept DNN, where there is one (format 1).
    #[serde(default)]
    dnn: Option<Vec<f32>>,
    /// Scores, where the network was run (format 2).
    #[serde(default)]
    scores: Option<Vec<f32>>,
}

/// The folder of a kept model.
fn folder(format: u32, name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/format-{format}")).join(name)
}

/// A kept model and its answers.
fn model(format: u32, name: &str) -> (Model, Vec<Answer>) {
    let folder = folder(format, name);
    let lines = fs::read_to_string(folder.with_extension("jsonl")).expect("the answers");
    let answers: Vec<Answer> = lines.lines().map(|line| serde_json::from_str(line).expect("an answer")).collect();
    assert!(answers.len() > 5, "{name}");
    (Model::load(&folder).expect("a kept model"), answers)
}

/// The texts of answers.
fn texts(answers: &[Answer]) -> Vec<&str> {
    answers.iter().map(|answer| answer.text.as_str()).collect()
}

fn bits(values: impl IntoIterator<Item = f32>) -> Vec<u32> {
    values.into_iter().map(f32::to_bits).collect()
}

/// Loads a model and holds its answers, in one batch and one by one, to those that are kept.
fn holds(format: u32, name: &str) -> (Model, Vec<Answer>) {
    let (model, answers) = model(format, name);
    let texts = texts(&answers);
    let (together, _) = model.predict(&texts);
    for (i, (want, got)) in answers.iter().zip(&together).enumerate() {
        let text = &want.text;
        assert_eq!(model.labels()[got.label], want.label, "{name}: {text:?}");
        assert_eq!(model.labels().len(), want.probabilities.len(), "{name}: {text:?}");
        let wanted = model.labels().iter().map(|label| want.probabilities[label]);
        assert_eq!(bits(got.probabilities.clone()), bits(wanted), "{name}: {text:?}");
        assert_eq!(
            (got.unknown, got.tokens, got.known_tokens, got.operations.acs()),
            (want.unknown, want.tokens, want.known_tokens, want.acs),
            "{name}: {text:?}"
        );
        assert_eq!(model.predict(&texts[i..=i]).0[0], *got, "{name}: {text:?} alone");
    }
    (model, answers)
}

#[test]
fn lean() {
    holds(1, "lean");
}

#[test]
fn paper() {
    holds(1, "paper");
}

#[test]
fn leaky_neurons_with_a_hard_reset() {
    holds(1, "leaky");
}

#[test]
fn real_currents_in_chinese() {
    holds(1, "direct");
}

#[test]
fn weighted_phases() {
    holds(1, "phase");
}

/// A saved model that was loaded from format 1 answers the same: reading loses nothing that writing needs.
#[test]
fn written_again_it_answers_the_same() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for name in ["lean", "paper", "leaky", "direct", "phase"] {
        let (model, answers) = model(1, name);
        let path = folder.path().join(name);
        model.save(&path).expect("saved");
        let again = Model::load(&path).expect("a model of today's format");
        let texts = texts(&answers);
        assert_eq!(again.predict(&texts), model.predict(&texts), "{name}");
        assert_eq!(again.training(), model.training(), "{name}");
    }
}

/// Real-valued sums may differ in their last bits between processors, so the DNN is held to a tolerance.
#[test]
fn the_kept_dnn() {
    let (model, answers) = model(1, "lean");
    let dnn = model.load_dnn(&folder(1, "lean")).expect("its DNN");
    let texts: Vec<String> = answers.iter().map(|answer| answer.text.clone()).collect();
    for (want, got) in answers.iter().zip(DnnScorer::new(&model, &dnn).score(&texts)) {
        let want = want.dnn.as_ref().expect("the DNN's answer");
        assert_eq!(want.len(), got.len());
        for (want, got) in want.iter().zip(&got) {
            assert!((want - got).abs() < 1e-5, "{want} and {got}");
        }
    }
}

/// Holds a model to its kept answers, and to its scores of texts whose tokens stand between blanks. Written
/// again it has the same bytes.
fn holds_to_the_byte(name: &str) {
    let (model, answers) = holds(2, name);
    for want in &answers {
        let text = &want.text;
        assert_eq!(want.unknown, want.scores.is_none(), "{name}: {text:?}");
        if let Some(scores) = &want.scores {
            let tokens: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
            let mut words = Vec::new();
            model.vocabulary().encode(&tokens, &mut words);
            let run = run(model.network(), Noise::inference(9), &[words]);
            assert_eq!(bits(run.scores), bits(scores.clone()), "{name}: {text:?}");
        }
    }
    let temporary = tempfile::tempdir().expect("a temporary folder");
    let again = temporary.path().join(name);
    model.save(&again).expect("saved");
    for file in [WEIGHTS, VOCABULARY] {
        let bytes = |folder: &Path| fs::read(folder.join(file)).expect("a file");
        assert_eq!(bytes(&again), bytes(&folder(2, name)), "{name}: {file}");
    }
    // But for checksums, which it had not yet.
    let description = |folder: &Path| fs::read_to_string(folder.join(CONFIG)).expect("a description");
    let written = description(&again);
    let begin = written.find("  \"sha256\": {").expect("checksums");
    let end = begin + written[begin..].find("  },\n").expect("their end") + "  },\n".len();
    assert_eq!(written[..begin].to_owned() + &written[end..], description(&folder(2, name)), "{name}");
}

#[test]
fn residual_blocks_and_a_dense_layer() {
    holds_to_the_byte("residual");
}

#[test]
fn pooled_spikes_straight_into_spiking_outputs() {
    holds_to_the_byte("sums");
}

#[test]
fn a_plain_convolution_of_bernoulli_spikes() {
    holds_to_the_byte("convolution");
}
