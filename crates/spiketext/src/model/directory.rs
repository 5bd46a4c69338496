//! The model directory: `config.json`, `model.safetensors`, `vocab.txt`, hashes of the texts that it was made of, and
//! a card for people, `README.md`; beside them, if it was to be kept, the DNN that the network was converted from (see
//! [`crate::dnn`]).
//!
//! `docs/FORMAT.md` says what every field, tensor, unit and bound is. Everything is checked on reading: unknown
//! fields, versions, missing and extra tensors, types, shapes, sizes.

use std::{fs, path::Path, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{
    Model, SeenTexts, TEXTS, Training, card,
    checksums::Checksums,
    tensors::{self, Exponents, FORMAT},
};
use crate::{
    Error, Result,
    dnn::{self, Dnn},
    files::{self, check_name, place_of, write_folder},
    network::{Network, NetworkConfig, TextCnnConfig},
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

/// All that a model directory holds.
const FILES: [&str; 6] = [CONFIG, WEIGHTS, VOCABULARY, TEXTS, MODEL_CARD, dnn::FILE];

const VERSION: u32 = 2;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    format: String,
    version: u32,
    language: Language,
    labels: Vec<String>,
    priors: Vec<f32>,
    /// Of a multi-label model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    thresholds: Option<Vec<f32>>,
    seed: u64,
    network: NetworkConfig,
    /// The units of each layer's whole numbers are 2 to these powers.
    exponents: Exponents,
    /// Of the files beside this one.
    #[serde(default, skip_serializing_if = "Checksums::is_empty")]
    sha256: Checksums,
    training: Training,
}

/// What format 1 said instead.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config1 {
    #[serde(rename = "format")]
    _format: String,
    #[serde(rename = "version")]
    _version: u32,
    language: Language,
    labels: Vec<String>,
    priors: Vec<f32>,
    seed: u64,
    network: TextCnnConfig,
    /// The unit of synapses, presence and biases is 2 to this power.
    synapse_exponent: i32,
    /// The unit of output synapses and biases is 2 to this power.
    output_exponent: i32,
    training: Training,
}

/// Whether [`save`] may write to `folder`: a new one, an empty one, or one that is a model by its own word and holds nothing
/// else. Whether there is a model that would be replaced.
pub(super) fn check_target(folder: &Path) -> Result<bool> {
    let refuse =
        |got: String| Err(Error::invalid("save model", "a new folder, an empty one or a model to replace", got));
    check_name(folder)?;
    let folder = &place_of(folder);
    if !folder.exists() {
        return Ok(false);
    }
    if !folder.is_dir() {
        return refuse(format!("{}, which is a file", folder.display()));
    }
    // The new folder takes the old one's name, which none can whose files nobody may change or that other folders lie
    // on: better said now than after training.
    if is_mount_point(folder) {
        return refuse(format!("{}, on which something is mounted (a folder in it will do)", folder.display()));
    }
    if tempfile::tempfile_in(folder).is_err() {
        return refuse(format!("{}, which cannot be written", folder.display()));
    }
    let mut others = Vec::new();
    let mut empty = true;
    for entry in fs::read_dir(folder).map_err(Error::read(folder))? {
        let entry = entry.map_err(Error::read(folder))?;
        let name = entry.file_name();
        let is_file = entry.file_type().map_err(Error::read(&entry.path()))?.is_file();
        empty = false;
        if !is_file || !FILES.iter().any(|&file| name == file) {
            others.push(name.to_string_lossy().into_owned());
        }
    }
    if empty {
        return Ok(false);
    }
    if !is_model(&folder.join(CONFIG)) {
        return refuse(format!("{}, which holds other files and is no spiketext model", folder.display()));
    }
    others.sort();
    // People may write on the card, and do not want their words lost.
    let card = folder.join(MODEL_CARD);
    let is_as_saved = match (recorded(folder), fs::read(&card)) {
        (Ok(checksums), Ok(bytes)) => checksums.check(&card, &bytes).is_ok(),
        _ => true,
    };
    if others.is_empty() && !is_as_saved {
        return refuse(format!("{}, whose {MODEL_CARD} was changed since the model was saved", folder.display()));
    }
    match others.as_slice() {
        [] => Ok(true),
        [name] => refuse(format!("{}, where {name:?} lies beside the model", folder.display())),
        [name, more @ ..] => {
            refuse(format!("{}, where {name:?} and {} more lie beside the model", folder.display(), more.len()))
        }
    }
}

