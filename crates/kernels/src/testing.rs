//! What the tests of several kernels share: numbers, and gradients held to finite differences.

/// `count` numbers in [-1, 1) without a pattern.
pub(crate) fn some(count: usize, seed: u64) -> Vec<f32> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..count).map(|_| next()).collect()
}

/// The same numbers, with room for finite differences.
pub(crate) fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&value| value.into()).collect()
}

/// Holds outputs to those of a reference.
pub(crate) fn assert_near(what: &str, got: &[f32], want: &[f64]) {
    assert_eq!(got.len(), want.len(), "{what}: outputs");
    for (i, (got, want)) in got.iter().zip(want).enumerate() {
        assert!((f64::from(*got) - want).abs() < 1e-5, "{what} {i}: {got} and {want}");
    }
}

/// Holds the gradient `got` of array `which` to the slope of what `outputs` makes of the arrays, weighed with `upstream`; of
/// every `every`-th number.
pub(crate) fn assert_slopes<const A: usize>(
    what: &str,
    arrays: &[Vec<f64>; A],
    outputs: impl Fn(&[Vec<f64>; A]) -> Vec<f64>,
    upstream: &[f32],
    (which, got, every): (usize, &[f32], usize),
) {
    assert_eq!(got.len(), arrays[which].len(), "{what} {which}: gradients");
    let loss = |arrays: &[Vec<f64>; A]| -> f64 {
        outputs(arrays).iter().zip(upstream).map(|(value, &up)| value * f64::from(up)).sum()
    };
    for (i, &got) in got.iter().enumerate().step_by(every) {
        let (mut high, mut low) = (arrays.clone(), arrays.clone());
        high[which][i] += 1e-6;
        low[which][i] -= 1e-6;
        let slope = (loss(&high) - loss(&low)) / 2e-6;
        let near = (slope - f64::from(got)).abs() < 1e-4 * (1.0 + slope.abs());
        assert!(near, "{what} {which} {i}: {slope} and {got}");
    }
}
