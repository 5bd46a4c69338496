//! One cell: from its choices to what was measured, with what cells share kept for the next.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    rc::Rc,
    time::Instant,
};

use sha2::{Digest, Sha256};
use spiketext::{
    Error, Result,
    data::{self, Columns, Dataset, Split},
    model::Accuracies,
    network::{Network, NetworkConfig},
    target::{Target, confusion, count_met},
    text::{Language, detect_language},
};
use spiketext_train::{
    Store, TrainingHistory,
    dnn::{DnnWeights, TextCnn},
    events::{Observer, Phase},
    network_config,
    prepare::{PreparedData, VectorSource, prepare},
    recipe::Recipe,
    steps::{Converted, Measurement, Saving, TrainedDnn, fine_tune, original_recipe, train_directly},
};

use crate::{
    attacks::AttackChoices,
    bag_of_words::BagOfWords,
    cell::{FiringSummary, Measurements, Method, Seconds, Settings},
    costs,
    grid::{Choices, DatasetSource, PlannedCell, Vectors},
    runner::deciding,
    victims::Shared,
};

/// Data sets in memory with their words looked up: one of each recipe.
const READY: usize = 2;

/// What a study's cells are made of: data, vectors, shared work, and the program itself.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// The folders of the original files of known data sets, by name.
    pub data_dirs: BTreeMap<String, PathBuf>,
    /// Word vectors by language; the built-in ones serve a language without.
    pub vectors: BTreeMap<&'static str, PathBuf>,
    /// The folder of what cells share; nothing is kept between runs without.
    pub work: Option<PathBuf>,
    /// The folder of WordNet, for attacks that exchange synonyms.
    pub wordnet: PathBuf,
    /// The commit that the calling program was built from, which every cell names and kept work belongs to.
    pub program: String,
}

/// What cells share: data sets, words, trained DNNs.
pub struct Workshop<'a> {
    pub(crate) sources: &'a Sources,
    places: &'a BTreeMap<String, DatasetSource>,
    datasets: BTreeMap<String, Rc<Dataset>>,
    /// Those used last, the newest behind.
    ready: Vec<(ReadyKey, Rc<Ready>)>,
    /// What attacks share.
    pub(crate) attacks: Shared,
    /// Cells of the study that attack a network, which is then kept when another cell measures it first.
    attacked: Vec<PlannedCell>,
}

/// A name for the texts of a cell: those of its data set, or of adversarial training.
pub(crate) fn name_of(cell: &PlannedCell, recipe: &Recipe) -> String {
    match &cell.adversarial {
        None => cell.dataset.clone(),
        Some(attack) => {
            format!("{} {:?} {attack:?} {} {}", cell.dataset, cell.method, cell.seed, recipe.to_toml())
        }
    }
}

/// All that decides a [`PreparedData`]: data set, vectors, their seed if they are random, and the choices.
type ReadyKey = (String, Vectors, Option<u64>, usize, bool, usize, usize);

/// Words looked up, and a hash of texts and rates.
pub(crate) struct Ready {
    pub prepared: PreparedData,
    pub fingerprint: [u8; 32],
}

/// A network that spikes, and how it came about.
pub(crate) struct Spiking {
    pub network: Network,
    /// The DNN it was converted from; a directly trained network has none.
    pub dnn: Option<DnnWeights>,
    /// Of the development texts: percent, of all networks on the way.
    pub accuracies: Accuracies,
    pub histories: Vec<(&'static str, TrainingHistory)>,
    /// Seconds that went into the DNN, which other cells share.
    shared: f64,
}

/// What came of a cell.
#[derive(Clone, Debug)]
pub struct Done {
    /// The measurements.
    pub measured: Measurements,
    /// The time.
    pub seconds: Seconds,
}

impl<'a> Workshop<'a> {
    /// A workshop that has read nothing yet. `places` are the grid's data sets.
    #[must_use]
    pub fn new(sources: &'a Sources, places: &'a BTreeMap<String, DatasetSource>) -> Self {
        let (datasets, ready, attacks) = (BTreeMap::new(), Vec::new(), Shared::default());
        Self { sources, places, datasets, ready, attacks, attacked: Vec::new() }
    }

    /// Tells of cells that are still to come, so that what several of them need is made once.
    pub fn expect<'c>(&mut self, cells: impl IntoIterator<Item = &'c PlannedCell>) {
        self.attacked.extend(cells.into_iter().filter(|cell| cell.attack.is_some()).cloned());
    }

