//! Energy with memory traffic: Lemaire et al. 2022 ("An Analytical Estimation of Spiking Neural Networks Energy
//! Efficiency", arXiv 2210.13107), by the rules and prices of SpikingJelly 2.0.0 (`op_counter/analytical_energy.py`),
//! which counts accesses by the paper's formulas.
//!
//! ```text
//! E          = operations + addressing + memory
//! operations = add (accumulations by spikes + biases + spikes fired) + (mul + add) (MACs + leaks)
//! addressing   spikes into Cout channels of K taps (or O outputs): nnz Cout K additions (nnz O), and for a
//!              convolution 2 nnz MACs; real inputs: one addition an input and an output, and Cout K for a
//! convolution memory     = bytes of inputs, parameters, outputs and membranes x the price of a byte in a memory of
//! that size
//!
//!              spikes in                             real numbers in
//! inputs       nnz, from a queue of 1000             one a MAC (an output layer: each once), from the whole input
//! parameters   one an accumulation and a bias        one a MAC and a bias, both from all weights and biases
//! membranes    read and written: one an              none
//!              accumulation, and each neuron once
//!              a step, from those of the layer
//! outputs      spikes, to a queue of 1000            each once, to the whole output
//! ```
//!
//! A first layer that is computed in another way ([`super::way`]) has the rules of spikes: events, bits and numbers from a
//! table are read once an addition, and added to sums that are read and written. Networks of whole numbers have
//! multiplications and bytes of their bits.
//!
//! Numbers have four bytes. Every spike meets K taps, those at a text's edges too. Pooling and rectifiers are left
//! out. The presence current of a token is one more input that spikes at every step. Weighted phases are real numbers
//! at every step. A constant current is made of real numbers once, written, and read and added at every step.
//! SpikingJelly before 2.0.0 read the weights of a real-valued layer once, which made spiking networks look worse by
//! two orders of magnitude.

use serde::Serialize;
use spiketext_kernels::Drive;

use super::{FirstLayer, Numbers, OperationCounts, Shape, Way};
use crate::network::{LayerConfig, Signal};

/// Picojoules of an addition of 32-bit integers.
const ADDITION: f64 = 0.1;
/// Picojoules of a multiplication of 32-bit integers.
const MULTIPLICATION: f64 = 3.1;
/// Picojoules of a multiplication of 8-bit integers (Horowitz 2014, whose 32-bit one this table has).
const SMALL_MULTIPLICATION: f64 = 0.2;
/// Bytes of a number.
const WIDTH: f64 = 4.0;
/// Numbers that a queue of spikes holds.
pub(super) const QUEUE: f64 = 1000.0;
/// Picojoules of reading or writing a byte, by the memory's bytes: on straight lines between these, and none dearer
/// than the last. A number of four bytes costs 10, 20 and 100 pJ there.
const MEMORY: [(f64, f64); 4] =
    [(0.0, 0.0), (8.0 * 1024.0, 10.0 / WIDTH), (32.0 * 1024.0, 20.0 / WIDTH), (1024.0 * 1024.0, 100.0 / WIDTH)];

/// Picojoules of a byte in a memory of `bytes`.
#[must_use]
pub fn byte_price(bytes: f64) -> f64 {
    let bytes = bytes.clamp(MEMORY[0].0, MEMORY[3].0);
    let place = MEMORY[1..3].iter().filter(|(size, _)| bytes > *size).count();
    let ((from, low), (to, high)) = (MEMORY[place], MEMORY[place + 1]);
    low + (high - low) * (bytes - from) / (to - from)
}

/// Accesses of a kind of memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Traffic {
    /// Bytes read or written.
    pub bytes: f64,
    /// What that costs.
    pub picojoules: f64,
}

impl Traffic {
    pub(super) fn add(&mut self, numbers: f64, capacity: f64) {
        self.add_of(WIDTH, numbers, capacity);
    }

    /// Numbers of so many bytes.
    fn add_of(&mut self, width: f64, numbers: f64, capacity: f64) {
        self.bytes += width * numbers;
        self.picojoules += width * numbers * byte_price(width * capacity);
    }
}

