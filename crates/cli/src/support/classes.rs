//! How well each class is told, for people: the classes with the worst first, and those that need a word.

use comfy_table::Table;
use spiketext::{
    metrics::{self, LabelCounts},
    model::{ClassReport, Model},
};

use super::{tables, terminal};

/// Classes that a sentence names before it counts the rest.
const NAMED: usize = 10;

/// The figures of a class, in percent; none where there was nothing to divide by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Row {
    /// The class.
    pub class: usize,
    /// Its texts.
    pub texts: usize,
    pub precision: Option<f64>,
    pub recall: Option<f64>,
    pub f1: Option<f64>,
}

/// The rows of answers that were counted, the worst F1 first.
pub fn of_counts(counts: &LabelCounts) -> Vec<Row> {
    let percent = |share: Option<f64>| share.map(|share| 100.0 * share);
    let row = |class: usize| {
        let figures = counts.figures(class);
        let [precision, recall, f1] = [figures.precision, figures.recall, figures.f1].map(percent);
        Row { class, texts: figures.texts, precision, recall, f1 }
    };
    worst_first((0..counts.classes()).map(row).collect())
}

/// The rows of what a model reports of its test texts, the worst F1 first; none for older models.
pub fn of_report(classes: &[ClassReport]) -> Vec<Row> {
    let row = |(class, report): (usize, &ClassReport)| {
        let ClassReport { texts, precision, recall, f1, .. } = *report;
        Row { class, texts: texts[2], precision, recall, f1 }
    };
    worst_first(classes.iter().enumerate().map(row).collect())
}

fn worst_first(rows: Vec<Row>) -> Vec<Row> {
    let figures: Vec<_> = rows.iter().map(|row| (row.texts, row.f1)).collect();
    metrics::worst_first(&figures).into_iter().map(|class| rows[class]).collect()
}

/// A table of the first rows, at most `most`, and a last one that counts the others.
pub fn table(labels: &[String], rows: &[Row], texts: &str, most: usize) -> Table {
    let mut table = tables::plain(&["class", texts, "precision", "recall", "F1"], &[1, 2, 3, 4]);
    for row in rows.iter().take(most) {
        let label = terminal::one_line(&labels[row.class], Some(40));
        table.add_row([label, row.texts.to_string(), percent(row.precision), percent(row.recall), percent(row.f1)]);
    }
    if let Some(rest) = rows.get(most..).filter(|rest| !rest.is_empty()) {
        let texts: usize = rest.iter().map(|row| row.texts).sum();
        let least = rest[0].f1.map_or_else(String::new, |f1| format!("from {f1:.2} %"));
        table.add_row([format!("{} more", rest.len()), texts.to_string(), String::new(), String::new(), least]);
    }
    table
}

/// A figure, or a dash where there is none.
pub fn percent(percent: Option<f64>) -> String {
    percent.map_or_else(|| "-".to_owned(), |percent| format!("{percent:.2} %"))
}

/// An interval in percent.
pub fn interval(interval: Option<[f64; 2]>) -> String {
    interval.map_or_else(|| "-".to_owned(), |[low, high]| format!("{low:.2} to {high:.2} %"))
}

/// Names of classes in a sentence, the first of many.
pub fn names(labels: &[String], classes: &[usize]) -> String {
    let name = |&class: &usize| format!("'{}'", terminal::one_line(&labels[class], Some(40)));
    let mut names: Vec<String> = classes.iter().take(NAMED).map(name).collect();
    if classes.len() > NAMED {
        names.push(format!("{} more ({} in all)", classes.len() - NAMED, classes.len()));
    }
    names.join(", ")
}

/// What a person should know of classes before trusting a trained model, a line each.
pub fn warnings(model: &Model) -> Vec<String> {
    let told = model.training().warnings().into_iter();
    told.map(|(what, classes)| format!("{what}: {}", names(model.labels(), &classes))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_and_sentences_show_the_first_of_many() {
        let labels: Vec<String> = (0..12).map(|class| format!("c\n{class}")).collect();
        let report =
            |class: usize| ClassReport { texts: [1, 1, 2], f1: Some(class as f64), ..ClassReport::default() };
        let rows = of_report(&(0..12).rev().map(report).collect::<Vec<_>>());
        assert_eq!((rows[0].class, rows[11].class), (11, 0));
        let shown = table(&labels, &rows, "test texts", 5).trim_fmt();
        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!(lines.len(), 7, "{shown}");
        assert!(lines[1].starts_with("c\\n11 ") && lines[1].ends_with("0.00 %"), "{shown}");
        assert!(lines[6].starts_with("7 more") && lines[6].ends_with("from 5.00 %"), "{shown}");
        assert_eq!(table(&labels, &rows[..5], "texts", 5).trim_fmt().lines().count(), 6);
        let all: Vec<usize> = (0..12).collect();
        assert!(names(&labels, &all).ends_with("'c\\n9', 2 more (12 in all)"), "{}", names(&labels, &all));
    }
}
