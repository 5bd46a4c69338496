//! Spiking neural networks that classify text.
//!
//! The modules follow a text through the program, each knowing only those before it.

pub mod error;
pub mod files;
pub mod seed;
pub mod slices;
pub mod target;

pub mod text;
pub mod vectors;

pub mod encode;
pub mod network;

mod loss;

pub mod engine;

pub mod energy;

pub mod dnn;

pub mod model;

pub mod score;

pub mod data;

pub use error::{Error, Result};
pub use target::Target;
