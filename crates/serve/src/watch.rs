//! Looks at the folders of the models: a changed one becomes the next version beside the old one, and takes its place whole.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::{
    application::Application,
    served::Served,
    versions::{self, Identity},
};

/// What is known of the folders of a server's models.
#[derive(Debug)]
pub struct Watch {
    application: Arc<Application>,
    /// For each model the state of its folder that the log was told could not be read.
    told: Vec<Option<Option<Identity>>>,
}

impl Watch {
    /// Nothing told yet.
    #[must_use]
    pub fn new(application: Arc<Application>) -> Self {
        let told = vec![None; application.models().len()];
        Self { application, told }
    }

    /// Looks at each folder once. One that cannot be read is read again at the next look, for it may be half written, and
    /// told of only once.
    pub fn look(&mut self) {
        for (served, told) in self.application.models().iter().zip(&mut self.told) {
            let version = served.version();
            let now = Identity::of(&served.place.folder);
            if now == version.identity {
                *told = None;
                continue;
            }
            let loaded = match now {
                None => Err(format!("{} has no model any more", served.place.folder.display())),
                Some(_) => versions::load(&served.place.folder).map_err(|error| error.to_string()),
            };
            match loaded {
                Ok(next) => {
                    let line = line_of(served, &next.name);
                    served.replace(next);
                    *told = None;
                    self.application.tell_versions();
                    self.application.metrics.reloaded(&served.place.name, "replaced");
                    self.application.log.line("info", "reload", line);
                }
                Err(error) if *told != Some(now) => {
                    let mut line = line_of(served, &version.name);
                    let message = format!("{error}; the version that was loaded goes on");
                    line.insert("message".to_owned(), message.into());
                    *told = Some(now);
                    self.application.metrics.reloaded(&served.place.name, "failed");
                    self.application.log.line("warning", "reload", line);
                }
                Err(_) => {}
            }
        }
    }
}

/// The name of a model, and the version that answers from now on.
fn line_of(served: &Served, version: &str) -> Map<String, Value> {
    [("model", served.place.name.as_str()), ("version", version)]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.into()))
        .collect()
}
