//! `spiketext train`: the main job, from labelled texts to a saved spiking classifier.

mod checkpoints;
mod given;
mod output;

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

use checkpoints::{CheckpointFolder, Run};
use given::{Given, notes};
use output::Output;
use serde_json::json;
use spiketext::{
    data::{Corpus, LabelledTexts},
    dnn::{self, Dnn},
    energy::Numbers,
    model::{Accuracies, Model},
    text::Language,
};
#[cfg(feature = "study")]
use spiketext_attack::AttackRecipe;
#[cfg(feature = "study")]
use spiketext_study::adversarial::{Hardening, harden};
use spiketext_train::{
    CheckpointNotes, ClassWeights, Options, PROGRAM, Pipeline, Recipe, SpikingMethod, StepCache, VectorSource,
    WeightFile, events::Event, recipe::Epochs,
};

use crate::support::{
    classes, costs,
    dataset::{self, DatasetArgs},
    reading,
    table_progress::{Waiting, rows_and_rate},
    tables, target, teacher,
};

/// Classes in the closing table.
const SHOWN_CLASSES: usize = 5;

/// Train a spiking classifier on labelled texts.
///
/// Reads texts, trains a TextCNN on word vectors, converts it to a spiking network, fine-tunes that, and saves a
/// model directory. Without FILE or --dataset it uses the built-in English reviews.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  spiketext train                                         the built-in reviews
  spiketext train reviews.csv --out models/reviews        your own file, split 80/10/10
  spiketext train tickets-*.jsonl --text-column subject --text-column body --label-column queue
  spiketext train posts.csv --multi-label --label-column tags --label-separator ','
  spiketext train ag_news.csv --no-header --label-column 1 --text-column 2 --text-column 3
  spiketext train --dataset sst2 --data-dir DIR --vectors glove.6B.300d.txt
  spiketext train reviews.csv --adversarial textfooler
  spiketext train reviews.csv --teacher teacher.jsonl --unlabelled teacher.jsonl     more: docs/guide/teacher.md
  spiketext train reviews.csv --set dnn.epochs=20 --set network.encoder=bernoulli

--json prints one object a line: 'event' is read (how a file was read), prepared, resumed, epoch, converted, note, and
last result. In epoch and converted never_answered counts the classes that have development texts and are never
answered; where a text may have several labels there is development_micro_f1, too. result has, in percent of the test
texts, dnn_accuracy, converted_accuracy, snn_accuracy, snn_accuracy_interval (from, to: Wilson's at 95 %), micro_f1 (of
several labels), macro_f1 (dnn, converted, snn) and classes (label, texts of the training, development and test part,
precision, recall, f1, never_answered), worst F1 first; never_answered, without_development_texts and
without_test_texts list labels; straddling counts development and test texts that stand in an earlier part, too;
multi_label says whether a text may have several labels, and thresholds from which probability on each is answered.

