//! An explained text for programs.

use serde_json::{Value, json};
use spiketext::{
    explain::{Deletion, Explanation},
    model::Model,
};

use super::Explained;

/// One line of `--json`.
pub fn object(model: &Model, explained: &Explained) -> Value {
    let labels = model.labels();
    let Some((found, deletion)) = &explained.found else {
        let label = spiketext::slices::argmax(model.priors());
        return json!({
            "text": explained.text, "label": labels[label], "runner_up": null, "classes": labels,
            "probabilities": model.priors(), "scores": null, "base": null, "approximations": null, "tokens": null,
            "ngrams": null, "units": null, "correlation": null, "fewest": null,
        });
    };
    let mut object = json!({
        "text": explained.text,
        "label": labels[found.label],
        "runner_up": (found.label != found.runner_up).then(|| &labels[found.runner_up]),
        "classes": labels,
        "probabilities": found.probabilities,
        "scores": found.scores,
        "base": found.base,
        "approximations": found.approximations,
        "tokens": tokens(found, deletion.as_ref()),
        "ngrams": ngrams(model, found),
        "units": found.units,
        "correlation": deletion.as_ref().and_then(|deletion| deletion.correlation),
        "fewest": deletion.as_ref().and_then(|deletion| deletion.fewest.as_ref()),
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
            let filter =
                |part: &spiketext::explain::FilterPart| json!({ "filter": part.filter, "spikes": part.spikes });
            json!({
                "width": widths[ngram.kernel], "start": ngram.start, "end": ngram.end, "parts": ngram.parts,
                "units": ngram.units, "filters": ngram.filters.iter().map(filter).collect::<Vec<_>>(),
            })
        })
        .collect()
}
