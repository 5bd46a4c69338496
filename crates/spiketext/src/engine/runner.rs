//! A network that runs on batch after batch and keeps the products of the words it met last.

use std::collections::HashMap;

use spiketext_kernels::{TokenBatch, Workspace, in_turn, spiking_convolution::WordMemory};

use super::{Firing, Layers, Run, batch_of, convolution, spike_counts, spikes_of};
use crate::{encode::Noise, network::Network};

/// Texts that are run together.
const TEXTS_A_BATCH: usize = 64;
/// Texts of a batch that one thread runs after the products are made.
const TEXTS_A_PART: usize = 16;
/// The most memory for products of words (twice as much where they leave 16 bits).
const MEMORY_BYTES: usize = 64 << 20;
/// A memory must hold so many words. With fewer (more time steps), it costs more to fetch products than to make them again.
const LEAST_WORDS: usize = 1024;

/// Runs a network on texts, with one noise. What it keeps between calls makes it faster and changes no result.
#[derive(Debug)]
pub struct Runner<'a> {
    network: &'a Network,
    noise: Noise,
    workspace: Workspace,
    words: Option<Words>,
}

impl<'a> Runner<'a> {
    /// A runner that has met no word yet.
    #[must_use]
    pub fn new(network: &'a Network, noise: Noise) -> Self {
        Self { network, noise, workspace: Workspace::default(), words: Words::new(network) }
    }

    /// Runs the network on texts given as word ids ([`crate::text::UNKNOWN`] for unknown words).
    ///
    /// # Panics
    /// If an id is neither a word of the network nor [`crate::text::UNKNOWN`].
    #[must_use]
    pub fn run(&mut self, texts: &[Vec<u32>]) -> Run {
        let mut all = Run { firing: Firing::new(self.network.specification()), ..Run::default() };
        let mut run_all = || texts.chunks(TEXTS_A_BATCH).for_each(|texts| self.run_batch(texts, &mut all));
        if texts.len() <= TEXTS_A_PART {
            // To wake other threads takes longer than a few texts do.
            run_all();
        } else {
            // On a thread of the pool: from outside, each kernel would wait for one to wake up.
            rayon::scope(|_| run_all());
        }
        all
    }

    fn run_batch(&mut self, texts: &[Vec<u32>], all: &mut Run) {
        let (batch, words) = batch_of(self.network.specification(), texts);
        match &mut self.words {
            Some(memory) if words.len() <= memory.capacity => {
                let slots = memory.take_in(self.network, self.noise, &words);
                let batch = batch.with_rows(|row| slots[row as usize]);
                let specification = self.network.specification();
                let (shape, neuron) = (&specification.convolution, &specification.convolution_neuron);
                let bias = &self.network.weights().bias;
                let counts =
                    |_, part: &TokenBatch| memory.products.forward(shape, neuron, bias, part, &self.workspace);
                finish(self.network, &batch, counts, &memory.spikes, all);
            }
            // Halves have fewer words; what is left in the end is a text longer than the memory.
            Some(_) if texts.len() > 1 => {
                let (first, rest) = texts.split_at(texts.len() / 2);
                self.run_batch(first, all);
                self.run_batch(rest, all);
            }
            _ => {
                let spikes = spikes_of(self.network, self.noise, &words);
                let counts = convolution(self.network, &batch, &spikes, &self.workspace);
                let a_text = counts.len() / batch.len().max(1);
                let own = |first: usize, part: &TokenBatch| counts[first * a_text..][..part.len() * a_text].to_vec();
                finish(self.network, &batch, own, &spike_counts(self.network, &spikes), all);
            }
        }
    }
}

/// Runs the rest of the network, a part of the texts a thread. `counts` gives the summed spikes of a part, from the number of
/// its first text.
fn finish(
    network: &Network,
    batch: &TokenBatch,
    counts: impl Fn(usize, &TokenBatch) -> Vec<f32> + Sync,
    token_spikes: &[u64],
    all: &mut Run,
) {
    let run = |first: usize, part: &TokenBatch, run: &mut Run| {
        let layers = Layers::after_convolution(network, part, counts(first, part));
        layers.collect(network, part, token_spikes, run);
    };
    if batch.len() <= TEXTS_A_PART {
        return run(0, batch, all);
    }
    let parts = in_turn((0..batch.len()).step_by(TEXTS_A_PART), |first| {
        let mut own = Run { firing: Firing::new(network.specification()), ..Run::default() };
        run(first, &batch.texts(first..batch.len().min(first + TEXTS_A_PART)), &mut own);
        own
    });
    for part in parts {
        all.scores.extend(part.scores);
        all.labels.extend(part.labels);
        all.operations.extend(part.operations);
        all.firing.add(&part.firing);
    }
}

