//! What a cell costs: from the engine's counts on the test texts, from the texts where nothing spikes, or from the rows
//! that a method without a network reads; and what a network would cost computed in other ways ([`spiketext::energy::way`]).

use std::collections::HashMap;

use spiketext::{
    dnn::{Levels, QuantisedBits},
    encode::{Encoder, Noise, mean_input},
    energy::{
        CostReport, FirstLayer, Footprint, LookUp, Numbers, OperationCounts, Shape, TABLES, Way,
        way::{seen, table_numbers},
    },
    engine::known_words,
    network::{Network, NetworkConfig},
    text::UNKNOWN,
};
use spiketext_train::{dnn::TextCnn, prepare::EncodedText, steps::Measurement};

use crate::cell::{self, CostsPerText, Energy, Priced, WayName};

/// Bytes of a number of a table of words.
const TABLE_BYTES: f64 = 4.0;

/// Costs of a test text for a spiking network; `measured` is its run on `texts`.
#[must_use]
pub fn with_spikes(network: &Network, measured: &Measurement, texts: &[EncodedText]) -> CostsPerText {
    let costs = CostsPerText::of(&CostReport::spiking(network, &measured.operations));
    let config = network.config();
    // Weighted phases and constant currents are no sums of weights.
    let spikes = !matches!(config.encoder, Encoder::Phase | Encoder::Direct);
    if network.text_cnn().is_none() || !spikes {
        return costs;
    }
    let shape = Shape::of(network);
    let steps = config.steps as f64;
    let changed = |change: &mut dyn FnMut(OperationCounts, &[u32]) -> OperationCounts| -> Vec<OperationCounts> {
        // Operations are those of the texts that were run, in order, and nothing behind them.
        let mut counted = measured.operations.iter();
        let mut own = |text: &EncodedText| match known_words(config, &text.words) {
            0 => OperationCounts::default(),
            _ => counted.next().map_or_else(OperationCounts::default, |one| {
                change(OperationCounts::spiking(&shape, one), &text.words)
            }),
        };
        texts.iter().map(&mut own).collect()
    };
    // Presence currents are part of the table's numbers.
    let by_table = changed(&mut |work, text| {
        let present = inputs(config, text).count() as f64;
        work.with_additions(steps * seen(&shape, text, |_| 1.0), steps * present)
    });
    // Where a word has the same inputs at every step, one row of products serves all.
    let rows = if config.encoder == Encoder::Winners { 1 } else { config.steps };
    let numbers = table_numbers(&shape, network.words(), rows);
    let later: usize = network.weights().layers[1..]
        .iter()
        .map(|layer| layer.synapses.len() + layer.bias.len() + layer.thresholds.len())
        .sum();
    let way = Way { first_layer: FirstLayer::WordTable { numbers }, ..Way::of(&shape) };
    let mut ways = vec![cell::Way {
        footprint: Some((TABLE_BYTES * (numbers + later as f64)) as u64),
        ..of_way(WayName::WordTable, &shape, &by_table, way)
    }];
    if config.encoder == Encoder::Regular && config.steps.is_multiple_of(2) {
        let mut known: HashMap<u32, f64> = HashMap::new();
        let signed = changed(&mut |work, text| {
            for word in inputs(config, text) {
                known.entry(word).or_insert_with(|| signed_spikes(network, word));
            }
            let own = |word: u32| known.get(&word).copied().unwrap_or(0.0);
            let presence = if shape.has_presence() { steps } else { 0.0 };
            let events = inputs(config, text).map(|word| own(word) + presence).sum();
            work.with_additions(seen(&shape, text, |word| own(word) + presence), events)
        });
        ways.push(of_way(WayName::SignedCode, &shape, &signed, Way::of(&shape)));
    }
    CostsPerText { ways, ..costs }
}

/// The words of a text that are read and are inputs.
fn inputs<'t>(config: &NetworkConfig, text: &'t [u32]) -> impl Iterator<Item = u32> + Clone + 't {
    let silent = config.unknown == spiketext::network::UnknownWord::Silent;
    text.iter().take(config.padding.longest()).copied().filter(move |&word| !(word == UNKNOWN && silent))
}

