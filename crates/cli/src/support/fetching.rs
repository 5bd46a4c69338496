//! What `data fetch` and `vectors fetch` share: their options, a bar of bytes, and what is said of a file that is
//! there.

use std::{
    collections::HashSet,
    io::{IsTerminal, Write},
    path::PathBuf,
};

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use spiketext_fetch::{Downloader, Error, Event, Item, Outcome};

use super::{progress::Progress, terminal::one_line};

/// The environment variable that stands in for `--mirror`.
const MIRROR: &str = "SPIKETEXT_MIRROR";

#[derive(Debug, clap::Args)]
pub struct Options {
    /// The folder to put files in [default: the cache, $SPIKETEXT_CACHE].
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
    /// An address below which files lie by the names that they have at their official addresses [default:
    /// $SPIKETEXT_MIRROR, or else the official addresses].
    #[arg(long, value_name = "URL")]
    mirror: Option<String>,
    /// Fetch what is there too, and replace what is there and is another file.
    #[arg(long)]
    again: bool,
    /// Print JSON, one object a line.
    #[arg(long)]
    pub json: bool,
}

/// Fetches one thing after the other.
pub struct Fetching<'a> {
    options: &'a Options,
    folder: PathBuf,
    mirror: Option<String>,
    downloader: Downloader,
    /// Addresses asked so far: two data sets may come in one file.
    asked: HashSet<String>,
}

impl<'a> Fetching<'a> {
    /// As `options` say; files go to the folder `cache` unless they name one.
    pub fn new(
        options: &'a Options,
        cache: impl FnOnce() -> spiketext_fetch::Result<PathBuf>,
    ) -> anyhow::Result<Self> {
        let folder = options.to.clone().map_or_else(cache, Ok)?;
        let named = || std::env::var(MIRROR).ok().filter(|mirror| !mirror.is_empty());
        let mirror = options.mirror.clone().or_else(named);
        Ok(Self { options, folder, mirror, downloader: Downloader::default(), asked: HashSet::new() })
    }

    /// Sees to it that the files of `item` are there.
    pub fn fetch(&mut self, item: &Item) -> anyhow::Result<Outcome> {
        let again = self.options.again && !self.asked.contains(item.remote.url.as_ref());
        let options = spiketext_fetch::Options { mirror: self.mirror.as_deref(), again };
        let mut bar = Bar::new(item.name, self.options.json);
        let outcome =
            spiketext_fetch::fetch(item, &self.folder, &options, &self.downloader, &mut |event| bar.event(event));
        bar.finish();
        self.asked.insert(item.remote.url.to_string());
        outcome.map_err(|error| match error {
            Error::Other { .. } => anyhow::anyhow!("{error} (--again replaces it)"),
            error => error.into(),
        })
    }

    /// Prints what came of `item`: a line, or an object with `more` in it.
    pub fn tell(&self, item: &Item, outcome: &Outcome, more: Value, out: &mut impl Write) -> anyhow::Result<()> {
        let names: Vec<_> =
            outcome.files.iter().filter_map(|file| Some(file.file_name()?.to_string_lossy())).collect();
        let folder = self.folder.display().to_string();
        if self.options.json {
            let event = if outcome.from.is_some() { "fetched" } else { "there" };
            let mut object = json!({
                "event": event, "name": item.name, "from": outcome.from, "folder": folder, "files": names,
            });
            if let (Value::Object(object), Value::Object(more)) = (&mut object, more) {
                object.extend(more);
            }
            writeln!(out, "{object}")?;
        } else {
            let how = match &outcome.from {
                Some(from) => format!("fetched from {from}"),
                None => "already there".to_owned(),
            };
            let line = format!("{}: {how}; {} in {folder}", item.name, names.join(", "));
            writeln!(out, "{}", one_line(&line, None))?;
        }
        // Each at once: the next may take long.
        out.flush()?;
        Ok(())
    }
}

/// A bar of bytes on a terminal, and a line for each new try.
struct Bar {
    name: &'static str,
    quiet: bool,
    lines: Progress,
    bar: Option<ProgressBar>,
}

impl Bar {
    fn new(name: &'static str, quiet: bool) -> Self {
        Self { name, quiet, lines: Progress::new(quiet), bar: None }
    }

    fn event(&mut self, event: Event) {
        match event {
            Event::Begun { from, total, .. } => {
                self.finish();
                if !self.quiet && std::io::stderr().is_terminal() {
                    let bar = total.map_or_else(ProgressBar::no_length, ProgressBar::new);
                    let style = match total {
                        Some(_) => "{msg:<11} [{bar:30}] {bytes}/{total_bytes}, {bytes_per_sec}, {eta} left",
                        None => "{msg:<11} {bytes}, {bytes_per_sec}",
                    };
                    if let Ok(style) = ProgressStyle::with_template(style) {
                        bar.set_style(style.progress_chars("=> "));
                    }
                    bar.set_message(self.name);
                    // What was there already is no measure of this connection's speed.
                    bar.set_position(from);
                    bar.reset_eta();
                    self.bar = Some(bar);
                }
            }
            Event::Received { bytes } => {
                if let Some(bar) = &self.bar {
                    bar.inc(bytes);
                }
            }
            Event::Retrying { cause, pause } => {
                self.finish();
                self.lines.line(&format!("note: {}; again in {} s", one_line(cause, None), pause.as_secs()));
            }
        }
    }

    fn finish(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}
