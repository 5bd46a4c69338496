//! The body of a request: read within its limits, and taken apart so that errors name the field.

use std::{error::Error as _, fmt, marker::PhantomData, sync::Arc};

use axum::{
    body::Body,
    extract::{FromRequest, Request},
    http::{HeaderMap, header},
};
use http_body_util::BodyExt;
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, IgnoredAny, MapAccess, Visitor, value::MapAccessDeserializer},
};
use serde_json::error::Category;

use crate::{accompany::Context, application::Application, options::Limits, problem::Problem};

/// How many times its limit is read of a body that is too large, and thrown away: a client that is still sending would not
/// see why it was refused.
const READ_ON: usize = 4;

/// A request's body as what it asks for.
#[derive(Debug)]
pub struct Asked<T>(pub T);

impl<T: DeserializeOwned> FromRequest<Arc<Application>> for Asked<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, application: &Arc<Application>) -> Result<Self, Problem> {
        let (head, body) = request.into_parts();
        check_type(&head.headers)?;
        let context = head.extensions.get::<Context>().ok_or_else(Problem::internal)?;
        let waits = head.headers.contains_key(header::EXPECT);
        let reading = read(body, &head.headers, application.options.limits.body, waits);
        let bytes = tokio::time::timeout_at(context.deadline.into(), reading).await;
        parse(&bytes.map_err(|_| Problem::slow_body())??).map(Self)
    }
}

fn check_type(headers: &HeaderMap) -> Result<(), Problem> {
    let given = headers.get(header::CONTENT_TYPE).map(|value| value.to_str().unwrap_or("?"));
    let essence = given.unwrap_or("nothing").split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    Err(Problem::media_type(given.unwrap_or("nothing")))
}

/// The bytes of a body of at most `limit`; of a client that `waits` for leave to send, nothing is read past that.
async fn read(mut body: Body, headers: &HeaderMap, limit: usize, waits: bool) -> Result<Vec<u8>, Problem> {
    let declared = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    let is_declared_too_large = declared.is_some_and(|length| length > limit as u64);
    if is_declared_too_large && waits {
        return Err(Problem::too_large(limit));
    }
    let (mut bytes, mut read) = (Vec::new(), 0usize);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            let cause = error.source().map_or_else(|| error.to_string(), ToString::to_string);
            Problem::malformed(format!("the body did not come whole: {cause}"))
        })?;
        let Ok(data) = frame.into_data() else { continue };
        read = read.saturating_add(data.len());
        if read > limit.saturating_mul(READ_ON) {
            break;
        }
        if read > limit || is_declared_too_large {
            bytes = Vec::new();
        } else {
            bytes.extend_from_slice(&data);
        }
    }
    if read > limit || is_declared_too_large { Err(Problem::too_large(limit)) } else { Ok(bytes) }
}

/// Takes a body apart.
fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let at = error.valid_up_to();
        Problem::malformed(format!("expected UTF-8, got the byte 0x{:02x} at offset {at}", bytes[at]))
    })?;
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let asked: Object<T> = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        let error = error.into_inner();
        // What is no JSON at all is refused as that, whatever was wrong with it first.
        let malformed = match error.classify() {
            Category::Data => serde_json::from_str::<IgnoredAny>(text).err().map(|error| not_json(&error)),
            _ => Some(not_json(&error)),
        };
        if let Some(malformed) = malformed {
            return malformed;
        }
        match path.as_str() {
            "." | "?" => Problem::invalid("body", error.to_string()),
            _ => Problem::invalid(path, error.to_string()),
        }
    })?;
    deserializer.end().map_err(|error| Problem::malformed(format!("expected one JSON object, got {error}")))?;
    Ok(asked.0)
}

/// The refusal of what is no JSON.
fn not_json(error: &serde_json::Error) -> Problem {
    let told = error.to_string();
    // Its own words for this are about hexadecimal digits, which are all right.
    if told.contains("surrogate") || told.contains("end of hex escape") {
        let (line, column) = (error.line(), error.column());
        return Problem::malformed(format!(
            "expected JSON whose strings are text, got half a surrogate pair, such as \\ud83d without \\ude00 behind it, at line \
             {line} column {column}"
        ));
    }
    Problem::malformed(format!("expected JSON, got {told}"))
}

/// What only an object is taken for; a list would else be taken for its fields in their order.
#[derive(Clone, Debug, Default)]
pub struct Object<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Fields(PhantomData))
    }
}

/// Takes fields by their names.
struct Fields<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Fields<T> {
    type Value = Object<T>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Object)
    }
}

/// A whole number, which JSON may write as `2.0` or `1e300`. It is told as it was written.
#[derive(Clone, Debug)]
pub struct Whole {
    /// Of more than there can be as many as there can be.
    pub value: usize,
    written: serde_json::Number,
}

impl fmt::Display for Whole {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.written.fmt(formatter)
    }
}

impl<'de> Deserialize<'de> for Whole {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = serde_json::Number::deserialize(deserializer)?;
        let exact = written.as_f64().filter(|value| value.fract() == 0.0 && *value >= 0.0);
        let whole = written.as_u64().and_then(|value| usize::try_from(value).ok());
        match whole.or(exact.map(|value| value as usize)) {
            Some(value) => Ok(Self { value, written }),
            None => Err(serde::de::Error::custom(format!("expected a whole number, got {written}"))),
        }
    }
}

/// The texts of a request, given as `text` or `texts`.
///
/// # Errors
/// Names the field.
pub fn texts(text: Option<String>, texts: Option<Vec<String>>, limits: &Limits) -> Result<Vec<String>, Problem> {
    let (field, texts) = match (text, texts) {
        (Some(text), None) => ("text", vec![text]),
        (None, Some(texts)) => ("texts", texts),
        (Some(_), Some(_)) => return Err(Problem::invalid("texts", "expected either text or texts, got both")),
        (None, None) => return Err(Problem::invalid("text", "expected text or texts, got neither")),
    };
    let most = limits.texts.min(limits.queue);
    if texts.is_empty() {
        return Err(Problem::invalid(field, "expected one text or more, got none"));
    }
    if texts.len() > most {
        let count = texts.len();
        let message = format!("expected at most {most} texts (spiketext serve --max-texts, --queue), got {count}");
        return Err(Problem::invalid(field, message));
    }
    for (at, text) in texts.iter().enumerate() {
        let place = if field == "text" { field.to_owned() } else { format!("texts[{at}]") };
        check_text(text, &place, limits)?;
    }
    Ok(texts)
}

/// Refuses a text that is too long.
///
/// # Errors
/// Names the field.
pub fn check_text(text: &str, field: &str, limits: &Limits) -> Result<(), Problem> {
    if text.len() > limits.text {
        let (most, length) = (limits.text, text.len());
        let message = format!("expected at most {most} bytes (spiketext serve --max-text), got {length}");
        return Err(Problem::invalid(field, message));
    }
    Ok(())
}
