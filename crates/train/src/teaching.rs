//! A teacher for a run: what it says of the training texts, by their content, and texts that only it has labelled.
//!
//! No text that is held out may come to training by this door. Which texts a teacher has answers for does not matter, as
//! only those of training texts are looked up; but texts that only it has labelled are compared with all test and
//! development texts, in whatever tokenisation they stand (see [`spiketext::data::near`]), and those that are one are left
//! out.

use std::{
    collections::{HashMap, HashSet},
    path::{Path, PathBuf},
    sync::Arc,
};

use rayon::prelude::*;
use sha2::{Digest, Sha256};
use spiketext::{
    Error, Result,
    data::{
        Dataset, Example, ReadOptions, Reading, Split,
        near::{HeldOut, Likeness},
        read_texts,
        teacher::{self, FittedOn, Kind},
        text_hash,
    },
    loss::{sigmoid, softmax},
    model::Teacher,
    slices::argmax,
};

/// What a teacher says.
#[derive(Clone, Debug, Default)]
pub struct Teaching {
    /// Logits a class of each text that it answered and that is trained on, by [`text_hash`] of the text.
    logits: HashMap<u64, Arc<[f32]>>,
    /// Texts that only it has labelled, each once.
    pub unlabelled: Vec<String>,
    /// Where it comes from, and how much of it is used.
    pub report: Teacher,
    /// Whether there were files of unlabelled texts.
    offers: bool,
    /// How the files were read.
    pub readings: Vec<Reading>,
    /// Texts of `unlabelled` files that are held out, with the text that each is, the first ones.
    pub refused: Vec<(String, String, Likeness)>,
}

/// The files of a teacher.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TeacherFiles {
    /// Its answers (see [`spiketext::data::teacher`]); where several have a text, the mean of their probabilities counts.
    pub answers: Vec<PathBuf>,
    /// Texts that it has labelled and nobody else.
    pub unlabelled: Vec<PathBuf>,
    /// What its numbers are, if they are not to tell themselves.
    pub kind: Option<Kind>,
}

/// So many refused texts are kept to be shown.
const SHOWN: usize = 3;

/// So much of a text is shown in an error.
const SHOWN_LETTERS: usize = 60;

impl Teaching {
    /// Reads the files of a teacher of `dataset`.
    ///
    /// # Errors
    /// If a file cannot be read (see [`teacher::read`]), or no answer is for a training text or an unlabelled one.
    pub fn read(files: &TeacherFiles, dataset: &Dataset, options: &ReadOptions) -> Result<Self> {
        let mut teaching = Self::default();
        let mut told: HashMap<u64, Vec<Vec<f32>>> = HashMap::new();
        let mut options = options.clone();
        options.multi_label = dataset.multi_label;
        // The file of unlabelled texts may be that of the answers: its numbers are no texts.
        options.classes.clone_from(&dataset.labels);
        for path in &files.answers {
            if path.is_dir() {
                let expected = "a file of answers (--teacher for each of several)";
                return Err(Error::invalid("train --teacher", expected, format!("the folder {}", path.display())));
            }
            let answers = teacher::read(path, &dataset.labels, files.kind, &options)?;
            if let Some(fitted_on) = &answers.fitted_on {
                teaching.report.fitted_on_development += fitted_on_held_out(path, fitted_on, dataset)?;
            }
            teaching.report.files.push(path.file_name().unwrap_or_default().to_string_lossy().into_owned());
            teaching.report.about.extend(answers.about);
            teaching.readings.push(answers.reading);
            for (hash, of_text) in answers.logits {
                told.entry(hash).or_default().push(of_text);
            }
        }
        let logits = told.into_iter().map(|(hash, told)| (hash, mean(told, dataset.multi_label).into())).collect();
        let mut unlabelled = Vec::new();
        for path in &files.unlabelled {
            let table = read_texts(path, &options)?;
            teaching.readings.extend(table.readings.clone());
            unlabelled.extend(table.rows.into_iter().map(|row| row.text));
        }
        teaching.offers = !files.unlabelled.is_empty();
        teaching.take(logits, unlabelled, dataset)
    }

