//! Reads GloVe text, and word2vec text and fastText `.vec`, which are the same after a line `V D`.
//!
//! One thread unpacks and cuts the stream into chunks of whole lines, the others parse them; what the chunks gave is
//! put together in the order of the file, so that the outcome does not depend on the number of threads.

use std::{
    io::Read,
    path::Path,
    sync::mpsc::{Receiver, sync_channel},
};

use rayon::prelude::*;

use super::{
    Format, LENIENT, MAX_DIMENSION, Selection, WordVectors,
    collect::{Collector, Moments, is_wanted, word_hash},
    source::parse_header,
};
use crate::{Error, Result};

/// The longest line that is read: 65,536 numbers of 16 characters.
const MAX_LINE: usize = 1 << 20;

/// So many bytes are parsed at a time by one thread.
const CHUNK: usize = 1 << 20;

/// Whole lines of the file.
struct Chunk {
    bytes: Vec<u8>,
    /// The number of the first line, counted from 1.
    first_line: u64,
}

/// Cuts a stream into [`Chunk`]s.
struct Chunks<'a> {
    path: &'a Path,
    stream: &'a mut dyn Read,
    /// The head of a line whose end is not yet read.
    rest: Vec<u8>,
    line: u64,
}

impl Chunks<'_> {
    /// The next lines; `None` at the end. Never holds more than a chunk and a line.
    fn next(&mut self) -> Result<Option<Chunk>> {
        let mut bytes = std::mem::take(&mut self.rest);
        loop {
            let before = bytes.len();
            (&mut *self.stream).take(CHUNK as u64).read_to_end(&mut bytes).map_err(Error::read(self.path))?;
            let is_end = bytes.len() == before;
            if let Some(last) = bytes[before..].iter().rposition(|&byte| byte == b'\n') {
                self.rest = bytes.split_off(before + last + 1);
            } else if !is_end {
                if bytes.len() > MAX_LINE {
                    return Err(too_long(self.path, self.line));
                }
                continue;
            }
            let chunk = Chunk { bytes, first_line: self.line };
            self.line += chunk.bytes.iter().filter(|&&byte| byte == b'\n').count() as u64;
            return Ok((!chunk.bytes.is_empty()).then_some(chunk));
        }
    }
}

fn too_long(path: &Path, line: u64) -> Error {
    Error::malformed(path, line, "lines of at most 1 MiB", "a longer line: is this a text file of word vectors?")
}

/// What the first lines tell about the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Shape {
    dimension: usize,
    /// V of the header, where there is one.
    declared: Option<u64>,
}

impl Shape {
    /// The number of the first line with a vector.
    fn first_line(self) -> u64 {
        1 + u64::from(self.declared.is_some())
    }
}

/// Reads text from `stream`; `path` is for the errors.
pub(super) fn read(path: &Path, stream: &mut dyn Read, selection: &Selection) -> Result<WordVectors> {
    let mut chunks = Chunks { path, stream, rest: Vec::new(), line: 1 };
    let Some(mut first) = chunks.next()? else {
        return Err(Error::malformed(path, None, "word vectors", "an empty file"));
    };
    if first.bytes.starts_with(b"\xef\xbb\xbf") {
        first.bytes.drain(..3);
    }
    let shape = measure(path, &first.bytes)?;
    let parser = Parser { path, selection, shape };
    let mut collector = std::thread::scope(|scope| {
        let (sender, receiver) = sync_channel(2 * rayon::current_num_threads());
        let collecting = scope.spawn(move || parser.collect(&receiver));
        let cutting = (|| {
            let mut next = Some(first);
            while let Some(chunk) = next {
                if sender.send(chunk).is_err() {
                    break; // The other side met an error and says so.
                }
                next = chunks.next()?;
            }
            Ok(())
        })();
        drop(sender);
        let collected = collecting.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        collected.and_then(|collector| cutting.map(|()| collector))
    })?;
    if let Some(declared) = shape.declared {
        // Writers are known to count one word too many or too few; a file that was cut short lacks more.
        if declared.abs_diff(collector.rows()) > 1 && !selection.lenient {
            let expected = format!("{declared} words, as the first line says");
            let got = format!("{}; --lenient reads them all the same", collector.rows());
            return Err(Error::malformed(path, None, expected, got));
        }
        collector.declared(declared);
    }
    collector.finish(path)
}

