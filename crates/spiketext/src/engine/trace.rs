//! Every spike of one text, layer by layer.

use spiketext_kernels::{Drive, SILENT, SpikeTrain, TokenBatch};

use super::{Layers, convolution};
use crate::network::Network;

/// All spikes of one text.
#[derive(Clone, Debug, PartialEq)]
pub struct Trace {
    /// Spikes of each token that was read, `[T, D]` each; silent ones are empty trains, and so are those that give
    /// a constant current.
    pub tokens: Vec<SpikeTrain>,
    /// Spikes of the convolution neurons for each kernel width, `[T P, F]`, row `t P + p`.
    pub convolution: Vec<SpikeTrain>,
    /// Spikes of the pooled features, `[T, C]`.
    pub features: SpikeTrain,
    /// Spikes of the outputs, `[T, O]`; none for the membrane read-out.
    pub outputs: Option<SpikeTrain>,
    /// Currents into the outputs, `[T, O]`.
    pub output_currents: Vec<f32>,
}

impl Trace {
    /// The trace of a batch of one text.
    pub(super) fn new(network: &Network, batch: &TokenBatch, spikes: &SpikeTrain, layers: &Layers) -> Self {
        let specification = network.specification();
        let (shape, steps, time) = (&specification.convolution, specification.steps, specification.time());
        let tokens = batch
            .text(0)
            .iter()
            .map(|&row| {
                let mut train = SpikeTrain::silent(steps, shape.dimension);
                if row != SILENT && time.drive != Drive::Current {
                    for t in 0..steps {
                        train.row_mut(t).copy_from_slice(spikes.row(row as usize * steps + t));
                    }
                }
                train
            })
            .collect();
        Self {
            tokens,
            convolution: convolution(network).trace(spikes, batch, 0),
            features: bits(&layers.features, steps, shape.channels()),
            outputs: layers.outputs.as_ref().map(|spikes| bits(spikes, steps, specification.outputs())),
            output_currents: layers.currents.clone(),
        }
    }
}

/// Spikes of 0.0 and 1.0 as bits.
fn bits(spikes: &[f32], rows: usize, columns: usize) -> SpikeTrain {
    let mut train = SpikeTrain::silent(rows, columns);
    for (i, _) in spikes.iter().enumerate().filter(|(_, spike)| **spike > 0.0) {
        train.set(i / columns, i % columns);
    }
    train
}
