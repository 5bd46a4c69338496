//! The floor: multinomial logistic regression on the words of a text and their neighbours.
//!
//! A text is its n-grams, each with a value x. With weights `W` and biases `b` its scores are
//! `s = b + sum of x W[n-gram]`, and
//!
//! ```text
//! loss = mean over texts of (log sum exp s - s[label]) + penalty / 2 sum W^2
//! ```
//!
//! is made least by L-BFGS (Nocedal 1980). The penalty is the one that serves the development texts best. The values:
//!
//! ```text
//! presence   x = 1, however often the n-gram occurs
//! tf-idf     x = c idf / sqrt(sum of (c idf)^2), c times in the text, with idf = ln((1 + N) / (1 + n)) + 1 for an n-gram
//!            of n of the N training texts: scikit-learn's TfidfVectorizer as it comes
//! ```
//!
//! To answer, a text adds up rows of a table (see [`LookUp`]). Under TF-IDF the table holds `idf W`, and its row is
//! added once for each occurrence; what a text pays beside is a MAC for the square of each different n-gram and one for
//! each class to divide by the norm.

use std::collections::BTreeMap;

use argmin::{
    core::{CostFunction, Executor, Gradient, State},
    solver::{linesearch::MoreThuenteLineSearch, quasinewton::LBFGS},
};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use spiketext::{
    Error, Result,
    data::{Dataset, Split},
    energy::LookUp,
    loss::softmax,
    slices::argmax,
    text::Language,
};
use spiketext_train::{prepare::LikelyLabels, recipe::with_setting};

use crate::floor::{Floor, classes, nanoseconds_a_text, share_of_zeros, share_right, tokens, unknown_share};

/// The choices of the floor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct BagOfWords {
    /// The name beside those of recipes; see [`Self::name`].
    pub name: String,
    /// What an n-gram of a text counts.
    #[serde(default)]
    pub weighting: Weighting,
    /// The longest run of tokens that is a feature.
    pub n_grams: usize,
    /// Training texts in which a feature occurs at least.
    pub least_texts: usize,
    /// Penalties to choose from, each above 0.
    pub penalties: Vec<f64>,
    /// Most steps of the optimiser for each penalty.
    pub iterations: u64,
}

/// What an n-gram of a text counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Weighting {
    /// 1, however often it occurs.
    #[default]
    Presence,
    /// The more the oftener it occurs and the rarer it is elsewhere; texts have length 1.
    TfIdf,
}

/// The n-grams of a text, each with its value.
type Values = Vec<(usize, f64)>;

/// Who is shown what was fitted, its weights, and the values of the test texts.
type See<'s> = dyn FnMut(&Problem<'_>, &[f64], &[Values]) + 's;

/// The name that the choices have unless they are called otherwise.
const NAME: &str = "bag-of-words";

impl Default for BagOfWords {
    fn default() -> Self {
        Self {
            name: NAME.into(),
            weighting: Weighting::default(),
            n_grams: 2,
            least_texts: 2,
            penalties: vec![1e-2, 3e-3, 1e-3, 3e-4, 1e-4, 3e-5, 1e-5],
            iterations: 200,
        }
    }
}

impl BagOfWords {
    /// The name beside those of recipes: its own, or `tf-idf` where that is the weighting and no other name was given.
    #[must_use]
    pub fn name(&self) -> &str {
        match self.weighting {
            Weighting::TfIdf if self.name == NAME => "tf-idf",
            _ => &self.name,
        }
    }

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

