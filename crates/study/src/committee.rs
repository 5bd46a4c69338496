//! A teacher without a transformer: several DNNs of other kernel widths and seeds, and logistic regression on TF-IDF, which
//! answer together.
//!
//! The training texts are dealt into as many parts as there are members. A member is trained on all parts but one, so that
//! there is for each training text one who has not seen it: who has learnt a text by heart has nothing to teach of it. To
//! other texts all members answer, and the mean of their probabilities counts. How much TF-IDF has to say is what makes the
//! mean loss of the development texts least.

use std::collections::HashMap;

use spiketext::{
    Error, Result,
    data::{Dataset, Example, text_hash},
    loss::softmax,
    slices::argmax,
    target::Target,
    text::{Language, detect_language},
};
use spiketext_train::{
    Options, Pipeline, Recipe, StepCache, VectorSource, check,
    events::{Event, Observer},
};

use crate::{bag_of_words::BagOfWords, cell::Fold, folds};

/// Most and fewest members.
pub const MEMBERS: std::ops::RangeInclusive<usize> = 2..=20;

/// Kernel widths of the members, in turn.
const WIDTHS: [[usize; 3]; 5] = [[3, 4, 5], [2, 3, 4], [1, 2, 3], [4, 5, 6], [2, 4, 6]];

/// The shares that TF-IDF may have.
const SHARES: [f32; 7] = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6];

/// How a committee is made.
#[derive(Clone, Debug)]
pub struct Committee {
    /// How many DNNs.
    pub members: usize,
    /// What they are trained by, but for their widths.
    pub recipe: Recipe,
    /// The words' vectors.
    pub vectors: VectorSource,
    /// The language of the texts, if it is not to be found from their script.
    pub language: Option<Language>,
    /// The seed of every random choice.
    pub seed: u64,
}

/// What a committee says.
#[derive(Clone, Debug, PartialEq)]
pub struct Said {
    /// Probabilities of the classes for each training text, `[N, K]`, by who has not seen it; zeros where all have, of classes
    /// of one or two texts.
    pub of_training: Vec<f32>,
    /// The same for each of the other texts, by all.
    pub of_others: Vec<f32>,
    /// The share that TF-IDF has.
    pub share: f32,
    /// Percent of the development texts that all together label rightly.
    pub development_accuracy: f64,
}

