//! Codes by bits: the eight highest bits of a rate, or the code of its bin of 256, one a step, again and again.

use spiketext_kernels::drive::PHASES;

use super::{Code, write_row};

/// The bits of the bin of a rate, from the highest. As phases (Kim, Kim, Huh, Lee and Choi 2018, "Deep neural networks with weighted
/// spikes") and as planes of a constant current, bits weigh what they stand for: see [`spiketext_kernels::drive`].
pub(super) struct BitPlanes;

impl Code for BitPlanes {
    fn fill(&self, _: u64, rates: &[u16], words_per_row: usize, rows: &mut [u64]) {
        write_bits(rates, |bin| bin, words_per_row, rows);
    }
}

/// A code of eight spikes for each bin of 256, as in the paper's code (`green_encoder.py`).
pub(super) struct Codebook([u8; 256]);

impl Codebook {
    /// A bin's number is its code.
    pub(super) fn binary() -> Self {
        Self(std::array::from_fn(|bin| bin as u8))
    }

    /// Codes in the order of their number of spikes, those of equal number in that of their value.
    pub(super) fn green() -> Self {
        let Self(mut codes) = Self::binary();
        codes.sort_by_key(|code| code.count_ones());
        Self(codes)
    }
}

impl Code for Codebook {
    fn fill(&self, _: u64, rates: &[u16], words_per_row: usize, rows: &mut [u64]) {
        write_bits(rates, |bin| self.0[usize::from(bin)], words_per_row, rows);
    }
}

/// Writes bit `7 - t mod 8` of the code of each rate's bin as the spikes of step t.
fn write_bits(rates: &[u16], code: impl Fn(u8) -> u8, words_per_row: usize, rows: &mut [u64]) {
    let codes: Vec<u8> = rates.iter().map(|rate| code((rate >> 8) as u8)).collect();
    let mut marks = vec![0; rates.len()];
    for (t, row) in rows.chunks_exact_mut(words_per_row).enumerate() {
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
    fn green_codes_by_hand() {
        // 0, then the eight codes of one spike, then those of two: 00000011, 00000101, 00000110, ...
        for (bin, want) in [(0u16, 0b0), (1, 0b1), (2, 0b10), (8, 0b1000_0000), (9, 0b11), (10, 0b101), (11, 0b110)] {
            let got = spikes(Encoder::CodebookGreen, bin << 8, 8).into_iter().fold(0, |code, spike| 2 * code + spike);
            assert_eq!(got, want, "{bin}");
        }
        assert_eq!(spikes(Encoder::CodebookGreen, 255 << 8, 8), [1; 8]);
        let Codebook(mut codes) = Codebook::green();
        codes.sort_unstable();
        assert_eq!(codes, Codebook::binary().0, "a code for each bin");
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
