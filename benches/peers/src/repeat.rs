//! Runs over and over, and how long they took: on all threads, or in turns of one thread, all threads, and one run a thread.

use std::{
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use anyhow::{Context, Result};
use rayon::{ThreadPool, ThreadPoolBuilder};

/// Something that is timed.
pub type Run<'a> = Box<dyn FnMut() -> Result<()> + Send + 'a>;

/// How long a turn lasts at least. A step of a few milliseconds that follows upon another program's finds cold caches and
/// threads asleep, which it does not in a training run.
const SECONDS_A_TURN: f64 = 0.2;

/// Runs by which the length of a turn is found, after one that is not counted. The fastest counts.
const RUNS_TO_FIND_A_TURN: usize = 5;

/// How often to run.
#[derive(Clone, Copy, Debug)]
pub struct Repeats {
    /// Seconds of running, at least; with `scaling`, of one thread.
    pub seconds: f64,
    /// Runs or turns, at least.
    pub least: usize,
    /// Whether one thread, all threads and one run a thread take turns.
    pub scaling: bool,
}

/// Seconds of each run.
#[derive(Default)]
pub struct Seconds {
    /// On all threads.
    pub all: Vec<f64>,
    /// What took turns with them.
    pub beside: Option<Beside>,
}

/// Seconds a run of the other turns, each the mean of its turn.
pub struct Beside {
    /// On one thread, each turn on the next of the processors.
    pub one: Vec<f64>,
    /// Of runs of one thread each, as many at once as there are threads: what the machine gives to programs that share
    /// nothing.
    pub apart: Vec<f64>,
    /// Runs of each turn.
    pub runs_a_turn: usize,
    /// Whether each thread was kept on a processor of its own.
    pub pinned: bool,
}

impl Repeats {
    /// Seconds of each run that `make` gives, after one that is not counted; with `scaling` the means of turns.
    pub fn of<'a>(self, make: impl Fn() -> Run<'a>) -> Result<Seconds> {
        if self.scaling {
            return self.in_turns(make);
        }
        let mut run = make();
        let all = rayon::scope(|_| {
            run()?;
            let mut all = Vec::new();
            while !self.enough(&all, 1) {
                all.push(timed(&mut run)?);
            }
            Ok::<_, anyhow::Error>(all)
        })?;
        Ok(Seconds { all, beside: None })
    }

    fn enough(self, taken: &[f64], runs_a_turn: usize) -> bool {
        taken.len() >= self.least && taken.iter().sum::<f64>() * runs_a_turn as f64 >= self.seconds
    }

    /// In turn within one process: a machine whose speed changes with the hour changes it for all of them.
    fn in_turns<'a>(self, make: impl Fn() -> Run<'a>) -> Result<Seconds> {
        let threads = rayon::current_num_threads();
        let places = Places::of(threads);
        let whole = places.pool(0..threads)?;
        let single = (0..threads).map(|place| places.pool(place..place + 1)).collect::<Result<Vec<_>>>()?;
        let mut runs: Vec<Run<'a>> = (0..threads).map(|_| make()).collect();
        for (pool, run) in single.iter().zip(&mut runs) {
            pool.install(run)?;
        }
        let mut fastest = f64::INFINITY;
        for _ in 0..RUNS_TO_FIND_A_TURN {
            fastest = fastest.min(timed(|| whole.install(&mut runs[0]))?);
        }
        let runs_a_turn = (SECONDS_A_TURN / fastest).ceil().max(1.0) as usize;
        // On a thread of the pool from one end of a turn to the other, as an epoch is: to hand over from outside takes time.
        let repeat = |pool: &ThreadPool, run: &mut Run<'a>| pool.install(|| (0..runs_a_turn).try_for_each(|_| run()));
        let mut turn = |work: &dyn Fn(&mut [Run<'a>]) -> Result<()>| -> Result<f64> {
            Ok(timed(|| work(&mut runs))? / runs_a_turn as f64)
        };
        let (mut one, mut all, mut apart) = (Vec::new(), Vec::new(), Vec::new());
        while !self.enough(&one, runs_a_turn) {
            let which = one.len() % threads;
            one.push(turn(&|runs| repeat(&single[which], &mut runs[which]))?);
            all.push(turn(&|runs| repeat(&whole, &mut runs[which]))?);
            apart.push(turn(&|runs| {
                std::thread::scope(|scope| {
                    let started: Vec<_> =
                        single.iter().zip(runs).map(|(pool, run)| scope.spawn(|| repeat(pool, run))).collect();
                    started
                        .into_iter()
                        .try_for_each(|run| run.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
                })
            })?);
        }
        let pinned = places.kept();
        Ok(Seconds { all, beside: Some(Beside { one, apart, runs_a_turn, pinned }) })
    }
}

fn timed(run: impl FnOnce() -> Result<()>) -> Result<f64> {
    let started = Instant::now();
    run()?;
    Ok(started.elapsed().as_secs_f64())
}

/// A processor for each thread, where the system tells them and there are enough.
///
/// Threads that slept through the turns of others may be woken on one processor while another is idle, and a scheduler can
/// leave them so for tens of milliseconds: a part of a turn that a program which goes on and on does not lose.
struct Places {
    processors: Vec<core_affinity::CoreId>,
    /// Whether a thread could not be kept on its own.
    failed: Arc<AtomicBool>,
}

impl Places {
    fn of(threads: usize) -> Self {
        let mut processors = core_affinity::get_core_ids().unwrap_or_default();
        if processors.len() < threads {
            processors.clear();
        }
        Self { processors, failed: Arc::default() }
    }

    /// Whether all threads that have run so far stayed where they were to.
    fn kept(&self) -> bool {
        !self.processors.is_empty() && !self.failed.load(Ordering::Relaxed)
    }

    /// A pool whose threads stay each on one of the places.
    fn pool(&self, places: Range<usize>) -> Result<ThreadPool> {
        let processors = self.processors.get(places.clone()).unwrap_or_default().to_vec();
        let failed = self.failed.clone();
        ThreadPoolBuilder::new()
            .num_threads(places.len())
            .start_handler(move |thread| {
                if processors.get(thread).is_some_and(|&processor| !core_affinity::set_for_current(processor)) {
                    failed.store(true, Ordering::Relaxed);
                }
            })
            .build()
            .context("threads could not be started")
    }
}
