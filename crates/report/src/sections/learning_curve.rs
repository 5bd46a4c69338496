//! How accuracy grows with the number of training texts, beside a bag of words: figures of runs outside the study,
//! which lie as `learning-curve.csv` in the folder of the page's name.

use std::path::Path;

use serde::Deserialize;
use spiketext::{Error, Result};

use crate::{
    markdown::{Page, Table, escaped},
    numbers::more_or_less,
};

/// The file's name.
const FILE: &str = "learning-curve.csv";

/// A line of the file: percent, means over the draws.
#[derive(Deserialize)]
struct Point {
    set: String,
    classes: usize,
    texts: usize,
    draws: usize,
    dnn_accuracy: f64,
    snn_accuracy: f64,
    rival_accuracy: f64,
    /// Of the difference between SNN and rival, draw by draw: the deviation of its mean.
    accuracy_error: f64,
    snn_macro_f1: f64,
    rival_macro_f1: f64,
}

/// The section, if there is such a file in `beside`.
pub fn section(beside: &Path, page: &mut Page) -> Result<()> {
    let path = beside.join(FILE);
    if !path.exists() {
        return Ok(());
    }
    let broken = |error: csv::Error| {
        let line = error.position().map(csv::Position::line);
        Error::malformed(&path, line, "a learning curve by reference/learning_curve.py", error.to_string())
    };
    let mut reader = csv::Reader::from_path(&path).map_err(broken)?;
    let points: Vec<Point> = reader.deserialize().collect::<std::result::Result<_, _>>().map_err(broken)?;
    page.heading(2, "Learning curve");
    page.paragraph(&format!(
        "Recipe `lean` with built-in vectors and without settings, on so many training texts (a tenth of them set \
         apart to choose on), beside TF-IDF of words and pairs of words with logistic regression (scikit-learn's \
         defaults), which learns from all of them. Both are measured on up to 1,000 other *training* texts: no test \
         text is looked at here. Means over the draws; ± is the standard error of the difference, draw by draw. Made \
         by `reference/learning_curve.py`; data in [{FILE}]({}{FILE}), and what was tried in \
         `docs/notebook/length-of-training.md`.",
        page.link
    ));
    let mut table = Table::new(
        1,
        [
            "set",
            "classes",
            "texts",
            "draws",
            "DNN",
            "SNN",
            "bag of words",
            "SNN less bag",
            "macro F1, SNN",
            "macro F1, bag",
        ],
    );
    for point in &points {
        let difference = point.snn_accuracy - point.rival_accuracy;
        table.row([
            escaped(&point.set),
            point.classes.to_string(),
            point.texts.to_string(),
            point.draws.to_string(),
            format!("{:.1}", point.dnn_accuracy),
            format!("{:.1}", point.snn_accuracy),
            format!("{:.1}", point.rival_accuracy),
            format!("{} ± {:.1}", more_or_less(difference, 1), point.accuracy_error),
            format!("{:.1}", point.snn_macro_f1),
            format!("{:.1}", point.rival_macro_f1),
        ]);
    }
    page.table(&table);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_becomes_a_table_or_is_refused_with_its_line() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut page = Page { link: "results/".to_owned(), ..Page::default() };
        section(folder.path(), &mut page).expect("no file");
        assert!(page.text.is_empty());
        let head = "set,classes,texts,draws,dnn_accuracy,snn_accuracy,rival_accuracy,accuracy_error,snn_macro_f1,rival_macro_f1";
        let path = folder.path().join(FILE);
        std::fs::write(&path, format!("{head}\nmr,2,500,3,70.0,71.25,61,0.5,71,60\n")).expect("written");
        section(folder.path(), &mut page).expect("a curve");
        assert!(
            page.text.contains("| mr | 2 | 500 | 3 | 70.0 | 71.2 | 61.0 | +10.2 ± 0.5 | 71.0 | 60.0 |"),
            "{}",
            page.text
        );
        assert!(page.text.contains("(results/learning-curve.csv)"), "{}", page.text);
        std::fs::write(&path, format!("{head}\nmr,2,many,3,70,71,61,0.5,71,60\n")).expect("written");
        let error = section(folder.path(), &mut page).expect_err("no number").to_string();
        assert!(error.contains("learning-curve.csv:2: "), "{error}");
    }
}