/// What is priced, of one text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Counts {
    /// Accumulations by spikes, biases, and resets of neurons that fired.
    pub additions: f64,
    /// Multiply-accumulations of real inputs, zeros included, and leaks of neurons.
    pub macs: f64,
    /// Multiply-accumulations of numbers of 8 bits or fewer.
    pub small_macs: f64,
    /// Additions that find addresses.
    pub address_additions: f64,
    /// Multiply-accumulations that find addresses.
    pub address_macs: f64,
    /// Inputs read.
    pub inputs: Traffic,
    /// Weights and biases read.
    pub parameters: Traffic,
    /// Membranes read and written.
    pub membranes: Traffic,
    /// Outputs written.
    pub outputs: Traffic,
}

/// Picojoules of a text by what they go into.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Picojoules {
    /// Arithmetic.
    pub operations: f64,
    /// Finding addresses.
    pub addressing: f64,
    /// Reading and writing.
    pub memory: f64,
}

impl Picojoules {
    /// All of them.
    #[must_use]
    pub fn total(&self) -> f64 {
        self.operations + self.addressing + self.memory
    }
}

/// A layer of connections.
struct Layer {
    /// Numbers that come in at a step.
    inputs: f64,
    /// Those that are not zero, over all steps.
    active: f64,
    /// Numbers that go out at a step.
    outputs: f64,
    /// Weights of an output: inputs that it sees.
    fan_in: f64,
    /// Weights of an input, where it meets every tap: channels times taps.
    fan_out: f64,
    /// All weights and biases.
    parameters: f64,
    convolution: bool,
}

impl Counts {
    /// Of a network of `shape` on the one text whose work is `work`.
    #[must_use]
    pub fn of(shape: &Shape<'_>, work: &OperationCounts) -> Self {
        Self::in_way(shape, work, Way::of(shape))
    }

    /// The same computed in another way, whose operations are those of `work`.
    #[must_use]
    pub fn in_way(shape: &Shape<'_>, work: &OperationCounts, way: Way) -> Self {
        let mut counts = Self::default();
        let steps = work.steps;
        if steps == 0.0 {
            return counts;
        }
        let config = shape.config();
        let (rows, inputs) = (work.rows as usize, shape.inputs() as f64);
        let biased = |count: f64| if shape.has_biases() { count } else { 0.0 };
        let fires = work.neuron_updates > 0.0;
        let drive = config.encoder.drive();
        let constant = fires && drive == Drive::Current;
        // Spikes of the last layer of neurons.
        let mut last = 0.0;
        for (leaf, own) in config.chain.leaves().iter().zip(&work.layers) {
            let (channels, outputs) = (leaf.inputs as f64, leaf.outputs as f64);
            let leaky = leaf.layer.firing_neuron().is_some_and(|neuron| neuron.beta != 1.0);
            match &leaf.layer {
                LayerConfig::TextConvolution { shape: convolution, .. } => {
                    if let FirstLayer::WordTable { numbers } = way.first_layer {
                        counts.word_table(shape, work, numbers, fires);
                        let of = |&width: &usize| (Shape::positions(rows, width) * convolution.filters) as f64;
                        convolution
                            .widths
                            .iter()
                            .map(of)
                            .for_each(|outputs| counts.neurons(steps, outputs, fires, leaky));
                        last = own.outputs.active;
                        continue;
                    }
                    for &width in &convolution.widths {
                        let (taps, filters) = (width as f64, convolution.filters as f64);
                        let layer = Layer {
                            inputs: rows as f64 * inputs,
                            active: work.active_inputs,
                            outputs: Shape::positions(rows, width) as f64 * filters,
                            fan_in: inputs * taps,
                            fan_out: filters * taps,
                            parameters: inputs * taps * filters + biased(filters),
                            convolution: true,
                        };
                        let events = way.first_layer == FirstLayer::Events;
                        let spikes = events || fires && drive == Drive::Spikes;
                        counts.layer(
                            work.input_steps,
                            &layer,
                            spikes,
                            biased(layer.outputs),
                            fires && !constant,
                            way,
                        );
                        if events && !fires {
                            counts.outputs.add(work.input_steps * layer.outputs, layer.outputs);
                        }
                        if constant {
                            counts.additions += steps * layer.outputs;
                            counts.inputs.add(steps * layer.outputs, layer.outputs);
                        }
                        counts.neurons(steps, layer.outputs, fires, leaky);
                    }
                }
                LayerConfig::Convolution { width, .. } => {
                    let (taps, positions) = (*width as f64, shape.first_positions(rows) as f64);
                    let layer = Layer {
                        inputs: positions * channels,
                        active: last,
                        outputs: positions * outputs,
                        fan_in: channels * taps,
                        fan_out: outputs * taps,
                        parameters: channels * taps * outputs + biased(outputs),
                        convolution: true,
                    };
                    counts.layer(steps, &layer, fires, biased(layer.outputs), fires, way);
                    if let (Some(from), true) = (leaf.shortcut, fires) {
                        // One synapse a spike.
                        let around = work.layers[from].outputs.active;
                        counts.additions += around;
                        counts.address_additions += around;
                        counts.inputs.add(around, QUEUE);
                        counts.parameters.add(around, outputs);
                        counts.membranes.add(2.0 * around, layer.outputs);
                    }
                    counts.neurons(steps, layer.outputs, fires, leaky);
                }
                LayerConfig::Neurons { .. } => counts.neurons(steps, outputs, fires, leaky),
                LayerConfig::Dense { .. } | LayerConfig::Readout { .. } => {
                    let layer = Layer {
                        inputs: channels,
                        active: last,
                        outputs,
                        fan_in: channels,
                        fan_out: outputs,
                        parameters: channels * outputs + biased(outputs),
                        convolution: false,
                    };
                    counts.layer(steps, &layer, fires, biased(outputs), fires, way);
                    counts.neurons(steps, outputs, fires, leaky);
                }
                LayerConfig::Pooling | LayerConfig::Residual { .. } => {}
            }
            if leaf.output != Signal::Sums {
                last = own.outputs.active;
            }
        }
        if fires {
            let spikes = work.outputs().active;
            counts.additions += spikes;
            counts.outputs.add(spikes, QUEUE);
        }
        counts
    }

