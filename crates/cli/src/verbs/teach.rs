//! `spiketext teach`: a teacher without a transformer, and the file of its answers.

use std::{collections::HashSet, io::Write, path::PathBuf, process::ExitCode};

use serde_json::{Map, json};
use spiketext::{
    data::{
        Dataset, read_texts,
        teacher::{FITTED_ON, FittedOn},
        text_hash,
    },
    files::write_atomically,
    text::Language,
};
use spiketext_study::committee::{Committee, MEMBERS, Said};
use spiketext_train::{PROGRAM, Recipe, VectorSource};

use crate::support::{dataset::DatasetArgs, interrupt, part::PartArgs, progress::Progress, reading, target, teacher};

/// The column of the texts in the file of answers.
const TEXT: &str = "text";

/// Make a teacher of several DNNs and TF-IDF, and write its answers for `train --teacher`.
///
/// Each DNN has other kernel widths and another seed and is trained without a part of the training texts; what the file says
/// of a training text comes from who has not seen it, what it says of other texts from all. A transformer teaches better
/// (docs/guide/teacher.md); this needs nothing but the program.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  spiketext teach reviews.csv --label more.csv --out teacher.jsonl
  spiketext train reviews.csv --teacher teacher.jsonl --unlabelled more.csv
  spiketext teach --dataset waimai --number 3 --out teachers/committee/waimai-split-3.jsonl     for a study (`reproduce`)

