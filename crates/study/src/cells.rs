//! One cell: from its choices to what was measured.

use std::{collections::BTreeMap, rc::Rc, sync::Arc, time::Instant};

use spiketext::{
    Result,
    data::{Dataset, Split},
    dnn::{Levels, QuantisedBits, QuantisedDnn},
    network::{Network, NetworkConfig},
    slices::argmax,
    target::{Target, confusion, count_met},
};
use spiketext_train::{
    Recipe,
    events::{Observer, Phase},
    network_config,
    prepare::{Answers, EncodedText, LikelyLabels, PreparedData},
    recipe::Step,
    steps::{Measurement, TrainedDnn},
};

use crate::{
    cell::{CostsPerText, FiringSummary, Measurements, Method, Seconds, TestAnswers},
    context::{CellContext, unfit},
    costs::{self, RealValued},
    floor::Floor,
    grid::{Choices, PlannedCell},
    identity, teachers, timing,
    victims::{AttackCache, spiking_method},
};

/// What came of a cell.
#[derive(Clone, Debug)]
pub struct CellResult {
    /// The measurements.
    pub measured: Measurements,
    /// The time.
    pub seconds: Seconds,
}

/// Makes the cells of a study one after the other.
pub struct CellMaker<'a> {
    /// What cells share.
    pub context: CellContext<'a>,
    attacks: AttackCache,
    /// Networks that cells of the study attack: kept when another cell measures them first.
    attacked: Vec<PlannedCell>,
}

impl<'a> CellMaker<'a> {
    /// A maker of cells that has made none yet.
    #[must_use]
    pub fn new(context: CellContext<'a>) -> Self {
        Self { context, attacks: AttackCache::default(), attacked: Vec::new() }
    }

