//! What training brings down (equation 8): how far what the outputs of a batch say is from the targets of its texts.
//! The same for both networks; only how outputs become a term a class differs.

use std::sync::Arc;

use burn_tensor::{Tensor, TensorData, activation::log_softmax};
use spiketext::{network::NetworkConfig, target::Target};

use crate::kernel_operation::{Kernel, apply, tracked};

/// What the outputs of a batch of texts say.
pub enum Outputs {
    /// Values of a real-valued network, `[B, O]`.
    Values(Tensor<2>),
    /// Currents into outputs of a spiking network that only integrate, `[B T, O]`.
    Currents(Tensor<2>),
    /// Spikes of outputs that fire, `[B, T, O]`.
    Spikes(Tensor<3>),
}

/// By what losses of texts are multiplied.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Weights<'a> {
    /// That of a text by its class, `[K]`; where each class is right on its own, its term by this in the texts of which
    /// it is right.
    pub classes: Option<&'a [f32]>,
    /// That of each row of logits, `[N]`.
    pub texts: Option<&'a [f32]>,
}

/// What a network is trained towards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Objective {
    /// Of all classes one is right: the cross-entropy of the softmax over the classes.
    OneClass,
    /// Each class is right or not on its own: the sum over the classes of the cross-entropy of the sigmoid.
    EachClass,
}

impl Objective {
    /// The objective of texts whose targets are sets, or one class each.
    #[must_use]
    pub fn of(multi_label: bool) -> Self {
        if multi_label { Self::EachClass } else { Self::OneClass }
    }

    /// The loss of a batch, `[1]`: the mean over its texts and, where outputs fire, over the time steps too. That of
    /// a text is first multiplied as `weights` say.
    ///
    /// # Panics
    /// If there is not a target a text, or one does not fit the classes.
    #[must_use]
    pub fn loss(
        self,
        config: &NetworkConfig,
        outputs: Outputs,
        targets: &[Target],
        weights: Weights<'_>,
    ) -> Tensor<1> {
        let (rows, rows_a_text) = self.rows(config, outputs, targets.len());
        if rows_a_text == 1 {
            return self.of_logits(rows, targets, weights);
        }
        let each = |target: &Target| std::iter::repeat_n(target.clone(), rows_a_text);
        let targets: Vec<Target> = targets.iter().flat_map(each).collect();
        let each = |shares: &[f32]| shares.iter().flat_map(|&share| [share].repeat(rows_a_text)).collect();
        let texts: Option<Vec<f32>> = weights.texts.map(each);
        self.of_logits(rows, &targets, Weights { texts: texts.as_deref(), ..weights })
    }

    /// What the loss of so many texts is the mean over, `[rows, K]`: the logits of each text, or of each of its time steps
    /// where outputs fire; and how many rows a text has.
    #[must_use]
    pub fn rows(self, config: &NetworkConfig, outputs: Outputs, texts: usize) -> (Tensor<2>, usize) {
        match outputs {
            Outputs::Spikes(spikes) => {
                let steps = config.steps;
                (sum_groups(spikes.reshape([texts * steps, config.outputs()]), config.classes()), steps)
            }
            outputs => (self.logits(config, outputs, texts), 1),
        }
    }

    /// The logits of so many texts, `[B, K]`; where outputs fire, of the spikes of all steps.
    #[must_use]
    pub fn logits(self, config: &NetworkConfig, outputs: Outputs, texts: usize) -> Tensor<2> {
        let (steps, classes, outputs_of_all) = (config.steps, config.classes(), config.outputs());
        match outputs {
            Outputs::Values(values) => sum_groups(values, classes),
            Outputs::Currents(currents) => {
                let mean = currents.reshape([texts, steps, outputs_of_all]).mean_dim(1);
                sum_groups(mean.reshape([texts, outputs_of_all]), classes) / config.outputs_per_class() as f32
            }
            Outputs::Spikes(spikes) => {
                let sums = spikes.sum_dim(1).reshape([texts, outputs_of_all]);
                sum_groups(sums, classes)
            }
        }
    }