/// How far the counts of a word's dimensions are from half the steps, added up.
fn signed_spikes(network: &Network, word: u32) -> f64 {
    let config = network.config();
    let half = vec![1 << 15; config.dimension()];
    let rates = match word {
        UNKNOWN => half.into(),
        word => network.weights().codes.rates(word as usize, config.dimension()),
    };
    let steps = config.steps as f64;
    let counts = mean_input(config.encoder, config.steps, Noise::inference(0), u64::from(word), &rates);
    counts.into_iter().map(|mean| (steps * f64::from(mean) - steps / 2.0).round().abs()).sum()
}

/// The account of one way, from its work on each text.
fn of_way(name: WayName, shape: &Shape<'_>, works: &[OperationCounts], way: Way) -> cell::Way {
    let texts = works.len().max(1) as f64;
    let mean = |of: &dyn Fn(&OperationCounts) -> f64| works.iter().map(of).sum::<f64>() / texts;
    let energy = TABLES.iter().map(|table| Priced {
        table: table.name.to_owned(),
        microjoules: mean(&|work| table.microjoules_in(shape, work, way)),
    });
    cell::Way {
        way: name,
        effective_macs: mean(&OperationCounts::macs),
        effective_acs: mean(&OperationCounts::acs),
        footprint: None,
        energy: energy.collect(),
    }
}

/// A real-valued network and the texts that it is measured on.
#[derive(Clone, Copy)]
pub struct RealValued<'a> {
    /// Its sizes.
    pub config: &'a NetworkConfig,
    /// The network.
    pub network: &'a TextCnn,
    /// Whether biases count.
    pub biases: bool,
    /// The test texts. One without a known word is not run.
    pub texts: &'a [EncodedText],
}

