//! How well labels are told: the figures of each class, their means over the classes, and how sure a share is.
//!
//! Shares are from 0 to 1. Figures agree with scikit-learn's where these are defined; where there is nothing to
//! divide by there is no figure, and means over the classes leave out classes of which there are no texts.

use crate::target::{self, Target};

/// How often each class was right, was answered, and both.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabelCounts {
    /// All texts, and those whose answer was right as a whole.
    all: usize,
    met: usize,
    /// By class.
    texts: Vec<usize>,
    answers: Vec<usize>,
    right: Vec<usize>,
}

/// The figures of one class; none where there was nothing to divide by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figures {
    /// Texts of the class.
    pub texts: usize,
    /// Of the answers that named the class, those that were right.
    pub precision: Option<f64>,
    /// Of the texts of the class, those that were found.
    pub recall: Option<f64>,
    /// The harmonic mean of the two.
    pub f1: Option<f64>,
}

impl LabelCounts {
    /// Counts targets with their answers.
    ///
    /// # Panics
    /// If a target or an answer is none of the classes.
    #[must_use]
    pub fn of(classes: usize, answers: impl IntoIterator<Item = (Target, usize)>) -> Self {
        let mut counts = Self::of_none(classes);
        answers.into_iter().for_each(|(target, answer)| counts.count(&target, &[answer]));
        counts
    }

    /// Counts targets with answers that are sets of classes, each class once.
    ///
    /// # Panics
    /// If a target or an answer holds what is none of the classes.
    #[must_use]
    pub fn of_sets<S: AsRef<[usize]>>(classes: usize, answers: impl IntoIterator<Item = (Target, S)>) -> Self {
        let mut counts = Self::of_none(classes);
        answers.into_iter().for_each(|(target, answer)| counts.count(&target, answer.as_ref()));
        counts
    }

    fn of_none(classes: usize) -> Self {
        Self { all: 0, met: 0, texts: vec![0; classes], answers: vec![0; classes], right: vec![0; classes] }
    }

    fn count(&mut self, target: &Target, answer: &[usize]) {
        let right = target.classes();
        right.iter().for_each(|&class| self.texts[class] += 1);
        let mut found = 0;
        for &class in answer {
            let is_right = right.contains(&class);
            self.answers[class] += 1;
            self.right[class] += usize::from(is_right);
            found += usize::from(is_right);
        }
        self.all += 1;
        self.met += usize::from(found == right.len() && found == answer.len());
    }

    /// How many classes there are.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.texts.len()
    }

    /// All texts.
    #[must_use]
    pub fn texts(&self) -> usize {
        self.all
    }

    /// The texts whose answer was right; where several classes may be, right in every class.
    #[must_use]
    pub fn right(&self) -> usize {
        self.met
    }

    /// Share of the texts whose answer was right, as [`Self::right`]; 0 where there are no texts.
    #[must_use]
    pub fn accuracy(&self) -> f64 {
        share(self.right(), self.texts()).unwrap_or(0.0)
    }

    /// [`Self::accuracy`] in percent, rounded once: 29 of 50 is 58, not a little less.
    #[must_use]
    pub fn percent_right(&self) -> f64 {
        share(100 * self.right(), self.texts()).unwrap_or(0.0)
    }

    /// The figures of one class.
    ///
    /// # Panics
    /// If there is no such class.
    #[must_use]
    pub fn figures(&self, class: usize) -> Figures {
        let (texts, answers, right) = (self.texts[class], self.answers[class], self.right[class]);
        Figures {
            texts,
            precision: share(right, answers),
            recall: share(right, texts),
            f1: share(2 * right, texts + answers),
        }
    }

    /// F1 over the answers of all classes together, each answer counting the same; where each text has one class and
    /// gets one answer it is the accuracy. None where no class is right and none was answered.
    #[must_use]
    pub fn micro_f1(&self) -> Option<f64> {
        let sum = |counts: &[usize]| counts.iter().sum::<usize>();
        share(2 * sum(&self.right), sum(&self.texts) + sum(&self.answers))
    }

    /// [`Self::micro_f1`] in percent, rounded once.
    #[must_use]
    pub fn micro_f1_percent(&self) -> Option<f64> {
        let sum = |counts: &[usize]| counts.iter().sum::<usize>();
        share(200 * sum(&self.right), sum(&self.texts) + sum(&self.answers))
    }

    /// The mean of the classes' F1, each class counting the same.
    #[must_use]
    pub fn macro_f1(&self) -> Option<f64> {
        self.mean(|figures| figures.f1)
    }

    /// The mean of the classes' recall, each class counting the same.
    #[must_use]
    pub fn balanced_accuracy(&self) -> Option<f64> {
        self.mean(|figures| figures.recall)
    }

    /// The mean of a figure over the classes of which there are texts.
    fn mean(&self, of: impl Fn(Figures) -> Option<f64>) -> Option<f64> {
        let figures = (0..self.classes()).map(|class| self.figures(class)).filter(|figures| figures.texts > 0);
        let all: Vec<f64> = figures.filter_map(of).collect();
        (!all.is_empty()).then(|| all.iter().sum::<f64>() / all.len() as f64)
    }

    /// Of the classes that have texts, the share that was the answer at least once.
    #[must_use]
    pub fn answered(&self) -> Option<f64> {
        let classes = self.texts.iter().filter(|&&texts| texts > 0).count();
        share(classes - self.never_answered().len(), classes)
    }

    /// The classes that have texts and were never the answer, in their order.
    #[must_use]
    pub fn never_answered(&self) -> Vec<usize> {
        (0..self.classes()).filter(|&class| self.texts[class] > 0 && self.answers[class] == 0).collect()
    }
}

