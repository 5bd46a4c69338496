//! The folder beside a model's in which its training leaves a checkpoint, and what an interrupted run says of it.

use std::{
    fs::{File, TryLockError},
    io::{IsTerminal, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use anyhow::Context;
use spiketext::files::remove_temporary_files;
use spiketext_train::{CHECKPOINT, CheckpointNotes};

use crate::support::{interrupt, terminal};

/// A folder beside the model's for its checkpoint, for one run at a time.
pub struct CheckpointFolder {
    /// Where it is.
    pub path: PathBuf,
    /// The folders above it that had to be made for it, innermost first.
    made: Vec<PathBuf>,
    /// The folder, locked. None where a folder cannot be locked.
    lock: Option<File>,
}

impl CheckpointFolder {
    /// Makes it. Making it before training also finds out early whether the place can be written.
    ///
    /// # Errors
    /// If it cannot be made, or another run writes to it.
    pub fn beside(folder: &Path) -> anyhow::Result<Self> {
        // Two names of one folder have one checkpoint, and one run.
        let linked = folder
            .is_symlink()
            .then(|| folder.canonicalize().with_context(|| format!("--out {}: a link to nothing", folder.display())));
        let linked = linked.transpose()?;
        let folder = linked.as_deref().unwrap_or(folder);
        let mut name = folder
            .file_name()
            .with_context(|| format!("--out {}: not a folder's name", folder.display()))?
            .to_owned();
        name.push(".checkpoint");
        let path = folder.with_file_name(name);
        let made: Vec<PathBuf> =
            path.ancestors().skip(1).take_while(|above| !above.exists()).map(Path::to_owned).collect();
        let lock = loop {
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
            // A run that ended may have removed it before it was locked: then it is made anew.
            if lock.as_ref().is_none_or(|lock| is_at(lock, &path)) {
                break lock;
            }
        };
        // A process that was killed while it wrote a checkpoint left half of one.
        remove_temporary_files(&path);
        Ok(Self { path, made, lock })
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
}

/// Leaves a checkpoint for `--resume`, but no empty folders.
impl Drop for CheckpointFolder {
    fn drop(&mut self) {
        // One that was discarded may have been made anew by another run meanwhile, whose it is then.
        if self.lock.as_ref().is_none_or(|lock| is_at(lock, &self.path)) {
            leave(&self.path, &self.made);
        }
    }
}

/// A run that can be interrupted: where its model goes, and whether it is there.
#[derive(Clone)]
pub struct Run {
    saved: Arc<Mutex<bool>>,
}

impl Run {
    /// From now on, a run to `folder` that is interrupted says what is kept of it and how it goes on. `resumes`: it
    /// began with the checkpoint that is there; `piped`: its texts come from standard input.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn watch(checkpoints: &CheckpointFolder, folder: &Path, resumes: bool, piped: bool) -> std::io::Result<Self> {
        let saved = Arc::new(Mutex::new(false));
        let run = Self { saved: Arc::clone(&saved) };
        let (path, made, folder) = (checkpoints.path.clone(), checkpoints.made.clone(), folder.to_owned());
        let written = move |path: &Path| path.join(CHECKPOINT).metadata().and_then(|file| file.modified()).ok();
        let before: Option<SystemTime> = written(&path);
        interrupt::watch(move || {
            // A model that is being saved takes its place first.
            let saved = saved.lock().unwrap_or_else(PoisonError::into_inner);
            // A checkpoint that is being written never will be.
            remove_temporary_files(&path);
            let is_own = resumes || written(&path) != before;
            let told = match CheckpointNotes::read(&path) {
                _ if *saved => format!("interrupted when it had ended: the model is saved to {}", folder.display()),
                Some(CheckpointNotes { phase, epochs, .. }) if is_own => format!(
                    "interrupted; the checkpoint of epoch {epochs} ({phase}) is kept in {}; to go on{}: {}",
                    path.display(),
                    if piped { ", with the same standard input" } else { "" },
                    interrupt::command_with("--resume")
                ),
                Some(_) => format!(
                    "interrupted before its first checkpoint: nothing is kept of this run; the checkpoint in {} is of \
                     an earlier one",
                    path.display()
                ),
                None => "interrupted before its first checkpoint: nothing is kept of this run".to_owned(),
            };
            leave(&path, &made);
            let mut out = std::io::stderr();
            // Below the bar of a terminal.
            let line_end = if out.is_terminal() { "\n" } else { "" };
            let _ = writeln!(out, "{line_end}spiketext: {}", terminal::one_line(&told, None));
            // With the lock: no model is saved behind what was said.
            std::process::exit(interrupt::INTERRUPTED)
        })?;
        Ok(run)
    }

    /// Holds off an interruption until the model is saved: true, then, is what is to be written there.
    pub fn saving(&self) -> MutexGuard<'_, bool> {
        self.saved.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether the open folder is the one of that name still.
#[cfg(unix)]
fn is_at(folder: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let identity = |metadata: std::io::Result<std::fs::Metadata>| metadata.map(|is| (is.dev(), is.ino())).ok();
    identity(folder.metadata()) == identity(path.metadata())
}

#[cfg(not(unix))]
fn is_at(_: &File, _: &Path) -> bool {
    true
}

/// Removes the folder and those above it that were made for it, as far as nothing is in them.
fn leave(path: &Path, made: &[PathBuf]) {
    for folder in std::iter::once(path).chain(made.iter().map(PathBuf::as_path)) {
        // The system refuses to remove a folder that holds something.
        let _ = std::fs::remove_dir(folder);
    }
}
