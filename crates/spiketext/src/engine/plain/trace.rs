//! The observers that keep what they see of one text: every spike, and what each input said to the outputs.

use spiketext_kernels::{Drive, SILENT, SpikeTrain};

use super::{Activity, Observer, Tokens};
use crate::network::{Network, Signal};

/// All spikes of one text.
#[derive(Clone, Debug, PartialEq)]
pub struct Trace {
    /// Spikes of each token that was read, `[T, D]` each; silent ones are empty trains, and so are those that give
    /// a constant current.
    pub tokens: Vec<SpikeTrain>,
    /// What each leaf of the chain did.
    pub layers: Vec<LayerTrace>,
    /// Currents into the outputs, `[T, O]`.
    pub output_currents: Vec<f32>,
}

/// What one layer did.
#[derive(Clone, Debug, PartialEq)]
pub enum LayerTrace {
    /// Spikes of neurons at positions, for each kernel width `[T P, F]`, row `t P + p`.
    Positions(Vec<SpikeTrain>),
    /// Spikes were summed over positions: nothing of its own.
    Sums,
    /// Spikes of neurons that see the whole text, `[T, C]`.
    Spikes(SpikeTrain),
    /// Spikes of the outputs, `[T, O]`; `None` where they only integrate.
    Outputs(Option<SpikeTrain>),
}

impl Trace {
    /// A trace that knows the tokens and waits for the layers.
    pub(in crate::engine) fn new(network: &Network, tokens: &Tokens) -> Self {
        let (time, dimension) = (network.config().time(), network.config().dimension());
        let train_of = |&row: &u32| {
            let mut train = SpikeTrain::silent(time.steps, dimension);
            if row != SILENT && time.drive != Drive::Current {
                for t in 0..time.steps {
                    train.row_mut(t).copy_from_slice(tokens.spikes.row(row as usize * time.steps + t));
                }
            }
            train
        };
        let tokens = tokens.batch.text(0).iter().map(train_of).collect();
        Self { tokens, layers: Vec::new(), output_currents: Vec::new() }
    }

    /// Spikes of the text convolution for each kernel width, `[T P, F]`, row `t P + p`.
    #[must_use]
    pub fn convolution(&self) -> &[SpikeTrain] {
        match &self.layers[0] {
            LayerTrace::Positions(trains) => trains,
            _ => unreachable!("a chain begins with a text convolution"),
        }
    }

    /// Spikes of the neurons that see the whole text, `[T, C]`, layer by layer.
    pub fn features(&self) -> impl Iterator<Item = &SpikeTrain> {
        self.layers.iter().filter_map(|layer| match layer {
            LayerTrace::Spikes(train) => Some(train),
            _ => None,
        })
    }

    /// Spikes of the outputs, `[T, O]`; `None` for the membrane read-out.
    #[must_use]
    pub fn outputs(&self) -> Option<&SpikeTrain> {
        match self.layers.last() {
            Some(LayerTrace::Outputs(train)) => train.as_ref(),
            _ => None,
        }
    }
}

impl Observer for Trace {
    fn activity(&mut self, _: usize, activity: &Activity) {
        self.layers.push(match activity {
            Activity::Positions(trains) => LayerTrace::Positions(trains.clone()),
            Activity::Sums(..) => LayerTrace::Sums,
            Activity::Spikes(train) => LayerTrace::Spikes(train.clone()),
            Activity::Outputs(currents, spikes) => {
                self.output_currents.clone_from(currents);
                LayerTrace::Outputs(spikes.clone())
            }
        });
    }
}

/// What each input of the read-out added to the currents of the outputs over all time: with the biases, that is all
/// they got.
#[derive(Clone, Debug, PartialEq)]
pub struct Contributions {
    leaf: usize,
    /// Outputs O.
    pub outputs: usize,
    /// Currents from each input, summed over time, `[C, O]`. Where spikes come summed over positions, those of one
    /// spike at each of them are not yet divided by their number.
    pub currents: Vec<f32>,
}

impl Contributions {
    /// None yet.
    pub(in crate::engine) fn new(network: &Network) -> Self {
        let leaves = network.config().chain.leaves();
        let leaf = leaves.len() - 1;
        debug_assert!(leaves[leaf].output == Signal::Scores);
        let (inputs, outputs) = (leaves[leaf].inputs, leaves[leaf].outputs);
        Self { leaf, outputs, currents: vec![0.0; inputs * outputs] }
    }
}

impl Observer for Contributions {
    fn synapses(&mut self, leaf: usize, (_, c): (usize, usize), row: &[f32]) {
        if leaf == self.leaf {
            let own = &mut self.currents[c * self.outputs..][..self.outputs];
            own.iter_mut().zip(row).for_each(|(sum, weight)| *sum += weight);
        }
    }
}
