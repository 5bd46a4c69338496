//! Layers point one way: crates and modules use only those below them, and the lower crates stay free of heavy company.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

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

#[test]
fn crates_use_only_crates_below_them() {
    let order = [
        ("kernels", "spiketext-kernels"),
        ("spiketext", "spiketext"),
        ("fetch", "spiketext-fetch"),
        ("attack", "spiketext-attack"),
        ("train", "spiketext-train"),
        ("study", "spiketext-study"),
        ("report", "spiketext-report"),
    ];
    for (level, (folder, _)) in order.iter().chain([&("cli", "spiketext-cli")]).enumerate() {
        let below: BTreeSet<&str> = order[..level].iter().map(|(_, name)| *name).collect();
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
    for (folder, name) in [
        ("kernels", "spiketext-kernels"),
        ("spiketext", "spiketext"),
        ("fetch", "spiketext-fetch"),
        ("attack", "spiketext-attack"),
        ("train", "spiketext-train"),
        ("study", "spiketext-study"),
        ("report", "spiketext-report"),
    ] {
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
    for folder in ["kernels", "spiketext", "fetch", "study", "report"] {
        let all = closure(folder);
        assert_eq!(
            all.contains("ureq"),
            folder == "fetch",
            "only crates/fetch asks the network, not crates/{folder}"
        );
        for heavy in ["burn", "burn-core", "burn-flex", "clap", "axum", "tokio", "indicatif", "pyo3"] {
            assert!(!all.contains(heavy), "crates/{folder} brings in {heavy}");
        }
        assert!(all.len() > 3, "{all:?}");
    }
    assert!(closure("train").contains("burn-flex"), "the walk finds what is there");
}

/// Modules of crates/spiketext in the order of a text's way; each may use those before it.
const MODULES: [&str; 13] = [
    "error", "files", "seed", "text", "vectors", "encode", "network", "loss", "engine", "energy", "dnn", "model",
    "score",
];

#[test]
fn modules_of_the_library_use_only_modules_before_them() {
    let source = root().join("crates/spiketext/src");
    let mut files = Vec::new();
    let mut open = vec![source.clone()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() { open.push(path) } else { files.push(path) }
        }
    }
    let mut seen = BTreeSet::new();
    for path in files {
        let inside = path.strip_prefix(&source).expect("inside");
        let module = inside.components().next().expect("a name").as_os_str().to_string_lossy();
        let module = module.trim_end_matches(".rs").to_owned();
        if module == "lib" {
            continue;
        }
        seen.insert(module.clone());
        // `data` reads labelled texts beside the chain: it may use what is for all, and nothing of the chain uses it.
        let allowed: &[&str] = match MODULES.iter().position(|name| *name == module) {
            Some(level) => &MODULES[..=level],
            None if module == "data" => &["error", "files", "seed", "text", "data"],
            None => panic!("{module} has no place in the order"),
        };
        for used in crate_paths(&fs::read_to_string(&path).expect("text")) {
            assert!(allowed.contains(&used.as_str()), "{} uses crate::{used}", inside.display());
        }
    }
    assert_eq!(seen.len(), MODULES.len() + 1, "{seen:?}");
}

/// First segments of every path that begins with `crate::`, grouped imports included; tests are left out, and so are
/// names that `lib.rs` brings up (they begin with a capital).
fn crate_paths(text: &str) -> BTreeSet<String> {
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    let mut found = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        let mut depth = 0;
        let mut word = String::new();
        let mut at_start = true;
        for c in rest.chars() {
            match c {
                '{' => {
                    depth += 1;
                    at_start = depth == 1;
                }
                '}' => depth -= 1,
                ',' if depth == 1 => at_start = true,
                c if c.is_alphanumeric() || c == '_' => {
                    if at_start {
                        word.push(c);
                    }
                    continue;
                }
                c if c.is_whitespace() => {}
                _ => at_start = false,
            }
            if !word.is_empty() {
                found.insert(std::mem::take(&mut word));
                at_start = at_start && depth > 0 && c == ',';
            }
            if depth == 0 {
                break;
            }
        }
    }
    found.retain(|word| word.starts_with(char::is_lowercase));
    found
}

#[test]
fn grouped_imports_are_taken_apart() {
    let text = "use crate::{\n    Error, Result,\n    encode::{Encoder, Noise},\n    network::Network,\n};\nuse crate::seed::x;\nfn f() { crate::text::g() }";
    let found: Vec<String> = crate_paths(text).into_iter().collect();
    assert_eq!(found, ["encode", "network", "seed", "text"]);
}
