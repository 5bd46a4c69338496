//! Labels as every format gives them; and several in one cell of a table: between separators, or a list as JSON,
//! Python or PostgreSQL writes it.

use serde_json::Value;

use super::lines::shown;

/// A label as every format gives it: without white space around it, whole numbers without a fraction; `None` for
/// nothing and for what tables write in its place: NaN, null, <NA>. (NA and None are names, too.)
pub(crate) fn tidy_label(label: &str) -> Option<String> {
    let label = label.trim();
    if label.is_empty() || matches!(label, "NaN" | "nan" | "NAN" | "null" | "NULL" | "<NA>") {
        return None;
    }
    // 1.0 and 1 are one class; 01 is another.
    let whole = label.split_once('.').filter(|(whole, fraction)| {
        let digits = whole.strip_prefix('-').unwrap_or(whole);
        !digits.is_empty()
            && digits.bytes().all(|byte| byte.is_ascii_digit())
            && !fraction.is_empty()
            && fraction.bytes().all(|byte| byte == b'0')
    });
    Some(match whole {
        Some(("-0", _)) => "0".to_owned(),
        Some((whole, _)) => whole.to_owned(),
        None => label.to_owned(),
    })
}

/// A number as a label: whole ones without a fraction, so that 1.0 and 1 are one class; nothing for NaN.
pub(crate) fn number_label(number: f64) -> String {
    if number == 0.0 { "0".to_owned() } else { number.to_string() }
}

/// What a separator is looked for among.
const SEPARATORS: [&str; 3] = ["|", ";", ","];

/// The only label of a cell that is a list of one, or how many there are; `None` for a cell that is no list of labels
/// between quotes.
pub(super) fn only(cell: &str) -> Option<Result<String, usize>> {
    let labels = list(cell).filter(|_| cell.contains(['"', '\'']))?.ok()?;
    match labels.as_slice() {
        [label] => Some(Ok(label.clone())),
        several => Some(Err(several.len())),
    }
}

/// What is asked where more than one separator is there.
pub(super) const QUESTION: &str = "one separator between the labels of a text, or --label-separator to name it";

/// The separator that some of `cells` have; none if none has any. An error tells which ones there are, and where.
pub(super) fn separator(cells: &[&str]) -> Result<Option<&'static str>, String> {
    let first = |separator: &str| cells.iter().find(|cell| cell.contains(separator));
    let found: Vec<(&str, &&str)> =
        SEPARATORS.into_iter().filter_map(|separator| Some((separator, first(separator)?))).collect();
    match found.as_slice() {
        [] => Ok(None),
        [(separator, _)] => Ok(Some(separator)),
        [(a, in_a), (b, in_b), ..] => Err(format!("'{a}' in '{}' and '{b}' in '{}'", shown(in_a), shown(in_b))),
    }
}

/// The labels of a cell, each once, in their order.
pub(super) fn split(cell: &str, separator: Option<&str>) -> Vec<String> {
    let parts: Vec<&str> = match separator.filter(|separator| !separator.is_empty()) {
        Some(separator) => cell.split(separator).collect(),
        None => vec![cell],
    };
    once(parts.into_iter().filter_map(tidy_label))
}

/// The brackets that lists stand in.
const BRACKETS: [(char, char); 3] = [('[', ']'), ('(', ')'), ('{', '}')];

/// What stands in the brackets around `cell`, and which they are.
fn within(cell: &str) -> Option<(char, &str)> {
    BRACKETS.into_iter().find_map(|(open, close)| {
        let inner = cell.strip_prefix(open)?.strip_suffix(close)?;
        Some((open, inner.trim()))
    })
}

