//! The spiking text network: what it is made of and the numbers it holds.
//!
//! Three layers of neurons: the text convolution at every position, the pooled features, and (for the spike-count
//! read-out) the outputs. Weights live on a binary grid: each is a whole number of units `2^-e`, small enough that every
//! sum the network forms is exact in `f32`. So no order of summation, batch, thread count or instruction set can change
//! a spike.

mod grid;

pub use grid::{Grid, on_common_grid, on_grid};

use serde::{Deserialize, Serialize};
use spiketext_kernels::{ConvolutionShape, NeuronParameters, Time, Workspace, spiking_convolution::PackedWeights};

use crate::{Error, Result, encode::Encoder};

/// Over which positions the pooled average goes (equation 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Averaging {
    /// The valid positions of the text itself; texts of any length.
    Valid,
    /// Texts are cut to `length` tokens, padded up to it, and padding counts (the published network).
    Padded {
        /// Tokens of the padded text.
        length: usize,
    },
}

impl Averaging {
    /// The most tokens of a text that are read.
    #[must_use]
    pub fn longest(self) -> usize {
        match self {
            Self::Valid => usize::MAX,
            Self::Padded { length } => length,
        }
    }

    /// The length up to which a batch pads its texts.
    #[must_use]
    pub fn padded_length(self) -> usize {
        match self {
            Self::Valid => 0,
            Self::Padded { length } => length,
        }
    }
}

/// How the outputs are read (equation 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Readout {
    /// Output neurons fire; a class's score is its spikes a step.
    SpikeCount,
    /// Output neurons only integrate; a class's score is its membrane after T steps, divided by T.
    Membrane,
}

/// What an unknown word does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UnknownWord {
    /// No spikes; the position still counts.
    Silent,
    /// Every rate is 1/2, the mean of all words (the published code).
    Mean,
}

/// The network without its numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Specification {
    /// The text convolution.
    pub convolution: ConvolutionShape,
    /// Classes K.
    pub classes: usize,
    /// Output neurons for each class; their spikes are added up.
    pub outputs_per_class: usize,
    /// Time steps T.
    pub steps: usize,
    /// How words become spikes.
    pub encoder: Encoder,
    /// What an unknown word does.
    pub unknown: UnknownWord,
    /// Over which positions features are averaged.
    pub averaging: Averaging,
    /// How outputs are read.
    pub readout: Readout,
    /// Neurons at every convolution position.
    pub convolution_neuron: NeuronParameters,
    /// Neurons of the pooled features. Their threshold is multiplied by [`Weights::feature_thresholds`].
    pub feature_neuron: NeuronParameters,
    /// Output neurons of the spike-count read-out.
    pub output_neuron: NeuronParameters,
}

impl Specification {
    /// Output neurons O.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.classes * self.outputs_per_class
    }

    /// Its time steps and what drives them.
    #[must_use]
    pub fn time(&self) -> Time {
        Time { steps: self.steps, drive: self.encoder.drive() }
    }

    /// Checks every field against what a network can be.
    ///
    /// # Errors
    /// Names the first field that is out of bounds.
    pub fn check(&self) -> Result<()> {
        let positive = |what: &str, value: usize, most: usize| {
            if (1..=most).contains(&value) {
                Ok(())
            } else {
                Err(Error::invalid("network specification", format!("{what} from 1 to {most}"), value.to_string()))
            }
        };
        positive("number of kernel widths", self.convolution.widths.len(), 16)?;
        for &width in &self.convolution.widths {
            positive("kernel width", width, 64)?;
        }
        positive("filters", self.convolution.filters, 1 << 14)?;
        positive("dimension", self.convolution.dimension, 1 << 14)?;
        positive("classes", self.classes, 1 << 16)?;
        positive("outputs per class", self.outputs_per_class, 1 << 10)?;
        positive("time steps", self.steps, 1 << 12)?;
        if let Averaging::Padded { length } = self.averaging {
            positive("padded length", length, 1 << 20)?;
        }
        for neuron in [&self.convolution_neuron, &self.feature_neuron, &self.output_neuron] {
            let sound = |what, good, value: f32| {
                if good { Ok(()) } else { Err(Error::invalid("network specification", what, value.to_string())) }
            };
            sound("beta from 0 to 1", (0.0..=1.0).contains(&neuron.beta), neuron.beta)?;
            sound("a threshold above 0", neuron.threshold > 0.0 && neuron.threshold.is_finite(), neuron.threshold)?;
            sound("a first membrane from 0 to below 1", (0.0..1.0).contains(&neuron.initial), neuron.initial)?;
        }
        Ok(())
    }
}

/// Rates of the words `[V, D]`, as whole numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Codes {
    /// 255 stands for 65535 / 65536.
    Eight(Vec<u8>),
    /// In units of 1/65536.
    Sixteen(Vec<u16>),
}

impl Codes {
    /// From rates in 1/65536 to 8 or 16 bits each.
    #[must_use]
    pub fn from_fixed(rates: Vec<u16>, bits: CodeBits) -> Self {
        match bits {
            CodeBits::Eight => {
                Self::Eight(rates.into_iter().map(|rate| ((u32::from(rate) + 128) / 257) as u8).collect())
            }
            CodeBits::Sixteen => Self::Sixteen(rates),
        }
    }

