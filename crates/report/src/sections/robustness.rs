//! Robust accuracy: what attacks leave of each network's accuracy, and of the claim that spikes withstand them better.

use std::collections::BTreeMap;

use spiketext::study::{Attacked, Cell, Method};

use super::listed;
use crate::{
    cells::{Entry, Study, dataset_name, named},
    markdown::{Page, Table, escaped},
    numbers::{Sample, plural},
};

/// The table of attacks.
pub const TABLE: &str = "robustness";
/// The setting that says which attack.
const NAME: &str = "attack.name";
/// The setting that says which share of words may change, in the paper's protocol.
const SHARE: &str = "attack.share";
/// The setting that says which noise an attack meets.
const NOISE: &str = "attack.noise";

/// The points that spiking networks are said to keep more than other ones, by a secondary source on the paper.
const CLAIMED: f64 = 13.55;

/// The order of attacks in a table; others come behind.
const ORDER: [&str; 11] = [
    "random",
    "deepwordbug",
    "textbugger",
    "pwws",
    "textfooler",
    "bae-ngram",
    "pso",
    "hotflip",
    "homophones",
    "look-alikes",
    "chinese",
];

/// Tables of each data set, and what they say of the claim.
pub fn section(study: &Study, page: &mut Page) {
    let entries: Vec<Entry<'_>> = study
        .entries(TABLE)
        .into_iter()
        .filter(|entry| entry.sample(|cell| Some(attacked(cell)?.texts as f64)).is_some())
        .collect();
    if entries.is_empty() {
        return;
    }
    page.heading(2, "Robustness");
    page.paragraph(
        "Percent of test texts that a network still labels right when an attack has changed them until it errs or gives up \
         ([what the attacks do](attacks.md)); the same texts for every network. `before`: the texts as they are. Of a network with a \
         random code, `fixed`, `fresh` and `mean` say what noise the attack's questions meet: always the same, new for each question, or the \
         mean over draws; what the attack took for its end is in the first line, and below it what most of 15 other draws of noise say of \
         the same texts. Where the two differ, the difference is luck.",
    );
    for dataset in study.datasets(TABLE) {
        let own: Vec<&Entry<'_>> = entries.iter().filter(|entry| entry.dataset == dataset).collect();
        page.heading(3, &format!("{} under attack", dataset_name(dataset)));
        page.table(&accuracies(&own));
    }
    claim(&entries, page);
    efforts(&entries, page);
}

fn attacked(cell: &Cell) -> Option<&Attacked> {
    cell.measured.attack.as_ref()
}

/// The attack of an entry in words, and its place among the columns.
fn attack_of(entry: &Entry<'_>) -> ((bool, usize, String), String) {
    let axis = entry.key.axis;
    let name = axis.get(NAME).cloned().unwrap_or_else(|| "attack".into());
    let place = ORDER.iter().position(|known| *known == name).unwrap_or(ORDER.len());
    match axis.get(SHARE) {
        Some(share) => ((true, place, share.clone()), format!("paper's protocol, {name}, {share} of the words")),
        None => ((false, place, name.clone()), name),
    }
}

/// The victim of an entry: its row, with what is no part of the attack, and the noise.
fn victim_of(entry: &Entry<'_>) -> String {
    let axis: BTreeMap<String, String> = entry
        .key
        .axis
        .iter()
        .filter(|(key, _)| !key.starts_with("attack."))
        .map(|(k, v)| (k.clone(), v.clone()))
        .collect();
    let name = named(entry.key.row, &axis);
    entry.key.axis.get(NOISE).map_or_else(|| name.clone(), |noise| format!("{name}, {noise} noise"))
}

