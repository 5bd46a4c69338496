//! Words and their products: what a network has made of the words it met last.

use rustc_hash::FxHashMap;
use spiketext_kernels::spiking_convolution::{self, Counts, TextPositions, WordMemory};

use crate::{
    encode::Noise,
    engine::{spike_counts, spikes_of},
    network::TextCnn,
};

/// The most memory for products of words (twice as much where they leave 16 bits).
pub(in crate::engine) const MEMORY_BYTES: usize = 64 << 20;

/// Words with their products.
#[derive(Debug)]
pub(in crate::engine) struct Words {
    pub(in crate::engine) slots: Slots,
    pub(in crate::engine) products: Products,
}

/// Which word has which slot. A word that was not met since the hand last passed it gives up its slot to a new one
/// (the clock algorithm, Corbato 1968).
#[derive(Debug)]
pub(in crate::engine) struct Slots {
    /// The most words.
    pub(in crate::engine) capacity: usize,
    pub(in crate::engine) slot_of: FxHashMap<u32, u32>,
    /// The word in each slot but the first, which is silence.
    pub(in crate::engine) words: Vec<u32>,
    /// The batch in which each slot was met last, and whether the hand has passed it since.
    met: Vec<(u64, bool)>,
    batch: u64,
    hand: usize,
}

/// What is known of the word in each slot.
#[derive(Debug)]
pub(in crate::engine) struct Products {
    pub(in crate::engine) memory: WordMemory,
    /// Spikes of the word in each slot, those of silence first.
    pub(in crate::engine) spikes: Vec<u64>,
}

/// Words that have a slot but no products there yet.
#[derive(Debug)]
pub(in crate::engine) struct NewWords {
    words: spiking_convolution::NewWords,
    /// How often each spikes.
    spikes: Vec<u64>,
}

impl Words {
    /// A memory of so many bytes (twice as many where products leave 16 bits). Nothing where the network's weights
    /// cannot be looked up, or fewer than `least` words would fit.
    pub(in crate::engine) fn new(cnn: TextCnn<'_>, bytes: usize, least: usize) -> Option<Self> {
        let config = cnn.config;
        let shape = &config.convolution;
        let capacity = bytes / WordMemory::bytes_a_word(shape, config.time()).max(1);
        let drive = config.encoder.drive();
        let packed = cnn.packed.filter(|packed| capacity >= least && packed.holds(drive))?;
        let memory = WordMemory::new(shape, config.time(), packed, capacity, cnn.workspace);
        Some(Self { slots: Slots::new(capacity), products: Products { memory, spikes: vec![0] } })
    }

    /// The slots of distinct words, at most as many as there is room for; products of new ones are made.
    pub(in crate::engine) fn take_in(&mut self, cnn: TextCnn<'_>, noise: Noise, words: &[u32]) -> Vec<u32> {
        let (slots, new) = self.slots.take_in(cnn, noise, words);
        self.products.fill(cnn, new);
        slots
    }
}

impl Slots {
    fn new(capacity: usize) -> Self {
        Self { capacity, slot_of: FxHashMap::default(), words: Vec::new(), met: Vec::new(), batch: 0, hand: 0 }
    }

    /// The slots of distinct words, at most as many as there is room for, and those words whose products must be made
    /// before the slots are read. Until then each slot has what it had before, whatever word that was.
    pub(in crate::engine) fn take_in(
        &mut self,
        cnn: TextCnn<'_>,
        noise: Noise,
        words: &[u32],
    ) -> (Vec<u32>, Option<NewWords>) {
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
                new.push((slot, word));
                slot
            }));
        }
        let new = (!new.is_empty()).then(|| {
            // So that threads can share the slots.
            new.sort_unstable();
            let (own, new): (Vec<u32>, Vec<u32>) = new.into_iter().unzip();
            let spikes = spikes_of(cnn.network, noise, &new);
            let words = spiking_convolution::NewWords::new(own, &spikes);
            NewWords { words, spikes: spike_counts(cnn.network, &spikes) }
        });
        (slots, new)
    }

    /// An index into `words` that no word of this batch uses.
    fn free_slot(&mut self) -> usize {
        if self.words.len() < self.capacity {
            self.words.push(0);
            self.met.push((0, false));
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

impl Products {
    /// Makes the products of new words.
    pub(in crate::engine) fn fill(&mut self, cnn: TextCnn<'_>, new: Option<NewWords>) {
        let (Some(packed), Some(new)) = (cnn.packed, new) else { return };
        self.memory.fill(packed, &new.words);
        self.count(new);
    }

    /// Makes the products of new words and runs the convolution of texts whose rows are slots.
    pub(in crate::engine) fn forward(
        &mut self,
        cnn: TextCnn<'_>,
        new: Option<NewWords>,
        texts: &TextPositions,
    ) -> Counts {
        let packed = cnn.packed.expect("a memory is of a network that can be looked up");
        let given = new.as_ref().map(|new| &new.words);
        let (neuron, bias) = (&cnn.config.convolution_neuron, &cnn.convolution.bias);
        let counts = self.memory.forward(packed, given, neuron, bias, texts);
        if let Some(new) = new {
            self.count(new);
        }
        counts
    }

    /// Remembers how often new words spike.
    fn count(&mut self, new: NewWords) {
        let slots = new.words.slots();
        let last = slots.iter().max().map_or(0, |&slot| slot as usize);
        self.spikes.resize(self.spikes.len().max(last + 1), 0);
        for (&slot, count) in slots.iter().zip(new.spikes) {
            self.spikes[slot as usize] = count;
        }
    }
}
