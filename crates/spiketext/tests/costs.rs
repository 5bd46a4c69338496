//! Holds the accounts of a network's costs to NeuroBench, and the energy with memory traffic to SpikingJelly: the
//! same small networks, every measure the same.
//!
//! The file is `testdata/golden/costs.json`; `reference/make_costs_golden.py` made it.

#[path = "../../../testdata/golden/reader.rs"]
mod reader;

use serde_json::Value;
use spiketext::{
    encode::{Encoder, Noise},
    energy::{CostReport, Footprint, OperationCounts, RectifierShares, Shape, lemaire::Counts},
    engine::{ExactOperations, run},
    network::{
        Codes, LayerWeights, Network, NetworkConfig, Padding, Readout, SynapseBits, TextCnnConfig, UnknownWord,
        Weights,
    },
};
use spiketext_kernels::{ConvolutionShape, NeuronParameters, Reset};

use reader::{golden, integers, number, to_columns, values};

/// Output weights `[K, C]` of PyTorch as our `[C, O]`.
fn transposed(weight: &Value, channels: usize, classes: usize) -> Vec<f32> {
    let weight = values(weight);
    (0..channels * classes).map(|i| weight[i % classes * channels + i / classes]).collect()
}

fn config(file: &Value, padded: usize) -> NetworkConfig {
    let rates = integers(&file["codes"]);
    let neuron =
        NeuronParameters { threshold: number(&file["threshold"]), reset: Reset::Hard, ..NeuronParameters::paper() };
    let widths = integers(&file["widths"]);
    let filters = integers(&file["filters"])[0];
    let dimension = file["codes"][0].as_array().expect("a row of codes").len();
    assert!(rates.len().is_multiple_of(dimension));
    let flat = TextCnnConfig {
        convolution: ConvolutionShape { widths, filters, dimension },
        classes: integers(&file["classes"])[0],
        outputs_per_class: 1,
        steps: integers(&file["steps"])[0],
        encoder: Encoder::Regular,
        unknown: UnknownWord::Silent,
        padding: if padded == 0 { Padding::Valid } else { Padding::Padded { length: padded } },
        readout: Readout::SpikeCount,
        convolution_neuron: neuron,
        feature_neuron: Some(NeuronParameters { threshold: 1.0, ..neuron }),
        output_neuron: neuron,
        synapse_bits: SynapseBits::Sixteen,
    };
    flat.into_network().expect("a chain")
}

fn network(file: &Value, padded: usize) -> Network {
    let config = config(file, padded);
    let shape = config.convolution().clone();
    let numbers = &file["spiking"];
    let rates = integers(&file["codes"]).into_iter().map(|rate| rate as u16).collect();
    let convolution = LayerWeights {
        synapses: to_columns(&shape, &numbers["conv_weights"]),
        presence: vec![0.0; shape.products()],
        bias: values(&numbers["conv_biases"]),
        ..LayerWeights::default()
    };
    let thresholds = vec![number(&file["feature_threshold"]); shape.channels()];
    let output = LayerWeights {
        synapses: transposed(&numbers["linear_weight"], shape.channels(), config.classes()),
        bias: values(&numbers["linear_bias"]),
        ..LayerWeights::default()
    };
    let features = LayerWeights { thresholds, ..LayerWeights::default() };
    let layers = vec![convolution, LayerWeights::default(), features, output];
    let weights = Weights { codes: Codes::Sixteen(rates), layers };
    let made = Network::new(config, weights.clone()).expect("a network");
    assert_eq!(*made.weights(), weights, "weights of the file lie on the grid");
    made
}

fn measure(found: &Value, name: &str) -> f64 {
    found[name].as_f64().unwrap_or_else(|| panic!("{name}: {found}"))
}

fn words(case: &Value) -> Vec<u32> {
    integers(&case["text"]).into_iter().map(|word| word as u32).collect()
}

#[test]
fn a_spiking_network_is_measured_as_neurobench_does() {
    let file = golden("costs.json");
    let cases = file["cases"].as_array().expect("cases");
    assert_eq!(cases.len(), 6);
    for case in cases {
        let network = network(&file, integers(&case["padded"])[0]);
        let (text, noise, wanted) = (words(case), Noise::inference(0), &case["spiking"]);
        let run = run(&network, noise, std::slice::from_ref(&text));
        let fired: Vec<usize> =
            run.scores.iter().map(|rate| (rate * network.config().steps as f32).round() as usize).collect();
        assert_eq!(fired, integers(&case["output_spikes"]), "{case}");
        let exact = ExactOperations::of(&network, noise, &text).expect("plain spikes");
        let account = CostReport::spiking(&network, &run.operations).with_exact(&[exact]);
        assert!((account.activation_sparsity() - measure(wanted, "ActivationSparsity")).abs() < 1e-12, "{case}");
        assert_eq!(account.exact.map(|exact| exact.effective_acs), Some(measure(wanted, "Effective_ACs")), "{case}");
        assert_eq!((account.work.macs(), measure(wanted, "Effective_MACs")), (0.0, 0.0));
        assert_eq!(account.work.dense(), measure(wanted, "Dense"), "{case}");
        assert_eq!(account.membrane_updates(), Some(measure(wanted, "MembraneUpdates")), "{case}");
        let operations = (Some(measure(wanted, "Effective Neuron Ops")), measure(wanted, "Neuron Dense Ops"));
        assert_eq!(account.neuron_operations(), operations, "{case}");
        // Weights of zero are what the engine alone does not see.
        assert!(account.work.acs() > measure(wanted, "Effective_ACs") && account.work.acs() < account.work.dense());
    }
}

