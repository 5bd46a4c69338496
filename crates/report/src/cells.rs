//! The cells of a study: read, checked, put in order, and gathered by what differs only in the seed.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use serde::Deserialize;
use spiketext::{Error, Result};
use spiketext_study::{BINS, Cell, CostsPerText, Family, FiringSummary, Method, Way, WayName, archive};

use crate::{
    numbers::Sample,
    published::{DATASETS, PHRASES},
};

/// The recipes in the order of their rows.
const RECIPES: [&str; 5] = ["bag-of-words", "tf-idf", "fasttext", "paper", "lean"];

/// No count, energy or time of a cell is larger; figures would have no scale for it.
const LARGEST: f64 = 1e30;

/// The cells of a study in order, and the cells it was to have.
#[derive(Debug)]
pub struct Study {
    /// By table, row, axis, data set and seed, each in the order of the report.
    pub cells: Vec<Cell>,
    /// The declared grid, where there is one.
    pub expected: Option<Vec<Expected>>,
}

/// A cell that the declared grid holds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Expected {
    /// See [`Cell::table`].
    pub table: String,
    /// See [`Cell::row`].
    pub row: String,
    /// See [`Cell::axis`].
    #[serde(default)]
    pub axis: BTreeMap<String, String>,
    /// See [`Cell::dataset`].
    pub dataset: String,
    /// See [`Cell::seed`].
    pub seed: u64,
}

/// A row of a table at one place of its axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key<'a> {
    /// The table.
    pub table: &'a str,
    /// The row.
    pub row: &'a str,
    /// Where on the axis.
    pub axis: &'a BTreeMap<String, String>,
    /// What its networks are.
    pub kind: Kind<'a>,
}

/// Rows that share a colour: what a row's networks are, whatever it is called in detail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind<'a> {
    /// Recipe, word vectors and training texts.
    pub family: &'a Family,
    /// How they are made.
    pub method: Method,
}

/// Cells that differ in nothing but the seed.
#[derive(Clone, Debug)]
pub struct Entry<'a> {
    /// Its place.
    pub key: Key<'a>,
    /// The data set.
    pub dataset: &'a str,
    /// One a seed, in the order of the seeds; at least one.
    pub cells: Vec<&'a Cell>,
}

impl Study {
    /// Reads the cells at `path` (see [`archive::all`]), and the declared grid at `grid` if that file exists.
    ///
    /// # Errors
    /// If the cells or the grid cannot be read, there is no cell, or a cell contradicts itself; a file is always
    /// named.
    pub fn read(path: &Path, grid: &Path) -> Result<Self> {
        let mut cells = Vec::new();
        let mut seen = BTreeMap::new();
        for (file, cell) in archive::all(path)? {
            let broken = |(expected, got): (String, String)| {
                Error::malformed(&file, None, expected, format!("{got} in {}", cell.id()))
            };
            check(&cell).map_err(broken)?;
            let place = (cell.table.clone(), cell.row.clone(), cell.axis.clone(), cell.dataset.clone(), cell.seed);
            if let Some(first) = seen.insert(place, file.clone()) {
                let got = format!("the one that {} holds", first.display());
                return Err(Error::malformed(&file, None, "a cell that no other file holds", got));
            }
            cells.push(cell);
        }
        if cells.is_empty() {
            return Err(Error::malformed(path, None, "result cells of a study (*.json)", "none"));
        }
        cells.sort_by(in_order);
        let expected = if grid.exists() {
            let text = std::fs::read_to_string(grid).map_err(Error::read(grid))?;
            let broken = |error: serde_json::Error| {
                Error::malformed(grid, None, "a list of {table, row, axis, dataset, seed}", error.to_string())
            };
            let mut list: Vec<Expected> = serde_json::from_str(&text).map_err(broken)?;
            list.sort_unstable();
            list.dedup();
            Some(list)
        } else {
            None
        };
        Ok(Self { cells, expected })
    }

    /// The tables that have cells, `main` first.
    #[must_use]
    pub fn tables(&self) -> Vec<&str> {
        let mut tables: Vec<&str> = self.cells.iter().map(|cell| cell.table.as_str()).collect();
        tables.dedup();
        tables
    }

