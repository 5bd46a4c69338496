//! A model at one moment, and how it is read from a folder that may change meanwhile.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

use sha2::{Digest, Sha256};
use spiketext::{
    Error, Model,
    explain::favourites::{Favourites, favourites},
    model::{CONFIG, Changes},
};

/// Changed models that are kept of a version: who moves a slider asks for the same one several times.
const KEPT: usize = 4;
/// Favourite words that are told of each place of a filter's window.
const FAVOURITES: usize = 8;

/// One state of a model.
#[derive(Debug)]
pub struct Version {
    /// The model.
    pub model: Arc<Model>,
    /// The beginning of the SHA-256 of its description, which has those of its other files.
    pub name: String,
    /// The description that it was read from.
    pub identity: Option<Identity>,
    /// The last changed ones that were asked for, the newest last.
    changed: Mutex<Vec<(Changes, Arc<Model>)>>,
    /// What each filter likes best, of those that were asked for.
    favourites: Mutex<BTreeMap<(usize, usize), Arc<Favourites>>>,
}

impl Version {
    /// A model at this moment.
    pub fn new(model: Arc<Model>, name: String, identity: Option<Identity>) -> Self {
        Self { model, name, identity, changed: Mutex::default(), favourites: Mutex::default() }
    }

    /// The model with changes.
    ///
    /// # Errors
    /// If they do not suit it.
    pub fn with_changes(&self, changes: &Changes) -> Result<Arc<Model>, Error> {
        if changes.is_none() {
            return Ok(Arc::clone(&self.model));
        }
        let lock = || self.changed.lock().unwrap_or_else(PoisonError::into_inner);
        let found = lock().iter().find(|(own, _)| own == changes).map(|(_, model)| Arc::clone(model));
        if let Some(model) = found {
            return Ok(model);
        }
        // Not under the lock: it takes milliseconds, and who asks for the same at once makes the same.
        let model = Arc::new(self.model.with_changes(changes)?);
        let mut kept = lock();
        if kept.len() >= KEPT {
            kept.remove(0);
        }
        kept.push((*changes, Arc::clone(&model)));
        Ok(model)
    }

    /// The words that each place of a filter likes best: number `filter` of kernel `kernel`.
    pub fn favourites(&self, kernel: usize, filter: usize) -> Arc<Favourites> {
        let lock = || self.favourites.lock().unwrap_or_else(PoisonError::into_inner);
        let found = lock().get(&(kernel, filter)).map(Arc::clone);
        // Not under the lock: all words are looked at.
        found.unwrap_or_else(|| {
            let made = Arc::new(favourites(&self.model, kernel, filter, FAVOURITES));
            lock().insert((kernel, filter), Arc::clone(&made));
            made
        })
    }
}

/// What tells one file from another that took its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    size: u64,
    changed: Option<SystemTime>,
    inode: u64,
}

impl Identity {
    /// Of a model's description; none where there is none.
    pub fn of(folder: &Path) -> Option<Self> {
        let found = fs::metadata(folder.join(CONFIG)).ok()?;
        #[cfg(unix)]
        let inode = std::os::unix::fs::MetadataExt::ino(&found);
        #[cfg(not(unix))]
        let inode = 0;
        Some(Self { size: found.len(), changed: found.modified().ok(), inode })
    }
}

/// How often a folder is read anew that changes while it is read.
const ATTEMPTS: usize = 5;

/// Reads a folder as it stands at one moment.
///
/// # Errors
/// If it is no sound model.
pub fn load(folder: &Path) -> Result<Version, Error> {
    let mut attempt = 1;
    loop {
        let before = Identity::of(folder);
        let digest = fs::read(folder.join(CONFIG)).map(Sha256::digest);
        let loaded = Model::load(folder);
        if attempt < ATTEMPTS && Identity::of(folder) != before {
            attempt += 1;
            continue;
        }
        let model = Arc::new(loaded?);
        let digest = digest.map_err(|cause| Error::Read { path: folder.join(CONFIG), cause })?;
        let name = base16ct::lower::encode_string(&digest[..6]);
        return Ok(Version::new(model, name, before));
    }
}
