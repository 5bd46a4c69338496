//! The real-valued network on inputs of few levels: what a spiking network is told of a word in T steps, told at once.
//!
//! A spike train of T steps and a rate tells one of T + 1 levels, `l = round(T r)`. Here a dimension of a word has that
//! level instead of its number, `low + (high - low) l / T`, and weights are as they were. Such an input needs no
//! multiplication: its weight is added once for each bit of `l`, shifted ([`crate::energy::way`]).
//!
//! Codes that are centred have levels from -T/2 to T/2 where T is even, bits of sign and size; where it is odd, and for
//! codes that are not centred, levels from 0, with one constant a tap where the code is centred, as the presence current of
//! equation (10).

use super::{Dnn, DnnWeights};
use crate::{Error, Result, energy::way::bits_set};

/// The levels of a code.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Levels {
    /// T, of T + 1 levels.
    pub steps: usize,
    /// The least number of a code.
    pub low: f32,
    /// The largest.
    pub high: f32,
}

impl Levels {
    /// The level of a number of a code, from 0 to T.
    #[must_use]
    pub fn level(&self, number: f32) -> u32 {
        let share = ((number - self.low) / (self.high - self.low)).clamp(0.0, 1.0);
        (share * self.steps as f32).round() as u32
    }

    /// The number that a level stands for.
    #[must_use]
    pub fn number(&self, level: u32) -> f32 {
        self.low + (self.high - self.low) * level as f32 / self.steps as f32
    }

    /// Whether the middle of the code is 0 and is a level: then a level is as large as it is far from there.
    #[must_use]
    pub fn is_signed(&self) -> bool {
        self.low == -self.high && self.steps.is_multiple_of(2)
    }

    /// Whether a tap has a constant beside the bits: the code is centred, and its levels are not.
    #[must_use]
    pub fn has_presence(&self) -> bool {
        self.low == -self.high && !self.is_signed()
    }

    /// Bits that are set in the levels of a code: additions of a weight.
    #[must_use]
    pub fn bits(&self, code: &[f32]) -> u32 {
        let bits = |&number: &f32| match self.is_signed() {
            true => bits_set(self.level(number), self.steps as u32),
            false => self.level(number).count_ones(),
        };
        code.iter().map(bits).sum()
    }
}

impl Dnn {
    /// The network on inputs of these levels.
    ///
    /// # Errors
    /// If there is no step, or no range.
    pub fn on_levels(&self, levels: Levels) -> Result<Self> {
        let range = levels.low.is_finite() && levels.high.is_finite() && levels.low < levels.high;
        if levels.steps == 0 || !range {
            let expected = "at least 1 step and a range of numbers";
            return Err(Error::invalid("dnn on levels", expected, format!("{levels:?}")));
        }
        let nearest = |number: f32| levels.number(levels.level(number));
        let weights = DnnWeights {
            codes: self.weights.codes.iter().copied().map(nearest).collect(),
            unknown_value: nearest(self.weights.unknown_value),
            ..self.weights.clone()
        };
        Self::new(self.config.clone(), weights)
    }
}

#[cfg(test)]
mod tests {
    use spiketext_kernels::text_convolution::Pooling;

    use super::*;
    use crate::{
        dnn::tests::dnn,
        encode::{Encoder, Noise, mean_input},
        engine::tests::network,
        network::{Padding, Readout},
    };

    #[test]
    fn levels_are_the_counts_of_a_regular_code() {
        for steps in [1usize, 2, 4, 7, 8, 50] {
            let levels = Levels { steps, low: -2.0, high: 2.0 };
            for rate in (0..=65_535u16).step_by(97) {
                let share = f32::from(rate) / 65_536.0;
                let sent = mean_input(Encoder::Regular, steps, Noise::inference(0), 0, &[rate])[0] * steps as f32;
                assert_eq!(levels.level(4.0 * (share - 0.5)), sent.round() as u32, "{rate} in {steps} steps");
            }
        }
    }

    #[test]
    fn bits_and_presence_are_those_of_the_code() {
        let of = |steps, low| Levels { steps, low, high: 2.0 };
        let code = [-2.0, -1.0, 0.0, 1.0, 2.0];
        // Levels -4 -2 0 2 4; 0 0 1 1 1 or 0 1 1 ... with halves up; 0 2 4 6 8 of a code from -2 that is not centred.
        assert_eq!((of(8, -2.0).bits(&code), of(8, -2.0).has_presence()), (4, false));
        assert_eq!((of(1, -2.0).bits(&code), of(1, -2.0).has_presence()), (3, true));
        let rates = Levels { steps: 8, low: 0.0, high: 1.0 };
        assert_eq!((rates.bits(&[0.0, 0.25, 0.5, 0.875, 1.0]), rates.has_presence()), (1 + 1 + 3 + 1, false));
    }

    #[test]
    fn many_levels_are_the_network_itself_and_two_are_not() {
        let config = network(Readout::Membrane, Encoder::Regular, Padding::Valid).config().clone();
        let plain = dnn(config, Pooling::Bounded);
        let most = plain.weights().codes.iter().fold(0.0f32, |most, code| most.max(code.abs()));
        let texts = [vec![0, 1, 2, 3], vec![9, 8, 7, 7, 1]];
        let far = |steps| {
            let few = plain.on_levels(Levels { steps, low: -most, high: most }).expect("levels");
            let scores = few.scores(&texts).into_iter().zip(plain.scores(&texts));
            scores.fold(0.0f32, |far, (few, all)| far.max((few - all).abs()))
        };
        let distances = [1, 4, 16, 1 << 16].map(far);
        assert!(distances[3] < 1e-3 && distances.windows(2).all(|pair| pair[0] > pair[1]), "{distances:?}");
        let none = Levels { steps: 0, low: 0.0, high: 1.0 };
        assert!(plain.on_levels(none).map(|_| ()).expect_err("no step").to_string().contains("1 step"));
    }
}
