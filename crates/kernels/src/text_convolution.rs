//! The real-valued text convolution with its pooling, forward and backward, by token products (equations 2 and 5).
//!
//! ```text
//! Y[u, (k,j,f)] = sum_d x[u,d] W[d, (k,j,f)]                  once for each distinct token u
//! c[p, (k,f)]   = b[k,f] + sum_j Y[row(p + j), (k,j,f)]       for each convolution position p
//! out[(k,f)]    = mean or max over p of relu(c[p, (k,f)])
//! ```
//!
//! A word that stands in a batch n times costs one product instead of n; adding up its taps costs next to nothing.

use multiversion::multiversion;
use rayon::prelude::*;

use crate::{
    ChannelBlock, ConvolutionShape, SILENT, TokenBatch,
    matrix::{Matrix, product},
};

/// How the positions of a text become one number a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pooling {
    /// The average over the positions of equation (5): the tailored network, which spikes can compute.
    Average,
    /// The maximum: the original TextCNN.
    Maximum,
}

/// What the forward pass leaves for the backward pass: the token products of every block.
#[derive(Clone, Debug)]
pub struct Products(Vec<Vec<f32>>);

/// Gradients of the loss.
#[derive(Clone, Debug)]
pub struct Gradients {
    /// With respect to the token codes, `[U, D]`; empty if it was not asked for.
    pub codes: Vec<f32>,
    /// With respect to the weights, `[D, M]`.
    pub weights: Vec<f32>,
    /// With respect to the biases, `[C]`.
    pub bias: Vec<f32>,
}

/// Forward pass: codes `[U, D]`, weights `[D, M]`, bias `[C]` to pooled features `[B, C]`.
///
/// # Panics
/// If a length does not fit the shape, or the batch names a row that is not there.
#[must_use]
pub fn forward(
    shape: &ConvolutionShape,
    pooling: Pooling,
    codes: &[f32],
    weights: &[f32],
    bias: &[f32],
    batch: &TokenBatch,
) -> (Vec<f32>, Products) {
    let tokens = check(shape, codes, weights, bias, batch);
    let channels = shape.channels();
    let parts: Vec<(Vec<f32>, Vec<f32>)> = shape
        .blocks()
        .par_iter()
        .map(|block| {
            let own = block.gather(shape, weights);
            let mut y = vec![0.0; tokens * block.columns()];
            product(
                Matrix::new(codes, tokens, shape.dimension),
                Matrix::new(&own, shape.dimension, block.columns()),
                &mut y,
                false,
            );
            let mut pooled = vec![0.0; batch.len() * block.lanes];
            pool(block, pooling, &y, &block.take(shape, bias), batch, &mut pooled);
            (pooled, y)
        })
        .collect();
    let mut out = vec![0.0; batch.len() * channels];
    for (block, (pooled, _)) in shape.blocks().iter().zip(&parts) {
        block.put(shape, pooled, &mut out);
    }
    (out, Products(parts.into_iter().map(|(_, y)| y).collect()))
}

/// Backward pass: from the gradient with respect to the pooled features `[B, C]`. The gradient of the codes, a third of
/// the work, is left out unless asked for.
///
/// # Panics
/// As [`forward`].
#[must_use]
pub fn backward(
    shape: &ConvolutionShape,
    pooling: Pooling,
    (codes, weights, bias): (&[f32], &[f32], &[f32]),
    batch: &TokenBatch,
    products: &Products,
    d_pooled: &[f32],
    codes_gradient: bool,
) -> Gradients {
    let tokens = check(shape, codes, weights, bias, batch);
    let channels = shape.channels();
    assert_eq!(d_pooled.len(), batch.len() * channels, "text_convolution::backward: gradient of the pooled features");
    let blocks = shape.blocks();
    let parts: Vec<(Vec<f32>, Vec<f32>, Vec<f32>)> = blocks
        .par_iter()
        .zip(&products.0)
        .map(|(block, y)| {
            let mut d_y = vec![0.0; y.len()];
            let mut d_bias = vec![0.0; block.lanes];
            let (gradient, bias) = (block.take(shape, d_pooled), block.take(shape, bias));
            unpool(block, pooling, y, &bias, batch, &gradient, &mut d_y, &mut d_bias);
            let d_y = Matrix::new(&d_y, tokens, block.columns());
            let mut d_weights = vec![0.0; shape.dimension * block.columns()];
            product(Matrix::new(codes, tokens, shape.dimension).transposed(), d_y, &mut d_weights, false);
            let mut d_codes = Vec::new();
            if codes_gradient {
                let own = block.gather(shape, weights);
                d_codes.resize(codes.len(), 0.0);
                product(d_y, Matrix::new(&own, shape.dimension, block.columns()).transposed(), &mut d_codes, false);
            }
            (d_weights, d_bias, d_codes)
        })
        .collect();
    let mut gradients = Gradients {
        codes: vec![0.0; if codes_gradient { codes.len() } else { 0 }],
        weights: vec![0.0; weights.len()],
        bias: vec![0.0; channels],
    };
    for (block, (d_weights, d_bias, d_codes)) in blocks.iter().zip(&parts) {
        block.scatter(shape, d_weights, &mut gradients.weights);
        block.put(shape, d_bias, &mut gradients.bias);
        for (sum, part) in gradients.codes.iter_mut().zip(d_codes) {
            *sum += part;
        }
    }
    gradients
}

