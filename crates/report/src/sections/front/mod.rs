//! Who is ahead in energy: every network over its width and steps, each way of computing it, under every cost table.

mod ahead;
mod networks;
mod picture;

use spiketext::{
    Result,
    energy::{HOROWITZ_45NM_FP32, HOROWITZ_45NM_INT8_SUM32},
};
use spiketext_study::WayName;

use self::networks::{Networks, Place};
use super::{energy::cost_tables, listed};
use crate::{
    cells::{Study, dataset_name},
    markdown::{Page, Table, escaped},
    numbers::{precise, significant},
    paired::Spreads,
};

/// The table of rivals over width.
pub const TABLE: &str = "front";

/// Whether a cost table's figure stands on the page; those of others are linked.
fn is_shown(table: &str) -> bool {
    [HOROWITZ_45NM_FP32.name, HOROWITZ_45NM_INT8_SUM32.name].contains(&table) || table.contains("memory")
}

/// The whole section; nothing where no cell has an energy.
///
/// # Errors
/// If a figure cannot be drawn.
pub fn section(study: &Study, spreads: &Spreads<'_>, page: &mut Page) -> Result<()> {
    let networks = Networks::of(study);
    let entries: Vec<_> = networks.all.iter().flat_map(|network| network.entries.iter().cloned()).collect();
    let tables = cost_tables(&entries);
    if tables.is_empty() {
        return Ok(());
    }
    page.heading(2, "Energy: who is ahead");
    page.paragraph(
        "Every network of `main` and `front`, and each other way of computing it, is a point: narrow and wide, spiking \
         or not, in whole numbers or not. Energy is *priced*, by the operations of a test text and a published cost \
         table, and not measured; the one thing measured is the time of one core, below. A word table holds what a \
         word gives each tap of the first layer, made once and looked up, of a spiking network for each of its steps. \
         Signed codes are derived: a dimension of a word spikes by how far it is from the middle of its range, up or \
         down; the sums are the same, the times are not, and the answers are taken to be. DNNs in whole numbers have \
         their own price (0.3 pJ a MAC: 8 bits with sums of 32) under the tables of fp32 and fp16, and their own bytes in \
         memory, and so have spiking networks whose weights have 8 bits or 4 (`sparse`: 0.1 pJ an addition); spiking \
         networks with weights of 16 bits, for which there is no price, and DNNs on levels have the table's, as is \
         usual. Like is priced with like under the table of 8 bits with 32-bit sums. Additions bit by bit are not charged \
         for shifts, nor word tables for being made.",
    );
    page.paragraph(
        "Two things that look like spikes saving energy are not: inputs of one bit, and inputs of few levels. At T = \
         1 the first layer of a spiking network *is* that of a DNN with binary inputs, so what it gains there is the \
         gain of one-bit inputs; the DNN on T + 1 levels reads the same inputs as the spiking network at every T, \
         bit by bit.",
    );
    figures(&networks, &tables, page)?;
    let link = csv(&networks, spreads, &tables, page)?;
    page.paragraph(&format!(
        "Every network, with the interval of its accuracy, its bytes, its time and its energy under each table: {link}. Only \
         networks as they were run have a time."
    ));
    ahead::section(&networks, &tables, page)?;
    times(&networks, &tables, page);
    Ok(())
}

fn figures(networks: &Networks<'_>, tables: &[&str], page: &mut Page) -> Result<()> {
    let mut others = Vec::new();
    for table in tables {
        let Some(svg) = picture::draw(networks, table) else { continue };
        let name = format!("front-{table}");
        if is_shown(table) || tables.len() == 1 {
            let alternative = format!("Test accuracy over microjoules a text, {table}, a panel for each data set");
            page.figure(&name, &alternative, svg)?;
        } else {
            others.push(page.linked_figure(&name, table, svg)?);
        }
    }
    page.paragraph(
        "Up is better, left is cheaper. The stepped line joins what nothing else beats in both; numbers beside it \
         are filters a kernel width and, behind a stroke, T. An arrow at the lower edge is a network whose accuracy \
         lies below the panel.",
    );
    if !others.is_empty() {
        page.paragraph(&format!("The same under the other cost tables: {}.", listed(&others)));
    }
    Ok(())
}

