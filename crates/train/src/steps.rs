//! The steps of the main job, each on its own; `pipeline` puts them together and keeps what comes of them.

use std::sync::Arc;

use spiketext::{
    Result,
    dnn::Dnn,
    encode::Noise,
    engine::{self, Extremes, Firing, Operations},
    metrics::LabelCounts,
    network::{Network, NetworkConfig, Signal},
};

use crate::{
    convert::{calibration_texts, convert},
    dnn::{DnnWeights, TextCnn},
    events::{Event, Observer, Phase},
    fine_tune::{SpikingTextCnn, development_score},
    prepare::{Answers, EncodedText, LikelyLabels, PreparedData},
    recipe::{Distillation, Epochs, Normalisation, Recipe},
    schedule::{Saving, Schedule, Trainable, TrainingHistory},
    score::{Loss, Score, names},
    sparse::SparseTextCnn,
    stop::Stop,
    store::Store,
    texts::TrainingTexts,
};

/// What every step reads.
#[derive(Clone, Debug)]
pub struct StepContext {
    /// The recipe, as [`Recipe::for_step`] leaves it for the step.
    pub recipe: Recipe,
    /// The network that the recipe describes.
    pub config: NetworkConfig,
    /// Texts and words.
    pub prepared: Arc<PreparedData>,
    /// The seed of every random choice.
    pub seed: u64,
    /// Who may end training before its time.
    pub stop: Stop,
}

impl StepContext {
    /// How many epochs a choice means for these texts.
    fn epochs(&self, chosen: Epochs, batch: usize) -> usize {
        chosen.of(self.prepared.train.len(), self.prepared.labels.len(), batch)
    }

    /// A schedule by the recipe's `dnn` choices.
    fn dnn_schedule(&self, phase: Phase) -> Schedule {
        let choices = &self.recipe.dnn;
        Schedule {
            phase,
            epochs: self.epochs(choices.epochs, choices.batch),
            patience: choices.patience,
            selection: self.recipe.selection,
            batch: choices.batch,
            cosine: choices.cosine,
            seed: self.seed,
            keep_start: false,
            stop: self.stop.clone(),
        }
    }

    /// A schedule by the recipe's `fine-tuning` choices.
    fn spiking_schedule(&self, phase: Phase) -> Schedule {
        let choices = &self.recipe.fine_tuning;
        Schedule {
            phase,
            epochs: self.epochs(choices.epochs, choices.batch),
            patience: choices.patience,
            selection: self.recipe.selection,
            batch: choices.batch,
            cosine: choices.cosine,
            seed: self.seed,
            keep_start: phase == Phase::FineTuning,
            stop: self.stop.clone(),
        }
    }

    fn text_cnn(&self) -> TextCnn {
        TextCnn::new(&self.recipe, &self.config, &self.prepared, self.seed)
    }
}

/// A DNN with the weights of its best epoch.
pub struct TrainedDnn {
    /// The network.
    pub network: TextCnn,
    /// How training went.
    pub history: TrainingHistory,
}

impl TrainedDnn {
    /// Trains a DNN by the recipe's `dnn` choices.
    ///
    /// # Errors
    /// If a checkpoint cannot be written, or training leaves the finite numbers.
    pub fn train(
        context: &StepContext,
        phase: Phase,
        saving: Saving<'_>,
        observer: &mut Observer<'_>,
    ) -> Result<Self> {
        let mut network = context.text_cnn();
        let texts = &context.prepared.train;
        let history = context.dnn_schedule(phase).run(&mut network, texts, saving, observer)?;
        Ok(Self { network, history })
    }

    /// Takes back what [`Self::to_store`] gave.
    ///
    /// # Errors
    /// If it is not of this network.
    pub fn from_store(context: &StepContext, store: &Store) -> Result<Self> {
        let mut network = context.text_cnn();
        network.load("", store)?;
        let history = TrainingHistory::of_store(store, context.dnn_schedule(Phase::Dnn).epochs)?;
        Ok(Self { network, history })
    }

    /// The weights and the history, for a file, under names with `prefix` before them.
    #[must_use]
    pub fn to_store(&self, prefix: &str) -> Store {
        let mut store = Store::default();
        self.network.save_values(prefix, &mut store);
        self.history.put(prefix, &mut store);
        store
    }

