//! What the fast engine does not count: weights that are zero, and membranes that change.
//!
//! A text runs once more, neuron by neuron and without token products, which takes many times as long. So nothing asks
//! for it unless a user does.

use serde::Serialize;
use spiketext_kernels::{Drive, Fire, NeuronParameters, SpikeTrain, neuron::step};

use crate::{
    encode::Noise,
    engine::{Trace, batch_of, feature_thresholds, run_traced},
    network::{Network, UnknownWord},
    text::UNKNOWN,
};

/// Exact counts of one text, as NeuroBench defines them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Exact {
    /// Spikes (and presence currents) times weights that are not zero, into the convolution.
    pub convolution_acs: u64,
    /// Feature spikes times weights that are not zero, into the outputs.
    pub output_acs: u64,
    /// Membrane updates of convolution, feature and output neurons: every membrane at the first step, and at later ones
    /// those that are not what they were a step before.
    pub membrane_updates: [u64; 3],
}

impl Exact {
    /// Counts a text of word ids ([`UNKNOWN`] for unknown words). Nothing for graded codes, whose operations are no
    /// accumulations, and where the neurons taken one by one do not fire as the engine says they do.
    ///
    /// # Panics
    /// As [`crate::engine::run`].
    #[must_use]
    pub fn of(network: &Network, noise: Noise, text: &[u32]) -> Option<Self> {
        if network.specification().encoder.drive() != Drive::Spikes {
            return None;
        }
        let (_, trace) = run_traced(network, noise, text);
        Self::of_trace(network, text, &trace)
    }

    fn of_trace(network: &Network, text: &[u32], trace: &Trace) -> Option<Self> {
        let mut exact = Self::default();
        exact.convolution(network, text, trace)?;
        exact.features(network, text, trace)?;
        exact.outputs(network, trace)?;
        Some(exact)
    }

    fn convolution(&mut self, network: &Network, text: &[u32], trace: &Trace) -> Option<()> {
        let (specification, weights) = (network.specification(), network.weights());
        let (shape, steps) = (&specification.convolution, specification.steps);
        let (filters, products) = (shape.filters, shape.products());
        let silent = |i: usize| text[i] == UNKNOWN && specification.unknown == UnknownWord::Silent;
        let nonzero = |row: &[f32]| row.iter().filter(|&&weight| weight != 0.0).count() as u64;
        for (width_index, &width) in shape.widths.iter().enumerate() {
            let train = &trace.convolution[width_index];
            let positions = train.rows() / steps;
            let bias = &weights.bias[width_index * filters..][..filters];
            for p in 0..positions {
                let mut neurons = Neurons::new(&specification.convolution_neuron, filters);
                for t in 0..steps {
                    let mut currents = bias.to_vec();
                    for tap in (0..width).filter(|tap| p + tap < trace.tokens.len() && !silent(p + tap)) {
                        let column = shape.first_product(width_index) + tap * filters;
                        let mut add = |row: &[f32]| {
                            currents.iter_mut().zip(row).for_each(|(sum, weight)| *sum += weight);
                            self.convolution_acs += nonzero(row);
                        };
                        add(&weights.presence[column..][..filters]);
                        for d in spikes_of(&trace.tokens[p + tap], t) {
                            add(&weights.synapses[d * products + column..][..filters]);
                        }
                    }
                    neurons.step(&currents, |_| specification.convolution_neuron.threshold);
                    neurons.agree(train, t * positions + p)?;
                }
                self.membrane_updates[0] += neurons.updates;
            }
        }
        Some(())
    }

