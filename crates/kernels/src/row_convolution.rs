//! A convolution over the rows of positions, forward and backward, with all that comes before its neurons.
//!
//! ```text
//! s[n,t,f] = sum over taps j, inputs c of  x[n + j - (w-1)/2, t, c] W[c, (j,f)]     within the text of row n
//! y[n,t,f] = s[n,t,f] + g[f] z[n,t,f] + b[f],  or the rectifier of it               z: the shortcut, if there is one
//! ```
//!
//! The rows under all taps stand side by side in a window, so that each way is one matrix product. Blocks of texts go
//! to the threads: no row sees another text, so that no two threads write the same number.

use std::ops::Range;

use macro_rules_attribute::apply;
use rayon::prelude::*;

use crate::{
    PositionRows, Workspace,
    matrix::{Matrix, product, shared_product_by_rows},
    position_rows::{add_rows, neighbour},
    workspace::Buffer,
};

/// A convolution over rows: everything but the values.
#[derive(Clone, Copy, Debug)]
pub struct RowConvolution<'a> {
    /// The positions.
    pub rows: &'a PositionRows,
    /// Time steps T of each row; 1 where there is no time.
    pub steps: usize,
    /// Kernel width w in positions.
    pub width: usize,
    /// Input channels C'.
    pub inputs: usize,
    /// Output channels C.
    pub outputs: usize,
    /// W, `[C', (tap, C)]`.
    pub synapses: &'a [f32],
    /// b, `[C]`.
    pub bias: &'a [f32],
    /// What else drives the outputs.
    pub shortcut: Option<Shortcut<'a>>,
    /// Whether the outputs go through a rectifier.
    pub rectified: bool,
    /// Memory for the passes.
    pub workspace: &'a Workspace,
}

/// What an earlier layer gives to the sums of a later one.
#[derive(Clone, Copy, Debug)]
pub struct Shortcut<'a> {
    /// z, `[N, T, C]`.
    pub values: &'a [f32],
    /// g, `[C]`; all 1 if there are none.
    pub gains: Option<&'a [f32]>,
}

/// What the forward pass leaves for the backward pass.
#[derive(Debug)]
pub struct SavedWindows {
    /// The rows under each tap side by side, `[N, T, (tap, C')]`.
    windows: Buffer,
    /// Where the rectifiers let gradients through, `[N, T, C]`; empty without rectifiers.
    open: Vec<bool>,
}

/// Gradients of the loss.
#[derive(Clone, Debug)]
pub struct Gradients {
    /// With respect to the values, `[N, T, C']`.
    pub values: Vec<f32>,
    /// With respect to the synapses, `[C', (tap, C)]`.
    pub synapses: Vec<f32>,
    /// With respect to the biases, `[C]`.
    pub bias: Vec<f32>,
    /// With respect to what the shortcut brings, `[N, T, C]`; empty without one.
    pub shortcut: Vec<f32>,
    /// With respect to its gains, `[C]`; empty without gains.
    pub gains: Vec<f32>,
}

/// Windows that one thread works on at a time, or a text where it has more: they stay in its cache.
const BLOCK: usize = 96;

