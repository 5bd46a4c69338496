//! What the texts of a batch teach: their labels, and what a teacher says of them (Hinton, Vinyals and Dean 2015).
//!
//! ```text
//! loss of a text = (1 - w) L(z, label) + w tau^2 L(z / tau, q)      q = softmax(teacher / tau)    labelled and taught
//!                =         L(z, label)                              the teacher says nothing of it
//!                =                       tau^2 L(z / tau, q)        nobody but the teacher labelled it
//! ```
//!
//! z are the logits of the network, w and tau the teacher's `weight` and `temperature`; L is the cross-entropy of the softmax
//! or, where a text may have several labels, the sum over the classes of that of the sigmoid. The square keeps the size of
//! the gradient whatever the temperature is. Class weights multiply the labels' term alone, a text's own weight both.

use burn_tensor::{Tensor, TensorData, activation};
use spiketext::{
    loss::{sigmoid, softmax},
    network::NetworkConfig,
    target::Target,
};

use crate::{
    objective::{Objective, Outputs, Weights},
    prepare::EncodedText,
    recipe::Distillation,
};

/// What the texts of a batch teach.
#[derive(Clone, Debug, PartialEq)]
pub struct Lesson {
    targets: Vec<Target>,
    /// By what the texts' losses are multiplied where no teacher says anything, `[B]`; none where all are multiplied by 1.
    weights: Option<Vec<f32>>,
    told: Option<Told>,
}

/// What a teacher says of the texts of a batch.
#[derive(Clone, Debug, PartialEq)]
struct Told {
    /// Probabilities of the classes at the temperature, times the teacher's factor in each text where these differ, `[B, K]`.
    likely: Vec<f32>,
    temperature: f32,
    shares: Shares,
}

/// The shares of labels and teacher in the loss.
#[derive(Clone, Debug, PartialEq)]
enum Shares {
    /// The teacher has this share in every text.
    Same(f32),
    /// Labels and teacher have these, times the weight of the text, `[B]` each.
    Each { labels: Vec<f32>, teacher: Vec<f32> },
}

impl Lesson {
    /// What `texts` teach, by the choices of who teaches.
    #[must_use]
    pub fn of(objective: Objective, texts: &[&EncodedText], choices: Distillation) -> Self {
        let targets = texts.iter().map(|text| text.target.clone()).collect();
        let Distillation { weight, temperature } = choices;
        let share = |text: &EncodedText| match (&text.taught, text.is_labelled) {
            (None, _) => 0.0,
            (Some(_), true) => weight,
            (Some(_), false) => 1.0,
        };
        let shares: Vec<f32> = texts.iter().map(|text| share(text)).collect();
        let weights: Vec<f32> = texts.iter().map(|text| text.weight).collect();
        let is_weighed = weights.iter().any(|&weight| weight != 1.0);
        if shares.iter().all(|&share| share == 0.0) {
            return Self { targets, weights: is_weighed.then_some(weights), told: None };
        }
        let classes = texts.iter().find_map(|text| text.taught.as_ref()).map_or(0, |logits| logits.len());
        let mut likely: Vec<f32> = Vec::with_capacity(texts.len() * classes);
        for text in texts {
            let Some(logits) = &text.taught else {
                likely.resize(likely.len() + classes, 0.0);
                continue;
            };
            let scaled: Vec<f32> = logits.iter().map(|logit| logit / temperature).collect();
            likely.extend(match objective {
                Objective::OneClass => softmax(&scaled, 1.0),
                Objective::EachClass => sigmoid(&scaled, 1.0),
            });
        }
        let shares = match shares.first() {
            Some(&first) if !is_weighed && shares.iter().all(|&share| share == first) => Shares::Same(first),
            _ => {
                let teacher: Vec<f32> = shares.iter().zip(&weights).map(|(share, weight)| share * weight).collect();
                let labels = shares.iter().zip(&weights).map(|(share, weight)| (1.0 - share) * weight).collect();
                for (row, factor) in likely.chunks_exact_mut(classes).zip(&teacher) {
                    row.iter_mut().for_each(|likely| *likely *= factor);
                }
                Shares::Each { labels, teacher }
            }
        };
        Self { targets, weights: None, told: Some(Told { likely, temperature, shares }) }
    }

    /// How many texts there are.
    #[must_use]
    pub fn texts(&self) -> usize {
        self.targets.len()
    }

