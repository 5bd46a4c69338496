//! Transformations: what a word may be replaced by. Each kind is in a file of its own.

pub mod characters;
pub mod chinese;
pub mod masked;
pub mod synonyms;

use rand_chacha::rand_core::Rng;
use spiketext::vectors::Neighbours;

use characters::Edit;
use chinese::{Alike, Characters};
use masked::MaskedWords;
use synonyms::WordNet;

use crate::words::Draft;

/// A way to make other words of a word.
#[derive(Clone, Copy)]
pub enum Transformation<'a> {
    /// One letter changed, see [`Edit`].
    Edit(Edit),
    /// The nearest words of a vector file, up to so many, with a cosine of at least `least`.
    Neighbours {
        /// Where they are found.
        of: &'a Neighbours,
        /// How many.
        most: usize,
        /// The least cosine; -1 takes any.
        least: f32,
    },
    /// Words that share a meaning.
    Synonyms(&'a WordNet),
    /// Words that a model finds likely in the place.
    Masked(&'a dyn MaskedWords),
    /// A character that sounds or looks like one of the word.
    Character {
        /// Characters and their likes.
        of: &'a Characters,
        /// In which way they are alike.
        alike: Alike,
        /// How many for each character.
        most: usize,
    },
}

impl Transformation<'_> {
    /// Other words for the one at a place of a draft, none of them the word itself. `rng` is for those that are
    /// drawn.
    #[must_use]
    pub fn of(&self, draft: &Draft<'_>, place: usize, rng: &mut impl Rng) -> Vec<String> {
        let word = draft.word(place);
        match self {
            Self::Edit(edit) => edit.of(word, rng).into_iter().collect(),
            Self::Neighbours { of, most, least } => of.of(word, *most, *least),
            Self::Synonyms(words) => words.of(word),
            Self::Masked(model) => model.words(draft, place),
            Self::Character { of, alike, most } => of.words(word, *alike, *most),
        }
    }
}
