//! Which texts there are already, by the hash that splits go by: case, width and blanks tell no two texts apart.

use std::collections::hash_map::Entry;

use rustc_hash::FxHashMap;

/// What is known of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    HeldOut,
    /// A text of the input, varied or not.
    Input {
        varied: bool,
    },
    Written,
}

/// What is to be done with a new text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing like it was there.
    New,
    /// It is one that was made before.
    Repeated,
    /// It is a text of the input.
    Input,
    /// It is a text that is held out.
    HeldOut,
}

/// Hashes of texts ([`text_hash`](crate::data::text_hash)): 16 bytes each, roughly, and no text.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    known: FxHashMap<u64, Known>,
}

impl Seen {
    /// Takes note of a text that must not come out, nor be varied.
    pub fn hold_out(&mut self, hash: u64) {
        self.known.insert(hash, Known::HeldOut);
    }

    /// Takes note of a text of the input; it may be held out.
    pub fn input(&mut self, hash: u64) {
        self.known.entry(hash).or_insert(Known::Input { varied: false });
    }

    /// Whether a text of the input is to be varied: it is not held out, and did not come before. To be asked once for
    /// each.
    pub fn varies(&mut self, hash: u64) -> Verdict {
        match self.known.entry(hash).or_insert(Known::Input { varied: false }) {
            Known::HeldOut => Verdict::HeldOut,
            Known::Input { varied } if !*varied => {
                *varied = true;
                Verdict::New
            }
            _ => Verdict::Repeated,
        }
    }

    /// Whether a text that was made may be written, which is taken note of.
    pub fn judge(&mut self, hash: u64) -> Verdict {
        match self.known.entry(hash) {
            Entry::Vacant(place) => {
                place.insert(Known::Written);
                Verdict::New
            }
            Entry::Occupied(there) => match there.get() {
                Known::HeldOut => Verdict::HeldOut,
                Known::Input { .. } => Verdict::Input,
                Known::Written => Verdict::Repeated,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_comes_out_once_and_never_if_it_was_there() {
        let mut seen = Seen::default();
        seen.hold_out(1);
        [1, 2, 2].into_iter().for_each(|hash| seen.input(hash));
        assert_eq!([1, 2, 2].map(|hash| seen.varies(hash)), [Verdict::HeldOut, Verdict::New, Verdict::Repeated]);
        assert_eq!(
            [1, 2, 3, 3].map(|hash| seen.judge(hash)),
            [Verdict::HeldOut, Verdict::Input, Verdict::New, Verdict::Repeated]
        );
    }
}
