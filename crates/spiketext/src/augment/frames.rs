//! Words of one kind without a tagger: those that stand between the same two neighbours ("frequent frames", Mintz
//! 2003, Cognition 90).
//!
//! For a word w between l and r, another word v is drawn with
//!
//! - `P(v) ~ c(l v r)`, how often v stands between l and r, or, where no other word does,
//! - `P(v) ~ c(l v) c(v r) / c(v)`, which is what two frames of one side each say of v: a model of word pairs.
//!
//! Where no word stands behind l and, here or elsewhere, before r, w stays. Tang et al. (2019) draw a word of the
//! same part of speech, whatever stands around it. l and r may be signs, or the ends of the text.

use std::{borrow::Cow, hash::Hash, sync::Arc};

use rand_chacha::rand_core::Rng;
use rustc_hash::FxHashMap;

use super::pieces::Cut;
use crate::{
    seed::{below, uniform},
    text::Tokenizer,
};

/// Tables are made of so many texts...
pub const MOST_TEXTS: usize = 100_000;
/// ...and of so many words, at most.
pub const MOST_WORDS: usize = 10_000_000;

/// A word with what stands before and behind it.
type Triple = [u32; 3];

/// Counts frames, a text at a time.
#[derive(Debug, Default)]
pub struct FrameCounter {
    numbers: FxHashMap<Arc<str>, u32>,
    words: Vec<Arc<str>>,
    triples: Vec<Triple>,
    texts: usize,
}

impl FrameCounter {
    /// Whether more texts would not be counted.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.texts >= MOST_TEXTS || self.triples.len() >= MOST_WORDS
    }

    /// How many texts were counted.
    #[must_use]
    pub fn texts(&self) -> usize {
        self.texts
    }

    /// Counts the frames of a text; no more of it than there is room for.
    pub fn add(&mut self, text: &str, tokenizer: &dyn Tokenizer) {
        self.add_cut(&Cut::of(text, tokenizer));
    }

    /// [`Self::add`] for a text that is cut.
    pub(super) fn add_cut(&mut self, cut: &Cut<'_>) {
        if self.is_full() {
            return;
        }
        self.texts += 1;
        let folded = cut.folded();
        for at in 0..cut.len().min(MOST_WORDS - self.triples.len()) {
            let (before, after) = cut.frame(at, &folded);
            let triple = [self.number(&before), self.number(&folded[at]), self.number(&after)];
            self.triples.push(triple);
        }
    }

    fn number(&mut self, word: &str) -> u32 {
        if let Some(&number) = self.numbers.get(word) {
            return number;
        }
        let (word, number): (Arc<str>, u32) = (word.into(), self.words.len() as u32);
        self.words.push(Arc::clone(&word));
        self.numbers.insert(word, number);
        number
    }

    /// The tables.
    #[must_use]
    pub fn finish(mut self) -> Frames {
        let mut counts = vec![0; self.words.len()];
        self.triples.iter().for_each(|triple| counts[triple[1] as usize] += 1);
        let triples = &mut self.triples;
        triples.sort_unstable_by_key(|&[left, word, right]| [left, right, word]);
        let both = Table::of(triples, |&[left, _, right]| (left, right));
        triples.sort_unstable();
        let behind = Table::of(triples, |&[left, ..]| left);
        triples.sort_unstable_by_key(|&[_, word, right]| [right, word]);
        let before = Table::of(triples, |&[.., right]| right);
        Frames { numbers: self.numbers, words: self.words, counts, both, behind, before }
    }
}

/// What stands in each frame that holds more than one word.
#[derive(Debug)]
struct Table<K> {
    /// Where the words of a frame begin, and how many they are.
    places: FxHashMap<K, (u32, u32)>,
    /// Words in the order of their numbers, and how often each stands there.
    words: Vec<(u32, u32)>,
}

impl<K: Copy + Eq + Hash> Table<K> {
    /// Groups triples that are sorted by `key` and then by the word.
    fn of(sorted: &[Triple], key: fn(&Triple) -> K) -> Self {
        let mut table = Self { places: FxHashMap::default(), words: Vec::new() };
        for group in sorted.chunk_by(|a, b| key(a) == key(b)) {
            let begin = table.words.len();
            table.words.extend(group.chunk_by(|a, b| a[1] == b[1]).map(|same| (same[0][1], same.len() as u32)));
            match table.words.len() - begin {
                // A frame with one word has nothing to give.
                1 => table.words.truncate(begin),
                length => drop(table.places.insert(key(&group[0]), (begin as u32, length as u32))),
            }
        }
        table
    }

    fn get(&self, key: K) -> &[(u32, u32)] {
        self.places.get(&key).map_or(&[], |&(begin, length)| &self.words[begin as usize..][..length as usize])
    }
}

