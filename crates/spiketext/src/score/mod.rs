//! Texts to probabilities: all that an examiner from outside, an attack say, sees of a classifier.
//!
//! [`Scorer`] is the classifier. [`ModelScorer`] is the spiking network of a model, whose noise follows a
//! [`NoisePolicy`]; [`DnnScorer`] the real-valued network beside it; [`votes`] asks a model under noise that no
//! scorer has met. Scorers that can look inside say to first order what a [`Substitution`] would do.

mod dnn;
mod model;
mod noise;
mod substitution;
mod votes;

pub use dnn::DnnScorer;
pub use model::ModelScorer;
pub use noise::NoisePolicy;
pub use substitution::Substitution;
pub use votes::votes;

use crate::target::Target;

/// A classifier that can be questioned.
pub trait Scorer: Send {
    /// The names of its classes.
    fn labels(&self) -> &[String];

    /// A new examination begins, by its number. Answers may depend on that number and on the questions asked since
    /// then, and on nothing else, so that examinations can go on side by side.
    fn begin(&mut self, examination: u64);

    /// A probability for each class, for each text.
    fn score(&mut self, texts: &[String]) -> Vec<Vec<f32>>;

    /// To first order, by how much the loss of a text of this target would grow with each substitution, negative
    /// infinity where that cannot be told. `None` from a classifier that does not show its inside.
    fn first_order(&mut self, text: &str, target: &Target, substitutions: &[Substitution]) -> Option<Vec<f32>> {
        let _ = (text, target, substitutions);
        None
    }
}
