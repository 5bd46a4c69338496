//! Data sets and word vectors from their official addresses, or from a mirror, into a folder.
//!
//! [`Downloader`] brings one file: it goes on where it was stopped, tries again when a connection breaks, and
//! compares size and sum on the way. [`fetch`] brings an [`Item`] of the [`catalogue`]: it unpacks and converts what
//! came into the files that [`spiketext::data`] reads. A file appears under its name only when it is whole and
//! checked.

mod archive;
pub mod cache;
pub mod catalogue;
mod download;
mod error;
mod item;
mod part;
mod remote;

pub use download::{Downloader, Event};
pub use error::{Error, Result};
pub use item::{Content, Item, Member, Options, Outcome, TreeFile, fetch};
pub use remote::Remote;
