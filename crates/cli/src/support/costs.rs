//! Firing rates, operations and energy as reports give them, to people and to programs.

use comfy_table::Table;
use serde_json::{Map, Value, json};
use spiketext::{
    energy::{CostReport, CostTable, HOROWITZ_45NM_FP32, Numbers},
    model::Costs,
    network::{NetworkConfig, Signal},
};

use super::tables;

/// The table that turns operations into energy.
pub const PRICES: CostTable = HOROWITZ_45NM_FP32;

/// Microjoules a text of the DNN and of the SNN, whose numbers are these.
pub fn microjoules(costs: &Costs, numbers: Numbers) -> (f64, f64) {
    let own = PRICES.of_numbers(numbers);
    (PRICES.microjoules(costs.dnn_macs, 0.0), own.microjoules(costs.snn_macs, costs.snn_acs))
}

/// By which prices, in words.
pub fn prices(numbers: Numbers) -> String {
    let own = PRICES.of_numbers(numbers);
    if own == PRICES { PRICES.name.to_owned() } else { format!("{}; SNN {}", PRICES.name, own.name) }
}

/// The SNN's energy over the DNN's; none where nothing was run.
pub fn ratio(costs: &Costs, numbers: Numbers) -> Option<f64> {
    let (dnn, snn) = microjoules(costs, numbers);
    (dnn > 0.0).then(|| snn / dnn)
}

/// The keys that results of `train`, `evaluate` and `inspect` have in common.
pub fn keys(costs: &Costs, numbers: Numbers) -> Map<String, Value> {
    let (dnn, snn) = microjoules(costs, numbers);
    let keys = json!({
        "input_rate": costs.input_rate,
        "convolution_rate": costs.convolution_rate,
        "feature_rate": costs.feature_rate,
        "output_rate": costs.output_rate,
        "dnn_macs_per_text": costs.dnn_macs,
        "snn_acs_per_text": costs.snn_acs,
        "snn_macs_per_text": costs.snn_macs,
        "pooling_additions_per_text": costs.pooling_additions,
        "energy_table": prices(numbers),
        "dnn_microjoules_per_text": dnn,
        "snn_microjoules_per_text": snn,
        "energy_ratio": ratio(costs, numbers),
    });
    match keys {
        Value::Object(keys) => keys,
        _ => Map::new(),
    }
}

/// The firing rates of a network's signals in one line.
pub fn rates(costs: &Costs, config: &NetworkConfig) -> String {
    let mut rates = format!("input {:.3}, convolution {:.3}", costs.input_rate, costs.convolution_rate);
    // Without such neurons a rate of 0 would say that they are silent.
    if config.chain.leaves().iter().any(|leaf| leaf.output == Signal::Spikes) {
        rates.push_str(&format!(", features {:.3}", costs.feature_rate));
    }
    if costs.output_rate > 0.0 {
        rates.push_str(&format!(", outputs {:.3}", costs.output_rate));
    }
    rates
}

/// Operations a text in one line.
pub fn operations(costs: &Costs) -> String {
    let macs = if costs.snn_macs > 0.0 { format!(" and {} MACs", count(costs.snn_macs)) } else { String::new() };
    format!("DNN {} MACs, SNN {} ACs{macs}", count(costs.dnn_macs), count(costs.snn_acs))
}

/// Energy a text in one line.
pub fn energy(costs: &Costs, numbers: Numbers) -> String {
    let (dnn, snn) = microjoules(costs, numbers);
    let ratio = ratio(costs, numbers).map_or_else(|| "-".to_owned(), of_dnn);
    format!("DNN {}, SNN {}, ratio {ratio} (arithmetic alone, {})", joules(dnn), joules(snn), prices(numbers))
}

/// The keys of a whole account.
pub fn account_keys(account: &CostReport) -> Map<String, Value> {
    let numbers = &account.footprint;
    let by_layer: Map<String, Value> = account
        .activation_sparsity_by_layer()
        .into_iter()
        .map(|(layer, sparsity)| (layer.to_owned(), sparsity.into()))
        .collect();
    let energies: Vec<Value> = account
        .energies
        .iter()
        .map(|priced| {
            json!({
                "table": priced.table.name,
                "source": priced.table.source,
                "counts": priced.table.counts,
                "snn_microjoules": priced.network,
                "dnn_microjoules": priced.dnn,
                "ratio": priced.ratio(),
                "break_even": priced.break_even,
                "snn_prices": priced.other_prices.unwrap_or(priced.table.name),
            })
        })
        .collect();
    let (effective, dense) = account.neuron_operations();
    let keys = json!({
        "footprint_bytes": numbers.footprint,
        "footprint_of_word_codes": numbers.code_bytes,
        "parameters": numbers.parameters,
        "parameters_of_word_codes": numbers.code_parameters,
        "connection_sparsity": numbers.connection_sparsity(),
        "activation_sparsity": account.activation_sparsity(),
        "activation_sparsity_by_layer": by_layer,
        "effective_macs_per_text": account.work.macs(),
        "effective_acs_per_text": account.exact.map_or(account.work.acs(), |exact| exact.effective_acs),
        "effective_acs_are_exact": account.exact.is_some(),
        "dense_operations_per_text": account.work.dense(),
        "dnn_dense_operations_per_text": account.dnn.dense(),
        "neuron_updates_per_text": account.work.neuron_updates,
        "membrane_updates_per_text": account.membrane_updates(),
        "neuron_operations_per_text": effective,
        "dense_neuron_operations_per_text": dense,
        "energies": energies,
    });
    match keys {
        Value::Object(keys) => keys,
        _ => Map::new(),
    }
}

