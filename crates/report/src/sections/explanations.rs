//! What reasons are worth: files of `spiketext explain --measure --json` in the folder `explanations` beside the page.

use std::path::Path;

use serde::Deserialize;
use spiketext::Result;

use super::json_files::json_files;
use crate::{
    cells::dataset_name,
    figure::Mark,
    markdown::{Page, Table, escaped},
    panels::{Axis, Line, Panel, Point, Series, draw_each},
};

/// The folder's name.
const FOLDER: &str = "explanations";

/// What is read of a file.
#[derive(Deserialize)]
struct Measured {
    program: String,
    dataset: String,
    recipe: String,
    model_seed: u64,
    texts: usize,
    correlation: Option<Mean>,
    fewest: Option<Mean>,
    rankings: Vec<Ranking>,
}

#[derive(Clone, Copy, Deserialize)]
struct Mean {
    mean: f64,
    error: f64,
}

#[derive(Deserialize)]
struct Ranking {
    ranking: String,
    comprehensiveness: Mean,
    sufficiency: Mean,
    above_random: Option<Mean>,
    curve: Vec<f64>,
}

/// The section, if there are such files; `beside` is the folder of what lies beside the page.
///
/// # Errors
/// If a figure cannot be drawn.
pub fn section(beside: &Path, page: &mut Page) -> Result<()> {
    let mut all = Vec::new();
    for path in &json_files(beside, FOLDER) {
        let read = std::fs::read(path).map_err(|error| error.to_string());
        match read.and_then(|bytes| serde_json::from_slice::<Measured>(&bytes).map_err(|error| error.to_string())) {
            Ok(measured) => all.push(measured),
            Err(problem) => page.notes.push(format!("{}: is no measure of explanations: {problem}", path.display())),
        }
    }
    if all.is_empty() {
        return Ok(());
    }
    page.heading(2, "Explanations");
    let mut programs: Vec<&str> = all.iter().map(|measured| short(&measured.program)).collect();
    programs.sort_unstable();
    programs.dedup();
    page.paragraph(&format!(
        "Whether the words that are said to have decided did so, measured on the models (`spiketext explain MODEL --file TEXTS \
         --measure --json`; test texts, a model of one seed each; {}). An order of a text's words is good if the probability of \
         the label falls much without its first words (comprehensiveness) and little when they stand alone (sufficiency); both \
         are means over 1, 5, 10, 20 and 50 % of the words, as in ERASER (DeYoung et al. 2020), +- the interval at 95 % over texts. \
         The order by deletion asks the network once a word: what one can have for that price. Above random: by how much \
         comprehensiveness is more than that of words in random order.",
        programs.iter().map(|program| escaped(program)).collect::<Vec<_>>().join(", ")
    ));
    let head =
        ["data set", "recipe", "order by", "comprehensiveness", "sufficiency", "above random"].map(str::to_owned);
    let mut table = Table::new(3, head);
    for measured in &all {
        for own in &measured.rankings {
            table.row(vec![
                dataset_name(&measured.dataset).to_owned(),
                escaped(&measured.recipe),
                name(&own.ranking).to_owned(),
                shown(own.comprehensiveness),
                shown(own.sufficiency),
                own.above_random.map_or_else(|| "–".to_owned(), shown),
            ]);
        }
    }
    page.table(&table);
    let head = ["data set", "recipe", "seed", "texts", "correlation", "fewest words"].map(str::to_owned);
    let mut table = Table::new(2, head);
    for measured in &all {
        table.row(vec![
            dataset_name(&measured.dataset).to_owned(),
            escaped(&measured.recipe),
            measured.model_seed.to_string(),
            measured.texts.to_string(),
            measured.correlation.map_or_else(|| "–".to_owned(), shown),
            measured.fewest.map_or_else(|| "–".to_owned(), |fewest| format!("{:.1} %", 100.0 * fewest.mean)),
        ]);
    }
    page.paragraph(
        "Correlation: Pearson's over a text's words, of what they said with what is lost without them, mean over texts. Fewest \
         words: the share of a text's known words that keep its label when they stand alone.",
    );
    page.table(&table);
    let panels: Vec<Panel> = all.iter().map(panel).collect();
    let words = "Probability of the label as words are taken out, the first of each order first";
    let x = |_: &Panel| Axis::linear("words taken out (%)", [0.0, 100.0], (0.0, 100.0));
    let y = |panel: &Panel| {
        let values = panel.series.iter().flat_map(|series| &series.points).map(|point| point.y);
        Axis::linear("probability of the label (%)", values, (0.0, 100.0))
    };
    page.figure("explanations", words, draw_each(2, words, &panels, x, y))
}

