//! The fast kernels against the reference, over shapes, neurons, kinds of products, drives and threads.

use proptest::prelude::*;

use super::{packed_weights::Summation, *};
use crate::{ConvolutionShape, Fire, NeuronParameters, Reset, SILENT, Surrogate, Time, drive::share, lanes::LANES};

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
    fn new(widths: Vec<usize>, filters: usize, dimension: usize, steps: usize, padded: usize, density: u32) -> Self {
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
        let mut grid = |count: usize| (0..count).map(|_| (next() % 129) as f32 / 64.0 - 0.96875).collect::<Vec<_>>();
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

    fn layer<'a>(
        &'a self,
        neuron: &'a NeuronParameters,
        time: impl Into<Time>,
        workspace: &'a Workspace,
    ) -> SpikingConvolution<'a> {
        SpikingConvolution { shape: &self.shape, neuron, time: time.into(), weights: self.weights(), workspace }
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
    let layer = case.layer(neuron, steps, &workspace);
    drop(layer.forward_for_training(&case.spikes, &case.batch));
    let (got, saved) = layer.forward_for_training(&case.spikes, &case.batch);
    assert_eq!(got, want, "{neuron:?}");
    assert_eq!(layer.forward(&case.spikes, &case.batch), want);
    let packed = PackedWeights::new(shape, &case.synapses, &case.presence);
    let prepared = SpikingConvolution { weights: Weights { packed: packed.as_ref(), ..case.weights() }, ..layer };
    assert_eq!(prepared.forward(&case.spikes, &case.batch), want, "packed, {neuron:?}");
    let patterns = Patterns::of(shape, steps, &case.spikes, &case.batch);
    let patterned = Inputs { spikes: &case.spikes, patterns: Some(&patterns) };
    let (counts, saved_with_patterns) = layer.forward_for_training(patterned, &case.batch);
    assert_eq!(counts, want, "patterns, {neuron:?}");
    memory_agrees(case, neuron);
    let want = reference::backward(shape, neuron, Fire::Step, steps, inputs, &case.batch, &case.up);
    let got = layer.backward(&case.spikes, &case.batch, &saved, &case.up);
    let again = layer.backward(patterned, &case.batch, &saved_with_patterns, &case.up);
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
    let (dense, workspace) = (case.dense(), Workspace::default());
    let inputs = reference::Inputs {
        spikes: &dense[..],
        synapses: &case.synapses,
        presence: &case.presence,
        bias: &case.bias,
    };
    let mut want = std::collections::BTreeSet::new();
    let _ = reference::forward(&case.shape, &neuron, Fire::Step, case.steps, inputs, &case.batch, |b, t, p, c| {
        want.insert((b, t, p, c));
    });
    let mut got = std::collections::BTreeSet::new();
    for b in 0..case.batch.len() {
        let trains = case.layer(&neuron, case.steps, &workspace).trace(&case.spikes, &case.batch, b);
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
    let kinds = [
        (60, Some(Summation::Narrow)),
        (1800, Some(Summation::Halves)),
        (2700, Some(Summation::Fifths)),
        (4000, None),
    ];
    for (largest, sums) in kinds {
        let mut case = Case::new(vec![2, 5], 40, 200, 18, 0, 60);
        let mut state = 1u32;
        for weight in &mut case.synapses {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *weight = ((state >> 8) % (2 * largest + 1)) as f32 * unit - largest as f32 * unit;
        }
        let packed = PackedWeights::new(&case.shape, &case.synapses, &case.presence);
        let got: Option<Vec<Summation>> =
            packed.map(|packed| packed.strips.iter().map(|strip| strip.summation).collect());
        assert_eq!(got, sums.map(|sums| vec![sums; 2]), "{largest}");
        agrees_with_reference(&case, &neuron);
    }
    // Inputs that all spike at every step, with weights of one sign: what was likely to fit does not.
    let mut case = Case::new(vec![2, 3], 3, 200, 5, 0, 100);
    case.synapses.iter_mut().enumerate().for_each(|(i, w)| *w = if i % 3 == 0 { 200.0 * unit } else { -unit });
    let packed = PackedWeights::new(&case.shape, &case.synapses, &case.presence).expect("whole numbers");
    assert!(packed.strips.iter().all(|strip| strip.summation == Summation::Narrow));
    agrees_with_reference(&case, &neuron);
    // No common unit: the matrix product, whose sums round.
    case.synapses.iter_mut().for_each(|weight| *weight *= 0.1);
    assert_eq!(PackedWeights::new(&case.shape, &case.synapses, &case.presence), None);
}

