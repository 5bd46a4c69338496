//! A finished classifier: text in, label out; kept in a directory that explains itself.
//!
//! `directory` reads and writes it, `embedded` makes one image of bytes of it, `checksums` tell a damaged file, `report` is what it tells of its training, `card`
//! writes its page for people, `texts` is what it keeps of the texts it has seen; `abstention` is when it had better
//! not answer; `changed` runs it otherwise than it was trained.

mod abstention;
mod card;
mod changed;
mod checksums;
mod directory;
mod embedded;
mod report;
mod tensors;
mod texts;

use std::{path::Path, sync::Arc};

use rayon::prelude::*;
use rustc_hash::FxHashSet;
use serde::Serialize;

pub use abstention::Abstention;
pub use changed::Changes;
pub use directory::{CONFIG, MODEL_CARD, VOCABULARY, WEIGHTS};
pub use embedded::EmbeddedModel;
pub use report::{Accuracies, Adversarial, Choices, ClassReport, ColumnNames, Costs, Teacher, Training};
pub use texts::{SeenTexts, TEXTS};

use crate::{
    Error, Result,
    dnn::Dnn,
    encode::Noise,
    engine::{self, Contributions, ExactOperations, Firing, Operations, Potentials, Run, Runner, Trace},
    loss::{sigmoid, softmax},
    network::{Network, Readout},
    slices::argmax,
    target::reached,
    text::{EncodingCache, FEW_TEXTS, Language, Tokenizer, Vocabulary},
};

/// A spiking text classifier.
#[derive(Clone, Debug)]
pub struct Model {
    language: Language,
    labels: Vec<String>,
    priors: Vec<f32>,
    seed: u64,
    vocabulary: Vocabulary,
    network: Network,
    /// From which probability on each class is answered, of a multi-label model.
    thresholds: Option<Vec<f32>>,
    training: Training,
    /// An error where its file is damaged.
    seen: Option<Arc<Result<SeenTexts>>>,
    tokenizer: &'static dyn Tokenizer,
}

/// What a model says of one text.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Prediction {
    /// The most probable class, as an index into [`Model::labels`].
    pub label: usize,
    /// The answer of a multi-label model: the classes whose probability reaches their threshold, the most probable
    /// first, maybe none. Of other models none.
    pub labels: Option<Vec<usize>>,
    /// A probability for each class; those of a multi-label model do not sum to 1.
    pub probabilities: Vec<f32>,
    /// Whether the text had no word that the model knows: then the probabilities are the classes' shares in training.
    pub unknown: bool,
    /// Tokens of the text.
    pub tokens: usize,
    /// Tokens that the model knows.
    pub known_tokens: usize,
    /// What the text cost; nothing was run for an unknown one.
    pub operations: Operations,
}

impl Model {
    /// Puts a model together. `priors` are the shares of the classes in training.
    ///
    /// # Errors
    /// If labels, priors, words and network do not fit together.
    pub fn new(
        language: Language,
        labels: Vec<String>,
        priors: Vec<f32>,
        seed: u64,
        vocabulary: Vocabulary,
        network: Network,
        training: Training,
    ) -> Result<Self> {
        let fit = |what: &str, expected: usize, got: usize| {
            if expected == got {
                Ok(())
            } else {
                Err(Error::invalid("model", format!("{expected} {what}"), got.to_string()))
            }
        };
        fit("labels", network.config().classes(), labels.len())?;
        fit("priors", labels.len(), priors.len())?;
        let mut names = FxHashSet::default();
        if let Some(label) = labels.iter().find(|label| label.is_empty() || !names.insert(label.as_str())) {
            return Err(Error::invalid("model", "labels with a name, each once", format!("{label:?} of {labels:?}")));
        }
        if !training.classes.is_empty() {
            fit("classes in the report", labels.len(), training.classes.len())?;
        }
        fit("words", network.words(), vocabulary.len())?;
        if !priors.iter().all(|prior| (0.0..=1.0).contains(prior)) {
            return Err(Error::invalid("model", "priors from 0 to 1", format!("{priors:?}")));
        }
        let tokenizer = language.tokenizer();
        Ok(Self {
            language,
            labels,
            priors,
            seed,
            vocabulary,
            network,
            thresholds: None,
            training,
            seen: None,
            tokenizer,
        })
    }

