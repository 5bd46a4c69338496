//! Which texts a model has seen, `texts.safetensors` of a model directory: hashes, not texts.
//!
//! Who makes the hashes, and of what form of a text, is told in `docs/FORMAT.md`; here they are numbers.

use std::path::Path;

use safetensors::{Dtype, SafeTensors, tensor::TensorView};

use crate::{Error, Result};

/// The file's name in a model directory.
pub const TEXTS: &str = "texts.safetensors";

/// Hashes of the texts that a model was made of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SeenTexts {
    /// In order, each once.
    training: Vec<u64>,
    development: Vec<u64>,
}

impl SeenTexts {
    /// Those of these training and development texts.
    #[must_use]
    pub fn new(mut training: Vec<u64>, mut development: Vec<u64>) -> Self {
        for hashes in [&mut training, &mut development] {
            hashes.sort_unstable();
            hashes.dedup();
        }
        Self { training, development }
    }

    /// Whether weights were fitted to a text of this hash.
    #[must_use]
    pub fn is_training(&self, hash: u64) -> bool {
        self.training.binary_search(&hash).is_ok()
    }

    /// Whether choices were made by a text of this hash.
    #[must_use]
    pub fn is_development(&self, hash: u64) -> bool {
        self.development.binary_search(&hash).is_ok()
    }

    /// The bytes of the file.
    pub(super) fn to_bytes(&self) -> Result<Vec<u8>> {
        let bytes = [("training", &self.training), ("development", &self.development)]
            .map(|(name, hashes)| (name, hashes.iter().flat_map(|hash| hash.to_le_bytes()).collect::<Vec<u8>>()));
        let views: std::result::Result<Vec<_>, _> = bytes
            .iter()
            .map(|(name, bytes)| Ok((*name, TensorView::new(Dtype::U64, vec![bytes.len() / 8], bytes)?)))
            .collect();
        let written = views.and_then(|views| safetensors::serialize(views, None));
        written.map_err(|error| Error::invalid("save model", "hashes that safetensors can hold", error.to_string()))
    }

    /// Takes them out of the file's bytes; `path` is for the errors.
    pub(super) fn of_bytes(path: &Path, bytes: &[u8]) -> Result<Self> {
        let broken = |got: String| {
            Error::malformed(path, None, "hashes of texts: 'training' and 'development', each a list of U64", got)
        };
        let file = SafeTensors::deserialize(bytes).map_err(|error| broken(error.to_string()))?;
        if file.len() != 2 {
            return Err(broken(format!("{} tensors", file.len())));
        }
        let list = |name| {
            let view = file.tensor(name).map_err(|error| broken(error.to_string()))?;
            if view.dtype() != Dtype::U64 || view.shape().len() != 1 {
                return Err(broken(format!("'{name}' of {:?} {:?}", view.dtype(), view.shape())));
            }
            Ok(view.data().as_chunks().0.iter().map(|bytes| u64::from_le_bytes(*bytes)).collect())
        };
        Ok(Self::new(list("training")?, list("development")?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_come_back_and_rubbish_is_refused() {
        let seen = SeenTexts::new(vec![7, u64::MAX, 7], vec![3]);
        assert!(seen.is_training(7) && seen.is_training(u64::MAX) && !seen.is_training(3));
        assert!(seen.is_development(3) && !seen.is_development(7));
        let path = Path::new("model/texts.safetensors");
        let bytes = seen.to_bytes().expect("bytes");
        assert_eq!(SeenTexts::of_bytes(path, &bytes).expect("as they were"), seen);
        let none = SeenTexts::default().to_bytes().expect("bytes");
        assert_eq!(SeenTexts::of_bytes(path, &none).expect("none"), SeenTexts::default());
        let other = TensorView::new(Dtype::F32, vec![1], &[0; 4]).expect("a tensor");
        let others = [("training", other.clone()), ("development", other)];
        let wrong = safetensors::serialize(others, None).expect("bytes");
        for bad in [&bytes[..bytes.len() - 1], &[], &[0xff; 64], &wrong] {
            let error = SeenTexts::of_bytes(path, bad).map(|_| ()).expect_err("rubbish").to_string();
            assert!(error.contains("texts.safetensors"), "{error}");
        }
    }
}
