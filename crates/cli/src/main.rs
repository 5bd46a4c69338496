//! The `spiketext` binary: reads the command line, runs one verb, turns its outcome into an exit code.
//!
//! Exit codes: 0 done, 1 a check failed, 2 an error (said in one line on standard error), 130 interrupted while training.

mod support;
mod verbs;

use std::{io::Write, process::ExitCode};

use clap::{Parser, Subcommand};

/// What this program was built from: a commit, or a version where there was no repository.
#[cfg(any(feature = "attack", feature = "serve"))]
const PROGRAM: &str = env!("SPIKETEXT_PROGRAM");

/// Spiking neural networks that classify text: train, convert, fine-tune, run, measure.
#[derive(Debug, Parser)]
#[command(
    name = "spiketext",
    version,
    long_version = concat!(env!("CARGO_PKG_VERSION"), "\nbuilt from ", env!("SPIKETEXT_PROGRAM")),
    propagate_version = true,
    max_term_width = 100
)]
struct CommandLine {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Train(Box<verbs::train::Arguments>),
    Predict(verbs::predict::Arguments),
    Explain(verbs::explain::Arguments),
    Evaluate(verbs::evaluate::Arguments),
    #[cfg(feature = "attack")]
    Attack(Box<verbs::attack::Arguments>),
    Augment(Box<verbs::augment::Arguments>),
    Inspect(verbs::inspect::Arguments),
    Embed(verbs::embed::Arguments),
    #[cfg(feature = "nir")]
    Export(verbs::export::Arguments),
    #[cfg(feature = "nir")]
    Import(verbs::import::Arguments),
    #[cfg(feature = "study")]
    Teach(Box<verbs::teach::Arguments>),
    Data(verbs::data::Arguments),
    Vectors(verbs::vectors::Arguments),
    #[cfg(feature = "study")]
    Reproduce(Box<verbs::reproduce::Arguments>),
    #[cfg(feature = "study")]
    Select(Box<verbs::select::Arguments>),
    #[cfg(feature = "report")]
    Report(verbs::report::Arguments),
    #[cfg(feature = "serve")]
    Serve(verbs::serve::Arguments),
}

fn main() -> ExitCode {
    pass_over_caught_panics();
    let command_line = CommandLine::parse();
    let outcome = match command_line.verb {
        Verb::Train(arguments) => verbs::train::run(*arguments),
        Verb::Predict(arguments) => verbs::predict::run(&arguments),
        Verb::Explain(arguments) => verbs::explain::run(&arguments),
        Verb::Evaluate(arguments) => verbs::evaluate::run(&arguments),
        #[cfg(feature = "attack")]
        Verb::Attack(arguments) => verbs::attack::run(&arguments),
        Verb::Augment(arguments) => verbs::augment::run(&arguments),
        Verb::Inspect(arguments) => verbs::inspect::run(&arguments),
        Verb::Embed(arguments) => verbs::embed::run(&arguments),
        #[cfg(feature = "nir")]
        Verb::Export(arguments) => verbs::export::run(&arguments),
        #[cfg(feature = "nir")]
        Verb::Import(arguments) => verbs::import::run(&arguments),
        #[cfg(feature = "study")]
        Verb::Teach(arguments) => verbs::teach::run(&arguments),
        Verb::Data(arguments) => verbs::data::run(arguments),
        Verb::Vectors(arguments) => verbs::vectors::run(arguments),
        #[cfg(feature = "study")]
        Verb::Reproduce(arguments) => verbs::reproduce::run(&arguments),
        #[cfg(feature = "study")]
        Verb::Select(arguments) => verbs::select::run(&arguments),
        #[cfg(feature = "report")]
        Verb::Report(arguments) => verbs::report::run(&arguments),
        #[cfg(feature = "serve")]
        Verb::Serve(arguments) => verbs::serve::run(arguments),
    };
    match outcome {
        Ok(code) => code,
        // A reader that closed its end (`| head`) has had what it wanted.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            // One line, whatever is in a file's name or a library's message.
            let message = support::terminal::one_line(&chain(&error), None);
            // An error of the system without a word of where it happened is standard output's: all files are named.
            let bare = error.is::<std::io::Error>() && error.chain().count() == 1;
            let place = if bare { "cannot write to standard output: " } else { "" };
            // Nobody may be listening there either.
            let _ = writeln!(std::io::stderr(), "spiketext: {place}{message}");
            ExitCode::from(2)
        }
    }
}

/// Says nothing of panics that the library catches and turns into errors, and of all others what is usual.
fn pass_over_caught_panics() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |information| {
        if !spiketext::data::catches_panics() {
            usual(information);
        }
    }));
}

/// The message of `error` and of all that caused it, but for causes that the message before tells already.
fn chain(error: &anyhow::Error) -> String {
    let mut chain = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if chain.is_empty() {
            chain = cause;
        } else if !chain.ends_with(&cause) {
            chain += &format!(": {cause}");
        }
    }
    chain
}

/// Whether the cause of `error` is standard output that nobody reads any more.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause.downcast_ref::<std::io::Error>().is_some_and(|e| e.kind() == std::io::ErrorKind::BrokenPipe)
    })
}

#[cfg(test)]
mod tests {
    use std::io;

    use anyhow::Context;

    use super::*;

    fn refused(kind: io::ErrorKind) -> anyhow::Error {
        spiketext::Error::write("answers.jsonl")(kind.into()).into()
    }

    #[test]
    fn a_cause_is_told_once() {
        let message = chain(&refused(io::ErrorKind::StorageFull));
        assert_eq!(message, "cannot write answers.jsonl: no storage space");
        let message = chain(&refused(io::ErrorKind::StorageFull).context("saving"));
        assert_eq!(message, "saving: cannot write answers.jsonl: no storage space");
        let other = Err::<(), _>(anyhow::anyhow!("inside")).context("outside").unwrap_err();
        assert_eq!(chain(&other), "outside: inside");
    }

    #[test]
    fn a_pipe_that_nobody_reads_is_seen_through_other_errors() {
        assert!(is_broken_pipe(&refused(io::ErrorKind::BrokenPipe).context("saving")));
        assert!(!is_broken_pipe(&refused(io::ErrorKind::StorageFull)));
    }
}
