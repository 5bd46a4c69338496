//! The graph of a network along its chain, for both networks in training: what Burn differentiates, and the kernels
//! that bring their own way back where there are such.
//!
//! A text convolution that is pooled at once is one kernel. Anything else goes by rows, one a position of a text of
//! the batch (`row_layers`): `[N, C]` in the real-valued network, `[N, T, C]` in the spiking one, where a convolution
//! sees all steps at once and a kernel runs the neurons of all rows.

use std::sync::Arc;

use burn_tensor::{Tensor, activation::relu};
use spiketext::network::{LayerConfig, Leaf, NetworkConfig, Readout, Signal};
use spiketext_kernels::{
    ConvolutionShape, NeuronParameters, RowPooling, SpikeTrain, TokenBatch, Workspace,
    spiking_convolution::{PackedWeights, Patterns},
    text_convolution::Pooling,
};

use crate::{
    layers::{self, NeuronLayer, SpikingLayer},
    row_layers::{self, ConvolutionLayer, ConvolutionTensors, Rows, TextLayer},
};

/// The numbers of a leaf as leaves of a graph; `None` where it has none of a kind.
#[derive(Clone, Default)]
pub struct LeafTensors {
    /// Synapses.
    pub synapses: Option<Tensor<2>>,
    /// Currents of real tokens.
    pub presence: Option<Tensor<1>>,
    /// Biases.
    pub bias: Option<Tensor<1>>,
    /// Synapses of the shortcut.
    pub shortcut: Option<Tensor<1>>,
}

impl LeafTensors {
    fn synapses(&self) -> Tensor<2> {
        self.synapses.clone().expect("a leaf with synapses")
    }

    fn bias(&self) -> Tensor<1> {
        self.bias.clone().expect("a leaf with biases")
    }
}

/// Whether the chain's text convolution is pooled at once, which is one kernel.
pub fn is_fused(config: &NetworkConfig) -> bool {
    config.chain.leaves()[1].output == Signal::Sums
}

/// The pooled features `[B, C]` of a real-valued network: all the layers over positions.
pub fn real_valued_features(
    config: &NetworkConfig,
    pooling: Pooling,
    layers: &[LeafTensors],
    (batch, codes): (&Arc<TokenBatch>, Tensor<2>),
    workspace: &Workspace,
) -> Tensor<2> {
    let shape = config.convolution();
    if is_fused(config) {
        let shape = Arc::new(shape.clone());
        let (weights, bias) = (layers[0].synapses(), layers[0].bias());
        return layers::text_convolution(&shape, pooling, batch, codes, weights, bias, workspace);
    }
    let rows = Rows::of(batch, shape.widths[0], workspace);
    let mut values: Vec<Tensor<2>> = Vec::new();
    let leaves = config.chain.leaves();
    for (at, (leaf, own)) in leaves.iter().zip(layers).enumerate() {
        let next = match (&leaf.layer, values.last()) {
            (LayerConfig::TextConvolution { .. }, _) => {
                row_layers::text_convolution(&text_layer(&rows, shape), codes.clone(), own.synapses(), own.bias())
            }
            (LayerConfig::Convolution { width, .. }, Some(before)) => {
                let shortcut = leaf.shortcut.map(|from| (values[from].clone(), None));
                let own = ConvolutionTensors { synapses: own.synapses(), bias: own.bias(), shortcut };
                row_layers::convolution(&convolution_layer(&rows, leaves, (at, *width), true), before.clone(), own)
            }
            _ => break,
        };
        values.push(next);
    }
    let pooling = if pooling == Pooling::Bounded { RowPooling::Bounded } else { RowPooling::Mean };
    row_layers::pool(&rows, pooling, values.pop().expect("a chain begins with a text convolution"))
}

fn text_layer(rows: &Rows, shape: &ConvolutionShape) -> TextLayer {
    TextLayer { rows: rows.clone(), width: shape.widths[0], filters: shape.filters }
}

/// Leaf `at` of the chain, a convolution of `width`, which is never the first.
fn convolution_layer(rows: &Rows, leaves: &[Leaf], (at, width): (usize, usize), rectified: bool) -> ConvolutionLayer {
    let Leaf { inputs, outputs, .. } = leaves[at];
    // It reads what the leaf before it gives.
    let around = leaves[at + 1..].iter().any(|behind| behind.shortcut == Some(at - 1));
    ConvolutionLayer { rows: rows.clone(), width, inputs, outputs, rectified, around }
}

