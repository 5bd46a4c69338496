//! The OpenAPI document as it is served: what every route that reads a body has in common, and what its types cannot say.

use serde_json::{Map, Value, json};
use spiketext::Encoder;
use spiketext_attack::AttackRecipe;
use utoipa::openapi::OpenApi;

use super::{attack::OFFERED, explain::QUICK};
use crate::options::Limits;

/// What may come of a request with a body, whatever it asks for.
const REFUSALS: [(&str, &str); 11] = [
    ("400", "No JSON, or it did not come whole"),
    ("401", "No token of this server"),
    ("404", "No such model, or filter of it"),
    ("408", "The body did not come in time"),
    ("409", "A field does not suit this model, or the other fields; it is named"),
    ("413", "The body is too large"),
    ("415", "The body is not said to be JSON"),
    ("422", "A field is wrong; it is named"),
    ("500", "A fault of the server"),
    ("503", "No room; try again after `Retry-After` seconds"),
    ("504", "No answer before the deadline"),
];

/// Adds to what is said of texts how long they may be.
fn say_limits(properties: &mut Map<String, Value>, limits: &Limits) {
    let many = format!(
        "At most {} (`spiketext serve --max-texts`, `--queue`), each of at most {} bytes (`--max-text`).",
        limits.texts.min(limits.queue),
        limits.text
    );
    let one = format!("At most {} bytes (`spiketext serve --max-text`).", limits.text);
    let tokens = match (properties.contains_key("quick"), properties.contains_key("texts")) {
        (_, true) => String::new(),
        (true, _) => format!(
            " At most {} tokens (`--max-tokens`), with `quick` {}.",
            limits.tokens,
            limits.tokens.saturating_mul(QUICK)
        ),
        _ => format!(" At most {} tokens (`--max-tokens`).", limits.tokens),
    };
    for (field, told) in [("text", one + &tokens), ("texts", many)] {
        if let Some(Value::String(description)) = properties.get_mut(field).and_then(|one| one.get_mut("description"))
        {
            *description += &format!(" {told}");
        }
    }
}

/// The whole document.
pub fn complete(document: &OpenApi, limits: &Limits) -> Value {
    let mut document = serde_json::to_value(document).unwrap_or_default();
    let refusal = json!({"application/json": {"schema": {"$ref": "#/components/schemas/Refusal"}}});
    for path in document["paths"].as_object_mut().into_iter().flat_map(|paths| paths.values_mut()) {
        let Some(responses) = path.pointer_mut("/post/responses").and_then(Value::as_object_mut) else { continue };
        for (status, description) in REFUSALS {
            let own = || json!({"description": description, "content": refusal});
            responses.entry(status).or_insert_with(own);
        }
    }
    let encoders = Encoder::ALL.map(Encoder::name);
    let attacks = OFFERED.map(AttackRecipe::name);
    for schema in document["components"]["schemas"].as_object_mut().into_iter().flat_map(|all| all.values_mut()) {
        let closed = schema["additionalProperties"] == false;
        let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) else { continue };
        // What answers have, nobody sends.
        if closed {
            say_limits(properties, limits);
        }
        for (field, names) in [("encoder", &encoders[..]), ("attack", &attacks[..])] {
            // Answers have such fields, too, whose type is plainly a string.
            let may_be_absent = |field: &&mut Value| field["type"].is_array();
            if let Some(field) = properties.get_mut(field).filter(may_be_absent) {
                field["enum"] = names.iter().map(|name| json!(name)).chain([Value::Null]).collect();
            }
        }
        let either = properties.contains_key("text") && properties.contains_key("texts");
        if !either {
            continue;
        }
        if let Some(threshold) = properties.get_mut("threshold") {
            (threshold["minimum"], threshold["maximum"]) = (0.into(), 1.into());
        }
        if let Some(top) = properties.get_mut("top_k") {
            top["minimum"] = 1.into();
        }
        // A text or texts, which the types of fields that may be absent or null do not say.
        let none = json!({"type": "null"});
        let texts = json!({"type": "array", "minItems": 1, "maxItems": limits.texts.min(limits.queue)});
        schema["oneOf"] = json!([
            {"required": ["text"], "properties": {"text": {"type": "string"}, "texts": none}},
            {"required": ["texts"], "properties": {"texts": texts, "text": none}},
        ]);
    }
    document
}
