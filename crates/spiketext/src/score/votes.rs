//! Draws of noise that judge a text, apart from those who attack it.

use rayon::prelude::*;

use super::noise::{JUDGES, noise};
use crate::{model::Model, slices::argmax};

/// How many of `draws` draws of noise, which no question to a [`super::ModelScorer`] of this seed has met, leave each
/// class the most probable one. Without a random encoder there is one answer and one vote.
#[must_use]
pub fn votes(model: &Model, seed: u64, text: &str, draws: usize) -> Vec<usize> {
    let mut votes = vec![0; model.labels().len()];
    let draws = if model.network().config().encoder.is_random() { draws } else { draws.min(1) };
    let label = |draw: usize| {
        let (predictions, _) = model.predict_with(noise(seed, JUDGES, draw as u64), &[text]);
        predictions.first().map_or(0, |prediction| argmax(&prediction.probabilities))
    };
    let labels: Vec<usize> = (0..draws).into_par_iter().map(label).collect();
    labels.into_iter().for_each(|label| votes[label] += 1);
    votes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{encode::Encoder, model::tests::model_with, network::Readout};

    #[test]
    fn judges_draw_for_themselves() {
        let noisy = model_with(Readout::Membrane, Encoder::Bernoulli);
        let text = noisy.vocabulary().words().next().expect("a word").to_owned();
        let judge = || votes(&noisy, 7, &text, 9);
        assert_eq!(judge().iter().sum::<usize>(), 9);
        assert_eq!(judge(), judge());
    }
}
