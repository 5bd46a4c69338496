//! The positions of a batch at which a kernel of one width sees tokens.

use std::ops::Range;

use crate::{ConvolutionShape, SILENT, TokenBatch};

/// The widest kernel.
pub(super) const WIDEST: usize = 64;

/// The positions of all texts for one width. Those of a text past its last token all see the bias alone, so that one
/// of them, the last of its text, stands for all.
#[derive(Clone, Debug)]
pub(super) struct Positions {
    width: usize,
    /// The token under each tap, `[position, width]`; one of them stands for silence.
    tokens: Vec<u32>,
    /// How many positions each of them stands for.
    multiplicities: Vec<f32>,
    /// The end of each text's positions.
    ends: Vec<usize>,
}

impl Positions {
    /// Of a batch; `silence` is the token that stands for silence.
    fn new(batch: &TokenBatch, width: usize, silence: u32) -> Self {
        let mut positions = Self { width, tokens: Vec::new(), multiplicities: Vec::new(), ends: Vec::new() };
        for b in 0..batch.len() {
            let (text, live) = (batch.text(b), batch.live_positions(b, width));
            for p in 0..live {
                let seen =
                    (p..p + width).map(|i| text.get(i).copied().filter(|&row| row != SILENT).unwrap_or(silence));
                positions.tokens.extend(seen);
            }
            positions.multiplicities.resize(positions.multiplicities.len() + live, 1.0);
            let silent = batch.positions(b, width) - live;
            if silent > 0 {
                positions.tokens.resize(positions.tokens.len() + width, silence);
                positions.multiplicities.push(silent as f32);
            }
            positions.ends.push(positions.multiplicities.len());
        }
        positions
    }

    /// Those of each width over a table of so many tokens; the number behind the last token stands for silence.
    ///
    /// # Panics
    /// If a kernel is wider than [`WIDEST`].
    pub(super) fn of_widths(shape: &ConvolutionShape, batch: &TokenBatch, tokens: usize) -> Vec<Self> {
        let silence = u32::try_from(tokens).expect("fewer than 2^32 tokens");
        let of_width = |&width: &usize| {
            check_width(width);
            Self::new(batch, width, silence)
        };
        shape.widths.iter().map(of_width).collect()
    }

    /// [`Self::of_widths`] over slots, of which the first, 0, stands for silence.
    pub(super) fn of_slots(shape: &ConvolutionShape, batch: &TokenBatch) -> Vec<Self> {
        Self::of_widths(shape, batch, 0)
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.multiplicities.len()
    }

    /// All texts.
    pub(super) fn texts(&self) -> Range<usize> {
        0..self.ends.len()
    }

    /// Those of text `b`.
    #[inline]
    pub(super) fn of_text(&self, b: usize) -> Range<usize> {
        self.of_texts(b..b + 1)
    }

    /// Those of some texts, one after the other.
    #[inline]
    pub(super) fn of_texts(&self, texts: Range<usize>) -> Range<usize> {
        let end = |texts: usize| if texts == 0 { 0 } else { self.ends[texts - 1] };
        end(texts.start)..end(texts.end)
    }

    /// How many positions a position stands for.
    #[inline(always)]
    pub(super) fn multiplicity(&self, position: usize) -> f32 {
        self.multiplicities[position]
    }

    /// The token under each tap.
    #[inline(always)]
    pub(super) fn tokens(&self, position: usize) -> &[u32] {
        &self.tokens[position * self.width..][..self.width]
    }

    /// The texts in at most so many ranges of about as many positions each.
    pub(super) fn split(&self, parts: usize) -> Vec<Range<usize>> {
        let mut ranges = Vec::with_capacity(parts);
        let mut first = 0;
        for part in 1..=parts {
            let end = self.ends.partition_point(|&end| end * parts <= self.len() * part);
            if end > first {
                ranges.push(first..end);
                first = end;
            }
        }
        ranges
    }
}

/// # Panics
/// If a kernel of so many tokens is wider than [`WIDEST`].
pub(super) fn check_width(width: usize) {
    assert!(width <= WIDEST, "spiking_convolution: kernel of {width} tokens, at most {WIDEST}");
}
