//! A checkpoint: whatever it holds, resuming from it trains on or refuses.
#![no_main]

use libfuzzer_sys::fuzz_target;
use spiketext_train::CHECKPOINT;

fuzz_target!(|bytes: &[u8]| {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join(CHECKPOINT), bytes).expect("written");
    let _ = spiketext_fuzz::train(folder.path(), true);
});
