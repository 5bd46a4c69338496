//! `spiketext export`: a model as a NIR file, for simulators and neuromorphic chips, and spike trains to run it with.

use std::{
    fs::OpenOptions,
    io::{BufWriter, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use serde_json::json;
use spiketext::{
    data,
    files::{write_atomically, write_atomically_with},
    model::Model,
};
use spiketext_nir::{Flaw, Target, answers, export, file, npz};

use crate::support::{reading, target};

/// Write a model as a NIR file for simulators and neuromorphic chips.
///
/// The file is one chain of nodes for texts of one length: convolutions and affine blocks with neurons that integrate
/// and fire. It takes the spikes of words; --inputs writes those of texts, with every spike that follows, so that a
/// reader can be checked. What the file does not hold is listed.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  spiketext train reviews.csv --reset hard --out model
  spiketext export model model.nir --target snntorch
  spiketext export model model.nir --inputs reviews.csv --inputs-out reviews.npz
  spiketext export model model.nir --target norse --length 24

Readers differ in what they make of a neuron's parameters, so a file is for one of them:
  generic        the equations of NIR by Euler's method, in steps of 0.1 ms
  snntorch       snnTorch 1.0.0: import_from_nir
  spikingjelly   SpikingJelly 2.0.0: import_from_nir
  norse          Norse 1.1.0: from_nir(graph, dt=1.0)
  sinabs         sinabs 3.1.3: from_nir; its neurons subtract their threshold, so it takes models of a soft reset
All others reset membranes to 0: train with --reset hard. Models of one time step (--recipe sparse) go to all of them.

--inputs-out is a file of NumPy arrays: inputs [texts, T, channels, L, 1]; outputs [texts, T, O] and spikes_NODE, what the file
gives in this reader; scores, labels; model_labels, what the model answers to the whole text; known, tokens, cut.

More: docs/guide/neuromorphic.md, docs/interchange.md. --json prints one object: file, bytes, target, length, steps, channels (of
the first dimensions of words, then further by name), nodes, not_carried, and with --inputs texts, known, agree, cut.")]
pub struct Arguments {
    /// The model directory.
    model: PathBuf,
    /// The file to write.
    #[arg(value_name = "FILE.nir")]
    out: PathBuf,
    /// Whose reader the file is for: generic, snntorch, spikingjelly, norse or sinabs.
    #[arg(long, value_name = "READER", default_value = "generic")]
    target: Target,
    /// Tokens of a text [default: as many as the model pads texts to, else the middle one of its training texts has;
    /// of --recipe sparse as many as 99 in 100 of them have].
    #[arg(long, value_name = "L")]
    length: Option<u32>,
    /// Texts whose spikes are to be written.
    #[arg(long, value_name = "FILE", requires = "inputs_out")]
    inputs: Option<PathBuf>,
    /// Where their spikes go, with what the file answers to them.
    #[arg(long, value_name = "FILE.npz", requires = "inputs")]
    inputs_out: Option<PathBuf>,
    #[command(flatten)]
    reading: reading::Arguments,
    /// Write over files that are there.
    #[arg(long)]
    force: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let Arguments { model: folder, out, target: reader, length, inputs, inputs_out, reading, force, json } =
        arguments;
    check_target(out, *force)?;
    let read: Vec<&PathBuf> = inputs.iter().chain([folder]).collect();
    target::check_place_apart("export", "a FILE.nir", out, read.iter().copied())?;
    if let Some(inputs_out) = inputs_out {
        check_target(inputs_out, *force)?;
        target::check_place_apart("export", "an --inputs-out", inputs_out, read.iter().copied())?;
        if target::are_one(inputs_out, out) {
            anyhow::bail!("--inputs-out: expected another file than the network's, got {}", out.display());
        }
    }
    if inputs.is_none() {
        let nothing = reading::LabelArguments::default();
        reading::refuse_without_file(reading, &nothing, "none", "--inputs FILE")?;
    }
    let model = Model::load(folder)?;
    let exported = export(&model, *reader, length.map(|length| length as usize))?;
    let texts = inputs.as_deref().map(|file| texts(file, reading, &model, *json)).transpose()?;
    let answers = texts.map(|texts| answers::answer(&model, &exported, &texts)).transpose()?;
    let contents = exported
        .graph
        .contents()
        .map_err(|Flaw { expected, got }| anyhow::anyhow!("export: expected {expected}, got {got}"))?;
    let bytes = file::to_bytes(&contents)?;
    write_atomically(out, &bytes)?;
    if let (Some(path), Some(answers)) = (inputs_out, &answers) {
        write_atomically_with(path, |temporary| {
            npz::write(BufWriter::new(OpenOptions::new().write(true).open(temporary)?), &answers.arrays)
        })?;
    }
    let layout = &exported.layout;
    let mut print = std::io::stdout().lock();
    if *json {
        let further: Vec<String> = layout.further.iter().map(ToString::to_string).collect();
        let mut object = json!({
            "file": out.display().to_string(),
            "bytes": bytes.len(),
            "target": reader.name(),
            "length": layout.length,
            "steps": layout.steps,
            "channels": { "dimensions": layout.dimension, "further": further },
            "nodes": exported.graph.nodes.len(),
            "not_carried": exported.not_carried,
        });
        if let Some(answers) = &answers {
            for (name, count) in
                [("texts", answers.texts), ("known", answers.known), ("agree", answers.agree), ("cut", answers.cut)]
            {
                object[name] = count.into();
            }
        }
        writeln!(print, "{object}")?;
    } else {
        writeln!(
            print,
            "{}: {} bytes, {} nodes for {reader}; texts of {} tokens, {} time steps",
            out.display(),
            bytes.len(),
            exported.graph.nodes.len(),
            layout.length,
            layout.steps
        )?;
        writeln!(print, "input channels: {}", channels(layout))?;
        for line in &exported.not_carried {
            writeln!(print, "not carried: {line}")?;
        }
        if let (Some(path), Some(answers)) = (inputs_out, &answers) {
            let cut = if answers.cut > 0 { format!(", {} of them cut", answers.cut) } else { String::new() };
            writeln!(
                print,
                "{}: {} texts{cut}; run as {reader} would, the file answers {} of the {} with a known word as the model does",
                path.display(),
                answers.texts,
                answers.agree,
                answers.known
            )?;
        }
    }
    print.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// What the channels of the input say, for people.
fn channels(layout: &spiketext_nir::Layout) -> String {
    let dimensions = format!("0 to {} dimensions of a word", layout.dimension - 1);
    let further =
        layout.further.iter().enumerate().map(|(at, channel)| format!("{} {channel}", layout.dimension + at));
    std::iter::once(dimensions).chain(further).collect::<Vec<_>>().join(", ")
}

/// The texts of a file; what was chosen in reading it is told.
fn texts(file: &Path, reading: &reading::Arguments, model: &Model, json: bool) -> anyhow::Result<Vec<String>> {
    let options = reading.options(&reading::LabelArguments::default(), Some(model));
    let table = data::read_texts(file, &options)?;
    if !json {
        let mut error = std::io::stderr();
        for line in reading::told(&table.readings) {
            writeln!(error, "{line}")?;
        }
    }
    if table.rows.is_empty() {
        anyhow::bail!("--inputs: expected a text or more, got none in {}", file.display());
    }
    Ok(table.rows.into_iter().map(|row| row.text).collect())
}

/// Refuses a place where a file would take something away that is none.
fn check_target(out: &Path, force: bool) -> anyhow::Result<()> {
    target::check("export", out, force)?;
    target::check_outside_of_models("export", out)
}
