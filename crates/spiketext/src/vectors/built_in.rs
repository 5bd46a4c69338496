//! Compact sets inside the program, one a language, so that it works without any download. `assets/README.md` says
//! what they are.

use std::path::Path;

use super::{Selection, WordVectors};
use crate::{Result, text::Language};

/// The built-in word vectors of `language`, all of them.
///
/// # Errors
/// None in a program that was built whole; the content is checked like that of any file.
pub fn built_in(language: Language) -> Result<WordVectors> {
    let name = format!("built-in vectors-{language}");
    let path = Path::new(&name);
    let mut stream =
        zstd::stream::read::Decoder::with_buffer(language.built_in_vectors()).map_err(crate::Error::read(path))?;
    super::read_stream(path, &mut stream, &Selection::everything())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The cosine of the angle between two words.
    fn cosine(vectors: &WordVectors, a: &str, b: &str) -> f32 {
        let vector = |word: &str| vectors.vector(vectors.words.id(word).unwrap()).unwrap();
        let product = |x: &[f32], y: &[f32]| x.iter().zip(y).map(|(a, b)| a * b).sum::<f32>();
        let (x, y) = (vector(a), vector(b));
        product(x, y) / (product(x, x) * product(y, y)).sqrt()
    }

    #[test]
    fn words_that_mean_alike_lie_near() {
        let english = built_in(Language::English).unwrap();
        assert!(cosine(&english, "film", "movie") > cosine(&english, "film", "tuesday") + 0.3);
        let chinese = built_in(Language::Chinese).unwrap();
        assert!(cosine(&chinese, "便宜", "实惠") > cosine(&chinese, "便宜", "屏幕") + 0.1);
        for vectors in [english, chinese] {
            assert!(vectors.words.len() >= 20_000);
            assert!(vectors.deviation > 0.0 && vectors.clipped() < 0.02, "{}", vectors.clipped());
        }
    }
}
