//! What is served, a route or a few of a kind a file, and the document that lists it.

mod attack;
mod changes;
mod classify;
mod document;
mod energy;
mod explain;
mod filter;
mod page;
mod reference;
mod service;
mod trace;

use std::{any::Any, sync::Arc};

use axum::{
    Router,
    body::Body,
    http::{Response, header},
    middleware::from_fn_with_state,
    response::IntoResponse,
    routing::get,
};
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::{
    Modify, OpenApi,
    openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    accompany::accompany,
    application::Application,
    problem::{self, Problem},
};

/// The interface as a document: its head; routes add themselves.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "spiketext",
        description = "Spiking text classifiers: labels, spikes, reasons and costs of texts. Every refusal has the body \
                       of `Refusal`; every answer has the header `x-request-id`.",
        license(name = "MIT OR Apache-2.0")
    ),
    modifiers(&Bearer)
)]
struct Head;

/// Says how tokens are given, where the server has some.
struct Bearer;

impl Modify for Bearer {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("bearer", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
        // Either a token or none: not every server has some.
        let none = SecurityRequirement::default();
        let token = SecurityRequirement::new::<_, [String; 0], String>("bearer", []);
        document.security = Some(vec![none, token]);
    }
}

/// The routes of a server.
pub fn router(application: Arc<Application>) -> Router {
    let (router, document) = OpenApiRouter::with_openapi(Head::openapi())
        .routes(routes!(classify::classify))
        .routes(routes!(trace::trace))
        .routes(routes!(explain::explain))
        .routes(routes!(energy::energy))
        .routes(routes!(attack::attack))
        .routes(routes!(filter::filter))
        .routes(routes!(service::models))
        .routes(routes!(service::health))
        .routes(routes!(service::readiness))
        .routes(routes!(service::metrics))
        .split_for_parts();
    // It has the same bytes as long as the program runs.
    let document = document::complete(&document, &application.options.limits);
    let reference = reference::page(&document, &application.options);
    let document = serde_json::to_vec(&document).unwrap_or_default();
    router
        .merge(page::routes(reference))
        .route("/openapi.json", get(move || std::future::ready(problem::json(document.clone()))))
        .fallback(|| std::future::ready(Problem::not_found()))
        .method_not_allowed_fallback(|| std::future::ready(Problem::method()))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(Arc::clone(&application), accompany))
        .with_state(application)
}

/// The panic itself was told when it came.
fn panicked(_: Box<dyn Any + Send + 'static>) -> Response<Body> {
    let mut response = Problem::internal().into_response();
    response.headers_mut().insert(header::CONNECTION, header::HeaderValue::from_static("close"));
    response
}
