//! Holds the two bodies of each layer to one another: the fast kernel with its hand-written backward pass, and the
//! composition of tensor operations that Burn differentiates. One case list goes through both.
//!
//! Everything that reaches a neuron lies on a coarse binary grid, so that membranes are exact in any order of
//! summation and spikes must be equal, not close. Many membranes then stand exactly on their threshold: that is on
//! purpose.

mod shared;

use std::sync::Arc;

use burn_tensor::{Device, Tensor, TensorData};
use shared::{TOKENS, assert_close, batch, gradient, leaf, numbers_of, sequence, through};
use spiketext::target::Target;
use spiketext_kernels::{
    ConvolutionShape, Drive, NeuronParameters, Reset, SpikeTrain, Surrogate, Time, TokenBatch, Workspace,
    spiking_convolution::{PackedWeights, Patterns},
    text_convolution::Pooling,
};
use spiketext_train::{
    layers::{self, NeuronLayer, SpikingLayer, composed},
    objective::{Objective, Weights, composed_cross_entropy},
    optimiser::numbers,
};

/// `count` multiples of 1/8 from -`most` to `most` eighths.
fn grid_of(count: usize, most: u32, seed: u64) -> Vec<f32> {
    let mut next = sequence(seed);
    (0..count).map(|_| ((next() % (2 * most + 1)) as f32 - most as f32) / 8.0).collect()
}

