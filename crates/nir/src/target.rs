//! For whom a file is written: which parameters of neurons a reader understands as what, and how it runs them.
//!
//! NIR says what a neuron does in continuous time and leaves to readers how they step through it. They differ in the
//! length of a step, in what they make of a resistance, in `>` and `>=`, and one subtracts thresholds. So the same
//! network is written with other numbers for each, and a file is run here as its reader would run it.

use std::{fmt, str::FromStr};

use spiketext::Error;

use crate::{array::Array, graph::Neurons};

/// A reader of NIR files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// The equations of NIR by Euler's method in steps of 0.1 ms, firing above the threshold.
    Generic,
    /// snnTorch 1.0.0.
    SnnTorch,
    /// SpikingJelly 2.0.0.
    SpikingJelly,
    /// Norse 1.1.0, read with `from_nir(..., dt=1.0)`.
    Norse,
    /// sinabs 3.1.3, whose neurons subtract their threshold and may fire several times a step.
    Sinabs,
}

/// How a reader runs neurons that integrate and fire.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rule {
    /// Length of a step, in the unit of `tau`.
    pub step: f64,
    /// Whether a membrane that is just at its threshold fires.
    pub at_threshold: bool,
    /// Whether a resistance means anything.
    pub reads_resistance: bool,
    /// Whether a spike subtracts the threshold, as often as it fits, and the membrane stays above minus the
    /// threshold.
    pub subtracts: bool,
}

/// `tau` in steps of what is to leak nothing: `1 - 1/tau` is 1 in single precision.
const FOREVER: f64 = 1e10;

impl Target {
    /// All, in the order of help texts.
    pub const ALL: [Self; 5] = [Self::Generic, Self::SnnTorch, Self::SpikingJelly, Self::Norse, Self::Sinabs];

    /// Its name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Generic => "generic",
            Self::SnnTorch => "snntorch",
            Self::SpikingJelly => "spikingjelly",
            Self::Norse => "norse",
            Self::Sinabs => "sinabs",
        }
    }

    /// How it runs neurons.
    #[must_use]
    pub fn rule(self) -> Rule {
        let rule = Rule { step: 1e-4, at_threshold: false, reads_resistance: true, subtracts: false };
        match self {
            Self::Generic | Self::SnnTorch => rule,
            Self::SpikingJelly => Rule { at_threshold: true, ..rule },
            Self::Norse => Rule { step: 1.0, reads_resistance: false, ..rule },
            Self::Sinabs => Rule { step: 1.0, at_threshold: true, reads_resistance: false, subtracts: true },
        }
    }

    /// Neurons that keep a share `beta` of their membrane from step to step, add what comes in, and fire above
    /// `threshold`.
    ///
    /// # Errors
    /// What it cannot have: leaks, in the case of sinabs.
    pub fn neurons(self, shape: &[usize], threshold: f64, beta: f64) -> spiketext::Result<Neurons> {
        let full = |value: f64| Array::full(shape, value);
        let step = self.rule().step;
        let leaky = |steps: f64, threshold: f64| Neurons {
            tau: Some(full(steps * step)),
            r: full(steps),
            v_leak: Some(full(0.0)),
            v_threshold: full(threshold),
            v_reset: None,
        };
        let plain =
            |r: f64| Neurons { tau: None, r: full(r), v_leak: None, v_threshold: full(threshold), v_reset: None };
        if beta < 1.0 {
            let steps = 1.0 / (1.0 - beta);
            return match self {
                Self::Generic | Self::SnnTorch | Self::SpikingJelly => Ok(leaky(steps, threshold)),
                // What comes in is divided by tau, whatever the resistance is.
                Self::Norse => Ok(Neurons { r: full(1.0), ..leaky(steps, threshold / steps) }),
                Self::Sinabs => {
                    let expected =
                        "neurons without a leak for sinabs (another --target, or train with network.beta=1)";
                    Err(Error::invalid("export", expected, format!("beta {beta}")))
                }
            };
        }
        Ok(match self {
            Self::Generic | Self::SpikingJelly => plain(1.0 / step),
            // Its IF nodes become neurons that leak.
            Self::SnnTorch => leaky(FOREVER, threshold),
            Self::Norse | Self::Sinabs => plain(1.0),
        })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for Target {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        if name == "rockpool" {
            let got = "rockpool, whose release 3.1.0 reads neither convolutions nor IF neurons from NIR, and fails at LIF neurons";
            return Err(Error::invalid("NIR", "a reader that can run these networks", got));
        }
        Self::ALL.into_iter().find(|target| target.name() == name).ok_or_else(|| Error::UnknownName {
            what: "reader of NIR files",
            name: name.to_owned(),
            known: Self::ALL.iter().map(ToString::to_string).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readers_have_names() {
        for target in Target::ALL {
            assert_eq!(target.name().parse::<Target>().expect("its name"), target);
        }
        assert!("loihi".parse::<Target>().expect_err("unknown").to_string().contains("snntorch"));
        assert!("rockpool".parse::<Target>().expect_err("cannot").to_string().contains("LIF"));
    }

    #[test]
    fn a_leak_is_the_same_in_every_reader_that_has_one() {
        for target in [Target::Generic, Target::SnnTorch, Target::SpikingJelly, Target::Norse] {
            let neurons = target.neurons(&[1], 2.0, 0.75).expect("a leak");
            let rule = target.rule();
            let rate = rule.step / neurons.tau.expect("leaky").values[0];
            let gain = rate * if rule.reads_resistance { neurons.r.values[0] } else { 1.0 };
            // A current of one threshold fills a membrane to it, whatever both are counted in.
            assert!(
                (1.0 - rate - 0.75).abs() < 1e-9 && (gain / neurons.v_threshold.values[0] - 0.5).abs() < 1e-9,
                "{target}"
            );
        }
        assert!(Target::Sinabs.neurons(&[1], 2.0, 0.75).is_err());
    }
}
