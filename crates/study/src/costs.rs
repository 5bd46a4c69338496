//! What a cell costs: from the engine's counts on the test texts, from the texts where nothing spikes, or from the rows
//! that a method without a network reads.

use spiketext::{
    dnn::QuantisedBits,
    energy::{
        CostReport, Footprint, HOROWITZ_45NM_INT8, HOROWITZ_45NM_INT8_SUM32, LookUp, OperationCounts, Shape, TABLES,
    },
    engine::known_words,
    network::{Network, NetworkConfig},
};
use spiketext_train::{dnn::TextCnn, prepare::EncodedText, steps::Measurement};

use crate::cell::{CostsPerText, Energy};

/// Costs of a test text for a spiking network; `measured` is its run.
#[must_use]
pub fn with_spikes(network: &Network, measured: &Measurement) -> CostsPerText {
    CostsPerText::of(&CostReport::spiking(network, &measured.operations))
}

/// Costs of a test text for a real-valued network, whose biases count if `biases`. A text without a known word is not
/// run.
#[must_use]
pub fn without_spikes(
    config: &NetworkConfig,
    network: &TextCnn,
    biases: bool,
    texts: &[EncodedText],
) -> CostsPerText {
    let weights = network.weights();
    let shape = Shape::real_valued(config, biases);
    let connections: Vec<&[f32]> = weights.layers.iter().map(|layer| &layer.synapses[..]).collect();
    let count = if biases { weights.layers.iter().map(|layer| layer.bias.len()).sum() } else { 0 };
    let footprint = Footprint::real_valued(weights.codes.count(), &connections, count);
    let runs = |text: &EncodedText| known_words(config, &text.words) > 0;
    let run_on: Vec<Vec<u32>> = texts.iter().filter(|text| runs(text)).map(|text| text.words.clone()).collect();
    let shares = network.rectifier_shares(&run_on);
    let work = |text: &EncodedText| {
        if runs(text) {
            OperationCounts::real_valued(&shape, &text.words, shares)
        } else {
            OperationCounts::default()
        }
    };
    CostsPerText::of(&CostReport::real_valued(&shape, footprint, &texts.iter().map(work).collect::<Vec<_>>()))
}

/// Costs of a test text for a real-valued network in whole numbers: its operations, priced as those of 8 bits (there is no
/// price for 4), and the bytes that it then holds.
#[must_use]
pub fn quantised(
    config: &NetworkConfig,
    network: &TextCnn,
    biases: bool,
    texts: &[EncodedText],
    bits: QuantisedBits,
) -> CostsPerText {
    let costs = without_spikes(config, network, biases, texts);
    let weights = network.weights();
    let numbers: usize = weights.layers.iter().map(|layer| layer.synapses.len()).sum();
    let sums: usize = if biases { weights.layers.iter().map(|layer| layer.bias.len()).sum() } else { 0 };
    let packed = |count: usize, bits: u32| (count * bits as usize).div_ceil(8) as u64;
    let footprint = packed(weights.codes.count(), bits.codes) + packed(numbers, bits.weights) + packed(sums, 32);
    let energy = [HOROWITZ_45NM_INT8, HOROWITZ_45NM_INT8_SUM32].map(|table| {
        let energy = table.microjoules(costs.effective_macs, costs.effective_acs);
        Energy { table: table.name.to_owned(), network: energy, dnn: energy }
    });
    CostsPerText { footprint, energy: energy.into(), ..costs }
}

/// Costs of a test text for a method that adds up rows of a table; `zero_weights` is the share of its weights that are
/// zero. There is no DNN of its shape: it stands beside itself.
#[must_use]
pub fn look_up(work: &LookUp, zero_weights: f64) -> CostsPerText {
    let energy = TABLES.iter().map(|table| {
        let energy = work.microjoules(table);
        Energy { table: table.name.to_owned(), network: energy, dnn: energy }
    });
    CostsPerText {
        footprint: work.bytes,
        connection_sparsity: zero_weights,
        effective_macs: work.macs,
        effective_acs: work.additions,
        dense: work.macs + work.additions,
        energy: energy.collect(),
        ..CostsPerText::default()
    }
}
