//! The real-valued text convolution with its pooling, forward and backward, by token products (equations 2 and 5).
//!
//! ```text
//! Y[u, (k,j,f)] = sum_d x[u,d] W[d, (k,j,f)]                  once for each distinct token u
//! c[p, (k,f)]   = b[k,f] + sum_j Y[row(p + j), (k,j,f)]       for each convolution position p
//! out[(k,f)]    = mean or max over p of relu(c[p, (k,f)])
//! ```
//!
//! A word that stands in a batch n times costs one product instead of n; adding up its taps costs next to nothing.
//! Texts are pooled side by side; on the way back each text first tells the gradients of its own positions, then each
//! token gathers those of the positions that saw it. So no two threads ever add to the same number.

use macro_rules_attribute::apply;
use rayon::prelude::*;

use crate::{
    ConvolutionShape, SILENT, TokenBatch, Workspace,
    matrix::{Matrix, shared_product},
    workspace::Buffer,
};

/// How the positions of a text become one number a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pooling {
    /// The average over the positions of equation (5): the tailored network, which spikes can compute.
    Average,
    /// The average, but never more than 1: what a neuron can say that fires at most once a step.
    Bounded,
    /// The maximum: the original TextCNN.
    Maximum,
}

impl Pooling {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Average, Self::Bounded, Self::Maximum];

    /// Whether spikes can compute it: counts of spikes tell an average and not a maximum.
    #[must_use]
    pub fn converts(self) -> bool {
        self != Self::Maximum
    }
}

/// A text convolution: everything but the batch.
#[derive(Clone, Copy, Debug)]
pub struct TextConvolution<'a> {
    /// Kernel widths and channels.
    pub shape: &'a ConvolutionShape,
    /// What the positions of a text become.
    pub pooling: Pooling,
    /// W, `[D, M]`.
    pub weights: &'a [f32],
    /// b, `[C]`.
    pub bias: &'a [f32],
    /// Memory for the passes.
    pub workspace: &'a Workspace,
}

/// What the forward pass leaves for the backward pass: the token products, `[U, M]`.
#[derive(Debug)]
pub struct TokenProducts(Buffer);

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

/// Token rows whose gradients one thread gathers at a time.
const ROWS_A_TASK: usize = 16;

