//! A network as a chain of layers: what stands one after the other between the spikes of the words and the scores.
//!
//! ```text
//! text convolution   spikes of tokens    -> spikes at positions     synapses [D, M], presence [M], bias [C]
//! convolution        spikes at positions -> spikes at positions     synapses [C', w C], bias [C], shortcut [C]
//! residual           the same, through layers of its own whose last also gets what came into the first
//! pooling            spikes at positions -> spikes summed over them
//! neurons            sums                -> spikes of the text      thresholds [C]
//! dense              sums or spikes      -> spikes of the text      synapses [C', C], bias [C]
//! read-out           sums or spikes      -> scores                  synapses [C, O], bias [O]
//! ```
//!
//! A chain is checked once, when it is made. Whoever runs, trains, stores or counts a network goes along its
//! [`Chain::leaves`]: the layers in the order in which they run, residual blocks opened.

use serde::{Deserialize, Serialize};
use spiketext_kernels::{ConvolutionShape, NeuronParameters};

use crate::{Error, Result, files::no_fields};

/// How the outputs are read (equation 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Readout {
    /// Output neurons fire; a class's score is its spikes a step.
    SpikeCount,
    /// Output neurons only integrate; a class's score is its membrane after T steps, divided by T.
    Membrane,
}

/// A layer without its numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum LayerConfig {
    /// Kernels of one or several widths over the tokens, with neurons at every position (equations 2 and 4).
    TextConvolution {
        /// Kernel widths, filters F of each, and dimension D.
        shape: ConvolutionShape,
        /// The neurons at every position.
        neuron: NeuronParameters,
    },
    /// A kernel over the positions of the layer before, as many positions out as in: past the ends there is silence.
    /// Tap j of position p sees position `p + j - (width - 1) / 2`.
    Convolution {
        /// Kernel width in positions.
        width: usize,
        /// Filters, which are the channels of the layer.
        filters: usize,
        /// The neurons at every position.
        neuron: NeuronParameters,
    },
    /// Convolutions whose last one is also driven by the spikes that came into the first, channel by channel (He et
    /// al. 2016; for text, Johnson and Zhang 2017).
    Residual {
        /// The layers inside, all [`LayerConfig::Convolution`].
        layers: Vec<LayerConfig>,
    },
    /// Spikes summed over positions (equation 5).
    #[serde(deserialize_with = "no_fields")]
    Pooling,
    /// A neuron a channel, driven by its sum; its threshold is multiplied by the positions and by a number of its
    /// own.
    Neurons {
        /// The neurons.
        neuron: NeuronParameters,
    },
    /// Every input into every neuron.
    Dense {
        /// Neurons.
        neurons: usize,
        /// What they are.
        neuron: NeuronParameters,
    },
    /// Every input into every output, and how outputs become scores (equation 6).
    Readout {
        /// Classes K.
        classes: usize,
        /// Outputs of each class; what they say is averaged.
        outputs_per_class: usize,
        /// How outputs are read.
        read: Readout,
        /// The outputs, where they fire.
        neuron: NeuronParameters,
    },
}

impl LayerConfig {
    /// What the layer is called, in files too.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::TextConvolution { .. } => "text-convolution",
            Self::Convolution { .. } => "convolution",
            Self::Residual { .. } => "residual",
            Self::Pooling => "pooling",
            Self::Neurons { .. } => "neurons",
            Self::Dense { .. } => "dense",
            Self::Readout { .. } => "readout",
        }
    }

    /// The neurons of the layer, those that fire; none for pooling, residual blocks and the membrane read-out.
    #[must_use]
    pub fn firing_neuron(&self) -> Option<&NeuronParameters> {
        match self {
            Self::TextConvolution { neuron, .. }
            | Self::Convolution { neuron, .. }
            | Self::Neurons { neuron }
            | Self::Dense { neuron, .. }
            | Self::Readout { neuron, read: Readout::SpikeCount, .. } => Some(neuron),
            Self::Residual { .. } | Self::Pooling | Self::Readout { .. } => None,
        }
    }
}

/// What goes from one layer to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Spikes of the tokens, `[T, L, D]`.
    Tokens,
    /// Spikes of neurons at positions, `[T, P, F]` for each kernel width.
    Positions,
    /// Spikes summed over positions, `[T, C]`: whole numbers.
    Sums,
    /// Spikes of neurons that see the whole text, `[T, C]`.
    Spikes,
    /// Scores of the classes, `[K]`.
    Scores,
}

impl Signal {
    fn name(self) -> &'static str {
        match self {
            Self::Tokens => "spikes of the tokens",
            Self::Positions => "spikes at positions",
            Self::Sums => "spikes summed over positions",
            Self::Spikes => "spikes of the text",
            Self::Scores => "scores",
        }
    }
}

