//! A layer of neurons run over all time steps of a batch, forward and backward (equation 4).
//!
//! The backward pass replays the membranes instead of keeping T of them. Thresholds are given for every text and
//! channel, because a pooled layer counts spikes in whole numbers and scales its threshold by the number of positions
//! instead (so that no rounding of an average decides a spike).

use macro_rules_attribute::apply;
use rayon::prelude::*;

use crate::{
    Fire, NeuronParameters,
    neuron::{known_neuron, step, step_backward},
};

/// Thresholds of a layer.
#[derive(Clone, Copy, Debug)]
pub struct Thresholds<'a> {
    /// Threshold of every text and channel, `[B, C]`; `NeuronParameters::threshold` is not used here.
    pub values: &'a [f32],
    /// The unit in which the surrogate sees the distance to the threshold, `[B, C]`.
    pub scales: &'a [f32],
}

/// Forward pass: currents `[B, T, C]` to spikes `[B, T, C]` (0.0 or 1.0).
///
/// # Panics
/// If the lengths do not agree.
#[must_use]
pub fn forward(
    neuron: &NeuronParameters,
    steps: usize,
    channels: usize,
    thresholds: Thresholds<'_>,
    currents: &[f32],
) -> Vec<f32> {
    check(steps, channels, thresholds, currents);
    let mut spikes = vec![0.0; currents.len()];
    let text = (steps * channels).max(1);
    let run = |(b, spikes): (usize, &mut [f32])| {
        let own = b * channels..(b + 1) * channels;
        let thresholds = Thresholds { values: &thresholds.values[own.clone()], scales: &thresholds.scales[own] };
        forward_text(neuron, channels, thresholds, &currents[b * text..][..text], spikes);
    };
    // To wake other threads takes longer than a few texts do.
    if currents.len() < NUMBERS_ALONE {
        spikes.chunks_exact_mut(text).enumerate().for_each(run);
    } else {
        spikes.par_chunks_exact_mut(text).enumerate().for_each(run);
    }
    spikes
}

/// Numbers that the calling thread works on alone.
const NUMBERS_ALONE: usize = 1 << 15;

/// One text forward, all channels of a step side by side.
#[apply(every_processor!)]
fn forward_text(
    neuron: &NeuronParameters,
    channels: usize,
    Thresholds { values, scales }: Thresholds<'_>,
    currents: &[f32],
    spikes: &mut [f32],
) {
    let mut membrane: Vec<f32> = values.iter().map(|threshold| neuron.initial * threshold).collect();
    for (spikes, currents) in spikes.chunks_exact_mut(channels).zip(currents.chunks_exact(channels)) {
        for c in 0..channels {
            (spikes[c], _) = step(neuron, Fire::Step, values[c], scales[c], &mut membrane[c], currents[c]);
        }
    }
}

/// Backward pass: from the gradient with respect to the spikes `[B, T, C]` to that with respect to the currents.
///
/// # Panics
/// If the lengths do not agree.
#[must_use]
pub fn backward(
    neuron: &NeuronParameters,
    steps: usize,
    channels: usize,
    thresholds: Thresholds<'_>,
    currents: &[f32],
    d_spikes: &[f32],
) -> Vec<f32> {
    check(steps, channels, thresholds, currents);
    assert_eq!(d_spikes.len(), currents.len(), "neuron_scan::backward: gradient of the spikes");
    let mut d_currents = vec![0.0; currents.len()];
    let text = (steps * channels).max(1);
    d_currents.par_chunks_exact_mut(text).enumerate().for_each(|(b, d_currents)| {
        let (currents, d_spikes) = (&currents[b * text..][..text], &d_spikes[b * text..][..text]);
        let thresholds = Thresholds {
            values: &thresholds.values[b * channels..][..channels],
            scales: &thresholds.scales[b * channels..][..channels],
        };
        backward_text(neuron, channels, thresholds, currents, d_spikes, d_currents);
    });
    d_currents
}

/// One text backward.
#[apply(every_processor!)]
fn backward_text(
    neuron: &NeuronParameters,
    channels: usize,
    thresholds: Thresholds<'_>,
    currents: &[f32],
    d_spikes: &[f32],
    d_currents: &mut [f32],
) {
    known_neuron!(backward, neuron, |neuron| replay_text(
        neuron, channels, thresholds, currents, d_spikes, d_currents
    ));
}

