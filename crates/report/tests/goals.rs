//! Goals beside a study: what is judged, and what the report refuses to judge.

#[allow(dead_code)]
mod made_up;

use std::{collections::BTreeMap, fs};

use spiketext_report::{History, Request, write};
use spiketext_study::{Cell, Method, Selected};

const SELECTION: &str = "docs/selection/widths.json";
const AXIS: [(&str, &str); 1] = [("network.steps", "8")];

/// Cells of three seeds on six sets, chosen by cross-validation.
fn cells() -> Vec<Cell> {
    let mut cells = Vec::new();
    for dataset in ["mr", "sst2", "subj", "sst5", "chnsenti", "waimai"] {
        for seed in 1..=3 {
            let mut cell = made_up::cell("main", "lean SNN", &AXIS, dataset, seed, Method::FineTuned);
            cell.settings.split = (dataset == "mr").then_some(seed - 1);
            cell.selected = Some(Selected { file: SELECTION.into(), commit: "abc".into() });
            cells.push(cell);
        }
    }
    cells
}

fn goal(dataset: &str, at_least: f64, selection: &str) -> serde_json::Value {
    serde_json::json!({"name": "a goal", "table": "main", "row": "lean SNN", "axis": {"network.steps": "8"},
        "dataset": dataset, "at-least": at_least, "selection": selection})
}

/// A cross-validation with one candidate, on all sets.
fn selection(row: &str, steps: &str) -> String {
    let settings: BTreeMap<String, String> =
        cells().into_iter().map(|cell| (cell.dataset.clone(), cell.settings.digest())).collect();
    let datasets: BTreeMap<&String, usize> = settings.keys().map(|dataset| (dataset, 100)).collect();
    let held_back: BTreeMap<&String, serde_json::Value> =
        settings.keys().map(|dataset| (dataset, serde_json::json!({"accuracy": 80.0, "interval": null}))).collect();
    let candidate = serde_json::json!({"row": row, "axis": {"network.steps": steps}, "method": "fine-tuned",
        "settings": settings, "accuracy": 80.0, "datasets": held_back, "difference": null});
    serde_json::json!({"format": 2, "folds": 5, "seeds": [0], "datasets": datasets, "spared-splits": {"mr": 3},
        "commits": ["abc"], "tables": [{"table": "widths", "candidates": [candidate]}]})
    .to_string()
}

/// A repository whose commit `abc` holds a file.
struct Past {
    holds: Option<String>,
}

impl History for Past {
    fn content(&self, commit: &str, file: &str) -> Option<Vec<u8>> {
        self.holds.clone().filter(|_| commit == "abc" && file == SELECTION).map(String::into_bytes)
    }
}

/// The page of these cells and goals in a folder of its own; with the file of the cross-validation where there is
/// one, committed as it is.
fn page(cells: &[Cell], goals: &str, selection: Option<&str>) -> spiketext::Result<String> {
    let past = Past { holds: selection.map(str::to_owned) };
    page_with(cells, goals, selection, &past)
}

fn page_with(cells: &[Cell], goals: &str, selection: Option<&str>, past: &Past) -> spiketext::Result<String> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let root = folder.path();
    made_up::write(&root.join("docs/results/study"), cells);
    fs::write(root.join("docs/results/study.grid.json"), made_up::grid(cells)).expect("written");
    fs::create_dir(root.join(".git")).expect("a folder");
    fs::write(root.join("docs/results/study.goals.json"), goals).expect("written");
    if let Some(selection) = selection {
        fs::create_dir(root.join("docs/selection")).expect("a folder");
        fs::write(root.join(SELECTION), selection).expect("written");
    }
    let request = Request { cells: root.join("docs/results/study"), out: root.join("docs/results.md") };
    write(&request, past, None)?;
    Ok(fs::read_to_string(root.join("docs/results.md")).expect("a page"))
}

/// The lines of the goals.
fn verdicts(cells: &[Cell], goals: &[serde_json::Value], selection: Option<&str>) -> Vec<String> {
    let goals = serde_json::Value::from(goals.to_vec()).to_string();
    let page = page(cells, &goals, selection).expect("a report");
    page.lines().filter(|line| line.starts_with("| a goal |")).map(str::to_owned).collect()
}

