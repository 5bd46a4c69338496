//! Why a text has its label, as arrays.

use numpy::{IntoPyArray, PyArrayMethods};
use pyo3::{
    prelude::*,
    types::{PyDict, PyList},
};
use spiketext::explain::{Deletion, Explanation};

/// What was found for a text, by the names of `spiketext.Explanation`.
pub fn arrays<'py>(
    py: Python<'py>,
    found: &Explanation,
    deletion: Option<&Deletion>,
    widths: &[usize],
) -> PyResult<Bound<'py, PyDict>> {
    let (tokens, classes) = (found.tokens.len(), found.base.len());
    let rows = |rows: Vec<f64>, count: usize| rows.into_pyarray(py).reshape([count, classes]);
    let told = PyDict::new(py);
    told.set_item("tokens", found.tokens.iter().map(|token| token.text.as_str()).collect::<Vec<_>>())?;
    told.set_item("known", found.tokens.iter().map(|token| token.known).collect::<Vec<_>>().into_pyarray(py))?;
    told.set_item("label", found.label)?;
    told.set_item("runner_up", found.runner_up)?;
    told.set_item("probabilities", found.probabilities.clone().into_pyarray(py))?;
    told.set_item("scores", found.scores.clone().into_pyarray(py))?;
    told.set_item("base", found.base.clone().into_pyarray(py))?;
    told.set_item("words", rows(found.words.concat(), tokens)?)?;
    told.set_item("approximations", found.approximations.iter().map(|&one| one.describe()).collect::<Vec<_>>())?;
    let ngrams = PyList::empty(py);
    for ngram in &found.ngrams {
        let own = PyDict::new(py);
        own.set_item("width", widths[ngram.kernel])?;
        own.set_item("start", ngram.start)?;
        own.set_item("end", ngram.end)?;
        own.set_item("parts", ngram.parts.clone().into_pyarray(py))?;
        own.set_item("units", ngram.units.clone().map(|units| units.into_pyarray(py)))?;
        own.set_item("filters", ngram.filters.iter().map(|part| (part.filter, part.spikes)).collect::<Vec<_>>())?;
        ngrams.append(own)?;
    }
    told.set_item("ngrams", ngrams)?;
    let drops = deletion.map(|deletion| {
        let nothing = vec![f64::NAN; classes];
        let all = deletion.drops.iter().flat_map(|drop| drop.as_ref().unwrap_or(&nothing).clone()).collect();
        rows(all, tokens)
    });
    told.set_item("drops", drops.transpose()?)?;
    told.set_item("correlation", deletion.and_then(|deletion| deletion.correlation))?;
    let fewest = deletion.and_then(|deletion| deletion.fewest.as_ref());
    told.set_item("fewest", fewest.map(|fewest| (fewest.words.clone(), fewest.proven)))?;
    Ok(told)
}
