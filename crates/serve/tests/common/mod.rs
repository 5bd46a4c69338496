//! What the tests of the server share: small models, and requests without a network.

// Each test file is a program that uses its own part of this.
#![allow(dead_code)]

use std::{
    io::Write,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::Body,
    http::{HeaderMap, Request, StatusCode, header},
};
use http_body_util::BodyExt;
use serde_json::Value;
use spiketext::{
    Language, Model,
    encode::Encoder,
    model::Training,
    network::{Codes, LayerWeights, Network, Padding, Readout, SynapseBits, TextCnnConfig, UnknownWord, Weights},
    text::Vocabulary,
};
use spiketext_kernels::{ConvolutionShape, NeuronParameters};
use tower::ServiceExt;

/// A model of three words and three classes; another `shift` is another model, and outputs fire or add up.
pub fn model(shift: f32, readout: Readout) -> Model {
    let neuron = NeuronParameters::paper();
    let config = TextCnnConfig {
        convolution: ConvolutionShape { widths: vec![1, 2], filters: 2, dimension: 3 },
        classes: 3,
        outputs_per_class: 2,
        steps: 4,
        encoder: Encoder::Regular,
        unknown: UnknownWord::Silent,
        padding: Padding::Valid,
        readout,
        convolution_neuron: neuron,
        feature_neuron: Some(neuron),
        output_neuron: neuron,
        synapse_bits: SynapseBits::Sixteen,
    };
    let convolution = LayerWeights {
        synapses: (0..18).map(|i| i as f32 / 8.0 - 1.0).collect(),
        presence: vec![0.25; 6],
        bias: vec![0.5; 4],
        ..LayerWeights::default()
    };
    let features = LayerWeights { thresholds: vec![0.5; 4], ..LayerWeights::default() };
    let output = LayerWeights {
        synapses: (0..24).map(|i| shift - (i * 7 % 24) as f32 / 8.0).collect(),
        bias: vec![0.0; 6],
        ..LayerWeights::default()
    };
    let weights = Weights {
        codes: Codes::Eight((0..9).map(|i| i * 28).collect()),
        layers: vec![convolution, LayerWeights::default(), features, output],
    };
    Model::new(
        Language::English,
        ["negative", "neutral", "positive"].map(str::to_owned).to_vec(),
        vec![0.25, 0.5, 0.25],
        1,
        Vocabulary::from_words(["good", "bad", "film"].map(str::to_owned).to_vec()).expect("words"),
        Network::new(config.into_network().expect("a chain"), weights).expect("a network"),
        Training { program: "test".into(), ..Training::default() },
    )
    .expect("a model")
}

/// A log that can be read.
#[derive(Clone, Default)]
pub struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    /// What was written so far, an object a line.
    pub fn objects(&self) -> Vec<Value> {
        let bytes = self.0.lock().expect("a log").clone();
        let text = String::from_utf8(bytes).expect("UTF-8");
        text.lines().map(|line| serde_json::from_str(line).expect("an object a line")).collect()
    }
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("a log").write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// An answer.
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub bytes: Vec<u8>,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("text"))
    }

    /// The field, the code and the message of a refusal, whose shape is looked at.
    pub fn refusal(&self) -> (String, String, String) {
        let refusal = self.json();
        let error = refusal["error"].as_object().expect("an error");
        assert!(error.keys().all(|key| ["code", "message", "field"].contains(&key.as_str())), "{refusal}");
        assert_eq!(self.header("content-type"), "application/json");
        let part = |name: &str| error.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        assert!(!part("code").is_empty() && !part("message").is_empty(), "{refusal}");
        (part("field"), part("code"), part("message"))
    }
}

/// Sends a request to a router.
pub async fn send(router: &Router, request: Request<Body>) -> Answer {
    let response = router.clone().oneshot(request).await.expect("an answer");
    let (head, body) = response.into_parts();
    let bytes = body.collect().await.expect("a body").to_bytes().to_vec();
    Answer { status: head.status, headers: head.headers, bytes }
}

pub async fn get(router: &Router, path: &str) -> Answer {
    send(router, Request::get(path).body(Body::empty()).expect("a request")).await
}

pub async fn post(router: &Router, path: &str, body: impl Into<Body>) -> Answer {
    let request = Request::post(path).header(header::CONTENT_TYPE, "application/json").body(body.into());
    send(router, request.expect("a request")).await
}

pub async fn post_json(router: &Router, path: &str, body: Value) -> Answer {
    post(router, path, body.to_string()).await
}
