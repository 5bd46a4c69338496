//! The main table beside the published numbers, and accuracy over the time steps.

use spiketext::Result;
use spiketext_study::Method;

use super::{front::TABLE, lean_choice, listed};
use crate::{
    cells::{Entry, Key, Study, dataset_name},
    figure::Mark,
    markdown::{Page, Table, escaped},
    numbers::plural,
    paired::{Spread, Spreads, signed, splits_differ},
    panels::{Axis, Line, Panel, Point, Series, draw},
    published::{DATASETS, PHRASES, PUBLISHED},
};

/// Rows by data sets.
///
/// # Errors
/// If the table beside the page cannot be made.
pub fn main_table(study: &Study, spreads: &Spreads<'_>, page: &mut Page) -> Result<()> {
    page.heading(2, "Accuracy");
    if study.keys("main").is_empty() {
        page.paragraph("The table `main` has no cells yet.");
        return Ok(());
    }
    let mut datasets: Vec<&str> = DATASETS.iter().map(|(short, _)| *short).collect();
    datasets.extend(study.columns("main").into_iter().filter(|name| !DATASETS.iter().any(|(s, _)| s == name)));
    let most = study.most_seeds("main");
    let entries = study.entries("main");
    let (with, without): (Vec<&Entry<'_>>, Vec<&Entry<'_>>) =
        entries.iter().partition(|entry| spreads.get(entry).is_some());
    // Where both kinds stand in one table, the rarer one says so at each figure.
    let mixed = !with.is_empty() && !without.is_empty();
    page.paragraph(&format!(
        "{} The mean is over the six published sets and stands only where all six are there.",
        what_spreads_are(most, !with.is_empty(), mixed)
    ));
    page.paragraph(
        "Rows marked `published` are what others report, on their own data, vectors and splits. How a figure is \
         known: without a mark, read in the paper that reports it; § quoted by later work or its reviews; ‡ by the \
         notes of one author alone; † not read anywhere, but worked out from the others.",
    );
    let head = datasets.iter().map(|name| escaped(dataset_name(name)));
    let mut table = Table::new(1, ["row".to_owned()].into_iter().chain(head).chain(["mean".to_owned()]));
    for line in PUBLISHED {
        let mut row = vec![format!("`published` {}", escaped(line.name))];
        row.extend(datasets.iter().enumerate().map(|(i, _)| match line.accuracy.get(i).zip(line.known.get(i)) {
            Some((accuracy, known)) => format!("{accuracy:.2}{}", known.mark()),
            None => String::new(),
        }));
        row.push(format!("{:.2}{}", line.mean, line.mean_known.mark()));
        table.row(row);
    }
    for key in study.keys("main") {
        let own: Vec<Option<Entry<'_>>> = datasets.iter().map(|name| study.entry(key, name)).collect();
        if own.iter().all(Option::is_none) {
            continue;
        }
        let mut row = vec![escaped(&key.name())];
        row.extend(own.iter().map(|entry| match entry {
            Some(entry) => shown(entry, spreads, most, mixed),
            None => "–".into(),
        }));
        row.push(shown_mean(study, key, spreads));
        table.row(row);
    }
    page.table(&table);
    let link = csv(study, spreads, page)?;
    page.paragraph(&format!(
        "Every row of `main` and `front` with its deviation over the seeds and the ends of its interval: {link}."
    ));
    phrases(study, spreads, most, mixed, page);
    let sources: Vec<String> =
        PUBLISHED.iter().map(|line| format!("{}: {}", escaped(line.name), escaped(line.source))).collect();
    page.paragraph(&format!("Sources: {}.", sources.join("; ")));
    beside_published(study, page);
    unknown_words(study, page);
    let split: Vec<String> = datasets
        .iter()
        .filter(|name| entries.iter().any(|entry| entry.dataset == **name && splits_differ(entry)))
        .map(|name| escaped(dataset_name(name)))
        .collect();
    if !split.is_empty() {
        page.paragraph(&format!(
            "On {} each seed has a split of its own into training, development and test texts: a deviation over the \
             seeds holds the sampling of texts there, and elsewhere it does not.",
            listed(&split)
        ));
    }
    let choice = lean_choice(study);
    let old = choice.iter().filter(|entry| spreads.get(entry).is_none() && !splits_differ(entry));
    let sampling: Vec<String> = old.filter_map(sampling).collect();
    if !sampling.is_empty() {
        page.paragraph(&format!(
            "Where cells do not say what they answered, the deviations, which are over the seeds, leave out what the \
             choice of test texts makes. For {} that is, at 95 %: {}. No difference between rows is corrected for \
             the number of comparisons.",
            escaped(&choice[0].key.name()),
            listed(&sampling)
        ));
    }
    Ok(())
}

