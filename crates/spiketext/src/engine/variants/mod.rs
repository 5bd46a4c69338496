//! A network that scores variants of one text, as whoever looks for its weak spots asks for: hundreds of texts of which each
//! differs from the last by a word.
//!
//! One word touches at most `width` windows of a kernel. So the spikes of every window are kept and computed once, the spikes
//! of a text are those of the text before, less the windows that left, plus those that came, and only scores are made: no
//! operations are counted. Spikes are added up as whole numbers, so scores are those of a [`Runner`] to the bit.

use spiketext_kernels::{
    NeuronParameters, SILENT, TokenBatch,
    feature_bits::{OutputWeights, fire},
    lanes::{LANES, Lanes},
    spiking_convolution::{
        WordMemory,
        windows::{add_window, change_counts, channel_lanes, rows_a_step},
    },
};

mod windows;

use windows::Windows;

use super::{
    plain::mean_currents,
    readout::class_means,
    runner::Runner,
    text_cnn::{
        output_spikes,
        words::{MEMORY_BYTES as WORD_BYTES, Words},
    },
};
use crate::{
    encode::Noise,
    network::{Network, TextCnn, TextCnnConfig, UnknownWord},
    text::UNKNOWN,
};

/// The most bytes of spikes of windows, with what is needed to find them (an array that grows may have reserved up to as much
/// again).
pub const WINDOW_BYTES: usize = 32 << 20;
/// A memory of products must hold so many words: as many as the widest window has, and a text's worth.
const LEAST_WORDS: usize = 64;

/// Scores texts that are like the text before, with one noise. What it keeps between calls makes it faster and changes no
/// result.
#[derive(Debug)]
pub struct VariantRunner<'a> {
    network: &'a Network,
    noise: Noise,
    /// What is needed to put texts together from windows; nothing where they are run whole.
    parts: Option<Parts>,
    /// Runs texts whole: made when it is needed.
    whole: Option<Runner>,
}

/// Memory of words, windows and the last text, and the weights of the layers after the convolution as they are read here.
#[derive(Debug)]
struct Parts {
    /// The neurons of the pooled features; `None` where pooled spikes go straight into the outputs.
    neuron: Option<NeuronParameters>,
    words: Words,
    windows: Windows,
    last: Option<Variant>,
    /// Spikes of the last text summed over positions, `[T, rows a step]` of each width.
    counts: Vec<Vec<Lanes<f32>>>,
    /// Thresholds of the features in spikes a position, `[rows a step]` of each width; [`f32::INFINITY`] where there is none.
    thresholds: Vec<Vec<Lanes<f32>>>,
    outputs: OutputWeights,
    /// Features that fired, `[T, rows of all widths]` words of a bit a channel.
    fired: Vec<u32>,
}

/// A text and its windows by their numbers.
#[derive(Debug)]
struct Variant {
    tokens: Vec<u32>,
    widths: Vec<WidthWindows>,
}

/// The windows of one width.
#[derive(Debug)]
struct WidthWindows {
    /// Those that see a token, in order.
    numbers: Vec<u32>,
    /// The window that sees none, if there are any, and how many of them.
    silent: Option<(u32, usize)>,
    /// Positions in all.
    positions: usize,
}

impl<'a> VariantRunner<'a> {
    /// A runner that has met no text yet and takes at most 64 MB for products of words (twice as much where they leave 16
    /// bits) and [`WINDOW_BYTES`] for windows.
    #[must_use]
    pub fn new(network: &'a Network, noise: Noise) -> Self {
        Self::with_share(network, noise, 1)
    }

    /// The same for one of `shares` runners that share that memory. Where a share has no room for the words of a text, it is
    /// larger, but all together are at most four times as large; beyond that texts are run whole.
    #[must_use]
    pub fn with_share(network: &'a Network, noise: Noise, shares: usize) -> Self {
        let shares = shares.max(1);
        let parts = network.text_cnn().and_then(|cnn| {
            let a_word = WordMemory::bytes_a_word(&cnn.config.convolution, cnn.config.time());
            let bytes = (WORD_BYTES / shares).max(LEAST_WORDS * a_word);
            let fits = bytes.saturating_mul(shares) <= 4 * WORD_BYTES;
            let words = if fits { Words::new(cnn, bytes, LEAST_WORDS) } else { None };
            words.map(|words| Parts::new(cnn, words, WINDOW_BYTES / shares))
        });
        Self { network, noise, parts, whole: None }
    }