impl TextConvolution<'_> {
    /// Forward pass: codes `[U, D]` to pooled features `[B, C]`.
    ///
    /// # Panics
    /// If a length does not fit the shape, or the batch names a row that is not there.
    #[must_use]
    pub fn forward(&self, codes: &[f32], batch: &TokenBatch) -> (Vec<f32>, TokenProducts) {
        let y = self.token_products(codes, batch);
        let channels = self.shape.channels();
        let mut pooled = vec![0.0; batch.len() * channels];
        if channels > 0 {
            pooled.par_chunks_exact_mut(channels).enumerate().for_each(|(b, pooled)| {
                for width in self.widths(&y) {
                    pool(&width, self.pooling, batch, b, width.of_mut(pooled));
                }
            });
        }
        (pooled, TokenProducts(y))
    }

    /// Backward pass: from the gradient with respect to the pooled features `[B, C]`. The gradient of the codes, a
    /// third of the work, is left out unless asked for.
    ///
    /// # Panics
    /// As [`Self::forward`].
    #[must_use]
    pub fn backward(
        &self,
        codes: &[f32],
        batch: &TokenBatch,
        products: &TokenProducts,
        d_pooled: &[f32],
        codes_gradient: bool,
    ) -> Gradients {
        let Self { shape, pooling, weights, workspace, .. } = *self;
        let tokens = self.check(codes, batch);
        let (channels, columns) = (shape.channels(), shape.products());
        assert_eq!(
            d_pooled.len(),
            batch.len() * channels,
            "text_convolution::backward: gradient of the pooled features"
        );
        let mut gradients = Gradients {
            codes: vec![0.0; if codes_gradient { codes.len() } else { 0 }],
            weights: vec![0.0; weights.len()],
            bias: vec![0.0; channels],
        };
        if columns == 0 {
            return gradients;
        }
        let mut deltas = workspace.take(batch.tokens() * channels);
        let mut d_bias = workspace.zeros(batch.len() * channels);
        let texts = of_texts(batch, channels, &mut deltas);
        texts.into_par_iter().zip(d_bias.par_chunks_exact_mut(channels)).for_each(|((b, deltas), d_bias)| {
            let d_pooled = &d_pooled[b * channels..][..channels];
            for width in self.widths(&products.0) {
                let (d_pooled, d_bias) = (width.of(d_pooled), width.of_mut(d_bias));
                unpool(&width, pooling, d_pooled, batch, b, deltas, d_bias);
            }
        });
        add_up(&d_bias, &mut gradients.bias);
        let d_y = of_tokens(shape, batch, tokens, &deltas, workspace);
        let d_y = Matrix::new(&d_y, tokens, columns);
        let (codes, weights) =
            (Matrix::new(codes, tokens, shape.dimension), Matrix::new(weights, shape.dimension, columns));
        let (d_codes, d_weights) = (&mut gradients.codes, &mut gradients.weights);
        rayon::join(
            || {
                if codes_gradient {
                    shared_product(d_y, weights.transposed(), d_codes);
                }
            },
            || shared_product(codes.transposed(), d_y, d_weights),
        );
        gradients
    }

    /// Pre-activations `c[p, (k,f)]` of every text at the positions that see a token: one list a channel, in the
    /// order of the texts. What thresholds are taken from.
    ///
    /// # Panics
    /// As [`Self::forward`].
    #[must_use]
    pub fn pre_activations(&self, codes: &[f32], batch: &TokenBatch) -> Vec<Vec<f32>> {
        let y = self.token_products(codes, batch);
        let of_width = |width: Width<'_>| {
            let mut c = vec![0.0; width.filters];
            let mut lists = vec![Vec::new(); width.filters];
            for b in 0..batch.len() {
                for p in 0..batch.live_positions(b, width.width) {
                    pre_activation(&width, batch.text(b), p, &mut c);
                    lists.iter_mut().zip(&c).for_each(|(list, &c)| list.push(c));
                }
            }
            lists
        };
        self.widths(&y).collect::<Vec<_>>().into_par_iter().flat_map_iter(of_width).collect()
    }

    /// Y of all tokens, `[U, M]`.
    fn token_products(&self, codes: &[f32], batch: &TokenBatch) -> Buffer {
        let tokens = self.check(codes, batch);
        let shape = self.shape;
        let mut y = self.workspace.take(tokens * shape.products());
        let codes = Matrix::new(codes, tokens, shape.dimension);
        shared_product(codes, Matrix::new(self.weights, shape.dimension, shape.products()), &mut y);
        y
    }

    /// The number of tokens U.
    fn check(&self, codes: &[f32], batch: &TokenBatch) -> usize {
        let shape = self.shape;
        assert_eq!(self.weights.len(), shape.dimension * shape.products(), "text_convolution: weights [D, M]");
        assert_eq!(self.bias.len(), shape.channels(), "text_convolution: bias [C]");
        assert_eq!(codes.len() % shape.dimension, 0, "text_convolution: codes [U, D]");
        let tokens = codes.len() / shape.dimension;
        if let Some(last) = batch.last_row() {
            assert!((last as usize) < tokens, "text_convolution: row {last} of {tokens} token codes");
        }
        tokens
    }

    /// The widths over token products `[U, M]`.
    fn widths<'a>(&'a self, y: &'a [f32]) -> impl Iterator<Item = Width<'a>> {
        let Self { shape, bias, .. } = *self;
        shape.widths.iter().enumerate().map(move |(index, &width)| Width {
            width,
            filters: shape.filters,
            first_channel: index * shape.filters,
            first_column: shape.first_product(index),
            columns: shape.products(),
            channels: shape.channels(),
            y,
            bias: &bias[index * shape.filters..][..shape.filters],
        })
    }
}

/// The numbers of one kernel width, and where they lie.
struct Width<'a> {
    width: usize,
    filters: usize,
    /// The first of its channels among all.
    first_channel: usize,
    /// The first of its columns among the token products.
    first_column: usize,
    /// All token products M.
    columns: usize,
    /// All channels C.
    channels: usize,
    /// Token products, `[U, M]`.
    y: &'a [f32],
    /// Its own biases, `[filters]`.
    bias: &'a [f32],
}

