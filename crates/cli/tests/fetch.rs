//! `data fetch` and `vectors fetch` as users meet them: the real binary, a server on this machine, a fresh cache.

mod common;
#[path = "../../fetch/tests/server/mod.rs"]
mod server;

use std::{
    fs,
    path::{Path, PathBuf},
};

use common::{fails, names, result, run, spiketext, succeeds, text};
use flate2::{Compression, write::GzEncoder};
use server::{Reply, Server};

/// A `.tar.gz` of `members`.
fn tarred(members: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (name, content) in members {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, name, &content[..]).unwrap();
    }
    builder.into_inner().unwrap().finish().unwrap()
}

#[test]
fn wrong_content_is_refused_in_one_line_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let server = Server::of([
        ("/waimai_10k.csv", b"label,review\n1,fine\n".to_vec()),
        // The right size, and nothing else right.
        ("/trainDevTestTrees_PTB.zip", vec![b'x'; 789_539]),
        ("/rt-polaritydata.tar.gz", tarred(&[("rt-polaritydata/rt-polarity.neg", b"dull\n".to_vec())])),
        ("/glove.6B.zip", b"PK".to_vec()),
    ]);
    let address = &server.address;
    for (arguments, words) in [
        (&["data", "fetch", "waimai"][..], "/waimai_10k.csv: expected 919380 bytes, got 20\n"),
        (&["data", "fetch", "sst2"], "/trainDevTestTrees_PTB.zip: expected SHA-256 5c613a4f"),
        (&["data", "fetch", "mr"], "/rt-polaritydata.tar.gz: expected a member rt-polarity.pos, got none\n"),
        (
            &["data", "fetch", "subj"],
            "/rotten_imdb.tar.gz: expected the file, got HTTP status 404 (there is no such file)\n",
        ),
        (&["vectors", "fetch", "glove.6B"], "/glove.6B.zip: expected 862182613 bytes, got 2\n"),
    ] {
        let error = fails(folder, &[arguments, &["--mirror", address]].concat());
        assert!(error.contains(address) && error.contains(words), "{error}");
    }
    assert_eq!(names(folder), ["cache/", "cache/data/", "cache/vectors/"]);
}

#[test]
fn what_cannot_be_fetched_is_said_before_anything_is() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let server = Server::of([]);
    let mirror = ["--mirror", server.address.as_str()];
    let error = fails(folder, &[&["data", "fetch", "mr", "imdb"], &mirror[..]].concat());
    assert!(error.contains("unknown data set 'imdb'") && error.contains("waimai"), "{error}");
    assert!(fails(folder, &["vectors", "fetch", "glove"]).contains("known: glove.6B"));
    assert!(fails(folder, &["data", "fetch", "mr", "--mirror", "ftp://x"]).contains("got 'ftp://x'"));
    let error = fails(folder, &["data", "fetch", "mr", "--mirror", "http://127.0.0.1:1"]);
    assert!(
        error.contains("cannot fetch http://127.0.0.1:1/rt-polaritydata.tar.gz: ") && error.contains("refused"),
        "{error}"
    );
    for arguments in [&["data", "fetch"][..], &["data", "fetch", "mr", "--all"], &["vectors", "fetch"]] {
        assert_eq!(run(folder, arguments).status.code(), Some(2), "{arguments:?}");
    }
    assert_eq!(server.requests().len(), 0);
    fs::write(folder.join("file"), "").unwrap();
    assert!(fails(folder, &[&["data", "fetch", "mr", "--to", "file"], &mirror[..]].concat()).contains("file"));
}

#[test]
fn sets_in_the_program_need_no_fetching() {
    let folder = tempfile::tempdir().unwrap();
    let said = succeeds(folder.path(), &["data", "fetch", "reviews-en"]);
    assert_eq!(said, "reviews-en: built in, there is nothing to fetch\n");
    assert_eq!(result(&succeeds(folder.path(), &["data", "fetch", "reviews-en", "--json"]))["event"], "built-in");
    assert_eq!(names(folder.path()), [""; 0]);
}

