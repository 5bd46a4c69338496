//! Laws that every run of a network obeys, checked on the trace of one text against the equations spelled out.
//!
//! Nothing here calls a kernel. Weights, thresholds and leaks are numbers that binary fractions hold, so sums are exact in
//! any order, and equality means equality.

use proptest::prelude::*;
use spiketext::{
    encode::{Encoder, Noise, mean_input},
    engine::{Run, SpikeTrain, Trace, run_traced},
    network::{Averaging, Codes, Network, Readout, Specification, UnknownWord, Weights},
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

fn specification() -> impl Strategy<Value = Specification> {
    let widths = prop::sample::select(vec![vec![1], vec![2, 3], vec![1, 4]]);
    let averaging = prop_oneof![Just(Averaging::Valid), Just(Averaging::Padded { length: 5 })];
    let readout = prop_oneof![Just(Readout::SpikeCount), Just(Readout::Membrane)];
    let encoder = prop::sample::select(Encoder::ALL.to_vec());
    let unknown = prop_oneof![Just(UnknownWord::Silent), Just(UnknownWord::Mean)];
    let sizes = (prop::sample::select(vec![1usize, 3, 18]), 1usize..7, 1usize..3);
    (widths, averaging, readout, encoder, unknown, sizes, [neuron(), neuron(), neuron()]).prop_map(
        |(widths, averaging, readout, encoder, unknown, (filters, steps, outputs_per_class), neurons)| {
            Specification {
                convolution: ConvolutionShape { widths, filters, dimension: 5 },
                classes: 3,
                outputs_per_class,
                steps,
                encoder,
                unknown,
                averaging,
                readout,
                convolution_neuron: neurons[0],
                feature_neuron: neurons[1],
                output_neuron: neurons[2],
            }
        },
    )
}

/// Random weights in steps of 1/64.
fn weights(specification: &Specification, seed: u64) -> Weights {
    let shape = &specification.convolution;
    let (d, m, c, o) = (shape.dimension, shape.products(), shape.channels(), specification.outputs());
    let mut rng = stream(seed, Purpose::Weights, 0, 0);
    let mut draw = |count: usize, size: f32| -> Vec<f32> {
        (0..count).map(|_| ((2.0 * uniform(&mut rng) - 1.0) * size * 64.0).round() / 64.0).collect()
    };
    Weights {
        codes: Codes::Eight(draw(WORDS * d, 1.0).into_iter().map(|x| (127.5 * (x + 1.0)) as u8).collect()),
        synapses: draw(d * m, 1.0),
        presence: draw(m, 0.5),
        bias: draw(c, 0.5),
        feature_thresholds: draw(c, 0.25).into_iter().map(|x| x + 0.375).collect(),
        output_synapses: draw(c * o, 1.0),
        output_bias: draw(o, 0.5),
    }
}

fn case() -> impl Strategy<Value = Case> {
    let word = prop_oneof![8 => 0..WORDS as u32, 1 => Just(UNKNOWN)];
    (specification(), any::<u64>(), prop::collection::vec(word, 0..9), any::<u64>()).prop_map(
        |(specification, seed, text, noise)| {
            let weights = weights(&specification, seed);
            Case { network: Network::new(specification, weights).expect("a sound network"), text, noise }
        },
    )
}

impl Case {
    fn specification(&self) -> &Specification {
        self.network.specification()
    }

    /// The words that the network reads.
    fn read(&self) -> &[u32] {
        &self.text[..self.text.len().min(self.specification().averaging.longest())]
    }

    /// Positions of a kernel (equation 5).
    fn positions(&self, width: usize) -> usize {
        let length = match self.specification().averaging {
            Averaging::Valid => self.text.len(),
            Averaging::Padded { length } => length,
        };
        (length + 1).saturating_sub(width).max(1)
    }

    /// Whether a word makes spikes and currents at all.
    fn is_silent(&self, word: u32) -> bool {
        word == UNKNOWN && self.specification().unknown == UnknownWord::Silent
    }

    /// The rates of a word.
    fn rates(&self, word: u32) -> Vec<u16> {
        let dimension = self.specification().convolution.dimension;
        if word == UNKNOWN {
            vec![32_768; dimension]
        } else {
            self.network.weights().codes.rates(word as usize, dimension).into_owned()
        }
    }

    /// What the inputs of a word add at step t, of each dimension and, last, of its presence.
    fn inputs(&self, word: u32, spikes: &SpikeTrain, t: usize) -> Vec<f64> {
        let specification = self.specification();
        let noise = Noise::inference(self.noise);
        match specification.encoder.drive() {
            Drive::Current => mean_input(specification.encoder, 1, noise, 0, &self.rates(word))
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

    fn run(&self) -> (Run, Trace) {
        run_traced(&self.network, Noise::inference(self.noise), &self.text)
    }
}

/// Checks one neuron: `spikes` must be what charge, fire and reset make of `currents` (equation 4). Where nothing leaks
/// and the reset subtracts, charge must be conserved: what came in is in the membrane or left with the spikes.
fn obeys(parameters: &NeuronParameters, threshold: f64, currents: &[f64], spikes: &[bool]) -> Result<(), String> {
    let first = f64::from(parameters.initial) * threshold;
    let mut membrane = first;
    for (t, (current, &spike)) in currents.iter().zip(spikes).enumerate() {
        let charged = f64::from(parameters.beta) * membrane + current;
        if (charged > threshold) != spike {
            return Err(format!("step {t}: membrane {charged}, threshold {threshold}, spike {spike}"));
        }
        membrane = match (spike, parameters.reset) {
            (false, _) => charged,
            (true, Reset::Soft) => charged - threshold,
            (true, Reset::Hard) => 0.0,
        };
    }
    if parameters.beta == 1.0 && parameters.reset == Reset::Soft {
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
        let (_, trace) = case.run();
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
    fn convolution_neurons_obey_equations_2_and_4(case in case()) {
        let (_, trace) = case.run();
        let (specification, weights) = (case.specification(), case.network.weights());
        let (shape, steps) = (&specification.convolution, specification.steps);
        let mut first_column = 0;
        for (which, &width) in shape.widths.iter().enumerate() {
            let positions = case.positions(width);
            let spikes = &trace.convolution[which];
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
                let parameters = &specification.convolution_neuron;
                let found = column(spikes, steps, positions, p, filter);
                let verdict = obeys(parameters, f64::from(parameters.threshold), &currents, &found);
                prop_assert!(verdict.is_ok(), "width {width}, position {p}, filter {filter}: {verdict:?}");
            }
            first_column += width * shape.filters;
        }
    }

    #[test]
    fn features_fire_by_the_average_over_positions(case in case()) {
        let (_, trace) = case.run();
        let (specification, weights) = (case.specification(), case.network.weights());
        let (shape, steps) = (&specification.convolution, specification.steps);
        for channel in 0..shape.channels() {
            let (which, filter) = (channel / shape.filters, channel % shape.filters);
            let positions = case.positions(shape.widths[which]);
            // Both sides of "average > threshold" times the positions.
            let counts: Vec<f64> = (0..steps)
                .map(|t| (0..positions).filter(|p| trace.convolution[which].get(t * positions + p, filter)).count() as f64)
                .collect();
            let parameters = &specification.feature_neuron;
            let threshold =
                positions as f64 * f64::from(weights.feature_thresholds[channel]) * f64::from(parameters.threshold);
            let verdict = obeys(parameters, threshold, &counts, &column(&trace.features, steps, 1, 0, channel));
            prop_assert!(verdict.is_ok(), "channel {channel}: {verdict:?}");
        }
    }

    #[test]
    fn outputs_read_the_features_and_scores_read_the_outputs(case in case()) {
        let (run, trace) = case.run();
        let (specification, weights) = (case.specification(), case.network.weights());
        let (steps, outputs) = (specification.steps, specification.outputs());
        let mut sums = vec![0.0; specification.classes];
        for output in 0..outputs {
            let currents: Vec<f64> = (0..steps).map(|t| {
                let fired = (0..specification.convolution.channels()).filter(|&c| trace.features.get(t, c));
                f64::from(weights.output_bias[output])
                    + fired.map(|c| f64::from(weights.output_synapses[c * outputs + output])).sum::<f64>()
            }).collect();
            for (t, current) in currents.iter().enumerate() {
                prop_assert_eq!(f64::from(trace.output_currents[t * outputs + output]), *current);
            }
            let class = output / specification.outputs_per_class;
            match (&trace.outputs, specification.readout) {
                (Some(spikes), Readout::SpikeCount) => {
                    let parameters = &specification.output_neuron;
                    let spikes = column(spikes, steps, 1, 0, output);
                    let verdict = obeys(parameters, f64::from(parameters.threshold), &currents, &spikes);
                    prop_assert!(verdict.is_ok(), "output {output}: {verdict:?}");
                    sums[class] += spikes.iter().filter(|&&spike| spike).count() as f64;
                }
                (None, Readout::Membrane) => sums[class] += currents.iter().sum::<f64>(),
                other => prop_assert!(false, "{other:?}"),
            }
        }
        let share = (steps * specification.outputs_per_class) as f64;
        for (score, sum) in run.scores.iter().zip(&sums) {
            prop_assert!((f64::from(*score) - sum / share).abs() < 1e-5, "{:?} {sums:?}", run.scores);
        }
        let label = run.labels[0];
        prop_assert!(run.scores.iter().all(|&score| score <= run.scores[label]));
    }

    #[test]
    fn operations_are_counted_one_by_one(case in case()) {
        let (run, trace) = case.run();
        let (specification, operations) = (case.specification(), &run.operations[0]);
        let (shape, steps) = (&specification.convolution, specification.steps as u64);
        let has_presence = case.network.weights().presence.iter().any(|&q| q != 0.0);
        let drive = specification.encoder.drive();
        let (mut acs, mut macs) = (0, 0);
        for &width in &shape.widths {
            for p in 0..case.positions(width) {
                for token in (p..p + width).filter(|&i| i < case.read().len() && !case.is_silent(case.read()[i])) {
                    let rates = case.rates(case.read()[token]);
                    let (inputs, times) = match drive {
                        Drive::Current => (rates.iter().filter(|&&rate| rate >= 256).count() as u64, 1),
                        _ => (trace.tokens[token].count(), steps),
                    };
                    let presence = if has_presence { times } else { 0 };
                    acs += (inputs + presence) * shape.filters as u64;
                    macs += (shape.dimension * shape.filters) as u64;
                }
            }
        }
        let outputs = specification.outputs() as u64;
        let counted = [operations.convolution_acs, operations.convolution_macs];
        prop_assert_eq!(counted, if drive == Drive::Spikes { [acs, 0] } else { [0, acs] });
        prop_assert_eq!(operations.dnn_macs, macs + shape.channels() as u64 * outputs);
        prop_assert_eq!(operations.output_acs, trace.features.count() * outputs);
        prop_assert_eq!(operations.input_spikes, trace.tokens.iter().map(SpikeTrain::count).sum::<u64>());
        prop_assert_eq!(operations.convolution_spikes, trace.convolution.iter().map(SpikeTrain::count).sum::<u64>());
        prop_assert_eq!(operations.output_spikes, trace.outputs.as_ref().map_or(0, SpikeTrain::count));
        prop_assert_eq!(operations.tokens, case.read().len() as u64);
    }
}
