//! What has come of a file so far: `X.part` beside the place of `X`, and in `X.part.from` where it comes from.

use std::{
    ffi::OsString,
    fs::{self, File, TryLockError},
    io::{self, Read, Seek, Write},
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

use crate::{Error, Remote, Result};

/// The beginning of a file. This process alone writes it, as long as the value lives.
pub(crate) struct Part {
    target: PathBuf,
    path: PathBuf,
    file: File,
    hasher: Sha256,
    length: u64,
    /// What the server called this version of the file: a strong entity tag or a date.
    validator: String,
    /// Whether the bytes come from more than one answer.
    pub mixed: bool,
}

impl Part {
    /// Opens the part of `target`, or begins one. What lies there is kept only if it comes from the same address and
    /// can be told to be the same version.
    pub(crate) fn open(remote: &Remote, target: &Path) -> Result<Self> {
        let path = beside(target, ".part");
        let mut options = File::options();
        options.read(true).write(true).create(true).truncate(false);
        let file = options.open(&path).map_err(Error::file("write", &path))?;
        let busy = || Error::Busy { url: remote.shown(), path: path.clone() };
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(busy()),
            // Some file systems have no locks: then nothing is guarded, as without this check.
            Err(TryLockError::Error(_)) => {}
        }
        // Between opening and locking, another process may have finished the file and moved it away.
        if !is_still(&file, &path) {
            return Err(busy());
        }
        let mut part = Self {
            target: target.to_owned(),
            path,
            file,
            hasher: Sha256::new(),
            length: 0,
            validator: String::new(),
            mixed: false,
        };
        let origin = fs::read_to_string(part.origin()).unwrap_or_default();
        match origin.split_once('\n') {
            // Without a name for the version, only a sum can tell that two pieces belong together.
            Some((url, validator))
                if url == remote.shown() && (!validator.trim().is_empty() || remote.sha256.is_some()) =>
            {
                part.validator = validator.trim().to_owned();
                part.take_in()?;
            }
            _ => part.restart()?,
        }
        Ok(part)
    }

    /// All that has come, from its beginning. Through the one open file: where locks bind, another could not read.
    pub(crate) fn reader(&mut self) -> Result<&File> {
        self.file.rewind().map_err(Error::file("read", &self.path))?;
        Ok(&self.file)
    }

    /// How many bytes have come.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// What the server called this version; empty if it did not.
    pub(crate) fn validator(&self) -> &str {
        &self.validator
    }

    /// The SHA-256 of what has come.
    pub(crate) fn sum(&self) -> String {
        base16ct::lower::encode_string(&self.hasher.clone().finalize())
    }

    /// Sums what an earlier run left.
    fn take_in(&mut self) -> Result<()> {
        let mut buffer = vec![0; 1 << 18];
        loop {
            let read = match self.file.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(Error::file("read", &self.path)(error)),
            };
            self.hasher.update(&buffer[..read]);
            self.length += read as u64;
        }
        self.mixed = self.length > 0;
        Ok(())
    }

    /// Forgets all that has come.
    pub(crate) fn restart(&mut self) -> Result<()> {
        self.file.set_len(0).and_then(|()| self.file.rewind()).map_err(Error::file("write", &self.path))?;
        self.hasher = Sha256::new();
        self.length = 0;
        self.validator.clear();
        self.mixed = false;
        Ok(())
    }

    /// Begins a version that the server calls `validator`.
    pub(crate) fn begin(&mut self, url: &str, validator: &str) -> Result<()> {
        self.restart()?;
        self.validator = validator.to_owned();
        let origin = self.origin();
        fs::write(&origin, format!("{url}\n{validator}\n")).map_err(Error::file("write", &origin))
    }

    /// Adds what has come.
    pub(crate) fn add(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all(bytes).map_err(Error::file("write", &self.path))?;
        self.hasher.update(bytes);
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// Puts the file, which is whole, in its place.
    pub(crate) fn keep(self) -> Result<()> {
        self.file.sync_all().map_err(Error::file("write", &self.path))?;
        fs::rename(&self.path, &self.target).map_err(Error::file("write", &self.target))?;
        // Left behind, it would say nothing of a later part either.
        let _ = fs::remove_file(self.origin());
        Ok(())
    }

    /// Removes all that has come.
    pub(crate) fn discard(self) -> Result<()> {
        let _ = fs::remove_file(self.origin());
        fs::remove_file(&self.path).map_err(Error::file("remove", &self.path))
    }

    /// Removes a part in which nothing is.
    pub(crate) fn leave(self) {
        if self.length == 0 {
            let _ = self.discard();
        }
    }

    fn origin(&self) -> PathBuf {
        beside(&self.path, ".from")
    }
}

/// `path` with `end` after its name.
fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(end);
    name.into()
}

/// Whether `file` is what `path` names now.
#[cfg(unix)]
fn is_still(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let identity = |metadata: &fs::Metadata| (metadata.dev(), metadata.ino());
    matches!((file.metadata(), fs::metadata(path)), (Ok(open), Ok(named)) if identity(&open) == identity(&named))
}

/// Whether there is a file at `path`; which one, the system does not tell.
#[cfg(not(unix))]
fn is_still(_: &File, path: &Path) -> bool {
    path.is_file()
}
