//! The main job as one pipeline: prepare, train a DNN, convert, fine-tune, measure, put a model together.
//!
//! Every step is a method that asks for the steps before it and keeps its result in a [`StepCache`], under a hash of
//! all that decides it (see [`crate::identity`]). `spiketext train`, adversarial training and studies all run this
//! one.

mod checks;
mod learnt_codes;
mod report;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};

use spiketext::{
    Error, Result,
    data::{IN_MEMORY, LabelledTexts, Split},
    dnn::Dnn,
    engine::Extremes,
    model::{Accuracies, Adversarial, Model},
    network::{Network, NetworkConfig, Readout},
    text::Language,
};

pub use checks::check;
use checks::check_weights;
pub use report::columns;
use report::percent;

use crate::{
    cache::{Classifier, PreparedWords, StepCache},
    checkpoint::{CHECKPOINT, CheckpointPlace},
    events::{Event, Observer, Phase},
    identity::Identity,
    network::network_config,
    prepare::{PreparedData, VectorSource, prepare},
    recipe::{Recipe, Step},
    schedule::{Saving, TrainingHistory},
    score::Score,
    steps::{ConvertedNetwork, Measurement, StepContext, TrainedDnn, TrainedNetwork},
    stop::Stop,
    store::Store,
    teaching::Teaching,
};

/// The program's name in models.
pub const PROGRAM: &str = concat!("spiketext ", env!("CARGO_PKG_VERSION"));

/// What a run is told beside data, words and recipe.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The seed of every random choice.
    pub seed: u64,
    /// The language of the texts, if it is not to be found from their script.
    pub language: Option<Language>,
    /// A folder for a checkpoint after each epoch; none is written without.
    pub checkpoints: Option<PathBuf>,
    /// Take up the checkpoint in that folder, if there is one.
    pub resume: bool,
    /// Train the original TextCNN (maximum pooling, with biases) too, for comparison.
    pub original: bool,
    /// What is known of adversarial examples among the training texts, for the report.
    pub adversarial: Option<Adversarial>,
    /// What a teacher says of training texts, and of texts that only it has labelled.
    pub teaching: Option<Arc<Teaching>>,
    /// By what the loss of each training text of the data set is multiplied, in their order; by nothing without.
    pub text_weights: Option<Arc<[f32]>>,
    /// Bytes of the tokens of training texts that stay in memory; more wait in a temporary file. 64 MiB if nothing is
    /// said.
    pub in_memory: Option<usize>,
    /// Who may end training before its time.
    pub stop: Stop,
}

/// Trains, converts, fine-tunes and measures.
///
/// # Errors
/// As [`Pipeline::new`] and [`Pipeline::model`].
pub fn train(
    dataset: &dyn LabelledTexts,
    vectors: &VectorSource,
    recipe: &Recipe,
    options: &Options,
    observer: &mut Observer<'_>,
) -> Result<Model> {
    let mut cache = StepCache::default();
    Pipeline::new(dataset, vectors, recipe, options, &mut cache)?.model(SpikingMethod::of(recipe), observer)
}

/// The same, with the DNN that the network was converted from.
///
/// # Errors
/// As [`train`].
pub fn train_with_dnn(
    dataset: &dyn LabelledTexts,
    vectors: &VectorSource,
    recipe: &Recipe,
    options: &Options,
    observer: &mut Observer<'_>,
) -> Result<(Model, Dnn)> {
    let mut cache = StepCache::default();
    let mut pipeline = Pipeline::new(dataset, vectors, recipe, options, &mut cache)?;
    let model = pipeline.model(SpikingMethod::FineTuned, observer)?;
    Ok((model, pipeline.readable_dnn(observer)?))
}

/// How a spiking network comes about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpikingMethod {
    /// A DNN is converted.
    Converted,
    /// A converted network is fine-tuned.
    FineTuned,
    /// The network is trained from its first weights, without a DNN.
    Direct,
}

impl SpikingMethod {
    /// How networks of a recipe are made.
    #[must_use]
    pub fn of(recipe: &Recipe) -> Self {
        if recipe.learns_codes() { Self::Direct } else { Self::FineTuned }
    }

    /// The last step on the way.
    #[must_use]
    pub fn step(self) -> Step {
        match self {
            Self::Converted => Step::Conversion,
            Self::FineTuned => Step::FineTuning,
            Self::Direct => Step::Direct,
        }
    }
}

