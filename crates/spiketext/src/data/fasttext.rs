//! fastText's training format: `__label__name` and a text on each line.

use std::io::Read;

use super::{
    lines::{Lines, shown},
    rows::Rows,
};
use crate::Result;

/// What a label begins with.
pub(crate) const PREFIX: &str = "__label__";

/// Reads all of `lines` into `rows`; labels may stand anywhere in their line; only one
/// of them unless several are allowed. Where no labels are asked
/// for, what labels there are is left out of the texts.
pub(crate) fn read<R: Read>(mut lines: Lines<R>, rows: &mut Rows<'_>) -> Result<()> {
    while let Some((line, content)) = lines.next()? {
        if !rows.labelled {
            rows.push(Some(line), &without_labels(content), None, None)?;
            continue;
        }
        if content.trim().is_empty() {
            continue;
        }
        let mut labels = content.split_whitespace().filter_map(|word| word.strip_prefix(PREFIX));
        if rows.several() {
            let labels: Vec<String> = labels.filter(|label| !label.is_empty()).map(str::to_owned).collect();
            match labels.as_slice() {
                [] => rows.broken(Some(line), format!("{PREFIX}NAME and a text"), format!("'{}'", shown(content))),
                labels => rows.push_list(Some(line), &without_labels(content), labels, None)?,
            }
            continue;
        }
        match (labels.next(), labels.next()) {
            (Some(label), None) if !label.is_empty() => {
                rows.push(Some(line), &without_labels(content), Some(label), None)?;
            }
            (Some(first), Some(second)) => {
                let got = format!("'{}' and '{}'", shown(first), shown(second));
                rows.too_many(Some(line), got);
            }
            _ => rows.broken(Some(line), format!("{PREFIX}NAME and a text"), format!("'{}'", shown(content))),
        }
    }
    Ok(())
}

/// A line without its labels. With all of them at the head, as nearly always, the text keeps its inner white space.
pub(crate) fn without_labels(line: &str) -> String {
    let mut rest = line.trim_start();
    while rest.starts_with(PREFIX) {
        rest = rest.find(char::is_whitespace).map_or("", |end| rest[end..].trim_start());
    }
    let is_label = |word: &&str| word.starts_with(PREFIX);
    match rest.split_whitespace().any(|word| is_label(&word)) {
        true => rest.split_whitespace().filter(|word| !is_label(word)).collect::<Vec<_>>().join(" "),
        false => rest.trim_end().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::data::{
        options::{Format, ReadOptions},
        table::Table,
    };

    fn read_all(content: &str) -> Result<Table> {
        let path = Path::new("f.txt");
        let options = ReadOptions::default();
        let mut rows = Rows::new(path, Format::FastText, &options, true);
        read(Lines::new(path, content.as_bytes()), &mut rows)?;
        rows.finish()
    }

    #[test]
    fn labels_are_taken_from_head_or_tail() {
        let table = read_all("__label__good a  fine film\n\nbad one __label__bad\n__label__bad\n").unwrap();
        let found: Vec<_> = table.rows.iter().map(|r| (r.text.as_str(), r.label(), r.line)).collect();
        assert_eq!(found, [("a  fine film", "good", Some(1)), ("bad one", "bad", Some(3))]);
        assert_eq!(table.left_out().empty, 1);
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

    #[test]
    fn texts_for_prediction_come_without_labels() {
        let options = ReadOptions::default();
        let mut rows = Rows::new(Path::new("f.ft"), Format::FastText, &options, false);
        let content = "__label__a __label__b a  film\n\nno label\nbad __label__c one\n";
        read(Lines::new(Path::new("f.ft"), content.as_bytes()), &mut rows).unwrap();
        let texts: Vec<String> = rows.finish().unwrap().rows.into_iter().map(|row| row.text).collect();
        assert_eq!(texts, ["a  film", "", "no label", "bad one"]);
    }
}
