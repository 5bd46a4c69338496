//! `spiketext explain`: which words and n-grams pushed the decision, on a terminal, as JSON or as a page.

mod filters;
mod html;
mod lines;
mod measure;

use std::{
    io::{BufWriter, IsTerminal, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use spiketext::{
    explain::{Deletion, Explainer, Explanation, faithfulness::Examination, json},
    files::write_atomically,
    model::Model,
};

use crate::support::{
    given::{Given, say},
    reading, target, terminal,
};

/// Show which words pushed a model to its labels.
///
/// Every spike of the convolution has a window of words and a weight for each class. Where the outputs add up these
/// spikes (recipe sparse), a score is a sum over n-grams, and the parts are exact. Where layers stand between, what
/// is assumed is said. Beside it stands what no assumption is needed for: how far the score falls without a word,
/// and the fewest words that keep the label.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  spiketext explain runs/reviews-en-sparse-0 \"a warm but not very funny film\"
  spiketext explain MODEL --file reviews.csv --html reviews.html
  spiketext explain MODEL --file reviews.csv --quick --json > parts.jsonl
  spiketext explain MODEL --file reviews.csv --measure
  spiketext explain MODEL --data reviews.csv
  spiketext explain MODEL --data reviews.csv --prune smaller --keep 8

Words are coloured on a terminal: blue pushes to the label, orange to the runner-up (of a model of several labels:
against the label). NO_COLOR and pipes get no colour.

--json prints one object a text: text, label, runner_up, classes (the names in the order of all lists that follow),
probabilities, scores (of which the rest are parts), base (what is said whatever the words are), approximations (none
where n-grams are exact: shares-of-spikes, positive-weights, charge), tokens (text, known, parts: what it said for
each class; drops: how far each score falls without it, null for the last known word and with --quick), ngrams (width,
start and end among the tokens, parts, units: the same in whole units where they are exact, filters: filter and spikes),
units (exponent, rounds, positions, base: score = 2^exponent / rounds * (base + sum of units / positions of the
width)), correlation (of parts and drops over the words), fewest (words: places among the tokens; proven: whether all
smaller sets were tried), both null with --quick. All from tokens on null for a text without a known word.

--data takes the texts as a whole and shows the filters that say most: how many of the windows of their width they fire at,
the class they vote for, how much more a spike says for it than for the mean of all classes, and the n-grams that drive
them most. Twins share 9 in 10 of their windows, groups half of them and a class; a filter that catches negation fires 3
times as often at windows with a word of it. With --json one object: model, data, classes, texts, unknown, filters
(width, filter, rate, texts, spikes, says: a spike's mean part for each class, votes, weight, slots: the mean current from each place
of the window, bias, threshold, strongest: words, current and times, negation, nearest: filter and share of windows, group),
redundant (width, filter, twin), pruned (filters, gone: width, filter, twin that says it now; where the texts have labels
accuracy_before, accuracy in percent, acs_before, acs: accumulations a text).

--measure asks what reasons are worth: comprehensiveness is the probability of the label that is lost without the first
words of an order, sufficiency what is lost when they stand alone, means over 1, 5, 10, 20 and 50 % of the words (ERASER);
beside the order by parts stand those by what is lost without each word, by gradients, and a random one. With --json one
object: model, data, texts, left_out (fewer than two known words), seed, correlation, fewest (share of the words), rankings (ranking,
comprehensiveness, sufficiency, above_random: mean and standard error each, curve: the probability without the first
0, 10, ... 100 % of the words).")]
pub struct Arguments {
    /// The model directory.
    model: PathBuf,
    /// Texts to explain; `-` reads one text a line from standard input, and so does no text at all in a pipe.
    #[arg(value_name = "TEXT")]
    texts: Vec<String>,
    /// A file of texts, read as by `predict`.
    #[arg(long, value_name = "FILE", conflicts_with = "texts")]
    file: Option<PathBuf>,
    #[command(flatten)]
    reading: reading::Arguments,
    /// Do not ask the network again: no scores without a word, no fewest words. Of long texts these take most of the time.
    #[arg(long)]
    quick: bool,
    /// Print JSON, one object a text.
    #[arg(long)]
    json: bool,
    /// Write a page instead: one HTML file, which needs nothing else.
    #[arg(long, value_name = "FILE", conflicts_with = "json")]
    html: Option<PathBuf>,
    /// Measure how faithful the parts of words are on all texts of --file, beside other orders of the words.
    #[arg(long, requires = "file", conflicts_with_all = ["html", "quick"])]
    measure: bool,
    /// Tell what each filter listens to, from all texts of this file instead: its strongest n-grams, the class it votes for,
    /// who says the same, who never fires.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["texts", "file", "html", "quick"])]
    data: Option<PathBuf>,
    /// With --data: also save a model without the filters that it can spare, those that never fire and twins.
    #[arg(long, value_name = "DIR", requires = "data")]
    prune: Option<PathBuf>,
    /// With --prune: keep this many filters of each width, whatever the others say.
    #[arg(long, value_name = "N", requires = "prune")]
    keep: Option<usize>,
    /// With --measure: the seed of the random order.
    #[arg(long, value_name = "SEED", requires = "measure", default_value_t = 0, hide_default_value = true)]
    seed: u64,
    /// Replace --html or --prune if it is there.
    #[arg(long)]
    force: bool,
}

/// The most texts of a page: a browser has to draw them.
const MOST_ON_A_PAGE: usize = 1000;

/// A text with its reasons.
struct Explained {
    text: String,
    /// None for a text without a known word.
    found: Option<(Explanation, Option<Deletion>)>,
}

/// Where explained texts go.
enum Out<'a> {
    Json,
    Lines { columns: Option<usize>, colour: bool },
    Page { path: &'a Path, texts: Vec<Explained>, left_out: usize },
    Measure(Box<Examination<'a>>),
}

pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    if arguments.force && arguments.html.is_none() && arguments.prune.is_none() {
        anyhow::bail!("--force replaces what --html or --prune names: expected one of them, got neither");
    }
    if arguments.data.is_some() {
        let model = Model::load(&arguments.model)?;
        return filters::run(&model, arguments, &mut BufWriter::new(std::io::stdout().lock()))
            .map(|()| ExitCode::SUCCESS);
    }
    let given = Given {
        verb: ["explain", "explain"],
        model: &arguments.model,
        texts: &arguments.texts,
        file: arguments.file.as_deref(),
        reading: &arguments.reading,
    };
    given.check()?;
    if let Some(page) = &arguments.html {
        let read: Vec<&Path> =
            [Some(&arguments.model), arguments.file.as_ref()].into_iter().flatten().map(AsRef::as_ref).collect();
        target::check_place_apart("explain", "an --html", page, read)?;
        target::check_outside_of_models("explain", page)?;
        target::check_named("explain", "an --html", page, arguments.force)?;
    }
    let model = Model::load(&arguments.model)?;
    let stdout = std::io::stdout();
    let colour = stdout.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let out = match &arguments.html {
        Some(path) => Out::Page { path, texts: Vec::new(), left_out: 0 },
        None if arguments.measure => Out::Measure(Box::new(Examination::new(Explainer::new(&model), arguments.seed))),
        None if arguments.json => Out::Json,
        None => Out::Lines { columns: terminal::terminal_columns(), colour },
    };
    let mut explaining = Explaining {
        model: &model,
        explainer: Explainer::new(&model),
        quick: arguments.quick,
        out,
        print: BufWriter::new(stdout.lock()),
    };
    given.each(&model, |texts| explaining.texts(texts))?;
    explaining.finish(arguments)?;
    Ok(ExitCode::SUCCESS)
}

/// On the way through the texts.
struct Explaining<'a, W: Write> {
    model: &'a Model,
    explainer: Explainer<'a>,
    quick: bool,
    out: Out<'a>,
    print: W,
}

impl<W: Write> Explaining<'_, W> {
    fn texts(&mut self, texts: &[String]) -> anyhow::Result<()> {
        for text in texts {
            if let Out::Page { texts, left_out, .. } = &mut self.out
                && texts.len() == MOST_ON_A_PAGE
            {
                *left_out += 1;
                continue;
            }
            if let Out::Measure(examination) = &mut self.out {
                examination.add(text);
                continue;
            }
            let found = self.explainer.explain(text).map(|explanation| {
                let deletion = (!self.quick).then(|| self.explainer.delete(&explanation));
                (explanation, deletion)
            });
            let explained = Explained { text: text.clone(), found };
            match &mut self.out {
                Out::Json => {
                    let found = explained.found.as_ref().map(|(found, deletion)| (found, deletion.as_ref()));
                    let line = serde_json::to_string(&json::object(self.model, text, found))?;
                    writeln!(self.print, "{line}")?;
                }
                Out::Lines { columns, colour } => {
                    lines::print(self.model, &explained, *columns, *colour, &mut self.print)?;
                }
                Out::Page { texts, .. } => texts.push(explained),
                Out::Measure(_) => unreachable!("measured above"),
            }
        }
        self.print.flush()?;
        Ok(())
    }

    fn finish(mut self, arguments: &Arguments) -> anyhow::Result<()> {
        let (path, texts, left_out) = match self.out {
            Out::Page { path, texts, left_out } => (path, texts, left_out),
            Out::Measure(examination) => {
                return measure::print(self.model, arguments, examination.finish(), &mut self.print);
            }
            Out::Json | Out::Lines { .. } => return Ok(()),
        };
        if texts.is_empty() {
            anyhow::bail!("explain: expected a text or more for the page, got none");
        }
        write_atomically(path, html::page(self.model, &arguments.model, &texts, left_out).as_bytes())?;
        writeln!(self.print, "{} texts -> {}", texts.len(), path.display())?;
        if left_out > 0 {
            say(&[format!(
                "note: a page has at most {MOST_ON_A_PAGE} texts; {left_out} more are left out (--json takes all)"
            )]);
        }
        self.print.flush()?;
        Ok(())
    }
}
