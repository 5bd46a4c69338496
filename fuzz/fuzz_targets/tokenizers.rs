//! Both tokenisers on any text.
#![no_main]

use libfuzzer_sys::fuzz_target;
use spiketext::text::{Language, candidate_words, detect_language};

fuzz_target!(|text: &str| {
    let _ = detect_language([text]);
    for language in Language::ALL {
        for token in language.tokenizer().tokenize(text) {
            assert!(!token.is_empty() && !token.contains(char::is_whitespace), "{token:?}");
            assert!(candidate_words(&token).all(|word| !word.is_empty()), "{token:?}");
        }
    }
});
