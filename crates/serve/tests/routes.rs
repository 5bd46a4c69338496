//! Every route, what it refuses, and what stands around its answers.

mod common;
#[path = "common/server.rs"]
mod server;

use std::sync::Arc;

use axum::{
    body::Body,
    http::{Method, Request, StatusCode, header},
};
use common::{get, model, post, post_json, send};
use serde_json::{Value, json};
use server::Server;
use spiketext::{
    CostReport,
    explain::{Explainer, json as explained},
    network::Readout,
};
use spiketext_serve::{Tokens, Watch};

/// Numbers as they come back from a document.
fn written(values: &[f32]) -> Value {
    serde_json::from_str(&serde_json::to_string(values).expect("JSON")).expect("JSON")
}

const TEXTS: [&str; 5] = ["a good film", "bad bad", "qqq zzz", "", "good good film and a bad film"];

#[tokio::test]
async fn texts_are_labelled_in_order_as_the_model_does() {
    let server = Server::new(|_| {});
    for name in ["first", "adds", "tags"] {
        let answer = post_json(&server.router, "/v1/classify", json!({ "texts": TEXTS, "model": name })).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        let answer = answer.json();
        let model = server.model(name);
        assert_eq!(answer["model"], name);
        assert_eq!(answer["version"].as_str().map(str::len), Some(12));
        let (predictions, _) = model.predict(&TEXTS);
        let results = answer["results"].as_array().expect("results");
        assert_eq!(results.len(), TEXTS.len());
        for (result, expected) in results.iter().zip(&predictions) {
            assert_eq!(result["label"], model.labels()[expected.label].as_str());
            assert_eq!(result["unknown"], expected.unknown);
            assert_eq!(
                (&result["tokens"], &result["known_tokens"]),
                (&json!(expected.tokens), &json!(expected.known_tokens))
            );
            assert_eq!(result["acs"], expected.operations.acs());
            let labels = expected.labels.as_ref();
            let labels = labels.map(|own| own.iter().map(|&class| &model.labels()[class]).collect::<Vec<_>>());
            assert_eq!(result.get("labels"), labels.map(|labels| json!(labels)).as_ref());
            let listed = result["probabilities"].as_array().expect("probabilities");
            assert_eq!(listed[0]["label"], result["label"]);
            let mut last = f64::INFINITY;
            for one in listed {
                let class = model.labels().iter().position(|label| one["label"] == label.as_str()).expect("a class");
                let probability = one["probability"].as_f64().expect("a number");
                assert_eq!(probability as f32, expected.probabilities[class], "not rounded");
                assert!(probability <= last);
                last = probability;
            }
            let sum: f64 = listed.iter().filter_map(|one| one["probability"].as_f64()).sum();
            assert!(name == "tags" || (sum - 1.0).abs() < 1e-6, "{sum}");
        }
    }
    // Many texts, which are written elsewhere.
    let many: Vec<&str> = TEXTS.into_iter().cycle().take(1000).collect();
    let answer = post_json(&server.router, "/v1/classify", json!({ "texts": many })).await.json();
    let (results, few) = (answer["results"].as_array().expect("results"), TEXTS.len());
    assert_eq!(results.len(), 1000);
    assert!((few..1000).all(|at| results[at] == results[at - few]));
    // One text, by the first model; few classes; no label where none is probable enough.
    let body = json!({ "text": "a good film", "top_k": 1, "threshold": 1.0 });
    let answer = post_json(&server.router, "/v1/classify", body).await.json();
    assert_eq!((&answer["model"], answer["results"].as_array().map(Vec::len)), (&json!("first"), Some(1)));
    let result = &answer["results"][0];
    assert_eq!((&result["label"], result["probabilities"].as_array().map(Vec::len)), (&Value::Null, Some(1)));
    assert_eq!(result["probability"], result["probabilities"][0]["probability"]);
    let body = json!({ "text": "a good film", "model": "tags", "threshold": 0.0 });
    let all = post_json(&server.router, "/v1/classify", body).await.json();
    assert_eq!(all["results"][0]["labels"].as_array().map(Vec::len), Some(3));
}

