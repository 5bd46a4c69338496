//! Texts without the mark-up of HTML: what its tags and entities leave for a reader to see.

use std::borrow::Cow;

/// The longest tag or entity, `<br />` or `&nbsp;`, in letters.
const LONGEST: usize = 40;

/// Entities in entities (`&amp;amp;`) are resolved so often.
const PASSES: usize = 3;

/// Names of Latin letters that no accent makes of another.
const LETTERS: [(&str, &str); 15] = [
    ("AElig", "Æ"),
    ("aelig", "æ"),
    ("OElig", "Œ"),
    ("oelig", "œ"),
    ("szlig", "ß"),
    ("Oslash", "Ø"),
    ("oslash", "ø"),
    ("ETH", "Ð"),
    ("eth", "ð"),
    ("THORN", "Þ"),
    ("thorn", "þ"),
    ("Aring", "Å"),
    ("aring", "å"),
    ("ordf", "ª"),
    ("ordm", "º"),
];

/// What follows a letter in the name of one with an accent.
const ACCENTS: [&str; 8] = ["grave", "acute", "circ", "tilde", "uml", "cedil", "caron", "ring"];

/// Names of Greek letters, from alpha on; the second sigma is that at the end of a word.
const GREEK: [&str; 25] = [
    "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu", "nu",
    "xi", "omicron", "pi", "rho", "sigmaf", "sigma", "tau", "upsilon", "phi", "chi", "psi", "omega",
];

/// Names of signs that can be mark-up themselves.
const SIGNS: [(&str, &str); 5] = [("amp", "&"), ("lt", "<"), ("gt", ">"), ("quot", "\""), ("apos", "'")];

/// A text with a blank for each tag, and for each entity what it stands for: a letter or a sign, without its accent, or a
/// blank where its name is not known here.
pub fn without_mark_up(text: &str) -> Cow<'_, str> {
    let mut plain = Cow::Borrowed(text);
    for _ in 0..PASSES {
        match pass(&plain) {
            Some(resolved) => plain = Cow::Owned(resolved),
            None => break,
        }
    }
    plain
}

/// One pass over a text; none if there is no mark-up in it.
fn pass(text: &str) -> Option<String> {
    let mut plain = String::with_capacity(text.len());
    let (mut rest, mut found) = (text, false);
    while let Some(at) = rest.find(['<', '&']) {
        plain.push_str(&rest[..at]);
        rest = &rest[at..];
        let resolved = if rest.starts_with('<') { tag(rest).map(|bytes| (" ".into(), bytes)) } else { entity(rest) };
        let (stands_for, bytes) = resolved.inspect(|_| found = true).unwrap_or_else(|| (rest[..1].to_owned(), 1));
        plain.push_str(&stands_for);
        rest = &rest[bytes..];
    }
    plain.push_str(rest);
    found.then_some(plain)
}

/// How many bytes the tag has that `text` begins with.
fn tag(text: &str) -> Option<usize> {
    let inside = &text[1..];
    let (end, close) = inside.char_indices().take(LONGEST).find(|(_, c)| matches!(c, '>' | '<' | '&'))?;
    (close == '>' && inside.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/')).then_some(end + 2)
}

/// What the entity stands for that `text` begins with, and how many bytes it has. The semicolon may be missing behind a
/// number and the name of an accented letter, as browsers have it.
fn entity(text: &str) -> Option<(String, usize)> {
    let inside = &text[1..];
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '#';
    let end = inside.find(|c| !is_part(c)).unwrap_or(inside.len()).min(LONGEST);
    let name = &inside[..end];
    let closed = inside[end..].starts_with(';');
    let bytes = 1 + end + usize::from(closed);
    if let Some(number) = name.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(digits) => u32::from_str_radix(digits, 16),
            None => number.parse(),
        };
        let stands_for = code.ok().and_then(char::from_u32);
        return match stands_for {
            Some(c) => Some((c.to_string(), bytes)),
            None => (closed && !number.is_empty()).then(|| (" ".to_owned(), bytes)),
        };
    }
    match letter(name) {
        Some(letter) if closed || ACCENTS.iter().any(|accent| name.ends_with(accent)) => Some((letter, bytes)),
        _ if !closed || name.is_empty() => None,
        _ => {
            let sign = SIGNS.iter().find(|(known, _)| *known == name);
            Some((sign.map_or(" ", |(_, sign)| sign).to_owned(), bytes))
        }
    }
}

/// The letter of that name, without its accent.
fn letter(name: &str) -> Option<String> {
    if let Some((_, letter)) = LETTERS.iter().find(|(known, _)| *known == name) {
        return Some((*letter).to_owned());
    }
    if let Some(first) = name.chars().next().filter(|first| first.is_ascii_alphabetic())
        && ACCENTS.contains(&&name[1..])
    {
        return Some(first.to_string());
    }
    let place = GREEK.iter().zip('α'..).find(|(known, _)| **known == name.to_lowercase());
    place.map(|(_, letter)| letter.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entities_are_what_they_stand_for_and_tags_are_blanks() {
        for (text, plain) in [
            ("caf&eacute; &amp; bar", "cafe & bar"),
            ("&#97;&#x62;&#X63;", "abc"),
            ("&#97 b", "a b"),
            ("&amp;amp;#37202;", "酒"),
            ("&Alpha;&omega; stra&szlig;e", "αω straße"),
            ("a<br />b&nbsp;c&unknown;d", "a b c d"),
            ("&lt;b&gt;bold&lt;/b&gt;", " bold "),
            ("&#1114112;x", " x"),
        ] {
            assert_eq!(without_mark_up(text), plain, "{text}");
        }
        for plain in [
            "a < b and c > d",
            "you & me; them",
            "1 <3 & done",
            "<",
            "&",
            "AT&T",
            "&;",
            "&#;",
            "q&a",
            "r&mu",
            "you&theta",
        ] {
            assert_eq!(without_mark_up(plain), plain);
        }
    }
}
