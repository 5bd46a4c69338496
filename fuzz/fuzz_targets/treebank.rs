//! Files of trees: what is read has a class and words each, and the binary lines are those of the sentences that are
//! not neutral.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use spiketext::data::treebank::{Grain, binary_lines, fine_lines, parse, phrase_lines};

fuzz_target!(|text: &str| {
    if let Ok(sentences) = parse(Path::new("trees.txt"), text) {
        assert!(sentences.iter().all(|sentence| sentence.label < 5 && !sentence.words.is_empty()));
        assert_eq!(fine_lines(&sentences).split_terminator('\n').count(), sentences.len());
        let polar = sentences.iter().filter(|sentence| sentence.label != 2).count();
        assert_eq!(binary_lines(&sentences).split_terminator('\n').count(), polar);
        let (phrases, left_out) = phrase_lines(&sentences, &sentences, Grain::Binary);
        assert!(left_out > 0 || polar == 0);
        assert!(phrases.split_terminator('\n').all(|line| line.starts_with("0 ") || line.starts_with("1 ")));
        let (phrases, left_out) = phrase_lines(&sentences, &sentences, Grain::Fine);
        assert!(left_out > 0 || sentences.is_empty());
        assert!(phrases.split_terminator('\n').all(|line| line.as_bytes()[0].is_ascii_digit()));
    }
});
