//! What the study itself cost.

use crate::{
    cells::{Study, dataset_name},
    markdown::{Page, Table, escaped},
    numbers::{Sample, duration},
};

/// Seconds and epochs of the cells, means over the seeds.
pub fn section(study: &Study, page: &mut Page) {
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
    page.folded("Each row", |page| {
        page.paragraph(
            "Means over the seeds. Shared seconds made what other cells start from too. Epochs are those trained and, in \
             brackets, the best of them by the development texts.",
        );
        let mut table =
            Table::new(3, ["table", "row", "data set", "seeds", "seconds", "of them shared", "development", "epochs"]);
        for name in study.tables() {
            for entry in study.entries(name) {
                let mean = |sample: Option<Sample>| sample.map_or(0.0, |sample| sample.mean);
                table.row([
                    escaped(name),
                    escaped(&entry.key.name()),
                    escaped(dataset_name(entry.dataset)),
                    entry.cells.len().to_string(),
                    format!("{:.1}", mean(entry.sample(|cell| Some(cell.seconds.total)))),
                    format!("{:.1}", mean(entry.sample(|cell| Some(cell.seconds.shared)))),
                    format!("{:.2}", mean(entry.sample(|cell| Some(cell.measured.development_accuracy)))),
                    epochs(&entry.cells),
                ]);
            }
        }
        page.table(&table);
    });
}

/// Epochs of each phase, means over the seeds.
fn epochs(cells: &[&spiketext_study::Cell]) -> String {
    let mut phases: Vec<&str> =
        cells.iter().flat_map(|cell| cell.measured.epochs.keys()).map(String::as_str).collect();
    phases.sort_unstable();
    phases.dedup();
    let parts = phases.into_iter().filter_map(|phase| {
        let of =
            |i: usize| Sample::of(cells.iter().filter_map(|c| c.measured.epochs.get(phase)).map(|e| e[i] as f64));
        Some(format!("{} {:.1} ({:.1})", escaped(phase), of(0)?.mean, of(1)?.mean))
    });
    parts.collect::<Vec<_>>().join(", ")
}
