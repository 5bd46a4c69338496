//! Fine-tuning: back-propagation through time over all spiking layers, with surrogate gradients (equation 7).

use std::sync::Arc;

use burn_tensor::{Device, Tensor};
use spiketext::{
    Result,
    encode::{Noise, UNKNOWN_RATE, encode},
    engine::{batch_of, feature_thresholds, run},
    metrics::LabelCounts,
    network::{Codes, Grid, LayerConfig, LayerWeights, Network, NetworkConfig, Weights, on_grid},
    seed::Purpose,
    text::UNKNOWN,
};
use spiketext_kernels::{
    Workspace,
    adamw::AdamW,
    spiking_convolution::{PackedWeights, Patterns},
};

use crate::{
    dropout::{Mask, dropout_factors},
    graph::{self, LeafTensors, SpikingBatch},
    lesson::Lesson,
    objective::{Objective, Outputs},
    optimiser::{Array, LeafParameters, adamw, numbers},
    prepare::{Answers, EncodedText, PreparedData},
    recipe::{Distillation, FineTuningChoices, Recipe},
    schedule::{Batches, Trainable},
    score::Score,
    store::Store,
};

/// A spiking network in training.
pub struct SpikingTextCnn<'a> {
    frozen: Arc<Frozen>,
    choices: &'a FineTuningChoices,
    prepared: &'a PreparedData,
    biases: bool,
    presence_learns: bool,
    /// Weights of the classes in the loss, `[K]`.
    class_weights: Option<Vec<f32>>,
    optimiser: AdamW,
    workspace: Workspace,
    layers: Vec<LeafParameters>,
}

/// What fine-tuning does not change: word codes and thresholds stay as they were converted.
#[derive(Debug)]
pub struct Frozen {
    config: NetworkConfig,
    codes: Codes,
    /// Thresholds of the neurons of the pooled features; none where there are no such neurons.
    feature_thresholds: Vec<f32>,
    dropout: f32,
    /// What the texts are right by, and how who teaches is listened to.
    lessons: (Objective, Distillation),
    seed: u64,
}

/// What a step sees of its texts.
pub struct Batch {
    lesson: Lesson,
    read: SpikingBatch,
}

impl Batches for Arc<Frozen> {
    type Batch = Batch;

    fn batch(&self, texts: &[&EncodedText], _: &[usize], step: u64) -> Batch {
        let config = &self.config;
        let (shape, dimension) = (config.convolution(), config.dimension());
        let (tokens, rows) = batch_of(config, texts.iter().map(|text| &text.words));
        let noise = Noise { seed: self.seed, purpose: Purpose::TrainingSpikes, round: step };
        let spikes = encode(config.encoder, config.steps, dimension, noise, rows.len(), |i| {
            if rows[i] == UNKNOWN {
                (u64::from(UNKNOWN), vec![UNKNOWN_RATE; dimension].into())
            } else {
                (u64::from(rows[i]), self.codes.rates(rows[i] as usize, dimension))
            }
        });
        let neuron = config.chain.leaves().iter().find_map(|leaf| match &leaf.layer {
            LayerConfig::Neurons { neuron } => Some(neuron),
            _ => None,
        });
        let (thresholds, scales) = neuron
            .map(|neuron| feature_thresholds(config, neuron, &self.feature_thresholds, &tokens))
            .unwrap_or_default();
        let factors = (self.dropout > 0.0).then(|| {
            let key = (self.seed, Mask::FeatureSpikes, step);
            Arc::new(dropout_factors(key, self.dropout, texts.len() * graph::pooled_channels(config)))
        });
        let patterns =
            graph::is_fused(config).then(|| Arc::new(Patterns::of(shape, config.time(), &spikes, &tokens)));
        Batch {
            lesson: Lesson::of(self.lessons.0, texts, self.lessons.1),
            read: SpikingBatch {
                tokens: Arc::new(tokens),
                spikes: Arc::new(spikes),
                patterns,
                thresholds: Arc::new(thresholds),
                scales: Arc::new(scales),
                factors,
            },
        }
    }
}

impl<'a> SpikingTextCnn<'a> {
    /// Starts from a converted (or any) network.
    #[must_use]
    pub fn new(recipe: &'a Recipe, network: &Network, prepared: &'a PreparedData, seed: u64) -> Self {
        let device = Device::flex();
        let layers = network.layers().map(|(leaf, weights)| LeafParameters::new(leaf, weights.clone(), &device));
        let thresholds = network.layers().find(|(_, weights)| !weights.thresholds.is_empty());
        Self {
            choices: &recipe.fine_tuning,
            prepared,
            biases: recipe.fine_tuning.biases,
            presence_learns: recipe.words.centred,
            class_weights: prepared.class_weights(&recipe.class_weights),
            optimiser: adamw(recipe.fine_tuning.weight_decay),
            workspace: Workspace::default(),
            layers: layers.collect(),
            frozen: Arc::new(Frozen {
                config: network.config().clone(),
                codes: network.weights().codes.clone(),
                feature_thresholds: thresholds.map(|(_, weights)| weights.thresholds.clone()).unwrap_or_default(),
                dropout: recipe.fine_tuning.dropout,
                lessons: (prepared.objective(), recipe.teacher),
                seed,
            }),
        }
    }

