//! The differentiable layers: text convolution, spiking text convolution and neurons over time.
//!
//! Each layer has two bodies with one meaning: the fast kernel with its hand-written backward pass on the CPU, and a
//! composition of tensor operations that runs on any Burn device and is differentiated by Burn. Tests hold the two to
//! the same numbers and gradients.

use std::sync::Arc;

use burn_tensor::{Device, Int, Tensor, TensorData};
use spiketext_kernels::{
    ConvolutionShape, Drive, NeuronParameters, Reset, SILENT, SpikeTrain, Surrogate, Time, TokenBatch, Workspace,
    drive,
    matrix::{Matrix, shared_product_by_rows},
    neuron_scan,
    spiking_convolution::{self, PackedWeights, Patterns, SpikingConvolution},
    text_convolution::{self, Pooling},
};

use crate::kernel_operation::{Kernel, apply, tracked};

/// Pooled features `[B, C]` of a batch from the codes of its distinct tokens `[U, D]` (equations 2 and 5). `workspace` is
/// memory for the kernel.
///
/// # Shapes
/// codes `[U, D]`, weights `[D, M]`, bias `[C]`.
pub fn text_convolution(
    shape: &Arc<ConvolutionShape>,
    pooling: Pooling,
    batch: &Arc<TokenBatch>,
    codes: Tensor<2>,
    weights: Tensor<2>,
    bias: Tensor<1>,
    workspace: &Workspace,
) -> Tensor<2> {
    match (tracked(codes.clone()), tracked(weights.clone()), tracked(bias.clone())) {
        (Some(c), Some(w), Some(b)) => {
            let (shape, batch, workspace) = (shape.clone(), batch.clone(), workspace.clone());
            let kernel = TextConvolution { shape, pooling, batch, workspace };
            apply(kernel, [c, w, b])
        }
        _ => composed::text_convolution(shape, pooling, batch, codes, weights, bias),
    }
}

/// Convolution spikes summed over positions, `[B, T, C]`, from the spikes of the distinct tokens.
///
/// # Shapes
/// spikes `[U T, D]`, synapses `[D, M]`, presence `[M]`, bias `[C]`.
pub fn spiking_convolution(
    layer: &SpikingLayer,
    synapses: Tensor<2>,
    presence: Tensor<1>,
    bias: Tensor<1>,
) -> Tensor<3> {
    match (tracked(synapses.clone()), tracked(presence.clone()), tracked(bias.clone())) {
        (Some(s), Some(p), Some(b)) => apply(layer.clone(), [s, p, b]),
        _ => composed::spiking_convolution(layer, synapses, presence, bias),
    }
}

/// What the distinct tokens put into the kernels at each step, `[U, T, M]`.
pub fn token_products(time: Time, spikes: &SpikeTrain, synapses: Tensor<2>, presence: Tensor<1>) -> Tensor<3> {
    let device = synapses.device();
    let (rows, dimension) = (spikes.rows(), spikes.dimension());
    let mut numbers = vec![0.0; rows * dimension];
    spikes.expand(0, &mut numbers);
    let numbers = Tensor::<2>::from_data(TensorData::new(numbers, [rows, dimension]), &device);
    let numbers = if synapses.is_require_grad() { numbers.autodiff() } else { numbers };
    let products = numbers.matmul(synapses) + presence.unsqueeze::<2>();
    let [_, columns] = products.dims();
    let (tokens, a_token) = (rows / time.rows(), time.rows());
    let gain = |row: usize| match time.drive {
        Drive::Spikes | Drive::Phases => time.drive.gains()[row % drive::PHASES],
        Drive::Current => drive::share(row),
    };
    let gains: Vec<f32> = (0..a_token).map(gain).collect();
    let gains = Tensor::<3>::from_data(TensorData::new(gains, [1, a_token, 1]), &device);
    let products = products.reshape([tokens, a_token, columns]) * gains.autodiff();
    match time.drive {
        Drive::Spikes | Drive::Phases => products,
        Drive::Current => products.sum_dim(1).repeat_dim(1, time.steps),
    }
}

/// Spikes `[B, T, C]` of a layer of neurons from its currents `[B, T, C]` (equation 4).
pub fn neurons(layer: &NeuronLayer, currents: Tensor<3>) -> Tensor<3> {
    match tracked(currents.clone()) {
        Some(currents) => apply(layer.clone(), [currents]),
        None => composed::neurons(layer, currents),
    }
}

