//! Token products of words over all steps, kept from one batch to the next: the spikes of a word are the same wherever it
//! stands, and a few hundred words make most of any text.

use super::{
    inputs::places_of,
    merged,
    planes::join_planes,
    products::{Packed, PackedStrip, Rows, Strip, Sums, View, in_parts, look_up_narrow, look_up_wide, widen},
    scan,
};
use crate::{
    ChannelStrip, ConvolutionShape, Drive, NeuronParameters, Time, TokenBatch,
    drive::{PHASES, share},
    in_turn,
    in_turn::parts_of,
    lanes::Lanes,
    spike_patterns::InputPatterns,
    workspace::{Buffer, Workspace},
};

/// Places and steps below which the calling thread does all the work itself: waking others takes longer.
const ALONE: usize = 1 << 14;

/// Products of words, each in a slot that the caller gives it. Slot 0 is silence.
#[derive(Debug)]
pub struct WordMemory {
    pub(super) time: Time,
    unit: f32,
    pub(super) strips: Vec<(ChannelStrip, Kept)>,
    workspace: Workspace,
}

/// Products of one strip, `[slot, T, product rows]` (`[slot, 1, product rows]` of a constant current), and a few rows more for readers that begin within the last.
#[derive(Debug)]
pub(super) enum Kept {
    /// In 16 bits.
    Narrow(Buffer<Lanes<i16>>),
    /// In 32 bits, since some product has left 16.
    Wide(Buffer<Lanes<i32>>),
}

impl Kept {
    /// Makes room for so many rows. Where they were reserved, nothing moves.
    fn grow(&mut self, rows: usize) {
        match self {
            Self::Narrow(own) => own.grow(rows),
            Self::Wide(own) => own.grow(rows),
        }
    }

    fn fill(
        &mut self,
        packed: &PackedStrip,
        patterns: &InputPatterns,
        steps: usize,
        (slots, parts): (&[u32], usize),
        across: usize,
        workspace: &Workspace,
    ) {
        let lengths = (steps, steps, across);
        if let Self::Narrow(rows) = self {
            let look_up = |first: usize, slots: &[u32], rows: &mut [Lanes<i16>]| {
                look_up_narrow(packed, patterns, steps, (first, steps), slots, rows)
            };
            if packed.sums == Sums::Narrow && in_parts(parts, lengths, slots, rows, look_up) {
                return;
            }
            // What was reserved stays reserved.
            let mut wide = workspace.reserve(rows.len(), rows.room());
            wide.iter_mut().zip(rows.iter()).for_each(|(wide, row)| *wide = widen(*row));
            *self = Self::Wide(wide);
        }
        if let Self::Wide(rows) = self {
            in_parts(parts, lengths, slots, rows, |first, slots, rows| {
                look_up_wide(packed, patterns, steps, (first, steps), slots, rows);
                true
            });
        }
    }

    /// Joins the products of the bit planes of constant currents.
    fn fill_constant(&mut self, packed: &PackedStrip, patterns: &InputPatterns, slots: &[u32], across: usize) {
        let planes = (0, PHASES);
        let order: Vec<u32> = (0..slots.len() as u32).collect();
        let length = slots.len() * PHASES * across;
        let Self::Wide(rows) = self else { return };
        if packed.sums == Sums::Narrow {
            let mut narrow = vec![Lanes::all(0); length];
            if look_up_narrow(packed, patterns, PHASES, planes, &order, &mut narrow) {
                return join_planes(Rows::Narrow(&narrow, 1.0), across, slots, rows);
            }
        }
        let mut wide = vec![Lanes::all(0); length];
        look_up_wide(packed, patterns, PHASES, planes, &order, &mut wide);
        join_planes(Rows::Wide(&wide, 1.0), across, slots, rows);
    }
}

/// Rows of products that a slot has of each product row.
fn rows_a_slot(time: Time) -> usize {
    if time.drive == Drive::Current { 1 } else { time.steps }
}

/// Rows of a strip for slots up to `last`.
fn rows_for(strip: &ChannelStrip, time: Time, last: usize) -> usize {
    (last + 1) * rows_a_slot(time) * strip.product_rows() + strip.channel_rows()
}

