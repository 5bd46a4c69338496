//! From a data set and word vectors to numbers: the vocabulary, its rates, and every text as word ids.

use std::{
    collections::{HashMap, HashSet},
    path::{Path, PathBuf},
    sync::Arc,
};

use rayon::prelude::*;
use spiketext::{
    Result,
    data::{Dataset, Example, Split},
    engine::known_words,
    loss::{sigmoid, softmax},
    metrics::LabelCounts,
    network::NetworkConfig,
    slices::argmax,
    target::{Target, class_counts, reached},
    text::{Language, UNKNOWN, Vocabulary, candidate_words, detect_language},
    vectors::{self, Familiarity, Selection},
};

use crate::{
    class_weights::ClassWeights, objective::Objective, recipe::WordChoices, score::Score, teaching::Teaching,
    thresholds,
};

/// Where word vectors come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VectorSource {
    /// The small set that comes with the program, in the language of the texts or the one named.
    BuiltIn(Option<Language>),
    /// A file in any format that [`spiketext::vectors`] reads.
    File(PathBuf),
    /// The same, without the lines that cannot be read.
    FileLeniently(PathBuf),
    /// Random vectors: the variant without pre-training.
    Random,
}

impl VectorSource {
    /// What `FILE|en|zh|random` means; nothing means the built-in ones of the texts' language. `lenient` leaves out what
    /// cannot be read of a file.
    #[must_use]
    pub fn of(asked: Option<&Path>, lenient: bool) -> Self {
        let Some(path) = asked else { return Self::BuiltIn(None) };
        match path.to_str() {
            Some("random") => Self::Random,
            name => match name.and_then(|name| name.parse().ok()) {
                Some(language) => Self::BuiltIn(Some(language)),
                None if lenient => Self::FileLeniently(path.to_owned()),
                None => Self::File(path.to_owned()),
            },
        }
    }

    /// The source's name in reports.
    #[must_use]
    pub fn name(&self, language: Language) -> String {
        match self {
            Self::BuiltIn(own) => format!("built-in {}", own.unwrap_or(language)),
            Self::File(path) | Self::FileLeniently(path) => {
                path.file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned())
            }
            Self::Random => "random".into(),
        }
    }

    /// The file, if it is one.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::File(path) | Self::FileLeniently(path) => Some(path),
            Self::BuiltIn(_) | Self::Random => None,
        }
    }

    /// Whether what cannot be read of it is left out.
    #[must_use]
    pub fn is_lenient(&self) -> bool {
        matches!(self, Self::FileLeniently(_))
    }
}

/// A labelled text as word ids.
#[derive(Clone, Debug, PartialEq)]
pub struct EncodedText {
    /// Word ids; [`UNKNOWN`] for unknown words.
    pub words: Vec<u32>,
    /// What is right; of a text that nobody has labelled, what its teacher thinks most likely.
    pub target: Target,
    /// Whether `target` is a label.
    pub is_labelled: bool,
    /// What a teacher says of it: a logit a class, `[K]`.
    pub taught: Option<Arc<[f32]>>,
    /// By what its loss is multiplied; 1 for most.
    pub weight: f32,
}

impl EncodedText {
    /// A text with a label, of which no teacher says anything.
    #[must_use]
    pub fn labelled(words: Vec<u32>, target: Target) -> Self {
        Self { words, target, is_labelled: true, taught: None, weight: 1.0 }
    }
}

/// Everything training reads.
#[derive(Clone, Debug)]
pub struct PreparedData {
    /// The language the texts were cut in.
    pub language: Language,
    /// Words; the first [`Self::training_words`] occur in the training texts.
    pub vocabulary: Vocabulary,
    /// How many words occur in the training texts.
    pub training_words: usize,
    /// D.
    pub dimension: usize,
    /// Rates of the words, `[V, D]` (equation 1). Whoever keeps them shares them: nothing else in memory is as large.
    pub rates: Arc<Vec<f32>>,
    /// Names of the classes.
    pub labels: Vec<String>,
    /// Whether a text may be of several classes, or of none.
    pub multi_label: bool,
    /// Texts to train on, the labelled ones first.
    pub train: Vec<EncodedText>,
    /// How many of them are labelled.
    pub labelled: usize,
    /// Development texts.
    pub development: Vec<EncodedText>,
    /// Test texts.
    pub test: Vec<EncodedText>,
    /// Shares of the classes in the training texts, `[K]`: the answer for a text without a known word.
    pub priors: Vec<f32>,
    /// Share of the test texts' tokens that are unknown.
    pub unknown_share: f64,
    /// The name of the vectors.
    pub vectors: String,
    /// Training texts that were longer than training reads.
    pub shortened: usize,
    /// How many of the words of the training texts are of the language.
    pub familiarity: Familiarity,
    /// What should be known of the words that were looked up.
    pub notes: Vec<String>,
}

