//! Many texts attacked, side by side, and what came of it in numbers.

use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use spiketext::{
    score::Scorer,
    seed::{Purpose, stream},
    slices::argmax,
    target::Target,
    text::Language,
};

use crate::{
    attack::{Attack, Attempt, Ending},
    victim::Victim,
    words::Words,
};

/// A labelled text to attack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// Its number among the texts of its data set: what is drawn for it depends on it alone.
    pub index: usize,
    /// The text.
    pub text: String,
    /// Its class.
    pub target: Target,
}

/// How many draws of noise leave each class the most probable one, of the text before and of that at the end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Votes {
    /// Of the text as it was.
    pub before: Vec<usize>,
    /// Of the text at the end.
    pub after: Vec<usize>,
}

/// A text, what came of it, and what judges say.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The text's number.
    pub index: usize,
    /// Its class.
    #[serde(rename = "label")]
    pub target: Target,
    /// The text as it was.
    pub original: String,
    /// What came of it.
    #[serde(flatten)]
    pub attempt: Attempt,
    /// Draws of noise that none of the attack's questions had met. One draw where the classifier has no noise.
    pub votes: Votes,
}

impl Record {
    /// Whether most judges find the right class before and still do at the end.
    #[must_use]
    pub fn withstands_judges(&self) -> bool {
        self.is_right_before() && self.target.is_met_by(argmax(&self.votes.after))
    }

    /// Whether most judges find the right class before.
    #[must_use]
    pub fn is_right_before(&self) -> bool {
        self.target.is_met_by(argmax(&self.votes.before))
    }
}

/// Attacks texts of a victim, see [`run`].
///
/// # Errors
/// What `told` returns.
pub fn attack<E>(
    attack: &Attack<'_>,
    victim: &Victim<'_>,
    subjects: &[Subject],
    seed: u64,
    told: &mut dyn FnMut(Record) -> Result<(), E>,
) -> Result<(), E> {
    let judge = |scorer: &mut dyn Scorer, text: &str| victim.votes(scorer, text);
    run(attack, victim.model().language(), subjects, seed, || victim.scorer(), judge, told)
}

/// Attacks texts, as many side by side as there are threads, and tells each record in the order of the texts.
/// `scorer` makes a classifier for a thread, `judge` asks for votes on a text and may ask the thread's classifier.
/// Stops after the text for which `told` is not content.
///
/// # Errors
/// What `told` returns.
pub fn run<'s, E>(
    attack: &Attack<'_>,
    language: Language,
    subjects: &[Subject],
    seed: u64,
    scorer: impl Fn() -> Box<dyn Scorer + 's> + Sync,
    judge: impl Fn(&mut dyn Scorer, &str) -> Vec<usize> + Sync,
    told: &mut dyn FnMut(Record) -> Result<(), E>,
) -> Result<(), E> {
    // Scorers are lent to whoever needs one: what they remember of words serves all.
    let idle: Mutex<Vec<Box<dyn Scorer + 's>>> = Mutex::default();
    let take = || idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
    let one = |subject: &Subject| {
        let mut own = take().unwrap_or_else(&scorer);
        own.begin(subject.index as u64);
        let words = Words::of(language, &subject.text);
        let mut rng = stream(seed, Purpose::Attack, subject.index as u64, 0);
        let attempt = attack.run(&mut *own, &words, subject.target.clone(), &mut rng);
        let before = judge(&mut *own, &subject.text);
        let after = if attempt.text == subject.text { before.clone() } else { judge(&mut *own, &attempt.text) };
        idle.lock().unwrap_or_else(PoisonError::into_inner).push(own);
        Record {
            index: subject.index,
            target: subject.target.clone(),
            original: subject.text.clone(),
            attempt,
            votes: Votes { before, after },
        }
    };
    for subjects in subjects.chunks(4 * rayon::current_num_threads()) {
        let records: Vec<Record> = subjects.par_iter().map(one).collect();
        records.into_iter().try_for_each(&mut *told)?;
    }
    Ok(())
}

/// The numbers by which attacks are compared, in percent where they are shares.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Summary {
    /// Texts attacked or skipped.
    pub texts: usize,
    /// Texts that were taken wrongly before.
    pub skipped: usize,
    /// Texts that were made to be taken wrongly.
    pub succeeded: usize,
    /// Texts that stayed right.
    pub failed: usize,
    /// Percent of the texts that were right before.
    pub accuracy: f64,
    /// Percent that stayed right.
    pub accuracy_under_attack: f64,
    /// Percent of those that were right and are so no more.
    pub success_rate: f64,
    /// The same accuracies where most of the judges decide.
    pub judged_accuracy: f64,
    /// See `judged_accuracy`.
    pub judged_accuracy_under_attack: f64,
    /// Mean percent of words replaced where the attack succeeded.
    pub changed_words: f64,
    /// Mean words of a text.
    pub words: f64,
    /// Mean queries of a text that was not skipped.
    pub queries: f64,
}

impl Summary {
    /// Of records.
    #[must_use]
    pub fn of(records: &[Record]) -> Self {
        let count = |ending| records.iter().filter(|record| record.attempt.ending == ending).count();
        let (skipped, succeeded, failed) = (count(Ending::Skipped), count(Ending::Succeeded), count(Ending::Failed));
        let texts = records.len();
        let percent = |part: usize, of: usize| 100.0 * part as f64 / of.max(1) as f64;
        let mean = |values: &mut dyn Iterator<Item = f64>| {
            let (count, sum) = values.fold((0u64, 0.0), |(count, sum), value| (count + 1, sum + value));
            sum / count.max(1) as f64
        };
        let attempts = || records.iter().map(|record| &record.attempt);
        let share = |attempt: &Attempt| 100.0 * attempt.changes.len() as f64 / attempt.words.max(1) as f64;
        Self {
            texts,
            skipped,
            succeeded,
            failed,
            accuracy: percent(texts - skipped, texts),
            accuracy_under_attack: percent(failed, texts),
            success_rate: percent(succeeded, succeeded + failed),
            judged_accuracy: percent(records.iter().filter(|record| record.is_right_before()).count(), texts),
            judged_accuracy_under_attack: percent(
                records.iter().filter(|record| record.withstands_judges()).count(),
                texts,
            ),
            changed_words: mean(&mut attempts().filter(|a| a.ending == Ending::Succeeded).map(share)),
            words: mean(&mut attempts().map(|attempt| attempt.words as f64)),
            queries: mean(&mut attempts().filter(|a| a.ending != Ending::Skipped).map(|a| a.queries as f64)),
        }
    }
}
