//! The floor: multinomial logistic regression on the words of a text and their neighbours.
//!
//! A text is the set of its n-grams. With weights `W` and biases `b` its scores are `s = b + sum of W[n-gram]`, and
//!
//! ```text
//! loss = mean over texts of (log sum exp s - s[label]) + penalty / 2 sum W^2
//! ```
//!
//! is made least by L-BFGS (Nocedal 1980). The penalty is the one that serves the development texts best.

use std::collections::{BTreeMap, BTreeSet};

use argmin::{
    core::{CostFunction, Executor, Gradient, State},
    solver::{linesearch::MoreThuenteLineSearch, quasinewton::LBFGS},
};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use spiketext::{
    Error, Result,
    data::{Dataset, Example, Split},
    slices::argmax,
    text::Language,
};
use spiketext_train::{prepare::LikelyLabels, recipe::with_setting};

/// The choices of the floor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct BagOfWords {
    /// The name beside those of recipes.
    pub name: String,
    /// The longest run of tokens that is a feature.
    pub n_grams: usize,
    /// Training texts in which a feature occurs at least.
    pub least_texts: usize,
    /// Penalties to choose from, each above 0.
    pub penalties: Vec<f64>,
    /// Most steps of the optimiser for each penalty.
    pub iterations: u64,
}

impl Default for BagOfWords {
    fn default() -> Self {
        Self {
            name: "bag-of-words".into(),
            n_grams: 2,
            least_texts: 2,
            penalties: vec![1e-2, 3e-3, 1e-3, 3e-4, 1e-4, 3e-5, 1e-5],
            iterations: 200,
        }
    }
}

/// What came of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Floor {
    /// The penalty that was chosen.
    pub penalty: f64,
    /// Share of the development texts right.
    pub development_accuracy: f64,
    /// The labels of the test texts, and their probabilities.
    pub answers: LikelyLabels,
    /// Share of the test tokens that are in no training text often enough.
    pub unknown_share: f64,
}

impl BagOfWords {
    /// Sets one field, as [`spiketext_train::Recipe::with_setting`] does.
    ///
    /// # Errors
    /// If there is no such field or the value is not of its kind.
    pub fn with_setting(self, setting: &str) -> Result<Self> {
        with_setting(&self, setting)
    }

    /// Checks the choices.
    ///
    /// # Errors
    /// Names the first that cannot be.
    pub fn check(&self) -> Result<()> {
        let refuse = |expected: &str, got: String| Err(Error::invalid("bag of words", expected, got));
        if !(1..=8).contains(&self.n_grams) {
            return refuse("n-grams of 1 to 8 tokens", self.n_grams.to_string());
        }
        if self.penalties.is_empty() || self.penalties.iter().any(|&p| !(p.is_finite() && p > 0.0)) {
            return refuse("penalties above 0", format!("{:?}", self.penalties));
        }
        if self.iterations == 0 {
            return refuse("at least 1 iteration", "0".into());
        }
        Ok(())
    }

