//! The report as a reader of files meets it: whole studies, unfinished ones, hostile ones.

mod made_up;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use spiketext_report::{Git, Request, Written, write};
use spiketext_study::{Cell, Method, TestAnswers, archive};

fn report(folder: &Path) -> spiketext::Result<Written> {
    let request = Request { cells: folder.join("results/study"), out: folder.join("results.md") };
    write(&request, &Git::around(folder), None)
}

/// A page's prose without its line breaks.
fn flat(page: &str) -> String {
    page.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The page of these cells, and every file beside it.
fn page(cells: &[Cell], grid: Option<String>) -> (String, BTreeMap<PathBuf, String>, Written) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    made_up::write(&folder.path().join("results/study"), cells);
    if let Some(grid) = grid {
        fs::write(folder.path().join("results/study.grid.json"), grid).expect("written");
    }
    let written = report(folder.path()).expect("a report");
    let beside = written.figures.iter().chain(&written.tables).map(|path| {
        let name = path.strip_prefix(folder.path()).expect("inside").to_owned();
        (name, fs::read_to_string(path).expect("a file"))
    });
    let beside = beside.collect();
    (fs::read_to_string(&written.report).expect("a page"), beside, written)
}

/// The line of a table that begins with `name`.
fn line<'a>(page: &'a str, name: &str) -> &'a str {
    let start = format!("| {name} |");
    page.lines().find(|line| line.starts_with(&start)).unwrap_or_else(|| panic!("no line {start}"))
}

#[test]
fn a_whole_study_has_every_section_and_every_file_that_it_links() {
    let cells = made_up::study();
    let (page, beside, written) = page(&cells, Some(made_up::grid(&cells)));
    assert_eq!((written.cells, written.missing), (cells.len(), Some(0)));
    for heading in [
        "# Results",
        "## How it was made",
        "## What is missing",
        "## Accuracy",
        "## Differences",
        "## Accuracy over time steps",
        "## Operations and energy",
        "### Energy over the DNN's",
        "### Where spikes pay",
        "## Energy: who is ahead",
        "### Who is ahead at equal accuracy",
        "### Nanoseconds beside microjoules",
        "## Firing rates",
        "## Confusion and scores of each class",
        "## Encoders",
        "## Read-outs",
        "## Ablation: beta",
        "## Ablation: surrogate",
        "## What the cells cost",
    ] {
        assert!(page.contains(&format!("\n{heading}\n")) || page.starts_with(heading), "{heading}");
    }
    assert!(!page.contains("## The spikes of a sentence"), "no model was given");
    let links: Vec<&str> = page.split("](").skip(1).map(|rest| rest.split(')').next().expect("a link")).collect();
    assert_eq!(links.len(), beside.len());
    for link in links {
        let content = &beside[Path::new(link)];
        assert!(!content.contains("NaN") && !content.contains("inf"), "{link}");
        if link.ends_with(".svg") {
            assert!(content.starts_with("<svg ") && content.contains("prefers-color-scheme: dark"), "{link}");
        } else {
            let mut lines = csv::Reader::from_reader(content.as_bytes());
            let rows: Vec<_> = lines.records().map(|line| line.expect("as many cells as columns")).collect();
            assert!(!rows.is_empty(), "{link}");
        }
    }
    // Fifty steps at almost half a spike a step cost more than the DNN; a step or two cost less.
    let verdicts = &page[page.find("### Energy over the DNN's").expect("a table")..];
    assert!(line(verdicts, "converted and fine-tuned SNN").contains("| **"), "{verdicts}");
    assert!(
        line(verdicts, "lean fine-tuned SNN, T = 1").starts_with("| lean fine-tuned SNN, T = 1 | 0."),
        "{verdicts}"
    );
    // A figure that nobody published is marked.
    assert!(page.contains("| 46.11 † |") && page.contains("| 80.69 § |") && page.contains("| 83.88 |"), "{page}");
    assert!(page.contains("| 77.41 ‡ |") && page.contains("| 79.23 † |") && page.contains("| 76.71 § |"), "{page}");
    let too_long = |line: &&str| line.chars().count() > 118 && !line.starts_with(['|', '!']);
    assert_eq!(page.lines().find(too_long), None);
    assert_eq!(line(&page, made_up::TABLE), format!("| {} | 4.60 | 0.900 | 5.11 |", made_up::TABLE));
    assert!(line(&page, "memory").contains("no single place"));
}