impl RealValued<'_> {
    fn shape(&self) -> Shape<'_> {
        Shape::real_valued(self.config, self.biases)
    }

    fn runs(&self, text: &EncodedText) -> bool {
        known_words(self.config, &text.words) > 0
    }

    /// What each text makes the network do.
    fn works(&self) -> Vec<OperationCounts> {
        let shape = self.shape();
        let run_on: Vec<Vec<u32>> =
            self.texts.iter().filter(|text| self.runs(text)).map(|text| text.words.clone()).collect();
        let shares = self.network.rectifier_shares(&run_on);
        let work = |text: &EncodedText| match self.runs(text) {
            true => OperationCounts::real_valued(&shape, &text.words, shares),
            false => OperationCounts::default(),
        };
        self.texts.iter().map(work).collect()
    }

    /// The same with a first layer that adds `of` a word for each position and filter that sees it, for as many events.
    fn with_additions(&self, works: &[OperationCounts], of: impl Fn(u32) -> f64) -> Vec<OperationCounts> {
        let shape = self.shape();
        let change = |(work, text): (&OperationCounts, &EncodedText)| {
            let events = inputs(self.config, &text.words).map(&of).sum();
            work.clone().with_additions(seen(&shape, &text.words, &of), events)
        };
        works.iter().zip(self.texts).map(change).collect()
    }

    /// The account where the first layer is a table of words.
    fn by_table(&self, works: &[OperationCounts], numbers_of: Numbers) -> cell::Way {
        let weights = self.network.weights();
        let numbers = table_numbers(&self.shape(), weights.codes.count() / self.config.dimension(), 1);
        let later: usize = weights.layers[1..].iter().map(|layer| layer.synapses.len() + layer.bias.len()).sum();
        let way = Way { first_layer: FirstLayer::WordTable { numbers }, numbers: numbers_of };
        let works = self.with_additions(works, |_| 1.0);
        cell::Way {
            footprint: Some((TABLE_BYTES * (numbers + later as f64)) as u64),
            ..of_way(WayName::WordTable, &self.shape(), &works, way)
        }
    }

    /// Whether its first layer has other ways.
    fn has_ways(&self) -> bool {
        spiketext::network::TextCnnConfig::of(self.config).is_some()
    }

    /// Costs of a test text.
    #[must_use]
    pub fn costs(&self) -> CostsPerText {
        let works = self.works();
        let ways = if self.has_ways() { vec![self.by_table(&works, Numbers::OfTable)] } else { Vec::new() };
        CostsPerText { ways, ..self.account(&works) }
    }

    /// The account in single precision.
    fn account(&self, works: &[OperationCounts]) -> CostsPerText {
        let weights = self.network.weights();
        let connections: Vec<&[f32]> = weights.layers.iter().map(|layer| &layer.synapses[..]).collect();
        let count = if self.biases { weights.layers.iter().map(|layer| layer.bias.len()).sum() } else { 0 };
        let footprint = Footprint::real_valued(weights.codes.count(), &connections, count);
        CostsPerText::of(&CostReport::real_valued(&self.shape(), footprint, works))
    }

    /// Costs of a test text in whole numbers of `bits`, and the bytes that the network then holds. There is no price for 4
    /// bits, which cost what 8 do but for memory.
    #[must_use]
    pub fn quantised(&self, bits: QuantisedBits) -> CostsPerText {
        let works = self.works();
        let plain = self.account(&works);
        let numbers = Numbers::Whole { weights: bits.weights, inputs: bits.codes };
        let own = of_way(WayName::WordTable, &self.shape(), &works, Way { numbers, ..Way::default() });
        let weights = self.network.weights();
        let synapses: usize = weights.layers.iter().map(|layer| layer.synapses.len()).sum();
        let sums: usize = if self.biases { weights.layers.iter().map(|layer| layer.bias.len()).sum() } else { 0 };
        let packed = |count: usize, bits: u32| (count * bits as usize).div_ceil(8) as u64;
        let footprint = packed(weights.codes.count(), bits.codes) + packed(synapses, bits.weights) + packed(sums, 32);
        CostsPerText {
            footprint,
            energy: beside(&own.energy, &plain.energy),
            ways: vec![self.by_table(&works, numbers)],
            ..plain
        }
    }

    /// Costs of a test text on inputs of few levels, bit by bit. `bits` is how many are set in a word's code.
    #[must_use]
    pub fn on_levels(&self, levels: Levels, bits: impl Fn(u32) -> u32) -> CostsPerText {
        let presence = if levels.has_presence() { 1.0 } else { 0.0 };
        self.by_events(|word| f64::from(bits(word)) + presence)
    }

    /// Costs of a test text on codes of so many active inputs a word, each of which adds its weights.
    #[must_use]
    pub fn on_codes(&self, active: usize) -> CostsPerText {
        self.by_events(|_| active as f64)
    }

    fn by_events(&self, of: impl Fn(u32) -> f64) -> CostsPerText {
        let works = self.works();
        let plain = self.account(&works);
        let by_bits = self.with_additions(&works, of);
        let way = Way { first_layer: FirstLayer::Events, ..Way::default() };
        let own = of_way(WayName::WordTable, &self.shape(), &by_bits, way);
        CostsPerText {
            effective_macs: own.effective_macs,
            effective_acs: own.effective_acs,
            energy: beside(&own.energy, &plain.energy),
            ..plain
        }
    }
}

/// Energies beside those of the DNN in single precision.
fn beside(own: &[Priced], plain: &[Energy]) -> Vec<Energy> {
    let pairs = own.iter().zip(plain);
    pairs.map(|(own, plain)| Energy { table: own.table.clone(), network: own.microjoules, dnn: plain.dnn }).collect()
}

/// Costs of a test text for a method that adds up rows of a table; `zero_weights` is the share of its weights that are
/// zero. There is no DNN of its shape: it stands beside itself.
#[must_use]
pub fn look_up(work: &LookUp, zero_weights: f64) -> CostsPerText {
    let energy = TABLES.iter().map(|table| {
        let energy = work.microjoules(table);
        Energy { table: table.name.to_owned(), network: energy, dnn: energy }
    });
    CostsPerText {
        footprint: work.bytes,
        connection_sparsity: zero_weights,
        effective_macs: work.macs,
        effective_acs: work.additions,
        dense: work.macs + work.additions,
        energy: energy.collect(),
        ..CostsPerText::default()
    }
}
