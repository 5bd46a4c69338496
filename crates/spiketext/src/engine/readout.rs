//! From the outputs of a text to its scores and its label (equation 6): the same for every way of running a network.

use crate::network::NetworkConfig;

/// What the outputs of one text say.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Answer {
    /// Scores `[K]`: spikes of the outputs of each class a step, or their mean currents.
    pub scores: Vec<f32>,
    /// The best class. Equal spike counts are told apart by the charge left in the outputs.
    pub label: usize,
}

impl Answer {
    /// From the currents into the outputs, `[T, O]`, and their spikes, `None` for the membrane read-out.
    pub fn of(config: &NetworkConfig, currents: &[f32], spikes: Option<&[f32]>) -> Self {
        let charge = class_means(config, currents);
        let scores = spikes.map_or_else(|| charge.clone(), |spikes| class_means(config, spikes));
        let better = |best: usize, k: usize| (scores[k], charge[k]) > (scores[best], charge[best]);
        let label = (1..scores.len()).fold(0, |best, k| if better(best, k) { k } else { best });
        Self { scores, label }
    }
}

/// What the outputs of each class have of a text's `values`, `[T, O]`, on average.
pub(super) fn class_means(config: &NetworkConfig, values: &[f32]) -> Vec<f32> {
    let (classes, group, steps) = (config.classes(), config.outputs_per_class(), config.steps);
    let mut sums = vec![0.0f32; classes];
    for row in values.chunks_exact(classes * group) {
        for (sum, members) in sums.iter_mut().zip(row.chunks_exact(group)) {
            *sum += members.iter().sum::<f32>();
        }
    }
    sums.into_iter().map(|sum| sum / (steps * group) as f32).collect()
}
