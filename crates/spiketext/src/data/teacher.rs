//! What a teacher says of texts: a file with a text and a probability or a logit for each class in every row, in any form
//! whose columns have names (CSV, TSV, JSON, Parquet).
//!
//! The columns of the classes go by the classes' names. A first row of JSON without a text may say who the teacher is:
//! `{"text": null, "teacher": {...}}`, and there under `fitted_on` which texts it was trained on ([`FittedOn`]).

use std::{collections::HashMap, path::Path};

use serde_json::Value as Json;

use super::{
    append::{value::Value, values::Values},
    columns::of_classes,
    lines::{listed, shown},
    options::{Format, ReadOptions},
    reading::Reading,
    split::text_hash,
    stream::{Record, TextStream},
};
use crate::{Error, Result};

pub use super::fitted::FittedOn;

/// The column that says who the teacher is.
const ABOUT: &str = "teacher";

/// What it says there of the texts that it was trained on.
pub const FITTED_ON: &str = "fitted_on";

/// Rows that are read at once.
const BATCH: usize = 1024;

/// The sums of probabilities may be so far from 1.
const TOLERANCE: f32 = 0.02;

/// A probability may be so far outside 0 to 1 by rounding.
const ROUNDING: f32 = 1e-4;

/// Where so large a share of the rows is of one kind, the others are more likely slips than that they are of another.
const MOST: f64 = 0.5;

/// The least probability that is told from 0: its logarithm is finite.
const LEAST: f32 = 1e-6;

/// What the numbers of a teacher are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Probabilities: of one class a text they sum to 1.
    Probabilities,
    /// Logits: what a softmax, or of several labels a sigmoid, makes probabilities of.
    Logits,
}

/// The answers of a file.
#[derive(Clone, Debug)]
pub struct Answers {
    /// How the file was read, and what was noticed.
    pub reading: Reading,
    /// What its numbers are.
    pub kind: Kind,
    /// What the file says of its teacher.
    pub about: Option<Json>,
    /// What it says of the texts that the teacher was trained on.
    pub fitted_on: Option<FittedOn>,
    /// A logit a class in the order of the classes, by [`text_hash`] of the text.
    pub logits: HashMap<u64, Vec<f32>>,
}

/// Reads the answers of the file at `path` for classes called `labels`. Without `kind` the numbers themselves tell what
/// they are.
///
/// # Errors
/// If the file cannot be read or its columns have no names; if a class has no column; if a number is missing or not
/// finite, unless the options say to leave such rows out; if numbers may be either, or are not what `kind` says.
pub fn read(path: &Path, labels: &[String], kind: Option<Kind>, options: &ReadOptions) -> Result<Answers> {
    let options = &ReadOptions { classes: labels.to_vec(), ..options.clone() };
    let mut stream = TextStream::open_for(path, options, &[], true)?;
    let name = stream.reading().path.clone();
    let format = stream.reading().format;
    if matches!(format, Format::Lines | Format::FastText) || stream.reading().header == Some(false) {
        let expected =
            "a teacher's answers: a text and a column for each class by its name (CSV, TSV, JSON or Parquet)";
        return Err(Error::malformed(&name, None, expected, format!("{format} without names of columns")));
    }
    let values = Values::of(&stream)?;
    let columns = Columns::of(values.names(), labels, stream.reading(), options.multi_label)?;
    let mut notes: Vec<String> = columns.note(values.names()).into_iter().collect();
    let mut rows = Rows::default();
    loop {
        let batch = stream.next_batch(BATCH)?;
        if batch.is_empty() {
            break;
        }
        for record in &batch {
            rows.take(record, &values.of_record(record)?, &columns, &name, options.skip_bad)?;
        }
    }
    let kind = rows.kind(&name, kind, options.multi_label)?;
    if rows.left_out > 0 {
        notes.push(format!("rows whose numbers are missing or not finite, left out: {}", rows.left_out));
    }
    if rows.repeated > 0 {
        notes.push(format!("texts that come again with other answers, of which the first counts: {}", rows.repeated));
    }
    notes.push(match kind {
        Kind::Probabilities => "the teacher's numbers are read as probabilities".to_owned(),
        Kind::Logits => "the teacher's numbers are read as logits (--teacher-numbers says otherwise)".to_owned(),
    });
    let off = rows.sums_off();
    if kind == Kind::Probabilities && !options.multi_label && off > 0 {
        notes.push(format!(
            "texts whose classes here have less than all of the teacher's probability, which is made 1: {off}"
        ));
    }
    let mut reading = stream.reading().clone();
    reading.notes.extend(notes);
    reading.rows = rows.of.len();
    let logits = rows.of.into_iter().map(|(hash, numbers)| (hash, logits(kind, options.multi_label, numbers)));
    let mut about = rows.about;
    let fitted_on = about.as_mut().and_then(fitted_on);
    Ok(Answers { reading, kind, about, fitted_on, logits: logits.collect() })
}

