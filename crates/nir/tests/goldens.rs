//! Files that nir, snnTorch, SpikingJelly and Norse wrote, with the spikes these gave (`reference/nir_peers.py
//! make`).

use std::path::{Path, PathBuf};

use spiketext_nir::{Graph, Simulator, Target, file, npz};

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/nir").join(name)
}

#[test]
fn files_of_others_give_the_spikes_of_others() {
    for (name, target, kinds) in [
        ("nir", Target::Generic, "Input Conv1d IF Flatten Scale Linear LIF Output"),
        ("snntorch", Target::SnnTorch, "Input Conv2d LIF Flatten Affine LIF Output"),
        ("spikingjelly", Target::SpikingJelly, "Input Conv2d IF Flatten Affine IF Output"),
        ("norse", Target::Norse, "Input Affine IF Affine IF Output"),
    ] {
        let graph = Graph::of(&file::read(&golden(&format!("{name}.nir"))).expect("read")).expect("known nodes");
        let links = graph.chain().expect("a chain");
        let there: Vec<&str> = links.iter().map(|link| link.node.kind()).collect();
        assert_eq!(there.join(" "), kinds, "{name}");
        let arrays = golden(&format!("{name}.npz"));
        let inputs = npz::read(&arrays, "inputs").expect("inputs");
        let outputs = npz::read(&arrays, "outputs").expect("outputs");
        let simulator = Simulator::new(&graph, target.rule()).expect("runs");
        let (texts, size) = (inputs.shape[0], inputs.values.len() / inputs.shape[0]);
        let got: Vec<f32> = (0..texts)
            .flat_map(|text| simulator.run(&inputs.values[text * size..][..size]).expect("whole steps").outputs)
            .collect();
        assert!(outputs.values.contains(&1.0) && outputs.values.contains(&0.0), "{name}");
        assert_eq!(got, outputs.values, "{name}");
        // What is written again is the same graph.
        let again = file::to_bytes(&graph.contents().expect("a chain")).expect("written");
        let again = Graph::of(&file::parse(Path::new("again.nir"), again).expect("read")).expect("known nodes");
        let simulator = Simulator::new(&again, target.rule()).expect("runs");
        assert_eq!(simulator.run(&inputs.values[..size]).expect("runs").outputs, got[..got.len() / texts], "{name}");
    }
}
