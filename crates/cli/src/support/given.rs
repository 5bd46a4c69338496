//! Texts as `predict` and `explain` are given them: on the command line, in a file or folder, a line each from a pipe.

use std::{
    io::{IsTerminal, Write},
    path::Path,
};

use spiketext::{
    data::{self, TextStream},
    model::Model,
};

use super::{
    reading,
    stdin_batches::{BATCH_TEXTS, StdinBatches},
};

/// What a command line gives to a verb that goes through texts one batch after the other.
#[derive(Clone, Copy)]
pub struct Given<'a> {
    /// The verb, and what it does to a text: `predict` and `label`.
    pub verb: [&'static str; 2],
    /// The model directory, as it was given.
    pub model: &'a Path,
    /// Texts as they stand; `-` is standard input.
    pub texts: &'a [String],
    /// A file or folder instead.
    pub file: Option<&'a Path>,
    /// How that is read.
    pub reading: &'a reading::Arguments,
}

impl Given<'_> {
    /// Whether texts come from standard input because nothing else was given.
    fn is_piped(&self) -> bool {
        self.texts.is_empty() && self.file.is_none()
    }

    /// Refuses what cannot be meant, before long work.
    ///
    /// # Errors
    /// If there is nothing to read, flags ask for what is not done, or a text is the name of a file.
    pub fn check(&self) -> anyhow::Result<()> {
        let [verb, does] = self.verb;
        let is_piped = self.is_piped();
        if is_piped && std::io::stdin().is_terminal() {
            anyhow::bail!("no text to {does}: give TEXT, --file FILE, or `-` to type or pipe one text a line");
        }
        if self.file.is_none() {
            let texts = if is_piped { "one text a line from standard input" } else { "texts as they stand" };
            let labels = reading::LabelArguments::default();
            reading::refuse_without_file(self.reading, &labels, texts, "--file FILE (`-` is standard input)")?;
        }
        // A path is hardly ever what somebody wants to know the sentiment of.
        if let Some(file) = self.texts.iter().find(|text| Path::new(text).is_file()) {
            anyhow::bail!(
                "'{file}' is a file: `spiketext {verb} {} --file {file}` {does}s the texts in it (`-` takes any text \
                 from standard input, one a line)",
                self.model.display()
            );
        }
        Ok(())
    }

    /// Hands on the texts in batches, in their order, and says on standard error how a file was read.
    ///
    /// # Errors
    /// If they cannot be read, and those of `take`.
    pub fn each(&self, model: &Model, mut take: impl FnMut(&[String]) -> anyhow::Result<()>) -> anyhow::Result<()> {
        if let Some(file) = self.file {
            return self.file(file, model, take);
        }
        if self.is_piped() {
            return standard_input(&mut take);
        }
        for texts in self.texts.chunk_by(|a, b| a != "-" && b != "-") {
            match texts {
                [dash] if dash == "-" => standard_input(&mut take)?,
                texts => take(texts)?,
            }
        }
        Ok(())
    }

    fn file(
        &self,
        file: &Path,
        model: &Model,
        mut take: impl FnMut(&[String]) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let options = self.reading.options(&reading::LabelArguments::default(), Some(model));
        let no_texts = |path: &Path| say(&[format!("note: {} has no texts", path.display())]);
        if file.is_dir() {
            let table = data::read_texts(file, &options)?;
            say(&reading::told(&table.readings));
            if table.rows.is_empty() {
                no_texts(file);
            }
            let texts: Vec<String> = table.rows.into_iter().map(|row| row.text).collect();
            return texts.chunks(BATCH_TEXTS).try_for_each(take);
        }
        let mut stream = TextStream::open(file, &options)?;
        let at_first = stream.reading().notes.len();
        say(&reading::told_at_first(stream.reading()));
        loop {
            let batch = stream.next_batch(BATCH_TEXTS)?;
            if batch.is_empty() {
                break;
            }
            let texts: Vec<String> = batch.into_iter().map(|record| record.text).collect();
            take(&texts)?;
        }
        say(&reading::told_later(stream.reading(), at_first));
        if stream.reading().rows == 0 {
            no_texts(&stream.reading().path);
        }
        Ok(())
    }
}

fn standard_input(take: &mut impl FnMut(&[String]) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let waiting = StdinBatches::on(std::io::stdin(), "standard input");
    loop {
        let texts = waiting.batch()?;
        if texts.is_empty() {
            return Ok(());
        }
        take(&texts)?;
    }
}

/// Says lines on standard error, where nobody may be listening.
pub fn say(lines: &[String]) {
    for line in lines {
        let _ = writeln!(std::io::stderr(), "{line}");
    }
}
