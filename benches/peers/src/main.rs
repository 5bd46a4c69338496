//! `spiketext-peers`: times spiketext and its PyTorch peers in turn, prints a Markdown table and writes JSON.
//!
//! The program starts itself as a child for each measurement of ours (`measure`), and `peers.py` for each of a peer's:
//! every figure so comes from a fresh process with the same number of threads. The modules follow the way of a figure:
//! `texts` (what is run on), `measure` (the child), `python` (the peers' interpreter), `turns` (children in
//! alternation), `plan` (which children, and which rows come of them), `report`; `machine` describes where it happened.

mod machine;
mod measure;
mod plan;
mod python;
mod repeat;
mod report;
mod texts;
mod turns;

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, Result, ensure};
use clap::{Args, Parser, Subcommand, ValueEnum};

use texts::Source;

/// Times spiketext and its PyTorch peers in turn on this machine.
#[derive(Debug, Parser)]
#[command(name = "spiketext-peers", version, args_conflicts_with_subcommands = true, max_term_width = 100)]
struct CommandLine {
    #[command(subcommand)]
    part: Option<Part>,
    #[command(flatten)]
    all: Arguments,
}

#[derive(Debug, Subcommand)]
enum Part {
    /// One measurement of spiketext in this process, as one JSON line (what the program starts itself with).
    Measure(measure::Arguments),
}

/// The whole comparison.
#[derive(Clone, Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    source: Source,
    /// How often every measurement is made, in turn with the others.
    #[arg(long, value_name = "N", default_value_t = 3)]
    rounds: usize,
    /// Seconds that one measurement repeats its run for.
    #[arg(long, value_name = "S", default_value_t = 4.0)]
    seconds: f64,
    /// Threads of both sides, where a row does not name another number.
    #[arg(long, value_name = "N", default_value_t = 2)]
    threads: usize,
    /// Only these parts of the table.
    #[arg(long, value_name = "PART,...", value_delimiter = ',')]
    only: Vec<Group>,
    /// The peers on a GPU (CUDA) too.
    #[arg(long)]
    gpu: bool,
    /// A short run to see that everything works; its figures mean nothing.
    #[arg(long)]
    quick: bool,
    /// A Python with torch, snntorch and spikingjelly to use as it is [default: one is set up in the cache folder].
    #[arg(long, value_name = "FILE")]
    python: Option<PathBuf>,
    /// Where to write the JSON [default: peers.json in the cache folder].
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// The cache folder [default: peers in the target folder].
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
}

/// A part of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Group {
    /// Training steps and inference of recipe `paper` beside the peers.
    Paper,
    /// Texts a second and latency of recipe `lean` from raw text, one thread.
    Lean,
    /// A whole `spiketext train` on MR.
    Mr,
    /// Memory of fine-tuning at T = 100 and T = 10.
    Memory,
    /// One thread against several.
    Scaling,
}

impl Arguments {
    /// Whether a part of the table was asked for.
    fn wants(&self, group: Group) -> bool {
        self.only.is_empty() || self.only.contains(&group)
    }
}

fn main() -> ExitCode {
    let command_line = CommandLine::parse();
    let outcome = match command_line.part {
        Some(Part::Measure(arguments)) => measure::run(&arguments),
        None => compare(command_line.all),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        // Without the backtrace that a returned error would have: the parent shows the last lines of a child.
        Err(error) => {
            say(&format!("spiketext-peers: {error:#}"));
            ExitCode::from(2)
        }
    }
}

/// The whole comparison.
fn compare(mut arguments: Arguments) -> Result<()> {
    ensure!(arguments.threads > 0 && arguments.rounds > 0, "--threads and --rounds begin at 1");
    ensure!(arguments.seconds.is_finite() && arguments.seconds > 0.0, "--seconds: a number above 0");
    if arguments.quick {
        (arguments.rounds, arguments.seconds) = (1, 0.5);
    }
    ensure!(
        arguments.quick || !cfg!(debug_assertions),
        "this is a debug build, whose figures mean nothing: cargo run --release --bin spiketext-peers"
    );
    let cache = match &arguments.cache {
        Some(cache) => cache.clone(),
        None => default_cache()?,
    };
    fs::create_dir_all(&cache).with_context(|| format!("cannot make the cache folder {}", cache.display()))?;
    let json = arguments.json.clone().unwrap_or_else(|| cache.join("peers.json"));
    let machine = machine::found();
    let report = plan::carry_out(&arguments, &cache)?.with(machine);
    print!("{}", report.markdown());
    let document = serde_json::to_string_pretty(&report.json())?;
    fs::write(&json, document + "\n").with_context(|| format!("cannot write {}", json.display()))?;
    eprintln!("every measurement: {}", json.display());
    Ok(())
}

/// `peers` in the target folder that this program was built in.
fn default_cache() -> Result<PathBuf> {
    let program =
        std::env::current_exe().context("this program does not know where it is; --cache DIR says where to work")?;
    // target/release/spiketext-peers
    let target = program.parent().and_then(Path::parent);
    Ok(target.context("this program is in no target folder; --cache DIR says where to work")?.join("peers"))
}

/// Says on standard error what goes on: measurements take minutes, and standard output is for the table.
fn say(message: &str) {
    eprintln!("{message}");
}
