//! Known data sets by name.

use std::path::PathBuf;

use numpy::IntoPyArray;
use pyo3::{prelude::*, types::PyDict};
use spiketext::data::{self, Split};

use crate::{errors::OrRaise, pool};

/// Names of the data sets that can be loaded, and whether each comes with the program.
#[pyfunction]
pub fn known_datasets() -> Vec<(&'static str, bool)> {
    data::known().iter().map(|set| (set.name, set.is_built_in())).collect()
}

/// The parts of a data set: texts and the numbers of their classes.
#[pyfunction]
#[pyo3(signature = (name, data_dir=None))]
pub fn load_dataset<'py>(py: Python<'py>, name: &str, data_dir: Option<PathBuf>) -> PyResult<Bound<'py, PyDict>> {
    let dataset = pool::install(py, || data::load(name, data_dir.as_deref()))?.or_raise()?;
    let told = PyDict::new(py);
    told.set_item("name", &dataset.name)?;
    told.set_item("labels", &dataset.labels)?;
    for (part, of) in [("train", Split::Train), ("development", Split::Development), ("test", Split::Test)] {
        let examples = dataset.part(of);
        let texts: Vec<&str> = examples.iter().map(|example| example.text.as_str()).collect();
        let classes: Vec<i64> =
            examples.iter().map(|example| example.target.class().map_or(-1, |class| class as i64)).collect();
        told.set_item(part, (texts, classes.into_pyarray(py)))?;
    }
    Ok(told)
}
