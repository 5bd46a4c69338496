//! `GET /reference`: the interface for people. It is written from the OpenAPI document once, when the server starts, so that the
//! two cannot disagree; it has no script, so that it can be read wherever HTML can.

use std::{collections::BTreeSet, fmt::Write};

use serde_json::Value;

use crate::options::Options;

/// What a browser may do with it: show it. It has nothing to run and nobody to ask.
pub const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; \
                          frame-ancestors 'none'";

/// The mark of the project, as on the page that shows the spikes.
const MARK: &str = "<svg viewBox=\"0 0 32 16\" width=\"32\" height=\"16\" aria-hidden=\"true\"><path d=\"M1 12h8l2-10 3 13 2-3h5l2-10 \
                    3 13 1-3h4\" fill=\"none\" stroke=\"currentColor\" stroke-width=\"1.8\" stroke-linejoin=\"round\" \
                    stroke-linecap=\"round\"/></svg>";

/// The page.
pub fn page(document: &Value, options: &Options) -> String {
    let mut page = Page { document, options, html: String::new() };
    page.write();
    page.html
}

/// A field of a body, as it is shown.
struct Field<'a> {
    /// The fields that it lies in, such as `results[].`; nothing at the top.
    within: String,
    name: &'a str,
    kind: String,
    bounds: Vec<String>,
    /// Whether it has to be there.
    presence: Presence,
    description: &'a str,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Presence {
    Required,
    /// This or another one.
    Either,
    Optional,
}

struct Page<'a> {
    document: &'a Value,
    options: &'a Options,
    html: String,
}

impl<'a> Page<'a> {
    fn write(&mut self) {
        let text = |pointer: &str| self.document.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let (about, version) = (prose(text("/info/description")), escaped(text("/info/version")));
        let routes = self.routes();
        let _ = write!(
            self.html,
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n<title>spiketext: the interface</title>\n\
             <link rel=\"icon\" href=\"page/icon.svg\" type=\"image/svg+xml\">\n\
             <link rel=\"stylesheet\" href=\"page/style.css\">\n<link rel=\"stylesheet\" href=\"page/reference.css\">\n\
             </head>\n<body>\n<a class=\"skip\" href=\"#routes\">To the routes</a>\n\
             <header>\n<h1><a href=\"./\">{MARK}spiketext</a> <span>interface, version {version}</span></h1>\n</header>\n\
             <div class=\"beside\">\n<nav aria-label=\"Routes\">\n<ul>\n"
        );
        for (method, path, _) in &routes {
            let _ =
                writeln!(self.html, "<li><a href=\"#{}\">{}</a></li>", anchor(method, path), called(method, path));
        }
        self.html += "<li><a href=\"#refusals\">Refusals</a></li>\n</ul>\n</nav>\n<main id=\"routes\">\n";
        let _ = write!(self.html, "<section>\n<p>{about}</p>\n<p>{}</p>\n", self.tokens());
        self.html += "<p>This page is written from <a href=\"openapi.json\">openapi.json</a>, which programs can read.</p>\n\
                      </section>\n";
        for (method, path, operation) in routes {
            self.route(method, path, operation);
        }
        self.refusals();
        self.html += "</main>\n</div>\n<footer>\n<p><a href=\"./\">See the spikes</a> · <a href=\"openapi.json\">openapi.json</a> · \
                      <a href=\"v1/models\">models</a> · <a href=\"metrics\">counts</a></p>\n</footer>\n</body>\n</html>\n";
    }

    /// Methods, paths and operations: first those that are asked for most.
    fn routes(&self) -> Vec<(&'a str, &'a str, &'a Value)> {
        let paths = self.document["paths"].as_object().into_iter().flatten();
        let mut routes: Vec<(&str, &str, &Value)> = paths
            .flat_map(|(path, methods)| {
                let methods = methods.as_object().into_iter().flatten();
                methods.map(move |(method, operation)| (method.as_str(), path.as_str(), operation))
            })
            .collect();
        let rank = |(method, path, _): &(&str, &str, &Value)| {
            (*method != "post", !path.starts_with("/v1/"), *path != "/v1/classify", (*path).to_owned())
        };
        routes.sort_by_key(rank);
        routes
    }

