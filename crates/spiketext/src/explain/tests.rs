use proptest::prelude::*;
use spiketext_kernels::{ConvolutionShape, NeuronParameters};

use super::*;
use crate::{
    encode::{Encoder, Noise},
    engine::{
        run, run_traced,
        tests::{chain, random},
    },
    model::tests::model_of,
    network::{LayerConfig, Network, NetworkConfig, Padding, Readout, SynapseBits, TextCnnConfig, UnknownWord},
    text::UNKNOWN,
};

/// A chain without layers between the convolution and an output a class.
fn straight(widths: Vec<usize>, steps: usize, padding: Padding) -> NetworkConfig {
    let neuron = NeuronParameters { initial: 0.5, ..NeuronParameters::paper() };
    let config = TextCnnConfig {
        convolution: ConvolutionShape { widths, filters: 9, dimension: 12 },
        classes: 3,
        outputs_per_class: 1,
        steps,
        encoder: Encoder::Regular,
        unknown: UnknownWord::Silent,
        padding,
        readout: Readout::Membrane,
        convolution_neuron: neuron,
        feature_neuron: None,
        output_neuron: neuron,
        synapse_bits: SynapseBits::Eight,
    };
    config.into_network().expect("a chain")
}

/// The same network whose convolution has no bias, so that silence never fires.
fn without_bias(network: &Network) -> Network {
    let mut weights = network.weights().clone();
    weights.layers[0].bias.fill(0.0);
    Network::new(network.config().clone(), weights).expect("a network")
}

/// Words of a text by their numbers in the vocabulary of [`model_of`], a strange one where there is none.
fn written(model: &Model, words: &[Option<u32>]) -> String {
    let word = |word: &Option<u32>| word.map_or("xyzzy", |word| model.vocabulary().word(word).expect("a word"));
    words.iter().map(word).collect::<Vec<_>>().join(" ")
}

fn words(most: usize) -> impl Strategy<Value = Vec<Option<u32>>> {
    prop::collection::vec(prop::option::weighted(0.85, 0u32..10), 1..most)
}

fn ids(words: &[Option<u32>]) -> Vec<u32> {
    words.iter().map(|word| word.unwrap_or(UNKNOWN)).collect()
}

/// Sums of parts, `[K]`.
fn sum<'a>(parts: impl IntoIterator<Item = &'a Vec<f64>>, start: &[f64]) -> Vec<f64> {
    parts.into_iter().fold(start.to_vec(), |sum, parts| sum.iter().zip(parts).map(|(sum, part)| sum + part).collect())
}

