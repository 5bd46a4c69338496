//! The codes of the words: rates between 0 and 1 as whole numbers, or the few inputs that spike.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// Codes of the words: rates `[V, D]` as whole numbers, or of each word the inputs that spike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Codes {
    /// 255 stands for 65535 / 65536.
    Eight(Vec<u8>),
    /// In units of 1/65536.
    Sixteen(Vec<u16>),
    /// Of each word the inputs whose rate is 1 in rising order, all others being 0.
    Active {
        /// Inputs of a word at most, k.
        active: usize,
        /// `[V, k]`; [`NO_INPUT`] stands behind those of a word that has fewer.
        inputs: Vec<u16>,
    },
}

/// No input of a word: see [`Codes::Active`].
pub const NO_INPUT: u16 = u16::MAX;

/// The rate of an input that spikes, in 1/65536: the highest.
const ALWAYS: u16 = u16::MAX;

impl Codes {
    /// From rates in 1/65536 to 8 or 16 bits each.
    #[must_use]
    pub fn from_fixed(rates: Vec<u16>, bits: CodeBits) -> Self {
        match bits {
            CodeBits::Eight => {
                Self::Eight(rates.into_iter().map(|rate| ((u32::from(rate) + 128) / 257) as u8).collect())
            }
            CodeBits::Sixteen => Self::Sixteen(rates),
        }
    }

    /// The number of codes held.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Eight(codes) => codes.len(),
            Self::Sixteen(codes) => codes.len(),
            Self::Active { inputs, .. } => inputs.len(),
        }
    }

    /// Words that have a code, of `dimension` inputs.
    #[must_use]
    pub fn words(&self, dimension: usize) -> usize {
        self.len() / self.row(dimension).max(1)
    }

    /// Numbers held of a word.
    fn row(&self, dimension: usize) -> usize {
        if let Self::Active { active, .. } = self { *active } else { dimension }
    }

    /// Checks that they are codes of words of `dimension` inputs.
    ///
    /// # Errors
    /// If there are parts of words, or inputs that a word does not have, or not in rising order.
    pub fn check(&self, dimension: usize) -> Result<()> {
        let row = self.row(dimension);
        if row == 0 || !self.len().is_multiple_of(row) {
            return Err(Error::invalid("network weights", format!("codes in rows of {row}"), self.len().to_string()));
        }
        let Self::Active { inputs, .. } = self else { return Ok(()) };
        for (word, inputs) in inputs.chunks_exact(row).enumerate() {
            let named = inputs.iter().position(|&input| input == NO_INPUT).unwrap_or(row);
            let rising = inputs[..named].windows(2).all(|pair| pair[0] < pair[1]);
            let known = inputs[..named].iter().all(|&input| usize::from(input) < dimension);
            if !rising || !known || inputs[named..].iter().any(|&input| input != NO_INPUT) {
                let expected = format!("inputs of a word in rising order, from 0 to {}", dimension.saturating_sub(1));
                return Err(Error::invalid("network weights", expected, format!("{inputs:?} of word {word}")));
            }
        }
        Ok(())
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The rates of one word in 1/65536.
    #[must_use]
    pub fn rates(&self, word: usize, dimension: usize) -> Cow<'_, [u16]> {
        let range = word * dimension..(word + 1) * dimension;
        match self {
            Self::Eight(codes) => codes[range].iter().map(|&code| u16::from(code) * 257).collect(),
            Self::Sixteen(codes) => Cow::Borrowed(&codes[range]),
            Self::Active { active, inputs } => {
                let mut rates = vec![0; dimension];
                let own = inputs[word * active..(word + 1) * active].iter().filter(|&&input| input != NO_INPUT);
                own.for_each(|&input| rates[usize::from(input)] = ALWAYS);
                Cow::Owned(rates)
            }
        }
    }
}

/// Bits of a stored code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CodeBits {
    /// One byte a number: small models.
    #[serde(rename = "8")]
    Eight,
    /// Two bytes a number: everything the encoders can tell apart.
    #[serde(rename = "16")]
    Sixteen,
}
