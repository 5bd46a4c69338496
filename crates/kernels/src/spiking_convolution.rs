//! The spiking text convolution: spike trains in, spikes summed over positions out; forward and backward.
//!
//! ```text
//! Y[u,t,(k,j,f)] = q[(k,j,f)] + sum_d s[u,t,d] W[d,(k,j,f)]        once for each distinct token u and step t
//! i[p,t,(k,f)]   = b[k,f] + sum_j Y[row(p + j), t, (k,j,f)]
//! integrate and fire over t at each position p (equation 4), spikes z[p,t,(k,f)]
//! out[t,(k,f)]   = sum over p of z[p,t,(k,f)]                      whole numbers: the average is never formed
//! ```
//!
//! `q` is the presence input: a constant current of each real token at each tap, which centred training needs
//! (equation 10).
//!
//! The work is cut into strips of at most 64 channels of one width, which share nothing and run in parallel, and a strip's time into
//! chunks of a few steps, so that the token products of a chunk stay in a core's caches and memory does not grow with T. Where
//! there are more threads than strips, several share a strip forward: its tokens in the products, its texts in the scan.
//!
//! ```text
//! forward    for each chunk: products of its steps, then every position a few steps on     (keeps a membrane a position)
//! backward   for each chunk, last first: products (kept or made again), membranes replayed from where it began,
//!            gradients back through its steps into those of the products, and from there into the weights
//! ```
//!
//! Graded codes (see [`crate::drive`]) multiply the products of each step by a power of two, or have one row of products for
//! all steps, put together from those of bit planes.
//!
//! `inputs` holds the spikes with what can be made of them ahead of time, `products` makes the token products, `numbers` those
//! that do not round to whole numbers, `planes` those of constant currents, `memory` keeps those of words from one batch to the
//! next, `scan` runs the neurons over them, `windows` gives the spikes of single windows of words, `gradient` takes the gradient
//! of the products to that of the synapses, `reference` says what all of it means.

mod gradient;
mod inputs;
mod memory;
mod numbers;
mod planes;
mod products;
pub mod reference;
mod scan;
pub mod windows;

use std::{borrow::Cow, collections::VecDeque};

pub use inputs::{Inputs, Patterns};
pub use memory::{Counts, PlacedTexts, WordMemory};
pub use products::Packed;

use crate::{
    ChannelStrip, ConvolutionShape, Drive, NeuronParameters, SpikeTrain, Time, TokenBatch,
    drive::{PHASES, share},
    in_turn,
    in_turn::parts_of,
    lanes::Lanes,
    spike_patterns::StepPatterns,
    workspace::{Buffer, Workspace},
};
use gradient::StripGradient;
use inputs::{ChunkPatterns, LONGEST_CHUNK, chunks, places_of};
use products::{Chunk, Made, Source, Strip, View};
use scan::{Back, Places};

/// Trained numbers of the layer.
#[derive(Clone, Copy, Debug)]
pub struct Weights<'a> {
    /// Synapses W, `[D, M]`.
    pub synapses: &'a [f32],
    /// Presence currents q, `[M]`.
    pub presence: &'a [f32],
    /// Biases b, `[C]`.
    pub bias: &'a [f32],
    /// The synapses as whole numbers, if that was done before: worth it where the same weights run again.
    pub packed: Option<&'a Packed>,
}

impl<'a> Weights<'a> {
    /// Weights of which nothing is prepared.
    #[must_use]
    pub fn new(synapses: &'a [f32], presence: &'a [f32], bias: &'a [f32]) -> Self {
        Self { synapses, presence, bias, packed: None }
    }
}

/// Gradients of the loss, in the shapes of [`Weights`].
#[derive(Clone, Debug)]
pub struct Gradients {
    /// With respect to the synapses, `[D, M]`.
    pub synapses: Vec<f32>,
    /// With respect to the presence currents, `[M]`.
    pub presence: Vec<f32>,
    /// With respect to the biases, `[C]`.
    pub bias: Vec<f32>,
}

/// What the forward pass leaves for the backward pass: the membranes of each strip where each chunk of time begins, and the
/// token products of the last chunks, as many as fit 64 MiB; the backward pass makes the others again.
#[derive(Debug)]
pub struct Kept {
    strips: Vec<KeptStrip>,
    made: Made,
    workspace: Workspace,
}

#[derive(Debug)]
struct KeptStrip {
    /// `[chunk, place, channel rows]`.
    membranes: Buffer<Lanes<f32>>,
    last: VecDeque<Chunk>,
}

/// The most bytes of token products that wait for the backward pass. Making products again costs about twice as much as
/// reading them back, but memory must not grow with T.
const KEPT_BYTES: usize = 64 << 20;

/// Everything about a batch that all strips read.
struct Task<'a> {
    shape: &'a ConvolutionShape,
    neuron: &'a NeuronParameters,
    steps: usize,
    drive: Drive,
    source: Source<'a>,
    batch: &'a TokenBatch,
    strips: Vec<ChannelStrip>,
    /// One for each width.
    places: Cow<'a, [Places]>,
    workspace: &'a Workspace,
}