    /// Forgets all windows: the texts to come are variants of another one.
    pub fn forget(&mut self) {
        if let Some(parts) = &mut self.parts {
            parts.forget();
        }
    }

    /// Scores of every text and class, `[B, K]`, of texts given as word ids ([`UNKNOWN`] for unknown words): those of
    /// [`crate::engine::run`].
    ///
    /// # Panics
    /// If an id is neither a word of the network nor [`UNKNOWN`].
    #[must_use]
    pub fn scores(&mut self, texts: &[Vec<u32>]) -> Vec<f32> {
        let (network, noise, whole) = (self.network, self.noise, &mut self.whole);
        let mut run_whole =
            |texts: &[Vec<u32>]| whole.get_or_insert_with(|| Runner::new(network, noise)).run(network, texts).scores;
        let (Some(parts), Some(cnn)) = (&mut self.parts, network.text_cnn()) else { return run_whole(texts) };
        let config = cnn.config;
        let mut all = Vec::with_capacity(texts.len() * config.classes);
        // Texts whose new windows wait to be run together.
        let mut waiting: Vec<Variant> = Vec::new();
        for text in texts {
            let tokens = tokens_of(config, text);
            let most = parts.most_windows(config, &tokens);
            if parts.windows.len() + most > parts.windows.capacity {
                parts.finish(cnn, noise, &mut waiting, &mut all);
                if most > parts.windows.capacity {
                    all.extend(run_whole(std::slice::from_ref(text)));
                    continue;
                }
                parts.forget();
            }
            let variant = parts.look_up(config, tokens, waiting.last());
            waiting.push(variant);
        }
        parts.finish(cnn, noise, &mut waiting, &mut all);
        all
    }
}

/// A text's tokens as windows name them.
fn tokens_of(config: &TextCnnConfig, text: &[u32]) -> Vec<u32> {
    let silent = config.unknown == UnknownWord::Silent;
    let token = |&word: &u32| if silent && word == UNKNOWN { SILENT } else { word };
    text.iter().take(config.padding.longest()).map(token).collect()
}

impl Parts {
    fn new(cnn: TextCnn<'_>, words: Words, bytes: usize) -> Self {
        let config = cnn.config;
        let shape = &config.convolution;
        let (rows, lane_of) = (rows_a_step(shape), channel_lanes(shape));
        let spread = |values: &[f32]| {
            let mut lanes = vec![Lanes::all(f32::INFINITY); rows];
            for (&lane, &value) in lane_of.iter().zip(values) {
                lanes[lane / LANES].0[lane % LANES] = value;
            }
            lanes
        };
        let lane_of_all: Vec<usize> = (0..shape.widths.len())
            .flat_map(|width| lane_of.iter().map(move |lane| width * rows * LANES + lane))
            .collect();
        Self {
            neuron: config.feature_neuron,
            words,
            windows: Windows::new(config, bytes),
            last: None,
            counts: vec![vec![Lanes::all(0.0); config.steps * rows]; shape.widths.len()],
            thresholds: cnn.feature_thresholds.chunks_exact(shape.filters).map(spread).collect(),
            outputs: OutputWeights::new(&cnn.output.synapses, &cnn.output.bias, &lane_of_all),
            fired: vec![0; config.steps * rows * shape.widths.len()],
        }
    }

    fn forget(&mut self) {
        self.windows.clear();
        self.last = None;
    }

    /// The most windows that a text can have, silent ones of a width counted once.
    fn most_windows(&self, config: &TextCnnConfig, tokens: &[u32]) -> usize {
        config.convolution.widths.len() * (tokens.len() + 1)
    }

