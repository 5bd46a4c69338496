//! Holds the two bodies of each layer over rows to one another: the kernel with its hand-written backward pass, and
//! the composition of tensor operations that Burn differentiates.

mod shared;

use std::sync::Arc;

use burn_tensor::{Gradients, Tensor};
use shared::{TOKENS, batch, gradient, numbers_of};
use spiketext_kernels::{Drive, RowPooling, SpikeTrain, Time, Workspace};
use spiketext_train::row_layers::{self, ConvolutionLayer, ConvolutionTensors, Rows, TextLayer, composed};

fn leaf<const D: usize>(shape: [usize; D], seed: u64) -> Tensor<D> {
    shared::leaf(&numbers_of(shape.iter().product(), seed), shape)
}

/// The output of a layer, and the gradients of its inputs for a fixed gradient of the output.
fn through<const O: usize>(output: Tensor<O>, gradients_of: impl Fn(&Gradients) -> Vec<Vec<f32>>) -> Vec<Vec<f32>> {
    let upstream = numbers_of(output.dims().iter().product(), 99);
    let (values, gradients) = shared::through(output, &upstream, gradients_of);
    std::iter::once(values).chain(gradients).collect()
}

fn assert_close(what: &str, fast: &[Vec<f32>], slow: &[Vec<f32>]) {
    assert_eq!(fast.len(), slow.len(), "{what}: arrays");
    for (which, (fast, slow)) in fast.iter().zip(slow).enumerate() {
        assert!(slow.iter().any(|&value| value != 0.0), "{what} {which}: nothing to compare");
        shared::assert_close(&format!("{what} {which}"), fast, slow);
    }
}

fn rows(padded_length: usize, width: usize) -> Rows {
    Rows::of(&Arc::new(batch(padded_length)), width, &Workspace::default())
}

#[test]
fn text_convolutions_agree() {
    for (padded, width, filters) in [(0, 3, 7), (7, 2, 40), (0, 1, 4)] {
        let layer = TextLayer { rows: rows(padded, width), width, filters };
        let (codes, weights) = (leaf([TOKENS, 6], 1), leaf([6, width * filters], 2));
        let bias = leaf([filters], 3);
        let gradients = |g: &Gradients| vec![gradient(&codes, g), gradient(&weights, g), gradient(&bias, g)];
        let fast = row_layers::text_convolution(&layer, codes.clone(), weights.clone(), bias.clone());
        assert_eq!(fast.dims(), [layer.rows.positions.len(), filters]);
        let slow = composed::text_convolution(&layer, codes.clone(), weights.clone(), bias.clone());
        assert_close(&format!("{padded} {width}"), &through(fast, gradients), &through(slow, gradients));
    }
}

#[test]
fn spiking_text_convolutions_agree() {
    for drive in [Drive::Spikes, Drive::Phases, Drive::Current] {
        for (padded, width, filters, steps) in [(0, 3, 7, 11), (7, 2, 5, 3)] {
            let layer = TextLayer { rows: rows(padded, width), width, filters };
            let time = Time { steps, drive };
            let mut spikes = SpikeTrain::silent(TOKENS * time.rows(), 6);
            let places = (0..spikes.rows()).flat_map(|row| (0..6).map(move |column| (row, column)));
            for ((row, column), number) in places.zip(numbers_of(TOKENS * time.rows() * 6, 4)) {
                if number > 0.0 {
                    spikes.set(row, column);
                }
            }
            let (synapses, presence) = (leaf([6, width * filters], 1), leaf([width * filters], 2));
            let bias = leaf([filters], 3);
            let gradients = |g: &Gradients| vec![gradient(&synapses, g), gradient(&presence, g), gradient(&bias, g)];
            let inputs = || (synapses.clone(), presence.clone(), bias.clone());
            let (s, p, b) = inputs();
            let fast = row_layers::spiking_text_convolution(&layer, time, &spikes, s, p, b);
            assert_eq!(fast.dims(), [layer.rows.positions.len(), steps, filters]);
            let (s, p, b) = inputs();
            let slow = composed::spiking_text_convolution(&layer, time, &spikes, s, p, b);
            assert_close(&format!("{drive:?} {padded}"), &through(fast, gradients), &through(slow, gradients));
        }
    }
}

