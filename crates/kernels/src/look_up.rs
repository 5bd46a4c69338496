//! Spikes times numbers by look-up: the product of a matrix of bits and a matrix of numbers.
//!
//! A few spikes choose one of a few sums, so a table of these sums turns as many multiply-additions into one addition:
//! six spikes choose among 64 rows of sums, each of [`LANES`] columns. A set of tables fits a first-level cache, is made
//! in place (each entry is an earlier one plus one row), serves all rows of spikes, and is forgotten. Nothing but loads
//! and additions of whole rows is left, so the code is the same for every processor.
//!
//! The forward pass multiplies spikes by whole numbers of 16 bits ([`Tables`] of six inputs, where 64 entries serve a
//! thousand rows and more). The backward pass multiplies spikes by gradients: there four time steps of a token are the
//! inputs, and the D dimensions the rows.

use crate::lanes::{LANES, Lanes};

/// Numbers that tables hold.
pub trait Summand: Copy {
    /// Zero.
    const ZERO: Self;
    /// The sum. Whole numbers wrap around; the caller sees to it that they need not.
    fn plus(self, other: Self) -> Self;
}

impl Summand for i16 {
    const ZERO: Self = 0;
    #[inline(always)]
    fn plus(self, other: Self) -> Self {
        self.wrapping_add(other)
    }
}

impl Summand for f32 {
    const ZERO: Self = 0.0;
    #[inline(always)]
    fn plus(self, other: Self) -> Self {
        self + other
    }
}

/// Adds `other` to `sum`, lane by lane.
#[inline(always)]
pub fn add<T: Summand>(sum: &mut Lanes<T>, other: &Lanes<T>) {
    for lane in 0..LANES {
        sum.0[lane] = sum.0[lane].plus(other.0[lane]);
    }
}

/// Tables of `GROUPS` groups of inputs, `ENTRIES` sums each (two to the power of the inputs of a group).
#[derive(Clone, Debug)]
pub struct Tables<T, const ENTRIES: usize, const GROUPS: usize>(Box<[[Lanes<T>; ENTRIES]; GROUPS]>);

impl<T: Summand, const ENTRIES: usize, const GROUPS: usize> Tables<T, ENTRIES, GROUPS> {
    /// Inputs of one group.
    pub const INPUTS: usize = ENTRIES.trailing_zeros() as usize;

    /// Tables of zeros.
    #[must_use]
    pub fn new() -> Self {
        const { assert!(ENTRIES.is_power_of_two() && ENTRIES <= 256) }
        Self(Box::new([[Lanes::all(T::ZERO); ENTRIES]; GROUPS]))
    }

    /// Fills the table of `group` with the sums of the rows that `row` gives for each of its inputs.
    #[inline(always)]
    pub fn fill<'a>(&mut self, group: usize, row: impl Fn(usize) -> &'a Lanes<T>)
    where
        T: 'a,
    {
        let table = &mut self.0[group];
        table[0] = Lanes::all(T::ZERO);
        for input in 0..Self::INPUTS {
            let row = row(input);
            // Patterns with this input as their highest: those without it, plus its row.
            let (without, with) = table.split_at_mut(1 << input);
            for (with, without) in with.iter_mut().zip(without.iter()) {
                *with = *without;
                add(with, row);
            }
        }
    }

    /// The sum of the entries that `patterns` choose, one of each group.
    #[inline(always)]
    #[must_use]
    pub fn sum(&self, patterns: &[u8; GROUPS]) -> Lanes<T> {
        self.sum_of(patterns, 0, GROUPS)
    }

    /// The same for the first half of the groups and for the rest.
    #[inline(always)]
    #[must_use]
    pub fn sums_of_halves(&self, patterns: &[u8; GROUPS]) -> [Lanes<T>; 2] {
        [self.sum_of(patterns, 0, GROUPS / 2), self.sum_of(patterns, GROUPS / 2, GROUPS)]
    }

    #[inline(always)]
    fn sum_of(&self, patterns: &[u8; GROUPS], first: usize, end: usize) -> Lanes<T> {
        let mut sum = self.0[first][usize::from(patterns[first]) % ENTRIES];
        for group in first + 1..end {
            add(&mut sum, &self.0[group][usize::from(patterns[group]) % ENTRIES]);
        }
        sum
    }
}

impl<T: Summand, const ENTRIES: usize, const GROUPS: usize> Default for Tables<T, ENTRIES, GROUPS> {
    fn default() -> Self {
        Self::new()
    }
}