    /// What a teacher says that is in memory: `answers` are logits a class of texts, `[K]` each (of a text that comes again,
    /// the last ones), `unlabelled` texts that nobody else has labelled.
    ///
    /// # Errors
    /// If an answer is not a finite number a class, or none is for a training text or an unlabelled one.
    pub fn of_answers<'t>(
        answers: impl IntoIterator<Item = (&'t str, Vec<f32>)>,
        unlabelled: Option<Vec<String>>,
        dataset: &Dataset,
    ) -> Result<Self> {
        let classes = dataset.labels.len();
        let mut logits: HashMap<u64, Arc<[f32]>> = HashMap::new();
        for (text, of_text) in answers {
            if of_text.len() != classes || of_text.iter().any(|logit| !logit.is_finite()) {
                let expected = format!("{classes} finite numbers a text");
                return Err(Error::invalid("answers of a teacher", expected, format!("{of_text:?}")));
            }
            logits.insert(text_hash(text), of_text.into());
        }
        let teaching = Self { offers: unlabelled.is_some(), ..Self::default() };
        teaching.take(logits, unlabelled.unwrap_or_default(), dataset)
    }

    /// Takes of all answers those that training can use.
    fn take(self, mut logits: HashMap<u64, Arc<[f32]>>, unlabelled: Vec<String>, dataset: &Dataset) -> Result<Self> {
        let mut teaching = self;
        let all = logits.len();
        let mut wanted: HashSet<u64> = dataset.train.par_iter().map(|example| text_hash(&example.text)).collect();
        let of_training = wanted.len();
        teaching.report.taught = wanted.iter().filter(|hash| logits.contains_key(hash)).count();
        teaching.report.untaught = of_training - teaching.report.taught;
        (teaching.report.agreement, teaching.report.micro_f1) = agreement(dataset, &logits);
        teaching.take_unlabelled(unlabelled, dataset, &logits, &mut wanted);
        logits.retain(|hash, _| wanted.contains(hash));
        if logits.is_empty() {
            let expected = format!("answers of a teacher to some of the {of_training} different training texts");
            let refused: usize = teaching.report.held_out.iter().sum();
            let got = match refused {
                0 => format!("{all} answers, all to other texts (texts are found by their content)"),
                _ => format!(
                    "{all} answers to other texts, of which {refused} are test or development texts, or nearly so"
                ),
            };
            return Err(Error::invalid("train --teacher", expected, got));
        }
        teaching.report.unused = all - logits.len() - teaching.report.held_out.iter().sum::<usize>();
        teaching.logits = logits;
        Ok(teaching)
    }

    /// Takes the texts that nobody but the teacher has labelled.
    fn take_unlabelled(
        &mut self,
        offered: Vec<String>,
        dataset: &Dataset,
        logits: &HashMap<u64, Arc<[f32]>>,
        wanted: &mut HashSet<u64>,
    ) {
        if offered.is_empty() {
            return;
        }
        // Of texts that come again, the first counts, be it refused.
        let held_out: Vec<(&Example, Split)> = [Split::Test, Split::Development]
            .into_iter()
            .flat_map(|part| dataset.part(part).iter().map(move |example| (example, part)))
            .collect();
        let index = HeldOut::new(held_out.iter().map(|(example, _)| example.text.as_str()));
        let mut texts = Vec::with_capacity(offered.len());
        for text in offered {
            let hash = text_hash(&text);
            if text.is_empty() || wanted.contains(&hash) {
                self.report.repeated += usize::from(!text.is_empty());
            } else if logits.contains_key(&hash) {
                wanted.insert(hash);
                texts.push(text);
            } else {
                self.report.without_answer += 1;
            }
        }
        let found: Vec<Option<(usize, Likeness)>> = texts.par_iter().map(|text| index.find(text)).collect();
        for (text, found) in texts.into_iter().zip(found) {
            let Some((place, likeness)) = found else {
                self.unlabelled.push(text);
                continue;
            };
            wanted.remove(&text_hash(&text));
            let (example, part) = held_out[place];
            self.report.held_out[usize::from(part == Split::Development)] += 1;
            if self.refused.len() < SHOWN && part == Split::Test {
                self.refused.push((text, example.text.clone(), likeness));
            }
        }
        self.report.unlabelled = self.unlabelled.len();
    }

