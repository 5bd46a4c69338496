//! Texts of all requests through one thread a model: what waits is labelled at once, and nothing waits for company.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Instant,
};

use arc_swap::ArcSwap;
use spiketext::{Model, Prediction, Session};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use crate::{metrics::Metrics, problem::Problem, versions::Version};

/// Requests that are taken from the queue at once.
const REQUESTS: usize = 256;
/// Texts that are labelled at once, unless one request has more: so that a short one behind it does not wait for long.
const TEXTS: usize = 256;

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
    deadline: Instant,
    since: Instant,
    reply: oneshot::Sender<Result<Answered, Problem>>,
    /// Given back when the job is done or dropped.
    _room: OwnedSemaphorePermit,
}

impl Job {
    /// Itself, if somebody still waits for it; tells those who wait in vain.
    fn if_wanted(self) -> Option<Self> {
        if self.reply.is_closed() {
            return None;
        }
        if Instant::now() >= self.deadline {
            let _ = self.reply.send(Err(Problem::late()));
            return None;
        }
        Some(self)
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
        let job = Job { texts, deadline, since: Instant::now(), reply, _room: room };
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
                let mut texts = 0;
                let mut batch = Vec::new();
                while let Some(job) = rest.next_if(|job| texts == 0 || texts + job.texts.len() <= TEXTS) {
                    texts += job.texts.len();
                    batch.push(job);
                }
                let newest = self.current.load_full();
                if !Arc::ptr_eq(&newest, &version) {
                    version = newest;
                    label = (self.make)(&version.model);
                }
                self.answer(batch, &version, &mut label);
            }
        }
    }

    /// Answers requests together. Where that panics, each is asked alone, so that only those fail who are to blame.
    fn answer(&self, batch: Vec<Job>, version: &Arc<Version>, label: &mut Labeller) {
        for job in &batch {
            self.metrics.waited(&self.model, job.since.elapsed());
        }
        let texts: Vec<&str> = batch.iter().flat_map(|job| &job.texts).map(String::as_str).collect();
        if let Some(predictions) = self.label(&texts, version, label) {
            let mut predictions = predictions.into_iter();
            for job in batch {
                let predictions = predictions.by_ref().take(job.texts.len()).collect();
                // The room is free before the client can ask again.
                let Job { reply, _room, .. } = job;
                drop(_room);
                let _ = reply.send(Ok(Answered { version: Arc::clone(version), predictions }));
            }
            return;
        }
        let alone = batch.len() == 1;
        for job in batch {
            let texts: Vec<&str> = job.texts.iter().map(String::as_str).collect();
            let predictions = if alone { None } else { self.label(&texts, version, label) };
            let answered = predictions.map(|predictions| Answered { version: Arc::clone(version), predictions });
            let _ = job.reply.send(answered.ok_or_else(Problem::internal));
        }
    }

    /// Labels texts; none where that panicked, after which nothing of the old labeller is used.
    fn label(&self, texts: &[&str], version: &Arc<Version>, label: &mut Labeller) -> Option<Vec<Prediction>> {
        match catch_unwind(AssertUnwindSafe(|| label(texts))) {
            Ok(predictions) => {
                self.metrics.labelled(&self.model, &predictions);
                Some(predictions)
            }
            Err(_) => {
                *label = (self.make)(&version.model);
                None
            }
        }
    }
}
