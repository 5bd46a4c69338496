//! Networks whose words have codes of few active inputs, learnt together with what reads them.
//!
//! ```text
//! vector of a word  --map-->  numbers [D]  --the k largest win-->  code [D] in {0, 1}
//! codes of a text   --text convolution, neurons that spike-->  spikes  --mean over positions-->  read-out
//! ```
//!
//! The map is one for all words, so a word that training never met has a code too: that of its vector. On the way back
//! gradients go straight through competition and firing (`spiketext_kernels::{winners, code_convolution}`); forward, all
//! is as in the finished network: its codes, and its weights in whole numbers.

pub mod layers;
mod whole;

use std::sync::Arc;

use burn_tensor::{Device, Tensor, TensorData};
use spiketext::{
    Result,
    encode::Noise,
    network::{Codes, LayerWeights, NO_INPUT, Network, NetworkConfig, Weights},
    seed::{Purpose, normal, stream},
};
use spiketext_kernels::{
    ConvolutionShape, Workspace,
    adamw::AdamW,
    matrix::{Matrix, shared_product},
    winners::Winners,
};

use self::{layers::CodeLayer, whole::WholeNumbers};
use crate::{
    codes::{CodeScale, WordCodes},
    dnn::{DnnBatch, DnnBatchMaker, first_weights},
    fine_tune::development_score,
    graph, layers as dense_layers,
    objective::Outputs,
    optimiser::{Array, LeafParameters, Parameter, Rows, adamw, into_numbers, numbers},
    prepare::PreparedData,
    recipe::{Distillation, Recipe, SparseChoices},
    schedule::Trainable,
    score::Score,
    store::Store,
};

/// A network with learnt codes in training.
pub struct SparseTextCnn {
    config: Arc<NetworkConfig>,
    /// The text convolution with one input for two of opposite signs.
    shape: Arc<ConvolutionShape>,
    choices: SparseChoices,
    prepared: Arc<PreparedData>,
    seed: u64,
    biases: bool,
    /// Weights of the classes in the loss, `[K]`.
    class_weights: Option<Vec<f32>>,
    /// How who teaches is listened to.
    teacher: Distillation,
    optimiser: AdamW,
    workspace: Workspace,
    device: Device,
    /// Vectors of the words, `[V, D']`.
    vectors: Rows,
    /// From a vector to the numbers that compete, `[D', D]`.
    map: Parameter<2>,
    /// Added to them, `[D]`.
    offsets: Parameter<1>,
    layers: Vec<LeafParameters>,
}

impl SparseTextCnn {
    /// A network before training, that listens so to who teaches its texts.
    #[must_use]
    pub fn new(
        recipe: &Recipe,
        config: &NetworkConfig,
        prepared: &Arc<PreparedData>,
        teacher: Distillation,
        seed: u64,
    ) -> Self {
        let (device, choices) = (Device::flex(), recipe.sparse.clone());
        let shape = ConvolutionShape { dimension: choices.dimension, ..config.convolution().clone() };
        let scale = CodeScale { centred: recipe.words.centred, range: recipe.words.range };
        let trainable = if recipe.words.trained { prepared.training_words } else { 0 };
        let vectors = WordCodes::new(Arc::clone(&prepared.rates), prepared.dimension, trainable, scale);
        let mut rng = stream(seed, Purpose::Weights, MAP, 0);
        let bound = 1.0 / (prepared.dimension as f32).sqrt();
        let map = (0..prepared.dimension * choices.dimension).map(|_| bound * normal(&mut rng)).collect();
        let leaves = config.chain.leaves();
        let layers = leaves.iter().enumerate().map(|(at, leaf)| {
            let mut weights = first_weights(leaf, at as u64, recipe.network.biases, seed);
            if at == 0 {
                weights = first_convolution(&shape, &choices, config.chain.text_convolution().1.threshold, seed);
            }
            LeafParameters::with_inputs(leaf, (at == 0).then_some(shape.dimension), weights, &device)
        });
        Self {
            layers: layers.collect(),
            map: Parameter::new("map", map, [prepared.dimension, choices.dimension], &device),
            offsets: Parameter::new("offsets", vec![0.0; choices.dimension], [choices.dimension], &device),
            vectors: Rows::new(vectors),
            config: Arc::new(config.clone()),
            shape: Arc::new(shape),
            prepared: Arc::clone(prepared),
            seed,
            biases: recipe.network.biases,
            class_weights: prepared.class_weights(&recipe.class_weights),
            teacher,
            optimiser: adamw(choices.weight_decay),
            workspace: Workspace::default(),
            device,
            choices,
        }
    }

    /// The competition for a word's inputs.
    fn winners(&self) -> Winners {
        let SparseChoices { active, signed, surrogate, .. } = self.choices;
        Winners { active, signed, surrogate }
    }

