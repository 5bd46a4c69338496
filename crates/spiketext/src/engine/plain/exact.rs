//! What the fast engine does not count: weights that are zero, and membranes that change.

use serde::Serialize;
use spiketext_kernels::Drive;

use super::{Observer, Tokens, run};
use crate::{encode::Noise, network::Network};

/// Exact counts of one text, as NeuroBench defines them, each by leaf of the chain.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ExactOperations {
    /// Spikes (and presence currents) times weights that are not zero.
    pub acs: Vec<u64>,
    /// Membrane updates: every membrane at the first step, and at later ones those that are not what they were a step
    /// before.
    pub membrane_updates: Vec<u64>,
}

impl ExactOperations {
    /// Counts a text of word ids ([`crate::text::UNKNOWN`] for unknown words), neuron by neuron, which takes many
    /// times as long as a run: so nothing asks for it unless a user does. `None` for graded codes, whose operations
    /// are no accumulations.
    ///
    /// # Panics
    /// As [`crate::engine::run`].
    #[must_use]
    pub fn of(network: &Network, noise: Noise, text: &[u32]) -> Option<Self> {
        if network.config().encoder.drive() != Drive::Spikes {
            return None;
        }
        let layers = network.config().chain.leaves().len();
        let mut exact = Self { acs: vec![0; layers], membrane_updates: vec![0; layers] };
        run(network, &Tokens::of(network, noise, text), &mut exact);
        Some(exact)
    }
}

impl Observer for ExactOperations {
    fn sees_synapses(&self) -> bool {
        true
    }

    fn synapses(&mut self, leaf: usize, _: (usize, usize), row: &[f32]) {
        self.acs[leaf] += row.iter().filter(|&&weight| weight != 0.0).count() as u64;
    }

    fn membranes(&mut self, leaf: usize, t: usize, before: &[f32], after: &[f32]) {
        let changed = before.iter().zip(after).filter(|(before, after)| t == 0 || before != after);
        self.membrane_updates[leaf] += changed.count() as u64;
    }
}