/// All channels of a step side by side; the charged membranes wait in the place of the gradients.
#[inline(always)]
fn replay_text(
    neuron: &NeuronParameters,
    channels: usize,
    Thresholds { values, scales }: Thresholds<'_>,
    currents: &[f32],
    d_spikes: &[f32],
    d_currents: &mut [f32],
) {
    let (values, scales) = (&values[..channels], &scales[..channels]);
    let mut membrane: Vec<f32> = values.iter().map(|threshold| neuron.initial * threshold).collect();
    for (charged, currents) in d_currents.chunks_exact_mut(channels).zip(currents.chunks_exact(channels)) {
        let membrane = &mut membrane[..channels];
        for c in 0..channels {
            (_, charged[c]) = step(neuron, Fire::Step, values[c], scales[c], &mut membrane[c], currents[c]);
        }
    }
    let mut d_membrane = vec![0.0; channels];
    for (slot, d_spikes) in d_currents.chunks_exact_mut(channels).zip(d_spikes.chunks_exact(channels)).rev() {
        let d_membrane = &mut d_membrane[..channels];
        for c in 0..channels {
            let spike = Fire::Step.spike(neuron.surrogate, slot[c] - values[c]);
            let delta = step_backward(neuron, values[c], scales[c], slot[c], spike, d_spikes[c], d_membrane[c]);
            slot[c] = delta;
            d_membrane[c] = neuron.beta * delta;
        }
    }
}

fn check(steps: usize, channels: usize, thresholds: Thresholds<'_>, currents: &[f32]) {
    assert_eq!(thresholds.values.len(), thresholds.scales.len(), "neuron_scan: thresholds and scales [B, C]");
    assert_eq!(
        currents.len(),
        thresholds.values.len() * steps,
        "neuron_scan: {channels} channels, currents [B, T, C]"
    );
}

/// One text at a time, generic over the number type and the kind of firing.
pub mod reference {
    use super::{Fire, NeuronParameters, Thresholds, step, step_backward};
    use crate::Real;

    /// Spikes and charged membranes, both `[T, C]`, of one text.
    #[must_use]
    pub fn forward_text<F: Real>(
        neuron: &NeuronParameters,
        fire: Fire,
        channels: usize,
        thresholds: Thresholds<'_>,
        currents: &[F],
    ) -> (Vec<F>, Vec<F>) {
        let (mut spikes, mut charged) = (vec![F::ZERO; currents.len()], vec![F::ZERO; currents.len()]);
        for c in 0..channels {
            let (threshold, scale) = (F::of(thresholds.values[c]), F::of(thresholds.scales[c]));
            let mut membrane = F::of(neuron.initial) * threshold;
            for i in (c..currents.len()).step_by(channels) {
                (spikes[i], charged[i]) = step(neuron, fire, threshold, scale, &mut membrane, currents[i]);
            }
        }
        (spikes, charged)
    }

