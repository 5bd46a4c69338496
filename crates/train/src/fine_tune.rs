//! Fine-tuning: back-propagation through time over all three spiking layers, with surrogate gradients (equation 7).

use std::sync::Arc;

use burn::tensor::{Device, Tensor};
use spiketext::{
    Result,
    encode::{Noise, UNKNOWN_RATE, encode},
    engine::{batch_of, feature_thresholds, run},
    network::{Codes, Grid, Network, Readout, Specification, Weights, on_common_grid, on_grid},
    seed::Purpose,
    text::UNKNOWN,
};
use spiketext_kernels::{
    SpikeTrain, TokenBatch, Workspace,
    adamw::AdamW,
    spiking_convolution::{PackedWeights, Patterns},
};

use crate::{
    layers::{self, NeuronLayer, SpikingLayer},
    loss::{Mask, cross_entropy, dropout_factors, sum_groups},
    optimiser::{Parameter, adamw, numbers},
    prepare::{EncodedText, PreparedData},
    recipe::{FineTuningChoices, Recipe},
    schedule::{Batches, Trainable},
    store::Store,
};

/// A spiking network in training.
pub struct SpikingTextCnn<'a> {
    frozen: Arc<Frozen>,
    choices: &'a FineTuningChoices,
    prepared: &'a PreparedData,
    biases: bool,
    presence_learns: bool,
    optimiser: AdamW,
    workspace: Workspace,
    synapses: Parameter<2>,
    presence: Parameter<1>,
    bias: Parameter<1>,
    output: Parameter<2>,
    output_bias: Parameter<1>,
}

/// What fine-tuning does not change: word codes and feature thresholds stay as they were converted.
#[derive(Debug)]
pub struct Frozen {
    specification: Specification,
    codes: Codes,
    feature_thresholds: Vec<f32>,
    dropout: f32,
    seed: u64,
}

/// What a step sees of its texts.
pub struct Batch {
    labels: Vec<usize>,
    tokens: Arc<TokenBatch>,
    spikes: Arc<SpikeTrain>,
    patterns: Arc<Patterns>,
    thresholds: Arc<Vec<f32>>,
    scales: Arc<Vec<f32>>,
    /// Factors of dropout of the feature spikes, `[B, C]`.
    factors: Option<Arc<Vec<f32>>>,
}

impl Batches for Arc<Frozen> {
    type Batch = Batch;

    fn batch(&self, texts: &[&EncodedText], step: u64) -> Batch {
        let specification = &self.specification;
        let shape = &specification.convolution;
        let words: Vec<Vec<u32>> = texts.iter().map(|text| text.words.clone()).collect();
        let (tokens, rows) = batch_of(specification, &words);
        let noise = Noise { seed: self.seed, purpose: Purpose::TrainingSpikes, round: step };
        let spikes = encode(specification.encoder, specification.steps, shape.dimension, noise, rows.len(), |i| {
            if rows[i] == UNKNOWN {
                (u64::from(UNKNOWN), vec![UNKNOWN_RATE; shape.dimension].into())
            } else {
                (u64::from(rows[i]), self.codes.rates(rows[i] as usize, shape.dimension))
            }
        });
        let (thresholds, scales) = feature_thresholds(specification, &self.feature_thresholds, &tokens);
        let factors = (self.dropout > 0.0).then(|| {
            let key = (self.seed, Mask::FeatureSpikes, step);
            Arc::new(dropout_factors(key, self.dropout, texts.len() * shape.channels()))
        });
        Batch {
            labels: texts.iter().map(|text| text.target.class()).collect(),
            patterns: Arc::new(Patterns::of(shape, specification.time(), &spikes, &tokens)),
            tokens: Arc::new(tokens),
            spikes: Arc::new(spikes),
            thresholds: Arc::new(thresholds),
            scales: Arc::new(scales),
            factors,
        }
    }
}

