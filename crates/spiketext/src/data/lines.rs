//! Lines of UTF-8 text from a file that nobody vouches for: bounded in length, numbered, refused by line where
//! broken.
//!
//! Every text reader of this module stands on [`Lines`], so that a wrong encoding, a binary file or an endless line
//! is told the same way everywhere.

use std::{
    fs::File,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
};

use crate::{Error, Result};

/// The longest line, CSV record, file of a class folder or Parquet text that is read, in bytes.
pub(crate) const LIMIT: usize = 64 << 20;

/// Lines of one file, each checked on its way.
pub(crate) struct Lines<R> {
    path: PathBuf,
    reader: BufReader<R>,
    buffer: Vec<u8>,
    number: u64,
    limit: usize,
    /// What ends a line, once the first end was seen.
    end: Option<u8>,
    /// What ended the last line.
    ended_by: &'static str,
}

/// A line that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// Its number, counted from 1.
    pub(crate) number: u64,
    /// What it holds, without its end.
    pub(crate) text: String,
    /// Its end: `\n`, `\r\n`, `\r`, or nothing at the end of the file.
    pub(crate) end: &'static str,
}

impl<R: Read> Lines<R> {
    /// Lines of `reader`; `path` is what errors call it.
    pub(crate) fn new(path: &Path, reader: R) -> Self {
        Self::with_limit(path, reader, LIMIT)
    }

    /// As [`Lines::new`], with lines of at most `limit` bytes.
    pub(crate) fn with_limit(path: &Path, reader: R, limit: usize) -> Self {
        Self {
            path: path.to_owned(),
            reader: BufReader::with_capacity(1 << 16, reader),
            buffer: Vec::new(),
            number: 0,
            limit,
            end: None,
            ended_by: "",
        }
    }

    /// The longest line in bytes.
    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    /// What ends lines: `\n`, or `\r` alone where what comes first has no other. Nobody has written such files for
    /// twenty years but one spreadsheet program.
    fn end(&mut self) -> Result<u8> {
        if let Some(end) = self.end {
            return Ok(end);
        }
        let head = self.reader.fill_buf().map_err(Error::read(&self.path))?;
        let ends = Ends::of(head);
        self.end = match ends {
            // Line feeds between quotes, and one at the very end, end no line where carriage returns do.
            Ends { returns: 1.., feeds: 0, .. } | Ends { returns: 2.., feeds: 1, last_is_feed: true } => Some(b'\r'),
            _ if head.contains(&b'\n') => Some(b'\n'),
            _ => None,
        };
        Ok(self.end.unwrap_or(b'\n'))
    }

    /// The next line without its end (`\n`, `\r\n`, or `\r` if there are no others), with its number counted from 1;
    /// `None` after the last.
    pub(crate) fn next(&mut self) -> Result<Option<(u64, &str)>> {
        self.buffer.clear();
        let most = self.limit as u64 + 1;
        let end = self.end()?;
        let read =
            (&mut self.reader).take(most).read_until(end, &mut self.buffer).map_err(Error::read(&self.path))?;
        if read == 0 {
            return Ok(None);
        }
        self.number += 1;
        self.ended_by = "";
        if self.buffer.last() == Some(&end) {
            self.buffer.pop();
            self.ended_by = if end == b'\n' { "\n" } else { "\r" };
        } else if end == b'\r' && self.buffer == b"\n" {
            // What is left of a last line.
            return Ok(None);
        } else if end == b'\r' && self.buffer.last() == Some(&b'\n') {
            self.buffer.pop();
            self.ended_by = "\n";
        } else if self.buffer.len() > self.limit {
            return Err(too_long(&self.path, self.number, self.limit));
        }
        if self.buffer.last() == Some(&b'\r') {
            self.buffer.pop();
            self.ended_by = if self.ended_by == "\n" { "\r\n" } else { "\r" };
        }
        let text = decode(&self.path, self.number, &self.buffer)?;
        Ok(Some((self.number, text)))
    }

    /// [`Lines::next`], with the line's end.
    pub(crate) fn next_line(&mut self) -> Result<Option<Line>> {
        let line = self.next()?.map(|(number, text)| (number, text.to_owned()));
        Ok(line.map(|(number, text)| Line { number, text, end: self.ended_by }))
    }
}

/// What may end lines, outside of double quotes.
struct Ends {
    /// Carriage returns that no line feed follows.
    returns: usize,
    /// Line feeds, those behind carriage returns among them.
    feeds: usize,
    /// Whether the last byte is a line feed.
    last_is_feed: bool,
}

