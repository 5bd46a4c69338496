//! What all requests share: the models, what is counted, and the room for work that takes long.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use tokio::sync::Semaphore;

use crate::{
    batches::{self, MakeLabeller},
    log::Log,
    metrics::Metrics,
    options::{Options, Place},
    problem::Problem,
    served::Served,
    versions::{self, Version},
};

/// Requests for traces, reasons and costs that may wait for each processor.
const WAITING: usize = 16;

/// A server without its network.
#[derive(Debug)]
pub struct Application {
    /// What it was told.
    pub options: Options,
    /// Where its lines go.
    pub log: Log,
    /// What it counts.
    pub metrics: Arc<Metrics>,
    models: OnceLock<Vec<Served>>,
    draining: AtomicBool,
    /// Room for long work that waits or runs.
    room: Arc<Semaphore>,
    /// Room for long work that runs.
    processors: Arc<Semaphore>,
}

impl Application {
    /// A server that has no models yet.
    #[must_use]
    pub fn new(options: Options, log: Log) -> Arc<Self> {
        let metrics = Arc::new(Metrics::new(&options.build));
        let processors = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        Arc::new(Self {
            options,
            log,
            metrics,
            models: OnceLock::new(),
            draining: AtomicBool::new(false),
            room: Arc::new(Semaphore::new(processors * (WAITING + 1))),
            processors: Arc::new(Semaphore::new(processors)),
        })
    }

    /// Reads all models; from then on the server is ready.
    ///
    /// # Errors
    /// If one is no sound model; the message names its file.
    pub fn load(&self) -> Result<(), spiketext::Error> {
        let mut versions = Vec::new();
        for place in &self.options.models {
            versions.push((place.clone(), versions::load(&place.folder)?));
        }
        self.start(versions, batches::sessions)
    }

    /// Starts to serve models that were read.
    pub(crate) fn start(
        &self,
        versions: Vec<(Place, Version)>,
        make: impl Fn() -> MakeLabeller,
    ) -> Result<(), spiketext::Error> {
        let start = |(place, version): (Place, Version)| {
            let metrics = Arc::clone(&self.metrics);
            Served::start(place.clone(), version, self.options.limits.queue, metrics, make())
                .map_err(|cause| spiketext::Error::Read { path: place.folder, cause })
        };
        let models: Vec<Served> = versions.into_iter().map(start).collect::<Result<_, _>>()?;
        // Who loads twice gets what was there first.
        let _ = self.models.set(models);
        self.tell_versions();
        Ok(())
    }

    /// Brings the versions of the models up to date among what is counted.
    pub fn tell_versions(&self) {
        let models = self.models();
        self.metrics.versions(models.iter().map(|one| (one.place.name.as_str(), one.version().name.clone())));
    }

    /// The models; none before they are loaded.
    pub fn models(&self) -> &[Served] {
        self.models.get().map_or(&[], Vec::as_slice)
    }

    /// From now on the server is not ready any more.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Release);
    }

    /// Whether requests should come.
    ///
    /// # Errors
    /// Says why not.
    pub fn ready(&self) -> Result<(), Problem> {
        if self.draining.load(Ordering::Acquire) {
            return Err(Problem::not_ready("the server is about to end"));
        }
        if self.models.get().is_none() {
            return Err(Problem::not_ready("the models are still being loaded"));
        }
        Ok(())
    }

    /// The model of this name, or the first one.
    ///
    /// # Errors
    /// If there is none of this name, or none yet.
    pub fn model(&self, name: Option<&str>) -> Result<&Served, Problem> {
        let models = self.models.get().ok_or_else(|| Problem::not_ready("the models are still being loaded"))?;
        let found = match name {
            None => models.first(),
            Some(name) => models.iter().find(|one| one.place.name == name),
        };
        found.ok_or_else(|| {
            let known: Vec<&str> = models.iter().map(|one| one.place.name.as_str()).collect();
            Problem::unknown_model(name.unwrap_or_default(), &known)
        })
    }

    /// Does work that takes long beside all other requests, as soon as a processor is free for it.
    ///
    /// # Errors
    /// If there is no room for it, it does not end before the deadline, it panics, or it says so itself.
    pub async fn work<T: Send + 'static>(
        &self,
        deadline: Instant,
        work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let Ok(room) = Arc::clone(&self.room).try_acquire_owned() else {
            return Err(Problem::overloaded("expected room for one more trace, explanation or account: try again"));
        };
        let processors = Arc::clone(&self.processors);
        let done = tokio::time::timeout_at(deadline.into(), async move {
            let processor = processors.acquire_owned().await;
            // What runs goes on when its client leaves, and so does the room that it takes.
            let run = tokio::task::spawn_blocking(move || {
                let _held = (room, processor);
                work()
            });
            run.await
        });
        match done.await {
            Ok(Ok(done)) => done,
            Ok(Err(_)) => Err(Problem::internal()),
            Err(_) => Err(Problem::late()),
        }
    }
}
