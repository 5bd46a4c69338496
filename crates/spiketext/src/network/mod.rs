//! The spiking text network: what it is made of and the numbers it holds.
//!
//! ```text
//! NetworkConfig    how words become spikes, for how long, and the Chain of layers        config, chain
//! Weights          codes of the words and the numbers of each layer                      codes, here
//! Synapses         weights on a binary grid, so that every sum is exact                  synapses
//! TextCnn          the form of chain for which there are fast kernels                    text_cnn
//! ```
//!
//! Weights live on a binary grid: each is a whole number of units `2^-e`, small enough that every sum the network
//! forms is exact in `f32`. So no order of summation, batch, thread count or instruction set can change a spike.

mod chain;
mod codes;
mod config;
mod synapses;
mod text_cnn;

use spiketext_kernels::{Workspace, spiking_convolution::PackedWeights};

pub use chain::{Chain, LayerConfig, Leaf, LeafSizes, Readout, Signal};
pub use codes::{CodeBits, Codes, NO_INPUT};
pub use config::{NetworkConfig, Padding, UnknownWord};
pub use synapses::{Grid, SynapseBits, Synapses, on_grid};
pub use text_cnn::{TextCnn, TextCnnConfig};

use crate::{Error, Result};

/// The numbers of a network.
#[derive(Clone, Debug, PartialEq)]
pub struct Weights {
    /// Rates of the words, `[V, D]`.
    pub codes: Codes,
    /// Those of each leaf of the chain, in order.
    pub layers: Vec<LayerWeights>,
}

/// The numbers of a layer; empty where it has none of a kind (see [`Leaf::sizes`]).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LayerWeights {
    /// Synapses: `[D, M]` of a text convolution, `[C', (tap, C)]` of a convolution, `[C', C]` of a dense layer or a
    /// read-out.
    pub synapses: Vec<f32>,
    /// Constant currents of real tokens, `[M]` (equation 10).
    pub presence: Vec<f32>,
    /// Biases, `[C]`: a current at every step.
    pub bias: Vec<f32>,
    /// Synapses of the shortcut around a residual block, `[C]`.
    pub shortcut: Vec<f32>,
    /// Thresholds in spikes a position, `[C]`.
    pub thresholds: Vec<f32>,
}

impl LayerWeights {
    /// Numbers that training finds: all but the thresholds.
    #[must_use]
    pub fn parameters(&self) -> usize {
        self.synapses.len() + self.presence.len() + self.bias.len() + self.shortcut.len()
    }

    /// Rounds synapses to the finest grid for so many bits, and the currents that are added to theirs to the same.
    /// Synapses of a shortcut drive the same neurons, so they share the grid and have a say in it.
    pub fn round(&mut self, bits: SynapseBits) -> Grid {
        let Self { synapses, presence, bias, shortcut, .. } = self;
        let grid = if shortcut.is_empty() {
            Grid::of(synapses, bits)
        } else {
            Grid::of(&[&synapses[..], shortcut].concat(), bits)
        };
        [synapses, presence, bias, shortcut].into_iter().for_each(|values| on_grid(grid, values));
        grid
    }

