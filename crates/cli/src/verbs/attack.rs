//! `spiketext attack`: how few words must change until a model errs.

mod file;

use std::{
    collections::BTreeMap,
    io::{IsTerminal, Write},
    path::PathBuf,
    process::ExitCode,
    time::Instant,
};

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use spiketext::{
    model::Model,
    score::{Draw, ModelScorer},
    text::{Language, Tokenizer, candidate_words},
    vectors::{self, Selection},
};
use spiketext_attack::{
    Ending, Protocol, Recipe, Record, Resources, Subject, Summary,
    recipe::MOST_NEIGHBOURS,
    substitution::{neighbours::Neighbours, synonyms::WordNet},
    trial,
    words::Words,
};

use self::file::{Conditions, ResultFile};
use super::{
    labelled::{self, Texts},
    shown, tables,
};

/// Attack a model: change a few words of each text until the model errs.
///
/// Without FILE or --dataset it takes the data set that the model was trained on, if that is one that goes by a name, and of
/// that the test texts. Texts that the model takes wrongly from the start are skipped.
#[derive(Debug, clap::Args)]
#[command(after_help = "Attacks:
  deepwordbug  typos; needs nothing (Gao et al. 2018)
  textbugger   typos, look-alike letters, neighbours by word vectors (Li et al. 2019)
  pwws         synonyms of WordNet, English only (Ren et al. 2019)
  textfooler   neighbours by word vectors that keep the meaning (Jin et al. 2020)
  random       typos in words drawn by chance, whatever they do: the floor

Examples:
  spiketext attack MODEL --attack deepwordbug --count 200
  spiketext attack MODEL labelled.csv --attack textfooler --vectors glove.6B.300d.txt
  spiketext attack MODEL --dataset sst2 --data-dir DIR --attack pwws --wordnet /usr/share/wordnet --out pwws.jsonl
  spiketext attack MODEL --attack pwws --protocol spiking-paper --share 0.1 --vectors FILE

A model with a random encoder (bernoulli) may answer the same text in two ways. --noise says what the attack meets: the noise
the model is delivered with (fixed), new noise for each text of each question (fresh), or the mean over --draws draws
(mean). Whatever it met, --judges draws that it never saw decide over each text before and at the end; the table has
both. Without a random encoder there is one answer and one judge.

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
    attack: Recipe,
    /// The parameters: those of the attack's publication, or of the paper that compared spiking networks (15 neighbours,
    /// whatever the attack).
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
    /// Word vectors for neighbours and likeness: a file (GloVe, word2vec, fastText; .gz, .zst, .zip), en or zh for the
    /// built-in ones [default: the built-in ones of the model's language].
    #[arg(long, value_name = "FILE|en|zh")]
    vectors: Option<PathBuf>,
    /// The folder of WordNet's database files (Debian: package wordnet-base) [default: $SPIKETEXT_WORDNET, then
    /// /usr/share/wordnet].
    #[arg(long, value_name = "DIR")]
    wordnet: Option<PathBuf>,
    /// What noise the attack meets, of a model with a random encoder.
    #[arg(long, value_enum, default_value = "fixed")]
    noise: NoiseName,
    /// With --noise mean: draws that are averaged.
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = positive)]
    draws: usize,
    /// Draws of noise that judge each text before and at the end.
    #[arg(long, value_name = "N", default_value_t = 15, value_parser = positive)]
    judges: usize,
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

/// What `--noise` can ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum NoiseName {
    Fixed,
    Fresh,
    Mean,
}

fn recipe(name: &str) -> Result<Recipe, String> {
    let names = || Recipe::ALL.map(Recipe::name).join(", ");
    Recipe::ALL.into_iter().find(|recipe| recipe.name() == name).ok_or_else(|| format!("expected one of {}", names()))
}

fn share(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(share) if share > 0.0 && share <= 1.0 => Ok(share),
        _ => Err("expected a number above 0 and up to 1".to_owned()),
    }
}

fn positive(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err("expected a whole number from 1".to_owned()),
    }
}

impl Arguments {
    fn protocol(&self) -> Protocol {
        match self.protocol {
            ProtocolName::Published => Protocol::Published,
            ProtocolName::SpikingPaper => Protocol::SpikingPaper { share: self.share },
        }
    }

    fn draw(&self) -> Draw {
        match self.noise {
            NoiseName::Fixed => Draw::Fixed,
            NoiseName::Fresh => Draw::Fresh,
            NoiseName::Mean => Draw::Mean(self.draws),
        }
    }
}

