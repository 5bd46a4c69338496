//! `spiketext data split`: the parts of a data set as files of their own, for programs that are to train on the same texts.

#[cfg(feature = "study")]
use std::collections::HashSet;
use std::{
    io::Write,
    path::{Path, PathBuf},
};

use serde_json::json;
#[cfg(feature = "study")]
use spiketext::data::text_hash;
use spiketext::{
    Error,
    data::{Dataset, Example, Split},
    files::write_atomically,
};
#[cfg(feature = "study")]
use spiketext_study::folds;

#[cfg(feature = "study")]
use crate::support::part::PartArgs;
use crate::support::{dataset::DatasetArgs, reading, target};

/// Write the parts of a data set to files of their own, as `train` would divide it.
///
/// For teachers and other programs that are to train on the same texts: train.csv and development.csv with the columns text
/// and label (of several labels a text: JSON lines with lists). Test texts are not written unless asked for.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  spiketext data split reviews.csv --out parts
  spiketext data split --dataset sst2 --out parts --with-test
  spiketext data split reviews.csv --out parts --labelled 500      the others go to unlabelled.csv, without labels
  spiketext data split --dataset mr --out parts --number 3         the fourth of a study's splits
  spiketext data split --dataset mr --out parts --fold 1/5         what `select --folds 5` trains on in its first fold

--json prints one object: out, files (file, texts), repeated (labelled texts that came again, left out).")]
pub struct Arguments {
    #[command(flatten)]
    source: DatasetArgs,
    #[command(flatten)]
    reading: reading::Arguments,
    #[command(flatten)]
    labels: reading::LabelArguments,
    /// The folder to write to.
    #[arg(short, long, value_name = "DIR")]
    out: PathBuf,
    /// Write the test texts, too.
    #[arg(long)]
    with_test: bool,
    /// Keep so many training texts; the others are written to unlabelled.csv without their labels.
    #[cfg(feature = "study")]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    labelled: Option<u64>,
    #[cfg(feature = "study")]
    #[command(flatten)]
    part: PartArgs,
    /// Write over files that are there.
    #[arg(long)]
    force: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments, out: &mut impl Write) -> anyhow::Result<()> {
    let Arguments { source, reading, labels, out: folder, with_test, force, json, .. } = arguments;
    target::check_apart("data split", folder, &source.sources())?;
    let dataset = source.labelled("data split", reading, labels)?;
    for line in reading::told(&dataset.readings) {
        writeln!(std::io::stderr(), "{line}")?;
    }
    let (dataset, unlabelled, repeated) = divided(arguments, dataset)?;
    let extension = if dataset.multi_label { "jsonl" } else { "csv" };
    let names = Some(dataset.labels.as_slice());
    let mut parts = vec![
        ("train", &dataset.train, names),
        ("development", &dataset.development, names),
        ("unlabelled", &unlabelled, None),
    ];
    if *with_test {
        parts.push(("test", &dataset.test, names));
    }
    parts.retain(|part| !part.1.is_empty());
    let path = |name: &str| folder.join(format!("{name}.{extension}"));
    // What an earlier split left would stand beside texts of this one as if it belonged to it.
    let names = ["train", "development", "unlabelled", "test"];
    let there = names.iter().flat_map(|name| ["csv", "jsonl"].map(|ending| folder.join(format!("{name}.{ending}"))));
    let there: Vec<PathBuf> = there.filter(|path| path.exists()).collect();
    let refuse =
        |expected: &str, got: &Path| anyhow::bail!("data split: expected an --out {expected}, got {}", got.display());
    // A link in the folder may lead to what is read.
    there.iter().try_for_each(|part| target::check_apart("data split", part, &source.sources()))?;
    if let (Some(there), false) = (there.first(), force) {
        return refuse("without such files (--force replaces them, and removes parts that are not written)", there);
    }
    if folder.exists() && !folder.is_dir() {
        return refuse("that is a folder", folder);
    }
    std::fs::create_dir_all(folder).map_err(Error::write(folder))?;
    let mut written = Vec::new();
    for (name, examples, labels) in parts {
        write(&path(name), examples, labels, dataset.multi_label)?;
        written.push((path(name), examples.len()));
    }
    for path in there.iter().filter(|path| written.iter().all(|(own, _)| own != *path)) {
        std::fs::remove_file(path).map_err(Error::write(path))?;
        writeln!(std::io::stderr(), "removed {}, of another split", path.display())?;
    }
    if *json {
        let file = |(path, texts): &(PathBuf, usize)| json!({"file": path.display().to_string(), "texts": texts});
        let files: Vec<_> = written.iter().map(file).collect();
        let object = json!({"out": folder.display().to_string(), "files": files, "repeated": repeated});
        writeln!(out, "{object}")?;
        return Ok(());
    }
    for (path, texts) in written {
        writeln!(out, "{}: {texts} texts", path.display())?;
    }
    if repeated > 0 {
        writeln!(out, "labelled texts that come again, left out: {repeated}")?;
    }
    let texts = dataset.part(Split::Test).len();
    if !with_test && texts > 0 {
        writeln!(
            out,
            "test texts left out: {texts} (--with-test writes them, too; who trains on the folder without them tests on \
             some of its training texts)"
        )?;
    }
    Ok(())
}

