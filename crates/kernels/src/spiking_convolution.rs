//! The spiking text convolution: spike trains in, spikes summed over positions out; forward and backward.
//!
//! ```text
//! Y[u,t,(k,j,f)] = q[(k,j,f)] + sum_d s[u,t,d] W[d,(k,j,f)]        once for each distinct token u and step t
//! i[p,t,(k,f)]   = b[k,f] + sum_j Y[row(p + j), t, (k,j,f)]
//! integrate and fire over t at each position p (equation 4), spikes z[p,t,(k,f)]
//! out[t,(k,f)]   = sum over p of z[p,t,(k,f)]                      whole numbers: the average is never formed
//! ```
//!
//! `q` is the presence input: a constant current of each real token at each tap, which centred training needs
//! (equation 10). The backward pass keeps the token products and replays the membranes of one position at a time, so
//! no step's membrane outlives its position.

use multiversion::multiversion;
use rayon::prelude::*;

use crate::{
    ChannelBlock, ConvolutionShape, Fire, NeuronParameters, Reset, SILENT, SpikeTrain, Surrogate, TokenBatch,
    matrix::{Matrix, product},
    neuron::{step, step_backward},
    token_products::{Operand, expand},
    workspace::{Buffer, Workspace},
};

pub use crate::token_products::Tables;

/// Trained numbers of the layer.
#[derive(Clone, Copy, Debug)]
pub struct Weights<'a> {
    /// Synapses W, `[D, M]`.
    pub synapses: &'a [f32],
    /// Presence currents q, `[M]`.
    pub presence: &'a [f32],
    /// Biases b, `[C]`.
    pub bias: &'a [f32],
    /// Tables of the synapses, if they were made before: worth it where the same weights run again.
    pub tables: Option<&'a Tables>,
}

impl<'a> Weights<'a> {
    /// Weights without tables.
    #[must_use]
    pub fn new(synapses: &'a [f32], presence: &'a [f32], bias: &'a [f32]) -> Self {
        Self { synapses, presence, bias, tables: None }
    }
}

/// What the forward pass leaves for the backward pass.
#[derive(Debug)]
pub struct Products {
    blocks: Vec<Buffer>,
    workspace: Workspace,
}

/// Gradients of the loss, in the shapes of [`Weights`].
#[derive(Clone, Debug)]
pub struct Gradients {
    /// With respect to the synapses, `[D, M]`.
    pub synapses: Vec<f32>,
    /// With respect to the presence currents, `[M]`.
    pub presence: Vec<f32>,
    /// With respect to the biases, `[C]`.
    pub bias: Vec<f32>,
}

/// Forward pass. `spikes` has a row for each (distinct token, step), `[U T, D]`. Returns spikes summed over positions,
/// `[B, T, C]`.
///
/// # Panics
/// If a length does not fit the shape, or the batch names a token that has no rows.
#[must_use]
pub fn forward(
    shape: &ConvolutionShape,
    neuron: &NeuronParameters,
    steps: usize,
    spikes: &SpikeTrain,
    weights: Weights<'_>,
    batch: &TokenBatch,
    workspace: &Workspace,
) -> (Vec<f32>, Products) {
    check(shape, steps, spikes.rows(), spikes.dimension(), weights, batch);
    let blocks = shape.blocks();
    let made = match weights.tables {
        Some(_) => None,
        None => Tables::for_rows(shape, weights.synapses, spikes.rows()),
    };
    let operand = Operand::new(&blocks, spikes, weights.tables.or(made.as_ref()), workspace);
    let parts: Vec<(Buffer, Buffer)> = blocks
        .par_iter()
        .enumerate()
        .map(|(which, block)| {
            let numbers = (weights.synapses, weights.presence);
            let y = operand.times(shape, (which, block), spikes.rows(), numbers, workspace);
            let bias = block.take(shape, weights.bias);
            let mut counts = workspace.zeros(batch.len() * steps * block.lanes);
            counts
                .par_chunks_exact_mut((steps * block.lanes).max(1))
                .enumerate()
                .for_each(|(b, counts)| scan_text(block, neuron, steps, &y, &bias, batch, b, counts));
            (counts, y)
        })
        .collect();
    let channels = shape.channels();
    let mut out = vec![0.0; batch.len() * steps * channels];
    for (block, (counts, _)) in blocks.iter().zip(&parts) {
        block.put(shape, counts, &mut out);
    }
    (out, Products { blocks: parts.into_iter().map(|(_, y)| y).collect(), workspace: workspace.clone() })
}

