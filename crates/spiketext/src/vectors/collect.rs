//! What every format's reader does with a word and its vector: keep it or not, count it, add it to the statistics.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
    hash::{DefaultHasher, Hash, Hasher},
    path::Path,
};

use super::{Format, ReadReport, Selection, WordVectors};
use crate::{Error, Result, text::Vocabulary, text::fold};

/// The most words that a file may have: one is remembered by eight bytes, kept or not, so that repetitions are
/// noticed. The largest sets there are have 12 million.
const MOST_WORDS: u64 = 1 << 26;

/// How many line numbers of skipped lines a report keeps.
const SKIPPED_LINES: usize = 10;

/// Count, mean and sum of squared distances from the mean of numbers. Merging in a fixed order gives fixed bits, and
/// keeps digits where the mean is large against the deviation.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Moments {
    count: f64,
    mean: f64,
    squares: f64,
}

impl Moments {
    /// The moments of one vector's entries.
    pub(super) fn of(values: &[f32]) -> Self {
        if values.is_empty() {
            return Self::default();
        }
        let count = values.len() as f64;
        let mean = lanes(values, f64::from) / count;
        Self { count, mean, squares: lanes(values, |value| (f64::from(value) - mean).powi(2)) }
    }

    /// Adds numbers whose moments are `other` (Chan, Golub and LeVeque 1979).
    pub(super) fn merge(&mut self, other: Self) {
        let count = self.count + other.count;
        if count > 0.0 {
            let distance = other.mean - self.mean;
            self.mean += distance * (other.count / count);
            self.squares += other.squares + distance * distance * (self.count * other.count / count);
            self.count = count;
        }
    }

    pub(super) fn mean(self) -> f64 {
        self.mean
    }

    /// The population deviation.
    pub(super) fn deviation(self) -> f64 {
        if self.count > 0.0 { (self.squares / self.count).sqrt() } else { 0.0 }
    }
}

/// Sums `term` of each value in eight lanes, so that the sum is fast and its order still fixed.
fn lanes(values: &[f32], term: impl Fn(f32) -> f64) -> f64 {
    let mut sums = [0.0; 8];
    let (groups, tail) = values.as_chunks::<8>();
    for group in groups {
        for (sum, &value) in sums.iter_mut().zip(group) {
            *sum += term(value);
        }
    }
    sums.iter().sum::<f64>() + tail.iter().map(|&value| term(value)).sum::<f64>()
}

/// Whether the word in `row` of the file (counted from 0) is to be kept.
pub(super) fn is_wanted(selection: &Selection, word: &str, row: u64) -> bool {
    row < selection.also_first as u64
        || selection.needed.contains(word)
        || matches!(fold(word), Cow::Owned(folded) if selection.needed.contains(&folded))
}

/// A number for a word by which repetitions are noticed without keeping the word.
pub(super) fn word_hash(word: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    word.hash(&mut hasher);
    hasher.finish()
}

/// The words kept so far, in the order of the file, and the account of all.
#[derive(Debug)]
pub(super) struct Collector {
    dimension: usize,
    words: Vec<String>,
    values: Vec<f32>,
    /// By token: the word's place, and whether the file spells it as the token.
    places: HashMap<String, (usize, bool)>,
    seen: HashSet<u64>,
    moments: Moments,
    report: ReadReport,
}

impl Collector {
    pub(super) fn new(format: Format, dimension: usize) -> Self {
        Self {
            dimension,
            words: Vec::new(),
            values: Vec::new(),
            places: HashMap::new(),
            seen: HashSet::new(),
            moments: Moments::default(),
            report: ReadReport { format, ..ReadReport::default() },
        }
    }

    /// Words and skipped lines so far.
    pub(super) fn rows(&self) -> u64 {
        self.report.words + self.report.skipped
    }

    /// Takes note of a word, kept or not, by its [`word_hash`].
    ///
    /// # Errors
    /// More words than any file of vectors has.
    pub(super) fn count(&mut self, path: &Path, hash: u64) -> Result<()> {
        if self.report.words == MOST_WORDS {
            return Err(Error::malformed(path, None, format!("at most {MOST_WORDS} words"), "more"));
        }
        self.report.words += 1;
        self.report.duplicates += u64::from(!self.seen.insert(hash));
        Ok(())
    }

    /// Adds entries to the statistics.
    pub(super) fn add(&mut self, moments: Moments) {
        self.moments.merge(moments);
    }

