//! What the filters of a model listen to, and a model without those that it can spare.

use std::io::{self, Write};

use serde_json::json;
use spiketext::{
    data::{Dataset, Example, ReadOptions, Split},
    explain::{
        filters::{Filter, Filters, Listening},
        prune::{Pruned, prune, spared},
    },
    model::Model,
};

use super::Arguments;
use crate::support::{given::say, reading, tables, target, terminal};

/// Filters that are shown, those that say most.
const SHOWN: usize = 20;
/// N-grams of each.
const NGRAMS: usize = 3;
/// How many times as often as other windows those of a filter that catches negation have a word of it.
const CATCHES: f64 = 3.0;

/// Listens to the texts of --data and tells what was heard.
pub fn run(model: &Model, arguments: &Arguments, out: &mut impl Write) -> anyhow::Result<()> {
    let file = arguments.data.as_ref().expect("--data");
    let filters_a_width = model.network().config().convolution().filters;
    if let Some(pruned) = &arguments.prune {
        target::check_place_apart("explain", "a --prune", pruned, [&arguments.model, file])?;
        if Model::check_target(pruned)? && !arguments.force {
            anyhow::bail!(
                "explain: expected a --prune that is not there yet (--force replaces it), got {}",
                pruned.display()
            );
        }
    }
    if let Some(keep) = arguments.keep.filter(|keep| !(1..filters_a_width).contains(keep)) {
        anyhow::bail!(
            "explain --keep: expected filters a width from 1 to {} of {filters_a_width}, got {keep}",
            filters_a_width - 1
        );
    }
    let table = spiketext::data::read_texts(file, &options(model, arguments))?;
    say(&reading::told(&table.readings));
    let mut listening = Listening::new(model);
    table.rows.iter().for_each(|row| listening.hear(&row.text));
    let heard = listening.finish();
    if heard.texts == heard.unknown {
        anyhow::bail!(
            "explain --data: expected a text with a word that the model knows, got none in {}",
            file.display()
        );
    }
    let pruned = match &arguments.prune {
        Some(place) => {
            let keep = arguments.keep.unwrap_or_else(|| spared(&heard, filters_a_width));
            if keep == filters_a_width {
                anyhow::bail!(
                    "explain --prune: every width needs a filter to spare, one that never fires or a twin of another, and one has none; \
                     --keep N leaves N filters a width whatever the others say"
                );
            }
            let pruned = prune(model, &heard, keep)?;
            pruned.model.save(place)?;
            Some((pruned, keep))
        }
        None => None,
    };
    let measured = pruned.as_ref().and_then(|(pruned, _)| measured(model, pruned, arguments));
    if arguments.json {
        let redundant = heard.redundant();
        let object = json!({
            "model": arguments.model.display().to_string(),
            "data": file.display().to_string(),
            "classes": model.labels(),
            "texts": heard.texts,
            "unknown": heard.unknown,
            "filters": heard.filters,
            "redundant": redundant,
            "pruned": pruned.as_ref().map(|(pruned, keep)| json!({
                "filters": keep, "gone": pruned.gone,
                "accuracy_before": measured.map(|[before, _]| before.accuracy),
                "accuracy": measured.map(|[_, after]| after.accuracy),
                "acs_before": measured.map(|[before, _]| before.accumulations),
                "acs": measured.map(|[_, after]| after.accumulations),
            })),
        });
        writeln!(out, "{object}")?;
    } else {
        print(model, &heard, out)?;
        if let (Some((pruned, keep)), Some(place)) = (&pruned, &arguments.prune) {
            let merged = pruned.gone.iter().filter(|gone| gone.2.is_some()).count();
            writeln!(
                out,
                "\npruned: {keep} of {filters_a_width} filters a width -> {}; {} went, of {merged} a twin says what they said",
                place.display(),
                pruned.gone.len()
            )?;
            if let Some([before, after]) = measured {
                writeln!(
                    out,
                    "on these texts: {:.2} % right before, {:.2} % now; {:.0} accumulations a text before, {:.0} now",
                    before.accuracy, after.accuracy, before.accumulations, after.accumulations
                )?;
            }
            writeln!(out, "`spiketext evaluate {}` has accuracy and energy on test texts", place.display())?;
        }
    }
    out.flush()?;
    Ok(())
}