#[test]
fn a_set_that_is_not_there_says_how_to_get_it() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [&["data", "show", "mr"][..], &["train", "--dataset", "mr"]] {
        let error = fails(folder.path(), arguments);
        assert!(error.contains("no data folder") && error.contains("`spiketext data fetch mr`"), "{error}");
    }
    assert_eq!(names(folder.path()), [""; 0]);
}

#[test]
fn trouble_is_told_and_passes() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(|request| match request.before {
        0 => Reply::new(503, ""),
        _ => Reply::new(404, ""),
    });
    let output = run(folder.path(), &["data", "fetch", "waimai", "--mirror", &server.address]);
    let errors = text(&output.stderr);
    let lines: Vec<&str> = errors.lines().collect();
    assert!(lines[0].starts_with("note: cannot fetch ") && lines[0].ends_with("; again in 1 s"), "{errors}");
    assert!(lines[1].contains("404") && lines.len() == 2, "{errors}");
}

/// A study of one quick cell on the data set `name`.
fn grid(name: &str) -> String {
    format!("datasets = [\"{name}\"]\n[[row]]\ntable = \"main\"\nname = \"one\"\nmethod = \"bag-of-words\"\n")
}

const STUDY: [&str; 8] = ["reproduce", "--grid", "grid.toml", "--seeds", "1", "--out", "out/study", "--work=work"];

#[test]
fn a_study_says_how_to_get_the_sets_that_it_misses() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("grid.toml"), grid("mr")).unwrap();
    let error = fails(folder.path(), &STUDY);
    assert!(error.ends_with("there are no files of mr: `spiketext data fetch mr` gets them\n"), "{error}");
}

/// The folder of the original files, where the environment names it.
fn originals() -> Option<PathBuf> {
    let folder = std::env::var_os("SPIKETEXT_DATA_DIR").map(PathBuf::from);
    if folder.is_none() {
        println!("skipped: SPIKETEXT_DATA_DIR is not set");
    }
    folder
}

/// A mirror of the original files, packed as at their official addresses.
fn mirror(originals: &Path) -> Server {
    let read = |name: &str| fs::read(originals.join(name)).unwrap();
    Server::of([
        ("/sets/waimai_10k.csv", read("waimai_10k.csv")),
        ("/sets/ChnSentiCorp_htl_all.csv", read("ChnSentiCorp_htl_all.csv")),
        (
            "/sets/rt-polaritydata.tar.gz",
            tarred(&[
                ("rt-polaritydata.README.1.0.txt", b"read me".to_vec()),
                ("rt-polaritydata/rt-polarity.neg", read("rt-polarity.neg")),
                ("rt-polaritydata/rt-polarity.pos", read("rt-polarity.pos")),
            ]),
        ),
        (
            "/sets/rotten_imdb.tar.gz",
            tarred(&[
                ("quote.tok.gt9.5000", read("subj.subjective")),
                ("plot.tok.gt9.5000", read("subj.objective")),
                ("subjdata.README.1.0", b"read me".to_vec()),
            ]),
        ),
    ])
}

