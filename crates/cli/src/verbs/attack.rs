//! `spiketext attack`: how few words must change until a model errs.

mod file;

use std::{
    collections::BTreeMap,
    io::{IsTerminal, Write},
    num::NonZeroUsize,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Instant,
};

use anyhow::Context;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use spiketext::{
    dnn::{self, Dnn},
    model::Model,
    score::NoisePolicy,
    slices::evenly_spread,
};
use spiketext_attack::{
    AttackRecipe, Ending, Origins, Protocol, Record, Resources, Subject, Summary, Victim, resources::wordnet_folder,
    trial, words::Words,
};

use self::file::{Conditions, ResultFile};
use crate::support::{
    labelled::{self, Texts},
    tables, target, terminal,
};

/// Attack a model: change a few words of each text until the model errs.
///
/// Without FILE or --dataset it takes the data set that the model was trained on, if that is one that goes by a name,
/// and of that the test texts. Texts that the model takes wrongly from the start are skipped.
#[derive(Debug, clap::Args)]
#[command(after_help = "Attacks:
  deepwordbug  typos; needs nothing (Gao et al. 2018)
  textbugger   typos, look-alike letters, neighbours by word vectors (Li et al. 2019)
  pwws         synonyms of WordNet, English only (Ren et al. 2019)
  textfooler   neighbours by word vectors that keep the meaning (Jin et al. 2020)
  bae-ngram    neighbours that fit by trigrams; BERT stood here in the publication (Garg and Ramakrishnan 2020)
  pso          a swarm over neighbours (Zang et al. 2020); many queries
  hotflip      at most two words, along the network's gradient: a white box (Ebrahimi et al. 2018)
  homophones   Chinese characters that sound alike
  look-alikes  Chinese characters that look alike
  chinese      both, and neighbours by word vectors
  random       typos in words drawn by chance, whatever they do: the floor

Examples:
  spiketext attack MODEL --attack deepwordbug --count 200
  spiketext attack MODEL labelled.csv --attack textfooler --vectors glove.6B.300d.txt
  spiketext attack MODEL --dataset sst2 --data-dir DIR --attack pwws --wordnet /usr/share/wordnet --out pwws.jsonl
  spiketext attack MODEL --attack pwws --protocol spiking-paper --share 0.1 --vectors FILE

A model with a random encoder (bernoulli) may answer the same text in two ways. --noise says what the attack meets:
the noise the model is delivered with (fixed), new noise for each text of each question (fresh), or the mean over
--draws draws (mean). Whatever it met, --judges draws that it never saw decide over each text before and at the end;
the table has both. Without a random encoder there is one answer and one judge.

--out writes one record a line as JSON and goes on where an earlier run with the same choices stopped. Keys: index,
label, original, ending (skipped, failed, succeeded), text, changes (place, from, to), words, queries, before, after
(probability of the right label), votes (before, after: judges for each label). Its first line holds the choices.
--json prints the table as one object.")]
pub struct Arguments {
    /// The model directory.
    model: PathBuf,
    #[command(flatten)]
    labelled: labelled::Arguments,
    /// The attack.
    #[arg(long, value_name = "NAME", value_parser = recipe, default_value = "deepwordbug")]
    attack: AttackRecipe,
    /// What is attacked: the spiking network, or the DNN it was converted from (`spiketext train --keep-dnn`).
    #[arg(long, value_enum, default_value = "snn")]
    network: NetworkName,
    /// The parameters: those of the attack's publication, or of the paper that compared spiking networks (15
    /// neighbours, whatever the attack).
    #[arg(long, value_enum, default_value = "published")]
    protocol: ProtocolName,
    /// With --protocol spiking-paper: the largest share of words that may change.
    #[arg(long, value_name = "SHARE", value_parser = share, default_value = "0.1")]
    share: f64,
    /// At most so many texts, evenly spread over those there are.
    #[arg(long, value_name = "N", default_value_t = 1000)]
    count: usize,
    /// Seed of all that is drawn.
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Word vectors for neighbours and likeness: a file (GloVe, word2vec, fastText; .gz, .zst, .bz2, .xz, .zip), en or zh for
    /// the built-in ones [default: the built-in ones of the model's language].
    #[arg(long, value_name = "FILE|en|zh")]
    vectors: Option<PathBuf>,
    /// Leave out lines of the file of --vectors that cannot be read, instead of refusing it.
    #[arg(long, requires = "vectors")]
    lenient: bool,
    /// The folder of WordNet's database files (Debian: package wordnet-base) [default: $SPIKETEXT_WORDNET, then
    /// /usr/share/wordnet].
    #[arg(long, value_name = "DIR")]
    wordnet: Option<PathBuf>,
    /// For bae-ngram: plain texts, one a line, whose trigrams say what fits [default: the training texts of the data
    /// set].
    #[arg(long, value_name = "FILE")]
    corpus: Option<PathBuf>,
    /// What noise the attack meets, of a model with a random encoder.
    #[arg(long, value_enum, default_value = "fixed")]
    noise: NoiseName,
    /// With --noise mean: draws that are averaged.
    #[arg(long, value_name = "N", default_value = "16", value_parser = positive)]
    draws: NonZeroUsize,
    /// Draws of noise that judge each text before and at the end.
    #[arg(long, value_name = "N", default_value = "15", value_parser = positive)]
    judges: NonZeroUsize,
    /// Write a record of each text here, and go on from what is there.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Begin anew though FILE of --out holds records.
    #[arg(long, requires = "out")]
    again: bool,
    /// Print no texts, only the table.
    #[arg(long)]
    quiet: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// What `--protocol` can ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum ProtocolName {
    Published,
    SpikingPaper,
}

