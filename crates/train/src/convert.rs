//! Conversion: from a trained TextCNN to a spiking network with the same meaning (equations 9 and 10).
//!
//! A converted neuron fires at the rate `activation / threshold`, cut off at one spike a step. Thresholds are set to
//! 1 by dividing the weights, and undone in the layer that follows, so only the feature layer keeps thresholds of its
//! own (spikes a position, one a channel).
//!
//! All of this takes the mean input of a word over time for its rates. Codes whose mean is another number are fitted
//! to the rates first: `r` is taken for `slope m + offset`, by least squares over the tokens of the calibration
//! texts, with one slope for the layer and an offset for each dimension. The slope goes into the synapses and the
//! offsets into the presence currents, and activations are measured on the fit.

use spiketext::{
    Error, Result,
    dnn::{self, DnnView},
    encode::{FULL_RATE, Noise, UNKNOWN_RATE, fixed_rate, mean_input},
    engine::batch_of,
    network::{Codes, LayerConfig, LayerWeights, Network, NetworkConfig, Readout, Weights},
    slices::evenly_spread,
    text::UNKNOWN,
};
use spiketext_kernels::{
    Workspace,
    text_convolution::{Pooling, TextConvolution},
};

use crate::{
    codes::CodeScale,
    dnn::DnnWeights,
    prepare::EncodedText,
    recipe::{ConversionChoices, Normalisation, Recipe, Scope},
    texts::TrainingTexts,
};

/// A DNN layer's numbers over rates in [0, 1] instead of centred codes (equation 10).
struct Folded {
    weights: Vec<f32>,
    presence: Vec<f32>,
}

