//! Broken, missing and unfit input: one clear line, exit code 2, and nothing lost or half-written.

mod common;

use std::{
    collections::BTreeMap,
    fs,
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

use common::{everything, fails, names, succeeds, text};

/// The quickest training run there is.
const QUICK: [&str; 3] = ["train", "--set=dnn.epochs=1", "--set=fine-tuning.epochs=0"];

fn quick<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&QUICK[..], more].concat()
}

/// A folder with a model in it.
fn with_model() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    succeeds(folder.path(), &quick(&["--out", "model"]));
    folder
}

/// The line must hold every part.
fn says(error: &str, parts: &[&str]) {
    for part in parts {
        assert!(error.contains(part), "'{part}' is not in: {error}");
    }
}

#[test]
fn damaged_models_are_named_by_every_verb() {
    let folder = with_model();
    let folder = folder.path();
    let mut good = everything(&folder.join("model"));
    let verbs: [&[&str]; 3] = [&["predict", "model", "a film"], &["evaluate", "model"], &["inspect", "model"]];
    let refused = |good: &BTreeMap<String, Vec<u8>>, file: &str, bytes: Option<&[u8]>, parts: &[&str]| {
        let path = folder.join("model").join(file);
        match bytes {
            Some(bytes) => fs::write(&path, bytes).unwrap(),
            None => fs::remove_file(&path).unwrap(),
        }
        for verb in verbs {
            let error = fails(folder, verb);
            says(&error, &["model/"]);
            says(&error, parts);
        }
        fs::write(&path, &good[file]).unwrap();
    };
    let rubbish: Vec<u8> = (0..5000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 23) as u8).collect();
    for file in ["config.json", "model.safetensors", "vocab.txt"] {
        refused(&good, file, None, &[file, "cannot read"]);
        refused(&good, file, Some(&rubbish), &[file]);
        refused(&good, file, Some(b""), &[file]);
        refused(&good, file, Some(&good[file][..good[file].len() / 2]), &[file]);
    }
    // A changed file is told by its checksum; what does not fit is told without one too, as older models have none.
    refused(
        &good,
        "vocab.txt",
        Some(&[&good["vocab.txt"][..], b"onemoreword\n"].concat()),
        &["vocab.txt", "SHA-256"],
    );
    let mut plain: serde_json::Value = serde_json::from_slice(&good["config.json"]).unwrap();
    plain.as_object_mut().unwrap().remove("sha256").expect("checksums");
    good.insert("config.json".to_owned(), serde_json::to_vec_pretty(&plain).unwrap());
    fs::write(folder.join("model/config.json"), &good["config.json"]).unwrap();
    let (config, weights, words) = (&good["config.json"], &good["model.safetensors"], &good["vocab.txt"]);
    // Wrong lengths: a word too many, a class too many, other filters.
    refused(&good, "vocab.txt", Some(&[words, b"onemoreword\n".as_slice()].concat()), &["vocab.txt", "words"]);
    let edited = |from: &str, to: &str| {
        let config = text(config);
        assert!(config.contains(from), "{config}");
        config.replacen(from, to, 1).into_bytes()
    };
    refused(
        &good,
        "config.json",
        Some(&edited("\"negative\",", "\"negative\", \"neutral\",")),
        &["config.json", "labels"],
    );
    refused(&good, "config.json", Some(&edited("\"filters\": 100", "\"filters\": 101")), &["expected", "got"]);
    refused(
        &good,
        "config.json",
        Some(&edited("\"version\": 2", "\"version\": 3")),
        &["version 1 to 2", "version 3"],
    );
    // A threshold that is no number.
    let header = 8 + u64::from_le_bytes(*weights.first_chunk().unwrap()) as usize;
    let description: serde_json::Value = serde_json::from_slice(&weights[8..header]).unwrap();
    let first = description["2.thresholds"]["data_offsets"][0].as_u64().unwrap() as usize;
    let mut poisoned = weights.clone();
    poisoned[header + first..][..4].copy_from_slice(&f32::NAN.to_le_bytes());
    refused(&good, "model.safetensors", Some(&poisoned), &["model.safetensors", "finite", "NaN"]);
    assert_eq!(everything(&folder.join("model")), good);
    succeeds(folder, verbs[0]);
    says(&fails(folder, &["predict", "no-model", "a film"]), &["no-model"]);
}

