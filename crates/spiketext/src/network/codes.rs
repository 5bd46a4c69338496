//! The codes of the words: rates between 0 and 1 as whole numbers.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// Rates of the words `[V, D]`, as whole numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Codes {
    /// 255 stands for 65535 / 65536.
    Eight(Vec<u8>),
    /// In units of 1/65536.
    Sixteen(Vec<u16>),
}

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
        }
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