    /// The windows of a text, by way of those of the text before.
    fn look_up(&mut self, config: &TextCnnConfig, tokens: Vec<u32>, waiting: Option<&Variant>) -> Variant {
        let before = waiting.or(self.last.as_ref());
        let (old, first, end) = before.map_or((0, 0, 0), |before| {
            let (first, end) = common_ends(&tokens, &before.tokens);
            (before.tokens.len(), first, end)
        });
        let mut batch = TokenBatch::new(config.padding.padded_length());
        batch.push(tokens.iter().copied());
        // Past its end, a text is silent.
        let widest = config.convolution.widths.iter().copied().max().unwrap_or(0);
        let mut padded = tokens;
        let length = padded.len();
        padded.resize(length + widest, SILENT);
        let widths = config.convolution.widths.iter().enumerate().map(|(width_index, &width)| {
            let (positions, live) = (batch.positions(0, width), batch.live_positions(0, width));
            let known = before.map_or(&[][..], |before| &before.widths[width_index].numbers);
            let mut numbers = Vec::with_capacity(live);
            // Windows within the words that both texts begin with.
            numbers.extend_from_slice(&known[..(first + 1).saturating_sub(width).min(live).min(known.len())]);
            while numbers.len() < live {
                let p = numbers.len();
                // Windows from the words on that both texts end with: the old text has them as far from its end.
                let same = (p + end >= length).then(|| known.get(p + old - length..)).flatten().unwrap_or_default();
                if same.is_empty() {
                    numbers.push(self.windows.number(width_index, &padded[p..p + width]));
                } else {
                    numbers.extend_from_slice(&same[..same.len().min(live - p)]);
                }
            }
            let silent = positions - live;
            let silent = (silent > 0).then(|| (self.windows.number(width_index, &vec![SILENT; width]), silent));
            WidthWindows { numbers, silent, positions }
        });
        let widths = widths.collect();
        padded.truncate(length);
        Variant { tokens: padded, widths }
    }

    /// Runs the windows that wait and scores the texts that wait for them, one after the other.
    fn finish(&mut self, cnn: TextCnn<'_>, noise: Noise, waiting: &mut Vec<Variant>, scores: &mut Vec<f32>) {
        self.windows.run(cnn, noise, &mut self.words);
        for variant in waiting.drain(..) {
            self.count(&variant);
            scores.extend(self.score(cnn, &variant));
            self.last = Some(variant);
        }
    }

    /// Makes the counts those of a text.
    fn count(&mut self, variant: &Variant) {
        for (width_index, (own, counts)) in variant.widths.iter().zip(&mut self.counts).enumerate() {
            let spikes = self.windows.spikes(width_index);
            let each = counts.len();
            let add = |silent: Option<(u32, usize)>, sign: f32, counts: &mut [Lanes<f32>]| {
                if let Some((number, times)) = silent {
                    add_window(&spikes[number as usize * each..][..each], sign * times as f32, counts);
                }
            };
            let before = self.last.as_ref().map(|last| &last.widths[width_index]);
            let known = before.map_or(&[][..], |before| &before.numbers);
            let (first, end) = common_ends(&own.numbers, known);
            let (more, less) = (&own.numbers[first..own.numbers.len() - end], &known[first..known.len() - end]);
            match before {
                Some(before) if more.len() + less.len() <= own.numbers.len() => {
                    change_counts(spikes, more, less, counts);
                    if before.silent != own.silent {
                        add(before.silent, -1.0, counts);
                        add(own.silent, 1.0, counts);
                    }
                }
                _ => {
                    counts.fill(Lanes::all(0.0));
                    change_counts(spikes, &own.numbers, &[], counts);
                    add(own.silent, 1.0, counts);
                }
            }
        }
    }

    /// The scores of the text whose counts are there, `[K]`.
    fn score(&mut self, cnn: TextCnn<'_>, variant: &Variant) -> Vec<f32> {
        let config = cnn.config;
        let currents = match self.neuron {
            Some(neuron) => self.currents_of_features(config, &neuron, variant),
            None => self.currents_of_sums(cnn, variant),
        };
        class_means(cnn.network.config(), output_spikes(config, &currents).as_deref().unwrap_or(&currents))
    }

