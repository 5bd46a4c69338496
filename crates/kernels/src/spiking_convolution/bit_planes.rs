//! Constant currents (see [`crate::drive`]): their products are put together from those of eight bit planes, and
//! their gradients go back to all of them.

use super::{
    inputs::Chunk,
    layer::Strip,
    products::{Product, ProductInputs, ProductRows, Products, with_rows},
};
use crate::{
    ChannelStrip, Drive,
    drive::{PHASES, share},
    lanes::{LANES, Lanes, widen, zip},
    workspace::{Buffer, Workspace},
};

impl Products {
    /// The products of a constant current, one row of them a token, out of those of its bit planes.
    pub(super) fn of_constant(inputs: &ProductInputs<'_>, strip: &Strip<'_>) -> Self {
        let workspace = inputs.layer.workspace;
        let across = strip.channels.product_rows();
        let silence = inputs.tokens() * across;
        let length = silence + across + strip.channels.channel_rows();
        let bit_planes = Self::of_chunk(inputs, strip, Chunk::all(PHASES));
        if let (Some(unit), true) = (bit_planes.unit(), inputs.packed().is_some_and(|own| own.holds(Drive::Current)))
        {
            let mut rows = workspace.take(length);
            rows[silence..].fill(Lanes::all(0));
            join_bit_planes(bit_planes.rows(), across, None, &mut rows[..silence]);
            return Self::Wide(rows, unit * share(PHASES - 1));
        }
        let mut rows = workspace.zeros::<Lanes<f32>>(length);
        with_rows!(bit_planes.rows(), |planes, unit| {
            for (token, rows) in rows[..silence].chunks_exact_mut(across).enumerate() {
                for plane in 0..PHASES {
                    let planes = &planes[(token * PHASES + plane) * across..];
                    rows.iter_mut().zip(planes).for_each(|(sum, row)| add_plane(sum, row, unit * share(plane)));
                }
            }
        });
        Self::Float(rows)
    }
}

/// Adds the products of a bit plane, in single precision.
fn add_plane<P: Product>(sum: &mut Lanes<f32>, plane: &Lanes<P>, unit: f32) {
    for lane in 0..LANES {
        sum.0[lane] += P::current(plane.0[lane].add(P::ZERO), unit);
    }
}

/// Joins the products of bit planes, `[token, plane, product rows]`, into whole numbers of 1/256 of their unit,
/// `[token, product rows]`. Where `destinations` are given, token i goes to where token `destinations[i]` of the rows
/// lies. Products in single precision are no whole numbers and come to nothing.
pub(super) fn join_bit_planes(
    planes: ProductRows<'_>,
    across: usize,
    destinations: Option<&[u32]>,
    rows: &mut [Lanes<i32>],
) {
    let tokens = destinations.map_or(rows.len() / across, <[u32]>::len);
    for token in 0..tokens {
        let to = destinations.map_or(token, |to| to[token] as usize);
        for row in 0..across {
            let mut sum = Lanes::all(0);
            for plane in 0..PHASES {
                let at = (token * PHASES + plane) * across + row;
                let own = match planes {
                    ProductRows::Narrow(rows, _) => widen(rows[at]),
                    ProductRows::Wide(rows, _) => rows[at],
                    ProductRows::Float(_) => Lanes::all(0),
                };
                sum = zip(sum, own, |sum, own| 2 * sum + own);
            }
            rows[to * across + row] = sum;
        }
    }
}

/// The gradients of all bit planes, `[token, plane, product rows]`, from that of the constant product of each token,
/// `[token, product rows]` (what follows of the silent token is not read).
pub(super) fn bit_plane_gradient(
    strip: &ChannelStrip,
    tokens: usize,
    d_constant: &[Lanes<f32>],
    workspace: &Workspace,
) -> Buffer<Lanes<f32>> {
    let across = strip.product_rows();
    let mut planes: Buffer<Lanes<f32>> = workspace.take(tokens * PHASES * across);
    for (row, out) in planes.chunks_exact_mut(across).enumerate() {
        let (token, share) = (row / PHASES, share(row % PHASES));
        for (out, d) in out.iter_mut().zip(&d_constant[token * across..]) {
            out.0 = d.0.map(|d| d * share);
        }
    }
    planes
}
