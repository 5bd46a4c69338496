//! The main job: data and word vectors in, a measured spiking classifier out.

use std::{
    path::{Path, PathBuf},
    time::Instant,
};

use sha2::{Digest, Sha256};
use spiketext::{
    Error, Result,
    data::{Dataset, Split},
    dnn::Dnn,
    encode::Noise,
    model::{Accuracies, Adversarial, Costs, Model, Training},
    text::Language,
};

use crate::{
    events::{Event, Observer, Phase},
    fine_tune::accuracy,
    network::network_config,
    prepare::{PreparedData, VectorSource, prepare},
    recipe::Recipe,
    schedule::Checkpoint,
    steps::{Converted, Measurement, Saving, TrainedDnn, fine_tune, original_recipe},
    store::Store,
};

/// The checkpoint's file name in its folder.
pub const CHECKPOINT: &str = "checkpoint.safetensors";

/// What a run is told beside data, words and recipe.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The seed of every random choice.
    pub seed: u64,
    /// The language of the texts, if it is not to be found from their script.
    pub language: Option<Language>,
    /// A folder for a checkpoint after each epoch; none is written without.
    pub checkpoints: Option<PathBuf>,
    /// Take up the checkpoint in that folder, if there is one.
    pub resume: bool,
    /// Train the original TextCNN (maximum pooling, with biases) too, for comparison.
    pub original: bool,
    /// What is known of adversarial examples among the training texts, for the report.
    pub adversarial: Option<Adversarial>,
}

/// Trains, converts, fine-tunes and measures.
///
/// # Errors
/// As [`train_both`].
pub fn train(
    dataset: &Dataset,
    vectors: &VectorSource,
    recipe: &Recipe,
    options: &Options,
    observer: &mut Observer<'_>,
) -> Result<Model> {
    train_both(dataset, vectors, recipe, options, observer).map(|(model, _)| model)
}

/// The same, with the DNN that the network was converted from.
///
/// # Errors
/// If the data set lacks a part or a second class, vectors cannot be read, a choice cannot be, a checkpoint does not belong to this run or cannot be written, or
/// training leaves the finite numbers.
pub fn train_both(
    dataset: &Dataset,
    vectors: &VectorSource,
    recipe: &Recipe,
    options: &Options,
    observer: &mut Observer<'_>,
) -> Result<(Model, Dnn)> {
    let started = Instant::now();
    recipe.check()?;
    check(dataset)?;
    if !recipe.dnn.pooling.converts() {
        return Err(Error::invalid(
            "train",
            "dnn.pooling = \"average\" or \"bounded\" (spikes cannot compute a maximum over positions; --original trains such a network \
             beside)",
            "\"maximum\"",
        ));
    }
    let prepared = prepare(dataset, options.language, vectors, &recipe.words, options.seed)?;
    observer(&Event::Prepared {
        train: prepared.train.len(),
        development: prepared.development.len(),
        test: prepared.test.len(),
        classes: dataset.labels.len(),
        language: prepared.language.name().to_owned(),
        vectors: prepared.vectors.clone(),
        words: prepared.vocabulary.len(),
        dimension: prepared.dimension,
        unknown_share: prepared.unknown_share,
    });
    let config = network_config(recipe, prepared.dimension, dataset.labels.len())?;
    let fingerprint = fingerprint(dataset, &prepared, recipe, options.seed);
    let path = options.checkpoints.as_ref().map(|folder| folder.join(CHECKPOINT));
    let found = match &path {
        Some(path) if options.resume => found_checkpoint(path, &fingerprint)?,
        _ => None,
    };
    let checkpoint = path.as_ref().map(|path| Checkpoint { path, fingerprint: &fingerprint });
    let phase_of = |store: &&Store, phase: Phase| store.text("phase") == Some(phase.name());

    // A checkpoint of the later phase carries the finished DNN, so that conversion can be done again.
    let trained = match found.as_ref().filter(|store| phase_of(store, Phase::FineTuning)) {
        Some(store) => TrainedDnn::from_store(recipe, &config, &prepared, options.seed, &store.part("dnn."))?,
        None => {
            let resume = found.as_ref().filter(|store| phase_of(store, Phase::Dnn));
            let saving = Saving { checkpoint, resume };
            TrainedDnn::train(recipe, &config, &prepared, options.seed, Phase::Dnn, saving, observer)?
        }
    };
    let dnn_history = trained.history;
    let converted = Converted::of(recipe, &config, &prepared, &trained.network.weights(), options.seed, observer)?;
    let extremes = converted.extremes;
    let resume = found.as_ref().filter(|store| phase_of(store, Phase::FineTuning));
    let carry = trained.to_store().prefixed("dnn.");
    let saving = Saving { checkpoint, resume };
    let (network, history) = fine_tune(
        recipe,
        &converted,
        dnn_history.best_accuracy,
        &prepared,
        options.seed,
        saving,
        Some(&carry),
        observer,
    )?;

    let original = if options.original {
        let recipe = original_recipe(recipe);
        let saving = Saving::default();
        let original =
            TrainedDnn::train(&recipe, &config, &prepared, options.seed, Phase::Original, saving, observer)?;
        Some(100.0 * original.network.accuracy(&prepared.test))
    } else {
        None
    };

    let noise = Noise::inference(options.seed);
    let measured = Measurement::of(&network, &prepared, options.seed);
    let percent = |share: f64| 100.0 * share;
    let training = Training {
        program: format!("spiketext {}", env!("CARGO_PKG_VERSION")),
        dataset: dataset.name.clone(),
        source: dataset.source.clone(),
        texts: [prepared.train.len(), prepared.development.len(), prepared.test.len()],
        vectors: prepared.vectors.clone(),
        recipe: recipe.name.clone(),
        choices: recipe.to_toml(),
        seed: options.seed,
        dnn_epochs: [dnn_history.epochs, dnn_history.best_epoch],
        fine_tuning_epochs: [history.epochs, history.best_epoch],
        development: Accuracies {
            dnn: percent(dnn_history.best_accuracy),
            converted: percent(converted.development_accuracy),
            snn: percent(history.best_accuracy),
        },
        test: Accuracies {
            dnn: percent(trained.network.accuracy(&prepared.test)),
            converted: percent(accuracy(&converted.network, noise, &prepared, &prepared.test)),
            snn: percent(measured.accuracy),
        },
        original,
        adversarial: options.adversarial.clone(),
        unknown_share: prepared.unknown_share,
        extremes,
        costs: Costs::of(&measured.firing, &measured.operations),
        seconds: started.elapsed().as_secs_f64(),
    };
    let dnn = trained.network.weights().into_dnn(&config, recipe.dnn.pooling)?;
    let model = Model::new(
        prepared.language,
        dataset.labels.clone(),
        prepared.priors.clone(),
        options.seed,
        prepared.vocabulary.clone(),
        network,
        training,
    )?;
    Ok((model, dnn))
}

