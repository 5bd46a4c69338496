//! Putting a folder in place whole, whatever happens on the way.
//!
//! The new folder grows in a hidden sibling, `.NAME.spiketext-RANDOM`. Where the system can exchange two names, it
//! takes the old one's place at one stroke, and the old one is taken apart under the hidden name. Elsewhere the old
//! one steps aside to `.NAME.spiketext-old`, where [`place_of`] finds it until the new one has taken its place. So
//! there is a whole folder at every moment, the old one or the new one, and never a mix of two.
//!
//! A process that is killed leaves hidden siblings at most, which go when the same place is written to again. A lock
//! on each tells one that is being written from one that was left.

use std::{
    ffi::OsString,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use tempfile::TempDir;

use super::{builder, folder_of, permissions};
use crate::{Error, Result};

/// The longest name of a folder: hidden siblings have longer ones, and systems allow 255 bytes.
const MOST_NAME_BYTES: usize = 200;

/// Makes the folder at `path` of what `write` puts into a temporary sibling. A folder that is there already is
/// replaced, and a failure leaves it. `files` are the names of all that may be in either: nothing else is removed.
///
/// # Errors
/// If the system refuses, `write` fails, or something else came into the old folder meanwhile; the temporary folder is
/// then removed.
pub fn write_folder(path: &Path, files: &[&str], write: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    write_folder_by(path, files, write, exchange)
}

/// Where the folder of that `path` lies: there, or where it stepped aside when a process was killed while replacing
/// it.
#[must_use]
pub fn place_of(path: &Path) -> PathBuf {
    let aside = || aside_of(&target_of(path).ok()?).ok().filter(|aside| aside.is_dir());
    if path.exists() { path.to_owned() } else { aside().unwrap_or_else(|| path.to_owned()) }
}

/// Takes away what processes that were killed while they wrote the folder at `path` left beside it, as [`write_folder`]
/// does first.
///
/// # Errors
/// If a folder that stepped aside cannot be put back.
pub fn remove_left_over(path: &Path, files: &[&str]) -> Result<()> {
    target_of(path).and_then(|target| clean_up(&target, files)).map_err(Error::write(path))
}

/// Whether [`write_folder`] takes a folder of that name, to find out before long work.
///
/// # Errors
/// If `path` has no name or one of more than 200 bytes.
pub fn check_name(path: &Path) -> Result<()> {
    hidden(path).map(drop).map_err(Error::write(path))
}

/// [`write_folder`] where `exchange` lets two folders change names, or says that the system cannot.
fn write_folder_by(
    path: &Path,
    files: &[&str],
    write: impl FnOnce(&Path) -> Result<()>,
    exchange: impl Fn(&Path, &Path) -> io::Result<bool>,
) -> Result<()> {
    remove_left_over(path, files)?;
    let target = &target_of(path).map_err(Error::write(path))?;
    let told = |result: io::Result<()>| result.map_err(Error::write(path));
    let replaced = permissions(target);
    let (fresh, _lock) = fresh_beside(target, replaced.is_some()).map_err(Error::write(path))?;
    write(fresh.path())?;
    told(sync(fresh.path()))?;
    let Some(permissions) = replaced else {
        told(fs::rename(fresh.path(), target))?;
        // Its place is empty now; there is nothing left to remove.
        let _ = fresh.keep();
        return told(sync(folder_of(target)));
    };
    told(fs::set_permissions(fresh.path(), permissions))?;
    let refused = |name: OsString| {
        let expected = format!("nothing but the files that are replaced in {}", path.display());
        Error::invalid("write", expected, name.to_string_lossy().into_owned())
    };
    if exchange(fresh.path(), target).map_err(Error::write(path))? {
        // What lies there now is the old folder, which nothing but `take_apart` may remove.
        let old = fresh.keep();
        if let Some(name) = other_than(files, &old) {
            if !exchange(&old, target).map_err(Error::write(path))? {
                let moved = format!("{} with it lies in {}", path.display(), old.display());
                return Err(Error::invalid("write", "nothing else beside the files that are replaced", moved));
            }
            take_apart(&old, files);
            return Err(refused(name));
        }
        told(sync(folder_of(target)))?;
        take_apart(&old, files);
        return Ok(());
    }
    // A folder cannot be renamed over one that holds something: the old one steps aside, and comes back if the new
    // one cannot take its place.
    let aside = aside_of(target).map_err(Error::write(path))?;
    told(fs::rename(target, &aside))?;
    let replaced = match other_than(files, &aside) {
        Some(name) => Err(refused(name)),
        None => told(fs::rename(fresh.path(), target)),
    };
    if let Err(error) = replaced {
        told(fs::rename(&aside, target))?;
        return Err(error);
    }
    let _ = fresh.keep();
    told(sync(folder_of(target)))?;
    take_apart(&aside, files);
    Ok(())
}

/// What is to be replaced: `path` itself, or what it links to.
fn target_of(path: &Path) -> io::Result<PathBuf> {
    if path.is_symlink() { fs::canonicalize(path) } else { Ok(path.to_owned()) }
}

/// The name of a hidden sibling of `target`, without its end.
fn hidden(target: &Path) -> io::Result<OsString> {
    let refuse = |told: &str| io::Error::new(io::ErrorKind::InvalidInput, told);
    let name = target.file_name().ok_or_else(|| refuse("expected the name of a folder"))?;
    if name.len() > MOST_NAME_BYTES {
        return Err(refuse(&format!("expected a name of at most {MOST_NAME_BYTES} bytes, got {}", name.len())));
    }
    let mut hidden = OsString::from(".");
    hidden.push(name);
    hidden.push(".spiketext-");
    Ok(hidden)
}

/// Where the folder at `target` goes while a new one takes its place, if they cannot be exchanged.
fn aside_of(target: &Path) -> io::Result<PathBuf> {
    let mut name = hidden(target)?;
    name.push("old");
    Ok(folder_of(target).join(name))
}

/// A new folder beside `target`, and the lock that says that it is being written.
fn fresh_beside(target: &Path, replaces: bool) -> io::Result<(TempDir, Option<File>)> {
    let prefix = hidden(target)?;
    let replaced = if replaces { permissions(target) } else { None };
    loop {
        let fresh = builder(replaced.as_ref(), 0o777).prefix(&prefix).tempdir_in(folder_of(target))?;
        let lock = lockable(fresh.path()).filter(|folder| folder.lock().is_ok());
        // Another process may have taken it for one that was left, before it was locked.
        if fresh.path().exists() {
            return Ok((fresh, lock));
        }
    }
}

/// Puts a folder back that had stepped aside, and takes away what killed processes left beside `target`.
fn clean_up(target: &Path, files: &[&str]) -> io::Result<()> {
    let (prefix, aside) = (hidden(target)?, aside_of(target)?);
    if aside.is_dir() && !target.exists() {
        fs::rename(&aside, target)?;
    }
    let siblings = fs::read_dir(folder_of(target)).into_iter().flatten().flatten();
    for sibling in siblings {
        let name = sibling.file_name();
        let is_ours = name.as_encoded_bytes().starts_with(prefix.as_encoded_bytes());
        if !is_ours || !sibling.file_type().is_ok_and(|kind| kind.is_dir()) {
            continue;
        }
        let path = sibling.path();
        // Locked as long as it is taken apart, so that nobody begins to write into it.
        let lock = lockable(&path).filter(|folder| folder.try_lock().is_ok());
        if lock.is_some() || path == aside {
            take_apart(&path, files);
        }
    }
    Ok(())
}

/// Removes `files` from a folder, and the folder if nothing else is in it.
fn take_apart(folder: &Path, files: &[&str]) {
    // What cannot be removed stays under its hidden name until the place is written to again.
    for file in files {
        let _ = fs::remove_file(folder.join(file));
    }
    let _ = fs::remove_dir(folder);
}

/// The name of something in `folder` that is none of `files`.
fn other_than(files: &[&str], folder: &Path) -> Option<OsString> {
    let mut names = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.file_name());
    names.find(|name| !files.iter().any(|file| name == file))
}

