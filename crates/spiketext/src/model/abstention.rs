//! When a model had better not answer: below a probability, or without a word that it knows.

use super::Prediction;
use crate::{Error, Result};

/// What is said instead of a class, and when.
#[derive(Clone, Debug, PartialEq)]
pub struct Abstention {
    label: String,
    threshold: Option<f32>,
    unknown: bool,
}

impl Abstention {
    /// Says `label` where the most probable class has a probability below `threshold` and, if `unknown`, for texts
    /// without any word that the model knows, however probable their answer is.
    ///
    /// # Errors
    /// If the threshold is not from 0 to 1, the label is empty, or there would never be a reason to say it.
    pub fn new(label: String, threshold: Option<f32>, unknown: bool) -> Result<Self> {
        if let Some(threshold) = threshold.filter(|threshold| !(0.0..=1.0).contains(threshold)) {
            return Err(Error::invalid("abstain", "a threshold from 0 to 1 (--threshold)", threshold.to_string()));
        }
        if label.trim().is_empty() {
            return Err(Error::invalid("abstain", "a word for no class (--none-label)", "nothing"));
        }
        if threshold.is_none() && !unknown {
            let expected = "a threshold, or unknown texts as a reason (--threshold, --unknown-as-none)";
            return Err(Error::invalid("abstain", expected, "neither"));
        }
        Ok(Self { label, threshold, unknown })
    }

    /// What is said instead of a class.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.label
    }

    /// Whether it is said instead of the class of `prediction`.
    #[must_use]
    pub fn holds(&self, prediction: &Prediction) -> bool {
        let is_below = |threshold| prediction.probabilities[prediction.label] < threshold;
        (prediction.unknown && self.unknown) || self.threshold.is_some_and(is_below)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Operations;

    fn prediction(probability: f32, unknown: bool) -> Prediction {
        let probabilities = vec![1.0 - probability, probability];
        Prediction {
            label: 1,
            labels: None,
            probabilities,
            unknown,
            tokens: 1,
            known_tokens: 0,
            operations: Operations::default(),
        }
    }

    #[test]
    fn an_answer_is_kept_at_the_threshold_and_lost_below() {
        let rule = Abstention::new("none".into(), Some(0.75), false).unwrap();
        assert!(!rule.holds(&prediction(0.75, false)) && rule.holds(&prediction(0.7, false)));
        assert!(!rule.holds(&prediction(0.9, true)), "an unknown text may be probable enough");
        let rule = Abstention::new("none".into(), None, true).unwrap();
        assert!(rule.holds(&prediction(0.9, true)) && !rule.holds(&prediction(0.5, false)));
    }

    #[test]
    fn rules_that_say_nothing_are_refused() {
        for threshold in [-0.1, 1.1, f32::NAN] {
            assert!(Abstention::new("none".into(), Some(threshold), false).is_err());
        }
        assert!(Abstention::new(" ".into(), Some(0.5), false).is_err());
        assert!(Abstention::new("none".into(), None, false).unwrap_err().to_string().contains("--unknown-as-none"));
    }
}
