//! Where something was measured: processor, system, compiler, commit, day.
//!
//! What a system does not tell is left blank: a description must not stop a measurement.

use std::{fs, process::Command, time::SystemTime};

use chrono::{DateTime, Utc};
use serde::Serialize;

/// Processor features that decide which kernels run, on either side.
const FEATURES: &[&str] = &[
    "avx2",
    "fma",
    "avx512f",
    "avx512bw",
    "avx512vl",
    "avx512vbmi",
    "avx512_vbmi2",
    "avx512_vnni",
    "avx512_bf16",
    "avx512_fp16",
    "avx_vnni",
    "amx_tile",
    "amx_bf16",
    "amx_int8",
    "asimd",
    "asimddp",
    "sve",
    "sve2",
    "bf16",
    "i8mm",
];

/// The machine and what was built on it.
#[derive(Clone, Debug, Serialize)]
pub struct Machine {
    /// The processor by name.
    pub processor: String,
    /// Family, model and stepping: names of rented processors tell little.
    pub processor_numbers: String,
    /// Cores that this process may use.
    pub cores: usize,
    /// Those of `FEATURES` that it has.
    pub features: Vec<String>,
    /// Memory in GiB.
    pub memory_gib: f64,
    /// The system with its kernel.
    pub system: String,
    /// The Rust compiler on the path.
    pub rustc: String,
    /// The commit that the program was built from, or its version.
    pub commit: String,
    /// Whether its sources differed from that commit.
    pub dirty: bool,
    /// The day, in UTC.
    pub date: String,
}

impl Machine {
    /// This one, today. `program` is what the program was built from, `-dirty` behind it where its sources had
    /// changes.
    #[must_use]
    pub fn found(program: &str) -> Self {
        let processor = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let field = |name: &str| after_colon(&processor, name).unwrap_or_default();
        let flags = field("flags") + &field("Features");
        let flags: Vec<&str> = flags.split_whitespace().collect();
        let numbers: Vec<String> = ["cpu family", "model", "stepping"]
            .iter()
            .filter_map(|name| Some(format!("{name} {}", after_colon(&processor, name)?)))
            .collect();
        let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
        let system = fs::read_to_string("/etc/os-release").unwrap_or_default();
        let system =
            system.lines().find_map(|line| line.strip_prefix("PRETTY_NAME=")).map(|name| name.trim_matches('"'));
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        let commit = program.strip_suffix("-dirty");
        Self {
            processor: field("model name"),
            processor_numbers: numbers.join(", "),
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            features: FEATURES.iter().filter(|name| flags.contains(name)).map(ToString::to_string).collect(),
            memory_gib: kibibytes(&memory, "MemTotal").unwrap_or(0) as f64 / f64::from(1 << 20),
            system: format!("{}, kernel {}", system.unwrap_or(std::env::consts::OS), kernel.trim()),
            rustc: output(Command::new("rustc").arg("--version")).unwrap_or_default(),
            commit: commit.unwrap_or(program).to_owned(),
            dirty: commit.is_some(),
            date: today(),
        }
    }
}

/// What follows `name` and a colon in a file of /proc.
fn after_colon(text: &str, name: &str) -> Option<String> {
    let mut lines = text.lines().filter_map(|line| line.split_once(':'));
    lines.find(|(key, _)| key.trim() == name).map(|(_, value)| value.trim().to_owned())
}

/// A number of kB in a file of /proc.
#[must_use]
pub fn kibibytes(text: &str, name: &str) -> Option<u64> {
    after_colon(text, name)?.split_whitespace().next()?.parse().ok()
}

/// What a program prints, if it is there and content.
fn output(command: &mut Command) -> Option<String> {
    let output = command.output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The processor and the cores in words, with the threads that a program uses.
#[must_use]
pub fn in_words(threads: usize) -> String {
    let processor = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = after_colon(&processor, "model name").unwrap_or_else(|| std::env::consts::ARCH.to_owned());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let plural = |count: usize| if count == 1 { "" } else { "s" };
    format!("{name}, {cores} core{}, {threads} thread{}", plural(cores), plural(threads))
}

/// How many processes wanted to run over the last minute: more than a measurement's own threads say that others were
/// at work too.
#[must_use]
pub fn load() -> Option<f64> {
    fs::read_to_string("/proc/loadavg").ok()?.split_whitespace().next()?.parse().ok()
}

/// The day in UTC, as year-month-day.
fn today() -> String {
    DateTime::<Utc>::from(SystemTime::now()).format("%Y-%m-%d").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_by_their_whole_name() {
        let text = "model\t\t: 17\nmodel name\t: Some: Processor\nMemTotal:  2048 kB\n";
        assert_eq!(after_colon(text, "model name").as_deref(), Some("Some: Processor"));
        assert_eq!(after_colon(text, "model").as_deref(), Some("17"));
        assert_eq!(kibibytes(text, "MemTotal"), Some(2048));
        assert_eq!(after_colon(text, "name"), None);
    }

    #[test]
    fn a_machine_is_told_with_its_threads() {
        assert!(in_words(3).ends_with("3 threads") && in_words(1).ends_with(", 1 thread"));
    }
}
