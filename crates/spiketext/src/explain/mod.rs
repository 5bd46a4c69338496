//! Why a text has its label: what its words and n-grams said for and against each class.
//!
//! ```text
//! relevance     from the read-out back to the spikes of each window of words, and from there to the words
//! deletion      the scores without a word, and the fewest words that keep the label
//! filters       what each filter listens to, over many texts
//! favourites    the words that each place of a filter's window likes best, from its weights alone
//! prune         a model without the filters that it can spare
//! json          an explained text for programs
//! faithfulness  whether words that said much are those that the model goes by
//! ```
//!
//! Where the outputs add up the spikes of the convolution, a score *is* a sum over windows and filters, and nothing is
//! estimated: a window's part is the number of its spikes times their weights, in whole units of the grid. Other networks
//! have layers between; what is assumed of those is named ([`Approximation`]), and the parts still add up to the score. How a
//! window's part is shared among its words is an assumption everywhere: by the currents with which they drove its spikes.

mod deletion;
pub mod faithfulness;
pub mod favourites;
pub mod filters;
pub mod json;
pub mod prune;
mod relevance;

use rustc_hash::FxHashMap;
use serde::Serialize;

pub use deletion::{Deletion, Fewest};

use crate::{
    engine::{self, VariantRunner},
    model::{Model, Prediction},
    slices::argmax,
};

/// What is assumed where a score is no plain sum over spikes of windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Approximation {
    /// What a neuron that sees the whole text said is shared among the windows in proportion to their spikes for it.
    SharesOfSpikes,
    /// What a neuron of a further convolution or a dense layer said is shared among the spikes that drove it, in
    /// proportion to their positive weights.
    PositiveWeights,
    /// Outputs fire: what adds up is the charge that they got, not the spikes that they made of it.
    Charge,
}

impl Approximation {
    /// What it says, for people.
    #[must_use]
    pub fn describe(self) -> &'static str {
        match self {
            Self::SharesOfSpikes => "what a feature neuron said is shared among the n-grams by their spikes",
            Self::PositiveWeights => {
                "what a neuron of a further layer said is shared among those that drove it by their weights"
            }
            Self::Charge => "parts add up to the charge of the outputs, which fire",
        }
    }
}

/// A token of an explained text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Token {
    /// The token as the network reads it.
    pub text: String,
    /// Whether the model knows it.
    pub known: bool,
}

/// What a filter made of one window.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FilterPart {
    /// The filter, among those of its width.
    pub filter: usize,
    /// Its spikes there, over all time steps.
    pub spikes: u32,
    /// What they said for each class, `[K]`.
    pub parts: Vec<f64>,
}

/// A window of words that made a filter fire.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Ngram {
    /// Its kernel width, among those of the network.
    pub kernel: usize,
    /// Its first token.
    pub start: usize,
    /// The token after its last; a window past the end of a short text has fewer tokens than its width.
    pub end: usize,
    /// What all its spikes said for each class, `[K]`.
    pub parts: Vec<f64>,
    /// The same in whole units, where nothing was assumed ([`Units`]).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub units: Option<Vec<i64>>,
    /// The filters that fired.
    pub filters: Vec<FilterPart>,
}

/// How whole units become scores: `score[k] = 2^exponent / rounds * (base[k] + sum over n-grams of units[k] / positions)`, the
/// positions those of the n-gram's kernel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Units {
    /// A unit is 2 to this power.
    pub exponent: i32,
    /// Time steps times outputs a class.
    pub rounds: u64,
    /// Positions of each kernel, or tokens where the sum of all kernels is divided at once.
    pub positions: Vec<u64>,
    /// The biases of the outputs over all rounds, `[K]`.
    pub base: Vec<i64>,
}

