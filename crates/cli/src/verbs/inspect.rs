//! `spiketext inspect`: what a model is, how it came about and how well it did.

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context;
use comfy_table::Table;
use serde_json::{Map, Value, json};
use spiketext::{
    energy::Numbers,
    engine::LayerExtremes,
    model::{CONFIG, Choices, MODEL_CARD, Model, VOCABULARY, WEIGHTS},
    network::{Codes, LayerConfig, Network, Padding, Readout, Signal, UnknownWord},
};

use crate::support::{classes, costs, tables, terminal};

/// Of many classes those are shown that are told worst.
const SHOWN_CLASSES: usize = 10;

/// Show what a model is and how it came about.
#[derive(Debug, clap::Args)]
#[command(after_help = "--json prints one object: model, language, labels, priors, network (with parameters, \
codes_bits and words), files (bytes of each), training (the report as config.json keeps it), recipe (every choice), \
and rates, operations and energy under the keys that `evaluate --json` has.")]
pub struct Arguments {
    /// The model directory.
    model: PathBuf,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let model = Model::load(&arguments.model)?;
    let files = files(&arguments.model)?;
    let mut out = std::io::stdout().lock();
    if arguments.json {
        writeln!(out, "{}", serde_json::to_string_pretty(&json(&arguments.model, &model, &files)?)?)?;
    } else {
        print(&arguments.model, &model, &files, &mut out)?;
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// The model's files and their sizes.
fn files(folder: &Path) -> anyhow::Result<Vec<(&'static str, u64)>> {
    let mut files = Vec::new();
    for name in [CONFIG, WEIGHTS, VOCABULARY, MODEL_CARD] {
        let path = folder.join(name);
        match std::fs::metadata(&path) {
            Ok(metadata) => files.push((name, metadata.len())),
            // The card is for people; a model runs without it.
            Err(error) if name == MODEL_CARD && error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
        }
    }
    Ok(files)
}

fn code_bits(model: &Model) -> u32 {
    match model.network().weights().codes {
        Codes::Eight(_) => 8,
        Codes::Sixteen(_) => 16,
        Codes::Active { .. } => 1,
    }
}

/// The recipe as TOML, the way in which `--set` takes its fields.
fn recipe(model: &Model) -> anyhow::Result<toml::Table> {
    match &model.training().choices {
        Choices::Fields(fields) => toml::Table::try_from(fields).context("the recipe in config.json is no recipe"),
        Choices::Toml(text) => text.parse().context("the recipe in config.json is no TOML"),
    }
}

fn json(folder: &Path, model: &Model, files: &[(&str, u64)]) -> anyhow::Result<Value> {
    let network = model.network();
    let mut described = match network.text_cnn() {
        Some(form) => serde_json::to_value(form.config)?,
        None => serde_json::to_value(network.config())?,
    };
    if let Some(described) = described.as_object_mut() {
        described.insert("parameters".into(), network.parameters().into());
        described.insert("codes_bits".into(), code_bits(model).into());
        described.insert("words".into(), network.words().into());
    }
    let mut training = serde_json::to_value(model.training())?;
    if let Some(training) = training.as_object_mut() {
        // Told as `recipe`, in JSON.
        training.remove("choices");
    }
    let files: Map<String, Value> = files.iter().map(|(name, bytes)| ((*name).to_owned(), (*bytes).into())).collect();
    let mut shown = json!({
        "model": folder,
        "language": model.language(),
        "labels": model.labels(),
        "priors": model.priors(),
        "thresholds": model.thresholds(),
        "network": described,
        "files": files,
        "training": training,
        "recipe": recipe(model)?,
    });
    if let Some(shown) = shown.as_object_mut() {
        shown.extend(costs::keys(&model.training().costs, Numbers::of(model.network().config())));
    }
    Ok(shown)
}

fn print(folder: &Path, model: &Model, files: &[(&str, u64)], out: &mut impl Write) -> anyhow::Result<()> {
    let t = model.training();
    writeln!(out, "{}: a spiking text classifier", folder.display())?;
    section("What it is", &what_it_is(model, files), out)?;
    writeln!(out, "\nLayers, numbers at a time step\n")?;
    writeln!(out, "{}", layers(model.network()).trim_fmt())?;
    section("How it came about", &how_it_came_about(model), out)?;
    if !t.altered.is_empty() {
        let what: Vec<String> = t.altered.iter().map(|what| terminal::one_line(what, None)).collect();
        writeln!(
            out,
            "\naltered after training: {}; the figures below are those of the network before (`spiketext evaluate` measures \
             this one)",
            what.join("; ")
        )?;
    }
    writeln!(out, "\nHow well it did\n")?;
    let several = t.micro_f1.is_some();
    let first = if several { "all labels right" } else { "accuracy" };
    let mut header = vec![first, "test", "95 % interval", "development", "test macro F1"];
    header.extend(several.then_some("test micro F1"));
    let mut table = tables::plain(&header, &[1, 2, 3, 4, 5][..header.len() - 1]);
    for (is_there, name, test, development, [f1, micro_f1]) in [
        (t.has_dnn(), "DNN", t.test.dnn, t.development.dnn, [t.macro_f1, t.micro_f1].map(|f1| f1.map(|f1| f1.dnn))),
        (
            t.was_converted(),
            "converted",
            t.test.converted,
            t.development.converted,
            [t.macro_f1, t.micro_f1].map(|f1| f1.map(|f1| f1.converted)),
        ),
        (true, "this model", t.test.snn, t.development.snn, [t.macro_f1, t.micro_f1].map(|f1| f1.map(|f1| f1.snn))),
    ] {
        if !is_there {
            continue;
        }
        let interval = classes::interval(t.interval(test));
        let [test, development] = [test, development].map(|accuracy| format!("{accuracy:.2} %"));
        let test = if t.is_tested() { test } else { "not tested".to_owned() };
        let mut row = vec![name.to_owned(), test, interval, development, classes::percent(f1)];
        row.extend(several.then(|| classes::percent(micro_f1)));
        table.add_row(row);
    }
    writeln!(out, "{}\n", table.trim_fmt())?;
    if t.is_tested() && !t.classes.is_empty() {
        let rows = classes::of_report(&t.classes);
        writeln!(out, "{}\n", classes::table(model.labels(), &rows, "test texts", SHOWN_CLASSES).trim_fmt())?;
    }
    for warning in classes::warnings(model) {
        writeln!(out, "{warning}\n")?;
    }
    let extremes = |layer: LayerExtremes| format!("{} / {} of {}", layer.dead, layer.saturated, layer.neurons);
    let mut rows = vec![("firing rates", costs::rates(&t.costs, model.network().config()))];
    if t.is_tested() {
        rows.insert(0, ("unknown tokens", format!("{:.1} % of the test texts' tokens", 100.0 * t.unknown_share)));
    }
    if t.was_converted() {
        let told = format!(
            "{} convolution channels, {} features (on the calibration texts)",
            extremes(t.extremes.convolution),
            extremes(t.extremes.features)
        );
        rows.push(("never / always firing", told));
    }
    rows.push(("operations a text", costs::operations(&t.costs)));
    rows.push(("energy a text", costs::energy(&t.costs, Numbers::of(model.network().config()))));
    tables::facts(&rows, out)?;
    writeln!(out, "\nRecipe\n")?;
    print_recipe(&recipe(model)?, "", out)?;
    Ok(())
}

fn section(title: &str, rows: &[(&str, String)], out: &mut impl Write) -> std::io::Result<()> {
    writeln!(out, "\n{title}\n")?;
    tables::facts(rows, out)
}

fn what_it_is(model: &Model, files: &[(&str, u64)]) -> Vec<(&'static str, String)> {
    let network = model.network();
    let config = network.config();
    let (shape, neuron) = config.chain.text_convolution();
    let kind = if neuron.beta == 1.0 {
        "integrate-and-fire".to_owned()
    } else {
        format!("leaky integrate-and-fire, beta {}", neuron.beta)
    };
    let outputs = match (config.readout(), config.outputs_per_class()) {
        (Readout::Membrane, 1) => "membrane of an output a class".to_owned(),
        (Readout::Membrane, count) => format!("membranes of {count} outputs a class"),
        (Readout::SpikeCount, 1) => "spikes of an output a class".to_owned(),
        (Readout::SpikeCount, count) => format!("spikes of {count} outputs a class"),
    };
    let pooling = match config.padding {
        Padding::Valid => "average over the text, of any length".to_owned(),
        Padding::Tokens => "sum over the text, of any length, divided by its tokens".to_owned(),
        Padding::Padded { length } => format!("average over {length} tokens; longer texts are cut"),
    };
    let unknown = match config.unknown {
        UnknownWord::Silent => "make no spikes",
        UnknownWord::Mean => "fire at rate 1/2",
    };
    let total: u64 = files.iter().map(|file| file.1).sum();
    let sizes: Vec<String> = files.iter().map(|(name, bytes)| format!("{name} {}", size(*bytes))).collect();
    vec![
        ("language", model.language().to_string()),
        ("labels", labels(model)),
        (
            "words",
            match &network.weights().codes {
                Codes::Active { active, .. } => format!(
                    "{} of {active} active inputs out of {} each; unknown ones {unknown}",
                    network.words(),
                    shape.dimension
                ),
                _ => format!(
                    "{} of {} dimensions, {} bits each; unknown ones {unknown}",
                    network.words(),
                    shape.dimension,
                    code_bits(model)
                ),
            },
        ),
        ("encoder", format!("{}, {} time steps", config.encoder.name(), config.steps)),
        ("pooling", pooling),
        ("neurons", format!("{kind}, threshold {}", neuron.threshold)),
        ("read-out", outputs),
        ("parameters", format!("{}, and {} of word codes", network.parameters(), network.weights().codes.len())),
        ("files", format!("{} ({})", size(total), sizes.join(", "))),
    ]
}

/// A row a layer: what it is, what comes in and goes out at a step, its neurons that fire, and the numbers that it
/// holds.
fn layers(network: &Network) -> Table {
    let mut table = tables::plain(&["layer", "kind", "width", "in", "out", "neurons", "weights"], &[3, 4, 5, 6]);
    for (leaf, weights) in network.layers() {
        let around = if leaf.shortcut.is_some() { ", and what came into the block" } else { "" };
        let width = match &leaf.layer {
            LayerConfig::TextConvolution { shape, .. } => list(&shape.widths),
            LayerConfig::Convolution { width, .. } => width.to_string(),
            _ => String::new(),
        };
        let neurons =
            if leaf.layer.firing_neuron().is_some() { of(leaf.outputs, leaf.output) } else { "none".into() };
        let numbers = weights.parameters() + weights.thresholds.len();
        table.add_row([
            leaf.path.clone(),
            format!("{}{around}", leaf.layer.kind()),
            width,
            of(leaf.inputs, leaf.input),
            of(leaf.outputs, leaf.output),
            neurons,
            numbers.to_string(),
        ]);
    }
    table
}

/// How many numbers of a signal there are at a step.
fn of(count: usize, signal: Signal) -> String {
    match signal {
        Signal::Tokens => format!("{count} a token"),
        Signal::Positions => format!("{count} a position"),
        Signal::Sums | Signal::Spikes | Signal::Scores => format!("{count} a text"),
    }
}

fn list(numbers: &[usize]) -> String {
    numbers.iter().map(usize::to_string).collect::<Vec<_>>().join(", ")
}

/// Labels with their shares in training, the first of many.
fn labels(model: &Model) -> String {
    const SHOWN: usize = 12;
    let shares = model.labels().iter().zip(model.priors());
    let mut shown: Vec<String> = shares
        .take(SHOWN)
        .map(|(label, prior)| format!("{} ({:.1} %)", terminal::one_line(label, Some(40)), 100.0 * prior))
        .collect();
    if model.labels().len() > SHOWN {
        shown.push(format!("… {} more", model.labels().len() - SHOWN));
    }
    shown.join(", ")
}

fn how_it_came_about(model: &Model) -> Vec<(&'static str, String)> {
    let t = model.training();
    let phase = |[run, best]: [usize; 2], none: &str| match (run, best) {
        (0, _) => "none".to_owned(),
        (run, 0) => format!("{run} epochs, {none}"),
        (run, best) => format!("{run} epochs, the best was {best}"),
    };
    vec![
        ("data", terminal::one_line(&format!("{} ({})", t.dataset, t.source), None)),
        ("texts", format!("{} training, {} development, {} test", t.texts[0], t.texts[1], t.texts[2])),
        ("word vectors", terminal::one_line(&t.vectors, None)),
        ("DNN training", phase(t.dnn_epochs, "none better than the start")),
        (
            if t.was_converted() { "fine-tuning" } else { "training" },
            phase(t.fine_tuning_epochs, "none better than the converted network, which was kept"),
        ),
        ("made by", format!("{}, recipe {}, seed {}, in {:.1} s", t.program, t.recipe, t.seed, t.seconds)),
    ]
}

/// One field a line under its dotted name, as `--set` takes it.
fn print_recipe(table: &toml::Table, prefix: &str, out: &mut impl Write) -> std::io::Result<()> {
    for (key, value) in table {
        // A class's name may be a key.
        let name = format!("{prefix}{}", terminal::one_line(key, None));
        match value {
            // A choice with its parameters is one value.
            toml::Value::Table(inner) if !inner.contains_key("kind") => {
                print_recipe(inner, &format!("{name}."), out)?;
            }
            value => writeln!(out, "{name} = {value}")?,
        }
    }
    Ok(())
}

/// Bytes in a unit that a person can take in.
fn size(bytes: u64) -> String {
    match bytes {
        0..10_000 => format!("{bytes} B"),
        10_000..1_000_000 => format!("{:.0} kB", bytes as f64 / 1e3),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}
