//! Firing rates, operations and energy as reports give them, to people and to programs.

use serde_json::{Map, Value, json};
use spiketext::{
    energy::{CostTable, HOROWITZ_45NM_FP32},
    model::Costs,
};

/// The table that turns operations into energy.
pub const PRICES: CostTable = HOROWITZ_45NM_FP32;

/// Microjoules a text of the DNN and of the SNN.
pub fn microjoules(costs: &Costs) -> (f64, f64) {
    (PRICES.microjoules(costs.dnn_macs, 0.0), PRICES.microjoules(costs.snn_macs, costs.snn_acs))
}

/// The SNN's energy over the DNN's; none where nothing was run.
pub fn ratio(costs: &Costs) -> Option<f64> {
    let (dnn, snn) = microjoules(costs);
    (dnn > 0.0).then(|| snn / dnn)
}

/// The keys that results of `train`, `evaluate` and `inspect` have in common.
pub fn keys(costs: &Costs) -> Map<String, Value> {
    let (dnn, snn) = microjoules(costs);
    let keys = json!({
        "input_rate": costs.input_rate,
        "convolution_rate": costs.convolution_rate,
        "feature_rate": costs.feature_rate,
        "output_rate": costs.output_rate,
        "dnn_macs_per_text": costs.dnn_macs,
        "snn_acs_per_text": costs.snn_acs,
        "snn_macs_per_text": costs.snn_macs,
        "pooling_additions_per_text": costs.pooling_additions,
        "energy_table": PRICES.name,
        "dnn_microjoules_per_text": dnn,
        "snn_microjoules_per_text": snn,
        "energy_ratio": ratio(costs),
    });
    match keys {
        Value::Object(keys) => keys,
        _ => Map::new(),
    }
}

/// The firing rates in one line.
pub fn rates(costs: &Costs) -> String {
    let mut rates = format!(
        "input {:.3}, convolution {:.3}, features {:.3}",
        costs.input_rate, costs.convolution_rate, costs.feature_rate
    );
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
pub fn energy(costs: &Costs) -> String {
    let (dnn, snn) = microjoules(costs);
    let ratio = ratio(costs).map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}"));
    format!("DNN {dnn:.2} uJ, SNN {snn:.2} uJ, ratio {ratio} (arithmetic alone, {})", PRICES.name)
}

/// A count that may be large.
pub fn count(count: f64) -> String {
    match count {
        _ if count >= 1e6 => format!("{:.2} M", count / 1e6),
        _ if count >= 1e4 => format!("{:.1} k", count / 1e3),
        _ => format!("{count:.0}"),
    }
}
