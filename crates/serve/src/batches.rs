//! Texts of all requests through one thread a model: what waits is labelled at once, and nothing waits for company.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Instant,
};

use arc_swap::ArcSwap;
use spiketext::{Model, Prediction, Session};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use crate::{metrics::Metrics, portions::portions, problem::Problem, versions::Version};

/// Requests that are taken from the queue at once.
const REQUESTS: usize = 256;
/// Texts that are labelled at once, unless one request has more: so that a short one behind it does not wait for long.
const TEXTS: usize = 256;
/// Bytes of the texts of several requests that are labelled at once, likewise.
const BYTES: usize = 64 << 10;

/// Labels texts of one version of a model.
pub type Labeller = Box<dyn FnMut(&[&str]) -> Vec<Prediction>>;
/// Makes one for a version.
pub type MakeLabeller = Box<dyn Fn(&Arc<Model>) -> Labeller + Send>;

/// The usual one: a session, which keeps what it computed of the words it met last.
pub fn sessions() -> MakeLabeller {
    Box::new(|model| {
        let mut session = Session::new(Arc::clone(model));
        Box::new(move |texts| session.predict(texts).0)
    })
}

/// Answers to the texts of a request, all by one version.
#[derive(Debug)]
pub struct Answered {
    /// Whose they are.
    pub version: Arc<Version>,
    /// In the order of the texts.
    pub predictions: Vec<Prediction>,
}

struct Job {
    texts: Vec<String>,
    bytes: usize,
    deadline: Instant,
    since: Instant,
    reply: oneshot::Sender<Result<Answered, Problem>>,
    /// Given back when the job is done or dropped.
    _room: OwnedSemaphorePermit,
}

impl Job {
    /// Whether somebody still waits for it.
    fn is_wanted(&self) -> bool {
        !self.reply.is_closed() && Instant::now() < self.deadline
    }

    /// Itself, if somebody still waits for it; tells those who wait in vain.
    fn if_wanted(self) -> Option<Self> {
        if self.is_wanted() {
            return Some(self);
        }
        self.late();
        None
    }

    /// Tells whoever still waits that there is no answer in time.
    fn late(self) {
        let _ = self.reply.send(Err(Problem::late()));
    }
}

/// The way to a model's thread.
#[derive(Debug)]
pub struct Batches {
    model: String,
    jobs: mpsc::UnboundedSender<Job>,
    room: Arc<Semaphore>,
    most: usize,
    metrics: Arc<Metrics>,
}

impl Batches {
    /// Starts the thread of a model, with room for `most` texts.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub fn start(
        model: &str,
        current: Arc<ArcSwap<Version>>,
        most: usize,
        metrics: Arc<Metrics>,
        make: MakeLabeller,
    ) -> std::io::Result<Self> {
        // The room bounds it, in texts.
        let (jobs, waiting) = mpsc::unbounded_channel();
        let most = most.min(Semaphore::MAX_PERMITS);
        let worker = Worker { model: model.to_owned(), current, metrics: Arc::clone(&metrics), make };
        std::thread::Builder::new().name(format!("model {model}")).spawn(move || worker.work(waiting))?;
        Ok(Self { model: model.to_owned(), jobs, room: Arc::new(Semaphore::new(most)), most, metrics })
    }

    /// Texts that wait or are being labelled.
    pub fn in_flight(&self) -> usize {
        self.most - self.room.available_permits()
    }

    /// Labels texts; refuses them at once where there is no room.
    pub async fn label(&self, texts: Vec<String>, deadline: Instant) -> Result<Answered, Problem> {
        let count = u32::try_from(texts.len()).unwrap_or(u32::MAX);
        let Ok(room) = Arc::clone(&self.room).try_acquire_many_owned(count) else {
            return Err(Problem::overloaded(format!(
                "expected room for {count} texts, got {} of {} in the queue of '{}' (spiketext serve --queue): try again",
                self.most - self.in_flight(),
                self.most,
                self.model
            )));
        };
        self.metrics.in_flight(&self.model, self.in_flight());
        let (reply, answer) = oneshot::channel();
        let bytes = texts.iter().map(String::len).sum();
        let job = Job { texts, bytes, deadline, since: Instant::now(), reply, _room: room };
        let answer = match self.jobs.send(job) {
            Ok(()) => tokio::time::timeout_at(deadline.into(), answer).await,
            // The thread ends with its sender only.
            Err(_) => return Err(Problem::internal()),
        };
        self.metrics.in_flight(&self.model, self.in_flight());
        match answer {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(Problem::internal()),
            Err(_) => Err(Problem::late()),
        }
    }
}

