//! The mean of trained word vectors: a classifier as fastText trains it (Joulin, Grave, Bojanowski and Mikolov 2017, "Bag
//! of Tricks for Efficient Text Classification").
//!
//! A text is its words, the mark of its end, and the hashed runs of both. With vectors `v` and weights `W`
//!
//! ```text
//! h = mean over features of v[feature]        scores = W h        loss = log sum exp scores - scores[label]
//! ```
//!
//! Training takes text after text and goes against the gradient at once, at a rate that falls on a straight line to 0
//! over all epochs; vectors begin uniform in ±1/dimension, weights at 0. Words that were not met in training are left
//! out; their runs are not, whose vectors may never have been trained. All this is fastText's; its order is not: texts
//! are shuffled anew for each epoch, where fastText takes them as they lie in its file. Rate and epochs are those, among
//! a few, that serve the development texts best.
//!
//! The crate `fasttext` 0.8 trains in Rust too, but out of a file, in its order, and with sums that round by what the
//! processor can do; here one thread adds in one order.

use std::collections::BTreeMap;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use spiketext::{
    Error, Result,
    data::{Dataset, Split},
    energy::LookUp,
    seed::{Purpose, shuffle, stream, uniform},
    slices::argmax,
    text::Language,
};
use spiketext_train::{prepare::LikelyLabels, recipe::with_setting};

use crate::floor::{Floor, classes, nanoseconds_a_text, share_of_zeros, share_right, tokens, unknown_share};

/// The choices of the classifier.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct FastText {
    /// The name beside those of recipes.
    pub name: String,
    /// Numbers of a vector.
    pub dimension: usize,
    /// The longest run of words that is a feature.
    pub n_grams: usize,
    /// How often a word occurs at least in the training texts.
    pub least_occurrences: usize,
    /// Vectors that the runs of two words and more share by their hash.
    pub buckets: usize,
    /// Numbers of epochs to choose from.
    pub epochs: Vec<usize>,
    /// First learning rates to choose from, each above 0.
    pub learning_rates: Vec<f64>,
}

impl Default for FastText {
    fn default() -> Self {
        Self {
            name: "fasttext".into(),
            dimension: 50,
            n_grams: 2,
            least_occurrences: 1,
            buckets: 200_000,
            epochs: vec![5, 25],
            learning_rates: vec![0.1, 0.25, 0.5],
        }
    }
}

/// The most numbers that vectors may have: 1 GiB.
const MOST_NUMBERS: usize = 1 << 28;

/// What stands for the end of a text, as in fastText.
const END: &str = "</s>";

impl FastText {
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
        let refuse = |expected: &str, got: String| Err(Error::invalid("fastText", expected, got));
        if self.dimension == 0 {
            return refuse("a dimension of at least 1", "0".into());
        }
        if !(1..=8).contains(&self.n_grams) {
            return refuse("n-grams of 1 to 8 words", self.n_grams.to_string());
        }
        if self.n_grams > 1 && self.buckets == 0 {
            return refuse("at least 1 bucket for n-grams", "0".into());
        }
        let numbers = self.buckets.saturating_mul(self.dimension);
        if numbers.max(self.dimension) > MOST_NUMBERS {
            return refuse(&format!("buckets of {MOST_NUMBERS} numbers together at most"), numbers.to_string());
        }
        if self.epochs.is_empty() || self.epochs.iter().any(|epochs| !(1..=1000).contains(epochs)) {
            return refuse("numbers of epochs from 1 to 1000", format!("{:?}", self.epochs));
        }
        if self.learning_rates.is_empty() || self.learning_rates.iter().any(|&r| !(r > 0.0 && r <= 10.0)) {
            return refuse("learning rates above 0, up to 10", format!("{:?}", self.learning_rates));
        }
        Ok(())
    }

    /// Trains the classifier and labels the test texts. The result depends on data, choices and seed alone.
    ///
    /// # Errors
    /// If the vectors were too many, or no choice of rate and epochs stays among finite numbers.
    pub fn run(&self, dataset: &Dataset, language: Language, seed: u64) -> Result<Floor> {
        let parts = tokens(dataset, language);
        let features = Features::of(self, &parts[0]);
        if features.count().saturating_mul(self.dimension) > MOST_NUMBERS {
            let expected = format!("at most {MOST_NUMBERS} numbers in all vectors");
            let got = format!("{} vectors of {}", features.count(), self.dimension);
            return Err(Error::invalid("fastText", expected, got));
        }
        let ids =
            |texts: &Vec<Vec<String>>| -> Vec<Vec<u32>> { texts.par_iter().map(|text| features.ids(text)).collect() };
        let [train, development, test] = [ids(&parts[0]), ids(&parts[1]), ids(&parts[2])];
        let train_labels = classes(dataset, Split::Train, "fastText")?;
        let development_labels = classes(dataset, Split::Development, "fastText")?;
        let first = Model::new(features.count(), self.dimension, dataset.labels.len(), seed);
        let tries: Vec<(usize, f64)> = self
            .epochs
            .iter()
            .flat_map(|&epochs| self.learning_rates.iter().map(move |&rate| (epochs, rate)))
            .collect();
        let trained = tries.par_iter().enumerate().filter_map(|(place, &(epochs, rate))| {
            let mut model = first.clone();
            model.train(&train, &train_labels, epochs, rate, seed);
            let mut room = model.room();
            let found = development.iter().map(|text| model.label(text, &mut room));
            let right = share_right(found, &development_labels);
            model.is_finite().then_some((place, right, model))
        });
        // The first of equals, whichever thread ended first.
        let best = trained.reduce_with(|a, b| {
            let ahead = b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
            if ahead.is_gt() { b } else { a }
        });
        let Some((_, development_accuracy, model)) = best else {
            return Err(Error::invalid("fastText", "a learning rate that keeps numbers finite", "larger ones"));
        };
        let mut room = model.room();
        let (labels, probabilities) = test.iter().map(|text| model.likely_label(text, &mut room)).unzip();
        Ok(Floor {
            development_accuracy,
            answers: LikelyLabels { labels, probabilities },
            unknown_share: unknown_share(&parts[2], |token| features.words.contains_key(token)),
            work: model.work(&test),
            zero_weights: share_of_zeros(&model.output),
            nanoseconds_a_text: nanoseconds_a_text(&test, |text| model.label(text, &mut room))?,
        })
    }
}

