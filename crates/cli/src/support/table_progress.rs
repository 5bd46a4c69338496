//! How far long work on a table is: rows, rows a second, what is left and the memory it takes; a line that changes on a
//! terminal, elsewhere a line now and then.

use std::{
    io::IsTerminal,
    sync::mpsc::{RecvTimeoutError, Sender, channel},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use indicatif::{HumanCount, HumanDuration, ProgressBar, ProgressStyle};
use spiketext::data::Extent;

/// How often a line is written where there is no terminal; who is done before sees none.
const EVERY: Duration = Duration::from_secs(30);

/// How often the line of a terminal changes.
const REFRESHED: Duration = Duration::from_millis(200);

/// Shows how far a table is.
pub struct TableProgress {
    extent: Extent,
    started: Instant,
    told: Instant,
    rows: u64,
    /// Rows that cost no work, as an earlier run had done them.
    free: u64,
    bar: Option<ProgressBar>,
    terminal: bool,
}

impl TableProgress {
    /// Of a table of which so much is there.
    pub fn new(extent: Extent) -> Self {
        let now = Instant::now();
        let terminal = std::io::stderr().is_terminal();
        Self { extent, started: now, told: now, rows: 0, free: 0, bar: None, terminal }
    }

    /// More rows are done; `free` of them without work.
    pub fn add(&mut self, rows: usize, free: bool) {
        self.rows += rows as u64;
        self.free += if free { rows as u64 } else { 0 };
        let every = if self.terminal { REFRESHED } else { EVERY };
        if self.told.elapsed() < every {
            return;
        }
        self.told = Instant::now();
        let told = self.told();
        if !self.terminal {
            // Progress that nobody reads is no reason to stop.
            super::given::say(&[told]);
            return;
        }
        let bar = self.bar.get_or_insert_with(|| {
            let bar = ProgressBar::new_spinner();
            // Cut to the width of the terminal.
            if let Ok(style) = ProgressStyle::with_template("{wide_msg}") {
                bar.set_style(style);
            }
            bar
        });
        bar.set_message(told);
        bar.tick();
    }

    fn told(&self) -> String {
        let seconds = self.started.elapsed().as_secs_f64();
        let mut told = rows_and_rate(self.rows, seconds);
        if self.free > 0 {
            told = format!("{}, {} of them by an earlier run", told, HumanCount(self.free));
        }
        // What an earlier run had done says nothing of how long the rest takes.
        let before = self.extent.share(self.free).filter(|_| matches!(self.extent, Extent::Rows(_))).unwrap_or(0.0);
        if let Some(share) = self.extent.share(self.rows).filter(|&share| share - before > 0.01) {
            let left = seconds * (1.0 - share) / (share - before);
            told += &format!(
                ", {:.0} % done, about {} left",
                100.0 * share,
                HumanDuration(Duration::from_secs_f64(left))
            );
        }
        if let Some(memory) = resident() {
            told += &format!(", {} MB of memory", memory / 1_000_000);
        }
        told
    }

    /// Takes the line away.
    pub fn finish(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

/// Says what goes on while this value lives, where nobody else does.
pub struct Waiting {
    end: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Waiting {
    /// `what` goes on: it is given the seconds that have gone, and told from time to time with the memory that is held.
    /// Nothing is said to those who are `quiet`.
    pub fn on(quiet: bool, what: impl Fn(f64) -> String + Send + 'static) -> Self {
        if quiet {
            return Self { end: None, thread: None };
        }
        let (end, ended) = channel::<()>();
        let show = move || {
            let (started, terminal) = (Instant::now(), std::io::stderr().is_terminal());
            let told = || {
                let memory = resident().map(|bytes| format!(", {} MB of memory", bytes / 1_000_000));
                what(started.elapsed().as_secs_f64()) + &memory.unwrap_or_default()
            };
            let every = if terminal { REFRESHED } else { EVERY };
            let mut bar = None;
            while ended.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
                if terminal {
                    bar.get_or_insert_with(ProgressBar::new_spinner).set_message(told());
                    bar.iter().for_each(ProgressBar::tick);
                } else {
                    super::given::say(&[told()]);
                }
            }
            bar.iter().for_each(ProgressBar::finish_and_clear);
        };
        // Who cannot be shown anything is no worse off.
        let thread = std::thread::Builder::new().name("progress".to_owned()).spawn(show).ok();
        Self { end: Some(end), thread }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.end.take();
        if let Some(thread) = self.thread.take() {
            // A display that broke is gone already.
            let _ = thread.join();
        }
    }
}

/// Rows of a count and how many came a second, in `seconds`.
pub fn rows_and_rate(rows: u64, seconds: f64) -> String {
    format!("{} texts, {} a second", HumanCount(rows), HumanCount((rows as f64 / seconds.max(1e-3)) as u64))
}

/// Bytes of memory that this process holds, where the system says it.
pub fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(1024 * line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_rows_rate_and_what_is_left() {
        let mut progress = TableProgress::new(Extent::Rows(1000));
        progress.rows = 250;
        progress.started -= Duration::from_secs(5);
        let told = progress.told();
        assert!(
            told.starts_with("250 texts, ") && told.contains(" a second, 25 % done, about 15 seconds left"),
            "{told}"
        );
        assert_eq!(resident().is_some(), told.contains("MB of memory"), "{told}");
        let mut unknown = TableProgress::new(Extent::Unknown);
        unknown.rows = 1_234_567;
        assert!(unknown.told().starts_with("1,234,567 texts, ") && !unknown.told().contains('%'));
    }
}
