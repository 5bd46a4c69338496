//! The text convolution of spiking neurons over codes that are the same at every step, forward and backward, with the
//! gradient of the codes: what trains a network whose codes are learnt (equations 2 and 4).
//!
//! ```text
//! Y[u, (k,j,f)] = sum_d x[u,d] W[d, (k,j,f)]                  once for each distinct token u
//! i[p, (k,f)]   = b[k,f] + sum_j Y[row(p + j), (k,j,f)]       the current of every step
//! out[t, (k,f)] = sum over p of the spikes at step t
//! ```
//!
//! Codes have few numbers that are not zero, so a token's products are sums of as many rows of weights, and so is the way
//! back to a row of weights. Only the gradient of the codes themselves asks for all of them.

use macro_rules_attribute::apply;
use rayon::prelude::*;

use crate::{
    ConvolutionShape, Fire, NeuronParameters, SILENT, TokenBatch, Workspace,
    matrix::{Matrix, shared_product},
    neuron::{known_neuron, step, step_backward},
    text_convolution::{Gradients, add_up, of_texts, of_tokens},
};

/// The layer: everything but the batch.
#[derive(Clone, Copy, Debug)]
pub struct CodeConvolution<'a> {
    /// Kernel widths and channels.
    pub shape: &'a ConvolutionShape,
    /// The neurons at every position.
    pub neuron: &'a NeuronParameters,
    /// Time steps T.
    pub steps: usize,
    /// W, `[D, M]`.
    pub weights: &'a [f32],
    /// b, `[C]`.
    pub bias: &'a [f32],
    /// Memory for the passes.
    pub workspace: &'a Workspace,
}

/// Token rows that one thread works on at a time.
const ROWS_A_TASK: usize = 16;

