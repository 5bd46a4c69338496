//! `spiketext augment`: more texts like those of a file, for a teacher to label.

mod texts;

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Instant,
};

use serde_json::json;
use spiketext::{
    augment::{Augmenter, MOST_TEXTS, Options, Production, Report, Survey, Way, Ways},
    data::{NewTable, TableForm},
    text::{Language, detect_language},
    vectors::{self, Familiarity, Neighbours, Selection},
};

use crate::support::{dataset::DatasetArgs, given::say, interrupt, reading, terminal};
use texts::{Source, Texts};

/// So many texts are looked at for their language, at least.
const LOOKED_AT: usize = 2_000;

/// Words of a file of vectors among which near ones are found: the most frequent.
const NEIGHBOURHOOD: usize = 50_000;

/// Make more texts like those of a file, for a teacher to label.
///
/// A small network learns more from a large one than its own texts show it, if the large one labels more texts
/// (knowledge distillation; Tang et al. 2019, arXiv 1903.12136). Of labelled texts only the training part is varied,
/// and nothing comes out that equals a development or test text. Labels are not kept: a text without its "not" says
/// something else.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  spiketext augment reviews.csv --out more.csv
  spiketext teach reviews.csv --label more.csv --out teacher.jsonl     or a transformer: docs/guide/teacher.md
  spiketext augment --dataset sst2 --data-dir DIR --out more.jsonl --times 20 --from
  spiketext augment letters.txt --out more.csv --ways mask,sample --most 50000
  spiketext augment - --all --out more.csv.gz < texts.txt

Ways (--ways):
  mask       each word is left out with --p-mask; nothing stands in its place
  replace    each word is replaced with --p-replace by one that stands elsewhere between the same two words, or else
             behind the one and before the other, the more often the likelier
  neighbour  each word is exchanged with --p-neighbour for one of the --nearest words by word vectors (not
             the 150 most frequent words of a language with blanks)
  sample     with --p-sample only a run of the words is kept: of n words 1 to n - 1, each length as likely
  cut        each clause of more than three words (cut at signs and conjunctions), and the text without one clause,
             for as many of its clauses as --times says
The first four make one text together, --times from each text. Words keep their case, and what stands between them
stays as it is written. A text's variants depend on --seed, the text and the tables (of the first 100,000 texts)
alone. Texts that are equal but for case, width and blanks count as one.

--json prints one object: out, language, vectors, seed, texts (varied), repeated (not varied again), held_out (of the
training texts those that are held out as well, not varied), development_and_test (texts held out), written, ways
(how many of the written texts each had a part in), left_out (repeated, input, held_out: texts that were made and
equal another one), runs (of sample: count, least, most, words).")]
pub struct Arguments {
    #[command(flatten)]
    source: DatasetArgs,
    #[command(flatten)]
    reading: reading::Arguments,
    #[command(flatten)]
    labels: reading::LabelArguments,
    /// Vary all texts, with labels or without, development and test texts too.
    #[arg(long)]
    all: bool,
    /// How texts are cut into words: en (also for other languages with blanks between words) or zh [default: found
    /// from their script].
    #[arg(long, value_name = "LANGUAGE")]
    language: Option<Language>,
    /// The ways, with commas between.
    #[arg(long, value_name = "WAY,...", value_delimiter = ',', default_value = "mask,replace,neighbour,sample,cut")]
    ways: Vec<Way>,
    /// How many texts are made from each by passing over its words.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    times: u32,
    /// The probability that a word is left out [default: 0.1].
    #[arg(long, value_name = "P")]
    p_mask: Option<f32>,
    /// The probability that a word is replaced by one of its kind [default: 0.1].
    #[arg(long, value_name = "P")]
    p_replace: Option<f32>,
    /// The probability that a word is exchanged with a near one [default: 0.1].
    #[arg(long, value_name = "P")]
    p_neighbour: Option<f32>,
    /// The probability that a run of the words is all that is kept [default: 0.25].
    #[arg(long, value_name = "P")]
    p_sample: Option<f32>,
    /// Word vectors: a file (GloVe, word2vec, fastText; .gz, .zst, .bz2, .xz, .zip), whose 50,000 most frequent words
    /// are used, or en or zh for the built-in ones [default: the built-in ones of the texts' language].
    #[arg(long, value_name = "FILE|en|zh")]
    vectors: Option<PathBuf>,
    /// Leave out lines of the file of --vectors that cannot be read, and say how many, instead of refusing it.
    #[arg(long, requires = "vectors")]
    lenient: bool,
    /// How many of the nearest words one is drawn from [default: 10].
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u32).range(1..=1000))]
    nearest: Option<u32>,
    /// The least cosine of a near word [default: 0.6].
    #[arg(long, value_name = "COSINE")]
    similarity: Option<f32>,
    /// The seed of every random choice.
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Write so many texts at most, evenly many from each text.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    most: Option<u64>,
    /// Also write, in a column `from`, the text that each was made of.
    #[arg(long)]
    from: bool,
    /// The file to write: .csv, .tsv or .jsonl, with .gz or .zst behind it packed; the column is called `text`.
    #[arg(short, long, value_name = "FILE")]
    out: PathBuf,
    /// The form of --out, whatever its ending: csv, tsv or jsonl.
    #[arg(long, value_name = "FORMAT", value_parser = form)]
    out_format: Option<TableForm>,
    /// Write over a file that is there.
    #[arg(long)]
    force: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// A form that texts are written in.
