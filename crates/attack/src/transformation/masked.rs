//! Words that fit where one was taken out, as a masked language model would say (BAE: Garg and Ramakrishnan 2020;
//! BERT-Attack: Li et al. 2020), by any model that implements [`MaskedWords`].
//!
//! The one that is here needs no download: the neighbours of the word, ranked by the trigrams around it with "stupid
//! back-off" (Brants et al. 2007). It knows three words at a time, where BERT reads the sentence.

use std::{collections::HashMap, sync::Arc};

use spiketext::{
    text::{Language, fold},
    vectors::Neighbours,
};

use crate::words::{Draft, Words};

/// A model that names words for a gap.
pub trait MaskedWords: Send + Sync {
    /// Words for the gap at a place of a draft, the most likely first.
    fn words(&self, draft: &Draft<'_>, place: usize) -> Vec<String>;
}

/// How much less a shorter context counts.
const BACK_OFF: f64 = 0.4;
/// What stands before and behind a text.
const EDGE: u32 = 0;

/// Counts of words, pairs and triples.
#[derive(Clone, Debug)]
pub struct Trigrams {
    ids: HashMap<String, u32>,
    total: u64,
    counts: [HashMap<[u32; 3], u32>; 3],
}

impl Trigrams {
    /// Counts the words of texts, whatever their case.
    #[must_use]
    pub fn of<'a>(language: Language, texts: impl IntoIterator<Item = &'a str>) -> Self {
        let mut own = Self { ids: HashMap::new(), total: 0, counts: Default::default() };
        for text in texts {
            let words = Words::of(language, text);
            let mut ids = vec![EDGE, EDGE];
            for place in 0..words.len() {
                let next = own.ids.len() as u32 + 1;
                ids.push(*own.ids.entry(fold(words.word(place)).into_owned()).or_insert(next));
            }
            ids.extend([EDGE, EDGE]);
            for window in ids.windows(3) {
                let [a, b, c] = [window[0], window[1], window[2]];
                own.total += 1;
                for (length, key) in [[EDGE, EDGE, c], [EDGE, b, c], [a, b, c]].into_iter().enumerate() {
                    *own.counts[length].entry(key).or_default() += 1;
                }
            }
        }
        own
    }

    /// Distinct words.
    #[must_use]
    pub fn words(&self) -> usize {
        self.ids.len()
    }

    /// The logarithm of the score of a word after two others: relative frequency of the longest context that was ever
    /// seen, each word less a factor of 0.4. Of a word that was never seen, that of half an occurrence.
    fn score(&self, a: Option<u32>, b: Option<u32>, c: Option<u32>) -> f64 {
        let count = |length: usize, key: [u32; 3]| self.counts[length].get(&key).copied().unwrap_or(0);
        let share = |part: u32, whole: u32| (f64::from(part) / f64::from(whole.max(1))).ln();
        let Some(c) = c else { return 2.0 * BACK_OFF.ln() + (0.5 / self.total.max(1) as f64).ln() };
        if let (Some(a), Some(b)) = (a, b) {
            let seen = count(2, [a, b, c]);
            if seen > 0 {
                return share(seen, count(1, [EDGE, a, b]));
            }
        }
        if let Some(b) = b {
            let seen = count(1, [EDGE, b, c]);
            if seen > 0 {
                return BACK_OFF.ln() + share(seen, count(0, [EDGE, EDGE, b]));
            }
        }
        let seen = f64::from(count(0, [EDGE, EDGE, c])).max(0.5);
        2.0 * BACK_OFF.ln() + (seen / self.total.max(1) as f64).ln()
    }

    /// How well a word fits at a place of a draft: the three scores that it has a part in.
    #[must_use]
    pub fn fit(&self, draft: &Draft<'_>, place: usize, word: &str) -> f64 {
        let id = |word: &str| self.ids.get(&*fold(word)).copied();
        let around = |step: isize| {
            let at = place.checked_add_signed(step).filter(|&at| at < draft.original().len());
            at.map_or(Some(EDGE), |at| id(draft.word(at)))
        };
        let [a, b, own, d, e] = [around(-2), around(-1), id(word), around(1), around(2)];
        self.score(a, b, own) + self.score(b, own, d) + self.score(own, d, e)
    }
}

/// Neighbours of a word, those that fit best around its place first.
pub struct NeighboursInContext {
    /// The neighbourhood.
    pub neighbours: Arc<Neighbours>,
    /// The counts that say what fits.
    pub trigrams: Trigrams,
    /// Neighbours that are looked at.
    pub of: usize,
    /// Words that are named.
    pub most: usize,
}

impl MaskedWords for NeighboursInContext {
    fn words(&self, draft: &Draft<'_>, place: usize) -> Vec<String> {
        let mut words: Vec<(f64, String)> = self
            .neighbours
            .of(draft.word(place), self.of, -1.0)
            .into_iter()
            .map(|word| (self.trigrams.fit(draft, place, &word), word))
            .collect();
        // A stable sort: of words that fit alike the nearer one comes first.
        words.sort_by(|a, b| b.0.total_cmp(&a.0));
        words.into_iter().take(self.most).map(|(_, word)| word).collect()
    }
}

#[cfg(test)]
mod tests {
    use spiketext::vectors;

    use super::*;

    #[test]
    fn what_was_seen_fits_better() {
        let texts = ["a very good film", "a very bad film", "a very good story", "the film"];
        let trigrams = Trigrams::of(Language::English, texts);
        assert_eq!(trigrams.words(), 7);
        let words = Words::of(Language::English, "A very strange film");
        let draft = Draft::new(&words);
        let fit = |word| trigrams.fit(&draft, 2, word);
        // Seen before and behind; seen; never seen.
        assert!(fit("good") > fit("story") && fit("Good") == fit("good"));
        assert!(fit("story") > fit("unheard"));
        assert!(fit("bad") > fit("the"));
        // By the definition: good after (a, very) 2 of 3, film after (very, good) 1 of 2, the end after (good, film)
        // 1 of 1.
        assert!((fit("good") - (2.0f64 / 3.0 * 0.5).ln()).abs() < 1e-9, "{}", fit("good"));
        let one = Words::of(Language::English, "film");
        assert!(trigrams.fit(&Draft::new(&one), 0, "film").is_finite());
        let nothing = Trigrams::of(Language::English, []);
        assert!(nothing.fit(&draft, 0, "film").is_finite());
    }

    #[test]
    fn neighbours_are_ranked_by_their_surroundings() {
        let vectors = vectors::built_in(Language::English).expect("built in");
        let neighbours = Arc::new(Neighbours::new(&vectors, 50));
        let near = neighbours.of("good", 10, -1.0);
        let favourite = near[9].clone();
        let text = format!("this is a {favourite} film");
        let trigrams = Trigrams::of(Language::English, [text.as_str()]);
        let masked = NeighboursInContext { neighbours, trigrams, of: 10, most: 3 };
        let words = Words::of(Language::English, "This is a good film");
        let got = masked.words(&Draft::new(&words), 3);
        assert_eq!(got, [favourite, near[0].clone(), near[1].clone()]);
        assert!(masked.words(&Draft::new(&Words::of(Language::English, "zzzzzz")), 0).is_empty());
    }
}