/// Tells the shape of the file from its first two lines.
fn measure(path: &Path, bytes: &[u8]) -> Result<Shape> {
    let mut lines = bytes.split(|&byte| byte == b'\n');
    let (first, second) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    let decode = |line: u64, bytes| utf8(bytes).map_err(|fault| fault.at(path, line));
    if let Some((words, dimension)) = parse_header(first) {
        let body = decode(2, second)?;
        let numbers = fields(body).count().saturating_sub(1);
        if numbers == 0 {
            return Err(Error::malformed(path, 2, "a word and its vector after a line of two numbers", quote(body)));
        }
        // With one number each, "7 3" may as well be the word 7.
        if dimension == 1 || numbers > 1 {
            if !(1..=MAX_DIMENSION as u64).contains(&dimension) {
                let expected = format!("a header 'words dimensions' of 1 to {MAX_DIMENSION} dimensions");
                return Err(Error::malformed(path, 1, expected, dimension.to_string()));
            }
            return Ok(Shape { dimension: dimension as usize, declared: Some(words) });
        }
    }
    let line = decode(1, first)?;
    let trailing = fields(line).rev().take_while(|field| field.parse::<f32>().is_ok()).count();
    let dimension = trailing.min(fields(line).count().saturating_sub(1));
    if !(1..=MAX_DIMENSION).contains(&dimension) {
        return Err(Error::malformed(path, 1, "a word and its numbers", quote(line)));
    }
    Ok(Shape { dimension, declared: None })
}

/// What one chunk gave.
#[derive(Default)]
struct Parsed {
    kept: Vec<String>,
    values: Vec<f32>,
    hashes: Vec<u64>,
    skipped: Vec<(u64, String)>,
    moments: Moments,
}

#[derive(Clone, Copy)]
struct Parser<'a> {
    path: &'a Path,
    selection: &'a Selection,
    shape: Shape,
}

impl Parser<'_> {
    /// Parses chunks as they come, several at a time, and puts the parts together in order.
    fn collect(self, receiver: &Receiver<Chunk>) -> Result<Collector> {
        let format = if self.shape.declared.is_some() { Format::HeaderText } else { Format::GloveText };
        let mut collector = Collector::new(format, self.shape.dimension);
        while let Ok(first) = receiver.recv() {
            let mut batch = vec![first];
            batch.extend(receiver.try_iter().take(2 * rayon::current_num_threads()));
            let parts: Vec<Result<Parsed>> = batch.par_iter().map(|chunk| self.parse(chunk)).collect();
            for part in parts {
                let part = part?;
                for hash in part.hashes {
                    collector.count(self.path, hash)?;
                }
                part.skipped.into_iter().for_each(|(line, fault)| collector.skip(line, &fault));
                collector.add(part.moments);
                for (word, vector) in part.kept.iter().zip(part.values.chunks_exact(self.shape.dimension)) {
                    collector.keep(word, vector);
                }
            }
        }
        Ok(collector)
    }

    fn parse(self, chunk: &Chunk) -> Result<Parsed> {
        let mut parsed = Parsed::default();
        for (bytes, line) in chunk.bytes.split(|&byte| byte == b'\n').zip(chunk.first_line..) {
            if line < self.shape.first_line() || bytes.trim_ascii().is_empty() {
                continue;
            }
            let start = parsed.values.len();
            match parse_line(bytes, self.shape.dimension, &mut parsed.values) {
                Ok(word) => {
                    parsed.hashes.push(word_hash(word));
                    parsed.moments.merge(Moments::of(&parsed.values[start..]));
                    if is_wanted(self.selection, word, line - self.shape.first_line()) {
                        parsed.kept.push(word.to_owned());
                    } else {
                        parsed.values.truncate(start);
                    }
                }
                Err(fault) if self.selection.lenient => {
                    parsed.values.truncate(start);
                    // Of a file of nothing but such lines, one is enough.
                    let told = if parsed.skipped.is_empty() { fault.told() } else { String::new() };
                    parsed.skipped.push((line, told));
                }
                Err(fault) => return Err(fault.or_lenient().at(self.path, line)),
            }
        }
        Ok(parsed)
    }
}

