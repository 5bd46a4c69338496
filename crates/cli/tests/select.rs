//! Choosing by cross-validation: each text that may choose is held back once, test texts have no say, and a run that was
//! cut short goes on.

mod common;

use std::{collections::BTreeMap, fs, path::Path, process::Command};

use common::{everything, fails, run, succeeds, text};
use serde_json::Value;

/// Two lengths of training and the floor, on a file whose parts are named.
const GRID: &str = r#"
datasets = ["mine"]
[datasets-of.mine]
file = "mine.csv"
[[row]]
table = "length"
name = "lean DNN"
method = "dnn"
recipe = "lean"
axis = { "dnn.epochs" = [1, 4] }
[[row]]
table = "length"
name = "bag of words"
method = "bag-of-words"
"#;

/// Texts of two classes: words of praise and of blame among names. `secret` goes into the test texts.
fn table(folder: &Path, secret: &str) {
    let mut rows = "label,split,text\n".to_owned();
    for i in 0..240 {
        let (label, words) = match i % 2 {
            0 => ("good", ["lovely", "superb", "pleasant"]),
            _ => ("bad", ["awful", "boring", "poor"]),
        };
        let part = ["train", "train", "train", "dev"][i / 2 % 4];
        rows.push_str(&format!("{label},{part},the {} room number {i}\n", words[i / 2 % 3]));
    }
    for i in 0..40 {
        rows.push_str(&format!("{},test,{secret} {i}\n", ["good", "bad"][i % 2]));
    }
    fs::write(folder.join("mine.csv"), rows).unwrap();
    fs::write(folder.join("grid.toml"), GRID).unwrap();
}

const SELECT: [&str; 6] = ["select", "grid.toml", "--folds", "3", "--out", "chosen"];

fn selection(folder: &Path) -> Value {
    serde_json::from_slice(&fs::read(folder.join("chosen/selection.json")).unwrap()).unwrap()
}

#[test]
fn rows_are_chosen_among_on_texts_that_were_held_back() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    table(folder, "a lovely room");
    let told = succeeds(folder, &SELECT);
    let found = selection(folder);
    assert_eq!((&found["folds"], &found["datasets"]["mine"]), (&3.into(), &240.into()), "no test text is among them");
    let candidates = found["tables"][0]["candidates"].as_array().unwrap();
    assert_eq!(candidates.len(), 3);
    let accuracies: Vec<f64> = candidates.iter().map(|one| one["accuracy"].as_f64().unwrap()).collect();
    assert!(accuracies.windows(2).all(|two| two[0] >= two[1]), "{accuracies:?}");
    assert!(candidates[0]["difference"].is_null() && candidates[1]["difference"]["verdict"].is_string());
    for part in ["lean DNN (dnn.epochs=4)", "bag of words", "chosen", "no text of the test parts took part"] {
        assert!(told.contains(part), "{part}: {told}");
    }
    // Each of the 240 texts is held back by one fold, and with the class that it has.
    let mut held: BTreeMap<String, usize> = BTreeMap::new();
    for (name, bytes) in everything(&folder.join("chosen/cells")) {
        let cell: Value = serde_json::from_slice(&bytes).unwrap();
        let key = name.split("--mine").next().unwrap().to_owned();
        *held.entry(key).or_default() += cell["measured"]["texts"][2].as_u64().unwrap() as usize;
    }
    assert_eq!(held.into_values().collect::<Vec<_>>(), [240; 3]);

    // Cells that are there are not made again, and other test texts change nothing at all.
    let first = fs::read(folder.join("chosen/selection.json")).unwrap();
    let cells = everything(&folder.join("chosen/cells"));
    let again = run(folder, &SELECT);
    assert!(!text(&again.stderr).contains("held back"), "nothing ran: {}", text(&again.stderr));
    fs::remove_dir_all(folder.join("chosen")).unwrap();
    table(folder, "nobody has seen this");
    succeeds(folder, &SELECT);
    assert!(fs::read(folder.join("chosen/selection.json")).unwrap() == first);
    let answers = |cells: &BTreeMap<String, Vec<u8>>| -> Vec<Value> {
        let measured = |bytes: &Vec<u8>| serde_json::from_slice::<Value>(bytes).unwrap()["measured"].clone();
        cells.values().map(measured).collect()
    };
    assert_eq!(answers(&everything(&folder.join("chosen/cells"))), answers(&cells));
}

