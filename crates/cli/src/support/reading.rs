//! How users' files are read: the flags that say it, and the lines that tell what was chosen where no flag did.

use spiketext::{
    data::{Escape, Familiar, FamiliarOf, Format, ReadOptions, Reading, Report},
    model::Model,
};

use super::terminal;

/// How to read files of texts.
#[derive(Clone, Debug, Default, clap::Args)]
// The verb has a group of this name.
#[group(skip)]
pub struct Arguments {
    /// The form of the files: csv, tsv, jsonl (or a JSON array), parquet, fasttext or lines [default: told from the
    /// extension, or the content].
    #[arg(long, value_name = "FORMAT", help_heading = HEADING)]
    format: Option<Format>,
    /// What stands between the fields of a CSV: one character, or tab [default: what fits all records].
    #[arg(long, value_name = "CHARACTER", value_parser = delimiter, help_heading = HEADING)]
    delimiter: Option<char>,
    /// What makes a letter of a quote, a delimiter or a line end in a CSV: one character, such as \, or none [default:
    /// none; where there seems to be one, asked].
    #[arg(long, value_name = "CHARACTER|none", value_parser = escape, help_heading = HEADING)]
    escape: Option<Escape>,
    /// The first record names the columns [default: found out, or asked].
    #[arg(long, overrides_with = "no_header", help_heading = HEADING)]
    header: bool,
    /// The first record is data like all others.
    #[arg(long, help_heading = HEADING)]
    no_header: bool,
    /// The column of the text, by name or by number from 1; several are joined [default: text, sentence, review and
    /// the like].
    #[arg(long, value_name = "COLUMN", help_heading = HEADING)]
    text_column: Vec<String>,
}

/// How to read the labels of files.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct LabelArguments {
    /// The column of the label, by name or by number from 1 [default: label, class, category and the like].
    #[arg(long, value_name = "COLUMN", help_heading = HEADING)]
    label_column: Option<String>,
    /// A text may have several labels, or none: a list in JSON or Parquet, several `__label__`, or a cell of labels
    /// between separators.
    #[arg(long, help_heading = HEADING)]
    multi_label: bool,
    /// With --multi-label: what stands between the labels of a cell [default: what is found, `,`, `;` or `|`].
    #[arg(long, value_name = "TEXT", value_parser = separator, help_heading = HEADING)]
    label_separator: Option<String>,
    /// Leave out records that break their format and texts without a label (nothing, NaN, null or `<NA>` in its
    /// place), and go on.
    #[arg(long, help_heading = HEADING)]
    skip_bad: bool,
}

impl LabelArguments {
    /// Whether what cannot be read is left out.
    pub fn skip_bad(&self) -> bool {
        self.skip_bad
    }

    /// Refuses a separator of labels where a text has one label.
    pub fn check(&self, multi_label: bool) -> anyhow::Result<()> {
        if self.label_separator.is_some() && !multi_label {
            anyhow::bail!("--label-separator is for texts of several labels (--multi-label)");
        }
        Ok(())
    }

    /// The flags that were given.
    fn given(&self) -> Vec<&'static str> {
        let flags = [
            (self.label_column.is_some(), "--label-column"),
            (self.multi_label, "--multi-label"),
            (self.label_separator.is_some(), "--label-separator"),
            (self.skip_bad, "--skip-bad"),
        ];
        flags.into_iter().filter(|flag| flag.0).map(|flag| flag.1).collect()
    }

    /// Whether the labels of a text are asked to be several.
    pub fn multi_label(&self) -> bool {
        self.multi_label
    }
}

const HEADING: &str = "How files are read";

impl Arguments {
    /// Whether the form of the files was said.
    pub fn says_format(&self) -> bool {
        self.format.is_some()
    }

