//! The main job: data and word vectors in, a measured spiking classifier out.

use std::{
    path::{Path, PathBuf},
    time::Instant,
};

use sha2::{Digest, Sha256};
use spiketext::{
    Error, Result,
    data::{Dataset, Split},
    encode::Noise,
    engine::{self, Operations},
    model::{Accuracies, Costs, Model, Training},
    network::Specification,
    text::Language,
};
use spiketext_kernels::{ConvolutionShape, NeuronParameters, text_convolution::Pooling};

use crate::{
    convert::{calibration_texts, convert},
    dnn::TextCnn,
    events::{Event, Observer, Phase},
    fine_tune::{SpikingTextCnn, accuracy},
    prepare::{Prepared, VectorSource, prepare},
    recipe::Recipe,
    schedule::{Checkpoint, Course, Schedule},
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
}

/// Trains, converts, fine-tunes and measures.
///
/// # Errors
/// If the data set lacks a part or a second class, vectors cannot be read, a choice cannot be, a checkpoint does not belong to this run or cannot be written, or
/// training leaves the finite numbers.
pub fn train(
    dataset: &Dataset,
    vectors: &VectorSource,
    recipe: &Recipe,
    options: &Options,
    observer: &mut Observer<'_>,
) -> Result<Model> {
    let started = Instant::now();
    recipe.check()?;
    check(dataset)?;
    if recipe.dnn.pooling == Pooling::Maximum {
        return Err(Error::invalid(
            "train",
            "dnn.pooling = \"average\" (spikes cannot compute a maximum over positions; --original trains such a network \
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
    let specification = specification(recipe, prepared.dimension, dataset.labels.len());
    specification.check()?;
    let fingerprint = fingerprint(dataset, &prepared, recipe, options.seed);
    let path = options.checkpoints.as_ref().map(|folder| folder.join(CHECKPOINT));
    let found = match &path {
        Some(path) if options.resume => found_checkpoint(path, &fingerprint)?,
        _ => None,
    };
    let checkpoint = path.as_ref().map(|path| Checkpoint { path, fingerprint: &fingerprint });
    let phase_of = |store: &&Store, phase: Phase| store.text("phase") == Some(phase.name());

    let mut dnn = TextCnn::new(recipe, &specification, &prepared, options.seed);
    let schedule = Schedule {
        phase: Phase::Dnn,
        epochs: recipe.dnn.epochs,
        patience: recipe.dnn.patience,
        batch: recipe.dnn.batch,
        cosine: recipe.dnn.cosine,
        seed: options.seed,
    };
    // A checkpoint of the later phase carries the finished DNN, so that conversion can be done again.
    let (dnn_course, dnn_part) = match found.as_ref().filter(|store| phase_of(store, Phase::FineTuning)) {
        Some(store) => {
            let part = store.part("dnn.");
            crate::schedule::Trainee::load(&mut dnn, "", &part)?;
            (course_from(&part), part)
        }
        None => {
            let resume = found.as_ref().filter(|store| phase_of(store, Phase::Dnn));
            let course = schedule.run(&mut dnn, &prepared.train, false, checkpoint, None, resume, observer)?;
            let mut part = Store::default();
            crate::schedule::Trainee::save_values(&dnn, "", &mut part);
            course_into(&course, &mut part);
            (course, part)
        }
    };

    let calibration = calibration_texts(&recipe.conversion, &prepared.train);
    let converted = convert(recipe, &specification, &dnn.weights(), &calibration)?;
    let noise = Noise::inference(options.seed);
    let words = |texts: &[&crate::prepare::Encoded]| texts.iter().map(|text| text.words.clone()).collect::<Vec<_>>();
    let extremes = engine::run(&converted, noise, &words(&calibration)).firing.extremes();
    let converted_development = accuracy(&converted, noise, &prepared, &prepared.development);
    observer(&Event::Converted { development_accuracy: 100.0 * converted_development, extremes });
    for (layer, neurons) in [("convolution channels", extremes.convolution), ("features", extremes.features)] {
        let odd = neurons.dead + neurons.saturated;
        if odd * 5 > neurons.neurons {
            observer(&Event::Note {
                message: format!(
                    "of {} {layer}, {} never fire and {} always fire on the calibration texts: another \
                     conversion.normalisation may serve better",
                    neurons.neurons, neurons.dead, neurons.saturated
                ),
            });
        }
    }

    let mut snn = SpikingTextCnn::new(recipe, &converted, &prepared, options.seed);
    let schedule = Schedule {
        phase: Phase::FineTuning,
        epochs: recipe.fine_tuning.epochs,
        patience: recipe.fine_tuning.patience,
        batch: recipe.fine_tuning.batch,
        cosine: recipe.fine_tuning.cosine,
        seed: options.seed,
    };
    let resume = found.as_ref().filter(|store| phase_of(store, Phase::FineTuning));
    let carry = dnn_part.prefixed("dnn.");
    let course = schedule.run(&mut snn, &prepared.train, true, checkpoint, Some(&carry), resume, observer)?;
    let network = if course.best_epoch == 0 { converted.clone() } else { snn.network()? };
    if course.best_epoch == 0 && course.epochs > 0 {
        observer(&Event::Note {
            message: "fine-tuning did not improve the development accuracy: the converted weights are kept".into(),
        });
    }

    let original = if options.original {
        Some(100.0 * original_accuracy(recipe, &specification, &prepared, options.seed, observer)?)
    } else {
        None
    };

    let mut firing = None;
    let mut operations = Vec::new();
    let snn_test = prepared.accuracy(&specification, &prepared.test, |words| {
        let run = engine::run(&network, noise, words);
        operations = run.operations;
        firing = Some(run.firing);
        run.labels
    });
    // A text without a known word costs nothing, and counts among the texts.
    operations.resize(prepared.test.len(), Operations::default());
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
        dnn_epochs: [dnn_course.epochs, dnn_course.best_epoch],
        fine_tuning_epochs: [course.epochs, course.best_epoch],
        development: Accuracies {
            dnn: percent(dnn_course.best_accuracy),
            converted: percent(converted_development),
            snn: percent(course.best_accuracy),
        },
        test: Accuracies {
            dnn: percent(dnn.accuracy(&prepared.test)),
            converted: percent(accuracy(&converted, noise, &prepared, &prepared.test)),
            snn: percent(snn_test),
        },
        original,
        unknown_share: prepared.unknown_share,
        extremes,
        costs: firing.map(|firing| Costs::of(&firing, &operations)).unwrap_or_default(),
        seconds: started.elapsed().as_secs_f64(),
    };
    Model::new(
        prepared.language,
        dataset.labels.clone(),
        prepared.priors,
        options.seed,
        prepared.vocabulary,
        network,
        training,
    )
}

/// Trains the original TextCNN (Kim 2014: maximum pooling, with biases) on the same words by the same recipe, and returns
/// its accuracy on the test texts. It is short beside the main run and has no checkpoint of its own.
fn original_accuracy(
    recipe: &Recipe,
    specification: &Specification,
    prepared: &Prepared,
    seed: u64,
    observer: &mut Observer<'_>,
) -> Result<f64> {
    let mut recipe = recipe.clone();
    recipe.dnn.pooling = Pooling::Maximum;
    recipe.network.biases = true;
    let mut network = TextCnn::new(&recipe, specification, prepared, seed);
    let schedule = Schedule {
        phase: Phase::Original,
        epochs: recipe.dnn.epochs,
        patience: recipe.dnn.patience,
        batch: recipe.dnn.batch,
        cosine: recipe.dnn.cosine,
        seed,
    };
    schedule.run(&mut network, &prepared.train, false, None, None, None, observer)?;
    Ok(network.accuracy(&prepared.test))
}

/// The network that a recipe describes, for words of `dimension` rates and `classes` classes.
#[must_use]
pub fn specification(recipe: &Recipe, dimension: usize, classes: usize) -> Specification {
    let choices = &recipe.network;
    let neuron = NeuronParameters {
        beta: choices.beta,
        threshold: choices.threshold,
        initial: choices.initial,
        reset: choices.reset,
        detach_reset: choices.detach_reset,
        surrogate: choices.surrogate,
    };
    Specification {
        convolution: ConvolutionShape { widths: choices.widths.clone(), filters: choices.filters, dimension },
        classes,
        outputs_per_class: choices.outputs_per_class,
        steps: choices.steps,
        encoder: choices.encoder,
        unknown: recipe.words.unknown,
        averaging: choices.averaging,
        readout: choices.readout,
        convolution_neuron: neuron,
        feature_neuron: neuron,
        output_neuron: neuron,
    }
}

/// Refuses what cannot be trained on. The readers of [`spiketext::data`] let none of it through; a data set put together
/// by hand may hold it.
fn check(dataset: &Dataset) -> Result<()> {
    let classes = dataset.labels.len();
    if classes < 2 {
        return Err(Error::invalid("train", "texts of two classes or more", classes.to_string()));
    }
    for (part, name) in [(Split::Train, "training"), (Split::Development, "development"), (Split::Test, "test")] {
        let examples = dataset.part(part);
        if examples.is_empty() {
            return Err(Error::invalid("train", format!("{name} texts"), "none"));
        }
        if let Some(example) = examples.iter().find(|example| example.label >= classes) {
            let got = format!("{} for a {name} text", example.label);
            return Err(Error::invalid("train", format!("a class from 0 to {}", classes - 1), got));
        }
    }
    Ok(())
}

/// A hash of everything that decides the result.
fn fingerprint(dataset: &Dataset, prepared: &Prepared, recipe: &Recipe, seed: u64) -> String {
    let mut hash = Sha256::new();
    hash.update(recipe.to_toml());
    hash.update(seed.to_le_bytes());
    for part in [Split::Train, Split::Development, Split::Test] {
        for example in dataset.part(part) {
            hash.update(example.text.as_bytes());
            hash.update([0]);
            hash.update(example.label.to_le_bytes());
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

fn course_into(course: &Course, part: &mut Store) {
    part.put_number("best-accuracy".into(), course.best_accuracy.to_bits());
    part.put_number("best-epoch".into(), course.best_epoch as u64);
    part.put_number("epochs".into(), course.epochs as u64);
}

fn course_from(part: &Store) -> Course {
    Course {
        best_accuracy: f64::from_bits(part.number("best-accuracy").unwrap_or(0)),
        best_epoch: part.number("best-epoch").unwrap_or(0) as usize,
        epochs: part.number("epochs").unwrap_or(0) as usize,
    }
}