/// The labels of a cell that is a list beyond doubt, as JSON or Python writes it, or PostgreSQL with quotes:
/// `["a", "b"]`, `['a', 'b']`, `[1, None]`, `('a', 'b')`, `{'a', 'b'}`, `{"a b",c}`, `set()`, `{}`. `None` for a cell
/// that need not be one, an error for brackets and quotes that do not fit together.
pub(super) fn list(cell: &str) -> Option<Result<Vec<String>, ()>> {
    let cell = cell.trim();
    if cell == "set()" {
        return Some(Ok(Vec::new()));
    }
    let Some((open, inner)) = within(cell) else {
        // A list that does not end.
        return ["['", "[\"", "('", "(\"", "{'", "{\""]
            .iter()
            .any(|begin| cell.starts_with(begin))
            .then_some(Err(()));
    };
    // NumPy's way: classes, or a 1 for each that is meant; nobody can tell.
    let mut numbers = inner.split_whitespace().map(|word| word.trim_end_matches('.').parse::<f64>());
    if open == '[' && numbers.clone().count() > 1 && numbers.all(|number| number.is_ok()) {
        return Some(Err(()));
    }
    let tidied = |labels: Vec<String>| once(labels.iter().filter_map(|label| tidy_label(label)));
    if let Ok(values) = serde_json::from_str::<Vec<Value>>(cell) {
        let labels: Result<Vec<String>, String> = values.iter().map(of_json).collect();
        return Some(labels.map(tidied).map_err(|_| ()));
    }
    match elements(inner, open) {
        Some(elements) if elements.is_certain => Some(Ok(tidied(elements.labels))),
        Some(_) => None,
        // A name in brackets may have an apostrophe.
        None if inner.starts_with(['"', '\'']) || (open == '[' && inner.contains(['"', '\''])) => Some(Err(())),
        None => None,
    }
}

/// The labels of a cell that is a list only if all others are, too: `{a,b}`, as PostgreSQL writes it, or `[a, b]`. A
/// class may be called `[other]`. Words in parentheses are no list to any program.
pub(super) fn bracketed(cell: &str) -> Option<Vec<String>> {
    let (open, inner) = within(cell.trim()).filter(|(open, _)| *open != '(')?;
    let elements = elements(inner, open)?;
    Some(once(elements.labels.iter().filter_map(|label| tidy_label(label))))
}

/// What is asked where some cells are lists in brackets without quotes and others are not.
pub(super) const MIXED: &str = "lists in brackets in every cell of labels or in none (--label-separator says what \
                                stands between labels, and makes letters of the brackets)";

/// A label of JSON: a string, a number or a boolean, nothing for null; an error says what else it is.
fn scalar(value: &Value) -> Result<Option<String>, String> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text.clone())),
        Value::Bool(truth) => Ok(Some(truth.to_string())),
        Value::Number(number) => match number.as_f64() {
            // Beyond these, whole numbers that differ would be one.
            Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() >= 9_007_199_254_740_992.0 => {
                Err("a whole number too large to be told from its neighbours (a string keeps its digits)".to_owned())
            }
            Some(float) if number.is_f64() => Ok(Some(number_label(float))),
            _ => Ok(Some(number.to_string())),
        },
        other => Err(kind(other)),
    }
}

/// The label of JSON where there is one: as it is or in a list of its own, nothing for null and an empty list.
pub(super) fn only_of_json(value: &Value) -> Result<Option<String>, String> {
    match value {
        Value::Array(values) => match values.as_slice() {
            [] => Ok(None),
            [only] if !only.is_array() => scalar(only),
            several => Err(format!("a list of {}", several.len())),
        },
        other => scalar(other),
    }
}

/// A label of a JSON list: a string, a number or a boolean, or an object that holds one under `label`, as annotation
/// tools write them; an empty one for null.
pub(super) fn of_json(value: &Value) -> Result<String, String> {
    let held = value.as_object().and_then(|object| object.get("label")).filter(|held| !held.is_object());
    scalar(held.unwrap_or(value)).map(Option::unwrap_or_default)
}

/// What a value of JSON is, in words.
pub(super) fn kind(value: &Value) -> String {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
    .to_owned()
}

/// The elements of a list without its brackets.
struct Elements {
    labels: Vec<String>,
    /// Whether only a program writes so: there are none, one stands between quotes, or all are what Python writes
    /// without them.
    is_certain: bool,
}

