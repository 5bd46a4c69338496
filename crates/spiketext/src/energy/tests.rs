//! Laws that hold between the counts, whatever the network.

use proptest::prelude::*;

use super::*;
use crate::{
    encode::{Encoder, Noise},
    engine::{
        ExactOperations, Operations, run, run_traced,
        tests::{chain, network, random},
    },
    network::{
        Codes, LayerWeights, Network, NetworkConfig, Padding, Readout, Signal, SynapseBits, TextCnnConfig,
        UnknownWord, Weights,
    },
    text::UNKNOWN,
};

const PADDINGS: [Padding; 2] = [Padding::Valid, Padding::Padded { length: 8 }];

fn texts() -> Vec<Vec<u32>> {
    vec![vec![0, 1, 2, 3, 0, 1], vec![7], vec![UNKNOWN, 5, UNKNOWN, 6], vec![9; 4], (0..10).chain(0..10).collect()]
}

/// The same network with other steps, encoder choices kept; unknown words silent.
fn with_steps(network: &Network, steps: usize) -> Network {
    let config = NetworkConfig { steps, unknown: UnknownWord::Silent, ..network.config().clone() };
    Network::new(config, network.weights().clone()).expect("a network")
}

/// NeuroBench's documented example: a layer of 3 x 3 weights, six of them not zero, and the input (0, 1.3, -1): four
/// effective operations out of nine. As a convolution of one row its inputs are those of one token; a rate is never
/// below 0 and an input of 0 is no spike, so the same weights meet the spikes (0, 1, 1).
#[test]
fn the_worked_example_of_neurobench() {
    let neuron = spiketext_kernels::NeuronParameters::paper();
    let config = TextCnnConfig {
        convolution: spiketext_kernels::ConvolutionShape { widths: vec![1], filters: 3, dimension: 3 },
        classes: 1,
        outputs_per_class: 1,
        steps: 1,
        encoder: Encoder::Regular,
        unknown: UnknownWord::Silent,
        padding: Padding::Valid,
        readout: Readout::Membrane,
        convolution_neuron: neuron,
        feature_neuron: Some(neuron),
        output_neuron: neuron,
        synapse_bits: SynapseBits::Sixteen,
    };
    let convolution = LayerWeights {
        // Each input has two weights that are not zero.
        synapses: vec![1.0, 0.0, 0.5, 0.25, 1.0, 0.0, 0.0, -0.5, 1.0],
        presence: vec![0.0; 3],
        bias: vec![0.0; 3],
        ..LayerWeights::default()
    };
    let features = LayerWeights { thresholds: vec![0.7; 3], ..LayerWeights::default() };
    let output = LayerWeights { synapses: vec![0.0; 3], bias: vec![0.0], ..LayerWeights::default() };
    let codes = Codes::Sixteen(vec![0, 65_535, 65_535]);
    let weights = Weights { codes, layers: vec![convolution, LayerWeights::default(), features, output] };
    let network = Network::new(config.into_network().expect("a chain"), weights).expect("a network");
    let shape = Shape::of(&network);
    let noise = Noise::inference(0);
    let work = OperationCounts::spiking(&shape, &run(&network, noise, &[vec![0]]).operations[0]);
    assert_eq!(work.layers[0].connections.dense, 9.0);
    // The engine does not look for weights of zero.
    assert_eq!(work.layers[0].connections.acs, 6.0);
    assert_eq!(ExactOperations::of(&network, noise, &[0]).map(|exact| exact.acs[0]), Some(4));
    assert_eq!((Footprint::of(&network).connections, Footprint::of(&network).zero_connections), (12, 3 + 3));
}

#[test]
fn effective_accumulations_are_spikes_times_fan_out() {
    for padding in PADDINGS {
        let network = with_steps(&network(Readout::SpikeCount, Encoder::Bernoulli, padding), 5);
        let shape = Shape::of(&network);
        for text in texts() {
            let (run, trace, _) = run_traced(&network, Noise::inference(3), &text);
            let work = OperationCounts::spiking(&shape, &run.operations[0]);
            let rows = shape.rows(text.len().min(padding.longest()));
            let (mut acs, mut active) = (0, 0);
            for (i, token) in trace.tokens.iter().enumerate() {
                let inputs = if text[i] == UNKNOWN { 0 } else { token.count() + 5 };
                active += inputs;
                for width in [2, 3] {
                    let positions = 0..Shape::positions(rows, width);
                    acs += inputs * 9 * positions.filter(|p| (*p..p + width).contains(&i)).count() as u64;
                }
            }
            assert_eq!((work.layers[0].connections.acs, work.active_inputs), (acs as f64, active as f64), "{text:?}");
            let features = trace.features().map(|train| train.count()).sum::<u64>();
            assert_eq!(work.layers[3].connections.acs, 6.0 * features as f64);
            let fired = trace.outputs().map_or(0, |train| train.count());
            let spikes = trace.convolution().iter().map(|train| train.count()).sum::<u64>() + features;
            assert_eq!(work.outputs().active, (spikes + fired) as f64);
            assert!(work.acs() <= work.dense() && work.outputs().active <= work.outputs().all);
        }
    }
}

