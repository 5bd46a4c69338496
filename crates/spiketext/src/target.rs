//! [`Target`]: what a text is labelled with, and what a network is trained towards.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// What the right answer to a text is: one class, or a set of classes, each by its number among the names of a data
/// set or a model.
///
/// Whoever wants to know whether an answer is right, how far it is from right, or how often a class is right, asks
/// here; how far a network's outputs are from it in training, the objective of training says. In files a target is
/// the number of its class, or a list of numbers.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "Written", into = "Written")]
pub struct Target(Right);

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Right {
    One(usize),
    /// In order, each once.
    Several(Arc<[usize]>),
}

/// A target as files have it.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Written {
    One(usize),
    Several(Vec<usize>),
}

impl From<Written> for Target {
    fn from(written: Written) -> Self {
        match written {
            Written::One(class) => Self::of(class),
            Written::Several(classes) => Self::several(classes),
        }
    }
}

impl From<Target> for Written {
    fn from(target: Target) -> Self {
        match target.0 {
            Right::One(class) => Self::One(class),
            Right::Several(classes) => Self::Several(classes.to_vec()),
        }
    }
}

impl Target {
    /// The one class of number `class`, counted from 0.
    #[must_use]
    pub const fn of(class: usize) -> Self {
        Self(Right::One(class))
    }

    /// A set of classes, any number of them: what a text of a multi-label data set is labelled with.
    #[must_use]
    pub fn several(classes: impl IntoIterator<Item = usize>) -> Self {
        let mut classes: Vec<usize> = classes.into_iter().collect();
        classes.sort_unstable();
        classes.dedup();
        Self(Right::Several(classes.into()))
    }

    /// All classes that are right, in order.
    #[must_use]
    pub fn classes(&self) -> &[usize] {
        match &self.0 {
            Right::One(class) => std::slice::from_ref(class),
            Right::Several(classes) => classes,
        }
    }

    /// The class where one of all is right; none where it is a set, of however many.
    #[must_use]
    pub const fn class(&self) -> Option<usize> {
        match self.0 {
            Right::One(class) => Some(class),
            Right::Several(_) => None,
        }
    }

    /// Whether it can be right where there are so many classes.
    #[must_use]
    pub fn fits(&self, classes: usize) -> bool {
        self.classes().iter().all(|&class| class < classes)
    }

    /// Whether the answer `predicted`, one class, is right.
    #[must_use]
    pub fn is_met_by(&self, predicted: usize) -> bool {
        self.classes() == [predicted]
    }

    /// How far an answer of `probabilities`, `[K]`, is from right: 0 for certainty of what is right, up to 1. Of a set
    /// the mean over the classes.
    ///
    /// # Panics
    /// If it does not [fit](Self::fits).
    #[must_use]
    pub fn distance(&self, probabilities: &[f32]) -> f32 {
        match &self.0 {
            Right::One(class) => 1.0 - probabilities[*class],
            Right::Several(classes) => {
                let all: f32 = probabilities.iter().sum();
                let right: f32 = classes.iter().map(|&class| 1.0 - 2.0 * probabilities[class]).sum();
                (all + right) / probabilities.len().max(1) as f32
            }
        }
    }
}

/// The classes whose probability reaches their threshold, both `[K]`, the most probable first: the answer of a
/// multi-label network.
#[must_use]
pub fn reached(probabilities: &[f32], thresholds: &[f32]) -> Vec<usize> {
    let pairs = probabilities.iter().zip(thresholds).enumerate();
    let mut classes: Vec<usize> =
        pairs.filter(|(_, (p, threshold))| p >= threshold).map(|(class, _)| class).collect();
    classes.sort_by(|&a, &b| probabilities[b].total_cmp(&probabilities[a]).then(a.cmp(&b)));
    classes
}

/// How often each class is right, `[K]`.
///
/// # Panics
/// If a target does not [fit](Target::fits).
#[must_use]
pub fn class_counts(classes: usize, targets: impl IntoIterator<Item = Target>) -> Vec<usize> {
    let mut counts = vec![0; classes];
    targets.into_iter().for_each(|target| target.classes().iter().for_each(|&class| counts[class] += 1));
    counts
}

/// Of targets with their answers, how many are right.
pub fn count_met(answers: impl IntoIterator<Item = (Target, usize)>) -> usize {
    answers.into_iter().filter(|(target, predicted)| target.is_met_by(*predicted)).count()
}

/// How often texts of each class got each answer, `[K, K]`: a row for each target, a column for each answer. A text of
/// several classes counts in the row of each.
///
/// # Panics
/// If a target or an answer is none of the classes.
#[must_use]
pub fn confusion(classes: usize, answers: impl IntoIterator<Item = (Target, usize)>) -> Vec<Vec<usize>> {
    let mut counts = vec![vec![0; classes]; classes];
    for (target, predicted) in answers {
        target.classes().iter().for_each(|&class| counts[class][predicted] += 1);
    }
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
        let both = Target::several([2, 0, 2]);
        assert_eq!((both.classes(), both.class(), target.class()), (&[0, 2][..], None, Some(1)));
        assert!(both.fits(3) && !both.fits(2) && !both.is_met_by(0) && Target::several([0]).is_met_by(0));
        assert!((both.distance(&[0.75, 0.5, 1.0]) - 0.25).abs() < 1e-6);
        assert!(Target::several([]).distance(&[0.0, 0.0]) < 1e-6);
        assert_eq!(serde_json::to_string(&both).expect("a list"), "[0,2]");
        assert_eq!(serde_json::from_str::<Target>("[2, 0]").expect("a target"), both);
        assert_eq!(serde_json::to_string(&target).expect("a number"), "1");
        assert_eq!(serde_json::from_str::<Target>("1").expect("a target"), target);
    }

    #[test]
    fn a_class_is_answered_from_its_threshold_on() {
        assert_eq!(reached(&[0.5, 0.9, 0.2, 0.9], &[0.5, 0.5, 0.3, 0.95]), [1, 0]);
        assert_eq!(reached(&[0.1, 0.1], &[0.5, 0.5]), [0; 0]);
    }

    #[test]
    fn targets_are_counted_by_class_and_answer() {
        let targets = [0, 2, 2].map(Target::of);
        assert_eq!(class_counts(3, targets.clone()), [1, 0, 2]);
        assert_eq!(class_counts(2, [Target::several([0, 1]), Target::several([])]), [1, 1]);
        let answers = || targets.clone().into_iter().zip([0, 1, 2]);
        assert_eq!(count_met(answers()), 2);
        assert_eq!(confusion(3, answers()), [[1, 0, 0], [0, 0, 0], [0, 1, 1]]);
    }
}