/// Pre-activations `c[p, (k,f)]` of every text at the positions that see a token: one list a channel, in the order of the
/// texts. What thresholds are taken from.
///
/// # Panics
/// As [`forward`].
#[must_use]
pub fn pre_activations(
    shape: &ConvolutionShape,
    codes: &[f32],
    weights: &[f32],
    bias: &[f32],
    batch: &TokenBatch,
) -> Vec<Vec<f32>> {
    let tokens = check(shape, codes, weights, bias, batch);
    let blocks = shape.blocks();
    let parts: Vec<Vec<Vec<f32>>> = blocks
        .par_iter()
        .map(|block| {
            let own = block.gather(shape, weights);
            let mut y = vec![0.0; tokens * block.columns()];
            let codes = Matrix::new(codes, tokens, shape.dimension);
            product(codes, Matrix::new(&own, shape.dimension, block.columns()), &mut y, false);
            let bias = block.take(shape, bias);
            let mut c = vec![0.0; block.lanes];
            let mut lists = vec![Vec::new(); block.channels];
            for b in 0..batch.len() {
                for p in 0..batch.live_positions(b, block.width) {
                    position(block, &y, &bias, batch.text(b), p, &mut c);
                    lists.iter_mut().zip(&c).for_each(|(list, &c)| list.push(c));
                }
            }
            lists
        })
        .collect();
    let mut channels = vec![Vec::new(); shape.channels()];
    for (block, lists) in blocks.iter().zip(parts) {
        for (lane, list) in lists.into_iter().enumerate() {
            channels[block.first_channel(shape) + lane] = list;
        }
    }
    channels
}

fn check(shape: &ConvolutionShape, codes: &[f32], weights: &[f32], bias: &[f32], batch: &TokenBatch) -> usize {
    assert_eq!(weights.len(), shape.dimension * shape.products(), "text_convolution: weights [D, M]");
    assert_eq!(bias.len(), shape.channels(), "text_convolution: bias [C]");
    assert_eq!(codes.len() % shape.dimension, 0, "text_convolution: codes [U, D]");
    let tokens = codes.len() / shape.dimension;
    if let Some(last) = batch.last_row() {
        assert!((last as usize) < tokens, "text_convolution: row {last} of {tokens} token codes");
    }
    tokens
}

/// Adds the tap rows of one position to the biases: the pre-activation `c[p, lanes]`.
#[inline(always)]
fn position(block: &ChannelBlock, y: &[f32], bias: &[f32], text: &[u32], p: usize, out: &mut [f32]) {
    out.copy_from_slice(bias);
    for tap in 0..block.width {
        let Some(&row) = text.get(p + tap) else { break };
        if row == SILENT {
            continue;
        }
        let lanes = &y[row as usize * block.columns() + tap * block.lanes..][..block.lanes];
        for (sum, value) in out.iter_mut().zip(lanes) {
            *sum += value;
        }
    }
}

