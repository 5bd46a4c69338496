//! CSV and TSV: records of fields, with or without a header.
//!
//! The record parser is our own, so that a record is bounded, knows its line exactly and tells of a quote that never
//! closes; a property test holds it to the `csv` crate.

use std::{collections::HashMap, io::Read};

use super::{
    lines::{self, Lines, shown},
    table::{ColumnIndices, Columns, Rows, find_columns},
};
use crate::Result;

/// Reads all of `lines` into `rows`. Without a `delimiter` it is a comma, or else the semicolon or tab that the first
/// line has; a tab given as `delimiter` means TSV, where quotes mean themselves (but a field that is quoted as a
/// whole, as spreadsheets write it, is unquoted).
pub(crate) fn read<R: Read>(
    lines: Lines<R>,
    delimiter: Option<char>,
    columns: &Columns,
    rows: &mut Rows,
) -> Result<()> {
    let mut records = Records { lines, delimiter, quotes: delimiter.is_none() };
    let Some((first_line, names)) = records.next(rows)? else {
        return Ok(());
    };
    let width = names.len();
    let chosen = find_columns(rows, Some(first_line), &names, columns)?;
    let mut unplaced = vec![(first_line, names)];
    while let Some((line, fields)) = records.next(rows)? {
        if fields.len() != width {
            return rows.refuse(
                Some(line),
                format!("{width} fields as in line {first_line}"),
                fields.len().to_string(),
            );
        }
        match chosen {
            Some(chosen) => push(rows, chosen, line, &fields)?,
            None => unplaced.push((line, fields)),
        }
    }
    match chosen {
        Some(_) => Ok(()),
        None => read_without_names(unplaced, width, rows),
    }
}

fn push(rows: &mut Rows, chosen: ColumnIndices, line: u64, fields: &[String]) -> Result<()> {
    let label = chosen.label.map(|column| fields[column].as_str());
    rows.push(Some(line), &fields[chosen.text], label, chosen.split.map(|column| fields[column].as_str()))
}

/// Takes records whose first line names no known column: two columns, of which the label has fewer different values
/// (or, at a tie, the shorter ones). The first record is a header after all if its label never comes again while
/// every other label does.
fn read_without_names(records: Vec<(u64, Vec<String>)>, width: usize, rows: &mut Rows) -> Result<()> {
    if !rows.labelled && width == 1 {
        return records.iter().try_for_each(|(line, fields)| rows.push(Some(*line), &fields[0], None, None));
    }
    if width != 2 {
        let columns = lines::listed(records[0].1.iter().map(String::as_str));
        return rows.refuse(
            Some(records[0].0),
            "a header that names a text and a label column, or two columns",
            format!("the columns {columns}"),
        );
    }
    let counts = [0, 1].map(|column: usize| {
        let mut counts: HashMap<&str, usize> = HashMap::new();
        for (_, fields) in &records {
            *counts.entry(fields[column].trim()).or_default() += 1;
        }
        counts
    });
    let letters = [0, 1].map(|column: usize| records.iter().map(|record| record.1[column].len()).sum::<usize>());
    let label = usize::from((counts[1].len(), letters[1]) < (counts[0].len(), letters[0]));
    let first = records[0].1[label].trim();
    let header = counts[label].len() > 2
        && counts[label].iter().all(|(value, &count)| if *value == first { count == 1 } else { count > 1 });
    let chosen = ColumnIndices { text: 1 - label, label: Some(label), split: None };
    records.iter().skip(usize::from(header)).try_for_each(|(line, fields)| push(rows, chosen, *line, fields))
}

/// The records of a file, one after the other.
struct Records<R> {
    lines: Lines<R>,
    delimiter: Option<char>,
    quotes: bool,
}

impl<R: Read> Records<R> {
    /// The next record and the line it begins on; blank lines between records are skipped.
    fn next(&mut self, rows: &Rows) -> Result<Option<(u64, Vec<String>)>> {
        let mut parser: Option<(u64, Parser)> = None;
        let limit = self.lines.limit();
        while let Some((line, text)) = self.lines.next()? {
            let (begin, parser) = match &mut parser {
                Some((begin, parser)) => (*begin, parser),
                None if text.trim_matches(' ').is_empty() => continue,
                none => {
                    let delimiter = *self.delimiter.get_or_insert_with(|| guess_delimiter(text));
                    let (begin, parser) = none.insert((line, Parser::new(delimiter, self.quotes)));
                    (*begin, parser)
                }
            };
            parser.feed(text);
            if parser.length > limit {
                return Err(lines::too_long(&rows.path, begin, limit));
            }
            if !parser.is_open() {
                return Ok(Some((begin, std::mem::replace(parser, Parser::new(',', true)).finish())));
            }
        }
        match parser {
            None => Ok(None),
            Some((begin, parser)) => {
                let field = parser.field.chars().take(30).collect::<String>();
                rows.refuse(
                    Some(begin),
                    "a closing quote",
                    format!("none after '\"{}' to the end of the file", shown(&field)),
                )
            }
        }
    }
}

/// A comma unless the line has none; then a tab or a semicolon.
fn guess_delimiter(line: &str) -> char {
    [',', '\t', ';'].into_iter().find(|&delimiter| line.contains(delimiter)).unwrap_or(',')
}

/// Where in a field the parser stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Start,
    Plain,
    Quoted,
    /// After a quote within quotes: the end, or the first of two that stand for one.
    Closing,
}

/// Takes a record line by line.
struct Parser {
    delimiter: char,
    quotes: bool,
    state: State,
    fields: Vec<String>,
    field: String,
    /// Bytes fed so far.
    length: usize,
}

impl Parser {
    fn new(delimiter: char, quotes: bool) -> Self {
        Self { delimiter, quotes, state: State::Start, fields: Vec::new(), field: String::new(), length: 0 }
    }

