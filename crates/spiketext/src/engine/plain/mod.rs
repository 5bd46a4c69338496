//! The plain engine: runs any chain of layers on one text, neuron by neuron and step by step, as the equations say.
//! It is the meaning of a network; the plans that are faster are held to it, bit for bit.
//!
//! A layer runs over all time before the next begins, which is the same thing in a network without loops. Whoever
//! wants to see what happens gives an [`Observer`].
//!
//! Sums of synapses are formed in double precision, which holds them exactly whatever the encoder's gains are, and
//! rounded to single precision once, before the bias is added; kernels round at the same place.

mod exact;
mod observer;
mod potentials;
mod tally;
mod trace;

pub use exact::ExactOperations;
pub(super) use observer::Observer;
pub(super) use potentials::Watch;
pub use potentials::{LayerPotentials, Potentials};
pub(super) use tally::Tally;
pub use trace::{Contributions, LayerTrace, Trace};

use spiketext_kernels::{
    Drive, Fire, NeuronParameters, SILENT, SpikeTrain, TokenBatch,
    drive::{PHASES, share},
    neuron::step,
};

use super::{batch_of, readout::Answer, spikes_of};
use crate::{
    encode::Noise,
    network::{LayerConfig, LayerWeights, Leaf, Network, Readout},
};

/// What a layer gives for one text.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Activity {
    /// Spikes at positions, one train a kernel width, `[T P, F]`, row `t P + p`.
    Positions(Vec<SpikeTrain>),
    /// Spikes summed over positions, `[T, C]`, and the positions of each kernel width.
    Sums(Vec<f32>, Vec<usize>),
    /// Spikes of neurons that see the whole text, `[T, C]`.
    Spikes(SpikeTrain),
    /// Currents into the outputs, `[T, O]`, and their spikes, if they fire.
    Outputs(Vec<f32>, Option<SpikeTrain>),
}

/// The words of a text as a network takes them in.
pub(super) struct Tokens {
    /// A batch of this text alone.
    pub batch: TokenBatch,
    /// Spikes of its distinct words, a row for each step or bit plane.
    pub spikes: SpikeTrain,
}

impl Tokens {
    pub fn of(network: &Network, noise: Noise, text: &[u32]) -> Self {
        let (batch, words) = batch_of(network.config(), [text]);
        Self { batch, spikes: spikes_of(network, noise, &words) }
    }
}

/// Runs `network` on the words of one text and shows the observer everything.
pub(super) fn run(network: &Network, tokens: &Tokens, observer: &mut impl Observer) -> Answer {
    let config = network.config();
    let mut activities: Vec<Activity> = Vec::with_capacity(config.chain.leaves().len());
    for (at, (leaf, weights)) in network.layers().enumerate() {
        let divisor = config.padding.common_divisor(tokens.batch.text(0).len());
        let layer = Layer { at, leaf, weights, steps: config.steps, divisor };
        let before = activities.last();
        let activity = match (&leaf.layer, before) {
            (LayerConfig::TextConvolution { neuron, .. }, _) => {
                layer.text_convolution(network, neuron, tokens, observer)
            }
            (LayerConfig::Convolution { width, neuron, .. }, Some(Activity::Positions(trains))) => {
                let around = leaf.shortcut.map(|from| match &activities[from] {
                    Activity::Positions(trains) => &trains[0],
                    _ => unreachable!("a shortcut comes from spikes at positions"),
                });
                layer.convolution(*width, neuron, &trains[0], around, observer)
            }
            (LayerConfig::Pooling, Some(Activity::Positions(trains))) => layer.pooling(trains),
            (LayerConfig::Neurons { neuron }, Some(Activity::Sums(sums, positions))) => {
                layer.neurons(neuron, sums, positions, observer)
            }
            (LayerConfig::Dense { neuron, .. }, Some(before)) => {
                let currents = layer.currents(before, observer);
                Activity::Spikes(layer.fire(neuron, &currents, |_| neuron.threshold, observer))
            }
            (LayerConfig::Readout { read, neuron, .. }, Some(before)) => {
                let currents = layer.currents(before, observer);
                let spikes = match read {
                    Readout::SpikeCount => Some(layer.fire(neuron, &currents, |_| neuron.threshold, observer)),
                    Readout::Membrane => {
                        layer.integrate(&currents, observer);
                        None
                    }
                };
                Activity::Outputs(currents, spikes)
            }
            (layer, _) => unreachable!("a checked chain has no {} here", layer.kind()),
        };
        observer.activity(at, &activity);
        activities.push(activity);
    }
    match activities.pop() {
        Some(Activity::Outputs(currents, spikes)) => {
            let spikes = spikes.map(|train| {
                let mut values = vec![0.0; currents.len()];
                train.expand(0, &mut values);
                values
            });
            Answer::of(config, &currents, spikes.as_deref())
        }
        _ => unreachable!("a checked chain ends with a read-out"),
    }
}