fn batches() -> [(&'static str, TokenBatch); 2] {
    [("ragged", batch(0)), ("padded", batch(7))]
}

/// Few channels, and more of them than a block of the fast kernel holds.
fn shapes() -> [ConvolutionShape; 2] {
    [
        ConvolutionShape { widths: vec![1, 2, 4], filters: 3, dimension: 6 },
        ConvolutionShape { widths: vec![3], filters: 70, dimension: 4 },
    ]
}

/// Every kind of neuron: reset, leak, first membrane, gradient through the reset or not, surrogate.
fn neuron_kinds() -> Vec<(String, NeuronParameters)> {
    let mut kinds = Vec::new();
    for reset in [Reset::Soft, Reset::Hard] {
        for beta in [1.0, 0.5] {
            for initial in [0.0, 0.5] {
                for detach_reset in [true, false] {
                    for surrogate in [
                        Surrogate::FastSigmoid { slope: 25.0 },
                        Surrogate::Arctangent { alpha: 2.0 },
                        Surrogate::Triangle { slope: 0.5 },
                    ] {
                        let neuron =
                            NeuronParameters { beta, threshold: 0.75, initial, reset, detach_reset, surrogate };
                        kinds.push((format!("{neuron:?}"), neuron));
                    }
                }
            }
        }
    }
    kinds
}

#[test]
fn text_convolutions_agree() {
    for pooling in Pooling::ALL {
        for shape in shapes() {
            for (name, batch) in batches() {
                let (d, m, c) = (shape.dimension, shape.products(), shape.channels());
                let codes = leaf(&numbers_of(TOKENS * d, 1), [TOKENS, d]);
                let weights = leaf(&numbers_of(d * m, 2), [d, m]);
                let bias = leaf(&numbers_of(c, 3), [c]);
                let upstream = numbers_of(batch.len() * c, 4);
                let (shape, batch) = (Arc::new(shape.clone()), Arc::new(batch));
                let inputs = || (codes.clone(), weights.clone(), bias.clone());
                let gradients = |g: &_| [gradient(&codes, g), gradient(&weights, g), gradient(&bias, g)];
                let (x, w, b) = inputs();
                let fast = layers::text_convolution(&shape, pooling, &batch, x, w, b, &Workspace::default());
                assert_eq!(fast.dims(), [batch.len(), c]);
                let (fast, fast_gradients) = through(fast, &upstream, gradients);
                let (x, w, b) = inputs();
                let slow = composed::text_convolution(&shape, pooling, &batch, x, w, b);
                let (slow, slow_gradients) = through(slow, &upstream, gradients);
                let what = |part: &str| format!("{pooling:?}, {name}, {:?}: {part}", shape.widths);
                assert_close(&what("features"), &fast, &slow);
                for (i, part) in ["codes", "weights", "bias"].into_iter().enumerate() {
                    assert_close(&what(part), &fast_gradients[i], &slow_gradients[i]);
                }
            }
        }
    }
}

#[test]
fn spiking_convolutions_agree() {
    const STEPS: usize = 5;
    for ((kind, neuron), drive) in neuron_kinds()
        .into_iter()
        .flat_map(|kind| [Drive::Spikes, Drive::Phases, Drive::Current].map(|drive| (kind.clone(), drive)))
    {
        let kind = format!("{drive:?}, {kind}");
        for shape in shapes() {
            for (name, batch) in batches() {
                let (d, m, c) = (shape.dimension, shape.products(), shape.channels());
                let mut next = sequence(11);
                let rows = TOKENS * drive.rows(STEPS);
                let mut spikes = SpikeTrain::silent(rows, d);
                for (row, column) in (0..rows).flat_map(|row| (0..d).map(move |column| (row, column))) {
                    if next().is_multiple_of(2) {
                        spikes.set(row, column);
                    }
                }
                let synapses = leaf(&grid_of(d * m, 4, 12), [d, m]);
                let presence = leaf(&grid_of(m, 2, 13), [m]);
                let bias = leaf(&grid_of(c, 2, 14), [c]);
                let upstream = numbers_of(batch.len() * STEPS * c, 15);
                let layer = SpikingLayer {
                    shape: Arc::new(shape.clone()),
                    neuron,
                    time: Time { steps: STEPS, drive },
                    spikes: Arc::new(spikes),
                    patterns: None,
                    packed: None,
                    batch: Arc::new(batch),
                    workspace: Workspace::default(),
                };
                let inputs = || (synapses.clone(), presence.clone(), bias.clone());
                let gradients = |g: &_| [gradient(&synapses, g), gradient(&presence, g), gradient(&bias, g)];
                let (s, p, b) = inputs();
                let fast = layers::spiking_convolution(&layer, s, p, b);
                assert_eq!(fast.dims(), [layer.batch.len(), STEPS, c]);
                let (fast, fast_gradients) = through(fast, &upstream, gradients);
                // What was made ahead of time changes nothing, and packed synapses are all that is read of them.
                let mut ahead = layer.clone();
                ahead.patterns = Some(Arc::new(Patterns::of(&shape, layer.time, &layer.spikes, &layer.batch)));
                let packed =
                    PackedWeights::new(&shape, &numbers(&synapses), &numbers(&presence)).expect("whole eighths");
                ahead.packed = Some(Arc::new(packed));
                let zeros = leaf(&vec![0.0; d * m], [d, m]);
                let gradients_ahead = |g: &_| [gradient(&zeros, g), gradient(&presence, g), gradient(&bias, g)];
                let (_, p, b) = inputs();
                let counts = layers::spiking_convolution(&ahead, zeros.clone(), p, b);
                assert_eq!(through(counts, &upstream, gradients_ahead), (fast.clone(), fast_gradients.clone()));
                let (s, p, b) = inputs();
                let slow = composed::spiking_convolution(&layer, s, p, b);
                let (slow, slow_gradients) = through(slow, &upstream, gradients);
                let what = |part: &str| format!("{kind}, {name}, {:?}: {part}", shape.widths);
                assert!(fast.iter().any(|&count| count > 0.0), "{}", what("no spikes at all"));
                assert_eq!(fast, slow, "{}", what("spikes"));
                for (i, part) in ["synapses", "presence", "bias"].into_iter().enumerate() {
                    assert_close(&what(part), &fast_gradients[i], &slow_gradients[i]);
                }
            }
        }
    }
}

#[test]
fn neurons_agree() {
    const TEXTS: usize = 4;
    const STEPS: usize = 9;
    const CHANNELS: usize = 5;
    let dropout: Vec<f32> = (0..TEXTS * CHANNELS).map(|i| [0.0, 2.0, 2.0][i % 3]).collect();
    let factors = [None, Some(Arc::new(dropout))];
    for ((kind, neuron), factors) in
        neuron_kinds().into_iter().flat_map(|kind| factors.clone().map(|factors| (kind.clone(), factors)))
    {
        // As pooled features have them: thresholds and units differ between texts and channels.
        let scales: Vec<f32> = (0..TEXTS * CHANNELS).map(|i| (1 + i % 3) as f32).collect();
        let layer = NeuronLayer {
            neuron,
            texts: TEXTS,
            steps: STEPS,
            channels: CHANNELS,
            thresholds: Arc::new(scales.iter().map(|scale| 0.75 * scale).collect()),
            scales: Arc::new(scales),
            factors: factors.clone(),
        };
        let currents = leaf(&grid_of(TEXTS * STEPS * CHANNELS, 12, 21), [TEXTS, STEPS, CHANNELS]);
        let upstream = numbers_of(TEXTS * STEPS * CHANNELS, 22);
        let gradients = |g: &_| [gradient(&currents, g)];
        let (fast, [fast_gradient]) = through(layers::neurons(&layer, currents.clone()), &upstream, gradients);
        let (slow, [slow_gradient]) = through(composed::neurons(&layer, currents.clone()), &upstream, gradients);
        let spike = if factors.is_some() { 2.0 } else { 1.0 };
        assert!(fast.contains(&spike) && fast.contains(&0.0), "{kind}: no spikes or nothing else");
        assert_eq!(fast, slow, "{kind}: spikes");
        assert_close(&format!("{kind}: currents"), &fast_gradient, &slow_gradient);
    }
}

#[test]
fn dense_layers_agree() {
    for [rows, inputs, outputs] in [[7, 5, 3], [300, 4, 1]] {
        let (values, weights) =
            (leaf(&numbers_of(rows * inputs, 41), [rows, inputs]), numbers_of(inputs * outputs, 42));
        let (weights, bias) = (leaf(&weights, [inputs, outputs]), leaf(&numbers_of(outputs, 43), [outputs]));
        let gradients = |g: &_| [gradient(&values, g), gradient(&weights, g), gradient(&bias, g)];
        let inputs = || (values.clone(), weights.clone(), bias.clone());
        let upstream = numbers_of(rows * outputs, 44);
        let (v, w, b) = inputs();
        let (fast, fast_gradients) = through(layers::dense(v, w, b), &upstream, gradients);
        let (v, w, b) = inputs();
        let (slow, slow_gradients) = through(composed::dense(v, w, b), &upstream, gradients);
        assert_close("outputs", &fast, &slow);
        for (fast, slow) in fast_gradients.iter().zip(&slow_gradients) {
            assert_close("gradients", fast, slow);
        }
    }
}

#[test]
fn losses_agree() {
    for classes in [2, 5, 14] {
        // Some logits are far apart.
        let logits: Vec<f32> = numbers_of(9 * classes, 51).iter().map(|logit| 30.0 * logit * logit * logit).collect();
        let logits = leaf(&logits, [9, classes]);
        let targets: Vec<Target> = (0..9).map(|i| Target::of(i * 5 % classes)).collect();
        let gradients = |g: &_| [gradient(&logits, g)];
        let weights: Vec<f32> = (0..classes).map(|class| 0.5 + class as f32).collect();
        let shares: Vec<f32> = (0..9).map(|row| row as f32 / 4.0).collect();
        let (weights, shares) = (Some(&weights[..]), Some(&shares[..]));
        for (classes, texts) in [(None, None), (weights, None), (None, shares), (weights, shares)] {
            let weights = Weights { classes, texts };
            let fast = Objective::OneClass.of_logits(logits.clone(), &targets, weights);
            let (fast, [fast_gradient]) = through(fast, &[0.75], gradients);
            let slow = composed_cross_entropy(logits.clone(), &targets, weights);
            let (slow, [slow_gradient]) = through(slow, &[0.75], gradients);
            assert_close("loss", &fast, &slow);
            assert_close("logits", &fast_gradient, &slow_gradient);
        }
    }
}

#[test]
fn scalings_agree() {
    let factors: Vec<f32> = (0..15).map(|i| [0.0, 1.5, -2.0, 0.25][i % 4]).collect();
    let (text, steps) = (leaf(&numbers_of(15, 31), [3, 5]), leaf(&numbers_of(60, 32), [3, 4, 5]));
    let upstream = numbers_of(60, 33);
    let of_text = |g: &_| [gradient(&text, g)];
    let of_steps = |g: &_| [gradient(&steps, g)];
    let fast = through(layers::scale(text.clone(), factors.clone()), &upstream[..15], of_text);
    assert_eq!(fast, through(composed::scale(text.clone(), factors.clone()), &upstream[..15], of_text));
    let fast = through(layers::scale(steps.clone(), factors.clone()), &upstream, of_steps);
    assert_eq!(fast, through(composed::scale(steps.clone(), factors.clone()), &upstream, of_steps));
    assert!(fast.0.iter().any(|&value| value != 0.0) && fast.0[..5] != fast.0[5..10]);
}

/// A layer whose inputs are not all tracked on the Flex device goes the composed way, and gives the same numbers.
#[test]
fn untracked_inputs_take_the_composed_body() {
    let layer = NeuronLayer {
        neuron: NeuronParameters::paper(),
        texts: 1,
        steps: 4,
        channels: 1,
        thresholds: Arc::new(vec![1.0]),
        scales: Arc::new(vec![1.0]),
        factors: None,
    };
    let values = [0.5f32, 0.75, 0.5, 1.5];
    let plain = Tensor::<3>::from_data(TensorData::new(values.to_vec(), [1, 4, 1]), &Device::flex());
    assert_eq!(numbers(&layers::neurons(&layer, plain)), [0.0, 1.0, 0.0, 1.0]);
    assert_eq!(numbers(&layers::neurons(&layer, leaf(&values, [1, 4, 1]))), [0.0, 1.0, 0.0, 1.0]);
}