    /// The inputs that win for each of `words`, `[words, k]`, by their numbers in the finished network.
    fn inputs_of(&self, words: &[u32]) -> Vec<u16> {
        let (map, offsets, winners) = (self.map.values(), self.offsets.values(), self.winners());
        let (from, to) = (self.prepared.dimension, self.choices.dimension);
        let mut inputs = Vec::with_capacity(words.len() * winners.active);
        let mut numbers = Vec::new();
        for words in words.chunks(1024) {
            let vectors = self.vectors.gather(words);
            numbers.resize(words.len() * to, 0.0);
            let (vectors, map) = (Matrix::new(&vectors, words.len(), from), Matrix::new(&map, from, to));
            shared_product(vectors, map, &mut numbers);
            for row in numbers.chunks_exact_mut(to) {
                row.iter_mut().zip(&offsets).for_each(|(number, offset)| *number += offset);
                let first = inputs.len();
                let (winning, _) = winners.of_row(row);
                inputs.extend(winning.into_iter().map(|d| {
                    let negative = winners.signed && row[d as usize] < 0.0;
                    (d as usize + if negative { to } else { 0 }) as u16
                }));
                inputs[first..].sort_unstable();
            }
        }
        inputs
    }

    /// The network as it is now, with codes of all words or of some; the others have none.
    ///
    /// # Errors
    /// If a weight is no longer finite.
    pub fn network(&self, words: Option<&[u32]>) -> Result<Network> {
        let all: Vec<u32>;
        let words = match words {
            Some(words) => words,
            None => {
                all = (0..self.prepared.vocabulary.len() as u32).collect();
                &all
            }
        };
        let active = self.choices.active;
        let mut inputs = vec![NO_INPUT; self.prepared.vocabulary.len() * active];
        for (&word, own) in words.iter().zip(self.inputs_of(words).chunks_exact(active)) {
            inputs[word as usize * active..][..active].copy_from_slice(own);
        }
        let mut layers: Vec<LayerWeights> = self.layers.iter().map(LeafParameters::values).collect();
        self.whole_numbers().export(&mut layers[0], self.choices.signed);
        Network::new((*self.config).clone(), Weights { codes: Codes::Active { active, inputs }, layers })
    }

    /// How the convolution's weights become whole numbers.
    fn whole_numbers(&self) -> WholeNumbers<'_> {
        WholeNumbers {
            shape: &self.shape,
            bits: self.config.synapse_bits,
            threshold: self.config.chain.text_convolution().1.threshold,
            steps: self.config.steps,
        }
    }

    /// What holds back channels that fire too often: `[B, C]` are shares of positions at which each fired.
    fn activity(&self, rates: Tensor<2>) -> Option<Tensor<1>> {
        let wanted = self.choices.activity;
        (wanted.weight > 0.0).then(|| {
            let above = burn_tensor::activation::relu(rates.mean_dim(0) - wanted.target);
            (above.clone() * above).mean() * wanted.weight
        })
    }
}

/// Names the stream of the map's first numbers, beside those of the layers.
const MAP: u64 = 1 << 32;

/// First weights of the convolution: so that a current has a deviation of half the threshold, and about one position in
/// six fires.
fn first_convolution(shape: &ConvolutionShape, choices: &SparseChoices, threshold: f32, seed: u64) -> LayerWeights {
    let mut rng = stream(seed, Purpose::Weights, 0, 0);
    let mut bounds = Vec::with_capacity(shape.products());
    for &width in &shape.widths {
        let deviation = 0.5 * threshold / ((width * choices.active) as f32).sqrt();
        bounds.extend(std::iter::repeat_n(deviation, width * shape.filters));
    }
    LayerWeights {
        synapses: (0..shape.dimension * bounds.len()).map(|i| bounds[i % bounds.len()] * normal(&mut rng)).collect(),
        presence: vec![0.0; shape.products()],
        bias: vec![0.5 * threshold; shape.channels()],
        ..LayerWeights::default()
    }
}

impl Trainable for SparseTextCnn {
    type Batches = DnnBatchMaker;

    fn batches(&self) -> DnnBatchMaker {
        let dropout = [self.choices.dropout, self.choices.word_dropout];
        DnnBatchMaker::new(&self.config, self.seed, dropout, (self.prepared.objective(), self.teacher))
    }