#[test]
fn what_cannot_be_chosen_is_refused_and_what_is_not_whole_is_no_choice() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    table(folder, "x");
    let error = fails(folder, &["select", "grid.toml", "--folds", "1"]);
    assert!(error.contains("2 to 100 folds, got 1"), "{error}");
    let error = fails(folder, &["select", "none.toml"]);
    assert!(error.contains("none.toml"), "{error}");
    fs::write(folder.join("attack.toml"), GRID.replace("axis = {", "attack = { texts = 5 }\naxis = {")).unwrap();
    let error = fails(folder, &["select", "attack.toml"]);
    assert!(error.contains("without an attack") && error.contains("'lean DNN'"), "{error}");
    assert!(!folder.join("selection").exists());
    let output = run(folder, &[&SELECT[..], &["--hours", "0"]].concat());
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("9 missing: nothing is chosen"), "{}", text(&output.stderr));
    assert!(!folder.join("chosen/selection.json").exists());
    // A part: one fold, and of it one row; another fold is none of the grid's.
    succeeds(folder, &[&SELECT[..], &["--only", "row=bag of words,fold=2"]].concat());
    assert_eq!(fs::read_dir(folder.join("chosen/cells")).unwrap().count(), 1);
    let error = fails(folder, &[&SELECT[..], &["--only", "fold=4"]].concat());
    assert!(error.contains("--only: no cell of the grid is 'fold=4'"), "{error}");
    // What was held back is no test text: such cells are none for a report.
    succeeds(folder, &[&SELECT[..], &["--only", "row=bag of words"]].concat());
    let error = fails(folder, &["report", "--cells", "chosen/cells", "--out", "page.md"]);
    assert!(error.contains("one of cross-validation"), "{error}");
}

/// A grid whose rivals differ in width and numbers; on a file without parts, tested in two splits.
const RIVALS: &str = r#"
datasets = ["mine"]
splits = 2
[datasets-of.mine]
file = "mine.csv"
lean = ["dnn.epochs=4"]
[[row]]
table = "main"
name = "TF-IDF"
method = "bag-of-words"
set = ["weighting=tf-idf"]
seeds = 2
[[row]]
table = "main"
name = "fastText"
method = "fast-text"
set = ["dimension=10", "epochs=[5]", "learning-rates=[0.5]", "buckets=1000"]
seeds = 2
[[row]]
table = "main"
name = "lean DNN"
method = "dnn"
recipe = "lean"
seeds = 2
[[row]]
table = "front"
name = "lean DNN"
method = "dnn"
recipe = "lean"
axis = { "network.filters" = [2, 4] }
seeds = 2
SELECTED
[[row]]
table = "front"
name = "lean DNN in 8 bits"
method = "dnn-int8"
recipe = "lean"
axis = { "network.filters" = [4] }
seeds = 2
SELECTED
[[row]]
table = "front"
name = "lean DNN on T + 1 levels"
method = "dnn-levels"
recipe = "lean"
axis = { "network.filters" = [4], "network.steps" = [2] }
seeds = 2
SELECTED
[[row]]
table = "front"
name = "lean SNN"
method = "converted"
recipe = "lean"
axis = { "network.filters" = [4], "network.steps" = [2] }
seeds = 2
SELECTED
GOALS
"#;

/// Commits the choice to a repository of its own, with `git`; nothing where there is no such program.
fn committed(folder: &Path) -> Option<String> {
    let git = |arguments: &[&str]| {
        let mut command = Command::new("git");
        command.arg("-C").arg(folder).args([
            "-c",
            "user.name=a",
            "-c",
            "user.email=a@b.c",
            "-c",
            "commit.gpgsign=false",
        ]);
        let output = command.args(arguments).output().ok()?;
        assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
        Some(text(&output.stdout).trim().to_owned())
    };
    git(&["init", "--quiet"])?;
    git(&["add", "chosen/selection.json"])?;
    git(&["commit", "--quiet", "-m", "A choice"])?;
    git(&["rev-parse", "HEAD"])
}

