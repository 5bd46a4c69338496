//! `spiketext._core`: the library for Python, as thin as it can be.
//!
//! Texts come in by [`texts`], work is done by [`pool`] without Python's lock, errors go out by [`errors`]. What a Python
//! program calls is written in Python (`python/spiketext`), with its documentation and types.

mod attack;
mod errors;
mod explain;
mod fit;
mod model;
mod nir;
mod pool;
mod sets;
mod texts;
mod trace;
mod vectors;

/// The library for Python.
#[pyo3::pymodule]
mod _core {
    use std::num::NonZeroUsize;

    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::fit::fit;
    #[pymodule_export]
    use crate::model::Model;
    #[pymodule_export]
    use crate::sets::{known_datasets, load_dataset};
    #[pymodule_export]
    use crate::vectors::Vectors;

    /// The version of the library.
    #[pymodule_export]
    const VERSION: &str = env!("CARGO_PKG_VERSION");

    /// Threads that work from now on; None leaves their number to the environment and the processor.
    #[pyfunction]
    #[pyo3(signature = (threads=None))]
    fn set_threads(threads: Option<NonZeroUsize>) {
        crate::pool::set_threads(threads);
    }

    /// Threads that a call uses.
    #[pyfunction]
    fn threads() -> PyResult<usize> {
        crate::pool::threads()
    }

    /// To be called in a process that was just forked off.
    #[pyfunction]
    fn after_fork() {
        crate::pool::after_fork();
    }
}
