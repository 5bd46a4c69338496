//! Probabilities from scores, and the cross-entropy loss that training and attacks look at.

/// The gradient of the cross-entropy of `softmax(scale x scores)` against `label` with respect to the scores.
pub(crate) fn loss_gradient(scores: &[f32], scale: f32, label: usize) -> Vec<f32> {
    let mut gradient: Vec<f32> = softmax(scores, scale).into_iter().map(|p| scale * p).collect();
    gradient[label] -= scale;
    gradient
}

/// `softmax(scale x scores)`.
pub(crate) fn softmax(scores: &[f32], scale: f32) -> Vec<f32> {
    let most = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let weights: Vec<f32> = scores.iter().map(|score| (scale * (score - most)).exp()).collect();
    let sum: f32 = weights.iter().sum();
    weights.into_iter().map(|weight| weight / sum).collect()
}
