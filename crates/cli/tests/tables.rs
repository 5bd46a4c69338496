//! Tables with answers, through the real binary: what goes in comes out with columns added, whole or not at all.

mod common;

use std::{
    io::Write,
    path::Path,
    process::{Output, Stdio},
};

use common::{events, everything, fails, run, spiketext, succeeds, text};

fn with_model() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    succeeds(folder.path(), &["train", "--set=dnn.epochs=1", "--set=fine-tuning.epochs=0", "--out", "m"]);
    folder
}

/// What is said of a copy, and the copy.
fn copied(folder: &Path, from: &str, to: &str, flags: &[&str]) -> (String, String) {
    let output = run(folder, &[&["predict", "m", "--file", from, "--out", to], flags].concat());
    assert_eq!(output.status.code(), Some(0), "{from} to {to}: {}", text(&output.stderr));
    assert_eq!(text(&output.stdout), "");
    (text(&output.stderr).to_owned(), std::fs::read_to_string(folder.join(to)).expect("a copy"))
}

fn piped(folder: &Path, arguments: &[&str], input: &[u8]) -> Output {
    let mut command = spiketext(folder, arguments);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    let mut pipe = child.stdin.take().expect("a pipe");
    // One that has seen enough reads no further.
    let _ = pipe.write_all(input);
    drop(pipe);
    child.wait_with_output().expect("it ends")
}

const TABLE: &str =
    "id;text;note\r\n007;\"a warm; \"\"lovely\"\"\r\nfilm\";NaN\r\n08;;\"x\ny\"\r\n9;dull and boring;  s \r\n";

#[test]
fn tables_come_back_with_the_answers_that_predict_gives() {
    let folder = with_model();
    let folder = folder.path();
    std::fs::write(folder.join("a.csv"), TABLE).expect("a file");
    let plain = events(&succeeds(folder, &["predict", "m", "--file", "a.csv", "--json"]));
    let (told, copy) = copied(folder, "a.csv", "b.csv", &["--top", "2"]);
    assert!(told.starts_with("read a.csv: CSV, delimiter ';', with a header, text: column 'text'\n"), "{told}");
    assert!(told.ends_with("labelled 3 texts -> b.csv; without a known word: 1\n"), "{told}");
    let mut expected = String::new();
    for (row, answer) in TABLE
        .split_inclusive("\r\n")
        .scan(String::new(), |open, line| {
            open.push_str(line);
            let is_whole = open.matches('"').count() % 2 == 0;
            Some(is_whole.then(|| std::mem::take(open)))
        })
        .flatten()
        .skip(1)
        .zip(&plain)
    {
        let row = row.strip_suffix("\r\n").expect("an end");
        let label = answer["label"].as_str().expect("a label");
        let other = if label == "positive" { "negative" } else { "positive" };
        let of = |label: &str| &answer["probabilities"][label];
        let (p, q, unknown) = (of(label), of(other), &answer["unknown"]);
        expected += &format!("{row};{label};{p};{unknown};{label};{p};{other};{q}\r\n");
    }
    let header = "id;text;note;label;probability;unknown;label_1;probability_1;label_2;probability_2\r\n";
    assert_eq!(copy, format!("{header}{expected}"));
    assert_eq!(plain[1]["unknown"], true);

    // From form to form, and packed.
    let lines = copied(folder, "a.csv", "b.jsonl", &[]).1;
    let rows = events(&lines);
    assert_eq!((&rows[0]["id"], &rows[0]["text"]), (&"007".into(), &"a warm; \"lovely\"\r\nfilm".into()));
    for (row, answer) in rows.iter().zip(&plain) {
        for name in ["label", "probability", "unknown"] {
            assert_eq!(row[name], answer[name]);
        }
    }
    let tables = ["b.parquet", "b.tsv.gz", "b.json.zst"];
    for name in tables {
        succeeds(folder, &["predict", "m", "--file", "a.csv", "--out", name]);
        let again = format!("again-{name}.jsonl");
        let (_, copy) = copied(folder, name, &again, &["--prefix", "p_"]);
        for (row, answer) in events(&copy).iter().zip(&plain) {
            assert_eq!(
                (&row["p_label"], &row["p_probability"]),
                (&answer["label"], &answer["probability"]),
                "{name}"
            );
        }
    }
    succeeds(folder, &["predict", "m", "--file", "b.parquet", "--out", "c.parquet", "--prefix", "p_"]);
    let (_, copy) = copied(folder, "c.parquet", "c.csv", &["--prefix", "q_"]);
    assert!(copy.starts_with("id,text,note,label,probability,unknown,p_label,"), "{copy}");
}