/// Values `[B, T, C]` or `[B, C]`, those of all steps times the factors of their text, `[B, C]`.
pub fn scale<const D: usize>(values: Tensor<D>, factors: Vec<f32>) -> Tensor<D> {
    match tracked(values.clone()) {
        Some(tracked) => apply(Scale { shape: values.dims().into(), factors: factors.into() }, [tracked]),
        None => composed::scale(values, factors),
    }
}

#[derive(Debug, Clone)]
struct Scale {
    shape: Vec<usize>,
    factors: Arc<[f32]>,
}

impl Scale {
    fn times(&self, values: &[f32]) -> Vec<f32> {
        let mut scaled = values.to_vec();
        let (steps, channels) =
            (self.shape[1..self.shape.len() - 1].iter().product(), self.shape[self.shape.len() - 1]);
        multiply(&mut scaled, &self.factors, steps, channels);
        scaled
    }
}

impl Kernel<1> for Scale {
    type Kept = ();

    fn output_shape(&self) -> Vec<usize> {
        self.shape.clone()
    }

    fn forward(&self, [values]: [&[f32]; 1]) -> (Vec<f32>, ()) {
        (self.times(values), ())
    }

    fn backward(&self, _: [&[f32]; 1], (): &(), gradient: &[f32], _: [bool; 1]) -> [Vec<f32>; 1] {
        [self.times(gradient)]
    }
}

/// Outputs `[R, O]` of a dense layer from values `[R, I]`: `values weights + bias`.
///
/// # Shapes
/// weights `[I, O]`, bias `[O]`.
pub fn dense(values: Tensor<2>, weights: Tensor<2>, bias: Tensor<1>) -> Tensor<2> {
    let ([rows, inputs], [_, outputs]) = (values.dims(), weights.dims());
    match (tracked(values.clone()), tracked(weights.clone()), tracked(bias.clone())) {
        (Some(v), Some(w), Some(b)) => apply(Dense { rows, inputs, outputs }, [v, w, b]),
        _ => composed::dense(values, weights, bias),
    }
}

#[derive(Debug, Clone)]
struct Dense {
    rows: usize,
    inputs: usize,
    outputs: usize,
}

impl Kernel<3> for Dense {
    type Kept = ();

    fn output_shape(&self) -> Vec<usize> {
        vec![self.rows, self.outputs]
    }

    fn forward(&self, [values, weights, bias]: [&[f32]; 3]) -> (Vec<f32>, ()) {
        let Self { rows, inputs, outputs } = *self;
        let mut out = vec![0.0; rows * outputs];
        let (values, weights) = (Matrix::new(values, rows, inputs), Matrix::new(weights, inputs, outputs));
        shared_product_by_rows(values, weights, &mut out);
        for row in out.chunks_exact_mut(outputs.max(1)) {
            row.iter_mut().zip(bias).for_each(|(sum, bias)| *sum += bias);
        }
        (out, ())
    }

    fn backward(
        &self,
        [values, weights, _]: [&[f32]; 3],
        (): &(),
        gradient: &[f32],
        [values_asked, ..]: [bool; 3],
    ) -> [Vec<f32>; 3] {
        let Self { rows, inputs, outputs } = *self;
        let mut d_values = vec![0.0; if values_asked { values.len() } else { 0 }];
        let (mut d_weights, mut d_bias) = (vec![0.0; weights.len()], vec![0.0; outputs]);
        for row in gradient.chunks_exact(outputs.max(1)) {
            d_bias.iter_mut().zip(row).for_each(|(sum, gradient)| *sum += gradient);
        }
        let (values, weights) = (Matrix::new(values, rows, inputs), Matrix::new(weights, inputs, outputs));
        let gradient = Matrix::new(gradient, rows, outputs);
        if values_asked {
            shared_product_by_rows(gradient, weights.transposed(), &mut d_values);
        }
        shared_product_by_rows(values.transposed(), gradient, &mut d_weights);
        [d_values, d_weights, d_bias]
    }
}

#[derive(Debug, Clone)]
struct TextConvolution {
    shape: Arc<ConvolutionShape>,
    pooling: Pooling,
    batch: Arc<TokenBatch>,
    workspace: Workspace,
}

impl TextConvolution {
    fn kernel<'a>(&'a self, weights: &'a [f32], bias: &'a [f32]) -> text_convolution::TextConvolution<'a> {
        let (shape, pooling, workspace) = (&*self.shape, self.pooling, &self.workspace);
        text_convolution::TextConvolution { shape, pooling, weights, bias, workspace }
    }
}

impl Kernel<3> for TextConvolution {
    type Kept = Arc<text_convolution::TokenProducts>;

    fn output_shape(&self) -> Vec<usize> {
        vec![self.batch.len(), self.shape.channels()]
    }