/// A whole study on two sets, which is sooner worked out.
fn two_sets() -> Vec<Cell> {
    let mut cells = made_up::study();
    cells.retain(|cell| matches!(cell.dataset.as_str(), "sst2" | "chnsenti"));
    cells
}

#[test]
fn the_same_cells_make_the_same_bytes() {
    let mut cells = two_sets();
    let first = page(&cells, None);
    cells.reverse();
    let second = page(&cells, None);
    assert_eq!((first.0, first.1), (second.0, second.1));
}

fn fine_tuned(seed: u64, accuracy: f64) -> Cell {
    let mut cell =
        made_up::cell("main", "lean fine-tuned SNN", &[("network.steps", "8")], "mr", seed, Method::FineTuned);
    cell.measured.test_accuracy = accuracy;
    // As older files are.
    cell.measured.answers = None;
    cell
}

/// A pair of rows that answer 2,000 texts, and the line on their difference.
fn difference(own_right: impl Fn(u64, usize) -> bool, rival_right: impl Fn(u64, usize) -> bool) -> (String, String) {
    const TEXTS: usize = 2000;
    let answered = |mut cell: Cell, right: &dyn Fn(u64, usize) -> bool| {
        let labels: Vec<u16> = (0..TEXTS).map(|text| u16::from(!right(cell.seed, text))).collect();
        let count = labels.iter().filter(|label| **label == 0).count();
        cell.measured.texts[2] = TEXTS;
        cell.measured.test_accuracy = 100.0 * count as f64 / TEXTS as f64;
        cell.measured.answers =
            Some(TestAnswers { targets: vec![0; TEXTS], labels, probabilities: vec![900; TEXTS] });
        cell
    };
    let mut cells = Vec::new();
    for seed in 0..3 {
        cells.push(answered(fine_tuned(seed, 0.0), &own_right));
        cells.push(answered(made_up::cell("main", "lean DNN", &[], "mr", seed, Method::Dnn), &rival_right));
    }
    let (page, beside, _) = page(&cells, None);
    let section = &page[page.find("## Differences").expect("a section")..];
    let start = "| lean fine-tuned SNN, T = 8 | lean DNN |";
    let line = section.lines().find(|line| line.starts_with(start)).expect("a line");
    (line.to_owned(), beside[Path::new("results/tables/differences.csv")].clone())
}

#[test]
fn a_difference_has_an_interval_and_a_word() {
    // 100 texts that only one of them has right, of 2,000: five points.
    let (line, table) = difference(|_, text| text < 1700, |_, text| text < 1600);
    assert!(line.contains("| 5.00 (") && line.contains(") better |"), "{line}");
    assert_eq!(table.lines().count(), 2, "{table}");
    assert!(table.contains("lean DNN,mr,3,5.000,") && table.trim_end().ends_with(",better"), "{table}");
    let (line, _) = difference(|_, text| text < 1600, |_, text| text < 1700);
    assert!(line.contains("| −5.00 (−") && line.contains(") worse |"), "{line}");
    // The same texts are right, but for one.
    let (line, _) = difference(|_, text| text < 1601, |_, text| text < 1600);
    assert!(line.contains("| 0.05 (0.00 to ") && line.contains(") as good |"), "{line}");
    // Seeds that do not agree, or texts of which each has some, leave it open.
    let (line, _) = difference(|seed, text| text < 1560 + 40 * seed as usize, |_, text| text < 1600);
    assert!(line.contains("| 0.00 (−") && line.contains(") open |"), "{line}");
    let (line, table) = difference(|_, text| text % 10 > 1, |_, text| text % 9 > 1);
    assert!(line.contains(") open |"), "{line} {table}");
}

