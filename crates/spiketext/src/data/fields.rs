//! How a record falls into fields: by the rules of CSV, line by line, or by those of tables between tabs.

/// What a quote means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quotes {
    /// It encloses what follows, to the next single one; the character makes a letter of it, where there is one.
    Csv(Option<char>),
    /// It encloses a field if it does so to the field's end, and is a letter otherwise.
    WholeFields,
}

/// The fields of one whole record.
pub(super) fn fields_of(record: &str, delimiter: char, quotes: Quotes) -> Vec<String> {
    match quotes {
        Quotes::Csv(escape) => {
            let mut parser = Parser::new(delimiter, escape);
            parser.feed(record);
            parser.finish()
        }
        Quotes::WholeFields => split_whole_fields(record, delimiter).into_iter().map(|field| field.content).collect(),
    }
}

/// A field of a TSV.
pub(super) struct WholeField {
    /// Without the quotes around it.
    pub(super) content: String,
    /// Whether it begins with a quote that nothing has closed, and that may still be: the last field may go on in the
    /// next line.
    pub(super) is_open: bool,
}

/// How a field goes on that began with a quote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// It ends with the quote that stands there.
    At(usize),
    /// A quote stands where none can: the first one is a letter, whatever follows.
    Never,
    /// There is no other quote, and one may yet come.
    Open,
}

/// Splits a record at `delimiter`. A field that begins with a quote ends with the first single quote before a
/// delimiter or the end; if there is none, the quote is a letter.
pub(super) fn split_whole_fields(record: &str, delimiter: char) -> Vec<WholeField> {
    #[cfg(test)]
    SPLIT_BYTES.set(SPLIT_BYTES.get() + record.len());
    let mut fields = Vec::new();
    let mut rest = record;
    loop {
        let ending = rest.strip_prefix('"').map(|inner| (inner, ending(inner, delimiter)));
        let (content, is_open, left) = match ending {
            Some((inner, Ending::At(end))) => (inner[..end].replace("\"\"", "\""), false, &inner[end + 1..]),
            ending => {
                let end = rest.find(delimiter).unwrap_or(rest.len());
                (rest[..end].to_owned(), matches!(ending, Some((_, Ending::Open))), &rest[end..])
            }
        };
        fields.push(WholeField { content, is_open });
        match left.strip_prefix(delimiter) {
            Some(left) => rest = left,
            None => return fields,
        }
    }
}

#[cfg(test)]
thread_local! {
    /// How many bytes were split on this thread, for tests that hold the work to a bound.
    pub(super) static SPLIT_BYTES: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// How a field that began with a quote goes on in `inner`; a line behind it says it by itself, as the two quotes that
/// stand for one are never parted by a line end.
pub(super) fn ending(inner: &str, delimiter: char) -> Ending {
    let mut from = 0;
    loop {
        let Some(found) = inner[from..].find('"') else { return Ending::Open };
        let at = from + found;
        let behind = &inner[at + 1..];
        if behind.starts_with('"') {
            from = at + 2;
        } else if behind.is_empty() || behind.starts_with(delimiter) {
            return Ending::At(at);
        } else {
            return Ending::Never;
        }
    }
}

/// Where in a field the parser stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Start,
    Plain,
    Quoted,
    /// After a quote within quotes: the end, or the first of two that stand for one.
    Closing,
    /// In the white space behind such a quote.
    Behind,
}

/// Whether a backslash seems to make a letter of a quote in a record as it stands: it is one before a quote that
/// neither ends a field nor stands before another quote.
pub(super) fn seems_escaped(record: &str, delimiter: char) -> bool {
    record.match_indices("\\\"").any(|(at, pair)| {
        let before = record[..at].bytes().rev().take_while(|&byte| byte == b'\\').count();
        let behind = record[at + pair.len()..].chars().next();
        before % 2 == 0 && behind.is_some_and(|c| c != delimiter && !matches!(c, '"' | '\n' | '\r'))
    })
}

/// Takes a record of a CSV line by line.
pub(super) struct Parser {
    delimiter: char,
    /// What makes a letter of a quote, a delimiter, a line end or itself.
    escape: Option<char>,
    /// Whether the character before was one that does.
    escaped: bool,
    /// Whether the field between quotes began in an earlier line.
    spans_lines: bool,
    /// Whether something stands behind a quote that closes a field: then most likely neither it nor the first one was
    /// meant so.
    strays: bool,
    /// Whether that is so of a field of several lines, of which nobody knows where they belong.
    pub(super) strays_over_lines: bool,
    state: State,
    fields: Vec<String>,
    /// The field that is being read.
    pub(super) field: String,
    /// Bytes fed so far.
    pub(super) length: usize,
}

