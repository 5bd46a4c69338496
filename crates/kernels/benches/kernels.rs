//! Times the kernels, in texts a second: the paper's layer (T = 50), the lean one (T = 8) and a single text.
//!
//! `cargo bench -p spiketext-kernels` takes about 75 seconds on two busy cores. The naive references stand beside
//! the fast kernels at a shape small enough that they end, with the fast kernel at the same shape.

use std::{hint::black_box, time::Duration};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use spiketext_kernels::{
    ConvolutionShape, Fire, NeuronParameters, SpikeTrain, TokenBatch, Workspace,
    lanes::Lanes,
    matrix::{Matrix, product},
    neuron_scan::{self, Thresholds},
    spiking_convolution::{self, Gradients, PackedWeights, SavedForward, SpikingConvolution, Weights},
    text_convolution::{Pooling, TextConvolution},
};

/// A layer and a batch with numbers in them.
struct Case {
    name: &'static str,
    shape: ConvolutionShape,
    steps: usize,
    batch: TokenBatch,
    spikes: SpikeTrain,
    /// `[U, D]`.
    codes: Vec<f32>,
    /// `[D, M]`.
    synapses: Vec<f32>,
    /// The same as whole numbers of a unit, as a finished network has them: what is looked up instead of multiplied.
    whole: Vec<f32>,
    /// Whole numbers of a unit so small that products leave 16 bits.
    large: Vec<f32>,
    /// `[M]`.
    presence: Vec<f32>,
    /// `[C]`.
    bias: Vec<f32>,
    /// Gradient with respect to the summed spikes, `[B, T, C]`.
    up: Vec<f32>,
    /// Kept over the runs, as training and evaluation keep it.
    workspace: Workspace,
}

impl Case {
    /// Widths 3, 4, 5; every row spikes at half its inputs, and weights are of a size at which neurons fire now and
    /// then, which is what a trained network does.
    fn new(
        name: &'static str,
        (dimension, filters): (usize, usize),
        (texts, length, tokens, steps): (usize, usize, usize, usize),
    ) -> Self {
        let shape = ConvolutionShape { widths: vec![3, 4, 5], filters, dimension };
        let mut state = 1u64;
        let mut next = move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as u32
        };
        let mut batch = TokenBatch::new(0);
        for text in 0..texts {
            // The first texts name each distinct token once, so that there are `tokens` of them.
            batch.push((0..length).map(|p| match text * length + p {
                first if first < tokens => first as u32,
                _ => next() % tokens as u32,
            }));
        }
        let mut spikes = SpikeTrain::silent(tokens * steps, dimension);
        for row in 0..spikes.rows() {
            for column in (0..dimension).filter(|_| next().is_multiple_of(2)).collect::<Vec<_>>() {
                spikes.set(row, column);
            }
        }
        let mut numbers = |count: usize, size: f32| -> Vec<f32> {
            (0..count).map(|_| (next() as f32 / (1 << 23) as f32 - 1.0) * size).collect()
        };
        let whole = |weight: f32| (weight * 8_192.0).round() / 8_192.0;
        let synapses = numbers(dimension * shape.products(), 0.05);
        Self {
            name,
            whole: synapses.iter().copied().map(whole).collect(),
            large: synapses.iter().map(|weight| (weight * 40_960.0).round() / 8_192.0).collect(),
            synapses,
            steps,
            batch,
            spikes,
            codes: numbers(tokens * dimension, 1.0),
            presence: numbers(shape.products(), 0.1).into_iter().map(whole).collect(),
            bias: numbers(shape.channels(), 0.1).into_iter().map(whole).collect(),
            up: numbers(texts * steps * shape.channels(), 1.0),
            shape,
            workspace: Workspace::default(),
        }
    }

    fn whole_weights(&self) -> Weights<'_> {
        Weights::new(&self.whole, &self.presence, &self.bias)
    }

    fn weights(&self) -> Weights<'_> {
        Weights::new(&self.synapses, &self.presence, &self.bias)
    }

    fn layer<'a>(&'a self, neuron: &'a NeuronParameters, weights: Weights<'a>) -> SpikingConvolution<'a> {
        SpikingConvolution {
            shape: &self.shape,
            neuron,
            time: self.steps.into(),
            weights,
            workspace: &self.workspace,
        }
    }

    fn spiking_forward(&self, neuron: &NeuronParameters) -> (Vec<f32>, SavedForward) {
        self.forward_with(neuron, self.weights())
    }

    fn forward_with(&self, neuron: &NeuronParameters, weights: Weights<'_>) -> (Vec<f32>, SavedForward) {
        self.layer(neuron, weights).forward_for_training(&self.spikes, &self.batch)
    }

    fn forward_backward(&self, neuron: &NeuronParameters, weights: Weights<'_>) -> Gradients {
        let layer = self.layer(neuron, weights);
        let (_, saved) = layer.forward_for_training(&self.spikes, &self.batch);
        layer.backward(&self.spikes, &self.batch, &saved, &self.up)
    }

    fn text_layer(&self, pooling: Pooling) -> TextConvolution<'_> {
        let (weights, bias) = (&self.synapses, &self.bias);
        TextConvolution { shape: &self.shape, pooling, weights, bias, workspace: &self.workspace }
    }

    fn expand(&self) -> Vec<f32> {
        let mut dense = vec![0.0; self.spikes.rows() * self.shape.dimension];
        self.spikes.expand(0, &mut dense);
        dense
    }
}

