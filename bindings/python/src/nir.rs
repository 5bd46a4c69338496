//! Models as NIR files, and back.

use std::path::{Path, PathBuf};

use pyo3::{exceptions::PyFileExistsError, prelude::*, types::PyDict};
use spiketext::{Error, Model, files::write_atomically};
use spiketext_nir::{Flaw, Graph, Layout, Target, export, file, import_like};

use crate::{errors::OrRaise, pool};

fn raised(Flaw { expected, got }: Flaw) -> Error {
    Error::Invalid { operation: "NIR", expected, got }
}

/// Writes a model for a reader; what its inputs mean, and what is not carried, is told.
pub fn write<'py>(
    py: Python<'py>,
    model: &Model,
    path: &Path,
    reader: &str,
    length: Option<usize>,
    overwrite: bool,
) -> PyResult<Bound<'py, PyDict>> {
    if path.exists() && !overwrite {
        let message =
            format!("to_nir: expected a file that is not there yet, or overwrite=True, got {}", path.display());
        return Err(PyFileExistsError::new_err(message));
    }
    let exported = pool::install(py, || {
        let exported = export(model, reader.parse::<Target>()?, length)?;
        let bytes = file::to_bytes(&exported.graph.contents().map_err(raised)?)?;
        write_atomically(path, &bytes)?;
        Ok(exported)
    })?
    .or_raise()?;
    let Layout { length, steps, dimension, further, .. } = &exported.layout;
    let told = PyDict::new(py);
    told.set_item("length", length)?;
    told.set_item("steps", steps)?;
    told.set_item("dimensions", dimension)?;
    told.set_item("further_channels", further.iter().map(ToString::to_string).collect::<Vec<_>>())?;
    told.set_item("not_carried", &exported.not_carried)?;
    Ok(told)
}

/// A model like another, with the weights of a file that was written of that one and changed elsewhere.
pub fn read(py: Python<'_>, like: &Model, path: PathBuf, reader: &str) -> PyResult<Model> {
    pool::install(py, || {
        let graph = Graph::of(&file::read(&path)?).map_err(raised)?;
        let source = path.file_name().unwrap_or_default().to_string_lossy();
        Ok(import_like(like, &graph, reader.parse::<Target>()?, &source)?.model)
    })?
    .or_raise()
}
