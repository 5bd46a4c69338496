//! Runs a chain of NIR nodes on spike trains, step by step, as a reader would ([`crate::target::Rule`]).
//!
//! All nodes run in the same step, one after the other. Signals and membranes are of double precision, in which sums
//! of weights of single precision are exact far beyond what networks of this program form; readers compute in single
//! precision, so that near a threshold they may differ. Inputs that are zero cost nothing.

use crate::{
    array::shape_name,
    graph::{Convolution, Flaw, Graph, Link, Neurons, Node, Pool},
    target::Rule,
};

/// The most weights of a prepared chain, and the most numbers of a recording.
const MOST: usize = 1 << 28;

/// A chain of nodes, ready to run.
#[derive(Clone, Debug)]
pub struct Simulator {
    input: Vec<usize>,
    output: Vec<usize>,
    layers: Vec<Layer>,
    rule: Rule,
}

/// What one text, or any other train of spikes, gave.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recording {
    /// For each node of neurons, in the order of the chain: its spikes `[T, neurons]`. A reader that lets neurons
    /// fire several times a step gives numbers above 1.
    pub spikes: Vec<Vec<f32>>,
    /// What reached the output `[T, O]`.
    pub outputs: Vec<f32>,
    /// For each node of weights (affine ones and convolutions), in the order of the chain: inputs that are not zero
    /// times the weights that are not zero and meet them, over all steps. Biases are left out, as NeuroBench has it.
    pub operations: Vec<u64>,
}

#[derive(Clone, Debug)]
struct Layer {
    name: String,
    shape: Vec<usize>,
    run: Run,
}

#[derive(Clone, Debug)]
enum Run {
    /// Weights that are not zero, column after column, and biases.
    Affine {
        columns: Columns,
        bias: Vec<f32>,
        outputs: usize,
    },
    Scale(Vec<f32>),
    Convolution(Kernel),
    Pool {
        pool: Pool,
        input: [usize; 3],
    },
    Neurons(Vec<Neuron>),
}

/// Sparse rows of weights: `entries[starts[i]..starts[i + 1]]` are those of input i, as (output, weight).
#[derive(Clone, Debug, Default)]
struct Columns {
    starts: Vec<usize>,
    entries: Vec<(u32, f32)>,
}

#[derive(Clone, Debug)]
struct Kernel {
    convolution: Convolution,
    /// Of each (channel in, tap, tap) the filters it reaches.
    columns: Columns,
    input: [usize; 3],
    output: [usize; 3],
}

/// A neuron in discrete time: `v' = keep v + drift + gain i`.
#[derive(Clone, Copy, Debug)]
struct Neuron {
    keep: f64,
    drift: f64,
    gain: f64,
    threshold: f64,
    reset: f64,
}

impl Run {
    fn has_weights(&self) -> bool {
        matches!(self, Self::Affine { .. } | Self::Convolution(_))
    }
}

impl Columns {
    /// From the weights of each input, one after the other.
    fn of(inputs: usize, outputs: usize, weight: impl Fn(usize, usize) -> f32) -> Self {
        let mut columns = Self { starts: vec![0], entries: Vec::new() };
        for input in 0..inputs {
            let own = (0..outputs).map(|output| (output as u32, weight(input, output)));
            columns.entries.extend(own.filter(|&(_, weight)| weight != 0.0));
            columns.starts.push(columns.entries.len());
        }
        columns
    }

    fn column(&self, input: usize) -> &[(u32, f32)] {
        &self.entries[self.starts[input]..self.starts[input + 1]]
    }
}

impl Simulator {
    /// Prepares a graph to be run as `rule` says.
    ///
    /// # Errors
    /// If it is no chain, a shape does not fit, or the rule has no place for a neuron.
    pub fn new(graph: &Graph, rule: Rule) -> Result<Self, Flaw> {
        let links = graph.chain()?;
        let mut layers = Vec::new();
        for link in &links {
            if let Some(run) = run_of(link, rule)? {
                layers.push(Layer { name: link.name.to_owned(), shape: link.output.clone(), run });
            }
        }
        let (first, last) = (&links[0], &links[links.len() - 1]);
        Ok(Self { input: first.output.clone(), output: last.output.clone(), layers, rule })
    }

    /// The nodes of weights in their order.
    pub fn weights(&self) -> impl Iterator<Item = &str> {
        self.layers.iter().filter(|layer| layer.run.has_weights()).map(|layer| layer.name.as_str())
    }