    /// Currents into the outputs, `[T, O]`, from neurons of the pooled features.
    fn currents_of_features(
        &mut self,
        config: &TextCnnConfig,
        neuron: &NeuronParameters,
        variant: &Variant,
    ) -> Vec<f32> {
        let rows = self.fired.len() / config.steps;
        let mut first = 0;
        for ((own, counts), thresholds) in variant.widths.iter().zip(&self.counts).zip(&self.thresholds) {
            // As in `feature_thresholds`, in the same order. A lane without a channel stays at infinity.
            let positions = own.positions as f32;
            let scaled: Vec<Lanes<f32>> = thresholds
                .iter()
                .map(|row| Lanes(row.0.map(|threshold| positions * threshold * neuron.threshold)))
                .collect();
            fire(neuron, &scaled, counts, first, rows, &mut self.fired);
            first += thresholds.len();
        }
        self.outputs.currents(&self.fired, rows)
    }

    /// The same straight from the pooled spikes.
    fn currents_of_sums(&self, cnn: TextCnn<'_>, variant: &Variant) -> Vec<f32> {
        let config = cnn.config;
        let lane_of = channel_lanes(&config.convolution);
        let positions: Vec<usize> = variant.widths.iter().map(|width| width.positions).collect();
        let divisor = config.padding.common_divisor(variant.tokens.len());
        let sums_of = |t: usize| -> Vec<f32> {
            let of_width = |counts: &Vec<Lanes<f32>>| {
                let rows = counts.len() / config.steps;
                lane_of.iter().map(|lane| counts[t * rows + lane / LANES].0[lane % LANES]).collect::<Vec<f32>>()
            };
            self.counts.iter().flat_map(of_width).collect()
        };
        (0..config.steps).flat_map(|t| mean_currents(&sums_of(t), &positions, divisor, cnn.output)).collect()
    }
}

