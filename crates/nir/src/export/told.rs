//! What an exported file does not hold, in sentences.

use spiketext::{
    model::Model,
    network::{LayerConfig, Leaf, Padding, Readout, UnknownWord},
};

use crate::layout::Layout;

/// What the file does not hold, or not exactly.
pub(super) fn not_carried(model: &Model, layout: &Layout) -> Vec<String> {
    let config = model.network().config();
    let length = layout.length;
    let mut told = vec![
        "words and their codes: the file takes the spikes of words, which --inputs writes".to_owned(),
        "the answer to texts without a known word, which are the classes' shares in training".to_owned(),
    ];
    let mut tell = |sentence: String| told.push(sentence);
    match config.padding {
        Padding::Padded { .. } => {}
        Padding::Tokens => tell(format!(
            "tokens past {length}; scores are those of the model times the tokens of the text, which changes no label"
        )),
        Padding::Valid => tell(format!(
            "other lengths: a text of {length} tokens is exact, a longer one is cut, and to a shorter one the file answers as the \
             model does where {} follow it up to {length} (train with network.averaging={{kind=\"padded\", length={length}}} for a \
             network whose texts are all exact)",
            if config.unknown == UnknownWord::Silent { "unknown words" } else { "silent places" }
        )),
    }
    if model.thresholds().is_some() {
        tell("the probability from which on each class is answered".to_owned());
    }
    let (classes, outputs, read, _) = config.chain.readout();
    if outputs > 1 {
        tell(format!("which outputs belong to a class: {outputs} each of {classes} classes, one after the other"));
    }
    match read {
        Readout::Membrane => tell("that the sum of an output over time is the score".to_owned()),
        Readout::SpikeCount => {
            tell(
                "which of two classes with as many spikes is answered: the model asks the charge of the outputs"
                    .to_owned(),
            );
        }
    }
    if config.steps > 1 && layout.target.rule().subtracts {
        tell(
            "one spike a step: neurons of sinabs may fire several times, and their membranes stay above minus their threshold"
                .to_owned(),
        );
    }
    let leaves = config.chain.leaves();
    let firing = |leaf: &&Leaf| leaf.layer.firing_neuron().is_some();
    if config.steps > 1
        && leaves.iter().filter(firing).any(|leaf| leaf.layer.firing_neuron().is_some_and(|n| n.beta < 1.0))
    {
        tell(
            "exact leaks: a reader rounds them, which may decide a membrane that is all but at its threshold"
                .to_owned(),
        );
    }
    let shares = leaves.windows(2).any(|pair| {
        matches!(pair[0].layer, LayerConfig::Pooling)
            && !matches!(pair[1].layer, LayerConfig::Neurons { .. })
            && pair[1].layer.firing_neuron().is_some()
    });
    if shares {
        tell(
            "exact means over positions: a reader rounds them, which may decide a membrane at its threshold"
                .to_owned(),
        );
    }
    told
}
