//! Token products of a strip and a chunk of time: `Y[u,t,j] = q[j] + sum_d s[u,t,d] W[d,j]`, rows of 32 channels.
//!
//! Two ways with one result: look-up of sums where the weights are whole numbers of one unit (those of a finished
//! network are, and so are those of the forward pass of fine-tuning), in 16 bits where the products fit and in 32
//! where not; the matrix product in single precision for all other weights.

use std::borrow::Cow;

use macro_rules_attribute::apply;
use rayon::prelude::*;

use super::{
    float_products::FloatFactors,
    inputs::{Chunk, Inputs},
    layer::{SpikingConvolution, Strip},
    packed_weights::{PackedStrip, PackedWeights, Summation},
};
use crate::{
    Drive, SpikeTrain,
    lanes::{Lanes, widen, zip},
    par_map::splits_per_item,
    spike_patterns::{INPUT_GROUPS, InputPatterns, InputTables, SET_INPUTS},
    workspace::Buffer,
};

/// Spikes and weights of a batch, in the forms that the products are made from.
pub(super) struct ProductInputs<'a> {
    pub(super) layer: SpikingConvolution<'a>,
    pub(super) spikes: &'a SpikeTrain,
    /// Patterns of the spikes that the caller has.
    given: Option<&'a InputPatterns>,
    lookups: Cow<'a, Lookups>,
}

/// What is made of spikes and weights for look-up.
#[derive(Clone, Debug)]
pub(super) struct Lookups {
    /// None where the spikes came with theirs.
    patterns: Option<InputPatterns>,
    /// None where the weights came packed, or cannot be.
    packed: Option<PackedWeights>,
}

impl<'a> ProductInputs<'a> {
    /// `lookups` are those that a pass before has made of the same spikes and weights, if there was one.
    pub(super) fn new(layer: SpikingConvolution<'a>, inputs: Inputs<'a>, lookups: Option<&'a Lookups>) -> Self {
        let given = inputs.patterns.map(|patterns| &patterns.inputs);
        let lookups = lookups.map_or_else(
            || {
                let weights = layer.weights;
                let packed = match weights.packed {
                    Some(_) => None,
                    None => PackedWeights::new(layer.shape, weights.synapses, weights.presence),
                };
                let patterns = if given.is_some() { None } else { Some(InputPatterns::of(inputs.spikes)) };
                Cow::Owned(Lookups { patterns, packed })
            },
            Cow::Borrowed,
        );
        Self { layer, spikes: inputs.spikes, given, lookups }
    }

    /// The number of tokens U, which stands for silence in the positions.
    pub(super) fn tokens(&self) -> usize {
        self.spikes.rows() / self.layer.time.rows()
    }

    /// The patterns of the spikes.
    fn patterns(&self) -> &InputPatterns {
        self.given.or(self.lookups.patterns.as_ref()).expect("patterns that were given or made")
    }

    /// The weights as whole numbers, if they are.
    pub(super) fn packed(&self) -> Option<&PackedWeights> {
        self.layer.weights.packed.or(self.lookups.packed.as_ref())
    }

    /// What was made, for another pass.
    pub(super) fn into_lookups(self) -> Lookups {
        self.lookups.into_owned()
    }
}

/// Token products of a chunk, `[U + 1, T', product rows]` rows of 32: those of the last token, which stands for
/// silence, are zero, and so are a few after it, for readers of whole rows that begin within the last.
#[derive(Debug)]
pub(super) enum Products {
    /// Whole numbers of a unit, in 16 bits.
    Narrow(Buffer<Lanes<i16>>, f32),
    /// Whole numbers of a unit, in 32 bits.
    Wide(Buffer<Lanes<i32>>, f32),
    /// In single precision.
    Float(Buffer<Lanes<f32>>),
}

