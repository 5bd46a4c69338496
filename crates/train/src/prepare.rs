//! From a data set and word vectors to numbers: the vocabulary, its rates, and every text as word ids.

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
    sync::Arc,
};

use rayon::prelude::*;
use spiketext::{
    Result,
    data::{Example, LabelledTexts, Split},
    engine::known_words,
    loss::{sigmoid, softmax},
    metrics::LabelCounts,
    network::NetworkConfig,
    slices::argmax,
    target::{Target, class_counts, reached},
    text::{Language, LetterCounts, UNKNOWN, Vocabulary, candidate_words},
    vectors::{self, Familiarity, Selection},
};

use crate::{
    class_weights::ClassWeights,
    objective::Objective,
    recipe::WordChoices,
    score::Score,
    teaching::Teaching,
    texts::{NumberLists, Spellings, Targets, Tokens, TrainingTexts},
    thresholds,
};

pub use crate::texts::EncodedText;

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
    pub train: TrainingTexts,
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

/// The texts of a data set, cut into tokens.
struct Cut {
    language: Language,
    tokens: Tokens,
    /// How often each token occurs in the training texts, and in the first [`Familiarity::MOST_TEXTS`] of them.
    in_training: Vec<u64>,
    in_first: Vec<u64>,
    /// How many different tokens the training and development texts have: those are the first.
    chosen: usize,
    train: NumberLists,
    targets: Targets,
    /// What a teacher says of each training text; empty without one.
    taught: Vec<Option<Arc<[f32]>>>,
    labelled: usize,
    shortened: usize,
    /// The texts of the other parts.
    development: Vec<(Vec<u32>, Target)>,
    test: Vec<(Vec<u32>, Target)>,
}

impl Cut {
    /// Cuts all texts once, the training texts at `longest` tokens; `in_memory` bytes of theirs may stay in memory.
    fn of(
        texts: &dyn LabelledTexts,
        teaching: Option<&Teaching>,
        language: Option<Language>,
        longest: usize,
        in_memory: usize,
    ) -> Result<Self> {
        let mut cut = Self {
            language: match language {
                Some(language) => language,
                None => language_of(texts)?,
            },
            tokens: Tokens::default(),
            in_training: Vec::new(),
            in_first: Vec::new(),
            chosen: 0,
            train: NumberLists::with_limit(in_memory),
            targets: Targets::default(),
            taught: Vec::new(),
            labelled: 0,
            shortened: 0,
            development: Vec::new(),
            test: Vec::new(),
        };
        let tokenizer = cut.language.tokenizer();
        let longest = if longest > 0 { longest } else { usize::MAX };
        texts.each_block(Split::Train, &mut |block| {
            let tokens: Vec<Vec<String>> =
                block.par_iter().map(|example| tokenizer.tokenize(&example.text)).collect();
            for (Example { text, target }, tokens) in block.iter().zip(&tokens) {
                let taught = teaching.map(|teaching| teaching.of(text));
                cut.add(tokens, longest, target, taught)?;
            }
            Ok(())
        })?;
        cut.labelled = cut.train.len();
        for text in teaching.map_or(&[][..], |teaching| &teaching.unlabelled) {
            let Some(taught) = teaching.and_then(|teaching| teaching.of(text)) else { continue };
            let target = if texts.is_multi_label() { Target::several([]) } else { Target::of(argmax(&taught)) };
            cut.add(&tokenizer.tokenize(text), longest, &target, Some(Some(taught)))?;
        }
        let other = |part: Split, tokens: &mut Tokens| -> Result<Vec<(Vec<u32>, Target)>> {
            let mut all = Vec::with_capacity(texts.texts_of(part));
            texts.each_block(part, &mut |block| {
                let cut: Vec<Vec<String>> =
                    block.par_iter().map(|example| tokenizer.tokenize(&example.text)).collect();
                let numbered = cut.iter().map(|text| text.iter().map(|token| tokens.number(token)).collect());
                all.extend(numbered.zip(block.iter().map(|example| example.target.clone())));
                Ok(())
            })?;
            Ok(all)
        };
        cut.development = other(Split::Development, &mut cut.tokens)?;
        cut.chosen = cut.tokens.iter().len();
        cut.test = other(Split::Test, &mut cut.tokens)?;
        Ok(cut)
    }

    /// Adds a training text; what is said of it where there is a teacher.
    fn add(
        &mut self,
        tokens: &[String],
        longest: usize,
        target: &Target,
        taught: Option<Option<Arc<[f32]>>>,
    ) -> Result<()> {
        self.shortened += usize::from(tokens.len() > longest);
        let numbers: Vec<u32> = tokens.iter().take(longest).map(|token| self.tokens.number(token)).collect();
        self.in_training.resize(self.tokens.iter().len(), 0);
        self.in_first.resize(self.tokens.iter().len(), 0);
        let is_first = self.train.len() < Familiarity::MOST_TEXTS;
        for &number in &numbers {
            self.in_training[number as usize] += 1;
            self.in_first[number as usize] += u64::from(is_first);
        }
        self.train.push(&numbers)?;
        self.targets.push(target);
        self.taught.extend(taught);
        Ok(())
    }

    /// The tokens of the training texts, each once, with how often they occur in them.
    fn of_training(&self) -> impl Iterator<Item = (&str, u64)> {
        self.tokens.iter().zip(self.in_training.iter().copied()).filter(|(_, count)| *count > 0)
    }

    /// The same of the first training texts.
    fn of_first(&self) -> impl Iterator<Item = (&str, u64)> {
        self.tokens.iter().zip(self.in_first.iter().copied()).filter(|(_, count)| *count > 0)
    }
}

