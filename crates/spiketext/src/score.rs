//! Texts to probabilities: all that an examiner from outside, an attack say, sees of a classifier.

use rayon::prelude::*;

use crate::{
    dnn::Dnn,
    encode::Noise,
    engine::{self, VariantRunner},
    loss::softmax,
    model::{Exchange, Model, largest},
    seed::Purpose,
    text::EncodingCache,
};

/// A classifier that can be questioned.
pub trait Scorer: Send {
    /// The names of its classes.
    fn labels(&self) -> &[String];

    /// A new examination begins, by its number. Answers may depend on that number and on the questions asked since then,
    /// and on nothing else, so that examinations can go on side by side.
    fn begin(&mut self, examination: u64);

    /// A probability for each class, for each text.
    fn score(&mut self, texts: &[String]) -> Vec<Vec<f32>>;

    /// To first order, by how much the loss of a text with class `label` would grow with each exchange of a word, negative infinity
    /// where that cannot be told. Nothing from a classifier that does not show its inside.
    fn first_order(&mut self, text: &str, label: usize, exchanges: &[Exchange]) -> Option<Vec<f32>> {
        let _ = (text, label, exchanges);
        None
    }
}

/// Where a model with a random encoder takes its noise from, when the same text may be asked for again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Draw {
    /// The same noise always: the model as it is delivered.
    Fixed,
    /// New noise for each text of each question, as in the paper's code: an answer may be luck.
    Fresh,
    /// The mean of the probabilities over so many draws, the same ones always: what remains when luck is averaged out
    /// (expectation over transformation, Athalye et al. 2018).
    Mean(usize),
}

/// A [`Model`] that is questioned. Answers are those of [`Model::predict_with`] with the same noise; questions about texts that
/// differ by a word or two are answered many times as fast, by a [`VariantRunner`] for each noise that stays.
#[derive(Debug)]
pub struct ModelScorer<'a> {
    model: &'a Model,
    draw: Draw,
    seed: u64,
    examination: u64,
    asked: u64,
    cache: EncodingCache<'a>,
    /// One for each noise that is the same always.
    runners: Vec<VariantRunner<'a>>,
}

impl<'a> ModelScorer<'a> {
    /// A model whose noise comes from `draw`, new noise from `seed`. Without a random encoder all ways of drawing are the
    /// same.
    #[must_use]
    pub fn new(model: &'a Model, draw: Draw, seed: u64) -> Self {
        let random = model.network().specification().encoder.is_random();
        let draw = if random { draw } else { Draw::Fixed };
        let noises = match draw {
            Draw::Fixed => vec![model.noise()],
            Draw::Fresh => Vec::new(),
            Draw::Mean(draws) => (0..draws as u64).map(|draw| noise(seed, MEANS, draw)).collect(),
        };
        let shares = noises.len();
        let runner = |noise| VariantRunner::with_share(model.network(), noise, shares);
        let runners = noises.into_iter().map(runner).collect();
        Self { model, draw, seed, examination: 0, asked: 0, cache: model.encoding_cache(), runners }
    }

