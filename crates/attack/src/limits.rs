//! What an attack must not do: touch some words, change too many, stray too far from what was said.

use std::collections::HashSet;

use spiketext::{text::Language, vectors::Neighbours};

use crate::words::Draft;

/// The limits of an attack. No word is changed twice, whatever they say.
#[derive(Clone, Default)]
pub struct Limits<'a> {
    /// Words that stay as they are.
    pub stop_words: HashSet<&'static str>,
    /// The most letters put in, left out or replaced in the whole text (Levenshtein 1966).
    pub edit_distance: Option<usize>,
    /// The most words that may be changed.
    pub words: Option<usize>,
    /// The largest share of the words that may be changed; rounded up to whole words.
    pub share: Option<f64>,
    /// How much of the meaning must stay.
    pub similarity: Option<Similarity<'a>>,
}

/// A bound on the similarity of the averaged vectors of two texts: what stands here for a sentence encoder, which
/// needs a model of its own. It knows words and not their order.
#[derive(Clone, Copy)]
pub struct Similarity<'a> {
    /// The vectors.
    pub vectors: &'a Neighbours,
    /// The least that is allowed.
    pub least: f32,
    /// In which measure.
    pub measure: Measure,
    /// Words around the changed one that are compared; the whole text without.
    pub window: Option<usize>,
    /// Whether a draft is compared with the draft that it was made of instead of the first text.
    pub against_last: bool,
    /// Whether texts shorter than the window are not bound.
    pub spares_short: bool,
}

/// How similarity is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// The cosine.
    Cosine,
    /// `1 - angle / pi`.
    Angular,
}

/// The stop words of a language, as NLTK has them.
#[must_use]
pub fn stop_words(language: Language) -> HashSet<&'static str> {
    stop_words::lookup(language.name()).unwrap_or_default().iter().copied().collect()
}

impl Limits<'_> {
    /// Whether the word at a place may be replaced.
    #[must_use]
    pub fn may_touch(&self, draft: &Draft<'_>, place: usize) -> bool {
        !draft.changes().contains_key(&place) && !self.stop_words.contains(draft.word(place))
    }

    /// Whether `next`, made of `last` by a change at `place`, may stand; with its similarity, where that counts.
    #[must_use]
    pub fn allow(&self, last: &Draft<'_>, next: &Draft<'_>, place: usize) -> Option<f32> {
        if self.words.is_some_and(|most| next.changes().len() > most) {
            return None;
        }
        if let Some(share) = self.share
            && next.changes().len() as f64 > (share * next.original().len() as f64).ceil()
        {
            return None;
        }
        if let Some(most) = self.edit_distance {
            // Word by word it is never less than of the whole text, and costs next to nothing.
            let original = next.original();
            let by_words =
                next.changes().iter().map(|(&at, to)| strsim::levenshtein(original.word(at), to)).sum::<usize>();
            if by_words > most && strsim::levenshtein(original.text(), &next.text()) > most {
                return None;
            }
        }
        let Some(similarity) = &self.similarity else { return Some(0.0) };
        let found = similarity.of(last, next, place);
        (found >= similarity.least).then_some(found)
    }
}

