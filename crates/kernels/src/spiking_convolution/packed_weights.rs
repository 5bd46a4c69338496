//! Synapses and presence currents as whole numbers of one unit: whether they are, how large sums of them can be, and
//! the order in which look-up reads them.

use macro_rules_attribute::apply;
use rayon::prelude::*;

use crate::{
    ConvolutionShape, Drive,
    drive::PHASES,
    lanes::{LANES, Lanes, zip},
    par_map,
    rounding::{PART, largest_magnitude},
    spike_patterns::SET_INPUTS,
};

/// Synapses and presence currents as whole numbers of one unit, in the order in which look-up reads them.
#[derive(Clone, Debug, PartialEq)]
pub struct PackedWeights {
    pub(super) unit: f32,
    pub(super) strips: Vec<PackedStrip>,
    /// A current of plain spikes is at most so many units.
    largest_current: f32,
}

/// One strip of [`PackedWeights`].
#[derive(Clone, Debug, PartialEq)]
pub(super) struct PackedStrip {
    /// `[product row, D]`, D filled up to whole sets of inputs with zeros.
    pub(super) synapses: Vec<Lanes<i16>>,
    /// `[product row]`.
    pub(super) presence: Vec<Lanes<i16>>,
    /// How its products are summed.
    pub(super) summation: Summation,
}

/// How products are summed without leaving the numbers that hold the sums.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Summation {
    /// In 16 bits, which products will hardly leave, so that it pays to try.
    Narrow,
    /// In 32 bits, out of sums over half sets of inputs in 16.
    Halves,
    /// In 32 bits, out of sums over fifths of sets in 16.
    Fifths,
}

impl PackedWeights {
    /// Packs synapses `[D, M]` and presence currents `[M]`; `None` if they are not whole numbers of one unit that fit
    /// 16 bits, or if sums of them do not fit what they are summed in.
    ///
    /// # Panics
    /// If the lengths do not fit the shape.
    #[must_use]
    pub fn new(shape: &ConvolutionShape, synapses: &[f32], presence: &[f32]) -> Option<Self> {
        Self::rounded(shape, common_unit([synapses, presence])?, synapses, presence)
    }

    /// Packs synapses `[D, M]` and presence currents `[M]` rounded to whole numbers of `unit`, a power of two, halves
    /// away from zero; `None` if these do not fit 16 bits, or if sums of them do not fit what they are summed in.
    ///
    /// # Panics
    /// If the lengths do not fit the shape.
    #[must_use]
    pub fn rounded(shape: &ConvolutionShape, unit: f32, synapses: &[f32], presence: &[f32]) -> Option<Self> {
        assert_eq!(synapses.len(), shape.dimension * shape.products(), "PackedWeights::rounded: synapses [D, M]");
        assert_eq!(presence.len(), shape.products(), "PackedWeights::rounded: presence [M]");
        // A power of two, so its reciprocal is exact.
        let per_unit = unit.recip();
        let padded = shape.dimension.next_multiple_of(SET_INPUTS);
        let strips = par_map(shape.strips().iter(), |strip| {
            let rows = strip.product_rows();
            let (mut own, mut own_presence) = (vec![Lanes::all(0); rows * padded], vec![Lanes::all(0); rows]);
            let fit = whole_numbers(&strip.gather(shape, synapses), per_unit, strip.columns(), padded, &mut own)
                && whole_numbers(&strip.gather(shape, presence), per_unit, strip.columns(), 1, &mut own_presence);
            if !fit {
                return None;
            }
            let mut bounds = SumBounds::default();
            for (rows, presence) in own.chunks_exact(padded).zip(&own_presence) {
                bounds.include(rows, presence);
            }
            // Single precision holds whole numbers up to 2^24: a current, the sum of all taps, must stay below.
            let exact = bounds.all * strip.width as f32 <= (1 << 24) as f32;
            let summation = if bounds.set <= SIXTEEN_BITS && bounds.likely <= SIXTEEN_BITS as f32 {
                Summation::Narrow
            } else if bounds.half_set <= SIXTEEN_BITS {
                Summation::Halves
            } else {
                Summation::Fifths
            };
            let fit = summation != Summation::Fifths || bounds.largest * (SET_INPUTS as i32 / 5) <= SIXTEEN_BITS;
            let own = PackedStrip { synapses: own, presence: own_presence, summation };
            (exact && fit).then_some((own, bounds.all * strip.width as f32))
        });
        let strips: Option<Vec<_>> = strips.into_iter().collect();
        let (strips, largest): (Vec<_>, Vec<f32>) = strips?.into_iter().unzip();
        Some(Self { unit, strips, largest_current: largest.into_iter().fold(0.0, f32::max) })
    }

    /// Whether the currents of a drive are whole numbers of 32 bits.
    #[must_use]
    pub fn holds(&self, drive: Drive) -> bool {
        drive != Drive::Current || self.largest_current * ((1 << PHASES) as f32) < i32::MAX as f32
    }
}

const SIXTEEN_BITS: i32 = i16::MAX as i32;

/// Added to a number below 2^22 in size, it leaves no place for fractions, and its last bits are the whole number.
const NO_FRACTION: f32 = 12_582_912.0;

/// `values`, `[rows, columns]`, in units, as `[column rows, padded]` rows of lanes; whether all of them fit.
#[apply(every_processor!)]
fn whole_numbers(values: &[f32], per_unit: f32, columns: usize, padded: usize, out: &mut [Lanes<i16>]) -> bool {
    let mut fit = true;
    for (row, values) in values.chunks_exact(columns).enumerate() {
        for (values, out) in values.chunks(LANES).zip(out.iter_mut().skip(row).step_by(padded)) {
            for (value, out) in values.iter().zip(&mut out.0) {
                let units = (value * per_unit).round();
                // So written that what is not a number does not fit.
                fit &= units.abs() <= SIXTEEN_BITS as f32;
                *out = (units + NO_FRACTION).to_bits().wrapping_sub(NO_FRACTION.to_bits()) as i16;
            }
        }
    }
    fit
}

