//! `spiketext reproduce` as users meet it: the real binary, an empty folder, a small grid of one's own.

mod common;

use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::Stdio,
};

use common::{events, everything, fails, names, run, spiketext, succeeds, text};

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

/// Texts and a grid.
fn prepare(folder: &Path) {
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
}

#[test]
fn a_study_is_taken_up_where_it_stopped_and_gives_the_same_files() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    prepare(folder);
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
    // Every cell names the program that made it, wherever that was run.
    let version = succeeds(folder, &["--version"]);
    let program = version.lines().find_map(|line| line.strip_prefix("built from ")).expect("what it was built from");
    let commits: Vec<_> = everything(&folder.join("one"))
        .into_iter()
        .filter(|(name, _)| name.ends_with("seed0.json"))
        .map(|(_, bytes)| serde_json::from_slice::<serde_json::Value>(&bytes).unwrap()["commit"].take())
        .collect();
    assert!(!program.is_empty() && commits.iter().all(|commit| commit == program), "{program}: {commits:?}");
    assert_eq!(results("one"), results("two"));
    let list =
        succeeds(folder, &["reproduce", "--grid", "grid.toml", "--seeds", "1", "--out", "one/study", "--list"]);
    assert!(list.ends_with("3 of 3 cells done\n"), "{list}");
    succeeds(folder, &["report", "--cells", "one/study", "--out", "one/results.md"]);
}

#[test]
fn a_killed_study_loses_the_cell_it_was_at_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    prepare(folder);
    let one = "cell=main--lean-converted-snn--steps=4--mine--seed0";
    let list = succeeds(folder, &["reproduce", "--grid", "grid.toml", "--list", "--only", one]);
    assert!(list.ends_with("0 of 1 cells done\n"), "{list}");
    let arguments =
        ["reproduce", "--grid", "grid.toml", "--seeds", "3", "--out", "study", "--work", "work", "--json"];
    let mut child = spiketext(folder, &arguments).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut told = BufReader::new(child.stdout.take().unwrap());
    let mut first = String::new();
    told.read_line(&mut first).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    let first: serde_json::Value = serde_json::from_str(&first).unwrap();
    let path = folder.join(format!("study/{}.json", first["id"].as_str().unwrap()));
    let before = fs::read(&path).expect("the cell that was told of");
    // Whatever the moment, the folder holds whole cells, and the rest is made up for.
    let left = names(&folder.join("study")).iter().filter(|name| name.ends_with(".json")).count();
    let told = events(&succeeds(folder, &arguments));
    let outcome = &told.last().unwrap()["outcome"];
    assert_eq!((&outcome["there"], &outcome["missing"]), (&left.into(), &0.into()));
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn other_choices_leave_a_cell_as_it_is_until_again() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    prepare(folder);
    let only = ["reproduce", "--grid", "grid.toml", "--out", "study", "--only", "row=bag of words", "--json"];
    let ends = |more: &[&str], status: i32| {
        let output = run(folder, &[&only, more].concat());
        assert_eq!(output.status.code(), Some(status), "{}", text(&output.stderr));
        events(text(&output.stdout)).last().unwrap()["outcome"].clone()
    };
    let outcome = |more: &[&str]| ends(more, 0);
    assert_eq!(outcome(&[])["run"], 1);
    let changed = GRID.replace("method = \"bag-of-words\"", "method = \"bag-of-words\"\nset = [\"iterations=7\"]");
    fs::write(folder.join("grid.toml"), changed).unwrap();
    let list = succeeds(folder, &["reproduce", "--grid", "grid.toml", "--out", "study", "--list", "--json"]);
    assert!(events(&list)[0]["state"].as_str().unwrap().contains("iterations"), "{list}");
    // Who asked for these choices does not have them.
    assert_eq!((&ends(&[], 1)["run"], &ends(&[], 1)["otherwise"]), (&0.into(), &1.into()));
    assert_eq!(outcome(&["--again"])["run"], 1);
    assert_eq!(outcome(&[])["there"], 1);
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
