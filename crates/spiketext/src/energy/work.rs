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
//! NeuroBench also leaves out weights that are zero. The engine does not look at weights when it counts, so effective
//! operations are bounds from above here, and exact where no weight is zero; [`super::Exact`] leaves them out.

use std::ops::{Add, Mul};

use serde::Serialize;
use spiketext_kernels::Drive;

use super::Shape;
use crate::{
    engine::{Operations, cover},
    network::UnknownWord,
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

/// Work of a text. Fields are whole numbers for one text, means for many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Work {
    /// Time steps; 1 for a real-valued network, 0 for a text that was not run.
    pub steps: f64,
    /// Those at which inputs meet their weights: one, where the current is constant.
    pub input_steps: f64,
    /// Rows of the input.
    pub rows: f64,
    /// Input spikes over all steps, presence currents among them; in a real-valued network, inputs that are not zero.
    pub active_inputs: f64,
    /// Into the convolution.
    pub convolution: Connections,
    /// Into the outputs.
    pub output: Connections,
    /// Neurons (rectifiers) of the convolution at all positions.
    pub convolution_outputs: Outputs,
    /// Neurons of the pooled features; pooling alone is no activation.
    pub feature_outputs: Outputs,
    /// Output neurons that fire.
    pub output_outputs: Outputs,
    /// Neuron updates over all steps: every neuron with a membrane at every step, integrators of the membrane read-out
    /// too. NeuroBench's count of membranes that changed is at most this.
    pub neuron_updates: f64,
}

/// How much of a real-valued network's activity is not zero, as shares.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RectifierShares {
    /// Of the rectifiers of the convolution at all positions.
    pub convolution: f64,
    /// Of the pooled features, which are the inputs of the outputs.
    pub features: f64,
}

impl RectifierShares {
    /// Nothing is zero: what to take where the real-valued network was not run.
    pub const ALL: Self = Self { convolution: 1.0, features: 1.0 };
}

impl Work {
    /// Of a spiking network on a text of which the engine counted `operations`.
    #[must_use]
    pub fn spiking(shape: &Shape<'_>, operations: &Operations) -> Self {
        if was_not_run(operations) {
            return Self::default();
        }
        let specification = shape.specification();
        let (channels, outputs) = (shape.convolution().channels(), specification.outputs());
        let rows = shape.rows(operations.tokens as usize);
        let (steps, neurons) = (specification.steps as f64, shape.convolution_neurons(rows));
        let input_steps = if specification.encoder.drive() == Drive::Current { 1.0 } else { steps };
        let present = (operations.tokens - operations.silent_tokens) as f64;
        let presence = if shape.has_presence() { input_steps * present } else { 0.0 };
        let output_outputs = if shape.outputs_fire() {
            Outputs { all: steps * outputs as f64, active: operations.output_spikes as f64 }
        } else {
            Outputs::default()
        };
        Self {
            steps,
            input_steps,
            rows: rows as f64,
            active_inputs: operations.input_spikes as f64 + presence,
            convolution: Connections {
                macs: operations.convolution_macs as f64,
                acs: operations.convolution_acs as f64,
                dense: input_steps * (shape.convolution_connections(rows) * shape.inputs()) as f64,
            },
            output: Connections {
                macs: 0.0,
                acs: operations.output_acs as f64,
                dense: steps * shape.output_connections() as f64,
            },
            convolution_outputs: Outputs {
                all: steps * neurons as f64,
                active: operations.convolution_spikes as f64,
            },
            feature_outputs: Outputs { all: steps * channels as f64, active: operations.feature_spikes as f64 },
            output_outputs,
            neuron_updates: steps * (neurons + channels + outputs) as f64,
        }
    }

    /// Of the real-valued network beside a spiking one, on a text of which the engine counted `operations`. Word rates
    /// are not zero; silent tokens and padding are.
    #[must_use]
    pub fn beside(shape: &Shape<'_>, operations: &Operations, shares: RectifierShares) -> Self {
        if was_not_run(operations) {
            return Self::default();
        }
        let present = operations.tokens - operations.silent_tokens;
        let macs = operations.dnn_macs - shape.output_connections() as u64;
        Self::real(shape, operations.tokens as usize, present, macs, shares)
    }

    /// Of a real-valued network on a text of word ids ([`UNKNOWN`] for unknown words), which needs no run.
    #[must_use]
    pub fn real_valued(shape: &Shape<'_>, text: &[u32], shares: RectifierShares) -> Self {
        let specification = shape.specification();
        let text = &text[..text.len().min(specification.averaging.longest())];
        let silent = |word: u32| word == UNKNOWN && specification.unknown == UnknownWord::Silent;
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
        let (dimension, connections) = (shape.convolution().dimension, shape.output_connections() as f64);
        let rectifiers = shape.convolution_neurons(rows) as f64;
        Self {
            steps: 1.0,
            input_steps: 1.0,
            rows: rows as f64,
            active_inputs: (present * dimension as u64) as f64,
            convolution: Connections {
                macs: macs as f64,
                acs: 0.0,
                dense: (shape.convolution_connections(rows) * dimension) as f64,
            },
            output: Connections { macs: shares.features * connections, acs: 0.0, dense: connections },
            convolution_outputs: Outputs { all: rectifiers, active: shares.convolution * rectifiers },
            ..Self::default()
        }
    }

    /// Effective multiply-accumulations.
    #[must_use]
    pub fn macs(&self) -> f64 {
        self.convolution.macs + self.output.macs
    }

    /// Effective accumulations.
    #[must_use]
    pub fn acs(&self) -> f64 {
        self.convolution.acs + self.output.acs
    }

    /// Dense operations.
    #[must_use]
    pub fn dense(&self) -> f64 {
        self.convolution.dense + self.output.dense
    }

    /// Outputs of all layers of neurons or rectifiers.
    #[must_use]
    pub fn outputs(&self) -> Outputs {
        self.convolution_outputs + self.feature_outputs + self.output_outputs
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

impl Add for Work {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self {
            steps: self.steps + other.steps,
            input_steps: self.input_steps + other.input_steps,
            rows: self.rows + other.rows,
            active_inputs: self.active_inputs + other.active_inputs,
            convolution: self.convolution + other.convolution,
            output: self.output + other.output,
            convolution_outputs: self.convolution_outputs + other.convolution_outputs,
            feature_outputs: self.feature_outputs + other.feature_outputs,
            output_outputs: self.output_outputs + other.output_outputs,
            neuron_updates: self.neuron_updates + other.neuron_updates,
        }
    }
}

impl Mul<f64> for Work {
    type Output = Self;
    fn mul(self, factor: f64) -> Self {
        Self {
            steps: self.steps * factor,
            input_steps: self.input_steps * factor,
            rows: self.rows * factor,
            active_inputs: self.active_inputs * factor,
            convolution: self.convolution * factor,
            output: self.output * factor,
            convolution_outputs: self.convolution_outputs * factor,
            feature_outputs: self.feature_outputs * factor,
            output_outputs: self.output_outputs * factor,
            neuron_updates: self.neuron_updates * factor,
        }
    }
}
