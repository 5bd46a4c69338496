//! The real-valued TextCNN that a spiking network was converted from, for those who compare the two: its answers, and
//! what exchanging a word would do to them.
//!
//! It reads the words of the spiking network's model and keeps codes of its own, in single precision. A model folder holds it as
//! `dnn.safetensors` if training was asked to keep it.

use std::{collections::HashMap, fs, path::Path};

use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use spiketext_kernels::{
    SILENT, TokenBatch, Workspace,
    text_convolution::{Pooling, TextConvolution},
};

use crate::{Error, Result, engine::batch_of, loss::loss_gradient, network::Specification, text::UNKNOWN};

/// The file's name in a model folder.
pub const FILE: &str = "dnn.safetensors";

const FORMAT: &str = "spiketext-dnn";
/// The key under which the pooling stands in the file's metadata.
const POOLING: &str = "pooling";
/// The key of the code of an unknown word.
const MISSING: &str = "missing";

/// Texts that are run together.
const TEXTS_A_BATCH: usize = 256;

/// The numbers of a TextCNN.
#[derive(Clone, Debug, PartialEq)]
pub struct Parts {
    /// How positions become a feature.
    pub pooling: Pooling,
    /// Codes of the words as the network reads them, `[V, D]`.
    pub codes: Vec<f32>,
    /// Each number of the code of an unknown word, where such words are not silent.
    pub missing: f32,
    /// Convolution weights, `[D, M]`.
    pub weights: Vec<f32>,
    /// Convolution biases, `[C]`.
    pub bias: Vec<f32>,
    /// Output weights, `[C, O]`.
    pub output: Vec<f32>,
    /// Output biases, `[O]`.
    pub output_bias: Vec<f32>,
}

/// A TextCNN ready to run.
#[derive(Clone, Debug)]
pub struct Dnn {
    specification: Specification,
    parts: Parts,
    workspace: Workspace,
}

impl Dnn {
    /// Puts a network together. Of the specification only what has nothing to do with spikes is used.
    ///
    /// # Errors
    /// If a length does not fit the specification, or a number is not finite.
    pub fn new(specification: Specification, parts: Parts) -> Result<Self> {
        let shape = &specification.convolution;
        let (d, m, c, o) = (shape.dimension, shape.products(), shape.channels(), specification.outputs());
        for (what, values, length) in [
            ("weights", &parts.weights, d * m),
            ("biases", &parts.bias, c),
            ("output weights", &parts.output, c * o),
            ("output biases", &parts.output_bias, o),
            ("codes", &parts.codes, parts.codes.len() / d.max(1) * d),
        ] {
            if values.len() != length {
                return Err(Error::invalid("dnn", format!("{length} {what}"), values.len().to_string()));
            }
            if let Some(value) = values.iter().find(|value| !value.is_finite()) {
                return Err(Error::invalid("dnn", format!("finite {what}"), value.to_string()));
            }
        }
        Ok(Self { specification, parts, workspace: Workspace::default() })
    }

    /// Its numbers.
    #[must_use]
    pub fn parts(&self) -> &Parts {
        &self.parts
    }

    /// Words it has codes for.
    #[must_use]
    pub fn words(&self) -> usize {
        self.parts.codes.len() / self.specification.convolution.dimension
    }

    /// Scores of each class of texts given as word ids, `[B, K]`: what the softmax is taken of.
    ///
    /// # Panics
    /// If an id is neither a word of the network nor [`UNKNOWN`].
    #[must_use]
    pub fn scores(&self, texts: &[Vec<u32>]) -> Vec<f32> {
        let (specification, parts) = (&self.specification, &self.parts);
        let (outputs, group) = (specification.outputs(), specification.outputs_per_class);
        let mut scores = Vec::with_capacity(texts.len() * specification.classes);
        for texts in texts.chunks(TEXTS_A_BATCH) {
            let (batch, words) = batch_of(specification, texts);
            let codes: Vec<f32> = words.iter().flat_map(|&word| self.code(word)).collect();
            let (pooled, _) = self.convolution().forward(&codes, &batch);
            for pooled in pooled.chunks_exact(specification.convolution.channels()) {
                let mut sums = parts.output_bias.clone();
                for (feature, row) in pooled.iter().zip(parts.output.chunks_exact(outputs)) {
                    sums.iter_mut().zip(row).for_each(|(sum, weight)| *sum += feature * weight);
                }
                scores.extend(sums.chunks_exact(group).map(|group| group.iter().sum::<f32>()));
            }
        }
        scores
    }

