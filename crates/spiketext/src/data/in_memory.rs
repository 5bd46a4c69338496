//! Data sets of texts that a program has in memory, not in files.

use std::collections::HashSet;

use super::{
    dataset::{Dataset, Example, Report},
    split::{Split, SplitRule, divide_examples, text_hash},
};
use crate::{
    Error, Result,
    target::{Target, class_counts},
};

/// Labelled texts in memory.
#[derive(Clone, Debug, Default)]
pub struct InMemory {
    /// A short name for reports.
    pub name: String,
    /// The names of the classes, in the order of their numbers.
    pub labels: Vec<String>,
    /// Whether a text may be of several classes, or of none.
    pub multi_label: bool,
    /// Texts to train on. Empty ones are left out.
    pub texts: Vec<Example>,
    /// Texts to make choices on; a tenth of `texts` by their hash without.
    pub development: Option<Vec<Example>>,
}

impl Dataset {
    /// A data set of texts in memory, without test texts, and the places of its training texts among those given.
    ///
    /// # Errors
    /// If there are fewer than two classes, a class has no training text, or too few texts are there to set some apart.
    pub fn in_memory(given: InMemory) -> Result<(Self, Vec<usize>)> {
        let InMemory { name, labels, multi_label, texts, development } = given;
        let refuse = |expected: &str, got: String| Err(Error::invalid("texts to train on", expected, got));
        if labels.len() < 2 {
            return refuse("two classes or more", format!("{labels:?}"));
        }
        let fits =
            |example: &Example| example.target.fits(labels.len()) && example.target.class().is_none() == multi_label;
        if let Some(wrong) = texts.iter().chain(development.iter().flatten()).find(|example| !fits(example)) {
            let expected = if multi_label { "a set of known classes a text" } else { "one known class a text" };
            return refuse(expected, format!("{:?} of {} classes", wrong.target.classes(), labels.len()));
        }
        let is_filled = |example: &Example| !example.text.trim().is_empty();
        let given = texts.len();
        let (places, texts): (Vec<usize>, Vec<Example>) =
            texts.into_iter().enumerate().filter(|(_, example)| is_filled(example)).unzip();
        let counts = class_counts(labels.len(), texts.iter().map(|example| example.target.clone()));
        if let Some(class) = counts.iter().position(|&count| count == 0) {
            return refuse("a text of each class", format!("none of '{}'", labels[class]));
        }
        let mut dataset = Self {
            name,
            labels,
            multi_label,
            train: Vec::new(),
            development: Vec::new(),
            test: Vec::new(),
            source: "memory".to_owned(),
            rule: if development.is_some() { SplitRule::Official } else { SplitRule::Partial },
            readings: Vec::new(),
            report: Report { empty: given - texts.len(), ..Report::default() },
        };
        let parts = match development {
            Some(development) => {
                dataset.development = development.into_iter().filter(is_filled).collect();
                if dataset.development.is_empty() {
                    return refuse("development texts", "none that is not empty".to_owned());
                }
                vec![Split::Train; texts.len()]
            }
            None => {
                let keys: Vec<(u64, &Target)> =
                    texts.iter().map(|example| (text_hash(&example.text), &example.target)).collect();
                let Some(divided) = divide_examples(&keys, &counts, multi_label, &[Split::Development]) else {
                    let different = keys.iter().map(|key| key.0).collect::<HashSet<_>>().len();
                    let expected = "enough texts to set some apart to choose on, two different ones of a class at \
                                    least, or development texts beside them";
                    return refuse(expected, format!("{different} different ones"));
                };
                divided
            }
        };
        let mut trained = Vec::with_capacity(texts.len());
        for ((place, example), part) in places.into_iter().zip(texts).zip(parts) {
            if part == Split::Train {
                trained.push(place);
                dataset.train.push(example);
            } else {
                dataset.development.push(example);
            }
        }
        Ok((dataset, trained))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example(text: impl Into<String>, class: usize) -> Example {
        Example { text: text.into(), target: Target::of(class) }
    }

    fn given(texts: Vec<Example>) -> InMemory {
        let labels = vec!["bad".to_owned(), "good".to_owned()];
        InMemory { name: "mine".to_owned(), labels, texts, ..InMemory::default() }
    }

    #[test]
    fn a_tenth_is_set_apart_and_places_are_told() {
        let mut texts: Vec<Example> = (0..200).map(|n| example(format!("text {n}"), n % 2)).collect();
        texts.insert(3, example("  ", 1));
        let (dataset, places) = Dataset::in_memory(given(texts.clone())).expect("a data set");
        assert_eq!(dataset.train.len() + dataset.development.len(), 200);
        assert!((10..40).contains(&dataset.development.len()), "{}", dataset.development.len());
        assert!(dataset.test.is_empty() && dataset.report.empty == 1);
        assert!(places.iter().zip(&dataset.train).all(|(&place, example)| texts[place] == *example));
        // The same texts as a file would set apart.
        assert!(
            dataset.development.iter().all(|example| super::super::split_of(&example.text) == Split::Development)
        );
        let own = InMemory { development: Some(vec![example("other", 0)]), ..given(texts) };
        let (dataset, places) = Dataset::in_memory(own).expect("a data set");
        assert_eq!((dataset.train.len(), dataset.development.len(), places[3]), (200, 1, 4));
    }

    #[test]
    fn what_cannot_be_trained_on_is_refused() {
        let refused = |given: InMemory| Dataset::in_memory(given).map(|_| ()).expect_err("refused").to_string();
        assert!(refused(given(vec![example("a", 0), example("b", 0)])).contains("none of 'good'"));
        assert!(refused(given(vec![example("a", 0), example("b", 2)])).contains("[2] of 2 classes"));
        assert!(refused(given(vec![example("a", 0), example("b", 1)])).contains("2 different ones"));
        let one = InMemory { labels: vec!["only".to_owned()], ..given(vec![example("a", 0)]) };
        assert!(refused(one).contains("two classes or more"));
        let none = InMemory { development: Some(Vec::new()), ..given(vec![example("a", 0), example("b", 1)]) };
        assert!(refused(none).contains("development texts"));
    }
}