fn options(model: &Model, arguments: &Arguments) -> ReadOptions {
    arguments.reading.options(&reading::LabelArguments::default(), Some(model))
}

/// How well and at what cost a model labels texts.
#[derive(Clone, Copy)]
struct Measured {
    /// Percent.
    accuracy: f64,
    /// Accumulations a text.
    accumulations: f64,
}

/// What was measured before and after on the texts of --data, where these have labels that the model knows, one a text.
fn measured(model: &Model, pruned: &Pruned, arguments: &Arguments) -> Option<[Measured; 2]> {
    if model.thresholds().is_some() {
        return None;
    }
    let files = [arguments.data.clone()?];
    let dataset = Dataset::from_files(&files, None, &options(model, arguments)).ok()?;
    let parts = [Split::Train, Split::Development, Split::Test].map(|split| dataset.part(split));
    let texts: Vec<&str> = parts.into_iter().flatten().map(|example| example.text.as_str()).collect();
    let class = |example: &Example| Some(dataset.labels.get(example.target.class()?)?.as_str());
    let names: Vec<&str> = parts.into_iter().flatten().filter_map(class).collect();
    if names.len() != texts.len() || names.iter().any(|name| !model.labels().iter().any(|label| label == name)) {
        return None;
    }
    let of = |model: &Model| {
        let (predictions, _) = model.predict(&texts);
        let right = predictions.iter().zip(&names).filter(|(own, name)| model.labels()[own.label] == **name).count();
        let accumulations: u64 = predictions.iter().map(|own| own.operations.acs()).sum();
        let count = texts.len() as f64;
        Measured { accuracy: 100.0 * right as f64 / count, accumulations: accumulations as f64 / count }
    };
    Some([of(model), of(&pruned.model)])
}

fn print(model: &Model, heard: &Filters, out: &mut impl Write) -> io::Result<()> {
    let redundant = heard.redundant();
    let mut all: Vec<&Filter> = heard.filters.iter().filter(|filter| !filter.is_dead()).collect();
    all.sort_by(|a, b| b.weight.total_cmp(&a.weight).then((a.width, a.filter).cmp(&(b.width, b.filter))));
    let dead = heard.filters.len() - all.len();
    let groups = heard.filters.iter().filter_map(|filter| filter.group).max().map_or(0, |last| last + 1);
    writeln!(
        out,
        "{} texts ({} without a known word), {} filters: {dead} never fired, {} are twins of another, {groups} groups say the same\n",
        heard.texts,
        heard.unknown,
        heard.filters.len(),
        redundant.len()
    )?;
    let mut table =
        tables::plain(&["width", "filter", "fires", "votes for", "says", "listens to", ""], &[0, 1, 2, 4]);
    for filter in all.iter().take(SHOWN) {
        table.add_row(vec![
            filter.width.to_string(),
            filter.filter.to_string(),
            format!("{:.1} %", 100.0 * filter.rate),
            terminal::one_line(&model.labels()[filter.votes], Some(24)),
            format!("{:+.3}", lead(filter)),
            ngrams(filter),
            notes(filter, &redundant),
        ]);
    }
    writeln!(out, "{}", table.trim_fmt())?;
    if all.len() > SHOWN {
        writeln!(out, "… {} more, which say less (--json has all)", all.len() - SHOWN)?;
    }
    Ok(())
}

/// How much more a spike says for its class than for the mean of all.
fn lead(filter: &Filter) -> f64 {
    filter.weight / filter.spikes as f64
}

/// The n-grams that drive it most.
fn ngrams(filter: &Filter) -> String {
    let told: Vec<String> = filter
        .strongest
        .iter()
        .take(NGRAMS)
        .map(|heard| terminal::one_line(&heard.words.join(" "), Some(36)))
        .collect();
    told.join(" | ")
}

fn notes(filter: &Filter, redundant: &[(usize, usize, usize)]) -> String {
    let mut told = Vec::new();
    if let Some((.., twin)) = redundant.iter().find(|(width, own, _)| (*width, *own) == (filter.width, filter.filter))
    {
        told.push(format!("twin of {twin}"));
    }
    if let Some(group) = filter.group {
        told.push(format!("group {}", group + 1));
    }
    if let Some(times) = filter.negation.filter(|&times| times >= CATCHES) {
        told.push(format!("negation x {times:.1}"));
    }
    told.join(", ")
}