impl<'a> Task<'a> {
    #[allow(clippy::too_many_arguments)]
    fn new(
        shape: &'a ConvolutionShape,
        neuron: &'a NeuronParameters,
        time: Time,
        inputs: Inputs<'a>,
        weights: Weights<'a>,
        batch: &'a TokenBatch,
        workspace: &'a Workspace,
        made: Option<&'a Made>,
    ) -> Self {
        let spikes = inputs.spikes;
        assert_eq!(spikes.dimension(), shape.dimension, "spiking_convolution: dimension of the spikes");
        assert_eq!(
            weights.synapses.len(),
            shape.dimension * shape.products(),
            "spiking_convolution: synapses [D, M]"
        );
        assert_eq!(weights.presence.len(), shape.products(), "spiking_convolution: presence [M]");
        assert_eq!(weights.bias.len(), shape.channels(), "spiking_convolution: bias [C]");
        let (steps, drive, rows) = (time.steps, time.drive, time.rows());
        assert!(
            steps > 0 && spikes.rows().is_multiple_of(rows),
            "spiking_convolution: {rows} rows of spikes a token"
        );
        let tokens = spikes.rows() / rows;
        let places = match inputs.patterns {
            Some(patterns) => {
                assert_eq!(
                    patterns.of_inputs().rows(),
                    spikes.rows(),
                    "spiking_convolution: patterns of these spikes"
                );
                let fit = patterns.places().iter().all(|places| places.texts().len() == batch.len());
                assert!(fit, "spiking_convolution: places of these texts");
                Cow::Borrowed(patterns.places())
            }
            None => Cow::Owned(places_of(shape, batch, tokens)),
        };
        if let Some(last) = batch.last_row() {
            assert!((last as usize) < tokens, "spiking_convolution: token {last}, {tokens} tokens of spikes");
        }
        Self {
            shape,
            neuron,
            steps,
            drive,
            source: match made {
                Some(made) => Source::again(inputs, weights, made),
                None => Source::new(shape, inputs, weights),
            },
            batch,
            strips: shape.strips(),
            places,
            workspace,
        }
    }

    /// The number of tokens, which stands for silence in the places.
    fn tokens(&self) -> usize {
        self.source.spikes.rows() / self.drive.rows(self.steps)
    }

    fn places(&self, strip: &ChannelStrip) -> &Places {
        &self.places[strip.width_index]
    }

    fn chunks(&self, strip: &ChannelStrip) -> Vec<(usize, usize)> {
        chunks(strip, self.tokens(), self.steps)
    }

    /// The products of a chunk; of any chunk, where the current is constant.
    fn products(&self, strip: &Strip<'_>, chunk: (usize, usize)) -> Chunk {
        match self.drive {
            Drive::Spikes | Drive::Phases => {
                Chunk::new(self.shape, &self.source, strip, chunk, self.steps, self.workspace)
            }
            Drive::Current => Chunk::constant(self.shape, &self.source, strip, self.workspace),
        }
    }

