//! [`Corpus`]: labelled texts of any number, divided into training, development and test. Texts wait in a temporary file
//! once they are many; a text takes some forty bytes of memory.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    path::Path,
};

use rayon::prelude::*;

use super::{
    dataset::{Dataset, Example, Report},
    gathered::Gathered,
    lines::shown,
    options::ReadOptions,
    read::gather,
    reading::Reading,
    split::{Split, SplitRule, divide_examples, text_hash},
};
use crate::{
    Error, Result,
    target::{Target, class_counts},
};

/// So many texts, or so many bytes of texts, are in memory at once.
const BLOCK_TEXTS: usize = 4096;
const BLOCK_BYTES: usize = 8 << 20;

/// Labelled texts as training reads them, wherever they are: a block after the other, in their order.
pub trait LabelledTexts: Sync {
    /// A short name: of a known set, or of the file.
    fn name(&self) -> &str;

    /// Where the texts come from.
    fn source(&self) -> &str;

    /// The names of the classes.
    fn labels(&self) -> &[String];

    /// Whether a text may be of several classes, or of none.
    fn is_multi_label(&self) -> bool;

    /// How each of its files was read.
    fn readings(&self) -> &[Reading];

    /// What was left out or looks odd.
    fn report(&self) -> &Report;

    /// How many texts a part has.
    fn texts_of(&self, part: Split) -> usize;

    /// Gives the texts of a part to `take`, in their order.
    ///
    /// # Errors
    /// Those of `take`, or if the texts cannot be read again.
    fn each_block(&self, part: Split, take: &mut dyn FnMut(&[Example]) -> Result<()>) -> Result<()>;

    /// The stable hashes of the texts of a part, in their order: [`text_hash`].
    ///
    /// # Errors
    /// If the texts cannot be read again.
    fn hashes(&self, part: Split) -> Result<Vec<u64>>;
}

impl LabelledTexts for Dataset {
    fn name(&self) -> &str {
        &self.name
    }

    fn source(&self) -> &str {
        &self.source
    }

    fn labels(&self) -> &[String] {
        &self.labels
    }

    fn is_multi_label(&self) -> bool {
        self.multi_label
    }

    fn readings(&self) -> &[Reading] {
        &self.readings
    }

    fn report(&self) -> &Report {
        &self.report
    }

    fn texts_of(&self, part: Split) -> usize {
        self.part(part).len()
    }

    fn each_block(&self, part: Split, take: &mut dyn FnMut(&[Example]) -> Result<()>) -> Result<()> {
        self.part(part).chunks(BLOCK_TEXTS).try_for_each(take)
    }

    fn hashes(&self, part: Split) -> Result<Vec<u64>> {
        Ok(self.part(part).par_iter().map(|example| text_hash(&example.text)).collect())
    }
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
    /// Those of [`read_files`](super::read_files); fewer than two classes; a class among development or test texts that training lacks;
    /// too few texts for three parts.
    pub fn from_files(train: &[impl AsRef<Path>], test: Option<&Path>, options: &ReadOptions) -> Result<Self> {
        Corpus::from_files(train, test, options)?.into_dataset()
    }
}

/// Labelled texts of any number, ready to train on. The parts and their order are those of [`Dataset::from_files`].
#[derive(Debug)]
pub struct Corpus {
    name: String,
    source: String,
    labels: Vec<String>,
    multi_label: bool,
    rule: SplitRule,
    report: Report,
    rows: Gathered,
    /// The target of each list of labels.
    targets: Vec<Target>,
    /// The hash of each row.
    hashes: Vec<u64>,
    /// The rows of each part.
    parts: [Vec<u32>; 3],
}

