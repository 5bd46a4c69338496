//! What cross-validation says of the rows of a grid: how well each does on texts that were held back, which one is
//! chosen, and which others cannot be told from it.

use std::{collections::BTreeMap, path::Path};

use serde::{Deserialize, Serialize};
use spiketext::{Error, Result, files::write_atomically};

use crate::{
    cell::{Cell, Method, TestAnswers},
    statistics::{Difference, Pair, Verdict, holm, student_interval},
};

/// The version of the file.
const FORMAT: u32 = 2;

/// The outcome of a cross-validation, as its file holds it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Selection {
    /// The version of the file: 2. Files of version 1 have neither [`Self::spared_splits`] nor [`Candidate::settings`].
    pub format: u32,
    /// How many folds there were.
    pub folds: usize,
    /// The seeds of each row.
    pub seeds: Vec<u64>,
    /// The data sets, and how many of their training and development texts were held back, once each.
    pub datasets: BTreeMap<String, usize>,
    /// Of data sets without an official split that are tested in several by hash: of how many splits no test text took part.
    #[serde(default)]
    pub spared_splits: BTreeMap<String, u64>,
    /// The commits that the cells were made by.
    pub commits: Vec<String>,
    /// The tables: rows of one compete with one another.
    pub tables: Vec<TableSelection>,
}

/// The rows of a table, the best first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct TableSelection {
    /// The table.
    pub table: String,
    /// Its rows at each place of their axes; the first, the best in the mean over the data sets, is chosen.
    pub candidates: Vec<Candidate>,
}

/// A row at one place of its axis.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Candidate {
    /// The row.
    pub row: String,
    /// Where on its axis.
    pub axis: BTreeMap<String, String>,
    /// How its networks are made.
    pub method: Method,
    /// By data set, what vectors and choices it was made with: [`Settings::digest`](crate::cell::Settings::digest).
    #[serde(default)]
    pub settings: BTreeMap<String, String>,
    /// Percent of the held-back texts, the mean over the data sets of that over the seeds.
    pub accuracy: f64,
    /// By data set: the mean over the seeds, and half the width of its 95 % interval over the seeds (Student's t), if
    /// there are several.
    pub datasets: BTreeMap<String, HeldBack>,
    /// Points by which it is ahead of the chosen one, in the mean over the data sets; none for that one.
    pub difference: Option<AgainstChosen>,
}

/// Accuracy on the texts that were held back.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct HeldBack {
    /// Percent.
    pub accuracy: f64,
    /// See [`Candidate::datasets`].
    pub interval: Option<f64>,
}

/// A candidate beside the chosen one, text by text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct AgainstChosen {
    /// The mean.
    pub points: f64,
    /// Between which points it lies, at 95 %.
    pub interval: [f64; 2],
    /// What may be said of it, corrected for all candidates of the table: `worse`, `as good` or `open`.
    pub verdict: String,
}

/// What a candidate answered to the held-back texts of a data set, by seed: those of all folds together.
type Answers = BTreeMap<String, BTreeMap<u64, TestAnswers>>;

/// What was answered to each fold of a data set, by seed and number of the fold.
type Folds<'a> = BTreeMap<u64, BTreeMap<usize, &'a TestAnswers>>;

/// The place of a candidate.
type Place = (String, String, BTreeMap<String, String>, Method);

impl Selection {
    /// What a file holds.
    ///
    /// # Errors
    /// In words, if that is no cross-validation or of a version that is not known.
    pub fn parse(bytes: &[u8]) -> std::result::Result<Self, String> {
        let selection: Self =
            serde_json::from_slice(bytes).map_err(|error| format!("is no cross-validation: {error}"))?;
        match selection.format {
            1..=FORMAT => Ok(selection),
            other => Err(format!("is of format {other}, and 1 and 2 are known")),
        }
    }

