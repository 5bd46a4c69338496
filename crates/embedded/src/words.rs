//! From text to words without memory: pieces between white space, and what stands for a piece that is no word.

/// Brackets and quotes as the Penn Treebank spells them, and their plain spelling.
const TREEBANK: [(&str, &str); 8] = [
    ("-lrb-", "("),
    ("-rrb-", ")"),
    ("-lsb-", "["),
    ("-rsb-", "]"),
    ("-lcb-", "{"),
    ("-rcb-", "}"),
    ("``", "\""),
    ("''", "\""),
];

/// The pieces of a text between white space: the tokens of a text that was cut before, in lower case, as those of data sets
/// are. Other text is for the tokeniser of whoever has room for one.
pub fn pieces(text: &str) -> impl Iterator<Item = &str> {
    text.split_whitespace()
}

/// Spellings that may stand for a whole piece, the best first: itself, a plain bracket, a shorter run of one sign.
pub fn spellings(piece: &str) -> impl Iterator<Item = &str> {
    let plain = TREEBANK.iter().find(|(treebank, _)| *treebank == piece).map(|(_, plain)| *plain);
    let sign = piece.chars().next().filter(|first| !first.is_alphanumeric() && piece.chars().all(|c| c == *first));
    let runs = sign.into_iter().flat_map(move |sign| {
        let (size, length) = (sign.len_utf8(), piece.len());
        [3, 2, 1].into_iter().filter(move |times| times * size < length).map(move |times| &piece[..times * size])
    });
    core::iter::once(piece).chain(plain).chain(runs)
}

/// The parts of a piece between hyphens, strokes and underscores; none of one without.
pub fn parts(piece: &str) -> impl Iterator<Item = &str> {
    let joint = |c: char| matches!(c, '-' | '/' | '_' | '\\' | '\u{2010}' | '\u{2011}' | '\u{2013}');
    let joined = piece.contains(joint);
    piece.split(joint).filter(move |part| joined && !part.is_empty())
}
