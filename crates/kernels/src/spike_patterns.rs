//! Spikes as patterns that choose table entries (see [`crate::look_up`]).
//!
//! [`InputPatterns`]: six neighbouring dimensions of one (token, step) make a pattern; the forward pass reads them.
//! [`StepPatterns`]: four neighbouring steps of one (token, dimension) make a pattern; the weight gradient reads
//! them.

use rayon::prelude::*;

use crate::{SpikeTrain, look_up::Tables};

/// Groups of inputs whose tables are made together in the forward pass: ten of 64 rows of 64 bytes, 40 kB.
pub const INPUT_GROUPS: usize = 10;
/// Tables of the forward pass: six inputs a group.
pub type InputTables = Tables<i16, 64, INPUT_GROUPS>;
/// Inputs of a set of tables.
pub const SET_INPUTS: usize = InputTables::INPUTS * INPUT_GROUPS;

/// Groups of steps whose tables are made together in the backward pass: eight of 16 rows of 128 bytes, 16 kB.
pub const STEP_GROUPS: usize = 8;
/// Tables of the backward pass: four steps a group.
pub type StepTables = Tables<f32, 16, STEP_GROUPS>;
/// Steps of a group.
pub const GROUP_STEPS: usize = StepTables::INPUTS;

/// Rows of spikes that the calling thread works on alone.
const ROWS_ALONE: usize = 512;

/// Patterns over the inputs, `[set][row]`: one of each group of the set.
#[derive(Clone, Debug)]
pub struct InputPatterns {
    rows: usize,
    patterns: Vec<[u8; INPUT_GROUPS]>,
}

impl InputPatterns {
    /// The patterns of all rows of a train.
    #[must_use]
    pub fn of(spikes: &SpikeTrain) -> Self {
        let rows = spikes.rows();
        let sets = spikes.dimension().div_ceil(SET_INPUTS);
        let mut patterns = vec![[0; INPUT_GROUPS]; sets * rows];
        let of_set = |(set, patterns): (usize, &mut [[u8; INPUT_GROUPS]])| {
            // A set of sixty dimensions lies within two words.
            let bit = set * SET_INPUTS;
            for (row, patterns) in patterns.iter_mut().enumerate() {
                let words = spikes.row(row);
                let low = words[bit / 64] >> (bit % 64);
                let high = words.get(bit / 64 + 1).map_or(0, |word| (word << 1) << (63 - bit % 64));
                let bits = low | high;
                *patterns = std::array::from_fn(|group| (bits >> (group * InputTables::INPUTS)) as u8 & 63);
            }
        };
        // To wake other threads takes longer than a few rows do.
        if rows < ROWS_ALONE {
            patterns.chunks_exact_mut(rows.max(1)).enumerate().for_each(of_set);
        } else {
            patterns.par_chunks_exact_mut(rows).enumerate().for_each(of_set);
        }
        Self { rows, patterns }
    }

    /// The number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Patterns of one set for `count` rows from `first`.
    #[must_use]
    pub fn of_set(&self, set: usize, first: usize, count: usize) -> &[[u8; INPUT_GROUPS]] {
        &self.patterns[set * self.rows + first..][..count]
    }
}

/// Patterns over the steps of a chunk of time, `[set][d]`, d = D being an input that always spikes (whose gradient is
/// the sum over all real rows). The groups of a chunk are ordered (token, step group).
#[derive(Clone, Debug)]
pub struct StepPatterns {
    per_set: usize,
    patterns: Vec<[u8; STEP_GROUPS]>,
}

/// For each byte, its bits as eight bytes of a word, lowest first.
const SPREAD: [u64; 256] = {
    let mut spread = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut bit = 0;
        while bit < 8 {
            spread[byte] |= (byte as u64 >> bit & 1) << (8 * bit);
            bit += 1;
        }
        byte += 1;
    }
    spread
};