impl<'a> SpikingTextCnn<'a> {
    /// Starts from a converted (or any) network.
    #[must_use]
    pub fn new(recipe: &'a Recipe, network: &Network, prepared: &'a PreparedData, seed: u64) -> Self {
        let device = Device::flex();
        let specification = network.specification().clone();
        let shape = &specification.convolution;
        let (d, m, c, o) = (shape.dimension, shape.products(), shape.channels(), specification.outputs());
        let weights = network.weights().clone();
        let frozen = Frozen {
            codes: weights.codes,
            feature_thresholds: weights.feature_thresholds,
            dropout: recipe.fine_tuning.dropout,
            seed,
            specification,
        };
        Self {
            choices: &recipe.fine_tuning,
            prepared,
            biases: recipe.fine_tuning.biases,
            presence_learns: recipe.words.centred,
            optimiser: adamw(recipe.fine_tuning.weight_decay),
            workspace: Workspace::default(),
            synapses: Parameter::new("synapses", weights.synapses, [d, m], &device),
            presence: Parameter::new("presence", weights.presence, [m], &device),
            bias: Parameter::new("bias", weights.bias, [c], &device),
            output: Parameter::new("output", weights.output_synapses, [c, o], &device),
            output_bias: Parameter::new("output-bias", weights.output_bias, [o], &device),
            frozen: Arc::new(frozen),
        }
    }

    /// The network as it is now, its weights on their grid: what would be saved.
    ///
    /// # Errors
    /// If a weight is no longer finite.
    pub fn network(&self) -> Result<Network> {
        Network::new(
            self.frozen.specification.clone(),
            Weights {
                codes: self.frozen.codes.clone(),
                synapses: self.synapses.values(),
                presence: self.presence.values(),
                bias: self.bias.values(),
                feature_thresholds: self.frozen.feature_thresholds.clone(),
                output_synapses: self.output.values(),
                output_bias: self.output_bias.values(),
            },
        )
    }
}

/// Share of `texts` that a network labels right.
#[must_use]
pub fn accuracy(network: &Network, noise: Noise, prepared: &PreparedData, texts: &[EncodedText]) -> f64 {
    prepared.accuracy(network.specification(), texts, |words| run(network, noise, words).labels)
}

/// The loss from the currents of the outputs, `[B T, O]` (equation 8).
fn loss(specification: &Specification, currents: Tensor<2>, labels: &[usize]) -> Tensor<1> {
    let (texts, steps, outputs) = (labels.len(), specification.steps, specification.outputs());
    match specification.readout {
        Readout::Membrane => {
            let mean = currents.reshape([texts, steps, outputs]).mean_dim(1).reshape([texts, outputs]);
            let logits = sum_groups(mean, specification.classes) / specification.outputs_per_class as f32;
            cross_entropy(logits, labels)
        }
        Readout::SpikeCount => {
            let constant = |value: f32| Arc::new(vec![value; texts * outputs]);
            let neurons = NeuronLayer {
                neuron: specification.output_neuron,
                texts,
                steps,
                channels: outputs,
                thresholds: constant(specification.output_neuron.threshold),
                scales: constant(1.0),
                factors: None,
            };
            let spikes = layers::neurons(&neurons, currents.reshape([texts, steps, outputs]));
            let sums = sum_groups(spikes.reshape([texts * steps, outputs]), specification.classes);
            let each_step: Vec<usize> = labels.iter().flat_map(|&label| std::iter::repeat_n(label, steps)).collect();
            cross_entropy(sums, &each_step)
        }
    }
}