    /// The mean loss of logits `[N, K]` against a target each, `[1]`, multiplied as `weights` say.
    ///
    /// # Panics
    /// If there are not N targets, or one does not fit the classes.
    #[must_use]
    pub fn of_logits(self, logits: Tensor<2>, targets: &[Target], weights: Weights<'_>) -> Tensor<1> {
        let [rows, classes] = logits.dims();
        assert_eq!(rows, targets.len(), "a target for each row of logits");
        match (self, tracked(logits.clone())) {
            (Self::OneClass, Some(tracked)) => {
                let labels = targets.iter().map(one_class).collect();
                let weights = of_labels(targets, weights).map(Into::into);
                apply(CrossEntropy { classes, labels, weights }, [tracked])
            }
            (Self::OneClass, None) => composed_cross_entropy(logits, targets, weights),
            (Self::EachClass, Some(tracked)) => {
                let right = positives(targets, classes, weights.classes).into();
                let shares = weights.texts.map(Into::into);
                apply(BinaryCrossEntropy { rows, classes, right, shares }, [tracked])
            }
            (Self::EachClass, None) => composed_binary_cross_entropy(logits, targets, weights),
        }
    }
}

/// The class that is right where one of all is.
fn one_class(target: &Target) -> usize {
    target.class().expect("of one objective with its targets: Pipeline checks them")
}

/// By what the loss of each text of one class is multiplied, `[N]`.
fn of_labels(targets: &[Target], weights: Weights<'_>) -> Option<Vec<f32>> {
    let of_class = |target: &Target| weights.classes.map_or(1.0, |weights| weights[one_class(target)]);
    match weights {
        Weights { classes: None, texts } => texts.map(<[f32]>::to_vec),
        Weights { texts: None, .. } => Some(targets.iter().map(of_class).collect()),
        Weights { texts: Some(texts), .. } => {
            Some(targets.iter().zip(texts).map(|(target, share)| share * of_class(target)).collect())
        }
    }
}

/// The weight of every class in every text of which it is right, 0 elsewhere, `[N, K]`.
fn positives(targets: &[Target], classes: usize, weights: Option<&[f32]>) -> Vec<f32> {
    let mut right = vec![0.0f32; targets.len() * classes];
    for (row, target) in right.chunks_exact_mut(classes.max(1)).zip(targets) {
        target.classes().iter().for_each(|&class| row[class] = weights.map_or(1.0, |weights| weights[class]));
    }
    right
}

/// Mean over the rows of logits `[N, K]` of the sum of each class's binary cross-entropy, from tensor operations: any
/// device, gradients by Burn. Multiplied as [`Objective::loss`].
pub fn composed_binary_cross_entropy(logits: Tensor<2>, targets: &[Target], weights: Weights<'_>) -> Tensor<1> {
    let [rows, classes] = logits.dims();
    // Of the two outcomes of each class, whose logits are x and 0, the weight of the one that is so.
    let right = positives(targets, classes, weights.classes).into_iter().enumerate();
    let share = |at: usize| weights.texts.map_or(1.0, |shares| shares[at / classes]);
    let outcomes: Vec<f32> =
        right.flat_map(|(at, right)| [right, f32::from(right == 0.0)].map(|outcome| share(at) * outcome)).collect();
    let shape = [rows * classes, 2];
    let outcomes = Tensor::<2>::from_data(TensorData::new(outcomes, shape), &logits.device());
    let logits = logits.reshape([rows * classes, 1]);
    let both = Tensor::cat(vec![logits.clone(), logits.zeros_like()], 1);
    (log_softmax(both, 1) * outcomes).sum() * (-1.0 / rows as f32)
}

/// The same on slices, for the batches of training.
#[derive(Clone, Debug)]
struct BinaryCrossEntropy {
    rows: usize,
    classes: usize,
    /// As [`positives`] gives it.
    right: Arc<[f32]>,
    /// Of the rows, `[N]`.
    shares: Option<Arc<[f32]>>,
}

impl BinaryCrossEntropy {
    /// `value` at a place of the logits, times the share of its row.
    fn shared(&self, at: usize, value: f32) -> f32 {
        self.shares.as_ref().map_or(value, |shares| shares[at / self.classes] * value)
    }
}

impl Kernel<1> for BinaryCrossEntropy {
    type Kept = ();

    fn output_shape(&self) -> Vec<usize> {
        vec![1]
    }

