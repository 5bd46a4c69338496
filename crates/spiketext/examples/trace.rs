//! Counts the spikes of each layer on a text, and what they cost: `cargo run --release --example trace -- MODEL "a
//! text"`.

use std::{env, path::Path};

use spiketext::{CostReport, Model, Result};

fn main() -> Result<()> {
    let mut arguments = env::args().skip(1);
    let folder = arguments.next().unwrap_or_else(|| "runs/reviews-en-lean-0".to_owned());
    let text = arguments.next().unwrap_or_else(|| "a warm and funny film".to_owned());
    let model = Model::load(Path::new(&folder))?;
    let (tokens, trace, _) = model.trace(&text);
    for (token, spikes) in tokens.iter().zip(&trace.tokens) {
        println!("{:>6} spikes  {token}", spikes.count());
    }
    let (predictions, _) = model.predict(&[text]);
    let operations = &predictions[0].operations;
    for (leaf, layer) in model.network().config().chain.leaves().iter().zip(&operations.layers) {
        println!(
            "layer {:<4} {:<16} {:>7} spikes {:>10} accumulations",
            leaf.path,
            leaf.layer.kind(),
            layer.spikes,
            layer.acs
        );
    }
    let report = CostReport::spiking(model.network(), std::slice::from_ref(operations));
    for energy in &report.energies {
        println!("{:>12.6} uJ, its DNN {:>12.6} uJ  {}", energy.network, energy.dnn, energy.table.name);
    }
    Ok(())
}
