//! The commands that README and guides show are commands of this program: each is run in an empty folder, or named
//! here with what it would need.

mod common;

use std::{collections::BTreeSet, fs, io::Write, path::Path};

use common::succeeds;

/// Beginnings of commands that need the network, data sets or hours, or do not end.
const NOT_RUN: [&str; 5] = [
    "spiketext data fetch",
    "spiketext vectors fetch",
    "spiketext reproduce --quick",
    "spiketext reproduce --data-dir",
    "spiketext serve",
];

/// The report of the study in its usual place, which an empty folder does not have.
const REPORT: &str = "spiketext report";

/// The documents for people who use the program, beside the pages of the guide.
const DOCUMENTS: [&str; 3] = ["README.md", "CONTRIBUTING.md", "docs/attacks.md"];

/// The pages of the guide.
const GUIDE: &str = "docs/guide";

/// The commands of a document: lines that start with the program's name, or run it by way of cargo; without comments.
fn commands(document: &str) -> Vec<Vec<String>> {
    let lines = document.lines().map(|line| line.split(" # ").next().unwrap_or(line).trim());
    let commands = lines.flat_map(|line| line.split(" && "));
    commands
        .filter_map(|command| match command.strip_prefix("cargo run --release -- ") {
            Some(rest) => Some(words(&format!("spiketext {rest}"))),
            None => command.starts_with("spiketext ").then(|| words(command)),
        })
        .collect()
}