/// A layer in its place, never a residual block.
#[derive(Clone, Debug, PartialEq)]
pub struct Leaf {
    /// Its place in the chain and, within a residual block, in the block: `3`, `1.0`.
    pub path: String,
    /// What it is.
    pub layer: LayerConfig,
    /// What comes in.
    pub input: Signal,
    /// Numbers that come in at a step (and position): D or channels.
    pub inputs: usize,
    /// What goes out.
    pub output: Signal,
    /// Numbers that go out at a step (and position): channels C or outputs O.
    pub outputs: usize,
    /// The leaf whose output also drives this one, neuron by neuron; `None` but for the last of a residual block.
    pub shortcut: Option<usize>,
}

/// The sizes of a leaf's arrays; 0 where it has none of a kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeafSizes {
    /// Rows and columns of the synapses.
    pub synapses: [usize; 2],
    /// Currents of real tokens.
    pub presence: usize,
    /// Biases.
    pub bias: usize,
    /// Synapses of the shortcut, one a channel.
    pub shortcut: usize,
    /// Thresholds.
    pub thresholds: usize,
}

impl Leaf {
    /// How many numbers of which kind it holds.
    #[must_use]
    pub fn sizes(&self) -> LeafSizes {
        let (rows, columns) = (self.inputs, self.outputs);
        match &self.layer {
            LayerConfig::TextConvolution { shape, .. } => LeafSizes {
                synapses: [rows, shape.products()],
                presence: shape.products(),
                bias: columns,
                ..LeafSizes::default()
            },
            LayerConfig::Convolution { width, .. } => LeafSizes {
                synapses: [rows, width * columns],
                bias: columns,
                shortcut: if self.shortcut.is_some() { columns } else { 0 },
                ..LeafSizes::default()
            },
            LayerConfig::Dense { .. } | LayerConfig::Readout { .. } => {
                LeafSizes { synapses: [rows, columns], bias: columns, ..LeafSizes::default() }
            }
            LayerConfig::Neurons { .. } => LeafSizes { thresholds: columns, ..LeafSizes::default() },
            LayerConfig::Pooling | LayerConfig::Residual { .. } => LeafSizes::default(),
        }
    }
}

/// Layers that fit one after the other: from the tokens to the scores.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Vec<LayerConfig>", into = "Vec<LayerConfig>")]
pub struct Chain {
    layers: Vec<LayerConfig>,
    leaves: Vec<Leaf>,
}

impl TryFrom<Vec<LayerConfig>> for Chain {
    type Error = Error;

    fn try_from(layers: Vec<LayerConfig>) -> Result<Self> {
        Self::new(layers)
    }
}

impl From<Chain> for Vec<LayerConfig> {
    fn from(chain: Chain) -> Self {
        chain.layers
    }
}

/// The most layers of a chain, those inside residual blocks among them.
const MOST_LAYERS: usize = 64;

impl Chain {
    /// Puts layers together.
    ///
    /// # Errors
    /// If a layer cannot read what the one before gives, a size is out of bounds, or the chain does not end with its
    /// only read-out.
    pub fn new(layers: Vec<LayerConfig>) -> Result<Self> {
        let mut making = Making::default();
        for (at, layer) in layers.iter().enumerate() {
            match layer {
                LayerConfig::Residual { layers: inside } => making.residual(at, inside)?,
                layer => making.leaf(at.to_string(), layer, None)?,
            }
        }
        let leaves = making.leaves;
        match leaves.last().map(|leaf| leaf.output) {
            Some(Signal::Scores) => Ok(Self { layers, leaves }),
            end => {
                let got = end.map_or("no layer at all", Signal::name);
                Err(Error::invalid("network", "a chain of layers that ends with a read-out", got))
            }
        }
    }

    /// The layers as they were given.
    #[must_use]
    pub fn layers(&self) -> &[LayerConfig] {
        &self.layers
    }

    /// The layers in the order in which they run, residual blocks opened.
    #[must_use]
    pub fn leaves(&self) -> &[Leaf] {
        &self.leaves
    }

    /// The text convolution that every chain begins with.
    #[must_use]
    pub fn text_convolution(&self) -> (&ConvolutionShape, &NeuronParameters) {
        match &self.leaves[0].layer {
            LayerConfig::TextConvolution { shape, neuron } => (shape, neuron),
            _ => unreachable!("only a text convolution reads tokens"),
        }
    }

