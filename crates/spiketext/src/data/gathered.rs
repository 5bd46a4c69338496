//! The rows of files of texts, of any number: texts lie in a [`Spool`], and what tells rows apart takes a few bytes a row.

use std::{collections::HashMap, hash::Hash, io, path::Path};

use super::{
    reading::Reading,
    split::Split,
    spool::Spool,
    table::{Row, Table},
};
use crate::{Error, Result};

/// Values that come again and again, each kept once under a number.
#[derive(Clone, Debug)]
pub(super) struct Distinct<T> {
    values: Vec<T>,
    numbers: HashMap<T, u32>,
}

impl<T> Default for Distinct<T> {
    fn default() -> Self {
        Self { values: Vec::new(), numbers: HashMap::new() }
    }
}

impl<T: Clone + Eq + Hash> Distinct<T> {
    /// The number of `value`, which is kept if it is new.
    pub(super) fn number(&mut self, value: T) -> u32 {
        if let Some(&number) = self.numbers.get(&value) {
            return number;
        }
        let number = u32::try_from(self.values.len()).expect("fewer than 2^32 rows");
        self.values.push(value.clone());
        self.numbers.insert(value, number);
        number
    }

    /// The values in the order in which they came.
    pub(super) fn values(&self) -> &[T] {
        &self.values
    }

    pub(super) fn get(&self, number: u32) -> &T {
        &self.values[number as usize]
    }
}

/// The rows of one or more files.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    texts: Spool,
    /// Where the text of each row begins in the spool, and its bytes there.
    starts: Vec<u64>,
    lengths: Vec<u32>,
    /// The labels of each row: the number of the list.
    pub(super) labels: Vec<u32>,
    pub(super) lists: Distinct<Vec<String>>,
    /// The part that the file puts each row into, where it says so.
    pub(super) parts: Vec<Option<Split>>,
    /// The line of each row, 0 where there is none.
    lines: Vec<u64>,
    /// The file of each row.
    files: Vec<u32>,
    /// How each file was read.
    pub(super) readings: Vec<Reading>,
}

impl Gathered {
    /// How many rows there are.
    pub(super) fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Adds a row of the file that will be the first.
    pub(super) fn push(&mut self, line: Option<u64>, text: &str, labels: Vec<String>) -> Result<()> {
        self.starts.push(self.texts.len());
        self.lengths.push(u32::try_from(text.len()).expect("texts are shorter than 4 GiB"));
        self.texts.add(text.as_bytes())?;
        let list = self.lists.number(labels);
        self.labels.push(list);
        self.parts.push(None);
        self.lines.push(line.unwrap_or(0));
        self.files.push(0);
        Ok(())
    }

    /// The text of row `row`.
    pub(super) fn text(&self, row: usize) -> Result<String> {
        let (start, mut bytes) = (self.starts[row], Vec::new());
        self.texts.read(start..start + u64::from(self.lengths[row]), &mut bytes)?;
        let broken = |error| io::Error::new(io::ErrorKind::InvalidData, error);
        String::from_utf8(bytes).map_err(broken).map_err(Error::read(std::env::temp_dir()))
    }

    /// Bytes of the text of row `row`.
    pub(super) fn length(&self, row: usize) -> usize {
        self.lengths[row] as usize
    }

    /// The labels of row `row`.
    pub(super) fn labels_of(&self, row: usize) -> &[String] {
        self.lists.get(self.labels[row])
    }

    /// The line of row `row`, where its file has lines.
    pub(super) fn line(&self, row: usize) -> Option<u64> {
        (self.lines[row] > 0).then_some(self.lines[row])
    }

    /// The file of row `row`.
    pub(super) fn path(&self, row: usize) -> &Path {
        self.readings.get(self.files[row] as usize).map_or(Path::new(""), |reading| reading.path.as_path())
    }

    /// Row `row` by itself.
    pub(super) fn row(&self, row: usize) -> Result<Row> {
        let text = self.text(row)?;
        let (labels, file) = (self.labels_of(row).to_vec(), self.files[row] as usize);
        Ok(Row { text, labels, part: self.parts[row], line: self.line(row), file })
    }

    /// All rows in memory.
    pub(super) fn into_table(self) -> Result<Table> {
        let rows = (0..self.len()).map(|row| self.row(row)).collect::<Result<_>>()?;
        Ok(Table { rows, readings: self.readings })
    }

    /// Keeps the rows that `wanted` takes; returns how many went. The bytes of their texts stay where they are.
    pub(super) fn retain(&mut self, wanted: impl Fn(&Self, usize) -> bool) -> usize {
        let keep: Vec<bool> = (0..self.len()).map(|row| wanted(self, row)).collect();
        fn kept<T>(values: &mut Vec<T>, keep: &[bool]) {
            let mut keep = keep.iter();
            values.retain(|_| *keep.next().unwrap_or(&true));
        }
        kept(&mut self.starts, &keep);
        kept(&mut self.lengths, &keep);
        kept(&mut self.labels, &keep);
        kept(&mut self.parts, &keep);
        kept(&mut self.lines, &keep);
        kept(&mut self.files, &keep);
        keep.iter().filter(|keep| !**keep).count()
    }

    /// Adds the rows of another table behind these.
    pub(super) fn append(&mut self, other: Self) -> Result<()> {
        if self.is_empty() && self.readings.is_empty() {
            *self = other;
            return Ok(());
        }
        let before = u32::try_from(self.readings.len()).expect("fewer than 2^32 files");
        let base = self.texts.len();
        let (mut at, mut bytes) = (0, Vec::new());
        while at < other.texts.len() {
            let end = other.texts.len().min(at + (1 << 20));
            other.texts.read(at..end, &mut bytes)?;
            self.texts.add(&bytes)?;
            at = end;
        }
        let numbers: Vec<u32> = other.lists.values.into_iter().map(|list| self.lists.number(list)).collect();
        self.starts.extend(other.starts.iter().map(|start| base + start));
        self.lengths.extend(other.lengths);
        self.labels.extend(other.labels.iter().map(|&list| numbers[list as usize]));
        self.parts.extend(other.parts);
        self.lines.extend(other.lines);
        self.files.extend(other.files.iter().map(|file| before + file));
        self.readings.extend(other.readings);
        Ok(())
    }

    /// Forgets what only reading needs: lines and files.
    pub(super) fn forget_places(&mut self) {
        (self.lines, self.files, self.parts) = (Vec::new(), Vec::new(), Vec::new());
    }

    /// Whether texts lie in a file.
    pub(super) fn is_in_file(&self) -> bool {
        self.texts.is_in_file()
    }

    /// No rows yet, of whose texts `limit` bytes may stay in memory.
    pub(super) fn with_limit(limit: usize) -> Self {
        Self { texts: Spool::with_limit(limit), ..Self::default() }
    }
}
