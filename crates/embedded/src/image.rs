//! The bytes of a model, checked once and read in place.
//!
//! ```text
//! 0   magic "SPKWHOLE"            28  u32 bytes in all
//! 8   u16 version 1               32  u32 CRC-32 of all bytes from 36 on
//! 10  u8 signed, 0 or 1           36  u8 kernel widths, 8 of them, 0 behind the last
//! 11  u8 bits of an input         44  thresholds, i32 [C]
//! 12  u8 bits of a weight, 4, 8       weights, [D, M] of 4 or 8 bits, each row in whole bytes
//! 13  u8 number of widths             read-out, i8 [C, K]
//! 14  u8 inputs of a word, k          biases of the read-out, i32 [K]
//! 15  u8 0                            codes, [V, k] of so many bits, each word in whole bytes
//! 16  u16 inputs D                    first byte of words 0, 16, 32, ..., u32
//! 18  u16 filters F                   words in rising order of their bytes: u8 length, bytes
//! 20  u16 classes K                   labels in the order of the classes: u8 length, bytes
//! 22  u16 class of an unknown text
//! 24  u32 words V
//! ```
//!
//! Numbers are little-endian, weights of 4 bits two's complement, the lower half of a byte first. Bits of a code are filled
//! from the lowest of each byte on. Inputs of a word are from 0 to D - 1; D + d is input d with the other sign, where codes
//! are signed; the number after the last input stands behind those of a word that has fewer.

use core::fmt;

/// The first bytes of an image.
pub(crate) const MAGIC: &[u8; 8] = b"SPKWHOLE";
/// Where thresholds begin.
pub(crate) const HEADER: usize = 44;
/// Where the sum of the bytes stands, and the bytes that it is of begin.
pub(crate) const SUM: usize = 32;
/// The most kernel widths.
pub(crate) const MOST_WIDTHS: usize = 8;
/// Words for each of which one place is kept.
pub(crate) const BLOCK: usize = 16;

/// Why bytes are not an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReadError {
    /// They do not begin as an image does.
    NotAnImage,
    /// An image of another version.
    Version(u16),
    /// There are fewer bytes than the image says, or more.
    Length {
        /// So many it needs.
        expected: usize,
        /// So many there are.
        got: usize,
    },
    /// Bytes have changed: their sum is another.
    Damaged,
    /// A number in it cannot be.
    Invalid(&'static str),
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAnImage => f.write_str("expected an image of `spiketext embed`, got other bytes"),
            Self::Version(version) => write!(f, "expected an image of version 1, got version {version}"),
            Self::Length { expected, got } => write!(f, "expected {expected} bytes, got {got}"),
            Self::Damaged => f.write_str("expected the bytes that were written, got others: the image is damaged"),
            Self::Invalid(what) => write!(f, "expected {what} that an image can have, got others"),
        }
    }
}

impl core::error::Error for ReadError {}

/// A model in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Image<'a> {
    pub(crate) signed: bool,
    /// Bits of an input in a code.
    input_bits: usize,
    /// Bits of a weight.
    weight_bits: usize,
    pub(crate) widths: [usize; MOST_WIDTHS],
    pub(crate) width_count: usize,
    pub(crate) active: usize,
    pub(crate) dimension: usize,
    pub(crate) filters: usize,
    pub(crate) classes: usize,
    pub(crate) unknown: usize,
    words: usize,
    thresholds: &'a [u8],
    weights: &'a [u8],
    readout: &'a [u8],
    biases: &'a [u8],
    codes: &'a [u8],
    blocks: &'a [u8],
    text: &'a [u8],
    labels: &'a [u8],
}

/// Bytes that are taken off one by one.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (own, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(own)
    }

    fn take_many(&mut self, count: usize, size: usize) -> Option<&'a [u8]> {
        self.take(count.checked_mul(size)?)
    }
}

pub(crate) fn u16_at(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..at + 2).map_or(0, |b| u16::from_le_bytes([b[0], b[1]]))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).map_or(0, |b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]))
}

/// The CRC-32 of ISO-HDLC, bit by bit: no table in memory.
pub(crate) fn sum(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |sum, &byte| {
        (0..8).fold(sum ^ u32::from(byte), |sum, _| (sum >> 1) ^ (0xEDB8_8320 & (sum & 1).wrapping_neg()))
    })
}