impl Width<'_> {
    /// Its channels in a row `[C]`.
    fn of<'a>(&self, row: &'a [f32]) -> &'a [f32] {
        &row[self.first_channel..][..self.filters]
    }

    /// [`Self::of`], to write.
    fn of_mut<'a>(&self, row: &'a mut [f32]) -> &'a mut [f32] {
        &mut row[self.first_channel..][..self.filters]
    }
}

/// Adds the tap rows of one position to the biases: the pre-activation `c[p, filters]`.
#[inline(always)]
fn pre_activation(width: &Width<'_>, text: &[u32], p: usize, out: &mut [f32]) {
    out.copy_from_slice(width.bias);
    for tap in 0..width.width {
        let Some(&row) = text.get(p + tap) else { break };
        if row == SILENT {
            continue;
        }
        let first = row as usize * width.columns + width.first_column + tap * width.filters;
        let products = &width.y[first..][..width.filters];
        for (sum, value) in out.iter_mut().zip(products) {
            *sum += value;
        }
    }
}

/// Features of one text and width, `[filters]`.
#[apply(every_processor!)]
fn pool(width: &Width<'_>, pooling: Pooling, batch: &TokenBatch, b: usize, out: &mut [f32]) {
    let mut c = vec![0.0; width.filters];
    let positions = batch.positions(b, width.width);
    let live = batch.live_positions(b, width.width);
    for p in 0..live {
        pre_activation(width, batch.text(b), p, &mut c);
        match pooling {
            Pooling::Average | Pooling::Bounded => out.iter_mut().zip(&c).for_each(|(sum, &c)| *sum += c.max(0.0)),
            Pooling::Maximum => out.iter_mut().zip(&c).for_each(|(best, &c)| *best = best.max(c)),
        }
    }
    // Positions past the text see nothing but the bias.
    let silent = (positions - live) as f32;
    if silent > 0.0 {
        for (out, &bias) in out.iter_mut().zip(width.bias) {
            match pooling {
                Pooling::Average | Pooling::Bounded => *out += silent * bias.max(0.0),
                Pooling::Maximum => *out = out.max(bias),
            }
        }
    }
    let share = 1.0 / positions as f32;
    match pooling {
        Pooling::Average => out.iter_mut().for_each(|sum| *sum *= share),
        Pooling::Bounded => out.iter_mut().for_each(|sum| *sum = (*sum * share).min(1.0)),
        Pooling::Maximum => {}
    }
}

/// From the gradient of one text's features of one width to those of the pre-activations at its live positions,
/// written to that width's channels of `deltas` `[L, C]`, and to those of the biases, added to `d_bias` `[filters]`.
#[apply(every_processor!)]
fn unpool(
    width: &Width<'_>,
    pooling: Pooling,
    d_pooled: &[f32],
    batch: &TokenBatch,
    b: usize,
    deltas: &mut [f32],
    d_bias: &mut [f32],
) {
    let text = batch.text(b);
    let positions = batch.positions(b, width.width);
    let live = batch.live_positions(b, width.width);
    let share = 1.0 / positions as f32;
    let mut c = vec![0.0; width.filters];
    let rows = deltas.chunks_exact_mut(width.channels).take(live).map(|row| width.of_mut(row));
    // Past the bound nothing is learned. What was pooled is made again: that costs less than to keep it.
    let mut within;
    let d_pooled = if pooling == Pooling::Bounded {
        within = vec![0.0; width.filters];
        pool(width, Pooling::Average, batch, b, &mut within);
        within.iter_mut().zip(d_pooled).for_each(|(value, &own)| *value = if *value < 1.0 { own } else { 0.0 });
        &within
    } else {
        d_pooled
    };
    match pooling {
        Pooling::Average | Pooling::Bounded => {
            for (p, delta) in rows.enumerate() {
                pre_activation(width, text, p, &mut c);
                for (((delta, sum), &c), gradient) in delta.iter_mut().zip(&mut *d_bias).zip(&c).zip(d_pooled) {
                    *delta = if c > 0.0 { share * gradient } else { 0.0 };
                    *sum += *delta;
                }
            }
            let silent = share * (positions - live) as f32;
            for ((sum, &bias), gradient) in d_bias.iter_mut().zip(width.bias).zip(d_pooled) {
                *sum += if bias > 0.0 { silent * gradient } else { 0.0 };
            }
        }
        Pooling::Maximum => {
            let mut best = vec![0.0; width.filters];
            let mut winner = vec![usize::MAX; width.filters];
            for p in 0..positions {
                pre_activation(width, text, p, &mut c);
                for ((best, winner), &c) in best.iter_mut().zip(&mut winner).zip(&c) {
                    if c > *best {
                        (*best, *winner) = (c, p);
                    }
                }
            }
            for (p, delta) in rows.enumerate() {
                for ((delta, &winner), &gradient) in delta.iter_mut().zip(&winner).zip(d_pooled) {
                    *delta = if winner == p { gradient } else { 0.0 };
                }
            }
            for ((sum, &winner), gradient) in d_bias.iter_mut().zip(&winner).zip(d_pooled) {
                *sum += if winner == usize::MAX { 0.0 } else { *gradient };
            }
        }
    }
}

