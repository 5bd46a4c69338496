//! One verb a file: its arguments and what it prints. Work itself is done by the library crates.
//!
//! Beside the verbs stand what several of them share: `shown` (text for a terminal), `tables`, `labelled` (texts to
//! examine a model on), `costs` (operations and energy in a report), `progress`, `fetching` (files from the network); and parts of one verb that are a thing
//! of their own: `confusion` (of `evaluate`), `raster` and `waiting` (of `predict`).

pub mod attack;
pub mod confusion;
pub mod costs;
pub mod data;
pub mod evaluate;
pub mod fetching;
pub mod inspect;
pub mod labelled;
pub mod predict;
pub mod progress;
pub mod raster;
pub mod report;
pub mod reproduce;
pub mod shown;
pub mod tables;
pub mod train;
pub mod vectors;
pub mod waiting;