#[tokio::test]
async fn every_spike_is_shown_with_the_names_of_its_axes() {
    let server = Server::new(|_| {});
    for name in ["first", "adds"] {
        let model = server.model(name);
        let (_, trace, potentials) = model.watch("good qqq film").expect("a known word");
        let body = json!({ "text": "good qqq film", "model": name, "membranes": true });
        let answer = post_json(&server.router, "/v1/trace", body).await.json();
        let tokens: Vec<(Option<&str>, &Value)> = answer["tokens"]
            .as_array()
            .expect("tokens")
            .iter()
            .map(|one| (one["text"].as_str(), &one["known"]))
            .collect();
        assert_eq!(
            tokens,
            [(Some("good"), &json!(true)), (Some("qqq"), &json!(false)), (Some("film"), &json!(true))]
        );
        assert_eq!(answer["steps"], 4);
        assert_eq!(
            (&answer["input"]["axes"], &answer["input"]["shape"]),
            (&json!(["step", "token", "dimension"]), &json!([4, 3, 3]))
        );
        let of =
            |value: &Value| -> Vec<Vec<usize>> { serde_json::from_value(value.clone()).expect("lists of indices") };
        let mut expected = Vec::new();
        for t in 0..4 {
            for (at, train) in trace.tokens.iter().enumerate() {
                expected.extend((0..3).filter(|&d| train.get(t, d)).map(|d| vec![t, at, d]));
            }
        }
        assert_eq!(of(&answer["input"]["spikes"]), expected);
        let layers = answer["layers"].as_array().expect("layers");
        let names: Vec<&str> = layers.iter().filter_map(|layer| layer["name"].as_str()).collect();
        assert_eq!(layers.len(), 4, "{names:?}");
        assert!(names[0].ends_with("width 1") && names[1].ends_with("width 2"), "{names:?}");
        assert_eq!(
            (&layers[0]["axes"], &layers[0]["shape"]),
            (&json!(["step", "position", "filter"]), &json!([4, 3, 2]))
        );
        assert_eq!(layers[1]["shape"], json!([4, 2, 2]));
        assert_eq!((&layers[2]["axes"], &layers[2]["shape"]), (&json!(["step", "neuron"]), &json!([4, 4])));
        assert_eq!((&layers[3]["axes"], &layers[3]["shape"]), (&json!(["step", "output"]), &json!([4, 6])));
        for (which, train) in trace.convolution().iter().enumerate() {
            let found = of(&layers[which]["spikes"]);
            assert_eq!(found.len() as u64, train.count());
            let positions = train.rows() / 4;
            assert!(found.iter().all(|at| train.get(at[0] * positions + at[1], at[2])));
        }
        assert_eq!(layers[3]["spikes"].is_null(), name == "adds");
        assert_eq!(layers[0]["currents"], written(&potentials.layers[0].currents[0]));
        assert_eq!(layers[1]["membranes"], written(&potentials.layers[0].membranes[1]));
        let by_step = answer["scores_by_step"].as_array().expect("scores");
        assert_eq!((by_step.len(), by_step.last()), (4, Some(&answer["scores"])));
        let (predictions, _) = model.predict(&["good qqq film"]);
        assert_eq!(answer["label"], model.labels()[predictions[0].label].as_str());
        assert_eq!(answer["probabilities"], written(&predictions[0].probabilities));
        // What the read-out adds up to is what explanations take apart, where outputs add up.
        if name == "adds" {
            let scores = Explainer::new(&model).explain("good qqq film").expect("reasons").scores;
            for (score, shown) in scores.iter().zip(answer["scores"].as_array().expect("scores")) {
                assert!((score - shown.as_f64().expect("a number")).abs() < 1e-5);
            }
        }
    }
    let plain = post_json(&server.router, "/v1/trace", json!({ "text": "good" })).await.json();
    assert!(plain["layers"][0].get("currents").is_none() && plain["layers"][0].get("membranes").is_none());
    let unknown = post_json(&server.router, "/v1/trace", json!({ "text": "qqq" })).await.json();
    assert_eq!(
        (&unknown["unknown"], &unknown["layers"], &unknown["tokens"][0]["text"]),
        (&json!(true), &Value::Null, &json!("qqq"))
    );
}

