//! The collector of a file's rows: whatever its format, each is held to the same rules.

use std::{
    borrow::Cow,
    path::{Path, PathBuf},
};

use super::{
    columns::ColumnIndices,
    gathered::{Distinct, Gathered},
    labels,
    lines::{self, shown},
    options::{Format, ReadOptions},
    reading::{LeftOut, Reading},
    split::Split,
    spool::IN_MEMORY,
    table::Row,
};
use crate::{Error, Result};

/// What joins the columns of a text.
const JOINT: &str = "\n";

/// The text that stands in several columns, whatever the format: what each holds but white space around it, without
/// those that are blank; one column alone as it is.
pub(crate) fn joined<T: AsRef<str>>(texts: &[T]) -> Cow<'_, str> {
    if let [only] = texts {
        return Cow::Borrowed(only.as_ref());
    }
    let filled = texts.iter().map(|text| text.as_ref().trim()).filter(|text| !text.is_empty());
    Cow::Owned(filled.collect::<Vec<_>>().join(JOINT))
}

/// Collects the rows of one file and holds each to the same rules.
pub(crate) struct Rows<'a> {
    pub(crate) path: PathBuf,
    /// Whether every text needs a label.
    pub(crate) labelled: bool,
    pub(crate) options: &'a ReadOptions,
    pub(crate) reading: Reading,
    rows: Gathered,
    /// How many of them were taken already.
    taken: usize,
    /// The part of each row as the file has it, by its number; none where it has none.
    parts: Vec<Option<u32>>,
    part_words: Distinct<String>,
    /// Where a text may have several labels: the cell of each row, by its number, until all are known; none for a row with
    /// a list.
    cells: Vec<Option<u32>>,
    cell_words: Distinct<String>,
    /// The first row that cannot be kept.
    refused: Option<Error>,
    /// Texts with more labels than one, where one was asked for.
    several: usize,
}

impl<'a> Rows<'a> {
    pub(crate) fn new(path: &Path, format: Format, options: &'a ReadOptions, labelled: bool) -> Self {
        Self {
            path: path.to_owned(),
            labelled,
            options,
            reading: Reading::new(path.to_owned(), format),
            rows: Gathered::with_limit(options.in_memory.unwrap_or(IN_MEMORY)),
            taken: 0,
            parts: Vec::new(),
            part_words: Distinct::default(),
            cells: Vec::new(),
            cell_words: Distinct::default(),
            refused: None,
            several: 0,
        }
    }

    /// An error of this file.
    pub(crate) fn refuse<T>(
        &self,
        line: Option<u64>,
        expected: impl Into<String>,
        got: impl Into<String>,
    ) -> Result<T> {
        Err(Error::malformed(&self.path, line, expected, got))
    }

    /// Leaves out a record that breaks the format; without `skip_bad`, reading ends with the first one as an error,
    /// once all are counted.
    pub(crate) fn broken(&mut self, line: Option<u64>, expected: impl Into<String>, got: impl Into<String>) {
        self.reading.left_out.broken += 1;
        self.refused.get_or_insert_with(|| Error::malformed(&self.path, line, expected, got));
    }

    /// Leaves out a text of more labels than one, as [`Self::broken`] does.
    pub(crate) fn too_many(&mut self, line: Option<u64>, got: impl Into<String>) {
        self.several += 1;
        self.broken(line, "one label", got);
    }

    /// Takes one row; `part` is the content of a `split` column.
    pub(crate) fn push(
        &mut self,
        line: Option<u64>,
        text: &str,
        label: Option<&str>,
        part: Option<&str>,
    ) -> Result<()> {
        if self.several() {
            return match label.map(labels::list) {
                None => self.keep(line, text, None, None, part),
                Some(Some(Ok(list))) => self.keep(line, text, Some(list), None, part),
                Some(Some(Err(()))) => {
                    let got = format!("'{}'", shown(label.unwrap_or_default()));
                    self.broken(line, "a list of labels as JSON or Python writes it", got);
                    Ok(())
                }
                Some(None) => self.keep(line, text, Some(Vec::new()), label, part),
            };
        }
        match label.and_then(labels::only) {
            Some(Ok(label)) => self.keep(line, text, labels::tidy_label(&label).map(|label| vec![label]), None, part),
            Some(Err(0)) => self.keep(line, text, None, None, part),
            Some(Err(several)) => {
                self.too_many(line, format!("a list of {several}"));
                Ok(())
            }
            None => self.keep(line, text, label.and_then(labels::tidy_label).map(|label| vec![label]), None, part),
        }
    }

