//! Laws that hold between the counts, whatever the network.

use super::*;
use crate::{
    encode::{Encoder, Noise},
    engine::{Operations, run, run_traced, tests::network},
    network::{Averaging, Codes, Network, Readout, UnknownWord, Weights},
    text::UNKNOWN,
};

const AVERAGINGS: [Averaging; 2] = [Averaging::Valid, Averaging::Padded { length: 8 }];

fn texts() -> Vec<Vec<u32>> {
    vec![vec![0, 1, 2, 3, 0, 1], vec![7], vec![UNKNOWN, 5, UNKNOWN, 6], vec![9; 4], (0..10).chain(0..10).collect()]
}

/// The same network with other steps, encoder choices kept; unknown words silent.
fn with_steps(network: &Network, steps: usize) -> Network {
    let specification =
        crate::network::Specification { steps, unknown: UnknownWord::Silent, ..network.specification().clone() };
    Network::new(specification, network.weights().clone()).expect("a network")
}

/// NeuroBench's documented example: a layer of 3 x 3 weights, six of them not zero, and the input (0, 1.3, -1): four
/// effective operations out of nine. As a convolution of one row its inputs are those of one token; a rate is never
/// below 0 and an input of 0 is no spike, so the same weights meet the spikes (0, 1, 1).
#[test]
fn the_worked_example_of_neurobench() {
    let neuron = spiketext_kernels::NeuronParameters::paper();
    let specification = crate::network::Specification {
        convolution: spiketext_kernels::ConvolutionShape { widths: vec![1], filters: 3, dimension: 3 },
        classes: 1,
        outputs_per_class: 1,
        steps: 1,
        encoder: Encoder::Regular,
        unknown: UnknownWord::Silent,
        averaging: Averaging::Valid,
        readout: Readout::Membrane,
        convolution_neuron: neuron,
        feature_neuron: neuron,
        output_neuron: neuron,
    };
    let weights = Weights {
        codes: Codes::Sixteen(vec![0, 65_535, 65_535]),
        // Each input has two weights that are not zero.
        synapses: vec![1.0, 0.0, 0.5, 0.25, 1.0, 0.0, 0.0, -0.5, 1.0],
        presence: vec![0.0; 3],
        bias: vec![0.0; 3],
        feature_thresholds: vec![0.7; 3],
        output_synapses: vec![0.0; 3],
        output_bias: vec![0.0],
    };
    let network = Network::new(specification, weights).expect("a network");
    let shape = Shape::of(&network);
    let noise = Noise::inference(0);
    let work = Work::spiking(&shape, &run(&network, noise, &[vec![0]]).operations[0]);
    assert_eq!(work.convolution.dense, 9.0);
    // The engine does not look for weights of zero.
    assert_eq!(work.convolution.acs, 6.0);
    assert_eq!(Exact::of(&network, noise, &[0]).map(|exact| exact.convolution_acs), Some(4));
    assert_eq!((Numbers::of(&network).connections, Numbers::of(&network).zero_connections), (12, 3 + 3));
}

#[test]
fn effective_accumulations_are_spikes_times_fan_out() {
    for averaging in AVERAGINGS {
        let network = with_steps(&network(Readout::SpikeCount, Encoder::Bernoulli, averaging), 5);
        let shape = Shape::of(&network);
        for text in texts() {
            let (run, trace) = run_traced(&network, Noise::inference(3), &text);
            let work = Work::spiking(&shape, &run.operations[0]);
            let rows = shape.rows(text.len().min(averaging.longest()));
            let (mut acs, mut active) = (0, 0);
            for (i, token) in trace.tokens.iter().enumerate() {
                let inputs = if text[i] == UNKNOWN { 0 } else { token.count() + 5 };
                active += inputs;
                for width in [2, 3] {
                    let positions = 0..Shape::positions(rows, width);
                    acs += inputs * 9 * positions.filter(|p| (*p..p + width).contains(&i)).count() as u64;
                }
            }
            assert_eq!((work.convolution.acs, work.active_inputs), (acs as f64, active as f64), "{text:?}");
            assert_eq!(work.output.acs, 6.0 * trace.features.count() as f64);
            let fired = trace.outputs.as_ref().map_or(0, |train| train.count());
            let spikes = trace.convolution.iter().map(|train| train.count()).sum::<u64>() + trace.features.count();
            assert_eq!(work.outputs().active, (spikes + fired) as f64);
            assert!(work.acs() <= work.dense() && work.outputs().active <= work.outputs().all);
        }
    }
}

