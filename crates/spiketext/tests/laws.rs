//! Laws that every run of a network obeys, checked on the trace of one text against the equations spelled out.
//!
//! Nothing here calls a kernel. Weights, thresholds and leaks are numbers that binary fractions hold, so sums are
//! exact in any order, and equality means equality. Only means over positions are not: they are spelled out as they
//! are rounded.

use proptest::prelude::*;
use spiketext::{
    encode::{Encoder, Noise, mean_input},
    engine::{Contributions, LayerTrace, Run, SpikeTrain, Trace, run_traced},
    network::{
        Chain, Codes, LayerConfig, LayerWeights, Leaf, Network, NetworkConfig, Padding, Readout, Signal, SynapseBits,
        UnknownWord, Weights,
    },
    seed::{Purpose, stream, uniform},
    text::UNKNOWN,
};
use spiketext_kernels::{ConvolutionShape, Drive, NeuronParameters, Reset, Surrogate};

/// Words that the networks of these tests know.
const WORDS: usize = 6;

/// A network and a text for it.
#[derive(Clone, Debug)]
struct Case {
    network: Network,
    text: Vec<u32>,
    noise: u64,
}

fn neuron() -> impl Strategy<Value = NeuronParameters> {
    let reset = prop_oneof![Just(Reset::Soft), Just(Reset::Hard)];
    (reset, prop::sample::select(vec![1.0f32, 0.5]), prop::sample::select(vec![0.0f32, 0.5]), any::<bool>()).prop_map(
        |(reset, beta, initial, unit)| NeuronParameters {
            beta,
            threshold: if unit { 1.0 } else { 1.5 },
            initial,
            reset,
            detach_reset: true,
            surrogate: Surrogate::FastSigmoid { slope: 25.0 },
        },
    )
}

/// Layers over positions behind a text convolution of `filters` channels: none, plain ones, residual blocks.
fn further(filters: usize) -> impl Strategy<Value = Vec<LayerConfig>> {
    let convolution = |(width, filters, neuron)| LayerConfig::Convolution { width, filters, neuron };
    let plain = (1usize..5, prop::sample::select(vec![2usize, 7]), neuron()).prop_map(convolution);
    let inner = (1usize..4, prop::sample::select(vec![3usize, 6]), neuron()).prop_map(convolution);
    // A block gives as many channels as it takes.
    let block =
        (prop::collection::vec(inner, 0..2), 1usize..4, neuron()).prop_map(move |(mut layers, width, neuron)| {
            layers.push(LayerConfig::Convolution { width, filters, neuron });
            LayerConfig::Residual { layers }
        });
    (prop::collection::vec(block, 0..3), prop::collection::vec(plain, 0..2))
        .prop_map(|(blocks, plain)| blocks.into_iter().chain(plain).collect())
}

/// Chains of every form.
fn chain(filters: usize) -> impl Strategy<Value = Chain> {
    let widths = prop::sample::select(vec![vec![1], vec![3], vec![2, 3], vec![1, 4]]);
    let read = prop_oneof![Just(Readout::SpikeCount), Just(Readout::Membrane)];
    let after = (prop::option::of(neuron()), prop::collection::vec((1usize..8, neuron()), 0..3), neuron());
    (widths, neuron(), further(filters), after, read, 1usize..3).prop_map(
        move |(widths, neuron, further, (features, dense, output), read, outputs_per_class)| {
            let several = widths.len() > 1;
            let shape = ConvolutionShape { widths, filters, dimension: 5 };
            let mut layers = vec![LayerConfig::TextConvolution { shape, neuron }];
            layers.extend(further.into_iter().filter(|_| !several));
            layers.push(LayerConfig::Pooling);
            layers.extend(features.map(|neuron| LayerConfig::Neurons { neuron }));
            layers.extend(dense.into_iter().map(|(neurons, neuron)| LayerConfig::Dense { neurons, neuron }));
            layers.push(LayerConfig::Readout { classes: 3, outputs_per_class, read, neuron: output });
            Chain::new(layers).expect("a chain")
        },
    )
}

