//! The spiking network of a [`Model`] under questions.

use rayon::prelude::*;

use super::{NoisePolicy, Scorer, Substitution, noise::noise, substitution::gains};
use crate::{
    engine::{self, VariantRunner},
    model::Model,
    target::Target,
    text::EncodingCache,
};

/// A [`Model`] that is questioned. Answers are those of [`Model::predict_with`] with the same noise; questions about
/// texts that differ by a word or two are answered many times as fast, by a [`VariantRunner`] for each noise that
/// stays.
#[derive(Debug)]
pub struct ModelScorer<'a> {
    model: &'a Model,
    policy: NoisePolicy,
    seed: u64,
    examination: u64,
    asked: u64,
    cache: EncodingCache<'a>,
    /// One for each noise that is the same always.
    runners: Vec<VariantRunner<'a>>,
}

impl<'a> ModelScorer<'a> {
    /// A model whose noise follows `policy`, new noise from `seed`. Without a random encoder all policies are the
    /// same.
    #[must_use]
    pub fn new(model: &'a Model, policy: NoisePolicy, seed: u64) -> Self {
        let random = model.network().config().encoder.is_random();
        let policy = if random { policy } else { NoisePolicy::Fixed };
        let noises = policy.lasting(model, seed);
        let shares = noises.len();
        let runner = |noise| VariantRunner::with_share(model.network(), noise, shares);
        let runners = noises.into_iter().map(runner).collect();
        Self { model, policy, seed, examination: 0, asked: 0, cache: model.encoding_cache(), runners }
    }

    /// Probabilities for texts given as words: `scores` makes the scores of those with a known word, the others get
    /// the classes' shares in training.
    fn probabilities(
        model: &Model,
        words: &[Vec<u32>],
        scores: impl FnOnce(&[Vec<u32>]) -> Vec<f32>,
    ) -> Vec<Vec<f32>> {
        let is_known = |words: &Vec<u32>| engine::known_words(model.network().config(), words) > 0;
        let scores = if words.iter().all(is_known) {
            scores(words)
        } else {
            scores(&words.iter().filter(|words| is_known(words)).cloned().collect::<Vec<_>>())
        };
        let mut scores = scores.chunks_exact(model.labels().len());
        let answer = |words| if is_known(words) { scores.next() } else { None };
        words
            .iter()
            .map(answer)
            .map(|scores| scores.map_or_else(|| model.priors().to_vec(), |scores| model.probabilities(scores)))
            .collect()
    }
}

