//! Pooled features as bits, and the currents of the outputs out of them: what a single text needs after the
//! convolution.
//!
//! [`crate::neuron_scan`] runs the same neurons over batches and gives a number for each spike. Here channels lie in
//! rows of [`LANES`] and a row of spikes is one word, so that the outputs add the weights of those features alone
//! that fired, channel after channel, as adding them one by one from dense spikes does: the sums are the same to the
//! bit.

// By index: what runs over arrays of lanes reads as the formula does, and becomes vectors.
#![allow(clippy::needless_range_loop)]

use macro_rules_attribute::apply;

use crate::{
    Fire, NeuronParameters,
    lanes::{LANES, Lanes},
    neuron::{known_neuron, step},
};

/// Runs features over all steps: `counts`, `[T, rows]`, are their input and `thresholds`, `[rows]`, those of the
/// channels ([`f32::INFINITY`] in a lane that must never fire). The spikes go into `fired`, `[T, stride]` words of a
/// bit a channel, in the words of each step from `first` on.
///
/// # Panics
/// If the lengths do not agree.
#[apply(every_processor!)]
pub fn fire(
    neuron: &NeuronParameters,
    thresholds: &[Lanes<f32>],
    counts: &[Lanes<f32>],
    first: usize,
    stride: usize,
    fired: &mut [u32],
) {
    let rows = thresholds.len();
    assert!(rows > 0 && first + rows <= stride, "feature_bits::fire: rows of {stride}");
    assert_eq!(counts.len() / rows, fired.len() / stride, "feature_bits::fire: counts [T, {rows}]");
    for (row, thresholds) in thresholds.iter().enumerate() {
        let steps = counts[row..].iter().step_by(rows).zip(fired[first + row..].iter_mut().step_by(stride));
        known_neuron!(forward, neuron, |neuron| fire_row(neuron, thresholds, steps));
    }
}

#[inline(always)]
fn fire_row<'a>(
    neuron: &NeuronParameters,
    thresholds: &Lanes<f32>,
    steps: impl Iterator<Item = (&'a Lanes<f32>, &'a mut u32)>,
) {
    let mut membrane = Lanes(thresholds.0.map(|threshold| neuron.initial * threshold));
    for (counts, fired) in steps {
        let mut spikes = [0u8; LANES];
        for lane in 0..LANES {
            let (membrane, threshold) = (&mut membrane.0[lane], thresholds.0[lane]);
            let (spike, _) = step(neuron, Fire::Step, threshold, 1.0, membrane, counts.0[lane]);
            spikes[lane] = u8::from(spike > 0.0);
        }
        *fired = 0;
        for (eight, spikes) in spikes.as_chunks::<8>().0.iter().enumerate() {
            // The product moves the lowest bit of byte i to bit 56 + i, and no two of them meet on the way.
            let bits = u64::from_le_bytes(*spikes).wrapping_mul(0x0102_0408_1020_4080) >> 56;
            *fired |= (bits as u32) << (8 * eight);
        }
    }
}

/// Outputs whose currents are summed side by side, where there are few.
const FEW: usize = 8;

/// Weights of the outputs, a row for each lane of the features.
#[derive(Clone, Debug)]
pub struct OutputWeights {
    outputs: usize,
    /// Outputs of a part: [`FEW`] or [`LANES`].
    together: usize,
    /// `[parts, lanes, together]`.
    synapses: Vec<f32>,
    /// `[parts, together]`.
    bias: Vec<f32>,
}

impl OutputWeights {
    /// From synapses `[C, O]` and biases `[O]`; `lane_of` is the lane of each channel, ascending, `[C]`.
    ///
    /// # Panics
    /// If the lengths do not agree.
    #[must_use]
    pub fn new(synapses: &[f32], bias: &[f32], lane_of: &[usize]) -> Self {
        let outputs = bias.len();
        assert_eq!(synapses.len(), outputs * lane_of.len(), "OutputWeights::new: synapses [C, O]");
        let together = if outputs <= FEW { FEW } else { LANES };
        let lanes = lane_of.last().map_or(0, |last| last + 1);
        let parts = outputs.div_ceil(together);
        let (mut own, mut own_bias) = (vec![0.0; parts * lanes * together], vec![0.0; parts * together]);
        own_bias[..outputs].copy_from_slice(bias);
        for part in 0..parts {
            for (&lane, row) in lane_of.iter().zip(synapses.chunks_exact(outputs)) {
                let row = row.chunks(together).nth(part).unwrap_or_default();
                own[(part * lanes + lane) * together..][..row.len()].copy_from_slice(row);
            }
        }
        Self { outputs, together, synapses: own, bias: own_bias }
    }

    /// Currents of the outputs, `[T, O]`, from features that fired, `[T, rows]` words of a bit a lane.
    ///
    /// # Panics
    /// If a lane fired that no channel has.
    #[must_use]
    pub fn currents(&self, fired: &[u32], rows: usize) -> Vec<f32> {
        let mut currents = vec![0.0; fired.len() / rows * self.outputs];
        add_up_rows(self, fired, rows, &mut currents);
        currents
    }
}

