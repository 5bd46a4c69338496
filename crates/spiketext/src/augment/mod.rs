//! More texts like those that are there, for a teacher to label: what a small network learns from a large one besides
//! its own texts (knowledge distillation; Tang et al. 2019, arXiv 1903.12136).
//!
//! No label is kept: a text without its `not` says something else, and whoever labels it shall say what.
//! [`Augmenter`] makes variants of a text, each [`Way`] by its own formula; `pieces` cuts texts and puts them
//! together as they were written, `passes` leaves out, replaces and exchanges words and keeps runs of them, `frames`
//! finds words of one kind, `clauses` cuts at clauses. [`Survey`] reads all texts once, [`Production`] makes what
//! comes of them, and [`Seen`] keeps out what is there already.
//!
//! Words that go leave nothing behind. Tang et al. put a mask in their place, which their teacher knows from its
//! training. Neither a teacher here nor the student has one: to the student it would be an unknown word in every
//! tenth place, which takes a position and is silent, where texts have one in fifty; a teacher would read a sign that
//! no text has.

mod clauses;
mod frames;
mod job;
mod passes;
mod pieces;
mod seen;

use std::{fmt, str::FromStr};

pub use frames::{FrameCounter, Frames, MOST_TEXTS, MOST_WORDS};
pub use job::{LeftOut, Production, Report, Runs, Survey};
pub use seen::{Seen, Verdict};

use crate::{
    Error, Result,
    data::text_hash,
    seed::{Purpose, shuffle, stream},
    text::Language,
    vectors::Neighbours,
};
use pieces::Cut;

/// A way to make another text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Words are left out.
    Mask,
    /// Words are replaced by others of their kind.
    Replace,
    /// Words are exchanged with near ones.
    Neighbour,
    /// A run of the words is kept.
    Sample,
    /// The text is cut at its clauses.
    Cut,
}

impl Way {
    /// All ways.
    pub const ALL: [Self; 5] = [Self::Mask, Self::Replace, Self::Neighbour, Self::Sample, Self::Cut];

    /// Its name, as in flags.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Mask => "mask",
            Self::Replace => "replace",
            Self::Neighbour => "neighbour",
            Self::Sample => "sample",
            Self::Cut => "cut",
        }
    }
}

impl fmt::Display for Way {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

impl FromStr for Way {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|way| way.name() == name).ok_or_else(|| Error::UnknownName {
            what: "way to make texts",
            name: name.to_owned(),
            known: Self::ALL.map(|way| way.name().to_owned()).to_vec(),
        })
    }
}

/// Some ways.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ways(u8);

impl Ways {
    /// Every way.
    #[must_use]
    pub fn all() -> Self {
        Way::ALL.into_iter().fold(Self::default(), Self::with)
    }

    /// These and one more.
    #[must_use]
    pub fn with(self, way: Way) -> Self {
        Self(self.0 | 1 << way as u8)
    }

    /// These and others.
    #[must_use]
    pub fn with_all(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    /// Whether a way is among them.
    #[must_use]
    pub fn has(self, way: Way) -> bool {
        self.0 >> way as u8 & 1 == 1
    }

    /// Whether one is among them that passes over the words.
    fn has_passes(self) -> bool {
        Way::ALL.into_iter().any(|way| way != Way::Cut && self.has(way))
    }
}

/// What is to be made of each text.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// The ways.
    pub ways: Ways,
    /// How many passes are made over a text; also the most texts that lack a clause of it.
    pub times: usize,
    /// The probability that a word is left out.
    pub mask: f32,
    /// The probability that a word is replaced.
    pub replace: f32,
    /// The probability that a word is exchanged.
    pub neighbour: f32,
    /// The probability that a run of the words is all that is kept of a pass.
    pub sample: f32,
    /// How many of the nearest words are drawn from.
    pub nearest: usize,
    /// The least cosine of a word that is drawn.
    pub least_cosine: f32,
    /// The seed.
    pub seed: u64,
}

impl Default for Options {
    /// The probabilities of Tang et al. (2019), and ten passes.
    fn default() -> Self {
        Self {
            ways: Ways::all(),
            times: 10,
            mask: 0.1,
            replace: 0.1,
            neighbour: 0.1,
            sample: 0.25,
            nearest: 10,
            least_cosine: 0.6,
            seed: 0,
        }
    }
}

