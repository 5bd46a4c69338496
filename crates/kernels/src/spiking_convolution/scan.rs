//! The neurons of a strip over a chunk of time: forward, backward, and one spike after the other.

// By index: what runs over several arrays of lanes at once reads as the formula does, and becomes vectors.
#![allow(clippy::needless_range_loop)]

use std::ops::Range;

use macro_rules_attribute::apply;
use rayon::prelude::*;

use super::{
    inputs::{Chunk, LONGEST_CHUNK},
    layer::Strip,
    positions::{Positions, WIDEST},
    products::{Product, ProductView, with_rows},
};
use crate::{
    ChannelStrip, Drive, Fire, NeuronParameters, Workspace,
    drive::PHASES,
    lanes::{LANES, Lanes, at, at_mut, flat, flat_mut},
    neuron::{known_neuron, step, step_backward},
};

/// How the numbers of a chunk lie.
#[derive(Clone, Copy)]
struct Layout {
    chunk: Chunk,
    /// Numbers from one token to the next.
    a_token: usize,
    /// Numbers from one step to the next; none where all steps share them.
    a_step: usize,
    /// What products are multiplied by at each step of a period.
    gains: [f32; PHASES],
    /// Numbers from one tap to the next.
    channels: usize,
    /// Rows that the channels fill.
    rows: usize,
}

impl Layout {
    fn new(ProductView { chunk, drive, .. }: ProductView<'_>, strip: &ChannelStrip) -> Self {
        let across = strip.product_rows() * LANES;
        let (a_token, a_step) = match drive {
            Drive::Spikes | Drive::Phases => (chunk.count * across, across),
            Drive::Current => (across, 0),
        };
        let (gains, channels, rows) = (drive.gains(), strip.channels, strip.channel_rows());
        Self { chunk, a_token, a_step, gains, channels, rows }
    }

    /// Where the products of each of a position's tokens begin: which number of those of the chunk.
    #[inline(always)]
    fn taps<'a>(&self, tokens: &[u32], taps: &'a mut [usize; WIDEST]) -> &'a [usize] {
        for (tap, (first, &token)) in taps.iter_mut().zip(tokens).enumerate() {
            *first = token as usize * self.a_token + tap * self.channels;
        }
        &taps[..tokens.len()]
    }

    /// What products are multiplied by at step t of the chunk.
    #[inline(always)]
    fn gain(&self, t: usize) -> f32 {
        self.gains[(self.chunk.first + t) % PHASES]
    }
}

/// Products of one kind, and how they become currents.
#[derive(Clone, Copy)]
struct Currents<'a, P> {
    products: &'a [P],
    unit: f32,
    layout: Layout,
}

impl<P: Product> Currents<'_, P> {
    /// The currents of one position and row of channels at step t of the chunk, from where its taps' numbers begin.
    #[inline(always)]
    fn at(&self, taps: &[usize], t: usize, row: usize, bias: &Lanes<f32>) -> Lanes<f32> {
        // Gains are powers of two: nothing is rounded.
        let (offset, unit) = (t * self.layout.a_step + row * LANES, self.unit * self.layout.gain(t));
        let mut sums = [P::ZERO; LANES];
        for first in taps {
            let row = at(self.products, first + offset);
            for lane in 0..LANES {
                sums[lane] = row[lane].add(sums[lane]);
            }
        }
        let mut out = *bias;
        for lane in 0..LANES {
            out.0[lane] += P::current(sums[lane], unit);
        }
        out
    }
}

/// Calls `$body` with the taps as a slice whose length the compiler knows for the usual widths, so that it unrolls
/// loops over them.
macro_rules! unrolled {
    ($taps:expr, |$known:ident| $body:expr) => {
        match $taps.len() {
            1 => {
                let $known = &$taps[..1];
                $body
            }
            2 => {
                let $known = &$taps[..2];
                $body
            }
            3 => {
                let $known = &$taps[..3];
                $body
            }
            4 => {
                let $known = &$taps[..4];
                $body
            }
            5 => {
                let $known = &$taps[..5];
                $body
            }
            _ => {
                let $known = &$taps[..];
                $body
            }
        }
    };
}