/// Why a line cannot be read.
struct Fault {
    expected: String,
    got: String,
}

impl Fault {
    fn new<T>(expected: impl Into<String>, got: impl Into<String>) -> std::result::Result<T, Self> {
        Err(Self { expected: expected.into(), got: got.into() })
    }

    fn told(&self) -> String {
        format!("expected {}, got {}", self.expected, self.got)
    }

    /// With the way to read the file all the same.
    fn or_lenient(self) -> Self {
        Self { got: self.got + LENIENT, ..self }
    }

    fn at(self, path: &Path, line: u64) -> Error {
        Error::malformed(path, line, self.expected, self.got)
    }
}

/// Reads `word v1 … vD`: appends the numbers to `values` and gives the word. After a fault `values` holds some of
/// them.
fn parse_line<'a>(bytes: &'a [u8], dimension: usize, values: &mut Vec<f32>) -> std::result::Result<&'a str, Fault> {
    if bytes.len() > MAX_LINE {
        return Fault::new("lines of at most 1 MiB", format!("{} bytes", bytes.len()));
    }
    let line = utf8(bytes)?;
    let start = values.len();
    if let Some((word, numbers)) = line.split_once(is_blank)
        && !word.is_empty()
    {
        values.extend(fields(numbers).take(dimension + 1).map_while(|field| field.parse::<f32>().ok()));
        if values.len() - start == dimension && values[start..].iter().all(|v| v.is_finite()) && !word.contains('\r')
        {
            // All fields were numbers, unless one follows that is none.
            if fields(numbers).nth(dimension).is_none() {
                return Ok(word);
            }
        }
        values.truncate(start);
    }
    parse_odd_line(line, dimension, values)
}

/// A word that holds blanks (`. . .` in GloVe 840B), or a fault: counts the numbers from the right.
fn parse_odd_line<'a>(line: &'a str, dimension: usize, values: &mut Vec<f32>) -> std::result::Result<&'a str, Fault> {
    let all: Vec<&str> = fields(line).collect();
    let expected = format!("a word and {dimension} finite numbers");
    let Some(count) = all.len().checked_sub(dimension).filter(|&count| count > 0) else {
        return Fault::new(expected, format!("{} fields", all.len()));
    };
    for (field, place) in all[count..].iter().zip(1..) {
        match field.parse::<f32>() {
            Ok(value) if value.is_finite() => values.push(value),
            _ => return Fault::new(expected, format!("{} as number {place}", quote(field))),
        }
    }
    if count > 1 && all[count - 1].parse::<f32>().is_ok() {
        return Fault::new(expected, format!("{} fields", all.len()));
    }
    let end = all[count - 1].as_ptr() as usize + all[count - 1].len() - line.as_ptr() as usize;
    let word = line[..end].trim_start_matches(is_blank);
    if word.contains('\r') {
        return Fault::new(expected, "a carriage return in the word");
    }
    Ok(word)
}

fn is_blank(letter: char) -> bool {
    matches!(letter, ' ' | '\t')
}

/// The fields between blanks. Only blank and tab count: a word may be any other white space of Unicode.
fn fields(line: &str) -> impl DoubleEndedIterator<Item = &str> {
    line.split(is_blank).filter(|field| !field.is_empty())
}

/// A line as text, without its end.
fn utf8(bytes: &[u8]) -> std::result::Result<&str, Fault> {
    let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
    std::str::from_utf8(bytes).or_else(|fault| {
        let at = fault.valid_up_to();
        Fault::new("UTF-8 text", format!("byte 0x{:02x} in column {}", bytes[at], at + 1))
    })
}

