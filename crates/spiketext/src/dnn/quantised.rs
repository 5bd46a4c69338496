//! The real-valued network in whole numbers: weights and word codes of few bits, sums of 32, as a chip or a phone would
//! run it. Single precision is not a DNN's price; this is what it can do without.
//!
//! ```text
//! code      c = round(code / s_c)                     one scale for all words
//! weight    w = round(weight / s_f)                   one scale a filter or output, the largest weight is the largest number
//! sum       b + sum of taps and dimensions c w        32 bits, b in units of s_c s_f; nothing is rounded
//! feature   round(F mean over positions of relu(sum) s_c s_f), at most F = 2^bits - 1
//! score     (b + sum of features x w) s_f / F         32 bits
//! ```
//!
//! Rounding is to nearest, halves away from zero; scales come from the network alone, after training, without texts.

use std::{borrow::Borrow, collections::HashMap};

use spiketext_kernels::text_convolution::Pooling;

use super::Dnn;
use crate::{
    Error, Result,
    network::{TextCnnConfig, UnknownWord},
    text::UNKNOWN,
};

/// Bits of the whole numbers, signs among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuantisedBits {
    /// Of a weight.
    pub weights: u32,
    /// Of a number of a word's code.
    pub codes: u32,
    /// Of a pooled feature, which has no sign.
    pub features: u32,
}

impl QuantisedBits {
    /// Eight of each.
    pub const INT8: Self = Self { weights: 8, codes: 8, features: 8 };
    /// Weights of four.
    pub const INT4: Self = Self { weights: 4, ..Self::INT8 };
}

/// A text convolution, its pooling and a read-out in whole numbers.
#[derive(Clone, Debug)]
pub struct QuantisedDnn {
    form: TextCnnConfig,
    features: u32,
    /// `[V, D]`.
    codes: Vec<i8>,
    /// Each number of the code of an unknown word, where such words are not silent.
    unknown: i8,
    /// `[M, D]`: a column of the network's synapses a row.
    weights: Vec<i8>,
    /// Of each filter, width after width.
    bias: Vec<i32>,
    /// What a unit of a filter's sum stands for.
    units: Vec<f32>,
    /// `[O, C]`.
    output: Vec<i8>,
    /// Of each output.
    output_bias: Vec<i32>,
    /// What a unit of an output's sum stands for.
    output_units: Vec<f32>,
}

/// The scale at which the largest of some numbers becomes the largest whole number of `bits`; 1 where all are 0.
fn scale<T: Borrow<f32>>(values: impl IntoIterator<Item = T>, bits: u32) -> f32 {
    let most = values.into_iter().fold(0.0f32, |most, value| most.max(value.borrow().abs()));
    if most > 0.0 { most / ((1 << (bits - 1)) - 1) as f32 } else { 1.0 }
}

/// The nearest whole number of 8 bits; scales keep numbers within fewer where fewer are asked for.
fn rounded(value: f32, scale: f32) -> i8 {
    (value / scale).round().clamp(-127.0, 127.0) as i8
}

