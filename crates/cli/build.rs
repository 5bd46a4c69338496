//! Builds the commit of the sources into the program, so that what it measures names the code that measured it and
//! not the folder that it happened to run in.
//!
//! `SPIKETEXT_PROGRAM` becomes the commit, `-dirty` behind it where the sources differ from it, or `version x.y.z`
//! where they lie in no repository of their own (an unpacked archive, a crate from the registry).

use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// What the programs are made of (this one, and that of benches/peers, which is built by this script too), seen from
/// the top of the repository: a change in documents or results is none of it.
const SOURCES: &[&str] = &["crates", "benches", "Cargo.toml", "Cargo.lock"];

fn main() {
    let package = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo names the package's folder"));
    let top = package.join("../..");
    let program = commit(&top).unwrap_or_else(|| format!("version {}", env!("CARGO_PKG_VERSION")));
    println!("cargo:rustc-env=SPIKETEXT_PROGRAM={program}");
    println!("cargo:rerun-if-changed=build.rs");
}

/// The commit of the repository at `top`, if `top` is the root of one; asks cargo to look again when it, the branch
/// or any source changes.
fn commit(top: &Path) -> Option<String> {
    // A repository further up is someone else's, that only holds a copy of the sources.
    if !git(top, &["rev-parse", "--show-prefix"])?.is_empty() {
        return None;
    }
    for source in SOURCES {
        println!("cargo:rerun-if-changed={}", top.join(source).display());
    }
    let branch = git(top, &["symbolic-ref", "--quiet", "HEAD"]);
    // The log grows with every commit, also where the branch has no file of its own yet.
    for file in ["HEAD", "logs/HEAD", "packed-refs"].into_iter().chain(branch.as_deref()) {
        let path = top.join(git(top, &["rev-parse", "--git-path", file])?);
        // A file that is named but not there makes cargo build again each time.
        if path.exists() {
            println!("cargo:rerun-if-changed={}", path.display());
        }
    }
    let commit = git(top, &["rev-parse", "HEAD"])?;
    let changes = git(top, &[&["status", "--porcelain", "--"], SOURCES].concat())?;
    Some(if changes.is_empty() { commit } else { format!("{commit}-dirty") })
}

/// What git says in a folder, where it is installed and content.
fn git(folder: &Path, arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").arg("-C").arg(folder).args(arguments).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
