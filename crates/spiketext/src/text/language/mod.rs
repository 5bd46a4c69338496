//! Languages: how the texts of each are cut, told from others and given word vectors.
//!
//! A new language is a file with its [`LanguagePack`] and an entry of the list below.

#[cfg(feature = "chinese")]
mod chinese;
mod english;

use std::{fmt, ops::Range, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::Error;

/// Texts of whose words a smaller share is on the program's list of words of a language are in another one.
pub const LEAST_LANGUAGE_SHARE: f64 = 0.55;

/// Cuts texts of one language into tokens.
///
/// Tokens are in lower case and in Unicode's compatibility form (NFKC), hold no white space and are never empty. The
/// time is linear in the length of the text. Cutting is idempotent: tokens joined by spaces are cut into themselves
/// again, in English.
///
/// ```
/// use spiketext::text::Language;
/// let english = Language::English.tokenizer();
/// assert_eq!(english.tokenize("I can't fault the film’s pacing…"), [
///     "i", "ca", "n't", "fault", "the", "film", "'s", "pacing", "..."
/// ]);
/// assert_eq!(Language::Chinese.tokenizer().tokenize("房间很干净！"), ["房间", "很", "干净", "!"]);
/// ```
pub trait Tokenizer: fmt::Debug + Send + Sync {
    /// Gives the tokens of `text` in order to `take`; none where there is nothing but white space.
    fn each_token(&self, text: &str, take: &mut dyn FnMut(&str));

    /// The tokens of `text` in order.
    fn tokenize(&self, text: &str) -> Vec<String> {
        let mut tokens = Vec::with_capacity(text.len() / 5);
        self.each_token(text, &mut |token| tokens.push(token.to_owned()));
        tokens
    }

    /// Where the words of `text` stand, as it is written: what could be replaced by another word. Punctuation is
    /// none; apostrophes, hyphens, underscores, asterisks and at signs are parts of a word, but not at its ends.
    ///
    /// ```
    /// use spiketext::text::Language;
    /// let text = "It's a 'well-made' film, no?";
    /// let spans = Language::English.tokenizer().spans(text);
    /// let words: Vec<&str> = spans.into_iter().map(|span| &text[span]).collect();
    /// assert_eq!(words, ["It's", "a", "well-made", "film", "no"]);
    /// ```
    fn spans(&self, text: &str) -> Vec<Range<usize>>;

    /// Whether the tokens between ASCII white space depend on nothing but these characters; where a full stop is
    /// among them, also on whether nothing, a digit or something else follows in the text. Such texts need not be cut
    /// as a whole to be cut again.
    fn cuts_at_white_space(&self) -> bool {
        false
    }
}

/// All that is particular to a language.
trait LanguagePack: Tokenizer {
    /// Its name for people, in English.
    fn title(&self) -> &'static str;

    /// What tells its texts from others; `None` for the one language that takes what no other claims.
    fn script(&self) -> Option<Script>;

    /// Its small set of word vectors, in the compact format, packed with zstd (`assets/README.md`).
    #[cfg(feature = "built-in-vectors")]
    fn built_in_vectors(&self) -> &'static [u8];
}

/// The letters that tell a language.
struct Script {
    is_own: fn(char) -> bool,
    /// The share of its own letters among all letters from which texts are in the language.
    share: f64,
}

/// Declares [`Language`]: a line holds a variant, its name in files and flags, the feature that builds it, if it is
/// not always there, and its [`LanguagePack`].
macro_rules! languages {
    ($($(#[$about:meta])* $variant:ident = $name:literal $(in $feature:literal)? => $pack:expr;)*) => {
        /// The languages that texts are cut in.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[non_exhaustive]
        pub enum Language {
            $($(#[$about])* $(#[cfg(feature = $feature)])? #[serde(rename = $name)] $variant,)*
        }

        impl Language {
            /// Every language, in the order of their names.
            pub const ALL: [Self; [$($(#[cfg(feature = $feature)])? $name),*].len()] =
                [$($(#[cfg(feature = $feature)])? Self::$variant),*];

            /// The short name, as in files and flags.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $($(#[cfg(feature = $feature)])? Self::$variant => $name,)*
                }
            }

            fn pack(self) -> &'static dyn LanguagePack {
                match self {
                    $($(#[cfg(feature = $feature)])? Self::$variant => &$pack,)*
                }
            }
        }
    };
}

languages! {
    /// English, and any other language with spaces between words.
    English = "en" => english::English;
    /// Chinese, with Latin words among it.
    Chinese = "zh" in "chinese" => chinese::Chinese;
}

impl Language {
    /// What cuts its texts.
    #[must_use]
    pub fn tokenizer(self) -> &'static dyn Tokenizer {
        self.pack()
    }

    /// Its name for people, in English.
    #[must_use]
    pub fn title(self) -> &'static str {
        self.pack().title()
    }

    /// Its small set of word vectors, packed: see [`crate::vectors::built_in`].
    #[cfg(feature = "built-in-vectors")]
    pub(crate) fn built_in_vectors(self) -> &'static [u8] {
        self.pack().built_in_vectors()
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

/// Tells the language of texts from their script: the share of a language's own letters among all letters. English
/// where there are no letters at all.
pub fn detect_language<'a>(texts: impl IntoIterator<Item = &'a str>) -> Language {
    let mut letters = LetterCounts::default();
    texts.into_iter().for_each(|text| letters.add(text));
    letters.language()
}

/// The letters of texts that come one after the other, for [`detect_language`].
#[derive(Clone, Debug, Default)]
pub struct LetterCounts {
    letters: u64,
    /// Those of each language's own script.
    own: [u64; Language::ALL.len()],
}

impl LetterCounts {
    /// Counts the letters of a text.
    pub fn add(&mut self, text: &str) {
        let scripts = Language::ALL.map(|language| language.pack().script());
        for letter in text.chars().filter(|c| c.is_alphabetic()) {
            self.letters += 1;
            for (own, script) in self.own.iter_mut().zip(&scripts) {
                *own += u64::from(script.as_ref().is_some_and(|script| (script.is_own)(letter)));
            }
        }
    }

    /// Both counts together.
    #[must_use]
    pub fn plus(mut self, other: &Self) -> Self {
        self.letters += other.letters;
        self.own.iter_mut().zip(other.own).for_each(|(own, other)| *own += other);
        self
    }

    /// The language of the texts that were counted.
    #[must_use]
    pub fn language(&self) -> Language {
        let letters = self.letters;
        let claims = |(language, &own): (&Language, &u64)| {
            let script = language.pack().script();
            script.is_some_and(|script| letters > 0 && own as f64 >= script.share * letters as f64)
        };
        Language::ALL
            .iter()
            .zip(&self.own)
            .find(|&(language, own)| claims((language, own)))
            .map_or(Language::English, |(language, _)| *language)
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
