//! A teacher's files on the command line of verbs that train or teach.

use std::path::PathBuf;

use spiketext::data::{Dataset, Familiar, FamiliarOf, ReadOptions, near::Likeness, teacher::Kind};
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
    /// Whether there is no teacher.
    pub fn is_none(&self) -> bool {
        self.teacher.is_empty()
    }

    /// The files that are read.
    pub fn files(&self) -> impl Iterator<Item = &PathBuf> {
        self.teacher.iter().chain(&self.unlabelled)
    }

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
        let teaching = Teaching::read(&files, dataset, &options(dataset, skip_bad));
        Ok(Some(teaching.map_err(|error| out_of_reach(error, "--teacher and --unlabelled"))?))
    }
}

/// How files of texts are read that stand beside the labelled ones of `dataset`: in the same columns, if they have them, and
/// in none that holds the numbers of a class.
pub fn options(dataset: &Dataset, skip_bad: bool) -> ReadOptions {
    let mut options = ReadOptions::default();
    options.skip_bad = skip_bad;
    options.multi_label = dataset.multi_label;
    options.classes.clone_from(&dataset.labels);
    if let Some(columns) = spiketext_train::columns(dataset) {
        options.familiar = Familiar { text: columns.text, label: None, of: FamiliarOf::LabelledTexts };
    }
    options
}

/// The flags that say how FILE is read, and FILE alone.
const OF_FILE: [&str; 7] =
    ["--format", "--delimiter", "--escape", "--header", "--no-header", "--text-column", "--label-column"];

/// An error of a file that stands beside the labelled one, given by `flags`: advice of flags that do not reach it is put
/// right.
pub fn out_of_reach(error: spiketext::Error, flags: &str) -> anyhow::Error {
    let told = error.to_string();
    let advised: Vec<&str> = OF_FILE.into_iter().filter(|flag| told.contains(flag)).collect();
    if advised.is_empty() {
        return error.into();
    }
    let advised = advised.join(", ");
    anyhow::anyhow!(
        "{told}. Here {advised} would be for FILE alone: files of {flags} say themselves how they are read, by an ending \
         such as .csv or .jsonl and a first line that names the columns, the text's among them as in FILE or `text`"
    )
}

/// Refuses standard input in several places: it comes once.
///
/// # Errors
/// If more than one of `files` is `-`; `places` says in words where they are.
pub fn check_standard_input<'a>(files: impl IntoIterator<Item = &'a PathBuf>, places: &str) -> anyhow::Result<()> {
    match files.into_iter().filter(|file| file.as_os_str() == "-").count() {
        0 | 1 => Ok(()),
        times => anyhow::bail!(
            "standard input (-) comes once: expected it in one place of {places}, got it in {times}; a file can be read \
             more than once"
        ),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_that_does_not_reach_a_file_is_put_right() {
        let error = |expected: &str| spiketext::Error::malformed("t.csv", None, expected, "nothing");
        let told = out_of_reach(error("a text column, or --text-column NAME"), "--teacher").to_string();
        assert!(told.contains("--text-column would be for FILE alone") && told.contains("of --teacher"), "{told}");
        let other = error("a finite number (--skip-bad leaves such rows out)");
        assert_eq!(
            out_of_reach(other, "--teacher").to_string(),
            error("a finite number (--skip-bad leaves such rows out)").to_string()
        );
    }
}
