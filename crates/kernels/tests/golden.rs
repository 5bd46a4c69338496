//! Holds the kernels to the golden files: what PyTorch and snnTorch get from the same small inputs.
//!
//! The files are `testdata/golden/*.json`; `reference/README.md` lists their keys and tells how they were made.
//! Spikes must be equal (every membrane in the files keeps 1e-4 away from its threshold); numbers have tolerances.
//! The kernels against their own references, and gradients against finite differences, are tested beside the kernels.

#[path = "../../../testdata/golden/reader.rs"]
mod reader;

use reader::*;
use spiketext_kernels::{
    ConvolutionShape, Fire, NeuronParameters, Real, Reset, SpikeTrain, Surrogate, TokenBatch, Workspace,
    neuron::step,
    neuron_scan::{self, Thresholds},
    spiking_convolution::{SpikingConvolution, Weights},
    text_convolution::{Pooling, TextConvolution},
};

/// Membranes and gradients of one layer: the script holds PyTorch's float32 to its own float64 no tighter than this
/// (membranes reach 29, where one f32 rounding is 1e-6 and 20 steps collect some).
const LAYER: Tolerance = Tolerance { absolute: 1e-5, relative: 1e-4 };

/// Derivatives of the surrogates: four roundings of numbers of at most 1; the script holds them to the same.
const DERIVATIVE: Tolerance = Tolerance { absolute: 1e-6, relative: 1e-6 };

fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&value| f64::from(value)).collect()
}

/// Cross-entropy of a softmax over `logits` `[rows, K]`, mean over the rows, and its gradient; in f64.
fn cross_entropy(logits: &[f32], classes: usize, label: impl Fn(usize) -> usize) -> (f64, Vec<f32>) {
    let rows = (logits.len() / classes) as f64;
    let (mut loss, mut gradient) = (0.0, Vec::with_capacity(logits.len()));
    for (row, logits) in wide(logits).chunks_exact(classes).enumerate() {
        let total: f64 = logits.iter().map(|logit| logit.exp()).sum();
        loss += (total.ln() - logits[label(row)]) / rows;
        gradient.extend(logits.iter().enumerate().map(|(class, logit)| {
            let truth = f64::from(u8::from(class == label(row)));
            ((logit.exp() / total - truth) / rows) as f32
        }));
    }
    (loss, gradient)
}

/// `x [rows, inner]` times the transpose of `weight [outer, inner]`, plus `bias [outer]`.
fn linear(x: &[f32], weight: &[f32], bias: &[f32]) -> Vec<f32> {
    let inner = weight.len() / bias.len();
    x.chunks_exact(inner)
        .flat_map(|x| {
            weight
                .chunks_exact(inner)
                .zip(bias)
                .map(move |(weight, bias)| bias + x.iter().zip(weight).map(|(x, w)| x * w).sum::<f32>())
        })
        .collect()
}

/// Gradients of [`linear`] with respect to `x`, weight and bias.
fn linear_backward(x: &[f32], weight: &[f32], outer: usize, d_out: &[f32]) -> (Vec<f32>, Vec<f32>, Vec<f32>) {
    let inner = weight.len() / outer;
    let (mut d_x, mut d_weight, mut d_bias) = (vec![0.0; x.len()], vec![0.0; weight.len()], vec![0.0; outer]);
    for (row, d_out) in d_out.chunks_exact(outer).enumerate() {
        for (k, &gradient) in d_out.iter().enumerate() {
            d_bias[k] += gradient;
            for i in 0..inner {
                d_x[row * inner + i] += gradient * weight[k * inner + i];
                d_weight[k * inner + i] += gradient * x[row * inner + i];
            }
        }
    }
    (d_x, d_weight, d_bias)
}