    /// To first order, by how much the cross-entropy loss of a text with class `label` would grow if the word at a place became
    /// another one, for each (place, word) of `exchanges`: the gradient with respect to the code at that place, times the
    /// difference of the codes. 0 at places that the network does not read.
    ///
    /// # Panics
    /// As [`Self::scores`], or if there is no such class.
    #[must_use]
    pub fn first_order(&self, text: &[u32], label: usize, exchanges: &[(usize, u32)]) -> Vec<f32> {
        let (specification, parts) = (&self.specification, &self.parts);
        let shape = &specification.convolution;
        let (outputs, group) = (specification.outputs(), specification.outputs_per_class);
        // Each place is a token of its own, so that each has a gradient of its own.
        let (once, words) = batch_of(specification, std::slice::from_ref(&text.to_vec()));
        let mut batch = TokenBatch::new(specification.averaging.padded_length());
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
        let convolution = self.convolution();
        let (pooled, products) = convolution.forward(&codes, &batch);
        let mut sums = parts.output_bias.clone();
        for (feature, row) in pooled.iter().zip(parts.output.chunks_exact(outputs)) {
            sums.iter_mut().zip(row).for_each(|(sum, weight)| *sum += feature * weight);
        }
        let scores: Vec<f32> = sums.chunks_exact(group).map(|group| group.iter().sum()).collect();
        let d_scores = loss_gradient(&scores, 1.0, label);
        let d_pooled: Vec<f32> = parts
            .output
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
        exchanges.iter().map(gain).collect()
    }