#[apply(every_processor!)]
fn add_up_rows(weights: &OutputWeights, fired: &[u32], rows: usize, currents: &mut [f32]) {
    if weights.together == FEW {
        add_up::<FEW>(weights, fired, rows, currents);
    } else {
        add_up::<LANES>(weights, fired, rows, currents);
    }
}

#[inline(always)]
fn add_up<const TOGETHER: usize>(weights: &OutputWeights, fired: &[u32], rows: usize, currents: &mut [f32]) {
    let (synapses, bias) = (weights.synapses.as_chunks::<TOGETHER>().0, weights.bias.as_chunks::<TOGETHER>().0);
    let lanes = synapses.len() / bias.len().max(1);
    for (part, bias) in bias.iter().enumerate() {
        let synapses = &synapses[part * lanes..][..lanes];
        for (fired, currents) in fired.chunks_exact(rows).zip(currents.chunks_exact_mut(weights.outputs)) {
            let mut sums = *bias;
            for (row, &fired) in fired.iter().enumerate() {
                let mut left = fired;
                while left != 0 {
                    let lane = row * LANES + left.trailing_zeros() as usize;
                    left &= left - 1;
                    sums = plus(sums, &synapses[lane]);
                }
            }
            let own = &mut currents[part * TOGETHER..];
            let own_outputs = own.len().min(TOGETHER);
            own[..own_outputs].copy_from_slice(&sums[..own_outputs]);
        }
    }
}

/// By value, so that sums stay in registers.
#[inline(always)]
fn plus<const TOGETHER: usize>(mut sums: [f32; TOGETHER], row: &[f32; TOGETHER]) -> [f32; TOGETHER] {
    for i in 0..TOGETHER {
        sums[i] += row[i];
    }
    sums
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Reset, neuron_scan};

    proptest! {
        /// Spikes and currents are those of the dense way, to the bit.
        #[test]
        fn bits_say_what_numbers_say(
            seed in 0u32..1000,
            steps in 1usize..9,
            channels in 1usize..70,
            outputs in 1usize..70,
            reset in prop::sample::select(vec![Reset::Soft, Reset::Hard]),
        ) {
            let neuron = NeuronParameters { reset, initial: 0.25, beta: 0.9, ..NeuronParameters::paper() };
            let mut state = seed;
            let mut next = || {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 20) as f32 / 4096.0
            };
            // Every third lane has no channel.
            let lane_of: Vec<usize> = (0..channels).map(|c| c + c / 2).collect();
            let rows = channels.div_ceil(2) * 3 / LANES + 1;
            let spread = |values: &[f32], rest: f32| -> Vec<Lanes<f32>> {
                let mut lanes = vec![Lanes::all(rest); rows];
                for (&lane, &value) in lane_of.iter().zip(values) {
                    lanes[lane / LANES].0[lane % LANES] = value;
                }
                lanes
            };
            let thresholds: Vec<f32> = (0..channels).map(|_| 0.5 + 9.0 * next()).collect();
            let counts: Vec<f32> = (0..steps * channels).map(|_| (10.0 * next()).floor()).collect();
            let synapses: Vec<f32> = (0..channels * outputs).map(|_| next() - 0.5).collect();
            let bias: Vec<f32> = (0..outputs).map(|_| next()).collect();

            let given = neuron_scan::Thresholds { values: &thresholds, scales: &vec![1.0; channels] };
            let features = neuron_scan::forward(&neuron, steps, channels, given, &counts);
            let mut want = Vec::new();
            for features in features.chunks(channels) {
                let mut sums = bias.clone();
                for (row, _) in synapses.chunks(outputs).zip(features).filter(|(_, feature)| **feature > 0.0) {
                    sums.iter_mut().zip(row).for_each(|(sum, weight)| *sum += weight);
                }
                want.extend(sums);
            }

            let in_lanes: Vec<Lanes<f32>> = counts.chunks(channels).flat_map(|counts| spread(counts, 77.0)).collect();
            let mut fired = vec![0; steps * (rows + 2)];
            fire(&neuron, &spread(&thresholds, f32::INFINITY), &in_lanes, 1, rows + 2, &mut fired);
            for (t, fired) in fired.chunks(rows + 2).enumerate() {
                let of = |lane: usize| fired[1 + lane / LANES] >> (lane % LANES) & 1 == 1;
                for (c, &lane) in lane_of.iter().enumerate() {
                    prop_assert_eq!(of(lane), features[t * channels + c] > 0.0);
                }
                let all: u32 = fired.iter().map(|word| word.count_ones()).sum();
                prop_assert_eq!(all as usize, lane_of.iter().filter(|&&lane| of(lane)).count());
            }
            let fired: Vec<u32> = fired.chunks(rows + 2).flat_map(|fired| &fired[1..=rows]).copied().collect();
            prop_assert_eq!(OutputWeights::new(&synapses, &bias, &lane_of).currents(&fired, rows), want);
        }
    }
}
