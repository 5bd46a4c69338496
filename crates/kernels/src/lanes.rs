//! Thirty-two numbers side by side: what the spiking kernels load, add and store as one.
//!
//! A row of 16-bit numbers is one cache line, a row of single-precision ones two, and both start on a line. Loops
//! over rows of a length that the compiler knows become vector instructions on every processor, without a line of
//! assembly.

// By index: what runs over arrays of lanes reads as the formula does, and becomes vectors.
#![allow(clippy::needless_range_loop)]

use bytemuck::{Pod, Zeroable, cast_slice, cast_slice_mut};

/// Numbers in a row.
pub const LANES: usize = 32;

/// A row of numbers, aligned to cache lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C, align(64))]
pub struct Lanes<T>(pub [T; LANES]);

impl<T: Copy> Lanes<T> {
    /// The same number in every lane.
    #[inline(always)]
    #[must_use]
    pub const fn all(value: T) -> Self {
        Self([value; LANES])
    }

    /// The numbers of `values`, the lanes past them filled with `rest`.
    ///
    /// # Panics
    /// If there are more values than lanes.
    #[must_use]
    pub fn of(values: &[T], rest: T) -> Self {
        let mut lanes = Self::all(rest);
        lanes.0[..values.len()].copy_from_slice(values);
        lanes
    }
}

impl<T: Copy + Default> Default for Lanes<T> {
    fn default() -> Self {
        Self::all(T::default())
    }
}

macro_rules! plain_rows {
    ($($number:ty),*) => {$(
        const _: () = assert!(size_of::<Lanes<$number>>() == LANES * size_of::<$number>());

        // SAFETY: a row is its numbers and nothing else, no padding (checked above), and numbers may be zero.
        #[allow(unsafe_code)]
        unsafe impl Zeroable for Lanes<$number> {}

        // SAFETY: as above; any bits are a number, and a row holds no pointer and no cell.
        #[allow(unsafe_code)]
        unsafe impl Pod for Lanes<$number> {}
    )*};
}
plain_rows!(i16, i32, f32);

/// Rows as the numbers they hold, one row after the other.
#[inline(always)]
pub(crate) fn flat<T: Pod>(rows: &[Lanes<T>]) -> &[T]
where
    Lanes<T>: Pod,
{
    cast_slice(rows)
}

/// [`flat`], to write.
#[inline(always)]
pub(crate) fn flat_mut<T: Pod>(rows: &mut [Lanes<T>]) -> &mut [T]
where
    Lanes<T>: Pod,
{
    cast_slice_mut(rows)
}

/// The row that begins at number `first` of `values`, wherever that is.
#[inline(always)]
pub(crate) fn at<T>(values: &[T], first: usize) -> &[T; LANES] {
    values[first..].first_chunk().expect("a whole row of numbers")
}

/// [`at`], to write.
#[inline(always)]
pub(crate) fn at_mut<T>(values: &mut [T], first: usize) -> &mut [T; LANES] {
    values[first..].first_chunk_mut().expect("a whole row of numbers")
}

/// The same numbers in 32 bits.
#[inline(always)]
pub(crate) fn widen(narrow: Lanes<i16>) -> Lanes<i32> {
    let mut wide = Lanes::all(0);
    for lane in 0..LANES {
        wide.0[lane] = i32::from(narrow.0[lane]);
    }
    wide
}

/// Lane by lane; by value, so that lanes stay in registers.
#[inline(always)]
pub(crate) fn zip<T: Copy>(a: Lanes<T>, b: Lanes<T>, join: impl Fn(T, T) -> T) -> Lanes<T> {
    let mut out = a;
    for lane in 0..LANES {
        out.0[lane] = join(a.0[lane], b.0[lane]);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_their_numbers() {
        let mut rows = [Lanes::all(1i16), Lanes::of(&[5, 6], 2)];
        assert_eq!(flat(&rows)[31..35], [1, 5, 6, 2]);
        flat_mut(&mut rows)[33] = 9;
        assert_eq!(rows[1].0[..3], [5, 9, 2]);
        assert_eq!(at(flat(&rows), 31)[..3], [1, 5, 9]);
        assert!((&raw const rows[1] as usize).is_multiple_of(64));
        assert!(flat::<f32>(&[]).is_empty());
    }
}
