//! [`Dataset`]: texts with their classes, divided into training, development and test, and what was noticed on the
//! way.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    path::Path,
};

use serde::Serialize;

use super::{
    lines::shown,
    options::ReadOptions,
    read::{read_file, read_files},
    reading::Reading,
    split::{Split, SplitRule, divide_examples, text_hash},
    table::{Row, Table},
};
use crate::{
    Error, Result,
    target::{Target, class_counts},
};

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
    /// Reads a data set from the files or folders `train`, and its test texts from `test` where given.
    ///
    /// Without a test file, a `split` column (or folders or files `train`, `dev`, `test`) is respected; a part that it
    /// does not fill is taken from the training texts by hash, and files without one are divided 80/10/10. With a test
    /// file, the development texts are those the training files mark so, or a tenth of them by hash; what they mark
    /// `test` is left out and counted as [`Report::unused`], as are texts of the test file that are marked for
    /// another part.
    ///
    /// # Errors
    /// Those of [`read_files`]; fewer than two classes; a class among development or test texts that training lacks;
    /// too few texts for three parts.
    pub fn from_files(train: &[impl AsRef<Path>], test: Option<&Path>, options: &ReadOptions) -> Result<Self> {
        let mut table = read_files(train, options)?;
        let name = train.first().map(|path| name_of(path.as_ref())).unwrap_or_default();
        let mut source = train.iter().map(|path| path.as_ref().display().to_string()).collect::<Vec<_>>().join(", ");
        let mut unused = 0;
        if let Some(test) = test {
            let mut test_table = read_file(test, options)?;
            if test_table.rows.iter().any(|row| row.part == Some(Split::Test)) {
                unused += keep(&mut test_table.rows, |row| row.part == Some(Split::Test));
            }
            unused += keep(&mut table.rows, |row| row.part != Some(Split::Test));
            check_classes(&test_table, &classes(&table.rows))?;
            test_table.rows.iter_mut().for_each(|row| row.part = Some(Split::Test));
            table = Table::joined([table, test_table]);
            source = format!("{source}, test {}", test.display());
        }
        let mut dataset = Self::assemble(name, source, table, None, options.multi_label)?;
        dataset.report.unused = unused;
        Ok(dataset)
    }

    /// Divides a table and orders its classes, by `labels` where given.
    pub(crate) fn assemble(
        name: String,
        source: String,
        table: Table,
        labels: Option<Vec<String>>,
        multi_label: bool,
    ) -> Result<Self> {
        let trained = classes(&table.rows);
        let place = table.readings.first().map_or(Path::new(""), |reading| reading.path.as_path()).to_owned();
        let how =
            table.readings.first().map(|reading| format!(" (read as {})", reading.explained())).unwrap_or_default();
        let refuse =
            |expected: &str, got: String| Err(Error::malformed(&place, None, expected, format!("{got}{how}")));
        if !table.rows.iter().any(in_training) {
            return refuse("training texts", "texts marked for other parts only".to_owned());
        }
        check_classes(&table, &trained)?;
        if trained.is_empty() {
            return refuse("texts of two classes or more", "no label at all".to_owned());
        }
        if let (1, Some(only)) = (trained.len(), trained.first()) {
            return refuse("texts of two classes or more", format!("one class only, '{}'", shown(only)));
        }
        let labels = labels.unwrap_or_else(|| ordered(&trained));
        let index: HashMap<&str, usize> =
            labels.iter().enumerate().map(|(index, label)| (label.as_str(), index)).collect();
        let class_of = |label: &String| index.get(label.as_str()).copied().unwrap_or(0);
        let target = |row: &Row| match multi_label {
            true => Target::several(row.labels.iter().map(class_of)),
            false => Target::of(row.labels.first().map_or(0, class_of)),
        };
        let targets: Vec<Target> = table.rows.iter().map(target).collect();
        let hashes: Vec<u64> = table.rows.iter().map(|row| text_hash(&row.text)).collect();
        let counts = class_counts(labels.len(), targets.iter().cloned());
        let keys: Vec<(u64, &Target)> = hashes.into_iter().zip(&targets).collect();

        // Parts that were given stay; what is missing comes from the training texts.
        let given = |part: Split| table.rows.iter().any(|row| row.part == Some(part));
        let wanted: Vec<Split> = [Split::Development, Split::Test].into_iter().filter(|&part| !given(part)).collect();
        let rule = match wanted.len() {
            0 => SplitRule::Official,
            2 if !given(Split::Train) => SplitRule::Hash,
            _ => SplitRule::Partial,
        };
        let pool: Vec<usize> = (0..keys.len()).filter(|&row| in_training(&table.rows[row])).collect();
        let pool_keys: Vec<(u64, &Target)> = pool.iter().map(|&row| keys[row]).collect();
        let Some(divided) = divide_examples(&pool_keys, &counts, multi_label, &wanted) else {
            let parts = wanted.iter().map(|part| part.name()).collect::<Vec<_>>().join(" and ");
            let different = pool_keys.iter().map(|key| key.0).collect::<HashSet<_>>().len();
            let expected =
                format!("enough texts to set some apart for {parts}, two for each of two classes at least");
            return refuse(&expected, format!("{different} different ones of {} classes", labels.len()));
        };
        let mut parts: Vec<Split> = table.rows.iter().map(|row| row.part.unwrap_or(Split::Train)).collect();
        for (row, part) in pool.into_iter().zip(divided) {
            parts[row] = part;
        }
        let report = Report { empty: table.left_out().empty, alike: alike(&labels), ..compare(&keys, &parts) };
        let mut dataset = Self {
            name,
            labels,
            multi_label,
            train: Vec::new(),
            development: Vec::new(),
            test: Vec::new(),
            source,
            rule,
            readings: table.readings,
            report,
        };
        for ((row, target), part) in table.rows.into_iter().zip(targets).zip(parts) {
            dataset.part_mut(part).push(Example { text: row.text, target });
        }
        Ok(dataset)
    }

    /// The examples of one part.
    #[must_use]
    pub fn part(&self, part: Split) -> &[Example] {
        match part {
            Split::Train => &self.train,
            Split::Development => &self.development,
            Split::Test => &self.test,
        }
    }

    fn part_mut(&mut self, part: Split) -> &mut Vec<Example> {
        match part {
            Split::Train => &mut self.train,
            Split::Development => &mut self.development,
            Split::Test => &mut self.test,
        }
    }
}

