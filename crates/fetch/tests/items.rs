//! Data sets of the tests' own, from archives that are as they should be and from others.

mod made;
mod server;

use std::{borrow::Cow, fs, path::Path, time::Duration};

use made::{tarred, zipped};
use server::{Reply, Server};
use sha2::{Digest, Sha256};
use spiketext::data::treebank::Grain;
use spiketext_fetch::{Content, Downloader, Item, Member, Options, Outcome, Remote, Result, TreeFile, fetch};

const NEGATIVE: &[u8] = b"dull\nlong\n";
const POSITIVE: &[u8] = b"warm\nfunny\nshort\n";

fn sum(bytes: &[u8]) -> &'static str {
    base16ct::lower::encode_string(&Sha256::digest(bytes)).leak()
}

/// A set of two members of a `.tar.gz` whose own sum nobody knows.
fn polarity() -> Item {
    let member =
        |member, file, content: &[u8]| Member { member, file, bytes: content.len() as u64, sha256: sum(content) };
    let members = vec![member("p.neg", "set.neg", NEGATIVE), member("p.pos", "set.pos", POSITIVE)];
    Item {
        name: "set",
        remote: Remote::unchecked("https://never.invalid/there/polarity.tar.gz"),
        content: Content::Members(Cow::Owned(members)),
    }
}

fn bring(item: &Item, folder: &Path, mirror: &str, again: bool) -> Result<Outcome> {
    let downloader = Downloader::new(2, Duration::from_millis(1));
    fetch(item, folder, &Options { mirror: Some(mirror), again }, &downloader, &mut |_| {})
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn members_become_files_and_are_not_fetched_twice() {
    let outside = tempfile::tempdir().unwrap();
    let folder = outside.path().join("deep/data");
    let archive = tarred(&[("../readme", b"no"), ("x/p.pos", POSITIVE), ("../../p.neg", NEGATIVE)]);
    let server = Server::of([("/m/polarity.tar.gz", archive)]);
    let mirror = format!("{}/m/", server.address);
    let outcome = bring(&polarity(), &folder, &mirror, false).unwrap();
    assert_eq!(outcome.from.unwrap(), format!("{}/m/polarity.tar.gz", server.address));
    assert_eq!(outcome.files, [folder.join("set.neg"), folder.join("set.pos")]);
    assert_eq!(names(&folder), ["set.neg", "set.pos"]);
    assert_eq!(fs::read(&outcome.files[1]).unwrap(), POSITIVE);
    // Nothing of the archive's own paths was followed.
    assert_eq!(names(outside.path()), ["deep"]);

    let there = bring(&polarity(), &folder, &mirror, false).unwrap();
    assert_eq!((there.from, there.files.len(), server.requests().len()), (None, 2, 1));
    assert!(bring(&polarity(), &folder, &mirror, true).unwrap().from.is_some());
    fs::remove_file(folder.join("set.neg")).unwrap();
    assert!(bring(&polarity(), &folder, &mirror, false).unwrap().from.is_some());
    assert_eq!((names(&folder).len(), server.requests().len()), (2, 3));
}

#[test]
fn a_file_that_is_another_one_is_replaced_only_when_asked() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::of([("/polarity.tar.gz", tarred(&[("p.neg", NEGATIVE), ("p.pos", POSITIVE)]))]);
    for (content, words) in
        [(&b"mine"[..], "expected 10 bytes or nothing in this place, got 4"), (b"my own tex", "SHA-256")]
    {
        fs::write(folder.path().join("set.neg"), content).unwrap();
        let error = bring(&polarity(), folder.path(), &server.address, false).unwrap_err().to_string();
        assert!(error.contains("set.neg") && error.contains(words), "{error}");
    }
    assert_eq!((names(folder.path()).len(), server.requests().len()), (1, 0));
    bring(&polarity(), folder.path(), &server.address, true).unwrap();
    assert_eq!(fs::read(folder.path().join("set.neg")).unwrap(), NEGATIVE);
}

