//! The real-valued network that a spiking network was converted from, for those who compare the two: its answers, and
//! what exchanging a word would do to them.
//!
//! `forward` runs it; `quantised` is the same network in whole numbers of few bits, `levels` the same on inputs of few
//! levels.
//!
//! It reads the words of the spiking network's model and keeps codes of its own, in single precision. A model folder
//! holds it as `dnn.safetensors` if training was asked to keep it.

mod forward;
mod levels;
mod quantised;

use std::{collections::HashMap, path::Path};

pub use forward::{DnnView, forward};
pub use levels::Levels;
pub use quantised::{QuantisedBits, QuantisedDnn};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use spiketext_kernels::{
    SILENT, TokenBatch, Workspace,
    text_convolution::{Pooling, TextConvolution},
};

use crate::{
    Error, Result,
    engine::batch_of,
    loss::loss_gradient,
    network::{LayerWeights, Leaf, NetworkConfig, TextCnnConfig},
    target::Target,
    text::UNKNOWN,
};

/// The file's name in a model folder.
pub const FILE: &str = "dnn.safetensors";

const FORMAT: &str = "spiketext-dnn-2";
/// What files said of themselves when there were text convolutions and read-outs only, under names of their own.
const FORMAT_1: &str = "spiketext-dnn";
/// The key under which the pooling stands in the file's metadata.
const POOLING: &str = "pooling";
/// The key of the code of an unknown word.
const UNKNOWN_VALUE: &str = "missing";

/// Texts that are run together, if their tokens are not too many.
const TEXTS_A_BATCH: usize = 256;
/// Tokens that are run together, if it is more than one text: layers over positions hold all of theirs at once.
const TOKENS_A_BATCH: usize = 1 << 15;

/// The numbers of a real-valued network.
#[derive(Clone, Debug, PartialEq)]
pub struct DnnWeights {
    /// How positions become a feature.
    pub pooling: Pooling,
    /// Codes of the words as the network reads them, `[V, D]`.
    pub codes: Vec<f32>,
    /// Each number of the code of an unknown word, where such words are not silent.
    pub unknown_value: f32,
    /// Synapses and biases of each leaf of the chain, in the shapes of the spiking network's; nothing else.
    pub layers: Vec<LayerWeights>,
}

/// A real-valued network ready to run.
#[derive(Clone, Debug)]
pub struct Dnn {
    config: NetworkConfig,
    weights: DnnWeights,
    workspace: Workspace,
}

impl Dnn {
    /// Puts a network together. Of the configuration only what has nothing to do with spikes is used.
    ///
    /// # Errors
    /// If a length does not fit the configuration, or a number is not finite.
    pub fn new(config: NetworkConfig, weights: DnnWeights) -> Result<Self> {
        config.check()?;
        let refuse = |expected: String, got: String| Err(Error::invalid("dnn", expected, got));
        let leaves = config.chain.leaves();
        if weights.layers.len() != leaves.len() {
            return refuse(format!("numbers of {} layers", leaves.len()), weights.layers.len().to_string());
        }
        let unknown = [weights.unknown_value];
        let mut arrays = vec![("code of unknown words".to_owned(), &unknown[..], 1)];
        let whole = weights.codes.len() / config.dimension() * config.dimension();
        arrays.push(("codes".to_owned(), &weights.codes, whole));
        for (leaf, layer) in leaves.iter().zip(&weights.layers) {
            let sizes = leaf.sizes();
            let wanted = [("synapses", sizes.synapses[0] * sizes.synapses[1]), ("bias", sizes.bias)];
            for (name, values) in layer.named() {
                let wanted = wanted.iter().find(|(own, _)| *own == name).map_or(0, |(_, wanted)| *wanted);
                arrays.push((format!("{name} of layer {}", leaf.path), values, wanted));
            }
        }
        for (what, values, length) in arrays {
            if values.len() != length {
                return refuse(format!("{length} {what}"), values.len().to_string());
            }
            if let Some(value) = values.iter().find(|value| !value.is_finite()) {
                return refuse(format!("finite {what}"), value.to_string());
            }
        }
        Ok(Self { config, weights, workspace: Workspace::default() })
    }