    /// Runs one strip forward; with `keep`, what the backward pass needs comes back too.
    fn forward(&self, (which, strip): (usize, &ChannelStrip), keep: bool) -> (Buffer<Lanes<f32>>, Option<KeptStrip>) {
        let (numbers, places) =
            (Strip::new(self.shape, (which, strip), self.source.weights.bias), self.places(strip));
        let chunks = self.chunks(strip);
        let rows = strip.channel_rows();
        let mut counts = self.workspace.zeros(self.batch.len() * self.steps * rows);
        let mut membranes = self.workspace.take(places.len() * rows);
        membranes.fill(Lanes::all(self.neuron.first_membrane()));
        let mut kept = self.workspace.take(if keep { chunks.len() * membranes.len() } else { 0 });
        let all_rows: usize = self.strips.iter().map(ChannelStrip::product_rows).sum();
        let budget = if keep { KEPT_BYTES / all_rows.max(1) * strip.product_rows() } else { 0 };
        let mut last: VecDeque<Chunk> = VecDeque::new();
        let mut scan = |view: View<'_>, membranes: &mut [Lanes<f32>]| {
            let (neuron, parts) = (self.neuron, parts_of(self.strips.len()));
            scan::forward_in_parts(neuron, places, parts, view, &numbers, self.steps, membranes, &mut counts);
        };
        for (begun, &chunk) in chunks.iter().enumerate() {
            if keep {
                kept[begun * membranes.len()..][..membranes.len()].copy_from_slice(&membranes);
            }
            if let (Drive::Current, Some(products)) = (self.drive, last.back()) {
                let view = products.view(self.drive, chunk);
                scan(view, &mut membranes);
                continue;
            }
            let products = self.products(&numbers, chunk);
            let view = products.view(self.drive, chunk);
            scan(view, &mut membranes);
            last.push_back(products);
            if self.drive == Drive::Current {
                // One row of products a token serves all steps.
                continue;
            }
            while last.iter().map(Chunk::bytes).sum::<usize>() > budget && !last.is_empty() {
                last.pop_front();
            }
        }
        (counts, keep.then_some(KeptStrip { membranes: kept, last }))
    }

    /// Runs one strip backward.
    fn backward(
        &self,
        (which, strip): (usize, &ChannelStrip),
        kept: &KeptStrip,
        patterns: &[StepPatterns],
        d_counts: &[f32],
    ) -> StripGradient {
        let (numbers, places) =
            (Strip::new(self.shape, (which, strip), self.source.weights.bias), self.places(strip));
        let chunks = self.chunks(strip);
        let up = strip.take(self.shape, d_counts);
        let mut gradient = StripGradient::new(strip, self.shape.dimension, self.workspace);
        // The gradient of each place's membrane after the last step of the chunk.
        let each = places.len() * strip.channel_rows();
        let mut d_membranes = self.workspace.zeros(each);
        // A constant current gathers its gradient over all chunks.
        let mut d_constant = match (self.drive, kept.last.back()) {
            (Drive::Current, Some(products)) => self.workspace.zeros(products.len()),
            _ => self.workspace.take(0),
        };
        for (begun, &chunk) in chunks.iter().enumerate().rev() {
            let back = Back {
                up: &up,
                membranes: &kept.membranes[begun * each..][..each],
                d_membranes: &mut d_membranes,
                d_products: &mut d_constant,
                d_bias: &mut gradient.bias,
            };
            if let (Drive::Current, Some(products)) = (self.drive, kept.last.back()) {
                scan::backward(self.neuron, places, products.view(self.drive, chunk), &numbers, self.steps, back);
                continue;
            }
            let made;
            let products = match (begun + kept.last.len()).checked_sub(chunks.len()) {
                Some(waiting) => &kept.last[waiting],
                None => {
                    made = self.products(&numbers, chunk);
                    &made
                }
            };
            let mut d_products = self.workspace.zeros(products.len());
            let back = Back { d_products: &mut d_products, ..back };
            scan::backward(self.neuron, places, products.view(self.drive, chunk), &numbers, self.steps, back);
            self.weigh(strip, chunk, &mut d_products);
            gradient.add(&patterns[begun], &d_products, chunk.1);
        }
        if self.drive == Drive::Current {
            let planes = self.planes(strip, &d_constant);
            gradient.add(&patterns[0], &planes, PHASES);
        }
        gradient
    }

    /// Turns the gradient of a chunk's currents into that of its products, `[token, step, product rows]`.
    fn weigh(&self, strip: &ChannelStrip, (first, count): (usize, usize), d_products: &mut [Lanes<f32>]) {
        if self.drive != Drive::Phases {
            return;
        }
        let gains = self.drive.gains();
        for (row, d_products) in d_products.chunks_mut(strip.product_rows()).enumerate() {
            let gain = gains[(first + row % count) % PHASES];
            d_products.iter_mut().flat_map(|row| &mut row.0).for_each(|d| *d *= gain);
        }
    }

    /// The gradients of all bit planes, `[token, plane, product rows]`, from that of the constant product of each token.
    fn planes(&self, strip: &ChannelStrip, d_constant: &[Lanes<f32>]) -> Buffer<Lanes<f32>> {
        let across = strip.product_rows();
        let mut planes: Buffer<Lanes<f32>> = self.workspace.take(self.tokens() * PHASES * across);
        for (row, out) in planes.chunks_exact_mut(across).enumerate() {
            let (token, share) = (row / PHASES, share(row % PHASES));
            for (out, d) in out.iter_mut().zip(&d_constant[token * across..]) {
                out.0 = d.0.map(|d| d * share);
            }
        }
        planes
    }
}

/// Forward pass. `spikes` has a row for each (distinct token, step), `[U T, D]`, or what else the drive of `time` says.
/// Returns spikes summed over positions,
/// `[B, T, C]`.
///
/// # Panics
/// If a length does not fit the shape, or the batch names a token that has no rows.
#[must_use]
pub fn forward<'a>(
    shape: &'a ConvolutionShape,
    neuron: &'a NeuronParameters,
    time: impl Into<Time>,
    inputs: impl Into<Inputs<'a>>,
    weights: Weights<'a>,
    batch: &'a TokenBatch,
    workspace: &'a Workspace,
) -> Vec<f32> {
    run(&Task::new(shape, neuron, time.into(), inputs.into(), weights, batch, workspace, None), false).0
}

/// [`forward`] for training: returns also what [`backward`] needs.
///
/// # Panics
/// As [`forward`].
#[must_use]
pub fn forward_kept<'a>(
    shape: &'a ConvolutionShape,
    neuron: &'a NeuronParameters,
    time: impl Into<Time>,
    inputs: impl Into<Inputs<'a>>,
    weights: Weights<'a>,
    batch: &'a TokenBatch,
    workspace: &'a Workspace,
) -> (Vec<f32>, Kept) {
    let task = Task::new(shape, neuron, time.into(), inputs.into(), weights, batch, workspace, None);
    let (counts, strips) = run(&task, true);
    let strips = strips.into_iter().flatten().collect();
    (counts, Kept { strips, made: task.source.into_made(), workspace: workspace.clone() })
}

fn run(task: &Task<'_>, keep: bool) -> (Vec<f32>, Vec<Option<KeptStrip>>) {
    let (shape, steps, batch) = (task.shape, task.steps, task.batch);
    let results = in_turn(task.strips.iter().enumerate(), |strip| task.forward(strip, keep));
    let (counts, kept): (Vec<_>, Vec<_>) = results.into_iter().unzip();
    (merged(shape, &task.strips, batch.len() * steps, counts.iter().map(|counts| &counts[..])), kept)
}

/// Summed spikes of all strips, `[B T, channel rows]` each, as `[B T, C]`.
fn merged<'a>(
    shape: &ConvolutionShape,
    strips: &[ChannelStrip],
    rows: usize,
    counts: impl Iterator<Item = &'a [Lanes<f32>]>,
) -> Vec<f32> {
    let mut out = vec![0.0; rows * shape.channels()];
    for (strip, counts) in strips.iter().zip(counts) {
        strip.put(shape, counts, &mut out);
    }
    out
}

