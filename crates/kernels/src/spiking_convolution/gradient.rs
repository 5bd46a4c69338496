//! From the gradient of the token products to that of the synapses: `dW[d,j] += sum_{u,t} s[u,t,d] dY[u,t,j]`, by
//! look-up with four steps of a token as the inputs and the D dimensions as the rows.
//!
//! Sums are made in an order that follows from the shapes alone: four steps, eight groups of them, one set after the
//! other.

use macro_rules_attribute::apply;
use rayon::prelude::*;

use super::layer::Gradients;
use crate::{
    ChannelStrip, ConvolutionShape,
    lanes::{LANES, Lanes, flat},
    look_up::add,
    spike_patterns::{GROUP_STEPS, STEP_GROUPS, StepPatterns, StepTables},
    workspace::{Buffer, Workspace},
};

/// Gradients of the numbers of one strip.
pub(super) struct StripGradient {
    /// `[product row, D + 1]`: synapses, and last the presence current.
    rows: Buffer<Lanes<f32>>,
    /// Rows that the products of one (token, step) fill.
    across: usize,
    /// `[channel rows]`.
    pub(super) bias: Vec<Lanes<f32>>,
}

impl StripGradient {
    pub(super) fn new(strip: &ChannelStrip, dimension: usize, workspace: &Workspace) -> Self {
        let across = strip.product_rows();
        let rows = workspace.zeros(across * (dimension + 1));
        Self { rows, across, bias: vec![Lanes::all(0.0); strip.channel_rows()] }
    }

    /// Adds the gradient of a chunk of `count` steps: `d_products` is `[U, count, product rows]` (what follows of the
    /// silent token is not read). A thread that has no strip left takes some of the rows.
    pub(super) fn add(&mut self, patterns: &StepPatterns, d_products: &[Lanes<f32>], count: usize) {
        let (across, per_row) = (self.across, self.per_row());
        self.rows
            .par_chunks_exact_mut(per_row)
            .enumerate()
            .for_each(|(row, inputs)| accumulate(patterns, d_products, count, row, across, inputs));
    }

    /// D + 1.
    fn per_row(&self) -> usize {
        self.rows.len() / self.across
    }
}

/// Rows of synapses that are worth a thread's while.
const ROWS_A_TASK: usize = 32;

/// Neighbouring columns of one tap that lie in one product row of a strip.
struct ColumnRange<'a> {
    /// The product row, `[D + 1]`, and its first lane.
    rows: &'a [Lanes<f32>],
    lane: usize,
    columns: usize,
    /// The first of them among all columns.
    to: usize,
}

impl<'a> ColumnRange<'a> {
    /// Those of all strips, which tile the columns, in the order of the columns.
    fn all(shape: &ConvolutionShape, strips: &[ChannelStrip], gradients: &'a [StripGradient]) -> Vec<Self> {
        let mut ranges = Vec::new();
        for (strip, gradient) in strips.iter().zip(gradients) {
            for (row, rows) in gradient.rows.chunks_exact(gradient.per_row()).enumerate() {
                let (mut own, end) = (row * LANES, ((row + 1) * LANES).min(strip.columns()));
                while own < end {
                    let (tap, channel) = (own / strip.channels, own % strip.channels);
                    let columns = (strip.channels - channel).min(end - own);
                    let to = strip.source_column(shape, tap) + channel;
                    ranges.push(Self { rows, lane: own % LANES, columns, to });
                    own += columns;
                }
            }
        }
        ranges.sort_unstable_by_key(|range| range.to);
        ranges
    }

    /// Writes row `d` of the range into that of all columns.
    #[inline(always)]
    fn put(&self, d: usize, row: &mut [f32]) {
        let own = &flat(&self.rows[d..])[self.lane..];
        match (own.first_chunk::<LANES>(), row[self.to..].first_chunk_mut::<LANES>()) {
            // A whole row of lanes takes less time than a few of them; what it writes past the range, the next ones
            // write again.
            (Some(own), Some(row)) => *row = *own,
            _ => row[self.to..][..self.columns].copy_from_slice(&own[..self.columns]),
        }
    }
}

/// The gradients of the layer from those of its strips.
pub(super) fn merged(shape: &ConvolutionShape, strips: &[ChannelStrip], own: &[StripGradient]) -> Gradients {
    let (d, m) = (shape.dimension, shape.products());
    let mut gradients =
        Gradients { synapses: vec![0.0; d * m], presence: vec![0.0; m], bias: vec![0.0; shape.channels()] };
    let ranges = ColumnRange::all(shape, strips, own);
    // Range by range, so that each is read from one end to the other.
    gradients.synapses.par_chunks_mut((ROWS_A_TASK * m).max(1)).enumerate().for_each(|(task, rows)| {
        for range in &ranges {
            let rows = rows.chunks_exact_mut(m).enumerate();
            rows.for_each(|(own, row)| range.put(task * ROWS_A_TASK + own, row));
        }
    });
    ranges.iter().for_each(|range| range.put(d, &mut gradients.presence));
    for (strip, gradient) in strips.iter().zip(own) {
        let first = strip.first_channel(shape);
        gradients.bias[first..first + strip.channels].copy_from_slice(&flat(&gradient.bias)[..strip.channels]);
    }
    gradients
}

/// Adds the gradient of the synapses and presence current of product row `row` of `across` to `inputs`, `[D + 1]`.
#[apply(every_processor!)]
fn accumulate(
    patterns: &StepPatterns,
    d_products: &[Lanes<f32>],
    count: usize,
    row: usize,
    across: usize,
    inputs: &mut [Lanes<f32>],
) {
    let (token_groups, zero) = (count.div_ceil(GROUP_STEPS), Lanes::all(0.0));
    let mut tables = StepTables::new();
    for (set, patterns) in patterns.sets().enumerate() {
        for member in 0..STEP_GROUPS {
            let group = set * STEP_GROUPS + member;
            let (token, within) = (group / token_groups, group % token_groups * GROUP_STEPS);
            let first = (token * count + within) * across + row;
            // Steps past the chunk, and groups past the last token, are chosen by no pattern.
            let own = &d_products[first.min(d_products.len())..];
            tables.fill(member, |step| match own.get(step * across) {
                Some(row) if within + step < count => row,
                _ => &zero,
            });
        }
        for (input, patterns) in inputs.iter_mut().zip(patterns) {
            add(input, &tables.sum(patterns));
        }
    }
}