    /// The loss of the outputs of the batch, `[1]` (see the module); with `weights` of the classes, `[K]`, as
    /// [`Objective::loss`]. Where outputs fire, it is the mean over the time steps, too.
    #[must_use]
    pub fn loss(
        &self,
        objective: Objective,
        config: &NetworkConfig,
        outputs: Outputs,
        weights: Option<&[f32]>,
    ) -> Tensor<1> {
        let Some(told) = &self.told else {
            let weights = Weights { classes: weights, texts: self.weights.as_deref() };
            return objective.loss(config, outputs, &self.targets, weights);
        };
        let (logits, rows_a_text) = objective.rows(config, outputs, self.targets.len());
        let targets: Vec<Target> = repeated(&self.targets, rows_a_text);
        let theirs = told.term(objective, logits.clone(), rows_a_text);
        match &told.shares {
            Shares::Same(share) if *share == 1.0 => theirs,
            Shares::Same(share) => {
                let own = objective.of_logits(logits, &targets, Weights { classes: weights, texts: None });
                own * (1.0 - share) + theirs
            }
            Shares::Each { labels, .. } => {
                let labels = repeated(labels, rows_a_text);
                let weights = Weights { classes: weights, texts: Some(&labels) };
                objective.of_logits(logits, &targets, weights) + theirs
            }
        }
    }
}

impl Told {
    /// The teacher's term of `logits`, `[rows, K]`, so many rows a text.
    fn term(&self, objective: Objective, logits: Tensor<2>, rows_a_text: usize) -> Tensor<1> {
        let [rows, classes] = logits.dims();
        let likely: Vec<&[f32]> = self.likely.chunks_exact(classes).collect();
        let likely = repeated(&likely, rows_a_text).concat();
        let likely = Tensor::<2>::from_data(TensorData::new(likely, [rows, classes]), &logits.device());
        let temperature = self.temperature;
        let scaled = logits / temperature;
        let factor = temperature * temperature / rows as f32;
        let (terms, factor) = match (objective, &self.shares) {
            (Objective::OneClass, Shares::Same(share)) => {
                (activation::log_softmax(scaled, 1) * likely, -share * factor)
            }
            (Objective::OneClass, Shares::Each { .. }) => (activation::log_softmax(scaled, 1) * likely, -factor),
            (Objective::EachClass, shares) => {
                // Of a sigmoid: log p(x) = -softplus(-x), log(1 - p(x)) = -softplus(x).
                let log = activation::log_sigmoid::<2>;
                let (all, factor) = match shares {
                    Shares::Same(share) => (likely.ones_like(), -share * factor),
                    Shares::Each { teacher, .. } => {
                        let theirs = TensorData::new(repeated(teacher, rows_a_text), [rows, 1]);
                        (Tensor::<2>::from_data(theirs, &likely.device()).repeat_dim(1, classes), -factor)
                    }
                };
                (log(scaled.clone()) * likely.clone() + log(-scaled) * (all - likely), factor)
            }
        };
        terms.sum() * factor
    }
}

/// Each of `values` so many times, one after the other.
fn repeated<T: Clone>(values: &[T], times: usize) -> Vec<T> {
    values.iter().flat_map(|value| std::iter::repeat_n(value.clone(), times)).collect()
}

#[cfg(test)]
mod tests {
    use burn_tensor::Device;

    use super::*;
    use crate::{network_config, optimiser::numbers, recipe::Recipe};

    fn text(target: Target, taught: Option<&[f32]>, is_labelled: bool) -> EncodedText {
        EncodedText { words: vec![0], target, is_labelled, taught: taught.map(Into::into), weight: 1.0 }
    }

    /// The same with weights of the texts.
    fn weighed(mut texts: [EncodedText; 4]) -> [EncodedText; 4] {
        for (text, weight) in texts.iter_mut().zip([0.5, 2.0, 0.0, 1.5]) {
            text.weight = weight;
        }
        texts
    }

    /// Labelled and taught, labelled alone, taught alone.
    fn texts(target: impl Fn(usize) -> Target) -> [EncodedText; 4] {
        [
            text(target(1), Some(&[0.5, -1.0, 2.0]), true),
            text(target(0), None, true),
            text(target(2), Some(&[3.0, 0.0, -2.0]), false),
            text(target(2), Some(&[1.0, 1.0, 1.0]), true),
        ]
    }

    const LOGITS: [f32; 12] = [0.25, 2.0, -1.0, 1.0, -1.0, 0.5, 0.0, -0.5, 3.0, 1.0, 0.125, 0.75];

