//! Fine-tuning: back-propagation through time over all three spiking layers, with surrogate gradients (equation 7).

use std::sync::Arc;

use burn::tensor::Device;
use spiketext::{
    Result,
    encode::{Noise, encode},
    engine::{batch_of, feature_thresholds, run},
    network::{Network, Readout, Specification, Weights, on_common_grid},
    seed::Purpose,
    text::UNKNOWN,
};
use spiketext_kernels::{Workspace, adamw::AdamW};

use crate::{
    layers::{self, NeuronLayer, SpikingLayer},
    loss::{Mask, cross_entropy, dropout_mask, sum_groups},
    optimiser::{Parameter, adamw, numbers},
    prepare::{Encoded, Prepared},
    recipe::{FineTuningChoices, Recipe},
    schedule::Trainee,
    store::Store,
};

/// A spiking network in training. Word codes and feature thresholds stay as they were converted.
pub struct SpikingTextCnn<'a> {
    specification: Specification,
    frozen: Weights,
    choices: &'a FineTuningChoices,
    prepared: &'a Prepared,
    seed: u64,
    biases: bool,
    presence_learns: bool,
    optimiser: AdamW,
    workspace: Workspace,
    device: Device,
    synapses: Parameter<2>,
    presence: Parameter<1>,
    bias: Parameter<1>,
    output: Parameter<2>,
    output_bias: Parameter<1>,
}

impl<'a> SpikingTextCnn<'a> {
    /// Starts from a converted (or any) network.
    #[must_use]
    pub fn new(recipe: &'a Recipe, network: &Network, prepared: &'a Prepared, seed: u64) -> Self {
        let device = Device::flex();
        let specification = network.specification().clone();
        let shape = &specification.convolution;
        let (d, m, c, o) = (shape.dimension, shape.products(), shape.channels(), specification.outputs());
        let weights = network.weights().clone();
        let parameter = |name, values: &Vec<f32>| Parameter::<1>::new(name, values.clone(), [values.len()], &device);
        Self {
            choices: &recipe.fine_tuning,
            prepared,
            seed,
            biases: recipe.fine_tuning.biases,
            presence_learns: recipe.words.centred,
            optimiser: adamw(recipe.fine_tuning.weight_decay),
            workspace: Workspace::default(),
            synapses: Parameter::new("synapses", weights.synapses.clone(), [d, m], &device),
            presence: parameter("presence", &weights.presence),
            bias: parameter("bias", &weights.bias),
            output: Parameter::new("output", weights.output_synapses.clone(), [c, o], &device),
            output_bias: parameter("output-bias", &weights.output_bias),
            frozen: weights,
            specification,
            device,
        }
    }

    /// The network as it is now, its weights on their grid: what would be saved.
    ///
    /// # Errors
    /// If a weight is no longer finite.
    pub fn network(&self) -> Result<Network> {
        Network::new(
            self.specification.clone(),
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
pub fn accuracy(network: &Network, noise: Noise, prepared: &Prepared, texts: &[Encoded]) -> f64 {
    prepared.accuracy(network.specification(), texts, |words| run(network, noise, words).labels)
}

impl Trainee for SpikingTextCnn<'_> {
    fn train(&mut self, texts: &[&Encoded], step: u64, pace: f64) -> f64 {
        let specification = &self.specification;
        let shape = &specification.convolution;
        let (steps, channels, outputs) = (specification.steps, shape.channels(), specification.outputs());
        let words: Vec<Vec<u32>> = texts.iter().map(|text| text.words.clone()).collect();
        let (batch, rows) = batch_of(specification, &words);
        let noise = Noise { seed: self.seed, purpose: Purpose::TrainingSpikes, round: step };
        let spikes = encode(specification.encoder, steps, shape.dimension, noise, rows.len(), |i| {
            if rows[i] == UNKNOWN {
                (u64::from(UNKNOWN), vec![32_768; shape.dimension].into())
            } else {
                (u64::from(rows[i]), self.frozen.codes.rates(rows[i] as usize, shape.dimension))
            }
        });
        let (thresholds, scales) = feature_thresholds(specification, &self.frozen.feature_thresholds, &batch);
        let layer = SpikingLayer {
            shape: Arc::new(shape.clone()),
            neuron: specification.convolution_neuron,
            time: specification.time(),
            spikes: Arc::new(spikes),
            batch: Arc::new(batch),
            workspace: self.workspace.clone(),
        };
        // The forward pass sees the weights on their grid, as they would be saved; gradients go to the unrounded ones.
        let (mut synapses, mut presence, mut bias) =
            (self.synapses.values(), self.presence.values(), self.bias.values());
        on_common_grid(&mut synapses, [&mut presence, &mut bias]);
        let (mut output, mut output_bias) = (self.output.values(), self.output_bias.values());
        on_common_grid(&mut output, [&mut output_bias, &mut []]);
        let (synapses, presence, bias) =
            (self.synapses.leaf_of(synapses), self.presence.leaf_of(presence), self.bias.leaf_of(bias));
        let (output, output_bias) = (self.output.leaf_of(output), self.output_bias.leaf_of(output_bias));
        let counts = layers::spiking_convolution(&layer, synapses.clone(), presence.clone(), bias.clone());
        let features = NeuronLayer {
            neuron: specification.feature_neuron,
            texts: texts.len(),
            steps,
            channels,
            thresholds: Arc::new(thresholds),
            scales: Arc::new(scales),
        };
        let mut features = layers::neurons(&features, counts);
        if self.choices.dropout > 0.0 {
            let key = (self.seed, Mask::FeatureSpikes, step);
            let mask = dropout_mask(key, self.choices.dropout, texts.len(), channels, &self.device);
            features = features * mask.autodiff().unsqueeze_dim::<3>(1);
        }
        let rows = texts.len() * steps;
        let currents =
            features.reshape([rows, channels]).matmul(output.clone()) + output_bias.clone().unsqueeze::<2>();
        let labels = texts.iter().map(|text| text.label);
        let loss = match specification.readout {
            Readout::Membrane => {
                let mean =
                    currents.reshape([texts.len(), steps, outputs]).mean_dim(1).reshape([texts.len(), outputs]);
                let logits = sum_groups(mean, specification.classes) / specification.outputs_per_class as f32;
                cross_entropy(logits, &labels.collect::<Vec<_>>())
            }
            Readout::SpikeCount => {
                let fixed = |value: f32| Arc::new(vec![value; texts.len() * outputs]);
                let neurons = NeuronLayer {
                    neuron: specification.output_neuron,
                    texts: texts.len(),
                    steps,
                    channels: outputs,
                    thresholds: fixed(specification.output_neuron.threshold),
                    scales: fixed(1.0),
                };
                let spikes = layers::neurons(&neurons, currents.reshape([texts.len(), steps, outputs]));
                let sums = sum_groups(spikes.reshape([rows, outputs]), specification.classes);
                let each_step = labels.flat_map(|label| std::iter::repeat_n(label, steps));
                cross_entropy(sums, &each_step.collect::<Vec<_>>())
            }
        };
        let mut gradients = loss.backward();
        let rate = pace * self.choices.learning_rate;
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
        Ok(accuracy(&self.network()?, Noise::inference(self.seed), self.prepared, &self.prepared.development))
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
