//! The one place where work is given to threads.
//!
//! A process that was forked off another has that one's memory and none of its threads: work given to a pool made before
//! the fork would wait for ever. So a pool is known by the process that made it, and a forked process makes its own. Rayon's
//! global pool, which cannot be made anew, is never touched.

use std::{
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc::{self, RecvTimeoutError},
    },
    time::Duration,
};

use arc_swap::ArcSwapOption;
use pyo3::{exceptions::PyRuntimeError, prelude::*};
use rayon::{ThreadPool, ThreadPoolBuilder};

/// How often a waiting call looks whether somebody pressed ctrl-C.
const SIGNALS: Duration = Duration::from_millis(50);

/// A pool and the process that it works in.
struct Own {
    process: u32,
    threads: usize,
    pool: ThreadPool,
}

static POOL: ArcSwapOption<Own> = ArcSwapOption::const_empty();

/// Threads that were asked for; 0 leaves the number to the environment and the processor.
static THREADS: AtomicUsize = AtomicUsize::new(0);

/// How many threads work from now on: `None` for `$RAYON_NUM_THREADS`, else one a core.
pub fn set_threads(threads: Option<NonZeroUsize>) {
    THREADS.store(threads.map_or(0, NonZeroUsize::get), Ordering::Relaxed);
}

/// How many threads a call uses.
pub fn threads() -> PyResult<usize> {
    Ok(pool()?.pool.current_num_threads())
}

/// The pool of this process.
fn pool() -> PyResult<Arc<Own>> {
    let (process, threads) = (std::process::id(), THREADS.load(Ordering::Relaxed));
    let current = POOL.load_full();
    if let Some(own) = current.filter(|own| own.process == process && own.threads == threads) {
        return Ok(own);
    }
    let pool = ThreadPoolBuilder::new()
        .num_threads(threads)
        .thread_name(|number| format!("spiketext-{number}"))
        .build()
        .map_err(|error| PyRuntimeError::new_err(format!("threads: {error}")))?;
    let own = Arc::new(Own { process, threads, pool });
    if let Some(old) = POOL.swap(Some(Arc::clone(&own)))
        && old.process != process
    {
        // Its threads are in the other process: to end it would wait for them.
        std::mem::forget(old);
    }
    Ok(own)
}

/// Forgets the pool of the process that this one was forked off.
pub fn after_fork() {
    if let Some(old) = POOL.swap(None) {
        std::mem::forget(old);
    }
}

/// Does short work on the threads, without Python's lock.
pub fn install<R: Send>(py: Python<'_>, work: impl FnOnce() -> R + Send) -> PyResult<R> {
    let own = pool()?;
    Ok(py.detach(|| own.pool.install(work)))
}

/// Does long work on the threads, without Python's lock; what it sends in the meantime is `told`. Signals are looked at all
/// the time: where one raises an exception, or `told` does, `stop` is called and the exception goes on without waiting for
/// the end.
pub fn job<M: Send + 'static, R: Send + 'static>(
    py: Python<'_>,
    work: impl FnOnce(&mpsc::Sender<M>) -> R + Send + 'static,
    mut told: impl FnMut(M) -> PyResult<()>,
    stop: impl FnOnce(),
) -> PyResult<R> {
    let own = pool()?;
    let (messages, mut received) = mpsc::channel::<M>();
    let (done, result) = mpsc::channel::<std::thread::Result<R>>();
    own.pool.spawn(move || {
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| work(&messages)));
        // Closed first, so that nobody waits for more.
        drop(messages);
        // Whoever waited may have left.
        let _ = done.send(outcome);
    });
    let mut listen = || -> PyResult<()> {
        loop {
            let waiting = &mut received;
            match py.detach(move || waiting.recv_timeout(SIGNALS)) {
                Ok(message) => told(message)?,
                Err(RecvTimeoutError::Timeout) => py.check_signals()?,
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            }
        }
    };
    if let Err(error) = listen() {
        stop();
        return Err(error);
    }
    match py.detach(move || result.recv()) {
        Ok(Ok(result)) => Ok(result),
        Ok(Err(_)) | Err(_) => {
            Err(PyRuntimeError::new_err("the work ended in a panic: this is a mistake of spiketext's"))
        }
    }
}
