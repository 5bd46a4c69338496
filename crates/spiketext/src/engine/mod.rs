//! The inference engine: runs a network on token lists, counts what it did, and shows every spike when asked.
//!
//! Nothing here knows of texts or files: tokens in, scores out. A word's spikes and products are made once for each
//! batch of texts, however often the word stands in it, and a [`Runner`] keeps those of the words it met last. A
//! [`VariantRunner`] keeps the spikes of whole windows of words, for texts that differ by a word or two.

mod first_order;
mod operations;
mod runner;
mod trace;
mod variants;
mod windows;
mod words;

use std::{collections::HashMap, hash::BuildHasherDefault};

pub use first_order::first_order;
pub use spiketext_kernels::SpikeTrain;
use spiketext_kernels::{
    Drive, SILENT, TokenBatch, neuron_scan,
    spiking_convolution::{self, SpikingConvolution},
};

pub(crate) use operations::cover;
pub use operations::{Extremes, Firing, LayerExtremes, Operations};
pub use runner::Runner;
pub use trace::Trace;
pub use variants::{VariantRunner, WINDOW_BYTES};

use windows::WordHasher;

use crate::{
    encode::{Noise, UNKNOWN_RATE, encode},
    network::{Network, Readout, Specification, UnknownWord},
    text::UNKNOWN,
};

/// What a run gives back.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Run {
    /// Scores of every text and class, `[B, K]`: firing rates or mean membranes of the outputs.
    pub scores: Vec<f32>,
    /// The best class of every text, `[B]`. Equal spike counts are told apart by the charge left in the outputs.
    pub labels: Vec<usize>,
    /// What every text cost, `[B]`.
    pub operations: Vec<Operations>,
    /// How much each layer fired.
    pub firing: Firing,
}

/// Runs `network` on texts given as word ids ([`UNKNOWN`] for unknown words).
///
/// # Panics
/// If an id is neither a word of the network nor [`UNKNOWN`].
#[must_use]
pub fn run(network: &Network, noise: Noise, texts: &[Vec<u32>]) -> Run {
    Runner::new(network, noise).run(texts)
}

/// Runs `network` on one text and keeps every spike.
///
/// # Panics
/// As [`run`].
#[must_use]
pub fn run_traced(network: &Network, noise: Noise, text: &[u32]) -> (Run, Trace) {
    let mut all = Run { firing: Firing::new(network.specification()), ..Run::default() };
    let texts = [text.to_vec()];
    let (batch, words) = batch_of(network.specification(), &texts);
    let spikes = spikes_of(network, noise, &words);
    let counts = convolution(network).forward(&spikes, &batch);
    let layers = Layers::after_convolution(network, &batch, counts);
    layers.collect(network, &batch, &spike_counts(network, &spikes), &mut all);
    let trace = Trace::new(network, &batch, &spikes, &layers);
    (all, trace)
}

/// Spikes of words, a row for each (word, step) or what else the encoder's drive says.
fn spikes_of(network: &Network, noise: Noise, words: &[u32]) -> SpikeTrain {
    let specification = network.specification();
    let dimension = specification.convolution.dimension;
    encode(specification.encoder, specification.steps, dimension, noise, words.len(), |i| {
        if words[i] == UNKNOWN {
            (u64::from(UNKNOWN), vec![UNKNOWN_RATE; dimension].into())
        } else {
            (u64::from(words[i]), network.weights().codes.rates(words[i] as usize, dimension))
        }
    })
}

/// How often each word spikes; of a constant current, how many of a word's inputs are not zero.
fn spike_counts(network: &Network, spikes: &SpikeTrain) -> Vec<u64> {
    let time = network.specification().time();
    let of = |word: usize| -> u64 {
        let rows = word * time.rows()..(word + 1) * time.rows();
        match time.drive {
            Drive::Spikes | Drive::Phases => rows.map(|row| u64::from(spikes.count_row(row))).sum(),
            Drive::Current => {
                let any = |word: usize| rows.clone().fold(0, |any, row| any | spikes.row(row)[word]).count_ones();
                (0..spikes.words_per_row()).map(|word| u64::from(any(word))).sum()
            }
        }
    };
    (0..spikes.rows() / time.rows()).map(of).collect()
}

/// The convolution of a network.
fn convolution(network: &Network) -> SpikingConvolution<'_> {
    let (specification, weights) = (network.specification(), network.weights());
    let own = spiking_convolution::Weights::new(&weights.synapses, &weights.presence, &weights.bias);
    SpikingConvolution {
        shape: &specification.convolution,
        neuron: &specification.convolution_neuron,
        time: specification.time(),
        weights: spiking_convolution::Weights { packed: network.packed(), ..own },
        workspace: network.workspace(),
    }
}

