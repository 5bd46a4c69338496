//! The file of the DNN beside a model. What can be loaded can be asked.
#![no_main]

use libfuzzer_sys::fuzz_target;
use spiketext::{
    dnn::FILE,
    model::CONFIG,
    score::{DnnScorer, Scorer},
};
use spiketext_fuzz::model;

fuzz_target!(|bytes: &[u8]| {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join(FILE), bytes).expect("written");
    // Without checksums, which no damage gets past.
    std::fs::write(folder.path().join(CONFIG), "{}").expect("written");
    let model = model();
    if let Ok(dnn) = model.load_dnn(folder.path()) {
        let answers = DnnScorer::new(&model, &dnn).score(&["good film".to_owned(), String::new()]);
        assert_eq!(answers.len(), 2);
    }
});
