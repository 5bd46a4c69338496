//! An explained text as JSON: one object, the same from the program and from the server.

use serde_json::{Value, json};

use super::{Deletion, Explanation, FilterPart};
use crate::{model::Model, slices::argmax};

/// The object of a text; `found` is none for a text without a known word, the deletion none where it was not asked for.
#[must_use]
pub fn object(model: &Model, text: &str, found: Option<(&Explanation, Option<&Deletion>)>) -> Value {
    let labels = model.labels();
    let Some((found, deletion)) = found else {
        let label = argmax(model.priors());
        return json!({
            "text": text, "label": labels[label], "runner_up": null, "classes": labels,
            "probabilities": model.priors(), "scores": null, "base": null, "approximations": null, "tokens": null,
            "ngrams": null, "units": null, "correlation": null, "fewest": null,
        });
    };
    let mut object = json!({
        "text": text,
        "label": labels[found.label],
        "runner_up": (found.label != found.runner_up).then(|| &labels[found.runner_up]),
        "classes": labels,
        "probabilities": found.probabilities,
        "scores": found.scores,
        "base": found.base,
        "approximations": found.approximations,
        "tokens": tokens(found, deletion),
        "ngrams": ngrams(model, found),
        "units": found.units,
        "correlation": deletion.and_then(|deletion| deletion.correlation),
        "fewest": deletion.and_then(|deletion| deletion.fewest.as_ref()),
    });
    if let Some(classes) = &found.labels {
        object["labels"] = classes.iter().map(|&class| labels[class].clone()).collect();
    }
    object
}

fn tokens(found: &Explanation, deletion: Option<&Deletion>) -> Vec<Value> {
    let tokens = found.tokens.iter().zip(&found.words).enumerate();
    tokens
        .map(|(at, (token, parts))| {
            let drops = deletion.and_then(|deletion| deletion.drops[at].as_ref());
            json!({ "text": token.text, "known": token.known, "parts": parts, "drops": drops })
        })
        .collect()
}

fn ngrams(model: &Model, found: &Explanation) -> Vec<Value> {
    let widths = &model.network().config().convolution().widths;
    found
        .ngrams
        .iter()
        .map(|ngram| {
            let filter = |own: &FilterPart| json!({ "filter": own.filter, "spikes": own.spikes, "parts": own.parts });
            json!({
                "width": widths[ngram.kernel], "start": ngram.start, "end": ngram.end, "parts": ngram.parts,
                "units": ngram.units, "filters": ngram.filters.iter().map(filter).collect::<Vec<_>>(),
            })
        })
        .collect()
}
