//! The plan for chains of one text convolution, pooling and a read-out, with or without neurons of the pooled
//! features.
//!
//! A word's spikes and products are made once for each batch of texts, however often the word stands in it; a
//! [`Runner`] keeps those of the words it met last.

mod first_order;
mod runner;
pub(super) mod words;

use spiketext_kernels::{
    TokenBatch, neuron_scan,
    spiking_convolution::{self, SpikingConvolution},
};

pub use first_order::first_order;
pub(super) use runner::Runner;

use super::{Operations, Run, feature_thresholds, plain, readout::Answer};
use crate::network::{Readout, TextCnn, TextCnnConfig};

/// The convolution of a network.
fn convolution(cnn: TextCnn<'_>) -> SpikingConvolution<'_> {
    let (config, weights) = (cnn.config, cnn.convolution);
    let own = spiking_convolution::Weights::new(&weights.synapses, &weights.presence, &weights.bias);
    SpikingConvolution {
        shape: &config.convolution,
        neuron: &config.convolution_neuron,
        time: config.time(),
        weights: spiking_convolution::Weights { packed: cnn.packed, ..own },
        workspace: cnn.workspace,
    }
}

/// Activity of all layers of a batch.
struct Layers {
    /// Convolution spikes summed over positions, `[B, T, C]`.
    counts: Vec<f32>,
    /// Feature spikes, `[B, T, C]`; `None` where there are no such neurons.
    features: Option<Vec<f32>>,
    /// Output currents, `[B, T, O]`.
    currents: Vec<f32>,
    /// Output spikes, `[B, T, O]`; `None` for the membrane read-out.
    outputs: Option<Vec<f32>>,
}

impl Layers {
    /// Runs the layers after the convolution.
    fn after_convolution(cnn: TextCnn<'_>, batch: &TokenBatch, counts: Vec<f32>) -> Self {
        let config = cnn.config;
        let (steps, channels, outputs) = (config.steps, config.convolution.channels(), config.outputs());
        let features = config.feature_neuron.map(|neuron| {
            let (thresholds, scales) =
                feature_thresholds(cnn.network.config(), &neuron, cnn.feature_thresholds, batch);
            let thresholds = neuron_scan::Thresholds { values: &thresholds, scales: &scales };
            neuron_scan::forward(&neuron, steps, channels, thresholds, &counts)
        });
        let mut currents = Vec::with_capacity(batch.len() * steps * outputs);
        if let Some(features) = &features {
            // Features are 0 or 1: adding the rows of those that fired is the whole matrix product.
            for features in features.chunks_exact(channels) {
                let start = currents.len();
                currents.extend_from_slice(&cnn.output.bias);
                let current = &mut currents[start..];
                let rows = features.iter().zip(cnn.output.synapses.chunks_exact(outputs));
                for (_, row) in rows.filter(|(spike, _)| **spike > 0.0) {
                    current.iter_mut().zip(row).for_each(|(sum, weight)| *sum += weight);
                }
            }
        } else {
            for (b, counts) in counts.chunks_exact(steps * channels).enumerate() {
                let positions: Vec<usize> =
                    config.convolution.widths.iter().map(|&width| batch.positions(b, width)).collect();
                let divisor = config.padding.common_divisor(batch.text(b).len());
                for counts in counts.chunks_exact(channels) {
                    currents.extend(plain::mean_currents(counts, &positions, divisor, cnn.output));
                }
            }
        }
        let spikes = output_spikes(config, &currents);
        Self { counts, features, currents, outputs: spikes }
    }

    /// Adds this batch to a run. `token_spikes` holds the spikes of each token that the batch names.
    fn collect(&self, cnn: TextCnn<'_>, batch: &TokenBatch, token_spikes: &[u64], run: &mut Run) {
        let a_text = cnn.config.outputs() * cnn.config.steps;
        for b in 0..batch.len() {
            let own = |values: &'_ Vec<f32>| b * a_text..(b * a_text + a_text).min(values.len());
            let spikes = self.outputs.as_ref().map(|spikes| &spikes[own(spikes)]);
            let answer = Answer::of(cnn.network.config(), &self.currents[own(&self.currents)], spikes);
            let operations = self.count(cnn, (batch, b), token_spikes, run);
            run.push(answer, operations);
        }
    }

    /// Counts one text, and how it made neurons fire.
    fn count(
        &self,
        cnn: TextCnn<'_>,
        (batch, b): (&TokenBatch, usize),
        token_spikes: &[u64],
        run: &mut Run,
    ) -> Operations {
        let (config, network) = (cnn.config, cnn.network);
        let shape = &config.convolution;
        let (steps, channels, outputs) = (config.steps, shape.channels(), config.outputs());
        let mut operations = Operations::before(network, batch, b, token_spikes);
        run.firing.add_input(network.config(), &operations);
        let [convolution, pooling, readout] = [0, 1, operations.layers.len() - 1];
        let rows = b * steps..(b + 1) * steps;
        let sums = |values: &[f32], width: usize| {
            let mut sums = vec![0u64; width];
            for row in values[rows.start * width..rows.end * width].chunks_exact(width) {
                sums.iter_mut().zip(row).for_each(|(sum, &value)| *sum += value as u64);
            }
            sums
        };
        let spikes = sums(&self.counts, channels);
        for (c, &spikes) in spikes.iter().enumerate() {
            let opportunities = (batch.positions(b, shape.widths[c / shape.filters]) * steps) as u64;
            run.firing.layer_mut(convolution).add(c, spikes, opportunities);
        }
        let mut last: u64 = spikes.iter().sum();
        operations.layers[convolution].spikes = last;
        operations.layers[pooling].additions = last;
        if let Some(features) = &self.features {
            let spikes = sums(features, channels);
            for (c, &spikes) in spikes.iter().enumerate() {
                run.firing.layer_mut(2).add(c, spikes, steps as u64);
            }
            last = spikes.iter().sum();
            operations.layers[2].spikes = last;
        }
        operations.layers[readout].acs = last * outputs as u64;
        if let Some(fired) = &self.outputs {
            let spikes = sums(fired, outputs);
            for (o, &spikes) in spikes.iter().enumerate() {
                run.firing.layer_mut(readout).add(o, spikes, steps as u64);
            }
            operations.layers[readout].spikes = spikes.iter().sum();
        }
        operations
    }
}

/// Spikes of the outputs, `[B, T, O]`, from their currents; `None` for the membrane read-out.
pub(super) fn output_spikes(config: &TextCnnConfig, currents: &[f32]) -> Option<Vec<f32>> {
    (config.readout == Readout::SpikeCount).then(|| {
        let (steps, outputs) = (config.steps, config.outputs());
        let thresholds = vec![config.output_neuron.threshold; currents.len() / steps];
        let scales = vec![1.0; thresholds.len()];
        let thresholds = neuron_scan::Thresholds { values: &thresholds, scales: &scales };
        neuron_scan::forward(&config.output_neuron, steps, outputs, thresholds, currents)
    })
}
