//! Currents and membranes of every neuron, for whoever wants to see how a spike comes about.

use super::{Activity, Observer};
use crate::network::Network;

/// What went into the neurons of one text and what stayed in them, for each leaf of the chain.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Potentials {
    /// A layer each; one that has no neurons (a sum over positions) is empty.
    pub layers: Vec<LayerPotentials>,
}

/// What went into the neurons of a layer and stayed in them; one array for each kernel width of neurons at positions,
/// `[T, P, F]`, and one `[T, C]` for neurons that see the whole text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LayerPotentials {
    /// The current into each neuron at each step, equation (2) with its bias.
    pub currents: Vec<Vec<f32>>,
    /// Its membrane after the step, less what a spike took away.
    pub membranes: Vec<Vec<f32>>,
}

/// Keeps currents and membranes as they come: one position after the other, each over all steps.
pub(in crate::engine) struct Watch {
    steps: usize,
    found: Potentials,
    /// Of the layer that runs: rows `[P, T]` of neurons, widths one after another.
    currents: Vec<f32>,
    membranes: Vec<f32>,
}

impl Watch {
    pub(in crate::engine) fn new(network: &Network) -> Self {
        let steps = network.config().steps;
        Self { steps, found: Potentials::default(), currents: Vec::new(), membranes: Vec::new() }
    }

    pub(in crate::engine) fn finish(self) -> Potentials {
        self.found
    }
}

impl Observer for Watch {
    fn currents(&mut self, _leaf: usize, _t: usize, currents: &[f32]) {
        self.currents.extend_from_slice(currents);
    }

    fn membranes(&mut self, _leaf: usize, _t: usize, _before: &[f32], after: &[f32]) {
        self.membranes.extend_from_slice(after);
    }

    fn activity(&mut self, _leaf: usize, activity: &Activity) {
        let currents = std::mem::take(&mut self.currents);
        let membranes = std::mem::take(&mut self.membranes);
        let mut layer = LayerPotentials::default();
        match activity {
            Activity::Positions(trains) => {
                let mut start = 0;
                for train in trains {
                    let (positions, filters) = (train.rows() / self.steps, train.dimension());
                    let end = start + positions * self.steps * filters;
                    let by_step = |values: &[f32]| -> Vec<f32> {
                        let row = |t: usize, p: usize| &values[start + (p * self.steps + t) * filters..][..filters];
                        let rows = (0..self.steps).flat_map(|t| (0..positions).map(move |p| (t, p)));
                        rows.flat_map(|(t, p)| row(t, p)).copied().collect()
                    };
                    layer.currents.push(by_step(&currents));
                    layer.membranes.push(by_step(&membranes));
                    start = end;
                }
            }
            Activity::Sums(..) => {}
            Activity::Spikes(_) | Activity::Outputs(..) => {
                layer.currents.push(currents);
                layer.membranes.push(membranes);
            }
        }
        self.found.layers.push(layer);
    }
}
