//! Texts that come in while others are worked on: a reader on a thread of its own, a queue of bounded size between.
//!
//! Who types, or pipes from a program that pauses, gets each answer at once; who pipes a long file gets whole
//! batches.

use std::{
    collections::VecDeque,
    io::Read,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
};

/// The reader pauses while so many bytes of text wait.
const MOST_BYTES: usize = 8 << 20;

/// A batch is closed when it has so many texts...
pub const BATCH_TEXTS: usize = 512;
/// ...or so many bytes of text.
const BATCH_BYTES: usize = 1 << 20;

/// The texts of a reader, in batches.
pub struct StdinBatches {
    queue: Arc<Queue>,
}

#[derive(Default)]
struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    texts: VecDeque<String>,
    bytes: usize,
    ended: bool,
    failure: Option<spiketext::Error>,
}

impl Queue {
    fn state(&self) -> MutexGuard<'_, State> {
        // No thread can panic while it holds the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl StdinBatches {
    /// Begins to read one text a line from `reader`, which errors call `name`.
    pub fn on(reader: impl Read + Send + 'static, name: &'static str) -> Self {
        let queue = Arc::new(Queue::default());
        let filled = Arc::clone(&queue);
        // Never joined: a program that stops early must not wait for its input.
        std::thread::spawn(move || {
            for text in spiketext::data::text_lines(reader, name) {
                let mut state = filled.state();
                match text {
                    Ok(text) => {
                        while state.bytes > MOST_BYTES {
                            state = filled.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                        }
                        state.bytes += text.len() + size_of::<String>();
                        state.texts.push_back(text);
                    }
                    Err(error) => state.failure = Some(error),
                }
                filled.changed.notify_all();
            }
            filled.state().ended = true;
            filled.changed.notify_all();
        });
        Self { queue }
    }

    /// The next texts: all that wait, up to a batch. Waits until there is one; none after the last.
    ///
    /// # Errors
    /// The reader's, after all texts before it were given.
    pub fn batch(&self) -> spiketext::Result<Vec<String>> {
        let mut state = self.queue.state();
        while state.texts.is_empty() && !state.ended && state.failure.is_none() {
            state = self.queue.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let (mut batch, mut bytes) = (Vec::new(), 0);
        while batch.len() < BATCH_TEXTS && bytes < BATCH_BYTES {
            let Some(text) = state.texts.pop_front() else { break };
            bytes += text.len();
            state.bytes -= text.len() + size_of::<String>();
            batch.push(text);
        }
        self.queue.changed.notify_all();
        match state.failure.take() {
            Some(error) if batch.is_empty() => Err(error),
            failure => {
                state.failure = failure;
                Ok(batch)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_in_order_and_whole() {
        let lines: String = (0..5000).map(|n| format!("{n}\n")).collect();
        let waiting = StdinBatches::on(std::io::Cursor::new(lines), "test");
        let mut got = Vec::new();
        loop {
            let batch = waiting.batch().unwrap();
            if batch.is_empty() {
                break;
            }
            assert!(batch.len() <= BATCH_TEXTS);
            got.extend(batch);
        }
        assert_eq!(got, (0..5000).map(|n| n.to_string()).collect::<Vec<_>>());
    }

    #[test]
    fn an_endless_source_fills_no_memory() {
        let waiting = StdinBatches::on(std::io::repeat(b'\n'), "test");
        for _ in 0..20 {
            assert!(!waiting.batch().unwrap().is_empty());
        }
        assert!(waiting.queue.state().bytes < 2 * MOST_BYTES);
    }

    #[test]
    fn an_error_comes_after_the_texts_before_it() {
        let waiting = StdinBatches::on(&b"one\ntwo\n\xff\n"[..], "the pipe");
        let mut got = Vec::new();
        let error = loop {
            match waiting.batch() {
                Ok(batch) => got.extend(batch),
                Err(error) => break error.to_string(),
            }
        };
        assert_eq!(got, ["one", "two"]);
        assert!(error.starts_with("the pipe:3: ") && error.contains("0xFF"), "{error}");
        assert!(waiting.batch().unwrap().is_empty());
    }
}
