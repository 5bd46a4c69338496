//! Codes of words: the rates that were looked up, once in memory, and over them the codes that training changed.
//!
//! All that deals with words during a run shares one table of rates, which is the largest thing that it holds. A
//! network's code of a word is a fixed function of its rates (equations 1 and 10) until it learns.

use std::sync::Arc;

use spiketext::vectors::{centred, with_range};

/// How rates become codes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CodeScale {
    /// Whether codes are centred: `2 k (r - 1/2)` (equation 10).
    pub centred: bool,
    /// The deviations k that the rates 0 and 1 stand for. The rates that were looked up stand for 3.
    pub range: f32,
}

impl CodeScale {
    /// The code of a rate that was looked up.
    #[must_use]
    pub fn code(self, rate: f32) -> f32 {
        if self.centred { centred(rate, self.range) } else { with_range(rate, self.range) }
    }

    /// The code of a word that has no rates: that of 1/2.
    #[must_use]
    pub fn missing(self) -> f32 {
        if self.centred { 0.0 } else { 0.5 }
    }

    /// Between which numbers codes stay.
    #[must_use]
    pub fn bounds(self) -> (f32, f32) {
        if self.centred { (-self.range, self.range) } else { (0.0, 1.0) }
    }
}

/// The codes of a vocabulary, `[V, D]`.
#[derive(Clone, Debug, PartialEq)]
pub struct WordCodes {
    dimension: usize,
    scale: CodeScale,
    /// `[V, D]`: of the words behind `learnt` the codes follow from these.
    rates: Arc<Vec<f32>>,
    /// Codes of the first words, those that can learn.
    learnt: Vec<f32>,
}

impl WordCodes {
    /// The codes of words with `rates`, `[V, D]`, of which the first `trainable` can learn.
    ///
    /// # Panics
    /// If there are fewer words than can learn.
    #[must_use]
    pub fn new(rates: Arc<Vec<f32>>, dimension: usize, trainable: usize, scale: CodeScale) -> Self {
        let learnt = rates[..trainable * dimension].iter().map(|&rate| scale.code(rate)).collect();
        Self { dimension, scale, rates, learnt }
    }

    /// Words that all can learn, with codes as they are given.
    #[must_use]
    pub fn of_codes(codes: Vec<f32>, dimension: usize, scale: CodeScale) -> Self {
        Self { dimension, scale, rates: Arc::default(), learnt: codes }
    }

    /// How rates become codes.
    #[must_use]
    pub fn scale(&self) -> CodeScale {
        self.scale
    }

    /// D.
    #[must_use]
    pub fn dimension(&self) -> usize {
        self.dimension
    }

    /// Numbers of all codes, V D.
    #[must_use]
    pub fn count(&self) -> usize {
        self.rates.len().max(self.learnt.len())
    }

    /// The codes of the words that can learn.
    #[must_use]
    pub fn learnt(&self) -> &[f32] {
        &self.learnt
    }

    /// The same, to be changed.
    pub fn learnt_mut(&mut self) -> &mut [f32] {
        &mut self.learnt
    }

    /// A number of the codes, row-major; none past the vocabulary.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<f32> {
        let looked_up = || self.rates.get(index).map(|&rate| self.scale.code(rate));
        self.learnt.get(index).copied().or_else(looked_up)
    }

    /// All numbers, row-major.
    pub fn iter(&self) -> impl Iterator<Item = f32> {
        let rest = self.rates.iter().skip(self.learnt.len());
        self.learnt.iter().copied().chain(rest.map(|&rate| self.scale.code(rate)))
    }

    /// Writes the code of a word times `factor`.
    ///
    /// # Panics
    /// If `out` is longer than a code.
    pub fn write(&self, word: u32, factor: f32, out: &mut [f32]) {
        let span = word as usize * self.dimension..(word as usize + 1) * self.dimension;
        if let Some(codes) = self.learnt.get(span.clone()) {
            out.iter_mut().zip(codes).for_each(|(out, code)| *out = code * factor);
        } else if let Some(rates) = self.rates.get(span) {
            out.iter_mut().zip(rates).for_each(|(out, &rate)| *out = self.scale.code(rate) * factor);
        } else {
            out.fill(self.scale.missing() * factor);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_the_rates_until_they_learn() {
        let rates = Arc::new(vec![0.0, 0.5, 0.75, 1.0, 0.25, 0.5]);
        for (scale, want) in [
            (CodeScale { centred: true, range: 2.0 }, [-2.0, 0.0, 1.5, 2.0, -1.5, 0.0]),
            (CodeScale { centred: false, range: 3.0 }, [0.0, 0.5, 0.75, 1.0, 0.25, 0.5]),
            (CodeScale { centred: false, range: 1.5 }, [0.0, 0.5, 1.0, 1.0, 0.0, 0.5]),
        ] {
            let mut codes = WordCodes::new(Arc::clone(&rates), 2, 1, scale);
            assert_eq!(codes.iter().collect::<Vec<_>>(), want);
            codes.learnt_mut()[1] = 0.125;
            assert_eq!((codes.get(1), codes.get(3), codes.get(6)), (Some(0.125), Some(want[3]), None));
            let mut row = [0.0; 2];
            for (word, first) in [(0, want[0]), (2, want[4]), (u32::MAX, scale.missing())] {
                codes.write(word, 2.0, &mut row);
                assert_eq!(row[0], 2.0 * first);
            }
            assert_eq!(codes.count(), 6);
        }
        // One table, however many there are of it.
        assert_eq!(Arc::strong_count(&rates), 1);
    }
}
