//! A grid as people write it, and the cells that its rows stand for.
//!
//! ```toml
//! datasets = ["mr", "sst2"]           # of rows that name none
//! splits = 5                          # seeds 0 to 4 test different texts, where there is no official split
//! [datasets-of.mr]                    # settings of a data set, before those of a row
//! paper = ["network.averaging={kind=\"padded\",length=35}"]
//! [datasets-of.mine]                  # a data set in a file, beside the grid
//! file = "mine.csv"
//! [[row]]
//! table = "main"
//! name = "lean converted SNN"
//! method = "converted"
//! recipe = "lean"
//! axis = { "network.steps" = [1, 2, 4] }
//! quick = { "network.steps" = [4] }   # what --quick runs of it: true, false, or some values of the axis
//! seeds = 5
//! selected = { file = "docs/selection/steps.json", commit = "0123abc" }   # what chose the row, and the commit that holds it
//! [[goal]]                            # what the row is to reach; a report judges it, if `selected` chose the row
//! name = "at least"
//! table = "main"
//! row = "lean converted SNN"
//! axis = { "network.steps" = 4 }
//! dataset = "mr"                      # or "mean", of the six published ones
//! at-least = 77.4                     # percent
//! selection = "docs/selection/steps.json"
//! [[row]]
//! table = "robustness"
//! name = "lean DNN"
//! method = "dnn"
//! recipe = "lean"
//! attack = { texts = 100 }            # an attack on the network instead of a measurement
//! axis = { "attack.name" = ["deepwordbug", "pwws"] }
//! adversarial = { name = "pwws", texts = 2000 }   # trained with texts that fooled an earlier network besides
//! ```

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use serde::Deserialize;
use spiketext::{Error, Result, data, text::Language};
use spiketext_train::recipe::Recipe;
use toml::{Spanned, Value};

use super::{Choices, DatasetSource, Grid, PlannedCell, Vectors};
use crate::{
    attacks::AttackChoices,
    bag_of_words::BagOfWords,
    cell::{Method, Selected},
    fasttext::FastText,
    folds,
    goal::{Goal, OF_MEAN},
};

/// The file as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct File {
    #[serde(default)]
    datasets: Vec<Spanned<String>>,
    #[serde(default)]
    datasets_of: BTreeMap<Spanned<String>, DatasetPart>,
    splits: Option<Spanned<u64>>,
    #[serde(default)]
    row: Vec<Spanned<Row>>,
    #[serde(default)]
    goal: Vec<Goal>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct DatasetPart {
    file: Option<PathBuf>,
    language: Option<Language>,
    #[serde(default)]
    lean: Vec<Spanned<String>>,
    #[serde(default)]
    paper: Vec<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Row {
    table: String,
    name: String,
    method: Method,
    recipe: Option<Spanned<String>>,
    #[serde(default)]
    set: Vec<Spanned<String>>,
    #[serde(default)]
    axis: BTreeMap<Spanned<String>, Vec<Value>>,
    attack: Option<AttackChoices>,
    adversarial: Option<AttackChoices>,
    datasets: Option<Vec<Spanned<String>>>,
    #[serde(default)]
    per_dataset: BTreeMap<Spanned<String>, Vec<Spanned<String>>>,
    #[serde(default = "one")]
    seeds: u64,
    #[serde(default)]
    quick: Quick,
    #[serde(default)]
    vectors: Vectors,
    #[serde(default)]
    priority: i64,
    selected: Option<Selected>,
    teacher: Option<Spanned<String>>,
}

fn one() -> u64 {
    1
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Quick {
    All(bool),
    Values(BTreeMap<String, Vec<Value>>),
}

impl Default for Quick {
    fn default() -> Self {
        Self::All(false)
    }
}

impl Quick {
    fn takes(&self, axis: &[(&str, &Value)]) -> bool {
        match self {
            Self::All(all) => *all,
            Self::Values(values) => {
                axis.iter().all(|(key, value)| values.get(*key).is_none_or(|values| values.contains(value)))
            }
        }
    }
}

/// The text of a grid and its name, for messages.
struct Source<'a> {
    name: &'a Path,
    text: &'a str,
}

impl Source<'_> {
    fn line(&self, at: usize) -> u64 {
        self.text[..at.min(self.text.len())].matches('\n').count() as u64 + 1
    }

    fn refuse(&self, at: usize, expected: impl Into<String>, got: impl Into<String>) -> Error {
        Error::malformed(self.name, self.line(at), expected, got)
    }
}

