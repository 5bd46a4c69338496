//! How well an order of a text's words says what the model goes by: measured on the model, beside orders without reason.
//!
//! After ERASER (DeYoung et al. 2020, section 5): *comprehensiveness* is by how much the probability of the label falls without
//! the first words of the order, *sufficiency* by how much it falls when they stand alone; both are means over several shares of
//! the words. Good reasons have a high one and a low other. The deletion curve is the probability of the label as more and more
//! words go, the first of the order first.

use serde::Serialize;

use super::{Explainer, Explanation};
use crate::{
    engine,
    seed::{Purpose, shuffle, stream},
    target::Target,
    text::UNKNOWN,
};

/// Shares of the words for comprehensiveness and sufficiency, as in ERASER.
pub const SHARES: [f64; 5] = [0.01, 0.05, 0.1, 0.2, 0.5];
/// Points of a deletion curve after the whole text: tenths of the words.
pub const TENTHS: usize = 10;

/// Where an order of words comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ranking {
    /// What words said ([`Explanation::words`]).
    Parts,
    /// What is lost without each word, which asks the network once a word.
    Deletion,
    /// To first order, what silencing each word would do: gradients with surrogate derivatives, times the input.
    Gradient,
    /// None: the words as they come out of a hat.
    Random,
}

impl Ranking {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Parts, Self::Deletion, Self::Gradient, Self::Random];
}

/// A mean over texts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Mean {
    /// The mean.
    pub mean: f64,
    /// Its standard error.
    pub error: f64,
}

impl Mean {
    fn of(values: &[f64]) -> Self {
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let squares = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
        Self { mean, error: if values.len() > 1 { (squares / (count - 1.0) / count).sqrt() } else { 0.0 } }
    }
}

/// How faithful an order is.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Faithfulness {
    /// Where it comes from.
    pub ranking: Ranking,
    /// Texts that were measured.
    pub texts: usize,
    /// Probability of the label that is lost without the first words.
    pub comprehensiveness: Mean,
    /// Probability of the label that is lost with the first words alone.
    pub sufficiency: Mean,
    /// Comprehensiveness less that of the random order, text by text; nothing for that order itself.
    pub above_random: Option<Mean>,
    /// The mean probability of the label without the first 0, 1, ... 10 tenths of the words.
    pub curve: Vec<f64>,
}

/// What was measured of one order.
#[derive(Debug, Default)]
struct Measured {
    comprehensiveness: Vec<f64>,
    sufficiency: Vec<f64>,
    curve: Vec<f64>,
}

/// Measures orders of words, text by text.
#[derive(Debug)]
pub struct Examination<'a> {
    explainer: Explainer<'a>,
    seed: u64,
    texts: u64,
    left_out: usize,
    measured: Vec<(Ranking, Measured)>,
    correlations: Vec<f64>,
    fewest: Vec<f64>,
}

/// What came of an examination.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Examined {
    /// Texts that were measured.
    pub texts: usize,
    /// Texts with fewer than two known words, which have no order.
    pub left_out: usize,
    /// The mean over texts of the correlation between what words said and what is lost without them; nothing where there is none.
    pub correlation: Option<Mean>,
    /// The mean share of the known words that keep the label alone, of the fewest that were found; nothing for several labels.
    pub fewest: Option<Mean>,
    /// The orders.
    pub rankings: Vec<Faithfulness>,
}

impl<'a> Examination<'a> {
    /// An examination that has seen no text; random orders come from `seed`.
    #[must_use]
    pub fn new(explainer: Explainer<'a>, seed: u64) -> Self {
        let with_gradient = explainer.model.network().text_cnn().is_some();
        let rankings = Ranking::ALL.into_iter().filter(|&ranking| with_gradient || ranking != Ranking::Gradient);
        let measured = rankings.map(|ranking| (ranking, Measured::default())).collect();
        Self { explainer, seed, texts: 0, left_out: 0, measured, correlations: Vec::new(), fewest: Vec::new() }
    }

