//! Losses and masks shared by both networks.

use std::sync::Arc;

use burn_tensor::{Tensor, TensorData, activation::log_softmax};
use spiketext::seed::{Purpose, stream, uniform};

use crate::kernel_operation::{Kernel, apply, tracked};

/// Mean cross-entropy of the logits `[N, K]` against the labels (equation 8, one term).
pub fn cross_entropy(logits: Tensor<2>, labels: &[usize]) -> Tensor<1> {
    match tracked(logits.clone()) {
        Some(tracked) => apply(CrossEntropy { classes: logits.dims()[1], labels: labels.into() }, [tracked]),
        None => composed_cross_entropy(logits, labels),
    }
}

/// [`cross_entropy`] from tensor operations: any device, gradients by Burn.
pub fn composed_cross_entropy(logits: Tensor<2>, labels: &[usize]) -> Tensor<1> {
    let [rows, classes] = logits.dims();
    let mut one_hot = vec![0.0f32; rows * classes];
    for (row, &label) in labels.iter().enumerate() {
        one_hot[row * classes + label] = 1.0;
    }
    let one_hot = Tensor::<2>::from_data(TensorData::new(one_hot, [rows, classes]), &logits.device());
    (log_softmax(logits, 1) * one_hot).sum() * (-1.0 / rows as f32)
}

#[derive(Clone, Debug)]
struct CrossEntropy {
    classes: usize,
    labels: Arc<[usize]>,
}

impl CrossEntropy {
    /// The part of each text in the mean, with the sign of the loss.
    fn share(&self) -> f32 {
        -1.0 / self.labels.len() as f32
    }

    /// For each text its label, its logits less the largest of them, and the sum of their exponentials.
    fn shifted<'a>(&'a self, logits: &'a [f32]) -> impl Iterator<Item = (usize, Vec<f32>, f32)> + 'a {
        self.labels.iter().zip(logits.chunks_exact(self.classes)).map(|(&label, logits)| {
            let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let shifted: Vec<f32> = logits.iter().map(|logit| logit - largest).collect();
            let sum = shifted.iter().map(|shifted| shifted.exp()).sum();
            (label, shifted, sum)
        })
    }
}

impl Kernel<1> for CrossEntropy {
    type Kept = ();

    fn output_shape(&self) -> Vec<usize> {
        vec![1]
    }

    fn forward(&self, [logits]: [&[f32]; 1]) -> (Vec<f32>, ()) {
        let sum: f32 = self.shifted(logits).map(|(label, shifted, sum)| shifted[label] - sum.ln()).sum();
        (vec![sum * self.share()], ())
    }

    fn backward(&self, [logits]: [&[f32]; 1], (): &(), gradient: &[f32], _: [bool; 1]) -> [Vec<f32>; 1] {
        let share = gradient[0] * self.share();
        let mut d_logits = Vec::with_capacity(logits.len());
        for (label, shifted, sum) in self.shifted(logits) {
            let of_sum = -share * (1.0 / sum);
            let of =
                |(class, shifted): (usize, &f32)| of_sum * shifted.exp() + if class == label { share } else { 0.0 };
            d_logits.extend(shifted.iter().enumerate().map(of));
        }
        [d_logits]
    }
}

/// Adds up the output neurons of each class: `[N, O]` to `[N, K]`.
pub fn sum_groups(outputs: Tensor<2>, classes: usize) -> Tensor<2> {
    let [rows, all] = outputs.dims();
    if all == classes {
        return outputs;
    }
    outputs.reshape([rows, classes, all / classes]).sum_dim(2).reshape([rows, classes])
}

/// What a dropout mask is for; two uses never share a stream.
#[derive(Clone, Copy, Debug)]
pub enum Mask {
    /// Pooled features of the DNN.
    Features,
    /// Words of the DNN's batch.
    Words,
    /// Feature spikes of the SNN.
    FeatureSpikes,
}

/// Factors of dropout: 0 with probability `share`, else `1 / (1 - share)`. The stream is named by the use and the step, so
/// a resumed run draws the same.
pub fn dropout_factors((seed, mask, step): (u64, Mask, u64), share: f32, count: usize) -> Vec<f32> {
    let mut rng = stream(seed, Purpose::Dropout, mask as u64, step);
    let kept = 1.0 / (1.0 - share);
    (0..count).map(|_| if uniform(&mut rng) < share { 0.0 } else { kept }).collect()
}
