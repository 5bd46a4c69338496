//! Training: from labelled texts to a spiking classifier.
//!
//! [`train`] is the main job: cut and encode the texts, train a TextCNN, convert it, fine-tune the spiking network,
//! measure, as `steps` has them one by one. The modules follow that order; `layers` and `kernel_operation` join the
//! hand-written kernels to Burn.

pub mod convert;
pub mod dnn;
pub mod events;
pub mod fine_tune;
pub mod graph;
pub mod kernel_operation;
pub mod layers;
pub mod loss;
mod network;
pub mod optimiser;
pub mod prepare;
pub mod recipe;
mod run;
mod schedule;
pub mod steps;
mod store;

pub use network::network_config;
pub use prepare::VectorSource;
pub use recipe::Recipe;
pub use run::{CHECKPOINT, Options, check, train, train_both};
pub use schedule::{Batches, Trainable, TrainingHistory};
pub use store::Store;
