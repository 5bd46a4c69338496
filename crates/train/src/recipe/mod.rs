//! Recipes: every choice of a training run, under a name, each field open to change.
//!
//! A recipe is read from three layers, the later winning: a named recipe, a TOML file that holds any part of one, and
//! single `key=value` settings (`settings`). `epochs` is the length of a phase of training.

mod epochs;
mod settings;
mod sparse;

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use spiketext::{
    Error, Result,
    encode::Encoder,
    files::no_fields,
    network::{CodeBits, Padding, Readout, SynapseBits, UnknownWord},
};
use spiketext_kernels::{Reset, Surrogate, text_convolution::Pooling};

pub use epochs::{Epochs, EpochsBySize};
pub use settings::with_setting;
pub use sparse::{Distillation, SparseChoices};

use self::settings::{lay_over, plainly};
use crate::class_weights::ClassWeights;

/// The files of [`Recipe::NAMES`].
const TEXTS: [&str; 5] = [
    include_str!("../../recipes/lean.toml"),
    include_str!("../../recipes/paper.toml"),
    include_str!("../../recipes/pooled.toml"),
    include_str!("../../recipes/deep.toml"),
    include_str!("../../recipes/sparse.toml"),
];

/// Every choice of a training run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", expecting = "a table of fields")]
pub struct Recipe {
    /// The name of the recipe it was made from.
    pub name: String,
    /// What makes one network better than another on the development texts: it chooses the best epoch, ends training
    /// that gets no better, and says what conversion has lost. Choices of older runs do not have it: it was accuracy.
    #[serde(default)]
    pub selection: Selection,
    /// By what the loss of a text is multiplied, by its class, wherever there is training: "none", "balanced" or a
    /// weight for each class by its name.
    #[serde(default)]
    pub class_weights: ClassWeights,
    /// The network.
    pub network: NetworkChoices,
    /// Words and their codes.
    pub words: WordChoices,
    /// Training of the real-valued network.
    pub dnn: DnnChoices,
    /// Conversion to spikes.
    pub conversion: ConversionChoices,
    /// Fine-tuning of the spiking network.
    pub fine_tuning: FineTuningChoices,
    /// First weights of a network that is trained directly.
    pub direct: DirectChoices,
    /// Codes of few active inputs and training with them, where the encoder is `winners`.
    #[serde(default)]
    pub sparse: SparseChoices,
    /// What is learnt from a teacher whose answers come with the texts, in all training; without one it means nothing.
    #[serde(default)]
    pub teacher: Distillation,
}

/// Which measure on the development texts selects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Selection {
    /// Accuracy, as published.
    #[default]
    Accuracy,
    /// The sum of accuracy, macro F1 and the share of classes that are answered at all: a class that never is counts as
    /// if its F1 were -1. Conversion has lost the larger of what accuracy and balanced accuracy (the mean of the classes' recall) have lost.
    Balanced,
}

/// The network's shape and neurons.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", expecting = "a table of fields")]
pub struct NetworkChoices {
    /// Kernel widths in tokens.
    pub widths: Vec<usize>,
    /// Channels of each width.
    pub filters: usize,
    /// Further convolution layers over the positions of the first, which then has one width.
    #[serde(default)]
    pub convolutions: usize,
    /// Kernel width in positions of the further convolutions.
    #[serde(default = "usual_width")]
    pub convolution_width: usize,
    /// Further convolutions of a residual block: what goes in also drives the last of them. 0 makes no blocks.
    #[serde(default)]
    pub residual_block: usize,
    /// Whether pooled spikes drive a neuron a channel; otherwise they go straight into what follows.
    #[serde(default = "yes")]
    pub features: bool,
    /// Neurons of each dense layer before the read-out.
    #[serde(default)]
    pub hidden: Vec<usize>,
    /// Bits of a synapse.
    #[serde(default)]
    pub synapse_bits: SynapseBits,
    /// Output neurons of each class.
    pub outputs_per_class: usize,
    /// Whether convolution and outputs have biases.
    pub biases: bool,
    /// Time steps T.
    pub steps: usize,
    /// How words become spikes.
    pub encoder: Encoder,
    /// Over which positions features are averaged.
    pub averaging: Padding,
    /// How outputs are read.
    pub readout: Readout,
    /// Share of the membrane kept from step to step.
    pub beta: f32,
    /// Firing threshold.
    pub threshold: f32,
    /// First membrane as a share of the threshold.
    pub initial: f32,
    /// What a spike does to the membrane.
    pub reset: Reset,
    /// Whether the gradient ignores the reset.
    pub detach_reset: bool,
    /// What stands in for the derivative of firing.
    pub surrogate: Surrogate,
}

