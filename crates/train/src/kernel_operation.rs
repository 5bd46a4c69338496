//! The bridge between the slices of `spiketext-kernels` and Burn's automatic differentiation.
//!
//! A [`Kernel`] is a forward pass over slices with its hand-written backward pass. [`apply`] runs one on the Flex
//! (CPU) device and registers its gradient. On any other device it returns the inputs untouched, and the caller
//! composes the same function from tensor operations.

use std::fmt::Debug;

use burn_autodiff::{
    Autodiff,
    checkpoint::{base::Checkpointer, strategy::NoCheckpointing},
    grads::Gradients,
    ops::{Backward, Ops, OpsKind},
};
use burn_flex::{Flex, FlexTensor};
use burn_tensor::{Tensor, TensorData};
use rayon::prelude::*;

/// A differentiable function of N arrays, computed on slices.
pub trait Kernel<const N: usize>: Debug + Clone + Send + Sync + 'static {
    /// What the forward pass keeps for the backward pass.
    type Kept: Debug + Clone + Send + Sync + 'static;

    /// The shape of the output.
    fn output_shape(&self) -> Vec<usize>;

    /// The output, row-major, and what the backward pass needs.
    fn forward(&self, inputs: [&[f32]; N]) -> (Vec<f32>, Self::Kept);

    /// From the gradient of the output, the gradient of each input; those not `asked` for are not used and may be
    /// empty.
    fn backward(&self, inputs: [&[f32]; N], kept: &Self::Kept, gradient: &[f32], asked: [bool; N]) -> [Vec<f32>; N];

    /// Which inputs also went into a layer behind this one, that reads what this one gives: on the way back such a
    /// layer comes first, and what it says of the input is added to what this kernel says. Where this is not said of
    /// an input, Burn adds the two, with the same result but slowly.
    fn read_behind(&self) -> [bool; N] {
        [false; N]
    }
}

/// A tensor on the Flex device inside Burn's autodiff graph.
pub type Tracked = burn_backend::tensor::FloatTensor<Autodiff<Flex>>;

/// The tracked primitive of a tensor on an autodiff Flex device; `None` on any other device.
#[must_use]
pub fn tracked<const D: usize>(tensor: Tensor<D>) -> Option<Tracked> {
    tensor.try_into_primitive::<Autodiff<Flex>>().ok()
}

/// Runs `kernel` on tracked inputs; the output takes part in automatic differentiation.
pub fn apply<K: Kernel<N>, const N: usize, const D: usize>(kernel: K, inputs: [Tracked; N]) -> Tensor<D> {
    let guards = inputs.each_ref().map(|input| input.node());
    let values = inputs.map(|input| input.into_primitive().to_contiguous());
    let (output, kept) = kernel.forward(values.each_ref().map(slice));
    let output = FlexTensor::from_data(TensorData::new(output, kernel.output_shape()));
    let step = Step::<K, N> { kernel: kernel.clone() };
    let output = match step.prepare::<NoCheckpointing>(guards).compute_bound().stateful() {
        OpsKind::Tracked(prepared) => prepared.finish(State { values, kept }, output),
        OpsKind::UnTracked(prepared) => prepared.finish(output),
    };
    Tensor::from_primitive::<Autodiff<Flex>>(output)
}

/// The numbers of a tensor on the Flex device outside any graph, row-major, copied once and by all threads; `None` on
/// any other device.
#[must_use]
pub fn copied<const D: usize>(tensor: &Tensor<D>) -> Option<Vec<f32>> {
    /// So many numbers are worth a thread's while.
    const PART: usize = 32 * 1024;
    read_numbers(tensor, |numbers| numbers.par_iter().copied().with_min_len(PART).collect())
}

/// What `read` makes of the numbers of a tensor on the Flex device outside any graph, row-major; `None` on any other
/// device.
#[must_use]
pub fn read_numbers<const D: usize, R>(tensor: &Tensor<D>, read: impl FnOnce(&[f32]) -> R) -> Option<R> {
    let tensor = tensor.clone().try_into_primitive::<Flex>().ok()?.to_contiguous();
    Some(read(slice(&tensor)))
}

/// The numbers of a contiguous Flex tensor.
fn slice(tensor: &FlexTensor) -> &[f32] {
    let start = tensor.layout().start_offset();
    &tensor.storage::<f32>()[start..start + tensor.layout().num_elements()]
}

#[derive(Debug)]
struct Step<K, const N: usize> {
    kernel: K,
}

#[derive(Debug, Clone)]
struct State<Kept, const N: usize> {
    values: [FlexTensor; N],
    kept: Kept,
}

impl<K: Kernel<N>, const N: usize> Backward<Flex, N> for Step<K, N> {
    type State = State<K::Kept, N>;

    fn backward(self, ops: Ops<Self::State, N>, grads: &mut Gradients, _: &mut Checkpointer) {
        let gradient = grads.consume::<Flex>(&ops.node).to_contiguous();
        let State { values, kept } = ops.state;
        let asked = ops.parents.each_ref().map(Option::is_some);
        let gradients = self.kernel.backward(values.each_ref().map(slice), &kept, slice(&gradient), asked);
        let all = ops.parents.into_iter().zip(gradients).zip(&values).zip(self.kernel.read_behind());
        for (((parent, mut gradient), value), read_behind) in all {
            if let Some(parent) = parent {
                // That of a leaf, which has no parents, cannot be taken out again.
                if read_behind && !parent.parents.is_empty() {
                    let behind = grads.consume::<Flex>(&parent).to_contiguous();
                    gradient.iter_mut().zip(slice(&behind)).for_each(|(own, behind)| *own += behind);
                }
                let shape = value.layout().shape().clone();
                grads.register::<Flex>(parent.id, FlexTensor::from_data(TensorData::new(gradient, shape)));
            }
        }
    }
}
