//! Models as files of the Neuromorphic Intermediate Representation (NIR), and back.
//!
//! ```text
//! file       HDF5 <-> nodes with plain fields                     bounded: files may come from anywhere
//! graph      nodes that this program knows, and their chain       shapes checked, what is not known is named
//! target     for whom a file is written, and how it is run there
//! simulate   a chain run step by step, as a reader would
//! layout     what the inputs of an exported network mean, and the spike trains of a text
//! export     a model -> a graph
//! import     a graph, changed elsewhere -> the model it was exported from, with other weights
//! answers    texts and what a file answers, as arrays to check a reader against
//! npz        spike trains and answers as NumPy arrays
//! ```
//!
//! What readers make of NIR, and how they agree: `docs/interchange.md`.

pub mod answers;
pub mod array;
pub mod export;
pub mod file;
pub mod graph;
pub mod import;
pub mod layout;
pub mod npz;
pub mod simulate;
pub mod target;

pub use export::{Export, export};
pub use graph::{Flaw, Graph};
pub use import::{Import, import_like};
pub use layout::Layout;
pub use simulate::{Recording, Simulator};
pub use target::Target;
