//! How well a network tells the labels of the development texts, and which of two networks is the better one.
//!
//! Accuracy alone does not see a class that is rare: of 3,000 texts with 30 of fraud, a network that never answers
//! fraud has 99 %. So a [`Score`] knows of every class.

use spiketext::{Error, Result, metrics::LabelCounts};

use crate::{recipe::Selection, store::Store};

/// More classes than any network has.
const MOST_CLASSES: usize = 1 << 16;
/// Classes that a message names before it counts the rest.
const NAMED: usize = 10;

/// How well labels are told; shares from 0 to 1. The default is that of a network which was never run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Score {
    /// Share of the texts whose label was found; of texts of several labels, all of them and no other.
    pub accuracy: f64,
    /// F1 over the answers of all classes together: the accuracy, where a text has one class.
    pub micro_f1: f64,
    /// Mean of the classes' F1.
    pub macro_f1: f64,
    /// Mean of the classes' recall.
    pub balanced_accuracy: f64,
    /// Of the classes that have texts, the share that was the answer at least once.
    pub answered: f64,
    /// The classes that have texts and were never the answer, in their order.
    pub never_answered: Vec<usize>,
    /// Where a text may have several labels, from which probability on each class was answered, `[K]`; empty
    /// otherwise.
    pub thresholds: Vec<f32>,
}

/// What conversion lost, in points: percent of the one less percent of the other.
#[derive(Clone, Debug, PartialEq)]
pub struct Loss {
    /// Of accuracy; of micro F1 where a text may have several labels.
    pub accuracy: f64,
    /// Which of the two.
    pub several: bool,
    /// Of balanced accuracy; none where accuracy alone selects.
    pub balanced_accuracy: Option<f64>,
    /// The classes that were answered before and are not any more.
    pub classes: Vec<usize>,
}

impl Score {
    /// The score of answers that were counted.
    #[must_use]
    pub fn of(counts: &LabelCounts) -> Self {
        Self {
            accuracy: counts.accuracy(),
            micro_f1: counts.micro_f1().unwrap_or(0.0),
            macro_f1: counts.macro_f1().unwrap_or(0.0),
            balanced_accuracy: counts.balanced_accuracy().unwrap_or(0.0),
            answered: counts.answered().unwrap_or(0.0),
            never_answered: counts.never_answered(),
            thresholds: Vec::new(),
        }
    }

    /// Micro F1 where a text may have several labels.
    #[must_use]
    pub fn micro_f1_of_sets(&self) -> Option<f64> {
        (!self.thresholds.is_empty()).then_some(self.micro_f1)
    }

    /// Whether a network of this score is better than one of `other`. Equals are not.
    #[must_use]
    pub fn is_better(&self, other: &Self, selection: Selection) -> bool {
        match selection {
            Selection::Accuracy => self.micro_f1 > other.micro_f1,
            Selection::Balanced => self.balanced() > other.balanced(),
        }
    }

    /// What [`Selection::Balanced`] goes by. The share of classes that are answered makes a class that never is count as
    /// if its F1 were -1.
    fn balanced(&self) -> f64 {
        self.micro_f1 + self.macro_f1 + self.answered
    }

    /// What a network of score `after` has lost of this one.
    #[must_use]
    pub fn loss(&self, after: &Self, selection: Selection) -> Loss {
        let points = |before: f64, after: f64| 100.0 * (before - after);
        Loss {
            accuracy: points(self.micro_f1, after.micro_f1),
            several: !self.thresholds.is_empty(),
            balanced_accuracy: (selection == Selection::Balanced)
                .then(|| points(self.balanced_accuracy, after.balanced_accuracy)),
            classes: after
                .never_answered
                .iter()
                .filter(|class| !self.never_answered.contains(class))
                .copied()
                .collect(),
        }
    }