    /// All steps of a first layer whose numbers come from a table of `numbers`, instead of from inputs and weights.
    fn word_table(&mut self, shape: &Shape<'_>, work: &OperationCounts, numbers: f64, fires: bool) {
        let additions = work.layers[0].connections.acs;
        let outputs: f64 = {
            let of =
                |&width: &usize| (Shape::positions(work.rows as usize, width) * shape.convolution().filters) as f64;
            shape.convolution().widths.iter().map(of).sum()
        };
        let biases = if shape.has_biases() { work.input_steps * outputs } else { 0.0 };
        self.additions += additions + biases;
        self.address_additions += additions;
        self.inputs.add(work.active_inputs, QUEUE);
        self.parameters.add(additions, numbers);
        self.parameters.add(biases, shape.convolution().channels() as f64);
        self.membranes.add(2.0 * additions, outputs);
        if !fires {
            self.outputs.add(outputs, outputs);
        }
    }

    /// All steps of a layer whose inputs are `spikes` or real numbers, with so many `biases` at a step.
    fn layer(&mut self, steps: f64, layer: &Layer, spikes: bool, biases: f64, fires: bool, way: Way) {
        let of_convolution = |count: f64| if layer.convolution { count } else { 0.0 };
        self.additions += steps * biases;
        let (weight, input) = match way.numbers {
            Numbers::OfTable => (WIDTH, WIDTH),
            Numbers::Whole { weights, inputs } => (f64::from(weights) / 8.0, f64::from(inputs) / 8.0),
        };
        if spikes {
            let events = layer.active * layer.fan_out;
            self.additions += events;
            self.address_additions += events;
            self.address_macs += of_convolution(2.0 * layer.active);
            self.inputs.add(layer.active, QUEUE);
            self.parameters.add_of(weight, events + steps * biases, layer.parameters);
            self.membranes.add(2.0 * events, layer.outputs);
        } else {
            let macs = steps * layer.outputs * layer.fan_in;
            *(if way.numbers == Numbers::OfTable { &mut self.macs } else { &mut self.small_macs }) += macs;
            self.address_additions += steps * (layer.inputs + layer.outputs + of_convolution(layer.fan_out));
            self.inputs.add_of(input, if layer.convolution { macs } else { steps * layer.inputs }, layer.inputs);
            self.parameters.add_of(weight, macs + steps * biases, layer.parameters);
            if !fires {
                self.outputs.add_of(input, steps * layer.outputs, layer.outputs);
            }
        }
    }

