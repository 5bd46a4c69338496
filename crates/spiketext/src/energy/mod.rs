//! What a network costs: operations that are counted, and joules that cost tables make of them (equation 11).
//!
//! Operations come first; joules are a reading of them, and every one goes with its table's name.
//!
//! ```text
//! Shape             sizes of a network                  Footprint    what it holds: bytes, parameters, zero weights
//! OperationCounts   operations and activity of a text   Table        prices of operations
//! CostReport        all of it, means over texts, and its Energy under every table
//! LookUp            operations of what adds up rows of a table, and their price
//! Way               how it is computed, if not as it was counted
//! Rival             what a text costs the cheapest networks that do the same task about as well
//! ```

mod counts;
mod footprint;
pub mod lemaire;
mod look_up;
mod numbers;
mod report;
mod rivals;
mod shape;
mod tables;
#[cfg(test)]
mod tests;
pub mod way;

pub use counts::{Connections, LayerCounts, OperationCounts, Outputs, RectifierShares};
pub use footprint::Footprint;
pub use look_up::LookUp;
pub use numbers::Numbers;
pub use report::{CostReport, Energy, ExactMeans};
pub use rivals::{Rival, rivals};
pub use shape::Shape;
pub use tables::{
    CostTable, HOROWITZ_45NM_FP16, HOROWITZ_45NM_FP32, HOROWITZ_45NM_INT8, HOROWITZ_45NM_INT8_SUM32, Prices, TABLES,
    Table,
};
pub use way::{FirstLayer, Way};