/// The words and runs of words that have vectors.
struct Features {
    /// The numbers of the words.
    words: BTreeMap<String, u32>,
    n_grams: usize,
    /// Vectors of runs, which come after those of words.
    buckets: usize,
}

impl Features {
    fn of(choices: &FastText, texts: &[Vec<String>]) -> Self {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::from([(END, choices.least_occurrences)]);
        for token in texts.iter().flatten() {
            *counts.entry(token).or_default() += 1;
        }
        counts.retain(|_, count| *count >= choices.least_occurrences);
        let words = counts.into_keys().map(str::to_owned).zip(0..).collect();
        let buckets = if choices.n_grams > 1 { choices.buckets } else { 0 };
        Self { words, n_grams: choices.n_grams, buckets }
    }

    /// All vectors.
    fn count(&self) -> usize {
        self.words.len() + self.buckets
    }

    /// The features of a text, one for each occurrence: never none, since every text has an end.
    fn ids(&self, tokens: &[String]) -> Vec<u32> {
        let words = || tokens.iter().map(String::as_str).chain([END]);
        let mut ids: Vec<u32> = words().filter_map(|word| self.words.get(word).copied()).collect();
        let hashes: Vec<u32> = words().map(hash).collect();
        for first in 0..hashes.len() {
            let mut run = u64::from(hashes[first]);
            for &next in hashes[first + 1..].iter().take(self.n_grams - 1) {
                run = run.wrapping_mul(116_049_371).wrapping_add(u64::from(next));
                ids.push((self.words.len() as u64 + run % self.buckets as u64) as u32);
            }
        }
        ids
    }
}

/// The FNV-1a hash of a word, of 32 bits.
fn hash(word: &str) -> u32 {
    word.bytes().fold(2_166_136_261, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(16_777_619))
}

/// Vectors and weights.
#[derive(Clone)]
struct Model {
    dimension: usize,
    /// `[features, D]`.
    vectors: Vec<f32>,
    /// `[K, D]`.
    output: Vec<f32>,
}

/// Room for what is computed of a text.
struct Room {
    /// The mean of its vectors, `[D]`.
    mean: Vec<f32>,
    /// `[K]`.
    scores: Vec<f32>,
    /// What its vectors move by, `[D]`.
    move_by: Vec<f32>,
}

impl Model {
    fn new(features: usize, dimension: usize, classes: usize, seed: u64) -> Self {
        let mut rng = stream(seed, Purpose::Weights, 0, 0);
        let most = 1.0 / dimension as f32;
        let vectors = (0..features * dimension).map(|_| most * (2.0 * uniform(&mut rng) - 1.0)).collect();
        Self { dimension, vectors, output: vec![0.0; classes * dimension] }
    }

    fn classes(&self) -> usize {
        self.output.len() / self.dimension
    }

    fn room(&self) -> Room {
        let zeros = |count: usize| vec![0.0; count];
        Room { mean: zeros(self.dimension), scores: zeros(self.classes()), move_by: zeros(self.dimension) }
    }

