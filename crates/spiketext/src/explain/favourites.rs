//! What each filter would listen to, from its weights alone: the known words that drive each place of its window most.
//!
//! A filter's current is a plain sum over the places of its window, so the words that each place likes best also make the
//! n-gram that drives it most, whether or not anybody ever wrote it. What texts really make it fire is
//! [`filters`](super::filters)' matter.

use serde::Serialize;
use spiketext_kernels::ConvolutionShape;

use super::relevance::column;
use crate::{
    engine::token_currents,
    model::Model,
    network::{LayerWeights, Network, Readout, TextCnnConfig, Weights},
};

/// Words whose currents are made at a time.
const AT_ONCE: usize = 512;

/// A word and the current that it makes at one place of a window.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Favourite {
    /// The word.
    pub word: String,
    /// Its current, a step.
    pub current: f64,
}

/// The words that a filter likes best.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Favourites {
    /// Words that its kernel sees.
    pub width: usize,
    /// Its number among those of its width.
    pub filter: usize,
    /// The current that is there without a word.
    pub bias: f64,
    /// What a membrane has to pass.
    pub threshold: f32,
    /// For each place of the window the words that drive it most, the strongest first.
    pub places: Vec<Vec<Favourite>>,
}

/// The `most` favourites of every place of a filter: number `filter` of those of kernel `kernel`.
///
/// # Panics
/// If there is no such filter.
#[must_use]
pub fn favourites(model: &Model, kernel: usize, filter: usize, most: usize) -> Favourites {
    let (network, noise) = (model.network(), model.noise());
    let config = network.config();
    let (shape, neuron) = config.chain.text_convolution();
    let (width, steps) = (shape.widths[kernel], config.steps as f64);
    let alone = alone(network, kernel, filter);
    let mut best: Vec<Vec<(u32, f64)>> = vec![Vec::new(); width];
    let ids: Vec<u32> = (0..network.words() as u32).collect();
    // A padded network reads no further than its length.
    for ids in ids.chunks(AT_ONCE.min(config.padding.longest())) {
        let (batch, currents) = token_currents(&alone, noise, ids);
        for (id, &row) in ids.iter().zip(batch.text(0)) {
            if row == spiketext_kernels::SILENT {
                continue;
            }
            for (best, &current) in best.iter_mut().zip(&currents[row as usize * width..]) {
                let at = best.partition_point(|&(_, other)| other >= current);
                if at < most {
                    best.insert(at, (*id, current));
                    best.truncate(most);
                }
            }
        }
    }
    let told = |&(id, current): &(u32, f64)| Favourite {
        word: model.vocabulary().word(id).unwrap_or("?").to_owned(),
        current: current / steps,
    };
    Favourites {
        width,
        filter,
        bias: f64::from(network.weights().layers[0].bias[kernel * shape.filters + filter]),
        threshold: neuron.threshold,
        places: best.iter().map(|place| place.iter().map(told).collect()).collect(),
    }
}

/// The network with no other filter, and nothing behind it: a hundredth of the work.
fn alone(network: &Network, kernel: usize, filter: usize) -> Network {
    let config = network.config();
    let (shape, neuron) = config.chain.text_convolution();
    let (first, columns, width) = (&network.weights().layers[0], shape.products(), shape.widths[kernel]);
    let own = |values: &[f32]| -> Vec<f32> {
        let places = (0..values.len() / columns).flat_map(|row| (0..width).map(move |tap| (row, tap)));
        places.map(|(row, tap)| values[row * columns + column(shape, kernel, tap) + filter]).collect()
    };
    let convolution = LayerWeights {
        synapses: own(&first.synapses),
        presence: own(&first.presence),
        bias: vec![0.0],
        ..LayerWeights::default()
    };
    let output = LayerWeights { synapses: vec![0.0], bias: vec![0.0], ..LayerWeights::default() };
    let alone = TextCnnConfig {
        convolution: ConvolutionShape { widths: vec![width], filters: 1, dimension: shape.dimension },
        classes: 1,
        outputs_per_class: 1,
        steps: config.steps,
        encoder: config.encoder,
        unknown: config.unknown,
        padding: config.padding,
        readout: Readout::Membrane,
        convolution_neuron: *neuron,
        feature_neuron: None,
        output_neuron: *neuron,
        synapse_bits: config.synapse_bits,
    };
    let weights = Weights {
        codes: network.weights().codes.clone(),
        layers: vec![convolution, LayerWeights::default(), output],
    };
    alone.into_network().and_then(|config| Network::new(config, weights)).expect("part of a network is one")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{encode::Encoder, model::tests::model_with};

    #[test]
    fn favourites_are_the_words_with_the_largest_currents() {
        let model = model_with(Readout::Membrane, Encoder::Regular);
        let config = model.network().config();
        let shape = config.convolution();
        let words: Vec<&str> = model.vocabulary().words().collect();
        for at in 0..shape.channels() {
            let (kernel, filter) = (at / shape.filters, at % shape.filters);
            let one = favourites(&model, kernel, filter, 3);
            assert_eq!((one.width, one.filter, one.places.len()), (shape.widths[kernel], filter, one.width));
            for (tap, place) in one.places.iter().enumerate() {
                // Each word alone, as a text.
                let mut all: Vec<(f64, usize)> = (0..words.len())
                    .map(|id| {
                        let (_, currents) = token_currents(model.network(), model.noise(), &[id as u32]);
                        (currents[column(shape, kernel, tap) + filter] / config.steps as f64, id)
                    })
                    .collect();
                all.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
                let wanted: Vec<(f64, &str)> = all[..3].iter().map(|&(current, id)| (current, words[id])).collect();
                let got: Vec<(f64, &str)> = place.iter().map(|one| (one.current, one.word.as_str())).collect();
                assert_eq!(got, wanted);
            }
        }
    }

    #[test]
    fn the_best_of_each_place_make_the_ngram_that_drives_most() {
        let model = model_with(Readout::Membrane, Encoder::Regular);
        let words: Vec<&str> = model.vocabulary().words().collect();
        let widths = &model.network().config().convolution().widths;
        let kernel = widths.iter().position(|&width| width == 2).expect("a kernel of two words");
        let one = favourites(&model, kernel, 0, 1);
        let current = |text: &str| {
            let (_, _, potentials) = model.watch(text).expect("known words");
            let config = model.network().config();
            let shown = &potentials.layers[0].currents[kernel];
            let filters = config.convolution().filters;
            (0..config.steps).map(|t| f64::from(shown[t * filters + one.filter])).sum::<f64>() / config.steps as f64
        };
        let best = current(&format!("{} {}", one.places[0][0].word, one.places[1][0].word));
        let told: f64 = one.bias + one.places.iter().map(|place| place[0].current).sum::<f64>();
        assert!((best - told).abs() < 1e-5, "{best} {told}");
        for first in &words {
            for second in &words {
                assert!(current(&format!("{first} {second}")) <= best + 1e-5);
            }
        }
    }
}
