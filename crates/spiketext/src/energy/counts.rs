//! What one text, or a text on average, makes a network do: operations and activity by layer, over all time steps.
//!
//! The words are NeuroBench's (Yik et al. 2025, version 2.3 of its code):
//!
//! ```text
//! effective   an input that is not zero times a weight; inputs of 0 and 1 make accumulations (ACs), all others
//!             multiply-accumulations (MACs); biases and pooling are left out
//! dense       the same with every input 1: rows of padding and silent tokens count, zeros around a text that is
//!             shorter than a kernel do not
//! activity    outputs of spiking neurons or rectifiers that are not zero, over all of them
//! ```
//!
//! Where pooled spikes go straight into dense layers or outputs, each spike is an accumulation, as if it went there
//! from its position; to NeuroBench the sum would be one input and a MAC. As a sum is one input among the dense
//! operations, there can be more effective operations of such a layer than dense ones.
//!
//! NeuroBench also leaves out weights that are zero. The engine does not look at weights when it counts, so effective
//! operations are bounds from above here, and exact where no weight is zero; [`crate::engine::ExactOperations`]
//! leaves them out.

use std::ops::{Add, Mul};

use serde::Serialize;
use spiketext_kernels::Drive;

use super::Shape;
use crate::{
    engine::{Operations, cover, later_connections},
    network::{Signal, UnknownWord},
    text::UNKNOWN,
};

/// Operations of a layer of connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Connections {
    /// Effective multiply-accumulations.
    pub macs: f64,
    /// Effective accumulations.
    pub acs: f64,
    /// Dense operations.
    pub dense: f64,
}

/// Outputs of a layer of neurons or rectifiers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Outputs {
    /// All of them, over all steps.
    pub all: f64,
    /// Those that are not zero.
    pub active: f64,
}

impl Outputs {
    /// Share of the outputs that are zero; 0 where there are none, as in NeuroBench.
    #[must_use]
    pub fn sparsity(&self) -> f64 {
        if self.all > 0.0 { (self.all - self.active) / self.all } else { 0.0 }
    }
}

/// What a layer does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct LayerCounts {
    /// Its connections.
    pub connections: Connections,
    /// Its neurons that fire, or its rectifiers; pooling alone is no activation.
    pub outputs: Outputs,
}

/// What a text makes a network do. Fields are whole numbers for one text, means for many.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct OperationCounts {
    /// Time steps; 1 for a real-valued network, 0 for a text that was not run.
    pub steps: f64,
    /// Those at which inputs meet their weights: one, where the current is constant.
    pub input_steps: f64,
    /// Rows of the input.
    pub rows: f64,
    /// Input spikes over all steps, presence currents among them; in a real-valued network, inputs that are not zero.
    pub active_inputs: f64,
    /// Each leaf of the chain, in order.
    pub layers: Vec<LayerCounts>,
    /// Neuron updates over all steps: every neuron with a membrane at every step, integrators of the membrane
    /// read-out too. NeuroBench's count of membranes that changed is at most this.
    pub neuron_updates: f64,
}

/// How much of a real-valued network's activity is not zero, as shares.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RectifierShares {
    /// Of the rectifiers at all positions.
    pub convolution: f64,
    /// Of the pooled features, which are the inputs of what follows.
    pub features: f64,
}

impl RectifierShares {
    /// Nothing is zero: what to take where the real-valued network was not run.
    pub const ALL: Self = Self { convolution: 1.0, features: 1.0 };
}

impl OperationCounts {
    /// Of a spiking network on a text of which the engine counted `operations`.
    #[must_use]
    pub fn spiking(shape: &Shape<'_>, operations: &Operations) -> Self {
        if was_not_run(operations) {
            return Self::default();
        }
        let config = shape.config();
        let rows = shape.rows(operations.tokens as usize);
        let steps = config.steps as f64;
        let input_steps = if config.encoder.drive() == Drive::Current { 1.0 } else { steps };
        let present = (operations.tokens - operations.silent_tokens) as f64;
        let presence = if shape.has_presence() { input_steps * present } else { 0.0 };
        let mut membranes = 0;
        let layers = config.chain.leaves().iter().zip(&operations.layers).map(|(leaf, counted)| {
            let neurons = shape.neurons(leaf, rows);
            membranes += if leaf.output == Signal::Scores { leaf.outputs } else { neurons };
            let times = if leaf.input == Signal::Tokens { input_steps } else { steps };
            LayerCounts {
                connections: Connections {
                    macs: counted.macs as f64,
                    acs: counted.acs as f64,
                    dense: times * (shape.connections(leaf, rows) + shape.shortcut_connections(leaf, rows)) as f64,
                },
                outputs: if neurons > 0 {
                    Outputs { all: steps * neurons as f64, active: counted.spikes as f64 }
                } else {
                    Outputs::default()
                },
            }
        });
        let layers = layers.collect();
        Self {
            steps,
            input_steps,
            rows: rows as f64,
            active_inputs: operations.input_spikes as f64 + presence,
            layers,
            neuron_updates: steps * membranes as f64,
        }
    }

