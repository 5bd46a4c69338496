//! The model directory: `config.json`, `model.safetensors`, `vocab.txt` and a card for people, `README.md`; beside them, if it was to be
//! kept, the DNN that the network was converted from (see [`crate::dnn`]).
//!
//! Weights are stored as the whole numbers they are (see [`crate::network`]): synapses in 16 bits, presence and biases
//! in 32, word codes in 8 or 16, with the exponents of their units in `config.json`. Everything is checked on reading:
//! unknown fields, versions, missing and extra tensors, types, shapes, sizes.

use std::{collections::HashMap, fs, path::Path};

use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde::{Deserialize, Serialize};

use super::{Model, Training, card};
use crate::{
    Error, Result,
    dnn::{self, Dnn},
    files::write_folder,
    network::{Codes, Grid, Network, Specification, Weights},
    text::{Language, Vocabulary},
};

/// The file of the network's description and the training report.
pub const CONFIG: &str = "config.json";
/// The file of the weights.
pub const WEIGHTS: &str = "model.safetensors";
/// The file of the words, one a line, in the order of the codes.
pub const VOCABULARY: &str = "vocab.txt";
/// The page for people.
pub const MODEL_CARD: &str = "README.md";

const FORMAT: &str = "spiketext-model";
const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    format: String,
    version: u32,
    language: Language,
    labels: Vec<String>,
    priors: Vec<f32>,
    seed: u64,
    network: Specification,
    /// The unit of synapses, presence and biases is 2 to this power.
    synapse_exponent: i32,
    /// The unit of output synapses and biases is 2 to this power.
    output_exponent: i32,
    training: Training,
}

/// Whether [`save`] may write to `folder`.
pub(super) fn check_target(folder: &Path) -> Result<()> {
    let refuse =
        |got: String| Err(Error::invalid("save model", "a new folder, an empty one or a model to replace", got));
    if !folder.exists() || folder.join(CONFIG).is_file() {
        return Ok(());
    }
    if !folder.is_dir() {
        return refuse(format!("{}, which is a file", folder.display()));
    }
    if fs::read_dir(folder).map_err(Error::read(folder))?.next().is_some() {
        return refuse(format!("{}, which holds other files", folder.display()));
    }
    Ok(())
}

pub(super) fn save(model: &Model, dnn: Option<&Dnn>, folder: &Path) -> Result<()> {
    check_target(folder)?;
    let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(parent).map_err(Error::write(parent))?;
    let network = model.network();
    let weights = network.weights();
    let grids = (Grid::of(&weights.synapses), Grid::of(&weights.output_synapses));
    let config = Config {
        format: FORMAT.into(),
        version: VERSION,
        language: model.language,
        labels: model.labels.clone(),
        priors: model.priors.clone(),
        seed: model.seed,
        network: network.specification().clone(),
        synapse_exponent: grids.0.exponent,
        output_exponent: grids.1.exponent,
        training: model.training.clone(),
    };
    let mut json = serde_json::to_vec_pretty(&config)
        .map_err(|error| Error::invalid("save model", "a description that JSON can hold", error.to_string()))?;
    json.push(b'\n');
    let mut files = vec![
        (CONFIG, json),
        (WEIGHTS, tensors(network, grids)?),
        (VOCABULARY, model.vocabulary.to_text().into_bytes()),
        (MODEL_CARD, card::write(model).into_bytes()),
    ];
    if let Some(dnn) = dnn {
        files.push((dnn::FILE, dnn.to_bytes()?));
    }
    write_folder(folder, |fresh| {
        for (name, bytes) in files {
            let path = fresh.join(name);
            // The user named the folder, so a failure is told of the folder.
            let told = || Error::write(folder.join(name));
            fs::write(&path, bytes).map_err(told())?;
            fs::File::open(&path).and_then(|file| file.sync_all()).map_err(told())?;
        }
        Ok(())
    })
}

