//! The differentiable layers over rows of positions: the text convolution where others come after it, convolutions
//! over positions, and the pooling of rows; for the real-valued network (T = 1, with rectifiers) and the spiking one
//! (before its neurons).
//!
//! As in [`crate::layers`], each has two bodies with one meaning: a kernel with its hand-written backward pass on the
//! CPU, and the same [`composed`] of tensor operations on any other device.

use std::sync::Arc;

use burn_tensor::Tensor;
use spiketext_kernels::{
    Drive, PositionRows, RowPooling, SpikeTrain, Time, TokenBatch, Workspace,
    drive::{PHASES, share},
    row_convolution::{RowConvolution, SavedWindows, Shortcut},
    text_rows::TextRows,
};

use crate::kernel_operation::{Kernel, Tracked, apply, tracked};

pub mod composed;

/// The rows of a batch, and the memory of its kernels.
#[derive(Clone, Debug)]
pub struct Rows {
    /// The texts.
    pub batch: Arc<TokenBatch>,
    /// Their positions under the kernel of the text convolution.
    pub positions: Arc<PositionRows>,
    /// Memory for the kernels.
    pub workspace: Workspace,
}

impl Rows {
    /// Of a batch under a kernel of `width`.
    #[must_use]
    pub fn of(batch: &Arc<TokenBatch>, width: usize, workspace: &Workspace) -> Self {
        let positions = Arc::new(PositionRows::of(batch, width));
        Self { batch: batch.clone(), positions, workspace: workspace.clone() }
    }
}

/// A text convolution of one width over the rows of a batch.
#[derive(Clone, Debug)]
pub struct TextLayer {
    /// The rows.
    pub rows: Rows,
    /// Kernel width w in tokens.
    pub width: usize,
    /// Channels F.
    pub filters: usize,
}

impl TextLayer {
    /// The kernel of a real-valued network.
    fn kernel<'a>(&'a self, weights: &'a [f32], bias: &'a [f32]) -> TextRows<'a> {
        let Self { rows: Rows { batch, positions, workspace }, width, filters } = self;
        TextRows {
            batch,
            rows: positions,
            width: *width,
            filters: *filters,
            dimension: weights.len() / (width * filters).max(1),
            steps: 1,
            gains: &[1.0],
            weights,
            presence: &[],
            bias,
            rectified: true,
            workspace,
        }
    }
}

/// Rectified outputs `[N, F]` of a text convolution, from the codes of the distinct tokens.
///
/// # Shapes
/// codes `[U, D]`, weights `[D, (tap, F)]`, bias `[F]`.
pub fn text_convolution(layer: &TextLayer, codes: Tensor<2>, weights: Tensor<2>, bias: Tensor<1>) -> Tensor<2> {
    match (tracked(codes.clone()), tracked(weights.clone()), tracked(bias.clone())) {
        (Some(c), Some(w), Some(b)) => apply(layer.clone(), [c, w, b]),
        _ => composed::text_convolution(layer, codes, weights, bias),
    }
}

impl Kernel<3> for TextLayer {
    type Kept = Arc<Vec<bool>>;

    fn output_shape(&self) -> Vec<usize> {
        vec![self.rows.positions.len(), self.filters]
    }

    fn forward(&self, [codes, weights, bias]: [&[f32]; 3]) -> (Vec<f32>, Self::Kept) {
        let (out, open) = self.kernel(weights, bias).forward(codes);
        (out, Arc::new(open))
    }

    fn backward(
        &self,
        [codes, weights, bias]: [&[f32]; 3],
        open: &Self::Kept,
        gradient: &[f32],
        [codes_asked, ..]: [bool; 3],
    ) -> [Vec<f32>; 3] {
        let gradients = self.kernel(weights, bias).backward(codes, open, gradient, codes_asked);
        [gradients.numbers, gradients.weights, gradients.bias]
    }
}

/// Currents `[N, T, F]` of a text convolution, from the spikes of the distinct tokens.
///
/// # Shapes
/// spikes `[U T, D]`, synapses `[D, (tap, F)]`, presence `[(tap, F)]`, bias `[F]`.
pub fn spiking_text_convolution(
    layer: &TextLayer,
    time: Time,
    spikes: &SpikeTrain,
    synapses: Tensor<2>,
    presence: Tensor<1>,
    bias: Tensor<1>,
) -> Tensor<3> {
    match (tracked(synapses.clone()), tracked(presence.clone()), tracked(bias.clone())) {
        (Some(s), Some(p), Some(b)) => {
            let (numbers, gains) = driving_numbers(time, spikes);
            let steps = time.steps;
            apply(SpikingTextLayer { layer: layer.clone(), steps, numbers: numbers.into(), gains }, [s, p, b])
        }
        _ => composed::spiking_text_convolution(layer, time, spikes, synapses, presence, bias),
    }
}

