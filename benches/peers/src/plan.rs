//! The plan of a comparison: which children run in turn, and which rows come of what they print.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use spiketext_train::{Options, Recipe, train};
use tempfile::TempDir;

use crate::{
    Arguments, Group,
    measure::What,
    python::{Python, end_of},
    report::{Alone, Report, Versus, median},
    say,
    texts::{BATCH, Kind, TOKENS},
    turns::{Contestant, Sample, take},
};

/// Most epochs of the DNN from which a network that is timed is converted: all of recipe `lean`, a tenth of recipe `paper`.
/// One that has learned little takes longer, for its weights are spread so evenly that more sums need 32 bits.
const DNN_EPOCHS: usize = 20;

/// Texts a batch of the peers on a GPU: as many as on the processor, and enough to fill it.
const GPU_BATCHES: [usize; 2] = [BATCH, 512];

/// The time steps whose memory is compared.
const MEMORY_STEPS: [usize; 2] = [100, 10];

/// Texts a part that `--quick` measures memory on.
const QUICK_TEXTS: usize = 64;

/// A peer: its name for `peers.py`, and its name for people.
struct Peer {
    name: &'static str,
    title: &'static str,
}

/// A peer where it runs.
struct Theirs {
    peer: &'static Peer,
    gpu: bool,
    batch: usize,
}

impl Theirs {
    /// The name of its samples.
    fn name(&self) -> String {
        if self.gpu { format!("{}, GPU, batch {}", self.peer.name, self.batch) } else { self.peer.name.to_owned() }
    }

    /// What people call it.
    fn title(&self) -> String {
        if self.gpu {
            format!("{}, GPU, {} texts a batch", self.peer.title, self.batch)
        } else {
            self.peer.title.to_owned()
        }
    }
}

static PEERS: [Peer; 3] = [
    Peer { name: "snntorch", title: "snnTorch, step by step" },
    Peer { name: "spikingjelly", title: "SpikingJelly, fp32" },
    Peer { name: "spikingjelly-bf16", title: "SpikingJelly, bf16" },
];

/// Everything a group of the table needs.
struct Setting<'a> {
    arguments: &'a Arguments,
    cache: &'a Path,
    /// This program.
    own: PathBuf,
    /// Models of both recipes, gone when the comparison is over.
    models: TempDir,
    /// D.
    dimension: usize,
    report: Report,
}

/// Carries out the comparison.
pub fn carry_out(arguments: &Arguments, cache: &Path) -> Result<Report> {
    // First, because it is the likeliest to fail.
    let python = if arguments.wants(Group::Paper) {
        Some(Python::ready(arguments.python.as_deref(), cache, arguments.gpu)?)
    } else {
        None
    };
    let own = std::env::current_exe().context("this program does not know where it is")?;
    let program =
        if arguments.wants(Group::Mr) && arguments.source.data_dir.is_some() { Some(spiketext(&own)?) } else { None };
    let (models, dimension) = models(arguments, cache)?;
    let mut setting = Setting { arguments, cache, own, models, dimension, report: Report::new(arguments, dimension) };
    if let Some(python) = &python {
        setting.paper(python)?;
    }
    let real_data = arguments.source.data_dir.is_some();
    if arguments.wants(Group::Lean) {
        if real_data {
            setting.lean()?;
        } else {
            setting.report.left_out("SST-2 from raw text and its latency: no --data-dir");
        }
    }
    if arguments.wants(Group::Mr) {
        match &program {
            Some(program) => setting.mr(program)?,
            None => setting.report.left_out("a whole training on MR: no --data-dir"),
        }
    }
    if arguments.wants(Group::Memory) {
        setting.memory()?;
    }
    if arguments.wants(Group::Scaling) {
        if arguments.threads > 1 {
            setting.scaling()?;
        } else {
            setting.report.left_out("scaling: one thread was asked for");
        }
    }
    Ok(setting.report)
}