    /// What the teacher says of a text that is trained on: a logit a class.
    #[must_use]
    pub fn of(&self, text: &str) -> Option<Arc<[f32]>> {
        self.logits.get(&text_hash(text)).cloned()
    }

    /// A hash of all that training sees of it.
    #[must_use]
    pub fn identity(&self) -> [u8; 32] {
        let mut digest = Sha256::new();
        for text in &self.unlabelled {
            digest.update((text.len() as u64).to_le_bytes());
            digest.update(text.as_bytes());
        }
        let mut hashes: Vec<&u64> = self.logits.keys().collect();
        hashes.sort_unstable();
        for hash in hashes {
            digest.update(hash.to_le_bytes());
            self.logits[hash].iter().for_each(|logit| digest.update(logit.to_le_bytes()));
        }
        digest.finalize().into()
    }

    /// What should be said of it, a sentence each.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        let report = &self.report;
        let mut notes = vec![format!(
            "the teacher answered {} of the {} different training texts{}",
            report.taught,
            report.taught + report.untaught,
            match report.unlabelled {
                0 => String::new(),
                others => format!(", and {others} texts that only it has labelled are trained on"),
            }
        )];
        let unused = match self.offers {
            true => "answers to other texts, not used",
            false => {
                "answers to other texts, not used (--unlabelled FILE trains on texts that only the teacher has labelled)"
            }
        };
        let doubt = |agreement: f64| if agreement < 50.0 { ": are its columns those of the classes?" } else { "" };
        match (report.agreement, report.micro_f1) {
            (Some(agreement), None) => notes.push(format!(
                "the teacher agrees with {agreement:.1} % of the labels of these texts{}",
                doubt(agreement)
            )),
            (Some(agreement), Some(f1)) => notes.push(format!(
                "the teacher, taken for a yes from a probability of a half on, decides {agreement:.1} % of the labels of \
                 these texts as they are (micro F1 {f1:.1} %){}",
                doubt(agreement.min(f1))
            )),
            _ => {}
        }
        if report.fitted_on_development > 0 {
            notes.push(format!(
                "development texts that the teacher was trained on, as its file says: {} (what is chosen on them, the \
                 epoch say, is chosen too kindly)",
                report.fitted_on_development
            ));
        }
        let counted = [
            (report.without_answer, "unlabelled texts of which the teacher says nothing, left out"),
            (report.repeated, "unlabelled texts that are training texts or come again, left out"),
            (report.held_out[0], "unlabelled texts that are test texts, or nearly so, refused"),
            (report.held_out[1], "unlabelled texts that are development texts, or nearly so, refused"),
            (report.unused, unused),
        ];
        notes.extend(counted.iter().filter(|told| told.0 > 0).map(|(count, what)| format!("{what}: {count}")));
        notes
    }
}