    fn train(&mut self, mut batch: DnnBatch, lr_scale: f64, overlap: impl FnOnce() + Send) -> f64 {
        let config = Arc::clone(&self.config);
        let (from, tokens) = (self.prepared.dimension, Arc::clone(batch.tokens()));
        let vectors = TensorData::new(batch.codes_alike(&self.vectors), [batch.kept(), from]);
        let mut vectors = Tensor::<2>::from_data(vectors, &self.device).autodiff();
        if self.vectors.can_learn() && self.choices.code_learning_rate > 0.0 {
            vectors = vectors.require_grad();
        }
        let (map, offsets) = (self.map.leaf(), self.offsets.leaf());
        let mut leaves: Vec<_> = Vec::with_capacity(self.layers.len());
        for (at, layer) in self.layers.iter().enumerate() {
            let mut values = layer.values();
            match at {
                0 => self.whole_numbers().round(&mut values),
                _ if values.synapses.is_empty() => {}
                _ => {
                    values.round(config.synapse_bits);
                }
            }
            leaves.push(layer.leaves_of(values, false));
        }
        let numbers_of_words = dense_layers::dense(vectors.clone(), map.clone(), offsets.clone());
        let codes = layers::winners(self.winners(), numbers_of_words);
        let layer = CodeLayer {
            shape: Arc::clone(&self.shape),
            neuron: *config.chain.text_convolution().1,
            steps: config.steps,
            batch: Arc::clone(&tokens),
            workspace: self.workspace.clone(),
        };
        let (weights, bias) = (leaves[0].synapses.clone(), leaves[0].bias.clone());
        let (weights, bias) = (weights.expect("a convolution has synapses"), bias.expect("and biases"));
        let sums = layers::code_convolution(&layer, codes, weights, bias);
        let readout = || {
            let [texts, steps, channels] = sums.dims();
            let rates = dense_layers::scale(sums, graph::shares_of_positions(&config, &tokens));
            let flat = |rates: Tensor<3>| rates.mean_dim(1).reshape([texts, channels]);
            let penalty = if self.choices.activity.weight > 0.0 { self.activity(flat(rates.clone())) } else { None };
            let rates = match batch.take_mask() {
                Some(mask) => dense_layers::scale(rates, mask),
                None => rates,
            };
            let currents = graph::outputs_of_rates(&config, &leaves, rates);
            debug_assert_eq!(currents.dims()[0], texts * steps);
            let (objective, weights) = (self.prepared.objective(), self.class_weights.as_deref());
            let mut loss = batch.lesson().loss(objective, &config, Outputs::Currents(currents), weights);
            if let Some(penalty) = penalty {
                loss = loss + penalty;
            }
            let gradients = loss.backward();
            (loss, gradients)
        };
        let ((loss, mut gradients), ()) = rayon::join(readout, overlap);
        let rate = lr_scale * self.choices.learning_rate;
        for (layer, leaf) in self.layers.iter_mut().zip(leaves) {
            let learns = |array| match array {
                Array::Synapses | Array::Shortcut => true,
                Array::Presence => false,
                Array::Bias => self.biases,
            };
            layer.update(&self.optimiser, rate, leaf, &mut gradients, learns);
        }
        let map_rate = lr_scale * self.choices.map_learning_rate;
        if map_rate > 0.0 {
            self.map.update(&self.optimiser, map_rate, map, &mut gradients);
            self.offsets.update(&self.optimiser, map_rate, offsets, &mut gradients);
        }
        if let Some(gradient) = vectors.grad_remove(&mut gradients) {
            let gradient = batch.gradient_alike(&into_numbers(gradient), from);
            let rate = lr_scale * self.choices.code_learning_rate;
            self.vectors.update(&self.optimiser, rate, batch.rows(), &gradient);
        }
        f64::from(numbers(&loss)[0])
    }

    fn development_score(&self) -> Result<Score> {
        let mut words: Vec<u32> = self.prepared.development.iter().flat_map(|text| &text.words).copied().collect();
        words.sort_unstable();
        words.dedup();
        words.retain(|&word| word != spiketext::text::UNKNOWN);
        Ok(development_score(&self.network(Some(&words))?, Noise::inference(self.seed), &self.prepared))
    }

    fn save(&self, prefix: &str, store: &mut Store) {
        self.vectors.save(prefix, store);
        self.map.save(prefix, store);
        self.offsets.save(prefix, store);
        self.layers.iter().for_each(|layer| layer.save(prefix, store));
    }

    fn save_values(&self, prefix: &str, store: &mut Store) {
        self.vectors.save_values(prefix, store);
        self.map.save_values(prefix, store);
        self.offsets.save_values(prefix, store);
        self.layers.iter().for_each(|layer| layer.save_values(prefix, store));
    }

    fn load(&mut self, prefix: &str, store: &Store) -> Result<()> {
        self.vectors.load(prefix, store)?;
        self.map.load(prefix, store)?;
        self.offsets.load(prefix, store)?;
        self.layers.iter_mut().try_for_each(|layer| layer.load(prefix, store))
    }
}
