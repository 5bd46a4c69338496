//! CSV and TSV: which record names the columns, and which columns hold text and label.
//!
//! How a file falls into records is what [`records`](super::records) says.

use std::io::Read;

use super::{
    columns::{ColumnIndices, Columns, is_numbering, known_names, same},
    header::{Header, tell_header},
    lines::{Lines, listed},
    records::{Record, Records},
    rows::Rows,
};
use crate::Result;

/// Reads all of `lines` into `rows`. A TSV has tabs, and quotes that count only where they enclose a whole field; the
/// delimiter of a CSV is the one of the options or the one that fits.
pub(crate) fn read<R: Read>(lines: Lines<R>, rows: &mut Rows<'_>) -> Result<()> {
    let Some(mut begun) = Begun::of(lines, rows)? else {
        // A table without rows has a header at least.
        return if rows.labelled { Ok(()) } else { rows.refuse(None, "texts", "none") };
    };
    let (width, first_line) = (begun.width, begun.first.line);
    let first = std::mem::take(&mut begun.first.fields);
    if let (Some(chosen), Some(header)) = (begun.chosen.take(), begun.header) {
        let mut body = Body { first_line, first, header, chosen, repeated: 0 };
        body.begin(rows)?;
        begun.records.each(rows, width, first_line, |rows, line, fields| body.take(rows, line, &fields))?;
        body.finish(rows);
        return Ok(());
    }
    // No name is known, so the records themselves have to tell.
    let mut others = Vec::new();
    begun.records.each(rows, width, first_line, |_, line, fields| {
        others.push((line, fields));
        Ok(())
    })?;
    let told = begun.header.map_or_else(|| tell_header(&first, others.iter().map(|other| &other.1[..])), Header::of);
    let label = |header: bool| {
        let data = others.iter().map(|other| &other.1).filter(|fields| !header || **fields != first);
        label_of_two(data.chain((!header).then_some(&first)))
    };
    let (header, chosen) = place(first_line, &first, told, rows, label)?;
    let mut body = Body { first_line, first, header, chosen, repeated: 0 };
    body.begin(rows)?;
    others.iter().try_for_each(|(line, fields)| body.take(rows, *line, fields))?;
    body.finish(rows);
    Ok(())
}

/// Records on their way into rows, once it is known what the first one is and where the columns are.
struct Body {
    first_line: u64,
    first: Vec<String>,
    /// Whether the first record names the columns.
    header: bool,
    chosen: ColumnIndices,
    /// Records that are the same as the header, and so no data either.
    repeated: usize,
}

impl Body {
    /// Takes the first record, if it is data.
    fn begin(&self, rows: &mut Rows<'_>) -> Result<()> {
        if self.header { Ok(()) } else { rows.push_fields(&self.chosen, self.first_line, &self.first) }
    }

    fn take(&mut self, rows: &mut Rows<'_>, line: u64, fields: &[String]) -> Result<()> {
        if self.header && fields.iter().zip(&self.first).all(|(field, name)| same(field, name)) {
            self.repeated += 1;
            return Ok(());
        }
        if self.header && is_in_another_order(fields, &self.first) {
            let expected = format!("the columns in the order of line {} to the end", self.first_line);
            return rows.refuse(Some(line), expected, listed(fields.iter().map(String::as_str)));
        }
        rows.push_fields(&self.chosen, line, fields)
    }

    /// Says what was left out.
    fn finish(self, rows: &mut Rows<'_>) {
        if self.repeated > 0 {
            let note = "the header comes again among the records, left out";
            rows.reading.notes.push(format!("{note}: {}", self.repeated));
        }
    }
}

/// Whether a record has the names of the columns, but in another order.
fn is_in_another_order(fields: &[String], names: &[String]) -> bool {
    let sorted = |names: &[String]| {
        let mut names: Vec<String> = names.iter().map(|name| name.trim().to_lowercase()).collect();
        names.sort_unstable();
        names
    };
    fields.first().is_some_and(|first| names.iter().any(|name| same(name, first))) && sorted(fields) == sorted(names)
}

