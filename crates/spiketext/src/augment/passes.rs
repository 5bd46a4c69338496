//! One pass over the words of a text, after Tang et al. (2019), arXiv 1903.12136, section 3.3: for each word a number
//! is drawn from [0, 1) that says whether it is left out, replaced, exchanged or stays; at the end it may be that
//! only a run of the words is kept.

use std::borrow::Cow;

use rand_chacha::rand_core::Rng;

use super::{
    Augmenter, Variant, Way, Ways,
    pieces::{Cut, Edit},
};
use crate::{
    seed::{below, uniform},
    vectors::in_case_of,
};

impl Augmenter {
    /// One pass; `folded` are the words as tables have them. None for a text without words.
    pub(super) fn pass(&self, cut: &Cut<'_>, folded: &[Cow<'_, str>], rng: &mut impl Rng) -> Option<Variant> {
        if cut.len() == 0 {
            return None;
        }
        let (edits, ways): (Vec<Edit>, Vec<Ways>) = (0..cut.len()).map(|at| self.edit(cut, folded, at, rng)).unzip();
        let edits = leave_one(edits, rng);
        let run = match self.is_drawn(Way::Sample, self.options.sample, rng) {
            true => run(&edits, rng),
            false => None,
        };
        let words = run.clone().map_or(0..cut.len(), |(words, _)| words);
        let mut done = ways[words.clone()].iter().fold(Ways::default(), |done, &way| done.with_all(way));
        if run.is_some() {
            done = done.with(Way::Sample);
        }
        Some(Variant { text: cut.written(words, &edits), ways: done, run: run.map(|(_, length)| length) })
    }

    fn is_drawn(&self, way: Way, probability: f32, rng: &mut impl Rng) -> bool {
        self.options.ways.has(way) && uniform(rng) < probability
    }

    /// What becomes of a word, and by which way: with u from [0, 1), u < p_mask leaves it out, u < p_mask + p_replace
    /// replaces it, u < p_mask + p_replace + p_neighbour exchanges it. Where there is nothing to put in its place, it
    /// stays.
    fn edit(&self, cut: &Cut<'_>, folded: &[Cow<'_, str>], at: usize, rng: &mut impl Rng) -> (Edit, Ways) {
        let options = &self.options;
        let share = |way: Way, share: f32| if options.ways.has(way) { share } else { 0.0 };
        let mask = share(Way::Mask, options.mask);
        let replace = mask + share(Way::Replace, options.replace);
        let neighbour = replace + share(Way::Neighbour, options.neighbour);
        let drawn = uniform(rng);
        if drawn < mask {
            return (Edit::Drop, Ways::default().with(Way::Mask));
        }
        let (way, other) = match drawn {
            _ if drawn < replace => (Way::Replace, self.replaced(cut, folded, at, rng)),
            _ if drawn < neighbour => (Way::Neighbour, self.exchanged(cut, at, rng)),
            _ => return (Edit::Keep, Ways::default()),
        };
        other.map_or((Edit::Keep, Ways::default()), |other| (Edit::With(other), Ways::default().with(way)))
    }

    /// A word of the same kind, see [`super::frames`].
    fn replaced(&self, cut: &Cut<'_>, folded: &[Cow<'_, str>], at: usize, rng: &mut impl Rng) -> Option<String> {
        let other = self.frames.as_ref()?.draw(cut, folded, at, rng)?;
        Some(in_case_of(cut.word(at), other))
    }

    /// One of the k words whose vectors lie nearest by cosine, all alike, of those at least so near. Opposites lie
    /// near as well: who labels the text decides what it says now.
    ///
    /// Where blanks stand between words, the most frequent ones hold a sentence together, and what is near to them
    /// does not (`into` has `pinto`): they stay. Chinese has less of such words, and `好` is among the most frequent.
    fn exchanged(&self, cut: &Cut<'_>, at: usize, rng: &mut impl Rng) -> Option<String> {
        let neighbours = self.neighbours.as_ref()?;
        // Single letters are names of something, or what is left of an abbreviation.
        let is_letter = |word: &str| word.chars().nth(1).is_none();
        let is_frequent = |word: &str| neighbours.rank(word).is_none_or(|rank| rank < FORM_WORDS);
        let is_form = |word: &str| cut.spaced && (is_letter(word) || is_frequent(word));
        if is_form(cut.word(at)) {
            return None;
        }
        let mut near = neighbours.of(cut.word(at), self.options.nearest, self.options.least_cosine);
        near.retain(|other| is_word(other) && !is_form(other));
        if near.is_empty() { None } else { Some(near.swap_remove(below(rng, near.len()))) }
    }
}

/// So many of the most frequent words are taken for words of form, where blanks stand between words.
const FORM_WORDS: usize = 150;

/// Whether a word of vectors can stand in a text: files of them have `--with` and `off-`.
fn is_word(word: &str) -> bool {
    word.starts_with(char::is_alphanumeric)
        && word.ends_with(char::is_alphanumeric)
        && word.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '\'' | '.'))
}

/// Brings one word back where all would go: nothing is no text.
fn leave_one(mut edits: Vec<Edit>, rng: &mut impl Rng) -> Vec<Edit> {
    if edits.iter().all(|edit| *edit == Edit::Drop) {
        let back = below(rng, edits.len());
        edits[back] = Edit::Keep;
    }
    edits
}

/// A run of the words that are left, and how many it has: of n words k from 1 to n - 1, each as likely as the others,
/// and one of the n - k + 1 places. None of a single word.
///
/// Tang et al. draw k from 1 to 5. Sentences of twenty words and reviews of two hundred would then all become the
/// same few words; here runs are as different in length as texts are.
fn run(edits: &[Edit], rng: &mut impl Rng) -> Option<(std::ops::Range<usize>, usize)> {
    let left: Vec<usize> = (0..edits.len()).filter(|&at| edits[at] != Edit::Drop).collect();
    if left.len() < 2 {
        return None;
    }
    let length = 1 + below(rng, left.len() - 1);
    let begin = below(rng, left.len() - length + 1);
    Some((left[begin]..left[begin + length - 1] + 1, length))
}