/// (D, F), (texts, tokens in a text, distinct tokens, T).
fn cases() -> [Case; 3] {
    [
        Case::new("paper", (300, 100), (32, 20, 350, 50)),
        Case::new("lean", (300, 100), (32, 20, 350, 8)),
        Case::new("single", (300, 100), (1, 20, 20, 8)),
    ]
}

fn small() -> Case {
    Case::new("small", (50, 10), (4, 10, 25, 8))
}

fn spiking(criterion: &mut Criterion) {
    let neuron = NeuronParameters::paper();
    for case in cases().iter().chain([&small()]) {
        let mut group = criterion.benchmark_group(format!("spiking_convolution/{}", case.name));
        group.throughput(Throughput::Elements(case.batch.len() as u64));
        group.bench_function("forward", |bencher| bencher.iter(|| case.spiking_forward(&neuron)));
        let packed = PackedWeights::new(&case.shape, &case.whole, &case.presence);
        let weights = Weights { packed: packed.as_ref(), ..case.whole_weights() };
        group.bench_function("forward_whole_weights", |bencher| {
            bencher.iter(|| case.forward_with(&neuron, weights));
        });
        let wide = PackedWeights::new(&case.shape, &case.large, &case.presence);
        let wide = Weights { synapses: &case.large, packed: wide.as_ref(), ..case.whole_weights() };
        group.bench_function("forward_large_weights", |bencher| {
            bencher.iter(|| case.forward_with(&neuron, wide));
        });
        for (name, weights) in
            [("forward_backward", case.weights()), ("forward_backward_whole_weights", case.whole_weights())]
        {
            group.bench_function(name, |bencher| bencher.iter(|| case.forward_backward(&neuron, weights)));
        }
        group.finish();
    }
}

fn text(criterion: &mut Criterion) {
    for case in cases().iter().filter(|case| case.name != "lean").chain([&small()]) {
        let mut group = criterion.benchmark_group(format!("text_convolution/{}", case.name));
        group.throughput(Throughput::Elements(case.batch.len() as u64));
        let up = &case.up[..case.batch.len() * case.shape.channels()];
        for (pooling, name) in
            [(Pooling::Average, "average"), (Pooling::Bounded, "bounded"), (Pooling::Maximum, "maximum")]
        {
            group.bench_function(format!("forward_{name}"), |bencher| {
                bencher.iter(|| case.text_layer(pooling).forward(&case.codes, &case.batch))
            });
            group.bench_function(format!("forward_backward_{name}"), |bencher| {
                bencher.iter(|| {
                    let layer = case.text_layer(pooling);
                    let (_, products) = layer.forward(&case.codes, &case.batch);
                    layer.backward(&case.codes, &case.batch, &products, up, true)
                });
            });
        }
        group.finish();
    }
}