    /// Whether another cell attacks the spiking network that this one measures.
    fn is_attacked(&self, cell: &PlannedCell) -> bool {
        let spikes = matches!(cell.method, Method::FineTuned | Method::Direct);
        let of = |cell: &PlannedCell| deciding(cell.choices.to_json(), cell.method);
        let mut same = self.attacked.iter().filter(|other| {
            (&other.dataset, other.seed, other.method, other.vectors, &other.adversarial)
                == (&cell.dataset, cell.seed, cell.method, cell.vectors, &cell.adversarial)
        });
        spikes && same.any(|other| of(other) == of(cell))
    }

    /// The data set, read at most once.
    ///
    /// # Errors
    /// If it cannot be read or trained on.
    pub fn dataset(&mut self, name: &str) -> Result<Rc<Dataset>> {
        if let Some(dataset) = self.datasets.get(name) {
            return Ok(Rc::clone(dataset));
        }
        let file = self.places.get(name).and_then(|place| place.file.as_ref());
        let dataset = match file {
            Some(file) => Dataset::from_files(file, None, &Columns::default())?,
            None => data::load(name, self.sources.data_dirs.get(name).map(PathBuf::as_path))?,
        };
        spiketext_train::check(&dataset)?;
        let dataset = Rc::new(dataset);
        self.datasets.insert(name.to_owned(), Rc::clone(&dataset));
        Ok(dataset)
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
            None => Ok(detect_language(self.dataset(name)?.train.iter().map(|example| example.text.as_str()))),
        }
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
        let Choices::Network(recipe) = &cell.choices else {
            return Ok(Settings { choices, ..Settings::default() });
        };
        let language = self.language(&cell.dataset)?;
        let noisy = cell.method.spikes() && recipe.network.encoder.is_random();
        let attack = |choices: &Option<AttackChoices>| Some(choices.as_ref()?.settings(noisy));
        Ok(Settings {
            vectors: Some(self.vectors(cell)?.name(language)),
            adversarial: attack(&cell.adversarial),
            attack: attack(&cell.attack),
            choices,
        })
    }

    /// Runs a cell.
    ///
    /// # Errors
    /// If its data or vectors cannot be read, its work not be kept, or training leaves the finite numbers.
    pub fn run(&mut self, cell: &PlannedCell, observer: &mut Observer<'_>) -> Result<Done> {
        let started = Instant::now();
        let dataset = self.dataset(&cell.dataset)?;
        let (measured, shared) = match &cell.choices {
            Choices::BagOfWords(choices) => (floor(choices, &dataset, self.language(&cell.dataset)?)?, 0.0),
            Choices::Network(recipe) => {
                let dataset = match &cell.adversarial {
                    None => dataset,
                    Some(choices) => self.hardened(cell, recipe, choices, &dataset, observer)?,
                };
                let (ready, preparing) = self.ready(cell, recipe, &dataset)?;
                let (measured, training) = match &cell.attack {
                    Some(attack) => self.attacked(cell, recipe, attack, &dataset, &ready, observer)?,
                    None if self.is_attacked(cell) => self.kept(cell, recipe, &dataset, &ready, observer)?,
                    None => self.network(cell, recipe, &dataset, &ready, observer)?,
                };
                (measured, preparing + training)
            }
        };
        Ok(Done { measured, seconds: Seconds { total: started.elapsed().as_secs_f64(), shared } })
    }

    /// Words looked up, and the seconds it took now.
    pub(crate) fn ready(
        &mut self,
        cell: &PlannedCell,
        recipe: &Recipe,
        dataset: &Dataset,
    ) -> Result<(Rc<Ready>, f64)> {
        let words = &recipe.words;
        let key: ReadyKey = (
            name_of(cell, recipe),
            cell.vectors,
            (cell.vectors == Vectors::Random).then_some(cell.seed),
            words.also_first,
            words.trained,
            words.fresh_from,
            words.random_dimension,
        );
        if let Some(found) = self.ready.iter().position(|(known, _)| *known == key) {
            let entry = self.ready.remove(found);
            let ready = Rc::clone(&entry.1);
            self.ready.push(entry);
            return Ok((ready, 0.0));
        }
        let started = Instant::now();
        // Before the new one is made: two are enough in memory.
        if self.ready.len() >= READY {
            self.ready.remove(0);
        }
        let (language, vectors) = (self.language(&cell.dataset)?, self.vectors(cell)?);
        let prepared = prepare(dataset, Some(language), &vectors, words, cell.seed)?;
        let ready = Rc::new(Ready { fingerprint: fingerprint(dataset, &prepared), prepared });
        self.ready.push((key, Rc::clone(&ready)));
        Ok((ready, started.elapsed().as_secs_f64()))
    }

    /// Trains and measures a network; the seconds went into the DNN that other cells share.
    fn network(
        &self,
        cell: &PlannedCell,
        recipe: &Recipe,
        dataset: &Dataset,
        ready: &Ready,
        observer: &mut Observer<'_>,
    ) -> Result<(Measurements, f64)> {
        let (prepared, seed) = (&ready.prepared, cell.seed);
        let config = network_config(recipe, prepared.dimension, dataset.labels.len())?;
        let mut found = Found { classes: dataset.labels.len(), prepared, epochs: BTreeMap::new() };
        let measured;
        let mut shared = 0.0;
        match cell.method {
            Method::BagOfWords => {
                return Err(Error::invalid("study cell", "choices of a bag of words", "a recipe"));
            }
            Method::Original => {
                let original = original_recipe(recipe);
                let saving = Saving::default();
                let trained =
                    TrainedDnn::train(&original, &config, prepared, seed, Phase::Original, saving, observer)?;
                found.epochs("original", &trained.history);
                measured = found.without_spikes(&config, original.network.biases, &trained);
            }
            Method::Dnn => {
                let (trained, seconds) = self.dnn(recipe, &config, ready, seed, observer)?;
                shared = seconds;
                found.epochs("dnn", &trained.history);
                measured = found.without_spikes(&config, recipe.network.biases, &trained);
            }
            Method::Converted | Method::FineTuned | Method::Direct => {
                let made = self.spiking(recipe, cell.method, seed, &config, ready, observer)?;
                shared = made.shared;
                made.histories.iter().for_each(|(phase, history)| found.epochs(phase, history));
                measured = found.with_spikes(&made.network, seed, made.accuracies.snn);
            }
        }
        let measured = Measurements { labels: dataset.labels.clone(), ..measured };
        Ok((measured, shared))
    }

    /// Measures a network that attacks of other cells ask for too, and that is kept for them; the seconds went into making it.
    fn kept(
        &mut self,
        cell: &PlannedCell,
        recipe: &Recipe,
        dataset: &Dataset,
        ready: &Ready,
        observer: &mut Observer<'_>,
    ) -> Result<(Measurements, f64)> {
        let started = Instant::now();
        let kept = self.victim(cell, recipe, dataset, ready, observer)?;
        let shared = started.elapsed().as_secs_f64();
        let training = kept.model.training();
        let phases = match cell.method {
            Method::Direct => vec![("direct", training.fine_tuning_epochs)],
            _ => vec![("dnn", training.dnn_epochs), ("fine-tuning", training.fine_tuning_epochs)],
        };
        let epochs = phases.into_iter().map(|(phase, epochs)| (phase.to_owned(), epochs)).collect();
        let found = Found { classes: dataset.labels.len(), prepared: &ready.prepared, epochs };
        let measured = found.with_spikes(kept.model.network(), cell.seed, training.development.snn);
        Ok((Measurements { labels: dataset.labels.clone(), ..measured }, shared))
    }

    /// Makes a network that spikes, by whatever way.
    pub(crate) fn spiking(
        &self,
        recipe: &Recipe,
        method: Method,
        seed: u64,
        config: &NetworkConfig,
        ready: &Ready,
        observer: &mut Observer<'_>,
    ) -> Result<Spiking> {
        let prepared = &ready.prepared;
        if method == Method::Direct {
            let (network, history) = train_directly(recipe, config, prepared, seed, observer)?;
            let accuracies = Accuracies { snn: percent(history.best_accuracy), ..Accuracies::default() };
            return Ok(Spiking { network, dnn: None, accuracies, histories: vec![("direct", history)], shared: 0.0 });
        }
        let (trained, shared) = self.dnn(recipe, config, ready, seed, observer)?;
        let weights = trained.network.weights();
        let converted = Converted::of(recipe, config, prepared, &weights, seed, observer)?;
        let mut histories = vec![("dnn", trained.history)];
        let dnn_accuracy = trained.history.best_accuracy;
        let mut accuracies = Accuracies {
            dnn: percent(dnn_accuracy),
            converted: percent(converted.development_accuracy),
            snn: percent(converted.development_accuracy),
        };
        let mut network = converted.network.clone();
        if method == Method::FineTuned {
            let saving = Saving::default();
            let (tuned, history) =
                fine_tune(recipe, &converted, dnn_accuracy, prepared, seed, saving, None, observer)?;
            accuracies.snn = percent(history.best_accuracy);
            histories.push(("fine-tuning", history));
            network = tuned;
        }
        Ok(Spiking { network, dnn: Some(weights), accuracies, histories, shared })
    }

    /// The trained DNN of a recipe and a seed: from the work folder if it is there, else trained and kept. With the
    /// seconds of training it now.
    fn dnn<'b>(
        &self,
        recipe: &'b Recipe,
        config: &'b NetworkConfig,
        ready: &'b Ready,
        seed: u64,
        observer: &mut Observer<'_>,
    ) -> Result<(TrainedDnn<'b>, f64)> {
        let name = dnn_name(&self.sources.program, recipe, &ready.fingerprint, seed);
        let path = self.sources.work.as_ref().map(|work| work.join(format!("dnn-{name}.safetensors")));
        if let Some(path) = path.as_deref().filter(|path| path.is_file()) {
            // One that cannot be read is trained again: it is nothing but time.
            let kept = Store::read(path)
                .and_then(|store| TrainedDnn::from_store(recipe, config, &ready.prepared, seed, &store));
            if let Ok(trained) = kept {
                return Ok((trained, 0.0));
            }
        }
        let started = Instant::now();
        let saving = Saving::default();
        let trained = TrainedDnn::train(recipe, config, &ready.prepared, seed, Phase::Dnn, saving, observer)?;
        let seconds = started.elapsed().as_secs_f64();
        if let Some(path) = &path {
            let folder = path.parent().unwrap_or(Path::new("."));
            std::fs::create_dir_all(folder).map_err(Error::write(folder))?;
            trained.to_store().write(path)?;
        }
        Ok((trained, seconds))
    }
}