#[test]
fn packing_rounds_as_rounding_before_does() {
    let case = Case::new(vec![3, 5], 35, 70, 1, 0, 0);
    let unit = 1.0 / 16.0;
    for scale in [1.0f32, 0.731, 30.0, 2100.0] {
        let scaled = |values: &[f32]| values.iter().map(|value| value * scale).collect::<Vec<f32>>();
        let (mut synapses, mut presence) = (scaled(&case.synapses), scaled(&case.presence));
        let got = PackedWeights::rounded(&case.shape, unit, &synapses, &presence);
        crate::rounding::to_units(unit, &mut synapses);
        crate::rounding::to_units(unit, &mut presence);
        assert_eq!(got, PackedWeights::rounded(&case.shape, unit, &synapses, &presence), "{scale}");
        // Some weights are odd numbers of units, so that no coarser one is common to all.
        assert_eq!(got, PackedWeights::new(&case.shape, &synapses, &presence), "{scale}");
        assert_eq!(got.is_some(), scale < 1000.0, "{scale}");
    }
    for wrong in [f32::NAN, f32::INFINITY, -1e9] {
        for which in 0..2 {
            let (mut synapses, mut presence) = (case.synapses.clone(), case.presence.clone());
            if which == 0 {
                synapses[77] = wrong
            } else {
                presence[7] = wrong
            }
            assert_eq!(PackedWeights::rounded(&case.shape, unit, &synapses, &presence), None, "{wrong}");
        }
    }
}

/// A memory filled word by word, in slots out of order, gives the counts of a forward pass.
fn memory_agrees(case: &Case, neuron: &NeuronParameters) {
    let Some(packed) = PackedWeights::new(&case.shape, &case.synapses, &case.presence) else { return };
    let workspace = Workspace::default();
    let want = case.layer(neuron, case.steps, &workspace).forward(&case.spikes, &case.batch);
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
        memory.fill(&packed, &NewWords::new(vec![slot], &own));
    }
    let mut batch = TokenBatch::new(case.batch.padded_length());
    for b in 0..case.batch.len() {
        let slot = |&row: &u32| if row == SILENT { SILENT } else { slots[row as usize] };
        batch.push(case.batch.text(b).iter().map(slot));
    }
    let texts = TextPositions::of(&case.shape, &batch);
    let counts = memory.forward(&packed, None, neuron, &case.bias, &texts);
    assert_eq!(counts.of_texts(0..batch.len()), want, "{neuron:?}");
    let a_text = want.len() / batch.len();
    assert_eq!(counts.of_texts(1..3), want[a_text..3 * a_text], "{neuron:?}");
}