/// The rows of each text, `[L, C]`, in those of all texts.
pub(crate) fn of_texts<'a>(
    batch: &TokenBatch,
    channels: usize,
    mut rows: &'a mut [f32],
) -> Vec<(usize, &'a mut [f32])> {
    let mut next = |b: usize| rows.split_off_mut(..batch.text(b).len() * channels).unwrap_or_default();
    (0..batch.len()).map(|b| (b, next(b))).collect()
}

/// Adds rows as long as `sums` to them, one after the other.
pub(crate) fn add_up(rows: &[f32], sums: &mut [f32]) {
    for row in rows.chunks_exact(sums.len().max(1)) {
        sums.iter_mut().zip(row).for_each(|(sum, part)| *sum += part);
    }
}

/// The gradient of the token products, `[U, M]`, from those of all positions, `[L of all texts, C]`.
pub(crate) fn of_tokens(
    shape: &ConvolutionShape,
    batch: &TokenBatch,
    tokens: usize,
    deltas: &[f32],
    workspace: &Workspace,
) -> Buffer {
    let columns = shape.products();
    let occurrences = Occurrences::of(batch, tokens);
    let mut d_y = workspace.take(tokens * columns);
    d_y.par_chunks_mut(ROWS_A_TASK * columns).enumerate().for_each(|(task, rows)| {
        for (i, row) in rows.chunks_exact_mut(columns).enumerate() {
            gather(shape, batch, occurrences.of_row(task * ROWS_A_TASK + i), deltas, row);
        }
    });
    d_y
}

/// Where each token row occurs in the texts.
pub(crate) struct Occurrences {
    /// For each row the end of its occurrences; they begin where those of the row before end.
    ends: Vec<usize>,
    /// (text, index within it), in the order of the texts.
    occurrences: Vec<(u32, u32)>,
}

impl Occurrences {
    /// Of the `tokens` rows of a batch's table.
    pub(crate) fn of(batch: &TokenBatch, tokens: usize) -> Self {
        let mut starts = vec![0; tokens + 1];
        let named = || (0..batch.len()).flat_map(|b| batch.text(b)).filter(|&&row| row != SILENT);
        named().for_each(|&row| starts[row as usize + 1] += 1);
        (0..tokens).for_each(|row| starts[row + 1] += starts[row]);
        let mut occurrences = vec![(0, 0); starts[tokens]];
        // Each start moves to the end of its row's occurrences as they are filled in.
        let mut ends = starts;
        for b in 0..batch.len() {
            for (i, &row) in batch.text(b).iter().enumerate().filter(|&(_, &row)| row != SILENT) {
                occurrences[ends[row as usize]] = (b as u32, i as u32);
                ends[row as usize] += 1;
            }
        }
        Self { ends, occurrences }
    }

    /// Those of one row.
    pub(crate) fn of_row(&self, row: usize) -> &[(u32, u32)] {
        let start = if row == 0 { 0 } else { self.ends[row - 1] };
        &self.occurrences[start..self.ends[row]]
    }
}