/// Puts measurements together.
struct Found<'a> {
    classes: usize,
    prepared: &'a PreparedData,
    epochs: BTreeMap<String, [usize; 2]>,
}

impl Found<'_> {
    fn epochs(&mut self, phase: &str, history: &TrainingHistory) {
        self.epochs.insert(phase.to_owned(), [history.epochs, history.best_epoch]);
    }

    fn with_labels(&self, labels: &[usize], development_accuracy: f64) -> Measurements {
        let prepared = self.prepared;
        let targets = prepared.test.iter().map(|text| text.target);
        Measurements {
            texts: [prepared.train.len(), prepared.development.len(), prepared.test.len()],
            unknown_share: prepared.unknown_share,
            epochs: self.epochs.clone(),
            ..scored(self.classes, targets, labels, development_accuracy)
        }
    }

    fn with_spikes(&self, network: &Network, seed: u64, development_accuracy: f64) -> Measurements {
        let run = Measurement::of(network, self.prepared, seed);
        Measurements {
            costs: Some(costs::with_spikes(network, &run)),
            firing: Some(FiringSummary::of(&run.firing, network.config().steps)),
            ..self.with_labels(&run.labels, development_accuracy)
        }
    }

    fn without_spikes(&self, config: &NetworkConfig, biases: bool, trained: &TrainedDnn<'_>) -> Measurements {
        let (network, texts): (&TextCnn<'_>, _) = (&trained.network, &self.prepared.test);
        Measurements {
            costs: Some(costs::without_spikes(config, network, biases, texts)),
            ..self.with_labels(&network.labels_of(texts), percent(trained.history.best_accuracy))
        }
    }
}

