//! Where a model with a random encoder takes its noise from, when the same text may be asked for again and again.

use std::num::NonZeroUsize;

use crate::{encode::Noise, model::Model, seed::Purpose};

/// Which noise the questions to a model with a random encoder meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoisePolicy {
    /// The same noise always: the model as it is delivered.
    Fixed,
    /// New noise for each text of each question, as in the paper's code: an answer may be luck.
    Fresh,
    /// The mean of the probabilities over so many draws, the same ones always: what remains when luck is averaged out
    /// (expectation over transformation, Athalye et al. 2018).
    Mean(NonZeroUsize),
}

impl NoisePolicy {
    /// The noises that are the same for every question, whose answers are averaged; none where noise is fresh.
    pub(super) fn lasting(self, model: &Model, seed: u64) -> Vec<Noise> {
        match self {
            Self::Fixed => vec![model.noise()],
            Self::Fresh => Vec::new(),
            Self::Mean(draws) => (0..draws.get() as u64).map(|draw| noise(seed, MEANS, draw)).collect(),
        }
    }
}

/// The streams of noise of those who judge and of the means: numbers that no examination has.
pub(super) const JUDGES: u64 = u64::MAX;
pub(super) const MEANS: u64 = u64::MAX - 1;

/// The noise of one round of a stream: an examination, or one of those above.
pub(super) fn noise(seed: u64, stream: u64, round: u64) -> Noise {
    let seed = seed ^ stream.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    // Round 0 is that of ordinary inference.
    Noise { seed, purpose: Purpose::InferenceSpikes, round: round + 1 }
}
