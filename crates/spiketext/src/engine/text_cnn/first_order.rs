//! What exchanging words would do to the answer, to first order: the gradient of the loss with respect to the input
//! spikes, with surrogate derivatives at every neuron (equation 7), times the difference of the spikes.
//!
//! ```text
//! x[w,t,(d,1)]     spikes of word w with their gains, and its presence
//! dL/dY[p,t,m]     from the loss back through outputs, features and the convolution neurons at each position
//! gain(p, w)     = sum over t of (x[w,t] - x[text[p],t]) . (W, q) dL/dY[p,t]
//! ```
//!
//! Here a text is a text and nothing is fast but the matrix products: it is asked for once or a few times a text.

use std::collections::HashMap;

use spiketext_kernels::{
    Drive, SILENT, TokenBatch,
    drive::{PHASES, share},
    matrix::{Matrix, product},
    neuron_scan::{self, Thresholds},
};

use crate::{
    encode::Noise,
    engine::{batch_of, feature_thresholds, spikes_of},
    loss::loss_gradient,
    network::{Network, Readout, TextCnn, UnknownWord},
    target::Target,
    text::UNKNOWN,
};

/// To first order, by how much the cross-entropy loss of a text of this target would grow if the word at a place
/// became another one, for each (place, word) of `exchanges`. 0 at places that the network does not read. `None` for
/// networks with further convolutions or dense layers, through which nothing here goes back.
///
/// # Panics
/// If an id is neither a word of the network nor [`UNKNOWN`], or the target does not fit the classes.
#[must_use]
pub fn first_order(
    network: &Network,
    noise: Noise,
    text: &[u32],
    target: &Target,
    exchanges: &[(usize, u32)],
) -> Option<Vec<f32>> {
    let cnn = network.text_cnn()?;
    let config = cnn.config;
    let read = text.len().min(config.padding.longest());
    let mut words: Vec<u32> = text[..read].iter().copied().chain(exchanges.iter().map(|&(_, word)| word)).collect();
    words.sort_unstable();
    words.dedup();
    let inputs = Inputs::of(cnn, noise, &words);
    let places: Vec<usize> = {
        let mut places: Vec<usize> =
            exchanges.iter().map(|&(place, _)| place).filter(|&place| place < read).collect();
        places.sort_unstable();
        places.dedup();
        places
    };
    let back = Backward::of(cnn, &inputs, &text[..read], target);
    let (rows, columns) = (config.steps, config.convolution.products());
    let width = inputs.width;
    let d_products = back.of_places(cnn, &places);
    let mut gradients = vec![0.0; places.len() * rows * width];
    let weights = extended_weights(cnn);
    product(
        Matrix::new(&d_products, places.len() * rows, columns),
        Matrix::new(&weights, width, columns).transposed(),
        &mut gradients,
        false,
    );
    let gain = |&(place, word): &(usize, u32)| {
        let Ok(which) = places.binary_search(&place) else { return 0.0 };
        let gradient = &gradients[which * rows * width..][..rows * width];
        let (before, after) = (inputs.of_word(text[place]), inputs.of_word(word));
        gradient.iter().zip(before.iter().zip(after)).map(|(g, (before, after))| g * (after - before)).sum()
    };
    Some(exchanges.iter().map(gain).collect())
}

/// Synapses with the presence currents as one more row, `[D + 1, M]`.
fn extended_weights(cnn: TextCnn<'_>) -> Vec<f32> {
    let weights = cnn.convolution;
    weights.synapses.iter().chain(&weights.presence).copied().collect()
}

/// What words put in at each step: their spikes with the gains of their drive, and their presence.
struct Inputs {
    /// `[U, T, D + 1]`.
    values: Vec<f32>,
    row_of: HashMap<u32, usize>,
    /// T (D + 1).
    length: usize,
    /// D + 1.
    width: usize,
}