/// Runs every position of all texts of a strip through a chunk of time, in `parts` that threads may share.
/// `membranes`, `[position, channel rows]`, become those after the chunk; `counts`, `[B, T, channel rows]`, gain the
/// spikes of all positions.
pub(super) fn forward(
    strip: &Strip<'_>,
    positions: &Positions,
    parts: usize,
    products: ProductView<'_>,
    membranes: &mut [Lanes<f32>],
    counts: &mut [Lanes<f32>],
) {
    if parts < 2 {
        return forward_texts(strip, positions, positions.texts(), products, membranes, counts);
    }
    let rows = strip.channels.channel_rows();
    let (mut membranes, mut counts) = (membranes, counts);
    let mut tasks = Vec::with_capacity(parts);
    for texts in positions.split(parts) {
        let (own, rest) = membranes.split_at_mut(positions.of_texts(texts.clone()).len() * rows);
        let (own_counts, rest_counts) = counts.split_at_mut(texts.len() * strip.steps * rows);
        tasks.push((texts, own, own_counts));
        (membranes, counts) = (rest, rest_counts);
    }
    tasks.into_par_iter().for_each(|(texts, membranes, counts)| {
        forward_texts(strip, positions, texts, products, membranes, counts);
    });
}

/// [`forward`] over all time from its beginning. No membrane is needed after.
pub(super) fn forward_afresh(
    strip: &Strip<'_>,
    positions: &Positions,
    parts: usize,
    products: ProductView<'_>,
    counts: &mut [Lanes<f32>],
    workspace: &Workspace,
) {
    let rows = strip.channels.channel_rows();
    let run = |(texts, counts): (Range<usize>, &mut [Lanes<f32>])| {
        let mut membranes = workspace.take(positions.of_texts(texts.clone()).len() * rows);
        membranes.fill(Lanes::all(strip.neuron.first_membrane()));
        forward_texts(strip, positions, texts, products, &mut membranes, counts);
    };
    if parts < 2 {
        return run((positions.texts(), counts));
    }
    let (mut counts, mut tasks) = (counts, Vec::with_capacity(parts));
    for texts in positions.split(parts) {
        let (own, rest) = counts.split_at_mut(texts.len() * strip.steps * rows);
        tasks.push((texts, own));
        counts = rest;
    }
    tasks.into_par_iter().for_each(run);
}

/// [`forward`] of some texts: `membranes` and `counts` are those of these texts alone.
#[apply(every_processor!)]
fn forward_texts(
    strip: &Strip<'_>,
    positions: &Positions,
    texts: Range<usize>,
    products: ProductView<'_>,
    membranes: &mut [Lanes<f32>],
    counts: &mut [Lanes<f32>],
) {
    let layout = Layout::new(products, strip.channels);
    with_rows!(products.rows, |rows, unit| {
        let currents = Currents { products: flat(rows), unit, layout };
        run_positions(strip, positions, texts, currents, membranes, counts);
    });
}

#[inline(always)]
fn run_positions<P: Product>(
    strip: &Strip<'_>,
    positions: &Positions,
    texts: Range<usize>,
    currents: Currents<'_, P>,
    membranes: &mut [Lanes<f32>],
    counts: &mut [Lanes<f32>],
) {
    let (layout, neuron, bias) = (currents.layout, strip.neuron, &strip.bias[..]);
    let mut taps = [0; WIDEST];
    let first_position = positions.of_texts(texts.clone()).start;
    for (own, b) in texts.enumerate() {
        let first_row = (own * strip.steps + layout.chunk.first) * layout.rows;
        let counts = &mut counts[first_row..][..layout.chunk.count * layout.rows];
        for position in positions.of_text(b) {
            let taps = layout.taps(positions.tokens(position), &mut taps);
            let multiplicity = positions.multiplicity(position);
            let membranes = &mut membranes[(position - first_position) * layout.rows..][..layout.rows];
            unrolled!(taps, |taps| known_neuron!(forward, neuron, |neuron| {
                run_position(neuron, currents, taps, bias, multiplicity, membranes, counts);
            }));
        }
    }
}

/// One position through a chunk.
#[inline(always)]
fn run_position<P: Product>(
    neuron: &NeuronParameters,
    currents: Currents<'_, P>,
    taps: &[usize],
    bias: &[Lanes<f32>],
    multiplicity: f32,
    membranes: &mut [Lanes<f32>],
    counts: &mut [Lanes<f32>],
) {
    let layout = currents.layout;
    for row in 0..layout.rows {
        let (mut membrane, bias) = (membranes[row], bias[row]);
        for t in 0..layout.chunk.count {
            let current = currents.at(taps, t, row, &bias);
            let mut count = counts[t * layout.rows + row];
            for lane in 0..LANES {
                let membrane = &mut membrane.0[lane];
                let (spike, _) = step(neuron, Fire::Step, neuron.threshold, 1.0, membrane, current.0[lane]);
                count.0[lane] += multiplicity * spike;
            }
            counts[t * layout.rows + row] = count;
        }
        membranes[row] = membrane;
    }
}