    /// The same as a multi-label model: each class is answered, or not, on its own, from the probability in
    /// `thresholds` on.
    ///
    /// # Errors
    /// If there is not a threshold from 0 to 1 for each class, or the network's outputs fire: their counts, which are
    /// never below 0, make no probability below 1/2.
    pub fn with_thresholds(mut self, thresholds: Vec<f32>) -> Result<Self> {
        let refuse = |expected: String, got: String| Err(Error::invalid("model", expected, got));
        if thresholds.len() != self.labels.len() {
            return refuse(format!("{} thresholds", self.labels.len()), thresholds.len().to_string());
        }
        if !thresholds.iter().all(|threshold| (0.0..=1.0).contains(threshold)) {
            return refuse("thresholds from 0 to 1".to_owned(), format!("{thresholds:?}"));
        }
        if self.network.config().readout() == Readout::SpikeCount {
            return refuse("the membrane read-out for several labels".to_owned(), "spike counts".to_owned());
        }
        self.thresholds = Some(thresholds);
        Ok(self)
    }

    /// The same model around another network, `what` says how that came about; nothing where it is the same network. Its report
    /// stays that of this model, and says so ([`Training::altered`]).
    ///
    /// # Errors
    /// If the network has other words or classes.
    pub fn with_network(&self, network: Network, what: Option<String>) -> Result<Self> {
        let mut training = self.training.clone();
        if let Some(what) = what {
            training.altered.push(what);
            // A run that is taken up again must not take this for its model.
            training.run = None;
        }
        let (labels, priors) = (self.labels.clone(), self.priors.clone());
        let made = Self::new(self.language, labels, priors, self.seed, self.vocabulary.clone(), network, training)?;
        let made = match &self.thresholds {
            Some(thresholds) => made.with_thresholds(thresholds.clone())?,
            None => made,
        };
        Ok(Self { seen: self.seen.clone(), ..made })
    }

    /// The same model, which knows the texts that it was made of.
    #[must_use]
    pub fn with_seen(self, seen: SeenTexts) -> Self {
        Self { seen: Some(Arc::new(Ok(seen))), ..self }
    }

    /// Reads a model directory.
    ///
    /// # Errors
    /// If a file is missing, damaged, of another version or does not fit the others; the message names it.
    pub fn load(folder: &Path) -> Result<Self> {
        directory::load(folder)
    }

    /// Writes a model directory, whole or not at all. A model directory that is there already is replaced; any other
    /// folder that holds something is left alone.
    ///
    /// # Errors
    /// If the system refuses, or `folder` holds something that is not a model.
    pub fn save(&self, folder: &Path) -> Result<()> {
        directory::save(self, None, folder)
    }

    /// [`Self::save`], with the DNN that the network was converted from in a file beside it.
    ///
    /// # Errors
    /// As [`Self::save`].
    pub fn save_with_dnn(&self, dnn: &Dnn, folder: &Path) -> Result<()> {
        directory::save(self, Some(dnn), folder)
    }

    /// Reads the DNN that `folder`, the model's own, keeps beside it.
    ///
    /// # Errors
    /// If there is none, or it is damaged or another model's.
    pub fn load_dnn(&self, folder: &Path) -> Result<Dnn> {
        directory::load_dnn(self, folder)
    }

    /// Whether [`Model::save`] would take `folder`, to find out before long work; true if it would replace a model.
    ///
    /// # Errors
    /// If `folder` is a file, or holds anything but the files of a model.
    pub fn check_target(folder: &Path) -> Result<bool> {
        directory::check_target(folder)
    }

