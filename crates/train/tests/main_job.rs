//! Holds the main job to its promises: one seed makes one result on any number of threads, a resumed run equals one
//! that never stopped, what cannot be trained on is refused in words, and a finished model does what its report says.
//!
//! All runs are small: some of the built-in reviews, few channels and few epochs. Two runs are the same if their last
//! checkpoints have the same bytes: those hold every weight before rounding and every moment of the optimiser.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use spiketext::{
    data::{self, Dataset, Example, Split},
    encode::Encoder,
    model::{Model, Training},
    network::{CodeBits, Padding, Readout, UnknownWord},
    target::Target,
    text::Language,
};
use spiketext_kernels::{Reset, Surrogate, text_convolution::Pooling};
use spiketext_train::{
    CHECKPOINT, ClassWeights, Options, Recipe, VectorSource,
    events::{Event, Phase},
    recipe::{Normalisation, Scope},
    train,
};

/// The first texts of each part of a built-in set.
fn reviews(name: &str, train: usize, others: usize) -> Dataset {
    let mut reviews = data::load(name, None).expect("the built-in reviews");
    for (part, count) in
        [(&mut reviews.train, train), (&mut reviews.development, others), (&mut reviews.test, others)]
    {
        assert!(part.len() >= count, "{name}: {} texts", part.len());
        part.truncate(count);
    }
    reviews
}

/// The lean recipe made small: every part of it is at work.
fn small() -> Recipe {
    let mut recipe = Recipe::lean();
    recipe.network.widths = vec![2, 3];
    recipe.network.filters = 16;
    recipe.network.steps = 4;
    recipe.words.also_first = 100;
    recipe.dnn.epochs = 3.into();
    recipe.dnn.batch = 16;
    recipe.dnn.learning_rate = 5e-3;
    recipe.dnn.word_dropout = 0.2;
    recipe.conversion.calibration_texts = 40;
    recipe.fine_tuning.least_loss = 0.0;
    recipe.fine_tuning.epochs = 3.into();
    recipe.fine_tuning.patience = 3;
    recipe.fine_tuning.batch = 16;
    recipe.fine_tuning.learning_rate = 1e-3;
    recipe
}

/// The published recipe made small.
fn small_paper() -> Recipe {
    let mut recipe = Recipe::paper();
    recipe.network.filters = 12;
    recipe.network.steps = 6;
    recipe.words.also_first = 100;
    recipe.dnn.epochs = 2.into();
    recipe.dnn.batch = 16;
    recipe.dnn.learning_rate = 5e-3;
    recipe.fine_tuning.epochs = 2.into();
    recipe.fine_tuning.batch = 16;
    recipe
}

fn run(dataset: &Dataset, recipe: &Recipe, options: &Options) -> spiketext::Result<Model> {
    train(dataset, &VectorSource::BuiltIn(None), recipe, options, &mut |_| {})
}

fn refusal(dataset: &Dataset, recipe: &Recipe, options: &Options) -> String {
    match run(dataset, recipe, options) {
        Ok(_) => panic!("trained where it should refuse"),
        Err(error) => error.to_string(),
    }
}

fn checkpoints_in(folder: &Path) -> Options {
    Options { seed: 5, checkpoints: Some(folder.to_owned()), ..Options::default() }
}

fn checkpoint_bytes(folder: &Path) -> Vec<u8> {
    std::fs::read(folder.join(CHECKPOINT)).expect("a checkpoint")
}

/// A report without what the clock decides.
fn timeless(training: &Training) -> Training {
    Training { seconds: 0.0, ..training.clone() }
}

fn assert_same(what: &str, got: &Model, want: &Model) {
    assert_eq!(got.network(), want.network(), "{what}: networks");
    assert_eq!(timeless(got.training()), timeless(want.training()), "{what}: reports");
}

