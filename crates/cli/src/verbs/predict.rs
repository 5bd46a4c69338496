//! `spiketext predict`: labels texts, and shows the spikes that led there, or writes a table of the answers.

use std::{
    io::{BufWriter, Write},
    num::NonZeroUsize,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use serde::{Serialize, Serializer, ser::SerializeMap};
use sha2::{Digest, Sha256};
use spiketext::{
    data::{Appending, Cell, Destination, EarlierRun, KeptAnswers, TableForm},
    model::{Abstention, CONFIG, Model, Prediction, Session},
};

use crate::support::{
    answer_columns::{AnswerColumns, answer},
    given::{Given, say},
    interrupt,
    raster::{Raster, TraceAnswer},
    reading,
    table_progress::TableProgress,
    terminal,
};

/// Label texts with a trained model.
///
/// Texts come from the command line, from a file, or one a line from standard input, in which case answers come while
/// input is still read. A text without any word that the model knows is marked unknown; its answer is the share of
/// the classes in training.
///
/// With --out the file's table is written again, row by row and in its order, with columns for the answers.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  spiketext predict runs/reviews-en-lean-0 \"a warm and funny film\"
  spiketext predict MODEL - < texts.txt
  spiketext predict MODEL --file reviews.csv --text-column body --json
  spiketext predict MODEL --file reviews.csv --out labelled.csv
  spiketext predict MODEL --file in.parquet --out out.parquet --top 3 --threshold 0.8 --none-label unsure
  spiketext predict MODEL --file ten-million.parquet --out labelled.parquet --resume
  spiketext predict MODEL --file - --format csv --out - < in.csv > out.csv
  spiketext predict MODEL \"not bad at all\" --trace

--json prints one object a text: text (of a file of lines without the blanks at their ends), label (of a multi-label
model the most probable one, and in labels all whose probability reaches their threshold), probability (of the most probable class, which is the label unless
--none-label stands there), probabilities (of each label; of the ten most probable ones where there are more, unless
--all), unknown, tokens, known_tokens, acs (accumulations it took). With --trace also trace: tokens with the input
dimensions that fired at each step, the neurons that fired at each step in convolution, features and outputs, and contributions: the
inputs of the read-out that said most for the answer and most against it, with their shares of its score; null for
unknown texts.

--out adds the columns label (of a multi-label model labels: a list in JSON, else with the first of | ; , and tab between that
no label has), probability (of the most probable class) and unknown (true for texts without a known
word, empty ones too) behind those of the table, and with --top K label_1, probability_1 to label_K, probability_K:
the K most probable classes, whatever the threshold says. One row comes out for each row that goes in; blank lines of
a CSV or of JSON lines are no rows, those of plain text are. Within one form everything else stays as it is: CSV
records and JSON objects to the letter (with the delimiter, sep= line and line ends of the file; UTF-16 becomes
UTF-8), columns of Parquet to the byte. From one form to another:
  CSV, TSV, text       every field becomes a string, of JSON or Parquet; a line of text the column 'text', one of
                       fastText, with its labels, the column 'line'
  JSON to CSV, TSV     numbers as they are written; null and missing fields become empty; lists, objects and fields
                       that the first 100 objects lack are refused
  JSON to Parquet      refused: JSON has no types of columns
  Parquet to others    numbers, strings, booleans, dates and times; nested columns only to JSON; what has no
                       counterpart (bytes, NaN in JSON, nanoseconds) is refused
The file is written beside its place and moved there when it is whole: any error leaves nothing there. Answers to more
than 8,192 texts are kept until then in a file called as --out with .answers behind it; after a kill, a full disk or a
broken row, --resume goes on from there, and the table is that of an uninterrupted run. `-` writes to standard output
as it goes, CSV for CSV, TSV for TSV and JSON lines for all else unless --out-format says otherwise.
Memory does not grow with the file; Parquet from standard input lies in a temporary file, and so do the answers to
large row groups.")]
pub struct Arguments {
    /// The model directory.
    model: PathBuf,
    /// Texts to label; `-` reads one text a line from standard input, and so does no text at all in a pipe.
    #[arg(value_name = "TEXT")]
    texts: Vec<String>,
    /// A file of texts: CSV, TSV, JSON or Parquet (labels are not needed), fastText lines, or plain text with one text
    /// a line; `-` reads such a file from standard input.
    #[arg(long, value_name = "FILE", conflicts_with = "texts")]
    file: Option<PathBuf>,
    #[command(flatten)]
    reading: reading::Arguments,
    #[command(flatten)]
    table: TableArguments,
    /// Answer --none-label where the most probable class has a probability below this, from 0 to 1.
    #[arg(long, value_name = "P", requires = "none_label")]
    threshold: Option<f32>,
    /// What is answered where no class is.
    #[arg(long, value_name = "NAME")]
    none_label: Option<String>,
    /// Answer --none-label to texts without any word that the model knows, however probable their class is.
    #[arg(long, requires = "none_label")]
    unknown_as_none: bool,
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

/// A table with answers.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "A table with answers")]
struct TableArguments {
    /// Write the table of --file again with the answers: .csv, .tsv, .jsonl, .ndjson, .json (one array) or .parquet,
    /// all but the last with .gz or .zst behind it too; `-` for standard output.
    #[arg(short, long, value_name = "FILE", requires = "file", conflicts_with_all = ["texts", "json", "trace"])]
    out: Option<PathBuf>,
    /// The form of --out, whatever its ending: csv, tsv, jsonl, json or parquet.
    #[arg(long, value_name = "FORMAT", requires = "out")]
    out_format: Option<TableForm>,
    /// Also columns for the K most probable classes and their probabilities.
    #[arg(long, value_name = "K", requires = "out")]
    top: Option<NonZeroUsize>,
    /// What the names of the new columns begin with: a table may have some of their names already.
    #[arg(long, value_name = "PREFIX", requires = "out", default_value = "", hide_default_value = true)]
    prefix: String,
    /// Replace --out if it is there.
    #[arg(long, requires = "out")]
    force: bool,
    /// Go on from the answers that an interrupted run with the same arguments has kept beside --out.
    #[arg(long, requires = "out")]
    resume: bool,
}

pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let given = Given {
        verb: ["predict", "label"],
        model: &arguments.model,
        texts: &arguments.texts,
        file: arguments.file.as_deref(),
        reading: &arguments.reading,
    };
    given.check()?;
    let abstention = match &arguments.none_label {
        Some(label) => Some(Abstention::new(label.clone(), arguments.threshold, arguments.unknown_as_none)?),
        None => None,
    };
    let model = Arc::new(Model::load(&arguments.model)?);
    if abstention.is_some() && model.thresholds().is_some() {
        anyhow::bail!(
            "--none-label, --threshold: expected a model of one label a text, got {}, a multi-label model: it answers no \
             label where none is probable enough",
            arguments.model.display()
        );
    }
    if let Some(abstention) =
        abstention.as_ref().filter(|rule| model.labels().iter().any(|name| name == rule.label()))
    {
        let label = terminal::one_line(abstention.label(), Some(40));
        say(&[format!("note: '{label}' is a class of the model too; no one can tell its answers from no answer")]);
    }
    if let (Some(file), Some(out)) = (&arguments.file, &arguments.table.out) {
        return write_table(&model, abstention.as_ref(), arguments, file, out);
    }
    let mut answers = Answers {
        session: Session::new(model.clone()),
        model: &model,
        abstention: abstention.as_ref(),
        arguments,
        out: BufWriter::new(std::io::stdout().lock()),
        columns: terminal::terminal_columns(),
    };
    given.each(&model, |texts| answers.write(texts))?;
    Ok(ExitCode::SUCCESS)
}

/// Writes the table in `file` with the answers to its texts.
fn write_table(
    model: &Arc<Model>,
    abstention: Option<&Abstention>,
    arguments: &Arguments,
    file: &Path,
    out: &Path,
) -> anyhow::Result<ExitCode> {
    let table = &arguments.table;
    if file.is_dir() {
        anyhow::bail!("--out writes one table: expected a file as --file, got the folder {}", file.display());
    }
    if file.as_os_str() == "-" && !arguments.reading.says_format() {
        anyhow::bail!("a table from standard input: expected its form (--format csv, jsonl, ...), got none");
    }
    let answers = AnswerColumns::of(model, abstention, table.top.map_or(0, NonZeroUsize::get), &table.prefix)?;
    let destination = Destination::of(out, table.out_format, table.force)?;
    destination.check(&arguments.model)?;
    let to_file = out.as_os_str() != "-";
    if table.resume && !to_file {
        anyhow::bail!("--resume: expected a file as --out, got standard output, where what went has gone");
    }
    let (place, replaced) = (destination.path().display().to_string(), destination.replaces());
    let options = arguments.reading.options(&reading::LabelArguments::default(), Some(model));
    let appending = Appending::open(file, &options, destination, answers.columns())?;
    let at_first = appending.reading().notes.len();
    say(&reading::told_at_first(appending.reading()));
    if let Some(separator) = answers.separator {
        say(&[format!(
            "note: labels of one text stand in the column '{}labels', as a list in JSON and else with '{}' between",
            table.prefix,
            separator.escape_debug()
        )]);
    }
    say(&appending.notes().iter().map(|note| format!("note: {note}")).collect::<Vec<_>>());
    let mut kept =
        if to_file { Some(Kept::beside(out, arguments, abstention, answers.columns().len())?) } else { None };
    let mut session = Session::new(model.clone());
    let mut progress = TableProgress::new(appending.extent());
    let (mut unknown, mut none) = (0, 0);
    let read = appending.run(|texts| {
        let mut make = |texts: &[&str]| {
            let (predictions, _) = session.predict(texts);
            Ok(predictions.iter().map(|prediction| answers.cells(prediction)).collect())
        };
        let (cells, is_old) = match &mut kept {
            Some(kept) => kept.answer(texts, make)?,
            None => (make(texts)?, false),
        };
        for row in &cells {
            let said = |cell: &Cell| abstention.is_some_and(|rule| *cell == Cell::Text(rule.label().to_owned()));
            unknown += usize::from(row[answers.unknown()] == Cell::Truth(true));
            none += usize::from(row.first().is_some_and(said));
        }
        progress.add(texts.len(), is_old);
        Ok(cells)
    });
    progress.finish();
    let read = match (read, &kept) {
        (Err(error), Some(kept)) => {
            say(&kept.told().into_iter().map(|told| format!("note: {told}")).collect::<Vec<_>>());
            return Err(error.into());
        }
        (read, _) => read?,
    };
    if let Some(kept) = kept {
        kept.remove()?;
    }
    say(&reading::told_later(&read, at_first));
    let replaced = if replaced { " (replaced)" } else { "" };
    let counts = abstention.map_or_else(String::new, |rule| {
        format!(", answered '{}': {none}", terminal::one_line(rule.label(), Some(40)))
    });
    if read.rows == 0 {
        say(&[format!("note: {} has no texts", read.path.display())]);
    }
    say(&[format!("labelled {} texts -> {place}{replaced}; without a known word: {unknown}{counts}", read.rows)]);
    Ok(ExitCode::SUCCESS)
}

/// Answers that are kept until the table is whole.
struct Kept {
    answers: KeptAnswers,
    /// How many of them are in the file, for whoever is interrupted.
    in_file: Arc<AtomicUsize>,
    /// Texts that have their answers.
    answered: usize,
    /// Whether it was said that the answers of an earlier run are not to all texts.
    has_missed: bool,
}

impl Kept {
    /// Beside the table at `out`, and says what was found there. From now on an interruption says what is kept.
    fn beside(
        out: &Path,
        arguments: &Arguments,
        abstention: Option<&Abstention>,
        columns: usize,
    ) -> anyhow::Result<Self> {
        let config = arguments.model.join(CONFIG);
        let description = std::fs::read(&config).map_err(spiketext::Error::read(&config))?;
        // The description has the hashes of all that the model is.
        let mut identity = Sha256::new();
        identity.update(Sha256::digest(&description));
        identity.update(env!("CARGO_PKG_VERSION"));
        identity.update(format!("{abstention:?} {:?} {:?}", arguments.table.top, arguments.table.prefix));
        let resume = arguments.table.resume;
        let (answers, earlier) = KeptAnswers::beside(out, identity.finalize().into(), columns, resume)?;
        let (place, path) = (answers.path().to_owned(), answers.path().display().to_string());
        // Until it has answers it is of no use to anybody.
        let is_new = earlier == EarlierRun::None;
        match earlier {
            EarlierRun::None if resume => {
                say(&["note: no answers of an interrupted run are there: starting anew".to_owned()]);
            }
            EarlierRun::None => {}
            EarlierRun::TakenUp(texts) => say(&[format!("going on: answers to {texts} texts are in {path}")]),
            EarlierRun::Passed => say(&[format!(
                "note: answers of an interrupted run are in {path} and will be replaced; --resume would go on from them"
            )]),
            EarlierRun::CannotBe(why) => say(&[format!(
                "note: there can be no file for the answers ({why}), so that --resume will not help if this is interrupted"
            )]),
        }
        let in_file = Arc::new(AtomicUsize::new(answers.in_file()));
        let counted = Arc::clone(&in_file);
        interrupt::remove_begun_files(move || {
            let kept = counted.load(Ordering::Relaxed);
            if is_new && kept == 0 {
                let _ = std::fs::remove_file(place);
            }
            (kept > 0).then(|| {
                format!(
                    "the answers to {kept} texts are kept in {path}; to go on: {}",
                    interrupt::command_with("--resume")
                )
            })
        })?;
        Ok(Self { answers, in_file, answered: 0, has_missed: false })
    }

    /// The answers to the next texts, and whether an earlier run had made them.
    fn answer(
        &mut self,
        texts: &[&str],
        make: impl FnOnce(&[&str]) -> spiketext::Result<Vec<Vec<Cell>>>,
    ) -> spiketext::Result<(Vec<Vec<Cell>>, bool)> {
        let before = self.answers.taken_up();
        let cells = self.answers.answer(texts, make);
        self.in_file.store(self.answers.in_file(), Ordering::Relaxed);
        let cells = cells?;
        if self.answers.has_missed() && !self.has_missed {
            self.has_missed = true;
            let first = self.answered + 1;
            say(&[format!("from text {first} on there are texts without kept answers, which are answered now")]);
        }
        self.answered += texts.len();
        Ok((cells, self.answers.taken_up() > before))
    }

    /// What is kept of a run that cannot go on.
    fn told(&self) -> Option<String> {
        let (kept, path) = (self.answers.in_file(), self.answers.path().display());
        (kept > 0).then(|| format!("the answers to {kept} texts are kept in {path}; --resume goes on from there"))
    }

    fn remove(self) -> spiketext::Result<()> {
        self.answers.remove()
    }
}

/// Where answers go.
struct Answers<'a, W: Write> {
    model: &'a Model,
    session: Session,
    abstention: Option<&'a Abstention>,
    arguments: &'a Arguments,
    out: W,
    /// The width of the terminal, if it is one.
    columns: Option<usize>,
}

impl<W: Write> Answers<'_, W> {
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
        let said = answer(labels, self.abstention, prediction);
        let widest = self.abstention.map_or(widest, |rule| widest.max(terminal::width(&label(rule.label()))));
        let probability = 100.0 * prediction.probabilities[prediction.label];
        let mark = if prediction.unknown { "(unknown) " } else { "" };
        let head = format!("{}  {probability:5.1} %  {mark}", terminal::padded(&label(said), widest));
        let left = self.columns.map(|columns| columns.saturating_sub(terminal::width(&head)));
        writeln!(self.out, "{head}{}", terminal::one_line(text, left))
    }

    fn json(&mut self, text: &str, prediction: &Prediction, traced: bool) -> anyhow::Result<()> {
        let labels = self.model.labels();
        let answer = Answer {
            text,
            label: answer(labels, self.abstention, prediction),
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
