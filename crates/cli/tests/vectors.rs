//! The real binary in an empty folder: `spiketext vectors` on good files and on hostile ones.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use tempfile::TempDir;

const GOOD: &str = "the 0.5 -1 2 0.25\nfilm 2 3 -4 1\nThe 9 9 9 9\ndull -1 0 1 2\nfilm 7 7 7 7\n";

/// Runs `spiketext vectors` with `arguments` in `folder`.
fn vectors(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_spiketext"))
        .arg("vectors")
        .args(arguments)
        .current_dir(folder)
        .output()
        .expect("the binary runs")
}

/// Standard output of a run that must succeed.
fn succeed(folder: &Path, arguments: &[&str]) -> String {
    let output = vectors(folder, arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && errors.is_empty(), "{arguments:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// The one line on standard error of a run that must fail with exit code 2.
fn fail(folder: &Path, arguments: &[&str]) -> String {
    let output = vectors(folder, arguments);
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {errors}");
    assert!(output.stdout.is_empty(), "{arguments:?}");
    assert_eq!(errors.lines().count(), 1, "{errors}");
    assert!(errors.starts_with("spiketext: "), "{errors}");
    errors
}

fn folder_with(name: &str, content: impl AsRef<[u8]>) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(name), content).unwrap();
    folder
}

#[test]
fn info_tells_the_facts_in_words_and_in_json() {
    let folder = folder_with("v.txt", GOOD);
    let text = succeed(folder.path(), &["info", "v.txt"]);
    assert!(text.starts_with("v.txt: GloVe text\n"), "{text}");
    for line in ["words        5", "dimensions   4", "duplicates   1 ", "words        the film dull"] {
        assert!(text.contains(line), "{line} in {text}");
    }
    let json: serde_json::Value =
        serde_json::from_str(&succeed(folder.path(), &["info", "v.txt", "--json"])).unwrap();
    assert_eq!(json["words"], 5);
    assert_eq!(json["looked_at"], 3);
    assert_eq!(json["variants"], 1);
    let mean = json["mean"].as_f64().unwrap();
    assert!((mean - 69.75 / 20.0).abs() < 1e-6, "{mean}");
    assert!(succeed(folder.path(), &["info", "zh"]).contains("spiketext compact"));
}

#[test]
fn shrink_writes_a_file_that_info_reads_and_equal_input_gives_equal_bytes() {
    let folder = folder_with("v.txt", GOOD);
    let shrink = |out: &str| {
        let arguments = ["shrink", "v.txt", "--out", out, "--words", "3", "--dimensions", "2", "--licence", "PDDL"];
        succeed(folder.path(), &arguments)
    };
    assert!(shrink("s.safetensors").starts_with("s.safetensors: 2 words x 2 dimensions, "));
    let first = fs::read(folder.path().join("s.safetensors")).unwrap();
    let header = String::from_utf8_lossy(&first);
    assert!(header.contains("PDDL") && header.contains("vectors shrink v.txt --out s.safetensors --words 3"));
    shrink("s.safetensors");
    assert_eq!(fs::read(folder.path().join("s.safetensors")).unwrap(), first);
    shrink("s.zst");
    let text = succeed(folder.path(), &["info", "s.zst"]);
    assert!(text.contains("spiketext compact") && text.contains("dimensions   2"), "{text}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3, "nothing else is left");
}

#[test]
fn hostile_files_give_one_clear_line_and_leave_nothing() {
    let rubbish: Vec<u8> = (0..200_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let cases: [(&str, Vec<u8>, &str); 11] = [
        ("rubbish", rubbish, "expected"),
        ("zeros", vec![0; 5 << 20], "v:1: expected lines of at most 1 MiB"),
        ("long", [b"a 1 2\nb ".to_vec(), vec![b'1'; 100 << 20]].concat(), "v:2: expected lines of at most 1 MiB"),
        ("nan", b"a 1 2\nb nan 2\n".to_vec(), "v:2: expected a word and 2 finite numbers, got 'nan' as number 1"),
        ("ragged", b"a 1 2\nb 1\n".to_vec(), "v:2: expected a word and 2 finite numbers, got 2 fields"),
        ("latin", b"a 1 2\ncaf\xe9 1 2\n".to_vec(), "v:2: expected UTF-8 text, got byte 0xe9 in column 4"),
        ("empty", vec![], "an empty file"),
        ("header", b"9000000000000000000 4000000000\na 1 2\n".to_vec(), "1 to 65536 dimensions"),
        ("cut gzip", vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0x4b, 0x54], "damaged or cut short"),
        ("zip", b"PK\x03\x04 and no more".to_vec(), "a whole compressed file"),
        ("compact", [b"\x02\0\0\0\0\0\0\0{}".as_slice(), b"x"].concat(), "safetensors"),
    ];
    for (name, content, message) in cases {
        let folder = folder_with("v", &content);
        for arguments in [["info", "v"].as_slice(), &["shrink", "v", "--out", "small.safetensors"]] {
            let error = fail(folder.path(), arguments);
            assert!(error.contains(message), "{name}: {error}");
            assert!(error.len() < 300, "{name}: {error}");
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "{name}: something was left");
    }
}

#[test]
fn missing_files_and_folders_are_named() {
    let folder = folder_with("v.txt", GOOD);
    assert!(fail(folder.path(), &["info", "no.txt"]).contains("cannot read no.txt"));
    assert!(fail(folder.path(), &["info", "."]).contains("a folder"));
    let error = fail(folder.path(), &["shrink", "v.txt", "--out", "no/s.safetensors"]);
    assert!(error.contains("cannot write no/s.safetensors"), "{error}");
    assert!(fail(folder.path(), &["shrink", "v.txt", "--out", "s", "--words", "0"]).contains("at least one word"));
}

#[test]
fn a_lenient_reading_counts_what_it_skips() {
    let folder = folder_with("v.txt", "a 1 2\nb 1\nc 3 4\n");
    let text = succeed(folder.path(), &["info", "v.txt", "--lenient"]);
    assert!(text.contains("skipped      1 lines that cannot be read: 2"), "{text}");
    assert!(text.contains("the first of them line 2: expected a word and 2 finite numbers, got 2 fields"), "{text}");
    let refused = fail(folder.path(), &["info", "v.txt"]);
    assert!(refused.contains("v.txt:2: ") && refused.contains("--lenient"), "{refused}");
}
