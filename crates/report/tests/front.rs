//! Who is ahead in energy: made-up networks whose order is known.

#[allow(dead_code)]
mod made_up;

use std::{collections::BTreeMap, fs};

use spiketext_report::{Git, Request, write};
use spiketext_study::{Cell, Method, Priced, TestAnswers, Way, WayName};

const SETS: [&str; 6] = ["mr", "sst2", "subj", "sst5", "chnsenti", "waimai"];
const TABLE: &str = made_up::TABLE;
const TEXTS: usize = 500;

/// A network on every set, so many of whose texts are right (the first ones), for so many microjoules.
fn network(row: &str, axis: &[(&str, &str)], method: Method, right: usize, microjoules: f64) -> Vec<Cell> {
    let mut cells = Vec::new();
    for dataset in SETS {
        for seed in 0..2 {
            let mut cell = made_up::cell("front", row, axis, dataset, seed, method);
            let classes = cell.measured.labels.len() as u16;
            let labels = (0..TEXTS).map(|text| u16::from(text >= right) % classes).collect();
            cell.measured.texts[2] = TEXTS;
            cell.measured.test_accuracy = 100.0 * right as f64 / TEXTS as f64;
            cell.measured.answers =
                Some(TestAnswers { targets: vec![0; TEXTS], labels, probabilities: vec![900; TEXTS] });
            let costs = cell.measured.costs.as_mut().expect("costs");
            costs.ways.clear();
            costs.energy.truncate(1);
            costs.energy[0].network = microjoules;
            cells.push(cell);
        }
    }
    cells
}

/// The same with a word table, at so many microjoules.
fn with_way(mut cells: Vec<Cell>, way: WayName, microjoules: f64) -> Vec<Cell> {
    for cell in &mut cells {
        let energy = vec![Priced { table: TABLE.into(), microjoules }];
        let way = Way { way, effective_macs: 0.0, effective_acs: 9.0, footprint: Some(77), energy };
        cell.measured.costs.as_mut().expect("costs").ways.push(way);
    }
    cells
}

fn page(cells: &[Cell]) -> (String, BTreeMap<String, String>) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    made_up::write(&folder.path().join("results/study"), cells);
    let out = folder.path().join("results.md");
    let request = Request { cells: folder.path().join("results/study"), out: out.clone() };
    let written = write(&request, &Git::around(folder.path()), None);
    let written = written.expect("a report");
    let beside = written.figures.iter().chain(&written.tables).map(|path| {
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        (name, fs::read_to_string(path).expect("a file"))
    });
    let beside = beside.collect();
    (fs::read_to_string(out).expect("a page"), beside)
}

/// The records of a table beside the page whose columns have these values.
fn records(csv: &str, wanted: &[(&str, &str)]) -> Vec<BTreeMap<String, String>> {
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let records = reader.deserialize().map(|record| record.expect("a record"));
    let fits = |record: &BTreeMap<String, String>| wanted.iter().all(|(column, value)| record[*column] == *value);
    records.filter(fits).collect()
}

