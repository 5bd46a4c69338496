//! Which texts are varied: the training part of labelled texts, or all texts, from memory or from files.

use std::path::{Path, PathBuf};

use spiketext::data::{self, Dataset, Format, ReadOptions, TextFile};

use super::Arguments;
use crate::support::{dataset, reading};

/// Texts that are worked on at once.
const BATCH_TEXTS: usize = 512;
/// ...or so many bytes of them.
const BATCH_BYTES: usize = 1 << 20;

/// The texts that are varied, those that are held out, and what was chosen.
pub struct Source {
    pub texts: Texts,
    pub held_out: Vec<String>,
    /// Lines for people.
    pub told: Vec<String>,
}

/// Texts that can be gone through more than once.
pub enum Texts {
    Memory(Vec<String>),
    Files(Vec<TextFile>, ReadOptions),
}

impl Source {
    /// Opens what the flags say.
    pub fn open(arguments: &Arguments) -> anyhow::Result<Self> {
        let Arguments { source, reading, labels, all, .. } = arguments;
        if let Some(name) = &source.dataset {
            reading::refuse_without_file(reading, labels, &format!("the data set {name}"), "FILE")?;
            return Ok(Self::of(dataset::load(name, source.data_dir.as_deref())?, *all));
        }
        if source.files.is_empty() {
            anyhow::bail!(
                "augment: expected texts to vary, FILE (`-` is standard input) or --dataset NAME, got none"
            );
        }
        labels.check(labels.multi_label())?;
        let options = reading.options(labels, None);
        if !all && !are_lines(&source.files, &options)? {
            let labelled = Dataset::from_files(&source.files, None, &options).map_err(|error| {
                // It would not help where there are no texts at all.
                let has_texts = |file: &PathBuf| {
                    file == Path::new("-") || file.is_dir() || data::TextStream::open(file, &options).is_ok()
                };
                match source.files.iter().all(has_texts) {
                    true => anyhow::anyhow!("{error}. --all varies all texts, whether they have labels or not"),
                    false => error.into(),
                }
            })?;
            return Ok(Self::of(labelled, false));
        }
        let why = if *all {
            "--all: all texts are varied, those to choose and to test on among them".to_owned()
        } else {
            "lines of text have no labels and no parts: all of them are varied (--format csv or tsv reads labels)"
                .to_owned()
        };
        if source.files.iter().any(|file| file.is_dir()) {
            let (mut texts, mut told) = (Vec::new(), Vec::new());
            for file in &source.files {
                let table = data::read_texts(file, &options)?;
                told.extend(reading::told(&table.readings));
                texts.extend(table.rows.into_iter().map(|row| row.text).filter(|text| !text.is_empty()));
            }
            told.push(why);
            return Ok(Self { texts: Texts::Memory(texts), held_out: Vec::new(), told });
        }
        let files = source.files.iter().map(TextFile::of).collect::<spiketext::Result<_>>()?;
        Ok(Self { texts: Texts::Files(files, options), held_out: Vec::new(), told: vec![why] })
    }

    /// The training part of a data set, or all of it.
    fn of(dataset: Dataset, all: bool) -> Self {
        let mut told = reading::told(&dataset.readings);
        let texts = |part: Vec<data::Example>| part.into_iter().map(|example| example.text);
        let (development, test) = (dataset.development.len(), dataset.test.len());
        let rest = texts(dataset.development).chain(texts(dataset.test));
        let train = texts(dataset.train);
        if all {
            let all: Vec<String> = train.chain(rest).collect();
            told.push(format!(
                "--all: all {} texts are varied, {development} development and {test} test texts among them",
                all.len()
            ));
            return Self { texts: Texts::Memory(all), held_out: Vec::new(), told };
        }
        let (train, held_out): (Vec<String>, Vec<String>) = (train.collect(), rest.collect());
        told.push(format!(
            "{} training texts are varied; {development} development and {test} test texts are held out (parts: {})",
            train.len(),
            dataset.rule
        ));
        Self { texts: Texts::Memory(train), held_out, told }
    }
}

/// Whether files are lines of text, without labels. Standard input is labelled unless --format or --all says
/// otherwise: it comes only once.
fn are_lines(files: &[PathBuf], options: &ReadOptions) -> anyhow::Result<bool> {
    let is_lines = |file: &PathBuf| {
        if options.format.is_some() || file == Path::new("-") || file.is_dir() {
            return options.format == Some(Format::Lines);
        }
        // What cannot be opened so is told by whoever reads labels.
        data::TextStream::open(file, options).is_ok_and(|stream| stream.reading().format == Format::Lines)
    };
    let lines: Vec<&PathBuf> = files.iter().filter(|file| is_lines(file)).collect();
    match lines.first() {
        Some(file) if lines.len() < files.len() => anyhow::bail!(
            "{}: expected labels, as other files have, got a text a line. --all varies all texts, whether they have \
             labels or not",
            file.display()
        ),
        first => Ok(first.is_some()),
    }
}

impl Texts {
    /// Gives all texts that are not empty to `take`, in batches, until it wants no more; how files are read goes to
    /// `tell`.
    pub fn each(
        &self,
        mut tell: impl FnMut(&[String]),
        mut take: impl FnMut(&[String]) -> anyhow::Result<bool>,
    ) -> anyhow::Result<()> {
        match self {
            Self::Memory(texts) => {
                let mut rest = texts.as_slice();
                while !rest.is_empty() {
                    let mut bytes = 0;
                    let fits = |text: &&String| {
                        bytes += text.len();
                        bytes <= BATCH_BYTES
                    };
                    let count = rest.iter().take(BATCH_TEXTS).take_while(fits).count().max(1);
                    let (batch, others) = rest.split_at(count);
                    if !take(batch)? {
                        return Ok(());
                    }
                    rest = others;
                }
            }
            Self::Files(files, options) => {
                for file in files {
                    let mut stream = file.texts(options)?;
                    let at_first = stream.reading().notes.len();
                    tell(&reading::told_at_first(stream.reading()));
                    loop {
                        let batch = stream.next_batch(BATCH_TEXTS)?;
                        if batch.is_empty() {
                            break;
                        }
                        let texts: Vec<String> =
                            batch.into_iter().map(|record| record.text).filter(|text| !text.is_empty()).collect();
                        if !take(&texts)? {
                            return Ok(());
                        }
                    }
                    tell(&reading::told_later(stream.reading(), at_first));
                }
            }
        }
        Ok(())
    }
}
