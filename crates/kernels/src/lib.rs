//! Spike-driven kernels: slices in, slices out.
//!
//! Everything here is arithmetic on plain slices; texts, files and automatic differentiation live in other crates.
//! Each fast kernel stands beside a naive `reference` that says what it computes, is generic over `f32` and `f64`,
//! and stays for ever: tests hold the fast kernel to it.
//!
//! Axes, always in this order: T time step, B batch (text), L token position, D input dimension, P convolution
//! position, C channel (feature map, all widths one after another), K class. Equation numbers are those of
//! `docs/DESIGN.md`.
//!
//! Results do not depend on the number of threads: work is cut into blocks by shape alone and every sum has a fixed
//! order.
//!
//! # Processors
//! Kernels are plain loops over rows of numbers. Each is compiled for AVX-512, for AVX2 and for what every processor
//! of the target has, and the best that the processor can run is chosen when it is called. Feature `portable`
//! compiles the last alone, so that the tests can be run on what older processors get.

macro_rules_attribute::attribute_alias! {
    #[apply(every_processor!)] =
        #[cfg_attr(
            not(feature = "portable"),
            multiversion::multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))
        )];
}

pub mod adamw;
mod batch;
pub mod code_convolution;
pub mod drive;
pub mod feature_bits;
pub mod lanes;
mod look_up;
pub mod matrix;
pub mod neuron;
pub mod neuron_scan;
mod par_map;
pub mod position_rows;
pub mod rounding;
pub mod row_convolution;
mod spike_patterns;
pub mod spike_train;
pub mod spiking_convolution;
pub mod surrogate;
#[cfg(test)]
mod testing;
pub mod text_convolution;
pub mod text_rows;
pub mod winners;
mod workspace;

use batch::ChannelStrip;
pub use batch::{ConvolutionShape, SILENT, TokenBatch};
pub use drive::{Drive, Time};
pub use neuron::{NeuronParameters, Reset};
pub use par_map::par_map;
pub use position_rows::{PositionRows, RowPooling};
pub use spike_train::SpikeTrain;
pub use surrogate::{Fire, Surrogate};
pub use workspace::Workspace;

/// The numbers a reference kernel can be run in: `f32` to compare with the fast kernels, `f64` for finite
/// differences.
pub trait Real:
    Copy
    + PartialOrd
    + std::fmt::Debug
    + std::ops::Add<Output = Self>
    + std::ops::Sub<Output = Self>
    + std::ops::Mul<Output = Self>
    + std::ops::Div<Output = Self>
    + std::ops::Neg<Output = Self>
    + std::ops::AddAssign
    + std::ops::SubAssign
{
    /// Zero.
    const ZERO: Self;
    /// One.
    const ONE: Self;
    /// The nearest number to `value`.
    fn of(value: f32) -> Self;
    /// Absolute value.
    fn abs(self) -> Self;
    /// Arc tangent.
    fn atan(self) -> Self;
}

macro_rules! real {
    ($($float:ty),*) => {$(
        impl Real for $float {
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;
            fn of(value: f32) -> Self {
                value.into()
            }
            fn abs(self) -> Self {
                <$float>::abs(self)
            }
            fn atan(self) -> Self {
                <$float>::atan(self)
            }
        }
    )*};
}
real!(f32, f64);