    fn tokens(&self) -> &'static str {
        if self.options.tokens.is_empty() {
            "This server asks for no token."
        } else {
            "This server asks for a token in the header <code>Authorization: Bearer TOKEN</code>, but not for \
             <code>/healthz</code>, <code>/readyz</code> and pages."
        }
    }

    fn route(&mut self, method: &str, path: &str, operation: &'a Value) {
        let id = anchor(method, path);
        let text = |name: &str| operation[name].as_str().map(prose);
        let _ = writeln!(
            self.html,
            "<section aria-labelledby=\"{id}\">\n<h2 id=\"{id}\"><a href=\"#{id}\">{}</a></h2>",
            called(method, path)
        );
        for told in ["summary", "description"].into_iter().filter_map(text) {
            let _ = writeln!(self.html, "<p>{told}</p>");
        }
        let body = operation.pointer("/requestBody/content").and_then(first);
        if let Some((_, body)) = body {
            self.html += "<h3>Fields</h3>\n";
            self.fields(&body["schema"], ["required", "one of these", "optional"]);
        }
        self.example(method, path, body.map(|(_, body)| &body["schema"]));
        let (taken, refused): (Vec<_>, Vec<_>) =
            operation["responses"].as_object().into_iter().flatten().partition(|(status, _)| status.starts_with('2'));
        for (status, response) in taken {
            let _ = writeln!(self.html, "<h3>Answer <span class=\"status\">{}</span></h3>", escaped(status));
            let content = response.get("content").and_then(first);
            let kind = content.map(|(kind, _)| format!(" <code>{}</code>", escaped(kind))).unwrap_or_default();
            let told = response["description"].as_str().unwrap_or_default();
            let _ = writeln!(self.html, "<p>{}.{kind}</p>", prose(told));
            if let Some((_, content)) = content {
                self.fields(&content["schema"], ["", "", "may be absent"]);
            }
        }
        if refused.is_empty() {
            self.html += "</section>\n";
            return;
        }
        let statuses: Vec<&str> = refused.iter().map(|(status, _)| status.as_str()).collect();
        let _ = writeln!(
            self.html,
            "<details>\n<summary>Refusals: {}</summary>\n<dl class=\"statuses\">",
            escaped(&statuses.join(", "))
        );
        for (status, response) in refused {
            let told = response["description"].as_str().unwrap_or_default();
            let _ = writeln!(self.html, "<div><dt>{}</dt><dd>{}.</dd></div>", escaped(status), prose(told));
        }
        self.html += "</dl>\n<p><a href=\"#refusals\">What a refusal says</a></p>\n</details>\n</section>\n";
    }

    /// The fields of a body; `words` tell of one that is required, one of which others may stand in the place, and an optional one.
    fn fields(&mut self, schema: &'a Value, words: [&str; 3]) {
        let mut found = Vec::new();
        self.gather(schema, "", &mut BTreeSet::new(), &mut found);
        if found.is_empty() {
            return;
        }
        self.html += "<dl class=\"fields\">\n";
        for Field { within, name, kind, bounds, presence, description } in found {
            let told = words[presence as usize];
            let depth = within.matches('.').count().min(3);
            let _ = write!(
                self.html,
                "<div class=\"depth-{depth}\"><dt><code><span class=\"within\">{}</span>{}</code>",
                // A line may end between two names.
                escaped(&within).replace('.', ".<wbr>"),
                escaped(name)
            );
            if !told.is_empty() {
                let class = if presence == Presence::Optional { "" } else { " needed" };
                let _ = write!(self.html, " <span class=\"presence{class}\">{told}</span>");
            }
            let _ = write!(self.html, "<span class=\"kind\">{}", escaped(&kind));
            for bound in bounds {
                let _ = write!(self.html, ", {}", escaped(&bound));
            }
            let _ = writeln!(self.html, "</span></dt><dd>{}</dd></div>", prose(description));
        }
        self.html += "</dl>\n";
    }

    /// Collects the fields of a schema, each followed by those within it. `above` are the schemas that it lies in.
    fn gather(&self, schema: &'a Value, within: &str, above: &mut BTreeSet<&'a str>, found: &mut Vec<Field<'a>>) {
        let Some((name, schema)) = self.object(schema) else { return };
        let Some(properties) = schema["properties"].as_object() else { return };
        // What holds itself would never end.
        if !name.is_empty() && !above.insert(name) {
            return;
        }
        let list = |value: &'a Value| value.as_array().into_iter().flatten();
        let required: Vec<&str> = list(&schema["required"]).filter_map(Value::as_str).collect();
        let either: Vec<&str> =
            list(&schema["oneOf"]).flat_map(|way| list(&way["required"])).filter_map(Value::as_str).collect();
        let place = |field: &&String| {
            let at = |names: &[&str]| names.iter().position(|own| own == field).unwrap_or(names.len());
            (at(&required), at(&either))
        };
        let mut names: Vec<&String> = properties.keys().collect();
        names.sort_by_key(place);
        for field in names {
            let property = &properties[field];
            let of_ways = list(&schema["oneOf"]).map(|way| &way["properties"][field]);
            let presence = match field.as_str() {
                field if required.contains(&field) => Presence::Required,
                field if either.contains(&field) => Presence::Either,
                _ => Presence::Optional,
            };
            let (inner, more) = innermost(property);
            let mut bounds: Vec<String> = std::iter::once(property).chain(of_ways).flat_map(bounds).collect();
            // That there are none or more of what is counted goes without saying.
            bounds.retain(|bound| bound != "at least 0");
            found.push(Field {
                within: within.to_owned(),
                name: field,
                kind: self.kind(property),
                bounds,
                presence,
                description: described(property),
            });
            self.gather(inner, &format!("{within}{field}{more}."), above, found);
        }
        above.remove(name);
    }

    /// The schema that a value is of, with its name if it has one.
    fn object(&self, schema: &'a Value) -> Option<(&'a str, &'a Value)> {
        match schema["$ref"].as_str() {
            None => Some(("", schema)),
            Some(reference) => {
                let name = reference.strip_prefix("#/components/schemas/")?;
                Some((name, self.document["components"]["schemas"].get(name)?))
            }
        }
    }

    /// The type of a value, in words.
    fn kind(&self, schema: &Value) -> String {
        let own = |kind: &str| match kind {
            "array" => format!("list of {}", plural(&self.kind(&schema["items"]))),
            "integer" => "whole number".to_owned(),
            "object" if schema["additionalProperties"].is_object() => {
                format!("{} by name", plural(&self.kind(&schema["additionalProperties"])))
            }
            other => other.to_owned(),
        };
        if let Some(ways) = schema["oneOf"].as_array() {
            return ways.iter().map(|way| self.kind(way)).collect::<Vec<_>>().join(" or ");
        }
        match &schema["type"] {
            Value::String(kind) => own(kind),
            Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).map(own).collect::<Vec<_>>().join(" or "),
            _ if schema.get("$ref").is_some() => "object".to_owned(),
            _ => "any JSON value".to_owned(),
        }
    }

    /// A call that can be copied to a shell.
    fn example(&mut self, method: &str, path: &str, body: Option<&'a Value>) {
        let mut call = format!("curl -s {}{path}", self.options.origin());
        if !self.options.tokens.is_empty() {
            call += " \\\n  -H \"Authorization: Bearer $TOKEN\"";
        }
        if let Some(schema) = body {
            let Some(example) = self.object(schema).and_then(|(_, schema)| schema.get("example")) else { return };
            // Within single quotes a shell takes everything as it is but those.
            let body = example.to_string().replace('\'', r"'\''");
            let _ = write!(call, " \\\n  -H 'Content-Type: application/json' \\\n  -d '{body}'");
        } else if method != "get" {
            return;
        }
        let _ = writeln!(self.html, "<h3>Example</h3>\n<pre><code>{}</code></pre>", escaped(&call));
    }

    fn refusals(&mut self) {
        let schema = &self.document["components"]["schemas"]["Refusal"];
        let told = prose(schema["description"].as_str().unwrap_or_default());
        let _ = writeln!(
            self.html,
            "<section aria-labelledby=\"refusals\">\n<h2 id=\"refusals\"><a href=\"#refusals\">Refusals</a></h2>\n<p>{told}</p>"
        );
        self.fields(schema, ["", "", "may be absent"]);
        self.html += "</section>\n";
    }
}

