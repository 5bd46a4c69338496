//! Operations and energy of a text, a spiking network beside the DNN of its shape, and the break-even.

use spiketext::{
    Result,
    energy::{HOROWITZ_45NM_FP32, Prices, TABLES},
};

use crate::{
    cells::{Entry, Study, dataset_name},
    figure::Mark,
    markdown::{Page, Table, escaped},
    numbers::{Sample, plural, precise, significant},
    panels::{Axis, Line, Panel, Point, Series, draw},
    published::PHRASES,
};

/// The whole section.
pub fn section(study: &Study, page: &mut Page) -> Result<()> {
    let mut entries = study.entries("main");
    entries.retain(|entry| entry.cost(|costs| costs.dense).is_some() && entry.dataset != PHRASES);
    if entries.is_empty() {
        return Ok(());
    }
    page.heading(2, "Operations and energy");
    page.paragraph(
        "Operations of a test text were counted in the same run. *Effective* operations as counted here are those \
         whose input is not zero, whatever their weight: weights of zero are among them. NeuroBench leaves these \
         out, so its effective operations are at most the ones here. *Dense* operations count every input and weight \
         over all time steps. Pooled spikes that the outputs read without neurons between are counted one by one. \
         Joules are a reading of the operations under a named cost table, not a measurement.",
    );
    let link = operations(study, &entries, page)?;
    page.paragraph(&format!("Operations, bytes and sparsities of each row: {link}."));
    let tables = cost_tables(&entries);
    let Some(main) = tables.iter().find(|t| **t == HOROWITZ_45NM_FP32.name).or(tables.first()).copied() else {
        return Ok(());
    };
    verdicts(&entries, &tables, page)?;
    break_even(&entries, main, page)
}

/// The cost tables that any entry was priced with, the default first, then by name.
pub fn cost_tables<'a>(entries: &[Entry<'a>]) -> Vec<&'a str> {
    let costs = entries.iter().flat_map(|entry| &entry.cells).filter_map(|cell| cell.measured.costs.as_ref());
    let mut names: Vec<&str> = costs.flat_map(|costs| &costs.energy).map(|energy| energy.table.as_str()).collect();
    names.sort_unstable_by_key(|name| (*name != HOROWITZ_45NM_FP32.name, *name));
    names.dedup();
    names
}

/// A spiking network's energy as a multiple of its DNN's.
fn ratio(entry: &Entry<'_>, table: &str) -> Option<f64> {
    let (network, dnn) = entry.energy(table).filter(|_| entry.key.kind.spikes())?;
    (dnn > 0.0).then(|| network / dnn)
}

