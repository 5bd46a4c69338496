//! Weights of a layer as rows, one for each neuron, and when these fire.

use spiketext::Result;
use spiketext_kernels::{NeuronParameters, Reset};

use super::{MOST_WEIGHTS, refuse};
use crate::{array::Array, layout::Layout};

/// What is left of a first membrane when the first current comes.
pub(super) fn first_charge(neuron: &NeuronParameters, threshold: f32) -> f64 {
    f64::from(neuron.beta * (neuron.initial * threshold))
}

/// When a neuron fires, and with what it begins.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Fire {
    pub threshold: f64,
    /// The charge of the first step.
    pub first: f64,
}

impl Fire {
    /// Of a neuron whose currents are whole multiples of `unit`.
    pub(super) fn of(neuron: &NeuronParameters, threshold: f32, unit: f64, layout: &Layout) -> Self {
        let first = first_charge(neuron, threshold);
        let threshold = f64::from(threshold);
        if layout.steps == 1 || neuron.beta == 1.0 && neuron.reset == Reset::Hard {
            // Fires from one multiple on before its first spike, and from another on after it.
            let whole = (threshold / unit).floor();
            let at_first = ((threshold - first) / unit).floor();
            return Self { threshold: (whole + 0.5) * unit, first: (whole - at_first) * unit };
        }
        let on_grid = |value: f64| (value / unit).fract() == 0.0;
        if layout.target.rule().subtracts && on_grid(threshold) && on_grid(first) {
            // What is subtracted must stay what it is, so membranes begin half a unit lower.
            return Self { threshold, first: first - unit / 2.0 };
        }
        Self { threshold, first }
    }
}

/// A layer to be written: rows of weights, one for each neuron, with what they need beside.
pub(super) struct Rows {
    /// `[rows, ...]`.
    pub weight: Array<f32>,
    pub bias: Vec<f64>,
    pub fires: Vec<Fire>,
}

impl Rows {
    /// For a reader whose neurons may fire several times a step, in a network of one step: thresholds and biases so
    /// high that no sum of weights reaches twice a threshold. Whether a neuron fires stays what it was. Gives the new
    /// threshold.
    pub(super) fn lifted(&mut self, threshold: f64) -> f64 {
        let width = self.weight.values.len() / self.bias.len();
        let rows = self.weight.values.chunks_exact(width).zip(&self.bias);
        let most =
            rows.map(|(row, bias)| row.iter().map(|&weight| f64::from(weight).max(0.0)).sum::<f64>() + bias.max(0.0));
        // A power of two is a whole multiple of every unit.
        let by = most.fold(threshold, f64::max).log2().ceil().exp2();
        self.bias.iter_mut().for_each(|bias| *bias += by);
        threshold + by
    }

    /// The same neurons with one threshold: if theirs differ, weights and biases are divided by them.
    pub(super) fn of_one_threshold(mut self) -> (Self, f64) {
        let Some(&Fire { threshold, .. }) = self.fires.first() else { return (self, 0.0) };
        if self.fires.iter().all(|fire| fire.threshold == threshold) {
            return (self, threshold);
        }
        let width = self.weight.values.len() / self.fires.len();
        for ((row, bias), fire) in self.weight.values.chunks_exact_mut(width).zip(&mut self.bias).zip(&self.fires) {
            row.iter_mut().for_each(|weight| *weight = (f64::from(*weight) / fire.threshold) as f32);
            *bias /= fire.threshold;
        }
        (self, 1.0)
    }
}

/// Kernels over the places of a text as a `Conv2d` of square kernels, of which only the middle column sees anything:
/// readers know no `Conv1d`, or take other kernels for square ones.
pub(super) struct SquareKernel {
    /// `[rows, channels, reach, reach]`.
    pub weight: Array<f32>,
}

impl SquareKernel {
    pub(super) fn new(rows: usize, channels: usize, reach: usize) -> Result<Self> {
        let shape = [rows, channels, reach, reach];
        let all = shape.iter().fold(1usize, |all, &size| all.saturating_mul(size));
        if all > MOST_WEIGHTS {
            let expected = format!("at most {MOST_WEIGHTS} weights of a node (fewer filters or narrower kernels)");
            return refuse(expected, format!("{shape:?}"));
        }
        Ok(Self { weight: Array::full(&shape, 0.0) })
    }

    pub(super) fn at(&self, row: usize, channel: usize, place: usize) -> usize {
        let [_, channels, reach, _] = self.weight.shape[..] else { unreachable!("four axes") };
        ((row * channels + channel) * reach + place) * reach + reach / 2
    }

    pub(super) fn set(&mut self, row: usize, channel: usize, place: usize, weight: f32) {
        let at = self.at(row, channel, place);
        self.weight.values[at] = weight;
    }

    pub(super) fn add(&mut self, row: usize, channel: usize, place: usize, weight: f32) {
        let at = self.at(row, channel, place);
        self.weight.values[at] += weight;
    }
}
