//! The neurons of a strip over a chunk of time: forward, backward, and one spike after the other.

// By index: what runs over several arrays of lanes at once reads as the formula does, and becomes vectors.
#![allow(clippy::needless_range_loop)]

use std::ops::Range;

use multiversion::multiversion;
use rayon::prelude::*;

use super::products::{Rows, Strip, View};
use crate::{
    ChannelStrip, Drive, Fire, NeuronParameters, Reset, SILENT, TokenBatch, Workspace,
    drive::PHASES,
    lanes::{LANES, Lanes, at, at_mut, flat, flat_mut},
    neuron::{step, step_backward, usual},
};

/// The positions of a batch at which a kernel of one width sees tokens. Positions of a text past its last token all see
/// the bias alone: one place stands for all of them.
#[derive(Clone, Debug)]
pub(super) struct Places {
    width: usize,
    /// The token under each tap, `[place, width]`; one of them stands for silence.
    tokens: Vec<u32>,
    /// How many positions a place stands for.
    weights: Vec<f32>,
    /// The end of each text's places.
    ends: Vec<usize>,
}

impl Places {
    pub(super) fn new(batch: &TokenBatch, width: usize, silence: u32) -> Self {
        let mut places = Self { width, tokens: Vec::new(), weights: Vec::new(), ends: Vec::new() };
        for b in 0..batch.len() {
            let (text, live) = (batch.text(b), batch.live_positions(b, width));
            for p in 0..live {
                let seen =
                    (p..p + width).map(|i| text.get(i).copied().filter(|&row| row != SILENT).unwrap_or(silence));
                places.tokens.extend(seen);
            }
            places.weights.resize(places.weights.len() + live, 1.0);
            let silent = batch.positions(b, width) - live;
            if silent > 0 {
                places.tokens.resize(places.tokens.len() + width, silence);
                places.weights.push(silent as f32);
            }
            places.ends.push(places.weights.len());
        }
        places
    }

    pub(super) fn len(&self) -> usize {
        self.weights.len()
    }

    /// The place at which text `b` begins; behind the last text, where the places end.
    fn start(&self, b: usize) -> usize {
        if b == 0 { 0 } else { self.ends[b - 1] }
    }

    /// All texts.
    pub(super) fn texts(&self) -> Range<usize> {
        0..self.ends.len()
    }

    /// The texts in at most so many ranges of about as many places each.
    fn cut(&self, parts: usize) -> Vec<Range<usize>> {
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

    /// Where the products of each tap of a place begin: which number of those of a chunk.
    #[inline(always)]
    fn taps<'a>(&self, place: usize, chunk: &Layout, taps: &'a mut [usize; WIDEST]) -> &'a [usize] {
        chunk.taps(&self.tokens[place * self.width..][..self.width], taps)
    }
}

/// How the numbers of a chunk lie.
#[derive(Clone, Copy)]
struct Layout {
    first: usize,
    count: usize,
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
    fn new(chunk: View<'_>, strip: &ChannelStrip) -> Self {
        let across = strip.product_rows() * LANES;
        let (a_token, a_step) = match chunk.drive {
            Drive::Spikes | Drive::Phases => (chunk.count * across, across),
            Drive::Current => (across, 0),
        };
        let (gains, channels, rows) = (chunk.drive.gains(), strip.channels, strip.channel_rows());
        Self { first: chunk.first, count: chunk.count, a_token, a_step, gains, channels, rows }
    }

    /// Where the products of each of a place's tokens begin.
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
        self.gains[(self.first + t) % PHASES]
    }
}

/// The widest kernel.
pub(super) const WIDEST: usize = 64;

/// Token products of either kind.
trait Product: Copy {
    /// What currents are summed in, exact for whole numbers.
    type Sum: Copy;
    const ZERO: Self::Sum;
    fn add(self, sum: Self::Sum) -> Self::Sum;
    fn current(sum: Self::Sum, unit: f32) -> f32;
}

