//! The child: one measurement of spiketext in a process of its own, printed as one JSON line.

use std::{path::PathBuf, sync::Arc, time::Instant};

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;
use serde_json::{Map, Value, json};
use spiketext::{
    data::{Dataset, IN_MEMORY},
    encode::Noise,
    engine,
    model::{Model, Session},
    network::Network,
};
use spiketext_train::{
    Batches, Options, Recipe, Trainable,
    events::Event,
    fine_tune::SpikingTextCnn,
    prepare::{EncodedText, prepare},
    train,
};

use crate::{
    machine::PeakMemory,
    repeat::{Repeats, Run, Seconds},
    texts::{BATCH, Kind, Source, averages, texts},
};

/// Texts of one run of inference: many batches, whatever the engine takes for one.
const TEXTS_A_RUN: usize = 512;

/// Texts whose spikes are counted, to tell how much the network fired.
const TEXTS_COUNTED: usize = 256;

/// Training texts that a session has met before latency is measured.
const TEXTS_TO_WARM_UP: usize = 1000;

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum What {
    /// Steps of fine-tuning: encoding, forward, backward, AdamW.
    Train,
    /// Inference from word ids, encoding included.
    Infer,
    /// Inference from raw text: all test texts in one call.
    RawText,
    /// Inference from raw text: one test text a call.
    Latency,
    /// Peak memory of a whole training run with one epoch each.
    Memory,
}

impl What {
    /// The name of the argument's value.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Infer => "infer",
            Self::RawText => "raw-text",
            Self::Latency => "latency",
            Self::Memory => "memory",
        }
    }
}

/// One measurement.
#[derive(Clone, Debug, clap::Args)]
pub struct Arguments {
    /// What to measure.
    what: What,
    #[command(flatten)]
    source: Source,
    /// The recipe.
    #[arg(long, value_name = "NAME", default_value = "paper")]
    recipe: String,
    /// Real texts, or texts that share no words.
    #[arg(long, value_name = "KIND", default_value = "real")]
    texts: Kind,
    /// A model of that recipe and data (not for memory).
    #[arg(long, value_name = "DIR")]
    model: Option<PathBuf>,
    /// Seconds to repeat the run for.
    #[arg(long, value_name = "S", default_value_t = 4.0)]
    seconds: f64,
    /// Runs to make, at least.
    #[arg(long, value_name = "N", default_value_t = 3)]
    least_runs: usize,
    /// Run with one thread and with all threads in turn, and one run a thread at once (not for latency and memory).
    #[arg(long)]
    scaling: bool,
    /// Time steps T (memory only; else the model's).
    #[arg(long, value_name = "T")]
    steps: Option<usize>,
    /// Most texts of each part of the data set (memory only).
    #[arg(long, value_name = "N")]
    most_texts: Option<usize>,
}

impl Arguments {
    fn repeats(&self) -> Repeats {
        Repeats { seconds: self.seconds, least: self.least_runs, scaling: self.scaling }
    }
}

/// Measures and prints.
pub fn run(arguments: &Arguments) -> Result<()> {
    let alone = matches!(arguments.what, What::Latency | What::Memory);
    ensure!(!(arguments.scaling && alone), "--scaling: not for {}", arguments.what.name());
    let mut line = match arguments.what {
        What::Train | What::Infer => on_word_ids(arguments),
        What::RawText => raw_text(arguments),
        What::Latency => latency(arguments),
        What::Memory => memory(arguments),
    }?;
    line.insert("what".into(), arguments.what.name().into());
    line.insert("recipe".into(), arguments.recipe.clone().into());
    line.insert("threads".into(), rayon::current_num_threads().into());
    println!("{}", Value::Object(line));
    Ok(())
}

fn model(arguments: &Arguments) -> Result<Model> {
    Ok(Model::load(arguments.model.as_deref().context("--model DIR is needed for this measurement")?)?)
}

