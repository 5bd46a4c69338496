//! Codes of few active inputs: of each row of numbers the k largest win and become spikes, all others are silent.
//!
//! ```text
//! b[r, d] = 1 if z[r, d] is among the k largest of row r, else 0
//! signed:   1 or -1, the sign of z[r, d], if |z[r, d]| is among the k largest sizes, else 0
//! ```
//!
//! Of equals the one of the lower index wins. The way back goes straight through, as at a neuron (equation 7): the row's
//! threshold lies halfway between the last winner and the first loser, and
//! `db/dz = surrogate((z - threshold) / scale) / scale`, the scale being the deviation of the row's numbers. Threshold and
//! scale themselves are taken for constants: competition has no part in the gradient.

use rayon::prelude::*;

use crate::Surrogate;

/// How winners are found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Winners {
    /// Winners of a row, k.
    pub active: usize,
    /// Whether sizes compete, and winners keep their sign.
    pub signed: bool,
    /// What stands in for the derivative of winning.
    pub surrogate: Surrogate,
}

/// Where a row's winners begin, and in which unit the surrogate sees the distance to it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Margin {
    /// Halfway between the last winner and the first loser.
    pub threshold: f32,
    /// The deviation of what competes in the row; 1 where all are alike.
    pub scale: f32,
}

/// Rows that are worth a thread's while.
const ROWS_A_TASK: usize = 16;

impl Winners {
    /// The indices of a row's winners, in rising order, and the margin.
    #[must_use]
    pub fn of_row(&self, row: &[f32]) -> (Vec<u32>, Margin) {
        let size = |d: u32| self.size(row[d as usize]);
        let before = |a: &u32, b: &u32| size(*b).total_cmp(&size(*a)).then(a.cmp(b));
        let mut order: Vec<u32> = (0..row.len() as u32).collect();
        let k = self.active.min(row.len());
        let threshold = if k == 0 {
            row.iter().map(|&z| self.size(z)).fold(0.0, f32::max)
        } else if k == row.len() {
            row.iter().map(|&z| self.size(z)).fold(f32::INFINITY, f32::min)
        } else {
            let (winners, loser, _) = order.select_nth_unstable_by(k, before);
            let last = winners.iter().map(|&d| size(d)).fold(f32::INFINITY, f32::min);
            0.5 * (last + size(*loser))
        };
        order.truncate(k);
        order.sort_unstable();
        let count = row.len().max(1) as f64;
        let mean = row.iter().map(|&z| f64::from(self.size(z))).sum::<f64>() / count;
        let variance = row.iter().map(|&z| (f64::from(self.size(z)) - mean).powi(2)).sum::<f64>() / count;
        let scale = variance.sqrt() as f32;
        (order, Margin { threshold, scale: if scale > 0.0 { scale } else { 1.0 } })
    }

    /// Forward pass: numbers `[R, D]` to their codes `[R, D]` of 0 and 1 (or -1), with the margins of the rows.
    #[must_use]
    pub fn forward(&self, values: &[f32], dimension: usize) -> (Vec<f32>, Vec<Margin>) {
        let mut codes = vec![0.0; values.len()];
        let rows = codes.par_chunks_exact_mut(dimension.max(1)).zip(values.par_chunks_exact(dimension.max(1)));
        let of_row = |(codes, row): (&mut [f32], &[f32])| {
            let (winners, margin) = self.of_row(row);
            for d in winners {
                codes[d as usize] = if self.signed && row[d as usize] < 0.0 { -1.0 } else { 1.0 };
            }
            margin
        };
        let margins = rows.with_min_len(ROWS_A_TASK).map(of_row).collect();
        (codes, margins)
    }

    /// Backward pass: from the gradient with respect to the codes `[R, D]` to that with respect to the numbers.
    ///
    /// # Panics
    /// If the lengths do not agree.
    #[must_use]
    pub fn backward(&self, values: &[f32], margins: &[Margin], d_codes: &[f32], dimension: usize) -> Vec<f32> {
        assert_eq!(values.len(), margins.len() * dimension, "winners::backward: values [R, D]");
        assert_eq!(values.len(), d_codes.len(), "winners::backward: gradient of the codes [R, D]");
        let mut gradient = d_codes.to_vec();
        let rows = gradient.par_chunks_exact_mut(dimension.max(1)).zip(values.par_chunks_exact(dimension.max(1)));
        rows.zip(margins).with_min_len(ROWS_A_TASK).for_each(|((gradient, row), margin)| {
            for (gradient, &z) in gradient.iter_mut().zip(row) {
                let distance = (self.size(z) - margin.threshold) / margin.scale;
                *gradient *= self.surrogate.derivative(distance) / margin.scale;
            }
        });
        gradient
    }

    /// What of a number competes.
    fn size(&self, value: f32) -> f32 {
        if self.signed { value.abs() } else { value }
    }
}

/// The definitions, and the smooth code whose gradient the way back is; kept to hold the above to them.
pub mod reference {
    use super::Winners;
    use crate::{Fire, Real};

