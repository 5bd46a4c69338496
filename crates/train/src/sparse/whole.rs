//! A convolution's weights as whole numbers, in training and in the finished network.
//!
//! A neuron that is read in one time step only asks whether its current is above its threshold, and that stays so if both
//! are multiplied by any number above 0. So each channel has a unit of its own, the largest of its weights divided by the
//! largest whole number, and its threshold becomes a whole number too:
//!
//! ```text
//! sum of w unit + bias > threshold     where and only where     sum of w > floor((threshold - bias) / unit)
//! ```
//!
//! In the finished network whole numbers are weights in units of 2^-7 (2^-3 in 4 bits, 2^-11 in 16), the neuron's threshold
//! stays what it is, and the bias makes up for it. Over several steps a membrane carries what is left of the threshold, so
//! all channels share the unit of the layer.

use spiketext::network::{Grid, LayerWeights, SynapseBits, on_grid};
use spiketext_kernels::ConvolutionShape;

/// How a convolution's weights become whole numbers.
pub(super) struct WholeNumbers<'a> {
    /// Kernel widths and channels; its dimension is that of the weights in training.
    pub(super) shape: &'a ConvolutionShape,
    /// Bits of a weight.
    pub(super) bits: SynapseBits,
    /// The threshold of the neurons.
    pub(super) threshold: f32,
    /// Time steps T.
    pub(super) steps: usize,
}

impl WholeNumbers<'_> {
    /// Rounds the weights to the whole numbers of their channels, times its unit.
    pub(super) fn round(&self, weights: &mut LayerWeights) {
        if self.steps > 1 {
            let grid = Grid::of(&weights.synapses, self.bits);
            on_grid(grid, &mut weights.synapses);
            on_grid(grid, &mut weights.bias);
            return;
        }
        let units = self.units(&weights.synapses);
        let columns = self.columns();
        for row in weights.synapses.chunks_exact_mut(columns.len()) {
            for (weight, &channel) in row.iter_mut().zip(&columns) {
                *weight = (*weight / units[channel]).round() * units[channel];
            }
        }
    }

    /// Brings the weights into the form of the finished network; with `signed` each row once more with the other sign.
    pub(super) fn export(&self, weights: &mut LayerWeights, signed: bool) {
        if self.steps > 1 {
            self.round(weights);
        } else {
            let units = self.units(&weights.synapses);
            let columns = self.columns();
            let one = self.one();
            for row in weights.synapses.chunks_exact_mut(columns.len()) {
                for (weight, &channel) in row.iter_mut().zip(&columns) {
                    *weight = (*weight / units[channel]).round() * one;
                }
            }
            for (bias, &unit) in weights.bias.iter_mut().zip(&units) {
                let least = ((f64::from(self.threshold) - f64::from(*bias)) / f64::from(unit)).floor();
                // Past this no sum of whole numbers that fits the kernels reaches it, or none fails to.
                let least = least.clamp(-MOST_THRESHOLD, MOST_THRESHOLD) as f32;
                *bias = self.threshold - least * one;
            }
        }
        if signed {
            let negative: Vec<f32> = weights.synapses.iter().map(|weight| -weight).collect();
            weights.synapses.extend(negative);
        }
    }

    /// What the whole number 1 is in the finished network.
    fn one(&self) -> f32 {
        match self.bits {
            SynapseBits::Four => 1.0 / 8.0,
            SynapseBits::Eight => 1.0 / 128.0,
            _ => 1.0 / 2048.0,
        }
    }

    /// The channel of each column.
    fn columns(&self) -> Vec<usize> {
        let filters = self.shape.filters;
        let widths = self.shape.widths.iter().enumerate();
        widths.flat_map(|(which, &width)| (0..width * filters).map(move |i| which * filters + i % filters)).collect()
    }

    /// The unit of each channel, `[C]`; 1 where all its weights are zero.
    fn units(&self, synapses: &[f32]) -> Vec<f32> {
        let columns = self.columns();
        let mut largest = vec![0.0f32; self.shape.channels()];
        for row in synapses.chunks_exact(columns.len().max(1)) {
            for (&weight, &channel) in row.iter().zip(&columns) {
                largest[channel] = largest[channel].max(weight.abs());
            }
        }
        largest.into_iter().map(|most| if most > 0.0 { most / self.bits.largest() } else { 1.0 }).collect()
    }
}

/// The largest whole-number threshold: beyond any sum of whole weights, and exact in single precision beside them.
const MOST_THRESHOLD: f64 = (1 << 22) as f64;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// A neuron of the finished network fires where one with the rounded weights does, whatever spikes it sees.
        #[test]
        fn whole_numbers_fire_where_rounded_ones_do(
            synapses in prop::collection::vec(-1.0f32..1.0, 3 * 14),
            bias in prop::collection::vec(-1.0f32..1.5, 4),
            spikes in prop::collection::vec(prop::collection::vec(any::<bool>(), 3), 4),
            bits in prop::sample::select(vec![SynapseBits::Four, SynapseBits::Eight, SynapseBits::Sixteen]),
        ) {
            let shape = ConvolutionShape { widths: vec![3, 4], filters: 2, dimension: 3 };
            let whole = WholeNumbers { shape: &shape, bits, threshold: 1.0, steps: 1 };
            let first = LayerWeights { synapses, bias, ..LayerWeights::default() };
            let (mut rounded, mut finished) = (first.clone(), first);
            whole.round(&mut rounded);
            whole.export(&mut finished, false);
            let grid = Grid::of(&finished.synapses, bits);
            for &weight in finished.synapses.iter().chain(&finished.bias) {
                prop_assert_eq!(grid.units(weight) as f32 * grid.unit(), weight);
            }
            let current = |weights: &LayerWeights, channel: usize| -> f64 {
                let (which, f) = (channel / 2, channel % 2);
                let mut sum = f64::from(weights.bias[channel]);
                for (tap, spikes) in spikes.iter().enumerate().take(shape.widths[which]) {
                    let column = shape.first_product(which) + tap * shape.filters + f;
                    for d in (0..3).filter(|&d| spikes[d]) {
                        sum += f64::from(weights.synapses[d * shape.products() + column]);
                    }
                }
                sum
            };
            for channel in 0..4 {
                let (near, exact) = (current(&rounded, channel), current(&finished, channel));
                prop_assert!((near - 1.0).abs() < 1e-5 || (near > 1.0) == (exact > 1.0), "{near} {exact}");
            }
        }
    }
}
