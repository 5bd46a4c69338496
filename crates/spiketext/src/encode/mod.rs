//! Encoders: from a word's rates in [0, 1] to its spike train (equation 3).
//!
//! A rate is held as a whole number of 1/65536: what an encoder does with it is then exact on every machine. A word
//! has one spike train for a given (seed, round), wherever it stands; so results do not depend on which texts share a
//! batch, and a word costs its token products once.
//!
//! A file holds a family: `rate` (the count of spikes is the rate), `timing` (when they come), `bits` (which bits of
//! the rate are set). What rows of spikes become over time is [`spiketext_kernels::drive`]'s matter. A new encoder is
//! an implementation of `Code` in such a file and an entry of the list below.

mod bits;
mod rate;
mod timing;

use std::slice::ChunksExactMut;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use spiketext_kernels::{Drive, SpikeTrain, spike_train::where_less};

use crate::{Result, seed::Purpose};

/// Declares [`Encoder`]: a line holds a variant, its name in files and flags, and its [`Code`].
macro_rules! encoders {
    ($($(#[$about:meta])* $variant:ident = $name:literal => $code:expr;)*) => {
        /// How rates become spikes.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[non_exhaustive]
        pub enum Encoder {
            $($(#[$about])* #[serde(rename = $name)] $variant,)*
        }

        impl Encoder {
            /// Every encoder, for lists and messages.
            pub const ALL: [Self; [$($name),*].len()] = [$(Self::$variant),*];

            /// The name used in files and flags.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            fn code(self) -> &'static dyn Code {
                match self {
                    $(Self::$variant => &$code,)*
                }
            }
        }
    };
}

encoders! {
    /// A spike at each step with probability r, independently (the paper's Poisson code).
    Bernoulli = "bernoulli" => rate::Bernoulli;
    /// Evenly spaced spikes: `floor(t r + 1/2) - floor((t - 1) r + 1/2)`, t = 1..T, which make T r rounded to the
    /// nearest whole number. All dimensions share the phase 1/2 on purpose: the first step then carries the sign of
    /// every centred rate, so a membrane that should stay silent goes down before it comes up. Spreading the phases
    /// cost 8 to 14 points of accuracy after conversion at T = 8 (`docs/notebook/codes.md`).
    Regular = "regular" => rate::Regular;
    /// Time to first spike, linear: one spike at step `floor((1 - r) T)` of 0..T; rate 0 never fires.
    Latency = "latency" => timing::Latency;
    /// No spikes: every step has the same current, that of the rate in 256 steps (equation 2). The product of rates
    /// and weights is made once a text.
    Direct = "direct" => bits::ConstantCurrent;
    /// Weighted phases (Kim et al. 2018, of the input alone): the 8 highest bits of the rate, one a step, again and
    /// again; a spike of phase p weighs `8 / 2^(1 + p)`, so that a period carries the current of the rate in each of
    /// its steps on average.
    Phase = "phase" => bits::WeightedPhases;
    /// Bursts (Guo et al. 2021): `ceil(5 r)` spikes from the first step on, the closer the higher the rate; what
    /// falls past the last step is lost.
    Burst = "burst" => timing::Burst;
    /// The codebook of the paper's code: the 8 highest bits of the rate as spikes of weight 1, again and again.
    CodebookBinary = "codebook-binary" => bits::Codebook::BINARY;
    /// A spike at every step where the rate is above 1/2, and none where it is not: codes of few active inputs, which are
    /// learnt (`spiketext_kernels::winners`).
    Winners = "winners" => bits::Winners;
    /// The same with the 256 codes in the order of their number of spikes: a higher rate never has fewer.
    CodebookGreen = "codebook-green" => bits::Codebook::GREEN;
}

impl Encoder {
    /// Whether two rounds give different spikes.
    #[must_use]
    pub fn is_random(self) -> bool {
        self.code().is_random()
    }

    /// How its rows of spikes become currents.
    #[must_use]
    pub fn drive(self) -> Drive {
        self.code().drive()
    }

    /// Whether the mean of its input over time is the rate (over whole periods, and up to its precision). What else
    /// can be said of a rate by one or a few spikes, or by bits of equal weight, has another mean, to which
    /// conversion fits the weights.
    #[must_use]
    pub fn carries_rate(self) -> bool {
        self.code().carries_rate()
    }

    /// Refuses a number of time steps in which the code cannot say its rates.
    ///
    /// # Errors
    /// Weighted phases that do not come in whole periods: the first phases weigh most, so that the current of a
    /// broken period is not that of the rate.
    pub fn check_steps(self, steps: usize) -> Result<()> {
        self.code().check_steps(steps)
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

/// The rate 1/2, in every dimension, of a token that is no word of the vocabulary: the code 0 of a centred network.
pub const UNKNOWN_RATE: u16 = (FULL_RATE / 2) as u16;

/// The nearest whole number of 1/65536 to `rate`, kept within [0, 65535].
#[must_use]
pub fn fixed_rate(rate: f32) -> u16 {
    (rate.clamp(0.0, 1.0) * FULL_RATE as f32).round().min(65_535.0) as u16
}

/// A word that is encoded, apart from its rates.
struct Word {
    /// Its number, to which a random code ties its noise.
    identity: u64,
    /// The time steps of the run, T.
    steps: usize,
    noise: Noise,
}

/// One code: what it says of a rate, and what can be said of it.
trait Code: Sync {
    /// Fills the silent `rows` of a word, `[Drive::rows(T), D]`, each D bits in whole blocks of 64, with its spikes.
    fn fill(&self, word: &Word, rates: &[u16], rows: ChunksExactMut<'_, u64>);

    /// See [`Encoder::is_random`].
    fn is_random(&self) -> bool {
        false
    }

    /// See [`Encoder::drive`].
    fn drive(&self) -> Drive {
        Drive::Spikes
    }

    /// See [`Encoder::carries_rate`].
    fn carries_rate(&self) -> bool {
        false
    }

    /// See [`Encoder::check_steps`].
    fn check_steps(&self, _steps: usize) -> Result<()> {
        Ok(())
    }
}

/// Writes the row of spikes at which `fires` says so; `marks` is memory of a row's length.
fn write_row(row: &mut [u64], marks: &mut [u16], fires: impl Fn(usize) -> bool) {
    marks.iter_mut().enumerate().for_each(|(d, mark)| *mark = u16::from(!fires(d)));
    // A mark of 0 is a spike.
    where_less(marks, &vec![1; marks.len()], row);
}

/// Encodes words: `rates_of(i)` gives word i's identity and its D rates; the result has a row for each (word, step),
/// `[U T, D]`, or for each (word, bit plane) where the encoder's drive is a constant current, `[U 8, D]`.
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
    let rows = encoder.drive().rows(steps);
    let mut train = SpikeTrain::silent(words * rows, dimension);
    let row_blocks = train.blocks_per_row();
    if row_blocks == 0 || steps == 0 {
        return train;
    }
    let code = encoder.code();
    let encode_word = |(word, rows): (usize, &mut [u64])| {
        let (identity, rates) = rates_of(word);
        assert_eq!(rates.len(), dimension, "encode: rates of word {identity}");
        code.fill(&Word { identity, steps, noise }, &rates, rows.chunks_exact_mut(row_blocks));
    };
    // To wake other threads takes longer than to encode a few words.
    if words * rows < ROWS_ALONE {
        train.chunks_mut(rows).enumerate().for_each(encode_word);
    } else {
        train.chunks_mut(rows).collect::<Vec<_>>().into_par_iter().enumerate().for_each(encode_word);
    }
    train
}

/// The mean of a word's input over time, of each dimension: what its spikes weigh, divided by T.
///
/// # Panics
/// As [`encode`].
#[must_use]
pub fn mean_input(encoder: Encoder, steps: usize, noise: Noise, identity: u64, rates: &[u16]) -> Vec<f32> {
    let train = encode(encoder, steps, rates.len(), noise, 1, |_| (identity, rates.into()));
    let gains = encoder.drive().gains();
    let weight = |row: usize| match encoder.drive() {
        Drive::Current => spiketext_kernels::drive::share(row),
        Drive::Spikes | Drive::Phases => gains[row % gains.len()] / steps as f32,
    };
    let of = |d: usize| (0..train.rows()).filter(|&row| train.get(row, d)).map(weight).sum();
    (0..rates.len()).map(of).collect()
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use proptest::prelude::*;

    use super::*;

    /// The spikes of one word.
    pub(super) fn train_of(encoder: Encoder, rates: &[u16], steps: usize, seed: u64) -> SpikeTrain {
        encode(encoder, steps, rates.len(), Noise::inference(seed), 1, |_| (7, Cow::Borrowed(rates)))
    }

    /// The spikes of each dimension.
    pub(super) fn counts(encoder: Encoder, rates: &[u16], steps: usize, seed: u64) -> Vec<u32> {
        let train = train_of(encoder, rates, steps, seed);
        (0..rates.len()).map(|d| (0..train.rows()).map(|t| u32::from(train.get(t, d))).sum()).collect()
    }

    /// The spikes of one rate, as 0 and 1.
    pub(super) fn spikes(encoder: Encoder, rate: u16, steps: usize) -> Vec<u8> {
        let train = train_of(encoder, &[rate], steps, 0);
        (0..train.rows()).map(|t| u8::from(train.get(t, 0))).collect()
    }

    #[test]
    fn phases_come_in_whole_periods_and_other_codes_in_any_number_of_steps() {
        for encoder in Encoder::ALL {
            for steps in 1..20 {
                let fits = encoder != Encoder::Phase || steps % 8 == 0;
                assert_eq!(encoder.check_steps(steps).is_ok(), fits, "{encoder:?}, {steps}");
            }
        }
        let message = Encoder::Phase.check_steps(6).unwrap_err().to_string();
        assert!(message.contains("whole periods of 8") && message.contains("got 6 time steps"), "{message}");
    }

    #[test]
    fn names_are_those_of_files() {
        for encoder in Encoder::ALL {
            assert_eq!(serde_json::to_value(encoder).expect("a name"), encoder.name());
        }
    }

    #[test]
    fn a_rate_of_zero_is_silent_and_every_other_word_is_its_own() {
        for encoder in Encoder::ALL {
            assert_eq!(counts(encoder, &[0; 70], 20, 3), [0; 70], "{encoder:?}");
            let rates: Vec<u16> = (0..140).map(|i| (i * 467) as u16).collect();
            let both = encode(encoder, 11, 70, Noise::inference(3), 2, |i| {
                (7 - i as u64, Cow::Borrowed(&rates[70 * i..][..70]))
            });
            let first = encoder.drive().rows(11);
            for word in 0..2 {
                let alone = encode(encoder, 11, 70, Noise::inference(3), 1, |_| {
                    (7 - word as u64, Cow::Borrowed(&rates[70 * word..][..70]))
                });
                assert!((0..first).all(|t| alone.row(t) == both.row(word * first + t)), "{encoder:?}");
            }
        }
    }

    #[test]
    fn means_are_rates_where_they_should_be() {
        let rates: Vec<u16> = (0..256).map(|bin| 256 * bin + 128).collect();
        for encoder in Encoder::ALL.into_iter().filter(|encoder| encoder.carries_rate()) {
            let means = mean_input(encoder, 64, Noise::inference(1), 0, &rates);
            let allowed = if encoder.is_random() { 0.3 } else { 0.01 };
            for (mean, rate) in means.iter().zip(&rates) {
                assert!((mean - f32::from(*rate) / 65_536.0).abs() < allowed, "{encoder:?}: {mean} for {rate}");
            }
        }
    }

    proptest! {
        /// No code but the random one and that of bits gives a higher rate less input.
        #[test]
        fn input_rises_with_the_rate(low in 0u16..=65_535, high in 0u16..=65_535, periods in 1usize..5) {
            let (low, high) = (low.min(high), low.max(high));
            for encoder in Encoder::ALL {
                if !matches!(encoder, Encoder::Bernoulli | Encoder::CodebookBinary) {
                    let means = mean_input(encoder, 8 * periods, Noise::inference(0), 0, &[low, high]);
                    let drop = if encoder == Encoder::Burst { 1.0 } else { 0.0 };
                    prop_assert!(means[0] <= means[1] + drop / (8.0 * periods as f32), "{:?} {:?}", encoder, means);
                }
            }
        }
    }
}