    /// The rows of a table at each place of their axes.
    #[must_use]
    pub fn keys<'a>(&'a self, table: &str) -> Vec<Key<'a>> {
        let mut keys: Vec<Key<'a>> = Vec::new();
        for cell in self.cells.iter().filter(|cell| cell.table == table) {
            let key = Key::of(cell);
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
        keys
    }

    /// The data sets of a table, those of the published table first and in its order.
    #[must_use]
    pub fn datasets(&self, table: &str) -> Vec<&str> {
        let names: BTreeSet<&str> =
            self.cells.iter().filter(|cell| cell.table == table).map(|cell| cell.dataset.as_str()).collect();
        let mut names: Vec<&str> = names.into_iter().collect();
        names.sort_by_key(|name| dataset_order(name));
        names
    }

    /// The data sets of a table that have columns: all but [`PHRASES`], whose test texts are those of another.
    #[must_use]
    pub fn columns(&self, table: &str) -> Vec<&str> {
        let mut names = self.datasets(table);
        names.retain(|name| *name != PHRASES);
        names
    }

    /// The cells of a row on a data set; none if none is there.
    #[must_use]
    pub fn entry<'a>(&'a self, key: Key<'a>, dataset: &'a str) -> Option<Entry<'a>> {
        let cells: Vec<&Cell> =
            self.cells.iter().filter(|cell| cell.dataset == dataset && Key::of(cell) == key).collect();
        (!cells.is_empty()).then_some(Entry { key, dataset, cells })
    }

    /// Every entry of a table, row by row.
    #[must_use]
    pub fn entries<'a>(&'a self, table: &str) -> Vec<Entry<'a>> {
        let datasets = self.datasets(table);
        self.keys(table).into_iter().flat_map(|key| datasets.iter().filter_map(move |d| self.entry(key, d))).collect()
    }

    /// The most seeds that an entry of a table has.
    #[must_use]
    pub fn most_seeds(&self, table: &str) -> usize {
        self.entries(table).iter().map(|entry| entry.cells.len()).max().unwrap_or(0)
    }
}

impl<'a> Key<'a> {
    /// The place of a cell.
    #[must_use]
    pub fn of(cell: &'a Cell) -> Self {
        let kind = Kind { family: &cell.family, method: cell.method };
        Self { table: &cell.table, row: &cell.row, axis: &cell.axis, kind }
    }

    /// Row and axis in words, not escaped: `lean fine-tuned SNN, T = 8`.
    #[must_use]
    pub fn name(&self) -> String {
        named(self.row, self.axis)
    }
}

impl Kind<'_> {
    /// In words.
    #[must_use]
    pub fn name(&self) -> String {
        let what = match self.method {
            Method::BagOfWords if self.family.recipe == "bag-of-words" => return "bag of words".into(),
            Method::BagOfWords => return self.family.recipe.clone(),
            Method::FastText => return "fastText".into(),
            Method::Teacher => return "teacher".into(),
            Method::Original => "original TextCNN",
            Method::Dnn => "DNN",
            Method::DnnInt8 => "DNN in 8 bits",
            Method::DnnInt4 => "DNN with weights of 4 bits",
            Method::DnnLevels => "DNN on T + 1 levels",
            Method::DnnCodes => "DNN on the codes of the SNN",
            Method::Converted => "converted SNN",
            Method::FineTuned => "fine-tuned SNN",
            Method::Direct => "directly trained SNN",
        };
        let mut name = match self.method {
            Method::Original => what.to_owned(),
            _ => format!("{} {what}", self.family.recipe),
        };
        for (is, words) in
            [(self.family.random_vectors, "random vectors"), (self.family.adversarial, "adversarial training")]
        {
            if is {
                name.push_str(&format!(", {words}"));
            }
        }
        name
    }

    /// Whether the networks spike.
    #[must_use]
    pub fn spikes(&self) -> bool {
        self.method.spikes()
    }

    /// Whether they are of this recipe, on given vectors.
    #[must_use]
    pub fn is_of(&self, recipe: &str) -> bool {
        self.family.recipe == recipe && !self.family.random_vectors
    }

    /// What the order of rows goes by: the floor first, the paper's rows before the lean ones, other recipes behind.
    fn rank(&self) -> impl Ord {
        let recipe = RECIPES.iter().position(|name| *name == self.family.recipe).unwrap_or(RECIPES.len());
        let method = match self.method {
            Method::BagOfWords => 0,
            Method::FastText => 1,
            Method::Original => 2,
            Method::Dnn => 3,
            Method::DnnInt8 => 4,
            Method::DnnInt4 => 5,
            Method::DnnLevels => 6,
            Method::DnnCodes => 7,
            Method::Direct => 8,
            Method::Converted => 9,
            Method::FineTuned => 10,
            Method::Teacher => 11,
        };
        (recipe, self.family.recipe.clone(), self.family.random_vectors, method, self.family.adversarial)
    }
}

