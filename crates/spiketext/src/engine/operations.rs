//! What a text costs: spikes, accumulations, and the multiplications of the real-valued network beside it.
//!
//! Counted as NeuroBench does: an input times a weight is one operation if the input is not zero; inputs of 0 and 1
//! make accumulations (ACs), real inputs make multiply-accumulations (MACs); biases and pooling are left out. The
//! spikes that pooling adds up are given beside it, so that nobody need guess.
//!
//! Spikes of weighted phases are inputs of 4, 2, 1, 1/2 and so on, and count as MACs, though a shift and an addition
//! would do. A constant current is a product of real inputs, made once a text: its MACs are counted once, as in the
//! energy of networks whose first layer reads real numbers (Yao et al. 2023), not at each step, where it is added
//! like a bias. Where pooled spikes go straight into dense layers or outputs, each spike is accumulated into each of
//! their neurons.

use serde::{Deserialize, Serialize};
use spiketext_kernels::{Drive, SILENT, TokenBatch};

use crate::network::{LayerConfig, Leaf, Network, NetworkConfig, Signal};

/// Operations of one text over all time steps.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Operations {
    /// Tokens that were read, silent ones included.
    pub tokens: u64,
    /// Tokens among them that make no spikes: unknown words under the silent policy.
    pub silent_tokens: u64,
    /// Spikes of the tokens, each token of the text counted.
    pub input_spikes: u64,
    /// Those of each leaf of the chain, in order.
    pub layers: Vec<LayerOperations>,
    /// Multiply-accumulations of the real-valued network of the same shape on the same text.
    pub dnn_macs: u64,
}

/// Operations of one layer on one text over all time steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct LayerOperations {
    /// What the layer gives.
    #[serde(skip)]
    pub output: Signal,
    /// Spikes of its neurons.
    pub spikes: u64,
    /// Accumulations: each input spike into each neuron that it reaches; presence currents and shortcuts likewise.
    pub acs: u64,
    /// Multiply-accumulations, of encoders whose inputs weigh more or less than 1.
    pub macs: u64,
    /// Additions of pooling (not among the accumulations, as in NeuroBench): one for each spike.
    pub additions: u64,
}

impl LayerOperations {
    /// Nothing yet, of a layer.
    #[must_use]
    pub fn none(leaf: &Leaf) -> Self {
        Self { output: leaf.output, spikes: 0, acs: 0, macs: 0, additions: 0 }
    }
}

impl Operations {
    /// Spikes of all layers that give `output`.
    fn spikes_of(&self, output: Signal) -> u64 {
        self.layers.iter().filter(|layer| layer.output == output).map(|layer| layer.spikes).sum()
    }

    /// Spikes of the neurons at positions.
    #[must_use]
    pub fn convolution_spikes(&self) -> u64 {
        self.spikes_of(Signal::Positions)
    }

    /// Spikes of the neurons that see the whole text, but for outputs.
    #[must_use]
    pub fn feature_spikes(&self) -> u64 {
        self.spikes_of(Signal::Spikes)
    }

    /// Spikes of the output neurons.
    #[must_use]
    pub fn output_spikes(&self) -> u64 {
        self.spikes_of(Signal::Scores)
    }

    /// All accumulations of the spiking network.
    #[must_use]
    pub fn acs(&self) -> u64 {
        self.layers.iter().map(|layer| layer.acs).sum()
    }

    /// All its multiply-accumulations.
    #[must_use]
    pub fn macs(&self) -> u64 {
        self.layers.iter().map(|layer| layer.macs).sum()
    }

    /// Additions of pooling.
    #[must_use]
    pub fn pooling_additions(&self) -> u64 {
        self.layers.iter().map(|layer| layer.additions).sum()
    }

