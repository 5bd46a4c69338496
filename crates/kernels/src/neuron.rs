//! The spiking neuron: its parameters and one time step (equation 4).
//!
//! Leaky integrate-and-fire in discrete time, charge, fire, reset, all in the same step:
//!
//! ```text
//! charge   u' = beta u + i
//! fire     s  = 1 if u' > threshold else 0
//! reset    soft: u = u' - threshold s        hard: u = (1 - s) u'
//! ```
//!
//! `beta = 1` is the integrate-and-fire neuron. The membrane is the caller's: it is passed in and out.

use crate::{Fire, Real, Surrogate};

/// What a spike does to the membrane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reset {
    /// The threshold is subtracted: no charge is lost (the converted network needs this).
    Soft,
    /// The membrane goes to zero.
    Hard,
}

/// Parameters of a layer of neurons.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NeuronParameters {
    /// Share of the membrane that stays from one step to the next, in [0, 1].
    pub beta: f32,
    /// The membrane must exceed this to fire; above 0.
    pub threshold: f32,
    /// First membrane as a share of the threshold; 1/2 makes a converted neuron round instead of floor.
    pub initial: f32,
    /// What a spike does to the membrane.
    pub reset: Reset,
    /// Whether the gradient ignores the reset (snnTorch does) or goes through it.
    pub detach_reset: bool,
    /// The derivative of firing in the backward pass.
    pub surrogate: Surrogate,
}

impl NeuronParameters {
    /// The paper's neuron: integrate-and-fire, threshold 1, soft reset kept out of the gradient, fast sigmoid of
    /// slope 25.
    #[must_use]
    pub fn paper() -> Self {
        Self {
            beta: 1.0,
            threshold: 1.0,
            initial: 0.0,
            reset: Reset::Soft,
            detach_reset: true,
            surrogate: Surrogate::FastSigmoid { slope: 25.0 },
        }
    }

    /// The membrane before the first step.
    #[must_use]
    pub fn first_membrane(&self) -> f32 {
        self.initial * self.threshold
    }
}

/// One time step of one neuron with `threshold`: the membrane goes in, `(spike, charged membrane u')` come out and
/// the membrane holds its value after the reset.
///
/// `scale` is the unit in which the surrogate measures the distance to the threshold (1 where the membrane has its
/// natural unit).
#[inline(always)]
pub fn step<F: Real>(
    parameters: &NeuronParameters,
    fire: Fire,
    threshold: F,
    scale: F,
    membrane: &mut F,
    current: F,
) -> (F, F) {
    let charged = F::of(parameters.beta) * *membrane + current;
    let spike = match fire {
        Fire::Step => fire.spike(parameters.surrogate, charged - threshold),
        Fire::Smooth => fire.spike(parameters.surrogate, (charged - threshold) / scale),
    };
    *membrane = match parameters.reset {
        Reset::Soft => charged - threshold * spike,
        Reset::Hard => charged - charged * spike,
    };
    (spike, charged)
}

/// Calls `$body` with the neuron as one whose kind the compiler knows, so that no choice is left in loops over lanes:
/// on the way forward the kind is the reset, on the way back the usual surrogates with a soft reset kept out of the
/// gradient (others are left to run time).
macro_rules! known_neuron {
    (forward, $neuron:expr, |$known:ident| $body:expr) => {{
        let neuron: &$crate::NeuronParameters = $neuron;
        match neuron.reset {
            $crate::Reset::Soft => {
                let $known = &$crate::NeuronParameters { reset: $crate::Reset::Soft, ..*neuron };
                $body
            }
            $crate::Reset::Hard => {
                let $known = neuron;
                $body
            }
        }
    }};
    (backward, $neuron:expr, |$known:ident| $body:expr) => {{
        let neuron: &$crate::NeuronParameters = $neuron;
        let soft = |surrogate| $crate::NeuronParameters {
            surrogate,
            reset: $crate::Reset::Soft,
            detach_reset: true,
            ..*neuron
        };
        match (neuron.surrogate, neuron.reset, neuron.detach_reset) {
            ($crate::Surrogate::FastSigmoid { slope }, $crate::Reset::Soft, true) => {
                let $known = &soft($crate::Surrogate::FastSigmoid { slope });
                $body
            }
            ($crate::Surrogate::Arctangent { alpha }, $crate::Reset::Soft, true) => {
                let $known = &soft($crate::Surrogate::Arctangent { alpha });
                $body
            }
            _ => {
                let $known = neuron;
                $body
            }
        }
    }};
}
pub(crate) use known_neuron;

