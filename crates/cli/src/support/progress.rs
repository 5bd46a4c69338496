//! How training shows itself to a person: bars on a terminal, plain lines elsewhere, nothing beside JSON.

use std::io::{IsTerminal, Write};

use indicatif::{ProgressBar, ProgressStyle};
use spiketext::text::LEAST_LANGUAGE_SHARE;
use spiketext_train::events::Event;

use super::table_progress::resident;

/// Steps after which the bar looks at the memory that is held.
const STEPS_A_LOOK: usize = 64;

/// Shows events on standard error.
pub struct Progress {
    quiet: bool,
    terminal: bool,
    bar: Option<ProgressBar>,
    /// Training texts: the length of an epoch, whose last batch may be smaller than the others.
    texts: usize,
}

impl Progress {
    /// A display, or none at all when the output is for machines.
    pub fn new(quiet: bool) -> Self {
        Self { quiet, terminal: std::io::stderr().is_terminal(), bar: None, texts: 0 }
    }

    /// Prints a line above the bar.
    pub fn line(&mut self, text: &str) {
        if self.quiet {
            return;
        }
        // Progress that nobody reads is no reason to stop training.
        let print = || drop(writeln!(std::io::stderr(), "{text}"));
        match &self.bar {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }

    /// Shows one event.
    pub fn event(&mut self, event: &Event) {
        match event {
            Event::Prepared {
                train,
                unlabelled,
                development,
                test,
                classes,
                language,
                language_given,
                vectors,
                words,
                dimension,
                unknown_share,
                language_share,
            } => {
                self.texts = train + unlabelled;
                let foreign = !language_given && language_share.is_some_and(|share| share < LEAST_LANGUAGE_SHARE);
                let language = if foreign { "in an unknown language" } else { language };
                self.line(&format!(
                    "{train} training, {development} development and {test} test texts ({language}), {classes} \
                     classes{}",
                    match unlabelled {
                        0 => String::new(),
                        others => format!("; {others} texts that only the teacher has labelled"),
                    }
                ));
                self.line(&format!(
                    "{words} words of {dimension} dimensions ({vectors}); {:.1} % of the test tokens are unknown",
                    100.0 * unknown_share
                ));
            }
            Event::Resumed { phase, epochs_done } => {
                self.line(&format!("going on from the checkpoint: {}, {epochs_done} epochs done", phase.name()));
            }
            Event::Step { phase, epoch, epochs, step, texts, .. } => {
                if self.terminal && !self.quiet {
                    let bar = self.bar.get_or_insert_with(|| {
                        let bar = ProgressBar::new(0);
                        let style =
                            "{msg:<23} [{bar:30}] {human_pos}/{human_len} texts, {per_sec}, {eta} left{prefix}";
                        if let Ok(style) = ProgressStyle::with_template(style) {
                            bar.set_style(style.progress_chars("=> "));
                        }
                        bar
                    });
                    if *step == 1 {
                        bar.reset();
                        bar.set_length(self.texts as u64);
                        bar.set_message(format!("{:<11} epoch {epoch:>3}/{epochs}", phase.name()));
                    }
                    bar.inc(*texts as u64);
                    if step % STEPS_A_LOOK == 0
                        && let Some(memory) = resident()
                    {
                        bar.set_prefix(format!(", {} MB", memory / 1_000_000));
                    }
                }
            }
            Event::Epoch {
                phase,
                epoch,
                train_loss,
                development_accuracy,
                development_micro_f1,
                development_macro_f1,
                never_answered,
                best,
                seconds,
            } => {
                self.finish();
                let forgotten = forgotten(*never_answered);
                let share = share(*development_accuracy, *development_micro_f1);
                self.line(&format!(
                    "{:<11} epoch {epoch:>3}: loss {train_loss:.4}, development {share}, macro F1 \
                     {development_macro_f1:.2} %{forgotten}{} ({seconds:.1} s)",
                    phase.name(),
                    if *best { ", best so far" } else { "" },
                ));
            }
            Event::Converted {
                development_accuracy,
                development_micro_f1,
                development_macro_f1,
                never_answered,
                extremes,
            } => {
                let forgotten = forgotten(*never_answered);
                let share = share(*development_accuracy, *development_micro_f1);
                self.line(&format!(
                    "converted: development {share}, macro F1 {development_macro_f1:.2} \
                     %{forgotten}; never / always firing: {} / {} of {} convolution channels, {} / {} of {} features",
                    extremes.convolution.dead,
                    extremes.convolution.saturated,
                    extremes.convolution.neurons,
                    extremes.features.dead,
                    extremes.features.saturated,
                    extremes.features.neurons
                ));
            }
            Event::Note { message } => self.line(&format!("note: {message}")),
        }
    }

    /// Shows the bar of a training that is one of many, and nothing else of it.
    #[cfg(feature = "study")]
    pub fn step(&mut self, event: &Event) {
        match event {
            Event::Prepared { train, .. } => self.texts = *train,
            Event::Step { .. } => self.event(event),
            Event::Epoch { .. } => self.finish(),
            _ => {}
        }
    }

    /// Takes the bar away.
    pub fn finish(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

/// The accuracy, or what is told in its place where a text may have several labels.
fn share(accuracy: f64, micro_f1: Option<f64>) -> String {
    micro_f1.map_or_else(|| format!("{accuracy:.2} %"), |micro_f1| format!("micro F1 {micro_f1:.2} %"))
}

/// How many classes are never answered, behind the figures.
fn forgotten(classes: usize) -> String {
    match classes {
        0 => String::new(),
        1 => ", a class never answered".to_owned(),
        classes => format!(", {classes} classes never answered"),
    }
}
