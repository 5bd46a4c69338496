//! Processes that are killed while they replace a model: the old one or the new one is there afterwards, whole.
//!
//! The process that is killed is this test itself, started again with a folder in its environment.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use spiketext::model::{CONFIG, Model};

/// The folder that the started process saves to, for ever.
const FOLDER: &str = "SPIKETEXT_TEST_SAVES_TO";

const KILLS: u32 = 60;

/// Two models of different files, networks and words.
fn models() -> [Model; 2] {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/format-2");
    ["convolution", "residual"].map(|name| Model::load(&folder.join(name)).expect("a kept model"))
}

/// All files of a folder.
fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let content = |path: PathBuf| (path.file_name().expect("a name").into(), fs::read(&path).expect("a file"));
    let mut files: Vec<_> = entries.map(content).collect();
    files.sort();
    files
}

/// Starts a process that saves one model after the other, and waits until it has begun.
fn start(folder: &Path) -> Child {
    let this = std::env::current_exe().expect("this test");
    let mut command = Command::new(this);
    command.args(["--exact", "saves_for_ever", "--nocapture"]).env(FOLDER, folder).stdout(Stdio::piped());
    let mut child = command.spawn().expect("it starts");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    assert!(lines.any(|line| line.expect("a line").contains("saving")), "it begins");
    child
}

/// What a started process does; nothing where it is a test among others.
#[test]
fn saves_for_ever() {
    let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) else { return };
    let models = models();
    println!("saving");
    loop {
        models.iter().for_each(|model| model.save(&folder).expect("saved"));
    }
}

#[test]
fn a_killed_save_leaves_one_of_two_models_whole() {
    let temporary = tempfile::tempdir().expect("a folder");
    let folder = temporary.path().join("model");
    let models = models();
    let whole = models.each_ref().map(|model| {
        model.save(&folder).expect("saved");
        files(&folder)
    });
    // So long a save takes; the kills are spread over two of them.
    models[0].save(&folder).expect("saved");
    let started = Instant::now();
    (0..10).for_each(|turn| models[turn % 2].save(&folder).expect("saved"));
    let two = started.elapsed() / 5;
    let (mut found, mut left) = ([0, 0], 0);
    for kill in 0..KILLS {
        let mut child = start(&folder);
        std::thread::sleep(Duration::from_millis(2) + two * kill / KILLS);
        child.kill().expect("killed");
        child.wait().expect("ended");
        let model = Model::load(&folder).unwrap_or_else(|error| panic!("kill {kill}: {error}"));
        let which = models.iter().position(|saved| saved.network() == model.network()).expect("one of the two");
        assert!(files(&folder) == whole[which], "kill {kill}: the files of one model and no others");
        found[which] += 1;
        left += usize::from(fs::read_dir(temporary.path()).expect("a list").count() > 1);
    }
    assert!(found.iter().all(|&times| times > 0) && left > 0, "kills came at many moments: {found:?}, {left}");
    // The next save takes away what was left.
    models[1].save(&folder).expect("saved");
    let names: Vec<_> =
        fs::read_dir(temporary.path()).expect("a list").map(|e| e.expect("an entry").path()).collect();
    assert_eq!(names, vec![folder.clone()]);
    assert!(folder.join(CONFIG).exists() && files(&folder) == whole[1]);
}