fn config() -> impl Strategy<Value = NetworkConfig> {
    let padding = prop_oneof![Just(Padding::Valid), Just(Padding::Tokens), Just(Padding::Padded { length: 5 })];
    let encoder = prop::sample::select(Encoder::ALL.to_vec());
    let unknown = prop_oneof![Just(UnknownWord::Silent), Just(UnknownWord::Mean)];
    let bits = prop_oneof![Just(SynapseBits::Eight), Just(SynapseBits::Sixteen)];
    let chain = prop::sample::select(vec![1usize, 3, 18]).prop_flat_map(chain);
    (chain, padding, encoder, unknown, bits, 1usize..7).prop_map(
        |(chain, padding, encoder, unknown, synapse_bits, steps)| NetworkConfig {
            vector_dimension: None,
            steps: if encoder.check_steps(steps).is_ok() { steps } else { 8 },
            encoder,
            unknown,
            // Tokens divide what goes straight into the read-out, and nothing else.
            padding: if padding == Padding::Tokens && chain.leaves().len() > 3 { Padding::Valid } else { padding },
            synapse_bits,
            chain,
        },
    )
}

/// Random weights in steps of 1/64, which every grid of such sizes holds.
fn weights(config: &NetworkConfig, seed: u64) -> Weights {
    let mut rng = stream(seed, Purpose::Weights, 0, 0);
    let mut draw = |count: usize, size: f32| -> Vec<f32> {
        (0..count).map(|_| ((2.0 * uniform(&mut rng) - 1.0) * size * 64.0).round() / 64.0).collect()
    };
    let codes = draw(WORDS * config.dimension(), 1.0).into_iter().map(|x| (127.5 * (x + 1.0)) as u8).collect();
    let layers = config.chain.leaves().iter().map(|leaf| {
        let sizes = leaf.sizes();
        let mut synapses = draw(sizes.synapses[0] * sizes.synapses[1], 1.0);
        // Zeros alone have a grid of whole numbers, which holds no bias.
        if synapses.iter().all(|&weight| weight == 0.0) {
            synapses.fill(1.0);
        }
        LayerWeights {
            synapses,
            presence: draw(sizes.presence, 0.5),
            bias: draw(sizes.bias, 0.5),
            shortcut: draw(sizes.shortcut, 1.0),
            thresholds: draw(sizes.thresholds, 0.25).into_iter().map(|x| x + 0.375).collect(),
        }
    });
    Weights { layers: layers.collect(), codes: Codes::Eight(codes) }
}

fn case() -> impl Strategy<Value = Case> {
    let word = prop_oneof![8 => 0..WORDS as u32, 1 => Just(UNKNOWN)];
    (config(), any::<u64>(), prop::collection::vec(word, 0..9), any::<u64>()).prop_map(
        |(config, seed, text, noise)| {
            let weights = weights(&config, seed);
            let network = Network::new(config, weights.clone()).expect("a sound network");
            assert_eq!(network.weights(), &weights, "the grid holds them");
            Case { network, text, noise }
        },
    )
}

impl Case {
    fn config(&self) -> &NetworkConfig {
        self.network.config()
    }

    /// The words that the network reads.
    fn read(&self) -> &[u32] {
        &self.text[..self.text.len().min(self.config().padding.longest())]
    }

    /// Positions of a kernel (equation 5).
    fn positions(&self, width: usize) -> usize {
        let length = match self.config().padding {
            Padding::Valid | Padding::Tokens => self.text.len(),
            Padding::Padded { length } => length,
        };
        (length + 1).saturating_sub(width).max(1)
    }

    /// Positions of the kernel whose channel `c` is, or of every layer after it.
    fn positions_of(&self, c: usize) -> usize {
        let shape = self.config().convolution();
        self.positions(if shape.widths.len() == 1 { shape.widths[0] } else { shape.widths[c / shape.filters] })
    }

    /// Whether a word makes spikes and currents at all.
    fn is_silent(&self, word: u32) -> bool {
        word == UNKNOWN && self.config().unknown == UnknownWord::Silent
    }

    /// The rates of a word.
    fn rates(&self, word: u32) -> Vec<u16> {
        let dimension = self.config().dimension();
        if word == UNKNOWN {
            vec![32_768; dimension]
        } else {
            self.network.weights().codes.rates(word as usize, dimension).into_owned()
        }
    }

