//! What a row of a study is to reach: declared in a grid, written beside the cells, judged by a report.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

/// The data sets of a mean: the six published ones.
pub const OF_MEAN: [&str; 6] = ["mr", "sst2", "subj", "sst5", "chnsenti", "waimai"];

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
    #[serde(default, deserialize_with = "in_words")]
    pub axis: BTreeMap<String, String>,
    /// The data set, or `mean` for the mean over [`OF_MEAN`].
    pub dataset: String,
    /// Percent of the test texts.
    pub at_least: f64,
    /// The file of the cross-validation that must have chosen the row.
    pub selection: String,
}

impl Goal {
    /// Whether a cell of this table, row, place on the axis and data set is one of those that it asks of.
    #[must_use]
    pub fn is_of(&self, table: &str, row: &str, axis: &BTreeMap<String, String>, dataset: &str) -> bool {
        let on_its_set = match self.dataset.as_str() {
            "mean" => OF_MEAN.contains(&dataset),
            own => own == dataset,
        };
        on_its_set && self.table == table && self.row == row && self.axis == *axis
    }
}

/// Values of an axis as a cell writes them; people write numbers.
fn in_words<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Value {
        Text(String),
        Whole(i64),
        Real(f64),
        Truth(bool),
    }
    let values = BTreeMap::<String, Value>::deserialize(deserializer)?;
    let words = |value| match value {
        Value::Text(text) => text,
        Value::Whole(number) => number.to_string(),
        // As TOML writes it.
        Value::Real(number) if number % 1.0 == 0.0 => format!("{number}.0"),
        Value::Real(number) => number.to_string(),
        Value::Truth(truth) => truth.to_string(),
    };
    Ok(values.into_iter().map(|(key, value)| (key, words(value))).collect())
}
