//! What a text costs: spikes, accumulations, and the multiplications of the real-valued network beside it.
//!
//! Counted as NeuroBench does: an input times a weight is one operation if the input is not zero; inputs of 0 and 1 make
//! accumulations (ACs), real inputs make multiply-accumulations (MACs); biases and pooling are left out. The spikes that
//! pooling adds up are given beside it, so that nobody need guess.
//!
//! Spikes of weighted phases are inputs of 4, 2, 1, 1/2 and so on, and count as MACs, though a shift and an addition would
//! do. A constant current is a product of real inputs, made once a text: its MACs are counted once, as in the energy of
//! networks whose first layer reads real numbers (Yao et al. 2023), not at each step, where it is added like a bias.

use serde::Serialize;
use spiketext_kernels::{Drive, SILENT, TokenBatch};

use super::{Layers, Run};
use crate::network::{Network, Specification};

/// Operations of one text over all time steps.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Operations {
    /// Tokens that were read, silent ones included.
    pub tokens: u64,
    /// Tokens among them that make no spikes: unknown words under the silent policy.
    pub silent_tokens: u64,
    /// Spikes of the tokens, each token of the text counted.
    pub input_spikes: u64,
    /// Spikes of the convolution neurons at all positions.
    pub convolution_spikes: u64,
    /// Spikes of the pooled features.
    pub feature_spikes: u64,
    /// Spikes of the output neurons.
    pub output_spikes: u64,
    /// Accumulations in the convolution: each input spike into each channel of each position that sees it, and the
    /// presence currents likewise.
    pub convolution_acs: u64,
    /// Multiply-accumulations in the convolution, of encoders whose inputs weigh more or less than 1.
    pub convolution_macs: u64,
    /// Accumulations at the outputs.
    pub output_acs: u64,
    /// Additions of pooling (not among the ACs, as in NeuroBench): one for each convolution spike.
    pub pooling_additions: u64,
    /// Multiply-accumulations of the real-valued network of the same shape on the same text.
    pub dnn_macs: u64,
}

impl Operations {
    /// All accumulations of the spiking network.
    #[must_use]
    pub fn acs(&self) -> u64 {
        self.convolution_acs + self.output_acs
    }
}

/// Activity of the layers, added up over texts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Firing {
    input_spikes: u64,
    input_chances: u64,
    /// Spikes of each convolution channel.
    convolution_spikes: Vec<u64>,
    /// Chances to spike (positions x steps) of each convolution channel.
    convolution_chances: Vec<u64>,
    /// Spikes of each feature.
    feature_spikes: Vec<u64>,
    feature_chances: u64,
    output_spikes: u64,
    output_chances: u64,
}

impl Firing {
    pub(super) fn new(specification: &Specification) -> Self {
        let channels = specification.convolution.channels();
        Self {
            convolution_spikes: vec![0; channels],
            convolution_chances: vec![0; channels],
            feature_spikes: vec![0; channels],
            ..Self::default()
        }
    }

    /// Adds the counts of another part of the same run.
    pub(super) fn add(&mut self, other: &Self) {
        let all = |sums: &mut [u64], parts: &[u64]| sums.iter_mut().zip(parts).for_each(|(sum, part)| *sum += part);
        all(&mut self.convolution_spikes, &other.convolution_spikes);
        all(&mut self.convolution_chances, &other.convolution_chances);
        all(&mut self.feature_spikes, &other.feature_spikes);
        self.input_spikes += other.input_spikes;
        self.input_chances += other.input_chances;
        self.feature_chances += other.feature_chances;
        self.output_spikes += other.output_spikes;
        self.output_chances += other.output_chances;
    }

    /// Mean firing rate of the input, in spikes a (real token, dimension, step).
    #[must_use]
    pub fn input_rate(&self) -> f64 {
        share(self.input_spikes, self.input_chances)
    }

    /// Mean firing rate of the convolution neurons.
    #[must_use]
    pub fn convolution_rate(&self) -> f64 {
        share(self.convolution_spikes.iter().sum(), self.convolution_chances.iter().sum())
    }

    /// Mean firing rate of the pooled features.
    #[must_use]
    pub fn feature_rate(&self) -> f64 {
        share(self.feature_spikes.iter().sum(), self.feature_chances * self.feature_spikes.len() as u64)
    }