/// What a teacher says of the texts that it was trained on; the hashes of single texts, which are nothing to read, are taken
/// out of what it says of itself. None where it says nothing that is understood.
fn fitted_on(about: &mut Json) -> Option<FittedOn> {
    let told = about.get_mut(FITTED_ON)?;
    let fitted_on = serde_json::from_value(told.clone()).ok();
    if let Some(told) = told.as_object_mut() {
        told.remove("least");
    }
    fitted_on
}

/// The numbers of a text, one a class, as logits: probabilities of one class by their logarithm after division by their sum,
/// of several labels by that of the odds; none is taken for less than a millionth, so that all are finite.
#[must_use]
pub fn logits(kind: Kind, multi_label: bool, numbers: Vec<f32>) -> Vec<f32> {
    match kind {
        Kind::Logits => numbers,
        Kind::Probabilities if multi_label => {
            // Rounding may have left 0 to 1; the clamp takes it back.
            let odds = |p: f32| (p.clamp(LEAST, 1.0 - LEAST) / (1.0 - p.clamp(LEAST, 1.0 - LEAST))).ln();
            numbers.into_iter().map(odds).collect()
        }
        Kind::Probabilities => {
            let sum: f32 = numbers.iter().map(|p| p.max(0.0)).sum();
            numbers.into_iter().map(|p| (p.max(0.0) / sum).max(LEAST).ln()).collect()
        }
    }
}

/// Where the classes stand among the columns.
struct Columns {
    /// A column a class.
    of_class: Vec<usize>,
    /// The one that says who the teacher is.
    about: Option<usize>,
    /// Columns that are neither, nor the text.
    others: Vec<usize>,
    /// Whether a text may have several labels.
    several: bool,
}

impl Columns {
    fn of(names: &[String], labels: &[String], reading: &Reading, multi_label: bool) -> Result<Self> {
        let found = of_classes(names, labels);
        let missing = labels.iter().zip(&found).filter(|(_, place)| place.is_none()).map(|(label, _)| label.as_str());
        let missing: Vec<&str> = missing.collect();
        if !missing.is_empty() {
            let several = if multi_label { " (several labels a text)" } else { "" };
            let expected = format!("a column for each class{several}: {}", listed(labels.iter().map(String::as_str)));
            let got = format!(
                "the columns {}, without {}",
                listed(names.iter().map(String::as_str)),
                listed(missing.into_iter())
            );
            return Err(Error::malformed(&reading.path, None, expected, got));
        }
        let of_class: Vec<usize> = found.into_iter().flatten().collect();
        let about = names.iter().position(|name| name == ABOUT).filter(|column| !of_class.contains(column));
        let is_other = |column: &usize| {
            !of_class.contains(column) && about != Some(*column) && !reading.text.contains(&names[*column])
        };
        let others = (0..names.len()).filter(is_other).collect();
        Ok(Self { of_class, about, others, several: multi_label })
    }

    /// What should be known of the columns.
    fn note(&self, names: &[String]) -> Option<String> {
        let others = self.others.iter().map(|&column| names[column].as_str());
        (!self.others.is_empty()).then(|| format!("columns that are no class here, left aside: {}", listed(others)))
    }
}

/// The rows that were read.
#[derive(Default)]
struct Rows {
    of: HashMap<u64, Vec<f32>>,
    about: Option<Json>,
    left_out: usize,
    repeated: usize,
    /// The first row, and its sum, whose numbers do not sum to 1.
    first: Option<(Option<u64>, f32)>,
    /// The first row of zeros alone.
    empty: Option<Option<u64>>,
    /// The first number that is no probability, and its row.
    outside: Option<(Option<u64>, f32)>,
    /// Rows with numbers; those of them that are probabilities of one class a text, and those that sum to 100.
    rows: usize,
    of_shares: usize,
    of_percent: usize,
    /// Whether a number is less than 0.
    below: bool,
}

