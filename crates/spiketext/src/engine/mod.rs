//! The inference engine: runs a network on token lists, counts what it did, and shows every spike when asked.
//!
//! Nothing here knows of texts or files: tokens in, scores out.
//!
//! ```text
//! plain      any chain of layers, neuron by neuron as the equations say, before the eyes of an observer
//! text_cnn   the plan for chains of one text convolution: a word's spikes and products are made once for a batch,
//!            however often it stands there, and a Runner keeps those of the words it met last
//! ```
//!
//! [`Runner`] chooses the plan, and tests hold the two to each other bit for bit. A [`VariantRunner`] keeps the
//! spikes of whole windows of words, for texts that differ by a word or two; others it hands to a runner.

mod operations;
mod plain;
mod readout;
mod runner;
mod text_cnn;
mod variants;

use rustc_hash::FxHashMap;
pub use spiketext_kernels::SpikeTrain;
use spiketext_kernels::{Drive, NeuronParameters, SILENT, TokenBatch};

pub use operations::{Extremes, Firing, LayerExtremes, LayerFiring, LayerOperations, Operations};
pub(crate) use operations::{connections, cover, later_connections};
pub use plain::{Contributions, ExactOperations, LayerPotentials, LayerTrace, Potentials, Trace};
pub use runner::Runner;
pub use text_cnn::first_order;
pub use variants::{VariantRunner, WINDOW_BYTES};

use crate::{
    encode::{Noise, UNKNOWN_RATE, encode},
    network::{Network, NetworkConfig, UnknownWord},
    text::UNKNOWN,
};

/// What a run gives back.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Run {
    /// Scores of every text and class, `[B, K]`: firing rates or mean membranes of the outputs.
    pub scores: Vec<f32>,
    /// The best class of every text, `[B]`. Equal spike counts are told apart by the charge left in the outputs.
    pub labels: Vec<usize>,
    /// What every text cost, `[B]`.
    pub operations: Vec<Operations>,
    /// How much each layer fired.
    pub firing: Firing,
}

impl Run {
    /// Nothing yet.
    fn new(config: &NetworkConfig) -> Self {
        Self { firing: Firing::new(config), ..Self::default() }
    }

    fn push(&mut self, answer: readout::Answer, operations: Operations) {
        self.scores.extend(answer.scores);
        self.labels.push(answer.label);
        self.operations.push(operations);
    }

    /// Takes in what came of the texts that follow.
    fn append(&mut self, other: Self) {
        self.scores.extend(other.scores);
        self.labels.extend(other.labels);
        self.operations.extend(other.operations);
        self.firing.add(&other.firing);
    }
}

/// Runs `network` on texts given as word ids ([`UNKNOWN`] for unknown words).
///
/// # Panics
/// If an id is neither a word of the network nor [`UNKNOWN`].
#[must_use]
pub fn run<T: AsRef<[u32]> + Sync>(network: &Network, noise: Noise, texts: &[T]) -> Run {
    Runner::new(network, noise).run(network, texts)
}

/// Runs `network` on one text and keeps every spike.
///
/// # Panics
/// As [`run`].
#[must_use]
pub fn run_traced(network: &Network, noise: Noise, text: &[u32]) -> (Run, Trace, Contributions) {
    let tokens = plain::Tokens::of(network, noise, text);
    let mut run = Run::new(network.config());
    let tally = plain::Tally::new(network, &tokens, &mut run.firing);
    let kept = (Trace::new(network, &tokens), Contributions::new(network));
    let mut observer = (tally, kept);
    let answer = plain::run(network, &tokens, &mut observer);
    let (tally, (trace, contributions)) = observer;
    let operations = tally.finish();
    run.push(answer, operations);
    (run, trace, contributions)
}

/// [`run_traced`] with the currents and membranes of every neuron.
///
/// # Panics
/// As [`run`].
#[must_use]
pub fn run_watched(network: &Network, noise: Noise, text: &[u32]) -> (Run, Trace, Potentials) {
    let tokens = plain::Tokens::of(network, noise, text);
    let mut run = Run::new(network.config());
    let tally = plain::Tally::new(network, &tokens, &mut run.firing);
    let mut observer = (tally, (Trace::new(network, &tokens), plain::Watch::new(network)));
    let answer = plain::run(network, &tokens, &mut observer);
    let (tally, (trace, watch)) = observer;
    let operations = tally.finish();
    run.push(answer, operations);
    (run, trace, watch.finish())
}