/// Words and their codes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", expecting = "a table of fields")]
pub struct WordChoices {
    /// Beside the words of the training texts, this many of the vector file's first (most frequent) words are kept.
    pub also_first: usize,
    /// What an unknown word does.
    pub unknown: UnknownWord,
    /// Whether training sees rates as `2 k (r - 1/2)`, which conversion folds away exactly (equation 10).
    pub centred: bool,
    /// Deviations k on either side of the mean for which the rates 0 and 1 stand (equation 1). Entries past 3 are cut
    /// whatever it is. Choices of older runs do not have it: it was 3, the published range.
    #[serde(default = "published_range")]
    pub range: f32,
    /// Whether the codes of the training words are trained.
    pub trained: bool,
    /// Bits of a stored code.
    pub bits: CodeBits,
    /// Tokens of a training text that training reads, which bounds the memory of a step; 0 reads all, as runs did before
    /// there was a bound. Development and test texts, and those of the finished network, are read whole.
    #[serde(default)]
    pub longest: usize,
    /// Training words without a vector that occur at least so often get a code of their own, all rates 1/2 at first;
    /// 0 gives none. Only where codes are trained.
    pub fresh_from: usize,
    /// Dimensions of random vectors (only for `--vectors random`).
    pub random_dimension: usize,
}

fn usual_width() -> usize {
    3
}

fn yes() -> bool {
    true
}

fn published_range() -> f32 {
    3.0
}

/// Training of the real-valued network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", expecting = "a table of fields")]
pub struct DnnChoices {
    /// Average, or average up to 1 (`bounded`); or maximum (the original TextCNN), which cannot be converted.
    pub pooling: Pooling,
    /// Most epochs: a number, or `{ least = 14, steps-per-class = 250, most-steps = 4000 }` for 14 and as many as make 250
    /// steps for each class, up to 4,000.
    pub epochs: Epochs,
    /// Epochs that are no better on the development texts (`selection`) after which training ends; 0
    /// never ends it early.
    pub patience: usize,
    /// Texts of a step.
    pub batch: usize,
    /// AdamW learning rate.
    pub learning_rate: f64,
    /// AdamW learning rate of the word codes.
    pub code_learning_rate: f64,
    /// AdamW weight decay.
    pub weight_decay: f32,
    /// Share of pooled features dropped in training.
    pub dropout: f32,
    /// Share of the distinct words of a batch whose codes are dropped in training (Gal and Ghahramani 2016).
    pub word_dropout: f32,
    /// Whether the learning rates fall to zero over the epochs along a half cosine (Loshchilov and Hutter 2017).
    pub cosine: bool,
}

/// Conversion to spikes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", expecting = "a table of fields")]
pub struct ConversionChoices {
    /// How activations are brought into the range of firing rates.
    pub normalisation: Normalisation,
    /// Whether a threshold serves a layer or a channel.
    pub scope: Scope,
    /// Training texts on which activations are measured.
    pub calibration_texts: usize,
}

/// How activations are brought into the range of firing rates.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Normalisation {
    /// Weights are copied as they are.
    #[serde(deserialize_with = "no_fields")]
    None,
    /// The paper's model-based rule: convolution weights of each width divided by their largest.
    #[serde(deserialize_with = "no_fields")]
    Model,
    /// The paper's data-based rule: weights divided by the largest activation of their layer on the calibration
    /// texts.
    #[serde(deserialize_with = "no_fields")]
    Data,
    /// Thresholds at the q-quantile of the pre-activations on the calibration texts (equation 9); q = 1 is the
    /// largest.
    Percentile {
        /// The quantile in (0, 1]. In double precision, so that 0.99 of 100 values is the 99th of them.
        q: f64,
    },
}

