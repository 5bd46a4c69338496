//! What stands between the fields of a CSV.
//!
//! Of comma, semicolon, tab and vertical bar it is the one under which the first record has column names that are
//! known, or else the only one under which all records have one number of fields. Where none or more than one fits, it
//! is a question: a wrong guess would cut texts apart.

use super::{
    columns,
    fields::{Parser, split_whole_fields},
    lines::{Line, shown},
    options::{Escape, ReadOptions},
    rows::Rows,
};
use crate::Result;

/// How much of a file is looked at: so many lines...
pub(super) const HEAD_LINES: usize = 2000;
/// ...and about so many bytes.
pub(super) const HEAD_BYTES: usize = 1 << 20;

const CANDIDATES: [char; 4] = [',', ';', '\t', '|'];

/// What makes letters of quotes and delimiters, as far as the options say so.
pub(super) fn escape(options: &ReadOptions) -> Option<char> {
    match options.escape {
        Escape::By(escape) => Some(escape),
        Escape::Open | Escape::Never => None,
    }
}

/// A delimiter in words.
pub(super) fn shown_delimiter(delimiter: char) -> String {
    if delimiter == '\t' { "tabs".to_owned() } else { format!("'{delimiter}'") }
}

/// The delimiter that the first line says, as Excel writes it: `sep=;`.
pub(super) fn sep_line<'a>(lines: impl IntoIterator<Item = &'a Line>) -> Option<char> {
    let first = lines.into_iter().map(|line| line.text.trim_matches([' ', '"'])).find(|line| !line.is_empty())?;
    let told = first.get(..4).filter(|start| start.eq_ignore_ascii_case("sep=")).map(|_| &first[4..])?;
    let mut told = told.chars();
    told.next().filter(|_| told.next().is_none())
}

/// What a file's first lines are under one delimiter.
struct Fit {
    delimiter: char,
    /// Known names in the first record.
    names: usize,
    /// Fields of the first record.
    width: usize,
    /// The first record with another number of fields: its line and that number.
    uneven: Option<(u64, usize)>,
}

/// The delimiter that fits `lines`, the head of a file or, if `ended`, all of it.
pub(super) fn delimiter(lines: &[Line], ended: bool, rows: &Rows<'_>) -> Result<char> {
    let fits: Vec<Fit> =
        CANDIDATES.into_iter().filter_map(|candidate| fit(lines, ended, candidate, rows.options)).collect();
    let several: Vec<&Fit> = fits.iter().filter(|fit| fit.width > 1 || fit.uneven.is_some()).collect();
    // Names, then evenness: a header under which records differ is a header all the same, and the records are told.
    let rank = |fit: &&Fit| if fit.width > 1 { (fit.names, fit.uneven.is_none()) } else { (0, false) };
    let best = several.iter().map(rank).max().unwrap_or((0, false));
    let mut fitting = several.iter().filter(|fit| rank(fit) == best);
    match (best, fitting.next(), fitting.next()) {
        // One column: nothing is cut. A name at its head says that there is no other.
        (_, None, _) => Ok(','),
        ((0, false), Some(first), _) => {
            if fits.iter().any(|fit| fit.width == 1 && fit.names > 0) && !rows.labelled {
                return Ok(unused(lines));
            }
            if let Some(header) = header_below(lines, ended, rows.options) {
                let expected = format!(
                    "a table from its first line on: line {header} names columns, so what stands above it is to be taken \
                     out"
                );
                let first = lines.iter().find(|line| !line.text.trim().is_empty());
                let got = first.map_or_else(String::new, |line| format!("'{}'", shown(&line.text)));
                return rows.refuse(first.map(|line| line.number), expected, got);
            }
            let (line, fields) = first.uneven.unwrap_or((1, first.width));
            rows.refuse(
                Some(line),
                "a delimiter under which all records have one number of fields (--delimiter says which it is)",
                format!("{fields} fields between {}, {} at first", shown_delimiter(first.delimiter), first.width),
            )
        }
        (_, Some(only), None) => Ok(only.delimiter),
        (_, Some(_), Some(_)) => {
            let fitting: Vec<String> =
                several.iter().filter(|fit| rank(fit) == best).map(|fit| shown_delimiter(fit.delimiter)).collect();
            let line = lines.iter().find(|line| !line.text.trim().is_empty());
            rows.refuse(
                line.map(|line| line.number),
                "one delimiter (--delimiter says which it is)",
                format!("{} fit equally: '{}'", fitting.join(" and "), shown(line.map_or("", |line| &line.text))),
            )
        }
    }
}

/// Lines above a header that are looked past: titles, comments.
const MOST_TITLES: usize = 8;

/// The line further down that names known columns, of records that all have as many fields.
fn header_below(lines: &[Line], ended: bool, options: &ReadOptions) -> Option<u64> {
    let is_table = |lines: &[Line]| {
        let fits = CANDIDATES.iter().filter_map(|&candidate| fit(lines, ended, candidate, options));
        fits.into_iter().any(|fit| fit.names > 0 && fit.width > 1 && fit.uneven.is_none())
    };
    let below = (1..lines.len().min(MOST_TITLES + 1)).find(|&at| is_table(&lines[at..]))?;
    lines[below..].iter().find(|line| !line.text.trim().is_empty()).map(|line| line.number)
}

/// Whether the records of a TSV have one number of fields only if quotes mean what they do in a CSV.
pub(super) fn is_quoted(lines: &[Line], ended: bool, options: &ReadOptions) -> bool {
    let mut widths = lines
        .iter()
        .filter(|line| !line.text.trim_matches(' ').is_empty())
        .map(|line| split_whole_fields(&line.text, '\t').len());
    let first = widths.next();
    let is_plain = widths.all(|width| Some(width) == first);
    !is_plain && fit(lines, ended, '\t', options).is_some_and(|fit| fit.uneven.is_none() && fit.width > 1)
}

/// A delimiter that cuts nothing in `lines`.
fn unused(lines: &[Line]) -> char {
    let is_unused = |candidate: &char| !lines.iter().any(|line| line.text.contains(*candidate));
    CANDIDATES.into_iter().chain(['\u{1f}']).find(is_unused).unwrap_or('\u{1f}')
}

/// How `lines` look under `delimiter`; none if there is no record.
fn fit(lines: &[Line], ended: bool, delimiter: char, options: &ReadOptions) -> Option<Fit> {
    let mut found: Option<Fit> = None;
    let mut open: Option<(u64, Parser)> = None;
    let mut take = |begin: u64, fields: Vec<String>| match &mut found {
        None => {
            let names = columns::known_names(&fields, options);
            found = Some(Fit { delimiter, names, width: fields.len(), uneven: None });
        }
        Some(fit) if fit.width != fields.len() => {
            fit.uneven.get_or_insert((begin, fields.len()));
        }
        Some(_) => {}
    };
    for Line { number, text, .. } in lines {
        if open.is_none() && text.trim_matches(' ').is_empty() {
            continue;
        }
        let (begin, mut parser) = open.take().unwrap_or_else(|| (*number, Parser::new(delimiter, escape(options))));
        parser.feed(text);
        match parser.is_open() {
            true => open = Some((begin, parser)),
            false => take(begin, parser.finish()),
        }
    }
    // A quote that is open where the head ends may close later; one that is open at the end of the file does not.
    if let (Some((begin, parser)), true) = (open, ended) {
        let fields = parser.finish();
        let width = fields.len();
        take(begin, fields);
        if let Some(fit) = &mut found {
            fit.uneven.get_or_insert((begin, width));
        }
    }
    found
}
