//! Made-up cells for tests: plausible shapes, no measurement of anything.

use std::{collections::BTreeMap, fs, path::Path};

use spiketext_study::{
    AttackResult, AttackSettings, Cell, CostsPerText, Energy, FORMAT, Family, FiringSummary, Measurements, Method,
    Noise, NoiseSettings, Priced, Seconds, Settings, TestAnswers, Way, WayName,
};

/// The name of the default cost table.
pub const TABLE: &str = "45 nm, fp32 (Horowitz 2014)";

/// A number from 0 to 1 that looks like noise and is a function of `key` alone (FNV-1a).
fn noise(key: &str) -> f64 {
    let hash = key
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    (hash.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 11) as f64 / (1u64 << 53) as f64
}

/// Answers of which so many are right: to texts that are hard for every network, most of the others.
fn answers(dataset: &str, key: &str, texts: usize, classes: usize, right: usize) -> TestAnswers {
    let targets: Vec<u16> = (0..texts).map(|text| (text % classes) as u16).collect();
    let difficulty = |text: &usize| noise(&format!("{dataset}{text}")) + 0.2 * noise(&format!("{key}{text}"));
    let mut order: Vec<(f64, usize)> = (0..texts).map(|text| (difficulty(&text), text)).collect();
    order.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut labels = targets.clone();
    for &(_, text) in &order[right..] {
        labels[text] = (labels[text] + 1) % classes as u16;
    }
    TestAnswers { targets, labels, probabilities: vec![800; texts] }
}

