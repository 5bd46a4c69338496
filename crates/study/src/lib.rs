//! Studies: a declared grid of experiments, each a cell with a result file of its own, and what runs them.
//!
//! [`cell`] is the file of a result, [`archive`] many of them in one file, [`machine`] says where it was measured, [`goal`] what a row is to reach,
//! [`selection`] what cross-validation chooses, [`statistics`] what may be said of the difference of two; these are there without the feature `run`, which brings in training and attacks: `grid` says which cells there are
//! and in what order, `timing` times answers, `bag_of_words` and `fasttext` are methods without a network, `context` holds
//! what cells share, `victims` attacks networks, `cells` makes one cell, `runner` those that are not there yet: each uses
//! only those before it. `adversarial` trains a network on what fooled an
//! earlier one.
//!
//! A cell's result depends on its data, word vectors, choices and seed alone, not on which cells ran before it: what
//! cells share is kept under a name made from all that decides it (`spiketext_train::identity`); `identity` says
//! which choices decide what.

pub mod archive;
pub mod cell;
pub mod goal;
pub mod machine;
pub mod selection;
pub mod statistics;

#[cfg(feature = "run")]
pub mod adversarial;
#[cfg(feature = "run")]
pub mod attacks;
#[cfg(feature = "run")]
mod bag_of_words;
#[cfg(feature = "run")]
pub mod cells;
#[cfg(feature = "run")]
pub mod committee;
#[cfg(feature = "run")]
mod context;
#[cfg(feature = "run")]
pub mod costs;
#[cfg(feature = "run")]
mod fasttext;
#[cfg(feature = "run")]
mod floor;
#[cfg(feature = "run")]
pub mod folds;
#[cfg(feature = "run")]
pub mod grid;
#[cfg(feature = "run")]
mod identity;
#[cfg(feature = "run")]
pub mod runner;
#[cfg(feature = "run")]
mod teachers;
#[cfg(feature = "run")]
pub mod timing;
#[cfg(feature = "run")]
mod victims;

pub use cell::{
    AttackResult, AttackSettings, BINS, Cell, CostsPerText, Energy, FORMAT, Family, FiringSummary, Fold,
    Measurements, Method, Noise, NoiseSettings, Priced, Seconds, Selected, Settings, Taught, TestAnswers, Way,
    WayName, cell_id,
};
pub use goal::Goal;
#[cfg(feature = "run")]
pub use {
    cells::CellResult,
    context::{CellContext, Sources, Texts},
    grid::{Choices, Grid, PlannedCell, Vectors},
    runner::{Limits, Outcome, Progress, State, list, run, write_expected},
};
