//! What numbers a network computes in, as far as their price goes.

use spiketext_kernels::Drive;

use crate::network::NetworkConfig;

/// What a network's numbers are.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Numbers {
    /// What a cost table says.
    #[default]
    OfTable,
    /// Whole numbers of few bits, with sums of 32.
    Whole {
        /// Bits of a weight.
        weights: u32,
        /// Bits of an input, and of what a layer gives.
        inputs: u32,
    },
}

impl Numbers {
    /// Those of a spiking network: whole ones where its weights have so few bits that there is a price for them, and meet
    /// spikes; membranes and thresholds are sums of such.
    #[must_use]
    pub fn of(config: &NetworkConfig) -> Self {
        let weights = config.synapse_bits.count();
        if weights <= 8 && config.encoder.drive() == Drive::Spikes {
            Self::Whole { weights, inputs: 1 }
        } else {
            Self::OfTable
        }
    }
}
