//! `spiketext data` as users meet it: the real binary, a fresh folder, good files and hostile ones.

mod common;

use std::{path::Path, process::Output};

use common::text;

/// Runs `spiketext data` with `arguments` in `folder`.
fn data(folder: &Path, arguments: &[&str]) -> Output {
    common::run(folder, &[&["data"], arguments].concat())
}

/// The output of a run that must succeed and say nothing on standard error.
fn succeeds(folder: &Path, arguments: &[&str]) -> String {
    let output = data(folder, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    assert_eq!(text(&output.stderr), "", "{arguments:?}");
    text(&output.stdout).to_owned()
}

/// The line of a run that must fail.
fn fails(folder: &Path, arguments: &[&str]) -> String {
    common::fails(folder, &[&["data"], arguments].concat())
}

#[test]
fn list_names_every_set_in_both_forms() {
    let folder = tempfile::tempdir().unwrap();
    let plain = succeeds(folder.path(), &["list"]);
    let sets: serde_json::Value = serde_json::from_str(&succeeds(folder.path(), &["list", "--json"])).unwrap();
    let names: Vec<&str> = sets.as_array().unwrap().iter().map(|set| set["name"].as_str().unwrap()).collect();
    assert_eq!(
        names,
        [
            "reviews-en",
            "reviews-zh",
            "mr",
            "subj",
            "sst2",
            "sst2-phrases",
            "sst5",
            "sst5-phrases",
            "chnsenti",
            "waimai"
        ]
    );
    assert!(names.iter().all(|name| plain.contains(name)), "{plain}");
    assert_eq!((&sets[2]["texts"], &sets[2]["rule"]), (&10_662.into(), &"hash".into()));
}

#[test]
fn show_tells_shares_lengths_remarks_and_examples() {
    let folder = tempfile::tempdir().unwrap();
    let rows: String = (0..40).map(|n| format!("{},text number {n}\n", ["good", "bad"][n % 2])).collect();
    std::fs::write(folder.path().join("mine.csv"), format!("mood,note\n{rows}good,\nbad,TEXT number 1\n")).unwrap();
    let columns = ["show", "mine.csv", "--text-column", "note", "--label-column", "mood"];
    let plain = succeeds(folder.path(), &columns);
    for part in ["mine: 41 texts, 2 classes", "80/10/10", "empty, left out: 1", "kept: 1", "\nbad\n  text number "] {
        assert!(plain.contains(part), "{part}: {plain}");
    }
    let shown: serde_json::Value =
        serde_json::from_str(&succeeds(folder.path(), &[&columns[..], &["--json", "--count", "3"]].concat()))
            .unwrap();
    assert_eq!(shown["labels"], serde_json::json!(["bad", "good"]));
    assert_eq!((&shown["report"]["empty"], &shown["report"]["duplicates"]), (&1.into(), &1.into()));
    assert_eq!(shown["summary"]["lengths"]["longest"], 14);
    assert_eq!(shown["examples"][1]["texts"].as_array().unwrap().len(), 3);
}

#[test]
fn built_in_sets_need_no_files() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["reviews-en", "reviews-zh"] {
        let plain = succeeds(folder.path(), &["show", name, "--count", "0"]);
        assert!(plain.contains("negative") && plain.contains("parts: official"), "{plain}");
    }
}

#[test]
fn hostile_files_get_one_clear_line_and_exit_code_2() {
    let folder = tempfile::tempdir().unwrap();
    let rubbish: Vec<u8> = (0..4096u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let many = |label: fn(usize) -> &'static str| {
        (0..30).fold("text,label\n".to_owned(), |csv, n| csv + &format!("text {n},{}\n", label(n)))
    };
    let one_class = many(|_| "same");
    let gap = many(|n| if n == 6 { "" } else { ["a", "b"][n % 2] });
    let cases: [(&str, &[u8], &[&str]); 13] = [
        ("rubbish.csv", &rubbish, &["rubbish.csv:", "expected UTF-8 text"]),
        ("rubbish", &rubbish, &["rubbish"]),
        ("rubbish.parquet", &rubbish, &["rubbish.parquet", "sound Parquet"]),
        ("western.csv", b"text,label\nfine,1\nit\x92s bad,0\n", &["western.csv:3:", "0x92", "Windows-1252"]),
        ("columns.csv", b"id,body text,when\n1,a,b\n", &["columns.csv:1:", "id, body text, when"]),
        ("one.csv", one_class.as_bytes(), &["one.csv", "one class only, 'same'"]),
        ("missing.csv", gap.as_bytes(), &["missing.csv:8:", "label"]),
        ("empty.csv", b"", &["empty.csv", "an empty file"]),
        ("header.csv", b"text,label\n", &["header.csv", "got none"]),
        ("ragged.tsv", b"text\tlabel\na\tb\tc\n", &["ragged.tsv:2:", "expected 2 fields"]),
        ("bad.jsonl", b"{\"text\": \"a\", \"label\": 1}\n{\"text\": \n", &["bad.jsonl:2:", "JSON"]),
        ("cut.parquet", b"PAR1\x15\x04\x15\x10", &["cut.parquet", "sound Parquet"]),
        ("multi.txt", b"__label__a x\n__label__a __label__b y\n", &["multi.txt:2:", "'a' and 'b'"]),
    ];
    for (name, content, words) in cases {
        std::fs::write(folder.path().join(name), content).unwrap();
        let error = fails(folder.path(), &["show", name]);
        assert!(words.iter().all(|word| error.contains(word)), "{name}: {error}");
    }
}

#[test]
fn wrong_names_and_missing_files_say_where_to_look() {
    let folder = tempfile::tempdir().unwrap();
    assert!(fails(folder.path(), &["show", "reviews"]).contains("reviews-en"));
    assert!(fails(folder.path(), &["show", "none.csv"]).contains("cannot read none.csv"));
    assert!(fails(folder.path(), &["show", "mr"]).contains("no data folder"));
    let error = fails(folder.path(), &["show", "sst2", "--data-dir", "here"]);
    assert!(
        error.contains("stsa.binary.train") && error.contains("raw") && error.contains("nlp.stanford.edu"),
        "{error}"
    );
    assert!(fails(folder.path(), &["show", "mr", "--text-column", "x"]).contains("files only"));
}