impl Trainable for SpikingTextCnn<'_> {
    type Batches = Arc<Frozen>;

    fn batches(&self) -> Arc<Frozen> {
        self.frozen.clone()
    }

    fn train(&mut self, batch: Batch, lr_scale: f64, overlap: impl FnOnce() + Send) -> f64 {
        let specification = &self.frozen.specification;
        let shape = &specification.convolution;
        let (steps, channels, texts) = (specification.steps, shape.channels(), batch.labels.len());
        // The forward pass sees the weights on their grid, as they would be saved; gradients go to the unrounded ones.
        let (mut presence, mut bias) = (self.presence.values(), self.bias.values());
        let grid = self.synapses.read(Grid::of);
        on_grid(grid, &mut presence);
        on_grid(grid, &mut bias);
        let packed = self.synapses.read(|synapses| PackedWeights::rounded(shape, grid.unit(), synapses, &presence));
        let synapses = if packed.is_some() {
            // Nobody reads them beside the packed ones.
            self.synapses.leaf()
        } else {
            let mut rounded = self.synapses.values();
            on_grid(grid, &mut rounded);
            self.synapses.leaf_of(rounded)
        };
        let (mut output, mut output_bias) = (self.output.values(), self.output_bias.values());
        on_common_grid(&mut output, [&mut output_bias, &mut []]);
        let (presence, bias) = (self.presence.leaf_of(presence), self.bias.leaf_of(bias));
        let (output, output_bias) = (self.output.leaf_of(output), self.output_bias.leaf_of(output_bias));
        let layer = SpikingLayer {
            shape: Arc::new(shape.clone()),
            neuron: specification.convolution_neuron,
            time: specification.time(),
            spikes: batch.spikes,
            patterns: Some(batch.patterns),
            packed: packed.map(Arc::new),
            batch: batch.tokens,
            workspace: self.workspace.clone(),
        };
        let counts = layers::spiking_convolution(&layer, synapses.clone(), presence.clone(), bias.clone());
        let features = NeuronLayer {
            neuron: specification.feature_neuron,
            texts,
            steps,
            channels,
            thresholds: batch.thresholds,
            scales: batch.scales,
            factors: batch.factors,
        };
        let readout = || {
            let features = layers::neurons(&features, counts);
            let currents =
                features.reshape([texts * steps, channels]).matmul(output.clone()) + output_bias.clone().unsqueeze();
            let loss = loss(specification, currents, &batch.labels);
            let gradients = loss.backward();
            (loss, gradients)
        };
        // From here to the layer's way back one thread does almost all of the work.
        let ((loss, mut gradients), ()) = rayon::join(readout, overlap);
        let rate = lr_scale * self.choices.learning_rate;
        self.synapses.update(&self.optimiser, rate, synapses, &mut gradients);
        self.output.update(&self.optimiser, rate, output, &mut gradients);
        if self.presence_learns {
            self.presence.update(&self.optimiser, rate, presence, &mut gradients);
        }
        if self.biases {
            self.bias.update(&self.optimiser, rate, bias, &mut gradients);
            self.output_bias.update(&self.optimiser, rate, output_bias, &mut gradients);
        }
        f64::from(numbers(&loss)[0])
    }

    fn development_accuracy(&self) -> Result<f64> {
        Ok(accuracy(&self.network()?, Noise::inference(self.frozen.seed), self.prepared, &self.prepared.development))
    }

    fn save(&self, prefix: &str, store: &mut Store) {
        self.synapses.save(prefix, store);
        self.presence.save(prefix, store);
        self.bias.save(prefix, store);
        self.output.save(prefix, store);
        self.output_bias.save(prefix, store);
    }

    fn save_values(&self, prefix: &str, store: &mut Store) {
        self.synapses.save_values(prefix, store);
        self.presence.save_values(prefix, store);
        self.bias.save_values(prefix, store);
        self.output.save_values(prefix, store);
        self.output_bias.save_values(prefix, store);
    }

    fn load(&mut self, prefix: &str, store: &Store) -> Result<()> {
        self.synapses.load(prefix, store)?;
        self.presence.load(prefix, store)?;
        self.bias.load(prefix, store)?;
        self.output.load(prefix, store)?;
        self.output_bias.load(prefix, store)
    }
}