/// A token product of any kind.
pub(super) trait Product: Copy {
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

/// Borrowed [`Products`].
#[derive(Clone, Copy)]
pub(super) enum ProductRows<'a> {
    Narrow(&'a [Lanes<i16>], f32),
    Wide(&'a [Lanes<i32>], f32),
    Float(&'a [Lanes<f32>]),
}

/// Calls `$body` with product rows of whichever numbers, and their unit.
macro_rules! with_rows {
    ($rows:expr, |$products:ident, $unit:pat_param| $body:expr) => {
        match $rows {
            $crate::spiking_convolution::products::ProductRows::Narrow($products, $unit) => $body,
            $crate::spiking_convolution::products::ProductRows::Wide($products, $unit) => $body,
            $crate::spiking_convolution::products::ProductRows::Float($products) => {
                let $unit = 1.0f32;
                $body
            }
        }
    };
}
pub(super) use with_rows;

/// Products of a chunk of time as the neurons read them, `[token, T', product rows]`; those of a constant current are
/// `[token, 1, product rows]`.
#[derive(Clone, Copy)]
pub(super) struct ProductView<'a> {
    pub(super) chunk: Chunk,
    /// How the products become currents.
    pub(super) drive: Drive,
    pub(super) rows: ProductRows<'a>,
}

impl Products {
    /// Those of a chunk of the rows of each token.
    pub(super) fn of_chunk(inputs: &ProductInputs<'_>, strip: &Strip<'_>, chunk: Chunk) -> Self {
        let SpikingConvolution { shape, time, weights, workspace, .. } = inputs.layer;
        let across = strip.channels.product_rows();
        let silence = inputs.tokens() * chunk.count * across;
        let length = silence + chunk.count * across + strip.channels.channel_rows();
        if let Some(packed) = inputs.packed() {
            let look_up = LookUp::new(&packed.strips[strip.index], inputs.patterns(), time.rows(), chunk);
            let parts = splits_per_item(shape.strips().len());
            if look_up.weights.summation == Summation::Narrow {
                let mut rows = workspace.take(length);
                rows[silence..].fill(Lanes::all(0));
                if look_up.fill_narrow(parts, None, &mut rows[..silence]) {
                    return Self::Narrow(rows, packed.unit);
                }
            }
            let mut rows = workspace.take(length);
            rows[silence..].fill(Lanes::all(0));
            look_up.fill_wide(parts, None, &mut rows[..silence]);
            return Self::Wide(rows, packed.unit);
        }
        let mut rows = workspace.take(length);
        rows[silence..].fill(Lanes::all(0.0));
        let factors = FloatFactors {
            shape,
            synapses: weights.synapses,
            presence: weights.presence,
            spikes: inputs.spikes,
            rows_a_token: time.rows(),
        };
        factors.multiply(strip.channels, chunk.first, chunk.count, &mut rows[..silence], workspace);
        Self::Float(rows)
    }

    /// The products, whatever their steps.
    pub(super) fn rows(&self) -> ProductRows<'_> {
        match self {
            Self::Narrow(rows, unit) => ProductRows::Narrow(rows, *unit),
            Self::Wide(rows, unit) => ProductRows::Wide(rows, *unit),
            Self::Float(rows) => ProductRows::Float(rows),
        }
    }

    /// The unit of whole numbers.
    pub(super) fn unit(&self) -> Option<f32> {
        match self {
            Self::Narrow(_, unit) | Self::Wide(_, unit) => Some(*unit),
            Self::Float(_) => None,
        }
    }

    /// The products to run neurons over, in the steps of a chunk.
    pub(super) fn view(&self, drive: Drive, chunk: Chunk) -> ProductView<'_> {
        ProductView { chunk, drive, rows: self.rows() }
    }

    /// Memory of the products.
    pub(super) fn bytes(&self) -> usize {
        with_rows!(self.rows(), |rows, _| size_of_val(rows))
    }

    /// Rows of 32 products.
    pub(super) fn len(&self) -> usize {
        with_rows!(self.rows(), |rows, _| rows.len())
    }
}

/// The fewest rows of patterns of a part: tables take as long as sixty-four rows.
const ROWS_A_PART: usize = 512;

/// Rows of spikes below which whole tables take longer to fill than they save.
const FEW_ROWS: usize = 48;

/// What products of a strip are looked up from.
///
/// They go into rows `[token, T', product rows]`. Where `destinations` are given, token i goes to where token
/// `destinations[i]` of the rows lies; else to its own place.
#[derive(Clone, Copy)]
pub(super) struct LookUp<'a> {
    pub(super) weights: &'a PackedStrip,
    patterns: &'a InputPatterns,
    /// Rows of patterns of a token.
    rows_a_token: usize,
    /// The first row of patterns that is looked up.
    first: usize,
    /// How many of the rows of each token are looked up: T'.
    count: usize,
}