/// The words of a command, as a shell takes quotes away.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted) = (Vec::new(), String::new(), false);
    for c in line.chars() {
        match c {
            '"' => quoted = !quoted,
            c if c.is_whitespace() && !quoted => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
            }
            c => word.push(c),
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

fn repository() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// The files that the documents name.
fn files(folder: &Path) {
    let write = |name: &str, content: &str| fs::write(folder.join(name), content).expect("written");
    let reviews = fs::read_to_string(repository().join("crates/spiketext/assets/reviews-en.csv")).expect("reviews");
    write("reviews.csv", &reviews);
    // Few of them, for they are attacked.
    let few: Vec<&str> = reviews.lines().take(20).collect();
    write("more-reviews.csv", &few.join("\n"));
    let texts: Vec<&str> = reviews.lines().skip(1).filter_map(|line| line.splitn(3, ',').nth(2)).collect();
    let comments: Vec<&str> = reviews.lines().filter_map(|line| Some(line.split_once(',')?.1)).collect();
    write("comments.csv", &comments.join("\n"));
    let letters = texts.iter().take(50).enumerate().map(|(id, text)| format!("{id},{text}\n"));
    write("letters.csv", &("id,text\n".to_owned() + &letters.collect::<String>()));
    let german = fs::read_to_string(repository().join("testdata/languages/de.csv")).expect("German texts");
    write("briefe.csv", &german);
    write_vectors(&folder.join("cc.de.300.vec.gz"), &german);
    let rare = |row: usize| {
        let of = |words: [&'static str; 5], by: usize| words[row / by % 5];
        let thing = of(["card", "bill", "order", "account", "transfer"], 1);
        match row % 60 {
            0 => format!(
                "this {thing} is a {} trick,fraud\n",
                of(["stolen", "false", "fake", "secret", "criminal"], 60)
            ),
            _ => format!("my {thing} came {} on day {row},ok\n", of(["late", "early", "twice", "open", "today"], 5)),
        }
    };
    write("fraud.csv", &("text,label\n".to_owned() + &(0..1200).map(rare).collect::<String>()));
    write("weights.csv", "label,weight\nfraud,5\nok,1\n");
    // What examples/teacher made of the reviews; a test cannot.
    let answers = repository().join("testdata/teacher/reviews-en.jsonl");
    fs::copy(answers, folder.join("teacher.jsonl")).expect("copied");
    for (name, case) in [("posts.jsonl", "multi_label.jsonl"), ("posts.csv", "multi_label_pipes.csv")] {
        fs::copy(repository().join("testdata/cases").join(case), folder.join(name)).expect("copied");
    }
}

/// Vectors for the words of `texts`, packed, as fastText writes them.
fn write_vectors(path: &Path, texts: &str) {
    let words: BTreeSet<String> =
        texts.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty()).map(str::to_lowercase).collect();
    let mut lines = format!("{} 24\n", words.len());
    for (number, word) in words.iter().enumerate() {
        let entries =
            (0..24).map(|entry| format!("{:.3}", ((number * 37 + entry * entry * 11) % 101) as f32 / 50.0 - 1.0));
        lines += &format!("{word} {}\n", entries.collect::<Vec<_>>().join(" "));
    }
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(lines.as_bytes()).expect("packed");
    fs::write(path, packed.finish().expect("packed")).expect("written");
}

/// The files that a document shows whole: indented lines below one that names the file, `# NAME.toml`.
fn shown(document: &str) -> Vec<(&str, String)> {
    let mut files: Vec<(&str, String)> = Vec::new();
    let mut open = false;
    for line in document.lines() {
        let indented = line.strip_prefix("    ");
        let name = indented.and_then(|line| line.strip_prefix("# ")).filter(|name| name.ends_with(".toml"));
        open = name.is_some()
            || open && (line.is_empty() || indented.is_some_and(|line| !line.starts_with("spiketext ")));
        match (name, files.last_mut()) {
            (Some(name), _) => files.push((name, String::new())),
            (None, Some((_, content))) if open => *content += &format!("{}\n", indented.unwrap_or_default()),
            _ => {}
        }
    }
    files
}

/// Runs the commands of a document in a folder of its own; returns how many.
fn run_commands(name: &str) -> usize {
    let folder = tempfile::tempdir().expect("a temporary folder");
    files(folder.path());
    let document = fs::read_to_string(repository().join(name)).expect("the document");
    for (file, content) in shown(&document) {
        fs::write(folder.path().join(file), content).expect("written");
    }
    let mut run = 0;
    for command in commands(&document) {
        let line = command.join(" ");
        let arguments: Vec<&str> = command[1..].iter().map(String::as_str).collect();
        if line == REPORT || NOT_RUN.iter().any(|beginning| line.starts_with(beginning)) {
            has_flags(folder.path(), &arguments, &format!("{name}: {line}"));
        } else {
            succeeds(folder.path(), &arguments);
            run += 1;
        }
    }
    run
}

#[test]
fn commands_of_the_documents_run() {
    let run: usize = DOCUMENTS.into_iter().map(run_commands).sum();
    assert!(run >= 6, "{run} commands were found");
}

#[test]
fn commands_of_the_guide_run() {
    let pages = fs::read_dir(repository().join(GUIDE)).expect("the guide");
    let mut pages: Vec<String> =
        pages.map(|page| format!("{GUIDE}/{}", page.expect("a page").file_name().to_string_lossy())).collect();
    pages.sort();
    let index = fs::read_to_string(repository().join(GUIDE).join("README.md")).expect("the index");
    for page in pages.iter().filter(|page| !page.ends_with("README.md")) {
        let name = page.rsplit('/').next().unwrap_or(page);
        assert!(index.contains(&format!("({name})")), "{page} is not in the index");
        assert!(run_commands(page) >= 2, "{page} has no commands");
    }
    let linked = index.matches(".md)").count();
    assert_eq!(linked + 1, pages.len(), "the index names {linked} pages");
}

/// A command that is not run: its verb exists and knows its flags.
fn has_flags(folder: &Path, arguments: &[&str], line: &str) {
    let verb = if matches!(arguments[0], "data" | "vectors") { &arguments[..2] } else { &arguments[..1] };
    let help = succeeds(folder, &[verb, &["--help"]].concat());
    for flag in arguments.iter().filter(|word| word.starts_with("--")) {
        assert!(help.contains(flag), "{line}: {flag}");
    }
}
