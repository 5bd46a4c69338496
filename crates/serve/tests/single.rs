//! What is asked about one text: other settings, letters that flip an answer, what a filter likes; and the page that asks it.

mod common;
#[path = "common/server.rs"]
mod server;

use axum::{
    body::Body,
    http::{Request, StatusCode, header},
};
use common::{get, post_json, send};
use serde_json::{Value, json};
use server::Server;
use spiketext::{
    encode::Encoder,
    explain::{Explainer, favourites::favourites, json as explained},
    model::Changes,
};

const TEXT: &str = "a good film and a bad film";

#[tokio::test]
async fn other_settings_are_those_of_the_library() {
    let server = Server::new(|_| {});
    let model = server.model("adds");
    let changes = Changes { steps: Some(7), encoder: Some(Encoder::Latency), threshold: Some(0.5) };
    let changed = model.with_changes(&changes).expect("changes");
    let asked = json!({ "steps": 7.0, "encoder": "latency", "threshold": 0.5 });
    let body = json!({ "text": TEXT, "model": "adds", "changes": asked });
    let trace = post_json(&server.router, "/v1/trace", body.clone()).await.json();
    assert_eq!((&trace["steps"], &trace["encoder"]), (&json!(7), &json!("latency")));
    let layer = &trace["layers"][0];
    assert_eq!((&layer["width"], &layer["threshold"], &layer["shape"][0]), (&json!(1), &json!(0.5), &json!(7)));
    let (predictions, _) = changed.predict(&[TEXT]);
    let probabilities: Vec<f32> = serde_json::from_value(trace["probabilities"].clone()).expect("numbers");
    assert_eq!(probabilities, predictions[0].probabilities);
    let mut quick = body.clone();
    quick["quick"] = true.into();
    let reasons = post_json(&server.router, "/v1/explain", quick).await.json();
    let found = Explainer::new(&changed).explain(TEXT);
    let wanted = explained::object(&changed, TEXT, found.as_ref().map(|found| (found, None)));
    let wanted = serde_json::to_value(wanted).expect("JSON");
    assert_eq!((&reasons["scores"], &reasons["ngrams"]), (&wanted["scores"], &wanted["ngrams"]));
    let energy = post_json(&server.router, "/v1/energy", body).await.json();
    assert_eq!(energy["accumulations"].as_f64(), Some(predictions[0].operations.acs() as f64));
    // What is as it was is no change, whatever is asked in between.
    for changes in [Value::Null, json!({}), json!({ "steps": 4, "encoder": "regular", "threshold": 1 })] {
        let body = json!({ "text": TEXT, "model": "adds", "changes": changes });
        let plain = post_json(&server.router, "/v1/energy", body).await.json();
        let (predictions, _) = model.predict(&[TEXT]);
        assert_eq!(plain["accumulations"].as_f64(), Some(predictions[0].operations.acs() as f64));
    }
    for steps in 1..=12 {
        let body = json!({ "text": "good", "model": "adds", "changes": { "steps": steps } });
        assert_eq!(post_json(&server.router, "/v1/trace", body).await.json()["steps"], steps);
    }
}

#[tokio::test]
async fn work_grows_no_further_than_tokens_and_steps_allow() {
    let server = Server::new(|options| options.limits.tokens = 4);
    let ask = async |text: &str, steps: usize| {
        let body = json!({ "text": text, "model": "adds", "changes": { "steps": steps } });
        post_json(&server.router, "/v1/trace", body).await
    };
    // Four tokens in eight steps, or two in sixteen.
    assert_eq!(ask("good bad film good", 8).await.status, StatusCode::OK);
    let (field, _, message) = ask("good bad film good", 9).await.refusal();
    assert!(field == "changes.steps" && message.contains("at most 8 steps for 4 tokens"), "{message}");
    assert_eq!(ask("good bad", 16).await.status, StatusCode::OK);
    assert_eq!(ask("good bad", 17).await.status, StatusCode::CONFLICT);
    for path in ["/v1/explain", "/v1/energy", "/v1/attack"] {
        let body =
            |steps: usize| json!({ "text": "good bad film good", "model": "adds", "changes": { "steps": steps } });
        assert_eq!(post_json(&server.router, path, body(8)).await.status, StatusCode::OK, "{path}");
        assert_eq!(post_json(&server.router, path, body(9)).await.refusal().0, "changes.steps", "{path}");
    }
    let body = json!({ "text": "good bad film good bad", "model": "adds" });
    assert_eq!(post_json(&server.router, "/v1/attack", body).await.refusal().0, "text");
}

