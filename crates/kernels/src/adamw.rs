//! One step of AdamW (Loshchilov and Hutter 2019) in one pass over the memory.
//!
//! The operations and their roundings are those of the tensor operations that one would compose it of, one number after
//! the other; a test in the crate that trains holds the two together. Composed of tensor operations the step passes a dozen times over arrays of the
//! size of the weights, and costs as much as a third of the convolution itself.

use macro_rules_attribute::apply;
use rayon::prelude::*;

/// The choices of the optimiser.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamW {
    /// Share of the first moment that is kept.
    pub beta_1: f32,
    /// Share of the second moment that is kept.
    pub beta_2: f32,
    /// What keeps the division finite.
    pub epsilon: f32,
    /// Weight decay, as a share of the learning rate.
    pub weight_decay: f32,
}

/// What a step changes: numbers and their moments, all of one length N.
#[derive(Debug)]
pub struct Learning<'a> {
    /// The numbers, `[N]`.
    pub values: &'a mut [f32],
    /// First moments, `[N]`.
    pub moment_1: &'a mut [f32],
    /// Second moments, `[N]`.
    pub moment_2: &'a mut [f32],
}

/// The numbers that are the same for all entries of a step.
#[derive(Clone, Copy)]
struct Factors {
    beta_1: f32,
    beta_2: f32,
    rest_1: f32,
    rest_2: f32,
    correction_1: f32,
    correction_2: f32,
    epsilon: f32,
    decay: f32,
    rate: f32,
}

/// So many numbers are worked on by one thread at a time: 200 KB of four arrays.
const PART: usize = 12 * 1024;

impl AdamW {
    /// The `time`-th step (from 1) along `gradient` `[N]`. Threads share long arrays; bits do not depend on them.
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn step(&self, learning_rate: f64, time: usize, learning: Learning<'_>, gradient: &[f32]) {
        let Learning { values, moment_1, moment_2 } = learning;
        let lengths = [values.len(), moment_1.len(), moment_2.len()];
        assert_eq!(lengths, [gradient.len(); 3], "adamw: numbers, moments and gradient");
        let factors = self.factors(learning_rate, time);
        let parts = values.par_chunks_mut(PART).zip(moment_1.par_chunks_mut(PART)).zip(moment_2.par_chunks_mut(PART));
        parts.zip(gradient.par_chunks(PART)).for_each(|(((values, moment_1), moment_2), gradient)| {
            advance(factors, values, moment_1, moment_2, gradient);
        });
    }

    fn factors(&self, learning_rate: f64, time: usize) -> Factors {
        let time = i32::try_from(time).unwrap_or(i32::MAX);
        let decay_rate = learning_rate * f64::from(self.weight_decay);
        Factors {
            beta_1: self.beta_1,
            beta_2: self.beta_2,
            rest_1: 1.0 - self.beta_1,
            rest_2: 1.0 - self.beta_2,
            correction_1: 1.0 - self.beta_1.powi(time),
            correction_2: 1.0 - self.beta_2.powi(time),
            epsilon: self.epsilon,
            decay: (1.0 - decay_rate) as f32,
            rate: learning_rate as f32,
        }
    }
}

#[apply(every_processor!)]
fn advance(factors: Factors, values: &mut [f32], moment_1: &mut [f32], moment_2: &mut [f32], gradient: &[f32]) {
    let f = factors;
    for (((x, m), v), &g) in values.iter_mut().zip(moment_1).zip(moment_2).zip(gradient) {
        *m = *m * f.beta_1 + g * f.rest_1;
        *v = *v * f.beta_2 + (g * g) * f.rest_2;
        let step = (*m / f.correction_1) / ((*v / f.correction_2).sqrt() + f.epsilon);
        *x = *x * f.decay - step * f.rate;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_step_goes_by_the_rate_against_the_gradients_sign() {
        let optimiser = AdamW { beta_1: 0.9, beta_2: 0.999, epsilon: 1e-8, weight_decay: 0.5 };
        let count = 3 * PART + 5;
        let gradient: Vec<f32> = (0..count).map(|i| (i as f32 - 4000.5) * 1e-3).collect();
        let (mut values, mut moment_1, mut moment_2) = (vec![2.0; count], vec![0.0; count], vec![0.0; count]);
        let learning = Learning { values: &mut values, moment_1: &mut moment_1, moment_2: &mut moment_2 };
        optimiser.step(0.1, 1, learning, &gradient);
        for ((x, m), g) in values.iter().zip(&moment_1).zip(&gradient) {
            // The decay takes 0.1 x 0.5 of 2.
            assert!((x - (1.9 - 0.1 * g.signum())).abs() < 1e-4, "{x} for {g}");
            assert!((m - 0.1 * g).abs() < 1e-6);
        }
    }

    #[test]
    #[should_panic(expected = "adamw")]
    fn lengths_must_agree() {
        let optimiser = AdamW { beta_1: 0.9, beta_2: 0.999, epsilon: 1e-8, weight_decay: 0.0 };
        let (mut values, mut moments) = ([0.0; 2], [[0.0; 2]; 2]);
        let [moment_1, moment_2] = &mut moments;
        optimiser.step(0.1, 1, Learning { values: &mut values, moment_1, moment_2 }, &[1.0]);
    }
}
