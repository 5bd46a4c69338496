//! Checkpoints: named arrays and numbers in one safetensors file, written whole or not at all.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read},
    path::Path,
};

use safetensors::{Dtype, SafeTensorError, SafeTensors, tensor::TensorView};
use serde::Deserialize;
use spiketext::{Error, Result, files::write_atomically_with};

/// Everything a training phase needs to go on as if it had never stopped.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Store {
    arrays: BTreeMap<String, Vec<f32>>,
    numbers: BTreeMap<String, u64>,
    texts: BTreeMap<String, String>,
}

/// The one metadata key; several would be written in no fixed order.
const METADATA: &str = "spiketext";

impl Store {
    /// Keeps an array.
    pub fn put(&mut self, name: String, values: Vec<f32>) {
        self.arrays.insert(name, values);
    }

    /// Keeps a number.
    pub fn put_number(&mut self, name: String, value: u64) {
        self.numbers.insert(name, value);
    }

    /// Keeps a text.
    pub fn put_text(&mut self, name: &str, value: String) {
        self.texts.insert(name.to_owned(), value);
    }

    /// An array of `length` numbers.
    ///
    /// # Errors
    /// If it is missing or has another length.
    pub fn get(&self, name: &str, length: usize) -> Result<Vec<f32>> {
        match self.arrays.get(name) {
            Some(values) if values.len() == length => Ok(values.clone()),
            Some(values) => {
                Err(Error::invalid("checkpoint", format!("{length} numbers in '{name}'"), values.len().to_string()))
            }
            None => Err(Error::invalid("checkpoint", format!("an array '{name}'"), "none")),
        }
    }

    /// A number, if it was kept.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<u64> {
        self.numbers.get(name).copied()
    }

    /// A number of epochs or steps: as it was kept, no more than `most`.
    ///
    /// # Errors
    /// If it is missing or larger.
    pub fn count(&self, name: &str, most: usize) -> Result<usize> {
        let kept = self.number(name);
        kept.and_then(|number| usize::try_from(number).ok()).filter(|&number| number <= most).ok_or_else(|| {
            let got = kept.map_or_else(|| "none".to_owned(), |number| number.to_string());
            Error::invalid("checkpoint", format!("'{name}' of at most {most}"), got)
        })
    }

    /// A text, if it was kept.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.texts.get(name).map(String::as_str)
    }

    /// The arrays and numbers whose names begin with `prefix`, without it.
    #[must_use]
    pub fn part(&self, prefix: &str) -> Self {
        let strip = |name: &String| name.strip_prefix(prefix).map(str::to_owned);
        Self {
            arrays: self.arrays.iter().filter_map(|(name, v)| Some((strip(name)?, v.clone()))).collect(),
            numbers: self.numbers.iter().filter_map(|(name, v)| Some((strip(name)?, *v))).collect(),
            texts: BTreeMap::new(),
        }
    }

    /// Writes the file: to a temporary name, then renamed.
    ///
    /// # Errors
    /// If the system refuses; an older checkpoint then stays as it was.
    pub fn write(&self, path: &Path) -> Result<()> {
        Self::write_all(&[self], path)
    }

    /// [`Self::write`] of several stores, which have no name in common, as one. Nothing is copied: the arrays of a
    /// checkpoint are the largest thing in memory.
    ///
    /// # Errors
    /// As [`Self::write`].
    pub fn write_all(stores: &[&Self], path: &Path) -> Result<()> {
        let numbers: BTreeMap<_, _> = stores.iter().flat_map(|store| &store.numbers).collect();
        let texts: BTreeMap<_, _> = stores.iter().flat_map(|store| &store.texts).collect();
        let metadata = serde_json::json!({ "numbers": numbers, "texts": texts }).to_string();
        let views = stores.iter().flat_map(|store| &store.arrays).map(|(name, values)| {
            let view = TensorView::new(Dtype::F32, vec![values.len()], bytemuck::cast_slice(values));
            (name, view.expect("an array is as long as it is"))
        });
        let metadata = std::collections::HashMap::from([(METADATA.to_owned(), metadata)]);
        write_atomically_with(path, |temporary| {
            safetensors::serialize_to_file(views, Some(metadata), temporary).map_err(|error| match error {
                SafeTensorError::IoError(error) => error,
                other => io::Error::other(other),
            })
        })
    }

    /// Reads a file written by [`Self::write`].
    ///
    /// # Errors
    /// If it cannot be read or is not such a file.
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path).map_err(Error::read(path))?;
        let broken = |got: String| Error::malformed(path, None, "a spiketext checkpoint", got);
        let (_, header) = SafeTensors::read_metadata(&bytes).map_err(|error| broken(error.to_string()))?;
        let metadata = header.metadata().as_ref().and_then(|map| map.get(METADATA));
        let metadata = metadata.ok_or_else(|| broken("no spiketext metadata".into()))?;
        let Metadata { numbers, texts } =
            serde_json::from_str(metadata).map_err(|error| broken(error.to_string()))?;
        let tensors = SafeTensors::deserialize(&bytes).map_err(|error| broken(error.to_string()))?;
        let mut arrays = BTreeMap::new();
        for (name, view) in tensors.iter() {
            if view.dtype() != Dtype::F32 {
                return Err(broken(format!("'{name}' of type {:?}", view.dtype())));
            }
            let (numbers, _) = view.data().as_chunks::<4>();
            arrays.insert(name.to_owned(), numbers.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect());
        }
        Ok(Self { arrays, numbers, texts })
    }

    /// Reads the numbers and texts alone: the head of a file, however large its arrays are.
    ///
    /// # Errors
    /// If it cannot be read or does not begin as such a file.
    pub fn read_notes(path: &Path) -> Result<Self> {
        /// The longest head that safetensors allows.
        const MOST: u64 = 100_000_000;
        #[derive(Deserialize)]
        struct Head {
            __metadata__: BTreeMap<String, String>,
        }
        let broken = |got: String| Error::malformed(path, None, "a spiketext checkpoint", got);
        let mut file = File::open(path).map_err(Error::read(path))?;
        let mut length = [0; 8];
        file.read_exact(&mut length).map_err(Error::read(path))?;
        let mut head = Vec::new();
        let length = u64::from_le_bytes(length).min(MOST);
        file.take(length).read_to_end(&mut head).map_err(Error::read(path))?;
        let head: Head = serde_json::from_slice(&head).map_err(|error| broken(error.to_string()))?;
        let metadata = head.__metadata__.get(METADATA).ok_or_else(|| broken("no spiketext metadata".into()))?;
        let Metadata { numbers, texts } =
            serde_json::from_str(metadata).map_err(|error| broken(error.to_string()))?;
        Ok(Self { arrays: BTreeMap::new(), numbers, texts })
    }
}