    /// Codes `[R, D]`: each number is compared with every other of its row.
    #[must_use]
    pub fn forward(winners: &Winners, values: &[f32], dimension: usize) -> Vec<f32> {
        let size = |z: f32| if winners.signed { z.abs() } else { z };
        let rows = values.chunks_exact(dimension.max(1)).flat_map(|row| {
            row.iter().enumerate().map(move |(d, &z)| {
                let ahead = |&(other, &y): &(usize, &f32)| size(y) > size(z) || (size(y) == size(z) && other < d);
                let wins = row.iter().enumerate().filter(ahead).count() < winners.active;
                let sign = if winners.signed && z < 0.0 { -1.0 } else { 1.0 };
                if wins { sign } else { 0.0 }
            })
        });
        rows.collect()
    }

    /// Codes of rows whose margins, `(threshold, scale)`, are given, with the step or its smooth stand-in.
    #[must_use]
    pub fn of_margins<F: Real>(winners: &Winners, fire: Fire, values: &[F], margins: &[(F, F)]) -> Vec<F> {
        let dimension = values.len() / margins.len().max(1);
        let rows = values.chunks_exact(dimension.max(1)).zip(margins).flat_map(|(row, &(threshold, scale))| {
            row.iter().map(move |&z| {
                let size = if winners.signed { z.abs() } else { z };
                let code = fire.spike(winners.surrogate, (size - threshold) / scale);
                if winners.signed && z < F::ZERO { -code } else { code }
            })
        });
        rows.collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        Fire,
        testing::{assert_slopes, some, wide},
    };

    const SURROGATES: [Surrogate; 3] = [
        Surrogate::FastSigmoid { slope: 3.0 },
        Surrogate::Arctangent { alpha: 2.0 },
        Surrogate::Triangle { slope: 0.7 },
    ];

    #[test]
    fn winners_are_written_out() {
        let of = |active, signed| Winners { active, signed, surrogate: SURROGATES[0] };
        let row = [0.5, -2.0, 1.0, 1.0, 0.0];
        assert_eq!(of(1, false).forward(&row, 5).0, [0.0, 0.0, 1.0, 0.0, 0.0]);
        assert_eq!(of(2, false).forward(&row, 5).0, [0.0, 0.0, 1.0, 1.0, 0.0]);
        assert_eq!(of(2, true).forward(&row, 5).0, [0.0, -1.0, 1.0, 0.0, 0.0]);
        assert_eq!(of(9, true).forward(&row, 5).0, [1.0, -1.0, 1.0, 1.0, 1.0]);
        let (winners, margin) = of(3, false).of_row(&row);
        assert_eq!((winners, margin.threshold), (vec![0, 2, 3], 0.25));
        assert_eq!(of(2, false).of_row(&[3.0; 4]), (vec![0, 1], Margin { threshold: 3.0, scale: 1.0 }));
        assert_eq!(of(2, false).of_row(&[]).0, Vec::<u32>::new());
    }

    proptest! {
        /// On a coarse grid, so that there are equals.
        #[test]
        fn winners_are_those_of_the_definition(
            row in prop::collection::vec(-4i8..4, 0..90),
            active in 0usize..12,
            signed in any::<bool>(),
            rows in 1usize..4,
        ) {
            let winners = Winners { active, signed, surrogate: SURROGATES[0] };
            let dimension = row.len();
            let values: Vec<f32> = (0..rows).flat_map(|r| row.iter().map(move |&z| f32::from(z) + r as f32)).collect();
            let (codes, margins) = winners.forward(&values, dimension);
            prop_assert_eq!(&codes, &reference::forward(&winners, &values, dimension));
            for code in codes.chunks_exact(dimension.max(1)) {
                prop_assert_eq!(code.iter().filter(|&&bit| bit != 0.0).count(), active.min(dimension));
            }
            prop_assert!(margins.iter().all(|margin| margin.scale > 0.0));
        }
    }

    #[test]
    fn the_way_back_is_the_slope_of_a_smooth_code() {
        for surrogate in SURROGATES {
            for signed in [false, true] {
                let winners = Winners { active: 3, signed, surrogate };
                let (values, up) = (some(4 * 11, 3), some(4 * 11, 4));
                let (codes, margins) = winners.forward(&values, 11);
                let exact: Vec<(f64, f64)> =
                    margins.iter().map(|m| (f64::from(m.threshold), f64::from(m.scale))).collect();
                // With the step in the smooth one's place these are the codes.
                let stepped = reference::of_margins(&winners, Fire::Step, &wide(&values), &exact);
                assert_eq!(stepped, wide(&codes));
                let smooth =
                    |arrays: &[Vec<f64>; 1]| reference::of_margins(&winners, Fire::Smooth, &arrays[0], &exact);
                let gradient = winners.backward(&values, &margins, &up, 11);
                assert_slopes("winners", &[wide(&values)], smooth, &up, (0, &gradient, 1));
            }
        }
    }
}
