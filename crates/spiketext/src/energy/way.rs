//! Other ways of computing a text convolution than the one that was counted, and what they add up.
//!
//! ```text
//! as counted     inputs meet their weights: a multiplication an input that is not zero, or an addition a spike
//! word table     sum over d of x[u,d] W[d,j,f] is made once for each word u, tap j and filter f, and kept (equation 2): a
//!                text adds one number for each token, position that sees it and filter. A spiking network keeps T of them,
//!                since a word's spikes differ from step to step, and adds T; its presence currents are part of them
//! bits           an input is a whole number of few bits, and its weight is added once for each bit that is set, shifted
//! signed code    a count of spikes from half the steps, up or down: |l - T/2| additions for each input
//! ```
//!
//! A word table and bits change no answer. A signed code has the sums of the code that it stands for, not its times, so its
//! costs are derived and its answers are not known. Shifts and the making of tables are left out, in favour of who uses
//! them. Tables that price memory let every spike and bit meet all taps of a kernel, at a text's edges too, and numbers
//! from a table only the taps that lie within the text, since only those are looked up. A device that computes zeros (`dense`)
//! makes nothing of bits or signs: there these ways mean nothing.

use super::{Connections, Numbers, OperationCounts, Shape};
use crate::{engine::cover, network::UnknownWord, text::UNKNOWN};

/// How a network is computed.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Way {
    /// The first layer.
    pub first_layer: FirstLayer,
    /// What numbers it has.
    pub numbers: Numbers,
}

/// How the first layer is computed.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum FirstLayer {
    /// As it was counted.
    #[default]
    AsCounted,
    /// By additions of weights, one an event: a bit, where the inputs are no spikes.
    Events,
    /// By additions of numbers from a table.
    WordTable {
        /// How many the table holds.
        numbers: f64,
    },
}

impl Way {
    /// A network as it is run.
    #[must_use]
    pub fn of(shape: &Shape<'_>) -> Self {
        Self { numbers: shape.numbers(), ..Self::default() }
    }
}

/// For each token of a text, `of` its word, added up over the positions and filters of the text convolution that see it:
/// with 1 for each word, the numbers that a text adds from a table of words. Unknown words count where they are not silent.
#[must_use]
pub fn seen(shape: &Shape<'_>, text: &[u32], of: impl Fn(u32) -> f64) -> f64 {
    let config = shape.config();
    let text = &text[..text.len().min(config.padding.longest())];
    let rows = shape.rows(text.len());
    let convolution = shape.convolution();
    let silent = |word: u32| word == UNKNOWN && config.unknown == UnknownWord::Silent;
    let tokens = text.iter().enumerate().filter(|&(_, &word)| !silent(word));
    let sum: f64 = tokens
        .map(|(i, &word)| {
            let positions = |&width: &usize| cover(i, width, Shape::positions(rows, width));
            convolution.widths.iter().map(positions).sum::<u64>() as f64 * of(word)
        })
        .sum();
    convolution.filters as f64 * sum
}

/// How many numbers a table of `words` words has whose products are kept for `steps` steps.
#[must_use]
pub fn table_numbers(shape: &Shape<'_>, words: usize, steps: usize) -> f64 {
    (words * steps * shape.convolution().products()) as f64
}

impl OperationCounts {
    /// The same text where the first layer adds `additions` numbers for `events` inputs that are not zero, and multiplies
    /// nothing.
    #[must_use]
    pub fn with_additions(mut self, additions: f64, events: f64) -> Self {
        // A text that was not run has no layers.
        let Some(first) = self.layers.first_mut() else { return self };
        first.connections = Connections { macs: 0.0, acs: additions, dense: additions };
        self.active_inputs = events;
        self
    }
}

