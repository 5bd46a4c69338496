//! The real-valued network beside a [`Model`] under questions.

use super::{Scorer, Substitution, substitution::gains};
use crate::{dnn::Dnn, engine, model::Model, target::Target, text::EncodingCache};

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
        let known = |words: &[u32]| engine::known_words(self.model.network().config(), words) > 0;
        let scores = scores.chunks_exact(self.labels().len());
        let answer = |(words, scores): (&Vec<u32>, &[f32])| {
            if known(words) { self.model.real_valued_probabilities(scores) } else { self.model.priors().to_vec() }
        };
        words.iter().zip(scores).map(answer).collect()
    }

    fn first_order(&mut self, text: &str, target: &Target, substitutions: &[Substitution]) -> Option<Vec<f32>> {
        gains(self.model, text, substitutions, |words, placed| self.dnn.first_order(words, target, placed))
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use super::{
        super::{ModelScorer, NoisePolicy},
        *,
    };
    use crate::{encode::Encoder, model::tests::model_with, network::Readout};

    #[test]
    fn both_networks_tell_what_substitutions_would_do() {
        let model = model_with(Readout::Membrane, Encoder::Bernoulli);
        let dnn = crate::dnn::tests::dnn(
            model.network().config().clone(),
            spiketext_kernels::text_convolution::Pooling::Average,
        );
        let text = "the dull film";
        let substitution = |to: &str| Substitution { span: 4..8, to: to.to_owned() };
        let substitutions =
            [substitution("dull"), substitution("bright"), substitution("unheard"), substitution("good")];
        let tell =
            |scorer: &mut dyn Scorer| scorer.first_order(text, &Target::of(0), &substitutions).expect("an open box");
        let mean = NoisePolicy::Mean(NonZeroUsize::new(3).expect("draws"));
        for policy in [NoisePolicy::Fixed, NoisePolicy::Fresh, mean] {
            let gains = tell(&mut ModelScorer::new(&model, policy, 7));
            assert_eq!((gains[0], gains[2]), (0.0, f32::NEG_INFINITY), "{policy:?}");
            assert_ne!(gains[1], gains[3], "{policy:?}");
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
}
