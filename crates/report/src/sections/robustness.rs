//! Robust accuracy: what attacks leave of each network's accuracy, and of the claim that spikes withstand them
//! better.

use std::collections::{BTreeMap, BTreeSet};

use spiketext::Result;
use spiketext_study::{AttackResult, AttackSettings, Cell, Method, Noise, NoiseSettings};

use super::listed;
use crate::{
    cells::{Entry, Kind, Study, dataset_name, named},
    markdown::{Page, Table, escaped},
    numbers::{Sample, plural, precise},
};

/// The table of attacks.
pub const TABLE: &str = "robustness";
/// The points that spiking networks are said to keep more than other ones, by one secondary source on the paper.
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
         gives up ([what the attacks do](attacks.md)); the same {} texts for every network and seed. `before`: the \
         texts as they are. Of a network with a random code, `fixed`, `fresh` and `mean` say what noise the \
         attack's questions meet: always the same, new for each question, or the mean over draws; what the attack \
         took for its end is in the first line, and below it what most of {} other draws of noise say of the same \
         texts. Where the two differ, the difference is luck.",
        span(texts),
        judges_of(&entries),
    ));
    for dataset in study.datasets(TABLE) {
        let own: Vec<&Entry<'_>> = entries.iter().filter(|entry| entry.dataset == dataset).collect();
        page.heading(3, &format!("{} under attack", dataset_name(dataset)));
        page.table(&accuracies(&own));
    }
    claim(&entries, page);
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
            sample.map_or_else(|| "–".to_owned(), |sample| sample.shown(most))
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

/// How much more a spiking network keeps than the DNN of its recipe under one attack on one data set.
struct Difference<'a> {
    entry: &'a Entry<'a>,
    victim: String,
    /// Points by seed.
    points: BTreeMap<u64, f64>,
}

impl Difference<'_> {
    fn sample(&self) -> Sample {
        Sample::of(self.points.values().copied()).expect("a difference has seeds")
    }
}

