//! What a model's directory tells of its training: how it came about, how well it did, what it costs.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    engine::{Extremes, Firing, Operations},
    metrics::{self, LabelCounts},
    text::LEAST_LANGUAGE_SHARE,
};

/// How a model came about and how well it did, as its directory keeps it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Training {
    /// The program that trained it.
    pub program: String,
    /// The data set's name.
    pub dataset: String,
    /// Where the texts came from.
    pub source: String,
    /// The columns of its files; none where they had no names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub columns: Option<ColumnNames>,
    /// How each of its files was read, and what was noticed, a line each. Older models do not have it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub readings: Vec<String>,
    /// What was done to the network after it was trained, a line each: all figures here are those of the network before. Most
    /// models do not have it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub altered: Vec<String>,
    /// Texts of the training, development and test part.
    pub texts: [usize; 3],
    /// Development and test texts that stand in an earlier part, too, where the parts were given. Older models do not say.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub straddling: usize,
    /// Tokens of a training text: of the middle one, of the longest but for one in a hundred, of the longest. Older
    /// models do not have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<[usize; 3]>,
    /// Name of the word vectors.
    pub vectors: String,
    /// Name of the recipe it was made from.
    pub recipe: String,
    /// Every choice of the run.
    pub choices: Choices,
    /// The run's seed.
    pub seed: u64,
    /// A hash of the run's texts, words, recipe and seed: one that is taken up again knows its model by it. Older models
    /// do not have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// Epochs run and the best of them, of the DNN.
    pub dnn_epochs: [usize; 2],
    /// Epochs run and the best of them, of fine-tuning; best 0 means that the converted weights were kept.
    pub fine_tuning_epochs: [usize; 2],
    /// Accuracies on the development texts.
    pub development: Accuracies,
    /// Accuracies on the test texts.
    pub test: Accuracies,
    /// Between which percents the finished network's accuracy on all texts of the kind lies, at 95 % (Wilson). Older
    /// models do not have it, nor do those without test texts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_interval: Option<[f64; 2]>,
    /// Micro F1 on the test texts, in percent: F1 over the answers of all classes together. Only multi-label models
    /// have it, whose accuracies are shares of texts that were right in every class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub micro_f1: Option<Accuracies>,
    /// Macro F1 on the test texts: the mean of the classes' F1, in percent. Older models do not have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub macro_f1: Option<Accuracies>,
    /// How well the finished network tells each class, in the order of the labels. Older models do not have it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<ClassReport>,
    /// Test accuracy in percent of the original TextCNN (maximum pooling), if it was trained beside.
    pub original: Option<f64>,
    /// The adversarial examples among the training texts, if there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adversarial: Option<Adversarial>,
    /// Who taught the network beside the labels, if anybody did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub teacher: Option<Teacher>,
    /// Share of the test texts' tokens that are unknown.
    pub unknown_share: f64,
    /// Share of the training texts' words that are on the program's list of words of the model's language: where it is
    /// small, the texts are in another one. Older models do not have it, nor do those of a handful of texts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language_share: Option<f64>,
    /// Dead and saturated neurons after conversion, on the calibration texts.
    pub extremes: Extremes,
    /// What a test text cost on average.
    pub costs: Costs,
    /// Seconds the whole run took.
    pub seconds: f64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_zero(number: &usize) -> bool {
    *number == 0
}

/// The columns that a data set was read from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ColumnNames {
    /// Those of the text.
    pub text: Vec<String>,
    /// That of the label.
    pub label: Option<String>,
}

/// Every choice of a training run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Choices {
    /// The fields of the recipe.
    Fields(Map<String, Value>),
    /// A recipe as TOML, as models used to have it.
    Toml(String),
}

impl Default for Choices {
    fn default() -> Self {
        Self::Fields(Map::new())
    }
}

/// Where the adversarial examples among training texts come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Adversarial {
    /// The attack on an earlier network.
    pub attack: String,
    /// Training texts that were attacked.
    pub attacked: usize,
    /// Those that fooled the network.
    pub found: usize,
}

/// Who taught a network beside the labels, and how much.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Teacher {
    /// The files of its answers, without their folders.
    pub files: Vec<String>,
    /// What the files say of it, where they say anything.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub about: Vec<Value>,
    /// Different training texts that it answered.
    pub taught: usize,
    /// Those that it did not.
    pub untaught: usize,
    /// Percent of the answered ones whose label it thinks most likely; where texts have several labels, of all decisions, a
    /// class of a text each, that it makes as the labels do, from a probability of a half on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agreement: Option<f64>,
    /// Where texts have several labels, the micro F1 of these decisions, in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub micro_f1: Option<f64>,
    /// Development texts that it was trained on, as far as it says so.
    #[serde(default, skip_serializing_if = "is_none")]
    pub fitted_on_development: usize,
    /// Texts that nobody but it has labelled.
    pub unlabelled: usize,
    /// Texts offered as such that were left out: it says nothing of them.
    pub without_answer: usize,
    /// The same: they are training texts, or stood there before.
    pub repeated: usize,
    /// The same: they are test texts, and development texts, or nearly so.
    pub held_out: [usize; 2],
    /// Answers to texts that are not trained on.
    pub unused: usize,
}

/// Whether there is nothing to count.
fn is_none(count: &usize) -> bool {
    *count == 0
}

/// How well a network tells a class.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassReport {
    /// Training, development and test texts of the class.
    pub texts: [usize; 3],
    /// Of the answers to test texts that named the class, percent that were right; none without such an answer.
    pub precision: Option<f64>,
    /// Of the test texts of the class, percent that were found; none without such a text.
    pub recall: Option<f64>,
    /// The harmonic mean of the two, percent.
    pub f1: Option<f64>,
    /// Whether there are development texts of the class and the network answered it to no development text at all.
    pub never_answered: bool,
}

