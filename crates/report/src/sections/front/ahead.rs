//! At equal accuracy: the cheapest spiking network beside the cheapest other one.

use std::collections::BTreeMap;

use spiketext::Result;
use spiketext_study::{
    Method, WayName,
    statistics::{AS_GOOD, Difference},
};

use super::{
    super::listed,
    TABLE,
    networks::{Group, Network, Networks, Place, Point, computes_zeros},
};
use crate::{
    markdown::{Page, Table, escaped},
    numbers::{precise, significant},
    paired::{compare, told},
};

/// Filters a kernel width of the reference.
const FILTERS: usize = 100;

/// Points of accuracy that a network may lose to the reference, in the table that says what hangs on that bound.
const BOUNDS: [f64; 5] = [0.25, 0.5, 0.75, 1.0, 2.0];

/// A cost table and a place: who is the cheapest there.
struct Line<'a, 'n> {
    table: &'n str,
    place: Place<'a>,
    /// What the accuracy must reach.
    level: f64,
    /// The cheapest spiking network that reaches it.
    spiking: Option<Point>,
    /// The cheapest other one.
    rival: Option<Point>,
    /// Spiking less other, text by text.
    difference: Option<Difference>,
}

impl Line<'_, '_> {
    /// Energy of the spiking network as a multiple of the other's.
    fn ratio(&self) -> Option<f64> {
        Some(self.spiking?.microjoules / self.rival?.microjoules)
    }
}

/// Differences between networks by their numbers and the place: the same pair comes under several tables.
type Differences = BTreeMap<(usize, usize, String), Option<Difference>>;

/// The section.
///
/// # Errors
/// If the table beside the page cannot be made.
pub fn section(networks: &Networks<'_>, tables: &[&str], page: &mut Page) -> Result<()> {
    page.heading(3, "Who is ahead at equal accuracy");
    let Some(reference) = reference(networks) else {
        page.paragraph(&format!(
            "Not said: equal accuracy is that of the `lean` DNN of {FILTERS} filters, which has no cells with costs."
        ));
        return Ok(());
    };
    page.paragraph(&format!(
        "The reference is {}. At its accuracy less {AS_GOOD} points, each network beside it on the seeds, and so the test \
         texts, that it has: the cheapest spiking network and the cheapest of all others, and what the first costs as a multiple of the second. Mean: \
         accuracies and energies averaged over the six data sets, of networks that are there on all. The accuracy \
         difference is that of the two networks named, spiking less other, with its interval at 95 % over seeds and \
         texts; *open* where the interval holds 0 and is not within {AS_GOOD} points; it is not corrected for how \
         many there are. The networks are picked by the test accuracies that are shown, so the pick itself is not \
         beyond chance. Signed codes, which would halve a spiking network's additions, take no part: their answers were \
         not measured. Nor does a DNN on the codes that a spiking network learnt: it stands beside that network below.",
        escaped(&reference.name())
    ));
    if !networks.all.iter().any(|network| network.key.table == TABLE) {
        page.paragraph(&format!(
            "**The study has no rivals over width (table `{TABLE}`)**, so who is ahead here is so among the networks \
             of `main` alone: a narrower DNN, or one in whole numbers, may be ahead of all of them."
        ));
    }
    let mut known = Differences::new();
    let mut rows = Vec::new();
    let has_word_tables = networks.all.iter().any(|network| network.way == Some(WayName::WordTable));
    for (allowed, title, told) in [
        (true, "With word tables allowed to both", "word tables allowed"),
        (false, "Without word tables", "without word tables"),
    ] {
        if allowed && !has_word_tables {
            page.paragraph("No cell says what its network costs with a word table, so that is left out.");
            continue;
        }
        let lines = lines(networks, reference, tables, allowed, &mut known);
        if lines.is_empty() {
            continue;
        }
        page.text.push_str(&format!("**{title}.**\n\n"));
        let (mean, sets): (Vec<&Line<'_, '_>>, Vec<&Line<'_, '_>>) =
            lines.iter().partition(|line| line.place == Place::Mean);
        verdict(networks, &mean, page);
        if !mean.is_empty() {
            page.table(&shown(networks, &mean));
        }
        let summary = format!("Each data set, {told}");
        page.folded(&summary, |page| page.table(&shown(networks, &sets)));
        rows.extend(lines.iter().map(|line| csv_row(networks, line, allowed)));
    }
    several_bounds(networks, reference, tables, page);
    on_its_own_codes(networks, tables, page);
    let columns = [
        "word tables",
        "cost table",
        "data set",
        "accuracy at least",
        "SNN",
        "SNN microjoules",
        "SNN accuracy",
        "rival",
        "rival microjoules",
        "rival accuracy",
        "SNN over rival",
        "accuracy difference",
        "low",
        "high",
    ];
    let link = page.csv("ahead", &columns, &rows)?;
    page.paragraph(&format!("The same as a table for programs: {link}."));
    Ok(())
}