    /// The shape of what comes in at a step.
    #[must_use]
    pub fn input(&self) -> &[usize] {
        &self.input
    }

    /// The shape of what goes out at a step.
    #[must_use]
    pub fn output(&self) -> &[usize] {
        &self.output
    }

    /// The nodes of neurons in their order: name and shape.
    pub fn neurons(&self) -> impl Iterator<Item = (&str, &[usize])> {
        let firing = self.layers.iter().filter(|layer| matches!(layer.run, Run::Neurons(_)));
        firing.map(|layer| (layer.name.as_str(), &layer.shape[..]))
    }

    /// Runs one train of inputs, `[T, ...input]`.
    ///
    /// # Errors
    /// If the inputs do not fill whole steps, or what is recorded would be too large.
    pub fn run(&self, inputs: &[f32]) -> Result<Recording, Flaw> {
        let width: usize = self.input.iter().product();
        if width == 0 || !inputs.len().is_multiple_of(width) {
            let expected = format!("inputs of shape {} at every step", shape_name(&self.input));
            return Err(Flaw { expected, got: format!("{} numbers", inputs.len()) });
        }
        let size = |shape: &[usize]| shape.iter().product::<usize>();
        let recorded = self.neurons().map(|(_, shape)| size(shape)).sum::<usize>() + size(&self.output);
        if (inputs.len() / width).saturating_mul(recorded) > MOST {
            let expected = format!("at most {MOST} spikes in a recording (fewer steps)");
            return Err(Flaw { expected, got: format!("{} steps of {recorded}", inputs.len() / width) });
        }
        let weights = self.layers.iter().filter(|layer| layer.run.has_weights()).count();
        let mut recording = Recording {
            spikes: vec![Vec::new(); self.neurons().count()],
            outputs: Vec::new(),
            operations: vec![0; weights],
        };
        let mut membranes: Vec<Vec<f64>> = self
            .layers
            .iter()
            .map(|layer| vec![0.0; if matches!(layer.run, Run::Neurons(_)) { size(&layer.shape) } else { 0 }])
            .collect();
        for inputs in inputs.chunks_exact(width) {
            let mut signal: Vec<f64> = inputs.iter().map(|&input| input.into()).collect();
            let mut spikes = recording.spikes.iter_mut();
            let mut operations = recording.operations.iter_mut();
            for (layer, membranes) in self.layers.iter().zip(&mut membranes) {
                let mut met = 0;
                signal = match &layer.run {
                    Run::Affine { columns, bias, outputs } => affine(columns, bias, *outputs, &signal, &mut met),
                    Run::Scale(scale) => {
                        let each = signal.iter().enumerate();
                        each.map(|(i, x)| x * f64::from(scale[if scale.len() == 1 { 0 } else { i }])).collect()
                    }
                    Run::Convolution(kernel) => kernel.run(&signal, &mut met),
                    Run::Pool { pool, input } => pool_windows(pool, *input, &signal),
                    Run::Neurons(neurons) => {
                        let fired = self.fire(neurons, membranes, &signal);
                        if let Some(spikes) = spikes.next() {
                            spikes.extend(fired.iter().map(|&spikes| spikes as f32));
                        }
                        fired
                    }
                };
                if layer.run.has_weights()
                    && let Some(operations) = operations.next()
                {
                    *operations += met;
                }
            }
            recording.outputs.extend(signal.iter().map(|&value| value as f32));
        }
        Ok(recording)
    }

    /// A step of neurons: charge, fire, reset.
    fn fire(&self, neurons: &[Neuron], membranes: &mut [f64], currents: &[f64]) -> Vec<f64> {
        let step = |(i, (v, current)): (usize, (&mut f64, &f64))| {
            let neuron = &neurons[if neurons.len() == 1 { 0 } else { i }];
            *v = neuron.keep * *v + neuron.drift + neuron.gain * current;
            if self.rule.subtracts {
                let spikes = (*v / neuron.threshold).floor().max(0.0);
                *v = (*v - spikes * neuron.threshold).max(-neuron.threshold);
                return spikes;
            }
            let fires = *v > neuron.threshold || self.rule.at_threshold && *v == neuron.threshold;
            if fires {
                *v = neuron.reset;
            }
            f64::from(u8::from(fires))
        };
        membranes.iter_mut().zip(currents).enumerate().map(step).collect()
    }
}

