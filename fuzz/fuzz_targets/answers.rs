//! Answers that an interrupted run has kept: whatever the file holds, they are answers or there are none.
#![no_main]

use libfuzzer_sys::fuzz_target;
use spiketext::data::{Cell, KeptAnswers};

/// The head of a file of the identity that is asked for, without which nothing is looked at.
const HEAD: &[u8] = b"spiketext answers \0\x01";

fuzz_target!(|bytes: &[u8]| {
    let folder = tempfile::tempdir().expect("a folder");
    let table = folder.path().join("t.csv");
    for whole in [bytes.to_vec(), [HEAD, &[0; 32], bytes].concat(), [HEAD, &[0; 32 + 1024], bytes].concat()] {
        std::fs::write(folder.path().join("t.csv.answers"), whole).expect("written");
        let Ok((mut kept, _)) = KeptAnswers::beside(&table, [0; 32], 1, true) else { continue };
        for texts in [&["a", "b"][..], &["c"]] {
            let make = |texts: &[&str]| Ok(texts.iter().map(|text| vec![Cell::Text((*text).to_owned())]).collect());
            assert_eq!(kept.answer(texts, make).expect("answers").len(), texts.len());
        }
    }
});