impl Ends {
    /// Those in the head of a file; a last carriage return, which a line feed may yet follow, is left aside.
    fn of(head: &[u8]) -> Self {
        let mut found = Self { returns: 0, feeds: 0, last_is_feed: head.last() == Some(&b'\n') };
        let mut is_quoted = false;
        for (at, byte) in head.iter().enumerate() {
            match byte {
                b'"' => is_quoted = !is_quoted,
                b'\n' if !is_quoted => found.feeds += 1,
                b'\r' if !is_quoted && head.get(at + 1).is_some_and(|next| *next != b'\n') => found.returns += 1,
                _ => {}
            }
        }
        found
    }
}

/// The whole of a file, up to [`LIMIT`].
pub(crate) fn read_bytes(path: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(LIMIT as u64 + 1).read_to_end(&mut bytes))
        .map_err(Error::read(path))?;
    if bytes.len() > LIMIT {
        return Err(Error::malformed(path, None, format!("at most {LIMIT} bytes"), "a longer file"));
    }
    Ok(bytes)
}

/// The refusal of a line or record longer than `limit` bytes.
pub(crate) fn too_long(path: &Path, line: u64, limit: usize) -> Error {
    Error::malformed(path, line, format!("at most {limit} bytes in a line or record"), "a longer one")
}

/// `bytes` as text: UTF-8 without NUL; a byte order mark at the head of a line is skipped: files that were put together
/// out of several have one at the head of each.
pub(crate) fn decode<'a>(path: &Path, line: u64, bytes: &'a [u8]) -> Result<&'a str> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let refuse = |got: String| Err(Error::malformed(path, line, "UTF-8 text", got));
    match std::str::from_utf8(bytes) {
        Err(error) => {
            let at = error.valid_up_to();
            // Other encodings make few characters of UTF-8 by chance.
            let sound = bytes.utf8_chunks().flat_map(|chunk| chunk.valid().chars()).filter(|c| !c.is_ascii()).count();
            let broken = bytes.utf8_chunks().filter(|chunk| !chunk.invalid().is_empty()).count();
            let what = match sound > 2 * broken {
                true => "the line is UTF-8 otherwise, so this byte is damaged".to_owned(),
                false => format!("convert the file to UTF-8 first{}", probable_encoding(line, bytes)),
            };
            refuse(format!("byte 0x{:02X} at position {}: {what}", bytes[at], at + 1))
        }
        Ok(text) => match text.bytes().position(|byte| byte == 0) {
            Some(at) => {
                let is_wide = 3 * text.bytes().filter(|&byte| byte == 0).count() > text.len();
                let what = match is_wide {
                    true => "this looks like UTF-16 without its mark: convert the file to UTF-8 first",
                    false => "this is no text file",
                };
                refuse(format!("a NUL byte at position {}: {what}", at + 1))
            }
            None => Ok(text),
        },
    }
}

/// What `bytes` may be encoded in, as the end of a sentence: a hint, never acted upon.
fn probable_encoding(line: u64, bytes: &[u8]) -> &'static str {
    if line == 1 && (bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff")) {
        return " (it looks like UTF-16)";
    }
    let (text, broken) = encoding_rs::GB18030.decode_without_bom_handling(bytes);
    let chinese = text.chars().filter(|c| ('\u{4e00}'..='\u{9fff}').contains(c)).count();
    // Western text has its odd bytes alone; Chinese text is mostly made of them.
    if !broken && chinese * 3 > text.chars().filter(|c| !c.is_whitespace()).count() {
        " (it looks like GB18030)"
    } else if bytes.iter().any(|byte| matches!(byte, 0..=8 | 14..=31)) {
        " (it may be no text at all)"
    } else {
        " (perhaps from Windows-1252)"
    }
}

/// `text` as an error or a table can show it: control characters escaped, cut after 40 characters.
pub(crate) fn shown(text: &str) -> String {
    let mut shown: String = text.chars().take(40).flat_map(char::escape_debug).collect();
    if text.chars().nth(40).is_some() {
        shown.push('…');
    }
    shown
}

