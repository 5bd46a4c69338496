//! Token products of words over all steps, kept from one batch to the next: the spikes of a word are the same wherever it
//! stands, and a few hundred words make most of any text.

use super::{
    merged, places_of,
    products::{Packed, PackedStrip, Rows, Strip, Sums, View, look_up_narrow, look_up_wide, widen},
    scan,
};
use crate::{
    ChannelStrip, ConvolutionShape, NeuronParameters, SpikeTrain, TokenBatch, in_turn,
    lanes::Lanes,
    spike_patterns::InputPatterns,
    workspace::{Buffer, Workspace},
};

/// Places and steps below which the calling thread does all the work itself: waking others takes longer.
const ALONE: usize = 1 << 14;

/// Products of words, each in a slot that the caller gives it. Slot 0 is silence.
#[derive(Clone, Debug)]
pub struct WordMemory {
    steps: usize,
    unit: f32,
    strips: Vec<(ChannelStrip, Kept)>,
}

/// Products of one strip, `[slot, T, product rows]`, and a few rows more for readers that begin within the last.
#[derive(Clone, Debug)]
enum Kept {
    /// In 16 bits.
    Narrow(Vec<Lanes<i16>>),
    /// In 32 bits, since some product has left 16.
    Wide(Vec<Lanes<i32>>),
}

impl Kept {
    /// Makes room for so many rows. Where they were reserved, nothing moves.
    fn grow(&mut self, rows: usize) {
        match self {
            Self::Narrow(own) => own.resize(rows.max(own.len()), Lanes::all(0)),
            Self::Wide(own) => own.resize(rows.max(own.len()), Lanes::all(0)),
        }
    }

    fn fill(&mut self, packed: &PackedStrip, patterns: &InputPatterns, steps: usize, slots: &[u32]) {
        if let Self::Narrow(rows) = self {
            if packed.sums == Sums::Narrow && look_up_narrow(packed, patterns, steps, (0, steps), slots, rows) {
                return;
            }
            // What was reserved stays reserved.
            let mut wide = Vec::with_capacity(rows.capacity());
            wide.extend(rows.iter().map(|row| widen(*row)));
            *self = Self::Wide(wide);
        }
        if let Self::Wide(rows) = self {
            look_up_wide(packed, patterns, steps, (0, steps), slots, rows);
        }
    }
}

/// Rows of a strip for slots up to `last`.
fn rows_for(strip: &ChannelStrip, steps: usize, last: usize) -> usize {
    (last + 1) * steps * strip.product_rows() + strip.channel_rows()
}

impl WordMemory {
    /// An empty memory with room for `slots` words, which the system need not provide before they come.
    #[must_use]
    pub fn new(shape: &ConvolutionShape, steps: usize, packed: &Packed, slots: usize) -> Self {
        let empty = |(strip, packed): (ChannelStrip, &PackedStrip)| {
            let rows = rows_for(&strip, steps, slots);
            let mut own = match packed.sums {
                Sums::Narrow => Kept::Narrow(Vec::with_capacity(rows)),
                Sums::Halves | Sums::Fifths => Kept::Wide(Vec::with_capacity(rows)),
            };
            own.grow(rows_for(&strip, steps, 0));
            (strip, own)
        };
        let strips = shape.strips().into_iter().zip(&packed.strips).map(empty).collect();
        Self { steps, unit: packed.unit, strips }
    }

    /// Bytes of one word's products while all of them fit 16 bits; else up to twice as many.
    #[must_use]
    pub fn bytes_a_word(shape: &ConvolutionShape, steps: usize) -> usize {
        let rows: usize = shape.strips().iter().map(ChannelStrip::product_rows).sum();
        rows * steps * size_of::<Lanes<i16>>()
    }

    /// Makes the products of words into their slots, whatever was there before. `spikes` has a row for each (word, step),
    /// in the order of `slots`.
    ///
    /// # Panics
    /// If a slot is 0, if there are not as many rows of spikes, or if `packed` is of another shape.
    pub fn fill(&mut self, packed: &Packed, spikes: &SpikeTrain, slots: &[u32]) {
        assert_eq!(
            spikes.rows(),
            slots.len() * self.steps,
            "WordMemory::fill: a row of spikes for each word and step"
        );
        assert_eq!(packed.strips.len(), self.strips.len(), "WordMemory::fill: synapses of another shape");
        assert!(slots.iter().all(|&slot| slot > 0), "WordMemory::fill: slot 0 is silence");
        let Some(&last) = slots.iter().max() else { return };
        let (patterns, steps) = (InputPatterns::of(spikes), self.steps);
        let fill = |((strip, own), packed): (&mut (ChannelStrip, Kept), &PackedStrip)| {
            own.grow(rows_for(strip, steps, last as usize));
            own.fill(packed, &patterns, steps, slots);
        };
        let strips = self.strips.iter_mut().zip(&packed.strips);
        if spikes.rows() * 32 < ALONE {
            strips.for_each(fill);
        } else {
            in_turn(strips, fill);
        }
    }

    /// The forward pass over texts whose rows are slots: spikes summed over positions, `[B, T, C]`.
    ///
    /// # Panics
    /// If the batch names a slot that was never filled, or the shape is not that of the memory.
    #[must_use]
    pub fn forward(
        &self,
        shape: &ConvolutionShape,
        neuron: &NeuronParameters,
        bias: &[f32],
        batch: &TokenBatch,
        workspace: &Workspace,
    ) -> Vec<f32> {
        assert_eq!(bias.len(), shape.channels(), "WordMemory::forward: bias [C]");
        assert_eq!(shape.strips().len(), self.strips.len(), "WordMemory::forward: a memory of another shape");
        let places = places_of(shape, batch, 0);
        let run = |(which, (strip, kept)): (usize, &(ChannelStrip, Kept))| -> Buffer<Lanes<f32>> {
            let products = match kept {
                Kept::Narrow(rows) => Rows::Narrow(rows, self.unit),
                Kept::Wide(rows) => Rows::Wide(rows, self.unit),
            };
            let view = View { first: 0, count: self.steps, products };
            let numbers = Strip::new(shape, (which, strip), bias);
            let places = &places[strip.width_index];
            let mut counts = workspace.zeros(batch.len() * self.steps * strip.channel_rows());
            let mut membranes = workspace.take(places.len() * strip.channel_rows());
            membranes.fill(Lanes::all(neuron.first_membrane()));
            scan::forward(neuron, places, view, &numbers, self.steps, &mut membranes, &mut counts);
            counts
        };
        let work: usize = places.iter().map(scan::Places::len).sum::<usize>() * self.steps;
        let counts: Vec<_> = if work < ALONE {
            self.strips.iter().enumerate().map(run).collect()
        } else {
            in_turn(self.strips.iter().enumerate(), run)
        };
        let strips: Vec<ChannelStrip> = self.strips.iter().map(|(strip, _)| *strip).collect();
        merged(shape, &strips, batch.len() * self.steps, &counts)
    }
}
