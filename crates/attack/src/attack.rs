//! An attack put together: a search, what words may be replaced by, and limits; and what came of it on a text.
//!
//! Every text that the classifier is asked for is one query, the first one included, as TextAttack 0.3.11 counts
//! them.

use rand_chacha::rand_core::Rng;
use serde::{Deserialize, Serialize};
use spiketext::{score::Scorer, target::Target};

use crate::{
    limits::Limits,
    search::{Beam, Examination, Ranking, Space, Swarm},
    transformation::Transformation,
    words::{Draft, Words},
};

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
        let space = Space { transformations: &self.transformations, limits: &self.limits };
        let draft = Draft::new(words);
        let first = examination.ask(&[draft.text()])[0];
        let (draft, now) = if first.wrong {
            (draft, first)
        } else {
            match self.search {
                Search::Greedy(ranking) => space.greedy(ranking, &mut examination, draft, first, rng),
                Search::Blind => space.blind(&mut examination, draft, first, rng),
                Search::Swarm(swarm) => space.swarm(swarm, &mut examination, draft, first, rng),
                Search::Beam(beam) => space.beam(beam, &mut examination, draft, first, rng),
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
}
