//! What a run of training says while it goes on: lines and bars to a person, or one JSON object a line to a program.

use std::io::Write;

use serde::Serialize;
use spiketext::data::Reading;
use spiketext_train::events::Event;

use crate::support::{progress::Progress, reading};

/// Whom a run tells what.
pub struct Output {
    json: bool,
    progress: Progress,
    /// Why standard output takes no more. Training goes on, for its work is not lost, and ends with this.
    failure: Option<anyhow::Error>,
}

/// How a file was read, as a line of `--json`.
#[derive(Serialize)]
struct ReadEvent<'a> {
    event: &'static str,
    #[serde(flatten)]
    reading: &'a Reading,
}

impl Output {
    pub fn new(json: bool) -> Self {
        Self { json, progress: Progress::new(json), failure: None }
    }

    /// Says how files were read.
    pub fn readings(&mut self, readings: &[Reading]) {
        if self.json {
            readings.iter().for_each(|reading| self.write(&ReadEvent { event: "read", reading }));
        } else {
            reading::told(readings).iter().for_each(|line| self.progress.line(line));
        }
    }

    /// Says what the user should know.
    pub fn note(&mut self, message: impl Into<String>) {
        self.event(&Event::Note { message: message.into() });
    }

    /// Says what happened.
    pub fn event(&mut self, event: &Event) {
        match event {
            _ if !self.json => self.progress.event(event),
            Event::Step { .. } => {}
            event => self.write(event),
        }
    }

    /// Takes the bar away.
    pub fn finish(&mut self) {
        self.progress.finish();
    }

    /// What kept standard output from taking all.
    pub fn into_failure(self) -> Option<anyhow::Error> {
        self.failure
    }

    fn write(&mut self, line: &impl Serialize) {
        if self.failure.is_none() {
            let written = serde_json::to_string(line).map_err(anyhow::Error::from);
            self.failure = written.and_then(|line| Ok(writeln!(std::io::stdout(), "{line}")?)).err();
        }
    }
}
