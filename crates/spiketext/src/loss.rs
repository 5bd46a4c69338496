//! Probabilities from scores, and the loss that training and attacks look at (equation 8).

use crate::target::Target;

/// The gradient of the cross-entropy of `softmax(scale x scores)` against the class of `target` with respect to
/// the scores.
pub(crate) fn loss_gradient(scores: &[f32], scale: f32, target: Target) -> Vec<f32> {
    let mut gradient: Vec<f32> = softmax(scores, scale).into_iter().map(|p| scale * p).collect();
    gradient[target.class()] -= scale;
    gradient
}

/// `softmax(scale x scores)`.
pub(crate) fn softmax(scores: &[f32], scale: f32) -> Vec<f32> {
    let most = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let weights: Vec<f32> = scores.iter().map(|score| (scale * (score - most)).exp()).collect();
    let sum: f32 = weights.iter().sum();
    weights.into_iter().map(|weight| weight / sum).collect()
}