impl ClassReport {
    /// The report of each class: how many texts of each part it has, how the network did on the test texts, and which
    /// classes it never answered on the development texts.
    ///
    /// # Panics
    /// If the numbers of classes differ.
    #[must_use]
    pub fn of(texts: [&[usize]; 3], test: &LabelCounts, never_answered: &[usize]) -> Vec<Self> {
        let percent = |share: Option<f64>| share.map(|share| 100.0 * share);
        let of = |class: usize| {
            let figures = test.figures(class);
            Self {
                texts: texts.map(|part| part[class]),
                precision: percent(figures.precision),
                recall: percent(figures.recall),
                f1: percent(figures.f1),
                never_answered: never_answered.contains(&class),
            }
        };
        (0..test.classes()).map(of).collect()
    }
}

impl Training {
    /// Between which percents the accuracy on test texts lies that `accuracy`, measured on those there were, is an
    /// estimate of: at 95 % (Wilson). None without test texts.
    #[must_use]
    pub fn interval(&self, accuracy: f64) -> Option<[f64; 2]> {
        let texts = self.texts[2];
        let right = (accuracy / 100.0 * texts as f64).round() as usize;
        Some(metrics::wilson(right.min(texts), texts)?.map(|share| 100.0 * share))
    }

    /// Whether there were test texts. Where not, all figures of test texts are zeros that say nothing, and activity and costs
    /// are those of the development texts.
    #[must_use]
    pub fn is_tested(&self) -> bool {
        self.texts[2] > 0
    }

    /// Whether a DNN was trained on the way: to be converted, or to teach. Where none was, its figures are zeros that say
    /// nothing.
    #[must_use]
    pub fn has_dnn(&self) -> bool {
        self.dnn_epochs[0] > 0
    }

    /// Whether the network was converted from that DNN. Where not, figures of a converted network are zeros that say
    /// nothing, and so is what calibration texts tell.
    #[must_use]
    pub fn was_converted(&self) -> bool {
        self.has_dnn() && self.extremes.convolution.neurons > 0
    }

    /// Whether its texts are in another language than they were cut in, as far as is known.
    #[must_use]
    pub fn is_of_another_language(&self) -> bool {
        self.language_share.is_some_and(|share| share < LEAST_LANGUAGE_SHARE)
    }

    /// The classes, the one with the worst F1 on the test texts first.
    #[must_use]
    pub fn worst_first(&self) -> Vec<usize> {
        let figures: Vec<_> = self.classes.iter().map(|class| (class.texts[2], class.f1)).collect();
        metrics::worst_first(&figures)
    }

    /// What a person should know of classes before trusting the model: a sentence without its end, and the classes of
    /// which it is true.
    #[must_use]
    pub fn warnings(&self) -> Vec<(&'static str, Vec<usize>)> {
        let told = [
            (
                "never answered on the development texts, although there are texts of it there",
                self.classes_where(|class| class.never_answered),
            ),
            (
                "without a development text, so that no choice regards it",
                self.classes_where(|class| class.texts[1] == 0),
            ),
            ("without a test text, so that nothing is known of it", self.classes_where(|class| class.texts[2] == 0)),
        ];
        told.into_iter().filter(|(_, classes)| !classes.is_empty()).collect()
    }

    /// The classes for which `is` holds, in their order.
    #[must_use]
    pub fn classes_where(&self, is: impl Fn(&ClassReport) -> bool) -> Vec<usize> {
        (0..self.classes.len()).filter(|&class| is(&self.classes[class])).collect()
    }
}

/// Accuracies, or other measures of the same networks, in percent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accuracies {
    /// Of the real-valued network.
    pub dnn: f64,
    /// Of the converted network before fine-tuning.
    pub converted: f64,
    /// Of the finished network.
    pub snn: f64,
}

/// Activity and operations of a network, a text on average.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Costs {
    /// Mean firing rate of the input.
    pub input_rate: f64,
    /// Mean firing rate of the convolution neurons.
    pub convolution_rate: f64,
    /// Mean firing rate of the pooled features.
    pub feature_rate: f64,
    /// Mean firing rate of the output neurons; 0 where they do not fire.
    pub output_rate: f64,
    /// Multiply-accumulations of the DNN.
    pub dnn_macs: f64,
    /// Accumulations of the SNN.
    pub snn_acs: f64,
    /// Multiply-accumulations of the SNN: none but those of direct currents and weighted phases. Models from before
    /// there were such encoders do not name them.
    #[serde(default)]
    pub snn_macs: f64,
    /// Additions of pooling in the SNN, not among its accumulations (NeuroBench leaves pooling out).
    pub pooling_additions: f64,
}

impl Costs {
    /// The average over a run.
    #[must_use]
    pub fn of(firing: &Firing, operations: &[Operations]) -> Self {
        let texts = operations.len().max(1) as f64;
        let mean = |count: fn(&Operations) -> u64| operations.iter().map(count).sum::<u64>() as f64 / texts;
        Self {
            input_rate: firing.input_rate(),
            convolution_rate: firing.convolution_rate(),
            feature_rate: firing.feature_rate(),
            output_rate: firing.output_rate(),
            dnn_macs: mean(|o| o.dnn_macs),
            snn_acs: mean(Operations::acs),
            snn_macs: mean(Operations::macs),
            pooling_additions: mean(Operations::pooling_additions),
        }
    }
}