impl Corpus {
    /// Reads files or folders; see [`Dataset::from_files`].
    ///
    /// # Errors
    /// Those of [`Dataset::from_files`]; a temporary file that cannot be written.
    pub fn from_files(train: &[impl AsRef<Path>], test: Option<&Path>, options: &ReadOptions) -> Result<Self> {
        let mut rows = gather(train, options)?;
        let name = train.first().map(|path| name_of(path.as_ref())).unwrap_or_default();
        let mut source = train.iter().map(|path| path.as_ref().display().to_string()).collect::<Vec<_>>().join(", ");
        let mut unused = 0;
        if let Some(test) = test {
            let mut of_test = gather(&[test], options)?;
            if of_test.parts.contains(&Some(Split::Test)) {
                unused += of_test.retain(|rows, row| rows.parts[row] == Some(Split::Test));
            }
            unused += rows.retain(|rows, row| rows.parts[row] != Some(Split::Test));
            check_classes(&of_test, &classes(&rows))?;
            of_test.parts.fill(Some(Split::Test));
            rows.append(of_test)?;
            source = format!("{source}, test {}", test.display());
        }
        let mut corpus = Self::assemble(name, source, rows, None, options.multi_label)?;
        corpus.report.unused = unused;
        Ok(corpus)
    }

    /// Divides rows and orders their classes, by `labels` where given.
    pub(super) fn assemble(
        name: String,
        source: String,
        mut rows: Gathered,
        labels: Option<Vec<String>>,
        multi_label: bool,
    ) -> Result<Self> {
        let trained = classes(&rows);
        let place = rows.readings.first().map_or(Path::new(""), |reading| reading.path.as_path()).to_owned();
        let how =
            rows.readings.first().map(|reading| format!(" (read as {})", reading.explained())).unwrap_or_default();
        let refuse =
            |expected: &str, got: String| Err(Error::malformed(&place, None, expected, format!("{got}{how}")));
        if !rows.parts.iter().any(in_training) {
            return refuse("training texts", "texts marked for other parts only".to_owned());
        }
        check_classes(&rows, &trained)?;
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
        let target = |list: &Vec<String>| match multi_label {
            true => Target::several(list.iter().map(class_of)),
            false => Target::of(list.first().map_or(0, class_of)),
        };
        let targets: Vec<Target> = rows.lists.values().iter().map(target).collect();
        let hashes = hashes(&rows)?;
        let of_row = |row: usize| (hashes[row], &targets[rows.labels[row] as usize]);
        let counts = class_counts(labels.len(), (0..rows.len()).map(|row| of_row(row).1.clone()));

        // Parts that were given stay; what is missing comes from the training texts.
        let given = |part: Split| rows.parts.contains(&Some(part));
        let wanted: Vec<Split> = [Split::Development, Split::Test].into_iter().filter(|&part| !given(part)).collect();
        let rule = match wanted.len() {
            0 => SplitRule::Official,
            2 if !given(Split::Train) => SplitRule::Hash,
            _ => SplitRule::Partial,
        };
        let pool: Vec<u32> =
            (0..rows.len()).filter(|&row| in_training(&rows.parts[row])).map(|row| row as u32).collect();
        let pool_keys: Vec<(u64, &Target)> = pool.iter().map(|&row| of_row(row as usize)).collect();
        let Some(divided) = divide_examples(&pool_keys, &counts, multi_label, &wanted) else {
            let parts = wanted.iter().map(|part| part.name()).collect::<Vec<_>>().join(" and ");
            let different = pool_keys.iter().map(|key| key.0).collect::<HashSet<_>>().len();
            let expected =
                format!("enough texts to set some apart for {parts}, two for each of two classes at least");
            return refuse(&expected, format!("{different} different ones of {} classes", labels.len()));
        };
        drop(pool_keys);
        let mut part_of: Vec<Split> = rows.parts.iter().map(|part| part.unwrap_or(Split::Train)).collect();
        for (row, part) in pool.into_iter().zip(divided) {
            part_of[row as usize] = part;
        }
        let empty = rows.readings.iter().map(|reading| reading.left_out.empty).sum();
        let report = compare(&hashes, |row| &targets[rows.labels[row] as usize], &part_of);
        let report = Report { empty, alike: alike(&labels), ..report };
        let mut parts = [const { Vec::new() }; 3];
        for (row, part) in (0..).zip(part_of) {
            parts[part as usize].push(row);
        }
        rows.forget_places();
        Ok(Self { name, source, labels, multi_label, rule, report, rows, targets, hashes, parts })
    }

    /// How the parts came about.
    #[must_use]
    pub fn rule(&self) -> SplitRule {
        self.rule
    }

