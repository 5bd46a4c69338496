//! The real-valued TextCNN: tailored (ReLU and an average, with a bound or without) or original (maximum pooling).
//!
//! ```text
//! pooled[b, (k,f)] = pool over p of relu(b[k,f] + sum of taps)         see spiketext_kernels::text_convolution
//! logits[b, k]     = sum of the outputs of class k of (dropout(pooled) V + v)
//! ```

use std::sync::Arc;

use burn::tensor::{Device, Tensor, TensorData};
use spiketext::{
    Result,
    dnn::{Dnn, Parts},
    energy::RectifierShares,
    engine::batch_of,
    network::Specification,
    seed::{Purpose, stream, uniform},
    slices::argmax,
    vectors,
};
use spiketext_kernels::{
    ConvolutionShape, SILENT, TokenBatch, Workspace,
    adamw::AdamW,
    text_convolution::{Pooling, TextConvolution},
};

use crate::{
    layers,
    loss::{Mask, cross_entropy, dropout_factors, sum_groups},
    optimiser::{Parameter, Rows, adamw, into_numbers, numbers},
    prepare::{EncodedText, PreparedData},
    recipe::{DnnChoices, Recipe},
    schedule::{Batches, Trainable},
    store::Store,
};

/// A TextCNN with what its training needs.
pub struct TextCnn<'a> {
    specification: &'a Specification,
    choices: &'a DnnChoices,
    prepared: &'a PreparedData,
    seed: u64,
    centred: bool,
    range: f32,
    biases: bool,
    optimiser: AdamW,
    workspace: Workspace,
    device: Device,
    codes: Rows,
    weights: Parameter<2>,
    bias: Parameter<1>,
    output: Parameter<2>,
    output_bias: Parameter<1>,
}

/// The numbers of a trained TextCNN.
#[derive(Clone, Debug, PartialEq)]
pub struct DnnWeights {
    /// Codes as the network reads them, `[V, D]`: rates, or centred rates (equation 10).
    pub codes: Vec<f32>,
    /// Whether the codes are centred.
    pub centred: bool,
    /// The deviations k that the rates 0 and 1 stand for.
    pub range: f32,
    /// Convolution weights, `[D, M]`.
    pub weights: Vec<f32>,
    /// Convolution biases, `[C]`.
    pub bias: Vec<f32>,
    /// Output weights, `[C, O]`.
    pub output: Vec<f32>,
    /// Output biases, `[O]`.
    pub output_bias: Vec<f32>,
}

impl DnnWeights {
    /// The network of these numbers, to be questioned.
    ///
    /// # Errors
    /// If they do not fit the specification.
    pub fn into_dnn(self, specification: &Specification, pooling: Pooling) -> Result<Dnn> {
        let missing = if self.centred { 0.0 } else { 0.5 };
        let Self { codes, weights, bias, output, output_bias, .. } = self;
        let parts = Parts { pooling, codes, missing, weights, bias, output, output_bias };
        Dnn::new(specification.clone(), parts)
    }
}

