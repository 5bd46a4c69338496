//! The forward pass of the real-valued network along its chain: rectifiers where the spiking network has neurons,
//! averages where it sums spikes.
//!
//! ```text
//! text convolution   relu(b + sum of taps)      convolution   relu(b + sum of taps + what goes around the block)
//! pooling            mean over positions        neurons       as it is, or at most 1 (`bounded`)
//! dense              relu(b + x W)              read-out      b + x W
//! ```
//!
//! A text convolution with pooling right behind it is one kernel; anything else goes position by position.

use spiketext_kernels::{
    PositionRows, SILENT, TokenBatch, Workspace,
    matrix::{Matrix, product},
    text_convolution::{Pooling, TextConvolution},
};

use crate::network::{LayerConfig, LayerWeights, Leaf, NetworkConfig, Signal};

/// A real-valued network as the forward pass reads it.
#[derive(Clone, Copy, Debug)]
pub struct DnnView<'a> {
    /// Its layers are those of the spiking network.
    pub config: &'a NetworkConfig,
    /// How positions become a feature.
    pub pooling: Pooling,
    /// The numbers of each leaf: synapses and biases, nothing else.
    pub layers: &'a [LayerWeights],
}

/// Runs a batch whose distinct words have `codes`, `[U, D]`, and returns the outputs, `[B, O]`. `see` is shown what
/// each leaf gives after its rectifiers, `[rows, C]`; a text convolution that is pooled at once is not shown.
pub fn forward(
    dnn: DnnView<'_>,
    batch: &TokenBatch,
    codes: &[f32],
    workspace: &Workspace,
    mut see: impl FnMut(usize, &[f32]),
) -> Vec<f32> {
    let leaves = dnn.config.chain.leaves();
    let shape = dnn.config.convolution();
    let bound = dnn.pooling == Pooling::Bounded;
    let fused = leaves[1].output == Signal::Sums;
    let rows = PositionRows::of(batch, shape.widths[0]);
    let mut outputs: Vec<Vec<f32>> = Vec::with_capacity(leaves.len());
    for (at, (leaf, weights)) in leaves.iter().zip(dnn.layers).enumerate() {
        let before = outputs.last();
        let values = match (&leaf.layer, before) {
            (LayerConfig::TextConvolution { .. }, _) if fused => Vec::new(),
            (LayerConfig::TextConvolution { .. }, _) => {
                let mut sums = token_sums(shape, (codes, weights), batch, &rows);
                rectify(&mut sums);
                sums
            }
            (LayerConfig::Convolution { width, .. }, Some(before)) => {
                let mut sums = neighbour_sums(leaf, *width, before, weights, &rows);
                if let Some(from) = leaf.shortcut {
                    sums.iter_mut().zip(&outputs[from]).for_each(|(sum, around)| *sum += around);
                }
                rectify(&mut sums);
                sums
            }
            (LayerConfig::Pooling, _) if fused => {
                let first = &dnn.layers[0];
                let (weights, bias) = (&first.synapses, &first.bias);
                let layer = TextConvolution { shape, pooling: dnn.pooling, weights, bias, workspace };
                layer.forward(codes, batch).0
            }
            (LayerConfig::Pooling, Some(before)) => mean_over_positions(before, leaf.outputs, &rows, bound),
            (LayerConfig::Neurons { .. }, Some(before)) => before.clone(),
            (LayerConfig::Dense { .. }, Some(before)) => {
                let mut sums = dense(leaf, before, weights);
                rectify(&mut sums);
                sums
            }
            (LayerConfig::Readout { .. }, Some(before)) => dense(leaf, before, weights),
            (layer, _) => unreachable!("a checked chain has no {} here", layer.kind()),
        };
        if !(fused && at == 0) {
            see(at, &values);
        }
        outputs.push(values);
    }
    outputs.pop().unwrap_or_default()
}

fn rectify(values: &mut [f32]) {
    values.iter_mut().for_each(|value| *value = value.max(0.0));
}