    /// The read-out that every chain ends with: classes, outputs of each, how they are read, and their neurons.
    #[must_use]
    pub fn readout(&self) -> (usize, usize, Readout, &NeuronParameters) {
        match &self.leaves[self.leaves.len() - 1].layer {
            LayerConfig::Readout { classes, outputs_per_class, read, neuron } => {
                (*classes, *outputs_per_class, *read, neuron)
            }
            _ => unreachable!("only a read-out gives scores"),
        }
    }

    /// Neurons at every position, of all layers that have such.
    pub(super) fn channels_at_positions(&self) -> usize {
        self.leaves.iter().filter(|leaf| leaf.output == Signal::Positions).map(|leaf| leaf.outputs).sum()
    }
}

/// A chain on the way.
#[derive(Default)]
struct Making {
    leaves: Vec<Leaf>,
}

impl Making {
    fn residual(&mut self, at: usize, inside: &[LayerConfig]) -> Result<()> {
        let refuse = |expected: &str, got: String| Err(Error::invalid("network", expected, got));
        let Some(first) = self.leaves.len().checked_sub(1) else {
            return refuse("a text convolution first", "a residual block".into());
        };
        if inside.is_empty() {
            return refuse("layers inside a residual block", "none".into());
        }
        for (i, layer) in inside.iter().enumerate() {
            if !matches!(layer, LayerConfig::Convolution { .. }) {
                return refuse("convolutions inside a residual block", layer.kind().into());
            }
            let shortcut = (i + 1 == inside.len()).then_some(first);
            self.leaf(format!("{at}.{i}"), layer, shortcut)?;
        }
        let (from, to) = (self.leaves[first].outputs, self.leaves[self.leaves.len() - 1].outputs);
        if from != to {
            return refuse(&format!("{from} channels out of a residual block, as many as go in"), to.to_string());
        }
        Ok(())
    }

    fn leaf(&mut self, path: String, layer: &LayerConfig, shortcut: Option<usize>) -> Result<()> {
        let bounded = |what: &str, value: usize, most: usize| {
            if (1..=most).contains(&value) {
                Ok(value)
            } else {
                Err(Error::invalid("network", format!("{what} from 1 to {most}"), value.to_string()))
            }
        };
        let before = self.leaves.last();
        let (input, inputs) = before.map_or((Signal::Tokens, 0), |leaf| (leaf.output, leaf.outputs));
        let widths = self.leaves.first().map_or(1, |leaf| match &leaf.layer {
            LayerConfig::TextConvolution { shape, .. } => shape.widths.len(),
            _ => 1,
        });
        if let Some(neuron) = neuron_of(layer) {
            check_neuron(neuron)?;
        }
        bounded("layers", self.leaves.len() + 1, MOST_LAYERS)?;
        let (inputs, output, outputs) = match (layer, input) {
            (LayerConfig::TextConvolution { shape, .. }, Signal::Tokens) => {
                bounded("number of kernel widths", shape.widths.len(), 16)?;
                for &width in &shape.widths {
                    bounded("kernel width", width, 64)?;
                }
                bounded("filters", shape.filters, 1 << 14)?;
                (bounded("dimension", shape.dimension, 1 << 14)?, Signal::Positions, shape.channels())
            }
            (LayerConfig::Convolution { width, filters, .. }, Signal::Positions) => {
                if widths != 1 {
                    let got = format!("{widths} widths");
                    let wanted = "a text convolution of one width below further convolutions";
                    return Err(Error::invalid("network", wanted, got));
                }
                bounded("kernel width", *width, 64)?;
                (inputs, Signal::Positions, bounded("filters", *filters, 1 << 14)?)
            }
            (LayerConfig::Pooling, Signal::Positions) => (inputs, Signal::Sums, inputs),
            (LayerConfig::Neurons { .. }, Signal::Sums) => (inputs, Signal::Spikes, inputs),
            (LayerConfig::Dense { neurons, .. }, Signal::Sums | Signal::Spikes) => {
                (inputs, Signal::Spikes, bounded("neurons", *neurons, 1 << 14)?)
            }
            (LayerConfig::Readout { classes, outputs_per_class, .. }, Signal::Sums | Signal::Spikes) => {
                bounded("classes", *classes, 1 << 16)?;
                (inputs, Signal::Scores, classes * bounded("outputs per class", *outputs_per_class, 1 << 10)?)
            }
            (layer, input) => {
                let wanted = format!("a layer that reads {}", input.name());
                return Err(Error::invalid("network", wanted, format!("{} as layer {path}", layer.kind())));
            }
        };
        self.leaves.push(Leaf { path, layer: layer.clone(), input, inputs, output, outputs, shortcut });
        Ok(())
    }
}