    /// Takes away what processes that were killed while they saved to `folder` left beside it. [`Model::save`] does so,
    /// too.
    ///
    /// # Errors
    /// If a model that had stepped aside for another cannot be put back.
    pub fn remove_left_over(folder: &Path) -> Result<()> {
        directory::remove_left_over(folder)
    }

    /// The names of the classes.
    #[must_use]
    pub fn labels(&self) -> &[String] {
        &self.labels
    }

    /// The shares of the classes in training.
    #[must_use]
    pub fn priors(&self) -> &[f32] {
        &self.priors
    }

    /// From which probability on each class is answered, `[K]`, of a multi-label model; none for one that answers one
    /// class.
    #[must_use]
    pub fn thresholds(&self) -> Option<&[f32]> {
        self.thresholds.as_deref()
    }

    /// The language it reads.
    #[must_use]
    pub fn language(&self) -> Language {
        self.language
    }

    /// The words it knows.
    #[must_use]
    pub fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    /// The network inside.
    #[must_use]
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// How it came about.
    #[must_use]
    pub fn training(&self) -> &Training {
        &self.training
    }

    /// The texts that it was made of, as hashes; older models do not know them.
    ///
    /// # Errors
    /// If the file of the hashes is damaged or another model's.
    pub fn seen(&self) -> std::result::Result<Option<&SeenTexts>, &Error> {
        self.seen.as_deref().map(Result::as_ref).transpose()
    }

    /// Labels texts. One text's answer does not depend on the others.
    #[must_use]
    pub fn predict<S: AsRef<str> + Sync>(&self, texts: &[S]) -> (Vec<Prediction>, Firing) {
        self.predict_with(self.noise(), texts)
    }

    /// Labels texts with the noise that is given: what another run of the same model would have answered. Without a
    /// random encoder all noise is the same.
    #[must_use]
    pub fn predict_with<S: AsRef<str> + Sync>(&self, noise: Noise, texts: &[S]) -> (Vec<Prediction>, Firing) {
        self.predict_by(texts, |words| engine::run(&self.network, noise, words))
    }

    /// Labels texts by what `run` makes of those that have a known word.
    fn predict_by<S: AsRef<str> + Sync>(
        &self,
        texts: &[S],
        run: impl FnOnce(&[&[u32]]) -> Run,
    ) -> (Vec<Prediction>, Firing) {
        let words_of = |text: &S| self.word_ids(text.as_ref());
        let words: Vec<Vec<u32>> = match texts {
            few if few.len() < FEW_TEXTS => few.iter().map(words_of).collect(),
            many => many.par_iter().map(words_of).collect(),
        };
        let known: Vec<usize> = words.iter().map(|words| engine::known_words(self.network.config(), words)).collect();
        let run_on: Vec<&[u32]> =
            words.iter().zip(&known).filter(|&(_, &known)| known > 0).map(|(words, _)| &words[..]).collect();
        let run = run(&run_on);
        let mut results = run.scores.chunks_exact(self.labels.len()).zip(run.labels).zip(run.operations);
        let predictions = words
            .iter()
            .zip(known)
            .map(|(words, known_tokens)| {
                let answer = if known_tokens > 0 { results.next() } else { None };
                let unknown = answer.is_none();
                let (probabilities, label, operations) = match answer {
                    Some(((scores, label), operations)) => (self.probabilities(scores), label, operations),
                    None => (self.priors.clone(), argmax(&self.priors), Operations::default()),
                };
                let labels = self.thresholds.as_deref().map(|thresholds| reached(&probabilities, thresholds));
                Prediction { label, labels, probabilities, unknown, tokens: words.len(), known_tokens, operations }
            })
            .collect();
        (predictions, run.firing)
    }

    /// Labels one text and shows every spike, with the tokens that were read.
    #[must_use]
    pub fn trace(&self, text: &str) -> (Vec<String>, Trace, Contributions) {
        let (mut tokens, words) = self.words(text);
        tokens.truncate(self.network.config().padding.longest());
        let (_, trace, contributions) = engine::run_traced(&self.network, self.noise(), &words);
        (tokens, trace, contributions)
    }