#[test]
fn dense_operations_of_t_steps_are_t_times_those_of_one() {
    for padding in PADDINGS {
        let network = network(Readout::Membrane, Encoder::Regular, padding);
        let of = |steps| {
            let network = with_steps(&network, steps);
            CostReport::spiking(&network, &run(&network, Noise::inference(0), &texts()).operations)
        };
        let (one, seven) = (of(1), of(7));
        assert_eq!(seven.work.dense(), 7.0 * one.work.dense());
        assert_eq!(seven.work.neuron_updates, 7.0 * one.work.neuron_updates);
        assert_eq!((&seven.dnn, seven.footprint), (&one.dnn, one.footprint));
        assert_eq!(seven.neuron_operations(), (None, 4.0 * seven.work.neuron_updates));
    }
}

#[test]
fn the_dnn_needs_no_run() {
    for padding in PADDINGS {
        let network = with_steps(&network(Readout::SpikeCount, Encoder::Regular, padding), 2);
        let shape = Shape::real_valued(network.config(), true);
        let run = run(&network, Noise::inference(0), &texts());
        for (text, operations) in texts().iter().zip(&run.operations) {
            let half = RectifierShares { convolution: 0.25, features: 0.5 };
            let work = OperationCounts::real_valued(&shape, text, half);
            assert_eq!(work, OperationCounts::beside(&shape, operations, half));
            // Zeros among the features spare outputs, nothing else does.
            let full = OperationCounts::real_valued(&shape, text, RectifierShares::ALL);
            assert_eq!(full.macs(), operations.dnn_macs as f64);
            assert_eq!(full.macs() - work.macs(), 0.5 * full.layers[3].connections.dense);
            assert_eq!((work.outputs().sparsity(), full.outputs().sparsity()), (0.75, 0.0));
            assert!(full.macs() <= full.dense() && work.dense() == full.dense());
        }
        let footprint = Footprint::real_valued(120, &[&[0.5; 540], &[0.5; 108]], 24);
        let works =
            [OperationCounts::real_valued(&shape, &texts()[0], RectifierShares::ALL), OperationCounts::default()];
        let account = CostReport::real_valued(&shape, footprint, &works);
        assert_eq!(account.work.macs(), 0.5 * works[0].macs());
        assert!(account.energies.iter().all(|energy| energy.ratio() == Some(1.0)));
    }
}

#[test]
fn silence_and_constant_firing_are_the_ends_of_sparsity() {
    let network = network(Readout::SpikeCount, Encoder::Regular, Padding::Valid);
    let with = |bias: f32, output_bias: f32| {
        let mut weights = network.weights().clone();
        for (layer, current) in weights.layers.iter_mut().zip([bias, 0.0, 0.0, output_bias]) {
            layer.synapses.fill(0.0);
            layer.presence.fill(0.0);
            layer.bias.fill(current);
        }
        let network = Network::new(network.config().clone(), weights).expect("a network");
        CostReport::spiking(&network, &run(&network, Noise::inference(0), &texts()).operations)
    };
    let silent = with(-1.0, -1.0);
    assert_eq!(silent.activation_sparsity(), 1.0);
    assert_eq!(silent.activation_sparsity_by_layer(), [("convolution", 1.0), ("features", 1.0), ("outputs", 1.0)]);
    assert_eq!(silent.footprint.connection_sparsity(), 1.0);
    assert_eq!(with(8.0, 8.0).activation_sparsity(), 0.0);
    let half = with(8.0, -1.0).activation_sparsity_by_layer();
    assert_eq!(half, [("convolution", 0.0), ("features", 0.0), ("outputs", 1.0)]);
}