/// Activity of all layers of a batch.
struct Layers {
    /// Convolution spikes summed over positions, `[B, T, C]`.
    counts: Vec<f32>,
    /// Feature spikes, `[B, T, C]`.
    features: Vec<f32>,
    /// Output currents, `[B, T, O]`.
    currents: Vec<f32>,
    /// Output spikes, `[B, T, O]`; none for the membrane read-out.
    outputs: Option<Vec<f32>>,
}

impl Layers {
    /// Runs the layers after the convolution.
    fn after_convolution(network: &Network, batch: &TokenBatch, counts: Vec<f32>) -> Self {
        let (specification, weights) = (network.specification(), network.weights());
        let (steps, shape) = (specification.steps, &specification.convolution);
        let (thresholds, scales) = feature_thresholds(specification, &weights.feature_thresholds, batch);
        let features = neuron_scan::forward(
            &specification.feature_neuron,
            steps,
            shape.channels(),
            neuron_scan::Thresholds { values: &thresholds, scales: &scales },
            &counts,
        );
        let outputs = specification.outputs();
        // Features are 0 or 1: adding the rows of those that fired is the whole matrix product.
        let mut currents = Vec::with_capacity(batch.len() * steps * outputs);
        for features in features.chunks_exact(shape.channels()) {
            let start = currents.len();
            currents.extend_from_slice(&weights.output_bias);
            let current = &mut currents[start..];
            for (_, row) in
                features.iter().zip(weights.output_synapses.chunks_exact(outputs)).filter(|(s, _)| **s > 0.0)
            {
                current.iter_mut().zip(row).for_each(|(sum, weight)| *sum += weight);
            }
        }
        let spikes = output_spikes(specification, &currents);
        Self { counts, features, currents, outputs: spikes }
    }

    /// Adds this batch to a run. `token_spikes` holds the spikes of each token that the batch names.
    fn collect(&self, network: &Network, batch: &TokenBatch, token_spikes: &[u64], run: &mut Run) {
        let specification = network.specification();
        let a_text = specification.outputs() * specification.steps;
        for b in 0..batch.len() {
            let mean = |values: &[f32]| class_means(specification, &values[b * a_text..][..a_text]);
            let charge = mean(&self.currents);
            let scores = self.outputs.as_ref().map_or_else(|| charge.clone(), |spikes| mean(spikes));
            let mut best = 0;
            for k in 1..specification.classes {
                if (scores[k], charge[k]) > (scores[best], charge[best]) {
                    best = k;
                }
            }
            run.labels.push(best);
            run.scores.extend(scores);
        }
        operations::count(network, batch, token_spikes, self, run);
    }
}

/// Spikes of the outputs, `[B, T, O]`, from their currents; none for the membrane read-out.
fn output_spikes(specification: &Specification, currents: &[f32]) -> Option<Vec<f32>> {
    (specification.readout == Readout::SpikeCount).then(|| {
        let (steps, outputs) = (specification.steps, specification.outputs());
        let thresholds = vec![specification.output_neuron.threshold; currents.len() / steps];
        let scales = vec![1.0; thresholds.len()];
        let thresholds = neuron_scan::Thresholds { values: &thresholds, scales: &scales };
        neuron_scan::forward(&specification.output_neuron, steps, outputs, thresholds, currents)
    })
}

/// What the outputs of each class have of a text's `values`, `[T, O]`, on average.
fn class_means(specification: &Specification, values: &[f32]) -> Vec<f32> {
    let (outputs, steps, group) = (specification.outputs(), specification.steps, specification.outputs_per_class);
    let mut sums = vec![0.0f32; specification.classes];
    for row in values.chunks_exact(outputs) {
        for (sum, members) in sums.iter_mut().zip(row.chunks_exact(group)) {
            *sum += members.iter().sum::<f32>();
        }
    }
    sums.into_iter().map(|sum| sum / (steps * group) as f32).collect()
}

/// Turns texts into rows of distinct words, in order of first use. Words past the longest text that the network reads
/// are left out; unknown words have a row only under the mean policy.
#[must_use]
pub fn batch_of(specification: &Specification, texts: &[Vec<u32>]) -> (TokenBatch, Vec<u32>) {
    let mut batch = TokenBatch::new(specification.averaging.padded_length());
    let mut words = Vec::new();
    let mut rows = HashMap::<u32, u32, BuildHasherDefault<WordHasher>>::default();
    for text in texts {
        batch.push(text.iter().take(specification.averaging.longest()).map(|&word| {
            if word == UNKNOWN && specification.unknown == UnknownWord::Silent {
                return SILENT;
            }
            *rows.entry(word).or_insert_with(|| {
                words.push(word);
                words.len() as u32 - 1
            })
        }));
    }
    (batch, words)
}

/// How many words of a text the network knows, among those that it reads. A text without any is not run: its answer is
/// the classes' shares in training.
#[must_use]
pub fn known_words(specification: &Specification, text: &[u32]) -> usize {
    text.iter().take(specification.averaging.longest()).filter(|&&word| word != UNKNOWN).count()
}

