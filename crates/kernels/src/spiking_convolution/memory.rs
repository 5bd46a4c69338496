//! Token products of words over all steps, kept from one batch to the next: the spikes of a word are the same
//! wherever it stands, and a few hundred words make most of any text.

use super::{
    bit_planes::join_bit_planes,
    counts::Counts,
    inputs::Chunk,
    layer::Strip,
    packed_weights::{PackedStrip, PackedWeights, Summation},
    positions::Positions,
    products::{LookUp, ProductRows, ProductView},
    scan,
};
use crate::{
    ChannelStrip, ConvolutionShape, Drive, NeuronParameters, SpikeTrain, Time, TokenBatch,
    drive::{PHASES, share},
    lanes::{Lanes, widen},
    par_map,
    par_map::splits_per_item,
    spike_patterns::InputPatterns,
    workspace::{Buffer, Workspace},
};

/// Positions and steps below which the calling thread does all the work itself: waking others takes longer.
const ALONE: usize = 1 << 14;

/// Texts of a batch that a thread runs through a strip at once.
const TEXTS_A_PART: usize = 16;

/// Products of words, each in a slot that the caller gives it. Slot 0 is silence.
#[derive(Debug)]
pub struct WordMemory {
    pub(super) shape: ConvolutionShape,
    pub(super) time: Time,
    unit: f32,
    pub(super) strips: Vec<(ChannelStrip, SlotProducts)>,
    workspace: Workspace,
}

/// Products of one strip, `[slot, T, product rows]` (`[slot, 1, product rows]` of a constant current), and a few rows
/// more for readers that begin within the last.
#[derive(Debug)]
pub(super) enum SlotProducts {
    /// In 16 bits.
    Narrow(Buffer<Lanes<i16>>),
    /// In 32 bits, since some product has left 16.
    Wide(Buffer<Lanes<i32>>),
}

impl SlotProducts {
    /// Makes room for so many rows. Where they were reserved, nothing moves.
    fn grow(&mut self, rows: usize) {
        match self {
            Self::Narrow(own) => own.grow(rows),
            Self::Wide(own) => own.grow(rows),
        }
    }

