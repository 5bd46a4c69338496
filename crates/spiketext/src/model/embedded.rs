//! A model as one image of bytes for `spiketext-embedded`, which needs no memory of its own, no floating point and no
//! operating system.
//!
//! Only networks can become one that have nothing real-valued between word and label: codes of few active inputs, one time
//! step, weights of at most 8 bits, pooled spikes that go straight into a membrane read-out and are divided by the tokens of
//! the text. Thresholds become whole numbers: `bias + first membrane + sum > threshold` where and only where the sum of
//! weights, in units, is above `floor((threshold - first membrane) / unit) - bias / unit`.

use spiketext_embedded::write::Parts;

use super::Model;
use crate::{
    Error, Result,
    encode::Encoder,
    network::{Codes, NO_INPUT, Padding, Readout, SynapseBits, UnknownWord},
    slices::argmax,
};

/// A model as an image.
#[derive(Clone, Debug)]
pub struct EmbeddedModel {
    /// The image.
    pub bytes: Vec<u8>,
    /// Words in it.
    pub words: usize,
    /// Words that were left out: those past the number that was asked for, and those without a code or of more than 255
    /// bytes.
    pub left_out: usize,
    /// Numbers of 32 bits that a reader of it needs.
    pub memory: usize,
}

impl Model {
    /// The model as an image with the first `words` words of its vocabulary, or all of them: those of the training texts come
    /// first, as the file of word vectors has them, which is by frequency in most.
    ///
    /// # Errors
    /// If the network is of another form; the message says which choice of `train` makes it so.
    pub fn to_embedded(&self, words: Option<usize>) -> Result<EmbeddedModel> {
        let refuse = |expected: &str, got: String| {
            let expected = format!("a model of whole numbers ({expected}; `train --recipe sparse` makes one)");
            Err(Error::invalid("embed", expected, got))
        };
        let config = self.network.config();
        let Some(cnn) = self.network.text_cnn() else {
            return refuse("network.convolutions=0", "layers between convolution and read-out".into());
        };
        let form = cnn.config;
        if self.thresholds.is_some() {
            return refuse("one label a text", "a multi-label model".into());
        }
        if form.encoder != Encoder::Winners || form.steps != 1 {
            let got = format!("{}, {} time steps", form.encoder.name(), form.steps);
            return refuse("network.encoder=winners, network.steps=1", got);
        }
        if form.feature_neuron.is_some() || form.readout != Readout::Membrane || form.outputs_per_class != 1 {
            let expected = "network.features=false, network.readout=membrane, network.outputs-per-class=1";
            let got = format!(
                "{} feature neurons, {:?} read-out, {} outputs a class",
                if form.feature_neuron.is_some() { "with" } else { "without" },
                form.readout,
                form.outputs_per_class
            );
            return refuse(expected, got);
        }
        if config.padding != Padding::Tokens || form.unknown != UnknownWord::Silent {
            let expected = "network.averaging={kind=\"tokens\"}, words.unknown=silent";
            return refuse(expected, format!("{:?}, {:?}", config.padding, form.unknown).to_lowercase());
        }
        let weight_bits = match form.synapse_bits {
            SynapseBits::Four => 4,
            SynapseBits::Eight => 8,
            SynapseBits::Sixteen => return refuse("network.synapse-bits=8 or 4", "16".into()),
        };
        if cnn.convolution.presence.iter().any(|&current| current != 0.0) {
            return refuse("no presence currents", "some".into());
        }
        let Codes::Active { active, inputs } = &self.network.weights().codes else {
            return refuse("codes of active inputs", "codes of rates".into());
        };
        let shape = &form.convolution;
        let synapses = self.network.synapses(0);
        let mut weights: Vec<i8> = synapses.units().map(|unit| unit as i8).collect();
        let signed = is_signed(&weights);
        if signed {
            weights.truncate(weights.len() / 2);
        }
        let neuron = &form.convolution_neuron;
        let unit = f64::from(synapses.grid.unit());
        let first = f64::from(neuron.beta * neuron.first_membrane());
        let room = ((f64::from(neuron.threshold) - first) / unit).floor();
        let threshold = |bias: &f32| (room - f64::from(*bias) / unit).clamp(i32::MIN.into(), i32::MAX.into()) as i32;
        let last = config.chain.leaves().len() - 1;
        let readout = self.network.synapses(last);
        let all = self.vocabulary.len();
        let asked = words.unwrap_or(all).min(all);
        let words: Vec<(String, Vec<usize>)> = self
            .vocabulary
            .words()
            .take(asked)
            .zip(inputs.chunks_exact(*active))
            .map(|(word, inputs)| {
                let own = inputs.iter().filter(|&&input| input != NO_INPUT).map(|&input| input.into());
                (word.to_owned(), own.collect::<Vec<usize>>())
            })
            .filter(|(word, inputs)| word.len() < 256 && !inputs.is_empty())
            .collect();
        let kept = words.len();
        let parts = Parts {
            signed,
            weight_bits,
            widths: shape.widths.clone(),
            filters: shape.filters,
            thresholds: cnn.convolution.bias.iter().map(threshold).collect(),
            weights,
            readout: readout.units().map(|unit| unit as i8).collect(),
            biases: cnn.output.bias.iter().map(|&bias| readout.grid.units(bias)).collect(),
            labels: self.labels.clone(),
            unknown: argmax(&self.priors),
            words,
        };
        let memory = shape.products() + shape.channels() + self.labels.len();
        let bytes =
            parts.to_bytes().map_err(|expected| Error::invalid("embed", expected, "a model that has others"))?;
        Ok(EmbeddedModel { bytes, words: kept, left_out: all - kept, memory })
    }
}

