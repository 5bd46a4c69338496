//! An exported network is the network: a plain run of its nodes gives every spike of the plain engine.

mod common;

use std::path::Path;

use common::{chain, random};
use proptest::{prelude::*, strategy::ValueTree};
use spiketext::{
    Model,
    engine::{LayerTrace, SpikeTrain, run_traced},
    network::{Padding, Readout, UnknownWord},
    text::UNKNOWN,
};
use spiketext_kernels::{NeuronParameters, Reset};
use spiketext_nir::{Export, Graph, Recording, Simulator, Target, export, file, target::Rule};

/// Runs a text of word ids through a file of the export, as `rule` says.
fn through_a_file(model: &Model, exported: &Export, rule: Rule, words: &[u32]) -> Recording {
    let bytes = file::to_bytes(&exported.graph.contents().expect("a chain")).expect("a file");
    let graph = Graph::of(&file::parse(Path::new("a.nir"), bytes).expect("read")).expect("known nodes");
    assert_eq!(graph, exported.graph);
    let values = exported.layout.train_of(model, words).values;
    let inputs: Vec<f32> = values.into_iter().map(f32::from).collect();
    Simulator::new(&graph, rule).expect("a chain").run(&inputs).expect("whole steps")
}

/// The words as the model reads them where a file has places for `length`.
fn filled(model: &Model, length: usize, words: &[u32]) -> Vec<u32> {
    let config = model.network().config();
    let mut words = words[..words.len().min(length)].to_vec();
    if config.padding == Padding::Valid {
        words.resize(length, UNKNOWN);
    }
    words
}

/// Spikes of neurons at step t.
fn fired(train: &SpikeTrain, row: usize) -> Vec<f32> {
    (0..train.dimension()).map(|c| f32::from(u8::from(train.get(row, c)))).collect()
}

/// Holds a recording to what the model does.
fn check(model: &Model, exported: &Export, words: &[u32], recording: &Recording) -> Result<(), TestCaseError> {
    let config = model.network().config();
    let (length, steps) = (exported.layout.length, config.steps);
    let words = filled(model, length, words);
    let (run, trace, _) = run_traced(model.network(), model.noise(), &words);
    let mut nodes = recording.spikes.iter();
    for (leaf, layer) in config.chain.leaves().iter().zip(&trace.layers) {
        match layer {
            LayerTrace::Positions(trains) => {
                let spikes = nodes.next().expect("a node of neurons");
                let single = trains.len() == 1;
                let total = spikes.len() / steps;
                let filters = leaf.outputs / trains.len();
                let widths = &config.convolution().widths;
                let further = matches!(
                    config.chain.layers()[1],
                    spiketext::network::LayerConfig::Convolution { .. }
                        | spiketext::network::LayerConfig::Residual { .. }
                );
                let height = if further { length - widths[0] + 1 } else { length };
                prop_assert!(single || !further);
                for (which, train) in trains.iter().enumerate() {
                    let first = if further { 0 } else { (widths[which] - 1) / 2 };
                    let positions = train.rows() / steps;
                    for t in 0..steps {
                        for p in 0..positions {
                            let own: Vec<f32> = (0..filters)
                                .map(|f| spikes[t * total + (which * filters + f) * height + first + p])
                                .collect();
                            prop_assert_eq!(
                                own,
                                fired(train, t * positions + p),
                                "layer {} step {} position {}",
                                &leaf.path,
                                t,
                                p
                            );
                        }
                    }
                }
            }
            LayerTrace::Spikes(train) | LayerTrace::Outputs(Some(train)) => {
                let spikes = nodes.next().expect("a node of neurons");
                let total = spikes.len() / steps;
                for t in 0..steps {
                    prop_assert_eq!(
                        &spikes[t * total..][..leaf.outputs],
                        &fired(train, t)[..],
                        "layer {} step {}",
                        &leaf.path,
                        t
                    );
                }
            }
            LayerTrace::Sums | LayerTrace::Outputs(None) => {}
        }
    }
    prop_assert!(nodes.next().is_none());
    if config.readout() == Readout::Membrane {
        let tokens = if config.padding == Padding::Tokens { words.len() as f32 } else { 1.0 };
        for (got, wanted) in recording.outputs.iter().zip(&trace.output_currents) {
            prop_assert!((got - wanted * tokens).abs() <= 1e-4 * (1.0 + got.abs()), "{} for {}", got, wanted);
        }
    }
    prop_assert_eq!(run.labels.len(), 1);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn every_spike_is_that_of_the_plain_engine(
        config in chain(),
        seed in 0u64..1000,
        target in prop::sample::select(vec![Target::Generic, Target::SnnTorch, Target::SpikingJelly, Target::Norse]),
        words in prop::collection::vec(prop_oneof![8 => 0u32..10, 1 => Just(UNKNOWN)], 1..12),
    ) {
        // What unknown words do at the end of a text is what silence does, where they are silent.
        let whole = config.padding != Padding::Valid || config.unknown == UnknownWord::Silent;
        let length = match config.padding {
            Padding::Padded { .. } => None,
            _ => Some(7),
        };
        let model = random(config, seed);
        let exported = export(&model, target, length).expect("exported");
        let length = exported.layout.length;
        let words = if whole { words } else { words.iter().copied().cycle().take(length).collect() };
        let recording = through_a_file(&model, &exported, target.rule(), &words);
        check(&model, &exported, &words, &recording)?;
        if model.network().config().steps == 1 {
            // Neither resets nor several spikes a step make a difference then.
            let exported = export(&model, Target::Sinabs, Some(length)).expect("exported");
            let recording = through_a_file(&model, &exported, Target::Sinabs.rule(), &words);
            check(&model, &exported, &words, &recording)?;
        }
        // Ties decide nothing: the other way of firing changes no spike.
        let other = Rule { at_threshold: !target.rule().at_threshold, ..target.rule() };
        prop_assert_eq!(through_a_file(&model, &exported, other, &words), recording);
    }
}