impl QuantisedDnn {
    /// The network in whole numbers of `bits`.
    ///
    /// # Errors
    /// If bits are not from 2 to 8, the network is no text convolution with a read-out behind it, or its features are not
    /// bounded by 1, so that nothing tells their largest.
    pub fn of(dnn: &Dnn, bits: QuantisedBits) -> Result<Self> {
        let refuse = |expected: &str, got: String| Err(Error::invalid("quantise dnn", expected, got));
        let QuantisedBits { weights: weight_bits, codes: code_bits, features } = bits;
        if ![weight_bits, code_bits, features].iter().all(|bits| (2..=8).contains(bits)) {
            return refuse("2 to 8 bits", format!("{bits:?}"));
        }
        let Some(form) = TextCnnConfig::of(&dnn.config) else {
            return refuse("a text convolution, pooling and a read-out", "further layers".to_owned());
        };
        if dnn.weights.pooling != Pooling::Bounded {
            return refuse("averages up to 1 (dnn.pooling=bounded)", format!("{:?}", dnn.weights.pooling));
        }
        let shape = &form.convolution;
        let (dimension, columns, filters) = (shape.dimension, shape.products(), shape.filters);
        let code_scale = scale(dnn.weights.codes.iter().chain([&dnn.weights.unknown_value]), code_bits);
        let layers = &dnn.weights.layers;
        let (first, last) = (&layers[0], &layers[layers.len() - 1]);
        // Taps of a filter are summed, so they have one unit.
        let channel_of = channels(shape.widths.as_slice(), filters);
        let scales: Vec<f32> = (0..shape.channels())
            .map(|channel| {
                let own = (0..columns).filter(|&column| channel_of[column] == channel);
                scale(
                    own.flat_map(|column| (0..dimension).map(move |d| first.synapses[d * columns + column])),
                    weight_bits,
                )
            })
            .collect();
        let weights = (0..columns)
            .flat_map(|column| (0..dimension).map(move |d| (column, d)))
            .map(|(column, d)| rounded(first.synapses[d * columns + column], scales[channel_of[column]]))
            .collect();
        let units: Vec<f32> = scales.iter().map(|scale| scale * code_scale).collect();
        let bias_of = |bias: &[f32], units: &[f32]| -> Vec<i32> {
            // A network without biases has none.
            let bias = bias.iter().chain(std::iter::repeat(&0.0));
            units.iter().zip(bias).map(|(unit, bias)| (bias / unit).round() as i32).collect()
        };
        let outputs = form.outputs();
        let inputs = shape.channels();
        let of_output = |output: usize| (0..inputs).map(move |input| last.synapses[input * outputs + output]);
        let output_scales: Vec<f32> = (0..outputs).map(|output| scale(of_output(output), weight_bits)).collect();
        let output = (0..outputs)
            .flat_map(|output| of_output(output).zip(std::iter::repeat(output_scales[output])))
            .map(|(weight, scale)| rounded(weight, scale))
            .collect();
        let most = ((1 << features) - 1) as f32;
        let output_units: Vec<f32> = output_scales.iter().map(|scale| scale / most).collect();
        Ok(Self {
            features,
            codes: dnn.weights.codes.iter().map(|&code| rounded(code, code_scale)).collect(),
            unknown: rounded(dnn.weights.unknown_value, code_scale),
            weights,
            bias: bias_of(&first.bias, &units),
            units,
            output,
            output_bias: bias_of(&last.bias, &output_units),
            output_units,
            form,
        })
    }

    /// Scores of each class of texts given as word ids, `[B, K]`.
    ///
    /// # Panics
    /// If an id is neither a word of the network nor [`UNKNOWN`].
    #[must_use]
    pub fn scores(&self, texts: &[Vec<u32>]) -> Vec<f32> {
        // Sums of a word with every tap are made once, as in a table of words.
        let mut products: HashMap<u32, Vec<i32>> = HashMap::new();
        for &word in texts.iter().flatten() {
            products.entry(word).or_insert_with(|| self.products(word));
        }
        texts.iter().flat_map(|text| self.text(text, &products)).collect()
    }

    /// What a word gives each tap of each filter, `[M]`; nothing where it is silent.
    fn products(&self, word: u32) -> Vec<i32> {
        let dimension = self.form.convolution.dimension;
        let unknown = vec![self.unknown; dimension];
        let code = match word {
            UNKNOWN if self.form.unknown == UnknownWord::Silent => return Vec::new(),
            UNKNOWN => &unknown[..],
            word => &self.codes[word as usize * dimension..][..dimension],
        };
        let column = |weights: &[i8]| weights.iter().zip(code).map(|(&w, &c)| i32::from(w) * i32::from(c)).sum();
        self.weights.chunks_exact(dimension).map(column).collect()
    }

    /// The scores of a text, `[K]`.
    fn text(&self, text: &[u32], products: &HashMap<u32, Vec<i32>>) -> Vec<f32> {
        let (shape, padding) = (&self.form.convolution, self.form.padding);
        let text = &text[..text.len().min(padding.longest())];
        let rows = text.len().max(padding.padded_length());
        let most = ((1i64 << self.features) - 1) as f64;
        let mut features = Vec::with_capacity(shape.channels());
        let mut first_column = 0;
        for (at, &width) in shape.widths.iter().enumerate() {
            // Texts shorter than a kernel are one position.
            let positions = rows.max(width) - width + 1;
            for filter in 0..shape.filters {
                let channel = at * shape.filters + filter;
                let mut total = 0i64;
                for position in 0..positions {
                    let taps = text.iter().skip(position).take(width).enumerate();
                    let seen = taps
                        .filter_map(|(tap, word)| products[word].get(first_column + tap * shape.filters + filter));
                    let sum = self.bias[channel] + seen.sum::<i32>();
                    total += i64::from(sum.max(0));
                }
                let mean = total as f64 * f64::from(self.units[channel]) / positions as f64;
                features.push((most * mean).round().min(most) as i32);
            }
            first_column += width * shape.filters;
        }
        let inputs = features.len();
        let outputs = self.output.chunks_exact(inputs).zip(&self.output_bias).zip(&self.output_units);
        let values: Vec<f32> = outputs
            .map(|((weights, bias), unit)| {
                let sum: i32 =
                    weights.iter().zip(&features).map(|(&weight, feature)| i32::from(weight) * feature).sum();
                (bias + sum) as f32 * unit
            })
            .collect();
        values.chunks_exact(self.form.outputs_per_class).map(|group| group.iter().sum()).collect()
    }
}

