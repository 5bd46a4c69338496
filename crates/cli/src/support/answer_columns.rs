//! What a model says of a text, as columns of a table.

use spiketext::{
    data::{Cell, CellKind, NewColumn},
    model::{Abstention, Model, Prediction},
};

/// The columns that a table gets.
pub struct AnswerColumns<'a> {
    /// The names of the classes.
    pub labels: &'a [String],
    /// What is said instead of a class.
    pub abstention: Option<&'a Abstention>,
    /// So many of the most probable classes have columns of their own.
    pub top: usize,
    /// What all names begin with.
    pub prefix: &'a str,
    /// What stands between the labels of a text, where it may have several.
    pub separator: Option<&'static str>,
}

/// What may stand between labels: what no label has in it.
const SEPARATORS: [&str; 4] = ["|", ";", ",", "\t"];

impl<'a> AnswerColumns<'a> {
    /// The columns of answers of `model`.
    ///
    /// # Errors
    /// If the model has fewer classes than columns are asked for.
    pub fn of(
        model: &'a Model,
        abstention: Option<&'a Abstention>,
        top: usize,
        prefix: &'a str,
    ) -> anyhow::Result<Self> {
        let labels = model.labels();
        if top > labels.len() {
            anyhow::bail!("columns of the best classes: expected at most {} (--top), got {top}", labels.len());
        }
        let separator = match model.thresholds() {
            None => None,
            Some(_) => {
                let is_free = |separator: &&&str| labels.iter().all(|label| !label.contains(**separator));
                let found = SEPARATORS.iter().find(is_free).copied();
                Some(found.ok_or_else(|| anyhow::anyhow!(
                    "a column of several labels: expected labels without one of | ; , and tab to stand between them, got \
                     labels with all four"
                ))?)
            }
        };
        Ok(Self { labels, abstention, top, prefix, separator })
    }

    /// Names and kinds. The answer comes first and may be no class; the best classes are counted from 1, so that none
    /// is lost where the answer is another.
    pub fn columns(&self) -> Vec<NewColumn> {
        let column = |name: &str, kind| NewColumn { name: format!("{}{name}", self.prefix), kind };
        let mut columns = vec![
            column(if self.separator.is_some() { "labels" } else { "label" }, CellKind::Text),
            column("probability", CellKind::Number),
            column("unknown", CellKind::Truth),
        ];
        for rank in 1..=self.top {
            columns.push(column(&format!("label_{rank}"), CellKind::Text));
            columns.push(column(&format!("probability_{rank}"), CellKind::Number));
        }
        columns
    }

    /// The place of the column that says whether a text has no known word.
    pub fn unknown(&self) -> usize {
        2
    }

    /// What stands in them for one text.
    pub fn cells(&self, prediction: &Prediction) -> Vec<Cell> {
        let probabilities = &prediction.probabilities;
        let said = match (self.separator, &prediction.labels) {
            (Some(separator), Some(classes)) => {
                Cell::Texts(classes.iter().map(|&class| self.labels[class].clone()).collect(), separator)
            }
            _ => Cell::Text(answer(self.labels, self.abstention, prediction).to_owned()),
        };
        let mut cells = vec![said, Cell::Number(probabilities[prediction.label]), Cell::Truth(prediction.unknown)];
        for class in best(prediction).into_iter().take(self.top) {
            cells.push(Cell::Text(self.labels[class].clone()));
            cells.push(Cell::Number(probabilities[class]));
        }
        cells
    }
}

/// What is said of a text: the class, or what stands for none.
pub fn answer<'a>(labels: &'a [String], abstention: Option<&'a Abstention>, prediction: &Prediction) -> &'a str {
    match abstention {
        Some(abstention) if abstention.holds(prediction) => abstention.label(),
        _ => &labels[prediction.label],
    }
}

/// The classes, the most probable first, beginning with the one that was answered.
fn best(prediction: &Prediction) -> Vec<usize> {
    let mut classes: Vec<usize> = (0..prediction.probabilities.len()).collect();
    let first = |class: usize| class != prediction.label;
    classes.sort_by(|&a, &b| {
        let [pa, pb] = [a, b].map(|class| prediction.probabilities[class]);
        first(a).cmp(&first(b)).then(pb.total_cmp(&pa))
    });
    classes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_classes_begin_with_the_answer() {
        let probabilities = vec![0.3, 0.3, 0.4, 0.0];
        let prediction = Prediction {
            label: 2,
            labels: None,
            probabilities,
            unknown: false,
            tokens: 1,
            known_tokens: 1,
            operations: spiketext::engine::Operations::default(),
        };
        assert_eq!(best(&prediction), [2, 0, 1, 3]);
        let labels = ["a", "b", "c", "d"].map(str::to_owned);
        let abstention = Abstention::new("none".to_owned(), Some(0.5), false).expect("a rule");
        let columns =
            AnswerColumns { labels: &labels, abstention: Some(&abstention), top: 2, prefix: "p_", separator: None };
        let names: Vec<String> = columns.columns().into_iter().map(|column| column.name).collect();
        assert_eq!(
            names.join(" "),
            "p_label p_probability p_unknown p_label_1 p_probability_1 p_label_2 p_probability_2"
        );
        let cells = columns.cells(&prediction);
        assert_eq!(cells.len(), names.len());
        assert_eq!((&cells[0], &cells[3]), (&Cell::Text("none".to_owned()), &Cell::Text("c".to_owned())));
        let several = AnswerColumns { labels: &labels, abstention: None, top: 0, prefix: "", separator: Some("|") };
        assert_eq!(several.columns()[0].name, "labels");
        let prediction = Prediction { labels: Some(vec![2, 0]), ..prediction };
        assert_eq!(several.cells(&prediction)[0], Cell::Texts(vec!["c".to_owned(), "a".to_owned()], "|"));
    }
}
