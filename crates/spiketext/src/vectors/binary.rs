//! Reads word2vec's binary format: a line `V D`, then V times a word, a blank and D little-endian floats.

use std::{
    io::{BufRead, BufReader, Read},
    path::Path,
};

use super::{
    Format, LENIENT, MAX_DIMENSION, Selection, WordVectors,
    collect::{Collector, Moments, is_wanted, word_hash},
    source::parse_header,
};
use crate::{Error, Result};

/// The longest word, and the longest header, that is read.
const MAX_WORD: usize = 64 * 1024;

/// Reads binary content from `stream`; `path` is for the errors, which give byte offsets of the unpacked content.
pub(super) fn read(path: &Path, stream: &mut dyn Read, selection: &Selection) -> Result<WordVectors> {
    let mut stream = BufReader::with_capacity(1 << 20, stream);
    let refuse = |expected: String, got: String| Error::malformed(path, None, expected, got);
    let mut header = Vec::new();
    read_until(path, &mut stream, b'\n', &mut header)?;
    let Some((words, dimension)) = parse_header(&header) else {
        return Err(refuse("a header 'words dimensions'".into(), "something else".into()));
    };
    if words == 0 || !(1..=MAX_DIMENSION as u64).contains(&dimension) {
        let expected = format!("a header of 1 or more words and 1 to {MAX_DIMENSION} dimensions");
        return Err(refuse(expected, format!("{words} words, {dimension} dimensions")));
    }
    let dimension = dimension as usize;
    let mut collector = Collector::new(Format::Word2vecBinary, dimension);
    let (mut name, mut bytes, mut vector) = (Vec::new(), vec![0; 4 * dimension], Vec::with_capacity(dimension));
    // The header is only believed as far as the file bears it out: nothing is reserved for its words.
    let mut offset = header.len() as u64;
    let mut row = 0;
    loop {
        let place = || format!("word {} of {words}, at byte {offset}", row + 1);
        // Some writers end each vector by a line feed, some do not.
        let mut length = 0;
        if stream.fill_buf().map_err(Error::read(path))?.first() == Some(&b'\n') {
            stream.consume(1);
            length += 1;
        }
        let is_at_end = stream.fill_buf().map_err(Error::read(path))?.is_empty();
        if is_at_end && (row >= words || selection.lenient) {
            break;
        }
        if row >= words && !selection.lenient {
            let expected = format!("the end of the file after {words} words, as the first line says");
            return Err(refuse(expected, format!("more at byte {offset}{LENIENT}")));
        }
        name.clear();
        read_until(path, &mut stream, b' ', &mut name)?;
        length += name.len() as u64;
        if name.pop() != Some(b' ') {
            return Err(refuse(format!("a word and a blank as {}", place()), "no blank".into()));
        }
        let word = std::str::from_utf8(&name);
        let word = word.ok().filter(|word| !word.is_empty() && !word.contains(['\n', '\r']));
        let filled = fill(path, &mut stream, &mut bytes)?;
        length += filled;
        if filled < bytes.len() as u64 {
            return Err(refuse(format!("{dimension} numbers for {}", place()), "the end of the file".into()));
        }
        vector.clear();
        vector.extend(bytes.as_chunks::<4>().0.iter().map(|number| f32::from_le_bytes(*number)));
        let finite = vector.iter().all(|value| value.is_finite());
        match word {
            Some(word) if finite => {
                collector.count(path, word_hash(word))?;
                collector.add(Moments::of(&vector));
                if is_wanted(selection, word, row) {
                    collector.keep(word, &vector);
                }
            }
            _ if selection.lenient => {
                let fault =
                    if word.is_none() { "a word that is not UTF-8 text" } else { "numbers that are not finite" };
                collector.skip(row + 1, fault);
            }
            None => return Err(refuse(format!("UTF-8 text as {}", place()), format!("something else{LENIENT}"))),
            Some(_) => {
                return Err(refuse(
                    format!("finite numbers for {}", place()),
                    format!("one that is not finite{LENIENT}"),
                ));
            }
        }
        offset += length;
        row += 1;
    }
    collector.declared(words);
    collector.finish(path)
}

/// Reads up to and with `end`, or to the end of the file; refuses more than [`MAX_WORD`] bytes.
fn read_until(path: &Path, stream: &mut impl BufRead, end: u8, out: &mut Vec<u8>) -> Result<()> {
    stream.take(MAX_WORD as u64).read_until(end, out).map_err(Error::read(path))?;
    if out.len() == MAX_WORD && out.last() != Some(&end) {
        let got = "a longer one: is this word2vec's binary format?";
        return Err(Error::malformed(path, None, "a word of at most 64 KiB", got));
    }
    Ok(())
}

