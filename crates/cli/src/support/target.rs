//! Where a verb may put a file or a folder of its own.

use std::path::Path;

use spiketext::files::{check_place, overlap};

/// [`check_apart`] of another place that `verb` writes to, by its name on the command line.
///
/// # Errors
/// Names what the place has to do with.
pub fn check_place_apart<'a, P>(
    verb: &str,
    name: &str,
    place: &Path,
    read: impl IntoIterator<Item = &'a P>,
) -> anyhow::Result<()>
where
    P: AsRef<Path> + ?Sized + 'a,
{
    let mut read = read.into_iter().map(AsRef::as_ref).filter(|source| source.as_os_str() != "-");
    match read.find_map(|source| overlap(place, source)) {
        Some(overlap) => anyhow::bail!(
            "{verb}: expected {name} that is no file that is read, lies outside of every folder that is read and \
             contains nothing that is read, got {}, {overlap}",
            place.display()
        ),
        None => Ok(()),
    }
}

/// Refuses a place for a file in the folder of a model: its own files are what a model is.
///
/// # Errors
/// Names the place.
pub fn check_outside_of_models(verb: &str, out: &Path) -> anyhow::Result<()> {
    match spiketext::Model::check_target(folder(out)) {
        Ok(true) => anyhow::bail!("{verb}: expected a file outside of a model's folder, got {}", out.display()),
        _ => Ok(()),
    }
}

/// Whether two places, be they there or not, are one.
#[cfg(feature = "nir")]
pub fn are_one(a: &Path, b: &Path) -> bool {
    let place = |path: &Path| Some(folder(path).canonicalize().ok()?.join(path.file_name()?));
    a == b || place(a).is_some() && place(a) == place(b)
}

/// Refuses an --out that is one of the files and folders that `verb` reads, is inside of one or contains one, whatever
/// links lead there: what is written would take something of them away, or be read as one of them the next time.
/// Standard input (`-`) is no file.
///
/// # Errors
/// Names what --out has to do with.
pub fn check_apart<'a, P>(verb: &str, out: &Path, read: impl IntoIterator<Item = &'a P>) -> anyhow::Result<()>
where
    P: AsRef<Path> + ?Sized + 'a,
{
    check_place_apart(verb, "an --out", out, read)
}

/// Refuses a place where the file that `verb` writes would take something away: all but a name that is free in a folder
/// that is there and takes files, or with `force` a plain file.
///
/// # Errors
/// Names what was expected of --out.
pub fn check(verb: &str, out: &Path, force: bool) -> anyhow::Result<()> {
    check_named(verb, "an --out", out, force)
}

/// [`check`] of another place that `verb` writes to, by its name on the command line.
///
/// # Errors
/// Names what was expected of it.
pub fn check_named(verb: &str, name: &str, out: &Path, force: bool) -> anyhow::Result<()> {
    let refuse = |expected: &str| anyhow::bail!("{verb}: expected {name} {expected}, got {}", out.display());
    if !folder(out).is_dir() {
        return refuse("in a folder that is there");
    }
    // What a link leads to is not looked at: the link itself would go.
    match std::fs::symlink_metadata(out) {
        Ok(there) if !there.is_file() => refuse("that is a file or not there yet (no folder, link or device)"),
        Ok(_) if !force => refuse("that is not there yet (--force writes over it)"),
        // Better now than after the work.
        _ => Ok(check_place(out)?),
    }
}

/// The folder that a file is to be in.
pub fn folder(out: &Path) -> &Path {
    match out.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}
