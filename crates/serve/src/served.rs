//! A model that is served: what it is at the moment, and the way to its thread.

use std::{sync::Arc, time::Instant};

use arc_swap::ArcSwap;

use crate::{
    batches::{Answered, Batches, MakeLabeller},
    metrics::Metrics,
    options::Place,
    problem::Problem,
    versions::Version,
};

/// A model that is served.
#[derive(Debug)]
pub struct Served {
    /// Its name and folder.
    pub place: Place,
    /// What it is at the moment.
    current: Arc<ArcSwap<Version>>,
    batches: Batches,
}

impl Served {
    /// Starts to serve a model.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub fn start(
        place: Place,
        version: Version,
        queue: usize,
        metrics: Arc<Metrics>,
        make: MakeLabeller,
    ) -> std::io::Result<Self> {
        let current = Arc::new(ArcSwap::from_pointee(version));
        let batches = Batches::start(&place.name, Arc::clone(&current), queue, metrics, make)?;
        Ok(Self { place, current, batches })
    }

    /// What it is at the moment.
    pub fn version(&self) -> Arc<Version> {
        self.current.load_full()
    }

    /// Takes the place of what it was. Texts that are being labelled are answered by the old one.
    pub fn replace(&self, version: Version) {
        self.current.store(Arc::new(version));
    }

    /// Texts that wait or are being labelled.
    #[cfg(test)]
    pub fn in_flight(&self) -> usize {
        self.batches.in_flight()
    }

    /// Labels texts.
    ///
    /// # Errors
    /// If there is no room, or it takes too long.
    pub async fn label(&self, texts: Vec<String>, deadline: Instant) -> Result<Answered, Problem> {
        self.batches.label(texts, deadline).await
    }
}