/// A file whose first record was read.
pub(super) struct Begun<R> {
    pub(super) records: Records<R>,
    pub(super) first: Record,
    /// Fields of the first record.
    pub(super) width: usize,
    /// The columns, where their names are known or were asked for.
    pub(super) chosen: Option<ColumnIndices>,
    /// Whether the first record names the columns, where that is known.
    pub(super) header: Option<bool>,
}

impl<R: Read> Begun<R> {
    /// Reads the first record of `lines` and tells `rows` what it shows; none if there is none.
    pub(super) fn of(lines: Lines<R>, rows: &mut Rows<'_>) -> Result<Option<Self>> {
        let mut records = Records::of(lines, rows)?;
        let Some(first) = first_of(&mut records, rows)? else {
            return Ok(None);
        };
        let width = first.fields.len();
        rows.reading.delimiter = Some(records.delimiter).filter(|_| width > 1);
        let is_enclosed = |field: &String| field.len() > 1 && field.starts_with('\'') && field.ends_with('\'');
        if width > 1 && first.fields.iter().all(is_enclosed) {
            let note = "every field of the first record stands between ', which are read as letters: only \" encloses \
                        fields";
            rows.reading.notes.push(note.to_owned());
        }
        let columns = |named: bool, rows: &Rows<'_>| {
            let (path, options, labelled) = (rows.path.clone(), rows.options, rows.labelled);
            let line = Some(first.line);
            let columns = Columns { path: &path, line, names: &first.fields, named, options, labelled };
            columns.find().map(|found| {
                let mut reading = rows.reading.clone();
                if let Some(found) = &found {
                    columns.tell(found, &mut reading);
                }
                (found, reading)
            })
        };
        // Numbers alone do not say whether the first record names columns. Who gives a name says that it does, be it
        // there or not.
        let names_known = known_names(&first.fields, rows.options) > 0 || rows.options.asks_by_name();
        let (chosen, reading) = match rows.options.header {
            Some(named) => columns(named, rows)?,
            None if names_known => columns(true, rows)?,
            None => (None, rows.reading.clone()),
        };
        let header = rows.options.header.or(names_known.then_some(true));
        if chosen.is_some() {
            rows.reading = reading;
            rows.reading.header = header;
        }
        Ok(Some(Self { records, first, width, chosen, header }))
    }
}

/// The first record. One that is broken tells neither columns nor their names; only where it is said to be data like
/// all others can the next one stand in for it.
fn first_of<R: Read>(records: &mut Records<R>, rows: &mut Rows<'_>) -> Result<Option<Record>> {
    while let Some(record) = records.next(rows)? {
        if records.is_sound(&record, rows) {
            return Ok(Some(record));
        }
        if rows.options.header != Some(false) || !rows.labelled {
            rows.check()?;
        }
    }
    Ok(None)
}