/// Trains, untimed, a network of each recipe; `paper` for fewer epochs than its recipe says, and without fine-tuning.
/// Returns their folder and D.
fn models(arguments: &Arguments, cache: &Path) -> Result<(TempDir, usize)> {
    let folder = tempfile::tempdir_in(cache).with_context(|| format!("cannot write in {}", cache.display()))?;
    let dataset = arguments.source.dataset()?;
    let options = Options { seed: arguments.source.seed, ..Options::default() };
    let mut dimension = 0;
    for name in Recipe::NAMES {
        say(&format!("training a network to time, recipe {name}, on {}", dataset.name));
        let mut recipe = Recipe::named(name)?;
        let epochs = recipe.dnn.epochs.of(dataset.train.len(), dataset.labels.len(), recipe.dnn.batch);
        recipe.dnn.epochs = epochs.min(if arguments.quick { 1 } else { DNN_EPOCHS }).into();
        if arguments.quick || name == "paper" {
            recipe.fine_tuning.epochs = 0.into();
        }
        let model = train(&dataset, &arguments.source.vectors(), &recipe, &options, &mut |_| {})?;
        dimension = model.network().config().dimension();
        model.save(&folder.path().join(name))?;
    }
    Ok((folder, dimension))
}

/// The program `spiketext` of the same build. Under `cargo run` it is built first: an old one would give figures of
/// another commit.
fn spiketext(own: &Path) -> Result<PathBuf> {
    let program = own.with_file_name(format!("spiketext{}", std::env::consts::EXE_SUFFIX));
    if let Some(cargo) = std::env::var_os("CARGO") {
        say("building spiketext");
        let mut command = Command::new(cargo);
        command.args(["build", "--bin", "spiketext", "--manifest-path"]);
        command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.toml"));
        if let Some(target) = own.parent().and_then(Path::parent) {
            command.arg("--target-dir").arg(target);
        }
        if !cfg!(debug_assertions) {
            command.arg("--release");
        }
        let output = command.output().context("cannot build spiketext: cargo does not start")?;
        ensure!(output.status.success(), "cannot build spiketext\n{}", end_of(&output.stderr));
    }
    ensure!(program.exists(), "no {}: cargo build --release --bin spiketext", program.display());
    Ok(program)
}

