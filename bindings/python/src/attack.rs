//! Attacks on a model, text by text.

use std::{path::PathBuf, sync::Arc};

use pyo3::{exceptions::PyValueError, prelude::*};
use spiketext::{Error, Language, Result, score::NoisePolicy, target::Target};
use spiketext_attack::{
    AttackRecipe, Origins, Protocol, Resources, Subject, Summary, Victim, resources::wordnet_folder, trial,
};
use spiketext_train::Stop;

use crate::{errors::OrRaise, pool};

/// What was asked for.
pub struct Asked {
    /// The name of the attack.
    pub attack: String,
    /// A file of word vectors to take neighbours from; without, the built-in ones of the model's language.
    pub vectors: Option<PathBuf>,
    /// The folder of WordNet's database files.
    pub wordnet: Option<PathBuf>,
    /// The seed of random choices.
    pub seed: u64,
}

/// Attacks texts; `told` is called with each record, as JSON, and the summary is returned, as JSON.
pub fn run(
    py: Python<'_>,
    model: Arc<spiketext::Model>,
    texts: Vec<String>,
    targets: Vec<usize>,
    asked: Asked,
    told: &Bound<'_, PyAny>,
) -> PyResult<String> {
    if texts.len() != targets.len() {
        let (texts, labels) = (texts.len(), targets.len());
        return Err(PyValueError::new_err(format!(
            "labels: expected a label for each of {texts} texts, got {labels}"
        )));
    }
    if model.thresholds().is_some() {
        return Err(PyValueError::new_err("attack: expected a model of one label a text, got a multi-label model"));
    }
    let known: Vec<&str> = AttackRecipe::ALL.iter().map(|recipe| recipe.name()).collect();
    let Some(recipe) = AttackRecipe::named(&asked.attack) else {
        return Err(PyValueError::new_err(format!(
            "attack: expected one of {}, got {:?}",
            known.join(", "),
            asked.attack
        )));
    };
    let subjects: Vec<Subject> = texts
        .into_iter()
        .zip(targets)
        .enumerate()
        .map(|(index, (text, class))| Subject { index, text, target: Target::of(class) })
        .collect();
    let stop = Stop::default();
    let heeded = stop.clone();
    let work = move |messages: &std::sync::mpsc::Sender<String>| -> Result<String> {
        let protocol = Protocol::Published;
        let wordnet = wordnet_folder(asked.wordnet.as_deref());
        let named =
            asked.vectors.as_ref().and_then(|path| path.to_str()).and_then(|name| name.parse::<Language>().ok());
        let file = asked.vectors.as_deref().filter(|_| named.is_none());
        let corpus: Vec<String> = Vec::new();
        let origins = Origins { vectors: file, lenient: false, built_in: named, wordnet: &wordnet, corpus: &corpus };
        let needs = recipe.needs(protocol);
        if needs.masked {
            return Err(Error::Invalid {
                operation: "attack",
                expected: "an attack that needs no corpus".to_owned(),
                got: format!("'{}', for which `spiketext attack --corpus` is made", recipe.name()),
            });
        }
        let resources = Resources::gather(needs, model.language(), &origins, &subjects)?;
        let attack = recipe.build(protocol, model.language(), &resources)?;
        let victim = Victim::Spiking { model: &model, noise: NoisePolicy::Fixed, seed: asked.seed, judges: 1 };
        let mut records = Vec::new();
        trial::attack(&attack, &victim, &subjects, asked.seed, &mut |record| {
            if heeded.is_asked() {
                return Err(Error::Stopped { operation: "attack" });
            }
            // Whoever listened may have left, which `heeded` says, too.
            let _ = messages.send(json(&record));
            records.push(record);
            Ok(())
        })?;
        Ok(json(&Summary::of(&records)))
    };
    pool::job(py, work, |record| told.call1((record,)).map(|_| ()), || stop.ask())?.or_raise()
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("records are made of what JSON can hold")
}
