//! The spiking text convolution: spike trains in, spikes summed over positions out; forward and backward.
//!
//! ```text
//! Y[u,t,(k,j,f)] = q[(k,j,f)] + sum_d s[u,t,d] W[d,(k,j,f)]        once for each distinct token u and step t
//! i[p,t,(k,f)]   = b[k,f] + sum_j Y[row(p + j), t, (k,j,f)]
//! integrate and fire over t at each position p (equation 4), spikes z[p,t,(k,f)]
//! out[t,(k,f)]   = sum over p of z[p,t,(k,f)]                      whole numbers: the average is never formed
//! ```
//!
//! `q` is the presence input: a constant current of each real token at each tap, which centred training needs
//! (equation 10).
//!
//! The work is cut into strips, which share nothing and run in parallel, and a strip's time into chunks, so that the
//! token products of a chunk stay in a core's caches and memory does not grow with T. Where there are more threads
//! than strips, several share a strip forward: its tokens in the products, its texts in the scan.
//!
//! ```text
//! forward    for each chunk: products of its steps, then every position a few steps on (keeps a membrane a position)
//! backward   for each chunk, last first: products (saved or made again), membranes replayed from where it began,
//!            gradients back through its steps into those of the products, and from there into the weights
//! ```
//!
//! Graded codes (see [`crate::drive`]) multiply the products of each step by a power of two, or have one row of
//! products for all steps, put together from those of bit planes.
//!
//! # Words
//! - position: where a kernel lies over a text, `p` above. All silent ones of a text are one.
//! - strip: at most 64 channels of one width (`ChannelStrip`).
//! - chunk: a few steps of time.
//! - product: `Y` of one (token, step, tap, channel), the token's share of a current.
//! - row: 32 numbers side by side ([`crate::lanes`]). Channel rows are those that a strip's channels fill, product
//!   rows those that its (tap, channel) fill.
//! - set, group, section: 60 inputs whose sums are looked up together; six of them, which one table serves; an equal
//!   share of a set's groups, whose sums fit 16 bits.
//! - slot: where a [`WordMemory`] has the products of a word.
//! - window: the words that a position sees ([`windows`]).
//! - part: the share of a strip's work that one thread takes.
//!
//! # Files
//! From the bottom up: `layer` and `packed_weights` are what was trained, `positions` what the texts are, `inputs`
//! the spikes with what can be made of them ahead of time, `products` the token products, `float_products` those that
//! do not round to whole numbers, `bit_planes` those of constant currents, `scan` runs the neurons over them,
//! `gradient` takes the gradient of the products to that of the synapses, `memory` keeps products of words from one
//! batch to the next, `windows` gives the spikes of single windows of words, `counts` is what comes out, `reference`
//! says what all of it means.

mod bit_planes;
mod counts;
mod float_products;
mod gradient;
mod inputs;
mod layer;
mod memory;
mod packed_weights;
mod positions;
mod products;
pub mod reference;
mod scan;
#[cfg(test)]
mod tests;
pub mod windows;

use std::{borrow::Cow, collections::VecDeque};

pub use counts::Counts;
pub use inputs::{Inputs, Patterns};
pub use layer::{Gradients, SpikingConvolution, Weights};
pub use memory::{NewWords, TextPositions, WordMemory};
pub use packed_weights::PackedWeights;

use crate::{
    ChannelStrip, Drive, SpikeTrain, TokenBatch,
    drive::PHASES,
    lanes::Lanes,
    par_map,
    par_map::splits_per_item,
    spike_patterns::StepPatterns,
    workspace::{Buffer, Workspace},
};
use bit_planes::bit_plane_gradient;
use gradient::StripGradient;
use inputs::{Chunk, ChunkPatterns};
use layer::Strip;
use positions::Positions;
use products::{Lookups, ProductInputs, Products};
use scan::ChunkGradients;

/// What the forward pass leaves for the backward pass: the membranes of each strip where each chunk of time begins,
/// and the token products of the last chunks, as many as fit 64 MiB; the backward pass makes the others again.
#[derive(Debug)]
pub struct SavedForward {
    strips: Vec<SavedStrip>,
    lookups: Lookups,
}

