//! A trained model: labels texts, shows spikes, counts operations, goes through pickle.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use numpy::{IntoPyArray, PyArray1, PyArray2, PyArrayMethods};
use pyo3::{exceptions::PyValueError, prelude::*, types::PyDict};
use spiketext::{CostReport, Session, engine::Operations, explain::Explainer, network::Network};

use crate::{attack, errors::OrRaise, explain, nir, pool, texts::Texts, trace};

/// Texts between two looks whether somebody pressed ctrl-C.
const BATCH: usize = 8192;

/// A trained spiking text classifier.
#[pyclass(frozen, module = "spiketext._core")]
pub struct Model {
    model: Arc<spiketext::Model>,
    /// What remembers the words it met last; another call that comes in the meantime makes its own.
    session: Mutex<Option<Session>>,
}

impl Model {
    pub fn new(model: spiketext::Model) -> Self {
        Self { model: Arc::new(model), session: Mutex::new(None) }
    }

    pub fn inner(&self) -> &Arc<spiketext::Model> {
        &self.model
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Option<Session>> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Labels texts batch by batch, each batch given to `take`.
    fn label(
        &self,
        py: Python<'_>,
        texts: &[&str],
        mut take: impl FnMut(Vec<spiketext::Prediction>) + Send,
    ) -> PyResult<()> {
        let lent = self.idle().take();
        let mut session = lent.unwrap_or_else(|| Session::new(Arc::clone(&self.model)));
        for batch in texts.chunks(BATCH) {
            let (predictions, _) = pool::install(py, || session.predict(batch))?;
            take(predictions);
            py.check_signals()?;
        }
        *self.idle() = Some(session);
        Ok(())
    }
}

/// What is said of each text: probabilities `[N, K]`, the label by its number `[N]`, which labels a text has `[N, K]` of a
/// model of several, and whether a text has no word that the model knows `[N]`.
type Answers<'py> = (
    Bound<'py, PyArray2<f32>>,
    Bound<'py, PyArray1<i64>>,
    Option<Bound<'py, PyArray2<bool>>>,
    Bound<'py, PyArray1<bool>>,
);

#[pymethods]
impl Model {
    /// Reads a model directory.
    #[staticmethod]
    fn load(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        pool::install(py, || spiketext::Model::load(&path))?.or_raise().map(Self::new)
    }

    /// Writes a model directory; one that is there already is an error, unless it may be replaced.
    #[pyo3(signature = (path, *, overwrite=false))]
    fn save(&self, py: Python<'_>, path: PathBuf, overwrite: bool) -> PyResult<()> {
        pool::install(py, || {
            if spiketext::Model::check_target(&path)? && !overwrite {
                return Err(spiketext::Error::Invalid {
                    operation: "save",
                    expected: "a folder that is not there yet, or overwrite=True".to_owned(),
                    got: format!("the model in {}", path.display()),
                });
            }
            self.model.save(&path)
        })?
        .or_raise()
    }

    /// The model's files by name, for pickle.
    fn to_files(&self, py: Python<'_>) -> PyResult<BTreeMap<String, Vec<u8>>> {
        let files: std::io::Result<_> = pool::install(py, || {
            let folder = tempfile::tempdir()?;
            let path = folder.path().join("model");
            self.model.save(&path).map_err(std::io::Error::other)?;
            std::fs::read_dir(&path)?
                .map(|entry| {
                    let entry = entry?;
                    Ok((entry.file_name().to_string_lossy().into_owned(), std::fs::read(entry.path())?))
                })
                .collect()
        })?;
        Ok(files?)
    }