impl Committee {
    /// Trains the members on `dataset` and asks them for its training texts and for `others`. Its test texts are not looked
    /// at.
    ///
    /// # Errors
    /// If there are too many members, or a part of the texts is too small; if texts have several labels; if training fails.
    pub fn ask(&self, dataset: &Dataset, others: &[String], observer: &mut Observer<'_>) -> Result<Said> {
        check(dataset)?;
        let refuse = |expected: String, got: String| Err(Error::invalid("teach", expected, got));
        if !MEMBERS.contains(&self.members) {
            let expected = format!("{} to {} members", MEMBERS.start(), MEMBERS.end());
            return refuse(expected, self.members.to_string());
        }
        if dataset.multi_label {
            return refuse("texts of one label each".into(), "texts of several".into());
        }
        let alone = Dataset { development: Vec::new(), test: Vec::new(), ..dataset.clone() };
        // Better now than after the members before.
        for number in 1..=self.members {
            if folds::held_back(&alone, Fold { number, of: self.members }).is_err() {
                let expected = format!("texts for each of {} members to be held back from it", self.members);
                let got = format!("none for member {number}, of {} (--members N)", dataset.train.len());
                return refuse(expected, got);
            }
        }
        let classes = dataset.labels.len();
        let language = self
            .language
            .unwrap_or_else(|| detect_language(dataset.train.iter().map(|example| example.text.as_str())));
        // Nobody knows the labels of texts that are asked for; they need one to stand in a data set.
        let asked = |text: &String| Example { text: text.clone(), target: Target::of(0) };
        let development: Vec<Example> = dataset.development.clone();
        let common: Vec<Example> = development.iter().cloned().chain(others.iter().map(asked)).collect();
        let places = places(&alone.train);
        let mut of_training = [vec![0.0; classes * alone.train.len()], vec![0.0; classes * alone.train.len()]];
        let mut of_common = [vec![0.0; classes * common.len()], vec![0.0; classes * common.len()]];
        for member in 0..self.members {
            let message = format!("member {} of {} of the committee", member + 1, self.members);
            observer(&Event::Note { message });
            let held = folds::held_back(&alone, Fold { number: member + 1, of: self.members })?;
            let train: Vec<Example> = held.train.iter().chain(&held.development).cloned().collect();
            let test = held.test.iter().chain(&common).cloned().collect();
            let own = Dataset { train, development: development.clone(), test, ..dataset.clone() };
            let tf_idf = BagOfWords::default().with_setting("weighting=tf-idf")?;
            for (which, answers) in
                [self.member(member, &own, observer)?, tf_idf.probabilities(&own, language)?].into_iter().enumerate()
            {
                let (of_held, others) = answers.split_at(classes * held.test.len());
                for (example, shares) in held.test.iter().zip(of_held.chunks_exact(classes)) {
                    for &place in &places[&text_hash(&example.text)] {
                        of_training[which][classes * place..][..classes].copy_from_slice(shares);
                    }
                }
                of_common[which].iter_mut().zip(others).for_each(|(sum, share)| *sum += share / self.members as f32);
            }
        }
        let mixed = |of: &[Vec<f32>; 2], share: f32| -> Vec<f32> {
            of[0].iter().zip(&of[1]).map(|(dnn, words)| (1.0 - share) * dnn + share * words).collect()
        };
        let targets: Vec<usize> = development.iter().filter_map(|example| example.target.class()).collect();
        let loss = |share: f32| -> f64 {
            let all = mixed(&of_common, share);
            let of = |(row, &class): (&[f32], &usize)| -f64::from(row[class].max(1e-9)).ln();
            all.chunks_exact(classes).zip(&targets).map(of).sum()
        };
        let share = SHARES.into_iter().min_by(|&a, &b| loss(a).total_cmp(&loss(b))).unwrap_or_default();
        let all = mixed(&of_common, share);
        let (of_development, of_others) = all.split_at(classes * development.len());
        let labels = of_development.chunks_exact(classes).map(argmax);
        let right = labels.zip(&targets).filter(|(label, class)| label == *class).count();
        Ok(Said {
            of_training: mixed(&of_training, share),
            of_others: of_others.to_vec(),
            share,
            development_accuracy: 100.0 * right as f64 / development.len().max(1) as f64,
        })
    }

    /// What one member says of the test texts of `dataset`, `[N, K]`.
    fn member(&self, member: usize, dataset: &Dataset, observer: &mut Observer<'_>) -> Result<Vec<f32>> {
        let mut recipe = self.recipe.clone();
        recipe.network.widths = WIDTHS[member % WIDTHS.len()].to_vec();
        let seed = self.seed.wrapping_add((member as u64 + 1).wrapping_mul(NEXT_SEED));
        let options = Options { seed, language: self.language, ..Options::default() };
        let mut cache = StepCache::default();
        let mut pipeline = Pipeline::new(dataset, &self.vectors, &recipe, &options, &mut cache)?;
        let trained = pipeline.dnn(observer)?;
        let prepared = pipeline.prepare(observer)?;
        let logits = trained.network.logits(&prepared.test);
        Ok(logits.chunks_exact(dataset.labels.len()).flat_map(|row| softmax(row, 1.0)).collect())
    }
}

/// From the seed of one DNN to that of the next: the golden ratio of 64 bits, so that seeds of neighbouring runs never meet.
const NEXT_SEED: u64 = 0x9E37_79B9_7F4A_7C15;

/// Where each text stands.
fn places(examples: &[Example]) -> HashMap<u64, Vec<usize>> {
    let mut places: HashMap<u64, Vec<usize>> = HashMap::new();
    for (place, example) in examples.iter().enumerate() {
        places.entry(text_hash(&example.text)).or_default().push(place);
    }
    places
}