    /// What can be said of a text before anything ran: its tokens, what they put into the text convolution, and the
    /// real-valued network. `token_spikes` holds the spikes (of a constant current, the inputs that are not zero) of
    /// each token that the batch names.
    pub(super) fn before(network: &Network, batch: &TokenBatch, b: usize, token_spikes: &[u64]) -> Self {
        let (config, text) = (network.config(), batch.text(b));
        let (shape, steps, drive) = (config.convolution(), config.steps as u64, config.encoder.drive());
        let has_presence = network.weights().layers[0].presence.iter().any(|&q| q != 0.0);
        let mut operations = Self {
            tokens: text.len() as u64,
            silent_tokens: text.iter().filter(|&&row| row == SILENT).count() as u64,
            layers: network.layers().map(|(leaf, _)| LayerOperations::none(leaf)).collect(),
            ..Self::default()
        };
        for (i, &row) in text.iter().enumerate().filter(|&(_, &row)| row != SILENT) {
            let inputs = token_spikes[row as usize];
            let (spikes, times) = match drive {
                Drive::Spikes | Drive::Phases => (inputs, steps),
                Drive::Current => (0, 1),
            };
            operations.input_spikes += spikes;
            let presence = if has_presence { times } else { 0 };
            for &width in &shape.widths {
                let fan_out = cover(i, width, batch.positions(b, width)) * shape.filters as u64;
                let effective = (inputs + presence) * fan_out;
                match drive {
                    Drive::Spikes => operations.layers[0].acs += effective,
                    Drive::Phases | Drive::Current => operations.layers[0].macs += effective,
                }
                operations.dnn_macs += config.dnn_dimension() as u64 * fan_out;
            }
        }
        let positions = batch.positions(b, shape.widths[0]);
        operations.dnn_macs += later_connections(config, positions);
        operations
    }
}

/// Connections of all layers after the text convolution, for a text of so many positions (where layers over positions
/// follow, there is one kernel width): what a real-valued network multiplies. The identity around a residual block
/// multiplies nothing.
pub(crate) fn later_connections(config: &NetworkConfig, positions: usize) -> u64 {
    config.chain.leaves()[1..].iter().map(|leaf| connections(leaf, positions)).sum()
}

/// Connections of a leaf after the text convolution.
pub(crate) fn connections(leaf: &Leaf, positions: usize) -> u64 {
    let each = (leaf.inputs * leaf.outputs) as u64;
    match &leaf.layer {
        LayerConfig::Convolution { width, .. } => taps_inside(*width, positions) * each,
        LayerConfig::Dense { .. } | LayerConfig::Readout { .. } => each,
        _ => 0,
    }
}

/// Pairs of a position and a tap of a centred kernel that lies within the text.
pub(crate) fn taps_inside(width: usize, positions: usize) -> u64 {
    (0..positions).map(|p| reach(p, width, positions).len() as u64).sum()
}

/// The positions of a kernel centred on them that see position `p` of so many.
pub(crate) fn reach(p: usize, width: usize, positions: usize) -> std::ops::Range<usize> {
    // Tap j of position q sees q + j - (width - 1) / 2.
    let before = (width - 1) / 2;
    let first = (p + before + 1).saturating_sub(width);
    first..(p + before + 1).min(positions)
}

/// Positions of a kernel of `width` that see token `i` of a text with `positions` positions.
pub(crate) fn cover(i: usize, width: usize, positions: usize) -> u64 {
    let last = i.min(positions - 1);
    let first = (i + 1).saturating_sub(width);
    (last + 1).saturating_sub(first) as u64
}

/// Activity of the layers, added up over texts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Firing {
    input_spikes: u64,
    input_opportunities: u64,
    layers: Vec<LayerFiring>,
}

/// Activity of a layer, channel by channel; no channels where nothing fires.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerFiring {
    /// What the layer gives.
    output: Signal,
    /// Spikes of each channel.
    spikes: Vec<u64>,
    /// How often each could have fired: positions times steps.
    opportunities: Vec<u64>,
}

impl LayerFiring {
    /// Spikes of each channel over its opportunities.
    #[must_use]
    pub fn rates(&self) -> Vec<f64> {
        self.spikes.iter().zip(&self.opportunities).map(|(&spikes, &all)| share(spikes, all)).collect()
    }

    fn extremes(&self) -> LayerExtremes {
        LayerExtremes {
            neurons: self.spikes.len(),
            dead: self.spikes.iter().filter(|&&spikes| spikes == 0).count(),
            saturated: self.spikes.iter().zip(&self.opportunities).filter(|&(s, all)| *s > 0 && s == all).count(),
        }
    }

    /// Adds spikes of a channel.
    pub(super) fn add(&mut self, channel: usize, spikes: u64, opportunities: u64) {
        self.spikes[channel] += spikes;
        self.opportunities[channel] += opportunities;
    }
}