impl CodeConvolution<'_> {
    /// Forward pass: codes `[U, D]` to spikes summed over positions, `[B, T, C]`, with the token products `[U, M]`.
    ///
    /// # Panics
    /// If a length does not fit the shape, or the batch names a row that is not there.
    #[must_use]
    pub fn forward(&self, codes: &[f32], batch: &TokenBatch) -> (Vec<f32>, Vec<f32>) {
        let products = self.products(codes, batch);
        let channels = self.shape.channels();
        let mut sums = vec![0.0; batch.len() * self.steps * channels];
        sums.par_chunks_exact_mut((self.steps * channels).max(1)).enumerate().for_each(|(b, sums)| {
            let mut current = vec![0.0; channels];
            self.positions(batch, b, |width_index, positions| {
                for p in positions {
                    let own = self.current(&products, batch.text(b), width_index, p, &mut current);
                    fire(self.neuron, own, sums, channels, width_index * self.shape.filters);
                }
            });
        });
        (sums, products)
    }

    /// Backward pass: from the gradient with respect to the sums `[B, T, C]`. That of the codes is left out unless asked
    /// for.
    ///
    /// # Panics
    /// As [`Self::forward`].
    #[must_use]
    pub fn backward(
        &self,
        codes: &[f32],
        batch: &TokenBatch,
        products: &[f32],
        d_sums: &[f32],
        codes_gradient: bool,
    ) -> Gradients {
        let Self { shape, steps, weights, workspace, .. } = *self;
        let tokens = self.check(codes, batch);
        let (channels, columns, filters) = (shape.channels(), shape.products(), shape.filters);
        assert_eq!(d_sums.len(), batch.len() * steps * channels, "code_convolution::backward: gradient of the sums");
        let mut gradients = Gradients {
            codes: vec![0.0; if codes_gradient { codes.len() } else { 0 }],
            weights: vec![0.0; weights.len()],
            bias: vec![0.0; channels],
        };
        if columns == 0 {
            return gradients;
        }
        // Gradients of the currents of every position that sees a token, [L, C], and of the biases of every text.
        let mut deltas = workspace.take(batch.tokens() * channels);
        let mut d_bias = workspace.zeros(batch.len() * channels);
        let texts = of_texts(batch, channels, &mut deltas);
        texts.into_par_iter().zip(d_bias.par_chunks_exact_mut(channels)).for_each(|((b, deltas), d_bias)| {
            let d_sums = &d_sums[b * steps * channels..][..steps * channels];
            let mut memory = vec![0.0; (steps + 2) * filters];
            let mut current = vec![0.0; channels];
            let mut silent = vec![0.0; filters];
            self.positions(batch, b, |width_index, positions| {
                let first = width_index * filters;
                let live = batch.live_positions(b, shape.widths[width_index]);
                for p in positions {
                    let own = self.current(products, batch.text(b), width_index, p, &mut current);
                    let delta = match deltas.get_mut(p * channels + first..p * channels + first + filters) {
                        Some(delta) if p < live => delta,
                        _ => &mut silent,
                    };
                    unfire(self.neuron, own, (d_sums, channels, first), &mut memory, delta);
                    d_bias[first..][..filters].iter_mut().zip(delta).for_each(|(sum, delta)| *sum += *delta);
                }
            });
        });
        add_up(&d_bias, &mut gradients.bias);
        let d_y = of_tokens(shape, batch, tokens, &deltas, workspace);
        let d_y = &d_y[..tokens * columns];
        let by_input = ActiveTokens::of(codes, shape.dimension);
        rayon::join(
            || {
                if codes_gradient {
                    let weights = Matrix::new(weights, shape.dimension, columns).transposed();
                    shared_product(Matrix::new(d_y, tokens, columns), weights, &mut gradients.codes);
                }
            },
            || {
                let rows = gradients.weights.par_chunks_exact_mut(columns).enumerate();
                rows.with_min_len(ROWS_A_TASK).for_each(|(d, row)| {
                    for &(token, value) in by_input.of_input(d) {
                        add_times(row, &d_y[token as usize * columns..][..columns], value);
                    }
                });
            },
        );
        gradients
    }

    /// Y of all tokens, `[U, M]`.
    fn products(&self, codes: &[f32], batch: &TokenBatch) -> Vec<f32> {
        let (tokens, columns) = (self.check(codes, batch), self.shape.products());
        let mut products = vec![0.0; tokens * columns];
        let rows = products.par_chunks_exact_mut(columns.max(1)).zip(codes.par_chunks_exact(self.shape.dimension));
        rows.with_min_len(ROWS_A_TASK).for_each(|(products, code)| {
            for (d, &value) in code.iter().enumerate().filter(|(_, value)| **value != 0.0) {
                add_times(products, &self.weights[d * columns..][..columns], value);
            }
        });
        products
    }

    /// The number of tokens U.
    fn check(&self, codes: &[f32], batch: &TokenBatch) -> usize {
        let shape = self.shape;
        assert_eq!(self.weights.len(), shape.dimension * shape.products(), "code_convolution: weights [D, M]");
        assert_eq!(self.bias.len(), shape.channels(), "code_convolution: bias [C]");
        assert_eq!(codes.len() % shape.dimension, 0, "code_convolution: codes [U, D]");
        let tokens = codes.len() / shape.dimension;
        if let Some(last) = batch.last_row() {
            assert!((last as usize) < tokens, "code_convolution: row {last} of {tokens} token codes");
        }
        tokens
    }

    /// The positions of a text under each kernel width, in their order.
    fn positions(&self, batch: &TokenBatch, b: usize, mut of: impl FnMut(usize, std::ops::Range<usize>)) {
        for (width_index, &width) in self.shape.widths.iter().enumerate() {
            of(width_index, 0..batch.positions(b, width));
        }
    }

    /// The currents of one width at a position, `[filters]`, in `out`.
    fn current<'a>(
        &self,
        products: &[f32],
        text: &[u32],
        width_index: usize,
        p: usize,
        out: &'a mut [f32],
    ) -> &'a [f32] {
        let ConvolutionShape { widths, filters, .. } = self.shape;
        let (filters, columns) = (*filters, self.shape.products());
        let out = &mut out[..filters];
        out.copy_from_slice(&self.bias[width_index * filters..][..filters]);
        for tap in 0..widths[width_index] {
            let Some(&row) = text.get(p + tap).filter(|&&row| row != SILENT) else { continue };
            let first = row as usize * columns + self.shape.first_product(width_index) + tap * filters;
            add_times(out, &products[first..][..filters], 1.0);
        }
        out
    }
}

