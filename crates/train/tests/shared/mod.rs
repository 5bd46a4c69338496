//! What the tests of layers share: numbers, leaves of a graph, and the gradients that reach them.

use burn_tensor::{Device, Gradients, Tensor, TensorData};
use spiketext_kernels::{SILENT, TokenBatch};
use spiketext_train::optimiser::numbers;

/// What two f32 sums of the same terms in another order may differ by, as a share of the largest number of the array:
/// the longest sums here have a few hundred terms of mixed sign, each with a rounding of 6e-8; surrogates add a few
/// roundings of their own.
const ANOTHER_ORDER: f32 = 1e-5;

/// Rows that [`batch`] names.
pub const TOKENS: usize = 5;

/// A fixed sequence of 24-bit numbers.
pub fn sequence(seed: u64) -> impl FnMut() -> u32 {
    let mut state = seed;
    move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as u32
    }
}

/// `count` numbers in [-1, 1) without a grid, so that no two pre-activations tie for a maximum.
pub fn numbers_of(count: usize, seed: u64) -> Vec<f32> {
    let mut next = sequence(seed);
    (0..count).map(|_| next() as f32 / (1 << 23) as f32 - 1.0).collect()
}

pub fn leaf<const D: usize>(values: &[f32], shape: [usize; D]) -> Tensor<D> {
    Tensor::<D>::from_data(TensorData::new(values.to_vec(), shape), &Device::flex()).autodiff().require_grad()
}

pub fn gradient<const D: usize>(leaf: &Tensor<D>, gradients: &Gradients) -> Vec<f32> {
    numbers(&leaf.grad(gradients).expect("the output depends on every input"))
}

/// The output of a layer and the gradients of its inputs, for the loss `sum of output x upstream`.
pub fn through<G, const O: usize>(
    output: Tensor<O>,
    upstream: &[f32],
    gradients_of: impl Fn(&Gradients) -> G,
) -> (Vec<f32>, G) {
    let values = numbers(&output);
    assert_eq!(values.len(), upstream.len(), "the output has the length of its gradient");
    let upstream = Tensor::<O>::from_data(TensorData::new(upstream.to_vec(), output.dims()), &Device::flex());
    let gradients = (output * upstream.autodiff()).sum().backward();
    (values, gradients_of(&gradients))
}

pub fn assert_close(what: &str, fast: &[f32], slow: &[f32]) {
    assert_eq!(fast.len(), slow.len(), "{what}: lengths");
    assert!(fast.iter().chain(slow).all(|value| value.is_finite()), "{what}: not finite");
    let size = slow.iter().fold(0.0f32, |most, value| most.max(value.abs()));
    for (i, (fast, slow)) in fast.iter().zip(slow).enumerate() {
        assert!((fast - slow).abs() <= ANOTHER_ORDER * size, "{what}[{i}]: {fast} and {slow}, the largest {size}");
    }
}

/// Texts over five rows: longer and shorter than every kernel, empty, with silent tokens inside and alone.
pub fn batch(padded_length: usize) -> TokenBatch {
    let mut batch = TokenBatch::new(padded_length);
    batch.push([0, 1, 2, 3, 1, 4, 0, 0, 2]);
    batch.push([2]);
    batch.push([]);
    batch.push([SILENT, 3, SILENT, 3, 4]);
    batch.push([SILENT]);
    batch.push([4, 1, 0]);
    batch
}