/// A spiking network and how it came about.
#[derive(Clone, Debug)]
pub struct SpikingNetwork {
    /// The network.
    pub network: Network,
    /// Of the development texts, percent; 0 for networks that are not on the way.
    pub development: Accuracies,
    /// How well it tells the labels of the development texts.
    pub score: Score,
    /// Epochs run and the best of them, for each phase on the way.
    pub epochs: Vec<(Phase, [usize; 2])>,
    /// Dead and saturated neurons after conversion; none without one.
    pub extremes: Extremes,
}

impl SpikingNetwork {
    fn epochs_of(&self, phases: &[Phase]) -> [usize; 2] {
        self.epochs.iter().find(|(phase, _)| phases.contains(phase)).map_or([0; 2], |(_, epochs)| *epochs)
    }
}

/// One run over one data set by one recipe and seed.
pub struct Pipeline<'a> {
    dataset: &'a dyn LabelledTexts,
    vectors: VectorSource,
    recipe: Recipe,
    options: Options,
    cache: &'a mut StepCache,
    words: Option<Arc<PreparedWords>>,
    started: Instant,
}

impl<'a> Pipeline<'a> {
    /// A pipeline that has done nothing yet.
    ///
    /// # Errors
    /// If the data set lacks training or development texts or a second class, a choice cannot be, or there is not a weight a
    /// training text.
    pub fn new(
        dataset: &'a dyn LabelledTexts,
        vectors: &VectorSource,
        recipe: &Recipe,
        options: &Options,
        cache: &'a mut StepCache,
    ) -> Result<Self> {
        let started = Instant::now();
        recipe.check()?;
        check(dataset)?;
        recipe.class_weights.check_names(dataset.labels())?;
        network_config(recipe, 1, dataset.labels().len())?;
        if let Some(weights) = &options.text_weights {
            check_weights(weights, dataset.texts_of(Split::Train))?;
        }
        if dataset.is_multi_label() && recipe.network.readout == Readout::SpikeCount {
            let expected = "network.readout=membrane for texts of several labels (counts of spikes are never below \
                            0, so that no class could be less probable than 1/2; --recipe lean has it)";
            return Err(Error::invalid("train", expected, "spike-count"));
        }
        Ok(Self {
            dataset,
            vectors: vectors.clone(),
            recipe: recipe.clone(),
            options: options.clone(),
            cache,
            words: None,
            started,
        })
    }

    /// The data with its words looked up.
    ///
    /// # Errors
    /// If the vectors cannot be read.
    pub fn prepare(&mut self, observer: &mut Observer<'_>) -> Result<Arc<PreparedData>> {
        Ok(Arc::clone(&self.words(observer)?.data))
    }

    fn words(&mut self, observer: &mut Observer<'_>) -> Result<Arc<PreparedWords>> {
        if let Some(words) = &self.words {
            return Ok(Arc::clone(words));
        }
        let mut texts = Identity::of("texts").texts(self.dataset)?;
        if let Some(teaching) = &self.options.teaching {
            texts = texts.bytes(&teaching.identity());
        }
        if let Some(weights) = &self.options.text_weights {
            texts = texts.bytes(bytemuck::cast_slice(weights));
        }
        let random_seed = (self.vectors == VectorSource::Random).then_some(self.options.seed);
        let asked = texts.clone().step(Step::Preparation, &self.recipe).value(&random_seed);
        let vectors = format!("{:?}", self.vectors);
        let name = asked.bytes(vectors.as_bytes()).value(&self.options.language).name();
        let words = match self.cache.prepared.get(&name) {
            Some(words) => words,
            None => {
                let started = Instant::now();
                self.cache.make_room();
                let (language, seed) = (self.options.language, self.options.seed);
                let in_memory = self.options.in_memory.unwrap_or(IN_MEMORY);
                let mut data = {
                    let teaching = self.options.teaching.as_deref();
                    let words = &self.recipe.words;
                    prepare(self.dataset, teaching, language, &self.vectors, words, seed, in_memory)?
                };
                if let Some(weights) = &self.options.text_weights {
                    data.train = data.train.weighed(Arc::clone(weights));
                }
                observer(&Event::Prepared {
                    train: data.train.labelled(),
                    unlabelled: data.train.len() - data.train.labelled(),
                    development: data.development.len(),
                    test: data.test.len(),
                    classes: self.dataset.labels().len(),
                    language: data.language.name().to_owned(),
                    language_given: self.options.language.is_some(),
                    vectors: data.vectors.clone(),
                    words: data.vocabulary.len(),
                    dimension: data.dimension,
                    unknown_share: data.unknown_share,
                    language_share: data.familiarity.share(),
                });
                if data.shortened > 0 {
                    observer(&Event::Note {
                        message: format!(
                            "training reads the first {} tokens of a text (words.longest); longer ones: {} of {}",
                            self.recipe.words.longest,
                            data.shortened,
                            data.train.len()
                        ),
                    });
                }
                if data.unknown_share > 0.5 {
                    observer(&Event::Note {
                        message: format!(
                            "of the test texts' tokens {:.0} % are words that the network will not know: vectors of \
                             their language help (--vectors)",
                            percent(data.unknown_share)
                        ),
                    });
                }
                for message in data.notes.iter().cloned() {
                    observer(&Event::Note { message });
                }
                let words = PreparedWords { identity: texts.words(&data), data: Arc::new(data) };
                self.cache.shared_seconds += started.elapsed().as_secs_f64();
                self.cache.prepared.put(name, words)
            }
        };
        self.words = Some(Arc::clone(&words));
        Ok(words)
    }

