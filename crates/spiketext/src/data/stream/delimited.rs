//! Records of a CSV or TSV, one after the other, once the columns are known.

use std::{collections::VecDeque, io::Read};

use crate::{
    Result,
    data::{
        columns::ColumnIndices,
        delimited::{Begun, place},
        fields::{Quotes, fields_of},
        header::{Evidence, Header},
        input::{Input, TextLines},
        records::{Record, Records},
        rows::Rows,
    },
};

/// The records of one file, all of one number of fields.
pub(crate) struct Stream {
    records: Records<Box<dyn Read>>,
    first: Record,
    /// Records that were read to find out what the first is.
    waiting: VecDeque<Record>,
    chosen: ColumnIndices,
    header: bool,
    /// Whether the first record is still to be given.
    first_is_next: bool,
    /// Records that are the same as the header.
    repeated: usize,
}

impl Stream {
    /// Begins to read `lines`, which `again` can give anew where they are those of a file. Without known names, the
    /// records tell whether the first one is a header: all of a file, those that were read to find the delimiter where
    /// nothing can be read twice.
    pub(super) fn of(lines: TextLines, again: Option<&Input>, rows: &mut Rows<'_>) -> Result<Self> {
        let Some(Begun { mut records, first, chosen, header, .. }) = Begun::of(lines, rows)? else {
            return rows.refuse(None, "texts", "none");
        };
        let mut waiting = VecDeque::new();
        let (chosen, header) = match (chosen, header) {
            (Some(chosen), Some(header)) => (chosen, header),
            (_, Some(header)) => {
                let (header, chosen) = place(first.line, &first.fields, Header::of(header), rows, |_| 0)?;
                (chosen, header)
            }
            _ => {
                let mut evidence = Evidence::new(&first.fields);
                if let Some(input) = again {
                    let mut all = Records::of(input.lines()?, rows)?;
                    all.next(rows)?;
                    while let Some(record) = all.next(rows)? {
                        check(&all, &record, &first, rows)?;
                        evidence.see(&record.fields);
                    }
                } else {
                    while records.is_in_head() {
                        let Some(record) = records.next(rows)? else { break };
                        check(&records, &record, &first, rows)?;
                        evidence.see(&record.fields);
                        waiting.push_back(record);
                    }
                }
                let (header, chosen) = place(first.line, &first.fields, evidence.told(), rows, |_| 0)?;
                (chosen, header)
            }
        };
        Ok(Self { records, first, waiting, chosen, header, first_is_next: !header, repeated: 0 })
    }

    /// Pushes the next record's text into `rows` and returns the record as it stands there, with its end; none after
    /// the last.
    pub(super) fn next(&mut self, rows: &mut Rows<'_>) -> Result<Option<(String, &'static str)>> {
        if std::mem::take(&mut self.first_is_next) {
            rows.push_fields(&self.chosen, self.first.line, &self.first.fields)?;
            return Ok(Some((self.first.raw.clone(), self.first.end)));
        }
        let next = match self.waiting.pop_front() {
            Some(record) => Some(record),
            None => self.records.next(rows)?,
        };
        let Some(record) = next else {
            if self.repeated > 0 {
                let note = "the header comes again among the records, which were read as texts like all others";
                rows.reading.notes.push(format!("{note}: {}", self.repeated));
            }
            return Ok(None);
        };
        check(&self.records, &record, &self.first, rows)?;
        self.repeated += usize::from(self.header && record.fields == self.first.fields);
        rows.push_fields(&self.chosen, record.line, &record.fields)?;
        Ok(Some((record.raw, record.end)))
    }

    /// How the records stand in the file.
    pub(crate) fn layout(&self) -> Layout {
        let (delimiter, quotes) = (self.records.delimiter, self.records.quotes);
        let names = match self.header {
            true => fields_of(&self.first.raw, delimiter, quotes),
            false => (1..=self.first.fields.len()).map(|number| format!("column_{number}")).collect(),
        };
        let end = if self.first.end.is_empty() { "\n" } else { self.first.end };
        let header = self.header.then(|| self.first.raw.clone());
        Layout { delimiter, quotes, separator_line: self.records.separator_line.clone(), header, names, end }
    }
}

/// How the records of a file stand there.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    pub(crate) delimiter: char,
    quotes: Quotes,
    /// The line before all records that names the delimiter, with its end.
    pub(crate) separator_line: Option<String>,
    /// The record that names the columns, as it stands.
    pub(crate) header: Option<String>,
    /// The names of the columns, or `column_1` and so on where the file has none.
    pub(crate) names: Vec<String>,
    /// What ends the first record.
    pub(crate) end: &'static str,
}

impl Layout {
    /// The fields of a record as it stands, with the line ends that they have.
    pub(crate) fn fields(&self, raw: &str) -> Vec<String> {
        fields_of(raw, self.delimiter, self.quotes)
    }
}

/// A record with another number of fields than the first is an error.
fn check<R: Read>(records: &Records<R>, record: &Record, first: &Record, rows: &mut Rows<'_>) -> Result<()> {
    match records.fits(record, first.fields.len(), first.line, rows) {
        true => Ok(()),
        false => rows.check(),
    }
}
