//! What reasons are worth, as a table or for programs.

use std::io::Write;

use serde_json::json;
use spiketext::{
    explain::faithfulness::{Examined, Mean, Ranking},
    model::Model,
};

use super::Arguments;
use crate::support::tables;

/// What an order is called.
fn name(ranking: Ranking) -> &'static str {
    match ranking {
        Ranking::Parts => "what words said",
        Ranking::Deletion => "what is lost without them",
        Ranking::Gradient => "gradient times input",
        Ranking::Random => "random",
    }
}

/// Prints what was measured.
pub fn print(model: &Model, arguments: &Arguments, examined: Examined, out: &mut impl Write) -> anyhow::Result<()> {
    if examined.texts == 0 {
        anyhow::bail!(
            "explain --measure: expected texts with two known words or more, got none in {}",
            data(arguments)
        );
    }
    if arguments.json {
        let training = model.training();
        let object = json!({
            "program": env!("SPIKETEXT_PROGRAM"),
            "model": arguments.model.display().to_string(),
            "dataset": training.dataset,
            "recipe": training.recipe,
            "model_seed": training.seed,
            "data": data(arguments),
            "texts": examined.texts,
            "left_out": examined.left_out,
            "seed": arguments.seed,
            "correlation": examined.correlation,
            "fewest": examined.fewest,
            "rankings": examined.rankings,
        });
        writeln!(out, "{object}")?;
        out.flush()?;
        return Ok(());
    }
    let mut table =
        tables::plain(&["order of the words", "comprehensiveness", "sufficiency", "above random"], &[1, 2, 3]);
    let shown = |mean: Mean| format!("{:.3} +- {:.3}", mean.mean, 1.96 * mean.error);
    for own in &examined.rankings {
        table.add_row(vec![
            name(own.ranking).to_owned(),
            shown(own.comprehensiveness),
            shown(own.sufficiency),
            own.above_random.map_or_else(String::new, shown),
        ]);
    }
    writeln!(out, "{}", table.trim_fmt())?;
    writeln!(
        out,
        "\n{} texts ({} with fewer than two known words left out); intervals at 95 %",
        examined.texts, examined.left_out
    )?;
    if let Some(correlation) = examined.correlation {
        writeln!(out, "correlation of what words said with what is lost without them: {}", shown(correlation))?;
    }
    if let Some(fewest) = examined.fewest {
        writeln!(out, "the fewest words that keep the label: {:.1} % of them", 100.0 * fewest.mean)?;
    }
    out.flush()?;
    Ok(())
}

fn data(arguments: &Arguments) -> String {
    arguments.file.as_ref().map_or_else(String::new, |file| file.display().to_string())
}
