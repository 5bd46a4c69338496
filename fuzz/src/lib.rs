//! What the fuzz targets share: files of their bytes, and a small model whose files they replace.

use std::{io::Write, path::Path};

use spiketext::{
    encode::Encoder,
    model::{Model, Training},
    network::{Codes, LayerWeights, Network, Padding, Readout, SynapseBits, TextCnnConfig, UnknownWord, Weights},
    text::{Language, Vocabulary},
};
use spiketext_kernels::{ConvolutionShape, NeuronParameters};

/// A temporary file of `bytes` whose name ends in `name`; it goes away with the value.
pub fn file(name: &str, bytes: &[u8]) -> tempfile::NamedTempFile {
    let mut file = tempfile::Builder::new().suffix(name).tempfile().expect("a temporary file");
    file.write_all(bytes).expect("written");
    file
}

/// Lets those panics go by that the library catches and turns into errors; all others end the run as before.
pub fn pass_over_caught_panics() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |information| {
        if !spiketext::data::catches_panics() {
            usual(information);
        }
    }));
}

/// A model of three words and two classes.
pub fn model() -> Model {
    let neuron = NeuronParameters::paper();
    let config = TextCnnConfig {
        convolution: ConvolutionShape { widths: vec![1, 2], filters: 2, dimension: 3 },
        classes: 2,
        outputs_per_class: 1,
        steps: 2,
        encoder: Encoder::Regular,
        unknown: UnknownWord::Silent,
        padding: Padding::Valid,
        readout: Readout::SpikeCount,
        convolution_neuron: neuron,
        feature_neuron: Some(neuron),
        output_neuron: neuron,
        synapse_bits: SynapseBits::Sixteen,
    };
    let convolution = LayerWeights {
        synapses: (0..18).map(|i| i as f32 / 8.0 - 1.0).collect(),
        presence: vec![0.25; 6],
        bias: vec![0.5; 4],
        ..LayerWeights::default()
    };
    let features = LayerWeights { thresholds: vec![0.5; 4], ..LayerWeights::default() };
    let output = LayerWeights {
        synapses: (0..8).map(|i| 1.0 - i as f32 / 4.0).collect(),
        bias: vec![0.0; 2],
        ..LayerWeights::default()
    };
    let weights = Weights {
        codes: Codes::Eight((0..9).map(|i| i * 28).collect()),
        layers: vec![convolution, LayerWeights::default(), features, output],
    };
    let training = Training { program: "fuzz".into(), ..Training::default() };
    let words = ["good", "bad", "film"].map(str::to_owned).to_vec();
    Model::new(
        Language::English,
        vec!["negative".into(), "positive".into()],
        vec![0.5, 0.5],
        1,
        Vocabulary::from_words(words).expect("words"),
        Network::new(config.into_network().expect("a chain"), weights).expect("a network"),
        training,
    )
    .expect("a model")
}

/// Saves [`model`] as programs did that wrote no checksums.
pub fn save_without_checksums(folder: &Path) {
    model().save(folder).expect("saved");
    let path = folder.join(spiketext::model::CONFIG);
    let text = std::fs::read(&path).expect("a description");
    let mut config: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(&text).expect("an object");
    config.remove("sha256").expect("checksums");
    std::fs::write(&path, serde_json::to_vec_pretty(&config).expect("JSON")).expect("written");
}

/// The files of a model that a target may replace; the first byte of its input chooses one.
pub const MODEL_FILES: [&str; 3] =
    [spiketext::model::CONFIG, spiketext::model::WEIGHTS, spiketext::model::VOCABULARY];

/// The names under which the data target writes its file; the first byte of its input chooses one. The last has no
/// extension that says anything, so that the content must tell.
pub const DATA_NAMES: [&str; 6] = ["a.csv", "a.tsv", "a.jsonl", "a.parquet", "a.txt", "a"];

/// A very small training run with a checkpoint folder.
#[cfg(feature = "train")]
pub fn train(folder: &Path, resume: bool) -> spiketext::Result<Model> {
    use spiketext::data::Dataset;
    use spiketext_train::{Options, Recipe, VectorSource};

    let rows: String = (0..12)
        .flat_map(|i| ["train", "dev", "test"].map(|part| format!("{part},{},good bad film {i}\n", i % 2)))
        .collect();
    let data = file("data.csv", format!("split,label,text\n{rows}").as_bytes());
    let mut dataset = Dataset::from_files(&[data.path()], None, &Default::default())?;
    // The temporary name must not show.
    dataset.name = "fuzz".into();
    dataset.source = "fuzz".into();
    let mut recipe = Recipe::lean();
    recipe.network.widths = vec![1, 2];
    recipe.network.filters = 2;
    recipe.network.steps = 2;
    recipe.words.random_dimension = 3;
    recipe.dnn.epochs = 2.into();
    recipe.fine_tuning.epochs = 2.into();
    let options = Options { seed: 1, checkpoints: Some(folder.to_owned()), resume, ..Options::default() };
    spiketext_train::train(&dataset, &VectorSource::Random, &recipe, &options, &mut |_| {})
}

/// Where seeds of a target go.
pub fn corpus(target: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target)
}
