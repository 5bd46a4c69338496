//! Whether the first record of a table names its columns, where none of the usual names is among them.
//!
//! Only evidence counts. Taking a header for a text makes a class that is none and moves every answer by a row; taking a
//! text for a header loses it. Where nothing speaks for either, it is a question.

/// What the first record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Header {
    /// Names of columns.
    Names,
    /// Data like all others.
    Data,
    /// One or the other.
    Unknown,
}

impl Header {
    /// As somebody said.
    pub(super) fn of(said: bool) -> Self {
        if said { Self::Names } else { Self::Data }
    }
}

/// What `first` is, before the records `others` of as many fields.
pub(super) fn tell_header<'a>(first: &[String], others: impl Iterator<Item = &'a [String]>) -> Header {
    let mut evidence = Evidence::new(first);
    others.for_each(|record| evidence.see(record));
    evidence.told()
}

/// What the records after the first say of it, one after the other, so that nobody needs to keep them.
pub(super) struct Evidence {
    columns: Vec<ColumnEvidence>,
    /// Records seen.
    others: usize,
}

/// The first field of a column, and what is below it.
struct ColumnEvidence {
    first: String,
    /// It is below again, as labels are.
    again: bool,
    /// All below are numbers or empty...
    numbers: bool,
    /// ...and not all of them are empty.
    filled: bool,
    /// None below is empty.
    all_filled: bool,
    /// How many below have three words or more, or end like a sentence.
    sentences: usize,
}

impl Evidence {
    /// Nothing but the first record.
    pub(super) fn new(first: &[String]) -> Self {
        let column = |field: &String| ColumnEvidence {
            first: field.trim().to_owned(),
            again: false,
            numbers: true,
            filled: false,
            all_filled: true,
            sentences: 0,
        };
        Self { columns: first.iter().map(column).collect(), others: 0 }
    }

    /// Takes a record of as many fields. One that is the same in all of them says nothing: data may come twice, and
    /// so may a header, where files were put one behind the other.
    pub(super) fn see(&mut self, record: &[String]) {
        if self.columns.iter().zip(record).all(|(column, value)| value.trim() == column.first) {
            return;
        }
        self.others += 1;
        for (column, value) in self.columns.iter_mut().zip(record) {
            let value = value.trim();
            column.again |= value == column.first && !value.is_empty();
            column.numbers &= value.is_empty() || is_number(value);
            column.filled |= !value.is_empty();
            column.all_filled &= !value.is_empty();
            let is_sentence = value.split_whitespace().nth(2).is_some() || has_sentence(value);
            column.sentences += usize::from(is_sentence);
        }
    }

    /// What the first record is: names of columns if these are counted from 0, as tables without names are written; data
    /// if one of its fields comes again in its column. Otherwise a number among numbers and a sentence among sentences
    /// speak for data; what is no number over numbers, nothing over what is always filled, a sentence over single words
    /// and a variable's name over sentences for names. It is a question where both speak, or neither.
    pub(super) fn told(&self) -> Header {
        if self.others == 0 {
            return Header::Unknown;
        }
        if self.is_counted() && self.columns.iter().any(|column| !column.numbers) {
            return Header::Names;
        }
        if self.columns.iter().any(|column| column.again) {
            return Header::Data;
        }
        let (mut names, mut data) = (false, false);
        for column in &self.columns {
            let field = column.first.as_str();
            let is_text = 10 * column.sentences >= 9 * self.others;
            let over_numbers = column.numbers && column.filled;
            data |= (is_number(field) && over_numbers) || (is_text && has_sentence(field));
            names |= field.is_empty() && column.all_filled;
            names |= (over_numbers && !is_number(field)) || (is_text && is_identifier(field));
            names |= column.sentences == 0 && has_sentence(field);
        }
        match (names, data) {
            (true, false) => Header::Names,
            (false, true) => Header::Data,
            _ => Header::Unknown,
        }
    }

    /// Whether the fields are the numbers from 0, as pandas names columns without names.
    fn is_counted(&self) -> bool {
        let mut numbers = 0..;
        let mut counted = |column: &ColumnEvidence| {
            column.first.is_empty()
                || column.first.starts_with("Unnamed: ")
                || numbers.next().is_some_and(|number: usize| column.first == number.to_string())
        };
        self.columns.iter().all(&mut counted) && self.columns.iter().any(|column| column.first == "1")
    }
}

fn is_number(value: &str) -> bool {
    value.parse::<f64>().is_ok()
}