impl<'a> LookUp<'a> {
    pub(super) fn new(
        weights: &'a PackedStrip,
        patterns: &'a InputPatterns,
        rows_a_token: usize,
        Chunk { first, count }: Chunk,
    ) -> Self {
        Self { weights, patterns, rows_a_token, first, count }
    }

    /// Rows of 32 products of a token.
    #[inline(always)]
    fn product_rows_a_token(&self) -> usize {
        self.count * self.weights.presence.len()
    }

    /// Looks up products in 16 bits, in at most so many parts that threads may share; whether all of them fit.
    /// Destinations ascend if there are to be several parts.
    pub(super) fn fill_narrow(&self, parts: usize, destinations: Option<&[u32]>, rows: &mut [Lanes<i16>]) -> bool {
        self.in_parts(parts, destinations, rows, |part, destinations, rows| look_up_narrow(&part, destinations, rows))
    }

    /// The same in 32 bits, which all of them fit.
    pub(super) fn fill_wide(&self, parts: usize, destinations: Option<&[u32]>, rows: &mut [Lanes<i32>]) {
        self.in_parts(parts, destinations, rows, |part, destinations, rows| {
            look_up_wide(&part, destinations, rows);
            true
        });
    }

    /// Calls `fill` with each part, its destinations counted from where its rows begin, and its rows; whether all
    /// went well.
    fn in_parts<T: Send>(
        &self,
        parts: usize,
        destinations: Option<&[u32]>,
        rows: &mut [T],
        fill: impl Fn(Self, Option<&[u32]>, &mut [T]) -> bool + Sync,
    ) -> bool {
        let a_token = self.product_rows_a_token();
        let tokens = destinations.map_or(rows.len() / a_token, <[u32]>::len);
        let parts = parts.min(tokens * self.count / ROWS_A_PART);
        if parts < 2 {
            return fill(*self, destinations, rows);
        }
        let each = tokens.div_ceil(parts);
        let part_of = |part: usize| Self { first: self.first + part * each * self.rows_a_token, ..*self };
        // Every part is made, so that the rest may rely on it.
        let all = |a: bool, b: bool| a && b;
        let Some(destinations) = destinations else {
            let parts = rows.par_chunks_mut(each * a_token).enumerate();
            return parts.map(|(part, rows)| fill(part_of(part), None, rows)).reduce(|| true, all);
        };
        let mut tasks = Vec::with_capacity(parts);
        let (mut rest, mut begin) = (rows, 0);
        for (part, destinations) in destinations.chunks(each).enumerate() {
            // Up to its last row; between its first one and the part before may lie rows of others.
            let (first, end) = (destinations[0] as usize, destinations[destinations.len() - 1] as usize + 1);
            let (own, after) = rest.split_at_mut((end - begin) * a_token);
            let own = &mut own[(first - begin) * a_token..];
            let destinations: Vec<u32> = destinations.iter().map(|to| to - first as u32).collect();
            tasks.push((part_of(part), destinations, own));
            (rest, begin) = (after, end);
        }
        let went_well = tasks.into_par_iter().map(|(part, destinations, rows)| fill(part, Some(&destinations), rows));
        went_well.reduce(|| true, all)
    }

    /// Adds the sums of all sets to rows that begin as `begin` says of the presence currents. `seen` goes from row to
    /// row and comes back; it is passed by value so that it stays in registers.
    #[inline(always)]
    fn add_sets<T: Copy, S: Copy, const FEW: bool>(
        &self,
        destinations: Option<&[u32]>,
        rows: &mut [Lanes<T>],
        begin: impl Fn(Lanes<i16>) -> Lanes<T>,
        mut seen: S,
        add: impl Fn(&mut Lanes<T>, S, &InputTables, &[u8; INPUT_GROUPS]) -> S,
    ) -> S {
        let across = self.weights.presence.len();
        let inputs = self.weights.synapses.len() / across;
        let a_token = self.product_rows_a_token();
        let tokens = self.tokens(destinations, rows.len());
        let destination = |token: usize| destinations.map_or(token, |to| to[token] as usize);
        let mut tables = InputTables::new();
        for (row, &presence) in self.weights.presence.iter().enumerate() {
            for token in 0..tokens {
                let rows = &mut rows[destination(token) * a_token..][..a_token];
                for rows in rows.chunks_exact_mut(across) {
                    rows[row] = begin(presence);
                }
            }
            let synapses = &self.weights.synapses[row * inputs..][..inputs];
            for (set, synapses) in synapses.chunks_exact(SET_INPUTS).enumerate() {
                for (group, synapses) in synapses.chunks_exact(InputTables::INPUTS).enumerate() {
                    if FEW {
                        tables.fill_few(group, |input| &synapses[input]);
                    } else {
                        tables.fill(group, |input| &synapses[input]);
                    }
                }
                for token in 0..tokens {
                    let rows = &mut rows[destination(token) * a_token..][..a_token];
                    let patterns = self.patterns.of_set(set, self.first + token * self.rows_a_token, self.count);
                    for (patterns, rows) in patterns.iter().zip(rows.chunks_exact_mut(across)) {
                        seen = add(&mut rows[row], seen, &tables, patterns);
                    }
                }
            }
        }
        seen
    }