/// Places the columns of records whose first one, `first`, names none that is known and is what `told` says: whether
/// it names columns at all, and which those of text and label are: the ones asked for by number, or of two columns the
/// one that `label_of_two` finds, who is told whether the first is no data.
pub(super) fn place(
    first_line: u64,
    first: &[String],
    told: Header,
    rows: &mut Rows<'_>,
    label_of_two: impl FnOnce(bool) -> usize,
) -> Result<(bool, ColumnIndices)> {
    let width = first.len();
    let header = match told {
        Header::Unknown => {
            let one = if width == 1 { "; --delimiter, if the line is several fields" } else { "" };
            return rows.refuse(
                Some(first_line),
                format!(
                    "a header with usual names, or --header or --no-header to say whether there is one (--text-column \
                     and --label-column take names or numbers{one})"
                ),
                format!("a first record that could be either: {}", listed(first.iter().map(String::as_str))),
            );
        }
        Header::Names => true,
        Header::Data => false,
    };
    rows.reading.header = Some(header);
    let path = rows.path.clone();
    let columns = Columns {
        path: &path,
        line: Some(first_line),
        names: first,
        named: header,
        options: rows.options,
        labelled: rows.labelled,
    };
    let asked = !rows.options.text.is_empty() || rows.options.label.is_some();
    let chosen = match columns.find() {
        Ok(Some(chosen)) => chosen,
        Err(error) if asked || width != 2 => return Err(error),
        _ => match (width, rows.labelled) {
            (1, false) => ColumnIndices { text: vec![0], label: None, split: None },
            (2, true) if !(header && first.iter().any(|name| is_numbering(name))) => {
                let label = label_of_two(header);
                let flags = "--text-column and --label-column take others";
                rows.reading.notes.push(match header {
                    true => format!("the label is the column with fewer different values; {flags}"),
                    false => format!("the label is column {}, with fewer different values; {flags}", label + 1),
                });
                ColumnIndices { text: vec![1 - label], label: Some(label), split: None }
            }
            _ => {
                let expected = match rows.labelled {
                    true => {
                        "--text-column and --label-column with the names or numbers of the columns (--no-header if the \
                         first record is data)"
                    }
                    false => {
                        "--text-column with the name or number of the column (--no-header if the first record is data)"
                    }
                };
                let got = format!("{width} columns: {}", listed(first.iter().map(String::as_str)));
                return rows.refuse(Some(first_line), expected, got);
            }
        },
    };
    columns.tell(&chosen, &mut rows.reading);
    Ok((header, chosen))
}