#[test]
fn resets_that_a_reader_does_not_have_are_refused_with_what_helps() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut config = loop {
        let config = chain().new_tree(&mut runner).expect("a value").current();
        if config.steps == 7 && config.chain.leaves().len() == 4 {
            break config;
        }
    };
    let hard = random(config.clone(), 1);
    let refused = export(&hard, Target::Sinabs, None).expect_err("a hard reset").to_string();
    assert!(refused.contains("--reset soft"), "{refused}");
    let layers: Vec<_> = config.chain.layers().iter().cloned().map(soft).collect();
    config.chain = spiketext::network::Chain::new(layers).expect("a chain");
    let model = random(config.clone(), 1);
    let refused = export(&model, Target::Generic, None).expect_err("a soft reset").to_string();
    assert!(refused.contains("--reset hard") && refused.contains("--target sinabs"), "{refused}");
    let carried =
        export(&model, Target::Sinabs, Some(7).filter(|_| config.padding == Padding::Valid)).expect("it subtracts");
    assert!(carried.not_carried.iter().any(|line| line.contains("several times")), "{:?}", carried.not_carried);
    // In one step no membrane is read again, whatever the reset is.
    config.steps = 1;
    export(&random(config, 1), Target::Generic, None).expect("one step");
}

fn soft(layer: spiketext::network::LayerConfig) -> spiketext::network::LayerConfig {
    use spiketext::network::LayerConfig::{Dense, Neurons, Readout, TextConvolution};
    let soft = |neuron: NeuronParameters| NeuronParameters { reset: Reset::Soft, ..neuron };
    match layer {
        TextConvolution { shape, neuron } => TextConvolution { shape, neuron: soft(neuron) },
        Neurons { neuron } => Neurons { neuron: soft(neuron) },
        Dense { neurons, neuron } => Dense { neurons, neuron: soft(neuron) },
        Readout { classes, outputs_per_class, read, neuron } => {
            Readout { classes, outputs_per_class, read, neuron: soft(neuron) }
        }
        other => other,
    }
}