/// The language of the training texts, by their letters.
fn language_of(texts: &dyn LabelledTexts) -> Result<Language> {
    let mut letters = LetterCounts::default();
    texts.each_block(Split::Train, &mut |block| {
        let of_text = |mut letters: LetterCounts, example: &Example| {
            letters.add(&example.text);
            letters
        };
        let counts = block.par_iter().fold(LetterCounts::default, of_text);
        letters = counts.reduce(LetterCounts::default, |a, b| a.plus(&b)).plus(&letters);
        Ok(())
    })?;
    Ok(letters.language())
}

/// Cuts the texts, chooses the vocabulary from the training and development texts and the head of the vectors, and
/// looks up its rates. Of the tokens of training texts `in_memory` bytes may stay in memory.
///
/// The test texts have no say in the vocabulary. Texts that only a teacher has labelled are training texts like others.
///
/// # Errors
/// If the vectors cannot be read, or texts cannot be read again.
pub fn prepare(
    texts: &dyn LabelledTexts,
    teaching: Option<&Teaching>,
    language: Option<Language>,
    source: &VectorSource,
    choices: &WordChoices,
    seed: u64,
    in_memory: usize,
) -> Result<PreparedData> {
    let asked = language;
    let cut = Cut::of(texts, teaching, language, choices.longest, in_memory)?;
    let language = cut.language;
    let mut needed = HashSet::new();
    for token in cut.tokens.iter().take(cut.chosen) {
        needed.extend(candidate_words(token).map(str::to_owned));
    }
    let selection = Selection { needed, also_first: choices.also_first, lenient: source.is_lenient() };
    let vectors = match source {
        VectorSource::BuiltIn(own) => vectors::built_in(own.unwrap_or(language))?,
        VectorSource::File(path) | VectorSource::FileLeniently(path) => vectors::read(path, &selection)?,
        VectorSource::Random => {
            let mut words: Vec<String> = cut.of_training().map(|(token, _)| token.to_owned()).collect();
            words.sort_unstable();
            vectors::random(words, choices.random_dimension, seed)?
        }
    };
    drop(selection);
    let dimension = vectors.dimension;
    // Before words get vectors of their own: afterwards every text seems to be known.
    let familiarity = Familiarity::counted_with_built_in(language, cut.of_first())?;
    let mut notes = Vec::new();
    if let Some(path) = source.file() {
        let told = vectors.report.notes();
        notes.extend(told.into_iter().map(|note| format!("{}: {note}", path.display())));
        notes.extend(Familiarity::counted(&vectors.words, cut.of_first()).told_of_file(path));
    } else if matches!(source, VectorSource::BuiltIn(_)) && asked.is_none() {
        notes.extend(familiarity.told_of_language(language));
    }
    let (order, fresh) = order_of(&vectors.words, cut.of_training(), choices);
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
    let spellings = Spellings::of(&cut.tokens, &vocabulary);
    let encode = |texts: Vec<(Vec<u32>, Target)>| -> Vec<EncodedText> {
        let texts = texts.into_iter();
        texts.map(|(tokens, target)| EncodedText::labelled(spellings.words(&tokens), target)).collect()
    };
    let (development, test) = (encode(cut.development), encode(cut.test));
    let tokens: usize = test.iter().map(|text| text.words.len()).sum();
    let unknown: usize = test.iter().map(|text| text.words.iter().filter(|&&w| w == UNKNOWN).count()).sum();
    let train = TrainingTexts::new(cut.train, spellings, cut.targets, cut.labelled, cut.taught);
    Ok(PreparedData {
        language,
        training_words,
        dimension,
        rates: Arc::new(rates),
        unknown_share: unknown as f64 / tokens.max(1) as f64,
        priors: class_counts(texts.labels().len(), train.labelled_targets())
            .into_iter()
            .map(|count| count as f32 / train.labelled().max(1) as f32)
            .collect(),
        vectors: source.name(language),
        shortened: cut.shortened,
        familiarity,
        notes,
        labels: texts.labels().to_vec(),
        multi_label: texts.is_multi_label(),
        vocabulary,
        train,
        development,
        test,
    })
}

impl PreparedData {
    /// The weight of each class in the loss, `[K]`; none where nothing is weighed.
    #[must_use]
    pub fn class_weights(&self, weights: &ClassWeights) -> Option<Vec<f32>> {
        let texts = class_counts(self.labels.len(), self.train.labelled_targets());
        weights.of_classes(&self.labels, &texts, self.multi_label.then_some(self.train.labelled()))
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
/// `tokens` are those of the training texts, each with how often it occurs.
fn order_of<'t>(
    known: &Vocabulary,
    tokens: impl Iterator<Item = (&'t str, u64)>,
    choices: &WordChoices,
) -> (Order, Vec<String>) {
    let mut seen = vec![false; known.len()];
    let mut fresh = Vec::new();
    let mut ids = Vec::new();
    for (token, count) in tokens {
        ids.clear();
        known.encode_token(token, &mut ids);
        ids.iter().filter(|&&id| id != UNKNOWN).for_each(|&id| seen[id as usize] = true);
        let is_often = choices.trained && choices.fresh_from > 0 && count >= choices.fresh_from as u64;
        if is_often && candidate_words(token).all(|word| known.id(word).is_none()) {
            fresh.push(token.to_owned());
        }
    }
    let (training, others) = (0..known.len() as u32).partition(|&id| seen[id as usize]);
    fresh.sort_unstable();
    (Order { training, others }, fresh)
}