/// The first kind of content and what it is.
fn first(content: &Value) -> Option<(&str, &Value)> {
    content.as_object()?.iter().next().map(|(kind, content)| (kind.as_str(), content))
}

/// What a value is in the end, behind lists and the choice of null, and how that is written behind its name.
fn innermost(schema: &Value) -> (&Value, String) {
    if let Some(way) = schema["oneOf"].as_array().and_then(|ways| ways.iter().find(|way| way["type"] != "null")) {
        return innermost(way);
    }
    for (within, written) in [("items", "[]"), ("additionalProperties", ".NAME")] {
        if let Some(inner) = schema.get(within).filter(|inner| inner.is_object()) {
            let (inner, more) = innermost(inner);
            return (inner, format!("{written}{more}"));
        }
    }
    (schema, String::new())
}

/// What a document says of a field; where it may be null, that stands with the other choice.
fn described(schema: &Value) -> &str {
    let ways = schema["oneOf"].as_array().into_iter().flatten();
    std::iter::once(schema).chain(ways).find_map(|one| one["description"].as_str()).unwrap_or_default()
}

/// Several of a type.
fn plural(kind: &str) -> String {
    match kind.strip_prefix("list of ") {
        Some(inner) => format!("lists of {inner}"),
        None => format!("{kind}s"),
    }
}