/// Bits that are set in how far a level is from the middle one, where there is a middle (`levels` is even), else in the
/// level itself.
#[must_use]
pub fn bits_set(level: u32, levels: u32) -> u32 {
    let distance = if levels.is_multiple_of(2) { level.abs_diff(levels / 2) } else { level };
    distance.count_ones()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        encode::{Encoder, Noise},
        energy::{RectifierShares, TABLES},
        engine::{run, tests::network},
        network::{NetworkConfig, Padding, Readout},
    };

    /// Every (token, position, tap) that is inside of both, one by one.
    fn by_brute_force(shape: &Shape<'_>, text: &[u32], of: impl Fn(u32) -> f64) -> f64 {
        let convolution = shape.convolution();
        let mut sum = 0.0;
        for &width in &convolution.widths {
            for position in 0..Shape::positions(shape.rows(text.len()), width) {
                for tap in 0..width {
                    for _ in 0..convolution.filters {
                        if let Some(&word) = text.get(position + tap).filter(|&&word| word != UNKNOWN) {
                            sum += of(word);
                        }
                    }
                }
            }
        }
        sum
    }

    #[test]
    fn what_is_seen_is_what_taps_meet_one_by_one() {
        for padding in [Padding::Valid, Padding::Padded { length: 8 }] {
            let network = network(Readout::Membrane, Encoder::Regular, padding);
            let config = NetworkConfig { unknown: UnknownWord::Silent, ..network.config().clone() };
            let shape = Shape::real_valued(&config, true);
            for text in [&[0u32, 1, 2, 3, 0, 1][..], &[7], &[UNKNOWN, 5, UNKNOWN, 6], &[9; 4], &[]] {
                for of in [|_: u32| 1.0, |word: u32| f64::from(word * word)] {
                    assert_eq!(seen(&shape, text, of), by_brute_force(&shape, text, of), "{padding:?} {text:?}");
                }
                // A multiplication of the DNN's first layer is one number of a word's dimensions.
                let real = OperationCounts::real_valued(&shape, text, RectifierShares::ALL);
                let dimension = config.dimension() as f64;
                assert_eq!(real.layers[0].connections.macs, dimension * seen(&shape, text, |_| 1.0));
            }
        }
    }

    #[test]
    fn bits_are_those_of_the_distance_from_the_middle() {
        // Five levels about 2: 10, 1, 0, 1, 10. Nine about 4.
        assert_eq!([0, 1, 2, 3, 4].map(|level| bits_set(level, 4)), [1, 1, 0, 1, 1]);
        assert_eq!([0, 1, 2, 3, 4, 5, 7, 8].map(|level| bits_set(level, 8)), [1, 2, 1, 1, 0, 1, 2, 1]);
        // Two levels have no middle, nor have four.
        assert_eq!(([0, 1].map(|level| bits_set(level, 1)), bits_set(3, 3)), ([0, 1], 2));
        for levels in 1..40u32 {
            for level in 0..=levels {
                let distance = if levels % 2 == 0 { i64::from(level) - i64::from(levels / 2) } else { level.into() };
                let bits = (0..32).filter(|bit| distance.unsigned_abs() >> bit & 1 == 1).count();
                assert_eq!(bits_set(level, levels) as usize, bits, "{level} of {levels}");
            }
        }
    }

    #[test]
    fn additions_take_the_place_of_the_first_layer_alone() {
        let network = network(Readout::Membrane, Encoder::Regular, Padding::Valid);
        let shape = Shape::of(&network);
        let counted = run(&network, Noise::inference(0), &[vec![0, 1, 2, 3, 4]]).operations.remove(0);
        let work = OperationCounts::spiking(&shape, &counted);
        let later = work.acs() - work.layers[0].connections.acs;
        let tabled = work.clone().with_additions(700.0, 30.0);
        assert_eq!((tabled.macs(), tabled.acs(), tabled.active_inputs), (0.0, 700.0 + later, 30.0));
        assert_eq!(tabled.neuron_updates, work.neuron_updates);
        let not_run = OperationCounts::default();
        assert_eq!(not_run.clone().with_additions(7.0, 1.0), not_run);
        // Fewer additions cost less under every table.
        let way = Way { first_layer: FirstLayer::WordTable { numbers: 450.0 }, ..Way::default() };
        for table in &TABLES {
            assert!(table.microjoules_in(&shape, &tabled, way) < table.microjoules(&shape, &work), "{}", table.name);
        }
        assert_eq!(table_numbers(&shape, 10, 6), 10.0 * 6.0 * 45.0);
    }
}
