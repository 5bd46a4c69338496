//! For how long and how fast the networks of each row of `main` were trained.

use serde_json::{Map, Value};
use spiketext_study::{Cell, Method};

use crate::{
    cells::Study,
    markdown::{Page, Table, escaped},
    published::{DIRECT_EPOCHS, FINE_TUNING_EPOCHS},
};

/// What is shown of a phase of training.
const FIELDS: [&str; 3] = ["epochs", "patience", "learning-rate"];

/// The phases, as a recipe names them.
const PHASES: [&str; 2] = ["dnn", "fine-tuning"];

/// Whether networks of a method go through a phase.
fn has(method: Method, phase: &str) -> bool {
    match method {
        Method::BagOfWords | Method::FastText | Method::Teacher => false,
        Method::DnnCodes => true,
        Method::Dnn
        | Method::DnnInt8
        | Method::DnnInt4
        | Method::DnnLevels
        | Method::Original
        | Method::Converted => phase == "dnn",
        Method::FineTuned => true,
        Method::Direct => phase == "fine-tuning",
    }
}

/// A row for each row of `main` that trains a network.
pub fn section(study: &Study, page: &mut Page) {
    let mut rows: Vec<&str> = Vec::new();
    for cell in study
        .cells
        .iter()
        .filter(|cell| cell.table == "main" && (has(cell.method, "dnn") || has(cell.method, "fine-tuning")))
    {
        if !rows.contains(&cell.row.as_str()) {
            rows.push(&cell.row);
        }
    }
    if rows.is_empty() {
        return;
    }
    page.heading(2, "Training");
    let head = ["DNN: most epochs", "patience", "learning rate", "SNN: most epochs", "patience", "learning rate"];
    let mut table = Table::new(1, ["row"].into_iter().chain(head));
    let mut shortened = false;
    for row in rows {
        let cells: Vec<&Cell> = study.cells.iter().filter(|cell| cell.table == "main" && cell.row == row).collect();
        shortened |= cells.iter().any(|cell| is_shortened(cell));
        let fields = PHASES.iter().flat_map(|phase| FIELDS.map(|field| (*phase, field)));
        let values = fields.map(|(phase, field)| {
            let own = cells.iter().filter(|cell| has(cell.method, phase));
            let mut values: Vec<f64> = own.filter_map(|cell| number(&cell.settings.choices, phase, field)).collect();
            values.sort_unstable_by(f64::total_cmp);
            values.dedup();
            match values.as_slice() {
                [] => "–".to_owned(),
                some => some.iter().map(f64::to_string).collect::<Vec<_>>().join(", "),
            }
        });
        table.row([escaped(row)].into_iter().chain(values));
    }
    page.paragraph(
        "Training ends after `patience` epochs without a better development accuracy, and the best epoch stays; \
         where no epoch of fine-tuning is better, the converted network does. Several learning rates are those of \
         several data sets.",
    );
    if shortened {
        page.paragraph(&format!(
            "**A departure from the published recipe**, for time: it fine-tunes for {FINE_TUNING_EPOCHS} epochs and \
             trains directly for at least {DIRECT_EPOCHS}.",
        ));
    }
    page.table(&table);
}

/// Whether a cell of recipe `paper` trains spikes for fewer epochs than published.
fn is_shortened(cell: &Cell) -> bool {
    let published = match cell.method {
        Method::FineTuned => FINE_TUNING_EPOCHS,
        Method::Direct => DIRECT_EPOCHS,
        _ => return false,
    };
    cell.family.recipe == "paper"
        && number(&cell.settings.choices, "fine-tuning", "epochs").is_some_and(|epochs| epochs < published as f64)
}

/// A number of a recipe.
fn number(choices: &Map<String, Value>, phase: &str, field: &str) -> Option<f64> {
    choices.get(phase)?.get(field)?.as_f64()
}
