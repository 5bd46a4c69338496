//! What an answer of a cell's network costs, in operations and in energy.

use serde::{Deserialize, Serialize};
use spiketext::energy::CostReport;

/// Operations and energy of a test text, means over the texts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct CostsPerText {
    /// NeuroBench's footprint: bytes of parameters and buffers, word codes among them.
    pub footprint: u64,
    /// NeuroBench's connection sparsity: share of weights that are zero.
    pub connection_sparsity: f64,
    /// NeuroBench's activation sparsity: share of neuron outputs that are zero.
    pub activation_sparsity: f64,
    /// Effective multiply-accumulations.
    pub effective_macs: f64,
    /// Effective accumulations.
    pub effective_acs: f64,
    /// Dense operations: every input and weight counted, over all time steps.
    pub dense: f64,
    /// Neuron updates: every neuron with a membrane at every step, 0 for networks without. A study does not look
    /// which membranes change; NeuroBench's membrane updates are at most this. (Older files have it under that name.)
    #[serde(default, alias = "membrane-updates")]
    pub neuron_updates: f64,
    /// The DNN of the same shape on the same texts: effective multiply-accumulations.
    pub dnn_macs: f64,
    /// Microjoules by cost table.
    pub energy: Vec<Energy>,
    /// The same network computed in other ways, which change no answer. Older files have none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ways: Vec<Way>,
}

/// Another way of computing a network's answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WayName {
    /// What a word gives each tap of the first layer is made once, and looked up.
    WordTable,
    /// A dimension of a word spikes by how far its count is from half the steps, up or down.
    SignedCode,
}

/// What a test text costs in another way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Way {
    /// Which.
    pub way: WayName,
    /// Effective multiply-accumulations.
    pub effective_macs: f64,
    /// Effective accumulations.
    pub effective_acs: f64,
    /// Bytes of what it then holds, where that is not the footprint of the network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub footprint: Option<u64>,
    /// Microjoules by cost table.
    pub energy: Vec<Priced>,
}

/// Energy of a test text under one cost table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Priced {
    /// The table's name.
    pub table: String,
    /// Microjoules.
    pub microjoules: f64,
}

impl CostsPerText {
    /// From an account of a network on the test texts.
    #[must_use]
    pub fn of(account: &CostReport) -> Self {
        let energy = account.energies.iter().map(|priced| Energy {
            table: priced.table.name.to_owned(),
            network: priced.network,
            dnn: priced.dnn,
        });
        Self {
            footprint: account.footprint.footprint,
            connection_sparsity: account.footprint.connection_sparsity(),
            activation_sparsity: account.activation_sparsity(),
            effective_macs: account.work.macs(),
            effective_acs: account.work.acs(),
            dense: account.work.dense(),
            neuron_updates: account.work.neuron_updates,
            dnn_macs: account.dnn.macs(),
            energy: energy.collect(),
            ways: Vec::new(),
        }
    }
}

/// Energy of a test text under one cost table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Energy {
    /// The table's name.
    pub table: String,
    /// Microjoules of this network.
    pub network: f64,
    /// Microjoules of the DNN of the same shape.
    pub dnn: f64,
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use spiketext::{encode::Noise, energy::TABLES, engine, model::Model};

    use super::*;

    #[test]
    fn an_account_becomes_the_costs_of_a_cell() {
        let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("../spiketext/tests/fixtures/format-1/paper");
        let model = Model::load(&fixture).expect("a model");
        let network = model.network();
        let run = engine::run(network, Noise::inference(0), &[vec![0, 1, 2, 3], vec![9, 8, 7]]);
        let account = CostReport::spiking(network, &run.operations);
        let costs = CostsPerText::of(&account);
        let sum = |of: fn(&engine::Operations) -> u64| run.operations.iter().map(of).sum::<u64>() as f64;
        assert_eq!((costs.effective_macs, costs.effective_acs), (0.0, sum(|o| o.acs()) / 2.0));
        assert_eq!(costs.dnn_macs, sum(|o| o.dnn_macs) / 2.0);
        let names: Vec<&str> = costs.energy.iter().map(|energy| energy.table.as_str()).collect();
        assert_eq!(names, TABLES.map(|table| table.name));
        assert!(costs.neuron_updates > 0.0 && (0.0..1.0).contains(&costs.activation_sparsity));

        // What older programs wrote is still read.
        let text = serde_json::to_string(&costs).expect("JSON").replace("neuron-updates", "membrane-updates");
        assert_eq!(serde_json::from_str::<CostsPerText>(&text).expect("costs"), costs);
    }
}
