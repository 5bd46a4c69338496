//! Surrogate gradients: what stands in for the derivative of the firing step (equation 7).

use crate::Real;

/// A surrogate derivative of the firing step at distance `x = u' - threshold`; each has height 1 at `x = 0` or as
/// named.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Surrogate {
    /// `1 / (1 + slope |x|)^2` (Zenke and Ganguli 2018; slope 25 in the paper).
    FastSigmoid {
        /// Steepness.
        slope: f32,
    },
    /// `(alpha / 2) / (1 + (pi alpha x / 2)^2)` (Fang et al. 2021).
    Arctangent {
        /// Steepness.
        alpha: f32,
    },
    /// `max(0, 1 - slope |x|)` (Bellec et al. 2018).
    Triangle {
        /// Steepness: the support is `|x| < 1 / slope`.
        slope: f32,
    },
}

impl Surrogate {
    /// The surrogate derivative at `x`.
    #[inline(always)]
    pub fn derivative<F: Real>(self, x: F) -> F {
        match self {
            Self::FastSigmoid { slope } => {
                let d = F::ONE + F::of(slope) * x.abs();
                F::ONE / (d * d)
            }
            Self::Arctangent { alpha } => {
                let y = F::of(std::f32::consts::FRAC_PI_2) * F::of(alpha) * x;
                F::of(alpha) * F::of(0.5) / (F::ONE + y * y)
            }
            Self::Triangle { slope } => {
                let d = F::ONE - F::of(slope) * x.abs();
                if d > F::ZERO { d } else { F::ZERO }
            }
        }
    }

    /// A primitive of [`Self::derivative`], zero at `x = 0`: the smooth step whose true gradient the surrogate is.
    pub fn primitive<F: Real>(self, x: F) -> F {
        match self {
            Self::FastSigmoid { slope } => x / (F::ONE + F::of(slope) * x.abs()),
            Self::Arctangent { alpha } => {
                let y = F::of(std::f32::consts::FRAC_PI_2) * F::of(alpha) * x;
                y.atan() * F::of(0.5) / F::of(std::f32::consts::FRAC_PI_2)
            }
            Self::Triangle { slope } => {
                let edge = F::ONE / F::of(slope);
                let reach = if x.abs() < edge { x.abs() } else { edge };
                let area = reach - F::of(0.5) * F::of(slope) * reach * reach;
                if x < F::ZERO { -area } else { area }
            }
        }
    }
}

/// How a neuron answers to its membrane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fire {
    /// The true step: 1 above the threshold (strictly), else 0.
    Step,
    /// The surrogate's primitive in the step's place. Only gradient checks use it: then the backward pass is exact.
    Smooth,
}

impl Fire {
    /// The spike at distance `x` from the threshold.
    #[inline(always)]
    pub fn spike<F: Real>(self, surrogate: Surrogate, x: F) -> F {
        match self {
            Self::Step => {
                if x > F::ZERO {
                    F::ONE
                } else {
                    F::ZERO
                }
            }
            Self::Smooth => surrogate.primitive(x),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Surrogate; 3] = [
        Surrogate::FastSigmoid { slope: 25.0 },
        Surrogate::Arctangent { alpha: 2.0 },
        Surrogate::Triangle { slope: 2.0 },
    ];

    #[test]
    fn the_derivative_is_that_of_the_primitive() {
        for surrogate in ALL {
            for step in -300..=300 {
                // Off the kinks at 0 and at the triangle's edge.
                let x = f64::from(step) * 0.01 + 0.0037;
                let h = 1e-6;
                let slope = (surrogate.primitive(x + h) - surrogate.primitive(x - h)) / (2.0 * h);
                assert!((slope - surrogate.derivative(x)).abs() < 1e-6, "{surrogate:?} at {x}");
            }
        }
    }

    #[test]
    fn surrogates_are_even_and_peak_at_the_threshold() {
        for surrogate in ALL {
            let peak = surrogate.derivative(0.0f64);
            for x in [0.01, 0.1, 0.5, 2.0] {
                assert_eq!(surrogate.derivative(x), surrogate.derivative(-x));
                assert!(surrogate.derivative(x) < peak);
            }
        }
    }

    #[test]
    fn firing_is_strict() {
        let surrogate = ALL[0];
        assert_eq!(Fire::Step.spike(surrogate, 0.0f32), 0.0);
        assert_eq!(Fire::Step.spike(surrogate, f32::MIN_POSITIVE), 1.0);
    }
}
