//! A network that runs on batch after batch and keeps the products of the words it met last.

use std::ops::Range;

use spiketext_kernels::{
    TokenBatch, par_map,
    spiking_convolution::{Counts, TextPositions},
};

use super::{
    Layers, Run, convolution,
    words::{MEMORY_BYTES, NewWords, Products, Slots, Words},
};
use crate::{
    encode::Noise,
    engine::{batch_of, spike_counts, spikes_of},
    network::TextCnn,
};

/// Texts that are run together for each thread: with fewer, threads wait for one another; with more, what one has
/// made leaves its caches.
const TEXTS_A_THREAD: usize = 64;
/// Texts that are run together at most: memory must not grow with the machine.
const TEXTS_A_BATCH: usize = 512;
/// Texts of a batch that one thread runs at once after the products are made, at most.
const TEXTS_A_PART: usize = 16;
/// And at least, but for what is left: fewer take longer each.
const LEAST_TEXTS_A_PART: usize = 4;
/// A memory must hold so many words. With fewer (more time steps), it costs more to fetch products than to make them
/// again.
const LEAST_WORDS: usize = 1024;

/// Runs a network on texts, with one noise. What it keeps between calls makes it faster and changes no result.
#[derive(Debug)]
pub struct Runner {
    noise: Noise,
    words: Option<Words>,
}

impl Runner {
    /// A runner that has met no word yet.
    #[must_use]
    pub fn new(cnn: TextCnn<'_>, noise: Noise) -> Self {
        Self { noise, words: Words::new(cnn, MEMORY_BYTES, LEAST_WORDS) }
    }

    /// Runs the network on texts given as word ids ([`crate::text::UNKNOWN`] for unknown words).
    ///
    /// # Panics
    /// If an id is neither a word of the network nor [`crate::text::UNKNOWN`].
    #[must_use]
    pub fn run<T: AsRef<[u32]> + Sync>(&mut self, cnn: TextCnn<'_>, texts: &[T]) -> Run {
        let mut all = Run::new(cnn.network.config());
        if texts.len() <= TEXTS_A_PART {
            // To wake other threads takes longer than a few texts do.
            self.run_batches(cnn, texts, &mut all);
        } else {
            // On a thread of the pool: from outside, each kernel would wait for one to wake up.
            rayon::scope(|_| self.run_batches(cnn, texts, &mut all));
        }
        all
    }

    /// Batch by batch. While threads finish one, whoever has nothing left to do there prepares the next.
    fn run_batches<T: AsRef<[u32]> + Sync>(&mut self, cnn: TextCnn<'_>, texts: &[T], all: &mut Run) {
        let size = TEXTS_A_BATCH.min(TEXTS_A_THREAD * rayon::current_num_threads());
        let (mut slots, mut products) = match &mut self.words {
            Some(Words { slots, products }) => (Some(slots), Some(products)),
            None => (None, None),
        };
        // The next batch last.
        let mut rest: Vec<&[T]> = texts.chunks(size).rev().collect();
        let mut next = Batch::prepare(cnn, self.noise, slots.as_deref_mut(), &mut rest);
        while let Some(batch) = next {
            let batch = batch.convolve(cnn, products.as_deref_mut());
            let token_spikes = products.as_deref().map(|products| &products.spikes[..]);
            let mut finish = || batch.finish(cnn, token_spikes, all);
            if rest.is_empty() {
                return finish();
            }
            let prepare = || Batch::prepare(cnn, self.noise, slots.as_deref_mut(), &mut rest);
            next = rayon::join(finish, prepare).1;
        }
    }
}

/// Texts on their way through the network.
struct Batch<Stage> {
    texts: TokenBatch,
    stage: Stage,
}

/// What texts bring to the convolution.
enum Prepared {
    /// Texts whose rows are slots of a memory, and words whose products must be made before.
    Remembered(TextPositions, Option<NewWords>),
    /// Texts that were run without a memory.
    Whole(Whole),
}

/// What texts have after the convolution.
enum Convolved {
    Remembered(Counts),
    Whole(Whole),
}

