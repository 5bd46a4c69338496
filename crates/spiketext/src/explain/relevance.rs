//! From the scores back to the words, layer by layer: what each spike said for each class.
//!
//! A layer's *relevance* is what its spikes said in all, for each neuron (and position) and class. It begins at the read-out,
//! where it is spikes times weights, and whatever a layer hands down is what it got: nothing appears or is lost on the way.

use spiketext_kernels::{ConvolutionShape, SILENT, SpikeTrain};

use super::{Approximation, FilterPart, Ngram, Units};
use crate::{
    encode::Noise,
    engine::{LayerTrace, Trace, token_currents},
    network::{Chain, LayerConfig, LayerWeights, Network, Readout},
};

/// What was found for one text; fields as in [`super::Explanation`].
pub(super) struct Relevance {
    pub scores: Vec<f64>,
    pub base: Vec<f64>,
    pub approximations: Vec<Approximation>,
    pub words: Vec<Vec<f64>>,
    pub ngrams: Vec<Ngram>,
    pub units: Option<Units>,
}

/// The spikes of a layer over all time steps.
struct Counts {
    /// Spikes of each neuron: positions of each kernel one after another, `[P, F]` each, or `[C]`.
    spikes: Vec<u32>,
    /// Positions of each kernel; none for neurons that see the whole text.
    positions: Vec<usize>,
    /// Channels of a kernel, or C.
    channels: usize,
}

impl Counts {
    fn at_positions(trains: &[SpikeTrain], steps: usize) -> Self {
        let channels = trains[0].dimension();
        let mut spikes = Vec::new();
        for train in trains {
            let (start, positions) = (spikes.len(), train.rows() / steps);
            spikes.resize(start + positions * channels, 0);
            for row in 0..train.rows() {
                let own = &mut spikes[start + row % positions * channels..][..channels];
                (0..channels).filter(|&c| train.get(row, c)).for_each(|c| own[c] += 1);
            }
        }
        Self { spikes, positions: trains.iter().map(|train| train.rows() / steps).collect(), channels }
    }

    fn of_text(train: &SpikeTrain) -> Self {
        let channels = train.dimension();
        let of = |c: usize| (0..train.rows()).filter(|&t| train.get(t, c)).count() as u32;
        Self { spikes: (0..channels).map(of).collect(), positions: Vec::new(), channels }
    }

    /// The spikes summed over positions, kernels one after another.
    fn pooled(&self) -> Self {
        let mut spikes = vec![0; self.channels * self.positions.len()];
        for (place, kernel, channel) in self.places() {
            spikes[kernel * self.channels + channel] += self.spikes[place];
        }
        let channels = spikes.len();
        Self { spikes, positions: Vec::new(), channels }
    }

    /// Each neuron at positions with its kernel and channel.
    fn places(&self) -> impl Iterator<Item = (usize, usize, usize)> + '_ {
        let kernels = self.positions.iter().enumerate();
        let places = kernels.flat_map(move |(kernel, &positions)| {
            (0..positions).flat_map(move |_| (0..self.channels).map(move |channel| (kernel, channel)))
        });
        places.enumerate().map(|(place, (kernel, channel))| (place, kernel, channel))
    }
}

/// On the way back through a network.
struct Way<'a> {
    network: &'a Network,
    classes: usize,
    counts: Vec<Counts>,
    /// Of each layer, `[neurons, K]`.
    relevance: Vec<Vec<f64>>,
    base: Vec<f64>,
}

impl Relevance {
    pub fn of(network: &Network, noise: Noise, text: &[u32], trace: &Trace) -> Self {
        let config = network.config();
        let mut counts: Vec<Counts> = Vec::new();
        for layer in &trace.layers {
            counts.push(match layer {
                LayerTrace::Positions(trains) => Counts::at_positions(trains, config.steps),
                LayerTrace::Sums => counts.last().expect("sums of the layer before").pooled(),
                LayerTrace::Spikes(train) => Counts::of_text(train),
                LayerTrace::Outputs(_) => Counts { spikes: Vec::new(), positions: Vec::new(), channels: 0 },
            });
        }
        let classes = config.classes();
        let relevance = counts.iter().map(|counts| vec![0.0; counts.spikes.len() * classes]).collect();
        let mut way = Way { network, classes, counts, relevance, base: vec![0.0; classes] };
        let divisors = way.divisors(text.len());
        for at in (1..config.chain.leaves().len()).rev() {
            way.back(at, &divisors);
        }
        let (ngrams, words) = way.reach_words(noise, text);
        let mut scores = way.base.clone();
        for parts in &words {
            scores.iter_mut().zip(parts).for_each(|(score, part)| *score += part);
        }
        let approximations = approximations(&config.chain);
        let mut found = Self { scores, base: way.base.clone(), approximations, words, ngrams, units: None };
        if found.approximations.is_empty() {
            let units = way.units(&mut found.ngrams, &divisors);
            // Not from words: they share what is exact.
            found.scores = units.scores(&found.ngrams);
            found.units = Some(units);
        }
        found
    }
}