    /// Fits the floor to the training texts; the probability of each class for the test texts, `[N, K]`.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub fn probabilities(&self, dataset: &Dataset, language: Language) -> Result<Vec<f32>> {
        let mut all = Vec::new();
        self.fitted(dataset, language, &mut |problem, weights, test| {
            for text in test {
                let scores: Vec<f32> = problem.scores(weights, text).into_iter().map(|score| score as f32).collect();
                all.extend(softmax(&scores, 1.0));
            }
        })?;
        Ok(all)
    }

    /// Fits the floor to the training texts and labels the test texts.
    ///
    /// # Errors
    /// If the optimiser finds no way down.
    pub fn run(&self, dataset: &Dataset, language: Language) -> Result<Floor> {
        self.fitted(dataset, language, &mut |_, _, _| {})
    }

    /// [`Self::run`], showing `see` what was fitted and the values of the test texts.
    fn fitted(&self, dataset: &Dataset, language: Language, see: &mut See<'_>) -> Result<Floor> {
        let [train, development, test] = tokens(dataset, language);
        let features = Features::of(self, &train);
        let ids =
            |texts: &[Vec<String>]| -> Vec<Vec<u32>> { texts.par_iter().map(|text| features.ids(text)).collect() };
        let values =
            |texts: &[Vec<u32>]| -> Vec<Vec<(usize, f64)>> { texts.iter().map(|ids| features.values(ids)).collect() };
        let test_ids = ids(&test);
        let [train, development, test_rows] =
            [&ids(&train), &ids(&development), &test_ids].map(|texts| values(texts));
        let train_labels = classes(dataset, Split::Train, "bag of words")?;
        let development_labels = classes(dataset, Split::Development, "bag of words")?;
        let problem = |penalty: f64| Problem {
            texts: &train,
            labels: &train_labels,
            classes: dataset.labels.len(),
            features: features.count(),
            penalty,
        };
        let mut best: Option<(f64, Vec<f64>)> = None;
        let mut weights = vec![0.0; (features.count() + 1) * dataset.labels.len()];
        let mut penalties = self.penalties.clone();
        // From the strongest down, each from where the one before it came: of equals, the strongest is kept.
        penalties.sort_by(|a, b| b.total_cmp(a));
        for &penalty in &penalties {
            let problem = problem(penalty);
            weights = problem.least(weights, self.iterations)?;
            let right = share_right(development.iter().map(|row| problem.label(&weights, row)), &development_labels);
            if best.as_ref().is_none_or(|(most, _)| right > *most) {
                best = Some((right, weights.clone()));
            }
        }
        let (development_accuracy, weights) = best.unwrap_or((0.0, weights));
        see(&problem(1.0), &weights, &test_rows);
        let ready = Ready::of(&features, &weights, dataset.labels.len());
        let mut scores = vec![0.0; dataset.labels.len()];
        Ok(Floor {
            development_accuracy,
            answers: problem(1.0).likely_labels(&weights, &test_rows),
            unknown_share: unknown_share(&test, |token| features.ids.contains_key(token)),
            work: ready.work(&test_ids),
            zero_weights: share_of_zeros(&ready.table),
            nanoseconds_a_text: nanoseconds_a_text(&test_ids, |ids| ready.label(ids, &mut scores))?,
        })
    }

    /// The n-grams of a text and how often they occur; no token holds a space.
    fn n_grams(&self, tokens: &[String]) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for n_gram in (1..=self.n_grams).flat_map(|n| tokens.windows(n).map(|window| window.join(" "))) {
            *counts.entry(n_gram).or_default() += 1;
        }
        counts
    }
}

/// The n-grams that count.
struct Features<'a> {
    choices: &'a BagOfWords,
    /// Their numbers, in alphabetical order.
    ids: BTreeMap<String, u32>,
    /// `idf` of each.
    rarity: Vec<f64>,
}

impl<'a> Features<'a> {
    /// Those that occur in enough of the texts to be trained on.
    fn of(choices: &'a BagOfWords, texts: &[Vec<String>]) -> Self {
        let mut texts_with: BTreeMap<String, usize> = BTreeMap::new();
        for text in texts {
            for n_gram in choices.n_grams(text).into_keys() {
                *texts_with.entry(n_gram).or_default() += 1;
            }
        }
        texts_with.retain(|_, texts| *texts >= choices.least_texts);
        let all = texts.len() as f64;
        let rarity = texts_with.values().map(|&with| ((1.0 + all) / (1.0 + with as f64)).ln() + 1.0).collect();
        Self { choices, ids: texts_with.into_keys().zip(0..).collect(), rarity }
    }

    fn count(&self) -> usize {
        self.ids.len()
    }

    /// The features that a text reads, in ascending order: once for each occurrence that counts.
    fn ids(&self, tokens: &[String]) -> Vec<u32> {
        let of = |(n_gram, count): (String, usize)| {
            let times = if self.choices.weighting == Weighting::TfIdf { count } else { 1 };
            self.ids.get(&n_gram).map(|&id| std::iter::repeat_n(id, times))
        };
        self.choices.n_grams(tokens).into_iter().filter_map(of).flatten().collect()
    }

    /// The different features among `ids` and their values.
    fn values(&self, ids: &[u32]) -> Vec<(usize, f64)> {
        let runs = ids.chunk_by(|a, b| a == b).map(|run| (run[0] as usize, run.len() as f64));
        if self.choices.weighting == Weighting::Presence {
            return runs.map(|(id, _)| (id, 1.0)).collect();
        }
        let mut values: Vec<(usize, f64)> = runs.map(|(id, count)| (id, count * self.rarity[id])).collect();
        let norm = values.iter().map(|(_, value)| value * value).sum::<f64>().sqrt();
        values.iter_mut().for_each(|(_, value)| *value /= norm);
        values
    }
}

