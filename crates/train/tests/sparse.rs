//! Holds recipe `sparse` to its promises: one seed makes one result on any number of threads, a resumed run equals one that
//! never stopped, codes have as many active inputs as was asked for, words that training never met have one too, and models
//! come back from their files.

use std::path::Path;

use spiketext::{
    data::{self, Dataset, Split},
    model::Model,
    network::{Codes, NO_INPUT},
};
use spiketext_train::{
    CHECKPOINT, Options, Recipe, VectorSource,
    events::{Event, Phase},
    train,
};

fn reviews(train: usize, others: usize) -> Dataset {
    let mut reviews = data::load("reviews-en", None).expect("the built-in reviews");
    for (part, count) in
        [(&mut reviews.train, train), (&mut reviews.development, others), (&mut reviews.test, others)]
    {
        assert!(part.len() >= count, "{} texts", part.len());
        part.truncate(count);
    }
    reviews
}

/// The recipe made small: every part of it is at work.
fn small() -> Recipe {
    let mut recipe = Recipe::named("sparse").expect("a recipe");
    (recipe.network.widths, recipe.network.filters) = (vec![2, 3], 6);
    recipe.words.also_first = 100;
    recipe.dnn.epochs = 2.into();
    recipe.sparse.epochs = 3.into();
    recipe.sparse.batch = 16;
    (recipe.sparse.dimension, recipe.sparse.active) = (40, 4);
    recipe.sparse.learning_rate = 5e-3;
    recipe.sparse.activity.weight = 1.0;
    recipe
}

fn with(recipe: &Recipe, settings: &[&str]) -> Recipe {
    settings.iter().fold(recipe.clone(), |recipe, setting| recipe.with_setting(setting).expect(setting))
}

fn run(recipe: &Recipe, options: &Options) -> spiketext::Result<Model> {
    train(&reviews(120, 30), &VectorSource::BuiltIn(None), recipe, options, &mut |_| {})
}

/// Every choice of a sparse network, one at a time.
const KINDS: [&[&str]; 7] = [
    &[],
    &["sparse.signed=true"],
    &["network.synapse-bits=4"],
    &["network.steps=3"],
    &["sparse.teacher.weight=0.0"],
    &["network.averaging={kind=\"valid\"}"],
    &["words.trained=false"],
];

#[test]
fn one_seed_makes_one_result_in_any_pool_and_a_model_comes_back_from_its_files() {
    for settings in KINDS {
        let recipe = with(&small(), settings);
        let models = [1, 3].map(|threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
            pool.install(|| run(&recipe, &Options { seed: 4, ..Options::default() })).expect("trained")
        });
        assert_eq!(models[0].network(), models[1].network(), "{settings:?}");
        let model = &models[0];
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("model");
        model.save(&path).expect("saved");
        let again = Model::load(&path).expect("its own files");
        assert_eq!(again.network(), model.network(), "{settings:?}");
        let test: Vec<String> =
            reviews(120, 30).part(Split::Test).iter().map(|example| example.text.clone()).collect();
        assert_eq!(again.predict(&test), model.predict(&test), "{settings:?}");
        let training = model.training();
        assert_eq!(training.has_dnn(), recipe.has_teacher(), "{settings:?}");
        assert_eq!(training.test.dnn > 0.0, recipe.has_teacher(), "{settings:?}");
        assert!(!training.was_converted() && training.fine_tuning_epochs[0] == 3, "{settings:?}");
        // A DNN of its layers reads vectors, not codes.
        let vectors = model.network().config().vector_dimension.expect("of learnt codes");
        assert_ne!(vectors, model.network().config().dimension());
        assert_eq!(model.network().config().dnn_dimension(), vectors);
    }
}

#[test]
fn codes_have_as_many_active_inputs_as_was_asked_for() {
    for signed in [false, true] {
        let recipe = with(&small(), &[if signed { "sparse.signed=true" } else { "sparse.signed=false" }]);
        let model = run(&recipe, &Options { seed: 2, ..Options::default() }).expect("trained");
        let network = model.network();
        let Codes::Active { active, inputs } = &network.weights().codes else { panic!("codes of active inputs") };
        assert_eq!((*active, inputs.len()), (4, 4 * model.vocabulary().len()));
        // Words beyond those of the training texts are there, and every word has all its inputs.
        assert!(inputs.iter().all(|&input| input != NO_INPUT && usize::from(input) < network.config().dimension()));
        let rows = network.config().dimension() / if signed { 2 } else { 1 };
        for own in inputs.chunks_exact(4) {
            let mut rows: Vec<usize> = own.iter().map(|&input| usize::from(input) % rows).collect();
            rows.sort_unstable();
            rows.dedup();
            assert_eq!(rows.len(), 4, "an input and its opposite never spike together");
        }
        let (predictions, firing) = model.predict(&["a warm and funny film"]);
        let spikes = predictions[0].operations.input_spikes;
        assert_eq!(spikes, 4 * predictions[0].known_tokens as u64);
        assert!(firing.input_rate() > 0.0);
    }
}

fn checkpoint_bytes(folder: &Path) -> Vec<u8> {
    std::fs::read(folder.join(CHECKPOINT)).expect("a checkpoint")
}

#[test]
fn a_run_that_is_taken_up_again_is_one_that_never_stopped() {
    let whole = tempfile::tempdir().expect("a temporary folder");
    let options = |folder: &Path| Options { seed: 5, checkpoints: Some(folder.to_owned()), ..Options::default() };
    let recipe = small();
    let model = run(&recipe, &options(whole.path())).expect("trained");
    // Stopped once in the teacher's training and once in its own, by a panic as good as a kill.
    for (phase, epoch) in [(Phase::Dnn, 1), (Phase::Direct, 2)] {
        let parts = tempfile::tempdir().expect("a temporary folder");
        let stopped = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let mut observer = |event: &Event| {
                if let Event::Epoch { phase: of, epoch: done, .. } = event
                    && (*of, *done) == (phase, epoch)
                {
                    panic!("stopped on purpose");
                }
            };
            let vectors = VectorSource::BuiltIn(None);
            train(&reviews(120, 30), &vectors, &recipe, &options(parts.path()), &mut observer)
        }));
        assert!(stopped.is_err());
        let resumed = Options { resume: true, ..options(parts.path()) };
        let again = run(&recipe, &resumed).expect("taken up");
        assert_eq!(again.network(), model.network(), "{phase:?}");
        assert_eq!(checkpoint_bytes(parts.path()), checkpoint_bytes(whole.path()), "{phase:?}");
    }
}

#[test]
fn choices_that_cannot_be_are_refused_by_name() {
    for (setting, told) in [
        ("sparse.active=41", "sparse.active from 1 to sparse.dimension = 40"),
        ("sparse.dimension=0", "sparse.dimension from 1"),
        ("sparse.teacher.weight=1.5", "sparse.teacher"),
        ("sparse.activity.target=2.0", "sparse.activity"),
        ("network.features=true", "network.features=false"),
        ("network.readout=spike-count", "network.readout=membrane"),
        ("sparse.word-dropout=1.0", "sparse.word-dropout"),
    ] {
        let error = run(&with(&small(), &[setting]), &Options::default()).map(|_| ()).expect_err(setting);
        assert!(error.to_string().contains(told), "{setting}: {error}");
    }
}
