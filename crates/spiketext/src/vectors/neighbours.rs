//! The nearest words of a file of word vectors, by cosine.
//!
//! Many words are looked up at once: a product of their vectors with those of all words, in which each number of the
//! big table is read once for a block of words. The product only picks candidates; they are ranked by cosines that
//! are summed in a fixed order, so that the ranking does not depend on which words were looked up together.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, PoisonError},
};

use rayon::prelude::*;
use spiketext_kernels::matrix::{Matrix, shared_product};

use super::WordVectors;
use crate::text::{Vocabulary, fold};

/// Words looked up in one product.
const BLOCK: usize = 64;
/// Candidates that the product may name beyond those that are asked for: more than its rounding can bring out of
/// order.
const SPARE: usize = 8;

/// The neighbourhood of words.
#[derive(Debug)]
pub struct Neighbours {
    words: Vocabulary,
    dimension: usize,
    /// Vectors of length 1, `[V, D]`; a vector of zeros stays.
    unit: Vec<f32>,
    /// Neighbours that are kept of each word.
    most: usize,
    found: Mutex<HashMap<u32, Found>>,
}

/// Neighbours of a word with their cosines, the nearest first.
type Found = Arc<[(u32, f32)]>;

impl Neighbours {
    /// The neighbourhood among all words of `vectors`, up to `most` of each.
    #[must_use]
    pub fn new(vectors: &WordVectors, most: usize) -> Self {
        let dimension = vectors.dimension;
        let mut unit = Vec::with_capacity(vectors.words.len() * dimension);
        for id in 0..vectors.words.len() as u32 {
            let vector = vectors.vector(id).unwrap_or_default();
            let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
            let scale = if length > 0.0 { 1.0 / length } else { 0.0 };
            unit.extend(vector.iter().map(|x| scale * x));
        }
        Self { words: vectors.words.clone(), dimension, unit, most, found: Mutex::default() }
    }

    /// All words, in the order of the vectors: the most frequent first in most files.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        self.words.words()
    }

    /// The vector of a word, of length 1, whatever its case.
    #[must_use]
    pub fn vector(&self, word: &str) -> Option<&[f32]> {
        self.id(word).map(|id| self.row(id))
    }

    /// Looks up many words at once, for [`Self::of`] to find.
    pub fn prepare<'a>(&self, words: impl IntoIterator<Item = &'a str>) {
        let ids: BTreeSet<u32> = words.into_iter().filter_map(|word| self.id(word)).collect();
        let found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        let missing: Vec<u32> = ids.into_iter().filter(|id| !found.contains_key(id)).collect();
        drop(found);
        for block in missing.chunks(BLOCK) {
            self.look_up(block);
        }
    }

    /// Up to `most` neighbours of a word with a cosine of at least `least`, the nearest first, in the case of the
    /// word. Nothing for a word without a vector.
    #[must_use]
    pub fn of(&self, word: &str, most: usize, least: f32) -> Vec<String> {
        let Some(id) = self.id(word) else { return Vec::new() };
        let known = self.found.lock().unwrap_or_else(PoisonError::into_inner).get(&id).cloned();
        let found = known.unwrap_or_else(|| {
            self.look_up(&[id]);
            self.found.lock().unwrap_or_else(PoisonError::into_inner).get(&id).cloned().unwrap_or_default()
        });
        let near = found.iter().take(most).take_while(|(_, cosine)| *cosine >= least);
        let words = near.filter_map(|&(id, _)| self.words.word(id)).map(|other| in_case_of(word, other));
        words.filter(|other| other != word).collect()
    }

    /// The place of a word, whatever its case, in the order of the vectors.
    #[must_use]
    pub fn rank(&self, word: &str) -> Option<usize> {
        self.id(word).map(|id| id as usize)
    }

    /// The number of a word as it stands, or else in lower case.
    fn id(&self, word: &str) -> Option<u32> {
        self.words.id(word).or_else(|| self.words.id(&fold(word)))
    }

    fn row(&self, id: u32) -> &[f32] {
        &self.unit[id as usize * self.dimension..][..self.dimension]
    }

    fn look_up(&self, ids: &[u32]) {
        let count = self.words.len();
        let queries: Vec<f32> = ids.iter().flat_map(|&id| self.row(id)).copied().collect();
        let mut cosines = vec![0.0; ids.len() * count];
        let all = Matrix::new(&self.unit, count, self.dimension).transposed();
        shared_product(Matrix::new(&queries, ids.len(), self.dimension), all, &mut cosines);
        let best = |(cosines, &id): (&[f32], &u32)| -> (u32, Found) {
            let mut others: Vec<u32> = (0..count as u32).filter(|&other| other != id).collect();
            let wanted = (self.most + SPARE).min(others.len());
            if wanted < others.len() {
                others.select_nth_unstable_by(wanted, |&a, &b| {
                    cosines[b as usize].total_cmp(&cosines[a as usize]).then(a.cmp(&b))
                });
                others.truncate(wanted);
            }
            let mut ranked: Vec<(u32, f32)> =
                others.into_iter().map(|other| (other, self.cosine(id, other))).collect();
            ranked.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
            ranked.truncate(self.most);
            (id, ranked.into())
        };
        let found: Vec<_> = cosines.par_chunks_exact(count.max(1)).zip(ids).map(best).collect();
        self.found.lock().unwrap_or_else(PoisonError::into_inner).extend(found);
    }

    fn cosine(&self, a: u32, b: u32) -> f32 {
        self.row(a).iter().zip(self.row(b)).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>() as f32
    }
}