/// How large sums over inputs can be in some column, in units.
#[derive(Default)]
struct SumBounds {
    /// One weight.
    largest: i32,
    /// Over a half set of inputs.
    half_set: i32,
    /// Over a set of inputs.
    set: i32,
    /// Over all inputs and the presence current.
    all: f32,
    /// Four deviations from the mean, if every input spikes with probability 1/2.
    likely: f32,
}

impl SumBounds {
    /// Includes the columns of some rows, one an input.
    fn include(&mut self, rows: &[Lanes<i16>], presence: &Lanes<i16>) {
        let sums = ColumnSums::of(rows);
        let largest = |sums: &Lanes<i32>| sums.0.iter().copied().fold(0, i32::max);
        self.largest = self.largest.max(largest(&sums.largest));
        self.half_set = self.half_set.max(largest(&sums.half_set));
        self.set = self.set.max(largest(&sums.set));
        for lane in 0..LANES {
            let presence = f32::from(presence.0[lane]);
            self.all = self.all.max(sums.sizes.0[lane] as f32 + presence.abs());
            let deviation = sums.squares.0[lane].sqrt() / 2.0;
            self.likely = self.likely.max((presence + sums.all.0[lane] as f32 / 2.0).abs() + 4.0 * deviation);
        }
    }
}

/// Sums over the rows of each column.
struct ColumnSums {
    /// The largest weight.
    largest: Lanes<i32>,
    /// The largest choice of a half set, of either sign.
    half_set: Lanes<i32>,
    /// The largest choice of a set, of either sign.
    set: Lanes<i32>,
    all: Lanes<i32>,
    /// Sum of the absolute values.
    sizes: Lanes<i32>,
    squares: Lanes<f32>,
}

impl ColumnSums {
    fn of(rows: &[Lanes<i16>]) -> Self {
        let none = Lanes::all(0);
        let mut sums =
            Self { largest: none, half_set: none, set: none, all: none, sizes: none, squares: Lanes::all(0.0) };
        sums_of(rows, &mut sums);
        sums
    }
}

#[apply(every_processor!)]
fn sums_of(rows: &[Lanes<i16>], out: &mut ColumnSums) {
    for set in rows.chunks(SET_INPUTS) {
        // All choices of a set lie between the sum of its positive and that of its negative numbers.
        let (mut positive, mut negative) = (Lanes::all(0), Lanes::all(0));
        for half in set.chunks(SET_INPUTS / 2) {
            let (mut own_positive, mut own_negative) = (Lanes::all(0), Lanes::all(0));
            for row in half {
                for lane in 0..LANES {
                    let weight = i32::from(row.0[lane]);
                    out.largest.0[lane] = out.largest.0[lane].max(weight.abs());
                    own_positive.0[lane] += weight.max(0);
                    own_negative.0[lane] -= weight.min(0);
                    out.squares.0[lane] += (weight * weight) as f32;
                }
            }
            out.half_set = zip(out.half_set, zip(own_positive, own_negative, i32::max), i32::max);
            positive = zip(positive, own_positive, i32::wrapping_add);
            negative = zip(negative, own_negative, i32::wrapping_add);
        }
        out.set = zip(out.set, zip(positive, negative, i32::max), i32::max);
        out.all = zip(out.all, zip(positive, negative, i32::wrapping_sub), i32::wrapping_add);
        out.sizes = zip(out.sizes, zip(positive, negative, i32::wrapping_add), i32::wrapping_add);
    }
}

/// The largest power of two of which all values are whole multiples that fit 16 bits; `None` if there is none.
fn common_unit(values: [&[f32]; 2]) -> Option<f32> {
    let largest = values.iter().map(|values| largest_magnitude(values)).fold(0.0, f32::max);
    if largest == 0.0 {
        return Some(1.0).filter(|_| values.iter().all(|values| bits_used(values, 1.0).is_some()));
    }
    if !largest.is_normal() {
        return None;
    }
    // The largest value is 2^14 units at least, below 2^15: what is not whole in such units, fits no unit.
    let exponent = (largest.to_bits() >> 23) as i32 - 127;
    let unit = if (-100..=100).contains(&exponent) { 2f32.powi(exponent - 14) } else { return None };
    let used = values.iter().try_fold(0, |used, values| Some(used | bits_used(values, unit.recip())?))?;
    // Trailing zeros of two's complement are those of the size.
    Some(unit * (1 << used.trailing_zeros()) as f32)
}

/// All bits that the values use as whole numbers of units; `None` if one is not whole. Threads share long arrays.
fn bits_used(values: &[f32], per_unit: f32) -> Option<u32> {
    if values.len() <= PART {
        return bits_of_part(values, per_unit);
    }
    values.par_chunks(PART).map(|values| bits_of_part(values, per_unit)).try_reduce(|| 0, |a, b| Some(a | b))
}

#[apply(every_processor!)]
fn bits_of_part(values: &[f32], per_unit: f32) -> Option<u32> {
    let (mut used, mut fractions) = (0, 0);
    for value in values {
        let units = value * per_unit;
        let rounded = units + NO_FRACTION;
        used |= rounded.to_bits().wrapping_sub(NO_FRACTION.to_bits());
        // By bits, so that what is not a number counts too, and no zero is told from another.
        fractions |= (units - (rounded - NO_FRACTION)).to_bits() << 1;
    }
    (fractions == 0).then_some(used)
}
