//! From the gradient of the token products to that of the synapses: `dW[d,j] += sum_{u,t} s[u,t,d] dY[u,t,j]`, by look-up with
//! four steps of a token as the inputs and the D dimensions as the rows.
//!
//! Sums are made in an order that follows from the shapes alone: four steps, eight groups of them, one set after the other.

use multiversion::multiversion;

use super::Gradients;
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

    /// Adds the gradient of a chunk of `count` steps: `d_products` is `[U, count, product rows]` (what follows of the silent
    /// token is not read).
    pub(super) fn add(&mut self, patterns: &StepPatterns, d_products: &[Lanes<f32>], count: usize) {
        accumulate(patterns, d_products, count, self.across, &mut self.rows);
    }

    /// Writes the strip's channels into the gradients of the layer.
    pub(super) fn put(&self, shape: &ConvolutionShape, strip: &ChannelStrip, gradients: &mut Gradients) {
        let per_row = self.rows.len() / self.across;
        let mut own = vec![0.0; self.across * LANES];
        for d in 0..per_row {
            for (own, rows) in own.chunks_exact_mut(LANES).zip(self.rows.chunks_exact(per_row)) {
                own.copy_from_slice(&rows[d].0);
            }
            let row = gradients.synapses.chunks_exact_mut(shape.products()).nth(d);
            strip.scatter(shape, &own[..strip.columns()], row.unwrap_or(&mut gradients.presence));
        }
        let first = strip.first_channel(shape);
        gradients.bias[first..first + strip.channels].copy_from_slice(&flat(&self.bias)[..strip.channels]);
    }
}

#[multiversion(targets("x86_64+avx2"))]
fn accumulate(
    patterns: &StepPatterns,
    d_products: &[Lanes<f32>],
    count: usize,
    across: usize,
    rows: &mut [Lanes<f32>],
) {
    let per_row = rows.len() / across;
    let (token_groups, zero) = (count.div_ceil(GROUP_STEPS), Lanes::all(0.0));
    let mut tables = StepTables::new();
    for (which, rows) in rows.chunks_exact_mut(per_row).enumerate() {
        for (set, patterns) in patterns.sets().enumerate() {
            for member in 0..STEP_GROUPS {
                let group = set * STEP_GROUPS + member;
                let (token, within) = (group / token_groups, group % token_groups * GROUP_STEPS);
                let first = (token * count + within) * across + which;
                // Steps past the chunk, and groups past the last token, are chosen by no pattern.
                let own = &d_products[first.min(d_products.len())..];
                tables.fill(member, |step| match own.get(step * across) {
                    Some(row) if within + step < count => row,
                    _ => &zero,
                });
            }
            for (row, patterns) in rows.iter_mut().zip(patterns) {
                add(row, &tables.sum(patterns));
            }
        }
    }
}