/// Predictions of the finished model on the test texts must make the accuracy that its report states.
fn assert_keeps_its_word(what: &str, dataset: &Dataset, model: &Model) {
    let test = dataset.part(Split::Test);
    let texts: Vec<&str> = test.iter().map(|example| example.text.as_str()).collect();
    let (predictions, _) = model.predict(&texts);
    let right = predictions
        .iter()
        .zip(test)
        .filter(|(prediction, example)| example.target.is_met_by(prediction.label))
        .count();
    let accuracy = 100.0 * (right as f64 / test.len() as f64);
    assert_eq!(accuracy, model.training().test.snn, "{what}: {right} of {} right", test.len());
    for prediction in &predictions {
        let sum: f32 = prediction.probabilities.iter().sum();
        assert!((sum - 1.0).abs() < 1e-5, "{what}: probabilities add up to {sum}");
    }
}

/// The run that the thread tests repeat: large enough that Burn and the kernels would share it out.
fn threads_run(folder: &Path) -> Vec<u8> {
    let mut recipe = Recipe::lean();
    recipe.dnn.epochs = 2.into();
    recipe.fine_tuning.epochs = 1.into();
    recipe.fine_tuning.learning_rate = 1e-3;
    recipe.words.also_first = 100;
    let model = run(&reviews("reviews-en", 70, 30), &recipe, &checkpoints_in(folder)).expect("trained");
    let mut bytes = checkpoint_bytes(folder);
    bytes.extend(format!("{:?}", timeless(model.training())).into_bytes());
    bytes
}

#[test]
fn one_seed_makes_one_result_in_any_pool() {
    let bytes: Vec<Vec<u8>> = [1, 2, 8]
        .into_iter()
        .map(|threads| {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
            pool.install(|| threads_run(folder.path()))
        })
        .collect();
    assert!(bytes[0] == bytes[1], "1 and 2 threads differ");
    assert!(bytes[0] == bytes[2], "1 and 8 threads differ");
}

const CHILD_FOLDER: &str = "SPIKETEXT_TEST_FOLDER";

/// A pool of one's own does not reach what asks for the global one, so processes are compared as well.
#[test]
fn one_seed_makes_one_result_in_processes_of_any_number_of_threads() {
    let bytes: Vec<Vec<u8>> = ["1", "2", "8"]
        .into_iter()
        .map(|threads| {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let output = Command::new(std::env::current_exe().expect("this program"))
                .args(["--exact", "run_for_a_parent", "--ignored"])
                .env("RAYON_NUM_THREADS", threads)
                .env(CHILD_FOLDER, folder.path())
                .output()
                .expect("a child process");
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
            std::fs::read(folder.path().join("result")).expect("the child's result")
        })
        .collect();
    assert!(bytes[0] == bytes[1], "1 and 2 threads differ");
    assert!(bytes[0] == bytes[2], "1 and 8 threads differ");
}

#[test]
#[ignore = "the body of a child process of the test above"]
fn run_for_a_parent() {
    let folder = PathBuf::from(std::env::var_os(CHILD_FOLDER).expect("a folder from the parent"));
    let bytes = threads_run(&folder);
    std::fs::write(folder.join("result"), bytes).expect("written");
}

