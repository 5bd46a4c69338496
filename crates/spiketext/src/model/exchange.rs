//! Exchanges of words in a text as it is written, in terms of the word ids that a network reads.

use std::ops::Range;

use super::Model;
use crate::text::UNKNOWN;

/// A word of a text and another one in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// Where the word stands, in bytes of the text.
    pub span: Range<usize>,
    /// The other word.
    pub to: String,
}

impl Model {
    /// A text's word ids, and for each exchange the place and the id of the new word. Nothing where the word is not one
    /// token by itself (a compound in parts, say), or the new one is not one that the model knows.
    pub(crate) fn placed(&self, text: &str, exchanges: &[Exchange]) -> (Vec<u32>, Vec<Option<(usize, u32)>>) {
        let (tokens, words) = self.words(text);
        let mut last: Option<(Range<usize>, Option<usize>)> = None;
        let mut placed = Vec::with_capacity(exchanges.len());
        for exchange in exchanges {
            // Exchanges of one word come one after the other.
            let place = match &last {
                Some((span, place)) if *span == exchange.span => *place,
                _ => self.place_of(text, &tokens, &exchange.span),
            };
            last = Some((exchange.span.clone(), place));
            let known = match self.words(&exchange.to).1[..] {
                [word] if word != UNKNOWN => Some(word),
                _ => None,
            };
            placed.push(place.zip(known));
        }
        (words, placed)
    }

    /// Which token the word at `span` is, if what stands before it is cut the same with and without it.
    fn place_of(&self, text: &str, tokens: &[String], span: &Range<usize>) -> Option<usize> {
        let before = self.words(text.get(..span.start)?).0;
        let through = self.words(text.get(..span.end)?).0;
        let place = before.len();
        let one =
            through.len() == place + 1 && tokens.get(..=place)? == &through[..] && through[..place] == before[..];
        one.then_some(place)
    }
}

#[cfg(test)]
mod tests {
    use crate::{encode::Encoder, model::tests::model_with, network::Readout};

    use super::*;

    #[test]
    fn words_are_found_among_the_tokens() {
        let model = model_with(Readout::Membrane, Encoder::Regular);
        let text = "The film dull-story end";
        let exchange = |word: &str, to: &str| {
            let start = text.find(word).expect("a word of the text");
            Exchange { span: start..start + word.len(), to: to.to_owned() }
        };
        let exchanges = [
            exchange("film", "story"),
            exchange("film", "Good"),
            exchange("film", "unheard"),
            exchange("film", "good story"),
            exchange("end", "bad"),
            // A compound is two tokens.
            exchange("dull-story", "good"),
            Exchange { span: 900..901, to: "good".into() },
        ];
        let (words, placed) = model.placed(text, &exchanges);
        assert_eq!(words, [3, 2, 6, 8, 9]);
        assert_eq!(placed, [Some((1, 8)), Some((1, 0)), None, None, Some((4, 1)), None, None]);
    }
}