    /// The arrays under their names in files.
    #[must_use]
    pub fn named(&self) -> [(&'static str, &[f32]); 5] {
        [
            ("synapses", &self.synapses),
            ("presence", &self.presence),
            ("bias", &self.bias),
            ("shortcut", &self.shortcut),
            ("thresholds", &self.thresholds),
        ]
    }
}

impl LeafSizes {
    /// The sizes under the names of [`LayerWeights::named`].
    #[must_use]
    pub fn named(&self) -> [(&'static str, usize); 5] {
        [
            ("synapses", self.synapses[0] * self.synapses[1]),
            ("presence", self.presence),
            ("bias", self.bias),
            ("shortcut", self.shortcut),
            ("thresholds", self.thresholds),
        ]
    }
}

/// A network ready to run: a configuration and numbers that fit it.
#[derive(Clone, Debug)]
pub struct Network {
    config: NetworkConfig,
    weights: Weights,
    /// The unit of each leaf's currents; 1 where it has no synapses.
    grids: Vec<Grid>,
    /// The same network laid out flat, if the fast kernels know its form.
    text_cnn: Option<TextCnnConfig>,
    /// The first layer's synapses once more, as the whole numbers that kernels read, unless the currents that go with
    /// them fit no unit of theirs.
    packed: Option<PackedWeights>,
    /// Arrays that one run leaves for the next.
    workspace: Workspace,
}

impl PartialEq for Network {
    fn eq(&self, other: &Self) -> bool {
        // All else follows from these, or is of no value.
        self.config == other.config && self.weights == other.weights
    }
}

impl Network {
    /// Puts a network together, its weights rounded to their grids.
    ///
    /// # Errors
    /// If a length does not fit the configuration or a number is not finite.
    pub fn new(config: NetworkConfig, mut weights: Weights) -> Result<Self> {
        config.check()?;
        let refuse = |expected: String, got: String| Err(Error::invalid("network weights", expected, got));
        let leaves = config.chain.leaves();
        if weights.layers.len() != leaves.len() {
            return refuse(format!("numbers of {} layers", leaves.len()), weights.layers.len().to_string());
        }
        for (leaf, layer) in leaves.iter().zip(&weights.layers) {
            for ((name, wanted), (_, values)) in leaf.sizes().named().into_iter().zip(layer.named()) {
                if values.len() != wanted {
                    return refuse(format!("{wanted} {name} of layer {}", leaf.path), values.len().to_string());
                }
                if let Some(at) = values.iter().position(|value| !value.is_finite()) {
                    return refuse(
                        format!("finite {name} of layer {}", leaf.path),
                        format!("{} at index {at}", values[at]),
                    );
                }
            }
            if let Some(at) = layer.thresholds.iter().position(|&threshold| threshold <= 0.0) {
                let got = format!("{} at index {at}", layer.thresholds[at]);
                return refuse(format!("thresholds above 0 of layer {}", leaf.path), got);
            }
        }
        weights.codes.check(config.dimension())?;
        let bits = config.synapse_bits;
        let grids = weights.layers.iter_mut().map(|layer| layer.round(bits)).collect();
        let first = &weights.layers[0];
        let packed = PackedWeights::new(config.convolution(), &first.synapses, &first.presence);
        let text_cnn = TextCnnConfig::of(&config);
        Ok(Self { config, weights, grids, text_cnn, packed, workspace: Workspace::default() })
    }

    /// What the network is.
    #[must_use]
    pub fn config(&self) -> &NetworkConfig {
        &self.config
    }

    /// The numbers it holds, on their grids.
    #[must_use]
    pub fn weights(&self) -> &Weights {
        &self.weights
    }

    /// The leaves of its chain, each with its numbers.
    pub fn layers(&self) -> impl DoubleEndedIterator<Item = (&Leaf, &LayerWeights)> + ExactSizeIterator {
        self.config.chain.leaves().iter().zip(&self.weights.layers)
    }

    /// The synapses of a leaf, with their unit.
    #[must_use]
    pub fn synapses(&self, leaf: usize) -> Synapses<'_> {
        let values = &self.weights.layers[leaf].synapses;
        Synapses { values, grid: self.grids[leaf], bits: self.config.synapse_bits }
    }

    /// The network as the fast kernels read it, if it has the form that they know.
    #[must_use]
    pub fn text_cnn(&self) -> Option<TextCnn<'_>> {
        let config = self.text_cnn.as_ref()?;
        let layers = &self.weights.layers;
        let features = if config.feature_neuron.is_some() { &layers[2].thresholds[..] } else { &[] };
        Some(TextCnn {
            config,
            network: self,
            convolution: &layers[0],
            feature_thresholds: features,
            output: &layers[layers.len() - 1],
            packed: self.packed.as_ref(),
            workspace: &self.workspace,
        })
    }

    /// Words that have a code.
    #[must_use]
    pub fn words(&self) -> usize {
        self.weights.codes.words(self.config.dimension())
    }

    /// Trained numbers outside the word codes.
    #[must_use]
    pub fn parameters(&self) -> usize {
        self.weights.layers.iter().map(LayerWeights::parameters).sum()
    }
}