/// A text as a batch of its distinct words, and what each of those puts into the kernels of the text convolution over all steps,
/// its presence with it, `[U, M]`.
pub(crate) fn token_currents(network: &Network, noise: Noise, text: &[u32]) -> (TokenBatch, Vec<f64>) {
    let tokens = plain::Tokens::of(network, noise, text);
    let currents = plain::token_currents(network, &tokens);
    (tokens.batch, currents)
}

/// The spikes that the words of a text put in, `[T, D]` for each of those that are read; nothing for silent ones. Encoders
/// whose inputs are no plain spikes have a row for each bit plane instead of each step.
///
/// # Panics
/// As [`run`].
#[must_use]
pub fn token_trains(network: &Network, noise: Noise, text: &[u32]) -> Vec<Option<SpikeTrain>> {
    let plain::Tokens { batch, spikes } = plain::Tokens::of(network, noise, text);
    let rows = network.config().time().rows();
    let train = |word: usize| {
        let mut train = SpikeTrain::silent(rows, spikes.dimension());
        (0..rows).for_each(|t| train.row_mut(t).copy_from_slice(spikes.row(word * rows + t)));
        train
    };
    batch.text(0).iter().map(|&row| (row != SILENT).then(|| train(row as usize))).collect()
}

/// Spikes of words, a row for each (word, step) or what else the encoder's drive says.
fn spikes_of(network: &Network, noise: Noise, words: &[u32]) -> SpikeTrain {
    let (config, dimension) = (network.config(), network.config().dimension());
    encode(config.encoder, config.steps, dimension, noise, words.len(), |i| {
        if words[i] == UNKNOWN {
            (u64::from(UNKNOWN), vec![UNKNOWN_RATE; dimension].into())
        } else {
            (u64::from(words[i]), network.weights().codes.rates(words[i] as usize, dimension))
        }
    })
}

/// How often each word spikes; of a constant current, how many of a word's inputs are not zero.
fn spike_counts(network: &Network, spikes: &SpikeTrain) -> Vec<u64> {
    let time = network.config().time();
    let of = |word: usize| -> u64 {
        let rows = word * time.rows()..(word + 1) * time.rows();
        match time.drive {
            Drive::Spikes | Drive::Phases => rows.map(|row| u64::from(spikes.count_row(row))).sum(),
            Drive::Current => {
                let any = |block: usize| rows.clone().fold(0, |any, row| any | spikes.row(row)[block]).count_ones();
                (0..spikes.blocks_per_row()).map(|block| u64::from(any(block))).sum()
            }
        }
    };
    (0..spikes.rows() / time.rows()).map(of).collect()
}

/// Turns texts into rows of distinct words, in order of first use. Words past the longest text that the network reads
/// are left out; unknown words have a row only under the mean policy.
#[must_use]
pub fn batch_of<T: AsRef<[u32]>>(
    config: &NetworkConfig,
    texts: impl IntoIterator<Item = T>,
) -> (TokenBatch, Vec<u32>) {
    let mut batch = TokenBatch::new(config.padding.padded_length());
    let mut words = Vec::new();
    let mut rows = FxHashMap::<u32, u32>::default();
    for text in texts {
        batch.push(text.as_ref().iter().take(config.padding.longest()).map(|&word| {
            if word == UNKNOWN && config.unknown == UnknownWord::Silent {
                return SILENT;
            }
            *rows.entry(word).or_insert_with(|| {
                words.push(word);
                words.len() as u32 - 1
            })
        }));
    }
    (batch, words)
}

/// How many words of a text the network knows, among those that it reads. A text without any is not run: its answer
/// is the classes' shares in training.
#[must_use]
pub fn known_words(config: &NetworkConfig, text: &[u32]) -> usize {
    text.iter().take(config.padding.longest()).filter(|&&word| word != UNKNOWN).count()
}