    /// Tells of cells that are still to come, so that what several of them need is made once.
    pub fn expect<'c>(&mut self, cells: impl IntoIterator<Item = &'c PlannedCell>) {
        self.attacked.extend(cells.into_iter().filter(|cell| cell.attack.is_some()).map(identity::network));
    }

    /// Makes a cell.
    ///
    /// # Errors
    /// If its data or vectors cannot be read, its work not be kept, or training leaves the finite numbers.
    pub fn make(&mut self, cell: &PlannedCell, observer: &mut Observer<'_>) -> Result<CellResult> {
        let started = Instant::now();
        let before = self.context.cache.shared_seconds();
        let mut nanoseconds_a_text = None;
        let mut of_floor = |floor: Floor, dataset: &Dataset| {
            nanoseconds_a_text = floor.nanoseconds_a_text;
            measured_floor(&floor, dataset)
        };
        let (measured, shared) = match &cell.choices {
            Choices::BagOfWords(choices) => {
                let dataset = self.context.dataset_of(cell)?;
                let language = self.context.language(&cell.dataset)?;
                (of_floor(choices.run(&dataset, language)?, &dataset), 0.0)
            }
            Choices::FastText(choices) => {
                let dataset = self.context.dataset_of(cell)?;
                let language = self.context.language(&cell.dataset)?;
                (of_floor(choices.run(&dataset, language, cell.seed)?, &dataset), 0.0)
            }
            Choices::Teacher => (self.of_teacher(cell)?, 0.0),
            Choices::Network(recipe) => {
                let dataset: Rc<Dataset> = match &cell.adversarial {
                    None => self.context.dataset_of(cell)?,
                    Some(choices) => self.attacks.hardened(&mut self.context, cell, recipe, choices, observer)?,
                };
                let spikes = matches!(cell.method, Method::FineTuned | Method::Direct);
                if cell.attack.is_some() || (spikes && self.attacked.contains(&identity::network(cell))) {
                    let (measured, shared);
                    (measured, shared, nanoseconds_a_text) = self.kept(cell, recipe, &dataset, observer)?;
                    (measured, shared)
                } else {
                    let mut measured;
                    (measured, nanoseconds_a_text) = self.network(cell, recipe, &dataset, observer)?;
                    if let Some(teaching) = self.context.teaching(cell, &dataset)?
                        && let Some(file) = self.context.teacher_file(cell, false)?
                    {
                        measured.teacher = Some(teachers::taught(&file, &teaching)?);
                    }
                    (measured, self.context.cache.shared_seconds() - before)
                }
            }
        };
        Ok(CellResult {
            measured,
            seconds: Seconds { total: started.elapsed().as_secs_f64(), shared, nanoseconds_a_text },
        })
    }

    /// Measures a teacher by its answers to the test texts.
    fn of_teacher(&mut self, cell: &PlannedCell) -> Result<Measurements> {
        let dataset = self.context.dataset_of(cell)?;
        let Some(file) = self.context.teacher_file(cell, true)? else {
            return Err(unfit("a teacher", "none"));
        };
        let (answers, development) = teachers::answers(&file, &dataset.labels, &dataset.test)?;
        let targets = dataset.test.iter().map(|example| example.target.clone());
        let scores = Scores::of(dataset.labels.len(), targets, &answers);
        Ok(Measurements {
            texts: Split::ALL.map(|part| dataset.part(part).len()),
            labels: dataset.labels.clone(),
            development_accuracy: development.unwrap_or_default(),
            test_accuracy: scores.accuracy,
            confusion: scores.confusion,
            answers: Some(scores.answers),
            ..Measurements::default()
        })
    }

    /// Trains and measures a network; with its nanoseconds a text, where it is one that an engine is made for, on test
    /// texts.
    fn network(
        &mut self,
        cell: &PlannedCell,
        recipe: &Recipe,
        dataset: &Dataset,
        observer: &mut Observer<'_>,
    ) -> Result<(Measurements, Option<f64>)> {
        let mut pipeline = self.context.pipeline(cell, recipe, dataset)?;
        let prepared = pipeline.prepare(observer)?;
        let timed = timed(&prepared, cell);
        let mut gathered = Gathered::new(dataset, prepared);
        match cell.method {
            Method::BagOfWords | Method::FastText | Method::Teacher => Err(unfit("choices of their own", "a recipe")),
            Method::Original | Method::Dnn => {
                let (trained, phase, recipe) = match cell.method {
                    Method::Original => (Arc::new(pipeline.original(observer)?), Phase::Original, recipe.original()),
                    _ => (pipeline.dnn(observer)?, Phase::Dnn, recipe.clone()),
                };
                let history = &trained.history;
                gathered.epochs(phase, [history.epochs, history.best_epoch]);
                let read = if recipe.learns_codes() { recipe.for_step(Step::Dnn) } else { recipe.clone() };
                let config = network_config(&read, gathered.prepared.dimension, dataset.labels.len())?;
                let nanoseconds = timing::of_dnn(&trained.to_dnn(&config, &recipe)?, &timed)?;
                Ok((gathered.without_spikes(&config, &recipe, &trained), nanoseconds))
            }
            Method::DnnInt8 | Method::DnnInt4 | Method::DnnLevels => {
                let trained = pipeline.dnn(observer)?;
                let config = pipeline.config(observer)?;
                let dnn = trained.to_dnn(&config, recipe)?;
                let history = &trained.history;
                gathered.epochs(Phase::Dnn, [history.epochs, history.best_epoch]);
                let texts = &gathered.prepared.test;
                let account =
                    RealValued { config: &config, network: &trained.network, biases: recipe.network.biases, texts };
                let bits = match cell.method {
                    Method::DnnInt8 => QuantisedBits::INT8,
                    Method::DnnInt4 => QuantisedBits::INT4,
                    _ => {
                        let (low, high) = trained.network.weights().codes.scale().bounds();
                        let levels = Levels { steps: config.steps, low, high };
                        let costs = account.on_levels(levels, |word| levels.bits(&dnn.code(word)));
                        let few = dnn.on_levels(levels)?;
                        return Ok((gathered.of_scores(&config, costs, |words| few.scores(words)), None));
                    }
                };
                let quantised = QuantisedDnn::of(&dnn, bits)?;
                let costs = account.quantised(bits);
                Ok((gathered.of_scores(&config, costs, |words| quantised.scores(words)), None))
            }
            Method::DnnCodes => {
                let (trained, config) = pipeline.dnn_on_codes(observer)?;
                let history = &trained.history;
                gathered.epochs(Phase::Dnn, [history.epochs, history.best_epoch]);
                let (network, texts) = (&trained.network, &gathered.prepared.test);
                let account = RealValued { config: &config, network, biases: recipe.network.biases, texts };
                let costs = account.on_codes(recipe.sparse.active);
                let found = network.likely_labels_of(texts);
                let development = percent(history.best.accuracy);
                Ok((Measurements { costs: Some(costs), ..gathered.with_answers(&found, development) }, None))
            }
            Method::Converted | Method::FineTuned | Method::Direct => {
                let spiking = pipeline.spiking(spiking_method(cell.method)?, observer)?;
                spiking.epochs.iter().for_each(|(phase, epochs)| gathered.epochs(*phase, *epochs));
                let nanoseconds = timing::of_spikes(&spiking.network, cell.seed, &timed)?;
                Ok((gathered.with_spikes(&spiking.network, cell.seed, spiking.development.snn), nanoseconds))
            }
        }
    }

    /// Attacks a network, or measures one that attacks of other cells ask for too and that is kept for them; with the
    /// seconds that went into making it, and its nanoseconds a text where it was not attacked.
    fn kept(
        &mut self,
        cell: &PlannedCell,
        recipe: &Recipe,
        dataset: &Dataset,
        observer: &mut Observer<'_>,
    ) -> Result<(Measurements, f64, Option<f64>)> {
        let started = Instant::now();
        let mut pipeline = self.context.pipeline(cell, recipe, dataset)?;
        let prepared = pipeline.prepare(observer)?;
        let (classifier, original) = match cell.method {
            Method::Original => {
                let original = self.attacks.original(&mut self.context, cell, recipe, dataset, observer)?;
                (original.classifier, original.development_accuracy)
            }
            method => (pipeline.classifier(spiking_method(method)?, observer)?, 0.0),
        };
        let shared = started.elapsed().as_secs_f64();
        let training = classifier.model.training();
        let mut gathered = Gathered::new(dataset, prepared);
        if let Some(attack) = &cell.attack {
            let attacked = self.attacks.attack(&mut self.context, cell, attack, dataset, &classifier)?;
            let development = training.development;
            let measured = Measurements {
                development_accuracy: match cell.method {
                    Method::Original => original,
                    Method::Dnn => development.dnn,
                    _ => development.snn,
                },
                test_accuracy: attacked.accuracy,
                attack: Some(attacked),
                ..gathered.nothing()
            };
            return Ok((measured, shared, None));
        }
        match cell.method {
            Method::Direct => gathered.epochs(Phase::Direct, training.fine_tuning_epochs),
            _ => {
                gathered.epochs(Phase::Dnn, training.dnn_epochs);
                gathered.epochs(Phase::FineTuning, training.fine_tuning_epochs);
            }
        }
        let network = classifier.model.network();
        let nanoseconds = timing::of_spikes(network, cell.seed, &timed(&gathered.prepared, cell))?;
        Ok((gathered.with_spikes(network, cell.seed, training.development.snn), shared, nanoseconds))
    }
}

