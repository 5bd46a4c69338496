//! Holds the training path through Burn to the golden files: what PyTorch and snnTorch get from the same small
//! inputs.
//!
//! The files are `testdata/golden/*.json`; `reference/README.md` lists their keys. The layers are put together as
//! `fine_tune` and `dnn` do it, and Burn carries the gradients between them. Tolerances are those to which
//! `crates/kernels/tests/golden.rs` holds the bare kernels, for the same reasons.

#[path = "../../../testdata/golden/reader.rs"]
mod reader;

use std::sync::Arc;

use burn_tensor::{Device, Gradients, Tensor, TensorData};
use reader::{
    LOSS, SPIKING_GRADIENT, TEXT_CNN, assert_close, exchange, golden, integers, number, to_columns, values,
};
use serde_json::Value;
use spiketext::target::Target;
use spiketext_kernels::{
    ConvolutionShape, NeuronParameters, Reset, SpikeTrain, Surrogate, TokenBatch, Workspace,
    text_convolution::Pooling,
};
use spiketext_train::{
    layers::{self, NeuronLayer, SpikingLayer},
    objective::{Objective, Weights},
    optimiser::numbers,
};

/// Rows and columns of `[rows, columns]` exchanged.
fn transpose(values: &[f32], columns: usize) -> Vec<f32> {
    (0..columns).flat_map(|column| values.iter().skip(column).step_by(columns)).copied().collect()
}

fn leaf<const D: usize>(values: &[f32], shape: [usize; D]) -> Tensor<D> {
    Tensor::<D>::from_data(TensorData::new(values.to_vec(), shape), &Device::flex()).autodiff().require_grad()
}

fn gradient<const D: usize>(leaf: &Tensor<D>, gradients: &Gradients) -> Vec<f32> {
    numbers(&leaf.grad(gradients).expect("the loss depends on every weight"))
}

fn shape_of(file: &Value) -> ConvolutionShape {
    let of_shape = |key: &str| integers(&file["shape"][key])[0];
    ConvolutionShape { widths: integers(&file["widths"]), filters: of_shape("filters"), dimension: of_shape("dim") }
}

/// As `fine_tune` trains it with the spike-count read-out.
#[test]
fn the_paper_network_through_burn() {
    let file = golden("paper_network.json");
    let of_shape = |key: &str| integers(&file["shape"][key])[0];
    let (steps, texts, length, classes) =
        (of_shape("steps"), of_shape("batch"), of_shape("length"), of_shape("classes"));
    let shape = shape_of(&file);
    let (channels, d) = (shape.channels(), shape.dimension);
    let threshold_of = |layer: &str| number(&file["thresholds"][layer]);
    let neuron = NeuronParameters {
        beta: number(&file["beta"]),
        threshold: threshold_of("conv"),
        initial: 0.0,
        reset: Reset::Soft,
        detach_reset: true,
        surrogate: Surrogate::FastSigmoid { slope: number(&file["surrogate"]["slope"]) },
    };
    // Every (text, position) is a token of its own, with rows [B L, T, D].
    let input = exchange(&values(&file["input_spikes"]), steps, texts * length, d);
    let mut spikes = SpikeTrain::silent(texts * length * steps, d);
    for (i, _) in input.iter().enumerate().filter(|(_, value)| **value == 1.0) {
        spikes.set(i / d, i % d);
    }
    let mut batch = TokenBatch::new(length);
    for (b, own) in integers(&file["lengths"]).into_iter().enumerate() {
        batch.push((b * length..b * length + own).map(|row| row as u32));
    }
    let positions: Vec<f32> = (0..texts * channels)
        .map(|i| batch.positions(i / channels, shape.widths[i % channels / shape.filters]) as f32)
        .collect();

    let layer = SpikingLayer {
        shape: Arc::new(shape.clone()),
        neuron,
        time: steps.into(),
        spikes: Arc::new(spikes),
        patterns: None,
        packed: None,
        batch: Arc::new(batch),
        workspace: Workspace::default(),
    };
    let synapses = leaf(&to_columns(&shape, &file["conv_weights"]), [d, shape.products()]);
    let (presence, bias) =
        (leaf(&vec![0.0; shape.products()], [shape.products()]), leaf(&vec![0.0; channels], [channels]));
    let counts = layers::spiking_convolution(&layer, synapses.clone(), presence, bias);
    let over_time = numbers(&counts.clone().sum_dim(1));
    assert_eq!(over_time, values(&file["conv_spike_counts"]), "convolution spikes");

    let pool = NeuronLayer {
        neuron,
        texts,
        steps,
        channels,
        thresholds: Arc::new(positions.iter().map(|positions| threshold_of("pool") * positions).collect()),
        scales: Arc::new(positions),
        factors: None,
    };
    let features = layers::neurons(&pool, counts);
    let want = exchange(&values(&file["pool_spikes"]), steps, texts, channels);
    assert_eq!(numbers(&features), want, "pool spikes");

    let output = leaf(&transpose(&values(&file["linear_weight"]), channels), [channels, classes]);
    let currents = features.reshape([texts * steps, channels]).matmul(output.clone());
    let readout = NeuronLayer {
        neuron,
        texts,
        steps,
        channels: classes,
        thresholds: Arc::new(vec![threshold_of("out"); texts * classes]),
        scales: Arc::new(vec![1.0; texts * classes]),
        factors: None,
    };
    let output_spikes = layers::neurons(&readout, currents.reshape([texts, steps, classes]));
    let want = exchange(&values(&file["output_spikes"]), steps, texts, classes);
    assert_eq!(numbers(&output_spikes), want, "output spikes");

    let labels = integers(&file["labels"]).into_iter().map(Target::of);
    let each_step: Vec<Target> = labels.flat_map(|target| std::iter::repeat_n(target, steps)).collect();
    let loss = Objective::OneClass.of_logits(
        output_spikes.reshape([texts * steps, classes]),
        &each_step,
        Weights::default(),
    );
    assert_close("loss", &numbers(&loss), &[number(&file["loss"])], LOSS);

    let gradients = loss.backward();
    let want = transpose(&values(&file["linear_weight_gradient"]), channels);
    assert_close("linear weight", &gradient(&output, &gradients), &want, SPIKING_GRADIENT);
    let want = to_columns(&shape, &file["conv_weight_gradients"]);
    assert_close("convolution weights", &gradient(&synapses, &gradients), &want, SPIKING_GRADIENT);
}

