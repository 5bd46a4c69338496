//! What several verbs share: `dataset` and `labelled` (texts to train and to examine a model on), `reading` (how files
//! are read), `given` (texts of a command line, batch by batch), `fetching` (files from the network), `terminal` (text
//! for a terminal), `tables`, `progress`, `classes` (how well each is told) and `costs` (operations and energy) in a
//! report, `cells` (running those of a grid), `part` (splits and folds), `teacher` (its files), `target` (where a file
//! may go); and parts of one verb that are a thing of their own: `raster`, `answer_columns` and `table_progress` (of `predict`),
//! `stdin_batches` (of `given`). Nothing here knows a verb.

pub mod answer_columns;
#[cfg(feature = "study")]
pub mod cells;
pub mod classes;
pub mod costs;
pub mod dataset;
#[cfg(feature = "fetch")]
pub mod fetching;
pub mod given;
pub mod interrupt;
pub mod labelled;
#[cfg(feature = "study")]
pub mod part;
pub mod progress;
pub mod raster;
pub mod reading;
pub mod stdin_batches;
pub mod table_progress;
pub mod tables;
pub mod target;
pub mod teacher;
pub mod terminal;
