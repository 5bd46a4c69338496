//! Words and their products: what a network has made of the words it met last.

use std::collections::HashMap;

use spiketext_kernels::spiking_convolution::WordMemory;

use super::{spike_counts, spikes_of};
use crate::{encode::Noise, network::Network};

/// The most memory for products of words (twice as much where they leave 16 bits).
pub(super) const MEMORY_BYTES: usize = 64 << 20;

/// Words with their products. A word that was not met since the hand last passed it gives up its slot to a new one (the
/// clock algorithm, Corbato 1968).
#[derive(Debug)]
pub(super) struct Words {
    pub(super) products: WordMemory,
    /// The most words.
    pub(super) capacity: usize,
    pub(super) slot_of: HashMap<u32, u32>,
    /// The word in each slot but the first, which is silence.
    pub(super) words: Vec<u32>,
    /// The batch in which each slot was met last, and whether the hand has passed it since.
    met: Vec<(u64, bool)>,
    /// Spikes of the word in each slot, those of silence first.
    pub(super) spikes: Vec<u64>,
    batch: u64,
    hand: usize,
}

impl Words {
    /// A memory of so many bytes (twice as many where products leave 16 bits). Nothing where the network's weights cannot be
    /// looked up, or fewer than `least` words would fit.
    pub(super) fn new(network: &Network, bytes: usize, least: usize) -> Option<Self> {
        let specification = network.specification();
        let shape = &specification.convolution;
        let capacity = bytes / WordMemory::bytes_a_word(shape, specification.time()).max(1);
        let drive = specification.encoder.drive();
        let packed = network.packed().filter(|packed| capacity >= least && packed.holds(drive))?;
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
    pub(super) fn take_in(&mut self, network: &Network, noise: Noise, words: &[u32]) -> Vec<u32> {
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
