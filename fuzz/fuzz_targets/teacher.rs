//! A teacher's answers: the first byte chooses the name of the file and so its format, the rest is the content. What is
//! read has a finite logit for each class; what is compared with texts that are held out is found among them or is not.
#![no_main]

use libfuzzer_sys::fuzz_target;
use spiketext::data::{ReadOptions, near::HeldOut, teacher};
use spiketext_fuzz::DATA_NAMES;

fuzz_target!(init: spiketext_fuzz::pass_over_caught_panics(), |bytes: &[u8]| {
    let Some((&choice, content)) = bytes.split_first() else { return };
    let file = spiketext_fuzz::file(DATA_NAMES[usize::from(choice) % DATA_NAMES.len()], content);
    let labels = ["a".to_owned(), "b".to_owned()];
    for (multi_label, skip_bad) in [(false, false), (true, true)] {
        let mut options = ReadOptions::default();
        (options.multi_label, options.skip_bad) = (multi_label, skip_bad);
        if let Ok(answers) = teacher::read(file.path(), &labels, None, &options) {
            assert!(!answers.logits.is_empty());
            assert!(answers.logits.values().all(|row| row.len() == 2 && row.iter().all(|logit| logit.is_finite())));
        }
    }
    let text = String::from_utf8_lossy(content);
    let (first, second) = text.split_at(text.floor_char_boundary(text.len() / 2));
    let held = HeldOut::new([first, second]);
    assert!(held.find(&text).is_none_or(|(place, _)| place < 2));
});