/// What one threshold serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// A whole layer.
    Layer,
    /// Each channel its own.
    Channel,
}

/// Fine-tuning of the spiking network by surrogate gradients.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", expecting = "a table of fields")]
pub struct FineTuningChoices {
    /// Points that conversion must have lost on the development texts (see [`Selection`]); where it lost less and
    /// every class that the DNN answers is still answered, there is nothing to mend, and the converted network is
    /// kept. 0 fine-tunes always.
    #[serde(default)]
    pub least_loss: f64,
    /// Most epochs, as those of the DNN; 0 leaves the converted network as it is.
    pub epochs: Epochs,
    /// Epochs that are no better on the development texts (`selection`) after which training ends; 0
    /// never ends it early.
    pub patience: usize,
    /// Texts of a step.
    pub batch: usize,
    /// AdamW learning rate.
    pub learning_rate: f64,
    /// AdamW weight decay.
    pub weight_decay: f32,
    /// Share of feature spikes dropped in training (whole features, for all steps of a text).
    pub dropout: f32,
    /// Whether the learning rate falls to zero over the epochs along a half cosine.
    pub cosine: bool,
    /// Whether biases learn, from zero where the DNN has none: in the published code the spiking network has biases
    /// and the DNN that it is made from does not.
    pub biases: bool,
}

/// First weights of a spiking network that is trained without a DNN before it: uniform within `gain / sqrt(fan-in)`,
/// and then moved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", expecting = "a table of fields")]
pub struct DirectChoices {
    /// Bound of the weights times the square root of their inputs: 1 is PyTorch's, sqrt(6) that of He et al. (2015)
    /// for rectifiers.
    pub gain: f32,
    /// Added to each convolution weight.
    pub convolution_shift: f32,
    /// Added to each output weight.
    pub output_shift: f32,
}

/// A step of a run that is kept for others: what [`Recipe::for_step`] and identities tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// Looking up words.
    Preparation,
    /// Training of the real-valued network.
    Dnn,
    /// Its conversion to spikes.
    Conversion,
    /// Fine-tuning of the converted network.
    FineTuning,
    /// Training of a spiking network from its first weights.
    Direct,
}