#[apply(every_processor!)]
fn add_times(sums: &mut [f32], row: &[f32], value: f32) {
    sums.iter_mut().zip(row).for_each(|(sum, number)| *sum += value * number);
}

/// Adds the spikes of all steps under a constant current, `[filters]`, to the sums of a text, `[T, C]`, from channel
/// `first` on.
#[apply(every_processor!)]
fn fire(neuron: &NeuronParameters, current: &[f32], sums: &mut [f32], channels: usize, first: usize) {
    known_neuron!(forward, neuron, |neuron| {
        let mut membranes = vec![neuron.first_membrane(); current.len()];
        for sums in sums.chunks_exact_mut(channels) {
            for ((membrane, &current), sum) in membranes.iter_mut().zip(current).zip(&mut sums[first..]) {
                *sum += step(neuron, Fire::Step, neuron.threshold, 1.0, membrane, current).0;
            }
        }
    });
}

/// From the gradient of the sums of a text to that of a constant current, `[filters]`. `memory` holds `T + 2` rows.
#[apply(every_processor!)]
fn unfire(
    neuron: &NeuronParameters,
    current: &[f32],
    (d_sums, channels, first): (&[f32], usize, usize),
    memory: &mut [f32],
    out: &mut [f32],
) {
    let filters = current.len();
    known_neuron!(backward, neuron, |neuron| {
        let (membranes, rest) = memory.split_at_mut(filters);
        let (d_membranes, charged) = rest.split_at_mut(filters);
        membranes.fill(neuron.first_membrane());
        d_membranes.fill(0.0);
        out.fill(0.0);
        for charged in charged.chunks_exact_mut(filters) {
            for ((membrane, &current), charged) in membranes.iter_mut().zip(current).zip(charged) {
                (_, *charged) = step(neuron, Fire::Step, neuron.threshold, 1.0, membrane, current);
            }
        }
        for (charged, d_sums) in charged.chunks_exact(filters).zip(d_sums.chunks_exact(channels)).rev() {
            let numbers = charged.iter().zip(&d_sums[first..]).zip(&mut *d_membranes).zip(&mut *out);
            for (((&charged, &d_spike), d_membrane), out) in numbers {
                let spike = Fire::Step.spike(neuron.surrogate, charged - neuron.threshold);
                let delta = step_backward(neuron, neuron.threshold, 1.0, charged, spike, d_spike, *d_membrane);
                *d_membrane = neuron.beta * delta;
                *out += delta;
            }
        }
    });
}

/// For each input the tokens whose codes have it, with its number there.
struct ActiveTokens {
    /// For each input the end of its tokens; they begin where those of the input before end.
    ends: Vec<usize>,
    tokens: Vec<(u32, f32)>,
}

impl ActiveTokens {
    fn of(codes: &[f32], dimension: usize) -> Self {
        let active = || {
            let rows = codes.chunks_exact(dimension).enumerate();
            rows.flat_map(|(token, code)| {
                code.iter().enumerate().filter(|(_, value)| **value != 0.0).map(move |(d, &value)| (token, d, value))
            })
        };
        let mut starts = vec![0; dimension + 1];
        active().for_each(|(_, d, _)| starts[d + 1] += 1);
        (0..dimension).for_each(|d| starts[d + 1] += starts[d]);
        let mut tokens = vec![(0, 0.0); starts[dimension]];
        // Each start moves to the end of its input's tokens as they are filled in.
        let mut ends = starts;
        for (token, d, value) in active() {
            tokens[ends[d]] = (token as u32, value);
            ends[d] += 1;
        }
        Self { ends, tokens }
    }

