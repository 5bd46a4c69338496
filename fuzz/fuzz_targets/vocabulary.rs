//! A vocabulary file: what can be read is written back the same.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use spiketext::text::Vocabulary;

fuzz_target!(|text: &str| {
    if let Ok(vocabulary) = Vocabulary::parse(Path::new("vocab.txt"), text) {
        let again = Vocabulary::parse(Path::new("vocab.txt"), &vocabulary.to_text()).expect("its own text");
        assert!(vocabulary.words().eq(again.words()));
        for (id, word) in vocabulary.words().enumerate() {
            assert_eq!(vocabulary.id(word), Some(id as u32));
        }
    }
});