    fn forward(&self, [logits]: [&[f32]; 1]) -> (Vec<f32>, ()) {
        let softplus = |x: f32| x.max(0.0) + (-x.abs()).exp().ln_1p();
        let term = |(&x, &right): (&f32, &f32)| if right > 0.0 { right * softplus(-x) } else { softplus(x) };
        let terms = logits.iter().zip(&*self.right).map(term).enumerate();
        let sum: f32 = terms.map(|(at, term)| self.shared(at, term)).sum();
        (vec![sum / self.rows as f32], ())
    }

    fn backward(&self, [logits]: [&[f32]; 1], (): &(), gradient: &[f32], _: [bool; 1]) -> [Vec<f32>; 1] {
        let share = gradient[0] / self.rows as f32;
        let slope = |(&x, &right): (&f32, &f32)| {
            let p = 1.0 / (1.0 + (-x).exp());
            share * if right > 0.0 { right * (p - 1.0) } else { p }
        };
        let slopes = logits.iter().zip(&*self.right).map(slope).enumerate();
        [slopes.map(|(at, slope)| self.shared(at, slope)).collect()]
    }
}

/// Mean cross-entropy of logits `[N, K]` from tensor operations: any device, gradients by Burn. Multiplied as
/// [`Objective::loss`].
pub fn composed_cross_entropy(logits: Tensor<2>, targets: &[Target], weights: Weights<'_>) -> Tensor<1> {
    let [rows, classes] = logits.dims();
    let mut one_hot = vec![0.0f32; rows * classes];
    let weights = of_labels(targets, weights).unwrap_or_else(|| vec![1.0; rows]);
    for ((row, target), weight) in one_hot.chunks_exact_mut(classes).zip(targets).zip(weights) {
        row[one_class(target)] = weight;
    }
    let one_hot = Tensor::<2>::from_data(TensorData::new(one_hot, [rows, classes]), &logits.device());
    (log_softmax(logits, 1) * one_hot).sum() * (-1.0 / rows as f32)
}

/// The same on slices, for the batches of training: a dozen small steps in one.
#[derive(Clone, Debug)]
struct CrossEntropy {
    classes: usize,
    labels: Arc<[usize]>,
    /// Of the rows, `[N]`.
    weights: Option<Arc<[f32]>>,
}

impl CrossEntropy {
    /// The part of each text in the mean, with the sign of the loss.
    fn share(&self) -> f32 {
        -1.0 / self.labels.len() as f32
    }

    /// `value` of a row, times its weight.
    fn weighed(&self, row: usize, value: f32) -> f32 {
        self.weights.as_ref().map_or(value, |weights| weights[row] * value)
    }

    /// For each row its number, its label, its logits less the largest of them, and the sum of their exponentials.
    fn shifted<'a>(&'a self, logits: &'a [f32]) -> impl Iterator<Item = (usize, usize, Vec<f32>, f32)> + 'a {
        let rows = self.labels.iter().zip(logits.chunks_exact(self.classes)).enumerate();
        rows.map(|(row, (&label, logits))| {
            let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let shifted: Vec<f32> = logits.iter().map(|logit| logit - largest).collect();
            let sum = shifted.iter().map(|shifted| shifted.exp()).sum();
            (row, label, shifted, sum)
        })
    }
}

impl Kernel<1> for CrossEntropy {
    type Kept = ();

    fn output_shape(&self) -> Vec<usize> {
        vec![1]
    }

    fn forward(&self, [logits]: [&[f32]; 1]) -> (Vec<f32>, ()) {
        let term =
            |(row, label, shifted, sum): (usize, usize, Vec<f32>, f32)| self.weighed(row, shifted[label] - sum.ln());
        let terms = self.shifted(logits).map(term);
        let sum: f32 = terms.sum();
        (vec![sum * self.share()], ())
    }

    fn backward(&self, [logits]: [&[f32]; 1], (): &(), gradient: &[f32], _: [bool; 1]) -> [Vec<f32>; 1] {
        let share = gradient[0] * self.share();
        let mut d_logits = Vec::with_capacity(logits.len());
        for (row, label, shifted, sum) in self.shifted(logits) {
            let share = self.weighed(row, share);
            let of_sum = -share * (1.0 / sum);
            let of =
                |(class, shifted): (usize, &f32)| of_sum * shifted.exp() + if class == label { share } else { 0.0 };
            d_logits.extend(shifted.iter().enumerate().map(of));
        }
        [d_logits]
    }
}