#[test]
fn fetched_sets_are_found_without_any_flag() {
    let Some(originals) = originals() else { return };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let server = mirror(&originals);
    let address = format!("{}/sets/", server.address);
    let fetch = ["data", "fetch", "waimai", "mr", "subj", "--mirror", &address];
    let said = succeeds(folder, &fetch);
    assert_eq!(said.lines().count(), 3);
    assert!(said.contains(&format!("waimai: fetched from {address}waimai_10k.csv; waimai_10k.csv in ")), "{said}");
    let files = ["rt-polarity.neg", "rt-polarity.pos", "subj.objective", "subj.subjective", "waimai_10k.csv"];
    let all = names(folder);
    assert_eq!(all[2..], files.map(|file| format!("cache/data/{file}")));

    for (set, texts) in [("waimai", 11_987), ("mr", 10_662), ("subj", 10_000)] {
        let shown = succeeds(folder, &["data", "show", set, "--count", "0"]);
        assert!(shown.starts_with(&format!("{set}: {texts} texts")), "{shown}");
    }
    let list = succeeds(folder, &["data", "list"]);
    let place = |set: &str| list.lines().find(|line| line.starts_with(&format!("{set} "))).unwrap().trim_end();
    assert!(place("mr").ends_with("cache") && place("sst2").ends_with("to fetch"), "{list}");
    assert!(place("reviews-zh").ends_with("built in"), "{list}");

    fs::write(folder.join("grid.toml"), grid("subj")).unwrap();
    let study = succeeds(folder, &STUDY);
    assert!(study.starts_with("1 cells run"), "{study}");

    // Once is enough, unless it is asked for.
    let before = server.requests().len();
    assert!(succeeds(folder, &fetch).lines().all(|line| line.contains(": already there; ")));
    assert_eq!(server.requests().len(), before);
    let there = result(&succeeds(folder, &["data", "fetch", "mr", "--json"]));
    assert_eq!(
        (&there["event"], &there["from"], &there["files"][0]),
        (&"there".into(), &().into(), &files[0].into())
    );
    assert_eq!(there["folder"], folder.join("cache/data").display().to_string());
    let again = result(&succeeds(folder, &["data", "fetch", "mr", "--again", "--json", "--mirror", &address]));
    assert_eq!(again["event"], "fetched");

    // A data folder that lacks the set does not hide it; --data-dir is taken at its word.
    fs::create_dir(folder.join("empty")).unwrap();
    let show = ["data", "show", "mr", "--count", "0"];
    assert!(spiketext(folder, &show).env("SPIKETEXT_DATA_DIR", "empty").output().unwrap().status.success());
    assert!(fails(folder, &[&show[..], &["--data-dir", "empty"]].concat()).contains("no such file"));

    // What is not the known file is kept until it is told to go.
    fs::write(folder.join("cache/data/rt-polarity.neg"), "mine").unwrap();
    let error = fails(folder, &["data", "fetch", "mr", "--mirror", &address]);
    assert!(error.contains("rt-polarity.neg: expected 612256 bytes") && error.contains("--again"), "{error}");
}

#[test]
fn files_go_where_they_are_sent() {
    let Some(originals) = originals() else { return };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let server = mirror(&originals);
    let mut command = spiketext(folder, &["data", "fetch", "chnsenti", "--to", "here/there"]);
    let output = command.env("SPIKETEXT_MIRROR", format!("{}/sets", server.address)).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(text(&output.stderr), "");
    assert_eq!(names(folder), ["here/", "here/there/", "here/there/ChnSentiCorp_htl_all.csv"]);
    let shown = succeeds(folder, &["data", "show", "chnsenti", "--data-dir", "here/there", "--count", "0"]);
    assert!(shown.starts_with("chnsenti: 7765 texts"), "{shown}");
}

/// Where no file may grow past a size: to a program that is what a full disk is.
#[cfg(unix)]
#[test]
fn a_full_disk_is_named_and_the_download_goes_on_when_there_is_room() {
    let Some(originals) = originals() else { return };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let server = mirror(&originals);
    let address = format!("{}/sets", server.address);
    let fetch = ["data", "fetch", "waimai", "--mirror", &address];
    let output = std::process::Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 200; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_spiketext")])
        .args(fetch)
        .env("SPIKETEXT_CACHE", folder.join("cache"))
        .output()
        .unwrap();
    let error = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert!(error.contains("cannot write ") && error.contains("waimai_10k.csv.part: "), "{error}");
    assert_eq!(error.lines().count(), 1, "{error}");
    succeeds(folder, &fetch);
    assert_eq!(server.ranges()[1].as_deref(), Some("bytes=102400-"));
    assert_eq!(names(folder)[2..], ["cache/data/waimai_10k.csv"]);
}