impl Inputs {
    fn of(cnn: TextCnn<'_>, noise: Noise, words: &[u32]) -> Self {
        let config = cnn.config;
        let (steps, time) = (config.steps, config.time());
        let width = config.convolution.dimension + 1;
        let spikes = spikes_of(cnn.network, noise, words);
        let mut values = vec![0.0; words.len() * steps * width];
        let mut row = vec![0.0; width - 1];
        for (u, &word) in words.iter().enumerate() {
            if word == UNKNOWN && config.unknown == UnknownWord::Silent {
                continue;
            }
            for t in 0..steps {
                let out = &mut values[(u * steps + t) * width..][..width];
                let mut add = |from: usize, gain: f32| {
                    spikes.expand(from, &mut row);
                    out.iter_mut().zip(&row).for_each(|(out, spike)| *out += gain * spike);
                    out[width - 1] += gain;
                };
                match time.drive {
                    Drive::Spikes | Drive::Phases => add(u * steps + t, time.drive.gains()[t % PHASES]),
                    Drive::Current => (0..PHASES).for_each(|plane| add(u * PHASES + plane, share(plane))),
                }
            }
        }
        let row_of = words.iter().copied().zip(0..).collect();
        Self { values, row_of, length: steps * width, width }
    }

    fn of_word(&self, word: u32) -> &[f32] {
        &self.values[self.row_of[&word] * self.length..][..self.length]
    }
}

/// The gradients at the convolution neurons of a text.
struct Backward {
    /// For each width index, `[P, T, F]`.
    d_currents: Vec<Vec<f32>>,
    batch: TokenBatch,
}

impl Backward {
    fn of(cnn: TextCnn<'_>, inputs: &Inputs, text: &[u32], target: &Target) -> Self {
        let (config, weights) = (cnn.config, cnn.convolution);
        let (shape, steps) = (&config.convolution, config.steps);
        let (filters, channels, columns) = (shape.filters, shape.channels(), shape.products());
        let (batch, words) = batch_of(cnn.network.config(), [text]);
        let own: Vec<f32> = words.iter().flat_map(|&word| inputs.of_word(word)).copied().collect();
        let mut products = vec![0.0; words.len() * steps * columns];
        product(
            Matrix::new(&own, words.len() * steps, inputs.width),
            Matrix::new(&extended_weights(cnn), inputs.width, columns),
            &mut products,
            false,
        );
        // Each position of a width is a text of its own to the scan.
        let neuron = &config.convolution_neuron;
        let mut counts = vec![0.0; steps * channels];
        let mut layers = Vec::new();
        for (k, &width) in shape.widths.iter().enumerate() {
            let positions = batch.positions(0, width);
            let mut currents = Vec::with_capacity(positions * steps * filters);
            for p in 0..positions {
                for t in 0..steps {
                    let start = currents.len();
                    currents.extend_from_slice(&weights.bias[k * filters..][..filters]);
                    for tap in 0..width {
                        let Some(&row) = batch.text(0).get(p + tap).filter(|&&row| row != SILENT) else { continue };
                        let from = (row as usize * steps + t) * columns + shape.first_product(k) + tap * filters;
                        currents[start..].iter_mut().zip(&products[from..]).for_each(|(sum, y)| *sum += y);
                    }
                }
            }
            let (values, scales) = (vec![neuron.threshold; positions * filters], vec![1.0; positions * filters]);
            let thresholds = Thresholds { values: &values, scales: &scales };
            let spikes = neuron_scan::forward(neuron, steps, filters, thresholds, &currents);
            for (i, spikes) in spikes.chunks_exact(filters).enumerate() {
                let sums = &mut counts[i % steps * channels + k * filters..][..filters];
                sums.iter_mut().zip(spikes).for_each(|(sum, spike)| *sum += spike);
            }
            layers.push((currents, values, scales));
        }
        let d_counts = d_counts(cnn, &batch, &counts, target);
        let d_currents = layers
            .iter()
            .enumerate()
            .map(|(k, (currents, values, scales))| {
                let of_step = |t: usize| &d_counts[t * channels + k * filters..][..filters];
                let positions = values.len() / filters.max(1);
                let up: Vec<f32> = (0..positions).flat_map(|_| (0..steps).flat_map(of_step)).copied().collect();
                neuron_scan::backward(neuron, steps, filters, Thresholds { values, scales }, currents, &up)
            })
            .collect();
        Self { d_currents, batch }
    }

