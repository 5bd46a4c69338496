//! Classes that are rare: none is forgotten on the way from text to spikes, and people and programs learn how well
//! each is told.

mod common;

use std::path::Path;

use common::{events, fails, result, run, succeeds, text};
use serde_json::Value;

const THINGS: [&str; 8] = ["story", "film", "phone", "room", "hotel", "meal", "book", "staff"];
const GOOD: [&str; 6] = ["wonderful", "superb", "pleasant", "lovely", "excellent", "great"];
const BAD: [&str; 6] = ["boring", "terrible", "horrible", "poor", "awful", "stupid"];

/// Texts of which less than one in a hundred is good: the first of each 110, which go to the parts in turn. So few
/// that to lose them costs conversion less than a point.
fn rare(folder: &Path, texts: usize) {
    let mut rows = "label,split,text\n".to_owned();
    for i in 0..texts {
        let (label, words) = if i % 110 == 0 { ("fraud", GOOD) } else { ("ok", BAD) };
        let part = ["train", "train", "train", "dev", "test"][i / 110 % 5];
        let pick = |list: &[&'static str], by: usize| list[(i / by + i * 7 + by) % list.len()];
        let (things, words) = ([1, 5].map(|by| pick(&THINGS, by)), [3, 11].map(|by| pick(&words, by)));
        let [thing, other] = things;
        let [word, second] = words;
        rows.push_str(&format!("{label},{part},the {thing} was {word} and the {other} {second} number {i}\n"));
    }
    std::fs::write(folder.join("rare.csv"), rows).unwrap();
}

/// The figures of a class in a result.
fn class<'a>(result: &'a Value, label: &str) -> &'a Value {
    let classes = result["classes"].as_array().unwrap();
    classes.iter().find(|class| class["label"] == label).unwrap_or_else(|| panic!("{label}: {result}"))
}

#[test]
fn a_class_of_one_text_in_a_hundred_is_answered() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    rare(folder, 3300);
    let lines = events(&succeeds(folder, &["train", "rare.csv", "--out", "m", "--json"]));
    let trained = lines.last().unwrap();
    let (fraud, ok) = (class(trained, "fraud"), class(trained, "ok"));
    assert_eq!(
        (&fraud["texts"], &ok["texts"]),
        (&serde_json::json!([18, 6, 6]), &serde_json::json!([1962, 654, 654]))
    );
    assert!(fraud["recall"].as_f64() > Some(90.0) && ok["recall"].as_f64() > Some(90.0), "{trained}");
    assert_eq!((&trained["never_answered"], &fraud["never_answered"]), (&serde_json::json!([]), &false.into()));
    assert!(trained["macro_f1"]["snn"].as_f64() > Some(90.0), "{trained}");
    let [low, high] = [0, 1].map(|end| trained["snn_accuracy_interval"][end].as_f64().unwrap());
    let accuracy = trained["snn_accuracy"].as_f64().unwrap();
    assert!(low < accuracy && accuracy <= high && high <= 100.0 && low > 95.0, "{trained}");
    for line in lines.iter().filter(|line| line["event"] == "epoch" || line["event"] == "converted") {
        assert!(line["development_macro_f1"].is_number() && line["never_answered"].is_u64(), "{line}");
    }

    // What is measured again is the same, and people see the worst class first.
    let evaluated = result(&succeeds(folder, &["evaluate", "m", "rare.csv", "--json"]));
    for key in ["texts", "precision", "recall", "f1"] {
        let test = if key == "texts" { &fraud[key][2] } else { &fraud[key] };
        assert_eq!(&class(&evaluated, "fraud")[key], test, "{key}");
    }
    assert_eq!(evaluated["macro_f1"], trained["macro_f1"]["snn"]);
    assert_eq!(evaluated["accuracy_interval"], trained["snn_accuracy_interval"]);
    let plain = succeeds(folder, &["evaluate", "m", "rare.csv"]);
    assert!(plain.contains("macro F1") && plain.contains("(95 %)"), "{plain}");
    let card = std::fs::read_to_string(folder.join("m/README.md")).unwrap();
    assert!(card.contains("| fraud | 6 |") && card.contains("95 % interval"), "{card}");
    let shown: Value = serde_json::from_str(&succeeds(folder, &["inspect", "m", "--json"])).unwrap();
    assert_eq!(shown["training"]["classes"][1]["texts"][2].as_u64(), Some(654));
    assert!(succeeds(folder, &["inspect", "m"]).contains("test macro F1"));
    // The card and the description hold what the result says.
    assert!(card.contains(&format!("{low:.2} to {high:.2} %")), "{card}");
    assert!(card.find("| fraud |") < card.find("| ok |") || fraud["f1"] == ok["f1"], "{card}");
    assert_eq!(shown["training"]["macro_f1"], trained["macro_f1"]);
    for (i, label) in ["fraud", "ok"].into_iter().enumerate() {
        for key in ["texts", "precision", "recall", "f1", "never_answered"] {
            assert_eq!(shown["training"]["classes"][i][key], class(trained, label)[key], "{label} {key}");
        }
    }
}