/// Biases plus token products, `[rows, C]`, for one kernel width.
fn token_sums(
    shape: &spiketext_kernels::ConvolutionShape,
    (codes, weights): (&[f32], &LayerWeights),
    batch: &TokenBatch,
    rows: &PositionRows,
) -> Vec<f32> {
    let (width, filters, columns) = (shape.widths[0], shape.filters, shape.products());
    let words = codes.len() / shape.dimension;
    let mut products = vec![0.0; words * columns];
    product(
        Matrix::new(codes, words, shape.dimension),
        Matrix::new(&weights.synapses, shape.dimension, columns),
        &mut products,
        false,
    );
    let mut sums = weights.bias.repeat(rows.len());
    for tap in 0..width {
        for (sum, token) in sums.chunks_exact_mut(filters).zip(rows.tokens(batch, tap)) {
            if token != SILENT {
                let own = &products[token as usize * columns + tap * filters..][..filters];
                sum.iter_mut().zip(own).for_each(|(sum, product)| *sum += product);
            }
        }
    }
    sums
}

/// Biases plus what each row's neighbours give, `[rows, C]`.
fn neighbour_sums(
    leaf: &Leaf,
    width: usize,
    before: &[f32],
    weights: &LayerWeights,
    rows: &PositionRows,
) -> Vec<f32> {
    let (inputs, outputs) = (leaf.inputs, leaf.outputs);
    let by_tap = tap_major(&weights.synapses, inputs, width, outputs);
    let mut sums = weights.bias.repeat(rows.len());
    // Tap after tap: windows of all taps at once would take many times the memory of what they are cut from.
    for (tap, weights) in by_tap.chunks_exact(inputs * outputs).enumerate() {
        let mut seen_rows = vec![0.0; rows.len() * inputs];
        for (row, seen) in seen_rows.chunks_exact_mut(inputs).zip(rows.neighbours(width, tap)) {
            if seen != SILENT {
                row.copy_from_slice(&before[seen as usize * inputs..][..inputs]);
            }
        }
        let (rows, weights) = (Matrix::new(&seen_rows, rows.len(), inputs), Matrix::new(weights, inputs, outputs));
        product(rows, weights, &mut sums, true);
    }
    sums
}

/// Synapses `[C', (tap, C)]` as `[(tap, C'), C]`.
fn tap_major(synapses: &[f32], inputs: usize, width: usize, outputs: usize) -> Vec<f32> {
    let mut all = Vec::with_capacity(synapses.len());
    for tap in 0..width {
        for c in 0..inputs {
            all.extend_from_slice(&synapses[(c * width + tap) * outputs..][..outputs]);
        }
    }
    all
}

/// Means over the rows of each text, `[B, C]`, at most 1 if `bound`.
fn mean_over_positions(values: &[f32], channels: usize, rows: &PositionRows, bound: bool) -> Vec<f32> {
    let mut means = vec![0.0; (rows.starts.len() - 1) * channels];
    for (ends, mean) in rows.starts.windows(2).zip(means.chunks_exact_mut(channels)) {
        for row in values[ends[0] * channels..ends[1] * channels].chunks_exact(channels) {
            mean.iter_mut().zip(row).for_each(|(mean, value)| *mean += value);
        }
        let count = (ends[1] - ends[0]) as f32;
        mean.iter_mut().for_each(|mean| *mean = if bound { (*mean / count).min(1.0) } else { *mean / count });
    }
    means
}

/// Biases plus all inputs, `[B, C]`.
fn dense(leaf: &Leaf, before: &[f32], weights: &LayerWeights) -> Vec<f32> {
    let outputs = leaf.outputs;
    let mut all = Vec::with_capacity(before.len() / leaf.inputs * outputs);
    for inputs in before.chunks_exact(leaf.inputs) {
        let start = all.len();
        all.extend_from_slice(&weights.bias);
        for (input, row) in inputs.iter().zip(weights.synapses.chunks_exact(outputs)) {
            all[start..].iter_mut().zip(row).for_each(|(sum, weight)| *sum += input * weight);
        }
    }
    all
}
