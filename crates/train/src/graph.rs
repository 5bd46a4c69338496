//! The graph of a network along its chain, for both networks in training: what Burn differentiates, and the kernels that bring
//! their own way back where there are such.
//!
//! A text convolution that is pooled at once is one kernel. Anything else goes by rows, one a position of a text of the batch
//! ([`PositionRows`]): `[N, C]` in the real-valued network, `[N, T, C]` in the spiking one, where a convolution sees all steps at
//! once and a kernel runs the neurons of all rows.

use std::sync::Arc;

use burn_tensor::{Int, Tensor, TensorData, activation::relu};
use spiketext::{
    dnn::PositionRows,
    network::{LayerConfig, Leaf, NetworkConfig, Readout, Signal},
};
use spiketext_kernels::{
    NeuronParameters, SILENT, SpikeTrain, TokenBatch, Workspace,
    spiking_convolution::{PackedWeights, Patterns},
    text_convolution::Pooling,
};

use crate::layers::{self, NeuronLayer, SpikingLayer};

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

/// The rows of a batch, and what convolutions see from them.
struct Rows {
    rows: PositionRows,
    batch: Arc<TokenBatch>,
}

impl Rows {
    fn of(config: &NetworkConfig, batch: &Arc<TokenBatch>) -> Self {
        Self { rows: PositionRows::of(batch, config.convolution().widths[0]), batch: batch.clone() }
    }

    fn texts(&self) -> usize {
        self.rows.starts.len() - 1
    }

    /// Rows of `values` `[U, ...]` as each row sees them; nothing where it is [`SILENT`].
    fn select<const D: usize>(values: Tensor<D>, seen: &[u32]) -> Tensor<D> {
        let (mut dims, device) = (values.dims(), values.device());
        let silent = dims[0];
        dims[0] = 1;
        let values = Tensor::cat(vec![values, Tensor::zeros(dims, &device)], 0);
        let index = |&row: &u32| if row == SILENT { silent as i64 } else { i64::from(row) };
        let indices = TensorData::new(seen.iter().map(index).collect::<Vec<i64>>(), [seen.len()]);
        values.select(0, Tensor::<1, Int>::from_data(indices, &device))
    }

    /// What the taps of the text convolution give each row, `[N, ..., F]`, from the products of the tokens `[U, ..., M]`.
    fn text_convolution<const D: usize>(&self, products: &Tensor<D>, width: usize, filters: usize) -> Tensor<D> {
        let taps = (0..width).map(|tap| {
            let own = products.clone().narrow(D - 1, tap * filters, filters);
            Self::select(own, &self.rows.tokens(&self.batch, tap))
        });
        taps.reduce(|sum, tap| sum + tap).expect("a kernel has taps")
    }

    /// The rows under each tap side by side, `[N, ..., w C']`.
    fn windows<const D: usize>(&self, values: &Tensor<D>, width: usize) -> Tensor<D> {
        let taps = (0..width).map(|tap| Self::select(values.clone(), &self.rows.neighbours(width, tap)));
        Tensor::cat(taps.collect(), D - 1)
    }

    /// Sums over the rows of each text, `[B, X]`, of values `[N, X]`, each row times a number of its text.
    fn sum(&self, values: Tensor<2>, factor: impl Fn(usize) -> f32) -> Tensor<2> {
        let (texts, rows, device) = (self.texts(), self.rows.len(), values.device());
        let mut weights = vec![0.0; texts * rows];
        for (b, ends) in self.rows.starts.windows(2).enumerate() {
            weights[b * rows + ends[0]..b * rows + ends[1]].fill(factor(ends[1] - ends[0]));
        }
        Tensor::<2>::from_data(TensorData::new(weights, [texts, rows]), &device).autodiff().matmul(values)
    }
}

