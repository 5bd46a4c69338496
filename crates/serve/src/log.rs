//! One line of JSON for each thing that happened, written by a thread of its own: a reader that stalls holds no request up.

use std::{
    io::Write,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    time::{Duration, SystemTime},
};

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value};

/// Lines that may wait for the writer; those past it are counted and left out.
const WAITING: usize = 16_384;

/// How long the end waits for a reader that stalls.
const LAST_LINES: Duration = Duration::from_secs(5);

/// Where lines go.
#[derive(Clone, Debug)]
pub struct Log {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    lines: Mutex<Option<SyncSender<String>>>,
    left_out: Mutex<u64>,
    /// Closed when the last line is written.
    written: Mutex<Option<Receiver<()>>>,
}

impl Log {
    /// A log that writes to `out`.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub fn to(mut out: impl Write + Send + 'static) -> std::io::Result<Self> {
        let (sender, receiver) = sync_channel::<String>(WAITING);
        let (writes, written) = sync_channel::<()>(1);
        std::thread::Builder::new().name("log".to_owned()).spawn(move || {
            let _writes = writes;
            for line in receiver {
                // Nobody may be listening there.
                let _ = out.write_all(line.as_bytes()).and_then(|()| out.flush());
            }
        })?;
        let inner =
            Inner { lines: Mutex::new(Some(sender)), left_out: Mutex::new(0), written: Mutex::new(Some(written)) };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Writes a line: the time, the level, what happened, and more.
    pub fn line(&self, level: &str, event: &str, more: Map<String, Value>) {
        let mut object = Map::new();
        object.insert("time".to_owned(), timestamp(SystemTime::now()).into());
        object.insert("level".to_owned(), level.into());
        object.insert("event".to_owned(), event.into());
        object.extend(more);
        let mut left_out = lock(&self.inner.left_out);
        if *left_out > 0 {
            object.insert("lines_left_out_before".to_owned(), (*left_out).into());
        }
        let line = format!("{}\n", Value::Object(object));
        let sent = match &*lock(&self.inner.lines) {
            Some(lines) => !matches!(lines.try_send(line), Err(TrySendError::Full(_))),
            None => true,
        };
        *left_out = if sent { 0 } else { *left_out + 1 };
    }

    /// A line with a message for people.
    pub fn message(&self, level: &str, event: &str, message: &str) {
        self.line(level, event, Map::from_iter([("message".to_owned(), message.into())]));
    }

    /// Waits until all lines are written, but not for long where nobody reads them; what comes later is left out.
    pub fn close(&self) {
        lock(&self.inner.lines).take();
        if let Some(written) = lock(&self.inner.written).take() {
            let _ = written.recv_timeout(LAST_LINES);
        }
    }
}

/// A lock is only held around single operations, which leave nothing half done.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A time as RFC 3339 has it, in UTC, to the millisecond.
fn timestamp(time: SystemTime) -> String {
    DateTime::<Utc>::from(time).to_rfc3339_opts(SecondsFormat::Millis, true)
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    #[test]
    fn times_are_those_of_the_calendar() {
        for (seconds, told) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400, "2000-02-29T00:00:00.000Z"),
            (1_709_251_199, "2024-02-29T23:59:59.000Z"),
            (1_735_689_599, "2024-12-31T23:59:59.000Z"),
            (4_107_542_400, "2100-03-01T00:00:00.000Z"),
        ] {
            assert_eq!(timestamp(UNIX_EPOCH + Duration::from_secs(seconds)), told);
        }
    }
}