impl<'a> TextCnn<'a> {
    /// A network before training: weights uniform within 1 / sqrt(fan-in), biases too where there are any.
    #[must_use]
    pub fn new(recipe: &'a Recipe, specification: &'a Specification, prepared: &'a PreparedData, seed: u64) -> Self {
        let device = Device::flex();
        let shape = &specification.convolution;
        let (d, m, c, o) = (shape.dimension, shape.products(), shape.channels(), specification.outputs());
        let draw = |which: u64, count: usize, bound: &dyn Fn(usize) -> f32| -> Vec<f32> {
            let mut rng = stream(seed, Purpose::Weights, which, 0);
            (0..count).map(|i| bound(i) * (2.0 * uniform(&mut rng) - 1.0)).collect()
        };
        // Fan-in of the column (width, tap, filter) and of the channel (width, filter).
        let fan_in: Vec<f32> = shape
            .widths
            .iter()
            .flat_map(|&width| std::iter::repeat_n(1.0 / ((width * d) as f32).sqrt(), width * shape.filters))
            .collect();
        let weights = draw(0, d * m, &|i| fan_in[i % m]);
        let on = |bound: f32| if recipe.network.biases { bound } else { 0.0 };
        let bias = draw(1, c, &|i| on(1.0 / ((shape.widths[i / shape.filters] * d) as f32).sqrt()));
        let output = draw(2, c * o, &|_| 1.0 / (c as f32).sqrt());
        let output_bias = draw(3, o, &|_| on(1.0 / (c as f32).sqrt()));
        let centred = recipe.words.centred;
        let k = recipe.words.range;
        let (codes, missing, range) = if centred {
            (prepared.rates.iter().map(|&rate| vectors::centred(rate, k)).collect(), 0.0, (-k, k))
        } else {
            (prepared.rates.iter().map(|&rate| vectors::with_range(rate, k)).collect(), 0.5, (0.0, 1.0))
        };
        let trainable = if recipe.words.trained { prepared.training_words } else { 0 };
        Self {
            specification,
            choices: &recipe.dnn,
            prepared,
            seed,
            centred,
            range: k,
            biases: recipe.network.biases,
            optimiser: adamw(recipe.dnn.weight_decay),
            workspace: Workspace::default(),
            codes: Rows::new(d, codes, trainable, missing, range),
            weights: Parameter::new("weights", weights, [d, m], &device),
            bias: Parameter::new("bias", bias, [c], &device),
            output: Parameter::new("output", output, [c, o], &device),
            output_bias: Parameter::new("output-bias", output_bias, [o], &device),
            device,
        }
    }

    /// The numbers as they are now.
    #[must_use]
    pub fn weights(&self) -> DnnWeights {
        DnnWeights {
            codes: self.codes.values().to_vec(),
            centred: self.centred,
            range: self.range,
            weights: self.weights.values(),
            bias: self.bias.values(),
            output: self.output.values(),
            output_bias: self.output_bias.values(),
        }
    }

    /// Share of `texts` whose label the network finds.
    #[must_use]
    pub fn accuracy(&self, texts: &[EncodedText]) -> f64 {
        self.prepared.accuracy(self.specification, texts, |words| self.labels(words))
    }

    /// The label that the network finds for each of `texts`.
    #[must_use]
    pub fn labels_of(&self, texts: &[EncodedText]) -> Vec<usize> {
        self.prepared.labels(self.specification, texts, |words| self.labels(words))
    }

    /// How much of the network's activity is not zero on texts given as word ids. A feature is zero where all
    /// rectifiers of its channel are, whichever way they are pooled.
    #[must_use]
    pub fn rectifier_shares(&self, texts: &[Vec<u32>]) -> RectifierShares {
        let (weights, bias) = (self.weights.values(), self.bias.values());
        let shape = &self.specification.convolution;
        let (mut rectifiers, mut features) = ([0u64; 2], [0u64; 2]);
        for texts in texts.chunks(64) {
            let (batch, rows) = batch_of(self.specification, texts);
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

    /// The labels of texts given as word ids.
    fn labels(&self, texts: &[Vec<u32>]) -> Vec<usize> {
        let (weights, bias) = (self.weights.values(), self.bias.values());
        let (output, output_bias) = (self.output.values(), self.output_bias.values());
        let specification = self.specification;
        let (outputs, group) = (specification.outputs(), specification.outputs_per_class);
        let mut labels = Vec::with_capacity(texts.len());
        for texts in texts.chunks(256) {
            let (batch, rows) = batch_of(specification, texts);
            let codes = self.codes.gather(&rows);
            let convolution = TextConvolution {
                shape: &specification.convolution,
                pooling: self.choices.pooling,
                weights: &weights,
                bias: &bias,
                workspace: &self.workspace,
            };
            let (pooled, _) = convolution.forward(&codes, &batch);
            for pooled in pooled.chunks_exact(specification.convolution.channels()) {
                let mut sums = output_bias.clone();
                for (feature, row) in pooled.iter().zip(output.chunks_exact(outputs)) {
                    sums.iter_mut().zip(row).for_each(|(sum, weight)| *sum += feature * weight);
                }
                let scores: Vec<f32> = sums.chunks_exact(group).map(|group| group.iter().sum()).collect();
                labels.push(argmax(&scores));
            }
        }
        labels
    }
}

/// Makes the batches of a TextCNN.
pub struct DnnBatchMaker<'a> {
    specification: &'a Specification,
    choices: &'a DnnChoices,
    seed: u64,
}

impl Batches for DnnBatchMaker<'_> {
    type Batch = DnnBatch;

