//! Networks that learnt from a teacher: with knowledge from outside the data set. The table `taught` beside the teachers
//! themselves and the same networks without them, and `few-labels`, where only some texts are labelled.

use std::collections::BTreeMap;

use serde_json::Value;
use spiketext::Result;
use spiketext_study::{Cell, Method, Settings};

use super::accuracy::{shown_mean, shown_with_interval};
use crate::{
    cells::{Entry, Key, Study, dataset_name, named, number},
    figure::Mark,
    markdown::{Page, Table, escaped},
    numbers::{Sample, significant},
    paired::Spreads,
    panels::{Axis, Line, Panel, Point, Series, draw},
};

/// The table of networks on all labels.
pub const TAUGHT: &str = "taught";

/// The table of networks on few of them.
pub const FEW: &str = "few-labels";

/// The tables that have the same networks without a teacher.
const MAIN: &str = "main";
const FRONT: &str = "front";

/// The part of the choices that says how much of the teacher is heard.
const TEACHER: &str = "teacher";

/// The choice of any part that says for how long it trains: with more texts an epoch is longer.
const EPOCHS: &str = "epochs";

/// The setting along which [`FEW`] lies.
const LABELLED: &str = "labelled";

/// The table that answers are priced by: whole numbers, as most of these networks have.
const PRICES: &str = "45 nm, int8 with 32-bit sums (Horowitz 2014)";

/// Both tables, where there are any.
///
/// # Errors
/// If a figure cannot be drawn.
pub fn section<'a>(study: &'a Study, spreads: &Spreads<'a>, page: &mut Page) -> Result<()> {
    if study.keys(TAUGHT).is_empty() && study.keys(FEW).is_empty() {
        return Ok(());
    }
    page.heading(2, "With outside knowledge");
    page.paragraph(
        "A teacher that was fitted to training texts alone answered them and further texts without their labels; the table of \
         teachers says who it was. Networks here learnt from its answers beside the labels. So these rows know more than those of other sections, and stand apart from them. Texts that were offered as unlabelled and \
         are test or development texts, in whatever tokenisation, were refused. `docs/guide/teacher.md` says how, \
         `docs/notebook/teachers.md` what was tried.",
    );
    if !study.keys(TAUGHT).is_empty() {
        accuracy(study, spreads, page);
        costs(study, page);
        teachers(study, page);
    }
    if !study.keys(FEW).is_empty() {
        few(study, spreads, page)?;
    }
    Ok(())
}

fn accuracy<'a>(study: &'a Study, spreads: &Spreads<'a>, page: &mut Page) {
    let datasets = study.datasets(TAUGHT);
    let most = study.most_seeds(TAUGHT);
    let head = datasets.iter().map(|name| escaped(dataset_name(name)));
    let mut table = Table::new(1, ["row".to_owned()].into_iter().chain(head).chain(["mean".to_owned()]));
    for key in study.keys(TAUGHT) {
        let mut row = vec![escaped(&key.name())];
        row.extend(datasets.iter().map(|name| {
            study.entry(key, name).map_or_else(|| "–".to_owned(), |entry| shown_with_interval(&entry, spreads, most))
        }));
        row.push(shown_mean(study, key, spreads));
        table.row(row);
        if let Some(same) = without_teacher(study, key) {
            let mut row = vec!["– the same without a teacher".to_owned()];
            let most = study.most_seeds(same.table);
            row.extend(datasets.iter().map(|name| {
                let entry = study.entry(same, name);
                entry.map_or_else(|| "–".to_owned(), |entry| shown_with_interval(&entry, spreads, most))
            }));
            row.push(shown_mean(study, same, spreads));
            table.row(row);
        }
    }
    page.paragraph(
        "Test accuracy; behind ± half the 95 % interval over seeds and test texts. A teacher's own row is what its answers \
         to the test texts come to. Rows without a teacher are those of other sections, of the same network and words.",
    );
    page.table(&table);
}

/// The row of another table whose networks differ in nothing but that no one taught them, and for how long they trained.
fn without_teacher<'a>(study: &'a Study, key: Key<'a>) -> Option<Key<'a>> {
    let own = study.cells.iter().find(|cell| Key::of(cell) == key && cell.settings.teacher.is_some())?;
    let found = study.cells.iter().find(|cell| {
        [MAIN, FRONT].contains(&cell.table.as_str())
            && (cell.method, &cell.family) == (own.method, &own.family)
            && is_untaught(&own.settings, &cell.settings)
    });
    found.map(Key::of)
}

/// Whether networks of settings `b` are made as those of `a`, but for who taught them and how many epochs they had. Choices that
/// one of the two does not have yet are as they were then.
fn is_untaught(a: &Settings, b: &Settings) -> bool {
    let is_same = |(part, of_a): (&String, &Value)| match (part.as_str(), b.choices.get(part)) {
        (TEACHER, _) | (_, None) => true,
        (_, Some(of_b)) => are_same(of_a, of_b),
    };
    b.teacher.is_none()
        && (&a.vectors, a.labelled, &a.adversarial, &a.attack) == (&b.vectors, b.labelled, &b.adversarial, &b.attack)
        && a.choices.iter().all(is_same)
}