    fn view(&self, time: Time, unit: f32) -> ProductView<'_> {
        let rows = match self {
            Self::Narrow(rows) => ProductRows::Narrow(rows, unit),
            Self::Wide(rows) => ProductRows::Wide(rows, unit),
        };
        ProductView { chunk: Chunk::all(time.steps), drive: time.drive, rows }
    }

    /// Looks up the products of words into their slots, in at most so many parts that threads may share.
    fn fill(&mut self, look_up: &LookUp<'_>, slots: &[u32], parts: usize, workspace: &Workspace) {
        if let Self::Narrow(rows) = self {
            let narrow = look_up.weights.summation == Summation::Narrow;
            if narrow && look_up.fill_narrow(parts, Some(slots), rows) {
                return;
            }
            // What was reserved stays reserved.
            let mut wide = workspace.reserve(rows.len(), rows.room());
            wide.iter_mut().zip(rows.iter()).for_each(|(wide, row)| *wide = widen(*row));
            *self = Self::Wide(wide);
        }
        if let Self::Wide(rows) = self {
            look_up.fill_wide(parts, Some(slots), rows);
        }
    }

    /// Joins the products of the bit planes of constant currents.
    fn fill_constant(&mut self, weights: &PackedStrip, patterns: &InputPatterns, slots: &[u32], across: usize) {
        let Self::Wide(rows) = self else { return };
        let look_up = LookUp::new(weights, patterns, PHASES, Chunk::all(PHASES));
        let length = slots.len() * PHASES * across;
        if weights.summation == Summation::Narrow {
            let mut narrow = vec![Lanes::all(0); length];
            if look_up.fill_narrow(1, None, &mut narrow) {
                return join_bit_planes(ProductRows::Narrow(&narrow, 1.0), across, Some(slots), rows);
            }
        }
        let mut wide = vec![Lanes::all(0); length];
        look_up.fill_wide(1, None, &mut wide);
        join_bit_planes(ProductRows::Wide(&wide, 1.0), across, Some(slots), rows);
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
    /// If the packed weights do not hold the drive ([`PackedWeights::holds`]).
    #[must_use]
    pub fn new(
        shape: &ConvolutionShape,
        time: impl Into<Time>,
        packed: &PackedWeights,
        slots: usize,
        workspace: &Workspace,
    ) -> Self {
        let time = time.into();
        assert!(packed.holds(time.drive), "WordMemory::new: currents that leave 32 bits");
        let empty = |(strip, packed): (ChannelStrip, &PackedStrip)| {
            let (silence, room) = (rows_for(&strip, time, 0), rows_for(&strip, time, slots));
            let own = match packed.summation {
                Summation::Narrow if time.drive != Drive::Current => {
                    let mut rows = workspace.reserve(silence, room);
                    rows.fill(Lanes::all(0));
                    SlotProducts::Narrow(rows)
                }
                Summation::Narrow | Summation::Halves | Summation::Fifths => {
                    let mut rows = workspace.reserve(silence, room);
                    rows.fill(Lanes::all(0));
                    SlotProducts::Wide(rows)
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

    /// Makes the products of words into their slots, whatever was there before.
    ///
    /// # Panics
    /// If the words have another number of rows a word than this memory's time asks for, or `packed` is of another
    /// shape.
    pub fn fill(&mut self, packed: &PackedWeights, new: &NewWords) {
        self.check(packed, new);
        let (time, workspace, parts) = (self.time, &self.workspace, new.parts(self.strips.len()));
        let fill = |((strip, own), packed): (&mut (ChannelStrip, SlotProducts), &PackedStrip)| {
            new.fill(own, strip, packed, time, parts, workspace);
        };
        let strips = self.strips.iter_mut().zip(&packed.strips);
        if new.work() < ALONE {
            strips.for_each(fill);
        } else {
            par_map(strips, fill);
        }
    }

    fn check(&self, packed: &PackedWeights, new: &NewWords) {
        assert_eq!(
            new.patterns.rows(),
            new.slots.len() * self.time.rows(),
            "WordMemory: a row of patterns for each new word and step"
        );
        assert_eq!(packed.strips.len(), self.strips.len(), "WordMemory: synapses of another shape");
    }

    /// The products of a strip over all steps.
    pub(super) fn view<'a>(&self, products: &'a SlotProducts) -> ProductView<'a> {
        products.view(self.time, self.unit)
    }

    /// The forward pass over texts whose rows are slots, after the products of new words, if there are any, were made
    /// as by [`Self::fill`]: strip by strip, so that a thread that has made the products of one runs its neurons at
    /// once.
    ///
    /// # Panics
    /// As [`Self::fill`]; or if the texts name a slot that was never filled, or are of another shape.
    #[must_use]
    pub fn forward(
        &mut self,
        packed: &PackedWeights,
        new: Option<&NewWords>,
        neuron: &NeuronParameters,
        bias: &[f32],
        texts: &TextPositions,
    ) -> Counts {
        assert_eq!(bias.len(), self.shape.channels(), "WordMemory::forward: bias [C]");
        assert_eq!(texts.0.len(), self.shape.widths.len(), "WordMemory::forward: texts of another shape");
        if let Some(new) = new {
            self.check(packed, new);
        }
        let (shape, time, unit, workspace) = (&self.shape, self.time, self.unit, &self.workspace);
        let parts = new.map_or(1, |new| new.parts(self.strips.len()));
        let run = |(index, ((channels, own), packed)): (usize, (&mut (ChannelStrip, SlotProducts), &PackedStrip))| {
            if let Some(new) = new {
                new.fill(own, channels, packed, time, parts, workspace);
            }
            let strip = Strip::new(shape, index, channels, neuron, bias, time.steps);
            let positions = &texts.0[channels.width_index];
            let texts = positions.texts().len();
            let mut counts = workspace.zeros(texts * time.steps * channels.channel_rows());
            let parts = texts.div_ceil(TEXTS_A_PART);
            scan::forward_afresh(&strip, positions, parts, own.view(time, unit), &mut counts, workspace);
            counts
        };
        let strips = self.strips.iter_mut().zip(&packed.strips).enumerate();
        let positions: usize = texts.0.iter().map(Positions::len).sum();
        let strips = if positions * time.steps + new.map_or(0, NewWords::work) < ALONE {
            strips.map(run).collect()
        } else {
            par_map(strips, run)
        };
        Counts { shape: shape.clone(), steps: time.steps, strips }
    }
}

/// Words whose products a memory is to make, and their slots.
#[derive(Clone, Debug)]
pub struct NewWords {
    patterns: InputPatterns,
    slots: Vec<u32>,
}

impl NewWords {
    /// `spikes` has a row for each (word, step), or what else the drive says, in the order of `slots`. More threads
    /// than strips share the work where slots ascend.
    ///
    /// # Panics
    /// If a slot is 0.
    #[must_use]
    pub fn new(slots: Vec<u32>, spikes: &SpikeTrain) -> Self {
        assert!(slots.iter().all(|&slot| slot > 0), "NewWords::new: slot 0 is silence");
        Self { patterns: InputPatterns::of(spikes), slots }
    }

    /// Where their products go.
    #[must_use]
    pub fn slots(&self) -> &[u32] {
        &self.slots
    }

    /// Into how many parts they are split for each of `strips`. Slots that ascend can be split.
    fn parts(&self, strips: usize) -> usize {
        if self.slots.is_sorted_by(|a, b| a < b) { splits_per_item(strips) } else { 1 }
    }

    /// About as many positions and steps take as long.
    fn work(&self) -> usize {
        self.patterns.rows() * 32
    }

    fn fill(
        &self,
        own: &mut SlotProducts,
        strip: &ChannelStrip,
        weights: &PackedStrip,
        time: Time,
        parts: usize,
        workspace: &Workspace,
    ) {
        let last = self.slots.iter().max().map_or(0, |&slot| slot as usize);
        own.grow(rows_for(strip, time, last));
        match time.drive {
            Drive::Spikes | Drive::Phases => {
                let look_up = LookUp::new(weights, &self.patterns, time.steps, Chunk::all(time.steps));
                own.fill(&look_up, &self.slots, parts, workspace);
            }
            Drive::Current => own.fill_constant(weights, &self.patterns, &self.slots, strip.product_rows()),
        }
    }
}

/// Texts whose rows are slots, as neurons read them: the words that each kernel width sees at each position.
#[derive(Clone, Debug)]
pub struct TextPositions(Vec<Positions>);

impl TextPositions {
    /// Of a batch.
    ///
    /// # Panics
    /// If a kernel is wider than the layer allows.
    #[must_use]
    pub fn of(shape: &ConvolutionShape, batch: &TokenBatch) -> Self {
        Self(Positions::of_slots(shape, batch))
    }
}
