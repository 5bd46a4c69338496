//! The search: words ranked by how much they matter, exchanged one after the other for what hurts most, until the
//! classifier errs. This is the greedy search of most published attacks; what differs is the ranking and what a word may be
//! exchanged for.
//!
//! Order, queries counted and the choice among candidates are those of TextAttack 0.3.11 (`GreedyWordSwapWIR`), so that the
//! numbers of both can be put side by side: every text that is asked for is one query, the first one included.

use std::collections::BTreeMap;

use rand_chacha::rand_core::Rng;
use serde::{Deserialize, Serialize};
use spiketext::{
    model::largest,
    score::Scorer,
    seed::{below, shuffle},
};

use crate::{
    limits::Limits,
    substitution::Substitution,
    words::{Draft, Words},
};

/// What stands in the place of a word whose weight is asked for by [`Ranking::Unknown`]. A word that no vocabulary has.
pub const UNKNOWN: &str = "[UNK]";

/// In which order words are tried. Each needs the answers for the text without a word, one query for each word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ranking {
    /// How much the answer suffers when [`UNKNOWN`] stands for the word.
    Unknown,
    /// How much it suffers when the word is left out.
    Delete,
    /// The softmax of `Unknown` over the words, times how wrong the best of all exchanges of the word makes the answer
    /// (PWWS). Needs the answers for all exchanges of all words.
    WeightedSaliency,
    /// By chance; no query.
    Random,
}

/// How a search goes on from one word to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Search {
    /// All exchanges of a word are tried, and the worst for the classifier is kept if it is worse than before.
    Greedy,
    /// One exchange of each word, drawn by chance, is kept whatever it does: what luck alone would reach.
    Blind,
}

/// An attack: a search, exchanges and limits.
#[derive(Clone)]
pub struct Attack<'a> {
    /// The order of the words.
    pub ranking: Ranking,
    /// What happens to each.
    pub search: Search,
    /// What words may be exchanged for.
    pub substitutions: Vec<Substitution<'a>>,
    /// What it must not do.
    pub limits: Limits<'a>,
}

/// How an attack on a text ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// The classifier was wrong before anything was changed.
    Skipped,
    /// It was right until the end.
    Failed,
    /// It was made to err.
    Succeeded,
}

/// A word that was exchanged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Which word of the text, from 0.
    pub place: usize,
    /// What it was.
    pub from: String,
    /// What it became.
    pub to: String,
}

/// What came of an attack on a text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// How it ended.
    pub ending: Ending,
    /// The text at the end: one that the classifier takes wrongly, or the worst that was found.
    pub text: String,
    /// The words that were exchanged.
    pub changes: Vec<Change>,
    /// Words of the text.
    pub words: usize,
    /// Texts that the classifier was asked for.
    pub queries: u64,
    /// The probability of the right class before.
    pub before: f32,
    /// The same at the end.
    pub after: f32,
}

/// One question to the classifier, and the score of the answer: 1 less the probability of the right class.
struct Examination<'s> {
    scorer: &'s mut dyn Scorer,
    label: usize,
    queries: u64,
}

/// An answer.
#[derive(Clone, Copy, Debug)]
struct Answer {
    score: f32,
    wrong: bool,
}

impl Examination<'_> {
    fn ask(&mut self, texts: &[String]) -> Vec<Answer> {
        if texts.is_empty() {
            return Vec::new();
        }
        self.queries += texts.len() as u64;
        let answers = self.scorer.score(texts);
        assert_eq!(answers.len(), texts.len(), "a scorer answers each text");
        let of = |p: Vec<f32>| Answer { score: 1.0 - p[self.label], wrong: largest(&p) != self.label };
        answers.into_iter().map(of).collect()
    }
}

/// A draft that may stand, with its similarity to what it must be like.
struct Candidate<'w> {
    draft: Draft<'w>,
    similarity: f32,
}

impl Attack<'_> {
    /// Attacks one text, whose class is `label`. `rng` draws what is drawn.
    ///
    /// # Panics
    /// If the scorer does not answer each text, or has no class `label`.
    pub fn run(&self, scorer: &mut dyn Scorer, words: &Words, label: usize, rng: &mut impl Rng) -> Attempt {
        let mut examination = Examination { scorer, label, queries: 0 };
        let mut draft = Draft::new(words);
        let first = examination.ask(&[draft.text()])[0];
        let mut now = first;
        if !now.wrong {
            for place in self.order(&mut examination, &draft, rng) {
                let found = self.step(&mut examination, &draft, now, place, rng);
                if let Some((next, answer)) = found {
                    (draft, now) = (next, answer);
                }
                if now.wrong {
                    break;
                }
            }
        }
        let change =
            |(&place, to): (&usize, &String)| Change { place, from: words.word(place).to_owned(), to: to.clone() };
        Attempt {
            ending: match (first.wrong, now.wrong) {
                (true, _) => Ending::Skipped,
                (false, true) => Ending::Succeeded,
                (false, false) => Ending::Failed,
            },
            text: draft.text(),
            changes: draft.changes().iter().map(change).collect(),
            words: words.len(),
            queries: examination.queries,
            before: 1.0 - first.score,
            after: 1.0 - now.score,
        }
    }

    /// Places of words in the order in which they are tried; of equal ones the first comes first.
    fn order(&self, examination: &mut Examination<'_>, draft: &Draft<'_>, rng: &mut impl Rng) -> Vec<usize> {
        let count = draft.original().len();
        let mut places: Vec<usize> = (0..count).filter(|&place| self.limits.may_touch(draft, place)).collect();
        let mut scores_of = |text: &dyn Fn(usize) -> String| -> Vec<f32> {
            let texts: Vec<String> = places.iter().map(|&place| text(place)).collect();
            examination.ask(&texts).into_iter().map(|answer| answer.score).collect()
        };
        let unknown = |place: usize| draft.with(place, UNKNOWN).text();
        let weights = match self.ranking {
            Ranking::Random => {
                shuffle(rng, &mut places);
                return places;
            }
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
        if self.search == Search::Blind {
            let drawn = candidates.swap_remove(below(rng, candidates.len()));
            let answer = examination.ask(&[drawn.draft.text()])[0];
            return Some((drawn.draft, answer));
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

    /// All that may be made of the draft at a place, each once.
    fn candidates<'w>(&self, draft: &Draft<'w>, place: usize, rng: &mut impl Rng) -> Vec<Candidate<'w>> {
        let mut candidates: Vec<Candidate<'w>> = Vec::new();
        for substitution in &self.substitutions {
            for word in substitution.of(draft.word(place), rng) {
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