/// The lean DNN of [`FILTERS`] filters as it is run, in `main` before elsewhere; one that does not say its filters
/// where none does.
fn reference<'n, 'a>(networks: &'n Networks<'a>) -> Option<&'n Network<'a>> {
    let lean = |network: &&Network<'_>| {
        let kind = network.key.kind;
        network.way.is_none() && kind.is_of("lean") && kind.method == Method::Dnn && !kind.family.adversarial
    };
    let filters = |network: &Network<'_>| network.entries.first().and_then(crate::cells::Entry::filters);
    let mut all = networks.all.iter().filter(lean);
    all.clone()
        .find(|network| filters(network) == Some(FILTERS))
        .or_else(|| all.find(|network| filters(network).is_none() && network.key.axis.is_empty()))
}

fn lines<'a, 'n>(
    networks: &Networks<'a>,
    reference: &Network<'a>,
    tables: &[&'n str],
    word_tables: bool,
    known: &mut Differences,
) -> Vec<Line<'a, 'n>> {
    let mut lines = Vec::new();
    for table in tables {
        for place in networks.places() {
            let Some(accuracy) = reference.accuracy(place) else { continue };
            let level = accuracy - AS_GOOD;
            let [spiking, rival] = cheapest(networks, reference, place, table, word_tables, AS_GOOD);
            let difference = spiking.zip(rival).and_then(|(spiking, rival)| {
                let key = (spiking.network, rival.network, place.name().to_owned());
                let found = || between(&networks.all[spiking.network], &networks.all[rival.network], place);
                known.entry(key).or_insert_with(found).clone()
            });
            lines.push(Line { table, place, level, spiking, rival, difference });
        }
    }
    lines
}

/// The cheapest spiking network, and the cheapest other one, that loses at most `bound` points to the reference.
fn cheapest<'a>(
    networks: &Networks<'a>,
    reference: &Network<'a>,
    place: Place<'a>,
    table: &str,
    word_tables: bool,
    bound: f64,
) -> [Option<Point>; 2] {
    let points = networks.points(place, table);
    [true, false].map(|spikes| {
        let fits = |point: &&Point| {
            let network = &networks.all[point.network];
            network.key.kind.spikes() == spikes
                && network.group() != Group::Codes
                // What a signed code would answer was not measured.
                && network.way != Some(WayName::SignedCode)
                && (word_tables || network.way != Some(WayName::WordTable))
                // Sums of the same numbers in another order must not decide.
                && network.lead(reference, place).is_some_and(|lead| lead >= -bound - 1e-9)
        };
        let mut fitting: Vec<Point> = points.iter().filter(fits).copied().collect();
        fitting.sort_by(|a, b| {
            let cheaper = a.microjoules.total_cmp(&b.microjoules);
            cheaper.then_with(|| b.accuracy.total_cmp(&a.accuracy)).then(a.network.cmp(&b.network))
        });
        fitting.first().copied()
    })
}

