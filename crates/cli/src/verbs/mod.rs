//! One verb a file: its arguments and what it prints. Work itself is done by the library crates.

pub mod data;
pub mod progress;
pub mod tables;
pub mod train;
pub mod vectors;
