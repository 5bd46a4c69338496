//! Robust accuracy: what attacks leave of each network's accuracy, and of the claim that spikes withstand them
//! better.

mod claim;

use std::collections::{BTreeMap, BTreeSet};

use spiketext::Result;
use spiketext_study::{AttackResult, AttackSettings, Cell, NoiseSettings};

use crate::{
    cells::{Entry, Study, dataset_name, named},
    markdown::{Page, Table, escaped},
    numbers::{plural, precise},
};

/// The table of attacks.
pub const TABLE: &str = "robustness";

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
pub fn section(study: &Study, page: &mut Page) -> Result<()> {
    let entries: Vec<Entry<'_>> = study
        .entries(TABLE)
        .into_iter()
        .filter(|entry| entry.sample(|cell| Some(attacked(cell)?.texts as f64)).is_some())
        .collect();
    if entries.is_empty() {
        return Ok(());
    }
    page.heading(2, "Robustness");
    let texts = entries.iter().flat_map(|entry| &entry.cells).filter_map(|cell| Some(attacked(cell)?.texts));
    page.paragraph(&format!(
        "Percent of test texts that a network still labels right when an attack has changed them until it errs or \
         gives up ([what the attacks do](attacks.md)); the same {} texts for every network of a seed. Behind ± stands \
         half the 95 % interval of the mean over the seeds (Student's t). `before`: the texts as they are. Of a \
         network with a random code, `fixed`, `fresh` and `mean` say what noise the attack's questions meet: always \
         the same, new for each question, or the mean over draws; what the attack took for its end is in the first \
         line, and below it what most of {} other draws of noise say of the same texts. Where the two differ, the \
         difference is luck.",
        span(texts),
        judges_of(&entries),
    ));
    claim::protocol(study, &entries, page);
    for dataset in study.datasets(TABLE) {
        let own: Vec<&Entry<'_>> = entries.iter().filter(|entry| entry.dataset == dataset).collect();
        page.heading(3, &format!("{} under attack", dataset_name(dataset)));
        page.table(&accuracies(&own));
    }
    claim::claim(&entries, page);
    efforts(&entries, page)
}

/// The smallest and the largest of some numbers: `15`, `40 to 200`.
fn span(numbers: impl Iterator<Item = usize>) -> String {
    let numbers: BTreeSet<usize> = numbers.collect();
    match (numbers.first(), numbers.last()) {
        (Some(least), Some(most)) if least < most => format!("{least} to {most}"),
        (Some(only), _) => only.to_string(),
        (None, _) => "0".into(),
    }
}

/// How many draws of noise judge a text, in words.
fn judges_of(entries: &[Entry<'_>]) -> String {
    span(entries.iter().filter_map(|entry| Some(noise_of(entry)?.judges)))
}

fn attacked(cell: &Cell) -> Option<&AttackResult> {
    cell.measured.attack.as_ref()
}

/// How an entry was attacked.
fn settings_of<'a>(entry: &Entry<'a>) -> Option<&'a AttackSettings> {
    entry.cells[0].settings.attack.as_ref()
}

/// The noise of an entry's network; none where it has none.
fn noise_of<'a>(entry: &Entry<'a>) -> Option<&'a NoiseSettings> {
    settings_of(entry)?.noise.as_ref()
}

/// Noise in words: `fresh noise`, `mean noise of 8 draws`.
fn in_words(noise: &NoiseSettings) -> String {
    let draws = noise.draws.map_or_else(String::new, |draws| format!(" of {}", plural(draws.get(), "draw")));
    format!("{} noise{draws}", noise.policy.name())
}

/// The attack of an entry in words, and its place among the columns.
fn attack_of(entry: &Entry<'_>) -> ((bool, usize, String), String) {
    let Some(AttackSettings { name, share, .. }) = settings_of(entry) else { return Default::default() };
    let place = ORDER.iter().position(|known| known == name).unwrap_or(ORDER.len());
    if *share > 0.0 {
        ((true, place, share.to_string()), format!("paper's protocol, {name}, {share} of the words"))
    } else {
        ((false, place, name.clone()), name.clone())
    }
}

/// The victim of an entry: its row, with what is no part of the attack, and the noise.
fn victim_of(entry: &Entry<'_>) -> String {
    let own = entry.key.axis.iter().filter(|(key, _)| !key.starts_with("attack."));
    let axis: BTreeMap<String, String> = own.map(|(key, value)| (key.clone(), value.clone())).collect();
    let name = named(entry.key.row, &axis);
    noise_of(entry).map_or(name.clone(), |noise| format!("{name}, {}", in_words(noise)))
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
            sample.map_or_else(|| "–".to_owned(), |sample| sample.with_interval(most))
        };
        let find = |name: &String| own.iter().find(|entry| attack_of(entry).1 == *name);
        // Attacks differ in how many texts they try; most of them try the most.
        let largest = own.iter().max_by_key(|entry| attacked(entry.cells[0]).map_or(0, |a| a.texts));
        let mut row = vec![escaped(&victim), shown(&|a| a.accuracy, largest)];
        row.extend(attacks.iter().map(|name| shown(&|a| a.accuracy_under_attack, find(name))));
        table.row(row);
        if own.iter().any(|entry| noise_of(entry).is_some()) {
            let mut row = vec!["… as most other draws see it".to_owned(), shown(&|a| a.judged_accuracy, largest)];
            row.extend(attacks.iter().map(|name| shown(&|a| a.judged_accuracy_under_attack, find(name))));
            table.row(row);
        }
    }
    table
}

/// What the attacks cost and change.
fn efforts(entries: &[Entry<'_>], page: &mut Page) -> Result<()> {
    let columns =
        ["data set", "network", "attack", "texts", "success rate (%)", "words changed (%)", "queries a text"];
    let rows: Vec<Vec<String>> = entries
        .iter()
        .map(|entry| {
            let mean = |value: fn(&AttackResult) -> f64| {
                entry.sample(|cell| attacked(cell).map(value)).map_or_else(String::new, |sample| precise(sample.mean))
            };
            vec![
                dataset_name(entry.dataset).to_owned(),
                victim_of(entry),
                attack_of(entry).1,
                attacked(entry.cells[0]).map_or_else(String::new, |attacked| attacked.texts.to_string()),
                mean(|a| a.success_rate),
                mean(|a| a.changed_words),
                mean(|a| a.queries),
            ]
        })
        .collect();
    let link = page.csv("attacks", &columns, &rows)?;
    page.paragraph(&format!(
        "Success rates, words changed and queries of every attack, means over the seeds: {link}."
    ));
    Ok(())
}
