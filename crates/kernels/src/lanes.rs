//! Thirty-two numbers side by side: what the spiking kernels load, add and store as one.
//!
//! A row of 16-bit numbers is one cache line, a row of single-precision ones two, and both start on a line. Loops over
//! rows of a length that the compiler knows become vector instructions on every processor, without a line of assembly.

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

/// Rows as the numbers they hold, one row after the other.
#[must_use]
pub fn flat<T: Copy>(rows: &[Lanes<T>]) -> &[T] {
    const { assert!(size_of::<Lanes<T>>() == LANES * size_of::<T>()) }
    // SAFETY: a row is its numbers and nothing else (checked above), so so many rows are so many numbers, one after the
    // other and aligned.
    #[allow(unsafe_code)]
    unsafe {
        std::slice::from_raw_parts(rows.as_ptr().cast(), rows.len() * LANES)
    }
}

/// [`flat`], to write.
#[must_use]
pub fn flat_mut<T: Copy>(rows: &mut [Lanes<T>]) -> &mut [T] {
    const { assert!(size_of::<Lanes<T>>() == LANES * size_of::<T>()) }
    // SAFETY: as in `flat`; the rows are borrowed mutably for as long as their numbers are.
    #[allow(unsafe_code)]
    unsafe {
        std::slice::from_raw_parts_mut(rows.as_mut_ptr().cast(), rows.len() * LANES)
    }
}

/// The row that begins at number `first` of `values`, wherever that is.
#[inline(always)]
#[must_use]
pub fn at<T>(values: &[T], first: usize) -> &[T; LANES] {
    values[first..].first_chunk().expect("a whole row of numbers")
}

/// [`at`], to write.
#[inline(always)]
#[must_use]
pub fn at_mut<T>(values: &mut [T], first: usize) -> &mut [T; LANES] {
    values[first..].first_chunk_mut().expect("a whole row of numbers")
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