/// The elements of `inner`, which stands in the bracket `open` and its counterpart.
fn elements(inner: &str, open: char) -> Option<Elements> {
    let (mut labels, mut quoted, mut plain) = (Vec::new(), Vec::new(), Vec::new());
    let (mut rest, mut commas) = (inner, 0);
    while !rest.is_empty() {
        let (element, left) = element(rest, open)?;
        match &element {
            Element::Quoted(_, quote) => quoted.push(*quote),
            Element::Plain(word) => plain.push(*word),
        }
        labels.push(element);
        rest = match left.trim_start() {
            "" => "",
            left => {
                commas += 1;
                left.strip_prefix(',')?.trim_start()
            }
        };
    }
    let is_value = |word: &&str| matches!(*word, "None" | "True" | "False") || word.parse::<f64>().is_ok();
    // A tuple of one has a comma behind it, a word in parentheses has none.
    let are_values = plain.iter().all(is_value) && (open != '(' || commas > 0);
    let is_certain = labels.is_empty() || !quoted.is_empty() || are_values;
    // PostgreSQL quotes in its own way, and None is a word there.
    let is_python = open != '{' || quoted.contains(&'\'');
    let label = |element| match element {
        Element::Quoted(label, _) => label,
        Element::Plain("None") if is_python => String::new(),
        Element::Plain(word @ ("True" | "False")) if is_python => word.to_lowercase(),
        Element::Plain(word) => word.to_owned(),
    };
    Some(Elements { labels: labels.into_iter().map(label).collect(), is_certain })
}

/// An element of a list.
enum Element<'a> {
    /// What stands between quotes, and which they are.
    Quoted(String, char),
    Plain(&'a str),
}

/// The first element of a list without its brackets, of which `open` is the first, and what follows it.
fn element(list: &str, open: char) -> Option<(Element<'_>, &str)> {
    let Some(quote) = list.chars().next().filter(|c| matches!(c, '"' | '\'')) else {
        let end = list.find(',').unwrap_or(list.len());
        let plain = list[..end].trim();
        let is_bracket = |c: char| BRACKETS.iter().any(|pair| pair.0 == open && (c == pair.0 || c == pair.1));
        let is_word = !plain.is_empty() && !plain.contains(['[', ']', '"', '\'']) && !plain.contains(is_bracket);
        return is_word.then(|| (Element::Plain(plain), &list[end..]));
    };
    let mut label = String::new();
    let mut characters = list[1..].chars();
    while let Some(c) = characters.next() {
        match c {
            c if c == quote => return Some((Element::Quoted(label, quote), characters.as_str())),
            '\\' => label.push(escaped(&mut characters)?),
            c => label.push(c),
        }
    }
    None
}

/// The character that Python, JSON or PostgreSQL writes with what stands behind a backslash.
fn escaped(characters: &mut std::str::Chars<'_>) -> Option<char> {
    let digits = match characters.next()? {
        'n' => return Some('\n'),
        'r' => return Some('\r'),
        't' => return Some('\t'),
        c @ ('\\' | '"' | '\'') => return Some(c),
        'x' => 2,
        'u' => 4,
        'U' => 8,
        _ => return None,
    };
    let (code, rest) = characters.as_str().split_at_checked(digits)?;
    *characters = rest.chars();
    code.bytes()
        .all(|byte| byte.is_ascii_hexdigit())
        .then(|| u32::from_str_radix(code, 16).ok())?
        .and_then(char::from_u32)
}