fn flat(page: &str) -> String {
    page.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A reference of 90 %, narrower and quantised rivals, and spiking networks.
fn rivals() -> Vec<Cell> {
    let width = |filters| ("network.filters", filters);
    let steps = |count| ("network.steps", count);
    let reference = network("lean DNN", &[width("100")], Method::Dnn, 450, 20.0);
    [
        with_way(reference, WayName::WordTable, 0.5),
        network("lean DNN", &[width("10")], Method::Dnn, 449, 2.0),
        // One text below what equal accuracy asks for.
        network("lean DNN", &[width("2")], Method::Dnn, 446, 0.1),
        network("lean DNN in 8 bits", &[width("10")], Method::DnnInt8, 440, 0.2),
        network("lean SNN", &[width("100"), steps("8")], Method::FineTuned, 451, 16.0),
        with_way(
            network("lean SNN", &[width("10"), steps("8")], Method::FineTuned, 449, 1.6),
            WayName::SignedCode,
            0.8,
        ),
        network("lean SNN", &[width("10"), steps("4")], Method::FineTuned, 400, 0.4),
    ]
    .concat()
}

#[test]
fn a_dnn_on_the_codes_of_a_spiking_network_stands_beside_it_alone() {
    let mut cells = rivals();
    cells.extend(network("sparse SNN", &[], Method::Direct, 449, 0.25));
    cells.extend(network("DNN on the codes of the SNN", &[], Method::DnnCodes, 450, 0.2));
    let (page, beside) = page(&cells);
    let wanted = [("word tables", "no"), ("data set", "mean"), ("cost table", TABLE)];
    let line = records(&beside["ahead.csv"], &wanted).pop().expect("a line");
    // As cheap, and not the rival: it has the code from the spiking network.
    assert_eq!([&line["SNN"], &line["rival"]], ["sparse SNN", "lean DNN, filters = 10"]);
    assert!(
        flat(&page).contains("sparse SNN less DNN on the codes of the SNN: −0.20 (−0.37 to −0.07) points, as good."),
        "{page}"
    );
    let shown = "| sparse SNN | DNN on the codes of the SNN | 0.250 | 0.200 | 1.25 |";
    assert!(page.contains(shown), "{page}");
}

#[test]
fn the_cheapest_of_both_kinds_are_compared_at_equal_accuracy() {
    let (page, beside) = page(&rivals());
    let ahead = &beside["ahead.csv"];
    let one = |tables: &str| {
        let wanted = [("word tables", tables), ("data set", "mean"), ("cost table", TABLE)];
        records(ahead, &wanted).pop().expect("a line")
    };
    // With a word table the reference itself is the cheapest other network.
    let (with, without) = (one("yes"), one("no"));
    assert_eq!(with["rival"], "lean DNN, filters = 100, word table");
    assert_eq!(
        (with["SNN"].as_str(), with["SNN over rival"].as_str()),
        // Signed codes would cost half, but nobody measured their answers.
        ("lean SNN, filters = 10, T = 8", "3.2")
    );
    assert_eq!((without["rival"].as_str(), without["SNN over rival"].as_str()), ("lean DNN, filters = 10", "0.8"));
    assert_eq!((without["accuracy at least"].as_str(), without["accuracy difference"].as_str()), ("89.500", "0.000"));
    assert_eq!(records(ahead, &[]).len(), 2 * 7);
    let text = flat(&page);
    assert!(text.contains("a network that does not spike is ahead under 1 of 1 cost tables, a spiking one under 0."));
    assert!(text.contains("under 0 of 1 cost tables, a spiking one under 1: 45 nm, fp32 (Horowitz 2014)."), "{text}");
    assert!(page.contains("| rival, by 3.20 times |") && page.contains("| SNN, by 1.25 times |"), "{page}");
    assert!(page.contains(" | 89.80 | 89.80 | 0.00 (0.00 to 0.00) as good |"), "{page}");
    // At two points less the narrowest DNN and the one in 8 bits compete, too.
    let bound = |line: &str| assert!(page.contains(line), "{line}: {page}");
    bound("| 0.25 | none | lean SNN, filters = 10, T = 8 | 1 of 1 | 0.800 | 0.800 |");
    bound("| 2 | none | lean SNN, filters = 10, T = 8 | 0 of 1 | 16.0 | 16.0 |");
}

#[test]
fn every_point_is_in_the_table_and_only_those_that_nothing_beats_are_on_the_front() {
    let (_, beside) = page(&rivals());
    let points = records(&beside["front.csv"], &[("data set", "MR")]);
    assert_eq!(points.len(), 9);
    let on: Vec<(&str, &str)> = points
        .iter()
        .filter(|point| point["on the front of"] == TABLE)
        .map(|point| (point["network"].as_str(), point["way"].as_str()))
        .collect();
    let want = [
        ("lean DNN, filters = 2", ""),
        ("lean DNN, filters = 100", "word table"),
        ("lean SNN, filters = 100, T = 8", ""),
    ];
    assert_eq!(on, [want[0], want[1], want[2]]);
    let [table] = &records(&beside["front.csv"], &[("data set", "mean"), ("way", "word table")])[..] else {
        panic!("one word table")
    };
    let of = |column: &str| table[column].as_str();
    assert_eq!((of("filters"), of("T"), of("seeds"), of("footprint bytes")), ("100", "", "2", "77"));
    assert_eq!(of("method"), "dnn");
    assert_eq!((of("nanoseconds a text"), of("test accuracy")), ("", "90.000"));
    assert_eq!(of(&format!("microjoules a text, {TABLE}")), "0.5");
    let ends = [of("low"), of("high")].map(|end| end.parse::<f64>().expect("a number"));
    assert!(ends[0] < 90.0 && 90.0 < ends[1] && ends[1] - ends[0] < 3.0, "{ends:?}");
    // A network ten points below the best is an arrow at the edge.
    let svg = &beside["front-45-nm-fp32-horowitz-2014.svg"];
    assert!(svg.contains("DNN, word table") && svg.contains("SNN, signed codes"), "{svg}");
}

#[test]
fn one_bit_inputs_are_not_called_spikes() {
    let mut cells = rivals();
    let axis = [("network.filters", "10"), ("network.steps", "1")];
    cells.extend(network("lean SNN", &axis, Method::FineTuned, 450, 0.05));
    let (page, _) = page(&cells);
    assert!(page.contains("| SNN, by 10.0 times (T = 1: one-bit inputs) |"), "{page}");
    assert!(flat(&page).contains("In 1 of these it has one time step: what is ahead there is a network of one-bit"));
}

#[test]
fn without_a_reference_or_a_set_nothing_is_made_up() {
    let mut cells = rivals();
    cells.retain(|cell| cell.dataset != "waimai");
    let (own, beside) = page(&cells);
    assert!(own.contains("No mean: no network is there on all six"), "{own}");
    assert!(records(&beside["front.csv"], &[("data set", "mean")]).is_empty());
    for cell in &mut cells {
        cell.table = "main".into();
        cell.measured.costs.as_mut().expect("costs").ways.clear();
    }
    let (own, _) = page(&cells);
    assert!(own.contains("**The study has no rivals over width (table `front`)**"), "{own}");
    assert!(own.contains("No cell says what its network costs with a word table"), "{own}");
    cells.retain(|cell| cell.method != Method::Dnn);
    let (own, beside) = page(&cells);
    assert!(flat(&own).contains("Not said: equal accuracy is that of the `lean` DNN of 100 filters"), "{own}");
    assert!(!beside.contains_key("ahead.csv"));
}

#[test]
fn rivals_pair_by_width_and_steps_with_half_of_them() {
    let (page, beside) = page(&rivals());
    let pairs: Vec<(String, String, String)> = records(&beside["differences.csv"], &[("dataset", "mr")])
        .into_iter()
        .map(|record| (record["table"].clone(), record["row"].clone(), record["rival"].clone()))
        .collect();
    let pair = |table: &str, row: &str, rival: &str| {
        assert!(pairs.contains(&(table.into(), row.into(), rival.into())), "{row}: {pairs:?}");
    };
    pair("front", "lean DNN in 8 bits, filters = 10", "lean DNN, filters = 10");
    pair("front", "lean SNN, filters = 10, T = 8", "lean DNN, filters = 10");
    pair("front", "lean SNN, filters = 100, T = 8", "lean DNN, filters = 100");
    pair("steps", "lean SNN, filters = 10, T = 8", "lean SNN, filters = 10, T = 4");
    assert_eq!(pairs.len(), 5);
    assert!(page.contains("<details><summary>T time steps beside half of them, in the same row</summary>"));
}

#[test]
fn splits_pair_by_seed_and_their_texts_are_drawn_on_their_own() {
    let mut cells = rivals();
    // The second seed of the spiking networks has another split than that of the DNNs.
    for cell in cells.iter_mut().filter(|cell| cell.dataset == "mr") {
        cell.settings.split = Some(if cell.method.spikes() { 2 * cell.seed } else { cell.seed });
    }
    let (page, beside) = page(&cells);
    let wanted = [("dataset", "mr"), ("row", "lean SNN, filters = 10, T = 8"), ("table", "front")];
    assert_eq!(records(&beside["differences.csv"], &wanted)[0]["seeds"], "1");
    assert!(page.contains("The table `main` has no cells yet."));
    // In the accuracy table it is said which sets have splits by seed.
    for cell in &mut cells {
        cell.table = "main".into();
    }
    let (text, _) = self::page(&cells);
    assert!(flat(&text).contains("On MR each seed has a split of its own"), "{text}");
}

#[test]
fn phrases_are_a_line_of_their_own() {
    let mut cells = Vec::new();
    for dataset in ["sst2", "sst2-phrases"] {
        for seed in 0..2 {
            cells.push(made_up::cell("main", "lean DNN", &[], dataset, seed, Method::Dnn));
        }
    }
    let (page, beside) = page(&cells);
    let text = flat(&page);
    assert!(text.contains("SST-2 trained on phrases: lean DNN ") && text.contains("(on sentences "), "{text}");
    assert!(!page.contains("| sst2-phrases") && !page.contains("| SST-2 trained on phrases |"), "{page}");
    assert_eq!(records(&beside["accuracy.csv"], &[("data set", "SST-2 trained on phrases")]).len(), 1);
    assert!(records(&beside["front.csv"], &[]).iter().all(|point| point["data set"] == "SST-2"));
}
