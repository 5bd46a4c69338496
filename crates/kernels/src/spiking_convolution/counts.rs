//! Spikes of each channel summed over the positions of each text.

use std::ops::Range;

use crate::{ConvolutionShape, lanes::Lanes, workspace::Buffer};

/// Summed spikes, strip by strip.
#[derive(Debug)]
pub struct Counts {
    pub(super) shape: ConvolutionShape,
    /// Time steps T.
    pub(super) steps: usize,
    /// `[B, T, channel rows]` of each strip.
    pub(super) strips: Vec<Buffer<Lanes<f32>>>,
}

impl Counts {
    /// Those of some texts, `[B, T, C]`.
    #[must_use]
    pub fn of_texts(&self, texts: Range<usize>) -> Vec<f32> {
        let mut out = vec![0.0; texts.len() * self.steps * self.shape.channels()];
        for (strip, counts) in self.shape.strips().iter().zip(&self.strips) {
            let a_text = self.steps * strip.channel_rows();
            strip.put(&self.shape, &counts[texts.start * a_text..texts.end * a_text], &mut out);
        }
        out
    }
}