impl Setting<'_> {
    /// A measurement of ours as a child.
    fn ours(&self, what: What, recipe: &str, kind: Kind, threads: usize) -> Contestant {
        let mut arguments: Vec<OsString> = vec!["measure".into(), what.name().into()];
        let mut add = |flag: &str, value: OsString| arguments.extend([flag.into(), value]);
        add("--recipe", recipe.into());
        add("--texts", kind.name().into());
        add("--model", self.models.path().join(recipe).into());
        add("--seconds", self.arguments.seconds.to_string().into());
        let source = &self.arguments.source;
        add("--seed", source.seed.to_string().into());
        for (flag, path) in [("--data-dir", &source.data_dir), ("--vectors", &source.vectors)] {
            if let Some(path) = path {
                add(flag, path.into());
            }
        }
        let name = ours_name(what, recipe, kind, threads);
        Contestant { name, program: self.own.clone(), arguments, threads }
    }

    /// A peer's measurements as a child.
    fn theirs(&self, python: &Python, theirs: &Theirs, steps: usize) -> Contestant {
        let threads = self.arguments.threads;
        let mut arguments: Vec<OsString> =
            vec![python.script.clone().into(), "--peer".into(), theirs.peer.name.into()];
        for (flag, value) in [
            ("--threads", threads),
            ("--batch", theirs.batch),
            ("--length", TOKENS),
            ("--steps", steps),
            ("--dimension", self.dimension),
        ] {
            arguments.extend([flag.into(), value.to_string().into()]);
        }
        arguments.extend(["--seconds".into(), self.arguments.seconds.to_string().into()]);
        arguments.extend(["--seed".into(), self.arguments.source.seed.to_string().into()]);
        if theirs.gpu {
            arguments.extend(["--device", "cuda"].map(OsString::from));
        }
        Contestant { name: theirs.name(), program: python.interpreter.clone(), arguments, threads }
    }

    /// Takes measurements in turn and keeps them.
    fn take(&mut self, contestants: &[Contestant], rounds: usize) -> Result<Vec<Sample>> {
        let samples = take(contestants, rounds)?;
        self.report.samples.extend(samples.iter().cloned());
        Ok(samples)
    }

    /// Training steps and inference beside the peers.
    fn paper(&mut self, python: &Python) -> Result<()> {
        let threads = self.arguments.threads;
        let steps = Recipe::paper().network.steps;
        let mut contestants = Vec::new();
        for kind in [Kind::Real, Kind::Distinct] {
            for what in [What::Train, What::Infer] {
                contestants.push(self.ours(what, "paper", kind, threads));
            }
        }
        let mut theirs: Vec<Theirs> = PEERS.iter().map(|peer| Theirs { peer, gpu: false, batch: BATCH }).collect();
        if self.arguments.gpu {
            let on_gpu = GPU_BATCHES.map(|batch| PEERS.iter().map(move |peer| Theirs { peer, gpu: true, batch }));
            theirs.extend(on_gpu.into_iter().flatten());
        }
        contestants.extend(theirs.iter().map(|theirs| self.theirs(python, theirs, steps)));
        let samples = self.take(&contestants, self.arguments.rounds)?;
        self.report.peers = Some(python.versions.clone());
        for what in [What::Train, What::Infer] {
            for kind in [Kind::Real, Kind::Distinct] {
                let ours = rates(&samples, &ours_name(what, "paper", kind, threads), what)?;
                for theirs in &theirs {
                    let verb = if what == What::Train { "training step" } else { "inference" };
                    self.report.versus.push(Versus {
                        what: format!("{verb}, T = {steps}"),
                        texts: if kind == Kind::Real { "real" } else { "no shared words" },
                        ours: ours.clone(),
                        peer: theirs.title(),
                        theirs: rates(&samples, &theirs.name(), what)?,
                    });
                }
            }
        }
        for kind in [Kind::Real, Kind::Distinct] {
            let name = ours_name(What::Train, "paper", kind, threads);
            if let Some(sample) = samples.iter().find(|sample| sample.name == name) {
                self.report.note(format!(
                    "{}: {:.1} tokens a text that are read and {:.0} different words in a batch of {BATCH}, on average; \
                     convolution neurons fired in {:.2} % of steps.",
                    if kind == Kind::Real { "Real texts" } else { "Texts without shared words" },
                    number(&sample.line, "tokens_a_text")?,
                    number(&sample.line, "different_words_in_32_texts")?,
                    100.0 * number(&sample.line, "convolution_rate")?,
                ));
            }
        }
        Ok(())
    }

    /// Raw text, one thread.
    fn lean(&mut self) -> Result<()> {
        let all = self.ours(What::RawText, "lean", Kind::Real, 1);
        let single = self.ours(What::Latency, "lean", Kind::Real, 1);
        let names = [all.name.clone(), single.name.clone()];
        let samples = self.take(&[all, single], self.arguments.rounds)?;
        let steps = Recipe::lean().network.steps;
        let what = format!("`lean`, T = {steps}, SST-2 test from raw text, one thread");
        let by_round = rates(&samples, &names[0], What::RawText)?;
        self.report.alone.push(Alone::of_rounds(what, "texts/s", by_round));
        for (key, percent) in [("p50_ms", 50), ("p99_ms", 99)] {
            let what = format!("`lean`, one text a call, one thread: {percent} % of the SST-2 test texts within");
            let by_round = values(&samples, &names[1], |sample| number(&sample.line, key))?;
            self.report.alone.push(Alone::of_rounds(what, "ms", by_round));
        }
        Ok(())
    }

    /// `spiketext train` on MR, as a user would start it.
    fn mr(&mut self, program: &Path) -> Result<()> {
        let source = &self.arguments.source;
        let data_dir = source.data_dir.as_ref().context("MR needs --data-dir")?;
        let out =
            tempfile::tempdir_in(self.cache).with_context(|| format!("cannot write in {}", self.cache.display()))?;
        let mut arguments: Vec<OsString> =
            ["train", "--dataset", "mr", "--recipe", "lean", "--json", "--seed"].map(OsString::from).into();
        arguments.push(source.seed.to_string().into());
        arguments.extend(["--data-dir".into(), data_dir.into()]);
        if let Some(vectors) = &source.vectors {
            arguments.extend(["--vectors".into(), vectors.into()]);
        }
        arguments.extend(["--out".into(), out.path().join("model").into()]);
        if self.arguments.quick {
            arguments.extend(["--set=dnn.epochs=1", "--set=fine-tuning.epochs=1"].map(OsString::from));
        }
        let threads = self.arguments.threads;
        let name = format!("spiketext train on MR, recipe lean, threads {threads}");
        let contestant = Contestant { name: name.clone(), program: program.to_owned(), arguments, threads };
        let samples = self.take(&[contestant], self.arguments.rounds)?;
        let what = format!("`spiketext train --dataset mr`, recipe `lean`, {}", threads_in_words(threads));
        let by_round = values(&samples, &name, |sample| Ok(sample.process_seconds))?;
        self.report.alone.push(Alone::of_rounds(what, "s", by_round));
        Ok(())
    }

    /// Peak memory of fine-tuning, many steps against few. Once each: it hardly differs from run to run.
    fn memory(&mut self) -> Result<()> {
        let threads = self.arguments.threads;
        let contestants = MEMORY_STEPS.map(|steps| {
            let mut contestant = self.ours(What::Memory, "paper", Kind::Real, threads);
            contestant.name = format!("{}, T = {steps}", contestant.name);
            contestant.arguments.extend(["--steps".into(), steps.to_string().into()]);
            if self.arguments.quick {
                contestant.arguments.extend(["--most-texts".into(), QUICK_TEXTS.to_string().into()]);
            }
            contestant
        });
        let samples = self.take(&contestants, 1)?;
        let peak = |contestant: &Contestant, key: &str| -> Result<f64> {
            let peaks = values(&samples, &contestant.name, |sample| number(&sample.line, key))?;
            Ok(median(&peaks))
        };
        let [many, few] = &contestants;
        let of_fine_tuning =
            peak(many, "peak_of_fine_tuning_bytes")? / peak(few, "peak_of_fine_tuning_bytes")?.max(1.0);
        let [most, least] = MEMORY_STEPS;
        self.report.alone.push(Alone::of_rounds(
            format!("peak memory of fine-tuning, `paper`, T = {most} over T = {least}"),
            "times",
            vec![of_fine_tuning],
        ));
        self.report.alone.push(Alone::of_rounds(
            format!("peak memory of a whole run, `paper`, T = {most}, vectors included"),
            "MB",
            vec![peak(many, "peak_bytes")? / 1e6],
        ));
        Ok(())
    }

    /// One thread against several, in turn within one process.
    fn scaling(&mut self) -> Result<()> {
        let threads = self.arguments.threads;
        let pairs = [
            (What::Train, "paper", "training steps"),
            (What::Train, "lean", "training steps"),
            (What::Infer, "paper", "inference"),
            (What::Infer, "lean", "inference"),
            (What::RawText, "lean", "inference from raw text"),
        ];
        let name = |what, recipe| format!("{}, in turn with one", ours_name(what, recipe, Kind::Real, threads));
        let contestants: Vec<Contestant> = pairs
            .iter()
            .map(|&(what, recipe, _)| {
                let mut contestant = self.ours(what, recipe, Kind::Real, threads);
                contestant.name = name(what, recipe);
                contestant.arguments.push("--scaling".into());
                contestant
            })
            .collect();
        let samples = self.take(&contestants, self.arguments.rounds)?;
        let in_words = threads_in_words(threads);
        for (what, recipe, title) in pairs {
            let of = |key| seconds(&samples, &name(what, recipe), what, key);
            let (one, several, apart) = (of(ONE)?, of(ALL)?, of(APART)?);
            let ratio =
                |times: f64, others: &[f64]| one.iter().zip(others).map(|(one, other)| times * one / other).collect();
            self.report.alone.push(Alone::of_rounds(
                format!("{title}, `{recipe}`: {in_words} over one"),
                "times",
                ratio(1.0, &several),
            ));
            self.report.alone.push(Alone::of_rounds(
                format!(
                    "{title}, `{recipe}`: what the machine gives to {threads} runs of one thread at once, over one"
                ),
                "times",
                ratio(threads as f64, &apart),
            ));
        }
        Ok(())
    }
}