/// How well the answers to training texts agree with their labels, in percent: of one label a text how many are the likeliest;
/// of several how many of all decisions, a class of a text each, are right from a probability of a half on, and the micro F1
/// of these.
fn agreement(dataset: &Dataset, logits: &HashMap<u64, Arc<[f32]>>) -> (Option<f64>, Option<f64>) {
    let of = |example: &Example| logits.get(&text_hash(&example.text)).map(|logits| (example.target.clone(), logits));
    let answered = || dataset.train.iter().filter_map(of);
    if !dataset.multi_label {
        let right: Vec<bool> =
            answered().filter_map(|(target, logits)| Some(argmax(logits) == target.class()?)).collect();
        return (share(right.iter().filter(|right| **right).count(), right.len()), None);
    }
    // Decisions by whether they should be yes, and whether they are.
    let mut counts = [[0usize; 2]; 2];
    for (target, logits) in answered() {
        for (class, logit) in logits.iter().enumerate() {
            counts[usize::from(target.classes().contains(&class))][usize::from(*logit >= 0.0)] += 1;
        }
    }
    let [[no, wrong_yes], [wrong_no, yes]] = counts;
    let all = no + wrong_yes + wrong_no + yes;
    (share(no + yes, all), share(2 * yes, (2 * yes + wrong_yes + wrong_no).max(usize::from(all > 0))))
}

/// How much `part` is of `all`, in percent.
fn share(part: usize, all: usize) -> Option<f64> {
    (all > 0).then(|| 100.0 * part as f64 / all as f64)
}

/// How many development texts a teacher was trained on, as its file says.
///
/// # Errors
/// If it was trained on test texts: a network that learns from it is measured on what it was told.
fn fitted_on_held_out(path: &Path, fitted_on: &FittedOn, dataset: &Dataset) -> Result<usize> {
    let train: HashSet<u64> = dataset.train.iter().map(|example| text_hash(&example.text)).collect();
    let of = |part: Split| -> Vec<&str> {
        let texts = dataset.part(part).iter().map(|example| example.text.as_str());
        // What was given as both is trained on here, too.
        texts.filter(|text| fitted_on.holds(text) == Some(true) && !train.contains(&text_hash(text))).collect()
    };
    let tested = of(Split::Test);
    if let Some(text) = tested.first() {
        let expected = "a teacher that was trained on no test text (`teach` with the flags that divide the texts as here, \
                        or `data split`, whose train file has no test text)";
        let shown: String = text.chars().take(SHOWN_LETTERS).collect();
        let got = format!(
            "{}, whose first line names test texts among those that it was trained on: {}, such as '{}'",
            path.display(),
            tested.len(),
            shown.escape_debug()
        );
        return Err(Error::invalid("train --teacher", expected, got));
    }
    Ok(of(Split::Development).len())
}

/// The logits of the mean of what several teachers think probable; those of one as they are.
fn mean(mut told: Vec<Vec<f32>>, multi_label: bool) -> Vec<f32> {
    if told.len() == 1 {
        return told.remove(0);
    }
    let count = told.len() as f32;
    let probabilities = |logits: &[f32]| if multi_label { sigmoid(logits, 1.0) } else { softmax(logits, 1.0) };
    let mut sum = vec![0.0; told[0].len()];
    for logits in &told {
        sum.iter_mut().zip(probabilities(logits)).for_each(|(sum, share)| *sum += share / count);
    }
    let logit = |share: f32| match multi_label {
        true => (share.clamp(LEAST, 1.0 - LEAST) / (1.0 - share.clamp(LEAST, 1.0 - LEAST))).ln(),
        false => share.max(LEAST).ln(),
    };
    sum.into_iter().map(logit).collect()
}

/// The least probability that is told from 0.
const LEAST: f32 = 1e-6;

#[cfg(test)]
mod tests {
    use spiketext::target::Target;

    use super::*;

    /// The built-in reviews, few of them.
    fn dataset() -> Dataset {
        let mut dataset = spiketext::data::load("reviews-en", None).expect("built in");
        dataset.train.truncate(20);
        dataset
    }