/// Backward pass: from the gradient with respect to the summed spikes, `[B, T, C]`.
///
/// # Panics
/// As [`forward`].
#[must_use]
#[allow(clippy::too_many_arguments)]
pub fn backward(
    shape: &ConvolutionShape,
    neuron: &NeuronParameters,
    steps: usize,
    spikes: &SpikeTrain,
    weights: Weights<'_>,
    batch: &TokenBatch,
    products: &Products,
    d_counts: &[f32],
) -> Gradients {
    check(shape, steps, spikes.rows(), spikes.dimension(), weights, batch);
    let channels = shape.channels();
    assert_eq!(d_counts.len(), batch.len() * steps * channels, "spiking_convolution::backward: gradient of the sums");
    let workspace = &products.workspace;
    let expanded = expand(spikes, workspace);
    let blocks = shape.blocks();
    let parts: Vec<(Buffer, [Vec<f32>; 2])> = blocks
        .par_iter()
        .zip(&products.blocks)
        .map(|(block, y)| {
            let mut d_y = workspace.zeros(y.len());
            let mut d_bias = vec![0.0; block.lanes];
            let (gradient, bias) = (block.take(shape, d_counts), block.take(shape, weights.bias));
            replay(block, neuron, steps, y, &bias, batch, &gradient, &mut d_y, &mut d_bias);
            let mut d_presence = vec![0.0; block.columns()];
            for row in d_y.chunks_exact(block.columns()) {
                d_presence.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
            }
            let mut d_synapses = workspace.take(shape.dimension * block.columns());
            product(
                Matrix::new(&expanded, spikes.rows(), shape.dimension).transposed(),
                Matrix::new(&d_y, spikes.rows(), block.columns()),
                &mut d_synapses,
                false,
            );
            (d_synapses, [d_presence, d_bias])
        })
        .collect();
    let mut gradients = Gradients {
        synapses: vec![0.0; weights.synapses.len()],
        presence: vec![0.0; weights.presence.len()],
        bias: vec![0.0; channels],
    };
    for (block, (d_synapses, [d_presence, d_bias])) in blocks.iter().zip(&parts) {
        block.scatter(shape, d_synapses, &mut gradients.synapses);
        block.scatter(shape, d_presence, &mut gradients.presence);
        block.put(shape, d_bias, &mut gradients.bias);
    }
    gradients
}

/// Every spike of one text of a batch that [`forward`] has run: a train `[T P, F]` for each width, row `t P + p`.
#[must_use]
pub fn trace(
    shape: &ConvolutionShape,
    neuron: &NeuronParameters,
    steps: usize,
    weights: Weights<'_>,
    batch: &TokenBatch,
    products: &Products,
    text: usize,
) -> Vec<SpikeTrain> {
    let positions: Vec<usize> = shape.widths.iter().map(|&width| batch.positions(text, width)).collect();
    let mut trains: Vec<SpikeTrain> =
        positions.iter().map(|positions| SpikeTrain::silent(steps * positions, shape.filters)).collect();
    for (block, y) in shape.blocks().iter().zip(&products.blocks) {
        let bias = block.take(shape, weights.bias);
        let (mut taps, mut current) = (vec![None; block.width], vec![0.0; block.lanes]);
        let mut membrane = vec![0.0; block.lanes];
        for p in 0..positions[block.width_index] {
            taps_at(block, steps, batch.text(text), p, &mut taps);
            membrane.fill(neuron.first_membrane());
            for t in 0..steps {
                currents(block, y, &bias, &taps, t, &mut current);
                let channels = membrane.iter_mut().zip(&current).enumerate().take(block.channels);
                for (lane, (membrane, &current)) in channels {
                    let (spike, _) = step(neuron, Fire::Step, neuron.threshold, 1.0, membrane, current);
                    if spike > 0.0 {
                        trains[block.width_index].set(t * positions[block.width_index] + p, block.first + lane);
                    }
                }
            }
        }
    }
    trains
}

