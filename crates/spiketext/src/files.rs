//! Writing files and folders whole or not at all.
//!
//! What is written goes into a temporary sibling first and takes its place when it lies on the disk. A new file or
//! folder has the permissions that the process gives to any (its umask); one that replaces another keeps the other's.
//! `folder` puts whole folders in place, `overlap` tells places that are written to from what is read.

mod folder;
mod overlap;

use std::{
    collections::BTreeSet,
    fs::{self, File, Permissions},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

pub use folder::{check_name, place_of, remove_left_over, write_folder};
pub use overlap::{Overlap, overlap};

use serde::{Deserialize, Deserializer};
use tempfile::NamedTempFile;

use crate::{Error, Result};

/// Reads a choice that has no fields of its own, such as `{"kind": "pooling"}`, and refuses any. To be named beside
/// such a variant of an enum with a tag, where serde takes no notice of `deny_unknown_fields`.
///
/// # Errors
/// Names the first field that is there.
pub fn no_fields<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<(), D::Error> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Nothing {}
    Nothing::deserialize(deserializer).map(|Nothing {}| ())
}

/// Writes `bytes` to a temporary sibling of `path`, flushes it to the disk and renames it: a reader sees the old file
/// or the new one, never a part, and a failure leaves the old one.
///
/// # Errors
/// If the system refuses; the temporary file is then removed.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<()> {
    write_atomically_with(path, |temporary| {
        // To the file itself, whose errors do not name the temporary path.
        File::options().write(true).open(temporary)?.write_all(bytes)
    })
}

/// [`write_atomically`] of what `write` puts into the temporary file, for content that need not be in memory as a
/// whole. `write` may also put another file in its place.
///
/// # Errors
/// If the system refuses or `write` fails; the temporary file is then removed.
pub fn write_atomically_with(path: &Path, write: impl FnOnce(&Path) -> io::Result<()>) -> Result<()> {
    let replaced = permissions(path);
    let (temporary, _listed) = begin(path, replaced.as_ref())?;
    let temporary = temporary.into_temp_path();
    write(&temporary).map_err(Error::write(path))?;
    let file = File::options().write(true).open(&temporary).map_err(Error::write(path))?;
    if let Some(permissions) = replaced {
        file.set_permissions(permissions).map_err(Error::write(path))?;
    }
    file.sync_all().map_err(Error::write(path))?;
    drop(file);
    temporary.persist(path).map_err(|error| Error::write(path)(error.error))
}

/// A file that is written beside its place and takes it when it is whole; one that is dropped before goes away.
pub struct NewFile {
    path: PathBuf,
    replaced: Option<Permissions>,
    temporary: NamedTempFile,
    listed: Listed,
}

impl NewFile {
    /// Begins a file that will stand at `path`.
    ///
    /// # Errors
    /// If the folder does not take files.
    pub fn at(path: &Path) -> Result<Self> {
        let replaced = permissions(path);
        let (temporary, listed) = begin(path, replaced.as_ref())?;
        Ok(Self { path: path.to_owned(), replaced, temporary, listed })
    }

    /// Puts it in its place once it lies on the disk. A file that is there is replaced if `replace` says so.
    ///
    /// # Errors
    /// If the system refuses, or there is a file that is not to be replaced; what was written is then removed.
    pub fn commit(self, replace: bool) -> Result<()> {
        // Listed until it has taken its place.
        let Self { path, replaced, temporary, listed: _listed } = self;
        if let Some(permissions) = replaced {
            temporary.as_file().set_permissions(permissions).map_err(Error::write(&path))?;
        }
        temporary.as_file().sync_all().map_err(Error::write(&path))?;
        let persisted = if replace { temporary.persist(&path) } else { temporary.persist_noclobber(&path) };
        persisted.map(drop).map_err(|error| Error::write(&path)(error.error))
    }
}

impl Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // To the file itself, whose errors do not name the temporary path.
        self.temporary.as_file_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.temporary.as_file_mut().flush()
    }
}

/// Whether a file at `path` can be begun, to find out before long work; nothing stays.
///
/// # Errors
/// If there is no such folder, or it takes no files.
pub fn check_place(path: &Path) -> Result<()> {
    NewFile::at(path).map(drop)
}

/// The temporary files that this process is writing.
static BEGUN: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

fn begun() -> MutexGuard<'static, BTreeSet<PathBuf>> {
    BEGUN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A temporary file among those that are being written, as long as this lives.
struct Listed(PathBuf);

impl Drop for Listed {
    fn drop(&mut self) {
        begun().remove(&self.0);
    }
}

/// Begins a temporary file beside `path`.
fn begin(path: &Path, replaced: Option<&Permissions>) -> Result<(NamedTempFile, Listed)> {
    // Listed before anyone can take the list: no file is begun that an interruption would leave.
    let mut begun = begun();
    let temporary = builder(replaced, 0o666).tempfile_in(folder_of(path)).map_err(Error::write(path))?;
    begun.insert(temporary.path().to_owned());
    let listed = Listed(temporary.path().to_owned());
    Ok((temporary, listed))
}

/// Takes away all files that this process has begun and that have not taken their place. For a process that is about to end
/// without finishing them, by a signal: from here on none can be begun, and whoever tries waits.
pub fn remove_begun() {
    let begun = begun();
    for path in begun.iter() {
        // One that has just taken its place is no longer there under this name.
        let _ = fs::remove_file(path);
    }
    std::mem::forget(begun);
}

