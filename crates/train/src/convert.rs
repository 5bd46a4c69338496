//! Conversion: from a trained TextCNN to a spiking network with the same meaning (equations 9 and 10).
//!
//! A converted neuron fires at the rate `activation / threshold`, cut off at one spike a step. Thresholds are set to 1
//! by dividing the weights, and undone in the layer that follows, so only the feature layer keeps thresholds of its own
//! (spikes a position, one a channel).
//!
//! All of this takes the mean input of a word over time for its rates. Codes whose mean is another number are fitted to the
//! rates first: `r` is taken for `slope m + offset`, by least squares over the tokens of the calibration texts, with one slope for
//! the layer and an offset for each dimension. The slope goes into the synapses and the offsets into the presence currents,
//! and activations are measured on the fit.

use spiketext::{
    Result,
    encode::{FULL_RATE, Noise, UNKNOWN_RATE, fixed_rate, mean_input},
    engine::batch_of,
    network::{Codes, Network, Readout, Specification, Weights},
    slices::evenly_spread,
    text::UNKNOWN,
};
use spiketext_kernels::{
    Workspace,
    text_convolution::{Pooling, TextConvolution},
};

use crate::{
    dnn::DnnWeights,
    prepare::EncodedText,
    recipe::{ConversionChoices, Normalisation, Recipe, Scope},
};

/// A DNN layer's numbers over rates in [0, 1] instead of centred codes (equation 10).
struct Folded {
    weights: Vec<f32>,
    presence: Vec<f32>,
}

/// Folds the centring into the weights: `W (2 k (r - 1/2)) = (2 k W) r - k sum W`, the last at each tap on a real token; and with it
/// the fit of a code's means to the rates, if there is one. A network that was not trained centred has no presence currents to
/// fold anything into: it takes the means as they are.
fn fold(dnn: &DnnWeights, products: usize, fit: Option<&Fit>) -> Folded {
    if !dnn.centred {
        return Folded { weights: dnn.weights.clone(), presence: vec![0.0; products] };
    }
    let k = f64::from(dnn.range);
    let mut presence = vec![0.0f64; products];
    for (d, row) in dnn.weights.chunks_exact(products).enumerate() {
        let least = fit.map_or(-k, |fit| 2.0 * k * (f64::from(fit.offsets[d]) - 0.5));
        presence.iter_mut().zip(row).for_each(|(sum, &weight)| *sum += least * f64::from(weight));
    }
    let gain = 2.0 * dnn.range * fit.map_or(1.0, |fit| fit.slope);
    Folded {
        weights: dnn.weights.iter().map(|weight| gain * weight).collect(),
        presence: presence.into_iter().map(|sum| sum as f32).collect(),
    }
}

/// The rates that a code's means stand for, by least squares: `slope m + offset`.
struct Fit {
    slope: f32,
    /// `[D]`.
    offsets: Vec<f32>,
}

impl Fit {
    /// The fit to words, each with its rates and means, one for every time it was met. Where means say nothing of rates (those of
    /// a first spike are all alike), the slope is 1.
    fn of(dimension: usize, words: &[(Vec<f32>, Vec<f32>)]) -> Self {
        let count = words.len().max(1) as f64;
        let mean = |values: &mut dyn Iterator<Item = f32>| values.map(f64::from).sum::<f64>() / count;
        let (mut both, mut own, mut rates, mut means) = (0.0, 0.0, Vec::new(), Vec::new());
        for d in 0..dimension {
            let (rate, m) =
                (mean(&mut words.iter().map(|word| word.0[d])), mean(&mut words.iter().map(|word| word.1[d])));
            for (word_rates, word_means) in words {
                let (r, m) = (f64::from(word_rates[d]) - rate, f64::from(word_means[d]) - m);
                both += r * m;
                own += m * m;
            }
            rates.push(rate);
            means.push(m);
        }
        let spread = own / (count * dimension.max(1) as f64);
        let slope = if spread > LEAST_SPREAD && both > 0.0 { both / own } else { 1.0 };
        let offsets = rates.iter().zip(&means).map(|(rate, mean)| (rate - slope * mean) as f32).collect();
        Self { slope: slope as f32, offsets }
    }
}

/// The least variance of means to which rates are fitted.
const LEAST_SPREAD: f64 = 1e-4;

/// The rates and the means of a word: [`UNKNOWN`] has the rate 1/2.
fn word_means(specification: &Specification, codes: &Codes, word: u32) -> (Vec<f32>, Vec<f32>) {
    let dimension = specification.convolution.dimension;
    let rates = match word {
        UNKNOWN => vec![UNKNOWN_RATE; dimension].into(),
        _ => codes.rates(word as usize, dimension),
    };
    let means = mean_input(specification.encoder, specification.steps, Noise::inference(0), u64::from(word), &rates);
    (rates.iter().map(|&rate| f32::from(rate) / FULL_RATE as f32).collect(), means)
}

