//! Where a comparison was made, and how much memory a process needed.

use std::fs;

use anyhow::{Context, Result};
use spiketext_study::machine::kibibytes;
pub use spiketext_study::machine::{Machine, load};

/// This machine, with the commit that this program was built from.
pub fn found() -> Machine {
    Machine::found(env!("SPIKETEXT_PROGRAM"))
}

/// The most memory that this process has held (Linux).
pub struct PeakMemory;

impl PeakMemory {
    /// In bytes.
    pub fn read() -> Result<u64> {
        let path = "/proc/self/status";
        let status =
            fs::read_to_string(path).with_context(|| format!("{path}: peak memory is read on Linux only"))?;
        Ok(1024 * kibibytes(&status, "VmHWM").with_context(|| format!("{path} has no VmHWM"))?)
    }

    /// In bytes; from here on the peak is counted anew, from what is held now.
    pub fn read_and_put_back() -> Result<u64> {
        let peak = Self::read()?;
        let path = "/proc/self/clear_refs";
        // 5 is the peak's number, see proc_pid_clear_refs(5).
        fs::write(path, "5").with_context(|| format!("{path}: the peak cannot be put back"))?;
        Ok(peak)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn a_peak_is_seen_and_put_back() {
        let held = vec![1u8; 64 << 20];
        assert!(PeakMemory::read().expect("a peak") > 64 << 20);
        assert_eq!(held.iter().map(|&one| usize::from(one)).sum::<usize>(), held.len());
        drop(held);
        let before = PeakMemory::read_and_put_back().expect("a peak that can be put back");
        assert!(PeakMemory::read().expect("a peak") < before);
    }
}