/// The mean over the data sets at several bounds, [`AS_GOOD`] among them: under how many cost tables who is ahead, and by how much.
fn several_bounds<'a>(networks: &Networks<'a>, reference: &Network<'a>, tables: &[&str], page: &mut Page) {
    let has_word_tables = networks.all.iter().any(|network| network.way == Some(WayName::WordTable));
    let mut shown =
        Table::new(3, ["points less", "word tables", "SNN", "SNN ahead under", "SNN / rival, least", "largest"]);
    let mut any = false;
    for bound in BOUNDS {
        for word_tables in [true, false].into_iter().filter(|allowed| has_word_tables || !allowed) {
            let found = tables.iter().filter_map(|table| {
                let [spiking, rival] = cheapest(networks, reference, Place::Mean, table, word_tables, bound);
                Some((spiking, rival?))
            });
            let found: Vec<(Option<Point>, Point)> = found.collect();
            let pairs: Vec<(Point, Point)> =
                found.iter().filter_map(|(own, rival)| Some(((*own)?, *rival))).collect();
            let mut ratios: Vec<f64> = pairs.iter().map(|(own, rival)| own.microjoules / rival.microjoules).collect();
            ratios.sort_by(f64::total_cmp);
            if found.is_empty() {
                continue;
            }
            let shown_ratio = |ratio: Option<&f64>| ratio.map_or_else(|| "–".to_owned(), |ratio| significant(*ratio));
            let mut names: Vec<String> = Vec::new();
            for (own, _) in &pairs {
                let name = escaped(&networks.all[own.network].name());
                if !names.contains(&name) {
                    names.push(name);
                }
            }
            any = true;
            shown.row([
                bound.to_string(),
                if word_tables { "allowed" } else { "none" }.to_owned(),
                if names.is_empty() { "none is as accurate".to_owned() } else { names.join("; ") },
                format!("{} of {}", ratios.iter().filter(|ratio| **ratio < 1.0).count(), found.len()),
                shown_ratio(ratios.first()),
                shown_ratio(ratios.last()),
            ]);
        }
    }
    if any {
        page.text.push_str("**At several bounds.**\n\n");
        page.paragraph(
            "Which narrow network just reaches an accuracy hangs on the bound and on luck. In the mean over the data sets, \
             at so many points less than the reference: the spiking networks that are cheapest under one cost table or \
             another, and what they cost as a multiple of the cheapest other network, over the cost tables.",
        );
        page.table(&shown);
    }
}

/// Each DNN on the codes of a spiking network beside that network: what is left to spikes where the code is the same.
fn on_its_own_codes(networks: &Networks<'_>, tables: &[&str], page: &mut Page) {
    let mut shown = Table::new(3, ["cost table", "SNN", "DNN on its codes", "µJ, SNN", "µJ, DNN", "SNN / DNN"]);
    let mut told_of = Vec::new();
    for dnn in networks.all.iter().filter(|network| network.group() == Group::Codes && network.way.is_none()) {
        let twin = networks.all.iter().find(|network| {
            let (own, key) = (network.key, dnn.key);
            let alike = own.kind.method == Method::Direct && own.kind.family == key.kind.family;
            alike && network.way.is_none() && own.axis == key.axis && network.at(Place::Mean).is_some()
        });
        let Some(snn) = twin.filter(|_| dnn.at(Place::Mean).is_some()) else { continue };
        for table in tables.iter().filter(|table| !computes_zeros(table)) {
            let energies = snn.microjoules(Place::Mean, table).zip(dnn.microjoules(Place::Mean, table));
            let Some((own, other)) = energies.filter(|(own, other)| *own > 0.0 && *other > 0.0) else { continue };
            shown.row([
                escaped(table),
                escaped(&snn.name()),
                escaped(&dnn.name()),
                significant(own),
                significant(other),
                significant(own / other),
            ]);
        }
        if let Some(difference) = between(snn, dnn, Place::Mean) {
            told_of.push(format!(
                "{} less {}: {} points, {}.",
                escaped(&snn.name()),
                escaped(&dnn.name()),
                told(&difference),
                difference.verdict(difference.probability()).name()
            ));
        }
    }
    if told_of.is_empty() {
        return;
    }
    page.text.push_str("**On its own codes.**\n\n");
    page.paragraph(&format!(
        "Few active inputs make a DNN cheap as well. It has the shape of the spiking network, rectifiers in the place of \
         neurons, and the codes that the spiking network learnt, which it cannot change; it adds a weight for each active \
         input. In the mean over the data sets: {}",
        told_of.join(" ")
    ));
    page.table(&shown);
}

/// The difference of two networks' accuracies on a data set, or in the mean.
fn between(own: &Network<'_>, other: &Network<'_>, place: Place<'_>) -> Option<Difference> {
    let pairs = own.at(place)?.into_iter().zip(other.at(place)?);
    let sets: Vec<Difference> =
        pairs.map(|(own, other)| Some(compare(&own, &other)?.difference)).collect::<Option<_>>()?;
    match sets.as_slice() {
        [one] => Some(one.clone()),
        several => Difference::mean_of(several),
    }
}

/// Whether a network takes inputs of one bit because it has one time step.
fn one_bit(network: &Network<'_>) -> bool {
    network.key.kind.spikes() && network.entries.first().and_then(crate::cells::Entry::steps) == Some(1)
}