    fn is_finite(&self) -> bool {
        self.output.iter().chain(&self.vectors).all(|number| number.is_finite())
    }

    /// The mean of a text's vectors and its scores.
    fn forward(&self, text: &[u32], room: &mut Room) {
        room.mean.fill(0.0);
        for &id in text {
            let vector = &self.vectors[id as usize * self.dimension..][..self.dimension];
            room.mean.iter_mut().zip(vector).for_each(|(sum, number)| *sum += number);
        }
        let share = 1.0 / text.len().max(1) as f32;
        room.mean.iter_mut().for_each(|sum| *sum *= share);
        for (score, weights) in room.scores.iter_mut().zip(self.output.chunks_exact(self.dimension)) {
            *score = weights.iter().zip(&room.mean).map(|(weight, mean)| weight * mean).sum();
        }
    }

    fn label(&self, text: &[u32], room: &mut Room) -> usize {
        self.forward(text, room);
        argmax(&room.scores)
    }

    /// The class of a text and its probability.
    fn likely_label(&self, text: &[u32], room: &mut Room) -> (usize, f32) {
        let label = self.label(text, room);
        probabilities(&mut room.scores);
        (label, room.scores[label])
    }

    /// Goes against the gradient of the loss of one text, so far as `rate` says.
    fn step(&mut self, text: &[u32], label: usize, rate: f32, room: &mut Room) {
        self.forward(text, room);
        probabilities(&mut room.scores);
        room.move_by.fill(0.0);
        for (class, weights) in self.output.chunks_exact_mut(self.dimension).enumerate() {
            let by = rate * (f32::from(class == label) - room.scores[class]);
            for ((weight, mean), move_by) in weights.iter_mut().zip(&room.mean).zip(&mut room.move_by) {
                *move_by += by * *weight;
                *weight += by * mean;
            }
        }
        let share = 1.0 / text.len().max(1) as f32;
        room.move_by.iter_mut().for_each(|move_by| *move_by *= share);
        for &id in text {
            let vector = &mut self.vectors[id as usize * self.dimension..][..self.dimension];
            vector.iter_mut().zip(&room.move_by).for_each(|(number, move_by)| *number += move_by);
        }
    }

    fn train(&mut self, texts: &[Vec<u32>], labels: &[usize], epochs: usize, rate: f64, seed: u64) {
        let mut room = self.room();
        let mut order: Vec<usize> = (0..texts.len()).collect();
        let steps = (epochs * texts.len()) as f64;
        for epoch in 0..epochs {
            shuffle(&mut stream(seed, Purpose::Shuffle, epoch as u64, 0), &mut order);
            for (place, &text) in order.iter().enumerate() {
                let done = (epoch * texts.len() + place) as f64;
                self.step(&texts[text], labels[text], (rate * (1.0 - done / steps)) as f32, &mut room);
            }
        }
    }

    /// What `texts` cost on average: rows are added up, the sum is divided and meets the weights.
    fn work(&self, texts: &[Vec<u32>]) -> LookUp {
        let (table, weights) = (self.vectors.len() as u64, self.output.len() as u64);
        let width = self.dimension as u64;
        let sizes =
            LookUp { table, weights, width, bytes: size_of::<f32>() as u64 * (table + weights), ..LookUp::default() };
        sizes.with_mean(texts.iter().map(|text| {
            let features = text.len() as f64;
            [features, features * width as f64, (width + weights) as f64]
        }))
    }
}

