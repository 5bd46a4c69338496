//! A study's result files: one cell, one JSON file, written by the runner and read by the report.
//!
//! A cell is one network of one data set and one seed, trained and measured once. Its place in the report is named by
//! `table`, `row` and `axis`; cells that differ in nothing but the seed are averaged. What a cell is (method, recipe,
//! noise) stands in fields of its own: names are for people. Whoever adds a field gives it a default, so that older
//! files stay readable. Finished studies lie packed in one file ([`crate::archive`]).

mod costs;
mod firing;

use std::{
    collections::BTreeMap,
    num::NonZeroUsize,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use spiketext::{Error, Result, files::write_atomically};

pub use self::{
    costs::{CostsPerText, Energy, Priced, Way, WayName},
    firing::{BINS, FiringSummary},
};

/// The version of the format.
pub const FORMAT: u32 = 2;

/// One finished cell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Cell {
    /// [`FORMAT`].
    pub format: u32,
    /// The table it belongs to, for example `main`, `encoders` or `ablation-beta`.
    pub table: String,
    /// Its row there, for example `lean fine-tuned SNN`.
    pub row: String,
    /// The settings that vary along the row, by their names in the recipe: `network.steps` is `8`. Empty for a row of
    /// one cell a data set.
    pub axis: BTreeMap<String, String>,
    /// The data set's short name, for example `sst2`.
    pub dataset: String,
    /// The seed of every random choice.
    pub seed: u64,
    /// Which training and development texts took the place of the test texts, in cross-validation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fold: Option<Fold>,
    /// What chose its recipe, before its test texts were looked at; none where nothing did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selected: Option<Selected>,
    /// How the network was made.
    pub method: Method,
    /// Which networks it belongs with, whatever its row is called.
    pub family: Family,
    /// Every choice of the run.
    pub settings: Settings,
    /// What came out.
    pub measured: Measurements,
    /// Seconds the cell took, and how many of them made things that other cells share (the DNN it converts).
    pub seconds: Seconds,
    /// The machine in words: processor, cores, threads used.
    pub machine: String,
    /// The commit the program was built from, `-dirty` behind it if the sources had changes; its version where it was
    /// built outside of a repository.
    pub commit: String,
}

/// A part of the training and development texts that is held back from both and measured on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Fold {
    /// Which, from 1.
    pub number: usize,
    /// How many there are.
    pub of: usize,
}

/// The outcome of a cross-validation (`spiketext select`) that chose a row.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Selected {
    /// Its file, from the root of the repository.
    pub file: String,
    /// The commit that holds it: an earlier one than that of the cell.
    pub commit: String,
}

/// How a network is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// Logistic regression on the words of a text, or on their TF-IDF: the floor.
    BagOfWords,
    /// The mean of trained vectors of words and their neighbours, as in fastText.
    FastText,
    /// The original TextCNN: maximum pooling, biases.
    Original,
    /// The tailored TextCNN that conversion starts from.
    Dnn,
    /// The same after training in whole numbers: weights and word codes of 8 bits, sums of 32.
    DnnInt8,
    /// The same with weights of 4 bits.
    DnnInt4,
    /// The same DNN where a dimension of a word has one of T + 1 levels, as many as a spiking one has in T steps, and meets
    /// its weights bit by bit.
    DnnLevels,
    /// A DNN of the same shape on the codes that a spiking network learnt: what a rectifier makes of them.
    DnnCodes,
    /// The DNN converted to spikes.
    Converted,
    /// The converted network after fine-tuning.
    FineTuned,
    /// A spiking network trained from its first weights, without a DNN.
    Direct,
    /// Nothing of ours: the teacher that rows learn from.
    Teacher,
}

impl Method {
    /// As a grid and a cell name it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::BagOfWords => "bag-of-words",
            Self::FastText => "fast-text",
            Self::Original => "original",
            Self::Dnn => "dnn",
            Self::DnnInt8 => "dnn-int8",
            Self::DnnInt4 => "dnn-int4",
            Self::DnnLevels => "dnn-levels",
            Self::DnnCodes => "dnn-codes",
            Self::Converted => "converted",
            Self::FineTuned => "fine-tuned",
            Self::Direct => "direct",
            Self::Teacher => "teacher",
        }
    }

    /// Whether the network spikes.
    #[must_use]
    pub fn spikes(self) -> bool {
        matches!(self, Self::Converted | Self::FineTuned | Self::Direct)
    }
}