/// Who is ahead, in words.
fn who(networks: &Networks<'_>, line: &Line<'_, '_>) -> String {
    let times = |ratio: f64| format!("by {} times", significant(ratio));
    match (line.ratio(), line.spiking) {
        (Some(ratio), Some(spiking)) if ratio < 1.0 => {
            let why = if one_bit(&networks.all[spiking.network]) { " (T = 1: one-bit inputs)" } else { "" };
            format!("SNN, {}{why}", times(1.0 / ratio))
        }
        (Some(ratio), _) if ratio > 1.0 => format!("rival, {}", times(ratio)),
        (Some(_), _) => "neither".into(),
        (None, None) => "rival: no SNN is as accurate".into(),
        (None, _) => "no rival is priced".into(),
    }
}

fn shown(networks: &Networks<'_>, lines: &[&Line<'_, '_>]) -> Table {
    let head = [
        "cost table",
        "data set",
        "SNN",
        "rival",
        "who is ahead",
        "µJ, SNN",
        "µJ, rival",
        "SNN / rival",
        "accuracy, SNN",
        "accuracy, rival",
        "difference",
    ];
    let mut table = Table::new(5, head);
    for line in lines {
        let name = |point: Option<Point>| {
            point.map_or_else(|| "–".to_owned(), |point| escaped(&networks.all[point.network].name()))
        };
        let energy = |point: Option<Point>| point.map_or_else(|| "–".into(), |point| significant(point.microjoules));
        let accuracy = |point: Option<Point>| point.map_or_else(|| "–".into(), |p| format!("{:.2}", p.accuracy));
        let difference = line.difference.as_ref().map_or_else(
            || "–".to_owned(),
            |difference| format!("{} {}", told(difference), difference.verdict(difference.probability()).name()),
        );
        table.row([
            escaped(line.table),
            escaped(line.place.name()),
            name(line.spiking),
            name(line.rival),
            who(networks, line),
            energy(line.spiking),
            energy(line.rival),
            line.ratio().map_or_else(|| "–".into(), significant),
            accuracy(line.spiking),
            accuracy(line.rival),
            difference,
        ]);
    }
    table
}

/// Under how many tables who is ahead in the mean.
fn verdict(networks: &Networks<'_>, mean: &[&Line<'_, '_>], page: &mut Page) {
    if mean.is_empty() {
        page.paragraph("No mean: no network is there on all six data sets with costs.");
        return;
    }
    let spiking: Vec<&&Line<'_, '_>> = mean.iter().filter(|line| line.ratio().is_some_and(|r| r < 1.0)).collect();
    let behind = mean.iter().filter(|line| line.ratio().is_none_or(|ratio| ratio > 1.0) && line.rival.is_some());
    let of_one_bit =
        spiking.iter().filter(|line| line.spiking.is_some_and(|point| one_bit(&networks.all[point.network]))).count();
    let mut text = format!(
        "In the mean over the data sets a network that does not spike is ahead under {} of {} cost tables, a spiking \
         one under {}",
        behind.count(),
        mean.len(),
        spiking.len(),
    );
    let names: Vec<String> = spiking.iter().map(|line| escaped(line.table)).collect();
    text.push_str(&if names.is_empty() { ".".to_owned() } else { format!(": {}.", listed(&names)) });
    if of_one_bit > 0 {
        text.push_str(&format!(
            " In {of_one_bit} of these it has one time step: what is ahead there is a network of one-bit inputs, \
             whose first layer is that of a DNN with binary inputs; spiking neurons have no part in that layer's \
             gain."
        ));
    }
    page.paragraph(&text);
}

fn csv_row(networks: &Networks<'_>, line: &Line<'_, '_>, word_tables: bool) -> Vec<String> {
    let of = |point: Option<Point>| match point {
        Some(point) => {
            [networks.all[point.network].name(), precise(point.microjoules), format!("{:.3}", point.accuracy)]
        }
        None => Default::default(),
    };
    let mut row = vec![
        if word_tables { "yes" } else { "no" }.to_owned(),
        line.table.to_owned(),
        line.place.name().to_owned(),
        format!("{:.3}", line.level),
    ];
    row.extend(of(line.spiking));
    row.extend(of(line.rival));
    row.push(line.ratio().map_or_else(String::new, precise));
    let difference = line.difference.as_ref().map(|difference| {
        let [low, high] = difference.interval(0.95);
        [difference.mean, low, high].map(|value| format!("{value:.3}"))
    });
    row.extend(difference.unwrap_or_default());
    row
}
