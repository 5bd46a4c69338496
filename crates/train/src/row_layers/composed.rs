//! The layers over rows from tensor operations: any device, gradients by Burn.

use burn_tensor::{Device, Int, Tensor, TensorData, activation::relu};
use spiketext_kernels::{RowPooling, SILENT, SpikeTrain, Time};

use super::{ConvolutionLayer, ConvolutionTensors, Rows, TextLayer};
use crate::layers;

/// See [`super::text_convolution`].
pub fn text_convolution(layer: &TextLayer, codes: Tensor<2>, weights: Tensor<2>, bias: Tensor<1>) -> Tensor<2> {
    relu(taps(layer, &codes.matmul(weights)) + bias.unsqueeze::<2>())
}

/// See [`super::spiking_text_convolution`].
pub fn spiking_text_convolution(
    layer: &TextLayer,
    time: Time,
    spikes: &SpikeTrain,
    synapses: Tensor<2>,
    presence: Tensor<1>,
    bias: Tensor<1>,
) -> Tensor<3> {
    taps(layer, &layers::token_products(time, spikes, synapses, presence)) + bias.unsqueeze::<3>()
}

/// See [`super::convolution`].
pub fn convolution<const D: usize>(
    layer: &ConvolutionLayer,
    values: Tensor<D>,
    own: ConvolutionTensors<D>,
) -> Tensor<D> {
    let ConvolutionLayer { rows, width, inputs, outputs, rectified, .. } = layer;
    let mut dims = values.dims();
    let windows: Vec<_> =
        (0..*width).map(|tap| select(values.clone(), &rows.positions.neighbours(*width, tap))).collect();
    let windows = Tensor::cat(windows, D - 1);
    let by_tap =
        own.synapses.reshape([*inputs, *width, *outputs]).swap_dims(0, 1).reshape([width * inputs, *outputs]);
    let all: usize = dims[..D - 1].iter().product();
    dims[D - 1] = *outputs;
    let sum = windows.reshape([all, width * inputs]).matmul(by_tap).reshape(dims);
    let sum = match own.shortcut {
        None => sum,
        Some((around, None)) => sum + around,
        Some((around, Some(gains))) => sum + around * gains.unsqueeze::<D>(),
    };
    let sum = sum + own.bias.unsqueeze::<D>();
    if *rectified { relu(sum) } else { sum }
}

/// See [`super::pool`].
pub fn pool(rows: &Rows, pooling: RowPooling, values: Tensor<2>) -> Tensor<2> {
    let (positions, device) = (&rows.positions, values.device());
    let mut weights = vec![0.0; positions.texts() * positions.len()];
    for b in 0..positions.texts() {
        let own = positions.of_text(b);
        let share = if pooling == RowPooling::Sum { 1.0 } else { 1.0 / own.len() as f32 };
        let first = b * positions.len();
        weights[first + own.start..first + own.end].fill(share);
    }
    let weights = TensorData::new(weights, [positions.texts(), positions.len()]);
    let weights = Tensor::<2>::from_data(weights, &device);
    let weights = if values.is_require_grad() { weights.autodiff() } else { weights };
    let pooled = weights.matmul(values);
    if pooling == RowPooling::Bounded { pooled.clamp_max(1.0) } else { pooled }
}

/// What the taps give each row, `[N, ..., F]`, from the products of the tokens, `[U, ..., (tap, F)]`.
fn taps<const D: usize>(layer: &TextLayer, products: &Tensor<D>) -> Tensor<D> {
    let taps = (0..layer.width).map(|tap| {
        let own = products.clone().narrow(D - 1, tap * layer.filters, layer.filters);
        select(own, &layer.rows.positions.tokens(&layer.rows.batch, tap))
    });
    taps.reduce(|sum, tap| sum + tap).expect("a kernel has taps")
}

/// Rows of `values` `[U, ...]` as each row sees them; nothing where it is [`SILENT`].
fn select<const D: usize>(values: Tensor<D>, seen: &[u32]) -> Tensor<D> {
    let (mut dims, device): ([usize; D], Device) = (values.dims(), values.device());
    let silent = dims[0];
    dims[0] = 1;
    let values = Tensor::cat(vec![values, Tensor::zeros(dims, &device)], 0);
    let index = |&row: &u32| if row == SILENT { silent as i64 } else { i64::from(row) };
    let indices = TensorData::new(seen.iter().map(index).collect::<Vec<i64>>(), [seen.len()]);
    values.select(0, Tensor::<1, Int>::from_data(indices, &device))
}
