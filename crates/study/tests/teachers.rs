//! Rows that learn from a teacher: its files are found by data set and labels, what it taught is kept in the cell, and no
//! other row hears of it.

use std::{collections::BTreeMap, fs, path::Path};

use spiketext::data::text_hash;
use spiketext_study::{Cell, CellContext, Grid, Limits, Outcome, Progress, Sources, Texts, run};

const GRID: &str = r#"
datasets = ["tiny"]

[datasets-of.tiny]
file = "tiny.csv"
lean = ["network.widths=[2]", "network.filters=4", "words.also-first=50", "dnn.epochs=2", "fine-tuning.epochs=0"]

[[row]]
table = "taught"
name = "alone"
method = "dnn"
recipe = "lean"

[[row]]
table = "taught"
name = "student"
method = "dnn"
recipe = "lean"
teacher = "wise"

[[row]]
table = "taught"
name = "wise"
method = "teacher"
teacher = "wise"

[[row]]
table = "few-labels"
name = "student"
method = "converted"
recipe = "lean"
teacher = "wise"
axis = { labelled = [20] }

[[row]]
table = "few-labels"
name = "alone"
method = "converted"
recipe = "lean"
axis = { labelled = [20] }
"#;

/// The grid's data, and answers of a teacher to these texts: those of the class it names are all positive.
struct Bench {
    folder: tempfile::TempDir,
    grid: Grid,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let reviews = spiketext::data::load("reviews-en", None).expect("reviews");
        let row = |example: &spiketext::data::Example| {
            let label = &reviews.labels[example.target.classes()[0]];
            format!("\"{}\",{label}\n", example.text.replace('"', "\"\""))
        };
        let csv: String = reviews.train.iter().take(200).map(row).collect();
        fs::write(folder.path().join("tiny.csv"), format!("text,label\n{csv}")).expect("written");
        let grid = Grid::parse(GRID, &folder.path().join("grid.toml")).expect("a grid");
        let bench = Self { folder, grid };
        let sources = bench.sources(false);
        let mut context = CellContext::new(&sources, &bench.grid.datasets);
        let whole = context.dataset("tiny", Texts::default()).expect("texts");
        let train: Vec<&str> = whole.train.iter().map(|example| example.text.as_str()).collect();
        let test: Vec<&str> = whole.test.iter().map(|example| example.text.as_str()).collect();
        let more = ["a text that nobody has labelled, about a room", "one more of them, about a train"];
        // Test texts are among what is offered for training, and refused there.
        bench.write("wise/tiny.jsonl", train.iter().chain(&more).chain(&test));
        bench.write("wise/tested/tiny.jsonl", test.iter());
        bench.write("wise/tiny-labelled-20.jsonl", train.iter().chain(&more));
        bench
    }

    fn write<'a>(&self, name: &str, texts: impl Iterator<Item = &'a &'a str>) {
        let path = self.folder.path().join("teachers").join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        let about = serde_json::json!({"text": null, "teacher": {"encoder": "wise", "development_accuracy": 90.0}});
        let line = |text: &&str| {
            let positive = if text_hash(text).is_multiple_of(3) { 0.75 } else { 0.25 };
            format!("{}\n", serde_json::json!({"text": text, "positive": positive, "negative": 1.0 - positive}))
        };
        fs::write(path, format!("{about}\n") + &texts.map(line).collect::<String>()).expect("written");
    }

    fn sources(&self, teachers: bool) -> Sources {
        let teachers = teachers.then(|| self.folder.path().join("teachers"));
        Sources { teachers, program: "abc".to_owned(), ..Sources::default() }
    }

    fn run(&self, out: &str, sources: &Sources) -> (Outcome, Vec<String>) {
        let mut failed = Vec::new();
        let out = self.folder.path().join(out);
        let outcome = run(&self.grid, |_| true, sources, &out, &Limits::default(), &mut |told| {
            if let Progress::Failed { cell, message } = told {
                failed.push(format!("{}: {message}", cell.id()));
            }
        });
        (outcome.expect("a run"), failed)
    }
}

fn cells(folder: &Path) -> BTreeMap<String, Cell> {
    let files = Cell::files(folder).expect("a folder");
    files.iter().map(|file| Cell::read(file).expect("a cell")).map(|cell| (cell.id(), cell)).collect()
}