/// What the numbers of a row sum to.
struct Sums {
    /// Those of the classes.
    own: f32,
    /// Numbers of other columns that could be a teacher's further classes, or none.
    others: Vec<f32>,
}

impl Sums {
    /// Whether the numbers of the classes sum to `whole`, alone, with one of the others or with all of them.
    fn make(&self, whole: f32) -> bool {
        let is_whole = |sum: f32| (sum - whole).abs() <= whole * TOLERANCE;
        // A number that cannot be a share of the whole is of something else, such as a numbering.
        let shares = self.others.iter().filter(|&&other| other <= whole * (1.0 + ROUNDING));
        let all: f32 = shares.clone().sum();
        is_whole(self.own) || is_whole(self.own + all) || shares.into_iter().any(|other| is_whole(self.own + other))
    }
}

impl Rows {
    fn take(
        &mut self,
        record: &Record,
        values: &[Value],
        columns: &Columns,
        path: &Path,
        skip_bad: bool,
    ) -> Result<()> {
        if record.text.is_empty() {
            if let Some(Value::Nested(about)) = columns.about.and_then(|column| values.get(column)) {
                self.about = serde_json::from_str(about).ok();
            }
            return Ok(());
        }
        let numbers: Option<Vec<f32>> = columns.of_class.iter().map(|&column| number(values.get(column)?)).collect();
        let Some(numbers) = numbers else {
            if skip_bad {
                self.left_out += 1;
                return Ok(());
            }
            let expected = "a finite number for each class (--skip-bad leaves such rows out)";
            let got = columns.of_class.iter().map(|&column| match values.get(column) {
                Some(Value::Text(text) | Value::Plain(text) | Value::NoNumber(text)) => format!("'{}'", shown(text)),
                Some(Value::Nested(_)) => "a list or an object".to_owned(),
                Some(Value::NoText) => "bytes".to_owned(),
                Some(Value::Null) | None => "nothing".to_owned(),
            });
            return Err(Error::malformed(path, record.line, expected, got.collect::<Vec<_>>().join(", ")));
        };
        // What is not of our classes may be of others, that the teacher has too.
        let others = columns.others.iter().filter_map(|&column| number(values.get(column)?));
        let sums = Sums { own: numbers.iter().sum(), others: others.filter(|&other| other >= -ROUNDING).collect() };
        let is_one = sums.make(1.0);
        if self.first.is_none() && !is_one {
            self.first = Some((record.line, sums.own));
        }
        if self.empty.is_none() && numbers.iter().all(|&number| number == 0.0) {
            self.empty = Some(record.line);
        }
        self.rows += 1;
        let shares = numbers.iter().all(is_share);
        // Of several labels each has a probability of its own.
        self.of_shares += usize::from(shares && (columns.several || is_one));
        self.of_percent += usize::from(sums.make(100.0) && numbers.iter().all(|&n| n >= 0.0));
        self.below |= numbers.iter().any(|&number| number < -ROUNDING);
        if let (None, Some(&outside)) = (self.outside, numbers.iter().find(|number| !is_share(number))) {
            self.outside = Some((record.line, outside));
        }
        match self.of.get(&text_hash(&record.text)) {
            Some(there) => self.repeated += usize::from(*there != numbers),
            None => {
                self.of.insert(text_hash(&record.text), numbers);
            }
        }
        Ok(())
    }

    /// Rows whose numbers do not sum to 1.
    fn sums_off(&self) -> usize {
        self.of.values().filter(|numbers| (numbers.iter().sum::<f32>() - 1.0).abs() > TOLERANCE).count()
    }

