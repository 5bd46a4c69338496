//! The real-valued network in training: tailored (ReLU and an average, with a bound or without) or original (maximum
//! pooling).
//!
//! ```text
//! pooled[b, (k,f)] = pool over p of relu(b[k,f] + sum of taps)         see spiketext_kernels::text_convolution
//! logits[b, k]     = sum of the outputs of class k of (dropout(pooled) V + v)
//! ```
//!
//! and further layers between the two, where the chain has such (see [`crate::graph`]).

use std::sync::Arc;

use burn_tensor::{Device, Tensor, TensorData};
use spiketext::{
    Result,
    dnn::{self, Dnn, DnnView},
    energy::RectifierShares,
    engine::batch_of,
    metrics::LabelCounts,
    network::{LayerConfig, LayerWeights, Leaf, NetworkConfig, Signal},
    seed::{Purpose, stream, uniform},
    slices::argmax,
};
use spiketext_kernels::{
    ConvolutionShape, SILENT, TokenBatch, Workspace,
    adamw::AdamW,
    text_convolution::{Pooling, TextConvolution},
};

use crate::{
    codes::{CodeScale, WordCodes},
    dropout::{Mask, dropout_factors},
    graph::{self, LeafTensors},
    layers,
    lesson::Lesson,
    objective::{Objective, Outputs},
    optimiser::{Array, LeafParameters, Rows, adamw, into_numbers, numbers},
    prepare::{Answers, EncodedText, LikelyLabels, PreparedData},
    recipe::{Distillation, DnnChoices, Recipe},
    schedule::{Batches, Trainable},
    score::Score,
    store::Store,
    texts::TrainingTexts,
};

/// Texts that go forward together.
const FORWARD: usize = 256;

/// Texts that are in memory at once, where they are more than that: so many of the above.
const BLOCK: usize = 16 * FORWARD;

/// A real-valued network with what its training needs.
pub struct TextCnn {
    config: Arc<NetworkConfig>,
    choices: DnnChoices,
    teacher: Distillation,
    prepared: Arc<PreparedData>,
    seed: u64,
    biases: bool,
    /// Weights of the classes in the loss, `[K]`.
    class_weights: Option<Vec<f32>>,
    optimiser: AdamW,
    workspace: Workspace,
    device: Device,
    codes: Rows,
    layers: Vec<LeafParameters>,
}

/// The numbers of a trained real-valued network.
#[derive(Clone, Debug, PartialEq)]
pub struct DnnWeights {
    /// Codes as the network reads them, `[V, D]`: rates, or centred rates (equation 10).
    pub codes: WordCodes,
    /// Synapses and biases of each leaf of the chain.
    pub layers: Vec<LayerWeights>,
}

impl DnnWeights {
    /// The network of these numbers, to be questioned.
    ///
    /// # Errors
    /// If they do not fit the configuration.
    pub fn into_dnn(self, config: &NetworkConfig, pooling: Pooling) -> Result<Dnn> {
        let Self { codes, layers } = self;
        let (unknown_value, codes) = (codes.scale().missing(), codes.iter().collect());
        Dnn::new(config.clone(), dnn::DnnWeights { pooling, codes, unknown_value, layers })
    }
}

