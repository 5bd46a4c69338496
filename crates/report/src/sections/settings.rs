//! Every table beside `main` and the attacks: encoders, read-outs, ablations and whatever else a study holds.

use spiketext::Result;

use super::accuracy::{accuracy_axis, shown_with_interval};
use crate::{
    cells::{Entry, Study, axis_name, dataset_name, named, number, value_name},
    figure::Mark,
    markdown::{Page, Table, escaped},
    numbers::precise,
    paired::Spreads,
    panels::{Axis, Line, Panel, Point, Series, draw},
};

/// A part for each table.
pub fn section<'a>(study: &'a Study, spreads: &Spreads<'a>, page: &mut Page) -> Result<()> {
    for table in study.tables().into_iter().filter(|table| {
        !["main", super::front::TABLE, super::robustness::TABLE, super::taught::TAUGHT, super::taught::FEW]
            .contains(table)
    }) {
        page.heading(2, &title(table));
        one(study, spreads, table, page)?;
    }
    Ok(())
}

/// A heading for a table.
fn title(table: &str) -> String {
    match (table, table.strip_prefix("ablation-")) {
        ("encoders", _) => "Encoders".into(),
        ("readouts", _) => "Read-outs".into(),
        ("adversarial-training", _) => "Adversarial training: accuracy on unchanged texts".into(),
        (_, Some(what)) => format!("Ablation: {what}"),
        _ => format!("Table {table}"),
    }
}

fn one<'a>(study: &'a Study, spreads: &Spreads<'a>, name: &str, page: &mut Page) -> Result<()> {
    let entries = study.entries(name);
    let datasets = study.datasets(name);
    let most = study.most_seeds(name);
    figure(name, &entries, &datasets, page)?;
    let shown = |entry: &Entry<'a>| shown_with_interval(entry, spreads, most);
    // A single setting goes across, so that its course can be read; several become part of the row's name.
    let single = entries.iter().all(|entry| entry.key.axis.len() == 1)
        && entries.windows(2).all(|pair| pair[0].key.axis.keys().eq(pair[1].key.axis.keys()));
    if single {
        let mut values: Vec<&str> =
            entries.iter().flat_map(|entry| entry.key.axis.values()).map(String::as_str).collect();
        values.sort_by(|a, b| crate::cells::compare_values(a, b));
        values.dedup();
        let key = entries.first().and_then(|entry| entry.key.axis.keys().next()).map_or("", |key| axis_name(key));
        let head = values.iter().map(|value| escaped(&format!("{key} = {}", value_name(value))));
        let mut table = Table::new(2, ["data set".to_owned(), "row".to_owned()].into_iter().chain(head));
        for dataset in &datasets {
            let mut rows: Vec<&str> = Vec::new();
            for entry in entries.iter().filter(|entry| entry.dataset == *dataset) {
                if !rows.contains(&entry.key.row) {
                    rows.push(entry.key.row);
                }
            }
            for row in rows {
                let own = |value: &str| {
                    entries.iter().find(|entry| {
                        entry.dataset == *dataset
                            && entry.key.row == row
                            && entry.key.axis.values().all(|own| own == value)
                    })
                };
                let cells = values.iter().map(|value| own(value).map_or_else(|| "–".into(), &shown));
                let cells: Vec<String> = cells.collect();
                table.row([escaped(dataset_name(dataset)), escaped(row)].into_iter().chain(cells));
            }
        }
        page.table(&table);
    } else {
        let head = datasets.iter().map(|dataset| escaped(dataset_name(dataset)));
        let mut table = Table::new(1, ["row".to_owned()].into_iter().chain(head));
        for key in study.keys(name) {
            let cells = datasets
                .iter()
                .map(|dataset| study.entry(key, dataset).map_or_else(|| "–".into(), |entry| shown(&entry)));
            table.row([escaped(&key.name())].into_iter().chain(cells));
        }
        page.table(&table);
    }
    page.paragraph(if entries.iter().all(|entry| spreads.get(entry).is_some()) {
        "Behind ± stands half the 95 % interval over seeds and test texts; of one seed, over the texts alone."
    } else {
        "Behind ± stands half the 95 % interval over seeds and test texts, or, of cells without their answers, one standard \
         deviation over the seeds."
    });
    if name == "encoders" {
        let rows: Vec<Vec<String>> = entries
            .iter()
            .filter_map(|entry| {
                let names = [dataset_name(entry.dataset).to_owned(), entry.key.name()];
                let figures = [entry.steps_times_rate()?, entry.accuracy().mean].map(precise);
                Some(names.into_iter().chain(figures).collect())
            })
            .collect();
        if !rows.is_empty() {
            let link = page.csv("encoders", &["data set", "row", "T x input rate", "test accuracy"], &rows)?;
            page.paragraph(&format!("Spikes that the encoders take (time steps x input rate): {link}."));
        }
    }
    Ok(())
}

/// Accuracy over the one setting that varies as a number, a line for each combination of the others.
fn figure(name: &str, entries: &[Entry<'_>], datasets: &[&str], page: &mut Page) -> Result<()> {
    let numbers = |key: &String| {
        let mut values: Vec<f64> = entries.iter().filter_map(|entry| number(entry.key.axis.get(key)?)).collect();
        values.sort_by(f64::total_cmp);
        values.dedup();
        values
    };
    let mut keys: Vec<&String> = entries.iter().flat_map(|entry| entry.key.axis.keys()).collect();
    keys.sort_unstable();
    keys.dedup();
    // Time first; otherwise the setting with the most values.
    let key = keys.into_iter().max_by_key(|key| (axis_name(key) == "T", numbers(key).len()));
    let Some(key) = key.filter(|key| numbers(key).len() > 1) else { return Ok(()) };
    let line = |entry: &Entry<'_>| {
        let mut axis = entry.key.axis.clone();
        axis.remove(key);
        named(entry.key.row, &axis)
    };
    let mut lines: Vec<String> = Vec::new();
    for entry in entries {
        let name = line(entry);
        if !lines.contains(&name) {
            lines.push(name);
        }
    }
    let panels: Vec<Panel> = datasets
        .iter()
        .map(|dataset| {
            let series = lines.iter().enumerate().map(|(kind, name)| {
                let own = entries.iter().filter(|entry| entry.dataset == *dataset && line(entry) == *name);
                let points = own.filter_map(|entry| {
                    let accuracy = entry.accuracy();
                    let x = number(entry.key.axis.get(key)?)?;
                    Some(Point { x, y: accuracy.mean, deviation: accuracy.deviation, ..Point::default() })
                });
                let points = points.collect();
                // Colours come again after nine; then lines are dashed.
                let style = if kind < 9 { Line::Solid } else { Line::Dashed };
                Series { name: name.clone(), mark: Mark::of(kind), line: style, markers: true, points }
            });
            let series = series.filter(|series| !series.points.is_empty()).collect();
            Panel { title: dataset_name(dataset).to_owned(), series }
        })
        .filter(|panel| !panel.series.is_empty())
        .collect();
    let what = match axis_name(key) {
        "T" => "time steps T",
        name => name,
    };
    let x = Axis::at(what, numbers(key));
    let title = format!("{}: test accuracy over {what}", title(name));
    let svg = draw(&title, &panels, &x, accuracy_axis);
    page.figure(name, &title, svg)
}
