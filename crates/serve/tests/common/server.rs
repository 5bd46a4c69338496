//! A whole server without a network, for tests that see the crate from outside.

// Each test file is a program that uses its own part of this.
#![allow(dead_code)]

use std::sync::Arc;

use axum::Router;
use spiketext::{Model, network::Readout};
use spiketext_serve::{Application, Log, Options, Place, router};

use crate::common::{Lines, model};

/// A server of three models: one whose outputs fire, one whose outputs add up, and one of several labels.
pub struct Server {
    pub folder: tempfile::TempDir,
    pub application: Arc<Application>,
    pub router: Router,
    pub log: Log,
    pub lines: Lines,
}

impl Server {
    pub fn new(change: impl FnOnce(&mut Options)) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let several =
            model(1.5, Readout::Membrane).with_thresholds(vec![0.4, 0.5, 0.6]).expect("a model of several labels");
        let models =
            [("first", model(1.0, Readout::SpikeCount)), ("adds", model(1.0, Readout::Membrane)), ("tags", several)];
        let mut places = Vec::new();
        for (name, model) in models {
            model.save(&folder.path().join(name)).expect("saved");
            places.push(Place { name: name.to_owned(), folder: folder.path().join(name) });
        }
        let mut options = Options::new(places);
        change(&mut options);
        let lines = Lines::default();
        let log = Log::to(lines.clone()).expect("a log");
        let application = Application::new(options, log.clone());
        application.load().expect("models");
        Self { folder, router: router(Arc::clone(&application)), application, log, lines }
    }

    pub fn model(&self, name: &str) -> Model {
        Model::load(&self.folder.path().join(name)).expect("a model")
    }
}