/// Runs windows, each a position of its own, through all steps. `tokens` is `[N, width]`. `spikes`, `[N, T, across]`
/// rows of a byte a channel, gets 1 where a neuron fires and 0 elsewhere, in the rows of each step from `first` on;
/// lanes past the strip's channels hold anything.
#[apply(every_processor!)]
pub(super) fn windows(
    strip: &Strip<'_>,
    tokens: &[u32],
    products: ProductView<'_>,
    first: usize,
    across: usize,
    spikes: &mut [[u8; LANES]],
) {
    let layout = Layout::new(products, strip.channels);
    with_rows!(products.rows, |rows, unit| {
        run_windows(strip, tokens, Currents { products: flat(rows), unit, layout }, first, across, spikes);
    });
}

#[inline(always)]
fn run_windows<P: Product>(
    strip: &Strip<'_>,
    tokens: &[u32],
    currents: Currents<'_, P>,
    first: usize,
    across: usize,
    spikes: &mut [[u8; LANES]],
) {
    let (layout, neuron, bias) = (currents.layout, strip.neuron, &strip.bias[..]);
    let mut taps = [0; WIDEST];
    let each = layout.chunk.count * across;
    for (tokens, spikes) in tokens.chunks_exact(strip.channels.width).zip(spikes.chunks_exact_mut(each)) {
        let taps = layout.taps(tokens, &mut taps);
        unrolled!(taps, |taps| known_neuron!(forward, neuron, |neuron| {
            run_window(neuron, currents, taps, bias, first, across, spikes);
        }));
    }
}

/// One window through all steps.
#[inline(always)]
fn run_window<P: Product>(
    neuron: &NeuronParameters,
    currents: Currents<'_, P>,
    taps: &[usize],
    bias: &[Lanes<f32>],
    first: usize,
    across: usize,
    spikes: &mut [[u8; LANES]],
) {
    for row in 0..currents.layout.rows {
        let (mut membrane, bias) = (Lanes::all(neuron.first_membrane()), bias[row]);
        for (t, spikes) in spikes.chunks_exact_mut(across).enumerate() {
            let current = currents.at(taps, t, row, &bias);
            let spikes = &mut spikes[first + row];
            for lane in 0..LANES {
                let membrane = &mut membrane.0[lane];
                let (spike, _) = step(neuron, Fire::Step, neuron.threshold, 1.0, membrane, current.0[lane]);
                spikes[lane] = u8::from(spike > 0.0);
            }
        }
    }
}

/// Gradients of a chunk: what goes into [`backward`] and what comes out.
pub(super) struct ChunkGradients<'a> {
    /// Gradient of the summed spikes, `[B, T, channel rows]`.
    pub(super) d_counts: &'a [Lanes<f32>],
    /// The membranes of each position where the chunk begins, `[position, channel rows]`.
    pub(super) membranes: &'a [Lanes<f32>],
    /// The gradient of the membranes of each position after the chunk; becomes that before the chunk.
    pub(super) d_membranes: &'a mut [Lanes<f32>],
    /// Gains the gradient of the products, row for row.
    pub(super) d_products: &'a mut [Lanes<f32>],
    /// Gains the gradient of the biases, `[channel rows]`.
    pub(super) d_bias: &'a mut [Lanes<f32>],
}

/// Replays every position of a strip through a chunk of time and sends the gradient back through it into the token
/// products.
#[apply(every_processor!)]
pub(super) fn backward(
    strip: &Strip<'_>,
    positions: &Positions,
    products: ProductView<'_>,
    gradients: ChunkGradients<'_>,
) {
    let layout = Layout::new(products, strip.channels);
    with_rows!(products.rows, |rows, unit| {
        replay_positions(strip, positions, Currents { products: flat(rows), unit, layout }, gradients);
    });
}

#[inline(always)]
fn replay_positions<P: Product>(
    strip: &Strip<'_>,
    positions: &Positions,
    currents: Currents<'_, P>,
    gradients: ChunkGradients<'_>,
) {
    let (layout, neuron) = (currents.layout, strip.neuron);
    let mut taps = [0; WIDEST];
    let d_products = flat_mut(gradients.d_products);
    for b in positions.texts() {
        let first_row = (b * strip.steps + layout.chunk.first) * layout.rows;
        let d_counts = &gradients.d_counts[first_row..][..layout.chunk.count * layout.rows];
        for position in positions.of_text(b) {
            let taps = layout.taps(positions.tokens(position), &mut taps);
            let multiplicity = positions.multiplicity(position);
            for row in 0..layout.rows {
                let at = position * layout.rows + row;
                let (membrane, bias) = (&gradients.membranes[at], &strip.bias[row]);
                let own = PositionRow { row, bias, multiplicity, membrane };
                let out = RowGradients {
                    d_membrane: &mut gradients.d_membranes[at],
                    d_products: &mut *d_products,
                    d_bias: &mut gradients.d_bias[row],
                };
                unrolled!(taps, |taps| known_neuron!(backward, neuron, |neuron| {
                    replay_position(neuron, currents, taps, own, d_counts, out);
                }));
            }
        }
    }
}