/// Shapes that every entry point relies on.
fn check(
    shape: &ConvolutionShape,
    steps: usize,
    rows: usize,
    dimension: usize,
    weights: Weights<'_>,
    batch: &TokenBatch,
) {
    assert_eq!(dimension, shape.dimension, "spiking_convolution: dimension of the spikes");
    assert_eq!(weights.synapses.len(), shape.dimension * shape.products(), "spiking_convolution: synapses [D, M]");
    assert_eq!(weights.presence.len(), shape.products(), "spiking_convolution: presence [M]");
    assert_eq!(weights.bias.len(), shape.channels(), "spiking_convolution: bias [C]");
    if let Some(last) = batch.last_row() {
        assert!((last as usize + 1) * steps <= rows, "spiking_convolution: token {last}, {rows} rows of spikes");
    }
}

/// The currents of one position and step: biases, then the taps in order.
#[inline(always)]
fn currents(block: &ChannelBlock, y: &[f32], bias: &[f32], taps: &[Option<usize>], t: usize, out: &mut [f32]) {
    out.copy_from_slice(bias);
    for (tap, first_row) in taps.iter().enumerate() {
        if let Some(first_row) = first_row {
            let lanes = &y[(first_row + t) * block.columns() + tap * block.lanes..][..block.lanes];
            for (sum, value) in out.iter_mut().zip(lanes) {
                *sum += value;
            }
        }
    }
}

/// The first spike row of the token under each tap at position p, `None` for silence.
#[inline(always)]
fn taps_at(block: &ChannelBlock, steps: usize, text: &[u32], p: usize, taps: &mut [Option<usize>]) {
    for (tap, slot) in taps.iter_mut().enumerate().take(block.width) {
        *slot = text.get(p + tap).filter(|&&row| row != SILENT).map(|&row| row as usize * steps);
    }
}

/// Runs the neurons of one text and block, adding their spikes to `counts`, `[T, lanes]`.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
#[allow(clippy::too_many_arguments)]
fn scan_text(
    block: &ChannelBlock,
    neuron: &NeuronParameters,
    steps: usize,
    y: &[f32],
    bias: &[f32],
    batch: &TokenBatch,
    b: usize,
    counts: &mut [f32],
) {
    let lanes = block.lanes;
    let mut taps = vec![None; block.width];
    let mut membrane = vec![0.0; lanes];
    let mut current = vec![0.0; lanes];
    let live = batch.live_positions(b, block.width);
    for p in 0..live {
        taps_at(block, steps, batch.text(b), p, &mut taps);
        membrane.fill(neuron.first_membrane());
        for (t, counts) in counts.chunks_exact_mut(lanes).enumerate() {
            currents(block, y, bias, &taps, t, &mut current);
            for ((count, membrane), &current) in counts.iter_mut().zip(&mut membrane).zip(&current) {
                let (spike, _) = step(neuron, Fire::Step, neuron.threshold, 1.0, membrane, current);
                *count += spike;
            }
        }
    }
    // Positions past the text all see the bias alone, so one of them stands for all.
    let silent = batch.positions(b, block.width) - live;
    if silent > 0 {
        membrane.fill(neuron.first_membrane());
        for counts in counts.chunks_exact_mut(lanes) {
            for ((count, membrane), &current) in counts.iter_mut().zip(&mut membrane).zip(bias) {
                let (spike, _) = step(neuron, Fire::Step, neuron.threshold, 1.0, membrane, current);
                *count += silent as f32 * spike;
            }
        }
    }
}

