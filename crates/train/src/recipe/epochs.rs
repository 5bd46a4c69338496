//! How long a phase of training is: a number of epochs, or as many as the size of the data asks for.

use serde::{Deserialize, Serialize};

/// The most epochs of a phase of training.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "expected a number, or { least, steps-per-class, most-steps }")]
pub enum Epochs {
    /// So many.
    Number(usize),
    /// As many as the size of the data asks for.
    BySize(EpochsBySize),
}

/// Epochs of large data, more of small data, and the more classes it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct EpochsBySize {
    /// So many at least, whatever their steps,
    pub least: usize,
    /// and as many as make so many steps for each class,
    pub steps_per_class: usize,
    /// but not for more steps than these in all.
    pub most_steps: usize,
}

impl EpochsBySize {
    /// The steps that there are at least for so many classes.
    fn steps(self, classes: usize) -> usize {
        self.steps_per_class.saturating_mul(classes).min(self.most_steps)
    }
}

impl From<usize> for Epochs {
    fn from(epochs: usize) -> Self {
        Self::Number(epochs)
    }
}

impl Epochs {
    /// Most epochs of a phase: no run needs more, and steps of a phase can be counted.
    pub(super) const MOST: usize = 1_000_000;

    /// How many for so many texts of so many classes in batches of `batch`.
    #[must_use]
    pub fn of(self, texts: usize, classes: usize, batch: usize) -> usize {
        match self {
            Self::Number(epochs) => epochs,
            Self::BySize(by_size) => {
                let steps_of_an_epoch = texts.div_ceil(batch.max(1)).max(1);
                by_size.least.max(by_size.steps(classes).div_ceil(steps_of_an_epoch))
            }
        }
    }

    /// The fewest and the most there may be for any data.
    pub(super) fn bounds(self) -> [usize; 2] {
        match self {
            Self::Number(epochs) => [epochs; 2],
            Self::BySize(by_size) => {
                let least = by_size.least;
                [least.max(by_size.steps(1).min(1)), least.max(by_size.most_steps)]
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Recipe;

    #[test]
    fn epochs_are_a_number_or_follow_the_size_of_the_data() {
        let by_size = Epochs::BySize(EpochsBySize { least: 14, steps_per_class: 250, most_steps: 4000 });
        let of = |texts| by_size.of(texts, 8, 32);
        assert_eq!([64_000, 3200, 320, 1, 0].map(of), [14, 20, 200, 2000, 2000]);
        assert_eq!([2, 16, 300].map(|classes| by_size.of(320, classes, 32)), [50, 400, 400]);
        assert_eq!(Epochs::Number(3).of(1, 2, 32), 3);
        let set = |setting: &str| Recipe::lean().with_setting(setting);
        let chosen = set("dnn.epochs={least=2, steps-per-class=35, most-steps=999}").expect("by size");
        assert_eq!(chosen.dnn.epochs.of(320, 2, 32), 7);
        assert_eq!(toml::from_str::<Recipe>(&chosen.to_toml()).expect("its own TOML"), chosen);
        assert_eq!(serde_json::from_value::<Recipe>(chosen.to_choices().into()).expect("its own JSON"), chosen);
        let chosen = chosen.with_setting("dnn.epochs.steps-per-class=10").expect("one of them");
        assert_eq!(chosen.dnn.epochs.of(320, 2, 32), 2);
        assert_eq!(chosen.with_setting("dnn.epochs=3").expect("a number").dnn.epochs, Epochs::Number(3));
        for wrong in ["dnn.epochs={least=2, steps=70}", "dnn.epochs.least=no", "dnn.epochs=many"] {
            let error = set(wrong).map(|recipe| recipe.dnn.epochs).expect_err(wrong).to_string();
            assert!(error.contains("dnn.epochs"), "{error}");
        }
        for wrong in ["steps-per-class=0, most-steps=9", "steps-per-class=5, most-steps=1000001"] {
            let recipe = set(&format!("dnn.epochs={{least=0, {wrong}}}")).expect(wrong);
            let error = recipe.check().expect_err(wrong).to_string();
            assert!(error.contains("epoch"), "{error}");
        }
    }
}
