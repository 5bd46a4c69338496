//! What a network costs: operations that are counted, and joules that cost tables make of them (equation 11).
//!
//! Operations come first; joules are a reading of them, and every one goes with its table's name.
//!
//! ```text
//! Shape     sizes of a network                        Numbers   what it holds: bytes, parameters, zero weights
//! Work      operations and activity of a text         Exact     the same counted neuron by neuron, slow
//! Table     prices of operations                      Account   all of it, means over texts
//! ```

mod account;
mod exact;
pub mod lemaire;
mod numbers;
mod shape;
mod tables;
#[cfg(test)]
mod tests;
mod work;

pub use account::{Account, ExactMeans, Priced};
pub use exact::Exact;
pub use numbers::Numbers;
pub use shape::Shape;
pub use tables::{CostTable, HOROWITZ_45NM_FP32, Prices, TABLES, Table};
pub use work::{Connections, Outputs, RectifierShares, Work};
