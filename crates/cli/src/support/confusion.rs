//! What was taken for what: a confusion matrix and the figures that follow from it.

use spiketext::target::{self, Target};

/// How many texts of each class were given each label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confusion {
    /// Row: the class of the text. Column: the answer.
    counts: Vec<Vec<usize>>,
}

/// Figures of one class, in percent; none where there was nothing to divide by.
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

impl Confusion {
    /// Counts targets with their answers.
    pub fn of(classes: usize, answers: impl IntoIterator<Item = (Target, usize)>) -> Self {
        Self { counts: target::confusion(classes, answers) }
    }

    /// The counts, a row for each class of the texts.
    pub fn counts(&self) -> &[Vec<usize>] {
        &self.counts
    }

    /// Percent of the texts whose answer was right; 0 where there are no texts.
    pub fn accuracy(&self) -> f64 {
        let right = (0..self.counts.len()).map(|class| self.counts[class][class]).sum();
        percent(right, self.counts.iter().flatten().sum()).unwrap_or(0.0)
    }

    /// The figures of one class.
    pub fn figures(&self, class: usize) -> Figures {
        let right = self.counts[class][class];
        let texts: usize = self.counts[class].iter().sum();
        let answers: usize = self.counts.iter().map(|row| row[class]).sum();
        Figures {
            texts,
            precision: percent(right, answers),
            recall: percent(right, texts),
            f1: percent(2 * right, texts + answers),
        }
    }

    /// The mean of the classes' F1, each class counting the same; classes of which there are no texts are left out.
    pub fn macro_f1(&self) -> Option<f64> {
        let figures = (0..self.counts.len()).map(|class| self.figures(class)).filter(|figures| figures.texts > 0);
        let all: Vec<f64> = figures.filter_map(|figures| figures.f1).collect();
        (!all.is_empty()).then(|| all.iter().sum::<f64>() / all.len() as f64)
    }

    /// The commonest mistakes, most frequent first: (class, answer, texts).
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

fn percent(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| 100.0 * (part as f64 / whole as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_follow_from_counts() {
        // Class 0: 3 of 4 found; class 1: 1 of 2; class 2 has no texts but is named once.
        let pairs =
            [(0, 0), (0, 0), (0, 0), (0, 1), (1, 1), (1, 2)].map(|(class, answer)| (Target::of(class), answer));
        let confusion = Confusion::of(3, pairs);
        assert_eq!(confusion.counts(), [[3, 1, 0], [0, 1, 1], [0, 0, 0]]);
        assert!((confusion.accuracy() - 400.0 / 6.0).abs() < 1e-12);
        let (first, last) = (confusion.figures(0), confusion.figures(2));
        assert_eq!((first.texts, first.precision, first.recall), (4, Some(100.0), Some(75.0)));
        assert!((first.f1.unwrap() - 600.0 / 7.0).abs() < 1e-12);
        assert_eq!((last.texts, last.precision, last.recall, last.f1), (0, Some(0.0), None, Some(0.0)));
        assert!((confusion.macro_f1().unwrap() - (600.0 / 7.0 + 50.0) / 2.0).abs() < 1e-12);
        assert_eq!(confusion.mistakes(), [(0, 1, 1), (1, 2, 1)]);
    }

    #[test]
    fn no_texts_make_no_figures() {
        let confusion = Confusion::of(2, []);
        assert_eq!((confusion.accuracy(), confusion.macro_f1()), (0.0, None));
        assert_eq!(confusion.figures(1).f1, None);
    }
}
