//! Networks under attack: cells that measure what an attack leaves, and adversarial training, which attacks first and trains then.

use std::{
    path::{Path, PathBuf},
    rc::Rc,
    time::Instant,
};

use sha2::{Digest, Sha256};
use spiketext::{
    Error, Result,
    data::Dataset,
    dnn::Dnn,
    model::{Model, Training},
};
use spiketext_attack::{Needs, Origins, Resources, Subject, Victim};
use spiketext_train::{events::Observer, network_config, recipe::Recipe};

use crate::{
    adversarial::{augmented, subjects},
    attacks::AttackChoices,
    cell::{Measurements, Method},
    cells::{Ready, Workshop, name_of},
    grid::{PlannedCell, fields},
    runner::deciding,
};

/// What attacks share: always the last one's.
#[derive(Default)]
pub(crate) struct Shared {
    /// The network, by name.
    victim: Option<(String, Rc<Kept>)>,
    /// The data set of adversarial training, by name.
    hardened: Option<(String, Rc<Dataset>)>,
    /// What the attack drew on.
    resources: Option<(ResourceKey, Rc<Resources>)>,
}

/// All that decides what an attack draws on: the texts and what it needs.
type ResourceKey = (Vec<Subject>, Needs);

/// A network that several attacks share.
pub(crate) struct Kept {
    pub model: Model,
    /// The DNN it was converted from; a directly trained network has none.
    dnn: Option<Dnn>,
}

impl Kept {
    /// What a cell attacks of it.
    fn victim(&self, cell: &PlannedCell, attack: &AttackChoices) -> Result<Victim<'_>> {
        let model = &self.model;
        match (cell.method, &self.dnn) {
            (Method::Dnn, Some(dnn)) => Ok(Victim::Dnn { model, dnn }),
            (Method::Dnn, None) => Err(Error::invalid("study cell", "a DNN to attack", "none")),
            _ => {
                let (noise, seed, judges) = (attack.noise_policy(), cell.seed, attack.judges);
                Ok(Victim::Spiking { model, noise, seed, judges })
            }
        }
    }
}

