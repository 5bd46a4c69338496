//! What a cell's network costs, from the engine's counts on the test texts, or from the texts where nothing spikes.

use spiketext::{
    energy::{Account, Numbers, Shape, Work},
    engine::known_words,
    network::{Network, Specification},
};
use spiketext_train::{dnn::TextCnn, prepare::EncodedText, steps::Measurement};

use crate::cell::CostsPerText;

/// Costs of a test text for a spiking network; `measured` is its run.
#[must_use]
pub fn with_spikes(network: &Network, measured: &Measurement) -> CostsPerText {
    CostsPerText::of(&Account::spiking(network, &measured.operations))
}

/// Costs of a test text for a real-valued network, whose biases count if `biases`. A text without a known word is not
/// run.
#[must_use]
pub fn without_spikes(
    specification: &Specification,
    network: &TextCnn<'_>,
    biases: bool,
    texts: &[EncodedText],
) -> CostsPerText {
    let weights = network.weights();
    let shape = Shape::real_valued(specification, biases);
    let count = if biases { weights.bias.len() + weights.output_bias.len() } else { 0 };
    let numbers = Numbers::real_valued(weights.codes.len(), [&weights.weights, &weights.output], count);
    let runs = |text: &EncodedText| known_words(specification, &text.words) > 0;
    let run_on: Vec<Vec<u32>> = texts.iter().filter(|text| runs(text)).map(|text| text.words.clone()).collect();
    let shares = network.rectifier_shares(&run_on);
    let work = |text: &EncodedText| {
        if runs(text) { Work::real_valued(&shape, &text.words, shares) } else { Work::default() }
    };
    CostsPerText::of(&Account::real_valued(&shape, numbers, &texts.iter().map(work).collect::<Vec<_>>()))
}