    /// Its numbers.
    #[must_use]
    pub fn weights(&self) -> &DnnWeights {
        &self.weights
    }

    /// Words it has codes for.
    #[must_use]
    pub fn words(&self) -> usize {
        self.weights.codes.len() / self.config.dimension()
    }

    /// Scores of each class of texts given as word ids, `[B, K]`: what the softmax is taken of.
    ///
    /// # Panics
    /// If an id is neither a word of the network nor [`UNKNOWN`].
    #[must_use]
    pub fn scores(&self, texts: &[Vec<u32>]) -> Vec<f32> {
        let weights = &self.weights;
        let view = DnnView { config: &self.config, pooling: weights.pooling, layers: &weights.layers };
        let mut scores = Vec::with_capacity(texts.len() * self.config.classes());
        let mut rest = texts;
        while !rest.is_empty() {
            let (texts, others) = rest.split_at(self.texts_a_batch(rest));
            rest = others;
            let (batch, words) = batch_of(&self.config, texts);
            let codes: Vec<f32> = words.iter().flat_map(|&word| self.code(word)).collect();
            let outputs = forward(view, &batch, &codes, &self.workspace, |_, _| {});
            scores.extend(sums_of_classes(&self.config, &outputs));
        }
        scores
    }

    /// How many of `texts`, from the first on, run together.
    fn texts_a_batch(&self, texts: &[Vec<u32>]) -> usize {
        let padding = self.config.padding;
        let mut tokens = 0;
        let fits = texts.iter().take(TEXTS_A_BATCH).take_while(|text| {
            tokens += text.len().min(padding.longest()).max(padding.padded_length());
            tokens <= TOKENS_A_BATCH
        });
        fits.count().max(1)
    }

    /// To first order, by how much the cross-entropy loss of a text of this target would grow if the word at a place
    /// became another one, for each (place, word) of `exchanges`: the gradient with respect to the code at that
    /// place, times the difference of the codes. 0 at places that the network does not read. `None` for networks with
    /// further convolutions or dense layers.
    ///
    /// # Panics
    /// As [`Self::scores`], or if the target does not fit the classes.
    #[must_use]
    pub fn first_order(&self, text: &[u32], target: &Target, exchanges: &[(usize, u32)]) -> Option<Vec<f32>> {
        let form = TextCnnConfig::of(&self.config)?;
        let (first, output) = (&self.weights.layers[0], &self.weights.layers[self.weights.layers.len() - 1]);
        let shape = &form.convolution;
        let (outputs, group) = (form.outputs(), form.outputs_per_class);
        // Each place is a token of its own, so that each has a gradient of its own.
        let (once, words) = batch_of(&self.config, [text]);
        let mut batch = TokenBatch::new(self.config.padding.padded_length());
        let mut own = Vec::new();
        let mut token_of: HashMap<usize, usize> = HashMap::new();
        batch.push(once.text(0).iter().enumerate().map(|(place, &row)| {
            if row == SILENT {
                return SILENT;
            }
            token_of.insert(place, own.len());
            own.push(words[row as usize]);
            own.len() as u32 - 1
        }));
        let codes: Vec<f32> = own.iter().flat_map(|&word| self.code(word)).collect();
        let convolution = TextConvolution {
            shape,
            pooling: self.weights.pooling,
            weights: &first.synapses,
            bias: &first.bias,
            workspace: &self.workspace,
        };
        let (pooled, products) = convolution.forward(&codes, &batch);
        let mut sums = output.bias.clone();
        for (feature, row) in pooled.iter().zip(output.synapses.chunks_exact(outputs)) {
            sums.iter_mut().zip(row).for_each(|(sum, weight)| *sum += feature * weight);
        }
        let d_scores = loss_gradient(&sums_of_classes(&self.config, &sums), 1.0, target);
        let d_pooled: Vec<f32> = output
            .synapses
            .chunks_exact(outputs)
            .map(|row| row.iter().enumerate().map(|(o, weight)| d_scores[o / group] * weight).sum())
            .collect();
        let gradients = convolution.backward(&codes, &batch, &products, &d_pooled, true);
        let gain = |&(place, word): &(usize, u32)| {
            let Some(&token) = token_of.get(&place) else { return 0.0 };
            let own = |values: &[f32]| values[token * shape.dimension..][..shape.dimension].to_vec();
            let (gradient, before) = (own(&gradients.codes), own(&codes));
            gradient
                .iter()
                .zip(before.iter().zip(self.code(word)))
                .map(|(g, (before, after))| g * (after - before))
                .sum()
        };
        Some(exchanges.iter().map(gain).collect())
    }