    fn features(&mut self, network: &Network, text: &[u32], trace: &Trace) -> Option<()> {
        let specification = network.specification();
        let (shape, steps, neuron) = (&specification.convolution, specification.steps, &specification.feature_neuron);
        let (batch, _) = batch_of(specification, &[text.to_vec()]);
        let (thresholds, _) = feature_thresholds(specification, &network.weights().feature_thresholds, &batch);
        let mut neurons = Neurons::new(neuron, thresholds.len());
        neurons.membranes = thresholds.iter().map(|threshold| neuron.initial * threshold).collect();
        for t in 0..steps {
            let mut counts = vec![0.0; shape.channels()];
            for (train, counts) in trace.convolution.iter().zip(counts.chunks_exact_mut(shape.filters)) {
                let positions = train.rows() / steps;
                for row in t * positions..(t + 1) * positions {
                    spikes_of(train, row).for_each(|f| counts[f] += 1.0);
                }
            }
            neurons.step(&counts, |c| thresholds[c]);
            neurons.agree(&trace.features, t)?;
        }
        self.membrane_updates[1] += neurons.updates;
        Some(())
    }

    fn outputs(&mut self, network: &Network, trace: &Trace) -> Option<()> {
        let (specification, weights) = (network.specification(), network.weights());
        let outputs = specification.outputs();
        let mut neurons = Neurons::new(&specification.output_neuron, outputs);
        for t in 0..specification.steps {
            let mut currents = weights.output_bias.clone();
            for c in spikes_of(&trace.features, t) {
                for (sum, &weight) in currents.iter_mut().zip(&weights.output_synapses[c * outputs..][..outputs]) {
                    *sum += weight;
                    self.output_acs += u64::from(weight != 0.0);
                }
            }
            match &trace.outputs {
                Some(train) => {
                    neurons.step(&currents, |_| specification.output_neuron.threshold);
                    neurons.agree(train, t)?;
                }
                // An integrator: what comes in stays.
                None => neurons.integrate(&currents),
            }
        }
        self.membrane_updates[2] += neurons.updates;
        Some(())
    }
}

/// The columns of a row's spikes.
fn spikes_of(train: &SpikeTrain, row: usize) -> impl Iterator<Item = usize> + '_ {
    train.row(row).iter().enumerate().flat_map(|(word, &bits)| {
        std::iter::successors(Some(bits), |bits| Some(bits & (bits - 1)))
            .take_while(|&bits| bits != 0)
            .map(move |bits| 64 * word + bits.trailing_zeros() as usize)
    })
}

/// Neurons of one kind, side by side, with their membranes.
struct Neurons<'a> {
    parameters: &'a NeuronParameters,
    membranes: Vec<f32>,
    fired: Vec<bool>,
    begun: bool,
    updates: u64,
}

impl<'a> Neurons<'a> {
    fn new(parameters: &'a NeuronParameters, count: usize) -> Self {
        let membranes = vec![parameters.first_membrane(); count];
        Self { parameters, membranes, fired: Vec::new(), begun: false, updates: 0 }
    }

    fn step(&mut self, currents: &[f32], threshold: impl Fn(usize) -> f32) {
        let parameters = self.parameters;
        let mut fired = Vec::with_capacity(currents.len());
        self.change(currents, |i, membrane, current| {
            let (spike, _) = step(parameters, Fire::Step, threshold(i), 1.0, membrane, current);
            fired.push(spike > 0.0);
        });
        self.fired = fired;
    }

    fn integrate(&mut self, currents: &[f32]) {
        self.change(currents, |_, membrane, current| *membrane += current);
    }

    fn change(&mut self, currents: &[f32], mut change: impl FnMut(usize, &mut f32, f32)) {
        for (i, (membrane, &current)) in self.membranes.iter_mut().zip(currents).enumerate() {
            let before = *membrane;
            change(i, membrane, current);
            self.updates += u64::from(!self.begun || *membrane != before);
        }
        self.begun = true;
    }

    /// Something, if the spikes of this step are those of a row of `train`.
    fn agree(&self, train: &SpikeTrain, row: usize) -> Option<()> {
        self.fired.iter().enumerate().all(|(i, &fired)| fired == train.get(row, i)).then_some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        encode::Encoder,
        energy::{Shape, Work},
        engine::{run, tests::network},
        network::{Averaging, Readout, Weights},
    };

