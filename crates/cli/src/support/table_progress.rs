//! How far a long table is: rows, rows a second, what is left and the memory it takes; a line that changes on a terminal,
//! elsewhere a line now and then.

use std::{
    io::IsTerminal,
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
            let bar = ProgressBar::new(1000);
            if let Ok(style) = ProgressStyle::with_template("[{bar:20}] {msg}") {
                bar.set_style(style.progress_chars("=> "));
            }
            bar
        });
        bar.set_position((1000.0 * self.extent.share(self.rows).unwrap_or(0.0)) as u64);
        bar.set_message(told);
    }

    fn told(&self) -> String {
        let seconds = self.started.elapsed().as_secs_f64();
        let mut told = format!(
            "{} texts, {} a second",
            HumanCount(self.rows),
            HumanCount(((self.rows - self.free) as f64 / seconds.max(1e-3)) as u64)
        );
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
