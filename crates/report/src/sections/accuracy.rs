//! The main table beside the published numbers, and accuracy over the time steps.

use spiketext::Result;

use super::{lean_choice, listed};
use crate::{
    cells::{Entry, Key, Study, dataset_name},
    markdown::{Page, Table, escaped},
    numbers::{Sample, plural},
    panels::{Axis, Line, Panel, Point, Series, draw},
    published::{DATASETS, PUBLISHED},
};

/// Rows by data sets.
pub fn main_table(study: &Study, page: &mut Page) {
    page.heading(2, "Accuracy");
    if study.keys("main").is_empty() {
        page.paragraph("The table `main` has no cells yet.");
        return;
    }
    let mut datasets: Vec<&str> = DATASETS.iter().map(|(short, _)| *short).collect();
    datasets.extend(study.datasets("main").into_iter().filter(|name| !DATASETS.iter().any(|(s, _)| s == name)));
    let most = study.most_seeds("main");
    page.paragraph(&format!(
        "{}The mean is over the six published sets and stands only where all six are there. Rows marked `published` \
         are what others report, on their own data, vectors and splits; the first two train no word codes, as `lean` \
         does. A dagger marks a figure that was not read anywhere but follows from the others and the mean.",
        if most == 1 {
            "One seed each, so there are no deviations. ".into()
        } else {
            format!("Up to {most} seeds. ")
        }
    ));
    let head = datasets.iter().map(|name| escaped(dataset_name(name)));
    let mut table = Table::new(1, ["row".to_owned()].into_iter().chain(head).chain(["mean".to_owned()]));
    for line in PUBLISHED {
        let mut row = vec![format!("`published` {}", escaped(line.name))];
        row.extend(datasets.iter().enumerate().map(|(i, name)| match line.accuracy.get(i) {
            Some(accuracy) if line.derived.contains(name) => format!("{accuracy:.2} †"),
            Some(accuracy) => format!("{accuracy:.2}"),
            None => String::new(),
        }));
        row.push(format!("{:.2}", line.mean));
        table.row(row);
    }
    for key in study.keys("main") {
        let mut row = vec![escaped(&key.name())];
        row.extend(datasets.iter().map(|name| match study.entry(key, name) {
            Some(entry) => entry.accuracy().shown(most),
            None => "–".into(),
        }));
        row.push(mean_of_six(study, key).map_or_else(|| "–".into(), |mean| format!("{mean:.2}")));
        table.row(row);
    }
    page.table(&table);
    let sources: Vec<String> =
        PUBLISHED.iter().map(|line| format!("{}: {}", escaped(line.name), escaped(line.source))).collect();
    page.paragraph(&format!("Sources: {}.", sources.join("; ")));
    let sampling: Vec<String> = lean_choice(study).iter().filter_map(sampling).collect();
    if !sampling.is_empty() {
        page.paragraph(&format!(
            "All networks of a data set are measured on the same test texts, so the deviations, which are over the \
             seeds, leave out what the choice of these texts makes. For {} that is, at 95 %: {}. No difference \
             between rows is corrected for the number of comparisons.",
            escaped(&lean_choice(study)[0].key.name()),
            listed(&sampling)
        ));
    }
}

/// How far an entry's accuracy may be off for its test texts being a sample: the normal interval of a share.
fn sampling(entry: &Entry<'_>) -> Option<String> {
    let texts = entry.cells[0].measured.texts[2];
    let share = entry.accuracy().mean / 100.0;
    let points = 196.0 * (share * (1.0 - share) / texts as f64).sqrt();
    (texts > 0).then(|| format!("{} ± {points:.1}", escaped(dataset_name(entry.dataset))))
}

/// The mean accuracy over the six published data sets, if the row has all of them.
fn mean_of_six(study: &Study, key: Key<'_>) -> Option<f64> {
    let means: Option<Vec<f64>> =
        DATASETS.iter().map(|(name, _)| Some(entry_of(study, key, name)?.accuracy().mean)).collect();
    Some(Sample::of(means?)?.mean)
}

fn entry_of<'a>(study: &'a Study, key: Key<'_>, dataset: &str) -> Option<Entry<'a>> {
    study.entries(key.table).into_iter().find(|entry| entry.key == key && entry.dataset == dataset)
}

/// Accuracy of the rows that were run in several numbers of time steps.
pub fn over_steps(study: &Study, page: &mut Page) -> Result<()> {
    let entries = study.entries("main");
    let stepped =
        |entry: &&Entry<'_>| entry.key.axis.len() == 1 && entry.key.axis.keys().all(|k| k.ends_with("steps"));
    let mut rows: Vec<&str> = Vec::new();
    let mut steps = Vec::new();
    for entry in entries.iter().filter(stepped) {
        if !rows.contains(&entry.key.row) {
            rows.push(entry.key.row);
        }
        steps.extend(entry.steps().map(|steps| steps as f64));
    }
    if rows.is_empty() {
        return Ok(());
    }
    page.heading(2, "Accuracy over time steps");
    let x = Axis::at("time steps T", steps.iter().copied());
    let (left, right) = x.span();
    let panels: Vec<Panel> = study
        .datasets("main")
        .into_iter()
        .map(|dataset| {
            let mut series: Vec<Series> = rows
                .iter()
                .enumerate()
                .map(|(kind, row)| {
                    let own = entries.iter().filter(stepped).filter(|e| e.dataset == dataset && e.key.row == *row);
                    let points = own.filter_map(|entry| {
                        let accuracy = entry.accuracy();
                        let x = entry.steps()? as f64;
                        Some(Point { x, y: accuracy.mean, deviation: accuracy.deviation, ..Point::default() })
                    });
                    let points = points.collect();
                    Series { name: (*row).to_owned(), kind, line: Line::Solid, markers: true, points }
                })
                .collect();
            let still = entries.iter().filter(|e| e.dataset == dataset && e.key.axis.is_empty());
            let real = still.filter(|e| e.key.kind.is_of("lean") && !e.key.kind.spikes());
            for (i, entry) in real.enumerate() {
                let y = entry.accuracy().mean;
                let points = [left, right].map(|x| Point { x, y, ..Point::default() }).to_vec();
                let kind = rows.len() + i;
                let name = format!("{} (no time steps)", entry.key.row);
                series.push(Series { name, kind, line: Line::Dashed, markers: false, points });
            }
            series.retain(|series| !series.points.is_empty());
            Panel { title: dataset_name(dataset).to_owned(), series }
        })
        .collect();
    let svg = draw("Test accuracy over time steps", &panels, &x, accuracy_axis);
    page.figure(
        "accuracy-over-steps",
        "Test accuracy over the number of time steps, a panel for each data set",
        svg,
    )?;
    let most = entries.iter().filter(stepped).map(|entry| entry.cells.len()).max().unwrap_or(0);
    page.paragraph(&format!(
        "Bars are one standard deviation over at most {} a point. The numbers are those of the table above.",
        plural(most, "seed")
    ));
    Ok(())
}

/// The axis of a panel's accuracies, error bars included.
pub fn accuracy_axis(panel: &Panel) -> Axis {
    let points = panel.series.iter().flat_map(|series| &series.points);
    let ends = points.flat_map(|point| {
        let deviation = point.deviation.unwrap_or(0.0);
        [point.y - deviation, point.y + deviation]
    });
    Axis::linear("test accuracy (%)", ends.map(|y| y.clamp(0.0, 100.0)), (0.0, 100.0))
}
