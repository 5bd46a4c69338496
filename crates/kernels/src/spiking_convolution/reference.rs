//! The definition, spike by spike, without token products; kept to hold the fast kernels to it.

use crate::{
    ConvolutionShape, Fire, NeuronParameters, Real, SILENT, TokenBatch,
    neuron::{step, step_backward},
};

/// Inputs of the layer: spike values `[U T, D]` (0 or 1), synapses `[D, M]`, presence `[M]`, bias `[C]`.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a, F> {
    /// Spikes of each (token, step).
    pub spikes: &'a [F],
    /// Synapses W.
    pub synapses: &'a [F],
    /// Presence currents q.
    pub presence: &'a [F],
    /// Biases b.
    pub bias: &'a [F],
}

/// The current into channel (width index, filter) at position p and step t.
fn current<F: Real>(
    shape: &ConvolutionShape,
    steps: usize,
    inputs: Inputs<'_, F>,
    text: &[u32],
    (width_index, filter, p, t): (usize, usize, usize, usize),
) -> F {
    let mut sum = inputs.bias[width_index * shape.filters + filter];
    for tap in 0..shape.widths[width_index] {
        let Some(&row) = text.get(p + tap).filter(|&&row| row != SILENT) else { continue };
        let column = shape.first_product(width_index) + tap * shape.filters + filter;
        sum += inputs.presence[column];
        let row = row as usize * steps + t;
        for d in 0..shape.dimension {
            sum += inputs.spikes[row * shape.dimension + d] * inputs.synapses[d * shape.products() + column];
        }
    }
    sum
}

/// Forward pass to spikes summed over positions, `[B, T, C]`. `observe(b, t, p, c)` is told of each spike.
#[must_use]
pub fn forward<F: Real>(
    shape: &ConvolutionShape,
    neuron: &NeuronParameters,
    fire: Fire,
    steps: usize,
    inputs: Inputs<'_, F>,
    batch: &TokenBatch,
    mut observe: impl FnMut(usize, usize, usize, usize),
) -> Vec<F> {
    let channels = shape.channels();
    let mut counts = vec![F::ZERO; batch.len() * steps * channels];
    for b in 0..batch.len() {
        for c in 0..channels {
            let (width_index, filter) = (c / shape.filters, c % shape.filters);
            for p in 0..batch.positions(b, shape.widths[width_index]) {
                let mut membrane = F::of(neuron.first_membrane());
                for t in 0..steps {
                    let i = current(shape, steps, inputs, batch.text(b), (width_index, filter, p, t));
                    let (spike, _) = step(neuron, fire, F::of(neuron.threshold), F::ONE, &mut membrane, i);
                    if spike > F::ZERO {
                        observe(b, t, p, c);
                    }
                    counts[(b * steps + t) * channels + c] += spike;
                }
            }
        }
    }
    counts
}

/// Backward pass: gradients with respect to synapses, presence and bias.
#[must_use]
pub fn backward<F: Real>(
    shape: &ConvolutionShape,
    neuron: &NeuronParameters,
    fire: Fire,
    steps: usize,
    inputs: Inputs<'_, F>,
    batch: &TokenBatch,
    d_counts: &[F],
) -> [Vec<F>; 3] {
    let channels = shape.channels();
    let threshold = F::of(neuron.threshold);
    let mut d_synapses = vec![F::ZERO; inputs.synapses.len()];
    let mut d_presence = vec![F::ZERO; inputs.presence.len()];
    let mut d_bias = vec![F::ZERO; channels];
    for b in 0..batch.len() {
        let text = batch.text(b);
        for c in 0..channels {
            let (width_index, filter) = (c / shape.filters, c % shape.filters);
            for p in 0..batch.positions(b, shape.widths[width_index]) {
                let mut membrane = F::of(neuron.first_membrane());
                let trace: Vec<(F, F)> = (0..steps)
                    .map(|t| {
                        let i = current(shape, steps, inputs, text, (width_index, filter, p, t));
                        step(neuron, fire, threshold, F::ONE, &mut membrane, i)
                    })
                    .collect();
                let mut d_membrane = F::ZERO;
                for t in (0..steps).rev() {
                    let (spike, charged) = trace[t];
                    let up = d_counts[(b * steps + t) * channels + c];
                    let delta = step_backward(neuron, threshold, F::ONE, charged, spike, up, d_membrane);
                    d_bias[c] += delta;
                    for tap in 0..shape.widths[width_index] {
                        let Some(&row) = text.get(p + tap).filter(|&&row| row != SILENT) else { continue };
                        let column = shape.first_product(width_index) + tap * shape.filters + filter;
                        d_presence[column] += delta;
                        let row = row as usize * steps + t;
                        for d in 0..shape.dimension {
                            d_synapses[d * shape.products() + column] +=
                                delta * inputs.spikes[row * shape.dimension + d];
                        }
                    }
                    d_membrane = F::of(neuron.beta) * delta;
                }
            }
        }
    }
    [d_synapses, d_presence, d_bias]
}
