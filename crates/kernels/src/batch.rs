//! The shapes of a batch: ragged texts as rows of a table of distinct tokens, and the text convolution over them.

use crate::lanes::{LANES, Lanes, flat};

/// A token that makes no current at all: padding, or an unknown word under the silent policy.
pub const SILENT: u32 = u32::MAX;

/// A batch of texts of any length. Each position names a row of the table of distinct tokens that goes with the
/// batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenBatch {
    rows: Vec<u32>,
    offsets: Vec<usize>,
    padded_length: usize,
}

impl TokenBatch {
    /// An empty batch whose texts count as at least `padded_length` positions long (0: their own length).
    #[must_use]
    pub fn new(padded_length: usize) -> Self {
        Self { rows: Vec::new(), offsets: vec![0], padded_length }
    }

    /// Adds a text.
    pub fn push(&mut self, rows: impl IntoIterator<Item = u32>) {
        self.rows.extend(rows);
        self.offsets.push(self.rows.len());
    }

    /// Texts count as at least so many positions long.
    #[must_use]
    pub fn padded_length(&self) -> usize {
        self.padded_length
    }

    /// The number of texts B.
    #[must_use]
    pub fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Whether there is no text.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Positions of all texts together.
    #[must_use]
    pub fn tokens(&self) -> usize {
        self.rows.len()
    }

    /// How many positions the texts before text `b` have.
    #[must_use]
    pub fn start(&self, b: usize) -> usize {
        self.offsets[b]
    }

    /// The same texts over another table: `row` gives the new row of an old one. Silent tokens stay silent.
    #[must_use]
    pub fn with_rows(&self, row: impl Fn(u32) -> u32) -> Self {
        let rows = self.rows.iter().map(|&old| if old == SILENT { SILENT } else { row(old) }).collect();
        Self { rows, offsets: self.offsets.clone(), padded_length: self.padded_length }
    }

    /// Some of the texts, over the same table.
    #[must_use]
    pub fn texts(&self, range: std::ops::Range<usize>) -> Self {
        let mut part = Self::new(self.padded_length);
        range.for_each(|b| part.push(self.text(b).iter().copied()));
        part
    }

    /// The rows of text `b`, one for each token.
    #[must_use]
    pub fn text(&self, b: usize) -> &[u32] {
        &self.rows[self.offsets[b]..self.offsets[b + 1]]
    }

    /// Convolution positions P of text `b` for a kernel of `width`: the valid ones, and one for a text shorter than
    /// the kernel. The average of equation (5) is over these.
    #[must_use]
    pub fn positions(&self, b: usize, width: usize) -> usize {
        self.text(b).len().max(self.padded_length).max(width) - width + 1
    }

    /// Positions of text `b` at which a kernel of `width` can see a token; the rest of the padded length is silent.
    #[must_use]
    pub fn live_positions(&self, b: usize, width: usize) -> usize {
        self.text(b).len().min(self.positions(b, width))
    }

    /// The largest row named, if any text has a token that is not silent.
    #[must_use]
    pub fn last_row(&self) -> Option<u32> {
        self.rows.iter().copied().filter(|&row| row != SILENT).max()
    }
}

/// The text convolution: kernels of several widths, `filters` channels each (equation 2).
///
/// Weights are one matrix `[D, M]`, `M = filters x sum of widths`, columns ordered (width, tap, filter); channels are
/// ordered (width, filter).
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConvolutionShape {
    /// Kernel widths in tokens.
    pub widths: Vec<usize>,
    /// Channels of each width.
    pub filters: usize,
    /// Input dimension D.
    pub dimension: usize,
}

impl ConvolutionShape {
    /// All channels C.
    #[must_use]
    pub fn channels(&self) -> usize {
        self.widths.len() * self.filters
    }

    /// Token products M: one for each (width, tap, filter).
    #[must_use]
    pub fn products(&self) -> usize {
        self.widths.iter().sum::<usize>() * self.filters
    }

    /// The column of (width, tap 0, filter 0).
    #[must_use]
    pub fn first_product(&self, width_index: usize) -> usize {
        self.widths[..width_index].iter().sum::<usize>() * self.filters
    }

    /// Cuts the channels into strips of at most 64 of one width. A strip's products, (tap, channel), fill rows of
    /// [`LANES`] without gaps but at the end. Wide kernels come first.
    pub(crate) fn strips(&self) -> Vec<ChannelStrip> {
        let parts = self.filters.div_ceil(2 * LANES);
        let mut strips: Vec<ChannelStrip> = (0..self.widths.len())
            .flat_map(|width_index| {
                (0..parts).map(move |part| {
                    let (first, end) = (part * self.filters / parts, (part + 1) * self.filters / parts);
                    let (width, channels) = (self.widths[width_index], end - first);
                    ChannelStrip { width_index, width, first, channels }
                })
            })
            .collect();
        strips.sort_by_key(|strip| std::cmp::Reverse(strip.width));
        strips
    }
}

