//! Spikes times numbers by look-up: the product of a matrix of bits and a matrix of numbers.
//!
//! A few spikes choose one of a few sums, so a table of these sums turns as many multiply-additions into one
//! addition: six spikes choose among 64 rows of sums, each of [`LANES`] columns. A set of tables fits a first-level
//! cache, is made in place (each entry is an earlier one plus one row), serves all rows of spikes, and is forgotten.
//! Nothing but loads and additions of whole rows is left, so the code is the same for every processor.
//!
//! The forward pass multiplies spikes by whole numbers of 16 bits ([`Tables`] of six inputs, where 64 entries serve a
//! thousand rows and more). The backward pass multiplies spikes by gradients: there four time steps of a token are
//! the inputs, and the D dimensions the rows.

// By index: a group stands in the patterns and in the tables alike.
#![allow(clippy::needless_range_loop)]

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
                // By value: else each sum is written, read and written again.
                let mut sum = *without;
                add(&mut sum, row);
                *with = sum;
            }
        }
    }

    /// [`Self::fill`] of those entries alone that [`Self::sum_of_few`] reads: patterns within the lower or the upper
    /// half of the inputs. A fourth of the work for tables of 64 entries, for the price of two look-ups a group.
    #[inline(always)]
    pub fn fill_few<'a>(&mut self, group: usize, row: impl Fn(usize) -> &'a Lanes<T>)
    where
        T: 'a,
    {
        let table = &mut self.0[group];
        table[0] = Lanes::all(T::ZERO);
        for input in 0..Self::INPUTS {
            let row = row(input);
            // Patterns of this half with this input as their highest, every one or every 2^(half)-th.
            let (step, inputs) = if input < Self::LOWER { (0, input) } else { (Self::LOWER, input - Self::LOWER) };
            for without in 0..1 << inputs {
                let mut sum = table[without << step];
                add(&mut sum, row);
                table[(without << step) + (1 << input)] = sum;
            }
        }
    }

    /// Inputs of the lower half of a group.
    const LOWER: usize = Self::INPUTS / 2;

    /// [`Self::sum`] of groups `first..end`, out of tables that [`Self::fill_few`] has filled.
    #[inline(always)]
    #[must_use]
    pub fn sum_of_few(&self, patterns: &[u8; GROUPS], first: usize, end: usize) -> Lanes<T> {
        let mut sum = Lanes::all(T::ZERO);
        for group in first..end {
            let (pattern, lower) = (usize::from(patterns[group]) % ENTRIES, (1 << Self::LOWER) - 1);
            add(&mut sum, &self.0[group][pattern & lower]);
            add(&mut sum, &self.0[group][pattern & !lower]);
        }
        sum
    }

    /// The sum of the entries that `patterns` choose, one of each group.
    #[inline(always)]
    #[must_use]
    pub fn sum(&self, patterns: &[u8; GROUPS]) -> Lanes<T> {
        self.sum_of(patterns, 0, GROUPS)
    }

    /// The same for `SECTIONS` equal sections of the groups, one after the other.
    #[inline(always)]
    #[must_use]
    pub fn sums_of_sections<const SECTIONS: usize>(&self, patterns: &[u8; GROUPS]) -> [Lanes<T>; SECTIONS] {
        const { assert!(GROUPS.is_multiple_of(SECTIONS)) }
        let mut sums = [Lanes::all(T::ZERO); SECTIONS];
        for (section, sum) in sums.iter_mut().enumerate() {
            *sum = self.sum_of(patterns, section * (GROUPS / SECTIONS), (section + 1) * (GROUPS / SECTIONS));
        }
        sums
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_ways_to_sum_agree_with_the_definition() {
        let rows: Vec<Lanes<i16>> =
            (0..12).map(|i| Lanes(std::array::from_fn(|lane| i * 37 + lane as i16 - 200))).collect();
        let (mut all, mut few) = (Tables::<i16, 64, 2>::new(), Tables::<i16, 64, 2>::new());
        for group in 0..2 {
            all.fill(group, |input| &rows[group * 6 + input]);
            few.fill_few(group, |input| &rows[group * 6 + input]);
        }
        for pattern in 0..1u16 << 12 {
            let patterns = [(pattern & 63) as u8, (pattern >> 6) as u8];
            let mut want = Lanes::all(0i16);
            (0..12).filter(|i| pattern >> i & 1 == 1).for_each(|i| add(&mut want, &rows[i]));
            assert_eq!(all.sum(&patterns), want);
            assert_eq!(few.sum_of_few(&patterns, 0, 2), want);
            let [first, second] = all.sums_of_sections::<2>(&patterns);
            assert_eq!((first.0[5] + second.0[5]), want.0[5]);
            assert_eq!(few.sum_of_few(&patterns, 0, 1), first);
        }
    }
}