    /// Whether a DNN teaches the network: it does where the recipe says so, unless a better teacher is there.
    fn dnn_teaches(&self) -> bool {
        self.recipe.has_teacher() && self.options.teaching.is_none()
    }

    /// The network that the recipe describes.
    ///
    /// # Errors
    /// As [`Self::prepare`], or if there can be no such network.
    pub fn config(&mut self, observer: &mut Observer<'_>) -> Result<NetworkConfig> {
        let dimension = self.prepare(observer)?.dimension;
        network_config(&self.recipe, dimension, self.dataset.labels().len())
    }

    /// What a step reads, by the recipe as it is for the step.
    fn context(&mut self, recipe: Recipe, observer: &mut Observer<'_>) -> Result<StepContext> {
        let prepared = self.prepare(observer)?;
        let config = network_config(&recipe, prepared.dimension, self.dataset.labels().len())?;
        Ok(StepContext { recipe, config, prepared, seed: self.options.seed, stop: self.options.stop.clone() })
    }

    /// The name under which a step's result is kept.
    fn name(&mut self, step: Step, observer: &mut Observer<'_>) -> Result<String> {
        let words = self.words(observer)?;
        let program = self.cache.folder.as_ref().map_or("", |(_, program)| program.as_str());
        let identity = words.identity.clone().value(&program).value(&self.options.seed);
        Ok(identity.step(step, &self.recipe).name())
    }

    /// The trained DNN.
    ///
    /// # Errors
    /// As [`Self::prepare`], if a checkpoint does not belong to this run or cannot be written, or if training leaves
    /// the finite numbers.
    pub fn dnn(&mut self, observer: &mut Observer<'_>) -> Result<Arc<TrainedDnn>> {
        let name = self.name(Step::Dnn, observer)?;
        if let Some(trained) = self.cache.dnn.get(&name) {
            return Ok(trained);
        }
        let context = self.context(self.recipe.for_step(Step::Dnn), observer)?;
        let kept = self.cache.folder.as_ref().map(|(folder, _)| folder.join(format!("dnn-{name}.safetensors")));
        // One that cannot be read is trained again: it is nothing but time.
        let found = kept.as_deref().filter(|path| path.is_file());
        let found = found.and_then(|path| TrainedDnn::from_store(&context, &Store::read(path).ok()?).ok());
        let trained = match found {
            Some(trained) => trained,
            None => {
                let started = Instant::now();
                let trained = self.train_dnn(&context, observer)?;
                self.cache.shared_seconds += started.elapsed().as_secs_f64();
                if let Some(path) = &kept {
                    let folder = path.parent().unwrap_or(Path::new("."));
                    std::fs::create_dir_all(folder).map_err(Error::write(folder))?;
                    trained.to_store("").write(path)?;
                }
                trained
            }
        };
        Ok(self.cache.dnn.replace(name, trained))
    }

    fn train_dnn(&mut self, context: &StepContext, observer: &mut Observer<'_>) -> Result<TrainedDnn> {
        let place = self.checkpoint(observer)?;
        let found = self.found_checkpoint(place.as_ref())?;
        let phase = found.as_ref().and_then(|store| store.text("phase"));
        let later = [Phase::FineTuning.name(), Phase::Direct.name()];
        if let Some(store) = found.as_ref().filter(|_| phase.is_some_and(|phase| later.contains(&phase))) {
            // A checkpoint of the later phase carries the finished DNN, so that conversion can be done again.
            return TrainedDnn::from_store(context, &store.part("dnn."));
        }
        let resume = found.as_ref().filter(|_| phase == Some(Phase::Dnn.name()));
        let saving = Saving { checkpoint: place.as_ref().map(CheckpointPlace::borrowed), carry: None, resume };
        TrainedDnn::train(context, Phase::Dnn, saving, observer)
    }

