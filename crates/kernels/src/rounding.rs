//! Rounding to whole numbers of a unit, and the size that a unit is chosen by. Threads share long arrays; bits do not
//! depend on them.

use macro_rules_attribute::apply;
use rayon::prelude::*;

use crate::lanes::{LANES, Lanes};

/// So many values are worth a thread's while.
pub(crate) const PART: usize = 32 * 1024;

/// Rounds every value to the nearest whole number of units, halves away from zero; `unit` is a power of two.
pub fn to_units(unit: f32, values: &mut [f32]) {
    if values.len() <= PART {
        return round(unit, values);
    }
    values.par_chunks_mut(PART).for_each(|values| round(unit, values));
}

#[apply(every_processor!)]
fn round(unit: f32, values: &mut [f32]) {
    for value in values {
        *value = (*value / unit).round() * unit;
    }
}

/// The size of the largest value, of either sign; 0 of none. What is not a number does not count.
#[must_use]
pub fn largest_magnitude(values: &[f32]) -> f32 {
    if values.len() <= PART {
        return largest_magnitude_of(values);
    }
    values.par_chunks(PART).map(largest_magnitude_of).reduce(|| 0.0, f32::max)
}

#[apply(every_processor!)]
fn largest_magnitude_of(values: &[f32]) -> f32 {
    let mut most = Lanes::all(0.0f32);
    let (rows, rest) = values.as_chunks::<LANES>();
    for row in rows {
        most.0.iter_mut().zip(row).for_each(|(most, value)| *most = most.max(value.abs()));
    }
    rest.iter().chain(&most.0).fold(0.0, |most, value| most.max(value.abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_go_away_from_zero() {
        let mut values: Vec<f32> = vec![0.0, 0.125, -0.125, 0.374, -0.376, 1e9, f32::MIN_POSITIVE];
        values.resize(40, 0.625);
        to_units(0.25, &mut values);
        assert_eq!(values[..7], [0.0, 0.25, -0.25, 0.25, -0.5, 1e9, 0.0]);
        assert!(values[7..].iter().all(|&value| value == 0.75));
    }

    #[test]
    fn long_arrays_are_rounded_and_searched_as_short_ones() {
        let count = 3 * PART + 17;
        let values: Vec<f32> = (0..count).map(|i| (i * 7919 % 65_537) as f32 - 40_000.3).collect();
        let (mut long, mut short) = (values.clone(), values.clone());
        to_units(4.0, &mut long);
        short.chunks_mut(1000).for_each(|values| to_units(4.0, values));
        assert_eq!(long, short);
        assert_eq!(largest_magnitude(&values), values.iter().fold(0.0f32, |most, value| most.max(value.abs())));
        for at in [0, LANES - 1, count - 1] {
            let mut values = values.clone();
            (values[at], values[count / 2]) = (-1e9, f32::NAN);
            assert_eq!(largest_magnitude(&values), 1e9, "at {at}");
        }
        assert_eq!(largest_magnitude(&[]), 0.0);
    }
}
