//! The network that a recipe describes.

use spiketext::{
    Result,
    network::{Chain, LayerConfig, NetworkConfig},
};
use spiketext_kernels::{ConvolutionShape, NeuronParameters};

use crate::recipe::{NetworkChoices, Recipe};

impl NetworkChoices {
    /// The neurons of every layer.
    #[must_use]
    pub fn neuron(&self) -> NeuronParameters {
        NeuronParameters {
            beta: self.beta,
            threshold: self.threshold,
            initial: self.initial,
            reset: self.reset,
            detach_reset: self.detach_reset,
            surrogate: self.surrogate,
        }
    }

    /// The layers for words of `dimension` rates and `classes` classes.
    fn layers(&self, dimension: usize, classes: usize) -> Vec<LayerConfig> {
        let neuron = self.neuron();
        let shape = ConvolutionShape { widths: self.widths.clone(), filters: self.filters, dimension };
        let mut layers = vec![LayerConfig::TextConvolution { shape, neuron }];
        let convolution = LayerConfig::Convolution { width: self.convolution_width, filters: self.filters, neuron };
        let further = vec![convolution; self.convolutions];
        if self.residual_block == 0 {
            layers.extend(further);
        } else {
            let blocks = further.chunks(self.residual_block);
            layers.extend(blocks.map(|block| LayerConfig::Residual { layers: block.to_vec() }));
        }
        layers.push(LayerConfig::Pooling);
        layers.extend(self.features.then_some(LayerConfig::Neurons { neuron }));
        layers.extend(self.hidden.iter().map(|&neurons| LayerConfig::Dense { neurons, neuron }));
        layers.push(LayerConfig::Readout {
            classes,
            outputs_per_class: self.outputs_per_class,
            read: self.readout,
            neuron,
        });
        layers
    }
}

/// The network that a recipe describes (the spiking one, where the DNN reads words otherwise: see
/// [`crate::recipe::Recipe::for_step`]), for words of `dimension` rates and `classes` classes.
///
/// # Errors
/// Names the first size that is out of bounds.
pub fn network_config(recipe: &Recipe, dimension: usize, classes: usize) -> Result<NetworkConfig> {
    let choices = &recipe.network;
    let vector_dimension = recipe.learns_codes().then_some(dimension);
    let dimension = if recipe.learns_codes() { recipe.sparse.inputs() } else { dimension };
    let config = NetworkConfig {
        steps: choices.steps,
        encoder: choices.encoder,
        unknown: recipe.words.unknown,
        padding: choices.averaging,
        synapse_bits: choices.synapse_bits,
        vector_dimension,
        chain: Chain::new(choices.layers(dimension, classes))?,
    };
    config.check()?;
    Ok(config)
}
