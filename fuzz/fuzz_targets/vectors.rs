//! Word vectors of every format, plain or packed: the content tells which.
#![no_main]

use libfuzzer_sys::fuzz_target;
use spiketext::vectors::{Selection, read};

fuzz_target!(|bytes: &[u8]| {
    let file = spiketext_fuzz::file("vectors.bin", bytes);
    for lenient in [false, true] {
        for also_first in [2, usize::MAX] {
            let selection = Selection { needed: ["the".to_owned()].into(), also_first, lenient };
            if let Ok(vectors) = read(file.path(), &selection) {
                assert_eq!(vectors.values.len(), vectors.words.len() * vectors.dimension);
                assert!(vectors.rates().iter().all(|rate| (0.0..=1.0).contains(rate)));
            }
        }
    }
});
