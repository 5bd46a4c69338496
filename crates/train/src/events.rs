//! What training tells while it runs. The command line turns it into bars, lines or JSON.

use serde::Serialize;

/// A part of the main job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Training of the real-valued network.
    Dnn,
    /// Surrogate-gradient training of the spiking network.
    FineTuning,
    /// Training of the original TextCNN, for comparison.
    Original,
    /// Training of a spiking network from its first weights.
    Direct,
}

impl Phase {
    /// The phase in words.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Dnn => "DNN",
            Self::FineTuning => "fine-tuning",
            Self::Original => "original",
            Self::Direct => "direct",
        }
    }
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// Data and words are ready.
    Prepared {
        /// Training texts.
        train: usize,
        /// Texts to train on that only a teacher has labelled.
        unlabelled: usize,
        /// Development texts.
        development: usize,
        /// Test texts.
        test: usize,
        /// Classes.
        classes: usize,
        /// Language, `en` or `zh`.
        language: String,
        /// Whether somebody said so; otherwise it was found from the texts' script.
        language_given: bool,
        /// Name of the vectors.
        vectors: String,
        /// Words in the vocabulary.
        words: usize,
        /// Dimensions of a word.
        dimension: usize,
        /// Share of the test tokens that are unknown.
        unknown_share: f64,
        /// Share of the training texts' words that are of the language; none where there are too few to tell.
        language_share: Option<f64>,
    },
    /// A checkpoint was found and taken up.
    Resumed {
        /// The phase that goes on.
        phase: Phase,
        /// Epochs already done.
        epochs_done: usize,
    },
    /// One step of an epoch is done.
    Step {
        /// The phase.
        phase: Phase,
        /// Epoch, from 1.
        epoch: usize,
        /// Most epochs of the phase.
        epochs: usize,
        /// Step, from 1.
        step: usize,
        /// Steps of an epoch.
        steps: usize,
        /// Texts of the step.
        texts: usize,
    },
    /// An epoch is done.
    Epoch {
        /// The phase.
        phase: Phase,
        /// Epoch, from 1.
        epoch: usize,
        /// Mean training loss.
        train_loss: f64,
        /// Accuracy on the development texts, percent.
        development_accuracy: f64,
        /// Micro F1 on them, percent, where a text may have several labels.
        #[serde(skip_serializing_if = "Option::is_none")]
        development_micro_f1: Option<f64>,
        /// Macro F1 on the development texts, percent.
        development_macro_f1: f64,
        /// Classes that have development texts and were never the answer.
        never_answered: usize,
        /// Whether it is the best so far.
        best: bool,
        /// Seconds it took.
        seconds: f64,
    },
    /// The DNN was converted.
    Converted {
        /// Accuracy of the converted network on the development texts, percent.
        development_accuracy: f64,
        /// Its micro F1 on them, percent, where a text may have several labels.
        #[serde(skip_serializing_if = "Option::is_none")]
        development_micro_f1: Option<f64>,
        /// Its macro F1 on them, percent.
        development_macro_f1: f64,
        /// Classes that have development texts and were never the answer.
        never_answered: usize,
        /// Neurons that never or always fired on the calibration texts.
        extremes: spiketext::engine::Extremes,
    },
    /// Something the user should know.
    Note {
        /// What.
        message: String,
    },
}

/// Receives events, on whichever thread they happen.
pub type Observer<'a> = dyn FnMut(&Event) + Send + 'a;
