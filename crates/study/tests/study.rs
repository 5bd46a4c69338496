//! Holds the study to its promises: a cell's result does not depend on what ran before it, a finished cell is never
//! run again, and a study that was cut off goes on to the same files.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use spiketext_study::{
    Cell, Grid, Limits, Method, Outcome, Progress, Seconds, Sources, State, WayName, archive, list, run,
};
use spiketext_train::events::{Event, Phase};

/// Every method, small, on a file of the built-in reviews.
const GRID: &str = r#"
datasets = ["tiny"]

[datasets-of.tiny]
file = "tiny.csv"
lean = [
    "network.widths=[2,3]", "network.filters=8", "words.also-first=50", "dnn.epochs=2", "dnn.learning-rate=5e-3",
    "conversion.calibration-texts=20", "fine-tuning.epochs=1", "fine-tuning.learning-rate=1e-3",
]

[[row]]
table = "main"
name = "floor"
method = "bag-of-words"
set = ["iterations=20"]

[[row]]
table = "main"
name = "fine-tuned"
method = "fine-tuned"
recipe = "lean"
axis = { "network.steps" = [2, 4] }
seeds = 2

[[row]]
table = "main"
name = "converted"
method = "converted"
recipe = "lean"
set = ["network.steps=3"]

[[row]]
table = "main"
name = "dnn"
method = "dnn"
recipe = "lean"

[[row]]
table = "main"
name = "eight bits"
method = "dnn-int8"
recipe = "lean"

[[row]]
table = "main"
name = "four bits"
method = "dnn-int4"
recipe = "lean"

[[row]]
table = "main"
name = "levels"
method = "dnn-levels"
recipe = "lean"
axis = { "network.steps" = [1, 2, 4096] }

[[row]]
table = "main"
name = "original"
method = "original"
recipe = "lean"
set = ["dnn.epochs=1"]

[[row]]
table = "main"
name = "direct"
method = "direct"
recipe = "lean"
set = ["network.steps=2", "words.centred=false", "network.readout=spike-count"]

[[row]]
table = "main"
name = "rare words"
method = "bag-of-words"
set = ["weighting=tf-idf", "iterations=20"]

[[row]]
table = "main"
name = "vectors"
method = "fast-text"
set = ["buckets=500", "dimension=8"]

[[row]]
table = "main"
name = "random"
method = "converted"
recipe = "lean"
vectors = "random"
set = ["network.steps=2", "words.random-dimension=10"]
"#;

/// Of the built-in vectors.
const DIMENSIONS: f64 = 128.0;

struct Bench {
    folder: tempfile::TempDir,
    grid: Grid,
}