    /// The DNN to be questioned, as the one that a network of `config` was converted from.
    ///
    /// # Errors
    /// If its weights are not finite.
    pub fn to_dnn(&self, config: &NetworkConfig, recipe: &Recipe) -> Result<Dnn> {
        self.network.weights().into_dnn(config, recipe.dnn.pooling)
    }
}

/// A converted network with what conversion tells.
#[derive(Clone, Debug)]
pub struct ConvertedNetwork {
    /// The network.
    pub network: Network,
    /// How well it tells the labels of the development texts.
    pub score: Score,
    /// Neurons that never or always fired on the calibration texts.
    pub extremes: Extremes,
}

impl ConvertedNetwork {
    /// Converts a DNN and runs it on the development texts.
    ///
    /// # Errors
    /// If the DNN's weights are not finite.
    pub fn of(context: &StepContext, weights: &DnnWeights, observer: &mut Observer<'_>) -> Result<Self> {
        let (recipe, prepared) = (&context.recipe, &context.prepared);
        let calibration = calibration_texts(&recipe.conversion, &prepared.train)?;
        let texts: Vec<&EncodedText> = calibration.iter().collect();
        let network = convert(recipe, &context.config, weights, &texts)?;
        let noise = Noise::inference(context.seed);
        let words: Vec<Vec<u32>> = calibration.iter().map(|text| text.words.clone()).collect();
        let extremes = engine::run(&network, noise, &words).firing.extremes();
        let score = development_score(&network, noise, prepared);
        observer(&Event::Converted {
            development_accuracy: 100.0 * score.accuracy,
            development_micro_f1: score.micro_f1_of_sets().map(|share| 100.0 * share),
            development_macro_f1: 100.0 * score.macro_f1,
            never_answered: score.never_answered.len(),
            extremes,
        });
        for (layer, neurons) in [("convolution channels", extremes.convolution), ("features", extremes.features)] {
            let odd = neurons.dead + neurons.saturated;
            if odd * 5 > neurons.neurons {
                observer(&Event::Note {
                    message: format!(
                        "of {} {layer}, {} never fire and {} always fire on the calibration texts: another \
                         conversion.normalisation may serve better",
                        neurons.neurons, neurons.dead, neurons.saturated
                    ),
                });
            }
        }
        Ok(Self { network, score, extremes })
    }

    /// Fine-tunes it; it stays as it is where no epoch beats it, or where conversion lost too little of what the DNN
    /// could do on the development texts, `dnn_score`, to be worth it.
    ///
    /// # Errors
    /// If a checkpoint cannot be written, or training leaves the finite numbers.
    pub fn fine_tune(
        &self,
        context: &StepContext,
        dnn_score: &Score,
        saving: Saving<'_>,
        observer: &mut Observer<'_>,
    ) -> Result<TrainedNetwork> {
        let mut schedule = context.spiking_schedule(Phase::FineTuning);
        let loss = dnn_score.loss(&self.score, context.recipe.selection);
        if schedule.epochs > 0 {
            let (fine_tunes, message) = worth_mending(context, &loss);
            if !fine_tunes {
                schedule.epochs = 0;
            }
            if let Some(message) = message {
                observer(&Event::Note { message });
            }
        }
        let mut snn = SpikingTextCnn::new(&context.recipe, &self.network, &context.prepared, context.seed);
        let history = schedule.run(&mut snn, &context.prepared.train, saving, observer)?;
        let network = if history.best_epoch == 0 { self.network.clone() } else { snn.network()? };
        if history.best_epoch == 0 && history.epochs > 0 {
            observer(&Event::Note {
                message: "no epoch of fine-tuning was better on the development texts: the converted weights are \
                          kept"
                    .into(),
            });
        }
        Ok(TrainedNetwork { network, history })
    }
}

/// Whether a network that conversion has cost so much is fine-tuned, and what to say of it.
fn worth_mending(context: &StepContext, loss: &Loss) -> (bool, Option<String>) {
    let least = context.recipe.fine_tuning.least_loss;
    if !loss.classes.is_empty() {
        let classes = names(&context.prepared.labels, &loss.classes);
        let message = format!("the converted network never answers {classes}, as the DNN does: it is fine-tuned");
        return (true, Some(message));
    }
    if least > 0.0 && loss.most() < least {
        let message = format!(
            "conversion lost {} on the development texts, less than fine-tuning.least-loss = {least}: the converted \
             weights are kept",
            loss.in_words()
        );
        return (false, Some(message));
    }
    (true, None)
}