impl PartialOrd for Kind<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Kind<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.rank().cmp(&other.rank())
    }
}

impl<'a> Entry<'a> {
    /// Test accuracy over the seeds, percent.
    #[must_use]
    pub fn accuracy(&self) -> Sample {
        self.sample(|cell| Some(cell.measured.test_accuracy)).expect("an entry has cells")
    }

    /// A value over the seeds that have one.
    #[must_use]
    pub fn sample(&self, value: impl Fn(&Cell) -> Option<f64>) -> Option<Sample> {
        Sample::of(self.cells.iter().filter_map(|cell| value(cell)))
    }

    /// The mean of a cost over the seeds that have costs.
    #[must_use]
    pub fn cost(&self, value: impl Fn(&CostsPerText) -> f64) -> Option<f64> {
        Some(self.sample(|cell| cell.measured.costs.as_ref().map(&value))?.mean)
    }

    /// The mean of a firing figure over the seeds that fire.
    #[must_use]
    pub fn firing(&self, value: impl Fn(&FiringSummary) -> f64) -> Option<f64> {
        Some(self.sample(|cell| cell.measured.firing.as_ref().map(&value))?.mean)
    }

    /// Energies under a cost table, means over the seeds that have it: this network's and its DNN's microjoules.
    #[must_use]
    pub fn energy(&self, table: &str) -> Option<(f64, f64)> {
        let find = |cell: &Cell| {
            let energies = &cell.measured.costs.as_ref()?.energy;
            energies.iter().find(|energy| energy.table == table).map(|energy| (energy.network, energy.dnn))
        };
        let network = self.sample(|cell| Some(find(cell)?.0))?.mean;
        Some((network, self.sample(|cell| Some(find(cell)?.1))?.mean))
    }

    /// Time steps: measured, or else as the axis says.
    #[must_use]
    pub fn steps(&self) -> Option<usize> {
        let measured = self.cells.iter().find_map(|cell| cell.measured.firing.as_ref()).map(|firing| firing.steps);
        measured.or_else(|| steps_of(self.key.axis))
    }

    /// Filters a kernel width: as the axis says, or else the choices.
    #[must_use]
    pub fn filters(&self) -> Option<usize> {
        let axis = self.key.axis.iter().find(|(key, _)| axis_name(key) == "filters");
        if let Some((_, value)) = axis {
            return value.parse().ok();
        }
        let choice = self.cells[0].settings.choices.get("network")?.get("filters")?.as_u64()?;
        usize::try_from(choice).ok()
    }

    /// The mean over the seeds of a figure of the same network computed in another way.
    #[must_use]
    pub fn way(&self, name: WayName, value: impl Fn(&Way) -> Option<f64>) -> Option<f64> {
        let find = |cell: &Cell| {
            let ways = &cell.measured.costs.as_ref()?.ways;
            ways.iter().find(|way| way.way == name).and_then(&value)
        };
        Some(self.sample(find)?.mean)
    }

    /// Time steps times input spikes a (token, dimension, step): the accumulations a multiplication of the DNN's
    /// first layer turns into.
    #[must_use]
    pub fn steps_times_rate(&self) -> Option<f64> {
        self.firing(|firing| firing.steps as f64 * firing.input_rate)
    }

    /// Test texts by true and found class, summed over the seeds; none if a seed has none or other classes.
    #[must_use]
    pub fn confusion(&self) -> Option<(&'a [String], Vec<Vec<f64>>)> {
        let labels: &'a [String] = &self.cells[0].measured.labels;
        let mut sum = vec![vec![0.0; labels.len()]; labels.len()];
        for cell in &self.cells {
            if cell.measured.labels != labels || cell.measured.confusion.is_empty() {
                return None;
            }
            for (to, from) in sum.iter_mut().flatten().zip(cell.measured.confusion.iter().flatten()) {
                *to += *from as f64;
            }
        }
        (!labels.is_empty()).then_some((labels, sum))
    }
}

