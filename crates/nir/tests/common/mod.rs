//! Models of random weights over ten words, in every form that can be exported.

#![allow(dead_code)]

use proptest::prelude::*;
use spiketext::{
    Encoder, Model,
    model::Training,
    network::{
        Chain, Codes, LayerConfig, LayerWeights, Network, NetworkConfig, Padding, Readout, Signal, SynapseBits,
        UnknownWord, Weights,
    },
    seed::{Purpose, normal, stream},
    text::{Language, Vocabulary},
};
use spiketext_kernels::{ConvolutionShape, NeuronParameters, Reset};

/// Words of every model here.
pub const WORDS: [&str; 10] = ["a", "good", "bad", "film", "the", "of", "was", "not", "story", "end"];

/// A model of random weights.
pub fn random(config: NetworkConfig, seed: u64) -> Model {
    let mut rng = stream(seed, Purpose::Weights, 0, 0);
    let mut draw = |count: usize, size: f32| (0..count).map(|_| size * normal(&mut rng)).collect::<Vec<f32>>();
    let mut layers = Vec::new();
    for leaf in config.chain.leaves() {
        let sizes = leaf.sizes();
        let size = if leaf.output == Signal::Scores { 0.5 } else { 0.4 };
        layers.push(LayerWeights {
            synapses: draw(sizes.synapses[0] * sizes.synapses[1], size),
            presence: draw(sizes.presence, 0.2),
            bias: draw(sizes.bias, 0.1),
            shortcut: draw(sizes.shortcut, 0.5),
            thresholds: draw(sizes.thresholds, 0.1).into_iter().map(|x| 0.3 + x.abs()).collect(),
        });
    }
    let codes = draw(10 * config.dimension(), 0.2).into_iter().map(|x| spiketext::encode::fixed_rate(x + 0.5));
    let codes = Codes::Sixteen(codes.collect());
    let classes = config.classes();
    let network = Network::new(config, Weights { codes, layers }).expect("a sound network");
    Model::new(
        Language::English,
        (0..classes).map(|class| format!("class {class}")).collect(),
        vec![1.0 / classes as f32; classes],
        7,
        Vocabulary::from_words(WORDS.map(str::to_owned).to_vec()).expect("words"),
        network,
        Training { program: "test".into(), ..Training::default() },
    )
    .expect("a model")
}

/// Networks that NIR can hold to the spike: hard resets, no leaks, plain spikes.
pub fn chain() -> impl Strategy<Value = NetworkConfig> {
    let neuron =
        (0u8..3, prop::sample::select(vec![1.0f32, 0.7])).prop_map(|(initial, threshold)| NeuronParameters {
            reset: Reset::Hard,
            initial: f32::from(initial) / 4.0,
            threshold,
            ..NeuronParameters::paper()
        });
    let widths = prop::sample::select(vec![vec![1], vec![3], vec![4], vec![2, 3], vec![1, 4], vec![3, 4, 5]]);
    let padding = prop::sample::select(vec![
        Padding::Valid,
        Padding::Tokens,
        Padding::Padded { length: 5 },
        Padding::Padded { length: 7 },
    ]);
    let read = prop::sample::select(vec![Readout::SpikeCount, Readout::Membrane]);
    let unknown = prop::sample::select(vec![UnknownWord::Silent, UnknownWord::Mean]);
    let encoder =
        prop::sample::select(vec![Encoder::Regular, Encoder::Bernoulli, Encoder::Latency, Encoder::Winners]);
    let sizes = (prop::sample::select(vec![1usize, 6]), prop::sample::select(vec![1usize, 2, 7]), 1usize..5);
    let further = (0usize..4, 0usize..3, any::<bool>(), 0usize..3);
    (neuron, widths, padding, (read, unknown, encoder), sizes, further).prop_map(
        |(neuron, widths, padding, (read, unknown, encoder), (filters, steps, width), further)| {
            let (convolutions, block, features, dense) = further;
            let straight = padding == Padding::Tokens;
            let single = widths.len() == 1 && !straight;
            let shape = ConvolutionShape { widths, filters, dimension: 12 };
            let mut layers = vec![LayerConfig::TextConvolution { shape, neuron }];
            if single {
                let all = vec![LayerConfig::Convolution { width, filters, neuron }; convolutions];
                match block {
                    0 => layers.extend(all),
                    block => {
                        let blocks =
                            all.chunks(block).map(|layers| LayerConfig::Residual { layers: layers.to_vec() });
                        layers.extend(blocks);
                    }
                }
            }
            layers.push(LayerConfig::Pooling);
            // Means over positions that drive neurons are on no grid: a reader rounds them.
            let features = !straight && (features || dense > 0 || read == Readout::SpikeCount);
            layers.extend(features.then_some(LayerConfig::Neurons { neuron }));
            let dense = if straight { 0 } else { dense };
            layers.extend((0..dense).map(|i| LayerConfig::Dense { neurons: 5 + i, neuron }));
            let read = if straight { Readout::Membrane } else { read };
            layers.push(LayerConfig::Readout { classes: 3, outputs_per_class: 2, read, neuron });
            NetworkConfig {
                steps,
                encoder,
                unknown,
                padding,
                synapse_bits: SynapseBits::Eight,
                vector_dimension: None,
                chain: Chain::new(layers).expect("a chain"),
            }
        },
    )
}