/// A folder to be locked. None where a folder cannot be opened as a file: what killed processes leave stays there.
fn lockable(folder: &Path) -> Option<File> {
    if cfg!(unix) { File::open(folder).ok() } else { None }
}

/// Has the system write down which names are in `folder`.
fn sync(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

/// Lets two files or folders change names, which the kernel does at one stroke; `false` where it cannot.
#[cfg(target_os = "linux")]
fn exchange(a: &Path, b: &Path) -> io::Result<bool> {
    use rustix::{
        fs::{CWD, RenameFlags, renameat_with},
        io::Errno,
    };
    match renameat_with(CWD, a, CWD, b, RenameFlags::EXCHANGE) {
        Ok(()) => Ok(true),
        // A kernel or a file system that knows no exchange.
        Err(Errno::NOSYS | Errno::INVAL | Errno::OPNOTSUPP) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

#[cfg(not(target_os = "linux"))]
fn exchange(_: &Path, _: &Path) -> io::Result<bool> {
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILES: [&str; 3] = ["one", "two", "three"];

    /// Writes a file of the name into the folder.
    fn put(name: &'static str) -> impl Fn(&Path) -> Result<()> {
        move |fresh: &Path| fs::write(fresh.join(name), name).map_err(Error::write(fresh.join(name)))
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).expect("list").map(|entry| entry.expect("entry").file_name());
        let mut names: Vec<String> = entries.map(|name| name.into_string().expect("UTF-8")).collect();
        names.sort();
        names
    }

    /// Both ways of replacing a folder.
    fn ways() -> [fn(&Path, &Path) -> io::Result<bool>; 2] {
        [exchange, |_, _| Ok(false)]
    }

    #[test]
    fn a_folder_is_replaced_whole_or_left_as_it_was() {
        for way in ways() {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let path = folder.path().join("model");
            write_folder_by(&path, &FILES, put("one"), way).expect("made");
            write_folder_by(&path, &FILES, put("two"), way).expect("replaced");
            assert_eq!(names(&path), ["two"]);
            let refused = |fresh: &Path| {
                put("three")(fresh)?;
                Err(Error::invalid("test", "room", "a full disk"))
            };
            assert!(write_folder_by(&path, &FILES, refused, way).is_err());
            assert_eq!(names(&path), ["two"]);
            // Somebody's file came in while the new folder was written.
            let late = |fresh: &Path| {
                fs::write(path.join("mine"), "years of work").expect("written");
                put("three")(fresh)
            };
            let error = write_folder_by(&path, &FILES, late, way).expect_err("refused").to_string();
            assert!(error.contains("got mine"), "{error}");
            assert_eq!(names(&path), ["mine", "two"]);
            assert_eq!(names(folder.path()), ["model"], "nothing is left beside it");
        }
    }

    #[test]
    fn what_was_left_goes_and_what_is_being_written_stays() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("model");
        let left = folder.path().join(".model.spiketext-Ab3dEf");
        let foreign = folder.path().join(".model.spiketext-Gh4iJk");
        let other = folder.path().join(".models.spiketext-Ab3dEf");
        for place in [&left, &foreign, &other] {
            fs::create_dir(place).expect("made");
            fs::write(place.join("one"), "half").expect("written");
        }
        fs::write(foreign.join("mine"), "years of work").expect("written");
        let meanwhile = |fresh: &Path| {
            put("two")(fresh)?;
            // A second process that writes to the same place, all the way.
            write_folder(&path, &FILES, put("three"))?;
            assert_eq!(names(fresh), ["two"]);
            Ok(())
        };
        write_folder(&path, &FILES, meanwhile).expect_err("a folder that came between is not written over");
        assert_eq!(names(&path), ["three"]);
        write_folder(&path, &FILES, put("two")).expect("replaced");
        assert_eq!(names(&path), ["two"]);
        assert_eq!(names(&foreign), ["mine"]);
        assert_eq!(names(folder.path()), [".model.spiketext-Gh4iJk", ".models.spiketext-Ab3dEf", "model"]);
    }

    #[test]
    fn a_folder_that_stepped_aside_is_found_and_comes_back() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (path, aside) = (folder.path().join("model"), folder.path().join(".model.spiketext-old"));
        assert_eq!(place_of(&path), path);
        write_folder(&path, &FILES, put("one")).expect("made");
        // Killed between the two renames.
        fs::rename(&path, &aside).expect("aside");
        assert_eq!(place_of(&path), aside);
        let refused = write_folder(&path, &FILES, |_| Err(Error::invalid("test", "room", "a full disk")));
        assert!(refused.is_err() && place_of(&path) == path && path.join("one").exists());
        // Killed after the second.
        fs::rename(&path, &aside).expect("aside");
        fs::create_dir(&path).expect("made");
        write_folder(&path, &FILES, put("two")).expect("replaced");
        assert_eq!((names(&path), names(folder.path())), (vec!["two".to_owned()], vec!["model".to_owned()]));
    }

    #[cfg(unix)]
    #[test]
    fn a_link_to_a_folder_stays_a_link() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (real, link) = (folder.path().join("real"), folder.path().join("link"));
        write_folder(&real, &FILES, put("one")).expect("made");
        std::os::unix::fs::symlink("real", &link).expect("a link");
        write_folder(&link, &FILES, put("two")).expect("replaced");
        assert!(link.is_symlink());
        assert_eq!(
            (names(&real), names(folder.path())),
            (vec!["two".to_owned()], vec!["link".into(), "real".into()])
        );
    }

    #[test]
    fn a_name_too_long_for_its_siblings_is_refused() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let error = write_folder(&folder.path().join("x".repeat(201)), &FILES, put("one")).expect_err("long");
        assert!(error.to_string().contains("at most 200 bytes, got 201"), "{error}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn there_is_a_folder_at_every_moment() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (a, b) = (folder.path().join("a"), folder.path().join("b"));
        fs::create_dir(&a).expect("a folder");
        fs::create_dir(&b).expect("a folder");
        fs::write(b.join("x"), "x").expect("written");
        assert!(exchange(&a, &b).expect("exchanged"), "this file system exchanges names");
        assert!(a.join("x").exists() && b.exists());
        assert!(exchange(&a, &folder.path().join("none")).is_err());
    }
}
