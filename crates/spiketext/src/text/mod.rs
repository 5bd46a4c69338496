//! From text to tokens: which language a text is in, how it is cut into tokens, and which word each token is.
//!
//! Three steps: `normalise` makes one spelling of many (compatibility forms, case), the [`Tokenizer`] of a
//! [`Language`] cuts, [`Vocabulary`] numbers the words; `encoding_cache` does all of it for texts that are like texts
//! before. What a word means is left to `vectors`.

mod encoding_cache;
mod language;
mod normalise;
mod spans;
mod vocabulary;

pub(crate) use encoding_cache::EncodingCache;
pub use language::{LEAST_LANGUAGE_SHARE, Language, LetterCounts, Tokenizer, detect_language};
pub use normalise::fold;
#[cfg(feature = "data")]
pub(crate) use normalise::is_han;
pub use vocabulary::{UNKNOWN, Vocabulary, candidate_words};

/// To wake other threads takes longer than to cut fewer texts than these.
pub(crate) const FEW_TEXTS: usize = 8;
