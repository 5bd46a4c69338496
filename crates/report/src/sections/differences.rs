//! What may be said of the differences between networks, text by text: each beside the DNN of its family, each DNN
//! beside the bag of words, rivals of one width beside the DNN of that width, and twice the time steps beside half of
//! them.

use spiketext::Result;
use spiketext_study::{
    Method,
    statistics::{AS_GOOD, Difference, Verdict, holm},
};

use super::front::TABLE;
use crate::{
    cells::{Entry, Key, Study, dataset_name},
    markdown::{Page, Table, escaped},
    numbers::{plural, significant},
    paired::{Compared, compare, told},
    published::DATASETS,
};

/// A row beside its rival, on all data sets and in the mean.
struct Line<'a> {
    key: Key<'a>,
    rival: Key<'a>,
    sets: Vec<(&'a str, Compared)>,
    /// Over the published sets, where all are there.
    mean: Option<Difference>,
}

/// The section; nothing where no cells say what they answered.
///
/// # Errors
/// If the table beside the page cannot be made.
pub fn section(study: &Study, page: &mut Page) -> Result<()> {
    let groups = [
        ("main", "", main(study)),
        ("front", "Rivals of one width beside the DNN of that width", rivals_of_width(study)),
        ("steps", "T time steps beside half of them, in the same row", half_the_steps(study)),
    ];
    if groups.iter().all(|(.., lines)| lines.is_empty()) {
        return Ok(());
    }
    page.heading(2, "Differences");
    page.paragraph(&format!(
        "Points of accuracy by which a row is ahead of its rival: of a network the DNN of its family and width (of \
         `sparse`, which has none, the widest `lean` DNN), of a DNN the bag of words. Both answered the same test texts, so differences are taken text by text, and \
         averaged over the seeds; where seeds have splits of their own, each seed's texts are drawn on their own. In \
         brackets the interval at 95 %, by a bootstrap of seeds and texts (percentiles of 10,000 draws). A \
         difference is called *better* or *worse* only if that interval leaves out 0 and its probability by chance, \
         corrected by Holm for all comparisons of its table, is at most 5 %; *as good* where two one-sided tests at \
         5 % put it within {AS_GOOD} points; *open* otherwise."
    ));
    let mut rows = Vec::new();
    for (name, summary, lines) in groups.iter().filter(|(.., lines)| !lines.is_empty()) {
        let table = table(study, name, lines, &mut rows);
        if summary.is_empty() {
            page.table(&table);
        } else {
            page.folded(summary, |page| page.table(&table));
        }
    }
    let columns = [
        "table",
        "row",
        "rival",
        "dataset",
        "seeds",
        "difference",
        "low",
        "high",
        "bootstrap_probability_holm",
        "mcnemar_probability_holm",
        "verdict",
    ];
    let link = page.csv("differences", &columns, &rows)?;
    page.paragraph(&format!(
        "{}, with McNemar's exact test (of several seeds twice the median probability, which holds however they \
         depend on one another; corrected by Holm): {link}.",
        plural(rows.len(), "comparison")
    ));
    Ok(())
}

/// A table of comparisons, a family of questions; its lines one by one are added to `rows`.
fn table(study: &Study, name: &str, lines: &[Line<'_>], rows: &mut Vec<Vec<String>>) -> Table {
    let sets: Vec<f64> =
        lines.iter().flat_map(|line| &line.sets).map(|(_, set)| set.difference.probability()).collect();
    let means: Vec<f64> = lines.iter().filter_map(|line| Some(line.mean.as_ref()?.probability())).collect();
    let tests: Vec<f64> = lines.iter().flat_map(|line| &line.sets).map(|(_, set)| set.mcnemar).collect();
    // Data sets one by one are one family of questions, means another.
    let (sets, means, tests) = (holm(&sets), holm(&means), holm(&tests));
    let (mut of_sets, mut of_means, mut of_tests) = (sets.into_iter(), means.into_iter(), tests.into_iter());
    let names = datasets(study);
    let head = names.iter().map(|name| escaped(dataset_name(name)));
    let mut table =
        Table::new(2, ["row", "rival"].map(str::to_owned).into_iter().chain(head).chain(["mean".to_owned()]));
    let shown = |difference: &Difference, verdict: Verdict| format!("{} {}", told(difference), verdict.name());
    for line in lines {
        let mut cells = vec![escaped(&line.key.name()), escaped(&line.rival.name())];
        let mut of_line = vec!["–".to_owned(); names.len()];
        for (dataset, set) in &line.sets {
            let corrected = of_sets.next().unwrap_or(1.0);
            let verdict = set.difference.verdict(corrected);
            if let Some(place) = names.iter().position(|name| name == dataset) {
                of_line[place] = shown(&set.difference, verdict);
            }
            let [low, high] = set.difference.interval(0.95);
            rows.push(vec![
                name.to_owned(),
                line.key.name(),
                line.rival.name(),
                (*dataset).to_owned(),
                set.seeds.to_string(),
                format!("{:.3}", set.difference.mean),
                format!("{low:.3}"),
                format!("{high:.3}"),
                significant(corrected),
                significant(of_tests.next().unwrap_or(1.0)),
                verdict.name().to_owned(),
            ]);
        }
        cells.extend(of_line);
        cells.push(
            line.mean
                .as_ref()
                .map_or_else(|| "–".to_owned(), |mean| shown(mean, mean.verdict(of_means.next().unwrap_or(1.0)))),
        );
        table.row(cells);
    }
    table
}

/// The data sets of both tables.
fn datasets(study: &Study) -> Vec<&str> {
    let mut names = study.columns("main");
    for name in study.columns(TABLE) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// A row and its rival where they meet; none where they do not.
fn line<'a>(study: &'a Study, key: Key<'a>, rival: Key<'a>) -> Option<Line<'a>> {
    let of = |name: &&'a str| Some((*name, compare(&study.entry(key, name)?, &study.entry(rival, name)?)?));
    let sets: Vec<(&str, Compared)> = datasets(study).iter().filter_map(of).collect();
    let published: Option<Vec<Difference>> = DATASETS
        .iter()
        .map(|(name, _)| Some(sets.iter().find(|(set, _)| set == name)?.1.difference.clone()))
        .collect();
    let mean = published.and_then(|sets| Difference::mean_of(&sets));
    (!sets.is_empty()).then_some(Line { key, rival, sets, mean })
}