#[test]
fn a_text_that_is_not_run_halves_the_means() {
    let network = network(Readout::Membrane, Encoder::Regular, Padding::Valid);
    let noise = Noise::inference(0);
    let operations = run(&network, noise, &[vec![0, 1, 2]]).operations;
    let exact = ExactOperations::of(&network, noise, &[0, 1, 2]).expect("plain spikes");
    let alone = CostReport::spiking(&network, &operations).with_exact(std::slice::from_ref(&exact));
    let both = CostReport::spiking(&network, &[operations[0].clone(), Operations::default()])
        .with_exact(std::slice::from_ref(&exact));
    assert_eq!((both.texts, both.work.acs()), (2, 0.5 * alone.work.acs()));
    assert_eq!(both.activation_sparsity(), alone.activation_sparsity());
    for (both, alone) in both.energies.iter().zip(&alone.energies) {
        assert_eq!((both.network, both.dnn), (0.5 * alone.network, 0.5 * alone.dnn), "{}", both.table.name);
    }
    assert_eq!(both.membrane_updates().map(|updates| 2.0 * updates), alone.membrane_updates());
    let nothing = CostReport::spiking(&network, &[]);
    assert!(nothing.energies.iter().all(|energy| energy.ratio().is_none()));
    assert_eq!((nothing.texts, nothing.activation_sparsity()), (0, 0.0));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Where everything fires, everything that is connected adds: the dense operations of a layer are no more and no
    /// fewer than those of constant firing, at the ends of a text and along shortcuts too.
    #[test]
    fn dense_operations_are_those_of_constant_firing(config in chain(), text in prop::collection::vec(0u32..10, 1..12)) {
        let network = random(config, 5);
        let mut weights = network.weights().clone();
        for layer in &mut weights.layers {
            layer.synapses.fill(0.0);
            layer.presence.fill(0.0);
            layer.shortcut.fill(0.0);
            layer.bias.fill(8.0);
        }
        let network = Network::new(network.config().clone(), weights).expect("a network");
        let operations = run(&network, Noise::inference(1), std::slice::from_ref(&text)).operations;
        let work = OperationCounts::spiking(&Shape::of(&network), &operations[0]);
        for (leaf, layer) in network.config().chain.leaves().iter().zip(&work.layers) {
            if [Signal::Positions, Signal::Spikes].contains(&leaf.input) && layer.connections.dense > 0.0 {
                prop_assert_eq!(layer.connections.acs, layer.connections.dense, "layer {}", leaf.path);
            }
        }
    }

    /// Whatever layers there are: nothing is more than all of it, and what a real-valued network does needs no run.
    #[test]
    fn counts_of_any_chain_hold_together(
        config in chain(),
        seed in 0u64..1000,
        text in prop::collection::vec(prop_oneof![8 => 0u32..10, 1 => Just(UNKNOWN)], 0..12),
    ) {
        let network = random(config, seed);
        let (noise, shape) = (Noise::inference(1), Shape::of(&network));
        let operations = run(&network, noise, std::slice::from_ref(&text)).operations;
        let work = OperationCounts::spiking(&shape, &operations[0]);
        prop_assert_eq!(work.layers.len(), network.config().chain.leaves().len());
        let mut at_positions = operations[0].layers.iter().filter(|layer| layer.output == Signal::Positions);
        let pooled = at_positions.next_back().map_or(0, |layer| layer.spikes);
        for (leaf, layer) in network.config().chain.leaves().iter().zip(&work.layers) {
            let Connections { macs, acs, dense } = layer.connections;
            if leaf.input == Signal::Sums {
                // A sum is taken spike by spike, so that there may be more spikes than sums.
                prop_assert_eq!(acs, (pooled * leaf.sizes().synapses[1] as u64) as f64);
            } else {
                prop_assert!(acs + macs <= dense, "layer {}", leaf.path);
            }
            prop_assert!(acs == 0.0 || macs == 0.0);
            prop_assert!(layer.outputs.active <= layer.outputs.all);
            prop_assert!(dense > 0.0 || acs + macs == 0.0);
        }
        let beside = Shape::real_valued(network.config(), shape.has_biases());
        let real = OperationCounts::real_valued(&beside, &text, RectifierShares::ALL);
        prop_assert_eq!(&real, &OperationCounts::beside(&beside, &operations[0], RectifierShares::ALL));
        prop_assert_eq!(real.macs(), operations[0].dnn_macs as f64);
        prop_assert!(real.macs() <= real.dense());
        if let Some(exact) = ExactOperations::of(&network, noise, &text) {
            for (exact, counted) in exact.acs.iter().zip(&operations[0].layers) {
                prop_assert!(*exact <= counted.acs);
            }
            let updates: u64 = exact.membrane_updates.iter().sum();
            prop_assert!(updates as f64 <= work.neuron_updates);
        }
        // A network whose neurons are silent may cost nothing where accumulations alone are paid.
        let report = CostReport::spiking(&network, &operations);
        prop_assert!(report.energies.iter().all(|energy| energy.network >= 0.0 && energy.dnn > 0.0));
        prop_assert!((0.0..=1.0).contains(&report.activation_sparsity()));
    }
}
