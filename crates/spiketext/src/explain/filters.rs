//! What each filter of the text convolution listens to, from the texts that make it fire.
//!
//! After Jacovi, Sar Shalom and Goldberg (2018, "Understanding convolutional neural networks for text classification"): a filter is
//! known by the n-grams that drive it most, by how much of its current comes from each place of its window (its *slots*), and by the
//! class that its spikes speak for. Filters that fire at the same windows say the same; one that never fires says nothing.

use rustc_hash::FxHashMap;
use serde::Serialize;

use super::{Explainer, relevance::column};
use crate::{engine::token_currents, model::Model, slices::argmax, text::Language};

/// N-grams that are kept of each filter while texts come, and how many of them stay when they have become twice as many.
const KEPT: usize = 512;
/// N-grams that are told of each filter.
const TOLD: usize = 8;
/// From this share of common windows on, two filters are one said twice.
pub const TWINS: f64 = 0.9;
/// From this share on they say the same, if they speak for the same class.
pub const ALIKE: f64 = 0.5;

/// An n-gram that makes a filter fire.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Heard {
    /// Its words.
    pub words: Vec<String>,
    /// The current that they make, a step, the bias with it.
    pub current: f64,
    /// How often they came.
    pub times: u64,
}

/// One filter.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Filter {
    /// Words that its kernel sees.
    pub width: usize,
    /// Its number among those of its width.
    pub filter: usize,
    /// Windows at which it fired, of all of its width.
    pub rate: f64,
    /// Texts in which it fired.
    pub texts: u64,
    /// Its spikes.
    pub spikes: u64,
    /// What a spike says for each class in the mean, `[K]`; zeros where it never fired.
    pub says: Vec<f64>,
    /// The class for which it says most.
    pub votes: usize,
    /// Its part of all that is said: spikes times how much more a spike says for its class than for the mean of all classes.
    pub weight: f64,
    /// The current from each place of the window, a step, mean over its windows.
    pub slots: Vec<f64>,
    /// The current that is there without a word.
    pub bias: f64,
    /// What a membrane has to pass.
    pub threshold: f32,
    /// The n-grams that drive it most.
    pub strongest: Vec<Heard>,
    /// How many times as often as all windows of its width its windows have a word of negation; nothing where no window has
    /// one, or the language is none whose words are known.
    pub negation: Option<f64>,
    /// The filter of its width that shares most windows with it, and the shared ones of all that either has.
    pub nearest: Option<(usize, f64)>,
    /// The number of the group of filters that say the same ([`ALIKE`]); nothing for one that is alone.
    pub group: Option<usize>,
}

impl Filter {
    /// Whether it never fired.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        self.spikes == 0
    }
}

/// All filters, by width and number.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Filters {
    /// Texts that were read.
    pub texts: u64,
    /// Texts without a known word, in which nothing fired.
    pub unknown: u64,
    /// The filters.
    pub filters: Vec<Filter>,
}

impl Filters {
    /// Of each pair of twins ([`TWINS`]) the one that says less, as (width, filter, its twin).
    #[must_use]
    pub fn redundant(&self) -> Vec<(usize, usize, usize)> {
        let of = |width: usize, filter: usize| {
            self.filters.iter().find(|other| (other.width, other.filter) == (width, filter)).expect("a filter")
        };
        let less = |own: &Filter| {
            let (twin, share) = own.nearest.filter(|_| !own.is_dead())?;
            let other = of(own.width, twin);
            let is_less = (own.weight, other.filter) < (other.weight, own.filter);
            (share >= TWINS && is_less).then_some((own.width, own.filter, twin))
        };
        self.filters.iter().filter_map(less).collect()
    }
}

/// What is counted of a filter.
#[derive(Debug)]
struct Counted {
    windows: u64,
    texts: u64,
    last_text: u64,
    spikes: u64,
    said: Vec<f64>,
    slots: Vec<f64>,
    negated: u64,
    heard: FxHashMap<Vec<u32>, (f64, u64)>,
}

