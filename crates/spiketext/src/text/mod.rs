//! From text to tokens: which language a text is in, how it is cut into tokens, and which word each token is.
//!
//! Three steps, each in a file of its own: `normalise` makes one spelling of many (compatibility forms, case),
//! `english` and `chinese` cut, [`Vocabulary`] numbers the words; `pieces` does all of it for texts that are like texts before.
//! What a word means is left to `vectors`.

mod chinese;
mod encoding_cache;
mod english;
mod normalise;
mod spans;
mod vocabulary;

use std::{fmt, ops::Range, str::FromStr};

use serde::{Deserialize, Serialize};

pub(crate) use encoding_cache::EncodingCache;
pub use normalise::fold;
pub use vocabulary::{UNKNOWN, Vocabulary, candidate_words};

use crate::Error;

/// The languages that texts are cut in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Language {
    /// English, and any other language with spaces between words.
    #[serde(rename = "en")]
    English,
    /// Chinese, with Latin words among it.
    #[serde(rename = "zh")]
    Chinese,
}

impl Language {
    /// Every language, in the order of their names.
    pub const ALL: [Self; 2] = [Self::English, Self::Chinese];

    /// The short name: `en` or `zh`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Chinese => "zh",
        }
    }
}

impl fmt::Display for Language {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

impl FromStr for Language {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        Self::ALL.into_iter().find(|language| language.name() == name).ok_or_else(|| Error::UnknownName {
            what: "language",
            name: name.to_owned(),
            known: Self::ALL.iter().map(ToString::to_string).collect(),
        })
    }
}

/// The share of Han letters from which texts count as Chinese. A Han letter says about as much as three Latin ones, so
/// Chinese with many foreign names in it is still Chinese, and English that quotes a Chinese word is still English.
const HAN_SHARE: f64 = 0.2;

/// Tells the language of texts from their script: the share of Han letters among all letters. English where there are
/// no letters at all.
pub fn detect_language<'a>(texts: impl IntoIterator<Item = &'a str>) -> Language {
    let (mut letters, mut han) = (0u64, 0u64);
    for letter in texts.into_iter().flat_map(str::chars).filter(|c| c.is_alphabetic()) {
        letters += 1;
        han += u64::from(normalise::is_han(letter));
    }
    if letters > 0 && han as f64 >= HAN_SHARE * letters as f64 { Language::Chinese } else { Language::English }
}

/// To wake other threads takes longer than to cut fewer texts than these.
pub(crate) const FEW_TEXTS: usize = 8;

/// Cuts texts of one language into tokens.
///
/// Tokens are in lower case and in Unicode's compatibility form (NFKC), hold no white space and are never empty. The
/// time is linear in the length of the text. Cutting is idempotent: tokens joined by spaces are cut into themselves
/// again, in English.
///
/// ```
/// use spiketext::text::{Language, Tokenizer};
/// let english = Tokenizer::new(Language::English);
/// assert_eq!(english.tokenize("I can't fault the film’s pacing…"), [
///     "i", "ca", "n't", "fault", "the", "film", "'s", "pacing", "..."
/// ]);
/// assert_eq!(Tokenizer::new(Language::Chinese).tokenize("房间很干净！"), ["房间", "很", "干净", "!"]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tokenizer {
    language: Language,
}

impl Tokenizer {
    /// A tokeniser for `language`.
    #[must_use]
    pub fn new(language: Language) -> Self {
        Self { language }
    }

    /// The language it cuts.
    #[must_use]
    pub fn language(&self) -> Language {
        self.language
    }

    /// Where the words of `text` stand, as it is written: what could be exchanged for another word. Punctuation is none;
    /// apostrophes, hyphens, underscores, asterisks and at signs are parts of a word, but not at its ends.
    ///
    /// ```
    /// use spiketext::text::{Language, Tokenizer};
    /// let text = "It's a 'well-made' film, no?";
    /// let words: Vec<&str> = Tokenizer::new(Language::English).spans(text).into_iter().map(|span| &text[span]).collect();
    /// assert_eq!(words, ["It's", "a", "well-made", "film", "no"]);
    /// ```
    #[must_use]
    pub fn spans(&self, text: &str) -> Vec<Range<usize>> {
        match self.language {
            Language::English => spans::english(text),
            Language::Chinese => chinese::spans(text),
        }
    }

    /// The tokens of `text` in order; none where there is nothing but white space.
    #[must_use]
    pub fn tokenize(&self, text: &str) -> Vec<String> {
        match self.language {
            Language::English => english::tokenize(text),
            Language::Chinese => chinese::tokenize(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_have_names_that_read_back() {
        for language in Language::ALL {
            assert_eq!(language.to_string().parse::<Language>().unwrap(), language);
            assert_eq!(serde_json::to_string(&language).unwrap(), format!("\"{language}\""));
        }
        let error = "English".parse::<Language>().unwrap_err();
        assert_eq!(error.to_string(), "unknown language 'English'; known: en, zh");
    }

    #[test]
    fn the_script_tells_the_language() {
        assert_eq!(detect_language(["a fine film", "dull"]), Language::English);
        assert_eq!(detect_language(["房间很干净", "OK"]), Language::Chinese);
        assert_eq!(detect_language(["这个ThinkPad笔记本Windows系统不错"]), Language::Chinese);
        assert_eq!(detect_language(["the film is called 英雄 in its country of origin"]), Language::English);
        assert_eq!(detect_language(["123 ... 😀"]), Language::English);
        assert_eq!(detect_language([]), Language::English);
    }
}