fn threads_in_words(threads: usize) -> String {
    if threads == 1 { "one thread".to_owned() } else { format!("{threads} threads") }
}

/// The name of one of our measurements.
fn ours_name(what: What, recipe: &str, kind: Kind, threads: usize) -> String {
    let texts = match (what, kind) {
        (What::Train | What::Infer, kind) => format!(", {} texts", kind.name()),
        _ => String::new(),
    };
    format!("spiketext {}, recipe {recipe}{texts}, threads {threads}", what.name())
}

/// A number of a JSON line.
fn number(line: &Value, key: &str) -> Result<f64> {
    line.get(key).and_then(Value::as_f64).with_context(|| format!("no number '{key}' in {line}"))
}

/// What `value` finds in the samples of a contestant, in the order of rounds.
fn values(samples: &[Sample], name: &str, value: impl Fn(&Sample) -> Result<f64>) -> Result<Vec<f64>> {
    let found: Result<Vec<f64>> = samples.iter().filter(|sample| sample.name == name).map(value).collect();
    let found = found?;
    ensure!(!found.is_empty(), "{name}: nothing was measured");
    Ok(found)
}

/// Texts a second of a contestant in each round: by the median of its runs.
fn rates(samples: &[Sample], name: &str, what: What) -> Result<Vec<f64>> {
    let taken = seconds(samples, name, what, ALL)?;
    let texts = values(&of_kind(samples, what), name, |sample| number(&sample.line, "texts_a_run"))?;
    Ok(texts.iter().zip(taken).map(|(texts, seconds)| texts / seconds).collect())
}

