//! CSV and TSV: a file cut into records of fields.
//!
//! The record parser is our own, so that a record is bounded, knows its line exactly and tells of a quote that never
//! closes; a property test holds it to the `csv` crate.

use std::{collections::VecDeque, io::Read};

use super::{
    dialect::{self, shown_delimiter},
    fields::{Ending, Parser, Quotes, WholeField, ending, seems_escaped, split_whole_fields},
    lines::{self, Line, Lines, shown},
    options::{Escape, Format},
    rows::Rows,
};
use crate::Result;

/// How far the end of a quoted field is looked for in a TSV, in lines.
const MOST_LINES_OF_A_FIELD: usize = 1000;

/// A record of a file.
#[derive(Debug)]
pub(super) struct Record {
    /// The line it begins on.
    pub(super) line: u64,
    pub(super) fields: Vec<String>,
    /// All of it as it stands in the file.
    pub(super) raw: String,
    /// The end of its last line.
    pub(super) end: &'static str,
    /// Whether something stands behind a quote that closes a field, so that its quotes mean something else.
    pub(super) strays: bool,
}

/// The records of a file, one after the other.
pub(super) struct Records<R> {
    lines: Lines<R>,
    /// Lines that were read ahead.
    waiting: VecDeque<Line>,
    pub(super) delimiter: char,
    pub(super) quotes: Quotes,
    /// The line that names the delimiter, with its end.
    pub(super) separator_line: Option<String>,
    /// Fields of the first record.
    width: Option<usize>,
}

impl<R: Read> Records<R> {
    /// Records with the delimiter that the options name or the first lines show.
    pub(super) fn of(mut lines: Lines<R>, rows: &Rows<'_>) -> Result<Self> {
        let mut waiting = VecDeque::new();
        let mut bytes = 0;
        while waiting.len() < dialect::HEAD_LINES && bytes < dialect::HEAD_BYTES {
            let Some(line) = lines.next_line()? else { break };
            bytes += line.text.len();
            waiting.push_back(line);
        }
        let ended = waiting.len() < dialect::HEAD_LINES && bytes < dialect::HEAD_BYTES;
        let quotes = match rows.reading.format {
            // As programs write it, if only so all records have one number of fields.
            Format::Tsv
                if dialect::escape(rows.options).is_none()
                    && !dialect::is_quoted(waiting.make_contiguous(), ended, rows.options) =>
            {
                Quotes::WholeFields
            }
            _ => Quotes::Csv(dialect::escape(rows.options)),
        };
        let told = dialect::sep_line(&waiting);
        let mut separator_line = None;
        while let (Some(_), None) = (told, &separator_line) {
            let Some(line) = waiting.pop_front() else { break };
            separator_line = Some(line.text + line.end).filter(|line| !line.trim().is_empty());
        }
        let delimiter = match (rows.options.delimiter.or(told), quotes) {
            (Some(delimiter), _) => delimiter,
            (None, _) if rows.reading.format == Format::Tsv => '\t',
            (None, _) => dialect::delimiter(waiting.make_contiguous(), ended, rows)?,
        };
        Ok(Self { lines, waiting, delimiter, quotes, separator_line, width: None })
    }

    #[cfg(test)]
    pub(super) fn with(lines: Lines<R>, delimiter: char, quotes: Quotes) -> Self {
        Self { lines, waiting: VecDeque::new(), delimiter, quotes, separator_line: None, width: None }
    }