fn differences<'a>(entries: &'a [Entry<'a>], judged: bool) -> Vec<Difference<'a>> {
    let mut found = Vec::new();
    for entry in entries.iter().filter(|entry| entry.key.kind.spikes()) {
        let dnn = Kind { method: Method::Dnn, ..entry.key.kind };
        let twin = entries.iter().find(|other| {
            other.key.kind == dnn && other.dataset == entry.dataset && attack_of(other).1 == attack_of(entry).1
        });
        let Some(twin) = twin else { continue };
        let value = |cell: &Cell| {
            let attacked = attacked(cell)?;
            Some(if judged { attacked.judged_accuracy_under_attack } else { attacked.accuracy_under_attack })
        };
        let pairs = entry.cells.iter().filter_map(|cell| {
            let other = twin.cells.iter().find(|other| other.seed == cell.seed)?;
            let same_texts = attacked(cell)?.texts == attacked(other)?.texts;
            same_texts.then_some((cell.seed, value(cell)? - value(other)?))
        });
        let points: BTreeMap<u64, f64> = pairs.collect();
        if !points.is_empty() {
            found.push(Difference { entry, victim: victim_of(entry), points });
        }
    }
    found
}

/// The mean over differences, seed by seed: its mean over the seeds and how sure that is.
fn over_seeds(differences: &[&Difference<'_>]) -> Option<Sample> {
    let seeds: BTreeSet<u64> = differences.iter().flat_map(|difference| difference.points.keys().copied()).collect();
    let means = seeds.into_iter().filter_map(|seed| {
        Some(Sample::of(differences.iter().filter_map(|difference| difference.points.get(&seed).copied()))?.mean)
    });
    Sample::of(means)
}

/// What is left of the claim.
fn claim(entries: &[Entry<'_>], page: &mut Page) {
    let (as_attacked, judged) = (differences(entries, false), differences(entries, true));
    if as_attacked.is_empty() {
        return;
    }
    page.heading(3, "What is left of the claim");
    page.paragraph(&format!(
        "One secondary source, whose table could not be found, gives the paper's spiking networks {CLAIMED} points \
         more robust accuracy than a TextCNN. Here is how many points each spiking network keeps more than the DNN \
         of its recipe, the same seed, texts and attack: the mean over all pairs of attack and data set with its 95 \
         % interval over the seeds, how many of these pairs lie above or below zero by more than a standard \
         deviation over the seeds, and how many reach the claim. Once by the attack's own count, and once by what \
         most of {} other draws of noise say of the texts where it ended.",
        judges_of(entries),
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
    let reaches = |difference: &&Difference<'_>| difference.sample().mean >= CLAIMED;
    for victim in victims {
        let own = |all: &[Difference<'_>]| -> Vec<String> {
            let own: Vec<&Difference<'_>> = all.iter().filter(|difference| difference.victim == victim).collect();
            let beyond = |way: f64| {
                let is = |difference: &&&Difference<'_>| {
                    let points = difference.sample();
                    points.deviation.is_some_and(|deviation| way * points.mean > deviation)
                };
                own.iter().filter(is).count().to_string()
            };
            let claimed = own.iter().copied().filter(|d| reaches(d)).count();
            let interval = over_seeds(&own).and_then(|sample| sample.interval());
            let interval = interval.map_or_else(String::new, |half| format!(" ± {half:.2}"));
            vec![format!("{:+.2}{interval}", mean_of(&own)), beyond(1.0), beyond(-1.0), claimed.to_string()]
        };
        let pairs = as_attacked.iter().filter(|difference| difference.victim == victim).count();
        table.row([escaped(victim), pairs.to_string()].into_iter().chain(own(&as_attacked)).chain(own(&judged)));
    }
    page.table(&table);
    let all: Vec<&Difference<'_>> = as_attacked.iter().collect();
    let (overall, reached) = (mean_of(&all), all.iter().copied().filter(|d| reaches(d)).count());
    let verdict = if overall >= CLAIMED { "Such a lead was found here" } else { "No such lead was found here" };
    page.paragraph(&format!(
        "**{verdict}: by the attacks' own count, spiking networks keep {overall:+.2} points more than their DNNs \
         over {} of network, attack and data set, and {reached} of these reach {CLAIMED}.** That mean is of unlike \
         noises and ways of training; each line stands for itself.",
        plural(all.len(), "pair")
    ));
    protocol(&as_attacked, entries, page);
    let mut noises: Vec<&NoiseSettings> = Vec::new();
    for difference in &judged {
        noises.extend(noise_of(difference.entry).filter(|noise| !noises.contains(noise)));
    }
    let noisy: Vec<String> = noises
        .iter()
        .map(|noise| {
            let own = judged.iter().filter(|difference| noise_of(difference.entry) == Some(*noise));
            format!("{:+.2} under {}", mean_of(&own.collect::<Vec<_>>()), in_words(noise))
        })
        .collect();
    if !noisy.is_empty() {
        page.paragraph(&format!(
            "Noise can pass for robustness. An attack ends as soon as the answers it gets are wrong, at the edge \
             where the draw of noise decides, and many other draws still answer rightly there: in points more than \
             the DNN, {}. These are texts where answers are split, not texts that the network withstands; where the \
             attack meets the mean over draws, its own count is the fair one.",
            listed(&noisy)
        ));
    }
}

/// What comes nearest to the published comparison, and what of it was not tried.
fn protocol(differences: &[Difference<'_>], entries: &[Entry<'_>], page: &mut Page) {
    let nearest = |difference: &&Difference<'_>| {
        let key = difference.entry.key;
        let fresh = noise_of(difference.entry).is_some_and(|noise| noise.policy == Noise::Fresh);
        let own = settings_of(difference.entry).is_some_and(|attack| attack.share > 0.0);
        own && fresh && key.kind.is_of("paper") && key.kind.method == Method::FineTuned
    };
    let own: Vec<String> = differences
        .iter()
        .filter(nearest)
        .map(|difference| format!("{:+.2} on {}", difference.sample().mean, dataset_name(difference.entry.dataset)))
        .collect();
    if !own.is_empty() {
        page.paragraph(&format!(
            "The paper's own protocol (a share of the words may change) with fresh noise on the published recipe \
             comes nearest to the comparison that was published: there the spiking network keeps {} points more \
             than its DNN.",
            listed(&own)
        ));
    }
    if !entries.iter().any(|entry| entry.key.kind.method == Method::Original) {
        page.paragraph(
            "The published comparison is with the TextCNN with maximum pooling, which was not attacked here: the \
             DNNs above are those that were converted.",
        );
    }
}

fn mean_of(differences: &[&Difference<'_>]) -> f64 {
    differences.iter().map(|difference| difference.sample().mean).sum::<f64>() / differences.len().max(1) as f64
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
