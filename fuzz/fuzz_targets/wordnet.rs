//! A file of WordNet's, in the place of a sound one. What can be loaded can be asked.
#![no_main]

use libfuzzer_sys::fuzz_target;
use spiketext_attack::transformation::synonyms::WordNet;

/// The smallest database: one synset of two nouns.
const FILES: [(&str, &str); 12] = [
    ("data.noun", "  1 \n00000005 03 n 02 film 0 movie 0 000 | \n"),
    ("index.noun", "  1 \nfilm n 1 0 1 0 00000005 \nmovie n 1 0 1 0 00000005 \n"),
    ("noun.exc", "mice mouse\n"),
    ("data.verb", "  1 \n"),
    ("index.verb", "  1 \n"),
    ("verb.exc", "ran run\n"),
    ("data.adj", "  1 \n"),
    ("index.adj", "  1 \n"),
    ("adj.exc", ""),
    ("data.adv", "  1 \n"),
    ("index.adv", "  1 \n"),
    ("adv.exc", ""),
];

fuzz_target!(|bytes: &[u8]| {
    let Some((&choice, content)) = bytes.split_first() else { return };
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (i, (name, sound)) in FILES.iter().enumerate() {
        let content = if i == usize::from(choice) % FILES.len() { content } else { sound.as_bytes() };
        std::fs::write(folder.path().join(name), content).expect("written");
    }
    if let Ok(words) = WordNet::load(folder.path()) {
        let _ = (words.of("films"), words.of("mice"), words.of(""));
    }
});