#[test]
fn goals_are_met_or_missed_only_beyond_the_interval() {
    let goals = [goal("mr", 60.0, SELECTION), goal("mr", 77.8, SELECTION), goal("mean", 90.0, SELECTION)];
    let lines = verdicts(&cells(), &goals, Some(&selection("lean SNN", "8")));
    for (line, verdict) in lines.iter().zip(["met", "open", "missed"]) {
        assert!(line.contains(&format!(" | {verdict} | {SELECTION}: chosen, commit abc |")), "{line}");
    }
    assert!(lines[2].contains("| mean | 90.00 | 79.") && lines[2].contains(" to "), "{}", lines[2]);
    // Without the file there is nothing to look into.
    let lines = verdicts(&cells(), &goals[..1], None);
    assert!(lines[0].contains("not judged: docs/selection/widths.json is not here"), "{}", lines[0]);
}

#[test]
fn a_candidate_that_was_not_chosen_is_not_judged() {
    let mut two: serde_json::Value = serde_json::from_str(&selection("lean SNN", "8")).expect("JSON");
    let mut better = two["tables"][0]["candidates"][0].clone();
    better["row"] = "another".into();
    two["tables"][0]["candidates"].as_array_mut().expect("a list").insert(0, better);
    let lines = verdicts(&cells(), &[goal("mr", 60.0, SELECTION)], Some(&two.to_string()));
    assert!(lines[0].contains("widths.json holds the row, and chose another"), "{}", lines[0]);
}

#[test]
fn what_was_not_chosen_beforehand_is_not_judged() {
    type Damage = fn(&mut Vec<Cell>);
    // What was chosen is not what was tested.
    let unlike: [(Damage, &str); 6] = [
        (
            |cells| cells.iter_mut().for_each(|cell| cell.method = Method::Converted),
            "not judged: the method of the cells is converted, and docs/selection/widths.json chose one by fine-tuned",
        ),
        (
            |cells| drop(cells[2].settings.choices.insert("more".into(), 1.into())),
            "the row that docs/selection/widths.json chose has other vectors or choices on MR",
        ),
        (|cells| cells[2].settings.vectors = Some("others".into()), "has other vectors or choices on MR"),
        (|cells| cells[2].settings.split = Some(3), "was chosen on texts of MR that are tested here"),
        (|cells| cells[2].settings.split = None, "was chosen on texts of MR that are tested here"),
        (
            |cells| {
                cells[1].settings.adversarial =
                    made_up::attack("a", &[("attack.name", "pwws")], 1, Method::Dnn, 1.0, 1.0).settings.attack;
            },
            "of adversarial training or an attack",
        ),
    ];
    let damages: [(Damage, &str); 6] = [
        (|cells| cells[1].selected = None, "not judged: 1 of 3 cells name no cross-validation"),
        (
            |cells| cells[1].selected.as_mut().expect("one").commit = "def".into(),
            "not judged: the cells name 2 cross-validations or commits",
        ),
        (
            |cells| cells.iter_mut().for_each(|cell| cell.selected.as_mut().expect("one").commit.clear()),
            "not judged: the cells name a cross-validation without its file or commit",
        ),
        (
            |cells| cells.iter_mut().for_each(|cell| cell.selected.as_mut().expect("one").file = "other".into()),
            "not judged: the cells were chosen by other, and the goal names docs/selection/widths.json",
        ),
        (|cells| cells[0].measured.answers = None, "not judged: cells on MR do not say what they answered"),
        (
            |cells| cells.retain(|cell| cell.dataset != "mr" || cell.seed == 1),
            "not judged: one seed on MR, which has no interval over seeds",
        ),
    ];
    for (damage, told) in damages.into_iter().chain(unlike) {
        let mut cells = cells();
        damage(&mut cells);
        let lines = verdicts(&cells, &[goal("mr", 60.0, SELECTION)], Some(&selection("lean SNN", "8")));
        assert!(lines[0].contains(told), "{told}: {}", lines[0]);
    }
    let of = |goals: serde_json::Value, selection: &str| verdicts(&cells(), &[goals], Some(selection)).remove(0);
    let whole = selection("lean SNN", "8");
    let own = || goal("mr", 60.0, SELECTION);
    let twice = {
        let mut twice: serde_json::Value = serde_json::from_str(&whole).expect("JSON");
        let table = twice["tables"][0].clone();
        twice["tables"].as_array_mut().expect("a list").push(table);
        twice.to_string()
    };
    for (line, told) in [
        (of(own(), &twice), "holds the row in several tables"),
        (of(own(), &selection("another", "8")), "does not hold the row as a candidate"),
        (of(own(), &selection("lean SNN", "4")), "does not hold the row as a candidate"),
        (
            of(own(), &whole.replace("\"format\":2", "\"format\":3")),
            "widths.json is of format 3, and 1 and 2 are known",
        ),
        (of(own(), "{}"), "widths.json is no cross-validation: missing field"),
        (
            of(own(), &whole.replace("\"mr\":{\"accuracy\":80.0,\"interval\":null},", "")),
            "widths.json chose without MR",
        ),
        (of(goal("imdb", 60.0, SELECTION), &whole), "not judged: the row has no cells on imdb"),
    ] {
        assert!(line.contains("not judged: ") && line.contains(told), "{told}: {line}");
    }
    // The cells of another set are no matter of this goal.
    let mut others = cells();
    others.retain(|cell| cell.dataset == "mr" || cell.seed == 1);
    assert!(verdicts(&others, &[own()], Some(&whole))[0].contains("| met |"));
    let mut row = own();
    row["row"] = "unheard of".into();
    assert!(of(row, &whole).contains("not judged: the row has no cells"));
    // A path that leaves the repository is not followed, even where the cells name it.
    for path in ["../widths.json", "/etc/passwd"] {
        let mut cells = cells();
        cells.iter_mut().for_each(|cell| cell.selected.as_mut().expect("one").file = path.into());
        let lines = verdicts(&cells, &[goal("mr", 60.0, path)], None);
        assert!(lines[0].contains("is no path from the root of the repository"), "{}", lines[0]);
    }
}