#[derive(Debug)]
struct SavedStrip {
    /// `[chunk, position, channel rows]`.
    membranes: Buffer<Lanes<f32>>,
    /// Products of the last chunks.
    products: VecDeque<Products>,
}

/// The most bytes of token products that wait for the backward pass. Making products again costs about twice as much
/// as reading them back, but memory must not grow with T.
const SAVED_BYTES: usize = 64 << 20;

impl SpikingConvolution<'_> {
    /// Forward pass. `inputs` has a row of spikes for each (distinct token, step), `[U T, D]`, or what else the drive
    /// of the layer's time says. Returns spikes summed over positions, `[B, T, C]`.
    ///
    /// # Panics
    /// If a length does not fit the shape, or the batch names a token that has no rows.
    #[must_use]
    pub fn forward<'a>(&self, inputs: impl Into<Inputs<'a>>, batch: &TokenBatch) -> Vec<f32> {
        Pass::new(self, inputs.into(), batch, None).forward(false).0
    }

    /// [`Self::forward`] for training: returns also what [`Self::backward`] needs.
    ///
    /// # Panics
    /// As [`Self::forward`].
    #[must_use]
    pub fn forward_for_training<'a>(
        &self,
        inputs: impl Into<Inputs<'a>>,
        batch: &TokenBatch,
    ) -> (Vec<f32>, SavedForward) {
        let pass = Pass::new(self, inputs.into(), batch, None);
        let (counts, strips) = pass.forward(true);
        (counts, SavedForward { strips, lookups: pass.inputs.into_lookups() })
    }

    /// Backward pass: from the gradient with respect to the summed spikes, `[B, T, C]`. The layer, inputs and batch
    /// are those that [`Self::forward_for_training`] has seen.
    ///
    /// # Panics
    /// As [`Self::forward`].
    #[must_use]
    pub fn backward<'a>(
        &self,
        inputs: impl Into<Inputs<'a>>,
        batch: &TokenBatch,
        saved: &SavedForward,
        d_counts: &[f32],
    ) -> Gradients {
        let inputs = inputs.into();
        let lengths = (d_counts.len(), batch.len() * self.time.steps * self.shape.channels());
        assert_eq!(lengths.0, lengths.1, "spiking_convolution::backward: gradient of the sums");
        let pass = Pass::new(self, inputs, batch, Some(&saved.lookups));
        let made;
        let patterns = match inputs.patterns {
            Some(patterns) => &patterns.steps,
            None => {
                made = ChunkPatterns::of(&pass.strips, self.time, inputs.spikes);
                &made
            }
        };
        let strips = (0..pass.strips.len()).zip(&saved.strips);
        let gradients =
            par_map(strips, |(index, saved)| pass.backward_strip(index, saved, patterns.strip(index), d_counts));
        gradient::merged(self.shape, &pass.strips, &gradients)
    }

    /// Every spike of one text of a batch: a train `[T P, F]` for each width, row `t P + p`.
    ///
    /// # Panics
    /// As [`Self::forward`].
    #[must_use]
    pub fn trace(&self, spikes: &SpikeTrain, batch: &TokenBatch, text: usize) -> Vec<SpikeTrain> {
        let (shape, steps) = (self.shape, self.time.steps);
        let mut alone = TokenBatch::new(batch.padded_length());
        alone.push(batch.text(text).iter().copied());
        let pass = Pass::new(self, spikes.into(), &alone, None);
        let silent = |&width: &usize| SpikeTrain::silent(steps * alone.positions(0, width), shape.filters);
        let mut trains: Vec<SpikeTrain> = shape.widths.iter().map(silent).collect();
        for (index, channels) in pass.strips.iter().enumerate() {
            let (strip, positions) = (pass.strip(index), pass.positions_of(channels));
            let (all, train) = (alone.positions(0, channels.width), &mut trains[channels.width_index]);
            let products = pass.products(&strip, Chunk::all(steps));
            let view = products.view(self.time.drive, Chunk::all(steps));
            scan::observe(&strip, positions, view, |position, t, channel| {
                // The last one stands for all silent positions.
                let end = if position + 1 == positions.len() { all } else { position + 1 };
                (position..end).for_each(|p| train.set(t * all + p, channels.first + channel));
            });
        }
        trains
    }
}