impl<'a> Image<'a> {
    /// Reads an image, which has to be the whole of `bytes`.
    ///
    /// # Errors
    /// If it is none, damaged, or holds a number that cannot be.
    pub fn read(bytes: &'a [u8]) -> Result<Self, ReadError> {
        if bytes.get(..8) != Some(MAGIC) {
            return Err(ReadError::NotAnImage);
        }
        if bytes.len() < HEADER {
            return Err(ReadError::Length { expected: HEADER, got: bytes.len() });
        }
        let version = u16_at(bytes, 8);
        if version != 1 {
            return Err(ReadError::Version(version));
        }
        let length = u32_at(bytes, 28) as usize;
        if length != bytes.len() {
            return Err(ReadError::Length { expected: length, got: bytes.len() });
        }
        if u32_at(bytes, SUM) != sum(&bytes[SUM + 4..]) {
            return Err(ReadError::Damaged);
        }
        let byte = |at: usize| usize::from(bytes[at]);
        let short = |at: usize| usize::from(u16_at(bytes, at));
        let signed = byte(10) == 1;
        let (input_bits, weight_bits, width_count, active) = (byte(11), byte(12), byte(13), byte(14));
        let (dimension, filters, classes, unknown) = (short(16), short(18), short(20), short(22));
        let words = u32_at(bytes, 24) as usize;
        let invalid = |what| Err(ReadError::Invalid(what));
        if byte(10) > 1 || !matches!(weight_bits, 4 | 8) || byte(15) != 0 {
            return invalid("signs and bits of weights");
        }
        if !(1..=MOST_WIDTHS).contains(&width_count) {
            return invalid("kernel widths");
        }
        let mut widths = [0; MOST_WIDTHS];
        for (which, width) in widths.iter_mut().enumerate() {
            *width = byte(36 + which);
            if (*width > 0) != (which < width_count) {
                return invalid("kernel widths");
            }
        }
        let inputs = if signed { 2 * dimension } else { dimension };
        if dimension == 0 || filters == 0 || classes == 0 || active == 0 || unknown >= classes {
            return invalid("inputs, filters and classes");
        }
        if input_bits != bits_for(inputs) {
            return invalid("bits of an input");
        }
        let products = filters * widths.iter().sum::<usize>();
        let channels = filters * width_count;
        let mut rest = Bytes(&bytes[HEADER..]);
        let parts = (|| {
            let thresholds = rest.take_many(channels, 4)?;
            let weights = rest.take_many(dimension, (products * weight_bits).div_ceil(8))?;
            let readout = rest.take_many(channels, classes)?;
            let biases = rest.take_many(classes, 4)?;
            let codes = rest.take_many(words, (active * input_bits).div_ceil(8))?;
            let blocks = rest.take_many(words.div_ceil(BLOCK), 4)?;
            Some((thresholds, weights, readout, biases, codes, blocks))
        })();
        let Some((thresholds, weights, readout, biases, codes, blocks)) = parts else {
            return invalid("sizes");
        };
        let mut image = Self {
            signed,
            input_bits,
            weight_bits,
            widths,
            width_count,
            active,
            dimension,
            filters,
            classes,
            unknown,
            words,
            thresholds,
            weights,
            readout,
            biases,
            codes,
            blocks,
            text: rest.0,
            labels: &[],
        };
        image.labels = image.check_words()?;
        let mut labels = image.labels;
        for _ in 0..classes {
            match next_word(labels) {
                Some((label, rest)) if core::str::from_utf8(label).is_ok() => labels = rest,
                _ => return invalid("labels"),
            }
        }
        if !labels.is_empty() {
            return invalid("labels");
        }
        let known = |word: usize| (0..active).all(|i| image.input(word, i) <= inputs);
        if !(0..words).all(known) { invalid("codes of words") } else { Ok(image) }
    }