/// One step back for all lanes: `delta` holds the gradient of the membrane after the reset, then that of the charged one.
#[inline(always)]
fn deltas(neuron: &NeuronParameters, charged: &[f32], up: &[f32], delta: &mut [f32]) {
    for ((delta, &charged), &up) in delta.iter_mut().zip(charged).zip(up) {
        let spike = Fire::Step.spike(neuron.surrogate, charged - neuron.threshold);
        *delta = step_backward(neuron, neuron.threshold, 1.0, charged, spike, up, *delta);
    }
}

/// Replays each position of every text and sends the gradient back through time into the token products.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
#[allow(clippy::too_many_arguments)]
fn replay(
    block: &ChannelBlock,
    neuron: &NeuronParameters,
    steps: usize,
    y: &[f32],
    bias: &[f32],
    batch: &TokenBatch,
    d_counts: &[f32],
    d_y: &mut [f32],
    d_bias: &mut [f32],
) {
    let lanes = block.lanes;
    let mut taps = vec![None; block.width];
    let mut membrane = vec![0.0; lanes];
    let mut charged = vec![0.0; steps * lanes];
    let mut delta = vec![0.0; lanes];
    for b in 0..batch.len() {
        let d_counts = &d_counts[b * steps * lanes..][..steps * lanes];
        let live = batch.live_positions(b, block.width);
        let silent = batch.positions(b, block.width) - live;
        for p in 0..live + usize::from(silent > 0) {
            // The last round stands for all silent positions at once.
            let weight = if p < live { 1.0 } else { silent as f32 };
            if p < live {
                taps_at(block, steps, batch.text(b), p, &mut taps);
            } else {
                taps.fill(None);
            }
            membrane.fill(neuron.first_membrane());
            for (t, charged) in charged.chunks_exact_mut(lanes).enumerate() {
                currents(block, y, bias, &taps, t, charged);
                for (charged, membrane) in charged.iter_mut().zip(&mut membrane) {
                    (_, *charged) = step(neuron, Fire::Step, neuron.threshold, 1.0, membrane, *charged);
                }
            }
            // `delta` carries the gradient of the membrane after the reset, then that of the charged membrane.
            delta.fill(0.0);
            for t in (0..steps).rev() {
                let charged = &charged[t * lanes..][..lanes];
                let up = &d_counts[t * lanes..][..lanes];
                // A loop of its own for the usual kinds, so that the choice is made outside of it and vectors are used.
                let soft =
                    |surrogate| NeuronParameters { surrogate, reset: Reset::Soft, detach_reset: true, ..*neuron };
                match (neuron.surrogate, neuron.reset, neuron.detach_reset) {
                    (Surrogate::FastSigmoid { slope }, Reset::Soft, true) => {
                        deltas(&soft(Surrogate::FastSigmoid { slope }), charged, up, &mut delta);
                    }
                    (Surrogate::Arctangent { alpha }, Reset::Soft, true) => {
                        deltas(&soft(Surrogate::Arctangent { alpha }), charged, up, &mut delta);
                    }
                    _ => deltas(neuron, charged, up, &mut delta),
                }
                for (sum, delta) in d_bias.iter_mut().zip(&delta) {
                    *sum += weight * delta;
                }
                for (tap, first_row) in taps.iter().enumerate() {
                    if let Some(first_row) = first_row {
                        let out = &mut d_y[(first_row + t) * block.columns() + tap * lanes..][..lanes];
                        for (sum, delta) in out.iter_mut().zip(&delta) {
                            *sum += delta;
                        }
                    }
                }
                delta.iter_mut().for_each(|delta| *delta *= neuron.beta);
            }
        }
    }
}

/// The definition, spike by spike, without token products; kept to hold the fast kernels to it and to show every spike.
pub mod reference {
    use super::{Fire, NeuronParameters, step, step_backward};
    use crate::{ConvolutionShape, Real, SILENT, TokenBatch};

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
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    struct Case {
        shape: ConvolutionShape,
        batch: TokenBatch,
        steps: usize,
        spikes: SpikeTrain,
        synapses: Vec<f32>,
        presence: Vec<f32>,
        bias: Vec<f32>,
        up: Vec<f32>,
    }