/// The weights as whole numbers.
fn tensors(network: &Network, (grid, output_grid): (Grid, Grid)) -> Result<Vec<u8>> {
    let weights = network.weights();
    let specification = network.specification();
    let shape = &specification.convolution;
    let (d, m, c, o) = (shape.dimension, shape.products(), shape.channels(), specification.outputs());
    let short = |grid: Grid, values: &[f32]| -> Vec<u8> {
        values.iter().flat_map(|&v| (grid.units(v) as i16).to_le_bytes()).collect()
    };
    let long = |grid: Grid, values: &[f32]| -> Vec<u8> {
        values.iter().flat_map(|&v| grid.units(v).to_le_bytes()).collect()
    };
    let (code_type, codes) = match &weights.codes {
        Codes::Eight(codes) => (Dtype::U8, codes.clone()),
        Codes::Sixteen(codes) => (Dtype::U16, codes.iter().flat_map(|code| code.to_le_bytes()).collect()),
    };
    let thresholds: Vec<u8> = weights.feature_thresholds.iter().flat_map(|v| v.to_le_bytes()).collect();
    let parts = [
        ("bias", Dtype::I32, vec![c], long(grid, &weights.bias)),
        ("codes", code_type, vec![network.words(), d], codes),
        ("feature_thresholds", Dtype::F32, vec![c], thresholds),
        ("output_bias", Dtype::I32, vec![o], long(output_grid, &weights.output_bias)),
        ("output_synapses", Dtype::I16, vec![c, o], short(output_grid, &weights.output_synapses)),
        ("presence", Dtype::I32, vec![m], long(grid, &weights.presence)),
        ("synapses", Dtype::I16, vec![d, m], short(grid, &weights.synapses)),
    ];
    let wrong = |error: safetensors::SafeTensorError| {
        Error::invalid("save model", "tensors that can be written", error.to_string())
    };
    let views = parts
        .iter()
        .map(|(name, dtype, shape, bytes)| Ok((*name, TensorView::new(*dtype, shape.clone(), bytes)?)))
        .collect::<std::result::Result<Vec<_>, _>>()
        .map_err(wrong)?;
    let metadata = HashMap::from([("format".to_owned(), FORMAT.to_owned())]);
    safetensors::serialize(views, Some(metadata)).map_err(wrong)
}

pub(super) fn load(folder: &Path) -> Result<Model> {
    let path = folder.join(CONFIG);
    let text = fs::read_to_string(&path).map_err(Error::read(&path))?;
    /// Read first, so that another version is told from a damaged file.
    #[derive(Deserialize)]
    struct Header {
        format: String,
        version: u32,
    }
    let broken = |error: serde_json::Error| {
        Error::malformed(&path, Some(error.line() as u64), "a spiketext model description", error.to_string())
    };
    let header: Header = serde_json::from_str(&text).map_err(broken)?;
    if header.format != FORMAT || header.version != VERSION {
        return Err(Error::malformed(
            &path,
            None,
            format!("format {FORMAT}, version {VERSION}"),
            format!("format {}, version {}", header.format, header.version),
        ));
    }
    let config: Config = serde_json::from_str(&text).map_err(broken)?;
    let config_path = path;
    of_file(&config_path, config.network.check())?;
    let path = folder.join(VOCABULARY);
    let words = fs::read_to_string(&path).map_err(Error::read(&path))?;
    let vocabulary = Vocabulary::parse(&path, &words)?;
    let vocabulary_path = path;
    let path = folder.join(WEIGHTS);
    let bytes = fs::read(&path).map_err(Error::read(&path))?;
    let weights = weights(&path, &bytes, &config)?;
    let network = of_file(&path, Network::new(config.network, weights))?;
    if network.words() != vocabulary.len() {
        let expected = format!("{} words, one for each code in {WEIGHTS}", network.words());
        return Err(Error::malformed(vocabulary_path, None, expected, vocabulary.len().to_string()));
    }
    let (labels, priors) = (config.labels, config.priors);
    let model = Model::new(config.language, labels, priors, config.seed, vocabulary, network, config.training);
    of_file(&config_path, model)
}

