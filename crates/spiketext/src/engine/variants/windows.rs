//! Windows of words and the spikes they make, each computed once.
//!
//! The spikes of the convolution neurons at a position depend on the words under the kernel and on nothing else: noise is
//! keyed by word, not by place. A window is known by its width and its words; what is kept of it is `[T, rows]` bytes, one a
//! channel (see [`spiketext_kernels::spiking_convolution::windows`]).

use rustc_hash::FxHashMap;
use spiketext_kernels::{SILENT, lanes::LANES, spiking_convolution::windows::rows_a_step};

use crate::engine::text_cnn::words::Words;
use crate::{
    encode::Noise,
    network::{TextCnn, TextCnnConfig},
};

/// Windows that were met since the memory was emptied last, and the spikes of all that were run.
#[derive(Debug)]
pub(super) struct Windows {
    /// The most windows, of all widths together.
    pub(super) capacity: usize,
    widths: Vec<Width>,
}

/// The windows of one width.
#[derive(Debug)]
struct Width {
    width: usize,
    /// Rows of [`LANES`] spikes that a window has.
    rows: usize,
    number_of: FxHashMap<Box<[u32]>, u32>,
    /// Words of the windows that were not run yet, `[N, width]`: those of the last numbers.
    waiting: Vec<u32>,
    /// `[N, T, rows a step]`, of the windows that were run.
    spikes: Vec<[u8; LANES]>,
}

impl Windows {
    /// An empty memory of at most so many bytes.
    pub(super) fn new(config: &TextCnnConfig, bytes: usize) -> Self {
        let (shape, steps) = (&config.convolution, config.steps);
        let rows = steps * rows_a_step(shape);
        let widest = shape.widths.iter().copied().max().unwrap_or(0);
        // Spikes, and the words twice with what a table takes for an entry.
        let a_window = rows * LANES + 2 * widest * size_of::<u32>() + 64;
        let width =
            |&width| Width { width, rows, number_of: FxHashMap::default(), waiting: Vec::new(), spikes: Vec::new() };
        Self { capacity: bytes / a_window, widths: shape.widths.iter().map(width).collect() }
    }

    /// Windows that have a number, of all widths.
    pub(super) fn len(&self) -> usize {
        self.widths.iter().map(|own| own.number_of.len()).sum()
    }

    /// Forgets all windows.
    pub(super) fn clear(&mut self) {
        for own in &mut self.widths {
            own.number_of.clear();
            own.waiting.clear();
            own.spikes.clear();
        }
    }

    /// The number of a window, a new one if it was not met before. Its spikes are there after the next [`Self::run`].
    pub(super) fn number(&mut self, width_index: usize, words: &[u32]) -> u32 {
        let own = &mut self.widths[width_index];
        if let Some(&number) = own.number_of.get(words) {
            return number;
        }
        let number = own.number_of.len() as u32;
        own.number_of.insert(words.into(), number);
        own.waiting.extend_from_slice(words);
        number
    }

    /// Spikes of all windows of a width, by their numbers, `[N, T, rows a step]`.
    pub(super) fn spikes(&self, width_index: usize) -> &[[u8; LANES]] {
        &self.widths[width_index].spikes
    }

    /// Runs the windows that wait. `words` must have room for those of one window at least.
    pub(super) fn run(&mut self, cnn: TextCnn<'_>, noise: Noise, words: &mut Words) {
        // From this window of each width on, all are still to be run.
        let mut begun = vec![0; self.widths.len()];
        let (mut index_of, mut distinct) = (FxHashMap::<u32, u32>::default(), Vec::new());
        let mut indices: Vec<Vec<u32>> = vec![Vec::new(); self.widths.len()];
        loop {
            // As many as have no more distinct words than fit.
            let (mut full, mut any) = (false, false);
            for ((own, begun), indices) in self.widths.iter().zip(&mut begun).zip(&mut indices) {
                for window in own.waiting[*begun * own.width..].chunks_exact(own.width) {
                    full = full || distinct.len() + own.width > words.slots.capacity;
                    if full {
                        break;
                    }
                    any = true;
                    *begun += 1;
                    indices.extend(window.iter().map(|&word| {
                        if word == SILENT {
                            return SILENT;
                        }
                        *index_of.entry(word).or_insert_with(|| {
                            distinct.push(word);
                            distinct.len() as u32 - 1
                        })
                    }));
                }
            }
            if !any {
                break;
            }
            let slots = words.take_in(cnn, noise, &distinct);
            for (width_index, (own, indices)) in self.widths.iter_mut().zip(&mut indices).enumerate() {
                for index in indices.iter_mut() {
                    *index = if *index == SILENT { 0 } else { slots[*index as usize] };
                }
                own.run(cnn, words, (width_index, indices));
                indices.clear();
            }
            index_of.clear();
            distinct.clear();
        }
        self.widths.iter_mut().for_each(|own| own.waiting.clear());
    }
}

impl Width {
    /// Appends the spikes of windows given as slots of words.
    fn run(&mut self, cnn: TextCnn<'_>, words: &Words, (width_index, slots): (usize, &[u32])) {
        let (config, bias) = (cnn.config, &cnn.convolution.bias);
        let start = self.spikes.len();
        self.spikes.resize(start + slots.len() / self.width * self.rows, [0; LANES]);
        let (neuron, spikes) = (&config.convolution_neuron, &mut self.spikes[start..]);
        words.products.memory.windows(neuron, bias, width_index, slots, spikes);
    }
}