impl Firing {
    /// Nothing yet, of a network.
    pub(super) fn new(config: &NetworkConfig) -> Self {
        let of = |leaf: &Leaf| {
            let channels = if leaf.layer.firing_neuron().is_some() { leaf.outputs } else { 0 };
            LayerFiring { output: leaf.output, spikes: vec![0; channels], opportunities: vec![0; channels] }
        };
        Self { layers: config.chain.leaves().iter().map(of).collect(), ..Self::default() }
    }

    /// The layer of a leaf, to count into.
    pub(super) fn layer_mut(&mut self, leaf: usize) -> &mut LayerFiring {
        &mut self.layers[leaf]
    }

    /// Adds the input of one text.
    pub(super) fn add_input(&mut self, config: &NetworkConfig, operations: &Operations) {
        let spoken = operations.tokens - operations.silent_tokens;
        self.input_spikes += operations.input_spikes;
        self.input_opportunities += spoken * (config.steps * config.dimension()) as u64;
    }

    /// Adds the counts of another part of the same run.
    pub(super) fn add(&mut self, other: &Self) {
        let all = |sums: &mut [u64], parts: &[u64]| sums.iter_mut().zip(parts).for_each(|(sum, part)| *sum += part);
        for (own, other) in self.layers.iter_mut().zip(&other.layers) {
            all(&mut own.spikes, &other.spikes);
            all(&mut own.opportunities, &other.opportunities);
        }
        self.input_spikes += other.input_spikes;
        self.input_opportunities += other.input_opportunities;
    }

    /// The activity of each leaf of the chain.
    #[must_use]
    pub fn layers(&self) -> &[LayerFiring] {
        &self.layers
    }

    /// Mean firing rate of the input, in spikes a (real token, dimension, step).
    #[must_use]
    pub fn input_rate(&self) -> f64 {
        share(self.input_spikes, self.input_opportunities)
    }

    fn rate_of(&self, output: Signal) -> f64 {
        let layers = || self.layers.iter().filter(|layer| layer.output == output);
        let sum = |of: fn(&LayerFiring) -> &[u64]| layers().flat_map(|layer| of(layer).iter()).sum::<u64>();
        share(sum(|layer| &layer.spikes), sum(|layer| &layer.opportunities))
    }

    /// Mean firing rate of the neurons at positions.
    #[must_use]
    pub fn convolution_rate(&self) -> f64 {
        self.rate_of(Signal::Positions)
    }

    /// Mean firing rate of the neurons that see the whole text, but for outputs; 0 where there are none.
    #[must_use]
    pub fn feature_rate(&self) -> f64 {
        self.rate_of(Signal::Spikes)
    }

    /// Mean firing rate of the output neurons; 0 where they do not fire.
    #[must_use]
    pub fn output_rate(&self) -> f64 {
        self.rate_of(Signal::Scores)
    }

    /// Firing rate of each channel of the neurons at positions, over all positions and steps.
    #[must_use]
    pub fn convolution_rates(&self) -> Vec<f64> {
        self.rates_of(Signal::Positions)
    }

    /// Firing rate of each neuron that sees the whole text, over all steps.
    #[must_use]
    pub fn feature_rates(&self) -> Vec<f64> {
        self.rates_of(Signal::Spikes)
    }

    fn rates_of(&self, output: Signal) -> Vec<f64> {
        self.layers.iter().filter(|layer| layer.output == output).flat_map(LayerFiring::rates).collect()
    }

    /// Channels that never fired and channels that fired at every opportunity, at positions and of the text.
    #[must_use]
    pub fn extremes(&self) -> Extremes {
        let of = |output: Signal| {
            let layers = self.layers.iter().filter(|layer| layer.output == output);
            layers.map(LayerFiring::extremes).fold(LayerExtremes::default(), |sum, own| LayerExtremes {
                neurons: sum.neurons + own.neurons,
                dead: sum.dead + own.dead,
                saturated: sum.saturated + own.saturated,
            })
        };
        Extremes { convolution: of(Signal::Positions), features: of(Signal::Spikes) }
    }
}

/// Dead and saturated neurons of the hidden layers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extremes {
    /// Channels of neurons at positions, over all positions.
    pub convolution: LayerExtremes,
    /// Neurons that see the whole text.
    pub features: LayerExtremes,
}

