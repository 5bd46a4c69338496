//! A network that runs on batch after batch and keeps the products of the words it met last.

use spiketext_kernels::{TokenBatch, Workspace, in_turn};

use super::{
    Firing, Layers, Run, batch_of, convolution, spike_counts, spikes_of,
    words::{MEMORY_BYTES, Words},
};
use crate::{encode::Noise, network::Network};

/// Texts that are run together.
const TEXTS_A_BATCH: usize = 64;
/// Texts of a batch that one thread runs after the products are made.
const TEXTS_A_PART: usize = 16;
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
        Self {
            network,
            noise,
            workspace: Workspace::default(),
            words: Words::new(network, MEMORY_BYTES, LEAST_WORDS),
        }
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
