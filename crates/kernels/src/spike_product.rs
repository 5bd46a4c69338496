//! Spikes times weights by look-up, for weights that are whole numbers of one unit (as those of a finished network are).
//!
//! Four spikes choose one of sixteen sums of four weights, so a table of these sums turns four multiply-additions into one
//! look-up. With AVX-512 sixteen rows of spikes are looked up at once: one permutation reads two such tables of a column
//! (eight inputs, 32 numbers of 16 bits) for all sixteen rows, and one dot product with ones adds both halves to 32-bit
//! sums. That is 128 multiply-additions in two instructions, where a fused multiply-add of single precision does 16.
//!
//! Sums of whole numbers are exact, so the result equals the matrix product to the bit.

use rayon::prelude::*;

use crate::SpikeTrain;

/// Rows that are looked up at once, and columns whose sums are kept in registers.
const SIDE: usize = 16;
/// Inputs of one table entry: a byte of spikes.
const INPUTS: usize = 8;
/// The largest weight in units: a sum of four fits 16 bits.
const LARGEST: f32 = 8191.0;

/// Two times sixteen sums of four weights: of the lower and of the upper half of eight inputs, for one column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C, align(64))]
struct Entry([i16; 32]);

/// Weights `[D, N]` as sums to look up.
#[derive(Clone, Debug, PartialEq)]
pub struct Tables {
    dimension: usize,
    columns: usize,
    unit: f32,
    /// For each panel of sixteen columns and byte of inputs, one entry a column.
    entries: Vec<Entry>,
}

/// The largest power of two of which all `values` are whole multiples of at most [`LARGEST`]; `None` if there is none.
#[must_use]
pub fn unit_of(values: &[f32]) -> Option<f32> {
    let largest = values.iter().fold(0.0f32, |most, value| most.max(value.abs()));
    // Exponent of the finest bit that any value uses.
    let mut lowest = i32::MAX;
    for value in values.iter().filter(|value| **value != 0.0) {
        if !value.is_normal() {
            return None;
        }
        let bits = value.to_bits();
        let exponent = (bits >> 23 & 0xff) as i32 - 150;
        lowest = lowest.min(exponent + (bits & 0x7f_ffff | 0x80_0000).trailing_zeros() as i32);
    }
    if lowest == i32::MAX {
        return Some(1.0);
    }
    // Units below the normal numbers, or so large that their reciprocal is, are of no use.
    let unit = if (-126..=126).contains(&lowest) { 2f32.powi(lowest) } else { return None };
    (largest / unit <= LARGEST).then_some(unit)
}

impl Tables {
    /// Tables of `weights`, `[dimension, columns]`, if there is a common unit and every sum is exact in single precision.
    ///
    /// # Panics
    /// If there are not `dimension x columns` weights.
    #[must_use]
    pub fn new(weights: &[f32], dimension: usize, columns: usize) -> Option<Self> {
        assert_eq!(weights.len(), dimension * columns, "Tables::new: {dimension} x {columns} weights");
        let unit = unit_of(weights)?;
        if dimension as f32 * LARGEST >= (1 << 24) as f32 {
            return None;
        }
        // A power of two, so its reciprocal is exact.
        let per_unit = unit.recip();
        let groups = dimension.div_ceil(INPUTS);
        let mut entries = vec![Entry([0; 32]); columns.div_ceil(SIDE) * groups * SIDE];
        for (panel, entries) in entries.chunks_exact_mut((groups * SIDE).max(1)).enumerate() {
            let own = panel * SIDE..columns.min((panel + 1) * SIDE);
            for (group, entries) in entries.chunks_exact_mut(SIDE).enumerate() {
                // Inputs and columns that are not there weigh nothing.
                let mut units = [[0i16; INPUTS]; SIDE];
                for (i, row) in weights[group * INPUTS * columns..].chunks_exact(columns).take(INPUTS).enumerate() {
                    for (units, weight) in units.iter_mut().zip(&row[own.clone()]) {
                        units[i] = (weight * per_unit) as i16;
                    }
                }
                for (entry, units) in entries.iter_mut().zip(&units) {
                    for i in 1..16usize {
                        // The sum without its lowest bit is there already.
                        let bit = i.trailing_zeros() as usize;
                        entry.0[i] = entry.0[i & (i - 1)] + units[bit];
                        entry.0[16 + i] = entry.0[16 + (i & (i - 1))] + units[4 + bit];
                    }
                }
            }
        }
        Some(Self { dimension, columns, unit, entries })
    }