/// The neurons of a layer, whether they fire or not.
fn neuron_of(layer: &LayerConfig) -> Option<&NeuronParameters> {
    match layer {
        LayerConfig::TextConvolution { neuron, .. }
        | LayerConfig::Convolution { neuron, .. }
        | LayerConfig::Neurons { neuron }
        | LayerConfig::Dense { neuron, .. }
        | LayerConfig::Readout { neuron, .. } => Some(neuron),
        LayerConfig::Residual { .. } | LayerConfig::Pooling => None,
    }
}

fn check_neuron(neuron: &NeuronParameters) -> Result<()> {
    let sound = |what, good, value: f32| {
        if good { Ok(()) } else { Err(Error::invalid("network", what, value.to_string())) }
    };
    sound("beta from 0 to 1", (0.0..=1.0).contains(&neuron.beta), neuron.beta)?;
    sound("a threshold above 0", neuron.threshold > 0.0 && neuron.threshold.is_finite(), neuron.threshold)?;
    sound("a first membrane from 0 to below 1", (0.0..1.0).contains(&neuron.initial), neuron.initial)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(widths: &[usize], filters: usize) -> LayerConfig {
        let shape = ConvolutionShape { widths: widths.to_vec(), filters, dimension: 5 };
        LayerConfig::TextConvolution { shape, neuron: NeuronParameters::paper() }
    }

    fn convolution(filters: usize) -> LayerConfig {
        LayerConfig::Convolution { width: 3, filters, neuron: NeuronParameters::paper() }
    }

    fn readout() -> LayerConfig {
        let neuron = NeuronParameters::paper();
        LayerConfig::Readout { classes: 2, outputs_per_class: 3, read: Readout::Membrane, neuron }
    }

    #[test]
    fn leaves_follow_the_order_of_running() {
        let block = LayerConfig::Residual { layers: vec![convolution(9), convolution(4)] };
        let neurons = LayerConfig::Neurons { neuron: NeuronParameters::paper() };
        let chain =
            Chain::new(vec![text(&[3], 4), block, LayerConfig::Pooling, neurons, readout()]).expect("a chain");
        let paths: Vec<&str> = chain.leaves().iter().map(|leaf| leaf.path.as_str()).collect();
        assert_eq!(paths, ["0", "1.0", "1.1", "2", "3", "4"]);
        let sizes: Vec<_> = chain.leaves().iter().map(|leaf| leaf.sizes().synapses).collect();
        assert_eq!(sizes, [[5, 12], [4, 27], [9, 12], [0, 0], [0, 0], [4, 6]]);
        let shortcuts: Vec<_> = chain.leaves().iter().map(|leaf| (leaf.shortcut, leaf.sizes().shortcut)).collect();
        assert_eq!(shortcuts, [(None, 0), (None, 0), (Some(0), 4), (None, 0), (None, 0), (None, 0)]);
        assert_eq!(chain.channels_at_positions(), 4 + 9 + 4);
        let json = serde_json::to_string(&chain).expect("JSON");
        assert_eq!(serde_json::from_str::<Chain>(&json).expect("read"), chain);
    }

    #[test]
    fn layers_that_do_not_fit_are_refused() {
        let block = |layers| LayerConfig::Residual { layers };
        let neuron = NeuronParameters { threshold: 0.0, ..NeuronParameters::paper() };
        for (layers, word) in [
            (vec![], "no layer at all"),
            (vec![readout()], "spikes of the tokens"),
            (vec![text(&[3], 4)], "ends with a read-out"),
            (vec![text(&[3], 4), readout()], "readout as layer 1"),
            (vec![text(&[3], 4), LayerConfig::Pooling, readout(), readout()], "reads scores"),
            (vec![text(&[3, 4], 4), convolution(4), LayerConfig::Pooling, readout()], "one width"),
            (vec![text(&[3], 4), block(vec![]), LayerConfig::Pooling, readout()], "inside a residual block"),
            (vec![text(&[3], 4), block(vec![LayerConfig::Pooling]), readout()], "inside a residual block"),
            (vec![text(&[3], 4), block(vec![convolution(5)]), LayerConfig::Pooling, readout()], "as many as go in"),
            (vec![block(vec![convolution(5)]), LayerConfig::Pooling, readout()], "a text convolution first"),
            (vec![text(&[0], 4), LayerConfig::Pooling, readout()], "kernel width"),
            (vec![text(&[3], 0), LayerConfig::Pooling, readout()], "filters"),
            (vec![text(&[3], 4), LayerConfig::Pooling, LayerConfig::Neurons { neuron }, readout()], "threshold"),
        ] {
            let error = Chain::new(layers).expect_err(word).to_string();
            assert!(error.contains(word), "{word}: {error}");
        }
    }
}
