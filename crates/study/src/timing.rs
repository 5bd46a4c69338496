//! What one core needs for a text: the one cost here that is measured and not priced.
//!
//! Timed is everything from a text's word ids, or what stands for them, to its label; tokenising is the same for all and is
//! left out. Texts come as a data set's test texts do, again and again, so that what a runner keeps of words it met is
//! there. Of several passes the quickest counts: others only add what else the machine did.

use std::time::{Duration, Instant};

use spiketext::{Error, Result, dnn::Dnn, encode::Noise, engine::Runner, network::Network};

/// Passes over all texts, the first of which is to warm up: at least so many.
const LEAST_PASSES: usize = 3;

/// As many more passes as fit into this time.
const TIME: Duration = Duration::from_millis(500);

/// The most passes.
const MOST_PASSES: usize = 20;

/// Nanoseconds a text of `answer`, which answers all of `texts` texts on the thread that it is called on. None where there
/// are none.
///
/// # Errors
/// If the system gives no thread.
pub fn nanoseconds_a_text(texts: usize, mut answer: impl FnMut() + Send) -> Result<Option<f64>> {
    if texts == 0 {
        return Ok(None);
    }
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build();
    let one = one.map_err(|error| Error::invalid("time answers", "a thread", error.to_string()))?;
    Ok(Some(one.install(|| {
        let started = Instant::now();
        let mut least = Duration::MAX;
        for pass in 0..MOST_PASSES {
            if pass >= LEAST_PASSES && started.elapsed() >= TIME {
                break;
            }
            let begun = Instant::now();
            answer();
            if pass > 0 {
                least = least.min(begun.elapsed());
            }
        }
        least.as_secs_f64() * 1e9 / texts as f64
    })))
}

/// Those of a spiking network.
///
/// # Errors
/// As [`nanoseconds_a_text`].
pub fn of_spikes(network: &Network, seed: u64, texts: &[Vec<u32>]) -> Result<Option<f64>> {
    let mut runner = Runner::new(network, Noise::inference(seed));
    nanoseconds_a_text(texts.len(), || {
        std::hint::black_box(runner.run(network, texts));
    })
}

/// Those of a real-valued network.
///
/// # Errors
/// As [`nanoseconds_a_text`].
pub fn of_dnn(dnn: &Dnn, texts: &[Vec<u32>]) -> Result<Option<f64>> {
    nanoseconds_a_text(texts.len(), || {
        std::hint::black_box(dnn.scores(texts));
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn a_pass_to_warm_up_and_some_that_count_on_one_thread() {
        let passes = AtomicUsize::new(0);
        let nanoseconds = nanoseconds_a_text(4, || {
            assert_eq!(rayon::current_num_threads(), 1);
            // The first is slow.
            let wait = if passes.fetch_add(1, Ordering::Relaxed) == 0 { 600 } else { 2 };
            std::thread::sleep(Duration::from_millis(wait));
        });
        let nanoseconds = nanoseconds.expect("a thread").expect("texts");
        assert_eq!(passes.load(Ordering::Relaxed), LEAST_PASSES);
        assert!((5e5..1.5e8).contains(&nanoseconds), "{nanoseconds}");
        assert_eq!(nanoseconds_a_text(0, || panic!("nothing to answer")).expect("a thread"), None);
    }
}