impl Options {
    /// Whether the options can be.
    ///
    /// # Errors
    /// A probability that is none, or three that are more than 1 together; a cosine that is none; no way, no pass, no
    /// nearest words.
    pub fn check(&self) -> Result<()> {
        let refuse = |expected: &str, got: String| Err(Error::invalid("augment", expected, got));
        let words = [("p-mask", self.mask), ("p-replace", self.replace), ("p-neighbour", self.neighbour)];
        for (name, share) in words.into_iter().chain([("p-sample", self.sample)]) {
            if !(0.0..=1.0).contains(&share) {
                return refuse("probabilities from 0 to 1", format!("{share} as {name}"));
            }
        }
        let shares = [Way::Mask, Way::Replace, Way::Neighbour].into_iter().zip(words);
        let sum: f32 = shares.filter(|(way, _)| self.ways.has(*way)).map(|(_, (_, share))| share).sum();
        if sum > 1.0 {
            return refuse("p-mask, p-replace and p-neighbour of 1 together at most", sum.to_string());
        }
        if !(-1.0..=1.0).contains(&self.least_cosine) {
            return refuse("a cosine from -1 to 1", self.least_cosine.to_string());
        }
        if self.ways == Ways::default() || self.times == 0 || self.nearest == 0 {
            return refuse("one way, one pass and one neighbour at least", "none".to_owned());
        }
        Ok(())
    }
}

/// A text that was made of another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variant {
    /// The text.
    pub text: String,
    /// The ways that had a part in it: none where all words stayed.
    pub ways: Ways,
    /// How many words are in it, where it is a run of them.
    pub run: Option<usize>,
}

/// Makes variants of texts.
#[derive(Debug)]
pub struct Augmenter {
    options: Options,
    language: Language,
    frames: Option<Frames>,
    neighbours: Option<Neighbours>,
}

impl Augmenter {
    /// For texts of a language, with what replaces words and what is near to them.
    ///
    /// # Errors
    /// Those of [`Options::check`]; [`Way::Replace`] without frames, [`Way::Neighbour`] without neighbours.
    pub fn new(
        options: Options,
        language: Language,
        frames: Option<Frames>,
        neighbours: Option<Neighbours>,
    ) -> Result<Self> {
        options.check()?;
        for (way, there) in [(Way::Replace, frames.is_some()), (Way::Neighbour, neighbours.is_some())] {
            if options.ways.has(way) && !there {
                return Err(Error::invalid("augment", format!("tables for the way '{way}'"), "none"));
            }
        }
        Ok(Self { options, language, frames, neighbours })
    }

    /// Looks up what the words of texts are near to, for [`Self::variants`] to find: many at once are found sooner.
    pub fn prepare<S: AsRef<str>>(&self, texts: &[S]) {
        if let Some(neighbours) = self.neighbours.as_ref().filter(|_| self.options.ways.has(Way::Neighbour)) {
            let tokenizer = self.language.tokenizer();
            let cuts: Vec<Cut<'_>> = texts.iter().map(|text| Cut::of(text.as_ref(), tokenizer)).collect();
            neighbours.prepare(cuts.iter().flat_map(|cut| (0..cut.len()).map(|at| cut.word(at))));
        }
    }

    /// The variants of a text: those of its passes, then its clauses and what it is without one. They depend on the
    /// seed, the text and the tables alone. One may come twice, or be the text itself.
    #[must_use]
    pub fn variants(&self, text: &str) -> Vec<Variant> {
        let cut = Cut::of(text, self.language.tokenizer());
        let Options { ways, times, seed, .. } = self.options;
        let hash = text_hash(text);
        let mut variants = Vec::new();
        if ways.has_passes() {
            let folded = cut.folded();
            let pass = |pass| self.pass(&cut, &folded, &mut stream(seed, Purpose::Augment, hash, pass));
            variants.extend((0..times as u64).map_while(pass));
        }
        if ways.has(Way::Cut) {
            let mut rng = stream(seed, Purpose::Augment, hash, CLAUSES);
            let made = clauses::clauses(&cut, times, &mut rng).into_iter();
            variants.extend(made.map(|text| Variant { text, ways: Ways::default().with(Way::Cut), run: None }));
        }
        variants
    }

    /// Brings the variants of `text` into an order of chance, for those who take the first few.
    pub fn mix<T>(&self, text: &str, variants: &mut [T]) {
        shuffle(&mut stream(self.options.seed, Purpose::Augment, text_hash(text), ORDER), variants);
    }
}

/// Random streams of a text beside those of its passes.
const CLAUSES: u64 = u64::MAX;
const ORDER: u64 = u64::MAX - 1;

#[cfg(test)]
mod tests;