/// Whether two choices are one, epochs aside.
fn are_same(a: &Value, b: &Value) -> bool {
    match (a.as_object(), b.as_object()) {
        (Some(a), Some(b)) => {
            a.iter().all(|(name, of_a)| name == EPOCHS || b.get(name).is_none_or(|of_b| are_same(of_a, of_b)))
        }
        _ => a == b,
    }
}

fn costs(study: &Study, page: &mut Page) {
    let mut table = Table::new(1, ["row", "µJ a text", "µs a text, one core", "kB of synapses and codes"]);
    let mut any = false;
    for key in study.keys(TAUGHT).into_iter().filter(|key| key.kind.method != Method::Teacher) {
        let entries: Vec<Entry<'_>> =
            study.datasets(TAUGHT).iter().filter_map(|name| study.entry(key, name)).collect();
        let mean = |value: &dyn Fn(&Entry<'_>) -> Option<f64>| {
            Sample::of(entries.iter().filter_map(value)).map_or("–".to_owned(), |sample| significant(sample.mean))
        };
        any = true;
        table.row([
            escaped(&key.name()),
            mean(&|entry| Some(entry.energy(PRICES)?.0)),
            mean(&|entry| Some(entry.sample(|cell| cell.seconds.nanoseconds_a_text)?.mean / 1000.0)),
            mean(&|entry| Some(entry.cost(|costs| costs.footprint as f64)? / 1000.0)),
        ]);
    }
    if any {
        page.paragraph(&format!(
            "What an answer costs, means over the data sets: energy priced by {PRICES}, without word tables; time from words to \
             label. A teacher costs what its own makers say; it is asked once, before training."
        ));
        page.table(&table);
    }
}

/// What the files of the answers say of the teachers.
fn teachers(study: &Study, page: &mut Page) {
    let mut of: BTreeMap<(&str, String), Vec<&Cell>> = BTreeMap::new();
    for cell in study.cells.iter().filter(|cell| cell.table == TAUGHT && cell.measured.teacher.is_some()) {
        of.entry((&cell.dataset, cell.settings.teacher.clone().unwrap_or_default())).or_default().push(cell);
    }
    if of.is_empty() {
        return;
    }
    let head =
        ["data set", "teacher", "encoder", "its development accuracy", "texts taught", "unlabelled", "refused"];
    let mut table = Table::new(3, head);
    for ((dataset, name), cells) in of {
        let taught: Vec<_> = cells.iter().filter_map(|cell| cell.measured.teacher.as_ref()).collect();
        let said = |keys: &[&str]| {
            let of = |about: &Value| keys.iter().try_fold(about, |value, key| value.get(key)).cloned();
            taught.iter().filter_map(|taught| of(&taught.about)).collect::<Vec<_>>()
        };
        let encoder = said(&["encoder"]).into_iter().find_map(|name| name.as_str().map(str::to_owned));
        let committee = || said(&["committee"]).first().map(|members| format!("{members} DNNs and TF-IDF"));
        let accuracy = said(&["head", "development_accuracy"]);
        let accuracy = if accuracy.is_empty() { said(&["development_accuracy"]) } else { accuracy };
        let mean = |values: Vec<f64>| Sample::of(values).map(|sample| sample.mean);
        let texts = |value: &dyn Fn(&spiketext_study::Taught) -> usize| {
            mean(taught.iter().map(|taught| value(taught) as f64).collect())
                .map_or("–".into(), |mean| format!("{mean:.0}"))
        };
        table.row([
            escaped(dataset_name(dataset)),
            escaped(&name),
            escaped(&encoder.or_else(committee).unwrap_or_else(|| "not said".to_owned())),
            mean(accuracy.iter().filter_map(Value::as_f64).collect())
                .map_or("–".into(), |mean| format!("{mean:.2}")),
            texts(&|taught| taught.taught),
            texts(&|taught| taught.unlabelled),
            texts(&|taught| taught.refused.iter().sum()),
        ]);
    }
    page.paragraph(
        "The teachers, by the files of their answers (means over splits); `refused` counts texts that were offered as unlabelled \
         and are test or development texts, or nearly so.",
    );
    page.table(&table);
}

