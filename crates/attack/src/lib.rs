//! Adversarial attacks on text classifiers.
//!
//! An attack changes a few words of a text until a classifier errs. It sees the classifier only through
//! [`Scorer`](spiketext::score::Scorer): texts in, probabilities out. [`words`] cuts a text into what can be exchanged,
//! [`substitution`] says for what, [`limits`] what must not happen, [`attack`] searches, [`recipe`] names the published
//! combinations, [`trial`] runs many texts and sums up.
//!
//! Sources and parameters of each attack: `docs/attacks.md`.

pub mod attack;
pub mod limits;
pub mod recipe;
pub mod substitution;
pub mod trial;
pub mod words;

pub use attack::{Attack, Attempt, Change, Ending, Ranking, Search};
pub use recipe::{Protocol, Recipe, Resources};
pub use trial::{Record, Subject, Summary, Votes};