impl Parser {
    pub(super) fn new(delimiter: char, escape: Option<char>) -> Self {
        let (fields, field) = (Vec::new(), String::new());
        Self {
            delimiter,
            escape,
            escaped: false,
            spans_lines: false,
            strays: false,
            strays_over_lines: false,
            state: State::Start,
            fields,
            field,
            length: 0,
        }
    }

    pub(super) fn feed(&mut self, line: &str) {
        self.length += line.len() + 1;
        if self.is_open() {
            self.field.push('\n');
            self.spans_lines = !self.escaped;
            self.escaped = false;
        }
        for c in line.chars() {
            if std::mem::take(&mut self.escaped) {
                if self.state == State::Start {
                    self.state = State::Plain;
                }
                let is_meant = c == self.delimiter || matches!(c, '"' | '\'' | '\n' | '\r') || Some(c) == self.escape;
                if is_meant {
                    self.field.push(c);
                    continue;
                }
                self.field.extend(self.escape);
            }
            if Some(c) == self.escape && self.state != State::Closing {
                self.escaped = true;
                continue;
            }
            self.state = match self.state {
                State::Start if c == '"' => State::Quoted,
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
                    let is_behind = matches!(self.state, State::Closing | State::Behind);
                    if is_behind && c.is_whitespace() {
                        State::Behind
                    } else {
                        self.strays |= is_behind;
                        self.strays_over_lines |= is_behind && self.spans_lines;
                        State::Plain
                    }
                }
            };
        }
    }

    /// Whether something stands behind a quote that closes a field.
    pub(super) fn strays(&self) -> bool {
        self.strays
    }

    /// Whether the record goes on in the next line.
    pub(super) fn is_open(&self) -> bool {
        self.state == State::Quoted || self.escaped
    }

    fn end_field(&mut self) {
        self.spans_lines = false;
        self.fields.push(std::mem::take(&mut self.field));
    }

    pub(super) fn finish(mut self) -> Vec<String> {
        if self.escaped {
            self.field.extend(self.escape);
        }
        self.end_field();
        self.fields
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_escape_makes_letters_of_what_it_stands_before() {
        let fields = |record: &str| fields_of(record, ',', Quotes::Csv(Some('\\')));
        assert_eq!(
            fields(r#"a \"word\", comma\, here,"quoted \"b\", c""#),
            [r#"a "word""#, " comma, here", r#"quoted "b", c"#]
        );
        assert_eq!(
            fields("back\\\\slash,C:\\new,two\\\nlines,end\\"),
            ["back\\slash", "C:\\new", "two\nlines", "end\\"]
        );
        assert_eq!(fields(r#"\"start,"it ""is""""#), [r#""start"#, r#"it "is""#]);
        let mut parser = Parser::new(',', Some('\\'));
        parser.feed("one\\");
        assert!(parser.is_open());
        parser.feed("two,x");
        assert_eq!(parser.finish(), ["one\ntwo", "x"]);
    }

    #[test]
    fn what_stands_behind_a_closing_quote_strays() {
        for (lines, strays) in [
            (&[r#""quoted" film,x"#][..], [true, false]),
            (&[r#""he said "hi" to me",x"#], [true, false]),
            (&[r#""two"#, r#"lines" more,x"#], [true, true]),
            (&[r#""two"#, r#"lines",x"#], [false, false]),
            (&[r#""fine"  ,"x""#], [false, false]),
            (&[r#"a "word" inside,x"#], [false, false]),
            (&[r#""a ""word"" inside",x"#], [false, false]),
        ] {
            let mut parser = Parser::new(',', None);
            lines.iter().for_each(|line| parser.feed(line));
            assert_eq!([parser.strays(), parser.strays_over_lines], strays, "{lines:?}");
        }
    }

    #[test]
    fn an_escape_is_suspected_only_within_a_field() {
        for (record, suspected) in [
            (r#""he said \"hi\" again",x"#, true),
            (r#"a \"b\" c"#, true),
            (r#""ends with\",x"#, false),
            (r#""say \""hi\""",x"#, false),
            (r#""two\\" x"#, false),
            ("a\tb", false),
        ] {
            assert_eq!(seems_escaped(record, ','), suspected, "{record}");
        }
    }
}
