//! `spiketext data`: which data sets there are and what is in them.

mod split;

use std::{io::Write, path::PathBuf, process::ExitCode};

use comfy_table::Table;
use serde_json::json;
use spiketext::{
    data::{self, Dataset, Lengths, ReadOptions, Summary},
    text::detect_language,
    vectors::Familiarity,
};
#[cfg(feature = "fetch")]
use spiketext_fetch::{cache, catalogue};

#[cfg(feature = "fetch")]
use crate::support::{
    dataset::find,
    fetching::{self, Fetching},
};
use crate::support::{
    dataset::{DATA_DIR, cache_folder, data_folder, place},
    reading, tables, terminal,
};

/// More classes than this are counted, not shown one by one: they are most often a wrong label column.
const SHOWN_CLASSES: usize = 30;

/// So many training texts are looked at for their language.
const LOOKED_AT: usize = 2_000;

/// Columns of an example text on one line.
const SHOWN_COLUMNS: usize = 100;

/// List and fetch the known data sets, or show one data set or file.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// List the data sets that go by a name.
    List(ListArguments),
    /// Show what is in a known data set, a file of labelled texts or a folder of class folders.
    Show(ShowArguments),
    Split(split::Arguments),
    #[cfg(feature = "fetch")]
    Fetch(FetchArguments),
}

