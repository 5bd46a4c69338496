//! Checkpoints: named arrays and numbers in one safetensors file, written whole or not at all.

use std::{collections::BTreeMap, path::Path};

use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use spiketext::{Error, Result, files::write_atomically};

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

    /// A text, if it was kept.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.texts.get(name).map(String::as_str)
    }

    /// The same arrays and numbers under names with `prefix` before them.
    #[must_use]
    pub fn prefixed(&self, prefix: &str) -> Self {
        Self {
            arrays: self.arrays.iter().map(|(name, values)| (format!("{prefix}{name}"), values.clone())).collect(),
            numbers: self.numbers.iter().map(|(name, value)| (format!("{prefix}{name}"), *value)).collect(),
            texts: BTreeMap::new(),
        }
    }

    /// The arrays and numbers whose names begin with `prefix`, without it: the inverse of [`Self::prefixed`].
    #[must_use]
    pub fn part(&self, prefix: &str) -> Self {
        let strip = |name: &String| name.strip_prefix(prefix).map(str::to_owned);
        Self {
            arrays: self.arrays.iter().filter_map(|(name, v)| Some((strip(name)?, v.clone()))).collect(),
            numbers: self.numbers.iter().filter_map(|(name, v)| Some((strip(name)?, *v))).collect(),
            texts: BTreeMap::new(),
        }
    }

    /// Adds everything of `other`.
    pub fn extend(&mut self, other: &Self) {
        self.arrays.extend(other.arrays.clone());
        self.numbers.extend(other.numbers.clone());
        self.texts.extend(other.texts.clone());
    }

    /// Writes the file: to a temporary name, then renamed.
    ///
    /// # Errors
    /// If the system refuses; an older checkpoint then stays as it was.
    pub fn write(&self, path: &Path) -> Result<()> {
        let metadata = serde_json::json!({ "numbers": self.numbers, "texts": self.texts }).to_string();
        let views = self.arrays.iter().map(|(name, values)| {
            let view = TensorView::new(Dtype::F32, vec![values.len()], bytemuck::cast_slice(values));
            (name.clone(), view.expect("an array is as long as it is"))
        });
        let metadata = std::collections::HashMap::from([(METADATA.to_owned(), metadata)]);
        let bytes = safetensors::serialize(views, Some(metadata))
            .map_err(|error| Error::invalid("checkpoint", "arrays that can be written", error.to_string()))?;
        write_atomically(path, &bytes)
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
        #[derive(serde::Deserialize)]
        struct Metadata {
            numbers: BTreeMap<String, u64>,
            texts: BTreeMap<String, String>,
        }
        let metadata: Metadata = serde_json::from_str(metadata).map_err(|error| broken(error.to_string()))?;
        let tensors = SafeTensors::deserialize(&bytes).map_err(|error| broken(error.to_string()))?;
        let mut arrays = BTreeMap::new();
        for (name, view) in tensors.iter() {
            if view.dtype() != Dtype::F32 {
                return Err(broken(format!("'{name}' of type {:?}", view.dtype())));
            }
            let (numbers, _) = view.data().as_chunks::<4>();
            arrays.insert(name.to_owned(), numbers.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect());
        }
        Ok(Self { arrays, numbers: metadata.numbers, texts: metadata.texts })
    }
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
        let bytes = std::fs::read(&path).expect("bytes");
        for cut in [0, 4, 9, bytes.len() / 2, bytes.len() - 1] {
            std::fs::write(&path, &bytes[..cut]).expect("cut");
            let error = Store::read(&path).expect_err("a truncated checkpoint").to_string();
            assert!(error.contains("checkpoint"), "{error}");
        }
    }
}