impl RowConvolution<'_> {
    /// Forward pass: values `[N, T, C']` to outputs `[N, T, C]`.
    ///
    /// # Panics
    /// If a length does not fit the shape.
    #[must_use]
    pub fn forward(&self, values: &[f32]) -> (Vec<f32>, SavedWindows) {
        self.check(values);
        let Self { rows, steps, outputs, .. } = *self;
        let by_tap = self.by_tap();
        let mut out = vec![0.0; rows.len() * steps * outputs];
        let mut open = vec![false; if self.rectified { out.len() } else { 0 }];
        let mut windows = self.workspace.take(rows.len() * steps * self.window());
        let blocks = self.blocks();
        let open_cut = rows.cut(&blocks, if self.rectified { steps * outputs } else { 0 }, &mut open);
        let cut = rows.cut(&blocks, steps * self.window(), &mut windows).into_iter().zip(rows.cut(
            &blocks,
            steps * outputs,
            &mut out,
        ));
        let work: Vec<_> = blocks.iter().zip(cut.zip(open_cut)).collect();
        work.into_par_iter().for_each(|(texts, ((windows, out), open))| {
            self.fill(values, texts, windows);
            let own = rows.of_block(texts);
            let [windows, weights] = [
                Matrix::new(windows, own.len() * steps, self.window()),
                Matrix::new(&by_tap, self.window(), outputs),
            ];
            product(windows, weights, out, false);
            let own = own.start * steps * outputs..own.end * steps * outputs;
            let around = self.shortcut.map(|Shortcut { values, gains }| Shortcut { values: &values[own], gains });
            finish(out, around, self.bias, self.rectified.then_some(open));
        });
        (out, SavedWindows { windows, open })
    }

    /// Backward pass: from the gradient with respect to the outputs, `[N, T, C]`.
    ///
    /// # Panics
    /// As [`Self::forward`].
    #[must_use]
    pub fn backward(&self, saved: &SavedWindows, gradient: &[f32]) -> Gradients {
        let Self { rows, steps, inputs, outputs, shortcut, .. } = *self;
        assert_eq!(gradient.len(), rows.len() * steps * outputs, "row_convolution: gradient [N, T, C]");
        assert_eq!(saved.windows.len(), rows.len() * steps * self.window(), "row_convolution: saved windows");
        let by_tap = self.by_tap();
        let gains = shortcut.and_then(|shortcut| shortcut.gains);
        let mut deltas = vec![0.0; gradient.len()];
        let mut d_values = vec![0.0; rows.len() * steps * inputs];
        let mut scaled = vec![0.0; if gains.is_some() { gradient.len() } else { 0 }];
        let blocks = self.blocks();
        let scaled_cut = rows.cut(&blocks, if gains.is_some() { steps * outputs } else { 0 }, &mut scaled);
        let cut = rows.cut(&blocks, steps * outputs, &mut deltas).into_iter().zip(rows.cut(
            &blocks,
            steps * inputs,
            &mut d_values,
        ));
        let work: Vec<_> = blocks.iter().zip(cut.zip(scaled_cut)).collect();
        let back = work.into_par_iter().map(|(texts, ((deltas, d_values), scaled))| {
            let own = rows.of_block(texts);
            let windows = own.len() * steps;
            let of_block = own.start * steps * outputs..own.end * steps * outputs;
            deltas.copy_from_slice(&gradient[of_block.clone()]);
            if self.rectified {
                close(&saved.open[of_block.clone()], deltas);
            }
            let mut d_windows = self.workspace.take(windows * self.window());
            let weights = Matrix::new(&by_tap, self.window(), outputs).transposed();
            product(Matrix::new(deltas, windows, outputs), weights, &mut d_windows, false);
            self.gather(&d_windows, texts, d_values);
            let (mut d_bias, mut d_gains) = (vec![0.0; outputs], Vec::new());
            add_rows(deltas, &mut d_bias);
            if let Some(Shortcut { values, gains: Some(gains) }) = shortcut {
                d_gains.resize(outputs, 0.0);
                through_gains(deltas, &values[of_block], gains, scaled, &mut d_gains);
            }
            (d_bias, d_gains)
        });
        let parts: Vec<_> = back.collect();
        let mut d_bias = vec![0.0; outputs];
        let mut d_gains = vec![0.0; gains.map_or(0, <[f32]>::len)];
        for (bias, gains) in parts {
            add_rows(&bias, &mut d_bias);
            add_rows(&gains, &mut d_gains);
        }
        let mut d_by_tap = self.workspace.take(self.window() * outputs);
        let windows = Matrix::new(&saved.windows, rows.len() * steps, self.window()).transposed();
        shared_product_by_rows(windows, Matrix::new(&deltas, rows.len() * steps, outputs), &mut d_by_tap);
        let mut synapses = vec![0.0; self.synapses.len()];
        self.each_tap(|by_tap, stored| synapses[stored].copy_from_slice(&d_by_tap[by_tap]));
        let shortcut = match (shortcut, gains) {
            (None, _) => Vec::new(),
            (Some(_), None) => deltas,
            (Some(_), Some(_)) => scaled,
        };
        Gradients { values: d_values, synapses, bias: d_bias, shortcut, gains: d_gains }
    }

    fn check(&self, values: &[f32]) {
        let Self { rows, steps, width, inputs, outputs, .. } = *self;
        assert!(width > 0, "row_convolution: a kernel has taps");
        assert_eq!(values.len(), rows.len() * steps * inputs, "row_convolution: values [N, T, C']");
        assert_eq!(self.synapses.len(), self.window() * outputs, "row_convolution: synapses [C', (tap, C)]");
        assert_eq!(self.bias.len(), outputs, "row_convolution: bias [C]");
        if let Some(Shortcut { values, gains }) = self.shortcut {
            assert_eq!(values.len(), rows.len() * steps * outputs, "row_convolution: shortcut [N, T, C]");
            assert!(gains.is_none_or(|gains| gains.len() == outputs), "row_convolution: gains [C]");
        }
    }

    /// Numbers of a window.
    fn window(&self) -> usize {
        self.width * self.inputs
    }

    fn blocks(&self) -> Vec<Range<usize>> {
        self.rows.blocks(BLOCK.div_ceil(self.steps.max(1)))
    }

    /// Shows where each (tap, input) row of C synapses stands by taps, and where it is stored.
    fn each_tap(&self, mut see: impl FnMut(Range<usize>, Range<usize>)) {
        let outputs = self.outputs;
        for tap in 0..self.width {
            for c in 0..self.inputs {
                let (by_tap, stored) = ((tap * self.inputs + c) * outputs, (c * self.width + tap) * outputs);
                see(by_tap..by_tap + outputs, stored..stored + outputs);
            }
        }
    }

    /// The synapses as windows meet them, `[(tap, C'), C]`.
    fn by_tap(&self) -> Buffer {
        let mut all = self.workspace.take(self.synapses.len());
        self.each_tap(|by_tap, stored| all[by_tap].copy_from_slice(&self.synapses[stored]));
        all
    }

    /// The windows of some neighbouring texts.
    fn fill(&self, values: &[f32], texts: &Range<usize>, windows: &mut [f32]) {
        let Self { rows, steps, width, inputs, .. } = *self;
        let mut windows = windows.chunks_exact_mut(inputs.max(1));
        for text in texts.clone().map(|b| rows.of_text(b)) {
            for (row, t) in text.clone().flat_map(|row| (0..steps).map(move |t| (row, t))) {
                for (tap, out) in (0..width).zip(&mut windows) {
                    match neighbour(row, &text, width, tap) {
                        Some(seen) => out.copy_from_slice(&values[(seen * steps + t) * inputs..][..inputs]),
                        None => out.fill(0.0),
                    }
                }
            }
        }
    }

    /// Adds up, for each row of some neighbouring texts, the gradients of the windows that saw it.
    fn gather(&self, d_windows: &[f32], texts: &Range<usize>, d_values: &mut [f32]) {
        let Self { rows, steps, width, inputs, .. } = *self;
        let first = rows.of_block(texts).start;
        let mut out = d_values.chunks_exact_mut(inputs.max(1));
        for text in texts.clone().map(|b| rows.of_text(b)) {
            for (row, t) in text.clone().flat_map(|row| (0..steps).map(move |t| (row, t))) {
                let out = out.next().expect("a gradient for each row and step");
                for tap in 0..width {
                    let Some(by) = (row + (width - 1) / 2).checked_sub(tap).filter(|by| text.contains(by)) else {
                        continue;
                    };
                    let seen = (((by - first) * steps + t) * width + tap) * inputs;
                    add_rows(&d_windows[seen..][..inputs], out);
                }
            }
        }
    }
}