    /// What the numbers are.
    fn kind(&self, path: &Path, asked: Option<Kind>, multi_label: bool) -> Result<Kind> {
        if self.of.is_empty() {
            return Err(Error::malformed(path, None, "a teacher's answers", "no text"));
        }
        let flag = "--teacher-numbers says whether they are probabilities or logits";
        let is_most = |rows: usize| rows as f64 >= MOST * self.rows as f64;
        if let Some((line, outside)) = self.outside {
            return match asked {
                Some(Kind::Logits) => Ok(Kind::Logits),
                Some(Kind::Probabilities) => {
                    Err(Error::malformed(path, line, "probabilities from 0 to 1", outside.to_string()))
                }
                None if is_most(self.of_percent) && !multi_label => {
                    let expected = format!("probabilities that sum to 1, or logits ({flag})");
                    Err(Error::malformed(path, line, expected, "numbers that sum to 100, as percentages do"))
                }
                None if is_most(self.of_shares) => {
                    let expected = format!("a probability from 0 to 1, as in most rows ({flag})");
                    Err(Error::malformed(path, line, expected, outside.to_string()))
                }
                // Logits that say no class of any text is unlikely are none.
                None if !self.below => {
                    let expected =
                        format!("probabilities from 0 to 1, or logits, of which some are below 0 ({flag})");
                    let got = format!("{outside} among numbers of which none is below 0, as percentages are");
                    Err(Error::malformed(path, line, expected, got))
                }
                None => Ok(Kind::Logits),
            };
        }
        if asked == Some(Kind::Logits) {
            return Ok(Kind::Logits);
        }
        if multi_label {
            return Ok(Kind::Probabilities);
        }
        if let Some(line) = self.empty {
            let expected = "a probability above 0 for one of the classes at least";
            return Err(Error::malformed(path, line, expected, "only 0 for a text"));
        }
        match self.first {
            Some((line, sum)) => {
                let expected = format!("probabilities that sum to 1 for each text, or logits ({flag})");
                Err(Error::malformed(path, line, expected, format!("numbers from 0 to 1 that sum to {sum}")))
            }
            None => Ok(Kind::Probabilities),
        }
    }
}

/// Whether a number is a probability, but for rounding.
fn is_share(number: &f32) -> bool {
    (-ROUNDING..=1.0 + ROUNDING).contains(number)
}