/// The filter, width after width, that each column of a text convolution belongs to.
fn channels(widths: &[usize], filters: usize) -> Vec<usize> {
    let of_width =
        |(at, &width): (usize, &usize)| (0..width * filters).map(move |column| at * filters + column % filters);
    widths.iter().enumerate().flat_map(of_width).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        dnn::tests::dnn,
        encode::Encoder,
        engine::tests::network,
        network::{NetworkConfig, Padding, Readout},
    };

    fn config(padding: Padding) -> NetworkConfig {
        network(Readout::Membrane, Encoder::Regular, padding).config().clone()
    }

    /// Weights so small that averages stay below their bound.
    fn bounded(padding: Padding) -> Dnn {
        let mut network = dnn(config(padding), Pooling::Bounded);
        network.weights.layers[0].synapses.iter_mut().for_each(|weight| *weight *= 0.3);
        network
    }

    const TEXTS: [&[u32]; 6] =
        [&[0, 1, 2, 3, 4], &[2], &[9, UNKNOWN, 5, 2, 7, 8, 1], &[3, 3, 3], &[UNKNOWN, 4], &[6, 5]];

    fn texts() -> Vec<Vec<u32>> {
        TEXTS.map(<[u32]>::to_vec).to_vec()
    }

    #[test]
    fn eight_bits_are_close_and_fewer_are_less_so() {
        for padding in [Padding::Valid, Padding::Padded { length: 6 }] {
            let network = bounded(padding);
            let real = network.scores(&texts());
            let apart = |bits: QuantisedBits| {
                let own = QuantisedDnn::of(&network, bits).expect("a text convolution").scores(&texts());
                assert_eq!(own.len(), real.len());
                own.iter().zip(&real).fold(0.0f32, |most, (own, real)| most.max((own - real).abs()))
            };
            let size = real.iter().fold(0.0f32, |most, score| most.max(score.abs()));
            let [eight, four] = [QuantisedBits::INT8, QuantisedBits::INT4].map(apart);
            assert!(
                eight < 0.02 * size && eight < four && four < 0.5 * size,
                "{padding:?}: {eight} {four} of {size}"
            );
        }
    }

    /// Number by number from the definition, with the whole numbers read back as what they stand for.
    #[test]
    fn whole_numbers_stand_for_what_they_say() {
        let network = bounded(Padding::Valid);
        let own = QuantisedDnn::of(&network, QuantisedBits::INT4).expect("a text convolution");
        assert!(own.weights.iter().chain(&own.output).all(|weight| (-7..=7).contains(weight)));
        assert!(own.weights.contains(&7) || own.weights.contains(&-7));
        let shape = &own.form.convolution;
        let columns = shape.products();
        let code_scale = scale(&network.weights.codes, 8);
        let mut same = network.clone();
        same.weights.codes = own.codes.iter().map(|&code| f32::from(code) * code_scale).collect();
        let channel_of = channels(&shape.widths, shape.filters);
        for d in 0..shape.dimension {
            for (column, &channel) in channel_of.iter().enumerate() {
                let unit = own.units[channel] / code_scale;
                same.weights.layers[0].synapses[d * columns + column] =
                    f32::from(own.weights[column * shape.dimension + d]) * unit;
            }
        }
        let (outputs, inputs) = (own.form.outputs(), shape.channels());
        let last = same.weights.layers.len() - 1;
        for output in 0..outputs {
            for input in 0..inputs {
                same.weights.layers[last].synapses[input * outputs + output] =
                    f32::from(own.output[output * inputs + input]) * own.output_units[output] * 255.0;
            }
        }
        // What is left is the rounding of features to 1/255 and of biases to their units.
        for (own, real) in own.scores(&texts()).iter().zip(same.scores(&texts())) {
            assert!((own - real).abs() < 0.02, "{own} {real}");
        }
    }

    #[test]
    fn what_has_no_largest_feature_is_refused() {
        let refused = |network: &Dnn, bits, told: &str| {
            let error = QuantisedDnn::of(network, bits).map(|_| ()).expect_err(told).to_string();
            assert!(error.contains(told), "{error}");
        };
        refused(&dnn(config(Padding::Valid), Pooling::Average), QuantisedBits::INT8, "bounded");
        for weights in [1, 9] {
            refused(&bounded(Padding::Valid), QuantisedBits { weights, ..QuantisedBits::INT8 }, "2 to 8 bits");
        }
    }
}