/// A run is stopped after each of its epochs in turn, by keeping the checkpoint of that moment, and taken up
/// elsewhere.
#[test]
fn a_resumed_run_equals_one_that_never_stopped() {
    let dataset = reviews("reviews-en", 80, 40);
    for (name, recipe) in [("lean", small()), ("paper", small_paper())] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let whole_folder = folder.path().join("whole");
        std::fs::create_dir(&whole_folder).expect("a folder");
        let mut stops = Vec::new();
        let whole =
            train(&dataset, &VectorSource::BuiltIn(None), &recipe, &checkpoints_in(&whole_folder), &mut |event| {
                if let Event::Epoch { phase, epoch, .. } = event {
                    let stop = folder.path().join(format!("{}-{epoch}", phase.name()));
                    std::fs::create_dir(&stop).expect("a folder");
                    std::fs::copy(whole_folder.join(CHECKPOINT), stop.join(CHECKPOINT)).expect("a copy");
                    stops.push((*phase, *epoch, stop));
                }
            })
            .expect("trained");
        for phase in [Phase::Dnn, Phase::FineTuning] {
            assert!(stops.iter().filter(|stop| stop.0 == phase).count() >= 2, "{name}: too few epochs of {phase:?}");
        }
        for (phase, epoch, stop) in stops {
            let what = format!("{name}, {phase:?}, epoch {epoch}");
            let mut taken_up = None;
            let options = Options { resume: true, ..checkpoints_in(&stop) };
            let resumed = train(&dataset, &VectorSource::BuiltIn(None), &recipe, &options, &mut |event| {
                if let Event::Resumed { phase, epochs_done } = event {
                    taken_up = Some((*phase, *epochs_done));
                }
            })
            .expect("resumed");
            assert_eq!(taken_up, Some((phase, epoch)), "{what}");
            assert_same(&what, &resumed, &whole);
            assert!(checkpoint_bytes(&stop) == checkpoint_bytes(&whole_folder), "{what}: last checkpoints differ");
        }
    }
}

#[test]
fn resuming_without_a_checkpoint_begins_anew() {
    let dataset = reviews("reviews-en", 40, 20);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let options = Options { resume: true, ..checkpoints_in(folder.path()) };
    let begun = run(&dataset, &small(), &options).expect("trained");
    let plain = run(&dataset, &small(), &Options { seed: 5, ..Options::default() }).expect("trained");
    assert_same("anew", &begun, &plain);
}

#[test]
fn a_checkpoint_of_another_run_is_refused() {
    let dataset = reviews("reviews-en", 40, 20);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let resume = Options { resume: true, ..checkpoints_in(folder.path()) };
    run(&dataset, &small(), &resume).expect("trained");

    let mut other_recipe = small();
    other_recipe.dnn.dropout = 0.4;
    let other_seed = Options { seed: 6, ..resume.clone() };
    let mut other_labels = dataset.clone();
    other_labels.train[0].target = Target::of(1 - other_labels.train[0].target.class().expect("one class"));
    let mut other_texts = dataset.clone();
    other_texts.test[0].text.push('!');
    for (what, error) in [
        ("recipe", refusal(&dataset, &other_recipe, &resume)),
        ("seed", refusal(&dataset, &small(), &other_seed)),
        ("label", refusal(&other_labels, &small(), &resume)),
        ("text", refusal(&other_texts, &small(), &resume)),
    ] {
        assert!(error.contains(CHECKPOINT) && error.contains("another run"), "{what}: {error}");
    }
    // Without --resume it is overwritten.
    let fresh = run(&dataset, &small(), &other_seed_without_resume(&resume)).expect("trained");
    assert_eq!(fresh.training().seed, 6);

    std::fs::write(folder.path().join(CHECKPOINT), b"rubbish").expect("written");
    let error = refusal(&dataset, &small(), &resume);
    assert!(error.contains(CHECKPOINT) && !error.contains('\n'), "{error}");
}

fn other_seed_without_resume(resume: &Options) -> Options {
    Options { seed: 6, resume: false, ..resume.clone() }
}