    /// The columns of the weights.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.columns
    }
}

/// Spikes as the look-up wants them: for sixteen rows at a time, byte after byte of all of them.
#[derive(Clone, Debug)]
pub struct Bytes {
    rows: usize,
    dimension: usize,
    bytes: Vec<u8>,
}

impl Bytes {
    /// The spikes of all rows of a train.
    #[must_use]
    pub fn of(spikes: &SpikeTrain) -> Self {
        let groups = spikes.dimension().div_ceil(INPUTS);
        let mut bytes = vec![0; spikes.rows().div_ceil(SIDE) * groups * SIDE];
        bytes.par_chunks_exact_mut((groups * SIDE).max(1)).enumerate().for_each(|(block, bytes)| {
            for r in 0..SIDE.min(spikes.rows() - block * SIDE) {
                let words = spikes.row(block * SIDE + r).iter().flat_map(|word| word.to_le_bytes());
                words.take(groups).enumerate().for_each(|(group, byte)| bytes[group * SIDE + r] = byte);
            }
        });
        Self { rows: spikes.rows(), dimension: spikes.dimension(), bytes }
    }
}

/// `out[row, n] = addend[n] + sum over d of spikes[row, d] weights[d, n]`, row-major, on the calling thread.
///
/// # Panics
/// If the shapes do not agree.
pub fn product(spikes: &Bytes, tables: &Tables, addend: &[f32], out: &mut [f32]) {
    assert_eq!(spikes.dimension, tables.dimension, "spike_product: dimension of the spikes");
    assert_eq!(addend.len(), tables.columns, "spike_product: addend [N]");
    assert_eq!(out.len(), spikes.rows * tables.columns, "spike_product: result [rows, N]");
    if out.is_empty() {
        return;
    }
    #[cfg(target_arch = "x86_64")]
    if is_fast() {
        // SAFETY: the processor has what the function is compiled for.
        #[allow(unsafe_code)]
        unsafe {
            avx512::product(spikes, tables, addend, out);
        }
        return;
    }
    portable(spikes, tables, addend, out);
}

/// Whether this processor looks up sixteen rows at once. Elsewhere a matrix product is faster than look-ups one by one.
#[must_use]
pub fn is_fast() -> bool {
    #[cfg(target_arch = "x86_64")]
    {
        is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512vnni")
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        false
    }
}