    /// A model from what `to_files` gave.
    #[staticmethod]
    fn from_files(py: Python<'_>, files: BTreeMap<String, Vec<u8>>) -> PyResult<Self> {
        let model = pool::install(py, || -> std::io::Result<spiketext::Result<spiketext::Model>> {
            let folder = tempfile::tempdir()?;
            for (name, bytes) in &files {
                // A name is a file in the folder and nowhere else.
                let name = Path::new(name).file_name().ok_or(std::io::ErrorKind::InvalidInput)?;
                std::fs::write(folder.path().join(name), bytes)?;
            }
            Ok(spiketext::Model::load(folder.path()))
        })??;
        model.or_raise().map(Self::new)
    }

    #[getter]
    fn labels(&self) -> Vec<String> {
        self.model.labels().to_vec()
    }

    #[getter]
    fn language(&self) -> &'static str {
        self.model.language().name()
    }

    #[getter]
    fn thresholds(&self) -> Option<Vec<f32>> {
        self.model.thresholds().map(<[f32]>::to_vec)
    }

    #[getter]
    fn steps(&self) -> usize {
        self.model.network().config().steps
    }

    /// How it came about, as JSON.
    fn training(&self) -> PyResult<String> {
        serde_json::to_string(self.model.training()).map_err(|error| PyValueError::new_err(error.to_string()))
    }

    /// The network's layers, as JSON.
    fn config(&self) -> PyResult<String> {
        serde_json::to_string(self.model.network().config()).map_err(|error| PyValueError::new_err(error.to_string()))
    }

    /// The words it knows, in the order of their numbers.
    fn words(&self) -> Vec<String> {
        self.model.vocabulary().words().map(str::to_owned).collect()
    }

    /// The arrays of each layer by name.
    fn weights<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyDict>>> {
        weights(py, self.model.network())
    }

    fn answer<'py>(&self, py: Python<'py>, texts: &Bound<'py, PyAny>) -> PyResult<Answers<'py>> {
        let held = Texts::of(texts, "texts")?;
        let texts = held.as_strs()?;
        let (count, classes) = (texts.len(), self.model.labels().len());
        let mut probabilities: Vec<f32> = Vec::with_capacity(count * classes);
        let (mut labels, mut unknown) = (Vec::with_capacity(count), Vec::with_capacity(count));
        let mut members = self.model.thresholds().map(|_| vec![false; count * classes]);
        self.label(py, &texts, |predictions| {
            for prediction in predictions {
                if let (Some(members), Some(of_text)) = (&mut members, &prediction.labels) {
                    of_text.iter().for_each(|class| members[labels.len() * classes + class] = true);
                }
                probabilities.extend_from_slice(&prediction.probabilities);
                labels.push(prediction.label as i64);
                unknown.push(prediction.unknown);
            }
        })?;
        let shape = [count, classes];
        Ok((
            probabilities.into_pyarray(py).reshape(shape)?,
            labels.into_pyarray(py),
            members.map(|members| members.into_pyarray(py).reshape(shape)).transpose()?,
            unknown.into_pyarray(py),
        ))
    }

    /// Operations and energy of texts, means over them: of each layer, and in microjoules under every cost table.
    fn energy<'py>(&self, py: Python<'py>, texts: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyDict>> {
        let held = Texts::of(texts, "texts")?;
        let mut operations: Vec<Operations> = Vec::new();
        self.label(py, &held.as_strs()?, |predictions| {
            operations.extend(predictions.into_iter().map(|prediction| prediction.operations));
        })?;
        let report = pool::install(py, || CostReport::spiking(self.model.network(), &operations))?;
        let told = PyDict::new(py);
        told.set_item("texts", report.texts)?;
        told.set_item("bytes", report.footprint.footprint)?;
        let (macs, acs) = (report.work.macs(), report.work.acs());
        told.set_item("accumulations", acs)?;
        told.set_item("multiply_accumulations", macs)?;
        told.set_item("dnn_multiply_accumulations", report.dnn.macs())?;
        told.set_item("activation_sparsity", report.activation_sparsity())?;
        let tables = PyDict::new(py);
        for energy in &report.energies {
            let row = PyDict::new(py);
            row.set_item("snn_microjoules", energy.network)?;
            row.set_item("dnn_microjoules", energy.dnn)?;
            row.set_item("ratio", energy.ratio())?;
            tables.set_item(energy.table.name, row)?;
        }
        told.set_item("tables", tables)?;
        Ok(told)
    }

    fn trace<'py>(&self, py: Python<'py>, text: &str) -> PyResult<Option<Bound<'py, PyDict>>> {
        let Some((tokens, trace, potentials)) = pool::install(py, || self.model.watch(text))? else {
            return Ok(None);
        };
        trace::arrays(py, self.model.network(), tokens, &trace, &potentials).map(Some)
    }

    /// Why a text has its label; `delete` asks the network again, without each word.
    fn explain<'py>(&self, py: Python<'py>, text: &str, delete: bool) -> PyResult<Option<Bound<'py, PyDict>>> {
        let found = pool::install(py, || {
            let mut explainer = Explainer::new(&self.model);
            let found = explainer.explain(text)?;
            let deletion = delete.then(|| explainer.delete(&found));
            Some((found, deletion))
        })?;
        let widths = &self.model.network().config().convolution().widths;
        found.map(|(found, deletion)| explain::arrays(py, &found, deletion.as_ref(), widths)).transpose()
    }

    #[pyo3(signature = (texts, targets, attack, *, vectors, wordnet, seed, told))]
    #[expect(clippy::too_many_arguments, reason = "keyword arguments of Python")]
    fn attack(
        &self,
        py: Python<'_>,
        texts: &Bound<'_, PyAny>,
        targets: Vec<usize>,
        attack: &str,
        vectors: Option<PathBuf>,
        wordnet: Option<PathBuf>,
        seed: u64,
        told: &Bound<'_, PyAny>,
    ) -> PyResult<String> {
        let texts = Texts::of(texts, "texts")?.to_strings()?;
        let asked = attack::Asked { attack: attack.to_owned(), vectors, wordnet, seed };
        attack::run(py, Arc::clone(&self.model), texts, targets, asked, told)
    }

    /// Writes a NIR file for a reader of such files.
    #[pyo3(signature = (path, *, target, length, overwrite))]
    fn to_nir<'py>(
        &self,
        py: Python<'py>,
        path: PathBuf,
        target: &str,
        length: Option<usize>,
        overwrite: bool,
    ) -> PyResult<Bound<'py, PyDict>> {
        nir::write(py, &self.model, &path, target, length, overwrite)
    }

    /// The same model with the weights of a NIR file.
    fn with_nir(&self, py: Python<'_>, path: PathBuf, target: &str) -> PyResult<Self> {
        nir::read(py, &self.model, path, target).map(Self::new)
    }

    fn __repr__(&self) -> String {
        let labels = self.model.labels();
        let shown: Vec<&str> = labels.iter().take(6).map(String::as_str).collect();
        let more = if labels.len() > shown.len() { ", …" } else { "" };
        format!(
            "Model(labels=[{}{more}], recipe={:?}, steps={}, words={})",
            shown.join(", "),
            self.model.training().recipe,
            self.steps(),
            self.model.vocabulary().len()
        )
    }
}

/// The arrays of each layer, in the shapes that docs/FORMAT.md gives them, flat.
fn weights<'py>(py: Python<'py>, network: &Network) -> PyResult<Vec<Bound<'py, PyDict>>> {
    network
        .layers()
        .map(|(leaf, weights)| {
            let layer = PyDict::new(py);
            layer.set_item("kind", leaf.layer.kind())?;
            layer.set_item("inputs", leaf.inputs)?;
            layer.set_item("outputs", leaf.outputs)?;
            for (name, values) in weights.named().into_iter().filter(|(_, values)| !values.is_empty()) {
                layer.set_item(name, values.to_vec().into_pyarray(py))?;
            }
            Ok(layer)
        })
        .collect()
}