/// NeuroBench's measures of an account, a line each.
pub fn measures(account: &CostReport) -> Vec<(&'static str, String)> {
    let (numbers, work) = (&account.footprint, &account.work);
    let percent = |share: f64| format!("{:.2} %", 100.0 * share);
    let layers: Vec<String> = account
        .activation_sparsity_by_layer()
        .into_iter()
        .map(|(layer, sparsity)| format!("{layer} {}", percent(sparsity)))
        .collect();
    let acs = match account.exact {
        Some(exact) => format!("{} ACs", count(exact.effective_acs)),
        None => format!("at most {} ACs (weights of zero not looked for)", count(work.acs())),
    };
    let macs = if work.macs() > 0.0 { format!("{} MACs, ", count(work.macs())) } else { String::new() };
    let (effective, dense) = account.neuron_operations();
    let updates = |all: f64, changed: Option<f64>| match changed {
        Some(changed) => format!("{} of {}", count(changed), count(all)),
        None => format!("at most {} (every neuron at every step)", count(all)),
    };
    vec![
        (
            "footprint",
            format!(
                "{} bytes, {} of them word codes",
                count(numbers.footprint as f64),
                count(numbers.code_bytes as f64)
            ),
        ),
        (
            "parameters",
            format!(
                "{}, {} of them word codes",
                count(numbers.parameters as f64),
                count(numbers.code_parameters as f64)
            ),
        ),
        ("connection sparsity", percent(numbers.connection_sparsity())),
        ("activation sparsity", format!("{} ({})", percent(account.activation_sparsity()), layers.join(", "))),
        ("effective operations", format!("{macs}{acs}")),
        ("dense operations", format!("{}, the DNN's {}", count(work.dense()), count(account.dnn.dense()))),
        ("membrane updates", updates(work.neuron_updates, account.membrane_updates())),
        ("neuron operations", updates(dense, effective)),
    ]
}

/// Energy of a text under every cost table.
pub fn energies(account: &CostReport) -> Table {
    let header = ["cost table", "SNN", "DNN", "SNN / DNN", "", "even at T x rate"];
    let mut table = tables::plain(&header, &[1, 2, 3, 5]);
    for priced in &account.energies {
        let ratio = priced.ratio();
        let more = if ratio.is_some_and(|ratio| ratio > 1.0) { "costs more" } else { "" };
        table.add_row([
            format!("{}{}", priced.table.name, if priced.other_prices.is_some() { " *" } else { "" }),
            joules(priced.network),
            joules(priced.dnn),
            ratio.map_or_else(|| "-".to_owned(), of_dnn),
            more.to_owned(),
            priced.break_even.map_or_else(|| "-".to_owned(), |even| format!("{even:.2}")),
        ]);
    }
    table
}

/// Microjoules, from nanojoules to joules.
pub fn joules(microjoules: f64) -> String {
    match microjoules {
        _ if microjoules > 0.0 && microjoules < 0.1 => format!("{:.2} nJ", 1e3 * microjoules),
        _ if microjoules >= 1e5 => format!("{:.2} J", microjoules / 1e6),
        _ if microjoules >= 1e2 => format!("{:.2} mJ", microjoules / 1e3),
        _ => format!("{microjoules:.2} uJ"),
    }
}

/// A multiple of the DNN's energy, in three figures where it is small.
pub fn of_dnn(ratio: f64) -> String {
    if ratio > 0.0 && ratio < 0.1 { format!("{ratio:.2e}") } else { format!("{ratio:.2}") }
}

/// A count that may be large.
pub fn count(count: f64) -> String {
    match count {
        _ if count >= 1e6 => format!("{:.2} M", count / 1e6),
        _ if count >= 1e4 => format!("{:.1} k", count / 1e3),
        _ => format!("{count:.0}"),
    }
}