    /// Keeps it, under names with `prefix` before them.
    pub fn put(&self, prefix: &str, store: &mut Store) {
        for (name, share) in self.shares() {
            store.put_number(format!("{prefix}{name}"), share.to_bits());
        }
        store.put_number(format!("{prefix}best-never-answered"), self.never_answered.len() as u64);
        let classes = self.never_answered.iter().map(|&class| class as f32).collect();
        store.put(format!("{prefix}best-never-answered"), classes);
        store.put_number(format!("{prefix}best-thresholds"), self.thresholds.len() as u64);
        store.put(format!("{prefix}best-thresholds"), self.thresholds.clone());
    }

    /// What [`Self::put`] kept.
    ///
    /// # Errors
    /// If a part is missing or cannot be.
    pub fn of_store(store: &Store) -> Result<Self> {
        let refuse = |expected: &str, got: String| Error::invalid("checkpoint", expected, got);
        let share = |name: &str| match store.number(name).map(f64::from_bits) {
            Some(share) if (0.0..=1.0).contains(&share) => Ok(share),
            other => {
                let got = other.map_or_else(|| "none".to_owned(), |share| share.to_string());
                Err(refuse(&format!("'{name}' from 0 to 1"), got))
            }
        };
        let [accuracy, micro_f1, macro_f1, balanced_accuracy, answered] =
            Self::default().shares().map(|(name, _)| share(name));
        let count = store.count("best-never-answered", MOST_CLASSES)?;
        let kept = store.get("best-never-answered", count)?;
        let is_class = |class: &f32| class.fract() == 0.0 && (0.0..MOST_CLASSES as f32).contains(class);
        if !kept.iter().all(is_class) || !kept.is_sorted_by(|a, b| a < b) {
            return Err(refuse("classes in 'best-never-answered', each once and in order", format!("{kept:?}")));
        }
        let count = store.count("best-thresholds", MOST_CLASSES)?;
        let thresholds = store.get("best-thresholds", count)?;
        if !thresholds.iter().all(|threshold| (0.0..=1.0).contains(threshold)) {
            return Err(refuse("'best-thresholds' from 0 to 1", format!("{thresholds:?}")));
        }
        Ok(Self {
            accuracy: accuracy?,
            micro_f1: micro_f1?,
            macro_f1: macro_f1?,
            balanced_accuracy: balanced_accuracy?,
            answered: answered?,
            never_answered: kept.into_iter().map(|class| class as usize).collect(),
            thresholds,
        })
    }

    fn shares(&self) -> [(&'static str, f64); 5] {
        [
            ("best-accuracy", self.accuracy),
            ("best-micro-f1", self.micro_f1),
            ("best-macro-f1", self.macro_f1),
            ("best-balanced-accuracy", self.balanced_accuracy),
            ("best-answered", self.answered),
        ]
    }
}

impl Loss {
    /// The larger of the losses.
    #[must_use]
    pub fn most(&self) -> f64 {
        self.balanced_accuracy.map_or(self.accuracy, |balanced| balanced.max(self.accuracy))
    }

    /// The losses in words.
    #[must_use]
    pub fn in_words(&self) -> String {
        let of = |lost: f64, what: &str| match lost {
            lost if lost > 0.0 => format!("{lost:.2} points of {what}"),
            _ => format!("no {what}"),
        };
        let accuracy = of(self.accuracy, if self.several { "micro F1" } else { "accuracy" });
        match self.balanced_accuracy {
            None => accuracy,
            Some(balanced) => format!("{accuracy} and {}", of(balanced, "balanced accuracy")),
        }
    }
}

/// Names of classes as a message shows them, the first of many.
#[must_use]
pub fn names(labels: &[String], classes: &[usize]) -> String {
    let name = |&class: &usize| labels.get(class).map(|label| format!("'{}'", label.escape_debug()));
    let mut named: Vec<String> = classes.iter().take(NAMED).filter_map(name).collect();
    if classes.len() > NAMED {
        named.push(format!("{} more", classes.len() - NAMED));
    }
    named.join(", ")
}

#[cfg(test)]
mod tests {
    use spiketext::target::Target;

    use super::*;