/// Adds up, over the occurrences of one token, the gradients `deltas` `[L of all texts, C]` of the positions that saw
/// it there: its row of the gradient of the token products, `[M]`.
#[apply(every_processor!)]
fn gather(shape: &ConvolutionShape, batch: &TokenBatch, occurrences: &[(u32, u32)], deltas: &[f32], out: &mut [f32]) {
    let (filters, channels) = (shape.filters, shape.channels());
    let mut out = out.chunks_exact_mut(filters);
    for (index, &width) in shape.widths.iter().enumerate() {
        for (tap, out) in out.by_ref().take(width).enumerate() {
            let mut empty = true;
            for &(b, i) in occurrences {
                let (b, i) = (b as usize, i as usize);
                if i < tap || i - tap >= batch.live_positions(b, width) {
                    continue;
                }
                let delta = &deltas[(batch.start(b) + i - tap) * channels + index * filters..][..filters];
                if empty {
                    out.copy_from_slice(delta);
                    empty = false;
                } else {
                    out.iter_mut().zip(delta).for_each(|(sum, delta)| *sum += delta);
                }
            }
            if empty {
                out.fill(0.0);
            }
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
                        Pooling::Bounded => {
                            let average = sum / F::of(positions as f32);
                            if average > F::of(1.0) { F::of(1.0) } else { average }
                        }
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
        // Large enough that some averages pass the bound of 1, and most do not.
        let codes: Vec<f32> = numbers(6 * 4, 1).iter().map(|code| 1.5 * code).collect();
        let weights = numbers(4 * shape.products(), 2);
        let bias = numbers(shape.channels(), 3);
        (shape, batch, codes, weights, bias)
    }

    fn layer<'a>(
        (shape, pooling): (&'a ConvolutionShape, Pooling),
        weights: &'a [f32],
        bias: &'a [f32],
        workspace: &'a Workspace,
    ) -> TextConvolution<'a> {
        TextConvolution { shape, pooling, weights, bias, workspace }
    }

    #[test]
    fn token_products_give_the_convolution() {
        for padded in [0, 8] {
            for pooling in Pooling::ALL {
                let (shape, batch, codes, weights, bias) = case(padded);
                let want = reference::forward(&shape, pooling, (&codes, &weights, &bias), &batch);
                let workspace = Workspace::default();
                let (got, _) = layer((&shape, pooling), &weights, &bias, &workspace).forward(&codes, &batch);
                for (got, want) in got.iter().zip(&want) {
                    assert!((got - want).abs() < 1e-5, "{pooling:?} {got} {want}");
                }
            }
        }
    }

    #[test]
    fn a_bound_of_one_cuts_averages_and_nothing_else() {
        let (shape, batch, codes, weights, bias) = case(0);
        let workspace = Workspace::default();
        let of = |pooling| layer((&shape, pooling), &weights, &bias, &workspace).forward(&codes, &batch).0;
        let (average, bounded) = (of(Pooling::Average), of(Pooling::Bounded));
        assert!(average.iter().zip(&bounded).all(|(average, bounded)| *bounded == average.min(1.0)));
        let cut = average.iter().filter(|&&average| average > 1.0).count();
        assert!(cut > 0 && cut < average.len() / 2, "{cut} of {}", average.len());
    }

    #[test]
    fn averaged_pre_activations_are_the_forward_pass() {
        let (shape, batch, codes, weights, bias) = case(0);
        let workspace = Workspace::default();
        let layer = layer((&shape, Pooling::Average), &weights, &bias, &workspace);
        let (pooled, _) = layer.forward(&codes, &batch);
        let lists = layer.pre_activations(&codes, &batch);
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
            for pooling in Pooling::ALL {
                let (shape, batch, codes, weights, bias) = case(padded);
                let up = numbers(batch.len() * shape.channels(), 4);
                let workspace = Workspace::default();
                let layer = layer((&shape, pooling), &weights, &bias, &workspace);
                let (_, products) = layer.forward(&codes, &batch);
                // What is left in used memory must not matter.
                workspace.zeros::<f32>(1000).fill(f32::NAN);
                let got = layer.backward(&codes, &batch, &products, &up, true);
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
