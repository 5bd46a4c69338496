//! The one error type of this crate: every variant names the operation or the place, what was expected and what came.

use std::path::{Path, PathBuf};

/// What can go wrong in this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or folder could not be read.
    #[error("cannot read {}: {cause}", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// What the system said. The message tells it already: who prints the chain of sources leaves it out.
        #[source]
        cause: std::io::Error,
    },
    /// A file or folder could not be written; nothing was left half-written.
    #[error("cannot write {}: {cause}", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What the system said. The message tells it already: who prints the chain of sources leaves it out.
        #[source]
        cause: std::io::Error,
    },
    /// A file's content is not what its format says.
    #[error("{}: expected {expected}, got {got}", place(path, *line))]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1, where the format has lines.
        line: Option<u64>,
        /// What the format asks for.
        expected: String,
        /// What the file holds.
        got: String,
    },
    /// A value does not fit the operation it was given to.
    #[error("{operation}: expected {expected}, got {got}")]
    Invalid {
        /// The operation that refused.
        operation: &'static str,
        /// What it asks for.
        expected: String,
        /// What it was given.
        got: String,
    },
    /// Somebody asked the work to stop before it was done.
    #[error("{operation}: stopped as asked")]
    Stopped {
        /// What was under way.
        operation: &'static str,
    },
    /// A name that stands for nothing here.
    #[error("unknown {what} '{name}'; known: {}", known.join(", "))]
    UnknownName {
        /// What the name was meant to be (a data set, a column, a recipe).
        what: &'static str,
        /// The name as given.
        name: String,
        /// The names that would have done.
        known: Vec<String>,
    },
}

/// The result of a fallible operation of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// A file and, if it is known, a line of it.
fn place(path: &Path, line: Option<u64>) -> String {
    let path = path.display();
    line.map_or_else(|| path.to_string(), |line| format!("{path}:{line}"))
}

impl Error {
    /// A read failure at `path`; for use with `map_err`.
    pub fn read(path: impl AsRef<Path>) -> impl FnOnce(std::io::Error) -> Self {
        move |cause| Self::Read { path: path.as_ref().to_owned(), cause }
    }

    /// A write failure at `path`; for use with `map_err`.
    pub fn write(path: impl AsRef<Path>) -> impl FnOnce(std::io::Error) -> Self {
        move |cause| Self::Write { path: path.as_ref().to_owned(), cause }
    }

    /// A file whose content breaks its format at `line` (counted from 1; `None` where there are no lines).
    pub fn malformed(
        path: impl AsRef<Path>,
        line: impl Into<Option<u64>>,
        expected: impl Into<String>,
        got: impl Into<String>,
    ) -> Self {
        Self::Malformed {
            path: path.as_ref().to_owned(),
            line: line.into(),
            expected: expected.into(),
            got: got.into(),
        }
    }

    /// A value that `operation` cannot take.
    pub fn invalid(operation: &'static str, expected: impl Into<String>, got: impl Into<String>) -> Self {
        Self::Invalid { operation, expected: expected.into(), got: got.into() }
    }
}

#[cfg(test)]
mod tests {
    use std::{error::Error as _, io};

    use super::*;

    #[test]
    fn what_the_system_said_is_told_and_can_be_reached() {
        for error in
            [Error::read("a")(io::ErrorKind::NotFound.into()), Error::write("a")(io::ErrorKind::NotFound.into())]
        {
            let source = error.source().and_then(|source| source.downcast_ref::<io::Error>()).expect("a source");
            assert_eq!(source.kind(), io::ErrorKind::NotFound);
            assert!(error.to_string().ends_with(&source.to_string()), "{error}");
        }
    }
}
