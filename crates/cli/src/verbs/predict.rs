//! `spiketext predict`: labels texts, and on request shows the spikes that led there.

use std::{
    io::{BufWriter, IsTerminal, Write},
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

use serde::{Serialize, Serializer, ser::SerializeMap};
use spiketext::{
    data,
    model::{Model, Prediction, Session},
};

use crate::support::{
    raster::{Raster, TraceAnswer},
    reading,
    stdin_batches::{BATCH_TEXTS, StdinBatches},
    terminal,
};

/// Label texts with a trained model.
///
/// Texts come from the command line, from a file, or one a line from standard input, in which case answers come while
/// input is still read. A text without any word that the model knows is marked unknown; its answer is the share of
/// the classes in training.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  spiketext predict runs/reviews-en-lean-0 \"a warm and funny film\"
  spiketext predict MODEL - < texts.txt
  spiketext predict MODEL --file reviews.csv --text-column body --json
  spiketext predict MODEL \"not bad at all\" --trace

--json prints one object a text: text, label (of a multi-label model the most probable one, and in labels all whose
probability reaches their threshold), probability (of the label), probabilities (of each label; of the ten most probable ones
where there are more, unless --all), unknown,
tokens, known_tokens, acs (accumulations it took). With --trace also trace: tokens with the input dimensions that
fired at each step, the neurons that fired at each step in convolution, features and outputs, and contributions: the
inputs of the read-out that said most for the answer and most against it, with their shares of its score; null for
unknown texts.")]
pub struct Arguments {
    /// The model directory.
    model: PathBuf,
    /// Texts to label; `-` reads one text a line from standard input, and so does no text at all in a pipe.
    #[arg(value_name = "TEXT")]
    texts: Vec<String>,
    /// A file of texts: CSV, TSV, JSON or Parquet (labels are not needed), fastText lines, or plain text with one text
    /// a line.
    #[arg(long, value_name = "FILE", conflicts_with = "texts")]
    file: Option<PathBuf>,
    #[command(flatten)]
    reading: reading::Arguments,
    /// Show the spikes of each text, layer by layer and step by step.
    #[arg(long)]
    trace: bool,
    /// Print JSON, one object a text.
    #[arg(long)]
    json: bool,
    /// With --json: the probabilities of all classes, not of the ten most probable ones.
    #[arg(long, requires = "json")]
    all: bool,
}

pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let from_pipe = arguments.texts.is_empty() && arguments.file.is_none();
    if from_pipe && std::io::stdin().is_terminal() {
        anyhow::bail!("no text to label: give TEXT, --file FILE, or `-` to type or pipe one text a line");
    }
    // A path is hardly ever what somebody wants to know the sentiment of.
    if let Some(file) = arguments.texts.iter().find(|text| Path::new(text).is_file()) {
        anyhow::bail!(
            "'{file}' is a file: `spiketext predict {} --file {file}` labels the texts in it (`-` takes any text from \
             standard input, one a line)",
            arguments.model.display()
        );
    }
    let model = Arc::new(Model::load(&arguments.model)?);
    let mut answers = Answers {
        session: Session::new(model.clone()),
        model: &model,
        arguments,
        out: BufWriter::new(std::io::stdout().lock()),
        columns: terminal::terminal_columns(),
    };
    if let Some(file) = &arguments.file {
        let options = arguments.reading.options(&reading::LabelArguments::default(), Some(&model));
        let table = data::read_texts(file, &options)?;
        for line in reading::told(&table.readings) {
            let _ = writeln!(std::io::stderr(), "{line}");
        }
        let texts: Vec<String> = table.rows.into_iter().map(|row| row.text).collect();
        for texts in texts.chunks(BATCH_TEXTS) {
            answers.write(texts)?;
        }
    } else if from_pipe {
        answers.write_standard_input()?;
    }
    for texts in arguments.texts.chunk_by(|a, b| a != "-" && b != "-") {
        match texts {
            [dash] if dash == "-" => answers.write_standard_input()?,
            texts => answers.write(texts)?,
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Where answers go.
struct Answers<'a, W: Write> {
    model: &'a Model,
    session: Session,
    arguments: &'a Arguments,
    out: W,
    /// The width of the terminal, if it is one.
    columns: Option<usize>,
}

impl<W: Write> Answers<'_, W> {
    fn write_standard_input(&mut self) -> anyhow::Result<()> {
        let waiting = StdinBatches::on(std::io::stdin(), "standard input");
        loop {
            let texts = waiting.batch()?;
            if texts.is_empty() {
                return Ok(());
            }
            self.write(&texts)?;
        }
    }

    /// Labels a batch and writes it out.
    fn write(&mut self, texts: &[String]) -> anyhow::Result<()> {
        let (predictions, _) = self.session.predict(texts);
        for (text, prediction) in texts.iter().zip(&predictions) {
            match (self.arguments.json, self.arguments.trace) {
                (true, traced) => self.json(text, prediction, traced)?,
                (false, false) => self.line(text, prediction)?,
                (false, true) => {
                    self.line(text, prediction)?;
                    let raster = (!prediction.unknown).then(|| Raster::of(self.model, text));
                    match raster {
                        Some(raster) => raster.print(self.columns, &mut self.out)?,
                        None => writeln!(self.out, "  no word of it is known, so nothing was run\n")?,
                    }
                }
            }
        }
        self.out.flush()?;
        Ok(())
    }

    /// Label, probability and the text, in columns.
    fn line(&mut self, text: &str, prediction: &Prediction) -> std::io::Result<()> {
        let labels = self.model.labels();
        let label = |name: &str| terminal::one_line(name, Some(24));
        if let Some(classes) = &prediction.labels {
            // Each with its own probability: they do not exclude one another.
            let with = |&class: &usize| {
                format!("{} {:.1} %", label(&labels[class]), 100.0 * prediction.probabilities[class])
            };
            let told: Vec<String> = classes.iter().map(with).collect();
            let told = if told.is_empty() { "no label".to_owned() } else { told.join(", ") };
            let head = format!("{told}  {}", if prediction.unknown { "(unknown) " } else { "" });
            let left = self.columns.map(|columns| columns.saturating_sub(terminal::width(&head)));
            return writeln!(self.out, "{head}{}", terminal::one_line(text, left));
        }
        let widest = labels.iter().map(|name| terminal::width(&label(name))).max().unwrap_or(0);
        let probability = 100.0 * prediction.probabilities[prediction.label];
        let mark = if prediction.unknown { "(unknown) " } else { "" };
        let head =
            format!("{}  {probability:5.1} %  {mark}", terminal::padded(&label(&labels[prediction.label]), widest));
        let left = self.columns.map(|columns| columns.saturating_sub(terminal::width(&head)));
        writeln!(self.out, "{head}{}", terminal::one_line(text, left))
    }

    fn json(&mut self, text: &str, prediction: &Prediction, traced: bool) -> anyhow::Result<()> {
        let labels = self.model.labels();
        let answer = Answer {
            text,
            label: &labels[prediction.label],
            labels: prediction.labels.as_ref().map(|classes| classes.iter().map(|&class| &labels[class]).collect()),
            probability: prediction.probabilities[prediction.label],
            probabilities: Probabilities { labels, values: &prediction.probabilities, all: self.arguments.all },
            unknown: prediction.unknown,
            tokens: prediction.tokens,
            known_tokens: prediction.known_tokens,
            acs: prediction.operations.acs(),
            trace: traced.then(|| (!prediction.unknown).then(|| Raster::of(self.model, text).answer())),
        };
        writeln!(self.out, "{}", serde_json::to_string(&answer)?)?;
        Ok(())
    }
}

/// One line of `--json`.
#[derive(Serialize)]
struct Answer<'a> {
    text: &'a str,
    label: &'a str,
    /// Of a multi-label model.
    #[serde(skip_serializing_if = "Option::is_none")]
    labels: Option<Vec<&'a String>>,
    probability: f32,
    probabilities: Probabilities<'a>,
    unknown: bool,
    tokens: usize,
    known_tokens: usize,
    acs: u64,
    /// Absent where it was not asked for, null where nothing was run.
    #[serde(skip_serializing_if = "Option::is_none")]
    trace: Option<Option<TraceAnswer>>,
}

/// Classes whose probabilities are given, unless all are asked for.
const TOP: usize = 10;

/// Probabilities under the names of their labels: all in the model's order, or the largest if there are many.
struct Probabilities<'a> {
    labels: &'a [String],
    values: &'a [f32],
    all: bool,
}

impl Serialize for Probabilities<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut classes: Vec<(&String, &f32)> = self.labels.iter().zip(self.values).collect();
        if !self.all && classes.len() > TOP {
            classes.sort_by(|a, b| b.1.total_cmp(a.1));
            classes.truncate(TOP);
        }
        let mut map = serializer.serialize_map(Some(classes.len()))?;
        for (label, value) in classes {
            map.serialize_entry(label, value)?;
        }
        map.end()
    }
}
