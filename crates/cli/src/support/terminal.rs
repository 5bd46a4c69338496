//! Foreign text as a terminal can bear it: on one line, without control characters, cut to a width.

use std::io::IsTerminal;

use unicode_width::UnicodeWidthChar;

/// The columns of standard output, if it is a terminal.
pub fn terminal_columns() -> Option<usize> {
    let out = std::io::stdout();
    if !out.is_terminal() {
        return None;
    }
    terminal_size::terminal_size_of(&out).map(|(width, _)| usize::from(width.0))
}

/// `text` on one line, control characters and those that turn the direction of writing escaped; cut to `columns`
/// where given, a cut marked by `…`.
pub fn one_line(text: &str, columns: Option<usize>) -> String {
    let most = columns.unwrap_or(usize::MAX);
    // Most texts are nothing but printable ASCII, a column a letter.
    if text.len() <= most && text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        return text.to_owned();
    }
    let (mut line, mut used) = (String::new(), 0);
    // Where to cut if the rest does not fit: the last place that leaves a column for the mark.
    let mut cut = 0;
    for c in text.chars() {
        let start = line.len();
        if is_harmful(c) {
            line.extend(c.escape_default());
        } else {
            line.push(c);
        }
        used += width(&line[start..]);
        if used > most {
            line.truncate(cut);
            line.push('…');
            return line;
        }
        if used < most {
            cut = line.len();
        }
    }
    line
}

/// `text` with spaces up to `columns`.
pub fn padded(text: &str, columns: usize) -> String {
    format!("{text}{}", " ".repeat(columns.saturating_sub(width(text))))
}

/// Columns that `text` takes.
pub fn width(text: &str) -> usize {
    text.chars().map(|c| c.width().unwrap_or(0)).sum()
}

/// Whether a character moves the cursor, ends the line or turns the direction of what follows.
fn is_harmful(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_one_line() {
        assert_eq!(one_line("a\n\tb \u{1b}[31m'好'\u{202e}", None), "a\\n\\tb \\u{1b}[31m'好'\\u{202e}");
    }

    #[test]
    fn cuts_count_columns_not_characters() {
        assert_eq!(one_line("abcdef", Some(6)), "abcdef");
        assert_eq!(one_line("abcdefg", Some(6)), "abcde…");
        assert_eq!(one_line("房间很干净", Some(10)), "房间很干净");
        assert_eq!(one_line("房间很干净", Some(9)), "房间很干…");
        assert_eq!(one_line("房间很干净", Some(8)), "房间很…");
        assert_eq!(one_line("abcd\t", Some(5)), "abcd…");
        assert_eq!(one_line("x", Some(0)), "…");
        assert_eq!(padded("好", 4), "好  ");
    }
}
