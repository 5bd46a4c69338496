//! A grid: the cells of a study, in the order in which they are run. `file` reads one from TOML.

mod file;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use spiketext::{Error, Result, text::Language};
use spiketext_train::recipe::Recipe;

use crate::{
    attacks::AttackChoices,
    bag_of_words::BagOfWords,
    cell::{Family, Fold, Method, Selected, cell_id},
    fasttext::FastText,
    folds,
    goal::Goal,
};

/// The grid that comes with the program.
const DEFAULT: &str = include_str!("../assets/study.toml");

/// A grid, checked.
#[derive(Clone, Debug)]
pub struct Grid {
    /// Every cell with all seeds, in the order in which they are run.
    pub cells: Vec<PlannedCell>,
    /// The data sets by name.
    pub datasets: BTreeMap<String, DatasetSource>,
    /// What its rows are to reach.
    pub goals: Vec<Goal>,
}

/// Where a data set comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DatasetSource {
    /// Its file; a known data set has none.
    pub file: Option<PathBuf>,
    /// The language of its texts, if it is not to be found from their script.
    pub language: Option<Language>,
}

/// A cell to be run.
#[derive(Clone, Debug, PartialEq)]
pub struct PlannedCell {
    /// Its table.
    pub table: String,
    /// Its row.
    pub row: String,
    /// What varies along the row, by the recipe's names.
    pub axis: BTreeMap<String, String>,
    /// The data set.
    pub dataset: String,
    /// The seed.
    pub seed: u64,
    /// The fold of cross-validation that takes the place of the test texts.
    pub fold: Option<Fold>,
    /// In how many splits by hash data sets without an official one are tested, a seed in one of them; in none but the
    /// first of all where that is not said.
    pub splits: Option<u64>,
    /// What chose its row.
    pub selected: Option<Selected>,
    /// Whether `--quick` runs it.
    pub quick: bool,
    /// How the network is made.
    pub method: Method,
    /// Every choice.
    pub choices: Choices,
    /// The attack that is measured instead of the test texts, if it is one.
    pub attack: Option<AttackChoices>,
    /// The attack whose finds join the training texts, if it is adversarial training.
    pub adversarial: Option<AttackChoices>,
    /// The word vectors.
    pub vectors: Vectors,
    /// Who teaches beside the labels, by name: its answers are in a folder of that name.
    pub teacher: Option<String>,
    /// How many training texts are labelled, where not all are.
    pub labelled: Option<usize>,
    /// Rows of a lower number come first.
    pub priority: i64,
}

/// The choices of a cell.
#[derive(Clone, Debug, PartialEq)]
pub enum Choices {
    /// Of a network.
    Network(Box<Recipe>),
    /// Of the floor.
    BagOfWords(BagOfWords),
    /// Of means of trained word vectors.
    FastText(FastText),
    /// None: the teacher was made elsewhere.
    Teacher,
}

impl Choices {
    /// The choices by part and name, every field present.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Map<String, serde_json::Value> {
        match self {
            Self::Network(recipe) => recipe.to_choices(),
            Self::BagOfWords(choices) => fields(choices),
            Self::FastText(choices) => fields(choices),
            Self::Teacher => serde_json::Map::new(),
        }
    }

    /// The name beside those of recipes.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Network(recipe) => &recipe.name,
            Self::BagOfWords(choices) => choices.name(),
            Self::FastText(choices) => &choices.name,
            Self::Teacher => "teacher",
        }
    }

    fn with_setting(self, setting: &str) -> Result<Self> {
        Ok(match self {
            Self::Network(recipe) => Self::Network(Box::new(recipe.with_setting(setting)?)),
            Self::BagOfWords(choices) => Self::BagOfWords(choices.with_setting(setting)?),
            Self::FastText(choices) => Self::FastText(choices.with_setting(setting)?),
            Self::Teacher => {
                let expected = "no settings for a teacher, which was made elsewhere";
                return Err(Error::invalid("study grid", expected, setting.to_owned()));
            }
        })
    }

    fn check(&self) -> Result<()> {
        match self {
            Self::Network(recipe) => {
                recipe.check()?;
                spiketext_train::network_config(recipe, 1, 2).map(|_| ())
            }
            Self::BagOfWords(choices) => choices.check(),
            Self::FastText(choices) => choices.check(),
            Self::Teacher => Ok(()),
        }
    }
}