/// Victims in the order in which they stand in the study, and attacks.
fn names(entries: &[&Entry<'_>]) -> (Vec<String>, Vec<String>) {
    let mut victims = Vec::new();
    let mut attacks = BTreeMap::new();
    for entry in entries {
        let victim = victim_of(entry);
        if !victims.contains(&victim) {
            victims.push(victim);
        }
        let (order, name) = attack_of(entry);
        attacks.insert(order, name);
    }
    (victims, attacks.into_values().collect())
}

fn accuracies(entries: &[&Entry<'_>]) -> Table {
    let (victims, attacks) = names(entries);
    let head =
        ["network".to_owned(), "before".to_owned()].into_iter().chain(attacks.iter().map(|name| escaped(name)));
    let mut table = Table::new(1, head);
    let most = entries.iter().map(|entry| entry.cells.len()).max().unwrap_or(0);
    for victim in victims {
        let own: Vec<&&Entry<'_>> = entries.iter().filter(|entry| victim_of(entry) == victim).collect();
        let shown = |value: &dyn Fn(&Attacked) -> f64, entry: Option<&&&Entry<'_>>| {
            let sample = entry.and_then(|entry| entry.sample(|cell| Some(value(attacked(cell)?))));
            sample.map_or_else(|| "–".to_owned(), |sample| sample.shown(most))
        };
        let find = |name: &String| own.iter().find(|entry| attack_of(entry).1 == *name);
        // Attacks differ in how many texts they try; most of them try the most.
        let largest = own.iter().max_by_key(|entry| attacked(entry.cells[0]).map_or(0, |a| a.texts));
        let mut row = vec![escaped(&victim), shown(&|a| a.accuracy, largest)];
        row.extend(attacks.iter().map(|name| shown(&|a| a.accuracy_under_attack, find(name))));
        table.row(row);
        if own.iter().any(|entry| entry.key.axis.contains_key(NOISE)) {
            let mut row = vec!["… as most other draws see it".to_owned(), shown(&|a| a.judged_accuracy, largest)];
            row.extend(attacks.iter().map(|name| shown(&|a| a.judged_accuracy_under_attack, find(name))));
            table.row(row);
        }
    }
    table
}

/// Whether a row is trained with adversarial examples.
fn is_hardened(entry: &Entry<'_>) -> bool {
    entry.key.row.contains("adversarial")
}

/// How much more a spiking network keeps than the DNN of its recipe, seed by seed.
struct Difference {
    victim: String,
    attack: String,
    dataset: String,
    points: Sample,
}

fn differences(entries: &[Entry<'_>], judged: bool) -> Vec<Difference> {
    let mut found = Vec::new();
    for entry in entries.iter().filter(|entry| entry.key.method.spikes()) {
        let twin = entries.iter().find(|other| {
            other.key.method == Method::Dnn
                && other.dataset == entry.dataset
                && other.key.family().lean == entry.key.family().lean
                && is_hardened(other) == is_hardened(entry)
                && attack_of(other).1 == attack_of(entry).1
        });
        let Some(twin) = twin else { continue };
        let value = |cell: &Cell| {
            let attacked = attacked(cell)?;
            Some(if judged { attacked.judged_accuracy_under_attack } else { attacked.accuracy_under_attack })
        };
        let pairs = entry.cells.iter().filter_map(|cell| {
            let other = twin.cells.iter().find(|other| other.seed == cell.seed)?;
            let same_texts = attacked(cell)?.texts == attacked(other)?.texts;
            same_texts.then_some(value(cell)? - value(other)?)
        });
        if let Some(points) = Sample::of(pairs) {
            found.push(Difference {
                victim: victim_of(entry),
                attack: attack_of(entry).1,
                dataset: dataset_name(entry.dataset).to_owned(),
                points,
            });
        }
    }
    found
}

/// What is left of the claim.
fn claim(entries: &[Entry<'_>], page: &mut Page) {
    let as_attacked = differences(entries, false);
    if as_attacked.is_empty() {
        return;
    }
    page.heading(3, "What is left of the claim");
    page.paragraph(&format!(
        "A secondary source gives the paper's spiking networks {CLAIMED} points more robust accuracy than its DNNs. Here is how many points \
         each spiking network keeps more than the DNN of its recipe, the same seed, texts and attack: the mean over all attacks and data \
         sets, and for how many of these pairs the mean over seeds lies above or below zero by more than a standard deviation. `judged`: most \
         of 15 other draws decide, which takes away what one lucky draw saved.",
    ));
    let mut table = Table::new(
        1,
        ["network", "points more", "better", "worse", "within", "judged: points more", "better", "worse", "within"],
    );
    let judged = differences(entries, true);
    let mut victims: Vec<&str> = Vec::new();
    for difference in &as_attacked {
        if !victims.contains(&difference.victim.as_str()) {
            victims.push(&difference.victim);
        }
    }
    let mut said = Vec::new();
    for victim in victims {
        let count = |all: &[Difference]| {
            let own: Vec<&Difference> = all.iter().filter(|difference| difference.victim == victim).collect();
            let beyond = |way: f64| {
                own.iter()
                    .filter(|d| d.points.deviation.is_some_and(|deviation| way * d.points.mean > deviation))
                    .count()
            };
            let mean = own.iter().map(|d| d.points.mean).sum::<f64>() / own.len().max(1) as f64;
            (mean, beyond(1.0), beyond(-1.0), own.len())
        };
        let (a, b) = (count(&as_attacked), count(&judged));
        let cells = |(mean, better, worse, all): (f64, usize, usize, usize)| {
            [format!("{mean:+.2}"), better.to_string(), worse.to_string(), (all - better - worse).to_string()]
        };
        table.row([escaped(victim)].into_iter().chain(cells(a)).chain(cells(b)));
        let best =
            judged.iter().filter(|d| d.victim == victim).max_by(|a, b| a.points.mean.total_cmp(&b.points.mean));
        if let Some(best) = best {
            said.push(format!(
                "{}: {:+.2} points on average over {} where most draws decide; the most on {} under {} ({:+.2}).",
                escaped(victim),
                b.0,
                plural(b.3, "pair"),
                escaped(&best.dataset),
                escaped(&best.attack),
                best.points.mean
            ));
        }
    }
    page.table(&table);
    page.list(said);
    let means: Vec<f64> = judged.iter().map(|d| d.points.mean).collect();
    let above = judged
        .iter()
        .filter(|d| d.points.mean >= CLAIMED)
        .map(|d| format!("{} on {} under {}", escaped(&d.victim), escaped(&d.dataset), escaped(&d.attack)));
    let above: Vec<String> = above.collect();
    let overall = means.iter().sum::<f64>() / means.len().max(1) as f64;
    let mut sentence = format!(
        "**Over all {} of network, attack and data set, a spiking network keeps {overall:+.2} points more than its DNN",
        plural(means.len(), "pair")
    );
    sentence.push_str(&if above.is_empty() {
        format!("; none reaches the claimed {CLAIMED}.**")
    } else {
        format!("; the claimed {CLAIMED} are reached by {}.**", listed(&above))
    });
    page.paragraph(&sentence);
}

/// What the attacks cost and change.
fn efforts(entries: &[Entry<'_>], page: &mut Page) {
    let all: Vec<&Entry<'_>> = entries.iter().collect();
    let mut table = Table::new(
        3,
        ["data set", "network", "attack", "texts", "success rate %", "words changed %", "queries a text"],
    );
    for entry in all {
        let mean = |value: fn(&Attacked) -> f64| {
            entry
                .sample(|cell| attacked(cell).map(value))
                .map_or_else(String::new, |sample| format!("{:.1}", sample.mean))
        };
        table.row([
            escaped(dataset_name(entry.dataset)),
            escaped(&victim_of(entry)),
            escaped(&attack_of(entry).1),
            attacked(entry.cells[0]).map_or_else(String::new, |attacked| attacked.texts.to_string()),
            mean(|a| a.success_rate),
            mean(|a| a.changed_words),
            mean(|a| a.queries),
        ]);
    }
    page.folded("Success rates, words changed and queries", |page| page.table(&table));
}