/// Every network as a line of a table beside the page, a column for each cost table; gives the link.
fn csv(networks: &Networks<'_>, spreads: &Spreads<'_>, tables: &[&str], page: &mut Page) -> Result<String> {
    let own = ["data set", "network", "way", "method", "filters", "T", "test accuracy", "low", "high", "seeds"];
    let bytes_and_time = ["footprint bytes", "nanoseconds a text"];
    let energies: Vec<String> = tables.iter().map(|table| format!("microjoules a text, {table}")).collect();
    let mut columns: Vec<&str> = own.into_iter().chain(bytes_and_time).collect();
    columns.extend(energies.iter().map(String::as_str));
    columns.push("on the front of");
    let shown = |value: Option<f64>| value.map_or_else(String::new, precise);
    let whole = |value: Option<usize>| value.map_or_else(String::new, |value| value.to_string());
    let mut rows = Vec::new();
    for place in networks.places() {
        let points: Vec<Vec<networks::Point>> = tables.iter().map(|table| networks.points(place, table)).collect();
        let fronts: Vec<Vec<networks::Point>> = points.iter().map(|points| networks.front(points)).collect();
        for (index, network) in networks.all.iter().enumerate() {
            let Some(first) = network.entries.first() else { continue };
            let Some(accuracy) = points.iter().flatten().find(|point| point.network == index) else { continue };
            let interval = match network.way {
                // Its answers are taken to be those of the network, and were not measured.
                Some(WayName::SignedCode) => None,
                _ => network.at(place).and_then(|entries| Some(spreads.mean(&entries)?.interval())),
            };
            let [low, high] = interval.map_or_else(Default::default, |ends| ends.map(|end| format!("{end:.3}")));
            let seeds = network.at(place).and_then(|entries| entries.iter().map(|e| e.cells.len()).min());
            let mut row = vec![
                place.name().to_owned(),
                network.key.name(),
                networks::way_name(network.way).to_owned(),
                network.key.kind.method.name().to_owned(),
                whole(first.filters()),
                whole(first.steps()),
                format!("{:.3}", accuracy.accuracy),
                low,
                high,
                whole(seeds),
                shown(network.footprint(place)),
                shown(network.nanoseconds(place)),
            ];
            let of = |points: &[networks::Point]| points.iter().find(|point| point.network == index).copied();
            row.extend(points.iter().map(|points| shown(of(points).map(|point| point.microjoules))));
            let under: Vec<&str> = tables
                .iter()
                .zip(&fronts)
                .filter(|(_, front)| of(front).is_some())
                .map(|(table, _)| *table)
                .collect();
            row.push(under.join("; "));
            rows.push(row);
        }
    }
    page.csv("front", &columns, &rows)
}

/// Measured times beside priced energies, means over the published data sets.
fn times(networks: &Networks<'_>, tables: &[&str], page: &mut Page) {
    let timed: Vec<_> =
        networks.all.iter().filter_map(|network| Some((network, network.nanoseconds(Place::Mean)?))).collect();
    if timed.is_empty() {
        return;
    }
    let tables: Vec<&str> = tables.iter().copied().filter(|table| is_shown(table)).collect();
    page.heading(3, "Nanoseconds beside microjoules");
    let cells = timed.iter().flat_map(|(network, _)| &network.entries).flat_map(|entry| &entry.cells);
    let mut machines: Vec<&str> = cells.map(|cell| cell.machine.as_str()).collect();
    machines.sort_unstable();
    machines.dedup();
    let from = if machines.len() > 1 {
        format!(" They come from {} machines, and rows of different ones are not to be compared.", machines.len())
    } else {
        String::new()
    };
    page.paragraph(&format!(
        "Nanoseconds that one core took to answer a test text, from its word ids, or n-gram ids, to its label (the least \
         of several passes over all test texts, after one to warm up): measured, where the microjoules beside them are \
         priced. The spiking engine keeps the products of words that it met, up to 64 MB, as a session does; the DNN's makes \
         them once a batch of 256 texts. Finding ids is left out for all, and is most of the work of a bag of words. \
         Engines of DNNs in whole numbers are not made for speed and not timed. Means over {} and the seeds.{from}",
        if networks.datasets.len() == 1 { dataset_name(networks.datasets[0]) } else { "the six data sets" },
    ));
    let head = tables.iter().map(|table| format!("µJ, {}", escaped(table)));
    let own = ["network", "accuracy", "ns a text"].map(str::to_owned);
    let mut table = Table::new(1, own.into_iter().chain(head));
    for (network, nanoseconds) in timed {
        let accuracy = network.accuracy(Place::Mean).map_or_else(|| "–".into(), |value| format!("{value:.2}"));
        let energies = tables
            .iter()
            .map(|table| network.microjoules(Place::Mean, table).map_or_else(|| "–".to_owned(), significant));
        let own = [escaped(&network.key.name()), accuracy, format!("{nanoseconds:.0}")];
        table.row(own.into_iter().chain(energies));
    }
    page.table(&table);
}