/// The texts that answers are timed on: in cross-validation none.
fn timed(prepared: &PreparedData, cell: &PlannedCell) -> Vec<Vec<u32>> {
    match cell.fold {
        None => prepared.test.iter().map(|text| text.words.clone()).collect(),
        Some(_) => Vec::new(),
    }
}

/// Puts measurements together.
struct Gathered<'a> {
    dataset: &'a Dataset,
    prepared: Arc<PreparedData>,
    epochs: BTreeMap<String, [usize; 2]>,
}

impl<'a> Gathered<'a> {
    fn new(dataset: &'a Dataset, prepared: Arc<PreparedData>) -> Self {
        Self { dataset, prepared, epochs: BTreeMap::new() }
    }

    fn epochs(&mut self, phase: Phase, epochs: [usize; 2]) {
        let name = match phase {
            Phase::Dnn => "dnn",
            Phase::FineTuning => "fine-tuning",
            Phase::Original => "original",
            Phase::Direct => "direct",
        };
        self.epochs.insert(name.to_owned(), epochs);
    }

    /// What is known before anything was measured.
    fn nothing(&self) -> Measurements {
        let prepared = &self.prepared;
        Measurements {
            texts: [prepared.train.labelled(), prepared.development.len(), prepared.test.len()],
            labels: self.dataset.labels.clone(),
            unknown_share: prepared.unknown_share,
            ..Measurements::default()
        }
    }

    fn with_answers(&self, answers: &LikelyLabels, development_accuracy: f64) -> Measurements {
        let targets = self.prepared.test.iter().map(|text| text.target.clone());
        let scores = Scores::of(self.dataset.labels.len(), targets, answers);
        Measurements {
            epochs: self.epochs.clone(),
            development_accuracy,
            test_accuracy: scores.accuracy,
            confusion: scores.confusion,
            answers: Some(scores.answers),
            ..self.nothing()
        }
    }

