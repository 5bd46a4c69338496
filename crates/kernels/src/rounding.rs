//! Rounding to whole numbers of a unit.

use multiversion::multiversion;

/// Rounds every value to the nearest whole number of units, halves away from zero; `unit` is a power of two.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
pub fn to_units(unit: f32, values: &mut [f32]) {
    for value in values {
        *value = (*value / unit).round() * unit;
    }
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
}