fn form(name: &str) -> Result<TableForm, String> {
    match name.parse() {
        Ok(form @ (TableForm::Csv | TableForm::Tsv | TableForm::JsonLines)) => Ok(form),
        _ => Err("expected csv, tsv or jsonl".to_owned()),
    }
}

pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    // Before the place is tried, for which a file is begun, too.
    interrupt::remove_begun_files(|| None)?;
    let options = options(arguments)?;
    let destination = NewTable::destination(&arguments.out, arguments.out_format, arguments.force)?;
    // Without sources there is still what may stand in its place.
    let sources = [PathBuf::new()].into_iter().chain(arguments.source.sources()).chain(arguments.vectors.clone());
    sources.into_iter().try_for_each(|source| destination.check(&source))?;

    let begun = Instant::now();
    let Source { texts, held_out, told: chosen } = Source::open(arguments)?;
    say(&chosen);
    let (language, mut survey) = survey(arguments, &options, &texts, &held_out)?;
    if survey.texts() == 0 {
        say(&["note: there is no text to vary".to_owned()]);
    }
    let frames = survey.take_frames().map(|frames| {
        if frames.is_full() {
            say(&[format!(
                "note: what replaces words comes from the first {} texts (of {MOST_TEXTS}, or ten million words, at \
                 most)",
                frames.texts()
            )]);
        }
        frames.finish()
    });
    let (vectors, neighbours) = match options.ways.has(Way::Neighbour) {
        true => neighbours(arguments, language, options.nearest).map(|(name, found)| (Some(name), Some(found)))?,
        false => (None, None),
    };
    let seed = options.seed;
    let augmenter = Augmenter::new(options, language, frames, neighbours)?;
    let most = arguments.most.map(|most| usize::try_from(most).unwrap_or(usize::MAX));
    let mut production = Production::new(augmenter, survey, most);

    let columns = if arguments.from { &["text", "from"][..] } else { &["text"] };
    let mut table = NewTable::create(&destination, columns)?;
    texts.each(
        |_| (),
        |batch| {
            Ok(production.make(batch, |text, from| match arguments.from {
                true => table.row(&[text, from]),
                false => table.row(&[text]),
            })?)
        },
    )?;
    table.finish()?;

    let report = production.report();
    let mut out = std::io::stdout().lock();
    if arguments.json {
        let mut object = json!(report);
        if let Some(object) = object.as_object_mut() {
            let ways = Way::ALL.into_iter().zip(report.ways);
            let ways: serde_json::Map<_, _> =
                ways.map(|(way, count)| (way.name().to_owned(), count.into())).collect();
            object.insert("out".to_owned(), json!(arguments.out.display().to_string()));
            object.insert("language".to_owned(), json!(language));
            object.insert("vectors".to_owned(), json!(vectors));
            object.insert("seed".to_owned(), json!(seed));
            object.insert("development_and_test".to_owned(), json!(held_out.len()));
            object.insert("ways".to_owned(), ways.into());
        }
        writeln!(out, "{object}")?;
    } else {
        print(report, &arguments.out, begun.elapsed().as_secs_f64(), &mut out)?;
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// What the flags say. Flags that would be passed over are refused.
fn options(arguments: &Arguments) -> anyhow::Result<Options> {
    let ways = arguments.ways.iter().fold(Ways::default(), |ways, &way| ways.with(way));
    let of_ways = [
        (arguments.p_mask.is_some(), "--p-mask", Way::Mask),
        (arguments.p_replace.is_some(), "--p-replace", Way::Replace),
        (arguments.p_neighbour.is_some(), "--p-neighbour", Way::Neighbour),
        (arguments.p_sample.is_some(), "--p-sample", Way::Sample),
        (arguments.vectors.is_some(), "--vectors", Way::Neighbour),
        (arguments.nearest.is_some(), "--nearest", Way::Neighbour),
        (arguments.similarity.is_some(), "--similarity", Way::Neighbour),
    ];
    for (given, flag, way) in of_ways {
        if given && !ways.has(way) {
            anyhow::bail!("{flag} is for the way {way}: expected it among --ways, got others only");
        }
    }
    let usual = Options::default();
    let options = Options {
        ways,
        times: arguments.times as usize,
        mask: arguments.p_mask.unwrap_or(usual.mask),
        replace: arguments.p_replace.unwrap_or(usual.replace),
        neighbour: arguments.p_neighbour.unwrap_or(usual.neighbour),
        sample: arguments.p_sample.unwrap_or(usual.sample),
        nearest: arguments.nearest.map_or(usual.nearest, |nearest| nearest as usize),
        least_cosine: arguments.similarity.unwrap_or(usual.least_cosine),
        seed: arguments.seed,
    };
    options.check()?;
    Ok(options)
}

/// Reads all texts once: their language first, if it was not said.
fn survey(
    arguments: &Arguments,
    options: &Options,
    texts: &Texts,
    held_out: &[String],
) -> anyhow::Result<(Language, Survey)> {
    let with_frames = options.ways.has(Way::Replace);
    let begin = |language| {
        let mut survey = Survey::new(language, with_frames);
        survey.hold_out(held_out);
        survey
    };
    let mut begun = arguments.language.map(|language| (language, begin(language)));
    // The texts before the language is known.
    let mut waiting: Vec<String> = Vec::new();
    texts.each(say, |batch| {
        if let Some((_, survey)) = &mut begun {
            survey.add(batch);
            return Ok(true);
        }
        waiting.extend_from_slice(batch);
        if waiting.len() >= LOOKED_AT {
            begun = Some(of_waiting(&mut waiting, &begin)?);
        }
        Ok(true)
    })?;
    match begun {
        Some(begun) => Ok(begun),
        None => of_waiting(&mut waiting, &begin),
    }
}

/// Tells the language of the first texts, and begins a survey with them.
fn of_waiting(waiting: &mut Vec<String>, begin: &impl Fn(Language) -> Survey) -> anyhow::Result<(Language, Survey)> {
    let language = detect_language(waiting.iter().map(String::as_str));
    let looked_at = waiting.iter().take(LOOKED_AT);
    let tokens: Vec<Vec<String>> = looked_at.map(|text| language.tokenizer().tokenize(text)).collect();
    match Familiarity::with_built_in(language, &tokens)?.told_of_language(language) {
        Some(note) => say(&[format!("note: {note}")]),
        None => say(&[format!("language: {} (--language says another)", language.title())]),
    }
    let mut survey = begin(language);
    survey.add(waiting);
    waiting.clear();
    Ok((language, survey))
}

/// What words are near to, by which vectors.
fn neighbours(arguments: &Arguments, language: Language, nearest: usize) -> anyhow::Result<(String, Neighbours)> {
    let built_in = match arguments.vectors.as_deref() {
        None => Some(language),
        Some(path) => path.to_str().and_then(|name| name.parse().ok()),
    };
    let (name, vectors) = match (built_in, arguments.vectors.as_deref()) {
        (None, Some(path)) => {
            let selection = Selection { lenient: arguments.lenient, ..Selection::first(NEIGHBOURHOOD) };
            (path.display().to_string(), vectors::read(path, &selection)?)
        }
        (built_in, _) => {
            let language = built_in.unwrap_or(language);
            (format!("built-in {language}"), vectors::built_in(language)?)
        }
    };
    let shown = terminal::one_line(&name, None);
    say(&vectors.report.notes().iter().map(|note| format!("note: {shown}: {note}")).collect::<Vec<_>>());
    say(&[format!("near words: {} words of {shown}", vectors.words.len())]);
    Ok((name, Neighbours::new(&vectors, nearest)))
}

/// The closing lines.
fn print(report: &Report, path: &Path, seconds: f64, out: &mut impl Write) -> std::io::Result<()> {
    let Report { texts, repeated, held_out, written, ways, left_out, runs } = report;
    let path = terminal::one_line(&path.display().to_string(), None);
    let each = *written as f64 / (*texts).max(1) as f64;
    writeln!(out, "{path}: {written} texts made of {texts}, {each:.1} of each, in {seconds:.1} s")?;
    let ways = Way::ALL.into_iter().zip(ways).filter(|(_, count)| **count > 0);
    let ways: Vec<String> = ways.map(|(way, count)| format!("{way} {count}")).collect();
    if !ways.is_empty() {
        writeln!(out, "ways that had a part in them: {}", ways.join(", "))?;
    }
    if runs.count > 0 {
        let mean = runs.words as f64 / runs.count as f64;
        writeln!(out, "sample kept {} to {} words, {mean:.1} in the mean", runs.least, runs.most)?;
    }
    writeln!(
        out,
        "left out: {} equal to one that was made before, {} to a text that is varied, {} to one that is held out",
        left_out.repeated, left_out.input, left_out.held_out
    )?;
    for (count, why) in [(repeated, "came before"), (held_out, "are among the development or test texts, too")] {
        if *count > 0 {
            writeln!(out, "texts not varied because they {why}: {count}")?;
        }
    }
    Ok(())
}