    /// Goes over all words; gives what comes behind them.
    fn check_words(&self) -> Result<&'a [u8], ReadError> {
        let (mut rest, mut before): (&[u8], &[u8]) = (self.text, &[]);
        for word in 0..self.words {
            let at = self.text.len() - rest.len();
            if word % BLOCK == 0 && u32_at(self.blocks, word / BLOCK * 4) as usize != at {
                return Err(ReadError::Invalid("places of words"));
            }
            match next_word(rest) {
                Some((own, behind)) if before < own && core::str::from_utf8(own).is_ok() => {
                    (before, rest) = (own, behind)
                }
                _ => return Err(ReadError::Invalid("words in rising order")),
            }
        }
        Ok(rest)
    }

    /// Words that it knows.
    #[must_use]
    pub fn words(&self) -> usize {
        self.words
    }

    /// Classes that it tells apart.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// The name of a class.
    #[must_use]
    pub fn label(&self, class: usize) -> Option<&'a str> {
        if class >= self.classes {
            return None;
        }
        let mut rest = self.labels;
        for _ in 0..class {
            rest = next_word(rest)?.1;
        }
        core::str::from_utf8(next_word(rest)?.0).ok()
    }

    /// The number of a word, as it stands: by halves over blocks, then word by word.
    #[must_use]
    pub fn word(&self, word: &str) -> Option<usize> {
        let word = word.as_bytes();
        let from = |block: usize| self.text.get(u32_at(self.blocks, 4 * block) as usize..).unwrap_or_default();
        let (mut low, mut high) = (0, self.words.div_ceil(BLOCK));
        while low < high {
            let middle = (low + high) / 2;
            match next_word(from(middle)) {
                Some((first, _)) if first <= word => low = middle + 1,
                _ => high = middle,
            }
        }
        let block = low.checked_sub(1)?;
        let mut rest = from(block);
        for number in block * BLOCK..((block + 1) * BLOCK).min(self.words) {
            let (own, behind) = next_word(rest)?;
            if own == word {
                return Some(number);
            }
            rest = behind;
        }
        None
    }

    /// Input `i` of those of a word; past the last input there is none.
    fn input(&self, word: usize, i: usize) -> usize {
        let row = (self.active * self.input_bits).div_ceil(8);
        let first = i * self.input_bits;
        // An input has at most 17 bits, which lie in four bytes whatever bit they begin at.
        let byte = |at: usize| -> u32 {
            let at = first / 8 + at;
            if at < row { u32::from(self.codes.get(word * row + at).copied().unwrap_or_default()) } else { 0 }
        };
        let bits = byte(0) | byte(1) << 8 | byte(2) << 16 | byte(3) << 24;
        ((bits >> (first % 8)) & ((1 << self.input_bits) - 1)) as usize
    }

    /// The inputs of a word that spike, each with its sign.
    pub(crate) fn inputs(&self, word: usize) -> impl Iterator<Item = (usize, i32)> {
        let image = *self;
        let inputs = if self.signed { 2 * self.dimension } else { self.dimension };
        (0..self.active)
            .map(move |i| image.input(word, i))
            .filter(move |&input| input < inputs)
            .map(move |input| if input < image.dimension { (input, 1) } else { (input - image.dimension, -1) })
    }

    /// The weights of an input, `[M]`.
    pub(crate) fn weights(&self, input: usize) -> impl Iterator<Item = i32> {
        let products = self.products();
        let row = (products * self.weight_bits).div_ceil(8);
        let (bits, bytes) = (self.weight_bits, self.weights.get(input * row..(input + 1) * row).unwrap_or_default());
        (0..products).map(move |column| {
            if bits == 8 {
                i32::from(bytes[column] as i8)
            } else {
                // To the upper half of a byte, and back with its sign.
                let half = if column % 2 == 0 { bytes[column / 2] << 4 } else { bytes[column / 2] };
                i32::from(half as i8 >> 4)
            }
        })
    }

    /// Products of a token, M.
    pub(crate) fn products(&self) -> usize {
        self.filters * self.widths.iter().sum::<usize>()
    }

    /// Channels, C.
    pub(crate) fn channels(&self) -> usize {
        self.filters * self.width_count
    }

    /// The threshold of a channel.
    pub(crate) fn threshold(&self, channel: usize) -> i32 {
        u32_at(self.thresholds, 4 * channel) as i32
    }

    /// What a spike of a channel gives to a class.
    pub(crate) fn readout(&self, channel: usize, class: usize) -> i32 {
        self.readout.get(channel * self.classes + class).map_or(0, |&byte| i32::from(byte as i8))
    }

    /// What each token gives to a class.
    pub(crate) fn bias(&self, class: usize) -> i32 {
        u32_at(self.biases, 4 * class) as i32
    }
}

/// Bits that name each of `inputs` inputs, and none.
pub(crate) fn bits_for(inputs: usize) -> usize {
    (usize::BITS - inputs.leading_zeros()) as usize
}

/// A word behind its length, and what follows.
fn next_word(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&length, rest) = bytes.split_first()?;
    rest.split_at_checked(usize::from(length))
}