/// Runs the verb.
pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let model = Model::load(&arguments.model)?;
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
    if !open.is_empty() {
        let resources = resources(arguments, &model, &open)?;
        let attack = arguments.attack.build(arguments.protocol(), model.language(), &resources)?;
        let scorer = || Box::new(ModelScorer::new(&model, arguments.draw(), arguments.seed)) as Box<_>;
        // Judges draw noise for themselves whatever the attack meets.
        let court = ModelScorer::new(&model, Draw::Fixed, arguments.seed);
        let judge = |text: &str| court.votes(text, arguments.judges);
        let bar = bar(arguments, records.len(), records.len() + open.len());
        trial::run(&attack, model.language(), &open, arguments.seed, scorer, judge, &mut |record| {
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
        print(arguments, &model, &texts, &summary, (records.len() - done.len(), asked, seconds), &mut out)?;
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// At most `count` of the texts, evenly spread.
fn chosen(texts: &Texts, count: usize) -> Vec<Subject> {
    let all = texts.texts.len();
    let count = count.min(all);
    let subject = |index: usize| Subject { index, text: texts.texts[index].clone(), label: texts.classes[index] };
    (0..count).map(|i| subject(i * all / count)).collect()
}

/// The choices that must be the same for records to belong together.
fn conditions(arguments: &Arguments, model: &Model, texts: &Texts, count: usize) -> Conditions {
    let random = model.network().specification().encoder.is_random();
    Conditions {
        format: file::FORMAT,
        model: arguments.model.display().to_string(),
        // Two models in one folder, one after the other, are not the same.
        model_seed: model.training().seed,
        choices: model.training().choices.clone(),
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
        noise: if random { format!("{:?}", arguments.draw()).to_lowercase() } else { "none".to_owned() },
        judges: if random { arguments.judges } else { 1 },
        program: crate::PROGRAM.to_owned(),
    }
}

/// What the attack draws on, with the words of all texts looked up.
fn resources(arguments: &Arguments, model: &Model, subjects: &[Subject]) -> anyhow::Result<Resources> {
    let (recipe, protocol) = (arguments.attack, arguments.protocol());
    let mut resources = Resources::default();
    if recipe.needs_neighbours(protocol) {
        let built_in = |language: Language| vectors::built_in(language);
        let found = match arguments.vectors.as_deref().map(|path| (path, path.to_str())) {
            None => built_in(model.language())?,
            Some((_, Some("en"))) => built_in(Language::English)?,
            Some((_, Some("zh"))) => built_in(Language::Chinese)?,
            Some((path, _)) => {
                let tokenizer = Tokenizer::new(model.language());
                let tokens = subjects.iter().flat_map(|subject| tokenizer.tokenize(&subject.text));
                let needed = tokens.flat_map(|token| candidate_words(&token).map(str::to_owned).collect::<Vec<_>>());
                let selection = Selection { needed: needed.collect(), also_first: NEIGHBOURHOOD, lenient: false };
                vectors::read(path, &selection)?
            }
        };
        let neighbours = Neighbours::new(&found, MOST_NEIGHBOURS);
        let cut: Vec<Words> = subjects.iter().map(|subject| Words::of(model.language(), &subject.text)).collect();
        neighbours.prepare(cut.iter().flat_map(|words| (0..words.len()).map(|place| words.word(place))));
        resources.neighbours = Some(neighbours);
    }
    if recipe.needs_synonyms(protocol) {
        let folder = arguments.wordnet.clone().or_else(|| std::env::var_os("SPIKETEXT_WORDNET").map(PathBuf::from));
        let folder = folder.unwrap_or_else(|| PathBuf::from("/usr/share/wordnet"));
        resources.synonyms = Some(WordNet::load(&folder).map_err(|error| {
            anyhow::anyhow!(
                "{error}; --wordnet DIR names the folder of WordNet's database files (data.noun, index.noun ...)"
            )
        })?);
    }
    Ok(resources)
}

/// Words among which neighbours are looked for, beside those of the texts: the most frequent of a file.
const NEIGHBOURHOOD: usize = 50_000;

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
    let label = shown::one_line(&model.labels()[record.label], Some(40));
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
    let mut text = shown::one_line(&marked, None);
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
    model: &Model,
    texts: &Texts,
    summary: &Summary,
    (now, asked, seconds): (usize, u64, f64),
    out: &mut impl Write,
) -> std::io::Result<()> {
    if !arguments.quiet && now > 0 {
        writeln!(out)?;
    }
    let random = model.network().specification().encoder.is_random();
    let percent = |value: f64| format!("{value:.2} %");
    let mut rows = vec![
        (
            "attack",
            format!("{}, {} texts of {}", arguments.attack.name(), summary.texts, shown::one_line(&texts.data, None)),
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
