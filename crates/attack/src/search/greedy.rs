//! Word by word. The greedy search of most published attacks ranks words by how much they matter and replaces one
//! after the other for what hurts most; the blind one takes what chance brings.
//!
//! Order, queries counted and the choice among candidates are those of TextAttack 0.3.11 (`GreedyWordSwapWIR`), so
//! that the numbers of both can be put side by side.

use std::collections::BTreeMap;

use rand_chacha::rand_core::Rng;
use spiketext::seed::{below, shuffle};

use super::{Answer, Examination, Space};
use crate::words::Draft;

/// What stands in the place of a word whose weight is asked for by [`Ranking::Unknown`]. A word that no vocabulary
/// has.
pub const UNKNOWN: &str = "[UNK]";

/// In which order words are tried. Each needs the answers for the text without a word, one query for each word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ranking {
    /// How much the answer suffers when [`UNKNOWN`] stands for the word.
    Unknown,
    /// How much it suffers when the word is left out.
    Delete,
    /// The softmax of `Unknown` over the words, times how wrong the best of all substitutions of the word makes the
    /// answer (PWWS). Needs the answers for all substitutions of all words.
    WeightedSaliency,
}

impl Space<'_> {
    /// See [`Search::Greedy`](crate::Search::Greedy).
    pub(crate) fn greedy<'w>(
        &self,
        ranking: Ranking,
        examination: &mut Examination<'_>,
        mut draft: Draft<'w>,
        mut now: Answer,
        rng: &mut impl Rng,
    ) -> (Draft<'w>, Answer) {
        for place in self.order(ranking, examination, &draft, rng) {
            if let Some(found) = self.step(examination, &draft, now, place, rng) {
                (draft, now) = found;
            }
            if now.wrong {
                break;
            }
        }
        (draft, now)
    }

    /// See [`Search::Blind`](crate::Search::Blind).
    pub(crate) fn blind<'w>(
        &self,
        examination: &mut Examination<'_>,
        mut draft: Draft<'w>,
        mut now: Answer,
        rng: &mut impl Rng,
    ) -> (Draft<'w>, Answer) {
        let mut places = self.touchable(&draft);
        shuffle(rng, &mut places);
        for place in places {
            let mut candidates = self.candidates(&draft, place, rng);
            if candidates.is_empty() {
                continue;
            }
            draft = candidates.swap_remove(below(rng, candidates.len())).draft;
            now = examination.ask(&[draft.text()])[0];
            if now.wrong {
                break;
            }
        }
        (draft, now)
    }

    /// Places of words in the order in which they are tried; of equal ones the first comes first.
    fn order(
        &self,
        ranking: Ranking,
        examination: &mut Examination<'_>,
        draft: &Draft<'_>,
        rng: &mut impl Rng,
    ) -> Vec<usize> {
        let mut places = self.touchable(draft);
        let mut scores_of = |text: &dyn Fn(usize) -> String| -> Vec<f32> {
            let texts: Vec<String> = places.iter().map(|&place| text(place)).collect();
            examination.ask(&texts).into_iter().map(|answer| answer.score).collect()
        };
        let unknown = |place: usize| draft.with(place, UNKNOWN).text();
        let weights = match ranking {
            Ranking::Unknown => scores_of(&unknown),
            Ranking::Delete => scores_of(&|place| draft.text_without(place)),
            Ranking::WeightedSaliency => {
                let saliency = scores_of(&unknown);
                let most = saliency.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                let shares: Vec<f32> = saliency.iter().map(|score| (score - most).exp()).collect();
                let sum: f32 = shares.iter().sum();
                let best = |&place: &usize| {
                    let texts: Vec<String> =
                        self.candidates(draft, place, rng).iter().map(|candidate| candidate.draft.text()).collect();
                    examination.ask(&texts).into_iter().map(|answer| answer.score).fold(0.0, f32::max)
                };
                let best: Vec<f32> = places.iter().map(best).collect();
                shares.iter().zip(best).map(|(share, best)| share / sum * best).collect()
            }
        };
        let weights: BTreeMap<usize, f32> = places.iter().copied().zip(weights).collect();
        places.sort_by(|a, b| weights[b].total_cmp(&weights[a]));
        places
    }

    /// What the draft becomes at a place; nothing where it stays.
    fn step<'w>(
        &self,
        examination: &mut Examination<'_>,
        draft: &Draft<'w>,
        now: Answer,
        place: usize,
        rng: &mut impl Rng,
    ) -> Option<(Draft<'w>, Answer)> {
        let mut candidates = self.candidates(draft, place, rng);
        if candidates.is_empty() {
            return None;
        }
        let texts: Vec<String> = candidates.iter().map(|candidate| candidate.draft.text()).collect();
        let answers = examination.ask(&texts);
        let mut order: Vec<usize> = (0..candidates.len()).collect();
        order.sort_by(|&a, &b| answers[b].score.total_cmp(&answers[a].score));
        let mut best = order[0];
        if answers[best].score <= now.score {
            return None;
        }
        if answers[best].wrong && self.limits.similarity.is_some() {
            // Of those that reach the end, the one that is most like what was said.
            for &other in order.iter().take_while(|&&other| answers[other].wrong) {
                if candidates[other].similarity > candidates[best].similarity {
                    best = other;
                }
            }
        }
        Some((candidates.swap_remove(best).draft, answers[best]))
    }
}
