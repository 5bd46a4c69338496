//! The one error type of this crate: every variant names the address or the file, what was expected and what came.

use std::path::{Path, PathBuf};

/// What can go wrong in this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A server could not be reached, or the connection broke more often than it is made again.
    #[error("cannot fetch {url}: {cause}")]
    Network {
        /// The address.
        url: String,
        /// What happened, in words.
        cause: String,
    },
    /// A server answered, but not with the file.
    #[error("cannot fetch {url}: expected the file, got HTTP status {status}{}", reason(*status))]
    Status {
        /// The address.
        url: String,
        /// The status of the answer.
        status: u16,
    },
    /// A file does not have the size it is known to have; it was removed.
    #[error("{what}: expected {expected}, got {got}")]
    Size {
        /// The address, or the member of an archive.
        what: String,
        /// The known size, in words.
        expected: String,
        /// The size that came, in words.
        got: String,
    },
    /// A file does not have the sum it is known to have; it was removed.
    #[error("{what}: expected SHA-256 {expected}, got {got}")]
    Sum {
        /// The address, or the member of an archive.
        what: String,
        /// The known sum.
        expected: String,
        /// The sum that came.
        got: String,
    },
    /// An archive is damaged or does not hold what it is known to hold; it was removed.
    #[error("{archive}: expected {expected}, got {got}")]
    Archive {
        /// The address it came from.
        archive: String,
        /// What it should hold.
        expected: String,
        /// What it holds.
        got: String,
    },
    /// In the place of a file lies one that is not the known one. Fetching again replaces it.
    #[error("{}: expected {expected} or nothing in this place, got {got}", path.display())]
    Other {
        /// The file.
        path: PathBuf,
        /// What tells the known file.
        expected: String,
        /// What is there.
        got: String,
    },
    /// Another process writes the same file at the moment.
    #[error("cannot fetch {url}: expected {} for itself, got one that another process is writing", path.display())]
    Busy {
        /// The address.
        url: String,
        /// The file of what has come so far.
        path: PathBuf,
    },
    /// A file or folder could not be read or written.
    #[error("cannot {verb} {}: {cause}", path.display())]
    File {
        /// `read`, `write` or `remove`.
        verb: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said. The message tells it already: who prints the chain of sources leaves it out.
        #[source]
        cause: std::io::Error,
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
    /// What came could not be read or stored by the library.
    #[error(transparent)]
    Library(#[from] spiketext::Error),
}

/// The result of a fallible operation of this crate.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// A failure of the system at `path`; for use with `map_err`.
    pub(crate) fn file(verb: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        move |cause| Self::File { verb, path: path.to_owned(), cause }
    }
}

/// Words for the statuses that users meet.
fn reason(status: u16) -> &'static str {
    match status {
        401 | 403 => " (the server does not give it away)",
        404 | 410 => " (there is no such file)",
        407 => " (the proxy wants a password)",
        429 => " (too many requests)",
        500..=599 => " (the server is in trouble)",
        _ => "",
    }
}
