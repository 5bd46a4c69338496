//! Texts in languages that the built-in vectors do not know: they are not called English, and what helps is said.

mod common;

use std::path::Path;

use common::{events, run, succeeds, text};
use serde_json::Value;

fn file(language: &str) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../testdata/languages/{language}.csv"));
    file.display().to_string()
}

const QUICK: [&str; 5] = ["--epochs", "1", "--set", "fine-tuning.epochs=0", "-o"];

#[test]
fn other_languages_are_told_before_training() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    // What helps; of a language that cannot be cut into words, that nothing does.
    let without_blanks = "languages without blanks between words are not supported";
    for (language, vectors) in [("de", "cc.de.300.vec.gz"), ("ru", "cc.ru.300.vec.gz"), ("ja", without_blanks)] {
        let file = file(language);
        let output = run(folder, &[&["train", &file], &QUICK[..], &["model"]].concat());
        let told = text(&output.stderr);
        assert!(output.status.success(), "{told}");
        let way = if language == "ja" { "in no language that this program can cut" } else { "--language en" };
        for part in ["note: the texts seem to be in no language", vectors, way, "in an unknown language"] {
            assert!(told.contains(part), "{language}: {part}: {told}");
        }
        assert!(!told.contains("test texts (en)"), "{told}");
        let lines = events(&succeeds(folder, &[&["train", &file, "--json"], &QUICK[..], &["model"]].concat()));
        let prepared = lines.iter().find(|line| line["event"] == "prepared").expect("words were looked up");
        assert!(prepared["language_share"].as_f64().expect("a share") < 0.2, "{prepared}");
        assert!(lines.iter().any(|line| line["event"] == "note" && line["message"].to_string().contains(vectors)));
        let card = std::fs::read_to_string(folder.join("model/README.md")).expect("a card");
        assert!(!card.contains("English text") && card.contains("another language"), "{language}: {card}");
        let shown: Value = serde_json::from_str(&succeeds(folder, &["data", "show", &file, "--json"])).expect("JSON");
        assert_eq!(shown["language"], Value::Null, "{language}");
        assert!(shown["language_note"].to_string().contains(vectors));
        assert!(succeeds(folder, &["data", "show", &file]).contains("language: unknown; the texts seem"));
        // Who names the language knows.
        let output = run(folder, &[&["train", &file, "--language", "en"], &QUICK[..], &["model"]].concat());
        assert!(output.status.success() && !text(&output.stderr).contains("no language"), "{language}");
    }
    // English is English, by whatever name, and Chinese Chinese.
    for (name, title) in [("reviews-en", "English"), ("reviews-zh", "Chinese")] {
        let shown = succeeds(folder, &["data", "show", name]);
        assert!(shown.contains(&format!("language: {title}\n")), "{shown}");
    }
}

#[test]
fn a_file_of_vectors_in_another_language_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let words = ["zimmer", "essen", "the", "room", "food", "film", "war", "das"];
    let lines: String = words.iter().enumerate().map(|(n, word)| format!("{word} {n} -{n} 1\n")).collect();
    std::fs::write(folder.join("few.txt"), lines).expect("written");
    let file = file("de");
    let output = run(folder, &[&["train", &file, "--vectors", "few.txt"], &QUICK[..], &["model"]].concat());
    let told = text(&output.stderr);
    assert!(output.status.success() && told.contains("of the words of the texts have a vector in few.txt"), "{told}");
    assert!(!told.contains("no language"), "who brings vectors needs no advice to: {told}");
}