    /// The code of a word; of an unknown one that is silent, zeros, which drive nothing.
    ///
    /// # Panics
    /// If the id is neither a word of the network nor [`UNKNOWN`].
    #[must_use]
    pub fn code(&self, word: u32) -> Vec<f32> {
        let dimension = self.config.dimension();
        if word == UNKNOWN {
            return vec![self.weights.unknown_value; dimension];
        }
        self.weights.codes[word as usize * dimension..][..dimension].to_vec()
    }

    /// The network as the bytes of a safetensors file.
    ///
    /// # Errors
    /// If the library refuses.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let mut arrays = vec![("codes".to_owned(), &self.weights.codes, vec![self.words(), self.config.dimension()])];
        for (leaf, layer) in self.config.chain.leaves().iter().zip(&self.weights.layers) {
            if !layer.synapses.is_empty() {
                arrays.push((format!("{}.synapses", leaf.path), &layer.synapses, leaf.sizes().synapses.to_vec()));
                arrays.push((format!("{}.bias", leaf.path), &layer.bias, vec![layer.bias.len()]));
            }
        }
        let bytes: Vec<Vec<u8>> =
            arrays.iter().map(|(_, values, _)| values.iter().flat_map(|v| v.to_le_bytes()).collect()).collect();
        let wrong = |error: safetensors::SafeTensorError| {
            Error::invalid("save dnn", "tensors that can be written", error.to_string())
        };
        let views = arrays
            .iter()
            .zip(&bytes)
            .map(|((name, _, shape), bytes)| Ok((name.as_str(), TensorView::new(Dtype::F32, shape.clone(), bytes)?)))
            .collect::<std::result::Result<Vec<_>, _>>()
            .map_err(wrong)?;
        // One key: several would be written in no fixed order.
        let facts = serde_json::json!({
            "format": FORMAT,
            POOLING: self.weights.pooling,
            UNKNOWN_VALUE: self.weights.unknown_value,
        });
        let metadata = HashMap::from([("spiketext".to_owned(), facts.to_string())]);
        safetensors::serialize(views, Some(metadata)).map_err(wrong)
    }

    /// The network that is kept beside a model of this configuration and so many words, out of its file's bytes; `path` is
    /// for the errors.
    ///
    /// # Errors
    /// If they are damaged or another model's.
    pub(crate) fn from_bytes(path: &Path, bytes: &[u8], config: NetworkConfig, words: usize) -> Result<Self> {
        let broken = |expected: &str, got: String| Error::malformed(path, None, expected, got);
        let strange = |error: safetensors::SafeTensorError| broken("a safetensors file", error.to_string());
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(strange)?;
        #[derive(serde::Deserialize)]
        struct Facts {
            format: String,
            pooling: Pooling,
            missing: f32,
        }
        let facts =
            header.metadata().as_ref().and_then(|map| map.get("spiketext")).map(String::as_str).unwrap_or_default();
        let facts: Facts = serde_json::from_str(facts)
            .map_err(|error| broken("what a spiketext DNN says of itself", error.to_string()))?;
        let old = facts.format == FORMAT_1;
        if !old && facts.format != FORMAT {
            return Err(broken(FORMAT, facts.format));
        }
        let tensors = SafeTensors::deserialize(bytes).map_err(strange)?;
        let part = |name: &str, shape: &[usize]| -> Result<Vec<f32>> {
            let view = tensors.tensor(name).map_err(|error| broken("a tensor of each name", error.to_string()))?;
            if view.shape() != shape || view.dtype() != Dtype::F32 {
                let got = format!("{:?} {:?}", view.dtype(), view.shape());
                return Err(broken(&format!("'{name}' of F32 {shape:?}"), got));
            }
            Ok(view.data().as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
        };
        let last = config.chain.leaves().len() - 1;
        let layer = |(at, leaf): (usize, &Leaf)| -> Result<LayerWeights> {
            let sizes = leaf.sizes();
            if sizes.bias == 0 {
                return Ok(LayerWeights::default());
            }
            let (synapses, bias) = match (old, at) {
                (true, 0) => ("weights".to_owned(), "bias".to_owned()),
                (true, at) if at == last => ("output".to_owned(), "output_bias".to_owned()),
                _ => (format!("{}.synapses", leaf.path), format!("{}.bias", leaf.path)),
            };
            let (synapses, bias) = (part(&synapses, &sizes.synapses)?, part(&bias, &[sizes.bias])?);
            Ok(LayerWeights { synapses, bias, ..LayerWeights::default() })
        };
        let weights = DnnWeights {
            pooling: facts.pooling,
            codes: part("codes", &[words, config.dimension()])?,
            unknown_value: facts.missing,
            layers: config.chain.leaves().iter().enumerate().map(layer).collect::<Result<_>>()?,
        };
        Self::new(config, weights)
    }
}