    /// A file of answers to these texts.
    fn answers<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
        let row = |text: &str| format!("\"{}\",0.75,0.25\n", text.replace('"', "\"\""));
        "text,negative,positive\n".to_owned() + &texts.into_iter().map(row).collect::<String>()
    }

    fn read(dataset: &Dataset, content: &str, unlabelled: Option<&str>) -> Result<Teaching> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str, content: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, content).expect("written");
            path
        };
        let files = TeacherFiles {
            answers: vec![path("teacher.csv", content)],
            unlabelled: unlabelled.map(|content| path("more.csv", content)).into_iter().collect(),
            kind: None,
        };
        Teaching::read(&files, dataset, &ReadOptions::default())
    }

    #[test]
    fn answers_are_found_by_content_and_only_where_texts_are_trained_on() {
        let dataset = dataset();
        let first = dataset.train[0].text.to_uppercase().replace(' ', "  ");
        let texts = [first.as_str(), &dataset.train[1].text, &dataset.test[0].text, "something else"];
        let teaching = read(&dataset, &answers(texts), None).expect("read");
        let report = &teaching.report;
        assert_eq!((report.taught, report.untaught, report.unused, report.unlabelled), (2, 18, 2, 0));
        assert!(teaching.of(&dataset.train[0].text).is_some() && teaching.of(&dataset.train[2].text).is_none());
        assert!(teaching.of(&dataset.test[0].text).is_none(), "no answer to a test text is kept");
        let error = read(&dataset, &answers(["something else"]), None).map(|_| ()).expect_err("useless").to_string();
        assert!(error.contains("20 different training texts") && error.contains("1 answers"), "{error}");
    }

    #[test]
    fn unlabelled_texts_that_are_held_out_are_refused_whatever_they_wear() {
        let dataset = dataset();
        let test = &dataset.test[0].text;
        let tokenised = test.replace(',', " , ").replace('.', " . ").replace('\'', " '").to_lowercase();
        let longer = format!("Somebody wrote to us last week: {test} That was all that they had to say about it.");
        let development = dataset.development[3].text.replace(' ', "  ");
        let own = ["quite another text about a film that nobody has labelled", "and a second one, of a shop"];
        let unanswered = "a text that the teacher has never seen";
        let texts = [&tokenised, &longer, &development, own[0], own[1], own[0], &dataset.train[5].text];
        let unlabelled = answers(texts.into_iter().chain([unanswered]));
        let teaching = read(&dataset, &answers(texts), Some(&unlabelled)).expect("read");
        assert_eq!(teaching.unlabelled, own);
        let report = &teaching.report;
        assert_eq!((report.held_out, report.repeated, report.without_answer), ([2, 1], 2, 1));
        let shown: Vec<_> = teaching.refused.iter().map(|(_, of, how)| (of, *how)).collect();
        assert_eq!(shown, [(test, Likeness::Same), (test, Likeness::Holds)]);
        assert!(texts[..3].iter().all(|text| teaching.of(text).is_none()));
        let notes = teaching.notes().join("\n");
        assert!(notes.contains("test texts, or nearly so, refused: 2"), "{notes}");
    }

    /// Lines of JSON with the first of a teacher that was trained on `fitted`.
    fn said_of<'a>(texts: impl Iterator<Item = &'a str>, fitted: &[Example]) -> String {
        let fitted_on = FittedOn::of(fitted.iter().map(|example| example.text.as_str()));
        let about = serde_json::json!({"text": null, "teacher": {"seed": 7, "fitted_on": fitted_on}});
        let line = |text| serde_json::json!({"text": text, "negative": 0.25, "positive": 0.75});
        texts.fold(format!("{about}\n"), |all, text| format!("{all}{}\n", line(text)))
    }

    #[test]
    fn a_teacher_that_says_that_it_was_trained_on_test_texts_is_refused() {
        let dataset = dataset();
        let folder = tempfile::tempdir().expect("a folder");
        let read = |fitted: &[Example], dataset: &Dataset| {
            let path = folder.path().join("teacher.jsonl");
            let texts = dataset.train.iter().map(|example| example.text.as_str());
            std::fs::write(&path, said_of(texts, fitted)).expect("written");
            let files = TeacherFiles { answers: vec![path], ..TeacherFiles::default() };
            Teaching::read(&files, dataset, &ReadOptions::default())
        };
        let teaching = read(&dataset.train, &dataset).expect("its own texts");
        assert_eq!(teaching.report.fitted_on_development, 0);
        assert_eq!(teaching.report.about[0]["seed"], 7);
        assert!(teaching.report.about[0]["fitted_on"]["least"].is_null(), "the card is for people");
        let with = |part: &[Example]| [&dataset.train[..], part].concat();
        let error = read(&with(&dataset.test[..2]), &dataset).map(|_| ()).expect_err("a leak").to_string();
        for told in ["trained on no test text", "teacher.jsonl", "trained on: 2", "data split"] {
            assert!(error.contains(told), "{error}");
        }
        let teaching = read(&with(&dataset.development[..3]), &dataset).expect("a warning only");
        assert!(teaching.notes().join("\n").contains("the teacher was trained on, as its file says: 3"));
        // A text that was given for both parts is trained on by all.
        let mut both = dataset.clone();
        both.train.push(dataset.test[0].clone());
        read(&with(&dataset.test[..1]), &both).expect("as the parts were given");
    }

    #[test]
    fn of_several_labels_the_decisions_are_compared() {
        let mut dataset = dataset();
        dataset.multi_label = true;
        for (i, example) in dataset.train.iter_mut().enumerate() {
            example.target = Target::several((i % 2 == 0).then_some(0));
        }
        let told = |negative: [f32; 2]| {
            let texts = dataset.train.iter().enumerate();
            let answers = texts.map(|(i, example)| (example.text.as_str(), vec![negative[i % 2], -3.0]));
            let teaching = Teaching::of_answers(answers, None, &dataset).expect("read");
            (teaching.report.agreement, teaching.report.micro_f1, teaching.notes().join("\n"))
        };
        let (agreement, f1, notes) = told([2.0, -2.0]);
        assert_eq!((agreement, f1), (Some(100.0), Some(100.0)), "{notes}");
        let (agreement, f1, notes) = told([-2.0, 2.0]);
        assert_eq!((agreement, f1), (Some(50.0), Some(0.0)));
        assert!(notes.contains("micro F1 0.0 %"), "{notes}");
    }

    #[test]
    fn several_teachers_are_heard_alike() {
        let two = vec![vec![0.0, 2.0f32.ln()], vec![1.0, 1.0]];
        let shares = softmax(&mean(two.clone(), false), 1.0);
        assert!((shares[1] - (2.0 / 3.0 + 0.5) / 2.0).abs() < 1e-6, "{shares:?}");
        let shares = sigmoid(&mean(vec![vec![0.0, 3.0], vec![0.0, -3.0]], true), 1.0);
        assert!((shares[0] - 0.5).abs() < 1e-6 && (shares[1] - 0.5).abs() < 1e-6, "{shares:?}");
        assert_eq!(mean(two[..1].to_vec(), false), two[0], "one alone says what it says");
    }

    #[test]
    fn what_training_sees_of_a_teacher_names_it() {
        let dataset = dataset();
        let texts: Vec<&str> = dataset.train.iter().map(|example| example.text.as_str()).collect();
        let name = |content: &str, more| read(&dataset, content, more).expect("read").identity();
        let plain = name(&answers(texts.clone()), None);
        assert_eq!(name(&answers(texts.iter().copied().rev().chain(["unused"])), None), plain, "order is nothing");
        assert_ne!(name(&answers(texts.clone()).replace("0.75,0.25", "0.7,0.3"), None), plain);
        assert_ne!(name(&answers(texts[1..].iter().copied()), None), plain);
        let more = answers(texts.iter().copied().chain(["one more"]));
        assert_ne!(name(&more, Some(&more)), plain);
    }
}