#[test]
fn dense_operations_of_t_steps_are_t_times_those_of_one() {
    for averaging in AVERAGINGS {
        let network = network(Readout::Membrane, Encoder::Regular, averaging);
        let of = |steps| {
            let network = with_steps(&network, steps);
            Account::spiking(&network, &run(&network, Noise::inference(0), &texts()).operations)
        };
        let (one, seven) = (of(1), of(7));
        assert_eq!(seven.work.dense(), 7.0 * one.work.dense());
        assert_eq!(seven.work.neuron_updates, 7.0 * one.work.neuron_updates);
        assert_eq!((seven.dnn, seven.numbers), (one.dnn, one.numbers));
        assert_eq!(seven.neuron_operations(), (None, 4.0 * seven.work.neuron_updates));
    }
}

#[test]
fn the_dnn_needs_no_run() {
    for averaging in AVERAGINGS {
        let network = with_steps(&network(Readout::SpikeCount, Encoder::Regular, averaging), 2);
        let shape = Shape::real_valued(network.specification(), true);
        let run = run(&network, Noise::inference(0), &texts());
        for (text, operations) in texts().iter().zip(&run.operations) {
            let half = RectifierShares { convolution: 0.25, features: 0.5 };
            let work = Work::real_valued(&shape, text, half);
            assert_eq!(work, Work::beside(&shape, operations, half));
            // Zeros among the features spare outputs, nothing else does.
            let full = Work::real_valued(&shape, text, RectifierShares::ALL);
            assert_eq!(full.macs(), operations.dnn_macs as f64);
            assert_eq!(full.macs() - work.macs(), 0.5 * shape.output_connections() as f64);
            assert_eq!((work.outputs().sparsity(), full.outputs().sparsity()), (0.75, 0.0));
            assert!(full.macs() <= full.dense() && work.dense() == full.dense());
        }
        let numbers = Numbers::real_valued(120, [&[0.5; 540], &[0.5; 108]], 24);
        let works = [Work::real_valued(&shape, &texts()[0], RectifierShares::ALL), Work::default()];
        let account = Account::real_valued(&shape, numbers, &works);
        assert_eq!(account.work.macs(), 0.5 * works[0].macs());
        assert!(account.energies.iter().all(|priced| priced.ratio() == Some(1.0)));
    }
}

#[test]
fn silence_and_constant_firing_are_the_ends_of_sparsity() {
    let network = network(Readout::SpikeCount, Encoder::Regular, Averaging::Valid);
    let full = network.weights();
    let with = |bias: f32, output_bias: f32| {
        let weights = Weights {
            synapses: vec![0.0; full.synapses.len()],
            presence: vec![0.0; full.presence.len()],
            bias: vec![bias; full.bias.len()],
            output_synapses: vec![0.0; full.output_synapses.len()],
            output_bias: vec![output_bias; full.output_bias.len()],
            ..full.clone()
        };
        let network = Network::new(network.specification().clone(), weights).expect("a network");
        Account::spiking(&network, &run(&network, Noise::inference(0), &texts()).operations)
    };
    let silent = with(-1.0, -1.0);
    assert_eq!(silent.activation_sparsity(), 1.0);
    assert_eq!(silent.activation_sparsity_by_layer(), [("convolution", 1.0), ("features", 1.0), ("outputs", 1.0)]);
    assert_eq!(silent.numbers.connection_sparsity(), 1.0);
    assert_eq!(with(8.0, 8.0).activation_sparsity(), 0.0);
    let half = with(8.0, -1.0).activation_sparsity_by_layer();
    assert_eq!(half, [("convolution", 0.0), ("features", 0.0), ("outputs", 1.0)]);
}

#[test]
fn a_text_that_is_not_run_halves_the_means() {
    let network = network(Readout::Membrane, Encoder::Regular, Averaging::Valid);
    let noise = Noise::inference(0);
    let operations = run(&network, noise, &[vec![0, 1, 2]]).operations;
    let exact = Exact::of(&network, noise, &[0, 1, 2]).expect("plain spikes");
    let alone = Account::spiking(&network, &operations).with_exact(&[exact]);
    let both = Account::spiking(&network, &[operations[0].clone(), Operations::default()]).with_exact(&[exact]);
    assert_eq!((both.texts, both.work.acs()), (2, 0.5 * alone.work.acs()));
    assert_eq!(both.activation_sparsity(), alone.activation_sparsity());
    for (both, alone) in both.energies.iter().zip(&alone.energies) {
        assert_eq!((both.network, both.dnn), (0.5 * alone.network, 0.5 * alone.dnn), "{}", both.table.name);
    }
    assert_eq!(both.membrane_updates().map(|updates| 2.0 * updates), alone.membrane_updates());
    let nothing = Account::spiking(&network, &[]);
    assert!(nothing.energies.iter().all(|priced| priced.ratio().is_none()));
    assert_eq!((nothing.texts, nothing.activation_sparsity()), (0, 0.0));
}