    /// The flags that were given.
    fn given(&self) -> Vec<&'static str> {
        let flags = [
            (self.format.is_some(), "--format"),
            (self.delimiter.is_some(), "--delimiter"),
            (self.escape.is_some(), "--escape"),
            (self.header, "--header"),
            (self.no_header, "--no-header"),
            (!self.text_column.is_empty(), "--text-column"),
        ];
        flags.into_iter().filter(|flag| flag.0).map(|flag| flag.1).collect()
    }

    /// What the flags say; of the rest, what `model` was trained on comes first.
    pub fn options(&self, labels: &LabelArguments, model: Option<&Model>) -> ReadOptions {
        let mut options = ReadOptions::default();
        options.format = self.format;
        options.delimiter = self.delimiter;
        options.escape = self.escape.unwrap_or_default();
        options.header = match (self.header, self.no_header) {
            (true, _) => Some(true),
            (_, true) => Some(false),
            _ => None,
        };
        options.text.clone_from(&self.text_column);
        options.label.clone_from(&labels.label_column);
        options.skip_bad = labels.skip_bad;
        options.multi_label = labels.multi_label || model.is_some_and(|model| model.thresholds().is_some());
        options.label_separator.clone_from(&labels.label_separator);
        options.one_label = model.is_some_and(|model| model.thresholds().is_none());
        if let Some(columns) = model.and_then(|model| model.training().columns.as_ref()) {
            options.familiar =
                Familiar { text: columns.text.clone(), label: columns.label.clone(), of: FamiliarOf::Model };
        }
        options
    }
}

/// Refuses flags that say how files are read where none is: what they ask for would be passed over. `texts` is what
/// is read instead, `file` how a file is given.
pub fn refuse_without_file(
    reading: &Arguments,
    labels: &LabelArguments,
    texts: &str,
    file: &str,
) -> anyhow::Result<()> {
    let given = [reading.given(), labels.given()].concat();
    if given.is_empty() {
        return Ok(());
    }
    anyhow::bail!("{} says how files are read: expected {file}, got {texts}", given.join(", "))
}

fn separator(text: &str) -> Result<String, String> {
    if text.is_empty() { Err("expected one character or more".to_owned()) } else { Ok(text.to_owned()) }
}

fn escape(text: &str) -> Result<Escape, String> {
    let mut characters = text.chars();
    match (text, characters.next(), characters.next()) {
        ("none", ..) => Ok(Escape::Never),
        (_, Some(one), None) if !matches!(one, '"' | '\n' | '\r') => Ok(Escape::By(one)),
        _ => Err("expected one character other than a quote or a line end, or the word none".to_owned()),
    }
}

fn delimiter(text: &str) -> Result<char, String> {
    let mut characters = text.chars();
    match (text, characters.next(), characters.next()) {
        ("tab" | "\\t", ..) => Ok('\t'),
        (_, Some('"' | '\n' | '\r'), None) | (_, None, _) | (_, _, Some(_)) => {
            Err("expected one character other than a quote or a line end, or the word tab".to_owned())
        }
        (_, Some(one), None) => Ok(one),
    }
}

/// What was chosen and left out, a line a file and a line a note.
pub fn told(readings: &[Reading]) -> Vec<String> {
    readings
        .iter()
        .flat_map(|reading| {
            std::iter::once(format!("read {reading}")).chain(reading.notes.iter().map(|note| format!("note: {note}")))
        })
        .collect()
}

/// What was chosen before the first text, a line and a line a note.
pub fn told_at_first(reading: &Reading) -> Vec<String> {
    std::iter::once(format!("read {}", reading.form())).chain(told_later(reading, 0)).collect()
}

/// Notes from the one with the number `from` on, a line each.
pub fn told_later(reading: &Reading, from: usize) -> Vec<String> {
    reading.notes.iter().skip(from).map(|note| format!("note: {note}")).collect()
}

/// A sentence for each group of classes that may be one.
pub fn alike(report: &Report) -> impl Iterator<Item = String> {
    report.alike.iter().map(|group| {
        let group: Vec<String> =
            group.iter().map(|label| format!("'{}'", terminal::one_line(label, Some(40)))).collect();
        format!("classes that differ in case or blanks alone, kept apart: {}", group.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use spiketext::data::Escape;

    use super::{delimiter, escape};

    #[test]
    fn an_escape_is_one_character_or_none() {
        assert_eq!((escape("\\"), escape("none")), (Ok(Escape::By('\\')), Ok(Escape::Never)));
        for wrong in ["", "ab", "\""] {
            assert!(escape(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_delimiter_is_one_character() {
        assert_eq!((delimiter(";"), delimiter("tab"), delimiter("\\t")), (Ok(';'), Ok('\t'), Ok('\t')));
        for wrong in ["", "ab", "\"", "\n"] {
            assert!(delimiter(wrong).is_err(), "{wrong:?}");
        }
    }
}
