//! Energy with memory traffic: Lemaire et al. 2022 ("An Analytical Estimation of Spiking Neural Networks Energy
//! Efficiency", ICONIP), by the rules and prices of SpikingJelly's `op_counter/analytical_energy`.
//!
//! ```text
//! E          = operations + addressing + memory
//! operations = add (synaptic + AC + state additions) + (mul + add) (MAC + state multiplications)
//! addressing   spikes into Cout channels of K taps (or O outputs): nnz Cout K additions (nnz O), and for a convolution
//!              2 nnz MACs; real inputs: one addition an input and an output, and Cout K for a convolution
//! memory     = bytes of inputs, parameters, outputs and membranes x the price of a byte in a buffer of that size
//! ```
//!
//! A layer is called once a step, in numbers of four bytes. Inputs that are spikes, or zero to at least one half, are
//! read one by one with the weights they go to; others are read whole, with all weights, once. A buffer is as large as
//! the most bytes that one call of any layer moves through it. Three things are ours to say:
//!
//! - SpikingJelly has accumulations both in its synaptic and in its AC counter and prices both; so do we.
//! - The engine counts spikes over all steps, so the largest call is that of the layer's mean step.
//! - A neuron reads and writes its membrane once a step and once more for a spike; its state additions are the charge,
//!   the comparison and the reset, its multiplication the leak where beta is not 1. Pooling adds up P - 1 times a
//!   channel and step.

use serde::Serialize;

use super::{Shape, Work};

/// Picojoules of an addition of 32-bit integers.
const ADDITION: f64 = 0.1;
/// Picojoules of a multiplication of 32-bit integers.
const MULTIPLICATION: f64 = 3.1;
/// Bytes of a number.
const WIDTH: f64 = 4.0;
/// Picojoules of reading or writing a byte, by the buffer's bytes: on straight lines between these, and none dearer than
/// the last. A number of four bytes costs 10, 20 and 100 pJ there.
const MEMORY: [(f64, f64); 4] =
    [(0.0, 0.0), (8.0 * 1024.0, 10.0 / WIDTH), (32.0 * 1024.0, 20.0 / WIDTH), (1024.0 * 1024.0, 100.0 / WIDTH)];

/// Picojoules of a byte in a buffer of `bytes`.
#[must_use]
pub fn byte_price(bytes: f64) -> f64 {
    let bytes = bytes.clamp(MEMORY[0].0, MEMORY[3].0);
    let place = MEMORY[1..3].iter().filter(|(size, _)| bytes > *size).count();
    let ((from, low), (to, high)) = (MEMORY[place], MEMORY[place + 1]);
    low + (high - low) * (bytes - from) / (to - from)
}

/// Bytes through a buffer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Traffic {
    /// All bytes.
    pub bytes: f64,
    /// The buffer's size: the most bytes of one call.
    pub buffer: f64,
}

impl Traffic {
    fn add(&mut self, calls: f64, numbers: f64) {
        self.bytes += calls * WIDTH * numbers;
        self.buffer = self.buffer.max(WIDTH * numbers);
    }

    fn picojoules(self) -> f64 {
        self.bytes * byte_price(self.buffer)
    }
}

/// What is priced, of one text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Counts {
    /// Accumulations by spikes.
    pub synaptic: f64,
    /// Additions: those accumulations once more, and pooling.
    pub additions: f64,
    /// Multiply-accumulations of real inputs, zeros included.
    pub macs: f64,
    /// Charges, comparisons and resets of neurons.
    pub state_additions: f64,
    /// Leaks of neurons.
    pub state_multiplications: f64,
    /// Additions that find addresses.
    pub address_additions: f64,
    /// Multiply-accumulations that find addresses.
    pub address_macs: f64,
    /// Inputs read.
    pub inputs: Traffic,
    /// Weights and biases read.
    pub parameters: Traffic,
    /// Outputs written.
    pub outputs: Traffic,
    /// Membranes read and written.
    pub membranes: Traffic,
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

/// One call of a layer of connections.
struct Call {
    /// Numbers that come in.
    inputs: f64,
    /// Those of them that are not zero.
    active: f64,
    outputs: f64,
    /// Channels that an input goes to, through each of `taps`.
    channels: f64,
    taps: f64,
    /// All weights.
    weights: f64,
    biases: f64,
    /// Whether all inputs are 0 or 1.
    spikes: bool,
    convolution: bool,
}

