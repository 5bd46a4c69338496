//! `spiketext reproduce` as users meet it: the real binary, an empty folder, a small grid of one's own.

mod common;

use std::fs;

use common::{events, everything, fails, succeeds};

const GRID: &str = r#"
datasets = ["mine"]
[datasets-of.mine]
file = "mine.csv"
language = "en"

[[row]]
table = "main"
name = "bag of words"
method = "bag-of-words"

[[row]]
table = "main"
name = "lean converted SNN"
method = "converted"
recipe = "lean"
set = ["dnn.epochs=2", "network.filters=8"]
axis = { "network.steps" = [2, 4] }
"#;

#[test]
fn a_study_is_taken_up_where_it_stopped_and_gives_the_same_files() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let texts: String = (0..60)
        .map(|i| {
            format!(
                "{},{}\n",
                if i % 2 == 0 { "a good film" } else { "a bad film" }.to_owned() + &" now".repeat(i),
                i % 2
            )
        })
        .collect();
    fs::write(folder.join("mine.csv"), format!("text,label\n{texts}")).unwrap();
    fs::write(folder.join("grid.toml"), GRID).unwrap();
    let run = |out: &str, more: &[&str]| {
        let mut arguments = vec!["reproduce", "--grid", "grid.toml", "--seeds", "1", "--work", "work", "--json"];
        arguments.extend(["--out", out].iter().chain(more));
        events(&succeeds(folder, &arguments))
    };
    let of = |events: &[serde_json::Value], key: &str| events.last().unwrap()["outcome"][key].as_u64().unwrap();
    let all = run("one/study", &[]);
    assert_eq!((all.len(), of(&all, "run"), of(&all, "missing")), (4, 3, 0));
    assert_eq!(of(&run("one/study", &[]), "there"), 3);
    // The same in two sittings, without what the first left to share.
    fs::remove_dir_all(folder.join("work")).unwrap();
    assert_eq!(of(&run("two/study", &["--only", "row=bag of words"]), "run"), 1);
    assert_eq!(of(&run("two/study", &[]), "run"), 2);
    let results = |place: &str| -> Vec<(String, serde_json::Value)> {
        everything(&folder.join(place))
            .into_iter()
            .filter(|(name, _)| name.ends_with("seed0.json"))
            .map(|(name, bytes)| {
                (name, serde_json::from_slice::<serde_json::Value>(&bytes).unwrap()["measured"].take())
            })
            .collect()
    };
    assert_eq!(results("one").len(), 3);
    assert_eq!(results("one"), results("two"));
    let list =
        succeeds(folder, &["reproduce", "--grid", "grid.toml", "--seeds", "1", "--out", "one/study", "--list"]);
    assert!(list.ends_with("3 of 3 cells done\n"), "{list}");
    succeeds(folder, &["report", "--cells", "one/study", "--out", "one/results.md"]);
}

#[test]
fn what_there_is_not_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    assert!(fails(folder, &["reproduce", "--only", "colour=red"]).contains("'colour=red'"));
    assert!(fails(folder, &["reproduce", "--only", "dataset=imdb"]).contains("dataset=imdb"));
    fs::write(folder.join("grid.toml"), GRID.replace("\"bag-of-words\"", "\"magic\"")).unwrap();
    let error = fails(folder, &["reproduce", "--grid", "grid.toml", "--list"]);
    assert!(error.contains("grid.toml") && error.contains("magic"), "{error}");
}