/// Cuts the texts, chooses the vocabulary from the training and development texts and the head of the vectors, and
/// looks up its rates.
///
/// The test texts have no say in the vocabulary. Texts that only a teacher has labelled are training texts like others.
///
/// # Errors
/// If the vectors cannot be read.
pub fn prepare(
    dataset: &Dataset,
    teaching: Option<&Teaching>,
    language: Option<Language>,
    source: &VectorSource,
    choices: &WordChoices,
    seed: u64,
) -> Result<PreparedData> {
    let asked = language;
    let language =
        asked.unwrap_or_else(|| detect_language(dataset.train.iter().map(|example| example.text.as_str())));
    let tokenizer = language.tokenizer();
    let cut = |part: Split| -> Vec<Vec<String>> {
        dataset.part(part).par_iter().map(|Example { text, .. }| tokenizer.tokenize(text)).collect()
    };
    let (mut train, development, test) = (cut(Split::Train), cut(Split::Development), cut(Split::Test));
    let unlabelled = teaching.map_or(&[][..], |teaching| &teaching.unlabelled);
    train.par_extend(unlabelled.par_iter().map(|text| tokenizer.tokenize(text)));
    let mut shortened = 0;
    if choices.longest > 0 {
        for text in train.iter_mut().filter(|text| text.len() > choices.longest) {
            text.truncate(choices.longest);
            shortened += 1;
        }
    }
    let mut needed = HashSet::new();
    for token in train.iter().chain(&development).flatten() {
        needed.extend(candidate_words(token).map(str::to_owned));
    }
    let selection = Selection { needed, also_first: choices.also_first, lenient: source.is_lenient() };
    let vectors = match source {
        VectorSource::BuiltIn(own) => vectors::built_in(own.unwrap_or(language))?,
        VectorSource::File(path) | VectorSource::FileLeniently(path) => vectors::read(path, &selection)?,
        VectorSource::Random => {
            let mut words: Vec<String> =
                train.iter().flatten().cloned().collect::<HashSet<_>>().into_iter().collect();
            words.sort_unstable();
            vectors::random(words, choices.random_dimension, seed)?
        }
    };
    let dimension = vectors.dimension;
    // Before words get vectors of their own: afterwards every text seems to be known.
    let familiarity = Familiarity::with_built_in(language, &train)?;
    let mut notes = Vec::new();
    if let Some(path) = source.file() {
        let told = vectors.report.notes();
        notes.extend(told.into_iter().map(|note| format!("{}: {note}", path.display())));
        notes.extend(Familiarity::of(&vectors.words, &train).told_of_file(path));
    } else if matches!(source, VectorSource::BuiltIn(_)) && asked.is_none() {
        notes.extend(familiarity.told_of_language(language));
    }
    let (order, fresh) = order_of(&vectors.words, &train, choices);
    let training_words = order.training.len() + fresh.len();
    let mut rates = Vec::with_capacity((order.training.len() + fresh.len() + order.others.len()) * dimension);
    let mut words = Vec::new();
    let take = |ids: &[u32], words: &mut Vec<String>, rates: &mut Vec<f32>| {
        for &id in ids {
            words.push(vectors.words.word(id).unwrap_or_default().to_owned());
            rates.extend(vectors.rates_of(id));
        }
    };
    take(&order.training, &mut words, &mut rates);
    for word in fresh {
        words.push(word);
        rates.resize(rates.len() + dimension, 0.5);
    }
    take(&order.others, &mut words, &mut rates);
    drop(vectors);
    let vocabulary = Vocabulary::from_words(words)?;
    let words_of = |tokens: Vec<String>| {
        let mut words = Vec::with_capacity(tokens.len());
        vocabulary.encode(&tokens, &mut words);
        words
    };
    let encode = |texts: Vec<Vec<String>>, part: Split| -> Vec<EncodedText> {
        let texts = texts.into_iter().zip(dataset.part(part)).map(|(tokens, example)| {
            let of_training = teaching.filter(|_| part == Split::Train);
            let taught = of_training.and_then(|teaching| teaching.of(&example.text));
            EncodedText { taught, ..EncodedText::labelled(words_of(tokens), example.target.clone()) }
        });
        texts.collect()
    };
    let others = train.split_off(dataset.train.len());
    let mut train = encode(train, Split::Train);
    let labelled = train.len();
    train.extend(others.into_iter().zip(unlabelled).filter_map(|(tokens, text)| {
        let taught = teaching.and_then(|teaching| teaching.of(text))?;
        let target = if dataset.multi_label { Target::several([]) } else { Target::of(argmax(&taught)) };
        Some(EncodedText { words: words_of(tokens), target, is_labelled: false, taught: Some(taught), weight: 1.0 })
    }));
    let (development, test) = (encode(development, Split::Development), encode(test, Split::Test));
    let tokens: usize = test.iter().map(|text| text.words.len()).sum();
    let unknown: usize = test.iter().map(|text| text.words.iter().filter(|&&w| w == UNKNOWN).count()).sum();
    Ok(PreparedData {
        language,
        training_words,
        dimension,
        rates: Arc::new(rates),
        unknown_share: unknown as f64 / tokens.max(1) as f64,
        priors: class_counts(dataset.labels.len(), train[..labelled].iter().map(|text| text.target.clone()))
            .into_iter()
            .map(|count| count as f32 / labelled.max(1) as f32)
            .collect(),
        labelled,
        vectors: source.name(language),
        shortened,
        familiarity,
        notes,
        labels: dataset.labels.clone(),
        multi_label: dataset.multi_label,
        vocabulary,
        train,
        development,
        test,
    })
}

