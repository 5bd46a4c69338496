//! What the cells of a study share: data sets, the languages of their texts, and the results of training steps.

use std::{collections::BTreeMap, path::PathBuf, rc::Rc, sync::Arc};

use spiketext::{
    Error, Result,
    data::{self, Dataset, ReadOptions, SplitRule},
    text::{Language, detect_language},
};
use spiketext_train::{Options, Pipeline, Recipe, StepCache, Teaching, VectorSource};

use crate::{
    attacks::AttackChoices,
    cell::{Fold, Method, Settings},
    folds::{few_labelled, held_back, in_split, outside_tests},
    grid::{Choices, DatasetSource, PlannedCell, Vectors},
    teachers,
};

/// What a study's cells are made of: data, vectors, shared work, and the program itself.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// The folders of the original files of known data sets, by name.
    pub data_dirs: BTreeMap<String, PathBuf>,
    /// Word vectors by language; the built-in ones serve a language without.
    pub vectors: BTreeMap<&'static str, PathBuf>,
    /// The folder of what cells share; nothing is kept between runs without.
    pub work: Option<PathBuf>,
    /// The folder of teachers' folders (one a teacher, see `teachers`).
    pub teachers: Option<PathBuf>,
    /// The folder of WordNet, for attacks that exchange synonyms.
    pub wordnet: PathBuf,
    /// The commit that the calling program was built from, which every cell names and kept work belongs to.
    pub program: String,
}

/// Which texts of a data set a cell has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Texts {
    /// The split by hash; otherwise the only one, or in cross-validation those of no split's test texts.
    pub split: Option<u64>,
    /// In how many splits by hash there are test texts.
    pub splits: Option<u64>,
    /// The fold that is held back.
    pub fold: Option<Fold>,
    /// How many training texts keep their labels; the others are not there.
    pub labelled: Option<usize>,
}

/// Digits of the digest of a teacher's file.
const DIGITS: usize = 16;

/// What cells share: data sets, and what came of steps that another cell needs too.
pub struct CellContext<'a> {
    pub(crate) sources: &'a Sources,
    /// Where the grid's data sets come from.
    places: &'a BTreeMap<String, DatasetSource>,
    datasets: BTreeMap<(String, Texts), Rc<Dataset>>,
    /// What the last teacher said to so many labels, and its file.
    taught: Option<LastTeacher>,
    /// Digests of teachers' files.
    answers: BTreeMap<PathBuf, String>,
    /// Results of training steps.
    pub(crate) cache: StepCache,
}

/// What a teacher said.
struct LastTeacher {
    /// Its file, and how many of the data set's texts are labelled: with the cell's split or fold in its name, this says all.
    of: (PathBuf, Option<usize>),
    teaching: Arc<Teaching>,
}

impl<'a> CellContext<'a> {
    /// A context that has read nothing yet. `places` are the grid's data sets.
    #[must_use]
    pub fn new(sources: &'a Sources, places: &'a BTreeMap<String, DatasetSource>) -> Self {
        let cache = match &sources.work {
            Some(folder) => StepCache::in_folder(folder.clone(), sources.program.clone()),
            None => StepCache::default(),
        };
        Self { sources, places, datasets: BTreeMap::new(), taught: None, answers: BTreeMap::new(), cache }
    }

    /// The data set of that name, whole or as a cell has it, made at most once.
    ///
    /// # Errors
    /// If it cannot be read or trained on.
    pub fn dataset(&mut self, name: &str, texts: Texts) -> Result<Rc<Dataset>> {
        let key = (name.to_owned(), texts);
        if let Some(dataset) = self.datasets.get(&key) {
            return Ok(Rc::clone(dataset));
        }
        let dataset = match texts {
            Texts { labelled: Some(most), .. } => {
                let whole = self.dataset(name, Texts { labelled: None, ..texts })?;
                few_labelled(&whole, most).0
            }
            Texts { fold: Some(fold), splits, .. } => {
                let whole = self.dataset(name, Texts::default())?;
                match splits.filter(|_| whole.rule == SplitRule::Hash) {
                    Some(splits) => held_back(&outside_tests(&whole, splits), fold)?,
                    None => held_back(&whole, fold)?,
                }
            }
            Texts { split: Some(split), .. } => in_split(&*self.dataset(name, Texts::default())?, split)?,
            _ => self.read(name)?,
        };
        spiketext_train::check(&dataset)?;
        let dataset = Rc::new(dataset);
        self.datasets.insert(key, Rc::clone(&dataset));
        Ok(dataset)
    }