/// What `--network` can ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum NetworkName {
    Snn,
    Dnn,
}

impl NetworkName {
    fn name(self) -> &'static str {
        match self {
            Self::Snn => "snn",
            Self::Dnn => "dnn",
        }
    }
}

/// What `--noise` can ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum NoiseName {
    Fixed,
    Fresh,
    Mean,
}

/// The attack of a name.
pub fn recipe(name: &str) -> Result<AttackRecipe, String> {
    let names = || AttackRecipe::ALL.map(AttackRecipe::name).join(", ");
    AttackRecipe::named(name).ok_or_else(|| format!("expected one of {}", names()))
}

fn share(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(share) if share > 0.0 && share <= 1.0 => Ok(share),
        _ => Err("expected a number above 0 and up to 1".to_owned()),
    }
}

/// A whole number from 1.
pub fn positive(text: &str) -> Result<NonZeroUsize, String> {
    text.parse().map_err(|_| "expected a whole number from 1".to_owned())
}

impl Arguments {
    fn protocol(&self) -> Protocol {
        match self.protocol {
            ProtocolName::Published => Protocol::Published,
            ProtocolName::SpikingPaper => Protocol::SpikingPaper { share: self.share },
        }
    }

    fn noise_policy(&self) -> NoisePolicy {
        match self.noise {
            NoiseName::Fixed => NoisePolicy::Fixed,
            NoiseName::Fresh => NoisePolicy::Fresh,
            NoiseName::Mean => NoisePolicy::Mean(self.draws),
        }
    }
}

pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let model = Model::load(&arguments.model)?;
    if model.thresholds().is_some() {
        anyhow::bail!(
            "attack: expected a model of one label a text, got {}, a multi-label model: what it means to fool one is \
             not settled",
            arguments.model.display()
        );
    }
    if let Some(out) = &arguments.out {
        let read = arguments.labelled.sources();
        let beside = [&arguments.vectors, &arguments.corpus].into_iter().flatten().chain([&arguments.model]);
        target::check_apart("attack", out, read.iter().chain(beside))?;
    }
    let texts = arguments.labelled.texts(&model)?;
    let subjects = chosen(&texts, arguments.count);
    let conditions = conditions(arguments, &model, &texts, subjects.len());
    let mut file = match &arguments.out {
        Some(path) => Some(ResultFile::read(path, &conditions, arguments.again)?),
        None => None,
    };
    let mut records = file.as_mut().map(ResultFile::take_records).unwrap_or_default();
    let done: Vec<usize> = records.iter().map(|record| record.index).collect();
    let open: Vec<Subject> = subjects.into_iter().filter(|subject| !done.contains(&subject.index)).collect();
    let mut out = std::io::stdout().lock();
    let started = Instant::now();
    let mut asked = 0;
    let dnn = match arguments.network {
        NetworkName::Dnn => Some(dnn(&arguments.model, &model)?),
        NetworkName::Snn => None,
    };
    let victim = match &dnn {
        Some(dnn) => Victim::Dnn { model: &model, dnn },
        None => {
            let (noise, seed, judges) = (arguments.noise_policy(), arguments.seed, arguments.judges.get());
            Victim::Spiking { model: &model, noise, seed, judges }
        }
    };
    if !open.is_empty() {
        let resources = resources(arguments, &model, &texts, &open)?;
        let attack = arguments.attack.build(arguments.protocol(), model.language(), &resources)?;
        let bar = bar(arguments, records.len(), records.len() + open.len());
        trial::attack(&attack, &victim, &open, arguments.seed, &mut |record| {
            asked += record.attempt.queries;
            let rate = asked as f64 / started.elapsed().as_secs_f64();
            bar.set_message(format!("{rate:.0} queries/s"));
            bar.inc(1);
            if let Some(file) = &mut file {
                file.write(&record)?;
            }
            if !arguments.json && !arguments.quiet {
                let colour = out.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
                let lines = described(&model, &record, colour);
                let mut print = || write!(out, "{lines}");
                if bar.is_hidden() { print()? } else { bar.suspend(print)? }
            }
            records.push(record);
            anyhow::Ok(())
        })?;
        bar.finish_and_clear();
    }
    records.sort_by_key(|record| record.index);
    let seconds = started.elapsed().as_secs_f64();
    let summary = Summary::of(&records);
    if arguments.json {
        let mut result = json!({
            "attacked_now": records.len() - done.len(),
            "seconds": seconds,
            "queries_per_second": asked as f64 / seconds.max(1e-9),
        });
        if let (Some(result), Ok(serde_json::Value::Object(summary)), Ok(serde_json::Value::Object(conditions))) =
            (result.as_object_mut(), serde_json::to_value(&summary), serde_json::to_value(&conditions))
        {
            result.extend(conditions);
            result.extend(summary);
        }
        writeln!(out, "{result}")?;
    } else {
        print(arguments, &victim, &texts, &summary, (records.len() - done.len(), asked, seconds), &mut out)?;
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// The DNN that training kept beside the model.
fn dnn(folder: &Path, model: &Model) -> anyhow::Result<Dnn> {
    model.load_dnn(folder).map_err(|error| {
        if folder.join(dnn::FILE).exists() {
            error.into()
        } else {
            anyhow::anyhow!("{error}; `spiketext train --keep-dnn` keeps the DNN beside the model")
        }
    })
}

/// At most `count` of the texts, evenly spread.
fn chosen(texts: &Texts, count: usize) -> Vec<Subject> {
    let subject =
        |index: usize| Subject { index, text: texts.texts[index].clone(), target: texts.targets[index].clone() };
    evenly_spread(texts.texts.len(), count).map(subject).collect()
}

/// The choices that must be the same for records to belong together.
fn conditions(arguments: &Arguments, model: &Model, texts: &Texts, count: usize) -> Conditions {
    let random = arguments.network == NetworkName::Snn && model.network().config().encoder.is_random();
    Conditions {
        format: file::FORMAT,
        model: arguments.model.display().to_string(),
        // Two models in one folder, one after the other, are not the same.
        model_seed: model.training().seed,
        choices: model.training().choices.clone(),
        network: arguments.network.name().to_owned(),
        data: texts.data.clone(),
        texts_used: texts.used.clone(),
        count,
        attack: arguments.attack,
        protocol: arguments.protocol(),
        vectors: match &arguments.vectors {
            Some(path) => path.display().to_string(),
            None => format!("built-in {}", model.language()),
        },
        seed: arguments.seed,
        noise: if random { format!("{:?}", arguments.noise_policy()).to_lowercase() } else { "none".to_owned() },
        judges: if random { arguments.judges.get() } else { 1 },
        program: crate::PROGRAM.to_owned(),
    }
}

/// What the attack draws on, with the words of all texts looked up.
fn resources(arguments: &Arguments, model: &Model, texts: &Texts, subjects: &[Subject]) -> anyhow::Result<Resources> {
    let needs = arguments.attack.needs(arguments.protocol());
    let corpus = match &arguments.corpus {
        Some(path) if needs.masked => {
            let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
            text.lines().map(str::to_owned).collect()
        }
        _ => texts.training.clone(),
    };
    let wordnet = wordnet_folder(arguments.wordnet.as_deref());
    let (vectors, built_in) = match arguments.vectors.as_deref() {
        None => (None, None),
        Some(path) => match path.to_str().and_then(|name| name.parse().ok()) {
            Some(language) => (None, Some(language)),
            None => (Some(path), None),
        },
    };
    let origins = Origins { vectors, lenient: arguments.lenient, built_in, wordnet: &wordnet, corpus: &corpus };
    Resources::gather(needs, model.language(), &origins, subjects).map_err(|error| {
        if needs.synonyms && !needs.neighbours {
            anyhow::anyhow!(
                "{error}; --wordnet DIR names the folder of WordNet's database files (data.noun, index.noun ...)"
            )
        } else {
            error.into()
        }
    })
}

fn bar(arguments: &Arguments, done: usize, of: usize) -> ProgressBar {
    if arguments.json || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(of as u64);
    if let Ok(style) = ProgressStyle::with_template("[{bar:30}] {pos}/{len} texts, {msg}, {eta} left") {
        bar.set_style(style.progress_chars("=> "));
    }
    bar.set_position(done as u64);
    bar.reset_eta();
    bar
}

/// A record for people: what the model said, and the text with its changed words marked.
fn described(model: &Model, record: &Record, colour: bool) -> String {
    let attempt = &record.attempt;
    let label = terminal::one_line(&model.labels()[record.target.class().unwrap_or_default()], Some(40));
    let head = match attempt.ending {
        Ending::Skipped => format!("skipped    taken wrongly from the start; {label}"),
        Ending::Failed => {
            format!("withstood  {label} {:.2} -> {:.2}, {} queries", attempt.before, attempt.after, attempt.queries)
        }
        Ending::Succeeded => {
            format!("fooled     {label} {:.2} -> {:.2}, {} queries", attempt.before, attempt.after, attempt.queries)
        }
    };
    let words = Words::of(model.language(), &record.original);
    let changes: BTreeMap<usize, &str> =
        attempt.changes.iter().map(|change| (change.place, change.to.as_str())).collect();
    // Colours come last: whatever a text holds has been made harmless by then.
    let marked = words.marked(|place, word| match (changes.get(&place), colour) {
        (None, _) => word.to_owned(),
        (Some(to), true) => format!("{GONE}{word}{PLAIN} {NEW}{to}{PLAIN}"),
        (Some(to), false) => format!("[{word} -> {to}]"),
    });
    let mut text = terminal::one_line(&marked, None);
    for (mark, code) in [(GONE, "\u{1b}[9;2m"), (NEW, "\u{1b}[1;31m"), (PLAIN, "\u{1b}[0m")] {
        text = text.replace(mark, if colour { code } else { "" });
    }
    format!("{head}\n    {text}\n")
}

/// Where colours begin and end: letters for private use, which no text should hold.
const GONE: char = '\u{f0001}';
const NEW: char = '\u{f0002}';
const PLAIN: char = '\u{f0003}';

fn print(
    arguments: &Arguments,
    victim: &Victim<'_>,
    texts: &Texts,
    summary: &Summary,
    (now, asked, seconds): (usize, u64, f64),
    out: &mut impl Write,
) -> std::io::Result<()> {
    if !arguments.quiet && now > 0 {
        writeln!(out)?;
    }
    let random = victim.is_random();
    let percent = |value: f64| format!("{value:.2} %");
    let mut rows = vec![
        (
            "attack",
            format!(
                "{}, {} texts of {}",
                arguments.attack.name(),
                summary.texts,
                terminal::one_line(&texts.data, None)
            ),
        ),
        ("skipped / withstood / fooled", format!("{} / {} / {}", summary.skipped, summary.failed, summary.succeeded)),
        ("accuracy before", percent(summary.accuracy)),
        ("accuracy under attack", percent(summary.accuracy_under_attack)),
    ];
    if random {
        rows.push(("  before, as most judges see it", percent(summary.judged_accuracy)));
        rows.push(("  under attack, the same", percent(summary.judged_accuracy_under_attack)));
    }
    rows.extend([
        ("success rate", percent(summary.success_rate)),
        ("words changed", format!("{:.2} % of {:.1}", summary.changed_words, summary.words)),
        ("queries a text", format!("{:.1}", summary.queries)),
    ]);
    if now > 0 {
        rows.push(("speed", format!("{:.0} queries/s, {:.1} texts/s", asked as f64 / seconds, now as f64 / seconds)));
    }
    tables::facts(&rows, out)
}
