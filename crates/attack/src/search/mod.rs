//! Searches: which substitutions of words are put together, in which order, until the classifier errs. Each kind is
//! in a file of its own, as methods of `Space`.

mod beam;
mod greedy;
mod swarm;

use rand_chacha::rand_core::Rng;
use spiketext::{
    score::{Scorer, Substitution},
    slices::argmax,
    target::Target,
};

pub use beam::Beam;
pub use greedy::{Ranking, UNKNOWN};
pub use swarm::Swarm;

use crate::{limits::Limits, transformation::Transformation, words::Draft};

/// A classifier that is being questioned about one text, and the count of the questions.
pub(crate) struct Examination<'s> {
    scorer: &'s mut dyn Scorer,
    target: Target,
    queries: u64,
}

/// An answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer {
    /// How far it is from right, see [`Target::distance`].
    pub score: f32,
    /// Whether another class is the most probable.
    pub wrong: bool,
}

impl<'s> Examination<'s> {
    pub fn new(scorer: &'s mut dyn Scorer, target: Target) -> Self {
        Self { scorer, target, queries: 0 }
    }

    /// Texts asked for.
    pub fn queries(&self) -> u64 {
        self.queries
    }

    /// Counts questions whose answers are known already.
    pub fn count(&mut self, queries: u64) {
        self.queries += queries;
    }

    /// Asks for texts, all at once.
    pub fn ask(&mut self, texts: &[String]) -> Vec<Answer> {
        if texts.is_empty() {
            return Vec::new();
        }
        self.queries += texts.len() as u64;
        let answers = self.scorer.score(texts);
        assert_eq!(answers.len(), texts.len(), "a scorer answers each text");
        let of = |p: Vec<f32>| Answer { score: self.target.distance(&p), wrong: !self.target.is_met_by(argmax(&p)) };
        answers.into_iter().map(of).collect()
    }

    /// To first order, how much more wrong each substitution would make the answer to `text`; `None` from a closed
    /// box. No query: the classifier looks into itself.
    pub fn first_order(&mut self, text: &str, substitutions: &[Substitution]) -> Option<Vec<f32>> {
        self.scorer.first_order(text, &self.target, substitutions)
    }
}

/// A draft that may stand, with its similarity to what it must be like.
pub(crate) struct Candidate<'w> {
    /// The draft.
    pub draft: Draft<'w>,
    /// Its similarity, 0 where there is no limit to it.
    pub similarity: f32,
}

/// The drafts that can be made of a text: what words may be replaced by, as far as the limits of an attack allow it.
#[derive(Clone, Copy)]
pub(crate) struct Space<'a> {
    /// What words may be replaced by.
    pub transformations: &'a [Transformation<'a>],
    /// What must not happen.
    pub limits: &'a Limits<'a>,
}

impl Space<'_> {
    /// Places of the words that may be replaced.
    pub(crate) fn touchable(&self, draft: &Draft<'_>) -> Vec<usize> {
        (0..draft.original().len()).filter(|&place| self.limits.may_touch(draft, place)).collect()
    }

    /// All that may be made of the draft at a place, each once.
    pub(crate) fn candidates<'w>(&self, draft: &Draft<'w>, place: usize, rng: &mut impl Rng) -> Vec<Candidate<'w>> {
        let mut candidates: Vec<Candidate<'w>> = Vec::new();
        if !self.limits.may_touch(draft, place) {
            return candidates;
        }
        for transformation in self.transformations {
            for word in transformation.of(draft, place, rng) {
                let next = draft.with(place, &word);
                if candidates.iter().any(|known| known.draft == next) {
                    continue;
                }
                if let Some(similarity) = self.limits.allow(draft, &next, place) {
                    candidates.push(Candidate { draft: next, similarity });
                }
            }
        }
        candidates
    }
}
