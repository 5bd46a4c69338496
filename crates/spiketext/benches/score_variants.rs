//! Times what an attack asks for: the scores of a text and of variants of it that differ by one word.
//!
//! `cargo bench -p spiketext --bench score_variants`. Networks of random weights in the shapes of the recipes `lean`
//! and `paper`, texts of 19 words. `whole texts` is a session that runs every text, `remembered windows` a scorer. A
//! typo is a word that no vocabulary has; new synonyms come from so large a vocabulary that their products must be
//! made each time, frequent ones from so small a one that they are there already where a memory of words pays (few
//! time steps).

use std::{hint::black_box, sync::Arc, time::Duration};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use spiketext::{
    encode::Encoder,
    model::{Model, Session, Training},
    network::{Codes, LayerWeights, Network, Padding, Readout, SynapseBits, TextCnnConfig, UnknownWord, Weights},
    score::{ModelScorer, NoisePolicy, Scorer},
    seed::{Purpose, normal, stream},
    text::{Language, Vocabulary},
};
use spiketext_kernels::{ConvolutionShape, NeuronParameters};

const WORDS: usize = 20_000;
const LENGTH: usize = 19;
const VARIANTS_A_WORD: usize = 10;

fn lean() -> TextCnnConfig {
    let neuron = NeuronParameters { initial: 0.5, ..NeuronParameters::paper() };
    TextCnnConfig {
        convolution: ConvolutionShape { widths: vec![3, 4, 5], filters: 100, dimension: 300 },
        classes: 2,
        outputs_per_class: 1,
        steps: 8,
        encoder: Encoder::Regular,
        unknown: UnknownWord::Silent,
        padding: Padding::Valid,
        readout: Readout::Membrane,
        convolution_neuron: neuron,
        feature_neuron: Some(neuron),
        output_neuron: neuron,
        synapse_bits: SynapseBits::Sixteen,
    }
}

fn paper() -> TextCnnConfig {
    let neuron = NeuronParameters::paper();
    TextCnnConfig {
        outputs_per_class: 10,
        steps: 50,
        encoder: Encoder::Bernoulli,
        unknown: UnknownWord::Mean,
        padding: Padding::Padded { length: 25 },
        readout: Readout::SpikeCount,
        convolution_neuron: neuron,
        feature_neuron: Some(neuron),
        output_neuron: neuron,
        ..lean()
    }
}

/// A model of random weights, of a size at which neurons fire now and then.
fn model(config: TextCnnConfig) -> Model {
    let shape = config.convolution.clone();
    let mut rng = stream(1, Purpose::Weights, 0, 0);
    let mut draw = |count: usize, size: f32| (0..count).map(|_| size * normal(&mut rng)).collect::<Vec<f32>>();
    let outputs = config.outputs();
    let convolution = LayerWeights {
        synapses: draw(shape.dimension * shape.products(), 0.04),
        presence: vec![0.0; shape.products()],
        bias: draw(shape.channels(), 0.1),
        ..LayerWeights::default()
    };
    let features = LayerWeights { thresholds: vec![0.4; shape.channels()], ..LayerWeights::default() };
    let output = LayerWeights {
        synapses: draw(shape.channels() * outputs, 0.2),
        bias: draw(outputs, 0.1),
        ..LayerWeights::default()
    };
    let codes = (0..WORDS * shape.dimension).map(|i| (i as u32).wrapping_mul(0x9e37_79b9) as u16).collect();
    let layers = vec![convolution, LayerWeights::default(), features, output];
    let config = config.into_network().expect("a chain");
    let network = Network::new(config, Weights { codes: Codes::Sixteen(codes), layers }).expect("a sound network");
    let words = Vocabulary::from_words((0..WORDS).map(|word| format!("word{word}")).collect()).expect("words");
    let training = Training { program: "none".into(), ..Training::default() };
    let labels = vec!["no".into(), "yes".into()];
    Model::new(Language::English, labels, vec![0.5; 2], 1, words, network, training).expect("a model")
}

/// The questions of one examination: the text, then for each of its words the variants without it. `word` makes up
/// words.
fn questions(round: usize, word: impl Fn(usize) -> String) -> Vec<Vec<String>> {
    let text: Vec<String> = (0..LENGTH).map(|i| format!("word{}", (round * 7 + i * 31) % 1000)).collect();
    let variants = |at: usize| {
        let variant = |which: usize| {
            let mut words = text.clone();
            words[at] = word((round * LENGTH + at) * VARIANTS_A_WORD + which);
            words.join(" ")
        };
        (0..VARIANTS_A_WORD).map(variant).collect()
    };
    std::iter::once(vec![text.join(" ")]).chain((0..LENGTH).map(variants)).collect()
}

fn bench(criterion: &mut Criterion) {
    type Word = fn(usize) -> String;
    let typo: Word = |which| format!("wrod{which}");
    // The first thousand words are those of the texts.
    let frequent: Word = |which| format!("word{}", 1000 + which % 300);
    let new: Word = |which| format!("word{}", 1000 + which % (WORDS - 1000));
    for (shape, config) in [("lean", lean()), ("paper", paper())] {
        let model = Arc::new(model(config));
        for (attack, word) in [("typos", typo), ("frequent synonyms", frequent), ("new synonyms", new)] {
            let mut group = criterion.benchmark_group(format!("{shape}, {attack}"));
            group.throughput(Throughput::Elements((1 + LENGTH * VARIANTS_A_WORD) as u64));
            group.sample_size(10).warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(4));
            let rounds: Vec<Vec<Vec<String>>> = (0..100).map(|round| questions(round, word)).collect();
            let mut session = Session::new(Arc::clone(&model));
            let mut round = 0;
            group.bench_function("whole texts", |bencher| {
                bencher.iter(|| {
                    round += 1;
                    for texts in &rounds[round % rounds.len()] {
                        black_box(session.predict(texts));
                    }
                });
            });
            let mut scorer = ModelScorer::new(&model, NoisePolicy::Fixed, 1);
            group.bench_function("remembered windows", |bencher| {
                bencher.iter(|| {
                    round += 1;
                    scorer.begin(round as u64);
                    for texts in &rounds[round % rounds.len()] {
                        black_box(scorer.score(texts));
                    }
                });
            });
            group.finish();
        }
    }
}

criterion_group!(benches, bench);
criterion_main!(benches);