/// A cell of `method` in `steps` time steps.
pub fn cell(table: &str, row: &str, axis: &[(&str, &str)], dataset: &str, seed: u64, method: Method) -> Cell {
    let axis: BTreeMap<String, String> = axis.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
    let steps = axis.get("network.steps").and_then(|steps| steps.parse().ok()).unwrap_or(50usize).max(1);
    let filters = axis.get("network.filters").and_then(|filters| filters.parse().ok()).unwrap_or(100.0f64).max(1.0);
    // Rows are made up too, so their names may say which recipe they are of.
    let lean = row.contains("lean");
    let recipe = match method {
        Method::BagOfWords if row.contains("TF-IDF") => "tf-idf",
        Method::BagOfWords => "bag-of-words",
        _ if lean => "lean",
        _ => "paper",
    };
    let key = format!("{table}{row}{axis:?}{dataset}{seed}");
    let base = match dataset {
        "mr" => 78.0,
        "sst2" => 84.0,
        "subj" => 93.5,
        "sst5" => 45.0,
        "chnsenti" => 87.3,
        _ => 89.1,
    };
    let drop = match method {
        Method::BagOfWords | Method::FastText => 3.0,
        Method::Original => 0.3,
        Method::Dnn | Method::DnnInt8 | Method::Teacher => 0.0,
        Method::DnnInt4 => 0.3,
        Method::DnnLevels => 2.0 / steps as f64,
        Method::DnnCodes => 0.4,
        Method::Converted => 0.5 + 6.0 / steps as f64,
        Method::FineTuned => 0.2 + 1.5 / steps as f64,
        Method::Direct => 4.0,
    } + if lean || recipe == "tf-idf" { 0.0 } else { 1.8 }
        + 0.6 * (100.0 / filters).log10();
    let classes = if dataset == "sst5" { 5 } else { 2 };
    let texts = 500 * classes;
    let right = ((base - drop + noise(&key) - 0.5) / 100.0 * texts as f64).round() as usize;
    let accuracy = 100.0 * right as f64 / texts as f64;
    let labels: Vec<String> = match dataset {
        "sst5" => ["very negative", "negative", "neutral", "positive", "very positive"].map(String::from).into(),
        "chnsenti" | "waimai" => ["差评", "好评"].map(String::from).into(),
        _ => ["negative", "positive"].map(String::from).into(),
    };
    let confusion = (0..classes)
        .map(|true_class| {
            let share = |found: usize| {
                if found == true_class {
                    return accuracy / 100.0;
                }
                let near = |other: usize| 1.0 / (true_class.abs_diff(other) as f64).powi(2);
                let all: f64 = (0..classes).filter(|c| *c != true_class).map(near).sum();
                (1.0 - accuracy / 100.0) * near(found) / all
            };
            (0..classes).map(|found| (500.0 * share(found)).round() as u64).collect()
        })
        .collect();
    let rate = (if lean { 0.22 } else { 0.47 }) + 0.02 * noise(dataset);
    let macs = 7.9e4 * filters * (1.0 + 0.5 * noise(dataset));
    let levels = method == Method::DnnLevels;
    let words = matches!(method, Method::BagOfWords | Method::FastText);
    let (network_macs, acs) = match method {
        Method::BagOfWords => (0.0, 25.0),
        Method::FastText => (0.0, 2000.0),
        _ if method.spikes() => (0.0, macs * rate * steps as f64 * 1.05),
        Method::DnnCodes => (0.0, macs * 0.03),
        _ if levels => (0.0, macs * 0.3 * (steps as f64).sqrt()),
        _ => (macs, 0.0),
    };
    let integer = matches!(method, Method::DnnInt8 | Method::DnnInt4);
    let prices = [
        (TABLE, 4.6, 0.9, 0.0),
        ("45 nm, int8 (Horowitz 2014)", 0.23, 0.03, 0.0),
        ("45 nm, int8 with 32-bit sums (Horowitz 2014)", 0.3, 0.1, 0.0),
        ("memory", 3.2, 0.1, 40.0),
    ];
    let extra_steps = if method.spikes() { steps as f64 } else { f64::from(u8::from(!words)) };
    let priced = |macs: f64, acs: f64| {
        prices.map(|(name, mac, ac, extra)| {
            let mac = if integer { f64::min(mac, 0.3) } else { mac };
            (name.to_owned(), (macs * mac + acs * ac) * 1e-6 + extra * extra_steps * filters / 100.0)
        })
    };
    let way = |way, macs: f64, acs: f64| Way {
        way,
        effective_macs: macs,
        effective_acs: acs,
        footprint: (way == WayName::WordTable).then_some(90_000_000),
        energy: priced(macs, acs).map(|(table, microjoules)| Priced { table, microjoules }).into(),
    };
    let mut ways = Vec::new();
    if table == "main" && recipe == "lean" || table == "front" {
        let additions = if method.spikes() { macs / 300.0 * steps as f64 } else { macs / 300.0 };
        ways.push(way(WayName::WordTable, 0.0, additions));
        if method.spikes() && steps > 1 {
            ways.push(way(WayName::SignedCode, 0.0, acs * 0.48));
        }
    }
    let costs = CostsPerText {
        footprint: (14_400.0 * filters) as u64,
        connection_sparsity: 0.0012,
        activation_sparsity: 0.81,
        effective_macs: network_macs,
        effective_acs: acs,
        dense: macs * if method.spikes() { steps as f64 } else { 1.0 },
        neuron_updates: if method.spikes() { 7800.0 * steps as f64 } else { 0.0 },
        dnn_macs: macs,
        energy: priced(network_macs, acs)
            .into_iter()
            .zip(prices)
            .map(|((table, network), (_, mac, _, extra))| Energy { table, network, dnn: macs * mac * 1e-6 + extra })
            .collect(),
        ways,
    };
    let histogram = |peak: f64, what: &str| {
        let bin = |i: usize| 300.0 * (-((i as f64 / 20.0 - peak) / 0.13).powi(2)).exp();
        (0..20).map(|i| (bin(i) * (0.7 + 0.6 * noise(&format!("{key}{what}{i}")))) as u64).collect::<Vec<_>>()
    };
    let firing = FiringSummary {
        steps,
        input_rate: rate,
        convolution_rate: 0.17,
        feature_rate: 0.31,
        output_rate: if lean { 0.0 } else { 0.2 },
        convolution_histogram: histogram(if lean { 0.12 } else { 0.3 }, "convolution"),
        feature_histogram: histogram(if lean { 0.3 } else { 0.45 }, "features"),
        convolution_extremes: [12, 0],
        feature_extremes: [3, 1],
    };
    let seconds = 10.0 + 3.0 * steps as f64 * noise(&key);
    Cell {
        format: FORMAT,
        table: table.into(),
        row: row.into(),
        axis,
        dataset: dataset.into(),
        seed,
        fold: None,
        selected: None,
        method,
        family: Family { recipe: recipe.into(), ..Family::default() },
        settings: Settings::default(),
        measured: Measurements {
            texts: [8000, 1000, texts],
            answers: matches!(table, "main" | "front").then(|| answers(dataset, &key, texts, classes, right)),
            labels,
            development_accuracy: accuracy + 0.4,
            test_accuracy: accuracy,
            confusion,
            unknown_share: 0.02,
            epochs: BTreeMap::from([("dnn".into(), [12, 7])]),
            costs: Some(costs),
            firing: method.spikes().then_some(firing),
            teacher: None,
            attack: None,
        },
        seconds: Seconds {
            total: seconds,
            shared: seconds / 4.0,
            nanoseconds_a_text: Some(200.0 * filters * steps as f64),
        },
        machine: "a processor, 2 cores, 2 threads".into(),
        commit: "0123abc".into(),
    }
}

