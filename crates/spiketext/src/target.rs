//! [`Target`]: what a text is labelled with, and what a network is trained towards.

use serde::{Deserialize, Serialize};

/// What the right answer to a text is: one class, by its number among the names of a data set or a model.
///
/// Whoever wants to know whether an answer is right, how far it is from right, or how often a class is right, asks
/// here; how far a network's outputs are from it in training, the objective of training says. In files a target is
/// the number of its class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Target {
    class: usize,
}

impl Target {
    /// The class of number `class`, counted from 0.
    #[must_use]
    pub const fn of(class: usize) -> Self {
        Self { class }
    }

    /// The number of the class.
    #[must_use]
    pub const fn class(self) -> usize {
        self.class
    }

    /// Whether it can be right where there are so many classes.
    #[must_use]
    pub const fn fits(self, classes: usize) -> bool {
        self.class < classes
    }

    /// Whether the answer `predicted`, a class, is right.
    #[must_use]
    pub const fn is_met_by(self, predicted: usize) -> bool {
        self.class == predicted
    }

    /// How far an answer of `probabilities`, `[K]`, is from right: 0 for certainty of what is right, up to 1.
    ///
    /// # Panics
    /// If it does not [fit](Self::fits).
    #[must_use]
    pub fn distance(self, probabilities: &[f32]) -> f32 {
        1.0 - probabilities[self.class]
    }
}

/// How often each class is right, `[K]`.
///
/// # Panics
/// If a target does not [fit](Target::fits).
#[must_use]
pub fn class_counts(classes: usize, targets: impl IntoIterator<Item = Target>) -> Vec<usize> {
    let mut counts = vec![0; classes];
    targets.into_iter().for_each(|target| counts[target.class] += 1);
    counts
}

/// Of targets with their answers, how many are right.
pub fn count_met(answers: impl IntoIterator<Item = (Target, usize)>) -> usize {
    answers.into_iter().filter(|(target, predicted)| target.is_met_by(*predicted)).count()
}

/// How often texts of each class got each answer, `[K, K]`: a row for each target, a column for each answer.
///
/// # Panics
/// If a target or an answer is none of the classes.
#[must_use]
pub fn confusion(classes: usize, answers: impl IntoIterator<Item = (Target, usize)>) -> Vec<Vec<usize>> {
    let mut counts = vec![vec![0; classes]; classes];
    answers.into_iter().for_each(|(target, predicted)| counts[target.class][predicted] += 1);
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_right_or_wrong_and_so_far_from_right() {
        let target = Target::of(1);
        assert!(target.is_met_by(1) && !target.is_met_by(0));
        assert!(target.fits(2) && !target.fits(1));
        assert!((target.distance(&[0.25, 0.75]) - 0.25).abs() < 1e-6);
        assert_eq!(serde_json::to_string(&target).expect("a number"), "1");
        assert_eq!(serde_json::from_str::<Target>("1").expect("a target"), target);
    }

    #[test]
    fn targets_are_counted_by_class_and_answer() {
        let targets = [0, 2, 2].map(Target::of);
        assert_eq!(class_counts(3, targets), [1, 0, 2]);
        let answers = || targets.into_iter().zip([0, 1, 2]);
        assert_eq!(count_met(answers()), 2);
        assert_eq!(confusion(3, answers()), [[1, 0, 0], [0, 0, 0], [0, 1, 1]]);
    }
}
