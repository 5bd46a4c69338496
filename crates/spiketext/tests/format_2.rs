//! Model directories of format 2 load for ever and answer as they did on the day that they were written.

use std::{collections::BTreeMap, fs, path::Path};

use serde::Deserialize;
use spiketext::{encode::Noise, engine::run, model::Model};

/// What the program that wrote the models said of a text, whose tokens stand between blanks.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    text: String,
    label: String,
    probabilities: BTreeMap<String, f32>,
    unknown: bool,
    tokens: usize,
    known_tokens: usize,
    acs: u64,
    /// Nothing where nothing was run.
    scores: Option<Vec<f32>>,
}

fn bits(values: impl IntoIterator<Item = f32>) -> Vec<u32> {
    values.into_iter().map(f32::to_bits).collect()
}

/// Loads the model, holds its answers to those that are kept, and writes it again to the same bytes.
fn holds(name: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/format-2");
    let model = Model::load(&folder.join(name)).expect("a model of format 2");
    let lines = fs::read_to_string(folder.join(name).with_extension("jsonl")).expect("the answers");
    let answers: Vec<Answer> = lines.lines().map(|line| serde_json::from_str(line).expect("an answer")).collect();
    assert!(answers.len() > 5, "{name}");
    let texts: Vec<&str> = answers.iter().map(|answer| answer.text.as_str()).collect();
    for (want, got) in answers.iter().zip(model.predict(&texts).0) {
        let text = &want.text;
        assert_eq!(model.labels()[got.label], want.label, "{name}: {text:?}");
        let wanted = model.labels().iter().map(|label| want.probabilities[label]);
        assert_eq!(bits(got.probabilities.clone()), bits(wanted), "{name}: {text:?}");
        assert_eq!(
            (got.unknown, got.tokens, got.known_tokens, got.operations.acs()),
            (want.unknown, want.tokens, want.known_tokens, want.acs),
            "{name}: {text:?}"
        );
        assert_eq!(got.unknown, want.scores.is_none(), "{name}: {text:?}");
        if let Some(scores) = &want.scores {
            let tokens: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
            let mut words = Vec::new();
            model.vocabulary().encode(&tokens, &mut words);
            let run = run(model.network(), Noise::inference(9), &[words]);
            assert_eq!(bits(run.scores), bits(scores.clone()), "{name}: {text:?}");
        }
    }
    let again = tempfile::tempdir().expect("a temporary folder");
    model.save(&again.path().join(name)).expect("saved");
    for file in [spiketext::model::CONFIG, spiketext::model::WEIGHTS, spiketext::model::VOCABULARY] {
        let bytes = |folder: &Path| fs::read(folder.join(name).join(file)).expect("a file");
        assert_eq!(bytes(again.path()), bytes(&folder), "{name}: {file}");
    }
}

#[test]
fn residual_blocks_and_a_dense_layer() {
    holds("residual");
}

#[test]
fn pooled_spikes_straight_into_spiking_outputs() {
    holds("sums");
}

#[test]
fn a_plain_convolution_of_bernoulli_spikes() {
    holds("convolution");
}
