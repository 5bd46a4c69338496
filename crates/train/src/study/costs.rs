//! What a cell's network costs and how it fires, from the engine's counts on the test texts.

use spiketext::{
    energy::HOROWITZ_45NM_FP32,
    engine::Firing,
    network::{Network, Specification},
    study::{CostsPerText, Energy, FiringSummary, Method},
};

use crate::steps::Measurement;

/// Bins of a histogram of firing rates.
const BINS: usize = 20;

/// Costs of a test text. `measured` is a run of `network`, which for methods without spikes is the DNN's network with
/// one step: it counts the DNN's operations.
#[must_use]
pub fn costs_per_text(method: Method, network: &Network, measured: &Measurement) -> CostsPerText {
    let (specification, weights) = (network.specification(), network.weights());
    let texts = measured.operations.len().max(1) as f64;
    let mean = |counts: &dyn Fn(usize) -> u64| (0..measured.operations.len()).map(counts).sum::<u64>() as f64 / texts;
    let dnn_macs = mean(&|i| measured.operations[i].dnn_macs);
    let numbers = [
        &weights.synapses,
        &weights.presence,
        &weights.bias,
        &weights.feature_thresholds,
        &weights.output_synapses,
        &weights.output_bias,
    ];
    let connections = [&weights.synapses, &weights.output_synapses];
    let count = |lists: &[&Vec<f32>]| lists.iter().map(|list| list.len()).sum::<usize>();
    let zeros = connections.iter().flat_map(|list| list.iter()).filter(|weight| **weight == 0.0).count();
    let (macs, acs, steps) = if method.spikes() {
        (0.0, mean(&|i| measured.operations[i].acs()), specification.steps as f64)
    } else {
        (dnn_macs, 0.0, 1.0)
    };
    let table = HOROWITZ_45NM_FP32;
    let neurons = NeuronCounts::of(specification, measured);
    CostsPerText {
        footprint: 4 * count(&numbers) as u64,
        connection_sparsity: zeros as f64 / count(&connections).max(1) as f64,
        activation_sparsity: if method.spikes() { neurons.silent_share } else { 0.0 },
        effective_macs: macs,
        effective_acs: acs,
        dense: steps * dnn_macs,
        membrane_updates: if method.spikes() { neurons.updates } else { 0.0 },
        dnn_macs,
        energy: vec![Energy {
            table: table.name.to_owned(),
            network: table.microjoules(macs, acs),
            dnn: table.microjoules(dnn_macs, 0.0),
        }],
    }
}

/// Chances to fire of all neurons.
struct NeuronCounts {
    /// Membrane updates a text.
    updates: f64,
    /// Share of them without a spike.
    silent_share: f64,
}

impl NeuronCounts {
    fn of(specification: &Specification, measured: &Measurement) -> Self {
        let shape = &specification.convolution;
        let steps = specification.steps as u64;
        let (mut updates, mut spikes) = (0, 0);
        let fires = specification.readout == spiketext::network::Readout::SpikeCount;
        let outputs = specification.outputs() as u64;
        // A text that was not run has no tokens and no updates.
        for operations in measured.operations.iter().filter(|operations| operations.dnn_macs > 0) {
            let length = (operations.tokens as usize).max(specification.averaging.padded_length());
            let positions: usize = shape.widths.iter().map(|&width| (length + 1).saturating_sub(width).max(1)).sum();
            updates +=
                steps * ((positions * shape.filters + shape.channels()) as u64 + if fires { outputs } else { 0 });
            spikes += operations.convolution_spikes + operations.feature_spikes + operations.output_spikes;
        }
        Self {
            updates: updates as f64 / measured.operations.len().max(1) as f64,
            silent_share: if updates == 0 { 1.0 } else { 1.0 - spikes as f64 / updates as f64 },
        }
    }
}

/// How the neurons fired.
#[must_use]
pub fn firing_summary(firing: &Firing, steps: usize) -> FiringSummary {
    let extremes = firing.extremes();
    FiringSummary {
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
    use super::*;

    #[test]
    fn rates_fall_into_their_bins() {
        let bins = histogram(&[0.0, 0.049, 0.05, 0.5, 0.999, 1.0]);
        assert_eq!((bins[0], bins[1], bins[10], bins[19]), (2, 1, 1, 2));
        assert_eq!(bins.iter().sum::<u64>(), 6);
    }
}
