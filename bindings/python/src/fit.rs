//! Training on texts in memory.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use numpy::{PyReadonlyArray1, PyReadonlyArray2};
use pyo3::{exceptions::PyValueError, prelude::*};
use spiketext::{
    Language,
    data::{
        Dataset, Example, InMemory,
        teacher::{Kind, logits},
    },
    target::Target,
};
use spiketext_train::{ClassWeights, Options, Recipe, StepCache, Stop, Teaching, VectorSource, events::Event};

use crate::{errors::OrRaise, model::Model, pool, texts::Texts};

/// Between two steps that are told of.
const TOLD: Duration = Duration::from_millis(50);

/// How classes are weighed: "balanced", or a weight for each class by its name.
#[derive(FromPyObject)]
pub enum Weights {
    Named(String),
    Each(BTreeMap<String, f64>),
}

/// Targets: a class a text, `[N]`, or a row of memberships a text, `[N, K]`.
#[derive(FromPyObject)]
pub enum Targets<'py> {
    One(PyReadonlyArray1<'py, i64>),
    Several(PyReadonlyArray2<'py, bool>),
}

impl Targets<'_> {
    fn of_texts(&self, texts: usize, what: &str) -> PyResult<Vec<Target>> {
        let targets: Vec<Target> = match self {
            Self::One(classes) => classes
                .as_array()
                .iter()
                .map(|&class| Ok(Target::of(usize::try_from(class)?)))
                .collect::<Result<_, std::num::TryFromIntError>>()
                .map_err(|_| {
                    PyValueError::new_err(format!("{what}: expected numbers of classes, got a negative one"))
                })?,
            Self::Several(rows) => rows
                .as_array()
                .rows()
                .into_iter()
                .map(|row| Target::several(row.iter().enumerate().filter(|(_, of)| **of).map(|(class, _)| class)))
                .collect(),
        };
        if targets.len() != texts {
            return Err(PyValueError::new_err(format!(
                "labels of {what}: expected a label for each of {texts} texts, got {}",
                targets.len()
            )));
        }
        Ok(targets)
    }

    fn is_several(&self) -> bool {
        matches!(self, Self::Several(_))
    }
}

fn examples(texts: &Bound<'_, PyAny>, targets: &Targets<'_>, what: &str) -> PyResult<Vec<Example>> {
    let texts = Texts::of(texts, what)?.to_strings()?;
    let targets = targets.of_texts(texts.len(), what)?;
    Ok(texts.into_iter().zip(targets).map(|(text, target)| Example { text, target }).collect())
}

/// Rows of probabilities, `[N, K]`, as logits; a row of NaN is no answer.
fn answers(
    rows: &PyReadonlyArray2<'_, f64>,
    (texts, classes): (usize, usize),
    multi_label: bool,
    what: &str,
) -> PyResult<Vec<Option<Vec<f32>>>> {
    let refuse =
        |expected: String, got: String| Err(PyValueError::new_err(format!("{what}: expected {expected}, got {got}")));
    let rows = rows.as_array();
    if rows.dim() != (texts, classes) {
        return refuse(format!("probabilities of shape ({texts}, {classes})"), format!("{:?}", rows.dim()));
    }
    let mut all = Vec::with_capacity(texts);
    for (at, row) in rows.rows().into_iter().enumerate() {
        if row.iter().all(|p| p.is_nan()) {
            all.push(None);
            continue;
        }
        let sum: f64 = row.sum();
        if !row.iter().all(|p| (0.0..=1.0).contains(p)) || !(multi_label || (sum - 1.0).abs() < 0.02) {
            let expected = if multi_label { "probabilities from 0 to 1" } else { "probabilities that sum to 1" };
            return refuse(format!("{expected} (or a row of NaN: no answer)"), format!("{row} at {at}"));
        }
        let numbers = row.iter().map(|&p| p as f32).collect();
        all.push(Some(logits(Kind::Probabilities, multi_label, numbers)));
    }
    Ok(all)
}