#[test]
fn answers_that_contradict_a_cell_are_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    type Damage = fn(&mut Cell);
    let cases: [(Damage, &str); 3] = [
        (
            |cell| cell.measured.answers.as_mut().expect("answers").labels.truncate(9),
            "answers to the 1000 test texts",
        ),
        (
            |cell| cell.measured.answers.as_mut().expect("answers").labels[0] = 7,
            "answers among 2 classes, got class 7",
        ),
        (|cell| cell.measured.test_accuracy = 12.0, "as the answers have it, got 12"),
    ];
    for (i, (damage, told)) in cases.into_iter().enumerate() {
        let mut cell = made_up::cell("main", "lean DNN", &[], "mr", 1, Method::Dnn);
        damage(&mut cell);
        let folder = folder.path().join(i.to_string());
        made_up::write(&folder.join("results/study"), &[cell]);
        let error = report(&folder).map(|_| ()).expect_err(told).to_string();
        assert!(error.contains(told), "{error}");
    }
}

#[test]
fn means_deviations_and_what_is_missing() {
    let mut cells = vec![fine_tuned(1, 77.0), fine_tuned(2, 78.0), fine_tuned(3, 79.0)];
    let mut declared = cells.clone();
    let dnn = made_up::cell("main", "lean DNN", &[], "mr", 1, Method::Dnn);
    declared.push(made_up::cell("main", "lean DNN", &[], "mr", 2, Method::Dnn));
    declared.push(made_up::cell("encoders", "burst", &[("network.steps", "4")], "sst2", 7, Method::Converted));
    declared.push(dnn.clone());
    cells.push(dnn);
    cells.push(made_up::cell("main", "not declared", &[], "mr", 1, Method::Dnn));
    cells[1].commit = "4567def-dirty".into();
    let (page, _, written) = page(&cells, Some(made_up::grid(&declared)));
    assert_eq!(written.missing, Some(2));
    assert!(
        line(&page, "lean fine-tuned SNN, T = 8")
            .starts_with("| lean fine-tuned SNN, T = 8 | 78.00 ± 1.00 `sd` | – |")
    );
    assert!(line(&page, "lean DNN").contains("(n = 1)"));
    assert!(page.contains("**The study is not finished**: 2 of 6 cells are missing."));
    assert_eq!(line(&page, "main"), "| main | 4 | 5 | 1 |");
    assert_eq!(line(&page, "encoders"), "| encoders | 0 | 1 | 1 |");
    assert!(page.contains("| encoders | burst, T = 4 | SST-2: 7 |"));
    assert!(page.contains("1 cell is there that the grid does not declare"));
    assert!(page.contains("**The cells come from 2 commits**") && page.contains("**1 cell is of a program"));
    // 78 % of 1,000 texts: 1.96 deviations of a share.
    assert!(flat(&page).contains("For lean fine-tuned SNN, T = 8 that is, at 95 %: MR ± 2.6."), "{page}");
}

#[test]
fn robust_accuracies_stand_beside_those_of_the_dnn() {
    let mut cells = Vec::new();
    for seed in 0..3 {
        let more = seed as f64;
        for name in ["pwws", "deepwordbug"] {
            let plain = [("attack.name", name)];
            cells.push(made_up::attack("lean DNN", &plain, seed, Method::Dnn, 10.0 + more, 10.0 + more));
            for (noise, left) in [("fixed", 30.0), ("fresh", 31.0)] {
                let axis = [("attack.name", name), ("attack.noise", noise)];
                // Much is left by the attack's count and little by that of other draws.
                let cell =
                    made_up::attack("lean SNN", &axis, seed, Method::FineTuned, left + more, 11.0 + 2.0 * more);
                cells.push(cell);
            }
        }
        let share = [("attack.name", "textfooler"), ("attack.share", "0.1")];
        cells.push(made_up::attack("lean DNN", &share, seed, Method::Dnn, 60.0, 60.0));
    }
    let (page, _, _) = page(&cells, None);
    let start = page.find("### SST-2 under attack").expect("a table");
    let page = &page[start..];
    assert!(flat(page).contains("which was not attacked here"), "{page}");
    assert!(flat(page).contains("by what most of 7 other draws of noise"), "{page}");
    assert!(page.contains("| deepwordbug | pwws | paper's protocol, textfooler, 0.1 of the words |"), "{page}");
    assert!(line(page, "lean DNN").ends_with("| 11.00 ± 2.48 | 11.00 ± 2.48 | 60.00 ± 0.00 |"), "{page}");
    assert!(line(page, "lean SNN, fixed noise").ends_with("| 31.00 ± 2.48 | 31.00 ± 2.48 | – |"), "{page}");
    assert!(line(page, "… as most other draws see it").contains("| 13.00 ± 4.97 |"), "{page}");
    let claim = &page[page.find("### What was found of the claim").expect("a verdict")..];
    // By other draws 1, 2 and 3 points more: within their interval, of two pairs that agree.
    assert_eq!(
        line(claim, "lean SNN, fixed noise"),
        "| lean SNN, fixed noise | lean DNN | 2 | +20.00 ± 0.00 | 2 | 0 | 2 | +2.00 ± 2.48 | 0 | 0 | 0 |"
    );
    assert!(
        flat(claim)
            .contains("A lead of that size was found here: by the attacks' own count, spiking networks keep +20.50"),
        "{claim}"
    );
    assert!(
        flat(claim).contains("in points more than the DNN, +2.00 under fixed noise and +2.00 under fresh noise."),
        "{claim}"
    );
    assert!(flat(claim).contains("That no such lead exists is not shown."), "{claim}");
    assert!(flat(claim).contains(" on SST-2, on some of their test texts."), "{claim}");
    assert!(!page.contains("## Table robustness") && !page.contains("### The paper's own protocol"));
}