/// A grid from its text; `name` is its path.
///
/// # Errors
/// As [`Grid::read`].
pub fn parse(text: &str, name: &Path) -> Result<Grid> {
    let source = Source { name, text };
    let file: File = toml::from_str(text).map_err(|error: toml::de::Error| {
        let line = error.span().map(|span| source.line(span.start));
        Error::malformed(name, line, "a grid in TOML", error.message().to_owned())
    })?;
    let folder = name.parent().unwrap_or(Path::new(""));
    let mut datasets = BTreeMap::new();
    let known: Vec<&str> = data::known().iter().map(|set| set.name).collect();
    for (name, part) in &file.datasets_of {
        if part.file.is_none() && !known.contains(&name.get_ref().as_str()) {
            let expected = format!("a 'file' for a data set that is not among {}", known.join(", "));
            return Err(source.refuse(name.span().start, expected, format!("'{}' without one", name.get_ref())));
        }
        let file = part.file.as_ref().map(|file| folder.join(file));
        datasets.insert(name.get_ref().clone(), DatasetSource { file, language: part.language });
    }
    let names: BTreeSet<&str> =
        known.iter().copied().chain(file.datasets_of.keys().map(|name| name.get_ref().as_str())).collect();
    let check_name = |name: &Spanned<String>| {
        if names.contains(name.get_ref().as_str()) {
            return Ok(());
        }
        let expected = format!("a data set among {}", names.iter().copied().collect::<Vec<_>>().join(", "));
        Err(source.refuse(name.span().start, expected, format!("'{}'", name.get_ref())))
    };
    for name in &file.datasets {
        check_name(name)?;
    }
    if let Some(splits) = file.splits.as_ref().filter(|splits| !(1..=folds::MOST_SPLITS).contains(splits.get_ref())) {
        let expected = format!("1 to {} splits", folds::MOST_SPLITS);
        return Err(source.refuse(splits.span().start, expected, splits.get_ref().to_string()));
    }
    let splits = file.splits.as_ref().map(|splits| *splits.get_ref());
    let mut ordered = Vec::new();
    for (place, row) in file.row.iter().enumerate() {
        let own = row.get_ref().datasets.as_ref();
        for name in own.into_iter().flatten().chain(row.get_ref().per_dataset.keys()) {
            check_name(name)?;
        }
        for (position, dataset) in own.unwrap_or(&file.datasets).iter().enumerate() {
            datasets.entry(dataset.get_ref().clone()).or_insert_with(DatasetSource::default);
            // Cells of a row are in the order of its axis; data sets in that of the grid's own list.
            let position = file.datasets.iter().position(|d| d.get_ref() == dataset.get_ref()).unwrap_or(position);
            let part = file.datasets_of.get(dataset.get_ref().as_str());
            for (index, planned) in expand(&source, row, dataset.get_ref(), part)?.into_iter().enumerate() {
                let planned = PlannedCell { splits, ..planned };
                ordered.push(((planned.seed, planned.priority, position, place, index), planned));
            }
        }
    }
    ordered.sort_by_key(|(key, _)| *key);
    let cells: Vec<PlannedCell> = ordered.into_iter().map(|(_, planned)| planned).collect();
    let mut seen = BTreeSet::new();
    for cell in &cells {
        if !seen.insert(cell.id()) {
            let expected = "rows whose table, name and axis differ in letters or digits";
            return Err(Error::malformed(name, None, expected, format!("'{}' twice", cell.id())));
        }
    }
    check_goals(&file.goal, &cells, name)?;
    Ok(Grid { cells, datasets, goals: file.goal })
}