/// One time step backward: from the gradients of the loss with respect to this step's spike and to the membrane after
/// the reset, the gradient with respect to the charged membrane u' (which is also that of the input current; times
/// beta it is that of the membrane before the step).
#[inline(always)]
pub fn step_backward<F: Real>(
    parameters: &NeuronParameters,
    threshold: F,
    scale: F,
    charged: F,
    spike: F,
    d_spike: F,
    d_membrane: F,
) -> F {
    let slope = parameters.surrogate.derivative((charged - threshold) / scale) / scale;
    let through_reset = match (parameters.detach_reset, parameters.reset) {
        (true, _) => F::ZERO,
        (false, Reset::Soft) => threshold,
        (false, Reset::Hard) => charged,
    };
    let kept = match parameters.reset {
        Reset::Soft => F::ONE,
        Reset::Hard => F::ONE - spike,
    };
    slope * (d_spike - through_reset * d_membrane) + kept * d_membrane
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace(parameters: &NeuronParameters, currents: &[f32]) -> Vec<(f32, f32)> {
        let mut membrane = parameters.first_membrane();
        currents
            .iter()
            .map(|&current| {
                let (spike, _) = step(parameters, Fire::Step, parameters.threshold, 1.0, &mut membrane, current);
                (spike, membrane)
            })
            .collect()
    }

    #[test]
    fn integrate_and_fire_step_by_step() {
        // 0.4 a step: 0.4, 0.8, 1.2 fires and leaves 0.2, and so on. All values are exact in binary quarters.
        let got = trace(&NeuronParameters::paper(), &[0.5, 0.25, 0.5, 0.75, -1.0, 2.5, 0.0, 0.0]);
        let want = [
            (0.0, 0.5),
            (0.0, 0.75),
            (1.0, 0.25),
            (0.0, 1.0), // exactly at the threshold: strict, so silent
            (0.0, 0.0),
            (1.0, 1.5), // one spike a step at most; the rest of the charge stays
            (1.0, 0.5),
            (0.0, 0.5),
        ];
        assert_eq!(got, want);
    }

    #[test]
    fn leak_and_hard_reset_step_by_step() {
        let parameters = NeuronParameters { beta: 0.5, reset: Reset::Hard, ..NeuronParameters::paper() };
        let got = trace(&parameters, &[1.0, 1.0, 1.0, 0.5]);
        assert_eq!(got, [(0.0, 1.0), (1.0, 0.0), (0.0, 1.0), (0.0, 1.0)]);
    }

    #[test]
    fn half_a_threshold_at_the_start_rounds_the_count() {
        let parameters = NeuronParameters { initial: 0.5, ..NeuronParameters::paper() };
        for (current, count) in [(0.05f32, 0.0), (0.1, 1.0), (0.26, 2.0), (0.99, 8.0)] {
            let spikes: f32 = trace(&parameters, &[current; 8]).iter().map(|(s, _)| s).sum();
            assert_eq!(spikes, count, "{current}");
        }
    }

    #[test]
    fn soft_reset_conserves_charge() {
        let currents: Vec<f32> = (0..200).map(|i| ((i * 37 % 64) as f32 - 20.0) / 32.0).collect();
        let got = trace(&NeuronParameters::paper(), &currents);
        let spikes: f32 = got.iter().map(|(s, _)| s).sum();
        let (_, last) = got[got.len() - 1];
        assert!(spikes > 10.0);
        assert_eq!(last + spikes, currents.iter().sum::<f32>());
    }
}
