//! The whole account of a network on texts: what it holds, what a text costs, and what that means in joules.

use super::{Footprint, OperationCounts, Outputs, RectifierShares, Shape, TABLES, Table};
use crate::{
    engine::{ExactOperations, Operations},
    network::{Network, NetworkConfig, Signal},
};

/// Operations of a leaky neuron's update, as NeuroBench has them for snnTorch's `Leaky`, whatever its reset.
const OPERATIONS_OF_AN_UPDATE: f64 = 4.0;

/// A network's costs on texts, means over the texts. A text that was not run costs nothing and counts.
#[derive(Clone, Debug, PartialEq)]
pub struct CostReport {
    /// Texts.
    pub texts: usize,
    /// What the network holds.
    pub footprint: Footprint,
    /// What each leaf of the chain gives.
    signals: Vec<Signal>,
    /// Work of the network.
    pub work: OperationCounts,
    /// Work of the DNN of the same shape.
    pub dnn: OperationCounts,
    /// Energy under every cost table, in the order of [`TABLES`].
    pub energies: Vec<Energy>,
    /// Exact counts, where they were asked for.
    pub exact: Option<ExactMeans>,
}

/// Microjoules of a text under a cost table.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Energy {
    /// The table.
    pub table: &'static Table,
    /// Of the network.
    pub network: f64,
    /// Of the DNN of the same shape.
    pub dnn: f64,
    /// The time steps times input rate below which the network's first layer costs less than the DNN's; none under tables
    /// that have no such number, and where the two read other inputs.
    pub break_even: Option<f64>,
    /// The table whose prices the network has, where that is another one ([`CostTable::of_numbers`](super::CostTable)).
    pub other_prices: Option<&'static str>,
}

impl Energy {
    /// The network's energy as a multiple of the DNN's; nothing where nothing was run.
    #[must_use]
    pub fn ratio(&self) -> Option<f64> {
        (self.dnn > 0.0).then(|| self.network / self.dnn)
    }
}

/// Exact counts of a text on average, see [`ExactOperations`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ExactMeans {
    /// Effective accumulations.
    pub effective_acs: f64,
    /// Membrane updates of all neurons.
    pub membrane_updates: f64,
}

impl CostReport {
    /// Of a spiking network on texts of which the engine counted `operations`. Of its DNN nothing is known to be zero
    /// but padding and silent tokens.
    #[must_use]
    pub fn spiking(network: &Network, operations: &[Operations]) -> Self {
        let shape = Shape::of(network);
        let of_dnn = network.config().of_dnn();
        let beside = Shape::real_valued(&of_dnn, shape.has_biases());
        let works: Vec<OperationCounts> =
            operations.iter().map(|one| OperationCounts::spiking(&shape, one)).collect();
        let dnn: Vec<OperationCounts> =
            operations.iter().map(|one| OperationCounts::beside(&beside, one, RectifierShares::ALL)).collect();
        let alike = network.config().dimension() == of_dnn.dimension();
        let energies = TABLES.iter().map(|table| Energy {
            table,
            network: microjoules(table, &shape, &works),
            dnn: microjoules(table, &beside, &dnn),
            break_even: table.break_even(shape.numbers()).filter(|_| alike),
            other_prices: table.other_prices(shape.numbers()),
        });
        Self {
            texts: works.len(),
            signals: signals(network.config()),
            footprint: Footprint::of(network),
            work: mean(&works),
            dnn: mean(&dnn),
            energies: energies.collect(),
            exact: None,
        }
    }

    /// Of a real-valued network; the work of each text is [`OperationCounts::real_valued`] or, where it was not run,
    /// the default.
    #[must_use]
    pub fn real_valued(shape: &Shape<'_>, footprint: Footprint, works: &[OperationCounts]) -> Self {
        let energies = TABLES.iter().map(|table| {
            let energy = microjoules(table, shape, works);
            let break_even = table.break_even(shape.numbers());
            Energy { table, network: energy, dnn: energy, break_even, other_prices: None }
        });
        let work = mean(works);
        let signals = signals(shape.config());
        Self {
            texts: works.len(),
            footprint,
            signals,
            dnn: work.clone(),
            work,
            energies: energies.collect(),
            exact: None,
        }
    }

    /// Adds the exact counts of the same texts; those that were not run have none.
    #[must_use]
    pub fn with_exact(self, counts: &[ExactOperations]) -> Self {
        let texts = self.texts.max(1) as f64;
        let per_text = |of: fn(&ExactOperations) -> &[u64]| counts.iter().flat_map(of).sum::<u64>() as f64 / texts;
        let exact = ExactMeans {
            effective_acs: per_text(|exact| &exact.acs),
            membrane_updates: per_text(|exact| &exact.membrane_updates),
        };
        Self { exact: Some(exact), ..self }
    }

    /// NeuroBench's activation sparsity: the share of outputs that are zero, counted over all layers, steps and
    /// texts.
    #[must_use]
    pub fn activation_sparsity(&self) -> f64 {
        self.work.outputs().sparsity()
    }

    /// The same by kind of neuron, for kinds that there are: at positions, of the whole text, outputs.
    #[must_use]
    pub fn activation_sparsity_by_layer(&self) -> Vec<(&'static str, f64)> {
        let groups = [("convolution", Signal::Positions), ("features", Signal::Spikes), ("outputs", Signal::Scores)];
        let of = |signal: Signal| {
            let own = self.signals.iter().zip(&self.work.layers).filter(|(own, _)| **own == signal);
            own.fold(Outputs::default(), |sum, (_, layer)| sum + layer.outputs)
        };
        groups
            .into_iter()
            .map(|(name, signal)| (name, of(signal)))
            .filter(|(_, outputs)| outputs.all > 0.0)
            .map(|(name, outputs)| (name, outputs.sparsity()))
            .collect()
    }

    /// Membranes that changed, if they were counted.
    #[must_use]
    pub fn membrane_updates(&self) -> Option<f64> {
        self.exact.map(|exact| exact.membrane_updates)
    }

    /// NeuroBench's neuron operations: effective ones, if membrane updates were counted, and dense ones.
    #[must_use]
    pub fn neuron_operations(&self) -> (Option<f64>, f64) {
        let of = |updates: f64| OPERATIONS_OF_AN_UPDATE * updates;
        (self.membrane_updates().map(of), of(self.work.neuron_updates))
    }
}

fn microjoules(table: &Table, shape: &Shape<'_>, works: &[OperationCounts]) -> f64 {
    works.iter().map(|work| table.microjoules(shape, work)).sum::<f64>() / works.len().max(1) as f64
}

fn mean(works: &[OperationCounts]) -> OperationCounts {
    works.iter().fold(OperationCounts::default(), |sum, work| sum + work) * (1.0 / works.len().max(1) as f64)
}

fn signals(config: &NetworkConfig) -> Vec<Signal> {
    config.chain.leaves().iter().map(|leaf| leaf.output).collect()
}