/// A short name for the data of a file: its own without its extension and that of packing.
fn name_of(path: &Path) -> String {
    if path.as_os_str() == "-" {
        return "standard-input".to_owned();
    }
    let packed =
        path.extension().is_some_and(|extension| super::input::PACKED.iter().any(|&packed| extension == packed));
    let path = if packed { path.with_extension("") } else { path.to_owned() };
    path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

/// Whether a row can be trained on.
fn in_training(row: &Row) -> bool {
    matches!(row.part, None | Some(Split::Train))
}

/// Keeps the rows that `wanted` takes; returns how many went.
fn keep(rows: &mut Vec<Row>, wanted: impl Fn(&Row) -> bool) -> usize {
    let before = rows.len();
    rows.retain(wanted);
    before - rows.len()
}

/// The classes that can be trained.
fn classes(rows: &[Row]) -> BTreeSet<String> {
    rows.iter().filter(|row| in_training(row)).flat_map(|row| row.labels.iter().cloned()).collect()
}

/// Refuses the first row whose class is not among `trained`.
fn check_classes(table: &Table, trained: &BTreeSet<String>) -> Result<()> {
    let unknown = |label: &&String| !trained.contains(*label);
    match table.rows.iter().find_map(|row| Some((row, row.labels.iter().find(unknown)?))) {
        None => Ok(()),
        Some((row, label)) => {
            let known = super::lines::listed(trained.iter().map(String::as_str));
            let expected = format!("a label that training has ({known})");
            Err(Error::malformed(table.path(row), row.line, expected, format!("'{}'", shown(label))))
        }
    }
}

/// Labels in their order: by value if all are numbers, otherwise alphabetical.
fn ordered(labels: &BTreeSet<String>) -> Vec<String> {
    let mut ordered: Vec<String> = labels.iter().cloned().collect();
    let number = |label: &str| label.parse::<f64>().ok().filter(|number| number.is_finite());
    if ordered.iter().all(|label| number(label).is_some()) {
        // The sort is stable, so equal numbers (1, 1.0) stay in alphabetical order.
        ordered.sort_by(|a, b| number(a).partial_cmp(&number(b)).unwrap_or(Ordering::Equal));
    }
    ordered
}

/// Labels that are the same but for case and blanks, in groups.
fn alike(labels: &[String]) -> Vec<Vec<String>> {
    let mut groups: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for label in labels {
        let folded = label.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
        groups.entry(folded).or_default().push(label.clone());
    }
    groups.into_values().filter(|group| group.len() > 1).collect()
}

/// Counts equal texts, given by (hash, target) and part.
fn compare(keys: &[(u64, &Target)], parts: &[Split]) -> Report {
    let mut report = Report::default();
    // The earliest part, the target first seen, and whether another one came.
    let mut seen: HashMap<u64, (Split, &Target, bool)> = HashMap::new();
    for part in Split::ALL {
        for (&(hash, target), _) in keys.iter().zip(parts).filter(|pair| *pair.1 == part) {
            let Some(first) = seen.get_mut(&hash) else {
                seen.insert(hash, (part, target, false));
                continue;
            };
            report.duplicates += 1;
            report.straddling += usize::from(first.0 != part);
            if first.1 != target && !first.2 {
                first.2 = true;
                report.contradictory += 1;
            }
        }
    }
    report
}

#[cfg(test)]
mod tests {
    use super::*;

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
