//! The text convolution position by position, forward and backward, where layers over positions come after it.
//!
//! ```text
//! Y[u, r, (j,f)] = sum_d x[u,r,d] W[d, (j,f)] + a[r] q[(j,f)]         once for each distinct token u
//! y[n, t, f]     = sum_j Y[token(n + j), t, (j,f)] + b[f], or the rectifier of it
//! ```
//!
//! As in [`crate::text_convolution`], products are made once for each distinct token, and on the way back each token
//! gathers the gradients of the positions that saw it.

use std::ops::Range;

use macro_rules_attribute::apply;
use rayon::prelude::*;

use crate::{
    PositionRows, SILENT, TokenBatch, Workspace,
    matrix::{Matrix, shared_product_by_rows},
    position_rows::add_rows,
    row_convolution::{close, rectify},
    text_convolution::Occurrences,
};

/// A text convolution by rows: everything but the tokens' numbers.
#[derive(Clone, Copy, Debug)]
pub struct TextRows<'a> {
    /// The texts.
    pub batch: &'a TokenBatch,
    /// Their positions under a kernel of `width`.
    pub rows: &'a PositionRows,
    /// Kernel width w in tokens.
    pub width: usize,
    /// Channels F.
    pub filters: usize,
    /// Input dimension D.
    pub dimension: usize,
    /// Time steps T of each row; 1 where there is no time.
    pub steps: usize,
    /// a, what the presence currents of each of a token's R rows of numbers are multiplied by. Either there is a row
    /// for each step, or one for all of them.
    pub gains: &'a [f32],
    /// W, `[D, (tap, F)]`.
    pub weights: &'a [f32],
    /// q, `[(tap, F)]`; empty where a token has no current of its own.
    pub presence: &'a [f32],
    /// b, `[F]`.
    pub bias: &'a [f32],
    /// Whether the outputs go through a rectifier.
    pub rectified: bool,
    /// Memory for the passes.
    pub workspace: &'a Workspace,
}

/// Gradients of the loss.
#[derive(Clone, Debug)]
pub struct Gradients {
    /// With respect to the tokens' numbers, `[U, R, D]`; empty if it was not asked for.
    pub numbers: Vec<f32>,
    /// With respect to the weights, `[D, (tap, F)]`.
    pub weights: Vec<f32>,
    /// With respect to the presence currents, `[(tap, F)]`; empty where there are none.
    pub presence: Vec<f32>,
    /// With respect to the biases, `[F]`.
    pub bias: Vec<f32>,
}

/// Rows of positions that one thread works on at a time, or a text where it has more.
const BLOCK: usize = 96;

/// Tokens whose gradients one thread gathers at a time.
const TOKENS_A_TASK: usize = 16;

