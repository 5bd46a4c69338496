//! Spiking text classifiers over HTTP.
//!
//! ```text
//! server       takes connections until it is told to stop, and lets those finish that it took
//! routes       a request's fields, and the answer
//! accompany    what happens around every request: id, deadline, token, headers, a line in the log
//! asked        bodies, read within their limits
//! application  what requests share
//! watch        a changed folder becomes the model's next version
//! served       a model that is served
//! versions     a model at one moment
//! batches      texts of all requests through one thread a model
//! patience     a client that reads nothing is cut
//! portions     texts that are computed at once
//! problem, metrics, log, tokens, options
//! ```
//!
//! Work on texts never runs where connections are served: labelling has a thread a model, all else a bounded pool, so that
//! `/healthz` answers whatever the models do. What a client can make the server hold is bounded everywhere: bytes of a body,
//! texts of a request, texts in flight, texts computed at once, requests that take long, connections, and time.

mod accompany;
mod application;
mod asked;
mod batches;
mod log;
mod metrics;
mod options;
mod patience;
mod portions;
mod problem;
mod routes;
mod served;
mod server;
mod tokens;
mod versions;
mod watch;

#[cfg(test)]
mod tests;

pub use application::Application;
pub use log::Log;
pub use options::{Limits, Options, Place};
pub use routes::router;
pub use server::{ServeError, Serving, serve};
pub use tokens::Tokens;
pub use watch::Watch;