    /// A batch of distinct words, and of those the ones that take part in step `step`. Words that dropout takes away are
    /// silent, which is what a code of zeros would make them, at no cost.
    fn batch(&self, texts: &[&EncodedText], step: u64) -> DnnBatch {
        let words: Vec<Vec<u32>> = texts.iter().map(|text| text.words.clone()).collect();
        let (mut batch, rows) = batch_of(self.specification, &words);
        let DnnChoices { word_dropout, dropout, .. } = *self.choices;
        let (mut kept, mut factor): (Vec<usize>, f32) = ((0..rows.len()).collect(), 1.0);
        if word_dropout > 0.0 {
            let factors = dropout_factors((self.seed, Mask::Words, step), word_dropout, rows.len());
            kept.retain(|&i| factors[i] > 0.0);
            let mut places = vec![SILENT; rows.len()];
            kept.iter().zip(0..).for_each(|(&i, place)| places[i] = place);
            batch = batch.with_rows(|row| places[row as usize]);
            factor = kept.first().map_or(1.0, |&i| factors[i]);
        }
        let channels = self.specification.convolution.channels();
        let mask = (dropout > 0.0)
            .then(|| dropout_factors((self.seed, Mask::Features, step), dropout, texts.len() * channels));
        let labels = texts.iter().map(|text| text.target.class()).collect();
        DnnBatch { tokens: Arc::new(batch), rows, kept, factor, mask, labels }
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
    labels: Vec<usize>,
}

impl DnnBatch {
    /// Codes of the words that take part, `[kept, D]`.
    fn codes(&self, table: &Rows) -> Vec<f32> {
        let rows: Vec<u32> = self.kept.iter().map(|&i| self.rows[i]).collect();
        table.gather_times(&rows, self.factor)
    }

    /// From the gradient of [`Self::codes`] to that of the codes of all the words, `[rows, D]`.
    fn gradient(&self, own: &[f32], dimension: usize) -> Vec<f32> {
        let mut all = vec![0.0; self.rows.len() * dimension];
        for (&i, own) in self.kept.iter().zip(own.chunks_exact(dimension)) {
            all[i * dimension..][..dimension].iter_mut().zip(own).for_each(|(all, own)| *all = self.factor * own);
        }
        all
    }
}

impl<'a> Trainable for TextCnn<'a> {
    type Batches = DnnBatchMaker<'a>;

    fn batches(&self) -> DnnBatchMaker<'a> {
        DnnBatchMaker { specification: self.specification, choices: self.choices, seed: self.seed }
    }