    /// Takes one row whose labels came as a list; only where there may be several, or of one.
    pub(crate) fn push_list(
        &mut self,
        line: Option<u64>,
        text: &str,
        labels: &[String],
        part: Option<&str>,
    ) -> Result<()> {
        self.keep(line, text, Some(labels.iter().filter_map(|label| labels::tidy_label(label)).collect()), None, part)
    }

    /// Whether a text may have several labels.
    pub(crate) fn several(&self) -> bool {
        self.labelled && self.options.multi_label
    }

    /// Takes one row. `cell` is what its labels are to be found in.
    fn keep(
        &mut self,
        line: Option<u64>,
        text: &str,
        labels: Option<Vec<String>>,
        cell: Option<&str>,
        part: Option<&str>,
    ) -> Result<()> {
        if text.len() > lines::LIMIT {
            return Err(lines::too_long(&self.path, line.unwrap_or(0), lines::LIMIT));
        }
        let text = text.trim();
        if text.is_empty() {
            self.reading.left_out.empty += usize::from(self.labelled);
            if self.labelled {
                return Ok(());
            }
        } else if self.labelled && labels.is_none() {
            self.reading.left_out.unlabelled += 1;
            let got = || format!("none, beside the text '{}'", shown(text));
            self.refused.get_or_insert_with(|| Error::malformed(&self.path, line, "a label", got()));
            return Ok(());
        }
        self.rows.push(line, text, labels.unwrap_or_default())?;
        self.options.count.add_row();
        self.parts.push(part.map(|part| self.part_words.number(part.trim().to_owned())));
        if self.several() {
            self.cells.push(cell.map(|cell| self.cell_words.number(cell.to_owned())));
        }
        Ok(())
    }

    /// Takes the row of `fields` that `chosen` points to.
    pub(crate) fn push_fields(&mut self, chosen: &ColumnIndices, line: u64, fields: &[String]) -> Result<()> {
        let field = |column: usize| fields[column].as_str();
        let text = match chosen.text.as_slice() {
            [only] => Cow::Borrowed(field(*only)),
            several => {
                Cow::Owned(joined(&several.iter().map(|&column| field(column)).collect::<Vec<_>>()).into_owned())
            }
        };
        self.push(Some(line), &text, chosen.label.map(field), chosen.split.map(field))
    }

    /// The first row that cannot be kept, as an error.
    pub(crate) fn check(&mut self) -> Result<()> {
        self.refused.take().map_or(Ok(()), Err)
    }

    /// The first of the rows that were pushed and not taken yet; a row that cannot be kept is an error. Rows that were all
    /// taken are kept here no longer.
    pub(crate) fn take(&mut self) -> Result<Option<Row>> {
        self.check()?;
        if self.taken == self.rows.len() {
            return Ok(None);
        }
        let row = self.rows.row(self.taken)?;
        self.taken += 1;
        self.reading.rows += 1;
        if self.taken == self.rows.len() {
            (self.rows, self.taken) = (Gathered::default(), 0);
            (self.parts, self.part_words) = (Vec::new(), Distinct::default());
        }
        Ok(Some(row))
    }

    /// The table in memory.
    #[cfg(test)]
    pub(crate) fn finish(self) -> Result<super::table::Table> {
        self.gathered()?.into_table()
    }

    /// All rows, wherever their texts are; none with a label is an error where labels were asked for, and so are rows that
    /// cannot be kept unless they are to be left out.
    pub(super) fn gathered(mut self) -> Result<Gathered> {
        let left_out = self.reading.left_out;
        if let (Some(error), false) = (self.refused.take(), self.options.skip_bad) {
            return Err(counted(error, left_out, self.several, self.options, self.labelled));
        }
        self.read_parts();
        self.read_cells()?;
        if self.rows.is_empty() && self.labelled {
            let left_out =
                [(left_out.empty, "empty"), (left_out.unlabelled, "without a label"), (left_out.broken, "broken")];
            let told: Vec<String> =
                left_out.iter().filter(|told| told.0 > 0).map(|(count, why)| format!("{count} {why}")).collect();
            let got = if told.is_empty() { "none".to_owned() } else { format!("{} only", told.join(", ")) };
            return self.refuse(None, "labelled texts", got);
        }
        self.reading.rows = self.rows.len();
        self.rows.readings = vec![self.reading];
        Ok(self.rows)
    }