/// What is assumed of a network.
fn approximations(chain: &Chain) -> Vec<Approximation> {
    let mut all = Vec::new();
    for leaf in chain.leaves().iter().skip(1) {
        match &leaf.layer {
            LayerConfig::Neurons { .. } => all.push(Approximation::SharesOfSpikes),
            LayerConfig::Dense { .. } | LayerConfig::Convolution { .. } => all.push(Approximation::PositiveWeights),
            LayerConfig::Readout { read: Readout::SpikeCount, .. } => all.push(Approximation::Charge),
            _ => {}
        }
    }
    all.sort_by_key(|&approximation| approximation as u8);
    all.dedup();
    all
}

impl Way<'_> {
    /// By what pooled spikes of each channel are divided, `[C]`, for each kernel the positions or the tokens.
    fn divisors(&self, tokens: usize) -> Vec<usize> {
        let common = self.network.config().padding.common_divisor(tokens);
        let last = self.counts.iter().rev().find(|counts| !counts.positions.is_empty()).expect("a text convolution");
        last.positions.iter().flat_map(|&positions| vec![common.unwrap_or(positions); last.channels]).collect()
    }

    /// Hands down the relevance of a layer.
    fn back(&mut self, at: usize, divisors: &[usize]) {
        let leaves = self.network.config().chain.leaves();
        let (leaf, weights) = (&leaves[at], &self.network.weights().layers[at]);
        let own = std::mem::take(&mut self.relevance[at]);
        // The spikes that dense layers read are those of a text, or of all positions over their number.
        let pooled = matches!(leaves[at - 1].layer, LayerConfig::Pooling);
        let divisor = |c: usize| if pooled { divisors[c] as f64 } else { 1.0 };
        match &leaf.layer {
            LayerConfig::Readout { .. } => self.readout(at, weights, divisor),
            LayerConfig::Neurons { .. } => {
                for (c, parts) in own.chunks_exact(self.classes).enumerate() {
                    let shares = if self.counts[at - 1].spikes[c] > 0 { vec![(c, 1.0)] } else { Vec::new() };
                    self.share(at - 1, &shares, parts);
                }
            }
            LayerConfig::Dense { .. } => {
                let outputs = leaf.outputs;
                for (o, parts) in own.chunks_exact(self.classes).enumerate().filter(|(_, parts)| any(parts)) {
                    let drive = |(c, &spikes): (usize, &u32)| {
                        (c, f64::from(spikes) / divisor(c) * f64::from(weights.synapses[c * outputs + o].max(0.0)))
                    };
                    let shares: Vec<_> = self.counts[at - 1].spikes.iter().enumerate().map(drive).collect();
                    self.share(at - 1, &shares, parts);
                }
            }
            LayerConfig::Pooling => {
                let from = &self.counts[at - 1];
                let mut shares = vec![Vec::new(); self.counts[at].spikes.len()];
                for (place, kernel, channel) in from.places().filter(|&(place, ..)| from.spikes[place] > 0) {
                    shares[kernel * from.channels + channel].push((place, f64::from(from.spikes[place])));
                }
                for (shares, parts) in shares.iter().zip(own.chunks_exact(self.classes)) {
                    self.share(at - 1, shares, parts);
                }
            }
            LayerConfig::Convolution { width, .. } => self.convolution(at, *width, leaf.shortcut, weights, &own),
            LayerConfig::TextConvolution { .. } | LayerConfig::Residual { .. } => {
                unreachable!("a leaf after the first")
            }
        }
    }

    /// Equation (6): the mean current of a class's outputs.
    fn readout(&mut self, at: usize, weights: &LayerWeights, divisor: impl Fn(usize) -> f64) {
        let config = self.network.config();
        let (classes, group, steps) = (self.classes, config.outputs_per_class(), config.steps as f64);
        let mean = |row: &[f32], k: usize| {
            row[k * group..][..group].iter().map(|&weight| f64::from(weight)).sum::<f64>() / group as f64
        };
        for (k, base) in self.base.iter_mut().enumerate() {
            *base += mean(&weights.bias, k);
        }
        for (c, &spikes) in self.counts[at - 1].spikes.iter().enumerate().filter(|(_, spikes)| **spikes > 0) {
            let row = &weights.synapses[c * classes * group..][..classes * group];
            for k in 0..classes {
                self.relevance[at - 1][c * classes + k] = f64::from(spikes) * mean(row, k) / (divisor(c) * steps);
            }
        }
    }

    /// A kernel over positions, and the spikes around its block.
    fn convolution(&mut self, at: usize, width: usize, around: Option<usize>, weights: &LayerWeights, own: &[f64]) {
        let (channels, positions) = (self.counts[at].channels, self.counts[at].positions[0]);
        let columns = width * channels;
        for (place, parts) in own.chunks_exact(self.classes).enumerate().filter(|(_, parts)| any(parts)) {
            let (p, c) = (place / channels, place % channels);
            let from = &self.counts[at - 1];
            let mut shares = Vec::new();
            for tap in 0..width {
                let seen = (p + tap).checked_sub((width - 1) / 2).filter(|&seen| seen < positions);
                for before in seen.into_iter().flat_map(|seen| seen * from.channels..(seen + 1) * from.channels) {
                    let weight = weights.synapses[before % from.channels * columns + tap * channels + c];
                    shares.push((before, f64::from(from.spikes[before]) * f64::from(weight.max(0.0))));
                }
            }
            let direct = around.map(|around| {
                (around, f64::from(self.counts[around].spikes[place]) * f64::from(weights.shortcut[c].max(0.0)))
            });
            // One block's shortcut and kernel drive the same neuron.
            let (within, past) = (total(&shares), direct.map_or(0.0, |(_, drive)| drive));
            let part = |share: f64| parts.iter().map(|part| part * share).collect::<Vec<f64>>();
            match direct {
                Some((around, drive)) if drive > 0.0 => {
                    self.share(around, &[(place, 1.0)], &part(past / (within + past)));
                    self.share(at - 1, &shares, &part(within / (within + past)));
                }
                _ => self.share(at - 1, &shares, parts),
            }
        }
    }

    /// Shares `parts`, `[K]`, among neurons of a layer in proportion to their drives; the base gets what nothing drove.
    fn share(&mut self, at: usize, drives: &[(usize, f64)], parts: &[f64]) {
        let total = total(drives);
        if total <= 0.0 {
            self.base.iter_mut().zip(parts).for_each(|(base, part)| *base += part);
            return;
        }
        for &(place, drive) in drives.iter().filter(|(_, drive)| *drive > 0.0) {
            let own = &mut self.relevance[at][place * self.classes..][..self.classes];
            own.iter_mut().zip(parts).for_each(|(own, part)| *own += part * (drive / total));
        }
    }

    /// From the spikes of the text convolution to its windows and their words.
    fn reach_words(&mut self, noise: Noise, text: &[u32]) -> (Vec<Ngram>, Vec<Vec<f64>>) {
        let (shape, _) = self.network.config().chain.text_convolution();
        let (batch, currents) = token_currents(self.network, noise, text);
        let (rows, columns) = (batch.text(0), shape.products());
        let counts = &self.counts[0];
        let mut words = vec![vec![0.0; self.classes]; text.len()];
        let mut ngrams = Vec::new();
        let mut place = 0;
        for (kernel, (&width, &positions)) in shape.widths.iter().zip(&counts.positions).enumerate() {
            for start in 0..positions {
                let end = (start + width).min(text.len());
                let seen: Vec<(usize, usize)> = (start..end)
                    .filter(|&token| rows[token] != SILENT)
                    .map(|token| (token, rows[token] as usize * columns + column(shape, kernel, token - start)))
                    .collect();
                let mut filters = Vec::new();
                let mut all = vec![0.0; self.classes];
                for filter in 0..counts.channels {
                    let (spikes, parts) =
                        (counts.spikes[place], &self.relevance[0][place * self.classes..][..self.classes]);
                    place += 1;
                    if spikes == 0 {
                        continue;
                    }
                    // No word of the window drove it: each is as much the cause as the others.
                    let mut drives: Vec<f64> = seen.iter().map(|&(_, at)| currents[at + filter].max(0.0)).collect();
                    if drives.iter().sum::<f64>() <= 0.0 {
                        drives.fill(1.0);
                    }
                    let total: f64 = drives.iter().sum();
                    for (&(token, _), drive) in seen.iter().zip(&drives) {
                        words[token].iter_mut().zip(parts).for_each(|(word, part)| *word += part * (drive / total));
                    }
                    if seen.is_empty() {
                        self.base.iter_mut().zip(parts).for_each(|(base, part)| *base += part);
                    }
                    all.iter_mut().zip(parts).for_each(|(all, part)| *all += part);
                    filters.push(FilterPart { filter, spikes, parts: parts.to_vec() });
                }
                if !filters.is_empty() {
                    ngrams.push(Ngram { kernel, start: start.min(end), end, parts: all, units: None, filters });
                }
            }
        }
        (ngrams, words)
    }

    /// The same parts in whole units, from spikes and stored weights alone.
    fn units(&self, ngrams: &mut [Ngram], divisors: &[usize]) -> Units {
        let config = self.network.config();
        let last = config.chain.leaves().len() - 1;
        let synapses = self.network.synapses(last);
        let (classes, group) = (self.classes, config.outputs_per_class());
        let filters = self.counts[0].channels;
        let weights: Vec<i64> = synapses.units().map(i64::from).collect();
        for ngram in ngrams {
            let mut units = vec![0; classes];
            for part in &ngram.filters {
                let row = &weights[(ngram.kernel * filters + part.filter) * classes * group..][..classes * group];
                for (units, row) in units.iter_mut().zip(row.chunks_exact(group)) {
                    *units += i64::from(part.spikes) * row.iter().sum::<i64>();
                }
            }
            ngram.units = Some(units);
        }
        let bias = &self.network.weights().layers[last].bias;
        let of = |outputs: &[f32]| outputs.iter().map(|&bias| i64::from(synapses.grid.units(bias))).sum::<i64>();
        Units {
            exponent: synapses.grid.exponent,
            rounds: (config.steps * group) as u64,
            positions: divisors.iter().step_by(filters).map(|&positions| positions as u64).collect(),
            base: bias.chunks_exact(group).map(|outputs| config.steps as i64 * of(outputs)).collect(),
        }
    }
}