#[test]
fn below_a_threshold_and_without_a_known_word_no_class_is_answered() {
    let folder = with_model();
    let folder = folder.path();
    let texts = ["a warm and lovely film", "zzzw"];
    let ask = |flags: &[&str]| {
        let answers = events(&succeeds(folder, &[&["predict", "m", "--json"], &texts[..], flags].concat()));
        answers.iter().map(|answer| answer["label"].as_str().expect("a label").to_owned()).collect::<Vec<_>>()
    };
    let usual = ask(&[]);
    assert_eq!(ask(&["--none-label", "unsure", "--threshold", "1"]), ["unsure", "unsure"]);
    assert_eq!(ask(&["--none-label", "unsure", "--threshold", "0"]), usual);
    assert_eq!(ask(&["--none-label", "unsure", "--unknown-as-none"]), [usual[0].as_str(), "unsure"]);
    let plain = succeeds(folder, &["predict", "m", "zzzw", "--none-label", "unsure", "--unknown-as-none"]);
    assert!(plain.starts_with("unsure ") && plain.contains("(unknown)"), "{plain}");

    std::fs::write(folder.join("a.txt"), "a warm and lovely film\n\nzzzw\n").expect("a file");
    let flags = ["--none-label", "unsure", "--unknown-as-none", "--top", "1"];
    let (told, copy) = copied(folder, "a.txt", "b.csv", &flags);
    assert!(told.contains("labelled 3 texts -> b.csv; without a known word: 2, answered 'unsure': 2"), "{told}");
    let rows: Vec<Vec<&str>> = copy.lines().map(|line| line.split(',').collect()).collect();
    assert_eq!(rows[0].join(","), "text,label,probability,unknown,label_1,probability_1");
    assert_eq!((rows[1][1], rows[1][3]), (usual[0].as_str(), "false"));
    assert_eq!((rows[2][0], rows[2][1], rows[2][3]), ("", "unsure", "true"));
    assert_eq!(rows[3][4], usual[1], "the best class is not lost");
    assert_eq!(rows.len(), 4);

    for (flags, words) in [
        (&["--none-label", "x"][..], "--unknown-as-none"),
        (&["--none-label", "x", "--threshold", "1.5"], "from 0 to 1"),
    ] {
        assert!(fails(folder, &[&["predict", "m", "a"], flags].concat()).contains(words));
    }
    assert_eq!(run(folder, &["predict", "m", "a", "--threshold", "0.5"]).status.code(), Some(2));
}