/// What networks have in common that are compared with one another: those of one family differ in method and axis.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Family {
    /// The recipe that the choices began with: `lean`, `paper`, or `bag-of-words`, `tf-idf` and `fasttext`.
    pub recipe: String,
    /// Whether the words have random vectors.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub random_vectors: bool,
    /// Whether texts that fooled an earlier network joined the training texts.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub adversarial: bool,
}

/// Everything that a cell was made with, its data set and seed aside.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Settings {
    /// The word vectors by name; none for methods that need none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vectors: Option<String>,
    /// Which of the splits by hash, of a data set without an official one; older files, which all have the first, do not
    /// say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<u64>,
    /// In cross-validation of a data set without an official split: how many splits by hash there are whose test texts took
    /// no part in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spared_splits: Option<u64>,
    /// Who taught beside the labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub teacher: Option<String>,
    /// Sixteen hexadecimal digits of SHA-256 over the file of the teacher's answers; cells that were made before this was
    /// written down do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answers: Option<String>,
    /// How many training texts were labelled, where not all were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labelled: Option<usize>,
    /// The attack whose finds joined the training texts, in adversarial training.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adversarial: Option<AttackSettings>,
    /// The attack that was measured, in a cell that is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attack: Option<AttackSettings>,
    /// Every choice of the recipe by part and name: `choices["dnn"]["epochs"]`.
    pub choices: serde_json::Map<String, serde_json::Value>,
}

impl Settings {
    /// Sixteen hexadecimal digits that stand for vectors and choices, whatever the texts: of SHA-256 over both.
    #[must_use]
    pub fn digest(&self) -> String {
        let choices = serde_json::Value::Object(self.choices.clone());
        let text = format!("{}\n{choices}", self.vectors.as_deref().unwrap_or_default());
        Sha256::digest(text).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }
}

/// How a network was attacked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct AttackSettings {
    /// The attack.
    pub name: String,
    /// The largest share of words that may change, in the paper's own protocol; 0 for the parameters of the attack's
    /// publication.
    pub share: f64,
    /// Test texts, evenly spread.
    pub texts: usize,
    /// What noise the questions met; none where the network has no noise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub noise: Option<NoiseSettings>,
}

/// The noise of a network under attack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct NoiseSettings {
    /// What a question meets.
    pub policy: Noise,
    /// With [`Noise::Mean`]: draws that are averaged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub draws: Option<NonZeroUsize>,
    /// Draws of noise that judge a text before and after.
    pub judges: usize,
}

/// What noise a question meets: [`spiketext::score::NoisePolicy`] by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Noise {
    /// The same always.
    Fixed,
    /// New for each text of each question.
    Fresh,
    /// The mean over draws.
    Mean,
}

impl Noise {
    /// As a cell names it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Fixed => "fixed",
            Self::Fresh => "fresh",
            Self::Mean => "mean",
        }
    }
}

/// What was measured on the test texts, and the accuracy on the development texts that choices were made by.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Measurements {
    /// Training, development and test texts.
    pub texts: [usize; 3],
    /// The classes by name.
    pub labels: Vec<String>,
    /// Percent of the development texts.
    pub development_accuracy: f64,
    /// Percent of the test texts.
    pub test_accuracy: f64,
    /// Test texts by true class (row) and found class (column).
    pub confusion: Vec<Vec<u64>>,
    /// What was answered to each test text, so that networks can be compared text by text. Older files do not have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answers: Option<TestAnswers>,
    /// Share of the test tokens without a code.
    pub unknown_share: f64,
    /// Epochs trained and the best of them, for each phase that ran (`dnn`, `fine-tuning`, `original`, `direct`).
    #[serde(default)]
    pub epochs: BTreeMap<String, [usize; 2]>,
    /// What a test text costs; nothing for methods without neurons in older files.
    #[serde(default)]
    pub costs: Option<CostsPerText>,
    /// How neurons fire; only for networks that do.
    #[serde(default)]
    pub firing: Option<FiringSummary>,
    /// What the teacher said of itself and how much it taught; only where there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub teacher: Option<Taught>,
    /// What came of an attack, in a cell that is one. Its `test_accuracy` is that of the attacked texts before, and
    /// neither confusion nor costs are there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attack: Option<AttackResult>,
}