impl Similarity<'_> {
    fn of(&self, last: &Draft<'_>, next: &Draft<'_>, place: usize) -> f32 {
        let count = next.original().len();
        let reference = if self.against_last { last.clone() } else { Draft::new(next.original()) };
        let range = match self.window {
            Some(window) if count >= window => {
                let first = place.saturating_sub(window / 2).min(count - window);
                first..first + window
            }
            Some(_) if self.spares_short => return 1.0,
            _ => 0..count,
        };
        let (a, b) = (self.sum(&reference, range.clone()), self.sum(next, range));
        let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let lengths = (product(&a, &a) * product(&b, &b)).sqrt();
        let cosine = if lengths > 0.0 { (product(&a, &b) / lengths).clamp(-1.0, 1.0) } else { 0.0 };
        match self.measure {
            Measure::Cosine => cosine as f32,
            Measure::Angular => (1.0 - cosine.acos() / std::f64::consts::PI) as f32,
        }
    }

    /// The sum of the words' vectors, whose direction is that of the mean.
    fn sum(&self, draft: &Draft<'_>, places: std::ops::Range<usize>) -> Vec<f64> {
        let mut sum = Vec::new();
        for vector in places.filter_map(|place| self.vectors.vector(draft.word(place))) {
            sum.resize(vector.len(), 0.0);
            sum.iter_mut().zip(vector).for_each(|(sum, x)| *sum += f64::from(*x));
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use spiketext::vectors;

    use super::*;
    use crate::words::Words;

    #[test]
    fn words_that_stay_and_words_that_were_changed_are_not_touched() {
        let words = Words::of(Language::English, "The film is not good");
        let limits = Limits { stop_words: stop_words(Language::English), ..Limits::default() };
        let touched = |draft: &Draft<'_>| (0..5).filter(|&i| limits.may_touch(draft, i)).collect::<Vec<_>>();
        // "The" is no stop word, "the" is one: the list is in small letters.
        assert_eq!(touched(&Draft::new(&words)), [0, 1, 4]);
        assert_eq!(touched(&Draft::new(&words).with(1, "movie")), [0, 4]);
        assert!(stop_words(Language::Chinese).contains("的"));
    }

    #[test]
    fn shares_are_rounded_up_and_letters_counted() {
        let words = Words::of(Language::English, "one two three four five");
        let first = Draft::new(&words);
        let two = first.with(0, "ten").with(1, "six");
        let allows = |limits: Limits<'_>, draft: &Draft<'_>| limits.allow(&first, draft, 1).is_some();
        let share = |share| Limits { share: Some(share), ..Limits::default() };
        assert!(allows(share(0.1), &first.with(0, "ten")) && !allows(share(0.2), &two) && allows(share(0.21), &two));
        let words = |words| Limits { words: Some(words), ..Limits::default() };
        assert!(allows(words(2), &two) && !allows(words(1), &two));
        let letters = |most| Limits { edit_distance: Some(most), ..Limits::default() };
        // one to ten: 3 letters; two to six: 3.
        assert!(allows(letters(6), &two) && !allows(letters(5), &two));
        // What counts is the whole text.
        let words = Words::of(Language::English, "ab ab ab");
        let turned = Draft::new(&words).with(0, "b").with(1, "a b").with(2, "ab a");
        let whole = strsim::levenshtein(words.text(), &turned.text());
        let limits = Limits { edit_distance: Some(whole), ..Limits::default() };
        assert!(limits.allow(&Draft::new(&words), &turned, 2).is_some());
        let limits = Limits { edit_distance: Some(whole - 1), ..Limits::default() };
        assert!(limits.allow(&Draft::new(&words), &turned, 2).is_none());
    }

    #[test]
    fn what_is_said_must_stay_near() {
        let vectors = Neighbours::new(&vectors::built_in(Language::English).expect("built in"), 1);
        let words = Words::of(Language::English, "a good film about good people and zzzzzz places of the world");
        let first = Draft::new(&words);
        let with = |measure, window, spares_short| Similarity {
            vectors: &vectors,
            least: 0.0,
            measure,
            window,
            against_last: false,
            spares_short,
        };
        let whole = with(Measure::Cosine, None, false);
        let near = whole.of(&first, &first.with(1, "great"), 1);
        let far = whole.of(&first, &first.with(1, "seven"), 1);
        assert!(near > far && near < 1.0, "{near} {far}");
        assert!((whole.of(&first, &first, 1) - 1.0).abs() < 1e-6);
        // A word without a vector says nothing.
        assert!((whole.of(&first, &first.with(7, "qqqqqq"), 7) - 1.0).abs() < 1e-6);
        let angular = with(Measure::Angular, None, false).of(&first, &first.with(1, "seven"), 1);
        assert!((f64::from(angular) - (1.0 - f64::from(far).acos() / std::f64::consts::PI)).abs() < 1e-6);
        // Fewer words, a larger part of them changed.
        assert!(with(Measure::Cosine, Some(3), false).of(&first, &first.with(1, "seven"), 1) < far);
        assert_eq!(with(Measure::Cosine, Some(50), true).of(&first, &first.with(1, "seven"), 1), 1.0);
        assert!((with(Measure::Cosine, Some(50), false).of(&first, &first.with(1, "seven"), 1) - far).abs() < 1e-6);
        // Nothing is like a text of no known word.
        let strange = Words::of(Language::English, "zzzzzz qqqqqq");
        assert_eq!(whole.of(&Draft::new(&strange), &Draft::new(&strange).with(0, "xxxxxx"), 0), 0.0);
    }

    #[test]
    fn drafts_are_compared_with_the_first_text_or_the_last_draft() {
        let vectors = Neighbours::new(&vectors::built_in(Language::English).expect("built in"), 1);
        let words = Words::of(Language::English, "a good film");
        let last = Draft::new(&words).with(1, "seven");
        let next = last.with(2, "movie");
        let similarity = Similarity {
            vectors: &vectors,
            least: 0.0,
            measure: Measure::Cosine,
            window: None,
            against_last: false,
            spares_short: false,
        };
        let against_last = Similarity { against_last: true, ..similarity };
        assert!(against_last.of(&last, &next, 2) > similarity.of(&last, &next, 2));
    }
}
