//! Holds the convolutions to the promise that results do not depend on the number of threads, to the last bit, at the
//! paper's layer size.

use spiketext_kernels::{
    ConvolutionShape, NeuronParameters, SpikeTrain, TokenBatch, Workspace,
    spiking_convolution::{SpikingConvolution, Weights},
    text_convolution::{Pooling, TextConvolution},
};

const TEXTS: usize = 32;
const LENGTH: usize = 20;
const STEPS: usize = 8;
const TOKENS: usize = 350;

/// The paper's layer: D = 300, widths 3, 4, 5 with 100 filters each.
fn shape() -> ConvolutionShape {
    ConvolutionShape { widths: vec![3, 4, 5], filters: 100, dimension: 300 }
}

/// A fixed sequence of 24-bit numbers.
fn sequence(seed: u64) -> impl FnMut() -> u32 {
    let mut state = seed;
    move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as u32
    }
}

/// `count` numbers in [-size, size): no grid, so that another order of a sum would show in the last bits.
fn numbers(count: usize, size: f32, seed: u64) -> Vec<f32> {
    let mut next = sequence(seed);
    (0..count).map(|_| (next() as f32 / (1 << 23) as f32 - 1.0) * size).collect()
}

fn batch() -> TokenBatch {
    let mut next = sequence(1);
    let mut batch = TokenBatch::new(0);
    for _ in 0..TEXTS {
        batch.push((0..LENGTH).map(|_| next() % TOKENS as u32).collect::<Vec<_>>());
    }
    batch
}

/// Runs `work` in pools of 1, 2 and 8 threads and compares the bits of all that it returns.
fn same_in_every_pool(work: impl Fn() -> Vec<(&'static str, Vec<f32>)> + Sync) {
    let run = |threads: usize| {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a thread pool").install(&work)
    };
    let alone = run(1);
    for (name, values) in &alone {
        assert!(values.iter().any(|value| *value != 0.0), "{name} is all zero: the test shows nothing");
    }
    for threads in [2, 8] {
        for ((name, want), (_, got)) in alone.iter().zip(run(threads)) {
            let same = want.iter().zip(&got).all(|(want, got)| want.to_bits() == got.to_bits());
            assert!(same && want.len() == got.len(), "{name} differs between 1 and {threads} threads");
        }
    }
}

#[test]
fn the_text_convolution_does_not_depend_on_the_threads() {
    let (shape, batch) = (shape(), batch());
    let codes = numbers(TOKENS * shape.dimension, 1.0, 2);
    let weights = numbers(shape.dimension * shape.products(), 0.1, 3);
    let bias = numbers(shape.channels(), 0.1, 4);
    let up = numbers(TEXTS * shape.channels(), 1.0, 5);
    for pooling in Pooling::ALL {
        same_in_every_pool(|| {
            let memory = Workspace::default();
            let layer =
                TextConvolution { shape: &shape, pooling, weights: &weights, bias: &bias, workspace: &memory };
            let (pooled, products) = layer.forward(&codes, &batch);
            let gradients = layer.backward(&codes, &batch, &products, &up, true);
            vec![
                ("features", pooled),
                ("gradient of the codes", gradients.codes),
                ("gradient of the weights", gradients.weights),
                ("gradient of the biases", gradients.bias),
            ]
        });
    }
}

#[test]
fn the_spiking_convolution_does_not_depend_on_the_threads() {
    let (shape, batch) = (shape(), batch());
    let mut next = sequence(6);
    let mut spikes = SpikeTrain::silent(TOKENS * STEPS, shape.dimension);
    for row in 0..spikes.rows() {
        for column in 0..shape.dimension {
            if next().is_multiple_of(2) {
                spikes.set(row, column);
            }
        }
    }
    let synapses = numbers(shape.dimension * shape.products(), 0.05, 7);
    let presence = numbers(shape.products(), 0.1, 8);
    let bias = numbers(shape.channels(), 0.1, 9);
    let up = numbers(TEXTS * STEPS * shape.channels(), 1.0, 10);
    let neuron = NeuronParameters::paper();
    same_in_every_pool(|| {
        let workspace = Workspace::default();
        let layer = SpikingConvolution {
            shape: &shape,
            neuron: &neuron,
            time: STEPS.into(),
            weights: Weights::new(&synapses, &presence, &bias),
            workspace: &workspace,
        };
        let (counts, saved) = layer.forward_for_training(&spikes, &batch);
        let gradients = layer.backward(&spikes, &batch, &saved, &up);
        vec![
            ("summed spikes", counts),
            ("gradient of the synapses", gradients.synapses),
            ("gradient of the presence currents", gradients.presence),
            ("gradient of the biases", gradients.bias),
        ]
    });
}