#[tokio::test]
async fn an_attack_ends_with_a_text_that_is_answered_so() {
    let server = Server::new(|_| {});
    for (model, attack) in [("first", Value::Null), ("adds", json!("deepwordbug")), ("adds", json!("random"))] {
        let body = json!({ "text": TEXT, "model": model, "attack": attack });
        let answer = post_json(&server.router, "/v1/attack", body.clone()).await.json();
        let own = server.model(model);
        let label = |text: &str| own.labels()[own.predict(&[text]).0[0].label].clone();
        let text = answer["text"].as_str().expect("a text");
        assert_eq!((&answer["label"], &answer["label_after"]), (&label(TEXT).into(), &label(text).into()));
        assert_eq!(answer["flipped"], answer["label"] != answer["label_after"]);
        assert_eq!(
            answer["flipped"] == true || answer["changes"] == json!([]),
            text != TEXT || answer["flipped"] == false
        );
        let words: Vec<&str> = TEXT.split(' ').collect();
        for change in answer["changes"].as_array().expect("changes") {
            assert_eq!(change["from"], words[change["place"].as_u64().expect("a place") as usize]);
        }
        assert_eq!(post_json(&server.router, "/v1/attack", body).await.json(), answer, "the same every time");
    }
}

#[tokio::test]
async fn filters_tell_what_they_like_and_rivals_what_they_cost() {
    let server = Server::new(|_| {});
    let model = server.model("first");
    for (width, filter) in [(1, 0), (2, 1)] {
        let body = json!({ "width": width, "filter": filter });
        let answer = post_json(&server.router, "/v1/filter", body).await.json();
        let wanted = favourites(&model, width - 1, filter, 8);
        assert_eq!(answer["places"], serde_json::to_value(&wanted.places).expect("JSON"));
        assert_eq!(answer["places"].as_array().map(Vec::len), Some(width));
    }
    // Means over texts, of which one is not run.
    let [one, both] = [json!([TEXT]), json!([TEXT, "qqq"])].map(|texts| json!({ "texts": texts }));
    let of = async |body: Value| post_json(&server.router, "/v1/energy", body).await.json()["rivals"].clone();
    let (one, both) = (of(one).await, of(both).await);
    for at in 0..2 {
        let table = "45 nm, int8 (Horowitz 2014)";
        let [whole, half] = [&one, &both].map(|told| told[at]["microjoules"][table].as_f64().expect("a number"));
        assert!(whole > 0.0 && (half - whole / 2.0).abs() < 1e-12 * whole, "{whole} {half}");
    }
}

#[tokio::test]
async fn the_page_comes_whole_with_a_policy_and_is_kept() {
    let server = Server::new(|options| {
        options.tokens = spiketext_serve::Tokens::parse("a-token-of-sixteen", "tokens").expect("tokens")
    });
    let page = get(&server.router, "/").await;
    assert_eq!((page.status, page.header("content-type")), (StatusCode::OK, "text/html; charset=utf-8"));
    let parts: Vec<String> = page
        .text()
        .split("\"page/")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap_or_default().to_owned())
        .collect();
    assert!(parts.len() > 10);
    for path in parts.iter().map(|part| format!("/page/{part}")).chain(["/".to_owned()]) {
        let first = get(&server.router, &path).await;
        assert_eq!(first.status, StatusCode::OK, "{path}");
        let policy = first.header("content-security-policy");
        assert!(
            policy.contains("default-src 'none'")
                && policy.contains("script-src 'self'")
                && !policy.contains("unsafe")
        );
        assert_eq!((first.header("x-content-type-options"), first.header("cache-control")), ("nosniff", "no-cache"));
        let request = Request::get(&path).header(header::IF_NONE_MATCH, first.header("etag"));
        let again = send(&server.router, request.body(Body::empty()).expect("a request")).await;
        assert_eq!((again.status, again.bytes.len()), (StatusCode::NOT_MODIFIED, 0), "{path}");
    }
    for path in ["/page/nothing.js", "/page/..%2fCargo.toml", "/page/index.html"] {
        assert_eq!(get(&server.router, path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    assert_eq!(get(&server.router, "/v1/models").await.status, StatusCode::UNAUTHORIZED);
}