/// Row and axis in words, not escaped.
#[must_use]
pub fn named(row: &str, axis: &BTreeMap<String, String>) -> String {
    let mut name = row.to_owned();
    for (key, value) in axis {
        name.push_str(&format!(", {} = {}", axis_name(key), value_name(value)));
    }
    name
}

/// A setting's value without the brackets of TOML: `percentile, q = 0.99` for `{ kind = "percentile", q = 0.99 }`.
#[must_use]
pub fn value_name(value: &str) -> String {
    let inside = value.trim().trim_start_matches('{').trim_end_matches('}').replace('"', "");
    let parts = inside.split(',').map(|part| {
        let part = part.trim();
        part.strip_prefix("kind").map_or(part, |rest| rest.trim_start().trim_start_matches('=').trim_start())
    });
    parts.collect::<Vec<_>>().join(", ")
}

/// A setting's name as it is shown: `T` for the time steps, else what stands behind the last point.
#[must_use]
pub fn axis_name(key: &str) -> &str {
    match key.rsplit('.').next().unwrap_or(key) {
        "steps" => "T",
        name => name,
    }
}

/// The time steps that an axis names.
fn steps_of(axis: &BTreeMap<String, String>) -> Option<usize> {
    axis.iter().find(|(key, _)| axis_name(key) == "T")?.1.parse().ok()
}

/// A data set's name as people write it.
#[must_use]
pub fn dataset_name(short: &str) -> &str {
    let known = DATASETS.iter().chain([&(PHRASES, "SST-2 trained on phrases")]);
    known.into_iter().find(|(name, _)| *name == short).map_or(short, |(_, name)| name)
}

fn dataset_order(short: &str) -> (usize, &str) {
    (DATASETS.iter().position(|(name, _)| *name == short).unwrap_or(DATASETS.len()), short)
}

/// Where a table stands in the report.
fn table_order(table: &str) -> (usize, &str) {
    let known = ["main", "front", "encoders", "readouts"];
    let ablation = usize::from(!table.starts_with("ablation"));
    (known.iter().position(|name| *name == table).unwrap_or(known.len() + ablation), table)
}

/// The order of cells in the report.
fn in_order(a: &Cell, b: &Cell) -> Ordering {
    table_order(&a.table)
        .cmp(&table_order(&b.table))
        .then_with(|| Key::of(a).kind.cmp(&Key::of(b).kind))
        .then_with(|| a.row.cmp(&b.row))
        .then_with(|| compare_axes(&a.axis, &b.axis))
        .then_with(|| dataset_order(&a.dataset).cmp(&dataset_order(&b.dataset)))
        .then_with(|| a.seed.cmp(&b.seed))
}

/// Axes by their settings; numbers as numbers.
fn compare_axes(a: &BTreeMap<String, String>, b: &BTreeMap<String, String>) -> Ordering {
    for ((key_a, value_a), (key_b, value_b)) in a.iter().zip(b) {
        let order = key_a.cmp(key_b).then_with(|| compare_values(value_a, value_b));
        if order != Ordering::Equal {
            return order;
        }
    }
    a.len().cmp(&b.len())
}

/// Values of a setting: numbers before words, by size.
#[must_use]
pub fn compare_values(a: &str, b: &str) -> Ordering {
    match (number(a), number(b)) {
        (Some(x), Some(y)) => x.total_cmp(&y).then_with(|| a.cmp(b)),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => a.cmp(b),
    }
}

/// A value of a setting as a number that a figure can show.
#[must_use]
pub fn number(text: &str) -> Option<f64> {
    text.trim().parse::<f64>().ok().filter(|value| value.is_finite() && value.abs() < LARGEST)
}