/// Trains a model. `told` is called with what happens, as JSON.
#[pyfunction]
#[pyo3(signature = (
    texts, targets, labels, *, name, recipe, settings, vectors, language, class_weight, seed, weights, development,
    answers, unlabelled, told
))]
#[expect(clippy::too_many_arguments, reason = "keyword arguments of Python")]
pub fn fit<'py>(
    py: Python<'py>,
    texts: &Bound<'py, PyAny>,
    targets: Targets<'py>,
    labels: Vec<String>,
    name: String,
    recipe: &str,
    settings: Vec<String>,
    vectors: Option<PathBuf>,
    language: Option<String>,
    class_weight: Option<Weights>,
    seed: u64,
    weights: Option<PyReadonlyArray1<'py, f64>>,
    development: Option<(Bound<'py, PyAny>, Targets<'py>)>,
    answers: Option<PyReadonlyArray2<'py, f64>>,
    unlabelled: Option<(Bound<'py, PyAny>, PyReadonlyArray2<'py, f64>)>,
    told: Option<Bound<'py, PyAny>>,
) -> PyResult<Model> {
    let multi_label = targets.is_several();
    let mut chosen = Recipe::named(recipe).or_raise()?;
    for setting in &settings {
        chosen = chosen.with_setting(setting).or_raise()?;
    }
    match class_weight {
        None => {}
        Some(Weights::Named(name)) if name == "balanced" => chosen.class_weights = ClassWeights::Balanced,
        Some(Weights::Named(name)) => {
            return Err(PyValueError::new_err(format!(
                "class_weight: expected None, \"balanced\" or a weight for each class, got {name:?}"
            )));
        }
        Some(Weights::Each(weights)) => chosen.class_weights = ClassWeights::Each(weights),
    }
    chosen.check().or_raise()?;
    let language = language.map(|name| name.parse::<Language>()).transpose().or_raise()?;
    let examples_of_training = examples(texts, &targets, "texts")?;
    let count = examples_of_training.len();
    let taught = answers
        .map(|rows| self::answers(&rows, (count, labels.len()), multi_label, "teacher_proba"))
        .transpose()?
        .unwrap_or_default();
    let unlabelled = unlabelled
        .map(|(texts, rows)| {
            let texts = Texts::of(&texts, "unlabelled")?.to_strings()?;
            let shape = (texts.len(), labels.len());
            let rows = self::answers(&rows, shape, multi_label, "unlabelled_proba")?;
            Ok::<_, PyErr>((texts, rows))
        })
        .transpose()?;
    let development =
        development.map(|(texts, targets)| examples(&texts, &targets, "validation texts")).transpose()?;
    let weights: Option<Vec<f32>> = match weights {
        Some(weights) if weights.as_array().len() != count => {
            return Err(PyValueError::new_err(format!(
                "sample_weight: expected a weight for each of {count} texts, got {}",
                weights.as_array().len()
            )));
        }
        Some(weights) => Some(weights.as_array().iter().map(|&weight| weight as f32).collect()),
        None => None,
    };
    let source = VectorSource::of(vectors.as_deref(), false);
    let stop = Stop::default();
    let heeded = stop.clone();
    let is_told = told.is_some();
    let work = move |messages: &std::sync::mpsc::Sender<String>| -> spiketext::Result<spiketext::Model> {
        let teacher: Vec<(String, Vec<f32>)> = {
            let own = examples_of_training.iter().map(|example| &example.text).zip(taught);
            let others = unlabelled.iter().flat_map(|(texts, rows)| texts.iter().zip(rows.iter().cloned()));
            own.chain(others).filter_map(|(text, row)| Some((text.clone(), row?))).collect()
        };
        let given = InMemory { name, labels, multi_label, texts: examples_of_training, development };
        let (dataset, places) = Dataset::in_memory(given)?;
        let teaching = match (teacher.is_empty(), unlabelled) {
            (true, None) => None,
            (_, unlabelled) => {
                let answers = teacher.iter().map(|(text, row)| (text.as_str(), row.clone()));
                Some(Arc::new(Teaching::of_answers(answers, unlabelled.map(|(texts, _)| texts), &dataset)?))
            }
        };
        let text_weights = weights.map(|weights| places.iter().map(|&place| weights[place]).collect());
        let options = Options { seed, language, teaching, text_weights, stop: heeded, ..Options::default() };
        let mut last = Instant::now();
        let mut observer = |event: &Event| {
            let is_due = match event {
                Event::Step { step, steps, .. } => step == steps || last.elapsed() > TOLD,
                _ => true,
            };
            if is_told && is_due {
                last = Instant::now();
                // Whoever listened may have left; then training is asked to stop.
                let _ = messages.send(serde_json::to_string(event).expect("events are made of what JSON can hold"));
            }
        };
        let mut cache = StepCache::default();
        let mut pipeline = spiketext_train::Pipeline::new(&dataset, &source, &chosen, &options, &mut cache)?;
        pipeline.model(spiketext_train::SpikingMethod::of(&chosen), &mut observer)
    };
    let listen = |message: String| match &told {
        Some(told) => told.call1((message,)).map(|_| ()),
        None => Ok(()),
    };
    pool::job(py, work, listen, || stop.ask())?.or_raise().map(Model::new)
}