/// Spikes as the numbers `[U, R, D]` that drive the steps, and what their presence currents are multiplied by, `[R]`.
/// The bit planes of a current are one row of numbers. All factors are powers of two, so nothing is rounded here.
fn driving_numbers(time: Time, spikes: &SpikeTrain) -> (Vec<f32>, Vec<f32>) {
    let (rows, dimension) = (spikes.rows(), spikes.dimension());
    let mut numbers = vec![0.0; rows * dimension];
    spikes.expand(0, &mut numbers);
    match time.drive {
        Drive::Spikes => (numbers, vec![1.0; time.steps]),
        Drive::Phases => {
            let gains: Vec<f32> = (0..time.steps).map(|step| time.drive.gains()[step % PHASES]).collect();
            for (row, gain) in numbers.chunks_exact_mut(dimension).zip(gains.iter().cycle()) {
                row.iter_mut().for_each(|number| *number *= gain);
            }
            (numbers, gains)
        }
        Drive::Current => {
            let mut sums = vec![0.0; rows / time.rows() * dimension];
            for (sum, planes) in sums.chunks_exact_mut(dimension).zip(numbers.chunks_exact(PHASES * dimension)) {
                for (plane, row) in planes.chunks_exact(dimension).enumerate() {
                    sum.iter_mut().zip(row).for_each(|(sum, bit)| *sum += share(plane) * bit);
                }
            }
            (sums, vec![(0..PHASES).map(share).sum()])
        }
    }
}

#[derive(Clone, Debug)]
struct SpikingTextLayer {
    layer: TextLayer,
    steps: usize,
    numbers: Arc<[f32]>,
    gains: Vec<f32>,
}

impl SpikingTextLayer {
    fn kernel<'a>(&'a self, [synapses, presence, bias]: [&'a [f32]; 3]) -> TextRows<'a> {
        let (steps, gains) = (self.steps, &self.gains);
        TextRows { steps, gains, presence, rectified: false, ..self.layer.kernel(synapses, bias) }
    }
}

impl Kernel<3> for SpikingTextLayer {
    type Kept = ();

    fn output_shape(&self) -> Vec<usize> {
        vec![self.layer.rows.positions.len(), self.steps, self.layer.filters]
    }

    fn forward(&self, inputs: [&[f32]; 3]) -> (Vec<f32>, ()) {
        (self.kernel(inputs).forward(&self.numbers).0, ())
    }

    fn backward(&self, inputs: [&[f32]; 3], (): &(), gradient: &[f32], _: [bool; 3]) -> [Vec<f32>; 3] {
        let gradients = self.kernel(inputs).backward(&self.numbers, &[], gradient, false);
        [gradients.weights, gradients.presence, gradients.bias]
    }
}

/// A convolution over rows.
#[derive(Clone, Debug)]
pub struct ConvolutionLayer {
    /// The rows.
    pub rows: Rows,
    /// Kernel width w in positions.
    pub width: usize,
    /// Input channels C'.
    pub inputs: usize,
    /// Output channels C.
    pub outputs: usize,
    /// Whether the outputs go through rectifiers.
    pub rectified: bool,
    /// Whether the values also go around this layer, into one behind it.
    pub around: bool,
}

/// The numbers of a convolution over rows.
#[derive(Clone, Debug)]
pub struct ConvolutionTensors<const D: usize> {
    /// Synapses, `[C', (tap, C)]`.
    pub synapses: Tensor<2>,
    /// Biases, `[C]`.
    pub bias: Tensor<1>,
    /// What an earlier layer adds to the sums, `[N, ..., C]`, each channel times its gain, `[C]`, where there are
    /// gains.
    pub shortcut: Option<(Tensor<D>, Option<Tensor<1>>)>,
}

/// Outputs `[N, C]` or `[N, T, C]` of a convolution over rows, from values `[N, C']` or `[N, T, C']`.
pub fn convolution<const D: usize>(
    layer: &ConvolutionLayer,
    values: Tensor<D>,
    own: ConvolutionTensors<D>,
) -> Tensor<D> {
    let dims = values.dims();
    let steps = dims[1..D - 1].iter().product();
    let own_tracked = || {
        let fixed = [tracked(values.clone())?, tracked(own.synapses.clone())?, tracked(own.bias.clone())?];
        let shortcut: Option<Vec<Tracked>> = match own.shortcut.clone() {
            None => Some(Vec::new()),
            Some((values, None)) => Some(vec![tracked(values)?]),
            Some((values, Some(gains))) => Some(vec![tracked(values)?, tracked(gains)?]),
        };
        Some((fixed, shortcut?))
    };
    let Some(([v, s, b], shortcut)) = own_tracked() else { return composed::convolution(layer, values, own) };
    let kernel = TimedConvolution { layer: layer.clone(), steps, dimensions: D };
    let mut shortcut = shortcut.into_iter();
    match (shortcut.next(), shortcut.next()) {
        (None, _) => apply(kernel, [v, s, b]),
        (Some(z), None) => apply(kernel, [v, s, b, z]),
        (Some(z), Some(g)) => apply(kernel, [v, s, b, z, g]),
    }
}

#[derive(Clone, Debug)]
struct TimedConvolution {
    layer: ConvolutionLayer,
    steps: usize,
    /// Dimensions of the tensors: without one for time where there is none.
    dimensions: usize,
}

impl<const N: usize> Kernel<N> for TimedConvolution {
    type Kept = Arc<SavedWindows>;