/// More threads than strips: they share tokens and texts, whether products fit 16 bits or leave them in one part
/// alone.
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
        let packed = PackedWeights::new(&case.shape, &case.synapses, &case.presence).expect("whole numbers");
        assert!(packed.strips.iter().all(|strip| strip.summation == Summation::Narrow));
        let run = || {
            let workspace = Workspace::default();
            case.layer(&neuron, case.steps, &workspace).forward(&case.spikes, &case.batch)
        };
        let want = one.install(run);
        assert!(want.iter().any(|&count| count > 0.0));
        assert_eq!(many.install(run), want);
        // Every second slot, and others that were there before.
        let slots: Vec<u32> = (0..tokens as u32).map(|token| 2 * token + 1).collect();
        let new = NewWords::new(slots.clone(), &case.spikes);
        let batch = case.batch.with_rows(|row| slots[row as usize]);
        let workspace = Workspace::default();
        let remembered = || {
            let mut memory = WordMemory::new(&case.shape, case.steps, &packed, 2 * tokens, &workspace);
            let texts = TextPositions::of(&case.shape, &batch);
            memory.forward(&packed, Some(&new), &neuron, &case.bias, &texts).of_texts(0..batch.len())
        };
        assert_eq!(one.install(remembered), want);
        assert_eq!(many.install(remembered), want);
    }
}

/// Graded codes are real-valued inputs, one more of which, with the presence currents as its synapses, is what all
/// bits set would be.
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
            case.up = (0..case.batch.len() * steps * case.shape.channels()).map(|i| (i % 7) as f32 - 3.0).collect();
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
            let given =
                reference::Inputs { spikes: &dense[..], synapses: &synapses, presence: &presence, bias: &case.bias };
            let want = reference::forward(&wide, &neuron, Fire::Step, steps, given, &case.batch, |_, _, _, _| {});
            let (shape, workspace) = (&case.shape, Workspace::default());
            let layer = case.layer(&neuron, time, &workspace);
            drop(layer.forward_for_training(&case.spikes, &case.batch));
            let (got, saved) = layer.forward_for_training(&case.spikes, &case.batch);
            assert_eq!(got, want, "{drive:?} {steps} {largest}");
            assert!(got.iter().any(|&count| count > 0.0));
            let spikes: u64 = (0..case.batch.len())
                .flat_map(|b| layer.trace(&case.spikes, &case.batch, b))
                .map(|train| train.count())
                .sum();
            assert_eq!(spikes as f32, want.iter().sum::<f32>());
            // The largest weights fit no look-up.
            let packed = PackedWeights::new(shape, &case.synapses, &case.presence);
            assert_eq!(packed.is_some(), largest < 4000);
            if let Some(packed) = packed.filter(|packed| packed.holds(drive)) {
                let slots = [3u32, 1, 7, 4];
                let mut memory = WordMemory::new(shape, time, &packed, 7, &workspace);
                let new = NewWords::new(slots.to_vec(), &case.spikes);
                let batch = case.batch.with_rows(|row| slots[row as usize]);
                let texts = TextPositions::of(shape, &batch);
                let counts = memory.forward(&packed, Some(&new), &neuron, &case.bias, &texts);
                assert_eq!(counts.of_texts(0..batch.len()), want, "{drive:?}");
                assert_eq!(sum_of_windows(&memory, &case, &neuron, &batch), want, "{drive:?}");
            }
            let [mut synapses, _, bias] =
                reference::backward(&wide, &neuron, Fire::Step, steps, given, &case.batch, &case.up);
            let presence = synapses.split_off(case.synapses.len());
            let got = layer.backward(&case.spikes, &case.batch, &saved, &case.up);
            for (got, want) in [(&got.synapses, &synapses), (&got.presence, &presence), (&got.bias, &bias)] {
                for (got, want) in got.iter().zip(want) {
                    assert!((got - want).abs() <= 1e-3 * (1.0 + want.abs()), "{drive:?} {steps}: {got} {want}");
                }
            }
            // Weights without a unit go the way of single precision, whose last bits may differ.
            case.synapses.iter_mut().for_each(|weight| *weight *= 0.1);
            let counts = case.layer(&neuron, time, &workspace).forward(&case.spikes, &case.batch);
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
            memory.windows(neuron, &case.bias, width_index, &all, &mut spikes);
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
            reference::forward(&case.shape, &neuron, Fire::Smooth, case.steps, inputs, &case.batch, |_, _, _, _| {})
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
