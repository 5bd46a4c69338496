//! Networks on test texts: how far an accuracy may be off, and by how much two differ text by text.

use std::{collections::BTreeMap, thread};

use spiketext_study::{
    Cell, TestAnswers,
    statistics::{Difference, Pair, mcnemar, twice_the_median},
};

use crate::cells::{Entry, Study};

/// An accuracy and where it may lie, given other seeds and other test texts.
#[derive(Clone, Debug)]
pub struct Spread {
    /// Percent of the texts that were labelled wrongly: fewer than those labelled rightly, and drawn sooner.
    errors: Difference,
}

impl Spread {
    /// Of an entry whose cells all say what they answered; none of others.
    #[must_use]
    pub fn of(entry: &Entry<'_>) -> Option<Self> {
        let answers: Vec<&TestAnswers> =
            entry.cells.iter().map(|cell| cell.measured.answers.as_ref()).collect::<Option<_>>()?;
        let wrong = |answers: &TestAnswers| answers.right().iter().map(|right| !right).collect::<Vec<_>>();
        let pairs: Vec<Pair> =
            answers.iter().map(|answers| Pair::of(&wrong(answers), &vec![false; answers.targets.len()])).collect();
        Some(Self { errors: Difference::of(&pairs, same_texts(&entry.cells))? })
    }

    /// The mean over data sets that have nothing to do with one another.
    #[must_use]
    pub fn mean_of(sets: &[&Self]) -> Option<Self> {
        let errors: Vec<Difference> = sets.iter().map(|set| set.errors.clone()).collect();
        Some(Self { errors: Difference::mean_of(&errors)? })
    }

    /// Percent: the mean.
    #[must_use]
    pub fn mean(&self) -> f64 {
        100.0 - self.errors.mean
    }

    /// Between which percentages it lies at 95 %.
    #[must_use]
    pub fn interval(&self) -> [f64; 2] {
        // What two seeds far apart let expect of others may leave the scale.
        let [low, high] = self.errors.interval(0.95).map(|errors| (100.0 - errors).clamp(0.0, 100.0));
        [high, low]
    }

    /// Half the width of that interval.
    #[must_use]
    pub fn half(&self) -> f64 {
        let [low, high] = self.interval();
        (high - low) / 2.0
    }
}

/// The place of an entry: table, row, axis, data set and first seed.
type Place<'a> = (&'a str, &'a str, &'a BTreeMap<String, String>, &'a str, u64);

/// The spread of every entry of some tables.
#[derive(Debug)]
pub struct Spreads<'a>(BTreeMap<Place<'a>, Spread>);

impl<'a> Spreads<'a> {
    /// Of all entries of these tables, on as many threads as there are cores.
    #[must_use]
    pub fn of(study: &'a Study, tables: &[&str]) -> Self {
        let entries: Vec<Entry<'a>> = tables.iter().flat_map(|table| study.entries(table)).collect();
        let threads = thread::available_parallelism().map_or(1, std::num::NonZero::get).min(8);
        let share = entries.len().div_ceil(threads).max(1);
        let of_part = |part: &[Entry<'a>]| {
            let found = part.iter().filter_map(|entry| Some((place_of(entry), Spread::of(entry)?)));
            found.collect::<Vec<_>>()
        };
        let found = thread::scope(|scope| {
            let parts: Vec<_> = entries.chunks(share).map(|part| scope.spawn(move || of_part(part))).collect();
            // A thread ends early only where its own code is broken; then so is this.
            parts.into_iter().flat_map(|part| part.join().expect("spreads are worked out")).collect()
        });
        Self(found)
    }

    /// That of an entry; none where its cells do not say what they answered.
    #[must_use]
    pub fn get(&self, entry: &Entry<'a>) -> Option<&Spread> {
        self.0.get(&place_of(entry))
    }

    /// The mean over all of these entries; none where one has none.
    #[must_use]
    pub fn mean(&self, entries: &[Entry<'a>]) -> Option<Spread> {
        let spreads: Vec<&Spread> = entries.iter().map(|entry| self.get(entry)).collect::<Option<_>>()?;
        Spread::mean_of(&spreads)
    }
}

fn place_of<'a>(entry: &Entry<'a>) -> Place<'a> {
    (entry.key.table, entry.key.row, entry.key.axis, entry.dataset, entry.cells[0].seed)
}

/// Whether cells were measured on the same texts: those of one split.
fn same_texts(cells: &[&Cell]) -> bool {
    let targets = |cell: &Cell| cell.measured.answers.as_ref().map(|answers| answers.targets.clone());
    let same = |two: &[&Cell]| two[0].settings.split == two[1].settings.split && targets(two[0]) == targets(two[1]);
    cells.windows(2).all(same)
}

/// Whether the cells of an entry have several splits between them.
#[must_use]
pub fn splits_differ(entry: &Entry<'_>) -> bool {
    entry.cells.windows(2).any(|two| two[0].settings.split != two[1].settings.split)
}

/// What two entries differ by on one data set.
#[derive(Clone, Debug)]
pub struct Compared {
    /// Seeds that both have.
    pub seeds: usize,
    /// Points of accuracy, first less second.
    pub difference: Difference,
    /// McNemar's test of each seed, as one.
    pub mcnemar: f64,
}

/// The seeds that both have, on the same texts. A rival of one seed, which has none to speak of, stands beside each
/// that has its texts.
#[must_use]
pub fn compare(entry: &Entry<'_>, rival: &Entry<'_>) -> Option<Compared> {
    let beside = |cell: &Cell| {
        let same = rival.cells.iter().find(|other| other.seed == cell.seed);
        let other = same.or_else(|| rival.cells.first().filter(|_| rival.cells.len() == 1)).copied()?;
        (other.settings.split == cell.settings.split).then_some(other)
    };
    let mut own: Vec<&Cell> = Vec::new();
    let mut pairs: Vec<Pair> = Vec::new();
    for cell in &entry.cells {
        let Some(other) = beside(cell) else { continue };
        let (Some(answers), Some(others)) = (&cell.measured.answers, &other.measured.answers) else { continue };
        if answers.targets == others.targets && !answers.targets.is_empty() {
            own.push(cell);
            pairs.push(Pair::of(&answers.right(), &others.right()));
        }
    }
    let difference = Difference::of(&pairs, same_texts(&own))?;
    let tests = pairs.iter().map(|pair| {
        let [own, others] = pair.discordant();
        mcnemar(own, others)
    });
    Some(Compared { seeds: pairs.len(), difference, mcnemar: as_one(tests.collect())? })
}

/// One test as it is; several as [`twice_the_median`] has them.
fn as_one(tests: Vec<f64>) -> Option<f64> {
    if let [one] = tests.as_slice() { Some(*one) } else { twice_the_median(tests) }
}

/// `−0.45 (−1.20 to 0.31)`: a difference and its interval at 95 %.
#[must_use]
pub fn told(difference: &Difference) -> String {
    let [low, high] = difference.interval(0.95).map(signed);
    format!("{} ({low} to {high})", signed(difference.mean))
}

/// With a minus sign as typesetters have it, and no negative zero.
#[must_use]
pub fn signed(value: f64) -> String {
    let text = format!("{value:.2}");
    match text.strip_prefix('-') {
        Some("0.00") => "0.00".to_owned(),
        Some(size) => format!("−{size}"),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_are_those_of_typesetters() {
        assert_eq!([-0.001, -1.239, 0.4].map(signed), ["0.00", "−1.24", "0.40"]);
        assert_eq!((as_one(vec![0.03]), as_one(vec![])), (Some(0.03), None));
    }
}
