//! NIR files, and arrays of spikes to run in them. A graph that can be read can be written, and read again as the
//! same.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use spiketext_nir::{Graph, Simulator, Target, file, npz};

fuzz_target!(|input: (bool, Vec<u8>)| {
    let (arrays, bytes) = input;
    if arrays {
        let _ = npz::parse(Path::new("a.npz"), &bytes, "inputs");
        return;
    }
    let Ok(contents) = file::parse(Path::new("a.nir"), bytes) else { return };
    let Ok(graph) = Graph::of(&contents) else { return };
    let Ok(contents) = graph.contents() else { return };
    let written = file::to_bytes(&contents).expect("what was read can be written");
    let again = file::parse(Path::new("b.nir"), written).expect("what was written can be read");
    assert!(Graph::of(&again).is_ok());
    for target in Target::ALL {
        let Ok(simulator) = Simulator::new(&graph, target.rule()) else { continue };
        let size: usize = simulator.input().iter().product();
        if size <= 1 << 16 {
            let _ = simulator.run(&vec![1.0; 2 * size]);
        }
    }
});