--json prints one object: out, texts (of training, others), tf_idf (its share), development_accuracy.")]
pub struct Arguments {
    #[command(flatten)]
    source: DatasetArgs,
    #[command(flatten)]
    reading: reading::Arguments,
    #[command(flatten)]
    labels: reading::LabelArguments,
    #[command(flatten)]
    part: PartArgs,
    /// Texts without labels to answer, too: a file with a column of texts, or a text a line. May be repeated.
    #[arg(long, value_name = "FILE")]
    label: Vec<PathBuf>,
    /// How many DNNs.
    #[arg(long, value_name = "N", default_value_t = 5)]
    members: usize,
    /// How texts are cut into words: en or zh [default: found from their script].
    #[arg(long, value_name = "LANGUAGE")]
    language: Option<Language>,
    /// Word vectors, as `train` takes them [default: the built-in ones of the texts' language].
    #[arg(long, value_name = "FILE|en|zh|random")]
    vectors: Option<PathBuf>,
    /// Set one field of the recipe of the DNNs (`lean`), as in `dnn.epochs=20`; may be repeated.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// The seed of every random choice.
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// The file to write: JSON lines.
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
    let Arguments { source, reading, labels, out, .. } = arguments;
    check_target(arguments)?;
    if !MEMBERS.contains(&arguments.members) {
        anyhow::bail!("--members: expected {} to {}, got {}", MEMBERS.start(), MEMBERS.end(), arguments.members);
    }
    let mut recipe = Recipe::lean();
    for setting in &arguments.set {
        check_heard(setting)?;
        recipe = recipe.with_setting(setting)?;
    }
    recipe.check()?;
    let dataset = arguments.part.of(source.labelled("teach", reading, labels)?)?;
    if let Some(class) = dataset.labels.iter().find(|label| *label == TEXT) {
        anyhow::bail!(
            "teach: expected classes of other names than the column of the texts has in the answers, got the class \
             '{class}': another name for it in the labelled texts helps"
        );
    }
    interrupt::remove_begun_files(|| None)?;
    let mut progress = Progress::new(arguments.json);
    reading::told(&dataset.readings).iter().for_each(|line| progress.line(line));
    let others = others(arguments, &dataset, &mut progress)?;
    let committee = Committee {
        members: arguments.members,
        recipe,
        vectors: VectorSource::of(arguments.vectors.as_deref(), false),
        language: arguments.language,
        seed: arguments.seed,
    };
    let said = committee.ask(&dataset, &others, &mut |event| progress.event(event))?;
    progress.finish();
    let (content, answered) = content(arguments, &committee, &dataset, &others, &said)?;
    write_atomically(out, content.as_bytes())?;
    let mut print = std::io::stdout().lock();
    let place = out.display();
    if arguments.json {
        let object = json!({
            "out": place.to_string(), "texts": [answered, others.len()], "tf_idf": shown(said.share),
            "development_accuracy": said.development_accuracy,
        });
        writeln!(print, "{object}")?;
    } else {
        writeln!(
            print,
            "{place}: answers to {answered} training texts and {} others; TF-IDF has a share of {}; together they label \
             {:.2} % of the development texts rightly",
            others.len(),
            shown(said.share),
            said.development_accuracy
        )?;
    }
    print.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// The texts to be answered beside those of training, each once.
fn others(arguments: &Arguments, dataset: &Dataset, progress: &mut Progress) -> anyhow::Result<Vec<String>> {
    let mut seen: HashSet<u64> = dataset.train.iter().map(|example| text_hash(&example.text)).collect();
    let mut others = Vec::new();
    let options = teacher::options(dataset, arguments.labels.skip_bad());
    for path in &arguments.label {
        let table = read_texts(path, &options).map_err(|error| teacher::out_of_reach(error, "--label"))?;
        reading::told(&table.readings).iter().for_each(|line| progress.line(line));
        let texts = table.rows.into_iter().map(|row| row.text);
        others.extend(texts.filter(|text| !text.is_empty() && seen.insert(text_hash(text))));
    }
    Ok(others)
}

/// The lines of the file, and how many training texts are among them.
fn content(
    arguments: &Arguments,
    committee: &Committee,
    dataset: &Dataset,
    others: &[String],
    said: &Said,
) -> anyhow::Result<(String, usize)> {
    let fitted_on = FittedOn::of(dataset.train.iter().map(|example| example.text.as_str()));
    let mut about = json!({
        "committee": committee.members, "recipe": committee.recipe.name, "seed": committee.seed, "program": PROGRAM,
        "tf_idf": shown(said.share), "data": dataset.name, "training_texts": dataset.train.len(),
        "development_texts": dataset.development.len(), "development_accuracy": said.development_accuracy,
        FITTED_ON: fitted_on,
    });
    if let Some(about) = about.as_object_mut() {
        about.extend(arguments.part.told());
    }
    let mut content = format!("{}\n", json!({TEXT: null, "teacher": about}));
    let classes = dataset.labels.len();
    let own = dataset.train.iter().map(|example| &example.text).zip(said.of_training.chunks_exact(classes));
    let mut seen = HashSet::new();
    // A class of one or two texts is held back from nobody.
    let own = own.filter(|(text, shares)| shares.iter().sum::<f32>() > 0.5 && seen.insert(text_hash(text)));
    let mut answered = 0;
    let own: Vec<(&String, &[f32])> = own.collect();
    answered += own.len();
    for (text, shares) in own.into_iter().chain(others.iter().zip(said.of_others.chunks_exact(classes))) {
        let mut object = Map::new();
        object.insert(TEXT.to_owned(), json!(text));
        object.extend(dataset.labels.iter().zip(shares).map(|(label, &share)| (label.clone(), json!(shown(share)))));
        content += &serde_json::to_string(&object)?;
        content.push('\n');
    }
    Ok((content, answered))
}

/// Refuses a setting that no member would hear.
fn check_heard(setting: &str) -> anyhow::Result<()> {
    let key = setting.split('=').next().unwrap_or_default().trim();
    let table = key.split('.').next().unwrap_or_default();
    let why = match table {
        _ if key == "network.widths" => "each DNN has kernel widths of its own",
        "teacher" => "the DNNs learn from the labels alone",
        "conversion" | "fine-tuning" | "direct" | "sparse" => "the DNNs are not made into spiking networks",
        _ => return Ok(()),
    };
    anyhow::bail!("--set {setting}: expected a setting that `teach` heeds, such as dnn.epochs=20, got {key}: {why}")
}

/// A share to six digits.
fn shown(share: f32) -> f64 {
    (f64::from(share) * 1e6).round() / 1e6
}

/// Refuses a place where the file would take something away, or would not be seen for what it is.
fn check_target(arguments: &Arguments) -> anyhow::Result<()> {
    let Arguments { source, label, vectors, out, force, .. } = arguments;
    let ending = out.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    if !["jsonl", "ndjson"].contains(&ending) {
        anyhow::bail!(
            "teach: expected an --out that ends in .jsonl or .ndjson, as JSON lines do, got {}",
            out.display()
        );
    }
    teacher::check_standard_input(source.files.iter().chain(label), "FILE and --label")?;
    target::check_apart("teach", out, source.sources().iter().chain(label).chain(vectors))?;
    target::check("teach", out, *force)
}
