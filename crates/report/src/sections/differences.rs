//! What may be said of the differences between networks: each beside the DNN of its family, each DNN beside the bag of
//! words, text by text.

use spiketext::Result;
use spiketext_study::{
    Cell, Method, TestAnswers,
    statistics::{AS_GOOD, Difference, Pair, Verdict, holm, mcnemar, twice_the_median},
};

use crate::{
    cells::{Entry, Key, Study, dataset_name},
    markdown::{Page, Table, escaped},
    numbers::{plural, significant},
    published::DATASETS,
};

/// Two rows on one data set.
struct Comparison<'a> {
    key: Key<'a>,
    rival: Key<'a>,
    dataset: &'a str,
    seeds: usize,
    difference: Difference,
    /// McNemar's test of each seed, as one.
    mcnemar: f64,
}

/// A row beside its rival, on all data sets and in the mean.
struct Line<'a> {
    key: Key<'a>,
    rival: Key<'a>,
    sets: Vec<Comparison<'a>>,
    /// Over the published sets, where all are there.
    mean: Option<Difference>,
}

/// The section; nothing where no cells say what they answered.
///
/// # Errors
/// If the table beside the page cannot be made.
pub fn section(study: &Study, page: &mut Page) -> Result<()> {
    let lines = lines(study);
    if lines.is_empty() {
        return Ok(());
    }
    page.heading(2, "Differences");
    page.paragraph(&format!(
        "Points of accuracy by which a row is ahead of its rival: of a network the DNN of its family, of a DNN the bag of \
         words. Both answered the same test texts, so differences are taken text by text, and averaged over the seeds. \
         In brackets the interval at 95 %, by a bootstrap of seeds and texts (percentiles of 10,000 draws). A difference is \
         called *better* or *worse* only if that interval leaves out 0 and its probability by chance, corrected by Holm \
         for all comparisons of the table, is at most 5 %; *as good* where two one-sided tests at 5 % put it within {AS_GOOD} \
         points; *open* otherwise."
    ));
    let sets: Vec<f64> = lines.iter().flat_map(|line| &line.sets).map(|set| set.difference.probability()).collect();
    let means: Vec<f64> = lines.iter().filter_map(|line| Some(line.mean.as_ref()?.probability())).collect();
    let tests: Vec<f64> = lines.iter().flat_map(|line| &line.sets).map(|set| set.mcnemar).collect();
    // Data sets one by one are one family of questions, means another.
    let (sets, means, tests) = (holm(&sets), holm(&means), holm(&tests));
    let (mut of_sets, mut of_means, mut of_tests) = (sets.into_iter(), means.into_iter(), tests.into_iter());
    let names = study.datasets("main");
    let head = names.iter().map(|name| escaped(dataset_name(name)));
    let mut table =
        Table::new(2, ["row", "rival"].map(str::to_owned).into_iter().chain(head).chain(["mean".to_owned()]));
    let mut rows = Vec::new();
    for line in &lines {
        let mut cells = vec![escaped(&line.key.name()), escaped(&line.rival.name())];
        let mut shown = vec!["–".to_owned(); names.len()];
        for set in &line.sets {
            let corrected = of_sets.next().unwrap_or(1.0);
            let verdict = set.difference.verdict(corrected);
            if let Some(place) = names.iter().position(|name| *name == set.dataset) {
                shown[place] = told(&set.difference, verdict);
            }
            let [low, high] = set.difference.interval(0.95);
            rows.push(vec![
                set.key.name(),
                set.rival.name(),
                set.dataset.to_owned(),
                set.seeds.to_string(),
                format!("{:.3}", set.difference.mean),
                format!("{low:.3}"),
                format!("{high:.3}"),
                significant(corrected),
                significant(of_tests.next().unwrap_or(1.0)),
                verdict.name().to_owned(),
            ]);
        }
        cells.extend(shown);
        cells.push(
            line.mean
                .as_ref()
                .map_or_else(|| "–".to_owned(), |mean| told(mean, mean.verdict(of_means.next().unwrap_or(1.0)))),
        );
        table.row(cells);
    }
    page.table(&table);
    let columns = [
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
        "{}, with McNemar's exact test (of several seeds twice the median probability, which holds however they depend on \
         one another; corrected by Holm): {link}.",
        plural(rows.len(), "comparison")
    ));
    Ok(())
}