/// Membranes after the reset, `[T, N]`, by the single step.
fn membranes<F: Real>(neuron: &NeuronParameters, neurons: usize, input: &[F]) -> Vec<F> {
    let mut membrane = vec![F::of(neuron.first_membrane()); neurons];
    let mut out = Vec::new();
    for currents in input.chunks_exact(neurons) {
        for (membrane, &current) in membrane.iter_mut().zip(currents) {
            step(neuron, Fire::Step, F::of(neuron.threshold), F::ONE, membrane, current);
        }
        out.extend_from_slice(&membrane);
    }
    out
}

#[test]
fn neurons_forward_and_backward() {
    let file = golden("lif_forward_backward.json");
    let cases = file["cases"].as_array().expect("cases");
    assert_eq!(cases.len(), 24, "lif_forward_backward.json: cases");
    let slope = number(&file["surrogate"]["slope"]);
    for case in cases {
        let (steps, neurons) = (integers(&case["steps"])[0], integers(&case["neurons"])[0]);
        let attached = NeuronParameters {
            beta: number(&case["beta"]),
            threshold: number(&case["threshold"]),
            initial: 0.0,
            // snnTorch's "zero" sets the membrane to 0, its "subtract" takes the threshold off.
            reset: match case["reset"].as_str() {
                Some("zero") => Reset::Hard,
                Some("subtract") => Reset::Soft,
                other => panic!("reset {other:?}"),
            },
            detach_reset: false,
            surrogate: Surrogate::FastSigmoid { slope },
        };
        let detached = NeuronParameters { detach_reset: true, ..attached };
        let name = |what: &str| format!("{what} of the case with seed {} ({attached:?})", case["seed"]);
        let (input, upstream) = (values(&case["input"]), values(&case["upstream_gradient"]));
        let (threshold, ones) = (vec![attached.threshold; neurons], vec![1.0; neurons]);
        let thresholds = Thresholds { values: &threshold, scales: &ones };
        let want = values(&case["spikes"]);

        let spikes = neuron_scan::forward(&attached, steps, neurons, thresholds, &input);
        assert_eq!(spikes, want, "{}", name("spikes"));
        let (wide_input, wide_upstream) = (wide(&input), wide(&upstream));
        let (spikes, _) =
            neuron_scan::reference::forward_text(&attached, Fire::Step, neurons, thresholds, &wide_input);
        assert_eq!(spikes, wide(&want), "{}", name("spikes in f64"));
        let loss: f64 = spikes.iter().zip(&wide_upstream).map(|(spike, gradient)| spike * gradient).sum();
        assert_close(&name("loss"), &[loss], &[number(&case["loss"])], LAYER);

        let want = values(&case["membrane"]);
        assert_close(&name("membrane"), &membranes(&attached, neurons, &input), &want, LAYER);
        assert_close(&name("membrane in f64"), &membranes(&attached, neurons, &wide_input), &want, LAYER);

        for (neuron, key) in [(detached, "input_gradient_detached"), (attached, "input_gradient_attached")] {
            let want = values(&case[key]);
            let got = neuron_scan::backward(&neuron, steps, neurons, thresholds, &input, &upstream);
            assert_close(&name(key), &got, &want, LAYER);
            let mut got = vec![0.0; want.len()];
            neuron_scan::reference::backward_text(
                &neuron,
                Fire::Step,
                neurons,
                thresholds,
                &wide_input,
                &wide_upstream,
                &mut got,
            );
            assert_close(&name(&format!("{key} in f64")), &got, &want, LAYER);
        }
    }
}

#[test]
fn surrogate_derivatives() {
    let file = golden("surrogate_values.json");
    let x = values(&file["x"]);
    assert!(x.len() > 80, "surrogate_values.json: x");
    let parameter = |family: &str, key: &str| number(&file["families"][family]["parameters"][key]);
    // "snntorch_triangular" is in the file to be known, not to be implemented: it is no triangle.
    for (family, surrogate) in [
        ("fast_sigmoid", Surrogate::FastSigmoid { slope: parameter("fast_sigmoid", "slope") }),
        ("atan", Surrogate::Arctangent { alpha: parameter("atan", "alpha") }),
        // The file's triangle has area 1, ours height 1: the same for its width of 1.
        ("triangle", Surrogate::Triangle { slope: 1.0 / parameter("triangle", "width") }),
    ] {
        let want = values(&file["families"][family]["derivative"]);
        let got: Vec<f32> = x.iter().map(|&x| surrogate.derivative(x)).collect();
        assert_close(family, &got, &want, DERIVATIVE);
        let got: Vec<f64> = x.iter().map(|&x| surrogate.derivative(f64::from(x))).collect();
        assert_close(&format!("{family} in f64"), &got, &want, DERIVATIVE);
    }
}