/// The first weights of a leaf: uniform within 1 / sqrt(fan-in), biases too where there are any. `which` names its
/// streams.
pub(crate) fn first_weights(leaf: &Leaf, which: u64, biases: bool, seed: u64) -> LayerWeights {
    let sizes = leaf.sizes();
    let draw = |which: u64, count: usize, bound: &dyn Fn(usize) -> f32| -> Vec<f32> {
        let mut rng = stream(seed, Purpose::Weights, which, 0);
        (0..count).map(|i| bound(i) * (2.0 * uniform(&mut rng) - 1.0)).collect()
    };
    let [rows, columns] = sizes.synapses;
    if rows == 0 {
        return LayerWeights::default();
    }
    // Fan-in of each column (width, tap, filter) and of each channel.
    let (of_column, of_channel): (Vec<f32>, Vec<f32>) = match &leaf.layer {
        LayerConfig::TextConvolution { shape, .. } => {
            let of = |&width: &usize| 1.0 / ((width * rows) as f32).sqrt();
            let taps = |width: &usize| std::iter::repeat_n(of(width), width * shape.filters);
            let filters = |width: &usize| std::iter::repeat_n(of(width), shape.filters);
            (shape.widths.iter().flat_map(taps).collect(), shape.widths.iter().flat_map(filters).collect())
        }
        LayerConfig::Convolution { width, .. } => {
            let of = 1.0 / ((width * rows) as f32).sqrt();
            (vec![of; columns], vec![of; sizes.bias])
        }
        _ => {
            let of = 1.0 / (rows as f32).sqrt();
            (vec![of; columns], vec![of; sizes.bias])
        }
    };
    let on = |bound: f32| if biases { bound } else { 0.0 };
    LayerWeights {
        synapses: draw(2 * which, rows * columns, &|i| of_column[i % columns]),
        bias: draw(2 * which + 1, sizes.bias, &|i| on(of_channel[i])),
        ..LayerWeights::default()
    }
}

impl TextCnn {
    /// A network before training: weights uniform within 1 / sqrt(fan-in), biases too where there are any.
    #[must_use]
    pub fn new(recipe: &Recipe, config: &NetworkConfig, prepared: &Arc<PreparedData>, seed: u64) -> Self {
        let device = Device::flex();
        let leaves = config.chain.leaves();
        // Streams 0 and 1 are the text convolution's, 2 and 3 the read-out's; what stands between has those after
        // them.
        let of = |(at, leaf): (usize, &Leaf)| {
            let which = match at {
                0 => 0,
                at if at + 1 == leaves.len() => 1,
                at => at as u64 + 1,
            };
            LeafParameters::new(leaf, first_weights(leaf, which, recipe.network.biases, seed), &device)
        };
        let layers = leaves.iter().enumerate().map(of).collect();
        let scale = CodeScale { centred: recipe.words.centred, range: recipe.words.range };
        let trainable = if recipe.words.trained { prepared.training_words } else { 0 };
        let codes = WordCodes::new(Arc::clone(&prepared.rates), config.dimension(), trainable, scale);
        Self {
            config: Arc::new(config.clone()),
            choices: recipe.dnn.clone(),
            teacher: recipe.teacher,
            prepared: Arc::clone(prepared),
            seed,
            biases: recipe.network.biases,
            class_weights: prepared.class_weights(&recipe.class_weights),
            optimiser: adamw(recipe.dnn.weight_decay),
            workspace: Workspace::default(),
            codes: Rows::new(codes),
            layers,
            device,
        }
    }

    /// The numbers as they are now.
    #[must_use]
    pub fn weights(&self) -> DnnWeights {
        DnnWeights {
            codes: self.codes.codes().clone(),
            layers: self.layers.iter().map(LeafParameters::values).collect(),
        }
    }

    /// How the answers of the network to `texts` stand to their classes; see [`PreparedData::label_counts`].
    #[must_use]
    pub fn label_counts(&self, texts: &[EncodedText], thresholds: &[f32]) -> LabelCounts {
        self.prepared.label_counts(&self.config, texts, thresholds, |words| self.answers(words))
    }

    /// What the network says of `texts`, `[N, K]`.
    #[must_use]
    pub fn logits(&self, texts: &[EncodedText]) -> Vec<f32> {
        let words: Vec<Vec<u32>> = texts.iter().map(|text| text.words.clone()).collect();
        self.answers(&words).scores
    }

    /// What it says of the texts that are trained on, `[N, K]`, which are not in memory all at once.
    ///
    /// # Errors
    /// If texts cannot be read.
    pub fn logits_of_training(&self, texts: &TrainingTexts) -> Result<Vec<f32>> {
        let mut logits = Vec::with_capacity(texts.len() * self.config.classes());
        for start in (0..texts.len()).step_by(BLOCK) {
            let block = start..texts.len().min(start + BLOCK);
            let words = block.map(|text| texts.words(text)).collect::<Result<Vec<_>>>()?;
            logits.extend(self.answers(&words).scores);
        }
        Ok(logits)
    }

