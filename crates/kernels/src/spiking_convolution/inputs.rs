//! Spikes as the layer takes them: with what the passes read of spikes and texts, where somebody has made it ahead of
//! time.

use rayon::prelude::*;

use super::positions::Positions;
use crate::{
    ChannelStrip, ConvolutionShape, Drive, SpikeTrain, Time, TokenBatch,
    drive::PHASES,
    lanes::LANES,
    spike_patterns::{GROUP_STEPS, InputPatterns, StepPatterns},
};

/// The most steps of a chunk.
pub(super) const LONGEST_CHUNK: usize = 16;

/// Spikes of the distinct tokens, a row for each (token, step) or what else the drive says.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// `[U T, D]`.
    pub spikes: &'a SpikeTrain,
    /// Their patterns, if they were made before; else each pass makes what it needs.
    pub patterns: Option<&'a Patterns>,
}

impl<'a> From<&'a SpikeTrain> for Inputs<'a> {
    fn from(spikes: &'a SpikeTrain) -> Self {
        Self { spikes, patterns: None }
    }
}

/// All that a forward and a backward pass read of spikes and texts. It depends on no weight, so it can be made before
/// they are known.
#[derive(Clone, Debug)]
pub struct Patterns {
    /// What the forward pass reads.
    pub(super) inputs: InputPatterns,
    /// What the backward pass reads.
    pub(super) steps: ChunkPatterns,
    /// One for each width.
    pub(super) positions: Vec<Positions>,
}

impl Patterns {
    /// The patterns of spikes that the layer will see, and the positions of the texts.
    ///
    /// # Panics
    /// If there are no steps, or a kernel is wider than the layer allows.
    #[must_use]
    pub fn of(shape: &ConvolutionShape, time: impl Into<Time>, spikes: &SpikeTrain, batch: &TokenBatch) -> Self {
        let time = time.into();
        assert!(time.steps > 0, "Patterns::of: a step at least");
        Self {
            inputs: InputPatterns::of(spikes),
            steps: ChunkPatterns::of(&shape.strips(), time, spikes),
            positions: Positions::of_widths(shape, batch, spikes.rows() / time.rows()),
        }
    }
}

/// A few steps of time that are worked on together: `first..first + count`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Chunk {
    pub(super) first: usize,
    /// T'.
    pub(super) count: usize,
}

impl Chunk {
    /// All steps at once.
    pub(super) fn all(steps: usize) -> Self {
        Self { first: 0, count: steps }
    }

    /// Those of a strip's time. Their length follows from the shapes alone: what a strip holds of a chunk (six bytes
    /// for a product and its gradient) should stay in a core's share of the last cache.
    pub(super) fn of_strip(strip: &ChannelStrip, tokens: usize, steps: usize) -> Vec<Self> {
        const BYTES: usize = 6 << 20;
        let a_step = (tokens + 1) * strip.product_rows() * size_of::<[[u8; 6]; LANES]>();
        let length = (BYTES / a_step / GROUP_STEPS * GROUP_STEPS).clamp(GROUP_STEPS, LONGEST_CHUNK);
        (0..steps).step_by(length).map(|first| Self { first, count: length.min(steps - first) }).collect()
    }
}

/// The patterns that the weight gradient of each strip reads, chunk by chunk. Strips whose time is cut alike, as most
/// are, share theirs.
#[derive(Clone, Debug)]
pub(super) struct ChunkPatterns {
    different: Vec<Vec<StepPatterns>>,
    /// Which of them each strip reads.
    of_strip: Vec<usize>,
}

impl ChunkPatterns {
    pub(super) fn of(strips: &[ChannelStrip], time: Time, spikes: &SpikeTrain) -> Self {
        let tokens = spikes.rows() / time.rows();
        let cut = |strip: &ChannelStrip| match time.drive {
            Drive::Current => vec![Chunk::all(PHASES)],
            Drive::Spikes | Drive::Phases => Chunk::of_strip(strip, tokens, time.steps),
        };
        let cuts: Vec<Vec<Chunk>> = strips.iter().map(cut).collect();
        let mut different = cuts.clone();
        different.dedup();
        let index = |cut| different.iter().position(|other| other == cut).unwrap_or(0);
        let of_strip = cuts.iter().map(index).collect();
        let patterns = |chunk: &Chunk| StepPatterns::of(spikes, time.rows(), chunk.first, chunk.count);
        let different = different.iter().map(|cut| cut.par_iter().map(patterns).collect()).collect();
        Self { different, of_strip }
    }

    /// Those of the chunks of a strip.
    pub(super) fn strip(&self, index: usize) -> &[StepPatterns] {
        &self.different[self.of_strip[index]]
    }
}
