//! Images of models for machines without an operating system. What can be read can be run, whatever its numbers are; half of
//! the inputs have their sum made to fit, as damage on purpose would have.
#![no_main]

use libfuzzer_sys::fuzz_target;
use spiketext_embedded::{Image, Reader};

fuzz_target!(|input: (bool, Vec<u8>)| {
    let (fits, mut bytes) = input;
    if fits {
        spiketext_embedded::write::make_sum_fit(&mut bytes);
    }
    let Ok(image) = Image::read(&bytes) else { return };
    // Sizes are in proportion to the bytes: weights of every product are there.
    let mut memory = vec![0; Reader::memory(&image)];
    let mut reader = Reader::new(&image, &mut memory).expect("as much as was asked for");
    for word in 0..image.words().min(50) {
        reader.word(Some(word));
    }
    reader.text("a warm and funny film , well-made -lrb- !!!! \u{2010}");
    let class = reader.answer().class;
    assert!(class < image.classes() && image.label(class).is_some());
});
