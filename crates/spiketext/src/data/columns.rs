//! Which columns of a file hold the text, the label and the part: those that were asked for, those with a usual name,
//! or what is left.

use std::path::Path;

use super::{
    lines::{listed, shown},
    options::{FamiliarOf, ReadOptions},
    reading::Reading,
};
use crate::{Error, Result};

/// Names of text columns, the likeliest first; compared without regard to case.
const TEXT_NAMES: [&str; 25] = [
    "text",
    "sentence",
    "review",
    "content",
    "comment",
    "body",
    "document",
    "review_text",
    "reviewtext",
    "utterance",
    "tweet",
    "message",
    "query",
    "question",
    "description",
    "headline",
    "title",
    "subject",
    "文本",
    "内容",
    "评论",
    "评价",
    "正文",
    "句子",
    "标题",
];

/// Names of label columns, the likeliest first; compared without regard to case.
const LABEL_NAMES: [&str; 20] = [
    "label",
    "class",
    "category",
    "sentiment",
    "target",
    "rating",
    "labels",
    "label_text",
    "polarity",
    "emotion",
    "intent",
    "topic",
    "stars",
    "score",
    "标签",
    "类别",
    "分类",
    "情感",
    "情感倾向",
    "类标",
];

/// Columns that never hold a label or a text: nothing is guessed to be in them.
const NUMBERINGS: [&str; 8] = ["", "id", "idx", "index", "no", "no.", "unnamed: 0", "split"];

/// Where the text, the label and the part stand among the columns of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ColumnIndices {
    pub(crate) text: Vec<usize>,
    pub(crate) label: Option<usize>,
    pub(crate) split: Option<usize>,
}

/// The columns of one file, and who asks for which.
pub(crate) struct Columns<'a> {
    pub(crate) path: &'a Path,
    /// The line that names them.
    pub(crate) line: Option<u64>,
    pub(crate) names: &'a [String],
    /// Whether `names` may be the names of columns; otherwise there are only numbers.
    pub(crate) named: bool,
    pub(crate) options: &'a ReadOptions,
    /// Whether a label is asked for.
    pub(crate) labelled: bool,
}

/// Whether two names of columns are one, but for case and the white space around them.
pub(crate) fn same(name: &str, wanted: &str) -> bool {
    name.trim().to_lowercase() == wanted.trim().to_lowercase()
}

/// Whether a column of this name only numbers the rows, or says their part.
pub(crate) fn is_numbering(name: &str) -> bool {
    NUMBERINGS.iter().any(|numbering| same(name, numbering))
}

/// Whether a usual or familiar name, or one that was asked for by name, is among `names`.
pub(crate) fn known_names(names: &[String], options: &ReadOptions) -> usize {
    let asked = options.text.iter().chain(&options.label).filter(|asked| asked.trim().parse::<usize>().is_err());
    let familiar = options.familiar.text.iter().chain(&options.familiar.label);
    let usual = TEXT_NAMES.iter().chain(&LABEL_NAMES).copied();
    asked
        .chain(familiar)
        .chain(&options.classes)
        .map(String::as_str)
        .chain(usual)
        .filter(|wanted| names.iter().any(|name| same(name, wanted)))
        .count()
}

/// The column of each class among `names`, where it has one: of its name to the letter, or else one that differs in case and
/// blanks alone and is no other class's.
pub(crate) fn of_classes(names: &[String], classes: &[String]) -> Vec<Option<usize>> {
    let mut found: Vec<Option<usize>> =
        classes.iter().map(|class| names.iter().position(|name| name == class)).collect();
    for (place, class) in classes.iter().enumerate() {
        if found[place].is_none() {
            let is_free = |column: usize| !found.contains(&Some(column));
            found[place] = (0..names.len()).find(|&column| same(&names[column], class) && is_free(column));
        }
    }
    found
}

