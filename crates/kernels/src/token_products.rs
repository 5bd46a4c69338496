//! Token products of spikes, `Y[u,t,m] = q[m] + sum_d s[u,t,d] W[d,m]`, by look-up or by matrix product.
//!
//! Look-up serves weights that are whole numbers of a unit (those of a finished network) on a processor made for it; the
//! matrix product serves the rest. The result is the same to the bit where sums are exact, which they are for such
//! weights.

use rayon::prelude::*;

use crate::{
    ChannelBlock, ConvolutionShape, SpikeTrain,
    matrix::{Matrix, product},
    spike_product::{self, unit_of},
    workspace::{Buffer, Workspace},
};

/// Rows of spikes from which tables that serve but once are worth their making.
const LOOK_UP_FROM: usize = 1024;

/// Synapses as sums to look up, block by block.
#[derive(Clone, Debug, PartialEq)]
pub struct Tables(Vec<spike_product::Tables>);

impl Tables {
    /// Tables of synapses `[D, M]`; `None` where they are no whole numbers of a unit or the processor has no use for
    /// tables.
    #[must_use]
    pub fn new(shape: &ConvolutionShape, synapses: &[f32]) -> Option<Self> {
        if !spike_product::is_fast() || unit_of(synapses).is_none() {
            return None;
        }
        let blocks = shape.blocks();
        let tables = blocks.par_iter().map(|block| {
            spike_product::Tables::new(&block.gather(shape, synapses), shape.dimension, block.columns())
        });
        tables.collect::<Option<_>>().map(Self)
    }

    /// As [`Self::new`], if there are enough rows of spikes.
    pub(crate) fn for_rows(shape: &ConvolutionShape, synapses: &[f32], rows: usize) -> Option<Self> {
        if rows >= LOOK_UP_FROM { Self::new(shape, synapses) } else { None }
    }
}

/// The spikes in the form that the way of multiplying reads.
pub(crate) enum Operand<'a> {
    /// For look-up.
    Bytes(spike_product::Bytes, &'a Tables),
    /// For the matrix product.
    Numbers(Buffer),
}

impl<'a> Operand<'a> {
    /// Look-up if there are tables.
    pub(crate) fn new(
        blocks: &[ChannelBlock],
        spikes: &SpikeTrain,
        tables: Option<&'a Tables>,
        workspace: &Workspace,
    ) -> Self {
        match tables {
            Some(tables) => {
                assert!(
                    tables.0.iter().map(|t| t.columns()).eq(blocks.iter().map(ChannelBlock::columns)),
                    "token_products: tables of another shape"
                );
                Self::Bytes(spike_product::Bytes::of(spikes), tables)
            }
            None => Self::Numbers(expand(spikes, workspace)),
        }
    }

    /// The token products of the block that is the `which`-th of `shape`, `[rows, columns]`.
    pub(crate) fn times(
        &self,
        shape: &ConvolutionShape,
        (which, block): (usize, &ChannelBlock),
        rows: usize,
        (synapses, presence): (&[f32], &[f32]),
        workspace: &Workspace,
    ) -> Buffer {
        let presence = block.gather(shape, presence);
        let mut y = workspace.take(rows * block.columns());
        match self {
            Self::Bytes(bytes, tables) => spike_product::product(bytes, &tables.0[which], &presence, &mut y),
            Self::Numbers(numbers) => {
                let own = block.gather(shape, synapses);
                y.chunks_exact_mut(block.columns()).for_each(|row| row.copy_from_slice(&presence));
                product(
                    Matrix::new(numbers, rows, shape.dimension),
                    Matrix::new(&own, shape.dimension, block.columns()),
                    &mut y,
                    true,
                );
            }
        }
        y
    }
}

/// All spikes as 0.0 and 1.0 for the matrix product.
pub(crate) fn expand(spikes: &SpikeTrain, workspace: &Workspace) -> Buffer {
    const ROWS: usize = 256;
    let mut expanded = workspace.take(spikes.rows() * spikes.dimension());
    expanded
        .par_chunks_mut((ROWS * spikes.dimension()).max(1))
        .enumerate()
        .for_each(|(chunk, out)| spikes.expand(chunk * ROWS, out));
    expanded
}