    fn forward(&self, [codes, weights, bias]: [&[f32]; 3]) -> (Vec<f32>, Self::Kept) {
        let (pooled, products) = self.kernel(weights, bias).forward(codes, &self.batch);
        (pooled, Arc::new(products))
    }

    fn backward(
        &self,
        [codes, weights, bias]: [&[f32]; 3],
        kept: &Self::Kept,
        gradient: &[f32],
        [codes_asked, ..]: [bool; 3],
    ) -> [Vec<f32>; 3] {
        let gradients = self.kernel(weights, bias).backward(codes, &self.batch, kept, gradient, codes_asked);
        [gradients.codes, gradients.weights, gradients.bias]
    }
}

/// One batch through the spiking convolution: everything but the weights.
#[derive(Debug, Clone)]
pub struct SpikingLayer {
    /// Kernel widths and channels.
    pub shape: Arc<ConvolutionShape>,
    /// The neurons at every position.
    pub neuron: NeuronParameters,
    /// Time steps T, and what drives them.
    pub time: Time,
    /// Spikes of the distinct tokens, `[U T, D]`, or what else the drive says.
    pub spikes: Arc<SpikeTrain>,
    /// Their patterns, if they were made before.
    pub patterns: Option<Arc<Patterns>>,
    /// The synapses rounded and packed, with the presence currents; if there are any, the kernel does not look at the numbers
    /// of the synapses. On other devices than the CPU there are none.
    pub packed: Option<Arc<PackedWeights>>,
    /// The texts.
    pub batch: Arc<TokenBatch>,
    /// Memory for the kernel.
    pub workspace: Workspace,
}

impl SpikingLayer {
    fn kernel<'a>(&'a self, [synapses, presence, bias]: [&'a [f32]; 3]) -> SpikingConvolution<'a> {
        let weights = spiking_convolution::Weights { synapses, presence, bias, packed: self.packed.as_deref() };
        let (shape, neuron, workspace) = (&*self.shape, &self.neuron, &self.workspace);
        SpikingConvolution { shape, neuron, time: self.time, weights, workspace }
    }

    fn inputs(&self) -> spiking_convolution::Inputs<'_> {
        spiking_convolution::Inputs { spikes: &self.spikes, patterns: self.patterns.as_deref() }
    }
}

impl Kernel<3> for SpikingLayer {
    type Kept = Arc<spiking_convolution::SavedForward>;

    fn output_shape(&self) -> Vec<usize> {
        vec![self.batch.len(), self.time.steps, self.shape.channels()]
    }

    fn forward(&self, inputs: [&[f32]; 3]) -> (Vec<f32>, Self::Kept) {
        let (counts, saved) = self.kernel(inputs).forward_for_training(self.inputs(), &self.batch);
        (counts, Arc::new(saved))
    }

    fn backward(&self, inputs: [&[f32]; 3], kept: &Self::Kept, gradient: &[f32], _: [bool; 3]) -> [Vec<f32>; 3] {
        let gradients = self.kernel(inputs).backward(self.inputs(), &self.batch, kept, gradient);
        [gradients.synapses, gradients.presence, gradients.bias]
    }
}

/// A layer of neurons over all steps of a batch.
#[derive(Debug, Clone)]
pub struct NeuronLayer {
    /// The neurons; their threshold is not used, `thresholds` is.
    pub neuron: NeuronParameters,
    /// Texts B.
    pub texts: usize,
    /// Time steps T.
    pub steps: usize,
    /// Neurons C.
    pub channels: usize,
    /// Thresholds, `[B, C]`.
    pub thresholds: Arc<Vec<f32>>,
    /// Units of the surrogate, `[B, C]`.
    pub scales: Arc<Vec<f32>>,
    /// What the spikes of all steps are multiplied by, `[B, C]` (dropout).
    pub factors: Option<Arc<Vec<f32>>>,
}

impl NeuronLayer {
    fn thresholds(&self) -> neuron_scan::Thresholds<'_> {
        neuron_scan::Thresholds { values: &self.thresholds, scales: &self.scales }
    }

    /// Multiplies `[B, T, C]` by the factors, if there are any.
    fn multiply(&self, values: &mut [f32]) {
        if let Some(factors) = &self.factors {
            multiply(values, factors, self.steps, self.channels);
        }
    }
}