/// The same by plain look-ups: what the fast path is held to.
pub fn portable(spikes: &Bytes, tables: &Tables, addend: &[f32], out: &mut [f32]) {
    let groups = tables.dimension.div_ceil(INPUTS);
    for (row, out) in out.chunks_exact_mut(tables.columns).enumerate() {
        let bytes = &spikes.bytes[row / SIDE * groups * SIDE..][..groups * SIDE];
        for (column, (out, addend)) in out.iter_mut().zip(addend).enumerate() {
            let entries = &tables.entries[column / SIDE * groups * SIDE..][..groups * SIDE];
            let sum: i32 = (0..groups)
                .map(|group| {
                    let byte = usize::from(bytes[group * SIDE + row % SIDE]);
                    let entry = &entries[group * SIDE + column % SIDE].0;
                    i32::from(entry[byte & 15]) + i32::from(entry[16 + (byte >> 4)])
                })
                .sum();
            *out = sum as f32 * tables.unit + addend;
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod avx512 {
    use std::arch::x86_64::*;

    use super::{Bytes, Entry, INPUTS, SIDE, Tables};

    /// Blocks of rows that all columns are made of before the next: their part of the result (a few hundred kB) and the
    /// tables then stay in a second-level cache, and its pages in the translation buffer.
    const BLOCKS: usize = 16;

    /// See [`super::product`]. Sixteen columns at a time fill whole cache lines of the result; eight columns of two blocks of
    /// rows would load each table half as often, but their half lines cost more than that saves.
    #[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
    pub(super) fn product(spikes: &Bytes, tables: &Tables, addend: &[f32], out: &mut [f32]) {
        let (groups, columns) = (tables.dimension.div_ceil(INPUTS), tables.columns);
        let unit = _mm512_set1_ps(tables.unit);
        let part = BLOCKS * groups * SIDE;
        for (bytes, out) in spikes.bytes.chunks(part).zip(out.chunks_mut(BLOCKS * SIDE * columns)) {
            for (panel, entries) in tables.entries.chunks_exact(groups * SIDE).enumerate() {
                let first = panel * SIDE;
                let lanes = SIDE.min(columns - first);
                let mut own = [0.0f32; SIDE];
                own[..lanes].copy_from_slice(&addend[first..][..lanes]);
                // SAFETY: `own` holds sixteen numbers.
                #[allow(unsafe_code)]
                let addend = unsafe { _mm512_loadu_ps(own.as_ptr()) };
                let mask = (u32::MAX >> (32 - lanes)) as u16;
                for (bytes, out) in bytes.chunks_exact(groups * SIDE).zip(out.chunks_mut(SIDE * columns)) {
                    for (sums, row) in
                        transposed(look_up(bytes, entries)).into_iter().zip(out.chunks_exact_mut(columns))
                    {
                        let values = _mm512_add_ps(_mm512_mul_ps(_mm512_cvtepi32_ps(sums), unit), addend);
                        let out = &mut row[first..][..lanes];
                        // SAFETY: the mask lets through as many lanes as the slice is long.
                        #[allow(unsafe_code)]
                        unsafe {
                            _mm512_mask_storeu_ps(out.as_mut_ptr(), mask, values);
                        }
                    }
                }
            }
        }
    }

    /// Sums of sixteen columns: register c holds column c, lane r row r.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
    fn look_up(bytes: &[u8], entries: &[Entry]) -> [__m512i; SIDE] {
        let ones = _mm512_set1_epi16(1);
        let mut sums = [_mm512_setzero_si512(); SIDE];
        let (bytes, _) = bytes.as_chunks::<SIDE>();
        let (entries, _) = entries.as_chunks::<SIDE>();
        for (bytes, entries) in bytes.iter().zip(entries) {
            let index = index(bytes);
            for (sum, entry) in sums.iter_mut().zip(entries) {
                // SAFETY: an entry is 64 bytes, aligned to them.
                #[allow(unsafe_code)]
                let table = unsafe { _mm512_load_si512((&raw const entry.0).cast()) };
                *sum = _mm512_dpwssd_epi32(*sum, _mm512_permutexvar_epi16(index, table), ones);
            }
        }
        sums
    }

    /// What sixteen bytes of spikes choose: the even 16-bit lanes from the lower table, the odd ones from the upper.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
    fn index(bytes: &[u8; SIDE]) -> __m512i {
        // SAFETY: sixteen bytes are there.
        #[allow(unsafe_code)]
        let spikes = _mm512_cvtepu8_epi32(unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) });
        let halves = _mm512_or_si512(
            _mm512_and_si512(spikes, _mm512_set1_epi32(0xf)),
            _mm512_and_si512(_mm512_slli_epi32::<12>(spikes), _mm512_set1_epi32(0xf_0000)),
        );
        _mm512_or_si512(halves, _mm512_set1_epi32(0x10_0000))
    }

    /// Rows for columns: register r of the result holds row r, lane c column c.
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn transposed(columns: [__m512i; SIDE]) -> [__m512i; SIDE] {
        let zero = _mm512_setzero_si512();
        let (mut pairs, mut fours) = ([zero; SIDE], [zero; SIDE]);
        for i in 0..8 {
            pairs[2 * i] = _mm512_unpacklo_epi32(columns[2 * i], columns[2 * i + 1]);
            pairs[2 * i + 1] = _mm512_unpackhi_epi32(columns[2 * i], columns[2 * i + 1]);
        }
        for i in 0..4 {
            for j in 0..2 {
                fours[4 * i + 2 * j] = _mm512_unpacklo_epi64(pairs[4 * i + j], pairs[4 * i + j + 2]);
                fours[4 * i + 2 * j + 1] = _mm512_unpackhi_epi64(pairs[4 * i + j], pairs[4 * i + j + 2]);
            }
        }
        // Register 4 i + j holds, in its 128-bit quarter q, columns 4 i .. 4 i + 4 of row 4 q + j.
        let mut rows = [zero; SIDE];
        for j in 0..4 {
            let [a, b, c, d] = [fours[j], fours[4 + j], fours[8 + j], fours[12 + j]];
            let (ab, cd) = (_mm512_shuffle_i32x4::<0x44>(a, b), _mm512_shuffle_i32x4::<0x44>(c, d));
            rows[j] = _mm512_shuffle_i32x4::<0x88>(ab, cd);
            rows[4 + j] = _mm512_shuffle_i32x4::<0xdd>(ab, cd);
            let (ab, cd) = (_mm512_shuffle_i32x4::<0xee>(a, b), _mm512_shuffle_i32x4::<0xee>(c, d));
            rows[8 + j] = _mm512_shuffle_i32x4::<0x88>(ab, cd);
            rows[12 + j] = _mm512_shuffle_i32x4::<0xdd>(ab, cd);
        }
        rows
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn units_are_found_or_refused() {
        assert_eq!(unit_of(&[0.5, -0.75, 3.0]), Some(0.25));
        assert_eq!(unit_of(&[-4.0, 8.0, 0.0]), Some(4.0));
        assert_eq!(unit_of(&[0.0, -0.0]), Some(1.0));
        assert_eq!(unit_of(&[]), Some(1.0));
        assert_eq!(unit_of(&[8191.0, 1.0]), Some(1.0));
        for none in [&[8192.0, 1.0][..], &[0.1, 1.0], &[f32::NAN], &[f32::INFINITY, 1.0], &[1e-40, 1.0]] {
            assert_eq!(unit_of(none), None, "{none:?}");
        }
    }

    fn case() -> impl Strategy<Value = (SpikeTrain, Vec<f32>, Vec<f32>, usize)> {
        let weight = (-8191i32..=8191, -9i32..3).prop_map(|(units, _)| units as f32 / 64.0);
        (0usize..70, 1usize..50, 1usize..40, 0..3u8).prop_flat_map(move |(rows, dimension, columns, density)| {
            let spike = prop::bool::weighted([0.0, 0.5, 1.0][usize::from(density)]);
            let spikes = prop::collection::vec(spike, rows * dimension);
            let weights = prop::collection::vec(weight.clone(), dimension * columns);
            let addend = prop::collection::vec((-500i32..500).prop_map(|units| units as f32 / 64.0), columns);
            (spikes, weights, addend).prop_map(move |(spikes, weights, addend)| {
                let mut train = SpikeTrain::silent(rows, dimension);
                for i in (0..spikes.len()).filter(|&i| spikes[i]) {
                    train.set(i / dimension, i % dimension);
                }
                (train, weights, addend, columns)
            })
        })
    }

    proptest! {
        #[test]
        fn look_ups_equal_the_definition((spikes, weights, addend, columns) in case()) {
            let tables = Tables::new(&weights, spikes.dimension(), columns).expect("whole numbers");
            let bytes = Bytes::of(&spikes);
            let mut expected = Vec::new();
            for row in 0..spikes.rows() {
                for n in 0..columns {
                    let sum: f64 = (0..spikes.dimension())
                        .filter(|&d| spikes.get(row, d))
                        .map(|d| f64::from(weights[d * columns + n]))
                        .sum();
                    expected.push((sum + f64::from(addend[n])) as f32);
                }
            }
            for run in [product, portable] {
                let mut out = vec![f32::NAN; spikes.rows() * columns];
                run(&bytes, &tables, &addend, &mut out);
                prop_assert_eq!(&out, &expected);
            }
        }
    }
}