/// The floor, measured.
fn floor(choices: &BagOfWords, dataset: &Dataset, language: Language) -> Result<Measurements> {
    let floor = choices.run(dataset, language)?;
    let targets = dataset.test.iter().map(|example| example.target);
    Ok(Measurements {
        texts: Split::ALL.map(|part| dataset.part(part).len()),
        labels: dataset.labels.clone(),
        unknown_share: floor.unknown_share,
        ..scored(dataset.labels.len(), targets, &floor.test_labels, percent(floor.development_accuracy))
    })
}

fn percent(share: f64) -> f64 {
    100.0 * share
}

/// Accuracies, that of the development texts in percent, and the confusion matrix.
fn scored(
    classes: usize,
    targets: impl Iterator<Item = Target> + Clone,
    labels: &[usize],
    development_accuracy: f64,
) -> Measurements {
    let answers = targets.zip(labels.iter().copied());
    let right = count_met(answers.clone());
    let counts = |row: Vec<usize>| row.into_iter().map(|count| count as u64).collect();
    let confusion = confusion(classes, answers).into_iter().map(counts).collect();
    Measurements {
        development_accuracy,
        test_accuracy: 100.0 * right as f64 / labels.len().max(1) as f64,
        confusion,
        ..Measurements::default()
    }
}

