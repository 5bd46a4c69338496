//! The real binary in an empty folder: `spiketext augment` on good files and on hostile ones.

mod common;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::Write,
    path::Path,
    process::Stdio,
};

use common::{fails, names, result, run, spiketext, succeeds, text};
use serde_json::Value;
use spiketext::data::text_hash;

/// Texts that are alike and different enough to stand in each other's frames.
fn reviews(count: usize) -> Vec<String> {
    let of = |list: [&str; 5], at: usize| list[at % 5].to_owned();
    (0..count)
        .map(|n| {
            let (how, what) = (
                of(["warm", "dull", "loud", "funny", "slow"], n),
                of(["film", "story", "actor", "book", "song"], n / 5),
            );
            format!("This is the {how} {what} number {n}, but the end is not so {how}.")
        })
        .collect()
}

fn labelled(folder: &Path, name: &str, texts: &[String]) {
    let rows: String =
        texts.iter().enumerate().map(|(n, text)| format!("\"{text}\",{}\n", ["good", "bad"][n % 2])).collect();
    fs::write(folder.join(name), format!("text,label\n{rows}")).unwrap();
}

/// The objects of a file of JSON lines.
fn rows(folder: &Path, name: &str) -> Vec<Value> {
    let content = fs::read_to_string(folder.join(name)).unwrap();
    content.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn column<'a>(rows: &'a [Value], name: &str) -> Vec<&'a str> {
    rows.iter().map(|row| row[name].as_str().unwrap()).collect()
}