/// Which of two columns is the label: the one with fewer different values or, at a tie, with fewer letters.
fn label_of_two<'a>(records: impl Iterator<Item = &'a Vec<String>> + Clone) -> usize {
    let measure = |column: usize| {
        let values: std::collections::HashSet<&str> = records.clone().map(|fields| fields[column].trim()).collect();
        (values.len(), records.clone().map(|fields| fields[column].len()).sum::<usize>())
    };
    usize::from(measure(1) < measure(0))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;
    use crate::data::{
        fields::split_whole_fields,
        options::{Format, ReadOptions},
        table::Table,
    };

    fn read_as(content: &str, format: Format, options: &ReadOptions, labelled: bool) -> Result<Table> {
        read_within(content, format, options, labelled, 1 << 20)
    }

    fn read_within(
        content: &str,
        format: Format,
        options: &ReadOptions,
        labelled: bool,
        limit: usize,
    ) -> Result<Table> {
        let path = Path::new("f.csv");
        let mut rows = Rows::new(path, format, options, labelled);
        read(Lines::with_limit(path, content.as_bytes(), limit), &mut rows)?;
        rows.finish()
    }

    fn table(content: &str) -> Result<Table> {
        read_as(content, Format::Csv, &ReadOptions::default(), true)
    }

    fn pairs_of(table: Table) -> Vec<(String, String)> {
        table.rows.into_iter().map(|row| (row.text, row.labels.concat())).collect()
    }

    fn pairs(content: &str) -> Vec<(String, String)> {
        pairs_of(table(content).unwrap())
    }

    fn tsv(content: &str) -> Vec<(String, String)> {
        pairs_of(read_as(content, Format::Tsv, &ReadOptions::default(), true).unwrap())
    }

    fn message(content: &str) -> String {
        table(content).unwrap_err().to_string()
    }

    fn strings(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(text, label)| ((*text).to_owned(), (*label).to_owned())).collect()
    }

    #[test]
    fn quoted_fields_may_hold_everything() {
        let found = pairs("label,text\r\npos,\"a, \"\"b\"\"\r\nc\"\r\n\r\nneg,d\"e\r\n");
        assert_eq!(found, strings(&[("a, \"b\"\nc", "pos"), ("d\"e", "neg")]));
        assert_eq!(pairs("text;label\na, b;x\n"), strings(&[("a, b", "x")]));
    }

    #[test]
    fn the_delimiter_is_the_one_that_fits() {
        let expected = strings(&[("a, b", "x"), ("c", "y")]);
        for content in [
            "id;\"text, raw\";label\n0;\"a, b\";x\n1;c;y\n",
            "text|label\na, b|x\nc|y\n",
            "sep=;\ntext;label\na, b;x\nc;y\n",
            "\"sep=|\"\n\ntext|label\na, b|x\nc|y\n",
            "text\tlabel\na, b\tx\nc\ty\n",
        ] {
            assert_eq!(pairs(content), expected, "{content}");
        }
        let both = message("a;b,c\nd;e,f\ng;h,c\n");
        assert!(both.contains("--delimiter") && both.contains("',' and ';'"), "{both}");
        let none = message("one thing, and\nanother\nthird, with, more\n");
        assert!(none.contains("--delimiter") && none.starts_with("f.csv:2: "), "{none}");
        let said = ReadOptions { delimiter: Some(';'), header: Some(false), ..ReadOptions::default() };
        let table = read_as("a;b,c\nd;e,f\ng;b,c\n", Format::Csv, &said, true).unwrap();
        assert_eq!(table.rows[0].label(), "b,c");
        assert_eq!(table.readings[0].delimiter, Some(';'));
    }

    #[test]
    fn tabs_leave_quotes_alone_but_unwrap_whole_fields() {
        let found = tsv("sentence\tlabel\n\"open\t1\n\"he said \"\"hi\"\"\"\t0\n\"a\" and \"b\"\t1\n");
        assert_eq!(found, strings(&[("\"open", "1"), ("he said \"hi\"", "0"), ("\"a\" and \"b\"", "1")]));
    }

    #[test]
    fn a_quoted_field_of_a_tsv_may_have_line_ends() {
        let found = tsv("text\tlabel\n\"a\nb\twith \"\"c\"\"\"\tx\nplain\ty\n");
        assert_eq!(found, strings(&[("a\nb\twith \"c\"", "x"), ("plain", "y")]));
        let last = tsv("label\ttext\nx\t\"a\n\nb\"\ny\t\"open\nx\tc\n");
        assert_eq!(last, strings(&[("a\n\nb", "x"), ("\"open", "y"), ("c", "x")]));
    }

    #[test]
    fn two_columns_need_no_header_in_either_order() {
        let expected = strings(&[("fine film", "1"), ("bad film", "0"), ("good", "1")]);
        assert_eq!(pairs("1,fine film\n0,bad film\n1,good\n"), expected);
        assert_eq!(pairs("fine film,1\nbad film,0\ngood,1\n"), expected);
        let named = table("what,how\na,1\nb,1\nc,0\nd,0\n").unwrap();
        assert_eq!((named.rows.len(), named.readings[0].header), (4, Some(true)));
        assert!(named.readings[0].notes[0].contains("--label-column"), "{:?}", named.readings[0].notes);
        let numbered = message("id,comment_body\n1,it was a fine film\n2,it was a bad film\n3,it was good fun\n");
        assert!(numbered.contains("--label-column"), "a numbering is no label: {numbered}");
        let message = message("a,b,c\n1,2,3\n1,2,3\n");
        assert!(message.contains("a, b, c") && message.contains("--no-header"), "{message}");
    }

    #[test]
    fn a_first_record_is_neither_lost_nor_made_a_text() {
        // Its label is rare, and nothing else says what it is.
        let message = message("odd,rare\nfine film,pos\nbad film,neg\ngood,pos\n");
        assert!(message.contains("--header or --no-header"), "{message}");
        let records = "odd,rare\nfine film,pos\nbad film,neg\ngood,pos\n";
        for (header, count) in [(true, 3), (false, 4)] {
            let options = ReadOptions { header: Some(header), ..ReadOptions::default() };
            assert_eq!(read_as(records, Format::Csv, &options, true).unwrap().rows.len(), count);
        }
        let singleton = "message_body,queue\nthe first of all,pos\nthe second of all,neg\nthe third of all,rare\n\
                         it is the fourth,pos\n";
        let read = table(singleton).unwrap();
        assert_eq!((read.rows.len(), read.rows[0].label()), (4, "pos"));
    }

    #[test]
    fn columns_may_go_by_number() {
        let csv =
            "\"1\",\"Title 0\",\"the phone\"\n\"2\",\"Title 1\",\"the story\"\n\"1\",\"Title 2\",\"the film\"\n";
        let options = ReadOptions {
            header: Some(false),
            text: vec!["2".to_owned(), "3".to_owned()],
            label: Some("1".to_owned()),
            ..ReadOptions::default()
        };
        let read = read_as(csv, Format::Csv, &options, true).unwrap();
        assert_eq!((read.rows[0].text.as_str(), read.rows[0].label()), ("Title 0\nthe phone", "1"));
        let told = read.readings[0].to_string();
        assert!(told.contains("no header, text: column 2 and 3, label: column 1"), "{told}");
        let unsaid = ReadOptions { header: None, ..options };
        assert_eq!(read_as(csv, Format::Csv, &unsaid, true).unwrap().rows.len(), 3, "a number is no name");
        assert!(message(csv).contains("--text-column"));
    }

    #[test]
    fn texts_for_prediction_are_as_many_as_the_records() {
        let read = |csv: &str| {
            let table = read_as(csv, Format::Csv, &ReadOptions::default(), false)?;
            Ok::<_, crate::Error>(table.rows.into_iter().map(|row| row.text).collect::<Vec<_>>())
        };
        assert_eq!(read("id,comment_body\n1,fine\n2,\n3,bad\n").unwrap(), ["fine", "", "bad"]);
        assert_eq!(read("text\none, two\nthree\n").unwrap(), ["one, two", "three"]);
        assert!(read("a,b\nc,d\ne,f\n").unwrap_err().to_string().contains("--header or --no-header"));
        assert!(read("1,fine film\n2,bad film\n").unwrap_err().to_string().contains("--text-column"));
    }

    #[test]
    fn a_header_in_the_middle_is_left_out_and_told() {
        let unusual = "message_body,queue\nthe phone was poor,a\nmessage_body,queue\nit is great fun,b\n";
        let said = ReadOptions { header: Some(true), ..ReadOptions::default() };
        for (content, options) in [
            ("text,label\na,1\ntext,label\nb,0\n", &ReadOptions::default()),
            (unusual, &ReadOptions::default()),
            (unusual, &said),
        ] {
            let read = read_as(content, Format::Csv, options, true).unwrap();
            assert_eq!(read.rows.len(), 2, "{content}");
            let notes = &read.readings[0].notes;
            assert!(notes.iter().any(|note| note.contains("header comes again among the records, left out: 1")));
        }
        // Without a header, what comes twice is a text that comes twice.
        let said = ReadOptions { header: Some(false), ..ReadOptions::default() };
        assert_eq!(read_as(unusual, Format::Csv, &said, true).unwrap().rows.len(), 4);
    }

    #[test]
    fn letters_behind_a_closing_quote_break_the_first_record_too() {
        let content = "\"quoted\" film is nice,pos\nit is a fine film,pos\nit is a bad film,neg\n";
        let data = |skip_bad| ReadOptions { header: Some(false), skip_bad, ..ReadOptions::default() };
        for labelled in [true, false] {
            for options in [&ReadOptions::default(), &data(false)] {
                let message = read_as(content, Format::Csv, options, labelled).unwrap_err().to_string();
                assert!(message.starts_with("f.csv:1: expected a delimiter or the end of the line"), "{message}");
            }
        }
        assert_eq!(read_as(content, Format::Csv, &data(true), true).unwrap().rows[0].line, Some(2));
        // A broken header leaves nobody to say what the columns are.
        let named = ReadOptions { header: Some(true), skip_bad: true, ..ReadOptions::default() };
        assert!(read_as(content, Format::Csv, &named, true).is_err());
    }

    #[test]
    fn a_name_that_is_not_there_is_told_at_once() {
        let nobody = ReadOptions { text: vec!["nope".to_owned()], ..ReadOptions::default() };
        for labelled in [true, false] {
            let message = read_as("odd,rare\nfine,pos\nbad,neg\n", Format::Csv, &nobody, labelled).unwrap_err();
            let message = message.to_string();
            assert!(message.starts_with("f.csv:1: expected a column 'nope' (--text-column)"), "{message}");
            assert!(message.contains("odd, rare"), "{message}");
        }
    }

    #[test]
    fn errors_name_the_line_where_the_record_begins() {
        let ragged = message("text,label\n\"a\nb\",1\n\nc,1,2\nd,1,2\n");
        assert!(ragged.starts_with("f.csv:5: expected 2 fields"), "{ragged}");
        assert!(ragged.contains("broken records in the file: 2; --skip-bad"), "{ragged}");
        assert!(message("text,label\na,1\nb, \n").starts_with("f.csv:3: expected a label"));
        let lines = ReadOptions { delimiter: Some(','), ..ReadOptions::default() };
        let wide = read_as("text\na film\nand, another\n", Format::Csv, &lines, false).unwrap_err().to_string();
        assert!(wide.starts_with("f.csv:3: expected 1 field between ',' as in line 1 (--format lines"), "{wide}");
        assert!(wide.contains("--delimiter"), "{wide}");
        let open = message("text,label\na,1\n\"b,0\nc,1\n");
        assert!(open.starts_with("f.csv:3: expected a closing quote"), "{open}");
        assert!(message("text,label\n,1\n").contains("1 empty only"));
        let options = ReadOptions { skip_bad: true, ..ReadOptions::default() };
        let kept = read_as("text,label\na,1\nc,1,2\nd,\n", Format::Csv, &options, true).unwrap();
        assert!(kept.readings[0].to_string().ends_with("left out: 1 without a label, 1 broken"));
    }

    #[test]
    fn a_record_of_many_lines_is_bounded_too() {
        let content = format!("text,label\n\"{}", "line\n".repeat(1000));
        let options = ReadOptions { delimiter: Some(','), ..ReadOptions::default() };
        let error = read_within(&content, Format::Csv, &options, true, 100).unwrap_err().to_string();
        assert!(error.starts_with("f.csv:2: expected at most 100 bytes"), "{error}");
    }

    proptest! {
        /// What Python's csv module writes with tabs and as few quotes as it needs is read back.
        #[test]
        fn quoted_tables_with_tabs_are_read_back(
            fields in proptest::collection::vec(("[ab\"\t\n é]{1,12}", "[xy]"), 1..8)
        ) {
            let quoted = |field: &str| match field.contains(['"', '\t', '\n']) {
                true => format!("\"{}\"", field.replace('"', "\"\"")),
                false => field.to_owned(),
            };
            let mut content = "label\ttext\n".to_owned();
            for (text, label) in &fields {
                content += &format!("{label}\t{}\n", quoted(text));
            }
            let expected: Vec<&str> = fields.iter().map(|f| f.0.trim()).filter(|text| !text.is_empty()).collect();
            // Where every line happens to be a record, that is what it is.
            let is_plain = content.lines().all(|line| split_whole_fields(line, '\t').len() == 2 || line.trim().is_empty());
            if !expected.is_empty() && (!is_plain || !content.contains("\"")) {
                let read: Vec<String> = tsv(&content).into_iter().map(|pair| pair.0).collect();
                prop_assert_eq!(read, expected);
            }
        }

        #[test]
        fn no_content_panics(content in "\\PC{0,80}|[ab,;\t\"\n]{0,80}") {
            for labelled in [true, false] {
                let _ = read_within(&content, Format::Csv, &ReadOptions::default(), labelled, 50);
                let _ = read_within(&content, Format::Tsv, &ReadOptions::default(), labelled, 50);
            }
        }
    }
}