    /// Takes note of the number of words that the file says it has, where that is not what it has.
    pub(super) fn declared(&mut self, words: u64) {
        self.report.declared = Some(words).filter(|&words| words != self.rows());
    }

    /// Takes note of a line that was skipped, and of what is wrong with it.
    pub(super) fn skip(&mut self, line: u64, fault: &str) {
        self.report.first_fault.get_or_insert_with(|| fault.to_owned());
        self.report.skipped += 1;
        if self.report.skipped_lines.len() < SKIPPED_LINES {
            self.report.skipped_lines.push(line);
        }
    }

    /// Keeps a word under its token's spelling. The file's first of a token counts, but one that is spelled as the
    /// token takes precedence over one that is not.
    pub(super) fn keep(&mut self, word: &str, vector: &[f32]) {
        let token = match fold(word) {
            // A soft hyphen alone folds into nothing; it keeps its own spelling.
            folded if folded.is_empty() => Cow::Borrowed(word),
            folded => folded,
        };
        let is_exact = token == word;
        match self.places.get_mut(token.as_ref()) {
            None => {
                self.places.insert(token.to_string(), (self.words.len(), is_exact));
                self.words.push(token.into_owned());
                self.values.extend_from_slice(vector);
            }
            Some((place, was_exact)) => {
                self.report.variants += u64::from(!is_exact || !*was_exact);
                if is_exact && !*was_exact {
                    *was_exact = true;
                    self.values[*place * self.dimension..][..self.dimension].copy_from_slice(vector);
                }
            }
        }
    }

    /// All that was collected.
    ///
    /// # Errors
    /// A file without any vector.
    pub(super) fn finish(self, path: &Path) -> Result<WordVectors> {
        if self.report.words == 0 {
            let got = if self.report.skipped == 0 { "an empty file" } else { "no line that can be read" };
            return Err(Error::malformed(path, None, "word vectors", got));
        }
        let words = Vocabulary::from_words(self.words)?;
        let (mean, deviation) = (self.moments.mean() as f32, self.moments.deviation() as f32);
        Ok(WordVectors {
            words,
            dimension: self.dimension,
            values: self.values,
            mean,
            deviation,
            report: self.report,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_word_spelled_as_the_token_wins_else_the_first() {
        let mut collector = Collector::new(Format::GloveText, 1);
        for (word, value) in [("The", 1.0), ("film", 2.0), ("the", 3.0), ("FILM", 4.0), ("Rome", 5.0), ("ROME", 6.0)]
        {
            collector.count(Path::new("x"), word_hash(word)).unwrap();
            collector.keep(word, &[value]);
        }
        let vectors = collector.finish(Path::new("x")).unwrap();
        assert_eq!(vectors.words.words().collect::<Vec<_>>(), ["the", "film", "rome"]);
        assert_eq!(vectors.values, [3.0, 2.0, 5.0]);
        assert_eq!((vectors.report.variants, vectors.report.duplicates, vectors.report.words), (3, 0, 6));
    }

    #[test]
    fn more_words_than_any_file_has_are_refused() {
        let mut collector = Collector::new(Format::GloveText, 1);
        collector.report.words = MOST_WORDS - 1;
        assert!(collector.count(Path::new("x"), 1).is_ok());
        let message = collector.count(Path::new("x"), 2).unwrap_err().to_string();
        assert_eq!(message, "x: expected at most 67108864 words, got more");
    }

    #[test]
    fn wanted_are_the_first_the_needed_and_their_other_spellings() {
        let selection = Selection { needed: HashSet::from(["rome".to_owned()]), also_first: 1, lenient: false };
        assert!(is_wanted(&selection, "x", 0));
        assert!(!is_wanted(&selection, "x", 1));
        assert!(is_wanted(&selection, "rome", 9) && is_wanted(&selection, "Rome", 9));
    }

    proptest! {
        #[test]
        fn moments_are_those_of_all_numbers(
            rows in proptest::collection::vec(proptest::collection::vec(-9f32..9.0, 0..20), 1..9),
        ) {
            let mut moments = Moments::default();
            rows.iter().for_each(|row| moments.merge(Moments::of(row)));
            let all: Vec<f64> = rows.concat().into_iter().map(f64::from).collect();
            let count = all.len().max(1) as f64;
            let mean = all.iter().sum::<f64>() / count;
            let deviation = (all.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / count).sqrt();
            prop_assert!((moments.mean() - mean).abs() < 1e-12);
            prop_assert!((moments.deviation() - deviation).abs() < 1e-12);
        }
    }
}