#[test]
fn the_papers_own_protocol_comes_first_and_has_its_own_victim() {
    let mut cells = Vec::new();
    for seed in 0..3 {
        let more = seed as f64;
        let share = ("attack.share", "0.1");
        let name = ("attack.name", "textfooler");
        let noise = [name, share, ("attack.noise", "fresh")];
        cells.push(made_up::attack("original TextCNN", &[name, share], seed, Method::Original, 40.0, 40.0));
        cells.push(made_up::attack("tailored TextCNN", &[name, share], seed, Method::Dnn, 45.0, 45.0));
        cells.push(made_up::attack("fine-tuned SNN", &noise, seed, Method::FineTuned, 41.0 + more, 44.0));
    }
    let (page, ..) = page(&cells, None);
    let start = page.find("### The paper's own protocol").expect("a table");
    assert!(start < page.find("### SST-2 under attack").expect("a table"), "first");
    let own = &page[start..];
    let attack = "paper's protocol, textfooler, 0.1 of the words";
    let left = own.lines().find(|line| line.starts_with(&format!("| {attack} | original TextCNN |")));
    assert!(left.expect("a line").ends_with(" | 40.00 ± 0.00 |"), "{own}");
    let more = format!("| {attack} | fine-tuned SNN, fresh noise | original TextCNN | the attack's | +2.00 ± 2.48 |");
    assert!(own.contains(&more), "{own}");
    assert!(own.contains("| tailored TextCNN | other draws' | −1.00 ± 0.00 |"), "{own}");
    let found = flat(own);
    assert!(
        found.contains("That lead was not found here") && found.contains("than the TextCNN with maximum pooling")
    );
    assert!(!found.contains("which was not attacked here"), "{found}");
    assert!(found.contains("Tested were textfooler on SST-2, on some of their test texts."), "{found}");
    // Of sets and attacks only those that met are told.
    let attacked = |name: &str, dataset: &str| {
        let mut cell = made_up::attack("tailored TextCNN", &[("attack.name", name)], 0, Method::Dnn, 45.0, 45.0);
        cell.dataset = dataset.to_owned();
        cell
    };
    cells.extend([attacked("pwws", "mr"), attacked("pso", "mr"), attacked("homophones", "chnsenti")]);
    let (page, ..) = self::page(&cells, None);
    let found = flat(&page);
    let met = ["textfooler on SST-2", "pwws and pso on MR", "homophones on ChnSenti"];
    for part in met {
        assert!(found.contains(part), "{part}: {found}");
    }
}

