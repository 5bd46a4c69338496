//! The sizes of a network that its costs depend on.

use spiketext_kernels::ConvolutionShape;

use super::Numbers;
use crate::{
    engine::connections,
    network::{LayerConfig, Leaf, Network, NetworkConfig, Signal},
};

/// A network as cost accounts see it: its sizes, and which of its additions happen at all.
#[derive(Clone, Copy, Debug)]
pub struct Shape<'a> {
    config: &'a NetworkConfig,
    presence: bool,
    biases: bool,
    numbers: Numbers,
}

impl<'a> Shape<'a> {
    /// Of a spiking network. Presence currents and biases that are all zero are no operations.
    #[must_use]
    pub fn of(network: &'a Network) -> Self {
        let any = |numbers: &[f32]| numbers.iter().any(|&number| number != 0.0);
        let (config, layers) = (network.config(), &network.weights().layers);
        Self {
            config,
            numbers: Numbers::of(config),
            presence: any(&layers[0].presence),
            biases: layers.iter().any(|layer| any(&layer.bias)),
        }
    }

    /// Of a real-valued network of that shape: nothing stands for the presence of a token there.
    #[must_use]
    pub fn real_valued(config: &'a NetworkConfig, biases: bool) -> Self {
        Self { config, presence: false, biases, numbers: Numbers::OfTable }
    }

    /// The network without its numbers.
    #[must_use]
    pub fn config(&self) -> &'a NetworkConfig {
        self.config
    }

    /// What its numbers are: whole ones of few bits where they were trained as such and meet spikes, else what a cost
    /// table says.
    #[must_use]
    pub fn numbers(&self) -> Numbers {
        self.numbers
    }

    /// Whether real tokens have a constant current (equation 10): one more input that is 1 at every step.
    #[must_use]
    pub fn has_presence(&self) -> bool {
        self.presence
    }

    /// Whether anything is added as a bias.
    #[must_use]
    pub fn has_biases(&self) -> bool {
        self.biases
    }

    /// The text convolution.
    #[must_use]
    pub fn convolution(&self) -> &'a ConvolutionShape {
        self.config.convolution()
    }

    /// Inputs of a token: its dimensions, and presence where there is such a current.
    #[must_use]
    pub fn inputs(&self) -> usize {
        self.convolution().dimension + usize::from(self.presence)
    }

    /// Rows of the input of a text with `tokens` tokens: the padded length, where the network pads.
    #[must_use]
    pub fn rows(&self, tokens: usize) -> usize {
        tokens.max(self.config.padding.padded_length())
    }

    /// Positions of a kernel of `width` over `rows` rows; one where the text is shorter than the kernel.
    #[must_use]
    pub fn positions(rows: usize, width: usize) -> usize {
        rows.max(width) - width + 1
    }

    /// Positions of the first kernel, and of all layers over positions that follow a single one.
    #[must_use]
    pub fn first_positions(&self, rows: usize) -> usize {
        Self::positions(rows, self.convolution().widths[0])
    }

    /// Neurons of a leaf that fire, or its rectifiers: channels at all positions, or those of the text.
    #[must_use]
    pub fn neurons(&self, leaf: &Leaf, rows: usize) -> usize {
        match (&leaf.layer, leaf.output) {
            (LayerConfig::TextConvolution { shape, .. }, _) => {
                let of = |&width: &usize| Self::positions(rows, width) * shape.filters;
                shape.widths.iter().map(of).sum()
            }
            (_, Signal::Positions) => self.first_positions(rows) * leaf.outputs,
            (layer, _) if layer.firing_neuron().is_some() => leaf.outputs,
            _ => 0,
        }
    }

    /// Connections of a leaf. In the text convolution those of one input of every row: zeros around a text shorter
    /// than the kernel are no inputs; rows of padding are, as in NeuroBench, which sets every input to 1.
    #[must_use]
    pub fn connections(&self, leaf: &Leaf, rows: usize) -> usize {
        match &leaf.layer {
            LayerConfig::TextConvolution { shape, .. } => {
                let of = |&width: &usize| if rows < width { rows } else { (rows - width + 1) * width };
                shape.widths.iter().map(of).sum::<usize>() * shape.filters * self.inputs()
            }
            _ => connections(leaf, self.first_positions(rows)) as usize,
        }
    }

    /// Connections of the shortcut that ends in a leaf of a spiking network: one a channel and position, since its spikes
    /// have weights of their own there. In a real-valued network it is an identity, and multiplies nothing.
    #[must_use]
    pub fn shortcut_connections(&self, leaf: &Leaf, rows: usize) -> usize {
        leaf.shortcut.map_or(0, |_| self.first_positions(rows) * leaf.outputs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        encode::Encoder,
        engine::tests::network,
        network::{Padding, Readout},
    };

    #[test]
    fn every_row_is_connected_to_the_positions_that_see_it() {
        // Widths 2 and 3, 9 filters, 12 dimensions and presence.
        let network = network(Readout::Membrane, Encoder::Regular, Padding::Valid);
        let shape = Shape::of(&network);
        let first = &network.config().chain.leaves()[0];
        assert_eq!((shape.inputs(), shape.has_biases()), (13, true));
        assert_eq!(shape.connections(first, 5), 13 * (4 * 2 + 3 * 3) * 9);
        // Shorter than the wide kernel, shorter than both, empty.
        let of = |rows| shape.connections(first, rows) / 13;
        assert_eq!([2, 1, 0].map(of), [(2 + 2) * 9, (1 + 1) * 9, 0]);
        assert_eq!([5, 2, 0].map(|rows| shape.neurons(first, rows)), [(4 + 3) * 9, 2 * 9, 2 * 9]);
        for (rows, width) in [(5, 2), (5, 3), (2, 3), (1, 3)] {
            let positions = Shape::positions(rows, width);
            let seen: u64 = (0..rows).map(|i| crate::engine::cover(i, width, positions)).sum();
            let connections = if rows < width { rows } else { positions * width };
            assert_eq!(seen, connections as u64, "{rows} rows, width {width}");
        }
    }
}