    /// The label that the network finds for each of `texts`, and its probability.
    #[must_use]
    pub fn likely_labels_of(&self, texts: &[EncodedText]) -> LikelyLabels {
        self.prepared.likely_labels_of(&self.config, texts, 1.0, |words| self.answers(words))
    }

    /// How much of the network's activity is not zero on texts given as word ids. A feature is zero where all
    /// rectifiers of its channel are, whichever way they are pooled.
    #[must_use]
    pub fn rectifier_shares(&self, texts: &[Vec<u32>]) -> RectifierShares {
        if !graph::is_fused(&self.config) {
            return self.rectifier_shares_by_layer(texts);
        }
        let LayerWeights { synapses: weights, bias, .. } = self.layers[0].values();
        let shape = self.config.convolution();
        let (mut rectifiers, mut features) = ([0u64; 2], [0u64; 2]);
        for texts in texts.chunks(64) {
            let (batch, rows) = batch_of(&self.config, texts);
            let codes = self.codes.gather(&rows);
            for (width_index, &width) in shape.widths.iter().enumerate() {
                // Each position as a text of its own: what is pooled is the rectifier.
                let mut windows = TokenBatch::new(0);
                for b in 0..batch.len() {
                    for p in 0..batch.positions(b, width) {
                        windows.push((p..p + width).map(|i| batch.text(b).get(i).copied().unwrap_or(SILENT)));
                    }
                }
                let alone = ConvolutionShape { widths: vec![width], ..shape.clone() };
                let columns = shape.first_product(width_index)..shape.first_product(width_index) + alone.products();
                let weights: Vec<f32> =
                    weights.chunks_exact(shape.products()).flat_map(|row| &row[columns.clone()]).copied().collect();
                let bias = &bias[width_index * shape.filters..][..shape.filters];
                let pooling = self.choices.pooling;
                let workspace = &self.workspace;
                let layer = TextConvolution { shape: &alone, pooling, weights: &weights, bias, workspace };
                let (values, _) = layer.forward(&codes, &windows);
                let mut rest = &values[..];
                for b in 0..batch.len() {
                    let (own, others) = rest.split_at(batch.positions(b, width) * shape.filters);
                    rest = others;
                    let mut active = vec![false; shape.filters];
                    for position in own.chunks_exact(shape.filters) {
                        for (active, &value) in active.iter_mut().zip(position) {
                            *active |= value > 0.0;
                            rectifiers[usize::from(value > 0.0)] += 1;
                        }
                    }
                    active.into_iter().for_each(|active| features[usize::from(active)] += 1);
                }
            }
        }
        let share = |[zero, active]: [u64; 2]| active as f64 / (zero + active).max(1) as f64;
        RectifierShares { convolution: share(rectifiers), features: share(features) }
    }

    /// The same where further layers stand over the positions: all their rectifiers, and the features after them.
    fn rectifier_shares_by_layer(&self, texts: &[Vec<u32>]) -> RectifierShares {
        let (mut rectifiers, mut features) = ([0usize; 2], [0usize; 2]);
        self.forward(texts, |leaf, values| {
            let active = values.iter().filter(|&&value| value > 0.0).count();
            let counts = match leaf.output {
                Signal::Positions => &mut rectifiers,
                Signal::Sums => &mut features,
                _ => return,
            };
            *counts = [counts[0] + values.len() - active, counts[1] + active];
        });
        let share = |[zero, active]: [usize; 2]| active as f64 / (zero + active).max(1) as f64;
        RectifierShares { convolution: share(rectifiers), features: share(features) }
    }