/// A layer on its way over one text.
struct Layer<'a> {
    at: usize,
    leaf: &'a Leaf,
    weights: &'a LayerWeights,
    /// Time steps T.
    steps: usize,
    /// By what pooled spikes are divided, where it is not the positions of their width.
    divisor: Option<usize>,
}

impl Layer<'_> {
    /// Equations (2) and (4): kernels over the tokens.
    fn text_convolution(
        &self,
        network: &Network,
        neuron: &NeuronParameters,
        tokens: &Tokens,
        observer: &mut impl Observer,
    ) -> Activity {
        let (shape, _) = network.config().chain.text_convolution();
        let (filters, batch) = (shape.filters, &tokens.batch);
        let products = TokenProducts::of(network, tokens);
        let trains = shape.widths.iter().enumerate().map(|(which, &width)| {
            let bias = &self.weights.bias[which * filters..][..filters];
            let positions = batch.positions(0, width);
            self.positions(neuron, positions, filters, observer, |p, t, currents, observer| {
                let mut sums = vec![0.0; filters];
                for tap in 0..width {
                    let Some(&row) = batch.text(0).get(p + tap).filter(|&&row| row != SILENT) else { continue };
                    let column = shape.first_product(which) + tap * filters;
                    let own = &products.of_step(row as usize, t)[column..][..filters];
                    sums.iter_mut().zip(own).for_each(|(sum, product)| *sum += product);
                    products.show(self.at, (row as usize, t), column..column + filters, self.weights, observer);
                }
                add(currents, bias, &sums);
            })
        });
        Activity::Positions(trains.collect())
    }

    /// A kernel over positions, and the spikes `around` the block.
    fn convolution(
        &self,
        width: usize,
        neuron: &NeuronParameters,
        input: &SpikeTrain,
        around: Option<&SpikeTrain>,
        observer: &mut impl Observer,
    ) -> Activity {
        let (positions, filters) = (input.rows() / self.steps, self.leaf.outputs);
        let columns = width * filters;
        let train = self.positions(neuron, positions, filters, observer, |p, t, currents, observer| {
            let mut sums = vec![0.0; filters];
            for tap in 0..width {
                let seen = (p + tap).checked_sub((width - 1) / 2).filter(|&seen| seen < positions);
                let Some(seen) = seen else { continue };
                for c in columns_of(input, t * positions + seen) {
                    let row = &self.weights.synapses[c * columns + tap * filters..][..filters];
                    sums.iter_mut().zip(row).for_each(|(sum, &weight)| *sum += f64::from(weight));
                    observer.synapses(self.at, (t, c), row);
                }
            }
            for c in around.into_iter().flat_map(|train| columns_of(train, t * positions + p)) {
                sums[c] += f64::from(self.weights.shortcut[c]);
                observer.synapses(self.at, (t, c), &self.weights.shortcut[c..=c]);
            }
            add(currents, &self.weights.bias, &sums);
        });
        Activity::Positions(vec![train])
    }

    /// Runs neurons at every position. `current(p, t, ..)` writes those of a step.
    fn positions<O: Observer>(
        &self,
        neuron: &NeuronParameters,
        positions: usize,
        filters: usize,
        observer: &mut O,
        mut current: impl FnMut(usize, usize, &mut [f32], &mut O),
    ) -> SpikeTrain {
        let mut train = SpikeTrain::silent(self.steps * positions, filters);
        let mut currents = vec![0.0; filters];
        for p in 0..positions {
            let mut neurons = Neurons::new(neuron, vec![neuron.threshold; filters]);
            for t in 0..self.steps {
                current(p, t, &mut currents, observer);
                neurons.step(self.at, t, &currents, observer);
                (0..filters).filter(|&f| neurons.spikes[f]).for_each(|f| train.set(t * positions + p, f));
            }
        }
        train
    }

    /// Spikes summed over positions.
    fn pooling(&self, trains: &[SpikeTrain]) -> Activity {
        let channels = self.leaf.outputs;
        let (filters, steps) = (channels / trains.len(), self.steps);
        let mut sums = vec![0.0; steps * channels];
        for (which, train) in trains.iter().enumerate() {
            let positions = train.rows() / steps;
            for row in 0..train.rows() {
                let own = &mut sums[row / positions * channels + which * filters..][..filters];
                columns_of(train, row).for_each(|f| own[f] += 1.0);
            }
        }
        Activity::Sums(sums, trains.iter().map(|train| train.rows() / steps).collect())
    }

    /// A neuron a channel, against its sum.
    fn neurons(
        &self,
        neuron: &NeuronParameters,
        sums: &[f32],
        positions: &[usize],
        observer: &mut impl Observer,
    ) -> Activity {
        let filters = self.leaf.outputs / positions.len();
        let threshold = |c: usize| positions[c / filters] as f32 * self.weights.thresholds[c] * neuron.threshold;
        Activity::Spikes(self.fire(neuron, sums, threshold, observer))
    }

    /// Currents of a dense layer or a read-out, `[T, C]`.
    fn currents(&self, before: &Activity, observer: &mut impl Observer) -> Vec<f32> {
        let (inputs, outputs) = (self.leaf.inputs, self.leaf.outputs);
        let row_of = |c: usize| &self.weights.synapses[c * outputs..][..outputs];
        let mut all = Vec::with_capacity(self.steps * outputs);
        for t in 0..self.steps {
            let mut sums = vec![0.0f64; outputs];
            let mut currents = vec![0.0; outputs];
            match before {
                Activity::Spikes(train) => {
                    for c in columns_of(train, t) {
                        sums.iter_mut().zip(row_of(c)).for_each(|(sum, &weight)| *sum += f64::from(weight));
                        observer.synapses(self.at, (t, c), row_of(c));
                    }
                    add(&mut currents, &self.weights.bias, &sums);
                }
                Activity::Sums(values, positions) => {
                    let values = &values[t * inputs..][..inputs];
                    for (c, &value) in values.iter().enumerate() {
                        // One spike after the other.
                        (0..value as usize).for_each(|_| observer.synapses(self.at, (t, c), row_of(c)));
                    }
                    currents = mean_currents(values, positions, self.divisor, self.weights);
                }
                Activity::Positions(_) | Activity::Outputs(..) => {
                    unreachable!("a checked chain puts sums or spikes into dense layers")
                }
            }
            all.extend(currents);
        }
        all
    }

    /// Runs neurons that see the whole text over their currents `[T, C]`.
    fn fire(
        &self,
        neuron: &NeuronParameters,
        currents: &[f32],
        threshold: impl Fn(usize) -> f32,
        observer: &mut impl Observer,
    ) -> SpikeTrain {
        let channels = self.leaf.outputs;
        let mut train = SpikeTrain::silent(self.steps, channels);
        let mut neurons = Neurons::new(neuron, (0..channels).map(threshold).collect());
        for (t, currents) in currents.chunks_exact(channels).enumerate() {
            neurons.step(self.at, t, currents, observer);
            (0..channels).filter(|&c| neurons.spikes[c]).for_each(|c| train.set(t, c));
        }
        train
    }

    /// Integrators: what comes in stays.
    fn integrate(&self, currents: &[f32], observer: &mut impl Observer) {
        let mut membranes = vec![0.0; self.leaf.outputs];
        for (t, currents) in currents.chunks_exact(self.leaf.outputs).enumerate() {
            let before = membranes.clone();
            membranes.iter_mut().zip(currents).for_each(|(membrane, current)| *membrane += current);
            observer.currents(self.at, t, currents);
            observer.membranes(self.at, t, &before, &membranes);
        }
    }
}

