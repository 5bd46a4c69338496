//! Values of JSON as they stand in a file: one a line, or the elements of one array, without the array in memory.

use std::{
    io::{BufRead, BufReader, Read},
    path::PathBuf,
};

use crate::{
    Error, Result,
    data::{
        input::{Content, TextLines},
        json::is_array,
        lines::{self, Lines},
    },
};

/// The values of one file.
pub(super) enum Values {
    /// One a line.
    Lines(TextLines),
    /// Those of an array.
    Elements(Elements),
}

impl Values {
    /// The values of `content`, whose first bytes are `head`; errors call it `name`.
    pub(super) fn of(content: Content, head: &[u8], name: PathBuf) -> Self {
        match is_array(head) {
            true => Self::Elements(Elements::of(content.reader, name, lines::LIMIT)),
            false => Self::Lines(Lines::new(&name, content.reader)),
        }
    }

    /// The next value, with its line or, in an array, its number from 1; none after the last.
    pub(super) fn next(&mut self) -> Result<Option<(u64, String)>> {
        match self {
            Self::Elements(elements) => elements.next(),
            Self::Lines(lines) => loop {
                match lines.next()? {
                    None => return Ok(None),
                    Some((_, text)) if text.trim().is_empty() => {}
                    Some((line, text)) => return Ok(Some((line, text.trim().to_owned()))),
                }
            },
        }
    }
}

/// Cuts an array into its elements by its brackets, quotes and commas alone; whether an element is sound is for a
/// parser of JSON to say.
pub(super) struct Elements {
    reader: BufReader<Box<dyn Read>>,
    name: PathBuf,
    /// The longest element in bytes.
    limit: usize,
    /// Elements given.
    number: u64,
    place: Place,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Before,
    Inside,
    Behind,
}

impl Elements {
    fn of(reader: Box<dyn Read>, name: PathBuf, limit: usize) -> Self {
        Self { reader: BufReader::with_capacity(1 << 16, reader), name, limit, number: 0, place: Place::Before }
    }

    fn byte(&mut self) -> Result<Option<u8>> {
        let next = self.reader.fill_buf().map_err(Error::read(&self.name))?.first().copied();
        self.reader.consume(usize::from(next.is_some()));
        Ok(next)
    }

    fn refuse<T>(&self, got: &str) -> Result<T> {
        let expected = "one whole JSON array of objects";
        Err(Error::malformed(&self.name, self.number.max(1), expected, got))
    }

    fn next(&mut self) -> Result<Option<(u64, String)>> {
        if self.place == Place::Before {
            // A byte order mark, and the bracket that told that this is an array.
            while self.byte()?.is_some_and(|byte| byte != b'[') {}
            self.place = Place::Inside;
        }
        if self.place == Place::Behind {
            return Ok(None);
        }
        let mut element = Vec::new();
        let (mut depth, mut in_string, mut escaped) = (0usize, false, false);
        loop {
            let Some(byte) = self.byte()? else {
                return self.refuse("the end of the file before its closing bracket");
            };
            match byte {
                _ if escaped => escaped = false,
                b'\\' if in_string => escaped = true,
                b'"' => in_string = !in_string,
                _ if in_string => {}
                b'[' | b'{' => depth += 1,
                b']' | b',' if depth == 0 => {
                    if byte == b']' {
                        self.place = Place::Behind;
                        self.expect_nothing_more()?;
                        if element.trim_ascii().is_empty() && self.number == 0 {
                            return Ok(None);
                        }
                    }
                    self.number += 1;
                    let element = lines::decode(&self.name, self.number, &element)?;
                    return Ok(Some((self.number, element.trim().to_owned())));
                }
                b']' | b'}' => depth = depth.saturating_sub(1),
                _ => {}
            }
            element.push(byte);
            if element.len() > self.limit {
                return Err(lines::too_long(&self.name, self.number + 1, self.limit));
            }
        }
    }

    fn expect_nothing_more(&mut self) -> Result<()> {
        while let Some(byte) = self.byte()? {
            if !byte.is_ascii_whitespace() {
                return self.refuse("something behind its closing bracket");
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn elements(content: &str, limit: usize) -> Result<Vec<String>> {
        let mut elements = Elements::of(Box::new(std::io::Cursor::new(content.to_owned())), "f.json".into(), limit);
        let mut found = Vec::new();
        while let Some((number, element)) = elements.next()? {
            assert_eq!(number, found.len() as u64 + 1);
            found.push(element);
        }
        assert!(elements.next()?.is_none(), "nothing comes after the end");
        Ok(found)
    }

    #[test]
    fn elements_keep_every_letter() {
        let found = elements("\u{feff} [ {\"a\": [1, \"]\\\",\"]} ,\n{\n \"b\": 1.50 }\n] \n", 100).unwrap();
        assert_eq!(found, ["{\"a\": [1, \"]\\\",\"]}", "{\n \"b\": 1.50 }"]);
        assert!(elements("[ ]", 100).unwrap().is_empty());
    }

    #[test]
    fn what_is_no_whole_array_is_told() {
        for (content, words) in
            [("[{}", "closing bracket"), ("[{}] x", "behind"), ("[{\"a\": \"xxxxx\"}]", "at most")]
        {
            let message = elements(content, 10).unwrap_err().to_string();
            assert!(message.starts_with("f.json:1: ") && message.contains(words), "{message}");
        }
        // Whether an element is one is for the parser.
        assert_eq!(elements("[{},]", 10).unwrap(), ["{}", ""]);
    }

    proptest! {
        /// Whatever values an array has, they are found again.
        #[test]
        fn arrays_are_cut_where_they_should_be(
            texts in prop::collection::vec("\\PC{0,12}|[\\[\\]{},\"\\\\]{0,9}", 0..6)
        ) {
            let value = |text: &String| serde_json::json!({ "a": [text, { text.as_str(): 1 }] }).to_string();
            let values: Vec<String> = texts.iter().map(value).collect();
            prop_assert_eq!(elements(&format!("[{}]", values.join(",")), 1 << 20).unwrap(), values);
        }
    }
}