impl Product for i16 {
    type Sum = i32;
    const ZERO: i32 = 0;
    #[inline(always)]
    fn add(self, sum: i32) -> i32 {
        sum + i32::from(self)
    }
    #[inline(always)]
    fn current(sum: i32, unit: f32) -> f32 {
        sum as f32 * unit
    }
}

impl Product for i32 {
    type Sum = i32;
    const ZERO: i32 = 0;
    #[inline(always)]
    fn add(self, sum: i32) -> i32 {
        sum + self
    }
    #[inline(always)]
    fn current(sum: i32, unit: f32) -> f32 {
        sum as f32 * unit
    }
}

impl Product for f32 {
    type Sum = f32;
    const ZERO: f32 = 0.0;
    #[inline(always)]
    fn add(self, sum: f32) -> f32 {
        sum + self
    }
    #[inline(always)]
    fn current(sum: f32, unit: f32) -> f32 {
        sum * unit
    }
}

/// The currents of one place, row of channels and step, from where its taps' numbers begin.
#[inline(always)]
fn currents<P: Product>(
    (products, unit): (&[P], f32),
    taps: &[usize],
    offset: usize,
    bias: &Lanes<f32>,
) -> Lanes<f32> {
    let mut sums = [P::ZERO; LANES];
    for first in taps {
        let row = at(products, first + offset);
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

/// The products with their unit at step t of a chunk. Gains are powers of two: nothing is rounded.
#[inline(always)]
fn at_step<'a, P>((products, unit): (&'a [P], f32), layout: &Layout, t: usize) -> (&'a [P], f32) {
    (products, unit * layout.gain(t))
}

/// Calls `$body` with the taps as a slice whose length the compiler knows for the usual widths, so that it unrolls loops over
/// them.
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

/// [`forward`] over all texts, in `parts` that threads may share.
#[allow(clippy::too_many_arguments)]
pub(super) fn forward_in_parts(
    neuron: &NeuronParameters,
    places: &Places,
    parts: usize,
    chunk: View<'_>,
    strip: &Strip<'_>,
    steps: usize,
    membranes: &mut [Lanes<f32>],
    counts: &mut [Lanes<f32>],
) {
    if parts < 2 {
        return forward(neuron, places, places.texts(), chunk, strip, steps, membranes, counts);
    }
    let rows = strip.strip.channel_rows();
    let (mut membranes, mut counts) = (membranes, counts);
    let mut tasks = Vec::with_capacity(parts);
    for texts in places.cut(parts) {
        let (own, rest) = membranes.split_at_mut((places.start(texts.end) - places.start(texts.start)) * rows);
        let (own_counts, rest_counts) = counts.split_at_mut(texts.len() * steps * rows);
        tasks.push((texts, own, own_counts));
        (membranes, counts) = (rest, rest_counts);
    }
    tasks.into_par_iter().for_each(|(texts, membranes, counts)| {
        forward(neuron, places, texts, chunk, strip, steps, membranes, counts);
    });
}

/// [`forward`] over all texts and all time from its beginning, in `parts` that threads may share. No membrane is needed after.
pub(super) fn forward_afresh(
    neuron: &NeuronParameters,
    places: &Places,
    parts: usize,
    all: View<'_>,
    strip: &Strip<'_>,
    counts: &mut [Lanes<f32>],
    workspace: &Workspace,
) {
    let (rows, steps) = (strip.strip.channel_rows(), all.count);
    let run = |(texts, counts): (Range<usize>, &mut [Lanes<f32>])| {
        let own = places.start(texts.end) - places.start(texts.start);
        let mut membranes = workspace.take(own * rows);
        membranes.fill(Lanes::all(neuron.first_membrane()));
        forward(neuron, places, texts, all, strip, steps, &mut membranes, counts);
    };
    if parts < 2 {
        return run((places.texts(), counts));
    }
    let (mut counts, mut tasks) = (counts, Vec::with_capacity(parts));
    for texts in places.cut(parts) {
        let (own, rest) = counts.split_at_mut(texts.len() * steps * rows);
        tasks.push((texts, own));
        counts = rest;
    }
    tasks.into_par_iter().for_each(run);
}