/// A commit as people cite it; anything else as it is.
fn short(program: &str) -> &str {
    let is_commit = program.len() == 40 && program.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_commit { &program[..7] } else { program }
}

fn panel(measured: &Measured) -> Panel {
    let series = measured.rankings.iter().enumerate().map(|(at, own)| {
        let last = (own.curve.len().max(2) - 1) as f64;
        let point = |(tenth, probability): (usize, &f64)| Point {
            x: 100.0 * tenth as f64 / last,
            y: 100.0 * probability,
            ..Point::default()
        };
        let points = own.curve.iter().enumerate().map(point).collect();
        let line = if own.ranking == "random" { Line::Dashed } else { Line::Solid };
        Series { name: name(&own.ranking).to_owned(), mark: Mark::of(at), line, markers: false, points }
    });
    Panel { title: format!("{}, {}", dataset_name(&measured.dataset), measured.recipe), series: series.collect() }
}

fn name(ranking: &str) -> &str {
    match ranking {
        "parts" => "what words said",
        "deletion" => "deletion",
        "gradient" => "gradient x input",
        "random" => "chance",
        other => other,
    }
}

fn shown(mean: Mean) -> String {
    format!("{:.3} +- {:.3}", mean.mean, 1.96 * mean.error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_becomes_rows_and_a_panel_and_a_broken_one_is_named() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let beside = folder.path().join("results");
        let mut page = Page { link: "results/".to_owned(), ..Page::default() };
        section(&beside, &mut page).expect("no folder");
        assert!(page.text.is_empty());
        let own = folder.path().join(FOLDER);
        std::fs::create_dir(&own).expect("a folder");
        let mean = r#"{"mean": 0.25, "error": 0.01}"#;
        let ranking = |name: &str, above: &str| {
            format!(
                r#"{{"ranking": "{name}", "texts": 9, "comprehensiveness": {mean}, "sufficiency": {mean}, "above_random": {above},
                "curve": [0.9, 0.7, 0.5]}}"#
            )
        };
        let rankings = [ranking("parts", mean), ranking("random", "null")].join(",");
        let file = format!(
            r#"{{"program": "spiketext 0", "dataset": "sst2", "recipe": "sparse", "model_seed": 3, "texts": 9, "data": "x",
            "correlation": {mean}, "fewest": null, "rankings": [{rankings}]}}"#
        );
        std::fs::write(own.join("a.json"), file).expect("written");
        std::fs::write(own.join("b.json"), "{}").expect("written");
        section(&beside, &mut page).expect("a section");
        let row = "| SST-2 | sparse | what words said | 0.250 +- 0.020 | 0.250 +- 0.020 | 0.250 +- 0.020 |";
        assert!(page.text.contains(row), "{}", page.text);
        assert!(page.text.contains("| SST-2 | sparse | 3 | 9 | 0.250 +- 0.020 | – |"), "{}", page.text);
        assert!(page.notes.len() == 1 && page.notes[0].contains("b.json: is no measure"), "{:?}", page.notes);
        assert!(page.figures[0].1.contains("SST-2, sparse"));
    }
}
