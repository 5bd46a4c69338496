//! Labelled texts for verbs that examine a model: a file, or the data set that the model was trained on.

use std::path::Path;

use spiketext::{
    data::{self, Columns, Dataset, Example, Split},
    model::Model,
    target::Target,
};

use super::{
    dataset::{self, DatasetArgs},
    terminal,
};

/// Where the texts come from.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    source: DatasetArgs,
    /// Which texts; a FILE without a column `split` is divided as `train` does.
    #[arg(long, value_enum)]
    split: Option<Part>,
    /// The column of the text in FILE [default: text, sentence, review and the like].
    #[arg(long, value_name = "COLUMN", requires = "file")]
    text_column: Option<String>,
    /// The column of the label in FILE [default: label, class, category and the like].
    #[arg(long, value_name = "COLUMN", requires = "file")]
    label_column: Option<String>,
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
}

impl Arguments {
    /// The texts that the command line asks for.
    ///
    /// # Errors
    /// If there are none, they cannot be read, or have a label that the model does not know.
    pub fn texts(&self, model: &Model) -> anyhow::Result<Texts> {
        if let Some(file) = &self.source.file {
            let columns = Columns { text: self.text_column.clone(), label: self.label_column.clone() };
            return match self.split {
                None | Some(Part::All) => from_file(file, &columns, self.split, model),
                Some(part) => {
                    from_dataset(Dataset::from_files(file, None, &columns)?, &file.display().to_string(), part, model)
                }
            };
        }
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

/// The texts of a file as it stands.
fn from_file(file: &Path, columns: &Columns, part: Option<Part>, model: &Model) -> anyhow::Result<Texts> {
    let mut table = data::read_file(file, columns)?;
    let all: Vec<String> = table.rows.iter().map(|row| row.text.clone()).collect();
    let marked = table.rows.iter().filter(|row| row.part == Some(Split::Train)).map(|row| row.text.clone());
    let training = Some(marked.collect::<Vec<_>>()).filter(|marked| !marked.is_empty()).unwrap_or(all);
    let mut used = "all texts of the file".to_owned();
    if part.is_none() && table.rows.iter().any(|row| row.part == Some(Split::Test)) {
        table.rows.retain(|row| row.part == Some(Split::Test));
        used = "the texts that the file marks test".to_owned();
    } else if model.training().source == file.display().to_string() {
        used.push_str(", among them those that the model was trained on (--split test: only those held out)");
    }
    let targets = table
        .rows
        .iter()
        .map(|row| target_of(model, &row.label, file.display(), row.line))
        .collect::<anyhow::Result<_>>()?;
    let texts = table.rows.into_iter().map(|row| row.text).collect();
    Ok(Texts { data: file.display().to_string(), used, texts, targets, training, empty: table.empty })
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
        targets.push(target_of(model, &dataset.labels[target.class()], name, None)?);
    }
    if texts.is_empty() {
        anyhow::bail!("{name}: expected texts to measure on, got none in {used}");
    }
    let training = dataset.part(Split::Train).iter().map(|example| example.text.clone()).collect();
    Ok(Texts { data: name.to_owned(), used, texts, targets, training, empty: 0 })
}

/// The model's number for a label.
fn target_of(model: &Model, label: &str, place: impl std::fmt::Display, line: Option<u64>) -> anyhow::Result<Target> {
    model.labels().iter().position(|known| known == label).map(Target::of).ok_or_else(|| {
        let line = line.map(|line| format!(":{line}")).unwrap_or_default();
        let mut known: Vec<String> =
            model.labels().iter().take(20).map(|l| terminal::one_line(l, Some(40))).collect();
        if model.labels().len() > known.len() {
            known.push("…".to_owned());
        }
        let (known, got) = (known.join(", "), terminal::one_line(label, Some(40)));
        anyhow::anyhow!("{place}{line}: expected a label of the model ({known}), got '{got}'")
    })
}
