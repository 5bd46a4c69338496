//! Files of a weight for each class, lines and TOML. What is read are weights, or it is refused.
#![no_main]

use libfuzzer_sys::fuzz_target;
use spiketext_train::WeightFile;

fuzz_target!(|bytes: &[u8]| {
    let Some((kind, bytes)) = bytes.split_first() else { return };
    let name = if kind % 2 == 0 { "weights.csv" } else { "weights.toml" };
    let file = spiketext_fuzz::file(name, bytes);
    if let Ok(read) = WeightFile::read(file.path()) {
        let labels = ["negative", "positive"].map(str::to_owned);
        read.weights().check().expect("weights");
        assert_eq!(read.check_names(&labels).is_ok(), read.weights().check_names(&labels).is_ok());
    }
});