/// Listens to texts, one after the other.
#[derive(Debug)]
pub struct Listening<'a> {
    explainer: Explainer<'a>,
    model: &'a Model,
    texts: u64,
    unknown: u64,
    counted: Vec<Counted>,
    /// Windows of each kernel, and those with a word of negation.
    windows: Vec<[u64; 2]>,
    /// Windows that two filters of a kernel share, `[F, F]` of each.
    shared: Vec<Vec<u64>>,
    negations: Vec<bool>,
}

impl<'a> Listening<'a> {
    /// Nothing heard yet.
    #[must_use]
    pub fn new(model: &'a Model) -> Self {
        let config = model.network().config();
        let shape = config.convolution();
        let counted =
            shape.widths.iter().flat_map(|&width| (0..shape.filters).map(move |_| width)).map(|width| Counted {
                windows: 0,
                texts: 0,
                last_text: u64::MAX,
                spikes: 0,
                said: vec![0.0; config.classes()],
                slots: vec![0.0; width],
                negated: 0,
                heard: FxHashMap::default(),
            });
        Self {
            explainer: Explainer::new(model),
            model,
            texts: 0,
            unknown: 0,
            counted: counted.collect(),
            windows: vec![[0; 2]; shape.widths.len()],
            shared: vec![vec![0; shape.filters * shape.filters]; shape.widths.len()],
            negations: model.vocabulary().words().map(|word| is_negation(model.language(), word)).collect(),
        }
    }

    /// Listens to one more text.
    pub fn hear(&mut self, text: &str) {
        self.texts += 1;
        let Some(found) = self.explainer.explain(text) else {
            self.unknown += 1;
            return;
        };
        let (network, noise) = (self.model.network(), self.model.noise());
        let config = network.config();
        let shape = config.convolution();
        let (batch, currents) = token_currents(network, noise, &found.ids);
        let (rows, columns, steps) = (batch.text(0), shape.products(), config.steps as f64);
        let negated = |window: &[u32]| window.iter().any(|&id| self.negations.get(id as usize).is_some_and(|&is| is));
        for (kernel, &width) in shape.widths.iter().enumerate() {
            for start in 0..batch.positions(0, width) {
                let window = &found.ids[start.min(found.ids.len())..(start + width).min(found.ids.len())];
                self.windows[kernel][0] += 1;
                self.windows[kernel][1] += u64::from(negated(window));
            }
        }
        for ngram in &found.ngrams {
            let (width, filters) = (shape.widths[ngram.kernel], shape.filters);
            let window = &found.ids[ngram.start..ngram.end];
            let is_negated = negated(window);
            let shared = &mut self.shared[ngram.kernel];
            for part in &ngram.filters {
                let own = &mut self.counted[ngram.kernel * filters + part.filter];
                own.windows += 1;
                own.spikes += u64::from(part.spikes);
                own.negated += u64::from(is_negated);
                if own.last_text != self.texts {
                    own.last_text = self.texts;
                    own.texts += 1;
                }
                own.said.iter_mut().zip(&part.parts).for_each(|(sum, part)| *sum += part);
                let mut all = f64::from(network.weights().layers[0].bias[ngram.kernel * filters + part.filter]);
                for tap in 0..width.min(window.len()) {
                    let row = rows[ngram.start + tap];
                    if row != spiketext_kernels::SILENT {
                        let at = row as usize * columns + column(shape, ngram.kernel, tap) + part.filter;
                        own.slots[tap] += currents[at] / steps;
                        all += currents[at] / steps;
                    }
                }
                own.heard.entry(window.to_vec()).or_insert((all, 0)).1 += 1;
                if own.heard.len() >= 2 * KEPT {
                    // The strongest stay: one that is told in the end was never forgotten.
                    let mut all: Vec<f64> = own.heard.values().map(|heard| heard.0).collect();
                    all.sort_by(|a, b| b.total_cmp(a));
                    let least = all[KEPT - 1];
                    own.heard.retain(|_, heard| heard.0 >= least);
                }
                for other in &ngram.filters {
                    shared[part.filter * filters + other.filter] += 1;
                }
            }
        }
    }

