//! Synapses on a binary grid: whole numbers of a unit `2^exponent`, at most 2^11 units in size (or 127 in 8
//! bits, 7 in 4).
//!
//! Sums of 0/1 spikes times such weights are sums of whole numbers. `f32` holds whole numbers up to 2^24 without
//! rounding, and a current of five taps of 300 dense inputs at full size stays below 2^22, so currents are exact in
//! any order of summation and membranes are exact as long as they stay below 2^24 units (8,192 of the largest
//! weight).

use serde::{Deserialize, Serialize};
use spiketext_kernels::rounding::{largest_magnitude, to_units};

/// Bits of a stored synapse.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum SynapseBits {
    /// Half a byte: whole numbers up to 7.
    #[serde(rename = "4")]
    Four,
    /// One byte: whole numbers up to 127.
    #[serde(rename = "8")]
    Eight,
    /// Two bytes: whole numbers up to 2,048, so that sums stay exact in single precision.
    #[default]
    #[serde(rename = "16")]
    Sixteen,
}

impl SynapseBits {
    /// How many they are.
    #[must_use]
    pub fn count(self) -> u32 {
        match self {
            Self::Four => 4,
            Self::Eight => 8,
            Self::Sixteen => 16,
        }
    }

    /// The largest synapse in units.
    #[must_use]
    pub fn largest(self) -> f32 {
        match self {
            Self::Four => 7.0,
            Self::Eight => 127.0,
            Self::Sixteen => 2048.0,
        }
    }
}

/// The synapses of a layer as a finished network holds them: whole numbers of a unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Synapses<'a> {
    /// The weights, each on the grid, `[inputs, outputs]`.
    pub values: &'a [f32],
    /// Their unit.
    pub grid: Grid,
    /// Bits of each.
    pub bits: SynapseBits,
}

impl Synapses<'_> {
    /// The weights in units.
    pub fn units(&self) -> impl Iterator<Item = i32> {
        self.values.iter().map(|&value| self.grid.units(value))
    }

    /// Weights that are zero.
    #[must_use]
    pub fn zeros(&self) -> usize {
        self.values.iter().filter(|&&value| value == 0.0).count()
    }
}

/// A unit of weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grid {
    /// The unit is 2 to this power.
    pub exponent: i32,
}

impl Grid {
    /// The finest grid on which the largest of `values` fits so many bits.
    #[must_use]
    pub fn of(values: &[f32], bits: SynapseBits) -> Self {
        let (largest, most) = (largest_magnitude(values), bits.largest());
        if largest == 0.0 {
            return Self { exponent: 0 };
        }
        // Bounds keep the unit and its reciprocal ordinary numbers, whatever the weights are.
        let mut exponent = ((largest / most).log2().ceil() as i32).clamp(-100, 100);
        // `log2` may round either way at powers of two.
        while exponent > -100 && largest / (Self { exponent: exponent - 1 }).unit() <= most {
            exponent -= 1;
        }
        while exponent < 100 && largest / (Self { exponent }).unit() > most {
            exponent += 1;
        }
        Self { exponent }
    }

    /// The unit.
    #[must_use]
    pub fn unit(self) -> f32 {
        2f32.powi(self.exponent)
    }

    /// The nearest whole number of units.
    #[must_use]
    pub fn units(self, value: f32) -> i32 {
        (value / self.unit()).round() as i32
    }
}

/// Rounds every value to the grid.
pub fn on_grid(grid: Grid, values: &mut [f32]) {
    to_units(grid.unit(), values);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BITS: [SynapseBits; 3] = [SynapseBits::Four, SynapseBits::Eight, SynapseBits::Sixteen];

    proptest! {
        #[test]
        fn rounding_is_fine_and_idempotent(
            values in prop::collection::vec(-1e3f32..1e3, 1..50),
            bits in prop::sample::select(BITS.to_vec()),
        ) {
            let grid = Grid::of(&values, bits);
            let mut rounded = values.clone();
            on_grid(grid, &mut rounded);
            let largest = values.iter().fold(0.0f32, |m, v| m.max(v.abs()));
            for (value, rounded) in values.iter().zip(&rounded) {
                prop_assert!((value - rounded).abs() <= largest / bits.largest());
                prop_assert_eq!(grid.units(*rounded) as f32 * grid.unit(), *rounded);
                prop_assert!(grid.units(*rounded).abs() as f32 <= bits.largest());
            }
            // A second rounding may find a coarser grid only if it loses nothing.
            let mut again = rounded.clone();
            on_grid(Grid::of(&rounded, bits), &mut again);
            prop_assert_eq!(again, rounded);
        }
    }

    #[test]
    fn the_largest_weight_fills_the_grid() {
        for (largest, exponent) in [(1.0, -11), (0.75, -11), (2048.0, 0), (2049.0, 1), (0.0, 0)] {
            assert_eq!(Grid::of(&[0.0, -largest], SynapseBits::Sixteen).exponent, exponent, "{largest}");
        }
        for (largest, exponent) in [(127.0, 0), (128.0, 1), (1.0, -6), (0.0, 0)] {
            assert_eq!(Grid::of(&[0.0, -largest], SynapseBits::Eight).exponent, exponent, "{largest}");
        }
    }
}