    /// What the inputs of a word add at step t, of each dimension and, last, of its presence.
    fn inputs(&self, word: u32, spikes: &SpikeTrain, t: usize) -> Vec<f64> {
        let encoder = self.config().encoder;
        let noise = Noise::inference(self.noise);
        match encoder.drive() {
            Drive::Current => mean_input(encoder, 1, noise, 0, &self.rates(word))
                .into_iter()
                .map(f64::from)
                .chain([255.0 / 256.0])
                .collect(),
            drive => {
                let gain = if drive == Drive::Phases { 4.0 / f64::from(1 << (t % 8)) } else { 1.0 };
                let fires = (0..spikes.dimension()).map(|d| spikes.get(t, d)).chain([true]);
                fires.map(|fires| if fires { gain } else { 0.0 }).collect()
            }
        }
    }

    fn run(&self) -> (Run, Trace, Contributions) {
        run_traced(&self.network, Noise::inference(self.noise), &self.text)
    }

    /// The leaves of the chain with their places and numbers.
    fn leaves(&self) -> impl Iterator<Item = (usize, &Leaf, &LayerWeights)> {
        self.network.layers().enumerate().map(|(at, (leaf, weights))| (at, leaf, weights))
    }

    /// Spikes of channel `c` of leaf `at`, summed over the positions, at step t.
    fn sum(&self, trace: &Trace, at: usize, t: usize, c: usize) -> f64 {
        let LayerTrace::Positions(trains) = &trace.layers[at] else { panic!("no spikes at positions: {at}") };
        let (train, filter) = (&trains[c / trains[0].dimension()], c % trains[0].dimension());
        let positions = train.rows() / self.config().steps;
        (0..positions).filter(|p| train.get(t * positions + p, filter)).count() as f64
    }

    /// The currents of a dense layer or a read-out into neuron `o`: of spikes, or of sums divided by the positions.
    fn currents(&self, trace: &Trace, at: usize, o: usize) -> Vec<f64> {
        let (leaf, weights) = (&self.config().chain.leaves()[at], &self.network.weights().layers[at]);
        let weight = |c: usize| f64::from(weights.synapses[c * leaf.outputs + o]);
        let current = |t: usize| match &trace.layers[at - 1] {
            LayerTrace::Spikes(train) => {
                let fired = (0..leaf.inputs).filter(|&c| train.get(t, c));
                f64::from(weights.bias[o]) + fired.map(weight).sum::<f64>()
            }
            LayerTrace::Sums => {
                let widths = self.config().convolution().widths.len();
                if self.config().padding == Padding::Tokens {
                    let tokens = self.text.len().max(1) as f64;
                    let sums = (0..leaf.inputs).map(|c| self.sum(trace, at - 2, t, c) * weight(c)).sum::<f64>();
                    return (sums + tokens * f64::from(weights.bias[o])) / tokens;
                }
                let mut current = f64::from(weights.bias[o]);
                for which in 0..widths {
                    let own = which * leaf.inputs / widths..(which + 1) * leaf.inputs / widths;
                    let positions = self.positions_of(own.start) as f64;
                    current += own.map(|c| self.sum(trace, at - 2, t, c) * weight(c)).sum::<f64>() / positions;
                }
                current
            }
            other => panic!("a dense layer after {other:?}"),
        };
        (0..self.config().steps).map(|t| f64::from(current(t) as f32)).collect()
    }
}

/// Checks one neuron: `spikes` must be what charge, fire and reset make of `currents` (equation 4). Where nothing
/// leaks and the reset subtracts, charge must be conserved: what came in is in the membrane or left with the spikes.
fn obeys(parameters: &NeuronParameters, threshold: f64, currents: &[f64], spikes: &[bool]) -> Result<(), String> {
    let first = f64::from(parameters.initial) * threshold;
    // Membranes are of single precision, which holds whole numbers of 1/2^14 of such sizes: all currents but means.
    let rounded = |membrane: f64| f64::from(membrane as f32);
    let mut membrane = first;
    for (t, (current, &spike)) in currents.iter().zip(spikes).enumerate() {
        let charged = rounded(f64::from(parameters.beta) * membrane + current);
        if (charged > threshold) != spike {
            return Err(format!("step {t}: membrane {charged}, threshold {threshold}, spike {spike}"));
        }
        membrane = match (spike, parameters.reset) {
            (false, _) => charged,
            (true, Reset::Soft) => rounded(charged - threshold),
            (true, Reset::Hard) => 0.0,
        };
    }
    let exact = currents.iter().all(|current| (current * 65536.0).fract() == 0.0);
    if exact && parameters.beta == 1.0 && parameters.reset == Reset::Soft {
        let left = threshold * spikes.iter().filter(|&&spike| spike).count() as f64;
        if first + currents.iter().sum::<f64>() != membrane + left {
            return Err(format!("charge is not conserved: {currents:?}, {left} left, {membrane} stayed"));
        }
    }
    Ok(())
}