/// A hash of the texts, their labels and the rates of their words.
fn fingerprint(dataset: &Dataset, prepared: &PreparedData) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in Split::ALL {
        for example in dataset.part(part) {
            hash.update(example.text.as_bytes());
            hash.update([0]);
            hash.update(example.target.class().to_le_bytes());
        }
        hash.update([1]);
    }
    hash.update(prepared.language.name());
    for rate in &prepared.rates {
        hash.update(rate.to_le_bytes());
    }
    hash.finalize().into()
}

/// A name for the DNN that a program trains with a recipe: a hash of all that decides it, and of nothing else.
fn dnn_name(program: &str, recipe: &Recipe, fingerprint: &[u8; 32], seed: u64) -> String {
    // What spikes, conversion and fine-tuning choose is put to one value: the DNN does not know of it.
    let lean = Recipe::lean();
    let (own, usual) = (recipe.network.clone(), lean.network);
    let mut deciding = recipe.clone();
    deciding.name = String::new();
    deciding.network = usual;
    deciding.network.widths = own.widths;
    deciding.network.filters = own.filters;
    deciding.network.outputs_per_class = own.outputs_per_class;
    deciding.network.biases = own.biases;
    deciding.network.averaging = own.averaging;
    deciding.words.bits = lean.words.bits;
    deciding.conversion = lean.conversion;
    deciding.fine_tuning = lean.fine_tuning;
    deciding.direct = lean.direct;
    let mut hash = Sha256::new();
    hash.update(program);
    hash.update([0]);
    hash.update(deciding.to_toml());
    hash.update(seed.to_le_bytes());
    hash.update(fingerprint);
    hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_tell_of_attacks_and_of_adversarial_training() {
        let text = "datasets = [\"reviews-en\"]\n[[row]]\ntable = \"a\"\nname = \"b\"\nmethod = \"dnn\"\nrecipe = \"lean\"\n\
                    attack = { name = \"pwws\" }\nadversarial = { name = \"textfooler\", texts = 7 }\n";
        let grid = crate::Grid::parse(text, Path::new("grid.toml")).expect("a grid");
        let sources = Sources::default();
        let mut workshop = Workshop::new(&sources, &grid.datasets);
        let mut settings = |cell: &PlannedCell| workshop.settings(cell).expect("settings");
        let both = settings(&grid.cells[0]);
        let (attack, adversarial) = (both.attack.clone().expect("one"), both.adversarial.clone().expect("one"));
        assert_eq!((attack.name.as_str(), adversarial.name.as_str(), adversarial.texts), ("pwws", "textfooler", 7));
        assert_eq!(both.vectors.as_deref(), Some("built-in en"));
        assert_ne!(both, settings(&PlannedCell { adversarial: None, ..grid.cells[0].clone() }));
        // Only a network with noise has noise to speak of: a DNN has none, nor has a regular code.
        let mut spiking = |encoder: &str| {
            let choices = Recipe::lean().with_setting(&format!("network.encoder={encoder}")).expect("an encoder");
            let choices = Choices::Network(Box::new(choices));
            settings(&PlannedCell { method: Method::FineTuned, choices, ..grid.cells[0].clone() })
        };
        let noises = [attack, spiking("regular").attack.expect("one"), spiking("bernoulli").attack.expect("one")];
        assert_eq!(noises.map(|attack| attack.noise.map(|noise| noise.judges)), [None, None, Some(15)]);
    }

    #[test]
    fn a_dnn_has_one_name_for_all_that_it_does_not_know_of() {
        let name = |recipe: &Recipe| dnn_name("abc", recipe, &[0; 32], 1);
        let lean = Recipe::lean();
        let set = |setting: &str| lean.clone().with_setting(setting).expect(setting);
        for setting in [
            "network.steps=4",
            "network.encoder=bernoulli",
            "network.readout=spike-count",
            "network.beta=0.9",
            "network.surrogate={kind=\"triangle\",slope=1.0}",
            "conversion.normalisation={kind=\"none\"}",
            "fine-tuning.epochs=0",
            "words.bits=\"16\"",
        ] {
            assert_eq!(name(&set(setting)), name(&lean), "{setting}");
        }
        for setting in [
            "network.filters=99",
            "network.widths=[3]",
            "network.outputs-per-class=2",
            "network.biases=false",
            "network.averaging={kind=\"padded\",length=9}",
            "words.trained=false",
            "words.unknown=mean",
            "dnn.epochs=3",
        ] {
            assert_ne!(name(&set(setting)), name(&lean), "{setting}");
        }
        assert_ne!(dnn_name("abc", &lean, &[0; 32], 2), name(&lean));
        assert_ne!(dnn_name("abc", &lean, &[1; 32], 1), name(&lean));
    }
}
