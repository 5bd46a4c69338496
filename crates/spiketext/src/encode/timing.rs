//! Codes by time: when spikes come says what the rate is.

use std::slice::ChunksExactMut;

use super::{Code, FULL_RATE, Word, write_row};

/// Time to first spike, linear (Park et al. 2020 and others take the logarithm): a spike at step `floor((1 - r) T)`
/// of 0..T. The full scale of a rate is never reached, so rate 0 alone would fire at step T, which is none.
pub(super) struct Latency;

impl Code for Latency {
    fn fill(&self, word: &Word, rates: &[u16], rows: ChunksExactMut<'_, u64>) {
        let first = |rate: &u16| {
            (u64::from(FULL_RATE - u32::from(*rate)) * word.steps as u64 / u64::from(FULL_RATE)) as usize
        };
        let first: Vec<usize> = rates.iter().map(first).collect();
        let mut marks = vec![0; rates.len()];
        for (t, row) in rows.enumerate() {
            write_row(row, &mut marks, |d| first[d] == t);
        }
    }
}

/// The most spikes of a burst.
const MOST_SPIKES: u64 = 5;
/// The shortest time between two spikes of a burst, in steps.
const SHORTEST: u64 = 2;
/// The highest rate.
const HIGHEST: u64 = FULL_RATE as u64 - 1;

/// The burst code of an input (Guo, Fouda, Eltawil and Salama 2021, "Neural Coding in Spiking Neural Networks"):
/// `N = ceil(N_max r)` spikes, `ceil(T_max - (T_max - T_min) r)` steps apart, from the first step on; N_max = 5,
/// T_min = 2 steps, T_max = T.
pub(super) struct Burst;

impl Burst {
    /// Spikes and steps between them.
    fn of(rate: u16, steps: usize) -> (usize, usize) {
        let (rate, longest) = (u64::from(rate), (steps as u64).max(SHORTEST));
        let spikes = (MOST_SPIKES * rate).div_ceil(HIGHEST);
        (spikes as usize, (longest - (longest - SHORTEST) * rate / HIGHEST) as usize)
    }
}

impl Code for Burst {
    fn fill(&self, word: &Word, rates: &[u16], rows: ChunksExactMut<'_, u64>) {
        // The step of the next spike of each dimension, if there is one.
        let mut next: Vec<(usize, usize, usize)> = rates
            .iter()
            .map(|&rate| {
                let (spikes, apart) = Self::of(rate, word.steps);
                (if spikes > 0 { 0 } else { usize::MAX }, spikes, apart)
            })
            .collect();
        let mut marks = vec![0; rates.len()];
        for (t, row) in rows.enumerate() {
            write_row(row, &mut marks, |d| next[d].0 == t);
            for (step, left, apart) in next.iter_mut().filter(|(step, ..)| *step == t) {
                *left -= 1;
                *step = if *left > 0 { t + *apart } else { usize::MAX };
            }
        }
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
    fn the_higher_the_rate_the_earlier_the_spike() {
        for (rate, at) in [(65_535, 0), (49_152, 2), (32_768, 4), (32_767, 4), (24_576, 5), (8_192, 7), (1, 7)] {
            let mut want = [0; 8];
            want[at] = 1;
            assert_eq!(spikes(Encoder::Latency, rate, 8), want, "{rate}");
        }
        assert_eq!(spikes(Encoder::Latency, 0, 8), [0; 8]);
    }

    #[test]
    fn bursts_by_hand() {
        for (rate, want) in [
            (0, [0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
            (1, [1, 0, 0, 0, 0, 0, 0, 0, 0, 0]),      // one spike
            (19_661, [1, 0, 0, 0, 0, 0, 0, 0, 1, 0]), // r = 0.3: two spikes, 10 - floor(2.4) = 8 apart
            (32_768, [1, 0, 0, 0, 0, 0, 1, 0, 0, 0]), // r = 0.5: three spikes, 6 apart, of which two are in time
            (45_875, [1, 0, 0, 0, 0, 1, 0, 0, 0, 0]), // r = 0.7: four spikes, 10 - floor(5.6) = 5 apart
            (52_429, [1, 0, 0, 0, 1, 0, 0, 0, 1, 0]), // r = 0.8: five spikes, 10 - floor(6.4) = 4 apart
            (65_535, [1, 0, 1, 0, 1, 0, 1, 0, 1, 0]),
        ] {
            assert_eq!(spikes(Encoder::Burst, rate, 10), want, "{rate}");
        }
    }

    proptest! {
        #[test]
        fn latency_spikes_once(rates in prop::collection::vec(0u16..=65_535, 1..80), steps in 1usize..60) {
            let want: Vec<u32> = rates.iter().map(|&rate| u32::from(rate > 0)).collect();
            prop_assert_eq!(counts(Encoder::Latency, &rates, steps, 0), want);
        }

        #[test]
        fn bursts_have_the_spikes_that_are_in_time(
            rates in prop::collection::vec(0u16..=65_535, 1..80),
            steps in 1usize..60,
        ) {
            for (count, &rate) in counts(Encoder::Burst, &rates, steps, 0).into_iter().zip(&rates) {
                let (spikes, apart) = Burst::of(rate, steps);
                let exact = 5.0 * f64::from(rate) / 65_535.0;
                prop_assert!((spikes as f64 - exact - 0.5).abs() <= 0.5, "{spikes} {exact}");
                prop_assert!((2..=steps.max(2)).contains(&apart));
                prop_assert_eq!(count as usize, spikes.min(steps.div_ceil(apart)));
            }
        }
    }
}
