//! Training: from labelled texts to a spiking classifier.
//!
//! [`train`] is the main job: cut and encode the texts, train a TextCNN, convert it, fine-tune the spiking network,
//! measure. `pipeline` puts the `steps` together and keeps what comes of each in a `cache`, under a name by
//! `identity`; `layers`, `row_layers` and `kernel_operation` join the hand-written kernels to Burn.

mod cache;
mod checkpoint;
pub mod class_weights;
pub mod codes;
pub mod convert;
pub mod dnn;
pub mod dropout;
pub mod events;
pub mod fine_tune;
pub mod graph;
pub mod identity;
pub mod kernel_operation;
pub mod layers;
pub mod lesson;
mod network;
pub mod objective;
pub mod optimiser;
pub mod pipeline;
pub mod prepare;
pub mod recipe;
pub mod row_layers;
mod schedule;
pub mod score;
pub mod sparse;
pub mod steps;
mod stop;
mod store;
pub mod teaching;
pub mod texts;
mod thresholds;

pub use cache::{Classifier, StepCache};
pub use checkpoint::{CHECKPOINT, CheckpointNotes};
pub use class_weights::{ClassWeights, WeightFile};
pub use network::network_config;
pub use pipeline::{Options, PROGRAM, Pipeline, SpikingMethod, check, columns, train, train_with_dnn};
pub use prepare::VectorSource;
pub use recipe::Recipe;
pub use schedule::{Batches, Trainable, TrainingHistory};
pub use score::Score;
pub use stop::Stop;
pub use store::Store;
pub use teaching::Teaching;
