//! Labels as every format gives them; and several in one cell of a table: between separators, or a list as JSON or
//! Python writes it.

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

/// The labels of a cell that is a list as JSON, Python or PostgreSQL writes it: `["a", "b"]`, `['a', 'b']`, `[1, 2]`,
/// `('a', 'b')`, `{'a', 'b'}`, `{a,b}`, `set()`. `None` for a cell without brackets, an error for brackets around
/// anything else.
pub(super) fn list(cell: &str) -> Option<Result<Vec<String>, ()>> {
    let cell = cell.trim();
    if cell == "set()" {
        return Some(Ok(Vec::new()));
    }
    let within = |(open, close): (char, char)| cell.strip_prefix(open)?.strip_suffix(close);
    let inner = [('[', ']'), ('(', ')'), ('{', '}')].into_iter().find_map(within)?.trim();
    let labels = match serde_json::from_str::<Vec<Value>>(cell) {
        Ok(values) => values.iter().map(of_json).collect(),
        Err(_) => of_python(inner),
    };
    labels.map(|labels: Vec<String>| once(labels.iter().filter_map(|label| tidy_label(label)))).ok_or(()).into()
}

/// A label of a JSON list: a string, a number or a boolean, or an object that holds one under `label`, as annotation
/// tools write them; an empty one for null.
pub(super) fn of_json(value: &Value) -> Option<String> {
    Some(match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Bool(truth) => truth.to_string(),
        Value::Number(number) => match number.as_f64() {
            Some(float) if number.is_f64() => number_label(float),
            _ => number.to_string(),
        },
        Value::Object(object) => object.get("label").filter(|label| !label.is_object()).and_then(of_json)?,
        Value::Array(_) => return None,
    })
}

/// The elements of a list without its brackets.
fn of_python(mut rest: &str) -> Option<Vec<String>> {
    let mut labels = Vec::new();
    while !rest.is_empty() {
        let (label, left) = element(rest)?;
        labels.push(label);
        rest = match left.trim_start() {
            "" => "",
            left => left.strip_prefix(',')?.trim_start(),
        };
    }
    Some(labels)
}

/// The first element of a list without its brackets, and what follows it.
fn element(list: &str) -> Option<(String, &str)> {
    let Some(quote) = list.chars().next().filter(|c| matches!(c, '"' | '\'')) else {
        let end = list.find(',').unwrap_or(list.len());
        let plain = list[..end].trim();
        return (!plain.is_empty() && !plain.contains(['[', ']', '"', '\'']))
            .then(|| (plain.to_owned(), &list[end..]));
    };
    let mut label = String::new();
    let mut characters = list.char_indices().skip(1);
    while let Some((at, c)) = characters.next() {
        match c {
            c if c == quote => return Some((label, &list[at + 1..])),
            '\\' => label.push(match characters.next()?.1 {
                'n' => '\n',
                't' => '\t',
                c @ ('\\' | '"' | '\'') => c,
                _ => return None,
            }),
            c => label.push(c),
        }
    }
    None
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
    fn lists_are_read_as_json_and_python_write_them() {
        for (cell, labels) in [
            (r#"["a", "b,c"]"#, &["a", "b,c"][..]),
            ("['a', \"it's\"]", &["a", "it's"]),
            (r"['it\'s', 'x']", &["it's", "x"]),
            ("[1, 2.0, 2]", &["1", "2"]),
            (r#"[{"id": 4, "label": "a"}, {"label": 7}]"#, &["a", "7"]),
            ("{'a', 'b'}", &["a", "b"]),
            ("('a',)", &["a"]),
            ("{a,b c}", &["a", "b c"]),
            ("set()", &[]),
            ("{}", &[]),
            (" [] ", &[]),
            ("['a',]", &["a"]),
        ] {
            assert_eq!(list(cell).expect(cell).expect(cell), labels, "{cell}");
        }
        assert_eq!((only("['neg']"), only("['a', 'b']")), (Some(Ok("neg".into())), Some(Err(2))));
        assert_eq!((only("[UNK]"), only("neg"), only("it's")), (None, None, None));
        assert_eq!((list("a"), list("[a")), (None, None));
        for cell in ["['a' 'b']", "[[1]]", r#"["a\u00zz"]"#, "['a, 'b']"] {
            assert_eq!(list(cell), Some(Err(())), "{cell}");
        }
    }
}