/// What a cell must hold so that every section can use it; else what was expected and what came.
fn check(cell: &Cell) -> std::result::Result<(), (String, String)> {
    if cell.fold.is_some() {
        return Err(("cells measured on test texts".into(), "one of cross-validation (`spiketext select`)".into()));
    }
    let measured = &cell.measured;
    let within = |what: &str, value: f64, most: f64| {
        let fits = (0.0..=most).contains(&value);
        if fits { Ok(()) } else { Err((format!("{what} from 0 to {most}"), value.to_string())) }
    };
    within("a test accuracy", measured.test_accuracy, 100.0)?;
    within("a development accuracy", measured.development_accuracy, 100.0)?;
    within("seconds", cell.seconds.total, LARGEST)?;
    within("seconds", cell.seconds.shared, LARGEST)?;
    within("nanoseconds a text", cell.seconds.nanoseconds_a_text.unwrap_or(0.0), LARGEST)?;
    within("a share of unknown tokens", measured.unknown_share, 1.0)?;
    let classes = measured.labels.len();
    let square = measured.confusion.len() == classes && measured.confusion.iter().all(|row| row.len() == classes);
    if !square && !measured.confusion.is_empty() {
        let rows: Vec<String> = measured.confusion.iter().map(|row| row.len().to_string()).collect();
        let got = format!("rows of {}", rows.join(", "));
        return Err((format!("a confusion matrix of {classes} x {classes}, one row a label"), got));
    }
    if let Some(answers) = &measured.answers {
        let lengths = [&answers.targets, &answers.labels, &answers.probabilities].map(Vec::len);
        let texts = measured.texts[2];
        if lengths != [texts; 3] {
            return Err((format!("answers to the {texts} test texts"), format!("{lengths:?}")));
        }
        let mut classes_found = answers.targets.iter().chain(&answers.labels);
        if let Some(class) = classes_found.find(|&&class| usize::from(class) >= classes) {
            return Err((format!("answers among {classes} classes"), format!("class {class}")));
        }
        let right = answers.right().iter().filter(|right| **right).count();
        let accuracy = 100.0 * right as f64 / texts.max(1) as f64;
        if (accuracy - measured.test_accuracy).abs() > 1e-6 {
            return Err((
                format!("a test accuracy of {accuracy}, as the answers have it"),
                measured.test_accuracy.to_string(),
            ));
        }
    }
    if let Some(attack) = &measured.attack {
        let shares = [
            attack.accuracy,
            attack.accuracy_under_attack,
            attack.judged_accuracy,
            attack.judged_accuracy_under_attack,
            attack.success_rate,
            attack.changed_words,
        ];
        for share in shares {
            within("shares of an attack", share, 100.0)?;
        }
        within("queries of an attack", attack.queries, LARGEST)?;
    }
    if let Some(costs) = &measured.costs {
        let counts = [costs.effective_macs, costs.effective_acs, costs.dense, costs.neuron_updates, costs.dnn_macs];
        let energies = costs.energy.iter().flat_map(|energy| [energy.network, energy.dnn]);
        let of_way = |way: &Way| [way.effective_macs, way.effective_acs];
        let ways = costs
            .ways
            .iter()
            .flat_map(|way| of_way(way).into_iter().chain(way.energy.iter().map(|priced| priced.microjoules)));
        for value in counts.into_iter().chain(energies).chain(ways) {
            within("operations and energies", value, LARGEST)?;
        }
        within("a connection sparsity", costs.connection_sparsity, 1.0)?;
        within("an activation sparsity", costs.activation_sparsity, 1.0)?;
    }
    if let Some(firing) = &measured.firing {
        for rate in [firing.input_rate, firing.convolution_rate, firing.feature_rate, firing.output_rate] {
            within("a firing rate", rate, LARGEST)?;
        }
        for bins in [firing.convolution_histogram.len(), firing.feature_histogram.len()] {
            if bins != BINS {
                return Err((format!("a firing-rate histogram of {BINS} bins"), format!("one of {bins}")));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_are_named_for_people() {
        let axis = BTreeMap::from([("network.steps".to_owned(), "8".to_owned())]);
        assert_eq!(named("lean", &axis), "lean, T = 8");
        let normalisation = "{ kind = \"percentile\", q = 0.99 }".to_owned();
        let axis = BTreeMap::from([("conversion.normalisation".to_owned(), normalisation)]);
        assert_eq!(named("converted", &axis), "converted, normalisation = percentile, q = 0.99");
        assert_eq!(value_name("arctangent"), "arctangent");
    }

    #[test]
    fn values_are_in_the_order_of_numbers_then_words() {
        let mut values = ["hard", "16", "2", "1e0", "burst"];
        values.sort_by(|a, b| compare_values(a, b));
        assert_eq!(values, ["1e0", "2", "16", "burst", "hard"]);
    }
}