/// The fields of a record. By way of its text, which has numbers of single precision as people write them.
pub(crate) fn fields(record: &impl Serialize) -> serde_json::Map<String, serde_json::Value> {
    let text = serde_json::to_string(record).expect("only values that JSON can hold");
    serde_json::from_str(&text).expect("an object")
}

/// Which word vectors a row has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Vectors {
    /// Those that the study was given for the language.
    #[default]
    Default,
    /// Random ones.
    Random,
}

impl PlannedCell {
    /// Which cells its network belongs with.
    #[must_use]
    pub fn family(&self) -> Family {
        Family {
            recipe: self.choices.name().to_owned(),
            random_vectors: self.vectors == Vectors::Random,
            adversarial: self.adversarial.is_some(),
        }
    }

    /// The name of the cell's file without its ending.
    #[must_use]
    pub fn id(&self) -> String {
        cell_id(&self.table, &self.row, &self.axis, &self.dataset, self.seed, self.fold)
    }
}

impl Grid {
    /// The grid that comes with the program.
    ///
    /// # Errors
    /// None that a test would not have found.
    pub fn built_in() -> Result<Self> {
        Self::parse(DEFAULT, Path::new("the built-in grid"))
    }

    /// Reads a grid; data sets in files are looked for beside it.
    ///
    /// # Errors
    /// If it cannot be read, or holds a name or a choice that there is not; the message says in which line.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(Error::read(path))?;
        Self::parse(&text, path)
    }

    /// Reads a grid from its text; `name` is its path.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn parse(text: &str, name: &Path) -> Result<Self> {
        file::parse(text, name)
    }

    /// The same grid with `seeds` seeds a row, from 0, instead of its own.
    #[must_use]
    pub fn with_seeds(mut self, seeds: u64) -> Self {
        let first: Vec<PlannedCell> = self.cells.into_iter().filter(|cell| cell.seed == 0).collect();
        self.cells =
            (0..seeds).flat_map(|seed| first.iter().map(move |cell| PlannedCell { seed, ..cell.clone() })).collect();
        self
    }

    /// Whether each seed of a data set that is tested in splits has a split of its own: two seeds on the same texts would be
    /// taken for independent.
    ///
    /// # Errors
    /// If there are more seeds than splits.
    pub fn check_splits(&self) -> Result<()> {
        let more =
            self.cells.iter().find_map(|cell| Some((cell, cell.splits.filter(|splits| cell.seed >= *splits)?)));
        more.map_or(Ok(()), |(cell, splits)| {
            let expected = format!(
                "at most {splits} seeds of '{}' of {}, one for each of the grid's splits (seeds, or --seeds)",
                cell.row, cell.table
            );
            Err(Error::invalid("study grid", expected, "more"))
        })
    }

    /// The same grid for cross-validation: each cell once for each fold, which is measured in the place of the test texts.
    ///
    /// # Errors
    /// If there cannot be so many folds, or a cell attacks a network: attacks choose nothing.
    pub fn in_folds(mut self, of: usize) -> Result<Self> {
        folds::check(of)?;
        if let Some(cell) = self.cells.iter().find(|cell| cell.attack.is_some() || cell.adversarial.is_some()) {
            let expected = "rows without an attack or adversarial training, to choose among";
            return Err(Error::invalid("cross-validation", expected, format!("'{}'", cell.row)));
        }
        let folds = |cell: PlannedCell| {
            (1..=of).map(move |number| PlannedCell { fold: Some(Fold { number, of }), ..cell.clone() })
        };
        self.cells = self.cells.into_iter().flat_map(folds).collect();
        Ok(self)
    }

    /// The cells of the small study: those marked so, with the first seed alone.
    #[must_use]
    pub fn quick(mut self) -> Self {
        self.cells.retain(|cell| cell.quick && cell.seed == 0);
        self
    }
}