    /// Measures all orders on one more text.
    pub fn add(&mut self, text: &str) {
        self.texts += 1;
        let found = self.explainer.explain(text);
        let known = |found: &Explanation| found.tokens.iter().filter(|token| token.known).count();
        let Some(found) = found.filter(|found| known(found) > 1) else {
            self.left_out += 1;
            return;
        };
        let deletion = self.explainer.delete(&found);
        self.correlations.extend(deletion.correlation);
        self.fewest.extend(deletion.fewest.map(|fewest| fewest.words.len() as f64 / known(&found) as f64));
        for at in 0..self.measured.len() {
            let worth: Vec<f64> = match self.measured[at].0 {
                Ranking::Parts => found.pushes(),
                Ranking::Deletion => {
                    let worth = |drop: &Option<Vec<f64>>| {
                        drop.as_ref().map_or(f64::INFINITY, |drop| found.push(drop, found.label, found.runner_up))
                    };
                    deletion.drops.iter().map(worth).collect()
                }
                Ranking::Gradient => self.gradients(&found),
                Ranking::Random => {
                    let mut order: Vec<usize> = (0..found.tokens.len()).collect();
                    shuffle(&mut stream(self.seed, Purpose::Explanation, self.texts, 0), &mut order);
                    order.into_iter().map(|rank| rank as f64).collect()
                }
            };
            let mut order: Vec<usize> = (0..worth.len()).filter(|&at| found.tokens[at].known).collect();
            order.sort_by(|&a, &b| worth[b].total_cmp(&worth[a]).then(a.cmp(&b)));
            self.measure(at, &found, &order);
        }
    }

    /// To first order, by how much the loss of the label grows when each word falls silent.
    fn gradients(&self, found: &Explanation) -> Vec<f64> {
        let (network, noise) = (self.explainer.model.network(), self.explainer.model.noise());
        let target = match &found.labels {
            Some(labels) => Target::several(labels.iter().copied()),
            None => Target::of(found.label),
        };
        let silenced: Vec<(usize, u32)> = (0..found.ids.len()).map(|at| (at, UNKNOWN)).collect();
        let gains = engine::first_order(network, noise, &found.ids, &target, &silenced);
        gains.map_or_else(|| vec![0.0; found.ids.len()], |gains| gains.into_iter().map(f64::from).collect())
    }

    fn measure(&mut self, at: usize, found: &Explanation, order: &[usize]) {
        let first = |share: f64| ((share * order.len() as f64).ceil() as usize).clamp(1, order.len());
        let cuts: Vec<usize> = SHARES.iter().map(|&share| first(share)).collect();
        let taken = |count: usize, stays: bool| -> Vec<u32> {
            let chosen = &order[..count];
            let ids = found.ids.iter().enumerate();
            ids.filter(|(place, _)| chosen.contains(place) == stays).map(|(_, &id)| id).collect()
        };
        let mut texts: Vec<Vec<u32>> = cuts.iter().map(|&count| taken(count, false)).collect();
        texts.extend(cuts.iter().map(|&count| taken(count, true)));
        texts.extend((1..=TENTHS).map(|tenth| taken((tenth * order.len()).div_ceil(TENTHS), false)));
        let model = self.explainer.model;
        let probabilities: Vec<f64> = self
            .explainer
            .scores(&texts)
            .into_iter()
            .map(|scores| {
                let priors = model.priors()[found.label];
                f64::from(scores.map_or(priors, |scores| model.probabilities(&scores)[found.label]))
            })
            .collect();
        let whole = f64::from(found.probabilities[found.label]);
        let lost = |probabilities: &[f64]| {
            probabilities.iter().map(|probability| whole - probability).sum::<f64>() / SHARES.len() as f64
        };
        let (without, rest) = probabilities.split_at(SHARES.len());
        let (alone, curve) = rest.split_at(SHARES.len());
        let own = &mut self.measured[at].1;
        own.comprehensiveness.push(lost(without));
        own.sufficiency.push(lost(alone));
        own.curve.resize(TENTHS + 1, 0.0);
        own.curve[0] += whole;
        own.curve[1..].iter_mut().zip(curve).for_each(|(sum, probability)| *sum += probability);
    }

    /// The means.
    #[must_use]
    pub fn finish(self) -> Examined {
        let texts = self.texts as usize - self.left_out;
        let mean = |values: &[f64]| (!values.is_empty()).then(|| Mean::of(values));
        let random = self.measured.iter().find(|(ranking, _)| *ranking == Ranking::Random);
        let above = |own: &Measured| {
            let random = random.map(|(_, random)| &random.comprehensiveness)?;
            let above: Vec<f64> =
                own.comprehensiveness.iter().zip(random).map(|(own, random)| own - random).collect();
            mean(&above)
        };
        let rankings = self.measured.iter().filter(|_| texts > 0).map(|(ranking, own)| Faithfulness {
            ranking: *ranking,
            texts,
            comprehensiveness: Mean::of(&own.comprehensiveness),
            sufficiency: Mean::of(&own.sufficiency),
            above_random: if *ranking == Ranking::Random { None } else { above(own) },
            curve: own.curve.iter().map(|sum| sum / texts as f64).collect(),
        });
        Examined {
            texts,
            left_out: self.left_out,
            correlation: mean(&self.correlations),
            fewest: mean(&self.fewest),
            rankings: rankings.collect(),
        }
    }
}
