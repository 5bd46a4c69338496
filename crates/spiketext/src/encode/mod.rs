//! Encoders: from a word's rates in [0, 1] to its spike train (equation 3).
//!
//! A rate is held as a whole number of 1/65536: what an encoder does with it is then exact on every machine. A word has
//! one spike train for a given (seed, round), wherever it stands; so results do not depend on which texts share a batch,
//! and a word costs its token products once.

use rand_chacha::rand_core::Rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use spiketext_kernels::{SpikeTrain, spike_train::where_less};

use crate::seed::{Purpose, stream};

/// How rates become spikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Encoder {
    /// A spike at each step with probability r, independently (the paper's Poisson code).
    Bernoulli,
    /// Evenly spaced spikes: `floor(t r + 1/2) - floor((t - 1) r + 1/2)`, t = 1..T, which make T r rounded to the
    /// nearest whole number. All dimensions share the phase 1/2 on purpose: the first step then carries the sign of
    /// every centred rate, so a membrane that should stay silent goes down before it comes up. Spreading the phases
    /// cost 8 to 14 points of accuracy after conversion at T = 8 (`docs/DESIGN.md`).
    Regular,
}

impl Encoder {
    /// Every encoder, for lists and messages.
    pub const ALL: [Self; 2] = [Self::Bernoulli, Self::Regular];

    /// The name used in files and flags.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Bernoulli => "bernoulli",
            Self::Regular => "regular",
        }
    }

    /// Whether two rounds give different spikes.
    #[must_use]
    pub fn is_random(self) -> bool {
        self == Self::Bernoulli
    }
}

/// The noise a random encoder draws: streams keyed by (seed, purpose, round, word).
#[derive(Clone, Copy, Debug)]
pub struct Noise {
    /// The run's seed.
    pub seed: u64,
    /// Training and inference never share noise.
    pub purpose: Purpose,
    /// The training step, or which of several repetitions of a measurement; 0 for ordinary inference.
    pub round: u64,
}

impl Noise {
    /// The noise of ordinary inference.
    #[must_use]
    pub fn inference(seed: u64) -> Self {
        Self { seed, purpose: Purpose::InferenceSpikes, round: 0 }
    }
}

/// Rows of spikes that the calling thread makes itself.
const ROWS_ALONE: usize = 256;

/// The full scale of a rate.
pub const FULL_RATE: u32 = 1 << 16;

/// The nearest whole number of 1/65536 to `rate`, kept within [0, 65535].
#[must_use]
pub fn fixed_rate(rate: f32) -> u16 {
    (rate.clamp(0.0, 1.0) * FULL_RATE as f32).round().min(65_535.0) as u16
}

/// Encodes words: `rates_of(i)` gives word i's identity and its D rates; the result has a row for each (word, step),
/// `[U T, D]`.
///
/// # Panics
/// If a word's rates are not `dimension` numbers.
pub fn encode<'a, R>(
    encoder: Encoder,
    steps: usize,
    dimension: usize,
    noise: Noise,
    words: usize,
    rates_of: R,
) -> SpikeTrain
where
    R: Fn(usize) -> (u64, std::borrow::Cow<'a, [u16]>) + Sync,
{
    let mut train = SpikeTrain::silent(words * steps, dimension);
    let words_per_row = train.words_per_row();
    if words_per_row == 0 || steps == 0 {
        return train;
    }
    let encode_word = |(word, rows): (usize, &mut [u64])| {
        let (identity, rates) = rates_of(word);
        assert_eq!(rates.len(), dimension, "encode: rates of word {identity}");
        match encoder {
            Encoder::Bernoulli => {
                let mut rng = stream(noise.seed, noise.purpose, noise.round, identity);
                let mut bytes = vec![0u8; 2 * dimension];
                let mut draws = vec![0u16; dimension];
                for row in rows.chunks_exact_mut(words_per_row) {
                    rng.fill_bytes(&mut bytes);
                    let (pairs, _) = bytes.as_chunks::<2>();
                    draws.iter_mut().zip(pairs).for_each(|(draw, pair)| *draw = u16::from_le_bytes(*pair));
                    where_less(&draws, &rates, row);
                }
            }
            Encoder::Regular => {
                // The fraction of the phase alone: it falls exactly where a whole number is crossed.
                let mut phases = vec![(FULL_RATE / 2) as u16; dimension];
                let mut before = phases.clone();
                for row in rows.chunks_exact_mut(words_per_row) {
                    before.copy_from_slice(&phases);
                    phases.iter_mut().zip(rates.iter()).for_each(|(phase, &rate)| *phase = phase.wrapping_add(rate));
                    where_less(&phases, &before, row);
                }
            }
        }
    };
    // To wake other threads takes longer than to encode a few words.
    if words * steps < ROWS_ALONE {
        train.chunks_mut(steps).enumerate().for_each(encode_word);
    } else {
        train.chunks_mut(steps).collect::<Vec<_>>().into_par_iter().enumerate().for_each(encode_word);
    }
    train
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use proptest::prelude::*;

    use super::*;

    fn counts(encoder: Encoder, rates: &[u16], steps: usize, seed: u64) -> Vec<u32> {
        let train = encode(encoder, steps, rates.len(), Noise::inference(seed), 1, |_| (7, Cow::Borrowed(rates)));
        (0..rates.len()).map(|d| (0..steps).map(|t| u32::from(train.get(t, d))).sum()).collect()
    }

    #[test]
    fn a_half_rate_fires_every_second_step() {
        let train = encode(Encoder::Regular, 6, 1, Noise::inference(0), 1, |_| (0, Cow::Borrowed(&[32_768])));
        // The phase is 1/2: 1.0 crosses at once, 1.5 does not, 2.0 does.
        let spikes: Vec<bool> = (0..6).map(|t| train.get(t, 0)).collect();
        assert_eq!(spikes, [true, false, true, false, true, false]);
    }

    #[test]
    fn extremes_are_silence_and_a_spike_at_almost_every_step() {
        for encoder in Encoder::ALL {
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