    /// Labels one text and shows every spike, current and membrane, with the tokens that were read; nothing for a text without
    /// a known word, which is not run.
    #[must_use]
    pub fn watch(&self, text: &str) -> Option<(Vec<String>, Trace, Potentials)> {
        let (mut tokens, words) = self.words(text);
        tokens.truncate(self.network.config().padding.longest());
        if engine::known_words(self.network.config(), &words) == 0 {
            return None;
        }
        let (_, trace, potentials) = engine::run_watched(&self.network, self.noise(), &words);
        Some((tokens, trace, potentials))
    }

    /// Counts a text neuron by neuron, see [`ExactOperations`]: slow. Nothing for a text without a known word, which
    /// is not run, and where the network's inputs are no plain spikes.
    #[must_use]
    pub fn count_exactly(&self, text: &str) -> Option<ExactOperations> {
        let (_, words) = self.words(text);
        let known = engine::known_words(self.network.config(), &words);
        if known > 0 { ExactOperations::of(&self.network, self.noise(), &words) } else { None }
    }

    /// The text's tokens as the network reads them (a compound may be replaced by its parts), and their word ids:
    /// [`crate::text::UNKNOWN`] for unknown words.
    #[must_use]
    pub fn words(&self, text: &str) -> (Vec<String>, Vec<u32>) {
        let (mut tokens, mut words) = (Vec::new(), Vec::new());
        self.tokenizer.each_token(text, &mut |token| {
            let start = words.len();
            self.vocabulary.encode_token(token, &mut words);
            tokens.extend(words[start..].iter().map(|&id| self.vocabulary.word(id).unwrap_or(token).to_owned()));
        });
        (tokens, words)
    }

    /// The ids of the text's words alone.
    fn word_ids(&self, text: &str) -> Vec<u32> {
        let mut words = Vec::with_capacity(text.len() / 5);
        self.tokenizer.each_token(text, &mut |token| self.vocabulary.encode_token(token, &mut words));
        words
    }

    /// What finds word ids of texts that are much like texts before.
    pub(crate) fn encoding_cache(&self) -> EncodingCache<'_> {
        EncodingCache::new(self.tokenizer, &self.vocabulary)
    }

    /// The seed of its noise.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The noise of its ordinary inference.
    #[must_use]
    pub fn noise(&self) -> Noise {
        Noise::inference(self.seed)
    }

    /// Probabilities from scores of the DNN beside it.
    pub(crate) fn real_valued_probabilities(&self, scores: &[f32]) -> Vec<f32> {
        if self.thresholds.is_some() { sigmoid(scores, 1.0) } else { softmax(scores, 1.0) }
    }

    /// Probabilities from scores: softmax, of the mean spikes a step for the spike-count read-out as in the loss; a
    /// sigmoid a class where several may be right.
    pub(crate) fn probabilities(&self, scores: &[f32]) -> Vec<f32> {
        match self.thresholds {
            Some(_) => sigmoid(scores, 1.0),
            None => softmax(scores, self.network.config().score_scale()),
        }
    }
}

/// Labels one batch of texts after the other, faster than [`Model::predict`] from the second on: it keeps what it has
/// computed of the words it met last, in some tens of megabytes. Answers do not depend on what it has met before. It
/// owns its share of the model, so it can go to another thread and stay there.
#[derive(Debug)]
pub struct Session {
    model: Arc<Model>,
    runner: Runner,
}

impl Session {
    /// A session of a model, or of a share of one.
    #[must_use]
    pub fn new(model: impl Into<Arc<Model>>) -> Self {
        let model = model.into();
        let runner = Runner::new(&model.network, model.noise());
        Self { model, runner }
    }

    /// Labels texts, see [`Model::predict`].
    #[must_use]
    pub fn predict<S: AsRef<str> + Sync>(&mut self, texts: &[S]) -> (Vec<Prediction>, Firing) {
        let Self { model, runner } = self;
        model.predict_by(texts, |words| runner.run(&model.network, words))
    }

