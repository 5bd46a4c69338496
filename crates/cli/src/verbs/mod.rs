//! One verb a file: its arguments, and `run`, which does it, prints what came of it and gives the exit code. Work
//! itself is done by the library crates; what verbs share is in `support`.

#[cfg(feature = "attack")]
pub mod attack;
pub mod augment;
pub mod data;
pub mod embed;
pub mod evaluate;
pub mod explain;
#[cfg(feature = "nir")]
pub mod export;
#[cfg(feature = "nir")]
pub mod import;
pub mod inspect;
pub mod predict;
#[cfg(feature = "report")]
pub mod report;
#[cfg(feature = "study")]
pub mod reproduce;
#[cfg(feature = "study")]
pub mod select;
#[cfg(feature = "serve")]
pub mod serve;
#[cfg(feature = "study")]
pub mod teach;
pub mod train;
pub mod vectors;
