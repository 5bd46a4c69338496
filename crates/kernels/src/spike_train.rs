//! Spikes as bits: a matrix of 0 and 1 of which nobody can say that it was a float.

use macro_rules_attribute::apply;

/// Spikes `[rows, D]`, one bit each; a row is one time step of one token (or whatever the owner says it is).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpikeTrain {
    bits: Vec<u64>,
    rows: usize,
    dimension: usize,
}

impl SpikeTrain {
    /// A silent train.
    #[must_use]
    pub fn silent(rows: usize, dimension: usize) -> Self {
        Self { bits: vec![0; rows * dimension.div_ceil(64)], rows, dimension }
    }

    /// The number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The number of spikes a row can have.
    #[must_use]
    pub fn dimension(&self) -> usize {
        self.dimension
    }

    /// Blocks of 64 bits in a row; bits past the dimension are zero.
    #[must_use]
    pub fn blocks_per_row(&self) -> usize {
        self.dimension.div_ceil(64)
    }

    /// The blocks of one row.
    #[must_use]
    pub fn row(&self, row: usize) -> &[u64] {
        let blocks = self.blocks_per_row();
        &self.bits[row * blocks..][..blocks]
    }

    /// The blocks of one row, to write. Bits past the dimension must stay zero.
    pub fn row_mut(&mut self, row: usize) -> &mut [u64] {
        let blocks = self.blocks_per_row();
        &mut self.bits[row * blocks..][..blocks]
    }

    /// All blocks, in row chunks of `rows` rows, for writers that work in parallel.
    pub fn chunks_mut(&mut self, rows: usize) -> std::slice::ChunksExactMut<'_, u64> {
        let blocks = self.blocks_per_row();
        self.bits.chunks_exact_mut((rows * blocks).max(1))
    }

    /// Whether there is a spike.
    #[must_use]
    pub fn get(&self, row: usize, column: usize) -> bool {
        self.row(row)[column / 64] >> (column % 64) & 1 == 1
    }

    /// Places a spike.
    pub fn set(&mut self, row: usize, column: usize) {
        assert!(column < self.dimension, "SpikeTrain::set: column {column} of {}", self.dimension);
        self.row_mut(row)[column / 64] |= 1 << (column % 64);
    }

    /// Spikes in one row.
    #[must_use]
    pub fn count_row(&self, row: usize) -> u32 {
        self.row(row).iter().map(|block| block.count_ones()).sum()
    }

    /// All spikes.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.bits.iter().map(|block| u64::from(block.count_ones())).sum()
    }

    /// Writes rows `first..first + out.len() / D` as 0.0 and 1.0, for a matrix product over them.
    pub fn expand(&self, first: usize, out: &mut [f32]) {
        for (row, values) in out.chunks_exact_mut(self.dimension).enumerate() {
            for (word, lanes) in self.row(first + row).iter().zip(values.chunks_mut(64)) {
                for (bit, value) in lanes.iter_mut().enumerate() {
                    // 0x3f80_0000 is 1.0: the bit decides by mask, without a conversion or a branch.
                    *value = f32::from_bits((0u32.wrapping_sub((word >> bit) as u32 & 1)) & 0x3f80_0000);
                }
            }
        }
    }
}

/// Writes the row of spikes that have bit d set where `less[d] < more[d]`; bits past the numbers are zero.
///
/// # Panics
/// If there are not as many words as the numbers fill, or not as many numbers on both sides.
#[apply(every_processor!)]
pub fn where_less(less: &[u16], more: &[u16], row: &mut [u64]) {
    assert_eq!(less.len(), more.len(), "spike_train::where_less: numbers of both sides");
    assert_eq!(row.len(), less.len().div_ceil(64), "spike_train::where_less: words of the row");
    for ((less, more), word) in less.chunks(64).zip(more.chunks(64)).zip(row) {
        let mut bytes = [0u8; 64];
        for ((byte, less), more) in bytes.iter_mut().zip(less).zip(more) {
            *byte = u8::from(less < more);
        }
        *word = 0;
        for (eight, bytes) in bytes.as_chunks::<8>().0.iter().enumerate() {
            // The product moves the lowest bit of byte i to bit 56 + i, and no two of them meet on the way.
            let bits = u64::from_le_bytes(*bytes).wrapping_mul(0x0102_0408_1020_4080) >> 56;
            *word |= bits << (8 * eight);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comparisons_become_bits() {
        for length in [0usize, 1, 7, 8, 63, 64, 65, 300] {
            let less: Vec<u16> = (0..length).map(|i| (i * 40_503 % 65_536) as u16).collect();
            let more: Vec<u16> = (0..length).map(|i| (i * 30_011 % 65_536) as u16).collect();
            let mut row = vec![u64::MAX; length.div_ceil(64)];
            where_less(&less, &more, &mut row);
            for d in 0..row.len() * 64 {
                assert_eq!(row[d / 64] >> (d % 64) & 1 == 1, d < length && less[d] < more[d], "{length} {d}");
            }
        }
    }

    #[test]
    fn bits_survive_expansion() {
        let mut train = SpikeTrain::silent(3, 70);
        for (row, column) in [(0, 0), (0, 69), (1, 63), (1, 64), (2, 5)] {
            train.set(row, column);
        }
        let mut out = vec![9.0; 2 * 70];
        train.expand(1, &mut out);
        for row in 0..2 {
            for column in 0..70 {
                assert_eq!(out[row * 70 + column], if train.get(row + 1, column) { 1.0 } else { 0.0 });
            }
        }
        assert_eq!(train.count(), 5);
        assert_eq!(train.count_row(1), 2);
    }
}
