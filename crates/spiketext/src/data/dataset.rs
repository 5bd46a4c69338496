//! [`Dataset`]: texts with their classes, divided into training, development and test, and what was noticed on the
//! way.

use serde::Serialize;

use super::{
    reading::Reading,
    split::{Split, SplitRule},
};
use crate::target::Target;

/// A text and the class it belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Example {
    /// The text, never empty.
    pub text: String,
    /// Its class, by the number in [`Dataset::labels`].
    pub target: Target,
}

/// Labelled texts, ready to train on.
#[derive(Clone, Debug)]
pub struct Dataset {
    /// A short name: of a known set, or of the file.
    pub name: String,
    /// The names of the classes; numbers by value, others in alphabetical order, those of known sets in their own.
    pub labels: Vec<String>,
    /// Whether a text may be of several classes, or of none: then all targets are sets.
    pub multi_label: bool,
    /// Texts to fit weights to; every class is among them.
    pub train: Vec<Example>,
    /// Texts to make choices on.
    pub development: Vec<Example>,
    /// Texts to be looked at once, at the end.
    pub test: Vec<Example>,
    /// Where the texts come from.
    pub source: String,
    /// How the parts came about.
    pub rule: SplitRule,
    /// How each of its files was read; none for a known set.
    pub readings: Vec<Reading>,
    /// What was left out or looks odd.
    pub report: Report,
}

/// What was noticed while a data set was put together. Two texts are equal here if they have one
/// [`super::canonical_form`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Empty texts, left out.
    pub empty: usize,
    /// Texts left out because another file or another part of the file took their place (see
    /// [`Dataset::from_files`]).
    pub unused: usize,
    /// Texts that repeat an earlier one, kept.
    pub duplicates: usize,
    /// Development or test texts that also stand in an earlier part, kept: only given splits can have them.
    pub straddling: usize,
    /// Different texts that occur under more than one class, kept.
    pub contradictory: usize,
    /// Classes whose names differ in case or blanks alone, kept apart: most often a slip of the pen.
    pub alike: Vec<Vec<String>>,
}