/// What a node does; nothing, where it only says a shape.
fn run_of(link: &Link, rule: Rule) -> Result<Option<Run>, Flaw> {
    let three = |shape: &[usize]| match *shape {
        [channels, height] => [channels, height, 1],
        [channels, height, width] => [channels, height, width],
        _ => unreachable!("the chain is checked"),
    };
    Ok(Some(match link.node {
        Node::Input(_) | Node::Output(_) | Node::Flatten { .. } => return Ok(None),
        Node::Affine { weight, bias } => {
            let [outputs, inputs] = weight.shape[..] else { unreachable!("weights of two axes") };
            let columns = Columns::of(inputs, outputs, |input, output| weight.values[output * inputs + input]);
            let bias = bias.clone().unwrap_or_else(|| vec![0.0; outputs]);
            Run::Affine { columns, bias, outputs }
        }
        Node::Scale(scale) => Run::Scale(scale.values.clone()),
        Node::Convolution(convolution) => {
            let [_, inside, height, width] = convolution.weight.shape[..] else {
                unreachable!("weights of four axes")
            };
            let filters = convolution.weight.shape[0];
            let taps = height * width;
            let columns = Columns::of(inside * taps, filters, |at, filter| {
                convolution.weight.values[filter * inside * taps + at]
            });
            let (input, output) = (three(&link.input), three(&link.output));
            Run::Convolution(Kernel { convolution: convolution.clone(), columns, input, output })
        }
        Node::Pool(pool) => Run::Pool { pool: pool.clone(), input: three(&link.input) },
        Node::Neurons(neurons) => Run::Neurons(discrete(link, neurons, rule)?),
    }))
}

/// What each neuron makes of a current in a step, as `rule` has it; not finite where `r` and `tau` are infinite, as readers
/// write neurons that do not leak.
pub(crate) fn gains(neurons: &Neurons, rule: Rule) -> Vec<f64> {
    let arrays = [Some(&neurons.r), neurons.tau.as_ref()];
    let count = arrays.iter().flatten().map(|array| array.values.len()).max().unwrap_or(1);
    (0..count).map(|i| gain(neurons, rule, i)).collect()
}

/// That of one neuron.
fn gain(neurons: &Neurons, rule: Rule, i: usize) -> f64 {
    let at = |array: &crate::array::Array<f64>| array.values[if array.values.len() == 1 { 0 } else { i }];
    let r = if rule.reads_resistance { at(&neurons.r) } else { 1.0 };
    r * neurons.tau.as_ref().map_or(rule.step, |tau| rule.step / at(tau))
}

/// Neurons in steps: one for all that are alike.
fn discrete(link: &Link, neurons: &Neurons, rule: Rule) -> Result<Vec<Neuron>, Flaw> {
    let arrays = [Some(&neurons.r), Some(&neurons.v_threshold), neurons.tau.as_ref(), neurons.v_leak.as_ref()];
    let count = arrays.into_iter().chain([neurons.v_reset.as_ref()]).flatten().map(|array| array.values.len()).max();
    let of = |i: usize| {
        let at = |array: &crate::array::Array<f64>| array.values[if array.values.len() == 1 { 0 } else { i }];
        // As a share of a step: how much goes in, and out.
        let rate = neurons.tau.as_ref().map(|tau| rule.step / at(tau));
        let leak = neurons.v_leak.as_ref().map_or(0.0, at);
        Neuron {
            keep: 1.0 - rate.unwrap_or(0.0),
            drift: rate.unwrap_or(0.0) * leak,
            gain: gain(neurons, rule, i),
            threshold: at(&neurons.v_threshold),
            reset: neurons.v_reset.as_ref().map_or(0.0, at),
        }
    };
    let all: Vec<Neuron> = (0..count.unwrap_or(1)).map(of).collect();
    let refuse = |expected: &str, got: f64| {
        let expected = format!("{expected} in the node {:?} ({})", link.name, link.node.kind());
        Err(Flaw { expected, got: got.to_string() })
    };
    if neurons.tau.is_some() && rule.subtracts {
        let expected = format!("IF neurons for a reader that subtracts thresholds as the node {:?}", link.name);
        return Err(Flaw { expected, got: "LIF".into() });
    }
    if let Some(neuron) = all.iter().find(|neuron| !neuron.gain.is_finite()) {
        return refuse("a finite `r` that goes with `tau`", neuron.gain);
    }
    if let Some(neuron) = all.iter().find(|neuron| !(0.0..=1.0).contains(&neuron.keep)) {
        return refuse("a `tau` of a step of the reader or more (--target says which reader)", 1.0 - neuron.keep);
    }
    if let Some(neuron) = all.iter().find(|neuron| rule.subtracts && neuron.threshold <= 0.0) {
        return refuse("thresholds above 0", neuron.threshold);
    }
    Ok(all)
}