/// The filters of a row, on whatever data set it is.
fn filters(study: &Study, key: Key<'_>) -> Option<usize> {
    let cell = study.cells.iter().find(|cell| Key::of(cell) == key)?;
    Entry { key: Key::of(cell), dataset: &cell.dataset, cells: vec![cell] }.filters()
}

/// The DNN of the recipe `lean`, with as many filters as that has.
fn widest_lean(study: &Study) -> Option<Key<'_>> {
    let is = |key: &Key<'_>| key.kind.method == Method::Dnn && key.kind.is_of("lean") && !key.kind.family.adversarial;
    study.keys("main").into_iter().find(|key| is(key) && key.axis.is_empty())
}

/// Whether it is a network that learns codes, which is trained directly and has no DNN of its shape.
fn is_sparse(key: &Key<'_>) -> bool {
    key.kind.is_of("sparse") && key.kind.spikes()
}

/// The comparisons of the main table, row by row.
fn main(study: &Study) -> Vec<Line<'_>> {
    let keys = study.keys("main");
    let lean = widest_lean(study);
    let of_rival = |key: &Key<'_>| {
        let found = keys.iter().copied().find(|rival| match key.kind.method {
            Method::BagOfWords | Method::FastText => false,
            Method::Dnn | Method::Original => rival.kind.method == Method::BagOfWords,
            _ => {
                rival.kind.method == Method::Dnn
                    && rival.kind.family == key.kind.family
                    && rival.axis.is_empty()
                    && filters(study, *rival) == filters(study, *key)
            }
        });
        found.or(lean.filter(|_| is_sparse(key)))
    };
    let pairs = keys.iter().filter_map(|key| Some((*key, of_rival(key)?)));
    pairs.filter_map(|(key, rival)| line(study, key, rival)).collect()
}

/// What is no DNN in single precision beside the one of its family and filters: that of its own table, or else of
/// `main`.
fn rivals_of_width(study: &Study) -> Vec<Line<'_>> {
    let keys: Vec<(Key<'_>, Option<usize>)> =
        [TABLE, "main"].iter().flat_map(|table| study.keys(table)).map(|key| (key, filters(study, key))).collect();
    let beside = |(key, width): &(Key<'_>, Option<usize>)| {
        let fits = |(rival, other): &&(Key<'_>, Option<usize>)| {
            rival.kind.method == Method::Dnn && rival.kind.family == key.kind.family && other == width
        };
        keys.iter().find(fits).map(|(rival, _)| *rival)
    };
    let lean = widest_lean(study);
    let made = |method| !matches!(method, Method::Dnn | Method::Original | Method::BagOfWords | Method::FastText);
    keys.iter()
        .filter(|(key, width)| key.table == TABLE && width.is_some() && made(key.kind.method))
        .filter_map(|own| line(study, own.0, beside(own).or(lean.filter(|_| is_sparse(&own.0)))?))
        .collect()
}

/// Each spiking row at T steps beside itself at half of them.
fn half_the_steps(study: &Study) -> Vec<Line<'_>> {
    let steps = |key: &Key<'_>| {
        let (name, value) = key.axis.iter().find(|(name, _)| name.ends_with("steps"))?;
        Some((name.clone(), value.parse::<usize>().ok()?))
    };
    let keys: Vec<Key<'_>> = ["main", TABLE].iter().flat_map(|table| study.keys(table)).collect();
    let half = |key: &Key<'_>| {
        let (name, count) = steps(key).filter(|(_, count)| count % 2 == 0)?;
        let mut axis = key.axis.clone();
        axis.insert(name, (count / 2).to_string());
        let same = |other: &&Key<'_>| {
            (other.table, other.row, other.kind) == (key.table, key.row, key.kind) && *other.axis == axis
        };
        keys.iter().find(same).copied()
    };
    keys.iter().filter(|key| key.kind.spikes()).filter_map(|key| line(study, *key, half(key)?)).collect()
}
