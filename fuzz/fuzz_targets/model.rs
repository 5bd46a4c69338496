//! A model directory of which one file is replaced, without checksums, which no damage gets past. What can be loaded can
//! be asked, and saved and loaded again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use spiketext::model::Model;
use spiketext_fuzz::{MODEL_FILES, save_without_checksums};

fuzz_target!(|bytes: &[u8]| {
    let Some((&choice, content)) = bytes.split_first() else { return };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("model");
    save_without_checksums(&path);
    std::fs::write(path.join(MODEL_FILES[usize::from(choice) % MODEL_FILES.len()]), content).expect("written");
    if let Ok(model) = Model::load(&path) {
        let _ = model.predict(&["good film", "bad", "", "unheard"]);
        let again = folder.path().join("again");
        model.save(&again).expect("saved again");
        assert_eq!(Model::load(&again).expect("loaded again").network(), model.network());
    }
});