/// As `dnn` trains it, without dropout.
#[test]
fn the_text_cnn_through_burn() {
    let file = golden("text_cnn.json");
    let of_shape = |key: &str| integers(&file["shape"][key])[0];
    let (texts, length, classes) = (of_shape("batch"), of_shape("length"), of_shape("classes"));
    let shape = shape_of(&file);
    let (channels, d) = (shape.channels(), shape.dimension);
    let mut batch = TokenBatch::new(0);
    for (b, own) in integers(&file["lengths"]).into_iter().enumerate() {
        batch.push((b * length..b * length + own).map(|row| row as u32));
    }
    let targets: Vec<Target> = integers(&file["labels"]).into_iter().map(Target::of).collect();
    let (shape, batch) = (Arc::new(shape), Arc::new(batch));
    for (pooling, variant) in [(Pooling::Average, "average"), (Pooling::Maximum, "max")] {
        let codes = leaf(&values(&file["input"]), [texts * length, d]);
        let weights = leaf(&to_columns(&shape, &file["conv_weights"]), [d, shape.products()]);
        let bias = leaf(&values(&file["conv_biases"]), [channels]);
        let output = leaf(&transpose(&values(&file["linear_weight"]), channels), [channels, classes]);
        let output_bias = leaf(&values(&file["linear_bias"]), [classes]);
        let pooled = layers::text_convolution(
            &shape,
            pooling,
            &batch,
            codes.clone(),
            weights.clone(),
            bias.clone(),
            &Workspace::default(),
        );
        let logits = pooled.clone().matmul(output.clone()) + output_bias.clone().unsqueeze::<2>();
        let loss = Objective::OneClass.of_logits(logits.clone(), &targets, Weights::default());

        let want = &file[variant];
        let check = |what: &str, got: &[f32], want: &[f32]| {
            assert_close(&format!("{variant}: {what}"), got, want, TEXT_CNN);
        };
        check("features", &numbers(&pooled), &values(&want["features"]));
        check("logits", &numbers(&logits), &values(&want["logits"]));
        assert_close(&format!("{variant}: loss"), &numbers(&loss), &[number(&want["loss"])], LOSS);
        let gradients = loss.backward();
        let want = &want["gradients"];
        check("input", &gradient(&codes, &gradients), &values(&want["input"]));
        check("convolution weights", &gradient(&weights, &gradients), &to_columns(&shape, &want["conv_weights"]));
        check("convolution biases", &gradient(&bias, &gradients), &values(&want["conv_biases"]));
        check("linear weight", &gradient(&output, &gradients), &transpose(&values(&want["linear_weight"]), channels));
        check("linear bias", &gradient(&output_bias, &gradients), &values(&want["linear_bias"]));
    }
}
