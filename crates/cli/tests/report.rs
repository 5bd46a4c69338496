//! `spiketext report` as users meet it: the real binary, an empty folder, made-up results.

mod common;
#[path = "../../report/tests/made_up/mod.rs"]
#[allow(dead_code)]
mod made_up;

use std::fs;

use common::{everything, fails, result, run, succeeds, text};
use spiketext_study::Method;

#[test]
fn a_study_in_the_usual_place_becomes_a_page_with_figures() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    assert!(fails(folder, &["report"]).contains("cannot read docs/results/study"));
    let cells: Vec<_> = made_up::study().into_iter().filter(|cell| cell.seed == 1).collect();
    made_up::write(&folder.join("docs/results/study"), &cells);
    fs::write(folder.join("docs/results/study.grid.json"), made_up::grid(&made_up::study())).unwrap();
    let said = succeeds(folder, &["report"]);
    let missing = made_up::study().len() - cells.len();
    let expected = format!("docs/results.md: {} cells, {missing} missing; ", cells.len());
    assert!(said.starts_with(&expected), "{said}");
    let before = everything(folder);
    let page = text(&before["docs/results.md"]);
    assert!(
        page.contains("](results/figures/front-45-nm-fp32-horowitz-2014.svg)") && page.contains("not finished"),
        "{page}"
    );
    let answer = result(&succeeds(folder, &["report", "--json"]));
    assert_eq!((&answer["cells"], &answer["missing"]), (&cells.len().into(), &missing.into()));
    for figure in answer["figures"].as_array().unwrap() {
        assert!(before.contains_key(figure.as_str().unwrap()), "{figure}");
    }
    for table in answer["tables"].as_array().unwrap() {
        assert!(before.contains_key(table.as_str().unwrap()), "{table}");
    }
    assert_eq!(everything(folder), before, "the same cells, the same bytes");

    // Packed, and the single files gone, it is the same page.
    let pack = ["report", "--pack", "docs/results/study.jsonl.zst"];
    assert_eq!(succeeds(folder, &pack), format!("docs/results/study.jsonl.zst: {} cells\n", cells.len()));
    let archive = fs::read(folder.join("docs/results/study.jsonl.zst")).unwrap();
    fs::remove_dir_all(folder.join("docs/results/study")).unwrap();
    succeeds(folder, &["report"]);
    assert_eq!(text(&everything(folder)["docs/results.md"]), page);
    succeeds(folder, &pack);
    assert_eq!(fs::read(folder.join("docs/results/study.jsonl.zst")).unwrap(), archive, "the same bytes");
    assert!(fails(folder, &["report", "--pack", "study.zip"]).contains("ends in .jsonl.zst, got study.zip"));
}

#[test]
fn a_models_spikes_for_a_text_are_drawn() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let short = ["train", "--set", "dnn.epochs=2", "--set", "fine-tuning.epochs=1", "--seed", "1", "--out", "m"];
    let output = run(folder, &short);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    made_up::write(&folder.join("c"), &[made_up::cell("main", "lean DNN", &[], "mr", 1, Method::Dnn)]);
    let report = ["report", "--cells", "c", "--out", "my page.md", "--model", "m", "--text"];
    succeeds(folder, &[&report[..], &["a <warm> & funny film"]].concat());
    let page = fs::read_to_string(folder.join("my page.md")).unwrap();
    assert!(page.contains("“a &lt;warm&gt; &amp; funny film”") && page.contains("](my%20page/figures/raster.svg)"));
    let svg = fs::read_to_string(folder.join("my page/figures/raster.svg")).unwrap();
    for part in [">\nwarm\n", ">\nfunny\n", "current into the outputs", "<polyline"] {
        assert!(svg.contains(part), "{part}");
    }
    let error = fails(folder, &[&report[..], &["qqqq zzzz"]].concat());
    assert!(error.contains("a word that the model knows"), "{error}");
    assert!(
        run(folder, &["report", "--cells", "c", "--model", "m"]).status.code() == Some(2),
        "a model needs a text"
    );
}