#[test]
fn the_training_part_is_varied_and_nothing_that_is_held_out_comes_out() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let texts = reviews(200);
    labelled(folder, "a.csv", &texts);
    let output = run(folder, &["augment", "a.csv", "--out", "b.jsonl", "--from", "--json"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let (said, result) = (text(&output.stderr), result(text(&output.stdout)));
    for part in ["training texts are varied; ", " test texts are held out", "language: English", "near words: "] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let rows = rows(folder, "b.jsonl");
    assert_eq!(result["written"], rows.len());
    let held_out = result["development_and_test"].as_u64().unwrap();
    assert_eq!(held_out + result["texts"].as_u64().unwrap(), 200);
    assert!(rows.len() > 1000 && (20..80).contains(&held_out), "{result}");
    for way in ["mask", "replace", "neighbour", "sample", "cut"] {
        assert!(result["ways"][way].as_u64() > Some(100), "{way}: {result}");
    }
    let known: BTreeSet<u64> = texts.iter().map(|text| text_hash(text)).collect();
    let made: BTreeSet<u64> = column(&rows, "text").into_iter().map(text_hash).collect();
    assert_eq!(made.len(), rows.len(), "a text comes twice");
    assert!(made.is_disjoint(&known));
    let varied: BTreeSet<&str> = column(&rows, "from").into_iter().collect();
    assert_eq!(varied.len() as u64, 200 - held_out);
    assert!(varied.iter().all(|text| texts.iter().any(|other| other == text)));
    assert_eq!(names(folder), ["a.csv", "b.jsonl"]);

    // What one asks for is a text that is held out: it does not come out.
    let test = texts.iter().find(|text| !varied.contains(text.as_str())).unwrap();
    let more = format!("{}, and more", test.trim_end_matches('.'));
    labelled(folder, "c.csv", &[texts.clone(), vec![more; 3]].concat());
    succeeds(folder, &["augment", "c.csv", "--out", "d.jsonl", "--ways", "sample,cut", "--times", "300"]);
    let again = self::rows(folder, "d.jsonl");
    assert!(!column(&again, "text").contains(&test.as_str()));
}

#[test]
fn all_texts_are_varied_where_there_are_no_labels_or_it_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let texts = reviews(60);
    labelled(folder, "a.csv", &texts);
    fs::write(folder.join("a.txt"), texts.join("\n") + "\n\n").unwrap();
    let varied = |arguments: &[&str], said: &str| {
        let all = [&["augment"], arguments, &["--json", "--force", "--out", "b.csv"]].concat();
        let output = run(folder, &all);
        let told = text(&output.stderr);
        assert!(output.status.success() && told.contains(said), "{said}: {told}");
        result(text(&output.stdout))["texts"].as_u64()
    };
    assert_eq!(varied(&["a.txt"], "all of them are varied"), Some(60));
    assert_eq!(varied(&["a.csv", "--all"], "--all: all texts are varied"), Some(60));
    assert_eq!(varied(&["a.csv", "a.txt", "--all"], "read a.txt: a text a line"), Some(60));
    let error = fails(folder, &["augment", "a.csv", "a.txt", "--out", "c.csv"]);
    assert!(error.contains("a.txt: expected labels") && error.contains("--all"), "{error}");
    fs::write(folder.join("plain.csv"), "id,text\n1,a film\n2,a book\n").unwrap();
    let error = fails(folder, &["augment", "plain.csv", "--out", "c.csv"]);
    assert!(error.contains("plain.csv") && error.contains("--all varies all texts"), "{error}");
    // Standard input can be read once only, and is read twice.
    let mut child = spiketext(folder, &["augment", "-", "--all", "--out", "c.jsonl.gz"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all((texts.join("\n") + "\n").as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success() && text(&output.stdout).contains(" made of 60,"), "{}", text(&output.stderr));
    assert!(!folder.join("-").exists());
}

#[test]
fn chinese_stays_chinese() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let output = run(folder, &["augment", "--dataset", "reviews-zh", "--out", "b.jsonl"]);
    assert!(text(&output.stderr).contains("language: Chinese"), "{}", text(&output.stderr));
    let texts = rows(folder, "b.jsonl");
    let texts = column(&texts, "text");
    assert!(texts.len() > 3000);
    let blanks = texts.iter().filter(|text| text.contains(' ')).count();
    assert!(blanks * 20 < texts.len(), "{blanks} of {} have blanks", texts.len());
}

#[test]
fn seeds_threads_and_caps() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    labelled(folder, "a.csv", &reviews(300));
    let made = |threads: &str, more: &[&str]| {
        let arguments = [&["augment", "a.csv", "--out", "b.csv", "--force"], more].concat();
        let output = spiketext(folder, &arguments).env("RAYON_NUM_THREADS", threads).output().unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
        fs::read_to_string(folder.join("b.csv")).unwrap()
    };
    let one = made("1", &[]);
    assert_eq!(made("2", &[]), one);
    assert_ne!(made("2", &["--seed", "1"]), one);
    let few = made("2", &["--most", "50", "--from"]);
    assert_eq!(few.lines().count(), 51);
    let from = few.lines().skip(1).filter_map(|line| line.split("This is the ").last());
    assert!(from.collect::<BTreeSet<_>>().len() == 50, "{few}");
    assert_eq!(made("1", &["--most", "50", "--from"]), few);
}