impl TextRows<'_> {
    /// Forward pass: numbers `[U, R, D]` to outputs `[N, T, F]`, and where the rectifiers let gradients through
    /// (nothing without rectifiers).
    ///
    /// # Panics
    /// If a length does not fit the shape, or the batch names a token that is not there.
    #[must_use]
    pub fn forward(&self, numbers: &[f32]) -> (Vec<f32>, Vec<bool>) {
        let Self { rows, steps, filters, rectified, .. } = *self;
        let (tokens, columns) = (self.check(numbers), self.columns());
        let mut products = self.workspace.take(tokens * self.gains.len() * columns);
        let (numbers, weights) = (self.numbers(numbers), Matrix::new(self.weights, self.dimension, columns));
        shared_product_by_rows(numbers, weights, &mut products);
        if !self.presence.is_empty() {
            let a_token = (self.gains.len() * columns).max(1);
            products.par_chunks_exact_mut(a_token).for_each(|token| add_presence(self.presence, self.gains, token));
        }
        let mut out = vec![0.0; rows.len() * steps * filters];
        let mut open = vec![false; if rectified { out.len() } else { 0 }];
        let blocks = self.blocks();
        let open_cut = rows.cut(&blocks, if rectified { steps * filters } else { 0 }, &mut open);
        let cut = rows.cut(&blocks, steps * filters, &mut out).into_iter().zip(open_cut);
        let work: Vec<_> = blocks.iter().zip(cut).collect();
        work.into_par_iter().for_each(|(texts, (out, open))| {
            add_taps(self, &products, texts, out);
            if rectified {
                rectify(out, open);
            }
        });
        (out, open)
    }

    /// Backward pass: from what [`Self::forward`] said of the rectifiers and the gradient with respect to the
    /// outputs, `[N, T, F]`. The gradient of the numbers is left out unless asked for.
    ///
    /// # Panics
    /// As [`Self::forward`].
    #[must_use]
    pub fn backward(&self, numbers: &[f32], open: &[bool], gradient: &[f32], numbers_gradient: bool) -> Gradients {
        let Self { rows, steps, filters, dimension, rectified, .. } = *self;
        let (tokens, columns) = (self.check(numbers), self.columns());
        assert_eq!(gradient.len(), rows.len() * steps * filters, "text_rows: gradient [N, T, F]");
        assert_eq!(open.len(), if rectified { gradient.len() } else { 0 }, "text_rows: rectifiers");
        let mut closed = self.workspace.take(open.len());
        let blocks = self.blocks();
        let cut = rows.cut(&blocks, if rectified { steps * filters } else { 0 }, &mut closed);
        let work: Vec<_> = blocks.iter().zip(cut).collect();
        let back = |(texts, closed): (&Range<usize>, &mut [f32])| {
            let own = rows.of_block(texts);
            let own = own.start * steps * filters..own.end * steps * filters;
            let mut d_bias = vec![0.0; filters];
            if rectified {
                closed.copy_from_slice(&gradient[own.clone()]);
                close(&open[own], closed);
                add_rows(closed, &mut d_bias);
            } else {
                add_rows(&gradient[own], &mut d_bias);
            }
            d_bias
        };
        let parts: Vec<Vec<f32>> = work.into_par_iter().map(back).collect();
        let mut d_bias = vec![0.0; filters];
        parts.iter().for_each(|part| add_rows(part, &mut d_bias));

        let deltas = if rectified { &closed[..] } else { gradient };
        let occurrences = Occurrences::of(self.batch, tokens);
        let a_token = self.gains.len() * columns;
        let mut d_products = self.workspace.take(tokens * a_token);
        let gather = |(task, of_task): (usize, &mut [f32])| {
            let mut d_presence = vec![0.0; self.presence.len()];
            for (i, token) in of_task.chunks_exact_mut(a_token).enumerate() {
                gather(self, occurrences.of_row(task * TOKENS_A_TASK + i), deltas, token);
                if !d_presence.is_empty() {
                    add_presence_gradient(token, self.gains, &mut d_presence);
                }
            }
            d_presence
        };
        let tasks = d_products.par_chunks_mut((TOKENS_A_TASK * a_token).max(1)).enumerate();
        let parts: Vec<Vec<f32>> = tasks.map(gather).collect();
        let mut d_presence = vec![0.0; self.presence.len()];
        parts.iter().for_each(|part| add_rows(part, &mut d_presence));

        let d_products = Matrix::new(&d_products, tokens * self.gains.len(), columns);
        let mut d_numbers = vec![0.0; if numbers_gradient { numbers.len() } else { 0 }];
        let mut d_weights = vec![0.0; self.weights.len()];
        rayon::join(
            || {
                if numbers_gradient {
                    let weights = Matrix::new(self.weights, dimension, columns);
                    shared_product_by_rows(d_products, weights.transposed(), &mut d_numbers);
                }
            },
            || shared_product_by_rows(self.numbers(numbers).transposed(), d_products, &mut d_weights),
        );
        Gradients { numbers: d_numbers, weights: d_weights, presence: d_presence, bias: d_bias }
    }

    /// The number of tokens U.
    fn check(&self, numbers: &[f32]) -> usize {
        let (columns, a_token) = (self.columns(), self.gains.len() * self.dimension);
        assert!([1, self.steps].contains(&self.gains.len()), "text_rows: a row for each step, or one for all");
        assert_eq!(self.weights.len(), self.dimension * columns, "text_rows: weights [D, M]");
        assert!([0, columns].contains(&self.presence.len()), "text_rows: presence [M]");
        assert_eq!(self.bias.len(), self.filters, "text_rows: bias [F]");
        assert_eq!(self.rows, &PositionRows::of(self.batch, self.width), "text_rows: rows of another batch");
        assert_eq!(numbers.len() % a_token, 0, "text_rows: numbers [U, R, D]");
        let tokens = numbers.len() / a_token;
        if let Some(last) = self.batch.last_row() {
            assert!((last as usize) < tokens, "text_rows: token {last} of {tokens}");
        }
        tokens
    }

    /// Products M of a row of numbers.
    fn columns(&self) -> usize {
        self.width * self.filters
    }

    fn numbers<'a>(&self, numbers: &'a [f32]) -> Matrix<'a> {
        Matrix::new(numbers, numbers.len() / self.dimension, self.dimension)
    }

    fn blocks(&self) -> Vec<Range<usize>> {
        self.rows.blocks(BLOCK.div_ceil(self.steps.max(1)))
    }
}