#[test]
fn what_a_row_is_does_not_hang_on_its_name() {
    let mut cleaned = made_up::cell("main", "cleaned texts", &[("network.steps", "8")], "mr", 1, Method::FineTuned);
    cleaned.family.recipe = "another".into();
    let mut lean = cleaned.clone();
    (lean.row, lean.family.recipe) = ("ours".into(), "lean".into());
    let (page, _, _) = page(&[cleaned, lean], None);
    assert!(page.contains("Of ours, T = 8, the test texts") && !page.contains("Of cleaned"), "{page}");
}

#[test]
fn a_shortened_recipe_is_told_from_the_published_one() {
    let page_of = |recipe: &str, method: Method, epochs: u64| {
        let mut cell = made_up::cell("main", "a row", &[], "mr", 1, method);
        cell.family.recipe = recipe.into();
        cell.settings
            .choices
            .insert("fine-tuning".into(), serde_json::json!({"epochs": epochs, "learning-rate": 1e-4}));
        page(&[cell], None).0
    };
    let departs = |page: &str| page.contains("A departure from the published recipe");
    assert!(departs(&page_of("paper", Method::FineTuned, 6)) && !departs(&page_of("paper", Method::FineTuned, 30)));
    assert!(departs(&page_of("paper", Method::Direct, 30)) && !departs(&page_of("paper", Method::Converted, 0)));
    assert!(!departs(&page_of("lean", Method::FineTuned, 2)));
    let page = page_of("paper", Method::FineTuned, 6);
    let training = &page[page.find("## Training").expect("a section")..];
    assert_eq!(line(training, "a row"), "| a row | – | – | – | 6 | – | 0.0001 |");
}

#[test]
fn a_page_out_of_the_archive_is_that_of_the_single_files() {
    let cells = two_sets();
    let (single, beside, _) = page(&cells, None);
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::create_dir(folder.path().join("results")).expect("a folder");
    archive::write(&folder.path().join("results/study.jsonl.zst"), &cells).expect("written");
    // By the name of the folder that it stands for, and by its own.
    for name in ["results/study", "results/study.jsonl.zst"] {
        let request = Request { cells: folder.path().join(name), out: folder.path().join("results.md") };
        let written = write(&request, &Git::around(folder.path()), None).expect("a report");
        assert_eq!(fs::read_to_string(&written.report).expect("a page"), single, "{name}");
        for (name, content) in &beside {
            assert_eq!(&fs::read_to_string(folder.path().join(name)).expect("a file"), content, "{name:?}");
        }
    }
}

#[test]
fn one_seed_has_no_deviations() {
    let (page, _, written) = page(&[fine_tuned(1, 77.0)], None);
    assert_eq!(written.missing, None);
    assert!(line(&page, "lean fine-tuned SNN, T = 8").contains("| 77.00 | –"));
    assert!(page.contains("One seed each, so there are no deviations.") && page.contains("No grid"));
}

#[test]
fn unknown_tables_and_data_sets_are_shown() {
    let cell = made_up::cell("my table", "a row", &[("x.colour", "red")], "my-set", 1, Method::Dnn);
    let (page, beside, _) = page(std::slice::from_ref(&cell), None);
    assert!(page.contains("## Table my table") && page.contains("| data set | row | colour = red |"));
    assert!(page.contains(&format!("| my-set | a row | {:.2} |", cell.measured.test_accuracy)));
    assert!(page.contains("The table `main` has no cells yet."));
    assert!(beside.keys().all(|name| name.extension() == Some("csv".as_ref())), "{beside:?}");
}