/// A network that was hardly trained and is not fine-tuned never answers the rare class: it is told everywhere.
#[test]
fn a_class_that_is_never_answered_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    rare(folder, 1100);
    let short = ["train", "rare.csv", "--set=dnn.epochs=1", "--set=fine-tuning.epochs=0"];
    let output = run(folder, &[&short[..], &["--out", "m"]].concat());
    let (told, table) = (text(&output.stderr), text(&output.stdout));
    assert!(output.status.success() && told.contains("a class never answered"), "{told}");
    assert!(
        table.contains("never answered on the development texts, although") && table.contains("'fraud'"),
        "{table}"
    );
    let rows: Vec<&str> = table.lines().filter(|line| line.ends_with('%')).collect();
    let position = |label: &str| rows.iter().position(|row| row.starts_with(label));
    assert!(position("fraud") < position("ok") && position("fraud").is_some(), "{table}");
    let trained = result(&succeeds(folder, &[&short[..], &["--out", "m", "--json"]].concat()));
    assert_eq!(trained["never_answered"], serde_json::json!(["fraud"]));
    assert_eq!(class(&trained, "fraud")["recall"].as_f64(), Some(0.0));
    let card = std::fs::read_to_string(folder.join("m/README.md")).unwrap();
    assert!(card.contains("Never answered on the development texts"), "{card}");
    assert!(card.contains("| fraud |") && card.find("| fraud |") < card.find("| ok |"), "{card}");
    assert!(succeeds(folder, &["inspect", "m"]).contains("never answered on the development texts"));
}

#[test]
fn classes_without_texts_in_a_part_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let mut rows = "label,split,text\n".to_owned();
    for i in 0..30 {
        let part = ["train", "dev", "test"][i % 3];
        let label = ["a|b", "c"][i / 3 % 2];
        rows.push_str(&format!("{label},{part},a lovely film number {i}\n"));
    }
    rows.push_str("lonely,train,a dull room\nabsent,train,a bad meal\nabsent,dev,a poor phone\n");
    std::fs::write(folder.join("few.csv"), rows).unwrap();
    let short = ["train", "few.csv", "--out", "m", "--set=dnn.epochs=1", "--set=fine-tuning.epochs=0"];
    let trained = result(&succeeds(folder, &[&short[..], &["--json"]].concat()));
    assert_eq!(trained["without_development_texts"], serde_json::json!(["lonely"]));
    let without_test: Vec<&str> =
        trained["without_test_texts"].as_array().unwrap().iter().map(|label| label.as_str().unwrap()).collect();
    assert!(without_test.contains(&"lonely") && without_test.contains(&"absent"), "{trained}");
    let table = succeeds(folder, &short);
    assert!(table.contains("without a development text, so that no choice regards it: 'lonely'"), "{table}");
    assert!(table.contains("without a test text, so that nothing is known of it: "), "{table}");
    let card = std::fs::read_to_string(folder.join("m/README.md")).unwrap();
    assert!(card.contains(r"| a\|b | 5 |"), "{card}");
}

#[test]
fn classes_are_weighed_by_word_and_by_file() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    rare(folder, 550);
    let short = ["train", "rare.csv", "--json", "--set=dnn.epochs=1", "--set=fine-tuning.epochs=0", "--out"];
    let weights = |out: &str, more: &[&str]| {
        let trained = result(&succeeds(folder, &[&short[..], &[out], more].concat()));
        assert_eq!(trained["event"], "result");
        std::fs::read(folder.join(out).join("model.safetensors")).unwrap()
    };
    let plain = weights("plain", &[]);
    assert!(weights("none", &["--class-weights", "none"]) == plain, "nothing is weighed");
    let balanced = weights("balanced", &["--class-weights", "balanced"]);
    assert!(balanced != plain);
    // The same weights by name: 330 training texts, 3 of fraud.
    std::fs::write(folder.join("w.toml"), "fraud = 55\nok = 0.5045871559633027\n").unwrap();
    assert!(weights("toml", &["--class-weights", "w.toml"]) == balanced);
    std::fs::write(folder.join("w.csv"), "label,weight\nok,0.5045871559633027\nfraud,55\n").unwrap();
    assert!(weights("csv", &["--class-weights", "w.csv"]) == balanced);
    let shown = succeeds(folder, &["inspect", "csv"]);
    assert!(shown.contains("class-weights.fraud = 55.0"), "{shown}");

    let refused = |file: &str, content: &str| {
        std::fs::write(folder.join(file), content).unwrap();
        fails(folder, &["train", "rare.csv", "--out", "no", "--class-weights", file])
    };
    assert!(refused("w.csv", "ok,1\nfraud,1\nspam,1\n").contains("w.csv:3") && !folder.join("no").exists());
    assert!(refused("w.csv", "ok,1\n").contains("none for 'fraud'"));
    assert!(refused("w.csv", "ok,1\nfraud,0\n").contains("w.csv:2: expected a weight that is finite and above 0"));
    assert!(refused("w.toml", "ok = 1\nfraud = -2\n").contains("w.toml:2"));
    let missing = fails(folder, &["train", "rare.csv", "--class-weights", "nowhere.csv"]);
    assert!(missing.contains("nowhere.csv"), "{missing}");
    let recipe = succeeds(folder, &["train", "--class-weights", "balanced", "--print-recipe"]);
    assert!(
        recipe.contains("class-weights = \"balanced\"") && recipe.contains("selection = \"balanced\""),
        "{recipe}"
    );
}
