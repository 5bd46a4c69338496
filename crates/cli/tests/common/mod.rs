//! What the tests of the program share: running the real binary in a folder of its own.

// Each test file is a program that uses its own part of this.
#![allow(dead_code)]

pub mod server;

use std::{
    collections::BTreeMap,
    path::Path,
    process::{Command, Output, Stdio},
};

use serde_json::Value;

/// The binary, to be run in `folder` without the user's data folder, mirror and cache: the cache is `cache` in
/// `folder`.
pub fn spiketext(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_spiketext"));
    command.args(arguments).current_dir(folder).stdin(Stdio::null());
    command
        .env_remove("SPIKETEXT_DATA_DIR")
        .env_remove("SPIKETEXT_MIRROR")
        .env("SPIKETEXT_CACHE", folder.join("cache"));
    command
}

/// Runs it to its end.
pub fn run(folder: &Path, arguments: &[&str]) -> Output {
    spiketext(folder, arguments).output().expect("the binary starts")
}

/// Standard output of a run that must end with exit code 0.
pub fn succeeds(folder: &Path, arguments: &[&str]) -> String {
    let output = run(folder, arguments);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", text(&output.stderr));
    text(&output.stdout).to_owned()
}

/// The line of a run that must end with exit code 2, one line on standard error and nothing on standard output.
pub fn fails(folder: &Path, arguments: &[&str]) -> String {
    let output = run(folder, arguments);
    let error = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {error}");
    assert_eq!(text(&output.stdout), "", "{arguments:?}");
    assert!(error.starts_with("spiketext: ") && error.ends_with('\n') && error.lines().count() == 1, "{error}");
    error.to_owned()
}

/// The objects of a run with `--json`.
pub fn events(output: &str) -> Vec<Value> {
    output.lines().map(|line| serde_json::from_str(line).expect("one JSON object a line")).collect()
}

/// The last object of a run with `--json`.
pub fn result(output: &str) -> Value {
    events(output).pop().expect("a result")
}

pub fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("UTF-8")
}

/// Every file below `folder` with its content; folders end in `/`.
pub fn everything(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        for entry in std::fs::read_dir(next).expect("a folder") {
            let path = entry.expect("an entry").path();
            let name = path.strip_prefix(folder).expect("below").to_string_lossy().into_owned();
            if path.is_dir() {
                found.insert(format!("{name}/"), Vec::new());
                open.push(path);
            } else {
                found.insert(name, std::fs::read(path).expect("a file"));
            }
        }
    }
    found
}

/// The names of [`everything`].
pub fn names(folder: &Path) -> Vec<String> {
    everything(folder).into_keys().collect()
}

/// SIGINT, as ctrl-C sends it; or SIGTERM where the tests were started without SIGINT (`nohup`, `&` in a script), which
/// then stays ignored by all that they start.
pub fn interrupt() -> &'static str {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    if ignored.is_some_and(|mask| mask & 0b10 != 0) { "-TERM" } else { "-INT" }
}