#[tokio::test]
async fn reasons_are_those_of_the_program_and_costs_those_of_the_library() {
    let server = Server::new(|options| options.limits.tokens = 8);
    for (name, quick) in [("first", false), ("adds", true), ("tags", false)] {
        let model = server.model(name);
        for text in TEXTS {
            let answer =
                post_json(&server.router, "/v1/explain", json!({ "text": text, "model": name, "quick": quick }))
                    .await;
            let mut answer = answer.json();
            let mut explainer = Explainer::new(&model);
            let found = explainer.explain(text);
            let deletion = found.as_ref().filter(|_| !quick).map(|found| explainer.delete(found));
            let found = found.as_ref().map(|found| (found, deletion.as_ref()));
            let expected = serde_json::to_value(explained::object(&model, text, found)).expect("JSON");
            let own = answer.as_object_mut().expect("an object");
            assert_eq!(own.remove("model"), Some(json!(name)));
            assert!(own.remove("version").is_some());
            assert_eq!(answer, expected);
        }
        let answer = post_json(&server.router, "/v1/energy", json!({ "texts": TEXTS, "model": name })).await.json();
        let operations: Vec<_> = model.predict(&TEXTS).0.into_iter().map(|one| one.operations).collect();
        let report = CostReport::spiking(model.network(), &operations);
        assert_eq!((&answer["texts"], &answer["accumulations"]), (&json!(5), &json!(report.work.acs())));
        let energy = &report.energies[0];
        assert_eq!(answer["tables"][energy.table.name]["snn_microjoules"], json!(energy.network));
        assert_eq!(answer["tables"].as_object().map(serde_json::Map::len), Some(report.energies.len()));
    }
    // Long texts are explained quickly or not at all, and not traced.
    let words = |count: usize| vec!["good"; count].join(" ");
    for (path, count, quick, field) in [
        ("/v1/explain", 9, false, Some("quick")),
        ("/v1/explain", 8, false, None),
        ("/v1/explain", 128, true, None),
        ("/v1/explain", 129, true, Some("text")),
    ] {
        let answer = post_json(&server.router, path, json!({ "text": words(count), "quick": quick })).await;
        match field {
            Some(field) => assert_eq!((answer.status.as_u16(), answer.refusal().0.as_str()), (422, field)),
            None => assert_eq!(answer.status, StatusCode::OK, "{}", answer.text()),
        }
    }
    let long = post_json(&server.router, "/v1/trace", json!({ "text": words(9) })).await;
    assert_eq!((long.status.as_u16(), long.refusal().0.as_str()), (422, "text"));
    assert!(long.refusal().2.contains("--max-tokens"));
}