/// Thresholds of neurons that are driven by spikes summed over positions, in whole spikes, and the unit of their
/// surrogate, `[B, C]`; `thresholds` are those of a position, `[C]`.
#[must_use]
pub fn feature_thresholds(
    config: &NetworkConfig,
    neuron: &NeuronParameters,
    thresholds: &[f32],
    batch: &TokenBatch,
) -> (Vec<f32>, Vec<f32>) {
    let widths = &config.convolution().widths;
    let mut values = Vec::with_capacity(batch.len() * thresholds.len());
    let mut scales = Vec::with_capacity(batch.len() * thresholds.len());
    for b in 0..batch.len() {
        for (&width, thresholds) in widths.iter().zip(thresholds.chunks_exact(thresholds.len() / widths.len())) {
            let positions = batch.positions(b, width) as f32;
            for threshold in thresholds {
                values.push(positions * threshold * neuron.threshold);
                scales.push(positions * threshold);
            }
        }
    }
    (values, scales)
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;
    use spiketext_kernels::{ConvolutionShape, Reset};

    use super::*;
    use crate::{
        encode::Encoder,
        network::{
            Chain, Codes, LayerConfig, LayerWeights, Padding, Readout, Signal, SynapseBits, TextCnnConfig, Weights,
        },
        seed::{Purpose, normal, stream},
    };

    /// Six time steps, or the fewest that the encoder can do with.
    pub(crate) fn steps_of(encoder: Encoder) -> usize {
        (6..).find(|&steps| encoder.check_steps(steps).is_ok()).expect("steps that fit")
    }

    /// A small network of random weights over ten words.
    pub(crate) fn network(readout: Readout, encoder: Encoder, padding: Padding) -> Network {
        let neuron = NeuronParameters { initial: 0.5, ..NeuronParameters::paper() };
        let config = TextCnnConfig {
            convolution: ConvolutionShape { widths: vec![2, 3], filters: 9, dimension: 12 },
            classes: 3,
            outputs_per_class: 2,
            steps: steps_of(encoder),
            encoder,
            unknown: UnknownWord::Mean,
            padding,
            readout,
            convolution_neuron: neuron,
            feature_neuron: Some(neuron),
            output_neuron: neuron,
            synapse_bits: SynapseBits::Sixteen,
        };
        random(config.into_network().expect("a chain"), 1)
    }

    /// A network of random weights over ten words.
    pub(crate) fn random(config: NetworkConfig, seed: u64) -> Network {
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
                thresholds: vec![0.31; sizes.thresholds],
            });
        }
        let codes = draw(10 * config.dimension(), 0.2).into_iter().map(|x| crate::encode::fixed_rate(x + 0.5));
        let codes = Codes::Sixteen(codes.collect());
        Network::new(config, Weights { codes, layers }).expect("a sound network")
    }

    fn texts() -> Vec<Vec<u32>> {
        vec![vec![0, 1, 2, 3, 0, 1], vec![], vec![UNKNOWN], vec![9, 9, 9, 9], (0..10).chain(0..10).collect()]
    }

    #[test]
    fn a_text_scores_the_same_in_any_company() {
        for readout in [Readout::SpikeCount, Readout::Membrane] {
            for encoder in Encoder::ALL {
                for padding in [Padding::Valid, Padding::Padded { length: 8 }] {
                    let network = network(readout, encoder, padding);
                    let together = run(&network, Noise::inference(1), &texts());
                    for (b, text) in texts().into_iter().enumerate() {
                        let alone = run(&network, Noise::inference(1), &[text]);
                        assert_eq!(alone.scores, together.scores[b * 3..][..3]);
                        assert_eq!(alone.operations[0], together.operations[b]);
                    }
                }
            }
        }
    }

    /// Words of a text, some of them unknown.
    fn text() -> impl Strategy<Value = Vec<u32>> {
        prop::collection::vec(prop_oneof![8 => 0u32..10, 1 => Just(UNKNOWN)], 0..12)
    }

    /// Chains of every form: plain ones, with features and without, further convolutions, residual blocks, dense
    /// layers.
    pub(crate) fn chain() -> impl Strategy<Value = NetworkConfig> {
        let reset = prop_oneof![Just(Reset::Soft), Just(Reset::Hard)];
        let neuron = (reset, prop::sample::select(vec![1.0f32, 0.5]), 0u8..2).prop_map(|(reset, beta, half)| {
            NeuronParameters { reset, beta, initial: f32::from(half) / 2.0, ..NeuronParameters::paper() }
        });
        let widths = prop::sample::select(vec![vec![1], vec![3], vec![2, 3], vec![1, 4]]);
        let padding = prop::sample::select(vec![
            Padding::Valid,
            Padding::Tokens,
            Padding::Padded { length: 1 },
            Padding::Padded { length: 7 },
        ]);
        let read = prop::sample::select(vec![Readout::SpikeCount, Readout::Membrane]);
        let unknown = prop::sample::select(vec![UnknownWord::Silent, UnknownWord::Mean]);
        let bits = prop::sample::select(vec![SynapseBits::Four, SynapseBits::Eight, SynapseBits::Sixteen]);
        let sizes = (prop::sample::select(vec![1usize, 9, 33]), 1usize..9, 1usize..4);
        let further = (0usize..4, 0usize..3, any::<bool>(), 0usize..3);
        let encoder = prop::sample::select(Encoder::ALL.to_vec());
        (neuron, widths, padding, read, (unknown, bits, encoder), sizes, further).prop_map(
            |(neuron, widths, padding, read, (unknown, synapse_bits, encoder), (filters, steps, width), further)| {
                let (convolutions, block, features, dense) = further;
                let single = widths.len() == 1;
                let shape = ConvolutionShape { widths, filters, dimension: 12 };
                let mut layers = vec![LayerConfig::TextConvolution { shape, neuron }];
                if single {
                    let convolution = LayerConfig::Convolution { width, filters, neuron };
                    let all = vec![convolution; convolutions];
                    match block {
                        0 => layers.extend(all),
                        block => layers.extend(
                            all.chunks(block).map(|layers| LayerConfig::Residual { layers: layers.to_vec() }),
                        ),
                    }
                }
                layers.push(LayerConfig::Pooling);
                layers.extend(features.then_some(LayerConfig::Neurons { neuron }));
                layers.extend((0..dense).map(|i| LayerConfig::Dense { neurons: 5 + i, neuron }));
                layers.push(LayerConfig::Readout { classes: 3, outputs_per_class: 2, read, neuron });
                let chain = Chain::new(layers).expect("a chain");
                let steps = if encoder.check_steps(steps).is_ok() { steps } else { 8 };
                let straight = chain.leaves().len() == 3;
                let padding = if padding == Padding::Tokens && !straight { Padding::Valid } else { padding };
                NetworkConfig { steps, encoder, unknown, padding, synapse_bits, vector_dimension: None, chain }
            },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]

        /// Whatever plan a runner chooses, it gives what the plain engine gives: scores, labels, counts and rates.
        #[test]
        fn every_plan_is_the_plain_engine(
            config in chain(),
            seed in 0u64..1000,
            texts in prop::collection::vec(text(), 1..5),
        ) {
            let network = random(config, seed);
            let noise = Noise::inference(3);
            let plain = Runner::plain(noise).run(&network, &texts);
            prop_assert_eq!(&run(&network, noise, &texts), &plain);
            for (b, text) in texts.iter().enumerate() {
                let (alone, trace, _) = run_traced(&network, noise, text);
                prop_assert_eq!(&alone.operations[0], &plain.operations[b]);
                let bits = |scores: &[f32]| scores.iter().map(|score| score.to_bits()).collect::<Vec<_>>();
                prop_assert_eq!(bits(&alone.scores), bits(&plain.scores[3 * b..][..3]));
                prop_assert_eq!(trace.layers.len(), network.config().chain.leaves().len());
            }
        }

        /// What is shown of neurons obeys equation (4): membranes follow from currents, spikes from membranes.
        #[test]
        fn membranes_follow_from_currents_and_spikes(config in chain(), seed in 0u64..1000, text in text()) {
            let network = random(config, seed);
            let steps = network.config().steps;
            let (_, trace, potentials) = run_watched(&network, Noise::inference(3), &text);
            prop_assert_eq!(potentials.layers.len(), trace.layers.len());
            for ((leaf, _), (layer, shown)) in network.layers().zip(trace.layers.iter().zip(&potentials.layers)) {
                let trains: Vec<&SpikeTrain> = match layer {
                    LayerTrace::Positions(trains) => trains.iter().collect(),
                    LayerTrace::Spikes(train) | LayerTrace::Outputs(Some(train)) => vec![train],
                    LayerTrace::Sums | LayerTrace::Outputs(None) => Vec::new(),
                };
                prop_assert_eq!(shown.currents.len(), usize::from(!matches!(layer, LayerTrace::Sums)) * trains.len().max(1));
                let Some(neuron) = leaf.layer.firing_neuron() else {
                    // Outputs that do not fire only add up.
                    for (currents, membranes) in shown.currents.iter().zip(&shown.membranes) {
                        let outputs = currents.len() / steps;
                        for at in 0..outputs {
                            let mut sum = 0.0;
                            for t in 0..steps {
                                sum += currents[t * outputs + at];
                                prop_assert_eq!(membranes[t * outputs + at].to_bits(), sum.to_bits());
                            }
                        }
                    }
                    continue;
                };
                for (train, (currents, membranes)) in trains.iter().zip(shown.currents.iter().zip(&shown.membranes)) {
                    let a_step = currents.len() / steps;
                    prop_assert_eq!(train.rows() * train.dimension(), currents.len());
                    for at in 0..a_step {
                        for t in 1..steps {
                            let fired = train.get((t * a_step + at) / train.dimension(), at % train.dimension());
                            let (before, after) = (membranes[(t - 1) * a_step + at], membranes[t * a_step + at]);
                            let risen = neuron.beta * before + currents[t * a_step + at];
                            match (fired, neuron.reset) {
                                (false, _) => prop_assert_eq!(after.to_bits(), risen.to_bits()),
                                (true, Reset::Hard) => prop_assert_eq!(after, 0.0),
                                (true, Reset::Soft) => prop_assert!(after < risen),
                            }
                        }
                    }
                }
            }
        }

        /// Where no weight is zero, what is counted one by one is what is counted by spikes; membranes change at most
        /// once a step.
        #[test]
        fn accumulations_counted_one_by_one_are_the_same(
            config in chain(),
            seed in 0u64..1000,
            text in text(),
        ) {
            let mut network = random(config, seed);
            let mut weights = network.weights().clone();
            let all = weights.layers.iter_mut().flat_map(|layer| {
                [&mut layer.synapses, &mut layer.presence, &mut layer.shortcut]
            });
            // None rounds to zero: of 4 bits the unit is large.
            let (least, instead) =
                if network.config().synapse_bits == SynapseBits::Four { (0.4, 0.5) } else { (0.05, 0.125) };
            all.flatten().filter(|weight| weight.abs() < least).for_each(|weight| *weight = instead);
            network = Network::new(network.config().clone(), weights).expect("a network");
            let noise = Noise::inference(2);
            let exact = ExactOperations::of(&network, noise, &text);
            prop_assert_eq!(exact.is_some(), network.config().encoder.drive() == Drive::Spikes);
            if let Some(exact) = exact {
                let run = run(&network, noise, &[&text]);
                let acs: Vec<u64> = run.operations[0].layers.iter().map(|layer| layer.acs).collect();
                prop_assert_eq!(&exact.acs, &acs);
                for (leaf, &updates) in network.config().chain.leaves().iter().zip(&exact.membrane_updates) {
                    let integrates = leaf.output == Signal::Scores;
                    prop_assert_eq!(updates > 0, leaf.layer.firing_neuron().is_some() || integrates);
                }
            }
        }
    }

    #[test]
    fn a_trace_holds_the_spikes_that_were_counted() {
        for encoder in Encoder::ALL {
            let network = network(Readout::SpikeCount, encoder, Padding::Padded { length: 8 });
            for text in texts() {
                let (run, trace, _) = run_traced(&network, Noise::inference(4), &text);
                let operations = &run.operations[0];
                assert!(trace.tokens.iter().all(|train| train.rows() == steps_of(encoder)));
                assert_eq!(trace.tokens.iter().map(SpikeTrain::count).sum::<u64>(), operations.input_spikes);
                assert_eq!(
                    trace.convolution().iter().map(SpikeTrain::count).sum::<u64>(),
                    operations.convolution_spikes()
                );
                assert_eq!(trace.features().map(SpikeTrain::count).sum::<u64>(), operations.feature_spikes());
                assert_eq!(trace.outputs().map(SpikeTrain::count), Some(operations.output_spikes()));
            }
        }
    }

    proptest! {
        #[test]
        fn any_text_runs(
            text in prop::collection::vec(prop::option::of(0u32..10), 0..40),
            encoder in prop::sample::select(Encoder::ALL.to_vec()),
        ) {
            let network = network(Readout::Membrane, encoder, Padding::Valid);
            let text: Vec<u32> = text.into_iter().map(|id| id.unwrap_or(UNKNOWN)).collect();
            let run = run(&network, Noise::inference(0), &[text]);
            prop_assert!(run.scores.iter().all(|score| score.is_finite()));
            prop_assert!(run.labels[0] < 3);
        }
    }
}