#[test]
fn unfit_data_is_refused_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let cases: [(&str, &[u8], &[&str]); 9] = [
        ("empty.csv", b"", &["empty"]),
        ("header.csv", b"text,label\n", &["none"]),
        ("one-class.csv", b"text,label\ngood film,yes\nfine film,yes\nnice film,yes\n", &["two classes", "'yes'"]),
        ("few.csv", b"text,label\ngood film,yes\nbad film,no\n", &["enough texts"]),
        ("rubbish.csv", &[0x8c, 0x00, 0xff, 0x13, 0x0a, 0xfe], &["UTF-8", "0x8C"]),
        ("latin.csv", b"text,label\nfilm,yes\nna\xefve film,no\n", &[":3:", "0xEF", "Windows-1252"]),
        ("rubbish.parquet", &[0x50, 0x41, 0x52, 0x31, 0x00, 0xff], &["rubbish.parquet"]),
        ("broken.jsonl", b"{\"text\": \"good\", \"label\": 1}\n{\"text\": \"bad\", \n", &[":2:"]),
        ("label.txt", b"__label__yes good film\nno label here\n", &[":2:"]),
    ];
    for (name, content, parts) in cases {
        fs::write(folder.join(name), content).unwrap();
        let error = fails(folder, &quick(&[name, "--out", "model"]));
        says(&error, &[name]);
        says(&error, parts);
    }
    let rows: String = (0..40).map(|n| format!("film {n},{}\n", n % 2)).collect();
    fs::write(folder.join("good.csv"), format!("note,mood\n{rows}")).unwrap();
    for (flag, other) in [("--text-column", "--label-column=mood"), ("--label-column", "--text-column=note")] {
        let error = fails(folder, &quick(&["good.csv", flag, "heading", other, "--out", "model"]));
        says(&error, &["good.csv:1", "'heading'", "note, mood"]);
    }
    says(&fails(folder, &quick(&["missing.csv"])), &["missing.csv"]);
    fs::create_dir(folder.join("classless")).unwrap();
    says(&fails(folder, &quick(&["classless"])), &["classless"]);
    says(&fails(folder, &quick(&["--dataset", "sst9"])), &["sst9", "sst2"]);
    says(&fails(folder, &quick(&["--vectors", "missing.vec"])), &["missing.vec"]);
    says(&fails(folder, &quick(&["--set", "dnn.epocs=3"])), &["epocs"]);
    let output = common::run(folder, &quick(&["--set", "dnn.learning-rate=1e38", "--out", "model"]));
    assert_eq!(output.status.code(), Some(2));
    says(text(&output.stderr).lines().last().unwrap(), &["spiketext: DNN", "finite", "learning rate"]);
    assert!(names(folder).iter().all(|name| !name.contains("model")), "{:?}", names(folder));
}