/// The fit of an encoder that needs one, over the tokens of the calibration texts.
fn fit_of(specification: &Specification, codes: &Codes, calibration: &[&EncodedText]) -> Option<Fit> {
    if specification.encoder.carries_rate() {
        return None;
    }
    let words: Vec<Vec<u32>> = calibration.iter().map(|text| text.words.clone()).collect();
    let (batch, rows) = batch_of(specification, &words);
    let distinct: Vec<_> = rows.iter().map(|&word| word_means(specification, codes, word)).collect();
    let tokens = (0..batch.len()).flat_map(|b| batch.text(b)).filter_map(|&row| distinct.get(row as usize).cloned());
    Some(Fit::of(specification.convolution.dimension, &tokens.collect::<Vec<_>>()))
}

/// Converts a DNN. `calibration` are training texts.
///
/// # Errors
/// If the DNN's weights are not finite, or if weighted phases do not come in whole periods.
pub fn convert(
    recipe: &Recipe,
    specification: &Specification,
    dnn: &DnnWeights,
    calibration: &[&EncodedText],
) -> Result<Network> {
    let shape = &specification.convolution;
    let (products, channels, outputs) = (shape.products(), shape.channels(), specification.outputs());
    specification.encoder.check_steps(specification.steps)?;
    let rate = |code: &f32| if dnn.centred { code / (2.0 * dnn.range) + 0.5 } else { *code };
    let codes = Codes::from_fixed(dnn.codes.iter().map(|code| fixed_rate(rate(code))).collect(), recipe.words.bits);
    let fit = fit_of(specification, &codes, calibration);
    let Folded { mut weights, mut presence } = fold(dnn, products, fit.as_ref());
    let mut bias = dnn.bias.clone();
    let mut output = dnn.output.clone();
    let mut output_bias = dnn.output_bias.clone();
    let mut feature_thresholds = vec![1.0; channels];
    let inputs = |word: u32| input_of(specification, dnn, &codes, fit.as_ref(), word);
    let measure = || Activations::of(specification, dnn, recipe.dnn.pooling, calibration, inputs);
    match recipe.conversion.normalisation {
        Normalisation::None => {}
        Normalisation::Model => {
            for (width_index, &width) in shape.widths.iter().enumerate() {
                let columns =
                    shape.first_product(width_index)..shape.first_product(width_index) + width * shape.filters;
                let of_width = |row: &[f32]| row[columns.clone()].iter().fold(0.0f32, |most, &w| most.max(w));
                let most = weights.chunks_exact(products).map(of_width).fold(0.0, f32::max);
                if most > 0.0 {
                    weights
                        .chunks_exact_mut(products)
                        .chain(std::iter::once(&mut presence[..]))
                        .for_each(|row| row[columns.clone()].iter_mut().for_each(|w| *w /= most));
                    bias[width_index * shape.filters..][..shape.filters].iter_mut().for_each(|b| *b /= most);
                }
            }
        }
        Normalisation::Data => {
            let activations = measure();
            let largest = |lists: &[Vec<f32>]| lists.iter().flatten().fold(0.0f32, |most, &a| most.max(a));
            let most = positive(largest(&activations.convolution));
            weights.iter_mut().chain(&mut presence).chain(&mut bias).for_each(|w| *w /= most);
            let most = positive(largest(&activations.output));
            output.iter_mut().chain(&mut output_bias).for_each(|w| *w /= most);
        }
        Normalisation::Percentile { q } => {
            let activations = measure();
            let first = thresholds(&activations.convolution, q, recipe.conversion.scope);
            for row in weights.chunks_exact_mut(products).chain(std::iter::once(&mut presence[..])) {
                for (column, weight) in row.iter_mut().enumerate() {
                    *weight /= first[channel_of(shape, column)];
                }
            }
            bias.iter_mut().zip(&first).for_each(|(b, threshold)| *b /= threshold);
            let features: Vec<Vec<f32>> = activations
                .features
                .iter()
                .zip(&first)
                .map(|(list, threshold)| list.iter().map(|a| a / threshold).collect())
                .collect();
            feature_thresholds = thresholds(&features, q, recipe.conversion.scope);
            for ((row, first), second) in output.chunks_exact_mut(outputs).zip(&first).zip(&feature_thresholds) {
                row.iter_mut().for_each(|weight| *weight *= first * second);
            }
            if specification.readout == Readout::SpikeCount {
                let most = thresholds(&activations.output, q, Scope::Layer)[0];
                output.iter_mut().chain(&mut output_bias).for_each(|w| *w /= most);
            }
        }
    }
    Network::new(
        specification.clone(),
        Weights {
            codes,
            synapses: weights,
            presence,
            bias,
            feature_thresholds,
            output_synapses: output,
            output_bias,
        },
    )
}

