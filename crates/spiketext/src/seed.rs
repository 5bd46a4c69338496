//! Named random streams: one seed makes every random choice of a run, in any order and on any number of threads.
//!
//! A stream is named by a purpose and up to two numbers (an epoch, a token, a text). Streams are ChaCha8 generators
//! whose 256-bit key is made from (seed, purpose, numbers), so each can be opened anywhere without state to pass
//! along.

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};

/// What a random stream is for; two purposes never share a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum Purpose {
    /// First values of trainable weights.
    Weights = 1,
    /// Order of the training texts in an epoch.
    Shuffle = 2,
    /// Dropout masks.
    Dropout = 3,
    /// Bernoulli spikes while training.
    TrainingSpikes = 4,
    /// Bernoulli spikes while running a finished model.
    InferenceSpikes = 5,
    /// Random word vectors for the variant without pre-training.
    RandomVectors = 6,
    /// Choice of calibration texts.
    Calibration = 7,
    /// Splits drawn by chance.
    Split = 8,
    /// What an attack draws: letters, places, orders.
    Attack = 9,
    /// More texts like those of a file.
    Augment = 10,
    /// Words in an order without reason, which reasons are held against.
    Explanation = 11,
}

/// Opens the stream (seed, purpose, first, second).
#[must_use]
pub fn stream(seed: u64, purpose: Purpose, first: u64, second: u64) -> ChaCha8Rng {
    let mut key = [0u8; 32];
    for (part, value) in key.chunks_exact_mut(8).zip([seed, purpose as u64, first, second]) {
        part.copy_from_slice(&value.to_le_bytes());
    }
    ChaCha8Rng::from_seed(key)
}

/// A uniform number in [0, 1) with 24 random bits, so that every value is exact in `f32`.
pub fn uniform(rng: &mut impl Rng) -> f32 {
    (rng.next_u32() >> 8) as f32 * (1.0 / 16_777_216.0)
}

/// A standard normal number (Box and Muller 1958).
pub fn normal(rng: &mut impl Rng) -> f32 {
    let radius = (-2.0 * (1.0 - uniform(rng)).ln()).sqrt();
    radius * (std::f32::consts::TAU * uniform(rng)).cos()
}

/// A uniform whole number below `bound` (Lemire's multiply-shift; the bias is below 2^-32 x bound).
pub fn below(rng: &mut impl Rng, bound: usize) -> usize {
    ((u128::from(rng.next_u64()) * bound as u128) >> 64) as usize
}

/// Shuffles in place (Fisher and Yates).
pub fn shuffle<T>(rng: &mut impl Rng, items: &mut [T]) {
    for last in (1..items.len()).rev() {
        items.swap(last, below(rng, last + 1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_differ_by_every_part_of_their_name_and_repeat_exactly() {
        let first = |s, p, a, b| stream(s, p, a, b).next_u64();
        let base = first(1, Purpose::Weights, 2, 3);
        assert_eq!(base, first(1, Purpose::Weights, 2, 3));
        for other in [
            first(2, Purpose::Weights, 2, 3),
            first(1, Purpose::Shuffle, 2, 3),
            first(1, Purpose::Weights, 3, 3),
            first(1, Purpose::Weights, 2, 4),
        ] {
            assert_ne!(base, other);
        }
    }

    #[test]
    fn uniform_and_normal_have_their_moments() {
        let mut rng = stream(0, Purpose::Weights, 0, 0);
        let n = 100_000;
        let u: Vec<f32> = (0..n).map(|_| uniform(&mut rng)).collect();
        assert!(u.iter().all(|x| (0.0..1.0).contains(x)));
        assert!((u.iter().sum::<f32>() / n as f32 - 0.5).abs() < 0.005);
        let z: Vec<f32> = (0..n).map(|_| normal(&mut rng)).collect();
        let variance = z.iter().map(|x| x * x).sum::<f32>() / n as f32;
        assert!((variance - 1.0).abs() < 0.02, "{variance}");
    }

    #[test]
    fn a_shuffle_keeps_every_item() {
        let mut items: Vec<u32> = (0..100).collect();
        shuffle(&mut stream(0, Purpose::Shuffle, 0, 0), &mut items);
        assert_ne!(items, (0..100).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..100).collect::<Vec<_>>());
    }
}
