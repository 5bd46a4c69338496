//! Words and their numbers, and which word stands in for a token that is none.

use std::{collections::hash_map::Entry, path::Path, sync::Arc};

use rustc_hash::{FxBuildHasher, FxHashMap};
use spiketext_embedded::{parts, spellings};

use crate::{Error, Result};

/// The number of a token that is no word of the vocabulary. (`u32::MAX` itself is left to whoever pads.)
pub const UNKNOWN: u32 = u32::MAX - 1;

/// Words in order, each with its number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vocabulary {
    words: Vec<Arc<str>>,
    index: FxHashMap<Arc<str>, u32>,
}

impl Vocabulary {
    /// Numbers `words` from 0 in their order.
    ///
    /// # Errors
    /// A word that comes twice, is empty or holds a line break, and more words than numbers.
    pub fn from_words(words: Vec<String>) -> Result<Self> {
        let refuse = |expected: &str, got: String| Error::invalid("vocabulary", expected, got);
        if words.len() >= UNKNOWN as usize {
            return Err(refuse("fewer than 2^32 - 2 words", words.len().to_string()));
        }
        let mut vocabulary = Self {
            words: Vec::with_capacity(words.len()),
            index: FxHashMap::with_capacity_and_hasher(words.len(), FxBuildHasher),
        };
        for (word, id) in words.into_iter().zip(0..) {
            if let Some(fault) = fault(&word) {
                return Err(refuse("words of one line", format!("{fault} as word {id}")));
            }
            let word: Arc<str> = word.into();
            match vocabulary.index.entry(Arc::clone(&word)) {
                Entry::Occupied(first) => {
                    return Err(refuse("each word once", format!("'{word}' as words {} and {id}", first.get())));
                }
                Entry::Vacant(place) => place.insert(id),
            };
            vocabulary.words.push(word);
        }
        Ok(vocabulary)
    }

    /// How many words there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.words.len()
    }

    /// Whether there is no word.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// The word of number `id`; `None` for [`UNKNOWN`] and any other number that is no word's.
    #[must_use]
    pub fn word(&self, id: u32) -> Option<&str> {
        self.words.get(id as usize).map(AsRef::as_ref)
    }

    /// The number of `word`, which is looked up as it stands.
    #[must_use]
    pub fn id(&self, word: &str) -> Option<u32> {
        self.index.get(word).copied()
    }

    /// The words in the order of their numbers.
    pub fn words(&self) -> impl ExactSizeIterator<Item = &str> {
        self.words.iter().map(AsRef::as_ref)
    }

    /// Appends the numbers of `tokens` to `out`, as [`Self::encode_token`] has them.
    pub fn encode(&self, tokens: &[String], out: &mut Vec<u32>) {
        out.reserve(tokens.len());
        tokens.iter().for_each(|token| self.encode_token(token, out));
    }

    /// Appends the number of `token` to `out`, or several.
    ///
    /// A token that is no word is replaced by another spelling (`-lrb-` by `(`, `!!!!!` by `!!!` or `!`), else by
    /// those of its parts between hyphens, slashes and underscores that are words (`film-making` by `film` `making`),
    /// else by one [`UNKNOWN`].
    pub fn encode_token(&self, token: &str, out: &mut Vec<u32>) {
        // Nearly always the token is a word as it stands.
        if let Some(id) = self.id(token).or_else(|| spellings(token).find_map(|word| self.id(word))) {
            return out.push(id);
        }
        let before = out.len();
        out.extend(parts(token).filter_map(|part| self.id(part)));
        if out.len() == before {
            out.push(UNKNOWN);
        }
    }

    /// The content of `vocab.txt`: one word a line.
    #[must_use]
    pub fn to_text(&self) -> String {
        self.words.iter().flat_map(|word| [word, "\n"]).collect()
    }

    /// Reads the content of `vocab.txt`; `path` is for the errors.
    ///
    /// # Errors
    /// The line of a word that is empty, holds a carriage return or came before.
    pub fn parse(path: &Path, text: &str) -> Result<Self> {
        let mut lines: FxHashMap<&str, u64> = FxHashMap::default();
        let body = text.strip_suffix('\n').unwrap_or(text);
        let words = if text.is_empty() { Vec::new() } else { body.split('\n').collect() };
        for (&word, line) in words.iter().zip(1..) {
            if let Some(fault) = fault(word) {
                return Err(Error::malformed(path, line, "one word a line, lines ended by a line feed", fault));
            }
            if let Some(first) = lines.insert(word, line) {
                return Err(Error::malformed(
                    path,
                    line,
                    "each word once",
                    format!("'{word}', which line {first} has"),
                ));
            }
        }
        Self::from_words(words.into_iter().map(str::to_owned).collect())
    }
}