/// Multiplies values `[B, T, C]` by factors `[B, C]`.
fn multiply(values: &mut [f32], factors: &[f32], steps: usize, channels: usize) {
    let texts = values.chunks_exact_mut((steps * channels).max(1));
    for (text, factors) in texts.zip(factors.chunks_exact(channels.max(1))) {
        for step in text.chunks_exact_mut(channels) {
            step.iter_mut().zip(factors).for_each(|(value, factor)| *value *= factor);
        }
    }
}

impl Kernel<1> for NeuronLayer {
    type Kept = ();

    fn output_shape(&self) -> Vec<usize> {
        vec![self.texts, self.steps, self.channels]
    }

    fn forward(&self, [currents]: [&[f32]; 1]) -> (Vec<f32>, ()) {
        let mut spikes = neuron_scan::forward(&self.neuron, self.steps, self.channels, self.thresholds(), currents);
        self.multiply(&mut spikes);
        (spikes, ())
    }

    fn backward(&self, [currents]: [&[f32]; 1], (): &(), gradient: &[f32], _: [bool; 1]) -> [Vec<f32>; 1] {
        let mut d_spikes = std::borrow::Cow::Borrowed(gradient);
        if self.factors.is_some() {
            self.multiply(d_spikes.to_mut());
        }
        [neuron_scan::backward(&self.neuron, self.steps, self.channels, self.thresholds(), currents, &d_spikes)]
    }
}

/// The same layers from tensor operations: any device, gradients by Burn.
pub mod composed {
    use super::{
        Arc, ConvolutionShape, Device, Int, NeuronLayer, NeuronParameters, Pooling, Reset, SILENT, SpikingLayer,
        Surrogate, Tensor, TensorData, TokenBatch,
    };

    /// See [`super::text_convolution()`].
    pub fn text_convolution(
        shape: &ConvolutionShape,
        pooling: Pooling,
        batch: &Arc<TokenBatch>,
        codes: Tensor<2>,
        weights: Tensor<2>,
        bias: Tensor<1>,
    ) -> Tensor<2> {
        let device = codes.device();
        let products = with_silent_row(codes.matmul(weights));
        let mut texts = Vec::new();
        for b in 0..batch.len() {
            let mut widths = Vec::new();
            for (width_index, &width) in shape.widths.iter().enumerate() {
                let c = current_at_positions(shape, batch, b, width_index, &products, &bias, &device);
                let c = burn_tensor::activation::relu(c);
                widths.push(match pooling {
                    Pooling::Average => c.sum_dim(0) / batch.positions(b, width) as f32,
                    Pooling::Bounded => (c.sum_dim(0) / batch.positions(b, width) as f32).clamp_max(1.0),
                    Pooling::Maximum => c.max_dim(0),
                });
            }
            texts.push(Tensor::cat(widths, 1));
        }
        Tensor::cat(texts, 0)
    }

    /// See [`super::spiking_convolution()`].
    pub fn spiking_convolution(
        layer: &SpikingLayer,
        synapses: Tensor<2>,
        presence: Tensor<1>,
        bias: Tensor<1>,
    ) -> Tensor<3> {
        let device = synapses.device();
        let products = super::token_products(layer.time, &layer.spikes, synapses, presence);
        let [tokens, _, _] = products.dims();
        let texts = (0..layer.batch.len()).map(|b| {
            let mut states: Vec<Option<Tensor<2>>> = vec![None; layer.shape.widths.len()];
            let steps = (0..layer.time.steps).map(|t| {
                let now = with_silent_row(products.clone().slice([0..tokens, t..t + 1]).squeeze_dim(1));
                let widths = (0..layer.shape.widths.len()).map(|w| {
                    let current = current_at_positions(&layer.shape, &layer.batch, b, w, &now, &bias, &device);
                    let threshold = current.zeros_like() + layer.neuron.threshold;
                    let scale = current.ones_like();
                    let (spikes, state) = neuron_step(&layer.neuron, threshold, scale, states[w].take(), current);
                    states[w] = Some(state);
                    spikes.sum_dim(0)
                });
                Tensor::cat(widths.collect(), 1)
            });
            Tensor::cat(steps.collect(), 0).unsqueeze::<3>()
        });
        Tensor::cat(texts.collect(), 0)
    }

    /// See [`super::neurons`].
    pub fn neurons(layer: &NeuronLayer, currents: Tensor<3>) -> Tensor<3> {
        let device = currents.device();
        let [texts, steps, channels] = currents.dims();
        let fixed =
            |values: &[f32]| Tensor::<2>::from_data(TensorData::new(values.to_vec(), [texts, channels]), &device);
        let (threshold, scale) = (fixed(&layer.thresholds), fixed(&layer.scales));
        let mut state = None;
        let spikes = (0..steps).map(|t| {
            let current = currents.clone().slice([0..texts, t..t + 1]).squeeze_dim(1);
            let (spikes, next) = neuron_step(&layer.neuron, threshold.clone(), scale.clone(), state.take(), current);
            state = Some(next);
            spikes.unsqueeze_dim::<3>(1)
        });
        let spikes = Tensor::cat(spikes.collect(), 1);
        match &layer.factors {
            Some(factors) => spikes * fixed(factors).unsqueeze_dim::<3>(1),
            None => spikes,
        }
    }

