//! Products in single precision: the matrix product, for weights that are whole numbers of no common unit.

use super::products::Source;
use crate::{
    ChannelStrip, ConvolutionShape,
    lanes::{LANES, Lanes},
    matrix::{Matrix, product},
    workspace::Workspace,
};

/// Products by matrix product into `rows`, `[U, T', product rows]`.
pub(super) fn multiply(
    shape: &ConvolutionShape,
    source: &Source<'_>,
    strip: &ChannelStrip,
    steps: usize,
    (first, count): (usize, usize),
    workspace: &Workspace,
    rows: &mut [Lanes<f32>],
) {
    let (tokens, dimension) = (source.spikes.rows() / steps, shape.dimension);
    let synapses = strip.gather(shape, source.weights.synapses);
    let presence = strip.gather(shape, source.weights.presence);
    let mut spikes = workspace.take::<f32>(tokens * count * dimension);
    for (token, spikes) in spikes.chunks_exact_mut((count * dimension).max(1)).enumerate() {
        source.spikes.expand(token * steps + first, spikes);
    }
    let mut products = workspace.take::<f32>(tokens * count * strip.columns());
    products.chunks_exact_mut(strip.columns()).for_each(|row| row.copy_from_slice(&presence));
    let spikes = Matrix::new(&spikes, tokens * count, dimension);
    product(spikes, Matrix::new(&synapses, dimension, strip.columns()), &mut products, true);
    for (rows, products) in rows.chunks_exact_mut(strip.product_rows()).zip(products.chunks_exact(strip.columns())) {
        rows.iter_mut().zip(products.chunks(LANES)).for_each(|(row, values)| *row = Lanes::of(values, 0.0));
    }
}
