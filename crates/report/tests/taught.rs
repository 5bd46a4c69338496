//! The section of networks that had a teacher.

#[allow(dead_code)]
mod made_up;

use std::fs;

use made_up::cell;
use serde_json::json;
use spiketext_report::{Git, Request, write};
use spiketext_study::{Cell, Method, Taught};

const SETS: [&str; 6] = ["mr", "sst2", "subj", "sst5", "chnsenti", "waimai"];

/// A cell of these tables, of which the student had a teacher.
fn taught(table: &str, row: &str, axis: &[(&str, &str)], dataset: &str, seed: u64, method: Method) -> Cell {
    let mut cell = cell(table, row, axis, dataset, seed, method);
    if method == Method::Teacher {
        (cell.measured.costs, cell.measured.firing) = (None, None);
        cell.family.recipe = "teacher".into();
    } else if row.contains("student") {
        let about = json!({"encoder": "wise", "development_accuracy": 80.0, "head": {"development_accuracy": 90.5}});
        cell.settings.teacher = Some("transformer".into());
        cell.measured.teacher =
            Some(Taught { about, taught: 7000, unlabelled: 50_000, refused: [3, 4], ..Taught::default() });
    }
    cell
}

#[test]
fn students_stand_beside_their_teachers_and_few_labels_have_a_figure() {
    let mut cells = vec![cell("main", "lean DNN", &[], "sst2", 0, Method::Dnn)];
    for dataset in SETS {
        for seed in 0..2 {
            for (row, method) in [
                ("sparse student", Method::Direct),
                ("sparse alone", Method::Direct),
                ("the teacher", Method::Teacher),
            ] {
                cells.push(taught("taught", row, &[], dataset, seed, method));
            }
        }
    }
    for labelled in ["100", "500"] {
        for row in ["student", "alone"] {
            cells.push(taught("few-labels", row, &[("labelled", labelled)], "sst2", 0, Method::Direct));
        }
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    made_up::write(&folder.path().join("results/study"), &cells);
    let request = Request { cells: folder.path().join("results/study"), out: folder.path().join("results.md") };
    write(&request, &Git::around(folder.path()), None).expect("a report");
    let page = fs::read_to_string(folder.path().join("results.md")).expect("a page");
    let section = page.split("## With outside knowledge").nth(1).expect("the section");
    let section = section.split("\n## ").next().expect("its end");
    for start in ["| the teacher |", "| sparse student |", "| sparse alone |"] {
        let line =
            section.lines().find(|line| line.starts_with(start)).unwrap_or_else(|| panic!("{start}\n{section}"));
        assert_eq!(line.matches('|').count(), 9, "{line}");
        assert!(!line.contains('–'), "six sets make a mean: {line}");
    }
    assert!(section.contains("| SST-2 | transformer | wise | 90.50 | 7000 | 50000 | 7 |"), "{section}");
    assert!(section.contains("### Few labels") && section.contains("| 100 labels | 500 labels |\n"), "{section}");
    assert!(section.contains("few-labels.svg"), "{section}");
    assert!(!page.contains("Table taught") && !page.contains("Table few-labels"));
}