/// `other` written as `word` is: in capitals, with a capital, or as it stands.
#[must_use]
pub fn in_case_of(word: &str, other: &str) -> String {
    let mut letters = word.chars();
    match letters.next() {
        Some(first) if first.is_uppercase() => {
            if word.chars().count() > 1 && letters.all(|letter| !letter.is_lowercase()) {
                other.to_uppercase()
            } else {
                let mut letters = other.chars();
                let first = letters.next().map(char::to_uppercase);
                first.into_iter().flatten().chain(letters).collect()
            }
        }
        _ => other.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{text::Language, vectors};

    #[test]
    fn neighbours_are_those_of_the_definition() {
        let vectors = vectors::built_in(Language::English).expect("built in");
        let neighbours = Neighbours::new(&vectors, 10);
        let words = ["good", "film", "the", "three", "Good", "zzzzzz"];
        neighbours.prepare(words);
        let alone = Neighbours::new(&vectors, 10);
        for word in words {
            let got = neighbours.of(word, 10, -1.0);
            assert_eq!(got, alone.of(word, 10, -1.0), "{word}");
            let Some(own) = neighbours.vector(word) else {
                assert!(got.is_empty());
                continue;
            };
            let mut all: Vec<(f32, &str)> = vectors
                .words
                .words()
                .filter(|other| *other != fold(word))
                .map(|other| {
                    (own.iter().zip(neighbours.vector(other).expect("known")).map(|(a, b)| a * b).sum(), other)
                })
                .collect();
            all.sort_by(|a, b| b.0.total_cmp(&a.0));
            for (got, (cosine, other)) in got.iter().zip(&all) {
                assert!(got.to_lowercase() == *other || (all[9].0 - cosine).abs() < 1e-6, "{word}: {got} {other}");
            }
            assert_eq!(got.len(), 10);
            let near = neighbours.of(word, 10, all[4].0 - 1e-6).len();
            assert!((4..=6).contains(&near), "{word}: {near}");
        }
    }

    #[test]
    fn words_keep_their_case() {
        assert_eq!(in_case_of("Good", "fine"), "Fine");
        assert_eq!(in_case_of("GOOD", "fine"), "FINE");
        assert_eq!(in_case_of("good", "Paris"), "Paris");
        assert_eq!(in_case_of("I", "we"), "We");
        assert_eq!(in_case_of("好", "坏"), "坏");
        assert_eq!(in_case_of("", "x"), "x");
    }
}
