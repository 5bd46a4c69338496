//! The folder beside a model's in which its training leaves a checkpoint.

use std::{
    fs::{File, TryLockError},
    path::{Path, PathBuf},
};

use anyhow::Context;
use spiketext::files::remove_temporary_files;
use spiketext_train::CHECKPOINT;

/// A folder beside the model's for its checkpoint, for one run at a time.
pub struct CheckpointFolder {
    /// Where it is.
    pub path: PathBuf,
    /// The folders above it that had to be made for it, innermost first.
    made: Vec<PathBuf>,
    /// The folder, locked. None where a folder cannot be locked.
    _lock: Option<File>,
}

impl CheckpointFolder {
    /// Makes it. Making it before training also finds out early whether the place can be written.
    ///
    /// # Errors
    /// If it cannot be made, or another run writes to it.
    pub fn beside(folder: &Path) -> anyhow::Result<Self> {
        let mut name = folder
            .file_name()
            .with_context(|| format!("--out {}: not a folder's name", folder.display()))?
            .to_owned();
        name.push(".checkpoint");
        let path = folder.with_file_name(name);
        let made: Vec<PathBuf> =
            path.ancestors().skip(1).take_while(|above| !above.exists()).map(Path::to_owned).collect();
        if let Err(error) = std::fs::create_dir_all(&path) {
            leave(&path, &made);
            return Err(error).with_context(|| format!("cannot write {}", path.display()));
        }
        let lock = if cfg!(unix) { File::open(&path).ok() } else { None };
        if let Some(Err(TryLockError::WouldBlock)) = lock.as_ref().map(File::try_lock) {
            anyhow::bail!(
                "another run of `spiketext train` is under way to the same --out and writes to {}: expected none; \
                 --out DIR names another folder",
                path.display()
            );
        }
        // A process that was killed while it wrote a checkpoint left half of one.
        remove_temporary_files(&path);
        Ok(Self { path, made, _lock: lock })
    }

    /// Whether there is a checkpoint in it.
    pub fn holds_one(&self) -> bool {
        self.path.join(CHECKPOINT).exists()
    }

    /// Removes the checkpoint.
    pub fn clear(&self) {
        let _ = std::fs::remove_file(self.path.join(CHECKPOINT));
    }

    /// Removes it: the model was saved.
    pub fn discard(&self) {
        self.clear();
        let _ = std::fs::remove_dir(&self.path);
    }

    /// Leaves a checkpoint for `--resume`, but no empty folders.
    pub fn leave(&self) {
        leave(&self.path, &self.made);
    }
}

/// Removes the folder and those above it that were made for it, as far as nothing is in them.
fn leave(path: &Path, made: &[PathBuf]) {
    for folder in std::iter::once(path).chain(made.iter().map(PathBuf::as_path)) {
        // The system refuses to remove a folder that holds something.
        let _ = std::fs::remove_dir(folder);
    }
}