impl PreparedData {
    /// The training texts that have labels.
    #[must_use]
    pub fn labelled(&self) -> &[EncodedText] {
        &self.train[..self.labelled]
    }

    /// The weight of each class in the loss, `[K]`; none where nothing is weighed.
    #[must_use]
    pub fn class_weights(&self, weights: &ClassWeights) -> Option<Vec<f32>> {
        let texts = class_counts(self.labels.len(), self.labelled().iter().map(|text| text.target.clone()));
        weights.of_classes(&self.labels, &texts, self.multi_label.then_some(self.labelled))
    }

    /// The objective of training on these texts.
    #[must_use]
    pub fn objective(&self) -> Objective {
        Objective::of(self.multi_label)
    }

    /// How well `answer`, which runs a network, tells the labels of `texts`; of texts of several labels with the
    /// thresholds that are best on them.
    pub fn score(
        &self,
        config: &NetworkConfig,
        texts: &[EncodedText],
        answer: impl FnOnce(&[Vec<u32>]) -> Answers,
    ) -> Score {
        if !self.multi_label {
            return Score::of(&self.counts_of(&self.labels_of(config, texts, |words| answer(words).labels), texts));
        }
        let probabilities = self.probabilities_of(config, texts, |words| answer(words).scores);
        let targets: Vec<&Target> = texts.iter().map(|text| &text.target).collect();
        let thresholds = thresholds::best(&probabilities, &targets, self.labels.len());
        let counts = self.counts_of_sets(&probabilities, &thresholds, texts);
        Score { thresholds, ..Score::of(&counts) }
    }

    /// How the answers of a network to `texts` stand to their classes; of texts of several labels with the
    /// `thresholds` of its score on the development texts.
    pub fn label_counts(
        &self,
        config: &NetworkConfig,
        texts: &[EncodedText],
        thresholds: &[f32],
        answer: impl FnOnce(&[Vec<u32>]) -> Answers,
    ) -> LabelCounts {
        if !self.multi_label {
            return self.counts_of(&self.labels_of(config, texts, |words| answer(words).labels), texts);
        }
        let probabilities = self.probabilities_of(config, texts, |words| answer(words).scores);
        self.counts_of_sets(&probabilities, thresholds, texts)
    }

    /// How the classes whose probability, `[N, K]`, reaches their threshold stand to those of `texts`.
    fn counts_of_sets(&self, probabilities: &[f32], thresholds: &[f32], texts: &[EncodedText]) -> LabelCounts {
        let classes = self.labels.len();
        let answers = probabilities.chunks_exact(classes).map(|of_text| reached(of_text, thresholds));
        LabelCounts::of_sets(classes, texts.iter().map(|text| text.target.clone()).zip(answers))
    }

    /// The probability of each class for each of `texts`, `[N, K]`, as [`spiketext::model::Model::predict`] gives it
    /// where a text may have several labels: `score` makes the scores of texts, one without a known word gets the
    /// classes' shares.
    fn probabilities_of(
        &self,
        config: &NetworkConfig,
        texts: &[EncodedText],
        score: impl FnOnce(&[Vec<u32>]) -> Vec<f32>,
    ) -> Vec<f32> {
        let (known, words) = known_texts(config, texts);
        let found = sigmoid(&score(&words), 1.0);
        let mut found = found.chunks_exact(self.labels.len());
        let mut all = Vec::with_capacity(texts.len() * self.labels.len());
        for known in known {
            let answer = if known { found.next() } else { None };
            all.extend_from_slice(answer.unwrap_or(&self.priors));
        }
        all
    }