/// One pass over a batch: what all strips read.
struct Pass<'a> {
    inputs: ProductInputs<'a>,
    batch: &'a TokenBatch,
    strips: Vec<ChannelStrip>,
    /// One for each width.
    positions: Cow<'a, [Positions]>,
}

impl<'a> Pass<'a> {
    /// `lookups` are those of the forward pass on the way back.
    fn new(
        layer: &SpikingConvolution<'a>,
        inputs: Inputs<'a>,
        batch: &'a TokenBatch,
        lookups: Option<&'a Lookups>,
    ) -> Self {
        let SpikingConvolution { shape, time, weights, .. } = *layer;
        let (spikes, rows) = (inputs.spikes, time.rows());
        assert_eq!(spikes.dimension(), shape.dimension, "spiking_convolution: dimension of the spikes");
        let synapses = shape.dimension * shape.products();
        assert_eq!(weights.synapses.len(), synapses, "spiking_convolution: synapses [D, M]");
        assert_eq!(weights.presence.len(), shape.products(), "spiking_convolution: presence [M]");
        assert_eq!(weights.bias.len(), shape.channels(), "spiking_convolution: bias [C]");
        assert!(
            time.steps > 0 && spikes.rows().is_multiple_of(rows),
            "spiking_convolution: {rows} rows of spikes a token"
        );
        let tokens = spikes.rows() / rows;
        let positions = match inputs.patterns {
            Some(Patterns { inputs, positions, .. }) => {
                assert_eq!(inputs.rows(), spikes.rows(), "spiking_convolution: patterns of these spikes");
                let fit = positions.iter().all(|positions| positions.texts().len() == batch.len());
                assert!(fit, "spiking_convolution: positions of these texts");
                Cow::Borrowed(&positions[..])
            }
            None => Cow::Owned(Positions::of_widths(shape, batch, tokens)),
        };
        if let Some(last) = batch.last_row() {
            assert!((last as usize) < tokens, "spiking_convolution: token {last}, {tokens} tokens of spikes");
        }
        Self { inputs: ProductInputs::new(*layer, inputs, lookups), batch, strips: shape.strips(), positions }
    }