    /// Runs texts given as word ids and returns their outputs, `[B, O]`; `see` is shown what leaves give.
    fn forward(&self, texts: &[Vec<u32>], mut see: impl FnMut(&Leaf, &[f32])) -> Vec<f32> {
        let layers: Vec<LayerWeights> = self.layers.iter().map(LeafParameters::values).collect();
        let view = DnnView { config: &self.config, pooling: self.choices.pooling, layers: &layers };
        let leaves = self.config.chain.leaves();
        let mut outputs = Vec::with_capacity(texts.len() * self.config.outputs());
        for texts in texts.chunks(FORWARD) {
            let (batch, rows) = batch_of(&self.config, texts);
            let codes = self.codes.gather(&rows);
            outputs
                .extend(dnn::forward(view, &batch, &codes, &self.workspace, |at, values| see(&leaves[at], values)));
        }
        outputs
    }

    /// What the network says of texts given as word ids.
    fn answers(&self, texts: &[Vec<u32>]) -> Answers {
        let outputs = self.forward(texts, |_, _| {});
        let groups = outputs.chunks_exact(self.config.outputs_per_class());
        let scores: Vec<f32> = groups.map(|group| group.iter().sum()).collect();
        Answers { labels: scores.chunks_exact(self.config.classes()).map(argmax).collect(), scores }
    }
}

/// Makes the batches of a TextCNN.
pub struct DnnBatchMaker {
    config: Arc<NetworkConfig>,
    seed: u64,
    /// Share of pooled features dropped.
    dropout: f32,
    /// Share of the distinct words of a batch dropped.
    word_dropout: f32,
    /// What the texts are right by, and how who teaches is listened to.
    lessons: (Objective, Distillation),
}

impl DnnBatchMaker {
    /// For texts of a network of `config`, by these shares of dropout of features and words.
    pub(crate) fn new(
        config: &Arc<NetworkConfig>,
        seed: u64,
        [dropout, word_dropout]: [f32; 2],
        lessons: (Objective, Distillation),
    ) -> Self {
        Self { config: Arc::clone(config), seed, dropout, word_dropout, lessons }
    }
}

impl Batches for DnnBatchMaker {
    type Batch = DnnBatch;

    /// A batch of distinct words, and of those the ones that take part in step `step`. Words that dropout takes away
    /// are silent, which is what a code of zeros would make them, at no cost.
    fn batch(&self, texts: &[&EncodedText], _: &[usize], step: u64) -> DnnBatch {
        let (mut batch, rows) = batch_of(&self.config, texts.iter().map(|text| &text.words));
        let Self { word_dropout, dropout, .. } = *self;
        let (mut kept, mut factor): (Vec<usize>, f32) = ((0..rows.len()).collect(), 1.0);
        if word_dropout > 0.0 {
            let factors = dropout_factors((self.seed, Mask::Words, step), word_dropout, rows.len());
            kept.retain(|&i| factors[i] > 0.0);
            let mut places = vec![SILENT; rows.len()];
            kept.iter().zip(0..).for_each(|(&i, place)| places[i] = place);
            batch = batch.with_rows(|row| places[row as usize]);
            factor = kept.first().map_or(1.0, |&i| factors[i]);
        }
        let channels = graph::pooled_channels(&self.config);
        let mask = (dropout > 0.0)
            .then(|| dropout_factors((self.seed, Mask::Features, step), dropout, texts.len() * channels));
        let lesson = Lesson::of(self.lessons.0, texts, self.lessons.1);
        DnnBatch { tokens: Arc::new(batch), rows, kept, factor, mask, lesson }
    }
}

/// What a training step sees of its texts.
pub struct DnnBatch {
    /// The texts in terms of the words that take part.
    tokens: Arc<TokenBatch>,
    /// All distinct words of the texts.
    rows: Vec<u32>,
    /// Which of them take part.
    kept: Vec<usize>,
    /// By what their codes are multiplied, in the place of those left out.
    factor: f32,
    /// Factors of dropout of the pooled features, `[B, C]`.
    mask: Option<Vec<f32>>,
    lesson: Lesson,
}

impl DnnBatch {
    /// Codes of the words that take part, `[kept, D]`.
    fn codes(&self, table: &Rows) -> Vec<f32> {
        let rows: Vec<u32> = self.kept.iter().map(|&i| self.rows[i]).collect();
        table.gather_times(&rows, self.factor)
    }