#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
fn pool(block: &ChannelBlock, pooling: Pooling, y: &[f32], bias: &[f32], batch: &TokenBatch, pooled: &mut [f32]) {
    let mut c = vec![0.0; block.lanes];
    for (b, out) in pooled.chunks_exact_mut(block.lanes).enumerate() {
        let positions = batch.positions(b, block.width);
        let live = batch.live_positions(b, block.width);
        for p in 0..live {
            position(block, y, bias, batch.text(b), p, &mut c);
            match pooling {
                Pooling::Average => out.iter_mut().zip(&c).for_each(|(sum, &c)| *sum += c.max(0.0)),
                Pooling::Maximum => out.iter_mut().zip(&c).for_each(|(best, &c)| *best = best.max(c)),
            }
        }
        // Positions past the text see nothing but the bias.
        let silent = (positions - live) as f32;
        if silent > 0.0 {
            for (out, &bias) in out.iter_mut().zip(bias) {
                match pooling {
                    Pooling::Average => *out += silent * bias.max(0.0),
                    Pooling::Maximum => *out = out.max(bias),
                }
            }
        }
        if pooling == Pooling::Average {
            let share = 1.0 / positions as f32;
            out.iter_mut().for_each(|sum| *sum *= share);
        }
    }
}

#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
#[allow(clippy::too_many_arguments)]
fn unpool(
    block: &ChannelBlock,
    pooling: Pooling,
    y: &[f32],
    bias: &[f32],
    batch: &TokenBatch,
    d_pooled: &[f32],
    d_y: &mut [f32],
    d_bias: &mut [f32],
) {
    let lanes = block.lanes;
    let mut c = vec![0.0; lanes];
    let mut delta = vec![0.0; lanes];
    let mut best = vec![0.0; lanes];
    let mut winner = vec![usize::MAX; lanes];
    for (b, gradient) in d_pooled.chunks_exact(lanes).enumerate() {
        let text = batch.text(b);
        let positions = batch.positions(b, block.width);
        let live = batch.live_positions(b, block.width);
        if pooling == Pooling::Maximum {
            best.fill(0.0);
            winner.fill(usize::MAX);
            for p in 0..positions {
                position(block, y, bias, text, p, &mut c);
                for lane in 0..lanes {
                    if c[lane] > best[lane] {
                        (best[lane], winner[lane]) = (c[lane], p);
                    }
                }
            }
        }
        let share = 1.0 / positions as f32;
        for p in 0..live {
            match pooling {
                Pooling::Average => {
                    position(block, y, bias, text, p, &mut c);
                    for lane in 0..lanes {
                        delta[lane] = if c[lane] > 0.0 { share * gradient[lane] } else { 0.0 };
                    }
                }
                Pooling::Maximum => {
                    for lane in 0..lanes {
                        delta[lane] = if winner[lane] == p { gradient[lane] } else { 0.0 };
                    }
                }
            }
            for (sum, delta) in d_bias.iter_mut().zip(&delta) {
                *sum += delta;
            }
            for tap in 0..block.width {
                let Some(&row) = text.get(p + tap) else { break };
                if row == SILENT {
                    continue;
                }
                let out = &mut d_y[row as usize * block.columns() + tap * lanes..][..lanes];
                for (sum, delta) in out.iter_mut().zip(&delta) {
                    *sum += delta;
                }
            }
        }
        for lane in 0..lanes {
            let on = match pooling {
                Pooling::Average if bias[lane] > 0.0 => share * (positions - live) as f32,
                Pooling::Maximum if winner[lane] != usize::MAX && winner[lane] >= live => 1.0,
                _ => 0.0,
            };
            d_bias[lane] += on * gradient[lane];
        }
    }
}

/// The definition, position by position, without token products; kept to hold the fast kernels to it.
pub mod reference {
    use super::Pooling;
    use crate::{ConvolutionShape, Real, SILENT, TokenBatch};

    /// Pre-activation of channel (width index, filter) at position p of text b.
    fn pre_activation<F: Real>(
        shape: &ConvolutionShape,
        (codes, weights, bias): (&[F], &[F], &[F]),
        text: &[u32],
        (width_index, filter, p): (usize, usize, usize),
    ) -> F {
        let mut sum = bias[width_index * shape.filters + filter];
        for tap in 0..shape.widths[width_index] {
            let Some(&row) = text.get(p + tap).filter(|&&row| row != SILENT) else { continue };
            let column = shape.first_product(width_index) + tap * shape.filters + filter;
            for d in 0..shape.dimension {
                sum += codes[row as usize * shape.dimension + d] * weights[d * shape.products() + column];
            }
        }
        sum
    }

