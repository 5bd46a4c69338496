//! The folder where fetched files are kept: `$SPIKETEXT_CACHE`, or `spiketext` in the user's folder of caches.

use std::path::PathBuf;

use crate::{Error, Result};

/// The environment variable that names the folder.
pub const VARIABLE: &str = "SPIKETEXT_CACHE";

/// The cache folder; it need not exist.
///
/// # Errors
/// A user without such a folder.
pub fn folder() -> Result<PathBuf> {
    let named = std::env::var_os(VARIABLE).filter(|folder| !folder.is_empty()).map(PathBuf::from);
    named.or_else(|| Some(dirs::cache_dir()?.join("spiketext"))).ok_or_else(|| Error::Invalid {
        operation: "find the cache folder",
        expected: format!("${VARIABLE} or a home folder"),
        got: "neither".to_owned(),
    })
}

/// The folder of data sets, flat, as [`spiketext::data::load`] takes it.
///
/// # Errors
/// Those of [`folder`].
pub fn data() -> Result<PathBuf> {
    Ok(folder()?.join("data"))
}

/// The folder of word vectors.
///
/// # Errors
/// Those of [`folder`].
pub fn vectors() -> Result<PathBuf> {
    Ok(folder()?.join("vectors"))
}
