//! The peers' Python: a virtual environment in the cache folder with the versions of `requirements.txt`, or an
//! interpreter that is there already.

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::say;

/// Both files travel in the program, so that it works from wherever it lies.
const SCRIPT: &str = include_str!("../peers.py");
const REQUIREMENTS: &str = include_str!("../requirements.txt");

/// What makes virtual environments.
const SYSTEM_PYTHON: &str = "python3";

/// A Python that can run the peers.
pub struct Python {
    /// The interpreter.
    pub interpreter: PathBuf,
    /// `peers.py`.
    pub script: PathBuf,
    /// Versions of Python and packages, the vector instructions that PyTorch found, and the GPU if it was asked for.
    pub versions: Value,
}

impl Python {
    /// Takes the interpreter that was `given`, or sets one up in `cache`. With `gpu`, its PyTorch must find one.
    pub fn ready(given: Option<&Path>, cache: &Path, gpu: bool) -> Result<Self> {
        let script = cache.join("peers.py");
        fs::write(&script, SCRIPT).with_context(|| format!("cannot write {}", script.display()))?;
        let interpreter = match given {
            Some(given) => given.to_owned(),
            None => environment(cache)?,
        };
        let device = if gpu { "cuda" } else { "cpu" };
        let arguments = [script.as_os_str(), "--versions".as_ref(), "--device".as_ref(), device.as_ref()];
        let output = run(&interpreter, arguments, "look for the peers")?;
        let versions = serde_json::from_slice(&output.stdout).context("peers.py --versions: not a JSON line")?;
        Ok(Self { interpreter, script, versions })
    }
}

/// The environment's interpreter; the environment is made where it is missing or of other requirements.
fn environment(cache: &Path) -> Result<PathBuf> {
    let folder = cache.join("venv");
    let interpreter = if cfg!(windows) { folder.join("Scripts/python.exe") } else { folder.join("bin/python") };
    // Written last: an environment without it was interrupted.
    let stamp = folder.join("requirements-installed.txt");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == REQUIREMENTS) {
        return Ok(interpreter);
    }
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("cannot remove the old {}", folder.display()))?;
    }
    let wanted = cache.join("requirements.txt");
    fs::write(&wanted, REQUIREMENTS).with_context(|| format!("cannot write {}", wanted.display()))?;
    say("setting up Python with the peers, once: minutes, and gigabytes where PyTorch comes with CUDA");
    let make: [&OsStr; 3] = ["-m".as_ref(), "venv".as_ref(), folder.as_os_str()];
    run(Path::new(SYSTEM_PYTHON), make, "make a virtual environment")?;
    let install: [&OsStr; 6] = [
        "-m".as_ref(),
        "pip".as_ref(),
        "install".as_ref(),
        "--quiet".as_ref(),
        "--requirement".as_ref(),
        wanted.as_os_str(),
    ];
    run(&interpreter, install, "install the peers with pip")?;
    fs::write(&stamp, REQUIREMENTS).with_context(|| format!("cannot write {}", stamp.display()))?;
    Ok(interpreter)
}

/// Runs Python; the error says what it was to do and what it said.
fn run<'a>(interpreter: &Path, arguments: impl IntoIterator<Item = &'a OsStr>, to: &str) -> Result<Output> {
    let output = Command::new(interpreter)
        .args(arguments)
        .output()
        .with_context(|| format!("cannot {to}: {} does not start", interpreter.display()))?;
    if !output.status.success() {
        bail!("cannot {to}: {} ended with {}\n{}", interpreter.display(), output.status, end_of(&output.stderr));
    }
    Ok(output)
}

/// The last lines that a program wrote to standard error: where it says what went wrong.
pub fn end_of(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}