/// Backward pass: from the gradient with respect to the summed spikes, `[B, T, C]`. Everything else is what
/// [`forward_kept`] has seen.
///
/// # Panics
/// As [`forward`].
#[must_use]
#[allow(clippy::too_many_arguments)]
pub fn backward<'a>(
    shape: &'a ConvolutionShape,
    neuron: &'a NeuronParameters,
    time: impl Into<Time>,
    inputs: impl Into<Inputs<'a>>,
    weights: Weights<'a>,
    batch: &'a TokenBatch,
    kept: &'a Kept,
    d_counts: &[f32],
) -> Gradients {
    let (time, inputs) = (time.into(), inputs.into());
    let steps = time.steps;
    let task = Task::new(shape, neuron, time, inputs, weights, batch, &kept.workspace, Some(&kept.made));
    let channels = shape.channels();
    assert_eq!(d_counts.len(), batch.len() * steps * channels, "spiking_convolution::backward: gradient of the sums");
    let made;
    let patterns = match inputs.patterns {
        Some(patterns) => patterns.of_chunks(),
        None => {
            made = ChunkPatterns::of(&task.strips, time, inputs.spikes);
            &made
        }
    };
    let strips = task.strips.iter().enumerate().zip(&kept.strips);
    let parts: Vec<StripGradient> =
        in_turn(strips, |(strip, kept)| task.backward(strip, kept, patterns.strip(strip.0), d_counts));
    gradient::together(shape, &task.strips, &parts)
}