    fn convolution(&self) -> TextConvolution<'_> {
        TextConvolution {
            shape: &self.specification.convolution,
            pooling: self.parts.pooling,
            weights: &self.parts.weights,
            bias: &self.parts.bias,
            workspace: &self.workspace,
        }
    }

    /// The code of a word; of an unknown one that is silent, zeros, which drive nothing.
    fn code(&self, word: u32) -> Vec<f32> {
        let dimension = self.specification.convolution.dimension;
        if word == UNKNOWN {
            return vec![self.parts.missing; dimension];
        }
        self.parts.codes[word as usize * dimension..][..dimension].to_vec()
    }

    /// The network as the bytes of a safetensors file.
    ///
    /// # Errors
    /// If the library refuses.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let shape = &self.specification.convolution;
        let (d, m, c, o) = (shape.dimension, shape.products(), shape.channels(), self.specification.outputs());
        let parts = &self.parts;
        let arrays = [
            ("bias", &parts.bias, vec![c]),
            ("codes", &parts.codes, vec![self.words(), d]),
            ("output", &parts.output, vec![c, o]),
            ("output_bias", &parts.output_bias, vec![o]),
            ("weights", &parts.weights, vec![d, m]),
        ];
        let bytes =
            arrays.each_ref().map(|(_, values, _)| values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>());
        let wrong = |error: safetensors::SafeTensorError| {
            Error::invalid("save dnn", "tensors that can be written", error.to_string())
        };
        let views = arrays
            .iter()
            .zip(&bytes)
            .map(|((name, _, shape), bytes)| Ok((*name, TensorView::new(Dtype::F32, shape.clone(), bytes)?)))
            .collect::<std::result::Result<Vec<_>, _>>()
            .map_err(wrong)?;
        // One key: several would be written in no fixed order.
        let facts = serde_json::json!({ "format": FORMAT, POOLING: parts.pooling, MISSING: parts.missing });
        let metadata = HashMap::from([("spiketext".to_owned(), facts.to_string())]);
        safetensors::serialize(views, Some(metadata)).map_err(wrong)
    }

    /// Reads the network that a model folder keeps beside a model of this specification and so many words.
    ///
    /// # Errors
    /// If there is none, or it is damaged or another model's.
    pub fn load(folder: &Path, specification: Specification, words: usize) -> Result<Self> {
        let path = folder.join(FILE);
        let bytes = fs::read(&path).map_err(Error::read(&path))?;
        Self::from_bytes(&path, &bytes, specification, words)
    }

    fn from_bytes(path: &Path, bytes: &[u8], specification: Specification, words: usize) -> Result<Self> {
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
        if facts.format != FORMAT {
            return Err(broken(FORMAT, facts.format));
        }
        let tensors = SafeTensors::deserialize(bytes).map_err(strange)?;
        let shape = &specification.convolution;
        let (d, m, c, o) = (shape.dimension, shape.products(), shape.channels(), specification.outputs());
        let part = |name: &str, shape: &[usize]| -> Result<Vec<f32>> {
            let view = tensors.tensor(name).map_err(|error| broken("a tensor of each name", error.to_string()))?;
            if view.shape() != shape || view.dtype() != Dtype::F32 {
                let got = format!("{:?} {:?}", view.dtype(), view.shape());
                return Err(broken(&format!("'{name}' of F32 {shape:?}"), got));
            }
            Ok(view.data().as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
        };
        let parts = Parts {
            pooling: facts.pooling,
            codes: part("codes", &[words, d])?,
            missing: facts.missing,
            weights: part("weights", &[d, m])?,
            bias: part("bias", &[c])?,
            output: part("output", &[c, o])?,
            output_bias: part("output_bias", &[o])?,
        };
        Self::new(specification, parts)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::{
        encode::Encoder,
        engine::tests::network,
        loss::softmax,
        network::{Averaging, Readout, UnknownWord},
        seed::{Purpose, normal, stream},
    };

    const WORDS: usize = 10;

    fn specification() -> Specification {
        network(Readout::Membrane, Encoder::Regular, Averaging::Valid).specification().clone()
    }

    /// Random numbers for a network of ten words.
    pub(crate) fn dnn(specification: Specification, pooling: Pooling) -> Dnn {
        let shape = &specification.convolution;
        let mut rng = stream(5, Purpose::Weights, 0, 0);
        let mut draw = |count: usize, size: f32| (0..count).map(|_| size * normal(&mut rng)).collect::<Vec<f32>>();
        let parts = Parts {
            pooling,
            codes: draw(WORDS * shape.dimension, 0.8),
            missing: 0.0,
            weights: draw(shape.dimension * shape.products(), 0.3),
            bias: draw(shape.channels(), 0.1),
            output: draw(shape.channels() * specification.outputs(), 0.5),
            output_bias: draw(specification.outputs(), 0.1),
        };
        Dnn::new(specification, parts).expect("a sound network")
    }

    fn loss(dnn: &Dnn, text: &[u32], label: usize) -> f32 {
        -softmax(&dnn.scores(&[text.to_vec()]), 1.0)[label].ln()
    }

    #[test]
    fn exchanges_by_a_little_change_the_loss_as_the_gradient_says() {
        let dimension = specification().convolution.dimension;
        for pooling in [Pooling::Average, Pooling::Maximum] {
            let mut network = dnn(specification(), pooling);
            // Words 8 and 9 lie a little beside word 2, one on each side.
            let step = 0.002;
            for d in 0..dimension {
                let (centre, way) = (network.parts.codes[2 * dimension + d], [1.0, -0.4, 0.7][d % 3]);
                network.parts.codes[8 * dimension + d] = centre + step * way;
                network.parts.codes[9 * dimension + d] = centre - step * way;
            }
            for text in [vec![0, 1, 2, 3, 2, 4], vec![2], vec![2, UNKNOWN, 5, 2]] {
                for place in (0..text.len()).filter(|&place| text[place] == 2) {
                    let with = |word: u32| {
                        let mut other = text.clone();
                        other[place] = word;
                        loss(&network, &other, 1)
                    };
                    let want = (with(8) - with(9)) / 2.0;
                    let got = network.first_order(&text, 1, &[(place, 8), (place, 2), (place + 99, 8)]);
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
        let network = dnn(specification(), Pooling::Bounded);
        let bytes = network.to_bytes().expect("bytes");
        assert_eq!(bytes, network.to_bytes().expect("bytes"));
        let path = Path::new("dnn.safetensors");
        let back = Dnn::from_bytes(path, &bytes, specification(), WORDS).expect("read");
        assert_eq!(back.parts(), network.parts());
        assert_eq!(back.scores(&[vec![1, 2, 3]]), network.scores(&[vec![1, 2, 3]]));
        for cut in [0, 7, 40, bytes.len() / 2, bytes.len() - 1] {
            let error = Dnn::from_bytes(path, &bytes[..cut], specification(), WORDS).expect_err("cut").to_string();
            assert!(error.contains("dnn.safetensors"), "{error}");
        }
        let mut other = network.clone();
        other.parts.codes.truncate(other.parts.codes.len() / 2);
        let error = Dnn::from_bytes(path, &other.to_bytes().expect("bytes"), specification(), WORDS)
            .expect_err("other words")
            .to_string();
        assert!(error.contains("codes"), "{error}");
        other.parts.bias[0] = f32::NAN;
        assert!(Dnn::new(other.specification.clone(), other.parts).is_err());
    }

    #[test]
    fn unknown_words_are_silent_or_the_mean() {
        let mut network = dnn(specification(), Pooling::Average);
        assert_eq!(network.specification.unknown, UnknownWord::Mean);
        let with_code = network.scores(&[vec![1, UNKNOWN, 2]]);
        network.parts.missing = 0.5;
        assert_ne!(network.scores(&[vec![1, UNKNOWN, 2]]), with_code);
        network.specification.unknown = UnknownWord::Silent;
        assert_eq!(network.scores(&[vec![1, UNKNOWN, 2]]), with_code);
    }
}
