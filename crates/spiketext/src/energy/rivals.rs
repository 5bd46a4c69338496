//! What a text costs those that do the same task about as well: whoever shows a spiking network's energy alone, or beside a
//! wide DNN in single precision, flatters it.
//!
//! Both rivals are those of the project's study on six data sets (`docs/results.md`): the narrowest DNN within half a point of
//! `sparse`, in whole numbers; and a bag of words, which is 0.6 points less accurate than that in the mean. They are not trained
//! here. What they cost follows from their sizes and from the words of the text.

use super::{LookUp, Numbers, OperationCounts, RectifierShares, Shape, TABLES, Way};
use crate::{
    Result,
    network::{Network, TextCnnConfig},
    text::UNKNOWN,
};

/// Filters of each width of the DNN.
const FILTERS: usize = 5;
/// Bits of its weights and of its inputs.
const BITS: u32 = 8;
/// Bytes of a number of the table that a bag of words reads.
const TABLE_BYTES: u64 = 4;

/// A rival, and what it costs.
#[derive(Clone, Debug, PartialEq)]
pub struct Rival {
    /// What it is.
    pub name: &'static str,
    /// How it was measured to stand beside a spiking network.
    pub about: &'static str,
    /// Microjoules of the text under every cost table, in the order of [`TABLES`].
    pub microjoules: Vec<f64>,
}

/// The rivals of a network on a text of word ids ([`UNKNOWN`] for unknown words).
///
/// # Errors
/// If the network's sizes make no DNN.
pub fn rivals(network: &Network, text: &[u32]) -> Result<[Rival; 2]> {
    let config = network.config();
    let of_dnn = config.of_dnn();
    let (shape, neuron) = of_dnn.chain.text_convolution();
    let narrow = TextCnnConfig {
        convolution: spiketext_kernels::ConvolutionShape { filters: FILTERS, ..shape.clone() },
        classes: config.classes(),
        outputs_per_class: 1,
        steps: 1,
        encoder: config.encoder,
        unknown: config.unknown,
        padding: config.padding,
        readout: crate::network::Readout::Membrane,
        convolution_neuron: *neuron,
        feature_neuron: None,
        output_neuron: *neuron,
        synapse_bits: config.synapse_bits,
    };
    let narrow = TextCnnConfig::into_network(narrow)?;
    let shape = Shape::real_valued(&narrow, true);
    let work = OperationCounts::real_valued(&shape, text, RectifierShares::ALL);
    let way = Way { numbers: Numbers::Whole { weights: BITS, inputs: BITS }, ..Way::default() };
    let known = text.iter().filter(|&&id| id != UNKNOWN).count() as f64;
    let classes = config.classes() as u64;
    let numbers = network.words() as u64 * classes;
    let bag = LookUp {
        features: known,
        additions: known * classes as f64,
        macs: 0.0,
        table: numbers,
        weights: 0,
        width: classes,
        bytes: TABLE_BYTES * (numbers + classes),
    };
    Ok([
        Rival {
            name: "DNN of 5 filters, 8 bits",
            about: "within half a point of the recipe sparse in the mean of six data sets",
            microjoules: TABLES.iter().map(|table| table.microjoules_in(&shape, &work, way)).collect(),
        },
        Rival {
            name: "bag of words",
            about: "0.6 points less accurate than the recipe sparse in the mean of six data sets",
            microjoules: TABLES.iter().map(|table| bag.microjoules(table)).collect(),
        },
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        encode::Encoder,
        engine::tests::network,
        network::{Padding, Readout},
    };

    #[test]
    fn rivals_cost_what_their_sizes_say() {
        // Widths 2 and 3, 12 dimensions, three classes; five tokens, one of them unknown.
        let network = network(Readout::Membrane, Encoder::Regular, Padding::Valid);
        let text = [0, 1, UNKNOWN, 3, 4];
        let [dnn, bag] = rivals(&network, &text).expect("rivals");
        let fp32 = TABLES.iter().position(|table| table.name.contains("fp32")).expect("a table");
        // Positions 4 and 3; an unknown word is the mean of all words here, so it is multiplied, too.
        let (first, last) = ((4 * 2 + 3 * 3) * 12 * FILTERS, 2 * FILTERS * 3);
        // Whole numbers have the price of 8 bits with sums of 32: 0.3 for a product and its sum.
        let wanted = (first + last) as f64 * 0.3e-6;
        assert!(
            (dnn.microjoules[fp32] - wanted).abs() < 1e-9 * wanted,
            "{}, expected {wanted}",
            dnn.microjoules[fp32]
        );
        assert!((bag.microjoules[fp32] - 12.0 * 0.9e-6).abs() < 1e-12, "four known words, three classes");
        assert_eq!((dnn.microjoules.len(), bag.microjoules.len()), (TABLES.len(), TABLES.len()));
    }
}