#[test]
fn a_teacher_is_kept_with_what_it_taught() {
    let bench = Bench::new();
    let (outcome, failed) = bench.run("out", &bench.sources(true));
    assert_eq!((outcome.run, failed), (5, Vec::new()));
    let cells = cells(&bench.folder.path().join("out"));
    let student = &cells["taught--student--tiny--seed0"];
    assert_eq!(student.settings.teacher.as_deref(), Some("wise"));
    let taught = student.measured.teacher.as_ref().expect("who taught");
    let [train, _, test] = student.measured.texts;
    assert_eq!((taught.taught, taught.unlabelled, taught.refused), (train, 2, [test, 0]));
    assert_eq!((&taught.about["encoder"], taught.sha256.len()), (&"wise".into(), 64));
    let alone = &cells["taught--alone--tiny--seed0"];
    assert!(alone.measured.teacher.is_none() && alone.settings.teacher.is_none());
    assert_ne!(alone.measured.answers, student.measured.answers, "it has learnt something else");
    // Its own row: of what it says of the test texts.
    let wise = &cells["taught--wise--tiny--seed0"].measured;
    let found = &wise.answers.as_ref().expect("answers");
    let right = found.right().iter().filter(|right| **right).count();
    assert_eq!(wise.test_accuracy, 100.0 * right as f64 / test as f64);
    assert!(found.probabilities.iter().all(|&share| share == 750) && wise.costs.is_none());
    // Of twenty labels the others are the teacher's.
    let few = &cells["few-labels--student--labelled=20--tiny--seed0"];
    assert_eq!((few.settings.labelled, few.measured.texts[0]), (Some(20), 20));
    let taught = few.measured.teacher.as_ref().expect("who taught");
    assert_eq!((taught.taught, taught.unlabelled), (20, train - 20 + 2));
    assert_eq!(cells["few-labels--alone--labelled=20--tiny--seed0"].measured.texts[0], 20);
}

#[test]
fn answers_that_changed_make_other_cells_of_those_that_heard_them() {
    let bench = Bench::new();
    let (outcome, failed) = bench.run("out", &bench.sources(true));
    assert_eq!((outcome.run, failed), (5, Vec::new()));
    let (outcome, _) = bench.run("out", &bench.sources(true));
    assert_eq!((outcome.run, outcome.there, outcome.otherwise), (0, 5, 0));
    let changed = bench.folder.path().join("teachers/wise/tiny.jsonl");
    let content = fs::read_to_string(&changed).expect("answers");
    fs::write(&changed, content.replace("0.75", "0.7").replace("0.25", "0.3")).expect("written");
    let (outcome, _) = bench.run("out", &bench.sources(true));
    assert_eq!((outcome.run, outcome.there, outcome.otherwise), (0, 4, 1), "of the row whose file it is");
    let states = spiketext_study::list(&bench.grid, &bench.sources(true), &bench.folder.path().join("out"));
    let told = format!("{:?}", states.expect("states"));
    assert!(told.contains("other choices: answers = "), "{told}");
    // Without the folder nobody can tell, and what is there stays.
    let (outcome, failed) = bench.run("out", &bench.sources(false));
    assert_eq!((outcome.there, outcome.otherwise, failed), (5, 0, Vec::new()));
    // A cell from before answers were digested is as good as it was.
    let path = bench.folder.path().join("out/taught--student--tiny--seed0.json");
    let mut cell: serde_json::Value = serde_json::from_slice(&fs::read(&path).expect("a cell")).expect("JSON");
    let settings = cell["settings"].as_object_mut().expect("settings");
    assert!(
        settings.remove("answers").is_some_and(|digest| digest.as_str().is_some_and(|digits| digits.len() == 16))
    );
    fs::write(&path, cell.to_string()).expect("written");
    let (outcome, _) = bench.run("out", &bench.sources(true));
    assert_eq!((outcome.run, outcome.there, outcome.otherwise), (0, 5, 0));
}

#[test]
fn a_row_without_its_teacher_fails_by_name_and_the_others_are_made() {
    let bench = Bench::new();
    let (outcome, failed) = bench.run("none", &bench.sources(false));
    assert_eq!((outcome.run, outcome.failed), (2, 3));
    assert!(failed.iter().all(|told| told.contains("the folder of the teacher 'wise' (--teachers)")), "{failed:?}");
    fs::remove_file(bench.folder.path().join("teachers/wise/tiny-labelled-20.jsonl")).expect("removed");
    let (outcome, failed) = bench.run("some", &bench.sources(true));
    assert_eq!((outcome.run, outcome.failed), (4, 1));
    assert!(failed[0].contains("tiny-labelled-20.jsonl") && failed[0].contains("got none"), "{failed:?}");
}
