//! Spikes of single windows of words, and sums of them.
//!
//! A convolution neuron sees `width` words at a time and its spikes depend on nothing else. So the spikes of a
//! window, once known, serve every text that holds these words in this order, and since spikes are added up as whole
//! numbers, a text's sum is that of its windows in any order: that of a like text, less the windows that left, plus
//! those that came, to the bit.
//!
//! The channels of one width lie in rows of [`LANES`], strip after strip, each strip beginning a row
//! ([`channel_lanes`]). A spike is a byte: bits take an eighth of the memory, but adding them up took four to ten
//! times as long, with AVX2 and with AVX-512.

// By index: what runs over arrays of lanes reads as the formula does, and becomes vectors.
#![allow(clippy::needless_range_loop)]

use macro_rules_attribute::apply;

use super::{layer::Strip, memory::WordMemory, positions::check_width, scan};
use crate::{
    ConvolutionShape, NeuronParameters,
    lanes::{LANES, Lanes},
};

/// Rows of [`LANES`] that the channels of one width fill.
#[must_use]
pub fn rows_a_step(shape: &ConvolutionShape) -> usize {
    strips_of(shape, 0).map(|(_, _, rows)| rows).sum()
}

/// The lane of each filter of a width, row after row, `[F]`: ascending, with gaps.
#[must_use]
pub fn channel_lanes(shape: &ConvolutionShape) -> Vec<usize> {
    let strips = shape.strips();
    strips_of(shape, 0)
        .flat_map(|(index, first, _)| (0..strips[index].channels).map(move |c| first * LANES + c))
        .collect()
}

/// The strips of one width in the order of their channels, as (index among all strips, first row, rows).
fn strips_of(shape: &ConvolutionShape, width_index: usize) -> impl Iterator<Item = (usize, usize, usize)> {
    let mut first = 0;
    let strips = shape.strips().into_iter().enumerate();
    strips.filter(move |(_, strip)| strip.width_index == width_index).map(move |(index, strip)| {
        first += strip.channel_rows();
        (index, first - strip.channel_rows(), strip.channel_rows())
    })
}

impl WordMemory {
    /// The spikes of windows of one width. `windows`, `[N, width]`, names the slot of each word; `spikes`,
    /// `[N, T, rows a step]`, gets 1 for a spike and 0 for none. Lanes of no channel get anything.
    ///
    /// # Panics
    /// If a window names a slot that was never filled, or a length does not fit the shape.
    pub fn windows(
        &self,
        neuron: &NeuronParameters,
        bias: &[f32],
        width_index: usize,
        windows: &[u32],
        spikes: &mut [[u8; LANES]],
    ) {
        let (shape, steps) = (&self.shape, self.time.steps);
        let (width, across) = (shape.widths[width_index], rows_a_step(shape));
        check_width(width);
        assert_eq!(bias.len(), shape.channels(), "WordMemory::windows: bias [C]");
        assert_eq!(spikes.len() * width, windows.len() * steps * across, "WordMemory::windows: spikes [N, T, rows]");
        for (index, first, _) in strips_of(shape, width_index) {
            let (channels, products) = &self.strips[index];
            let strip = Strip::new(shape, index, channels, neuron, bias, steps);
            scan::windows(&strip, windows, self.view(products), first, across, spikes);
        }
    }
}

/// So many spikes or fewer of either sign are added up in a byte.
const BYTE: usize = 127;

/// Changes counts, `[T, rows a step]`, by windows of one width: the spikes of `more` are added, those of `less` taken
/// away. `spikes`, `[N, T, rows a step]`, holds those of all windows that have a number.
///
/// # Panics
/// If a window has no spikes in `spikes`.
#[apply(every_processor!)]
pub fn change_counts(spikes: &[[u8; LANES]], more: &[u32], less: &[u32], counts: &mut [Lanes<f32>]) {
    // So many rows of sums stay next to the registers.
    const ROWS: usize = 64;
    let each = counts.len();
    for (part, counts) in counts.chunks_mut(ROWS).enumerate() {
        let rows = counts.len();
        let of = |window: u32| &spikes[window as usize * each + part * ROWS..][..rows];
        let (mut more, mut less) = (more, less);
        while !more.is_empty() || !less.is_empty() {
            let (more_now, more_left) = more.split_at(more.len().min(BYTE));
            let (less_now, less_left) = less.split_at(less.len().min(BYTE));
            (more, less) = (more_left, less_left);
            let mut sums = [[0u8; LANES]; ROWS];
            for &window in more_now {
                for (sum, spikes) in sums.iter_mut().zip(of(window)) {
                    for lane in 0..LANES {
                        sum[lane] = sum[lane].wrapping_add(spikes[lane]);
                    }
                }
            }
            for &window in less_now {
                for (sum, spikes) in sums.iter_mut().zip(of(window)) {
                    for lane in 0..LANES {
                        sum[lane] = sum[lane].wrapping_sub(spikes[lane]);
                    }
                }
            }
            for (count, sum) in counts.iter_mut().zip(&sums) {
                for lane in 0..LANES {
                    count.0[lane] += f32::from(sum[lane].cast_signed());
                }
            }
        }
    }
}

/// Adds `times` times the spikes of one window to counts, both `[T, rows a step]`.
#[apply(every_processor!)]
pub fn add_window(spikes: &[[u8; LANES]], times: f32, counts: &mut [Lanes<f32>]) {
    for (count, spikes) in counts.iter_mut().zip(spikes) {
        for lane in 0..LANES {
            count.0[lane] += times * f32::from(spikes[lane]);
        }
    }
}