/// One position and row of channels.
#[derive(Clone, Copy)]
struct PositionRow<'a> {
    row: usize,
    bias: &'a Lanes<f32>,
    /// How many positions the position stands for.
    multiplicity: f32,
    /// The membrane where the chunk begins.
    membrane: &'a Lanes<f32>,
}

/// What the gradients of one position and row of channels are added to.
struct RowGradients<'a> {
    d_membrane: &'a mut Lanes<f32>,
    d_products: &'a mut [f32],
    d_bias: &'a mut Lanes<f32>,
}

/// One position and row of channels through a chunk and back. `d_counts` is the gradient of the summed spikes of the text,
/// `[T', channel rows]`.
#[inline(always)]
fn replay_position<P: Product>(
    neuron: &NeuronParameters,
    currents: Currents<'_, P>,
    taps: &[usize],
    PositionRow { row, bias, multiplicity, membrane }: PositionRow<'_>,
    d_counts: &[Lanes<f32>],
    RowGradients { d_membrane, d_products, d_bias }: RowGradients<'_>,
) {
    let layout = currents.layout;
    let mut all_charged = [Lanes::all(0.0); LONGEST_CHUNK];
    let mut membrane = *membrane;
    for (t, charged) in all_charged[..layout.chunk.count].iter_mut().enumerate() {
        let current = currents.at(taps, t, row, bias);
        for lane in 0..LANES {
            let membrane = &mut membrane.0[lane];
            (_, charged.0[lane]) = step(neuron, Fire::Step, neuron.threshold, 1.0, membrane, current.0[lane]);
        }
    }
    // The gradient of the membrane after the reset, then that of the charged one.
    let (mut delta, mut bias) = (*d_membrane, *d_bias);
    for t in (0..layout.chunk.count).rev() {
        let (charged, d_count) = (all_charged[t], d_counts[t * layout.rows + row]);
        for lane in 0..LANES {
            let charged = charged.0[lane];
            let spike = Fire::Step.spike(neuron.surrogate, charged - neuron.threshold);
            let (d_spike, d_membrane) = (d_count.0[lane], delta.0[lane]);
            delta.0[lane] = step_backward(neuron, neuron.threshold, 1.0, charged, spike, d_spike, d_membrane);
        }
        for lane in 0..LANES {
            bias.0[lane] += multiplicity * delta.0[lane];
        }
        for first in taps {
            // Lanes past the channels hold zeros: added to the numbers of the next tap, they change nothing.
            let out = at_mut(d_products, first + t * layout.a_step + row * LANES);
            for lane in 0..LANES {
                out[lane] += delta.0[lane];
            }
        }
        for lane in 0..LANES {
            delta.0[lane] *= neuron.beta;
        }
    }
    (*d_membrane, *d_bias) = (delta, bias);
}

/// Runs every position through a chunk that begins with the first step and tells `see` of each spike: (position,
/// step, channel).
pub(super) fn observe(
    strip: &Strip<'_>,
    positions: &Positions,
    products: ProductView<'_>,
    mut see: impl FnMut(usize, usize, usize),
) {
    let (layout, neuron) = (Layout::new(products, strip.channels), strip.neuron);
    let mut taps = [0; WIDEST];
    for position in 0..positions.len() {
        let taps = layout.taps(positions.tokens(position), &mut taps);
        for (row, bias) in strip.bias.iter().enumerate() {
            let mut membrane = Lanes::all(neuron.first_membrane());
            for t in 0..layout.chunk.count {
                let current = with_rows!(products.rows, |rows, unit| {
                    Currents { products: flat(rows), unit, layout }.at(taps, t, row, bias)
                });
                for lane in 0..LANES.min(layout.channels - row * LANES) {
                    let (membrane, current) = (&mut membrane.0[lane], current.0[lane]);
                    let (spike, _) = step(neuron, Fire::Step, neuron.threshold, 1.0, membrane, current);
                    if spike > 0.0 {
                        see(position, t, row * LANES + lane);
                    }
                }
            }
        }
    }
}
