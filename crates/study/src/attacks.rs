//! Cells that attack a network: which attack, on how many texts, and what noise its questions meet.

use std::num::NonZeroUsize;

use serde::{Deserialize, Serialize};
use spiketext::{Error, Result, score::NoisePolicy};
use spiketext_attack::{AttackRecipe, Protocol, Record, Resources, Subject, Summary, Victim, trial};
use spiketext_train::recipe::with_setting;

pub use crate::cell::Noise;
use crate::cell::{AttackResult, AttackSettings, NoiseSettings};

/// The choices of an attack.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct AttackChoices {
    /// The attack.
    pub name: AttackRecipe,
    /// The largest share of words that may change, in the paper's own protocol; 0 for the parameters of the attack's
    /// publication.
    pub share: f64,
    /// What noise a question meets.
    pub noise: Noise,
    /// With [`Noise::Mean`]: draws that are averaged.
    pub draws: NonZeroUsize,
    /// Draws of noise that judge a text before and after.
    pub judges: usize,
    /// Test texts, evenly spread.
    pub texts: usize,
}

/// Draws that are averaged unless a study says otherwise.
const DRAWS: NonZeroUsize = NonZeroUsize::new(8).unwrap();

impl Default for AttackChoices {
    fn default() -> Self {
        Self {
            name: AttackRecipe::DeepWordBug,
            share: 0.0,
            noise: Noise::Fixed,
            draws: DRAWS,
            judges: 15,
            texts: 200,
        }
    }
}

impl AttackChoices {
    /// Sets one field, as in `texts=50`.
    ///
    /// # Errors
    /// If there is no such field or the value is not of its kind.
    pub fn with_setting(&self, setting: &str) -> Result<Self> {
        with_setting(self, setting)
    }

    /// Checks what can be.
    ///
    /// # Errors
    /// Names the first field that cannot.
    pub fn check(&self) -> Result<()> {
        let refuse = |expected: &str, got: String| Err(Error::invalid("attack", expected, got));
        if !(0.0..=1.0).contains(&self.share) {
            return refuse("a share from 0 to 1", self.share.to_string());
        }
        for (what, number) in [("judges", self.judges), ("texts", self.texts)] {
            if number == 0 {
                return refuse(&format!("{what} from 1"), number.to_string());
            }
        }
        Ok(())
    }

    /// As a cell tells it; `noisy` says whether the network has noise.
    #[must_use]
    pub fn settings(&self, noisy: bool) -> AttackSettings {
        AttackSettings {
            name: self.name.name().to_owned(),
            share: self.share,
            texts: self.texts,
            noise: noisy.then(|| NoiseSettings {
                policy: self.noise,
                draws: (self.noise == Noise::Mean).then_some(self.draws),
                judges: self.judges,
            }),
        }
    }

    /// With which parameters it runs.
    #[must_use]
    pub fn protocol(&self) -> Protocol {
        if self.share > 0.0 { Protocol::SpikingPaper { share: self.share } } else { Protocol::Published }
    }

    /// Where its questions take their noise from.
    #[must_use]
    pub fn noise_policy(&self) -> NoisePolicy {
        match self.noise {
            Noise::Fixed => NoisePolicy::Fixed,
            Noise::Fresh => NoisePolicy::Fresh,
            Noise::Mean => NoisePolicy::Mean(self.draws),
        }
    }

    /// Attacks.
    ///
    /// # Errors
    /// If a resource is missing, or the attack is not for the language of the texts.
    pub fn run(
        &self,
        victim: &Victim<'_>,
        resources: &Resources,
        subjects: &[Subject],
        seed: u64,
    ) -> Result<AttackResult> {
        let attack = self.name.build(self.protocol(), victim.model().language(), resources)?;
        let mut records: Vec<Record> = Vec::with_capacity(subjects.len());
        trial::attack(&attack, victim, subjects, seed, &mut |record| {
            records.push(record);
            Ok::<(), Error>(())
        })?;
        let summary = Summary::of(&records);
        Ok(AttackResult {
            texts: summary.texts,
            accuracy: summary.accuracy,
            accuracy_under_attack: summary.accuracy_under_attack,
            judged_accuracy: summary.judged_accuracy,
            judged_accuracy_under_attack: summary.judged_accuracy_under_attack,
            success_rate: summary.success_rate,
            changed_words: summary.changed_words,
            words: summary.words,
            queries: summary.queries,
        })
    }
}