/// Whether it is more than a name could be.
fn has_sentence(field: &str) -> bool {
    field.split_whitespace().count() > 3
        || field.chars().count() > 60
        // A question may well be the name of a column.
        || field.ends_with(['.', '!', '。', '！'])
}

/// One word such as programs name columns with and nobody writes: with an underscore, or words run together. A plain
/// word may be a text.
fn is_identifier(field: &str) -> bool {
    let mut before = ' ';
    let is_run_together = field.chars().any(|c| {
        let joint = before.is_ascii_lowercase() && c.is_ascii_uppercase();
        before = c;
        joint
    });
    (field.contains('_') || is_run_together)
        && field.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(csv: &[&[&str]]) -> Header {
        let owned = |fields: &&[&str]| fields.iter().map(|&field| field.to_owned()).collect();
        let records: Vec<Vec<String>> = csv.iter().map(owned).collect();
        tell_header(&records[0], records[1..].iter().map(Vec::as_slice))
    }

    #[test]
    fn a_label_that_comes_again_and_a_number_are_data() {
        assert_eq!(told(&[&["fine film", "pos"], &["bad", "neg"], &["good", "pos"]]), Header::Data);
        assert_eq!(told(&[&["1", "fine film"], &["0", "bad film"]]), Header::Data);
        assert_eq!(told(&[&["I liked this film a lot", "rare"], &["it is so bad", "neg"]]), Header::Data);
        assert_eq!(told(&[&["good.", "rare"], &["bad.", "neg"]]), Header::Data);
    }

    #[test]
    fn names_over_numbers_and_over_texts_are_names() {
        assert_eq!(told(&[&["what", "how"], &["a", "1"], &["b", "0"]]), Header::Names);
        let texts = ["the phone was poor", "it is great fun", "one of the worst"];
        let rows: Vec<Vec<&str>> = texts.iter().map(|text| vec![*text, "neg"]).collect();
        let mut csv: Vec<&[&str]> = vec![&["message_body", "queue"]];
        csv.extend(rows.iter().map(Vec::as_slice));
        assert_eq!(told(&csv), Header::Names);
        csv[0] = &["Great", "queue"];
        assert_eq!(told(&csv), Header::Unknown, "may be a text of one word");
    }

    #[test]
    fn names_that_are_questions_or_sentences_and_texts_of_one_word_are_not_decided() {
        let texts = ["the phone was poor", "it is great fun", "one of the worst"];
        for first in [
            ["Message text", "Is it spam?"],
            ["What the customer wrote to us", "Which team took it"],
            ["refund", "billing"],
            ["Was war das?", "Wohin?"],
        ] {
            let rows: Vec<Vec<&str>> = texts.iter().map(|text| vec![*text, "neg"]).collect();
            let mut csv: Vec<&[&str]> = vec![&first];
            csv.extend(rows.iter().map(Vec::as_slice));
            assert_eq!(told(&csv), Header::Unknown, "{first:?}");
        }
    }

    #[test]
    fn columns_that_are_counted_from_0_have_no_names() {
        assert_eq!(told(&[&["0", "1"], &["fine film", "1"], &["bad film", "0"]]), Header::Names);
        assert_eq!(
            told(&[&["Unnamed: 0", "0", "1"], &["0", "fine film", "a"], &["1", "bad film", "b"]]),
            Header::Names
        );
        assert_eq!(told(&[&["1", "0"], &["fine film", "1"], &["bad film", "0"]]), Header::Data);
        assert_eq!(told(&[&["0", "1"], &["1", "1"]]), Header::Data, "numbers all of them");
    }

    #[test]
    fn a_record_that_comes_again_whole_is_no_evidence() {
        let header: &[&str] = &["message_body", "queue"];
        let csv = [header, &["the phone was poor", "a"], header, &["it is great fun", "b"]];
        assert_eq!(told(&csv), Header::Names);
        assert_eq!(told(&[&["fine", "a"], &["bad", "b"], &["fine", "a"]]), Header::Unknown);
        assert_eq!(told(&[&["fine", "a"], &["bad", "a"], &["fine", "a"]]), Header::Data, "a label comes again");
    }

    #[test]
    fn what_could_be_either_is_not_decided() {
        assert_eq!(told(&[&["a", "b"], &["c", "d"]]), Header::Unknown);
        assert_eq!(told(&[&["a", "b"]]), Header::Unknown);
    }
}
