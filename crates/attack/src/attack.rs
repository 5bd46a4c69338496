//! An attack put together: a search, what words may be replaced by, and limits; and what came of it on a text.
//!
//! Every text that the classifier is asked for is one query, the first one included, as TextAttack 0.3.11 counts
//! them.

use rand_chacha::rand_core::Rng;
use serde::{Deserialize, Serialize};
use spiketext::{score::Scorer, target::Target};

use crate::{
    limits::Limits,
    search::{Beam, Candidate, Examination, Swarm},
    transformation::Transformation,
    words::{Draft, Words},
};

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

/// How substitutions are put together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Search {
    /// Word by word: all substitutions are tried, and the worst for the classifier is kept if it is worse than
    /// before.
    Greedy(Ranking),
    /// Words in random order: one substitution of each, drawn by chance, is kept whatever it does. What luck alone
    /// would reach.
    Blind,
    /// Many drafts side by side that learn from the best of each other.
    Swarm(Swarm),
    /// The drafts whose substitutions hurt most by the classifier's own gradient.
    Beam(Beam),
}

/// An attack: a search, substitutions and limits.
#[derive(Clone)]
pub struct Attack<'a> {
    /// How substitutions are put together.
    pub search: Search,
    /// What words may be replaced by.
    pub transformations: Vec<Transformation<'a>>,
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

/// A word that was replaced.
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
    /// The words that were replaced.
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

impl Attack<'_> {
    /// Attacks one text, whose right answer is `target`. `rng` draws what is drawn.
    ///
    /// # Panics
    /// If the scorer does not answer each text, or does not know the class of `target`.
    pub fn run(&self, scorer: &mut dyn Scorer, words: &Words, target: Target, rng: &mut impl Rng) -> Attempt {
        let mut examination = Examination::new(scorer, target);
        let draft = Draft::new(words);
        let first = examination.ask(&[draft.text()])[0];
        let (draft, now) = if first.wrong {
            (draft, first)
        } else {
            match self.search {
                Search::Greedy(ranking) => self.greedy(ranking, &mut examination, draft, first, rng),
                Search::Blind => self.blind(&mut examination, draft, first, rng),
                Search::Swarm(swarm) => self.swarm(swarm, &mut examination, draft, first, rng),
                Search::Beam(beam) => self.beam(beam, &mut examination, draft, first, rng),
            }
        };
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
            queries: examination.queries(),
            before: 1.0 - first.score,
            after: 1.0 - now.score,
        }
    }

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
        for transformation in &self.transformations {
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