/// Whether each goal is a percentage of a row that is there, and the only one of its name there.
fn check_goals(goals: &[Goal], cells: &[PlannedCell], name: &Path) -> Result<()> {
    for (place, goal) in goals.iter().enumerate() {
        let refuse = |expected: &str, got: String| {
            Err(Error::malformed(name, None, format!("{expected} for the goal '{}'", goal.name), got))
        };
        // Shares are written for percent too easily.
        if !(1.0..=100.0).contains(&goal.at_least) {
            return refuse("at-least in percent, from 1 to 100,", goal.at_least.to_string());
        }
        let of = |goal: &Goal| {
            (goal.name.clone(), goal.table.clone(), goal.row.clone(), goal.axis.clone(), goal.dataset.clone())
        };
        if goals[..place].iter().any(|earlier| of(earlier) == of(goal)) {
            return refuse("one number", format!("two on {}", goal.dataset));
        }
        let is_its = |cell: &PlannedCell| goal.is_of(&cell.table, &cell.row, &cell.axis, &cell.dataset);
        if !cells.iter().any(is_its) {
            let expected = format!("a row of the grid for the goal '{}'", goal.name);
            let got = format!("'{}' of {} on {}", goal.row, goal.table, goal.dataset);
            return Err(Error::malformed(name, None, expected, got));
        }
        let lacks = |dataset: &&&str| !cells.iter().any(|cell| is_its(cell) && cell.dataset == ***dataset);
        if let Some(lacking) = OF_MEAN.iter().filter(|_| goal.dataset == "mean").find(lacks) {
            return refuse("the six data sets of a mean", format!("no '{}' on {lacking}", goal.row));
        }
    }
    Ok(())
}

/// The cells of a row on one data set, all seeds.
fn expand(
    source: &Source<'_>,
    row: &Spanned<Row>,
    dataset: &str,
    part: Option<&DatasetPart>,
) -> Result<Vec<PlannedCell>> {
    let (at, row) = (row.span().start, row.get_ref());
    if row.seeds == 0 {
        return Err(source.refuse(at, "seeds of a row from 1", "0"));
    }
    let told = |at: usize| move |error: Error| source.refuse(at, "a choice that can be", error.to_string());
    let mut choices = match (&row.recipe, row.method) {
        (None, Method::BagOfWords) => Choices::BagOfWords(BagOfWords::default()),
        (None, Method::Teacher) => Choices::Teacher,
        (None, Method::FastText) => Choices::FastText(FastText::default()),
        (Some(recipe), Method::BagOfWords | Method::FastText | Method::Teacher) => {
            return Err(source.refuse(recipe.span().start, "no recipe for a method without a network", "one"));
        }
        (Some(recipe), _) => {
            let named = Recipe::named(recipe.get_ref()).map_err(told(recipe.span().start))?;
            Choices::Network(Box::new(named))
        }
        (None, _) => {
            return Err(source.refuse(at, "a recipe, or the method bag-of-words, fast-text or teacher", "neither"));
        }
    };
    let of_dataset = part.map_or(&[][..], |part| match row.recipe.as_ref().map(|recipe| recipe.get_ref().as_str()) {
        Some("lean") => &part.lean,
        Some("paper") => &part.paper,
        _ => &[],
    });
    let own = row.per_dataset.iter().find(|(name, _)| name.get_ref() == dataset).map_or(&[][..], |(_, own)| own);
    let (mut attack, mut labelled) = (row.attack.clone(), None);
    for setting in of_dataset.iter().chain(&row.set).chain(own) {
        let set = with_setting((choices, attack, labelled), setting.get_ref());
        (choices, attack, labelled) = set.map_err(told(setting.span().start))?;
    }
    let mut cells: Vec<(Chosen, Vec<(&str, &Value)>)> = vec![((choices, attack, labelled), Vec::new())];
    // In the order of the file, which a map does not keep.
    let mut axis: Vec<_> = row.axis.iter().collect();
    axis.sort_by_key(|(key, _)| key.span().start);
    for (key, values) in axis {
        let mut next = Vec::with_capacity(cells.len() * values.len());
        for (chosen, done) in cells {
            for value in values {
                let setting = format!("{}={value}", key.get_ref());
                let chosen = with_setting(chosen.clone(), &setting).map_err(told(key.span().start))?;
                let done = done.iter().copied().chain([(key.get_ref().as_str(), value)]).collect();
                next.push((chosen, done));
            }
        }
        cells = next;
    }
    if let Quick::Values(values) = &row.quick {
        let is_on = |key: &String, value: &Value| {
            row.axis.iter().any(|(own, values)| own.get_ref() == key && values.contains(value))
        };
        let mut all = values.iter().flat_map(|(key, values)| values.iter().map(move |value| (key, value)));
        if let Some((key, value)) = all.find(|(key, value)| !is_on(key, value)) {
            return Err(source.refuse(at, "quick values that are on the row's axis", format!("{key} = {value}")));
        }
    }
    let teacher = teacher_of(source, at, row)?;
    let mut planned = Vec::new();
    for ((choices, attack, labelled), axis) in cells {
        choices.check().map_err(told(at))?;
        if let Some(attack) = &attack {
            attack.check().map_err(told(at))?;
            let attacked = row.method.spikes() || matches!(row.method, Method::Dnn | Method::Original);
            if !attacked {
                return Err(source.refuse(
                    at,
                    "a network of numbers in single precision, or one that spikes, under attack",
                    "another",
                ));
            }
        }
        if let Some(adversarial) = &row.adversarial {
            adversarial.check().map_err(told(at))?;
            if matches!(row.method, Method::BagOfWords | Method::FastText | Method::Original) {
                return Err(source.refuse(
                    at,
                    "a network that converts or spikes for adversarial training",
                    "another",
                ));
            }
        }
        let cell = PlannedCell {
            table: row.table.clone(),
            row: row.name.clone(),
            axis: axis.iter().map(|(key, value)| ((*key).to_owned(), in_words(value))).collect(),
            dataset: dataset.to_owned(),
            seed: 0,
            fold: None,
            splits: None,
            selected: row.selected.clone(),
            quick: row.quick.takes(&axis),
            method: row.method,
            choices,
            attack,
            adversarial: row.adversarial.clone(),
            vectors: row.vectors,
            teacher: teacher.clone(),
            labelled,
            priority: row.priority,
        };
        planned.extend((0..row.seeds).map(|seed| PlannedCell { seed, ..cell.clone() }));
    }
    Ok(planned)
}