/// A cell that attacks: what it leaves of the accuracy, and what judges do.
pub fn attack(row: &str, axis: &[(&str, &str)], seed: u64, method: Method, left: f64, judged: f64) -> Cell {
    let mut cell = cell("robustness", row, axis, "sst2", seed, method);
    let value = |key: &str| cell.axis.get(key).map(String::as_str);
    let policy = value("attack.noise").map(|name| if name == "fresh" { Noise::Fresh } else { Noise::Fixed });
    let settings = AttackSettings {
        name: value("attack.name").expect("an attack").into(),
        share: value("attack.share").map_or(0.0, |share| share.parse().expect("a number")),
        texts: 100,
        noise: policy.map(|policy| NoiseSettings { policy, draws: None, judges: 7 }),
    };
    cell.settings.attack = Some(settings);
    let attack = AttackResult {
        texts: 100,
        accuracy: cell.measured.test_accuracy,
        accuracy_under_attack: left,
        judged_accuracy: cell.measured.test_accuracy,
        judged_accuracy_under_attack: judged,
        success_rate: 50.0,
        changed_words: 12.0,
        words: 19.0,
        queries: 25.5,
    };
    cell.measured =
        Measurements { confusion: Vec::new(), costs: None, firing: None, attack: Some(attack), ..cell.measured };
    cell
}

/// A whole study's cells.
pub fn study() -> Vec<Cell> {
    let mut cells = Vec::new();
    for dataset in ["mr", "sst2", "subj", "sst5", "chnsenti", "waimai"] {
        for seed in 1..=3 {
            let mut add = |table: &str, row: &str, axis: &[(&str, &str)], method| {
                cells.push(cell(table, row, axis, dataset, seed, method));
            };
            add("main", "bag of words", &[], Method::BagOfWords);
            add("main", "TF-IDF", &[], Method::BagOfWords);
            add("main", "fastText", &[], Method::FastText);
            add("main", "original TextCNN", &[], Method::Original);
            add("main", "tailored TextCNN", &[], Method::Dnn);
            add("main", "directly trained SNN", &[], Method::Direct);
            for kind in ["{ kind = \"none\" }", "{ kind = \"model\" }", "{ kind = \"percentile\", q = 0.99 }"] {
                add("main", "converted SNN", &[("conversion.normalisation", kind)], Method::Converted);
            }
            add("main", "converted and fine-tuned SNN", &[], Method::FineTuned);
            add("main", "converted and fine-tuned SNN, random vectors", &[], Method::FineTuned);
            add("main", "lean DNN", &[], Method::Dnn);
            for steps in ["1", "2", "4", "8", "16"] {
                add("main", "lean converted SNN", &[("network.steps", steps)], Method::Converted);
                add("main", "lean fine-tuned SNN", &[("network.steps", steps)], Method::FineTuned);
            }
            for filters in ["5", "100"] {
                let width = ("network.filters", filters);
                add("front", "lean DNN", &[width], Method::Dnn);
                add("front", "lean DNN in 8 bits", &[width], Method::DnnInt8);
                add("front", "lean DNN with weights of 4 bits", &[width], Method::DnnInt4);
                add("front", "paper DNN", &[width], Method::Dnn);
                add("front", "paper SNN", &[width], Method::FineTuned);
                for steps in ["1", "8"] {
                    let axis = [width, ("network.steps", steps)];
                    add("front", "lean DNN on T + 1 levels", &axis, Method::DnnLevels);
                    add("front", "lean SNN", &axis, Method::FineTuned);
                }
            }
            if matches!(dataset, "sst2" | "chnsenti") && seed == 1 {
                let encoders = [
                    "bernoulli",
                    "regular",
                    "latency",
                    "direct current",
                    "phase",
                    "burst",
                    "codebook",
                    "green codebook",
                ];
                for steps in ["2", "4", "8", "16"] {
                    for encoder in encoders {
                        add("encoders", encoder, &[("network.steps", steps)], Method::Converted);
                    }
                }
                for readout in ["membrane", "spike-count"] {
                    for outputs in ["1", "10"] {
                        let axis = [("network.readout", readout), ("network.outputs-per-class", outputs)];
                        add("readouts", "lean fine-tuned SNN", &axis, Method::FineTuned);
                    }
                }
                for beta in ["0.5", "0.9", "0.95", "1.0"] {
                    add("ablation-beta", "lean fine-tuned SNN", &[("network.beta", beta)], Method::FineTuned);
                }
                for kind in ["arctangent", "fast-sigmoid", "triangle"] {
                    let axis = [("fine-tuning.surrogate", kind)];
                    add("ablation-surrogate", "lean fine-tuned SNN", &axis, Method::FineTuned);
                }
            }
        }
    }
    cells
}

/// Writes cells into `folder`, which is made.
pub fn write(folder: &Path, cells: &[Cell]) {
    fs::create_dir_all(folder).expect("a folder");
    for cell in cells {
        cell.write(folder).expect("written");
    }
}

/// The grid of these cells as `NAME.grid.json` holds it.
pub fn grid(cells: &[Cell]) -> String {
    let list: Vec<serde_json::Value> = cells
        .iter()
        .map(|cell| {
            serde_json::json!({"table": cell.table, "row": cell.row, "axis": cell.axis, "dataset": cell.dataset,
                "seed": cell.seed})
        })
        .collect();
    serde_json::to_string(&list).expect("JSON")
}