/// The data set as the flags divide it, the texts that lose their labels, and how many labelled ones came again.
#[cfg(feature = "study")]
fn divided(arguments: &Arguments, dataset: Dataset) -> anyhow::Result<(Dataset, Vec<Example>, usize)> {
    if arguments.part.untested && arguments.with_test {
        anyhow::bail!("--untested and --with-test: expected one of them, got both (no text is a test text there)");
    }
    let dataset = arguments.part.of(dataset)?;
    Ok(match arguments.labelled {
        Some(most) => {
            let most = usize::try_from(most).unwrap_or(usize::MAX);
            let different: HashSet<u64> = dataset.train.iter().map(|example| text_hash(&example.text)).collect();
            let (classes, texts) = (dataset.labels.len(), different.len());
            if most < classes || most > texts {
                anyhow::bail!(
                    "--labelled: expected {classes} (one a class) to {texts} (all different training texts), got {most}"
                )
            }
            let (mut few, others) = folds::few_labelled(&dataset, most);
            // Equal texts come along together: whoever labels one has labelled all.
            let (mut seen, all) = (HashSet::new(), few.train.len());
            few.train.retain(|example| seen.insert(text_hash(&example.text)));
            let repeated = all - few.train.len();
            (few, others, repeated)
        }
        None => (dataset, Vec::new(), 0),
    })
}

#[cfg(not(feature = "study"))]
#[expect(clippy::unnecessary_wraps, reason = "as with the feature")]
fn divided(_: &Arguments, dataset: Dataset) -> anyhow::Result<(Dataset, Vec<Example>, usize)> {
    Ok((dataset, Vec::new(), 0))
}

/// Writes a part: a CSV, or JSON lines where a text has several labels.
fn write(path: &Path, examples: &[Example], labels: Option<&[String]>, multi_label: bool) -> spiketext::Result<()> {
    let mut content = String::new();
    if !multi_label {
        content += if labels.is_some() { "text,label\n" } else { "text\n" };
    }
    for Example { text, target } in examples {
        let names = labels.map(|labels| target.classes().iter().map(|&class| labels[class].as_str()));
        if multi_label {
            let object = match names {
                Some(names) => json!({"text": text, "labels": names.collect::<Vec<_>>()}),
                None => json!({"text": text}),
            };
            content += &format!("{object}\n");
            continue;
        }
        content += &quoted(text);
        names.into_iter().flatten().for_each(|name| content += &format!(",{}", quoted(name)));
        content.push('\n');
    }
    write_atomically(path, content.as_bytes())
}

/// A field of a CSV between quotes.
fn quoted(field: &str) -> String {
    format!("\"{}\"", field.replace('"', "\"\""))
}