/// The keys of seconds on all threads, on one, and of one run a thread.
const ALL: &str = "seconds";
const ONE: &str = "seconds_of_one_thread";
const APART: &str = "seconds_of_one_run_a_thread";

/// The median of the seconds under `key` of a contestant in each round.
fn seconds(samples: &[Sample], name: &str, what: What, key: &str) -> Result<Vec<f64>> {
    values(&of_kind(samples, what), name, |sample| {
        let seconds = sample.line.get(key).and_then(Value::as_array);
        let seconds: Vec<f64> = seconds.into_iter().flatten().filter_map(Value::as_f64).collect();
        ensure!(!seconds.is_empty(), "{name}: no {key} in {}", sample.line);
        Ok(median(&seconds))
    })
}

fn of_kind(samples: &[Sample], what: What) -> Vec<Sample> {
    samples.iter().filter(|sample| sample.line.get("what") == Some(&json!(what.name()))).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(name: &str, round: usize, line: Value) -> Sample {
        Sample { name: name.into(), round, load_before: None, process_seconds: 1.0, line }
    }

    #[test]
    fn rates_are_of_one_contestant_and_kind() {
        let line = |what: &str, seconds: [f64; 3]| json!({"what": what, "texts_a_run": 32, "seconds": seconds});
        let samples = [
            sample("a", 1, line("train", [1.0, 2.0, 9.0])),
            sample("a", 1, line("infer", [0.1, 0.1, 0.1])),
            sample("b", 1, line("train", [4.0, 4.0, 4.0])),
            sample("a", 2, line("train", [4.0, 4.0, 8.0])),
        ];
        assert_eq!(rates(&samples, "a", What::Train).expect("rates"), [16.0, 8.0]);
        assert_eq!(rates(&samples, "b", What::Train).expect("rates"), [8.0]);
        let error = rates(&samples, "b", What::Infer).expect_err("nothing there").to_string();
        assert!(error.contains("b: nothing"), "{error}");
        let broken = [sample("a", 1, json!({"what": "train", "seconds": []}))];
        assert!(rates(&broken, "a", What::Train).is_err());
    }
}
