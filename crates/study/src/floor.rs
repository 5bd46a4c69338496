//! What a method without neurons comes to, and what all of them share: a bag of words, and means of word vectors.

use std::hint::black_box;

use rayon::prelude::*;
use spiketext::{
    Error, Result,
    data::{Dataset, Example, Split},
    energy::LookUp,
    text::Language,
};
use spiketext_train::prepare::LikelyLabels;

use crate::timing;

/// What came of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Floor {
    /// Share of the development texts right.
    pub development_accuracy: f64,
    /// The labels of the test texts, and their probabilities.
    pub answers: LikelyLabels,
    /// Share of the test tokens that are no feature.
    pub unknown_share: f64,
    /// What a test text costs, on average.
    pub work: LookUp,
    /// Share of all weights that are zero.
    pub zero_weights: f64,
    /// Nanoseconds that one core takes from the features of a test text to its label, see [`nanoseconds_a_text`].
    pub nanoseconds_a_text: Option<f64>,
}

/// Nanoseconds that `label` takes for a text on one thread, see [`timing`].
///
/// # Errors
/// If the system gives no thread.
pub(crate) fn nanoseconds_a_text<T: Sync>(
    texts: &[T],
    mut label: impl FnMut(&T) -> usize + Send,
) -> Result<Option<f64>> {
    timing::nanoseconds_a_text(texts.len(), || {
        for text in texts {
            black_box(label(black_box(text)));
        }
    })
}

/// The texts of each part as tokens.
pub(crate) fn tokens(dataset: &Dataset, language: Language) -> [Vec<Vec<String>>; 3] {
    let tokenizer = language.tokenizer();
    Split::ALL
        .map(|part| dataset.part(part).par_iter().map(|Example { text, .. }| tokenizer.tokenize(text)).collect())
}

/// The classes of a part's texts; `what` asks for them.
pub(crate) fn classes(dataset: &Dataset, part: Split, what: &'static str) -> Result<Vec<usize>> {
    let classes: Option<Vec<usize>> = dataset.part(part).iter().map(|example| example.target.class()).collect();
    classes.ok_or_else(|| Error::invalid(what, "texts of one label each", "sets of labels"))
}

/// Share of the tokens of `texts` that are not `known`.
pub(crate) fn unknown_share(texts: &[Vec<String>], known: impl Fn(&str) -> bool) -> f64 {
    let unknown = texts.iter().flatten().filter(|token| !known(token)).count();
    unknown as f64 / texts.iter().map(Vec::len).sum::<usize>().max(1) as f64
}

/// Share of `weights` that are zero.
pub(crate) fn share_of_zeros(weights: &[f32]) -> f64 {
    weights.iter().filter(|weight| **weight == 0.0).count() as f64 / weights.len().max(1) as f64
}

/// Share of `labels` that are found.
pub(crate) fn share_right(found: impl Iterator<Item = usize>, labels: &[usize]) -> f64 {
    found.zip(labels).filter(|(found, label)| found == *label).count() as f64 / labels.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_of_nothing_are_nothing() {
        let texts = [vec!["a".to_owned(), "b".to_owned()], vec![], vec!["a".to_owned(), "a".to_owned()]];
        assert_eq!(unknown_share(&texts, |token| token == "a"), 0.25);
        assert_eq!(unknown_share(&[], |_| true), 0.0);
        assert_eq!((share_of_zeros(&[0.0, 1.0, -0.0, 2.0]), share_of_zeros(&[])), (0.5, 0.0));
        assert_eq!((share_right([1, 0].into_iter(), &[1, 1]), share_right([].into_iter(), &[])), (0.5, 0.0));
    }
}
