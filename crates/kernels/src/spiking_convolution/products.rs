//! Token products of a strip and a chunk of time: `Y[u,t,j] = q[j] + sum_d s[u,t,d] W[d,j]`, rows of 32 channels.
//!
//! Two ways with one result: look-up of sums where the weights are whole numbers of one unit (those of a finished network
//! are, and so are those of the forward pass of fine-tuning), in 16 bits where the products fit and in 32 where not; the
//! matrix product in single precision for all other weights.

use std::borrow::Cow;

use multiversion::multiversion;
use rayon::prelude::*;

use super::{
    Weights,
    inputs::{Inputs, Patterns},
    numbers::multiply,
};
use crate::{
    ChannelStrip, ConvolutionShape, Drive, SpikeTrain,
    drive::PHASES,
    in_turn,
    in_turn::parts_of,
    lanes::{LANES, Lanes},
    rounding::{PART, largest},
    spike_patterns::{INPUT_GROUPS, InputPatterns, InputTables, SET_INPUTS},
    workspace::{Buffer, Workspace},
};

/// Synapses and presence currents as whole numbers of one unit, in the order in which look-up reads them.
#[derive(Clone, Debug, PartialEq)]
pub struct Packed {
    pub(super) unit: f32,
    pub(super) strips: Vec<PackedStrip>,
    /// A current of plain spikes is at most so many units.
    reach: f32,
}

/// One strip of [`Packed`].
#[derive(Clone, Debug, PartialEq)]
pub(super) struct PackedStrip {
    /// `[product row, D]`, D filled up to whole sets of inputs with zeros.
    synapses: Vec<Lanes<i16>>,
    /// `[product row]`.
    presence: Vec<Lanes<i16>>,
    /// How its products are summed.
    pub(super) sums: Sums,
}

/// How products are summed without leaving the numbers that hold the sums.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sums {
    /// In 16 bits, which products will hardly leave, so that it pays to try.
    Narrow,
    /// In 32 bits, out of sums over half sets of inputs in 16.
    Halves,
    /// In 32 bits, out of sums over fifths of sets in 16.
    Fifths,
}

impl Packed {
    /// Packs synapses `[D, M]` and presence currents `[M]`; `None` if they are not whole numbers of one unit that fit 16
    /// bits, or if sums of them do not fit what they are summed in.
    ///
    /// # Panics
    /// If the lengths do not fit the shape.
    #[must_use]
    pub fn new(shape: &ConvolutionShape, synapses: &[f32], presence: &[f32]) -> Option<Self> {
        Self::rounded(shape, common_unit([synapses, presence])?, synapses, presence)
    }

    /// Packs synapses `[D, M]` and presence currents `[M]` rounded to whole numbers of `unit`, a power of two, halves away from
    /// zero; `None` if these do not fit 16 bits, or if sums of them do not fit what they are summed in.
    ///
    /// # Panics
    /// If the lengths do not fit the shape.
    #[must_use]
    pub fn rounded(shape: &ConvolutionShape, unit: f32, synapses: &[f32], presence: &[f32]) -> Option<Self> {
        assert_eq!(synapses.len(), shape.dimension * shape.products(), "Packed::rounded: synapses [D, M]");
        assert_eq!(presence.len(), shape.products(), "Packed::rounded: presence [M]");
        // A power of two, so its reciprocal is exact.
        let per_unit = unit.recip();
        let padded = shape.dimension.next_multiple_of(SET_INPUTS);
        let strips = in_turn(shape.strips().iter(), |strip| {
            let rows = strip.product_rows();
            let (mut own, mut own_presence) = (vec![Lanes::all(0); rows * padded], vec![Lanes::all(0); rows]);
            let fit = whole_numbers(&strip.gather(shape, synapses), per_unit, strip.columns(), padded, &mut own)
                && whole_numbers(&strip.gather(shape, presence), per_unit, strip.columns(), 1, &mut own_presence);
            if !fit {
                return None;
            }
            let mut reach = Reach::default();
            for (rows, presence) in own.chunks_exact(padded).zip(&own_presence) {
                reach.include(rows, presence);
            }
            // Single precision holds whole numbers up to 2^24: a current, the sum of all taps, must stay below.
            let exact = reach.all * strip.width as f32 <= (1 << 24) as f32;
            let sums = if reach.set <= SIXTEEN_BITS && reach.likely <= SIXTEEN_BITS as f32 {
                Sums::Narrow
            } else if reach.half_set <= SIXTEEN_BITS {
                Sums::Halves
            } else {
                Sums::Fifths
            };
            let fit = sums != Sums::Fifths || reach.largest * (SET_INPUTS as i32 / 5) <= SIXTEEN_BITS;
            let own = PackedStrip { synapses: own, presence: own_presence, sums };
            (exact && fit).then_some((own, reach.all * strip.width as f32))
        });
        let strips: Option<Vec<_>> = strips.into_iter().collect();
        let (strips, reaches): (Vec<_>, Vec<f32>) = strips?.into_iter().unzip();
        Some(Self { unit, strips, reach: reaches.into_iter().fold(0.0, f32::max) })
    }

