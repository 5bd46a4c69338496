//! A study: a declared grid of experiments, each a cell with a result file of its own.
//!
//! [`grid`] says which cells there are and in what order, [`cells`] makes one, [`runner`] runs those that are not there
//! yet; [`attacks`] is what a cell does that attacks a network. A cell's result depends on its data, word vectors, choices and seed alone, not on which cells ran before it: what
//! cells share ([`cells::Workshop`]) is kept under a name made from all that decides it.

pub mod attacks;
mod bag_of_words;
pub mod cells;
pub mod costs;
pub mod grid;
pub mod runner;
mod victims;

pub use cells::{Sources, Workshop};
pub use grid::{Choices, Grid, Planned, Vectors};
pub use runner::{Limits, Outcome, State, Told, list, run, write_expected};
