//! fastText's training format: `__label__name` and a text on each line.

use std::io::Read;

use super::{
    lines::{Lines, shown},
    table::Rows,
};
use crate::Result;

/// What a label begins with.
pub(crate) const PREFIX: &str = "__label__";

/// Reads all of `lines` into `rows`; the label may stand anywhere in its line, and only once.
pub(crate) fn read<R: Read>(mut lines: Lines<R>, rows: &mut Rows) -> Result<()> {
    while let Some((line, content)) = lines.next()? {
        if content.trim().is_empty() {
            continue;
        }
        let mut labels = content.split_whitespace().filter_map(|word| word.strip_prefix(PREFIX));
        let label = match (labels.next(), labels.next()) {
            (Some(label), None) if !label.is_empty() => label,
            (Some(first), Some(second)) => {
                let got = format!("'{}' and '{}'", shown(first), shown(second));
                return rows.refuse(Some(line), "one label (several labels for one text are not supported)", got);
            }
            _ => {
                let got = format!("'{}'", shown(content));
                return rows.refuse(Some(line), format!("{PREFIX}NAME and a text"), got);
            }
        };
        // With the label at the head, as it nearly always is, the text keeps its inner white space.
        let marked = format!("{PREFIX}{label}");
        match content.trim_start().strip_prefix(marked.as_str()) {
            Some(text) => rows.push(Some(line), text, Some(label), None)?,
            None => {
                let words: Vec<&str> = content.split_whitespace().filter(|word| *word != marked).collect();
                rows.push(Some(line), &words.join(" "), Some(label), None)?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::data::table::{Format, Table};

    fn read_all(content: &str) -> Result<Table> {
        let path = Path::new("f.txt");
        let mut rows = Rows::new(path, Format::FastText, true);
        read(Lines::new(path, content.as_bytes()), &mut rows)?;
        rows.finish()
    }

    #[test]
    fn labels_are_taken_from_head_or_tail() {
        let table = read_all("__label__good a  fine film\n\nbad one __label__bad\n__label__bad\n").unwrap();
        let found: Vec<_> = table.rows.iter().map(|r| (r.text.as_str(), r.label.as_str(), r.line)).collect();
        assert_eq!(found, [("a  fine film", "good", Some(1)), ("bad one", "bad", Some(3))]);
        assert_eq!(table.empty, 1);
    }

    #[test]
    fn lines_without_exactly_one_label_are_refused() {
        for (content, words) in [
            ("__label__a x\n__label__a __label__b y\n", "f.txt:2: expected one label"),
            ("__label__a x\nno label\n", "f.txt:2: expected __label__NAME and a text, got 'no label'"),
            ("__label__ x\n", "f.txt:1: "),
        ] {
            let message = read_all(content).unwrap_err().to_string();
            assert!(message.contains(words), "{message}");
        }
    }
}