    /// From the cells of a cross-validation in `folds` folds.
    ///
    /// # Errors
    /// If a cell lacks what others have: a fold, a seed, a data set of its table, or its answers.
    pub fn of(cells: &[Cell], folds: usize) -> Result<Self> {
        let refuse = |expected: String, got: String| Err(Error::invalid("cross-validation", expected, got));
        let mut found: BTreeMap<Place, BTreeMap<String, Folds<'_>>> = BTreeMap::new();
        let mut settings: BTreeMap<(Place, &str), String> = BTreeMap::new();
        let mut spared: BTreeMap<&str, Option<u64>> = BTreeMap::new();
        for cell in cells {
            let fold = cell.fold.filter(|fold| fold.of == folds);
            let (Some(fold), Some(answers)) = (fold, &cell.measured.answers) else {
                return refuse(format!("cells of one of {folds} folds, with their answers"), cell.id());
            };
            let place = (cell.table.clone(), cell.row.clone(), cell.axis.clone(), cell.method);
            let own = cell.settings.digest();
            if *settings.entry((place.clone(), &cell.dataset)).or_insert_with(|| own.clone()) != own {
                let got = format!("several of '{}' on {}", cell.row, cell.dataset);
                return refuse("one set of choices for all folds and seeds of a candidate".into(), got);
            }
            if *spared.entry(&cell.dataset).or_insert(cell.settings.spared_splits) != cell.settings.spared_splits {
                return refuse(format!("cells on {} that keep away from the same splits", cell.dataset), cell.id());
            }
            let of_dataset = found.entry(place).or_default().entry(cell.dataset.clone()).or_default();
            of_dataset.entry(cell.seed).or_default().insert(fold.number, answers);
        }
        let mut candidates: BTreeMap<&str, Vec<(&Place, Answers)>> = BTreeMap::new();
        for (place, datasets) in &found {
            let mut all = Answers::new();
            for (dataset, seeds) in datasets {
                for (seed, parts) in seeds {
                    if parts.len() != folds {
                        let got = format!("{} of '{}' on {dataset}, seed {seed}", parts.len(), place.1);
                        return refuse(format!("{folds} folds"), got);
                    }
                    let whole = joined(parts.values().copied());
                    all.entry(dataset.clone()).or_default().insert(*seed, whole);
                }
            }
            candidates.entry(&place.0).or_default().push((place, all));
        }
        let mut tables: Vec<TableSelection> =
            candidates.into_iter().map(|(table, candidates)| of_table(table, candidates)).collect::<Result<_>>()?;
        for table in &mut tables {
            for candidate in &mut table.candidates {
                let place = (table.table.clone(), candidate.row.clone(), candidate.axis.clone(), candidate.method);
                let of = |name: &String| Some((name.clone(), settings.get(&(place.clone(), name.as_str()))?.clone()));
                candidate.settings = candidate.datasets.keys().filter_map(of).collect();
            }
        }
        let spared_splits =
            spared.into_iter().filter_map(|(name, splits)| Some((name.to_owned(), splits?))).collect();
        let mut seeds: Vec<u64> = cells.iter().map(|cell| cell.seed).collect();
        let mut commits: Vec<String> = cells.iter().map(|cell| cell.commit.clone()).collect();
        seeds.sort_unstable();
        seeds.dedup();
        commits.sort_unstable();
        commits.dedup();
        let mut datasets = BTreeMap::new();
        for by_seed in found.values().flatten() {
            let texts =
                by_seed.1.values().next().map_or(0, |parts| parts.values().map(|part| part.targets.len()).sum());
            datasets.insert(by_seed.0.clone(), texts);
        }
        Ok(Self { format: FORMAT, folds, seeds, datasets, spared_splits, commits, tables })
    }

    /// Writes it, as JSON.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn write(&self, path: &Path) -> Result<()> {
        let mut text = serde_json::to_string_pretty(self)
            .map_err(|error| Error::invalid("cross-validation", "numbers that JSON can hold", error.to_string()))?;
        text.push('\n');
        write_atomically(path, text.as_bytes())
    }
}

/// The answers of all folds as those to one list of texts.
fn joined<'a>(parts: impl Iterator<Item = &'a TestAnswers>) -> TestAnswers {
    let mut whole = TestAnswers::default();
    for part in parts {
        whole.targets.extend(&part.targets);
        whole.labels.extend(&part.labels);
        whole.probabilities.extend(&part.probabilities);
    }
    whole
}