    /// All steps of `count` neurons.
    fn neurons(&mut self, steps: f64, count: f64, fires: bool, leaky: bool) {
        if fires {
            self.membranes.add(2.0 * steps * count, count);
            self.macs += if leaky { steps * count } else { 0.0 };
        }
    }

    /// The price of it all.
    #[must_use]
    pub fn picojoules(&self) -> Picojoules {
        let price = |additions: f64, macs: f64| additions * ADDITION + macs * (MULTIPLICATION + ADDITION);
        let memory = [self.inputs, self.parameters, self.membranes, self.outputs];
        Picojoules {
            operations: price(self.additions, self.macs) + self.small_macs * (SMALL_MULTIPLICATION + ADDITION),
            addressing: price(self.address_additions, self.address_macs),
            memory: memory.iter().map(|traffic| traffic.picojoules).sum(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        encode::Encoder,
        energy::RectifierShares,
        engine::{LayerOperations, Operations, tests::network},
        network::{LayerWeights, Network, Padding, Readout},
    };

    #[test]
    fn a_byte_costs_more_in_a_larger_buffer() {
        let kilobytes = [0.0, 4.0, 8.0, 20.0, 32.0, 528.0, 1024.0, 9999.0];
        let prices = [0.0, 1.25, 2.5, 3.75, 5.0, 15.0, 25.0, 25.0];
        for (size, price) in kilobytes.into_iter().zip(prices) {
            assert!((byte_price(size * 1024.0) - price).abs() < 1e-12, "{size} kB: {}", byte_price(size * 1024.0));
        }
    }

    /// Widths 2 and 3, 9 filters, 12 dimensions, 6 outputs, 6 steps; no presence, no biases.
    fn bare() -> Network {
        let network = network(Readout::SpikeCount, Encoder::Regular, Padding::Valid);
        let mut weights = network.weights().clone();
        for LayerWeights { presence, bias, .. } in &mut weights.layers {
            [presence, bias].into_iter().for_each(|currents| currents.fill(0.0));
        }
        Network::new(network.config().clone(), weights).expect("a network")
    }

    /// The operations with layers that did nothing yet.
    fn with_layers(network: &Network, operations: Operations) -> Operations {
        let layers = network.layers().map(|(leaf, _)| LayerOperations::none(leaf)).collect();
        Operations { layers, ..operations }
    }

    fn near(traffic: Traffic, parts: &[(f64, f64)]) {
        // All memories here lie on the first line: 2.5 pJ a byte at 8192.
        let bytes: f64 = parts.iter().map(|(numbers, _)| 4.0 * numbers).sum();
        let price: f64 = parts.iter().map(|(numbers, capacity)| 4.0 * numbers * 4.0 * capacity * 2.5 / 8192.0).sum();
        assert!((traffic.bytes - bytes).abs() < 1e-9, "{traffic:?}: {bytes} bytes");
        assert!((traffic.picojoules - price).abs() < 1e-9, "{traffic:?}: {price} pJ");
    }

    #[test]
    fn spikes_by_hand() {
        // Four tokens: 3 and 2 positions. Some spikes, over six steps.
        let network = bare();
        let shape = Shape::of(&network);
        let mut operations = with_layers(&network, Operations { tokens: 4, dnn_macs: 1, ..Operations::default() });
        operations.input_spikes = 60;
        let [convolution, _, features, readout] = &mut operations.layers[..] else { panic!("four layers") };
        (convolution.spikes, convolution.acs) = (30, 1800);
        features.spikes = 24;
        (readout.spikes, readout.acs) = (5, 24 * 6);
        let counts = Counts::of(&shape, &OperationCounts::spiking(&shape, &operations));
        // 60 spikes into 9 filters of 2 and of 3 taps, 24 into 6 outputs; 59 spikes fired.
        let events = [1080.0, 1620.0, 144.0];
        assert_eq!((counts.additions, counts.macs), (2844.0 + 59.0, 0.0));
        assert_eq!((counts.address_additions, counts.address_macs), (2844.0, 2.0 * 2.0 * 60.0));
        near(counts.inputs, &[(60.0 + 60.0 + 24.0, 1000.0)]);
        near(counts.parameters, &[(events[0], 216.0), (events[1], 324.0), (events[2], 108.0)]);
        near(counts.outputs, &[(59.0, 1000.0)]);
        let membranes = [(27.0, events[0]), (18.0, events[1]), (18.0, 0.0), (6.0, events[2])];
        near(counts.membranes, &membranes.map(|(neurons, events)| (2.0 * (events + 6.0 * neurons), neurons)));
        let picojoules = counts.picojoules();
        assert!((picojoules.operations - 290.3).abs() < 1e-9);
        assert!((picojoules.addressing - (284.4 + 3.2 * 240.0)).abs() < 1e-9);
        assert_eq!(picojoules.total(), picojoules.operations + picojoules.addressing + picojoules.memory);
    }

    #[test]
    fn leaks_biases_and_presence_are_paid_for() {
        let network = network(Readout::Membrane, Encoder::Regular, Padding::Valid);
        let mut config = network.text_cnn().expect("a text convolution").config.clone();
        config.convolution_neuron.beta = 0.5;
        let config = config.into_network().expect("a chain");
        let network = Network::new(config, network.weights().clone()).expect("a network");
        let shape = Shape::of(&network);
        let operations =
            Operations { tokens: 4, silent_tokens: 1, input_spikes: 42, dnn_macs: 1, ..Operations::default() };
        let operations = with_layers(&network, operations);
        let counts = Counts::of(&shape, &OperationCounts::spiking(&shape, &operations));
        assert_eq!(counts.macs, 6.0 * 45.0);
        // Three tokens are present at each step: 42 + 18 inputs. Every output of every step has its bias.
        near(counts.inputs, &[(60.0, 1000.0), (60.0, 1000.0)]);
        let biases = 6.0 * (27.0 + 18.0 + 6.0);
        assert_eq!(counts.additions, 60.0 * 45.0 + biases);
        assert_eq!(counts.parameters.bytes, 4.0 * (60.0 * 45.0 + biases));
    }

    #[test]
    fn graded_inputs_by_hand() {
        let of = |encoder| {
            let network = network(Readout::Membrane, encoder, Padding::Valid);
            let shape = Shape::of(&network);
            let operations = Operations { tokens: 4, dnn_macs: 1, ..Operations::default() };
            let mut operations = with_layers(&network, operations);
            operations.layers[0].macs = 7;
            let work = OperationCounts::spiking(&shape, &operations);
            assert_eq!((work.macs(), work.acs()), (7.0, 0.0));
            let counts = Counts::of(&shape, &work);
            (work, counts)
        };
        // Four tokens of 13 inputs, presence among them; 27 and 18 neurons of 2 and 3 taps, 6 outputs of 18 features.
        let (macs, neurons) = (f64::from(27 * 2 * 13 + 18 * 3 * 13), 45.0);
        let (work, phases) = of(Encoder::Phase);
        // Eight steps, a period.
        assert_eq!((phases.macs, work.layers[0].connections.dense), (8.0 * macs, 8.0 * macs));
        assert_eq!((phases.additions, phases.outputs.bytes), (8.0 * (neurons + 6.0), 0.0));
        let (work, constant) = of(Encoder::Direct);
        assert_eq!((constant.macs, work.layers[0].connections.dense), (macs, macs));
        // Biases once in the current; the current, and the biases of the outputs, at every step.
        assert_eq!(constant.additions, neurons + 6.0 * neurons + 6.0 * 6.0);
        assert_eq!(constant.outputs.bytes, 4.0 * neurons);
        assert_eq!(constant.inputs.bytes - 4.0 * macs, 4.0 * 6.0 * neurons);
        assert!(constant.picojoules().total() < phases.picojoules().total());
    }

    #[test]
    fn real_inputs_by_hand() {
        let network = bare();
        let shape = Shape::real_valued(network.config(), true);
        let half = RectifierShares { convolution: 0.5, features: 1.0 / 3.0 };
        let counts = Counts::of(&shape, &OperationCounts::real_valued(&shape, &[1, 2, 3, 4], half));
        // Zeros spare nothing here.
        let macs = [27.0 * 24.0, 18.0 * 36.0, 6.0 * 18.0];
        assert_eq!((counts.macs, counts.additions), (macs.iter().sum(), 27.0 + 18.0 + 6.0));
        assert_eq!(counts.address_additions, (48.0 + 27.0 + 18.0) + (48.0 + 18.0 + 27.0) + (18.0 + 6.0));
        assert_eq!((counts.address_macs, counts.membranes), (0.0, Traffic::default()));
        near(counts.inputs, &[(macs[0], 48.0), (macs[1], 48.0), (18.0, 18.0)]);
        near(counts.parameters, &[(macs[0] + 27.0, 225.0), (macs[1] + 18.0, 333.0), (macs[2] + 6.0, 114.0)]);
        near(counts.outputs, &[(27.0, 27.0), (18.0, 18.0), (6.0, 6.0)]);
        assert_eq!(Counts::of(&shape, &OperationCounts::default()).picojoules().total(), 0.0);
    }

    #[test]
    fn other_ways_by_hand() {
        let network = bare();
        let shape = Shape::real_valued(network.config(), true);
        let work = OperationCounts::real_valued(&shape, &[1, 2, 3, 4], RectifierShares::ALL);
        // Bits: 50 that are set, which meet 9 filters of 2 and of 3 taps; nothing is multiplied but features.
        let events = Way { first_layer: FirstLayer::Events, ..Way::default() };
        let counts = Counts::in_way(&shape, &work.clone().with_additions(1.0, 50.0), events);
        let met = [50.0 * 18.0, 50.0 * 27.0];
        assert_eq!((counts.macs, counts.additions), (6.0 * 18.0, met[0] + met[1] + 27.0 + 18.0 + 6.0));
        near(counts.inputs, &[(50.0, 1000.0), (50.0, 1000.0), (18.0, 18.0)]);
        near(counts.parameters, &[(met[0] + 27.0, 225.0), (met[1] + 18.0, 333.0), (108.0 + 6.0, 114.0)]);
        near(counts.membranes, &[(2.0 * met[0], 27.0), (2.0 * met[1], 18.0)]);
        near(counts.outputs, &[(27.0, 27.0), (18.0, 18.0), (6.0, 6.0)]);
        // A table of 450 numbers: 3 x 2 + 2 x 3 pairs of a token and a tap, 9 filters each.
        let table = Way { first_layer: FirstLayer::WordTable { numbers: 450.0 }, ..Way::default() };
        let counts = Counts::in_way(&shape, &work.clone().with_additions(108.0, 4.0), table);
        assert_eq!((counts.macs, counts.additions), (6.0 * 18.0, 108.0 + 45.0 + 6.0));
        assert_eq!(counts.address_additions, 108.0 + 18.0 + 6.0);
        near(counts.inputs, &[(4.0, 1000.0), (18.0, 18.0)]);
        near(counts.parameters, &[(108.0, 450.0), (45.0, 18.0), (108.0 + 6.0, 114.0)]);
        near(counts.membranes, &[(216.0, 45.0)]);
        near(counts.outputs, &[(45.0, 45.0), (6.0, 6.0)]);
        // Whole numbers: as many operations, cheaper ones, and a quarter of the bytes or an eighth.
        let (of_table, bits) = (Counts::of(&shape, &work), Numbers::Whole { weights: 4, inputs: 8 });
        let whole = Counts::in_way(&shape, &work, Way { numbers: bits, ..Way::default() });
        assert_eq!((whole.macs, whole.small_macs, whole.additions), (0.0, of_table.macs, of_table.additions));
        let operations = of_table.macs * 0.3 + of_table.additions * 0.1;
        assert!((whole.picojoules().operations - operations).abs() < 1e-9);
        assert_eq!(
            (4.0 * whole.inputs.bytes, 8.0 * whole.parameters.bytes),
            (of_table.inputs.bytes, of_table.parameters.bytes)
        );
        assert_eq!(4.0 * whole.outputs.bytes, of_table.outputs.bytes);
        // A spiking network updates all of its membranes whichever way its first layer is computed.
        let shape = Shape::of(&network);
        let mut operations = with_layers(&network, Operations { tokens: 4, dnn_macs: 1, ..Operations::default() });
        operations.layers[0].spikes = 30;
        let spiking = OperationCounts::spiking(&shape, &operations).with_additions(648.0, 24.0);
        let counts = Counts::in_way(&shape, &spiking, table);
        near(counts.parameters, &[(648.0, 450.0)]);
        near(counts.membranes, &[(1296.0, 45.0), (324.0, 27.0), (216.0, 18.0), (216.0, 18.0), (72.0, 6.0)]);
        near(counts.outputs, &[(30.0, 1000.0)]);
    }
}
