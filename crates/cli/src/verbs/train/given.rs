//! The labelled texts of a run of training, wherever they are.

use spiketext::data::{Corpus, Dataset, LabelledTexts, Report};

use crate::support::reading;

/// The labelled texts of a run.
pub enum Given {
    /// All in memory.
    Set(Box<Dataset>),
    /// Of files, of any number.
    Files(Box<Corpus>),
}

impl Given {
    /// As training reads them.
    pub fn texts(&self) -> &dyn LabelledTexts {
        match self {
            Self::Set(set) => &**set,
            Self::Files(corpus) => &**corpus,
        }
    }

    /// All in memory.
    ///
    /// # Errors
    /// If they cannot be read again.
    pub fn in_memory(self) -> spiketext::Result<Self> {
        match self {
            Self::Files(corpus) => Ok(Self::Set(Box::new(corpus.into_dataset()?))),
            set => Ok(set),
        }
    }
}

/// What a person should know before training begins.
pub fn notes(report: &Report) -> Vec<String> {
    let mut notes = Vec::new();
    notes.extend(reading::alike(report));
    for (texts, what) in [
        (report.contradictory, "texts that have more than one label in different places"),
        (report.straddling, "development or test texts that stand in an earlier part too, as the parts were given"),
        (report.unused, "texts of parts that are not used, as --test gives the test texts"),
    ] {
        if texts > 0 {
            notes.push(format!("{what}: {texts}"));
        }
    }
    notes
}