    /// What a real-valued network with these scores answers.
    fn of_scores(
        &self,
        config: &NetworkConfig,
        costs: CostsPerText,
        scores: impl Fn(&[Vec<u32>]) -> Vec<f32>,
    ) -> Measurements {
        let answers = |texts: &[EncodedText]| {
            self.prepared.likely_labels_of(config, texts, 1.0, |words| {
                let scores = scores(words);
                Answers { labels: scores.chunks_exact(config.classes()).map(argmax).collect(), scores }
            })
        };
        let targets = self.prepared.development.iter().map(|text| text.target.clone());
        let development =
            Scores::of(self.dataset.labels.len(), targets, &answers(&self.prepared.development)).accuracy;
        Measurements { costs: Some(costs), ..self.with_answers(&answers(&self.prepared.test), development) }
    }

    fn with_spikes(&self, network: &Network, seed: u64, development_accuracy: f64) -> Measurements {
        let run = Measurement::of(network, &self.prepared, seed, &[]);
        Measurements {
            costs: Some(costs::with_spikes(network, &run, &self.prepared.test)),
            firing: Some(FiringSummary::of(&run.firing, network.config().steps)),
            ..self.with_answers(&run.answers, development_accuracy)
        }
    }

    fn without_spikes(&self, config: &NetworkConfig, recipe: &Recipe, trained: &TrainedDnn) -> Measurements {
        let (network, texts) = (&trained.network, &self.prepared.test);
        let account = RealValued { config, network, biases: recipe.network.biases, texts };
        Measurements {
            costs: Some(account.costs()),
            ..self.with_answers(&network.likely_labels_of(texts), percent(trained.history.best.accuracy))
        }
    }
}

/// The measurements of a method without a network.
fn measured_floor(floor: &Floor, dataset: &Dataset) -> Measurements {
    let targets = dataset.test.iter().map(|example| example.target.clone());
    let scores = Scores::of(dataset.labels.len(), targets, &floor.answers);
    Measurements {
        texts: Split::ALL.map(|part| dataset.part(part).len()),
        labels: dataset.labels.clone(),
        unknown_share: floor.unknown_share,
        development_accuracy: percent(floor.development_accuracy),
        test_accuracy: scores.accuracy,
        confusion: scores.confusion,
        answers: Some(scores.answers),
        costs: Some(costs::look_up(&floor.work, floor.zero_weights)),
        ..Measurements::default()
    }
}

fn percent(share: f64) -> f64 {
    100.0 * share
}

/// Labels beside the true ones.
struct Scores {
    /// Percent right.
    accuracy: f64,
    /// Texts by true class (row) and found class (column).
    confusion: Vec<Vec<u64>>,
    /// Each of them.
    answers: TestAnswers,
}

impl Scores {
    fn of(classes: usize, targets: impl Iterator<Item = Target> + Clone, found: &LikelyLabels) -> Self {
        let LikelyLabels { labels, probabilities } = found;
        let short = |class: usize| u16::try_from(class).expect("no more classes than a read-out may have");
        let each = TestAnswers {
            targets: targets.clone().filter_map(|target| target.class()).map(short).collect(),
            labels: labels.iter().copied().map(short).collect(),
            probabilities: probabilities.iter().map(|share| (1000.0 * share).round() as u16).collect(),
        };
        let answers = targets.zip(labels.iter().copied());
        let right = count_met(answers.clone());
        let counts = |row: Vec<usize>| row.into_iter().map(|count| count as u64).collect();
        let confusion = confusion(classes, answers).into_iter().map(counts).collect();
        Self { accuracy: 100.0 * right as f64 / labels.len().max(1) as f64, confusion, answers: each }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::{Grid, Sources};

    #[test]
    fn settings_tell_of_attacks_and_of_adversarial_training() {
        let text = "datasets = [\"reviews-en\"]\n[[row]]\ntable = \"a\"\nname = \"b\"\nmethod = \"dnn\"\n\
                    recipe = \"lean\"\nattack = { name = \"pwws\" }\n\
                    adversarial = { name = \"textfooler\", texts = 7 }\n";
        let grid = Grid::parse(text, Path::new("grid.toml")).expect("a grid");
        let sources = Sources::default();
        let mut context = CellContext::new(&sources, &grid.datasets);
        let mut settings = |cell: &PlannedCell| context.settings(cell).expect("settings");
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
}
