//! What the study itself cost.

use spiketext::Result;
use spiketext_study::Cell;

use crate::{
    cells::{Study, dataset_name},
    markdown::{Page, Table, escaped},
    numbers::{Sample, duration, precise},
};

/// Seconds and epochs of the cells, means over the seeds.
pub fn section(study: &Study, page: &mut Page) -> Result<()> {
    page.heading(2, "What the cells cost");
    let mut sums = Table::new(1, ["table", "cells", "time", "mean of a cell", "longest cell"]);
    for table in study.tables() {
        let seconds: Vec<f64> =
            study.cells.iter().filter(|cell| cell.table == table).map(|cell| cell.seconds.total).collect();
        let longest = seconds.iter().copied().fold(0.0, f64::max);
        let total: f64 = seconds.iter().sum();
        let mean = total / seconds.len() as f64;
        sums.row([escaped(table), seconds.len().to_string(), duration(total), duration(mean), duration(longest)]);
    }
    page.table(&sums);
    let mut rows = Vec::new();
    for name in study.tables() {
        for entry in study.entries(name) {
            let mean = |value: &dyn Fn(&Cell) -> f64| {
                entry.sample(|cell| Some(value(cell))).map_or_else(String::new, |sample| precise(sample.mean))
            };
            rows.push(vec![
                name.to_owned(),
                entry.key.name(),
                dataset_name(entry.dataset).to_owned(),
                entry.cells.len().to_string(),
                mean(&|cell| cell.seconds.total),
                mean(&|cell| cell.seconds.shared),
                mean(&|cell| cell.measured.development_accuracy),
                epochs(&entry.cells),
            ]);
        }
    }
    let columns =
        ["table", "row", "data set", "seeds", "seconds", "of them shared", "development accuracy", "epochs"];
    let link = page.csv("cells", &columns, &rows)?;
    page.paragraph(&format!(
        "Each row, means over the seeds: {link}. Shared seconds made what other cells start from too. Epochs are \
         those trained and, in brackets, the best of them by the development texts.",
    ));
    Ok(())
}

/// Epochs of each phase, means over the seeds.
fn epochs(cells: &[&Cell]) -> String {
    let mut phases: Vec<&str> =
        cells.iter().flat_map(|cell| cell.measured.epochs.keys()).map(String::as_str).collect();
    phases.sort_unstable();
    phases.dedup();
    let parts = phases.into_iter().filter_map(|phase| {
        let of =
            |i: usize| Sample::of(cells.iter().filter_map(|c| c.measured.epochs.get(phase)).map(|e| e[i] as f64));
        Some(format!("{phase} {:.1} ({:.1})", of(0)?.mean, of(1)?.mean))
    });
    parts.collect::<Vec<_>>().join(", ")
}