#[test]
fn what_cannot_be_trained_on_is_refused_in_words() {
    let good = reviews("reviews-en", 40, 20);
    let changed = |change: fn(&mut Dataset)| {
        let mut dataset = good.clone();
        change(&mut dataset);
        refusal(&dataset, &small(), &Options::default())
    };
    let single = changed(|dataset| {
        dataset.labels.truncate(1);
        for part in [&mut dataset.train, &mut dataset.development, &mut dataset.test] {
            part.iter_mut().for_each(|example| example.target = Target::of(0));
        }
    });
    assert!(single.contains("two classes") && single.contains('1'), "{single}");
    for (error, part) in [
        (changed(|dataset| dataset.train.clear()), "training"),
        (changed(|dataset| dataset.development.clear()), "development"),
    ] {
        assert!(error.contains(part), "{part}: {error}");
    }
    let stray = changed(|dataset| dataset.train[3].target = Target::of(2));
    assert!(stray.contains("class") && stray.contains('2'), "{stray}");

    let mut maximum = small();
    maximum.dnn.pooling = Pooling::Maximum;
    let error = refusal(&good, &maximum, &Options::default());
    assert!(error.contains("maximum"), "{error}");
    let mut wild = small();
    wild.dnn.learning_rate = 1e38;
    let error = refusal(&good, &wild, &Options::default());
    assert!(error.contains("finite"), "{error}");
}

/// Words that no vector and no other text knows, a whole text of them, and a text that is cut into nothing.
#[test]
fn texts_of_unknown_words_do_not_break_training() {
    let mut dataset = reviews("reviews-en", 60, 30);
    let strange = |label: usize, text: &str| Example { text: text.to_owned(), target: Target::of(label) };
    for part in [&mut dataset.train, &mut dataset.development, &mut dataset.test] {
        for (label, text) in [(0, "qzvxk wqqzj"), (1, "xxqzj"), (1, "\u{200b}"), (0, "qzvxk zzqxw kkqzv jjxqz")] {
            part.insert(0, strange(label, text));
        }
    }
    for unknown in [UnknownWord::Silent, UnknownWord::Mean] {
        for fresh_from in [0, 2] {
            // Batches of one text, so that some hold no known word at all.
            for batch in [1, 16] {
                let mut recipe = small();
                recipe.words.unknown = unknown;
                recipe.words.fresh_from = fresh_from;
                recipe.dnn.epochs = 1.into();
                recipe.dnn.batch = batch;
                recipe.fine_tuning.epochs = 1.into();
                recipe.fine_tuning.batch = batch;
                let what = format!("{unknown:?}, fresh from {fresh_from}, batches of {batch}");
                let model =
                    run(&dataset, &recipe, &Options::default()).unwrap_or_else(|error| panic!("{what}: {error}"));
                assert_keeps_its_word(&what, &dataset, &model);
                let (predictions, _) = model.predict(&["never seen: bbqzzk"]);
                assert!(predictions[0].known_tokens < predictions[0].tokens);
            }
        }
    }
    // Nothing but unknown words: nothing can be learnt, but nothing breaks either.
    for part in [&mut dataset.train, &mut dataset.development, &mut dataset.test] {
        for (i, example) in part.iter_mut().enumerate() {
            example.text = format!("qzvxk{} wqqzj", "x".repeat(1 + i % 7));
        }
    }
    let mut recipe = small();
    recipe.words.fresh_from = 0;
    let options = Options { language: Some(Language::English), ..Options::default() };
    let model = run(&dataset, &recipe, &options).expect("trained");
    assert_keeps_its_word("all unknown", &dataset, &model);
}