/// Folds the centring into the weights: `W (2 k (r - 1/2)) = (2 k W) r - k sum W`, the last at each tap on a real
/// token; and with it the fit of a code's means to the rates, if there is one. A network that was not trained centred
/// has no presence currents to fold anything into: it takes the means as they are.
fn fold(dnn: &DnnWeights, products: usize, fit: Option<&Fit>) -> Folded {
    let CodeScale { centred, range } = dnn.codes.scale();
    if !centred {
        return Folded { weights: dnn.layers[0].synapses.clone(), presence: vec![0.0; products] };
    }
    let k = f64::from(range);
    let mut presence = vec![0.0f64; products];
    for (d, row) in dnn.layers[0].synapses.chunks_exact(products).enumerate() {
        let least = fit.map_or(-k, |fit| 2.0 * k * (f64::from(fit.offsets[d]) - 0.5));
        presence.iter_mut().zip(row).for_each(|(sum, &weight)| *sum += least * f64::from(weight));
    }
    let gain = 2.0 * range * fit.map_or(1.0, |fit| fit.slope);
    Folded {
        weights: dnn.layers[0].synapses.iter().map(|weight| gain * weight).collect(),
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
    /// The fit to words, each with its rates and means, one for every time it was met. Where means say nothing of
    /// rates (those of a first spike are all alike), the slope is 1.
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
fn word_means(config: &NetworkConfig, codes: &Codes, word: u32) -> (Vec<f32>, Vec<f32>) {
    let dimension = config.dimension();
    let rates = match word {
        UNKNOWN => vec![UNKNOWN_RATE; dimension].into(),
        _ => codes.rates(word as usize, dimension),
    };
    let means = mean_input(config.encoder, config.steps, Noise::inference(0), u64::from(word), &rates);
    (rates.iter().map(|&rate| f32::from(rate) / FULL_RATE as f32).collect(), means)
}

/// The fit of an encoder that needs one, over the tokens of the calibration texts.
fn fit_of(config: &NetworkConfig, codes: &Codes, calibration: &[&EncodedText]) -> Option<Fit> {
    if config.encoder.carries_rate() {
        return None;
    }
    let (batch, rows) = batch_of(config, calibration.iter().map(|text| &text.words));
    let distinct: Vec<_> = rows.iter().map(|&word| word_means(config, codes, word)).collect();
    let tokens = (0..batch.len()).flat_map(|b| batch.text(b)).filter_map(|&row| distinct.get(row as usize).cloned());
    Some(Fit::of(config.dimension(), &tokens.collect::<Vec<_>>()))
}

/// Converts a DNN. `calibration` are training texts.
///
/// # Errors
/// If the DNN's weights are not finite, the configuration is out of bounds, or the paper's rules are asked for in a
/// network that the paper does not have.
pub fn convert(
    recipe: &Recipe,
    config: &NetworkConfig,
    dnn: &DnnWeights,
    calibration: &[&EncodedText],
) -> Result<Network> {
    let shape = config.convolution();
    let CodeScale { centred, range } = dnn.codes.scale();
    let rate = |code: f32| if centred { code / (2.0 * range) + 0.5 } else { code };
    let codes = Codes::from_fixed(dnn.codes.iter().map(|code| fixed_rate(rate(code))).collect(), recipe.words.bits);
    let fit = fit_of(config, &codes, calibration);
    let mut layers = dnn.layers.clone();
    let Folded { weights, presence } = fold(dnn, shape.products(), fit.as_ref());
    (layers[0].synapses, layers[0].presence) = (weights, presence);
    for (leaf, layer) in config.chain.leaves().iter().zip(&mut layers) {
        // The identity, until activations are brought into the range of rates.
        layer.shortcut = vec![1.0; leaf.sizes().shortcut];
        layer.thresholds = vec![1.0; leaf.sizes().thresholds];
    }
    let inputs = |word: u32| input_of(config, dnn, &codes, fit.as_ref(), word);
    let measure = || Activations::of(config, dnn, recipe.dnn.pooling, calibration, inputs);
    let only_one = || {
        let further = config.chain.leaves().iter().filter(|leaf| leaf.sizes().synapses[0] > 0).count() - 2;
        if further == 0 {
            return Ok(());
        }
        let wanted = "conversion.normalisation percentile (or none) where further layers stand between text \
                      convolution and read-out";
        Err(Error::invalid("convert", wanted, format!("{further} further layers")))
    };
    match recipe.conversion.normalisation {
        Normalisation::None => {}
        Normalisation::Model => {
            only_one()?;
            let (products, first) = (shape.products(), &mut layers[0]);
            for (width_index, &width) in shape.widths.iter().enumerate() {
                let columns =
                    shape.first_product(width_index)..shape.first_product(width_index) + width * shape.filters;
                let of_width = |row: &[f32]| row[columns.clone()].iter().fold(0.0f32, |most, &w| most.max(w));
                let most = first.synapses.chunks_exact(products).map(of_width).fold(0.0, f32::max);
                if most > 0.0 {
                    first
                        .synapses
                        .chunks_exact_mut(products)
                        .chain(std::iter::once(&mut first.presence[..]))
                        .for_each(|row| row[columns.clone()].iter_mut().for_each(|w| *w /= most));
                    first.bias[width_index * shape.filters..][..shape.filters].iter_mut().for_each(|b| *b /= most);
                }
            }
        }
        Normalisation::Data => {
            only_one()?;
            let activations = measure();
            let largest = |lists: &[Vec<f32>]| lists.iter().flatten().fold(0.0f32, |most, &a| most.max(a));
            let last = layers.len() - 1;
            for at in [0, last] {
                let most = positive(largest(&activations.leaves[at]));
                let LayerWeights { synapses, presence, bias, .. } = &mut layers[at];
                synapses.iter_mut().chain(presence).chain(bias).for_each(|w| *w /= most);
            }
        }
        Normalisation::Percentile { q } => {
            let activations = measure();
            balance(config, &mut layers, &activations, |lists| thresholds(lists, q, recipe.conversion.scope));
            if config.readout() == Readout::SpikeCount {
                let last = layers.len() - 1;
                let most = thresholds(&activations.leaves[last], q, Scope::Layer)[0];
                let LayerWeights { synapses, bias, .. } = &mut layers[last];
                synapses.iter_mut().chain(bias).for_each(|w| *w /= most);
            }
        }
    }
    Network::new(config.clone(), Weights { codes, layers })
}

/// Brings every activation into the range of firing rates (equation 9): each layer's weights are divided by its
/// thresholds and multiplied by those of the layer before, the shortcut by those of where it comes from.
/// `thresholds_of` finds them in lists of activations, one a channel.
fn balance(
    config: &NetworkConfig,
    layers: &mut [LayerWeights],
    activations: &Activations,
    thresholds_of: impl Fn(&[Vec<f32>]) -> Vec<f32>,
) {
    // What an activation is to a rate, for each output of each leaf.
    let mut scales: Vec<Vec<f32>> = Vec::new();
    for ((leaf, layer), lists) in config.chain.leaves().iter().zip(layers).zip(&activations.leaves) {
        let before = scales.last().cloned().unwrap_or_default();
        let LayerWeights { synapses, presence, bias, shortcut, thresholds } = layer;
        let scale = match &leaf.layer {
            LayerConfig::TextConvolution { shape, .. } => {
                let own = thresholds_of(lists);
                for row in synapses.chunks_exact_mut(presence.len()).chain(std::iter::once(&mut presence[..])) {
                    for (column, weight) in row.iter_mut().enumerate() {
                        *weight /= own[channel_of(shape, column)];
                    }
                }
                bias.iter_mut().zip(&own).for_each(|(b, threshold)| *b /= threshold);
                own
            }
            LayerConfig::Convolution { .. } | LayerConfig::Dense { .. } => {
                let own = thresholds_of(lists);
                let columns = synapses.len() / before.len();
                for (row, before) in synapses.chunks_exact_mut(columns).zip(&before) {
                    for (column, weight) in row.iter_mut().enumerate() {
                        *weight *= before / own[column % own.len()];
                    }
                }
                bias.iter_mut().zip(&own).for_each(|(b, threshold)| *b /= threshold);
                if let Some(from) = leaf.shortcut {
                    let ends = scales[from].iter().zip(&own);
                    shortcut.iter_mut().zip(ends).for_each(|(gain, (from, own))| *gain = from / own);
                }
                own
            }
            LayerConfig::Neurons { .. } => {
                let rates: Vec<Vec<f32>> =
                    lists.iter().zip(&before).map(|(list, scale)| list.iter().map(|a| a / scale).collect()).collect();
                *thresholds = thresholds_of(&rates);
                before.iter().zip(&*thresholds).map(|(first, second)| first * second).collect()
            }
            LayerConfig::Readout { .. } => {
                for (row, scale) in synapses.chunks_exact_mut(leaf.outputs).zip(&before) {
                    row.iter_mut().for_each(|weight| *weight *= scale);
                }
                Vec::new()
            }
            LayerConfig::Pooling | LayerConfig::Residual { .. } => before,
            layer => unreachable!("no way to convert {}", layer.kind()),
        };
        scales.push(scale);
    }
}

/// The calibration texts: evenly spread over the labelled training texts.
///
/// # Errors
/// If they cannot be read.
pub fn calibration_texts(choices: &ConversionChoices, train: &TrainingTexts) -> Result<Vec<EncodedText>> {
    train.several(evenly_spread(train.labelled(), choices.calibration_texts))
}

/// What a word gives the DNN: its code, or what its spikes make of it.
fn input_of(config: &NetworkConfig, dnn: &DnnWeights, codes: &Codes, fit: Option<&Fit>, word: u32) -> Vec<f32> {
    let dimension = config.dimension();
    let scale = dnn.codes.scale();
    let Some(fit) = fit else {
        let (missing, start) = (scale.missing(), word as usize * dimension);
        return (start..start + dimension).map(|i| dnn.codes.get(i).unwrap_or(missing)).collect();
    };
    let (_, means) = word_means(config, codes, word);
    if !scale.centred {
        return means;
    }
    means
        .iter()
        .zip(&fit.offsets)
        .map(|(mean, offset)| 2.0 * scale.range * (fit.slope * mean + offset - 0.5))
        .collect()
}

/// The channel to which a column (width, tap, filter) of the weight matrix belongs.
fn channel_of(shape: &spiketext_kernels::ConvolutionShape, column: usize) -> usize {
    let width_index = (0..shape.widths.len()).rfind(|&w| shape.first_product(w) <= column).unwrap_or(0);
    width_index * shape.filters + (column - shape.first_product(width_index)) % shape.filters
}

/// Activations of the DNN on the calibration texts: for each leaf, one list a channel.
struct Activations {
    leaves: Vec<Vec<Vec<f32>>>,
}

impl Activations {
    /// Of the text convolution these are pre-activations at all positions that see a token; of further layers over
    /// positions their rectified ones, of pooling the features of the texts, of the read-out its outputs.
    fn of(
        config: &NetworkConfig,
        dnn: &DnnWeights,
        pooling: Pooling,
        texts: &[&EncodedText],
        input_of: impl Fn(u32) -> Vec<f32>,
    ) -> Self {
        let shape = config.convolution();
        let (batch, rows) = batch_of(config, texts.iter().map(|text| &text.words));
        let codes: Vec<f32> = rows.iter().flat_map(|&word| input_of(word)).collect();
        let workspace = Workspace::default();
        let view = DnnView { config, pooling, layers: &dnn.layers };
        let leaves = config.chain.leaves();
        let mut lists: Vec<Vec<Vec<f32>>> = leaves.iter().map(|leaf| vec![Vec::new(); leaf.outputs]).collect();
        dnn::forward(view, &batch, &codes, &workspace, |at, values| {
            let own = &mut lists[at];
            for row in values.chunks_exact(own.len()) {
                own.iter_mut().zip(row).for_each(|(list, &value)| list.push(value));
            }
        });
        let first = &dnn.layers[0];
        let (weights, bias) = (&first.synapses, &first.bias);
        let layer = TextConvolution { shape, pooling, weights, bias, workspace: &workspace };
        lists[0] = layer.pre_activations(&codes, &batch);
        Self { leaves: lists }
    }
}

/// The q-quantile of the positive activations, of each neuron or of the layer. Negative ones can make no spike, and a
/// channel that is active at few positions would get a threshold of zero if they counted.
fn thresholds(lists: &[Vec<f32>], q: f64, scope: Scope) -> Vec<f32> {
    let all = || quantile(lists.iter().flatten().copied().filter(|&a| a > 0.0).collect(), q);
    match scope {
        Scope::Layer => vec![positive(all()); lists.len()],
        Scope::Channel => {
            // A channel that is all but silent would get a threshold so low that its weights, divided by it, leave
            // the others below the unit of their common grid (see `spiketext::network`).
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
    use crate::codes::WordCodes;

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
        let codes: Vec<f32> = (0..3 * d).map(|i| 6.0 * ((i * 5 % 17) as f32 / 16.0 - 0.5)).collect();
        let dnn = DnnWeights {
            codes: WordCodes::of_codes(codes, d, CodeScale { centred: true, range: 3.0 }),
            layers: vec![LayerWeights { synapses: (0..d * products).map(grid).collect(), ..LayerWeights::default() }],
        };
        let folded = fold(&dnn, products, None);
        let code = |index: usize| dnn.codes.get(index).expect("a code");
        for token in 0..3 {
            for column in 0..products {
                let centred: f32 =
                    (0..d).map(|i| code(token * d + i) * dnn.layers[0].synapses[i * products + column]).sum();
                let rates: f32 =
                    (0..d).map(|i| (code(token * d + i) / 6.0 + 0.5) * folded.weights[i * products + column]).sum();
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