/// What a teacher said of itself, and how much it taught.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Taught {
    /// SHA-256 of the file of its answers.
    pub sha256: String,
    /// What the file says of it.
    #[serde(default, skip_serializing_if = "serde_json::Value::is_null")]
    pub about: serde_json::Value,
    /// Different training texts that it answered.
    pub taught: usize,
    /// Texts that nobody but it has labelled.
    pub unlabelled: usize,
    /// Texts that were offered as such and refused: test texts and development texts, or nearly so.
    pub refused: [usize; 2],
}

/// What was answered to each test text, in the order of the data set's texts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct TestAnswers {
    /// The text's class, by its place among the labels.
    #[serde(with = "on_a_line")]
    pub targets: Vec<u16>,
    /// The class that was found.
    #[serde(with = "on_a_line")]
    pub labels: Vec<u16>,
    /// Its probability, per thousand.
    #[serde(with = "on_a_line")]
    pub probabilities: Vec<u16>,
}

impl TestAnswers {
    /// Which texts were labelled rightly.
    #[must_use]
    pub fn right(&self) -> Vec<bool> {
        self.targets.iter().zip(&self.labels).map(|(target, label)| target == label).collect()
    }
}

/// Whole numbers as a string with blanks between them: a line, where a list of JSON that people read has one for each.
mod on_a_line {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(numbers: &[u16], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&numbers.iter().map(u16::to_string).collect::<Vec<_>>().join(" "))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u16>, D::Error> {
        let line = String::deserialize(deserializer)?;
        let number =
            |word: &str| word.parse().map_err(|_| D::Error::custom(format!("expected numbers, got '{word}'")));
        line.split_whitespace().map(number).collect()
    }
}

/// What came of attacking test texts; shares in percent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct AttackResult {
    /// Texts that were attacked, those included that were taken wrongly before.
    pub texts: usize,
    /// Texts that were right before.
    pub accuracy: f64,
    /// Texts that stayed right: the robust accuracy.
    pub accuracy_under_attack: f64,
    /// The same two where draws of noise that the attack never met decide by majority. Of a network without noise the
    /// same numbers again.
    pub judged_accuracy: f64,
    /// See `judged_accuracy`.
    pub judged_accuracy_under_attack: f64,
    /// Of the texts that were right, those that are so no more.
    pub success_rate: f64,
    /// Mean percent of words changed where the attack succeeded.
    pub changed_words: f64,
    /// Mean words of a text.
    pub words: f64,
    /// Mean queries of a text that was right before.
    pub queries: f64,
}

/// Where the time of a cell went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Seconds {
    /// All of it.
    pub total: f64,
    /// Making what other cells share; 0 if it was there.
    pub shared: f64,
    /// Nanoseconds that one core took to answer a test text, from its word ids to its label: the least of several passes
    /// over all test texts. Where no engine of ours is made for speed, or in older files, it is not there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nanoseconds_a_text: Option<f64>,
}

impl Cell {
    /// The name of the cell's file without its ending: table, row, axis, data set and seed in lower case with
    /// hyphens.
    #[must_use]
    pub fn id(&self) -> String {
        cell_id(&self.table, &self.row, &self.axis, &self.dataset, self.seed, self.fold)
    }

    /// Writes the cell into `folder`, to a temporary name that is then renamed.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn write(&self, folder: &Path) -> Result<PathBuf> {
        let path = folder.join(format!("{}.json", self.id()));
        let mut text = serde_json::to_string_pretty(self)
            .map_err(|error| Error::invalid("study cell", "numbers that JSON can hold", error.to_string()))?;
        text.push('\n');
        write_atomically(&path, text.as_bytes())?;
        Ok(path)
    }

    /// Reads one cell.
    ///
    /// # Errors
    /// If the file cannot be read or is not a cell of this format.
    pub fn read(path: &Path) -> Result<Self> {
        Self::parse(path, None, &std::fs::read_to_string(path).map_err(Error::read(path))?)
    }

    /// Reads one cell out of `text`, which stands in the file at `path` (for messages: in this line of it).
    pub(crate) fn parse(path: &Path, line: Option<u64>, text: &str) -> Result<Self> {
        /// Read first, so that another version is told from a damaged file.
        #[derive(Deserialize)]
        struct Header {
            format: u32,
        }
        let broken = |got: String| Error::malformed(path, line, "a cell of a study", got);
        let header: Header = serde_json::from_str(text).map_err(|error| broken(error.to_string()))?;
        if header.format != FORMAT {
            return Err(broken(format!("format {}, where this program reads {FORMAT}", header.format)));
        }
        serde_json::from_str(text).map_err(|error| broken(error.to_string()))
    }

    /// The `*.json` of a folder, in the order of their names.
    ///
    /// # Errors
    /// If the folder cannot be read.
    pub fn files(folder: &Path) -> Result<Vec<PathBuf>> {
        let mut paths = Vec::new();
        for entry in std::fs::read_dir(folder).map_err(Error::read(folder))? {
            let path = entry.map_err(Error::read(folder))?.path();
            if path.extension().is_some_and(|ending| ending == "json") {
                paths.push(path);
            }
        }
        paths.sort_unstable();
        Ok(paths)
    }
}

