//! The binary grid of the weights: whole numbers of a unit `2^exponent`, at most 2^11 units in size.
//!
//! Sums of 0/1 spikes times such weights are sums of whole numbers. `f32` holds whole numbers up to 2^24 without
//! rounding, and a current of five taps of 300 dense inputs at full size stays below 2^22, so currents are exact in any
//! order of summation and membranes are exact as long as they stay below 2^24 units (8,192 of the largest weight).

use spiketext_kernels::rounding::{largest_magnitude, to_units};

/// The largest weight is this many units.
const LARGEST: f32 = 2048.0;

/// A unit of weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grid {
    /// The unit is 2 to this power.
    pub exponent: i32,
}

impl Grid {
    /// The finest grid on which the largest of `values` is at most 2^11 units.
    #[must_use]
    pub fn of(values: &[f32]) -> Self {
        let largest = largest_magnitude(values);
        if largest == 0.0 {
            return Self { exponent: 0 };
        }
        // Bounds keep the unit and its reciprocal ordinary numbers, whatever the weights are.
        let mut exponent = ((largest / LARGEST).log2().ceil() as i32).clamp(-100, 100);
        // `log2` may round either way at powers of two.
        while exponent > -100 && largest / (Self { exponent: exponent - 1 }).unit() <= LARGEST {
            exponent -= 1;
        }
        while exponent < 100 && largest / (Self { exponent }).unit() > LARGEST {
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

/// Rounds `synapses` to their own grid, and the currents that are added to theirs to the same.
pub fn on_common_grid(synapses: &mut [f32], others: [&mut [f32]; 2]) {
    let grid = Grid::of(synapses);
    on_grid(grid, synapses);
    others.into_iter().for_each(|values| on_grid(grid, values));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn rounding_is_fine_and_idempotent(values in prop::collection::vec(-1e3f32..1e3, 1..50)) {
            let grid = Grid::of(&values);
            let mut rounded = values.clone();
            on_grid(grid, &mut rounded);
            let largest = values.iter().fold(0.0f32, |m, v| m.max(v.abs()));
            for (value, rounded) in values.iter().zip(&rounded) {
                prop_assert!((value - rounded).abs() <= largest / 2048.0);
                prop_assert_eq!(grid.units(*rounded) as f32 * grid.unit(), *rounded);
            }
            // A second rounding may find a coarser grid only if it loses nothing.
            let mut again = rounded.clone();
            on_grid(Grid::of(&rounded), &mut again);
            prop_assert_eq!(again, rounded);
        }
    }

    #[test]
    fn the_largest_weight_fills_the_grid() {
        for (largest, exponent) in [(1.0, -11), (0.75, -11), (2048.0, 0), (2049.0, 1), (0.0, 0)] {
            assert_eq!(Grid::of(&[0.0, -largest]).exponent, exponent, "{largest}");
        }
    }
}
