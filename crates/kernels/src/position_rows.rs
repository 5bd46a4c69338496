//! The convolution positions of a batch as rows of a table, which layers over positions read and write, and their
//! sums over each text.

use std::ops::Range;

use macro_rules_attribute::apply;
use rayon::prelude::*;

use crate::{SILENT, TokenBatch};

/// The positions of every text of a batch, one after the other: what convolutions over positions see as rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PositionRows {
    /// The first row of each text, and the end.
    pub starts: Vec<usize>,
}

impl PositionRows {
    /// Of a batch under a kernel of `width`.
    #[must_use]
    pub fn of(batch: &TokenBatch, width: usize) -> Self {
        let mut starts = vec![0];
        for b in 0..batch.len() {
            starts.push(starts[b] + batch.positions(b, width));
        }
        Self { starts }
    }

    /// All texts B.
    #[must_use]
    pub fn texts(&self) -> usize {
        self.starts.len() - 1
    }

    /// All rows N.
    #[must_use]
    pub fn len(&self) -> usize {
        self.starts[self.texts()]
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The rows of text `b`.
    #[must_use]
    pub fn of_text(&self, b: usize) -> Range<usize> {
        self.starts[b]..self.starts[b + 1]
    }

    /// For each tap of the first kernel, the token row that each row sees, [`SILENT`] where there is none.
    #[must_use]
    pub fn tokens(&self, batch: &TokenBatch, tap: usize) -> Vec<u32> {
        let mut rows = Vec::with_capacity(self.len());
        for b in 0..batch.len() {
            let text = batch.text(b);
            rows.extend((0..self.of_text(b).len()).map(|p| text.get(p + tap).copied().unwrap_or(SILENT)));
        }
        rows
    }

    /// For a tap of a kernel of `width` centred on each row, the row that it sees, [`SILENT`] past the ends of the
    /// text.
    #[must_use]
    pub fn neighbours(&self, width: usize, tap: usize) -> Vec<u32> {
        let mut rows = Vec::with_capacity(self.len());
        for b in 0..self.texts() {
            let own = self.of_text(b);
            rows.extend(own.clone().map(|row| neighbour(row, &own, width, tap).map_or(SILENT, |seen| seen as u32)));
        }
        rows
    }

    /// Neighbouring texts in groups of at least `least` rows, but for the last: by the texts alone, so that a cut of
    /// the work along them does not depend on the number of threads.
    pub(crate) fn blocks(&self, least: usize) -> Vec<Range<usize>> {
        let (mut blocks, mut first) = (Vec::new(), 0);
        for end in 1..=self.texts() {
            if self.starts[end] - self.starts[first] >= least || end == self.texts() {
                blocks.push(first..end);
                first = end;
            }
        }
        blocks
    }

    /// The rows of some neighbouring texts.
    pub(crate) fn of_block(&self, texts: &Range<usize>) -> Range<usize> {
        self.starts[texts.start]..self.starts[texts.end]
    }

    /// Cuts a table with `columns` numbers a row where blocks of texts end.
    pub(crate) fn cut<'a, T>(
        &self,
        blocks: &[Range<usize>],
        columns: usize,
        mut table: &'a mut [T],
    ) -> Vec<&'a mut [T]> {
        let mut next = |texts: &Range<usize>| table.split_off_mut(..self.of_block(texts).len() * columns);
        blocks.iter().map(|texts| next(texts).expect("a table of all rows")).collect()
    }
}

/// The row that `tap` of a kernel of `width` centred on `row` sees, unless it lies outside `text`.
#[inline(always)]
pub(crate) fn neighbour(row: usize, text: &Range<usize>, width: usize, tap: usize) -> Option<usize> {
    (row + tap).checked_sub((width - 1) / 2).filter(|seen| text.contains(seen))
}

/// What the rows of a text become: one row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowPooling {
    /// Their sum.
    Sum,
    /// Their mean.
    Mean,
    /// Their mean, but never more than 1.
    Bounded,
}

impl RowPooling {
    fn share(self, rows: usize) -> f32 {
        if self == Self::Sum { 1.0 } else { 1.0 / rows as f32 }
    }

    /// Values `[N, X]` as one row a text, `[B, X]`.
    ///
    /// # Panics
    /// If there are not as many values as rows and columns say.
    #[must_use]
    pub fn forward(self, rows: &PositionRows, columns: usize, values: &[f32]) -> Vec<f32> {
        assert_eq!(values.len(), rows.len() * columns, "row_pooling: values [N, X]");
        let mut pooled = vec![0.0; rows.texts() * columns];
        pooled.par_chunks_exact_mut(columns.max(1)).enumerate().for_each(|(b, pooled)| {
            let own = rows.of_text(b);
            add_rows(&values[own.start * columns..own.end * columns], pooled);
            let share = self.share(own.len());
            match self {
                Self::Sum => {}
                Self::Mean => pooled.iter_mut().for_each(|sum| *sum *= share),
                Self::Bounded => pooled.iter_mut().for_each(|sum| *sum = (*sum * share).min(1.0)),
            }
        });
        pooled
    }