/// Refuses what cannot be trained on. The readers of [`spiketext::data`] let none of it through; a data set put together
/// by hand may hold it.
///
/// # Errors
/// If there are fewer than two classes, a part has no texts, or a text has a class that is not there.
pub fn check(dataset: &Dataset) -> Result<()> {
    let classes = dataset.labels.len();
    if classes < 2 {
        return Err(Error::invalid("train", "texts of two classes or more", classes.to_string()));
    }
    for (part, name) in [(Split::Train, "training"), (Split::Development, "development"), (Split::Test, "test")] {
        let examples = dataset.part(part);
        if examples.is_empty() {
            return Err(Error::invalid("train", format!("{name} texts"), "none"));
        }
        if let Some(example) = examples.iter().find(|example| !example.target.fits(classes)) {
            let got = format!("{} for a {name} text", example.target.class());
            return Err(Error::invalid("train", format!("a class from 0 to {}", classes - 1), got));
        }
    }
    Ok(())
}

/// A hash of everything that decides the result.
fn fingerprint(dataset: &Dataset, prepared: &PreparedData, recipe: &Recipe, seed: u64) -> String {
    let mut hash = Sha256::new();
    hash.update(recipe.to_toml());
    hash.update(seed.to_le_bytes());
    for part in [Split::Train, Split::Development, Split::Test] {
        for example in dataset.part(part) {
            hash.update(example.text.as_bytes());
            hash.update([0]);
            hash.update(example.target.class().to_le_bytes());
        }
        hash.update([1]);
    }
    for rate in &prepared.rates {
        hash.update(rate.to_le_bytes());
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The checkpoint at `path`, if there is one.
fn found_checkpoint(path: &Path, fingerprint: &str) -> Result<Option<Store>> {
    if !path.exists() {
        return Ok(None);
    }
    let store = Store::read(path)?;
    if store.text("fingerprint") != Some(fingerprint) {
        return Err(Error::malformed(
            path,
            None,
            "a checkpoint of this data, recipe and seed",
            "one of another run; choose another --out, or start without --resume",
        ));
    }
    Ok(Some(store))
}