/// Scores to probabilities, in place.
fn probabilities(scores: &mut [f32]) {
    let most = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    scores.iter_mut().for_each(|score| *score = (*score - most).exp());
    let sum: f32 = scores.iter().sum();
    scores.iter_mut().for_each(|score| *score /= sum);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(words: &str) -> Vec<String> {
        words.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn features_are_words_the_end_and_hashed_runs() {
        let train = [text("a b a"), text("b c")];
        let small = FastText { buckets: 10, least_occurrences: 2, ..FastText::default() };
        let features = Features::of(&small, &train);
        assert_eq!(features.words, BTreeMap::from([(END.to_owned(), 0), ("a".to_owned(), 1), ("b".to_owned(), 2)]));
        assert_eq!(features.count(), 13);
        // FNV-1a of "a" and "" as its authors give them.
        assert_eq!((hash("a"), hash("")), (0xe40c_292c, 0x811c_9dc5));
        let ids = features.ids(&text("a x b"));
        // x is unknown, its two runs are not.
        assert_eq!((&ids[..3], ids.len()), (&[1, 2, 0][..], 6));
        assert!(ids[3..].iter().all(|id| (3..13).contains(id)));
        let run = u64::from(hash("a")) * 116_049_371 + u64::from(hash("x"));
        assert_eq!(u64::from(ids[3]), 3 + run % 10);
        assert_eq!(features.ids(&[]), [0]);
        let words = Features::of(&FastText { n_grams: 1, ..small }, &train);
        assert_eq!((words.count(), words.ids(&text("b a b"))), (3, vec![2, 1, 2, 0]));
    }

    /// The loss by its formula, in double precision.
    fn loss(model: &Model, text: &[u32], label: usize) -> f64 {
        let d = model.dimension;
        let mean = |j: usize| {
            text.iter().map(|&id| f64::from(model.vectors[id as usize * d + j])).sum::<f64>() / text.len() as f64
        };
        let scores: Vec<f64> =
            model.output.chunks(d).map(|row| (0..d).map(|j| f64::from(row[j]) * mean(j)).sum()).collect();
        scores.iter().map(|score| score.exp()).sum::<f64>().ln() - scores[label]
    }

    #[test]
    fn a_step_goes_against_the_gradient() {
        let mut model = Model::new(4, 3, 3, 1);
        model.output.iter_mut().zip(0i8..).for_each(|(weight, i)| *weight = f32::from(i * 5 % 7) / 4.0 - 0.6);
        // A feature that occurs twice, and one that does not.
        let (text, rate) = ([0, 2, 2, 3], 0.5);
        let mut moved = model.clone();
        moved.step(&text, 1, rate, &mut model.room());
        let numbers = |model: &Model| [&model.vectors[..], &model.output].concat();
        let gradient: Vec<f64> = numbers(&model)
            .iter()
            .zip(numbers(&moved))
            .map(|(before, after)| f64::from(before - after) / f64::from(rate))
            .collect();
        for (i, slope) in gradient.iter().enumerate() {
            let with = |by: f32| {
                let mut model = model.clone();
                let vectors = model.vectors.len();
                let place = if i < vectors { &mut model.vectors[i] } else { &mut model.output[i - vectors] };
                *place += by;
                (f64::from(*place), loss(&model, &text, 1))
            };
            let ((low, below), (high, above)) = (with(-1e-3), with(1e-3));
            let wanted = (above - below) / (high - low);
            assert!((slope - wanted).abs() < 1e-5, "{i}: {slope} {wanted}");
        }
        assert!(gradient[3..6].iter().all(|&slope| slope == 0.0));
        assert!(loss(&moved, &text, 1) < loss(&model, &text, 1));
    }

    #[test]
    fn costs_follow_from_the_sizes() {
        let work = Model::new(20, 5, 3, 0).work(&[vec![0; 4], vec![0; 8]]);
        assert_eq!((work.features, work.additions, work.macs), (6.0, 30.0, 5.0 + 15.0));
        assert_eq!((work.table, work.weights, work.width, work.bytes), (100, 15, 5, 460));
    }

    #[test]
    fn one_seed_gives_one_result_well_above_chance() {
        let reviews = spiketext::data::load("reviews-en", None).expect("reviews");
        let choices = FastText { buckets: 5000, dimension: 20, epochs: vec![2, 25], ..FastText::default() };
        let run = |seed: u64| {
            let floor = choices.run(&reviews, Language::English, seed).expect("a floor");
            Floor { nanoseconds_a_text: floor.nanoseconds_a_text.map(|_| 0.0), ..floor }
        };
        let floor = run(3);
        assert!(floor.development_accuracy > 0.7 && floor.unknown_share > 0.0 && floor.unknown_share < 0.5);
        let right =
            floor.answers.labels.iter().zip(&reviews.test).filter(|(found, e)| e.target.is_met_by(**found)).count();
        assert!(right * 10 > reviews.test.len() * 7, "{right} of {}", reviews.test.len());
        assert!(floor.answers.probabilities.iter().all(|share| (0.5..=1.0).contains(share)));
        assert_eq!(floor.nanoseconds_a_text, Some(0.0));
        assert_eq!(run(3), floor);
        assert_ne!(run(4).answers, floor.answers);
        let alone = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a pool");
        assert_eq!(alone.install(|| run(3)), floor);
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for (setting, told) in [
            ("dimension=0", "a dimension"),
            ("n-grams=0", "1 to 8"),
            ("buckets=0", "1 bucket"),
            ("buckets=100000000", "268435456"),
            ("epochs=[]", "epochs"),
            ("epochs=[5,0]", "epochs"),
            ("learning-rates=[0.0]", "learning rates"),
            ("learning-rates=[nan]", "learning rates"),
        ] {
            let choices = FastText::default().with_setting(setting).expect(setting);
            let error = choices.check().expect_err(setting).to_string();
            assert!(error.contains(told), "{setting}: {error}");
        }
        assert!(FastText::default().with_setting("dimensions=3").is_err());
        assert!(FastText::default().check().is_ok());
    }
}