    /// Divides the cells of labels, once all are known.
    fn read_cells(&mut self) -> Result<()> {
        if !self.several() {
            return Ok(());
        }
        let cells = std::mem::take(&mut self.cells);
        let words = std::mem::take(&mut self.cell_words);
        let is_filled = |cell: &&String| !cell.trim().is_empty();
        let filled: Vec<&str> = words.values().iter().filter(is_filled).map(|cell| cell.trim()).collect();
        let lists: Vec<Option<Vec<String>>> = filled.iter().map(|cell| labels::bracketed(cell)).collect();
        if !lists.is_empty() && lists.iter().all(Option::is_some) {
            let mut lists = lists.into_iter().flatten();
            let of_words = words.values().iter().map(|cell| if is_filled(&cell) { lists.next() } else { None });
            let numbers: Vec<Option<u32>> = of_words.map(|list| Some(self.rows.lists.number(list?))).collect();
            self.relabel(&cells, &numbers);
            self.tell_without_label();
            return Ok(());
        }
        // `[other]` among other names is one; `{a,b}` among them might be two.
        let is_several = |list: &Option<Vec<String>>| list.as_ref().is_some_and(|list| list.len() > 1);
        if let (Some(several), None) = (lists.iter().position(is_several), &self.options.label_separator) {
            let other = lists.iter().position(Option::is_none).map_or("", |other| filled[other]);
            let got = format!("'{}' and '{}'", shown(filled[several]), shown(other));
            return self.refuse(None, labels::MIXED, got);
        }
        let separator = match &self.options.label_separator {
            Some(separator) => Some(separator.as_str()),
            None => match labels::separator(&filled) {
                Ok(found) => found,
                Err(both) => return self.refuse(None, labels::QUESTION, both),
            },
        };
        let split = |cell: &String| labels::split(cell, separator);
        let numbers: Vec<Option<u32>> =
            words.values().iter().map(|cell| Some(self.rows.lists.number(split(cell)))).collect();
        self.relabel(&cells, &numbers);
        if let (Some(separator), None) = (separator, &self.options.label_separator) {
            self.reading.notes.push(format!(
                "labels of one text are divided at '{}'; --label-separator changes that",
                shown(separator)
            ));
        }
        if separator.is_none() && cells.iter().all(Option::is_some) && !cells.is_empty() {
            self.reading.notes.push(
                "no cell of labels has ',', ';' or '|' in it, so that each is one label; --label-separator names \
                 another separator"
                    .to_owned(),
            );
        }
        self.tell_without_label();
        Ok(())
    }

    /// Gives each row with a cell the list of labels that the cell means, by its number in `lists`.
    fn relabel(&mut self, cells: &[Option<u32>], lists: &[Option<u32>]) {
        for (labels, cell) in self.rows.labels.iter_mut().zip(cells) {
            *labels = cell.and_then(|cell| lists[cell as usize]).unwrap_or(*labels);
        }
    }

    /// Says how many texts have no label.
    fn tell_without_label(&mut self) {
        let none = (0..self.rows.len()).filter(|&row| self.rows.labels_of(row).is_empty()).count();
        if none > 0 {
            self.reading.notes.push(format!("texts with no label, which belong to none of the classes: {none}"));
        }
    }

    /// Reads the column of parts. Texts with another word there belong to no part, and it is said.
    fn read_parts(&mut self) {
        let known_parts: Vec<Option<Split>> =
            self.part_words.values().iter().map(|word| Split::parse(word)).collect();
        let (mut known, mut others) = (0, 0);
        for (part, word) in self.rows.parts.iter_mut().zip(&self.parts) {
            let Some(word) = word else { continue };
            *part = known_parts[*word as usize];
            known += usize::from(part.is_some());
            others += usize::from(part.is_none());
        }
        let example = known_parts.iter().position(Option::is_none).map(|word| &self.part_words.values()[word]);
        let Some(example) = example else { return };
        let column = shown(self.reading.split.as_deref().unwrap_or("split"));
        let example = shown(example);
        self.reading.notes.push(match known {
            0 => format!("the column '{column}' is not used: its words, such as '{example}', are no parts"),
            _ => format!(
                "the column '{column}' has words that are not train, development or test, such as '{example}'; the \
                 texts there count as without a part: {others}"
            ),
        });
        if known == 0 {
            self.reading.split = None;
        }
    }
}

