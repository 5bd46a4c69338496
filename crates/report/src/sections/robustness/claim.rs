//! Whether spiking networks withstand attacks better: the paper's own protocol, and all pairs of networks.

use std::collections::{BTreeMap, BTreeSet};

use spiketext_study::{Cell, Method, Noise, NoiseSettings};

use super::{
    super::listed, ORDER, TABLE, attack_of, attacked, in_words, judges_of, noise_of, settings_of, victim_of,
};
use crate::{
    cells::{Entry, Kind, Study, dataset_name},
    markdown::{Page, Table, escaped},
    numbers::{Sample, more_or_less, plural},
};

/// The points that spiking networks are said to keep more than other ones, by one secondary source on the paper.
const CLAIMED: f64 = 13.55;

/// What a spiking network is compared with, of its own recipe: the victim of the published comparison first.
const RIVALS: [Method; 2] = [Method::Original, Method::Dnn];

/// How much more a spiking network keeps than a DNN of its recipe under one attack on one data set.
struct Difference<'a> {
    entry: &'a Entry<'a>,
    victim: String,
    /// The DNN's row.
    rival: &'a str,
    /// How that is made.
    method: Method,
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
    let spiking = || entries.iter().filter(|entry| entry.key.kind.spikes());
    for (method, entry) in RIVALS.into_iter().flat_map(|method| spiking().map(move |entry| (method, entry))) {
        let kind = Kind { method, ..entry.key.kind };
        let twin = entries.iter().find(|other| {
            other.key.kind == kind && other.dataset == entry.dataset && attack_of(other).1 == attack_of(entry).1
        });
        let Some(twin) = twin else { continue };
        let value = |cell: &Cell| {
            let attacked = attacked(cell)?;
            Some(if judged { attacked.judged_accuracy_under_attack } else { attacked.accuracy_under_attack })
        };
        let pairs = entry.cells.iter().filter_map(|cell| {
            let other = twin.cells.iter().find(|other| other.seed == cell.seed)?;
            let same_texts =
                attacked(cell)?.texts == attacked(other)?.texts && cell.settings.split == other.settings.split;
            same_texts.then_some((cell.seed, value(cell)? - value(other)?))
        });
        let points: BTreeMap<u64, f64> = pairs.collect();
        if !points.is_empty() {
            found.push(Difference { entry, victim: victim_of(entry), rival: twin.key.row, method, points });
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

/// Whether a network is attacked as in the paper: its protocol, its recipe, and fresh noise where it has noise.
fn is_of_protocol(entry: &Entry<'_>) -> bool {
    let kind = entry.key.kind;
    let own = settings_of(entry).is_some_and(|attack| attack.share > 0.0);
    let made = matches!(kind.method, Method::Original | Method::Dnn | Method::FineTuned);
    own && made && kind.is_of("paper") && noise_of(entry).is_none_or(|noise| noise.policy == Noise::Fresh)
}

/// The paper's own protocol on the published recipe: what comes nearest to the comparison that was published.
pub fn protocol(study: &Study, entries: &[Entry<'_>], page: &mut Page) {
    let own: Vec<&Entry<'_>> = entries.iter().filter(|entry| is_of_protocol(entry)).collect();
    if own.is_empty() {
        return;
    }
    page.heading(3, "The paper's own protocol");
    page.paragraph(
        "A share of the words may change, noise is new for every question, and the networks are those of the \
         published recipe: what comes nearest to the comparison that was published, whose victim is the TextCNN with \
         maximum pooling. First what is left, then by how many points the spiking network keeps more, seed by seed.",
    );
    let datasets: Vec<&str> =
        study.datasets(TABLE).into_iter().filter(|name| own.iter().any(|entry| entry.dataset == *name)).collect();
    let mut lines: Vec<(String, String)> = Vec::new();
    for entry in &own {
        let line = (attack_of(entry).1, victim_of(entry));
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    lines.sort_by(|a, b| a.0.cmp(&b.0));
    let most = own.iter().map(|entry| entry.cells.len()).max().unwrap_or(0);
    let names = datasets.iter().map(|name| escaped(dataset_name(name)));
    let head = names.clone().flat_map(|name| [format!("{name}, before"), format!("{name}, left")]);
    let mut table = Table::new(2, ["attack", "network"].map(str::to_owned).into_iter().chain(head));
    for (attack, victim) in &lines {
        let mut row = vec![escaped(attack), escaped(victim)];
        for dataset in &datasets {
            let entry =
                own.iter().find(|e| e.dataset == *dataset && attack_of(e).1 == *attack && victim_of(e) == *victim);
            let shown = |value: fn(&spiketext_study::AttackResult) -> f64| {
                let sample = entry.and_then(|entry| entry.sample(|cell| attacked(cell).map(value)));
                sample.map_or_else(|| "–".to_owned(), |sample| sample.with_interval(most))
            };
            row.extend([shown(|a| a.accuracy), shown(|a| a.accuracy_under_attack)]);
        }
        table.row(row);
    }
    page.table(&table);
    let (as_attacked, judged) = (differences(entries, false), differences(entries, true));
    let mut table = Table::new(
        4,
        ["attack", "spiking network", "beside", "count"]
            .map(str::to_owned)
            .into_iter()
            .chain(names)
            .chain(["mean".to_owned()]),
    );
    let mut any = false;
    for (count, all) in [("the attack's", &as_attacked), ("other draws'", &judged)] {
        let all: Vec<&Difference<'_>> = all.iter().filter(|one| is_of_protocol(one.entry)).collect();
        let mut pairs: Vec<(String, &str, &str)> = Vec::new();
        for one in &all {
            let pair = (attack_of(one.entry).1, one.victim.as_str(), one.rival);
            if !pairs.contains(&pair) {
                pairs.push(pair);
            }
        }
        for (attack, victim, rival) in pairs {
            any = true;
            let own: Vec<&Difference<'_>> = all
                .iter()
                .copied()
                .filter(|one| attack_of(one.entry).1 == attack && one.victim == victim && one.rival == rival)
                .collect();
            let mut row = vec![escaped(&attack), escaped(victim), escaped(rival), count.to_owned()];
            row.extend(datasets.iter().map(|dataset| {
                let one = own.iter().find(|one| one.entry.dataset == *dataset);
                one.map_or_else(|| "–".to_owned(), |one| points(Some(one.sample())))
            }));
            row.push(points(over_seeds(&own)));
            table.row(row);
        }
    }
    if any {
        page.table(&table);
    }
}

/// `+2.00 ± 2.48`: points more, and half their 95 % interval over the seeds.
fn points(sample: Option<Sample>) -> String {
    sample.map_or_else(
        || "–".to_owned(),
        |sample| {
            let half = sample.interval().map_or_else(String::new, |half| format!(" ± {half:.2}"));
            format!("{}{half}", more_or_less(sample.mean, 2))
        },
    )
}

/// What of the claim was found.
pub fn claim(entries: &[Entry<'_>], page: &mut Page) {
    let (as_attacked, judged) = (differences(entries, false), differences(entries, true));
    if as_attacked.is_empty() {
        return;
    }
    page.heading(3, "What was found of the claim");
    page.paragraph(&format!(
        "One secondary source, whose table could not be found, gives the paper's spiking networks {CLAIMED} points \
         more robust accuracy than a TextCNN. Here is how many points each spiking network keeps more than a DNN of \
         its recipe, the same seed, texts and attack: the mean over all pairs of attack and data set with its 95 % \
         interval over the seeds, how many of these pairs lie above or below zero beyond their own interval, and how \
         many reach the claim. Once by the attack's own count, and once by what most of {} other draws of noise say \
         of the texts where it ended.",
        judges_of(entries),
    ));
    let head = [
        "network",
        "beside",
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
    let mut table = Table::new(2, head);
    let mut victims: Vec<(&str, &str)> = Vec::new();
    for difference in &as_attacked {
        let pair = (difference.victim.as_str(), difference.rival);
        if !victims.contains(&pair) {
            victims.push(pair);
        }
    }
    let reaches = |difference: &&Difference<'_>| difference.sample().mean >= CLAIMED;
    for (victim, rival) in victims {
        let of = |difference: &&Difference<'_>| difference.victim == victim && difference.rival == rival;
        let own = |all: &[Difference<'_>]| -> Vec<String> {
            let own: Vec<&Difference<'_>> = all.iter().filter(of).collect();
            let beyond = |way: f64| {
                let is = |difference: &&&Difference<'_>| {
                    let points = difference.sample();
                    points.interval().is_some_and(|half| way * points.mean > half)
                };
                own.iter().filter(is).count().to_string()
            };
            let claimed = own.iter().copied().filter(|d| reaches(d)).count();
            let interval = over_seeds(&own).and_then(|sample| sample.interval());
            let interval = interval.map_or_else(String::new, |half| format!(" ± {half:.2}"));
            vec![
                format!("{}{interval}", more_or_less(mean_of(&own), 2)),
                beyond(1.0),
                beyond(-1.0),
                claimed.to_string(),
            ]
        };
        let pairs = as_attacked.iter().filter(of).count().to_string();
        let names = [escaped(victim), escaped(rival), pairs];
        table.row(names.into_iter().chain(own(&as_attacked)).chain(own(&judged)));
    }
    page.table(&table);
    verdict(&as_attacked, entries, page);
    let mut noises: Vec<&NoiseSettings> = Vec::new();
    for difference in &judged {
        noises.extend(noise_of(difference.entry).filter(|noise| !noises.contains(noise)));
    }
    let noisy: Vec<String> = noises
        .iter()
        .map(|noise| {
            let own = judged.iter().filter(|difference| noise_of(difference.entry) == Some(*noise));
            format!("{} under {}", more_or_less(mean_of(&own.collect::<Vec<_>>()), 2), in_words(noise))
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

/// Whether the lead was found, by what, and what was not tried.
fn verdict(as_attacked: &[Difference<'_>], entries: &[Entry<'_>], page: &mut Page) {
    // Where the victim of the published comparison was attacked, it decides.
    let original: Vec<&Difference<'_>> =
        as_attacked.iter().filter(|difference| difference.method == Method::Original).collect();
    let (all, rival) = match original.as_slice() {
        [] => (as_attacked.iter().collect::<Vec<_>>(), "their DNNs"),
        _ => (original, "the TextCNN with maximum pooling"),
    };
    let (overall, reached) = (mean_of(&all), all.iter().copied().filter(|d| d.sample().mean >= CLAIMED).count());
    let verdict =
        if overall >= CLAIMED { "A lead of that size was found here" } else { "That lead was not found here" };
    let interval = over_seeds(&all).and_then(|sample| sample.interval());
    let interval = interval.map_or_else(String::new, |half| format!(" ± {half:.2}"));
    let more = more_or_less(overall, 2);
    page.paragraph(&format!(
        "**{verdict}: by the attacks' own count, spiking networks keep {more}{interval} points more than \
         {rival} over {} of network, attack and data set, and {reached} of these reach {CLAIMED}.** That mean is of \
         unlike noises and ways of training; each line stands for itself.",
        plural(all.len(), "pair")
    ));
    let original = entries.iter().any(|entry| entry.key.kind.method == Method::Original);
    let without = if original {
        ""
    } else {
        " The published comparison is with the TextCNN with maximum pooling, which was not attacked here: the DNNs \
         above are those that were converted."
    };
    page.paragraph(&format!(
        "Tested were {}, on some of their test texts. Not tested were attacks that need a sentence encoder, a \
         tagger or BERT, as some of the published ones do, the other data sets, and the published networks \
         themselves.{without} That no such lead exists is not shown.",
        met(entries)
    ));
}

/// Which attacks met which data sets: `pso on MR and SST-2; homophones on ChnSenti`.
fn met(entries: &[Entry<'_>]) -> String {
    let mut sets_of: Vec<(String, Vec<String>)> = Vec::new();
    let place = |entry: &&Entry<'_>| {
        let name = settings_of(entry).map(|attack| attack.name.as_str());
        ORDER.iter().position(|known| Some(*known) == name).unwrap_or(ORDER.len())
    };
    let mut entries: Vec<&Entry<'_>> = entries.iter().collect();
    entries.sort_by_key(place);
    for entry in entries {
        let attack = settings_of(entry).map_or_else(String::new, |attack| escaped(&attack.name));
        let set = escaped(dataset_name(entry.dataset));
        match sets_of.iter_mut().find(|(known, _)| *known == attack) {
            Some((_, sets)) if sets.contains(&set) => {}
            Some((_, sets)) => sets.push(set),
            None => sets_of.push((attack, vec![set])),
        }
    }
    let mut groups: Vec<(Vec<String>, Vec<String>)> = Vec::new();
    for (attack, sets) in sets_of {
        match groups.iter_mut().find(|(_, known)| *known == sets) {
            Some((attacks, _)) => attacks.push(attack),
            None => groups.push((vec![attack], sets)),
        }
    }
    let told = groups.iter().map(|(attacks, sets)| format!("{} on {}", listed(attacks), listed(sets)));
    told.collect::<Vec<_>>().join("; ")
}

fn mean_of(differences: &[&Difference<'_>]) -> f64 {
    differences.iter().map(|difference| difference.sample().mean).sum::<f64>() / differences.len().max(1) as f64
}
