//! `spiketext import`: a NIR file into a model whose weights were changed elsewhere, or run on spike trains, or
//! shown.

use std::{
    fs::OpenOptions,
    io::{BufWriter, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use serde_json::json;
use spiketext::{files::write_atomically_with, model::Model};
use spiketext_nir::{Flaw, Graph, Simulator, Target, answers, array::shape_name, file, import_like, npz};

use crate::support::target;

/// Read a NIR file: show it, run it on spike trains, or take its weights into a model.
///
/// A file is read if its nodes are a chain of kinds that are known here; any other node, a branch or a circle is an
/// error that names it. With --inputs the chain is run step by step, as the reader that --target names would. With
/// --like the file is an export of a model whose weights were changed, in snnTorch for one: they become a model with
/// the words of the other.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  spiketext import network.nir                                              the nodes, their shapes and weights
  spiketext import network.nir --inputs spikes.npz --out answers.npz        an array `inputs` [texts, T, ...]
  spiketext import tuned.nir --like model --target snntorch --out tuned     weights changed in snnTorch

Nodes: Input, Output, Affine, Linear, Scale, Conv1d, Conv2d, SumPool2d, AvgPool2d, Flatten, IF, LIF.

--target says what the numbers of neurons mean: generic (steps of 0.1 ms, firing above the threshold), snntorch (the same),
spikingjelly (the same, firing at the threshold, too), norse (steps of 1, r means nothing), sinabs (steps of 1, r means nothing,
thresholds are subtracted). --out of --inputs is a file of NumPy arrays: outputs [texts, T, ...] and spikes_NODE of each node of
neurons.

With --like, pooling, relays and the weights of `onset` must be as they were exported: a model has no place for others. What is
said of accuracy in the new model is that of the old one until it is evaluated.

--json prints one object: file, nodes (name, kind, input, output, numbers), and with --inputs texts and out, with --like changed,
numbers and model.")]
#[command(group(clap::ArgGroup::new("work").args(["like", "inputs"])))]
pub struct Arguments {
    /// The file to read.
    #[arg(value_name = "FILE.nir")]
    file: PathBuf,
    /// The model that the file was exported from.
    #[arg(long, value_name = "MODEL", requires = "out")]
    like: Option<PathBuf>,
    /// Spike trains to run: NumPy arrays, of which `inputs` is read.
    #[arg(long, value_name = "FILE.npz", requires = "out")]
    inputs: Option<PathBuf>,
    /// Whose reader the file was written for: generic, snntorch, spikingjelly, norse or sinabs.
    #[arg(long, value_name = "READER", default_value = "generic")]
    target: Target,
    /// The model directory to write with --like, the file of answers with --inputs.
    #[arg(short, long, value_name = "DIR|FILE.npz", requires = "work")]
    out: Option<PathBuf>,
    /// Write over what is there.
    #[arg(long, requires = "out")]
    force: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let Arguments { file: path, like, inputs, target: reader, out, force, json } = arguments;
    if let (Some(inputs), Some(out)) = (inputs, out) {
        target::check("import", out, *force)?;
        target::check_apart("import", out, [path, inputs])?;
        target::check_outside_of_models("import", out)?;
    }
    if let (Some(_), Some(out)) = (like, out) {
        // Better now than after the work.
        if Model::check_target(out)? && !force {
            anyhow::bail!(
                "import: expected an --out that is not there yet (--force replaces a model), got {}",
                out.display()
            );
        }
    }
    let in_file = |Flaw { expected, got }: Flaw| spiketext::Error::malformed(path, None, expected, got);
    let graph = Graph::of(&file::read(path)?).map_err(in_file)?;
    let links = graph.chain().map_err(in_file)?;
    let mut object = json!({ "file": path.display().to_string() });
    let mut lines = Vec::new();
    match (like, inputs, out) {
        (Some(like), _, Some(out)) => {
            let name = path
                .file_name()
                .map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned());
            let imported = import_like(&Model::load(like)?, &graph, *reader, &name)?;
            imported.model.save(out)?;
            object["changed"] = imported.changed.into();
            object["numbers"] = imported.numbers.into();
            object["model"] = out.display().to_string().into();
            lines.push(format!("{}: {} of {} numbers are others", out.display(), imported.changed, imported.numbers));
            if imported.changed > 0 {
                lines.push("its accuracy is not known: `spiketext evaluate` measures it".to_owned());
            }
        }
        (_, Some(inputs), Some(out)) => {
            let trains = npz::read(inputs, "inputs")?;
            let simulator = Simulator::new(&graph, reader.rule()).map_err(in_file)?;
            let arrays = answers::run(&simulator, &trains)?;
            write(out, &arrays)?;
            let texts = if trains.shape.len() == simulator.input().len() + 2 { trains.shape[0] } else { 1 };
            object["texts"] = texts.into();
            object["out"] = out.display().to_string().into();
            lines.push(format!("{}: answers to {texts} trains, run as {reader} would", out.display()));
        }
        _ => {}
    }
    let nodes = links.iter().map(|link| {
        json!({
            "name": link.name,
            "kind": link.node.kind(),
            "input": link.input,
            "output": link.output,
            "numbers": link.node.numbers(),
        })
    });
    object["nodes"] = nodes.collect();
    let mut print = std::io::stdout().lock();
    if *json {
        writeln!(print, "{object}")?;
    } else {
        if lines.is_empty() {
            for link in &links {
                let numbers = match link.node.numbers() {
                    0 => String::new(),
                    count => format!(", {count} numbers"),
                };
                lines.push(format!(
                    "{} ({}): {} -> {}{numbers}",
                    link.name,
                    link.node.kind(),
                    shape_name(&link.input),
                    shape_name(&link.output)
                ));
            }
        }
        for line in lines {
            writeln!(print, "{}", crate::support::terminal::one_line(&line, None))?;
        }
    }
    print.flush()?;
    Ok(ExitCode::SUCCESS)
}

fn write(out: &Path, arrays: &[(String, npz::Values)]) -> spiketext::Result<()> {
    write_atomically_with(out, |temporary| {
        npz::write(BufWriter::new(OpenOptions::new().write(true).open(temporary)?), arrays)
    })
}
