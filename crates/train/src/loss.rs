//! Losses and masks shared by both networks.

use burn_tensor::{Tensor, TensorData, activation::log_softmax};
use spiketext::seed::{Purpose, stream, uniform};

/// Mean cross-entropy of the logits `[N, K]` against the labels (equation 8, one term).
pub fn cross_entropy(logits: Tensor<2>, labels: &[usize]) -> Tensor<1> {
    let [rows, classes] = logits.dims();
    let mut one_hot = vec![0.0f32; rows * classes];
    for (row, &label) in labels.iter().enumerate() {
        one_hot[row * classes + label] = 1.0;
    }
    let one_hot = Tensor::<2>::from_data(TensorData::new(one_hot, [rows, classes]), &logits.device());
    (log_softmax(logits, 1) * one_hot).sum() * (-1.0 / rows as f32)
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