/// What texts bring that were run without a memory.
struct Whole {
    /// Spikes summed over positions, `[B, T, C]`.
    counts: Vec<f32>,
    /// The spikes of each token.
    token_spikes: Vec<u64>,
}

impl Batch<Prepared> {
    /// The next batch of those that are left, which end with it; nothing if there is none. Touches no products, so it
    /// can run while another batch is finished: what a slot has does not change before the convolution.
    fn prepare<T: AsRef<[u32]>>(
        cnn: TextCnn<'_>,
        noise: Noise,
        mut slots: Option<&mut Slots>,
        rest: &mut Vec<&[T]>,
    ) -> Option<Self> {
        loop {
            let texts = rest.pop()?;
            let (batch, words) = batch_of(cnn.network.config(), texts);
            return Some(match &mut slots {
                Some(slots) if words.len() <= slots.capacity => {
                    let (slots, new) = slots.take_in(cnn, noise, &words);
                    let texts = batch.with_rows(|row| slots[row as usize]);
                    let positions = TextPositions::of(&cnn.config.convolution, &texts);
                    Self { texts, stage: Prepared::Remembered(positions, new) }
                }
                // Halves have fewer words; what is left in the end is a text longer than the memory.
                Some(_) if texts.len() > 1 => {
                    let (first, after) = texts.split_at(texts.len() / 2);
                    rest.extend([after, first]);
                    continue;
                }
                _ => {
                    let spikes = spikes_of(cnn.network, noise, &words);
                    let counts = convolution(cnn).forward(&spikes, &batch);
                    let whole = Whole { counts, token_spikes: spike_counts(cnn.network, &spikes) };
                    Self { texts: batch, stage: Prepared::Whole(whole) }
                }
            });
        }
    }

    /// Runs the convolution.
    fn convolve(self, cnn: TextCnn<'_>, products: Option<&mut Products>) -> Batch<Convolved> {
        let stage = match (self.stage, products) {
            (Prepared::Remembered(texts, new), Some(products)) => {
                Convolved::Remembered(products.forward(cnn, new, &texts))
            }
            (Prepared::Whole(whole), _) => Convolved::Whole(whole),
            (Prepared::Remembered(..), None) => unreachable!("slots are a memory's"),
        };
        Batch { texts: self.texts, stage }
    }
}

impl Batch<Convolved> {
    /// Runs the rest of the network, a part of the texts a thread. `remembered` holds the spikes of the word in each
    /// slot.
    fn finish(&self, cnn: TextCnn<'_>, remembered: Option<&[u64]>, all: &mut Run) {
        let config = cnn.config;
        let run = |range: Range<usize>, run: &mut Run| {
            let part = self.texts.texts(range.clone());
            let (counts, token_spikes) = match &self.stage {
                Convolved::Remembered(counts) => (counts.of_texts(range), remembered.unwrap_or_default()),
                Convolved::Whole(whole) => {
                    let a_text = config.steps * config.convolution.channels();
                    (whole.counts[range.start * a_text..range.end * a_text].to_vec(), &whole.token_spikes[..])
                }
            };
            Layers::after_convolution(cnn, &part, counts).collect(cnn, &part, token_spikes, run);
        };
        let texts = self.texts.len();
        if texts <= TEXTS_A_PART {
            return run(0..texts, all);
        }
        let parts = par_map(parts_of(texts, rayon::current_num_threads()), |part| {
            let mut own = Run::new(cnn.network.config());
            run(part, &mut own);
            own
        });
        parts.into_iter().for_each(|part| all.append(part));
    }
}