/// Recipes that leave the beaten track all train, keep their word, and survive their directory.
#[test]
fn every_choice_trains_and_runs() {
    let cases: Vec<(&str, Recipe)> = vec![
        ("lean", small()),
        ("paper", small_paper()),
        ("many widths", {
            let mut recipe = small();
            recipe.network.widths = vec![1, 2, 5, 9];
            recipe.network.filters = 5;
            recipe
        }),
        ("ten outputs a class, spike counts", {
            let mut recipe = small();
            recipe.network.outputs_per_class = 10;
            recipe.network.readout = Readout::SpikeCount;
            recipe
        }),
        ("ten outputs a class, membranes", {
            let mut recipe = small();
            recipe.network.outputs_per_class = 10;
            recipe
        }),
        ("Bernoulli, padded", {
            let mut recipe = small();
            recipe.network.encoder = Encoder::Bernoulli;
            recipe.network.averaging = Padding::Padded { length: 12 };
            recipe.words.unknown = UnknownWord::Mean;
            recipe.words.bits = CodeBits::Sixteen;
            recipe
        }),
        ("a leaking neuron with hard reset", {
            let mut recipe = small();
            recipe.network.beta = 0.9;
            recipe.network.reset = Reset::Hard;
            recipe.network.detach_reset = false;
            recipe.network.surrogate = Surrogate::Triangle { slope: 1.0 };
            recipe
        }),
        ("data-based normalisation", {
            let mut recipe = small();
            recipe.conversion.normalisation = Normalisation::Data;
            recipe.network.readout = Readout::SpikeCount;
            recipe
        }),
        ("model-based normalisation", {
            let mut recipe = small();
            recipe.conversion.normalisation = Normalisation::Model;
            recipe
        }),
        ("one threshold a layer, no biases, no fine-tuning", {
            let mut recipe = small();
            recipe.conversion.scope = Scope::Layer;
            recipe.network.biases = false;
            recipe.fine_tuning.epochs = 0.into();
            recipe
        }),
        ("plain rates, fixed codes, no dropout", {
            let mut recipe = small();
            recipe.words.centred = false;
            recipe.words.trained = false;
            recipe.dnn.dropout = 0.0;
            recipe.dnn.word_dropout = 0.0;
            recipe.fine_tuning.dropout = 0.0;
            recipe.dnn.cosine = false;
            recipe
        }),
    ];
    let dataset = reviews("reviews-en", 60, 30);
    for (what, recipe) in cases {
        let options = Options { seed: 9, ..Options::default() };
        let model = run(&dataset, &recipe, &options).unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_keeps_its_word(what, &dataset, &model);
        let folder = tempfile::tempdir().expect("a temporary folder");
        model.save(&folder.path().join("model")).expect("saved");
        let loaded = Model::load(&folder.path().join("model")).expect("loaded");
        assert_same(what, &loaded, &model);
        assert_keeps_its_word(what, &dataset, &loaded);
    }
}

#[test]
fn other_vectors_and_chinese_train_too() {
    let dataset = reviews("reviews-zh", 60, 30);
    let model = run(&dataset, &small(), &Options::default()).expect("trained");
    assert_eq!(model.language(), Language::Chinese);
    assert_keeps_its_word("Chinese", &dataset, &model);

    let dataset = reviews("reviews-en", 60, 30);
    let mut recipe = small();
    recipe.words.random_dimension = 20;
    let model =
        train(&dataset, &VectorSource::Random, &recipe, &Options::default(), &mut |_| {}).expect("random vectors");
    assert_keeps_its_word("random", &dataset, &model);

    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("own.txt");
    std::fs::write(&path, "the 0.1 0.2 -0.3\nfilm 0.5 -0.2 0.1\nboring -0.9 0.3 0.2\nloved 0.8 0.1 0.0\n")
        .expect("written");
    let source = VectorSource::File(path);
    let model = train(&dataset, &source, &small(), &Options::default(), &mut |_| {}).expect("a file of vectors");
    assert_keeps_its_word("file", &dataset, &model);
}

/// A network that learns at all beats chance on texts this plain.
#[test]
fn training_learns() {
    let dataset = data::load("reviews-en", None).expect("the built-in reviews");
    let mut recipe = small();
    recipe.network.filters = 24;
    recipe.dnn.epochs = 5.into();
    let mut losses = Vec::new();
    let model = train(&dataset, &VectorSource::BuiltIn(None), &recipe, &Options::default(), &mut |event| {
        if let Event::Epoch { phase: Phase::Dnn, train_loss, .. } = event {
            losses.push(*train_loss);
        }
    })
    .expect("trained");
    assert!(losses[losses.len() - 1] < 0.8 * losses[0], "losses {losses:?}");
    let test = model.training().test;
    assert!(test.dnn > 70.0 && test.converted > 65.0 && test.snn > 65.0, "{test:?}");
    assert_keeps_its_word("all reviews", &dataset, &model);
}

