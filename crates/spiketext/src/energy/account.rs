//! The whole account of a network on texts: what it holds, what a text costs, and what that means in joules.

use super::{Exact, Numbers, RectifierShares, Shape, TABLES, Table, Work};
use crate::{engine::Operations, network::Network};

/// Operations of a leaky neuron's update, as NeuroBench has them for snnTorch's `Leaky`, whatever its reset.
const OPERATIONS_OF_AN_UPDATE: f64 = 4.0;

/// A network's costs on texts, means over the texts. A text that was not run costs nothing and counts.
#[derive(Clone, Debug, PartialEq)]
pub struct Account {
    /// Texts.
    pub texts: usize,
    /// What the network holds.
    pub numbers: Numbers,
    /// Work of the network.
    pub work: Work,
    /// Work of the DNN of the same shape.
    pub dnn: Work,
    /// Energy under every cost table, in the order of [`TABLES`].
    pub energies: Vec<Priced>,
    /// Exact counts, where they were asked for.
    pub exact: Option<ExactMeans>,
}

/// Microjoules of a text under a cost table.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Priced {
    /// The table.
    pub table: &'static Table,
    /// Of the network.
    pub network: f64,
    /// Of the DNN of the same shape.
    pub dnn: f64,
}

impl Priced {
    /// The network's energy as a multiple of the DNN's; nothing where nothing was run.
    #[must_use]
    pub fn ratio(&self) -> Option<f64> {
        (self.dnn > 0.0).then(|| self.network / self.dnn)
    }
}

/// Exact counts of a text on average, see [`Exact`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ExactMeans {
    /// Effective accumulations.
    pub effective_acs: f64,
    /// Membrane updates of convolution, feature and output neurons.
    pub membrane_updates: [f64; 3],
}

impl Account {
    /// Of a spiking network on texts of which the engine counted `operations`. Of its DNN nothing is known to be zero
    /// but padding and silent tokens.
    #[must_use]
    pub fn spiking(network: &Network, operations: &[Operations]) -> Self {
        let shape = Shape::of(network);
        let beside = Shape::real_valued(network.specification(), shape.has_biases());
        let works: Vec<Work> = operations.iter().map(|one| Work::spiking(&shape, one)).collect();
        let dnn: Vec<Work> = operations.iter().map(|one| Work::beside(&beside, one, RectifierShares::ALL)).collect();
        let energies = TABLES.iter().map(|table| Priced {
            table,
            network: microjoules(table, &shape, &works),
            dnn: microjoules(table, &beside, &dnn),
        });
        Self {
            texts: works.len(),
            numbers: Numbers::of(network),
            work: mean(&works),
            dnn: mean(&dnn),
            energies: energies.collect(),
            exact: None,
        }
    }

    /// Of a real-valued network; the work of each text is [`Work::real_valued`] or, where it was not run, the default.
    #[must_use]
    pub fn real_valued(shape: &Shape<'_>, numbers: Numbers, works: &[Work]) -> Self {
        let energies = TABLES.iter().map(|table| {
            let energy = microjoules(table, shape, works);
            Priced { table, network: energy, dnn: energy }
        });
        let work = mean(works);
        Self { texts: works.len(), numbers, work, dnn: work, energies: energies.collect(), exact: None }
    }

    /// Adds the exact counts of the same texts; those that were not run have none.
    #[must_use]
    pub fn with_exact(self, counts: &[Exact]) -> Self {
        let texts = self.texts.max(1) as f64;
        let per_text = |of: &dyn Fn(&Exact) -> u64| counts.iter().map(of).sum::<u64>() as f64 / texts;
        let exact = ExactMeans {
            effective_acs: per_text(&|exact| exact.convolution_acs + exact.output_acs),
            membrane_updates: [0, 1, 2].map(|layer| per_text(&|exact| exact.membrane_updates[layer])),
        };
        Self { exact: Some(exact), ..self }
    }

    /// NeuroBench's activation sparsity: the share of outputs that are zero, counted over all layers, steps and texts.
    #[must_use]
    pub fn activation_sparsity(&self) -> f64 {
        self.work.outputs().sparsity()
    }

    /// The same by layer, for layers that have outputs.
    #[must_use]
    pub fn activation_sparsity_by_layer(&self) -> Vec<(&'static str, f64)> {
        let layers = [
            ("convolution", self.work.convolution_outputs),
            ("features", self.work.feature_outputs),
            ("outputs", self.work.output_outputs),
        ];
        layers
            .into_iter()
            .filter(|(_, outputs)| outputs.all > 0.0)
            .map(|(layer, outputs)| (layer, outputs.sparsity()))
            .collect()
    }

    /// Membranes that changed, if they were counted.
    #[must_use]
    pub fn membrane_updates(&self) -> Option<f64> {
        self.exact.map(|exact| exact.membrane_updates.iter().sum())
    }

    /// NeuroBench's neuron operations: effective ones, if membrane updates were counted, and dense ones.
    #[must_use]
    pub fn neuron_operations(&self) -> (Option<f64>, f64) {
        let of = |updates: f64| OPERATIONS_OF_AN_UPDATE * updates;
        (self.membrane_updates().map(of), of(self.work.neuron_updates))
    }
}

fn microjoules(table: &Table, shape: &Shape<'_>, works: &[Work]) -> f64 {
    works.iter().map(|work| table.microjoules(shape, work)).sum::<f64>() / works.len().max(1) as f64
}

fn mean(works: &[Work]) -> Work {
    works.iter().fold(Work::default(), |sum, work| sum + *work) * (1.0 / works.len().max(1) as f64)
}