    /// The number of codes held.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Eight(codes) => codes.len(),
            Self::Sixteen(codes) => codes.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The rates of one word in 1/65536.
    #[must_use]
    pub fn rates(&self, word: usize, dimension: usize) -> std::borrow::Cow<'_, [u16]> {
        let range = word * dimension..(word + 1) * dimension;
        match self {
            Self::Eight(codes) => codes[range].iter().map(|&code| u16::from(code) * 257).collect(),
            Self::Sixteen(codes) => std::borrow::Cow::Borrowed(&codes[range]),
        }
    }
}

/// Bits of a stored code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CodeBits {
    /// One byte a number: small models.
    #[serde(rename = "8")]
    Eight,
    /// Two bytes a number: everything the encoders can tell apart.
    #[serde(rename = "16")]
    Sixteen,
}

/// The numbers of a network.
#[derive(Clone, Debug, PartialEq)]
pub struct Weights {
    /// Rates of the words, `[V, D]`.
    pub codes: Codes,
    /// Convolution synapses, `[D, M]`.
    pub synapses: Vec<f32>,
    /// Constant currents of real tokens, `[M]` (equation 10).
    pub presence: Vec<f32>,
    /// Convolution biases, `[C]`.
    pub bias: Vec<f32>,
    /// Thresholds of the pooled features in spikes a position, `[C]`.
    pub feature_thresholds: Vec<f32>,
    /// Output synapses, `[C, O]`.
    pub output_synapses: Vec<f32>,
    /// Output biases, `[O]`.
    pub output_bias: Vec<f32>,
}

/// A network ready to run: specification and numbers that fit it.
#[derive(Clone, Debug)]
pub struct Network {
    specification: Specification,
    weights: Weights,
    /// The synapses once more, as the whole numbers that kernels read, unless the currents that go with them fit no unit of
    /// theirs.
    packed: Option<PackedWeights>,
    /// Arrays that one run leaves for the next.
    workspace: Workspace,
}

impl PartialEq for Network {
    fn eq(&self, other: &Self) -> bool {
        // All else follows from these, or is of no value.
        self.specification == other.specification && self.weights == other.weights
    }
}

impl Network {
    /// Puts a network together, its weights rounded to their grids.
    ///
    /// # Errors
    /// If a length does not fit the specification or a number is not finite.
    pub fn new(specification: Specification, mut weights: Weights) -> Result<Self> {
        specification.check()?;
        let shape = &specification.convolution;
        let (c, o) = (shape.channels(), specification.outputs());
        for (what, length, wanted) in [
            ("synapses [D, M]", weights.synapses.len(), shape.dimension * shape.products()),
            ("presence [M]", weights.presence.len(), shape.products()),
            ("bias [C]", weights.bias.len(), c),
            ("feature thresholds [C]", weights.feature_thresholds.len(), c),
            ("output synapses [C, O]", weights.output_synapses.len(), c * o),
            ("output bias [O]", weights.output_bias.len(), o),
        ] {
            if length != wanted {
                return Err(Error::invalid("network weights", format!("{wanted} {what}"), length.to_string()));
            }
        }
        if !weights.codes.len().is_multiple_of(shape.dimension) {
            return Err(Error::invalid(
                "network weights",
                format!("codes in rows of {}", shape.dimension),
                format!("{} codes", weights.codes.len()),
            ));
        }
        for (what, values) in [
            ("synapses", &weights.synapses),
            ("presence", &weights.presence),
            ("bias", &weights.bias),
            ("feature thresholds", &weights.feature_thresholds),
            ("output synapses", &weights.output_synapses),
            ("output bias", &weights.output_bias),
        ] {
            if let Some(at) = values.iter().position(|value| !value.is_finite()) {
                return Err(Error::invalid(
                    "network weights",
                    format!("finite {what}"),
                    format!("{} at index {at}", values[at]),
                ));
            }
        }
        if let Some(at) = weights.feature_thresholds.iter().position(|&threshold| threshold <= 0.0) {
            return Err(Error::invalid(
                "network weights",
                "feature thresholds above 0",
                format!("{} at index {at}", weights.feature_thresholds[at]),
            ));
        }
        on_common_grid(&mut weights.synapses, [&mut weights.presence, &mut weights.bias]);
        on_common_grid(&mut weights.output_synapses, [&mut weights.output_bias, &mut []]);
        let packed = PackedWeights::new(&specification.convolution, &weights.synapses, &weights.presence);
        Ok(Self { specification, weights, packed, workspace: Workspace::default() })
    }

    /// What the network is.
    #[must_use]
    pub fn specification(&self) -> &Specification {
        &self.specification
    }

    /// The numbers it holds, on their grids.
    #[must_use]
    pub fn weights(&self) -> &Weights {
        &self.weights
    }

    /// Synapses and presence currents as kernels read them, if they can.
    pub(crate) fn packed(&self) -> Option<&PackedWeights> {
        self.packed.as_ref()
    }

    /// Memory for runs of this network. Nothing depends on what is in it.
    pub(crate) fn workspace(&self) -> &Workspace {
        &self.workspace
    }

    /// Words that have a code.
    #[must_use]
    pub fn words(&self) -> usize {
        self.weights.codes.len() / self.specification.convolution.dimension
    }

    /// Trained numbers outside the word codes.
    #[must_use]
    pub fn parameters(&self) -> usize {
        let w = &self.weights;
        w.synapses.len() + w.presence.len() + w.bias.len() + w.output_synapses.len() + w.output_bias.len()
    }
}