/// How many texts of each class were given each label: as large as the square of the number of classes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confusion {
    /// Row: the class of the text. Column: the answer.
    counts: Vec<Vec<usize>>,
}

impl Confusion {
    /// Counts targets with their answers.
    ///
    /// # Panics
    /// If a target or an answer is none of the classes.
    #[must_use]
    pub fn of(classes: usize, answers: impl IntoIterator<Item = (Target, usize)>) -> Self {
        Self { counts: target::confusion(classes, answers) }
    }

    /// The counts, a row for each class of the texts.
    #[must_use]
    pub fn counts(&self) -> &[Vec<usize>] {
        &self.counts
    }

    /// The commonest mistakes, most frequent first: (class, answer, texts).
    #[must_use]
    pub fn mistakes(&self) -> Vec<(usize, usize, usize)> {
        let mut mistakes: Vec<_> = (0..self.counts.len())
            .flat_map(|class| (0..self.counts.len()).map(move |answer| (class, answer)))
            .filter(|(class, answer)| class != answer && self.counts[*class][*answer] > 0)
            .map(|(class, answer)| (class, answer, self.counts[class][answer]))
            .collect();
        mistakes.sort_by_key(|mistake| std::cmp::Reverse(mistake.2));
        mistakes
    }
}

/// The order in which to show classes, given the texts and the F1 of each: the worst first; of equals those first
/// that come first; classes without texts last.
#[must_use]
pub fn worst_first(classes: &[(usize, Option<f64>)]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..classes.len()).collect();
    order.sort_by(|&a, &b| {
        let key = |class: usize| (classes[class].0 == 0, classes[class].1.unwrap_or(f64::INFINITY));
        let ((no_texts_a, a), (no_texts_b, b)) = (key(a), key(b));
        no_texts_a.cmp(&no_texts_b).then(a.total_cmp(&b))
    });
    order
}

/// The share that `right` of `texts` is an estimate of lies between these two, at 95 % (Wilson 1927). None where
/// there are no texts.
#[must_use]
pub fn wilson(right: usize, texts: usize) -> Option<[f64; 2]> {
    /// The 0.975-quantile of the normal distribution.
    const Z: f64 = 1.959_963_984_540_054;
    let n = texts as f64;
    let p = share(right, texts)?;
    let scale = 1.0 + Z * Z / n;
    let centre = (p + Z * Z / (2.0 * n)) / scale;
    let half = Z * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt() / scale;
    // Rounding leaves the ends of none and of all a little beside 0 and 1.
    let low = if right == 0 { 0.0 } else { centre - half };
    let high = if right == texts { 1.0 } else { centre + half };
    Some([low.max(0.0), high.min(1.0)])
}