    /// The original TextCNN (Kim 2014): maximum pooling, with biases.
    ///
    /// # Errors
    /// As [`Self::prepare`], or if training leaves the finite numbers.
    pub fn original(&mut self, observer: &mut Observer<'_>) -> Result<TrainedDnn> {
        let context = self.context(self.recipe.original().for_step(Step::Dnn), observer)?;
        TrainedDnn::train(&context, Phase::Original, Saving::default(), observer)
    }

    /// The converted network.
    ///
    /// # Errors
    /// As [`Self::dnn`], or if the DNN's pooling does not convert.
    pub fn convert(&mut self, observer: &mut Observer<'_>) -> Result<Arc<ConvertedNetwork>> {
        if !self.recipe.dnn.pooling.converts() {
            return Err(Error::invalid(
                "train",
                "dnn.pooling = \"average\" or \"bounded\" (spikes cannot compute a maximum over positions; \
                 --original trains such a network beside)",
                "\"maximum\"",
            ));
        }
        let name = self.name(Step::Conversion, observer)?;
        if let Some(converted) = self.cache.converted.get(&name) {
            return Ok(converted);
        }
        let trained = self.dnn(observer)?;
        let context = self.context(self.recipe.for_step(Step::Conversion), observer)?;
        let converted = ConvertedNetwork::of(&context, &trained.network.weights(), observer)?;
        Ok(self.cache.converted.replace(name, converted))
    }

    /// The fine-tuned network; the converted one where fine-tuning did not improve on it.
    ///
    /// # Errors
    /// As [`Self::convert`].
    pub fn fine_tune(&mut self, observer: &mut Observer<'_>) -> Result<Arc<TrainedNetwork>> {
        let name = self.name(Step::FineTuning, observer)?;
        if let Some(tuned) = self.cache.spiking.get(&name) {
            return Ok(tuned);
        }
        let (converted, trained) = (self.convert(observer)?, self.dnn(observer)?);
        let context = self.context(self.recipe.for_step(Step::FineTuning), observer)?;
        let place = self.checkpoint(observer)?;
        let found = self.found_checkpoint(place.as_ref())?;
        let resume = found.as_ref().filter(|store| store.text("phase") == Some(Phase::FineTuning.name()));
        let carry = place.is_some().then(|| trained.to_store("dnn."));
        let checkpoint = place.as_ref().map(CheckpointPlace::borrowed);
        let saving = Saving { checkpoint, carry: carry.as_ref(), resume };
        let tuned = converted.fine_tune(&context, &trained.history.best, saving, observer)?;
        Ok(self.cache.spiking.replace(name, tuned))
    }

    /// The network that is trained from its first weights.
    ///
    /// # Errors
    /// As [`Self::prepare`], or if training leaves the finite numbers.
    pub fn direct(&mut self, observer: &mut Observer<'_>) -> Result<Arc<TrainedNetwork>> {
        let name = self.name(Step::Direct, observer)?;
        if let Some(trained) = self.cache.spiking.get(&name) {
            return Ok(trained);
        }
        let context = self.context(self.recipe.for_step(Step::Direct), observer)?;
        let trained = match self.recipe.learns_codes() {
            true => self.sparse(&context, observer)?,
            false => TrainedNetwork::direct(&context, observer)?,
        };
        Ok(self.cache.spiking.replace(name, trained))
    }

