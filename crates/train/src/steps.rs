//! The steps of the main job, each on its own: a study runs some of them many times where the job runs each once.

use spiketext::{
    Result,
    encode::Noise,
    engine::{self, Extremes, Firing, Operations},
    network::{Network, NetworkConfig, Signal},
};
use spiketext_kernels::text_convolution::Pooling;

use crate::{
    convert::{calibration_texts, convert},
    dnn::{DnnWeights, TextCnn},
    events::{Event, Observer, Phase},
    fine_tune::{SpikingTextCnn, accuracy},
    prepare::{PreparedData, share_right},
    recipe::{Normalisation, Recipe},
    schedule::{Checkpoint, Schedule, Trainable, TrainingHistory},
    store::Store,
};

/// Where a phase leaves its checkpoints, and the one that it goes on from.
#[derive(Clone, Copy, Debug, Default)]
pub struct Saving<'a> {
    /// Where; none are written without.
    pub checkpoint: Option<Checkpoint<'a>>,
    /// A checkpoint of this phase.
    pub resume: Option<&'a Store>,
}

/// A DNN with the weights of its best epoch.
pub struct TrainedDnn<'a> {
    /// The network.
    pub network: TextCnn<'a>,
    /// How training went.
    pub history: TrainingHistory,
}

impl<'a> TrainedDnn<'a> {
    /// Trains a DNN by the recipe's `dnn` choices.
    ///
    /// # Errors
    /// If a checkpoint cannot be written, or training leaves the finite numbers.
    pub fn train(
        recipe: &'a Recipe,
        config: &'a NetworkConfig,
        prepared: &'a PreparedData,
        seed: u64,
        phase: Phase,
        saving: Saving<'_>,
        observer: &mut Observer<'_>,
    ) -> Result<Self> {
        let mut network = TextCnn::new(recipe, config, prepared, seed);
        let schedule = Schedule {
            phase,
            epochs: recipe.dnn.epochs,
            patience: recipe.dnn.patience,
            batch: recipe.dnn.batch,
            cosine: recipe.dnn.cosine,
            seed,
        };
        let Saving { checkpoint, resume } = saving;
        let history = schedule.run(&mut network, &prepared.train, false, checkpoint, None, resume, observer)?;
        Ok(Self { network, history })
    }

    /// Takes back what [`Self::to_store`] gave.
    ///
    /// # Errors
    /// If it is not of this network.
    pub fn from_store(
        recipe: &'a Recipe,
        config: &'a NetworkConfig,
        prepared: &'a PreparedData,
        seed: u64,
        store: &Store,
    ) -> Result<Self> {
        let mut network = TextCnn::new(recipe, config, prepared, seed);
        network.load("", store)?;
        let history = TrainingHistory {
            best_accuracy: f64::from_bits(store.number("best-accuracy").unwrap_or(0)),
            best_epoch: store.number("best-epoch").unwrap_or(0) as usize,
            epochs: store.number("epochs").unwrap_or(0) as usize,
        };
        Ok(Self { network, history })
    }

    /// The weights and the history, for a file.
    #[must_use]
    pub fn to_store(&self) -> Store {
        let mut store = Store::default();
        self.network.save_values("", &mut store);
        store.put_number("best-accuracy".into(), self.history.best_accuracy.to_bits());
        store.put_number("best-epoch".into(), self.history.best_epoch as u64);
        store.put_number("epochs".into(), self.history.epochs as u64);
        store
    }
}

/// The recipe of the original TextCNN (Kim 2014): maximum pooling, with biases.
#[must_use]
pub fn original_recipe(recipe: &Recipe) -> Recipe {
    let mut recipe = recipe.clone();
    recipe.dnn.pooling = Pooling::Maximum;
    recipe.network.biases = true;
    recipe
}

/// A converted network with what conversion tells.
#[derive(Clone, Debug)]
pub struct Converted {
    /// The network.
    pub network: Network,
    /// Share of the development texts it gets right.
    pub development_accuracy: f64,
    /// Neurons that never or always fired on the calibration texts.
    pub extremes: Extremes,
}

impl Converted {
    /// Converts a DNN and runs it on the development texts.
    ///
    /// # Errors
    /// If the DNN's weights are not finite.
    pub fn of(
        recipe: &Recipe,
        config: &NetworkConfig,
        prepared: &PreparedData,
        weights: &DnnWeights,
        seed: u64,
        observer: &mut Observer<'_>,
    ) -> Result<Self> {
        let calibration = calibration_texts(&recipe.conversion, &prepared.train);
        let network = convert(recipe, config, weights, &calibration)?;
        let noise = Noise::inference(seed);
        let words: Vec<Vec<u32>> = calibration.iter().map(|text| text.words.clone()).collect();
        let extremes = engine::run(&network, noise, &words).firing.extremes();
        let development_accuracy = accuracy(&network, noise, prepared, &prepared.development);
        observer(&Event::Converted { development_accuracy: 100.0 * development_accuracy, extremes });
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
        Ok(Self { network, development_accuracy, extremes })
    }
}

