//! What cross-validation said of the rows that it chose among: files of `spiketext select` in the folder `selection` beside
//! the page. Where rows lie along axes, a figure has a panel for each.

use std::{collections::BTreeMap, path::Path};

use spiketext::Result;
use spiketext_study::selection::{Selection, TableSelection};

use super::json_files::json_files;
use crate::{
    cells::{axis_name, dataset_name, named, number},
    figure::Mark,
    markdown::{Page, Table, escaped},
    numbers::more_or_less,
    panels::{Axis, Line, Panel, Point, Series, draw_each},
    published::DATASETS,
};

/// The folder's name.
const FOLDER: &str = "selection";

/// The section, if there are such files; `beside` is the folder of what lies beside the page.
///
/// # Errors
/// If a figure cannot be drawn.
pub fn section(beside: &Path, page: &mut Page) -> Result<()> {
    let paths = json_files(beside, FOLDER);
    if paths.is_empty() {
        return Ok(());
    }
    page.heading(2, "Cross-validation");
    page.paragraph(
        "Training and development texts, divided into folds of which each was held back once: what choices were made by. Test \
         texts have no part in it. Percent of the texts that were held back; the first of a table is the most accurate (a grid may say \
         by what else to choose: its first lines), and behind the \
         others stands by how much they differ from it in the mean, with the interval at 95 % over texts.",
    );
    for path in paths {
        let found = std::fs::read(&path).map_err(|error| format!("cannot be read: {error}"));
        // One that cannot be read chooses nothing, which the goals say too.
        let selection = match found.and_then(|bytes| Selection::parse(&bytes)) {
            Ok(selection) => selection,
            Err(problem) => {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                page.paragraph(&format!("{} {}.", escaped(&name), escaped(&problem)));
                page.notes.push(format!("{}: {problem}", path.display()));
                continue;
            }
        };
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        of_file(&name, &selection, page)?;
    }
    Ok(())
}

fn of_file(name: &str, selection: &Selection, page: &mut Page) -> Result<()> {
    let grid = format!("`docs/{FOLDER}/{name}.toml`");
    let commits: Vec<&str> = selection.commits.iter().map(|commit| commit.get(..7).unwrap_or(commit)).collect();
    page.heading(3, &format!("Chosen among: {}", escaped(name)));
    page.paragraph(&format!(
        "The grid {grid}, in {} folds, seeds {:?}, made by {}.",
        selection.folds,
        selection.seeds,
        commits.join(", ")
    ));
    let known: Vec<&str> =
        DATASETS.iter().map(|(short, _)| *short).filter(|short| selection.datasets.contains_key(*short)).collect();
    for table in &selection.tables {
        let words = ["table", "row"].map(str::to_owned).into_iter();
        let head = known.iter().map(|short| dataset_name(short).to_owned());
        let last = ["mean", "difference"].map(str::to_owned);
        let mut shown = Table::new(2, words.chain(head).chain(last));
        for candidate in &table.candidates {
            let mut cells = vec![escaped(&table.table), escaped(&named(&candidate.row, &candidate.axis))];
            let of = |short: &&str| candidate.datasets.get(*short).map_or("–".to_owned(), |own| two(own.accuracy));
            cells.extend(known.iter().map(of));
            cells.push(two(candidate.accuracy));
            cells.push(candidate.difference.as_ref().map_or_else(
                || "the most accurate".to_owned(),
                |own| {
                    let [low, high] = own.interval.map(|bound| more_or_less(bound, 2));
                    format!("{} ({low} to {high}) {}", more_or_less(own.points, 2), own.verdict)
                },
            ));
            shown.row(cells);
        }
        page.table(&shown);
        if let Some(panels) = sweep(table) {
            let words = format!("Accuracy of held-back texts along each axis of {name}, {}", table.table);
            // One scale for all panels: what matters little looks flat.
            let y = |_: &Panel| {
                let series = panels.iter().flat_map(|panel| &panel.series);
                let values = series.flat_map(|series| &series.points).map(|point| point.y);
                Axis::linear("held back, mean (%)", values, (0.0, 100.0))
            };
            let file = format!("sweep-{name}-{}", table.table.replace(|c: char| !c.is_ascii_alphanumeric(), "-"));
            let x = |panel: &Panel| {
                let values = panel.series.iter().flat_map(|series| &series.points).map(|point| point.x);
                Axis::at(&panel.title, values)
            };
            let svg = draw_each(3, &words, &panels, x, y);
            page.figure(&file, &words, svg)?;
        }
    }
    Ok(())
}

