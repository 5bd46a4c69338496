//! Spiking neural networks that classify text.
//!
//! ```no_run
//! use std::path::Path;
//!
//! use spiketext::{Model, Result, Session};
//!
//! fn main() -> Result<()> {
//!     let mut session = Session::new(Model::load(Path::new("runs/reviews-en-lean-0"))?);
//!     let (predictions, _) = session.predict(&["a warm and funny film"]);
//!     println!("{}", session.model().labels()[predictions[0].label]);
//!     Ok(())
//! }
//! ```
//!
//! The modules follow a text through the program, each knowing only those before it.
//!
//! Without default features there is what it takes to load a model and label English texts. Features add to it:
//! `chinese` (the other language), `vectors` (files of word vectors), `built-in-vectors` (a small set for each
//! language), `data` (files of labelled texts), `parquet` (such files in Parquet) and `compressed` (files packed with gzip,
//! zstd, bzip2 or xz).

pub mod error;
pub mod files;
pub mod seed;
pub mod slices;
pub mod target;

pub mod metrics;

#[cfg(all(feature = "compressed", any(feature = "data", feature = "vectors")))]
mod unpack;

pub mod text;
#[cfg(feature = "vectors")]
pub mod vectors;

pub mod encode;
pub mod network;

pub mod loss;

pub mod engine;

pub mod energy;

pub mod dnn;

pub mod model;

pub mod score;

pub mod explain;

#[cfg(feature = "data")]
pub mod data;

#[cfg(all(feature = "data", feature = "vectors"))]
pub mod augment;

pub use encode::Encoder;
pub use energy::CostReport;
pub use error::{Error, Result};
pub use model::{Model, Prediction, Session};
pub use network::{Network, NetworkConfig};
pub use target::Target;
pub use text::Language;