/// Names for an error message, each as [`shown`], at most twenty.
pub(crate) fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let mut names = names.into_iter();
    let mut listed: Vec<String> = names.by_ref().take(20).map(shown).collect();
    if names.next().is_some() {
        listed.push("…".to_owned());
    }
    listed.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(bytes: &[u8], limit: usize) -> Result<Vec<(u64, String)>> {
        let mut lines = Lines::with_limit(Path::new("f.txt"), bytes, limit);
        let mut found = Vec::new();
        while let Some((number, text)) = lines.next()? {
            found.push((number, text.to_owned()));
        }
        Ok(found)
    }

    #[test]
    fn ends_and_byte_order_marks_are_no_part_of_a_line() {
        let found = all(b"\xef\xbb\xbfone\r\n\ntwo \xc3\xa9", 100).unwrap();
        assert_eq!(found, [(1, "one".into()), (2, String::new()), (3, "two é".into())]);
    }

    #[test]
    fn files_that_were_put_together_have_several_marks() {
        let found = all(b"\xef\xbb\xbfa,b\nc,d\n\xef\xbb\xbf\"a\",b\n", 100).unwrap();
        assert_eq!(found.into_iter().map(|line| line.1).collect::<Vec<_>>(), ["a,b", "c,d", "\"a\",b"]);
    }

    #[test]
    fn carriage_returns_alone_end_lines_where_nothing_else_does() {
        let found = |bytes: &[u8]| all(bytes, 100).unwrap().into_iter().map(|line| line.1).collect::<Vec<_>>();
        assert_eq!(found(b"one\rtwo\r\rthree"), ["one", "two", "", "three"]);
        assert_eq!(found(b"one\rtwo\nthree\n"), ["one\rtwo", "three"]);
        assert_eq!(found(b"one\r"), ["one"]);
        // Line feeds between quotes are letters, and so is one at the end.
        assert_eq!(found(b"one,\"a\nb\"\rtwo,\"c\r\nd\"\r"), ["one,\"a\nb\"", "two,\"c", "\nd\""]);
        assert_eq!(found(b"one\rtwo\rthree\n"), ["one", "two", "three"]);
        assert_eq!(found(b"one\rtwo\r\n"), ["one\rtwo"]);
    }

    #[test]
    fn a_wrong_encoding_is_told_with_line_byte_and_a_guess() {
        let western = all(b"fine\nit\x92s bad\n", 100).unwrap_err().to_string();
        assert!(western.starts_with("f.txt:2: ") && western.contains("0x92 at position 3"), "{western}");
        assert!(western.contains("Windows-1252"), "{western}");
        let (chinese, _, _) = encoding_rs::GB18030.encode("这家酒店的服务非常好");
        assert!(all(&chinese, 100).unwrap_err().to_string().contains("GB18030"));
        assert!(all(b"\xff\xfeh\0i\0", 100).unwrap_err().to_string().contains("UTF-16"));
        assert!(all(b"a\0bcdefgh", 100).unwrap_err().to_string().contains("NUL byte at position 2: this is no text"));
        assert!(all(b"h\0e\0l\0", 100).unwrap_err().to_string().contains("UTF-16 without its mark"));
        let mut bytes = "良いフィルム".as_bytes().to_vec();
        bytes[4] = 0x20;
        let damaged = all(&bytes, 100).unwrap_err().to_string();
        assert!(damaged.contains("this byte is damaged") && !damaged.contains("convert"), "{damaged}");
    }

    /// A source that never ends and counts what was taken from it.
    struct Endless(std::rc::Rc<std::cell::Cell<usize>>);

    impl Read for Endless {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            buffer.fill(b'x');
            self.0.set(self.0.get() + buffer.len());
            Ok(buffer.len())
        }
    }

    #[test]
    fn an_endless_line_is_refused_without_reading_on() {
        let taken = std::rc::Rc::default();
        let mut lines = Lines::with_limit(Path::new("f.txt"), Endless(std::rc::Rc::clone(&taken)), 1 << 20);
        let message = lines.next().unwrap_err().to_string();
        assert!(message.contains("f.txt:1") && message.contains("1048576"), "{message}");
        assert!(taken.get() < 3 << 20, "{} bytes were read", taken.get());
        assert_eq!(all(b"12345\n12345", 5).unwrap().len(), 2, "the limit itself is allowed");
        assert!(all(b"123456", 5).is_err());
    }

    #[test]
    fn shown_text_is_short_and_harmless() {
        assert_eq!(shown("a\u{1b}[31m"), "a\\u{1b}[31m");
        assert_eq!(shown(&"é".repeat(50)).chars().count(), 41);
        assert!(listed((0..30).map(|_| "x")).ends_with("x, …"));
    }
}