#[tokio::test]
async fn refusals_have_one_shape_and_name_the_field() {
    let server = Server::new(|options| {
        options.limits.body = 2000;
        options.limits.text = 100;
        options.limits.texts = 3;
    });
    let long = "x".repeat(101);
    for (path, body, status, field, told) in [
        ("/v1/classify", "{", 400, "", "JSON"),
        ("/v1/classify", "", 400, "", "JSON"),
        ("/v1/classify", r#"{"text": "a"} more"#, 400, "", "JSON"),
        ("/v1/classify", r#"{"text": "\ud800"}"#, 400, "", "JSON"),
        ("/v1/classify", r#" ["a"]"#, 422, "body", "object"),
        ("/v1/classify", "{}", 422, "text", "neither"),
        ("/v1/classify", r#"{"text": "a", "texts": ["b"]}"#, 422, "texts", "both"),
        ("/v1/classify", r#"{"texts": []}"#, 422, "texts", "none"),
        ("/v1/classify", r#"{"texts": ["a", "b", "c", "d"]}"#, 422, "texts", "--max-texts"),
        ("/v1/classify", r#"{"texts": ["a", "b", 3]}"#, 422, "texts[2]", "string"),
        ("/v1/classify", &format!(r#"{{"texts": ["a", "{long}"]}}"#), 422, "texts[1]", "--max-text"),
        ("/v1/classify", &format!(r#"{{"text": "{long}"}}"#), 422, "text", "--max-text"),
        ("/v1/classify", r#"{"text": "a", "top_k": 0}"#, 422, "top_k", "1 or more"),
        ("/v1/classify", r#"{"text": "a", "top_k": -1}"#, 422, "top_k", "-1"),
        ("/v1/classify", r#"{"text": "a", "threshold": 1.5}"#, 422, "threshold", "1.5"),
        ("/v1/classify", r#"{"text": "a", "treshold": 0.5}"#, 422, "treshold", "`threshold`"),
        ("/v1/classify", r#"{"text": "a", "model": "none"}"#, 404, "model", "first, adds, tags"),
        ("/v1/trace", r#"{"texts": ["a"]}"#, 422, "texts", "unknown field"),
        ("/v1/explain", r#"{"text": "a", "quick": 1}"#, 422, "quick", "boolean"),
        ("/v1/explain", &format!(r#"{{"text": "{long}"}}"#), 422, "text", "--max-text"),
        ("/v1/energy", r#"{"text": null}"#, 422, "text", "neither"),
        ("/v1/trace", r#"{"text": "good", "changes": {"steps": 0}}"#, 422, "changes.steps", "1 to 64"),
        ("/v1/trace", r#"{"text": "good", "changes": {"steps": 65}}"#, 422, "changes.steps", "65"),
        ("/v1/explain", r#"{"text": "good", "changes": {"threshold": 0}}"#, 422, "changes.threshold", "0.01"),
        ("/v1/energy", r#"{"text": "good", "changes": {"encoder": "morse"}}"#, 422, "changes.encoder", "regular"),
        ("/v1/energy", r#"{"text": "good", "changes": {"step": 1}}"#, 422, "changes.step", "`steps`"),
        ("/v1/trace", r#"{"text": "good", "changes": {"encoder": "phase", "steps": 3}}"#, 409, "changes", "8"),
        ("/v1/attack", r#"{"text": "good", "attack": "textfooler"}"#, 422, "attack", "deepwordbug"),
        ("/v1/attack", r#"{"text": "good", "attack": "homophones"}"#, 409, "attack", "random"),
        ("/v1/attack", r#"{"text": "good", "model": "tags"}"#, 409, "model", "several labels"),
        ("/v1/filter", r#"{"width": 3, "filter": 0}"#, 404, "width", "(1, 2)"),
        ("/v1/filter", r#"{"width": 1, "filter": 2}"#, 404, "filter", "0 to 1"),
        ("/v1/filter", r#"{"width": 1}"#, 422, "body", "filter"),
        ("/v1/filter", r#"{"width": 1, "filter": 1e300}"#, 404, "filter", "got 1e+300"),
        ("/v1/filter", r#"{"width": null, "filter": 0}"#, 422, "width", "null"),
        // A list is not taken for fields in their order, and numbers are told as they were written.
        ("/v1/trace", r#"{"text": "good", "changes": [4]}"#, 422, "changes", "expected a JSON object"),
        ("/v1/explain", r#"{"text": "good", "changes": [4, "regular", 1]}"#, 422, "changes", "sequence"),
        ("/v1/energy", r#"{"text": "good", "changes": "none"}"#, 422, "changes", "expected a JSON object"),
        ("/v1/trace", r#"{"text": "good", "changes": {"steps": 1e300}}"#, 422, "changes.steps", "got 1e+300"),
        ("/v1/trace", r#"{"text": "good", "changes": {"steps": 1.5}}"#, 422, "changes.steps", "got 1.5"),
        // Halves of pairs are told as such, whichever half came.
        ("/v1/trace", r#"{"text": "\ud83d"}"#, 400, "", "half a surrogate pair"),
        ("/v1/trace", r#"{"text": "\ud83d\ud83d"}"#, 400, "", "half a surrogate pair"),
        ("/v1/trace", r#"{"text": "a \ude00 b"}"#, 400, "", "half a surrogate pair"),
        // What is no JSON is that before all else.
        ("/v1/classify", "[[[[", 400, "", "JSON"),
        ("/v1/classify", r#"{"text": ["#, 400, "", "JSON"),
        ("/v1/classify", r#"[] []"#, 400, "", "JSON"),
    ] {
        let answer = post(&server.router, path, body.to_owned()).await;
        let (named, _, message) = answer.refusal();
        assert_eq!((answer.status.as_u16(), named.as_str()), (status, field), "{body}: {message}");
        assert!(message.contains(told), "{body}: {message}");
    }
    // Bytes that are no text, and nesting without an end.
    let bytes = [&b"{\"text\": \""[..], &[0xff, 0xfe], b"\"}"].concat();
    let answer = post(&server.router, "/v1/classify", bytes).await;
    assert_eq!((answer.status, answer.refusal().1.as_str()), (StatusCode::BAD_REQUEST, "malformed"));
    assert!(answer.refusal().2.contains("the byte 0xff at offset 10"), "{}", answer.text());
    for deep in [format!("{{\"text\": {}", "[".repeat(1500)), "[".repeat(1500)] {
        let deep = post(&server.router, "/v1/classify", deep).await;
        assert_eq!(deep.status, StatusCode::BAD_REQUEST, "{}", deep.text());
    }
    let deep = format!("{{\"text\": {}{}}}", "[".repeat(900), "]".repeat(900));
    assert_eq!(post(&server.router, "/v1/classify", deep).await.refusal().0, "text");
    // A body that is too large, be its length said or not.
    for body in [Body::from("x".repeat(2001)), Body::from_stream_of(&["x".repeat(1500), "x".repeat(1500)])] {
        let answer = post(&server.router, "/v1/classify", body).await;
        assert_eq!((answer.status.as_u16(), answer.refusal().1.as_str()), (413, "too_large"));
        assert!(answer.refusal().2.contains("--max-body"));
    }
    for given in ["text/plain", "application/jsonx", ""] {
        let request = Request::post("/v1/classify").header(header::CONTENT_TYPE, given).body(Body::from("{}"));
        let answer = send(&server.router, request.expect("a request")).await;
        assert_eq!((answer.status.as_u16(), answer.refusal().1.as_str()), (415, "unsupported_media_type"));
    }
    let request = Request::post("/v1/classify").header(header::CONTENT_TYPE, "application/JSON; charset=utf-8");
    let answer = send(&server.router, request.body(Body::from(r#"{"text": "a"}"#)).expect("a request")).await;
    assert_eq!(answer.status, StatusCode::OK);
    for path in ["/page", "/v1", "/v1/classify/", "/.env", "/v2/models"] {
        assert_eq!(get(&server.router, path).await.refusal().1, "not_found");
    }
    for (method, path, allowed) in [
        (Method::GET, "/v1/classify", "POST"),
        (Method::DELETE, "/v1/models", "GET"),
        (Method::POST, "/healthz", "GET"),
    ] {
        let request = Request::builder().method(method).uri(path).body(Body::empty()).expect("a request");
        let answer = send(&server.router, request).await;
        assert_eq!((answer.status.as_u16(), answer.refusal().1.as_str()), (405, "method_not_allowed"));
        assert!(answer.header("allow").contains(allowed), "{path}: {:?}", answer.headers);
    }
}

/// Bodies whose length nobody says.
trait Streams {
    fn from_stream_of(parts: &[String]) -> Self;
}

impl Streams for Body {
    fn from_stream_of(parts: &[String]) -> Self {
        let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
        for part in parts {
            sender.send(axum::body::Bytes::from(part.clone())).expect("a receiver");
        }
        Self::new(Parts(receiver))
    }
}

struct Parts(tokio::sync::mpsc::UnboundedReceiver<axum::body::Bytes>);

impl axum::body::HttpBody for Parts {
    type Data = axum::body::Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<hyper::body::Frame<Self::Data>, Self::Error>>> {
        self.0.poll_recv(context).map(|part| part.map(|part| Ok(hyper::body::Frame::data(part))))
    }
}

#[tokio::test]
async fn a_body_that_does_not_end_is_not_waited_for() {
    let server = Server::new(|options| options.limits.deadline = std::time::Duration::from_millis(50));
    let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
    sender.send(axum::body::Bytes::from("{\"text\": ")).expect("a receiver");
    let answer = post(&server.router, "/v1/classify", Body::new(Parts(receiver))).await;
    assert_eq!((answer.status.as_u16(), answer.refusal().1.as_str()), (408, "slow_body"));
    drop(sender);
}

#[tokio::test]
async fn tokens_open_all_but_what_tells_of_life() {
    let server = Server::new(|options| options.tokens = Tokens::parse("one two", "a test").expect("tokens"));
    let ask = |path: &str, token: Option<&str>| {
        let request = Request::get(path);
        let request = match token {
            Some(token) => request.header(header::AUTHORIZATION, token),
            None => request,
        };
        request.body(Body::empty()).expect("a request")
    };
    for path in ["/healthz", "/readyz"] {
        assert_eq!(send(&server.router, ask(path, None)).await.status, StatusCode::OK);
    }
    for path in ["/v1/models", "/metrics", "/openapi.json", "/nowhere"] {
        for wrong in [None, Some("Bearer three"), Some("Basic one"), Some("Bearer one two")] {
            let answer = send(&server.router, ask(path, wrong)).await;
            assert_eq!((answer.status.as_u16(), answer.header("www-authenticate")), (401, "Bearer"), "{path}");
            assert_eq!(answer.refusal().1, "unauthorized");
        }
    }
    for right in ["Bearer one", "bearer two"] {
        assert_eq!(send(&server.router, ask("/v1/models", Some(right))).await.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn models_are_listed_and_the_interface_described() {
    let server = Server::new(|_| {});
    let models = get(&server.router, "/v1/models").await.json();
    let listed = models["models"].as_array().expect("models");
    let names: Vec<(&Value, &Value)> = listed.iter().map(|one| (&one["name"], &one["default"])).collect();
    assert_eq!(
        names,
        [(&json!("first"), &json!(true)), (&json!("adds"), &json!(false)), (&json!("tags"), &json!(false))]
    );
    assert_eq!(listed[0]["labels"], json!(["negative", "neutral", "positive"]));
    assert!(listed[0].get("thresholds").is_none() && listed[2]["thresholds"].is_array());
    assert_ne!(listed[0]["version"], listed[1]["version"]);
    let document = get(&server.router, "/openapi.json").await.json();
    assert!(document["openapi"].as_str().is_some_and(|version| version.starts_with("3.")), "{document}");
    let paths: Vec<&String> = document["paths"].as_object().expect("paths").keys().collect();
    for path in [
        "/v1/classify",
        "/v1/trace",
        "/v1/explain",
        "/v1/energy",
        "/v1/attack",
        "/v1/filter",
        "/v1/models",
        "/healthz",
        "/readyz",
        "/metrics",
    ] {
        assert!(paths.iter().any(|own| *own == path), "{path}");
    }
    let schemas = document["components"]["schemas"].as_object().expect("schemas");
    for schema in ["ClassifyRequest", "ClassifyAnswer", "Classified", "TraceLayer", "Refusal", "Reason"] {
        assert!(schemas.contains_key(schema), "{schema}: {:?}", schemas.keys().collect::<Vec<_>>());
    }
    let fields: Vec<&String> = schemas["ClassifyRequest"]["properties"].as_object().expect("fields").keys().collect();
    assert_eq!(fields, ["model", "text", "texts", "threshold", "top_k"]);
    for (at, field) in ["text", "texts"].into_iter().enumerate() {
        assert_eq!(schemas["EnergyRequest"]["oneOf"][at]["required"], json!([field]));
    }
    // Whatever a body asks for, it can be refused as one.
    for path in ["/v1/classify", "/v1/trace", "/v1/explain", "/v1/energy", "/v1/attack", "/v1/filter"] {
        let responses = document["paths"][path]["post"]["responses"].as_object().expect("responses");
        for status in ["200", "400", "401", "404", "408", "413", "415", "422", "500", "503", "504"] {
            assert!(responses.contains_key(status), "{path}: {status}");
        }
    }
}

/// In JSON a whole number may be written with a point.
#[tokio::test]
async fn whole_numbers_may_have_a_point() {
    let server = Server::new(|_| {});
    for (number, status) in [
        ("1", 200),
        ("2.0", 200),
        ("1473471740361914656512615968145408", 200),
        ("0", 422),
        ("0.0", 422),
        ("1.5", 422),
        ("-1.0", 422),
        ("\"1\"", 422),
    ] {
        let request = Request::post("/v1/classify").header(header::CONTENT_TYPE, "application/json");
        let body = format!(r#"{{"text": "good", "top_k": {number}}}"#);
        let answer = send(&server.router, request.body(Body::from(body)).expect("a request")).await;
        assert_eq!(answer.status, status, "{number}");
    }
}

#[tokio::test]
async fn requests_are_counted_and_logged_without_their_texts() {
    let server = Server::new(|options| options.build = "abc".to_owned());
    let request = Request::post("/v1/classify").header(header::CONTENT_TYPE, "application/json");
    let request = request.header("x-request-id", "mine-1").body(Body::from(r#"{"texts": ["good secret", "film"]}"#));
    let answer = send(&server.router, request.expect("a request")).await;
    assert_eq!(answer.header("x-request-id"), "mine-1");
    for (name, value) in [("cache-control", "no-store"), ("x-content-type-options", "nosniff")] {
        assert_eq!(answer.header(name), value);
    }
    assert!(answer.header("content-security-policy").contains("default-src 'none'"));
    assert_eq!(answer.header("access-control-allow-origin"), "");
    let request = Request::get("/nowhere/7").header("x-request-id", "not \"sane\"").body(Body::empty());
    let lost = send(&server.router, request.expect("a request")).await;
    let id = lost.header("x-request-id").to_owned();
    assert_eq!(id.len(), 16, "{id}");
    let told = get(&server.router, "/metrics").await;
    assert!(told.header("content-type").starts_with("application/openmetrics-text"));
    let told = told.text();
    for line in [
        r#"spiketext_requests_total{build="abc",route="/v1/classify",method="POST",status="200"} 1"#,
        r#"spiketext_requests_total{build="abc",route="unmatched",method="GET",status="404"} 1"#,
        r#"spiketext_texts_total{build="abc",model="first"} 2"#,
        r#"spiketext_request_duration_seconds_bucket{build="abc",le="0.0001",route="/v1/classify"}"#,
        r#"spiketext_queue_duration_seconds_count{build="abc",model="first"} 1"#,
        r#"spiketext_batch_texts_sum{build="abc",model="first"} 2.0"#,
        r#"spiketext_spikes_total{build="abc",model="first"}"#,
        r#"spiketext_accumulations_total{build="abc",model="first"}"#,
        r#"spiketext_model{build="abc",model="tags",version=""#,
    ] {
        assert!(told.contains(line), "{line}\n{told}");
    }
    assert!(told.ends_with("# EOF\n"));
    server.log.close();
    let lines = server.lines.objects();
    assert_eq!(
        (&lines[0]["id"], &lines[0]["route"], &lines[0]["status"]),
        (&json!("mine-1"), &json!("/v1/classify"), &json!(200))
    );
    assert_eq!((&lines[0]["model"], &lines[0]["count"]), (&json!("first"), &json!(2)));
    assert_eq!((&lines[1]["id"], &lines[1]["route"]), (&json!(id), &json!("unmatched")));
    assert!(!format!("{lines:?}").contains("secret"));
    let server = Server::new(|options| options.log_texts = true);
    post_json(&server.router, "/v1/explain", json!({ "text": "good secret" })).await;
    server.log.close();
    assert_eq!(server.lines.objects()[0]["texts"], json!(["good secret"]));
}

#[tokio::test]
async fn a_changed_folder_is_the_next_version_and_a_damaged_one_is_not() {
    let server = Server::new(|_| {});
    let mut watch = Watch::new(Arc::clone(&server.application));
    let ask = async || {
        let answer = post_json(&server.router, "/v1/classify", json!({ "text": "good film" })).await;
        assert_eq!(answer.status, StatusCode::OK);
        answer.json()
    };
    let place = server.folder.path().join("first");
    let old = ask().await;
    watch.look();
    assert_eq!(ask().await, old);
    let next = model(3.0, Readout::Membrane);
    next.save(&place).expect("saved");
    watch.look();
    let new = ask().await;
    assert_ne!(new["version"], old["version"]);
    let (expected, _) = next.predict(&["good film"]);
    assert_eq!(
        new["results"][0]["probability"].as_f64().map(|p| p as f32),
        Some(expected[0].probabilities[expected[0].label])
    );
    // Damaged, looked at twice; gone; and there again.
    std::fs::write(place.join("config.json"), "{}").expect("written");
    watch.look();
    watch.look();
    assert_eq!(ask().await, new);
    assert_eq!(get(&server.router, "/readyz").await.status, StatusCode::OK);
    std::fs::remove_dir_all(&place).expect("removed");
    watch.look();
    watch.look();
    assert_eq!(ask().await, new);
    model(1.0, Readout::SpikeCount).save(&place).expect("saved");
    watch.look();
    assert_eq!(ask().await["version"], old["version"]);
    server.log.close();
    let lines = server.lines.objects();
    let told: Vec<&str> =
        lines.iter().filter(|line| line["event"] == "reload").filter_map(|line| line["level"].as_str()).collect();
    assert_eq!(told, ["info", "warning", "warning", "info"]);
    let told = get(&server.router, "/metrics").await.text();
    assert!(
        told.contains(r#"model="first",outcome="failed"} 2"#)
            && told.contains(r#"model="first",outcome="replaced"} 2"#)
    );
    assert_eq!(told.matches("spiketext_model{").count(), 3, "old versions have no series");
}

/// The fields of a body, as the document has them, with those within them; `above` are the schemas they lie in.
fn fields_of(document: &Value, schema: &Value, above: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    let parts = ["items", "additionalProperties"].into_iter().filter_map(|part| schema.get(part));
    for part in parts.chain(schema["oneOf"].as_array().into_iter().flatten()) {
        found.extend(fields_of(document, part, above));
    }
    if let Some(name) = schema["$ref"].as_str().and_then(|name| name.rsplit('/').next())
        && !above.contains(&name)
    {
        found.extend(fields_of(document, &document["components"]["schemas"][name], &[above, &[name]].concat()));
    }
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        found.push(name.clone());
        found.extend(fields_of(document, property, above));
    }
    found
}

#[tokio::test]
async fn the_reference_has_every_route_and_field_of_the_document() {
    let server = Server::new(|options| options.listen = "0.0.0.0:1234".parse().expect("an address"));
    let document = get(&server.router, "/openapi.json").await.json();
    let answer = get(&server.router, "/reference").await;
    let policy = answer.header("content-security-policy");
    assert!(policy.contains("default-src 'none'") && !policy.contains("script") && !policy.contains("unsafe"));
    assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
    let page = answer.text();
    assert!(page.len() < 100_000 && !page.contains("<script") && !page.contains("style=\""), "{}", page.len());
    let mut fields = 0;
    for (path, methods) in document["paths"].as_object().expect("paths") {
        for (method, operation) in methods.as_object().expect("methods") {
            let title = format!("\">{}</span> <code>{path}</code></a></h2>", method.to_uppercase());
            let section = page.split("<section").find(|section| section.contains(&title));
            let section = section.unwrap_or_else(|| panic!("{title}"));
            let has = |told: &str| assert!(section.contains(told), "{method} {path}: {told}\n{section}");
            has("curl -s http://127.0.0.1:1234");
            let request = &operation["requestBody"]["content"]["application/json"]["schema"];
            let mut schemas = vec![request];
            for (status, response) in operation["responses"].as_object().expect("responses") {
                has(status);
                // What stands between backticks is code.
                response["description"].as_str().expect("a description").split('`').for_each(has);
                let bodies = response["content"].as_object().into_iter().flatten();
                schemas.extend(bodies.filter(|_| status.starts_with('2')).map(|(_, body)| &body["schema"]));
            }
            for field in schemas.iter().flat_map(|schema| fields_of(&document, schema, &[])) {
                has(&format!("</span>{field}</code>"));
                fields += 1;
            }
        }
    }
    assert!(fields > 90, "{fields}");
    let refusal = page.split("<section").find(|section| section.contains("id=\"refusals\"")).expect("refusals");
    for field in fields_of(&document, &document["components"]["schemas"]["Refusal"], &[]) {
        assert!(refusal.contains(&format!("</span>{field}</code>")), "{field}");
    }
    // Bounds, choices and limits are those of the document.
    for told in ["1 to 64", "1 to 1024 of them", "one of deepwordbug, ", "one of these", "--max-tokens", "results[]."]
    {
        assert!(page.contains(told), "{told}");
    }
    // What is shown as an example is taken.
    for (path, methods) in document["paths"].as_object().expect("paths") {
        let schema = &methods["post"]["requestBody"]["content"]["application/json"]["schema"];
        let Some(name) = schema["$ref"].as_str().and_then(|name| name.rsplit('/').next()) else { continue };
        let mut body = document["components"]["schemas"][name]["example"].clone();
        // The small models of this test have narrow filters.
        if path == "/v1/filter" {
            body["width"] = 2.into();
        }
        assert_eq!(post_json(&server.router, path, body).await.status, StatusCode::OK, "{path}");
    }
    // Links do not give tokens, so the page does not ask for one, and says that the rest does.
    let server = Server::new(|options| options.tokens = Tokens::parse("one", "a test").expect("tokens"));
    let page = get(&server.router, "/reference").await.text();
    assert!(page.contains("Authorization: Bearer $TOKEN") && page.contains("asks for a token"));
    let first = get(&server.router, "/reference").await;
    let request = Request::get("/reference").header(header::IF_NONE_MATCH, first.header("etag"));
    let again = send(&server.router, request.body(Body::empty()).expect("a request")).await;
    assert_eq!((again.status, again.bytes.len()), (StatusCode::NOT_MODIFIED, 0));
}
