//! How neurons fire.

use spiketext::Result;
use spiketext_study::{BINS, FiringSummary};

use super::{lean_choice, paper_choice};
use crate::{
    cells::{Entry, Study, dataset_name},
    figure::Mark,
    markdown::Page,
    numbers::precise,
    panels::{Axis, Line, Panel, Point, Series, draw},
};

/// Histograms of the two fine-tuned networks, and the rates of all.
pub fn section(study: &Study, page: &mut Page) -> Result<()> {
    let mut entries = study.entries("main");
    entries.retain(|entry| entry.firing(|firing| firing.input_rate).is_some());
    if entries.is_empty() {
        return Ok(());
    }
    page.heading(2, "Firing rates");
    type Histogram = fn(&FiringSummary) -> &[u64];
    let layers: [(&str, &str, Histogram); 2] = [
        ("convolution", "convolution channels", |firing| &firing.convolution_histogram),
        ("features", "pooled features", |firing| &firing.feature_histogram),
    ];
    let chosen = [paper_choice(study), lean_choice(study)];
    let mut drawn = false;
    for (file, name, histogram) in layers {
        let panels: Vec<Panel> = study
            .datasets("main")
            .into_iter()
            .filter_map(|dataset| {
                let own = chosen.iter().enumerate().filter_map(|(kind, entries)| {
                    let entry = entries.iter().find(|entry| entry.dataset == dataset)?;
                    let name = entry.key.name();
                    let points = outline(&shares(entry, histogram)?);
                    Some(Series { name, mark: Mark::of(kind), line: Line::Solid, markers: false, points })
                });
                let series: Vec<Series> = own.collect();
                (!series.is_empty()).then(|| Panel { title: dataset_name(dataset).to_owned(), series })
            })
            .collect();
        if panels.is_empty() {
            continue;
        }
        let x = Axis::linear("spikes a step", [0.0, 1.0], (0.0, 1.0));
        let y = |panel: &Panel| {
            let all = panel.series.iter().flat_map(|series| &series.points).map(|point| point.y);
            Axis::linear("share (%)", all, (0.0, 100.0))
        };
        let title = format!("Firing rates of the {name}");
        let alternative = format!("{title}: shares in twenty bins, a panel for each data set");
        page.figure(&format!("firing-{file}"), &alternative, draw(&title, &panels, &x, y))?;
        drawn = true;
    }
    if drawn {
        page.paragraph(
            "Share of the convolution channels (first figure) and of the pooled features (second) by their mean firing \
             rate on the test texts, over all seeds.",
        );
    }
    let columns = [
        "data set",
        "row",
        "T",
        "input",
        "convolution",
        "features",
        "outputs",
        "channels that never fire",
        "channels that always fire",
        "features that never fire",
        "features that always fire",
    ];
    let rows: Vec<Vec<String>> = entries
        .iter()
        .map(|entry| {
            let mean = |value: &dyn Fn(&FiringSummary) -> f64| entry.firing(value).map(precise).unwrap_or_default();
            vec![
                dataset_name(entry.dataset).to_owned(),
                entry.key.name(),
                entry.steps().map(|steps| steps.to_string()).unwrap_or_default(),
                mean(&|firing| firing.input_rate),
                mean(&|firing| firing.convolution_rate),
                mean(&|firing| firing.feature_rate),
                mean(&|firing| firing.output_rate),
                mean(&|firing| firing.convolution_extremes[0] as f64),
                mean(&|firing| firing.convolution_extremes[1] as f64),
                mean(&|firing| firing.feature_extremes[0] as f64),
                mean(&|firing| firing.feature_extremes[1] as f64),
            ]
        })
        .collect();
    let link = page.csv("firing-rates", &columns, &rows)?;
    page.paragraph(&format!(
        "Mean spikes a neuron and step of every spiking row, and how many neurons never or always fire, means over \
         the seeds: {link}.",
    ));
    Ok(())
}

/// A histogram over all seeds as percent; none without any neuron.
fn shares(entry: &Entry<'_>, histogram: fn(&FiringSummary) -> &[u64]) -> Option<[f64; BINS]> {
    let mut sums = [0.0; BINS];
    for firing in entry.cells.iter().filter_map(|cell| cell.measured.firing.as_ref()) {
        for (sum, count) in sums.iter_mut().zip(histogram(firing)) {
            *sum += *count as f64;
        }
    }
    let total: f64 = sums.iter().sum();
    (total > 0.0).then(|| sums.map(|sum| 100.0 * sum / total))
}

/// The upper edge of a histogram's bars.
fn outline(shares: &[f64; BINS]) -> Vec<Point> {
    let width = 1.0 / BINS as f64;
    let at = |x: f64, y: f64| Point { x, y, ..Point::default() };
    shares
        .iter()
        .enumerate()
        .flat_map(|(i, &share)| [at(i as f64 * width, share), at((i + 1) as f64 * width, share)])
        .collect()
}