/// The calibration texts: evenly spread over the training texts.
#[must_use]
pub fn calibration_texts<'a>(choices: &ConversionChoices, train: &'a [EncodedText]) -> Vec<&'a EncodedText> {
    evenly_spread(train.len(), choices.calibration_texts).map(|i| &train[i]).collect()
}

/// What a word gives the DNN: its code, or what its spikes make of it.
fn input_of(
    specification: &Specification,
    dnn: &DnnWeights,
    codes: &Codes,
    fit: Option<&Fit>,
    word: u32,
) -> Vec<f32> {
    let dimension = specification.convolution.dimension;
    let Some(fit) = fit else {
        let (missing, start) = (if dnn.centred { 0.0 } else { 0.5 }, word as usize * dimension);
        return (start..start + dimension).map(|i| dnn.codes.get(i).copied().unwrap_or(missing)).collect();
    };
    let (_, means) = word_means(specification, codes, word);
    if !dnn.centred {
        return means;
    }
    means.iter().zip(&fit.offsets).map(|(mean, offset)| 2.0 * dnn.range * (fit.slope * mean + offset - 0.5)).collect()
}

/// The channel to which a column (width, tap, filter) of the weight matrix belongs.
fn channel_of(shape: &spiketext_kernels::ConvolutionShape, column: usize) -> usize {
    let width_index = (0..shape.widths.len()).rfind(|&w| shape.first_product(w) <= column).unwrap_or(0);
    width_index * shape.filters + (column - shape.first_product(width_index)) % shape.filters
}

/// Activations of the DNN on the calibration texts, one list a neuron.
struct Activations {
    /// Pre-activations of the convolution at all positions that see a token.
    convolution: Vec<Vec<f32>>,
    /// Pooled features of the texts.
    features: Vec<Vec<f32>>,
    /// Outputs of the texts.
    output: Vec<Vec<f32>>,
}

impl Activations {
    fn of(
        specification: &Specification,
        dnn: &DnnWeights,
        pooling: Pooling,
        texts: &[&EncodedText],
        input_of: impl Fn(u32) -> Vec<f32>,
    ) -> Self {
        let shape = &specification.convolution;
        let (channels, outputs) = (shape.channels(), specification.outputs());
        let words: Vec<Vec<u32>> = texts.iter().map(|text| text.words.clone()).collect();
        let (batch, rows) = batch_of(specification, &words);
        let codes: Vec<f32> = rows.iter().flat_map(|&word| input_of(word)).collect();
        let workspace = Workspace::default();
        let layer = TextConvolution { shape, pooling, weights: &dnn.weights, bias: &dnn.bias, workspace: &workspace };
        let convolution = layer.pre_activations(&codes, &batch);
        let (pooled, _) = layer.forward(&codes, &batch);
        let mut features = vec![Vec::with_capacity(texts.len()); channels];
        let mut output = vec![Vec::with_capacity(texts.len()); outputs];
        for pooled in pooled.chunks_exact(channels) {
            features.iter_mut().zip(pooled).for_each(|(list, &a)| list.push(a));
            for (o, list) in output.iter_mut().enumerate() {
                let sum = pooled.iter().zip(dnn.output.chunks_exact(outputs)).map(|(a, row)| a * row[o]).sum::<f32>();
                list.push(sum + dnn.output_bias[o]);
            }
        }
        Self { convolution, features, output }
    }
}

/// The q-quantile of the positive activations, of each neuron or of the layer. Negative ones can make no spike, and a
/// channel that is active at few positions would get a threshold of zero if they counted.
fn thresholds(lists: &[Vec<f32>], q: f64, scope: Scope) -> Vec<f32> {
    let all = || quantile(lists.iter().flatten().copied().filter(|&a| a > 0.0).collect(), q);
    match scope {
        Scope::Layer => vec![positive(all()); lists.len()],
        Scope::Channel => {
            // A channel that is all but silent would get a threshold so low that its weights, divided by it, leave the
            // others below the unit of their common grid (see `spiketext::network`).
            let least = all() / LEAST_SHARE;
            let own = |list: &Vec<f32>| quantile(list.iter().copied().filter(|&a| a > 0.0).collect(), q);
            lists.iter().map(|list| positive(own(list).max(least))).collect()
        }
    }
}

/// A channel's own threshold is at least the layer's divided by this.
const LEAST_SHARE: f32 = 64.0;