/// What stands behind `±`.
fn what_spreads_are(most: usize, with: bool, mixed: bool) -> String {
    let seeds = if most == 1 { "One seed each.".to_owned() } else { format!("Up to {most} seeds.") };
    match (with, mixed) {
        (true, false) => format!(
            "{seeds} Behind ± stands half the 95 % interval over seeds and test texts (bootstrap); of one seed, over \
             the texts alone."
        ),
        (true, true) => format!(
            "{seeds} Behind ± stands half the 95 % interval over seeds and test texts (bootstrap; of one seed, over \
             the texts alone), or, with `sd`, the standard deviation over the seeds, of cells that do not say what \
             they answered."
        ),
        (false, _) if most == 1 => "One seed each, so there are no deviations.".into(),
        (false, _) => format!("{seeds} Behind ± stands the sample standard deviation over the seeds."),
    }
}

/// An accuracy with its half interval, or its deviation.
fn shown(entry: &Entry<'_>, spreads: &Spreads<'_>, most: usize, mixed: bool) -> String {
    let accuracy = entry.accuracy();
    match spreads.get(entry) {
        Some(spread) => {
            let few = if accuracy.count < most { format!(" (n = {})", accuracy.count) } else { String::new() };
            format!("{:.2} ± {:.2}{few}", accuracy.mean, spread.half())
        }
        None if mixed && accuracy.deviation.is_some() => format!("{} `sd`", accuracy.shown(most)),
        None => accuracy.shown(most),
    }
}

/// Every row of the accuracy table and of the rivals over width, beside the page; gives the link.
fn csv(study: &Study, spreads: &Spreads<'_>, page: &mut Page) -> Result<String> {
    let columns = [
        "table",
        "row",
        "data set",
        "seeds",
        "test accuracy",
        "deviation over the seeds",
        "low",
        "high",
        "interval over",
    ];
    let mut rows = Vec::new();
    let ends = |spread: Option<&Spread>| match spread {
        Some(spread) => spread.interval().map(|end| format!("{end:.3}")),
        None => [String::new(), String::new()],
    };
    for table in ["main", TABLE] {
        for key in study.keys(table) {
            for entry in study.datasets(table).into_iter().filter_map(|name| study.entry(key, name)) {
                let accuracy = entry.accuracy();
                let spread = spreads.get(&entry);
                let [low, high] = ends(spread);
                let over = match (spread, accuracy.count) {
                    (None, _) => "",
                    (Some(_), 1) => "texts",
                    (Some(_), _) => "seeds and texts",
                };
                rows.push(vec![
                    table.to_owned(),
                    key.name(),
                    dataset_name(entry.dataset).to_owned(),
                    accuracy.count.to_string(),
                    format!("{:.3}", accuracy.mean),
                    accuracy.deviation.map_or_else(String::new, |deviation| format!("{deviation:.3}")),
                    low,
                    high,
                    over.to_owned(),
                ]);
            }
            let Some(six) = mean_of_six(study, key) else { continue };
            let spread = spreads.mean(&six);
            let [low, high] = ends(spread.as_ref());
            let seeds = six.iter().map(|entry| entry.cells.len()).min().unwrap_or(0);
            rows.push(vec![
                table.to_owned(),
                key.name(),
                "mean".to_owned(),
                seeds.to_string(),
                format!("{:.3}", mean_accuracy(&six)),
                String::new(),
                low,
                high,
                spread.map_or("", |_| "seeds and texts").to_owned(),
            ]);
        }
    }
    page.csv("accuracy", &columns, &rows)
}

/// SST-2 with phrases among its training texts: a line below the table, as its test texts are those of SST-2.
fn phrases(study: &Study, spreads: &Spreads<'_>, most: usize, mixed: bool, page: &mut Page) {
    let rows = study.keys("main").into_iter().filter_map(|key| {
        let entry = study.entry(key, PHRASES)?;
        let sentences = study.entry(key, "sst2");
        let beside = sentences.map_or_else(String::new, |own| format!(" (on sentences {:.2})", own.accuracy().mean));
        Some(format!("{} {}{beside}", escaped(&key.name()), shown(&entry, spreads, most, mixed)))
    });
    let rows: Vec<String> = rows.collect();
    if !rows.is_empty() {
        page.paragraph(&format!("SST-2 trained on phrases: {}.", rows.join("; ")));
    }
}