    /// The same without that factor, `[kept, D]`.
    pub(crate) fn codes_alike(&self, table: &Rows) -> Vec<f32> {
        let rows: Vec<u32> = self.kept.iter().map(|&i| self.rows[i]).collect();
        table.gather(&rows)
    }

    /// From the gradient of [`Self::codes_alike`] to that of the codes of all the words, `[rows, D]`.
    pub(crate) fn gradient_alike(&self, seen: &[f32], dimension: usize) -> Vec<f32> {
        self.gradient_times(1.0, seen, dimension)
    }

    /// The texts in terms of the words that take part.
    pub(crate) fn tokens(&self) -> &Arc<TokenBatch> {
        &self.tokens
    }

    /// Words that take part.
    pub(crate) fn kept(&self) -> usize {
        self.kept.len()
    }

    /// All distinct words of the texts.
    pub(crate) fn rows(&self) -> &[u32] {
        &self.rows
    }

    /// What the texts teach.
    pub(crate) fn lesson(&self) -> &Lesson {
        &self.lesson
    }

    /// Factors of dropout of the pooled features, `[B, C]`, once.
    pub(crate) fn take_mask(&mut self) -> Option<Vec<f32>> {
        self.mask.take()
    }

    /// From the gradient of [`Self::codes`] to that of the codes of all the words, `[rows, D]`.
    fn gradient(&self, seen: &[f32], dimension: usize) -> Vec<f32> {
        self.gradient_times(self.factor, seen, dimension)
    }

    fn gradient_times(&self, factor: f32, seen: &[f32], dimension: usize) -> Vec<f32> {
        let mut all = vec![0.0; self.rows.len() * dimension];
        for (&i, seen) in self.kept.iter().zip(seen.chunks_exact(dimension)) {
            all[i * dimension..][..dimension].iter_mut().zip(seen).for_each(|(all, seen)| *all = factor * seen);
        }
        all
    }
}

impl Trainable for TextCnn {
    type Batches = DnnBatchMaker;

    fn batches(&self) -> DnnBatchMaker {
        let dropout = [self.choices.dropout, self.choices.word_dropout];
        DnnBatchMaker::new(&self.config, self.seed, dropout, (self.prepared.objective(), self.teacher))
    }

    fn train(&mut self, mut batch: DnnBatch, lr_scale: f64, overlap: impl FnOnce() + Send) -> f64 {
        let config = Arc::clone(&self.config);
        let (config, dimension) = (&*config, config.dimension());
        let codes = TensorData::new(batch.codes(&self.codes), [batch.kept.len(), dimension]);
        let mut codes = Tensor::<2>::from_data(codes, &self.device).autodiff();
        if self.codes.can_learn() {
            codes = codes.require_grad();
        }
        let leaves: Vec<LeafTensors> = self.layers.iter().map(LeafParameters::leaves).collect();
        let read = (&batch.tokens, codes.clone());
        let pooled = graph::real_valued_features(config, self.choices.pooling, &leaves, read, &self.workspace);
        let readout = || {
            let features = match batch.mask.take() {
                Some(mask) => layers::scale(pooled, mask),
                None => pooled,
            };
            let outputs = Outputs::Values(graph::real_valued_outputs(config, &leaves, features));
            let weights = self.class_weights.as_deref();
            let loss = batch.lesson.loss(self.prepared.objective(), config, outputs, weights);
            let gradients = loss.backward();
            (loss, gradients)
        };
        let ((loss, mut gradients), ()) = rayon::join(readout, overlap);
        let rate = lr_scale * self.choices.learning_rate;
        for (layer, leaf) in self.layers.iter_mut().zip(leaves) {
            layer.update(&self.optimiser, rate, leaf, &mut gradients, |array| array != Array::Bias || self.biases);
        }
        if self.codes.can_learn()
            && let Some(gradient) = codes.grad_remove(&mut gradients)
        {
            let gradient = batch.gradient(&into_numbers(gradient), dimension);
            self.codes.update(&self.optimiser, lr_scale * self.choices.code_learning_rate, &batch.rows, &gradient);
        }
        f64::from(numbers(&loss)[0])
    }

