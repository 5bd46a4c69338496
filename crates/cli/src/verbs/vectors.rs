//! `spiketext vectors`: facts about a file of word vectors, a smaller copy of it, and well-known files by name.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context;
use serde::Serialize;
#[cfg(feature = "fetch")]
use serde_json::json;
use spiketext::{
    text::Language,
    vectors::{self, Origin, Selection, WordVectors},
};
#[cfg(feature = "fetch")]
use spiketext_fetch::{cache, catalogue};

#[cfg(feature = "fetch")]
use crate::support::fetching::{self, Fetching};
use crate::support::{target, terminal};

/// So many of the most frequent words of a file are looked at one by one; mean and deviation are of all.
const LOOKED_AT: usize = 100_000;

/// Look into a file of word vectors, make a small one of it, or fetch one.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    Info(Info),
    Shrink(Shrink),
    #[cfg(feature = "fetch")]
    Fetch(Fetch),
}

/// Tell how many words and dimensions a file has, its statistics and its faults.
///
/// Reads GloVe text, word2vec text and binary, fastText .vec and spiketext's compact format, plain or in .gz, .zst, .bz2,
/// .xz or .zip.
#[derive(Debug, clap::Args)]
struct Info {
    /// A file of word vectors (ARCHIVE.zip/MEMBER names one of several in an archive), or `en` or `zh` for the
    /// built-in ones.
    file: PathBuf,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
    /// Skip and count lines that cannot be read instead of refusing the file.
    #[arg(long)]
    lenient: bool,
}

/// Write a small copy: the most frequent words, in fewer dimensions, one byte an entry.
///
/// Dimensions are reduced by principal components, which are then rotated so that all have the same deviation.
#[derive(Debug, clap::Args)]
struct Shrink {
    /// A file of word vectors, most frequent words first, or `en` or `zh` for the built-in ones.
    file: PathBuf,
    /// The file to write; a name that ends in .zst is packed.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// How many words to keep, counted from the head of the file.
    #[arg(long, value_name = "N", default_value_t = 30_000)]
    words: usize,
    /// How many dimensions to keep.
    #[arg(long, value_name = "D", default_value_t = 128)]
    dimensions: usize,
    /// Where the vectors come from, noted in the file [default: the name of the file].
    #[arg(long, value_name = "TEXT")]
    source: Option<String>,
    /// Under which licence they are, noted in the file.
    #[arg(long, value_name = "TEXT")]
    licence: Option<String>,
    /// Skip and count lines that cannot be read instead of refusing the file.
    #[arg(long)]
    lenient: bool,
}

#[cfg(feature = "fetch")]
/// Get well-known word vectors.
///
/// glove.6B: 400,000 English words in 50, 100, 200 and 300 dimensions (822 MiB). The archive comes from its official
/// address or from a mirror, is compared with its known sum, and is kept as it is: --vectors reads single files in
/// it. A download that was stopped goes on where it was.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  spiketext vectors fetch glove.6B                 prints what to give to --vectors
  spiketext vectors fetch glove.6B --to here       keeps it as here/glove.6B.zip

Proxies are taken from ALL_PROXY, HTTPS_PROXY, HTTP_PROXY and NO_PROXY. --json prints one object:
'event' is fetched or there, 'vectors' has the paths.")]
struct Fetch {
    /// Which vectors: glove.6B.
    name: String,
    #[command(flatten)]
    options: fetching::Options,
}