/// Runs every place of some texts of a strip through a chunk of time. `membranes`, `[place, channel rows]`, are those of these
/// texts alone; so are `counts`, `[B, T, channel rows]`, which gain the spikes of all places.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
#[allow(clippy::too_many_arguments)]
pub(super) fn forward(
    neuron: &NeuronParameters,
    places: &Places,
    texts: Range<usize>,
    chunk: View<'_>,
    strip: &Strip<'_>,
    steps: usize,
    membranes: &mut [Lanes<f32>],
    counts: &mut [Lanes<f32>],
) {
    let layout = Layout::new(chunk, strip.strip);
    let bias = &strip.bias;
    match chunk.products {
        Rows::Narrow(rows, unit) => {
            run_places(neuron, (places, texts), layout, (flat(rows), unit), bias, steps, membranes, counts);
        }
        Rows::Wide(rows, unit) => {
            run_places(neuron, (places, texts), layout, (flat(rows), unit), bias, steps, membranes, counts);
        }
        Rows::Numbers(rows) => {
            run_places(neuron, (places, texts), layout, (flat(rows), 1.0), bias, steps, membranes, counts);
        }
    }
}

#[inline(always)]
#[allow(clippy::too_many_arguments)]
fn run_places<P: Product>(
    neuron: &NeuronParameters,
    (places, texts): (&Places, Range<usize>),
    layout: Layout,
    products: (&[P], f32),
    bias: &[Lanes<f32>],
    steps: usize,
    membranes: &mut [Lanes<f32>],
    counts: &mut [Lanes<f32>],
) {
    // The usual neuron is known to the compiler, so that no choice is left in the loop over lanes.
    let soft = NeuronParameters { reset: Reset::Soft, ..*neuron };
    let mut taps = [0; WIDEST];
    let first_place = places.start(texts.start);
    for (own, b) in texts.enumerate() {
        let counts = &mut counts[(own * steps + layout.first) * layout.rows..][..layout.count * layout.rows];
        for place in places.start(b)..places.ends[b] {
            let taps = places.taps(place, &layout, &mut taps);
            let weight = places.weights[place];
            let membranes = &mut membranes[(place - first_place) * layout.rows..][..layout.rows];
            unrolled!(taps, |taps| match neuron.reset {
                Reset::Soft => run_place(&soft, layout, products, taps, bias, weight, membranes, counts),
                Reset::Hard => run_place(neuron, layout, products, taps, bias, weight, membranes, counts),
            });
        }
    }
}

/// One place through a chunk.
#[inline(always)]
#[allow(clippy::too_many_arguments)]
fn run_place<P: Product>(
    neuron: &NeuronParameters,
    layout: Layout,
    products: (&[P], f32),
    taps: &[usize],
    bias: &[Lanes<f32>],
    weight: f32,
    membranes: &mut [Lanes<f32>],
    counts: &mut [Lanes<f32>],
) {
    for row in 0..layout.rows {
        let (mut membrane, bias) = (membranes[row], bias[row]);
        for t in 0..layout.count {
            let current = currents(at_step(products, &layout, t), taps, t * layout.a_step + row * LANES, &bias);
            let mut count = counts[t * layout.rows + row];
            for lane in 0..LANES {
                let membrane = &mut membrane.0[lane];
                let (spike, _) = step(neuron, Fire::Step, neuron.threshold, 1.0, membrane, current.0[lane]);
                count.0[lane] += weight * spike;
            }
            counts[t * layout.rows + row] = count;
        }
        membranes[row] = membrane;
    }
}

/// Runs windows, each a place of its own, through all steps. `tokens` is `[N, width]`. `spikes`, `[N, T, across]` rows of a
/// byte a channel, gets 1 where a neuron fires and 0 elsewhere, in the rows of each step from `first` on; lanes past the strip's
/// channels hold anything.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
pub(super) fn windows(
    neuron: &NeuronParameters,
    tokens: &[u32],
    chunk: View<'_>,
    strip: &Strip<'_>,
    rows: (usize, usize),
    spikes: &mut [[u8; LANES]],
) {
    let (layout, width, bias) = (Layout::new(chunk, strip.strip), strip.strip.width, &strip.bias);
    match chunk.products {
        Rows::Narrow(products, unit) => {
            run_windows(neuron, (tokens, width), layout, (flat(products), unit), bias, rows, spikes);
        }
        Rows::Wide(products, unit) => {
            run_windows(neuron, (tokens, width), layout, (flat(products), unit), bias, rows, spikes);
        }
        Rows::Numbers(products) => {
            run_windows(neuron, (tokens, width), layout, (flat(products), 1.0), bias, rows, spikes);
        }
    }
}