    fn development_score(&self) -> Result<Score> {
        let prepared = &self.prepared;
        Ok(prepared.score(&self.config, &prepared.development, |words| self.answers(words)))
    }

    fn save(&self, prefix: &str, store: &mut Store) {
        self.codes.save(prefix, store);
        self.layers.iter().for_each(|layer| layer.save(prefix, store));
    }

    fn save_values(&self, prefix: &str, store: &mut Store) {
        self.codes.save_values(prefix, store);
        self.layers.iter().for_each(|layer| layer.save_values(prefix, store));
    }

    fn load(&mut self, prefix: &str, store: &Store) -> Result<()> {
        self.codes.load(prefix, store)?;
        self.layers.iter_mut().try_for_each(|layer| layer.load(prefix, store))
    }
}

#[cfg(test)]
mod tests {
    use spiketext::{data, network::Padding, text::Language};

    use super::*;
    use crate::prepare::{VectorSource, prepare};

    /// A convolution by its definition: the shares that the fast kernel's windows must give.
    #[test]
    fn zeros_of_the_rectifiers_are_those_of_the_definition() {
        let mut reviews = data::load("reviews-en", None).expect("the built-in reviews");
        reviews.train.truncate(70);
        reviews.development.truncate(5);
        reviews.test.truncate(5);
        let mut recipe = Recipe::lean();
        (recipe.network.widths, recipe.network.filters) = (vec![2, 5], 7);
        for padding in [Padding::Valid, Padding::Padded { length: 30 }] {
            recipe.network.averaging = padding;
            let words = &recipe.words;
            let prepared =
                prepare(&reviews, None, Some(Language::English), &VectorSource::BuiltIn(None), words, 3, 0)
                    .expect("prepared texts");
            let prepared = Arc::new(prepared);
            let config = crate::network_config(&recipe, prepared.dimension, 2).expect("a network");
            let network = TextCnn::new(&recipe, &config, &prepared, 3);
            let mut texts: Vec<Vec<u32>> = (0..70).map(|text| prepared.train.words(text).expect("words")).collect();
            texts.push(vec![1]);
            let numbers = network.weights();
            let (shape, m) = (config.convolution(), config.convolution().products());
            let (mut all, mut active, mut features) = (0u64, 0u64, 0u64);
            for text in &texts {
                let (batch, rows) = batch_of(&config, [text]);
                for (which, &width) in shape.widths.iter().enumerate() {
                    for f in 0..shape.filters {
                        let mut any = false;
                        for p in 0..batch.positions(0, width) {
                            let mut sum = f64::from(numbers.layers[0].bias[which * shape.filters + f]);
                            for tap in 0..width {
                                let Some(&row) = batch.text(0).get(p + tap).filter(|&&row| row != SILENT) else {
                                    continue;
                                };
                                let codes = network.codes.gather(&rows[row as usize..][..1]);
                                let column = shape.first_product(which) + tap * shape.filters + f;
                                for (d, code) in codes.iter().enumerate() {
                                    sum += f64::from(*code) * f64::from(numbers.layers[0].synapses[d * m + column]);
                                }
                            }
                            any |= sum > 0.0;
                            all += 1;
                            active += u64::from(sum > 0.0);
                        }
                        features += u64::from(any);
                    }
                }
            }
            let shares = network.rectifier_shares(&texts);
            // A sum next to zero may fall on either side of it.
            let near =
                |share: f64, part: u64, whole: u64| (share - part as f64 / whole as f64).abs() * whole as f64 <= 2.0;
            assert!(near(shares.convolution, active, all), "{shares:?}: {active} of {all}");
            let channels = (texts.len() * shape.channels()) as u64;
            assert!(near(shares.features, features, channels), "{shares:?}: {features} of {channels}");
            assert!(active > all / 10 && active < all / 10 * 9 && features < channels);
        }
    }
}
