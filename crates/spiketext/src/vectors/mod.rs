//! Word vectors: reading them from the formats they come in, shifting them into rates, making small sets of them.
//!
//! `source` opens a file and unpacks it as a stream, `text`, `binary` and `compact` each read one format, `collect`
//! keeps the wanted words and the statistics of the whole file. `rates` is equation (1). `shrink` makes a small set,
//! `built_in` holds two, and `familiarity` tells by them whether texts are in another language. `neighbours`
//! finds the words that lie nearest to a word.

mod binary;
#[cfg(feature = "built-in-vectors")]
mod built_in;
mod collect;
mod compact;
#[cfg(feature = "built-in-vectors")]
mod familiarity;
mod neighbours;
mod rates;
mod shrink;
mod source;
mod text;

use std::{collections::HashSet, fmt, path::Path};

use sha2::{Digest, Sha256};

#[cfg(feature = "built-in-vectors")]
pub use built_in::built_in;
pub use compact::{Origin, write_compact};
#[cfg(feature = "built-in-vectors")]
pub use familiarity::Familiarity;
pub use neighbours::{Neighbours, in_case_of};
pub use rates::{PUBLISHED_RANGE, centred, shift, with_range};
pub use shrink::shrink;

use crate::{
    Error, Result,
    seed::{self, Purpose},
    text::Vocabulary,
};

/// The most dimensions that a file may have; more is taken for a damaged header.
const MAX_DIMENSION: usize = 65_536;

/// Words, a vector for each, and the two numbers of the whole file that equation (1) needs.
#[derive(Clone, Debug, PartialEq)]
pub struct WordVectors {
    /// The words in the order of the file (most frequent first, as such files are), as tokens are spelled.
    pub words: Vocabulary,
    /// D, the length of a vector.
    pub dimension: usize,
    /// `[V, D]`: the vector of each word.
    pub values: Vec<f32>,
    /// mu of equation (1): the mean of all entries of the file, of the words that were not kept too.
    pub mean: f32,
    /// sigma of equation (1): the population deviation of all entries of the file.
    pub deviation: f32,
    /// What the reading came upon.
    pub report: ReadReport,
}

/// The file formats of word vectors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// Made in memory: random or shrunk.
    #[default]
    Memory,
    /// `word v1 … vD` a line.
    GloveText,
    /// The same after a line `V D`: word2vec text and fastText `.vec`.
    HeaderText,
    /// word2vec binary: a line `V D`, then word, blank and D floats, V times.
    Word2vecBinary,
    /// This project's own: 8-bit codes in a safetensors file.
    Compact,
}

impl fmt::Display for Format {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Memory => "in memory",
            Self::GloveText => "GloVe text",
            Self::HeaderText => "word2vec or fastText text",
            Self::Word2vecBinary => "word2vec binary",
            Self::Compact => "spiketext compact",
        })
    }
}

/// What the reading of a file came upon.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadReport {
    /// The format that was recognised.
    pub format: Format,
    /// Words in the whole file, kept or not.
    pub words: u64,
    /// Words that came again in the same spelling; the first counts.
    pub duplicates: u64,
    /// Kept words that gave way to another spelling of the same token (`Film` to `film`).
    pub variants: u64,
    /// Lines (of binary files words) that could not be read and were skipped, which only a lenient reading does.
    pub skipped: u64,
    /// The numbers of the first few skipped lines, counted from 1.
    pub skipped_lines: Vec<u64>,
    /// What is wrong with the first of them.
    pub first_fault: Option<String>,
    /// The words that the head of the file says it has, where it has another number.
    pub declared: Option<u64>,
}

impl ReadReport {
    /// A sentence for each thing about the file that should be known, short of what made it unreadable.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if let (Some(line), Some(fault)) = (self.skipped_lines.first(), &self.first_fault) {
            let (plural, were) = if self.skipped == 1 { ("", "was") } else { ("s", "were") };
            let (what, at) =
                if self.format == Format::Word2vecBinary { ("word", "number") } else { ("line", "line") };
            notes.push(format!(
                "{} {what}{plural} that cannot be read {were} left out, the first of them {at} {line}: {fault}",
                self.skipped
            ));
        }
        if let Some(declared) = self.declared {
            let rows = self.words + self.skipped;
            let read = self.words;
            notes.push(format!("the first line says {declared} words, and there are {rows}: {read} are read"));
        }
        notes
    }
}

/// What the errors of a file add where a lenient reading would have gone on.
const LENIENT: &str = "; --lenient leaves out what cannot be read";

/// Which words of a file to keep, and how strict to be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Tokens that need a vector (see [`crate::text::candidate_words`]); words of other case or width match too.
    pub needed: HashSet<String>,
    /// So many words at the head of the file (the most frequent ones) are kept besides.
    pub also_first: usize,
    /// Skip and count lines that cannot be read instead of refusing the file. A lenient reading also puts up with any
    /// number of words that is not the header's; any other reading of text with one word more or less.
    pub lenient: bool,
}

impl Selection {
    /// Every word of the file.
    #[must_use]
    pub fn everything() -> Self {
        Self { also_first: usize::MAX, ..Self::default() }
    }

    /// Only the `words` most frequent.
    #[must_use]
    pub fn first(words: usize) -> Self {
        Self { also_first: words, ..Self::default() }
    }
}

