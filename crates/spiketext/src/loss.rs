//! Probabilities from scores, and the loss that training and attacks look at (equation 8).

use crate::target::Target;

/// The gradient of the cross-entropy of `softmax(scale x scores)` against the class of `target` with respect to
/// the scores; where `target` is a set, of the sum of the cross-entropies of each class's `sigmoid(scale x score)`.
pub(crate) fn loss_gradient(scores: &[f32], scale: f32, target: &Target) -> Vec<f32> {
    let probabilities = match target.class() {
        Some(_) => softmax(scores, scale),
        None => sigmoid(scores, scale),
    };
    let mut gradient: Vec<f32> = probabilities.into_iter().map(|p| scale * p).collect();
    target.classes().iter().for_each(|&class| gradient[class] -= scale);
    gradient
}

/// `sigmoid(scale x score)` of each score.
#[must_use]
pub fn sigmoid(scores: &[f32], scale: f32) -> Vec<f32> {
    scores.iter().map(|score| 1.0 / (1.0 + (-scale * score).exp())).collect()
}

/// `softmax(scale x scores)`.
#[must_use]
pub fn softmax(scores: &[f32], scale: f32) -> Vec<f32> {
    let most = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let weights: Vec<f32> = scores.iter().map(|score| (scale * (score - most)).exp()).collect();
    let sum: f32 = weights.iter().sum();
    weights.into_iter().map(|weight| weight / sum).collect()
}
