//! Products in single precision: the matrix product, for weights that are whole numbers of no common unit.

use crate::{
    ChannelStrip, ConvolutionShape, SpikeTrain,
    lanes::{LANES, Lanes},
    matrix::{Matrix, product},
    workspace::Workspace,
};

/// Weights and spikes of which products are made.
pub(super) struct FloatFactors<'a> {
    pub(super) shape: &'a ConvolutionShape,
    /// W, `[D, M]`.
    pub(super) synapses: &'a [f32],
    /// q, `[M]`.
    pub(super) presence: &'a [f32],
    pub(super) spikes: &'a SpikeTrain,
    /// Rows of spikes of a token.
    pub(super) rows_a_token: usize,
}

impl FloatFactors<'_> {
    /// The products of a strip with rows `first..first + count` of each token, into `rows`, `[U, count, product
    /// rows]`.
    pub(super) fn multiply(
        &self,
        strip: &ChannelStrip,
        first: usize,
        count: usize,
        rows: &mut [Lanes<f32>],
        workspace: &Workspace,
    ) {
        let (tokens, dimension) = (self.spikes.rows() / self.rows_a_token, self.shape.dimension);
        let synapses = strip.gather(self.shape, self.synapses);
        let presence = strip.gather(self.shape, self.presence);
        let mut spikes = workspace.take::<f32>(tokens * count * dimension);
        for (token, spikes) in spikes.chunks_exact_mut((count * dimension).max(1)).enumerate() {
            self.spikes.expand(token * self.rows_a_token + first, spikes);
        }
        let columns = strip.columns();
        let mut products = workspace.take::<f32>(tokens * count * columns);
        products.chunks_exact_mut(columns).for_each(|row| row.copy_from_slice(&presence));
        let spikes = Matrix::new(&spikes, tokens * count, dimension);
        product(spikes, Matrix::new(&synapses, dimension, columns), &mut products, true);
        for (rows, products) in rows.chunks_exact_mut(strip.product_rows()).zip(products.chunks_exact(columns)) {
            rows.iter_mut().zip(products.chunks(LANES)).for_each(|(row, values)| *row = Lanes::of(values, 0.0));
        }
    }
}