/// Adds what a token of its own puts into its products, `[R, M]`.
#[apply(every_processor!)]
fn add_presence(presence: &[f32], gains: &[f32], token: &mut [f32]) {
    for (row, gain) in token.chunks_exact_mut(presence.len()).zip(gains) {
        row.iter_mut().zip(presence).for_each(|(product, presence)| *product += gain * presence);
    }
}

/// Adds the gradients of a token's products, `[R, M]`, as the presence currents see them.
#[apply(every_processor!)]
fn add_presence_gradient(token: &[f32], gains: &[f32], d_presence: &mut [f32]) {
    for (row, gain) in token.chunks_exact(d_presence.len()).zip(gains) {
        d_presence.iter_mut().zip(row).for_each(|(sum, product)| *sum += gain * product);
    }
}

/// What the taps and the biases give the rows of some neighbouring texts, `[rows, T, F]`.
#[apply(every_processor!)]
fn add_taps(layer: &TextRows<'_>, products: &[f32], texts: &Range<usize>, out: &mut [f32]) {
    let TextRows { batch, rows, width, filters, steps, gains, .. } = *layer;
    let columns = width * filters;
    let mut out = out.chunks_exact_mut(filters.max(1));
    for b in texts.clone() {
        let text = batch.text(b);
        for (p, t) in (0..rows.of_text(b).len()).flat_map(|p| (0..steps).map(move |t| (p, t))) {
            let out = out.next().expect("an output for each row and step");
            for (tap, &token) in text.iter().skip(p).take(width).enumerate().filter(|&(_, &token)| token != SILENT) {
                let row = token as usize * gains.len() + t % gains.len();
                let own = &products[row * columns + tap * filters..][..filters];
                out.iter_mut().zip(own).for_each(|(sum, product)| *sum += product);
            }
            out.iter_mut().zip(layer.bias).for_each(|(sum, bias)| *sum += bias);
        }
    }
}

/// Adds up, over the occurrences of one token, the gradients `deltas` `[N, T, F]` of the rows that saw it there: the
/// gradient of its products, `[R, M]`.
#[apply(every_processor!)]
fn gather(layer: &TextRows<'_>, occurrences: &[(u32, u32)], deltas: &[f32], token: &mut [f32]) {
    let TextRows { rows, width, filters, steps, gains, .. } = *layer;
    let columns = width * filters;
    token.fill(0.0);
    for &(b, i) in occurrences {
        let own = rows.of_text(b as usize);
        for tap in 0..width {
            let Some(p) = (i as usize).checked_sub(tap).filter(|p| *p < own.len()) else { continue };
            for t in 0..steps {
                let delta = &deltas[((own.start + p) * steps + t) * filters..][..filters];
                let sums = &mut token[t % gains.len() * columns + tap * filters..][..filters];
                sums.iter_mut().zip(delta).for_each(|(sum, delta)| *sum += delta);
            }
        }
    }
}

/// What a text convolution by rows means, by its definition.
pub mod reference {
    use crate::{Real, SILENT, TokenBatch};

    /// Lengths of a text convolution by rows: width w, channels F, dimension D, steps T.
    pub type Lengths = [usize; 4];

