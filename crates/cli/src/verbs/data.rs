//! `spiketext data`: which data sets there are and what is in them.

use std::process::ExitCode;

/// List the known data sets, or show one data set or file.
#[derive(Debug, clap::Args)]
pub struct Arguments {}

/// Runs the verb.
pub fn run(_: Arguments) -> anyhow::Result<ExitCode> {
    Ok(ExitCode::SUCCESS)
}
