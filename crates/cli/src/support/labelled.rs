//! Labelled texts for verbs that examine a model: a file, or the data set that the model was trained on.

use std::path::PathBuf;

use spiketext::{
    data::{self, Dataset, Example, ReadOptions, Reading, Split},
    model::Model,
    target::Target,
};

use super::{
    dataset::{self, DatasetArgs},
    reading, terminal,
};

/// Where the texts come from.
#[derive(Debug, clap::Args)]
// The verb has a group of this name.
#[group(skip)]
pub struct Arguments {
    #[command(flatten)]
    source: DatasetArgs,
    /// Which texts; a FILE without a column `split` is divided as `train` does.
    #[arg(long, value_enum)]
    split: Option<Part>,
    #[command(flatten)]
    reading: reading::Arguments,
    #[command(flatten)]
    labels: reading::LabelArguments,
}

/// What `--split` can ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    Test,
    Development,
    Train,
    All,
}

impl Part {
    /// The part of a data set; none for all of it.
    fn split(self) -> Option<Split> {
        match self {
            Self::Test => Some(Split::Test),
            Self::Development => Some(Split::Development),
            Self::Train => Some(Split::Train),
            Self::All => None,
        }
    }
}

/// The texts to measure on, with the model's numbers for their classes.
pub struct Texts {
    /// Where they come from.
    pub data: String,
    /// Which of them.
    pub used: String,
    /// The texts.
    pub texts: Vec<String>,
    /// Their classes.
    pub targets: Vec<Target>,
    /// The training texts that go with them; where there is no such part, the texts themselves.
    #[cfg_attr(not(feature = "attack"), allow(dead_code))]
    pub training: Vec<String>,
    /// Empty texts that were left out.
    pub empty: usize,
    /// How the files were read; none for a data set that goes by a name.
    pub readings: Vec<Reading>,
}

/// What a model has had to do with a text before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// Its weights were fitted to it.
    Training,
    /// Choices were made by it.
    Development,
    /// Nothing.
    Never,
}

impl Texts {
    /// What `model` has had to do with each text; none where it does not know. A text is known by its content, but for
    /// case, width and white space, wherever it stands.
    pub fn seen(&self, model: &Model) -> Option<Vec<Seen>> {
        let seen = model.seen().ok().flatten()?;
        let of = |text: &String| match data::text_hash(text) {
            hash if seen.is_training(hash) => Seen::Training,
            hash if seen.is_development(hash) => Seen::Development,
            _ => Seen::Never,
        };
        Some(self.texts.iter().map(of).collect())
    }
}

impl Arguments {
    /// The files and folders that are read.
    #[cfg_attr(not(feature = "attack"), allow(dead_code))]
    pub fn sources(&self) -> Vec<PathBuf> {
        self.source.sources()
    }

    /// The texts that the command line asks for.
    ///
    /// # Errors
    /// If there are none, they cannot be read, or have a label that the model does not know.
    pub fn texts(&self, model: &Model) -> anyhow::Result<Texts> {
        if self.labels.multi_label() && model.thresholds().is_none() {
            anyhow::bail!(
                "--multi-label: the model answers one label a text; `train --multi-label` makes one of several"
            );
        }
        self.labels.check(model.thresholds().is_some())?;
        let files = &self.source.files;
        if !files.is_empty() {
            let options = self.reading.options(&self.labels, Some(model));
            return match self.split {
                None | Some(Part::All) => from_files(files, &options, self.split, model),
                Some(part) => {
                    let dataset = Dataset::from_files(files, None, &options)?;
                    let readings = dataset.readings.clone();
                    Ok(Texts { readings, ..from_dataset(dataset, &names(files), part, model)? })
                }
            };
        }
        reading::refuse_without_file(&self.reading, &self.labels, "a data set that goes by a name", "FILE")?;
        let training = model.training();
        let name = match &self.source.dataset {
            Some(name) => name,
            // A file may be called like a known set; its source tells them apart.
            None if data::known().iter().any(|set| set.name == training.dataset && set.source == training.source) => {
                &training.dataset
            }
            None => anyhow::bail!(
                "no texts to measure on: the model was trained on {}, which goes by no name; give FILE or --dataset \
                 NAME",
                training.source
            ),
        };
        let part = self.split.unwrap_or(Part::Test);
        from_dataset(dataset::load(name, self.source.data_dir.as_deref())?, name, part, model)
    }
}

