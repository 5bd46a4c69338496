//! Adversarial attacks on text classifiers.
//!
//! An attack changes a few words of a text until a classifier errs. It sees the classifier only through
//! [`Scorer`](spiketext::score::Scorer): texts in, probabilities out. [`words`] cuts a text into what can be
//! replaced, [`transformation`] says for what, [`limits`] what must not happen, [`search`] which substitutions are
//! put together, [`recipe`] names the published combinations, [`resources`] finds what they need, [`trial`] runs many
//! texts on a [`victim`] and sums up. White-box attacks also ask for first-order gains.
//!
//! Sources and parameters of each attack: `docs/attacks.md`.

pub mod attack;
pub mod limits;
pub mod recipe;
pub mod resources;
pub mod search;
pub mod transformation;
pub mod trial;
pub mod victim;
pub mod words;

pub use attack::{Attack, Attempt, Change, Ending, Search};
pub use recipe::{AttackRecipe, Protocol};
pub use resources::{Needs, Origins, Resources};
pub use search::Ranking;
pub use trial::{Record, Subject, Summary, Votes};
pub use victim::Victim;
