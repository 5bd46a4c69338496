//! Word vectors: looked at, searched.

use std::{path::PathBuf, sync::OnceLock};

use numpy::{IntoPyArray, PyArray1, PyArray2, PyArrayMethods};
use pyo3::{exceptions::PyValueError, prelude::*};
use spiketext::{
    Language,
    vectors::{self, Neighbours, Selection, WordVectors},
};

use crate::{errors::OrRaise, pool};

/// Neighbours of a word that are kept.
const MOST: usize = 100;

/// Word vectors of a language or a file.
#[pyclass(frozen, module = "spiketext._core")]
pub struct Vectors {
    vectors: WordVectors,
    neighbours: OnceLock<Neighbours>,
}

#[pymethods]
impl Vectors {
    /// Reads a file of vectors, or takes the built-in ones of "en" or "zh"; at most so many words from its head.
    #[staticmethod]
    #[pyo3(signature = (source, *, words=None))]
    fn load(py: Python<'_>, source: PathBuf, words: Option<usize>) -> PyResult<Self> {
        let language = source.to_str().and_then(|name| name.parse::<Language>().ok());
        if let (Some(language), Some(_)) = (language, words) {
            let message = format!("words: expected for a file alone, got for the built-in vectors of {language}");
            return Err(PyValueError::new_err(message));
        }
        let vectors = pool::install(py, || match language {
            Some(language) => vectors::built_in(language),
            None => vectors::read(&source, &words.map_or_else(Selection::everything, Selection::first)),
        })?;
        Ok(Self { vectors: vectors.or_raise()?, neighbours: OnceLock::new() })
    }

    #[getter]
    fn dimension(&self) -> usize {
        self.vectors.dimension
    }

    fn words(&self) -> Vec<String> {
        self.vectors.words.words().map(str::to_owned).collect()
    }

    fn __len__(&self) -> usize {
        self.vectors.words.len()
    }

    fn __contains__(&self, word: &str) -> bool {
        self.vectors.words.id(word).is_some()
    }

    fn vector<'py>(&self, py: Python<'py>, word: &str) -> Option<Bound<'py, PyArray1<f32>>> {
        let id = self.vectors.words.id(word)?;
        Some(self.vectors.vector(id)?.to_vec().into_pyarray(py))
    }

    /// All vectors, `[V, D]`.
    fn matrix<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray2<f32>>> {
        let (words, dimension) = (self.vectors.words.len(), self.vectors.dimension);
        let values: Vec<f32> =
            (0..words as u32).filter_map(|id| self.vectors.vector(id)).flatten().copied().collect();
        values.into_pyarray(py).reshape([words, dimension])
    }

    /// The rates of equation (1) that words are read with, `[V, D]`.
    fn rates<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray2<f32>>> {
        self.vectors.rates().into_pyarray(py).reshape([self.vectors.words.len(), self.vectors.dimension])
    }

    /// The nearest words by their cosine, nearest first.
    fn neighbours(&self, py: Python<'_>, word: &str, count: usize, least: f32) -> PyResult<Vec<String>> {
        if count > MOST {
            return Err(PyValueError::new_err(format!("count: expected at most {MOST}, got {count}")));
        }
        pool::install(py, || {
            let found = self.neighbours.get_or_init(|| Neighbours::new(&self.vectors, MOST));
            found.of(word, count, least)
        })
    }
}