/// Why a text has its label.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Explanation {
    /// The tokens that the network reads.
    pub tokens: Vec<Token>,
    /// The most probable class.
    pub label: usize,
    /// The second most probable class; the same where there is no other.
    pub runner_up: usize,
    /// The classes that a multi-label model answers; none of other models.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<Vec<usize>>,
    /// The probability of each class, `[K]`.
    pub probabilities: Vec<f32>,
    /// What base and n-grams add up to, `[K]`: the mean membranes of the outputs.
    pub scores: Vec<f64>,
    /// What is said whatever the words are, `[K]`: biases, and spikes of windows without words.
    pub base: Vec<f64>,
    /// What was assumed; nothing where the parts of n-grams are exact.
    pub approximations: Vec<Approximation>,
    /// What each token said for each class, `[L][K]`; with the base that is all of the scores.
    pub words: Vec<Vec<f64>>,
    /// The windows that fired, by kernel and place.
    pub ngrams: Vec<Ngram>,
    /// How whole units become scores, where nothing was assumed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub units: Option<Units>,
    /// The ids of the tokens.
    #[serde(skip)]
    ids: Vec<u32>,
}

impl Explanation {
    /// How far parts, `[K]`, push from class `against` to class `class`; of a multi-label model how far they push to `class`.
    #[must_use]
    pub fn push(&self, parts: &[f64], class: usize, against: usize) -> f64 {
        if self.labels.is_some() || class == against { parts[class] } else { parts[class] - parts[against] }
    }

    /// How far each word pushes from the runner-up to the label, `[L]`.
    #[must_use]
    pub fn pushes(&self) -> Vec<f64> {
        self.words.iter().map(|parts| self.push(parts, self.label, self.runner_up)).collect()
    }

    /// The n-grams that say most between label and runner-up, at most `most` of those that push to the label, then as many of
    /// those against it. Windows over the same words count as one.
    #[must_use]
    pub fn strongest(&self, most: usize) -> [Vec<(std::ops::Range<usize>, f64)>; 2] {
        let mut places = FxHashMap::<(usize, usize), f64>::default();
        for ngram in &self.ngrams {
            *places.entry((ngram.start, ngram.end)).or_default() +=
                self.push(&ngram.parts, self.label, self.runner_up);
        }
        let mut all: Vec<_> = places.into_iter().map(|((start, end), push)| (start..end, push)).collect();
        all.sort_by(|(place, push), (other_place, other)| {
            other
                .abs()
                .total_cmp(&push.abs())
                .then((place.start, place.end).cmp(&(other_place.start, other_place.end)))
        });
        [1.0, -1.0].map(|sign| all.iter().filter(|(_, push)| push * sign > 0.0).take(most).cloned().collect())
    }
}

/// Explains texts of one model. What it keeps between texts makes it faster and changes no result.
#[derive(Debug)]
pub struct Explainer<'a> {
    model: &'a Model,
    runner: VariantRunner<'a>,
}

impl<'a> Explainer<'a> {
    /// An explainer that has met no text yet.
    #[must_use]
    pub fn new(model: &'a Model) -> Self {
        Self { model, runner: VariantRunner::new(model.network(), model.noise()) }
    }

    /// Why `text` has its label; nothing for a text without a known word, whose answer is the classes' shares in training.
    #[must_use]
    pub fn explain(&self, text: &str) -> Option<Explanation> {
        let (network, noise) = (self.model.network(), self.model.noise());
        let (mut tokens, mut ids) = self.model.words(text);
        tokens.truncate(network.config().padding.longest());
        ids.truncate(tokens.len());
        if engine::known_words(network.config(), &ids) == 0 {
            return None;
        }
        let (_, trace, _) = engine::run_traced(network, noise, &ids);
        let found = relevance::Relevance::of(network, noise, &ids, &trace);
        let (answers, _) = self.model.predict(&[text]);
        let Prediction { label, labels, probabilities, .. } = answers.into_iter().next()?;
        let known = |&id: &u32| id != crate::text::UNKNOWN;
        let tokens = tokens.into_iter().zip(ids.iter().map(known)).map(|(text, known)| Token { text, known });
        let mut others = probabilities.clone();
        others[label] = f32::NEG_INFINITY;
        let runner_up = argmax(&others);
        Some(Explanation {
            tokens: tokens.collect(),
            label,
            runner_up,
            labels,
            probabilities,
            scores: found.scores,
            base: found.base,
            approximations: found.approximations,
            words: found.words,
            ngrams: found.ngrams,
            units: found.units,
            ids,
        })
    }
}

#[cfg(test)]
mod tests;
