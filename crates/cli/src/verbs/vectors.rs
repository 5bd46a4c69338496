//! `spiketext vectors`: facts about a file of word vectors, and a smaller copy of it.

use std::process::ExitCode;

/// Look into a file of word vectors, or make a small one of it.
#[derive(Debug, clap::Args)]
pub struct Arguments {}

/// Runs the verb.
pub fn run(_: Arguments) -> anyhow::Result<ExitCode> {
    Ok(ExitCode::SUCCESS)
}