    /// Gives every record of `width` fields to `take`; others are broken.
    pub(super) fn each(
        &mut self,
        rows: &mut Rows<'_>,
        width: usize,
        first_line: u64,
        mut take: impl FnMut(&mut Rows<'_>, u64, Vec<String>) -> Result<()>,
    ) -> Result<()> {
        while let Some(record) = self.next(rows)? {
            if self.fits(&record, width, first_line, rows) {
                take(rows, record.line, record.fields)?;
            }
        }
        Ok(())
    }

    /// Whether a record means what its quotes say; others are broken.
    pub(super) fn is_sound(&self, record: &Record, rows: &mut Rows<'_>) -> bool {
        if record.strays {
            let expected = "a delimiter or the end of the line behind the quote that closes a field (a quote that is \
                            a letter is written twice, between quotes)";
            rows.broken(Some(record.line), expected, format!("'{}'", shown(&record.raw)));
        }
        !record.strays
    }

    /// Whether a record is sound and has `width` fields, as the one in `first_line`; others are broken.
    pub(super) fn fits(&self, record: &Record, width: usize, first_line: u64, rows: &mut Rows<'_>) -> bool {
        if !self.is_sound(record, rows) {
            return false;
        }
        let fits = record.fields.len() == width;
        if !fits {
            let delimiter = shown_delimiter(self.delimiter);
            // A single column is most often no table at all.
            let way = match width {
                1 => " (--format lines if every line is a text, --delimiter if something else stands between fields)",
                _ => "",
            };
            let fields = if width == 1 { "field" } else { "fields" };
            let expected = format!("{width} {fields} between {delimiter} as in line {first_line}{way}");
            rows.broken(Some(record.line), expected, record.fields.len().to_string());
        }
        fits
    }

    /// Whether lines wait that were read ahead to tell the delimiter.
    pub(super) fn is_in_head(&self) -> bool {
        !self.waiting.is_empty()
    }

    fn line(&mut self) -> Result<Option<Line>> {
        match self.waiting.pop_front() {
            Some(line) => Ok(Some(line)),
            None => self.lines.next_line(),
        }
    }

    /// The next record; blank lines between records are skipped.
    pub(super) fn next(&mut self, rows: &Rows<'_>) -> Result<Option<Record>> {
        let record = match self.quotes {
            Quotes::Csv(escape) => self.next_quoted(escape, rows)?,
            Quotes::WholeFields => self.next_whole_fields()?,
        };
        if let (Escape::Open, Some(record)) = (rows.options.escape, &record)
            && seems_escaped(&record.raw, self.delimiter)
        {
            return rows.refuse(
                Some(record.line),
                "quotes within quotes written twice, or --escape '\\' if a backslash makes a letter of a quote (--escape \
                 none if it is a letter itself)",
                format!("'{}'", shown(&record.raw)),
            );
        }
        if let (None, Some(record)) = (self.width, &record) {
            self.width = Some(record.fields.len());
        }
        Ok(record)
    }

    fn next_quoted(&mut self, escape: Option<char>, rows: &Rows<'_>) -> Result<Option<Record>> {
        let mut open: Option<(u64, Parser, String)> = None;
        let limit = self.lines.limit();
        while let Some(Line { number, text, end }) = self.line()? {
            if open.is_none() && text.trim_matches(' ').is_empty() {
                continue;
            }
            let (line, mut parser, mut raw) =
                open.take().unwrap_or_else(|| (number, Parser::new(self.delimiter, escape), String::new()));
            parser.feed(&text);
            raw.push_str(&text);
            if parser.length > limit {
                return Err(lines::too_long(&rows.path, line, limit));
            }
            if parser.strays_over_lines {
                let expected = "a delimiter or the end of the line behind the quote that closes a field of several \
                                lines (a quote that is a letter is written twice, between quotes)";
                return rows.refuse(Some(line), expected, format!("'{}'", shown(&raw)));
            }
            if !parser.is_open() {
                let strays = parser.strays();
                return Ok(Some(Record { line, fields: parser.finish(), raw, end, strays }));
            }
            raw.push_str(end);
            open = Some((line, parser, raw));
        }
        match open {
            None => Ok(None),
            Some((begin, parser, _)) => {
                let field = parser.field.chars().take(30).collect::<String>();
                rows.refuse(
                    Some(begin),
                    "a closing quote (a quote that is a letter is written twice, between quotes)",
                    format!("none after '\"{}' to the end of the file", shown(&field)),
                )
            }
        }
    }

    /// A record of a TSV, in which a quote is a letter like others unless it encloses a whole field, over several
    /// lines if the record has the right number of fields only so.
    fn next_whole_fields(&mut self) -> Result<Option<Record>> {
        let first = loop {
            match self.line()? {
                None => return Ok(None),
                Some(line) if line.text.trim_matches(' ').is_empty() => {}
                Some(line) => break line,
            }
        };
        let contents = |fields: Vec<WholeField>| fields.into_iter().map(|field| field.content).collect();
        let fields = split_whole_fields(&first.text, self.delimiter);
        let open = fields.last().is_some_and(|field| field.is_open);
        if let (true, Some(width)) = (open, self.width) {
            let mut joined = first.text.clone();
            let mut raw = format!("{}{}", first.text, first.end);
            let mut taken = Vec::new();
            while taken.len() < MOST_LINES_OF_A_FIELD && joined.len() <= self.lines.limit() {
                let Some(line) = self.line()? else { break };
                joined.push('\n');
                joined.push_str(&line.text);
                raw.push_str(&line.text);
                // A line that is a record by itself is one.
                let alone = split_whole_fields(&line.text, self.delimiter);
                let is_record = width > 1 && alone.len() == width && !alone.iter().any(|field| field.is_open);
                // Only this line can say how the field goes on, so that what came before is not looked at again.
                let (ending, end) = (ending(&line.text, self.delimiter), line.end);
                taken.push(line);
                if (is_record && fields.len() == width) || ending == Ending::Never {
                    break;
                }
                if ending == Ending::Open {
                    raw.push_str(end);
                    continue;
                }
                let fields = split_whole_fields(&joined, self.delimiter);
                if fields.last().is_some_and(|field| field.is_open) && fields.len() <= width {
                    raw.push_str(end);
                    continue;
                }
                if fields.len() == width {
                    return Ok(Some(Record {
                        line: first.number,
                        fields: contents(fields),
                        raw,
                        end,
                        strays: false,
                    }));
                }
                break;
            }
            for line in taken.into_iter().rev() {
                self.waiting.push_front(line);
            }
        }
        Ok(Some(Record {
            line: first.number,
            fields: contents(fields),
            raw: first.text,
            end: first.end,
            strays: false,
        }))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;
    use crate::data::options::ReadOptions;

    #[test]
    fn an_open_quote_in_every_line_costs_no_more_than_reading_on() {
        for line in ["\"open\n", "\"open\nplain\n", "a\t\"open\n", "a\t\"open\nb\tplain\n"] {
            let content = format!("text{}\n", if line.contains('\t') { "\tother" } else { "" }) + &line.repeat(2000);
            let options = ReadOptions::default();
            let rows = Rows::new(Path::new("f.tsv"), Format::Tsv, &options, true);
            let mut records = Records::with(
                Lines::with_limit(Path::new("f.tsv"), content.as_bytes(), 1 << 20),
                '\t',
                Quotes::WholeFields,
            );
            let before = crate::data::fields::SPLIT_BYTES.get();
            let mut count = 0;
            while records.next(&rows).unwrap().is_some() {
                count += 1;
            }
            assert_eq!(count, content.lines().count(), "{line:?}");
            let split = crate::data::fields::SPLIT_BYTES.get() - before;
            assert!(split <= 4 * content.len(), "{split} bytes were split of {}", content.len());
        }
    }

    proptest! {
        /// Whatever is between the quotes and commas, the csv crate reads the same fields.
        #[test]
        fn records_agree_with_the_csv_crate(content in "[ab,\"é\n ]{0,60}") {
            let mut ours = Vec::new();
            let options = ReadOptions::default();
            let rows = Rows::new(Path::new("f.csv"), Format::Csv, &options, true);
            let lines = Lines::with_limit(Path::new("f.csv"), content.as_bytes(), 1 << 20);
            let mut records = Records::with(lines, ',', Quotes::Csv(None));
            loop {
                match records.next(&rows) {
                    Ok(Some(record)) => ours.push(record.fields),
                    Ok(None) => break,
                    // The csv crate takes an open quote without a word.
                    Err(_) => return Ok(()),
                }
            }
            let mut reader = csv::ReaderBuilder::new();
            let mut reader = reader.has_headers(false).flexible(true).from_reader(content.as_bytes());
            // A line of spaces is a record to the csv crate and blank to us.
            let is_filled = |fields: &Vec<String>| fields.len() > 1 || !fields[0].trim_matches(' ').is_empty();
            let theirs: Vec<Vec<String>> = reader
                .records()
                .map(|record| record.unwrap().iter().map(str::to_owned).collect::<Vec<String>>())
                .filter(is_filled)
                .collect();
            let ours: Vec<Vec<String>> = ours.into_iter().filter(is_filled).collect();
            prop_assert_eq!(ours, theirs);
        }
    }
}
