//! Layers point one way: crates, modules and files use only those below them, and the lower crates stay free of heavy
//! company.

mod imports;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use imports::{Crate, circle};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &Path) -> toml::Table {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.parse().unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The names under `[dependencies]` of a crate's manifest: `all`, or those that are there without a feature.
fn dependencies(folder: &str, all: bool) -> BTreeSet<String> {
    let manifest = read(&root().join("crates").join(folder).join("Cargo.toml"));
    let listed = manifest["dependencies"].as_table().expect("a table");
    // What a feature brings in is a matter of whoever asks for the feature.
    let optional = |value: &toml::Value| value.get("optional").and_then(toml::Value::as_bool) == Some(true);
    listed.iter().filter(|(_, value)| all || !optional(value)).map(|(name, _)| name.clone()).collect()
}

/// Folders and names of the libraries; each may use those before it.
const CRATES: [(&str, &str); 10] = [
    ("embedded", "spiketext-embedded"),
    ("kernels", "spiketext-kernels"),
    ("spiketext", "spiketext"),
    ("fetch", "spiketext-fetch"),
    ("nir", "spiketext-nir"),
    ("attack", "spiketext-attack"),
    ("train", "spiketext-train"),
    ("study", "spiketext-study"),
    ("report", "spiketext-report"),
    ("serve", "spiketext-serve"),
];

#[test]
fn crates_use_only_crates_below_them() {
    for (level, (folder, _)) in CRATES.iter().chain([&("cli", "spiketext-cli")]).enumerate() {
        let below: BTreeSet<&str> = CRATES[..level].iter().map(|(_, name)| *name).collect();
        for name in dependencies(folder, true).iter().filter(|name| name.starts_with("spiketext")) {
            assert!(below.contains(name.as_str()), "crates/{folder} depends on {name}");
        }
    }
}

/// Everything that ends up in a program that uses `folder`'s crate.
fn closure(folder: &str) -> BTreeSet<String> {
    let lock = read(&root().join("Cargo.lock"));
    let mut uses: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for package in lock["package"].as_array().expect("packages") {
        let name = package["name"].as_str().expect("a name").to_owned();
        let listed = package.get("dependencies").and_then(toml::Value::as_array).into_iter().flatten();
        // "name", or "name version" where there are several.
        let names = listed.filter_map(|value| value.as_str()?.split(' ').next()).map(str::to_owned);
        uses.entry(name).or_default().extend(names);
    }
    // The lock file does not tell development dependencies from others; for our own crates the manifest does.
    for (folder, name) in CRATES {
        uses.insert(name.to_owned(), dependencies(folder, false));
    }
    let mut found = BTreeSet::new();
    let mut open: Vec<String> = dependencies(folder, false).into_iter().collect();
    while let Some(name) = open.pop() {
        if found.insert(name.clone()) {
            open.extend(uses.get(&name).unwrap_or_else(|| panic!("{name} is not locked")).iter().cloned());
        }
    }
    found
}

#[test]
fn inference_needs_no_training_framework_and_no_front_door() {
    for folder in ["kernels", "spiketext", "fetch", "nir", "study", "report"] {
        let all = closure(folder);
        assert_eq!(
            all.contains("ureq"),
            folder == "fetch",
            "only crates/fetch asks the network, not crates/{folder}"
        );
        for heavy in ["burn-autodiff", "burn-flex", "burn-tensor", "clap", "axum", "tokio", "indicatif", "pyo3"] {
            assert!(!all.contains(heavy), "crates/{folder} brings in {heavy}");
        }
        assert!(all.len() > 3, "{all:?}");
    }
    assert!(closure("train").contains("burn-flex"), "the walk finds what is there");
}

/// Modules of crates/spiketext in the order of a text's way; each may use those before it.
const MODULES: [&str; 18] = [
    "error", "files", "seed", "slices", "target", "metrics", "unpack", "text", "vectors", "encode", "network",
    "loss", "engine", "energy", "dnn", "model", "score", "explain",
];

#[test]
fn modules_of_the_library_use_only_modules_before_them() {
    let uses = Crate::read(&root().join("crates/spiketext/src/lib.rs")).uses();
    for ((user, used), place) in &uses[""] {
        // `data` reads labelled texts beside the chain: it may use what is for all, and nothing of the chain uses it.
        let allowed: &[&str] = match MODULES.iter().position(|name| name == user) {
            Some(level) => &MODULES[..=level],
            None if user == "data" => &["error", "files", "seed", "slices", "target", "unpack", "text"],
            // More texts are made of such texts, with tokens and vectors.
            None if user == "augment" => &["error", "seed", "text", "vectors", "data"],
            None => panic!("{user} has no place in the order"),
        };
        assert!(allowed.contains(&used.as_str()), "crates/spiketext: {place}");
    }
    let users: BTreeSet<&str> = uses[""].keys().map(|(user, _)| user.as_str()).collect();
    assert!(users.contains("data") && users.len() > 10, "{users:?}");
}

#[test]
fn no_file_uses_one_that_uses_it() {
    let mut circles = Vec::new();
    let libraries = CRATES.map(|(folder, _)| format!("crates/{folder}/src/lib.rs"));
    for file in libraries.iter().map(String::as_str).chain(["crates/cli/src/main.rs", "benches/peers/src/main.rs"]) {
        let uses = Crate::read(&root().join(file)).uses();
        assert!(!uses.is_empty(), "{file}");
        let found = uses.iter().filter_map(|(folder, uses)| Some((folder, circle(uses)?)));
        circles.extend(found.map(|(folder, places)| format!("{file} {folder}: {}", places.join(", "))));
    }
    assert!(circles.is_empty(), "{circles:#?}");
}