    /// The score of texts of two classes: `[right, wrong]` of each.
    fn score(usual: [usize; 2], rare: [usize; 2]) -> Score {
        let mut answers = Vec::new();
        for (count, target, answer) in [(usual[0], 0, 0), (usual[1], 0, 1), (rare[0], 1, 1), (rare[1], 1, 0)] {
            answers.extend(std::iter::repeat_n((Target::of(target), answer), count));
        }
        Score::of(&LabelCounts::of(2, answers))
    }

    #[test]
    fn a_class_that_is_forgotten_outweighs_accuracy() {
        let (forgetful, fair) = (score([297, 0], [0, 3]), score([290, 7], [1, 2]));
        assert!(forgetful.accuracy > fair.accuracy);
        assert_eq!((&forgetful.never_answered[..], &fair.never_answered[..]), (&[1][..], &[][..]));
        assert!(fair.is_better(&forgetful, Selection::Balanced) && !forgetful.is_better(&fair, Selection::Balanced));
        assert!(forgetful.is_better(&fair, Selection::Accuracy) && !fair.is_better(&forgetful, Selection::Accuracy));
        for selection in [Selection::Balanced, Selection::Accuracy] {
            assert!(!fair.is_better(&fair, selection));
        }
        // With all classes answered, a rare class that is found more often may cost some accuracy.
        let (loose, strict) = (score([295, 2], [3, 0]), score([297, 0], [1, 2]));
        assert_eq!(loose.accuracy, strict.accuracy);
        assert!(loose.is_better(&strict, Selection::Balanced) && !loose.is_better(&strict, Selection::Accuracy));
    }

    #[test]
    fn a_loss_is_the_larger_of_two_and_names_what_is_forgotten() {
        let (before, after) = (score([297, 0], [3, 0]), score([297, 0], [0, 3]));
        let loss = before.loss(&after, Selection::Balanced);
        assert!((loss.accuracy - 1.0).abs() < 1e-9 && (loss.most() - 50.0).abs() < 1e-9, "{loss:?}");
        assert_eq!(loss.classes, [1]);
        assert_eq!(loss.in_words(), "1.00 points of accuracy and 50.00 points of balanced accuracy");
        let alone = before.loss(&after, Selection::Accuracy);
        assert_eq!((alone.most(), alone.classes.len()), (alone.accuracy, 1));
        let gain = after.loss(&before, Selection::Balanced);
        assert_eq!(gain.in_words(), "no accuracy and no balanced accuracy");
        assert!(gain.classes.is_empty() && gain.most() < 0.0);
    }

    #[test]
    fn a_score_comes_back_or_is_refused() {
        let mut many = score([5, 1], [1, 1]);
        many.never_answered = vec![2, 65_535];
        many.thresholds = vec![0.0, 0.25, 1.0];
        for score in [many, Score::default(), score([3, 0], [0, 1])] {
            let mut store = Store::default();
            score.put("dnn.", &mut store);
            assert_eq!(Score::of_store(&store.part("dnn.")).expect("as it was"), score);
        }
        for classes in [vec![1.0, 1.0], vec![2.0, 1.0], vec![0.5], vec![-1.0], vec![65_536.0], vec![f32::NAN]] {
            let mut store = Store::default();
            Score::default().put("", &mut store);
            store.put_number("best-never-answered".into(), classes.len() as u64);
            store.put("best-never-answered".into(), classes);
            let error = Score::of_store(&store).expect_err("no classes").to_string();
            assert!(error.contains("best-never-answered"), "{error}");
        }
    }

    #[test]
    fn many_names_are_counted_and_none_breaks_the_line() {
        let labels: Vec<String> = (0..300).map(|class| format!("class\n{class}")).collect();
        let all: Vec<usize> = (0..300).collect();
        let told = names(&labels, &all);
        assert!(told.starts_with("'class\\n0', ") && told.ends_with("'class\\n9', 290 more"), "{told}");
        assert_eq!(names(&labels, &[7]), "'class\\n7'");
    }
}