    /// Whether texts wait in a temporary file.
    #[must_use]
    pub fn is_in_file(&self) -> bool {
        self.rows.is_in_file()
    }

    /// All of it in memory.
    ///
    /// # Errors
    /// If texts cannot be read again.
    pub fn into_dataset(self) -> Result<Dataset> {
        let part = |part: Split| -> Result<Vec<Example>> {
            self.parts[part as usize].iter().map(|&row| self.example(row as usize)).collect()
        };
        let [train, development, test] = Split::ALL.map(part);
        Ok(Dataset {
            train: train?,
            development: development?,
            test: test?,
            name: self.name,
            labels: self.labels,
            multi_label: self.multi_label,
            source: self.source,
            rule: self.rule,
            readings: self.rows.readings,
            report: self.report,
        })
    }

    fn example(&self, row: usize) -> Result<Example> {
        Ok(Example { text: self.rows.text(row)?, target: self.targets[self.rows.labels[row] as usize].clone() })
    }
}

impl LabelledTexts for Corpus {
    fn name(&self) -> &str {
        &self.name
    }

    fn source(&self) -> &str {
        &self.source
    }

    fn labels(&self) -> &[String] {
        &self.labels
    }

    fn is_multi_label(&self) -> bool {
        self.multi_label
    }

    fn readings(&self) -> &[Reading] {
        &self.rows.readings
    }

    fn report(&self) -> &Report {
        &self.report
    }

    fn texts_of(&self, part: Split) -> usize {
        self.parts[part as usize].len()
    }

    fn each_block(&self, part: Split, take: &mut dyn FnMut(&[Example]) -> Result<()>) -> Result<()> {
        blocks(
            &self.parts[part as usize],
            |row| self.rows.length(row),
            |rows| {
                let examples = rows.iter().map(|&row| self.example(row as usize)).collect::<Result<Vec<_>>>()?;
                take(&examples)
            },
        )
    }

    fn hashes(&self, part: Split) -> Result<Vec<u64>> {
        Ok(self.parts[part as usize].iter().map(|&row| self.hashes[row as usize]).collect())
    }
}

/// Gives rows to `take`, as many at once as may be in memory.
fn blocks(
    mut rows: &[u32],
    length: impl Fn(usize) -> usize,
    mut take: impl FnMut(&[u32]) -> Result<()>,
) -> Result<()> {
    while !rows.is_empty() {
        let mut bytes = 0;
        let full = rows.iter().take(BLOCK_TEXTS).position(|&row| {
            bytes += length(row as usize);
            bytes > BLOCK_BYTES
        });
        let (block, rest) = rows.split_at(full.map_or(rows.len().min(BLOCK_TEXTS), |last| last + 1));
        take(block)?;
        rows = rest;
    }
    Ok(())
}

