//! Which texts a teacher was fitted on, in few words: enough to notice that another's test texts are among them, and too
//! little to make the first line of a file of answers long.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::split::text_hash;

/// So many texts are named one by one, those of the least hashes: as good as drawn by lot, and the same ones in every set
/// that has them.
const NAMED: usize = 256;

/// The texts that something was fitted on: their number, a digest of all, and the hashes of some.
///
/// ```
/// use spiketext::data::teacher::FittedOn;
/// let fitted = FittedOn::of(["a warm film", "a dull one"]);
/// assert_eq!(fitted.holds("A  warm film"), Some(true));
/// assert_eq!(fitted.holds("another one"), Some(false));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FittedOn {
    /// How many different texts.
    pub texts: usize,
    /// SHA-256 over the hashes of all, sorted: 16 hexadecimal digits each and a line end.
    pub sha256: String,
    /// The least of the hashes ([`text_hash`]), ascending, in hexadecimal; at most 256.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub least: Vec<String>,
}

impl FittedOn {
    /// Of these texts.
    pub fn of<'t>(texts: impl IntoIterator<Item = &'t str>) -> Self {
        let hashes: BTreeSet<String> = texts.into_iter().map(named).collect();
        let mut digest = Sha256::new();
        hashes.iter().for_each(|hash| digest.update(format!("{hash}\n")));
        let sha256 = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Self { texts: hashes.len(), sha256, least: hashes.into_iter().take(NAMED).collect() }
    }

    /// Whether `text` is one of them, whatever its case and white space; none if it is not among those that are named and
    /// may be among the others.
    #[must_use]
    pub fn holds(&self, text: &str) -> Option<bool> {
        let hash = named(text);
        if self.least.contains(&hash) {
            return Some(true);
        }
        // All texts below the last that is named are named, and all there are if these are fewer.
        let is_told = self.least.len() >= self.texts || self.least.last().is_some_and(|last| hash < *last);
        is_told.then_some(false)
    }
}

fn named(text: &str) -> String {
    format!("{:016x}", text_hash(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_texts_some_are_told_and_none_wrongly() {
        let text = |i: usize| format!("text number {i}");
        let texts: Vec<String> = (0..3000).map(text).collect();
        let fitted = FittedOn::of(texts.iter().chain(&texts[..50]).map(String::as_str));
        assert_eq!((fitted.texts, fitted.least.len()), (3000, NAMED));
        let told =
            |from: usize, answer| (from..from + 3000).filter(|&i| fitted.holds(&text(i)) == Some(answer)).count();
        assert_eq!((told(0, true), told(0, false), told(3000, true)), (NAMED, 0, 0));
        assert!(told(3000, false) > 150, "of others those with as small hashes are told");
        let reversed = FittedOn::of(texts.iter().rev().map(String::as_str));
        assert_eq!(reversed, fitted, "order is nothing");
        // As examples/teacher/teacher.py has it, for the same.
        assert_eq!(FittedOn::of([" Good film", "good  FILM\n"]).least, ["e1f9a9685be5d557"]);
        assert_ne!(FittedOn::of(texts[1..].iter().map(String::as_str)).sha256, fitted.sha256);
    }
}