    fn of_input(&self, d: usize) -> &[(u32, f32)] {
        let start = if d == 0 { 0 } else { self.ends[d - 1] };
        &self.tokens[start..self.ends[d]]
    }
}

/// The definition, position by position and step by step; kept to hold the above to it.
pub mod reference {
    use crate::{ConvolutionShape, Fire, NeuronParameters, Real, SILENT, TokenBatch, neuron::step};

    /// Spikes summed over positions, `[B, T, C]`, from codes `[U, D]`, weights `[D, M]` and biases `[C]`.
    #[must_use]
    pub fn forward<F: Real>(
        (shape, neuron, steps): (&ConvolutionShape, &NeuronParameters, usize),
        fire: Fire,
        (codes, weights, bias): (&[F], &[F], &[F]),
        batch: &TokenBatch,
    ) -> Vec<F> {
        let (channels, columns) = (shape.channels(), shape.products());
        let mut sums = vec![F::ZERO; batch.len() * steps * channels];
        for b in 0..batch.len() {
            for (width_index, &width) in shape.widths.iter().enumerate() {
                for f in 0..shape.filters {
                    for p in 0..batch.positions(b, width) {
                        let channel = width_index * shape.filters + f;
                        let mut current = bias[channel];
                        for tap in 0..width {
                            let Some(&row) = batch.text(b).get(p + tap).filter(|&&row| row != SILENT) else {
                                continue;
                            };
                            let column = shape.first_product(width_index) + tap * shape.filters + f;
                            for d in 0..shape.dimension {
                                current += codes[row as usize * shape.dimension + d] * weights[d * columns + column];
                            }
                        }
                        let mut membrane = F::of(neuron.first_membrane());
                        for t in 0..steps {
                            let threshold = F::of(neuron.threshold);
                            let (spike, _) = step(neuron, fire, threshold, F::ONE, &mut membrane, current);
                            sums[(b * steps + t) * channels + channel] += spike;
                        }
                    }
                }
            }
        }
        sums
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Reset, Surrogate,
        testing::{some, wide},
    };

    fn shape() -> ConvolutionShape {
        ConvolutionShape { widths: vec![2, 3], filters: 5, dimension: 11 }
    }

    fn neurons() -> Vec<NeuronParameters> {
        let of = |surrogate, reset, detach_reset, beta| NeuronParameters {
            surrogate,
            reset,
            detach_reset,
            beta,
            threshold: 0.6,
            initial: 0.25,
        };
        vec![
            of(Surrogate::Arctangent { alpha: 2.0 }, Reset::Soft, true, 1.0),
            of(Surrogate::FastSigmoid { slope: 4.0 }, Reset::Soft, false, 0.75),
            of(Surrogate::Triangle { slope: 0.5 }, Reset::Hard, false, 1.0),
        ]
    }

    /// Texts of all lengths over four tokens, silent ones among them.
    fn batches() -> Vec<TokenBatch> {
        [0, 6]
            .map(|padded| {
                let mut batch = TokenBatch::new(padded);
                batch.push([0, 1, SILENT, 2, 0, 3]);
                batch.push([]);
                batch.push([2]);
                batch.push([3, 3, 1, 0, 2, 1, SILENT, 1]);
                batch
            })
            .into()
    }

    /// Codes of which most numbers are zero; some are no whole numbers, as nothing here asks for such.
    fn codes() -> Vec<f32> {
        some(4 * 11, 1).into_iter().enumerate().map(|(i, x)| if i % 3 == 0 { x } else { 0.0 }).collect()
    }