/// The name of the row's teacher, which is that of a folder.
fn teacher_of(source: &Source<'_>, at: usize, row: &Row) -> Result<Option<String>> {
    let Some(teacher) = &row.teacher else {
        return match row.method {
            Method::Teacher => Err(source.refuse(at, "a 'teacher' for rows of the method teacher", "none")),
            _ => Ok(None),
        };
    };
    let (at, name) = (teacher.span().start, teacher.get_ref());
    if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
        return Err(source.refuse(at, "a teacher's name of letters, digits and hyphens", format!("'{name}'")));
    }
    if matches!(row.method, Method::BagOfWords | Method::FastText) || row.adversarial.is_some() {
        return Err(source.refuse(at, "a network, without adversarial training, for who has a teacher", "another"));
    }
    Ok(Some(name.clone()))
}

/// The choices of a cell, and of its attack if it is one, and how many of its training texts are labelled if not all are.
type Chosen = (Choices, Option<AttackChoices>, Option<usize>);

/// A setting of the recipe, of the attack where its key says so, or of how many training texts are labelled.
fn with_setting((choices, attack, labelled): Chosen, setting: &str) -> Result<Chosen> {
    if let Some(number) = setting.strip_prefix("labelled=") {
        let texts = number.trim().parse().ok().filter(|&texts| texts > 0);
        let refused = || Error::invalid("study grid", "labelled texts from 1", number.to_owned());
        return Ok((choices, attack, Some(texts.ok_or_else(refused)?)));
    }
    match (setting.strip_prefix("attack."), attack) {
        (Some(setting), Some(attack)) => Ok((choices, Some(attack.with_setting(setting)?), labelled)),
        (_, attack) => Ok((choices.with_setting(setting)?, attack, labelled)),
    }
}