/// Why a word cannot stand on a line of its own, if it cannot.
fn fault(word: &str) -> Option<&'static str> {
    match word {
        "" => Some("an empty word"),
        _ if word.contains('\n') => Some("a word with a line feed"),
        _ if word.contains('\r') => Some("a word with a carriage return"),
        _ => None,
    }
}

/// Every word that could stand for `token` in [`Vocabulary::encode`]: itself, its other spellings, its parts. A
/// reader of word vectors that keeps these has all that the token can need.
pub fn candidate_words(token: &str) -> impl Iterator<Item = &str> {
    spellings(token).chain(parts(token))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn vocabulary(words: &[&str]) -> Vocabulary {
        Vocabulary::from_words(words.iter().map(|w| (*w).to_owned()).collect()).unwrap()
    }

    fn encode(vocabulary: &Vocabulary, tokens: &[&str]) -> Vec<u32> {
        let mut out = Vec::new();
        vocabulary.encode(&tokens.iter().map(|t| (*t).to_owned()).collect::<Vec<_>>(), &mut out);
        out
    }

    #[test]
    fn unknown_tokens_fall_back_to_spellings_then_parts_then_unknown() {
        let known = vocabulary(&["film", "making", "!", "...", "(", "\"", "k-19"]);
        assert_eq!(encode(&known, &["film", "film-making", "k-19"]), [0, 0, 1, 6]);
        assert_eq!(
            encode(&known, &["film/xyz", "writer\\/film", "xyz-abc", "-", "--"]),
            [0, 0, UNKNOWN, UNKNOWN, UNKNOWN]
        );
        assert_eq!(encode(&known, &["!!!!!", ".....", "..", "-lrb-", "''"]), [2, 3, UNKNOWN, 4, 5]);
        assert_eq!(candidate_words("a-b_c").collect::<Vec<_>>(), ["a-b_c", "a", "b", "c"]);
        assert_eq!(candidate_words("！！！！").collect::<Vec<_>>(), ["！！！！", "！！！", "！！", "！"]);
        assert_eq!(known.word(UNKNOWN), None);
    }

    #[test]
    fn words_that_cannot_be_are_refused_by_name_or_line() {
        let refused = |words: &[&str]| {
            Vocabulary::from_words(words.iter().map(|w| (*w).to_owned()).collect()).unwrap_err().to_string()
        };
        assert_eq!(refused(&["a", "b", "a"]), "vocabulary: expected each word once, got 'a' as words 0 and 2");
        assert!(refused(&["a", ""]).contains("an empty word as word 1"));
        let parse = |text: &str| Vocabulary::parse(Path::new("vocab.txt"), text).unwrap_err().to_string();
        assert!(parse("a\n\nb\n").starts_with("vocab.txt:2: "));
        assert!(parse("a\r\nb\n").starts_with("vocab.txt:1: "));
        assert_eq!(parse("a\nb\na\n"), "vocab.txt:3: expected each word once, got 'a', which line 1 has");
        assert!(Vocabulary::parse(Path::new("vocab.txt"), "").unwrap().is_empty());
    }

    proptest! {
        #[test]
        fn text_reads_back(words in proptest::collection::hash_set("[^\\n\\r]{1,6}", 0..20)) {
            let vocabulary = Vocabulary::from_words(words.into_iter().collect()).unwrap();
            prop_assert_eq!(Vocabulary::parse(Path::new("v"), &vocabulary.to_text()).unwrap(), vocabulary);
        }

        #[test]
        fn candidates_hold_every_word_that_encoding_uses(token in "[ab\\-/_.!]{1,8}", word in "[ab.!]{1,3}") {
            let known = vocabulary(&[&word]);
            let used = encode(&known, &[&token]).contains(&0);
            prop_assert!(!used || candidate_words(&token).any(|candidate| candidate == word));
        }

        #[test]
        fn parsing_never_panics(text in any::<String>()) {
            let _ = Vocabulary::parse(Path::new("v"), &text);
        }
    }
}