impl Workshop<'_> {
    /// Attacks a network; the seconds went into making it, for other attacks too.
    pub(crate) fn attacked(
        &mut self,
        cell: &PlannedCell,
        recipe: &Recipe,
        attack: &AttackChoices,
        dataset: &Dataset,
        ready: &Ready,
        observer: &mut Observer<'_>,
    ) -> Result<(Measurements, f64)> {
        let started = Instant::now();
        let kept = self.victim(cell, recipe, dataset, ready, observer)?;
        let shared = started.elapsed().as_secs_f64();
        let victim = kept.victim(cell, attack)?;
        let subjects = subjects(&dataset.test, attack.texts);
        let resources = self.resources(cell, attack, &subjects)?;
        let attacked = attack.run(&victim, &resources, &subjects, cell.seed)?;
        let (prepared, development) = (&ready.prepared, kept.model.training().development);
        let measured = Measurements {
            texts: [prepared.train.len(), prepared.development.len(), prepared.test.len()],
            labels: dataset.labels.clone(),
            development_accuracy: if cell.method == Method::Dnn { development.dnn } else { development.snn },
            test_accuracy: attacked.accuracy,
            unknown_share: prepared.unknown_share,
            attack: Some(attacked),
            ..Measurements::default()
        };
        Ok((measured, shared))
    }

    /// The data set of adversarial training: with the training texts that fooled a network without it. The last one is kept.
    pub(crate) fn hardened(
        &mut self,
        cell: &PlannedCell,
        recipe: &Recipe,
        choices: &AttackChoices,
        dataset: &Dataset,
        observer: &mut Observer<'_>,
    ) -> Result<Rc<Dataset>> {
        let name = name_of(cell, recipe);
        if let Some((_, hardened)) = self.attacks.hardened.as_ref().filter(|(known, _)| *known == name) {
            return Ok(Rc::clone(hardened));
        }
        let plain = PlannedCell { adversarial: None, ..cell.clone() };
        let (ready, _) = self.ready(&plain, recipe, dataset)?;
        let kept = self.victim(&plain, recipe, dataset, &ready, observer)?;
        let subjects = subjects(&dataset.train, choices.texts);
        let resources = self.resources(&plain, choices, &subjects)?;
        let attack = choices.name.build(choices.protocol(), kept.model.language(), &resources)?;
        let victim = kept.victim(cell, choices)?;
        let (hardened, _) = augmented(dataset, &victim, &attack, &subjects, cell.seed);
        let hardened = Rc::new(hardened);
        self.attacks.hardened = Some((name, Rc::clone(&hardened)));
        Ok(hardened)
    }

    /// What an attack draws on. The last ones are kept.
    fn resources(
        &mut self,
        cell: &PlannedCell,
        attack: &AttackChoices,
        subjects: &[Subject],
    ) -> Result<Rc<Resources>> {
        let needs = attack.name.needs(attack.protocol());
        let key = (subjects.to_vec(), needs);
        if let Some((_, resources)) = self.attacks.resources.as_ref().filter(|(known, _)| *known == key) {
            return Ok(Rc::clone(resources));
        }
        let language = self.language(&cell.dataset)?;
        // The texts of the data set itself: what an attack draws on must not depend on whom it attacks.
        let plain = self.dataset(&cell.dataset)?;
        let corpus: Vec<String> =
            if needs.masked { plain.train.iter().map(|example| example.text.clone()).collect() } else { Vec::new() };
        let vectors = self.sources.vectors.get(language.name()).map(PathBuf::as_path);
        let origins = Origins { vectors, built_in: None, wordnet: &self.sources.wordnet, corpus: &corpus };
        let resources = Rc::new(Resources::gather(needs, language, &origins, subjects)?);
        self.attacks.resources = Some((key, Rc::clone(&resources)));
        Ok(resources)
    }

    /// The network that a cell attacks: the last one, or from the work folder, or made and kept there.
    pub(crate) fn victim(
        &mut self,
        cell: &PlannedCell,
        recipe: &Recipe,
        dataset: &Dataset,
        ready: &Ready,
        observer: &mut Observer<'_>,
    ) -> Result<Rc<Kept>> {
        // The DNN is kept beside the network that is converted from it.
        let method = if cell.method == Method::Dnn { Method::Converted } else { cell.method };
        let name = model_name(&self.sources.program, recipe, method, &ready.fingerprint, cell.seed);
        if let Some((_, kept)) = self.attacks.victim.as_ref().filter(|(known, _)| *known == name) {
            return Ok(Rc::clone(kept));
        }
        let path = self.sources.work.as_ref().map(|work| work.join(format!("model-{name}")));
        // One that cannot be read is made again: it is nothing but time.
        let found = path.as_deref().and_then(|path| kept_model(path, method).ok());
        let kept = match found {
            Some(kept) => kept,
            None => {
                let kept = self.make(recipe, method, cell.seed, dataset, ready, observer)?;
                if let Some(path) = &path {
                    match &kept.dnn {
                        Some(dnn) => kept.model.save_with_dnn(dnn, path)?,
                        None => kept.model.save(path)?,
                    }
                }
                kept
            }
        };
        let kept = Rc::new(kept);
        self.attacks.victim = Some((name, Rc::clone(&kept)));
        Ok(kept)
    }

    /// Makes a network that spikes, with its DNN where it has one.
    fn make(
        &self,
        recipe: &Recipe,
        method: Method,
        seed: u64,
        dataset: &Dataset,
        ready: &Ready,
        observer: &mut Observer<'_>,
    ) -> Result<Kept> {
        let prepared = &ready.prepared;
        let config = network_config(recipe, prepared.dimension, dataset.labels.len())?;
        let made = self.spiking(recipe, method, seed, &config, ready, observer)?;
        let epochs = |phase: &str| -> [usize; 2] {
            let history = made.histories.iter().find(|(own, _)| *own == phase);
            history.map_or([0; 2], |(_, history)| [history.epochs, history.best_epoch])
        };
        let trained = if method == Method::Direct { "direct" } else { "fine-tuning" };
        let training = Training {
            dnn_epochs: epochs("dnn"),
            fine_tuning_epochs: epochs(trained),
            program: self.sources.program.clone(),
            dataset: dataset.name.clone(),
            source: dataset.source.clone(),
            texts: [prepared.train.len(), prepared.development.len(), prepared.test.len()],
            vectors: prepared.vectors.clone(),
            recipe: recipe.name.clone(),
            choices: recipe.to_toml(),
            seed,
            development: made.accuracies,
            unknown_share: prepared.unknown_share,
            ..Training::default()
        };
        let model = Model::new(
            prepared.language,
            dataset.labels.clone(),
            prepared.priors.clone(),
            seed,
            prepared.vocabulary.clone(),
            made.network,
            training,
        )?;
        let dnn = made.dnn.map(|weights| weights.into_dnn(&config, recipe.dnn.pooling)).transpose()?;
        Ok(Kept { model, dnn })
    }
}

/// A name for the network that a program makes by a method: a hash of all that decides it.
fn model_name(program: &str, recipe: &Recipe, method: Method, fingerprint: &[u8; 32], seed: u64) -> String {
    let mut hash = Sha256::new();
    hash.update(program);
    hash.update(format!("{method:?}"));
    hash.update(serde_json::Value::from(deciding(fields(recipe), method)).to_string());
    hash.update(seed.to_le_bytes());
    hash.update(fingerprint);
    hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

/// A network that was kept.
fn kept_model(path: &Path, method: Method) -> Result<Kept> {
    let model = Model::load(path)?;
    let dnn = if method == Method::Direct { None } else { Some(model.load_dnn(path)?) };
    Ok(Kept { model, dnn })
}
