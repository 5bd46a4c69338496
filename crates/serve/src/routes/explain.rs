//! `POST /v1/explain`: which words and n-grams pushed a text to its label.

use std::sync::Arc;

use axum::{Extension, body::Body, extract::State, http::Response};
use serde::Deserialize;
use spiketext::explain::{Explainer, json};
use utoipa::ToSchema;

use super::changes::{ChangesField, ChangesRequest};
use crate::{
    accompany::Context,
    application::{Application, Pace, Until},
    asked::{Asked, check_text},
    problem::{self, Problem},
};

/// How many times as many tokens are explained where no word is taken out.
pub const QUICK: usize = 16;

/// A text to explain.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"text": "not the worst film, but close"}))]
pub struct ExplainRequest {
    /// The text.
    text: String,
    /// The name of a model; the first one of the server where it is absent.
    model: Option<String>,
    /// Do not ask the network again without each word: no drops, no fewest words.
    #[serde(default)]
    quick: bool,
    /// Other settings of the model.
    #[schema(value_type = Option<ChangesRequest>)]
    changes: ChangesField,
}

/// Tells why a text has its label.
///
/// The answer is the object of `spiketext explain --json`, with the name and the version of the model. Texts of many
/// tokens are explained with `quick` only.
#[utoipa::path(
    post,
    path = "/v1/explain",
    request_body = ExplainRequest,
    responses(
        (status = 200, description = "The reasons, as `spiketext explain --json` has them", body = serde_json::Value),
    )
)]
pub async fn explain(
    State(application): State<Arc<Application>>,
    Extension(context): Extension<Context>,
    Asked(request): Asked<ExplainRequest>,
) -> Result<Response<Body>, Problem> {
    let ExplainRequest { text, model, quick, changes } = request;
    let limits = application.options.limits;
    check_text(&text, "text", &limits)?;
    let (name, version) = context.begin(&application, std::slice::from_ref(&text), model.as_deref())?;
    let work = move |until: &Until| {
        let own = &version.model;
        let tokens = own.words(&text).0.len().min(own.network().config().padding.longest());
        let most = if quick { limits.tokens.saturating_mul(QUICK) } else { limits.tokens };
        if tokens > most {
            let (field, helps) =
                if quick { ("text", "") } else { ("quick", "; \"quick\": true leaves out what takes long") };
            let message =
                format!("expected at most {most} tokens (spiketext serve --max-tokens), got {tokens}{helps}");
            return Err(Problem::invalid(field, message));
        }
        let model = ChangesRequest::apply(&changes, &version, &limits, tokens)?;
        let mut explainer = Explainer::new(&model);
        let found = explainer.explain(&text);
        let words = found.as_ref().filter(|_| !quick);
        let deletion = words.map(|found| explainer.delete_while(found, &|| until.check())).transpose()?;
        let found = found.as_ref().map(|found| (found, deletion.as_ref()));
        let object = json::object(&model, &text, found).by(&name, &version.name);
        serde_json::to_vec(&object).map_err(|_| Problem::internal())
    };
    application.work(Pace::Quick, context.deadline, work).await.map(problem::json)
}