    /// Fits the floor to the training texts and labels the test texts.
    ///
    /// # Errors
    /// If the optimiser finds no way down.
    pub fn run(&self, dataset: &Dataset, language: Language) -> Result<Floor> {
        let tokenizer = language.tokenizer();
        let cut = |part: Split| -> Vec<Vec<String>> {
            dataset.part(part).par_iter().map(|Example { text, .. }| tokenizer.tokenize(text)).collect()
        };
        let [train, development, test] = Split::ALL.map(cut);
        let mut texts_with: BTreeMap<String, usize> = BTreeMap::new();
        for text in &train {
            for feature in self.features(text) {
                *texts_with.entry(feature).or_default() += 1;
            }
        }
        texts_with.retain(|_, texts| *texts >= self.least_texts);
        let ids: BTreeMap<&str, usize> =
            texts_with.keys().zip(0..).map(|(feature, id)| (feature.as_str(), id)).collect();
        let rows = |texts: &[Vec<String>]| -> Vec<Vec<usize>> {
            let row = |text: &Vec<String>| -> Vec<usize> {
                self.features(text).iter().filter_map(|feature| ids.get(feature.as_str()).copied()).collect()
            };
            texts.iter().map(row).collect()
        };
        let labels = |part: Split| -> Result<Vec<usize>> {
            let class = |example: &Example| example.target.class();
            let labels: Option<Vec<usize>> = dataset.part(part).iter().map(class).collect();
            labels.ok_or_else(|| Error::invalid("bag of words", "texts of one label each", "sets of labels"))
        };
        let classes = dataset.labels.len();
        let (train, development_rows, test_rows) = (rows(&train), rows(&development), rows(&test));
        let (train_labels, development_labels) = (labels(Split::Train)?, labels(Split::Development)?);
        let mut best: Option<(usize, f64, Vec<f64>)> = None;
        let mut weights = vec![0.0; (ids.len() + 1) * classes];
        let mut penalties = self.penalties.clone();
        // From the strongest down, each from where the one before it came: of equals, the strongest is kept.
        penalties.sort_by(|a, b| b.total_cmp(a));
        for &penalty in &penalties {
            let problem = Problem { texts: &train, labels: &train_labels, classes, features: ids.len(), penalty };
            weights = problem.least(weights, self.iterations)?;
            let found = development_rows.iter().map(|row| problem.label(&weights, row));
            let right = found.zip(&development_labels).filter(|(found, label)| found == *label).count();
            if best.as_ref().is_none_or(|(most, ..)| right > *most) {
                best = Some((right, penalty, weights.clone()));
            }
        }
        let (right, penalty, weights) = best.unwrap_or_default();
        let problem = Problem { texts: &train, labels: &train_labels, classes, features: ids.len(), penalty };
        let (mut tokens, mut unknown) = (0, 0);
        for token in test.iter().flatten() {
            tokens += 1;
            unknown += usize::from(!ids.contains_key(token.as_str()));
        }
        Ok(Floor {
            penalty,
            development_accuracy: right as f64 / development_labels.len().max(1) as f64,
            answers: problem.likely_labels(&weights, &test_rows),
            unknown_share: unknown as f64 / tokens.max(1) as f64,
        })
    }

    /// The n-grams of a text, each once; no token holds a space.
    fn features(&self, tokens: &[String]) -> BTreeSet<String> {
        (1..=self.n_grams).flat_map(|n| tokens.windows(n).map(|window| window.join(" "))).collect()
    }
}

/// The loss over weights `[F + 1, K]`, the biases last.
struct Problem<'a> {
    texts: &'a [Vec<usize>],
    labels: &'a [usize],
    classes: usize,
    features: usize,
    penalty: f64,
}

