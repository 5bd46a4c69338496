//! Confusion matrices of the lean fine-tuned network and the scores of each class.

use plotters::{
    prelude::*,
    style::text_anchor::{HPos, VPos},
};
use spiketext::Result;

use super::lean_choice;
use crate::{
    cells::{Study, dataset_name},
    figure::{Area, Drawn, INK, LETTERS, MUTED, SERIES, cut, letters, picture, width_of, write_at},
    markdown::{Page, Table, escaped},
    numbers::plural,
};

/// Matrices with more classes than this are not drawn.
const DRAWN_CLASSES: usize = 12;

/// A matrix to draw.
struct HeatMap<'a> {
    title: &'a str,
    labels: &'a [String],
    /// True by found.
    matrix: &'a [Vec<f64>],
}

/// Precision, recall and F1 of a class, shares; none where they divide by nothing.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Scores {
    precision: Option<f64>,
    recall: Option<f64>,
    f1: Option<f64>,
    texts: f64,
}

/// The matrices, and the scores as a table.
pub fn section(study: &Study, page: &mut Page) -> Result<()> {
    let entries = lean_choice(study);
    let matrices: Vec<_> = entries.iter().filter_map(|entry| Some((entry, entry.confusion()?))).collect();
    let Some((first, _)) = matrices.first() else { return Ok(()) };
    page.heading(2, "Confusion and scores of each class");
    page.paragraph(&format!("Of {}, the test texts of all seeds together.", escaped(&first.key.name())));
    let drawn: Vec<HeatMap<'_>> = matrices
        .iter()
        .filter(|(_, (labels, _))| labels.len() <= DRAWN_CLASSES)
        .map(|(entry, (labels, matrix))| HeatMap { title: dataset_name(entry.dataset), labels, matrix })
        .collect();
    if !drawn.is_empty() {
        page.figure("confusion", "Confusion matrices, a panel for each data set", draw(&drawn))?;
        page.paragraph(
            "Rows are true classes, columns found ones; numbers are percent of the row. Columns with \
             numbers are in the order of the rows.",
        );
    }
    let mut table = Table::new(2, ["data set", "class", "precision", "recall", "F1", "test texts"]);
    for (entry, (labels, matrix)) in &matrices {
        for (label, scores) in labels.iter().zip(scores(matrix)) {
            let percent = |share: Option<f64>| share.map_or_else(|| "–".into(), |s| format!("{:.1}", 100.0 * s));
            table.row([
                escaped(dataset_name(entry.dataset)),
                escaped(label),
                percent(scores.precision),
                percent(scores.recall),
                percent(scores.f1),
                format!("{:.0}", scores.texts / entry.cells.len() as f64),
            ]);
        }
    }
    page.table(&table);
    let left_out = entries.len() - matrices.len();
    if left_out > 0 {
        page.paragraph(&format!("{} left out: no confusion matrix in every cell.", plural(left_out, "data set")));
    }
    Ok(())
}

/// The scores of each class from a confusion matrix (true by found).
fn scores(matrix: &[Vec<f64>]) -> Vec<Scores> {
    let share = |part: f64, whole: f64| (whole > 0.0).then(|| part / whole);
    (0..matrix.len())
        .map(|class| {
            let hit = matrix[class][class];
            let texts: f64 = matrix[class].iter().sum();
            let found: f64 = matrix.iter().map(|row| row[class]).sum();
            // F1 is the harmonic mean of precision and recall: 2 hits / (true + found).
            let f1 = share(2.0 * hit, texts + found);
            Scores { precision: share(hit, found), recall: share(hit, texts), f1, texts }
        })
        .collect()
}

/// Heat maps side by side.
fn draw(matrices: &[HeatMap<'_>]) -> Result<String> {
    let columns = matrices.len().clamp(1, 3);
    let rows = matrices.len().div_ceil(columns);
    let size = ((330 * columns) as u32, (310 * rows) as u32);
    picture(size, "Confusion matrices", |root| {
        for (map, area) in matrices.iter().zip(root.split_evenly((rows, columns))) {
            heat_map(&area, map)?;
        }
        Ok(())
    })
}

fn heat_map(area: &Area<'_>, map: &HeatMap<'_>) -> Drawn {
    let HeatMap { title, labels, matrix } = *map;
    let classes = labels.len() as i32;
    let names = labels.iter().map(|label| width_of(label, LETTERS)).max().unwrap_or(0).clamp(10, 110);
    let (left, top) = (names + 14, 36);
    let side = ((330 - left - 12) / classes).min(230 / classes);
    let middle = left + side * classes / 2;
    let centred = |colour| letters(LETTERS, colour, HPos::Center, VPos::Center);
    let heading = letters(LETTERS + 2.0, INK, HPos::Center, VPos::Center);
    write_at(area, &cut(title, LETTERS + 2.0, 300), (middle, 16), &heading)?;
    let small = if classes > 6 { LETTERS - 5.0 } else { LETTERS };
    for (row, counts) in matrix.iter().enumerate() {
        let total: f64 = counts.iter().sum();
        let y = top + side * row as i32;
        let name = letters(LETTERS, MUTED, HPos::Right, VPos::Center);
        write_at(area, &cut(&labels[row], LETTERS, names), (left - 8, y + side / 2), &name)?;
        for (column, count) in counts.iter().enumerate() {
            let x = left + side * column as i32;
            let share = if total > 0.0 { count / total } else { 0.0 };
            // Never so strong that the number in it is hard to read.
            let fill = SERIES[0].mix(0.04 + 0.46 * share).filled();
            area.draw(&Rectangle::new([(x + 1, y + 1), (x + side - 1, y + side - 1)], fill))?;
            let style = letters(small, INK, HPos::Center, VPos::Center);
            write_at(area, &format!("{:.0}", 100.0 * share), (x + side / 2, y + side / 2), &style)?;
        }
    }
    let below = top + side * classes;
    // Names that a column cannot hold are numbered instead, in the order of the rows.
    let fit = labels.iter().all(|label| width_of(label, LETTERS) <= side - 4);
    for (column, label) in labels.iter().enumerate() {
        let x = left + side * column as i32 + side / 2;
        let name = if fit { label.clone() } else { format!("{}.", column + 1) };
        write_at(area, &cut(&name, LETTERS, side - 4), (x, below + 12), &centred(MUTED))?;
    }
    write_at(area, "found", (middle, below + 32), &centred(MUTED))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_by_hand() {
        let found = scores(&[vec![8.0, 2.0, 0.0], vec![4.0, 6.0, 0.0], vec![0.0, 0.0, 0.0]]);
        let near = |a: Option<f64>, b: f64| assert!((a.expect("a score") - b).abs() < 1e-12, "{a:?} {b}");
        near(found[0].precision, 8.0 / 12.0);
        near(found[0].recall, 0.8);
        near(found[0].f1, 16.0 / 22.0);
        near(found[1].precision, 0.75);
        near(found[1].f1, 2.0 * 0.75 * 0.6 / 1.35);
        assert_eq!(found[2], Scores { precision: None, recall: None, f1: None, texts: 0.0 });
    }
}
