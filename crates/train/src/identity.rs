//! Names for what is kept: hashes of all that decides it.
//!
//! A finished step is kept under the hash of its inputs: the recipe as [`Recipe::for_step`] leaves it, the seed, the
//! texts and the rates of their words. The recipe is serialised whole, so that a field that is new to it decides too;
//! no name lists fields.

use serde::Serialize;
use sha2::{Digest, Sha256};
use spiketext::{
    Result,
    data::{LabelledTexts, Split},
};

use crate::{
    prepare::PreparedData,
    recipe::{Recipe, Step},
};

/// A hash that grows part by part.
#[derive(Clone)]
pub struct Identity(Sha256);

impl Identity {
    /// Of nothing yet but `what` is named, so that things of different kinds never share a name.
    #[must_use]
    pub fn of(what: &str) -> Self {
        Self(Sha256::new()).bytes(what.as_bytes())
    }

    /// With bytes behind their length: parts cannot run into each other.
    #[must_use]
    pub fn bytes(mut self, bytes: &[u8]) -> Self {
        self.add(bytes);
        self
    }

    fn add(&mut self, bytes: &[u8]) {
        self.0.update((bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
    }

    /// With every field of a value.
    ///
    /// # Panics
    /// If JSON cannot hold it; choices and names are made of what it can.
    #[must_use]
    pub fn value(self, value: &impl Serialize) -> Self {
        self.bytes(&json(value))
    }

    /// With what `step` looks at of a recipe.
    #[must_use]
    pub fn step(self, step: Step, recipe: &Recipe) -> Self {
        self.value(&step).value(&recipe.for_step(step))
    }

    /// With the texts of a data set and their classes.
    ///
    /// # Errors
    /// If texts cannot be read again.
    pub fn texts(mut self, texts: &dyn LabelledTexts) -> Result<Self> {
        for part in Split::ALL {
            texts.each_block(part, &mut |block| {
                for example in block {
                    self.add(example.text.as_bytes());
                    self.add(&json(&example.target));
                }
                Ok(())
            })?;
            self = self.bytes(&[]);
        }
        Ok(self.value(&texts.labels()))
    }

    /// With the words that were looked up and their rates.
    #[must_use]
    pub fn words(self, prepared: &PreparedData) -> Self {
        let named = self.bytes(prepared.vocabulary.to_text().as_bytes()).bytes(prepared.language.name().as_bytes());
        named.bytes(bytemuck::cast_slice(&prepared.rates[..]))
    }

    /// 128 bits of it in hexadecimal digits: a name for a file.
    #[must_use]
    pub fn name(self) -> String {
        self.0.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
    }
}

fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("choices have only values that JSON can hold")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_do_not_run_into_each_other() {
        let name = |parts: [&str; 2]| {
            parts.iter().fold(Identity::of("x"), |identity, part| identity.bytes(part.as_bytes())).name()
        };
        assert_ne!(name(["ab", "c"]), name(["a", "bc"]));
        assert_ne!(Identity::of("x").name(), Identity::of("y").name());
        assert_eq!(name(["ab", "c"]).len(), 32);
    }

    #[test]
    fn every_field_of_a_recipe_that_a_step_looks_at_decides_its_name() {
        let lean = Recipe::lean();
        let name = |recipe: &Recipe, step| Identity::of("x").step(step, recipe).name();
        let steps = [Step::Dnn, Step::Conversion, Step::FineTuning, Step::Direct];
        for (setting, decides) in [
            ("network.filters=99", [true; 4]),
            ("network.widths=[3]", [true; 4]),
            ("network.outputs-per-class=2", [true; 4]),
            ("network.biases=false", [true; 4]),
            ("network.averaging={kind=\"padded\",length=9}", [true; 4]),
            ("words.trained=false", [true; 4]),
            ("selection=accuracy", [true; 4]),
            ("class-weights=balanced", [true; 4]),
            ("class-weights={a=2.0}", [true; 4]),
            ("words.unknown=mean", [true; 4]),
            ("words.bits=\"16\"", [false, true, true, true]),
            ("network.steps=4", [false, true, true, true]),
            ("network.encoder=bernoulli", [false, true, true, true]),
            ("network.readout=spike-count", [false, true, true, true]),
            ("network.beta=0.9", [false, true, true, true]),
            ("network.surrogate={kind=\"triangle\",slope=1.0}", [false, true, true, true]),
            ("dnn.epochs=3", [true, true, true, false]),
            ("conversion.normalisation={kind=\"none\"}", [false, true, true, false]),
            ("fine-tuning.epochs=0", [false, false, true, true]),
            ("direct.gain=2.0", [false, false, false, true]),
            ("name=other", [false; 4]),
        ] {
            let other = lean.clone().with_setting(setting).expect(setting);
            assert_eq!(steps.map(|step| name(&other, step) != name(&lean, step)), decides, "{setting}");
        }
    }
}
