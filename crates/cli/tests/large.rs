//! Tables and training texts of any size, through the real binary: what is interrupted goes on and ends as if it had not been,
//! and what is too large for memory waits on the disk.

mod common;

use std::{
    fs,
    io::Write,
    path::Path,
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use common::{names, run, spiketext, succeeds, text};

/// What hangs fails; nothing else is decided by time.
const PATIENCE: Duration = Duration::from_secs(120);

/// Enough that a run can be met at work.
const ROWS: usize = 120_000;

fn with_model() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    succeeds(folder.path(), &["train", "--set=dnn.epochs=1", "--set=fine-tuning.epochs=0", "--out", "m"]);
    folder
}

fn row(number: usize) -> String {
    let words = ["warm", "dull", "funny", "awful", "lovely", "boring", "film", "plot", "unheard"];
    let word = |at: usize| words[(number / 9usize.pow(at as u32) + at * number) % 9];
    format!("{number},a {} and {} {} with {} {}\n", word(0), word(1), word(2), word(3), word(4))
}

fn table(rows: usize) -> String {
    (0..rows).fold("id,text\n".to_owned(), |csv, number| csv + &row(number))
}

/// Starts to label `from` into `to` and sends it `signal` at work: what it said, and how it ended. A run that was quicker
/// than the signal is begun again.
fn interrupted(folder: &Path, from: &str, to: &str, signal: &str) -> Output {
    for _ in 0..20 {
        let child = begun(folder, from, to);
        let sent = Command::new("kill").args([signal, &child.id().to_string()]).status().expect("kill");
        let output = child.wait_with_output().expect("it ended");
        if sent.success() && output.status.code() != Some(0) {
            return output;
        }
        fs::remove_file(folder.join(to)).expect("a table");
    }
    panic!("it always ended before it could be interrupted");
}

/// Starts to label `from` into `to`, and waits until some answers are kept.
fn begun(folder: &Path, from: &str, to: &str) -> Child {
    let kept = folder.join(format!("{to}.answers"));
    let mut command = spiketext(folder, &["predict", "m", "--file", from, "--out", to]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("it starts");
    let start = Instant::now();
    while fs::metadata(&kept).map_or(0, |metadata| metadata.len()) < 10_000 {
        if child.try_wait().expect("a state").is_some() {
            break;
        }
        assert!(start.elapsed() < PATIENCE, "no answers are kept");
        std::thread::sleep(Duration::from_millis(1));
    }
    child
}

#[test]
#[cfg(unix)]
fn an_interrupted_table_goes_on_and_is_that_of_one_run() {
    let folder = with_model();
    let folder = folder.path();
    fs::write(folder.join("a.csv"), table(ROWS)).expect("a file");
    succeeds(folder, &["predict", "m", "--file", "a.csv", "--out", "whole.csv"]);
    succeeds(folder, &["predict", "m", "--file", "a.csv", "--out", "a.parquet", "--prefix", "first_"]);
    succeeds(folder, &["predict", "m", "--file", "a.parquet", "--out", "whole.parquet"]);
    let before = names(folder);
    for ending in ["csv", "parquet"] {
        let (from, to) = (format!("a.{ending}"), format!("b.{ending}"));
        let kept = format!("{to}.answers");
        // Killed, so that nobody could say or tidy anything.
        interrupted(folder, &from, &to, "-KILL");
        assert!(folder.join(&kept).exists() && !folder.join(&to).exists());
        // Once more, asked to end, with what was kept.
        let answers = fs::metadata(folder.join(&kept)).expect("a file").len();
        let output = run(folder, &["predict", "m", "--file", &from, "--out", &to, "--resume"]);
        let told = text(&output.stderr);
        assert!(told.contains("going on: answers to ") && told.contains(&kept), "{told}");
        assert_eq!(output.status.code(), Some(0), "{told}");
        assert!(answers > 10_000 && told.contains(&format!("labelled {ROWS} texts")), "{told}");
        let same =
            fs::read(folder.join(&to)).expect("a copy") == fs::read(folder.join(format!("whole.{ending}"))).unwrap();
        assert!(same, "{to} is not that of one run");
        fs::remove_file(folder.join(&to)).expect("removed");
        assert_eq!(names(folder), before, "nothing is left beside it");
    }

    let output = interrupted(folder, "a.csv", "b.csv", common::interrupt());
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{told}");
    assert!(told.contains("b.csv.answers; to go on: ") && told.contains("--resume"), "{told}");
    // Not asked to go on, it says so and begins anew.
    let output = run(folder, &["predict", "m", "--file", "a.csv", "--out", "b.csv"]);
    let told = text(&output.stderr);
    assert!(told.contains("will be replaced; --resume would go on"), "{told}");
    assert!(fs::read(folder.join("b.csv")).unwrap() == fs::read(folder.join("whole.csv")).unwrap());
    fs::remove_file(folder.join("b.csv")).expect("removed");
    assert_eq!(names(folder), before);
}

#[test]
#[cfg(unix)]
fn an_interruption_before_much_was_answered_leaves_nothing() {
    let folder = with_model();
    let folder = folder.path();
    let before = names(folder);
    let mut command = spiketext(folder, &["predict", "m", "--file", "-", "--format", "csv", "--out", "b.csv"]);
    let mut child = command.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    // It waits for more.
    let mut pipe = child.stdin.take().expect("a pipe");
    pipe.write_all(table(3000).as_bytes()).expect("sent");
    let start = Instant::now();
    while !folder.join("b.csv.answers").exists() {
        assert!(start.elapsed() < PATIENCE, "no file for the answers");
        std::thread::sleep(Duration::from_millis(1));
    }
    std::thread::sleep(Duration::from_millis(200));
    let signal = common::interrupt();
    assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().expect("kill").success());
    let output = child.wait_with_output().expect("it ended");
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{told}");
    assert!(told.contains("interrupted: nothing is written"), "{told}");
    drop(pipe);
    assert_eq!(names(folder), before);
}

