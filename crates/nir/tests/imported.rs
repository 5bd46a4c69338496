//! Weights come back into the model that they were exported from: all of them, only them, and nothing in silence.

mod common;

use common::{chain, random};
use proptest::prelude::*;
use spiketext::network::{LayerConfig, LayerWeights, Padding, Signal};
use spiketext_nir::{Graph, Target, export, graph::Node, import_like};

fn length(padding: Padding) -> Option<usize> {
    if matches!(padding, Padding::Padded { .. }) { None } else { Some(7) }
}

/// Other names, as a tool that writes the file again gives them.
fn renamed(graph: &Graph) -> Graph {
    let name = |name: &String| format!("layer-{name}");
    Graph {
        nodes: graph.nodes.iter().map(|(own, node)| (name(own), node.clone())).collect(),
        edges: graph.edges.iter().map(|[from, to]| [name(from), name(to)]).collect(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn what_was_not_changed_is_the_same_model(
        config in chain(),
        seed in 0u64..1000,
        target in prop::sample::select(vec![Target::Generic, Target::SnnTorch, Target::Norse]),
    ) {
        let padding = config.padding;
        let model = random(config, seed);
        let exported = export(&model, target, length(padding)).expect("exported");
        let back = import_like(&model, &renamed(&exported.graph), target, "a.nir").expect("imported");
        prop_assert_eq!(back.changed, 0);
        prop_assert_eq!(back.model.network(), model.network());
        prop_assert_eq!(back.model.training(), model.training());
    }

    /// The weights of another model of the same form come back as that model, up to the units of three grids: that of the model
    /// beside which the file is laid and that of the file, since half a unit of each lies in the thresholds and first
    /// membranes, and that of what came back.
    #[test]
    fn what_was_changed_is_the_changed_model(config in chain(), seed in 0u64..1000) {
        let padding = config.padding;
        let (model, other) = (random(config.clone(), seed), random(config.clone(), seed + 1));
        // Thresholds of pooled features are no weights: those of the model stay.
        let mut weights = other.network().weights().clone();
        weights.codes = model.network().weights().codes.clone();
        for (own, kept) in weights.layers.iter_mut().zip(&model.network().weights().layers) {
            own.thresholds.clone_from(&kept.thresholds);
        }
        // A presence current that is nowhere has no channel, and the file no place for one.
        let presence = |layers: &[LayerWeights]| layers[0].presence.iter().any(|&current| current != 0.0);
        prop_assume!(presence(&weights.layers) == presence(&model.network().weights().layers));
        let other = spiketext::Network::new(config, weights).expect("sound");
        let changed = spiketext::Model::new(
            model.language(),
            model.labels().to_vec(),
            model.priors().to_vec(),
            model.seed(),
            model.vocabulary().clone(),
            other,
            model.training().clone(),
        ).expect("a model");
        let exported = export(&changed, Target::Generic, length(padding)).expect("exported");
        let unit = |network: &spiketext::Network, at: usize| network.synapses(at).grid.unit();
        // A synapse and a shortcut to the same place are one weight: how it falls into two is not known.
        let is_one_weight = |at: usize| {
            let leaf = &model.network().config().chain.leaves()[at];
            leaf.shortcut.is_some() && leaf.path.ends_with(".0")
        };
        let back = match import_like(&model, &exported.graph, Target::Generic, "a.nir") {
            Ok(back) => back,
            // Where the two parts of one weight all but cancel, the file may be of a coarser grid than anything that is known.
            Err(error) => {
                let leaves = 0..model.network().config().chain.leaves().len();
                let mut coarse = leaves.filter(|&at| is_one_weight(at) && unit(changed.network(), at) > unit(model.network(), at));
                prop_assert!(coarse.next().is_some(), "{error}");
                return Ok(());
            }
        };
        prop_assert!(back.changed > 0 && back.model.training().altered.iter().any(|line| line.contains("a.nir")));
        let networks = [model.network(), changed.network(), back.model.network()];
        for (at, ((leaf, got), (_, wanted))) in networks[2].layers().zip(networks[1].layers()).enumerate() {
            let units: f32 = networks.iter().map(|network| unit(network, at)).sum();
            for ((name, got), (_, wanted)) in got.named().into_iter().zip(wanted.named()) {
                if is_one_weight(at) && (name == "shortcut" || name == "synapses") {
                    continue;
                }
                for (got, wanted) in got.iter().zip(wanted) {
                    let told = format!("{name} of layer {}: {got} for {wanted}", leaf.path);
                    // A larger threshold makes all weights larger by as much.
                    prop_assert!((got - wanted).abs() <= units * (1.0 + 2.0 * wanted.abs()), "{told}");
                }
            }
        }
    }
}

#[test]
fn numbers_without_a_place_are_named() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let config = loop {
        use proptest::strategy::ValueTree;
        let config = chain().new_tree(&mut runner).expect("a value").current();
        let kinds: Vec<&str> = config.chain.layers().iter().map(LayerConfig::kind).collect();
        if kinds == ["text-convolution", "pooling", "neurons", "readout"] && config.steps == 7 {
            break config;
        }
    };
    assert_eq!(config.chain.leaves()[2].input, Signal::Sums);
    let padding = config.padding;
    let model = random(config, 3);
    let exported = export(&model, Target::Generic, length(padding)).expect("exported");
    let told = |change: &dyn Fn(&mut Node), name: &str| {
        let mut graph = exported.graph.clone();
        change(graph.nodes.get_mut(name).expect("a node"));
        import_like(&model, &graph, Target::Generic, "a.nir").expect_err(name).to_string()
    };
    // The pooling was trained.
    let trained = told(
        &|node| {
            if let Node::Affine { weight, .. } = node {
                weight.values[0] += 0.5;
            }
        },
        "weights_2",
    );
    assert!(trained.contains("weight 0 of neuron 0 in the node \"weights_2\""), "{trained}");
    let leaking = told(
        &|node| {
            if let Node::Neurons(neurons) = node {
                neurons.tau = Some(spiketext_nir::array::Array::full(&[1], 1e-3));
                neurons.v_leak = Some(spiketext_nir::array::Array::full(&[1], 0.0));
            }
        },
        "neurons_0",
    );
    assert!(leaking.contains("time constant") && leaking.contains("neurons_0"), "{leaking}");
    // What a current counts is no weight.
    for r in [2.0, 0.0, -1.0] {
        let counted = told(
            &|node| {
                if let Node::Neurons(neurons) = node {
                    neurons.r.values.iter_mut().for_each(|value| *value *= r);
                }
            },
            "neurons_0",
        );
        assert!(counted.contains("resistance") && counted.contains("neurons_0"), "{counted}");
    }
    let smaller = told(&|node| *node = Node::Flatten { start: 0, end: 1 }, "flatten");
    assert!(smaller.contains("weights_2"), "{smaller}");
    // Another model's file.
    let mut graph = exported.graph.clone();
    graph.nodes.remove("weights_3");
    graph.edges.retain(|edge| !edge.contains(&"weights_3".to_owned()));
    let message = import_like(&model, &graph, Target::Generic, "a.nir").expect_err("no chain").to_string();
    assert!(message.contains("Output"), "{message}");
    // Thresholds that grew together with the weights are the same network.
    let mut graph = exported.graph.clone();
    for (name, node) in &mut graph.nodes {
        match node {
            Node::Convolution(convolution) => {
                convolution.weight.values.iter_mut().chain(&mut convolution.bias).for_each(|value| *value *= 2.0);
            }
            Node::Neurons(neurons) if name == "neurons_0" => {
                neurons.v_threshold.values.iter_mut().for_each(|v| *v *= 2.0)
            }
            _ => {}
        }
    }
    let back = import_like(&model, &graph, Target::Generic, "a.nir").expect("imported");
    assert_eq!((back.changed, back.model.network()), (0, model.network()));
}