/// The currents of a dense layer or a read-out from spikes summed over positions `[C]`: the mean over the positions
/// of each kernel width. Sums of whole numbers are exact until they are divided, width by width.
/// With a common `divisor` the sum over all is divided by it once, the biases with it: of whole numbers, so that the order
/// of the outputs is theirs.
pub(super) fn mean_currents(
    sums: &[f32],
    positions: &[usize],
    divisor: Option<usize>,
    weights: &LayerWeights,
) -> Vec<f32> {
    let outputs = weights.bias.len();
    let filters = sums.len() / positions.len();
    let whole = divisor.unwrap_or(1) as f64;
    let mut currents: Vec<f64> = weights.bias.iter().map(|&bias| whole * f64::from(bias)).collect();
    for (which, &positions) in positions.iter().enumerate() {
        let mut own = vec![0.0f64; outputs];
        for c in (which * filters..(which + 1) * filters).filter(|&c| sums[c] != 0.0) {
            let row = &weights.synapses[c * outputs..][..outputs];
            own.iter_mut().zip(row).for_each(|(own, &weight)| *own += f64::from(sums[c]) * f64::from(weight));
        }
        currents
            .iter_mut()
            .zip(own)
            .for_each(|(current, own)| *current += if divisor.is_some() { own } else { own / positions as f64 });
    }
    currents.into_iter().map(|current| (current / whole) as f32).collect()
}

/// What each distinct word of a text puts into the kernels over all steps, its presence with it, `[U, M]`.
pub(super) fn token_currents(network: &Network, tokens: &Tokens) -> Vec<f64> {
    let products = TokenProducts::of(network, tokens);
    let words = tokens.spikes.rows() / products.rows;
    let mut all = vec![0.0; words * products.columns];
    for (word, own) in all.chunks_exact_mut(products.columns).enumerate() {
        for t in 0..network.config().steps {
            own.iter_mut().zip(products.of_step(word, t)).for_each(|(sum, product)| *sum += product);
        }
    }
    all
}

