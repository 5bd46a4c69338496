//! How the neurons of a cell's network fire.

use serde::{Deserialize, Serialize};
use spiketext::engine::Firing;

/// How the neurons of a network fire on the test texts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct FiringSummary {
    /// Time steps.
    pub steps: usize,
    /// Mean input spikes a (real token, dimension, step).
    pub input_rate: f64,
    /// Mean spikes of a convolution neuron a step.
    pub convolution_rate: f64,
    /// Mean spikes of a pooled feature a step.
    pub feature_rate: f64,
    /// Mean spikes of an output neuron a step; 0 where outputs do not fire.
    pub output_rate: f64,
    /// Convolution channels by firing rate: twenty equal bins from 0 to 1.
    pub convolution_histogram: Vec<u64>,
    /// Features by firing rate: twenty equal bins from 0 to 1.
    pub feature_histogram: Vec<u64>,
    /// Convolution channels that never fire and that fire at every chance.
    pub convolution_extremes: [u64; 2],
    /// Features that never fire and that fire at every step.
    pub feature_extremes: [u64; 2],
}

/// Bins of a histogram of firing rates.
pub const BINS: usize = 20;

impl FiringSummary {
    /// From the activity of a network of `steps` time steps on the test texts.
    #[must_use]
    pub fn of(firing: &Firing, steps: usize) -> Self {
        let extremes = firing.extremes();
        Self {
            steps,
            input_rate: firing.input_rate(),
            convolution_rate: firing.convolution_rate(),
            feature_rate: firing.feature_rate(),
            output_rate: firing.output_rate(),
            convolution_histogram: histogram(&firing.convolution_rates()),
            feature_histogram: histogram(&firing.feature_rates()),
            convolution_extremes: [extremes.convolution.dead as u64, extremes.convolution.saturated as u64],
            feature_extremes: [extremes.features.dead as u64, extremes.features.saturated as u64],
        }
    }
}

/// Rates by bin; the last bin holds 1.
fn histogram(rates: &[f64]) -> Vec<u64> {
    let mut bins = vec![0; BINS];
    for rate in rates {
        bins[((rate * BINS as f64) as usize).min(BINS - 1)] += 1;
    }
    bins
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use spiketext::{encode::Noise, engine, model::Model};

    use super::*;

    #[test]
    fn rates_fall_into_their_bins() {
        let bins = histogram(&[0.0, 0.049, 0.05, 0.5, 0.999, 1.0]);
        assert_eq!((bins[0], bins[1], bins[10], bins[19]), (2, 1, 1, 2));
        assert_eq!(bins.iter().sum::<u64>(), 6);
    }

    #[test]
    fn the_firing_of_a_network_becomes_that_of_a_cell() {
        let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("../spiketext/tests/fixtures/format-1/paper");
        let model = Model::load(&fixture).expect("a model");
        let network = model.network();
        let run = engine::run(network, Noise::inference(0), &[vec![0, 1, 2, 3], vec![9, 8, 7]]);
        let firing = FiringSummary::of(&run.firing, network.config().steps);
        let channels = network.config().convolution().channels() as u64;
        assert_eq!(firing.convolution_histogram.iter().sum::<u64>(), channels);
        assert_eq!((firing.steps, firing.feature_histogram.len()), (network.config().steps, BINS));
    }
}