/// A panel for each axis along which there are candidates that differ in nothing else, where that is at most one number: as
/// steps from the candidate without an axis.
fn sweep(table: &TableSelection) -> Option<Vec<Panel>> {
    let base = table.candidates.iter().find(|candidate| candidate.axis.is_empty())?;
    let mut axes: BTreeMap<&str, Vec<Point>> = BTreeMap::new();
    for candidate in table.candidates.iter().filter(|candidate| candidate.row == base.row) {
        let mut axis = candidate.axis.iter();
        let (Some((key, value)), None) = (axis.next(), axis.next()) else { continue };
        let Some(x) = number(value) else { continue };
        let point = Point { x, y: candidate.accuracy, label: two(candidate.accuracy), ..Point::default() };
        axes.entry(axis_name(key)).or_default().push(point);
    }
    let panel = |(name, mut points): (&str, Vec<Point>)| {
        points.sort_by(|a, b| a.x.total_cmp(&b.x));
        let ends = [points.first()?.x, points.last()?.x];
        // The level has a width beside a point alone, too.
        let ends = if ends[0] < ends[1] { ends } else { [ends[0] - 1.0, ends[1] + 1.0] };
        let level = ends.map(|x| Point { x, y: base.accuracy, ..Point::default() }).to_vec();
        let name = name.to_owned();
        let bound = format!("{}, as its recipe has it", base.row);
        let along = Series {
            name: format!("{}, one choice changed", base.row),
            mark: Mark::of(1),
            line: Line::Solid,
            markers: true,
            points,
        };
        let series =
            vec![Series { name: bound, mark: Mark::of(0), line: Line::Bound, markers: false, points: level }, along];
        Some(Panel { title: name, series })
    };
    let panels: Vec<Panel> = axes.into_iter().filter_map(panel).collect();
    (!panels.is_empty()).then_some(panels)
}

fn two(value: f64) -> String {
    format!("{value:.2}")
}

#[cfg(test)]
mod tests {
    use spiketext_study::{
        Method,
        selection::{AgainstChosen, Candidate, HeldBack},
    };

    use super::*;

    #[test]
    fn tables_and_a_figure_come_of_a_file_and_a_broken_one_is_named() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let beside = folder.path().join("results");
        let mut page = Page { link: "results/".to_owned(), ..Page::default() };
        section(&beside, &mut page).expect("no folder");
        assert!(page.text.is_empty());
        let candidate = |axis: &[(&str, &str)], accuracy: f64, points: Option<f64>| Candidate {
            row: "a row".into(),
            axis: axis.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
            method: Method::Direct,
            settings: BTreeMap::new(),
            accuracy,
            datasets: [("mr".to_owned(), HeldBack { accuracy, interval: None })].into(),
            difference: points.map(|points| AgainstChosen {
                points,
                interval: [points - 1.0, points + 1.0],
                verdict: "open".into(),
            }),
        };
        let candidates = vec![
            candidate(&[], 75.0, None),
            candidate(&[("network.filters", "25")], 74.5, Some(-0.5)),
            candidate(&[("network.filters", "5")], 74.0, Some(-1.0)),
            candidate(&[("network.steps", "2"), ("network.filters", "5")], 73.0, Some(-2.0)),
        ];
        let selection = Selection {
            format: 2,
            folds: 3,
            seeds: vec![0],
            datasets: [("mr".to_owned(), 500)].into(),
            spared_splits: BTreeMap::new(),
            commits: vec!["0123456789".into()],
            tables: vec![TableSelection { table: "codes".into(), candidates }],
        };
        let own = folder.path().join(FOLDER);
        std::fs::create_dir(&own).expect("a folder");
        std::fs::write(own.join("few.toml"), "no outcome").expect("written");
        std::fs::write(own.join("few.json"), serde_json::to_string(&selection).expect("JSON")).expect("written");
        section(&beside, &mut page).expect("a section");
        assert!(page.text.contains("| codes | a row | 75.00 | 75.00 | the most accurate |"), "{}", page.text);
        let line = "| codes | a row, filters = 25 | 74.50 | 74.50 | −0.50 (−1.50 to +0.50) open |";
        assert!(page.text.contains(line), "{}", page.text);
        // One panel: two candidates along one axis, and the level of the one without.
        let [(name, svg)] = &page.figures[..] else { panic!("{:?}", page.figures.len()) };
        assert!(name.starts_with("sweep-few-codes") && svg.contains("filters") && !svg.contains("73.00"), "{svg}");
        // Those that are none are named, and the page is made.
        let other = serde_json::to_string(&Selection { format: 99, ..selection }).expect("JSON");
        for (bytes, told) in [
            (&b"{}"[..], "is no cross-validation: missing field"),
            (b"\xff\xfe", "is no cross-validation"),
            (other.as_bytes(), "is of format 99"),
        ] {
            std::fs::write(own.join("few.json"), bytes).expect("written");
            let mut page = Page { link: "results/".to_owned(), ..Page::default() };
            section(&beside, &mut page).expect("said, not fatal");
            assert!(page.text.contains(&format!("few.json {told}")) && page.figures.is_empty(), "{}", page.text);
            assert!(
                page.notes.len() == 1 && page.notes[0].contains(&format!("few.json: {told}")),
                "{:?}",
                page.notes
            );
        }
    }
}
