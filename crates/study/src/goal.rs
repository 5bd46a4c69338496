//! What a row of a study is to reach: declared in a grid, written beside the cells, judged by a report.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// An accuracy that a row is to reach.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Goal {
    /// What the goal is called.
    pub name: String,
    /// The table of the row.
    pub table: String,
    /// The row.
    pub row: String,
    /// Where on its axis, in the words of a cell.
    #[serde(default)]
    pub axis: BTreeMap<String, String>,
    /// The data set, or `mean` for the mean over the published ones.
    pub dataset: String,
    /// Percent of the test texts.
    pub at_least: f64,
    /// The file of the cross-validation that must have chosen the row.
    pub selection: String,
}