/// The candidates of a table in order.
fn of_table(table: &str, candidates: Vec<(&Place, Answers)>) -> Result<TableSelection> {
    let names: Vec<&String> = candidates.iter().flat_map(|(_, answers)| answers.keys()).collect();
    let mut scored = Vec::new();
    for (place, answers) in &candidates {
        if let Some(missing) = names.iter().find(|name| !answers.contains_key(**name)) {
            let expected = format!("every row of table {table} on {missing}");
            return Err(Error::invalid("cross-validation", expected, format!("none of '{}'", place.1)));
        }
        let datasets: BTreeMap<String, HeldBack> =
            answers.iter().map(|(name, seeds)| (name.clone(), held_back(seeds))).collect();
        let accuracy = datasets.values().map(|set| set.accuracy).sum::<f64>() / datasets.len() as f64;
        scored.push((*place, answers, datasets, accuracy));
    }
    // Of equals the one that comes first by name.
    scored.sort_by(|a, b| b.3.total_cmp(&a.3).then_with(|| a.0.cmp(b.0)));
    let chosen = scored.first().map(|first| first.1);
    let differences: Vec<Option<Difference>> =
        scored.iter().skip(1).map(|(_, answers, ..)| difference(answers, chosen?)).collect();
    let probabilities: Vec<f64> =
        differences.iter().map(|one| one.as_ref().map_or(1.0, Difference::probability)).collect();
    let against = differences.into_iter().zip(holm(&probabilities)).map(|(difference, corrected)| {
        let difference = difference?;
        let verdict: Verdict = difference.verdict(corrected);
        let verdict = verdict.name().to_owned();
        Some(AgainstChosen { points: difference.mean, interval: difference.interval(0.95), verdict })
    });
    let against = std::iter::once(None).chain(against);
    let candidates = scored.into_iter().zip(against).map(|((place, _, datasets, accuracy), difference)| {
        let (_, row, axis, method) = place.clone();
        Candidate { row, axis, method, settings: BTreeMap::new(), accuracy, datasets, difference }
    });
    Ok(TableSelection { table: table.to_owned(), candidates: candidates.collect() })
}

fn held_back(seeds: &BTreeMap<u64, TestAnswers>) -> HeldBack {
    let accuracies: Vec<f64> = seeds
        .values()
        .map(|answers| {
            let right = answers.right().into_iter().filter(|right| *right).count();
            100.0 * right as f64 / answers.targets.len().max(1) as f64
        })
        .collect();
    let count = accuracies.len() as f64;
    let accuracy = accuracies.iter().sum::<f64>() / count;
    let squares: f64 = accuracies.iter().map(|one| (one - accuracy).powi(2)).sum();
    let deviation = (accuracies.len() > 1).then(|| (squares / (count - 1.0)).sqrt());
    HeldBack { accuracy, interval: deviation.and_then(|deviation| student_interval(deviation, accuracies.len())) }
}

