//! Why texts have their labels: told on a terminal, as JSON, as a page.

mod common;

use std::{fs, io::Write, process::Stdio};

use common::{fails, spiketext, succeeds, text};
use serde_json::Value;

fn objects(output: &str) -> Vec<Value> {
    output.lines().map(|line| serde_json::from_str(line).expect("an object a line")).collect()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().expect("a list").iter().map(|number| number.as_f64().expect("a number")).collect()
}

/// `base` and the lists under `key` of each member add up to `scores`.
fn adds_up(object: &Value, members: &str) -> bool {
    let mut sum = numbers(&object["base"]);
    for member in object[members].as_array().expect("members") {
        sum.iter_mut().zip(numbers(&member["parts"])).for_each(|(sum, part)| *sum += part);
    }
    sum.iter().zip(numbers(&object["scores"])).all(|(sum, score)| (sum - score).abs() < 1e-9)
}

#[test]
fn words_are_told_on_a_terminal_as_json_and_as_a_page() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let folder = folder.path();
    for recipe in ["sparse", "lean"] {
        let small = ["train", "--recipe", recipe, "--set", "network.filters=10", "--out", recipe];
        succeeds(folder, &small);
    }
    fs::write(
        folder.join("texts.txt"),
        "a warm and funny film\nthe worst hotel <b>of</b> the year & \"more\"\nqqq zzz\nbad\n\n",
    )
    .expect("written");
    for (recipe, exact) in [("sparse", true), ("lean", false)] {
        let answers = objects(&succeeds(folder, &["explain", recipe, "--file", "texts.txt", "--json"]));
        let predicted = objects(&succeeds(folder, &["predict", recipe, "--file", "texts.txt", "--json"]));
        assert_eq!(answers.len(), predicted.len());
        for (answer, predicted) in answers.iter().zip(&predicted) {
            assert_eq!((&answer["label"], &answer["text"]), (&predicted["label"], &predicted["text"]));
            if predicted["unknown"] == true {
                assert!(answer["tokens"].is_null() && answer["scores"].is_null(), "{answer}");
                continue;
            }
            assert!(adds_up(answer, "tokens") && adds_up(answer, "ngrams"), "{answer}");
            assert_eq!(answer["approximations"].as_array().map(Vec::is_empty), Some(exact), "{answer}");
            assert_eq!(answer["units"].is_object(), exact);
            let tokens = answer["tokens"].as_array().expect("tokens");
            assert_eq!(tokens.len(), predicted["tokens"].as_u64().expect("a number") as usize);
            // What alone keeps the label does so.
            let places = answer["fewest"]["words"].as_array().expect("words");
            let alone: Vec<&str> =
                places.iter().filter_map(|at| tokens[at.as_u64()? as usize]["text"].as_str()).collect();
            let alone = objects(&succeeds(folder, &["predict", recipe, &alone.join(" "), "--json"]));
            assert_eq!(alone[0]["label"], answer["label"], "{answer}");
        }
        let quick = objects(&succeeds(folder, &["explain", recipe, "bad film", "--json", "--quick"]));
        assert!(quick[0]["fewest"].is_null() && quick[0]["tokens"][0]["drops"].is_null(), "{quick:?}");
        let told = succeeds(folder, &["explain", recipe, "a warm and funny film", "qqq"]);
        assert!(
            told.contains("lost without it") && told.contains("warm") && told.contains("(unknown) qqq"),
            "{told}"
        );
        assert_eq!(told.contains("n-grams are exact"), exact, "{told}");
        assert!(!told.contains('\u{1b}'), "no colour in a pipe");
    }
    // A page needs nothing else and takes no text for mark-up.
    let page = ["explain", "sparse", "--file", "texts.txt", "--html", "page.html"];
    succeeds(folder, &page);
    let page_text = fs::read_to_string(folder.join("page.html")).expect("a page");
    assert!(page_text.contains("&lt;") && !page_text.contains("<b>") && !page_text.contains("http"), "{page_text}");
    assert!(page_text.contains("No word of it is known"));
    assert!(fails(folder, &page).contains("--force"));
    succeeds(folder, &[&page[..], &["--force"]].concat());
    for (place, told) in [("sparse/page.html", "--html"), ("texts.txt", "--html"), ("none/page.html", "in a folder")]
    {
        let told_now = fails(folder, &["explain", "sparse", "--file", "texts.txt", "--html", place, "--force"]);
        assert!(told_now.contains(told), "{told_now}");
    }
    assert!(fails(folder, &["explain", "sparse", "texts.txt"]).contains("--file"));
    assert!(fails(folder, &["explain", "sparse", "a text", "--text-column", "1"]).contains("--file"));
    let mut piped = spiketext(folder, &["explain", "sparse", "-", "--json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("started");
    piped.stdin.take().expect("a pipe").write_all(b"good film\nbad film\n").expect("written");
    let output = piped.wait_with_output().expect("an end");
    assert_eq!(text(&output.stdout).lines().count(), 2);
}

#[test]
fn filters_are_told_and_spared_and_reasons_measured() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let folder = folder.path();
    let small = ["train", "--recipe", "sparse", "--set", "network.filters=10", "--out", "sparse"];
    succeeds(folder, &small);
    succeeds(folder, &["data", "split", "--dataset", "reviews-en", "--out", "parts"]);
    let texts = "parts/development.csv";
    let told = succeeds(folder, &["explain", "sparse", "--data", texts]);
    assert!(told.contains("30 filters") && told.contains("listens to") && told.contains("votes for"), "{told}");
    let heard = &objects(&succeeds(folder, &["explain", "sparse", "--data", texts, "--json"]))[0];
    let filters = heard["filters"].as_array().expect("filters");
    assert_eq!(filters.len(), 30);
    for filter in filters.iter().filter(|filter| filter["spikes"] != 0) {
        assert!(filter["strongest"].as_array().is_some_and(|heard| !heard.is_empty()), "{filter}");
        assert_eq!(filter["slots"].as_array().map(Vec::len), filter["width"].as_u64().map(|width| width as usize));
    }
    let prune = ["explain", "sparse", "--data", texts, "--prune", "smaller", "--keep", "4"];
    let pruned = &objects(&succeeds(folder, &[&prune[..], &["--json"]].concat()))[0]["pruned"];
    assert_eq!((pruned["filters"].as_u64(), pruned["gone"].as_array().map(Vec::len)), (Some(4), Some(18)));
    assert!(pruned["acs"].as_f64() < pruned["acs_before"].as_f64(), "{pruned}");
    // What it says of itself is what others find.
    let accuracy = objects(&succeeds(folder, &["evaluate", "smaller", texts, "--json"]))[0]["accuracy"].as_f64();
    assert!(
        accuracy.zip(pruned["accuracy"].as_f64()).is_some_and(|(a, b)| (a - b).abs() < 1e-9),
        "{pruned} {accuracy:?}"
    );
    assert!(succeeds(folder, &["inspect", "smaller"]).contains("pruned to 4"));
    assert!(fails(folder, &prune).contains("--force"));
    succeeds(folder, &[&prune[..], &["--force"]].concat());
    for (wrong, told) in [
        (&["explain", "sparse", "--data", texts, "--prune", "none", "--keep", "10"][..], "1 to 9"),
        (&["explain", "sparse", "--data", texts, "--prune", "sparse", "--force"], "--prune"),
        (&["explain", "sparse", "--data", texts, "--force"], "--prune"),
        (&["explain", "sparse", "--data", "nothing.csv"], "nothing.csv"),
    ] {
        let said = fails(folder, wrong);
        assert!(said.contains(told), "{said}");
    }
    let measure = ["explain", "sparse", "--file", texts, "--measure"];
    let told = succeeds(folder, &measure);
    assert!(told.contains("comprehensiveness") && told.contains("random"), "{told}");
    let json = [&measure[..], &["--json", "--seed", "3"]].concat();
    let measured = succeeds(folder, &json);
    assert_eq!(succeeds(folder, &json), measured, "one seed, one result");
    let rankings = objects(&measured)[0]["rankings"].as_array().cloned().expect("rankings");
    let of = |name: &str| {
        let own = rankings.iter().find(|own| own["ranking"] == name).expect(name);
        own["comprehensiveness"]["mean"].as_f64().expect("a number")
    };
    assert!(
        of("parts") > of("random") && of("deletion") > of("random") && of("gradient") > of("random"),
        "{measured}"
    );
}

#[test]
fn several_labels_are_each_for_themselves() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let folder = folder.path();
    let mut rows = String::from("text,label\n");
    for i in 0..60 {
        rows += &format!(
            "a warm funny film {i},good|film\nthe dull dirty hotel {i},bad\na fine stay and a nice film {i},film\n"
        );
    }
    fs::write(folder.join("train.csv"), rows).expect("written");
    succeeds(
        folder,
        &["train", "train.csv", "--multi-label", "--set", "network.filters=8", "--epochs", "3", "--out", "model"],
    );
    let answers = objects(&succeeds(folder, &["explain", "model", "a warm funny film", "--json"]));
    assert!(answers[0]["labels"].is_array() && answers[0]["fewest"].is_null(), "{answers:?}");
    assert!(adds_up(&answers[0], "tokens"));
    let told = succeeds(folder, &["explain", "model", "a warm funny film"]);
    assert!(told.contains("  for ") && !told.contains(" against "), "{told}");
}