/// Cuts a batch into parts that `threads` take one after the other, smaller ones towards the end: nobody waits long
/// for who took the last. One thread waits for nobody.
fn parts_of(texts: usize, threads: usize) -> impl Iterator<Item = Range<usize>> {
    let mut first = 0;
    std::iter::from_fn(move || {
        let left = texts - first;
        let share = if threads == 1 { left } else { left / (2 * threads) };
        let part = share.clamp(LEAST_TEXTS_A_PART, TEXTS_A_PART).min(left);
        first += part;
        (part > 0).then_some(first - part..first)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        encode::Encoder,
        engine::tests::network,
        network::{Network, Padding, Readout},
    };

    fn form(network: &Network) -> TextCnn<'_> {
        network.text_cnn().expect("a text convolution and a read-out")
    }

    /// A runner with room for few words.
    fn narrow(network: &Network, capacity: usize) -> Runner {
        let mut runner = Runner::new(form(network), Noise::inference(3));
        runner.words.as_mut().expect("weights on a grid").slots.capacity = capacity;
        runner
    }

    proptest! {
        /// Whatever a runner has met before, and however little it can keep: the answer is that of a fresh one.
        #[test]
        fn memory_changes_no_result(
            calls in prop::collection::vec(prop::collection::vec(prop::collection::vec(0u32..10, 0..9), 0..5), 1..6),
            capacity in 0usize..12,
            encoder in prop::sample::select(Encoder::ALL.to_vec()),
        ) {
            let network = network(Readout::SpikeCount, encoder, Padding::Padded { length: 6 });
            let mut runner = narrow(&network, capacity);
            for texts in calls {
                let mut fresh = Runner { words: None, ..Runner::new(form(&network), Noise::inference(3)) };
                let fresh = fresh.run(form(&network), &texts);
                prop_assert_eq!(runner.run(form(&network), &texts), fresh);
            }
        }
    }

    /// One batch is prepared while another is finished; with little room, into slots that the other still reads.
    #[test]
    fn batches_under_way_at_once_change_no_result() {
        let texts: Vec<Vec<u32>> = (0..300u32)
            .map(|i| (0..i % 5).map(|k| i.wrapping_mul(7 + k).wrapping_mul(i + k) % 10).collect())
            .collect();
        let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().expect("threads");
        for encoder in [Encoder::Bernoulli, Encoder::Direct] {
            let network = network(Readout::SpikeCount, encoder, Padding::Valid);
            let one_by_one: Vec<Run> = texts
                .iter()
                .map(|text| narrow(&network, 10).run(form(&network), std::slice::from_ref(text)))
                .collect();
            for capacity in [4, 7, 10] {
                let together = pool.install(|| narrow(&network, capacity).run(form(&network), &texts));
                assert_eq!(together.labels.len(), texts.len());
                for (b, alone) in one_by_one.iter().enumerate() {
                    assert_eq!(together.scores[b * 3..][..3], alone.scores, "{encoder:?} {capacity} {b}");
                    assert_eq!(together.operations[b], alone.operations[0], "{encoder:?} {capacity} {b}");
                }
            }
        }
    }

    #[test]
    fn parts_get_smaller_and_leave_no_text_out() {
        let sizes = |texts, threads| -> Vec<usize> {
            let parts: Vec<_> = parts_of(texts, threads).collect();
            let ends = parts.iter().fold(0, |end, part| if part.start == end { part.end } else { usize::MAX });
            assert_eq!(ends, texts, "{texts} {threads}");
            parts.iter().map(ExactSizeIterator::len).collect()
        };
        assert_eq!(sizes(40, 1), [16, 16, 8]);
        assert_eq!(sizes(64, 2), [16, 12, 9, 6, 5, 4, 4, 4, 4]);
        assert_eq!(sizes(6, 5), [4, 2]);
        assert!(sizes(0, 2).is_empty());
    }

    #[test]
    fn words_met_again_stay_and_others_leave() {
        let network = network(Readout::Membrane, Encoder::Regular, Padding::Valid);
        let mut runner = narrow(&network, 4);
        for word in 0..10 {
            let _ = runner.run(form(&network), &[vec![7, word]]);
        }
        let words = runner.words.expect("a memory").slots;
        assert_eq!(words.words.len(), 4);
        assert_eq!(words.slot_of.len(), 4);
        assert!(words.slot_of.contains_key(&7) && words.slot_of.contains_key(&9));
    }
}