    /// The model whose session it is.
    #[must_use]
    pub fn model(&self) -> &Arc<Model> {
        &self.model
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::{encode::Encoder, engine::tests::network, network::Padding};

    /// A small model over ten words.
    pub(super) fn model(readout: Readout) -> Model {
        model_with(readout, Encoder::Bernoulli)
    }

    /// The same with another encoder.
    pub(crate) fn model_with(readout: Readout, encoder: Encoder) -> Model {
        model_of(network(readout, encoder, Padding::Valid))
    }

    /// A model around a network of ten words and three classes.
    pub(crate) fn model_of(network: Network) -> Model {
        let words = ["good", "bad", "film", "the", "not", "very", "dull", "bright", "story", "end"];
        let accuracies = Accuracies { dnn: 81.0, converted: 80.0, snn: 80.5 };
        let layer = engine::LayerExtremes { neurons: 18, dead: 1, saturated: 0 };
        let training = Training {
            program: "spiketext 0".into(),
            dataset: "toy".into(),
            source: "made up".into(),
            columns: None,
            readings: Vec::new(),
            altered: Vec::new(),
            texts: [8, 1, 1],
            straddling: 0,
            tokens: None,
            vectors: "random".into(),
            recipe: "lean".into(),
            choices: Choices::Fields([("name".to_owned(), "lean".into())].into_iter().collect()),
            seed: 7,
            run: None,
            dnn_epochs: [3, 2],
            fine_tuning_epochs: [1, 0],
            development: accuracies,
            test: accuracies,
            test_interval: None,
            micro_f1: None,
            macro_f1: None,
            classes: Vec::new(),
            original: None,
            adversarial: None,
            teacher: None,
            unknown_share: 0.25,
            language_share: None,
            extremes: engine::Extremes { convolution: layer, features: layer },
            costs: Costs { dnn_macs: 1000.0, snn_acs: 4000.0, ..Costs::default() },
            seconds: 1.5,
        };
        let labels = vec!["no".into(), "perhaps".into(), "yes".into()];
        let words = Vocabulary::from_words(words.iter().map(ToString::to_string).collect()).expect("words");
        Model::new(Language::English, labels, vec![0.25, 0.25, 0.5], 7, words, network, training).expect("a model")
    }

    #[test]
    fn unknown_texts_get_the_priors_and_say_so() {
        let model = model(Readout::Membrane);
        let (got, _) = model.predict(&["the film", "", "zzz qqq", "  ", "Good!"]);
        let unknown: Vec<bool> = got.iter().map(|p| p.unknown).collect();
        assert_eq!(unknown, [false, true, true, true, false]);
        assert_eq!(got[1].probabilities, [0.25, 0.25, 0.5]);
        assert_eq!((got[2].label, got[2].tokens, got[2].known_tokens), (2, 2, 0));
        for p in &got {
            assert!((p.probabilities.iter().sum::<f32>() - 1.0).abs() < 1e-5);
        }
    }

    #[test]
    fn texts_that_are_run_can_be_counted_exactly() {
        let model = model(Readout::Membrane);
        let exact = model.count_exactly("the film").expect("plain spikes");
        let (got, _) = model.predict(&["the film"]);
        // Weights of zero make the difference.
        for (at, &acs) in exact.acs.iter().enumerate() {
            assert_eq!(acs > 0, at == 0 || at == 3, "layer {at}");
            assert!(acs <= got[0].operations.layers[at].acs);
        }
        assert_eq!(model.count_exactly("zzz"), None);
    }

    #[test]
    fn a_trace_names_the_tokens_it_shows() {
        let model = model(Readout::SpikeCount);
        let (tokens, trace, contributions) = model.trace("The story-end was xyz");
        assert_eq!(tokens, ["the", "story", "end", "was", "xyz"]);
        assert_eq!(trace.tokens.len(), 5);
        // 18 features into 3 classes of 2 outputs.
        assert_eq!((contributions.outputs, contributions.currents.len()), (6, 18 * 6));
    }
}