/// The value below which a share `q` of `values` lies (nearest rank); 0 if there are none.
fn quantile(mut values: Vec<f32>, q: f64) -> f32 {
    if values.is_empty() {
        return 0.0;
    }
    // 0.07 x 100 is a little above 7 in binary; that hair must not take the next rank.
    let rank = ((q * values.len() as f64 - 1e-9).ceil() as usize).clamp(1, values.len()) - 1;
    *values.select_nth_unstable_by(rank, f32::total_cmp).1
}

/// A threshold that can be divided by: a silent neuron's is 1.
fn positive(threshold: f32) -> f32 {
    if threshold > 0.0 { threshold } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_nearest_ranks() {
        let values = || (1..=100).rev().map(|i| i as f32).collect::<Vec<_>>();
        assert_eq!(quantile(values(), 0.99), 99.0);
        assert_eq!(quantile(values(), 0.07), 7.0);
        assert_eq!(quantile(values(), 0.991), 100.0);
        assert_eq!(quantile(values(), 1.0), 100.0);
        assert_eq!(quantile(values(), 0.005), 1.0);
        assert_eq!(quantile(vec![], 0.5), 0.0);
    }

    #[test]
    fn one_faint_channel_does_not_drown_the_others() {
        let mut lists: Vec<Vec<f32>> = (1..9).map(|c| (1..=100).map(|i| (c * i) as f32 / 100.0).collect()).collect();
        lists.push(vec![1e-7; 3]);
        lists.push(vec![]);
        let (layer, own) = (thresholds(&lists, 0.99, Scope::Layer)[0], thresholds(&lists, 0.99, Scope::Channel));
        assert_eq!(own[..8], [0.99, 1.98, 2.97, 3.96, 4.95, 5.94, 6.93, 7.92]);
        assert_eq!(own[8..], [layer / LEAST_SHARE; 2]);
    }

    #[test]
    fn folding_centred_training_is_exact() {
        // Numbers on a coarse grid, so that both sides are exact and equality means equality (equation 10).
        let (d, products) = (4, 6);
        let grid = |i: usize| ((i * 37 % 33) as f32 - 16.0) / 8.0;
        let dnn = DnnWeights {
            codes: (0..3 * d).map(|i| 6.0 * ((i * 5 % 17) as f32 / 16.0 - 0.5)).collect(),
            centred: true,
            range: 3.0,
            weights: (0..d * products).map(grid).collect(),
            bias: vec![],
            output: vec![],
            output_bias: vec![],
        };
        let folded = fold(&dnn, products, None);
        for token in 0..3 {
            for column in 0..products {
                let centred: f32 =
                    (0..d).map(|i| dnn.codes[token * d + i] * dnn.weights[i * products + column]).sum();
                let rates: f32 = (0..d)
                    .map(|i| (dnn.codes[token * d + i] / 6.0 + 0.5) * folded.weights[i * products + column])
                    .sum();
                assert!((centred - (rates + folded.presence[column])).abs() < 1e-5);
            }
        }
    }

    #[test]
    fn a_fit_finds_what_the_means_stand_for() {
        // r = 2 m + 0.1 and 2 m - 0.2.
        let words: Vec<(Vec<f32>, Vec<f32>)> = [[0.0, 0.5], [0.25, 0.25], [0.375, 0.125]]
            .map(|m| (vec![2.0 * m[0] + 0.1, 2.0 * m[1] - 0.2], m.to_vec()))
            .to_vec();
        let fit = Fit::of(2, &words);
        assert!((fit.slope - 2.0).abs() < 1e-5, "{}", fit.slope);
        assert!((fit.offsets[0] - 0.1).abs() < 1e-5 && (fit.offsets[1] + 0.2).abs() < 1e-5);
        // Means that are all alike: the slope is 1, and the mean rate is kept.
        let alike: Vec<_> = words.iter().map(|(rates, _)| (rates.clone(), vec![0.125; 2])).collect();
        let fit = Fit::of(2, &alike);
        let mean = words.iter().map(|(rates, _)| rates[0]).sum::<f32>() / 3.0;
        assert_eq!(fit.slope, 1.0);
        assert!((0.125 + fit.offsets[0] - mean).abs() < 1e-6);
    }

    #[test]
    fn columns_know_their_channel() {
        let shape = spiketext_kernels::ConvolutionShape { widths: vec![2, 3], filters: 4, dimension: 1 };
        let got: Vec<usize> = (0..shape.products()).map(|column| channel_of(&shape, column)).collect();
        assert_eq!(got, [0, 1, 2, 3, 0, 1, 2, 3, 4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7]);
    }
}
