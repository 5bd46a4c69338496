//! Labelled texts: the first byte chooses the name of the file and so its format, the rest is the content.
#![no_main]

use libfuzzer_sys::fuzz_target;
use spiketext::data::{Dataset, ReadOptions, TextStream, read_file, read_texts};
use spiketext_fuzz::DATA_NAMES;

fn texts_of(options: &ReadOptions, path: &std::path::Path) -> Option<Vec<String>> {
    let mut stream = TextStream::open(path, options).ok()?;
    let mut texts = Vec::new();
    loop {
        let batch = stream.next_batch(3).ok()?;
        if batch.is_empty() {
            return Some(texts);
        }
        texts.extend(batch.into_iter().map(|record| record.text));
    }
}

fuzz_target!(init: spiketext_fuzz::pass_over_caught_panics(), |bytes: &[u8]| {
    let Some((&choice, content)) = bytes.split_first() else { return };
    let file = spiketext_fuzz::file(DATA_NAMES[usize::from(choice) % DATA_NAMES.len()], content);
    let mut named = ReadOptions::default();
    (named.text, named.label, named.skip_bad) = (vec!["text".into()], Some("label".into()), true);
    let mut several = named.clone();
    several.multi_label = true;
    for columns in [ReadOptions::default(), named, several] {
        if let Ok(table) = read_file(file.path(), &columns) {
            assert!(table.rows.iter().all(|row| !row.text.trim().is_empty()));
            assert!(table.rows.iter().flat_map(|row| &row.labels).all(|label| !label.trim().is_empty()));
            assert!(columns.multi_label || table.rows.iter().all(|row| row.labels.len() == 1));
        }
        // Row by row, the texts are the same; a file without any is no error there, and nothing is left out, not even a
        // header that comes again.
        let streamed = texts_of(&columns, file.path());
        if let (Ok(table), false) = (read_texts(file.path(), &columns), columns.skip_bad)
            && !table.readings.iter().flat_map(|reading| &reading.notes).any(|note| note.contains("comes again"))
        {
            assert!(streamed.is_some_and(|texts| texts.iter().eq(table.rows.iter().map(|row| &row.text))));
        }
        if let Ok(dataset) = Dataset::from_files(&[file.path()], None, &columns) {
            assert!(dataset.labels.len() > 1);
            for examples in [&dataset.train, &dataset.development, &dataset.test] {
                assert!(!examples.is_empty());
                assert!(examples.iter().all(|example| example.target.fits(dataset.labels.len())));
                assert!(examples.iter().all(|example| example.target.class().is_none() == columns.multi_label));
            }
        }
    }
});
