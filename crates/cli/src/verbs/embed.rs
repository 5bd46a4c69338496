//! `spiketext embed`: a model as one file of bytes for machines without an operating system.

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::ExitCode,
};

use serde_json::json;
use spiketext::{files::write_atomically, model::Model};

use crate::support::target;

/// Write a model as one image of bytes for machines without an operating system.
///
/// The image holds words, codes, weights and labels; the crate `spiketext-embedded` reads it where it lies and labels
/// texts in whole numbers alone, without allocating. Models of `train --recipe sparse` can become one.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  spiketext train --recipe sparse --set network.filters=10 --set sparse.dimension=256 --set network.synapse-bits=4
  spiketext embed runs/reviews-en-sparse-0 --words 2000 --out reviews.image

docs/guide/embedded.md shows the other side. --json prints one object: image, bytes, words, left_out, memory_bytes.")]
pub struct Arguments {
    /// The model directory.
    model: PathBuf,
    /// Keep this many words of its vocabulary [default: all]. Words of the training texts come first, in the order of
    /// the file of word vectors, which is by frequency in most; all others become unknown words.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    words: Option<u32>,
    /// The file to write.
    #[arg(short, long, value_name = "FILE")]
    out: PathBuf,
    /// Write over a file that is there.
    #[arg(long)]
    force: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let Arguments { model, words, out, force, json } = arguments;
    check_target(out, model, *force)?;
    let image = Model::load(model)?.to_embedded(words.map(|words| words as usize))?;
    write_atomically(out, &image.bytes)?;
    let (bytes, memory) = (image.bytes.len(), 4 * image.memory);
    let mut print = std::io::stdout().lock();
    if *json {
        let object = json!({
            "image": out.display().to_string(),
            "bytes": bytes,
            "words": image.words,
            "left_out": image.left_out,
            "memory_bytes": memory,
        });
        writeln!(print, "{object}")?;
    } else {
        let left_out = match image.left_out {
            0 => String::new(),
            count => format!(" ({count} left out)"),
        };
        writeln!(
            print,
            "{}: {bytes} bytes, {} words{left_out}; a reader needs {memory} bytes of memory",
            out.display(),
            image.words
        )?;
    }
    print.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// Refuses a place where an image would take something away that is none.
fn check_target(out: &Path, model: &Path, force: bool) -> anyhow::Result<()> {
    target::check("embed", out, force)?;
    // Its own files are what a model is, and a folder with a strange one is no model's to whoever would replace it.
    target::check_apart("embed", out, [model])
}
