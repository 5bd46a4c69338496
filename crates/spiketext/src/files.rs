//! Writing files whole or not at all.

use std::{
    fs::File,
    io::{self, Write},
    path::Path,
};

use crate::{Error, Result};

/// Writes `bytes` to a temporary sibling of `path`, flushes it to the disk and renames it: a reader sees the old file or
/// the new one, never a part, and a failure leaves the old one.
///
/// # Errors
/// If the system refuses; the temporary file is then removed.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<()> {
    write_atomically_with(path, |temporary| {
        // To the file itself, whose errors do not name the temporary path.
        File::create(temporary)?.write_all(bytes)
    })
}

/// [`write_atomically`] of what `write` puts into the temporary file, for content that need not be in memory as a whole. `write`
/// may also put another file in its place.
///
/// # Errors
/// If the system refuses or `write` fails; the temporary file is then removed.
pub fn write_atomically_with(path: &Path, write: impl FnOnce(&Path) -> io::Result<()>) -> Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let temporary = tempfile::NamedTempFile::new_in(folder).map_err(Error::write(path))?.into_temp_path();
    write(&temporary).map_err(Error::write(path))?;
    let file = File::options().write(true).open(&temporary).map_err(Error::write(path))?;
    file.sync_all().map_err(Error::write(path))?;
    // A temporary file is private to its owner; a finished one has the permissions of any new file.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let permissions = std::fs::Permissions::from_mode(0o644);
        file.set_permissions(permissions).map_err(Error::write(path))?;
    }
    drop(file);
    temporary.persist(path).map_err(|error| Error::write(path)(error.error))
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
        assert_eq!(std::fs::read(&path).expect("read"), b"two");
        // A folder of that name cannot be replaced by a file.
        let blocked = folder.path().join("folder");
        std::fs::create_dir_all(blocked.join("inside")).expect("a folder");
        let error = write_atomically(&blocked, b"three").expect_err("no").to_string();
        assert!(error.contains("folder"), "{error}");
        assert_eq!(std::fs::read_dir(folder.path()).expect("list").count(), 2);
    }
}