/// Whether a folder lies on another device than the one it is in.
#[cfg(unix)]
fn is_mount_point(folder: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let device = |path: &Path| fs::metadata(path).map(|metadata| metadata.dev()).ok();
    let above = folder.canonicalize().ok().and_then(|folder| folder.parent().map(Path::to_owned));
    above.is_some_and(|above| device(&above) != device(folder))
}

#[cfg(not(unix))]
fn is_mount_point(_: &Path) -> bool {
    false
}

/// Whether the file says of itself that it describes a model, of whatever version.
fn is_model(config: &Path) -> bool {
    #[derive(Deserialize)]
    struct Header {
        format: String,
    }
    let header = fs::read(config).ok().and_then(|bytes| serde_json::from_slice::<Header>(&bytes).ok());
    header.is_some_and(|header| header.format == FORMAT)
}

pub(super) fn remove_left_over(folder: &Path) -> Result<()> {
    files::remove_left_over(folder, &FILES)
}

pub(super) fn save(model: &Model, dnn: Option<&Dnn>, folder: &Path) -> Result<()> {
    check_target(folder)?;
    let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(parent).map_err(Error::write(parent))?;
    let network = model.network();
    let mut files = vec![
        (WEIGHTS, tensors::to_bytes(network)?),
        (VOCABULARY, model.vocabulary.to_text().into_bytes()),
        (MODEL_CARD, card::write(model, folder).into_bytes()),
    ];
    if let Ok(Some(seen)) = model.seen() {
        files.push((TEXTS, seen.to_bytes()?));
    }
    if let Some(dnn) = dnn {
        files.push((dnn::FILE, dnn.to_bytes()?));
    }
    let config = Config {
        format: FORMAT.into(),
        version: VERSION,
        language: model.language,
        labels: model.labels.clone(),
        priors: model.priors.clone(),
        thresholds: model.thresholds.clone(),
        seed: model.seed,
        network: network.config().clone(),
        exponents: tensors::exponents(network),
        sha256: Checksums::of(files.iter().map(|(name, bytes)| (*name, bytes.as_slice()))),
        training: model.training.clone(),
    };
    let mut json = serde_json::to_vec_pretty(&config)
        .map_err(|error| Error::invalid("save model", "a description that JSON can hold", error.to_string()))?;
    json.push(b'\n');
    files.push((CONFIG, json));
    write_folder(folder, &FILES, |fresh| {
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

/// Reads a model, and again if another one took its place meanwhile: its files are read one after the other.
pub(super) fn load(folder: &Path) -> Result<Model> {
    for _ in 0..3 {
        if let (model, true) = load_once(folder) {
            return model;
        }
    }
    load_once(folder).0
}

/// Reads a model, and says whether the same one was there all the time.
fn load_once(folder: &Path) -> (Result<Model>, bool) {
    let place = place_of(folder);
    let path = place.join(CONFIG);
    match fs::read_to_string(&path) {
        Ok(text) => {
            let model = load_described(&place, &text);
            (model, fs::read(&path).is_ok_and(|again| again == text.as_bytes()))
        }
        Err(error) => (Err(Error::read(&path)(error)), place_of(folder) == place),
    }
}

/// Reads the model of `folder`, whose description is `text`.
fn load_described(folder: &Path, text: &str) -> Result<Model> {
    let path = folder.join(CONFIG);
    /// Read first, so that another version is told from a damaged file.
    #[derive(Deserialize)]
    struct Header {
        format: String,
        version: u32,
    }
    let broken = |error: serde_json::Error| {
        Error::malformed(&path, Some(error.line() as u64), "a spiketext model description", error.to_string())
    };
    let header: Header = serde_json::from_str(text).map_err(broken)?;
    if header.format != FORMAT || !(1..=VERSION).contains(&header.version) {
        return Err(Error::malformed(
            &path,
            None,
            format!("format {FORMAT}, version 1 to {VERSION} (a later one needs a later spiketext)"),
            format!("format {}, version {}", header.format, header.version),
        ));
    }
    let weights_path = folder.join(WEIGHTS);
    let weights_bytes = |checksums: &Checksums| {
        let bytes = fs::read(&weights_path).map_err(Error::read(&weights_path))?;
        checksums.check(&weights_path, &bytes).map(|()| bytes)
    };
    let (config, weights) = if header.version == 1 {
        let old: Config1 = serde_json::from_str(text).map_err(broken)?;
        let network = of_file(&path, old.network.into_network())?;
        of_file(&path, network.check())?;
        let exponents = (old.synapse_exponent, old.output_exponent);
        let checksums = Checksums::default();
        let weights = tensors::read_format_1(&weights_path, &weights_bytes(&checksums)?, &network, exponents)?;
        let config = Config {
            format: header.format,
            version: VERSION,
            language: old.language,
            labels: old.labels,
            priors: old.priors,
            thresholds: None,
            seed: old.seed,
            network,
            exponents: Exponents::new(),
            sha256: checksums,
            training: old.training,
        };
        (config, weights)
    } else {
        let config: Config = serde_json::from_str(text).map_err(broken)?;
        of_file(&path, config.network.check())?;
        let bytes = weights_bytes(&config.sha256)?;
        let weights = tensors::read(&weights_path, &bytes, &config.network, &config.exponents)?;
        (config, weights)
    };
    let config_path = path;
    let path = folder.join(VOCABULARY);
    let words = fs::read_to_string(&path).map_err(Error::read(&path))?;
    config.sha256.check(&path, words.as_bytes())?;
    let vocabulary = Vocabulary::parse(&path, &words)?;
    let network = of_file(&weights_path, Network::new(config.network, weights))?;
    if network.words() != vocabulary.len() {
        let expected = format!("{} words, one for each code in {WEIGHTS}", network.words());
        return Err(Error::malformed(path, None, expected, vocabulary.len().to_string()));
    }
    let (labels, priors) = (config.labels, config.priors);
    let whole: f64 = priors.iter().map(|&prior| f64::from(prior)).sum();
    // A text has one class; it may have any number of several.
    if config.thresholds.is_none() && (whole - 1.0).abs() > 1e-3 {
        return Err(Error::malformed(config_path, None, "priors that sum to 1", whole.to_string()));
    }
    let model = Model::new(config.language, labels, priors, config.seed, vocabulary, network, config.training);
    let model = match config.thresholds {
        Some(thresholds) => model.and_then(|model| model.with_thresholds(thresholds)),
        None => model,
    };
    let model = of_file(&config_path, model)?;
    // The network runs without them.
    Ok(match read_texts(&folder.join(TEXTS), &config.sha256) {
        Ok(Some(seen)) => model.with_seen(seen),
        Ok(None) => model,
        Err(error) => Model { seen: Some(Arc::new(Err(error))), ..model },
    })
}

/// The hashes of the texts that a model was made of. None of an older model, or one whose owner did not want to give
/// them away.
fn read_texts(path: &Path, checksums: &Checksums) -> Result<Option<SeenTexts>> {
    match fs::read(path) {
        Ok(bytes) => checksums.check(path, &bytes).and_then(|()| SeenTexts::of_bytes(path, &bytes)).map(Some),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::read(path)(error)),
    }
}

/// The checksums that the description in `folder` has of the files beside it.
fn recorded(folder: &Path) -> Result<Checksums> {
    /// The one part of a description that is asked for.
    #[derive(Deserialize)]
    struct Recorded {
        #[serde(default)]
        sha256: Checksums,
    }
    let path = folder.join(CONFIG);
    let text = fs::read(&path).map_err(Error::read(&path))?;
    let recorded = serde_json::from_slice(&text).map_err(|error| {
        Error::malformed(&path, Some(error.line() as u64), "a spiketext model description", error.to_string())
    });
    recorded.map(|Recorded { sha256 }| sha256)
}

/// Reads the DNN beside the model in `folder`.
pub(super) fn load_dnn(model: &Model, folder: &Path) -> Result<Dnn> {
    let folder = &place_of(folder);
    let path = folder.join(dnn::FILE);
    let bytes = fs::read(&path).map_err(Error::read(&path))?;
    recorded(folder)?.check(&path, &bytes)?;
    Dnn::from_bytes(&path, &bytes, model.network.config().of_dnn(), model.vocabulary.len())
}

/// Names the file whose content an operation refused.
fn of_file<T>(path: &Path, result: Result<T>) -> Result<T> {
    result.map_err(|error| match error {
        Error::Invalid { expected, got, .. } => Error::malformed(path, None, expected, got),
        other => other,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use spiketext_kernels::{ConvolutionShape, NeuronParameters, text_convolution::Pooling};

    use crate::{
        encode::Encoder,
        engine::tests::random,
        model::tests::{model, model_of},
        network::{Chain, LayerConfig, Padding, Readout, SynapseBits, UnknownWord},
    };

    #[test]
    fn a_saved_model_is_the_same_model() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("deep/er/model");
        let saved = model(Readout::SpikeCount).with_seen(SeenTexts::new(vec![1, 2], vec![3]));
        saved.save(&path).expect("saved");
        saved.save(&path).expect("replaced");
        let loaded = Model::load(&path).expect("loaded");
        assert_eq!(loaded.network(), saved.network());
        assert_eq!(loaded.training(), saved.training());
        assert_eq!(loaded.seen().expect("sound"), saved.seen().expect("sound"));
        let texts = ["the film was not good", "bright story"];
        assert_eq!(loaded.predict(&texts), saved.predict(&texts));
        let mut names: Vec<_> = fs::read_dir(&path)
            .expect("list")
            .map(|e| e.expect("entry").file_name().into_string().expect("name"))
            .collect();
        names.sort();
        assert_eq!(names, [MODEL_CARD, CONFIG, WEIGHTS, TEXTS, VOCABULARY]);
        fs::remove_file(path.join(TEXTS)).expect("removed");
        assert_eq!(Model::load(&path).expect("as older models are").seen().expect("none"), None);
        assert_eq!(fs::read_dir(path.parent().expect("parent")).expect("list").count(), 1, "nothing left beside it");
    }

    /// A network of each form, with its layers under these paths in the files.
    fn chains() -> Vec<(NetworkConfig, Vec<&'static str>)> {
        let neuron = NeuronParameters::paper();
        let text = |widths: &[usize]| LayerConfig::TextConvolution {
            shape: ConvolutionShape { widths: widths.to_vec(), filters: 6, dimension: 12 },
            neuron,
        };
        let convolution = |filters| LayerConfig::Convolution { width: 3, filters, neuron };
        let read = |read| LayerConfig::Readout { classes: 3, outputs_per_class: 2, read, neuron };
        let block = |layers: &[LayerConfig]| LayerConfig::Residual { layers: layers.to_vec() };
        let deep = vec![
            text(&[3]),
            block(&[convolution(4), convolution(6)]),
            block(&[convolution(6)]),
            LayerConfig::Pooling,
            LayerConfig::Neurons { neuron },
            LayerConfig::Dense { neurons: 5, neuron },
            read(Readout::SpikeCount),
        ];
        let direct = vec![text(&[2, 4]), LayerConfig::Pooling, read(Readout::Membrane)];
        let of = |layers: Vec<LayerConfig>, synapse_bits| NetworkConfig {
            steps: 8,
            encoder: Encoder::Regular,
            unknown: UnknownWord::Silent,
            padding: Padding::Padded { length: 7 },
            synapse_bits,
            vector_dimension: None,
            chain: Chain::new(layers).expect("a chain"),
        };
        vec![
            (of(deep.clone(), SynapseBits::Sixteen), vec!["0", "1.0", "1.1", "2.0", "5", "6"]),
            (of(direct.clone(), SynapseBits::Sixteen), vec!["0", "2"]),
            (of(deep, SynapseBits::Eight), vec!["0", "1.0", "1.1", "2.0", "5", "6"]),
            (of(direct, SynapseBits::Eight), vec!["0", "2"]),
        ]
    }

    #[test]
    fn chains_of_every_form_come_back_as_they_were() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for (i, (network, paths)) in chains().into_iter().enumerate() {
            let path = folder.path().join(i.to_string());
            let saved = model_of(random(network, 5));
            saved.save(&path).expect("saved");
            let loaded = Model::load(&path).expect("loaded");
            assert_eq!(loaded.network(), saved.network(), "chain {i}");
            let texts = ["the film was not good", "bright story", "good"];
            assert_eq!(loaded.predict(&texts), saved.predict(&texts), "chain {i}");
            let text = fs::read_to_string(path.join(CONFIG)).expect("a description");
            let config: Config = serde_json::from_str(&text).expect("a description");
            assert_eq!(config.exponents.keys().collect::<Vec<_>>(), paths, "chain {i}");
            // Bytes follow from the model alone.
            let bytes = fs::read(path.join(WEIGHTS)).expect("weights");
            assert_eq!(tensors::to_bytes(loaded.network()).expect("bytes"), bytes, "chain {i}");
        }
    }

    /// Sizes that are sound one by one, but whose product would take gigabytes, and layers that do not fit.
    #[test]
    fn hostile_descriptions_are_refused_by_name() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("model");
        let (network, _) = chains().swap_remove(0);
        model_of(random(network, 5)).save(&path).expect("saved");
        let file = path.join(CONFIG);
        let good = fs::read_to_string(&file).expect("a description");
        for (from, to, told) in [
            ("\"length\": 7", "\"length\": 1048576", "padded tokens"),
            ("\"steps\": 8", "\"steps\": 4097", "time steps"),
            (
                "\"steps\": 8,\n    \"encoder\": \"regular\"",
                "\"steps\": 12,\n    \"encoder\": \"phase\"",
                "whole periods of 8",
            ),
            ("\"length\": 7", "\"length\": 1048577", "padded length"),
            ("\"length\": 7", "\"length\": 18446744073709551615", "padded length"),
            ("\"filters\": 4", "\"filters\": 5", "1.0.synapses"),
            ("\"filters\": 4", "\"filters\": 99999", "filters"),
            ("\"neurons\": 5", "\"neurons\": 0", "neurons"),
            ("\"classes\": 3", "\"classes\": 99999999", "classes"),
            ("\"kind\": \"dense\"", "\"kind\": \"denser\"", "denser"),
            ("\"kind\": \"pooling\"", "\"kind\": \"pooling\", \"width\": 3", "unknown field `width`"),
            ("\"kind\": \"padded\"", "\"kind\": \"valid\"", "unknown field `length`"),
            ("\"1.1\":", "\"1.7\":", "layer 1.7"),
            ("\"1.1\": -", "\"1.1\": -9", "exponents from -100 to 100"),
            ("\"exponents\": {", "\"exponents\": {\"3\": 0,", "layer 3"),
            ("\"synapse_bits\": \"16\"", "\"synapse_bits\": \"8\"", "synapses"),
            ("\"synapse_bits\": \"16\"", "\"synapse_bits\": \"5\"", "unknown variant"),
        ] {
            let bad = good.replacen(from, to, 1);
            assert_ne!(bad, good, "{from}");
            fs::write(&file, bad).expect("damaged");
            let error = Model::load(&path).map(|_| ()).expect_err(to).to_string();
            assert!(error.contains(&path.display().to_string()) && error.contains(told), "{to}: {error}");
        }
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

    #[test]
    fn only_a_model_and_nothing_beside_it_is_replaced() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let saved = model(Readout::Membrane);
        let refused = |path: &Path, told: &str| {
            let names = || {
                let entries = fs::read_dir(path).expect("list").map(|entry| entry.expect("entry").file_name());
                entries.collect::<std::collections::BTreeSet<_>>()
            };
            let before = names();
            let error = saved.save(path).expect_err(told).to_string();
            assert!(error.contains(told), "{error}");
            assert_eq!(names(), before);
        };
        // Someone else's project, whose description happens to have the name of ours.
        let project = folder.path().join("project");
        for config in ["{}", "no JSON", "{\"format\": \"another\"}", "{\"format\": 1}"] {
            fs::create_dir_all(project.join("src")).expect("made");
            fs::write(project.join(CONFIG), config).expect("written");
            fs::write(project.join(MODEL_CARD), "ours").expect("written");
            refused(&project, "no spiketext model");
        }
        let path = folder.path().join("model");
        assert!(!Model::check_target(&path).expect("new"));
        saved.save(&path).expect("saved");
        assert!(Model::check_target(&path).expect("a model"));
        fs::write(path.join("note.txt"), "mine").expect("written");
        refused(&path, "\"note.txt\" lies beside the model");
        fs::create_dir(path.join("figures")).expect("made");
        refused(&path, "\"figures\" and 1 more lie beside");
        fs::remove_dir(path.join("figures")).expect("removed");
        fs::remove_file(path.join("note.txt")).expect("removed");
        // A folder that has the name of a file of a model.
        fs::create_dir(path.join(dnn::FILE)).expect("made");
        refused(&path, dnn::FILE);
        fs::remove_dir(path.join(dnn::FILE)).expect("removed");
        saved.save(&path).expect("replaced");
        let card = path.join(MODEL_CARD);
        let text = fs::read_to_string(&card).expect("a card");
        fs::write(&card, format!("{text}Asked for by Ada.\n")).expect("written");
        refused(&path, "README.md was changed");
        fs::write(&card, text).expect("mended");
        saved.save(&path).expect("replaced");
        fs::remove_file(&card).expect("removed");
        saved.save(&path).expect("replaced");
    }

    /// Takes the checksums out of a description, as older programs wrote it: what they would tell is then found otherwise.
    fn without_checksums(folder: &Path) {
        let file = folder.join(CONFIG);
        let text = fs::read_to_string(&file).expect("a description");
        let mut config: Config = serde_json::from_str(&text).expect("a description");
        config.sha256 = Checksums::default();
        let json = serde_json::to_string_pretty(&config).expect("JSON");
        assert!(!json.contains("sha256"));
        fs::write(&file, json).expect("written");
    }

    /// Files that are sound, but of another model.
    #[test]
    fn files_of_two_models_are_told_from_one() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("model");
        let dnn = dnn::tests::dnn(model(Readout::Membrane).network().config().clone(), Pooling::Average);
        let saved = model(Readout::Membrane).with_seen(SeenTexts::new(vec![1], vec![2]));
        saved.save_with_dnn(&dnn, &path).expect("saved");
        let reverse = |bytes: &[u8]| {
            let text = std::str::from_utf8(bytes).expect("words");
            text.lines().rev().flat_map(|word| [word, "\n"]).collect::<String>().into_bytes()
        };
        let words = fs::read(path.join(VOCABULARY)).expect("read");
        fs::write(path.join(VOCABULARY), reverse(&words)).expect("written");
        let error = Model::load(&path).expect_err("other words").to_string();
        assert!(error.contains(VOCABULARY) && error.contains("another model's"), "{error}");
        fs::write(path.join(VOCABULARY), &words).expect("mended");
        // What nothing needs to run the model does not keep it from running.
        let mut bytes = fs::read(path.join(TEXTS)).expect("read");
        *bytes.last_mut().expect("bytes") ^= 1;
        fs::write(path.join(TEXTS), bytes).expect("written");
        let loaded = Model::load(&path).expect("a model");
        let error = loaded.seen().expect_err("other texts").to_string();
        assert!(error.contains(TEXTS) && error.contains("another model's"), "{error}");
        loaded.load_dnn(&path).expect("its DNN");
        let mut bytes = fs::read(path.join(dnn::FILE)).expect("read");
        *bytes.last_mut().expect("bytes") ^= 1;
        fs::write(path.join(dnn::FILE), bytes).expect("written");
        let error = loaded.load_dnn(&path).expect_err("another DNN").to_string();
        assert!(error.contains(dnn::FILE) && error.contains("another model's"), "{error}");
        without_checksums(&path);
        let older = Model::load(&path).expect("as older models are");
        assert!(older.seen().expect("unchecked").is_some() && older.load_dnn(&path).is_ok());
    }

    /// Damages one file of a good model in many ways; each must be an error that names the file.
    #[test]
    fn damaged_models_are_refused_by_name() {
        for checked in [true, false] {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let path = folder.path().join("model");
            model(Readout::Membrane).save(&path).expect("saved");
            if !checked {
                without_checksums(&path);
            }
            refuses_damage(&path);
        }
    }

    fn refuses_damage(path: &Path) {
        type Damage = fn(Vec<u8>) -> Vec<u8>;
        let cases: Vec<(&str, Damage)> = vec![
            (CONFIG, |b| b[..b.len() / 2].to_vec()),
            (CONFIG, |_| b"{}".to_vec()),
            (CONFIG, |_| vec![0xff, 0xfe, 0x00]),
            (CONFIG, |b| swap(b, "\"version\": 2", "\"version\": 9")),
            (CONFIG, |b| swap(b, "\"seed\": 7", "\"seed\": 7, \"sead\": 8")),
            (CONFIG, |b| swap(b, "\"filters\": 9", "\"filters\": 10")),
            (CONFIG, |b| swap(b, "\"dimension\": 12", "\"dimension\": 99999999999")),
            (CONFIG, |b| swap(b, "\"steps\": 6", "\"steps\": 0")),
            (CONFIG, |b| swap(b, "\"perhaps\",", "")),
            (CONFIG, |b| swap(b, "\"perhaps\",", "\"\",")),
            (CONFIG, |b| swap(b, "\"perhaps\",", "\"no\",")),
            (CONFIG, |b| swap(b, "\"priors\": [\n    0.25", "\"priors\": [\n    0.5")),
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
            let error = Model::load(path).expect_err(&format!("case {i}: damaged {name}")).to_string();
            assert!(!error.contains('\n'), "one line: {error}");
            assert!(error.contains(&path.display().to_string()), "case {i} names no file: {error}");
            fs::write(&file, good).expect("mended");
        }
        assert!(Model::load(path).is_ok());
        fs::remove_file(path.join(WEIGHTS)).expect("removed");
        let error = Model::load(path).expect_err("missing").to_string();
        assert!(error.contains(WEIGHTS), "{error}");
    }

    /// Replaces the first occurrence of an ASCII string in bytes.
    fn swap(bytes: Vec<u8>, from: &str, to: &str) -> Vec<u8> {
        let at = bytes.windows(from.len()).position(|w| w == from.as_bytes());
        let at = at.unwrap_or_else(|| panic!("no {from}"));
        [&bytes[..at], to.as_bytes(), &bytes[at + from.len()..]].concat()
    }
}
