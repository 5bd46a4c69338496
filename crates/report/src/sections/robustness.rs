//! Robust accuracy: what attacks leave of each network's accuracy, and of the claim that spikes withstand them better.

use std::collections::BTreeMap;

use spiketext_study::{AttackResult, Cell, Method};

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

/// The setting that says how many draws a mean is of.
const DRAWS: &str = "attack.draws";

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

fn attacked(cell: &Cell) -> Option<&AttackResult> {
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
    match (entry.key.axis.get(NOISE), entry.key.axis.get(DRAWS)) {
        (None, _) => name,
        (Some(noise), None) => format!("{name}, {noise} noise"),
        (Some(noise), Some(draws)) => format!("{name}, {noise} noise of {draws} draws"),
    }
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
        let shown = |value: &dyn Fn(&AttackResult) -> f64, entry: Option<&&&Entry<'_>>| {
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
            found.push(Difference { victim: victim_of(entry), points });
        }
    }
    found
}

/// What is left of the claim.
fn claim(entries: &[Entry<'_>], page: &mut Page) {
    let (as_attacked, judged) = (differences(entries, false), differences(entries, true));
    if as_attacked.is_empty() {
        return;
    }
    page.heading(3, "What is left of the claim");
    page.paragraph(&format!(
        "A secondary source gives the paper's spiking networks {CLAIMED} points more robust accuracy than its DNNs. Here is how many points \
         each spiking network keeps more than the DNN of its recipe, the same seed, texts and attack: the mean over all pairs of attack and \
         data set, how many of these pairs lie above or below zero by more than a standard deviation over the seeds, and how many reach the \
         claim. Once by the attack's own count, and once by what most of 15 other draws of noise say of the texts where it ended.",
    ));
    let head = [
        "network",
        "pairs",
        "points more",
        "better",
        "worse",
        "as claimed",
        "other draws: points more",
        "better",
        "worse",
        "as claimed",
    ];
    let mut table = Table::new(1, head);
    let mut victims: Vec<&str> = Vec::new();
    for difference in &as_attacked {
        if !victims.contains(&difference.victim.as_str()) {
            victims.push(&difference.victim);
        }
    }
    let reaches = |difference: &&Difference| difference.points.mean >= CLAIMED;
    for victim in victims {
        let own = |all: &'_ [Difference]| -> Vec<String> {
            let own: Vec<&Difference> = all.iter().filter(|difference| difference.victim == victim).collect();
            let beyond = |way: f64| {
                let is =
                    |d: &&&Difference| d.points.deviation.is_some_and(|deviation| way * d.points.mean > deviation);
                own.iter().filter(is).count().to_string()
            };
            let claimed = own.iter().copied().filter(|d| reaches(d)).count();
            vec![format!("{:+.2}", mean_of(&own)), beyond(1.0), beyond(-1.0), claimed.to_string()]
        };
        let pairs = as_attacked.iter().filter(|difference| difference.victim == victim).count();
        table.row([escaped(victim), pairs.to_string()].into_iter().chain(own(&as_attacked)).chain(own(&judged)));
    }
    page.table(&table);
    let all: Vec<&Difference> = as_attacked.iter().collect();
    let (overall, reached) = (mean_of(&all), all.iter().copied().filter(|d| reaches(d)).count());
    let verdict = if overall >= CLAIMED { "The claim holds here" } else { "The claim does not hold here" };
    page.paragraph(&format!(
        "**{verdict}: by the attacks' own count, spiking networks keep {overall:+.2} points more than their DNNs over {} of network, attack and \
         data set, and {reached} of these reach {CLAIMED}.**",
        plural(all.len(), "pair")
    ));
    let mut noises: Vec<&str> = Vec::new();
    for (_, noise) in judged.iter().filter_map(|difference| difference.victim.rsplit_once(", ")) {
        if noise.contains("noise") && !noises.contains(&noise) {
            noises.push(noise);
        }
    }
    let of_noise = |noise: &&str| {
        let own = judged.iter().filter(|d| d.victim.rsplit_once(", ").is_some_and(|(_, own)| own == *noise));
        format!("{:+.2} under {}", mean_of(&own.collect::<Vec<_>>()), escaped(noise))
    };
    let noisy: Vec<String> = noises.iter().map(of_noise).collect();
    if !noisy.is_empty() {
        page.paragraph(&format!(
            "Noise can pass for robustness. An attack ends as soon as the answers it gets are wrong, at the edge where the draw of noise \
             decides, and many other draws still answer rightly there: in points more than the DNN, {}. These are texts where answers are \
             split, not texts that the network withstands; where the attack meets the mean over draws, its own count is the fair one.",
            listed(&noisy)
        ));
    }
}

fn mean_of(differences: &[&Difference]) -> f64 {
    differences.iter().map(|difference| difference.points.mean).sum::<f64>() / differences.len().max(1) as f64
}

/// What the attacks cost and change.
fn efforts(entries: &[Entry<'_>], page: &mut Page) {
    let all: Vec<&Entry<'_>> = entries.iter().collect();
    let mut table = Table::new(
        3,
        ["data set", "network", "attack", "texts", "success rate %", "words changed %", "queries a text"],
    );
    for entry in all {
        let mean = |value: fn(&AttackResult) -> f64| {
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
