//! Both tokenisers on any text.
#![no_main]

use libfuzzer_sys::fuzz_target;
use spiketext::text::{Language, Tokenizer, candidate_words, detect_language};

fuzz_target!(|text: &str| {
    let _ = detect_language([text]);
    for language in [Language::English, Language::Chinese] {
        for token in Tokenizer::new(language).tokenize(text) {
            assert!(!token.is_empty() && !token.contains(char::is_whitespace), "{token:?}");
            assert!(candidate_words(&token).all(|word| !word.is_empty()), "{token:?}");
        }
    }
});