/// Every spike of one text of a batch: a train `[T P, F]` for each width, row `t P + p`.
///
/// # Panics
/// As [`forward`].
#[must_use]
pub fn trace(
    shape: &ConvolutionShape,
    neuron: &NeuronParameters,
    time: impl Into<Time>,
    spikes: &SpikeTrain,
    weights: Weights<'_>,
    batch: &TokenBatch,
    text: usize,
) -> Vec<SpikeTrain> {
    let (time, workspace) = (time.into(), Workspace::default());
    let steps = time.steps;
    let mut alone = TokenBatch::new(batch.padded_length());
    alone.push(batch.text(text).iter().copied());
    let task = Task::new(shape, neuron, time, spikes.into(), weights, &alone, &workspace, None);
    let mut trains: Vec<SpikeTrain> = shape
        .widths
        .iter()
        .map(|&width| SpikeTrain::silent(steps * alone.positions(0, width), shape.filters))
        .collect();
    for (which, strip) in task.strips.iter().enumerate() {
        let numbers = Strip::new(shape, (which, strip), task.source.weights.bias);
        let positions = alone.positions(0, strip.width);
        let train = &mut trains[strip.width_index];
        let products = task.products(&numbers, (0, steps));
        let view = products.view(time.drive, (0, steps));
        scan::observe(neuron, task.places(strip), view, &numbers, |place, t, channel| {
            // The last place stands for all silent positions.
            let last = if place + 1 == task.places(strip).len() { positions } else { place + 1 };
            (place..last).for_each(|p| train.set(t * positions + p, strip.first + channel));
        });
    }
    trains
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{products::Sums, *};
    use crate::{Fire, InputPatterns, Reset, SILENT, Surrogate, lanes::LANES};

    struct Case {
        shape: ConvolutionShape,
        batch: TokenBatch,
        steps: usize,
        spikes: SpikeTrain,
        synapses: Vec<f32>,
        presence: Vec<f32>,
        bias: Vec<f32>,
        up: Vec<f32>,
    }

    impl Case {
        /// Numbers on a grid of 2^-6, so that sums are exact in any order and fast = reference to the last bit.
        fn new(
            widths: Vec<usize>,
            filters: usize,
            dimension: usize,
            steps: usize,
            padded: usize,
            density: u32,
        ) -> Self {
            let shape = ConvolutionShape { widths, filters, dimension };
            let mut state = 12_345u32.wrapping_add(density * 77 + dimension as u32);
            let mut next = move || {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                state >> 8
            };
            let mut batch = TokenBatch::new(padded);
            batch.push([0, 1, 2, 0, 3, 1, 1]);
            batch.push([SILENT, 2, SILENT]);
            batch.push([]);
            batch.push([3, 2, 1, 0]);
            let mut spikes = SpikeTrain::silent(4 * steps, dimension);
            for row in 0..spikes.rows() {
                for column in 0..dimension {
                    if next() % 100 < density {
                        spikes.set(row, column);
                    }
                }
            }
            let mut grid =
                |count: usize| (0..count).map(|_| (next() % 129) as f32 / 64.0 - 0.96875).collect::<Vec<_>>();
            let (synapses, presence) = (grid(dimension * shape.products()), grid(shape.products()));
            let (bias, up) = (grid(shape.channels()), grid(4 * steps * shape.channels()));
            Self { shape, batch, steps, spikes, synapses, presence, bias, up }
        }

        fn dense(&self) -> Vec<f32> {
            let mut dense = vec![0.0; self.spikes.rows() * self.spikes.dimension()];
            self.spikes.expand(0, &mut dense);
            dense
        }

        fn weights(&self) -> Weights<'_> {
            Weights::new(&self.synapses, &self.presence, &self.bias)
        }
    }

    fn neurons() -> [NeuronParameters; 4] {
        let paper = NeuronParameters::paper();
        let smooth = Surrogate::Arctangent { alpha: 2.0 };
        [
            paper,
            NeuronParameters { initial: 0.5, detach_reset: false, surrogate: smooth, ..paper },
            NeuronParameters { beta: 0.75, reset: Reset::Hard, detach_reset: false, surrogate: smooth, ..paper },
            NeuronParameters { beta: 0.5, threshold: 0.625, surrogate: Surrogate::Triangle { slope: 0.5 }, ..paper },
        ]
    }

    fn agrees_with_reference(case: &Case, neuron: &NeuronParameters) {
        let dense = case.dense();
        let inputs = reference::Inputs {
            spikes: &dense[..],
            synapses: &case.synapses,
            presence: &case.presence,
            bias: &case.bias,
        };
        let (shape, steps) = (&case.shape, case.steps);
        let want = reference::forward(shape, neuron, Fire::Step, steps, inputs, &case.batch, |_, _, _, _| {});
        // The second run finds what the first has left behind.
        let workspace = Workspace::default();
        let run = |weights| forward_kept(shape, neuron, steps, &case.spikes, weights, &case.batch, &workspace);
        drop(run(case.weights()));
        let (got, kept) = run(case.weights());
        assert_eq!(got, want, "{neuron:?}");
        assert_eq!(forward(shape, neuron, steps, &case.spikes, case.weights(), &case.batch, &workspace), want);
        let packed = Packed::new(shape, &case.synapses, &case.presence);
        let prepared = Weights { packed: packed.as_ref(), ..case.weights() };
        assert_eq!(run(prepared).0, want, "packed, {neuron:?}");
        let patterns = Patterns::of(shape, steps, &case.spikes, &case.batch);
        let patterned = Inputs { spikes: &case.spikes, patterns: Some(&patterns) };
        let (counts, kept_with_patterns) =
            forward_kept(shape, neuron, steps, patterned, case.weights(), &case.batch, &workspace);
        assert_eq!(counts, want, "patterns, {neuron:?}");
        memory_agrees(case, neuron);
        let want = reference::backward(shape, neuron, Fire::Step, steps, inputs, &case.batch, &case.up);
        let got = backward(shape, neuron, steps, &case.spikes, case.weights(), &case.batch, &kept, &case.up);
        let weights = case.weights();
        let again = backward(shape, neuron, steps, patterned, weights, &case.batch, &kept_with_patterns, &case.up);
        assert_eq!((&again.synapses, &again.presence, &again.bias), (&got.synapses, &got.presence, &got.bias));
        for (got, want) in [&got.synapses, &got.presence, &got.bias].into_iter().zip(&want) {
            for (got, want) in got.iter().zip(want) {
                assert!((got - want).abs() <= 2e-4 * (1.0 + want.abs()), "{neuron:?}: {got} {want}");
            }
        }
    }

    #[test]
    fn a_trace_shows_the_spikes_that_the_reference_sees() {
        let case = Case::new(vec![3, 1, 5], 70, 10, 5, 9, 40);
        let neuron = neurons()[1];
        let dense = case.dense();
        let inputs = reference::Inputs {
            spikes: &dense[..],
            synapses: &case.synapses,
            presence: &case.presence,
            bias: &case.bias,
        };
        let mut want = std::collections::BTreeSet::new();
        let _ =
            reference::forward(&case.shape, &neuron, Fire::Step, case.steps, inputs, &case.batch, |b, t, p, c| {
                want.insert((b, t, p, c));
            });
        let mut got = std::collections::BTreeSet::new();
        for b in 0..case.batch.len() {
            let trains = trace(&case.shape, &neuron, case.steps, &case.spikes, case.weights(), &case.batch, b);
            for (width_index, train) in trains.iter().enumerate() {
                let positions = case.batch.positions(b, case.shape.widths[width_index]);
                for row in 0..train.rows() {
                    for filter in (0..case.shape.filters).filter(|&filter| train.get(row, filter)) {
                        got.insert((b, row / positions, row % positions, width_index * case.shape.filters + filter));
                    }
                }
            }
        }
        assert!(!want.is_empty());
        assert_eq!(got, want);
    }

    #[test]
    fn fast_and_reference_agree_over_neurons_and_padding() {
        for padded in [0, 9] {
            let case = Case::new(vec![3, 4, 5], 6, 10, 5, padded, 40);
            for neuron in neurons() {
                agrees_with_reference(&case, &neuron);
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn fast_and_reference_agree_over_shapes(
            widths in prop::collection::vec(1usize..6, 1..4),
            filters in prop::sample::select(vec![1usize, 3, 17, 65]),
            dimension in prop::sample::select(vec![1usize, 7, 63, 64, 65]),
            // Up to sixteen steps make one chunk; more make several.
            steps in prop::sample::select(vec![1usize, 3, 4, 5, 16, 17, 37]),
            padded in 0usize..12,
            density in prop::sample::select(vec![0u32, 5, 50, 100]),
        ) {
            let case = Case::new(widths, filters, dimension, steps, padded, density);
            agrees_with_reference(&case, &neurons()[dimension % 4]);
        }
    }

    /// Products that fit 16 bits, those that do not, weights whose sums fit no unit, and weights that have none.
    #[test]
    fn every_kind_of_product_agrees_with_the_reference() {
        let neuron = NeuronParameters { initial: 0.5, detach_reset: false, ..NeuronParameters::paper() };
        let unit = 1.0 / 64.0;
        let kinds = [(60, Some(Sums::Narrow)), (1800, Some(Sums::Halves)), (2700, Some(Sums::Fifths)), (4000, None)];
        for (largest, sums) in kinds {
            let mut case = Case::new(vec![2, 5], 40, 200, 18, 0, 60);
            let mut state = 1u32;
            for weight in &mut case.synapses {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                *weight = ((state >> 8) % (2 * largest + 1)) as f32 * unit - largest as f32 * unit;
            }
            let packed = Packed::new(&case.shape, &case.synapses, &case.presence);
            let got: Option<Vec<Sums>> = packed.map(|packed| packed.strips.iter().map(|strip| strip.sums).collect());
            assert_eq!(got, sums.map(|sums| vec![sums; 2]), "{largest}");
            agrees_with_reference(&case, &neuron);
        }
        // Inputs that all spike at every step, with weights of one sign: what was likely to fit does not.
        let mut case = Case::new(vec![2, 3], 3, 200, 5, 0, 100);
        case.synapses.iter_mut().enumerate().for_each(|(i, w)| *w = if i % 3 == 0 { 200.0 * unit } else { -unit });
        let packed = Packed::new(&case.shape, &case.synapses, &case.presence).expect("whole numbers");
        assert!(packed.strips.iter().all(|strip| strip.sums == Sums::Narrow));
        agrees_with_reference(&case, &neuron);
        // No common unit: the matrix product, whose sums round.
        case.synapses.iter_mut().for_each(|weight| *weight *= 0.1);
        assert_eq!(Packed::new(&case.shape, &case.synapses, &case.presence), None);
    }

    #[test]
    fn packing_rounds_as_rounding_before_does() {
        let case = Case::new(vec![3, 5], 35, 70, 1, 0, 0);
        let unit = 1.0 / 16.0;
        for scale in [1.0f32, 0.731, 30.0, 2100.0] {
            let scaled = |values: &[f32]| values.iter().map(|value| value * scale).collect::<Vec<f32>>();
            let (mut synapses, mut presence) = (scaled(&case.synapses), scaled(&case.presence));
            let got = Packed::rounded(&case.shape, unit, &synapses, &presence);
            crate::rounding::to_units(unit, &mut synapses);
            crate::rounding::to_units(unit, &mut presence);
            assert_eq!(got, Packed::rounded(&case.shape, unit, &synapses, &presence), "{scale}");
            // Some weights are odd numbers of units, so that no coarser one is common to all.
            assert_eq!(got, Packed::new(&case.shape, &synapses, &presence), "{scale}");
            assert_eq!(got.is_some(), scale < 1000.0, "{scale}");
        }
        for wrong in [f32::NAN, f32::INFINITY, -1e9] {
            for place in 0..2 {
                let (mut synapses, mut presence) = (case.synapses.clone(), case.presence.clone());
                if place == 0 {
                    synapses[77] = wrong
                } else {
                    presence[7] = wrong
                }
                assert_eq!(Packed::rounded(&case.shape, unit, &synapses, &presence), None, "{wrong}");
            }
        }
    }

    /// A memory filled word by word, in slots out of order, gives the counts of a forward pass.
    fn memory_agrees(case: &Case, neuron: &NeuronParameters) {
        let Some(packed) = Packed::new(&case.shape, &case.synapses, &case.presence) else { return };
        let workspace = Workspace::default();
        let want = forward(&case.shape, neuron, case.steps, &case.spikes, case.weights(), &case.batch, &workspace);
        let slots = [3u32, 1, 7, 4];
        // Out of arrays that others have written: slot 0 is silent all the same.
        let mut written: Vec<_> = case.shape.strips().iter().map(|_| workspace.zeros(1 << 12)).collect();
        written.iter_mut().for_each(|rows| rows.fill(Lanes::<i16>::all(77)));
        drop(written);
        let mut memory = WordMemory::new(&case.shape, case.steps, &packed, 7, &workspace);
        for (token, slot) in slots.into_iter().enumerate() {
            let mut own = SpikeTrain::silent(case.steps, case.spikes.dimension());
            for t in 0..case.steps {
                own.row_mut(t).copy_from_slice(case.spikes.row(token * case.steps + t));
            }
            memory.fill(&packed, &InputPatterns::of(&own), &[slot]);
        }
        let mut batch = TokenBatch::new(case.batch.padded_length());
        for b in 0..case.batch.len() {
            let slot = |&row: &u32| if row == SILENT { SILENT } else { slots[row as usize] };
            batch.push(case.batch.text(b).iter().map(slot));
        }
        let texts = PlacedTexts::of(&case.shape, &batch);
        let counts = memory.forward(&packed, None, neuron, &case.bias, &texts);
        assert_eq!(counts.of_texts(0..batch.len()), want, "{neuron:?}");
        let a_text = want.len() / batch.len();
        assert_eq!(counts.of_texts(1..3), want[a_text..3 * a_text], "{neuron:?}");
    }

    /// More threads than strips: they share tokens and texts, whether products fit 16 bits or leave them in one part alone.
    #[test]
    fn many_threads_share_strips() {
        let pool = |threads: usize| rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        let (one, many) = (pool(1), pool(9));
        let (tokens, neuron) = (420, neurons()[0]);
        for leaves in [false, true] {
            let mut case = Case::new(vec![2, 3], 35, 200, 5, 0, 40);
            if leaves {
                // Every input of one token spikes, and the weights of one column in three have one sign.
                let large = |(i, w): (usize, &mut f32)| *w = if i % 3 == 0 { 200.0 / 64.0 } else { -1.0 / 64.0 };
                case.synapses.iter_mut().enumerate().for_each(large);
            }
            let mut spikes = SpikeTrain::silent(tokens * case.steps, 200);
            for row in 0..spikes.rows() {
                let all = leaves && row / case.steps == 250;
                (0..200).filter(|d| all || (row * 7 + d * d) % 5 == 1).for_each(|d| spikes.set(row, d));
            }
            case.spikes = spikes;
            case.batch = TokenBatch::new(0);
            for b in 0..60 {
                case.batch.push((0..b % 13).map(|i| (b * 37 + i * i * 11) % tokens as u32));
            }
            case.batch.push((0..tokens as u32).rev());
            let packed = Packed::new(&case.shape, &case.synapses, &case.presence).expect("whole numbers");
            assert!(packed.strips.iter().all(|strip| strip.sums == Sums::Narrow));
            let run = || {
                let workspace = Workspace::default();
                let weights = case.weights();
                forward(&case.shape, &neuron, case.steps, &case.spikes, weights, &case.batch, &workspace)
            };
            let want = one.install(run);
            assert!(want.iter().any(|&count| count > 0.0));
            assert_eq!(many.install(run), want);
            // Every second slot, and others that were there before.
            let slots: Vec<u32> = (0..tokens as u32).map(|token| 2 * token + 1).collect();
            let patterns = InputPatterns::of(&case.spikes);
            let batch = case.batch.with_rows(|row| slots[row as usize]);
            let workspace = Workspace::default();
            let remembered = || {
                let mut memory = WordMemory::new(&case.shape, case.steps, &packed, 2 * tokens, &workspace);
                let (new, texts) = (Some((&patterns, &slots[..])), PlacedTexts::of(&case.shape, &batch));
                memory.forward(&packed, new, &neuron, &case.bias, &texts).of_texts(0..batch.len())
            };
            assert_eq!(one.install(remembered), want);
            assert_eq!(many.install(remembered), want);
        }
    }

    /// Graded codes are real-valued inputs, one more of which, with the presence currents as its synapses, is what all bits
    /// set would be.
    #[test]
    fn graded_codes_agree_with_the_reference_on_real_valued_inputs() {
        for (drive, steps) in [Drive::Phases, Drive::Current].into_iter().flat_map(|d| [5, 8, 37].map(|t| (d, t))) {
            for (padded, largest, width) in [(0, 64, 2), (9, 64, 5), (0, 2000, 2), (9, 4000, 3)] {
                let time = Time { steps, drive };
                // A case has a row of spikes for each step; one of the length of the rows of a token has what is asked.
                let mut case = Case::new(vec![width, 3], 35, 61, time.rows(), padded, 50);
                let unit = 1.0 / 64.0;
                let mut state = 3u32;
                for weight in &mut case.synapses {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    *weight = ((state >> 8) % (2 * largest + 1)) as f32 * unit - largest as f32 * unit;
                }
                case.up =
                    (0..case.batch.len() * steps * case.shape.channels()).map(|i| (i % 7) as f32 - 3.0).collect();
                let (inputs, neuron) = (case.spikes.dimension(), neurons()[steps % 3]);
                let gains = drive.gains();
                let mut dense = vec![0.0; 4 * steps * (inputs + 1)];
                for (row, dense) in dense.chunks_exact_mut(inputs + 1).enumerate() {
                    let (token, t) = (row / steps, row % steps);
                    for (d, value) in dense.iter_mut().enumerate() {
                        let spike = |row: usize| if d == inputs || case.spikes.get(row, d) { 1.0f32 } else { 0.0 };
                        *value = match drive {
                            Drive::Current => (0..8).map(|p| spike(token * 8 + p) * share(p)).sum(),
                            _ => spike(row) * gains[t % 8],
                        };
                    }
                }
                let wide = ConvolutionShape { dimension: inputs + 1, ..case.shape.clone() };
                let synapses = [&case.synapses[..], &case.presence].concat();
                let presence = vec![0.0; case.presence.len()];
                let given = reference::Inputs {
                    spikes: &dense[..],
                    synapses: &synapses,
                    presence: &presence,
                    bias: &case.bias,
                };
                let want = reference::forward(&wide, &neuron, Fire::Step, steps, given, &case.batch, |_, _, _, _| {});
                let (shape, workspace) = (&case.shape, Workspace::default());
                let run =
                    || forward_kept(shape, &neuron, time, &case.spikes, case.weights(), &case.batch, &workspace);
                drop(run());
                let (got, kept) = run();
                assert_eq!(got, want, "{drive:?} {steps} {largest}");
                assert!(got.iter().any(|&count| count > 0.0));
                let spikes: u64 = (0..case.batch.len())
                    .flat_map(|b| trace(shape, &neuron, time, &case.spikes, case.weights(), &case.batch, b))
                    .map(|train| train.count())
                    .sum();
                assert_eq!(spikes as f32, want.iter().sum::<f32>());
                // The largest weights fit no look-up.
                let packed = Packed::new(shape, &case.synapses, &case.presence);
                assert_eq!(packed.is_some(), largest < 4000);
                if let Some(packed) = packed.filter(|packed| packed.holds(drive)) {
                    let slots = [3u32, 1, 7, 4];
                    let mut memory = WordMemory::new(shape, time, &packed, 7, &workspace);
                    let patterns = InputPatterns::of(&case.spikes);
                    let batch = case.batch.with_rows(|row| slots[row as usize]);
                    let (new, texts) = (Some((&patterns, &slots[..])), PlacedTexts::of(shape, &batch));
                    let counts = memory.forward(&packed, new, &neuron, &case.bias, &texts);
                    assert_eq!(counts.of_texts(0..batch.len()), want, "{drive:?}");
                    assert_eq!(sum_of_windows(&memory, &case, &neuron, &batch), want, "{drive:?}");
                }
                let [mut synapses, _, bias] =
                    reference::backward(&wide, &neuron, Fire::Step, steps, given, &case.batch, &case.up);
                let presence = synapses.split_off(case.synapses.len());
                let got = backward(shape, &neuron, time, &case.spikes, case.weights(), &case.batch, &kept, &case.up);
                for (got, want) in [(&got.synapses, &synapses), (&got.presence, &presence), (&got.bias, &bias)] {
                    for (got, want) in got.iter().zip(want) {
                        assert!((got - want).abs() <= 1e-3 * (1.0 + want.abs()), "{drive:?} {steps}: {got} {want}");
                    }
                }
                // Weights without a unit go the way of single precision, whose last bits may differ.
                case.synapses.iter_mut().for_each(|weight| *weight *= 0.1);
                let counts = forward(shape, &neuron, time, &case.spikes, case.weights(), &case.batch, &workspace);
                let synapses = [&case.synapses[..], &case.presence].concat();
                let given = reference::Inputs { synapses: &synapses, ..given };
                let want = reference::forward(&wide, &neuron, Fire::Step, steps, given, &case.batch, |_, _, _, _| {});
                let differ: f32 = counts.iter().zip(&want).map(|(got, want)| (got - want).abs()).sum();
                assert!(differ <= 0.01 * want.iter().sum::<f32>() + 1.0, "{drive:?} {steps}: {differ} spikes differ");
            }
        }
    }

    /// The forward pass, window by window, with some windows too many that are taken away again.
    fn sum_of_windows(memory: &WordMemory, case: &Case, neuron: &NeuronParameters, batch: &TokenBatch) -> Vec<f32> {
        let (shape, steps) = (&case.shape, memory.time.steps);
        let (across, lane_of) = (windows::rows_a_step(shape), windows::channel_lanes(shape));
        let mut out = vec![0.0; batch.len() * steps * shape.channels()];
        for (b, out) in out.chunks_mut(steps * shape.channels()).enumerate() {
            for (width_index, &width) in shape.widths.iter().enumerate() {
                let slot = |i: usize| batch.text(b).get(i).copied().filter(|&slot| slot != SILENT).unwrap_or(0);
                let positions = batch.positions(b, width);
                let all: Vec<u32> = (0..positions).flat_map(|p| (p..p + width).map(slot)).collect();
                let mut spikes = vec![[7; LANES]; positions * steps * across];
                memory.windows(shape, neuron, &case.bias, (width_index, &all), &mut spikes);
                let mut counts = vec![Lanes::all(0.0); steps * across];
                let numbers: Vec<u32> = (0..positions as u32).collect();
                // More of them than fit a byte.
                let more = [&numbers[..], &vec![0; 300]].concat();
                windows::change_counts(&spikes, &more, &[0; 298], &mut counts);
                windows::add_window(&spikes[..steps * across], -2.0, &mut counts);
                for (counts, out) in counts.chunks(across).zip(out.chunks_mut(shape.channels())) {
                    for (f, &lane) in lane_of.iter().enumerate() {
                        out[width_index * shape.filters + f] = counts[lane / LANES].0[lane % LANES];
                    }
                }
            }
        }
        out
    }

    #[test]
    fn the_backward_pass_is_the_gradient_of_the_smooth_network() {
        let case = Case::new(vec![2, 3], 3, 4, 5, 6, 40);
        let wide = |v: &[f32]| v.iter().map(|&x| f64::from(x)).collect::<Vec<f64>>();
        let dense = wide(&case.dense());
        let up = wide(&case.up);
        for neuron in neurons() {
            // A detached reset is not a gradient of anything, so the check attaches it.
            let neuron = NeuronParameters { detach_reset: false, ..neuron };
            let at = [wide(&case.synapses), wide(&case.presence), wide(&case.bias)];
            let run = |x: &[Vec<f64>; 3]| -> f64 {
                let inputs = reference::Inputs { spikes: &dense[..], synapses: &x[0], presence: &x[1], bias: &x[2] };
                reference::forward(
                    &case.shape,
                    &neuron,
                    Fire::Smooth,
                    case.steps,
                    inputs,
                    &case.batch,
                    |_, _, _, _| {},
                )
                .iter()
                .zip(&up)
                .map(|(count, g)| count * g)
                .sum()
            };
            let inputs = reference::Inputs { spikes: &dense[..], synapses: &at[0], presence: &at[1], bias: &at[2] };
            let got = reference::backward(&case.shape, &neuron, Fire::Smooth, case.steps, inputs, &case.batch, &up);
            for which in 0..3 {
                for i in 0..got[which].len() {
                    let h = 1e-6;
                    let (mut high, mut low) = (at.clone(), at.clone());
                    high[which][i] += h;
                    low[which][i] -= h;
                    let slope = (run(&high) - run(&low)) / (2.0 * h);
                    let error = (slope - got[which][i]).abs() / (1.0 + slope.abs());
                    assert!(error < 1e-4, "{neuron:?} operand {which} entry {i}: {slope} against {}", got[which][i]);
                }
            }
        }
    }
}