/// A finite number.
fn number(value: &Value) -> Option<f32> {
    match value {
        Value::Text(text) | Value::Plain(text) => text.trim().parse::<f32>().ok().filter(|number| number.is_finite()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loss::softmax;

    fn read_as(name: &str, content: &str, labels: &[&str], kind: Option<Kind>, several: bool) -> Result<Answers> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(name);
        std::fs::write(&path, content).expect("written");
        let options = ReadOptions { multi_label: several, ..ReadOptions::default() };
        let labels: Vec<String> = labels.iter().map(ToString::to_string).collect();
        read(&path, &labels, kind, &options)
    }

    fn of(name: &str, content: &str, labels: &[&str]) -> Result<Answers> {
        read_as(name, content, labels, None, false)
    }

    fn refused(outcome: Result<Answers>, told: &[&str]) {
        let error = outcome.map(|_| ()).expect_err("refused").to_string();
        assert!(told.iter().all(|told| error.contains(told)), "{error}");
    }

    /// What the file says of a text, as probabilities.
    fn told(answers: &Answers, text: &str) -> Vec<f32> {
        let shares = softmax(&answers.logits[&text_hash(text)], 1.0);
        shares.into_iter().map(|share| (share * 1000.0).round() / 1000.0).collect()
    }

    #[test]
    fn every_form_says_the_same_in_whatever_order_its_columns_are() {
        let csv = "positive,text,negative\n0.75,\"Good, really\",0.25\n0.5,odd,0.5\n";
        let tsv = csv.replace("\"Good, really\"", "Good; really").replace(',', "\t").replace(';', ",");
        let lines = r#"{"text": null, "teacher": {"encoder": "e"}}
{"text": "Good, really", "negative": 0.25, "positive": 0.75}
{"text": "odd", "negative": "0.5", "positive": 0.5}
"#;
        for (name, content) in [("t.csv", csv), ("t.tsv", &tsv), ("t.jsonl", lines)] {
            let answers = of(name, content, &["negative", "positive"]).expect(name);
            assert_eq!((answers.kind, answers.logits.len(), answers.reading.rows), (Kind::Probabilities, 2, 2));
            // Found by content, whatever its case and white space.
            assert_eq!(told(&answers, " good,  REALLY"), [0.25, 0.75], "{name}");
        }
        let about = of("t.jsonl", lines, &["negative", "positive"]).expect("read").about.expect("about");
        assert_eq!(about["encoder"], "e");
    }

    #[test]
    fn logits_are_told_by_numbers_that_are_no_shares() {
        let answers = of("t.csv", "text,a,b\nx,-1.5,2\ny,0,0\n", &["a", "b"]).expect("logits");
        assert_eq!((answers.kind, &answers.logits[&text_hash("x")][..]), (Kind::Logits, &[-1.5, 2.0][..]));
        // Numbers that may be either are a question.
        let either = "text,a,b\nx,0.25,0.5\n";
        refused(of("t.csv", either, &["a", "b"]), &["t.csv:2", "sum to 1", "0.75", "--teacher-numbers"]);
        let answers = read_as("t.csv", either, &["a", "b"], Some(Kind::Logits), false).expect("said");
        assert_eq!(answers.logits[&text_hash("x")], [0.25, 0.5]);
        let told = read_as("t.csv", "text,a,b\nx,-1,2\n", &["a", "b"], Some(Kind::Probabilities), false);
        refused(told, &["t.csv:2", "probabilities from 0 to 1", "-1"]);
    }

    #[test]
    fn rounding_is_forgiven_and_a_slip_among_probabilities_makes_no_logits_of_them() {
        let row = |i: usize| format!("text {i},0.25,0.75\n");
        let rows: String = "text,a,b\n".to_owned() + &(0..20).map(row).collect::<String>();
        let rounded = of("t.csv", &format!("{rows}x,1.0000001,-0.00000001\n"), &["a", "b"]).expect("rounded");
        assert_eq!((rounded.kind, told(&rounded, "x")), (Kind::Probabilities, vec![1.0, 0.0]));
        assert!(rounded.reading.notes.iter().any(|note| note.contains("read as probabilities")));
        refused(of("t.csv", &format!("{rows}x,3,-4\n"), &["a", "b"]), &["t.csv:22", "as in most rows", "3"]);
        let percent = rows.replace("0.25,0.75", "25,75");
        refused(
            of("t.csv", &percent, &["a", "b"]),
            &["t.csv:2", "sum to 100, as percentages do", "--teacher-numbers"],
        );
        let read = read_as("t.csv", &percent, &["a", "b"], Some(Kind::Logits), false).expect("said");
        assert_eq!(read.kind, Kind::Logits);
        // A class that is not here, beside a number that is no class.
        let neutral = "id,text,a,b,c\n0,x,0.2,0.3,0.5\n1,y,0.5,0.25,0.25\n2,z,1,0,0\n";
        assert_eq!(told(&of("t.csv", neutral, &["a", "b"]).expect("read"), "x"), [0.4, 0.6]);
    }

    #[test]
    fn a_class_without_a_column_is_missed_and_one_too_many_left_aside() {
        refused(of("t.csv", "text,a,b\nx,0.5,0.5\n", &["a", "b", "c"]), &["a column for each class", "without c"]);
        let answers = of("t.csv", "id,text,a,b,c\n7,x,0.2,0.3,0.5\n8,y,0.5,0.5,0\n", &["a", "b"]).expect("read");
        assert_eq!(told(&answers, "x"), [0.4, 0.6], "of what is left");
        let notes = answers.reading.notes.join("\n");
        assert!(notes.contains("left aside: id, c") && notes.contains("made 1: 1"), "{notes}");
    }

    #[test]
    fn of_several_labels_each_has_its_own_odds() {
        let answers = read_as("t.csv", "text,a,b\nx,0.5,1\ny,0.5,0.5\n", &["a", "b"], None, true).expect("read");
        let logits = &answers.logits[&text_hash("x")];
        assert_eq!((answers.kind, logits[0]), (Kind::Probabilities, 0.0));
        assert!(logits[1] > 10.0 && logits[1].is_finite());
    }

    #[test]
    fn percentages_and_slips_are_asked_about_whatever_the_labels() {
        let three = "text,a,b,c\nx,20,30,50\ny,50,25,25\nz,100,0,0\n";
        refused(of("t.csv", three, &["a", "b"]), &["t.csv:2", "sum to 100, as percentages do", "--teacher-numbers"]);
        let numbered = three.replace("text,a", "id,text,a").replace("\nx", "\n101,x").replace("\ny", "\n7,y");
        refused(of("t.csv", &numbered.replace("\nz", "\n3,z"), &["a", "b", "c"]), &["sum to 100"]);
        let several = |content: &str, kind| read_as("t.csv", content, &["a", "b"], kind, true);
        let percent = "text,a,b\nx,90,80\ny,5,0\nz,60,1\n";
        refused(several(percent, None), &["t.csv:2", "90", "none is below 0", "--teacher-numbers"]);
        assert_eq!(several(percent, Some(Kind::Logits)).expect("said").kind, Kind::Logits);
        let slip = "text,a,b\nx,0.9,0.8\ny,0.1,-0.2\nz,0.6,0\n";
        refused(several(slip, None), &["t.csv:3", "as in most rows", "-0.2", "--teacher-numbers"]);
        assert_eq!(several("text,a,b\nx,4,-3\ny,-1.5,-2\n", None).expect("logits").kind, Kind::Logits);
        // Of one label, too: nothing speaks for logits.
        refused(of("t.csv", "text,a,b\nx,3,4\ny,7,1\n", &["a", "b"]), &["none is below 0"]);
    }

    #[test]
    fn columns_of_classes_are_no_texts_and_serve_one_class_each() {
        let body = "body,text,good\n0.25,a fine film,0.75\n";
        let answers = of("t.csv", body, &["body", "good"]).expect("read");
        assert_eq!(
            (told(&answers, "a fine film"), answers.reading.text),
            (vec![0.25, 0.75], vec!["text".to_owned()])
        );
        assert!(
            answers.reading.notes.iter().all(|note| !note.contains("--text-column")),
            "{:?}",
            answers.reading.notes
        );
        // A usual name that is a class, and a text that has none.
        let odd = "text,what,good\n0.25,a fine film,0.75\n";
        assert_eq!(told(&of("t.csv", odd, &["text", "good"]).expect("read"), "a fine film"), [0.25, 0.75]);
        for (name, content) in [
            ("t.csv", "text,good\n0.25,0.75\n"),
            ("t.jsonl", "{\"text\": 0.25, \"good\": 0.75}\n"),
            ("t.jsonl", "{\"text\": 0.25, \"good\": 0.75, \"why\": \"x\", \"what\": \"y\"}\n"),
        ] {
            refused(of(name, content, &["text", "good"]), &["called like no class", "'text' is a class"]);
        }
        let case = "text,good,bad\nx,0.5,0.5\n";
        refused(of("t.csv", case, &["Good", "bad", "good"]), &["a column for each class", "without Good"]);
        assert_eq!(told(&of("t.csv", case, &["Good", "BAD"]).expect("read"), "x"), [0.5, 0.5]);
        refused(of("t.csv", case, &["GOOD", "Good", "bad"]), &["without Good"]);
    }

    #[test]
    fn what_a_teacher_was_fitted_on_is_read_where_it_is_said() {
        let fitted = FittedOn::of(["x", "y"]);
        let line = |about: &Json| {
            format!(
                "{}\n{{\"text\": \"x\", \"a\": 1, \"b\": 0}}\n",
                serde_json::json!({"text": null, "teacher": about})
            )
        };
        let read = |about: Json| of("t.jsonl", &line(&about), &["a", "b"]).expect("read");
        let answers = read(serde_json::json!({"seed": 1, "fitted_on": fitted}));
        assert_eq!(answers.fitted_on, Some(fitted.clone()));
        let kept = answers.about.expect("about");
        assert_eq!((&kept["seed"], &kept["fitted_on"]["sha256"]), (&1.into(), &fitted.sha256.clone().into()));
        assert!(kept["fitted_on"].get("least").is_none(), "nothing to read");
        for other in [serde_json::json!({"seed": 1}), serde_json::json!({"fitted_on": "my texts"})] {
            assert_eq!(read(other).fitted_on, None);
        }
    }

    #[test]
    fn what_is_no_answer_is_refused_with_its_line() {
        for (content, told) in [
            ("text,a,b\nx,0.5,0.5\ny,,1\n", &["t.csv:3", "a finite number for each class", "''"][..]),
            ("text,a,b\nx,nan,0.5\n", &["t.csv:2", "'nan'"]),
            ("text,a,b\nx,1e99,0.5\n", &["t.csv:2", "'1e99'"]),
            ("text,a,b\nx,0,0\n", &["0 for one of the classes"]),
            ("text,a,b\n", &["no text"]),
            ("x y z\nx y\n", &["t.csv"]),
        ] {
            refused(of("t.csv", content, &["a", "b"]), told);
        }
        refused(of("t.txt", "__label__a x\n", &["a", "b"]), &["a column for each class by its name"]);
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("t.csv");
        std::fs::write(&path, "text,a,b\nx,0.5,0.5\ny,,1\nx,0.4,0.6\n").expect("written");
        let options = ReadOptions { skip_bad: true, ..ReadOptions::default() };
        let answers = read(&path, &["a".to_owned(), "b".to_owned()], None, &options).expect("without it");
        assert_eq!((answers.logits.len(), told(&answers, "x")), (1, vec![0.5, 0.5]), "the first answer counts");
        let notes = answers.reading.notes.join("\n");
        assert!(notes.contains("left out: 1") && notes.contains("the first counts: 1"), "{notes}");
    }
}