impl Scorer for ModelScorer<'_> {
    fn labels(&self) -> &[String] {
        self.model.labels()
    }

    fn begin(&mut self, examination: u64) {
        (self.examination, self.asked) = (examination, 0);
        self.runners.iter_mut().for_each(VariantRunner::forget);
    }

    fn score(&mut self, texts: &[String]) -> Vec<Vec<f32>> {
        let first = self.asked;
        self.asked += texts.len() as u64;
        let (model, words) = (self.model, self.cache.words_of_all(texts));
        match self.policy {
            NoisePolicy::Fixed => Self::probabilities(model, &words, |words| self.runners[0].scores(words)),
            NoisePolicy::Fresh => {
                let (seed, examination) = (self.seed, self.examination);
                let answer = |(i, words): (usize, &Vec<u32>)| {
                    let noise = noise(seed, examination, first + i as u64);
                    let run = |words: &[Vec<u32>]| engine::run(model.network(), noise, words).scores;
                    Self::probabilities(model, std::slice::from_ref(words), run)
                };
                words.par_iter().enumerate().flat_map_iter(answer).collect()
            }
            NoisePolicy::Mean(draws) => {
                let mut means = vec![vec![0.0; model.labels().len()]; texts.len()];
                let share = 1.0 / draws.get() as f32;
                for runner in &mut self.runners {
                    let answers = Self::probabilities(model, &words, |words| runner.scores(words));
                    for (mean, answer) in means.iter_mut().zip(answers) {
                        mean.iter_mut().zip(answer).for_each(|(mean, p)| *mean += share * p);
                    }
                }
                means
            }
        }
    }

    fn first_order(&mut self, text: &str, target: &Target, substitutions: &[Substitution]) -> Option<Vec<f32>> {
        let mut noises = self.policy.lasting(self.model, self.seed);
        if noises.is_empty() {
            noises.push(noise(self.seed, self.examination, self.asked));
            self.asked += 1;
        }
        let network = self.model.network();
        let mean = |words: &[u32], placed: &[(usize, u32)]| {
            let mut means = vec![0.0; placed.len()];
            for noise in &noises {
                let gains = engine::first_order(network, *noise, words, target, placed)?;
                means.iter_mut().zip(gains).for_each(|(mean, gain)| *mean += gain / noises.len() as f32);
            }
            Some(means)
        };
        gains(self.model, text, substitutions, mean)
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use super::{super::noise::MEANS, *};
    use crate::{
        encode::Encoder,
        model::{Prediction, tests::model_with},
        network::Readout,
    };

    fn model(encoder: Encoder) -> Model {
        model_with(Readout::Membrane, encoder)
    }

    fn mean(draws: usize) -> NoisePolicy {
        NoisePolicy::Mean(NonZeroUsize::new(draws).expect("draws"))
    }

    fn texts(model: &Model) -> Vec<String> {
        model.vocabulary().words().take(3).map(str::to_owned).collect()
    }

    #[test]
    fn noise_is_fixed_or_fresh_or_averaged() {
        let noisy = model(Encoder::Bernoulli);
        let texts = texts(&noisy);
        let ask = |policy, examination, before: usize| {
            let mut scorer = ModelScorer::new(&noisy, policy, 7);
            scorer.begin(examination);
            (0..before).for_each(|_| drop(scorer.score(&texts)));
            scorer.score(&texts)
        };
        for policy in [NoisePolicy::Fixed, mean(4)] {
            assert_eq!(ask(policy, 0, 0), ask(policy, 9, 3), "{policy:?}");
        }
        assert_eq!(ask(NoisePolicy::Fresh, 1, 2), ask(NoisePolicy::Fresh, 1, 2));
        assert_ne!(ask(NoisePolicy::Fresh, 1, 2), ask(NoisePolicy::Fresh, 1, 3));
        assert_ne!(ask(NoisePolicy::Fresh, 1, 2), ask(NoisePolicy::Fresh, 2, 2));
        for answer in ask(mean(4), 0, 0) {
            assert!((answer.iter().sum::<f32>() - 1.0).abs() < 1e-5);
        }
        let (predictions, _) = noisy.predict(&texts);
        let plain: Vec<Vec<f32>> = predictions.into_iter().map(|prediction| prediction.probabilities).collect();
        assert_eq!(ask(NoisePolicy::Fixed, 3, 1), plain);
    }

    /// Whatever was asked before, answers are those of whole texts with the same noise, to the bit.
    #[test]
    fn variants_are_answered_as_whole_texts_are() {
        let plain = |predictions: Vec<Prediction>| -> Vec<Vec<f32>> {
            predictions.into_iter().map(|prediction| prediction.probabilities).collect()
        };
        for readout in [Readout::SpikeCount, Readout::Membrane] {
            for encoder in Encoder::ALL {
                let model = model_with(readout, encoder);
                let (mut fixed, mut averaged) =
                    (ModelScorer::new(&model, NoisePolicy::Fixed, 7), ModelScorer::new(&model, mean(3), 7));
                for (examination, text) in
                    ["the film is not very good . no.", "Dull!", "zzz story, end"].iter().enumerate()
                {
                    fixed.begin(examination as u64);
                    averaged.begin(examination as u64);
                    let words: Vec<&str> = text.split(' ').collect();
                    for at in 0..words.len() {
                        let with = |word: &str| {
                            let mut words = words.clone();
                            words[at] = word;
                            words.join(" ")
                        };
                        // One text has no known word, one no word at all.
                        let mut texts: Vec<String> = ["bright", "[UNK]", "", "5", "the story"].map(with).to_vec();
                        texts.extend([String::new(), "xyz".into(), (*text).to_owned()]);
                        assert_eq!(fixed.score(&texts), plain(model.predict(&texts).0), "{readout:?} {encoder:?}");
                        let mut want = vec![vec![0.0; 3]; texts.len()];
                        for draw in 0..3 {
                            let answers = plain(model.predict_with(noise(7, MEANS, draw), &texts).0);
                            for (want, answer) in want.iter_mut().flatten().zip(answers.iter().flatten()) {
                                *want += 1.0 / 3.0 * answer;
                            }
                        }
                        let want = if encoder.is_random() { want } else { plain(model.predict(&texts).0) };
                        assert_eq!(averaged.score(&texts), want, "{readout:?} {encoder:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn fresh_noise_is_that_of_the_question() {
        let model = model(Encoder::Bernoulli);
        let texts: Vec<String> = ["the film", "zzz", "", "the film"].map(str::to_owned).to_vec();
        let mut scorer = ModelScorer::new(&model, NoisePolicy::Fresh, 7);
        scorer.begin(5);
        let _ = scorer.score(&texts);
        for (i, answer) in scorer.score(&texts).into_iter().enumerate() {
            let (predictions, _) = model.predict_with(noise(7, 5, (texts.len() + i) as u64), &texts[i..=i]);
            assert_eq!(answer, predictions[0].probabilities);
        }
    }

    #[test]
    fn a_model_without_noise_answers_the_same_whatever_is_drawn() {
        let still = model(Encoder::Regular);
        let texts = texts(&still);
        let ask = |policy| ModelScorer::new(&still, policy, 7).score(&texts);
        assert_eq!(ask(NoisePolicy::Fixed), ask(NoisePolicy::Fresh));
        assert_eq!(ask(NoisePolicy::Fixed), ask(mean(3)));
        assert_eq!(crate::score::votes(&still, 7, &texts[0], 9).iter().sum::<usize>(), 1);
    }
}