    /// Whether the currents of a drive are whole numbers of 32 bits.
    #[must_use]
    pub fn holds(&self, drive: Drive) -> bool {
        drive != Drive::Current || self.reach * ((1 << PHASES) as f32) < i32::MAX as f32
    }
}

const SIXTEEN_BITS: i32 = i16::MAX as i32;

/// Added to a number below 2^22 in size, it leaves no place for fractions, and its last bits are the whole number.
const NO_FRACTION: f32 = 12_582_912.0;

/// `values`, `[rows, columns]`, in units, as `[column rows, padded]` rows of lanes; whether all of them fit.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
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
struct Reach {
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

impl Reach {
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

#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
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
    let largest = values.iter().map(|values| largest(values)).fold(0.0, f32::max);
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

#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
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

/// Spikes and weights of a batch, in the forms that the products are made from.
pub(super) struct Source<'a> {
    pub(super) spikes: &'a SpikeTrain,
    pub(super) weights: Weights<'a>,
    /// Those of the spikes that the caller has.
    given: Option<&'a InputPatterns>,
    made: Cow<'a, Made>,
    /// 0, 1, ...: where the products of each token go.
    pub(super) order: Vec<u32>,
}

/// What is made of spikes and weights for look-up.
#[derive(Clone, Debug)]
pub(super) struct Made {
    /// None where the spikes came with theirs.
    patterns: Option<InputPatterns>,
    /// None where the weights came packed, or cannot be.
    packed: Option<Packed>,
}

impl<'a> Source<'a> {
    pub(super) fn new(shape: &ConvolutionShape, inputs: Inputs<'a>, weights: Weights<'a>) -> Self {
        let packed = match weights.packed {
            Some(_) => None,
            None => Packed::new(shape, weights.synapses, weights.presence),
        };
        let patterns = if inputs.patterns.is_some() { None } else { Some(InputPatterns::of(inputs.spikes)) };
        Self::with(inputs, weights, Cow::Owned(Made { patterns, packed }))
    }

    /// Takes what a forward pass with the same spikes and weights has made.
    pub(super) fn again(inputs: Inputs<'a>, weights: Weights<'a>, made: &'a Made) -> Self {
        Self::with(inputs, weights, Cow::Borrowed(made))
    }

    fn with(Inputs { spikes, patterns }: Inputs<'a>, weights: Weights<'a>, made: Cow<'a, Made>) -> Self {
        let rows = u32::try_from(spikes.rows()).expect("fewer than 2^32 rows of spikes");
        let given = patterns.map(Patterns::of_inputs);
        Self { spikes, weights, given, made, order: (0..rows).collect() }
    }

    /// The patterns of the spikes.
    fn patterns(&self) -> &InputPatterns {
        self.given.or(self.made.patterns.as_ref()).expect("patterns that were given or made")
    }

    /// What was made, for [`Self::again`].
    pub(super) fn into_made(self) -> Made {
        self.made.into_owned()
    }

    /// The weights as whole numbers, if they are.
    pub(super) fn packed(&self) -> Option<&Packed> {
        self.weights.packed.or(self.made.packed.as_ref())
    }
}

/// The numbers of one strip that both passes read.
pub(super) struct Strip<'a> {
    pub(super) strip: &'a ChannelStrip,
    /// Its place among the strips of the shape.
    which: usize,
    /// `[channel rows]`.
    pub(super) bias: Vec<Lanes<f32>>,
}