/// The keys that every timing has.
fn timing(network: &Network, texts_a_run: usize, seconds: Seconds) -> Map<String, Value> {
    let config = network.config();
    let mut line = object(json!({
        "steps": config.steps,
        "dimension": config.dimension(),
        "texts_a_run": texts_a_run,
        "seconds": seconds.all,
    }));
    if let Some(beside) = seconds.beside {
        line.extend(object(json!({
            "seconds_of_one_thread": beside.one,
            "seconds_of_one_run_a_thread": beside.apart,
            "runs_a_turn": beside.runs_a_turn,
            "threads_pinned": beside.pinned,
        })));
    }
    line
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// Training steps or inference, on texts that are word ids already.
fn on_word_ids(arguments: &Arguments) -> Result<Map<String, Value>> {
    let recipe = Recipe::named(&arguments.recipe)?;
    let seed = arguments.source.seed;
    let (dataset, vectors) = (arguments.source.dataset()?, arguments.source.vectors());
    let prepared = prepare(&dataset, None, None, &vectors, &recipe.words, seed, IN_MEMORY)?;
    let model = model(arguments)?;
    let network = model.network();
    // Preparing is repeatable, so ids mean the same in both, if the model is of this data.
    ensure!(
        *model.vocabulary() == prepared.vocabulary,
        "the model was trained on other texts or vectors than those given"
    );
    let texts = texts(arguments.texts, &prepared, network.config(), seed)?;
    let words: Vec<Vec<u32>> = texts.iter().map(|text| text.words.clone()).collect();
    let noise = Noise::inference(seed);
    let (texts_a_run, seconds) = if arguments.what == What::Train {
        let batches: Vec<Vec<&EncodedText>> = texts.chunks_exact(BATCH).map(|batch| batch.iter().collect()).collect();
        let make = || -> Run<'_> {
            let mut trainee = SpikingTextCnn::new(&recipe, network, &prepared, seed);
            let maker = trainee.batches();
            // As in a training run: the next batch is made while one trains.
            let mut steps = (0..).zip(batches.iter().cycle()).map(move |(step, texts)| maker.batch(texts, &[], step));
            let mut next = steps.next();
            Box::new(move || {
                let batch = next.take().context("batches do not end")?;
                let loss = trainee.train(batch, 1.0, || next = steps.next());
                ensure!(loss.is_finite(), "the loss became {loss}");
                Ok(())
            })
        };
        (BATCH, arguments.repeats().of(make)?)
    } else {
        let size = TEXTS_A_RUN.min(words.len());
        let make = || -> Run<'_> {
            let mut runs = words.chunks_exact(size).cycle();
            Box::new(move || {
                let texts = runs.next().context("runs do not end")?;
                let run = engine::run(network, noise, texts);
                ensure!(run.labels.len() == texts.len(), "{} labels for {} texts", run.labels.len(), texts.len());
                Ok(())
            })
        };
        (size, arguments.repeats().of(make)?)
    };
    let firing = engine::run(network, noise, &words[..TEXTS_COUNTED.min(words.len())]).firing;
    let (tokens, different) = averages(&texts, network.config());
    let mut line = timing(network, texts_a_run, seconds);
    line.extend(object(json!({
        "texts": arguments.texts,
        "tokens_a_text": tokens,
        "different_words_in_32_texts": different,
        "input_rate": firing.input_rate(),
        "convolution_rate": firing.convolution_rate(),
        "feature_rate": firing.feature_rate(),
    })));
    Ok(line)
}

/// The test texts as they stand in the file.
fn test_texts(dataset: Dataset) -> Vec<String> {
    dataset.test.into_iter().map(|example| example.text).collect()
}

fn raw_text(arguments: &Arguments) -> Result<Map<String, Value>> {
    let texts = test_texts(arguments.source.dataset()?);
    let model = model(arguments)?;
    let make = || -> Run<'_> {
        Box::new(|| {
            let (predictions, _) = model.predict(&texts);
            ensure!(predictions.len() == texts.len(), "{} answers for {} texts", predictions.len(), texts.len());
            Ok(())
        })
    };
    let seconds = arguments.repeats().of(make)?;
    Ok(timing(model.network(), texts.len(), seconds))
}