impl Recipe {
    /// The names [`Self::named`] knows.
    pub const NAMES: [&'static str; 5] = ["lean", "paper", "pooled", "deep", "sparse"];

    /// A recipe by name: a file of the folder `recipes`.
    ///
    /// # Errors
    /// If there is none of that name; the message lists those there are.
    pub fn named(name: &str) -> Result<Self> {
        let known = Self::NAMES.iter().position(|known| *known == name).ok_or_else(|| Error::UnknownName {
            what: "recipe",
            name: name.to_owned(),
            known: Self::NAMES.iter().map(ToString::to_string).collect(),
        })?;
        Ok(toml::from_str(TEXTS[known]).expect("a test reads the files that come with the program"))
    }

    /// What works best.
    #[must_use]
    pub fn lean() -> Self {
        Self::named("lean").expect("one of the names")
    }

    /// The published method (Lv, Xu and Zheng 2023).
    #[must_use]
    pub fn paper() -> Self {
        Self::named("paper").expect("one of the names")
    }

    /// The recipe of the original TextCNN (Kim 2014): maximum pooling, with biases.
    #[must_use]
    pub fn original(&self) -> Self {
        let mut recipe = self.clone();
        recipe.dnn.pooling = Pooling::Maximum;
        recipe.network.biases = true;
        recipe
    }

    /// The recipe with what `step` does not look at as `lean` has it. Recipes for which this is the same give the
    /// same result of the step: it is run with this recipe and kept under a hash of it. What is put back here is
    /// named field by field and all else stays, so that a field that is new to a recipe counts until somebody says
    /// otherwise.
    #[must_use]
    pub fn for_step(&self, step: Step) -> Self {
        let lean = Self::lean();
        let mut recipe = Self { name: lean.name, ..self.clone() };
        match step {
            Step::Preparation => {
                let words = recipe.words;
                return Self { words, ..Self::lean() };
            }
            Step::Dnn => {
                let network = &mut recipe.network;
                network.steps = lean.network.steps;
                network.encoder = lean.network.encoder;
                network.readout = lean.network.readout;
                network.beta = lean.network.beta;
                network.threshold = lean.network.threshold;
                network.initial = lean.network.initial;
                network.reset = lean.network.reset;
                network.detach_reset = lean.network.detach_reset;
                network.surrogate = lean.network.surrogate;
                recipe.words.bits = lean.words.bits;
                recipe.conversion = lean.conversion;
                recipe.fine_tuning = lean.fine_tuning;
                recipe.direct = lean.direct;
                recipe.sparse = lean.sparse;
            }
            Step::Conversion => {
                recipe.fine_tuning = lean.fine_tuning;
                recipe.direct = lean.direct;
                recipe.sparse = lean.sparse;
            }
            Step::FineTuning => {
                recipe.direct = lean.direct;
                recipe.sparse = lean.sparse;
            }
            Step::Direct => {
                recipe.conversion = lean.conversion;
                if recipe.learns_codes() {
                    recipe.fine_tuning = lean.fine_tuning;
                    recipe.direct = lean.direct;
                } else {
                    recipe.sparse = lean.sparse;
                }
                if !recipe.has_teacher() {
                    recipe.dnn = lean.dnn;
                }
            }
        }
        recipe
    }

    /// Whether the words' codes are learnt by competition (`network.encoder = "winners"`), so that the network is trained
    /// directly.
    #[must_use]
    pub fn learns_codes(&self) -> bool {
        self.network.encoder == Encoder::Winners
    }

    /// Whether direct training learns from the answers of the DNN too.
    #[must_use]
    pub fn has_teacher(&self) -> bool {
        self.learns_codes() && self.sparse.teacher.weight > 0.0
    }

    /// Lays a TOML file over this recipe; the file may hold any part of one, and `name = "..."` may choose its base.
    ///
    /// # Errors
    /// If the file cannot be read, is not TOML, or holds a field or value that a recipe does not have.
    pub fn with_file(self, path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(Error::read(path))?;
        let broken = |error: toml::de::Error| {
            let line = error.span().map(|span| text[..span.start.min(text.len())].matches('\n').count() as u64 + 1);
            Error::malformed(path, line, "a recipe in TOML", plainly(error.message()))
        };
        let over: toml::Table = text.parse().map_err(broken)?;
        let base = match over.get("name").and_then(toml::Value::as_str) {
            Some(name) if Self::NAMES.contains(&name) => Self::named(name)?,
            _ => self,
        };
        let mut table = base.table();
        lay_over(&mut table, over);
        Self::from_table(table).map_err(|got| Error::malformed(path, None, "fields of a recipe", got))
    }

    /// Sets one field by its dotted name, for example `dnn.epochs=20` or `conversion.normalisation={kind="none"}`.
    ///
    /// # Errors
    /// If there is no such field or the value is not of its kind.
    pub fn with_setting(self, setting: &str) -> Result<Self> {
        with_setting(&self, setting)
    }

    /// Checks what the parts of the network cannot check themselves.
    ///
    /// # Errors
    /// Names the first choice that cannot be.
    pub fn check(&self) -> Result<()> {
        let refuse = |expected: &str, got: String| Err(Error::invalid("recipe", expected, got));
        // Folders are called after it.
        if self.name.trim().is_empty() || self.name.contains(['/', '\\']) || self.name.starts_with('.') {
            return refuse(
                "a name without slashes that does not begin with a dot",
                format!("'{}'", self.name.escape_debug()),
            );
        }
        if self.dnn.batch == 0 || self.fine_tuning.batch == 0 {
            return refuse("batches of at least 1 text", "0".into());
        }
        if self.dnn.epochs.bounds()[0] == 0 {
            return refuse("at least 1 epoch of DNN training", "0".into());
        }
        for (what, epochs) in [("dnn.epochs", self.dnn.epochs), ("fine-tuning.epochs", self.fine_tuning.epochs)] {
            let [_, most] = epochs.bounds();
            if most > Epochs::MOST {
                return refuse(&format!("{what} up to {}", Epochs::MOST), most.to_string());
            }
        }
        if !(0.0..=100.0).contains(&self.fine_tuning.least_loss) {
            return refuse("fine-tuning.least-loss from 0 to 100", self.fine_tuning.least_loss.to_string());
        }
        for (what, share) in [
            ("dnn.dropout", self.dnn.dropout),
            ("dnn.word-dropout", self.dnn.word_dropout),
            ("fine-tuning.dropout", self.fine_tuning.dropout),
        ] {
            if !(0.0..1.0).contains(&share) {
                return refuse("a dropout from 0 to below 1", format!("{what} = {share}"));
            }
        }
        for rate in [self.dnn.learning_rate, self.dnn.code_learning_rate, self.fine_tuning.learning_rate] {
            if !(rate.is_finite() && rate >= 0.0) {
                return refuse("learning rates of at least 0", rate.to_string());
            }
        }
        if !(self.words.range > 0.0 && self.words.range <= published_range()) {
            return refuse("words.range above 0 and up to 3 deviations", self.words.range.to_string());
        }
        self.class_weights.check()?;
        self.teacher.check("teacher")?;
        if self.learns_codes() {
            self.sparse.check()?;
            let network = &self.network;
            let plain = !network.features && network.convolutions == 0 && network.hidden.is_empty();
            if !plain || network.readout != Readout::Membrane {
                return refuse(
                    "network.features=false, network.readout=membrane, and no further layers, where \
                     network.encoder=winners (--recipe sparse has it so)",
                    format!(
                        "features={}, convolutions={}, hidden={:?}, readout={}",
                        network.features,
                        network.convolutions,
                        network.hidden,
                        if network.readout == Readout::Membrane { "membrane" } else { "spike-count" }
                    ),
                );
            }
        }
        self.network.encoder.check_steps(self.network.steps)?;
        for number in [self.direct.gain, self.direct.convolution_shift, self.direct.output_shift] {
            if !number.is_finite() {
                return refuse("finite numbers for the first weights (direct)", number.to_string());
            }
        }
        if let Normalisation::Percentile { q } = self.conversion.normalisation
            && !(q > 0.0 && q <= 1.0)
        {
            return refuse("a quantile above 0 and up to 1", q.to_string());
        }
        if self.conversion.calibration_texts == 0 {
            return refuse("at least 1 calibration text", "0".into());
        }
        if !(1..=1 << 14).contains(&self.words.random_dimension) {
            return refuse("random vectors of 1 to 16384 dimensions", self.words.random_dimension.to_string());
        }
        Ok(())
    }

    /// Every field, as a model or a result keeps it.
    ///
    /// # Panics
    /// Never: a recipe has only values that JSON can hold.
    #[must_use]
    pub fn to_choices(&self) -> Map<String, Value> {
        // By way of its text: 0.1 in single precision would become 0.10000000149011612 otherwise.
        let text = serde_json::to_string(self).expect("a recipe has only values that JSON can hold");
        serde_json::from_str(&text).expect("JSON that was just written")
    }

    /// The recipe as TOML, every field present.
    #[must_use]
    pub fn to_toml(&self) -> String {
        toml::to_string_pretty(self).expect("a recipe has only values that TOML can hold")
    }

    fn table(&self) -> toml::Table {
        toml::Table::try_from(self).expect("a recipe has only values that TOML can hold")
    }

    fn from_table(table: toml::Table) -> std::result::Result<Self, String> {
        table.try_into().map_err(|error: toml::de::Error| plainly(error.message()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recipes_survive_toml_and_json() {
        for name in Recipe::NAMES {
            let recipe = Recipe::named(name).expect("a named recipe");
            assert_eq!(recipe.name, name);
            recipe.check().expect("sound");
            let choices = recipe.to_choices();
            assert_eq!(choices["direct"]["gain"].to_string(), "1.0");
            assert_eq!(serde_json::from_value::<Recipe>(choices.into()).expect("its own JSON"), recipe);
            assert_eq!(toml::from_str::<Recipe>(&recipe.to_toml()).expect("its own TOML"), recipe);
        }
    }

    #[test]
    fn classes_are_weighed_by_a_word_or_by_their_names() {
        let set = |setting: &str| Recipe::lean().with_setting(setting);
        assert_eq!(set("class-weights=balanced").expect("a word").class_weights, ClassWeights::Balanced);
        let each = set("class-weights={ok=1, \"a b\"=2.5}").expect("names");
        let weights = [("ok".to_owned(), 1.0), ("a b".to_owned(), 2.5)];
        assert_eq!(each.class_weights, ClassWeights::Each(weights.into_iter().collect()));
        assert_eq!(toml::from_str::<Recipe>(&each.to_toml()).expect("its own TOML"), each);
        assert_eq!(serde_json::from_value::<Recipe>(each.to_choices().into()).expect("its own JSON"), each);
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("own.toml");
        std::fs::write(&path, each.to_toml()).expect("written");
        assert_eq!(Recipe::lean().with_file(&path).expect("its own file"), each);
        let error = set("class-weights={ok=0}").expect("a number").check().expect_err("no weight").to_string();
        assert!(error.contains("'ok'"), "{error}");
        let measures = Recipe::NAMES.map(|name| Recipe::named(name).expect("a recipe").selection);
        assert_eq!(measures.map(|measure| measure == Selection::Balanced), [true, false, true, true, true]);
    }

    #[test]
    fn choices_that_cannot_be_are_refused() {
        for (settings, word) in [
            (&["network.encoder=phase", "network.steps=12"][..], "periods"),
            (&["direct.gain=nan"], "first weights"),
            (&["words.range=0"], "range"),
            (&["words.range=3.5"], "range"),
            (&["dnn.dropout=1.0"], "dropout"),
            (&["dnn.epochs=1000001"], "dnn.epochs up to"),
            (&["name=\"../evil\""], "without slashes"),
            (&["name=\" \""], "without slashes"),
            (&["fine-tuning.epochs=9000000000000000000"], "fine-tuning.epochs up to"),
            (&["conversion.normalisation.q=0.0"], "quantile"),
        ] {
            let set = |recipe: Recipe, setting: &&str| recipe.with_setting(setting).expect(setting);
            let error = settings.iter().fold(Recipe::lean(), set).check().expect_err(word).to_string();
            assert!(error.contains(word), "{settings:?}: {error}");
        }
    }

    #[test]
    fn a_file_holds_any_part_and_unknown_fields_are_refused() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("own.toml");
        std::fs::write(&path, "name = \"paper\"\n[dnn]\nepochs = 3\n").expect("written");
        let recipe = Recipe::lean().with_file(&path).expect("a good file");
        assert_eq!((recipe.name.as_str(), recipe.dnn.epochs, recipe.network.steps), ("paper", Epochs::Number(3), 50));
        std::fs::write(&path, "[dnn]\nepoks = 3\n").expect("written");
        assert!(Recipe::lean().with_file(&path).expect_err("a bad field").to_string().contains("epoks"));
        let data_rule = "[conversion]\nnormalisation = { kind = \"data\", q = 0.9 }\n";
        std::fs::write(&path, data_rule).expect("written");
        assert!(Recipe::lean().with_file(&path).expect_err("a field too many").to_string().contains("`q`"));
        std::fs::write(&path, "[dnn]\n\nepochs = = 3\n").expect("written");
        assert!(Recipe::lean().with_file(&path).expect_err("not TOML").to_string().contains("own.toml:3"));
    }
}
