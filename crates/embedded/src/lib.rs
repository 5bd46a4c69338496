//! A spiking text classifier in whole numbers, for machines that have neither an operating system nor floating point.
//!
//! [`Image`] reads a model out of bytes that lie where they lie (flash, say): nothing is copied, nothing is allocated.
//! [`Reader`] takes the words of a text one by one, as events: the inputs of a word that spike add their weights to the
//! membranes of the positions that see it; a position whose last word has come fires or does not, and is forgotten. So
//! memory does not grow with the text.
//!
//! ```text
//! word --its k inputs-->  membrane[p, f] += W[input, tap, f]      for each kernel width, tap and filter f
//! last tap of p   -->     count[f] += 1  if membrane[p, f] > threshold[f]
//! end of the text -->     score[class] = sum of count[f] V[f, class] + tokens bias[class]      the largest wins
//! ```
//!
//! Scores are those of the network that the image was made of, times the tokens of the text and the unit of the read-out.
//! Images are written by `spiketext embed MODEL` (feature `write` here).
//!
//! ```
//! # fn image() -> Vec<u8> { include_bytes!("../tests/reviews.image").to_vec() }
//! use spiketext_embedded::{Image, Reader};
//!
//! let bytes = image();
//! let image = Image::read(&bytes).expect("an image");
//! let mut memory = [0; 1024];
//! let mut reader = Reader::new(&image, &mut memory).expect("memory enough");
//! reader.text("a warm and funny film");
//! let answer = reader.answer();
//! assert_eq!(image.label(answer.class), Some("positive"));
//! ```
#![no_std]

#[cfg(any(test, feature = "write"))]
extern crate alloc;

mod image;
mod reader;
mod words;
#[cfg(any(test, feature = "write"))]
pub mod write;

pub use image::{Image, ReadError};
pub use reader::{Answer, Reader};
pub use words::{parts, pieces, spellings};