    /// See [`super::dense`].
    pub fn dense(values: Tensor<2>, weights: Tensor<2>, bias: Tensor<1>) -> Tensor<2> {
        values.matmul(weights) + bias.unsqueeze::<2>()
    }

    /// See [`super::scale`].
    pub fn scale<const D: usize>(values: Tensor<D>, factors: Vec<f32>) -> Tensor<D> {
        let mut shape = values.dims();
        shape[1..D - 1].fill(1);
        let factors = Tensor::<D>::from_data(TensorData::new(factors, shape), &values.device());
        values.clone() * if values.is_require_grad() { factors.autodiff() } else { factors }
    }

    /// Token products with a last row of zeros for silent tokens.
    pub(crate) fn with_silent_row(products: Tensor<2>) -> Tensor<2> {
        let [_, columns] = products.dims();
        let zeros = Tensor::zeros([1, columns], &products.device());
        Tensor::cat(vec![products, zeros], 0)
    }

    /// Pre-activations `[P, F]` of one text and width.
    pub(crate) fn current_at_positions(
        shape: &ConvolutionShape,
        batch: &TokenBatch,
        b: usize,
        width_index: usize,
        products: &Tensor<2>,
        bias: &Tensor<1>,
        device: &Device,
    ) -> Tensor<2> {
        let width = shape.widths[width_index];
        let (text, positions) = (batch.text(b), batch.positions(b, width));
        let [rows, _] = products.dims();
        let channel = width_index * shape.filters;
        let bias = bias.clone().narrow(0, channel, shape.filters).unsqueeze::<2>();
        let mut sum = bias.repeat_dim(0, positions);
        for tap in 0..width {
            let taps: Vec<i64> = (0..positions)
                .map(|p| match text.get(p + tap) {
                    Some(&row) if row != SILENT => i64::from(row),
                    _ => rows as i64 - 1,
                })
                .collect();
            let taps = Tensor::<1, Int>::from_data(TensorData::new(taps, [positions]), device);
            let column = shape.first_product(width_index) + tap * shape.filters;
            let lanes = products.clone().slice([0..rows, column..column + shape.filters]);
            sum = sum + lanes.select(0, taps);
        }
        sum
    }

    /// One step of equation (4) on tensors: spikes and the membrane after the reset.
    pub(crate) fn neuron_step(
        neuron: &NeuronParameters,
        threshold: Tensor<2>,
        scale: Tensor<2>,
        membrane: Option<Tensor<2>>,
        current: Tensor<2>,
    ) -> (Tensor<2>, Tensor<2>) {
        let membrane = membrane.unwrap_or_else(|| threshold.clone() * neuron.initial);
        let charged = membrane * neuron.beta + current;
        let distance = charged.clone() - threshold.clone();
        let step = distance.clone().detach().greater_scalar(0.0).float();
        // The step forward, the surrogate's primitive backward.
        let smooth = primitive(neuron.surrogate, distance / scale);
        let spikes = step.clone() + (smooth.clone() - smooth.detach());
        let reset = if neuron.detach_reset { step } else { spikes.clone() };
        let membrane = match neuron.reset {
            Reset::Soft => charged - threshold * reset,
            Reset::Hard => charged.clone() - charged * reset,
        };
        (spikes, membrane)
    }

    /// A function of `x` whose derivative is the surrogate.
    pub(crate) fn primitive(surrogate: Surrogate, x: Tensor<2>) -> Tensor<2> {
        match surrogate {
            Surrogate::FastSigmoid { slope } => x.clone() / (x.abs() * slope + 1.0),
            Surrogate::Arctangent { alpha } => {
                (x * (alpha * std::f32::consts::FRAC_PI_2)).atan() * std::f32::consts::FRAC_1_PI
            }
            Surrogate::Triangle { slope } => {
                // No factor of `sign(x)`, which would lose the derivative of a membrane exactly on its threshold.
                let reach = x.clamp(-1.0 / slope, 1.0 / slope);
                reach.clone() - reach.clone() * reach.abs() * (0.5 * slope)
            }
        }
    }
}
