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

/// Requests that may wait for each place where work runs.
const WAITING: usize = 16;

/// How long work may take: what takes long never waits before what is quick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// Traces, reasons, filters and costs of texts of usual length.
    Quick,
    /// Attacks, which ask a model again and again, and costs of long texts.
    Long,
}

/// Room for work of one pace.
#[derive(Debug)]
struct Room {
    /// Of what waits or runs.
    all: Arc<Semaphore>,
    /// Of what runs.
    places: Arc<Semaphore>,
}

impl Room {
    fn new(places: usize) -> Self {
        let all = Arc::new(Semaphore::new(places * (WAITING + 1)));
        Self { all, places: Arc::new(Semaphore::new(places)) }
    }
}

/// Tells work whether somebody still waits for it.
#[derive(Debug)]
pub struct Until {
    deadline: Instant,
    left: Arc<AtomicBool>,
}

impl Until {
    /// Somebody waits until then, unless they say otherwise.
    pub fn new(deadline: Instant) -> Self {
        Self { deadline, left: Arc::default() }
    }

    /// Whether nobody waits any more.
    pub fn is_over(&self) -> bool {
        self.left.load(Ordering::Relaxed) || Instant::now() >= self.deadline
    }

    /// Asked between steps of work that takes long, so that its place is free soon after.
    ///
    /// # Errors
    /// If nobody waits any more.
    pub fn check(&self) -> Result<(), Problem> {
        if self.is_over() { Err(Problem::late()) } else { Ok(()) }
    }
}

/// Says when it is dropped that nobody waits.
struct Waits(Arc<AtomicBool>);

impl Drop for Waits {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

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
    quick: Room,
    long: Room,
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
            quick: Room::new(processors),
            // It may use a processor each, too, but of other work there is always some that runs beside it.
            long: Room::new((processors / 2).max(1)),
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

    /// Does work beside all other requests, as soon as there is a place for it.
    ///
    /// # Errors
    /// If there is no room for it, it does not end before the deadline, it panics, or it says so itself.
    pub async fn work<T: Send + 'static>(
        &self,
        pace: Pace,
        deadline: Instant,
        work: impl FnOnce(&Until) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let (room, what) = match pace {
            Pace::Quick => (&self.quick, "trace, explanation, filter or account"),
            Pace::Long => (&self.long, "attack or account of long texts"),
        };
        let Ok(held) = Arc::clone(&room.all).try_acquire_owned() else {
            return Err(Problem::overloaded(format!("expected room for one more {what}: try again")));
        };
        let places = Arc::clone(&room.places);
        let until = Until::new(deadline);
        let waits = Waits(Arc::clone(&until.left));
        let done = tokio::time::timeout_at(deadline.into(), async move {
            let _waits = waits;
            let place = places.acquire_owned().await;
            // What runs holds its place until it sees that its client has left.
            let run = tokio::task::spawn_blocking(move || {
                let _held = (held, place);
                until.check()?;
                work(&until)
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