    /// How many tokens go to so many rows.
    #[inline(always)]
    fn tokens(&self, destinations: Option<&[u32]>, rows: usize) -> usize {
        destinations.map_or(rows / self.product_rows_a_token(), <[u32]>::len)
    }

    /// Whether whole tables are not worth their filling.
    #[inline(always)]
    fn are_few(&self, destinations: Option<&[u32]>, rows: usize) -> bool {
        self.tokens(destinations, rows) * self.count < FEW_ROWS
    }
}

/// Looks up products in 16 bits; whether all of them fit.
#[apply(every_processor!)]
fn look_up_narrow(look_up: &LookUp<'_>, destinations: Option<&[u32]>, rows: &mut [Lanes<i16>]) -> bool {
    let (none, same) = (Lanes::all(0i16), |presence| presence);
    let (most, least) = if look_up.are_few(destinations, rows.len()) {
        look_up.add_sets::<_, _, true>(destinations, rows, same, (none, none), |row, seen, tables, patterns| {
            add_watched(row, tables.sum_of_few(patterns, 0, INPUT_GROUPS), seen)
        })
    } else {
        look_up.add_sets::<_, _, false>(destinations, rows, same, (none, none), |row, seen, tables, patterns| {
            add_watched(row, tables.sum(patterns), seen)
        })
    };
    most.0.iter().all(|&most| most < i16::MAX) && least.0.iter().all(|&least| least > i16::MIN)
}

/// Looks up products in 32 bits.
#[apply(every_processor!)]
fn look_up_wide(look_up: &LookUp<'_>, destinations: Option<&[u32]>, rows: &mut [Lanes<i32>]) {
    // Closures, since these take on the processor that this function is compiled for; functions as values do not.
    let begin = |presence| widen(presence);
    if look_up.are_few(destinations, rows.len()) {
        look_up.add_sets::<_, _, true>(destinations, rows, begin, (), |row, (), tables, patterns| {
            add_groups(row, tables, patterns);
        });
    } else if look_up.weights.summation == Summation::Fifths {
        look_up.add_sets::<_, _, false>(destinations, rows, begin, (), |row, (), tables, patterns| {
            add_sections::<5>(row, tables, patterns);
        });
    } else {
        look_up.add_sets::<_, _, false>(destinations, rows, begin, (), |row, (), tables, patterns| {
            add_sections::<2>(row, tables, patterns);
        });
    }
}

/// Adds the sum of a set, which fits 16 bits (see `SumBounds`); that of all sets is watched: the largest and the
/// smallest numbers seen come back.
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

/// Adds the sum of a set group by group, out of tables of few entries: a group lies within a half as within a fifth
/// of its set.
#[inline(always)]
fn add_groups(row: &mut Lanes<i32>, tables: &InputTables, patterns: &[u8; INPUT_GROUPS]) {
    for group in 0..INPUT_GROUPS {
        let sum = tables.sum_of_few(patterns, group, group + 1);
        *row = zip(*row, widen(sum), i32::wrapping_add);
    }
}

/// Adds the sum of a set out of those of its sections, which fit 16 bits.
#[inline(always)]
fn add_sections<const SECTIONS: usize>(row: &mut Lanes<i32>, tables: &InputTables, patterns: &[u8; INPUT_GROUPS]) {
    let sums: [_; SECTIONS] = tables.sums_of_sections(patterns);
    let mut all = widen(sums[0]);
    for sum in &sums[1..] {
        all = zip(all, widen(*sum), i32::wrapping_add);
    }
    *row = zip(*row, all, i32::wrapping_add);
}