/// Outputs `[B, O]` added up by class, `[B, K]`.
fn sums_of_classes(config: &NetworkConfig, outputs: &[f32]) -> Vec<f32> {
    outputs.chunks_exact(config.outputs_per_class()).map(|group| group.iter().sum()).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use spiketext_kernels::{ConvolutionShape, NeuronParameters};

    use super::*;
    use crate::{
        encode::Encoder,
        engine::tests::network,
        loss::softmax,
        network::{Chain, LayerConfig, Padding, Readout, UnknownWord},
        seed::{Purpose, normal, stream},
    };

    const WORDS: usize = 10;

    fn config() -> NetworkConfig {
        network(Readout::Membrane, Encoder::Regular, Padding::Valid).config().clone()
    }

    /// Random numbers for a network of ten words.
    pub(crate) fn dnn(config: NetworkConfig, pooling: Pooling) -> Dnn {
        let mut rng = stream(5, Purpose::Weights, 0, 0);
        let mut draw = |count: usize, size: f32| (0..count).map(|_| size * normal(&mut rng)).collect::<Vec<f32>>();
        let codes = draw(WORDS * config.dimension(), 0.8);
        let layers = config.chain.leaves().iter().map(|leaf| {
            let sizes = leaf.sizes();
            let size = if matches!(leaf.layer, LayerConfig::Readout { .. }) { 0.5 } else { 0.3 };
            let synapses = draw(sizes.synapses[0] * sizes.synapses[1], size);
            LayerWeights { synapses, bias: draw(sizes.bias, 0.1), ..LayerWeights::default() }
        });
        let layers = layers.collect();
        Dnn::new(config, DnnWeights { pooling, codes, unknown_value: 0.0, layers }).expect("a sound network")
    }

    /// A text convolution, two residual blocks, the neurons or not, dense layers, a read-out.
    fn deep(padding: Padding, neurons: bool, dense: usize) -> NetworkConfig {
        let neuron = NeuronParameters::paper();
        let shape = ConvolutionShape { widths: vec![3], filters: 6, dimension: 12 };
        let convolution = |width, filters| LayerConfig::Convolution { width, filters, neuron };
        let block = |layers: &[LayerConfig]| LayerConfig::Residual { layers: layers.to_vec() };
        let mut layers = vec![
            LayerConfig::TextConvolution { shape, neuron },
            block(&[convolution(3, 4), convolution(2, 6)]),
            convolution(4, 5),
            block(&[convolution(1, 5)]),
            LayerConfig::Pooling,
        ];
        layers.extend(neurons.then_some(LayerConfig::Neurons { neuron }));
        layers.extend((0..dense).map(|i| LayerConfig::Dense { neurons: 7 + i, neuron }));
        layers.push(LayerConfig::Readout { classes: 3, outputs_per_class: 2, read: Readout::Membrane, neuron });
        NetworkConfig { padding, chain: Chain::new(layers).expect("a chain"), ..config() }
    }

    /// A network of [`deep`] on one text, number by number in double precision.
    fn naively(dnn: &Dnn, text: &[u32]) -> Vec<f64> {
        let (config, weights) = (&dnn.config, &dnn.weights);
        let read = &text[..text.len().min(config.padding.longest())];
        let width = config.convolution().widths[0];
        let rows = read.len().max(config.padding.padded_length()).max(width);
        // What a layer before gave, by (position, channel); all that is before the first and behind the last is 0.
        let mut values: Vec<Vec<f64>> = (0..rows)
            .map(|i| match read.get(i) {
                Some(&word) => dnn.code(word).into_iter().map(f64::from).collect(),
                None => vec![0.0; config.dimension()],
            })
            .collect();
        let mut around = values.clone();
        for (leaf, layer) in config.chain.leaves().iter().zip(&weights.layers) {
            let (inputs, outputs) = (leaf.inputs, leaf.outputs);
            let taps = match leaf.layer {
                LayerConfig::TextConvolution { .. } => width,
                LayerConfig::Convolution { width, .. } => width,
                _ => 1,
            };
            if leaf.path.ends_with(".0") {
                around = values.clone();
            }
            let sum = |p: usize, o: usize, centre: usize| {
                let mut sum = f64::from(layer.bias[o]);
                for tap in 0..taps {
                    let seen = (p + tap).checked_sub(centre).and_then(|row| values.get(row));
                    for (c, value) in seen.into_iter().flatten().enumerate() {
                        sum += value * f64::from(layer.synapses[(c * taps + tap) * outputs + o]);
                    }
                }
                sum
            };
            values = match &leaf.layer {
                LayerConfig::TextConvolution { .. } => {
                    (0..rows - width + 1).map(|p| (0..outputs).map(|o| sum(p, o, 0).max(0.0)).collect()).collect()
                }
                LayerConfig::Convolution { .. } => (0..values.len())
                    .map(|p| {
                        let shortcut = |o: usize| if leaf.shortcut.is_some() { around[p][o] } else { 0.0 };
                        (0..outputs).map(|o| (sum(p, o, (taps - 1) / 2) + shortcut(o)).max(0.0)).collect()
                    })
                    .collect(),
                LayerConfig::Pooling => {
                    let mean = |c: usize| values.iter().map(|row| row[c]).sum::<f64>() / values.len() as f64;
                    let bound = if weights.pooling == Pooling::Bounded { 1.0 } else { f64::INFINITY };
                    vec![(0..inputs).map(|c| mean(c).min(bound)).collect()]
                }
                LayerConfig::Dense { .. } => vec![(0..outputs).map(|o| sum(0, o, 0).max(0.0)).collect()],
                LayerConfig::Readout { .. } => vec![(0..outputs).map(|o| sum(0, o, 0)).collect()],
                LayerConfig::Neurons { .. } | LayerConfig::Residual { .. } => values,
            };
        }
        values[0].chunks_exact(2).map(|group| group.iter().sum()).collect()
    }

    #[test]
    fn a_deep_network_is_the_sum_of_its_parts() {
        for padding in [Padding::Valid, Padding::Padded { length: 6 }] {
            for (neurons, dense, pooling) in
                [(false, 0, Pooling::Average), (true, 0, Pooling::Bounded), (true, 2, Pooling::Average)]
            {
                let network = dnn(deep(padding, neurons, dense), pooling);
                let texts = [vec![0, 1, 2, 3, 2, 4, 9, 8, 7], vec![], vec![5], vec![6, UNKNOWN, 1, 1]];
                let scores = network.scores(&texts);
                assert!(scores.iter().any(|score| score.abs() > 0.1));
                for (text, got) in texts.iter().zip(scores.chunks_exact(3)) {
                    for (got, want) in got.iter().zip(naively(&network, text)) {
                        let apart = (f64::from(*got) - want).abs();
                        assert!(apart < 1e-4 * (1.0 + want.abs()), "{padding:?} {text:?}: {got} {want}");
                    }
                }
                let bytes = network.to_bytes().expect("bytes");
                let back = Dnn::from_bytes(Path::new("dnn"), &bytes, network.config.clone(), WORDS).expect("read");
                assert_eq!(back.weights(), network.weights());
                assert!(
                    network.first_order(&texts[0], &Target::of(1), &[(0, 1)]).is_none(),
                    "one text convolution only"
                );
            }
        }
    }

    fn loss(dnn: &Dnn, text: &[u32], label: usize) -> f32 {
        -softmax(&dnn.scores(&[text.to_vec()]), 1.0)[label].ln()
    }

    #[test]
    fn exchanges_by_a_little_change_the_loss_as_the_gradient_says() {
        let dimension = config().dimension();
        for pooling in [Pooling::Average, Pooling::Maximum] {
            let mut network = dnn(config(), pooling);
            // Words 8 and 9 lie a little beside word 2, one on each side.
            let step = 0.002;
            for d in 0..dimension {
                let (centre, way) = (network.weights.codes[2 * dimension + d], [1.0, -0.4, 0.7][d % 3]);
                network.weights.codes[8 * dimension + d] = centre + step * way;
                network.weights.codes[9 * dimension + d] = centre - step * way;
            }
            for text in [vec![0, 1, 2, 3, 2, 4], vec![2], vec![2, UNKNOWN, 5, 2]] {
                for place in (0..text.len()).filter(|&place| text[place] == 2) {
                    let with = |word: u32| {
                        let mut other = text.clone();
                        other[place] = word;
                        loss(&network, &other, 1)
                    };
                    let want = (with(8) - with(9)) / 2.0;
                    let got = network.first_order(&text, &Target::of(1), &[(place, 8), (place, 2), (place + 99, 8)]);
                    let got = got.expect("a text convolution");
                    assert!(
                        (got[0] - want).abs() < 2e-5 + 0.05 * want.abs(),
                        "{pooling:?} {text:?} {place}: {got:?} {want}"
                    );
                    assert_eq!(got[1..], [0.0, 0.0]);
                }
            }
        }
    }

    #[test]
    fn a_file_brings_the_network_back_and_rubbish_is_refused() {
        let network = dnn(config(), Pooling::Bounded);
        let bytes = network.to_bytes().expect("bytes");
        assert_eq!(bytes, network.to_bytes().expect("bytes"));
        let path = Path::new("dnn.safetensors");
        let back = Dnn::from_bytes(path, &bytes, config(), WORDS).expect("read");
        assert_eq!(back.weights(), network.weights());
        assert_eq!(back.scores(&[vec![1, 2, 3]]), network.scores(&[vec![1, 2, 3]]));
        for cut in [0, 7, 40, bytes.len() / 2, bytes.len() - 1] {
            let error = Dnn::from_bytes(path, &bytes[..cut], config(), WORDS).expect_err("cut").to_string();
            assert!(error.contains("dnn.safetensors"), "{error}");
        }
        let mut other = network.clone();
        other.weights.codes.truncate(other.weights.codes.len() / 2);
        let error = Dnn::from_bytes(path, &other.to_bytes().expect("bytes"), config(), WORDS)
            .expect_err("other words")
            .to_string();
        assert!(error.contains("codes"), "{error}");
        other.weights.layers[0].bias[0] = f32::NAN;
        assert!(Dnn::new(other.config.clone(), other.weights).is_err());
    }

    #[test]
    fn unknown_words_are_silent_or_the_mean() {
        let mut network = dnn(config(), Pooling::Average);
        assert_eq!(network.config.unknown, UnknownWord::Mean);
        let with_code = network.scores(&[vec![1, UNKNOWN, 2]]);
        network.weights.unknown_value = 0.5;
        assert_ne!(network.scores(&[vec![1, UNKNOWN, 2]]), with_code);
        network.config.unknown = UnknownWord::Silent;
        assert_eq!(network.scores(&[vec![1, UNKNOWN, 2]]), with_code);
    }
}