/// Fills `bytes` as far as the stream reaches; gives how far.
fn fill(path: &Path, stream: &mut impl Read, bytes: &mut [u8]) -> Result<u64> {
    let mut filled = 0;
    while filled < bytes.len() {
        match stream.read(&mut bytes[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(fault) if fault.kind() == std::io::ErrorKind::Interrupted => {}
            Err(fault) => return Err(Error::read(path)(fault)),
        }
    }
    Ok(filled as u64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Content in word2vec's format, with or without line feeds after the vectors.
    fn content(header: &str, rows: &[(&str, &[f32])], line_feeds: bool) -> Vec<u8> {
        let mut bytes = format!("{header}\n").into_bytes();
        for (word, vector) in rows {
            bytes.extend(format!("{word} ").bytes());
            bytes.extend(vector.iter().flat_map(|value| value.to_le_bytes()));
            bytes.extend(line_feeds.then_some(b'\n'));
        }
        bytes
    }

    fn parse(bytes: &[u8]) -> Result<WordVectors> {
        read(Path::new("v"), &mut &bytes[..], &Selection::everything())
    }

    fn fails(bytes: &[u8], message: &str) {
        let error = parse(bytes).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }

    const ROWS: [(&str, &[f32]); 2] = [("the", &[1.0, -2.0]), ("New_York", &[0.5, 4.5])];

    #[test]
    fn words_and_vectors_with_and_without_line_feeds() {
        for line_feeds in [false, true] {
            let vectors = parse(&content("2 2", &ROWS, line_feeds)).unwrap();
            assert_eq!(vectors.words.words().collect::<Vec<_>>(), ["the", "new_york"]);
            assert_eq!((vectors.values, vectors.mean), (vec![1.0, -2.0, 0.5, 4.5], 1.0));
        }
    }

    #[test]
    fn what_is_wrong_and_where() {
        let good = content("2 2", &ROWS, true);
        fails(&good[..good.len() - 3], "2 numbers for word 2 of 2, at byte 16, got the end of the file");
        fails(&content("3 2", &ROWS, false), "a word and a blank as word 3 of 3, at byte 33, got no blank");
        fails(
            &content("1 2", &ROWS, true),
            "the end of the file after 1 words, as the first line says, got more at byte 16",
        );
        fails(&content("1 2", &ROWS, true), "--lenient");
        fails(&content("2 2", &[ROWS[0], ("x", &[1.0, f32::NAN])], true), "finite numbers for word 2 of 2");
        fails(&content("0 2", &[], true), "0 words, 2 dimensions");
        fails(&content("2 999999999999", &ROWS, true), "999999999999 dimensions");
        fails(&content("18446744073709551615 60000", &ROWS, true), "the end of the file");
        fails(&[b"1 1\n".as_slice(), &[7; 100_000]].concat(), "at most 64 KiB");
    }

    /// What the header says is not believed, and said.
    #[test]
    fn a_lenient_reading_takes_the_words_that_there_are() {
        let selection = Selection { lenient: true, ..Selection::everything() };
        for line_feeds in [false, true] {
            for (header, declared) in [("1 2", Some(1)), ("2 2", None), ("3 2", Some(3))] {
                let bytes = content(header, &ROWS, line_feeds);
                let vectors = read(Path::new("v"), &mut &bytes[..], &selection).expect(header);
                assert_eq!(vectors.words.words().collect::<Vec<_>>(), ["the", "new_york"]);
                assert_eq!((vectors.report.words, vectors.report.declared), (2, declared));
            }
        }
        let bytes = content("2 2", &[ROWS[0], ("x", &[1.0, f32::NAN])], true);
        let vectors = read(Path::new("v"), &mut &bytes[..], &selection).expect("one word");
        assert_eq!(
            vectors.report.notes(),
            ["1 word that cannot be read was left out, the first of them number 2: numbers that are not finite"]
        );
    }

    proptest! {
        #[test]
        fn rubbish_never_panics(
            bytes in proptest::collection::vec(any::<u8>(), 0..80),
            header in "[0-9]{1,3} [0-3]\n",
        ) {
            let _ = parse(&bytes);
            let _ = parse(&[header.as_bytes(), &bytes].concat());
        }
    }
}
