//! Substitutions of words in a text as it is written, in terms of the word ids that a network reads.

use std::ops::Range;

use crate::{model::Model, text::UNKNOWN};

/// A word of a text and another one in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Substitution {
    /// Where the word stands, in bytes of the text.
    pub span: Range<usize>,
    /// The other word.
    pub to: String,
}

/// What `of` says of those substitutions that concern a network's tokens, given the text's word ids and a (place, new
/// word) for each; negative infinity for the others.
pub(super) fn gains(
    model: &Model,
    text: &str,
    substitutions: &[Substitution],
    of: impl FnOnce(&[u32], &[(usize, u32)]) -> Option<Vec<f32>>,
) -> Option<Vec<f32>> {
    let (words, placed) = placed(model, text, substitutions);
    let told: Vec<(usize, u32)> = placed.iter().flatten().copied().collect();
    let mut gains = if told.is_empty() { Vec::new() } else { of(&words, &told)? }.into_iter();
    Some(placed.iter().map(|placed| placed.and_then(|_| gains.next()).unwrap_or(f32::NEG_INFINITY)).collect())
}

/// A text's word ids, and for each substitution the place and the id of the new word. `None` where the word is not
/// one token by itself (a compound in parts, say), or the new one is not one that the model knows.
fn placed(model: &Model, text: &str, substitutions: &[Substitution]) -> (Vec<u32>, Vec<Option<(usize, u32)>>) {
    let (tokens, words) = model.words(text);
    let mut last: Option<(Range<usize>, Option<usize>)> = None;
    let mut placed = Vec::with_capacity(substitutions.len());
    for substitution in substitutions {
        // Substitutions of one word come one after the other.
        let place = match &last {
            Some((span, place)) if *span == substitution.span => *place,
            _ => place_of(model, text, &tokens, &substitution.span),
        };
        last = Some((substitution.span.clone(), place));
        let known = match model.words(&substitution.to).1[..] {
            [word] if word != UNKNOWN => Some(word),
            _ => None,
        };
        placed.push(place.zip(known));
    }
    (words, placed)
}

/// Which token the word at `span` is, if what stands before it is cut the same with and without it.
fn place_of(model: &Model, text: &str, tokens: &[String], span: &Range<usize>) -> Option<usize> {
    let before = model.words(text.get(..span.start)?).0;
    let through = model.words(text.get(..span.end)?).0;
    let place = before.len();
    let one = through.len() == place + 1 && tokens.get(..=place)? == &through[..] && through[..place] == before[..];
    one.then_some(place)
}

#[cfg(test)]
mod tests {
    use crate::{encode::Encoder, model::tests::model_with, network::Readout};

    use super::*;

    #[test]
    fn words_are_found_among_the_tokens() {
        let model = model_with(Readout::Membrane, Encoder::Regular);
        let text = "The film dull-story end";
        let substitution = |word: &str, to: &str| {
            let start = text.find(word).expect("a word of the text");
            Substitution { span: start..start + word.len(), to: to.to_owned() }
        };
        let substitutions = [
            substitution("film", "story"),
            substitution("film", "Good"),
            substitution("film", "unheard"),
            substitution("film", "good story"),
            substitution("end", "bad"),
            // A compound is two tokens.
            substitution("dull-story", "good"),
            Substitution { span: 900..901, to: "good".into() },
        ];
        let (words, placed) = placed(&model, text, &substitutions);
        assert_eq!(words, [3, 2, 6, 8, 9]);
        assert_eq!(placed, [Some((1, 8)), Some((1, 0)), None, None, Some((4, 1)), None, None]);
    }
}