fn once(labels: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for label in labels {
        if !all.contains(&label) {
            all.push(label);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_one_thing_in_every_format() {
        for (label, tidy) in [
            ("0.0", Some("0")),
            (" 1 ", Some("1")),
            ("-1.00", Some("-1")),
            ("-0.0", Some("0")),
            ("01", Some("01")),
            ("1.5", Some("1.5")),
            ("v1.0", Some("v1.0")),
            ("1.", Some("1.")),
            (".0", Some(".0")),
            ("", None),
            ("NaN", None),
            (" null", None),
            ("None", Some("None")),
            ("NA", Some("NA")),
        ] {
            assert_eq!(tidy_label(label).as_deref(), tidy, "{label}");
        }
        assert_eq!(
            (number_label(2.0), number_label(-0.0), number_label(0.5)),
            ("2".into(), "0".into(), "0.5".into())
        );
        assert_eq!(tidy_label(&number_label(f64::NAN)), None);
    }

    #[test]
    fn cells_fall_into_labels() {
        assert_eq!(split(" a|b | a|", Some("|")), ["a", "b"]);
        assert_eq!(split("arts, crafts", None), ["arts, crafts"]);
        assert_eq!((split("", Some(",")), split("1.0,2", Some(","))), (vec![], vec!["1".to_owned(), "2".to_owned()]));
        assert_eq!(split("a::b", Some("::")), ["a", "b"]);
    }

    #[test]
    fn one_separator_is_found_and_two_are_a_question() {
        assert_eq!(separator(&["a", "b;c"]), Ok(Some(";")));
        assert_eq!(separator(&["a", "", "b"]), Ok(None));
        let told = separator(&["a,b", "c|d"]).expect_err("two");
        assert_eq!(told, "'|' in 'c|d' and ',' in 'a,b'");
    }

    #[test]
    fn lists_are_read_as_programs_write_them() {
        for (cell, labels) in [
            (r#"["a", "b,c"]"#, &["a", "b,c"][..]),
            ("['a', \"it's\"]", &["a", "it's"]),
            (r"['it\'s', 'x']", &["it's", "x"]),
            ("[1, 2.0, 2]", &["1", "2"]),
            (r#"[{"id": 4, "label": "a"}, {"label": 7}]"#, &["a", "7"]),
            ("{'a', 'b'}", &["a", "b"]),
            ("('a',)", &["a"]),
            ("(1, 2)", &["1", "2"]),
            ("{\"a b\",c,None}", &["a b", "c", "None"]),
            ("{1,2}", &["1", "2"]),
            ("['x', None]", &["x"]),
            ("[None]", &[]),
            ("[True, 'x', False]", &["true", "x", "false"]),
            ("{'x', None, True}", &["x", "true"]),
            (
                r"['caf\xe9', '\u7535\u5f71', '\U0001f3ac', 'a\r\tb', 'c\xa0d']",
                &["café", "电影", "🎬", "a\r\tb", "c\u{a0}d"],
            ),
            ("set()", &[]),
            ("{}", &[]),
            (" [] ", &[]),
            ("['a',]", &["a"]),
        ] {
            assert_eq!(list(cell).expect(cell).expect(cell), labels, "{cell}");
        }
        assert_eq!((only("['neg']"), only("['a', 'b']")), (Some(Ok("neg".into())), Some(Err(2))));
        assert_eq!((only("[UNK]"), only("neg"), only("it's")), (None, None, None));
        for cell in ["a", "[a", "(other)", "(a)|(b)", "(it's new)", "(1)", "[other]", "{a,b}", "[a] and [b]"] {
            assert_eq!(list(cell), None, "{cell}");
        }
        for cell in [
            "['a' 'b']",
            "[[1]]",
            r#"["a\u00zz"]"#,
            "['a, 'b']",
            "['a', 'b'",
            "[0 1]",
            "[1. 0. 0.]",
            r"['\xz9']",
            "[9007199254740993.0]",
        ] {
            assert_eq!(list(cell), Some(Err(())), "{cell}");
        }
    }

    #[test]
    fn words_in_brackets_may_be_a_list_or_a_name() {
        assert_eq!(bracketed("{a,b c}"), Some(vec!["a".to_owned(), "b c".to_owned()]));
        assert_eq!(bracketed(" [other] "), Some(vec!["other".to_owned()]));
        for cell in ["(other)", "a", "{a}{b}", "[a] and [b]"] {
            assert_eq!(bracketed(cell), None, "{cell}");
        }
    }
}
