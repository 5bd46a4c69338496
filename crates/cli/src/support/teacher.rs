//! A teacher's files on the command line of verbs that train.

use std::path::PathBuf;

use spiketext::data::{Dataset, Familiar, ReadOptions, near::Likeness, teacher::Kind};
use spiketext_train::teaching::{TeacherFiles, Teaching};

use super::terminal;

/// Columns of a text that is shown.
const SHOWN_COLUMNS: usize = 60;

/// Who teaches beside the labels.
#[derive(Clone, Debug, Default, clap::Args)]
// The verb has a group of this name.
#[group(skip)]
pub struct Arguments {
    /// What a teacher says of texts: a file with a text and a probability or logit for each class in every row, in columns
    /// of the classes' names; texts are found by their content. May be repeated: of several teachers the mean counts.
    #[arg(long, value_name = "FILE")]
    teacher: Vec<PathBuf>,
    /// With --teacher: texts that only the teacher has labelled, to train on, too; those that are test or development
    /// texts, in whatever tokenisation, are refused. The file may be that of --teacher. May be repeated.
    #[arg(long, value_name = "FILE", requires = "teacher")]
    unlabelled: Vec<PathBuf>,
    /// What the numbers of --teacher are [default: told from them].
    #[arg(long, value_name = "KIND", value_enum, requires = "teacher")]
    teacher_numbers: Option<Numbers>,
}

/// What the numbers of a teacher are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Numbers {
    Probabilities,
    Logits,
}

impl Arguments {
    /// What the teacher says, if there is one.
    ///
    /// # Errors
    /// If its files cannot be read, or say nothing of the texts of `dataset`.
    pub fn read(&self, dataset: &Dataset, skip_bad: bool) -> anyhow::Result<Option<Teaching>> {
        if self.teacher.is_empty() {
            return Ok(None);
        }
        let kind = self.teacher_numbers.map(|numbers| match numbers {
            Numbers::Probabilities => Kind::Probabilities,
            Numbers::Logits => Kind::Logits,
        });
        let files = TeacherFiles { answers: self.teacher.clone(), unlabelled: self.unlabelled.clone(), kind };
        let mut options = ReadOptions::default();
        options.skip_bad = skip_bad;
        if let Some(columns) = spiketext_train::columns(dataset) {
            options.familiar = Familiar { text: columns.text, label: None };
        }
        Ok(Some(Teaching::read(&files, dataset, &options)?))
    }
}

/// What a person should know of a teacher.
pub fn notes(teaching: &Teaching) -> Vec<String> {
    let mut notes = teaching.notes();
    let shown = |text: &str| format!("'{}'", terminal::one_line(text, Some(SHOWN_COLUMNS)));
    notes.extend(teaching.refused.iter().map(|(text, held_out, likeness)| {
        let how = match likeness {
            Likeness::Same => "is the test text",
            Likeness::Near => "is nearly the test text",
            Likeness::Holds => "holds the test text",
            Likeness::Part => "is a part of the test text",
        };
        format!("refused: {} {how} {}", shown(text), shown(held_out))
    }));
    notes
}