#[test]
fn a_real_valued_network_is_measured_as_neurobench_does() {
    let file = golden("costs.json");
    for case in file["cases"].as_array().expect("cases") {
        let config = config(&file, integers(&case["padded"])[0]);
        let wanted = &case["real_valued"];
        let shares = RectifierShares {
            convolution: 1.0 - measure(wanted, "ActivationSparsity"),
            features: measure(case, "active_features") / config.convolution().channels() as f64,
        };
        let work = OperationCounts::real_valued(&Shape::real_valued(&config, true), &words(case), shares);
        assert_eq!(work.macs(), measure(wanted, "Effective_MACs"), "{case}");
        assert_eq!(work.dense(), measure(wanted, "Dense"), "{case}");
        assert!((work.outputs().sparsity() - measure(wanted, "ActivationSparsity")).abs() < 1e-12);
    }
}

#[test]
fn what_networks_hold_is_measured_as_neurobench_does() {
    let file = golden("costs.json");
    let network = network(&file, 0);
    let shape = network.config().convolution();
    let (held, wanted) = (Footprint::of(&network), &file["spiking"]["static"]);
    // NeuroBench saw the layers of connections alone.
    let (presence, thresholds) = (shape.products() as u64, shape.channels() as u64);
    let footprint = held.footprint - held.code_bytes - 4 * (presence + thresholds);
    assert_eq!(footprint as f64, measure(wanted, "Footprint"));
    let parameters = held.parameters - held.code_parameters - presence;
    assert_eq!(parameters as f64, measure(wanted, "ParameterCount"));
    let rounded = (1e4 * held.connection_sparsity()).round() / 1e4;
    assert_eq!(rounded, measure(wanted, "ConnectionSparsity"));

    let (numbers, channels) = (&file["real_valued"], shape.channels());
    let weights = to_columns(shape, &numbers["conv_weights"]);
    let output = transposed(&numbers["linear_weight"], channels, 3);
    let held = Footprint::real_valued(0, &[&weights, &output], channels + 3);
    let wanted = &numbers["static"];
    assert_eq!(held.footprint as f64, measure(wanted, "Footprint"));
    assert_eq!(held.parameters as f64, measure(wanted, "ParameterCount"));
    assert_eq!(held.connection_sparsity(), measure(wanted, "ConnectionSparsity"));
}

fn is_lemaire(counts: &Counts, wanted: &Value, case: &Value) {
    let count = |name: &str| measure(wanted, name);
    assert_eq!((counts.additions, counts.macs), (count("ac"), count("mac")), "{case}");
    let addresses = (counts.address_additions, counts.address_macs);
    assert_eq!(addresses, (count("acc_addr"), count("mac_addr")), "{case}");
    assert_eq!(counts.inputs.bytes, count("read_in_bytes"), "{case}");
    assert_eq!(counts.parameters.bytes, count("read_params_bytes"), "{case}");
    assert_eq!(counts.membranes.bytes, count("read_potential_bytes") + count("write_potential_bytes"), "{case}");
    assert_eq!(counts.outputs.bytes, count("write_out_bytes"), "{case}");
    let near = |what: &str, got: f64| {
        assert!((got - count(what)).abs() <= 1e-9 * count(what).abs(), "{what}: {got} in {case}");
    };
    near("inout_pj", counts.inputs.picojoules + counts.outputs.picojoules);
    near("params_pj", counts.parameters.picojoules);
    near("potential_pj", counts.membranes.picojoules);
    let picojoules = counts.picojoules();
    near("ops_pj", picojoules.operations);
    near("addressing_pj", picojoules.addressing);
    near("memory_pj", picojoules.memory);
}

#[test]
fn memory_traffic_is_priced_as_spikingjelly_does() {
    let file = golden("costs.json");
    for case in file["cases"].as_array().expect("cases") {
        let network = network(&file, integers(&case["padded"])[0]);
        let text = words(case);
        let shape = Shape::of(&network);
        let run = run(&network, Noise::inference(0), std::slice::from_ref(&text));
        let counts = Counts::of(&shape, &OperationCounts::spiking(&shape, &run.operations[0]));
        is_lemaire(&counts, &case["lemaire_spiking"], case);
        let shape = Shape::real_valued(network.config(), true);
        let work = OperationCounts::real_valued(&shape, &text, RectifierShares::ALL);
        is_lemaire(&Counts::of(&shape, &work), &case["lemaire_real_valued"], case);
    }
}
