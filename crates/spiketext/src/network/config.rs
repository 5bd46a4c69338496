//! A network without its numbers: how words become spikes, how long, and the layers that follow.

use serde::{Deserialize, Serialize};
use spiketext_kernels::{ConvolutionShape, Time};

use super::{Chain, LayerConfig, Readout, SynapseBits};
use crate::{Error, Result, encode::Encoder, files::no_fields};

/// Over which positions the pooled average goes (equation 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Padding {
    /// The valid positions of the text itself; texts of any length.
    #[serde(deserialize_with = "no_fields")]
    Valid,
    /// The same positions, but their sum is divided by the tokens of the text, whatever the kernel's width: then the scores
    /// of a text are whole numbers of one unit. Only where pooled spikes go straight into the read-out.
    #[serde(deserialize_with = "no_fields")]
    Tokens,
    /// Texts are cut to `length` tokens, padded up to it, and padding counts (the published network).
    Padded {
        /// Tokens of the padded text.
        length: usize,
    },
}

impl Padding {
    /// The most tokens of a text that are read.
    #[must_use]
    pub fn longest(self) -> usize {
        match self {
            Self::Valid | Self::Tokens => usize::MAX,
            Self::Padded { length } => length,
        }
    }

    /// By what pooled spikes of all widths are divided in a text of so many tokens, where it is one number.
    #[must_use]
    pub fn common_divisor(self, tokens: usize) -> Option<usize> {
        (self == Self::Tokens).then_some(tokens.max(1))
    }

    /// The length up to which a batch pads its texts.
    #[must_use]
    pub fn padded_length(self) -> usize {
        match self {
            Self::Valid | Self::Tokens => 0,
            Self::Padded { length } => length,
        }
    }
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
pub struct NetworkConfig {
    /// Time steps T.
    pub steps: usize,
    /// How words become spikes.
    pub encoder: Encoder,
    /// What an unknown word does.
    pub unknown: UnknownWord,
    /// Over which positions features are averaged.
    pub padding: Padding,
    /// Bits of a synapse.
    pub synapse_bits: SynapseBits,
    /// Dimensions of the word vectors that codes were learnt from, where they are not those of the codes: what a DNN of the
    /// same layers reads of a word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vector_dimension: Option<usize>,
    /// The layers.
    #[serde(rename = "layers")]
    pub chain: Chain,
}

/// The most dimensions of a word vector, as of a code.
const MOST_DIMENSION: usize = 1 << 14;
/// The most time steps.
const MOST_STEPS: usize = 1 << 12;
/// The most tokens of a padded text.
const MOST_PADDED: usize = 1 << 20;
/// The most spikes of all layers over all steps and positions of a padded text: 32 MB where each is a bit.
const MOST_SPIKES: usize = 1 << 28;

impl NetworkConfig {
    /// Its text convolution.
    #[must_use]
    pub fn convolution(&self) -> &ConvolutionShape {
        self.chain.text_convolution().0
    }

    /// Dimension D of the words.
    #[must_use]
    pub fn dimension(&self) -> usize {
        self.convolution().dimension
    }

    /// Classes K.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.chain.readout().0
    }

    /// Output neurons of each class.
    #[must_use]
    pub fn outputs_per_class(&self) -> usize {
        self.chain.readout().1
    }

    /// Output neurons O.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.classes() * self.outputs_per_class()
    }

    /// How outputs are read.
    #[must_use]
    pub fn readout(&self) -> Readout {
        self.chain.readout().2
    }

    /// What scores are multiplied by before the softmax makes probabilities of them: spike counts are means over the
    /// outputs of a class, and their sum counts, as in the loss.
    #[must_use]
    pub fn score_scale(&self) -> f32 {
        match self.readout() {
            Readout::SpikeCount => self.outputs_per_class() as f32,
            Readout::Membrane => 1.0,
        }
    }

    /// What a DNN of the same layers reads of a word: as many numbers as its vector has.
    #[must_use]
    pub fn dnn_dimension(&self) -> usize {
        self.vector_dimension.unwrap_or_else(|| self.dimension())
    }

    /// The same layers over words as a DNN reads them.
    ///
    /// # Panics
    /// If the dimension is none that a network can have, which [`Self::check`] refuses.
    #[must_use]
    pub fn of_dnn(&self) -> Self {
        let layers = self.chain.layers().iter().cloned().map(|layer| match layer {
            LayerConfig::TextConvolution { shape, neuron } => {
                let shape = ConvolutionShape { dimension: self.dnn_dimension(), ..shape };
                LayerConfig::TextConvolution { shape, neuron }
            }
            layer => layer,
        });
        let chain = Chain::new(layers.collect()).expect("a dimension within bounds");
        Self { chain, vector_dimension: None, ..self.clone() }
    }

    /// Its time steps and what drives them.
    #[must_use]
    pub fn time(&self) -> Time {
        Time { steps: self.steps, drive: self.encoder.drive() }
    }

    /// Checks what the chain could not check alone.
    ///
    /// # Errors
    /// Names the first field that is out of bounds.
    pub fn check(&self) -> Result<()> {
        let bounded = |what: &str, value: usize, most: usize| {
            if (1..=most).contains(&value) {
                Ok(())
            } else {
                Err(Error::invalid("network", format!("{what} from 1 to {most}"), value.to_string()))
            }
        };
        bounded("time steps", self.steps, MOST_STEPS)?;
        bounded("dimensions of word vectors", self.dnn_dimension(), MOST_DIMENSION)?;
        self.encoder.check_steps(self.steps)?;
        let straight = matches!(
            self.chain.layers(),
            [LayerConfig::TextConvolution { .. }, LayerConfig::Pooling, LayerConfig::Readout { .. }]
        );
        if self.padding == Padding::Tokens && !straight {
            let expected = "the padding \"tokens\" where pooled spikes go straight into the read-out";
            return Err(Error::invalid("network", expected, "layers between"));
        }
        if let Padding::Padded { length } = self.padding {
            bounded("padded length", length, MOST_PADDED)?;
            let channels = self.dimension() + self.chain.channels_at_positions();
            let what = format!("{} time steps x {length} padded tokens x {channels} inputs and channels", self.steps);
            let spikes = self.steps.saturating_mul(length).saturating_mul(channels);
            bounded(&format!("spikes of a text ({what})"), spikes, MOST_SPIKES)?;
        }
        Ok(())
    }
}