/// Fine-tunes a converted network; it stays as it is where no epoch beats it, or where conversion lost too little of the DNN's
/// development accuracy, `dnn_accuracy`, to be worth it. What `carry` holds goes into each checkpoint.
///
/// # Errors
/// If a checkpoint cannot be written, or training leaves the finite numbers.
#[allow(clippy::too_many_arguments)]
pub fn fine_tune(
    recipe: &Recipe,
    converted: &Converted,
    dnn_accuracy: f64,
    prepared: &PreparedData,
    seed: u64,
    saving: Saving<'_>,
    carry: Option<&Store>,
    observer: &mut Observer<'_>,
) -> Result<(Network, TrainingHistory)> {
    let mut schedule = spiking_schedule(recipe, Phase::FineTuning, seed);
    let (lost, least) = (100.0 * (dnn_accuracy - converted.development_accuracy), recipe.fine_tuning.least_loss);
    if least > 0.0 && lost < least && schedule.epochs > 0 {
        observer(&Event::Note {
            message: format!(
                "conversion lost {lost:.2} points of development accuracy, less than fine-tuning.least-loss = {least}: the \
                 converted weights are kept"
            ),
        });
        schedule.epochs = 0;
    }
    let mut snn = SpikingTextCnn::new(recipe, &converted.network, prepared, seed);
    let Saving { checkpoint, resume } = saving;
    let history = schedule.run(&mut snn, &prepared.train, true, checkpoint, carry, resume, observer)?;
    let network = if history.best_epoch == 0 { converted.network.clone() } else { snn.network()? };
    if history.best_epoch == 0 && history.epochs > 0 {
        observer(&Event::Note {
            message: "fine-tuning did not improve the development accuracy: the converted weights are kept".into(),
        });
    }
    Ok((network, history))
}

/// Trains a spiking network from first weights that the recipe's `direct` choices describe, by its `fine-tuning` choices.
///
/// # Errors
/// If training leaves the finite numbers.
pub fn train_directly(
    recipe: &Recipe,
    config: &NetworkConfig,
    prepared: &PreparedData,
    seed: u64,
    observer: &mut Observer<'_>,
) -> Result<(Network, TrainingHistory)> {
    let mut weights = TextCnn::new(recipe, config, prepared, seed).weights();
    let first = &recipe.direct;
    for (leaf, layer) in config.chain.leaves().iter().zip(&mut weights.layers) {
        let shift = if leaf.output == Signal::Positions { first.convolution_shift } else { first.output_shift };
        layer.synapses.iter_mut().for_each(|weight| *weight = first.gain * *weight + shift);
    }
    let mut recipe = recipe.clone();
    recipe.conversion.normalisation = Normalisation::None;
    let fresh = convert(&recipe, config, &weights, &[])?;
    let mut snn = SpikingTextCnn::new(&recipe, &fresh, prepared, seed);
    let schedule = spiking_schedule(&recipe, Phase::Direct, seed);
    let history = schedule.run(&mut snn, &prepared.train, false, None, None, None, observer)?;
    Ok((snn.network()?, history))
}

fn spiking_schedule(recipe: &Recipe, phase: Phase, seed: u64) -> Schedule {
    Schedule {
        phase,
        epochs: recipe.fine_tuning.epochs,
        patience: recipe.fine_tuning.patience,
        batch: recipe.fine_tuning.batch,
        cosine: recipe.fine_tuning.cosine,
        seed,
    }
}

/// A spiking network on the test texts.
#[derive(Clone, Debug)]
pub struct Measurement {
    /// Share of the texts it gets right.
    pub accuracy: f64,
    /// The label of every text.
    pub labels: Vec<usize>,
    /// What every text cost. A text without a known word costs nothing, and counts among the texts.
    pub operations: Vec<Operations>,
    /// How much each layer fired.
    pub firing: Firing,
}

impl Measurement {
    /// Runs the network on the test texts, once.
    #[must_use]
    pub fn of(network: &Network, prepared: &PreparedData, seed: u64) -> Self {
        let texts = &prepared.test;
        let (mut firing, mut operations) = (Firing::default(), Vec::new());
        let labels = prepared.labels(network.config(), texts, |words| {
            let run = engine::run(network, Noise::inference(seed), words);
            operations = run.operations;
            firing = run.firing;
            run.labels
        });
        operations.resize(texts.len(), Operations::default());
        Self { accuracy: share_right(&labels, texts), labels, operations, firing }
    }
}
