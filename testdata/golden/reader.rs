//! Reads the golden files and compares with them; part of the tests of `crates/kernels` and `crates/train`.

// Each test uses its own part of this.
#![allow(dead_code)]

use serde_json::Value;
use spiketext_kernels::ConvolutionShape;

/// What a number may differ by: `absolute + relative |expected|`.
#[derive(Clone, Copy)]
pub struct Tolerance {
    pub absolute: f64,
    pub relative: f64,
}

/// Losses: a mean of a few logarithms near 1, so a few roundings of 6e-8; the script's figure for the paper network.
pub const LOSS: Tolerance = Tolerance { absolute: 1e-6, relative: 1e-6 };

/// Gradients through the paper's network: up to 252 summands of mixed sign (12 steps, 3 texts, 7 positions) behind a
/// surrogate that falls to 1e-3; the script's figure for PyTorch's float32 against float64.
pub const SPIKING_GRADIENT: Tolerance = Tolerance { absolute: 1e-7, relative: 1e-4 };

/// Features, logits and gradients of the text CNN, all of order 1: sums of at most 50 products, each with a rounding
/// of 6e-8. No relative part: nothing in the file is large.
pub const TEXT_CNN: Tolerance = Tolerance { absolute: 1e-6, relative: 0.0 };

/// Reads a golden file. A missing one is a failure, never a skipped test.
pub fn golden(name: &str) -> Value {
    let path = format!("{}/../../testdata/golden/{name}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("golden file {path}: {error}; reference/make_goldens.py makes it"));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("golden file {path}: {error}"))
}

/// A nested array of numbers as one row-major slice.
pub fn values(value: &Value) -> Vec<f32> {
    match value {
        Value::Array(items) => items.iter().flat_map(values).collect(),
        Value::Number(number) => vec![number.as_f64().expect("a finite number") as f32],
        other => panic!("golden file: numbers expected, got {other}"),
    }
}

/// A single number.
pub fn number(value: &Value) -> f32 {
    values(value)[0]
}

/// As [`values`], whole.
pub fn integers(value: &Value) -> Vec<usize> {
    values(value).into_iter().map(|number| number as usize).collect()
}

/// Compares element by element, and names the worst one.
pub fn assert_close<F: Copy + Into<f64>>(what: &str, got: &[F], want: &[f32], tolerance: Tolerance) {
    assert_eq!(got.len(), want.len(), "{what}: lengths");
    let excess = |i: usize| {
        let (got, want): (f64, f64) = (got[i].into(), want[i].into());
        (got - want).abs() / (tolerance.absolute + tolerance.relative * want.abs())
    };
    let worst = (0..want.len()).max_by(|&i, &j| excess(i).total_cmp(&excess(j)));
    if let Some(i) = worst {
        let share = excess(i);
        assert!(share <= 1.0, "{what}[{i}]: {} instead of {}, {share:.2} x the tolerance", got[i].into(), want[i]);
    }
}

/// Exchanges the first two of three axes: `[first, second, inner]` to `[second, first, inner]`.
pub fn exchange(values: &[f32], first: usize, second: usize, inner: usize) -> Vec<f32> {
    assert_eq!(values.len(), first * second * inner);
    let mut out = Vec::with_capacity(values.len());
    for j in 0..second {
        for i in 0..first {
            out.extend_from_slice(&values[(i * second + j) * inner..][..inner]);
        }
    }
    out
}

/// PyTorch's kernels, for each width `[F, width, D]`, as our `[D, M]` with columns (width, tap, filter).
pub fn to_columns(shape: &ConvolutionShape, kernels: &Value) -> Vec<f32> {
    let mut columns = vec![0.0; shape.dimension * shape.products()];
    for (width_index, &width) in shape.widths.iter().enumerate() {
        let kernel = values(&kernels[width_index]);
        assert_eq!(kernel.len(), shape.filters * width * shape.dimension, "kernel of width {width}");
        for (i, value) in kernel.into_iter().enumerate() {
            let (filter, tap, d) = (i / shape.dimension / width, i / shape.dimension % width, i % shape.dimension);
            let column = shape.first_product(width_index) + tap * shape.filters + filter;
            columns[d * shape.products() + column] = value;
        }
    }
    columns
}