/// Why there are no answers.
enum Without {
    /// Nobody waits for them any more.
    Unwanted,
    Panicked,
}

struct Worker {
    model: String,
    current: Arc<ArcSwap<Version>>,
    metrics: Arc<Metrics>,
    make: MakeLabeller,
}

impl Worker {
    fn work(self, mut waiting: mpsc::UnboundedReceiver<Job>) {
        let mut jobs = Vec::with_capacity(REQUESTS);
        let mut version = self.current.load_full();
        let mut label = (self.make)(&version.model);
        while waiting.blocking_recv_many(&mut jobs, REQUESTS) > 0 {
            let mut rest = jobs.drain(..).filter_map(Job::if_wanted).peekable();
            while rest.peek().is_some() {
                let (mut texts, mut bytes) = (0, 0);
                let mut batch = Vec::new();
                let fits = |job: &Job, texts: usize, bytes: usize| {
                    texts == 0 || (texts + job.texts.len() <= TEXTS && bytes + job.bytes <= BYTES)
                };
                while let Some(job) = rest.next_if(|job| fits(job, texts, bytes)) {
                    texts += job.texts.len();
                    bytes += job.bytes;
                    batch.push(job);
                }
                let newest = self.current.load_full();
                if !Arc::ptr_eq(&newest, &version) {
                    version = newest;
                    label = (self.make)(&version.model);
                }
                for job in &batch {
                    self.metrics.waited(&self.model, job.since.elapsed());
                }
                self.answer(batch, &version, &mut label);
            }
        }
    }

    /// Answers requests together. Where that panics, each is asked alone, so that only those fail who are to blame.
    fn answer(&self, batch: Vec<Job>, version: &Arc<Version>, label: &mut Labeller) {
        match self.label(&batch, version, label) {
            Ok(predictions) => {
                let mut predictions = predictions.into_iter();
                for job in batch {
                    let predictions = predictions.by_ref().take(job.texts.len()).collect();
                    // The room is free before the client can ask again.
                    let Job { reply, _room, .. } = job;
                    drop(_room);
                    let _ = reply.send(Ok(Answered { version: Arc::clone(version), predictions }));
                }
            }
            Err(Without::Unwanted) => batch.into_iter().for_each(Job::late),
            Err(Without::Panicked) if batch.len() == 1 => {
                for job in batch {
                    let _ = job.reply.send(Err(Problem::internal()));
                }
            }
            Err(Without::Panicked) => batch.into_iter().for_each(|job| self.answer(vec![job], version, label)),
        }
    }

    /// Labels the texts of requests, in portions, as long as one of them is wanted.
    fn label(&self, batch: &[Job], version: &Arc<Version>, label: &mut Labeller) -> Result<Vec<Prediction>, Without> {
        let texts: Vec<&str> = batch.iter().flat_map(|job| &job.texts).map(String::as_str).collect();
        let mut predictions = Vec::with_capacity(texts.len());
        for portion in portions(&texts) {
            // The first was wanted a moment ago.
            if !predictions.is_empty() && !batch.iter().any(Job::is_wanted) {
                return Err(Without::Unwanted);
            }
            match catch_unwind(AssertUnwindSafe(|| label(portion))) {
                Ok(some) => predictions.extend(some),
                Err(_) => {
                    // Nothing of the old one is used any more.
                    *label = (self.make)(&version.model);
                    return Err(Without::Panicked);
                }
            }
        }
        self.metrics.labelled(&self.model, &predictions);
        Ok(predictions)
    }
}
