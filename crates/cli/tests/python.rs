//! The Python package as its users get it: a wheel is built, installed where there is no Rust, and put through its own tests
//! (`bindings/python/tests`), its types through mypy's stubtest. Python or the packages being out of reach, it says what it
//! leaves out.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Makes the wheel, at the version that `pyproject.toml` asks for.
const MATURIN: &str = "maturin>=1.16,<2";

/// What the tests of the package import.
const PACKAGES: [&str; 11] = [
    "scikit-learn>=1.4",
    "pandas>=2.2",
    "polars>=1",
    "pyarrow>=18",
    "matplotlib>=3.8",
    "joblib",
    "pytest>=8",
    "mypy>=1.13",
    "dask[dataframe,distributed]>=2025.1",
    "nbclient",
    "ipykernel",
];

/// The oldest Python that the package is for.
const OLDEST: (u32, u32) = (3, 11);

/// The most bytes of a wheel: half of it are word vectors, the dictionary that Chinese is cut by, and what attacks on Chinese
/// know of characters, none of which can be packed further.
const LARGEST: u64 = 15_000_000;

/// A Python that is new enough and can make virtual environments.
fn python() -> Option<String> {
    let versions = (OLDEST.1..OLDEST.1 + 5).rev().map(|minor| format!("python3.{minor}"));
    std::iter::once("python3".to_owned()).chain(versions).find(|name| {
        let asked = format!("import sys, venv, ensurepip; sys.exit(sys.version_info < {OLDEST:?})");
        Command::new(name).args(["-c", &asked]).output().is_ok_and(|output| output.status.success())
    })
}

/// Says what is left out, past the test runner, which keeps the words of tests that pass to itself.
fn left_out(why: &str) {
    let _ = writeln!(std::io::stderr().lock(), "\nNOT TESTED: the Python package ({why})\n");
}

/// Runs it, and ends the test with all that it said if it fails.
fn must_run(command: &mut Command, what: &str) {
    runs(command).unwrap_or_else(|why| panic!("{what}: {why}"));
}

fn runs(command: &mut Command) -> Result<(), String> {
    let output = command.stdin(Stdio::null()).output().map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let told = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).join("\n");
    Err(format!("{command:?}: {}\n{told}", output.status))
}

/// A virtual environment with `packages`, kept for the next time.
fn environment(python: &str, folder: &Path, packages: &[&str]) -> Result<PathBuf, String> {
    let own = folder.join("bin/python");
    let stamp = folder.join("packages");
    let wanted = packages.join("\n");
    if fs::read_to_string(&stamp).is_ok_and(|there| there == wanted) && own.exists() {
        return Ok(own);
    }
    let _ = fs::remove_dir_all(folder);
    runs(Command::new(python).args(["-m", "venv"]).arg(folder))?;
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input", "--retries", "1"];
    runs(Command::new(&own).args(pip).args(packages))?;
    fs::write(&stamp, wanted).map_err(|error| error.to_string())?;
    Ok(own)
}

#[test]
#[cfg(unix)]
fn a_wheel_does_what_its_tests_say() {
    let Some(python) = python() else {
        return left_out(&format!("no Python {}.{} or newer with venv", OLDEST.0, OLDEST.1));
    };
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("python");
    fs::create_dir_all(&folder).expect("a folder");
    // Two environments: the one that is tested in has never seen the tools of the other.
    let tools = environment(&python, &folder.join("tools"), &[MATURIN]);
    let tested = tools.and_then(|tools| Ok((tools, environment(&python, &folder.join("environment"), &PACKAGES)?)));
    let (tools, tested) = match tested {
        Ok(both) => both,
        Err(why) => return left_out(&format!("packages cannot be had: {why}")),
    };
    let bindings = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../bindings/python"));
    let wheels = folder.join("wheels");
    let _ = fs::remove_dir_all(&wheels);
    let mut build = Command::new(&tools);
    build.args(["-m", "maturin", "build", "--release", "--locked", "--quiet", "--interpreter"]).arg(&tested);
    build.arg("--out").arg(&wheels).current_dir(bindings).env("CARGO_TARGET_DIR", folder.join("target"));
    must_run(&mut build, "a wheel");
    let wheel = fs::read_dir(&wheels).expect("a folder").next().expect("a wheel").expect("a wheel").path();
    let bytes = fs::metadata(&wheel).expect("a wheel").len();
    assert!(bytes < LARGEST, "{}: {bytes} bytes", wheel.display());

    // No Rust on the path from here on.
    let path = format!("{}:/usr/bin:/bin", tested.parent().expect("a folder").display());
    let plain = || {
        let mut command = Command::new(&tested);
        command.env("PATH", &path).env_remove("RUSTC").env_remove("CARGO_HOME").env("PYTHONDONTWRITEBYTECODE", "1");
        command
    };
    let install =
        ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--force-reinstall"];
    must_run(plain().args(install).arg(&wheel), "installing it");
    let empty = tempfile::tempdir().expect("a folder");
    let choices = bindings.join("pyproject.toml");
    let mut types = plain();
    types.args(["-m", "mypy.stubtest", "spiketext._core", "--mypy-config-file"]).arg(&choices);
    must_run(types.current_dir(empty.path()), "types of the module");
    let mut types = plain();
    types.args(["-m", "mypy", "--config-file"]).arg(&choices).args(["--cache-dir", "cache"]);
    must_run(types.arg(bindings.join("python/spiketext")).current_dir(empty.path()), "types of the package");
    let mut tests = plain();
    // Studies run it, and answers are compared with its own.
    tests.env("SPIKETEXT_PROGRAM", env!("CARGO_BIN_EXE_spiketext"));
    tests.args(["-m", "pytest", "-q", "-x", "-p", "no:cacheprovider"]).arg(bindings.join("tests"));
    must_run(tests.current_dir(empty.path()), "the package's own tests");
}