    impl Case {
        /// Numbers on a grid of 2^-6, so that sums are exact in any order and fast = reference to the last bit.
        fn new(
            widths: Vec<usize>,
            filters: usize,
            dimension: usize,
            steps: usize,
            padded: usize,
            density: u32,
        ) -> Self {
            let shape = ConvolutionShape { widths, filters, dimension };
            let mut state = 12_345u32.wrapping_add(density * 77 + dimension as u32);
            let mut next = move || {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                state >> 8
            };
            let mut batch = TokenBatch::new(padded);
            batch.push([0, 1, 2, 0, 3, 1, 1]);
            batch.push([SILENT, 2, SILENT]);
            batch.push([]);
            batch.push([3, 2, 1, 0]);
            let mut spikes = SpikeTrain::silent(4 * steps, dimension);
            for row in 0..spikes.rows() {
                for column in 0..dimension {
                    if next() % 100 < density {
                        spikes.set(row, column);
                    }
                }
            }
            let mut grid =
                |count: usize| (0..count).map(|_| (next() % 129) as f32 / 64.0 - 0.96875).collect::<Vec<_>>();
            let (synapses, presence) = (grid(dimension * shape.products()), grid(shape.products()));
            let (bias, up) = (grid(shape.channels()), grid(4 * steps * shape.channels()));
            Self { shape, batch, steps, spikes, synapses, presence, bias, up }
        }