/// The hash of each row's text.
fn hashes(rows: &Gathered) -> Result<Vec<u64>> {
    let all: Vec<u32> = (0..rows.len() as u32).collect();
    let mut hashes = Vec::with_capacity(all.len());
    blocks(
        &all,
        |row| rows.length(row),
        |block| {
            let of_block = block.par_iter().map(|&row| Ok(text_hash(&rows.text(row as usize)?)));
            hashes.extend(of_block.collect::<Result<Vec<u64>>>()?);
            Ok(())
        },
    )?;
    Ok(hashes)
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

/// Whether a row of that part can be trained on.
fn in_training(part: &Option<Split>) -> bool {
    matches!(part, None | Some(Split::Train))
}

/// The classes that can be trained.
fn classes(rows: &Gathered) -> BTreeSet<String> {
    let mut trained = vec![false; rows.lists.values().len()];
    let pairs = rows.labels.iter().zip(&rows.parts);
    pairs.filter(|(_, part)| in_training(part)).for_each(|(&list, _)| trained[list as usize] = true);
    let lists = rows.lists.values().iter().zip(trained);
    lists.filter(|(_, trained)| *trained).flat_map(|(list, _)| list.iter().cloned()).collect()
}

/// Refuses the first row whose class is not among `trained`.
fn check_classes(rows: &Gathered, trained: &BTreeSet<String>) -> Result<()> {
    let unknown = |list: &Vec<String>| list.iter().find(|label| !trained.contains(*label)).cloned();
    let unknown: Vec<Option<String>> = rows.lists.values().iter().map(unknown).collect();
    let first = (0..rows.len()).find_map(|row| Some((row, unknown[rows.labels[row] as usize].as_ref()?)));
    match first {
        None => Ok(()),
        Some((row, label)) => {
            let known = super::lines::listed(trained.iter().map(String::as_str));
            let expected = format!("a label that training has ({known})");
            Err(Error::malformed(rows.path(row), rows.line(row), expected, format!("'{}'", shown(label))))
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

/// Counts equal texts, given by hash, target and part: of those the first is in the earliest part.
fn compare<'t>(hashes: &[u64], target: impl Fn(usize) -> &'t Target, parts: &[Split]) -> Report {
    let mut report = Report::default();
    let mut order: Vec<(u64, Split, u32)> =
        (0..).zip(hashes).zip(parts).map(|((row, &hash), &part)| (hash, part, row)).collect();
    order.sort_unstable();
    for equal in order.chunk_by(|a, b| a.0 == b.0) {
        let [(_, part, row), others @ ..] = equal else { continue };
        let first = target(*row as usize);
        report.duplicates += others.len();
        report.straddling += others.iter().filter(|other| other.1 != *part).count();
        report.contradictory += usize::from(others.iter().any(|other| target(other.2 as usize) != first));
    }
    report
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(texts: &dyn LabelledTexts) -> Vec<Vec<Example>> {
        let part = |part| {
            let mut all = Vec::new();
            let gather = &mut |block: &[Example]| {
                all.extend_from_slice(block);
                Ok(())
            };
            texts.each_block(part, gather).unwrap();
            assert_eq!(all.len(), texts.texts_of(part));
            let hashes: Vec<u64> = all.iter().map(|example| text_hash(&example.text)).collect();
            assert_eq!(texts.hashes(part).unwrap(), hashes);
            all
        };
        Split::ALL.map(part).to_vec()
    }

    #[test]
    fn texts_in_a_file_are_those_in_memory() {
        let folder = tempfile::tempdir().unwrap();
        let (one, two) = (folder.path().join("one.csv"), folder.path().join("two.jsonl"));
        let rows =
            (0..9000).fold("text,label\n".to_owned(), |csv, n| csv + &format!("\"text {n},\n很好\",{}\n", n % 3));
        std::fs::write(&one, rows).unwrap();
        let rows = (0..500)
            .fold(String::new(), |lines, n| lines + &format!("{{\"text\": \"other {n}\", \"label\": {}}}\n", n % 3));
        std::fs::write(&two, rows).unwrap();
        let test = folder.path().join("test.csv");
        std::fs::write(&test, "text,label,split\nlast,1,test\nnone,1,train\n").unwrap();
        for test in [None, Some(&*test)] {
            let read = |in_memory| {
                let options = ReadOptions { in_memory, ..ReadOptions::default() };
                Corpus::from_files(&[&one, &two], test, &options).unwrap()
            };
            let (many, few) = (read(Some(1000)), read(None));
            assert!(many.is_in_file() && !few.is_in_file());
            let set = Dataset::from_files(&[&one, &two], test, &ReadOptions::default()).unwrap();
            assert_eq!(parts(&many), parts(&set));
            assert_eq!(parts(&few), parts(&set));
            assert_eq!(
                (many.labels(), many.report(), many.readings()),
                (&set.labels[..], &set.report, &set.readings[..])
            );
            assert_eq!((many.name(), many.source(), many.rule()), (&*set.name, &*set.source, set.rule));
            let again = many.into_dataset().unwrap();
            assert_eq!((again.train, again.development, again.test), (set.train, set.development, set.test));
        }
    }

    #[test]
    fn blocks_are_bounded_by_texts_and_bytes() {
        let rows: Vec<u32> = (0..10_000).collect();
        let mut sizes = Vec::new();
        let length = |row: usize| if row < 20 { BLOCK_BYTES / 4 } else { 1 };
        blocks(&rows, length, |block| {
            sizes.push(block.len());
            Ok(())
        })
        .unwrap();
        assert_eq!(sizes, [5, 5, 5, 5, 4096, 4096, 1788]);
    }
}