#[test]
fn a_file_that_was_not_committed_as_it_is_chooses_nothing() {
    let whole = selection("lean SNN", "8");
    let goals = serde_json::json!([goal("mr", 60.0, SELECTION)]).to_string();
    let told = |here: &str, holds: Option<&str>| {
        let past = Past { holds: holds.map(str::to_owned) };
        let page = page_with(&cells(), &goals, Some(here), &past).expect("a report");
        page.lines().find(|line| line.starts_with("| a goal |")).expect("a line").to_owned()
    };
    for (line, want) in [
        (told(&whole, None), "not judged: no commit abc with docs/selection/widths.json (from"),
        (told(&whole, Some("{}")), "not judged: docs/selection/widths.json is not what commit abc holds"),
        (told(&whole, Some(&whole)), "| met | docs/selection/widths.json: chosen, commit abc |"),
    ] {
        assert!(line.contains(want), "{want}: {line}");
    }
    // Files of the first version say less, and so does the page.
    let first = whole.replace("\"format\":2", "\"format\":1");
    let line = told(&first, Some(&first));
    assert!(
        line.contains("| met |") && line.contains("not known: its choices and the texts it kept away from"),
        "{line}"
    );
}

#[test]
fn broken_goals_are_named_and_none_make_no_section() {
    let error = |goals: &str| page(&cells()[..3], goals, None).expect_err("refused").to_string();
    let told = error("{}");
    assert!(told.contains("goals.json") && told.contains("a list of {name, table, row"), "{told}");
    assert!(error("[{\"name\": \"x\"}]").contains("missing field"));
    let told = error(&serde_json::json!([goal("mr", 101.0, SELECTION)]).to_string());
    assert!(told.contains("a goal from 0 to 100 percent for 'a goal', got 101"), "{told}");
    assert!(!page(&cells()[..3], "[]", None).expect("a page").contains("## Goals"));
}
