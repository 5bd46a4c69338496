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

/// What is told of filters is what a second way of counting finds: spikes of traces, and their windows by hand.
#[test]
fn filters_are_known_by_what_they_fire_at() {
    use super::filters::{Filters, Listening};
    let texts = [
        "the film is not very good",
        "dull story not bright",
        "a very bright end",
        "xyzzy",
        "bad film the story not end",
    ];
    let network = random(straight(vec![1, 2], 3, Padding::Valid), 12);
    // Filter 1 of width 1 is filter 0 once more, filter 2 never fires.
    let mut weights = network.weights().clone();
    let columns = 9 + 2 * 9;
    for row in 0..12 {
        let synapses = &mut weights.layers[0].synapses[row * columns..][..columns];
        (synapses[1], synapses[2]) = (synapses[0], -1.0);
    }
    weights.layers[0].presence[1] = weights.layers[0].presence[0];
    weights.layers[0].presence[2] = -1.0;
    (weights.layers[0].bias[1], weights.layers[0].bias[2]) = (weights.layers[0].bias[0], -1.0);
    let model = model_of(Network::new(network.config().clone(), weights).expect("a network"));
    let mut listening = Listening::new(&model);
    texts.iter().for_each(|text| listening.hear(text));
    let Filters { texts: heard, unknown, filters } = listening.finish();
    assert_eq!((heard, unknown, filters.len()), (5, 1, 18));
    let mut spikes = [0u64; 18];
    for text in texts {
        let (_, trace, _) = model.trace(text);
        if text == "xyzzy" {
            continue;
        }
        for (kernel, train) in trace.convolution().iter().enumerate() {
            for row in 0..train.rows() {
                (0..9).filter(|&f| train.get(row, f)).for_each(|f| spikes[kernel * 9 + f] += 1);
            }
        }
    }
    assert_eq!(filters.iter().map(|filter| filter.spikes).collect::<Vec<_>>(), spikes);
    let (first, twin, dead) = (&filters[0], &filters[1], &filters[2]);
    assert!(first.spikes > 0 && dead.is_dead() && dead.strongest.is_empty() && dead.nearest.is_none());
    assert_eq!((first.nearest, twin.nearest), (Some((1, 1.0)), Some((0, 1.0))));
    assert_eq!((&first.strongest, &first.slots, first.rate), (&twin.strongest, &twin.slots, twin.rate));
    for filter in filters.iter().filter(|filter| !filter.is_dead()) {
        assert!(filter.strongest.windows(2).all(|pair| pair[0].current >= pair[1].current));
        assert!(filter.strongest.iter().all(|heard| heard.words.len() <= filter.width && heard.times > 0));
        let mean: f64 = filter.says.iter().sum::<f64>() / 3.0;
        assert!((filter.weight - filter.spikes as f64 * (filter.says[filter.votes] - mean)).abs() < 1e-9);
        if filter.width == 1 && filter.strongest.len() < 8 {
            // One word is all of its window: what drives it is its slot and the bias.
            let windows: u64 = filter.strongest.iter().map(|heard| heard.times).sum();
            let all: f64 =
                filter.strongest.iter().map(|heard| heard.times as f64 * (heard.current - filter.bias)).sum();
            assert!((all / windows as f64 - filter.slots[0]).abs() < 1e-9, "{filter:?}");
        }
    }
    let filters = Filters { texts: heard, unknown, filters };
    assert!(filters.redundant().iter().filter(|(width, ..)| *width == 1).all(|&(_, filter, other)| filter != other));
    let pair: Vec<_> =
        filters.redundant().into_iter().filter(|&(width, filter, _)| width == 1 && filter < 2).collect();
    assert_eq!(pair.len(), 1, "one of the twins is too many: {pair:?}");
}

/// Filters that never fire can go and nobody notices; twins leave the scores as they were, as far as the grid lets them.
#[test]
fn a_pruned_network_says_the_same_without_the_dead_and_the_twins() {
    use super::{filters::Listening, prune};
    let texts =
        ["the film is not very good", "dull story not bright", "a very bright end", "bad film the story not end"];
    for (features, padding) in [(false, Padding::Tokens), (false, Padding::Valid), (true, Padding::Valid)] {
        let mut config = TextCnnConfig::of(&straight(vec![1, 2], 3, padding)).expect("flat");
        config.synapse_bits = SynapseBits::Sixteen;
        if features {
            config.feature_neuron = Some(config.convolution_neuron);
        }
        let network = random(config.into_network().expect("a chain"), 12);
        let mut weights = network.weights().clone();
        let columns = 9 + 2 * 9;
        // Filter 8 of each width never fires, filter 1 is filter 0 once more.
        for row in weights.layers[0].synapses.chunks_exact_mut(columns) {
            for first in [0, 9, 18] {
                (row[first + 8], row[first + 1]) = (-1.0, row[first]);
            }
        }
        let first = &mut weights.layers[0];
        for start in [0, 9, 18] {
            (first.presence[start + 8], first.presence[start + 1]) = (-1.0, first.presence[start]);
        }
        for start in [0, 9] {
            (first.bias[start + 8], first.bias[start + 1]) = (-1.0, first.bias[start]);
        }
        // Twice the weights of a twin still lie on the grid.
        weights
            .layers
            .last_mut()
            .expect("a read-out")
            .synapses
            .iter_mut()
            .for_each(|weight| *weight = (*weight * 64.0).round() / 64.0);
        let model = model_of(Network::new(network.config().clone(), weights).expect("a network"));
        let mut listening = Listening::new(&model);
        texts.iter().for_each(|text| listening.hear(text));
        let filters = listening.finish();
        let keep = prune::spared(&filters, 9);
        assert!(keep <= 7, "{keep}");
        let pruned = prune::prune(&model, &filters, 7).expect("pruned");
        assert_eq!(pruned.gone.len(), 4);
        assert_eq!(pruned.model.network().config().convolution().filters, 7);
        let scores = |model: &Model, text: &str| {
            let (_, words) = model.words(text);
            run(model.network(), model.noise(), &[words]).scores
        };
        // Dead ones and twins alone have gone.
        let is_dead = |width: usize, number: usize| {
            filters.filters.iter().any(|own| (own.width, own.filter) == (width, number) && own.is_dead())
        };
        assert!(
            pruned.gone.iter().all(|&(width, number, twin)| is_dead(width, number) || twin.is_some()),
            "{:?}",
            pruned.gone
        );
        for text in texts {
            let (before, after) = (scores(&model, text), scores(&pruned.model, text));
            assert!(before.iter().zip(&after).all(|(a, b)| (a - b).abs() < 1e-5), "{before:?} {after:?}");
        }
        assert!(pruned.model.training().altered.last().is_some_and(|told| told.contains("pruned to 7")));
        for keep in [0, 9, 10] {
            assert!(prune::prune(&model, &filters, keep).is_err(), "{keep}");
        }
    }
}