/// Accuracy over the number of labelled texts.
fn few<'a>(study: &'a Study, spreads: &Spreads<'a>, page: &mut Page) -> Result<()> {
    let (datasets, most) = (study.datasets(FEW), study.most_seeds(FEW));
    let mut rows: Vec<&str> = Vec::new();
    let mut labels: Vec<usize> = Vec::new();
    let labelled = |entry: &Entry<'_>| number(entry.key.axis.get(LABELLED)?).map(|number| number as usize);
    let entries: Vec<Entry<'a>> = study.entries(FEW);
    for entry in &entries {
        if !rows.contains(&entry.key.row) {
            rows.push(entry.key.row);
        }
        labels.extend(labelled(entry).filter(|texts| !labels.contains(texts)));
    }
    labels.sort_unstable();
    // Without a number all training texts are labelled.
    let mut columns: Vec<Option<usize>> = labels.iter().copied().map(Some).collect();
    if entries.iter().any(|entry| labelled(entry).is_none()) {
        columns.push(None);
    }
    let head = columns.iter().map(|texts| texts.map_or_else(|| "all".to_owned(), |texts| format!("{texts} labels")));
    let mut table = Table::new(2, ["data set".to_owned(), "row".to_owned()].into_iter().chain(head));
    for dataset in &datasets {
        for row in &rows {
            let of = |texts: Option<usize>| {
                let found = entries
                    .iter()
                    .find(|entry| entry.dataset == *dataset && entry.key.row == *row && labelled(entry) == texts);
                found.map_or_else(|| "–".to_owned(), |entry| shown_with_interval(entry, spreads, most))
            };
            let cells = columns.iter().map(|&texts| of(texts));
            table.row([escaped(dataset_name(dataset)), escaped(row)].into_iter().chain(cells));
        }
    }
    page.heading(3, "Few labels");
    page.paragraph(
        "The same where only so many training texts are labelled: without a teacher a network has no others; with one, which \
         was fine-tuned on these labels alone, it learns from the teacher's answers to the rest as to other texts.",
    );
    page.table(&table);
    let panels: Vec<Panel> = datasets
        .iter()
        .map(|dataset| {
            let series = rows.iter().enumerate().map(|(at, row)| {
                let own = entries.iter().filter(|entry| entry.dataset == *dataset && entry.key.row == *row);
                let mut points: Vec<Point> = own
                    .filter_map(|entry| {
                        let accuracy = entry.accuracy().mean;
                        let deviation = spreads.get(entry).map(crate::paired::Spread::half);
                        Some(Point { x: labelled(entry)? as f64, y: accuracy, deviation, ..Point::default() })
                    })
                    .collect();
                points.sort_by(|a, b| a.x.total_cmp(&b.x));
                Series {
                    name: named(row, &BTreeMap::new()),
                    mark: Mark::of(at),
                    line: Line::Solid,
                    markers: true,
                    points,
                }
            });
            Panel { title: dataset_name(dataset).to_owned(), series: series.collect() }
        })
        .collect();
    let x = Axis::logarithmic("labelled texts", labels.iter().map(|&texts| texts as f64));
    let y = |panel: &Panel| {
        let values = panel.series.iter().flat_map(|series| &series.points).map(|point| point.y);
        Axis::linear("test accuracy (%)", values, (0.0, 100.0))
    };
    let words = "Accuracy over the number of labelled texts, with a teacher and without";
    page.figure("few-labels", words, draw(words, &panels, &x, y))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Settings of these choices.
    fn settings(choices: &Value, teacher: Option<&str>) -> Settings {
        let choices = choices.as_object().expect("an object").clone();
        Settings {
            vectors: Some("built-in en".into()),
            choices,
            teacher: teacher.map(Into::into),
            ..Settings::default()
        }
    }

    #[test]
    fn the_same_without_a_teacher_is_the_same_in_all_else() {
        let own = json!({
            "name": "sparse", "selection": "accuracy", "network": {"widths": [3, 4], "filters": 10},
            "words": {"shared": false}, "direct": {"epochs": 3, "rate": 0.1}, "sparse": {"epochs": 8, "codes": {"bits": 4}},
            "teacher": {"weight": 0.9, "temperature": 1.0},
        });
        let student = settings(&own, Some("wise"));
        let is_found = |change: &dyn Fn(&mut Value), teacher| {
            let mut choices = own.clone();
            change(&mut choices);
            is_untaught(&student, &settings(&choices, teacher))
        };
        assert!(is_found(&|_| {}, None));
        assert!(!is_found(&|_| {}, Some("wise")), "taught itself");
        for (part, name, value) in
            [("teacher", "weight", json!(0.5)), ("sparse", "epochs", json!(20)), ("direct", "epochs", json!(30))]
        {
            assert!(is_found(&|choices| choices[part][name] = value.clone(), None), "{part}.{name}");
        }
        for (part, name, value) in [
            ("network", "filters", json!(25)),
            ("words", "shared", json!(true)),
            ("direct", "rate", json!(0.2)),
            ("sparse", "codes", json!({"bits": 8})),
        ] {
            assert!(!is_found(&|choices| choices[part][name] = value.clone(), None), "{part}.{name}");
        }
        assert!(!is_found(&|choices| choices["selection"] = "balanced".into(), None));
        // A choice that came later is as it was.
        let older = |choices: &mut Value| drop(choices.as_object_mut().map(|all| all.remove("teacher")));
        assert!(is_found(&older, None));
        let other = |change: &dyn Fn(&mut Settings)| {
            let mut other = settings(&own, None);
            change(&mut other);
            is_untaught(&student, &other)
        };
        assert!(!other(&|other| other.vectors = Some("random".into())));
        assert!(!other(&|other| other.labelled = Some(100)));
    }
}
