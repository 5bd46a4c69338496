//! What happens around every request: its id, its deadline, who asks, headers of the answer, a line in the log, counts.

use std::{
    hash::{BuildHasher, RandomState},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderName, HeaderValue, Method, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use serde_json::{Map, Value};

use crate::{application::Application, problem::Problem, versions::Version};

/// The header of a request's id, in both directions.
const ID: HeaderName = HeaderName::from_static("x-request-id");
/// The route of the page's parts, which say nothing that is not in the program: they need no token, nor does the page.
pub const PAGE_PART: &str = "/page/{part}";
/// The route of the interface's page: a browser that follows a link gives no token.
pub const REFERENCE: &str = "/reference";
/// Longer ids of others are not taken over.
const LONGEST_ID: usize = 128;

/// What a browser is told of every answer, unless a route says otherwise: to keep nothing, guess nothing and run nothing.
const HEADERS: [(HeaderName, &str); 4] = [
    (header::CACHE_CONTROL, "no-store"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    (header::REFERRER_POLICY, "no-referrer"),
];

/// A request on its way.
#[derive(Clone, Debug)]
pub struct Context {
    /// When an answer is too late.
    pub deadline: Instant,
    notes: Arc<Mutex<Notes>>,
}

/// What the log is told by the route.
#[derive(Debug, Default)]
struct Notes {
    model: Option<(String, String)>,
    count: usize,
    texts: Option<Vec<String>>,
}

impl Context {
    /// A request that came at `start` and has no route yet.
    fn new(start: Instant, deadline: Duration) -> Self {
        Self { deadline: start + deadline, notes: Arc::default() }
    }

    /// The name and the present version of the model that a request asks for. The log is told of both and of the texts.
    ///
    /// # Errors
    /// As [`Application::model`].
    pub fn begin(
        &self,
        application: &Application,
        texts: &[String],
        model: Option<&str>,
    ) -> Result<(String, Arc<Version>), Problem> {
        let served = application.model(model)?;
        let (name, version) = (served.place.name.clone(), served.version());
        self.note_texts(texts, application.options.log_texts);
        self.note_model(&name, &version.name);
        Ok((name, version))
    }

    /// So many texts came; `texts` are they, where the log may have them.
    pub fn note_texts(&self, texts: &[String], logged: bool) {
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        notes.count = texts.len();
        notes.texts = logged.then(|| texts.to_vec());
    }

    /// This version of a model answered.
    pub fn note_model(&self, name: &str, version: &str) {
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        notes.model = Some((name.to_owned(), version.to_owned()));
    }
}

/// Writes the line of a request when it is dropped, so that one whose client has left has a line, too.
struct Record {
    application: Arc<Application>,
    context: Context,
    id: String,
    route: String,
    method: &'static str,
    start: Instant,
    /// 499 until there is an answer, as other servers have it for clients that left.
    status: u16,
}

impl Drop for Record {
    fn drop(&mut self) {
        let took = self.start.elapsed();
        self.application.metrics.request(&self.route, self.method, self.status, took);
        let notes = std::mem::take(&mut *self.context.notes.lock().unwrap_or_else(PoisonError::into_inner));
        let mut line = Map::new();
        let mut put = |name: &str, value: Value| line.insert(name.to_owned(), value);
        put("id", std::mem::take(&mut self.id).into());
        put("method", self.method.into());
        put("route", self.route.as_str().into());
        put("status", self.status.into());
        put("seconds", ((took.as_secs_f64() * 1e6).round() / 1e6).into());
        if let Some((model, version)) = notes.model {
            put("model", model.into());
            put("version", version.into());
        }
        if notes.count > 0 {
            put("count", notes.count.into());
        }
        if let Some(texts) = notes.texts {
            put("texts", texts.into());
        }
        let level = if self.status >= 500 && self.status != 503 { "error" } else { "info" };
        self.application.log.line(level, "request", line);
    }
}

/// Goes with a request from its first line to the head of its answer.
pub async fn accompany(State(application): State<Arc<Application>>, mut request: Request, next: Next) -> Response {
    let start = Instant::now();
    let context = Context::new(start, application.options.limits.deadline);
    let id = match request.headers().get(ID).and_then(|id| id.to_str().ok()) {
        Some(id) if is_sane(id) => id.to_owned(),
        _ => new_id(),
    };
    // Paths that are not served are one, or whoever looks for holes would make a series of each.
    let route = request.extensions().get::<MatchedPath>().map_or("unmatched", MatchedPath::as_str).to_owned();
    let mut record = Record {
        application: Arc::clone(&application),
        context: context.clone(),
        id: id.clone(),
        method: name_of(request.method()),
        route,
        start,
        status: 499,
    };
    let is_open = matches!(record.route.as_str(), "/healthz" | "/readyz" | "/" | PAGE_PART | REFERENCE);
    let authorization = request.headers().get(header::AUTHORIZATION).map(HeaderValue::as_bytes);
    let mut response = if is_open || application.options.tokens.open(authorization) {
        request.extensions_mut().insert(context);
        next.run(request).await
    } else {
        Problem::unauthorized().into_response()
    };
    record.status = response.status().as_u16();
    let headers = response.headers_mut();
    // Its characters were looked at.
    if let Ok(id) = HeaderValue::try_from(id) {
        headers.insert(ID, id);
    }
    for (name, value) in HEADERS {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

/// Methods have names of their own only where they are served or asked for often.
fn name_of(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        _ => "other",
    }
}

/// Whether an id that a client chose may stand in headers and logs.
fn is_sane(id: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:/+=".contains(&byte);
    (1..=LONGEST_ID).contains(&id.len()) && id.bytes().all(is_plain)
}

/// An id that no other request of this or another server has, as far as 64 random bits go.
fn new_id() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    // Keyed anew for each call.
    let random = RandomState::new().hash_one(NEXT.fetch_add(1, Ordering::Relaxed));
    format!("{random:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_others_are_taken_over_where_they_are_plain() {
        assert!(is_sane("a-B_3.4:5") && is_sane(&"x".repeat(LONGEST_ID)));
        assert!(!is_sane("") && !is_sane("a b") && !is_sane("a\"b") && !is_sane(&"x".repeat(LONGEST_ID + 1)));
        let ids: std::collections::HashSet<String> = (0..1000).map(|_| new_id()).collect();
        assert!(ids.len() == 1000 && ids.iter().all(|id| is_sane(id)));
    }
}