    /// How `labels` stand to the classes of `texts`.
    #[must_use]
    pub fn counts_of(&self, labels: &[usize], texts: &[EncodedText]) -> LabelCounts {
        let targets = texts.iter().map(|text| text.target.clone());
        LabelCounts::of(self.labels.len(), targets.zip(labels.iter().copied()))
    }

    /// The labels that are found for `texts`, as [`spiketext::model::Model::predict`] finds them: `label` names the
    /// classes of texts, a text without a known word has the most frequent class.
    pub fn labels_of(
        &self,
        config: &NetworkConfig,
        texts: &[EncodedText],
        label: impl FnOnce(&[Vec<u32>]) -> Vec<usize>,
    ) -> Vec<usize> {
        let (known, words) = known_texts(config, texts);
        let usual = argmax(&self.priors);
        let mut found = label(&words).into_iter();
        known.iter().map(|known| if *known { found.next().unwrap_or(usual) } else { usual }).collect()
    }
}

impl PreparedData {
    /// The labels of [`Self::labels_of`], each with its probability: the softmax of `scale` times the scores.
    pub fn likely_labels_of(
        &self,
        config: &NetworkConfig,
        texts: &[EncodedText],
        scale: f32,
        answer: impl FnOnce(&[Vec<u32>]) -> Answers,
    ) -> LikelyLabels {
        let classes = self.labels.len();
        let mut scores = Vec::new();
        let (known, _) = known_texts(config, texts);
        let labels = self.labels_of(config, texts, |words| {
            let answers = answer(words);
            scores = answers.scores;
            answers.labels
        });
        let mut scores = scores.chunks_exact(classes);
        let mut probability = |(&label, known): (&usize, bool)| match if known { scores.next() } else { None } {
            Some(scores) => softmax(scores, scale)[label],
            None => self.priors[label],
        };
        let probabilities = labels.iter().zip(known).map(&mut probability).collect();
        LikelyLabels { labels, probabilities }
    }
}

/// The label of each text, and how probable the network takes it to be.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LikelyLabels {
    /// A class a text.
    pub labels: Vec<usize>,
    /// Its probability.
    pub probabilities: Vec<f32>,
}

/// What a network says of texts: their labels, one each, and the scores `[N, K]` that these are the best of.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answers {
    /// A class a text.
    pub labels: Vec<usize>,
    /// A score a class, a text after the other.
    pub scores: Vec<f32>,
}

/// Which of `texts` have a known word, and the words of those.
fn known_texts(config: &NetworkConfig, texts: &[EncodedText]) -> (Vec<bool>, Vec<Vec<u32>>) {
    let known: Vec<bool> = texts.iter().map(|text| known_words(config, &text.words) > 0).collect();
    let words = texts.iter().zip(&known).filter(|(_, known)| **known).map(|(text, _)| text.words.clone()).collect();
    (known, words)
}

/// Known words in the order of the vocabulary: those of the training texts first.
struct Order {
    training: Vec<u32>,
    others: Vec<u32>,
}

/// Sorts the known words, and finds training words without a vector that occur often enough for a code of their own.
fn order_of(known: &Vocabulary, train: &[Vec<String>], choices: &WordChoices) -> (Order, Vec<String>) {
    let mut seen = vec![false; known.len()];
    let mut missing: HashMap<&str, usize> = HashMap::new();
    let mut ids = Vec::new();
    for tokens in train {
        ids.clear();
        known.encode(tokens, &mut ids);
        ids.iter().filter(|&&id| id != UNKNOWN).for_each(|&id| seen[id as usize] = true);
        if choices.trained && choices.fresh_from > 0 {
            for token in tokens.iter().filter(|token| candidate_words(token).all(|word| known.id(word).is_none())) {
                *missing.entry(token).or_default() += 1;
            }
        }
    }
    let (training, others) = (0..known.len() as u32).partition(|&id| seen[id as usize]);
    let mut fresh: Vec<String> = missing
        .into_iter()
        .filter(|&(_, count)| count >= choices.fresh_from)
        .map(|(word, _)| word.to_owned())
        .collect();
    fresh.sort_unstable();
    (Order { training, others }, fresh)
}