/// See [`Cell::id`].
#[must_use]
pub fn cell_id(
    table: &str,
    row: &str,
    axis: &BTreeMap<String, String>,
    dataset: &str,
    seed: u64,
    fold: Option<Fold>,
) -> String {
    let mut parts = vec![table.to_owned(), row.to_owned()];
    parts.extend(axis.iter().map(|(key, value)| format!("{}={value}", key.rsplit('.').next().unwrap_or(key))));
    parts.extend([dataset.to_owned(), format!("seed{seed}")]);
    parts.extend(fold.map(|Fold { number, of }| format!("fold{number}of{of}")));
    let plain =
        |c: char| if c.is_ascii_alphanumeric() || matches!(c, '=' | '.') { c.to_ascii_lowercase() } else { '-' };
    let mut names: Vec<String> = Vec::new();
    for part in parts {
        let name: String = part.chars().map(plain).collect();
        names.push(name.split('-').filter(|piece| !piece.is_empty()).collect::<Vec<_>>().join("-"));
    }
    names.join("--")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell() -> Cell {
        Cell {
            format: FORMAT,
            table: "main".into(),
            row: "lean fine-tuned SNN".into(),
            axis: BTreeMap::from([("network.steps".into(), "8".into())]),
            dataset: "sst2".into(),
            seed: 3,
            fold: None,
            selected: Some(Selected { file: "docs/selection/widths.json".into(), commit: "abc".into() }),
            method: Method::FineTuned,
            family: Family { recipe: "lean".into(), ..Family::default() },
            settings: Settings {
                vectors: Some("en.300d.txt.gz".into()),
                choices: [("name".to_owned(), "lean".into())].into_iter().collect(),
                ..Settings::default()
            },
            measured: Measurements {
                test_accuracy: 83.1,
                labels: vec!["a".into()],
                answers: Some(TestAnswers {
                    targets: vec![0, 1, 0],
                    labels: vec![0, 0, 1],
                    probabilities: vec![512, 1000, 777],
                }),
                ..Measurements::default()
            },
            seconds: Seconds { total: 1.5, shared: 1.0, nanoseconds_a_text: Some(5e4) },
            machine: "one".into(),
            commit: "abc".into(),
        }
    }

    #[test]
    fn a_cell_comes_back_as_it_was() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = cell().write(folder.path()).expect("written");
        assert_eq!(path.file_name().expect("a name"), "main--lean-fine-tuned-snn--steps=8--sst2--seed3.json");
        std::fs::write(folder.path().join("notes.md"), "no cell").expect("written");
        assert_eq!(Cell::files(folder.path()).expect("listed"), std::slice::from_ref(&path));
        assert_eq!(Cell::read(&path).expect("read"), cell());
        let text = std::fs::read_to_string(&path).expect("text");
        assert!(text.contains("\"probabilities\": \"512 1000 777\""), "{text}");
        std::fs::write(&path, text.replace("512 1000", "512 many")).expect("written");
        assert!(Cell::read(&path).expect_err("no number").to_string().contains("'many'"));
        assert_eq!(cell().measured.answers.expect("answers").right(), [true, false, false]);
    }

    #[test]
    fn another_format_and_unknown_fields_are_refused_by_name() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = cell().write(folder.path()).expect("written");
        let text = std::fs::read_to_string(&path).expect("text");
        for (broken, told) in [
            (text.replacen("\"format\": 2", "\"format\": 1", 1), "format 1, where this program reads 2"),
            (text.replacen("\"table\"", "\"tabel\"", 1), "tabel"),
            (text[..text.len() / 2].to_owned(), "a cell of a study"),
        ] {
            std::fs::write(&path, broken).expect("written");
            let error = Cell::read(&path).expect_err("refused").to_string();
            assert!(error.contains(told), "{error}");
        }
    }
}