impl Columns<'_> {
    /// The columns that were asked for, or usual ones; `None` where no name is known and none was asked for, so that
    /// `names` may be a first row of data.
    pub(crate) fn find(&self) -> Result<Option<ColumnIndices>> {
        let mut label = match &self.options.label {
            Some(asked) => Some(self.asked(asked, "--label-column")?).filter(|_| self.labelled),
            None => None,
        };
        let mut text =
            self.options.text.iter().map(|asked| self.asked(asked, "--text-column")).collect::<Result<Vec<_>>>()?;
        if text.is_empty() {
            text = self.usual_text(label)?;
        }
        // A label column is no text even where no label is asked for.
        let usual_label = self.usual_label(&text)?;
        if label.is_none() && self.labelled {
            label = usual_label;
        }
        if self.named {
            // With one of the two known, the other may be what is left.
            match (text.is_empty(), label.or(usual_label)) {
                (true, Some(label)) => text.extend(self.last_left(&[label])),
                (true, None) if !self.labelled && self.names.iter().any(|name| is_numbering(name)) => {
                    text.extend(self.last_left(&[]));
                }
                (true, None) if !self.of_classes().is_empty() => text.extend(self.last_left(&[])),
                (false, None) if self.labelled => label = self.last_left(&text),
                _ => {}
            }
        }
        if text.is_empty()
            && let Some(class) = self.text_of_a_class()
        {
            let expected = "a column for the text that is called like no class";
            let got = format!("{}, of which '{}' is a class", self.there_are(), shown(class));
            return Err(Error::malformed(self.path, self.line, expected, got));
        }
        if text.is_empty() && label.is_none() {
            return Ok(None);
        }
        if text.is_empty() {
            return self.missing("text", "--text-column", &TEXT_NAMES);
        }
        if self.labelled && label.is_none() {
            return self.missing("label", "--label-column", &LABEL_NAMES);
        }
        if let Some(both) = label.filter(|label| text.contains(label)) {
            return Err(Error::invalid(
                "read labelled texts",
                "different columns for text and label (--text-column, --label-column)",
                format!("'{}' for both", shown(&self.names[both])),
            ));
        }
        let split = (0..self.names.len())
            .find(|&c| self.named && same(&self.names[c], "split") && !text.contains(&c) && Some(c) != label);
        Ok(Some(ColumnIndices { text, label, split }))
    }

    /// A column that was asked for, by its name or its number from 1.
    fn asked(&self, asked: &str, flag: &str) -> Result<usize> {
        let asked = asked.trim();
        let mut columns = 0..self.names.len();
        let by_name = self.named.then(|| {
            let exact = columns.clone().find(|&column| self.names[column].trim() == asked);
            exact.or_else(|| columns.find(|&column| same(&self.names[column], asked)))
        });
        let number = asked.parse::<usize>().ok();
        let by_number = number.and_then(|number| number.checked_sub(1)).filter(|&column| column < self.names.len());
        by_name.flatten().or(by_number).ok_or_else(|| {
            let expected = match (self.named, number) {
                (_, Some(_)) => format!("a column '{asked}' ({flag}), or at least so many columns"),
                (true, None) => format!("a column '{}' ({flag})", shown(asked)),
                (false, None) => format!("a column number for {flag}, as there is no header"),
            };
            Error::malformed(self.path, self.line, expected, self.there_are())
        })
    }

    fn there_are(&self) -> String {
        let what = if self.named { "the columns" } else { "the fields" };
        format!("{what} {}", listed(self.names.iter().map(String::as_str)))
    }

    fn missing<T>(&self, what: &str, flag: &str, usual: &[&str]) -> Result<T> {
        let expected =
            format!("a {what} column ({}, …), or {flag} with its name or number", listed(usual[..6].iter().copied()));
        Err(Error::malformed(self.path, self.line, expected, self.there_are()))
    }

    /// The columns that are classes.
    fn of_classes(&self) -> Vec<usize> {
        of_classes(self.names, &self.options.classes).into_iter().flatten().collect()
    }

    /// The class that has a column with the name of a text's.
    fn text_of_a_class(&self) -> Option<&str> {
        let usual = self.options.familiar.text.iter().map(String::as_str).chain(TEXT_NAMES);
        let of_classes = self.of_classes();
        let mut usual = usual.filter(|_| self.named);
        let column = usual.find_map(|name| of_classes.iter().find(|&&column| same(&self.names[column], name)))?;
        Some(&self.names[*column])
    }

    /// The text columns by familiar or usual names.
    fn usual_text(&self, label: Option<usize>) -> Result<Vec<usize>> {
        if !self.named {
            return Ok(Vec::new());
        }
        let familiar = self.options.familiar.text.iter().map(|name| self.familiar(name, "--text-column"));
        let familiar: Option<Vec<usize>> = familiar.collect::<Result<Vec<Option<usize>>>>()?.into_iter().collect();
        let of_classes = self.of_classes();
        let familiar = familiar.filter(|familiar| familiar.iter().all(|column| !of_classes.contains(column)));
        if let Some(familiar) = familiar.filter(|familiar| !familiar.is_empty()) {
            return Ok(familiar);
        }
        let taken: Vec<usize> = label.into_iter().chain(of_classes).collect();
        Ok(self.all_of(&TEXT_NAMES, &taken).into_iter().take(1).collect())
    }

    fn usual_label(&self, text: &[usize]) -> Result<Option<usize>> {
        if !self.named {
            return Ok(None);
        }
        let familiar = match &self.options.familiar.label {
            // Where the label is not read, any of one name will do: none of them is the text.
            Some(name) if !self.labelled || self.options.label.is_some() => self.called(name).first().copied(),
            Some(name) => self.familiar(name, "--label-column")?,
            None => None,
        };
        Ok(familiar.or_else(|| self.all_of(&LABEL_NAMES, text).first().copied()))
    }

    /// The columns called `name`: those that are so to the letter or, if there are none, but for case.
    fn called(&self, name: &str) -> Vec<usize> {
        let all = |is_meant: &dyn Fn(&str) -> bool| -> Vec<usize> {
            (0..self.names.len()).filter(|&column| is_meant(&self.names[column])).collect()
        };
        let exact = all(&|own| own.trim() == name.trim());
        if exact.is_empty() { all(&|own| same(own, name)) } else { exact }
    }

    /// The column that the model calls `name`. It keeps no numbers, so that of several of one name nobody knows which
    /// it was trained on.
    fn familiar(&self, name: &str, flag: &str) -> Result<Option<usize>> {
        match self.called(name).as_slice() {
            [] => Ok(None),
            [only] => Ok(Some(*only)),
            several => {
                let numbers = several.iter().map(|column| format!("number {}", column + 1)).collect::<Vec<_>>();
                let expected =
                    format!("one column '{}', as the model was trained on ({flag} NUMBER says which)", shown(name));
                let got = format!("{} of that name: {}", several.len(), numbers.join(", "));
                Err(Error::malformed(self.path, self.line, expected, got))
            }
        }
    }

    /// The columns with one of the usual names, the likeliest first, other than those that are taken.
    fn all_of(&self, usual: &[&str], taken: &[usize]) -> Vec<usize> {
        let columns = |wanted: &&str| {
            let wanted = (*wanted).to_owned();
            (0..self.names.len()).filter(move |column| !taken.contains(column) && same(&self.names[*column], &wanted))
        };
        usual.iter().flat_map(columns).collect()
    }

    /// The only column that is neither taken nor a numbering nor a class.
    fn last_left(&self, taken: &[usize]) -> Option<usize> {
        let of_classes = self.of_classes();
        let is_left = |c: &usize| !taken.contains(c) && !of_classes.contains(c) && !is_numbering(&self.names[*c]);
        let mut left = (0..self.names.len()).filter(is_left);
        left.next().filter(|_| left.next().is_none())
    }

    /// Writes into `reading` which columns were chosen, and among which others.
    pub(crate) fn tell(&self, chosen: &ColumnIndices, reading: &mut Reading) {
        let name = |column: usize| match self.named {
            true => self.names[column].trim().to_owned(),
            false => (column + 1).to_string(),
        };
        reading.text = chosen.text.iter().map(|&column| name(column)).collect();
        reading.label = chosen.label.map(name);
        reading.split = chosen.split.map(name);
        if !self.named {
            return;
        }
        let by_number = |asked: Option<&String>| asked.is_some_and(|asked| asked.trim().parse::<usize>().is_ok());
        for (i, &text) in chosen.text.iter().enumerate().filter(|(i, _)| !by_number(self.options.text.get(*i))) {
            let taken: Vec<usize> =
                chosen.text.iter().enumerate().filter(|(j, _)| *j != i).map(|(_, &at)| at).collect();
            reading.notes.extend(self.twins("text", text, &taken, "--text-column"));
        }
        // A familiar column was somebody's choice already.
        let familiar = &self.options.familiar;
        if self.options.text.is_empty() && !familiar.text.is_empty() && reading.text != familiar.text {
            let is_missing = |name: &&String| !self.names.iter().any(|own| same(own, name));
            let missing: Vec<&str> = familiar.text.iter().filter(is_missing).map(String::as_str).collect();
            let theirs = listed(familiar.text.iter().map(String::as_str));
            let is_told = !missing.is_empty();
            let missing = listed(missing);
            reading.notes.extend(is_told.then(|| match familiar.of {
                FamiliarOf::Model => format!(
                    "the model was trained on the text of {theirs}, of which {missing} is not there; --text-column NAME \
                     chooses"
                ),
                FamiliarOf::LabelledTexts => {
                    format!("the labelled texts stand in {theirs}, of which {missing} is not there")
                }
            }));
        }
        if let ([text], true) =
            (chosen.text.as_slice(), self.options.text.is_empty() && reading.text != familiar.text)
        {
            let joins = ", and joins columns if it is given more than once";
            let taken = [chosen.label.as_slice(), &self.of_classes()].concat();
            let others = self.others("text", *text, &TEXT_NAMES, &taken, "--text-column", joins);
            reading.notes.extend(others);
        }
        let Some(label) = chosen.label else { return };
        if !by_number(self.options.label.as_ref()) {
            reading.notes.extend(self.twins("label", label, &chosen.text, "--label-column"));
        }
        if self.options.label.is_none() && reading.label != familiar.label {
            reading.notes.extend(self.others("label", label, &LABEL_NAMES, &chosen.text, "--label-column", ""));
        }
    }

    /// What is to be said where other columns have the name of the chosen one.
    fn twins(&self, what: &str, chosen: usize, taken: &[usize], flag: &str) -> Option<String> {
        let name = &self.names[chosen];
        let is_twin = |other: &usize| *other != chosen && !taken.contains(other) && same(&self.names[*other], name);
        let twins: Vec<usize> = (0..self.names.len()).filter(is_twin).collect();
        let next = twins.iter().find(|&&twin| twin > chosen).or(twins.first())?;
        Some(format!(
            "{} columns are called '{}'; number {} is read as {what}; {flag} {} takes another",
            twins.len() + 1,
            shown(name.trim()),
            chosen + 1,
            next + 1
        ))
    }

    /// What is to be said where others have usual names, too.
    fn others(
        &self,
        what: &str,
        chosen: usize,
        usual: &[&str],
        taken: &[usize],
        flag: &str,
        joins: &str,
    ) -> Option<String> {
        let is_other = |other: &usize| *other != chosen && !same(&self.names[*other], &self.names[chosen]);
        let others: Vec<usize> = self.all_of(usual, taken).into_iter().filter(is_other).collect();
        let names = listed(others.iter().map(|&other| self.names[other].trim()));
        (!others.is_empty()).then(|| format!("the {what} could also be in {names}; {flag} NAME chooses{joins}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::options::Format;

    fn chosen(names: &[&str], text: &[&str], label: Option<&str>) -> Result<Option<ColumnIndices>> {
        find(names, text, label, true).map(|found| found.0)
    }

    fn find(
        names: &[&str],
        text: &[&str],
        label: Option<&str>,
        labelled: bool,
    ) -> Result<(Option<ColumnIndices>, Vec<String>)> {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let options = ReadOptions {
            text: text.iter().map(|&name| name.to_owned()).collect(),
            label: label.map(str::to_owned),
            ..ReadOptions::default()
        };
        let path = Path::new("f.csv");
        let columns = Columns { path, line: Some(1), names: &names, named: true, options: &options, labelled };
        let found = columns.find()?;
        let mut reading = Reading::new(path.to_owned(), Format::Csv);
        if let Some(found) = &found {
            columns.tell(found, &mut reading);
        }
        Ok((found, reading.notes))
    }

    fn at(text: usize, label: usize, split: Option<usize>) -> Option<ColumnIndices> {
        Some(ColumnIndices { text: vec![text], label: Some(label), split })
    }

    #[test]
    fn usual_names_are_found_in_any_case_and_by_rank() {
        assert_eq!(chosen(&["idx", "Sentence", "LABEL"], &[], None).unwrap(), at(1, 2, None));
        assert_eq!(chosen(&["title", "text", "rating", "Class", "Split"], &[], None).unwrap(), at(1, 3, Some(4)));
        assert_eq!(chosen(&["review", "stars out of five"], &[], None).unwrap(), at(0, 1, None));
        assert_eq!(chosen(&["mood", "review"], &[], None).unwrap(), at(1, 0, None));
        assert_eq!(chosen(&["标签", "评论"], &[], None).unwrap(), at(1, 0, None));
        assert_eq!(chosen(&["id", "text, raw", "label"], &[], None).unwrap(), at(1, 2, None), "what is left");
    }

    #[test]
    fn asked_columns_come_first_and_leave_the_other_to_the_usual_names() {
        assert_eq!(chosen(&["text", "label", "title"], &["TITLE"], None).unwrap(), at(2, 1, None));
        assert_eq!(chosen(&["text", "review", "x"], &[], Some("text")).unwrap(), at(1, 0, None));
        assert_eq!(chosen(&["a", "b", "c"], &["3"], Some("1")).unwrap(), at(2, 0, None), "numbers count from 1");
        assert_eq!(chosen(&["2", "b"], &["2"], Some("b")).unwrap(), at(0, 1, None), "a name is one before a number");
        let joined = chosen(&["title", "body", "label"], &["title", "body"], None).unwrap().unwrap();
        assert_eq!((joined.text, joined.label), (vec![0, 1], Some(2)));
    }

    #[test]
    fn missing_columns_list_those_there_are_and_the_flag() {
        let message = chosen(&["id", "text", "when", "where"], &[], None).unwrap_err().to_string();
        assert!(message.contains("--label-column") && message.contains("id, text, when"), "{message}");
        let message = chosen(&["text", "label"], &["body"], None).unwrap_err().to_string();
        assert!(message.contains("'body'") && message.contains("text, label"), "{message}");
        assert!(chosen(&["text", "label"], &["3"], None).unwrap_err().to_string().contains("--text-column"));
        assert!(chosen(&["id", "text"], &[], None).is_err(), "a numbering is no label");
        assert!(chosen(&["text", "label"], &["label"], Some("label")).is_err());
    }

    #[test]
    fn a_name_of_the_model_that_stands_twice_is_a_question() {
        let names = ["text", "label", "text", "Label"].map(str::to_owned);
        let familiar = super::super::options::Familiar {
            text: vec!["text".into()],
            label: Some("label".into()),
            ..Default::default()
        };
        let find = |text: &[&str], names: &[String], labelled| {
            let text = text.iter().map(|&name| name.to_owned()).collect();
            let options = ReadOptions { familiar: familiar.clone(), text, ..ReadOptions::default() };
            let path = Path::new("f.csv");
            Columns { path, line: Some(1), names, named: true, options: &options, labelled }.find()
        };
        for labelled in [true, false] {
            let message = find(&[], &names, labelled).unwrap_err().to_string();
            assert!(message.contains("2 of that name: number 1, number 3"), "{message}");
            assert!(message.contains("--text-column NUMBER"), "{message}");
        }
        assert_eq!(find(&["3"], &names, true).unwrap(), at(2, 1, None), "to the letter there is one label");
        let twins = ["label", "text", "label"].map(str::to_owned);
        assert!(find(&[], &twins, true).unwrap_err().to_string().contains("--label-column NUMBER"));
        assert_eq!(find(&[], &twins, false).unwrap().unwrap().text, [1], "no label is read");
    }

    #[test]
    fn names_that_say_nothing_may_be_data() {
        assert_eq!(chosen(&["1", "a fine film"], &[], None).unwrap(), None);
        assert_eq!(find(&["a", "b"], &[], None, false).unwrap().0, None);
    }

    #[test]
    fn for_prediction_what_is_no_label_and_no_number_may_be_the_text() {
        let text = |names: &[&str]| find(names, &[], None, false).unwrap().0.map(|found| found.text);
        assert_eq!(text(&["id", "comment_body"]), Some(vec![1]));
        assert_eq!(text(&["complaint", "label"]), Some(vec![0]));
        assert_eq!(text(&["id", "a", "b"]), None);
    }

    #[test]
    fn a_choice_among_several_is_told_with_the_way_to_another() {
        let (_, notes) = find(&["title", "body", "category", "target"], &[], None, true).unwrap();
        assert!(notes[0].contains("title") && notes[0].contains("--text-column"), "{notes:?}");
        assert!(notes[1].contains("target") && notes[1].contains("--label-column"), "{notes:?}");
        let (found, notes) = find(&["text", "label", "text", "label"], &[], None, true).unwrap();
        assert_eq!(found, at(0, 1, None));
        assert!(notes[0].contains("2 columns are called 'text'") && notes[0].contains('3'), "{notes:?}");
        assert!(find(&["text", "label"], &[], None, true).unwrap().1.is_empty());
    }
}