impl Problem<'_> {
    fn scores(&self, weights: &[f64], text: &[usize]) -> Vec<f64> {
        let mut scores = weights[self.features * self.classes..].to_vec();
        for &feature in text {
            scores.iter_mut().zip(&weights[feature * self.classes..]).for_each(|(score, weight)| *score += weight);
        }
        scores
    }

    /// The label of each text, and its probability.
    fn likely_labels(&self, weights: &[f64], texts: &[Vec<usize>]) -> LikelyLabels {
        let answer = |text: &Vec<usize>| {
            let scores = self.scores(weights, text);
            let best = argmax(&scores);
            let sum: f64 = scores.iter().map(|score| (score - scores[best]).exp()).sum();
            (best, (1.0 / sum) as f32)
        };
        let (labels, probabilities) = texts.iter().map(answer).unzip();
        LikelyLabels { labels, probabilities }
    }

    /// The class of the highest score, the first of equals.
    fn label(&self, weights: &[f64], text: &[usize]) -> usize {
        argmax(&self.scores(weights, text))
    }

    /// Loss and gradient.
    fn loss(&self, weights: &[f64]) -> (f64, Vec<f64>) {
        let mut gradient = vec![0.0; weights.len()];
        let share = 1.0 / self.texts.len() as f64;
        let mut loss = 0.0;
        for (text, &label) in self.texts.iter().zip(self.labels) {
            let mut scores = self.scores(weights, text);
            let most = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let sum: f64 = scores.iter().map(|score| (score - most).exp()).sum();
            loss += share * (most + sum.ln() - scores[label]);
            for (class, score) in scores.iter_mut().enumerate() {
                *score = share * ((*score - most).exp() / sum - f64::from(class == label));
            }
            for feature in text.iter().copied().chain([self.features]) {
                let row = &mut gradient[feature * self.classes..][..self.classes];
                row.iter_mut().zip(&scores).for_each(|(sum, part)| *sum += part);
            }
        }
        let inner = self.features * self.classes;
        for (slope, weight) in gradient[..inner].iter_mut().zip(&weights[..inner]) {
            *slope += self.penalty * weight;
            loss += 0.5 * self.penalty * weight * weight;
        }
        (loss, gradient)
    }

    /// The weights of the least loss, from `start`.
    fn least(&self, start: Vec<f64>, iterations: u64) -> Result<Vec<f64>> {
        let failed = |error: argmin::core::Error| {
            Error::invalid("bag of words", "a loss that L-BFGS can make less", error.to_string())
        };
        let solver = LBFGS::new(MoreThuenteLineSearch::new(), 10).with_tolerance_grad(1e-5).map_err(failed)?;
        let first = start.clone();
        let problem = Problem { ..*self };
        let result = Executor::new(problem, solver)
            .configure(|state| state.param(first).max_iters(iterations))
            .run()
            .map_err(failed)?;
        Ok(result.state().get_best_param().cloned().unwrap_or(start))
    }
}

impl CostFunction for Problem<'_> {
    type Param = Vec<f64>;
    type Output = f64;

    fn cost(&self, weights: &Self::Param) -> std::result::Result<f64, argmin::core::Error> {
        Ok(self.loss(weights).0)
    }
}

impl Gradient for Problem<'_> {
    type Param = Vec<f64>;
    type Gradient = Vec<f64>;

    fn gradient(&self, weights: &Self::Param) -> std::result::Result<Vec<f64>, argmin::core::Error> {
        Ok(self.loss(weights).1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gradients_are_those_of_the_loss() {
        let texts = [vec![0, 1], vec![2], vec![], vec![0, 2]];
        let problem = Problem { texts: &texts, labels: &[0, 1, 2, 1], classes: 3, features: 3, penalty: 0.3 };
        let weights: Vec<f64> = (0..12).map(|i| f64::from(i * 7 % 5) / 5.0 - 0.4).collect();
        let (_, gradient) = problem.loss(&weights);
        for i in 0..weights.len() {
            let moved = |by: f64| {
                let mut weights = weights.clone();
                weights[i] += by;
                problem.loss(&weights).0
            };
            let slope = (moved(1e-5) - moved(-1e-5)) / 2e-5;
            assert!((slope - gradient[i]).abs() < 1e-8, "{i}: {slope} {}", gradient[i]);
        }
        let best = problem.least(weights, 100).expect("a way down");
        assert!(problem.loss(&best).1.iter().all(|slope| slope.abs() < 1e-4));
    }

    #[test]
    fn the_floor_is_well_above_chance_on_the_built_in_reviews() {
        let reviews = spiketext::data::load("reviews-en", None).expect("reviews");
        let floor = BagOfWords::default().run(&reviews, Language::English).expect("a floor");
        let right =
            floor.answers.labels.iter().zip(&reviews.test).filter(|(found, e)| e.target.is_met_by(**found)).count();
        assert!(right * 10 > reviews.test.len() * 7, "{right} of {}", reviews.test.len());
        assert!(floor.development_accuracy > 0.7 && floor.unknown_share > 0.0 && floor.unknown_share < 0.5);
        assert_eq!(BagOfWords::default().run(&reviews, Language::English).expect("again"), floor);
    }
}