    fn workspace(&self) -> &'a Workspace {
        self.inputs.layer.workspace
    }

    fn drive(&self) -> Drive {
        self.inputs.layer.time.drive
    }

    fn strip(&self, index: usize) -> Strip<'_> {
        let SpikingConvolution { shape, neuron, time, weights, .. } = self.inputs.layer;
        Strip::new(shape, index, &self.strips[index], neuron, weights.bias, time.steps)
    }

    fn positions_of(&self, strip: &ChannelStrip) -> &Positions {
        &self.positions[strip.width_index]
    }

    fn chunks(&self, strip: &Strip<'_>) -> Vec<Chunk> {
        Chunk::of_strip(strip.channels, self.inputs.tokens(), strip.steps)
    }

    /// The products of a chunk; of any chunk, where the current is constant.
    fn products(&self, strip: &Strip<'_>, chunk: Chunk) -> Products {
        match self.drive() {
            Drive::Spikes | Drive::Phases => Products::of_chunk(&self.inputs, strip, chunk),
            Drive::Current => Products::of_constant(&self.inputs, strip),
        }
    }

    /// Runs all strips forward; what the backward pass needs comes back only with `save`.
    fn forward(&self, save: bool) -> (Vec<f32>, Vec<SavedStrip>) {
        let results = par_map(0..self.strips.len(), |index| self.forward_strip(index, save));
        let (strips, saved): (Vec<_>, Vec<_>) = results.into_iter().unzip();
        let SpikingConvolution { shape, time, .. } = self.inputs.layer;
        let counts = Counts { shape: shape.clone(), steps: time.steps, strips };
        (counts.of_texts(0..self.batch.len()), saved)
    }

    /// Runs one strip forward.
    fn forward_strip(&self, index: usize, save: bool) -> (Buffer<Lanes<f32>>, SavedStrip) {
        let (workspace, drive, strip) = (self.workspace(), self.drive(), self.strip(index));
        let (positions, chunks) = (self.positions_of(strip.channels), self.chunks(&strip));
        let rows = strip.channels.channel_rows();
        let mut counts = workspace.zeros(self.batch.len() * strip.steps * rows);
        let mut membranes = workspace.take(positions.len() * rows);
        membranes.fill(Lanes::all(strip.neuron.first_membrane()));
        let mut saved_membranes = workspace.take(if save { chunks.len() * membranes.len() } else { 0 });
        let all_rows: usize = self.strips.iter().map(ChannelStrip::product_rows).sum();
        let budget = if save { SAVED_BYTES / all_rows.max(1) * strip.channels.product_rows() } else { 0 };
        let mut last: VecDeque<Products> = VecDeque::new();
        for (begun, &chunk) in chunks.iter().enumerate() {
            if save {
                saved_membranes[begun * membranes.len()..][..membranes.len()].copy_from_slice(&membranes);
            }
            // One row of products a token serves all steps of a constant current.
            if drive != Drive::Current || last.is_empty() {
                last.push_back(self.products(&strip, chunk));
            }
            if let Some(products) = last.back() {
                let (parts, view) = (splits_per_item(self.strips.len()), products.view(drive, chunk));
                scan::forward(&strip, positions, parts, view, &mut membranes, &mut counts);
            }
            let is_over = |last: &VecDeque<Products>| last.iter().map(Products::bytes).sum::<usize>() > budget;
            while drive != Drive::Current && !last.is_empty() && is_over(&last) {
                last.pop_front();
            }
        }
        (counts, SavedStrip { membranes: saved_membranes, products: last })
    }

    /// Runs one strip backward.
    fn backward_strip(
        &self,
        index: usize,
        saved: &SavedStrip,
        patterns: &[StepPatterns],
        d_counts: &[f32],
    ) -> StripGradient {
        let (shape, workspace, drive, strip) =
            (self.inputs.layer.shape, self.workspace(), self.drive(), self.strip(index));
        let (positions, chunks) = (self.positions_of(strip.channels), self.chunks(&strip));
        let d_counts = strip.channels.take(shape, d_counts);
        let mut gradient = StripGradient::new(strip.channels, shape.dimension, workspace);
        // The gradient of each position's membrane after the last step of the chunk.
        let each = positions.len() * strip.channels.channel_rows();
        let mut d_membranes = workspace.zeros(each);
        // A constant current gathers its gradient over all chunks.
        let constant = saved.products.back().filter(|_| drive == Drive::Current);
        let mut d_constant = workspace.zeros(constant.map_or(0, Products::len));
        for (begun, &chunk) in chunks.iter().enumerate().rev() {
            let gradients = ChunkGradients {
                d_counts: &d_counts,
                membranes: &saved.membranes[begun * each..][..each],
                d_membranes: &mut d_membranes,
                d_products: &mut d_constant,
                d_bias: &mut gradient.bias,
            };
            if let Some(products) = constant {
                scan::backward(&strip, positions, products.view(drive, chunk), gradients);
                continue;
            }
            let made;
            let products = match (begun + saved.products.len()).checked_sub(chunks.len()) {
                Some(waiting) => &saved.products[waiting],
                None => {
                    made = self.products(&strip, chunk);
                    &made
                }
            };
            let mut d_products = workspace.zeros(products.len());
            let gradients = ChunkGradients { d_products: &mut d_products, ..gradients };
            scan::backward(&strip, positions, products.view(drive, chunk), gradients);
            self.weigh(strip.channels, chunk, &mut d_products);
            gradient.add(&patterns[begun], &d_products, chunk.count);
        }
        if constant.is_some() {
            let planes = bit_plane_gradient(strip.channels, self.inputs.tokens(), &d_constant, workspace);
            gradient.add(&patterns[0], &planes, PHASES);
        }
        gradient
    }

    /// Turns the gradient of a chunk's currents into that of its products, `[token, step, product rows]`.
    fn weigh(&self, strip: &ChannelStrip, chunk: Chunk, d_products: &mut [Lanes<f32>]) {
        if self.drive() != Drive::Phases {
            return;
        }
        let gains = self.drive().gains();
        for (row, d_products) in d_products.chunks_mut(strip.product_rows()).enumerate() {
            let gain = gains[(chunk.first + row % chunk.count) % PHASES];
            d_products.iter_mut().flat_map(|row| &mut row.0).for_each(|d| *d *= gain);
        }
    }
}