    /// Of the real-valued network beside a spiking one, on a text of which the engine counted `operations`. Word
    /// rates are not zero; silent tokens and padding are.
    #[must_use]
    pub fn beside(shape: &Shape<'_>, operations: &Operations, shares: RectifierShares) -> Self {
        if was_not_run(operations) {
            return Self::default();
        }
        let present = operations.tokens - operations.silent_tokens;
        let later = later_connections(shape.config(), shape.first_positions(shape.rows(operations.tokens as usize)));
        Self::real(shape, operations.tokens as usize, present, operations.dnn_macs - later, shares)
    }

    /// Of a real-valued network on a text of word ids ([`UNKNOWN`] for unknown words), which needs no run.
    #[must_use]
    pub fn real_valued(shape: &Shape<'_>, text: &[u32], shares: RectifierShares) -> Self {
        let config = shape.config();
        let text = &text[..text.len().min(config.padding.longest())];
        let silent = |word: u32| word == UNKNOWN && config.unknown == UnknownWord::Silent;
        let (mut present, mut seen) = (0, 0);
        for (i, _) in text.iter().enumerate().filter(|&(_, &word)| !silent(word)) {
            present += 1;
            for &width in &shape.convolution().widths {
                seen += cover(i, width, Shape::positions(shape.rows(text.len()), width));
            }
        }
        let macs = seen * (shape.convolution().filters * shape.convolution().dimension) as u64;
        Self::real(shape, text.len(), present, macs, shares)
    }

    fn real(shape: &Shape<'_>, tokens: usize, present: u64, macs: u64, shares: RectifierShares) -> Self {
        let rows = shape.rows(tokens);
        let layers = shape.config().chain.leaves().iter().map(|leaf| {
            let dense = shape.connections(leaf, rows) as f64;
            let macs = match leaf.input {
                Signal::Tokens => macs as f64,
                Signal::Positions => shares.convolution * dense,
                Signal::Sums | Signal::Spikes | Signal::Scores => shares.features * dense,
            };
            let rectifiers = if leaf.output == Signal::Positions { shape.neurons(leaf, rows) as f64 } else { 0.0 };
            LayerCounts {
                connections: Connections { macs, acs: 0.0, dense },
                outputs: Outputs { all: rectifiers, active: shares.convolution * rectifiers },
            }
        });
        Self {
            steps: 1.0,
            input_steps: 1.0,
            rows: rows as f64,
            active_inputs: (present * shape.convolution().dimension as u64) as f64,
            layers: layers.collect(),
            neuron_updates: 0.0,
        }
    }

    fn connections(&self) -> Connections {
        self.layers.iter().fold(Connections::default(), |sum, layer| sum + layer.connections)
    }

    /// Effective multiply-accumulations.
    #[must_use]
    pub fn macs(&self) -> f64 {
        self.connections().macs
    }

    /// Effective accumulations.
    #[must_use]
    pub fn acs(&self) -> f64 {
        self.connections().acs
    }

    /// Dense operations.
    #[must_use]
    pub fn dense(&self) -> f64 {
        self.connections().dense
    }

    /// Outputs of all layers of neurons or rectifiers.
    #[must_use]
    pub fn outputs(&self) -> Outputs {
        self.layers.iter().fold(Outputs::default(), |sum, layer| sum + layer.outputs)
    }
}

/// A model does not run its network on a text without a known word. Any text that was run costs the DNN its outputs.
fn was_not_run(operations: &Operations) -> bool {
    operations.dnn_macs == 0
}

impl Add for Connections {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self { macs: self.macs + other.macs, acs: self.acs + other.acs, dense: self.dense + other.dense }
    }
}

impl Mul<f64> for Connections {
    type Output = Self;
    fn mul(self, factor: f64) -> Self {
        Self { macs: factor * self.macs, acs: factor * self.acs, dense: factor * self.dense }
    }
}

impl Add for Outputs {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self { all: self.all + other.all, active: self.active + other.active }
    }
}

impl Mul<f64> for Outputs {
    type Output = Self;
    fn mul(self, factor: f64) -> Self {
        Self { all: factor * self.all, active: factor * self.active }
    }
}

impl Add for LayerCounts {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self { connections: self.connections + other.connections, outputs: self.outputs + other.outputs }
    }
}

impl Mul<f64> for LayerCounts {
    type Output = Self;
    fn mul(self, factor: f64) -> Self {
        Self { connections: self.connections * factor, outputs: self.outputs * factor }
    }
}

impl Add<&Self> for OperationCounts {
    type Output = Self;
    fn add(mut self, other: &Self) -> Self {
        // A text that was not run has no layers.
        self.layers.resize(self.layers.len().max(other.layers.len()), LayerCounts::default());
        self.layers.iter_mut().zip(&other.layers).for_each(|(sum, layer)| *sum = *sum + *layer);
        Self {
            steps: self.steps + other.steps,
            input_steps: self.input_steps + other.input_steps,
            rows: self.rows + other.rows,
            active_inputs: self.active_inputs + other.active_inputs,
            layers: self.layers,
            neuron_updates: self.neuron_updates + other.neuron_updates,
        }
    }
}

impl Mul<f64> for OperationCounts {
    type Output = Self;
    fn mul(self, factor: f64) -> Self {
        Self {
            steps: self.steps * factor,
            input_steps: self.input_steps * factor,
            rows: self.rows * factor,
            active_inputs: self.active_inputs * factor,
            layers: self.layers.into_iter().map(|layer| layer * factor).collect(),
            neuron_updates: self.neuron_updates * factor,
        }
    }
}