impl<'a> Strip<'a> {
    pub(super) fn new(shape: &ConvolutionShape, (which, strip): (usize, &'a ChannelStrip), bias: &[f32]) -> Self {
        let bias = &bias[strip.first_channel(shape)..][..strip.channels];
        Self { strip, which, bias: bias.chunks(LANES).map(|lanes| Lanes::of(lanes, 0.0)).collect() }
    }
}

/// The products of a chunk of time.
#[derive(Debug)]
pub(super) struct Chunk {
    pub(super) products: Products,
}

/// Token products of a chunk, `[U + 1, T', product rows]` rows of 32: those of the last token, which stands for silence, are zero,
/// and so are a few after it, for readers of whole rows that begin within the last.
#[derive(Debug)]
pub(super) enum Products {
    /// Whole numbers of a unit, in 16 bits.
    Narrow(Buffer<Lanes<i16>>, f32),
    /// Whole numbers of a unit, in 32 bits.
    Wide(Buffer<Lanes<i32>>, f32),
    /// In single precision.
    Numbers(Buffer<Lanes<f32>>),
}

/// Somebody's products of a chunk of time, `[token, count, product rows]`.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    /// Its first step.
    pub(super) first: usize,
    /// Its steps T'.
    pub(super) count: usize,
    /// How the products become currents; those of a constant current are `[token, 1, product rows]`.
    pub(super) drive: Drive,
    pub(super) products: Rows<'a>,
}

/// See [`Products`].
#[derive(Clone, Copy)]
pub(super) enum Rows<'a> {
    Narrow(&'a [Lanes<i16>], f32),
    Wide(&'a [Lanes<i32>], f32),
    Numbers(&'a [Lanes<f32>]),
}

impl Chunk {
    /// The products of steps `first..first + count` of `steps`.
    pub(super) fn new(
        shape: &ConvolutionShape,
        source: &Source<'_>,
        strip: &Strip<'_>,
        (first, count): (usize, usize),
        steps: usize,
        workspace: &Workspace,
    ) -> Self {
        let tokens = source.spikes.rows() / steps;
        let (chunk, order) = ((first, count), &source.order[..tokens]);
        let silence = tokens * count * strip.strip.product_rows();
        let length = silence + count * strip.strip.product_rows() + strip.strip.channel_rows();
        if let Some(packed) = source.packed() {
            let (own, patterns) = (&packed.strips[strip.which], source.patterns());
            let (parts, lengths) = (parts_of(shape.strips().len()), (steps, count, strip.strip.product_rows()));
            if own.sums == Sums::Narrow {
                let mut rows = workspace.take(length);
                rows[silence..].fill(Lanes::all(0));
                let look_up = |before: usize, order: &[u32], rows: &mut [Lanes<i16>]| {
                    look_up_narrow(own, patterns, steps, (before + first, count), order, rows)
                };
                if in_parts(parts, lengths, order, &mut rows[..silence], look_up) {
                    return Self { products: Products::Narrow(rows, packed.unit) };
                }
            }
            let mut rows = workspace.take(length);
            rows[silence..].fill(Lanes::all(0));
            in_parts(parts, lengths, order, &mut rows[..silence], |before, order, rows| {
                look_up_wide(own, patterns, steps, (before + first, count), order, rows);
                true
            });
            return Self { products: Products::Wide(rows, packed.unit) };
        }
        let mut rows = workspace.take(length);
        rows[silence..].fill(Lanes::all(0.0));
        multiply(shape, source, strip.strip, steps, chunk, workspace, &mut rows[..silence]);
        Self { products: Products::Numbers(rows) }
    }

    /// The products, whatever their steps.
    pub(super) fn rows(&self) -> Rows<'_> {
        match &self.products {
            Products::Narrow(rows, unit) => Rows::Narrow(rows, *unit),
            Products::Wide(rows, unit) => Rows::Wide(rows, *unit),
            Products::Numbers(rows) => Rows::Numbers(rows),
        }
    }

    /// The products to run neurons over, in steps `first..first + count`.
    pub(super) fn view(&self, drive: Drive, (first, count): (usize, usize)) -> View<'_> {
        View { first, count, drive, products: self.rows() }
    }

    /// Memory of the products.
    pub(super) fn bytes(&self) -> usize {
        match &self.products {
            Products::Narrow(rows, _) => size_of_val(&**rows),
            Products::Wide(rows, _) => size_of_val(&**rows),
            Products::Numbers(rows) => size_of_val(&**rows),
        }
    }

    /// Rows of 32 products.
    pub(super) fn len(&self) -> usize {
        match &self.products {
            Products::Narrow(rows, _) => rows.len(),
            Products::Wide(rows, _) => rows.len(),
            Products::Numbers(rows) => rows.len(),
        }
    }
}