/// How many elements two lists have in common at their beginnings, and how many of the rest at their ends.
fn common_ends(a: &[u32], b: &[u32]) -> (usize, usize) {
    let first = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let end = a[first..].iter().rev().zip(b[first..].iter().rev()).take_while(|(a, b)| a == b).count();
    (first, end)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use spiketext_kernels::Reset;

    use super::*;
    use crate::{
        encode::Encoder,
        engine::{run, tests::network},
        network::{Padding, Readout},
    };

    /// A network like the others of tests, with the rest of what can be chosen.
    fn variant_of(
        network: Network,
        unknown: UnknownWord,
        neuron: Option<NeuronParameters>,
        straight: bool,
        padding: Padding,
    ) -> Network {
        let config = network.text_cnn().expect("a text convolution and a read-out").config;
        let neuron = neuron.unwrap_or(config.convolution_neuron);
        let config = TextCnnConfig {
            unknown,
            convolution_neuron: neuron,
            feature_neuron: (!straight).then_some(neuron),
            output_neuron: neuron,
            padding,
            ..config.clone()
        };
        let mut weights = network.weights().clone();
        if straight {
            weights.layers.remove(2);
        }
        Network::new(config.into_network().expect("a chain"), weights).expect("a sound network")
    }

    /// A text and questions about it: each exchanges, leaves out or adds a word, or asks for another text.
    fn questions() -> impl Strategy<Value = Vec<Vec<Vec<u32>>>> {
        let word = || prop_oneof![8 => 0u32..10, 2 => Just(UNKNOWN)];
        let text = || prop::collection::vec(word(), 0..12);
        let change = prop_oneof![
            4 => (any::<prop::sample::Index>(), word()).prop_map(|(at, word)| (at, Some(Ok(word)))),
            1 => any::<prop::sample::Index>().prop_map(|at| (at, None)),
            1 => (any::<prop::sample::Index>(), text()).prop_map(|(at, text)| (at, Some(Err(text)))),
        ];
        let calls = prop::collection::vec(prop::collection::vec(change, 0..6), 1..6);
        (text(), calls).prop_map(|(mut text, calls)| {
            let mut asked = |(at, change): &(prop::sample::Index, Option<Result<u32, Vec<u32>>>)| {
                match change {
                    Some(Err(other)) => text.clone_from(other),
                    Some(Ok(word)) if text.is_empty() => text.push(*word),
                    Some(Ok(word)) => *at.get_mut(&mut text) = *word,
                    None if text.is_empty() => {}
                    None => drop(text.remove(at.index(text.len()))),
                }
                text.clone()
            };
            calls.iter().map(|changes| changes.iter().map(&mut asked).collect()).collect()
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]

        /// Whatever was asked before, and however little is kept: scores are those of whole texts run alone.
        #[test]
        fn scores_are_those_of_whole_texts(
            calls in questions(),
            (windows, words) in (0usize..60, 3usize..12),
            encoder in prop::sample::select(Encoder::ALL.to_vec()),
            readout in prop::sample::select(vec![Readout::SpikeCount, Readout::Membrane]),
            padding in prop::sample::select(vec![
                Padding::Valid,
                Padding::Tokens,
                Padding::Padded { length: 1 },
                Padding::Padded { length: 6 },
                Padding::Padded { length: 9 },
            ]),
            unknown in prop::sample::select(vec![UnknownWord::Silent, UnknownWord::Mean]),
            (hard, straight) in (any::<bool>(), any::<bool>()),
            forgets in any::<bool>(),
        ) {
            let neuron = NeuronParameters { beta: 0.9, reset: Reset::Hard, ..NeuronParameters::paper() };
            let padding = if padding == Padding::Tokens && !straight { Padding::Valid } else { padding };
            let network = network(readout, encoder, Padding::Valid);
            let network = variant_of(network, unknown, hard.then_some(neuron), straight, padding);
            let noise = Noise::inference(3);
            let mut plenty = VariantRunner::new(&network, noise);
            let mut little = VariantRunner::new(&network, noise);
            let parts = little.parts.as_mut().expect("weights on a grid");
            (parts.windows.capacity, parts.words.slots.capacity) = (windows, words);
            for texts in calls {
                if forgets {
                    plenty.forget();
                }
                let bits = |scores: Vec<f32>| scores.into_iter().map(f32::to_bits).collect::<Vec<u32>>();
                let want = bits(run(&network, noise, &texts).scores);
                prop_assert_eq!(&bits(plenty.scores(&texts)), &want);
                prop_assert_eq!(&bits(little.scores(&texts)), &want);
                let held = &little.parts.as_ref().expect("weights on a grid").windows;
                prop_assert!(held.len() <= windows);
            }
        }
    }

    #[test]
    fn texts_of_a_network_without_a_grid_or_room_are_run_whole() {
        let network = network(Readout::Membrane, Encoder::Bernoulli, Padding::Valid);
        let noise = Noise::inference(3);
        let texts = [vec![1, 2, 3, 4], vec![], vec![1, 2, 9, 4]];
        let mut runner = VariantRunner::with_share(&network, noise, 1 << 30);
        assert!(runner.parts.is_none());
        assert_eq!(runner.scores(&texts), run(&network, noise, &texts).scores);
    }

    #[test]
    fn a_text_that_was_asked_for_before_needs_no_new_window() {
        let network = network(Readout::Membrane, Encoder::Bernoulli, Padding::Valid);
        let mut runner = VariantRunner::new(&network, Noise::inference(3));
        let mut windows_after = |text: [u32; 7]| {
            let _ = runner.scores(&[text.to_vec()]);
            runner.parts.as_ref().map(|parts| parts.windows.len())
        };
        // Six windows of two words and five of three.
        assert_eq!(windows_after([0, 1, 2, 3, 4, 5, 6]), Some(11));
        // One word is seen by two and three of them.
        assert_eq!(windows_after([0, 1, 2, 9, 4, 5, 6]), Some(16));
        assert_eq!(windows_after([0, 1, 2, 3, 4, 5, 6]), Some(16));
        runner.forget();
        assert_eq!(runner.parts.as_ref().map(|parts| parts.windows.len()), Some(0));
    }

    #[test]
    fn lists_meet_at_both_ends_without_overlap() {
        assert_eq!(common_ends(&[1, 2, 3], &[1, 9, 3]), (1, 1));
        assert_eq!(common_ends(&[1, 1, 1], &[1, 1]), (2, 0));
        assert_eq!(common_ends(&[1, 2], &[1, 2]), (2, 0));
        assert_eq!(common_ends(&[], &[1, 2]), (0, 0));
    }
}