Exit code: 0 done, 2 an error, 130 interrupted: ctrl-C (or kill) says in a line what is kept and which command goes on
from there; a second one ends at once.")]
pub struct Arguments {
    #[command(flatten)]
    source: DatasetArgs,
    /// Test texts in a file of their own; without it FILE is split.
    #[arg(long, value_name = "FILE", requires = "files")]
    test: Option<PathBuf>,
    #[command(flatten)]
    reading: reading::Arguments,
    #[command(flatten)]
    labels: reading::LabelArguments,
    /// How texts are cut into words: en (also for other languages with blanks between words) or zh [default: found from
    /// their script].
    #[arg(long, value_name = "LANGUAGE")]
    language: Option<Language>,
    /// Word vectors: a file (GloVe, word2vec, fastText; .gz, .zst, .bz2, .xz, .zip), en or zh for the built-in ones, or random
    /// [default: the built-in ones of the texts' language].
    #[arg(long, value_name = "FILE|en|zh|random")]
    vectors: Option<PathBuf>,
    /// Leave out lines of the file of --vectors that cannot be read, and say how many, instead of refusing it.
    #[arg(long, requires = "vectors")]
    lenient: bool,
    /// A named recipe: lean (works best), paper (the published method), pooled (lean without neurons of the pooled
    /// features), deep (lean with a residual block) or sparse (few spikes in one time step, whole numbers) [default: lean].
    #[arg(long, value_name = "NAME")]
    recipe: Option<String>,
    /// Time steps T [default: the recipe's: lean 8, paper 50].
    #[arg(long, value_name = "T")]
    steps: Option<usize>,
    /// Epochs of the DNN, as `--set dnn.epochs=N` [default: the recipe's: lean has 14, on fewer texts as many as make 250
    /// steps for each class, 4,000 at most].
    #[arg(long, value_name = "N")]
    epochs: Option<usize>,
    /// What a spike does to a membrane, as `--set network.reset=hard`: soft takes the threshold away, hard puts it to 0, which is
    /// what most simulators and chips can do (see `spiketext export`) [default: the recipe's: soft].
    #[arg(long, value_name = "soft|hard", value_parser = ["soft", "hard"])]
    reset: Option<String>,
    /// The seed of every random choice.
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// A TOML file with any part of a recipe.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Multiply the loss of each text by a weight of its class: balanced (all classes have the same share), none, or
    /// a FILE of a weight for each class: lines of `label,weight`, or TOML with `label = weight` [default: the
    /// recipe's: none].
    #[arg(long, value_name = "balanced|FILE|none")]
    class_weights: Option<PathBuf>,
    #[command(flatten)]
    teacher: teacher::Arguments,
    /// Set one field of the recipe, as in `dnn.epochs=20`; may be repeated. `--print-recipe` shows all fields.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Print the recipe as TOML, every field, and stop.
    #[arg(long)]
    print_recipe: bool,
    /// The model directory to write [default: runs/NAME-RECIPE-SEED].
    #[arg(long, short, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Go on from the checkpoint of an interrupted run with the same arguments; the result is the same as without the
    /// interruption.
    #[arg(long)]
    resume: bool,
    /// Train the original TextCNN (maximum pooling) too and give its test accuracy, for comparison.
    #[arg(long)]
    original: bool,
    #[cfg(feature = "study")]
    /// Adversarial training: attack the trained network on its training texts, and train a second one with what
    /// fooled it (attacks: see `spiketext attack --help`).
    #[arg(long, value_name = "ATTACK", value_parser = super::attack::recipe)]
    adversarial: Option<AttackRecipe>,
    #[cfg(feature = "study")]
    /// With --adversarial: training texts that are attacked, evenly spread.
    #[arg(long, value_name = "N", default_value = "2000", requires = "adversarial")]
    #[arg(value_parser = super::attack::positive)]
    adversarial_texts: std::num::NonZeroUsize,
    #[cfg(feature = "study")]
    /// With --adversarial pwws: the folder of WordNet's database files [default: $SPIKETEXT_WORDNET, then
    /// /usr/share/wordnet].
    #[arg(long, value_name = "DIR", requires = "adversarial")]
    wordnet: Option<PathBuf>,
    /// Keep the DNN that the network was converted from beside the model, in single precision, for `attack --network
    /// dnn`.
    #[arg(long)]
    keep_dnn: bool,
    /// Print JSON, one object a line.
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let mut out = std::io::stdout();
    let weights = WeightChoice::of(&arguments)?;
    let recipe = recipe(&arguments, weights.as_ref())?;
    if arguments.print_recipe {
        out.write_all(recipe.to_toml().as_bytes())?;
        return Ok(ExitCode::SUCCESS);
    }
    if arguments.teacher.is_none()
        && let Some(setting) = arguments.set.iter().find(|setting| setting.trim_start().starts_with("teacher."))
    {
        anyhow::bail!("--set {setting}: expected --teacher FILE beside it, got none: nobody is there to be heard");
    }
    let read = || arguments.source.files.iter().chain(&arguments.test).chain(arguments.teacher.files());
    teacher::check_standard_input(read(), "FILE, --test, --teacher and --unlabelled")?;
    let given = dataset(&arguments)?;
    // Who compares texts with others has all of them in memory.
    let given = if has_comparison(&arguments) { given.in_memory()? } else { given };
    let dataset = given.texts();
    #[cfg(feature = "study")]
    if dataset.is_multi_label() && arguments.adversarial.is_some() {
        anyhow::bail!(
            "--adversarial: expected texts of one label each, got --multi-label: no attack knows sets of labels"
        );
    }
    if let Some(WeightChoice::File(file)) = &weights {
        file.check_names(dataset.labels())?;
    }
    let folder = arguments
        .out
        .clone()
        .unwrap_or_else(|| Path::new("runs").join(format!("{}-{}-{}", dataset.name(), recipe.name, arguments.seed)));
    let read = arguments.source.sources();
    let beside = [&arguments.test, &arguments.vectors, &arguments.config, &arguments.class_weights];
    target::check_apart("train", &folder, read.iter().chain(beside.into_iter().flatten()))?;
    target::check_apart("train", &folder, arguments.teacher.files())?;
    // Better now than after an hour of training.
    let replaces = Model::check_target(&folder)?;
    if replaces && arguments.out.is_none() {
        check_same_data(&folder, dataset)?;
    }
    let checkpoints = CheckpointFolder::beside(&folder)?;
    Model::remove_left_over(&folder)?;
    let piped = arguments.source.files.iter().any(|file| file.as_os_str() == "-");
    let run = Run::watch(&checkpoints, &folder, arguments.resume, piped)?;
    let options = Options {
        seed: arguments.seed,
        language: arguments.language,
        checkpoints: Some(checkpoints.path.clone()),
        resume: arguments.resume,
        original: arguments.original,
        ..Options::default()
    };
    #[cfg(feature = "study")]
    let hardening = arguments.adversarial.map(|attack| {
        let wordnet = arguments.wordnet.clone();
        Hardening { attack, texts: arguments.adversarial_texts.get(), wordnet }
    });
    let vectors = vectors(&arguments);
    let mut output = Output::new(arguments.json);
    output.readings(dataset.readings());
    notes(dataset.report()).into_iter().for_each(|note| output.note(note));
    let teaching = match &given {
        Given::Set(set) => arguments.teacher.read(set, arguments.labels.skip_bad())?,
        Given::Files(corpus) => {
            if corpus.is_in_file() {
                let folder = std::env::temp_dir();
                output.note(format!("more texts than stay in memory: they wait in {} ($TMPDIR)", folder.display()));
            }
            None
        }
    };
    if let Some(teaching) = &teaching {
        output.readings(&teaching.readings);
        teacher::notes(teaching).into_iter().for_each(|note| output.note(note));
    }
    let options = Options { teaching: teaching.map(Arc::new), ..options };
    let there = if replaces { Model::load(&folder).ok() } else { None };
    let ended = there.as_ref().and_then(|there| there.training().run.clone());
    let left = CheckpointNotes::read(&checkpoints.path).map(|notes| notes.run);
    if !arguments.resume && ended.is_some() && left == ended {
        checkpoints.clear();
        output.note(format!(
            "the run that made the model in {} left its checkpoint behind, which is removed",
            folder.display()
        ));
    }
    let fate = fate(&arguments, &checkpoints, replaces.then_some(&*folder));
    // What a run that has ended would do is nothing.
    let there = there.filter(|there| arguments.resume && ended.is_some() && is_complete(there, &folder, &arguments));
    if there.is_none() {
        fate.iter().for_each(|line| output.note(line));
    }
    let preparing = |seconds: f64| format!("preparing the texts for {seconds:.0} s");
    let mut waiting = Some(Waiting::on(arguments.json, preparing));
    let mut observer = |event: &Event| {
        // Whatever happens is told by itself.
        waiting = None;
        output.event(event);
    };
    let trained: spiketext::Result<Outcome> = (|| {
        #[cfg(feature = "study")]
        let (mut given, mut options) = (given, options);
        #[cfg(feature = "study")]
        if let (Some(hardening), Given::Set(set)) = (&hardening, &given) {
            let (augmented, adversarial) = harden(set, &vectors, &recipe, &options, hardening, &mut observer)?;
            (given, options.adversarial) = (Given::Set(Box::new(augmented)), Some(adversarial));
        }
        let mut cache = StepCache::default();
        let mut pipeline = Pipeline::new(given.texts(), &vectors, &recipe, &options, &mut cache)?;
        if let Some(there) = there {
            if ended == Some(pipeline.run(&mut observer)?) {
                let message = format!("this run has ended already, and its model lies in {}", folder.display());
                observer(&Event::Note { message });
                return Ok(Outcome::There(there));
            }
            fate.into_iter().for_each(|message| observer(&Event::Note { message }));
        }
        let model = pipeline.model(SpikingMethod::of(&recipe), &mut observer)?;
        let dnn = if arguments.keep_dnn { Some(pipeline.readable_dnn(&mut observer)?) } else { None };
        Ok(Outcome::Trained(model, dnn))
    })();
    output.finish();
    let mut is_saved = run.saving();
    let saved = trained.and_then(|outcome| {
        let (model, dnn) = match outcome {
            Outcome::There(model) => return Ok(model),
            Outcome::Trained(model, dnn) => (model, dnn),
        };
        match &dnn {
            Some(dnn) => model.save_with_dnn(dnn, &folder)?,
            None => model.save(&folder)?,
        }
        Ok(model)
    });
    let model = match saved {
        Ok(model) => {
            // The model is safe: what was for an interruption can go.
            checkpoints.discard();
            *is_saved = true;
            drop(is_saved);
            model
        }
        Err(error) => return Err(error.into()),
    };
    // Told only now: nobody listens any more, but the work of training is not lost.
    if let Some(error) = output.into_failure() {
        return Err(error);
    }
    if arguments.json {
        writeln!(out, "{}", result(&model, &folder))?;
    } else {
        table(&model, &mut out)?;
        writeln!(out, "\nsaved to {}", folder.display())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What came of a run.
enum Outcome {
    /// The model of the very same run was there already.
    There(Model),
    /// A model, with its DNN if that is to be kept.
    Trained(Model, Option<Dnn>),
}

/// Whether the model in `folder` has all that the run is asked for beside it.
fn is_complete(model: &Model, folder: &Path, arguments: &Arguments) -> bool {
    let training = model.training();
    training.program == PROGRAM
        && (!arguments.original || training.original.is_some())
        && (!arguments.keep_dnn || folder.join(dnn::FILE).exists())
}

/// What will become of a checkpoint and of the model in `replaced`.
fn fate(arguments: &Arguments, checkpoints: &CheckpointFolder, replaced: Option<&Path>) -> Vec<String> {
    let mut told = Vec::new();
    match (arguments.resume, checkpoints.holds_one()) {
        (true, false) => told.push("no checkpoint of an interrupted run is there: starting anew".to_owned()),
        (false, true) => told.push(
            "a checkpoint of an interrupted run is there and will be replaced; --resume would go on from it"
                .to_owned(),
        ),
        _ => {}
    }
    told.extend(
        replaced.map(|folder| format!("the model in {} will be replaced when training has ended", folder.display())),
    );
    told
}

/// Refuses to replace a model of other data in a folder that nobody named: files in different folders may have one
/// name.
fn check_same_data(folder: &Path, dataset: &dyn LabelledTexts) -> anyhow::Result<()> {
    let other = match Model::load(folder) {
        // What came from standard input may have been anything.
        Ok(model) if model.training().source == dataset.source() && dataset.source() != "-" => {
            let columns = spiketext_train::columns(dataset);
            match &model.training().columns {
                trained if *trained == columns => return Ok(()),
                _ => format!("a model of other columns of {}", model.training().source),
            }
        }
        Ok(model) => format!("a model of {}", model.training().source),
        Err(_) => "a model that this program cannot read".to_owned(),
    };
    anyhow::bail!("{} holds {other}: --out DIR names another folder, or this one to replace it", folder.display())
}

/// What `--class-weights` says.
enum WeightChoice {
    Named(ClassWeights),
    File(WeightFile),
}

impl WeightChoice {
    fn of(arguments: &Arguments) -> anyhow::Result<Option<Self>> {
        let Some(path) = &arguments.class_weights else { return Ok(None) };
        Ok(Some(match path.to_str() {
            Some("none") => Self::Named(ClassWeights::None),
            Some("balanced") => Self::Named(ClassWeights::Balanced),
            _ => Self::File(WeightFile::read(path)?),
        }))
    }

    fn weights(&self) -> ClassWeights {
        match self {
            Self::Named(weights) => weights.clone(),
            Self::File(file) => file.weights(),
        }
    }
}

/// The recipe after file, settings and the flags for some of its fields.
fn recipe(arguments: &Arguments, weights: Option<&WeightChoice>) -> anyhow::Result<Recipe> {
    let mut recipe = Recipe::named(arguments.recipe.as_deref().unwrap_or("lean"))?;
    if let Some(path) = &arguments.config {
        recipe = recipe.with_file(path)?;
        if let Some(name) = &arguments.recipe
            && *name != recipe.name
        {
            anyhow::bail!(
                "--recipe {name} and {} disagree: the file says name = \"{}\"",
                path.display(),
                recipe.name
            );
        }
    }
    for setting in &arguments.set {
        let key = setting.split('=').next().unwrap_or_default().trim();
        let flag = [
            (arguments.epochs.is_some(), "--epochs", "dnn.epochs"),
            (arguments.steps.is_some(), "--steps", "network.steps"),
            (arguments.reset.is_some(), "--reset", "network.reset"),
            (weights.is_some(), "--class-weights", "class-weights"),
        ];
        for (given, flag, field) in flag {
            if given && (key == field || key.strip_prefix(field).is_some_and(|rest| rest.starts_with('.'))) {
                anyhow::bail!("{flag} and --set {setting}: expected one of them, got both");
            }
        }
        recipe = recipe.with_setting(setting)?;
    }
    if let Some(epochs) = arguments.epochs {
        recipe.dnn.epochs = Epochs::Number(epochs);
    }
    if let Some(steps) = arguments.steps {
        recipe.network.steps = steps;
    }
    if let Some(reset) = &arguments.reset {
        recipe = recipe.with_setting(&format!("network.reset={reset}"))?;
    }
    if let Some(weights) = weights {
        recipe.class_weights = weights.weights();
    }
    recipe.check()?;
    // What the network itself refuses shows before any file is read; dimension and classes are checked once known.
    spiketext_train::network_config(&recipe, 1, 2)?;
    Ok(recipe)
}

/// Whether texts are compared with those of others, or attacked.
fn has_comparison(arguments: &Arguments) -> bool {
    #[cfg(feature = "study")]
    if arguments.adversarial.is_some() {
        return true;
    }
    !arguments.teacher.is_none()
}

fn dataset(arguments: &Arguments) -> anyhow::Result<Given> {
    match (arguments.source.files.as_slice(), &arguments.source.dataset) {
        ([], name) => {
            let name = name.as_deref().unwrap_or("reviews-en");
            let texts = format!("the data set {name}");
            reading::refuse_without_file(&arguments.reading, &arguments.labels, &texts, "FILE")?;
            Ok(Given::Set(Box::new(dataset::load(name, arguments.source.data_dir.as_deref())?)))
        }
        (files, _) => {
            arguments.labels.check(arguments.labels.multi_label())?;
            let options = arguments.reading.options(&arguments.labels, None);
            let count = options.count.clone();
            let reading = move |seconds| format!("reading and dividing: {}", rows_and_rate(count.rows(), seconds));
            let _told = Waiting::on(arguments.json, reading);
            Ok(Given::Files(Box::new(Corpus::from_files(files, arguments.test.as_deref(), &options)?)))
        }
    }
}

fn vectors(arguments: &Arguments) -> VectorSource {
    VectorSource::of(arguments.vectors.as_deref(), arguments.lenient)
}

/// The last line of `--json`.
fn result(model: &Model, folder: &Path) -> serde_json::Value {
    let t = model.training();
    let labels =
        |classes: Vec<usize>| classes.iter().map(|&class| model.labels()[class].as_str()).collect::<Vec<_>>();
    let class = |class: usize| {
        let report = &t.classes[class];
        json!({
            "label": model.labels()[class], "texts": report.texts, "precision": report.precision,
            "recall": report.recall, "f1": report.f1, "never_answered": report.never_answered,
        })
    };
    let mut result = json!({
        "event": "result",
        "dataset": t.dataset,
        "recipe": t.recipe,
        "vectors": t.vectors,
        "seed": t.seed,
        "model": folder,
        "straddling": t.straddling,
        "dnn_accuracy": t.has_dnn().then_some(t.test.dnn),
        "converted_accuracy": t.was_converted().then_some(t.test.converted),
        "snn_accuracy": t.test.snn,
        "snn_accuracy_interval": t.interval(t.test.snn),
        "multi_label": model.thresholds().is_some(),
        "thresholds": model.thresholds(),
        "micro_f1": t.micro_f1,
        "macro_f1": t.macro_f1,
        "classes": t.worst_first().into_iter().map(class).collect::<Vec<_>>(),
        "never_answered": labels(t.classes_where(|class| class.never_answered)),
        "without_development_texts": labels(t.classes_where(|class| class.texts[1] == 0)),
        "without_test_texts": labels(t.classes_where(|class| class.texts[2] == 0)),
        "original_accuracy": t.original,
        "teacher": t.teacher,
        "adversarial": t.adversarial,
        "development": t.development,
        "steps": model.network().config().steps,
        "dnn_epochs": t.dnn_epochs,
        "fine_tuning_epochs": t.fine_tuning_epochs,
        "unknown_share": t.unknown_share,
        "seconds": t.seconds,
    });
    if let Some(result) = result.as_object_mut() {
        result.extend(costs::keys(&t.costs, Numbers::of(model.network().config())));
    }
    result
}

/// The closing table.
fn table(model: &Model, out: &mut impl Write) -> std::io::Result<()> {
    let t = model.training();
    let costs = &t.costs;
    let steps = model.network().config().steps.to_string();
    let numbers = Numbers::of(model.network().config());
    let (dnn, snn) = costs::microjoules(costs, numbers);
    let ratio = costs::ratio(costs, numbers).map_or_else(|| "-".to_owned(), costs::of_dnn);
    let [run, best] = t.fine_tuning_epochs;
    let finished = if best == 0 || !t.was_converted() { "SNN" } else { "fine-tuned" };
    // What was not measured stays blank; operations were counted on the finished network alone.
    let blank = String::new;
    let measured = |of: Accuracies, show: &dyn Fn(f64) -> String| {
        let shown = |is_there: bool, value: f64| if is_there { show(value) } else { blank() };
        [shown(t.has_dnn(), of.dnn), shown(t.was_converted(), of.converted), show(of.snn)]
    };
    let percent = |value: f64| format!("{value:.2} %");
    let mut rows = vec![
        (if t.micro_f1.is_some() { "all labels right" } else { "test accuracy" }, measured(t.test, &percent)),
        ("95 % interval", measured(t.test, &|accuracy| classes::interval(t.interval(accuracy)))),
    ];
    rows.extend(t.micro_f1.map(|f1| ("micro F1", measured(f1, &percent))));
    rows.extend(t.macro_f1.map(|f1| ("macro F1", measured(f1, &percent))));
    rows.push(("time steps", [blank(), steps.clone(), steps]));
    let macs = if costs.snn_macs > 0.0 { costs::count(costs.snn_macs) } else { blank() };
    rows.push(("MACs a text", [costs::count(costs.dnn_macs), blank(), macs]));
    rows.push(("ACs a text", [blank(), blank(), costs::count(costs.snn_acs)]));
    rows.push(("energy a text", [costs::joules(dnn), blank(), costs::joules(snn)]));
    rows.push(("of the DNN's", ["1.00".into(), blank(), ratio]));
    let mut table = if t.was_converted() {
        tables::plain(&["", "DNN", "converted", finished], &[1, 2, 3])
    } else {
        tables::plain(&["", "DNN of its shape", finished], &[1, 2])
    };
    for (name, [dnn, converted, snn]) in rows {
        let cells = [Some(name.to_owned()), Some(dnn), t.was_converted().then_some(converted), Some(snn)];
        table.add_row(cells.into_iter().flatten().collect::<Vec<_>>());
    }
    writeln!(out, "\n{}\n", table.trim_fmt())?;
    let rows = classes::of_report(&t.classes);
    let worst = classes::table(model.labels(), &rows, "test texts", SHOWN_CLASSES);
    writeln!(out, "Classes ({finished}), the worst first\n\n{}\n", worst.trim_fmt())?;
    for warning in classes::warnings(model) {
        writeln!(out, "{warning}")?;
    }
    if let Some(a) = &t.adversarial {
        writeln!(
            out,
            "adversarial examples among the training texts: {} of {} attacked ({})",
            a.found, a.attacked, a.attack
        )?;
    }
    if let Some(original) = t.original {
        writeln!(out, "original TextCNN (maximum pooling): {original:.2} %")?;
    }
    match (run, best) {
        _ if !t.was_converted() => {}
        (0, _) => writeln!(out, "no fine-tuning: the SNN is the converted network")?,
        (_, 0) => writeln!(out, "no epoch of fine-tuning was better: the SNN is the converted network")?,
        _ => {}
    }
    writeln!(out, "firing rates: {}", costs::rates(costs, model.network().config()))?;
    writeln!(out, "energy: arithmetic alone, {}; {} test texts", costs::prices(numbers), t.texts[2])
}
