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

/// Where the original files of a data set are looked for if nobody says where, as the program does: the folder that the
/// environment names or the cache of `spiketext data fetch`, whichever has all of them; else the former, for an error that names
/// it.
fn place(name: &str) -> Option<PathBuf> {
    let set = data::known().iter().find(|set| set.name == name && !set.is_built_in())?;
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let named = variable("SPIKETEXT_DATA_DIR");
    let cache = variable("SPIKETEXT_CACHE").or_else(|| Some(dirs::cache_dir()?.join("spiketext")));
    let cache = cache.map(|folder| folder.join("data"));
    named.iter().chain(&cache).find(|folder| set.is_in(folder)).cloned().or(named)
}

/// The parts of a data set: texts and the numbers of their classes.
#[pyfunction]
#[pyo3(signature = (name, data_dir=None))]
pub fn load_dataset<'py>(py: Python<'py>, name: &str, data_dir: Option<PathBuf>) -> PyResult<Bound<'py, PyDict>> {
    let folder = data_dir.or_else(|| place(name));
    let dataset = pool::install(py, || data::load(name, folder.as_deref()))?.or_raise()?;
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
