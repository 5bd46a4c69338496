//! Equation (1): from the entries of word vectors to rates, and to the codes that a real-valued network reads.
//!
//! With the mean mu and the deviation sigma of all entries of a file, an entry x becomes the rate
//! `r = (clip(x, mu - k sigma, mu + k sigma) - mu) / (2 k sigma) + 1/2`, a number in [0, 1]. The published k is 3. A
//! centred network reads `2 k (r - 1/2)`, the entry in deviations, instead.
//!
//! Vectors are kept as rates of the published k, in f32. Those of another k, and centred codes, are made of these:
//! models are reproduced to the bit, and so is this rounding.

use super::WordVectors;

/// The deviations k that the rates 0 and 1 stand for in the publication.
pub const PUBLISHED_RANGE: f32 = 3.0;

/// Equation (1) with the published k. Where all entries are equal (sigma = 0) the rate is 1/2.
#[must_use]
pub fn shift(value: f32, mean: f32, deviation: f32) -> f32 {
    let k = f64::from(PUBLISHED_RANGE);
    if deviation > 0.0 {
        // In f64, so that neither 2 k sigma overflows nor a far-off mean costs digits.
        let z = (f64::from(value) - f64::from(mean)) / f64::from(deviation);
        (z.clamp(-k, k) / (2.0 * k) + 0.5) as f32
    } else {
        0.5
    }
}

/// The rate whose 0 and 1 stand for `range` deviations, of one with the published k.
#[must_use]
pub fn with_range(rate: f32, range: f32) -> f32 {
    if range == PUBLISHED_RANGE { rate } else { (PUBLISHED_RANGE / range * (rate - 0.5) + 0.5).clamp(0.0, 1.0) }
}

/// The centred code, up to `range` deviations from 0, of a rate with the published k.
#[must_use]
pub fn centred(rate: f32, range: f32) -> f32 {
    (2.0 * PUBLISHED_RANGE * (rate - 0.5)).clamp(-range, range)
}

impl WordVectors {
    /// `[V, D]`: the rate of every entry, with the published k.
    #[must_use]
    pub fn rates(&self) -> Vec<f32> {
        self.values.iter().map(|&value| shift(value, self.mean, self.deviation)).collect()
    }

    /// One row of [`Self::rates`]: of the whole table there need not be another copy.
    ///
    /// # Panics
    /// If there is no such word.
    pub fn rates_of(&self, id: u32) -> impl Iterator<Item = f32> {
        let vector = &self.values[id as usize * self.dimension..][..self.dimension];
        vector.iter().map(|&value| shift(value, self.mean, self.deviation))
    }

    /// The share of the kept entries that equation (1) clips.
    #[must_use]
    pub fn clipped(&self) -> f64 {
        let most = f64::from(PUBLISHED_RANGE) * f64::from(self.deviation);
        let clips = |value: f32| (f64::from(value) - f64::from(self.mean)).abs() > most;
        self.values.iter().filter(|&&value| clips(value)).count() as f64 / self.values.len().max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn shift_is_equation_1() {
        assert_eq!(shift(2.0, 2.0, 0.5), 0.5);
        assert_eq!(shift(2.5, 2.0, 0.5), 0.5 + 1.0 / 6.0);
        assert_eq!(shift(3.5, 2.0, 0.5), 1.0);
        assert_eq!(shift(99.0, 2.0, 0.5), 1.0);
        assert_eq!(shift(-99.0, 2.0, 0.5), 0.0);
        assert_eq!(shift(7.0, 7.0, 0.0), 0.5);
        assert_eq!(shift(f32::MAX, f32::MIN, f32::MAX), (5.0f64 / 6.0) as f32);
    }

    proptest! {
        /// Whatever the range, a rate is what equation (1) says of it, and a code is the entry in deviations.
        #[test]
        fn other_ranges_are_equation_1_too(
            value in -9f32..9.0,
            mean in -1f32..1.0,
            deviation in 0.1f32..3.0,
            k in 0.1f32..=3.0,
        ) {
            let z = (value - mean) / deviation;
            let rate = shift(value, mean, deviation);
            let want = z.clamp(-k, k) / (2.0 * k) + 0.5;
            prop_assert!((with_range(rate, k) - want).abs() < 1e-6 * (1.0 + 3.0 / k));
            prop_assert!((centred(rate, k) - z.clamp(-k, k)).abs() < 1e-5);
            prop_assert_eq!(with_range(rate, 3.0), rate);
        }
    }
}