/// The error of the first row that cannot be kept, with the count of all.
fn counted(error: Error, left_out: LeftOut, several: usize, options: &ReadOptions, labelled: bool) -> Error {
    let Error::Malformed { path, line, expected, got } = error else { return error };
    let told = [
        (left_out.broken - several, "broken records"),
        (several, "texts of several labels"),
        (left_out.unlabelled, "texts without a label"),
    ];
    let told: Vec<String> =
        told.iter().filter(|told| told.0 > 0).map(|(count, what)| format!("{what} in the file: {count}")).collect();
    // Left out of texts to be labelled, they would put all answers beside the wrong rows.
    let way = match (labelled, several) {
        (false, _) => "",
        (true, 0) => "; --skip-bad leaves them out",
        (true, _) if options.one_label => "; the model answers one label a text, --skip-bad leaves such texts out",
        (true, _) => "; --multi-label reads several labels or none, --skip-bad leaves such texts out",
    };
    Error::Malformed { path, line, expected, got: format!("{got} ({}{way})", told.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Table;

    fn rows(labels: &[&str], parts: &[&str], options: &ReadOptions) -> Result<Table> {
        let mut rows = Rows::new(Path::new("f.csv"), Format::Csv, options, true);
        for (index, label) in labels.iter().enumerate() {
            rows.push(Some(index as u64 + 2), "a text", Some(label), parts.get(index).copied())?;
        }
        rows.finish()
    }

    #[test]
    fn rows_without_a_label_are_counted_and_left_out_only_if_asked_for() {
        let message = rows(&["a", "", "b", "nan"], &[], &ReadOptions::default()).unwrap_err().to_string();
        assert!(message.starts_with("f.csv:3: expected a label") && message.contains("file: 2"), "{message}");
        assert!(message.contains("--skip-bad"), "{message}");
        let options = ReadOptions { skip_bad: true, ..ReadOptions::default() };
        let table = rows(&["a", "", "b", "nan"], &[], &options).unwrap();
        assert_eq!((table.rows.len(), table.left_out().unlabelled), (2, 2));
        let told = table.readings[0].to_string();
        assert!(told.ends_with("texts read: 2, left out: 2 without a label"), "{told}");
        assert!(rows(&["", ""], &[], &options).unwrap_err().to_string().contains("2 without a label only"));
    }

    fn several(labels: &[&str], separator: Option<&str>) -> Result<Vec<String>> {
        let label_separator = separator.map(str::to_owned);
        let options = ReadOptions { multi_label: true, label_separator, ..ReadOptions::default() };
        let table = rows(labels, &[], &options)?;
        Ok(table.rows.into_iter().map(|row| row.labels.join("+")).collect())
    }

    #[test]
    fn brackets_are_lists_in_all_cells_and_letters_among_others() {
        assert_eq!(several(&["(other)", "(other)|food"], None).unwrap(), ["(other)", "(other)+food"]);
        assert_eq!(several(&["[other]", "food|drink", ""], None).unwrap(), ["[other]", "food+drink", ""]);
        assert_eq!(several(&["{a,b}", "{c}", "", "{\"d e\",a}", "{}"], None).unwrap(), ["a+b", "c", "", "d e+a", ""]);
        assert_eq!(several(&["[a, b]", "[c]"], None).unwrap(), ["a+b", "c"]);
        assert_eq!(several(&["['a']", "b|c"], None).unwrap(), ["a", "b+c"], "no doubt is left by quotes");
        let message = several(&["a", "{a,b}"], None).unwrap_err().to_string();
        assert!(message.contains("'{a,b}' and 'a'") && message.contains("--label-separator"), "{message}");
        assert_eq!(several(&["a", "{a,b}"], Some("|")).unwrap(), ["a", "{a,b}"]);
    }

    #[test]
    fn a_model_of_one_label_is_not_told_to_read_several() {
        for (one_label, words) in [(false, "--multi-label"), (true, "the model answers one label a text, --skip-bad")]
        {
            let options = ReadOptions { one_label, ..ReadOptions::default() };
            let message = rows(&["a", "['a', 'b']"], &[], &options).unwrap_err().to_string();
            assert!(message.contains(words) && (message.contains("--multi-label") != one_label), "{message}");
        }
    }

    #[test]
    fn words_that_are_no_parts_are_told() {
        let options = ReadOptions::default();
        let table = rows(&["a", "b", "a"], &["train", "dev", "unsupervised"], &options).unwrap();
        assert_eq!(table.rows.iter().map(|row| row.part).filter(Option::is_none).count(), 1);
        assert!(table.readings[0].notes[0].contains("'unsupervised'"), "{:?}", table.readings[0].notes);
        let table = rows(&["a", "b", "a"], &["north", "south", ""], &options).unwrap();
        assert!(table.rows.iter().all(|row| row.part.is_none()));
        assert!(table.readings[0].notes[0].contains("not used"), "{:?}", table.readings[0].notes);
        let table = rows(&["a", "b"], &["Train", "validation"], &options).unwrap();
        assert_eq!(table.rows[1].part, Some(Split::Development));
    }
}
