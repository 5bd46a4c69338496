//! Children in turn: each contestant once a round, every second round backwards, so that neither a machine that warms up
//! nor other users of it favour one side.

use std::{
    ffi::OsString,
    path::PathBuf,
    process::{Command, Stdio},
    time::Instant,
};

use anyhow::{Context, Result, bail};
use serde::Serialize;
use serde_json::Value;

use crate::{machine, python::end_of, say};

/// A program to run in turn with others.
pub struct Contestant {
    /// What to call it.
    pub name: String,
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// Threads that it may use.
    pub threads: usize,
}

/// One JSON line that a contestant printed.
#[derive(Clone, Debug, Serialize)]
pub struct Sample {
    /// The contestant.
    pub name: String,
    /// The round, from 1.
    pub round: usize,
    /// The machine's load over the minute before.
    pub load_before: Option<f64>,
    /// Seconds from the start of the process to its end.
    pub process_seconds: f64,
    /// The line.
    pub line: Value,
}

/// Runs all contestants in turn, `rounds` times.
pub fn take(contestants: &[Contestant], rounds: usize) -> Result<Vec<Sample>> {
    let mut samples = Vec::new();
    for round in 1..=rounds {
        let mut order: Vec<&Contestant> = contestants.iter().collect();
        if round % 2 == 0 {
            order.reverse();
        }
        for contestant in order {
            say(&format!("round {round} of {rounds}: {}", contestant.name));
            contestant.run(round, &mut samples)?;
        }
    }
    // In the order of rounds, whatever the order within one: the first of ours belongs to the first of a peer's.
    samples.sort_by_key(|sample| sample.round);
    Ok(samples)
}

impl Contestant {
    fn run(&self, round: usize, samples: &mut Vec<Sample>) -> Result<()> {
        let load_before = machine::load();
        let threads = self.threads.to_string();
        let started = Instant::now();
        let output = Command::new(&self.program)
            .args(&self.arguments)
            .env("RAYON_NUM_THREADS", &threads)
            .env("OMP_NUM_THREADS", &threads)
            .env("MKL_NUM_THREADS", &threads)
            // The end of what it says is to be the error, not the way there.
            .env_remove("RUST_BACKTRACE")
            .stdin(Stdio::null())
            .output()
            .with_context(|| format!("{}: {} does not start", self.name, self.program.display()))?;
        let process_seconds = started.elapsed().as_secs_f64();
        if !output.status.success() {
            bail!(
                "{}: {} ended with {}\n{}",
                self.name,
                self.program.display(),
                output.status,
                end_of(&output.stderr)
            );
        }
        let text = String::from_utf8_lossy(&output.stdout);
        for line in text.lines() {
            let line: Value =
                serde_json::from_str(line).with_context(|| format!("{}: not a JSON line: {line}", self.name))?;
            // Of what `spiketext train` tells, the course of training is not wanted.
            if line.get("event").is_none_or(|event| event == "result") {
                let name = self.name.clone();
                samples.push(Sample { name, round, load_before, process_seconds, line });
            }
        }
        Ok(())
    }
}