/// Adds up the output neurons of each class: `[N, O]` to `[N, K]`.
fn sum_groups(outputs: Tensor<2>, classes: usize) -> Tensor<2> {
    let [rows, all] = outputs.dims();
    if all == classes {
        return outputs;
    }
    outputs.reshape([rows, classes, all / classes]).sum_dim(2).reshape([rows, classes])
}

#[cfg(test)]
mod tests {
    use burn_tensor::Device;

    use super::*;
    use crate::{network_config, optimiser::numbers, recipe::Recipe};

    fn config(outputs_per_class: usize) -> NetworkConfig {
        let mut recipe = Recipe::lean();
        (recipe.network.outputs_per_class, recipe.network.steps) = (outputs_per_class, 2);
        network_config(&recipe, 4, 2).expect("a network")
    }

    fn tensor<const D: usize>(values: &[f32], shape: [usize; D]) -> Tensor<D> {
        Tensor::from_data(TensorData::new(values.to_vec(), shape), &Device::flex())
    }

    fn of_classes(weights: &[f32]) -> Weights<'_> {
        Weights { classes: Some(weights), texts: None }
    }

    /// Cross-entropy of two logits, by hand.
    fn term(right: f32, wrong: f32) -> f32 {
        (1.0 + (wrong - right).exp()).ln()
    }

    #[test]
    fn outputs_of_every_kind_become_the_terms_of_equation_8() {
        let targets = [1, 0].map(Target::of);
        let one = config(1);
        let loss = |config: &NetworkConfig, outputs| {
            numbers(&Objective::OneClass.loss(config, outputs, &targets, Weights::default()))[0]
        };
        let near = |got: f32, want: f32| assert!((got - want).abs() < 1e-6, "{got} {want}");
        let values = Outputs::Values(tensor(&[0.5, 2.0, 1.0, -1.0], [2, 2]));
        near(loss(&one, values), (term(2.0, 0.5) + term(1.0, -1.0)) / 2.0);
        // Of two steps: the mean of the currents, but a term for each step of spikes.
        let steps = [0.0, 1.0, 0.0, 0.0, 1.0, 1.0, 1.0, 0.0];
        let means = (term(0.5, 0.0) + term(1.0, 0.5)) / 2.0;
        near(loss(&one, Outputs::Currents(tensor(&steps, [4, 2]))), means);
        let each = (term(1.0, 0.0) + term(0.0, 0.0) + term(1.0, 1.0) + term(1.0, 0.0)) / 4.0;
        near(loss(&one, Outputs::Spikes(tensor(&steps, [2, 2, 2]))), each);
        // Of two outputs a class: sums, but the mean of the currents.
        let two = config(2);
        let outputs = [1.0, 0.0, 3.0, 1.0, 0.0, 2.0, 0.0, 0.0];
        near(loss(&two, Outputs::Values(tensor(&outputs, [2, 4]))), (term(4.0, 1.0) + term(2.0, 0.0)) / 2.0);
        let twice = [outputs[..4].repeat(2), outputs[4..].repeat(2)].concat();
        near(loss(&two, Outputs::Currents(tensor(&twice, [4, 4]))), (term(2.0, 0.5) + term(1.0, 0.0)) / 2.0);
        near(loss(&two, Outputs::Spikes(tensor(&twice, [2, 2, 4]))), (term(4.0, 1.0) + term(2.0, 0.0)) / 2.0);
    }

    /// Holds a gradient to finite differences of `function` at `point`.
    fn are_slopes(gradient: &[f32], function: impl Fn(&[f64]) -> f64, point: &[f64]) {
        assert_eq!(gradient.len(), point.len());
        for (i, &got) in gradient.iter().enumerate() {
            let beside = |step: f64| {
                let mut point = point.to_vec();
                point[i] += step;
                function(&point)
            };
            let slope = (beside(1e-6) - beside(-1e-6)) / 2e-6;
            assert!((slope - f64::from(got)).abs() < 1e-5, "{i}: {slope} and {got}");
        }
    }

    /// The weighted loss is the sum of its weighted terms, and its gradient their slopes.
    #[test]
    fn a_weight_multiplies_the_term_of_each_text_of_its_class() {
        let (targets, weights) = ([1, 0, 1, 2].map(Target::of), [0.25f32, 4.0, 1.5]);
        let logits = [0.5f32, 2.0, -1.0, 1.0, -1.0, 0.25, 0.0, -0.5, 3.0, 1.0, 0.125, 0.75];
        let loss_of = |logits: &[f64]| -> f64 {
            let terms = logits.chunks_exact(3).zip(&targets).map(|(logits, target)| {
                let sum: f64 = logits.iter().map(|logit| logit.exp()).sum();
                f64::from(weights[one_class(target)]) * (sum.ln() - logits[one_class(target)])
            });
            terms.sum::<f64>() / 4.0
        };
        let wide: Vec<f64> = logits.iter().map(|&logit| logit.into()).collect();
        let leaf = tensor(&logits, [4, 3]).autodiff().require_grad();
        let loss = Objective::OneClass.of_logits(leaf.clone(), &targets, of_classes(&weights));
        assert!((f64::from(numbers(&loss)[0]) - loss_of(&wide)).abs() < 1e-6);
        let gradients = numbers(&leaf.grad(&loss.backward()).expect("a gradient"));
        are_slopes(&gradients, loss_of, &wide);
        // Of every kind of output.
        let one = config(1);
        let (two, weights) = ([1, 0].map(Target::of), [3.0, 0.5]);
        let loss = |outputs| numbers(&Objective::OneClass.loss(&one, outputs, &two, of_classes(&weights)))[0];
        let near = |got: f32, want: f32| assert!((got - want).abs() < 1e-6, "{got} {want}");
        let values = [0.5, 2.0, 1.0, -1.0];
        near(loss(Outputs::Values(tensor(&values, [2, 2]))), (0.5 * term(2.0, 0.5) + 3.0 * term(1.0, -1.0)) / 2.0);
        let steps = [0.0, 1.0, 0.0, 0.0, 1.0, 1.0, 1.0, 0.0];
        let means = (0.5 * term(0.5, 0.0) + 3.0 * term(1.0, 0.5)) / 2.0;
        near(loss(Outputs::Currents(tensor(&steps, [4, 2]))), means);
        let each = 0.5 * (term(1.0, 0.0) + term(0.0, 0.0)) + 3.0 * (term(1.0, 1.0) + term(1.0, 0.0));
        near(loss(Outputs::Spikes(tensor(&steps, [2, 2, 2]))), each / 4.0);
    }

    /// The loss of sets is the sum of its terms, far from 0 too, its gradient their slopes, and both ways agree.
    #[test]
    fn each_class_of_a_set_has_a_term() {
        let targets = [Target::several([0, 2]), Target::several([]), Target::several([1])];
        let weights = [2.0f32, 0.5, 1.5];
        let logits = [0.5f32, 2.0, -1.0, 60.0, -90.0, 0.25, 0.0, -0.5, 3.0];
        let loss_of = |logits: &[f64]| -> f64 {
            let terms = logits.iter().enumerate().map(|(at, &x)| {
                let (row, class) = (at / 3, at % 3);
                match targets[row].classes().contains(&class) {
                    true => f64::from(weights[class]) * (-x).exp().ln_1p(),
                    false if x > 40.0 => x,
                    false => x.exp().ln_1p(),
                }
            });
            terms.sum::<f64>() / 3.0
        };
        let wide: Vec<f64> = logits.iter().map(|&logit| logit.into()).collect();
        let plain = Objective::EachClass.of_logits(tensor(&logits, [3, 3]), &targets, of_classes(&weights));
        let leaf = tensor(&logits, [3, 3]).autodiff().require_grad();
        let loss = Objective::EachClass.of_logits(leaf.clone(), &targets, of_classes(&weights));
        for got in [numbers(&plain)[0], numbers(&loss)[0]] {
            assert!((f64::from(got) - loss_of(&wide)).abs() < 1e-5, "{got} and {}", loss_of(&wide));
        }
        let gradients = numbers(&leaf.grad(&loss.backward()).expect("a gradient"));
        are_slopes(&gradients, loss_of, &wide);
        // Burn's own way through the composed one.
        let leaf = tensor(&logits, [3, 3]).autodiff().require_grad();
        let loss = composed_binary_cross_entropy(leaf.clone(), &targets, of_classes(&weights));
        let composed = numbers(&leaf.grad(&loss.backward()).expect("a gradient"));
        for (got, want) in gradients.iter().zip(composed) {
            assert!((got - want).abs() < 1e-5, "{got} and {want}");
        }
    }
}