/// Convolution, neurons, sum over positions, neurons, linear, neurons; then all the way back. Pooled neurons count
/// whole spikes against a threshold times the number of positions, where snnTorch's average them.
#[test]
fn the_paper_network_forward_and_backward() {
    let file = golden("paper_network.json");
    let of_shape = |key: &str| integers(&file["shape"][key])[0];
    let (steps, texts, length, classes) =
        (of_shape("steps"), of_shape("batch"), of_shape("length"), of_shape("classes"));
    let shape = ConvolutionShape {
        widths: integers(&file["widths"]),
        filters: of_shape("filters"),
        dimension: of_shape("dim"),
    };
    let channels = shape.channels();
    let threshold_of = |layer: &str| number(&file["thresholds"][layer]);
    let neuron = NeuronParameters {
        beta: number(&file["beta"]),
        threshold: threshold_of("conv"),
        initial: 0.0,
        reset: Reset::Soft,
        detach_reset: true,
        surrogate: Surrogate::FastSigmoid { slope: number(&file["surrogate"]["slope"]) },
    };

    // Every (text, position) has rows of its own, [B L, T, D]; what lies past a text's length is not given at all and
    // must come out as the silence that it is in the file.
    let input = exchange(&values(&file["input_spikes"]), steps, texts * length, shape.dimension);
    let mut spikes = SpikeTrain::silent(texts * length * steps, shape.dimension);
    for (i, _) in input.iter().enumerate().filter(|(_, value)| **value == 1.0) {
        spikes.set(i / shape.dimension, i % shape.dimension);
    }
    assert_eq!(spikes.count() as f32, input.iter().sum::<f32>(), "input spikes are 0 and 1");
    let mut batch = TokenBatch::new(length);
    for (b, own) in integers(&file["lengths"]).into_iter().enumerate() {
        let first = b * length;
        batch.push((first..first + own).map(|row| row as u32));
        assert!((first + own..first + length).all(|row| (0..steps).all(|t| spikes.count_row(row * steps + t) == 0)));
    }

    // Forward. The file's convolution has neither presence current nor bias.
    let synapses = to_columns(&shape, &file["conv_weights"]);
    let (presence, bias) = (vec![0.0; shape.products()], vec![0.0; channels]);
    let workspace = Workspace::default();
    let layer = SpikingConvolution {
        shape: &shape,
        neuron: &neuron,
        time: steps.into(),
        weights: Weights::new(&synapses, &presence, &bias),
        workspace: &workspace,
    };
    let (counts, saved) = layer.forward_for_training(&spikes, &batch);
    let over_time: Vec<f32> = counts
        .chunks_exact(steps * channels)
        .flat_map(|text| (0..channels).map(|c| text.iter().skip(c).step_by(channels).sum::<f32>()))
        .collect();
    assert_eq!(over_time, values(&file["conv_spike_counts"]), "convolution spikes");

    let positions: Vec<f32> = (0..texts * channels)
        .map(|i| batch.positions(i / channels, shape.widths[i % channels / shape.filters]) as f32)
        .collect();
    let pool_values: Vec<f32> = positions.iter().map(|positions| threshold_of("pool") * positions).collect();
    let pool = Thresholds { values: &pool_values, scales: &positions };
    let pool_spikes = neuron_scan::forward(&neuron, steps, channels, pool, &counts);
    let want = exchange(&values(&file["pool_spikes"]), steps, texts, channels);
    assert_eq!(pool_spikes, want, "pool spikes");

    let weight = values(&file["linear_weight"]);
    let currents = linear(&pool_spikes, &weight, &vec![0.0; classes]);
    let (out_values, ones) = (vec![threshold_of("out"); texts * classes], vec![1.0; texts * classes]);
    let out = Thresholds { values: &out_values, scales: &ones };
    let output_spikes = neuron_scan::forward(&neuron, steps, classes, out, &currents);
    let want = exchange(&values(&file["output_spikes"]), steps, texts, classes);
    assert_eq!(output_spikes, want, "output spikes");

    let labels = integers(&file["labels"]);
    let (loss, d_output) = cross_entropy(&output_spikes, classes, |row| labels[row / steps]);
    assert_close("loss", &[loss], &[number(&file["loss"])], LOSS);

    // Backward.
    let d_currents = neuron_scan::backward(&neuron, steps, classes, out, &currents, &d_output);
    let (d_pool_spikes, d_weight, _) = linear_backward(&pool_spikes, &weight, classes, &d_currents);
    assert_close("linear weight", &d_weight, &values(&file["linear_weight_gradient"]), SPIKING_GRADIENT);
    let d_counts = neuron_scan::backward(&neuron, steps, channels, pool, &counts, &d_pool_spikes);
    let gradients = layer.backward(&spikes, &batch, &saved, &d_counts);
    let want = to_columns(&shape, &file["conv_weight_gradients"]);
    assert_close("convolution weights", &gradients.synapses, &want, SPIKING_GRADIENT);
}