/// `−0.45 (−1.20 to 0.31) open`.
fn told(difference: &Difference, verdict: Verdict) -> String {
    let [low, high] = difference.interval(0.95).map(signed);
    format!("{} ({low} to {high}) {}", signed(difference.mean), verdict.name())
}

/// With a minus sign as typesetters have it, and no negative zero.
fn signed(value: f64) -> String {
    let text = format!("{value:.2}");
    match text.strip_prefix('-') {
        Some("0.00") => "0.00".to_owned(),
        Some(size) => format!("−{size}"),
        None => text,
    }
}

/// The comparisons of the main table, row by row.
fn lines(study: &Study) -> Vec<Line<'_>> {
    let keys = study.keys("main");
    let of_rival = |key: &Key<'_>| {
        keys.iter().copied().find(|rival| match key.kind.method {
            Method::BagOfWords => false,
            Method::Dnn | Method::Original => rival.kind.method == Method::BagOfWords,
            _ => rival.kind.method == Method::Dnn && rival.kind.family == key.kind.family && rival.axis.is_empty(),
        })
    };
    let with_rival = keys.iter().filter_map(|key| Some((*key, of_rival(key)?)));
    with_rival
        .filter_map(|(key, rival)| {
            let names = study.datasets("main");
            let sets: Vec<Comparison<'_>> = names
                .into_iter()
                .filter_map(|dataset| compare(&study.entry(key, dataset)?, &study.entry(rival, dataset)?))
                .collect();
            let published: Option<Vec<Difference>> = DATASETS
                .iter()
                .map(|(name, _)| Some(sets.iter().find(|set| set.dataset == *name)?.difference.clone()))
                .collect();
            let mean = published.and_then(|sets| Difference::mean_of(&sets));
            (!sets.is_empty()).then_some(Line { key, rival, sets, mean })
        })
        .collect()
}

/// The seeds that both have, on the same texts. A rival of one seed, which has none to speak of, stands beside each.
fn compare<'a>(entry: &Entry<'a>, rival: &Entry<'a>) -> Option<Comparison<'a>> {
    let answers = |cell: &'a Cell| cell.measured.answers.as_ref();
    let beside = |cell: &Cell| {
        let same = rival.cells.iter().find(|other| other.seed == cell.seed);
        same.or_else(|| rival.cells.first().filter(|_| rival.cells.len() == 1)).copied()
    };
    let pairs: Vec<(&TestAnswers, &TestAnswers)> = entry
        .cells
        .iter()
        .filter_map(|cell| Some((answers(cell)?, answers(beside(cell)?)?)))
        .filter(|(own, others)| own.targets == others.targets && !own.targets.is_empty())
        .collect();
    let seeds: Vec<Pair> = pairs.iter().map(|(own, others)| Pair::of(&own.right(), &others.right())).collect();
    let same_texts = pairs.windows(2).all(|two| two[0].0.targets == two[1].0.targets);
    let difference = Difference::of(&seeds, same_texts)?;
    let tests = seeds.iter().map(|pair| {
        let [own, others] = pair.discordant();
        mcnemar(own, others)
    });
    Some(Comparison {
        key: entry.key,
        rival: rival.key,
        dataset: entry.dataset,
        seeds: seeds.len(),
        difference,
        mcnemar: twice_the_median_of(tests.collect())?,
    })
}

/// One test as it is; several as [`twice_the_median`] has them.
fn twice_the_median_of(tests: Vec<f64>) -> Option<f64> {
    if let [one] = tests.as_slice() { Some(*one) } else { twice_the_median(tests) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_are_those_of_typesetters() {
        assert_eq!([-0.001, -1.239, 0.4].map(signed), ["0.00", "−1.24", "0.40"]);
        assert_eq!((twice_the_median_of(vec![0.03]), twice_the_median_of(vec![])), (Some(0.03), None));
    }
}