#[test]
fn archives_that_hold_something_else_leave_nothing() {
    let whole = tarred(&[("p.neg", NEGATIVE), ("p.pos", POSITIVE)]);
    let cases: [(Vec<u8>, &str); 5] = [
        (tarred(&[("p.neg", NEGATIVE)]), "expected a member p.pos, got none"),
        (tarred(&[("p.neg", NEGATIVE), ("p.pos", b"cold\nfunny\nshort\n")]), "p.pos in http"),
        (tarred(&[("p.neg", b"dull\n"), ("p.pos", POSITIVE)]), "expected 10 bytes, got 5"),
        (whole[..whole.len() - 30].to_vec(), "expected a whole archive, got a damaged one"),
        (b"<html>log in first</html>".to_vec(), "expected a whole archive, got a damaged one"),
    ];
    for (archive, words) in cases {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::of([("/polarity.tar.gz", archive)]);
        let error = bring(&polarity(), folder.path(), &server.address, false).unwrap_err().to_string();
        assert!(error.contains("polarity.tar.gz") && error.contains(words), "{error}");
        assert_eq!(names(folder.path()), [""; 0]);
    }
}

/// A treebank of `[train, dev, test]`, and the counts that it should have.
fn treebank(parts: [&str; 3], counts: [(usize, usize); 3]) -> (Item, Vec<u8>) {
    let [train, dev, test] = parts.map(str::as_bytes);
    let archive = zipped(&[("trees/train.txt", train), ("trees/dev.txt", dev), ("trees/test.txt", test)]);
    let file = |member, part, (fine, binary)| TreeFile { member, part, fine, binary };
    let files = vec![
        file("train.txt", "train", counts[0]),
        file("dev.txt", "dev", counts[1]),
        file("test.txt", "test", counts[2]),
    ];
    let remote = Remote::new("https://never.invalid/trees.zip", archive.len() as u64, sum(&archive));
    (Item { name: "trees", remote, content: Content::Trees(Cow::Owned(files)) }, archive)
}

const TRAIN: &str = "(3 (2 It) (4 (4 (2 's) (3 Fun)) (2 .)))\n(2 (2 -LRB-) (2 Meh))\n";
const DEV: &str = "(0 (1 Bad) (2 .))\n";
const TEST: &str = "(1 (2 1\\/2) (1 Bad))\n(4 Caf\u{c9}\u{a0}x)\n";

#[test]
fn trees_become_the_files_of_both_sets() {
    let folder = tempfile::tempdir().unwrap();
    let (item, archive) = treebank([TRAIN, DEV, TEST], [(2, 1), (1, 1), (2, 2)]);
    let server = Server::of([("/trees.zip", archive)]);
    bring(&item, folder.path(), &server.address, false).unwrap();
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
    assert_eq!(read("stsa.fine.train"), "3 it 's fun .\n2 -lrb- meh\n");
    assert_eq!(read("stsa.binary.train"), "1 it 's fun .\n");
    assert_eq!(read("stsa.fine.dev") + &read("stsa.binary.dev"), "0 bad .\n0 bad .\n");
    assert_eq!(read("stsa.fine.test"), "1 1\\/2 bad\n4 caf\u{e9}\u{a0}x\n");
    assert_eq!(read("stsa.binary.test"), "0 1\\/2 bad\n1 caf\u{e9}\u{a0}x\n");
    assert_eq!(names(folder.path()).len(), 6);
    assert_eq!(bring(&item, folder.path(), &server.address, false).unwrap().from, None);
    fs::write(folder.path().join("stsa.fine.dev"), "").unwrap();
    let error = bring(&item, folder.path(), &server.address, false).unwrap_err().to_string();
    assert!(error.contains("stsa.fine.dev: expected 1 lines or nothing in this place, got 0"), "{error}");
}