    fn output_shape(&self) -> Vec<usize> {
        let (rows, outputs) = (self.layer.rows.positions.len(), self.layer.outputs);
        if self.dimensions == 2 { vec![rows, outputs] } else { vec![rows, self.steps, outputs] }
    }

    fn forward(&self, inputs: [&[f32]; N]) -> (Vec<f32>, Self::Kept) {
        let (out, windows) = self.kernel(&inputs).forward(inputs[0]);
        (out, Arc::new(windows))
    }

    fn backward(&self, inputs: [&[f32]; N], kept: &Self::Kept, gradient: &[f32], _: [bool; N]) -> [Vec<f32>; N] {
        let gradients = self.kernel(&inputs).backward(kept, gradient);
        let all = [gradients.values, gradients.synapses, gradients.bias, gradients.shortcut, gradients.gains];
        let mut all = all.into_iter();
        std::array::from_fn(|_| all.next().expect("a gradient for each input"))
    }

    fn read_behind(&self) -> [bool; N] {
        std::array::from_fn(|input| input == 0 && self.layer.around)
    }
}

impl TimedConvolution {
    /// The kernel on values, synapses, biases, and what else there is: values of the shortcut, and its gains.
    fn kernel<'a>(&'a self, inputs: &[&'a [f32]]) -> RowConvolution<'a> {
        let ConvolutionLayer { rows, width, inputs: channels, outputs, rectified, .. } = &self.layer;
        RowConvolution {
            rows: &rows.positions,
            steps: self.steps,
            width: *width,
            inputs: *channels,
            outputs: *outputs,
            synapses: inputs[1],
            bias: inputs[2],
            shortcut: inputs.get(3).map(|values| Shortcut { values, gains: inputs.get(4).copied() }),
            rectified: *rectified,
            workspace: &rows.workspace,
        }
    }
}

/// The rows of each text as one, `[B, X]`, from values `[N, X]`.
pub fn pool(rows: &Rows, pooling: RowPooling, values: Tensor<2>) -> Tensor<2> {
    let [_, columns] = values.dims();
    match tracked(values.clone()) {
        Some(values) => apply(Pool { positions: rows.positions.clone(), pooling, columns }, [values]),
        None => composed::pool(rows, pooling, values),
    }
}

#[derive(Clone, Debug)]
struct Pool {
    positions: Arc<PositionRows>,
    pooling: RowPooling,
    columns: usize,
}

impl Kernel<1> for Pool {
    /// What was pooled, where the bound may hold gradients back.
    type Kept = Arc<Vec<f32>>;

    fn output_shape(&self) -> Vec<usize> {
        vec![self.positions.texts(), self.columns]
    }

    fn forward(&self, [values]: [&[f32]; 1]) -> (Vec<f32>, Self::Kept) {
        let pooled = self.pooling.forward(&self.positions, self.columns, values);
        let kept = Arc::new(pooled.clone());
        (pooled, kept)
    }

    fn backward(&self, _: [&[f32]; 1], pooled: &Self::Kept, gradient: &[f32], _: [bool; 1]) -> [Vec<f32>; 1] {
        [self.pooling.backward(&self.positions, self.columns, pooled, gradient)]
    }
}
