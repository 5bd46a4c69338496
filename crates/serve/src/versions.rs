//! A model at one moment, and how it is read from a folder that may change meanwhile.

use std::{fs, path::Path, sync::Arc, time::SystemTime};

use sha2::{Digest, Sha256};
use spiketext::{Error, Model, model::CONFIG};

/// One state of a model.
#[derive(Debug)]
pub struct Version {
    /// The model.
    pub model: Arc<Model>,
    /// The beginning of the SHA-256 of its description, which has those of its other files.
    pub name: String,
    /// The description that it was read from.
    pub identity: Option<Identity>,
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
        return Ok(Version { model, name, identity: before });
    }
}