impl Units {
    /// The scores that n-grams add up to, `[K]`: sums of whole numbers, kernel by kernel.
    #[must_use]
    pub fn scores(&self, ngrams: &[Ngram]) -> Vec<f64> {
        let whole = 2f64.powi(self.exponent) / self.rounds as f64;
        let score = |(k, &base): (usize, &i64)| {
            let sum = |kernel: usize| -> i64 {
                let own = ngrams.iter().filter(|ngram| ngram.kernel == kernel);
                own.map(|ngram| ngram.units.as_ref().map_or(0, |units| units[k])).sum()
            };
            let same = self.positions.iter().all(|&positions| positions == self.positions[0]);
            let pooled = if same {
                (0..self.positions.len()).map(sum).sum::<i64>() as f64 / self.positions[0] as f64
            } else {
                self.positions
                    .iter()
                    .enumerate()
                    .map(|(kernel, &positions)| sum(kernel) as f64 / positions as f64)
                    .sum()
            };
            (base as f64 + pooled) * whole
        };
        self.base.iter().enumerate().map(score).collect()
    }
}

/// The first column of a tap of a kernel, `[M]`.
pub(super) fn column(shape: &ConvolutionShape, kernel: usize, tap: usize) -> usize {
    shape.first_product(kernel) + tap * shape.filters
}

fn any(parts: &[f64]) -> bool {
    parts.iter().any(|&part| part != 0.0)
}

fn total(drives: &[(usize, f64)]) -> f64 {
    drives.iter().map(|(_, drive)| drive).sum()
}
