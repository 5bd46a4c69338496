//! The sizes of a network that its costs depend on.

use spiketext_kernels::ConvolutionShape;

use crate::network::{Network, Readout, Specification};

/// A network as cost accounts see it: its sizes, and which of its additions happen at all.
#[derive(Clone, Copy, Debug)]
pub struct Shape<'a> {
    specification: &'a Specification,
    presence: bool,
    biases: bool,
}

impl<'a> Shape<'a> {
    /// Of a spiking network. Presence currents and biases that are all zero are no operations.
    #[must_use]
    pub fn of(network: &'a Network) -> Self {
        let (weights, any) = (network.weights(), |numbers: &[f32]| numbers.iter().any(|&number| number != 0.0));
        Self {
            specification: network.specification(),
            presence: any(&weights.presence),
            biases: any(&weights.bias) || any(&weights.output_bias),
        }
    }

    /// Of a real-valued network of that shape: nothing stands for the presence of a token there.
    #[must_use]
    pub fn real_valued(specification: &'a Specification, biases: bool) -> Self {
        Self { specification, presence: false, biases }
    }

    /// The network without its numbers.
    #[must_use]
    pub fn specification(&self) -> &'a Specification {
        self.specification
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
        &self.specification.convolution
    }

    /// Inputs of a token: its dimensions, and presence where there is such a current.
    #[must_use]
    pub fn inputs(&self) -> usize {
        self.convolution().dimension + usize::from(self.presence)
    }

    /// Whether outputs fire; otherwise they only integrate.
    #[must_use]
    pub fn outputs_fire(&self) -> bool {
        self.specification.readout == Readout::SpikeCount
    }

    /// Rows of the input of a text with `tokens` tokens: the padded length, where the network pads.
    #[must_use]
    pub fn rows(&self, tokens: usize) -> usize {
        tokens.max(self.specification.averaging.padded_length())
    }

    /// Positions of a kernel of `width` over `rows` rows; one where the text is shorter than the kernel.
    #[must_use]
    pub fn positions(rows: usize, width: usize) -> usize {
        rows.max(width) - width + 1
    }

    /// Convolution neurons of a text: channels at all positions.
    #[must_use]
    pub fn convolution_neurons(&self, rows: usize) -> usize {
        let of = |&width: &usize| Self::positions(rows, width) * self.convolution().filters;
        self.convolution().widths.iter().map(of).sum()
    }

    /// Connections of one input of every row into the convolution. Zeros around a text shorter than the kernel are no
    /// inputs; rows of padding are, as in NeuroBench, which sets every input to 1.
    #[must_use]
    pub fn convolution_connections(&self, rows: usize) -> usize {
        let of = |&width: &usize| if rows < width { rows } else { (rows - width + 1) * width };
        self.convolution().widths.iter().map(of).sum::<usize>() * self.convolution().filters
    }

    /// Connections into the outputs.
    #[must_use]
    pub fn output_connections(&self) -> usize {
        self.convolution().channels() * self.specification.outputs()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{encode::Encoder, engine::tests::network, network::Averaging};

    #[test]
    fn every_row_is_connected_to_the_positions_that_see_it() {
        // Widths 2 and 3, 9 filters.
        let network = network(Readout::Membrane, Encoder::Regular, Averaging::Valid);
        let shape = Shape::of(&network);
        assert_eq!((shape.inputs(), shape.has_biases()), (13, true));
        assert_eq!(shape.convolution_connections(5), (4 * 2 + 3 * 3) * 9);
        // Shorter than the wide kernel, shorter than both, empty.
        assert_eq!([2, 1, 0].map(|rows| shape.convolution_connections(rows)), [(2 + 2) * 9, (1 + 1) * 9, 0]);
        assert_eq!([5, 2, 0].map(|rows| shape.convolution_neurons(rows)), [(4 + 3) * 9, 2 * 9, 2 * 9]);
        for (rows, width) in [(5, 2), (5, 3), (2, 3), (1, 3)] {
            let positions = Shape::positions(rows, width);
            let seen: u64 = (0..rows).map(|i| crate::engine::cover(i, width, positions)).sum();
            let connections = if rows < width { rows } else { positions * width };
            assert_eq!(seen, connections as u64, "{rows} rows, width {width}");
        }
    }
}