#[test]
fn hostile_words_stay_words() {
    let bad = "a|b <script>alert('x')</script>\n# `&amp;` ]( \u{202e}\u{1}";
    let mut cells = Vec::new();
    for (seed, steps) in [(1, "1"), (2, "4"), (3, "8")] {
        let row = format!("{bad} lean");
        let mut cell = made_up::cell("main", &row, &[("network.steps", steps)], bad, seed, Method::FineTuned);
        cell.measured.labels = vec![bad.into(), format!("{bad}{bad}{bad}")];
        cell.measured.confusion = vec![vec![1, 2], vec![3, 4]];
        cell.measured.costs.as_mut().expect("costs").energy[0].table = bad.into();
        (cell.machine, cell.commit) = (bad.into(), bad.into());
        cells.push(cell.clone());
        cell.table = bad.into();
        cells.push(cell);
    }
    let (page, beside, _) = page(&cells, None);
    assert!(!page.contains("<script") && !page.contains('\u{202e}') && !page.contains('\u{1}'));
    // Each row of a table keeps the columns of its head.
    let bars = |line: &str| line.replace("\\|", "").matches('|').count();
    let mut head = None;
    for line in page.lines() {
        head = line.starts_with('|').then(|| *head.get_or_insert(bars(line)));
        assert!(head.is_none_or(|head| head == bars(line)), "{line}");
    }
    assert!(!beside.is_empty());
    for (name, svg) in beside {
        assert!(!svg.contains('\u{1}') && !svg.contains('\u{202e}'), "{name:?}");
        if name.extension() == Some("csv".as_ref()) {
            continue;
        }
        assert!(!svg.contains("<script"), "{name:?}");
        assert_eq!(svg.matches("<text").count(), svg.matches("</text>").count(), "{name:?}");
    }
}

#[test]
fn wrong_input_is_named() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let cells = folder.path().join("results/study");
    let fails = |told: &[&str]| {
        let error = report(folder.path()).expect_err("refused").to_string();
        assert!(told.iter().all(|part| error.contains(part)), "{error}");
        assert!(!folder.path().join("results.md").exists(), "nothing is written");
    };
    fails(&["cannot read", "study"]);
    fs::create_dir_all(&cells).expect("a folder");
    fails(&["study: expected result cells", "got none"]);
    let good = fine_tuned(1, 77.0);
    let path = good.write(&cells).expect("written");
    let name = path.file_name().expect("a name").to_string_lossy().into_owned();
    type Break = fn(&mut Cell);
    let breaks: [(Break, &str); 6] = [
        (|cell| cell.measured.test_accuracy = 101.0, "a test accuracy from 0 to 100, got 101"),
        (|cell| cell.measured.confusion[0].clear(), "a confusion matrix of 2 x 2"),
        (|cell| cell.measured.firing.as_mut().expect("firing").feature_histogram.clear(), "20 bins, got one of 0"),
        (|cell| cell.measured.costs.as_mut().expect("costs").dense = 1e300, "operations and energies"),
        (|cell| cell.seconds.total = -1.0, "seconds from 0"),
        (|cell| cell.format = 9, "format 9"),
    ];
    for (broken, told) in breaks {
        let mut cell = good.clone();
        broken(&mut cell);
        cell.write(&cells).expect("written");
        fails(&[&name, told]);
    }
    good.write(&cells).expect("written");
    fs::copy(&path, cells.join("copy.json")).expect("copied");
    fails(&[&name, "copy.json", "no other file"]);
    fs::remove_file(cells.join("copy.json")).expect("removed");
    fs::write(folder.path().join("results/study.grid.json"), "{}").expect("written");
    fails(&["grid.json", "a list of"]);
    fs::remove_file(folder.path().join("results/study.grid.json")).expect("removed");
    let request = Request { cells, out: folder.path().join("page.txt") };
    assert!(
        write(&request, &Git::around(folder.path()), None).expect_err("no").to_string().contains("ends in .md, got")
    );
}

#[test]
fn odd_numbers_are_drawn() {
    let mut cells = Vec::new();
    for (seed, steps) in ["0", "1", "1e29", "nan", "-3", "", "many"].into_iter().enumerate() {
        for table in ["main", "ablation-odd"] {
            let mut cell = made_up::cell(
                table,
                "lean fine-tuned SNN",
                &[("network.steps", steps)],
                "mr",
                seed as u64,
                Method::FineTuned,
            );
            cell.measured.test_accuracy = [0.0, 100.0][seed % 2];
            cell.measured.answers = None;
            let costs = cell.measured.costs.as_mut().expect("costs");
            costs.energy[0].network = [0.0, 1e-30, 1e30][seed % 3];
            costs.dnn_macs = 0.0;
            cell.measured.firing.as_mut().expect("firing").feature_histogram = vec![0; 20];
            cells.push(cell);
        }
    }
    let (_, figures, _) = page(&cells, None);
    assert!(figures.values().all(|svg| !svg.contains("NaN")));
}
