//! What comes of the steps of a [`crate::Pipeline`], kept for the next pipeline that asks for the same.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use spiketext::{Result, dnn::Dnn, model::Model};

use crate::{
    identity::Identity,
    prepare::PreparedData,
    steps::{ConvertedNetwork, TrainedDnn, TrainedNetwork},
};

/// Data sets in memory with their words looked up: one of each recipe of a study.
const PREPARED: usize = 2;

/// Results of steps by name, the last ones of each step, and a folder for what took long.
#[derive(Default)]
pub struct StepCache {
    /// The folder, and the program whose work it holds.
    pub(crate) folder: Option<(PathBuf, String)>,
    pub(crate) prepared: Recent<PreparedWords>,
    pub(crate) dnn: Recent<TrainedDnn>,
    pub(crate) converted: Recent<ConvertedNetwork>,
    pub(crate) spiking: Recent<TrainedNetwork>,
    pub(crate) classifier: Recent<Classifier>,
    /// Seconds that went into what others share.
    pub(crate) shared_seconds: f64,
}

impl StepCache {
    /// Keeps trained DNNs and classifiers in `folder` too, for later runs of the same `program`: a name that changes
    /// with what the program does, such as the commit that it was built from.
    #[must_use]
    pub fn in_folder(folder: PathBuf, program: String) -> Self {
        Self { folder: Some((folder, program)), ..Self::default() }
    }

    /// Seconds so far that went into what others may share: words that were looked up, and trained DNNs.
    #[must_use]
    pub fn shared_seconds(&self) -> f64 {
        self.shared_seconds
    }

    /// Makes room for data that is to be prepared: before it is there, since it is large.
    pub(crate) fn make_room(&mut self) {
        self.prepared.leave(PREPARED - 1);
        self.forget_networks();
    }

    /// Lets go of networks, which hold on to the data that they were trained on.
    fn forget_networks(&mut self) {
        self.dnn.leave(0);
        self.converted.leave(0);
        self.spiking.leave(0);
    }
}

/// Data with its words looked up, and the hash of both.
pub(crate) struct PreparedWords {
    pub(crate) data: Arc<PreparedData>,
    pub(crate) identity: Identity,
}

/// A finished classifier with the DNN that it was converted from; a directly trained one has none.
#[derive(Clone, Debug)]
pub struct Classifier {
    /// The classifier.
    pub model: Model,
    /// The DNN.
    pub dnn: Option<Dnn>,
}

impl Classifier {
    /// One that was kept, its DNN with it or not.
    pub(crate) fn read(path: &Path, with_dnn: bool) -> Result<Self> {
        let model = Model::load(path)?;
        let dnn = if with_dnn { Some(model.load_dnn(path)?) } else { None };
        Ok(Self { model, dnn })
    }
}

/// Results by name, the newest behind.
pub(crate) struct Recent<T>(Vec<(String, Arc<T>)>);

impl<T> Default for Recent<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Recent<T> {
    /// The result of that name.
    pub(crate) fn get(&mut self, name: &str) -> Option<Arc<T>> {
        let found = self.0.iter().position(|(known, _)| known == name)?;
        let entry = self.0.remove(found);
        let result = Arc::clone(&entry.1);
        self.0.push(entry);
        Some(result)
    }

    /// Keeps a result beside the others.
    pub(crate) fn put(&mut self, name: String, result: T) -> Arc<T> {
        let result = Arc::new(result);
        self.0.push((name, Arc::clone(&result)));
        result
    }

    /// Keeps a result as the only one.
    pub(crate) fn replace(&mut self, name: String, result: T) -> Arc<T> {
        self.0.clear();
        self.put(name, result)
    }

    /// Lets all but the `most` newest go.
    pub(crate) fn leave(&mut self, most: usize) {
        let gone = self.0.len().saturating_sub(most);
        self.0.drain(..gone);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_asked_for_last_goes_last() {
        let mut recent = Recent::default();
        recent.put("a".into(), 1);
        recent.put("b".into(), 2);
        assert_eq!(recent.get("a").as_deref(), Some(&1));
        recent.leave(1);
        assert_eq!((recent.get("a").as_deref(), recent.get("b")), (Some(&1), None));
        recent.replace("c".into(), 3);
        assert_eq!((recent.get("a"), recent.get("c").as_deref()), (None, Some(&3)));
    }
}