        fn weights(&self) -> Weights<'_> {
            Weights::new(&self.synapses, &self.presence, &self.bias)
        }
    }

    fn neurons() -> [NeuronParameters; 4] {
        let paper = NeuronParameters::paper();
        let smooth = Surrogate::Arctangent { alpha: 2.0 };
        [
            paper,
            NeuronParameters { initial: 0.5, detach_reset: false, surrogate: smooth, ..paper },
            NeuronParameters { beta: 0.75, reset: Reset::Hard, detach_reset: false, surrogate: smooth, ..paper },
            NeuronParameters { beta: 0.5, threshold: 0.625, surrogate: Surrogate::Triangle { slope: 0.5 }, ..paper },
        ]
    }

    fn agrees_with_reference(case: &Case, neuron: &NeuronParameters) {
        let dense = expand(&case.spikes, &Workspace::default());
        let inputs = reference::Inputs {
            spikes: &dense[..],
            synapses: &case.synapses,
            presence: &case.presence,
            bias: &case.bias,
        };
        let (shape, steps) = (&case.shape, case.steps);
        let want = reference::forward(shape, neuron, Fire::Step, steps, inputs, &case.batch, |_, _, _, _| {});
        // The second run finds what the first has left behind.
        let workspace = Workspace::default();
        let run = |weights| forward(shape, neuron, steps, &case.spikes, weights, &case.batch, &workspace);
        drop(run(case.weights()));
        let (got, products) = run(case.weights());
        assert_eq!(got, want, "{neuron:?}");
        // These weights are whole numbers of a unit, so they can be looked up wherever the processor is made for it.
        let tables = Tables::new(shape, &case.synapses);
        assert_eq!(tables.is_some(), crate::spike_product::is_fast());
        let looked_up = Weights { tables: tables.as_ref(), ..case.weights() };
        let (got, _) = run(looked_up);
        assert_eq!(got, want, "looked up, {neuron:?}");
        let want = reference::backward(shape, neuron, Fire::Step, steps, inputs, &case.batch, &case.up);
        let got = backward(shape, neuron, steps, &case.spikes, case.weights(), &case.batch, &products, &case.up);
        for (got, want) in [&got.synapses, &got.presence, &got.bias].into_iter().zip(&want) {
            for (got, want) in got.iter().zip(want) {
                assert!((got - want).abs() <= 2e-4 * (1.0 + want.abs()), "{neuron:?}: {got} {want}");
            }
        }
    }

    #[test]
    fn a_trace_shows_the_spikes_that_the_reference_sees() {
        let case = Case::new(vec![3, 1, 5], 70, 10, 5, 9, 40);
        let neuron = neurons()[1];
        let dense = expand(&case.spikes, &Workspace::default());
        let inputs = reference::Inputs {
            spikes: &dense[..],
            synapses: &case.synapses,
            presence: &case.presence,
            bias: &case.bias,
        };
        let mut want = std::collections::BTreeSet::new();
        let _ =
            reference::forward(&case.shape, &neuron, Fire::Step, case.steps, inputs, &case.batch, |b, t, p, c| {
                want.insert((b, t, p, c));
            });
        let workspace = Workspace::default();
        let (_, products) =
            forward(&case.shape, &neuron, case.steps, &case.spikes, case.weights(), &case.batch, &workspace);
        let mut got = std::collections::BTreeSet::new();
        for b in 0..case.batch.len() {
            let trains = trace(&case.shape, &neuron, case.steps, case.weights(), &case.batch, &products, b);
            for (width_index, train) in trains.iter().enumerate() {
                let positions = case.batch.positions(b, case.shape.widths[width_index]);
                for row in 0..train.rows() {
                    for filter in (0..case.shape.filters).filter(|&filter| train.get(row, filter)) {
                        got.insert((b, row / positions, row % positions, width_index * case.shape.filters + filter));
                    }
                }
            }
        }
        assert!(!want.is_empty());
        assert_eq!(got, want);
    }

    #[test]
    fn fast_and_reference_agree_over_neurons_and_padding() {
        for padded in [0, 9] {
            let case = Case::new(vec![3, 4, 5], 6, 10, 5, padded, 40);
            for neuron in neurons() {
                agrees_with_reference(&case, &neuron);
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn fast_and_reference_agree_over_shapes(
            widths in prop::collection::vec(1usize..6, 1..4),
            filters in prop::sample::select(vec![1usize, 3, 17, 65]),
            dimension in prop::sample::select(vec![1usize, 7, 63, 64, 65]),
            steps in 1usize..6,
            padded in 0usize..12,
            density in prop::sample::select(vec![0u32, 5, 50, 100]),
        ) {
            let case = Case::new(widths, filters, dimension, steps, padded, density);
            agrees_with_reference(&case, &neurons()[dimension % 4]);
        }
    }

    #[test]
    fn the_backward_pass_is_the_gradient_of_the_smooth_network() {
        let case = Case::new(vec![2, 3], 3, 4, 5, 6, 40);
        let wide = |v: &[f32]| v.iter().map(|&x| f64::from(x)).collect::<Vec<f64>>();
        let dense = wide(&expand(&case.spikes, &Workspace::default()));
        let up = wide(&case.up);
        for neuron in neurons() {
            // A detached reset is not a gradient of anything, so the check attaches it.
            let neuron = NeuronParameters { detach_reset: false, ..neuron };
            let at = [wide(&case.synapses), wide(&case.presence), wide(&case.bias)];
            let run = |x: &[Vec<f64>; 3]| -> f64 {
                let inputs = reference::Inputs { spikes: &dense[..], synapses: &x[0], presence: &x[1], bias: &x[2] };
                reference::forward(
                    &case.shape,
                    &neuron,
                    Fire::Smooth,
                    case.steps,
                    inputs,
                    &case.batch,
                    |_, _, _, _| {},
                )
                .iter()
                .zip(&up)
                .map(|(count, g)| count * g)
                .sum()
            };
            let inputs = reference::Inputs { spikes: &dense[..], synapses: &at[0], presence: &at[1], bias: &at[2] };
            let got = reference::backward(&case.shape, &neuron, Fire::Smooth, case.steps, inputs, &case.batch, &up);
            for which in 0..3 {
                for i in 0..got[which].len() {
                    let h = 1e-6;
                    let (mut high, mut low) = (at.clone(), at.clone());
                    high[which][i] += h;
                    low[which][i] -= h;
                    let slope = (run(&high) - run(&low)) / (2.0 * h);
                    let error = (slope - got[which][i]).abs() / (1.0 + slope.abs());
                    assert!(error < 1e-4, "{neuron:?} operand {which} entry {i}: {slope} against {}", got[which][i]);
                }
            }
        }
    }
}
