//! The checkpoint of a run: its file, and what it says of itself.

use std::path::{Path, PathBuf};

use crate::{schedule::Checkpoint, store::Store};

/// The checkpoint's file name in its folder.
pub const CHECKPOINT: &str = "checkpoint.safetensors";

/// What a checkpoint says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckpointNotes {
    /// The name of its run, see [`crate::Pipeline::run`].
    pub run: String,
    /// The phase that it was written in, in words.
    pub phase: String,
    /// Epochs of the phase that were done.
    pub epochs: u64,
}

impl CheckpointNotes {
    /// Those of the checkpoint in `folder`, if there is one that can be read.
    #[must_use]
    pub fn read(folder: &Path) -> Option<Self> {
        let store = Store::read_notes(&folder.join(CHECKPOINT)).ok()?;
        let text = |name| store.text(name).map(str::to_owned);
        Some(Self { run: text("fingerprint")?, phase: text("phase")?, epochs: store.number("epochs")? })
    }
}

/// A checkpoint's file, and what must agree for it to be taken up.
pub(crate) struct CheckpointPlace {
    pub(crate) path: PathBuf,
    pub(crate) fingerprint: String,
}

impl CheckpointPlace {
    pub(crate) fn borrowed(&self) -> Checkpoint<'_> {
        Checkpoint { path: &self.path, fingerprint: &self.fingerprint }
    }
}