    /// The data set of that name as it comes.
    fn read(&self, name: &str) -> Result<Dataset> {
        match self.places.get(name).and_then(|place| place.file.as_ref()) {
            Some(file) => Dataset::from_files(&[file], None, &ReadOptions::default()),
            None => data::load(name, self.sources.data_dirs.get(name).map(PathBuf::as_path)),
        }
    }

    /// The data set of a cell.
    ///
    /// # Errors
    /// As [`Self::dataset`].
    pub fn dataset_of(&mut self, cell: &PlannedCell) -> Result<Rc<Dataset>> {
        let texts = Texts { split: self.split(cell)?, splits: cell.splits, fold: cell.fold, labelled: cell.labelled };
        self.dataset(&cell.dataset, texts)
    }

    /// Which split by hash a cell has: of a data set with an official one, or in cross-validation, none.
    ///
    /// # Errors
    /// If the data set cannot be read, to see how it came by its parts.
    fn split(&mut self, cell: &PlannedCell) -> Result<Option<u64>> {
        let Some(splits) = cell.splits.filter(|_| cell.fold.is_none()) else { return Ok(None) };
        Ok(self.is_split_by_hash(&cell.dataset)?.then_some(cell.seed % splits))
    }

    /// How many splits' test texts a cell of cross-validation keeps away from.
    fn spared_splits(&mut self, cell: &PlannedCell) -> Result<Option<u64>> {
        let Some(splits) = cell.splits.filter(|_| cell.fold.is_some()) else { return Ok(None) };
        Ok(self.is_split_by_hash(&cell.dataset)?.then_some(splits))
    }

    fn is_split_by_hash(&mut self, name: &str) -> Result<bool> {
        let known = data::known().iter().find(|set| set.name == name);
        let file = self.places.get(name).is_some_and(|place| place.file.is_some());
        let rule = match known.filter(|_| !file) {
            Some(set) => set.rule,
            None => self.dataset(name, Texts::default())?.rule,
        };
        Ok(rule == SplitRule::Hash)
    }

    /// The language of the data set: the grid's, the known one, or found from the texts.
    ///
    /// # Errors
    /// If the texts are needed and cannot be read.
    pub fn language(&mut self, name: &str) -> Result<Language> {
        let place = self.places.get(name);
        if let Some(language) = place.and_then(|place| place.language) {
            return Ok(language);
        }
        let known = data::known().iter().find(|set| set.name == name);
        match known.filter(|_| place.is_none_or(|place| place.file.is_none())) {
            Some(set) => set.language.parse(),
            None => Ok(detect_language(
                self.dataset(name, Texts::default())?.train.iter().map(|example| example.text.as_str()),
            )),
        }
    }

    /// What the cell's teacher says, if it has one.
    ///
    /// # Errors
    /// If its file is not there or cannot be read, or says nothing of the texts of `dataset`, which are the cell's.
    pub(crate) fn teaching(&mut self, cell: &PlannedCell, dataset: &Dataset) -> Result<Option<Arc<Teaching>>> {
        let Some(file) = self.teacher_file(cell, false)? else { return Ok(None) };
        let key = (file.clone(), cell.labelled);
        if let Some(last) = self.taught.as_ref().filter(|last| last.of == key) {
            return Ok(Some(Arc::clone(&last.teaching)));
        }
        let teaching = Arc::new(teachers::teaching(&file, dataset)?);
        self.taught = Some(LastTeacher { of: key, teaching: Arc::clone(&teaching) });
        Ok(Some(teaching))
    }