    /// Mean firing rate of the output neurons; 0 where they do not fire.
    #[must_use]
    pub fn output_rate(&self) -> f64 {
        share(self.output_spikes, self.output_chances)
    }

    /// Firing rate of each convolution channel over all positions and steps.
    #[must_use]
    pub fn convolution_rates(&self) -> Vec<f64> {
        self.convolution_spikes
            .iter()
            .zip(&self.convolution_chances)
            .map(|(&s, &chances)| share(s, chances))
            .collect()
    }

    /// Firing rate of each feature over all steps.
    #[must_use]
    pub fn feature_rates(&self) -> Vec<f64> {
        self.feature_spikes.iter().map(|&spikes| share(spikes, self.feature_chances)).collect()
    }

    /// Channels that never fired and channels that fired at every chance, for the convolution and for the features.
    #[must_use]
    pub fn extremes(&self) -> Extremes {
        let of = |spikes: &[u64], chances: &dyn Fn(usize) -> u64| LayerExtremes {
            neurons: spikes.len(),
            dead: spikes.iter().filter(|&&spikes| spikes == 0).count(),
            saturated: spikes.iter().enumerate().filter(|&(c, &spikes)| spikes > 0 && spikes == chances(c)).count(),
        };
        Extremes {
            convolution: of(&self.convolution_spikes, &|c| self.convolution_chances[c]),
            features: of(&self.feature_spikes, &|_| self.feature_chances),
        }
    }
}

/// Dead and saturated neurons of the two hidden layers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct Extremes {
    /// Convolution channels, over all positions.
    pub convolution: LayerExtremes,
    /// Pooled features.
    pub features: LayerExtremes,
}

/// Dead and saturated neurons of one layer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct LayerExtremes {
    /// All neurons (channels).
    pub neurons: usize,
    /// Those that never fired.
    pub dead: usize,
    /// Those that fired at every step.
    pub saturated: usize,
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// Positions of a kernel of `width` that see token `i` of a text with `positions` positions.
pub(crate) fn cover(i: usize, width: usize, positions: usize) -> u64 {
    let last = i.min(positions - 1);
    let first = (i + 1).saturating_sub(width);
    (last + 1).saturating_sub(first) as u64
}

/// Counts one batch into a run; `token_spikes` holds the spikes (of a constant current, the inputs that are not zero) of each
/// token that the batch names.
pub(super) fn count(network: &Network, batch: &TokenBatch, token_spikes: &[u64], layers: &Layers, run: &mut Run) {
    let specification = network.specification();
    let shape = &specification.convolution;
    let (steps, channels, outputs) = (specification.steps, shape.channels(), specification.outputs());
    let has_presence = network.weights().presence.iter().any(|&q| q != 0.0);
    let firing = &mut run.firing;
    for b in 0..batch.len() {
        let text = batch.text(b);
        let mut operations = Operations {
            tokens: text.len() as u64,
            silent_tokens: text.iter().filter(|&&row| row == SILENT).count() as u64,
            ..Operations::default()
        };
        for (i, &row) in text.iter().enumerate().filter(|&(_, &row)| row != SILENT) {
            let inputs = token_spikes[row as usize];
            let (spikes, times) = match specification.encoder.drive() {
                Drive::Spikes | Drive::Phases => (inputs, steps as u64),
                Drive::Current => (0, 1),
            };
            operations.input_spikes += spikes;
            firing.input_spikes += spikes;
            firing.input_chances += (steps * shape.dimension) as u64;
            for &width in &shape.widths {
                let fan_out = cover(i, width, batch.positions(b, width)) * shape.filters as u64;
                let presence = if has_presence { times } else { 0 };
                let effective = (inputs + presence) * fan_out;
                match specification.encoder.drive() {
                    Drive::Spikes => operations.convolution_acs += effective,
                    Drive::Phases | Drive::Current => operations.convolution_macs += effective,
                }
                operations.dnn_macs += shape.dimension as u64 * fan_out;
            }
        }
        operations.dnn_macs += (channels * outputs) as u64;
        let rows = b * steps..(b + 1) * steps;
        for row in rows.clone() {
            for c in 0..channels {
                let spikes = layers.counts[row * channels + c] as u64;
                operations.convolution_spikes += spikes;
                firing.convolution_spikes[c] += spikes;
                let fired = u64::from(layers.features[row * channels + c] > 0.0);
                operations.feature_spikes += fired;
                firing.feature_spikes[c] += fired;
            }
            if let Some(spikes) = &layers.outputs {
                operations.output_spikes +=
                    spikes[row * outputs..][..outputs].iter().filter(|&&spike| spike > 0.0).count() as u64;
            }
        }
        for (width_index, &width) in shape.widths.iter().enumerate() {
            let chances = (batch.positions(b, width) * steps) as u64;
            for c in width_index * shape.filters..(width_index + 1) * shape.filters {
                firing.convolution_chances[c] += chances;
            }
        }
        firing.feature_chances += steps as u64;
        firing.output_spikes += operations.output_spikes;
        firing.output_chances += if layers.outputs.is_some() { (steps * outputs) as u64 } else { 0 };
        operations.pooling_additions = operations.convolution_spikes;
        operations.output_acs = operations.feature_spikes * outputs as u64;
        run.operations.push(operations);
    }
}