fn close(a: &[f64], b: &[f64], share: f64) -> bool {
    a.iter().zip(b).all(|(a, b)| (a - b).abs() <= share * (1.0 + a.abs()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Whatever layers a network has: words and base are all of the scores, and so are n-grams and base, filters and n-grams.
    #[test]
    fn parts_add_up(config in chain(), seed in 0u64..1000, text in words(12)) {
        let model = model_of(random(config, seed));
        let network = model.network();
        let Some(found) = Explainer::new(&model).explain(&written(&model, &text)) else {
            let read = text.iter().take(network.config().padding.longest());
            prop_assert!(read.into_iter().all(Option::is_none));
            return Ok(());
        };
        let (_, trace, _) = run_traced(network, model.noise(), &ids(&text));
        let (steps, group) = (network.config().steps, network.config().outputs_per_class());
        let currents: Vec<f64> = (0..3)
            .map(|k| {
                let of = |t: usize| trace.output_currents[(t * 3 + k) * group..][..group].iter().map(|&x| f64::from(x));
                (0..steps).flat_map(of).sum::<f64>() / (steps * group) as f64
            })
            .collect();
        prop_assert!(close(&found.scores, &currents, 1e-5), "{:?} {currents:?}", found.scores);
        prop_assert!(close(&sum(&found.words, &found.base), &found.scores, 1e-9));
        // What windows say that see no word belongs to the base.
        let silent = network.config().unknown == UnknownWord::Silent;
        let read = |ngram: &&Ngram| found.tokens[ngram.start..ngram.end].iter().any(|token| token.known || !silent);
        let seen = found.ngrams.iter().filter(read);
        prop_assert!(close(&sum(seen.map(|ngram| &ngram.parts), &found.base), &found.scores, 1e-9));
        for ngram in &found.ngrams {
            let filters = sum(ngram.filters.iter().map(|filter| &filter.parts), &[0.0; 3]);
            prop_assert!(close(&filters, &ngram.parts, 1e-12));
            prop_assert!(ngram.filters.iter().all(|filter| filter.spikes > 0));
        }
        for (parts, token) in found.words.iter().zip(&found.tokens) {
            prop_assert!(token.known || !silent || parts.iter().all(|&part| part == 0.0));
        }
        let straight = network.config().chain.leaves().len() == 3;
        let exact = straight && network.config().readout() == Readout::Membrane;
        prop_assert_eq!(found.approximations.is_empty(), exact);
        prop_assert_eq!(found.units.is_some(), exact);
    }

    /// In whole units nothing is lost: the units of the n-grams are those of all spikes, and of one step and one divisor they
    /// give the very score that the engine reads, to the bit.
    #[test]
    fn whole_units_are_the_score(
        widths in prop::sample::select(vec![vec![1], vec![2, 3], vec![1, 4]]),
        padding in prop::sample::select(vec![Padding::Valid, Padding::Tokens, Padding::Padded { length: 7 }]),
        steps in 1usize..5,
        seed in 0u64..1000,
        text in words(12),
    ) {
        let model = model_of(random(straight(widths, steps, padding), seed));
        let Some(found) = Explainer::new(&model).explain(&written(&model, &text)) else { return Ok(()) };
        let units = found.units.as_ref().expect("an exact network");
        let (run, trace, _) = run_traced(model.network(), model.noise(), &ids(&text));
        let synapses: Vec<i64> = model.network().synapses(2).units().map(i64::from).collect();
        for (kernel, train) in trace.convolution().iter().enumerate() {
            for k in 0..3 {
                let of = |row: usize, f: usize| i64::from(train.get(row, f)) * synapses[(kernel * 9 + f) * 3 + k];
                let wanted: i64 = (0..train.rows()).flat_map(|row| (0..9).map(move |f| of(row, f))).sum();
                let own = found.ngrams.iter().filter(|ngram| ngram.kernel == kernel);
                prop_assert_eq!(own.map(|ngram| ngram.units.as_ref().expect("units")[k]).sum::<i64>(), wanted);
            }
        }
        if steps == 1 && padding == Padding::Tokens {
            let bits: Vec<u32> = found.scores.iter().map(|&score| (score as f32).to_bits()).collect();
            prop_assert_eq!(bits, run.scores.iter().map(|score| score.to_bits()).collect::<Vec<_>>());
        }
        let scores: Vec<f64> = run.scores.iter().map(|&score| f64::from(score)).collect();
        prop_assert!(close(&units.scores(&found.ngrams), &scores, 1e-6));
    }

    /// Where a kernel sees one word and the divisor stays, taking a word out takes away just what it said.
    #[test]
    fn a_word_alone_is_what_its_deletion_takes(steps in 1usize..5, seed in 0u64..1000, text in words(9)) {
        let network = random(straight(vec![1], steps, Padding::Padded { length: 9 }), seed);
        let model = model_of(without_bias(&network));
        let mut explainer = Explainer::new(&model);
        let Some(found) = explainer.explain(&written(&model, &text)) else { return Ok(()) };
        let deletion = explainer.delete(&found);
        for (drop, parts) in deletion.drops.iter().zip(&found.words) {
            let Some(drop) = drop else { continue };
            prop_assert!(close(drop, parts, 1e-5), "{drop:?} {parts:?}");
        }
        prop_assert!(deletion.correlation.is_none_or(|correlation| correlation > 0.999));
    }

    /// No smaller set of words keeps the label, as trying all of them shows.
    #[test]
    fn fewest_words_are_the_fewest(config in chain(), seed in 0u64..1000, text in words(7)) {
        let model = model_of(random(config, seed));
        let mut explainer = Explainer::new(&model);
        let Some(found) = explainer.explain(&written(&model, &text)) else { return Ok(()) };
        let keeps = |set: &[usize]| {
            let words: Vec<u32> = set.iter().map(|&at| ids(&text)[at]).collect();
            if words.iter().all(|&word| word == UNKNOWN) {
                return false;
            }
            let scores = run(model.network(), Noise::inference(7), &[words]).scores;
            (0..3).all(|k| k == found.label || scores[k] < scores[found.label])
        };
        let known: Vec<usize> = (0..found.tokens.len()).filter(|&at| found.tokens[at].known).collect();
        let subsets = (1u32..1 << known.len()).map(|bits| {
            known.iter().enumerate().filter(|(i, _)| bits >> i & 1 == 1).map(|(_, &at)| at).collect::<Vec<usize>>()
        });
        let smallest = subsets.filter(|set| keeps(set)).map(|set| set.len()).min();
        match explainer.delete(&found).fewest {
            Some(fewest) => {
                prop_assert!(keeps(&fewest.words), "{fewest:?}");
                prop_assert!(fewest.proven);
                prop_assert_eq!(Some(fewest.words.len()), smallest);
            }
            // The whole text has no lead, nor has any beginning of the order in which words are taken.
            None => prop_assert!(!keeps(&known)),
        }
    }
}

#[test]
fn a_text_without_known_words_has_no_reasons() {
    let model = model_of(random(straight(vec![2], 2, Padding::Valid), 3));
    assert_eq!(Explainer::new(&model).explain("xyzzy"), None);
    assert_eq!(Explainer::new(&model).explain(""), None);
}

#[test]
fn the_strongest_places_come_first_and_push_their_way() {
    let model = model_of(random(straight(vec![2, 3], 3, Padding::Valid), 5));
    let found = Explainer::new(&model).explain("the film is not very good bright story").expect("known words");
    let [with, against] = found.strongest(3);
    assert!(
        with.len() <= 3
            && with.windows(2).all(|pair| pair[0].1 >= pair[1].1)
            && with.iter().all(|(_, push)| *push > 0.0)
    );
    assert!(against.windows(2).all(|pair| pair[0].1 <= pair[1].1) && against.iter().all(|(_, push)| *push < 0.0));
    assert!(!with.is_empty());
    let layers = model.network().config().chain.layers();
    assert!(matches!(layers[1], LayerConfig::Pooling));
}

/// A word that alone decides is found by every order that has a reason, and by chance only sometimes.
#[test]
fn reasons_are_more_faithful_than_chance() {
    use super::faithfulness::{Examination, Ranking, TENTHS};
    let network = random(straight(vec![1], 4, Padding::Padded { length: 9 }), 11);
    let model = model_of(without_bias(&network));
    let mut examination = Examination::new(Explainer::new(&model), 1);
    for text in [
        "the film is not very good",
        "dull story",
        "a very bright end",
        "xyzzy",
        "good",
        "bad film the story not end",
    ] {
        examination.add(text);
    }
    let examined = examination.finish();
    assert_eq!((examined.texts, examined.left_out), (4, 2));
    let of = |ranking| examined.rankings.iter().find(|own| own.ranking == ranking).expect("measured");
    let (parts, deletion, chance) = (of(Ranking::Parts), of(Ranking::Deletion), of(Ranking::Random));
    // Where a kernel sees one word, what it said and what is lost without it are one order.
    assert_eq!((parts.comprehensiveness, parts.sufficiency), (deletion.comprehensiveness, deletion.sufficiency));
    assert!(parts.comprehensiveness.mean > chance.comprehensiveness.mean);
    assert!(parts.sufficiency.mean < chance.sufficiency.mean);
    assert!(parts.above_random.expect("a difference").mean > 0.0 && chance.above_random.is_none());
    assert_eq!(parts.curve.len(), TENTHS + 1);
    assert_eq!(parts.curve[0], chance.curve[0]);
    assert!((parts.curve[TENTHS] - chance.curve[TENTHS]).abs() < 1e-12, "without words all orders are the same");
}