/// The outputs `[B, O]` of a real-valued network from its pooled features: all the layers that see the whole text.
pub fn real_valued_outputs(config: &NetworkConfig, layers: &[LeafTensors], features: Tensor<2>) -> Tensor<2> {
    let mut values = features;
    for (leaf, own) in config.chain.leaves().iter().zip(layers) {
        let dense = |values: Tensor<2>| layers::dense(values, own.synapses(), own.bias());
        match &leaf.layer {
            LayerConfig::Dense { .. } => values = relu(dense(values)),
            LayerConfig::Readout { .. } => values = dense(values),
            // The layers over positions, and neurons, which stand for what is there already.
            _ => {}
        }
    }
    values
}

/// What a step of a spiking network reads beside its weights.
pub struct SpikingBatch {
    /// The texts.
    pub tokens: Arc<TokenBatch>,
    /// Spikes of their distinct tokens.
    pub spikes: Arc<SpikeTrain>,
    /// Their patterns, where a kernel reads them.
    pub patterns: Option<Arc<Patterns>>,
    /// Thresholds of the neurons of pooled features and the units of their surrogate, `[B, C]`.
    pub thresholds: Arc<Vec<f32>>,
    /// As said.
    pub scales: Arc<Vec<f32>>,
    /// Factors of dropout of what is pooled, `[B, C]`.
    pub factors: Option<Arc<Vec<f32>>>,
}

/// Spikes summed over positions, `[B, T, C]`, before any neurons of the text: all the layers over positions.
pub fn spiking_sums(
    config: &NetworkConfig,
    layers: &[LeafTensors],
    batch: &SpikingBatch,
    packed: Option<Arc<PackedWeights>>,
    workspace: &Workspace,
) -> Tensor<3> {
    let (shape, neuron) = config.chain.text_convolution();
    let (time, first) = (config.time(), &layers[0]);
    let presence = || first.presence.clone().expect("a text convolution has presence currents");
    if is_fused(config) {
        let layer = SpikingLayer {
            shape: Arc::new(shape.clone()),
            neuron: *neuron,
            time,
            spikes: batch.spikes.clone(),
            patterns: batch.patterns.clone(),
            packed,
            batch: batch.tokens.clone(),
            workspace: workspace.clone(),
        };
        return layers::spiking_convolution(&layer, first.synapses(), presence(), first.bias());
    }
    let rows = Rows::of(&batch.tokens, shape.widths[0], workspace);
    let mut values: Vec<Tensor<3>> = Vec::new();
    let leaves = config.chain.leaves();
    for (at, (leaf, own)) in leaves.iter().zip(layers).enumerate() {
        let currents = match (&leaf.layer, values.last()) {
            (LayerConfig::TextConvolution { .. }, _) => {
                let (layer, synapses) = (text_layer(&rows, shape), own.synapses());
                row_layers::spiking_text_convolution(&layer, time, &batch.spikes, synapses, presence(), own.bias())
            }
            (LayerConfig::Convolution { width, .. }, Some(before)) => {
                let shortcut = leaf.shortcut.map(|from| (values[from].clone(), own.shortcut.clone()));
                let own = ConvolutionTensors { synapses: own.synapses(), bias: own.bias(), shortcut };
                row_layers::convolution(&convolution_layer(&rows, leaves, (at, *width), false), before.clone(), own)
            }
            _ => break,
        };
        let neuron = leaf.layer.firing_neuron().expect("layers over positions fire");
        values.push(fire(neuron, currents));
    }
    let spikes = values.pop().expect("a chain begins with a text convolution");
    let [n, steps, channels] = spikes.dims();
    let sums = row_layers::pool(&rows, RowPooling::Sum, spikes.reshape([n, steps * channels]));
    sums.reshape([batch.tokens.len(), steps, channels])
}

/// Neurons with one threshold.
fn fire(neuron: &NeuronParameters, currents: Tensor<3>) -> Tensor<3> {
    let [texts, steps, channels] = currents.dims();
    let layer = NeuronLayer {
        neuron: *neuron,
        texts,
        steps,
        channels,
        thresholds: Arc::new(vec![neuron.threshold; texts * channels]),
        scales: Arc::new(vec![1.0; texts * channels]),
        factors: None,
    };
    layers::neurons(&layer, currents)
}