impl Counts {
    /// Of a network of `shape` on the one text whose work is `work`.
    #[must_use]
    pub fn of(shape: &Shape<'_>, work: &Work) -> Self {
        let mut counts = Self::default();
        let calls = work.steps;
        if calls == 0.0 {
            return counts;
        }
        let (convolution, specification) = (shape.convolution(), shape.specification());
        let (rows, filters) = (work.rows as usize, convolution.filters as f64);
        let biased = |count: f64| if shape.has_biases() { count } else { 0.0 };
        for &width in &convolution.widths {
            let (positions, taps) = (Shape::positions(rows, width) as f64, width as f64);
            let call = Call {
                inputs: (rows * shape.inputs()) as f64,
                active: work.active_inputs / calls,
                outputs: positions * filters,
                channels: filters,
                taps,
                weights: shape.inputs() as f64 * taps * filters,
                biases: biased(filters),
                spikes: work.convolution.macs == 0.0,
                convolution: true,
            };
            counts.call(calls, &call);
            counts.additions += calls * (positions - 1.0) * filters;
        }
        let (channels, outputs) = (convolution.channels() as f64, specification.outputs() as f64);
        let spikes = work.output.macs == 0.0;
        let call = Call {
            inputs: channels,
            active: if spikes { work.feature_outputs.active / calls } else { work.output.macs / outputs },
            outputs,
            channels: outputs,
            taps: 1.0,
            weights: channels * outputs,
            biases: biased(outputs),
            spikes,
            convolution: false,
        };
        counts.call(calls, &call);
        counts.synaptic = work.acs();
        counts.additions += work.acs();
        for layer in [&work.convolution, &work.output] {
            counts.macs += if layer.macs > 0.0 { layer.dense } else { 0.0 };
        }
        counts.neurons(shape, work);
        counts
    }

    fn call(&mut self, calls: f64, call: &Call) {
        let (inputs, parameters) = if call.one_by_one() {
            let biases = if call.biases > 0.0 { call.outputs } else { 0.0 };
            (call.active, call.active * call.channels * call.taps + biases)
        } else {
            (call.inputs, call.weights + call.biases)
        };
        self.inputs.add(calls, inputs);
        self.parameters.add(calls, parameters);
        self.outputs.add(calls, call.outputs);
        let of_convolution = |count: f64| if call.convolution { count } else { 0.0 };
        if call.spikes {
            self.address_additions += calls * call.active * call.channels * call.taps;
            self.address_macs += of_convolution(calls * 2.0 * call.active);
        } else {
            let taps = of_convolution(call.channels * call.taps);
            self.address_additions += calls * (call.inputs + call.outputs + taps);
        }
    }

    fn neurons(&mut self, shape: &Shape<'_>, work: &Work) {
        if work.neuron_updates == 0.0 {
            return;
        }
        let (specification, convolution) = (shape.specification(), shape.convolution());
        let (rows, steps, spikes) = (work.rows as usize, work.steps, work.outputs().active);
        self.state_additions = 2.0 * work.neuron_updates + spikes;
        let layers = [
            (&specification.convolution_neuron, shape.convolution_neurons(rows)),
            (&specification.feature_neuron, convolution.channels()),
            (&specification.output_neuron, if shape.outputs_fire() { specification.outputs() } else { 0 }),
        ];
        let leaky = layers.iter().filter(|(neuron, _)| neuron.beta != 1.0).map(|(_, count)| *count as f64);
        self.state_multiplications = steps * leaky.sum::<f64>();
        let of_width = convolution.widths.iter().map(|&width| Shape::positions(rows, width) * convolution.filters);
        let largest = of_width.chain([convolution.channels(), specification.outputs()]).max().unwrap_or(0);
        self.membranes =
            Traffic { bytes: 2.0 * WIDTH * (work.neuron_updates + spikes), buffer: WIDTH * largest as f64 };
    }

    /// The price of it all.
    #[must_use]
    pub fn picojoules(&self) -> Picojoules {
        let price = |additions: f64, macs: f64| additions * ADDITION + macs * (MULTIPLICATION + ADDITION);
        let memory = [self.inputs, self.parameters, self.outputs, self.membranes];
        Picojoules {
            operations: price(
                self.synaptic + self.additions + self.state_additions,
                self.macs + self.state_multiplications,
            ),
            addressing: price(self.address_additions, self.address_macs),
            memory: memory.into_iter().map(Traffic::picojoules).sum(),
        }
    }
}

impl Call {
    /// Whether inputs are read one by one: spikes, and other inputs of which at least half are zero.
    fn one_by_one(&self) -> bool {
        self.spikes || self.inputs - self.active >= 0.5 * self.inputs
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        encode::Encoder,
        energy::RectifierShares,
        engine::{Operations, tests::network},
        network::{Averaging, Network, Readout, Weights},
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
        let network = network(Readout::SpikeCount, Encoder::Regular, Averaging::Valid);
        let full = network.weights();
        let weights = Weights {
            presence: vec![0.0; full.presence.len()],
            bias: vec![0.0; full.bias.len()],
            output_bias: vec![0.0; full.output_bias.len()],
            ..full.clone()
        };
        Network::new(network.specification().clone(), weights).expect("a network")
    }