/// Whether networks cost more than their DNN, under every table; microjoules beside the page.
fn verdicts(entries: &[Entry<'_>], tables: &[&str], page: &mut Page) -> Result<()> {
    page.heading(3, "Energy over the DNN's");
    let head = tables.iter().map(|table| escaped(table));
    let last = ["costs more under".to_owned()];
    let mut shown = Table::new(1, ["row".to_owned()].into_iter().chain(head).chain(last));
    let mut rows = Vec::new();
    for row in entries.chunk_by(|a, b| a.key == b.key) {
        let mut cells = vec![escaped(&row[0].key.name())];
        let mut more = 0;
        let mut priced = 0;
        for table in tables {
            let ratios: Vec<f64> = row.iter().filter_map(|entry| ratio(entry, table)).collect();
            cells.push(match Sample::of(ratios.iter().copied()) {
                None => "–".into(),
                Some(ratio) if ratio.mean > 1.0 => format!("**{}**", significant(ratio.mean)),
                Some(ratio) => significant(ratio.mean),
            });
            priced += usize::from(!ratios.is_empty());
            more += usize::from(Sample::of(ratios).is_some_and(|ratio| ratio.mean > 1.0));
            for entry in row {
                let Some((network, dnn)) = entry.energy(table) else { continue };
                let names = [dataset_name(entry.dataset).to_owned(), entry.key.name(), (*table).to_owned()];
                let figures = [Some(network), Some(dnn), ratio(entry, table)];
                let figures = figures.map(|figure| figure.map_or_else(String::new, precise));
                rows.push(names.into_iter().chain(figures).collect());
            }
        }
        if priced > 0 {
            cells.push(format!("{more} of {priced}"));
            shown.row(cells);
        }
    }
    let columns =
        ["data set", "row", "cost table", "microjoules a text", "microjoules of the DNN of its shape", "ratio"];
    let link = page.csv("energy", &columns, &rows)?;
    page.paragraph(&format!(
        "Energy of a spiking network divided by that of the DNN of its shape, in single precision unless the table \
         says otherwise, on the same texts; means over the data sets; **bold** where the spiking network costs more. \
         A narrower DNN, or one in whole numbers, may cost less than either: the next section. Each data set, in \
         microjoules: {link}.",
    ));
    page.table(&shown);
    page.list(tables.iter().filter_map(|table| verdict(entries, table)));
    Ok(())
}

/// How many spiking rows cost less than the DNN of their shape under a table, on every data set they are on.
fn verdict(entries: &[Entry<'_>], table: &str) -> Option<String> {
    let (mut rows, mut cheaper) = (0, 0);
    for row in entries.chunk_by(|a, b| a.key == b.key) {
        let ratios: Vec<f64> = row.iter().filter_map(|entry| ratio(entry, table)).collect();
        rows += usize::from(!ratios.is_empty());
        cheaper += usize::from(!ratios.is_empty() && ratios.iter().all(|ratio| *ratio < 1.0));
    }
    (rows > 0).then(|| {
        format!(
            "Under {}: {cheaper} of {} cost less than the DNN of their shape on all data sets.",
            escaped(table),
            plural(rows, "spiking row")
        )
    })
}

/// The prices of a multiply-accumulation and an accumulation, in picojoules, if the table prices nothing else: as known, or
/// of a table that is not known as all entries agree on them.
fn prices(entries: &[Entry<'_>], table: &str) -> Option<(f64, f64)> {
    if let Some(known) = TABLES.iter().find(|known| known.name == table) {
        return match known.prices {
            Prices::Operations(own) => Some((own.mac, own.ac)),
            Prices::Device { .. } | Prices::Memory => None,
        };
    }
    let mut agreed: Option<(f64, f64)> = None;
    for entry in entries.iter().filter(|entry| entry.key.kind.spikes()) {
        let Some((network, dnn)) = entry.energy(table) else { continue };
        let [macs, acs, dnn_macs] = [
            entry.cost(|costs| costs.effective_macs)?,
            entry.cost(|costs| costs.effective_acs)?,
            entry.cost(|costs| costs.dnn_macs)?,
        ];
        if dnn_macs == 0.0 || acs == 0.0 {
            continue;
        }
        let mac = dnn / dnn_macs * 1e6;
        let ac = (network * 1e6 - macs * mac) / acs;
        let near = |a: f64, b: f64| (a - b).abs() <= 0.01 * b.abs();
        match agreed {
            None => agreed = Some((mac, ac)),
            Some((a, b)) if near(a, mac) && near(b, ac) => {}
            Some(_) => return None,
        }
    }
    agreed.filter(|(mac, ac)| *mac > 0.0 && *ac > 0.0)
}

/// The ratio of energies against time steps times input rate.
fn break_even(entries: &[Entry<'_>], table: &str, page: &mut Page) -> Result<()> {
    let placed: Vec<(&Entry<'_>, f64, f64)> = entries
        .iter()
        .filter_map(|entry| Some((entry, entry.steps_times_rate()?, ratio(entry, table)?)))
        .filter(|(_, x, y)| *x > 0.0 && *y > 0.0)
        .collect();
    if placed.is_empty() {
        return Ok(());
    }
    page.heading(3, "Where spikes pay");
    let even = if table == HOROWITZ_45NM_FP32.name {
        Some(HOROWITZ_45NM_FP32.break_even())
    } else {
        prices(entries, table).map(|(mac, ac)| mac / ac)
    };
    let mut kinds: Vec<_> = placed.iter().map(|(entry, ..)| entry.key.kind).collect();
    kinds.sort_unstable();
    kinds.dedup();
    let mut series: Vec<Series> = kinds
        .iter()
        .enumerate()
        .map(|(colour, kind)| {
            let own = placed.iter().filter(|(entry, ..)| entry.key.kind == *kind);
            let points = own.map(|(_, x, y)| Point { x: *x, y: *y, ..Point::default() }).collect();
            Series { name: kind.name(), mark: Mark::of(colour), line: Line::None, markers: true, points }
        })
        .collect();
    let xs = placed.iter().map(|(_, x, _)| *x).chain(even);
    let x = Axis::logarithmic("time steps x input rate (spikes of a dimension of a word, over all steps)", xs);
    let predicted = |x: f64| even.map(|even| x / even);
    let ends = placed.iter().flat_map(|(_, x, y)| [Some(*y), predicted(*x)]).flatten().chain([1.0]);
    let y = Axis::logarithmic("energy of the SNN / energy of its DNN", ends);
    let mut bound = |points: [(f64, f64); 2], name: &str| {
        let points = points.map(|(x, y)| Point { x, y, ..Point::default() }).to_vec();
        series.push(Series { name: name.into(), mark: Mark::of(0), line: Line::Bound, markers: false, points });
    };
    let ((left, right), (low, high)) = (x.span(), y.span());
    bound([(left, 1.0), (right, 1.0)], "");
    let above = Point { x: left * (right / left).powf(0.2), y: 1.0, ..Point::default() };
    let mut notes = vec![Point { label: "above: the SNN costs more".into(), ..above }];
    if let Some(even) = even {
        bound([(even, low), (even, high)], "");
        let (from, to) = ((low * even).max(left), (high * even).min(right));
        bound([(from, from / even), (to, to / even)], "");
        let upright = format!("even at T x rate = {even:.1}");
        notes.push(Point {
            x: even,
            y: high / (high / low).powf(0.06),
            label: upright,
            beside: true,
            ..Point::default()
        });
    }
    series.push(Series { name: String::new(), mark: Mark::of(0), line: Line::Note, markers: false, points: notes });
    let panel = Panel { title: table.to_owned(), series };
    let name = format!("Energy of the SNN against its DNN over time steps times input rate, {table}");
    let svg = draw(&name, &[panel], &x, |_| y.clone());
    page.figure("energy-ratio", "Energy of the SNN divided by its DNN's, over time steps times input rate", svg)?;
    page.paragraph(
        "A point is a network on a data set. Above the level line the SNN costs more than its DNN, below it less. A \
         multiply-accumulation of the DNN's first layer becomes T x rate accumulations of the SNN's, so that layer \
         alone lies on the rising line, and breaks even at the upright one. Points lie off the rising line by what \
         the later layers cost, and networks of whole numbers of few bits below it by their own price; learnt codes have more \
         inputs than the vectors of their DNN.",
    );
    let mut table = Table::new(1, ["cost table", "pJ a MAC", "pJ an AC", "breaks even at T x rate"]);
    for name in cost_tables(entries) {
        match prices(entries, name) {
            Some((mac, ac)) => table.row([escaped(name), significant(mac), significant(ac), significant(mac / ac)]),
            None => table.row([escaped(name), "–".into(), "–".into(), "no single place".into()]),
        }
    }
    page.table(&table);
    page.paragraph(
        "Prices are worked out from the cells. A table that also prices memory, addresses or membranes has no single \
         place where it breaks even.",
    );
    Ok(())
}

/// Counts of each row, beside the page; gives the link.
fn operations(study: &Study, entries: &[Entry<'_>], page: &mut Page) -> Result<String> {
    let columns = [
        "data set",
        "row",
        "T x input rate",
        "MACs",
        "ACs",
        "dense operations",
        "neuron updates",
        "MACs of the DNN of its shape",
        "bytes",
        "share of zero weights",
        "share of silent outputs",
    ];
    let mut rows = Vec::new();
    for dataset in study.columns("main") {
        for entry in entries.iter().filter(|entry| entry.dataset == dataset) {
            let names = [dataset_name(dataset).to_owned(), entry.key.name()];
            let figures = [
                entry.steps_times_rate(),
                entry.cost(|costs| costs.effective_macs),
                entry.cost(|costs| costs.effective_acs),
                entry.cost(|costs| costs.dense),
                entry.cost(|costs| costs.neuron_updates),
                entry.cost(|costs| costs.dnn_macs),
                entry.cost(|costs| costs.footprint as f64),
                entry.cost(|costs| costs.connection_sparsity),
                entry.cost(|costs| costs.activation_sparsity),
            ];
            let figures = figures.map(|figure| figure.map_or_else(String::new, precise));
            rows.push(names.into_iter().chain(figures).collect());
        }
    }
    page.csv("operations", &columns, &rows)
}