impl StepPatterns {
    /// The patterns of steps `first..first + count` of every token; `spikes` has a row for each (token, step) of
    /// `steps`.
    #[must_use]
    pub fn of(spikes: &SpikeTrain, steps: usize, first: usize, count: usize) -> Self {
        let tokens = spikes.rows() / steps;
        let token_groups = count.div_ceil(GROUP_STEPS);
        let sets = (tokens * token_groups).div_ceil(STEP_GROUPS);
        let per_set = spikes.dimension() + 1;
        let mut patterns = vec![[0; STEP_GROUPS]; sets * per_set];
        patterns.par_chunks_exact_mut(per_set).enumerate().for_each(|(set, patterns)| {
            for member in 0..STEP_GROUPS {
                let group = set * STEP_GROUPS + member;
                let (token, within) = (group / token_groups, group % token_groups * GROUP_STEPS);
                if token >= tokens {
                    break;
                }
                let real = GROUP_STEPS.min(count - within);
                let row = |step: usize| spikes.row(token * steps + first + within + step.min(real - 1));
                let rows: [&[u64]; GROUP_STEPS] = std::array::from_fn(row);
                // Eight dimensions at a time: a byte of each step, its bits spread over the bytes of a word.
                for (eight, patterns) in patterns[..per_set - 1].chunks_mut(8).enumerate() {
                    let mut chosen = 0;
                    for (step, row) in rows.iter().enumerate().take(real) {
                        chosen |= SPREAD[usize::from((row[eight / 8] >> (eight % 8 * 8)) as u8)] << step;
                    }
                    for (pattern, chosen) in patterns.iter_mut().zip(chosen.to_le_bytes()) {
                        pattern[member] = chosen;
                    }
                }
                patterns[per_set - 1][member] = (1 << real) - 1;
            }
        });
        Self { per_set, patterns }
    }

    /// Patterns of every dimension, set by set.
    pub fn sets(&self) -> impl Iterator<Item = &[[u8; STEP_GROUPS]]> {
        self.patterns.chunks_exact(self.per_set)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn train() -> impl Strategy<Value = (SpikeTrain, usize)> {
        (0usize..7, 1usize..9, 1usize..140).prop_flat_map(|(tokens, steps, dimension)| {
            let count = tokens * steps * dimension;
            prop::collection::vec(prop::bool::ANY, count).prop_map(move |spikes| {
                let mut train = SpikeTrain::silent(tokens * steps, dimension);
                for i in (0..count).filter(|&i| spikes[i]) {
                    train.set(i / dimension, i % dimension);
                }
                (train, steps)
            })
        })
    }

    proptest! {
        #[test]
        fn patterns_hold_every_spike((spikes, steps) in train(), first in 0usize..8) {
            let inputs = InputPatterns::of(&spikes);
            for row in 0..spikes.rows() {
                for d in 0..spikes.dimension().next_multiple_of(SET_INPUTS) {
                    let (set, within) = (d / SET_INPUTS, d % SET_INPUTS);
                    let pattern = inputs.of_set(set, row, 1)[0][within / InputTables::INPUTS];
                    let got = pattern >> (within % InputTables::INPUTS) & 1 == 1;
                    prop_assert_eq!(got, d < spikes.dimension() && spikes.get(row, d));
                }
            }
            let first = first % steps;
            let count = steps - first;
            let of_chunk = StepPatterns::of(&spikes, steps, first, count);
            let token_groups = count.div_ceil(GROUP_STEPS);
            for (set, patterns) in of_chunk.sets().enumerate() {
                for (d, pattern) in patterns.iter().enumerate() {
                    for step in 0..STEP_GROUPS * GROUP_STEPS {
                        let group = set * STEP_GROUPS + step / GROUP_STEPS;
                        let token = group / token_groups;
                        let within = group % token_groups * GROUP_STEPS + step % GROUP_STEPS;
                        let real = token * steps < spikes.rows() && within < count;
                        let want = real && (d == spikes.dimension() || spikes.get(token * steps + first + within, d));
                        prop_assert_eq!(pattern[step / GROUP_STEPS] >> (step % GROUP_STEPS) & 1 == 1, want);
                    }
                }
            }
        }
    }
}