#[test]
fn phrases_of_the_training_sentences_become_a_file_beside_those_of_sentences() {
    let folder = tempfile::tempdir().unwrap();
    // A phrase that is a development sentence is left out; the neutral test sentence keeps no phrase away.
    let (train, dev, test) = (TRAIN.to_owned() + "(0 (1 Bad) (2 .))\n", DEV, "(1 (2 1\\/2) (1 Bad))\n(2 Fun)\n");
    let (item, archive) = treebank([&train, dev, test], [(3, 2), (1, 1), (2, 1)]);
    let Content::Trees(trees) = item.content else { panic!("trees") };
    let of = |grain, phrases| {
        let content = Content::Phrases { trees: trees.clone(), grain, phrases };
        Item { name: "phrases", remote: item.remote.clone(), content }
    };
    let with = |phrases| of(Grain::Binary, phrases);
    let server = Server::of([("/trees.zip", archive)]);
    let error = bring(&with(6), folder.path(), &server.address, false).unwrap_err().to_string();
    assert!(error.contains("trees.zip: expected 6 phrases for stsa.binary.phrases.train, got 5"), "{error}");
    assert_eq!(names(folder.path()), [""; 0]);
    bring(&with(5), folder.path(), &server.address, false).unwrap();
    let phrases = fs::read_to_string(folder.path().join("stsa.binary.phrases.train")).unwrap();
    assert_eq!(phrases, "1 it 's fun .\n1 's fun .\n1 's fun\n1 fun\n0 bad\n");
    assert_eq!(names(folder.path()).len(), 7);
    assert_eq!(bring(&with(5), folder.path(), &server.address, false).unwrap().from, None);
    // Of all five classes there are more, and the neutral test sentence keeps its own away.
    let error = bring(&of(Grain::Fine, 1), folder.path(), &server.address, false).unwrap_err().to_string();
    assert!(error.contains("expected 1 phrases for stsa.fine.phrases.train, got "), "{error}");
}

#[test]
fn trees_that_are_none_or_too_few_are_refused() {
    let good = [(2, 1), (1, 1), (2, 2)];
    for (parts, counts, words) in [
        ([TRAIN, "(7 x)\n", TEST], good, "dev.txt in http"),
        ([TRAIN, DEV, "(1 (2 x)\n"], good, "trees.zip:1: expected a ')' for every '('"),
        ([TRAIN, DEV, DEV], good, "expected 2 sentences for stsa.fine.test, got 1"),
        ([TRAIN, DEV, TEST], [(2, 2), (1, 1), (2, 2)], "expected 2 sentences for stsa.binary.train, got 1"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let (item, archive) = treebank(parts, counts);
        let server = Server::of([("/trees.zip", archive)]);
        let error = bring(&item, folder.path(), &server.address, false).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
        assert_eq!(names(folder.path()), [""; 0]);
    }
}

#[test]
fn whole_files_are_kept_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let archive = zipped(&[("v.50d.txt", b"the 1 2\n")]);
    let remote = Remote::new("https://never.invalid/v.zip", archive.len() as u64, sum(&archive));
    let item = Item { name: "v", remote, content: Content::Whole };
    let server = Server::of([("/v.zip", archive.clone())]);
    let outcome = bring(&item, folder.path(), &server.address, false).unwrap();
    assert_eq!(outcome.files, [folder.path().join("v.zip")]);
    assert_eq!(fs::read(&outcome.files[0]).unwrap(), archive);
    let vectors =
        spiketext::vectors::read(outcome.files[0].join("v.50d.txt"), &spiketext::vectors::Selection::everything())
            .unwrap();
    assert_eq!(vectors.dimension, 2);
}

#[test]
fn a_mirror_s_password_is_sent_and_not_told() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::of([("/polarity.tar.gz", tarred(&[("p.neg", NEGATIVE), ("p.pos", POSITIVE)]))]);
    let mirror = server.address.replace("http://", "http://me:secret@");
    let outcome = bring(&polarity(), folder.path(), &mirror, false).unwrap();
    assert_eq!(outcome.from.unwrap(), format!("{}/polarity.tar.gz", server.address));
    assert_eq!(server.requests()[0].header("authorization"), Some("Basic bWU6c2VjcmV0"));
    let error = bring(&polarity(), folder.path(), &format!("{mirror}/no"), true).unwrap_err().to_string();
    assert!(error.contains("404") && !error.contains("secret"), "{error}");
}

#[test]
fn an_old_file_survives_a_fetch_that_fails() {
    let folder = tempfile::tempdir().unwrap();
    let remote = Remote::new("https://never.invalid/v.csv", 4, sum(b"new!"));
    let item = Item { name: "v", remote, content: Content::Whole };
    fs::write(folder.path().join("v.csv"), "old!").unwrap();
    let server = Server::start(|_| Reply::new(200, "bad!"));
    bring(&item, folder.path(), &server.address, true).unwrap_err();
    assert_eq!(fs::read(folder.path().join("v.csv")).unwrap(), b"old!");
    assert_eq!(names(folder.path()), ["v.csv"]);
    assert!(bring(&item, folder.path(), "nowhere", true).unwrap_err().to_string().contains("got 'nowhere'"));
}
