//! Codes by bits: the eight highest bits of a rate, or the code of its bin of 256, one a step, again and again.

use std::slice::ChunksExactMut;

use spiketext_kernels::{Drive, drive::PHASES};

use super::{Code, UNKNOWN_RATE, Word, write_row};
use crate::{Error, Result};

/// The bits of the bin of a rate, from the highest, as planes of a constant current; bits weigh what they stand for:
/// see [`spiketext_kernels::drive`].
pub(super) struct ConstantCurrent;

impl Code for ConstantCurrent {
    fn fill(&self, _: &Word, rates: &[u16], rows: ChunksExactMut<'_, u64>) {
        write_bits(rates, |bin| bin, rows);
    }

    fn drive(&self) -> Drive {
        Drive::Current
    }

    fn carries_rate(&self) -> bool {
        true
    }
}

/// The same bits as phases (Kim, Kim, Huh, Lee and Choi 2018, "Deep neural networks with weighted spikes").
pub(super) struct WeightedPhases;

impl Code for WeightedPhases {
    fn fill(&self, _: &Word, rates: &[u16], rows: ChunksExactMut<'_, u64>) {
        write_bits(rates, |bin| bin, rows);
    }

    fn drive(&self) -> Drive {
        Drive::Phases
    }

    fn carries_rate(&self) -> bool {
        true
    }

    fn check_steps(&self, steps: usize) -> Result<()> {
        if steps.is_multiple_of(PHASES) {
            return Ok(());
        }
        let wanted = format!("time steps in whole periods of {PHASES} for the encoder `phase`");
        Err(Error::invalid("network", wanted, format!("{steps} time steps")))
    }
}

/// A code of eight spikes for each bin of 256, as in the paper's code (`green_encoder.py`).
pub(super) struct Codebook([u8; 256]);

impl Codebook {
    /// A bin's number is its code.
    pub(super) const BINARY: Self = Self::ordered(false);

    /// Codes in the order of their number of spikes, those of equal number in that of their value.
    pub(super) const GREEN: Self = Self::ordered(true);

    /// Every code once, by its value, or by its number of spikes first.
    const fn ordered(by_spikes: bool) -> Self {
        let mut codes = [0; 256];
        let (mut bin, mut spikes) = (0, 0);
        while spikes <= u8::BITS {
            let mut code = 0;
            while code <= u8::MAX as u32 {
                if (!by_spikes && spikes == 0) || (by_spikes && code.count_ones() == spikes) {
                    codes[bin] = code as u8;
                    bin += 1;
                }
                code += 1;
            }
            spikes += 1;
        }
        Self(codes)
    }
}

impl Code for Codebook {
    fn fill(&self, _: &Word, rates: &[u16], rows: ChunksExactMut<'_, u64>) {
        write_bits(rates, |bin| self.0[usize::from(bin)], rows);
    }
}

/// One bit, at every step: whether the rate is above 1/2. That of no word, 1/2, is silent.
pub(super) struct Winners;

impl Code for Winners {
    fn fill(&self, _: &Word, rates: &[u16], rows: ChunksExactMut<'_, u64>) {
        let mut marks = vec![0; rates.len()];
        rows.for_each(|row| write_row(row, &mut marks, |d| rates[d] > UNKNOWN_RATE));
    }
}

/// Writes bit `7 - t mod 8` of the code of each rate's bin as the spikes of step t.
fn write_bits(rates: &[u16], code: impl Fn(u8) -> u8, rows: ChunksExactMut<'_, u64>) {
    let codes: Vec<u8> = rates.iter().map(|rate| code((rate >> 8) as u8)).collect();
    let mut marks = vec![0; rates.len()];
    for (t, row) in rows.enumerate() {
        let bit = PHASES - 1 - t % PHASES;
        write_row(row, &mut marks, |d| codes[d] >> bit & 1 == 1);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{
        Encoder,
        tests::{counts, spikes},
    };
    use super::*;

    #[test]
    fn bits_by_hand() {
        let bin = 0b1011_0010;
        let want = [1, 0, 1, 1, 0, 0, 1, 0, 1, 0, 1, 1];
        assert_eq!(spikes(Encoder::Phase, bin << 8 | 255, 12), want);
        assert_eq!(spikes(Encoder::CodebookBinary, bin << 8, 12), want);
        // A constant current has its planes, however many steps there are.
        assert_eq!(spikes(Encoder::Direct, bin << 8, 3), want[..8]);
        assert_eq!(spikes(Encoder::Direct, bin << 8, 12), want[..8]);
    }

    #[test]
    fn winners_spike_at_every_step_and_others_at_none() {
        for (rate, want) in [(0, 0), (32_767, 0), (32_768, 0), (32_769, 1), (65_535, 1)] {
            assert_eq!(spikes(Encoder::Winners, rate, 3), [want; 3], "{rate}");
        }
    }

    #[test]
    fn green_codes_by_hand() {
        // 0, then the eight codes of one spike, then those of two: 00000011, 00000101, 00000110, ...
        for (bin, want) in [(0u16, 0b0), (1, 0b1), (2, 0b10), (8, 0b1000_0000), (9, 0b11), (10, 0b101), (11, 0b110)] {
            let got = spikes(Encoder::CodebookGreen, bin << 8, 8).into_iter().fold(0, |code, spike| 2 * code + spike);
            assert_eq!(got, want, "{bin}");
        }
        assert_eq!(spikes(Encoder::CodebookGreen, 255 << 8, 8), [1; 8]);
        let Codebook(mut codes) = Codebook::GREEN;
        codes.sort_unstable();
        assert_eq!(codes, Codebook::BINARY.0, "a code for each bin");
        assert_eq!(Codebook::BINARY.0, std::array::from_fn(|bin| bin as u8));
    }

    proptest! {
        #[test]
        fn counts_are_those_of_the_bits(rates in prop::collection::vec(0u16..=65_535, 1..80), periods in 1usize..8) {
            let ones = |rate: &u16| (rate >> 8).count_ones() * periods as u32;
            let want: Vec<u32> = rates.iter().map(ones).collect();
            for encoder in [Encoder::Phase, Encoder::CodebookBinary] {
                prop_assert_eq!(&counts(encoder, &rates, 8 * periods, 0), &want);
            }
            let green = counts(Encoder::CodebookGreen, &rates, 8 * periods, 0);
            for (a, b) in (0..rates.len()).flat_map(|a| (0..a).map(move |b| (a, b))) {
                prop_assert!(rates[a] < rates[b] || green[a] >= green[b]);
            }
        }
    }
}