/// A fitted floor as it would be used: in single precision, `idf` in the table.
struct Ready {
    /// `[F, K]`.
    table: Vec<f32>,
    /// `[K]`.
    biases: Vec<f32>,
    /// The square of each feature's `idf`; none where texts have no norm.
    squares: Vec<f32>,
}

impl Ready {
    fn of(features: &Features<'_>, weights: &[f64], classes: usize) -> Self {
        let scaled = features.choices.weighting == Weighting::TfIdf;
        let factor = |feature: usize| if scaled { features.rarity[feature] } else { 1.0 };
        let (table, biases) = weights.split_at(features.count() * classes);
        Self {
            table: table.iter().enumerate().map(|(i, weight)| (factor(i / classes) * weight) as f32).collect(),
            biases: biases.iter().map(|&bias| bias as f32).collect(),
            squares: if scaled { features.rarity.iter().map(|idf| (idf * idf) as f32).collect() } else { Vec::new() },
        }
    }

    /// The class of a text of these features; `scores` holds as many numbers as there are classes.
    fn label(&self, ids: &[u32], scores: &mut [f32]) -> usize {
        scores.fill(0.0);
        for &id in ids {
            let row = &self.table[id as usize * scores.len()..][..scores.len()];
            scores.iter_mut().zip(row).for_each(|(score, weight)| *score += weight);
        }
        let mut scale = 1.0;
        if !(self.squares.is_empty() || ids.is_empty()) {
            let runs = ids.chunk_by(|a, b| a == b);
            let square: f32 = runs.map(|run| (run.len() * run.len()) as f32 * self.squares[run[0] as usize]).sum();
            scale = 1.0 / square.sqrt();
        }
        scores.iter_mut().zip(&self.biases).for_each(|(score, bias)| *score = scale * *score + bias);
        argmax(scores)
    }

    /// What `texts` cost on average.
    fn work(&self, texts: &[Vec<u32>]) -> LookUp {
        let numbers = [&self.table, &self.biases, &self.squares].map(|numbers| numbers.len() as u64);
        let classes = self.biases.len() as f64;
        let sizes = LookUp {
            table: numbers[0],
            weights: numbers[2],
            width: numbers[1],
            bytes: numbers.iter().sum::<u64>() * size_of::<f32>() as u64,
            ..LookUp::default()
        };
        sizes.with_mean(texts.iter().map(|ids| {
            let different = ids.chunk_by(|a, b| a == b).count() as f64;
            let divided = !(self.squares.is_empty() || ids.is_empty());
            let features = ids.len() as f64;
            [features, classes * features, if divided { different + classes } else { 0.0 }]
        }))
    }
}

/// The loss over weights `[F + 1, K]`, the biases last.
struct Problem<'a> {
    /// The features of each text and their values.
    texts: &'a [Vec<(usize, f64)>],
    labels: &'a [usize],
    classes: usize,
    features: usize,
    penalty: f64,
}