    /// From what [`Self::forward`] gave, `[B, X]`, and the gradient with respect to it to that of the values,
    /// `[N, X]`. Past the bound nothing is learned.
    ///
    /// # Panics
    /// As [`Self::forward`].
    #[must_use]
    pub fn backward(self, rows: &PositionRows, columns: usize, pooled: &[f32], gradient: &[f32]) -> Vec<f32> {
        assert_eq!(gradient.len(), rows.texts() * columns, "row_pooling: gradient [B, X]");
        assert_eq!(pooled.len(), gradient.len(), "row_pooling: pooled values [B, X]");
        let mut values = vec![0.0; rows.len() * columns];
        let texts: Vec<_> = (0..rows.texts()).map(|b| b..b + 1).collect();
        rows.cut(&texts, columns, &mut values).into_par_iter().enumerate().for_each(|(b, own)| {
            let share = self.share(rows.of_text(b).len());
            let text = b * columns..(b + 1) * columns;
            let within = |pooled: f32| self != Self::Bounded || pooled < 1.0;
            let of = |(&pooled, &gradient)| if within(pooled) { share * gradient } else { 0.0 };
            let row: Vec<f32> = pooled[text.clone()].iter().zip(&gradient[text]).map(of).collect();
            own.chunks_exact_mut(columns.max(1)).for_each(|own| own.copy_from_slice(&row));
        });
        values
    }
}

/// Adds rows, in their order, to `sum`.
#[apply(every_processor!)]
pub(crate) fn add_rows(rows: &[f32], sum: &mut [f32]) {
    for row in rows.chunks_exact(sum.len().max(1)) {
        sum.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
    }
}

/// What pooling of rows means, by its definition.
pub mod reference {
    use super::{PositionRows, RowPooling};
    use crate::Real;

    /// See [`RowPooling::forward`].
    #[must_use]
    pub fn pool<R: Real>(pooling: RowPooling, rows: &PositionRows, columns: usize, values: &[R]) -> Vec<R> {
        let mut pooled = Vec::new();
        for b in 0..rows.texts() {
            for x in 0..columns {
                let mut sum = R::ZERO;
                rows.of_text(b).for_each(|n| sum += values[n * columns + x]);
                let mean = sum / R::of(rows.of_text(b).len() as f32);
                pooled.push(match pooling {
                    RowPooling::Sum => sum,
                    RowPooling::Mean => mean,
                    RowPooling::Bounded if mean < R::ONE => mean,
                    RowPooling::Bounded => R::ONE,
                });
            }
        }
        pooled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> PositionRows {
        let mut batch = TokenBatch::new(0);
        [5, 1, 0, 9, 2].into_iter().for_each(|length| batch.push(0..length));
        PositionRows::of(&batch, 3)
    }

    #[test]
    fn blocks_are_all_texts_in_order() {
        let rows = rows();
        assert_eq!(rows.starts, [0, 3, 4, 5, 12, 13]);
        assert_eq!(rows.blocks(4), [0..2, 2..4, 4..5]);
        assert_eq!(rows.blocks(1), [0..1, 1..2, 2..3, 3..4, 4..5]);
        assert_eq!((rows.blocks(100).len(), rows.blocks(100)[0].clone()), (1, 0..5));
        assert!(PositionRows { starts: vec![0] }.blocks(1).is_empty());
        let mut table: Vec<usize> = (0..26).collect();
        let cut = rows.cut(&rows.blocks(4), 2, &mut table);
        assert_eq!(cut.iter().map(|part| (part[0], part.len())).collect::<Vec<_>>(), [(0, 8), (8, 16), (24, 2)]);
    }

    #[test]
    fn neighbours_stay_within_their_text() {
        let seen: Vec<Vec<u32>> = (0..3).map(|tap| rows().neighbours(3, tap)).collect();
        assert_eq!(seen[0][..5], [SILENT, 0, 1, SILENT, SILENT]);
        assert_eq!(seen[1], (0..13).collect::<Vec<u32>>());
        assert_eq!(seen[2][..5], [1, 2, SILENT, SILENT, SILENT]);
        // An even kernel reaches further to the right.
        assert_eq!(rows().neighbours(2, 0)[..3], [0, 1, 2]);
    }

    #[test]
    fn pooling_is_what_its_definition_says() {
        let (rows, columns) = (rows(), 7);
        let at = |i: usize, seed: usize| ((i * 37 + seed * 11) % 41) as f32 / 7.9 - 1.5;
        let values: Vec<f32> = (0..rows.len() * columns).map(|i| at(i, 1)).collect();
        let gradient: Vec<f32> = (0..rows.texts() * columns).map(|i| at(i, 2)).collect();
        for pooling in [RowPooling::Sum, RowPooling::Mean, RowPooling::Bounded] {
            let pooled = pooling.forward(&rows, columns, &values);
            let want = reference::pool(pooling, &rows, columns, &values);
            for (got, want) in pooled.iter().zip(&want) {
                assert!((got - want).abs() <= 1e-6 * want.abs().max(1.0), "{pooling:?}: {got} and {want}");
            }
            assert_eq!(pooling == RowPooling::Bounded, pooled.iter().all(|&value| value <= 1.0), "{pooling:?}");
            let got = pooling.backward(&rows, columns, &pooled, &gradient);
            let values: Vec<f64> = values.iter().map(|&value| value.into()).collect();
            let loss = |values: &[f64]| -> f64 {
                let pooled = reference::pool(pooling, &rows, columns, values);
                pooled.iter().zip(&gradient).map(|(value, &up)| value * f64::from(up)).sum()
            };
            for (i, &got) in got.iter().enumerate() {
                let (mut high, mut low) = (values.clone(), values.clone());
                high[i] += 1e-6;
                low[i] -= 1e-6;
                let slope = (loss(&high) - loss(&low)) / 2e-6;
                assert!((slope - f64::from(got)).abs() < 1e-5, "{pooling:?} {i}: {slope} and {got}");
            }
        }
    }
}
