//! The main table beside the published numbers, the goals, and accuracy over the time steps.

use spiketext::Result;

use super::{lean_choice, listed, paper_choice};
use crate::{
    cells::{Entry, Key, Study, dataset_name},
    markdown::{Page, Table, escaped},
    numbers::{Sample, plural},
    panels::{Axis, Line, Panel, Point, Series, draw},
    published::{AIM, DATASETS, Goal, LEAN_GOAL, LEAN_STEPS, PAPER_GOAL, PUBLISHED},
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
         are what others report, on their own data, vectors and splits.",
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
        row.extend(datasets.iter().enumerate().map(|(i, _)| match line.accuracy.get(i) {
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

/// What is met and what is missed, set by set.
pub fn goals(study: &Study, page: &mut Page) {
    page.heading(2, "Goals");
    let paper = paper_choice(study);
    let lean = lean_choice(study);
    let name = |entries: &[Entry<'_>], nothing: &str| match entries.first() {
        Some(entry) => format!("`{}`", escaped(&entry.key.name()).replace('`', "")),
        None => nothing.to_owned(),
    };
    page.paragraph(&format!(
        "Set before the study. The paper recipe's goal is judged by {}; the lean goals by {}, the most time steps up \
         to {LEAN_STEPS} that were run (not the best ones, which would be a choice on test texts).",
        name(&paper, "a fine-tuned network that has not run yet"),
        name(&lean, "a fine-tuned lean network that has not run yet"),
    ));
    let head = DATASETS.iter().map(|(_, name)| (*name).to_owned()).chain(["mean".to_owned()]);
    let mut table = Table::new(1, ["".to_owned()].into_iter().chain(head));
    let mut said = Vec::new();
    for (goal, entries) in [(PAPER_GOAL, &paper), (LEAN_GOAL, &lean), (AIM, &lean)] {
        judge(study, &goal, entries, &mut table, &mut said);
    }
    page.table(&table);
    page.list(said);
}

/// A goal on one data set (or on the mean): its name, what was reached if it was run, and the bound; percent.
type Judged = (String, Option<f64>, f64);

/// A goal's two lines of the table and its sentence.
fn judge(study: &Study, goal: &Goal, entries: &[Entry<'_>], table: &mut Table, said: &mut Vec<String>) {
    let mut found: Vec<Judged> = DATASETS
        .iter()
        .zip(goal.accuracy)
        .map(|((short, name), least)| {
            let entry = entries.iter().find(|entry| entry.dataset == *short);
            ((*name).to_owned(), entry.map(|entry| entry.accuracy().mean), least)
        })
        .collect();
    if let Some(least) = goal.mean {
        let mean = entries.first().and_then(|entry| mean_of_six(study, entry.key));
        found.push(("the mean".into(), mean, least));
    }
    let mut bounds = vec![goal.name.to_owned()];
    let mut verdicts = vec!["reached".to_owned()];
    for (_, reached, least) in &found {
        bounds.push(format!("{least:.1}"));
        verdicts.push(match reached {
            Some(mean) if meets(*mean, *least) => format!("{mean:.2} met"),
            Some(mean) => format!("{mean:.2} **missed**"),
            None => "not run".into(),
        });
    }
    bounds.resize(8, String::new());
    verdicts.resize(8, String::new());
    table.row(bounds);
    table.row(verdicts);
    let pick = |which: fn(&Judged) -> Option<String>| -> Vec<String> { found.iter().filter_map(which).collect() };
    let met = pick(|(name, reached, least)| reached.filter(|mean| meets(*mean, *least)).map(|_| name.clone()));
    let missed = pick(|(name, reached, least)| {
        let mean = reached.filter(|mean| !meets(*mean, *least))?;
        Some(format!("{name} (by {:.2})", least - mean))
    });
    let absent = pick(|(name, reached, _)| reached.is_none().then(|| name.clone()));
    let mut sentence = format!("{}: ", goal.name.split(':').next().unwrap_or(goal.name));
    let kind = if goal.name.contains("aim") { "aim" } else { "goal" };
    let parts: Vec<String> = [("met on", met), ("**missed** on", missed), ("not run yet on", absent)]
        .into_iter()
        .filter(|(_, names)| !names.is_empty())
        .map(|(verb, names)| format!("{verb} {}", listed(&names)))
        .collect();
    sentence.push_str(&format!("{kind} {}.", parts.join("; ")));
    said.push(sentence);
}

/// Whether a mean reaches a bound; the sum of a mean may be a rounding below it.
fn meets(mean: f64, least: f64) -> bool {
    mean >= least - 1e-9
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
            let real = still.filter(|e| e.key.family().lean && !e.key.method.spikes());
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
