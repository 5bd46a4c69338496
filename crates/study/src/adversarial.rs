//! Adversarial training: a network is trained and attacked on its own training texts, and what fooled it joins
//! those texts, under the right label, for a second network (augmentation as in Jin et al. 2020). Development and
//! test texts stay as they are.

use std::path::{Path, PathBuf};

use spiketext::{
    Error, Result,
    data::{Dataset, Example},
    model::Adversarial,
    score::NoisePolicy,
    slices::evenly_spread,
    text::detect_language,
};
use spiketext_attack::{
    Attack, AttackRecipe, Ending, Origins, Protocol, Resources, Subject, Victim, resources::wordnet_folder, trial,
};
use spiketext_train::{
    Options,
    events::{Event, Observer},
    prepare::VectorSource,
    recipe::Recipe,
    train,
};

/// How a network is hardened.
#[derive(Clone, Debug)]
pub struct Hardening {
    /// The attack, with the parameters of its publication.
    pub attack: AttackRecipe,
    /// Training texts that are attacked, evenly spread.
    pub texts: usize,
    /// The folder of WordNet, if the attack needs it and it is not where it usually is.
    pub wordnet: Option<PathBuf>,
}

/// At most `count` of the examples, evenly spread.
#[must_use]
pub fn subjects(examples: &[Example], count: usize) -> Vec<Subject> {
    let subject =
        |index: usize| Subject { index, text: examples[index].text.clone(), target: examples[index].target.clone() };
    evenly_spread(examples.len(), count).map(subject).collect()
}

/// The data set with the texts that fooled `victim` behind its training texts, and their count.
#[must_use]
pub fn augmented(
    dataset: &Dataset,
    victim: &Victim<'_>,
    attack: &Attack<'_>,
    subjects: &[Subject],
    seed: u64,
) -> (Dataset, usize) {
    let mut dataset = dataset.clone();
    let before = dataset.train.len();
    let done: std::result::Result<(), std::convert::Infallible> =
        trial::attack(attack, victim, subjects, seed, &mut |record| {
            if record.attempt.ending == Ending::Succeeded {
                dataset.train.push(Example { text: record.attempt.text, target: record.target });
            }
            Ok(())
        });
    match done {
        Ok(()) => {}
        Err(never) => match never {},
    }
    let found = dataset.train.len() - before;
    (dataset, found)
}

/// Trains, attacks, and gives the data set that a second network is to be trained on, with what is known of its
/// additions. The first network leaves no checkpoint: it is trained anew when a run is taken up.
///
/// # Errors
/// As [`train`], or if the attack lacks a resource or is not for the language of the texts.
pub fn harden(
    dataset: &Dataset,
    vectors: &VectorSource,
    recipe: &Recipe,
    options: &Options,
    hardening: &Hardening,
    observer: &mut Observer<'_>,
) -> Result<(Dataset, Adversarial)> {
    let subjects = subjects(&dataset.train, hardening.texts);
    if subjects.is_empty() {
        return Err(Error::invalid("adversarial training", "training texts to attack", "none"));
    }
    // What is missing is better known now than after a network was trained.
    let texts = || dataset.train.iter().map(|example| example.text.as_str());
    let language = options.language.unwrap_or_else(|| detect_language(texts()));
    let wordnet = wordnet_folder(hardening.wordnet.as_deref());
    let (path, built_in): (Option<&Path>, _) = match vectors {
        VectorSource::BuiltIn(language) => (None, *language),
        source => (source.file(), None),
    };
    let corpus: Vec<String> = texts().map(str::to_owned).collect();
    let origins =
        Origins { vectors: path, lenient: vectors.is_lenient(), built_in, wordnet: &wordnet, corpus: &corpus };
    let needs = hardening.attack.needs(Protocol::Published);
    let resources = Resources::gather(needs, language, &origins, &subjects)?;
    let attack = hardening.attack.build(Protocol::Published, language, &resources)?;
    observer(&Event::Note { message: "a first network is trained, to be attacked".into() });
    let first = Options { checkpoints: None, resume: false, original: false, ..options.clone() };
    let model = train(dataset, vectors, recipe, &first, observer)?;
    let victim = Victim::Spiking { model: &model, noise: NoisePolicy::Fixed, seed: options.seed, judges: 1 };
    let (dataset, found) = augmented(dataset, &victim, &attack, &subjects, options.seed);
    let adversarial = Adversarial { attack: hardening.attack.name().to_owned(), attacked: subjects.len(), found };
    observer(&Event::Note {
        message: format!(
            "{} of {} training texts fooled it under {}; they join the training texts of a second network",
            adversarial.found, adversarial.attacked, adversarial.attack
        ),
    });
    Ok((dataset, adversarial))
}