#[cfg(test)]
mod tests {
    use super::super::{run, tests::network};
    use super::*;
    use crate::{
        encode::{Encoder, Noise},
        network::{Averaging, Readout},
    };

    #[test]
    fn tokens_at_the_edge_are_seen_by_fewer_positions() {
        let of = |positions| (0..5).map(|i| cover(i, 3, positions)).collect::<Vec<_>>();
        assert_eq!(of(3), [1, 2, 3, 2, 1]); // five tokens, valid positions
        assert_eq!(of(6), [1, 2, 3, 3, 3]); // padded to eight
        assert_eq!((0..2).map(|i| cover(i, 3, 1)).sum::<u64>(), 2); // shorter than the kernel
    }

    #[test]
    fn a_dense_input_makes_as_many_acs_a_step_as_the_dnn_makes_macs() {
        let network = network(Readout::Membrane, Encoder::Regular, Averaging::Valid);
        let run = run(&network, Noise::inference(0), &[vec![0, 1, 2, 3, 4]]);
        let o = &run.operations[0];
        // Widths 2 and 3, five tokens: (4 x 2 + 3 x 3) (token, position) pairs, 9 filters, 12 dimensions; 18 x 6 output.
        assert_eq!(o.dnn_macs, 17 * 9 * 12 + 18 * 6);
        assert_eq!(o.output_acs, o.feature_spikes * 6);
        let presence = 17 * 9 * 6;
        assert!(o.convolution_acs > presence && o.convolution_acs < 6 * 17 * 9 * 12 + presence);
        assert!((run.firing.input_rate() - o.input_spikes as f64 / (5.0 * 12.0 * 6.0)).abs() < 1e-12);
    }

    #[test]
    fn graded_inputs_make_macs() {
        for encoder in Encoder::ALL {
            let network = network(Readout::Membrane, encoder, Averaging::Valid);
            let run = run(&network, Noise::inference(0), &[vec![0, 1, 2, 3, 4]]);
            let o = &run.operations[0];
            let (once, graded) = (encoder == Encoder::Direct, encoder.drive() != Drive::Spikes);
            assert_eq!((o.convolution_acs == 0, o.convolution_macs > 0), (graded, graded), "{encoder:?}");
            assert_eq!(o.input_spikes == 0, once);
            // Thirteen inputs, presence among them, at each step.
            let dense = 17 * 9 * 13 * if once { 1 } else { 6 };
            assert!(o.convolution_acs + o.convolution_macs <= dense);
            assert_eq!(o.dnn_macs, 17 * 9 * 12 + 18 * 6);
        }
    }

    #[test]
    fn dead_and_saturated_channels_are_found() {
        let firing = Firing {
            convolution_spikes: vec![0, 5, 10],
            convolution_chances: vec![10; 3],
            feature_spikes: vec![7, 7, 0],
            feature_chances: 7,
            ..Firing::default()
        };
        let extremes = firing.extremes();
        assert_eq!(extremes.convolution, LayerExtremes { neurons: 3, dead: 1, saturated: 1 });
        assert_eq!(extremes.features, LayerExtremes { neurons: 3, dead: 1, saturated: 2 });
    }
}