/// A text of 100 MB on one line is refused without being held whole; the texts before it are not lost to `predict`.
#[test]
fn a_line_of_100_megabytes_is_refused() {
    let folder = with_model();
    let folder = folder.path();
    let long = |name: &str, before: &str, after: &str| {
        let mut file = std::io::BufWriter::new(fs::File::create(folder.join(name)).unwrap());
        file.write_all(before.as_bytes()).unwrap();
        (0..10_000_000).for_each(|_| file.write_all(b"good film ").unwrap());
        file.write_all(after.as_bytes()).unwrap();
    };
    long("long.csv", "text,label\n", ",1\nbad film,0\n");
    says(&fails(folder, &quick(&["long.csv", "--out", "other"])), &["long.csv:2", "bytes"]);
    says(&fails(folder, &["evaluate", "model", "long.csv"]), &["long.csv:2", "bytes"]);
    long("long.txt", "a fine film\n", "\n");
    let input = fs::File::open(folder.join("long.txt")).unwrap();
    let output = common::spiketext(folder, &["predict", "model", "-"]).stdin(input).output().unwrap();
    says(text(&output.stderr), &["standard input:2", "bytes"]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn rubbish_on_standard_input_is_refused() {
    let folder = with_model();
    let mut child = common::spiketext(folder.path(), &["predict", "model", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&[0xc5, 0x00, 0xff, b'\n', 0xfe]).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    says(text(&output.stderr), &["spiketext: standard input:1", "UTF-8"]);
}

#[test]
fn places_that_cannot_be_written_are_refused_before_training() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("file"), "mine").unwrap();
    fs::create_dir(folder.join("thesis")).unwrap();
    fs::write(folder.join("thesis/chapter.tex"), "years of work").unwrap();
    fs::create_dir_all(folder.join("project/src")).unwrap();
    fs::write(folder.join("project/config.json"), "{\"name\": \"project\"}").unwrap();
    fs::write(folder.join("project/README.md"), "how to build").unwrap();
    let before = everything(folder);
    says(&fails(folder, &quick(&["--out", "file"])), &["file"]);
    says(&fails(folder, &quick(&["--out", "file/model"])), &["file/model", "cannot write"]);
    says(&fails(folder, &quick(&["--out", "thesis"])), &["thesis", "holds other files"]);
    says(&fails(folder, &quick(&["--out", "project"])), &["project", "no spiketext model"]);
    assert_eq!(everything(folder), before);
}

/// Runs the binary where no file may grow past `kilobytes`: to a program that is what a full disk is.
#[cfg(unix)]
fn on_a_full_disk(folder: &Path, kilobytes: usize, arguments: &[&str]) -> std::process::Output {
    // Blocks of 512 bytes in POSIX. The signal is ignored so that the failed write is told as one.
    Command::new("sh")
        .args(["-c", &format!("trap '' XFSZ; ulimit -f {}; exec \"$0\" \"$@\"", 2 * kilobytes)])
        .arg(env!("CARGO_BIN_EXE_spiketext"))
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap()
}

#[cfg(unix)]
#[test]
fn a_full_disk_leaves_what_was_there() {
    let folder = with_model();
    let folder = folder.path();
    let before = everything(folder);
    for kilobytes in [0, 64, 3000] {
        for out in ["model", "other"] {
            let output = on_a_full_disk(folder, kilobytes, &quick(&["--json", "--seed=2", "--out", out]));
            assert_eq!(output.status.code(), Some(2), "{out}, {kilobytes} kB");
            let error = text(&output.stderr).lines().last().unwrap_or_default();
            says(error, &["spiketext: cannot write", out]);
            assert!(!error.contains(".tmp"), "{error}");
            assert!(everything(folder) == before, "{out}, {kilobytes} kB: {:?}", names(folder));
        }
    }
}

/// The first files of the model fit, the weights do not.
#[cfg(unix)]
#[test]
fn a_disk_that_fills_while_the_model_is_saved_leaves_what_was_there() {
    let folder = with_model();
    let folder = folder.path();
    let before = everything(folder);
    // Checkpoints are larger than models, so the save itself is done by a child whose files may not grow.
    let output = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 200; exec \"$0\" \"$@\""])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "save_for_a_parent", "--ignored", "--nocapture"])
        .env("SPIKETEXT_TEST_SAVE", folder.join("model"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", text(&output.stdout));
    says(text(&output.stdout), &["cannot write", "model.safetensors"]);
    assert!(everything(folder) == before, "{:?}", names(folder));
}

#[test]
#[ignore = "the body of a child process of the test above"]
fn save_for_a_parent() {
    use spiketext::model::Model;

    let path = std::path::PathBuf::from(std::env::var_os("SPIKETEXT_TEST_SAVE").expect("a model from the parent"));
    let model = Model::load(&path).expect("a model");
    println!("{}", model.save(&path).expect_err("the disk is full"));
}

#[cfg(target_os = "linux")]
#[test]
fn output_that_cannot_be_printed_is_an_error() {
    let folder = with_model();
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = common::spiketext(folder.path(), &["predict", "model", "a film"]).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    says(text(&output.stderr), &["spiketext: cannot write to standard output"]);
}