/// Whether the second half of the inputs are the first with the other sign.
fn is_signed(weights: &[i8]) -> bool {
    let (first, second) = weights.split_at(weights.len() / 2);
    first.len() == second.len() && first.iter().zip(second).all(|(a, b)| *a == -*b) && first.iter().any(|w| *w != 0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use spiketext_embedded::{Image, Reader};
    use spiketext_kernels::{ConvolutionShape, NeuronParameters};

    use super::*;
    use crate::{
        encode::Noise,
        engine::run,
        model::tests::model_of,
        network::{LayerWeights, Network, TextCnnConfig, Weights},
        seed::{Purpose, normal, stream},
        text::UNKNOWN,
    };

    /// A network of whole numbers over ten words, by its sizes.
    fn network(widths: Vec<usize>, filters: usize, bits: SynapseBits, signed: bool, seed: u64) -> Network {
        let mut rng = stream(seed, Purpose::Weights, 0, 0);
        let (rows, active, classes) = (6, 3, 3);
        let dimension = if signed { 2 * rows } else { rows };
        let neuron = NeuronParameters { initial: 0.0, ..NeuronParameters::paper() };
        let shape = ConvolutionShape { widths, filters, dimension };
        let (products, channels) = (shape.products(), shape.channels());
        let config = TextCnnConfig {
            convolution: shape,
            classes,
            outputs_per_class: 1,
            steps: 1,
            encoder: Encoder::Winners,
            unknown: UnknownWord::Silent,
            padding: Padding::Tokens,
            readout: Readout::Membrane,
            convolution_neuron: neuron,
            feature_neuron: None,
            output_neuron: neuron,
            synapse_bits: bits,
        };
        let mut draw = |count: usize, size: f32| (0..count).map(|_| size * normal(&mut rng)).collect::<Vec<f32>>();
        let mut synapses = draw(rows * products, 0.5);
        if signed {
            synapses.extend(synapses.clone().iter().map(|weight| -weight));
        }
        let convolution = LayerWeights {
            synapses,
            presence: vec![0.0; products],
            bias: draw(channels, 0.5),
            ..LayerWeights::default()
        };
        let output = LayerWeights {
            synapses: draw(channels * classes, 0.5),
            bias: draw(classes, 0.2),
            ..LayerWeights::default()
        };
        let words = 10usize;
        let inputs: Vec<u16> = (0..words)
            .flat_map(|word| {
                let mut own: Vec<u16> =
                    (0..active).map(|i| ((word * 5 + i * 7 + word * i) % dimension) as u16).collect();
                own.sort_unstable();
                own.dedup();
                own.resize(active, NO_INPUT);
                own
            })
            .collect();
        let layers = vec![convolution, LayerWeights::default(), output];
        Network::new(
            config.into_network().expect("a chain"),
            Weights { codes: Codes::Active { active, inputs }, layers },
        )
        .expect("a sound network")
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        /// The image says what the engine says: the label, and the scores in whole numbers of one unit.
        #[test]
        fn an_image_answers_as_its_network(
            widths in prop::collection::vec(1usize..5, 1..4),
            filters in 1usize..40,
            bits in prop::sample::select(vec![SynapseBits::Four, SynapseBits::Eight]),
            signed in any::<bool>(),
            seed in 0u64..1000,
            text in prop::collection::vec(prop_oneof![8 => 0u32..10, 1 => Just(UNKNOWN)], 0..12),
        ) {
            let model = model_of(network(widths, filters, bits, signed, seed));
            let embedded = model.to_embedded(None).expect("an image");
            let image = Image::read(&embedded.bytes).expect("its own");
            prop_assert_eq!(Reader::memory(&image), embedded.memory);
            let mut memory = vec![0; embedded.memory];
            let mut reader = Reader::new(&image, &mut memory).expect("memory");
            for &word in &text {
                reader.piece(model.vocabulary().word(word).unwrap_or("no word of it"));
            }
            let answer = reader.answer();
            if text.iter().all(|&word| word == UNKNOWN) {
                prop_assert_eq!((answer.class, answer.unknown), (argmax(model.priors()), true));
            } else {
                let run = run(model.network(), Noise::inference(0), std::slice::from_ref(&text));
                prop_assert_eq!(answer.class, run.labels[0]);
                let last = model.network().config().chain.leaves().len() - 1;
                let unit = f64::from(model.network().synapses(last).grid.unit());
                let scores: Vec<f32> =
                    answer.scores.iter().map(|&s| (f64::from(s) * unit / text.len() as f64) as f32).collect();
                prop_assert_eq!(scores, run.scores);
            }
        }
    }

    #[test]
    fn networks_of_other_forms_are_refused_by_the_choice_that_helps() {
        let other = crate::model::tests::model(Readout::Membrane);
        let message = other.to_embedded(None).expect_err("no whole numbers").to_string();
        assert!(message.contains("network.encoder=winners") && message.contains("--recipe sparse"), "{message}");
        let model = model_of(network(vec![2], 3, SynapseBits::Sixteen, false, 1));
        let message = model.to_embedded(None).expect_err("16 bits").to_string();
        assert!(message.contains("synapse-bits=8"), "{message}");
        let model = model_of(network(vec![2], 3, SynapseBits::Eight, false, 1));
        let few = model.to_embedded(Some(4)).expect("an image");
        assert_eq!((few.words, few.left_out), (4, 6));
    }
}