/// Spikes of one column at rows `first`, `first + stride`, ..., as many as there are steps.
fn column(train: &SpikeTrain, steps: usize, stride: usize, first: usize, column: usize) -> Vec<bool> {
    (0..steps).map(|t| train.get(t * stride + first, column)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_word_makes_the_same_spikes_wherever_it_stands(case in case()) {
        let (_, trace, _) = case.run();
        prop_assert_eq!(trace.tokens.len(), case.read().len());
        for (i, &word) in case.read().iter().enumerate() {
            let first = case.read().iter().position(|&other| other == word).unwrap_or(i);
            prop_assert_eq!(&trace.tokens[i], &trace.tokens[first]);
            if case.is_silent(word) {
                prop_assert_eq!(trace.tokens[i].count(), 0);
            }
        }
    }

    #[test]
    fn neurons_of_the_text_convolution_obey_equations_2_and_4(case in case()) {
        let (_, trace, _) = case.run();
        let (shape, parameters) = case.config().chain.text_convolution();
        let (steps, weights) = (case.config().steps, &case.network.weights().layers[0]);
        let mut first_column = 0;
        for (which, &width) in shape.widths.iter().enumerate() {
            let positions = case.positions(width);
            let spikes = &trace.convolution()[which];
            prop_assert_eq!((spikes.rows(), spikes.dimension()), (steps * positions, shape.filters));
            for (p, filter) in (0..positions).flat_map(|p| (0..shape.filters).map(move |f| (p, f))) {
                let currents: Vec<f64> = (0..steps).map(|t| {
                    let mut current = f64::from(weights.bias[which * shape.filters + filter]);
                    for tap in 0..width {
                        let Some(&word) = case.read().get(p + tap) else { continue };
                        if case.is_silent(word) { continue }
                        let product = first_column + tap * shape.filters + filter;
                        let inputs = case.inputs(word, &trace.tokens[p + tap], t);
                        current += inputs[shape.dimension] * f64::from(weights.presence[product]);
                        for (d, input) in inputs[..shape.dimension].iter().enumerate() {
                            current += input * f64::from(weights.synapses[d * shape.products() + product]);
                        }
                    }
                    current
                }).collect();
                let found = column(spikes, steps, positions, p, filter);
                let verdict = obeys(parameters, f64::from(parameters.threshold), &currents, &found);
                prop_assert!(verdict.is_ok(), "width {width}, position {p}, filter {filter}: {verdict:?}");
            }
            first_column += width * shape.filters;
        }
    }

    #[test]
    fn neurons_of_further_convolutions_see_their_neighbours_and_what_goes_around(case in case()) {
        let (_, trace, _) = case.run();
        let steps = case.config().steps;
        for (at, leaf, weights) in case.leaves() {
            let LayerConfig::Convolution { width, neuron, .. } = &leaf.layer else { continue };
            let trains = |at: usize| match &trace.layers[at] {
                LayerTrace::Positions(trains) => &trains[0],
                other => panic!("no spikes at positions: {other:?}"),
            };
            let (before, spikes) = (trains(at - 1), trains(at));
            let positions = case.positions_of(0);
            prop_assert_eq!((spikes.rows(), spikes.dimension()), (steps * positions, leaf.outputs));
            // The block that a shortcut goes around begins behind the leaf that it comes from.
            let around = leaf.shortcut.map(|from| {
                let (own, first) = (&leaf.path, &case.config().chain.leaves()[from + 1].path);
                assert_eq!(own.split('.').next(), first.split('.').next());
                assert!(first.ends_with(".0"));
                trains(from)
            });
            for (p, filter) in (0..positions).flat_map(|p| (0..leaf.outputs).map(move |f| (p, f))) {
                let currents: Vec<f64> = (0..steps).map(|t| {
                    let mut current = f64::from(weights.bias[filter]);
                    for seen in 0..positions {
                        // Tap j sees p + j - (width - 1) / 2.
                        let tap = (seen + (width - 1) / 2).checked_sub(p).filter(|tap| tap < width);
                        let Some(tap) = tap else { continue };
                        for c in (0..leaf.inputs).filter(|&c| before.get(t * positions + seen, c)) {
                            current += f64::from(weights.synapses[(c * width + tap) * leaf.outputs + filter]);
                        }
                    }
                    if around.is_some_and(|around| around.get(t * positions + p, filter)) {
                        current += f64::from(weights.shortcut[filter]);
                    }
                    current
                }).collect();
                let found = column(spikes, steps, positions, p, filter);
                let verdict = obeys(neuron, f64::from(neuron.threshold), &currents, &found);
                prop_assert!(verdict.is_ok(), "layer {}, position {p}, filter {filter}: {verdict:?}", leaf.path);
            }
        }
    }

    #[test]
    fn features_fire_by_the_average_over_positions(case in case()) {
        let (_, trace, _) = case.run();
        let steps = case.config().steps;
        for (at, leaf, weights) in case.leaves() {
            let LayerConfig::Neurons { neuron } = &leaf.layer else { continue };
            let LayerTrace::Spikes(spikes) = &trace.layers[at] else { panic!("no spikes") };
            for channel in 0..leaf.outputs {
                // Both sides of "average > threshold" times the positions.
                let counts: Vec<f64> = (0..steps).map(|t| case.sum(&trace, at - 2, t, channel)).collect();
                let positions = case.positions_of(channel) as f64;
                let threshold = positions * f64::from(weights.thresholds[channel]) * f64::from(neuron.threshold);
                let verdict = obeys(neuron, threshold, &counts, &column(spikes, steps, 1, 0, channel));
                prop_assert!(verdict.is_ok(), "channel {channel}: {verdict:?}");
            }
        }
    }

    #[test]
    fn dense_neurons_read_every_input(case in case()) {
        let (_, trace, _) = case.run();
        for (at, leaf, _) in case.leaves() {
            let LayerConfig::Dense { neuron, .. } = &leaf.layer else { continue };
            let LayerTrace::Spikes(spikes) = &trace.layers[at] else { panic!("no spikes") };
            for o in 0..leaf.outputs {
                let found = column(spikes, case.config().steps, 1, 0, o);
                let verdict = obeys(neuron, f64::from(neuron.threshold), &case.currents(&trace, at, o), &found);
                prop_assert!(verdict.is_ok(), "layer {}, neuron {o}: {verdict:?}", leaf.path);
            }
        }
    }

    #[test]
    fn scores_read_the_outputs(case in case()) {
        let (run, trace, contributions) = case.run();
        let (steps, outputs, at) = (case.config().steps, case.config().outputs(), trace.layers.len() - 1);
        let (classes, outputs_per_class, readout, neuron) = case.config().chain.readout();
        let bias = &case.network.weights().layers[at].bias;
        let mut sums = vec![0.0; classes];
        for (output, &bias) in bias.iter().enumerate() {
            let currents = case.currents(&trace, at, output);
            for (t, current) in currents.iter().enumerate() {
                prop_assert_eq!(f64::from(trace.output_currents[t * outputs + output]), *current);
            }
            // All that an output got came from an input or is its bias.
            let shares = (0..contributions.currents.len() / outputs).map(|c| {
                let positions = match trace.layers[at - 1] {
                    LayerTrace::Sums if case.config().padding == Padding::Tokens => case.text.len().max(1),
                    LayerTrace::Sums => case.positions_of(c),
                    _ => 1,
                };
                f64::from(contributions.currents[c * outputs + output]) / positions as f64
            });
            let all = shares.sum::<f64>() + steps as f64 * f64::from(bias);
            let got = currents.iter().sum::<f64>();
            prop_assert!((all - got).abs() < 1e-4 * (1.0 + got.abs()), "output {output}: {all} and {got}");
            let class = output / outputs_per_class;
            match (trace.outputs(), readout) {
                (Some(spikes), Readout::SpikeCount) => {
                    let spikes = column(spikes, steps, 1, 0, output);
                    let verdict = obeys(neuron, f64::from(neuron.threshold), &currents, &spikes);
                    prop_assert!(verdict.is_ok(), "output {output}: {verdict:?}");
                    sums[class] += spikes.iter().filter(|&&spike| spike).count() as f64;
                }
                (None, Readout::Membrane) => sums[class] += currents.iter().sum::<f64>(),
                other => prop_assert!(false, "{other:?}"),
            }
        }
        let share = (steps * outputs_per_class) as f64;
        for (score, sum) in run.scores.iter().zip(&sums) {
            prop_assert!((f64::from(*score) - sum / share).abs() < 1e-5, "{:?} {sums:?}", run.scores);
        }
        let label = run.labels[0];
        prop_assert!(run.scores.iter().all(|&score| score <= run.scores[label]));
    }

    #[test]
    fn operations_are_counted_one_by_one(case in case()) {
        let (run, trace, _) = case.run();
        let (config, operations) = (case.config(), &run.operations[0]);
        let (shape, steps) = (config.convolution(), config.steps as u64);
        let has_presence = case.network.weights().layers[0].presence.iter().any(|&q| q != 0.0);
        let drive = config.encoder.drive();
        let (mut first, mut dnn_macs) = (0, 0);
        for &width in &shape.widths {
            for p in 0..case.positions(width) {
                for token in (p..p + width).filter(|&i| i < case.read().len() && !case.is_silent(case.read()[i])) {
                    let rates = case.rates(case.read()[token]);
                    let (inputs, times) = match drive {
                        Drive::Current => (rates.iter().filter(|&&rate| rate >= 256).count() as u64, 1),
                        _ => (trace.tokens[token].count(), steps),
                    };
                    let presence = if has_presence { times } else { 0 };
                    first += (inputs + presence) * shape.filters as u64;
                    dnn_macs += (shape.dimension * shape.filters) as u64;
                }
            }
        }
        for (at, leaf, _) in case.leaves() {
            let counted = &operations.layers[at];
            let spikes = match &trace.layers[at] {
                LayerTrace::Positions(trains) => trains.iter().map(SpikeTrain::count).sum(),
                LayerTrace::Spikes(train) | LayerTrace::Outputs(Some(train)) => train.count(),
                LayerTrace::Sums | LayerTrace::Outputs(None) => 0,
            };
            prop_assert_eq!(counted.spikes, spikes, "layer {}", leaf.path);
            let (mut acs, mut additions) = (0, 0);
            match (&leaf.layer, at.checked_sub(1).map(|before| &trace.layers[before])) {
                (LayerConfig::TextConvolution { .. }, _) => {
                    let [acs, macs] = if drive == Drive::Spikes { [first, 0] } else { [0, first] };
                    prop_assert_eq!([counted.acs, counted.macs], [acs, macs]);
                    continue;
                }
                (LayerConfig::Convolution { width, .. }, Some(LayerTrace::Positions(trains))) => {
                    let positions = case.positions_of(0);
                    for p in 0..positions {
                        for tap in 0..*width {
                            let seen = (p + tap).checked_sub((width - 1) / 2).filter(|&seen| seen < positions);
                            let Some(seen) = seen else { continue };
                            let fired = (0..config.steps).map(|t| trains[0].count_row(t * positions + seen));
                            acs += u64::from(fired.sum::<u32>()) * leaf.outputs as u64;
                            dnn_macs += (leaf.inputs * leaf.outputs) as u64;
                        }
                    }
                    acs += leaf.shortcut.map_or(0, |from| operations.layers[from].spikes);
                }
                (LayerConfig::Pooling, _) => additions = operations.layers[at - 1].spikes,
                (LayerConfig::Dense { .. } | LayerConfig::Readout { .. }, Some(before)) => {
                    // Of pooled spikes, each is accumulated.
                    let from = if *before == LayerTrace::Sums { at - 2 } else { at - 1 };
                    acs = operations.layers[from].spikes * leaf.outputs as u64;
                    dnn_macs += (leaf.inputs * leaf.outputs) as u64;
                }
                _ => {}
            }
            let counts = (counted.acs, counted.macs, counted.additions);
            prop_assert_eq!(counts, (acs, 0, additions), "layer {}", leaf.path);
        }
        prop_assert_eq!(operations.dnn_macs, dnn_macs);
        prop_assert_eq!(operations.input_spikes, trace.tokens.iter().map(SpikeTrain::count).sum::<u64>());
        prop_assert_eq!(operations.output_spikes(), trace.outputs().map_or(0, SpikeTrain::count));
        prop_assert_eq!(operations.tokens, case.read().len() as u64);
        let at_positions = case.leaves().filter(|(_, leaf, _)| leaf.output == Signal::Positions);
        let spikes: u64 = at_positions.map(|(at, ..)| operations.layers[at].spikes).sum();
        prop_assert_eq!(operations.convolution_spikes(), spikes);
    }
}