/// The fewest rows of patterns of a part: tables take as long as sixty-four rows.
const ROWS_A_PART: usize = 512;

/// Looks up products into `rows`, `[place, T', product rows]`, in at most so many parts that threads may share; whether all parts
/// went well. Places ascend if there are to be several parts. `look_up` gets the rows of patterns before a part, its places
/// counted from where its rows begin, and its rows.
pub(super) fn in_parts<T: Send>(
    parts: usize,
    (steps, count, across): (usize, usize, usize),
    places: &[u32],
    rows: &mut [T],
    look_up: impl Fn(usize, &[u32], &mut [T]) -> bool + Sync,
) -> bool {
    let parts = parts.min(places.len() * count / ROWS_A_PART);
    if parts < 2 {
        return look_up(0, places, rows);
    }
    let each = places.len().div_ceil(parts);
    let mut tasks = Vec::with_capacity(parts);
    let (mut rest, mut begin) = (rows, 0);
    for (part, places) in places.chunks(each).enumerate() {
        // Up to its last place; between its first one and the part before may lie places of others.
        let (first, end) = (places[0] as usize, places[places.len() - 1] as usize + 1);
        let (own, after) = rest.split_at_mut((end - begin) * count * across);
        let own = &mut own[(first - begin) * count * across..];
        let places: Vec<u32> = places.iter().map(|place| place - first as u32).collect();
        tasks.push((part * each * steps, places, own));
        (rest, begin) = (after, end);
    }
    let went_well = tasks.into_par_iter().map(|(before, places, rows)| look_up(before, &places, rows));
    // Every part is made, so that the rest may rely on it.
    went_well.reduce(|| true, |a, b| a && b)
}

/// Products by look-up into `rows`, `[place, T', product rows]`, those of each token to its place; whether all of them fit 16
/// bits.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
pub(super) fn look_up_narrow(
    strip: &PackedStrip,
    patterns: &InputPatterns,
    steps: usize,
    chunk: (usize, usize),
    places: &[u32],
    rows: &mut [Lanes<i16>],
) -> bool {
    let none = Lanes::all(0i16);
    let same = |presence| presence;
    let (most, least) = if chunk.1 * places.len() < FEW_ROWS {
        let add = |(row, seen): (&mut _, _), tables: &InputTables, patterns: &_| {
            add_watched(row, tables.sum_of_few(patterns, 0, INPUT_GROUPS), seen)
        };
        look_up::<_, _, true>(strip, patterns, steps, chunk, places, rows, same, (none, none), add)
    } else {
        let add = |(row, seen): (&mut _, _), tables: &InputTables, patterns: &_| {
            add_watched(row, tables.sum(patterns), seen)
        };
        look_up::<_, _, false>(strip, patterns, steps, chunk, places, rows, same, (none, none), add)
    };
    most.0.iter().all(|&most| most < i16::MAX) && least.0.iter().all(|&least| least > i16::MIN)
}

/// Adds the sum of a set, which fits 16 bits (see `Reach`); that of all sets is watched: the largest and the smallest numbers
/// seen come back.
#[inline(always)]
fn add_watched(
    row: &mut Lanes<i16>,
    sum: Lanes<i16>,
    (most, least): (Lanes<i16>, Lanes<i16>),
) -> (Lanes<i16>, Lanes<i16>) {
    let now = zip(*row, sum, i16::saturating_add);
    *row = now;
    (zip(most, now, i16::max), zip(least, now, i16::min))
}