/// Files in a line.
fn names(files: &[PathBuf]) -> String {
    files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>().join(", ")
}

/// The texts of files as they stand.
fn from_files(files: &[PathBuf], options: &ReadOptions, part: Option<Part>, model: &Model) -> anyhow::Result<Texts> {
    let mut table = data::read_files(files, options)?;
    let data = names(files);
    let all: Vec<String> = table.rows.iter().map(|row| row.text.clone()).collect();
    let marked = table.rows.iter().filter(|row| row.part == Some(Split::Train)).map(|row| row.text.clone());
    let training = Some(marked.collect::<Vec<_>>()).filter(|marked| !marked.is_empty()).unwrap_or(all);
    let mut used = "all texts of the file".to_owned();
    if part.is_none() && table.rows.iter().any(|row| row.part == Some(Split::Test)) {
        table.rows.retain(|row| row.part == Some(Split::Test));
        used = "the texts that the file marks test".to_owned();
    }
    let targets = table
        .rows
        .iter()
        .map(|row| target_of(model, &row.labels, table.path(row).display(), row.line))
        .collect::<anyhow::Result<_>>()?;
    let empty = table.left_out().empty;
    let texts = table.rows.into_iter().map(|row| row.text).collect();
    Ok(Texts { data, used, texts, targets, training, empty, readings: table.readings })
}

/// One part of a data set, or all of them.
fn from_dataset(dataset: Dataset, name: &str, part: Part, model: &Model) -> anyhow::Result<Texts> {
    let used = match part.split() {
        None => "all texts".to_owned(),
        Some(part) => format!("the {} texts ({})", part.name(), dataset.rule),
    };
    let parts = Split::ALL.into_iter().filter(|&split| part.split().is_none_or(|part| part == split));
    let (mut texts, mut targets) = (Vec::new(), Vec::new());
    for Example { text, target } in parts.flat_map(|part| dataset.part(part)) {
        texts.push(text.clone());
        let labels: Vec<&String> = target.classes().iter().map(|&class| &dataset.labels[class]).collect();
        targets.push(target_of(model, &labels, name, None)?);
    }
    if texts.is_empty() {
        anyhow::bail!("{name}: expected texts to measure on, got none in {used}");
    }
    let training = dataset.part(Split::Train).iter().map(|example| example.text.clone()).collect();
    Ok(Texts { data: name.to_owned(), used, texts, targets, training, empty: 0, readings: Vec::new() })
}

/// What the labels of a text are to the model.
fn target_of<S: AsRef<str>>(
    model: &Model,
    labels: &[S],
    place: impl std::fmt::Display,
    line: Option<u64>,
) -> anyhow::Result<Target> {
    let classes = labels
        .iter()
        .map(|label| class_of(model, label.as_ref(), &place, line))
        .collect::<anyhow::Result<Vec<usize>>>()?;
    match (classes.as_slice(), model.thresholds()) {
        (_, Some(_)) => Ok(Target::several(classes)),
        ([class], None) => Ok(Target::of(*class)),
        (several, None) => anyhow::bail!("{place}: expected one label a text, got {}", several.len()),
    }
}

/// The model's number for a label.
fn class_of(model: &Model, label: &str, place: &impl std::fmt::Display, line: Option<u64>) -> anyhow::Result<usize> {
    // The truth values of JSON and Parquet are small; Python writes them large.
    let is_truth = |name: &str| name.eq_ignore_ascii_case("true") || name.eq_ignore_ascii_case("false");
    let same = |known: &&String| is_truth(label) && known.eq_ignore_ascii_case(label);
    let exact = model.labels().iter().position(|known| known == label);
    let alike = || model.labels().iter().position(|known| same(&known));
    exact.or_else(alike).ok_or_else(|| {
        let line = line.map(|line| format!(":{line}")).unwrap_or_default();
        let name = |label: &str| format!("'{}'", terminal::one_line(label, Some(40)));
        let mut known: Vec<String> = model.labels().iter().take(20).map(|label| name(label)).collect();
        if model.labels().len() > known.len() {
            known.push("…".to_owned());
        }
        // Cut at another separator than in training, a cell has other labels.
        let flags = match model.thresholds() {
            Some(_) => "--label-column reads another column, --label-separator divides its cells otherwise",
            None => "--label-column reads another column",
        };
        let (known, got) = (known.join(", "), name(label));
        anyhow::anyhow!("{place}{line}: expected a label of the model ({known}), got {got}; {flags}")
    })
}
