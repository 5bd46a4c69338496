//! An explained text as JSON: one object, the same from the program and from the server.
//!
//! It is written as it is read from the explanation: a long text has hundred thousands of parts, and a tree of them would be
//! many times as large as either.

use serde::{Serialize, Serializer};

use super::{Approximation, Deletion, Explanation, Fewest, FilterPart, Ngram, Units};
use crate::{model::Model, slices::argmax};

/// An explained text, ready to be written. Fields stand in the order of their names.
#[derive(Serialize)]
pub struct Explained<'a> {
    approximations: Option<&'a [Approximation]>,
    base: Option<&'a [f64]>,
    classes: &'a [String],
    correlation: Option<f64>,
    fewest: Option<&'a Fewest>,
    label: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    labels: Option<Vec<&'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<&'a str>,
    ngrams: Option<List<Windows<'a>>>,
    probabilities: Vec<f64>,
    runner_up: Option<&'a str>,
    scores: Option<&'a [f64]>,
    text: &'a str,
    tokens: Option<List<Tokens<'a>>>,
    units: Option<&'a Units>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'a str>,
}

impl<'a> Explained<'a> {
    /// The same with the name and the version of the model that it was explained by.
    #[must_use]
    pub fn by(self, model: &'a str, version: &'a str) -> Self {
        Self { model: Some(model), version: Some(version), ..self }
    }
}

/// The object of a text; `found` is none for a text without a known word, the deletion none where it was not asked for.
#[must_use]
pub fn object<'a>(
    model: &'a Model,
    text: &'a str,
    found: Option<(&'a Explanation, Option<&'a Deletion>)>,
) -> Explained<'a> {
    let classes = model.labels();
    let probabilities = found.map_or(model.priors(), |(found, _)| &found.probabilities);
    let label = found.map_or_else(|| argmax(model.priors()), |(found, _)| found.label);
    let (found, deletion) = (found.map(|(found, _)| found), found.and_then(|(_, deletion)| deletion));
    Explained {
        approximations: found.map(|found| &found.approximations[..]),
        base: found.map(|found| &found.base[..]),
        classes,
        correlation: deletion.and_then(|deletion| deletion.correlation),
        fewest: deletion.and_then(|deletion| deletion.fewest.as_ref()),
        label: &classes[label],
        labels: found.and_then(|found| {
            found.labels.as_ref().map(|own| own.iter().map(|&class| classes[class].as_str()).collect())
        }),
        model: None,
        ngrams: found.map(|found| List(Windows { widths: &model.network().config().convolution().widths, found })),
        probabilities: probabilities.iter().map(|&probability| probability.into()).collect(),
        runner_up: found
            .filter(|found| found.label != found.runner_up)
            .map(|found| classes[found.runner_up].as_str()),
        scores: found.map(|found| &found.scores[..]),
        text,
        tokens: found.map(|found| List(Tokens { found, deletion })),
        units: found.and_then(|found| found.units.as_ref()),
        version: None,
    }
}

/// What is made while it is written.
trait Entries {
    type Entry: Serialize;

    fn entries(&self) -> impl Iterator<Item = Self::Entry>;
}

struct List<T>(T);

impl<T: Entries> Serialize for List<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.entries())
    }
}

struct Tokens<'a> {
    found: &'a Explanation,
    deletion: Option<&'a Deletion>,
}

#[derive(Serialize)]
struct Token<'a> {
    drops: Option<&'a [f64]>,
    known: bool,
    parts: &'a [f64],
    text: &'a str,
}

impl<'a> Entries for Tokens<'a> {
    type Entry = Token<'a>;

    fn entries(&self) -> impl Iterator<Item = Token<'a>> {
        let Self { found, deletion } = *self;
        found.tokens.iter().zip(&found.words).enumerate().map(move |(at, (token, parts))| Token {
            drops: deletion.and_then(|deletion| deletion.drops[at].as_deref()),
            known: token.known,
            parts,
            text: &token.text,
        })
    }
}

struct Windows<'a> {
    widths: &'a [usize],
    found: &'a Explanation,
}

#[derive(Serialize)]
struct Window<'a> {
    end: usize,
    filters: List<&'a [FilterPart]>,
    parts: &'a [f64],
    start: usize,
    units: Option<&'a [i64]>,
    width: usize,
}

impl<'a> Entries for Windows<'a> {
    type Entry = Window<'a>;

    fn entries(&self) -> impl Iterator<Item = Window<'a>> {
        let Self { widths, found } = *self;
        found.ngrams.iter().map(move |ngram: &Ngram| Window {
            end: ngram.end,
            filters: List(&ngram.filters),
            parts: &ngram.parts,
            start: ngram.start,
            units: ngram.units.as_deref(),
            width: widths[ngram.kernel],
        })
    }
}

#[derive(Serialize)]
struct Filter<'a> {
    filter: usize,
    parts: &'a [f64],
    spikes: u32,
}

impl<'a> Entries for &'a [FilterPart] {
    type Entry = Filter<'a>;

    fn entries(&self) -> impl Iterator<Item = Filter<'a>> {
        let all: &'a [FilterPart] = self;
        all.iter().map(|own| Filter { filter: own.filter, parts: &own.parts, spikes: own.spikes })
    }
}