/// The names of the temporary files that this process is writing in the folder of `path`.
#[must_use]
pub fn begun_beside(path: &Path) -> Vec<String> {
    // The same folder may have several names.
    let folder = fs::canonicalize(folder_of(path)).ok();
    let beside = |begun: &&PathBuf| folder.is_some() && fs::canonicalize(folder_of(begun)).ok() == folder;
    begun().iter().filter(beside).filter_map(|path| Some(path.file_name()?.to_str()?.to_owned())).collect()
}

/// Takes away files that a killed process was writing in the folder of `path`, by the names that it had noted.
pub fn remove_begun_beside(path: &Path, names: &[String]) {
    let is_name = |name: &&String| name.starts_with(TEMPORARY) && !name.contains(['/', '\\']);
    for name in names.iter().filter(is_name) {
        // What cannot be removed is in nobody's way.
        let _ = fs::remove_file(folder_of(path).join(name));
    }
}

/// The folder in which `path` lies.
fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// The permissions of what lies at `path`, if something does.
fn permissions(path: &Path) -> Option<Permissions> {
    fs::metadata(path).ok().map(|metadata| metadata.permissions())
}

/// What the names of temporary files begin with.
const TEMPORARY: &str = ".spiketext-";

/// Takes away the temporary files that killed processes left in `folder`. Only for a folder that no other process
/// writes to meanwhile: nothing tells its temporary files from these.
pub fn remove_temporary_files(folder: &Path) {
    let is_temporary = |entry: &fs::DirEntry| {
        let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
        is_file && entry.file_name().to_str().is_some_and(|name| name.starts_with(TEMPORARY))
    };
    for entry in fs::read_dir(folder).into_iter().flatten().flatten().filter(is_temporary) {
        // What cannot be removed is in nobody's way.
        let _ = fs::remove_file(entry.path());
    }
}

/// Makes temporary files and folders: with `mode`, less what the process keeps from others, or private as long as
/// they are to get the permissions of what they replace.
fn builder(replaced: Option<&Permissions>, mode: u32) -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(TEMPORARY);
    #[cfg(unix)]
    if replaced.is_none() {
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(mode));
    }
    #[cfg(not(unix))]
    let _ = (replaced, mode);
    builder
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_leaves_the_old_file_and_nothing_beside_it() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("a.txt");
        write_atomically(&path, b"one").expect("written");
        write_atomically(&path, b"two").expect("written again");
        assert_eq!(fs::read(&path).expect("read"), b"two");
        // A folder of that name cannot be replaced by a file.
        let blocked = folder.path().join("folder");
        fs::create_dir_all(blocked.join("inside")).expect("a folder");
        let error = write_atomically(&blocked, b"three").expect_err("no").to_string();
        assert!(error.contains("folder"), "{error}");
        assert_eq!(fs::read_dir(folder.path()).expect("list").count(), 2);
    }

    #[test]
    fn what_is_begun_is_listed_until_it_is_in_its_place_or_gone() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("a.txt");
        let listed = || begun().iter().filter(|path| path.starts_with(folder.path())).count();
        let file = NewFile::at(&path).expect("begun");
        assert_eq!(listed(), 1);
        let beside =
            begun_beside(&folder.path().join("../").join(folder.path().file_name().expect("a name")).join("b"));
        assert_eq!(beside.len(), 1, "under another name of the folder");
        file.commit(false).expect("in its place");
        assert_eq!((listed(), path.exists()), (0, true));
        drop(NewFile::at(&path).expect("begun"));
        write_atomically(&path, b"new").expect("written");
        check_place(&path).expect("a folder that takes files");
        assert_eq!((listed(), fs::read_dir(folder.path()).expect("list").count()), (0, 1));
        assert!(check_place(&folder.path().join("none/a.txt")).is_err());
    }

    #[test]
    fn what_killed_processes_left_goes_and_nothing_else() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let here = |name: &str| folder.path().join(name);
        fs::write(here(".spiketext-Ab3dEf"), "half").expect("written");
        fs::write(here("notes"), "mine").expect("written");
        fs::create_dir(here(".spiketext-folder")).expect("made");
        remove_temporary_files(folder.path());
        remove_temporary_files(&here("none"));
        assert!(!here(".spiketext-Ab3dEf").exists() && here("notes").exists() && here(".spiketext-folder").exists());
    }

    #[cfg(unix)]
    #[test]
    fn what_is_new_is_as_any_new_file_and_what_was_private_stays_so() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
        let set = |path: &Path, mode| fs::set_permissions(path, Permissions::from_mode(mode)).expect("set");
        let (file, any) = (folder.path().join("file"), folder.path().join("any"));
        write_atomically(&file, b"new").expect("written");
        fs::write(&any, b"new").expect("written");
        assert_eq!(mode(&file), mode(&any));
        set(&file, 0o600);
        write_atomically(&file, b"again").expect("written");
        assert_eq!(mode(&file), 0o600);
        let (made, any) = (folder.path().join("made"), folder.path().join("any folder"));
        write_folder(&made, &[], |_| Ok(())).expect("made");
        fs::create_dir(&any).expect("made");
        assert_eq!(mode(&made), mode(&any));
        set(&made, 0o700);
        write_folder(&made, &[], |_| Ok(())).expect("made again");
        assert_eq!(mode(&made), 0o700);
    }
}
