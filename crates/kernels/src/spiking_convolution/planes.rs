//! The products of a constant current, put together from those of its eight bit planes (see [`crate::drive`]).

use super::products::{Chunk, Products, Rows, Source, Strip, widen, zip};
use crate::{
    ConvolutionShape, Drive,
    drive::{PHASES, share},
    lanes::Lanes,
    workspace::Workspace,
};

impl Chunk {
    /// The products of a constant current, one row of them a token, out of those of its bit planes.
    pub(super) fn constant(
        shape: &ConvolutionShape,
        source: &Source<'_>,
        strip: &Strip<'_>,
        workspace: &Workspace,
    ) -> Self {
        let across = strip.strip.product_rows();
        let silence = source.spikes.rows() / PHASES * across;
        let length = silence + across + strip.strip.channel_rows();
        let planes = Self::new(shape, source, strip, (0, PHASES), PHASES, workspace);
        let whole = source.packed().is_some_and(|packed| packed.holds(Drive::Current));
        if let (Rows::Narrow(_, unit) | Rows::Wide(_, unit), true) = (planes.rows(), whole) {
            let mut rows = workspace.take(length);
            rows[silence..].fill(Lanes::all(0));
            let places = &source.order[..source.spikes.rows() / PHASES];
            join_planes(planes.rows(), across, places, &mut rows);
            return Self { products: Products::Wide(rows, unit * share(PHASES - 1)) };
        }
        let mut rows = workspace.zeros::<Lanes<f32>>(length);
        for (token, rows) in rows[..silence].chunks_exact_mut(across).enumerate() {
            for (plane, which) in (0..PHASES).flat_map(|plane| (0..across).map(move |which| (plane, which))) {
                let at = (token * PHASES + plane) * across + which;
                let (own, share) = (&mut rows[which].0, share(plane));
                match planes.rows() {
                    Rows::Narrow(all, unit) => {
                        own.iter_mut().zip(&all[at].0).for_each(|(sum, x)| *sum += f32::from(*x) * (unit * share));
                    }
                    Rows::Wide(all, unit) => {
                        own.iter_mut().zip(&all[at].0).for_each(|(sum, x)| *sum += *x as f32 * (unit * share));
                    }
                    Rows::Numbers(all) => own.iter_mut().zip(&all[at].0).for_each(|(sum, x)| *sum += x * share),
                }
            }
        }
        Self { products: Products::Numbers(rows) }
    }
}

/// Joins the products of bit planes, `[token, plane, product rows]`, into whole numbers of 1/256 of their unit, `[place, product
/// rows]`, those of each token to its place. Numbers of single precision are none of these and are left out.
pub(super) fn join_planes(planes: Rows<'_>, across: usize, places: &[u32], rows: &mut [Lanes<i32>]) {
    for (token, &place) in places.iter().enumerate() {
        for which in 0..across {
            let mut sum = Lanes::all(0);
            for plane in 0..PHASES {
                let at = (token * PHASES + plane) * across + which;
                let own = match planes {
                    Rows::Narrow(rows, _) => widen(rows[at]),
                    Rows::Wide(rows, _) => rows[at],
                    Rows::Numbers(_) => Lanes::all(0),
                };
                sum = zip(sum, own, |sum, own| 2 * sum + own);
            }
            rows[place as usize * across + which] = sum;
        }
    }
}