impl Dataset {
    /// The examples of one part.
    #[must_use]
    pub fn part(&self, part: Split) -> &[Example] {
        match part {
            Split::Train => &self.train,
            Split::Development => &self.development,
            Split::Test => &self.test,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::{Result, data::ReadOptions};

    fn write(folder: &Path, name: &str, content: &str) -> std::path::PathBuf {
        let path = folder.join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    /// A CSV of `count` texts, classes by turns.
    fn numbered(count: usize, labels: &[&str]) -> String {
        (0..count).fold("text,label\n".to_owned(), |csv, n| csv + &format!("text {n},{}\n", labels[n % labels.len()]))
    }

    fn sizes(dataset: &Dataset) -> [usize; 3] {
        Split::ALL.map(|part| dataset.part(part).len())
    }

    fn from(content: &str) -> Result<Dataset> {
        let folder = tempfile::tempdir().unwrap();
        Dataset::from_files(&[write(folder.path(), "f.csv", content)], None, &ReadOptions::default())
    }

    #[test]
    fn labels_are_in_the_order_of_numbers_or_letters() {
        assert_eq!(from(&numbered(40, &["10", "9", "-1.5"])).unwrap().labels, ["-1.5", "9", "10"]);
        assert_eq!(from(&numbered(40, &["positive", "negative"])).unwrap().labels, ["negative", "positive"]);
        assert_eq!(from(&numbered(40, &["10", "9", "x"])).unwrap().labels, ["10", "9", "x"]);
    }

    #[test]
    fn classes_that_differ_in_case_or_blanks_are_told() {
        let dataset = from(&numbered(60, &["Spam", "ham", "spam", " news  desk", "News desk"])).unwrap();
        assert_eq!(dataset.labels.len(), 5);
        assert_eq!(dataset.report.alike, [["News desk", "news  desk"], ["Spam", "spam"]]);
        assert!(from(&numbered(20, &["a", "b"])).unwrap().report.alike.is_empty());
    }

    #[test]
    fn a_file_without_parts_follows_the_hash() {
        let dataset = from(&numbered(1000, &["a", "b"])).unwrap();
        assert_eq!(dataset.rule, SplitRule::Hash);
        for part in Split::ALL {
            for example in dataset.part(part) {
                assert_eq!(super::super::split_of(&example.text), part);
                let number: usize = example.text[5..].parse().unwrap();
                assert_eq!(example.target, Target::of(number % 2));
            }
        }
        assert_eq!(sizes(&dataset).iter().sum::<usize>(), 1000);
    }

    #[test]
    fn twenty_lines_are_enough_and_three_are_not() {
        for count in [4, 8, 20] {
            let dataset = from(&numbered(count, &["a", "b"])).unwrap();
            assert!(sizes(&dataset).iter().all(|&size| size > 0), "{count}: {:?}", sizes(&dataset));
        }
        let message = from(&numbered(2, &["a", "b"])).unwrap_err().to_string();
        assert!(message.contains("2 different ones of 2 classes"), "{message}");
        assert!(from(&numbered(9, &["a"])).unwrap_err().to_string().contains("one class only, 'a'"));
    }

    #[test]
    fn a_split_column_is_respected_and_gaps_are_filled_by_hash() {
        let rows = |part: &str, from: usize, to: usize| {
            (from..to).fold(String::new(), |csv, n| csv + &format!("{part},t{n},{}\n", n % 2))
        };
        let header = "split,text,label\n";
        let whole = from(&format!("{header}{}{}{}", rows("train", 0, 50), rows("dev", 50, 54), rows("test", 54, 60)));
        let whole = whole.unwrap();
        assert_eq!((sizes(&whole), whole.rule), ([50, 4, 6], SplitRule::Official));
        let partial = from(&format!("{header}{}{}", rows("train", 0, 100), rows("test", 100, 120))).unwrap();
        assert_eq!((partial.test.len(), partial.rule), (20, SplitRule::Partial));
        assert!(!partial.development.is_empty() && partial.train.len() + partial.development.len() == 100);
        let message = from(&format!("{header}{}", rows("test", 0, 9))).unwrap_err().to_string();
        assert!(message.contains("other parts only"), "{message}");
        let message = from(&format!("{header}{}dev,x,7\n", rows("train", 0, 9))).unwrap_err().to_string();
        assert!(message.contains("f.csv:11: ") && message.contains("'7'") && message.contains("0, 1"), "{message}");
    }

    #[test]
    fn a_test_file_is_the_test_and_must_know_its_classes() {
        let folder = tempfile::tempdir().unwrap();
        let train = write(folder.path(), "train.csv", &numbered(100, &["a", "b"]));
        let test = write(folder.path(), "test.tsv", "sentence\tclass\nnew\ta\ntext 3\tb\n");
        let dataset = Dataset::from_files(&[&train], Some(&test), &ReadOptions::default()).unwrap();
        assert_eq!(
            dataset.test,
            [("new", 0), ("text 3", 1)].map(|(text, class)| Example { text: text.into(), target: Target::of(class) })
        );
        assert_eq!((dataset.rule, dataset.report.straddling), (SplitRule::Partial, 1));
        assert_eq!(dataset.train.len() + dataset.development.len(), 100);
        assert!(!dataset.development.is_empty());
        let bad = write(folder.path(), "bad.csv", "text,label\nx,a\ny,c\n");
        let message = Dataset::from_files(&[&train], Some(&bad), &ReadOptions::default()).unwrap_err().to_string();
        assert!(message.contains("bad.csv:3: ") && message.contains("'c'"), "{message}");
    }

    #[test]
    fn oddities_are_counted_and_duplicates_stay_together() {
        let extra = "TEXT 1,b\n text  1,a\n,a\ntext 0,a\n";
        let dataset = from(&(numbered(60, &["a", "b"]) + extra)).unwrap();
        let expected = Report { empty: 1, duplicates: 3, contradictory: 1, ..Report::default() };
        assert_eq!(dataset.report, expected);
    }
}
