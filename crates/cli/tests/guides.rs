//! The commands that README and guides show are commands of this program: each is run in an empty folder, or named
//! here with what it would need.

mod common;

use std::{fs, path::Path};

use common::succeeds;

/// Beginnings of commands that need the network, data sets or hours.
const NOT_RUN: [&str; 4] =
    ["spiketext data fetch", "spiketext vectors fetch", "spiketext reproduce", "spiketext report"];

/// The documents for people who use the program.
const GUIDES: [&str; 3] = ["README.md", "CONTRIBUTING.md", "docs/attacks.md"];

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

#[test]
fn commands_of_the_guides_run() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let reviews = fs::read_to_string(repository().join("crates/spiketext/assets/reviews-en.csv")).expect("reviews");
    fs::write(folder.path().join("reviews.csv"), &reviews).expect("written");
    // Few of them, for they are attacked.
    let few: Vec<&str> = reviews.lines().take(20).collect();
    fs::write(folder.path().join("more-reviews.csv"), few.join("\n")).expect("written");
    let mut run = 0;
    for guide in GUIDES {
        let document = fs::read_to_string(repository().join(guide)).expect("the guide");
        for command in commands(&document) {
            let line = command.join(" ");
            let arguments: Vec<&str> = command[1..].iter().map(String::as_str).collect();
            if NOT_RUN.iter().any(|beginning| line.starts_with(beginning)) {
                has_flags(folder.path(), &arguments, &format!("{guide}: {line}"));
            } else {
                succeeds(folder.path(), &arguments);
                run += 1;
            }
        }
    }
    assert!(run >= 6, "{run} commands were found");
}

/// A command that is not run: its verb exists and knows its flags.
fn has_flags(folder: &Path, arguments: &[&str], line: &str) {
    let verb = if matches!(arguments[0], "data" | "vectors") { &arguments[..2] } else { &arguments[..1] };
    let help = succeeds(folder, &[verb, &["--help"]].concat());
    for flag in arguments.iter().filter(|word| word.starts_with("--")) {
        assert!(help.contains(flag), "{line}: {flag}");
    }
}
