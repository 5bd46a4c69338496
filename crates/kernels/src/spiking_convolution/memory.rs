//! Token products of words over all steps, kept from one batch to the next: the spikes of a word are the same wherever it
//! stands, and a few hundred words make most of any text.

use std::ops::Range;

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

/// Texts of a batch that a thread runs through a strip at once.
const TEXTS_A_PART: usize = 16;

/// Products of words, each in a slot that the caller gives it. Slot 0 is silence.
#[derive(Debug)]
pub struct WordMemory {
    shape: ConvolutionShape,
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

    fn view(&self, time: Time, unit: f32) -> View<'_> {
        let products = match self {
            Self::Narrow(rows) => Rows::Narrow(rows, unit),
            Self::Wide(rows) => Rows::Wide(rows, unit),
        };
        View { first: 0, count: time.steps, drive: time.drive, products }
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
        Self { shape: shape.clone(), time, unit, strips, workspace: workspace.clone() }
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
        let new = self.new_words(packed, (patterns, slots));
        let (time, workspace) = (self.time, &self.workspace);
        let fill = |((strip, own), packed): (&mut (ChannelStrip, Kept), &PackedStrip)| {
            new.fill(own, strip, packed, time, workspace);
        };
        let strips = self.strips.iter_mut().zip(&packed.strips);
        if new.work() < ALONE {
            strips.for_each(fill);
        } else {
            in_turn(strips, fill);
        }
    }

    fn new_words<'a>(&self, packed: &Packed, (patterns, slots): (&'a InputPatterns, &'a [u32])) -> NewWords<'a> {
        assert_eq!(
            patterns.rows(),
            slots.len() * self.time.rows(),
            "WordMemory: a row of patterns for each new word and step"
        );
        assert_eq!(packed.strips.len(), self.strips.len(), "WordMemory: synapses of another shape");
        assert!(slots.iter().all(|&slot| slot > 0), "WordMemory: slot 0 is silence");
        // Slots that ascend can be cut.
        let parts = if slots.is_sorted_by(|a, b| a < b) { parts_of(self.strips.len()) } else { 1 };
        NewWords { patterns, slots, last: slots.iter().max().map_or(0, |&slot| slot as usize), parts }
    }

    /// The products of a strip over all steps.
    pub(super) fn view<'a>(&self, kept: &'a Kept) -> View<'a> {
        kept.view(self.time, self.unit)
    }

    /// The forward pass over texts whose rows are slots, after the products of new words, given as in [`Self::fill`], were made:
    /// strip by strip, so that a thread that has made the products of one runs its neurons at once.
    ///
    /// # Panics
    /// As [`Self::fill`]; or if the texts name a slot that was never filled, or are of another shape.
    #[must_use]
    pub fn forward(
        &mut self,
        packed: &Packed,
        new: Option<(&InputPatterns, &[u32])>,
        neuron: &NeuronParameters,
        bias: &[f32],
        texts: &PlacedTexts,
    ) -> Counts {
        assert_eq!(bias.len(), self.shape.channels(), "WordMemory::forward: bias [C]");
        assert_eq!(texts.0.len(), self.shape.widths.len(), "WordMemory::forward: texts of another shape");
        let new = new.map(|new| self.new_words(packed, new));
        let (shape, time, unit, workspace) = (&self.shape, self.time, self.unit, &self.workspace);
        let run = |(which, ((strip, kept), packed)): (usize, (&mut (ChannelStrip, Kept), &PackedStrip))| {
            if let Some(new) = &new {
                new.fill(kept, strip, packed, time, workspace);
            }
            let numbers = Strip::new(shape, (which, strip), bias);
            let places = &texts.0[strip.width_index];
            let mut counts = workspace.zeros(places.texts().len() * time.steps * strip.channel_rows());
            let parts = places.texts().len().div_ceil(TEXTS_A_PART);
            scan::forward_afresh(neuron, places, parts, kept.view(time, unit), &numbers, &mut counts, workspace);
            counts
        };
        let strips = self.strips.iter_mut().zip(&packed.strips).enumerate();
        let places: usize = texts.0.iter().map(scan::Places::len).sum();
        let counts = if places * time.steps + new.as_ref().map_or(0, NewWords::work) < ALONE {
            strips.map(run).collect()
        } else {
            in_turn(strips, run)
        };
        Counts { shape: shape.clone(), steps: time.steps, counts }
    }
}

/// Words whose products are to be made.
struct NewWords<'a> {
    patterns: &'a InputPatterns,
    slots: &'a [u32],
    /// The last of the slots; 0 of none.
    last: usize,
    /// Into how many parts they are cut.
    parts: usize,
}

impl NewWords<'_> {
    /// About as many places and steps take as long.
    fn work(&self) -> usize {
        self.patterns.rows() * 32
    }

    fn fill(&self, own: &mut Kept, strip: &ChannelStrip, packed: &PackedStrip, time: Time, workspace: &Workspace) {
        own.grow(rows_for(strip, time, self.last));
        let across = strip.product_rows();
        match time.drive {
            Drive::Spikes | Drive::Phases => {
                own.fill(packed, self.patterns, time.steps, (self.slots, self.parts), across, workspace);
            }
            Drive::Current => own.fill_constant(packed, self.patterns, self.slots, across),
        }
    }
}

/// Texts whose rows are slots, as neurons read them: the words that each kernel width sees at each place.
#[derive(Clone, Debug)]
pub struct PlacedTexts(Vec<scan::Places>);

impl PlacedTexts {
    /// Of a batch.
    ///
    /// # Panics
    /// If a kernel is wider than the layer allows.
    #[must_use]
    pub fn of(shape: &ConvolutionShape, batch: &TokenBatch) -> Self {
        Self(places_of(shape, batch, 0))
    }
}

/// Spikes of each channel summed over the positions of each text, strip by strip.
#[derive(Debug)]
pub struct Counts {
    shape: ConvolutionShape,
    steps: usize,
    /// `[B, T, channel rows]` of each strip.
    counts: Vec<Buffer<Lanes<f32>>>,
}

impl Counts {
    /// Those of some texts, `[B, T, C]`.
    #[must_use]
    pub fn of_texts(&self, texts: Range<usize>) -> Vec<f32> {
        let strips = self.shape.strips();
        let own = strips.iter().zip(&self.counts).map(|(strip, counts)| {
            let a_text = self.steps * strip.channel_rows();
            &counts[texts.start * a_text..texts.end * a_text]
        });
        merged(&self.shape, &strips, texts.len() * self.steps, own)
    }
}