/// Texts of which less than one in a hundred is good: too few for accuracy to notice that they are lost.
fn rare() -> Dataset {
    const THINGS: [&str; 6] = ["story", "film", "phone", "room", "hotel", "meal"];
    let text = |i: usize| {
        let words =
            if i.is_multiple_of(110) { ["wonderful", "superb", "lovely"] } else { ["boring", "awful", "terrible"] };
        let (thing, other) = (THINGS[i % 6], THINGS[(i / 7) % 6]);
        let text = format!("the {thing} was {} and the {other} {} number {i}", words[i / 5 % 3], words[i / 13 % 3]);
        Example { text, target: Target::of(usize::from(!i.is_multiple_of(110))) }
    };
    let mut rare = reviews("reviews-en", 0, 0);
    rare.train = (0..1650).map(text).collect();
    rare.development = (1650..2310).map(text).collect();
    rare.test = (2310..2970).map(text).collect();
    rare
}

/// What conversion loses of a rare class is mended, whatever share of the texts it is.
#[test]
fn a_class_that_conversion_forgets_is_found_again() {
    let dataset = rare();
    let mut lost = 0;
    for seed in 0..3 {
        let mut converted = 0;
        let options = Options { seed, ..Options::default() };
        let model = train(&dataset, &VectorSource::BuiltIn(None), &Recipe::lean(), &options, &mut |event| {
            if let Event::Converted { never_answered, .. } = event {
                converted = *never_answered;
            }
        })
        .expect("trained");
        let report = model.training();
        lost += converted;
        assert!(report.classes.iter().all(|class| !class.never_answered), "seed {seed}: {:?}", report.classes);
        assert_eq!(report.fine_tuning_epochs[0] > 0, converted > 0, "seed {seed}");
        assert!(report.classes[0].recall > Some(80.0), "seed {seed}: {:?}", report.classes);
        assert_keeps_its_word("rare", &dataset, &model);
    }
    assert!(lost > 0, "conversion lost nothing, so that nothing was tested");
}

/// Weights of one give the bits of none; others change them, in every phase.
#[test]
fn weights_of_classes_are_at_work_in_every_phase() {
    let dataset = reviews("reviews-en", 60, 30);
    let with = |weights: ClassWeights| {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let recipe = Recipe { class_weights: weights, ..small() };
        run(&dataset, &recipe, &checkpoints_in(folder.path())).expect("trained")
    };
    let each = |no: f64, yes: f64| {
        let weights = dataset.labels.iter().cloned().zip([no, yes]).collect();
        ClassWeights::Each(weights)
    };
    let plain = with(ClassWeights::None);
    assert_eq!(with(each(1.0, 1.0)).network(), plain.network());
    assert_ne!(with(each(1.0, 3.0)).network(), plain.network());
    // A DNN that learns nothing leaves the difference to fine-tuning.
    let tuned = |weights: ClassWeights| {
        let mut recipe = Recipe { class_weights: weights, ..small() };
        (recipe.dnn.learning_rate, recipe.dnn.code_learning_rate, recipe.dnn.weight_decay) = (0.0, 0.0, 0.0);
        let mut losses = Vec::new();
        train(&dataset, &VectorSource::BuiltIn(None), &recipe, &Options::default(), &mut |event| {
            if let Event::Epoch { phase: Phase::FineTuning, train_loss, .. } = event {
                losses.push(*train_loss);
            }
        })
        .expect("trained");
        losses
    };
    assert_ne!(tuned(each(1.0, 3.0)), tuned(ClassWeights::None));
    let missing = ClassWeights::Each([(dataset.labels[0].clone(), 1.0)].into_iter().collect());
    let error = refusal(&dataset, &Recipe { class_weights: missing, ..small() }, &Options::default());
    assert!(error.contains(&dataset.labels[1]), "{error}");
}

