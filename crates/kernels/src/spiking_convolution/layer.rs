//! The layer as all its passes read it: shapes, neurons, time, weights; and one strip of its channels.

use super::packed_weights::PackedWeights;
use crate::{
    ChannelStrip, ConvolutionShape, NeuronParameters, Time,
    lanes::{LANES, Lanes},
    workspace::Workspace,
};

/// A spiking text convolution: everything but the batch.
#[derive(Clone, Copy, Debug)]
pub struct SpikingConvolution<'a> {
    /// Kernel widths and channels.
    pub shape: &'a ConvolutionShape,
    /// The neurons at every position.
    pub neuron: &'a NeuronParameters,
    /// Time steps T, and what drives them.
    pub time: Time,
    /// Trained numbers.
    pub weights: Weights<'a>,
    /// Memory for the passes.
    pub workspace: &'a Workspace,
}

/// Trained numbers of the layer.
#[derive(Clone, Copy, Debug)]
pub struct Weights<'a> {
    /// Synapses W, `[D, M]`.
    pub synapses: &'a [f32],
    /// Presence currents q, `[M]`.
    pub presence: &'a [f32],
    /// Biases b, `[C]`.
    pub bias: &'a [f32],
    /// The synapses and presence currents as whole numbers, if that was done before: worth it where the same weights
    /// run again.
    pub packed: Option<&'a PackedWeights>,
}

impl<'a> Weights<'a> {
    /// Weights of which nothing is prepared.
    #[must_use]
    pub fn new(synapses: &'a [f32], presence: &'a [f32], bias: &'a [f32]) -> Self {
        Self { synapses, presence, bias, packed: None }
    }
}

/// Gradients of the loss, in the shapes of [`Weights`].
#[derive(Clone, Debug)]
pub struct Gradients {
    /// With respect to the synapses, `[D, M]`.
    pub synapses: Vec<f32>,
    /// With respect to the presence currents, `[M]`.
    pub presence: Vec<f32>,
    /// With respect to the biases, `[C]`.
    pub bias: Vec<f32>,
}

/// One strip of the channels with its neurons.
pub(super) struct Strip<'a> {
    pub(super) channels: &'a ChannelStrip,
    /// Which of the shape's strips it is.
    pub(super) index: usize,
    pub(super) neuron: &'a NeuronParameters,
    /// `[channel rows]`.
    pub(super) bias: Vec<Lanes<f32>>,
    /// Time steps T.
    pub(super) steps: usize,
}

impl<'a> Strip<'a> {
    /// `bias` is that of all channels, `[C]`.
    pub(super) fn new(
        shape: &ConvolutionShape,
        index: usize,
        channels: &'a ChannelStrip,
        neuron: &'a NeuronParameters,
        bias: &[f32],
        steps: usize,
    ) -> Self {
        let bias = &bias[channels.first_channel(shape)..][..channels.channels];
        let bias = bias.chunks(LANES).map(|lanes| Lanes::of(lanes, 0.0)).collect();
        Self { channels, index, neuron, bias, steps }
    }
}
