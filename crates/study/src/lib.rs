//! Studies: a declared grid of experiments, each a cell with a result file of its own, and what runs them.
//!
//! [`cell`] is the file of a result, [`archive`] many of them in one file, [`machine`] says where it was measured; these
//! are there without the feature `run`, which brings in training and attacks: `grid` says which cells there are and in what order, `cells` makes one,
//! `runner` those that are not there yet; `adversarial` trains a network on what fooled an earlier one.
//!
//! A cell's result depends on its data, word vectors, choices and seed alone, not on which cells ran before it: what
//! cells share is kept under a name made from all that decides it.

pub mod archive;
pub mod cell;
pub mod machine;

#[cfg(feature = "run")]
pub mod adversarial;
#[cfg(feature = "run")]
pub mod attacks;
#[cfg(feature = "run")]
mod bag_of_words;
#[cfg(feature = "run")]
pub mod cells;
#[cfg(feature = "run")]
pub mod costs;
#[cfg(feature = "run")]
pub mod grid;
#[cfg(feature = "run")]
pub mod runner;
#[cfg(feature = "run")]
mod victims;

pub use cell::{
    AttackResult, AttackSettings, BINS, Cell, CostsPerText, Energy, FORMAT, Family, FiringSummary, Measurements,
    Method, Noise, NoiseSettings, Seconds, Settings, cell_id,
};
#[cfg(feature = "run")]
pub use {
    cells::{Sources, Workshop},
    grid::{Choices, Grid, PlannedCell, Vectors},
    runner::{Limits, Outcome, State, Told, list, run, write_expected},
};