/// The currents of the outputs, `[B T, O]`, from spikes summed over positions, `[B, T, C]`: all the layers that see
/// the whole text.
pub fn spiking_outputs(
    config: &NetworkConfig,
    layers: &[LeafTensors],
    batch: &SpikingBatch,
    sums: Tensor<3>,
) -> Tensor<2> {
    let [texts, steps, channels] = sums.dims();
    let leaves = config.chain.leaves();
    match &leaves[after_pooling(config)].layer {
        LayerConfig::Neurons { neuron } => {
            let layer = NeuronLayer {
                neuron: *neuron,
                texts,
                steps,
                channels,
                thresholds: batch.thresholds.clone(),
                scales: batch.scales.clone(),
                factors: batch.factors.clone(),
            };
            outputs_of_rates(config, layers, layers::neurons(&layer, sums))
        }
        _ => outputs_of_rates(config, layers, means(config, batch, sums)),
    }
}

/// The place of the leaf behind pooling.
fn after_pooling(config: &NetworkConfig) -> usize {
    config.chain.leaves().iter().position(|leaf| leaf.output == Signal::Sums).map_or(0, |at| at + 1)
}

/// The currents of the outputs, `[B T, O]`, from the mean spikes of each channel or from those of its feature neuron,
/// `[B, T, C]`.
pub fn outputs_of_rates(config: &NetworkConfig, layers: &[LeafTensors], rates: Tensor<3>) -> Tensor<2> {
    let [texts, steps, _] = rates.dims();
    let leaves = config.chain.leaves();
    let after = after_pooling(config);
    let mut values = rates;
    for (leaf, own) in leaves[after..].iter().zip(&layers[after..]) {
        let [_, _, inputs] = values.dims();
        let dense =
            |values: Tensor<3>| layers::dense(values.reshape([texts * steps, inputs]), own.synapses(), own.bias());
        match &leaf.layer {
            LayerConfig::Neurons { .. } => {}
            LayerConfig::Dense { neurons, neuron } => {
                values = fire(neuron, dense(values).reshape([texts, steps, *neurons]));
            }
            LayerConfig::Readout { .. } => return dense(values),
            layer => unreachable!("a checked chain has no {} here", layer.kind()),
        }
    }
    unreachable!("a checked chain ends with a read-out")
}

/// Sums over positions as means over them, with what dropout makes of them.
fn means(config: &NetworkConfig, batch: &SpikingBatch, sums: Tensor<3>) -> Tensor<3> {
    let mut factors = shares_of_positions(config, &batch.tokens);
    if let Some(dropout) = &batch.factors {
        factors.iter_mut().zip(dropout.iter()).for_each(|(factor, dropout)| *factor *= dropout);
    }
    layers::scale(sums, factors)
}

/// By what spikes summed over positions are multiplied to make a channel's mean, `[B, C]`.
pub fn shares_of_positions(config: &NetworkConfig, tokens: &TokenBatch) -> Vec<f32> {
    let shape = config.convolution();
    let of_text = |b: usize| {
        let divisor = config.padding.common_divisor(tokens.text(b).len());
        let widths =
            shape.widths.iter().map(move |&width| 1.0 / divisor.unwrap_or_else(|| tokens.positions(b, width)) as f32);
        widths.flat_map(|share| std::iter::repeat_n(share, shape.filters))
    };
    (0..tokens.len()).flat_map(of_text).collect()
}

/// The spikes of output neurons `[B, T, O]` from their currents `[B T, O]`; `None` where they only integrate.
pub fn output_spikes(config: &NetworkConfig, texts: usize, currents: Tensor<2>) -> Option<Tensor<3>> {
    let (_, _, read, neuron) = config.chain.readout();
    (read == Readout::SpikeCount).then(|| fire(neuron, currents.reshape([texts, config.steps, config.outputs()])))
}

/// Channels of what is pooled.
pub fn pooled_channels(config: &NetworkConfig) -> usize {
    let pooled = |leaf: &&Leaf| leaf.output == Signal::Sums;
    config.chain.leaves().iter().find(pooled).map_or(0, |leaf| leaf.outputs)
}