/// Thresholds of the pooled features in whole spikes summed over positions, and the unit of their surrogate, `[B, C]`.
#[must_use]
pub fn feature_thresholds(
    specification: &Specification,
    thresholds: &[f32],
    batch: &TokenBatch,
) -> (Vec<f32>, Vec<f32>) {
    let shape = &specification.convolution;
    let mut values = Vec::with_capacity(batch.len() * shape.channels());
    let mut scales = Vec::with_capacity(batch.len() * shape.channels());
    for b in 0..batch.len() {
        for (&width, thresholds) in shape.widths.iter().zip(thresholds.chunks_exact(shape.filters)) {
            let positions = batch.positions(b, width) as f32;
            for threshold in thresholds {
                values.push(positions * threshold * specification.feature_neuron.threshold);
                scales.push(positions * threshold);
            }
        }
    }
    (values, scales)
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;
    use spiketext_kernels::{ConvolutionShape, NeuronParameters};

    use super::*;
    use crate::{
        encode::Encoder,
        network::{Averaging, Codes, Weights},
        seed::{Purpose, normal, stream},
    };

    /// A small network of random weights over ten words.
    pub(crate) fn network(readout: Readout, encoder: Encoder, averaging: Averaging) -> Network {
        let convolution = ConvolutionShape { widths: vec![2, 3], filters: 9, dimension: 12 };
        let neuron = NeuronParameters { initial: 0.5, ..NeuronParameters::paper() };
        let specification = Specification {
            convolution,
            classes: 3,
            outputs_per_class: 2,
            steps: 6,
            encoder,
            unknown: UnknownWord::Mean,
            averaging,
            readout,
            convolution_neuron: neuron,
            feature_neuron: neuron,
            output_neuron: neuron,
        };
        let mut rng = stream(1, Purpose::Weights, 0, 0);
        let mut draw = |count: usize, size: f32| (0..count).map(|_| size * normal(&mut rng)).collect::<Vec<f32>>();
        let shape = specification.convolution.clone();
        let weights = Weights {
            synapses: draw(shape.dimension * shape.products(), 0.4),
            presence: draw(shape.products(), 0.2),
            bias: draw(shape.channels(), 0.1),
            feature_thresholds: vec![0.31; shape.channels()],
            output_synapses: draw(shape.channels() * 6, 0.5),
            output_bias: draw(6, 0.1),
            codes: Codes::Sixteen(
                draw(10 * shape.dimension, 0.2).into_iter().map(|x| crate::encode::fixed_rate(x + 0.5)).collect(),
            ),
        };
        Network::new(specification, weights).expect("a sound network")
    }

    fn texts() -> Vec<Vec<u32>> {
        vec![vec![0, 1, 2, 3, 0, 1], vec![], vec![UNKNOWN], vec![9, 9, 9, 9], (0..10).chain(0..10).collect()]
    }

    #[test]
    fn a_text_scores_the_same_in_any_company() {
        for readout in [Readout::SpikeCount, Readout::Membrane] {
            for encoder in Encoder::ALL {
                for averaging in [Averaging::Valid, Averaging::Padded { length: 8 }] {
                    let network = network(readout, encoder, averaging);
                    let together = run(&network, Noise::inference(1), &texts());
                    for (b, text) in texts().into_iter().enumerate() {
                        let alone = run(&network, Noise::inference(1), &[text]);
                        assert_eq!(alone.scores, together.scores[b * 3..][..3]);
                        assert_eq!(alone.operations[0], together.operations[b]);
                    }
                }
            }
        }
    }

    #[test]
    fn a_trace_holds_the_spikes_that_were_counted() {
        for encoder in Encoder::ALL {
            let network = network(Readout::SpikeCount, encoder, Averaging::Padded { length: 8 });
            for text in texts() {
                let (run, trace) = run_traced(&network, Noise::inference(4), &text);
                let operations = &run.operations[0];
                assert!(trace.tokens.iter().all(|train| train.rows() == 6));
                assert_eq!(trace.tokens.iter().map(SpikeTrain::count).sum::<u64>(), operations.input_spikes);
                assert_eq!(
                    trace.convolution.iter().map(SpikeTrain::count).sum::<u64>(),
                    operations.convolution_spikes
                );
                assert_eq!(trace.features.count(), operations.feature_spikes);
                assert_eq!(trace.outputs.as_ref().map(SpikeTrain::count), Some(operations.output_spikes));
            }
        }
    }

    proptest! {
        #[test]
        fn any_text_runs(
            text in prop::collection::vec(prop::option::of(0u32..10), 0..40),
            encoder in prop::sample::select(Encoder::ALL.to_vec()),
        ) {
            let network = network(Readout::Membrane, encoder, Averaging::Valid);
            let text: Vec<u32> = text.into_iter().map(|id| id.unwrap_or(UNKNOWN)).collect();
            let run = run(&network, Noise::inference(0), &[text]);
            prop_assert!(run.scores.iter().all(|score| score.is_finite()));
            prop_assert!(run.labels[0] < 3);
        }
    }
}