    #[test]
    fn sums_are_those_of_the_definition() {
        let (shape, workspace) = (shape(), Workspace::default());
        let (weights, bias) = (some(shape.dimension * shape.products(), 2), some(shape.channels(), 3));
        for neuron in neurons() {
            for steps in [1, 4] {
                for batch in batches() {
                    let layer = CodeConvolution {
                        shape: &shape,
                        neuron: &neuron,
                        steps,
                        weights: &weights,
                        bias: &bias,
                        workspace: &workspace,
                    };
                    let (sums, _) = layer.forward(&codes(), &batch);
                    let arrays = (&wide(&codes())[..], &wide(&weights)[..], &wide(&bias)[..]);
                    let want = reference::forward((&shape, &neuron, steps), Fire::Step, arrays, &batch);
                    assert_eq!(wide(&sums), want);
                    assert!(sums.iter().any(|&sum| sum > 0.0));
                }
            }
        }
    }

    /// The smooth stand-in's slopes, where its spikes are those of the steps: with one step nothing else differs.
    #[test]
    fn the_way_back_is_the_slope_of_smooth_neurons() {
        let (shape, workspace) = (shape(), Workspace::default());
        let (weights, bias) = (some(shape.dimension * shape.products(), 2), some(shape.channels(), 3));
        for neuron in neurons() {
            for batch in batches() {
                let layer = CodeConvolution {
                    shape: &shape,
                    neuron: &neuron,
                    steps: 1,
                    weights: &weights,
                    bias: &bias,
                    workspace: &workspace,
                };
                let (sums, products) = layer.forward(&codes(), &batch);
                let up = some(sums.len(), 5);
                let got = layer.backward(&codes(), &batch, &products, &up, true);
                assert!(layer.backward(&codes(), &batch, &products, &up, false).codes.is_empty());
                let smooth = |arrays: &[Vec<f64>; 3]| {
                    let arrays = (&arrays[0][..], &arrays[1][..], &arrays[2][..]);
                    reference::forward((&shape, &neuron, 1), Fire::Smooth, arrays, &batch)
                };
                let arrays = [wide(&codes()), wide(&weights), wide(&bias)];
                for (which, gradient) in [&got.codes, &got.weights, &got.bias].into_iter().enumerate() {
                    crate::testing::assert_slopes("codes", &arrays, smooth, &up, (which, gradient, 3));
                }
            }
        }
    }

    /// Over several steps it is that of the neurons of `neuron_scan`, which has tests of its own.
    #[test]
    fn over_steps_the_way_back_is_that_of_the_layer_of_neurons() {
        let shape = ConvolutionShape { widths: vec![1], filters: 7, dimension: 3 };
        let workspace = Workspace::default();
        let (weights, bias) = (some(3 * 7, 2), some(7, 3));
        let mut batch = TokenBatch::new(0);
        (0..3).for_each(|row| batch.push([row]));
        let codes = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0];
        for neuron in neurons() {
            let layer = CodeConvolution {
                shape: &shape,
                neuron: &neuron,
                steps: 5,
                weights: &weights,
                bias: &bias,
                workspace: &workspace,
            };
            let (sums, products) = layer.forward(&codes, &batch);
            let currents: Vec<f32> = weights
                .chunks_exact(7)
                .flat_map(|row| {
                    let one: Vec<f32> = row.iter().zip(&bias).map(|(w, b)| b + w).collect();
                    std::iter::repeat_n(one, 5).flatten()
                })
                .collect();
            let (values, scales) = (vec![neuron.threshold; 3 * 7], vec![1.0; 3 * 7]);
            let thresholds = crate::neuron_scan::Thresholds { values: &values, scales: &scales };
            assert_eq!(sums, crate::neuron_scan::forward(&neuron, 5, 7, thresholds, &currents));
            let up = some(sums.len(), 9);
            let by_step = crate::neuron_scan::backward(&neuron, 5, 7, thresholds, &currents, &up);
            let want: Vec<f64> = by_step
                .chunks_exact(5 * 7)
                .flat_map(|text| (0..7).map(|f| (0..5).map(|t| f64::from(text[t * 7 + f])).sum()))
                .collect();
            let got = layer.backward(&codes, &batch, &products, &up, true);
            crate::testing::assert_near("weights", &got.weights, &want);
        }
    }
}