/// From a choice to a goal that is judged, and to the front, with the program alone.
#[test]
fn a_goal_is_judged_of_what_cross_validation_chose_and_of_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    table(folder, "a lovely room");
    let parts = fs::read_to_string(folder.join("mine.csv")).unwrap();
    let plain: String = parts.replace(",train,", ",").replace(",dev,", ",").replace(",test,", ",");
    fs::write(folder.join("mine.csv"), plain.replace("label,split,text", "label,text")).unwrap();
    let grid = |selected: &str, goals: &str| RIVALS.replace("SELECTED", selected).replace("GOALS", goals);
    fs::write(folder.join("grid.toml"), grid("", "")).unwrap();
    let told = succeeds(folder, &SELECT);
    // Eight tenths of the texts are tested in no split, and chosen on.
    let found = selection(folder);
    assert_eq!(found["datasets"]["mine"], 280 - 2 * 28, "{told}");
    let front = found["tables"].as_array().unwrap().iter().find(|table| table["table"] == "front").unwrap();
    let goal = |name: &str, table: &str, candidate: &Value, at_least: f64, selection: &str| {
        let axis = candidate["axis"].as_object().unwrap();
        let axis: Vec<String> = axis.iter().map(|(key, value)| format!("\"{key}\" = {value}")).collect();
        format!(
            "[[goal]]\nname = \"{name}\"\ntable = \"{table}\"\nrow = {}\naxis = {{ {} }}\ndataset = \"mine\"\n\
             at-least = {at_least}\nselection = \"{selection}\"\n",
            candidate["row"],
            axis.join(", ")
        )
    };
    assert_eq!(found["spared-splits"]["mine"], 2);
    let (chosen, other) = (&front["candidates"][0], &front["candidates"][1]);
    let plain: Value = serde_json::json!({ "row": "TF-IDF", "axis": {} });
    let own = "chosen/selection.json";
    let goals = [
        goal("low", "front", chosen, 1.0, own),
        goal("high", "front", chosen, 100.0, own),
        goal("elsewhere", "front", chosen, 1.0, "other.json"),
        goal("unchosen", "front", other, 1.0, own),
        goal("unasked", "main", &plain, 1.0, own),
    ];
    let commit = committed(folder);
    let of_commit = commit.as_deref().unwrap_or("0123abc");
    let selected = format!("selected = {{ file = \"chosen/selection.json\", commit = \"{of_commit}\" }}");
    fs::write(folder.join("grid.toml"), grid(&selected, &goals.concat())).unwrap();
    let cells = "results/study";
    succeeds(folder, &["reproduce", "--grid", "grid.toml", "--out", cells]);
    succeeds(folder, &["report", "--cells", cells, "--out", "results.md"]);
    let page = fs::read_to_string(folder.join("results.md")).unwrap();
    let line = |name: &str| {
        let start = format!("| {name} |");
        page.lines().find(|line| line.starts_with(&start)).unwrap_or_else(|| panic!("{name}: {page}"))
    };
    if commit.is_some() {
        let of_commit = format!("| met | chosen/selection.json: chosen, commit {of_commit} |");
        assert!(line("low").contains(&of_commit), "{}", line("low"));
        assert!(line("high").contains("| missed |") || line("high").contains("| open |"), "{}", line("high"));
    } else {
        assert!(line("low").contains("not judged: no commit 0123abc with"), "{}", line("low"));
    }
    assert!(line("elsewhere").contains("not judged: the cells were chosen by"), "{}", line("elsewhere"));
    let want = if commit.is_some() { "holds the row, and chose another" } else { "no commit" };
    assert!(line("unchosen").contains(want), "{}", line("unchosen"));
    assert!(line("unasked").contains("name no cross-validation"), "{}", line("unasked"));
    // More seeds than splits would test the same texts twice.
    let told = fails(folder, &["reproduce", "--grid", "grid.toml", "--out", cells, "--seeds", "3"]);
    assert!(told.contains("at most 2 seeds"), "{told}");
    let front = fs::read_to_string(folder.join("results/tables/front.csv")).unwrap();
    for part in ["TF-IDF", "fastText", "\"lean DNN in 8 bits, filters = 4\"", "word table", "with 32-bit sums"] {
        assert!(front.contains(part), "{part}: {front}");
    }
    // Seeds were tested on different texts.
    let splits: Vec<Value> = everything(&folder.join(cells))
        .into_iter()
        .filter(|(name, _)| name.starts_with("main--lean-dnn"))
        .map(|(_, bytes)| serde_json::from_slice::<Value>(&bytes).unwrap()["settings"]["split"].clone())
        .collect();
    assert_eq!(splits, [0, 1]);
    // A choice that was edited after it was committed is none.
    let edited = fs::read_to_string(folder.join(own)).unwrap().replacen("\"folds\": 3", "\"folds\": 4", 1);
    fs::write(folder.join(own), edited).unwrap();
    succeeds(folder, &["report", "--cells", cells, "--out", "edited.md"]);
    let page = fs::read_to_string(folder.join("edited.md")).unwrap();
    let want = if commit.is_some() { "chosen/selection.json is not what commit" } else { "no commit 0123abc" };
    assert!(page.contains(want) && !page.contains("| met |"), "{page}");
    // A grid without goals leaves none of an earlier one, and one with other choices is not done.
    assert!(folder.join("results/study.goals.json").exists());
    fs::write(folder.join("grid.toml"), grid("", "").replace("dnn.epochs=4", "dnn.epochs=5")).unwrap();
    let output = run(folder, &["reproduce", "--grid", "grid.toml", "--out", cells]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("--again runs them again"), "{}", text(&output.stderr));
    assert!(!folder.join("results/study.goals.json").exists());
    let told = fails(folder, &["reproduce", "--grid", "grid.toml", "--out", cells, "--quick"]);
    assert!(told.contains("--quick: no row of the grid"), "{told}");
}
