//! Models as NIR files, and back.

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use pyo3::{exceptions::PyFileExistsError, prelude::*, types::PyDict};
use spiketext::{Error, Model, files::write_atomically};
use spiketext_nir::{Flaw, Graph, Layout, Target, export, file, import_like};

use crate::{errors::OrRaise, pool};

fn raised(Flaw { expected, got }: Flaw) -> Error {
    Error::Invalid { operation: "NIR", expected, got }
}

/// What every HDF5 file begins with.
const HDF5: [u8; 8] = *b"\x89HDF\r\n\x1a\n";

/// Refuses a place where a file would take something away: only another file of the kind may be written over.
fn check(path: &Path, overwrite: bool) -> PyResult<()> {
    let refuse = |expected: &str| {
        Err(PyFileExistsError::new_err(format!("to_nir: expected {expected}, got {}", path.display())))
    };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if let Ok(true) = Model::check_target(folder) {
        return refuse("a file outside of a model's folder");
    }
    let Ok(there) = path.symlink_metadata() else { return Ok(()) };
    let mut begins = [0; HDF5.len()];
    let mut is_hdf5 = || File::open(path).and_then(|mut file| file.read_exact(&mut begins)).is_ok() && begins == HDF5;
    match (there.is_file(), overwrite) {
        (false, _) => refuse("a plain file"),
        (true, false) => refuse("a file that is not there yet, or overwrite=True"),
        (true, true) if !is_hdf5() => refuse("an HDF5 file, the only ones that overwrite=True writes over"),
        (true, true) => Ok(()),
    }
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
    check(path, overwrite)?;
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
