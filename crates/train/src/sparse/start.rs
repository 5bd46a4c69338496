//! Where training starts: at random, or at the real-valued network that teaches.
//!
//! A linear map from codes back to vectors, by least squares over the tokens of the training texts, turns the teacher's
//! convolution into one that reads codes: `x ~ c M`, so `x W ~ c (M W)`. Each neuron then fires at as large a share of
//! the positions as its rectifier was active in the mean, so that what was learnt of pooled activations holds for pooled
//! spikes.

use nalgebra::{Cholesky, DMatrix};
use spiketext::network::LayerWeights;

use crate::{
    codes::WordCodes,
    convert::{Activations, thresholds},
    dnn::DnnWeights,
    prepare::EncodedText,
    recipe::{Recipe, Scope},
};
use spiketext::network::NetworkConfig;

/// The map from codes back to vectors, `[D, D']`, by ridge regression: each word counts as often as it is met.
/// `inputs` are the active inputs of the words, `[V, k]`, of `dimension` inputs.
pub fn decoder(inputs: &[u16], active: usize, dimension: usize, vectors: &WordCodes, counts: &[u32]) -> Vec<f32> {
    let width = vectors.dimension();
    let mut normal = DMatrix::<f64>::zeros(dimension, dimension);
    let mut right = DMatrix::<f64>::zeros(dimension, width);
    let mut vector = vec![0.0; width];
    for (word, (own, &count)) in inputs.chunks_exact(active).zip(counts).enumerate() {
        if count == 0 {
            continue;
        }
        // Frequent words count less than in proportion: rare ones decide as well.
        let weight = f64::from(count).sqrt();
        vectors.write(word as u32, 1.0, &mut vector);
        for &a in own {
            own.iter().for_each(|&b| normal[(a.into(), b.into())] += weight);
            for (d, &number) in vector.iter().enumerate() {
                right[(a.into(), d)] += weight * f64::from(number);
            }
        }
    }
    let ridge = RIDGE * normal.trace() / dimension as f64 + f64::MIN_POSITIVE;
    (0..dimension).for_each(|d| normal[(d, d)] += ridge);
    let solved = Cholesky::new(normal).map(|factor| factor.solve(&right));
    let solved = solved.unwrap_or_else(|| DMatrix::zeros(dimension, width));
    (0..dimension * width).map(|i| solved[(i / width, i % width)] as f32).collect()
}

/// The ridge, in mean diagonals.
const RIDGE: f64 = 0.01;

/// First weights of a network that reads codes, from those of its teacher.
pub fn decoded(
    recipe: &Recipe,
    config: &NetworkConfig,
    teacher: &DnnWeights,
    decoder: &[f32],
    code_of: impl Fn(u32) -> Vec<u16>,
    calibration: &[&EncodedText],
) -> Vec<LayerWeights> {
    let shape = config.convolution();
    let (from, products) = (shape.dimension, shape.products());
    let dimension = decoder.len() / from;
    let pooling = recipe.dnn.pooling;
    let vector_of = |word: u32| {
        let missing = teacher.codes.scale().missing();
        let start = word as usize * from;
        (start..start + from).map(|i| teacher.codes.get(i).unwrap_or(missing)).collect::<Vec<f32>>()
    };
    let read = |word: u32| {
        let mut vector = vec![0.0; from];
        for input in code_of(word) {
            let row = &decoder[usize::from(input) * from..][..from];
            vector.iter_mut().zip(row).for_each(|(sum, number)| *sum += number);
        }
        vector
    };
    let real = Activations::of(config, teacher, pooling, calibration, vector_of);
    let decoded = Activations::of(config, teacher, pooling, calibration, read);
    let scales = thresholds(&real.leaves[0], 0.95, Scope::Channel);
    let threshold = config.chain.text_convolution().1.threshold;
    let (mut gains, mut shifts) = (Vec::new(), Vec::new());
    for ((wanted, own), scale) in real.leaves[0].iter().zip(&decoded.leaves[0]).zip(&scales) {
        let mean = wanted.iter().map(|a| f64::from((a / scale).clamp(0.0, 1.0))).sum::<f64>() / wanted.len() as f64;
        let mut sorted = own.clone();
        sorted.sort_unstable_by(f32::total_cmp);
        let rank = (((1.0 - mean) * sorted.len() as f64) as usize).min(sorted.len() - 1);
        let count = own.len() as f64;
        let centre = own.iter().map(|&u| f64::from(u)).sum::<f64>() / count;
        let deviation = (own.iter().map(|&u| (f64::from(u) - centre).powi(2)).sum::<f64>() / count).sqrt();
        let gain = if deviation > 0.0 { 0.5 * threshold / deviation as f32 } else { 1.0 };
        gains.push(gain);
        // gain (u - u_rank) + threshold
        shifts.push(threshold - gain * sorted[rank]);
    }
    let mut layers = teacher.layers.clone();
    let first = &mut layers[0];
    let mut synapses = vec![0.0f32; dimension * products];
    for d in 0..dimension {
        let row = &mut synapses[d * products..][..products];
        for (i, &share) in decoder[d * from..][..from].iter().enumerate() {
            let weights = &first.synapses[i * products..][..products];
            row.iter_mut().zip(weights).for_each(|(sum, w)| *sum += share * w);
        }
        for (column, w) in row.iter_mut().enumerate() {
            *w *= gains[crate::convert::channel_of(shape, column)];
        }
    }
    first.synapses = synapses;
    first.presence = vec![0.0; products];
    for ((bias, gain), shift) in first.bias.iter_mut().zip(&gains).zip(&shifts) {
        *bias = gain * *bias + shift;
    }
    let last = layers.len() - 1;
    let outputs = layers[last].bias.len();
    for (row, scale) in layers[last].synapses.chunks_exact_mut(outputs).zip(&scales) {
        row.iter_mut().for_each(|w| *w *= scale);
    }
    layers
}
