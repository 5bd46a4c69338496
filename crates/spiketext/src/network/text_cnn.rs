//! The form of network that the fast kernels know: a text convolution, pooling, perhaps neurons of the pooled
//! features, and the read-out. `lean` and `paper` have this form, and so has every network of format 1.

use serde::{Deserialize, Serialize};
use spiketext_kernels::{ConvolutionShape, NeuronParameters, Time, Workspace, spiking_convolution::PackedWeights};

use super::{Chain, LayerConfig, LayerWeights, Network, NetworkConfig, Padding, Readout, SynapseBits, UnknownWord};
use crate::{Result, encode::Encoder};

/// A [`NetworkConfig`] of this form, laid out flat. Its JSON is what model directories of format 1 hold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextCnnConfig {
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
    #[serde(rename = "averaging")]
    pub padding: Padding,
    /// How outputs are read.
    pub readout: Readout,
    /// Neurons at every convolution position.
    pub convolution_neuron: NeuronParameters,
    /// Neurons of the pooled features, their thresholds multiplied by those of the layer; `None` where pooled spikes
    /// go straight into the outputs.
    pub feature_neuron: Option<NeuronParameters>,
    /// Output neurons of the spike-count read-out.
    pub output_neuron: NeuronParameters,
    /// Bits of a synapse.
    #[serde(default)]
    pub synapse_bits: SynapseBits,
}

impl TextCnnConfig {
    /// The flat form of `config`; `None` if it has another.
    #[must_use]
    pub fn of(config: &NetworkConfig) -> Option<Self> {
        let feature_neuron = match config.chain.layers() {
            [LayerConfig::TextConvolution { .. }, LayerConfig::Pooling, LayerConfig::Readout { .. }] => None,
            [
                LayerConfig::TextConvolution { .. },
                LayerConfig::Pooling,
                LayerConfig::Neurons { neuron },
                LayerConfig::Readout { .. },
            ] => Some(*neuron),
            _ => return None,
        };
        let (shape, convolution_neuron) = config.chain.text_convolution();
        let (classes, outputs_per_class, readout, output_neuron) = config.chain.readout();
        Some(Self {
            convolution: shape.clone(),
            classes,
            outputs_per_class,
            steps: config.steps,
            encoder: config.encoder,
            unknown: config.unknown,
            padding: config.padding,
            readout,
            convolution_neuron: *convolution_neuron,
            feature_neuron,
            output_neuron: *output_neuron,
            synapse_bits: config.synapse_bits,
        })
    }

    /// The same network as a chain of layers.
    ///
    /// # Errors
    /// If a size is out of bounds.
    pub fn into_network(self) -> Result<NetworkConfig> {
        let readout = LayerConfig::Readout {
            classes: self.classes,
            outputs_per_class: self.outputs_per_class,
            read: self.readout,
            neuron: self.output_neuron,
        };
        let first = LayerConfig::TextConvolution { shape: self.convolution, neuron: self.convolution_neuron };
        let features = self.feature_neuron.map(|neuron| LayerConfig::Neurons { neuron });
        let layers = [first, LayerConfig::Pooling].into_iter().chain(features).chain([readout]);
        Ok(NetworkConfig {
            steps: self.steps,
            encoder: self.encoder,
            unknown: self.unknown,
            padding: self.padding,
            synapse_bits: self.synapse_bits,
            vector_dimension: None,
            chain: Chain::new(layers.collect())?,
        })
    }

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
}

/// A network of this form with its numbers, as the fast kernels read them.
#[derive(Clone, Copy, Debug)]
pub struct TextCnn<'a> {
    /// What it is.
    pub config: &'a TextCnnConfig,
    /// The network it is.
    pub network: &'a Network,
    /// The text convolution's numbers.
    pub convolution: &'a LayerWeights,
    /// Thresholds of the pooled features in spikes a position, `[C]`; empty where there are no such neurons.
    pub feature_thresholds: &'a [f32],
    /// The read-out's numbers.
    pub output: &'a LayerWeights,
    /// Synapses and presence currents as whole numbers, if kernels can look them up.
    pub packed: Option<&'a PackedWeights>,
    /// Memory for runs. Nothing depends on what is in it.
    pub workspace: &'a Workspace,
}