    /// What was heard.
    #[must_use]
    pub fn finish(self) -> Filters {
        let network = self.model.network();
        let shape = network.config().convolution();
        let (_, neuron) = network.config().chain.text_convolution();
        let filters = shape.filters;
        let mut all: Vec<Filter> = Vec::with_capacity(self.counted.len());
        for (at, own) in self.counted.into_iter().enumerate() {
            let (kernel, filter) = (at / filters, at % filters);
            let [windows, negated] = self.windows[kernel];
            let of_spikes = |sum: f64| if own.spikes > 0 { sum / own.spikes as f64 } else { 0.0 };
            let says: Vec<f64> = own.said.iter().map(|&said| of_spikes(said)).collect();
            let votes = argmax(&says);
            let mean = says.iter().sum::<f64>() / says.len() as f64;
            let base = negated as f64 / windows.max(1) as f64;
            let share = own.negated as f64 / own.windows.max(1) as f64;
            let shared = &self.shared[kernel];
            let counts = |other: usize| shared[other * filters + other];
            let overlap = |other: usize| {
                let common = shared[filter * filters + other];
                common as f64 / (counts(filter) + counts(other) - common).max(1) as f64
            };
            let nearest = (0..filters).filter(|&other| other != filter && shared[filter * filters + other] > 0);
            let nearest =
                nearest.map(|other| (other, overlap(other))).max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)));
            all.push(Filter {
                width: shape.widths[kernel],
                filter,
                rate: own.windows as f64 / windows.max(1) as f64,
                texts: own.texts,
                spikes: own.spikes,
                votes,
                weight: own.spikes as f64 * (says[votes] - mean),
                says,
                slots: own.slots.iter().map(|sum| sum / own.windows.max(1) as f64).collect(),
                bias: f64::from(network.weights().layers[0].bias[at]),
                threshold: neuron.threshold,
                strongest: strongest(self.model, own.heard),
                negation: (base > 0.0 && own.windows > 0).then(|| share / base),
                nearest,
                group: None,
            });
        }
        group(&mut all, &self.shared, filters);
        Filters { texts: self.texts, unknown: self.unknown, filters: all }
    }
}

fn strongest(model: &Model, heard: FxHashMap<Vec<u32>, (f64, u64)>) -> Vec<Heard> {
    let mut all: Vec<(Vec<u32>, (f64, u64))> = heard.into_iter().collect();
    all.sort_by(|a, b| b.1.0.total_cmp(&a.1.0).then_with(|| a.0.cmp(&b.0)));
    let word = |&id: &u32| model.vocabulary().word(id).unwrap_or("?").to_owned();
    let told = all.into_iter().take(TOLD);
    told.map(|(ids, (current, times))| Heard { words: ids.iter().map(word).collect(), current, times }).collect()
}

/// Numbers the groups of filters that are joined by pairs that are [`ALIKE`] and speak for the same class.
fn group(all: &mut [Filter], shared: &[Vec<u64>], filters: usize) {
    let mut group_of: Vec<usize> = (0..all.len()).collect();
    for (kernel, shared) in shared.iter().enumerate() {
        for a in 0..filters {
            for b in a + 1..filters {
                let common = shared[a * filters + b];
                let either = shared[a * filters + a] + shared[b * filters + b] - common;
                let (a, b) = (kernel * filters + a, kernel * filters + b);
                if common > 0 && common as f64 >= ALIKE * either as f64 && all[a].votes == all[b].votes {
                    let (keep, give) = (group_of[a].min(group_of[b]), group_of[a].max(group_of[b]));
                    group_of.iter_mut().filter(|group| **group == give).for_each(|group| *group = keep);
                }
            }
        }
    }
    let mut number = 0;
    for first in 0..all.len() {
        let members: Vec<usize> = (first..all.len()).filter(|&at| group_of[at] == first).collect();
        if members.len() > 1 && group_of[first] == first {
            members.into_iter().for_each(|at| all[at].group = Some(number));
            number += 1;
        }
    }
}

/// Whether a word negates, in languages whose words are known here.
fn is_negation(language: Language, word: &str) -> bool {
    const ENGLISH: [&str; 14] = [
        "not", "no", "never", "nor", "neither", "nothing", "none", "nobody", "nowhere", "without", "cannot",
        "hardly", "barely", "n't",
    ];
    match language.name() {
        "en" => ENGLISH.contains(&word) || word.ends_with("n't"),
        "zh" => word.starts_with(['不', '没', '無', '无', '未', '别']),
        _ => false,
    }
}