/// Names the file whose content an operation refused.
fn of_file<T>(path: &Path, result: Result<T>) -> Result<T> {
    result.map_err(|error| match error {
        Error::Invalid { expected, got, .. } => Error::malformed(path, None, expected, got),
        other => other,
    })
}

/// Takes the weights out of the file's bytes, every type and shape checked.
fn weights(path: &Path, bytes: &[u8], config: &Config) -> Result<Weights> {
    let broken = |expected: &str, got: String| Error::malformed(path, None, expected, got);
    let tensors = SafeTensors::deserialize(bytes).map_err(|error| broken("a safetensors file", error.to_string()))?;
    let shape = &config.network.convolution;
    let (d, m, c, o) = (shape.dimension, shape.products(), shape.channels(), config.network.outputs());
    if tensors.len() != 7 {
        return Err(broken("7 tensors", tensors.len().to_string()));
    }
    let part = |name: &str, types: &[Dtype], shape: &[usize]| {
        let view = tensors.tensor(name).map_err(|error| broken("a tensor of each name", error.to_string()))?;
        if view.shape() != shape || !types.contains(&view.dtype()) {
            return Err(broken(
                &format!("'{name}' of {types:?} {shape:?}"),
                format!("{:?} {:?}", view.dtype(), view.shape()),
            ));
        }
        Ok(view)
    };
    let unit = |exponent: i32| {
        if (-100..=100).contains(&exponent) {
            Ok(Grid { exponent }.unit())
        } else {
            Err(broken("exponents from -100 to 100", exponent.to_string()))
        }
    };
    let (unit, output_unit) = (unit(config.synapse_exponent)?, unit(config.output_exponent)?);
    let short = |name: &str, shape: &[usize], unit: f32| -> Result<Vec<f32>> {
        let view = part(name, &[Dtype::I16], shape)?;
        Ok(view.data().as_chunks::<2>().0.iter().map(|b| f32::from(i16::from_le_bytes(*b)) * unit).collect())
    };
    let long = |name: &str, length: usize, unit: f32| -> Result<Vec<f32>> {
        let view = part(name, &[Dtype::I32], &[length])?;
        Ok(view.data().as_chunks::<4>().0.iter().map(|b| i32::from_le_bytes(*b) as f32 * unit).collect())
    };
    // How many words there are, the codes themselves say.
    let words = tensors.tensor("codes").ok().and_then(|codes| codes.shape().first().copied()).unwrap_or(0);
    let codes = part("codes", &[Dtype::U8, Dtype::U16], &[words, d])?;
    let thresholds = part("feature_thresholds", &[Dtype::F32], &[c])?;
    Ok(Weights {
        codes: if codes.dtype() == Dtype::U8 {
            Codes::Eight(codes.data().to_vec())
        } else {
            Codes::Sixteen(codes.data().as_chunks::<2>().0.iter().map(|b| u16::from_le_bytes(*b)).collect())
        },
        synapses: short("synapses", &[d, m], unit)?,
        presence: long("presence", m, unit)?,
        bias: long("bias", c, unit)?,
        feature_thresholds: thresholds.data().as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect(),
        output_synapses: short("output_synapses", &[c, o], output_unit)?,
        output_bias: long("output_bias", o, output_unit)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{model::tests::model, network::Readout};

    #[test]
    fn a_saved_model_is_the_same_model() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("deep/er/model");
        let saved = model(Readout::SpikeCount);
        saved.save(&path).expect("saved");
        saved.save(&path).expect("replaced");
        let loaded = Model::load(&path).expect("loaded");
        assert_eq!(loaded.network(), saved.network());
        assert_eq!(loaded.training(), saved.training());
        let texts = ["the film was not good", "bright story"];
        assert_eq!(loaded.predict(&texts), saved.predict(&texts));
        let mut names: Vec<_> = fs::read_dir(&path)
            .expect("list")
            .map(|e| e.expect("entry").file_name().into_string().expect("name"))
            .collect();
        names.sort();
        assert_eq!(names, [MODEL_CARD, CONFIG, WEIGHTS, VOCABULARY]);
        assert_eq!(fs::read_dir(path.parent().expect("parent")).expect("list").count(), 1, "nothing left beside it");
    }

    #[test]
    fn foreign_folders_are_left_alone() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::write(folder.path().join("thesis.tex"), "years of work").expect("written");
        let error = model(Readout::Membrane).save(folder.path()).expect_err("refused").to_string();
        assert!(error.contains("other files"), "{error}");
        assert!(folder.path().join("thesis.tex").exists());
        let file = folder.path().join("thesis.tex");
        let error = model(Readout::Membrane).save(&file).expect_err("refused").to_string();
        assert!(error.contains("which is a file"), "{error}");
        assert_eq!(fs::read(&file).expect("read"), b"years of work");
    }

    /// Damages one file of a good model in many ways; each must be an error that names the file.
    #[test]
    fn damaged_models_are_refused_by_name() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("model");
        model(Readout::Membrane).save(&path).expect("saved");
        type Damage = fn(Vec<u8>) -> Vec<u8>;
        let cases: Vec<(&str, Damage)> = vec![
            (CONFIG, |b| b[..b.len() / 2].to_vec()),
            (CONFIG, |_| b"{}".to_vec()),
            (CONFIG, |_| vec![0xff, 0xfe, 0x00]),
            (CONFIG, |b| swap(b, "\"version\": 1", "\"version\": 9")),
            (CONFIG, |b| swap(b, "\"seed\": 7", "\"seed\": 7, \"sead\": 8")),
            (CONFIG, |b| swap(b, "\"filters\": 9", "\"filters\": 10")),
            (CONFIG, |b| swap(b, "\"dimension\": 12", "\"dimension\": 99999999999")),
            (CONFIG, |b| swap(b, "\"steps\": 6", "\"steps\": 0")),
            (CONFIG, |b| swap(b, "\"perhaps\",", "")),
            (WEIGHTS, |b| b[..b.len() - 1].to_vec()),
            (WEIGHTS, |b| b[..4].to_vec()),
            (WEIGHTS, |_| vec![]),
            (WEIGHTS, |_| vec![0xff; 4096]),
            (WEIGHTS, |b| swap(b, "synapses", "synapsis")),
            (WEIGHTS, |mut b| {
                // The thresholds are the only floats: a NaN pattern over the data part reaches them.
                let n = b.len();
                b[n - 2000..].fill(0xff);
                b
            }),
            (VOCABULARY, |b| b[..b.len() / 2].to_vec()),
            (VOCABULARY, |b| [b, b"good\n".to_vec()].concat()),
        ];
        for (i, (name, damage)) in cases.into_iter().enumerate() {
            let file = path.join(name);
            let good = fs::read(&file).expect("read");
            fs::write(&file, damage(good.clone())).expect("damaged");
            let error = Model::load(&path).expect_err(&format!("case {i}: damaged {name}")).to_string();
            assert!(!error.contains('\n'), "one line: {error}");
            assert!(error.contains(&path.display().to_string()), "case {i} names no file: {error}");
            fs::write(&file, good).expect("mended");
        }
        assert!(Model::load(&path).is_ok());
        fs::remove_file(path.join(WEIGHTS)).expect("removed");
        let error = Model::load(&path).expect_err("missing").to_string();
        assert!(error.contains(WEIGHTS), "{error}");
    }

    /// Replaces the first occurrence of an ASCII string in bytes.
    fn swap(bytes: Vec<u8>, from: &str, to: &str) -> Vec<u8> {
        let at = bytes.windows(from.len()).position(|w| w == from.as_bytes());
        let at = at.unwrap_or_else(|| panic!("no {from}"));
        [&bytes[..at], to.as_bytes(), &bytes[at + from.len()..]].concat()
    }
}