impl Bench {
    fn new(text: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let reviews = spiketext::data::load("reviews-en", None).expect("reviews");
        let mut csv = "text,label\n".to_owned();
        for example in reviews.train.iter().take(90) {
            csv += &format!(
                "\"{}\",{}\n",
                example.text.replace('"', "\"\""),
                reviews.labels[example.target.classes()[0]]
            );
        }
        std::fs::write(folder.path().join("tiny.csv"), csv).expect("written");
        let grid = Grid::parse(text, &folder.path().join("grid.toml")).expect("a grid");
        Self { folder, grid }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs the grid into the folder `out`; the outcome and the cells that were begun.
    fn run(&self, out: &str, work: Option<&str>, limits: &Limits) -> (Outcome, Vec<String>) {
        let work = work.map(|work| self.path(work));
        let sources = Sources { work, program: "abc".to_owned(), ..Sources::default() };
        let mut begun = Vec::new();
        let outcome = run(&self.grid, |_| true, &sources, &self.path(out), limits, &mut |told| match told {
            Progress::Begun { cell, .. } => begun.push(cell.id()),
            Progress::Failed { cell, message } => panic!("{}: {message}", cell.id()),
            _ => {}
        });
        (outcome.expect("a run"), begun)
    }
}

/// The cells of a folder without their times.
fn cells(folder: &Path) -> BTreeMap<String, Cell> {
    let timeless = |cell: Cell| (cell.id(), Cell { seconds: Seconds::default(), ..cell });
    let files = Cell::files(folder).expect("a folder");
    files.iter().map(|file| timeless(Cell::read(file).expect("a cell"))).collect()
}

#[test]
fn a_cell_is_the_same_alone_resumed_and_with_kept_dnns() {
    let bench = Bench::new(GRID);
    let all = bench.grid.cells.len();
    let (outcome, begun) = bench.run("whole", Some("work"), &Limits::default());
    assert_eq!((outcome.run, outcome.missing, outcome.failed, begun.len()), (all, 0, 0, all));
    let whole = cells(&bench.path("whole"));
    assert_eq!(whole.len(), all);
    assert!(whole.values().all(|cell| cell.commit == "abc"));

    // Cut off after every second cell, without kept DNNs at all: each trains its own.
    let limits = Limits { cells: Some(2), ..Limits::default() };
    let mut runs = 0;
    while bench.run("parts", None, &limits).0.missing > 0 {
        runs += 1;
    }
    assert_eq!(runs, all.div_ceil(2) - 1);
    assert_eq!(cells(&bench.path("parts")), whole);

    // DNNs that an earlier run kept: two seeds of the lean one, and the random vectors' own.
    let files = || std::fs::read_dir(bench.path("work")).expect("a folder").map(|entry| entry.expect("entry").path());
    assert_eq!(files().count(), 3);
    bench.run("kept", Some("work"), &Limits::default());
    assert_eq!((cells(&bench.path("kept")), files().count()), (whole.clone(), 3));

    // A kept DNN that was damaged is made anew.
    files().for_each(|path| std::fs::write(path, "broken").expect("written"));
    bench.run("mended", Some("work"), &Limits::default());
    assert_eq!(cells(&bench.path("mended")), whole);

    for cell in whole.values() {
        sound(cell);
    }
    let phases = |name: &str| whole[name].measured.epochs.keys().map(String::as_str).collect::<Vec<_>>();
    assert_eq!(phases("main--fine-tuned--steps=4--tiny--seed1"), ["dnn", "fine-tuning"]);
    assert_eq!(phases("main--direct--tiny--seed0"), ["direct"]);
}

/// The parts of a cell agree with each other.
fn sound(cell: &Cell) {
    let measured = &cell.measured;
    let right: u64 = (0..2).map(|class| measured.confusion[class][class]).sum();
    let texts: u64 = measured.confusion.iter().flatten().sum();
    assert_eq!(texts as usize, measured.texts[2]);
    assert_eq!(measured.test_accuracy, 100.0 * right as f64 / texts as f64, "{}", cell.id());
    assert_eq!(measured.firing.is_some(), cell.method.spikes());
    let costs = measured.costs.as_ref().expect("costs");
    if matches!(cell.method, Method::BagOfWords | Method::FastText) {
        // Rows that are added up, and no DNN of that shape.
        assert!(costs.effective_acs > 0.0 && costs.footprint > 0 && costs.dnn_macs == 0.0, "{costs:?}");
        assert_eq!(costs.effective_macs > 0.0, cell.family.recipe != "bag-of-words");
        assert_eq!(costs.dense, costs.effective_macs + costs.effective_acs);
        assert!(costs.energy.iter().all(|energy| energy.network > 0.0 && energy.dnn == energy.network));
        return;
    }
    assert!(costs.dnn_macs > 0.0 && costs.energy[0].dnn > 0.0 && costs.footprint > 0, "{costs:?}");
    assert_eq!(costs.effective_acs > 0.0, cell.method.spikes() || cell.method == Method::DnnLevels);
    for (way, energy) in costs.ways.iter().flat_map(|way| way.energy.iter().zip(&costs.energy).map(move |e| (way, e)))
    {
        assert_eq!(energy.0.table, energy.1.table);
        // Memory may take more: a table of words is large.
        let fewer = energy.0.microjoules < energy.1.network || !energy.0.table.starts_with("45 nm");
        assert!(fewer, "{:?} of {}", way.way, cell.id());
    }
    assert_eq!(costs.effective_macs > 0.0, !cell.method.spikes());
    assert!((0.0..=1.0).contains(&costs.activation_sparsity), "{costs:?}");
    if let Some(firing) = &measured.firing {
        assert_eq!(firing.convolution_histogram.iter().sum::<u64>(), 16);
        // Beside the DNN's inputs, presence currents and padding.
        assert!(costs.dense >= firing.steps as f64 * costs.dnn_macs, "{costs:?}");
        assert!(costs.effective_acs <= costs.dense, "{costs:?}");
    }
}

#[test]
fn a_finished_cell_is_left_alone_unless_its_choices_changed() {
    let small = &GRID[..GRID.find("[[row]]\ntable = \"main\"\nname = \"fine-tuned\"").expect("the second row")];
    let mut bench = Bench::new(small);
    assert_eq!(bench.run("out", None, &Limits::default()).0.run, 1);
    let path = bench.path("out/main--floor--tiny--seed0.json");
    let before = std::fs::read(&path).expect("a cell");
    let (outcome, begun) = bench.run("out", None, &Limits::default());
    assert_eq!((outcome.run, outcome.there, begun.len()), (0, 1, 0));
    assert_eq!(std::fs::read(&path).expect("a cell"), before);

    // In an archive beside the folder it is finished too.
    let archived = bench.path("archived");
    let packed: Vec<Cell> =
        archive::all(&bench.path("out")).expect("cells").into_iter().map(|(_, cell)| cell).collect();
    archive::write(&archive::beside(&archived), &packed).expect("written");
    assert_eq!(bench.run("archived", None, &Limits::default()).0.there, 1);
    assert_eq!(list(&bench.grid, &Sources::default(), &archived).expect("states"), [State::Done]);

    bench.grid =
        Grid::parse(&small.replace("iterations=20", "iterations=21"), &bench.path("grid.toml")).expect("a grid");
    let state = |bench: &Bench| {
        list(&bench.grid, &Sources::default(), &bench.path("out")).expect("states").pop().expect("a state")
    };
    let State::Otherwise(message) = state(&bench) else { panic!("{:?}", state(&bench)) };
    assert!(message.contains("iterations = 20"), "{message}");
    let (outcome, _) = bench.run("out", None, &Limits::default());
    assert_eq!((outcome.run, outcome.otherwise), (0, 1));
    assert_eq!(std::fs::read(&path).expect("a cell"), before);
    assert_eq!(bench.run("out", None, &Limits { again: true, ..Limits::default() }).0.run, 1);
    assert_eq!(state(&bench), State::Done);
    let never = Limits { time: Some(std::time::Duration::ZERO), ..Limits::default() };
    assert_eq!(bench.run("late", None, &never).0, Outcome { missing: 1, ..Outcome::default() });
}

/// Networks that are measured as they are and attacked too.
const ATTACKED: &str = r#"
[[row]]
table = "robustness"
name = "fine-tuned"
method = "fine-tuned"
recipe = "lean"
set = ["network.steps=4"]
attack = { texts = 4 }
axis = { "attack.name" = ["random", "deepwordbug"] }

[[row]]
table = "robustness"
name = "original"
method = "original"
recipe = "lean"
set = ["dnn.epochs=1"]
attack = { texts = 4 }
axis = { "attack.name" = ["random", "deepwordbug"] }

[[row]]
table = "robustness"
name = "direct"
method = "direct"
recipe = "lean"
set = ["network.steps=2", "words.centred=false", "network.readout=spike-count"]
attack = { name = "random", texts = 4 }
"#;

#[test]
fn a_network_that_is_attacked_too_is_trained_once_and_measured_as_ever() {
    let (plain, bench) = (Bench::new(GRID), Bench::new(&format!("{GRID}{ATTACKED}")));
    plain.run("alone", None, &Limits::default());
    let sources = Sources { work: Some(bench.path("work")), program: "abc".to_owned(), ..Sources::default() };
    let (mut begun, mut epochs) = (String::new(), Vec::new());
    let limits = Limits::default();
    let outcome = run(&bench.grid, |_| true, &sources, &bench.path("together"), &limits, &mut |told| match told {
        Progress::Begun { cell, .. } => begun = cell.id(),
        Progress::Failed { cell, message } => panic!("{}: {message}", cell.id()),
        Progress::Training(Event::Epoch { phase: Phase::FineTuning | Phase::Direct, .. }) => {
            epochs.push(begun.clone())
        }
        _ => {}
    });
    assert_eq!(outcome.expect("a run").missing, 0);
    // The attacks found their networks trained.
    assert!(epochs.iter().any(|id| id.starts_with("main--fine-tuned")), "{epochs:?}");
    assert_eq!(epochs.iter().filter(|id| id.starts_with("robustness")).count(), 0, "{epochs:?}");
    let together = cells(&bench.path("together"));
    for (id, cell) in cells(&plain.path("alone")) {
        assert_eq!(together[&id], cell);
    }
    assert_eq!(together.values().filter(|cell| cell.measured.attack.is_some()).count(), 5);
    // Of two networks of the plain rows the model is kept, and one that reads words for the original TextCNN.
    let kept =
        std::fs::read_dir(bench.path("work")).expect("a folder").map(|entry| entry.expect("entry").file_name());
    assert_eq!(kept.filter(|name| name.to_string_lossy().starts_with("model-")).count(), 3);
}

/// Of inputs with as many levels as a spiking network has in T steps, each bit is an addition; of many levels the answers
/// are those of the network itself. The same network spikes, and adds up the products of its words, by hand.
#[test]
fn levels_tables_and_signed_codes_are_counted_from_the_words() {
    let bench = Bench::new(GRID);
    bench.run("out", None, &Limits::default());
    let cells = cells(&bench.path("out"));
    let cell = |id: &str| &cells[&format!("main--{id}--tiny--seed0")];
    let (real, most) = (cell("dnn"), cell("levels--steps=4096"));
    let answers = |cell: &Cell| cell.measured.answers.clone().expect("answers");
    assert_eq!(answers(real).labels, answers(most).labels);
    // What is measured and not priced.
    let timed = |id: &str| {
        let path = bench.path("out").join(format!("main--{id}--tiny--seed0.json"));
        Cell::read(&path).expect("a cell").seconds.nanoseconds_a_text.is_some_and(|nanoseconds| nanoseconds > 0.0)
    };
    assert_eq!(
        ["dnn", "original", "converted", "eight-bits", "levels--steps=1"].map(timed),
        [true, true, true, false, false]
    );
    let costs = |cell: &Cell| cell.measured.costs.clone().expect("costs");
    // Of 16 features into two classes.
    let later = 32.0;
    let (one, two) = (costs(cell("levels--steps=1")), costs(cell("levels--steps=2")));
    let (real, most) = (costs(real), costs(most));
    // A first layer of D multiplications for each number of a table of words; what comes later stays.
    let [table] = &real.ways[..] else { panic!("one way") };
    let products = table.effective_acs;
    let dimensions = (real.effective_macs - table.effective_macs) / products;
    assert_eq!(dimensions.round(), DIMENSIONS, "{dimensions}");
    assert!(table.effective_macs <= later && (one.effective_macs - table.effective_macs).abs() < 1e-9);
    // Two levels: half the bits and a constant; three: a bit, but for the middle; more levels, more bits.
    assert!((one.effective_acs / products - 1.0) < DIMENSIONS && one.effective_acs > DIMENSIONS / 4.0 * products);
    assert!(two.effective_acs < DIMENSIONS * products && two.effective_acs < most.effective_acs);
    // The spiking networks: T numbers of a table for one, and a signed code of half the spikes or fewer.
    for steps in [2.0, 4.0] {
        let spiking = costs(cell(&format!("fine-tuned--steps={steps}")));
        let [table, signed] = &spiking.ways[..] else { panic!("two ways") };
        let later = table.effective_acs - steps * products;
        assert!((0.0..100.0).contains(&later), "{later}");
        assert!(signed.effective_acs < 0.7 * spiking.effective_acs, "{signed:?}");
        assert!(table.footprint > real.ways[0].footprint);
    }
}

/// Data sets without an official split are tested in another part for each seed, and chosen on in no such part.
#[test]
fn seeds_test_other_texts_and_cross_validation_none_of_them() {
    let rows = "[[row]]\ntable = \"main\"\nname = \"floor\"\nmethod = \"bag-of-words\"\nset = [\"iterations=20\"]\nseeds = 3\n\
                selected = { file = \"docs/a.json\", commit = \"abc\" }\n\
                [[goal]]\nname = \"at least\"\ntable = \"main\"\nrow = \"floor\"\ndataset = \"tiny\"\nat-least = 70.0\n\
                selection = \"docs/a.json\"\n";
    let bench = Bench::new(&format!("splits = 2\n{}{rows}", &GRID[..GRID.find("[[row]]").expect("rows")]));
    bench.run("out", None, &Limits::default());
    let found = cells(&bench.path("out"));
    let of = |seed: u64| &found[&format!("main--floor--tiny--seed{seed}")];
    let splits: Vec<Option<u64>> = (0..3).map(|seed| of(seed).settings.split).collect();
    assert_eq!(splits, [Some(0), Some(1), Some(0)]);
    let targets = |seed: u64| of(seed).measured.answers.clone().expect("answers");
    assert!(targets(0) == targets(2) && targets(0) != targets(1));
    assert_eq!(of(1).selected.as_ref().map(|selected| selected.commit.as_str()), Some("abc"));
    spiketext_study::write_expected(&bench.grid, &bench.path("out")).expect("written");
    let goals = std::fs::read_to_string(bench.path("out.goals.json")).expect("goals");
    assert!(goals.contains("\"at-least\": 70.0"), "{goals}");

    let folds = Bench { grid: bench.grid.clone().in_folds(2).expect("folds"), ..bench };
    folds.run("folds", None, &Limits::default());
    let held: Vec<Cell> = cells(&folds.path("folds")).into_values().filter(|cell| cell.seed == 0).collect();
    assert!(held.iter().all(|cell| cell.settings.spared_splits == Some(2) && cell.settings.split.is_none()));
    let all: usize = of(0).measured.texts.iter().sum();
    let chosen_on: usize = held.iter().map(|cell| cell.measured.texts[2]).sum();
    let tested: usize = (0..2).map(|seed| of(seed).measured.texts[2]).sum();
    assert_eq!(chosen_on + tested, all);
}

/// The DNN of two cells is one, trained once; in whole numbers it answers nearly the same, and costs as many operations of
/// another price.
#[test]
fn a_quantised_dnn_is_the_same_network_at_another_price() {
    let bench = Bench::new(GRID);
    bench.run("out", None, &Limits::default());
    let cell = |row: &str| {
        let grid = bench.grid.cells.iter().find(|cell| cell.row == row).expect("a row");
        Cell::read(&bench.path("out").join(format!("{}.json", grid.id()))).expect("its cell")
    };
    let [real, eight, four] = ["dnn", "eight bits", "four bits"].map(cell);
    let costs = |cell: &Cell| cell.measured.costs.clone().expect("costs");
    let probabilities = |cell: &Cell| cell.measured.answers.clone().expect("answers").probabilities;
    let apart = |cell: &Cell| {
        let pairs = probabilities(cell).into_iter().zip(probabilities(&real));
        pairs.map(|(own, other)| own.abs_diff(other)).max().expect("texts")
    };
    assert!(apart(&eight) <= 20 && apart(&eight) <= apart(&four), "{} {}", apart(&eight), apart(&four));
    for cell in [&eight, &four] {
        assert_eq!(costs(cell).effective_macs, costs(&real).effective_macs);
        let energy = |table: &str| {
            let found = costs(cell).energy.into_iter().find(|energy| energy.table.starts_with(table));
            found.expect("a table")
        };
        let macs = costs(cell).effective_macs * 1e-6;
        // Whole numbers have their own price where the table's numbers are larger; devices know no numbers.
        for (table, price) in
            [("45 nm, fp32", 0.3), ("45 nm, fp16", 0.3), ("45 nm, int8 (", 0.23), ("45 nm, int8 with", 0.3)]
        {
            assert!((energy(table).network - price * macs).abs() < 1e-9, "{table}");
        }
        assert_eq!(energy("GPU").network, energy("GPU").dnn);
        assert!((energy("45 nm, fp32").dnn - 4.6 * macs).abs() < 1e-9);
        assert!(energy("with memory").network < energy("with memory").dnn / 3.0);
        assert_eq!(cell.measured.epochs, real.measured.epochs);
    }
    // A byte, or half of one, for what takes four; biases take four as before.
    let [real, eight, four] = [&real, &eight, &four].map(|cell| costs(cell).footprint);
    let biases = 4 * (2 * 8 + 2);
    assert_eq!(4 * (eight - biases), real - biases);
    assert!(four < eight && 2 * four > eight);
}

#[test]
fn a_dnn_on_the_codes_of_a_spiking_network_adds_what_that_network_adds() {
    let bench = Bench::new(
        r#"
datasets = ["tiny"]

[datasets-of.tiny]
file = "tiny.csv"

[[row]]
table = "main"
name = "few spikes"
method = "direct"
recipe = "sparse"
set = [
    "network.widths=[2,3]", "network.filters=8", "words.also-first=50", "dnn.epochs=2", "sparse.epochs=3",
    "sparse.dimension=40", "sparse.active=6",
]

[[row]]
table = "main"
name = "on its codes"
method = "dnn-codes"
recipe = "sparse"
set = [
    "network.widths=[2,3]", "network.filters=8", "words.also-first=50", "dnn.epochs=2", "sparse.epochs=3",
    "sparse.dimension=40", "sparse.active=6",
]
"#,
    );
    bench.run("out", None, &Limits::default());
    let cells = cells(&bench.path("out"));
    let cell = |row: &str| cells.values().find(|cell| cell.row == row).expect("a row");
    let (spiking, dnn) = (cell("few spikes"), cell("on its codes"));
    let costs = |cell: &Cell| cell.measured.costs.clone().expect("costs");
    let (own, other) = (costs(spiking), costs(dnn));
    // Six additions for every word, position that sees it and filter, on both sides: what is left is behind the convolution,
    // where one adds for each spike and the other multiplies its pooled features.
    let table = own.ways.iter().find(|way| way.way == WayName::WordTable).expect("a word table");
    let later = own.effective_acs - other.effective_acs;
    assert!((5.0 * other.effective_acs / 6.0 - (own.effective_acs - table.effective_acs)).abs() < 1e-6, "{later}");
    assert!(other.effective_macs > 0.0 && other.effective_macs <= 16.0 * 2.0 && own.effective_macs == 0.0);
    let energy = |costs: &spiketext_study::CostsPerText| costs.energy[0].network;
    // Whole numbers on one side, floats on the other.
    assert!((energy(&own) - 1e-7 * own.effective_acs).abs() < 1e-12);
    assert!((energy(&other) - 1e-6 * (0.9 * other.effective_acs + 4.6 * other.effective_macs)).abs() < 1e-9);
    assert_ne!(spiking.measured.answers, dnn.measured.answers);
}