    /// See [`super::TextRows::forward`].
    #[must_use]
    pub fn forward<F: Real>(
        batch: &TokenBatch,
        [width, filters, dimension, steps]: Lengths,
        (numbers, weights, presence, bias): (&[F], &[F], &[F], &[F]),
        gains: &[F],
        rectified: bool,
    ) -> Vec<F> {
        let mut out = Vec::new();
        for b in 0..batch.len() {
            let places = (0..batch.positions(b, width)).flat_map(|p| (0..steps).map(move |t| (p, t)));
            for (p, t, f) in places.flat_map(|(p, t)| (0..filters).map(move |f| (p, t, f))) {
                let mut sum = bias[f];
                for tap in 0..width {
                    let Some(&token) = batch.text(b).get(p + tap).filter(|&&token| token != SILENT) else { continue };
                    let r = if gains.len() == 1 { 0 } else { t };
                    let (row, column) = (token as usize * gains.len() + r, tap * filters + f);
                    for d in 0..dimension {
                        sum += numbers[row * dimension + d] * weights[d * width * filters + column];
                    }
                    if !presence.is_empty() {
                        sum += gains[r] * presence[column];
                    }
                }
                out.push(if rectified && sum < F::ZERO { F::ZERO } else { sum });
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_near, assert_slopes, some, wide};

    /// Texts over five tokens: longer and shorter than the kernel, empty, with silent tokens inside and alone.
    fn batch(padded_length: usize) -> TokenBatch {
        let mut batch = TokenBatch::new(padded_length);
        batch.push([0, 1, 2, 3, 1, 4, 0, 0, 2]);
        batch.push([2]);
        batch.push([]);
        batch.push([SILENT, 3, SILENT, 3, 4]);
        batch.push([SILENT]);
        batch
    }

    #[test]
    fn outputs_and_gradients_are_those_of_the_definition() {
        let (tokens, workspace) = (5, Workspace::default());
        for (padded, steps, gains, with_presence, rectified) in [
            (0, 1, vec![1.0], false, true),
            (6, 1, vec![1.0], false, true),
            (0, 3, vec![4.0f32, 2.0, 1.0], true, false),
            (6, 3, vec![0.75], true, true),
        ] {
            let (batch, [width, filters, dimension]) = (batch(padded), [3, 4, 6]);
            let (rows, columns) = (PositionRows::of(&batch, width), width * filters);
            let arrays = [
                some(tokens * gains.len() * dimension, 1),
                some(dimension * columns, 2),
                some(if with_presence { columns } else { 0 }, 3),
                some(filters, 4),
            ];
            let upstream = some(rows.len() * steps * filters, 5);
            let [numbers, weights, presence, bias] = &arrays;
            let layer = TextRows {
                batch: &batch,
                rows: &rows,
                width,
                filters,
                dimension,
                steps,
                gains: &gains,
                weights,
                presence,
                bias,
                rectified,
                workspace: &workspace,
            };
            let (out, open) = layer.forward(numbers);
            let got = layer.backward(numbers, &open, &upstream, true);
            assert!(layer.backward(numbers, &open, &upstream, false).numbers.is_empty());
            let wide_gains = wide(&gains);
            let reference = |[numbers, weights, presence, bias]: &[Vec<f64>; 4]| {
                let lengths = [width, filters, dimension, steps];
                reference::forward(&batch, lengths, (numbers, weights, presence, bias), &wide_gains, rectified)
            };
            let arrays = arrays.each_ref().map(|array| wide(array));
            let what = format!("{padded} {steps}");
            assert_near(&what, &out, &reference(&arrays));
            for (which, got) in [&got.numbers, &got.weights, &got.presence, &got.bias].into_iter().enumerate() {
                assert_slopes(&what, &arrays, reference, &upstream, (which, got, 1));
            }
        }
    }

    #[test]
    fn bits_do_not_depend_on_the_threads() {
        let mut batch = TokenBatch::new(0);
        (0..20).for_each(|b| batch.push((0..b % 7 + 3).map(|i| (i * 5 + b) % 40)));
        let (rows, steps) = (PositionRows::of(&batch, 2), 16);
        let (gains, numbers, weights) = (vec![1.0; steps], some(40 * steps * 6, 1), some(6 * 10, 2));
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
            let workspace = Workspace::default();
            let layer = TextRows {
                batch: &batch,
                rows: &rows,
                width: 2,
                filters: 5,
                dimension: 6,
                steps,
                gains: &gains,
                weights: &weights,
                presence: &weights[..10],
                bias: &[0.25, -0.1, 0.3, 0.0, 0.7],
                rectified: true,
                workspace: &workspace,
            };
            pool.install(|| {
                let (out, open) = layer.forward(&numbers);
                let Gradients { numbers, weights, presence, bias } = layer.backward(&numbers, &open, &out, true);
                [out, numbers, weights, presence, bias]
            })
        };
        assert!(rows.blocks(BLOCK / steps).len() > 1);
        assert_eq!(run(1), run(3));
    }
}