/// Adds shortcut and biases to sums `[rows, C]`; with rectifiers, says where they are `open`.
#[apply(every_processor!)]
fn finish(sums: &mut [f32], shortcut: Option<Shortcut<'_>>, bias: &[f32], open: Option<&mut [bool]>) {
    let columns = bias.len().max(1);
    if let Some(Shortcut { values, gains }) = shortcut {
        match gains {
            None => sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value),
            Some(gains) => {
                for (sums, values) in sums.chunks_exact_mut(columns).zip(values.chunks_exact(columns)) {
                    for ((sum, value), gain) in sums.iter_mut().zip(values).zip(gains) {
                        *sum += value * gain;
                    }
                }
            }
        }
    }
    for sums in sums.chunks_exact_mut(columns) {
        sums.iter_mut().zip(bias).for_each(|(sum, bias)| *sum += bias);
    }
    if let Some(open) = open {
        rectify(sums, open);
    }
}

/// Numbers below zero become zero; says where none was.
#[inline(always)]
pub(crate) fn rectify(sums: &mut [f32], open: &mut [bool]) {
    for (sum, open) in sums.iter_mut().zip(open) {
        *open = *sum > 0.0;
        *sum = sum.max(0.0);
    }
}

/// No gradient where a rectifier was closed.
#[apply(every_processor!)]
pub(crate) fn close(open: &[bool], gradient: &mut [f32]) {
    for (gradient, &open) in gradient.iter_mut().zip(open) {
        *gradient = if open { *gradient } else { 0.0 };
    }
}