#[test]
fn nothing_is_lost_or_half_written() {
    let folder = with_model();
    let folder = folder.path();
    let long: String = (0..3000).map(|n| format!("{n},film {n}\n")).collect();
    let write = |name: &str, content: &str| std::fs::write(folder.join(name), content).expect("a file");
    write("a.csv", &format!("id,text\n{long}"));
    write("broken.csv", &format!("id,text\n{long}one field\n"));
    write("open.csv", &format!("id,text\n{long}1,\"open\n"));
    write("broken.jsonl", "{\"text\": \"a\"}\n{\"text\": }\n");
    write("taken.csv", "text,Probability\na,1\n");
    write("there.csv", "mine");
    #[cfg(unix)]
    std::os::unix::fs::symlink("a.csv", folder.join("link.csv")).expect("a link");
    let before = everything(folder);
    let refused = |from: &str, to: &str, more: &[&str], words: &[&str]| {
        let output = run(folder, &[&["predict", "m", "--file", from, "--out", to], more].concat());
        let error = text(&output.stderr).lines().last().unwrap_or_default().to_owned();
        assert_eq!(output.status.code(), Some(2), "{from} to {to}: {error}");
        words.iter().for_each(|word| assert!(error.contains(word), "{word}: {error}"));
        assert!(everything(folder) == before, "{from} to {to}");
    };
    refused("broken.csv", "b.csv", &[], &["broken.csv:3002", "expected 2 fields"]);
    refused("broken.csv", "b.parquet", &[], &["broken.csv:3002"]);
    refused("open.csv", "b.csv", &[], &["open.csv:3002", "a closing quote"]);
    refused("broken.jsonl", "b.jsonl", &[], &["broken.jsonl:2"]);
    refused("taken.csv", "b.csv", &[], &["Probability", "--prefix"]);
    refused("a.csv", "there.csv", &[], &["'there.csv'", "--force"]);
    refused("a.csv", "a.csv", &["--force"], &["which is that file"]);
    #[cfg(unix)]
    refused("a.csv", "link.csv", &["--force"], &["which is that file"]);
    refused("a.csv", "b.txt", &[], &["--out-format"]);
    refused("a.csv", "none/b.csv", &[], &["there is no none"]);
    refused("a.csv", "b.csv", &["--top", "3"], &["at most 2"]);
    refused("-", "b.csv", &[], &["--format"]);
    let (told, copy) = copied(folder, "a.csv", "there.csv", &["--force"]);
    assert!(told.contains("-> there.csv (replaced)"), "{told}");
    assert_eq!(copy.lines().count(), 3001);
    for (n, line) in copy.lines().skip(1).enumerate() {
        assert!(line.starts_with(&format!("{n},film {n},")), "{line}");
    }
}

#[test]
fn pipes_take_tables_too() {
    let folder = with_model();
    let folder = folder.path();
    let rows: String = (0..2000).map(|n| format!("{n},film {n}\n")).collect();
    let table = format!("id,text\n{rows}");
    let arguments = ["predict", "m", "--file", "-", "--out", "-", "--format"];
    let output = piped(folder, &[&arguments[..], &["csv"]].concat(), table.as_bytes());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let copy = text(&output.stdout);
    assert!(copy.starts_with("id,text,label,probability,unknown\n0,film 0,") && copy.lines().count() == 2001);
    // What is found to be broken later is said with its line.
    let output = piped(folder, &[&arguments[..], &["csv"]].concat(), format!("{table}1,2,3\n").as_bytes());
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("standard input:2002: expected 2 fields"), "{}", text(&output.stderr));
    // Arrays become lines; Parquet is read from a pipe, and written to one.
    let array = b"[{\"text\": \"a\", \"n\": 1.10},\n {\"n\": 2, \"text\": \"b\"}]";
    let output = piped(folder, &[&arguments[..], &["jsonl"]].concat(), array);
    assert!(text(&output.stdout).starts_with("{\"text\": \"a\", \"n\": 1.10,\"label\":"), "{}", text(&output.stdout));
    let output = piped(folder, &[&arguments[..], &["csv", "--out-format", "parquet"]].concat(), table.as_bytes());
    let again = [&arguments[..], &["parquet", "--prefix", "p_"]].concat();
    let output = piped(folder, &again, &output.stdout);
    let lines = events(text(&output.stdout));
    assert_eq!((lines.len(), &lines[1999]["text"]), (2000, &"film 1999".into()));
    // Without a header's usual names, what was read to find the delimiter tells.
    let unnamed: String = (0..30).map(|n| format!("the {n} text is here,{n}\n")).collect();
    let flags = ["csv", "--text-column", "1"];
    let output = piped(folder, &[&arguments[..], &flags].concat(), unnamed.as_bytes());
    assert_eq!(text(&output.stdout).lines().count(), 30, "{}", text(&output.stderr));
}
