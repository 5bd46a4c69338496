//! A trained network asked to run otherwise: with other time steps, another encoder, other thresholds. Nothing is trained
//! again, so what comes out shows what a setting does, not what a network made for it would do.

use super::Model;
use crate::{
    Error, Result,
    encode::Encoder,
    network::{Chain, LayerConfig, Network, NetworkConfig},
};

/// What is changed; nothing where a field is none.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Changes {
    /// Time steps T.
    pub steps: Option<usize>,
    /// How words become spikes.
    pub encoder: Option<Encoder>,
    /// By what the thresholds of all neurons before the read-out are multiplied.
    pub threshold: Option<f32>,
}

impl Changes {
    /// Whether all stays as it is.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

impl Model {
    /// The same model with other settings, and a note of them ([`Training::altered`](super::Training::altered)).
    ///
    /// # Errors
    /// If the steps are out of bounds or do not suit the encoder, or the factor of the thresholds is not above 0 and finite.
    pub fn with_changes(&self, changes: &Changes) -> Result<Self> {
        let network = self.network();
        let config = network.config();
        let mut told = Vec::new();
        let mut changed = config.clone();
        if let Some(steps) = changes.steps {
            told.push(format!("{steps} time steps"));
            changed.steps = steps;
        }
        if let Some(encoder) = changes.encoder {
            told.push(format!("the encoder {}", encoder.name()));
            changed.encoder = encoder;
        }
        if let Some(factor) = changes.threshold {
            if !(factor > 0.0 && factor.is_finite()) {
                return Err(Error::invalid("thresholds", "a factor above 0", factor.to_string()));
            }
            told.push(format!("thresholds times {factor}"));
            let layers = config.chain.layers().iter().cloned().map(|layer| scaled(layer, factor));
            changed = NetworkConfig { chain: Chain::new(layers.collect())?, ..changed };
        }
        let network = Network::new(changed, network.weights().clone())?;
        self.with_network(network, (!told.is_empty()).then(|| format!("run with {}", told.join(", "))))
    }
}

/// The layer with thresholds `factor` times as high. Outputs keep theirs: what they count is the answer.
fn scaled(layer: LayerConfig, factor: f32) -> LayerConfig {
    match layer {
        LayerConfig::TextConvolution { shape, mut neuron } => {
            neuron.threshold *= factor;
            LayerConfig::TextConvolution { shape, neuron }
        }
        LayerConfig::Convolution { width, filters, mut neuron } => {
            neuron.threshold *= factor;
            LayerConfig::Convolution { width, filters, neuron }
        }
        LayerConfig::Residual { layers } => {
            LayerConfig::Residual { layers: layers.into_iter().map(|layer| scaled(layer, factor)).collect() }
        }
        LayerConfig::Neurons { mut neuron } => {
            neuron.threshold *= factor;
            LayerConfig::Neurons { neuron }
        }
        LayerConfig::Dense { neurons, mut neuron } => {
            neuron.threshold *= factor;
            LayerConfig::Dense { neurons, neuron }
        }
        layer @ (LayerConfig::Pooling | LayerConfig::Readout { .. }) => layer,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        engine::{LayerTrace, SpikeTrain},
        model::tests::model_with,
        network::Readout,
    };

    const TEXT: &str = "the film not very bright";

    fn spikes(model: &Model) -> usize {
        let (_, trace, _) = model.watch(TEXT).expect("known words");
        let LayerTrace::Positions(trains) = &trace.layers[0] else { panic!("spikes at positions") };
        let places = |rows: usize, columns: usize| {
            (0..rows).flat_map(move |row| (0..columns).map(move |column| (row, column)))
        };
        let of = |train: &SpikeTrain| {
            places(train.rows(), train.dimension()).filter(|&(row, column)| train.get(row, column)).count()
        };
        trains.iter().map(of).sum()
    }

    #[test]
    fn settings_change_what_runs_and_nothing_else() {
        let model = model_with(Readout::Membrane, Encoder::Regular);
        let same = model.with_changes(&Changes::default()).expect("the same");
        assert_eq!((same.network(), same.training()), (model.network(), model.training()));
        let steps = model.with_changes(&Changes { steps: Some(3), ..Changes::default() }).expect("three steps");
        assert_eq!(steps.network().config().steps, 3);
        assert_eq!(steps.network().weights(), model.network().weights());
        assert_eq!(steps.training().altered, ["run with 3 time steps"]);
        let encoder = Changes { encoder: Some(Encoder::Latency), ..Changes::default() };
        let other = model.with_changes(&encoder).expect("another encoder");
        assert_eq!(other.network().config().encoder, Encoder::Latency);
    }

    #[test]
    fn higher_thresholds_are_passed_less_often() {
        let model = model_with(Readout::Membrane, Encoder::Regular);
        let of = |factor| {
            let changes = Changes { threshold: Some(factor), ..Changes::default() };
            spikes(&model.with_changes(&changes).expect("thresholds"))
        };
        assert_eq!(of(1.0), spikes(&model));
        assert!(of(0.25) > of(1.0) && of(1.0) > of(4.0), "{} {} {}", of(0.25), of(1.0), of(4.0));
        for factor in [0.0, -1.0, f32::NAN, f32::INFINITY] {
            assert!(model.with_changes(&Changes { threshold: Some(factor), ..Changes::default() }).is_err());
        }
    }

    #[test]
    fn steps_have_bounds_and_suit_the_encoder() {
        let model = model_with(Readout::Membrane, Encoder::Regular);
        let refused = |changes: Changes| model.with_changes(&changes).expect_err("refused").to_string();
        assert!(refused(Changes { steps: Some(0), ..Changes::default() }).contains("time steps"));
        let phases = Changes { steps: Some(3), encoder: Some(Encoder::Phase), ..Changes::default() };
        assert!(refused(phases).contains('8'));
    }
}
