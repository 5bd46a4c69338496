//! What a word may be exchanged for. Each kind of substitution is in a file of its own.

pub mod characters;
pub mod neighbours;
pub mod synonyms;

use rand_chacha::rand_core::Rng;

use characters::Edit;
use neighbours::Neighbours;
use synonyms::WordNet;

/// A way to make other words of a word.
#[derive(Clone, Copy)]
pub enum Substitution<'a> {
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
}

impl Substitution<'_> {
    /// Other words for `word`, none of them the word itself. `rng` is for those that are drawn.
    #[must_use]
    pub fn of(&self, word: &str, rng: &mut impl Rng) -> Vec<String> {
        match self {
            Self::Edit(edit) => edit.of(word, rng).into_iter().collect(),
            Self::Neighbours { of, most, least } => of.of(word, *most, *least),
            Self::Synonyms(words) => words.of(word),
        }
    }
}