/// `W x + b` along the last axis; `met` grows by the weights that met an input.
fn affine(columns: &Columns, bias: &[f32], outputs: usize, signal: &[f64], met: &mut u64) -> Vec<f64> {
    let inputs = columns.starts.len() - 1;
    let mut all = Vec::with_capacity(signal.len() / inputs * outputs);
    for row in signal.chunks_exact(inputs) {
        let mut sums = vec![0.0; outputs];
        for (input, &value) in row.iter().enumerate().filter(|(_, value)| **value != 0.0) {
            *met += columns.column(input).len() as u64;
            for &(output, weight) in columns.column(input) {
                sums[output as usize] += value * f64::from(weight);
            }
        }
        all.extend(sums.iter().zip(bias).map(|(sum, &bias)| sum + f64::from(bias)));
    }
    all
}

impl Kernel {
    /// `met` grows by the weights that met an input.
    fn run(&self, signal: &[f64], met: &mut u64) -> Vec<f64> {
        let Convolution { weight, bias, stride, padding, dilation, groups, .. } = &self.convolution;
        let [_, height, width] = self.input;
        let [filters, high, wide] = self.output;
        let (inside, taps) = (weight.shape[1], [weight.shape[2], weight.shape[3]]);
        let own = filters / groups;
        // Filters run fastest while sums are formed: those of a tap lie one after the other.
        let mut sums = vec![0.0; high * wide * filters];
        for (at, &value) in signal.iter().enumerate().filter(|(_, value)| **value != 0.0) {
            let (channel, y, x) = (at / (height * width), at / width % height, at % width);
            let group = channel / inside;
            for j in 0..taps[0] {
                let Some(row) = reached(y, j, 0, stride, padding, dilation, high) else { continue };
                for i in 0..taps[1] {
                    let Some(column) = reached(x, i, 1, stride, padding, dilation, wide) else { continue };
                    let sums = &mut sums[(row * wide + column) * filters..][..filters];
                    let tap = (channel % inside * taps[0] + j) * taps[1] + i;
                    for &(filter, weight) in self.columns.column(tap) {
                        if filter as usize / own == group {
                            *met += 1;
                            sums[filter as usize] += value * f64::from(weight);
                        }
                    }
                }
            }
        }
        let place = |at: usize| (at % (high * wide)) * filters + at / (high * wide);
        (0..sums.len()).map(|at| sums[place(at)] + f64::from(bias[at / (high * wide)])).collect()
    }
}

/// Which place along an axis has input `at` under its tap.
fn reached(
    at: usize,
    tap: usize,
    axis: usize,
    stride: &[usize; 2],
    padding: &[[usize; 2]; 2],
    dilation: &[usize; 2],
    size: usize,
) -> Option<usize> {
    let first = (at + padding[axis][0]).checked_sub(tap * dilation[axis])?;
    let place = first / stride[axis];
    (first.is_multiple_of(stride[axis]) && place < size).then_some(place)
}

fn pool_windows(pool: &Pool, [channels, height, width]: [usize; 3], signal: &[f64]) -> Vec<f64> {
    let [high, wide] = [0, 1]
        .map(|axis| ([height, width][axis] + 2 * pool.padding[axis] - pool.kernel[axis]) / pool.stride[axis] + 1);
    let share = if pool.average { 1.0 / (pool.kernel[0] * pool.kernel[1]) as f64 } else { 1.0 };
    let mut all = Vec::with_capacity(channels * high * wide);
    for plane in signal.chunks_exact(height * width) {
        for row in 0..high {
            for column in 0..wide {
                // The window without its padding.
                let range = |axis: usize, place: usize, size: usize| {
                    let first = place * pool.stride[axis];
                    let end = (first + pool.kernel[axis]).saturating_sub(pool.padding[axis]).min(size);
                    first.saturating_sub(pool.padding[axis])..end
                };
                let sum: f64 = range(0, row, height)
                    .flat_map(|y| range(1, column, width).map(move |x| y * width + x))
                    .map(|at| plane[at])
                    .sum();
                all.push(share * sum);
            }
        }
    }
    debug_assert_eq!(all.len(), channels * high * wide);
    all
}