    fn train(&mut self, mut batch: DnnBatch, lr_scale: f64, overlap: impl FnOnce() + Send) -> f64 {
        let shape = Arc::new(self.specification.convolution.clone());
        let codes = TensorData::new(batch.codes(&self.codes), [batch.kept.len(), shape.dimension]);
        let mut codes = Tensor::<2>::from_data(codes, &self.device).autodiff();
        if self.codes.can_learn() {
            codes = codes.require_grad();
        }
        let (weights, bias) = (self.weights.leaf(), self.bias.leaf());
        let (output, output_bias) = (self.output.leaf(), self.output_bias.leaf());
        let pooled = layers::text_convolution(
            &shape,
            self.choices.pooling,
            &batch.tokens,
            codes.clone(),
            weights.clone(),
            bias.clone(),
            &self.workspace,
        );
        let readout = || {
            let features = match batch.mask.take() {
                Some(mask) => {
                    let mask = TensorData::new(mask, [batch.labels.len(), shape.channels()]);
                    pooled * Tensor::<2>::from_data(mask, &self.device).autodiff()
                }
                None => pooled,
            };
            let outputs = features.matmul(output.clone()) + output_bias.clone().unsqueeze::<2>();
            let loss = cross_entropy(sum_groups(outputs, self.specification.classes), &batch.labels);
            let gradients = loss.backward();
            (loss, gradients)
        };
        let ((loss, mut gradients), ()) = rayon::join(readout, overlap);
        let rate = lr_scale * self.choices.learning_rate;
        self.weights.update(&self.optimiser, rate, weights, &mut gradients);
        self.output.update(&self.optimiser, rate, output, &mut gradients);
        if self.biases {
            self.bias.update(&self.optimiser, rate, bias, &mut gradients);
            self.output_bias.update(&self.optimiser, rate, output_bias, &mut gradients);
        }
        if self.codes.can_learn()
            && let Some(gradient) = codes.grad_remove(&mut gradients)
        {
            let gradient = batch.gradient(&into_numbers(gradient), shape.dimension);
            self.codes.update(&self.optimiser, lr_scale * self.choices.code_learning_rate, &batch.rows, &gradient);
        }
        f64::from(numbers(&loss)[0])
    }

    fn development_accuracy(&self) -> Result<f64> {
        Ok(self.accuracy(&self.prepared.development))
    }

    fn save(&self, prefix: &str, store: &mut Store) {
        self.codes.save(prefix, store);
        self.weights.save(prefix, store);
        self.bias.save(prefix, store);
        self.output.save(prefix, store);
        self.output_bias.save(prefix, store);
    }

    fn save_values(&self, prefix: &str, store: &mut Store) {
        self.codes.save_values(prefix, store);
        self.weights.save_values(prefix, store);
        self.bias.save_values(prefix, store);
        self.output.save_values(prefix, store);
        self.output_bias.save_values(prefix, store);
    }

    fn load(&mut self, prefix: &str, store: &Store) -> Result<()> {
        self.codes.load(prefix, store)?;
        self.weights.load(prefix, store)?;
        self.bias.load(prefix, store)?;
        self.output.load(prefix, store)?;
        self.output_bias.load(prefix, store)
    }
}

#[cfg(test)]
mod tests {
    use spiketext::{data, network::Averaging, text::Language};

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
        for averaging in [Averaging::Valid, Averaging::Padded { length: 30 }] {
            recipe.network.averaging = averaging;
            let words = &recipe.words;
            let prepared = prepare(&reviews, Some(Language::English), &VectorSource::BuiltIn(None), words, 3)
                .expect("prepared texts");
            let specification = crate::specification(&recipe, prepared.dimension, 2);
            let network = TextCnn::new(&recipe, &specification, &prepared, 3);
            let mut texts: Vec<Vec<u32>> = prepared.train.iter().map(|text| text.words.clone()).collect();
            texts.push(vec![1]);
            let numbers = network.weights();
            let (shape, m) = (&specification.convolution, specification.convolution.products());
            let (mut all, mut active, mut features) = (0u64, 0u64, 0u64);
            for text in &texts {
                let (batch, rows) = batch_of(&specification, std::slice::from_ref(text));
                for (which, &width) in shape.widths.iter().enumerate() {
                    for f in 0..shape.filters {
                        let mut any = false;
                        for p in 0..batch.positions(0, width) {
                            let mut sum = f64::from(numbers.bias[which * shape.filters + f]);
                            for tap in 0..width {
                                let Some(&row) = batch.text(0).get(p + tap).filter(|&&row| row != SILENT) else {
                                    continue;
                                };
                                let codes = network.codes.gather(&rows[row as usize..][..1]);
                                let column = shape.first_product(which) + tap * shape.filters + f;
                                for (d, code) in codes.iter().enumerate() {
                                    sum += f64::from(*code) * f64::from(numbers.weights[d * m + column]);
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