fn share(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde::Deserialize;

    use super::*;

    fn targets(pairs: &[(usize, usize)]) -> impl Iterator<Item = (Target, usize)> {
        pairs.iter().map(|&(class, answer)| (Target::of(class), answer))
    }

    #[test]
    fn figures_follow_from_counts() {
        // Class 0: 3 of 4 found; class 1: 1 of 2; class 2 has no texts but is named once.
        let pairs = [(0, 0), (0, 0), (0, 0), (0, 1), (1, 1), (1, 2)];
        let confusion = Confusion::of(3, targets(&pairs));
        assert_eq!(confusion.counts(), [[3, 1, 0], [0, 1, 1], [0, 0, 0]]);
        assert_eq!(confusion.mistakes(), [(0, 1, 1), (1, 2, 1)]);
        let counts = LabelCounts::of(3, targets(&pairs));
        assert!((counts.accuracy() - 4.0 / 6.0).abs() < 1e-14);
        // 100 times 0.58 would be a little less than 58.
        let many = LabelCounts::of(2, (0..50).map(|text| (Target::of(0), usize::from(text >= 29))));
        assert_eq!((many.percent_right(), many.micro_f1_percent()), (58.0, Some(58.0)));
        let (first, last) = (counts.figures(0), counts.figures(2));
        assert_eq!((first.texts, first.precision, first.recall), (4, Some(1.0), Some(0.75)));
        assert!((first.f1.unwrap() - 6.0 / 7.0).abs() < 1e-14);
        assert_eq!((last.texts, last.precision, last.recall, last.f1), (0, Some(0.0), None, Some(0.0)));
        assert!((counts.macro_f1().unwrap() - (6.0 / 7.0 + 0.5) / 2.0).abs() < 1e-14);
        assert_eq!(counts.balanced_accuracy(), Some(0.625));
        assert_eq!(counts.never_answered(), [0; 0]);
    }

    #[test]
    fn sets_are_right_as_a_whole_or_class_by_class() {
        let pairs = [(vec![0, 2], vec![2, 0]), (vec![1], vec![0, 1]), (vec![], vec![]), (vec![0], vec![])];
        let pairs = pairs.map(|(right, answer)| (Target::several(right), answer));
        let counts = LabelCounts::of_sets(3, pairs);
        assert_eq!((counts.texts(), counts.right()), (4, 2));
        // Three right of four answers, where four were right.
        assert!((counts.micro_f1().expect("answers") - 0.75).abs() < 1e-14);
        let f1: Vec<Option<f64>> = (0..3).map(|class| counts.figures(class).f1).collect();
        assert_eq!(f1, [Some(0.5), Some(1.0), Some(1.0)]);
        let one = LabelCounts::of(3, targets(&[(0, 0), (1, 2), (2, 2)]));
        assert_eq!(one.micro_f1(), Some(one.accuracy()));
        assert_eq!(LabelCounts::of(2, []).micro_f1(), None);
    }

    #[test]
    fn no_texts_make_no_figures() {
        let counts = LabelCounts::of(2, []);
        assert_eq!((counts.accuracy(), counts.macro_f1(), counts.balanced_accuracy()), (0.0, None, None));
        assert_eq!(counts.figures(1).f1, None);
        assert_eq!((counts.never_answered(), wilson(0, 0)), (vec![], None));
    }

    #[test]
    fn classes_that_are_never_answered_are_found_where_they_have_texts() {
        let counts = LabelCounts::of(4, targets(&[(0, 0), (1, 0), (3, 0)]));
        assert_eq!(counts.never_answered(), [1, 3]);
        assert_eq!(counts.figures(1).f1, Some(0.0));
    }

    #[test]
    fn the_worst_class_comes_first_and_one_without_texts_last() {
        let classes = [(5, Some(0.75)), (0, Some(0.0)), (2, Some(0.5)), (0, None), (9, Some(0.5))];
        assert_eq!(worst_first(&classes), [2, 4, 0, 1, 3]);
    }

    /// What `reference/make_metrics_golden.py` writes.
    #[derive(Deserialize)]
    struct Golden {
        cases: Vec<Case>,
        wilson: Vec<(usize, usize, f64, f64)>,
    }

    /// Labels with their figures by scikit-learn.
    #[derive(Deserialize)]
    struct Case {
        classes: usize,
        targets: Vec<usize>,
        answers: Vec<usize>,
        confusion: Vec<Vec<usize>>,
        accuracy: f64,
        balanced_accuracy: f64,
        macro_f1: f64,
        precision: Vec<f64>,
        recall: Vec<f64>,
        f1: Vec<f64>,
    }

    #[test]
    fn figures_are_those_of_scikit_learn() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/golden/metrics.json");
        let text = std::fs::read_to_string(path).expect("the golden file");
        let golden: Golden = serde_json::from_str(&text).expect("its fields");
        let near = |got: f64, want: f64| assert!((got - want).abs() < 1e-12, "{got} and {want}");
        assert!(golden.cases.len() > 3 && golden.wilson.len() > 5);
        for case in golden.cases {
            let pairs = || case.targets.iter().map(|&class| Target::of(class)).zip(case.answers.iter().copied());
            assert_eq!(Confusion::of(case.classes, pairs()).counts(), case.confusion);
            let counts = LabelCounts::of(case.classes, pairs());
            near(counts.accuracy(), case.accuracy);
            near(counts.balanced_accuracy().expect("texts"), case.balanced_accuracy);
            near(counts.macro_f1().expect("texts"), case.macro_f1);
            for class in 0..case.classes {
                let figures = counts.figures(class);
                // Where there is nothing to divide by scikit-learn was told to say 0.
                near(figures.precision.unwrap_or(0.0), case.precision[class]);
                near(figures.recall.unwrap_or(0.0), case.recall[class]);
                near(figures.f1.unwrap_or(0.0), case.f1[class]);
            }
        }
        for (right, texts, low, high) in golden.wilson {
            let got = wilson(right, texts).expect("texts");
            near(got[0], low);
            near(got[1], high);
        }
    }
}