#[test]
fn texts_count_by_their_weights() {
    let dataset = reviews("reviews-en", 80, 20);
    let run = |dataset: &Dataset, weights: Option<Vec<f32>>| {
        let options = Options { seed: 3, text_weights: weights.map(Into::into), ..Options::default() };
        run(dataset, &small(), &options).expect("trained")
    };
    let plain = run(&dataset, None);
    assert_eq!(plain.network(), run(&dataset, Some(vec![1.0; 80])).network(), "weights of one change nothing");
    // Two texts of different classes that weigh nothing: which of the two is which cannot matter.
    let other = (1..80).find(|&at| dataset.train[at].target != dataset.train[0].target).expect("two classes");
    let mut swapped = dataset.clone();
    swapped.train[0].target = dataset.train[other].target.clone();
    swapped.train[other].target = dataset.train[0].target.clone();
    let mut weights = vec![1.0; 80];
    (weights[0], weights[other]) = (0.0, 0.0);
    let silent = run(&dataset, Some(weights.clone()));
    assert_eq!(silent.network(), run(&swapped, Some(weights)).network());
    assert_ne!(silent.network(), plain.network());
    assert_ne!(run(&swapped, None).network(), plain.network());
    for (weights, told) in [
        (vec![1.0; 79], "79 weights"),
        (vec![0.0; 80], "a weight above 0"),
        ([vec![1.0; 79], vec![f32::NAN]].concat(), "NaN"),
        ([vec![1.0; 79], vec![-1.0]].concat(), "-1"),
    ] {
        let options = Options { text_weights: Some(weights.into()), ..Options::default() };
        let message = refusal(&dataset, &small(), &options);
        assert!(message.contains(told), "{message}");
    }
}

#[test]
fn a_model_without_test_texts_says_so() {
    let mut dataset = reviews("reviews-en", 80, 20);
    let tested = run(&dataset, &small(), &Options::default()).expect("trained");
    dataset.test.clear();
    let model = run(&dataset, &small(), &Options::default()).expect("trained");
    assert_eq!(model.network(), tested.network(), "test texts decide nothing");
    let training = model.training();
    assert!(tested.training().is_tested() && !training.is_tested());
    assert_eq!((training.texts, training.test_interval), ([80, 20, 0], None));
    assert_eq!(training.development, tested.training().development);
    assert!(training.costs.snn_acs > 0.0 && training.costs.input_rate > 0.0, "{:?}", training.costs);
    let folder = tempfile::tempdir().expect("a folder");
    model.save(&folder.path().join("model")).expect("saved");
    let card = std::fs::read_to_string(folder.path().join("model/README.md")).expect("a card");
    assert!(card.contains("| not tested |") && card.contains("mean over the development texts"), "{card}");
    assert!(!card.contains("Each class on the test texts"), "{card}");
    assert_eq!(Model::load(&folder.path().join("model")).expect("read").training(), training);
}

#[test]
fn a_run_that_is_asked_to_stop_stops_between_steps() {
    let dataset = reviews("reviews-en", 80, 20);
    for (phase, recipe) in [(Phase::Dnn, small()), (Phase::FineTuning, small())] {
        let options = Options::default();
        let stop = options.stop.clone();
        let mut after = 0;
        let outcome = train(&dataset, &VectorSource::BuiltIn(None), &recipe, &options, &mut |event| {
            if let Event::Step { phase: at, .. } = event
                && *at == phase
            {
                after += usize::from(stop.is_asked());
                stop.ask();
            }
        });
        let error = outcome.map(|_| ()).expect_err("stopped").to_string();
        assert_eq!((error, after), (format!("{}: stopped as asked", phase.name()), 0));
    }
}
