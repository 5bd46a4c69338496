//! SHA-256 of the files of a model directory. `config.json` keeps them, so that a damaged file, or one of another model,
//! is told from its own.

use std::{collections::BTreeMap, path::Path};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{Error, Result};

/// The checksum of each file by its name: 64 hexadecimal digits, lower case. Directories of older programs have none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Checksums(BTreeMap<String, String>);

impl Checksums {
    /// Those of these files.
    pub fn of<'a>(files: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Self {
        Self(files.into_iter().map(|(name, bytes)| (name.to_owned(), checksum(bytes))).collect())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Holds the bytes of the file at `path` to its checksum, if it has one.
    ///
    /// # Errors
    /// If it is another's.
    pub fn check(&self, path: &Path, bytes: &[u8]) -> Result<()> {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let Some(expected) = self.0.get(name) else { return Ok(()) };
        let got = checksum(bytes);
        if got == *expected {
            return Ok(());
        }
        let expected = format!("the file that config.json was saved with, of SHA-256 {expected}");
        Err(Error::malformed(path, None, expected, format!("{got}: it is damaged, or another model's")))
    }
}

fn checksum(bytes: &[u8]) -> String {
    base16ct::lower::encode_string(&Sha256::digest(bytes))
}