/// In what the published rows and ours are not alike, and the DNNs of both in numbers.
fn beside_published(study: &Study, page: &mut Page) {
    page.paragraph(
        "Ours and theirs differ in more than the network. Splits: MR, Subj, ChnSenti and Waimai have no official \
         one; here a hash deals them into 80, 10 and 10 % for training, development and test, there 10 % are drawn \
         at random for test. SST-2 is trained on its sentences here, and there likely on its labelled phrases too. \
         Word vectors are not the same. Word codes are trained along by `lean`, and not by the published rows. The \
         epoch is chosen on development texts here, and on the test texts there.",
    );
    let Some(key) = study.keys("main").into_iter().find(|key| {
        key.kind.is_of("lean")
            && key.kind.method == Method::Dnn
            && key.axis.is_empty()
            && !key.kind.family.adversarial
    }) else {
        return;
    };
    let published = &PUBLISHED[0];
    let mut sets = Vec::new();
    for ((name, words), accuracy) in DATASETS.iter().zip(published.accuracy) {
        let Some(entry) = study.entry(key, name) else { continue };
        sets.push(format!("{words} {}", signed(entry.accuracy().mean - accuracy)));
    }
    let mean = mean_of_six(study, key).map(|six| mean_accuracy(&six)).map_or_else(String::new, |mean| {
        format!("{mean:.2} in the mean, against {:.2}: {} points; ", published.mean, signed(mean - published.mean))
    });
    if !sets.is_empty() {
        page.paragraph(&format!(
            "The {} beside the published {}: {mean}by set, {}. So part of what a spiking network made from it is \
             ahead of published ones is the DNN's, and comes of these differences.",
            escaped(&key.name()),
            escaped(published.name),
            listed(&sets)
        ));
    }
}

/// What share of the test tokens the networks of `lean` have no code for.
fn unknown_words(study: &Study, page: &mut Page) {
    let keys = study.keys("main");
    let key = keys.into_iter().find(|key| key.kind.is_of("lean") && key.kind.method == Method::Dnn);
    let shares: Vec<String> = DATASETS
        .iter()
        .filter_map(|(name, words)| {
            let share = study.entry(key?, name)?.sample(|cell| Some(cell.measured.unknown_share))?;
            Some(format!("{words} {:.1} %", 100.0 * share.mean))
        })
        .collect();
    if !shares.is_empty() {
        page.paragraph(&format!(
            "Test tokens without a word vector or a code of their own, which say nothing to `lean`: {}.",
            listed(&shares)
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

/// The mean over the six published sets with its half interval; a dash where one of them is not there.
pub(super) fn shown_mean<'a>(study: &'a Study, key: Key<'a>, spreads: &Spreads<'a>) -> String {
    let Some(six) = mean_of_six(study, key) else { return "–".to_owned() };
    match spreads.mean(&six) {
        Some(spread) => format!("{:.2} ± {:.2}", spread.mean(), spread.half()),
        None => format!("{:.2}", mean_accuracy(&six)),
    }
}

/// An accuracy with its half interval, or as a sample over the seeds where cells do not say what they answered; with the
/// number of seeds where there are fewer than the table's `most`.
pub(super) fn shown_with_interval<'a>(entry: &Entry<'a>, spreads: &Spreads<'a>, most: usize) -> String {
    match spreads.get(entry) {
        Some(spread) => {
            let few = if entry.cells.len() < most { format!(" (n = {})", entry.cells.len()) } else { String::new() };
            format!("{:.2} ± {:.2}{few}", spread.mean(), spread.half())
        }
        None => entry.accuracy().shown(most),
    }
}

/// A row's entries on the six published data sets, if it has all of them.
fn mean_of_six<'a>(study: &'a Study, key: Key<'a>) -> Option<Vec<Entry<'a>>> {
    DATASETS.iter().map(|(name, _)| study.entry(key, name)).collect()
}

fn mean_accuracy(entries: &[Entry<'_>]) -> f64 {
    entries.iter().map(|entry| entry.accuracy().mean).sum::<f64>() / entries.len().max(1) as f64
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
        .columns("main")
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
                    Series { name: (*row).to_owned(), mark: Mark::of(kind), line: Line::Solid, markers: true, points }
                })
                .collect();
            let still = entries.iter().filter(|e| e.dataset == dataset && e.key.axis.is_empty());
            let real = still.filter(|e| e.key.kind.is_of("lean") && !e.key.kind.spikes());
            for (i, entry) in real.enumerate() {
                let y = entry.accuracy().mean;
                let points = [left, right].map(|x| Point { x, y, ..Point::default() }).to_vec();
                let kind = rows.len() + i;
                let name = format!("{} (no time steps)", entry.key.row);
                series.push(Series { name, mark: Mark::of(kind), line: Line::Dashed, markers: false, points });
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