#[test]
fn convolutions_agree() {
    for (padded, width, inputs, outputs, rectified) in [(0, 3, 4, 4, true), (7, 2, 3, 5, true), (0, 5, 6, 2, false)] {
        let rows = rows(padded, 3);
        let n = rows.positions.len();
        let layer = ConvolutionLayer { rows, width, inputs, outputs, rectified, around: false };
        let (synapses, bias) = (leaf([inputs, width * outputs], 1), leaf([outputs], 2));
        let own = || (synapses.clone(), bias.clone());
        // Without time and gains, as the real-valued network has them.
        let (values, around) = (leaf([n, inputs], 3), leaf([n, outputs], 4));
        for shortcut in [None, Some((around.clone(), None))] {
            let gradients = |g: &Gradients| {
                let mut all = vec![gradient(&values, g), gradient(&synapses, g), gradient(&bias, g)];
                all.extend(shortcut.iter().map(|_| gradient(&around, g)));
                all
            };
            let tensors = || {
                let (synapses, bias) = own();
                ConvolutionTensors { synapses, bias, shortcut: shortcut.clone() }
            };
            let fast = through(row_layers::convolution(&layer, values.clone(), tensors()), gradients);
            let slow = through(composed::convolution(&layer, values.clone(), tensors()), gradients);
            assert_close(&format!("{padded} {width}, shortcut: {}", shortcut.is_some()), &fast, &slow);
        }
        // With both, as the spiking network has them.
        let (values, around, gains) = (leaf([n, 6, inputs], 5), leaf([n, 6, outputs], 6), leaf([outputs], 7));
        let gradients = |g: &Gradients| {
            let all = [gradient(&values, g), gradient(&synapses, g), gradient(&bias, g), gradient(&around, g)];
            all.into_iter().chain([gradient(&gains, g)]).collect()
        };
        let tensors = || {
            let (synapses, bias) = own();
            ConvolutionTensors { synapses, bias, shortcut: Some((around.clone(), Some(gains.clone()))) }
        };
        let fast = row_layers::convolution(&layer, values.clone(), tensors());
        assert_eq!(fast.dims(), [n, 6, outputs]);
        let slow = composed::convolution(&layer, values.clone(), tensors());
        assert_close(&format!("{padded} {width}, over time"), &through(fast, gradients), &through(slow, gradients));
    }
}

/// What goes around a block and into it gets the gradients of both ways, whether Burn or the kernel adds them up, and
/// whether it is a leaf of the graph or not.
#[test]
fn a_block_around_which_its_input_goes_agrees() {
    let rows = rows(0, 3);
    let (values, synapses, bias) = (leaf([rows.positions.len(), 4], 1), leaf([4, 12], 2), leaf([4], 3));
    let gradients = |g: &Gradients| vec![gradient(&values, g), gradient(&synapses, g), gradient(&bias, g)];
    let own = |shortcut| ConvolutionTensors { synapses: synapses.clone(), bias: bias.clone(), shortcut };
    type Convolution = fn(&ConvolutionLayer, Tensor<2>, ConvolutionTensors<2>) -> Tensor<2>;
    let inputs: [&dyn Fn() -> Tensor<2>; 2] = [&|| values.clone(), &|| values.clone() * 0.5];
    for input in inputs {
        let block = |convolution: Convolution, around| {
            let input = input();
            let rows = rows.clone();
            let layer = ConvolutionLayer { rows, width: 3, inputs: 4, outputs: 4, rectified: true, around };
            let inside = convolution(&layer, input.clone(), own(None));
            let layer = ConvolutionLayer { around: false, ..layer };
            through(convolution(&layer, inside, own(Some((input.clone(), None)))), gradients)
        };
        let slow = block(composed::convolution, false);
        let fast = block(row_layers::convolution, false);
        assert_close("block", &fast, &slow);
        assert_eq!(block(row_layers::convolution, true), fast);
    }
}

#[test]
fn poolings_agree() {
    for pooling in [RowPooling::Sum, RowPooling::Mean, RowPooling::Bounded] {
        let rows = rows(0, 3);
        // Some means are above the bound and some below.
        let values = leaf([rows.positions.len(), 9], 1);
        let scaled = || values.clone() * 4.0;
        let gradients = |g: &Gradients| vec![gradient(&values, g)];
        let fast = through(row_layers::pool(&rows, pooling, scaled()), gradients);
        let slow = through(composed::pool(&rows, pooling, scaled()), gradients);
        assert_eq!(pooling == RowPooling::Bounded, fast[0].contains(&1.0), "{pooling:?}");
        assert_close(&format!("{pooling:?}"), &fast, &slow);
    }
}