/// What a value is bound to, in words.
fn bounds(schema: &Value) -> Vec<String> {
    let range = |least: &str, most: &str, of: &str| match (schema[least].as_f64(), schema[most].as_f64()) {
        (Some(least), Some(most)) => Some(format!("{least} to {most}{of}")),
        (Some(least), None) => Some(format!("at least {least}{of}")),
        (None, Some(most)) => Some(format!("at most {most}{of}")),
        (None, None) => None,
    };
    let names: Vec<&str> = schema["enum"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let of_names = (!names.is_empty()).then(|| format!("one of {}", names.join(", ")));
    let ranges = [
        range("minimum", "maximum", ""),
        range("minItems", "maxItems", " of them"),
        range("minLength", "maxLength", " characters"),
    ];
    ranges.into_iter().chain([of_names]).flatten().collect()
}

/// The name of a route within the page.
fn anchor(method: &str, path: &str) -> String {
    let letters = path.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '-' });
    format!("{method}{}", letters.collect::<String>())
}

/// Method and path, as they are read.
fn called(method: &str, path: &str) -> String {
    format!(
        "<span class=\"method {0}\">{1}</span> <code>{2}</code>",
        escaped(method),
        escaped(&method.to_uppercase()),
        escaped(path)
    )
}

/// Text as HTML; what stands between backticks is code.
fn prose(text: &str) -> String {
    let parts = text.split('`').enumerate();
    parts
        .map(|(at, part)| if at % 2 == 1 { format!("<code>{}</code>", escaped(part)) } else { escaped(part) })
        .collect()
}

/// Text as text, in an element or an attribute.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe += "&amp;",
            '<' => safe += "&lt;",
            '>' => safe += "&gt;",
            '"' => safe += "&quot;",
            '\'' => safe += "&#39;",
            letter => safe.push(letter),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn whatever_a_document_says_is_text() {
        let hostile = "<script>alert(\"1\" & '2')</script> `<b>`";
        let document = json!({
            "info": {"description": hostile, "version": hostile},
            "paths": {"/<p>\"": {"post": {
                "summary": hostile,
                "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Own"}}}},
                "responses": {
                    "200": {"description": hostile, "content": {"<kind>": {"schema": {"type": "array"}}}},
                    "4<0>": {"description": hostile},
                },
            }}},
            "components": {"schemas": {
                "Own": {
                    "example": {"it's": "<i>"},
                    "properties": {
                        "<name>": {"type": "<kind>", "description": hostile, "enum": ["<one>"]},
                        "itself": {"type": ["array", "null"], "items": {"$ref": "#/components/schemas/Own"}},
                    },
                },
                "Refusal": {"description": hostile},
            }},
        });
        let page = page(&document, &Options::new(Vec::new()));
        for tag in ["<script", "<b>", "<i>", "<p>\"", "<kind>", "<name>", "<one>", "4<0>"] {
            assert!(!page.contains(tag), "{tag}\n{page}");
        }
        assert!(
            page.contains("&lt;script&gt;alert(&quot;1&quot; &amp; &#39;2&#39;)")
                && page.contains("<code>&lt;b&gt;</code>")
        );
        assert!(page.contains("list of objects or null") && page.contains(r"it&#39;\&#39;&#39;s"), "{page}");
    }
}