    /// Gradient with respect to the currents of one text, all `[T, C]`.
    pub fn backward_text<F: Real>(
        neuron: &NeuronParameters,
        fire: Fire,
        channels: usize,
        thresholds: Thresholds<'_>,
        currents: &[F],
        d_spikes: &[F],
        d_currents: &mut [F],
    ) {
        let (spikes, charged) = forward_text(neuron, fire, channels, thresholds, currents);
        let mut d_membrane = vec![F::ZERO; channels];
        for i in (0..currents.len()).rev() {
            let c = i % channels;
            let (threshold, scale) = (F::of(thresholds.values[c]), F::of(thresholds.scales[c]));
            d_currents[i] =
                step_backward(neuron, threshold, scale, charged[i], spikes[i], d_spikes[i], d_membrane[c]);
            d_membrane[c] = F::of(neuron.beta) * d_currents[i];
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Reset, Surrogate};

    fn kinds() -> Vec<NeuronParameters> {
        let paper = NeuronParameters::paper();
        let mut kinds = Vec::new();
        for reset in [Reset::Soft, Reset::Hard] {
            for (beta, surrogate) in [
                (1.0, Surrogate::FastSigmoid { slope: 3.0 }),
                (0.9, Surrogate::Arctangent { alpha: 2.0 }),
                (0.5, Surrogate::Triangle { slope: 0.7 }),
            ] {
                kinds.push(NeuronParameters { reset, beta, surrogate, initial: 0.25, detach_reset: false, ..paper });
            }
        }
        kinds
    }

    #[test]
    fn the_backward_scan_is_the_gradient_of_the_smooth_neuron() {
        let (steps, channels) = (9, 3);
        let values = [1.0f32, 2.5, 0.75];
        let thresholds = Thresholds { values: &values, scales: &[1.0, 2.5, 0.5] };
        let currents: Vec<f64> = (0..steps * channels).map(|i| f64::from(i as u32 * 29 % 17) * 0.11 - 0.4).collect();
        let up: Vec<f64> = (0..steps * channels).map(|i| f64::from(i as u32 * 13 % 7) - 3.0).collect();
        for neuron in kinds() {
            let loss = |x: &[f64]| -> f64 {
                let (spikes, _) = reference::forward_text(&neuron, Fire::Smooth, channels, thresholds, x);
                spikes.iter().zip(&up).map(|(s, g)| s * g).sum()
            };
            let mut got = vec![0.0; currents.len()];
            reference::backward_text(&neuron, Fire::Smooth, channels, thresholds, &currents, &up, &mut got);
            for i in 0..currents.len() {
                let h = 1e-6;
                let (mut high, mut low) = (currents.clone(), currents.clone());
                high[i] += h;
                low[i] -= h;
                let slope = (loss(&high) - loss(&low)) / (2.0 * h);
                assert!((slope - got[i]).abs() < 1e-5 * (1.0 + slope.abs()), "{neuron:?} {i}: {slope} {}", got[i]);
            }
        }
    }

    proptest! {
        /// Soft reset without leak loses no charge: first membrane + input = last membrane + threshold x spikes.
        #[test]
        fn charge_is_conserved(eighths in prop::collection::vec(-20i8..40, 1..60), whole in 1u8..5) {
            let neuron = NeuronParameters { initial: 0.5, ..NeuronParameters::paper() };
            let threshold = f32::from(whole);
            let currents: Vec<f32> = eighths.iter().map(|&e| f32::from(e) / 8.0).collect();
            let thresholds = Thresholds { values: &[threshold], scales: &[1.0] };
            let (spikes, charged) = reference::forward_text(&neuron, Fire::Step, 1, thresholds, &currents);
            let last = charged[charged.len() - 1] - threshold * spikes[spikes.len() - 1];
            let spent: f32 = spikes.iter().map(|s| s * threshold).sum();
            prop_assert_eq!(0.5 * threshold + currents.iter().sum::<f32>(), last + spent);
        }

        /// The scan over a batch is the reference, text by text, to the last bit.
        #[test]
        fn a_batch_is_its_texts(seed in 0u32..1000, texts in 0usize..5, steps in 1usize..7, channels in 1usize..20) {
            let neuron = kinds()[seed as usize % 6];
            let mixed = |i: usize| (i as u32).wrapping_mul(2_654_435_761).wrapping_add(seed);
            let at = |i: usize| (mixed(i) >> 16 & 255) as f32 / 100.0;
            let currents: Vec<f32> = (0..texts * steps * channels).map(|i| at(i) - 1.0).collect();
            let up: Vec<f32> = (0..currents.len()).map(|i| at(i + 7) - 1.2).collect();
            let values: Vec<f32> = (0..texts * channels).map(|i| 0.5 + at(i + 3)).collect();
            let all = Thresholds { values: &values, scales: &values };
            let spikes = forward(&neuron, steps, channels, all, &currents);
            let gradient = backward(&neuron, steps, channels, all, &currents, &up);
            for b in 0..texts {
                let own = b * steps * channels..(b + 1) * steps * channels;
                let thresholds = &values[b * channels..][..channels];
                let thresholds = Thresholds { values: thresholds, scales: thresholds };
                let (want, _) =
                    reference::forward_text(&neuron, Fire::Step, channels, thresholds, &currents[own.clone()]);
                prop_assert_eq!(&spikes[own.clone()], &want[..]);
                let mut want = vec![0.0; own.len()];
                reference::backward_text(
                    &neuron, Fire::Step, channels, thresholds, &currents[own.clone()], &up[own.clone()], &mut want,
                );
                prop_assert_eq!(&gradient[own], &want[..]);
            }
        }
    }
}