    #[test]
    fn spikes_by_hand() {
        // Four tokens: 3 and 2 positions. Some spikes, over six steps.
        let network = bare();
        let shape = Shape::of(&network);
        let operations = Operations {
            tokens: 4,
            input_spikes: 60,
            convolution_spikes: 30,
            feature_spikes: 24,
            output_spikes: 5,
            convolution_acs: 1800,
            output_acs: 24 * 6,
            dnn_macs: 1,
            ..Operations::default()
        };
        let counts = Counts::of(&shape, &Work::spiking(&shape, &operations));
        assert_eq!(counts.synaptic, 1944.0);
        // Pooling: 2 + 1 additions of 9 filters at each of 6 steps.
        assert_eq!(counts.additions, 1944.0 + 6.0 * 27.0);
        assert_eq!((counts.macs, counts.state_multiplications), (0.0, 0.0));
        // 45 + 18 + 6 neurons, 6 steps, 59 spikes.
        assert_eq!(counts.state_additions, 2.0 * 69.0 * 6.0 + 59.0);
        assert_eq!(counts.address_additions, 60.0 * 9.0 * (2.0 + 3.0) + 24.0 * 6.0);
        assert_eq!(counts.address_macs, 2.0 * 2.0 * 60.0);
        // Ten input spikes and four feature spikes a step.
        assert_eq!(counts.inputs, Traffic { bytes: 4.0 * (60.0 + 60.0 + 24.0), buffer: 40.0 });
        assert_eq!(counts.parameters, Traffic { bytes: 4.0 * (2700.0 + 144.0), buffer: 4.0 * 270.0 });
        assert_eq!(counts.outputs, Traffic { bytes: 4.0 * 6.0 * (27.0 + 18.0 + 6.0), buffer: 4.0 * 27.0 });
        assert_eq!(counts.membranes, Traffic { bytes: 8.0 * (414.0 + 59.0), buffer: 4.0 * 27.0 });
        // All buffers lie on the first line: 2.5 pJ a byte at 8192.
        let price = 2.5 / 8192.0;
        let memory = [(576.0, 40.0), (11_376.0, 1080.0), (1224.0, 108.0), (3784.0, 108.0)];
        let memory: f64 = memory.into_iter().map(|(bytes, buffer)| bytes * buffer * price).sum();
        let picojoules = counts.picojoules();
        assert!((picojoules.operations - 0.1 * (1944.0 + 2106.0 + 887.0)).abs() < 1e-9);
        assert!((picojoules.addressing - (0.1 * 2844.0 + 3.2 * 240.0)).abs() < 1e-9);
        assert!((picojoules.memory - memory).abs() < 1e-9);
        assert_eq!(picojoules.total(), picojoules.operations + picojoules.addressing + picojoules.memory);
    }

    #[test]
    fn leaks_and_biases_are_paid_for() {
        let network = network(Readout::Membrane, Encoder::Regular, Averaging::Valid);
        let mut specification = network.specification().clone();
        specification.convolution_neuron.beta = 0.5;
        let network = Network::new(specification, network.weights().clone()).expect("a network");
        let shape = Shape::of(&network);
        let operations =
            Operations { tokens: 4, silent_tokens: 1, input_spikes: 42, dnn_macs: 1, ..Operations::default() };
        let counts = Counts::of(&shape, &Work::spiking(&shape, &operations));
        assert_eq!(counts.state_multiplications, 6.0 * 45.0);
        // Three tokens are present at each step: (42 + 18) / 6 inputs a step.
        assert_eq!(counts.inputs, Traffic { bytes: 4.0 * 120.0, buffer: 40.0 });
        // Every output of every step reads its bias.
        assert_eq!(counts.parameters.bytes, 4.0 * (60.0 * 45.0 + 6.0 * (27.0 + 18.0 + 6.0)));
    }

    #[test]
    fn real_inputs_by_hand() {
        let network = bare();
        let shape = Shape::real_valued(network.specification(), true);
        let half = RectifierShares { convolution: 0.5, features: 1.0 / 3.0 };
        let counts = Counts::of(&shape, &Work::real_valued(&shape, &[1, 2, 3, 4], half));
        let dense = ((3 * 2 + 2 * 3) * 9 * 12 + 18 * 6) as f64;
        assert_eq!((counts.macs, counts.synaptic, counts.state_additions), (dense, 0.0, 0.0));
        assert_eq!(counts.address_additions, (48.0 + 27.0 + 18.0) + (48.0 + 18.0 + 27.0) + (18.0 + 6.0));
        assert_eq!(counts.address_macs, 0.0);
        // Features are zero to two thirds: six are read, with six weights each and the six biases.
        assert_eq!(counts.inputs, Traffic { bytes: 4.0 * (48.0 + 48.0 + 6.0), buffer: 192.0 });
        let parameters = [216.0 + 9.0, 324.0 + 9.0, 36.0 + 6.0];
        assert_eq!(counts.parameters.bytes, 4.0 * parameters.iter().sum::<f64>());
        assert_eq!(counts.parameters.buffer, 4.0 * 333.0);
        assert_eq!(counts.membranes, Traffic::default());
        assert_eq!(Counts::of(&shape, &Work::default()).picojoules().total(), 0.0);
    }
}
