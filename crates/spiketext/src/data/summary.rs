//! What is in a data set, in figures: how many texts of each class in each part, and how long they are.

use serde::Serialize;

use super::{
    dataset::{Dataset, Example},
    split::Split,
};
use crate::target::class_counts;

/// A data set in figures.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// How many texts there are in all parts.
    pub texts: usize,
    /// Training, development and test.
    pub parts: Vec<PartSummary>,
    /// All texts together.
    pub lengths: Lengths,
}

/// One part of a data set in figures.
#[derive(Clone, Debug, Serialize)]
pub struct PartSummary {
    /// The part.
    pub split: Split,
    /// How many texts it has.
    pub texts: usize,
    /// How many of them are of each class.
    pub classes: Vec<usize>,
    /// How long they are.
    pub lengths: Lengths,
}

/// Lengths of texts in characters (Unicode scalar values); all 0 where there are none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Lengths {
    /// The shortest.
    pub shortest: usize,
    /// Half of the texts are at most as long as this.
    pub median: usize,
    /// The mean.
    pub mean: f64,
    /// Nine of ten texts are at most as long as this.
    pub tenth_longest: usize,
    /// 99 of 100 texts are at most as long as this.
    pub hundredth_longest: usize,
    /// The longest.
    pub longest: usize,
}

impl Lengths {
    fn of(mut lengths: Vec<usize>) -> Self {
        lengths.sort_unstable();
        let (Some(&shortest), Some(&longest)) = (lengths.first(), lengths.last()) else {
            return Self::default();
        };
        // The smallest length that at least this share of the texts does not exceed.
        let quantile = |percent: usize| lengths[(lengths.len() * percent).div_ceil(100).max(1) - 1];
        Self {
            shortest,
            median: quantile(50),
            mean: lengths.iter().sum::<usize>() as f64 / lengths.len() as f64,
            tenth_longest: quantile(90),
            hundredth_longest: quantile(99),
            longest,
        }
    }
}

impl Dataset {
    /// The data set in figures.
    #[must_use]
    pub fn summary(&self) -> Summary {
        let characters = |examples: &[Example]| -> Vec<usize> {
            examples.iter().map(|example| example.text.chars().count()).collect()
        };
        let mut all = Vec::new();
        let mut parts = Vec::new();
        for split in Split::ALL {
            let examples = self.part(split);
            let classes = class_counts(self.labels.len(), examples.iter().map(|example| example.target.clone()));
            let lengths = characters(examples);
            all.extend_from_slice(&lengths);
            parts.push(PartSummary { split, texts: examples.len(), classes, lengths: Lengths::of(lengths) });
        }
        Summary { texts: all.len(), parts, lengths: Lengths::of(all) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_lengths_that_occur() {
        let lengths = Lengths::of((1..=200).rev().collect());
        assert_eq!((lengths.shortest, lengths.median, lengths.longest), (1, 100, 200));
        assert_eq!((lengths.tenth_longest, lengths.hundredth_longest), (180, 198));
        assert!((lengths.mean - 100.5).abs() < 1e-12);
        assert_eq!(Lengths::of(vec![7]).median, 7);
        assert_eq!(Lengths::of(Vec::new()), Lengths::default());
    }
}
