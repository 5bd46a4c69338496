//! What a request is refused with: a status and one JSON shape.

use axum::{
    body::Body,
    http::{HeaderValue, Response, StatusCode, header},
    response::IntoResponse,
};
use serde::Serialize;
use utoipa::ToSchema;

/// Why a request was refused.
#[derive(Clone, Debug)]
pub struct Problem {
    /// The status.
    pub status: StatusCode,
    /// A name for programs.
    pub code: &'static str,
    /// A sentence for people.
    pub message: String,
    /// The field of the request that it is about.
    pub field: Option<String>,
    /// After how many seconds to try again.
    pub retry_after: Option<u32>,
}

/// The body of every refusal.
#[derive(Debug, Serialize, ToSchema)]
pub struct Refusal {
    /// What was wrong.
    error: Reason,
}

/// What was wrong with a request.
#[derive(Debug, Serialize, ToSchema)]
pub struct Reason {
    /// A name for programs, such as `too_large` or `overloaded`.
    code: &'static str,
    /// What was expected, what came, and what helps.
    message: String,
    /// The field it is about, such as `texts[3]`; absent where it is about none.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
}

impl Problem {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), field: None, retry_after: None }
    }

    /// The body is no JSON.
    pub fn malformed(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed", message)
    }

    /// A field has a value that does not do.
    pub fn invalid(field: impl Into<String>, message: impl Into<String>) -> Self {
        let field = Some(field.into());
        Self { field, ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", message) }
    }

    /// A field has a value that would do, but not for this model or beside the other fields.
    pub fn unsuitable(field: impl Into<String>, message: impl Into<String>) -> Self {
        let field = Some(field.into());
        Self { field, ..Self::new(StatusCode::CONFLICT, "unsuitable", message) }
    }

    /// The model has no such filter.
    pub fn unknown_filter(field: impl Into<String>, message: impl Into<String>) -> Self {
        let field = Some(field.into());
        Self { field, ..Self::new(StatusCode::NOT_FOUND, "unknown_filter", message) }
    }

    /// No model has this name.
    pub fn unknown_model(name: &str, known: &[&str]) -> Self {
        let message = format!("expected a model that is served ({}), got '{name}'", known.join(", "));
        let field = Some("model".to_owned());
        Self { field, ..Self::new(StatusCode::NOT_FOUND, "unknown_model", message) }
    }

    /// Nothing is there.
    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", "nothing is served here: /openapi.json lists what is")
    }

    /// Something is there, for another method.
    pub fn method() -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method_not_allowed",
            "another method is served here: the header Allow names it",
        )
    }

    /// Nobody who may ask.
    pub fn unauthorized() -> Self {
        let message = "expected a token of this server in the header Authorization: Bearer TOKEN";
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", message)
    }

    /// The body is no JSON by its own account.
    pub fn media_type(got: &str) -> Self {
        let message = format!("expected the header Content-Type: application/json, got '{got}'");
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", message)
    }

    /// The body is larger than it may be.
    pub fn too_large(limit: usize) -> Self {
        let message = format!("expected a body of at most {limit} bytes (spiketext serve --max-body), got more");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", message)
    }

    /// The body did not come in time.
    pub fn slow_body() -> Self {
        let message = "expected the whole body before the deadline (spiketext serve --deadline)";
        Self::new(StatusCode::REQUEST_TIMEOUT, "slow_body", message)
    }

    /// The answer did not come in time.
    pub fn late() -> Self {
        let message = "no answer before the deadline (spiketext serve --deadline): ask for less at a time";
        Self { retry_after: Some(1), ..Self::new(StatusCode::GATEWAY_TIMEOUT, "late", message) }
    }

    /// There is no room for more.
    pub fn overloaded(message: impl Into<String>) -> Self {
        Self { retry_after: Some(1), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", message) }
    }

    /// Not yet, or no more.
    pub fn not_ready(message: impl Into<String>) -> Self {
        Self { retry_after: Some(1), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, "not_ready", message) }
    }

    /// An error of this program.
    pub fn internal() -> Self {
        let message = "the server failed at this request; its log has the request's id";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", message)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response<Body> {
        let Self { status, code, message, field, retry_after } = self;
        let refusal = Refusal { error: Reason { code, message, field } };
        let mut response = document(&refusal);
        *response.status_mut() = status;
        if let Some(seconds) = retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// An answer in JSON.
pub fn document(value: &impl Serialize) -> Response<Body> {
    match serde_json::to_vec(value) {
        Ok(bytes) => json(bytes),
        // Maps with keys that are no strings: nothing here has them.
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// An answer whose JSON is written already.
pub fn json(bytes: Vec<u8>) -> Response<Body> {
    let mut response = Response::new(Body::from(bytes));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