/// The head of a text in quotes, for an error.
fn quote(text: &str) -> String {
    let head: String = text.chars().take(40).collect();
    let more = if head.len() < text.len() { "…" } else { "" };
    format!("'{}{more}'", head.escape_debug())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    fn parse(content: &[u8]) -> Result<WordVectors> {
        read(Path::new("v"), &mut &content[..], &Selection::everything())
    }

    fn fails(content: &[u8], message: &str) {
        let error = parse(content).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }

    fn words(vectors: &WordVectors) -> Vec<&str> {
        vectors.words.words().collect()
    }

    #[test]
    fn glove_word2vec_and_fasttext_text() {
        let plain = parse(b"the 0.5 -1\nfilm 2e0 3\n").unwrap();
        assert_eq!((words(&plain), plain.dimension), (vec!["the", "film"], 2));
        assert_eq!(plain.values, [0.5, -1.0, 2.0, 3.0]);
        assert_eq!(plain.mean, 1.125);
        assert!((plain.deviation - 1.515_544_f32).abs() < 1e-6);
        assert_eq!(plain.report.format, Format::GloveText);
        let header = parse("\u{feff}2 2\r\nthe 0.5 -1 \r\nfilm\t2e0 3".as_bytes()).unwrap();
        assert_eq!((header.values, header.mean, header.report.format), (plain.values, 1.125, Format::HeaderText));
        assert_eq!(words(&parse(b"7 3\n8 4\n").unwrap()), ["7", "8"]);
        assert_eq!(words(&parse(b"a 1 2\n. . . 1 2\nat x@y.z 3 4\n").unwrap()), ["a", ". . .", "at x@y.z"]);
        assert_eq!(words(&parse("a 1 2\n\u{a0} 1 2\n".as_bytes()).unwrap()).len(), 2);
    }

    #[test]
    fn statistics_are_of_the_whole_file_and_only_wanted_words_are_kept() {
        let selection = Selection { needed: HashSet::from(["c".to_owned()]), also_first: 1, lenient: false };
        let content = b"a 1 2\nb 3 4\nc 5 6\na 7 8\n";
        let vectors = read(Path::new("v"), &mut &content[..], &selection).unwrap();
        assert_eq!((words(&vectors), vectors.mean), (vec!["a", "c"], 4.5));
        assert_eq!(vectors.values, [1.0, 2.0, 5.0, 6.0]);
        assert_eq!((vectors.report.words, vectors.report.duplicates), (4, 1));
    }

    #[test]
    fn faults_name_their_line() {
        fails(b"a 1 2\nb 3\n", "v:2: expected a word and 2 finite numbers, got 2 fields");
        fails(b"a 1 2\nb 3 4 5\n", "v:2: expected a word and 2 finite numbers, got 4 fields");
        fails(b"a 1 2\nb 3 x\n", "v:2: expected a word and 2 finite numbers, got 'x' as number 2");
        fails(b"a 1 2\n\nb 3 NaN\n", "v:3: expected a word and 2 finite numbers, got 'NaN' as number 2");
        fails(b"a 1 2\nb 1e39 4\n", "'1e39' as number 1");
        fails(b"a 1 2\nb\xff 1 2\n", "v:2: expected UTF-8 text, got byte 0xff in column 2");
        fails(b"\xff\xfe\x00", "v:1: expected UTF-8 text");
        fails(b"a 1 2\nb 1 x 2\n", "v:2: expected a word and 2 finite numbers, got 'x' as number 1");
        fails(b"", "an empty file");
        fails(b"\n\n", "v:1: expected a word and its numbers, got ''");
        fails(b"hello\n", "v:1: expected a word and its numbers, got 'hello'");
        fails(b"3 2\na 1 2\n", "expected 3 words, as the first line says, got 1");
        fails(b"3 99999999999\na 1 2\n", "v:1: expected a header 'words dimensions' of 1 to 65536 dimensions");
        fails(b"99999999999999 3\n", "v:2: expected a word and its vector");
        fails(&[b"a 1 2\n".as_slice(), &vec![b'x'; 3 << 20]].concat(), "v:2: expected lines of at most 1 MiB");
        fails(&vec![b'1'; 3 << 20], "v:1: expected lines of at most 1 MiB");
    }

    #[test]
    fn a_lenient_reading_skips_and_counts() {
        let selection = Selection { lenient: true, ..Selection::everything() };
        let content = b"9 2\na 1 2\nb 3\nc nan 1\nd 5 6\n\xff 1 2\n";
        let vectors = read(Path::new("v"), &mut &content[..], &selection).unwrap();
        assert_eq!(words(&vectors), ["a", "d"]);
        assert_eq!((vectors.report.skipped, vectors.report.skipped_lines.clone()), (3, vec![3, 4, 6]));
        assert_eq!(vectors.mean, 3.5);
        let notes = vectors.report.notes();
        assert_eq!(
            notes[0],
            "3 lines that cannot be read were left out, the first of them line 3: expected a word and 2 finite numbers, got 2 fields"
        );
        assert_eq!(notes[1], "the first line says 9 words, and there are 5: 2 are read");
    }

    #[test]
    fn a_header_that_is_off_by_one_is_told_and_one_that_is_off_by_more_is_not_believed() {
        for (declared, told) in [(1, Some(1)), (2, None), (3, Some(3))] {
            let vectors = parse(format!("{declared} 2\na 1 2\nb 3 4\n").as_bytes()).unwrap();
            assert_eq!((words(&vectors), vectors.report.declared), (vec!["a", "b"], told));
            assert_eq!(vectors.report.notes().len(), usize::from(told.is_some()));
        }
        fails(b"4 2\na 1 2\nb 3 4\n", "expected 4 words, as the first line says, got 2; --lenient");
        fails(b"2 3\na 1 2\nb 3 4\n", "v:2: expected a word and 3 finite numbers, got 3 fields; --lenient");
    }

    #[test]
    fn many_chunks_give_what_one_pass_gives() {
        let mut content = String::new();
        let mut moments = Moments::default();
        let mut expected = Vec::new();
        for row in 0..60_000u32 {
            let vector: Vec<f32> = (0..5).map(|k| ((row * 5 + k) as f32 * 0.37).sin() * 3.0).collect();
            content.push_str(&format!("w{row}"));
            vector.iter().for_each(|value| content.push_str(&format!(" {value}")));
            content.push('\n');
            moments.merge(Moments::of(&vector));
            expected.extend(vector);
        }
        assert!(content.len() > 3 * CHUNK);
        let vectors = parse(content.as_bytes()).unwrap();
        assert_eq!(vectors.values, expected);
        assert!((f64::from(vectors.mean) - moments.mean()).abs() < 1e-9);
        assert!(words(&vectors).iter().enumerate().all(|(row, word)| *word == format!("w{row}")));
        let again = parse(content.as_bytes()).unwrap();
        assert_eq!(
            (again.mean.to_bits(), again.deviation.to_bits()),
            (vectors.mean.to_bits(), vectors.deviation.to_bits())
        );
        let broken = content.replacen("w50000 ", "w50000 z ", 1).replacen("w50001 ", "w50001 1 ", 1);
        fails(broken.as_bytes(), "v:50002: ");
    }

    proptest! {
        #[test]
        fn rubbish_gives_an_error_or_vectors_but_never_panics(
            content in prop_oneof![
                proptest::collection::vec(any::<u8>(), 0..60),
                "[ab 0-9.\\-\te\n\r]{0,60}".prop_map(String::into_bytes),
            ],
            lenient in any::<bool>(),
        ) {
            let selection = Selection { lenient, ..Selection::everything() };
            if let Ok(vectors) = read(Path::new("v"), &mut &content[..], &selection) {
                prop_assert_eq!(vectors.values.len(), vectors.words.len() * vectors.dimension);
                prop_assert!(vectors.rates().iter().all(|rate| (0.0..=1.0).contains(rate)));
            }
        }
    }
}
