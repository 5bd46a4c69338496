//! How a record falls into fields: by the rules of CSV, line by line, or by those of tables between tabs.

/// What a quote means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quotes {
    /// It encloses what follows, to the next single one.
    Csv,
    /// It encloses a field if it does so to the field's end, and is a letter otherwise.
    WholeFields,
}

/// The fields of one whole record.
pub(super) fn fields_of(record: &str, delimiter: char, quotes: Quotes) -> Vec<String> {
    match quotes {
        Quotes::Csv => {
            let mut parser = Parser::new(delimiter);
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
    /// Whether it begins with a quote that has not been closed: the last field may go on in the next line.
    pub(super) is_open: bool,
}

/// Splits a record at `delimiter`. A field that begins with a quote ends with the first single quote before a
/// delimiter or the end; if there is none, the quote is a letter.
pub(super) fn split_whole_fields(record: &str, delimiter: char) -> Vec<WholeField> {
    let mut fields = Vec::new();
    let mut rest = record;
    loop {
        let quoted = rest.strip_prefix('"').and_then(|inner| {
            let end = closing_quote(inner, delimiter)?;
            Some((inner[..end].replace("\"\"", "\""), &inner[end + 1..]))
        });
        let (content, is_open, left) = match quoted {
            Some((content, left)) => (content, false, left),
            None => {
                let end = rest.find(delimiter).unwrap_or(rest.len());
                let is_open = rest.starts_with('"');
                (rest[..end].to_owned(), is_open, &rest[end..])
            }
        };
        fields.push(WholeField { content, is_open });
        match left.strip_prefix(delimiter) {
            Some(left) => rest = left,
            None => return fields,
        }
    }
}

/// Where the quote is that closes a field, which goes on to a delimiter or the end; none if what is between is no
/// quoted field.
fn closing_quote(inner: &str, delimiter: char) -> Option<usize> {
    let mut from = 0;
    loop {
        let at = from + inner[from..].find('"')?;
        let behind = &inner[at + 1..];
        if behind.starts_with('"') {
            from = at + 2;
        } else if behind.is_empty() || behind.starts_with(delimiter) {
            return Some(at);
        } else {
            return None;
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
}

/// Takes a record of a CSV line by line.
pub(super) struct Parser {
    delimiter: char,
    state: State,
    fields: Vec<String>,
    /// The field that is being read.
    pub(super) field: String,
    /// Bytes fed so far.
    pub(super) length: usize,
}

impl Parser {
    pub(super) fn new(delimiter: char) -> Self {
        Self { delimiter, state: State::Start, fields: Vec::new(), field: String::new(), length: 0 }
    }

    pub(super) fn feed(&mut self, line: &str) {
        self.length += line.len() + 1;
        if self.is_open() {
            self.field.push('\n');
        }
        for c in line.chars() {
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
                    State::Plain
                }
            };
        }
    }

    /// Whether the record goes on in the next line.
    pub(super) fn is_open(&self) -> bool {
        self.state == State::Quoted
    }

    fn end_field(&mut self) {
        self.fields.push(std::mem::take(&mut self.field));
    }

    pub(super) fn finish(mut self) -> Vec<String> {
        self.end_field();
        self.fields
    }
}
