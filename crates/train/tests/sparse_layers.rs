//! Holds the two bodies of the layers of sparse codes to one another, as `layers.rs` does: values on a coarse grid, so that
//! spikes must be equal and not close.

mod shared;

use std::sync::Arc;

use shared::{TOKENS, assert_close, batch, gradient, leaf, numbers_of, sequence, through};
use spiketext_kernels::{
    ConvolutionShape, NeuronParameters, Reset, Surrogate, Workspace,
    winners::{Winners, reference},
};
use spiketext_train::{
    optimiser::numbers,
    sparse::layers::{self, CodeLayer, composed},
};

const SURROGATES: [Surrogate; 3] =
    [Surrogate::FastSigmoid { slope: 5.0 }, Surrogate::Arctangent { alpha: 2.0 }, Surrogate::Triangle { slope: 0.5 }];

#[test]
fn competitions_agree() {
    for surrogate in SURROGATES {
        for signed in [false, true] {
            for active in [1, 3, 9] {
                let winners = Winners { active, signed, surrogate };
                let values = leaf(&numbers_of(4 * 9, 1), [4, 9]);
                let upstream = numbers_of(4 * 9, 2);
                let gradients = |g: &_| gradient(&values, g);
                let (fast, d_fast) = through(layers::winners(winners, values.clone()), &upstream, gradients);
                let (slow, d_slow) = through(composed::winners(winners, values.clone()), &upstream, gradients);
                assert_eq!(fast, slow, "{winners:?}");
                assert_eq!(fast, reference::forward(&winners, &numbers(&values), 9));
                assert_close(&format!("{winners:?}"), &d_fast, &d_slow);
            }
        }
    }
}

/// `count` multiples of 1/8 from -1 to 1.
fn grid_of(count: usize, seed: u64) -> Vec<f32> {
    let mut next = sequence(seed);
    (0..count).map(|_| ((next() % 17) as f32 - 8.0) / 8.0).collect()
}

#[test]
fn convolutions_over_codes_agree() {
    for surrogate in SURROGATES {
        for (reset, beta, detach_reset) in
            [(Reset::Soft, 1.0, true), (Reset::Hard, 0.5, false), (Reset::Soft, 0.5, false)]
        {
            for steps in [1, 3] {
                for (name, batch) in [("ragged", batch(0)), ("padded", batch(7))] {
                    let neuron =
                        NeuronParameters { beta, threshold: 0.75, initial: 0.5, reset, detach_reset, surrogate };
                    let shape = ConvolutionShape { widths: vec![1, 2, 4], filters: 3, dimension: 6 };
                    let (d, m, c) = (shape.dimension, shape.products(), shape.channels());
                    let upstream = numbers_of(batch.len() * steps * c, 4);
                    let layer = CodeLayer {
                        shape: Arc::new(shape),
                        neuron,
                        steps,
                        batch: Arc::new(batch),
                        workspace: Workspace::default(),
                    };
                    let codes: Vec<f32> = grid_of(TOKENS * d, 1).iter().map(|x| x.round()).collect();
                    let codes = leaf(&codes, [TOKENS, d]);
                    let (weights, bias) = (leaf(&grid_of(d * m, 2), [d, m]), leaf(&grid_of(c, 3), [c]));
                    let inputs = || (codes.clone(), weights.clone(), bias.clone());
                    let gradients = |g: &_| [gradient(&codes, g), gradient(&weights, g), gradient(&bias, g)];
                    let (x, w, b) = inputs();
                    let (fast, d_fast) = through(layers::code_convolution(&layer, x, w, b), &upstream, gradients);
                    let (x, w, b) = inputs();
                    let (slow, d_slow) = through(composed::code_convolution(&layer, x, w, b), &upstream, gradients);
                    let what = format!("{name}, {steps} steps, {neuron:?}");
                    assert_eq!(fast, slow, "{what}");
                    assert!(fast.iter().any(|&sum| sum > 0.0), "{what}");
                    for (i, (fast, slow)) in d_fast.iter().zip(&d_slow).enumerate() {
                        assert_close(&format!("{what}, gradient {i}"), fast, slow);
                    }
                }
            }
        }
    }
}