    /// The file of what the cell's teacher says of the texts to train on, or of those that it is tested on.
    ///
    /// # Errors
    /// If there is none, or the folder of teachers is not known.
    pub(crate) fn teacher_file(&mut self, cell: &PlannedCell, tested: bool) -> Result<Option<PathBuf>> {
        let Some(name) = &cell.teacher else { return Ok(None) };
        let split = self.split(cell)?;
        teachers::file(self.sources.teachers.as_deref(), name, cell, split, tested).map(Some)
    }

    /// A digest of the answers of the cell's teacher; none where it has none, or they are not at hand.
    fn answers(&mut self, cell: &PlannedCell) -> Option<String> {
        // Cells that are there stay good without their teacher; one that is to be made says what it misses.
        let file = self.teacher_file(cell, cell.method == Method::Teacher).ok().flatten()?;
        if let Some(known) = self.answers.get(&file) {
            return Some(known.clone());
        }
        let digest = teachers::sha256(&file).ok()?.chars().take(DIGITS).collect::<String>();
        self.answers.insert(file, digest.clone());
        Some(digest)
    }

    /// The word vectors of a cell.
    ///
    /// # Errors
    /// As [`Self::language`].
    pub fn vectors(&mut self, cell: &PlannedCell) -> Result<VectorSource> {
        if cell.vectors == Vectors::Random {
            return Ok(VectorSource::Random);
        }
        let language = self.language(&cell.dataset)?;
        let file = self.sources.vectors.get(language.name());
        Ok(file.map_or(VectorSource::BuiltIn(Some(language)), |file| VectorSource::File(file.clone())))
    }

    /// Everything that a cell is to be made with.
    ///
    /// # Errors
    /// As [`Self::language`].
    pub fn settings(&mut self, cell: &PlannedCell) -> Result<Settings> {
        let choices = cell.choices.to_json();
        let (split, spared_splits) = (self.split(cell)?, self.spared_splits(cell)?);
        let answers = self.answers(cell);
        let Choices::Network(recipe) = &cell.choices else {
            let (teacher, labelled) = (cell.teacher.clone(), cell.labelled);
            return Ok(Settings { split, spared_splits, choices, teacher, answers, labelled, ..Settings::default() });
        };
        let language = self.language(&cell.dataset)?;
        let noisy = cell.method.spikes() && recipe.network.encoder.is_random();
        let attack = |choices: &Option<AttackChoices>| Some(choices.as_ref()?.settings(noisy));
        Ok(Settings {
            split,
            spared_splits,
            teacher: cell.teacher.clone(),
            answers,
            labelled: cell.labelled,
            vectors: Some(self.vectors(cell)?.name(language)),
            adversarial: attack(&cell.adversarial),
            attack: attack(&cell.attack),
            choices,
        })
    }

    /// The pipeline of a cell's recipe over `dataset`: the cell's own, or that of adversarial training.
    ///
    /// # Errors
    /// As [`Self::language`], or if a choice cannot be.
    pub(crate) fn pipeline<'p>(
        &'p mut self,
        cell: &PlannedCell,
        recipe: &Recipe,
        dataset: &'p Dataset,
    ) -> Result<Pipeline<'p>> {
        let (language, vectors) = (self.language(&cell.dataset)?, self.vectors(cell)?);
        let teaching = self.teaching(cell, dataset)?;
        let options = Options { seed: cell.seed, language: Some(language), teaching, ..Options::default() };
        Pipeline::new(dataset, &vectors, recipe, &options, &mut self.cache)
    }
}

/// An error of a cell whose method its choices cannot serve.
pub(crate) fn unfit(expected: &str, got: &str) -> Error {
    Error::invalid("study cell", expected, got)
}