/// A value of an axis as a table shows it: a choice with fields as its kind and the fields.
fn in_words(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Table(table) => {
            let kind = table.get("kind").map(in_words);
            let fields = table.iter().filter(|(key, _)| *key != "kind");
            let fields = fields.map(|(key, value)| format!("{key} {}", in_words(value)));
            kind.into_iter().chain(fields).collect::<Vec<_>>().join(" ")
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use spiketext_train::recipe::Epochs;

    use super::*;

    const SMALL: &str = r#"
datasets = ["mr", "sst2"]

[datasets-of.mr]
paper = ["dnn.epochs=7"]

[[row]]
table = "main"
name = "late"
method = "dnn"
recipe = "paper"
priority = 2
seeds = 2

[[row]]
table = "main"
name = "early"
method = "converted"
recipe = "lean"
set = ["network.beta=0.5"]
axis = { "network.steps" = [10, 2], "network.averaging" = [{ kind = "padded", length = 9 }] }
quick = { "network.steps" = [2] }
per-dataset = { sst2 = ["dnn.epochs=3"] }
seeds = 2
"#;

    fn parse(text: &str) -> Result<Grid> {
        Grid::parse(text, Path::new("folder/grid.toml"))
    }

    #[test]
    fn rows_have_teachers_and_few_labels() {
        let row = "[[row]]\ntable = \"t\"\nname = \"n\"\ndatasets = [\"mr\"]\n";
        let text = format!(
            "{row}method = \"direct\"\nrecipe = \"sparse\"\nteacher = \"small-1\"\naxis = {{ labelled = [100, 500] }}\n"
        );
        let grid = parse(&text).expect("a grid");
        let of = |cell: &PlannedCell| (cell.teacher.clone(), cell.labelled, cell.axis["labelled"].clone());
        let wanted = |labelled: usize| (Some("small-1".to_owned()), Some(labelled), labelled.to_string());
        assert_eq!(grid.cells.iter().map(of).collect::<Vec<_>>(), [wanted(100), wanted(500)]);
        let teacher = format!("{row}method = \"teacher\"\nteacher = \"small-1\"\n");
        assert_eq!(parse(&teacher).expect("a grid").cells[0].choices.name(), "teacher");
        for (text, told) in [
            (text.replace("small-1", "a/b"), "a teacher's name of letters"),
            (text.replace("[100", "[0"), "labelled texts from 1"),
            (teacher.replace("teacher = \"small-1\"", ""), "a 'teacher' for rows"),
            (teacher.replace("\"teacher\"", "\"bag-of-words\""), "a network, without adversarial training"),
        ] {
            let error = parse(&text).map(|_| ()).expect_err(told).to_string();
            assert!(error.contains(told), "{told}: {error}");
        }
    }

    #[test]
    fn cells_fill_every_table_evenly() {
        let grid = parse(SMALL).expect("a grid");
        let ids: Vec<String> = grid.cells.iter().map(PlannedCell::id).collect();
        let of_seed = |seed: u64| -> Vec<String> {
            [
                "main--early--averaging=padded-length-9--steps=10--mr",
                "main--early--averaging=padded-length-9--steps=2--mr",
                "main--early--averaging=padded-length-9--steps=10--sst2",
                "main--early--averaging=padded-length-9--steps=2--sst2",
                "main--late--mr",
                "main--late--sst2",
            ]
            .map(|id| format!("{id}--seed{seed}"))
            .to_vec()
        };
        assert_eq!(ids, [of_seed(0), of_seed(1)].concat());
        let epochs: Vec<Epochs> = grid.cells[..6]
            .iter()
            .map(|cell| match &cell.choices {
                Choices::Network(recipe) => recipe.dnn.epochs,
                Choices::BagOfWords(_) | Choices::FastText(_) | Choices::Teacher => Epochs::Number(0),
            })
            .collect();
        let (lean, paper) = (Recipe::lean().dnn.epochs, Recipe::paper().dnn.epochs);
        let of = Epochs::Number;
        assert_eq!(epochs, [lean, lean, of(3), of(3), of(7), paper]);
        let quick: Vec<String> = grid.clone().quick().cells.iter().map(PlannedCell::id).collect();
        assert_eq!(quick, [&ids[1], &ids[3]].map(String::clone));
        assert_eq!(grid.clone().with_seeds(3).cells.len(), 18);
        assert_eq!(grid.with_seeds(1).cells.len(), 6);
    }

    #[test]
    fn unknown_names_are_refused_with_their_line_and_the_known_ones() {
        for (from, to, line, told) in [
            ("\"mr\", \"sst2\"", "\"mr\", \"sst3\"", 2, "sst5"),
            ("datasets-of.mr", "datasets-of.mrr", 4, "'mrr' without one"),
            ("dnn.epochs=7", "dnn.epoks=7", 5, "dnn.epoks"),
            ("method = \"dnn\"", "method = \"dnm\"", 10, "fine-tuned"),
            ("recipe = \"paper\"", "recipe = \"papyrus\"", 11, "lean, paper"),
            ("priority", "priorities", 12, "per-dataset"),
            ("network.beta=0.5", "network.beta=2", 15, "beta"),
            ("\"network.steps\" = [10", "\"network.stepz\" = [10", 21, "network.stepz"),
            ("{ sst2 = ", "{ waima = ", 23, "waimai"),
            ("name = \"late\"", "name = \"early\"", 0, ""),
        ] {
            let text = SMALL.replacen(from, to, 1);
            if line == 0 {
                // The same name is no clash where the axis differs.
                parse(&text).expect("two rows of one name");
                continue;
            }
            let error = parse(&text).expect_err(to).to_string();
            assert!(
                error.starts_with(&format!("folder/grid.toml:{line}: ")) && error.contains(told),
                "{to}: {error}"
            );
        }
        let twice = SMALL
            .replacen("name = \"early\"", "name = \"Late\"", 1)
            .replacen("axis = ", "#", 1)
            .replacen("quick = ", "#", 1);
        assert!(parse(&twice).expect_err("twice").to_string().contains("twice"));
    }

    #[test]
    fn goals_are_percentages_of_rows_that_are_there() {
        let goal = "[[goal]]\nname = \"a\"\ntable = \"main\"\nrow = \"early\"\n\
                    axis = { \"network.steps\" = 10, \"network.averaging\" = \"padded length 9\" }\n\
                    dataset = \"mr\"\nat-least = 70.5\nselection = \"a.json\"\n";
        let grid = parse(&format!("{SMALL}{goal}")).expect("a grid");
        assert_eq!(grid.goals[0].axis["network.steps"], "10");
        for (from, to, told) in [
            ("70.5", "0.7", "at-least in percent, from 1 to 100, for the goal 'a', got 0.7"),
            ("70.5", "7740", "got 7740"),
            ("70.5", "nan", "got NaN"),
            ("= 10,", "= 4,", "a row of the grid for the goal 'a'"),
            ("\"mr\"", "\"mean\"", "the six data sets of a mean for the goal 'a', got no 'early' on subj"),
        ] {
            let error = parse(&format!("{SMALL}{}", goal.replacen(from, to, 1))).expect_err(to).to_string();
            assert!(error.contains(told), "{to}: {error}");
        }
        let error = parse(&format!("{SMALL}{goal}{goal}")).expect_err("twice").to_string();
        assert!(error.contains("one number for the goal 'a', got two on mr"), "{error}");
        for (from, to, told) in [
            ("seeds = 2", "seeds = 0", "seeds of a row from 1"),
            (
                "quick = { \"network.steps\" = [2] }",
                "quick = { \"network.steps\" = [4] }",
                "quick values that are on",
            ),
        ] {
            let error = parse(&SMALL.replacen(from, to, 1)).expect_err(to).to_string();
            assert!(error.contains(told), "{to}: {error}");
        }
        let splits = parse(&format!("splits = 1\n{SMALL}")).expect("a grid").check_splits().expect_err("two seeds");
        assert!(splits.to_string().contains("at most 1 seeds of 'early' of main"), "{splits}");
    }

    #[test]
    fn the_built_in_grid_can_be_run() {
        let grid = Grid::built_in().expect("the built-in grid");
        let tables: BTreeSet<&str> = grid.cells.iter().map(|cell| cell.table.as_str()).collect();
        assert!(tables.contains("main") && tables.contains("encoders"), "{tables:?}");
        assert!(grid.clone().quick().cells.len() > 12);
        let methods: BTreeSet<Method> = grid.cells.iter().map(|cell| cell.method).collect();
        assert_eq!(methods.len(), 12, "{methods:?}");
    }

    #[test]
    fn attacks_have_choices_of_their_own() {
        let text = "datasets = [\"sst2\"]\n[[row]]\ntable = \"robustness\"\nname = \"a\"\nmethod = \"dnn\"\n\
                    recipe = \"lean\"\nattack = { texts = 5, noise = \"fresh\" }\n\
                    per-dataset = { sst2 = [\"attack.texts=9\"] }\n\
                    axis = { \"network.steps\" = [4], \"attack.name\" = [\"pwws\", \"bae-ngram\"] }\n";
        let grid = parse(text).expect("a grid");
        let attacks: Vec<_> = grid.cells.iter().filter_map(|cell| cell.attack.clone()).collect();
        assert_eq!(attacks.iter().map(|attack| attack.name.name()).collect::<Vec<_>>(), ["pwws", "bae-ngram"]);
        assert_eq!((attacks[0].texts, attacks[0].draws), (9, AttackChoices::default().draws));
        assert_eq!(grid.cells[1].id(), "robustness--a--name=bae-ngram--steps=4--sst2--seed0");
        for (from, to, told) in [
            ("pwws", "magic", "magic"),
            ("attack.name", "attack.nome", "nome"),
            ("texts=9", "texts=0", "texts from 1"),
            ("texts = 5", "share = 2.0", "share"),
            ("\"dnn\"", "\"dnn-int8\"", "under attack"),
            ("per-dataset", "adversarial = { texts = 0 }\nper-dataset", "texts from 1"),
        ] {
            let error = parse(&text.replacen(from, to, 1)).expect_err(to).to_string();
            assert!(error.contains(told), "{to}: {error}");
        }
    }

    #[test]
    fn methods_without_a_network_have_choices_and_families_of_their_own() {
        let row = |name: &str, more: &str| format!("[[row]]\ntable = \"a\"\nname = \"{name}\"\n{more}\n");
        let text = "datasets = [\"mr\"]\n".to_owned()
            + &row("bag", "method = \"bag-of-words\"")
            + &row("tf-idf", "method = \"bag-of-words\"\nset = [\"weighting=tf-idf\"]")
            + &row("fastText", "method = \"fast-text\"\nseeds = 2\naxis = { dimension = [10, 50] }");
        let grid = parse(&text).expect("a grid");
        let families: Vec<String> = grid.cells.iter().map(|cell| cell.family().recipe).collect();
        assert_eq!(families, ["bag-of-words", "tf-idf", "fasttext", "fasttext", "fasttext", "fasttext"]);
        assert_eq!(grid.cells[2].choices.to_json()["dimension"], 10);
        assert_eq!(grid.cells[5].id(), "a--fasttext--dimension=50--mr--seed1");
        for (from, to, told) in [
            ("\"fast-text\"", "\"fast-text\"\nrecipe = \"lean\"", "no recipe"),
            ("\"fast-text\"", "\"dnn\"", "fast-text"),
            ("dimension = [10", "dimension = [0", "a dimension"),
            ("tf-idf\"]", "idf\"]", "tf-idf"),
            ("seeds = 2", "adversarial = { name = \"pwws\" }", "adversarial training"),
            ("seeds = 2", "attack = { name = \"pwws\" }", "under attack"),
        ] {
            let error = parse(&text.replacen(from, to, 1)).expect_err(to).to_string();
            assert!(error.contains(told), "{to}: {error}");
        }
    }

    #[test]
    fn a_data_set_may_be_a_file_beside_the_grid() {
        let text = "datasets = [\"mine\"]\n[datasets-of.mine]\nfile = \"mine.csv\"\n[[row]]\ntable = \"a\"\n\
                    name = \"b\"\nmethod = \"bag-of-words\"\nset = [\"n-grams=1\"]\n";
        let grid = parse(text).expect("a grid");
        assert_eq!(grid.datasets["mine"].file.as_deref(), Some(Path::new("folder/mine.csv")));
        assert_eq!(grid.cells[0].id(), "a--b--mine--seed0");
    }
}
