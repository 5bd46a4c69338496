//! What a network holds: NeuroBench's footprint, parameter count and connection sparsity.

use serde::Serialize;

use super::{Numbers, Shape};
use crate::network::{Codes, Network};

/// Footprint that a network holds in memory while it runs.
///
/// Counted are the word codes (one or two bytes each in a spiking network, four in a real-valued one; active inputs in as
/// many bits as name one, a word in whole bytes), synapses, presence currents, biases and thresholds of the features (four
/// bytes each, but synapses of 8 and 4 bits in their bits), zeros included. Not counted are the words' spellings, the
/// second copy of the synapses that fast kernels read, membranes, and products that a runner keeps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Footprint {
    /// All numbers that training finds, those of the word codes included; thresholds are not among them.
    pub parameters: u64,
    /// Footprint of the word codes.
    pub code_parameters: u64,
    /// Bytes of all of them and of the thresholds: NeuroBench's footprint.
    pub footprint: u64,
    /// Bytes of the word codes.
    pub code_bytes: u64,
    /// Weights of connections: synapses, and presence currents where there are any.
    pub connections: u64,
    /// Those that are zero.
    pub zero_connections: u64,
}

/// Bytes of an `f32`.
const FLOAT: u64 = 4;

impl Footprint {
    /// Of a spiking network.
    #[must_use]
    pub fn of(network: &Network) -> Self {
        let codes = network.weights().codes.len() as u64;
        let code_bytes = match &network.weights().codes {
            Codes::Eight(_) => codes,
            Codes::Sixteen(_) => 2 * codes,
            Codes::Active { active, .. } => {
                let names = u64::from(network.config().dimension().ilog2()) + 1;
                codes / (*active).max(1) as u64 * (*active as u64 * names).div_ceil(8)
            }
        };
        let shape = Shape::of(network);
        let presence = shape.has_presence();
        let layers = &network.weights().layers;
        let connections: Vec<&[f32]> = layers
            .iter()
            .flat_map(|layer| {
                let presence: &[f32] = if presence { &layer.presence } else { &[] };
                [&layer.synapses[..], presence, &layer.shortcut]
            })
            .collect();
        let thresholds = layers.iter().map(|layer| layer.thresholds.len() as u64).sum();
        let all = Self::with((codes, code_bytes), network.parameters() as u64, thresholds, &connections);
        let Numbers::Whole { weights: bits, .. } = shape.numbers() else { return all };
        let synapses: u64 = layers.iter().map(|layer| layer.synapses.len() as u64).sum();
        Self { footprint: all.footprint - FLOAT * synapses + (u64::from(bits) * synapses).div_ceil(8), ..all }
    }

    /// Of a real-valued network: how many numbers its word codes have, its weights, and how many biases it has.
    #[must_use]
    pub fn real_valued(codes: usize, connections: &[&[f32]], biases: usize) -> Self {
        let (codes, weights) = (codes as u64, connections.iter().map(|weights| weights.len()).sum::<usize>());
        Self::with((codes, FLOAT * codes), (weights + biases) as u64, 0, connections)
    }

    fn with((codes, code_bytes): (u64, u64), parameters: u64, buffers: u64, connections: &[&[f32]]) -> Self {
        let weights = || connections.iter().flat_map(|weights| weights.iter());
        Self {
            parameters: codes + parameters,
            code_parameters: codes,
            footprint: code_bytes + FLOAT * (parameters + buffers),
            code_bytes,
            connections: weights().count() as u64,
            zero_connections: weights().filter(|&&weight| weight == 0.0).count() as u64,
        }
    }

    /// NeuroBench's connection sparsity, not rounded: the share of weights that are zero.
    #[must_use]
    pub fn connection_sparsity(&self) -> f64 {
        self.zero_connections as f64 / self.connections.max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        encode::Encoder,
        engine::tests::network,
        network::{CodeBits, NO_INPUT, NetworkConfig, Padding, Readout, SynapseBits, Weights},
    };

    #[test]
    fn bytes_follow_from_the_sizes() {
        // Ten words of 12 dimensions; widths 2 and 3 of 9 filters: 45 products, 18 channels; 6 outputs.
        let network = network(Readout::Membrane, Encoder::Regular, Padding::Valid);
        let footprint = Footprint::of(&network);
        let others = 12 * 45 + 45 + 18 + 18 * 6 + 6;
        assert_eq!((footprint.code_parameters, footprint.parameters), (120, 120 + others));
        assert_eq!((footprint.code_bytes, footprint.footprint), (240, 240 + 4 * (others + 18)));
        assert_eq!(footprint.connections, 12 * 45 + 45 + 18 * 6);
        let eight = Codes::from_fixed(vec![0; 120], CodeBits::Eight);
        let weights = Weights { codes: eight, ..network.weights().clone() };
        let small = Footprint::of(&Network::new(network.config().clone(), weights).expect("a network"));
        assert_eq!(small.footprint + 120, footprint.footprint);
        assert_eq!(
            Footprint::real_valued(120, &[&[0.5; 540], &[0.5; 108]], 24).footprint,
            4 * (120 + 540 + 108 + 24)
        );
    }

    #[test]
    fn few_bits_are_counted_in_bits() {
        let network = network(Readout::Membrane, Encoder::Regular, Padding::Valid);
        let plain = Footprint::of(&network);
        let of = |synapse_bits| {
            let config = NetworkConfig { synapse_bits, ..network.config().clone() };
            Footprint::of(&Network::new(config, network.weights().clone()).expect("a network"))
        };
        let synapses = 12 * 45 + 18 * 6;
        assert_eq!(of(SynapseBits::Eight).footprint + 3 * synapses, plain.footprint);
        assert_eq!(2 * of(SynapseBits::Four).footprint + 7 * synapses, 2 * plain.footprint);
        assert_eq!(of(SynapseBits::Four).parameters, plain.parameters);
        // Ten words of three active inputs out of 12, which take 4 bits with the number that stands for none.
        let inputs = (0..10).flat_map(|word| [0, 1 + word, NO_INPUT]).collect();
        let weights = Weights { codes: Codes::Active { active: 3, inputs }, ..network.weights().clone() };
        let config = NetworkConfig { encoder: Encoder::Winners, ..network.config().clone() };
        let active = Footprint::of(&Network::new(config, weights).expect("a network"));
        assert_eq!((active.code_bytes, active.code_parameters), (10 * 2, 30));
    }

    #[test]
    fn connection_sparsity_goes_from_0_to_1() {
        let of = |weights: [&[f32]; 2]| Footprint::real_valued(0, &weights, 0).connection_sparsity();
        assert_eq!(of([&[1.0, -2.0], &[0.5]]), 0.0);
        assert_eq!(of([&[1.0, 0.0], &[0.0, 3.0]]), 0.5);
        assert_eq!(of([&[0.0, -0.0], &[0.0]]), 1.0);
        assert_eq!(of([&[], &[]]), 0.0);
    }
}