/// Which words stand between which.
#[derive(Debug)]
pub struct Frames {
    numbers: FxHashMap<Arc<str>, u32>,
    words: Vec<Arc<str>>,
    /// How often each word stands anywhere.
    counts: Vec<u32>,
    both: Table<(u32, u32)>,
    behind: Table<u32>,
    before: Table<u32>,
}

impl Frames {
    /// Draws another word for the one at a place of a text, by the formulas above.
    pub(super) fn draw(&self, cut: &Cut<'_>, folded: &[Cow<'_, str>], at: usize, rng: &mut impl Rng) -> Option<&str> {
        let (left, right) = cut.frame(at, folded);
        let number = |word: &str| self.numbers.get(word).copied();
        let (left, right, own) = (number(&left)?, number(&right)?, number(&folded[at]));
        self.between(left, right, own, rng)
            .or_else(|| self.of_pairs(left, right, own, rng))
            .map(|word| &*self.words[word as usize])
    }

    fn between(&self, left: u32, right: u32, own: Option<u32>, rng: &mut impl Rng) -> Option<u32> {
        let others = || self.both.get((left, right)).iter().filter(|word| Some(word.0) != own);
        let total: usize = others().map(|word| word.1 as usize).sum();
        if total == 0 {
            return None;
        }
        let mut drawn = below(rng, total);
        others()
            .find(|word| {
                let found = drawn < word.1 as usize;
                drawn = drawn.saturating_sub(word.1 as usize);
                found
            })
            .map(|word| word.0)
    }

    fn of_pairs(&self, left: u32, right: u32, own: Option<u32>, rng: &mut impl Rng) -> Option<u32> {
        let (behind, before) = (self.behind.get(left), self.before.get(right));
        let (few, many) = if behind.len() < before.len() { (behind, before) } else { (before, behind) };
        let fitting = few.iter().filter(|word| Some(word.0) != own).filter_map(|&(word, count)| {
            let other = many[many.binary_search_by_key(&word, |other| other.0).ok()?].1;
            Some((word, f64::from(count) * f64::from(other) / f64::from(self.counts[word as usize].max(1))))
        });
        let fitting: Vec<(u32, f64)> = fitting.collect();
        let total: f64 = fitting.iter().map(|word| word.1).sum();
        let mut drawn = f64::from(uniform(rng)) * total;
        for (word, weight) in &fitting {
            drawn -= weight;
            if drawn < 0.0 {
                return Some(*word);
            }
        }
        fitting.last().map(|word| word.0)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::{
        seed::{Purpose, stream},
        text::Language,
    };

    fn frames(texts: &[&str]) -> Frames {
        let mut counter = FrameCounter::default();
        texts.iter().for_each(|text| counter.add(text, Language::English.tokenizer()));
        assert_eq!(counter.texts(), texts.len());
        counter.finish()
    }

    /// How often each word is drawn for the one at `at`.
    fn drawn(frames: &Frames, text: &str, at: usize) -> BTreeMap<String, usize> {
        let cut = Cut::of(text, Language::English.tokenizer());
        let folded = cut.folded();
        let mut found = BTreeMap::new();
        let mut rng = stream(0, Purpose::Augment, 0, 0);
        for _ in 0..1000 {
            if let Some(word) = frames.draw(&cut, &folded, at, &mut rng) {
                *found.entry(word.to_owned()).or_default() += 1;
            }
        }
        found
    }

    #[test]
    fn words_of_the_same_frame_are_drawn_by_frequency() {
        let frames = frames(&["a warm film", "A dull film", "a dull film", "a dull film", "the loud noise"]);
        let found = drawn(&frames, "a warm film", 1);
        assert_eq!(found, BTreeMap::from([("dull".to_owned(), 1000)]));
        let found = drawn(&frames, "a new film", 1);
        assert!((200..300).contains(&found["warm"]) && found["warm"] + found["dull"] == 1000, "{found:?}");
        assert!(drawn(&frames, "the loud noise", 1).is_empty(), "no other word stands there");
        assert!(drawn(&frames, "an unknown frame", 1).is_empty());
    }

    #[test]
    fn without_a_frame_pairs_decide() {
        // "x" is seen behind "a" and before "film", never between them.
        let frames = frames(&["a x stone", "the x film", "a y stone", "the z film"]);
        assert_eq!(drawn(&frames, "a warm film", 1), BTreeMap::from([("x".to_owned(), 1000)]));
    }

    #[test]
    fn the_ends_of_a_text_and_signs_are_frames_too() {
        let frames = frames(&["fine, warm", "fine, dull", "good"]);
        assert_eq!(drawn(&frames, "fine, warm", 1), BTreeMap::from([("dull".to_owned(), 1000)]));
    }
}