#[test]
fn what_is_there_stays_and_nothing_is_half_written() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    labelled(folder, "a.csv", &reviews(40));
    fs::write(folder.join("there.csv"), "mine").unwrap();
    fs::write(folder.join("words.txt"), "no vectors").unwrap();
    let before = common::everything(folder);
    for (arguments, parts) in [
        (&["a.csv", "--out", "there.csv"][..], &["there.csv", "--force"][..]),
        (&["a.csv", "--out", "a.csv", "--force"], &["a.csv", "another file"]),
        (&["a.csv", "--out", "b.parquet"], &["b.parquet", ".jsonl"]),
        (&["a.csv", "--out", "b.txt"], &["b.txt"]),
        (&["a.csv", "--out", "-"], &["standard output"]),
        (&["a.csv", "--out", "no/b.csv"], &["there is no no"]),
        (&["--out", "b.csv"], &["--dataset NAME"]),
        (&["no.csv", "--out", "b.csv"], &["no.csv"]),
        (&["a.csv", "--out", "b.csv", "--vectors", "words.txt"], &["words.txt"]),
        (&["a.csv", "--out", "b.csv", "--p-mask", "2"], &["p-mask", "from 0 to 1"]),
        (&["a.csv", "--out", "b.csv", "--p-mask", "0.9"], &["of 1 together"]),
        (&["a.csv", "--out", "b.csv", "--ways", "cut", "--p-mask", "0.2"], &["--p-mask", "mask"]),
        (&["a.csv", "--out", "b.csv", "--ways", "mask", "--vectors", "en"], &["--vectors", "neighbour"]),
        (&["--dataset", "reviews-en", "--skip-bad", "--out", "b.csv"], &["--skip-bad", "FILE"]),
    ] {
        let output = run(folder, &[&["augment"], arguments].concat());
        let error = text(&output.stderr).lines().last().unwrap_or_default();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {error}");
        assert!(parts.iter().all(|part| error.contains(part)), "{arguments:?}: {error}");
        assert_eq!(common::everything(folder), before, "{arguments:?}");
    }
    succeeds(folder, &["augment", "a.csv", "--out", "there.csv", "--force"]);
    assert!(fs::read_to_string(folder.join("there.csv")).unwrap().starts_with("text\n"));
}

#[test]
fn hostile_texts_come_through() {
    let cases: BTreeMap<&str, String> = BTreeMap::from([
        ("one word", "film\n".to_owned()),
        ("blank", "\n \n".to_owned()),
        ("signs", "...\n( ) \"\"\n".to_owned()),
        ("control", "a \u{1} warm film, but \u{1b}[31m it \u{7} drags on and on\n".to_owned()),
        ("a megabyte", "so (good, it is. ".repeat(1 << 16) + "\n"),
        ("a megabyte of Chinese", "房间很干净，但是".repeat(1 << 15) + "\n"),
        ("one long word", "a".repeat(1 << 20) + "\n"),
    ]);
    for (name, content) in cases {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        fs::write(folder.join("a.txt"), &content).unwrap();
        let arguments = ["augment", "a.txt", "--format", "lines", "--out", "b.jsonl", "--times", "2", "--json"];
        let written = result(&succeeds(folder, &arguments))["written"].as_u64();
        let rows = rows(folder, "b.jsonl");
        assert_eq!(written, Some(rows.len() as u64), "{name}");
        assert!(column(&rows, "text").iter().all(|text| !text.trim().is_empty()), "{name}");
    }
    let folder = tempfile::tempdir().unwrap();
    for (name, content, part) in [
        ("empty.txt", &b""[..], "empty file"),
        ("nul.txt", b"a \0 film\n", "nul.txt:1"),
        ("latin.txt", b"caf\xe9 is fine\n", "latin.txt:1"),
        ("cut.jsonl", b"{\"text\": \"a\", \"label\": 1}\n{\"te", "cut.jsonl:2"),
    ] {
        fs::write(folder.path().join(name), content).unwrap();
        let output = run(folder.path(), &["augment", name, "--out", "b.csv"]);
        let error = text(&output.stderr).lines().last().unwrap_or_default();
        assert_eq!(output.status.code(), Some(2), "{name}: {error}");
        assert!(error.contains(part), "{name}: {error}");
        assert!(!folder.path().join("b.csv").exists());
    }
    // JSON can hold what a CSV cannot.
    let folder = folder.path();
    fs::write(folder.join("nul.jsonl"), "{\"text\": \"a \\u0000 warm film \\u0000 and a dull one\"}\n").unwrap();
    let arguments = ["augment", "nul.jsonl", "--all", "--ways", "mask", "--out"];
    let output = run(folder, &[&arguments[..], &["b.csv"]].concat());
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("without a NUL byte") && !folder.join("b.csv").exists());
    succeeds(folder, &[&arguments[..], &["b.jsonl"]].concat());
    assert!(rows(folder, "b.jsonl").iter().any(|row| row["text"].as_str().unwrap().contains('\0')));
}