impl Problem<'_> {
    fn scores(&self, weights: &[f64], text: &[(usize, f64)]) -> Vec<f64> {
        let mut scores = weights[self.features * self.classes..].to_vec();
        for &(feature, value) in text {
            let row = &weights[feature * self.classes..];
            scores.iter_mut().zip(row).for_each(|(score, weight)| *score += value * weight);
        }
        scores
    }

    /// The label of each text, and its probability.
    fn likely_labels(&self, weights: &[f64], texts: &[Vec<(usize, f64)>]) -> LikelyLabels {
        let answer = |text: &Vec<(usize, f64)>| {
            let scores = self.scores(weights, text);
            let best = argmax(&scores);
            let sum: f64 = scores.iter().map(|score| (score - scores[best]).exp()).sum();
            (best, (1.0 / sum) as f32)
        };
        let (labels, probabilities) = texts.iter().map(answer).unzip();
        LikelyLabels { labels, probabilities }
    }

    /// The class of the highest score, the first of equals.
    fn label(&self, weights: &[f64], text: &[(usize, f64)]) -> usize {
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
            for (feature, value) in text.iter().copied().chain([(self.features, 1.0)]) {
                let row = &mut gradient[feature * self.classes..][..self.classes];
                row.iter_mut().zip(&scores).for_each(|(sum, part)| *sum += value * part);
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
        let texts = [vec![(0, 1.0), (1, 0.3)], vec![(2, 1.0)], vec![], vec![(0, 0.8), (2, 1.5)]];
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
        let again = BagOfWords::default().run(&reviews, Language::English).expect("again");
        assert_eq!(Floor { nanoseconds_a_text: floor.nanoseconds_a_text, ..again }, floor);
    }

    fn texts(texts: &[&str]) -> Vec<Vec<String>> {
        texts.iter().map(|text| text.split(' ').map(str::to_owned).collect()).collect()
    }

    /// Numbers by scikit-learn 1.9.1: `TfidfVectorizer(ngram_range=(1, 2), min_df=2, token_pattern=r"\S+")`.
    #[test]
    fn tf_idf_is_that_of_scikit_learn() {
        let choices = BagOfWords::default().with_setting("weighting=tf-idf").expect("a setting");
        let train = texts(&["good film good", "bad film", "good plot , bad film", "film"]);
        let features = Features::of(&choices, &train);
        assert_eq!(features.ids.keys().collect::<Vec<_>>(), ["bad", "bad film", "film", "good"]);
        // idf = ln(5 / (1 + 2)) + 1, and ln(5 / 5) + 1 for what is in all four.
        let rare = 1.510_825_623_765_990_7;
        for (idf, wanted) in features.rarity.iter().zip([rare, rare, 1.0, rare]) {
            assert!((idf - wanted).abs() < 1e-12, "{idf}");
        }
        for (text, wanted) in [
            // 1 and 2 idf over sqrt(1 + 4 idf^2).
            ("good film good", &[(2, 0.314_186_276_898_678_9), (3, 0.949_361_355_548_321_6)][..]),
            ("bad film", &[(0, 0.640_434_054_077_952_1), (1, 0.640_434_054_077_952_1), (2, 0.423_896_738_315_544_9)]),
            (
                "good plot , bad film",
                &[
                    (0, 0.539_312_977_974_729_5),
                    (1, 0.539_312_977_974_729_5),
                    (2, 0.356_965_734_159_578_16),
                    (3, 0.539_312_977_974_729_5),
                ],
            ),
            ("film", &[(2, 1.0)]),
            ("bad bad plot", &[(0, 1.0)]),
            ("dull", &[]),
        ] {
            let values = features.values(&features.ids(&texts(&[text])[0]));
            assert_eq!(values.len(), wanted.len(), "{text}: {values:?}");
            for (value, wanted) in values.iter().zip(wanted) {
                assert!(value.0 == wanted.0 && (value.1 - wanted.1).abs() < 1e-12, "{text}: {value:?}");
            }
        }
    }

    #[test]
    fn rows_of_the_table_give_the_same_scores_and_are_counted() {
        for (weighting, reads, macs) in [("presence", 4, 0.0), ("tf-idf", 5, 4.0 + 3.0)] {
            let choices = BagOfWords::default().with_setting(&format!("weighting={weighting}")).expect("a setting");
            let train = texts(&["good film good", "bad film", "good plot , bad film", "film"]);
            let features = Features::of(&choices, &train);
            let weights: Vec<f64> = (0..15).map(|i| f64::from(i * 7 % 11) / 5.0 - 1.0).collect();
            let problem = Problem { texts: &[], labels: &[], classes: 3, features: 4, penalty: 1.0 };
            let ready = Ready::of(&features, &weights, 3);
            for text in texts(&["good bad film good", "film", "bad film film", "dull", "good good good bad"]) {
                let ids = features.ids(&text);
                let (scores, mut sums) = (problem.scores(&weights, &features.values(&ids)), [0.0; 3]);
                assert_eq!(ready.label(&ids, &mut sums), argmax(&scores), "{text:?}");
                assert!(
                    scores.iter().zip(sums).all(|(score, sum)| (score - f64::from(sum)).abs() < 1e-5),
                    "{text:?}"
                );
            }
            // bad, "bad film", film and good, twice.
            let work = ready.work(&[features.ids(&texts(&["good bad film good"])[0])]);
            assert_eq!((work.features, work.additions, work.macs), (f64::from(reads), f64::from(3 * reads), macs));
            let squares = if weighting == "tf-idf" { 4 } else { 0 };
            assert_eq!((work.table, work.weights, work.width, work.bytes), (12, squares, 3, 4 * (12 + 3 + squares)));
            assert_eq!(ready.work(&[vec![]]).macs, 0.0);
        }
    }

    #[test]
    fn choices_are_called_after_their_weighting_unless_they_have_a_name() {
        let choices = BagOfWords::default();
        assert_eq!(choices.name(), "bag-of-words");
        let weighted = choices.with_setting("weighting=tf-idf").expect("a setting");
        assert_eq!(
            (weighted.name(), weighted.clone().with_setting("name=mine").expect("a name").name()),
            ("tf-idf", "mine")
        );
        assert!(weighted.with_setting("weighting=tf").expect_err("none").to_string().contains("tf-idf"));
    }
}