    /// Gradients with respect to the products at some places of the text, `[places, T, M]`.
    fn of_places(&self, cnn: TextCnn<'_>, places: &[usize]) -> Vec<f32> {
        let config = cnn.config;
        let (shape, steps) = (&config.convolution, config.steps);
        let (filters, columns) = (shape.filters, shape.products());
        let mut out = vec![0.0; places.len() * steps * columns];
        for (&place, out) in places.iter().zip(out.chunks_exact_mut(steps * columns)) {
            for (k, &width) in shape.widths.iter().enumerate() {
                for tap in 0..width.min(place + 1) {
                    let p = place - tap;
                    if p >= self.batch.positions(0, width) {
                        continue;
                    }
                    for t in 0..steps {
                        let from = &self.d_currents[k][(p * steps + t) * filters..][..filters];
                        out[t * columns + shape.first_product(k) + tap * filters..][..filters].copy_from_slice(from);
                    }
                }
            }
        }
        out
    }
}

/// From the loss back to the spikes summed over positions, `[T, C]`.
fn d_counts(cnn: TextCnn<'_>, batch: &TokenBatch, counts: &[f32], target: &Target) -> Vec<f32> {
    let (config, output) = (cnn.config, cnn.output);
    let (steps, channels) = (config.steps, config.convolution.channels());
    let (outputs, group) = (config.outputs(), config.outputs_per_class);
    let (values, scales) = config
        .feature_neuron
        .map(|neuron| feature_thresholds(cnn.network.config(), &neuron, cnn.feature_thresholds, batch))
        .unwrap_or_default();
    let thresholds = Thresholds { values: &values, scales: &scales };
    // Without neurons of their own, pooled spikes are means over the positions.
    let divisor = config.padding.common_divisor(batch.text(0).len());
    let positions_of = |c: usize| {
        let own = || batch.positions(0, config.convolution.widths[c / config.convolution.filters]);
        divisor.unwrap_or_else(own) as f32
    };
    let features: Vec<f32> = match &config.feature_neuron {
        Some(neuron) => neuron_scan::forward(neuron, steps, channels, thresholds, counts),
        None => counts.iter().enumerate().map(|(i, count)| count / positions_of(i % channels)).collect(),
    };
    let mut currents = Vec::with_capacity(steps * outputs);
    for features in features.chunks_exact(channels) {
        let start = currents.len();
        currents.extend_from_slice(&output.bias);
        for (feature, row) in features.iter().zip(output.synapses.chunks_exact(outputs)) {
            currents[start..].iter_mut().zip(row).for_each(|(sum, weight)| *sum += feature * weight);
        }
    }
    let fixed = (vec![config.output_neuron.threshold; outputs], vec![1.0; outputs]);
    let output_thresholds = Thresholds { values: &fixed.0, scales: &fixed.1 };
    let neuron = &config.output_neuron;
    let (answers, scale) = match config.readout {
        Readout::Membrane => (currents.clone(), 1.0),
        Readout::SpikeCount => {
            (neuron_scan::forward(neuron, steps, outputs, output_thresholds, &currents), group as f32)
        }
    };
    let mut scores = vec![0.0; config.classes];
    for (i, answer) in answers.iter().enumerate() {
        scores[i % outputs / group] += answer / (steps * group) as f32;
    }
    let d_scores = loss_gradient(&scores, scale, target);
    let d_answers: Vec<f32> =
        (0..answers.len()).map(|i| d_scores[i % outputs / group] / (steps * group) as f32).collect();
    let d_currents = match config.readout {
        Readout::Membrane => d_answers,
        Readout::SpikeCount => {
            neuron_scan::backward(neuron, steps, outputs, output_thresholds, &currents, &d_answers)
        }
    };
    let mut d_features = vec![0.0; steps * channels];
    product(
        Matrix::new(&d_currents, steps, outputs),
        Matrix::new(&output.synapses, channels, outputs).transposed(),
        &mut d_features,
        false,
    );
    match &config.feature_neuron {
        Some(neuron) => neuron_scan::backward(neuron, steps, channels, thresholds, counts, &d_features),
        None => d_features.iter().enumerate().map(|(i, d)| d / positions_of(i % channels)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        encode::Encoder,
        engine::{run, tests::network, text_cnn::convolution},
        network::Padding,
    };

    /// The gradient of the products must be the one whose sum over places the kernel takes to the synapses.
    #[test]
    fn gradients_of_the_products_are_those_of_the_kernel() {
        let text = [0, 1, 2, 3, 0, UNKNOWN, 9];
        for encoder in Encoder::ALL {
            for (readout, padding) in [
                (Readout::Membrane, Padding::Valid),
                (Readout::SpikeCount, Padding::Padded { length: 9 }),
                (Readout::Membrane, Padding::Padded { length: 5 }),
            ] {
                let network = network(readout, encoder, padding);
                let (cnn, config) = (network.text_cnn().expect("a text convolution"), network.config());
                let (shape, steps) = (config.convolution(), config.steps);
                let noise = Noise::inference(2);
                let texts = [text.to_vec()];
                let (batch, words) = batch_of(config, &texts);
                let spikes = spikes_of(&network, noise, &words);
                let layer = convolution(cnn);
                let (counts, saved) = layer.forward_for_training(&spikes, &batch);
                let d_counts = d_counts(cnn, &batch, &counts, &Target::of(1));
                let want = layer.backward(&spikes, &batch, &saved, &d_counts);
                let mut distinct = words.clone();
                distinct.sort_unstable();
                let inputs = Inputs::of(cnn, noise, &distinct);
                let read = text.len().min(config.padding.longest());
                let back = Backward::of(cnn, &inputs, &text[..read], &Target::of(1));
                let places: Vec<usize> = (0..read).collect();
                let d_products = back.of_places(cnn, &places);
                let (d, m) = (shape.dimension, shape.products());
                let mut got = vec![0.0f64; (d + 1) * m];
                for &place in &places {
                    for t in 0..steps {
                        let x = &inputs.of_word(text[place])[t * (d + 1)..][..=d];
                        let y = &d_products[(place * steps + t) * m..][..m];
                        for (i, x) in x.iter().enumerate() {
                            got[i * m..][..m].iter_mut().zip(y).for_each(|(sum, y)| *sum += f64::from(x * y));
                        }
                    }
                }
                let want: Vec<f32> = want.synapses.into_iter().chain(want.presence).collect();
                let size = want.iter().fold(0.0f32, |most, w| most.max(w.abs()));
                assert!(size > 0.0, "{encoder:?}");
                for (i, (got, want)) in got.iter().zip(&want).enumerate() {
                    let apart = (got - f64::from(*want)).abs();
                    assert!(apart < 1e-4 * f64::from(size), "{encoder:?} {padding:?} {i}: {got} {want}");
                }
            }
        }
    }

    /// No gradient of spikes foretells one exchange for certain; of many, those that it calls bad must be the worse
    /// ones.
    #[test]
    fn exchanges_that_should_hurt_do_so_more_often_than_not() {
        let network = network(Readout::Membrane, Encoder::Direct, Padding::Valid);
        let noise = Noise::inference(0);
        let loss = |text: &[u32]| {
            let run = run(&network, noise, &[text.to_vec()]);
            -crate::loss::softmax(&run.scores, 1.0)[2].ln()
        };
        let (mut agree, mut all) = (0, 0);
        for start in 0..10u32 {
            let text: Vec<u32> = (0..7).map(|i| (start + i * i) % 10).collect();
            let exchanges: Vec<(usize, u32)> =
                (0..7).flat_map(|place| (0..10).map(move |word| (place, word))).collect();
            let gains = first_order(&network, noise, &text, &Target::of(2), &exchanges).expect("a text convolution");
            for (&(place, word), gain) in exchanges.iter().zip(gains) {
                let mut other = text.clone();
                other[place] = word;
                let change = loss(&other) - loss(&text);
                if word == text[place] {
                    assert_eq!(gain, 0.0);
                } else if change != 0.0 && gain != 0.0 {
                    agree += u32::from((change > 0.0) == (gain > 0.0));
                    all += 1;
                }
            }
        }
        assert!(all > 200 && f64::from(agree) > 0.6 * f64::from(all), "{agree} of {all}");
    }
}
