//! Masks of dropout, for both networks.

use spiketext::seed::{Purpose, stream, uniform};

/// What a dropout mask is for; two uses never share a stream.
#[derive(Clone, Copy, Debug)]
pub enum Mask {
    /// Pooled features of the DNN.
    Features,
    /// Words of the DNN's batch.
    Words,
    /// Feature spikes of the SNN.
    FeatureSpikes,
}

/// Factors of dropout: 0 with probability `share`, else `1 / (1 - share)`. The stream is named by the use and the
/// step, so a resumed run draws the same.
pub fn dropout_factors((seed, mask, step): (u64, Mask, u64), share: f32, count: usize) -> Vec<f32> {
    let mut rng = stream(seed, Purpose::Dropout, mask as u64, step);
    let kept = 1.0 / (1.0 - share);
    (0..count).map(|_| if uniform(&mut rng) < share { 0.0 } else { kept }).collect()
}