impl WordMemory {
    /// An empty memory with room for `slots` words, which the system need not provide before they come. It comes from
    /// `workspace` and goes back there.
    ///
    /// # Panics
    /// If the packed weights do not hold the drive ([`Packed::holds`]).
    #[must_use]
    pub fn new(
        shape: &ConvolutionShape,
        time: impl Into<Time>,
        packed: &Packed,
        slots: usize,
        workspace: &Workspace,
    ) -> Self {
        let time = time.into();
        assert!(packed.holds(time.drive), "WordMemory::new: currents that leave 32 bits");
        let empty = |(strip, packed): (ChannelStrip, &PackedStrip)| {
            let (silence, room) = (rows_for(&strip, time, 0), rows_for(&strip, time, slots));
            let own = match packed.sums {
                Sums::Narrow if time.drive != Drive::Current => {
                    let mut rows = workspace.reserve(silence, room);
                    rows.fill(Lanes::all(0));
                    Kept::Narrow(rows)
                }
                Sums::Narrow | Sums::Halves | Sums::Fifths => {
                    let mut rows = workspace.reserve(silence, room);
                    rows.fill(Lanes::all(0));
                    Kept::Wide(rows)
                }
            };
            (strip, own)
        };
        let strips = shape.strips().into_iter().zip(&packed.strips).map(empty).collect();
        let unit = packed.unit * if time.drive == Drive::Current { share(PHASES - 1) } else { 1.0 };
        Self { time, unit, strips, workspace: workspace.clone() }
    }

    /// Bytes of one word's products while all of them fit 16 bits; else up to twice as many.
    #[must_use]
    pub fn bytes_a_word(shape: &ConvolutionShape, time: impl Into<Time>) -> usize {
        let rows: usize = shape.strips().iter().map(ChannelStrip::product_rows).sum();
        rows * rows_a_slot(time.into()) * size_of::<Lanes<i16>>()
    }

    /// Makes the products of words into their slots, whatever was there before. `patterns` has a row for each (word, step), or
    /// what else the drive says, in the order of `slots`. More threads than strips share the work where slots ascend.
    ///
    /// # Panics
    /// If a slot is 0, if there are not as many rows of patterns, or if `packed` is of another shape.
    pub fn fill(&mut self, packed: &Packed, patterns: &InputPatterns, slots: &[u32]) {
        assert_eq!(
            patterns.rows(),
            slots.len() * self.time.rows(),
            "WordMemory::fill: a row of patterns for each word and step"
        );
        assert_eq!(packed.strips.len(), self.strips.len(), "WordMemory::fill: synapses of another shape");
        assert!(slots.iter().all(|&slot| slot > 0), "WordMemory::fill: slot 0 is silence");
        let Some(&last) = slots.iter().max() else { return };
        // Slots that ascend can be cut.
        let parts = if slots.is_sorted_by(|a, b| a < b) { parts_of(self.strips.len()) } else { 1 };
        let (time, workspace) = (self.time, &self.workspace);
        let fill = |((strip, own), packed): (&mut (ChannelStrip, Kept), &PackedStrip)| {
            own.grow(rows_for(strip, time, last as usize));
            match time.drive {
                Drive::Spikes | Drive::Phases => {
                    own.fill(packed, patterns, time.steps, (slots, parts), strip.product_rows(), workspace)
                }
                Drive::Current => own.fill_constant(packed, patterns, slots, strip.product_rows()),
            }
        };
        let strips = self.strips.iter_mut().zip(&packed.strips);
        if patterns.rows() * 32 < ALONE {
            strips.for_each(fill);
        } else {
            in_turn(strips, fill);
        }
    }

    /// The products of a strip over all steps.
    pub(super) fn view<'a>(&self, kept: &'a Kept) -> View<'a> {
        let products = match kept {
            Kept::Narrow(rows) => Rows::Narrow(rows, self.unit),
            Kept::Wide(rows) => Rows::Wide(rows, self.unit),
        };
        View { first: 0, count: self.time.steps, drive: self.time.drive, products }
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
        let (places, steps) = (places_of(shape, batch, 0), self.time.steps);
        let run = |(which, (strip, kept)): (usize, &(ChannelStrip, Kept))| -> Buffer<Lanes<f32>> {
            let view = self.view(kept);
            let numbers = Strip::new(shape, (which, strip), bias);
            let places = &places[strip.width_index];
            let mut counts = workspace.zeros(batch.len() * steps * strip.channel_rows());
            let mut membranes = workspace.take(places.len() * strip.channel_rows());
            membranes.fill(Lanes::all(neuron.first_membrane()));
            scan::forward(neuron, places, places.texts(), view, &numbers, steps, &mut membranes, &mut counts);
            counts
        };
        let work: usize = places.iter().map(scan::Places::len).sum::<usize>() * steps;
        let counts: Vec<_> = if work < ALONE {
            self.strips.iter().enumerate().map(run).collect()
        } else {
            in_turn(self.strips.iter().enumerate(), run)
        };
        let strips: Vec<ChannelStrip> = self.strips.iter().map(|(strip, _)| *strip).collect();
        merged(shape, &strips, batch.len() * steps, &counts)
    }
}
