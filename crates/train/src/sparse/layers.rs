//! The differentiable layers of a network that learns its words' codes: competition, and spiking neurons over what won.
//!
//! As in [`crate::layers`], each has two bodies with one meaning: a kernel with its hand-written backward pass on the CPU,
//! and [`composed`] of tensor operations on any other device.

use std::sync::Arc;

use burn_tensor::Tensor;
use spiketext_kernels::{
    ConvolutionShape, NeuronParameters, TokenBatch, Workspace,
    code_convolution::CodeConvolution,
    winners::{Margin, Winners},
};

use crate::kernel_operation::{Kernel, apply, tracked};

/// Codes `[U, D]` of 0 and 1 (or -1) from the numbers that compete, `[U, D]`.
#[must_use]
pub fn winners(winners: Winners, values: Tensor<2>) -> Tensor<2> {
    match tracked(values.clone()) {
        Some(tracked) => apply(Competition { winners, shape: values.dims() }, [tracked]),
        None => composed::winners(winners, values),
    }
}

#[derive(Clone, Debug)]
struct Competition {
    winners: Winners,
    shape: [usize; 2],
}

impl Kernel<1> for Competition {
    type Kept = Arc<Vec<Margin>>;

    fn output_shape(&self) -> Vec<usize> {
        self.shape.into()
    }

    fn forward(&self, [values]: [&[f32]; 1]) -> (Vec<f32>, Self::Kept) {
        let (codes, margins) = self.winners.forward(values, self.shape[1]);
        (codes, Arc::new(margins))
    }

    fn backward(&self, [values]: [&[f32]; 1], margins: &Self::Kept, gradient: &[f32], _: [bool; 1]) -> [Vec<f32>; 1] {
        [self.winners.backward(values, margins, gradient, self.shape[1])]
    }
}

/// A text convolution of spiking neurons over a batch, its codes and weights apart.
#[derive(Clone, Debug)]
pub struct CodeLayer {
    /// Kernel widths and channels.
    pub shape: Arc<ConvolutionShape>,
    /// The neurons at every position.
    pub neuron: NeuronParameters,
    /// Time steps T.
    pub steps: usize,
    /// The texts.
    pub batch: Arc<TokenBatch>,
    /// Memory for the kernel.
    pub workspace: Workspace,
}

/// Spikes summed over positions, `[B, T, C]`, from the codes of the distinct tokens.
///
/// # Shapes
/// codes `[U, D]`, weights `[D, M]`, bias `[C]`.
#[must_use]
pub fn code_convolution(layer: &CodeLayer, codes: Tensor<2>, weights: Tensor<2>, bias: Tensor<1>) -> Tensor<3> {
    match (tracked(codes.clone()), tracked(weights.clone()), tracked(bias.clone())) {
        (Some(c), Some(w), Some(b)) => apply(layer.clone(), [c, w, b]),
        _ => composed::code_convolution(layer, codes, weights, bias),
    }
}

impl CodeLayer {
    fn kernel<'a>(&'a self, weights: &'a [f32], bias: &'a [f32]) -> CodeConvolution<'a> {
        let Self { shape, neuron, steps, workspace, .. } = self;
        CodeConvolution { shape, neuron, steps: *steps, weights, bias, workspace }
    }
}

impl Kernel<3> for CodeLayer {
    type Kept = Arc<Vec<f32>>;

    fn output_shape(&self) -> Vec<usize> {
        vec![self.batch.len(), self.steps, self.shape.channels()]
    }

    fn forward(&self, [codes, weights, bias]: [&[f32]; 3]) -> (Vec<f32>, Self::Kept) {
        let (sums, products) = self.kernel(weights, bias).forward(codes, &self.batch);
        (sums, Arc::new(products))
    }

    fn backward(
        &self,
        [codes, weights, bias]: [&[f32]; 3],
        products: &Self::Kept,
        gradient: &[f32],
        [codes_asked, ..]: [bool; 3],
    ) -> [Vec<f32>; 3] {
        let kernel = self.kernel(weights, bias);
        let gradients = kernel.backward(codes, &self.batch, products, gradient, codes_asked);
        [gradients.codes, gradients.weights, gradients.bias]
    }
}

/// The layers from tensor operations: any device, gradients by Burn.
pub mod composed {
    use super::{CodeLayer, Tensor, Winners};
    use crate::layers::composed::{current_at_positions, neuron_step, primitive, with_silent_row};

    /// See [`super::winners`]. Equals may win together here.
    #[must_use]
    pub fn winners(winners: Winners, values: Tensor<2>) -> Tensor<2> {
        let [_, dimension] = values.dims();
        let sizes = if winners.signed { values.clone().abs() } else { values.clone() };
        let fixed = sizes.clone().detach();
        let (variance, _) = fixed.clone().var_mean_bias(1);
        let scale = variance.sqrt();
        let k = winners.active.clamp(1, dimension);
        let ordered = fixed.sort_descending(1);
        let last = ordered.clone().narrow(1, k - 1, 1);
        let loser = if k == dimension { last.clone() } else { ordered.narrow(1, k, 1) };
        let threshold = (last.clone() + loser) * 0.5;
        let won = sizes.clone().detach().greater_equal(last.repeat_dim(1, dimension)).float();
        let distance = (sizes - threshold) / scale;
        let smooth = primitive(winners.surrogate, distance);
        let code = won + (smooth.clone() - smooth.detach());
        if winners.signed { code * values.detach().sign() } else { code }
    }

    /// See [`super::code_convolution`].
    #[must_use]
    pub fn code_convolution(layer: &CodeLayer, codes: Tensor<2>, weights: Tensor<2>, bias: Tensor<1>) -> Tensor<3> {
        let device = codes.device();
        let products = with_silent_row(codes.matmul(weights));
        let texts = (0..layer.batch.len()).map(|b| {
            let widths = (0..layer.shape.widths.len()).map(|w| {
                let current = current_at_positions(&layer.shape, &layer.batch, b, w, &products, &bias, &device);
                let threshold = current.zeros_like() + layer.neuron.threshold;
                let mut state = None;
                let steps = (0..layer.steps).map(|_| {
                    let (threshold, scale) = (threshold.clone(), current.ones_like());
                    let (spikes, next) = neuron_step(&layer.neuron, threshold, scale, state.take(), current.clone());
                    state = Some(next);
                    spikes.sum_dim(0)
                });
                Tensor::cat(steps.collect(), 0)
            });
            Tensor::cat(widths.collect(), 1).unsqueeze::<3>()
        });
        Tensor::cat(texts.collect(), 0)
    }
}