#[inline(always)]
fn run_windows<P: Product>(
    neuron: &NeuronParameters,
    (tokens, width): (&[u32], usize),
    layout: Layout,
    products: (&[P], f32),
    bias: &[Lanes<f32>],
    (first, across): (usize, usize),
    spikes: &mut [[u8; LANES]],
) {
    let soft = NeuronParameters { reset: Reset::Soft, ..*neuron };
    let mut taps = [0; WIDEST];
    for (tokens, spikes) in tokens.chunks_exact(width).zip(spikes.chunks_exact_mut(layout.count * across)) {
        let taps = layout.taps(tokens, &mut taps);
        unrolled!(taps, |taps| match neuron.reset {
            Reset::Soft => run_window(&soft, layout, products, taps, bias, (first, across), spikes),
            Reset::Hard => run_window(neuron, layout, products, taps, bias, (first, across), spikes),
        });
    }
}

/// One window through all steps.
#[inline(always)]
fn run_window<P: Product>(
    neuron: &NeuronParameters,
    layout: Layout,
    products: (&[P], f32),
    taps: &[usize],
    bias: &[Lanes<f32>],
    (first, across): (usize, usize),
    spikes: &mut [[u8; LANES]],
) {
    for row in 0..layout.rows {
        let (mut membrane, bias) = (Lanes::all(neuron.first_membrane()), bias[row]);
        for (t, spikes) in spikes.chunks_exact_mut(across).enumerate() {
            let current = currents(at_step(products, &layout, t), taps, t * layout.a_step + row * LANES, &bias);
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
pub(super) struct Back<'a> {
    /// Gradient of the summed spikes, `[B, T, channel rows]`.
    pub(super) up: &'a [Lanes<f32>],
    /// The membranes of each place where the chunk begins, `[place, channel rows]`.
    pub(super) membranes: &'a [Lanes<f32>],
    /// The gradient of the membranes of each place after the chunk; becomes that before the chunk.
    pub(super) d_membranes: &'a mut [Lanes<f32>],
    /// Gains the gradient of the products, row for row.
    pub(super) d_products: &'a mut [Lanes<f32>],
    /// Gains the gradient of the biases, `[channel rows]`.
    pub(super) d_bias: &'a mut [Lanes<f32>],
}

/// Replays every place of a strip through a chunk of time and sends the gradient back through it into the token products.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
pub(super) fn backward(
    neuron: &NeuronParameters,
    places: &Places,
    chunk: View<'_>,
    strip: &Strip<'_>,
    steps: usize,
    back: Back<'_>,
) {
    let layout = Layout::new(chunk, strip.strip);
    let bias = &strip.bias;
    match chunk.products {
        Rows::Narrow(rows, unit) => replay_places(neuron, places, layout, (flat(rows), unit), bias, steps, back),
        Rows::Wide(rows, unit) => replay_places(neuron, places, layout, (flat(rows), unit), bias, steps, back),
        Rows::Numbers(rows) => replay_places(neuron, places, layout, (flat(rows), 1.0), bias, steps, back),
    }
}

#[inline(always)]
fn replay_places<P: Product>(
    neuron: &NeuronParameters,
    places: &Places,
    layout: Layout,
    products: (&[P], f32),
    bias: &[Lanes<f32>],
    steps: usize,
    back: Back<'_>,
) {
    let mut taps = [0; WIDEST];
    let d_products = flat_mut(back.d_products);
    for b in places.texts() {
        let up = &back.up[(b * steps + layout.first) * layout.rows..][..layout.count * layout.rows];
        for place in places.start(b)..places.ends[b] {
            let taps = places.taps(place, &layout, &mut taps);
            let weight = places.weights[place];
            for row in 0..layout.rows {
                let one = One {
                    layout,
                    row,
                    bias: &bias[row],
                    weight,
                    membrane: &back.membranes[place * layout.rows + row],
                };
                let d_membrane = &mut back.d_membranes[place * layout.rows + row];
                let out = (d_membrane, &mut *d_products, &mut back.d_bias[row]);
                unrolled!(taps, |taps| usual!(neuron, |neuron| replay_place(neuron, one, products, taps, up, out)));
            }
        }
    }
}

/// One place and row of channels.
#[derive(Clone, Copy)]
struct One<'a> {
    layout: Layout,
    row: usize,
    bias: &'a Lanes<f32>,
    /// How many positions the place stands for.
    weight: f32,
    /// The membrane where the chunk begins.
    membrane: &'a Lanes<f32>,
}

/// One place and row of channels through a chunk and back.
#[inline(always)]
fn replay_place<P: Product>(
    neuron: &NeuronParameters,
    One { layout, row, bias, weight, membrane }: One<'_>,
    products: (&[P], f32),
    taps: &[usize],
    up: &[Lanes<f32>],
    (d_membrane, d_products, d_bias): (&mut Lanes<f32>, &mut [f32], &mut Lanes<f32>),
) {
    let mut all_charged = [Lanes::all(0.0); super::LONGEST_CHUNK];
    let mut membrane = *membrane;
    for (t, charged) in all_charged[..layout.count].iter_mut().enumerate() {
        let current = currents(at_step(products, &layout, t), taps, t * layout.a_step + row * LANES, bias);
        for lane in 0..LANES {
            let membrane = &mut membrane.0[lane];
            (_, charged.0[lane]) = step(neuron, Fire::Step, neuron.threshold, 1.0, membrane, current.0[lane]);
        }
    }
    // The gradient of the membrane after the reset, then that of the charged one.
    let (mut delta, mut bias) = (*d_membrane, *d_bias);
    for t in (0..layout.count).rev() {
        let (charged, up) = (all_charged[t], up[t * layout.rows + row]);
        for lane in 0..LANES {
            let charged = charged.0[lane];
            let spike = Fire::Step.spike(neuron.surrogate, charged - neuron.threshold);
            let (up, d_membrane) = (up.0[lane], delta.0[lane]);
            delta.0[lane] = step_backward(neuron, neuron.threshold, 1.0, charged, spike, up, d_membrane);
        }
        for lane in 0..LANES {
            bias.0[lane] += weight * delta.0[lane];
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

/// Runs every place through a chunk that begins with the first step and tells `see` of each spike: (place, step, channel).
pub(super) fn observe(
    neuron: &NeuronParameters,
    places: &Places,
    chunk: View<'_>,
    strip: &Strip<'_>,
    mut see: impl FnMut(usize, usize, usize),
) {
    let layout = Layout::new(chunk, strip.strip);
    let mut taps = [0; WIDEST];
    for place in 0..places.len() {
        let taps = places.taps(place, &layout, &mut taps);
        for (row, bias) in strip.bias.iter().enumerate() {
            let mut membrane = Lanes::all(neuron.first_membrane());
            for t in 0..layout.count {
                let (offset, gain) = (t * layout.a_step + row * LANES, layout.gain(t));
                let current = match chunk.products {
                    Rows::Narrow(rows, unit) => currents((flat(rows), gain * unit), taps, offset, bias),
                    Rows::Wide(rows, unit) => currents((flat(rows), gain * unit), taps, offset, bias),
                    Rows::Numbers(rows) => currents((flat(rows), gain), taps, offset, bias),
                };
                for lane in 0..LANES.min(layout.channels - row * LANES) {
                    let (membrane, current) = (&mut membrane.0[lane], current.0[lane]);
                    let (spike, _) = step(neuron, Fire::Step, neuron.threshold, 1.0, membrane, current);
                    if spike > 0.0 {
                        see(place, t, row * LANES + lane);
                    }
                }
            }
        }
    }
}
