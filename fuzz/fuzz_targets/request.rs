//! A body that anybody may send to any route of a server: it is answered or refused in the one shape, never by a fault.

#![no_main]

use std::sync::{Arc, LazyLock};

use axum::{Router, body::Body, http::Request};
use http_body_util::BodyExt;
use libfuzzer_sys::fuzz_target;
use spiketext_serve::{Application, Log, Options, Place, router};
use tokio::runtime::Runtime;
use tower::ServiceExt;

const ROUTES: [&str; 6] =
    ["/v1/classify", "/v1/trace", "/v1/explain", "/v1/energy", "/v1/attack", "/v1/filter"];

/// A server of one small model, and what runs it.
static SERVER: LazyLock<(Runtime, Router)> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a temporary folder").keep();
    spiketext_fuzz::model().save(&folder).expect("saved");
    let options = Options::new(vec![Place { name: "model".to_owned(), folder }]);
    let log = Log::to(std::io::sink()).expect("a log");
    let application = Application::new(options, log);
    application.load().expect("a model");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    (runtime, router(Arc::clone(&application)))
});

fuzz_target!(|bytes: &[u8]| {
    let Some((&which, body)) = bytes.split_first() else { return };
    let (runtime, router) = &*SERVER;
    let path = ROUTES[usize::from(which) % ROUTES.len()];
    let request = Request::post(path).header("content-type", "application/json").body(Body::from(body.to_vec()));
    let answer = runtime.block_on(async {
        let response = router.clone().oneshot(request.expect("a request")).await.expect("an answer");
        let status = response.status().as_u16();
        (status, response.into_body().collect().await.expect("a body").to_bytes())
    });
    let (status, told) = answer;
    let told: serde_json::Value = serde_json::from_slice(&told).expect("JSON");
    assert!([200, 400, 404, 409, 422].contains(&status), "{status}: {told}");
    assert_eq!(status != 200, told["error"]["message"].is_string());
});