/// What a file says beside its arrays.
#[derive(Deserialize)]
struct Metadata {
    numbers: BTreeMap<String, u64>,
    texts: BTreeMap<String, String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_comes_back_as_it_was_and_rubbish_is_refused() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("checkpoint.safetensors");
        let mut store = Store::default();
        store.put("a".into(), vec![1.0, f32::MIN_POSITIVE, -0.0]);
        store.put("empty".into(), vec![]);
        store.put_number("epoch".into(), 7);
        store.put_text("phase", "fine-tuning".into());
        store.write(&path).expect("written");
        assert_eq!(Store::read(&path).expect("read"), store);
        let notes = Store::read_notes(&path).expect("read");
        assert_eq!((notes.number("epoch"), notes.text("phase")), (Some(7), Some("fine-tuning")));
        assert!(notes.get("a", 3).is_err() && Store::read_notes(folder.path()).is_err());
        let mut other = Store::default();
        other.put("b".into(), vec![2.0]);
        other.put_number("step".into(), 8);
        let parts = folder.path().join("parts.safetensors");
        Store::write_all(&[&store, &other], &parts).expect("written");
        let both = Store::read(&parts).expect("read");
        assert_eq!(
            (both.get("a", 3).expect("a"), both.get("b", 1).expect("b")),
            (store.get("a", 3).expect("a"), vec![2.0])
        );
        assert_eq!(
            (both.number("epoch"), both.number("step"), both.text("phase")),
            (Some(7), Some(8), Some("fine-tuning"))
        );
        let bytes = std::fs::read(&path).expect("bytes");
        for cut in [0, 4, 9, bytes.len() / 2, bytes.len() - 1] {
            std::fs::write(&path, &bytes[..cut]).expect("cut");
            let error = Store::read(&path).expect_err("a truncated checkpoint").to_string();
            assert!(error.contains("checkpoint"), "{error}");
        }
    }
}