fn neurons_and_spikes(criterion: &mut Criterion) {
    let neuron = NeuronParameters::paper();
    for case in cases() {
        let (texts, channels) = (case.batch.len(), case.shape.channels());
        // The pool layer: whole spikes against a threshold of one for every position.
        let positions: Vec<f32> = (0..texts * channels)
            .map(|i| case.batch.positions(i / channels, case.shape.widths[i % channels / case.shape.filters]) as f32)
            .collect();
        let thresholds = Thresholds { values: &positions, scales: &positions };
        let (counts, _) = case.spiking_forward(&neuron);
        let mut group = criterion.benchmark_group(format!("neuron_scan/{}", case.name));
        group.throughput(Throughput::Elements(texts as u64));
        group.bench_function("forward", |bencher| {
            bencher.iter(|| neuron_scan::forward(&neuron, case.steps, channels, thresholds, &counts));
        });
        group.bench_function("backward", |bencher| {
            bencher.iter(|| neuron_scan::backward(&neuron, case.steps, channels, thresholds, &counts, &case.up));
        });
        group.finish();

        let mut group = criterion.benchmark_group(format!("spike_train/{}", case.name));
        group.throughput(Throughput::Elements(texts as u64));
        let mut dense = case.expand();
        group.bench_function("expand", |bencher| {
            bencher.iter(|| case.spikes.expand(0, black_box(&mut dense)));
        });
        group.finish();
    }
}

fn references(criterion: &mut Criterion) {
    let neuron = NeuronParameters::paper();
    let case = small();
    let dense = case.expand();
    let inputs = spiking_convolution::reference::Inputs {
        spikes: &dense[..],
        synapses: &case.synapses,
        presence: &case.presence,
        bias: &case.bias,
    };
    let (shape, steps, batch) = (&case.shape, case.steps, &case.batch);
    let mut group = criterion.benchmark_group("reference/small");
    group.throughput(Throughput::Elements(batch.len() as u64));
    let forward =
        || spiking_convolution::reference::forward(shape, &neuron, Fire::Step, steps, inputs, batch, |_, _, _, _| {});
    group.bench_function("spiking_forward", |bencher| bencher.iter(forward));
    group.bench_function("spiking_forward_backward", |bencher| {
        bencher.iter(|| {
            let counts = forward();
            let up = &case.up;
            let gradients =
                spiking_convolution::reference::backward(shape, &neuron, Fire::Step, steps, inputs, batch, up);
            (counts, gradients)
        });
    });
    group.bench_function("text_forward_average", |bencher| {
        bencher.iter(|| {
            let operands = (&case.codes[..], &case.synapses[..], &case.bias[..]);
            spiketext_kernels::text_convolution::reference::forward(shape, Pooling::Average, operands, batch)
        });
    });
    group.finish();
}

/// What this machine can do at most, to hold the kernels against: rows of 64 bytes added up out of each level of
/// memory (what look-up does), and the matrix product.
fn roofline(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("roofline");
    for (name, bytes) in [("first_cache", 16 << 10), ("second_cache", 512 << 10), ("memory", 256 << 20)] {
        let rows = vec![Lanes::all(1i16); bytes / size_of::<Lanes<i16>>()];
        group.throughput(Throughput::Bytes(bytes as u64));
        group.bench_function(format!("add_rows_{name}"), |bencher| bencher.iter(|| sum_of_rows(black_box(&rows))));
    }
    let side = 1024;
    let (a, b) = (vec![0.5f32; side * side], vec![0.25f32; side * side]);
    let mut out = vec![0.0; side * side];
    group.throughput(Throughput::Elements((side * side * side) as u64));
    group.bench_function("matrix_product_multiply_additions", |bencher| {
        bencher
            .iter(|| product(Matrix::new(&a, side, side), Matrix::new(&b, side, side), black_box(&mut out), false));
    });
    group.finish();
}

/// Four sums side by side, so that no addition waits for the one before.
#[multiversion::multiversion(targets = "simd")]
fn sum_of_rows(rows: &[Lanes<i16>]) -> Lanes<i16> {
    let mut sums = [Lanes::all(0i16); 4];
    for rows in rows.as_chunks::<4>().0 {
        for (sum, row) in sums.iter_mut().zip(rows) {
            sum.0.iter_mut().zip(&row.0).for_each(|(sum, x)| *sum = sum.wrapping_add(*x));
        }
    }
    let mut all = Lanes::all(0i16);
    sums.iter().for_each(|row| all.0.iter_mut().zip(&row.0).for_each(|(sum, x)| *sum = sum.wrapping_add(*x)));
    all
}

/// Few samples and short ones: what is looked for is factors, not percents.
fn quick() -> Criterion {
    Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(1200))
}

criterion_group! {
    name = benches;
    config = quick();
    targets = spiking, text, neurons_and_spikes, references, roofline
}
criterion_main!(benches);