    const TEXTS: [&[u32]; 5] = [&[0, 1, 2, 3, 0, 1], &[4], &[UNKNOWN, 5], &[9, 9, 9, 9], &[]];

    #[test]
    fn graded_codes_are_not_counted() {
        for encoder in Encoder::ALL {
            let network = network(Readout::Membrane, encoder, Averaging::Valid);
            let counted = Exact::of(&network, Noise::inference(2), &[0, 1, 2]);
            assert_eq!(counted.is_some(), encoder.drive() == Drive::Spikes, "{encoder:?}");
        }
    }

    #[test]
    fn accumulations_are_the_engines_where_no_weight_is_zero() {
        for readout in [Readout::SpikeCount, Readout::Membrane] {
            for averaging in [Averaging::Valid, Averaging::Padded { length: 8 }] {
                let mut network = network(readout, Encoder::Bernoulli, averaging);
                let mut weights = network.weights().clone();
                let all = [&mut weights.synapses, &mut weights.presence, &mut weights.output_synapses];
                all.into_iter().flatten().filter(|weight| **weight == 0.0).for_each(|weight| *weight = 0.125);
                network = Network::new(network.specification().clone(), weights).expect("a network");
                for text in TEXTS {
                    let noise = Noise::inference(2);
                    let operations = &run(&network, noise, &[text.to_vec()]).operations[0];
                    let exact = Exact::of(&network, noise, text).expect("plain spikes");
                    assert_eq!(exact.convolution_acs, operations.convolution_acs, "{text:?}");
                    assert_eq!(exact.output_acs, operations.output_acs, "{text:?}");
                    let work = Work::spiking(&Shape::of(&network), operations);
                    let updates = exact.membrane_updates.iter().sum::<u64>() as f64;
                    assert!(updates > 0.0 && updates <= work.neuron_updates, "{updates} {}", work.neuron_updates);
                }
            }
        }
    }

    #[test]
    fn weights_of_zero_make_no_operations_and_still_membranes_no_updates() {
        let network = network(Readout::Membrane, Encoder::Regular, Averaging::Padded { length: 8 });
        let (specification, full) = (network.specification().clone(), network.weights());
        let weights = Weights {
            synapses: vec![0.0; full.synapses.len()],
            presence: vec![0.0; full.presence.len()],
            bias: vec![0.0; full.bias.len()],
            output_bias: vec![0.0; full.output_bias.len()],
            ..full.clone()
        };
        let still = Network::new(specification.clone(), weights).expect("a network");
        let exact = Exact::of(&still, Noise::inference(0), &[0, 1, 2]).expect("plain spikes");
        // The first step alone: 7 and 6 positions of 9 filters, 18 features, 6 outputs.
        let first = Exact { membrane_updates: [(7 + 6) * 9, 18, 6], ..Exact::default() };
        assert_eq!(exact, first);

        // A bias that keeps one filter of the narrow kernel from firing: its membranes alone move on.
        let mut bias = vec![0.0; full.bias.len()];
        bias[4] = -1.0;
        let weights = Weights { bias, ..still.weights().clone() };
        let moved = Network::new(specification, weights).expect("a network");
        let exact = Exact::of(&moved, Noise::inference(0), &[0, 1, 2]).expect("plain spikes");
        assert_eq!(exact.membrane_updates, [(7 + 6) * 9 + 7 * 5, 18, 6]);
    }

    #[test]
    fn spikes_that_the_neurons_do_not_make_are_noticed() {
        let network = network(Readout::SpikeCount, Encoder::Regular, Averaging::Valid);
        let text = [1, 2, 3];
        let (_, trace) = run_traced(&network, Noise::inference(0), &text);
        assert!(Exact::of_trace(&network, &text, &trace).is_some());
        let (steps, dimension) = (trace.tokens[0].rows(), trace.tokens[0].dimension());
        let other = Trace { tokens: vec![SpikeTrain::silent(steps, dimension); 3], ..trace };
        assert_eq!(Exact::of_trace(&network, &text, &other), None);
    }
}