    /// The loss by its formula, in double precision.
    fn by_hand(objective: Objective, texts: &[EncodedText], logits: &[f64], choices: Distillation) -> f64 {
        let tau = f64::from(choices.temperature);
        let term = |z: &[f64], q: &[f64]| -> f64 {
            match objective {
                Objective::OneClass => {
                    let sum: f64 = z.iter().map(|z| z.exp()).sum();
                    z.iter().zip(q).map(|(z, q)| -q * (z - sum.ln())).sum()
                }
                Objective::EachClass => {
                    let log = |x: f64| -(-x).exp().ln_1p();
                    z.iter().zip(q).map(|(&z, q)| -q * log(z) - (1.0 - q) * log(-z)).sum()
                }
            }
        };
        let of_text = |(text, z): (&EncodedText, &[f64])| -> f64 {
            let label: Vec<f64> = (0..3).map(|k| f64::from(u8::from(text.target.classes().contains(&k)))).collect();
            let weight = f64::from(text.weight);
            let Some(taught) = &text.taught else { return weight * term(z, &label) };
            let scaled: Vec<f64> = taught.iter().map(|&logit| f64::from(logit) / tau).collect();
            let sum: f64 = scaled.iter().map(|z| z.exp()).sum();
            let likely: Vec<f64> = match objective {
                Objective::OneClass => scaled.iter().map(|z| z.exp() / sum).collect(),
                Objective::EachClass => scaled.iter().map(|z| 1.0 / (1.0 + (-z).exp())).collect(),
            };
            let z_scaled: Vec<f64> = z.iter().map(|z| z / tau).collect();
            let theirs = tau * tau * term(&z_scaled, &likely);
            let share = if text.is_labelled { f64::from(choices.weight) } else { 1.0 };
            weight * ((1.0 - share) * term(z, &label) + share * theirs)
        };
        texts.iter().zip(logits.chunks_exact(3)).map(of_text).sum::<f64>() / texts.len() as f64
    }

    #[test]
    fn the_loss_is_that_of_labels_and_teacher_by_their_shares_and_its_gradient_its_slope() {
        let mut recipe = Recipe::lean();
        recipe.network.steps = 1;
        let config = network_config(&recipe, 4, 3).expect("a network");
        for (objective, texts) in [
            (Objective::OneClass, texts(Target::of)),
            (Objective::EachClass, texts(|class| Target::several([class, 0]))),
            (Objective::OneClass, weighed(texts(Target::of))),
            (Objective::EachClass, weighed(texts(|class| Target::several([class, 0])))),
        ] {
            for (weight, temperature) in [(0.25, 3.0), (1.0, 1.0), (0.0, 2.0)] {
                let choices = Distillation { weight, temperature };
                // All of them, and those that have the same shares.
                for chosen in [&[0, 1, 2, 3][..], &[0, 3], &[2], &[1]] {
                    let of: Vec<EncodedText> = chosen.iter().map(|&i| texts[i].clone()).collect();
                    let logits: Vec<f32> = chosen.iter().flat_map(|&i| &LOGITS[3 * i..][..3]).copied().collect();
                    let data = TensorData::new(logits.clone(), [chosen.len(), 3]);
                    let leaf = Tensor::<2>::from_data(data, &Device::flex()).autodiff().require_grad();
                    let lesson = Lesson::of(objective, &of.iter().collect::<Vec<_>>(), choices);
                    assert_eq!(lesson.texts(), chosen.len());
                    let loss = lesson.loss(objective, &config, Outputs::Values(leaf.clone()), None);
                    let wide: Vec<f64> = logits.iter().map(|&logit| logit.into()).collect();
                    let wanted = by_hand(objective, &of, &wide, choices);
                    let got = f64::from(numbers(&loss)[0]);
                    assert!((got - wanted).abs() < 1e-5, "{objective:?} {choices:?} {chosen:?}: {got} {wanted}");
                    let gradient = numbers(&leaf.grad(&loss.backward()).expect("a gradient"));
                    for (i, &got) in gradient.iter().enumerate() {
                        let beside = |step: f64| {
                            let mut point = wide.clone();
                            point[i] += step;
                            by_hand(objective, &of, &point, choices)
                        };
                        let slope = (beside(1e-6) - beside(-1e-6)) / 2e-6;
                        assert!((slope - f64::from(got)).abs() < 1e-4, "{choices:?} {chosen:?} {i}: {slope} {got}");
                    }
                }
            }
        }
    }

    #[test]
    fn outputs_that_fire_learn_from_a_teacher_at_each_step() {
        let mut recipe = Recipe::paper();
        (recipe.network.steps, recipe.network.outputs_per_class) = (2, 1);
        let config = network_config(&recipe, 4, 3).expect("a network");
        let of = &texts(Target::of)[..2];
        let choices = Distillation { weight: 0.5, temperature: 2.0 };
        let lesson = Lesson::of(Objective::OneClass, &of.iter().collect::<Vec<_>>(), choices);
        let spikes = [1.0f32, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 1.0, 0.0];
        let tensor = Tensor::<3>::from_data(TensorData::new(spikes.to_vec(), [2, 2, 3]), &Device::flex());
        let loss = numbers(&lesson.loss(Objective::OneClass, &config, Outputs::Spikes(tensor), None))[0];
        let wide: Vec<f64> = spikes.iter().map(|&spike| spike.into()).collect();
        let each: Vec<EncodedText> = of.iter().flat_map(|text| [text.clone(), text.clone()]).collect();
        let wanted = by_hand(Objective::OneClass, &each, &wide, choices);
        assert!((f64::from(loss) - wanted).abs() < 1e-5, "{loss} {wanted}");
    }
}
