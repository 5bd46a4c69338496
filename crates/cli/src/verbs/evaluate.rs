//! `spiketext evaluate`: how well a model labels texts whose labels are known, what that costs and how long it takes.

use std::{
    io::Write,
    path::PathBuf,
    process::ExitCode,
    time::{Duration, Instant},
};

use serde_json::json;
use spiketext::{
    energy::{CostReport, Numbers},
    engine::ExactOperations,
    metrics::{Confusion, LabelCounts, wilson},
    model::{Costs, Model, Prediction},
};

use crate::support::{
    classes, costs,
    labelled::{self, Seen, Texts},
    reading, tables, terminal,
};

/// Matrices of more classes are told by their largest entries.
const MATRIX_CLASSES: usize = 12;
/// The most mistakes that are listed instead.
const LISTED_MISTAKES: usize = 15;
/// Labelling is repeated until so much time was measured, so that small sets are timed too.
const TIMED: Duration = Duration::from_millis(500);

/// Measure a trained model on labelled texts.
///
/// Without FILE or --dataset it takes the data set that the model was trained on, if that is one that goes by a name.
/// Of a data set the test texts are used, of a FILE those that its column `split` marks test, or all where it has
/// none.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  spiketext evaluate runs/reviews-en-lean-0
  spiketext evaluate MODEL labelled.csv --label-column stars
  spiketext evaluate MODEL --dataset sst2 --data-dir DIR --split development --at-least 80