/// A spiking network after training, with the weights of its best epoch.
#[derive(Clone, Debug)]
pub struct TrainedNetwork {
    /// The network.
    pub network: Network,
    /// How training went.
    pub history: TrainingHistory,
}

impl TrainedNetwork {
    /// Trains a network with learnt codes by the recipe's `sparse` choices on `texts`, listening so to who teaches them.
    ///
    /// # Errors
    /// If a checkpoint cannot be written, or training leaves the finite numbers.
    pub fn sparse(
        context: &StepContext,
        texts: &TrainingTexts,
        teacher: Distillation,
        saving: Saving<'_>,
        observer: &mut Observer<'_>,
    ) -> Result<Self> {
        let StepContext { recipe, config, prepared, seed, stop } = context;
        let mut snn = SparseTextCnn::new(recipe, config, prepared, teacher, *seed);
        let choices = &recipe.sparse;
        let schedule = Schedule {
            phase: Phase::Direct,
            epochs: context.epochs(choices.epochs, choices.batch),
            patience: choices.patience,
            selection: recipe.selection,
            batch: choices.batch,
            cosine: choices.cosine,
            seed: *seed,
            keep_start: false,
            stop: stop.clone(),
        };
        let history = schedule.run(&mut snn, texts, saving, observer)?;
        Ok(Self { network: snn.network(None)?, history })
    }

    /// Trains a spiking network from first weights that the recipe's `direct` choices describe, by its `fine-tuning`
    /// choices.
    ///
    /// # Errors
    /// If training leaves the finite numbers.
    pub fn direct(context: &StepContext, observer: &mut Observer<'_>) -> Result<Self> {
        let mut weights = context.text_cnn().weights();
        let first = &context.recipe.direct;
        for (leaf, layer) in context.config.chain.leaves().iter().zip(&mut weights.layers) {
            let shift = if leaf.output == Signal::Positions { first.convolution_shift } else { first.output_shift };
            layer.synapses.iter_mut().for_each(|weight| *weight = first.gain * *weight + shift);
        }
        let mut recipe = context.recipe.clone();
        recipe.conversion.normalisation = Normalisation::None;
        let fresh = convert(&recipe, &context.config, &weights, &[])?;
        let mut snn = SpikingTextCnn::new(&recipe, &fresh, &context.prepared, context.seed);
        let schedule = context.spiking_schedule(Phase::Direct);
        let history = schedule.run(&mut snn, &context.prepared.train, Saving::default(), observer)?;
        Ok(Self { network: snn.network()?, history })
    }
}

/// A spiking network on texts that it was not trained on.
#[derive(Clone, Debug)]
pub struct Measurement {
    /// How its answers stand to the classes of the texts.
    pub counts: LabelCounts,
    /// The best label of every text, and its probability.
    pub answers: LikelyLabels,
    /// What every text cost. A text without a known word costs nothing, and counts among the texts.
    pub operations: Vec<Operations>,
    /// How much each layer fired.
    pub firing: Firing,
}

impl Measurement {
    /// Runs the network on the test texts, once. `thresholds` are those of its score on the development texts. Where there
    /// are no test texts, `counts` is of none, and activity and costs are those of the development texts.
    #[must_use]
    pub fn of(network: &Network, prepared: &PreparedData, seed: u64, thresholds: &[f32]) -> Self {
        if !prepared.test.is_empty() {
            return Self::on(&prepared.test, network, prepared, seed, thresholds);
        }
        let counts = LabelCounts::of(prepared.labels.len(), []);
        Self { counts, ..Self::on(&prepared.development, network, prepared, seed, thresholds) }
    }

    fn on(texts: &[EncodedText], network: &Network, prepared: &PreparedData, seed: u64, thresholds: &[f32]) -> Self {
        let (mut firing, mut operations, mut scores) = (Firing::default(), Vec::new(), Vec::new());
        let config = network.config();
        let answers = prepared.likely_labels_of(config, texts, config.score_scale(), |words| {
            let run = engine::run(network, Noise::inference(seed), words);
            operations = run.operations;
            firing = run.firing;
            scores.clone_from(&run.scores);
            Answers { labels: run.labels, scores: run.scores }
        });
        operations.resize(texts.len(), Operations::default());
        let counts = match prepared.multi_label {
            true => prepared
                .label_counts(network.config(), texts, thresholds, |_| Answers { scores, ..Answers::default() }),
            false => prepared.counts_of(&answers.labels, texts),
        };
        Self { counts, answers, operations, firing }
    }
}