/// `currents` become `bias` plus `sums`, these rounded first.
fn add(currents: &mut [f32], bias: &[f32], sums: &[f64]) {
    for ((current, bias), sum) in currents.iter_mut().zip(bias).zip(sums) {
        *current = bias + *sum as f32;
    }
}

/// The columns of a row's spikes.
pub(super) fn columns_of(train: &SpikeTrain, row: usize) -> impl Iterator<Item = usize> + '_ {
    train.row(row).iter().enumerate().flat_map(|(word, &bits)| {
        let some = |bits: u64| (bits != 0).then_some(bits);
        std::iter::successors(some(bits), move |bits| some(bits & (bits - 1)))
            .map(move |bits| 64 * word + bits.trailing_zeros() as usize)
    })
}

/// What each distinct word of a text puts into the kernels at each step, taps and filters apart (equation 2).
struct TokenProducts<'a> {
    tokens: &'a Tokens,
    drive: Drive,
    /// Rows of spikes a word.
    rows: usize,
    columns: usize,
    /// `[U, T, M]`, of a constant current `[U, 1, M]`.
    values: Vec<f64>,
}

impl<'a> TokenProducts<'a> {
    fn of(network: &Network, tokens: &'a Tokens) -> Self {
        let (config, weights) = (network.config(), &network.weights().layers[0]);
        let (time, columns) = (config.time(), config.convolution().products());
        let (drive, rows) = (time.drive, time.rows());
        let words = tokens.spikes.rows() / rows;
        let a_word = if drive == Drive::Current { 1 } else { rows };
        let mut values = vec![0.0f64; words * a_word * columns];
        for row in 0..tokens.spikes.rows() {
            let (word, t) = (row / rows, row % rows);
            let (at, gain) = match drive {
                Drive::Spikes | Drive::Phases => (t, drive.gains()[t % PHASES]),
                Drive::Current => (0, share(t)),
            };
            let gain = f64::from(gain);
            let sums = &mut values[(word * a_word + at) * columns..][..columns];
            let mut add = |row: &[f32]| {
                sums.iter_mut().zip(row).for_each(|(sum, &weight)| *sum += gain * f64::from(weight));
            };
            add(&weights.presence);
            columns_of(&tokens.spikes, row).for_each(|d| add(&weights.synapses[d * columns..][..columns]));
        }
        Self { tokens, drive, rows, columns, values }
    }

    /// Those of a word at a step, `[M]`.
    fn of_step(&self, word: usize, t: usize) -> &[f64] {
        let at = if self.drive == Drive::Current { word } else { word * self.rows + t };
        &self.values[at * self.columns..][..self.columns]
    }

    /// Shows the observer each synapse that a word's spikes meet in some columns; inputs that are no plain spikes are
    /// no accumulations.
    fn show(
        &self,
        leaf: usize,
        (word, t): (usize, usize),
        columns: std::ops::Range<usize>,
        weights: &LayerWeights,
        observer: &mut impl Observer,
    ) {
        if self.drive == Drive::Spikes && observer.sees_synapses() {
            let width = self.columns;
            observer.synapses(leaf, (t, self.tokens.spikes.dimension()), &weights.presence[columns.clone()]);
            for d in columns_of(&self.tokens.spikes, word * self.rows + t) {
                let row = &weights.synapses[d * width..][..width];
                observer.synapses(leaf, (t, d), &row[columns.clone()]);
            }
        }
    }
}

/// Neurons of one kind, side by side, with their membranes.
struct Neurons<'a> {
    parameters: &'a NeuronParameters,
    thresholds: Vec<f32>,
    membranes: Vec<f32>,
    before: Vec<f32>,
    spikes: Vec<bool>,
}

impl<'a> Neurons<'a> {
    fn new(parameters: &'a NeuronParameters, thresholds: Vec<f32>) -> Self {
        let membranes: Vec<f32> = thresholds.iter().map(|threshold| parameters.initial * threshold).collect();
        let spikes = vec![false; membranes.len()];
        Self { parameters, thresholds, before: membranes.clone(), membranes, spikes }
    }

    fn step(&mut self, leaf: usize, t: usize, currents: &[f32], observer: &mut impl Observer) {
        self.before.copy_from_slice(&self.membranes);
        for (i, (membrane, &current)) in self.membranes.iter_mut().zip(currents).enumerate() {
            let (spike, _) = step(self.parameters, Fire::Step, self.thresholds[i], 1.0, membrane, current);
            self.spikes[i] = spike > 0.0;
        }
        observer.currents(leaf, t, currents);
        observer.membranes(leaf, t, &self.before, &self.membranes);
    }
}