--json prints one object: model, data, texts_used, texts, accuracy (percent), accuracy_interval (from, to:
Wilson's at 95 %; of a multi-label model the share of texts that are right in every class), trained_on and
development_texts (how many of the texts the model has seen in training, by their content; null if it does not know),
new_texts, new_accuracy and new_accuracy_interval (the others), micro_f1 (null unless multi-label), macro_f1,
balanced_accuracy, classes (label, texts, precision, recall, f1 in percent; null where
there is nothing to divide by; in the order of the model's labels), confusion (rows are the texts' classes,
columns the answers; null for a multi-label model), unknown_texts, unknown_share (of the tokens), input_rate, convolution_rate, feature_rate,
output_rate, dnn_macs_per_text, snn_acs_per_text, snn_macs_per_text, pooling_additions_per_text, energy_table,
dnn_microjoules_per_text, snn_microjoules_per_text, energy_ratio, texts_per_second (tokenising included, loading the
model not), timed_texts, seconds (that timed_texts took), at_least, passed; and what a text costs: footprint_bytes,
footprint_of_word_codes, parameters, parameters_of_word_codes, connection_sparsity, activation_sparsity,
activation_sparsity_by_layer, effective_macs_per_text, effective_acs_per_text, effective_acs_are_exact,
dense_operations_per_text, dnn_dense_operations_per_text, neuron_updates_per_text, membrane_updates_per_text and
neuron_operations_per_text (null without --exact), dense_neuron_operations_per_text, energies (table, source, counts,
snn_microjoules, dnn_microjoules, ratio, snn_prices: the table whose prices the SNN has, break_even: the time steps times input rate below which the SNN's first layer
costs less, null where there is no such number). Shares are from 0 to 1. A ratio above 1 means that the SNN costs more
than the DNN of its shape.

Exit code: 0 done, 1 the accuracy is below --at-least, 2 an error.")]
pub struct Arguments {
    /// The model directory.
    model: PathBuf,
    #[command(flatten)]
    labelled: labelled::Arguments,
    /// End with exit code 1 if the accuracy (of a multi-label model: the micro F1) is below this.
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    at_least: Option<f64>,
    /// Also count weights of zero and the membranes that change: every text once more, neuron by neuron, which takes
    /// many times as long.
    #[arg(long)]
    exact: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// All that was found out.
struct Outcome {
    /// None where a text may have several labels.
    confusion: Option<Confusion>,
    /// None where the model does not know its texts.
    seen: Option<SeenCounts>,
    counts: LabelCounts,
    predictions: Vec<Prediction>,
    costs: Costs,
    account: CostReport,
    timed_texts: usize,
    seconds: f64,
}

/// How many of the texts the model had to do with before, and how well it labels the others.
struct SeenCounts {
    trained: usize,
    development: usize,
    new: LabelCounts,
}

pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let model = Model::load(&arguments.model)?;
    let texts = arguments.labelled.texts(&model)?;
    for line in reading::told(&texts.readings) {
        let _ = writeln!(std::io::stderr(), "{line}");
    }
    if let Err(error) = model.seen() {
        let _ =
            writeln!(std::io::stderr(), "note: nothing tells which of the texts the model was trained on: {error}");
    }
    let outcome = measure(&model, &texts, arguments.exact)?;
    // Rounded once: 58 of 100 are 58 %.
    let (measure, reached) = match outcome.micro_f1() {
        Some(_) => ("a micro F1", outcome.counts.micro_f1_percent().unwrap_or(0.0)),
        None => ("an accuracy", outcome.counts.percent_right()),
    };
    let passed = arguments.at_least.map(|least| reached >= least);
    let mut out = std::io::stdout().lock();
    if arguments.json {
        writeln!(out, "{}", json(arguments, &model, &texts, &outcome, passed))?;
    } else {
        print(&model, &texts, &outcome, &mut out)?;
    }
    out.flush()?;
    match (passed, arguments.at_least) {
        (Some(false), Some(least)) => {
            let _ = writeln!(std::io::stderr(), "spiketext: {measure} of {reached:.2} % is below {least} %");
            Ok(ExitCode::FAILURE)
        }
        _ => Ok(ExitCode::SUCCESS),
    }
}

fn percent(text: &str) -> Result<f64, String> {
    match text.trim_end_matches('%').trim().parse() {
        Ok(percent) if (0.0..=100.0).contains(&percent) => Ok(percent),
        _ => Err("expected a number from 0 to 100".to_owned()),
    }
}

/// Labels the texts, and again until the clock has something to go by; each time as if no word had been met before.
fn measure(model: &Model, texts: &Texts, exact: bool) -> anyhow::Result<Outcome> {
    // What is built on first use (a dictionary) is loading, not labelling.
    let _ = model.predict(&texts.texts[..1]);
    let started = Instant::now();
    let (predictions, firing) = model.predict(&texts.texts);
    let mut timed_texts = predictions.len();
    while started.elapsed() < TIMED {
        timed_texts += model.predict(&texts.texts).0.len();
    }
    let seconds = started.elapsed().as_secs_f64();
    let operations: Vec<_> = predictions.iter().map(|prediction| prediction.operations.clone()).collect();
    let mut account = CostReport::spiking(model.network(), &operations);
    if exact {
        account = account.with_exact(&exact_counts(model, texts, &predictions)?);
    }
    let classes = model.labels().len();
    // The answer to each text: its one label, or all that reached their threshold.
    let answers: Vec<Vec<usize>> = predictions
        .iter()
        .map(|prediction| prediction.labels.clone().unwrap_or_else(|| vec![prediction.label]))
        .collect();
    let pairs = || texts.targets.iter().cloned().zip(&answers);
    let confusion = model.thresholds().is_none().then(|| {
        let labels = predictions.iter().map(|prediction| prediction.label);
        Confusion::of(classes, texts.targets.iter().cloned().zip(labels))
    });
    let seen = texts.seen(model).map(|seen| {
        let count = |kind: Seen| seen.iter().filter(|&&seen| seen == kind).count();
        let new = pairs().zip(&seen).filter(|(_, seen)| **seen == Seen::Never).map(|(pair, _)| pair);
        SeenCounts {
            trained: count(Seen::Training),
            development: count(Seen::Development),
            new: LabelCounts::of_sets(classes, new),
        }
    });
    Ok(Outcome {
        seen,
        counts: LabelCounts::of_sets(classes, pairs()),
        confusion,
        costs: Costs::of(&firing, &operations),
        account,
        predictions,
        timed_texts,
        seconds,
    })
}

/// Exact counts of the texts that were run.
fn exact_counts(model: &Model, texts: &Texts, predictions: &[Prediction]) -> anyhow::Result<Vec<ExactOperations>> {
    let run = texts.texts.iter().zip(predictions).filter(|(_, prediction)| !prediction.unknown);
    let counts: Option<Vec<ExactOperations>> = run.map(|(text, _)| model.count_exactly(text)).collect();
    counts.ok_or_else(|| {
        let encoder = model.network().config().encoder.name();
        anyhow::anyhow!("--exact: expected an encoder of plain spikes, got {encoder}")
    })
}

impl Outcome {
    /// Percent of the texts whose answer was right.
    fn accuracy(&self) -> f64 {
        100.0 * self.counts.accuracy()
    }

    /// Between which percents it lies for all texts of the kind, at 95 %.
    fn interval(&self) -> Option<[f64; 2]> {
        interval(&self.counts)
    }

    /// F1 over all answers together, percent; only where a text may have several labels.
    fn micro_f1(&self) -> Option<f64> {
        let several = self.confusion.is_none();
        several.then(|| 100.0 * self.counts.micro_f1().unwrap_or(0.0))
    }

    /// The mean of the classes' F1, percent.
    fn macro_f1(&self) -> Option<f64> {
        self.counts.macro_f1().map(|share| 100.0 * share)
    }

    fn unknown_texts(&self) -> usize {
        self.predictions.iter().filter(|prediction| prediction.unknown).count()
    }

    /// Share of the tokens that the model does not know.
    fn unknown_share(&self) -> f64 {
        let sum = |of: fn(&Prediction) -> usize| self.predictions.iter().map(of).sum::<usize>();
        let (tokens, known) = (sum(|p| p.tokens), sum(|p| p.known_tokens));
        (tokens - known) as f64 / tokens.max(1) as f64
    }

    fn texts_per_second(&self) -> f64 {
        self.timed_texts as f64 / self.seconds
    }
}

/// Between which percents the accuracy on all texts of the kind lies, at 95 %.
fn interval(counts: &LabelCounts) -> Option<[f64; 2]> {
    Some(wilson(counts.right(), counts.texts())?.map(|share| 100.0 * share))
}

impl SeenCounts {
    /// Percent of the new texts whose answer was right, if there are any.
    fn accuracy(&self) -> Option<f64> {
        (self.new.texts() > 0).then(|| 100.0 * self.new.accuracy())
    }

    /// The lines on it, of so many texts.
    fn lines(&self, texts: usize) -> Vec<String> {
        let trained = (self.trained > 0).then(|| format!("{} of {texts} texts were trained on", self.trained));
        let development = (self.development > 0)
            .then(|| format!("{} of {texts} are development texts, by which choices were made", self.development));
        let seen: Vec<String> = trained.into_iter().chain(development).collect();
        if seen.is_empty() {
            return vec!["none of the texts was trained on".to_owned()];
        }
        let mut lines = vec![format!("{} (the accuracy says little about new texts)", seen.join(", "))];
        lines.extend(self.accuracy().map(|accuracy| {
            format!(
                "accuracy on the other {}: {accuracy:.2} %, from {} (95 %)",
                self.new.texts(),
                classes::interval(interval(&self.new))
            )
        }));
        lines
    }
}

fn json(
    arguments: &Arguments,
    model: &Model,
    texts: &Texts,
    outcome: &Outcome,
    passed: Option<bool>,
) -> serde_json::Value {
    let mut rows = classes::of_counts(&outcome.counts);
    rows.sort_by_key(|row| row.class);
    let classes: Vec<_> = rows
        .iter()
        .map(|row| {
            json!({
                "label": model.labels()[row.class], "texts": row.texts, "precision": row.precision,
                "recall": row.recall, "f1": row.f1,
            })
        })
        .collect();
    let seen = outcome.seen.as_ref();
    let mut result = json!({
        "model": arguments.model,
        "data": texts.data,
        "texts_used": texts.used,
        "texts": texts.texts.len(),
        "accuracy": outcome.accuracy(),
        "accuracy_interval": outcome.interval(),
        "micro_f1": outcome.micro_f1(),
        "trained_on": seen.map(|seen| seen.trained),
        "development_texts": seen.map(|seen| seen.development),
        "new_texts": seen.map(|seen| seen.new.texts()),
        "new_accuracy": seen.and_then(SeenCounts::accuracy),
        "new_accuracy_interval": seen.and_then(|seen| interval(&seen.new)),
        "macro_f1": outcome.macro_f1(),
        "balanced_accuracy": outcome.counts.balanced_accuracy().map(|share| 100.0 * share),
        "classes": classes,
        "confusion": outcome.confusion.as_ref().map(Confusion::counts),
        "unknown_texts": outcome.unknown_texts(),
        "unknown_share": outcome.unknown_share(),
        "texts_per_second": outcome.texts_per_second(),
        "timed_texts": outcome.timed_texts,
        "seconds": outcome.seconds,
        "at_least": arguments.at_least,
        "passed": passed,
    });
    if let Some(result) = result.as_object_mut() {
        result.extend(costs::keys(&outcome.costs, Numbers::of(model.network().config())));
        result.extend(costs::account_keys(&outcome.account));
    }
    result
}

fn print(model: &Model, texts: &Texts, outcome: &Outcome, out: &mut impl Write) -> std::io::Result<()> {
    let counted = texts.texts.len();
    writeln!(out, "{}: {counted} texts, {}", terminal::one_line(&texts.data, None), texts.used)?;
    if texts.empty > 0 {
        writeln!(out, "empty texts left out: {}", texts.empty)?;
    }
    writeln!(
        out,
        "\n{} {:.2} %; on all texts of the kind it lies from {} (95 %)",
        if outcome.confusion.is_some() { "accuracy" } else { "all labels of a text right, and no other:" },
        outcome.accuracy(),
        classes::interval(outcome.interval())
    )?;
    if let Some(micro_f1) = outcome.micro_f1() {
        writeln!(out, "micro F1 {micro_f1:.2} %")?;
    }
    match &outcome.seen {
        Some(seen) => seen.lines(counted).iter().try_for_each(|line| writeln!(out, "{line}"))?,
        None => writeln!(out, "whether texts were trained on is not known: the model keeps no hashes of its texts")?,
    }
    let without = (0..outcome.counts.classes()).filter(|&class| outcome.counts.figures(class).texts == 0).count();
    let of = if without > 0 {
        format!(" (of the classes that have texts here; without: {without})")
    } else {
        String::new()
    };
    writeln!(out, "macro F1 {}{of}\n", classes::percent(outcome.macro_f1()))?;
    let label = |class: usize| terminal::one_line(&model.labels()[class], Some(40));
    let rows = classes::of_counts(&outcome.counts);
    writeln!(out, "{}\n", classes::table(model.labels(), &rows, "texts", usize::MAX).trim_fmt())?;
    if let Some(confusion) = outcome.confusion.as_ref().filter(|_| model.labels().len() <= MATRIX_CLASSES) {
        let mut header = vec!["answers:".to_owned()];
        let classes = 0..model.labels().len();
        header.extend(classes.clone().map(label));
        let header: Vec<&str> = header.iter().map(String::as_str).collect();
        let mut table = tables::plain(&header, &(1..=model.labels().len()).collect::<Vec<_>>());
        for class in classes {
            let mut row = vec![label(class)];
            row.extend(confusion.counts()[class].iter().map(usize::to_string));
            table.add_row(row);
        }
        writeln!(out, "{}\n", table.trim_fmt())?;
    } else if let Some(confusion) = &outcome.confusion {
        let mistakes = confusion.mistakes();
        let mut table = tables::plain(&["commonest mistakes", "taken for", "texts"], &[2]);
        for &(class, answer, texts) in mistakes.iter().take(LISTED_MISTAKES) {
            table.add_row([label(class), label(answer), texts.to_string()]);
        }
        writeln!(out, "{}\n", table.trim_fmt())?;
    }
    let rows = [
        ("unknown", {
            let share = 100.0 * outcome.unknown_share();
            format!("{} texts without a known word, {share:.1} % of the tokens", outcome.unknown_texts())
        }),
        ("firing rates", costs::rates(&outcome.costs, model.network().config())),
        ("operations a text", costs::operations(&outcome.costs)),
        ("energy a text", costs::energy(&outcome.costs, Numbers::of(model.network().config()))),
        ("speed", format!("{:.0} texts a second, tokenising included", outcome.texts_per_second())),
    ];
    tables::facts(&rows, out)?;
    writeln!(out, "\nWhat a text costs, as NeuroBench counts\n")?;
    tables::facts(&costs::measures(&outcome.account), out)?;
    writeln!(out, "\nWhat that means in energy, by cost table\n")?;
    writeln!(out, "{}\n", costs::energies(&outcome.account).trim_fmt())?;
    if let Some(own) = outcome.account.energies.iter().find_map(|priced| priced.other_prices) {
        writeln!(out, "* The SNN computes in whole numbers of few bits; its price is that of: {own}\n")?;
    }
    let steps = model.network().config().steps as f64;
    writeln!(out, "time steps x input rate of this model: {:.2}", steps * outcome.costs.input_rate)
}