/// The mean over the data sets of the difference between two candidates; none where they have no seed in common.
fn difference(own: &Answers, chosen: &Answers) -> Option<Difference> {
    let of_dataset = |(name, seeds): (&String, &BTreeMap<u64, TestAnswers>)| {
        let others = &chosen[name];
        let both = seeds.iter().filter_map(|(seed, own)| Some((own, others.get(seed)?)));
        let pairs: Vec<Pair> = both.map(|(own, other)| Pair::of(&own.right(), &other.right())).collect();
        Difference::of(&pairs, true)
    };
    Difference::mean_of(&own.iter().map(of_dataset).collect::<Option<Vec<_>>>()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cell::{Family, Fold, Measurements, Seconds, Settings};

    /// A cell that answers 300 texts of a fold, of which `right` are right.
    fn cell(row: &str, dataset: &str, seed: u64, number: usize, right: usize) -> Cell {
        let labels: Vec<u16> = (0..300).map(|text| u16::from(text >= right)).collect();
        Cell {
            format: crate::FORMAT,
            table: "length".into(),
            row: row.into(),
            axis: BTreeMap::new(),
            dataset: dataset.into(),
            seed,
            fold: Some(Fold { number, of: 2 }),
            selected: None,
            method: Method::Dnn,
            family: Family::default(),
            settings: Settings::default(),
            measured: Measurements {
                answers: Some(TestAnswers { targets: vec![0; 300], labels, probabilities: vec![900; 300] }),
                ..Measurements::default()
            },
            seconds: Seconds::default(),
            machine: String::new(),
            commit: "abc".into(),
        }
    }

    fn row(row: &str, right: [usize; 2]) -> Vec<Cell> {
        let mut cells = Vec::new();
        for dataset in ["mr", "sst2"] {
            for seed in 0..2 {
                cells.extend(
                    right
                        .iter()
                        .zip(1..)
                        .map(|(&right, number)| cell(row, dataset, seed, number, right + seed as usize)),
                );
            }
        }
        cells
    }

    #[test]
    fn the_best_on_held_back_texts_is_chosen_and_equals_are_named() {
        let cells = [row("short", [200, 210]), row("long", [240, 250]), row("longer", [241, 249])].concat();
        let found = Selection::of(&cells, 2).expect("a selection");
        assert_eq!((found.datasets["mr"], &found.seeds, &found.commits), (600, &vec![0, 1], &vec!["abc".to_owned()]));
        let [long, longer, short] = found.tables[0].candidates.as_slice() else { panic!("three") };
        assert_eq!([&long.row, &longer.row, &short.row], ["long", "longer", "short"], "equals by name");
        // 490 of 600 with the first seed, 492 with the second: a third of a point apart.
        let want = 100.0 * (490.0 + 492.0) / 2.0 / 600.0;
        assert!((long.accuracy - want).abs() < 1e-9 && long.difference.is_none());
        assert!(long.datasets["mr"].interval.is_some_and(|half| (half - 12.706 / 6.0).abs() < 1e-2));
        let of = |candidate: &Candidate| candidate.difference.clone().expect("a difference");
        assert_eq!((of(short).verdict.as_str(), of(longer).points.abs() < 1e-9), ("worse", true));
        assert_ne!(of(longer).verdict, "worse");
        assert!(of(short).interval[1] < 0.0 && of(short).points < -12.0);
        // What a candidate was made with is written down, and what it kept away from.
        let digest = Settings::default().digest();
        assert_eq!((long.settings["mr"].as_str(), digest.len(), long.settings.len()), (digest.as_str(), 16, 2));
        assert!(found.spared_splits.is_empty());
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("selection.json");
        found.write(&path).expect("written");
        let text = std::fs::read_to_string(&path).expect("text");
        assert_eq!(serde_json::from_str::<Selection>(&text).expect("its own"), found);
    }

    #[test]
    fn what_is_not_whole_is_no_selection() {
        let whole = row("long", [240, 250]);
        let refused = |cells: &[Cell], told: &str| {
            let error = Selection::of(cells, 2).map(|_| ()).expect_err(told).to_string();
            assert!(error.contains(told), "{error}");
        };
        refused(&whole[1..], "expected 2 folds, got 1 of 'long' on mr, seed 0");
        let mut plain = whole.clone();
        plain[0].fold = None;
        refused(&plain, "cells of one of 2 folds");
        let mut other = whole.clone();
        other[0].settings.choices.insert("dnn".into(), 3.into());
        refused(&other, "one set of choices for all folds and seeds of a candidate, got several of 'long' on mr");
        let mut spared = whole.clone();
        spared[0].settings.spared_splits = Some(5);
        refused(&spared, "cells on mr that keep away from the same splits");
        spared.iter_mut().filter(|cell| cell.dataset == "mr").for_each(|cell| cell.settings.spared_splits = Some(5));
        assert_eq!(Selection::of(&spared, 2).expect("whole").spared_splits, BTreeMap::from([("mr".to_owned(), 5)]));
        let one_set: Vec<Cell> = row("short", [1, 2]).into_iter().filter(|cell| cell.dataset == "mr").collect();
        refused(&[whole, one_set].concat(), "every row of table length on sst2, got none of 'short'");
    }
}
