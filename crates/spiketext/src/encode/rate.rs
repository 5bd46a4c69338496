//! Rate codes: the share of steps with a spike is the rate.

use std::slice::ChunksExactMut;

use rand_chacha::rand_core::Rng;
use spiketext_kernels::spike_train::where_less;

use super::{Code, FULL_RATE, Word};
use crate::seed::stream;

/// See [`super::Encoder::Bernoulli`].
pub(super) struct Bernoulli;

impl Code for Bernoulli {
    fn fill(&self, word: &Word, rates: &[u16], rows: ChunksExactMut<'_, u64>) {
        let noise = word.noise;
        let mut rng = stream(noise.seed, noise.purpose, noise.round, word.identity);
        let mut bytes = vec![0u8; 2 * rates.len()];
        let mut draws = vec![0u16; rates.len()];
        for row in rows {
            rng.fill_bytes(&mut bytes);
            let (pairs, _) = bytes.as_chunks::<2>();
            draws.iter_mut().zip(pairs).for_each(|(draw, pair)| *draw = u16::from_le_bytes(*pair));
            where_less(&draws, rates, row);
        }
    }

    fn is_random(&self) -> bool {
        true
    }

    fn carries_rate(&self) -> bool {
        true
    }
}

/// The phase at which every dimension begins.
const HALF: u16 = (FULL_RATE / 2) as u16;

/// See [`super::Encoder::Regular`].
pub(super) struct Regular;

impl Code for Regular {
    fn fill(&self, _: &Word, rates: &[u16], rows: ChunksExactMut<'_, u64>) {
        // The fraction of the phase alone: it falls exactly where a whole number is crossed.
        let mut phases = vec![HALF; rates.len()];
        let mut before = phases.clone();
        for row in rows {
            before.copy_from_slice(&phases);
            phases.iter_mut().zip(rates.iter()).for_each(|(phase, &rate)| *phase = phase.wrapping_add(rate));
            where_less(&phases, &before, row);
        }
    }

    fn carries_rate(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use proptest::prelude::*;

    use super::super::{Encoder, Noise, encode, tests::counts};
    use crate::seed::Purpose;

    #[test]
    fn a_half_rate_fires_every_second_step() {
        let train = encode(Encoder::Regular, 6, 1, Noise::inference(0), 1, |_| (0, Cow::Borrowed(&[32_768])));
        // The phase is 1/2: 1.0 crosses at once, 1.5 does not, 2.0 does.
        let spikes: Vec<bool> = (0..6).map(|t| train.get(t, 0)).collect();
        assert_eq!(spikes, [true, false, true, false, true, false]);
    }

    #[test]
    fn extremes_are_silence_and_a_spike_at_almost_every_step() {
        for encoder in [Encoder::Bernoulli, Encoder::Regular] {
            let got = counts(encoder, &[0, 65_535], 100, 3);
            assert_eq!(got[0], 0, "{encoder:?}");
            assert!(got[1] >= 99, "{encoder:?}");
        }
    }

    #[test]
    fn bernoulli_counts_have_the_binomial_mean() {
        let rates = [6_554u16, 32_768, 58_982];
        let steps = 20_000;
        for (count, rate) in counts(Encoder::Bernoulli, &rates, steps, 1).into_iter().zip(rates) {
            let p = f64::from(rate) / 65_536.0;
            let deviation = (steps as f64 * p * (1.0 - p)).sqrt();
            assert!((f64::from(count) - steps as f64 * p).abs() < 4.0 * deviation, "{count} at {p}");
        }
    }

    #[test]
    fn noise_depends_on_the_word_and_the_round_but_not_on_the_company() {
        let rates = [32_768u16; 100];
        let of = |identities: &[u64], round| {
            let noise = Noise { seed: 5, purpose: Purpose::TrainingSpikes, round };
            encode(Encoder::Bernoulli, 2, 100, noise, identities.len(), |i| {
                (identities[i], Cow::Borrowed(&rates[..]))
            })
        };
        assert_eq!(of(&[4, 9], 0).row(2), of(&[9], 0).row(0));
        assert_ne!(of(&[4], 0), of(&[9], 0));
        assert_ne!(of(&[4], 0), of(&[4], 1));
    }

    proptest! {
        /// The regular code spends its rate: the count differs from T r by less than one.
        #[test]
        fn regular_counts_round_the_rate(rates in prop::collection::vec(0u16..=65_535, 1..80), steps in 1usize..60) {
            for (count, rate) in counts(Encoder::Regular, &rates, steps, 0).into_iter().zip(&rates) {
                let exact = steps as f64 * f64::from(*rate) / 65_536.0;
                prop_assert!((f64::from(count) - exact).abs() < 1.0, "{count} {exact}");
            }
        }
    }
}