/// Products by look-up into `rows`, `[place, T', product rows]`, those of each token to its place.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
pub(super) fn look_up_wide(
    strip: &PackedStrip,
    patterns: &InputPatterns,
    steps: usize,
    chunk: (usize, usize),
    places: &[u32],
    rows: &mut [Lanes<i32>],
) {
    // Few rows are summed group by group: a group lies within a half as within a fifth of its set.
    if chunk.1 * places.len() < FEW_ROWS {
        look_up::<_, _, true>(
            strip,
            patterns,
            steps,
            chunk,
            places,
            rows,
            widen,
            (),
            |(row, ()), tables, patterns| {
                for group in 0..INPUT_GROUPS {
                    let sum = tables.sum_of_few(patterns, group, group + 1);
                    *row = zip(*row, widen(sum), i32::wrapping_add);
                }
            },
        );
    } else if strip.sums == Sums::Fifths {
        look_up::<_, _, false>(
            strip,
            patterns,
            steps,
            chunk,
            places,
            rows,
            widen,
            (),
            |(row, ()), tables, patterns| {
                add_wide(row, tables.sums_of_parts::<5>(patterns));
            },
        );
    } else {
        look_up::<_, _, false>(
            strip,
            patterns,
            steps,
            chunk,
            places,
            rows,
            widen,
            (),
            |(row, ()), tables, patterns| {
                add_wide(row, tables.sums_of_parts::<2>(patterns));
            },
        );
    }
}

#[inline(always)]
fn add_wide<const PARTS: usize>(row: &mut Lanes<i32>, sums: [Lanes<i16>; PARTS]) {
    let mut all = widen(sums[0]);
    for sum in &sums[1..] {
        all = zip(all, widen(*sum), i32::wrapping_add);
    }
    *row = zip(*row, all, i32::wrapping_add);
}

/// Rows of spikes below which whole tables take longer to fill than they save.
const FEW_ROWS: usize = 48;

/// Adds the sums of all sets to rows that begin as the presence currents. `seen` goes from row to row and comes back; it is
/// passed by value so that it stays in registers.
#[inline(always)]
#[allow(clippy::too_many_arguments)]
fn look_up<T: Copy, S: Copy, const FEW: bool>(
    strip: &PackedStrip,
    patterns: &InputPatterns,
    steps: usize,
    (first, count): (usize, usize),
    places: &[u32],
    rows: &mut [Lanes<T>],
    begin: impl Fn(Lanes<i16>) -> Lanes<T>,
    mut seen: S,
    add: impl Fn((&mut Lanes<T>, S), &InputTables, &[u8; INPUT_GROUPS]) -> S,
) -> S {
    let across = strip.presence.len();
    let inputs = strip.synapses.len() / across;
    let a_place = count * across;
    let mut tables = InputTables::new();
    for (which, &presence) in strip.presence.iter().enumerate() {
        for &place in places {
            let rows = &mut rows[place as usize * a_place..][..a_place];
            for rows in rows.chunks_exact_mut(across) {
                rows[which] = begin(presence);
            }
        }
        for (set, synapses) in strip.synapses[which * inputs..][..inputs].chunks_exact(SET_INPUTS).enumerate() {
            for (group, synapses) in synapses.chunks_exact(InputTables::INPUTS).enumerate() {
                if FEW {
                    tables.fill_few(group, |input| &synapses[input]);
                } else {
                    tables.fill(group, |input| &synapses[input]);
                }
            }
            for (token, &place) in places.iter().enumerate() {
                let rows = &mut rows[place as usize * a_place..][..a_place];
                let patterns = patterns.of_set(set, token * steps + first, count);
                for (patterns, rows) in patterns.iter().zip(rows.chunks_exact_mut(across)) {
                    seen = add((&mut rows[which], seen), &tables, patterns);
                }
            }
        }
    }
    seen
}

/// The same numbers in 32 bits.
#[inline(always)]
pub(super) fn widen(narrow: Lanes<i16>) -> Lanes<i32> {
    let mut wide = Lanes::all(0);
    for lane in 0..LANES {
        wide.0[lane] = i32::from(narrow.0[lane]);
    }
    wide
}

/// Lane by lane; by value, so that lanes stay in registers.
#[inline(always)]
pub(super) fn zip<T: Copy>(a: Lanes<T>, b: Lanes<T>, join: impl Fn(T, T) -> T) -> Lanes<T> {
    let mut out = a;
    for lane in 0..LANES {
        out.0[lane] = join(a.0[lane], b.0[lane]);
    }
    out
}
