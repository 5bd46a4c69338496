//! The observer that counts what a text costs: [`Operations`] and [`Firing`].

use spiketext_kernels::SpikeTrain;

use super::{Activity, Observer, Tokens, columns_of};
use crate::{
    engine::{Firing, Operations, operations::reach, spike_counts},
    network::{LayerConfig, Network},
};

/// Counts one text.
pub(in crate::engine) struct Tally<'a> {
    network: &'a Network,
    operations: Operations,
    firing: &'a mut Firing,
}

impl<'a> Tally<'a> {
    pub(in crate::engine) fn new(network: &'a Network, tokens: &Tokens, firing: &'a mut Firing) -> Self {
        let token_spikes = spike_counts(network, &tokens.spikes);
        let operations = Operations::before(network, &tokens.batch, 0, &token_spikes);
        firing.add_input(network.config(), &operations);
        Self { network, operations, firing }
    }

    pub(in crate::engine) fn finish(self) -> Operations {
        self.operations
    }

    /// Counts the operations of the leaf that reads this activity.
    fn feed(&mut self, leaf: usize, activity: &Activity) {
        let config = self.network.config();
        let Some(next) = config.chain.leaves().get(leaf + 1) else { return };
        let (mut acs, mut additions) = (0, 0);
        match (&next.layer, activity) {
            (LayerConfig::Convolution { width, .. }, Activity::Positions(trains)) => {
                let positions = trains[0].rows() / config.steps;
                for row in 0..trains[0].rows() {
                    let reached = reach(row % positions, *width, positions).len() * next.outputs;
                    acs += u64::from(trains[0].count_row(row)) * reached as u64;
                }
                acs += next.shortcut.map_or(0, |from| self.operations.layers[from].spikes);
            }
            (LayerConfig::Pooling, _) => additions = self.operations.layers[leaf].spikes,
            (LayerConfig::Dense { .. } | LayerConfig::Readout { .. }, Activity::Sums(sums, _)) => {
                acs = sums.iter().map(|&sum| sum as u64).sum::<u64>() * next.outputs as u64;
            }
            (LayerConfig::Dense { .. } | LayerConfig::Readout { .. }, Activity::Spikes(train)) => {
                acs = train.count() * next.outputs as u64;
            }
            _ => {}
        }
        let operations = &mut self.operations.layers[leaf + 1];
        operations.acs += acs;
        operations.additions += additions;
    }
}

impl Observer for Tally<'_> {
    fn activity(&mut self, leaf: usize, activity: &Activity) {
        let layer = self.firing.layer_mut(leaf);
        let mut count = |train: &SpikeTrain, first: usize| {
            let mut own = vec![0; train.dimension()];
            (0..train.rows()).flat_map(|row| columns_of(train, row)).for_each(|c| own[c] += 1);
            own.iter().enumerate().for_each(|(c, &spikes)| layer.add(first + c, spikes, train.rows() as u64));
            own.iter().sum::<u64>()
        };
        let spikes = match activity {
            Activity::Positions(trains) => {
                trains.iter().enumerate().map(|(which, train)| count(train, which * train.dimension())).sum()
            }
            Activity::Spikes(train) | Activity::Outputs(_, Some(train)) => count(train, 0),
            Activity::Sums(..) | Activity::Outputs(_, None) => 0,
        };
        self.operations.layers[leaf].spikes = spikes;
        self.feed(leaf, activity);
    }
}