/// Consecutive channels of one kernel width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ChannelStrip {
    /// Which width.
    pub(crate) width_index: usize,
    /// The width in tokens.
    pub(crate) width: usize,
    /// First filter of the strip within its width.
    pub(crate) first: usize,
    /// Number of channels.
    pub(crate) channels: usize,
}

impl ChannelStrip {
    /// Columns of this strip's own weight matrix: (tap, channel).
    pub(crate) fn columns(&self) -> usize {
        self.width * self.channels
    }

    /// The strip's first channel among all channels.
    pub(crate) fn first_channel(&self, shape: &ConvolutionShape) -> usize {
        self.width_index * shape.filters + self.first
    }

    /// Where the channels of `tap` begin in a row of the full weight matrix.
    pub(crate) fn source_column(&self, shape: &ConvolutionShape, tap: usize) -> usize {
        shape.first_product(self.width_index) + tap * shape.filters + self.first
    }

    /// Copies the strip's columns out of `rows` rows of `[rows, M]` into `[rows, columns]`.
    pub(crate) fn gather(&self, shape: &ConvolutionShape, full: &[f32]) -> Vec<f32> {
        let mut own = Vec::with_capacity(full.len() / shape.products().max(1) * self.columns());
        for row in full.chunks_exact(shape.products()) {
            for tap in 0..self.width {
                own.extend_from_slice(&row[self.source_column(shape, tap)..][..self.channels]);
            }
        }
        own
    }

    /// Rows of [`LANES`] that the channels fill.
    pub(crate) fn channel_rows(&self) -> usize {
        self.channels.div_ceil(LANES)
    }

    /// Rows of [`LANES`] that the products of one (token, step) fill.
    pub(crate) fn product_rows(&self) -> usize {
        self.columns().div_ceil(LANES)
    }

    /// The channels of rows `[rows, C]` as `[rows, channel rows]` of lanes, those past the channels zero.
    pub(crate) fn take(&self, shape: &ConvolutionShape, rows: &[f32]) -> Vec<Lanes<f32>> {
        rows.chunks_exact(shape.channels())
            .flat_map(|row| row[self.first_channel(shape)..][..self.channels].chunks(LANES))
            .map(|lanes| Lanes::of(lanes, 0.0))
            .collect()
    }

    /// Copies the channels of `[rows, channel rows]` of lanes back into rows `[rows, C]`: the inverse of
    /// [`Self::take`].
    pub(crate) fn put(&self, shape: &ConvolutionShape, own: &[Lanes<f32>], rows: &mut [f32]) {
        for (row, own) in rows.chunks_exact_mut(shape.channels()).zip(own.chunks_exact(self.channel_rows())) {
            row[self.first_channel(shape)..][..self.channels].copy_from_slice(&flat(own)[..self.channels]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_follow_the_text_or_the_padded_length() {
        let mut own = TokenBatch::new(0);
        let mut padded = TokenBatch::new(6);
        for length in [0u32, 2, 3, 9] {
            own.push(0..length);
            padded.push(0..length);
        }
        let of = |batch: &TokenBatch| (0..4).map(|b| batch.positions(b, 3)).collect::<Vec<_>>();
        assert_eq!(of(&own), [1, 1, 1, 7]);
        assert_eq!(of(&padded), [4, 4, 4, 7]);
        assert_eq!((0..4).map(|b| padded.live_positions(b, 3)).collect::<Vec<_>>(), [0, 2, 3, 7]);
    }

    #[test]
    fn texts_move_to_another_table() {
        let mut batch = TokenBatch::new(6);
        batch.push([0, SILENT, 2]);
        batch.push([1]);
        let moved = batch.with_rows(|row| if row == 1 { SILENT } else { row / 2 });
        assert_eq!((moved.text(0), moved.text(1)), (&[0, SILENT, 1][..], &[SILENT][..]));
        assert_eq!((moved.tokens(), moved.start(1), moved.padded_length()), (4, 3, 6));
        let last = batch.texts(1..2);
        assert_eq!((last.len(), last.text(0), last.padded_length()), (1, &[1][..], 6));
    }

    #[test]
    fn strips_tile_the_weight_matrix() {
        let shape = ConvolutionShape { widths: vec![3, 4, 5], filters: 130, dimension: 2 };
        let full: Vec<f32> = (0..2 * shape.products()).map(|i| i as f32).collect();
        let rows: Vec<f32> = (0..3 * shape.channels()).map(|i| i as f32).collect();
        let (mut back, mut back_rows) = (vec![-1.0; full.len()], vec![-1.0; rows.len()]);
        for strip in shape.strips() {
            assert!(strip.channels <= 2 * LANES);
            for (row, own) in strip.gather(&shape, &full).chunks_exact(strip.columns()).enumerate() {
                for (tap, own) in own.chunks_exact(strip.channels).enumerate() {
                    let column = row * shape.products() + strip.source_column(&shape, tap);
                    back[column..][..strip.channels].copy_from_slice(own);
                }
            }
            strip.put(&shape, &strip.take(&shape, &rows), &mut back_rows);
        }
        assert_eq!((back, back_rows), (full, rows));
        assert!(shape.strips().windows(2).all(|pair| pair[0].width >= pair[1].width));
    }
}
