//! `GET /`: the page that shows the spikes, and its parts; they stand in `page/` of this crate and are part of the program. `GET
//! /reference`: the page of the interface, with the same looks.

use axum::{
    Router,
    body::{Body, Bytes},
    extract::Path,
    http::{HeaderMap, HeaderValue, Response, StatusCode, header},
    response::IntoResponse,
    routing::get,
};
use sha2::{Digest, Sha256};

use super::reference;
use crate::{
    accompany::{PAGE_PART, REFERENCE},
    problem::Problem,
};

/// What a browser may do with the page: run and show what this server sends, and ask this server.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const PAGE: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";

/// A part of the page.
struct Part {
    name: &'static str,
    kind: &'static str,
    bytes: &'static [u8],
}

macro_rules! parts {
    ($($name:literal: $kind:expr;)*) => {
        /// The parts, the page itself first.
        const PARTS: &[Part] =
            &[$(Part { name: $name, kind: $kind, bytes: include_bytes!(concat!("../../page/", $name)) }),*];
    };
}

parts! {
    "index.html": PAGE;
    "style.css": STYLE;
    "reference.css": STYLE;
    "icon.svg": "image/svg+xml";
    "main.js": SCRIPT;
    "ask.js": SCRIPT;
    "card.js": SCRIPT;
    "charts.js": SCRIPT;
    "examples.js": SCRIPT;
    "figures.js": SCRIPT;
    "filters.js": SCRIPT;
    "letters.js": SCRIPT;
    "neurons.js": SCRIPT;
    "raster.js": SCRIPT;
    "scene.js": SCRIPT;
    "state.js": SCRIPT;
    "theme.js": SCRIPT;
    "words.js": SCRIPT;
}

/// The routes of the page, and of the interface's page as it was written.
pub fn routes<S: Clone + Send + Sync + 'static>(interface: String) -> Router<S> {
    let page = |headers: HeaderMap| std::future::ready(answer(&PARTS[0], &headers));
    let interface = Bytes::from(interface);
    let reference =
        move |headers: HeaderMap| std::future::ready(kept(PAGE, reference::POLICY, interface.clone(), &headers));
    Router::new().route("/", get(page)).route(REFERENCE, get(reference)).route(PAGE_PART, get(part))
}

async fn part(Path(name): Path<String>, headers: HeaderMap) -> Response<Body> {
    match PARTS[1..].iter().find(|part| part.name == name) {
        Some(part) => answer(part, &headers),
        None => Problem::not_found().into_response(),
    }
}

fn answer(part: &Part, headers: &HeaderMap) -> Response<Body> {
    kept(part.kind, POLICY, Bytes::from_static(part.bytes), headers)
}

/// What a browser keeps, or that it has it already.
fn kept(kind: &'static str, policy: &'static str, bytes: Bytes, headers: &HeaderMap) -> Response<Body> {
    let digest = base16ct::lower::encode_string(&Sha256::digest(&bytes)[..8]);
    let tag = format!("\"{digest}\"");
    let asked = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let has = asked.is_some_and(|tags| tags.split(',').any(|one| one.trim().trim_start_matches("W/") == tag));
    let mut response = Response::new(if has { Body::empty() } else { Body::from(bytes) });
    if has {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    let own = response.headers_mut();
    own.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    own.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    // Kept, but asked for each time: another program may answer at this address tomorrow.
    own.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if let Ok(tag) = HeaderValue::try_from(tag) {
        own.insert(header::ETAG, tag);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_names_only_parts_that_are_there_and_is_small() {
        let page = std::str::from_utf8(PARTS[0].bytes).expect("text");
        let named: Vec<&str> = page.split("\"page/").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        // The reference has its looks beside those of the page.
        for part in PARTS[1..].iter().filter(|part| part.name != "reference.css") {
            assert!(named.contains(&part.name), "index.html does not load {}", part.name);
        }
        assert!(named.iter().all(|name| PARTS.iter().any(|part| part.name == *name)), "{named:?}");
        let scripts: Vec<&Part> = PARTS.iter().filter(|part| part.kind == SCRIPT).collect();
        for script in &scripts {
            let text = std::str::from_utf8(script.bytes).expect("text");
            for import in text.split(" from \"./").skip(1).filter_map(|rest| rest.split('"').next()) {
                assert!(scripts.iter().any(|part| part.name == import), "{}: {import}", script.name);
            }
            // Whatever is shown came from somebody.
            for way in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"] {
                assert!(!text.contains(way), "{} has {way}", script.name);
            }
        }
        assert!(PARTS.iter().map(|part| part.bytes.len()).sum::<usize>() < 200_000);
        assert!(
            !page.contains("http://") && !page.contains("https://") && !page.contains("style="),
            "offline, by policy"
        );
    }

    /// Without a script the system alone chooses the theme, by a rule of its own; its colours are those that the script sets.
    #[test]
    fn the_dark_colours_of_the_reference_are_those_of_the_page() {
        let style = |name: &str| {
            let part = PARTS.iter().find(|part| part.name == name).expect("a part");
            std::str::from_utf8(part.bytes).expect("text")
        };
        let variables = |text: &'static str| -> Vec<&str> {
            text.lines().map(str::trim).filter(|line| line.starts_with("--")).collect()
        };
        let dark = style("style.css").split_once("[data-theme=\"dark\"] {").expect("a dark theme").1;
        let dark = variables(dark.split_once('}').expect("its end").0);
        let of_reference = variables(style("reference.css"));
        assert!(of_reference.len() > 5);
        for line in of_reference {
            assert!(dark.contains(&line), "{line}");
        }
    }
}