#[test]
fn the_text_cnn_forward_and_backward() {
    let file = golden("text_cnn.json");
    let of_shape = |key: &str| integers(&file["shape"][key])[0];
    let (texts, length, classes) = (of_shape("batch"), of_shape("length"), of_shape("classes"));
    let shape = ConvolutionShape {
        widths: integers(&file["widths"]),
        filters: of_shape("filters"),
        dimension: of_shape("dim"),
    };
    let codes = values(&file["input"]);
    let weights = to_columns(&shape, &file["conv_weights"]);
    let bias = values(&file["conv_biases"]);
    let (linear_weight, linear_bias) = (values(&file["linear_weight"]), values(&file["linear_bias"]));
    let labels = integers(&file["labels"]);
    let mut batch = TokenBatch::new(0);
    for (b, own) in integers(&file["lengths"]).into_iter().enumerate() {
        batch.push((b * length..b * length + own).map(|row| row as u32));
    }
    assert_eq!(batch.len(), texts);

    for (pooling, variant) in [(Pooling::Average, "average"), (Pooling::Maximum, "max")] {
        let want = &file[variant];
        let check = |what: &str, got: &[f32], want: &[f32]| {
            assert_close(&format!("{variant}: {what}"), got, want, TEXT_CNN);
        };
        let workspace = Workspace::default();
        let layer = TextConvolution { shape: &shape, pooling, weights: &weights, bias: &bias, workspace: &workspace };
        let (features, products) = layer.forward(&codes, &batch);
        check("features", &features, &values(&want["features"]));
        let logits = linear(&features, &linear_weight, &linear_bias);
        check("logits", &logits, &values(&want["logits"]));
        let (loss, d_logits) = cross_entropy(&logits, classes, |row| labels[row]);
        assert_close(&format!("{variant}: loss"), &[loss], &[number(&want["loss"])], LOSS);

        let gradients = &want["gradients"];
        let (d_features, d_weight, d_bias) = linear_backward(&features, &linear_weight, classes, &d_logits);
        check("linear weight", &d_weight, &values(&gradients["linear_weight"]));
        check("linear bias", &d_bias, &values(&gradients["linear_bias"]));
        let got = layer.backward(&codes, &batch, &products, &d_features, true);
        check("input", &got.codes, &values(&gradients["input"]));
        check("convolution weights", &got.weights, &to_columns(&shape, &gradients["conv_weights"]));
        check("convolution biases", &got.bias, &values(&gradients["conv_biases"]));
    }
}