    fn feed(&mut self, line: &str) {
        self.length += line.len() + 1;
        if self.is_open() {
            self.field.push('\n');
        }
        for c in line.chars() {
            self.state = match self.state {
                State::Start if c == '"' && self.quotes => State::Quoted,
                State::Quoted if c == '"' => State::Closing,
                State::Quoted => {
                    self.field.push(c);
                    State::Quoted
                }
                State::Closing if c == '"' => {
                    self.field.push(c);
                    State::Quoted
                }
                _ if c == self.delimiter => {
                    self.end_field();
                    State::Start
                }
                _ => {
                    self.field.push(c);
                    State::Plain
                }
            };
        }
    }

    /// Whether the record goes on in the next line.
    fn is_open(&self) -> bool {
        self.state == State::Quoted
    }

    fn end_field(&mut self) {
        let mut field = std::mem::take(&mut self.field);
        if !self.quotes
            && let Some(inner) = unquoted(&field)
        {
            field = inner;
        }
        self.fields.push(field);
    }

    fn finish(mut self) -> Vec<String> {
        self.end_field();
        self.fields
    }
}

/// The content of a field that is quoted as a whole, with each quote in it doubled; `None` for any other.
fn unquoted(field: &str) -> Option<String> {
    let inner = field.strip_prefix('"')?.strip_suffix('"')?;
    (!inner.replace("\"\"", "").contains('"')).then(|| inner.replace("\"\"", "\""))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;
    use crate::data::table::{Format, Table};

    fn read_as(content: &str, delimiter: Option<char>, limit: usize) -> Result<Table> {
        let path = Path::new("f.csv");
        let mut rows = Rows::new(path, Format::Csv, true);
        let lines = Lines::with_limit(path, content.as_bytes(), limit);
        read(lines, delimiter, &Columns::default(), &mut rows)?;
        rows.finish()
    }

    fn pairs(content: &str, delimiter: Option<char>) -> Vec<(String, String)> {
        let table = read_as(content, delimiter, 1 << 20).unwrap();
        table.rows.into_iter().map(|row| (row.text, row.label)).collect()
    }

    fn message(content: &str) -> String {
        read_as(content, None, 1 << 20).unwrap_err().to_string()
    }

    #[test]
    fn quoted_fields_may_hold_everything() {
        let found = pairs("label,text\r\npos,\"a, \"\"b\"\"\r\nc\"\r\n\r\nneg,d\"e\r\n", None);
        assert_eq!(found, [("a, \"b\"\nc".into(), "pos".into()), ("d\"e".into(), "neg".into())]);
        assert_eq!(pairs("text;label\na, b;x\n", None), [("a, b".into(), "x".into())]);
    }

    #[test]
    fn tabs_leave_quotes_alone_but_unwrap_whole_fields() {
        let found = pairs("sentence\tlabel\n\"open\t1\n\"he said \"\"hi\"\"\"\t0\n\"a\" and \"b\"\t1\n", Some('\t'));
        let texts: Vec<&str> = found.iter().map(|pair| pair.0.as_str()).collect();
        assert_eq!(texts, ["\"open", "he said \"hi\"", "\"a\" and \"b\""]);
    }

    #[test]
    fn two_columns_need_no_header_in_either_order() {
        let expected = vec![
            ("fine film".to_owned(), "1".to_owned()),
            ("bad film".into(), "0".into()),
            ("good".into(), "1".into()),
        ];
        assert_eq!(pairs("1,fine film\n0,bad film\n1,good\n", None), expected);
        assert_eq!(pairs("fine film,1\nbad film,0\ngood,1\n", None), expected);
        let named = pairs("what,how\na,1\nb,1\nc,0\nd,0\n", None);
        assert_eq!(named.len(), 4, "the first line is a header: {named:?}");
        assert!(message("a,b,c\n1,2,3\n").contains("a, b, c"));
    }

    #[test]
    fn errors_name_the_line_where_the_record_begins() {
        assert!(message("text,label\n\"a\nb\",1\n\nc,1,2\n").starts_with("f.csv:5: expected 2 fields"));
        assert!(message("text,label\na,1\nb, \n").starts_with("f.csv:3: expected a label"));
        let open = message("text,label\na,1\n\"b,0\nc,1\n");
        assert!(open.starts_with("f.csv:3: expected a closing quote"), "{open}");
        assert!(message("split,text,label\ntrian,a,1\n").starts_with("f.csv:2: expected train"));
        assert!(message("text,label\n,1\n").contains("1 empty ones only"));
    }

    #[test]
    fn a_record_of_many_lines_is_bounded_too() {
        let content = format!("text,label\n\"{}", "line\n".repeat(1000));
        let error = read_as(&content, None, 100).unwrap_err().to_string();
        assert!(error.starts_with("f.csv:2: expected at most 100 bytes"), "{error}");
    }

    proptest! {
        /// Whatever is between the quotes and commas, the csv crate reads the same fields.
        #[test]
        fn records_agree_with_the_csv_crate(content in "[ab,\"é\n ]{0,60}") {
            let mut ours = Vec::new();
            let rows = Rows::new(Path::new("f.csv"), Format::Csv, true);
            let lines = Lines::with_limit(Path::new("f.csv"), content.as_bytes(), 1 << 20);
            let mut records = Records { lines, delimiter: Some(','), quotes: true };
            loop {
                match records.next(&rows) {
                    Ok(Some((_, fields))) => ours.push(fields),
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

        #[test]
        fn no_content_panics(content in "\\PC{0,80}|[ab,;\t\"\n]{0,80}") {
            let _ = read_as(&content, None, 50);
            let _ = read_as(&content, Some('\t'), 50);
        }
    }
}
