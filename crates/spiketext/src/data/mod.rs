//! Labelled texts: readers for users' files, splits that do not leak, the known sets by name.
//!
//! A [`Table`] is one file as it stands; a [`Dataset`] is one or two tables with classes in order and texts divided
//! into training, development and test, in memory; a [`Corpus`] is the same for any number of texts. Tokens, vectors and networks are other modules' business.

mod append;
mod columns;
mod corpus;
mod dataset;
mod delimited;
mod dialect;
mod fasttext;
mod fields;
mod fitted;
mod folder;
mod gathered;
mod header;
mod in_memory;
mod input;
mod json;
mod known;
mod labels;
mod lines;
mod mark_up;
mod members;
pub mod near;
mod options;
#[cfg(feature = "parquet")]
mod parquet_file;
mod read;
mod reading;
mod records;
mod rows;
mod split;
mod spool;
mod stream;
mod summary;
mod table;
pub mod teacher;
pub mod treebank;

pub use append::{Appending, Cell, CellKind, Destination, EarlierRun, KeptAnswers, NewColumn, NewTable, TableForm};
pub use corpus::{Corpus, LabelledTexts};
pub use dataset::{Dataset, Example, Report};
pub use in_memory::InMemory;
pub use input::Extent;
pub use known::{KnownDataset, known, load, open};
pub use options::{Escape, Familiar, FamiliarOf, Format, ReadOptions, RowCount};
#[cfg(feature = "parquet")]
pub use parquet_file::catches_panics;
pub use read::{read_file, read_files, read_texts, read_texts_from, text_lines};
pub use reading::{LeftOut, Reading};
pub use split::{Split, SplitRule, canonical_form, split_of, text_hash};
pub use spool::{IN_MEMORY, Spool};
pub use stream::{Record, TextFile, TextStream};
pub use summary::{Lengths, PartSummary, Summary};
pub use table::{Row, Table};