    /// Probabilities for texts given as words: `scores` makes the scores of those with a known word, the others get the
    /// classes' shares in training.
    fn probabilities(
        model: &Model,
        words: &[Vec<u32>],
        scores: impl FnOnce(&[Vec<u32>]) -> Vec<f32>,
    ) -> Vec<Vec<f32>> {
        let is_known = |words: &Vec<u32>| engine::known_words(model.network().specification(), words) > 0;
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

/// The streams of noise of those who judge and of the means: numbers that no examination has.
const JUDGES: u64 = u64::MAX;
const MEANS: u64 = u64::MAX - 1;

/// How many of `draws` draws of noise, which no question to a [`ModelScorer`] of this seed has met, leave each class the most
/// probable one. Without a random encoder there is one answer and one vote.
#[must_use]
pub fn votes(model: &Model, seed: u64, text: &str, draws: usize) -> Vec<usize> {
    let mut votes = vec![0; model.labels().len()];
    let draws = if model.network().specification().encoder.is_random() { draws } else { draws.min(1) };
    let label = |draw: usize| {
        let (predictions, _) = model.predict_with(noise(seed, JUDGES, draw as u64), &[text]);
        predictions.first().map_or(0, |prediction| largest(&prediction.probabilities))
    };
    let labels: Vec<usize> = (0..draws).into_par_iter().map(label).collect();
    labels.into_iter().for_each(|label| votes[label] += 1);
    votes
}

fn noise(seed: u64, stream: u64, round: u64) -> Noise {
    let seed = seed ^ stream.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    // Round 0 is that of ordinary inference.
    Noise { seed, purpose: Purpose::InferenceSpikes, round: round + 1 }
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
        match self.draw {
            Draw::Fixed => Self::probabilities(model, &words, |words| self.runners[0].scores(words)),
            Draw::Fresh => {
                let (seed, examination) = (self.seed, self.examination);
                let answer = |(i, words): (usize, &Vec<u32>)| {
                    let noise = noise(seed, examination, first + i as u64);
                    let run = |words: &[Vec<u32>]| engine::run(model.network(), noise, words).scores;
                    Self::probabilities(model, std::slice::from_ref(words), run)
                };
                words.par_iter().enumerate().flat_map_iter(answer).collect()
            }
            Draw::Mean(draws) => {
                let mut means = vec![vec![0.0; model.labels().len()]; texts.len()];
                let share = 1.0 / draws as f32;
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

    fn first_order(&mut self, text: &str, label: usize, exchanges: &[Exchange]) -> Option<Vec<f32>> {
        let noises: Vec<Noise> = match self.draw {
            Draw::Fixed => vec![self.model.noise()],
            Draw::Fresh => {
                self.asked += 1;
                vec![noise(self.seed, self.examination, self.asked - 1)]
            }
            Draw::Mean(draws) => (0..draws as u64).map(|draw| noise(self.seed, MEANS, draw)).collect(),
        };
        let network = self.model.network();
        let mean = |words: &[u32], placed: &[(usize, u32)]| {
            let mut means = vec![0.0; placed.len()];
            for noise in &noises {
                let gains = engine::first_order(network, *noise, words, label, placed);
                means.iter_mut().zip(gains).for_each(|(mean, gain)| *mean += gain / noises.len() as f32);
            }
            means
        };
        Some(gains(self.model, text, exchanges, mean))
    }
}

/// The real-valued network of a [`Model`] that is questioned.
#[derive(Debug)]
pub struct DnnScorer<'a> {
    model: &'a Model,
    dnn: &'a Dnn,
    cache: EncodingCache<'a>,
}

impl<'a> DnnScorer<'a> {
    /// The network `dnn`, which reads texts as `model` does.
    #[must_use]
    pub fn new(model: &'a Model, dnn: &'a Dnn) -> Self {
        Self { model, dnn, cache: model.encoding_cache() }
    }
}

impl Scorer for DnnScorer<'_> {
    fn labels(&self) -> &[String] {
        self.model.labels()
    }

    fn begin(&mut self, _: u64) {}

    fn score(&mut self, texts: &[String]) -> Vec<Vec<f32>> {
        let words = self.cache.words_of_all(texts);
        let scores = self.dnn.scores(&words);
        // Without a known word there is nothing to go by, as for the spiking network.
        let known = |words: &[u32]| engine::known_words(self.model.network().specification(), words) > 0;
        let scores = scores.chunks_exact(self.labels().len());
        let answer = |(words, scores): (&Vec<u32>, &[f32])| {
            if known(words) { softmax(scores, 1.0) } else { self.model.priors().to_vec() }
        };
        words.iter().zip(scores).map(answer).collect()
    }

    fn first_order(&mut self, text: &str, label: usize, exchanges: &[Exchange]) -> Option<Vec<f32>> {
        Some(gains(self.model, text, exchanges, |words, placed| self.dnn.first_order(words, label, placed)))
    }
}

/// The gains of exchanges that a network tells of those that concern its tokens.
fn gains(
    model: &Model,
    text: &str,
    exchanges: &[Exchange],
    of: impl FnOnce(&[u32], &[(usize, u32)]) -> Vec<f32>,
) -> Vec<f32> {
    let (words, placed) = model.placed(text, exchanges);
    let told: Vec<(usize, u32)> = placed.iter().flatten().copied().collect();
    let mut gains = if told.is_empty() { Vec::new() } else { of(&words, &told) }.into_iter();
    placed.iter().map(|placed| placed.and_then(|_| gains.next()).unwrap_or(f32::NEG_INFINITY)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        encode::Encoder,
        model::{Prediction, tests::model_with},
        network::Readout,
    };

    fn model(encoder: Encoder) -> Model {
        model_with(Readout::Membrane, encoder)
    }

    fn texts(model: &Model) -> Vec<String> {
        model.vocabulary().words().take(3).map(str::to_owned).collect()
    }

    #[test]
    fn noise_is_fixed_or_fresh_or_averaged() {
        let noisy = model(Encoder::Bernoulli);
        let texts = texts(&noisy);
        let ask = |draw, examination, before: usize| {
            let mut scorer = ModelScorer::new(&noisy, draw, 7);
            scorer.begin(examination);
            (0..before).for_each(|_| drop(scorer.score(&texts)));
            scorer.score(&texts)
        };
        for draw in [Draw::Fixed, Draw::Mean(4)] {
            assert_eq!(ask(draw, 0, 0), ask(draw, 9, 3), "{draw:?}");
        }
        assert_eq!(ask(Draw::Fresh, 1, 2), ask(Draw::Fresh, 1, 2));
        assert_ne!(ask(Draw::Fresh, 1, 2), ask(Draw::Fresh, 1, 3));
        assert_ne!(ask(Draw::Fresh, 1, 2), ask(Draw::Fresh, 2, 2));
        for answer in ask(Draw::Mean(4), 0, 0) {
            assert!((answer.iter().sum::<f32>() - 1.0).abs() < 1e-5);
        }
        let (predictions, _) = noisy.predict(&texts);
        let plain: Vec<Vec<f32>> = predictions.into_iter().map(|prediction| prediction.probabilities).collect();
        assert_eq!(ask(Draw::Fixed, 3, 1), plain);
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
                let (mut fixed, mut mean) =
                    (ModelScorer::new(&model, Draw::Fixed, 7), ModelScorer::new(&model, Draw::Mean(3), 7));
                for (examination, text) in
                    ["the film is not very good . no.", "Dull!", "zzz story, end"].iter().enumerate()
                {
                    fixed.begin(examination as u64);
                    mean.begin(examination as u64);
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
                        assert_eq!(mean.score(&texts), want, "{readout:?} {encoder:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn fresh_noise_is_that_of_the_question() {
        let model = model(Encoder::Bernoulli);
        let texts: Vec<String> = ["the film", "zzz", "", "the film"].map(str::to_owned).to_vec();
        let mut scorer = ModelScorer::new(&model, Draw::Fresh, 7);
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
        let ask = |draw| ModelScorer::new(&still, draw, 7).score(&texts);
        assert_eq!(ask(Draw::Fixed), ask(Draw::Fresh));
        assert_eq!(ask(Draw::Fixed), ask(Draw::Mean(3)));
        assert_eq!(votes(&still, 7, &texts[0], 9).iter().sum::<usize>(), 1);
    }

    #[test]
    fn both_networks_tell_what_exchanges_would_do() {
        let model = model(Encoder::Bernoulli);
        let dnn = crate::dnn::tests::dnn(
            model.network().specification().clone(),
            spiketext_kernels::text_convolution::Pooling::Average,
        );
        let text = "the dull film";
        let exchange = |to: &str| Exchange { span: 4..8, to: to.to_owned() };
        let exchanges = [exchange("dull"), exchange("bright"), exchange("unheard"), exchange("good")];
        let tell = |scorer: &mut dyn Scorer| scorer.first_order(text, 0, &exchanges).expect("an open box");
        for draw in [Draw::Fixed, Draw::Fresh, Draw::Mean(3)] {
            let gains = tell(&mut ModelScorer::new(&model, draw, 7));
            assert_eq!((gains[0], gains[2]), (0.0, f32::NEG_INFINITY), "{draw:?}");
            assert_ne!(gains[1], gains[3], "{draw:?}");
        }
        let mut scorer = DnnScorer::new(&model, &dnn);
        let gains = tell(&mut scorer);
        assert_eq!((gains[0], gains[2]), (0.0, f32::NEG_INFINITY));
        assert_ne!(gains[1], gains[3]);
        let answers = scorer.score(&["the dull film".into(), "zzz".into(), String::new()]);
        assert!((answers[0].iter().sum::<f32>() - 1.0).abs() < 1e-5);
        assert_eq!(answers[1..], [model.priors().to_vec(), model.priors().to_vec()]);
        assert_eq!(scorer.labels(), model.labels());
    }

    #[test]
    fn judges_draw_for_themselves() {
        let noisy = model(Encoder::Bernoulli);
        let judge = || votes(&noisy, 7, &texts(&noisy)[0], 9);
        assert_eq!(judge().iter().sum::<usize>(), 9);
        assert_eq!(judge(), judge());
    }
}