/// Dead and saturated neurons of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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

#[cfg(test)]
mod tests {
    use super::super::{
        run,
        tests::{network, steps_of},
    };
    use super::*;
    use crate::{
        encode::{Encoder, Noise},
        network::{Padding, Readout},
    };

    #[test]
    fn tokens_at_the_edge_are_seen_by_fewer_positions() {
        let of = |positions| (0..5).map(|i| cover(i, 3, positions)).collect::<Vec<_>>();
        assert_eq!(of(3), [1, 2, 3, 2, 1]); // five tokens, valid positions
        assert_eq!(of(6), [1, 2, 3, 3, 3]); // padded to eight
        assert_eq!((0..2).map(|i| cover(i, 3, 1)).sum::<u64>(), 2); // shorter than the kernel
    }

    #[test]
    fn a_centred_kernel_sees_no_further_than_the_text() {
        for (width, positions) in [(1, 1), (1, 4), (2, 1), (2, 5), (3, 1), (3, 2), (3, 6), (4, 3), (5, 2), (64, 3)] {
            let sees = |q: usize, p: usize| (0..width).any(|j| q + j == p + (width - 1) / 2);
            let mut all = 0;
            for p in 0..positions {
                let want: Vec<usize> = (0..positions).filter(|&q| sees(q, p)).collect();
                assert_eq!(reach(p, width, positions).collect::<Vec<_>>(), want, "{width} {positions} {p}");
                all += want.len() as u64;
            }
            assert_eq!(taps_inside(width, positions), all);
        }
    }

    #[test]
    fn a_dense_input_makes_as_many_acs_a_step_as_the_dnn_makes_macs() {
        let network = network(Readout::Membrane, Encoder::Regular, Padding::Valid);
        let run = run(&network, Noise::inference(0), &[vec![0, 1, 2, 3, 4]]);
        let o = &run.operations[0];
        // Widths 2 and 3, five tokens: (4 x 2 + 3 x 3) (token, position) pairs, 9 filters, 12 dimensions; 18 x 6
        // output.
        assert_eq!(o.dnn_macs, 17 * 9 * 12 + 18 * 6);
        assert_eq!(o.layers[3].acs, o.feature_spikes() * 6);
        let presence = 17 * 9 * 6;
        let acs = o.layers[0].acs;
        assert!(acs > presence && acs < 6 * 17 * 9 * 12 + presence);
        assert!((run.firing.input_rate() - o.input_spikes as f64 / (5.0 * 12.0 * 6.0)).abs() < 1e-12);
    }

    #[test]
    fn graded_inputs_make_macs() {
        for &encoder in Encoder::ALL.iter() {
            let network = network(Readout::Membrane, encoder, Padding::Valid);
            let run = run(&network, Noise::inference(0), &[vec![0, 1, 2, 3, 4]]);
            let o = &run.operations[0];
            let (once, graded) = (encoder == Encoder::Direct, encoder.drive() != Drive::Spikes);
            assert_eq!((o.layers[0].acs == 0, o.layers[0].macs > 0), (graded, graded), "{encoder:?}");
            assert_eq!(o.input_spikes == 0, once);
            // Thirteen inputs, presence among them, at each step.
            let dense = 17 * 9 * 13 * if once { 1 } else { steps_of(encoder) as u64 };
            assert!(o.layers[0].acs + o.macs() <= dense);
            assert_eq!(o.dnn_macs, 17 * 9 * 12 + 18 * 6);
        }
    }

    #[test]
    fn dead_and_saturated_channels_are_found() {
        let of = |output, spikes: &[u64], all: u64| LayerFiring {
            output,
            spikes: spikes.to_vec(),
            opportunities: vec![all; spikes.len()],
        };
        let layers = vec![
            of(Signal::Positions, &[0, 5, 10], 10),
            of(Signal::Positions, &[3, 0], 3),
            of(Signal::Spikes, &[7, 7, 0], 7),
        ];
        let firing = Firing { layers, ..Firing::default() };
        let extremes = firing.extremes();
        assert_eq!(extremes.convolution, LayerExtremes { neurons: 5, dead: 2, saturated: 2 });
        assert_eq!(extremes.features, LayerExtremes { neurons: 3, dead: 1, saturated: 2 });
    }
}