/// Latency of single texts. Each text is one run, so percentiles are kept of the many, not every one.
fn latency(arguments: &Arguments) -> Result<Map<String, Value>> {
    let dataset = arguments.source.dataset()?;
    let warm_up: Vec<String> = dataset.train.iter().take(TEXTS_TO_WARM_UP).map(|text| text.text.clone()).collect();
    let texts = test_texts(dataset);
    let model = Arc::new(model(arguments)?);
    let mut taken = Vec::new();
    // Whole passes, so that every text counts the same. Each is that of a session which has met other texts than these.
    while taken.is_empty() || taken.iter().sum::<f64>() < arguments.seconds {
        let mut session = Session::new(Arc::clone(&model));
        for text in &warm_up {
            let _ = session.predict(&[text]);
        }
        for text in &texts {
            let started = Instant::now();
            let (predictions, _) = session.predict(&[text]);
            taken.push(started.elapsed().as_secs_f64());
            ensure!(predictions.len() == 1, "{} answers for one text", predictions.len());
        }
    }
    taken.sort_unstable_by(f64::total_cmp);
    let milliseconds = |share: f64| 1e3 * percentile(&taken, share);
    let mut line = timing(model.network(), 1, Seconds::default());
    line.remove("seconds");
    line.extend(object(json!({
        "texts": texts.len(),
        "calls": taken.len(),
        "p50_ms": milliseconds(0.50),
        "p90_ms": milliseconds(0.90),
        "p99_ms": milliseconds(0.99),
        "most_ms": milliseconds(1.0),
    })));
    Ok(line)
}

/// The value that a share of the sorted `values` does not exceed (nearest rank); 0 of none.
pub fn percentile(values: &[f64], share: f64) -> f64 {
    let rank = (share * values.len() as f64 - 1e-9).ceil() as usize;
    values.get(rank.max(1) - 1).copied().unwrap_or(0.0)
}

/// A whole run (vectors, an epoch of the DNN, conversion, an epoch of fine-tuning, test) and its peaks. The peak is put
/// back where fine-tuning begins, so that what came before cannot hide what fine-tuning needs.
fn memory(arguments: &Arguments) -> Result<Map<String, Value>> {
    let mut recipe = Recipe::named(&arguments.recipe)?;
    if let Some(steps) = arguments.steps {
        recipe.network.steps = steps;
    }
    (recipe.dnn.epochs, recipe.fine_tuning.epochs) = (1.into(), 1.into());
    let mut dataset = arguments.source.dataset()?;
    if let Some(most) = arguments.most_texts {
        // Classes may follow one another in a file: every n-th text keeps both.
        for part in [&mut dataset.train, &mut dataset.development, &mut dataset.test] {
            let every = part.len().div_ceil(most.max(1)).max(1);
            *part = std::mem::take(part).into_iter().step_by(every).collect();
        }
    }
    let options = Options { seed: arguments.source.seed, ..Options::default() };
    let started = Instant::now();
    let mut before = None;
    let mut steps = 0;
    train(&dataset, &arguments.source.vectors(), &recipe, &options, &mut |event| match event {
        // The first failure is told below, where it can be.
        Event::Converted { .. } => before = Some(PeakMemory::read_and_put_back()),
        Event::Step { phase: spiketext_train::events::Phase::FineTuning, .. } => steps += 1,
        _ => {}
    })?;
    let before = before.context("training did not say when it had converted")??;
    let during = PeakMemory::read()?;
    Ok(object(json!({
        "steps": recipe.network.steps,
        "training_texts": dataset.train.len(),
        "fine_tuning_steps": steps,
        "seconds": started.elapsed().as_secs_f64(),
        "peak_before_fine_tuning_bytes": before,
        "peak_of_fine_tuning_bytes": during,
        "peak_bytes": before.max(during),
    })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_nearest_ranks() {
        let values: Vec<f64> = (1..=200).map(f64::from).collect();
        assert_eq!(percentile(&values, 0.5), 100.0);
        assert_eq!(percentile(&values, 0.99), 198.0);
        assert_eq!(percentile(&values, 1.0), 200.0);
        assert_eq!(percentile(&[3.0], 0.01), 3.0);
        assert_eq!(percentile(&[], 0.5), 0.0);
    }
}