    /// The network as it is now, its weights on their grid: what would be saved.
    ///
    /// # Errors
    /// If a weight is no longer finite.
    pub fn network(&self) -> Result<Network> {
        let layers = self.layers.iter().map(LeafParameters::values).collect();
        Network::new(self.frozen.config.clone(), Weights { codes: self.frozen.codes.clone(), layers })
    }

    /// The numbers of a leaf on their grid as leaves of a graph: gradients go to the unrounded ones. Synapses of a
    /// text convolution that a kernel can look up are not read beside the packed ones, and stay as they are.
    fn rounded(&self, at: usize) -> (LeafTensors, Option<PackedWeights>) {
        let (config, layer) = (&self.frozen.config, &self.layers[at]);
        let bits = config.synapse_bits;
        let mut values = LayerWeights::default();
        let mut packed = None;
        if at == 0 && graph::is_fused(config) {
            let grid = layer.read_synapses(|synapses| Grid::of(synapses, bits)).expect("a convolution has synapses");
            let others = layer.other_values();
            values = LayerWeights { synapses: Vec::new(), ..others };
            on_grid(grid, &mut values.presence);
            on_grid(grid, &mut values.bias);
            let pack = |synapses: &[f32]| {
                PackedWeights::rounded(config.convolution(), grid.unit(), synapses, &values.presence)
            };
            packed = layer.read_synapses(pack).flatten();
            if packed.is_none() {
                values.synapses = layer.read_synapses(<[f32]>::to_vec).unwrap_or_default();
                on_grid(grid, &mut values.synapses);
            }
        } else if layer.read_synapses(|_| ()).is_some() {
            values = layer.values();
            values.round(bits);
        }
        (layer.leaves_of(values, packed.is_some()), packed)
    }
}

/// How the answers of a network to `texts` stand to their classes; see [`PreparedData::label_counts`].
#[must_use]
pub fn label_counts(
    network: &Network,
    noise: Noise,
    prepared: &PreparedData,
    texts: &[EncodedText],
    thresholds: &[f32],
) -> LabelCounts {
    prepared.label_counts(network.config(), texts, thresholds, |words| answers(network, noise, words))
}

/// How well a network tells the labels of the development texts.
#[must_use]
pub fn development_score(network: &Network, noise: Noise, prepared: &PreparedData) -> Score {
    prepared.score(network.config(), &prepared.development, |words| answers(network, noise, words))
}

/// What a network says of texts given as word ids.
fn answers(network: &Network, noise: Noise, words: &[Vec<u32>]) -> Answers {
    let run = run(network, noise, words);
    Answers { labels: run.labels, scores: run.scores }
}

/// What outputs say, from the currents into them, `[B T, O]`.
fn outputs(config: &NetworkConfig, texts: usize, currents: Tensor<2>) -> Outputs {
    match graph::output_spikes(config, texts, currents.clone()) {
        None => Outputs::Currents(currents),
        Some(spikes) => Outputs::Spikes(spikes),
    }
}

impl Trainable for SpikingTextCnn<'_> {
    type Batches = Arc<Frozen>;

    fn batches(&self) -> Arc<Frozen> {
        self.frozen.clone()
    }

    fn train(&mut self, batch: Batch, lr_scale: f64, overlap: impl FnOnce() + Send) -> f64 {
        let config = &self.frozen.config;
        // The forward pass sees the weights on their grid, as they would be saved; gradients go to the unrounded
        // ones.
        let (mut leaves, mut packed) = (Vec::with_capacity(self.layers.len()), None);
        for at in 0..self.layers.len() {
            let (own, of_this) = self.rounded(at);
            leaves.push(own);
            packed = packed.or(of_this);
        }
        let sums = graph::spiking_sums(config, &leaves, &batch.read, packed.map(Arc::new), &self.workspace);
        let readout = || {
            let currents = graph::spiking_outputs(config, &leaves, &batch.read, sums);
            let outputs = outputs(config, batch.lesson.texts(), currents);
            let weights = self.class_weights.as_deref();
            let loss = batch.lesson.loss(self.prepared.objective(), config, outputs, weights);
            let gradients = loss.backward();
            (loss, gradients)
        };
        // From here to the layer's way back one thread does almost all of the work.
        let ((loss, mut gradients), ()) = rayon::join(readout, overlap);
        let rate = lr_scale * self.choices.learning_rate;
        let learns = |array| match array {
            Array::Synapses | Array::Shortcut => true,
            Array::Presence => self.presence_learns,
            Array::Bias => self.biases,
        };
        for (layer, leaf) in self.layers.iter_mut().zip(leaves) {
            layer.update(&self.optimiser, rate, leaf, &mut gradients, learns);
        }
        f64::from(numbers(&loss)[0])
    }

    fn development_score(&self) -> Result<Score> {
        Ok(development_score(&self.network()?, Noise::inference(self.frozen.seed), self.prepared))
    }

    fn save(&self, prefix: &str, store: &mut Store) {
        self.layers.iter().for_each(|layer| layer.save(prefix, store));
    }

    fn save_values(&self, prefix: &str, store: &mut Store) {
        self.layers.iter().for_each(|layer| layer.save_values(prefix, store));
    }

    fn load(&mut self, prefix: &str, store: &Store) -> Result<()> {
        self.layers.iter_mut().try_for_each(|layer| layer.load(prefix, store))
    }
}