/// Reads a file of word vectors: GloVe text, word2vec text and binary, fastText `.vec`, and the compact format, plain
/// or in `.gz`, `.zst`, `.bz2`, `.xz` or `.zip`. The content tells which. `vectors.zip/inner.txt` names one member of an archive.
///
/// The file streams through: memory goes with the vectors that are kept, and with eight bytes and the place of a hash
/// for each word of the file. The outcome is the same on any number of threads.
///
/// # Errors
/// A file that cannot be opened or unpacked or that unpacks to more than 64 GiB, more than 2^26 words, and content
/// that no format allows, with the line (the byte offset in binary content): a line with another number of entries
/// than the first, an entry that is no finite number, text that is no UTF-8, a line longer than 1 MiB, a header that
/// cannot be true, a repeated or missing part, nothing at all.
pub fn read(path: impl AsRef<Path>, selection: &Selection) -> Result<WordVectors> {
    let path = path.as_ref();
    source::with_stream(path, |stream| read_stream(path, stream, selection))
}

/// Reads unpacked content; `path` is for the errors.
fn read_stream(path: &Path, stream: &mut dyn std::io::Read, selection: &Selection) -> Result<WordVectors> {
    use std::io::Read;
    let mut head = Vec::new();
    stream.take(source::HEAD as u64).read_to_end(&mut head).map_err(Error::read(path))?;
    let format = source::recognise(path, &head)?;
    let mut whole = head.as_slice().chain(stream);
    match format {
        Format::Compact => compact::read(path, &mut whole, selection),
        Format::Word2vecBinary => binary::read(path, &mut whole, selection),
        _ => text::read(path, &mut whole, selection),
    }
}

impl WordVectors {
    /// The vector of word `id`: D entries.
    #[must_use]
    pub fn vector(&self, id: u32) -> Option<&[f32]> {
        let start = (id as usize).checked_mul(self.dimension)?;
        self.values.get(start..start.checked_add(self.dimension)?)
    }

    /// The Euclidean length of each kept vector.
    pub fn norms(&self) -> impl ExactSizeIterator<Item = f64> {
        let square = |vector: &[f32]| vector.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>();
        self.values.chunks_exact(self.dimension.max(1)).map(move |vector| square(vector).sqrt())
    }

    /// The mean squared distance of the first `words` vectors from their own mean. What [`shrink`] keeps of it tells
    /// how good the small set is.
    #[must_use]
    pub fn spread(&self, words: usize) -> f64 {
        let dimension = self.dimension.max(1);
        let count = words.min(self.values.len() / dimension).max(1) as f64;
        let mut sums = vec![(0.0, 0.0); dimension];
        for vector in self.values.chunks_exact(dimension).take(words) {
            for ((sum, squares), &value) in sums.iter_mut().zip(vector) {
                *sum += f64::from(value);
                *squares += f64::from(value).powi(2);
            }
        }
        sums.iter().map(|(sum, squares)| squares / count - (sum / count).powi(2)).sum()
    }
}

/// Vectors without pre-training: standard normal entries, so mu = 0 and sigma = 1.
///
/// A word's vector depends on the seed, the word and `dimension` only, never on which other words there are.
///
/// # Errors
/// A dimension of 0 or past 65,536, and words that [`Vocabulary::from_words`] refuses.
pub fn random(words: Vec<String>, dimension: usize, seed: u64) -> Result<WordVectors> {
    if !(1..=MAX_DIMENSION).contains(&dimension) {
        let expected = format!("1 to {MAX_DIMENSION} dimensions");
        return Err(Error::invalid("random word vectors", expected, dimension.to_string()));
    }
    let words = Vocabulary::from_words(words)?;
    let mut values = Vec::with_capacity(words.len() * dimension);
    for word in words.words() {
        let mut stream = seed::stream(seed, Purpose::RandomVectors, name_hash(word), 0);
        values.extend((0..dimension).map(|_| seed::normal(&mut stream)));
    }
    let report = ReadReport { words: words.len() as u64, ..ReadReport::default() };
    Ok(WordVectors { words, dimension, values, mean: 0.0, deviation: 1.0, report })
}

/// A 64-bit number for a name, the same for ever: the head of its SHA-256.
fn name_hash(name: &str) -> u64 {
    Sha256::digest(name.as_bytes()).iter().take(8).fold(0, |hash, &byte| hash << 8 | u64::from(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_random_vector_depends_on_its_word_and_seed_alone() {
        let words = |list: &[&str]| list.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>();
        let first = random(words(&["film", "dull"]), 4, 1).unwrap();
        let second = random(words(&["a", "dull", "film"]), 4, 1).unwrap();
        assert_eq!(first.vector(0), second.vector(2));
        assert_ne!(first.vector(0), random(words(&["film"]), 4, 2).unwrap().vector(0));
        assert_ne!(first.vector(0), first.vector(1));
        assert_eq!(first.vector(2), None);
        assert!(random(words(&["a", "a"]), 4, 1).unwrap_err().to_string().contains("'a'"));
        assert!(random(vec![], 0, 1).unwrap_err().to_string().contains("65536"));
    }

    #[test]
    fn rates_and_the_share_that_is_clipped() {
        let mut vectors = random(vec!["a".into()], 4, 1).unwrap();
        vectors.values = vec![0.0, 3.0, 4.0, -9.0];
        assert_eq!(vectors.rates(), [0.5, 1.0, 1.0, 0.0]);
        assert_eq!(vectors.rates_of(0).collect::<Vec<_>>(), vectors.rates());
        assert_eq!(vectors.clipped(), 0.5);
        assert_eq!(vectors.norms().collect::<Vec<_>>(), [106f64.sqrt()]);
        assert_eq!(vectors.spread(1), 0.0);
        vectors.dimension = 2;
        assert_eq!(vectors.spread(2), 4.0 + 36.0);
        assert_eq!(vectors.spread(99), vectors.spread(2));
    }
}