#[test]
#[cfg(unix)]
fn after_a_broken_row_or_a_full_disk_a_table_goes_on() {
    let folder = with_model();
    let folder = folder.path();
    let rows = 40_000;
    let sound = table(rows);
    fs::write(folder.join("a.csv"), &sound).expect("a file");
    succeeds(folder, &["predict", "m", "--file", "a.csv", "--out", "whole.csv"]);
    let whole = fs::read(folder.join("whole.csv")).expect("a copy");
    let before = names(folder);

    // A row in the middle has a field too many.
    let broken = sound.replace(&row(30_000), &row(30_000).replace('\n', ",7\n"));
    fs::write(folder.join("a.csv"), broken).expect("a file");
    let arguments = ["predict", "m", "--file", "a.csv", "--out", "b.csv"];
    let output = run(folder, &arguments);
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(
        told.contains("a.csv:30002: expected 2 fields") && told.contains("--resume goes on from there"),
        "{told}"
    );
    assert!(!folder.join("b.csv").exists());
    fs::write(folder.join("a.csv"), &sound).expect("mended");
    let output = run(folder, &[&arguments[..], &["--resume"]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(fs::read(folder.join("b.csv")).expect("a copy") == whole, "mended, it is that of one run");
    fs::remove_file(folder.join("b.csv")).expect("removed");
    assert_eq!(names(folder), before);

    // A limit on files stands for a full disk.
    let limited = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 1600; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_spiketext")])
        .args(arguments)
        .current_dir(folder)
        .output()
        .expect("it starts");
    let told = text(&limited.stderr);
    assert_eq!(limited.status.code(), Some(2), "{told}");
    assert!(told.contains("cannot write b.csv") && told.contains("--resume goes on from there"), "{told}");
    let output = run(folder, &[&arguments[..], &["--resume"]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(fs::read(folder.join("b.csv")).expect("a copy") == whole, "with room, it is that of one run");

    // There is nothing to go on from, nor anywhere to go on to.
    let output = run(folder, &["predict", "m", "--file", "a.csv", "--out", "c.csv", "--resume"]);
    assert!(text(&output.stderr).contains("no answers of an interrupted run are there: starting anew"));
    let error = common::fails(folder, &["predict", "m", "--file", "a.csv", "--out", "-", "--resume"]);
    assert!(error.contains("--resume: expected a file as --out"), "{error}");
}

#[test]
#[cfg(unix)]
fn training_texts_wait_on_the_disk_where_memory_is_not_for_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    // Few texts that are long: more bytes than stay in memory.
    let words = ["a warm and lovely film ", "a dull and awful film "];
    let text_of = |n: usize| format!("{} {n} {}", words[n % 2].repeat(3), "of the year with a plot ".repeat(40_000));
    let rows = (0..80).fold("text,label\n".to_owned(), |csv, n| csv + &format!("{},{}\n", text_of(n), n % 2));
    fs::write(folder.join("a.csv"), rows).expect("a file");
    let temporary = folder.join("temporary");
    fs::create_dir(&temporary).expect("a folder");
    let train = |limit: &str| {
        Command::new("sh")
            .args(["-c", &format!("trap '' XFSZ; {limit}; exec \"$0\" \"$@\""), env!("CARGO_BIN_EXE_spiketext")])
            .args(["train", "a.csv", "--out", "m", "--set=dnn.epochs=1", "--set=fine-tuning.epochs=0"])
            .args(["--set=network.filters=4", "--set=words.longest=50"])
            .env("TMPDIR", &temporary)
            .current_dir(folder)
            .output()
            .expect("it starts")
    };
    let full = train("ulimit -f 2000");
    let told = text(&full.stderr);
    assert_eq!(full.status.code(), Some(2), "{told}");
    assert!(
        told.contains("cannot write ") && told.contains("temporary") && told.contains("$TMPDIR names another"),
        "{told}"
    );
    assert_eq!(names(folder), ["a.csv", "temporary/"]);
    let done = train("true");
    let told = text(&done.stderr);
    assert_eq!(done.status.code(), Some(0), "{told}");
    assert!(told.contains("they wait in ") && told.contains("$TMPDIR"), "{told}");
    assert!(folder.join("m/config.json").exists());
    assert_eq!(fs::read_dir(&temporary).expect("a folder").count(), 0, "nothing stays there");
}