/// Synapses `[C', (tap, C)]` as `[(tap, C'), C]`.
fn tap_major(synapses: Tensor<2>, width: usize, filters: usize) -> Tensor<2> {
    let [inputs, _] = synapses.dims();
    synapses.reshape([inputs, width, filters]).swap_dims(0, 1).reshape([width * inputs, filters])
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
    let rows = Rows::of(config, batch);
    let mut values: Vec<Tensor<2>> = Vec::new();
    for (leaf, own) in config.chain.leaves().iter().zip(layers) {
        let sum = match (&leaf.layer, values.last()) {
            (LayerConfig::TextConvolution { .. }, _) => {
                let products = codes.clone().matmul(own.synapses());
                rows.text_convolution(&products, shape.widths[0], shape.filters)
            }
            (LayerConfig::Convolution { width, .. }, Some(before)) => {
                let sum = rows.windows(before, *width).matmul(tap_major(own.synapses(), *width, leaf.outputs));
                match leaf.shortcut {
                    Some(from) => sum + values[from].clone(),
                    None => sum,
                }
            }
            _ => break,
        };
        values.push(relu(sum + own.bias().unsqueeze::<2>()));
    }
    let means = rows.sum(values.pop().expect("a chain begins with a text convolution"), |n| 1.0 / n as f32);
    if pooling == Pooling::Bounded { means.clamp_max(1.0) } else { means }
}

/// The outputs `[B, O]` of a real-valued network from its pooled features: all the layers that see the whole text.
pub fn real_valued_outputs(config: &NetworkConfig, layers: &[LeafTensors], features: Tensor<2>) -> Tensor<2> {
    let mut values = features;
    for (leaf, own) in config.chain.leaves().iter().zip(layers) {
        let dense = |values: Tensor<2>| values.matmul(own.synapses()) + own.bias().unsqueeze::<2>();
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
    let rows = Rows::of(config, &batch.tokens);
    let mut values: Vec<Tensor<3>> = Vec::new();
    for (leaf, own) in config.chain.leaves().iter().zip(layers) {
        let before = values.last().cloned();
        let currents = match (&leaf.layer, before) {
            (LayerConfig::TextConvolution { .. }, _) => {
                let products = layers::token_products(time, &batch.spikes, own.synapses(), presence());
                rows.text_convolution(&products, shape.widths[0], shape.filters)
            }
            (LayerConfig::Convolution { width, .. }, Some(before)) => {
                let windows = rows.windows(&before, *width);
                let [n, steps, columns] = windows.dims();
                let weights = tap_major(own.synapses(), *width, leaf.outputs);
                let sum = windows.reshape([n * steps, columns]).matmul(weights).reshape([n, steps, leaf.outputs]);
                match (leaf.shortcut, &own.shortcut) {
                    (Some(from), Some(gains)) => sum + values[from].clone() * gains.clone().unsqueeze::<3>(),
                    _ => sum,
                }
            }
            _ => break,
        };
        let neuron = leaf.layer.firing_neuron().expect("layers over positions fire");
        let currents = currents + own.bias().unsqueeze::<3>();
        values.push(fire(neuron, currents));
    }
    let spikes = values.pop().expect("a chain begins with a text convolution");
    let [n, steps, channels] = spikes.dims();
    rows.sum(spikes.reshape([n, steps * channels]), |_| 1.0).reshape([rows.texts(), steps, channels])
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

/// The currents of the outputs, `[B T, O]`, from spikes summed over positions, `[B, T, C]`: all the layers that see the whole text.
pub fn spiking_outputs(
    config: &NetworkConfig,
    layers: &[LeafTensors],
    batch: &SpikingBatch,
    sums: Tensor<3>,
) -> Tensor<2> {
    let [texts, steps, channels] = sums.dims();
    let leaves = config.chain.leaves();
    let after = leaves.iter().position(|leaf| leaf.output == Signal::Sums).map_or(0, |at| at + 1);
    let mut values = sums;
    if !matches!(leaves[after].layer, LayerConfig::Neurons { .. }) {
        values = means(config, batch, values);
    }
    for (leaf, own) in leaves[after..].iter().zip(&layers[after..]) {
        let [_, _, inputs] = values.dims();
        let dense = |values: Tensor<3>| {
            values.reshape([texts * steps, inputs]).matmul(own.synapses()) + own.bias().unsqueeze::<2>()
        };
        match &leaf.layer {
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
                values = layers::neurons(&layer, values);
            }
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
    let ([texts, _, channels], device) = (sums.dims(), sums.device());
    let shape = config.convolution();
    let filters = channels / shape.widths.len();
    let mut factors = Vec::with_capacity(texts * channels);
    for b in 0..texts {
        factors.extend((0..channels).map(|c| 1.0 / batch.tokens.positions(b, shape.widths[c / filters]) as f32));
    }
    if let Some(dropout) = &batch.factors {
        factors.iter_mut().zip(dropout.iter()).for_each(|(factor, dropout)| *factor *= dropout);
    }
    sums * Tensor::<3>::from_data(TensorData::new(factors, [texts, 1, channels]), &device).autodiff()
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