/// The gradients `scaled` of a shortcut's values, `[rows, C]`, and, added to `d_gains`, those of its gains.
#[apply(every_processor!)]
fn through_gains(deltas: &[f32], values: &[f32], gains: &[f32], scaled: &mut [f32], d_gains: &mut [f32]) {
    let columns = gains.len().max(1);
    let rows = deltas.chunks_exact(columns).zip(values.chunks_exact(columns)).zip(scaled.chunks_exact_mut(columns));
    for ((deltas, values), scaled) in rows {
        for c in 0..columns {
            scaled[c] = deltas[c] * gains[c];
            d_gains[c] += deltas[c] * values[c];
        }
    }
}

/// What a convolution over rows means, by its definition.
pub mod reference {
    use super::PositionRows;
    use crate::Real;

    /// Lengths of a convolution: steps T, width w, inputs C', outputs C.
    pub type Lengths = [usize; 4];

    /// See [`super::RowConvolution::forward`]; `shortcut` is values `[N, T, C]` and gains `[C]`.
    #[must_use]
    pub fn forward<R: Real>(
        rows: &PositionRows,
        [steps, width, inputs, outputs]: Lengths,
        (values, synapses, bias): (&[R], &[R], &[R]),
        shortcut: Option<(&[R], &[R])>,
        rectified: bool,
    ) -> Vec<R> {
        let mut out = Vec::new();
        for text in (0..rows.texts()).map(|b| rows.of_text(b)) {
            for (n, t, f) in
                text.clone().flat_map(|n| (0..steps).flat_map(move |t| (0..outputs).map(move |f| (n, t, f))))
            {
                let mut sum = bias[f];
                for (tap, c) in (0..width).flat_map(|tap| (0..inputs).map(move |c| (tap, c))) {
                    let seen = (n + tap) as isize - (width as isize - 1) / 2;
                    if seen >= text.start as isize && seen < text.end as isize {
                        sum += values[(seen as usize * steps + t) * inputs + c]
                            * synapses[(c * width + tap) * outputs + f];
                    }
                }
                if let Some((around, gains)) = shortcut {
                    sum += around[(n * steps + t) * outputs + f] * gains[f];
                }
                out.push(if rectified && sum < R::ZERO { R::ZERO } else { sum });
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        TokenBatch,
        testing::{assert_near, assert_slopes, some, wide},
    };

    /// Texts of several lengths, enough of them for more than one block where there is time.
    fn rows() -> PositionRows {
        let mut batch = TokenBatch::new(0);
        [7, 1, 0, 4, 3, 2, 5].into_iter().for_each(|length| batch.push(0..length));
        PositionRows::of(&batch, 2)
    }

    #[test]
    fn outputs_and_gradients_are_those_of_the_definition() {
        let (rows, workspace) = (rows(), Workspace::default());
        for (lengths, rectified, around) in
            [([1, 3, 3, 5], true, 1), ([1, 3, 5, 5], true, 0), ([20, 2, 3, 4], false, 2), ([9, 5, 2, 3], true, 2)]
        {
            let [steps, width, inputs, outputs] = lengths;
            let (all_in, all_out) = (rows.len() * steps * inputs, rows.len() * steps * outputs);
            let arrays = [
                some(all_in, 1),
                some(inputs * width * outputs, 2),
                some(outputs, 3),
                some(all_out, 4),
                if around == 2 { some(outputs, 5) } else { vec![1.0; outputs] },
            ];
            let upstream = some(all_out, 6);
            let [values, synapses, bias, other, gains] = &arrays;
            let shortcut =
                (around > 0).then(|| Shortcut { values: other, gains: (around == 2).then_some(&gains[..]) });
            let layer = RowConvolution {
                rows: &rows,
                steps,
                width,
                inputs,
                outputs,
                synapses,
                bias,
                shortcut,
                rectified,
                workspace: &workspace,
            };
            let (out, saved) = layer.forward(values);
            let got = layer.backward(&saved, &upstream);
            let reference = |arrays: &[Vec<f64>; 5]| {
                let [values, synapses, bias, other, gains] = arrays;
                let shortcut = (around > 0).then_some((&other[..], &gains[..]));
                reference::forward(&rows, lengths, (values, synapses, bias), shortcut, rectified)
            };
            let arrays = arrays.each_ref().map(|array| wide(array));
            assert_near(&format!("{lengths:?}"), &out, &reference(&arrays));
            assert_eq!(rectified, out.iter().all(|&value| value >= 0.0));
            let all = [&got.values, &got.synapses, &got.bias, &got.shortcut, &got.gains];
            for (which, got) in all.into_iter().enumerate() {
                if [true, true, true, around > 0, around == 2][which] {
                    let every = if which == 0 { 7 } else { 1 };
                    assert_slopes(&format!("{lengths:?}"), &arrays, reference, &upstream, (which, got, every));
                } else {
                    assert!(got.is_empty(), "{lengths:?} {which}: not asked for");
                }
            }
        }
    }

    #[test]
    fn bits_do_not_depend_on_the_threads() {
        let rows = rows();
        let [steps, width, inputs, outputs] = [16, 3, 5, 5];
        let (values, synapses) = (some(rows.len() * steps * inputs, 1), some(inputs * width * outputs, 2));
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
            let workspace = Workspace::default();
            let layer = RowConvolution {
                rows: &rows,
                steps,
                width,
                inputs,
                outputs,
                synapses: &synapses,
                bias: &[0.25, -0.1, 0.3, 0.0, 0.7],
                shortcut: Some(Shortcut { values: &values, gains: Some(&[0.5, 0.7, -0.3, 1.0, 2.0]) }),
                rectified: true,
                workspace: &workspace,
            };
            pool.install(|| {
                let (out, saved) = layer.forward(&values);
                let Gradients { values, synapses, bias, shortcut, gains } = layer.backward(&saved, &out);
                [out, values, synapses, bias, shortcut, gains]
            })
        };
        assert!(rows.blocks(BLOCK / steps).len() > 1);
        assert_eq!(run(1), run(3));
    }
}