#[derive(Debug, clap::Args)]
struct ListArguments {
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
struct ShowArguments {
    /// A known data set (see `data list`), or a CSV, TSV, JSON-lines, Parquet or fastText file or folder; `-` is
    /// standard input. Several files are read as one.
    #[arg(value_name = "NAME|FILE", required = true)]
    names: Vec<String>,
    /// The folder with the original files of known data sets [default: $SPIKETEXT_DATA_DIR, then the cache of
    /// `spiketext data fetch`].
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    #[command(flatten)]
    reading: reading::Arguments,
    #[command(flatten)]
    labels: reading::LabelArguments,
    /// How many training texts of each class to print.
    #[arg(long, value_name = "N", default_value_t = 2)]
    count: usize,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[cfg(feature = "fetch")]
/// Get the original files of known data sets.
///
/// They come from their official addresses or from a mirror, are compared with their known sums, and go to the cache,
/// where every verb finds them without --data-dir. What is there is not fetched again; a download that was stopped
/// goes on where it was.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  spiketext data fetch sst2                       then: spiketext train --dataset sst2
  spiketext data fetch --all --to my-data         then: spiketext data show mr --data-dir my-data
  spiketext data fetch mr --mirror http://HOST/x  gets http://HOST/x/rt-polaritydata.tar.gz

Proxies are taken from ALL_PROXY, HTTPS_PROXY, HTTP_PROXY and NO_PROXY. Without a network, put the
files that `data list` names into a folder and give it to --data-dir. --json prints one object a
line: 'event' is fetched, there or built-in.")]
struct FetchArguments {
    /// Known data sets (see `data list`).
    #[arg(value_name = "NAME", required_unless_present = "all", conflicts_with = "all")]
    names: Vec<String>,
    /// All known data sets.
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    options: fetching::Options,
}

pub fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let mut out = std::io::stdout().lock();
    match arguments.action {
        Action::List(arguments) => list(&arguments, &mut out)?,
        Action::Show(arguments) => show(arguments, &mut out)?,
        Action::Split(arguments) => split::run(&arguments, &mut out)?,
        #[cfg(feature = "fetch")]
        Action::Fetch(arguments) => fetch(&arguments, &mut out)?,
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

fn list(arguments: &ListArguments, out: &mut impl Write) -> anyhow::Result<()> {
    if arguments.json {
        let sets: Vec<_> = data::known()
            .iter()
            .map(|set| {
                json!({
                    "name": set.name, "language": set.language, "classes": set.classes, "texts": set.texts(),
                    "rule": set.rule, "built_in": set.is_built_in(), "files": set.files(), "source": set.source,
                    "folder": place(set).map(|(folder, _)| folder.display().to_string()),
                })
            })
            .collect();
        writeln!(out, "{}", serde_json::to_string_pretty(&sets)?)?;
        return Ok(());
    }
    let mut table = tables::plain(&["name", "language", "texts", "classes", "parts", "where"], &[2]);
    for set in data::known() {
        let texts = set.texts().to_string();
        let place = match place(set) {
            _ if set.is_built_in() => "built in",
            Some((_, place)) => place,
            None => "to fetch",
        };
        table.add_row([set.name, set.language, &texts, &set.classes.join(", "), &set.rule.to_string(), place]);
    }
    writeln!(out, "{}", table.trim_fmt())?;
    writeln!(out)?;
    for set in data::known() {
        match set.files().join(", ") {
            files if files.is_empty() => writeln!(out, "{}: {}", set.name, set.source)?,
            files => writeln!(out, "{}: {files}; {}", set.name, set.source)?,
        }
    }
    writeln!(
        out,
        "\nOriginal files are looked for in --data-dir (or ${DATA_DIR}) and in the folder raw below it, then in the"
    )?;
    match cache_folder() {
        Some(folder) => writeln!(out, "cache {}.", terminal::one_line(&folder.display().to_string(), None))?,
        #[cfg(feature = "fetch")]
        None => writeln!(out, "cache (there is none: ${} is not set).", cache::VARIABLE)?,
        #[cfg(not(feature = "fetch"))]
        None => writeln!(out, "cache (there is none: this program was built without `fetch`).")?,
    }
    #[cfg(feature = "fetch")]
    writeln!(out, "`spiketext data fetch NAME` gets them.")?;
    Ok(())
}

#[cfg(feature = "fetch")]
fn fetch(arguments: &FetchArguments, out: &mut impl Write) -> anyhow::Result<()> {
    let names: Vec<&str> = match arguments.all {
        true => catalogue::data().iter().map(|item| item.name).collect(),
        false => arguments.names.iter().map(String::as_str).collect(),
    };
    // All names before any file: a typing error should not show after a long download.
    for name in &names {
        if find(name).is_none() {
            return Err(unknown(name));
        }
    }
    let mut fetching = Fetching::new(&arguments.options, cache::data)?;
    for name in names {
        match catalogue::data().iter().find(|item| item.name == name) {
            Some(item) => {
                let outcome = fetching.fetch(item)?;
                fetching.tell(item, &outcome, json!({}), out)?;
            }
            None if arguments.options.json => writeln!(out, "{}", json!({"event": "built-in", "name": name}))?,
            None => writeln!(out, "{name}: built in, there is nothing to fetch")?,
        }
    }
    Ok(())
}

#[cfg(feature = "fetch")]
fn unknown(name: &str) -> anyhow::Error {
    let known = data::known().iter().map(|set| set.name.to_owned()).collect();
    spiketext::Error::UnknownName { what: "data set", name: name.to_owned(), known }.into()
}

fn show(arguments: ShowArguments, out: &mut impl Write) -> anyhow::Result<()> {
    arguments.labels.check(arguments.labels.multi_label())?;
    let options = arguments.reading.options(&arguments.labels, None);
    let dataset = match arguments.names.as_slice() {
        [name] => {
            let folder = if options == ReadOptions::default() {
                data_folder(name, arguments.data_dir.as_deref())?
            } else {
                // Columns are for files, which need no folder.
                arguments.data_dir
            };
            data::open(name, folder.as_deref(), &options)?
        }
        files => Dataset::from_files(files, None, &options)?,
    };
    let summary = dataset.summary();
    let texts = || dataset.train.iter().map(|example| example.text.as_str());
    let language = detect_language(texts());
    let tokens: Vec<Vec<String>> = texts().take(LOOKED_AT).map(|text| language.tokenizer().tokenize(text)).collect();
    let familiarity = Familiarity::with_built_in(language, &tokens)?;
    let note = familiarity.told_of_language(language);
    let known = if note.is_some() { None } else { Some(language) };
    if arguments.json {
        let examples: Vec<_> = (0..dataset.labels.len())
            .map(|class| json!({"label": dataset.labels[class], "texts": examples(&dataset, class, arguments.count)}))
            .collect();
        let shown = json!({
            "name": dataset.name, "multi_label": dataset.multi_label, "source": dataset.source, "rule": dataset.rule, "labels": dataset.labels,
            "readings": dataset.readings, "summary": summary, "report": dataset.report, "examples": examples,
            "language": known, "language_share": familiarity.share(), "language_note": note,
        });
        writeln!(out, "{}", serde_json::to_string_pretty(&shown)?)?;
        return Ok(());
    }
    writeln!(out, "{}: {} texts, {} classes", dataset.name, summary.texts, dataset.labels.len())?;
    writeln!(out, "source: {}", dataset.source)?;
    for line in reading::told(&dataset.readings) {
        writeln!(out, "{line}")?;
    }
    match &note {
        Some(note) => writeln!(out, "language: unknown; {note}")?,
        None => writeln!(out, "language: {}", language.title())?,
    }
    writeln!(out, "parts: {}\n", dataset.rule)?;
    writeln!(out, "{}\n", class_table(&dataset, &summary).trim_fmt())?;
    writeln!(out, "{}", length_table(&summary).trim_fmt())?;
    let remarks = remarks(&dataset);
    if !remarks.is_empty() {
        writeln!(out)?;
    }
    for remark in remarks {
        writeln!(out, "{remark}")?;
    }
    if arguments.count > 0 {
        for (class, label) in dataset.labels.iter().enumerate().take(SHOWN_CLASSES) {
            writeln!(out, "\n{}", one_line(label))?;
            for text in examples(&dataset, class, arguments.count) {
                writeln!(out, "  {}", one_line(text))?;
            }
        }
    }
    Ok(())
}

/// The first training texts of a class.
fn examples(dataset: &Dataset, class: usize, count: usize) -> Vec<&str> {
    dataset
        .train
        .iter()
        .filter(|example| example.target.classes().contains(&class))
        .take(count)
        .map(|e| e.text.as_str())
        .collect()
}

/// How many texts of each class are in each part, and their share of the part.
fn class_table(dataset: &Dataset, summary: &Summary) -> Table {
    let mut header = vec!["class"];
    for part in &summary.parts {
        header.extend([part.split.name(), ""]);
    }
    let mut table = tables::plain(&header, &[1, 2, 3, 4, 5, 6]);
    for (class, label) in dataset.labels.iter().enumerate().take(SHOWN_CLASSES) {
        let mut row = vec![one_line(label)];
        for part in &summary.parts {
            row.push(part.classes[class].to_string());
            row.push(format!("{:.1} %", 100.0 * part.classes[class] as f64 / part.texts.max(1) as f64));
        }
        table.add_row(row);
    }
    if let Some(more) = dataset.labels.len().checked_sub(SHOWN_CLASSES).filter(|&more| more > 0) {
        table.add_row([format!("… {more} more")]);
    }
    let mut row = vec!["all".to_owned()];
    row.extend(summary.parts.iter().flat_map(|part| [part.texts.to_string(), String::new()]));
    table.add_row(row);
    table
}

/// How long the texts are.
fn length_table(summary: &Summary) -> Table {
    let header = ["characters", "shortest", "median", "mean", "90 % within", "99 % within", "longest"];
    let mut table = tables::plain(&header, &[1, 2, 3, 4, 5, 6]);
    let mut add = |name: &str, lengths: &Lengths| {
        table.add_row([
            name.to_owned(),
            lengths.shortest.to_string(),
            lengths.median.to_string(),
            format!("{:.1}", lengths.mean),
            lengths.tenth_longest.to_string(),
            lengths.hundredth_longest.to_string(),
            lengths.longest.to_string(),
        ]);
    };
    for part in &summary.parts {
        add(part.split.name(), &part.lengths);
    }
    add("all", &summary.lengths);
    table
}

/// A sentence for each thing that was left out or looks odd.
fn remarks(dataset: &Dataset) -> Vec<String> {
    let report = &dataset.report;
    [
        (report.empty, "empty, left out"),
        (report.unused, "marked for another part, left out"),
        (report.duplicates, "the same as an earlier one but for case, width or white space, kept"),
        (report.straddling, "in development or test and in an earlier part too, as the parts were given"),
        (
            report.contradictory,
            match dataset.multi_label {
                true => "with other labels in another place, kept",
                false => "in more than one class, kept",
            },
        ),
    ]
    .into_iter()
    .filter(|remark| remark.0 > 0)
    .map(|(count, what)| format!("texts {what}: {count}"))
    .chain(reading::alike(report))
    .collect()
}

/// `text` on one line: white space folded, control characters escaped, the end cut.
fn one_line(text: &str) -> String {
    terminal::one_line(&text.split_whitespace().collect::<Vec<_>>().join(" "), Some(SHOWN_COLUMNS))
}