    /// A spiking network by whatever method.
    ///
    /// # Errors
    /// As the method's own step.
    pub fn spiking(&mut self, method: SpikingMethod, observer: &mut Observer<'_>) -> Result<SpikingNetwork> {
        let of = |history: &TrainingHistory| [history.epochs, history.best_epoch];
        if method == SpikingMethod::Direct {
            let teacher = if self.dnn_teaches() { Some(self.dnn(observer)?) } else { None };
            let trained = self.direct(observer)?;
            let mut development = Accuracies { snn: percent(trained.history.best.accuracy), ..Accuracies::default() };
            let mut epochs = vec![(Phase::Direct, of(&trained.history))];
            if let Some(teacher) = teacher {
                development.dnn = percent(teacher.history.best.accuracy);
                epochs.insert(0, (Phase::Dnn, of(&teacher.history)));
            }
            return Ok(SpikingNetwork {
                network: trained.network.clone(),
                development,
                score: trained.history.best.clone(),
                epochs,
                extremes: Extremes::default(),
            });
        }
        let converted = self.convert(observer)?;
        let trained = self.dnn(observer)?;
        let dnn = &trained.history;
        let mut spiking = SpikingNetwork {
            network: converted.network.clone(),
            development: Accuracies {
                dnn: percent(dnn.best.accuracy),
                converted: percent(converted.score.accuracy),
                snn: percent(converted.score.accuracy),
            },
            score: converted.score.clone(),
            epochs: vec![(Phase::Dnn, of(dnn))],
            extremes: converted.extremes,
        };
        if method == SpikingMethod::FineTuned {
            let tuned = self.fine_tune(observer)?;
            spiking.network = tuned.network.clone();
            spiking.development.snn = percent(tuned.history.best.accuracy);
            spiking.score = tuned.history.best.clone();
            spiking.epochs.push((Phase::FineTuning, of(&tuned.history)));
        }
        Ok(spiking)
    }

    /// A spiking network on the test texts.
    ///
    /// # Errors
    /// As [`Self::prepare`].
    pub fn measure(&mut self, spiking: &SpikingNetwork, observer: &mut Observer<'_>) -> Result<Measurement> {
        let (network, thresholds) = (&spiking.network, &spiking.score.thresholds);
        Ok(Measurement::of(network, &*self.prepare(observer)?, self.options.seed, thresholds))
    }

    /// The DNN to be questioned.
    ///
    /// # Errors
    /// As [`Self::dnn`].
    pub fn readable_dnn(&mut self, observer: &mut Observer<'_>) -> Result<Dnn> {
        let context = self.context(self.recipe.for_step(Step::Dnn), observer)?;
        self.dnn(observer)?.to_dnn(&context.config, &self.recipe)
    }

    /// The finished model with its DNN. It is kept in the cache's folder, if there is one, as a model directory.
    ///
    /// # Errors
    /// As [`Self::model`], or if it cannot be written.
    pub fn classifier(&mut self, method: SpikingMethod, observer: &mut Observer<'_>) -> Result<Arc<Classifier>> {
        let name = self.name(method.step(), observer)?;
        if let Some(classifier) = self.cache.classifier.get(&name) {
            return Ok(classifier);
        }
        let path = self.cache.folder.as_ref().map(|(folder, _)| folder.join(format!("model-{name}")));
        // One that cannot be read is made again: it is nothing but time.
        let classifier =
            match path.as_deref().and_then(|path| Classifier::read(path, method != SpikingMethod::Direct).ok()) {
                Some(classifier) => classifier,
                None => {
                    let model = self.model(method, observer)?;
                    let dnn = match method {
                        SpikingMethod::Direct => None,
                        _ => Some(self.readable_dnn(observer)?),
                    };
                    if let Some(path) = &path {
                        match &dnn {
                            Some(dnn) => model.save_with_dnn(dnn, path)?,
                            None => model.save(path)?,
                        }
                    }
                    Classifier { model, dnn }
                }
            };
        Ok(self.cache.classifier.replace(name, classifier))
    }

    /// The name of the run: a hash of texts, words, recipe and seed, which checkpoints and the model keep.
    ///
    /// # Errors
    /// As [`Self::prepare`].
    pub fn run(&mut self, observer: &mut Observer<'_>) -> Result<String> {
        let identity = self.words(observer)?.identity.clone();
        Ok(identity.value(&self.recipe).value(&self.options.seed).name())
    }

    /// Where checkpoints of this run go, if any do.
    fn checkpoint(&mut self, observer: &mut Observer<'_>) -> Result<Option<CheckpointPlace>> {
        let Some(folder) = self.options.checkpoints.clone() else { return Ok(None) };
        Ok(Some(CheckpointPlace { path: folder.join(CHECKPOINT), fingerprint: self.run(observer)? }))
    }

    /// The checkpoint that the run is to go on from, if it is to and there is one.
    fn found_checkpoint(&self, place: Option<&CheckpointPlace>) -> Result<Option<Store>> {
        let Some(place) = place.filter(|place| self.options.resume && place.path.exists()) else { return Ok(None) };
        let store = Store::read(&place.path)?;
        if store.text("fingerprint") != Some(&place.fingerprint) {
            return Err(Error::malformed(
                &place.path,
                None,
                "a checkpoint of this data, recipe and seed",
                "one of another run; choose another --out, or start without --resume",
            ));
        }
        Ok(Some(store))
    }
}
