//! Errors of the library as Python's own exceptions, with their message.

use pyo3::{
    exceptions::{PyFileNotFoundError, PyKeyboardInterrupt, PyOSError, PyPermissionError, PyValueError},
    prelude::*,
};
use spiketext::Error;

/// The exception of an error: `OSError` and its kinds where the system refused, `ValueError` for what cannot be.
pub fn raised(error: &Error) -> PyErr {
    let message = error.to_string();
    match error {
        Error::Read { cause, .. } | Error::Write { cause, .. } => match cause.kind() {
            std::io::ErrorKind::NotFound => PyFileNotFoundError::new_err(message),
            std::io::ErrorKind::PermissionDenied => PyPermissionError::new_err(message),
            _ => PyOSError::new_err(message),
        },
        Error::Stopped { .. } => PyKeyboardInterrupt::new_err(message),
        _ => PyValueError::new_err(message),
    }
}

/// For `?` behind results of the library.
pub trait OrRaise<T> {
    /// The value, or the exception.
    fn or_raise(self) -> PyResult<T>;
}

impl<T> OrRaise<T> for spiketext::Result<T> {
    fn or_raise(self) -> PyResult<T> {
        self.map_err(|error| raised(&error))
    }
}