    /// Forward pass to `[B, C]`.
    #[must_use]
    pub fn forward<F: Real>(
        shape: &ConvolutionShape,
        pooling: Pooling,
        (codes, weights, bias): (&[F], &[F], &[F]),
        batch: &TokenBatch,
    ) -> Vec<F> {
        let mut out = Vec::new();
        for b in 0..batch.len() {
            for (width_index, &width) in shape.widths.iter().enumerate() {
                let positions = batch.positions(b, width);
                for filter in 0..shape.filters {
                    let (mut sum, mut best) = (F::ZERO, F::ZERO);
                    for p in 0..positions {
                        let c =
                            pre_activation(shape, (codes, weights, bias), batch.text(b), (width_index, filter, p));
                        if c > F::ZERO {
                            sum += c;
                        }
                        if c > best {
                            best = c;
                        }
                    }
                    out.push(match pooling {
                        Pooling::Average => sum / F::of(positions as f32),
                        Pooling::Maximum => best,
                    });
                }
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::TokenBatch;

    fn numbers(count: usize, seed: u64) -> Vec<f32> {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        (0..count)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                ((state >> 40) as f32 / (1u64 << 23) as f32) - 1.0
            })
            .collect()
    }

    fn case(padded: usize) -> (ConvolutionShape, TokenBatch, Vec<f32>, Vec<f32>, Vec<f32>) {
        let shape = ConvolutionShape { widths: vec![3, 1, 5], filters: 7, dimension: 4 };
        let mut batch = TokenBatch::new(padded);
        batch.push([0, 1, 2, 3, 4, 0, 1]);
        batch.push([5]);
        batch.push([]);
        batch.push([2, SILENT, 2, 2, SILENT]);
        let codes = numbers(6 * 4, 1);
        let weights = numbers(4 * shape.products(), 2);
        let bias = numbers(shape.channels(), 3);
        (shape, batch, codes, weights, bias)
    }

    #[test]
    fn token_products_give_the_convolution() {
        for padded in [0, 8] {
            for pooling in [Pooling::Average, Pooling::Maximum] {
                let (shape, batch, codes, weights, bias) = case(padded);
                let want = reference::forward(&shape, pooling, (&codes, &weights, &bias), &batch);
                let (got, _) = forward(&shape, pooling, &codes, &weights, &bias, &batch);
                for (got, want) in got.iter().zip(&want) {
                    assert!((got - want).abs() < 1e-5, "{pooling:?} {got} {want}");
                }
            }
        }
    }

    #[test]
    fn averaged_pre_activations_are_the_forward_pass() {
        let (shape, batch, codes, weights, bias) = case(0);
        let (pooled, _) = forward(&shape, Pooling::Average, &codes, &weights, &bias, &batch);
        let lists = pre_activations(&shape, &codes, &weights, &bias, &batch);
        // Text 0 has seven tokens, all of them seen.
        for (c, list) in lists.iter().enumerate() {
            let positions = batch.positions(0, shape.widths[c / shape.filters]);
            let mean = list[..positions].iter().map(|c| c.max(0.0)).sum::<f32>() / positions as f32;
            assert!((mean - pooled[c]).abs() < 1e-6);
        }
    }

    #[test]
    fn the_backward_pass_agrees_with_finite_differences() {
        for padded in [0, 8] {
            for pooling in [Pooling::Average, Pooling::Maximum] {
                let (shape, batch, codes, weights, bias) = case(padded);
                let up = numbers(batch.len() * shape.channels(), 4);
                let (_, products) = forward(&shape, pooling, &codes, &weights, &bias, &batch);
                let got = backward(&shape, pooling, (&codes, &weights, &bias), &batch, &products, &up, true);
                let loss = |x: &[Vec<f64>; 3]| -> f64 {
                    reference::forward(&shape, pooling, (&x[0], &x[1], &x[2]), &batch)
                        .iter()
                        .zip(&up)
                        .map(|(y, &g)| y * f64::from(g))
                        .sum()
                };
                let at = [&codes, &weights, &bias].map(|v| v.iter().map(|&x| f64::from(x)).collect::<Vec<f64>>());
                for (which, gradient) in [&got.codes, &got.weights, &got.bias].into_iter().enumerate() {
                    for i in 0..gradient.len() {
                        let h = 1e-6;
                        let (mut up, mut down) = (at.clone(), at.clone());
                        up[which][i] += h;
                        down[which][i] -= h;
                        let slope = (loss(&up) - loss(&down)) / (2.0 * h);
                        assert!(
                            (slope - f64::from(gradient[i])).abs() < 1e-4,
                            "{pooling:?} padded {padded} operand {which} entry {i}: {slope} against {}",
                            gradient[i]
                        );
                    }
                }
            }
        }
    }
}
