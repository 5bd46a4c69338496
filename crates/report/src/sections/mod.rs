//! The sections of the report, one file each, in the order of the page.

mod accuracy;
mod choices;
mod confusion;
mod costs;
mod differences;
mod energy;
mod explanations;
mod firing;
mod front;
mod goals;
mod json_files;
mod learning_curve;
mod provenance;
mod raster;
mod robustness;
mod selection;
mod settings;
mod taught;

use std::path::Path;

use spiketext::{Result, model::Model};
use spiketext_study::Method;

use crate::{
    cells::{Entry, Study},
    goals::Goals,
    history::History,
    markdown::Page,
    paired::Spreads,
};

/// The lean network that figures show is the one in the most time steps up to these: those of its recipe.
const SHOWN_STEPS: usize = 8;

/// Every section. Gives the number of cells that the declared grid holds and the study does not, if there is a grid.
///
/// `beside` is the folder of what lies beside the page.
///
/// # Errors
/// If a figure cannot be drawn or the text of the raster has no known word.
pub fn all(
    study: &Study,
    goals: Option<(&Goals, &dyn History)>,
    beside: &Path,
    spikes_of: Option<(&Model, &str)>,
    page: &mut Page,
) -> Result<Option<usize>> {
    page.heading(1, "Results");
    page.paragraph(
        "Made by `spiketext report` from the cells of the study. Accuracies are percent of the test texts, means over \
         the seeds; what stands behind ± is said at each table. `n` tells the number of seeds where it is smaller than \
         the table's largest. A run chooses its epoch and thresholds without the test texts, and takes no word \
         from them; a vector file may still know their words. How the recipes came about, and what these figures do not show, is in `docs/notebook/claims.md`.",
    );
    provenance::cells(study, page)?;
    let missing = provenance::missing(study, page);
    let tables: Vec<&str> = study.tables().into_iter().filter(|table| *table != robustness::TABLE).collect();
    let spreads = Spreads::of(study, &tables);
    accuracy::main_table(study, &spreads, page)?;
    if let Some((goals, history)) = goals {
        goals::section(study, goals, history, page);
    }
    differences::section(study, page)?;
    accuracy::over_steps(study, page)?;
    taught::section(study, &spreads, page)?;
    learning_curve::section(beside, page)?;
    energy::section(study, page)?;
    front::section(study, &spreads, page)?;
    firing::section(study, page)?;
    confusion::section(study, page)?;
    if let Some((model, text)) = spikes_of {
        raster::section(model, text, page)?;
    }
    robustness::section(study, page)?;
    settings::section(study, &spreads, page)?;
    selection::section(beside, page)?;
    explanations::section(beside, page)?;
    choices::section(study, page);
    costs::section(study, page)?;
    Ok(missing)
}

/// The lean fine-tuned network in the most time steps up to [`SHOWN_STEPS`], on each data set of `main`.
fn lean_choice(study: &Study) -> Vec<Entry<'_>> {
    let lean = |entry: &Entry<'_>| {
        let kind = entry.key.kind;
        let within = entry.steps().is_some_and(|steps| steps <= SHOWN_STEPS);
        kind.is_of("lean") && kind.method == Method::FineTuned && within
    };
    let mut entries = study.entries("main");
    entries.retain(lean);
    let most = entries.iter().filter_map(Entry::steps).max();
    entries.retain(|entry| entry.steps() == most);
    let first = entries.first().map(|entry| entry.key);
    entries.retain(|entry| Some(entry.key) == first);
    entries
}

/// The network that is converted and fine-tuned as published, on each data set of `main`; the first such row.
fn paper_choice(study: &Study) -> Vec<Entry<'_>> {
    let mut entries = study.entries("main");
    entries.retain(|entry| entry.key.kind.is_of("paper") && entry.key.kind.method == Method::FineTuned);
    let first = entries.first().map(|entry| entry.key);
    entries.retain(|entry| Some(entry.key) == first);
    entries
}

/// `a`, `a and b`, `a, b and c`.
fn listed(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}