pub fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    match arguments.action {
        Action::Info(info) => describe(&info)?,
        Action::Shrink(arguments) => shrink(&arguments)?,
        #[cfg(feature = "fetch")]
        Action::Fetch(arguments) => fetch(&arguments)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Reads the first `words` words of a file or of a built-in set.
fn open(file: &Path, words: usize, lenient: bool) -> spiketext::Result<WordVectors> {
    match file.to_str().and_then(|name| name.parse::<Language>().ok()) {
        Some(language) => vectors::built_in(language),
        None => vectors::read(file, &Selection { lenient, ..Selection::first(words) }),
    }
}

/// What `info` tells.
#[derive(Debug, Serialize)]
struct Facts {
    file: String,
    format: String,
    words: u64,
    dimensions: usize,
    /// mu and sigma of all entries of the file.
    mean: f32,
    deviation: f32,
    /// How many words the figures below are of.
    looked_at: usize,
    clipped_share: f64,
    norm_least: f64,
    norm_mean: f64,
    norm_most: f64,
    duplicates: u64,
    variants: u64,
    skipped: u64,
    skipped_lines: Vec<u64>,
    /// The words that the file says it has, where that is not so.
    declared: Option<u64>,
    notes: Vec<String>,
    first_words: Vec<String>,
}

impl Facts {
    fn of(file: &Path, vectors: &WordVectors) -> Self {
        let norms: Vec<f64> = vectors.norms().collect();
        let report = &vectors.report;
        Self {
            file: file.display().to_string(),
            format: report.format.to_string(),
            words: report.words,
            dimensions: vectors.dimension,
            mean: vectors.mean,
            deviation: vectors.deviation,
            looked_at: norms.len(),
            clipped_share: vectors.clipped(),
            norm_least: norms.iter().copied().reduce(f64::min).unwrap_or(0.0),
            norm_mean: norms.iter().sum::<f64>() / norms.len().max(1) as f64,
            norm_most: norms.iter().copied().reduce(f64::max).unwrap_or(0.0),
            duplicates: report.duplicates,
            variants: report.variants,
            skipped: report.skipped,
            skipped_lines: report.skipped_lines.clone(),
            declared: report.declared,
            notes: report.notes(),
            first_words: vectors.words.words().take(12).map(str::to_owned).collect(),
        }
    }

    fn print(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "{}: {}", self.file, self.format)?;
        writeln!(out, "  words        {}", self.words)?;
        writeln!(out, "  dimensions   {}", self.dimensions)?;
        writeln!(out, "  mean         {:.6} (mu, all entries)", self.mean)?;
        writeln!(out, "  deviation    {:.6} (sigma, all entries)", self.deviation)?;
        writeln!(out, "  duplicates   {} (the first counts)", self.duplicates)?;
        write!(out, "  skipped      {} lines that cannot be read", self.skipped)?;
        if !self.skipped_lines.is_empty() {
            let lines: Vec<String> = self.skipped_lines.iter().map(u64::to_string).collect();
            let more = if self.skipped > lines.len() as u64 { ", …" } else { "" };
            write!(out, ": {}{more}", lines.join(", "))?;
        }
        for note in &self.notes {
            write!(out, "\n  note: {}", terminal::one_line(note, None))?;
        }
        writeln!(out, "\n\n  Of the first {} distinct tokens:", self.looked_at)?;
        writeln!(out, "  norms        {:.3} to {:.3}, mean {:.3}", self.norm_least, self.norm_most, self.norm_mean)?;
        writeln!(out, "  clipped      {:.2} % of the entries lie beyond 3 sigma", 100.0 * self.clipped_share)?;
        writeln!(out, "  variants     {} other spellings of a token (case, width)", self.variants)?;
        writeln!(out, "  words        {} …", self.first_words.join(" "))
    }
}

fn describe(arguments: &Info) -> anyhow::Result<()> {
    let facts = Facts::of(&arguments.file, &open(&arguments.file, LOOKED_AT, arguments.lenient)?);
    let mut out = io::stdout().lock();
    match arguments.json {
        true => writeln!(out, "{}", serde_json::to_string_pretty(&facts)?)?,
        false => facts.print(&mut out)?,
    }
    Ok(())
}

fn shrink(arguments: &Shrink) -> anyhow::Result<()> {
    target::check_apart("vectors shrink", &arguments.out, [&arguments.file])?;
    let large = open(&arguments.file, arguments.words, arguments.lenient)?;
    for note in large.report.notes() {
        let _ = writeln!(io::stderr(), "note: {}: {note}", arguments.file.display());
    }
    let small = vectors::shrink(&large, arguments.words, arguments.dimensions)?;
    let origin = origin(arguments);
    vectors::write_compact(&arguments.out, &small, &origin)?;
    let words = small.words.len();
    let spread = large.spread(words);
    let kept = if spread > 0.0 { small.spread(words) / spread } else { 1.0 };
    let bytes =
        std::fs::metadata(&arguments.out).with_context(|| format!("cannot read {}", arguments.out.display()))?.len();
    writeln!(
        io::stdout().lock(),
        "{}: {words} words x {} dimensions, {:.1} % of the variance, {bytes} bytes",
        arguments.out.display(),
        small.dimension,
        100.0 * kept,
    )?;
    Ok(())
}

#[cfg(feature = "fetch")]
fn fetch(arguments: &Fetch) -> anyhow::Result<()> {
    let known = catalogue::vectors();
    let vectors = known.iter().find(|vectors| vectors.item.name == arguments.name).ok_or_else(|| {
        let known = known.iter().map(|vectors| vectors.item.name.to_owned()).collect();
        spiketext::Error::UnknownName { what: "word vectors", name: arguments.name.clone(), known }
    })?;
    let mut fetching = Fetching::new(&arguments.options, cache::vectors)?;
    let outcome = fetching.fetch(&vectors.item)?;
    let paths = outcome.files.iter().flat_map(|file| vectors.members.iter().map(move |member| file.join(member)));
    let paths: Vec<String> = paths.map(|path| path.display().to_string()).collect();
    let mut out = io::stdout().lock();
    fetching.tell(&vectors.item, &outcome, json!({ "vectors": paths }), &mut out)?;
    if !arguments.options.json {
        for path in paths {
            writeln!(out, "  --vectors {}", terminal::one_line(&path, None))?;
        }
    }
    Ok(())
}

/// What is noted in the file. Folders are left out: they tell about a machine, not about vectors.
fn origin(arguments: &Shrink) -> Origin {
    let name = |path: &Path| path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    let command = format!(
        "spiketext vectors shrink {} --out {} --words {} --dimensions {}",
        name(&arguments.file),
        name(&arguments.out),
        arguments.words,
        arguments.dimensions,
    );
    Origin {
        source: arguments.source.clone().unwrap_or_else(|| name(&arguments.file)),
        licence: arguments.licence.clone().unwrap_or_default(),
        command,
    }
}