/// Words with their products. A word that was not met since the hand last passed it gives up its slot to a new one (the
/// clock algorithm, Corbato 1968).
#[derive(Debug)]
struct Words {
    products: WordMemory,
    /// The most words.
    capacity: usize,
    slot_of: HashMap<u32, u32>,
    /// The word in each slot but the first, which is silence.
    words: Vec<u32>,
    /// The batch in which each slot was met last, and whether the hand has passed it since.
    met: Vec<(u64, bool)>,
    /// Spikes of the word in each slot, those of silence first.
    spikes: Vec<u64>,
    batch: u64,
    hand: usize,
}

impl Words {
    /// Nothing where the network's weights cannot be looked up, or too few words would fit.
    fn new(network: &Network) -> Option<Self> {
        let specification = network.specification();
        let shape = &specification.convolution;
        let capacity = MEMORY_BYTES / WordMemory::bytes_a_word(shape, specification.time()).max(1);
        let drive = specification.encoder.drive();
        let packed = network.packed().filter(|packed| capacity >= LEAST_WORDS && packed.holds(drive))?;
        Some(Self {
            products: WordMemory::new(shape, specification.time(), packed, capacity),
            capacity,
            slot_of: HashMap::new(),
            words: Vec::new(),
            met: Vec::new(),
            spikes: vec![0],
            batch: 0,
            hand: 0,
        })
    }

    /// The slots of distinct words, at most as many as there is room for; products of new ones are made.
    fn take_in(&mut self, network: &Network, noise: Noise, words: &[u32]) -> Vec<u32> {
        self.batch += 1;
        for word in words {
            if let Some(&slot) = self.slot_of.get(word) {
                self.met[slot as usize - 1] = (self.batch, true);
            }
        }
        let (mut slots, mut new) = (Vec::with_capacity(words.len()), Vec::new());
        for &word in words {
            let known = self.slot_of.get(&word).copied();
            slots.push(known.unwrap_or_else(|| {
                let slot = self.free_slot();
                self.words[slot] = word;
                self.met[slot] = (self.batch, true);
                let slot = slot as u32 + 1;
                self.slot_of.insert(word, slot);
                new.push((word, slot));
                slot
            }));
        }
        if let (Some(packed), false) = (network.packed(), new.is_empty()) {
            let (new, own): (Vec<u32>, Vec<u32>) = new.into_iter().unzip();
            let spikes = spikes_of(network, noise, &new);
            self.products.fill(packed, &spikes, &own);
            for (slot, count) in own.into_iter().zip(spike_counts(network, &spikes)) {
                self.spikes[slot as usize] = count;
            }
        }
        slots
    }

    /// An index into `words` that no word of this batch uses.
    fn free_slot(&mut self) -> usize {
        if self.words.len() < self.capacity {
            self.words.push(0);
            self.met.push((0, false));
            self.spikes.push(0);
            return self.words.len() - 1;
        }
        // There are fewer words in the batch than slots, so the hand finds one in two rounds at most.
        loop {
            self.hand = (self.hand + 1) % self.words.len();
            let (batch, since) = &mut self.met[self.hand];
            if *batch == self.batch {
                continue;
            }
            if !*since {
                self.slot_of.remove(&self.words[self.hand]);
                return self.hand;
            }
            *since = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        encode::Encoder,
        engine::tests::network,
        network::{Averaging, Readout},
    };

    /// A runner with room for few words.
    fn narrow(network: &Network, capacity: usize) -> Runner<'_> {
        let mut runner = Runner::new(network, Noise::inference(3));
        runner.words.as_mut().expect("weights on a grid").capacity = capacity;
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
            let network = network(Readout::SpikeCount, encoder, Averaging::Padded { length: 6 });
            let mut runner = narrow(&network, capacity);
            for texts in calls {
                let fresh = Runner { words: None, ..Runner::new(&network, Noise::inference(3)) }.run(&texts);
                prop_assert_eq!(runner.run(&texts), fresh);
            }
        }
    }

    #[test]
    fn words_met_again_stay_and_others_leave() {
        let network = network(Readout::Membrane, Encoder::Regular, Averaging::Valid);
        let mut runner = narrow(&network, 4);
        for word in 0..10 {
            let _ = runner.run(&[vec![7, word]]);
        }
        let words = runner.words.expect("a memory");
        assert_eq!(words.words.len(), 4);
        assert_eq!(words.slot_of.len(), 4);
        assert!(words.slot_of.contains_key(&7) && words.slot_of.contains_key(&9));
    }
}
